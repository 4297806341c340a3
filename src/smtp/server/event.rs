//! What a server session tells its owner.

use bytes::Bytes;

use super::Hello;
use crate::smtp::{
    announcement::Announcement,
    auth::Credentials,
    envelope::{MailFrom, RcptTo},
    reply::Reply,
    violation::Violation,
};

/// What the client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// HELO or EHLO; answered by the session itself. Any transaction is over.
    Hello(Hello),
    /// RSET; answered by the session itself. Any transaction is over.
    Reset,
    /// STARTTLS; the session has said 220. Wait for the transmit buffer to be written, do the handshake, then call
    /// [`Session::tls_established`](super::Session::tls_established). Nothing further is parsed until then.
    StartTls,
    /// XCLIENT; to be answered with 220, and then the session is where it was when it greeted, or with a refusal.
    Announced(Announcement),
    /// AUTH, all of it; to be answered with 235, and then the session has logged in, or with a refusal.
    Authenticate(Credentials),
    /// MAIL; to be answered with [`Session::answer`](super::Session::answer).
    Mail(MailFrom),
    /// MAIL that named a sender and was refused by the session itself, which has said so; not answered.
    MailRefused {
        /// What was understood of it.
        mail: MailFrom,
        /// Why.
        fault: MailFault,
        /// What the client heard.
        reply: Reply,
    },
    /// RCPT; to be answered.
    Rcpt(RcptTo),
    /// DATA with at least one recipient; to be answered with 354 or a refusal, which ends the transaction.
    Data,
    /// BDAT with at least one recipient: a chunk of so many octets follows, the first of the message or another one. Not answered.
    Chunk(u64),
    /// All of a chunk came, and it was not the last one; to be answered: with 2xx for the next one, or with a refusal, which
    /// ends the transaction (RFC 3030 §2). Further chunks are then swallowed and refused by the session itself.
    EndOfChunk,
    /// DATA behind BDAT; refused by the session itself. The transaction is over: its content can be told neither way.
    Mixed,
    /// Content of the message; not answered.
    Content(Bytes),
    /// The end of mail data, by the dot or by the last chunk; to be answered with the final reply.
    EndOfMailData {
        /// A bare CR or LF was in it, and is not mended here: the content is to be refused (`550 5.6.11`), and the session closes after the answer.
        bare_newline: bool,
    },
    /// The session has said its last reply (QUIT, too many errors, a violation): write what is to be transmitted, then close.
    Close(Farewell),
}

/// Why a MAIL was refused without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailFault {
    /// The size that it declares is above the limit (RFC 1870 §6.1).
    Size,
    /// Something behind its path.
    Malformed(Violation),
}

/// Why the session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// QUIT.
    Quit,
    /// Too many errors.
    TooManyErrors,
    /// As many transactions as one connection may have.
    TooManyTransactions,
    /// Octets were pipelined behind STARTTLS, or a bare CR or LF was in commands or data, or what came is not SMTP.
    Violation,
    /// Octets came before the greeting.
    EarlyTalk,
    /// The owner asked for it with a 421.
    Asked,
}
