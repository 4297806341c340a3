//! The server side of the dialogue: octets in, events out; answers in, octets out.
//!
//! At most one event awaits an answer, and until it is answered nothing further is parsed. That one rule settles
//! pipelining, slow policy and STARTTLS injection.
//!
//! The session answers by itself what needs no decision: HELO, EHLO, RSET, NOOP, VRFY, HELP, QUIT, STARTTLS, and every way of
//! breaking the protocol or a limit. Who may send what to whom, and what becomes of the content, it does not know.

mod auth;
mod chunks;
mod commands;
mod event;
#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};

use super::{
    auth::Exchange,
    extension::Offer,
    limits::{self, Limits},
    line::LineDecoder,
    mail_data::{BareNewlines, MailData, MailDataDecoder, chunk::ChunkDecoder},
    reply::{Enhanced, Reply},
    violation::Violation,
};

pub use super::command::Hello;
pub use event::{Event, Farewell, MailFault};

/// Commands without any use (HELO, EHLO, RSET, NOOP, VRFY, HELP, a MAIL too large, a DATA for no one) that are free since the
/// last recipient or message that was taken; each further one is an error. Postfix's `smtpd_junk_command_limit` is 100 too.
/// Without it a client could keep a connection for ever, and be answered as fast as it writes.
const USELESS_COMMANDS: u32 = 100;

/// Times the limit of recipients that a transaction may name, those refused included. The owner keeps each of them for the record,
/// and a refusal with 4xx is no error: without this a client fills its memory.
const NAMED: usize = 2;

/// Octets of the buffers that a session keeps while its client is slow to speak: room for a command, and for our longest reply. What
/// was larger is given back.
const KEPT: usize = 256;

/// What the session waits for. The fields of a state exist only in it.
#[derive(Debug)]
enum State {
    /// To be told to greet; until then the client has nothing to say.
    Greeting,
    /// A command outside a transaction.
    Ready {
        /// Commands out of sequence that are no error: after a refused MAIL those that were pipelined behind it still
        /// come (RFC 2920 §3.1), and their sender did nothing wrong.
        forgiven: usize,
    },
    /// The answer to XCLIENT.
    XClientAsked,
    /// The client's response to a challenge of AUTH.
    Authenticating(Exchange),
    /// The answer to AUTH.
    AuthAsked,
    /// The answer to MAIL.
    MailAsked { smtputf8: bool },
    /// A command inside a transaction.
    Transaction(Transaction),
    /// The answer to RCPT.
    RcptAsked(Transaction),
    /// The answer to DATA.
    DataAsked,
    /// Octets of mail data.
    MailData(MailDataDecoder),
    /// Octets of a chunk.
    Chunk(ChunkDecoder),
    /// The answer to a chunk that is not the last one.
    ChunkAsked(ChunkDecoder),
    /// A command between chunks.
    BetweenChunks(ChunkDecoder),
    /// Octets of a chunk that is refused; then that is said, and everything is as before.
    Swallowing { left: u64, violation: Violation, before: Box<State> },
    /// The answer to the end of mail data.
    Ended { bare_newline: bool },
    /// The handshake.
    AwaitTls,
    /// That its last event is taken.
    Farewell(Farewell),
    /// Nothing, ever.
    Closed,
}

/// What an open transaction is to this module.
#[derive(Clone, Copy, Debug)]
struct Transaction {
    smtputf8: bool,
    /// Accepted ones.
    recipients: usize,
    /// Those that the owner refused.
    refused: usize,
    /// Those refused because there were enough.
    overshoot: usize,
}

/// The server side of one connection.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    offer: Offer,
    hostname: String,
    starttls_required: bool,
    bare_newlines: BareNewlines,
    tls: bool,
    /// Clients may log in here, once they are under TLS.
    auth: bool,
    /// The client has.
    authenticated: bool,
    /// What MAIL needs; forgotten when TLS begins (RFC 3207 §4.2).
    hello: Option<Hello>,
    /// Since the last message that was taken (as Postfix counts): an MTA that sends a thousand messages over one connection may
    /// well have a few unknown users in each.
    errors: u32,
    useless_commands: u32,
    transactions: u32,
    /// Octets of chunks that were refused unseen since the last MAIL that was taken.
    swallowed: u64,
    state: State,
    lines: LineDecoder,
    unparsed: BytesMut,
    /// The most that was ever unparsed since its buffer was made, which says how large that is: the capacity counts only from where it is
    /// read.
    most_unparsed: usize,
    transmit: BytesMut,
}

impl Session {
    /// A session that greets with 220 as its first transmission. `tls`: the connection is under TLS already (implicit).
    /// `starttls_required`: before TLS all but NOOP, EHLO, STARTTLS and QUIT get `530 5.7.0`.
    pub fn new(hostname: &str, mut offer: Offer, limits: Limits, tls: bool, starttls_required: bool) -> Self {
        offer.starttls &= !tls;
        let auth = offer.auth;
        offer.auth &= tls;
        let mut session = Self {
            limits,
            offer,
            hostname: hostname.to_owned(),
            starttls_required,
            bare_newlines: BareNewlines::Refuse,
            tls,
            auth,
            authenticated: false,
            hello: None,
            errors: 0,
            useless_commands: 0,
            transactions: 0,
            swallowed: 0,
            state: State::Ready { forgiven: 0 },
            lines: LineDecoder::default(),
            unparsed: BytesMut::new(),
            most_unparsed: 0,
            transmit: BytesMut::new(),
        };
        session.say(&session.greeting());
        session
    }

    /// What is said first, and again as the answer to an XCLIENT that is taken.
    pub fn greeting(&self) -> Reply {
        Reply::new(220, None, format!("{} ESMTP", self.hostname))
    }

    /// What becomes of bare CR and LF in mail data; without this they are refused. In commands they always are: whoever cannot end a
    /// command has said nothing yet that would be lost.
    pub fn with_bare_newlines(self, bare_newlines: BareNewlines) -> Self {
        Self { bare_newlines, ..self }
    }

    /// A session that greets only when [`Session::greet`] says so; whoever speaks before that hears 554 instead (RFC 5321 §3.1, §4.3.1: the
    /// client waits for the greeting; what does not is seldom an MTA).
    pub fn with_delayed_greeting(mut self) -> Self {
        self.transmit.clear();
        self.state = State::Greeting;
        self
    }

    /// Greets, if it was delayed and nothing came meanwhile.
    pub fn greet(&mut self) {
        if matches!(self.state, State::Greeting) {
            self.state = State::Ready { forgiven: 0 };
            self.say(&self.greeting());
        }
    }

    /// Takes octets from the wire. How many may wait unparsed is the owner's business ([`Session::unparsed`]).
    pub fn receive(&mut self, octets: &[u8]) {
        match self.state {
            State::Farewell(_) | State::Closed => {}
            // They came in clear behind STARTTLS and must never be read as if under TLS. 220 is said: only silence is left.
            State::AwaitTls if !octets.is_empty() => self.farewell(Farewell::Violation),
            State::Greeting if !octets.is_empty() => {
                self.say(&own(554, 5, 1, "Spoken before the greeting"));
                self.farewell(Farewell::EarlyTalk);
            }
            _ => {
                if self.unparsed.capacity() == 0 {
                    self.unparsed.reserve(octets.len().max(KEPT));
                }
                self.unparsed.extend_from_slice(octets);
                self.most_unparsed = self.most_unparsed.max(self.unparsed.len());
            }
        }
    }

    /// Takes octets from the wire as [`Session::receive`] does. Mail data is read where it stands, without a copy, if nobody else has a part of its
    /// buffer.
    pub fn receive_buffer(&mut self, octets: Bytes) {
        if !self.is_in_mail_data() || !self.unparsed.is_empty() {
            return self.receive(&octets);
        }
        match octets.try_into_mut() {
            Ok(octets) => {
                self.most_unparsed = octets.capacity();
                self.unparsed = octets;
            }
            Err(octets) => self.receive(&octets),
        }
    }

    /// The next event, if there is one and none awaits an answer.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.next_event();
        // What is left of a piece keeps the whole piece in memory: 128 KiB for half a command, or for nothing at all.
        if event.is_none() && self.most_unparsed > KEPT && self.unparsed.len() <= limits::COMMAND_LINE {
            self.unparsed = BytesMut::from(self.unparsed.as_ref());
            self.most_unparsed = self.unparsed.len();
        }
        event
    }

    fn next_event(&mut self) -> Option<Event> {
        loop {
            match &mut self.state {
                State::Ready { .. } | State::Transaction(_) | State::BetweenChunks(_) => {
                    let line = self.lines.decode(&mut self.unparsed)?;
                    if let Some(event) = self.line(line).unwrap_or_else(|violation| self.violate(violation)) {
                        return Some(event);
                    }
                }
                State::MailData(decoder) => {
                    return Some(match decoder.decode(&mut self.unparsed)? {
                        MailData::Content(content) => Event::Content(content),
                        MailData::End => {
                            let bare_newline = decoder.saw_bare_newline();
                            self.state = State::Ended { bare_newline };
                            Event::EndOfMailData { bare_newline }
                        }
                    });
                }
                State::Authenticating(_) => {
                    let line = self.lines.decode_within(&mut self.unparsed, limits::AUTH_LINE)?;
                    if let Some(event) = self.response(line).unwrap_or_else(|violation| self.violate(violation)) {
                        return Some(event);
                    }
                }
                State::Chunk(_) => return self.poll_chunk(),
                State::Swallowing { .. } => {
                    if let Some(event) = self.swallow()? {
                        return Some(event);
                    }
                }
                State::Farewell(why) => {
                    let why = *why;
                    self.state = State::Closed;
                    return Some(Event::Close(why));
                }
                State::XClientAsked | State::AuthAsked => return None,
                State::MailAsked { .. } | State::RcptAsked(_) => return None,
                State::DataAsked | State::ChunkAsked(_) | State::Ended { .. } => return None,
                State::Greeting | State::AwaitTls | State::Closed => return None,
            }
        }
    }

    /// Answers the event that awaits it; without one, nothing happens. A 421 closes the session. A 2xx to XCLIENT begins it anew, to
    /// AUTH says that the client has logged in, to MAIL opens the transaction, to RCPT counts the recipient, 354 to DATA starts mail data; any other answer to DATA ends the
    /// transaction. 2xx to a chunk lets the next one come, any other ends the transaction. After any answer to the end of mail
    /// data it is over. A 3xx where none belongs, or a 2xx to DATA, is a bug of the owner and becomes `451 4.3.0`.
    pub fn answer(&mut self, reply: Reply) {
        let reply = if self.fits(&reply) { reply } else { own(451, 3, 0, "Internal error") };
        let taken = reply.is_positive();
        let refused_for_good = reply.is_permanent()
            && matches!(self.state, State::AuthAsked | State::MailAsked { .. } | State::RcptAsked(_));
        let deferred = reply.is_transient() && matches!(self.state, State::AuthAsked | State::MailAsked { .. });
        let next = match &self.state {
            State::XClientAsked => {
                // As for STARTTLS: what is counted stays counted, since the connection is the same. What was pipelined behind it is
                // read: it came from the same client, over the same channel, before and after.
                self.hello = self.hello.take().filter(|_| !taken);
                // What was said in clear may not be known any more under TLS (RFC 3207 §4.2), since anybody on the way could have
                // said it; and to forget for whom a proxy speaks would make its client pass for the proxy.
                self.offer.starttls &= !taken;
                // Whoever logged in was the one who announces, and not the one who is announced.
                self.authenticated &= !taken;
                State::Ready { forgiven: 0 }
            }
            State::AuthAsked => {
                self.authenticated = taken;
                State::Ready { forgiven: 0 }
            }
            State::MailAsked { smtputf8 } if taken => {
                self.transactions += 1;
                self.swallowed = 0;
                State::Transaction(Transaction { smtputf8: *smtputf8, recipients: 0, refused: 0, overshoot: 0 })
            }
            State::MailAsked { .. } => self.ready_after_refused_mail(),
            State::RcptAsked(transaction) => {
                let recipients = transaction.recipients + usize::from(taken);
                let refused = transaction.refused + usize::from(!taken);
                State::Transaction(Transaction { recipients, refused, ..*transaction })
            }
            State::DataAsked if reply.is_intermediate() => State::MailData(MailDataDecoder::with(self.bare_newlines)),
            State::ChunkAsked(decoder) if taken => State::BetweenChunks(decoder.clone()),
            // RFC 3030 §2: chunks may be in the pipeline already.
            State::ChunkAsked(_) => self.ready_after_refused_mail(),
            State::Ended { bare_newline: true } => State::Farewell(Farewell::Violation),
            State::DataAsked | State::Ended { .. } => State::Ready { forgiven: 0 },
            _ => return,
        };
        if taken && matches!(self.state, State::RcptAsked(_) | State::Ended { .. }) {
            self.useless_commands = 0;
        }
        if taken && matches!(self.state, State::Ended { .. }) {
            self.errors = 0;
        }
        let useless = matches!(self.state, State::XClientAsked);
        self.state = next;
        self.say(&reply);
        if useless {
            self.count_useless_command();
        }
        if reply.code() == 421 {
            self.farewell(Farewell::Asked);
        } else if matches!(self.state, State::Farewell(_)) {
            self.unparsed.clear();
        } else if refused_for_good {
            self.count_error();
        } else if deferred {
            // "Later" is not at once, again and again, on the same connection.
            self.count_useless_command();
        }
    }

    /// The TLS handshake succeeded: everything is forgotten (RFC 3207 §4.2), nothing is buffered. What is counted stays
    /// counted, since the connection is the same.
    pub fn tls_established(&mut self) {
        if matches!(self.state, State::AwaitTls) {
            self.tls = true;
            self.offer.starttls = false;
            self.offer.auth = self.auth;
            self.hello = None;
            self.lines = LineDecoder::default();
            self.unparsed.clear();
            self.state = State::Ready { forgiven: 0 };
        }
    }

    /// Says 421 `text` out of turn (drain, deadline) and closes; pending events are dropped, only [`Event::Close`] comes.
    /// Between the 220 to STARTTLS and the handshake nothing can be said, so nothing is.
    pub fn close_with(&mut self, reply: Reply) {
        match self.state {
            State::Farewell(_) | State::Closed => return,
            State::AwaitTls => {}
            _ => self.say(&reply),
        }
        self.farewell(Farewell::Asked);
    }

    /// What is to be written to the client now.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        if self.transmit.is_empty() {
            return None;
        }
        // What is small leaves its buffer here, to be used again once it is written.
        let small = self.transmit.len() <= KEPT;
        Some(if small { self.transmit.split() } else { std::mem::take(&mut self.transmit) }.freeze())
    }

    /// The last HELO or EHLO (under TLS: since TLS).
    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// Whether the session is under TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether the client has logged in.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// Whether an event awaits its answer.
    pub fn awaits_answer(&self) -> bool {
        matches!(
            self.state,
            State::XClientAsked
                | State::AuthAsked
                | State::MailAsked { .. }
                | State::RcptAsked(_)
                | State::DataAsked
                | State::ChunkAsked(_)
                | State::Ended { .. }
        )
    }

    /// Whether what comes is mail data and not a command.
    pub fn is_in_mail_data(&self) -> bool {
        matches!(self.state, State::MailData(_) | State::Chunk(_))
    }

    /// Whether what comes is a chunk that was refused: octets that are of no use to anyone.
    pub fn is_swallowing(&self) -> bool {
        matches!(self.state, State::Swallowing { .. })
    }

    /// Octets received and not parsed yet.
    pub fn unparsed(&self) -> usize {
        self.unparsed.len()
    }

    /// Whether what is unparsed is one whole QUIT line and nothing else: an end of stream behind it is a polite one.
    pub fn only_quit_is_left(&self) -> bool {
        self.unparsed.eq_ignore_ascii_case(b"QUIT\r\n")
    }

    /// The state after a MAIL that opened nothing, or a chunk that ended it: RCPTs and a DATA, or chunks, may have been pipelined
    /// behind it.
    fn ready_after_refused_mail(&self) -> State {
        State::Ready { forgiven: self.limits.recipients.saturating_add(1) }
    }

    /// Whether a reply can be the answer to what was asked.
    fn fits(&self, reply: &Reply) -> bool {
        let refuses = reply.is_transient() || reply.is_permanent();
        match self.state {
            State::DataAsked => reply.code() == 354 || refuses,
            _ => reply.is_positive() || refuses,
        }
    }

    fn say(&mut self, reply: &Reply) {
        if self.transmit.capacity() == 0 {
            self.transmit.reserve(KEPT);
        }
        reply.put(&mut self.transmit);
    }

    /// Answers a command that brings no message nearer.
    fn say_to_useless(&mut self, reply: &Reply) -> Option<Event> {
        self.say(reply);
        self.count_useless_command();
        None
    }

    /// One command more that was of no use; see [`USELESS_COMMANDS`].
    fn count_useless_command(&mut self) {
        self.useless_commands = self.useless_commands.saturating_add(1);
        if self.useless_commands > USELESS_COMMANDS {
            self.count_error();
        }
    }

    /// One error more. The 421 comes as a reply of its own, behind that of the command that was one too many (§3.8).
    fn count_error(&mut self) {
        self.errors = self.errors.saturating_add(1);
        if self.errors > self.limits.errors {
            self.say(&own(421, 7, 0, "Too many errors"));
            self.farewell(Farewell::TooManyErrors);
        }
    }

    /// Nothing further is read.
    fn farewell(&mut self, why: Farewell) {
        self.state = State::Farewell(why);
        self.unparsed.clear();
    }
}

/// A reply of our own; the class of its enhanced code is that of its code.
fn own(code: u16, subject: u16, detail: u16, text: &'static str) -> Reply {
    Reply::new(code, Some(Enhanced((code / 100) as u8, subject, detail)), text)
}
