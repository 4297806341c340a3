//! Commands: which may come when (RFC 5321 §4.1.4), and what becomes of each.
//!
//! What needs no decision is answered here; what does becomes an [`Event`]. Every way of breaking the grammar, the order or a limit
//! ends in `violate`.

use super::{Event, Farewell, MailFault, NAMED, Session, State, Transaction, own};
use crate::smtp::{
    command::{self, Command, Grammar, Verb},
    envelope::{MailFrom, RcptTo},
    line::Line,
    parameter::MailParameters,
    reply::Reply,
    violation::Violation,
};
impl Session {
    /// One line of the client: an event, or nothing when the session could answer it.
    pub(super) fn line(&mut self, line: Line) -> Result<Option<Event>, Violation> {
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong(verb) if verb.eq_ignore_ascii_case(b"BDAT") => return Err(Violation::ChunkSyntax),
            Line::TooLong(_) => return Err(Violation::LineTooLong),
            Line::BareNewline => return Err(Violation::BareNewline),
        };
        let (verb, argument) = command::split(&line)?;
        if verb == Verb::Bdat {
            // Read before it is permitted: refused or not, its octets follow.
            return command::chunk(argument).map(|chunk| self.chunk(chunk));
        }
        self.permit(verb)?;
        let smtputf8 = matches!(self.state, State::Transaction(Transaction { smtputf8: true, .. }));
        let grammar = Grammar { offer: &self.offer, smtputf8 };
        let command = match Command::parse(verb, argument, grammar) {
            Err(violation) if verb == Verb::Mail => return Ok(self.malformed_mail(argument, violation)),
            command => command?,
        };
        // Only behind a STARTTLS that would be obeyed: behind a malformed one commands may follow, at once or later (promise 7).
        if command == Command::StartTls && !self.unparsed.is_empty() {
            return Err(Violation::BehindStartTls);
        }
        Ok(self.command(command))
    }

    /// Whether a command may come now (§4.1.4).
    pub(super) fn permit(&self, verb: Verb) -> Result<(), Violation> {
        let between_chunks = matches!(self.state, State::BetweenChunks(_));
        let in_transaction = matches!(self.state, State::Transaction(_)) || between_chunks;
        let before_tls = matches!(verb, Verb::Noop | Verb::Ehlo | Verb::StartTls | Verb::Quit);
        match verb {
            // Nobody else needs to know that there is such a thing.
            Verb::XClient if !self.offer.xclient => Err(Violation::NotImplemented),
            Verb::Auth if !self.auth => Err(Violation::NotImplemented),
            _ if self.starttls_required && !self.tls && !before_tls => Err(Violation::TlsRequired),
            // Before it is read: what came in clear is nobody's business.
            Verb::Auth if !self.tls => Err(Violation::AuthNeedsTls),
            Verb::Mail | Verb::Rcpt | Verb::Data | Verb::Bdat | Verb::Auth if self.hello.is_none() => {
                Err(Violation::HelloFirst)
            }
            Verb::Mail | Verb::StartTls | Verb::XClient | Verb::Auth if in_transaction => Err(Violation::InTransaction),
            Verb::Rcpt | Verb::Data | Verb::Bdat if !in_transaction => Err(Violation::NoTransaction),
            Verb::Rcpt if between_chunks => Err(Violation::InContent),
            Verb::Data if between_chunks => Err(Violation::Mixed),
            Verb::Data | Verb::Bdat if matches!(self.state, State::Transaction(Transaction { recipients: 0, .. })) => {
                Err(Violation::NoRecipients)
            }
            Verb::Auth if self.authenticated => Err(Violation::AuthActive),
            Verb::StartTls if self.tls => Err(Violation::TlsActive),
            Verb::StartTls if !self.offer.starttls => Err(Violation::NotImplemented),
            _ => Ok(()),
        }
    }

    /// A command that was understood and may come now.
    fn command(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::Hello(hello) => {
                let reply = if hello.extended {
                    Reply::multiline(250, self.offer.ehlo_lines(&self.hostname, &self.limits))
                } else {
                    Reply::new(250, None, self.hostname.clone())
                };
                self.hello = Some(hello.clone());
                self.state = State::Ready { forgiven: 0 };
                self.say_to_useless(&reply);
                Some(Event::Hello(hello))
            }
            Command::XClient(announced) => {
                self.state = State::XClientAsked;
                Some(Event::Announced(announced))
            }
            Command::Auth(auth) => self.begin_auth(auth),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(rcpt) => self.rcpt(rcpt),
            Command::Data => {
                self.state = State::DataAsked;
                Some(Event::Data)
            }
            Command::Chunk(chunk) => self.chunk(chunk),
            Command::Reset => {
                self.state = State::Ready { forgiven: 0 };
                self.say_to_useless(&own(250, 0, 0, "OK"));
                Some(Event::Reset)
            }
            Command::Noop => self.say_to_useless(&own(250, 0, 0, "OK")),
            Command::Verify => self.say_to_useless(&own(252, 5, 0, "Cannot verify, will take mail and try")),
            Command::Help => {
                self.say_to_useless(&own(214, 0, 0, "HELO EHLO STARTTLS MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT"))
            }
            Command::Quit => {
                self.say(&own(221, 0, 0, "Bye"));
                self.farewell(Farewell::Quit);
                None
            }
            Command::StartTls => {
                self.say(&own(220, 0, 0, "Ready to start TLS"));
                self.state = State::AwaitTls;
                Some(Event::StartTls)
            }
        }
    }

    /// MAIL, unless the connection has had its transactions or the declared size is above what was announced.
    fn mail(&mut self, mail: MailFrom) -> Option<Event> {
        if self.transactions >= self.limits.transactions {
            self.say(&own(421, 3, 2, "Enough for one connection, please open another"));
            self.farewell(Farewell::TooManyTransactions);
            return None;
        }
        // RFC 1870 §4: SIZE 0 announces no limit.
        let announced = if self.offer.size == 0 { u64::MAX } else { self.offer.size };
        if mail.parameters.size.is_some_and(|size| size > announced.min(self.limits.message_size)) {
            let reply = own(552, 3, 4, "Message size exceeds limit");
            self.say(&reply);
            self.state = self.ready_after_refused_mail();
            self.count_useless_command();
            return Some(Event::MailRefused { mail, fault: MailFault::Size, reply });
        }
        self.state = State::MailAsked { smtputf8: mail.parameters.smtputf8 };
        Some(Event::Mail(mail))
    }

    /// MAIL that was not understood. Its sender is told to the owner if it could be read.
    fn malformed_mail(&mut self, argument: &[u8], violation: Violation) -> Option<Event> {
        // A pipelining client cannot know yet that its MAIL was not understood.
        self.state = self.ready_after_refused_mail();
        self.violate(violation);
        let path = command::reverse_path(argument)?;
        let mail = MailFrom { path, parameters: MailParameters::default() };
        Some(Event::MailRefused { mail, fault: MailFault::Malformed(violation), reply: violation.reply() })
    }

    /// RCPT, unless the transaction has all the recipients that it may have.
    fn rcpt(&mut self, rcpt: RcptTo) -> Option<Event> {
        let State::Transaction(transaction) = &mut self.state else { return None };
        let named = transaction.recipients.saturating_add(transaction.refused);
        let room = named < self.limits.recipients.saturating_mul(NAMED);
        if room && transaction.recipients < self.limits.recipients {
            self.state = State::RcptAsked(*transaction);
            return Some(Event::Rcpt(rcpt));
        }
        // §4.5.3.1.10: the client sends the rest in another transaction. Naming them all first is its right, within reason.
        transaction.overshoot += 1;
        let unreasonable = transaction.overshoot > self.limits.recipients;
        self.say(&own(452, 5, 3, "Too many recipients"));
        if unreasonable {
            self.count_error();
        }
        None
    }

    /// The reply to a violation, and its consequence.
    pub(super) fn violate(&mut self, violation: Violation) -> Option<Event> {
        self.say(&violation.reply());
        if violation.closes() {
            self.farewell(Farewell::Violation);
            return None;
        }
        match (&mut self.state, violation) {
            // The last of a pipelined group, none of whose recipients was taken: the refusals were counted.
            (_, Violation::NoRecipients) => self.count_useless_command(),
            (State::Ready { forgiven: forgiven @ 1.. }, Violation::NoTransaction) => *forgiven -= 1,
            (_, Violation::Mixed) => {
                self.state = State::Ready { forgiven: 0 };
                self.count_error();
                return Some(Event::Mixed);
            }
            _ => self.count_error(),
        }
        None
    }
}
