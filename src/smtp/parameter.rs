//! Parameters of MAIL and RCPT (RFC 5321 §4.1.2, 1870, 6152, 6531, 3461), read against a table of the known ones.

/// What MAIL carried behind its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailParameters {
    /// `SIZE=` (RFC 1870), octets.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// `7BIT`
    SevenBit,
    /// `8BITMIME`
    EightBitMime,
}

/// `RET=` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    /// `FULL`
    Full,
    /// `HDRS`
    Headers,
}

/// What RCPT carried behind its path; both valid by grammar and kept as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RcptParameters {
    /// `NOTIFY=` (RFC 3461 §4.1): `NEVER` or a list of SUCCESS, FAILURE, DELAY.
    pub notify: Option<String>,
    /// `ORCPT=` (RFC 3461 §4.2), `type;xtext`, at most 500 octets.
    pub orcpt: Option<String>,
}
