//! Reverse-paths and forward-paths (RFC 5321 §4.1.2), parsed once and kept as they were spelled.

/// A domain name as written by the client, valid by grammar (labels of letters, digits, hyphen; UTF-8 labels under
/// SMTPUTF8; no trailing dot; at most 255 octets, labels at most 63).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain(pub(super) String);

impl Domain {
    /// Parses a whole text as a domain.
    pub fn parse(text: &str) -> Option<Self> {
        let _ = text;
        todo!()
    }
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// For comparing: lower case (ASCII and Unicode).
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

/// A local part: the text between `<` and the last `@`, as written, valid by grammar (dot-string or quoted-string, at most 64
/// octets by §4.5.3.1.1; we take up to 256 as many receivers do).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalPart(pub(super) String);

impl LocalPart {
    /// As written, quotes included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Without quotes and backslashes: what the quoting stands for (§4.1.2).
    pub fn unquoted(&self) -> String {
        todo!()
    }
    /// Whether it was written as a quoted-string.
    pub fn is_quoted(&self) -> bool {
        self.0.starts_with('"')
    }
}

/// What stands behind the `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain.
    Domain(Domain),
    /// An address literal, brackets included, as written: `[192.0.2.1]`, `[IPv6:2001:db8::1]`, `[tag:content]`.
    Literal(String),
}

/// A mailbox: local part and host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox {
    /// Left of the `@`.
    pub local_part: LocalPart,
    /// Right of it.
    pub host: Host,
}

impl Mailbox {
    /// Parses a whole text as a mailbox (no angle brackets, no source route). For configuration files and tests.
    pub fn parse(text: &str) -> Option<Self> {
        let _ = text;
        todo!()
    }
    /// Whether every octet is ASCII: otherwise it needs SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        todo!()
    }
}

/// As written, `local@host`.
impl std::fmt::Display for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Host::Domain(domain) => write!(f, "{}@{}", self.local_part.0, domain.0),
            Host::Literal(literal) => write!(f, "{}@{literal}", self.local_part.0),
        }
    }
}

/// The path of MAIL (§4.1.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: delivery status notifications.
    Null,
    /// A mailbox; a source route in front of it was read and dropped (§4.1.1.3, Appendix C).
    Mailbox(Mailbox),
}

/// The path of RCPT (§4.1.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<Postmaster>` without a domain, in any case.
    Postmaster,
    /// A mailbox.
    Mailbox {
        /// The mailbox.
        mailbox: Mailbox,
        /// The domains of a source route (`<@a,@b:c@d>`), empty when there was none. Policy decides about them.
        source_route: Vec<Domain>,
    },
}

/// As written between the angle brackets, without source route; empty for the null path.
impl std::fmt::Display for ReversePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

/// As written between the angle brackets, without source route.
impl std::fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Postmaster => f.write_str("postmaster"),
            Self::Mailbox { mailbox, .. } => mailbox.fmt(f),
        }
    }
}
