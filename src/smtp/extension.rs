//! EHLO keywords: those that a next hop said, and those that we offer (RFC 5321 §2.2, §4.1.1.1; decisions 13 and 28).

use std::borrow::Cow;

use super::{
    announcement, auth,
    client::ForwardAttributes,
    limits::Limits,
    stated_limits::{self, StatedLimits},
};

/// What a next hop said to EHLO, as far as we use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// PIPELINING (RFC 2920)
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152)
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531)
    pub smtputf8: bool,
    /// DSN (RFC 3461)
    pub dsn: bool,
    /// STARTTLS (RFC 3207)
    pub starttls: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034)
    pub enhanced_status_codes: bool,
    /// SIZE (RFC 1870): offered, and its limit (0 or absent: none stated)
    pub size: Option<u64>,
    /// LIMITS (RFC 9422)
    pub limits: StatedLimits,
    /// XFORWARD (Postfix): the attributes that it wants to hear.
    pub forward: ForwardAttributes,
}

impl Capabilities {
    /// Reads the lines of a 250 reply to EHLO (the first is the greeting). Unknown keywords are passed over.
    pub fn from_ehlo_lines(lines: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut capabilities = Self::default();
        for line in lines.into_iter().skip(1) {
            let mut words = line.as_ref().split_ascii_whitespace();
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "PIPELINING" => capabilities.pipelining = true,
                "8BITMIME" => capabilities.eight_bit_mime = true,
                "SMTPUTF8" => capabilities.smtputf8 = true,
                "DSN" => capabilities.dsn = true,
                "STARTTLS" => capabilities.starttls = true,
                "ENHANCEDSTATUSCODES" => capabilities.enhanced_status_codes = true,
                "SIZE" => capabilities.size = Some(words.next().and_then(|limit| limit.parse().ok()).unwrap_or(0)),
                "LIMITS" => capabilities.limits = StatedLimits::parse(words),
                "XFORWARD" => capabilities.forward = ForwardAttributes::parse(words),
                _ => {}
            }
        }
        capabilities
    }

    /// What every one of several next hops can do; `size` and `limits` are the smallest that any of them stated. XFORWARD is left out:
    /// each connection says for itself what it wants to hear. `None` for none.
    pub fn common(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(|one, other| Self {
            pipelining: one.pipelining && other.pipelining,
            eight_bit_mime: one.eight_bit_mime && other.eight_bit_mime,
            smtputf8: one.smtputf8 && other.smtputf8,
            dsn: one.dsn && other.dsn,
            starttls: one.starttls && other.starttls,
            enhanced_status_codes: one.enhanced_status_codes && other.enhanced_status_codes,
            size: smaller_limit(one.size, other.size),
            limits: one.limits.common(other.limits),
            forward: ForwardAttributes::default(),
        })
    }
}

/// The smaller of two limits, where `None` and 0 state none. A stated limit counts even if the other one does not know SIZE.
fn smaller_limit(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one @ 1..), Some(other @ 1..)) => Some(one.min(other)),
        (Some(limit @ 1..), _) | (_, Some(limit @ 1..)) => Some(limit),
        (Some(_), Some(_)) => Some(0),
        _ => None,
    }
}

/// Octets kept free below a next hop's limit for the trace fields that we prepend (decision 13).
pub const TRACE_FIELDS: u64 = 4 * 1024;

/// What one listener offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// End to end: only if every next hop was last seen to have it.
    pub eight_bit_mime: bool,
    /// End to end.
    pub smtputf8: bool,
    /// End to end.
    pub dsn: bool,
    /// Hop by hop: whether this listener has a certificate and the session is not under TLS yet.
    pub starttls: bool,
    /// The limit announced, octets.
    pub size: u64,
    /// Recipients of a transaction that every next hop takes, where one of them states a limit (LIMITS).
    pub recipients: Option<u32>,
    /// Hop by hop: this client is one who may say for whom it speaks. The door's to set, since it knows who connected.
    pub xclient: bool,
    /// Hop by hop: clients may log in here (RFC 4954). The session offers it under TLS only.
    pub auth: bool,
}

impl Offer {
    /// Decision 13. `seen` is what all next hops reachable from the listener have in common, `None` when one was never seen.
    pub fn new(seen: Option<&Capabilities>, message_size: u64, starttls: bool) -> Self {
        let never_seen = Capabilities { eight_bit_mime: true, ..Capabilities::default() };
        let seen = seen.unwrap_or(&never_seen);
        let size = match seen.size {
            // Never 0, which would say "no limit" (RFC 1870 §4).
            Some(limit @ 1..) => message_size.min(limit.saturating_sub(TRACE_FIELDS).max(1)),
            _ => message_size,
        };
        Self {
            eight_bit_mime: seen.eight_bit_mime,
            // RFC 6531 §3.1: never without 8BITMIME. Postfix 3.7 takes it for granted then, says BODY=8BITMIME, and bounces on our 555.
            smtputf8: seen.smtputf8 && seen.eight_bit_mime,
            dsn: seen.dsn,
            starttls,
            size,
            recipients: seen.limits.recipients,
            xclient: false,
            auth: false,
        }
    }

    /// The lines of our reply to EHLO; the first is our name. `limits`: what the session holds the client to.
    pub fn ehlo_lines<'a>(&self, hostname: &'a str, limits: &Limits) -> impl Iterator<Item = Cow<'a, str>> {
        let recipients = self.recipients.map_or(usize::MAX, |stated| stated as usize).min(limits.recipients);
        let always = [
            hostname.into(),
            "PIPELINING".into(),
            format!("SIZE {}", self.size).into(),
            stated_limits::line(recipients, limits.transactions).into(),
        ];
        let keywords = [
            ("8BITMIME", self.eight_bit_mime),
            ("STARTTLS", self.starttls),
            (announcement::OFFERED, self.xclient),
            (auth::OFFERED, self.auth),
            ("ENHANCEDSTATUSCODES", true),
            ("CHUNKING", true),
            ("DSN", self.dsn),
            ("SMTPUTF8", self.smtputf8),
        ];
        let offered = keywords.into_iter().filter(|(_, offered)| *offered).map(|(keyword, _)| keyword.into());
        always.into_iter().chain(offered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(lines: &[&str]) -> Capabilities {
        let lines: Vec<String> =
            std::iter::once("mx.example greets you").chain(lines.iter().copied()).map(String::from).collect();
        Capabilities::from_ehlo_lines(&lines)
    }

    #[test]
    fn keywords_are_read_in_any_case_and_unknown_ones_passed_over() {
        let all = seen(&[
            "pipelining",
            "8BitMIME",
            "SMTPUTF8",
            "DSN",
            "STARTTLS",
            "ENHANCEDSTATUSCODES",
            "SIZE 1000",
            "Limits RCPTMAX=20",
            "xforward ADDR",
            "X-FOO a b",
        ]);
        let expected = Capabilities {
            pipelining: true,
            eight_bit_mime: true,
            smtputf8: true,
            dsn: true,
            starttls: true,
            enhanced_status_codes: true,
            size: Some(1000),
            limits: StatedLimits { recipients: Some(20), ..StatedLimits::default() },
            forward: ForwardAttributes { address: true, ..ForwardAttributes::default() },
        };
        assert_eq!(all, expected);
        // The first line is the greeting, whatever it says; a keyword is a whole word.
        assert_eq!(
            Capabilities::from_ehlo_lines(&["DSN".to_owned(), "DSNX".to_owned(), String::new()]),
            Capabilities::default()
        );
        assert_eq!(Capabilities::from_ehlo_lines([""; 0]), Capabilities::default());
    }

    #[test]
    fn size_without_a_limit_that_we_can_read_states_none() {
        for (line, size) in
            [("SIZE", Some(0)), ("SIZE 0", Some(0)), ("SIZE 99999999999999999999999", Some(0)), ("SIZE x", Some(0))]
        {
            assert_eq!(seen(&[line]).size, size, "{line}");
        }
        assert_eq!(seen(&["HELP"]).size, None);
    }

    #[test]
    fn common_is_what_every_one_has() {
        assert_eq!(Capabilities::common([]), None);
        let one = seen(&["8BITMIME", "DSN", "SIZE 900"]);
        assert_eq!(Capabilities::common([one.clone()]), Some(one.clone()));
        let common =
            Capabilities::common([one, seen(&["8BITMIME", "SMTPUTF8", "SIZE 500"]), seen(&["8BITMIME", "SIZE 0"])]);
        assert_eq!(common, Some(seen(&["8BITMIME", "SIZE 500"])));
        for (sizes, common) in [
            ([None, None], None),
            ([Some(0), None], None),
            ([Some(0), Some(0)], Some(0)),
            ([Some(7), None], Some(7)),
            ([Some(0), Some(7)], Some(7)),
        ] {
            let all = sizes.map(|size| Capabilities { size, ..Capabilities::default() });
            assert_eq!(Capabilities::common(all).unwrap().size, common, "{sizes:?}");
        }
    }

    /// Decision 13.
    #[test]
    fn end_to_end_extensions_are_offered_only_if_seen() {
        let offer = Offer::new(Some(&seen(&["DSN", "STARTTLS", "PIPELINING"])), 1000, false);
        assert_eq!(offer, Offer { dsn: true, size: 1000, ..Offer::default() });
        let without_8bit = Offer::new(Some(&seen(&["SMTPUTF8"])), 1000, false);
        assert!(!without_8bit.smtputf8, "RFC 6531 §3.1");
        let never = Offer::new(None, 1000, true);
        assert_eq!(never, Offer { eight_bit_mime: true, starttls: true, size: 1000, ..Offer::default() });
    }

    #[test]
    fn size_leaves_room_for_our_trace_fields() {
        for (limit, message_size, size) in [
            (Some(0), 50_000, 50_000),
            (Some(40_000), 50_000, 35_904),
            (Some(60_000), 50_000, 50_000),
            (Some(100), 50_000, 1),
        ] {
            let seen = Capabilities { size: limit, ..Capabilities::default() };
            assert_eq!(Offer::new(Some(&seen), message_size, false).size, size, "{limit:?}");
        }
    }
    /// What is said is what is held to: the smallest number of recipients that anybody behind us takes.
    #[test]
    fn limits_are_offered_as_they_are_held() {
        let limits = Limits { message_size: 1000, recipients: 100, errors: 20, transactions: 7 };
        for (stated, line) in [
            ("", "LIMITS MAILMAX=7 RCPTMAX=100"),
            ("LIMITS RCPTMAX=20", "LIMITS MAILMAX=7 RCPTMAX=20"),
            ("LIMITS RCPTMAX=200 MAILMAX=1", "LIMITS MAILMAX=7 RCPTMAX=100"),
        ] {
            let offer = Offer::new(Some(&seen(&[stated])), 1000, false);
            let lines: Vec<_> = offer.ehlo_lines("mx.example", &limits).collect();
            assert!(lines.iter().any(|offered| offered == line), "{lines:?}");
            assert!(!lines.iter().any(|line| line.starts_with("XCLIENT")), "only to whom the door says so");
        }
    }

    /// What an earlier version wrote of a next hop is read: a restart for an upgrade must not offer less.
    #[test]
    fn what_was_written_before_there_were_limits_is_read() {
        let old = r#"{"pipelining":true,"eight_bit_mime":true,"smtputf8":true,"dsn":false,"starttls":false,
            "enhanced_status_codes":true,"size":5}"#;
        let read: Capabilities = serde_json::from_str(old).unwrap();
        assert!(read.smtputf8 && read.limits == StatedLimits::default());
    }
}
