//! A command line into a command; every syntax error named (RFC 5321 §4.1).
//!
//! In: a line without its CRLF, and what we offered. Out: a command or a [`Violation`]. Whether the command may come now is the
//! session's business, which is why the verb is read first: a command out of sequence is refused as such, however it goes on.
//!
//! Two liberties, since old clients need them and they can mean nothing else: trailing spaces (§4.1.1 asks for it) and *one*
//! space behind `FROM:` or `TO:`. An address without angle brackets is refused.

use super::{
    announcement::Announcement,
    auth::Auth,
    envelope::{MailFrom, RcptTo},
    extension::Offer,
    limits,
    parameter::{MailParameters, ParameterFault, RcptParameters},
    path::{ForwardPath, ReversePath},
    violation::Violation,
};

/// HELO or EHLO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The argument, as written (valid by a lax grammar: no control octets, at most 255).
    pub name: String,
    /// EHLO.
    pub extended: bool,
}

/// BDAT (RFC 3030 §2): so many octets of content follow its CRLF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Octets; at most 18 digits.
    pub size: u64,
    /// No chunk behind it.
    pub last: bool,
}

/// A command as understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// HELO, EHLO
    Hello(Hello),
    /// MAIL
    Mail(MailFrom),
    /// RCPT
    Rcpt(RcptTo),
    /// DATA
    Data,
    /// BDAT
    Chunk(Chunk),
    /// RSET
    Reset,
    /// NOOP; its argument says nothing (§4.1.1.9).
    Noop,
    /// QUIT
    Quit,
    /// VRFY; its argument is not looked at: we neither confirm nor deny (§3.5.3, §7.3).
    Verify,
    /// HELP
    Help,
    /// STARTTLS (RFC 3207)
    StartTls,
    /// XCLIENT (Postfix): for whom the client speaks.
    XClient(Announcement),
    /// AUTH (RFC 4954)
    Auth(Auth),
}

/// The verbs that we know how to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// HELO
    Helo,
    /// EHLO
    Ehlo,
    /// MAIL
    Mail,
    /// RCPT
    Rcpt,
    /// DATA
    Data,
    /// BDAT (RFC 3030)
    Bdat,
    /// RSET
    Rset,
    /// NOOP
    Noop,
    /// QUIT
    Quit,
    /// VRFY
    Vrfy,
    /// HELP
    Help,
    /// STARTTLS
    StartTls,
    /// XCLIENT
    XClient,
    /// AUTH
    Auth,
}

/// What the meaning of a command's argument depends on.
#[derive(Clone, Copy, Debug)]
pub struct Grammar<'a> {
    /// What this session offers.
    pub offer: &'a Offer,
    /// The open transaction asked for SMTPUTF8.
    pub smtputf8: bool,
}

/// A line's verb (in any case) and its argument: what stands behind the space, without trailing spaces.
pub fn split(line: &[u8]) -> Result<(Verb, &[u8]), Violation> {
    // Above all else: control octets are how terminals, logs and next hops are led astray. A tab is one too.
    if line.iter().any(u8::is_ascii_control) {
        // Behind a BDAT that cannot be read stands content.
        let is_chunk = line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"));
        return Err(if is_chunk { Violation::ChunkSyntax } else { Violation::ControlOctet });
    }
    let line = line.trim_ascii_end();
    let (word, argument) = match line.iter().position(|&octet| octet == b' ') {
        Some(space) => line.split_at_checked(space).unwrap_or((line, b"")),
        None => (line, &b""[..]),
    };
    Ok((verb(word)?, argument.strip_prefix(b" ").unwrap_or(argument)))
}

/// Octets of the longest word in the table.
const LONGEST_VERB: usize = 8;

/// The table of verbs.
fn verb(word: &[u8]) -> Result<Verb, Violation> {
    let mut upper = [0; LONGEST_VERB];
    let Some(upper) = upper.get_mut(..word.len()) else { return Err(Violation::UnknownVerb) };
    upper.copy_from_slice(word);
    upper.make_ascii_uppercase();
    match &*upper {
        b"HELO" => Ok(Verb::Helo),
        b"EHLO" => Ok(Verb::Ehlo),
        b"MAIL" => Ok(Verb::Mail),
        b"RCPT" => Ok(Verb::Rcpt),
        b"DATA" => Ok(Verb::Data),
        b"BDAT" => Ok(Verb::Bdat),
        b"RSET" => Ok(Verb::Rset),
        b"NOOP" => Ok(Verb::Noop),
        b"QUIT" => Ok(Verb::Quit),
        b"VRFY" => Ok(Verb::Vrfy),
        b"HELP" => Ok(Verb::Help),
        b"STARTTLS" => Ok(Verb::StartTls),
        b"XCLIENT" => Ok(Verb::XClient),
        b"AUTH" => Ok(Verb::Auth),
        b"" => Err(Violation::NoVerb),
        b"EXPN" | b"ETRN" | b"ATRN" | b"TURN" | b"SEND" | b"SOML" | b"SAML" | b"BURL" | b"XFORWARD" => {
            Err(Violation::NotImplemented)
        }
        b"GET" | b"HEAD" | b"POST" | b"PUT" | b"DELETE" | b"CONNECT" | b"OPTIONS" | b"TRACE" | b"PATCH" | b"PRI" => {
            Err(Violation::Http)
        }
        _ => Err(Violation::UnknownVerb),
    }
}

impl Command {
    /// Reads a whole line: [`split`], then [`Command::parse`].
    pub fn from_line(line: &[u8], grammar: Grammar<'_>) -> Result<Self, Violation> {
        let (verb, argument) = split(line)?;
        Self::parse(verb, argument, grammar)
    }

    /// Reads the argument of a verb.
    pub fn parse(verb: Verb, argument: &[u8], grammar: Grammar<'_>) -> Result<Self, Violation> {
        let alone = |command| if argument.is_empty() { Ok(command) } else { Err(Violation::UnexpectedArgument) };
        match verb {
            Verb::Helo => hello(argument, false).map(Self::Hello),
            Verb::Ehlo => hello(argument, true).map(Self::Hello),
            Verb::Mail => mail(argument, grammar).map(Self::Mail),
            Verb::Rcpt => rcpt(argument, grammar).map(Self::Rcpt),
            Verb::Data => alone(Self::Data),
            Verb::Bdat => chunk(argument).map(Self::Chunk),
            Verb::Rset => alone(Self::Reset),
            Verb::Quit => alone(Self::Quit),
            Verb::StartTls => alone(Self::StartTls),
            Verb::Noop => Ok(Self::Noop),
            Verb::Help => Ok(Self::Help),
            Verb::Vrfy if argument.is_empty() => Err(Violation::MissingArgument),
            Verb::Vrfy => Ok(Self::Verify),
            Verb::XClient => xclient(argument).map(Self::XClient),
            Verb::Auth => Auth::parse(argument).map(Self::Auth),
        }
    }
}

/// §4.1.1.1 wants a domain or an address literal; clients say all sorts of things (their NetBIOS name, an underscore), and
/// §4.1.4 forbids refusing mail for it. Whoever prints the name escapes it.
fn hello(argument: &[u8], extended: bool) -> Result<Hello, Violation> {
    let name = std::str::from_utf8(argument).map_err(|_| Violation::HelloName)?.trim_start();
    if name.is_empty() {
        return Err(Violation::MissingArgument);
    }
    if name.len() > 255 || name.chars().any(char::is_control) {
        return Err(Violation::HelloName);
    }
    Ok(Hello { name: name.to_owned(), extended })
}

/// `"FROM:" Reverse-path [SP Mail-parameters]` (§4.1.1.2)
fn mail(argument: &[u8], grammar: Grammar<'_>) -> Result<MailFrom, Violation> {
    let text = behind_keyword(argument, "FROM:")?.ok_or(Violation::MailSyntax)?;
    let (path, rest) = ReversePath::parse_prefix(text).map_err(Violation::ReversePath)?;
    let parameters = MailParameters::parse(rest, grammar.offer).map_err(Violation::Parameter)?;
    if !parameters.smtputf8 && !path.is_ascii() {
        return Err(Violation::NonAscii);
    }
    Ok(MailFrom { path, parameters })
}

/// The path that the argument of a MAIL begins with, whatever is wrong behind it.
pub fn reverse_path(argument: &[u8]) -> Option<ReversePath> {
    let text = behind_keyword(argument, "FROM:").ok()??;
    Some(ReversePath::parse_prefix(text).ok()?.0)
}

/// `"TO:" Forward-path [SP Rcpt-parameters]` (§4.1.1.3)
fn rcpt(argument: &[u8], grammar: Grammar<'_>) -> Result<RcptTo, Violation> {
    let text = behind_keyword(argument, "TO:")?.ok_or(Violation::RcptSyntax)?;
    let (path, rest) = ForwardPath::parse_prefix(text).map_err(Violation::ForwardPath)?;
    let parameters = RcptParameters::parse(rest, grammar.offer, grammar.smtputf8).map_err(Violation::Parameter)?;
    if !grammar.smtputf8 && !path.is_ascii() {
        return Err(Violation::NonAscii);
    }
    Ok(RcptTo { path, parameters })
}

/// The argument of BDAT, `1*DIGIT [SP "LAST"]` (RFC 3030 §2), and nothing that another reader could take for another number: no
/// sign, no second space, no more digits than any 64 bits hold.
pub(super) fn chunk(argument: &[u8]) -> Result<Chunk, Violation> {
    let text = std::str::from_utf8(argument).map_err(|_| Violation::ChunkSyntax)?;
    let (digits, last) = match text.split_once(' ') {
        None => (text, false),
        Some((digits, marker)) if marker.eq_ignore_ascii_case("LAST") => (digits, true),
        Some(_) => return Err(Violation::ChunkSyntax),
    };
    if digits.len() > limits::CHUNK_SIZE_DIGITS || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Violation::ChunkSyntax);
    }
    let size = digits.parse().map_err(|_| Violation::ChunkSyntax)?;
    Ok(Chunk { size, last })
}

/// `1*(SP attribute-name"="attribute-value)` (XCLIENT_README)
fn xclient(argument: &[u8]) -> Result<Announcement, Violation> {
    let text = std::str::from_utf8(argument).map_err(|_| Violation::Announcement(ParameterFault::Malformed))?;
    Announcement::parse(text).map_err(Violation::Announcement)
}

/// What stands behind `keyword` (in any case) and at most one space; `None` if the argument does not begin with it.
fn behind_keyword<'a>(argument: &'a [u8], keyword: &str) -> Result<Option<&'a str>, Violation> {
    let text = std::str::from_utf8(argument).map_err(|_| Violation::NonAscii)?;
    let Some((front, rest)) = text.split_at_checked(keyword.len()) else { return Ok(None) };
    Ok(front.eq_ignore_ascii_case(keyword).then(|| rest.strip_prefix(' ').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::super::{
        parameter::ParameterFault,
        path::{Mailbox, PathFault},
    };
    use super::*;

    const OFFER: Offer = Offer {
        eight_bit_mime: true,
        smtputf8: true,
        dsn: true,
        starttls: true,
        size: 1000,
        recipients: None,
        xclient: true,
        auth: false,
    };

    fn parse(line: &[u8], smtputf8: bool) -> Result<Command, Violation> {
        Command::from_line(line, Grammar { offer: &OFFER, smtputf8 })
    }

    #[test]
    fn verbs() {
        let hello = |name: &str, extended| Ok(Command::Hello(Hello { name: name.to_owned(), extended }));
        let (longest, long_name) = ("x".repeat(255), format!("EHLO {}", "x".repeat(256)));
        let longest_hello = format!("EHLO {longest}");
        let rows: &[(&[u8], Result<Command, Violation>)] = &[
            // In any case, with trailing spaces.
            (b"QUIT", Ok(Command::Quit)),
            (b"quit  ", Ok(Command::Quit)),
            (b"rSeT", Ok(Command::Reset)),
            (b"DATA", Ok(Command::Data)),
            (b"STARTTLS", Ok(Command::StartTls)),
            // An argument where there is none, none where there is one, and where it does not matter.
            (b"DATA now", Err(Violation::UnexpectedArgument)),
            (b"RSET x", Err(Violation::UnexpectedArgument)),
            (b"QUIT x", Err(Violation::UnexpectedArgument)),
            (b"STARTTLS x", Err(Violation::UnexpectedArgument)),
            (b"NOOP \xff", Ok(Command::Noop)),
            (b"HELP MAIL", Ok(Command::Help)),
            (b"VRFY a", Ok(Command::Verify)),
            (b"VRFY", Err(Violation::MissingArgument)),
            // HELO and EHLO take nearly any name, never none.
            (b"EHLO mail.example.org", hello("mail.example.org", true)),
            (b"helo [192.0.2.1]", hello("[192.0.2.1]", false)),
            (b"EHLO MY_PC of mine", hello("MY_PC of mine", true)),
            (b"EHLO", Err(Violation::MissingArgument)),
            (b"HELO   ", Err(Violation::MissingArgument)),
            (b"EHLO \xe7", Err(Violation::HelloName)),
            (b"EHLO a\xc2\x85b", Err(Violation::HelloName)),
            (longest_hello.as_bytes(), hello(&longest, true)),
            (long_name.as_bytes(), Err(Violation::HelloName)),
            // Verbs that exist, and that do not.
            (b"EXPN list", Err(Violation::NotImplemented)),
            (b"AUTH", Err(Violation::MissingArgument)),
            (b"AUTH GSSAPI", Err(Violation::UnknownMechanism)),
            (b"BDATA 1", Err(Violation::UnknownVerb)),
            (b"GET / HTTP/1.1", Err(Violation::Http)),
            (b"post /x", Err(Violation::Http)),
            (b"FOO", Err(Violation::UnknownVerb)),
            (b"QUITX", Err(Violation::UnknownVerb)),
            (b"QU\xc4\xb1T", Err(Violation::UnknownVerb)),
            (b"MAILFROM:<a@b>", Err(Violation::UnknownVerb)),
            (b"", Err(Violation::NoVerb)),
            (b" QUIT", Err(Violation::NoVerb)),
            // Control octets, wherever they stand.
            (b"NO\0OP", Err(Violation::ControlOctet)),
            (b"MAIL\tFROM:<a@b>", Err(Violation::ControlOctet)),
            (b"NOOP \x7f", Err(Violation::ControlOctet)),
            (b"\x16\x03\x01", Err(Violation::ControlOctet)),
        ];
        for (line, expected) in rows {
            assert_eq!(&parse(line, false), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_chunk_has_a_size_that_can_be_read_in_one_way_only() {
        let chunk = |size, last| Ok(Command::Chunk(Chunk { size, last }));
        let rows: &[(&[u8], Result<Command, Violation>)] = &[
            (b"BDAT 0", chunk(0, false)),
            (b"BDAT 0 LAST", chunk(0, true)),
            (b"bdat 86 last", chunk(86, true)),
            (b"BDAT 0007", chunk(7, false)),
            (b"BDAT 100 LAST  ", chunk(100, true)),
            (b"BDAT 999999999999999999", chunk(999_999_999_999_999_999, false)),
        ];
        for (line, expected) in rows {
            assert_eq!(&parse(line, false), expected, "{}", line.escape_ascii());
        }
        let broken: &[&[u8]] = &[
            b"BDAT",
            b"BDAT ",
            b"BDAT LAST",
            b"BDAT -1",
            b"BDAT +1",
            b"BDAT 1.0",
            b"BDAT 1e3",
            b"BDAT 0x10",
            b"BDAT 1,000",
            b"BDAT 1000000000000000000",
            b"BDAT 00000000000000000001",
            b"BDAT  1",
            b"BDAT 1  LAST",
            b"BDAT 1 LAST LAST",
            b"BDAT 1 FIRST",
            b"BDAT 1LAST",
            b"BDAT 1 L\xc3\x84ST",
            "BDAT \u{661}".as_bytes(),
            b"BDAT 1\tLAST",
            b"bdat\x001",
        ];
        for line in broken {
            assert_eq!(parse(line, false), Err(Violation::ChunkSyntax), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn mail() {
        let from = |path: &str, parameters| {
            let path = Mailbox::parse(path).map_or(ReversePath::Null, ReversePath::Mailbox);
            Ok(Command::Mail(MailFrom { path, parameters }))
        };
        let none = MailParameters::default();
        let utf8 = MailParameters { smtputf8: true, ..none.clone() };
        let sized = MailParameters { size: Some(5), ..none.clone() };
        let rows: &[(&[u8], Result<Command, Violation>)] = &[
            (b"MAIL FROM:<>", from("", none.clone())),
            (b"mail from:<a@b.example> SIZE=5", from("a@b.example", sized)),
            // One space behind the colon, not two, and none in front of it.
            (b"MAIL FROM: <a@b.example>", from("a@b.example", none)),
            (b"MAIL FROM:  <a@b.example>", Err(Violation::ReversePath(PathFault::NoBrackets))),
            (b"MAIL FROM :<a@b.example>", Err(Violation::MailSyntax)),
            (b"MAIL  FROM:<a@b.example>", Err(Violation::MailSyntax)),
            (b"MAIL", Err(Violation::MailSyntax)),
            (b"MAIL <a@b.example>", Err(Violation::MailSyntax)),
            (b"MAIL TO:<a@b.example>", Err(Violation::MailSyntax)),
            (b"MAIL FROM:", Err(Violation::ReversePath(PathFault::NoBrackets))),
            (b"MAIL FROM:a@b.example", Err(Violation::ReversePath(PathFault::NoBrackets))),
            (b"MAIL FROM:<a@b.example>SIZE=5", Err(Violation::Parameter(ParameterFault::Malformed))),
            (b"MAIL FROM:<a@b.example> AUTH=<>", Err(Violation::Parameter(ParameterFault::Unknown))),
            // Non-ASCII only when this very command says SMTPUTF8, and only as UTF-8.
            ("MAIL FROM:<joão@b.example> SMTPUTF8".as_bytes(), from("joão@b.example", utf8)),
            ("MAIL FROM:<joão@b.example>".as_bytes(), Err(Violation::NonAscii)),
            (b"MAIL FROM:<jo\xe3o@b.example> SMTPUTF8", Err(Violation::NonAscii)),
        ];
        for (line, expected) in rows {
            assert_eq!(&parse(line, false), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn rcpt() {
        let to = |path: &str| {
            let path = ForwardPath::parse_prefix(path).unwrap().0;
            Ok(Command::Rcpt(RcptTo { path, parameters: RcptParameters::default() }))
        };
        let rows: &[(&[u8], bool, Result<Command, Violation>)] = &[
            (b"RCPT TO:<a@b.example>", false, to("<a@b.example>")),
            (b"rcpt to: <postMASTER>", false, to("<postmaster>")),
            (b"RCPT TO:<@c.example:a@b.example>", false, to("<@c.example:a@b.example>")),
            (b"RCPT TO:<>", false, Err(Violation::ForwardPath(PathFault::Null))),
            (b"RCPT TO:a@b.example", false, Err(Violation::ForwardPath(PathFault::NoBrackets))),
            (b"RCPT FROM:<a@b.example>", false, Err(Violation::RcptSyntax)),
            (b"RCPT TO:<a@b.example> SIZE=5", false, Err(Violation::Parameter(ParameterFault::Unknown))),
            ("RCPT TO:<joão@b.example>".as_bytes(), true, to("<joão@b.example>")),
            ("RCPT TO:<joão@b.example>".as_bytes(), false, Err(Violation::NonAscii)),
        ];
        for (line, smtputf8, expected) in rows {
            assert_eq!(&parse(line, *smtputf8), expected, "{}", line.escape_ascii());
        }
    }
}
