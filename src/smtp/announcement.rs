//! The arguments of XCLIENT (Postfix, XCLIENT_README): somebody whom we trust says for whom it speaks.
//!
//! In: the argument of the command. Out: what is announced, or what is wrong with it. Who may say so, and what follows from it, is
//! not known here.
//!
//! NAME, ADDR, PORT, PROTO and HELO are offered, since they are used. LOGIN, DESTADDR and DESTPORT are not: nobody logs in here and
//! nothing depends on the address that was connected to. nginx sends LOGIN without looking at the offer, so all three are
//! read and not used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    parameter::{self, ParameterFault},
    xtext,
};

/// What our EHLO says behind XCLIENT.
pub const OFFERED: &str = "XCLIENT NAME ADDR PORT PROTO HELO";

/// Stands for an address that nobody knows. It is in no network but that of everybody: never the address of whoever announced it,
/// whose network may have privileges.
pub const UNKNOWN_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Octets of a decoded value.
const VALUE: usize = 255;

/// What one XCLIENT says. The outer `None`: nothing about it; an inner one: that it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    /// ADDR; [`UNKNOWN_ADDRESS`] for `[UNAVAILABLE]`. Canonical: no v4 address in v6.
    pub address: Option<IpAddr>,
    /// PORT; 0 for `[UNAVAILABLE]`.
    pub port: Option<u16>,
    /// NAME: the client's name in the DNS, as whoever announces it found it.
    pub name: Option<Option<String>>,
    /// HELO: what the client said there. At most 255 octets, no control characters.
    pub hello: Option<Option<String>>,
    /// PROTO: whether the client said EHLO there.
    pub extended: Option<bool>,
}

impl Announcement {
    /// Reads `NAME=value` one or more times. A name that nobody ever defined is [`ParameterFault::Unknown`].
    pub fn parse(text: &str) -> Result<Self, ParameterFault> {
        let mut announced = Self::default();
        let mut names: Vec<String> = Vec::new();
        for (name, value) in parameter::split(&format!(" {text}"))? {
            let name = name.to_ascii_uppercase();
            if names.contains(&name) {
                return Err(ParameterFault::Duplicate);
            }
            let value = value.and_then(xtext::decode).ok_or(ParameterFault::Value)?;
            announced.take(&name, &value)?;
            names.push(name);
        }
        if names.is_empty() { Err(ParameterFault::Malformed) } else { Ok(announced) }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), ParameterFault> {
        let is_text = !value.is_empty() && value.len() <= VALUE && !value.chars().any(char::is_control);
        let value = Some(value).filter(|_| is_text).ok_or(ParameterFault::Value)?;
        let fault = ParameterFault::Value;
        match name {
            "ADDR" => self.address = Some(address(value).ok_or(fault)?),
            "PORT" => self.port = Some(port(value).ok_or(fault)?),
            "PROTO" => self.extended = Some(is_extended(value).ok_or(fault)?),
            "HELO" => self.hello = Some(known(value)),
            // A name in the DNS, and nothing that could be more than one word to whoever hears it from us.
            "NAME" if value.bytes().all(|octet| octet.is_ascii_graphic()) => self.name = Some(known(value)),
            "NAME" => return Err(fault),
            "LOGIN" | "DESTADDR" | "DESTPORT" => {}
            _ => return Err(ParameterFault::Unknown),
        }
        Ok(())
    }
}

/// Both words that say that there is no value, in any case.
fn known(value: &str) -> Option<String> {
    let unknown = value.eq_ignore_ascii_case("[UNAVAILABLE]") || value.eq_ignore_ascii_case("[TEMPUNAVAIL]");
    (!unknown).then(|| value.to_owned())
}

/// `192.0.2.1` or `IPV6:2001:db8::1`; an IPv6 address without its mark is refused, as Postfix does.
fn address(value: &str) -> Option<IpAddr> {
    let Some(value) = known(value) else { return Some(UNKNOWN_ADDRESS) };
    match value.split_at_checked(5) {
        Some((mark, rest)) if mark.eq_ignore_ascii_case("IPV6:") => {
            rest.parse::<Ipv6Addr>().ok().map(|v6| IpAddr::V6(v6).to_canonical())
        }
        _ => value.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

fn port(value: &str) -> Option<u16> {
    let Some(value) = known(value) else { return Some(0) };
    // `parse` would take a sign.
    value.bytes().all(|octet| octet.is_ascii_digit()).then(|| value.parse().ok())?
}

fn is_extended(value: &str) -> Option<bool> {
    match value.to_ascii_uppercase().as_str() {
        "SMTP" => Some(false),
        "ESMTP" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addressed(address: &str) -> Result<Announcement, ParameterFault> {
        Ok(Announcement { address: Some(address.parse().unwrap()), ..Announcement::default() })
    }

    #[test]
    fn attributes() {
        use ParameterFault::*;
        let none = Announcement::default;
        let long = "x".repeat(256);
        let rows = [
            // Everything, in any case, xtext undone.
            (
                "NAME=mail.example.org addr=198.51.100.7 PORT=4711 Proto=ESMTP HELO=ma+2Bil",
                Ok(Announcement {
                    address: Some("198.51.100.7".parse().unwrap()),
                    port: Some(4711),
                    name: Some(Some("mail.example.org".to_owned())),
                    hello: Some(Some("ma+il".to_owned())),
                    extended: Some(true),
                }),
            ),
            // Addresses.
            ("ADDR=IPV6:2001:db8::1", addressed("2001:db8::1")),
            ("ADDR=ipv6:2001:db8::1", addressed("2001:db8::1")),
            ("ADDR=IPV6:::ffff:192.0.2.1", addressed("192.0.2.1")),
            ("ADDR=[unavailable]", addressed("0.0.0.0")),
            ("ADDR=2001:db8::1", Err(Value)),
            ("ADDR=IPV6:192.0.2.1", Err(Value)),
            ("ADDR=IPV6:fe80::1%eth0", Err(Value)),
            ("ADDR=[192.0.2.1]", Err(Value)),
            ("ADDR=192.0.2.256", Err(Value)),
            ("ADDR=192.0.2.010", Err(Value)),
            ("ADDR=mail.example.org", Err(Value)),
            // Ports.
            ("PORT=0", Ok(Announcement { port: Some(0), ..none() })),
            ("PORT=65535", Ok(Announcement { port: Some(65535), ..none() })),
            ("PORT=[UNAVAILABLE]", Ok(Announcement { port: Some(0), ..none() })),
            ("PORT=65536", Err(Value)),
            ("PORT=+2B25", Err(Value)),
            ("PORT=", Err(Malformed)),
            // Names; both ways to say that there is none.
            ("NAME=[UNAVAILABLE]", Ok(Announcement { name: Some(None), ..none() })),
            ("NAME=[TempUnavail]", Ok(Announcement { name: Some(None), ..none() })),
            ("HELO=[UNAVAILABLE]", Ok(Announcement { hello: Some(None), ..none() })),
            ("HELO=two+20words", Ok(Announcement { hello: Some(Some("two words".to_owned())), ..none() })),
            ("NAME=two+20words", Err(Value)),
            ("NAME=+C3+A7", Err(Value)),
            ("HELO=a+0D+0AMAIL", Err(Value)),
            ("HELO=+C2+85", Err(Value)),
            (&format!("HELO={}", &long[1..]), Ok(Announcement { hello: Some(Some(long[1..].to_owned())), ..none() })),
            (&format!("HELO={long}"), Err(Value)),
            ("PROTO=smtp", Ok(Announcement { extended: Some(false), ..none() })),
            ("PROTO=ESMTPS", Err(Value)),
            // Not offered, not used.
            ("LOGIN=postmaster DESTADDR=192.0.2.9 DESTPORT=25", Ok(none())),
            // What is none.
            ("", Err(Malformed)),
            ("ADDR", Err(Value)),
            ("ADDR=a=b", Err(Malformed)),
            ("HELO=a+2b", Err(Value)),
            ("PORT=1 port=1", Err(Duplicate)),
            ("LOGIN=a LOGIN=b", Err(Duplicate)),
            ("SESSION=1", Err(Unknown)),
            ("A=1 B=1 C=1 D=1 E=1 F=1 G=1 H=1 I=1 J=1 K=1", Err(TooMany)),
        ];
        for (text, expected) in rows {
            assert_eq!(Announcement::parse(text), expected, "{text:?}");
        }
    }
}
