//! Parameters of MAIL and RCPT (RFC 5321 §4.1.2, 1870, 6152, 6531, 3461), read against a table of the known ones.
//!
//! In: what stands behind a path, and what we offered. Out: values, or the fault. A parameter whose extension was not offered
//! is as unknown as one that nobody ever heard of: taking it would promise what no next hop was seen to do.

use serde::{Deserialize, Serialize};

use super::extension::Offer;
use super::limits;

/// What MAIL carried behind its path. As JSON it stands in the quarantine's index, until a release says it to the next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailParameters {
    /// `SIZE=` (RFC 1870), octets. A number of 20 digits that no `u64` holds is `u64::MAX`: too large either way.
    pub size: Option<u64>,
    /// `BODY=` (RFC 6152).
    pub body: Option<Body>,
    /// `SMTPUTF8` (RFC 6531).
    pub smtputf8: bool,
    /// `RET=` (RFC 3461 §4.3).
    pub ret: Option<Ret>,
    /// `ENVID=` (RFC 3461 §4.4), xtext as written, at most 100 octets.
    pub envid: Option<String>,
}

/// `BODY=` values that we take; BINARYMIME is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// `7BIT`
    SevenBit,
    /// `8BITMIME`
    EightBitMime,
}

/// `RET=` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ret {
    /// `FULL`
    Full,
    /// `HDRS`
    Headers,
}

/// What RCPT carried behind its path; both valid by grammar and kept as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RcptParameters {
    /// `NOTIFY=` (RFC 3461 §4.1): `NEVER` or a list of SUCCESS, FAILURE, DELAY.
    pub notify: Option<String>,
    /// `ORCPT=` (RFC 3461 §4.2), `type;xtext`, at most 500 octets.
    pub orcpt: Option<String>,
}

/// What is wrong with parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterFault {
    /// Not `keyword` or `keyword=value` behind a space.
    #[error("malformed parameter")]
    Malformed,
    /// More than [`limits::PARAMETERS`].
    #[error("too many parameters")]
    TooMany,
    /// One keyword twice: which of the two values another reader takes is anyone's guess.
    #[error("duplicate parameter")]
    Duplicate,
    /// Known and offered, with a value that it cannot have.
    #[error("malformed parameter value")]
    Value,
    /// Not known, or of an extension that is not offered; also a value of an extension that is not (`BODY=BINARYMIME`).
    #[error("parameter not recognized")]
    Unknown,
}

impl MailParameters {
    /// Reads what stands behind the path of MAIL: nothing, or parameters each behind one space or more.
    pub fn parse(text: &str, offer: &Offer) -> Result<Self, ParameterFault> {
        let mut parameters = Self::default();
        let mut author = None;
        for (keyword, value) in split(text)? {
            match (keyword.to_ascii_uppercase().as_str(), value) {
                ("SIZE", value) => once(&mut parameters.size, value.and_then(size))?,
                ("BODY", value) if offer.eight_bit_mime => once(&mut parameters.body, body(value)?)?,
                ("SMTPUTF8", None) if offer.smtputf8 && parameters.smtputf8 => return Err(ParameterFault::Duplicate),
                ("SMTPUTF8", None) if offer.smtputf8 => parameters.smtputf8 = true,
                ("SMTPUTF8", Some(_)) if offer.smtputf8 => return Err(ParameterFault::Value),
                ("RET", value) if offer.dsn => once(&mut parameters.ret, value.and_then(ret))?,
                ("ENVID", value) if offer.dsn => once(&mut parameters.envid, value.and_then(envid))?,
                // RFC 4954 §5: taken wherever AUTH is offered, and believed of nobody, as if it were `<>`.
                ("AUTH", value) if offer.auth => once(&mut author, value.and_then(author_of))?,
                _ => return Err(ParameterFault::Unknown),
            }
        }
        Ok(parameters)
    }
}

impl RcptParameters {
    /// Reads what stands behind the path of RCPT. `smtputf8`: the transaction asked for it, so ORCPT may hold UTF-8 (RFC 6533 §3).
    pub fn parse(text: &str, offer: &Offer, smtputf8: bool) -> Result<Self, ParameterFault> {
        let mut parameters = Self::default();
        for (keyword, value) in split(text)? {
            match (keyword.to_ascii_uppercase().as_str(), value) {
                ("NOTIFY", value) if offer.dsn => once(&mut parameters.notify, value.and_then(notify))?,
                ("ORCPT", value) if offer.dsn => {
                    once(&mut parameters.orcpt, value.and_then(|value| orcpt(value, smtputf8)))?;
                }
                _ => return Err(ParameterFault::Unknown),
            }
        }
        Ok(parameters)
    }
}

/// The parameters of a text: `1*SP keyword ["=" value]` each (§4.1.2). More than one space, which the grammar does not have, is
/// taken: it can mean nothing else.
pub(super) fn split(text: &str) -> Result<Vec<(&str, Option<&str>)>, ParameterFault> {
    if !text.is_empty() && !text.starts_with(' ') {
        return Err(ParameterFault::Malformed);
    }
    let mut parameters = Vec::new();
    for parameter in text.split(' ').filter(|parameter| !parameter.is_empty()) {
        let (keyword, value) = match parameter.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (parameter, None),
        };
        let is_value = |value: &str| !value.is_empty() && value.chars().all(|char| char != '=' && !char.is_control());
        if !is_keyword(keyword) || !value.is_none_or(is_value) {
            return Err(ParameterFault::Malformed);
        }
        parameters.push((keyword, value));
        if parameters.len() > limits::PARAMETERS {
            return Err(ParameterFault::TooMany);
        }
    }
    Ok(parameters)
}

/// `(ALPHA / DIGIT) *(ALPHA / DIGIT / "-")`
fn is_keyword(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_alphanumeric())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

/// Fills `place` with `value`, which must be one, and only once.
fn once<T>(place: &mut Option<T>, value: Option<T>) -> Result<(), ParameterFault> {
    if place.is_some() {
        return Err(ParameterFault::Duplicate);
    }
    *place = Some(value.ok_or(ParameterFault::Value)?);
    Ok(())
}

/// `1*20DIGIT` (RFC 1870 §4)
fn size(value: &str) -> Option<u64> {
    let digits = value.len() <= 20 && value.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u64::MAX))
}

/// RFC 6152 §3. BINARYMIME (RFC 3030 §3) is not offered: what comes by chunks is text, and goes on by DATA.
fn body(value: Option<&str>) -> Result<Option<Body>, ParameterFault> {
    match value.map(str::to_ascii_uppercase).as_deref() {
        Some("7BIT") => Ok(Some(Body::SevenBit)),
        Some("8BITMIME") => Ok(Some(Body::EightBitMime)),
        Some("BINARYMIME") => Err(ParameterFault::Unknown),
        _ => Ok(None),
    }
}

/// `<>` or a mailbox, in xtext (RFC 4954 §5).
fn author_of(value: &str) -> Option<()> {
    (value == "<>" || is_xtext(value)).then_some(())
}

/// RFC 3461 §4.3
fn ret(value: &str) -> Option<Ret> {
    match value.to_ascii_uppercase().as_str() {
        "FULL" => Some(Ret::Full),
        "HDRS" => Some(Ret::Headers),
        _ => None,
    }
}

/// RFC 3461 §4.4
fn envid(value: &str) -> Option<String> {
    (value.len() <= 100 && is_xtext(value)).then(|| value.to_owned())
}

/// `"NEVER" / 1#notify-list-element` (RFC 3461 §4.1); each element once.
fn notify(value: &str) -> Option<String> {
    let elements: Vec<String> = value.split(',').map(str::to_ascii_uppercase).collect();
    let known = |element: &String| matches!(element.as_str(), "SUCCESS" | "FAILURE" | "DELAY");
    let alone = elements.len() == 1 && elements.iter().all(|element| element == "NEVER");
    let distinct = || {
        elements
            .iter()
            .enumerate()
            .all(|(index, element)| !elements.iter().skip(index + 1).any(|other| other == element))
    };
    (alone || elements.iter().all(known) && distinct()).then(|| value.to_owned())
}

/// `addr-type ";" xtext` (RFC 3461 §4.2); type `utf-8` may hold UTF-8 itself under SMTPUTF8 (RFC 6533 §3).
fn orcpt(value: &str, smtputf8: bool) -> Option<String> {
    let (kind, address) = value.split_once(';')?;
    let is_type = !kind.is_empty() && kind.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let is_address = if smtputf8 && kind.eq_ignore_ascii_case("utf-8") {
        is_xtext(&address.replace(|char: char| !char.is_ascii(), ""))
    } else {
        is_xtext(address)
    };
    (value.len() <= 500 && is_type && !address.is_empty() && is_address).then(|| value.to_owned())
}

/// `xtext` (RFC 3461 §4): printable ASCII without `+` and `=`, and `+` with two upper-case hex digits.
fn is_xtext(text: &str) -> bool {
    let mut octets = text.bytes();
    let is_hex = |octet: Option<u8>| octet.is_some_and(|octet| matches!(octet, b'0'..=b'9' | b'A'..=b'F'));
    while let Some(octet) = octets.next() {
        match octet {
            b'+' if is_hex(octets.next()) && is_hex(octets.next()) => {}
            b'+' | b'=' => return false,
            b'!'..=b'~' => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Offer = Offer {
        eight_bit_mime: false,
        smtputf8: false,
        dsn: false,
        starttls: false,
        size: 1000,
        recipients: None,
        xclient: false,
        auth: false,
    };
    const ALL: Offer = Offer { eight_bit_mime: true, smtputf8: true, dsn: true, ..NONE };

    #[test]
    fn mail_parameters() {
        use ParameterFault::*;
        let none = MailParameters::default();
        let sized = |size| Ok(MailParameters { size: Some(size), ..none.clone() });
        let envid = |envid: &str| Ok(MailParameters { envid: Some(envid.to_owned()), ..none.clone() });
        let long = "x".repeat(101);
        let rows = [
            ("", Ok(none.clone())),
            (" ", Ok(none.clone())),
            // SIZE: decimal digits, up to 20 of them.
            (" SIZE=0", sized(0)),
            (" size=0000012345", sized(12345)),
            (" SIZE=18446744073709551615", sized(u64::MAX)),
            (" SIZE=99999999999999999999", sized(u64::MAX)),
            (" SIZE=000000000000000000001", Err(Value)),
            (" SIZE=+1", Err(Value)),
            (" SIZE=1k", Err(Value)),
            (" SIZE=-1", Err(Value)),
            (" SIZE=0x10", Err(Value)),
            (" SIZE", Err(Value)),
            (" SIZE=", Err(Malformed)),
            (" SIZE=1=1", Err(Malformed)),
            // BODY.
            (" BODY=8BITMIME", Ok(MailParameters { body: Some(Body::EightBitMime), ..none.clone() })),
            (" body=7bit", Ok(MailParameters { body: Some(Body::SevenBit), ..none.clone() })),
            (" BODY=BINARYMIME", Err(Unknown)),
            (" BODY=8BIT", Err(Value)),
            (" BODY", Err(Value)),
            // SMTPUTF8 has no value.
            (" SMTPUTF8", Ok(MailParameters { smtputf8: true, ..none.clone() })),
            (" SMTPUTF8=1", Err(Value)),
            // DSN.
            (" RET=HDRS", Ok(MailParameters { ret: Some(Ret::Headers), ..none.clone() })),
            (" RET=full", Ok(MailParameters { ret: Some(Ret::Full), ..none.clone() })),
            (" RET=BODY", Err(Value)),
            (" ENVID=QQ314159+2B", envid("QQ314159+2B")),
            (" ENVID=a+2b", Err(Value)),
            (" ENVID=a+2", Err(Value)),
            (" ENVID=ç", Err(Value)),
            (&format!(" ENVID={}", &long[1..]), envid(&long[1..])),
            (&format!(" ENVID={long}"), Err(Value)),
            // Several; more than one space between them.
            ("  SIZE=5   BODY=7BIT ", Ok(MailParameters { size: Some(5), body: Some(Body::SevenBit), ..none.clone() })),
            // Twice, the same or not, in any case.
            (" SIZE=5 size=5", Err(Duplicate)),
            (" SMTPUTF8 SMTPUTF8", Err(Duplicate)),
            (" BODY=7BIT BODY=8BITMIME", Err(Duplicate)),
            // What nobody offered.
            (" AUTH=<>", Err(Unknown)),
            (" NOTIFY=NEVER", Err(Unknown)),
            // REQUIRETLS (RFC 8689) is a promise about all hops behind us, which nobody here can keep.
            (" REQUIRETLS", Err(Unknown)),
            (" X-FOO", Err(Unknown)),
            // What is no parameter at all.
            ("SIZE=5", Err(Malformed)),
            (" =5", Err(Malformed)),
            (" -x=5", Err(Malformed)),
            (" SI_ZE=5", Err(Malformed)),
            (" A B C D E F G H I J", Err(Unknown)),
            (" A B C D E F G H I J K", Err(TooMany)),
        ];
        for (text, expected) in rows {
            assert_eq!(MailParameters::parse(text, &ALL), expected, "{text:?}");
        }
    }

    #[test]
    fn rcpt_parameters() {
        use ParameterFault::*;
        let notify = |text: &str| Ok(RcptParameters { notify: Some(text.to_owned()), orcpt: None });
        let orcpt = |text: &str| Ok(RcptParameters { notify: None, orcpt: Some(text.to_owned()) });
        let longest = format!("rfc822;{}", "x".repeat(493));
        let rows = [
            (" NOTIFY=NEVER", false, notify("NEVER")),
            (" NOTIFY=success,Failure,DELAY", false, notify("success,Failure,DELAY")),
            (" NOTIFY=NEVER,DELAY", false, Err(Value)),
            (" NOTIFY=DELAY,DELAY", false, Err(Value)),
            (" NOTIFY=DELAY,", false, Err(Value)),
            (" NOTIFY=SOMETIMES", false, Err(Value)),
            (" ORCPT=rfc822;a+2Bb@c.example", false, orcpt("rfc822;a+2Bb@c.example")),
            (" ORCPT=a@c.example", false, Err(Value)),
            (" ORCPT=;a@c.example", false, Err(Value)),
            (" ORCPT=rfc822;", false, Err(Value)),
            (&format!(" ORCPT={longest}"), false, orcpt(&longest)),
            (&format!(" ORCPT={longest}x"), false, Err(Value)),
            // UTF-8 only under SMTPUTF8 and only of its own type.
            (" ORCPT=utf-8;joão@c.example", true, orcpt("utf-8;joão@c.example")),
            (" ORCPT=utf-8;joão@c.example", false, Err(Value)),
            (" ORCPT=rfc822;joão@c.example", true, Err(Value)),
            (" NOTIFY=DELAY NOTIFY=DELAY", false, Err(Duplicate)),
            (" SIZE=5", false, Err(Unknown)),
        ];
        for (text, smtputf8, expected) in rows {
            assert_eq!(RcptParameters::parse(text, &ALL, smtputf8), expected, "{text:?}");
        }
    }

    /// RFC 4954 §5: the parameter is taken where AUTH is offered, and changes nothing.
    #[test]
    fn an_author_is_taken_where_clients_log_in_and_believed_of_nobody() {
        let offer = Offer { auth: true, ..NONE };
        for text in [" AUTH=<>", " auth=e+3Dmc2@example.com", " AUTH=a@b.example SIZE=5"] {
            let read = MailParameters::parse(text, &offer).unwrap();
            assert_eq!(MailParameters { size: None, ..read }, MailParameters::default(), "{text}");
        }
        for (text, fault) in [
            (" AUTH", ParameterFault::Value),
            (" AUTH=a+3", ParameterFault::Value),
            (" AUTH=<> AUTH=<>", ParameterFault::Duplicate),
        ] {
            assert_eq!(MailParameters::parse(text, &offer), Err(fault), "{text}");
        }
    }

    #[test]
    fn what_is_not_offered_is_unknown() {
        for text in [" BODY=7BIT", " BODY=8BITMIME", " SMTPUTF8", " RET=FULL", " ENVID=x"] {
            assert_eq!(MailParameters::parse(text, &NONE), Err(ParameterFault::Unknown), "{text}");
        }
        for text in [" NOTIFY=NEVER", " ORCPT=rfc822;a@b"] {
            assert_eq!(RcptParameters::parse(text, &NONE, false), Err(ParameterFault::Unknown), "{text}");
        }
        assert_eq!(MailParameters::parse(" SIZE=5", &NONE).map(|p| p.size), Ok(Some(5)), "SIZE is always ours");
    }
}
