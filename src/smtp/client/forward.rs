//! XFORWARD (Postfix, XFORWARD_README): who the client was, for the log of a next hop that asked to be told.
//!
//! In: what is known of the client, and the attributes that the next hop listed. Out: command lines, each of at most 512 octets. The
//! client chose some of it (its HELO): nothing of that can end a value, let alone a line.

use std::net::IpAddr;

/// The attributes of XFORWARD that a server knows, as it listed them behind the keyword.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ForwardAttributes {
    /// NAME
    pub name: bool,
    /// ADDR
    pub address: bool,
    /// PORT
    pub port: bool,
    /// PROTO
    pub protocol: bool,
    /// HELO
    pub hello: bool,
    /// SOURCE
    pub source: bool,
    /// IDENT
    pub ident: bool,
}

impl ForwardAttributes {
    /// Reads the words behind XFORWARD; unknown ones are passed over.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut attributes = Self::default();
        for word in words {
            match word.to_ascii_uppercase().as_str() {
                "NAME" => attributes.name = true,
                "ADDR" => attributes.address = true,
                "PORT" => attributes.port = true,
                "PROTO" => attributes.protocol = true,
                "HELO" => attributes.hello = true,
                "SOURCE" => attributes.source = true,
                "IDENT" => attributes.ident = true,
                _ => {}
            }
        }
        attributes
    }
}

/// What a next hop is told of the client of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedClient {
    /// Its name in the DNS, if somebody else found it: we never look it up.
    pub name: Option<String>,
    /// Its address.
    pub address: IpAddr,
    /// Its port; 0: not known.
    pub port: u16,
    /// What it said in HELO or EHLO.
    pub hello: String,
    /// The with-protocol, as in our `Received:`.
    pub protocol: &'static str,
    /// The id of our transaction.
    pub ident: String,
}

/// Octets of a command line with its CRLF (RFC 5321 §4.5.3.1.4): XFORWARD asks for no more.
const LINE: usize = 512;
/// Octets of a value as written (XFORWARD_README, note 1).
const VALUE: usize = 255;
const UNAVAILABLE: &str = "[UNAVAILABLE]";

impl ForwardedClient {
    /// The commands that say it, in the attributes that the next hop knows; none if it knows none.
    pub fn lines(&self, known: ForwardAttributes) -> Vec<String> {
        let mut lines = Lines::default();
        // Our id first and the address last. A Postfix without IPv6 refuses an IPv6 address, and with it what stands behind it in the
        // same command, but not what stands before (seen with 3.7).
        if known.ident {
            lines.add("IDENT", &value(&self.ident));
        }
        if known.source {
            // Whoever writes to us is not one of the next hop's own people: it must not complete addresses in the header for them.
            lines.add("SOURCE", "REMOTE");
        }
        if known.protocol {
            lines.add("PROTO", &value(self.protocol));
        }
        if known.hello {
            lines.add("HELO", &value(&self.hello));
        }
        if known.name {
            lines.add("NAME", &value(self.name.as_deref().unwrap_or(UNAVAILABLE)));
        }
        if known.port && self.port == 0 {
            lines.add("PORT", UNAVAILABLE);
        } else if known.port {
            lines.add("PORT", &self.port.to_string());
        }
        if known.address {
            lines.add("ADDR", &address(self.address));
        }
        lines.end()
    }
}

/// Command lines being written.
#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    /// On the last line, if it has room.
    fn add(&mut self, name: &str, value: &str) {
        let attribute = [" ", name, "=", value];
        let length: usize = attribute.iter().map(|part| part.len()).sum();
        match self.0.last_mut().filter(|line| line.len().saturating_add(length) <= LINE.saturating_sub(2)) {
            Some(line) => line.extend(attribute),
            None => {
                let mut line = String::with_capacity(LINE / 2);
                line.push_str("XFORWARD");
                line.extend(attribute);
                self.0.push(line);
            }
        }
    }

    fn end(mut self) -> Vec<String> {
        self.0.iter_mut().for_each(|line| line.push_str("\r\n"));
        self.0
    }
}

/// An address as XFORWARD wants it. One that is not known is 0.0.0.0 here too: `[UNAVAILABLE]` would say that the message was
/// written on this machine.
fn address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("IPV6:{v6}"),
    }
}

/// A value that the next hop will not refuse (XFORWARD_README, note 1: no control characters, no space, ASCII only, nothing special
/// in header fields) and cannot misread: the same octets as in our `Received:`, the rest becomes `?`; cut. None of them would be written
/// otherwise in xtext.
fn value(text: &str) -> String {
    let mut kept = String::with_capacity(text.len().min(VALUE));
    kept.extend(text.chars().take(VALUE).map(|char| match char {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' | ':' | '[' | ']' => char,
        _ => '?',
    }));
    if kept.is_empty() { UNAVAILABLE.to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::announcement::UNKNOWN_ADDRESS;

    const ALL: &str = "NAME ADDR PORT PROTO HELO IDENT SOURCE";

    fn client(hello: &str) -> ForwardedClient {
        ForwardedClient {
            name: None,
            address: "192.0.2.1".parse().unwrap(),
            port: 40_000,
            hello: hello.to_owned(),
            protocol: "ESMTPS",
            ident: "0190a5c1e7b07a7a8a8a8a8a8a8a8a8f".to_owned(),
        }
    }

    fn lines(client: &ForwardedClient, known: &str) -> Vec<String> {
        client.lines(ForwardAttributes::parse(known.split(' ')))
    }

    #[test]
    fn the_attributes_that_are_known_and_no_others() {
        let mail = client("mail.example.org");
        for (known, expected) in [
            ("", vec![]),
            ("FOO", vec![]),
            ("addr Helo", vec!["XFORWARD HELO=mail.example.org ADDR=192.0.2.1\r\n"]),
            (
                ALL,
                vec![
                    "XFORWARD IDENT=0190a5c1e7b07a7a8a8a8a8a8a8a8a8f SOURCE=REMOTE PROTO=ESMTPS HELO=mail.example.org \
                     NAME=[UNAVAILABLE] PORT=40000 ADDR=192.0.2.1\r\n",
                ],
            ),
        ] {
            assert_eq!(lines(&mail, known), expected, "{known}");
        }
        let v6 = ForwardedClient {
            name: Some("mail.example.org".to_owned()),
            address: "2001:db8::1".parse().unwrap(),
            port: 0,
            ..mail
        };
        assert_eq!(
            lines(&v6, "NAME ADDR PORT"),
            ["XFORWARD NAME=mail.example.org PORT=[UNAVAILABLE] ADDR=IPV6:2001:db8::1\r\n"]
        );
        let unknown = ForwardedClient { address: UNKNOWN_ADDRESS, ..v6 };
        assert_eq!(lines(&unknown, "ADDR"), ["XFORWARD ADDR=0.0.0.0\r\n"], "not written on this machine");
    }

    #[test]
    fn no_line_is_longer_than_512_octets_and_nothing_is_lost() {
        for length in 0..=255 {
            let long = ForwardedClient { name: Some("n".repeat(255)), ..client(&"h".repeat(length)) };
            let lines = lines(&long, ALL);
            assert!(lines.iter().all(|line| line.len() <= 512 && line.starts_with("XFORWARD ")), "{lines:?}");
            assert_eq!(lines.concat().matches('=').count(), 7, "{lines:?}");
        }
    }

    #[test]
    fn a_hostile_hello_stays_one_value() {
        for (hello, expected) in [
            ("a\r\nMAIL FROM:<x>", "a??MAIL?FROM:?x?"),
            ("a ADDR=127.0.0.1", "a?ADDR?127.0.0.1"),
            ("a+0D+0AQUIT", "a?0D?0AQUIT"),
            ("câmara", "c?mara"),
            ("", "[UNAVAILABLE]"),
        ] {
            assert_eq!(lines(&client(hello), "HELO"), [format!("XFORWARD HELO={expected}\r\n")]);
        }
    }
}
