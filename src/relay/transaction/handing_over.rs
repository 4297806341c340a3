//! The next hop gets the content: intent, our dot, its answer; and what becomes of a held part when it says no.

use std::time::Instant;

use super::{
    Around, Phase, Transaction,
    conclusion::{Conclusion, Plan},
    tag,
};
use crate::{
    policy::disposition::Delivery,
    record::{Cause, Ending, Fate, Intent, ItemState},
    relay::{event::Output, reply},
    smtp::reply::Reply,
};

impl Transaction {
    pub(super) fn hand_over(&mut self, plan: Plan, late: Instant, around: &mut Around<'_>) {
        let relayed: Vec<usize> = plan
            .deliveries
            .iter()
            .enumerate()
            .filter_map(|(index, delivery)| matches!(delivery, Delivery::Relay { .. }).then_some(index))
            .collect();
        self.record.tagged.clone_from(&plan.tag);
        // What kept us from asking for one of the recipients is over.
        self.own_fault = None;
        let (held, trace) = plan.received.clone();
        let content = tag::prefix(&trace, plan.tag.as_deref());
        self.phase = Phase::HandingOver { plan, late };
        self.with_handover(around, |handover, around| {
            handover.deliver(relayed, content, trace.len() as u64, &mut around.world());
            handover.available(held, true, &mut around.world());
        });
    }

    /// Everything but the dot is written: the intent goes into the journal first (promise 5).
    pub(super) fn awaits_dot(&mut self, around: &mut Around<'_>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::HandingOver { late, .. } if around.now.monotonic >= late => self.too_late(around),
            Phase::HandingOver { plan, .. } => {
                self.set_planned_fates(&plan, Fate::Unknown);
                let mut record = self.record_now(around.now);
                record.ending = Ending::Unknown;
                around.put(Output::Intent(Box::new(Intent { record: *record })));
                self.phase = Phase::Intending { plan, failed: None };
            }
            other => self.phase = other,
        }
    }

    /// The next hop's answer to our dot.
    pub(super) fn next_hop_answered(&mut self, answer: &Reply, around: &mut Around<'_>) {
        let Phase::Dotted { plan } = std::mem::replace(&mut self.phase, Phase::Over) else { return };
        let told = reply::pass_final(answer);
        let held = plan.deliveries.iter().filter(|delivery| matches!(delivery, Delivery::Hold { .. })).count();
        if told.is_positive() {
            self.set_planned_fates(&plan, Fate::Relayed);
            let ending = if held == 0 { Ending::Relayed } else { Ending::RelayedAndHeld };
            let conclusion = Conclusion { reply: told, ending, cause: Cause::Nothing };
            self.settle(plan.pending, ItemState::Held, conclusion, around);
        } else {
            self.settle(plan.pending, ItemState::Withdrawn, failed(told, answer.summary()), around);
        }
    }

    /// No answer to our dot: the next hop may have the message, and the client must be free to send it again.
    pub(super) fn answer_lost(&mut self, why: String, around: &mut Around<'_>) {
        let Phase::Dotted { plan } = std::mem::replace(&mut self.phase, Phase::Over) else { return };
        self.set_planned_fates(&plan, Fate::Unknown);
        // Their item is withdrawn, and the client sends to them again.
        for recipient in self.recipients.iter_mut().filter(|recipient| recipient.facts.fate == Fate::Held) {
            recipient.facts.fate = Fate::Deferred;
        }
        let cause = Cause::NextHop { what: format!("no answer to the end of mail data: {why}") };
        let conclusion = Conclusion { reply: reply::next_hop_unavailable(), ending: Ending::Unknown, cause };
        self.settle(plan.pending, ItemState::Withdrawn, conclusion, around);
    }

    /// Before our dot: it cannot be handed over.
    pub(super) fn handover_failed(&mut self, told: Reply, why: String, around: &mut Around<'_>) {
        let mut conclusion = failed(told, why);
        if let Some(what) = self.own_fault.take() {
            conclusion.cause = Cause::Gateway { what };
        }
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::HandingOver { plan, .. } | Phase::Dotted { plan } => {
                self.settle(plan.pending, ItemState::Withdrawn, conclusion, around);
            }
            // The journal's answer is awaited first, or it would be taken for its answer to the record.
            Phase::Intending { plan, .. } => self.phase = Phase::Intending { plan, failed: Some(conclusion) },
            // Cut-through failed while content still arrives: the hold has it all, and the end will try again.
            other => self.phase = other,
        }
    }

    pub(super) fn too_late(&mut self, around: &mut Around<'_>) {
        let cause = Cause::Gateway { what: "no verdict in time".into() };
        let conclusion = Conclusion { reply: reply::too_late(), ending: Ending::Deferred, cause };
        self.settle(self.record.quarantined, ItemState::Withdrawn, conclusion, around);
    }

    /// The item of a mixed outcome follows the relayed recipients; then the transaction concludes.
    pub(super) fn settle(&mut self, pending: bool, state: ItemState, conclusion: Conclusion, around: &mut Around<'_>) {
        self.with_handover(around, |handover, around| handover.finish(&mut around.world()));
        if pending {
            self.record.quarantined = state == ItemState::Held;
            around.put(Output::SettleItem(self.id.clone(), state));
            self.phase = Phase::Settling { conclusion };
        } else {
            self.conclude(conclusion, around);
        }
    }

    pub(super) fn set_planned_fates(&mut self, plan: &Plan, relayed: Fate) {
        let accepted = self.recipients.iter_mut().filter(|recipient| recipient.is_accepted());
        for (recipient, delivery) in accepted.zip(&plan.deliveries) {
            recipient.facts.fate = match delivery {
                Delivery::Relay { .. } => relayed,
                Delivery::Hold { .. } => Fate::Held,
            };
        }
    }
}

/// The next hop did not take it, before our dot or in place of an answer to it.
fn failed(told: Reply, why: String) -> Conclusion {
    let ending = if told.is_permanent() { Ending::Refused } else { Ending::Deferred };
    Conclusion { reply: told, ending, cause: Cause::NextHop { what: why } }
}
