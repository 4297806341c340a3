//! Each way in which a client can break the protocol, and the reply that it earns.
//!
//! A variant's text is what the client hears: it names the fault and neither repeats the client's octets nor tells anything of
//! our configuration. Reply and consequence come from exhaustive matches, so a new variant cannot be forgotten.

use super::{
    parameter::ParameterFault,
    path::PathFault,
    reply::{Enhanced, Reply},
};

/// What the client did that RFC 5321 does not allow, or not now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    // ── the line (§2.3.8, §4.5.3.1.4) ──
    /// A command line above [`limits::COMMAND_LINE`](super::limits::COMMAND_LINE); it was dropped whole.
    #[error("Line too long")]
    LineTooLong,
    /// A CR or LF alone in a command line. Nothing behind it is read.
    #[error("Lines end with CRLF")]
    BareNewline,
    /// A NUL, a tab or another control octet.
    #[error("Control character in command")]
    ControlOctet,

    // ── the verb (§4.1.1) ──
    /// No letters where the verb should be.
    #[error("Syntax error, no command")]
    NoVerb,
    /// A verb that nobody ever defined.
    #[error("Command not recognized")]
    UnknownVerb,
    /// A verb that exists and that we do not offer.
    #[error("Command not implemented")]
    NotImplemented,
    /// The request line of HTTP: a browser or a confused service was led here, and what follows are its headers and content,
    /// chosen by whoever led it (cross-protocol attacks: ALPACA, NAT slipstreaming).
    #[error("This is an SMTP server")]
    Http,

    // ── the argument (§4.1.1, §4.1.2) ──
    /// Something behind a verb that takes nothing.
    #[error("This command takes no argument")]
    UnexpectedArgument,
    /// Nothing behind a verb that needs something.
    #[error("This command needs an argument")]
    MissingArgument,
    /// BDAT without a size that is one, or with something else than LAST behind it (RFC 3030 §2). Nobody knows how many octets of
    /// content follow, and they must not run as commands.
    #[error("Syntax: BDAT size [LAST]")]
    ChunkSyntax,
    /// The name behind HELO or EHLO has control characters, is not text, or is longer than 255 octets.
    #[error("Malformed name")]
    HelloName,
    /// MAIL without `FROM:`.
    #[error("Syntax: MAIL FROM:<address>")]
    MailSyntax,
    /// RCPT without `TO:`.
    #[error("Syntax: RCPT TO:<address>")]
    RcptSyntax,
    /// A reverse-path that is none.
    #[error("Bad sender address syntax: {0}")]
    ReversePath(PathFault),
    /// A forward-path that is none.
    #[error("Bad recipient address syntax: {0}")]
    ForwardPath(PathFault),
    /// Parameters of MAIL or RCPT.
    #[error("Bad parameters: {0}")]
    Parameter(ParameterFault),
    /// Attributes of XCLIENT.
    #[error("Bad XCLIENT attributes: {0}")]
    Announcement(ParameterFault),
    /// Non-ASCII in MAIL or RCPT without SMTPUTF8, or octets that are not UTF-8 (RFC 6531 §3.5).
    #[error("Non-ASCII addresses need SMTPUTF8")]
    NonAscii,

    // ── the sequence (§4.1.4) ──
    /// MAIL before HELO or EHLO.
    #[error("Say HELO or EHLO first")]
    HelloFirst,
    /// MAIL, STARTTLS or XCLIENT within a transaction.
    #[error("A mail transaction is in progress")]
    InTransaction,
    /// RCPT, DATA or BDAT without MAIL.
    #[error("Need MAIL command")]
    NoTransaction,
    /// RCPT between chunks.
    #[error("Content is under way")]
    InContent,
    /// DATA between chunks (RFC 3030 §2).
    #[error("DATA cannot follow BDAT")]
    Mixed,
    /// DATA or BDAT when every RCPT was refused, or none came (§3.3).
    #[error("No valid recipients")]
    NoRecipients,

    // ── TLS (RFC 3207) ──
    /// STARTTLS under TLS.
    #[error("TLS is active already")]
    TlsActive,
    /// Anything but NOOP, EHLO, STARTTLS, QUIT where TLS is required (§4).
    #[error("Must issue a STARTTLS command first")]
    TlsRequired,
    /// Octets behind STARTTLS in the same breath: they would be read as if they had come under TLS (CVE-2011-0411).
    #[error("Nothing may be pipelined behind STARTTLS")]
    BehindStartTls,

    // ── AUTH (RFC 4954) ──
    /// AUTH in clear: whatever it brought was not looked at.
    #[error("Encryption required for authentication")]
    AuthNeedsTls,
    /// AUTH after one that succeeded (§4).
    #[error("Authenticated already")]
    AuthActive,
    /// Neither PLAIN nor LOGIN.
    #[error("Mechanism not supported")]
    UnknownMechanism,
    /// Not base64, or not what the mechanism says. Never what was wrong: it may have been a password.
    #[error("Malformed authentication data")]
    Credentials,
    /// The client answered a challenge with `*`.
    #[error("Authentication cancelled")]
    AuthCancelled,
    /// A response above [`limits::AUTH_LINE`](super::limits::AUTH_LINE); it was dropped whole.
    #[error("Authentication data too long")]
    ResponseTooLong,
}

impl Violation {
    /// What the client hears.
    pub fn reply(self) -> Reply {
        let (code, subject, detail) = self.codes();
        Reply::new(code, Some(Enhanced((code / 100) as u8, subject, detail)), self.to_string())
    }

    /// Whether the connection ends with the reply, because nothing that follows can be trusted to be what the client meant.
    pub fn closes(self) -> bool {
        match self {
            Self::BareNewline | Self::ChunkSyntax | Self::Http | Self::BehindStartTls => true,
            Self::LineTooLong
            | Self::ControlOctet
            | Self::NoVerb
            | Self::UnknownVerb
            | Self::NotImplemented
            | Self::UnexpectedArgument
            | Self::MissingArgument
            | Self::HelloName
            | Self::MailSyntax
            | Self::RcptSyntax
            | Self::ReversePath(_)
            | Self::ForwardPath(_)
            | Self::Parameter(_)
            | Self::Announcement(_)
            | Self::NonAscii
            | Self::HelloFirst
            | Self::InTransaction
            | Self::NoTransaction
            | Self::InContent
            | Self::Mixed
            | Self::NoRecipients
            | Self::TlsActive
            | Self::TlsRequired
            | Self::AuthNeedsTls
            | Self::AuthActive
            | Self::UnknownMechanism
            | Self::Credentials
            | Self::AuthCancelled
            | Self::ResponseTooLong => false,
        }
    }

    /// Reply code (RFC 5321 §4.2), subject and detail of the enhanced code (RFC 3463, RFC 2034).
    fn codes(self) -> (u16, u16, u16) {
        match self {
            Self::LineTooLong | Self::ResponseTooLong => (500, 5, 6),
            Self::BareNewline | Self::ControlOctet | Self::NoVerb => (500, 5, 2),
            Self::UnknownVerb => (500, 5, 1),
            Self::NotImplemented => (502, 5, 1),
            Self::Http => (554, 5, 1),
            Self::UnexpectedArgument
            | Self::MissingArgument
            | Self::ChunkSyntax
            | Self::HelloName
            | Self::MailSyntax
            | Self::RcptSyntax
            | Self::Announcement(_)
            | Self::ReversePath(PathFault::NoBrackets)
            | Self::ForwardPath(PathFault::NoBrackets) => (501, 5, 4),
            Self::ReversePath(_) => (501, 1, 7),
            Self::ForwardPath(_) => (501, 1, 3),
            Self::Parameter(ParameterFault::Unknown) => (555, 5, 4),
            Self::Parameter(
                ParameterFault::Malformed | ParameterFault::TooMany | ParameterFault::Duplicate | ParameterFault::Value,
            ) => (501, 5, 4),
            Self::NonAscii => (553, 6, 7),
            Self::HelloFirst
            | Self::InTransaction
            | Self::NoTransaction
            | Self::InContent
            | Self::Mixed
            | Self::TlsActive
            | Self::AuthActive => (503, 5, 1),
            Self::NoRecipients | Self::BehindStartTls => (554, 5, 1),
            Self::TlsRequired => (530, 7, 0),
            Self::AuthNeedsTls => (538, 7, 11),
            Self::UnknownMechanism => (504, 5, 4),
            Self::Credentials => (501, 5, 2),
            Self::AuthCancelled => (501, 7, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        let rows = [
            (Violation::LineTooLong, "500 5.5.6 Line too long"),
            (Violation::UnknownVerb, "500 5.5.1 Command not recognized"),
            (Violation::ReversePath(PathFault::NoBrackets), "501 5.5.4 Bad sender address syntax: "),
            (Violation::ReversePath(PathFault::Domain), "501 5.1.7 Bad sender address syntax: the domain is malformed"),
            (Violation::ForwardPath(PathFault::Null), "501 5.1.3 Bad recipient address syntax: "),
            (Violation::Parameter(ParameterFault::Unknown), "555 5.5.4 Bad parameters: parameter not recognized"),
            (Violation::Parameter(ParameterFault::Duplicate), "501 5.5.4 Bad parameters: duplicate parameter"),
            (Violation::ChunkSyntax, "501 5.5.4 Syntax: BDAT size [LAST]"),
            (Violation::NonAscii, "553 5.6.7 Non-ASCII addresses need SMTPUTF8"),
            (Violation::NoRecipients, "554 5.5.1 No valid recipients"),
            (Violation::TlsRequired, "530 5.7.0 Must issue a STARTTLS command first"),
            (Violation::AuthNeedsTls, "538 5.7.11 Encryption required for authentication"),
            (Violation::UnknownMechanism, "504 5.5.4 Mechanism not supported"),
            (Violation::Credentials, "501 5.5.2 Malformed authentication data"),
        ];
        for (violation, expected) in rows {
            assert!(violation.reply().summary().starts_with(expected), "{}", violation.reply().summary());
        }
    }
}
