//! Reverse-paths and forward-paths (RFC 5321 §4.1.2), parsed once and kept as they were spelled.
//!
//! In: the text of a path. Out: values whose types say what the grammar promised. Whether a path is ours, blocked, or may
//! be relayed to is not known here: quoted local parts, source routes and address literals are handed over for policy to
//! judge. UTF-8 is taken everywhere that RFC 6531 §3.3 takes it; whoever speaks without SMTPUTF8 checks `is_ascii`.
//!

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::limits;

pub use super::domain::Domain;

/// A local part: the text between `<` and the last `@`, as written, valid by grammar (dot-string or quoted-string, at most 64
/// octets by §4.5.3.1.1; we take up to 256 as many receivers do).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalPart(pub(super) String);

/// Octets of a local part.
const LOCAL_PART: usize = 256;

impl LocalPart {
    /// As written, quotes included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without quotes and backslashes: what the quoting stands for (§4.1.2). Two spellings of one local part are equal here.
    pub fn unquoted(&self) -> Cow<'_, str> {
        let Some(quoted) = self.0.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return Cow::Borrowed(&self.0);
        };
        let mut plain = String::with_capacity(quoted.len());
        let mut chars = quoted.chars();
        while let Some(char) = chars.next() {
            // By grammar a backslash is always followed by the character that it quotes.
            plain.extend(if char == '\\' { chars.next() } else { Some(char) });
        }
        plain.into()
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
        mailbox(text).ok()
    }

    /// Whether every octet is ASCII: otherwise it needs SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        let host = match &self.host {
            Host::Domain(domain) => domain.as_str().is_ascii(),
            Host::Literal(literal) => literal.is_ascii(),
        };
        host && self.local_part.0.is_ascii()
    }
}

/// As written, `local@host`.
impl std::fmt::Display for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Host::Domain(domain) => write!(f, "{}@{}", self.local_part.0, domain.as_str()),
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

impl ReversePath {
    /// Parses what begins with `<`; returns the path and what stands behind its `>`.
    pub fn parse_prefix(text: &str) -> Result<(Self, &str), PathFault> {
        let (inside, rest) = brackets(text)?;
        if inside.is_empty() {
            return Ok((Self::Null, rest));
        }
        let (_, bare) = source_route(inside)?;
        Ok((Self::Mailbox(mailbox(bare)?), rest))
    }

    /// Whether every octet is ASCII: otherwise it needs SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Mailbox(mailbox) => mailbox.is_ascii(),
        }
    }
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

impl ForwardPath {
    /// Parses what begins with `<`; returns the path and what stands behind its `>`.
    pub fn parse_prefix(text: &str) -> Result<(Self, &str), PathFault> {
        let (inside, rest) = brackets(text)?;
        if inside.is_empty() {
            return Err(PathFault::Null);
        }
        if inside.eq_ignore_ascii_case("postmaster") {
            return Ok((Self::Postmaster, rest));
        }
        let (source_route, bare) = source_route(inside)?;
        Ok((Self::Mailbox { mailbox: mailbox(bare)?, source_route }, rest))
    }

    /// Whether every octet is ASCII: otherwise it needs SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        match self {
            Self::Postmaster => true,
            Self::Mailbox { mailbox, source_route } => {
                mailbox.is_ascii() && source_route.iter().all(|domain| domain.as_str().is_ascii())
            }
        }
    }
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

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It does not begin with `<`, or its `>` is missing.
    #[error("a path stands in angle brackets")]
    NoBrackets,
    /// More than [`limits::PATH`] octets between the brackets.
    #[error("the path is too long")]
    TooLong,
    /// `<>` where a mailbox is needed.
    #[error("the null path is only for MAIL")]
    Null,
    /// A source route that is not `@domain,@domain:`.
    #[error("the source route is malformed")]
    SourceRoute,
    /// Neither a dot-string nor a quoted-string, or too long.
    #[error("the local part is malformed")]
    LocalPart,
    /// Nothing behind the local part.
    #[error("the domain is missing")]
    NoDomain,
    /// Not a domain.
    #[error("the domain is malformed")]
    Domain,
    /// Not an address literal.
    #[error("the address literal is malformed")]
    Literal,
}

/// What stands between `<` and the `>` that closes it, and what stands behind. A `>` in a quoted string closes nothing:
/// taking it would make parameters of what the client wrote as a local part.
fn brackets(text: &str) -> Result<(&str, &str), PathFault> {
    let inside = text.strip_prefix('<').ok_or(PathFault::NoBrackets)?;
    let (mut quoted, mut escaped) = (false, false);
    for (index, octet) in inside.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => {
                let (path, rest) = inside.split_at_checked(index).ok_or(PathFault::NoBrackets)?;
                let rest = rest.strip_prefix('>').ok_or(PathFault::NoBrackets)?;
                return if path.len() <= limits::PATH { Ok((path, rest)) } else { Err(PathFault::TooLong) };
            }
            _ => {}
        }
    }
    Err(PathFault::NoBrackets)
}

/// `A-d-l ":"` (§4.1.2) in front of a mailbox, if there is one.
fn source_route(path: &str) -> Result<(Vec<Domain>, &str), PathFault> {
    if !path.starts_with('@') {
        return Ok((Vec::new(), path));
    }
    let (route, mailbox) = path.split_once(':').ok_or(PathFault::SourceRoute)?;
    let domains: Option<Vec<Domain>> =
        route.split(',').map(|hop| hop.strip_prefix('@').and_then(Domain::parse)).collect();
    Ok((domains.ok_or(PathFault::SourceRoute)?, mailbox))
}

/// `Local-part "@" ( Domain / address-literal )`
fn mailbox(text: &str) -> Result<Mailbox, PathFault> {
    let (local_part, rest) = local_part(text)?;
    let host =
        rest.strip_prefix('@').ok_or(if rest.is_empty() { PathFault::NoDomain } else { PathFault::LocalPart })?;
    let host = if host.starts_with('[') {
        Host::Literal(literal(host).ok_or(PathFault::Literal)?.to_owned())
    } else {
        Host::Domain(Domain::parse(host).ok_or(PathFault::Domain)?)
    };
    Ok(Mailbox { local_part, host })
}

/// The longest dot-string or quoted-string in front, and what follows it.
fn local_part(text: &str) -> Result<(LocalPart, &str), PathFault> {
    let end = if text.starts_with('"') {
        quoted_string_end(text).ok_or(PathFault::LocalPart)?
    } else {
        text.find(|char| !is_atext(char) && char != '.').unwrap_or(text.len())
    };
    let (local, rest) = text.split_at_checked(end).ok_or(PathFault::LocalPart)?;
    let is_dot_string = || local.split('.').all(|atom| !atom.is_empty());
    if local.len() > LOCAL_PART || !(local.starts_with('"') || is_dot_string()) {
        return Err(PathFault::LocalPart);
    }
    Ok((LocalPart(local.to_owned()), rest))
}

/// Where the quoted-string in front of `text` ends: the index behind its closing quote.
fn quoted_string_end(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    while let Some((index, char)) = chars.next() {
        match char {
            '"' => return Some(index + 1),
            // quoted-pairSMTP quotes printable ASCII only.
            '\\' => chars.next().filter(|(_, quoted)| matches!(quoted, ' '..='~')).map(|_| ())?,
            ' '..='~' => {}
            _ if is_utf8_non_ascii(char) => {}
            _ => return None,
        }
    }
    None
}

/// `atext` (RFC 5322 §3.2.3, RFC 6531 §3.3)
fn is_atext(char: char) -> bool {
    char.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(char) || is_utf8_non_ascii(char)
}

/// `UTF8-non-ascii` less the C1 controls: they are no part of any name, and terminals obey them.
fn is_utf8_non_ascii(char: char) -> bool {
    !char.is_ascii() && !char.is_control()
}

/// A whole text as an address literal (§4.1.3). Leading zeros in IPv4 numbers, which the grammar allows, are refused: some
/// read them as octal, so the same literal would be two addresses.
fn literal(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    let valid = match inside.split_once(':') {
        None => inside.parse::<Ipv4Addr>().is_ok(),
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => address.parse::<Ipv6Addr>().is_ok(),
        Some((tag, content)) => {
            let is_tag = tag.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
                && tag.ends_with(|char: char| char != '-');
            // `dcontent` has angle brackets and quotes too, and no path holds them: whoever looks for its end would find another.
            let is_dcontent = |octet| matches!(octet, 33..=90 | 94..=126) && !matches!(octet, b'<' | b'>' | b'"');
            let is_content = content.bytes().all(is_dcontent) && !content.is_empty();
            is_tag && is_content
        }
    };
    valid.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_parts() {
        let rows = [
            // Dot-strings stand for themselves.
            ("fulano.tal", Some("fulano.tal")),
            ("a+b=c/d!e#f$g%h&i'j*k-l?m^n_o`p{q|r}s~t", Some("a+b=c/d!e#f$g%h&i'j*k-l?m^n_o`p{q|r}s~t")),
            ("joão", Some("joão")),
            // A quoted-string stands for what it quotes.
            (r#""fulano""#, Some("fulano")),
            (r#""ful\ano""#, Some("fulano")),
            (r#""a b@c>d\"e\\f""#, Some(r#"a b@c>d"e\f"#)),
            (r#""""#, Some("")),
            (r#""joão""#, Some("joão")),
            // Neither.
            ("", None),
            (".a", None),
            ("a.", None),
            ("a..b", None),
            ("a b", None),
            ("a\"b\"", None),
            (r#""a"b"#, None),
            (r#""a""#.trim_end_matches('"'), None),
            (r#""a\""#, None),
            ("\"a\r\nb\"", None),
            ("\"a\\\r\"", None),
            ("\"a\\ç\"", None),
            ("a\0", None),
            ("a\tb", None),
            ("a\u{9b}b", None),
            ("(c)a", None),
        ];
        for (text, expected) in rows {
            let mailbox = Mailbox::parse(&format!("{text}@d.example"));
            let unquoted = mailbox.as_ref().map(|mailbox| mailbox.local_part.unquoted());
            assert_eq!(unquoted.as_deref(), expected, "{text:?}");
            if let Some(mailbox) = mailbox {
                assert_eq!(mailbox.local_part.as_str(), text);
                assert_eq!(mailbox.local_part.is_quoted(), text.starts_with('"'));
                assert_eq!(mailbox.to_string(), format!("{text}@d.example"), "the next hop gets the client's spelling");
            }
        }
        assert!(Mailbox::parse(&format!("{}@d", "x".repeat(256))).is_some());
        assert!(Mailbox::parse(&format!("{}@d", "x".repeat(257))).is_none());
    }

    #[test]
    fn address_literals() {
        let rows = [
            ("[192.0.2.1]", true),
            ("[IPv6:2001:db8::1]", true),
            ("[ipv6:::ffff:192.0.2.1]", true),
            ("[x-tag:some/content]", true),
            // Not an address, a zone, an octal-looking number, an empty part, an open bracket.
            ("[192.0.2]", false),
            ("[192.0.2.256]", false),
            ("[192.0.2.01]", false),
            ("[IPv6:2001:db8::1%eth0]", false),
            ("[2001:db8::1]", true), // by grammar this is the General-address-literal of tag "2001"
            ("[IPv6:]", false),
            ("[IPv6:192.0.2.1]", false),
            ("[]", false),
            ("[tag:]", false),
            ("[:x]", false),
            ("[tag-:x]", false),
            ("[tag:a b]", false),
            ("[tag:a]b]", false),
            ("[tag:a>b]", false),
            ("[tag:a<b]", false),
            ("[tag:a\"b]", false),
            ("[tag:ç]", false),
            ("[192.0.2.1", false),
            ("[192.0.2.1].", false),
        ];
        for (text, valid) in rows {
            let mailbox = Mailbox::parse(&format!("a@{text}"));
            assert_eq!(mailbox.is_some(), valid, "{text}");
            if let Some(mailbox) = mailbox {
                assert_eq!(mailbox.host, Host::Literal(text.to_owned()));
            }
        }
    }

    #[test]
    fn reverse_paths() {
        let rows = [
            ("<>", Ok(("", ""))),
            ("<> SIZE=1", Ok(("", " SIZE=1"))),
            ("<a@b.example>x", Ok(("a@b.example", "x"))),
            ("<a@b.example.>", Ok(("a@b.example", ""))),
            // A source route is read and dropped.
            ("<@x.example,@y.example:a@b.example>", Ok(("a@b.example", ""))),
            ("<@x.example,y.example:a@b.example>", Err(PathFault::SourceRoute)),
            ("<@x.example a@b.example>", Err(PathFault::SourceRoute)),
            ("<@:a@b.example>", Err(PathFault::SourceRoute)),
            // A bracket in quotes closes nothing; a quoted quote ends nothing.
            (r#"<"a> SIZE=1"@b.example>"#, Ok((r#""a> SIZE=1"@b.example"#, ""))),
            (r#"<"a\">"@b.example>"#, Ok((r#""a\">"@b.example"#, ""))),
            // Not a path.
            ("", Err(PathFault::NoBrackets)),
            ("a@b.example", Err(PathFault::NoBrackets)),
            ("<a@b.example", Err(PathFault::NoBrackets)),
            (r#"<"a@b.example>"#, Err(PathFault::NoBrackets)),
            ("<a>", Err(PathFault::NoDomain)),
            ("<postmaster>", Err(PathFault::NoDomain)),
            ("<a@>", Err(PathFault::Domain)),
            ("<@b.example>", Err(PathFault::SourceRoute)),
            ("<a@b@c>", Err(PathFault::Domain)),
            ("<<a@b>>", Err(PathFault::LocalPart)),
            ("< a@b>", Err(PathFault::LocalPart)),
            ("<a@b >", Err(PathFault::Domain)),
            ("<A B <a@b>>", Err(PathFault::LocalPart)),
            ("<a@[300.1.1.1]>", Err(PathFault::Literal)),
        ];
        for (text, expected) in rows {
            let path = ReversePath::parse_prefix(text).map(|(path, rest)| (path.to_string(), rest));
            assert_eq!(path, expected.map(|(path, rest)| (path.to_owned(), rest)), "{text}");
        }
        // At most 512 octets between the brackets.
        let routed = |octets: usize| format!("<@{}:a@b>", "x.".repeat(300).split_at(octets - 5).0);
        assert_eq!(ReversePath::parse_prefix(&routed(513)).unwrap_err(), PathFault::TooLong);
        assert_ne!(
            ReversePath::parse_prefix(&routed(512)).unwrap_err(),
            PathFault::TooLong,
            "it is its domain that is too long"
        );
    }

    #[test]
    fn forward_paths() {
        let parse = |text| ForwardPath::parse_prefix(text).map(|(path, _)| path);
        for text in ["<postmaster>", "<Postmaster>", "<POSTMASTER>"] {
            assert_eq!(parse(text), Ok(ForwardPath::Postmaster));
        }
        assert_eq!(parse("<>"), Err(PathFault::Null));
        assert_eq!(parse("<@a.example:postmaster>"), Err(PathFault::NoDomain));
        assert_eq!(parse("<\"postmaster\">"), Err(PathFault::NoDomain));
        // The source route is handed over: policy must know that the client asked for a relay.
        let Ok(ForwardPath::Mailbox { mailbox, source_route }) = parse("<@a.example,@b.example.:c@d.example>") else {
            panic!("a source route is valid by grammar");
        };
        assert_eq!(mailbox.to_string(), "c@d.example");
        assert_eq!(source_route.iter().map(Domain::as_str).collect::<Vec<_>>(), ["a.example", "b.example"]);
    }

    #[test]
    fn non_ascii_is_told_apart_wherever_it_stands() {
        let rows = [
            ("<a@b.example>", true),
            ("<postmaster>", true),
            ("<joão@b.example>", false),
            ("<\"joão\"@b.example>", false),
            ("<a@câmara.leg.br>", false),
            ("<@câmara.leg.br:a@b.example>", false),
        ];
        for (text, ascii) in rows {
            assert_eq!(ForwardPath::parse_prefix(text).unwrap().0.is_ascii(), ascii, "{text}");
        }
        assert!(ReversePath::Null.is_ascii());
    }
}
