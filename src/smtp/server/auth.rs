//! AUTH: one exchange at a time, between transactions, under TLS (RFC 4954 §4).
//!
//! In: the command, and the lines behind our challenges. Out: challenges, and at the end one event. Lines of an exchange are never
//! read as commands; who breaks it off, or cannot say what it asks for, is where it was before.

use super::{Event, Session, State};
use crate::smtp::{
    auth::{Auth, Exchange, Step},
    line::Line,
    reply::Reply,
    violation::Violation,
};

impl Session {
    /// AUTH, well formed and permitted.
    pub(super) fn begin_auth(&mut self, auth: Auth) -> Option<Event> {
        match Exchange::begin(auth) {
            Ok(step) => self.step(step),
            Err(violation) => self.violate(violation),
        }
    }

    /// The line behind a challenge.
    pub(super) fn response(&mut self, line: Line) -> Result<Option<Event>, Violation> {
        let State::Authenticating(exchange) = std::mem::replace(&mut self.state, State::Ready { forgiven: 0 }) else {
            return Ok(None);
        };
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong(_) => return Err(Violation::ResponseTooLong),
            Line::BareNewline => return Err(Violation::BareNewline),
        };
        exchange.respond(&line).map(|step| self.step(step))
    }

    fn step(&mut self, step: Step) -> Option<Event> {
        match step {
            Step::Ask(exchange) => {
                self.say(&Reply::challenge(exchange.challenge()));
                self.state = State::Authenticating(exchange);
                None
            }
            Step::Done(credentials) => {
                self.state = State::AuthAsked;
                Some(Event::Authenticate(credentials))
            }
        }
    }
}
