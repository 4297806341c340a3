//! The end: the outcome is journaled, then the client is answered; or nobody waits for an answer.

use super::{Around, Effect, Phase, Transaction, conclusion::Conclusion};
use crate::{
    record::{Cause, Ending, Fate, ItemState},
    relay::{event::Output, reply},
    smtp::reply::Reply,
};

impl Transaction {
    /// The journal took the intent or the record, or did not.
    pub(in crate::relay) fn journaled(&mut self, result: Result<(), String>, around: &mut Around<'_>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Intending { plan, failed: Some(conclusion) } => {
                self.settle(plan.pending, ItemState::Withdrawn, conclusion, around);
            }
            Phase::Intending { plan, failed: None } => match result {
                Ok(()) => {
                    self.phase = Phase::Dotted { plan };
                    self.with_handover(around, |handover, around| handover.dot(&mut around.world()));
                }
                Err(what) => {
                    let cause = Cause::Gateway { what: format!("journal: {what}") };
                    let conclusion = Conclusion { reply: reply::local_fault(), ending: Ending::Deferred, cause };
                    self.settle(plan.pending, ItemState::Withdrawn, conclusion, around);
                }
            },
            // The record could not be written. What the client hears stays what happened: anything else would lose or double mail.
            Phase::Recording { reply } => {
                self.effects.push_back(Effect::Answer(reply));
                self.effects.push_back(Effect::Over);
            }
            other => self.phase = other,
        }
    }

    /// The outcome is journaled; then the client is answered.
    pub(super) fn conclude(&mut self, conclusion: Conclusion, around: &mut Around<'_>) {
        self.with_handover(around, |handover, around| handover.finish(&mut around.world()));
        let conclusion = self.as_tried(conclusion);
        self.settle_place(conclusion.ending);
        match conclusion.ending {
            Ending::Refused => self.set_fates(Fate::Refused),
            Ending::Deferred => self.set_fates(Fate::Deferred),
            Ending::Held => self.set_fates(Fate::Held),
            Ending::ClientGone | Ending::Abandoned => self.set_fates(Fate::None),
            Ending::Relayed | Ending::RelayedAndHeld | Ending::Unknown => {}
        }
        let reply = conclusion.reply.with_suffix(&self.suffix(conclusion.ending));
        self.record.ending = conclusion.ending;
        self.record.cause = conclusion.cause;
        self.record.reply = (!self.gone).then(|| reply.summary());
        around.put(Output::Forget);
        around.put(Output::Record { record: self.last_record(around.now), acknowledge: true });
        self.phase = Phase::Recording { reply };
    }

    /// What every reply after DATA ends in: the id, and how many recipients were held when some were not.
    pub(super) fn suffix(&self, ending: Ending) -> String {
        if ending != Ending::RelayedAndHeld {
            return self.id.to_string();
        }
        let accepted = self.recipients.iter().filter(|recipient| recipient.is_accepted());
        let held = accepted.clone().filter(|recipient| recipient.facts.fate == Fate::Held).count();
        format!("{}; {held} of {} recipients held", self.id, accepted.count())
    }

    /// The connection is closed with this reply, out of turn: recorded, and over at once.
    pub(super) fn end_and_close(&mut self, reply: Reply, ending: Ending, cause: Cause, around: &mut Around<'_>) {
        self.record.reply = Some(reply.summary());
        self.effects.push_back(Effect::Close(reply));
        self.end_without_reply(ending, cause, around);
    }

    /// Nobody waits for an answer: recorded, and over at once.
    pub(super) fn end_without_reply(&mut self, ending: Ending, cause: Cause, around: &mut Around<'_>) {
        // Recorded once (promise 5): what is over is recorded, or is being.
        if matches!(self.phase, Phase::Over | Phase::Recording { .. }) {
            return;
        }
        let scanning = matches!(self.phase, Phase::Scanning { .. });
        let pending = match &self.phase {
            Phase::HandingOver { plan, .. } | Phase::Intending { plan, .. } => plan.pending,
            _ => false,
        };
        let held_content = !matches!(self.phase, Phase::Envelope { .. });
        self.phase = Phase::Over;
        if let Some(handover) = &mut self.handover {
            handover.finish(&mut around.world());
        }
        if scanning {
            around.put(Output::CancelScan);
        }
        if pending {
            self.record.quarantined = false;
            around.put(Output::SettleItem(self.id.clone(), ItemState::Withdrawn));
        }
        if held_content {
            around.put(Output::Forget);
        }
        self.set_fates(match ending {
            Ending::Deferred => Fate::Deferred,
            Ending::Refused => Fate::Refused,
            _ => Fate::None,
        });
        self.record.ending = ending;
        self.record.cause = cause;
        around.put(Output::Record { record: self.last_record(around.now), acknowledge: false });
        self.effects.push_back(Effect::Over);
    }
}
