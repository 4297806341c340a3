//! The application that a transaction is of: what its entry adds, from MAIL to the record.
//!
//! In: the entry as it was when MAIL came, and what the client says. Out: the same decisions as for everybody, those of its entry, and,
//! while it is on trial, a record of what would have been, in place of it.

use std::sync::Arc;

use super::{Around, Phase, Transaction, conclusion::Conclusion};
use crate::{
    language::Language,
    message::originator::OriginatorFault,
    policy::{
        Admitted,
        application::{
            Application, State,
            hours::Place,
            refusal::{ApplicationRefusal, Why},
        },
        disposition::{By, Delivery},
        refusal::Refusal,
        verdict::ScanVerdict,
    },
    record::{ApplicationFacts, Cause, Ending, WouldBe},
    relay::reply,
    smtp::{envelope::RcptTo, reply::Reply},
};

/// A message of an application.
#[derive(Debug)]
pub(in crate::relay) struct Sending {
    /// Its entry.
    pub(in crate::relay) application: Arc<Application>,
    /// As whom it has logged in.
    pub(in crate::relay) login: Option<String>,
    /// Its place in the hour; none when MAIL was refused.
    pub(in crate::relay) place: Option<Place>,
}

impl Sending {
    pub(in crate::relay) fn facts(&self) -> ApplicationFacts {
        ApplicationFacts {
            id: self.application.id.to_string(),
            state: self.application.state,
            login: self.login.clone(),
            would_be: None,
        }
    }
}

/// The cause of what policy refused.
fn cause(refusal: &Refusal) -> Cause {
    let reason = refusal.reason().in_language(Language::En).to_owned();
    Cause::Policy { name: refusal.name().to_owned(), reason }
}

impl Transaction {
    /// It is of this application.
    pub(in crate::relay) fn with_sending(mut self, sending: Option<Sending>) -> Self {
        self.record.application = sending.as_ref().map(Sending::facts);
        self.sending = sending;
        self
    }

    /// The application, while it is on trial: nothing of it is ever relayed.
    pub(super) fn on_trial(&self) -> Option<&Application> {
        let application = &*self.sending.as_ref()?.application;
        (application.state == State::Observe).then_some(application)
    }

    pub(super) fn decide_recipient(&self, rcpt: &RcptTo, around: &Around<'_>) -> Result<Admitted, Refusal> {
        let accepted = self.recipients.iter().filter(|recipient| recipient.is_accepted()).count();
        match &self.sending {
            Some(sending) => {
                self.policy.rcpt_of(&sending.application, rcpt, &self.mail.path, accepted, around.now.wall)
            }
            None => self.policy.rcpt(rcpt, &self.mail.path, around.now.wall),
        }
    }

    /// MAIL is refused: what the client hears, and why, for the record.
    pub(in crate::relay) fn refused_for(&mut self, refusal: &Refusal) -> (Reply, Cause) {
        let (reply, why) = (refusal.reply(), cause(refusal));
        let ending = if reply.is_permanent() { Ending::Refused } else { Ending::Deferred };
        let told = self.as_tried(Conclusion { reply, ending, cause: why });
        (told.reply, told.cause)
    }

    /// What a refusal of RCPT is told as: one on trial hears 450, whatever it would have heard.
    pub(super) fn told(&self, refusal: &Refusal) -> Reply {
        self.on_trial().map_or_else(|| refusal.reply(), observed)
    }

    /// How the message ends if its header section names somebody else.
    pub(super) fn foreign_originator(&self) -> Option<Conclusion> {
        let sending = self.sending.as_ref()?;
        let said = match &self.phase {
            Phase::Content(incoming) => incoming.originators(),
            // Nobody judges then; if somebody did, nobody would be named.
            _ => Err(OriginatorFault::Absent),
        };
        let refusal = self.policy.from_of(&sending.application, &said).err()?;
        Some(Conclusion { reply: refusal.reply(), ending: Ending::Refused, cause: cause(&refusal) })
    }

    /// What would be delivered, as the end of a message on trial.
    pub(super) fn would_deliver(&mut self, deliveries: &[Delivery], deciding: &ScanVerdict) -> Option<Conclusion> {
        self.on_trial()?;
        let by = self.note_deliveries(deliveries).map(|(by, _)| by);
        let relayed = deliveries.iter().any(|delivery| matches!(delivery, Delivery::Relay { .. }));
        let (ending, reply) = match (by, relayed) {
            (None, _) => (Ending::Relayed, reply::would_be_relayed()),
            (Some(_), true) => (Ending::RelayedAndHeld, reply::would_be_relayed()),
            (Some(by), false) => (Ending::Held, self.held_reply(by)),
        };
        let cause = by.map_or(Cause::Nothing, |by: By| super::facts::cause(by, deciding));
        Some(Conclusion { reply, ending, cause })
    }

    /// The end of a message, as it is told: on trial the decision goes into the record, and the client hears 450. What no decision was (a
    /// limit, the protocol, our own trouble) is what it is.
    pub(super) fn as_tried(&mut self, conclusion: Conclusion) -> Conclusion {
        let decided = matches!(
            conclusion.cause,
            Cause::Nothing | Cause::Policy { .. } | Cause::Rule { .. } | Cause::Scanner { .. }
        );
        let Some(application) = self.on_trial().filter(|_| decided) else { return conclusion };
        let refusal = application.refuses(Why::Observed);
        let tried = Conclusion { reply: refusal.reply(), ending: Ending::Deferred, cause: cause(&refusal) };
        self.note_would_be(conclusion.ending, conclusion.cause, &conclusion.reply);
        tried
    }

    /// The decision that is not carried out.
    pub(super) fn note_would_be(&mut self, ending: Ending, cause: Cause, reply: &Reply) {
        if let Some(facts) = &mut self.record.application {
            facts.would_be = Some(WouldBe { ending, cause, reply: reply.summary() });
        }
    }

    /// What was taken counts in its hour; whatever else has become of it gives its place back.
    pub(super) fn settle_place(&mut self, ending: Ending) {
        let place = self.sending.as_mut().and_then(|sending| sending.place.take());
        let taken = matches!(ending, Ending::Relayed | Ending::Held | Ending::RelayedAndHeld | Ending::Unknown);
        if let Some(place) = place.filter(|_| taken) {
            place.keep();
        }
    }
}

fn observed(application: &Application) -> Reply {
    ApplicationRefusal::of(application, Why::Observed).reply()
}
