//! The client side: first the introduction (greeting, EHLO, STARTTLS), then mail transactions.
//!
//! Both are machines over octets. Every octet that goes out is encoded here from values that we understood; every octet
//! that comes in is a reply, or the connection is of no use.

use bytes::Bytes;

use super::{
    envelope::{MailFrom, RcptTo},
    extension::Capabilities,
    reply::{Reply, ReplyFault},
};

/// Whether the connection is to be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsWish {
    /// Never.
    Off,
    /// If the server offers it.
    Opportunistic,
    /// Or not at all.
    Required,
}

/// What the introduction wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write these octets.
    Send(Bytes),
    /// Do the TLS handshake, then call [`Introduction::tls_established`].
    StartTls,
    /// The server is ready for MAIL.
    Ready(Capabilities),
    /// It is not, and never will be on this connection.
    Failed(IntroductionFault),
    /// More octets are needed.
    Receive,
}

/// Why an introduction failed. All of these are about us, not about the message (`design.md` §6.4).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntroductionFault {
    /// The greeting, EHLO and HELO, or STARTTLS was answered with this.
    #[error("the next hop answered {command} with {}", reply.summary())]
    Refused {
        /// `greeting`, `EHLO`, `HELO`, `STARTTLS`.
        command: &'static str,
        /// Its reply.
        reply: Reply,
    },
    /// TLS is required, and it is not offered.
    #[error("TLS is required and the next hop does not offer it")]
    NoTls,
    /// Octets after the reply to STARTTLS and before TLS (CVE-2011-0411, client side).
    #[error("octets were sent between the reply to STARTTLS and TLS")]
    Injection,
    /// What came was not a reply.
    #[error(transparent)]
    NotAReply(#[from] ReplyFault),
}

/// Greeting, EHLO (HELO if that is refused with 5xx), STARTTLS, EHLO again.
#[derive(Debug)]
pub struct Introduction {}

impl Introduction {
    /// For a connection just opened.
    pub fn new(hostname: &str, tls: TlsWish) -> Self {
        let _ = (hostname, tls);
        todo!()
    }
    /// Octets came.
    pub fn receive(&mut self, octets: &[u8]) {
        let _ = octets;
        todo!()
    }
    /// What to do now. Call it again after every answer to its wishes until it says `Receive`, `Ready` or `Failed`.
    pub fn poll(&mut self) -> Step {
        todo!()
    }
    /// The handshake succeeded.
    pub fn tls_established(&mut self) {
        todo!()
    }
}

/// What a reply of the next hop answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// MAIL.
    Mail,
    /// The n-th RCPT of this transaction, from 0, in the order asked.
    Rcpt(usize),
    /// DATA.
    Data,
    /// The end of mail data.
    EndOfMailData,
    /// RSET.
    Reset,
}

/// What is wrong with what the next hop sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialogueFault {
    /// A reply that answers nothing (or comes while content flows, before our end of mail data).
    #[error("the next hop sent a reply that answers nothing: {}", .0.summary())]
    Unsolicited(Reply),
    /// Not a reply at all.
    #[error(transparent)]
    NotAReply(#[from] ReplyFault),
}

/// One mail transaction on a connection that is ready for MAIL. Commands are sent together under PIPELINING (DATA last in its
/// group, RFC 2920 §3.1), one by one otherwise.
#[derive(Debug)]
pub struct Transaction {}

impl Transaction {
    /// For a connection with these capabilities.
    pub fn new(capabilities: Capabilities) -> Self {
        let _ = capabilities;
        todo!()
    }
    /// Asks MAIL. Parameters that the next hop does not offer (SIZE, BODY, RET, ENVID) are left out; SMTPUTF8 is the caller's
    /// to check first. `size` is the declared size plus our trace fields, or `None`.
    pub fn mail(&mut self, mail: &MailFrom, size: Option<u64>) {
        let _ = (mail, size);
        todo!()
    }
    /// Asks RCPT. NOTIFY and ORCPT go along only under DSN.
    pub fn rcpt(&mut self, rcpt: &RcptTo) {
        let _ = rcpt;
        todo!()
    }
    /// Asks DATA. Only after the replies to MAIL and to at least one RCPT were polled.
    pub fn data(&mut self) {
        todo!()
    }
    /// Content, after 354; encoded here.
    pub fn content(&mut self, content: Bytes) {
        let _ = content;
        todo!()
    }
    /// The final dot.
    pub fn end_of_mail_data(&mut self) {
        todo!()
    }
    /// Asks RSET; the transaction can begin anew with MAIL once it is answered. Not allowed between 354 and the final dot.
    pub fn reset(&mut self) {
        todo!()
    }
    /// Octets came.
    pub fn receive(&mut self, octets: &[u8]) {
        let _ = octets;
        todo!()
    }
    /// The next answer.
    pub fn poll_answer(&mut self) -> Option<Result<(Question, Reply), DialogueFault>> {
        todo!()
    }
    /// What is to be written now.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        todo!()
    }
    /// Questions asked and not answered yet (queued ones included).
    pub fn outstanding(&self) -> usize {
        todo!()
    }
    /// Whether mail data has begun (354 was answered to DATA) and has not been ended: then only closing abandons it.
    pub fn in_mail_data(&self) -> bool {
        todo!()
    }
    /// What the next hop offered.
    pub fn capabilities(&self) -> &Capabilities {
        todo!()
    }
}
