//! The trace field that we prepend (RFC 5321 §4.4, RFC 3848).
//!
//! In: facts, among them what the client said in HELO. Out: one field that no client can break out of. Time comes in as a
//! value; which time zone is local is not known here.

use std::{fmt::Write as _, net::IpAddr, time::SystemTime};

use jiff::{
    Timestamp, Zoned,
    fmt::rfc2822,
    tz::{Offset, TimeZone},
};

/// What our `Received:` says.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    /// What the client said in HELO or EHLO; it is escaped here.
    pub hello: &'a str,
    /// The address of the client.
    pub client: IpAddr,
    /// Our name.
    pub hostname: &'a str,
    /// SMTP, ESMTP, ESMTPS, with UTF8 in front under SMTPUTF8 (RFC 3848, RFC 6531 §4.3).
    pub with: WithProtocol,
    /// The id of the transaction.
    pub id: &'a str,
    /// When the mail data began.
    pub at: SystemTime,
    /// Offset of the local time zone from UTC, seconds east.
    pub utc_offset: i32,
}

/// The parts of the with-protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithProtocol {
    /// EHLO was said.
    pub extended: bool,
    /// Under TLS.
    pub tls: bool,
    /// The client has logged in.
    pub auth: bool,
    /// SMTPUTF8 was asked for.
    pub utf8: bool,
}

impl WithProtocol {
    /// The registered keyword. There is none for HELO under TLS, so that is SMTP.
    pub fn as_str(self) -> &'static str {
        match (self.utf8, self.extended, self.tls, self.auth) {
            (true, _, false, false) => "UTF8SMTP",
            (true, _, false, true) => "UTF8SMTPA",
            (true, _, true, false) => "UTF8SMTPS",
            (true, _, true, true) => "UTF8SMTPSA",
            (false, true, false, false) => "ESMTP",
            (false, true, false, true) => "ESMTPA",
            (false, true, true, false) => "ESMTPS",
            (false, true, true, true) => "ESMTPSA",
            (false, false, _, _) => "SMTP",
        }
    }
}

/// Octets of a folded line without its CRLF (RFC 5322 §2.1.1).
const LINE: usize = 78;

impl Received<'_> {
    /// The whole field, folded at 78 octets, CRLF at the end. Recipients are not named in it (`for` would reveal blind copies).
    pub fn field(&self) -> String {
        let mut field = Folded { field: String::with_capacity(256), column: 0 };
        field.field.push_str("Received:");
        field.column = field.field.len();
        field.add(|to| to.push_str("from"));
        field.add(|to| put_word(to, self.hello));
        field.add(|to| put_address(to, self.client));
        field.add(|to| to.push_str("by"));
        field.add(|to| put_word(to, self.hostname));
        field.add(|to| to.push_str("with"));
        field.add(|to| to.push_str(self.with.as_str()));
        field.add(|to| to.push_str("id"));
        field.add(|to| {
            put_word(to, self.id);
            to.push(';');
        });
        field.add(|to| to.push_str(&date(self.at, self.utc_offset)));
        field.field.push_str("\r\n");
        field.field
    }
}

/// A field being written.
struct Folded {
    field: String,
    /// Octets of its last line.
    column: usize,
}

impl Folded {
    /// Adds a word, on a line of its own if the last one has no room. Where it goes shows when it is written: a word has no octets of its own.
    fn add(&mut self, put: impl FnOnce(&mut String)) {
        let before = self.field.len();
        self.field.push(' ');
        put(&mut self.field);
        let added = self.field.len().saturating_sub(before);
        let fits = self.column.saturating_add(added) <= LINE;
        if fits {
            self.column = self.column.saturating_add(added);
        } else {
            self.field.replace_range(before..=before, "\r\n\t");
            self.column = added;
        }
    }
}

/// `text` as one word of the field: only letters, digits and `.-_:[]` stay, the rest becomes `?`. A space would add words to the
/// field, a bracket would open a comment, a CRLF another field. Cut so that it fits on a line; the record has it whole.
fn put_word(to: &mut String, text: &str) {
    let before = to.len();
    to.extend(text.chars().take(LINE - 2).map(|char| match char {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' | ':' | '[' | ']' => char,
        _ => '?',
    }));
    if to.len() == before {
        to.push('?');
    }
}

/// An address literal (RFC 5321 §4.1.3) as a comment. A v4 address that came through a v6 socket is a v4 address.
fn put_address(to: &mut String, client: IpAddr) {
    // Writing to a String cannot fail.
    let _ = match client.to_canonical() {
        IpAddr::V4(v4) => write!(to, "([{v4}])"),
        IpAddr::V6(v6) => write!(to, "([IPv6:{v6}])"),
    };
}

/// The date-time of RFC 5322 §3.3 in a fixed offset. An offset that is none is UTC, a time that no calendar has is 1970: the
/// field is never missing and never wrong about an instant that exists.
fn date(at: SystemTime, utc_offset: i32) -> String {
    // `+0330` has no seconds; offsets with seconds are those of before 1972.
    let minutes = utc_offset / 60;
    let offset = Offset::from_seconds(minutes.saturating_mul(60)).unwrap_or(Offset::UTC);
    let zoned = |timestamp: Timestamp| timestamp.to_zoned(TimeZone::fixed(offset));
    let text = |zoned: &Zoned| rfc2822::to_string(zoned);
    let said = Timestamp::try_from(at).and_then(|timestamp| text(&zoned(timestamp)));
    said.unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn received(hello: &str) -> Received<'_> {
        Received {
            hello,
            client: IpAddr::from([192, 0, 2, 1]),
            hostname: "mx.tjpa.jus.br",
            with: WithProtocol { extended: true, tls: true, ..WithProtocol::default() },
            id: "0190a5c1e7b07a7a8a8a8a8a8a8a8a8f",
            at: UNIX_EPOCH + Duration::from_secs(1_785_585_600),
            utc_offset: -3 * 3600,
        }
    }

    #[test]
    fn the_whole_field() {
        assert_eq!(
            received("mail.example.org").field(),
            "Received: from mail.example.org ([192.0.2.1]) by mx.tjpa.jus.br with ESMTPS id\r\n\
             \t0190a5c1e7b07a7a8a8a8a8a8a8a8a8f; Sat, 1 Aug 2026 09:00:00 -0300\r\n"
        );
        let v6 = Received { client: "2001:db8::1".parse().unwrap(), ..received("[IPv6:2001:db8::1]") };
        assert!(v6.field().starts_with("Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1]) by"));
        let mapped = Received { client: "::ffff:192.0.2.1".parse().unwrap(), ..received("a") };
        assert!(mapped.field().contains("([192.0.2.1])"));
    }

    #[test]
    fn nothing_that_a_client_says_breaks_the_field() {
        let long = "a".repeat(255);
        let rows = [
            ("a (b) by evil with ESMTP; date", "a??b??by?evil?with?ESMTP??date"),
            ("a\r\nSubject: x", "a??Subject:?x"),
            ("a\"\\<>", "a????"),
            ("câmara.leg.br", "c?mara.leg.br"),
            ("my_host", "my_host"),
            ("", "?"),
            (&long, &long[..76]),
        ];
        for (hello, expected) in rows {
            let field = received(hello).field();
            let unfolded = field.replace("\r\n\t", " ");
            assert!(unfolded.starts_with(&format!("Received: from {expected} ([192.0.2.1]) by ")), "{field}");
            assert!(field.is_ascii());
            let lines: Vec<&str> = field.strip_suffix("\r\n").unwrap().split("\r\n").collect();
            assert!(lines.iter().all(|line| line.len() <= 78), "{field}");
            assert!(lines.iter().skip(1).all(|line| line.starts_with('\t')), "{field}");
        }
    }

    #[test]
    fn with_protocols() {
        let with = |extended, tls, utf8| WithProtocol { extended, tls, utf8, auth: false }.as_str();
        let logged_in = |tls, utf8| WithProtocol { extended: true, tls, utf8, auth: true }.as_str();
        assert_eq!(
            [logged_in(false, false), logged_in(true, false), logged_in(false, true), logged_in(true, true)],
            ["ESMTPA", "ESMTPSA", "UTF8SMTPA", "UTF8SMTPSA"]
        );
        assert_eq!(with(false, false, false), "SMTP");
        assert_eq!(with(false, true, false), "SMTP");
        assert_eq!(with(true, false, false), "ESMTP");
        assert_eq!(with(true, true, false), "ESMTPS");
        assert_eq!(with(true, false, true), "UTF8SMTP");
        assert_eq!(with(true, true, true), "UTF8SMTPS");
    }

    #[test]
    fn dates_in_every_offset() {
        let leap_day = UNIX_EPOCH + Duration::from_secs(1_709_164_800); // 2024-02-29T00:00:00Z
        let rows = [
            (leap_day, 0, "Thu, 29 Feb 2024 00:00:00 +0000"),
            // West of UTC it is still the day before; half hours and a single minute keep their sign.
            (leap_day, -3 * 3600, "Wed, 28 Feb 2024 21:00:00 -0300"),
            (leap_day, -(3 * 3600 + 1800), "Wed, 28 Feb 2024 20:30:00 -0330"),
            (leap_day, -1800, "Wed, 28 Feb 2024 23:30:00 -0030"),
            (leap_day, -60, "Wed, 28 Feb 2024 23:59:00 -0001"),
            (leap_day, 5 * 3600 + 2700, "Thu, 29 Feb 2024 05:45:00 +0545"),
            (leap_day, 14 * 3600, "Thu, 29 Feb 2024 14:00:00 +1400"),
            // Seconds cannot be written, and the time is that of the offset that is written.
            (leap_day, -(3 * 3600 + 14 * 60 + 26), "Wed, 28 Feb 2024 20:46:00 -0314"),
            // What is no offset, or no time, does not lose the field.
            (leap_day, i32::MAX, "Thu, 29 Feb 2024 00:00:00 +0000"),
            (leap_day, i32::MIN, "Thu, 29 Feb 2024 00:00:00 +0000"),
            (UNIX_EPOCH - Duration::from_secs(1), 0, "Wed, 31 Dec 1969 23:59:59 +0000"),
            (UNIX_EPOCH + Duration::from_secs(1 << 62), -3600, "Thu, 1 Jan 1970 00:00:00 +0000"),
        ];
        for (at, offset, expected) in rows {
            assert_eq!(date(at, offset), expected, "{offset}");
        }
    }
}
