//! The server side of the dialogue: octets in, events out; answers in, octets out.
//!
//! At most one event awaits an answer, and until it is answered nothing further is parsed. That one rule settles
//! pipelining, slow policy and STARTTLS injection.

use bytes::{Bytes, BytesMut};

use super::{
    envelope::{MailFrom, RcptTo},
    extension::Offer,
    limits::Limits,
    reply::Reply,
};

/// What the client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// HELO or EHLO; answered by the session itself. Any transaction is over.
    Hello(Hello),
    /// RSET; answered by the session itself. Any transaction is over.
    Reset,
    /// STARTTLS; the session has said 220. Wait for the transmit buffer to be written, do the handshake, then call
    /// [`Session::tls_established`]. Nothing further is parsed until then.
    StartTls,
    /// MAIL; to be answered with [`Session::answer`].
    Mail(MailFrom),
    /// RCPT; to be answered.
    Rcpt(RcptTo),
    /// DATA with at least one recipient; to be answered with 354 or a refusal.
    Data,
    /// Content of the message; not answered.
    Content(Bytes),
    /// The end of mail data; to be answered with the final reply.
    EndOfMailData {
        /// A bare CR or LF was in it: the content is to be refused (`550 5.6.11`), and the session closes after the answer.
        bare_newline: bool,
    },
    /// The session has said its last reply (QUIT, too many errors, a violation): write what is to be transmitted, then close.
    Close(Farewell),
}

/// HELO or EHLO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The argument, as written (valid by a lax grammar: no control octets, at most 255).
    pub name: String,
    /// EHLO.
    pub extended: bool,
}

/// Why the session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// QUIT.
    Quit,
    /// Too many errors.
    TooManyErrors,
    /// Octets were pipelined behind STARTTLS, or a bare CR or LF was in commands or data.
    Violation,
    /// The owner asked for it with a 421.
    Asked,
}

/// The server side of one connection.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    offer: Offer,
    hostname: String,
    unparsed: BytesMut,
}

impl Session {
    /// A session that greets with 220 as its first transmission. `tls`: the connection is under TLS already (implicit).
    /// `starttls_required`: MAIL before TLS gets `530 5.7.0`.
    pub fn new(hostname: &str, offer: Offer, limits: Limits, tls: bool, starttls_required: bool) -> Self {
        let _ = (tls, starttls_required);
        Self { limits, offer, hostname: hostname.to_owned(), unparsed: BytesMut::new() }
    }
    /// Takes octets from the wire.
    pub fn receive(&mut self, octets: &[u8]) {
        self.unparsed.extend_from_slice(octets);
    }
    /// The next event, if there is one and none awaits an answer.
    pub fn poll_event(&mut self) -> Option<Event> {
        let _ = (&self.limits, &self.offer, &self.hostname);
        todo!()
    }
    /// Answers the event that awaits it. A 421 closes the session. A 2xx to MAIL opens the transaction, to RCPT counts the
    /// recipient, 354 to DATA starts mail data. After any answer to the end of mail data the transaction is over.
    pub fn answer(&mut self, reply: Reply) {
        let _ = reply;
        todo!()
    }
    /// The TLS handshake succeeded: everything is forgotten (RFC 3207 §4.2), nothing is buffered.
    pub fn tls_established(&mut self) {
        todo!()
    }
    /// Says 421 `text` out of turn (drain, deadline) and closes; pending events are dropped.
    pub fn close_with(&mut self, reply: Reply) {
        let _ = reply;
        todo!()
    }
    /// What is to be written to the client now.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        todo!()
    }
    /// The last HELO or EHLO.
    pub fn hello(&self) -> Option<&Hello> {
        todo!()
    }
    /// Whether the session is under TLS.
    pub fn is_tls(&self) -> bool {
        todo!()
    }
    /// Whether an event awaits its answer.
    pub fn awaits_answer(&self) -> bool {
        todo!()
    }
    /// Octets received and not parsed yet.
    pub fn unparsed(&self) -> usize {
        self.unparsed.len()
    }
    /// Whether what is unparsed is nothing, or nothing but one whole QUIT line: an end of stream behind it is a polite one.
    pub fn only_quit_is_left(&self) -> bool {
        todo!()
    }
}
