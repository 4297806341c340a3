//! The quarantine: an item is made durable before anybody hears 250 for it.

use std::time::Instant;

use super::{
    Around, Phase, Received, Transaction,
    conclusion::{After, Conclusion},
    facts,
};
use crate::{
    policy::{disposition::By, verdict::ScanVerdict},
    record::{Cause, Ending, EnvelopeParameters, Item, ItemClass, ItemState},
    relay::{event::Output, reply},
};

impl Transaction {
    pub(super) fn item(
        &self,
        by: By,
        received: &Received,
        deciding: &ScanVerdict,
        recipients: &[usize],
        state: ItemState,
        acknowledged: bool,
    ) -> Box<Item> {
        let held = recipients.iter().filter_map(|index| {
            let recipient = self.recipients.get(*index)?;
            Some((recipient.admitted.as_ref()?.path.to_string(), recipient.parameters.clone()))
        });
        let (paths, parameters) = held.unzip();
        Box::new(Item {
            id: self.id.clone(),
            class: ItemClass::of(by, deciding),
            state,
            acknowledged,
            received_at: self.received_at(),
            reverse_path: self.record.reverse_path.clone(),
            recipients: paths,
            parameters: EnvelopeParameters { mail: self.mail.parameters.clone(), recipients: parameters },
            subject: self.record.first_subject(),
            size: self.record.size.unwrap_or_default(),
            sha256: self.record.sha256.clone().unwrap_or_default(),
            trace_length: received.trace.len() as u64,
            reason: facts::reason(by, &received.judgement, deciding),
        })
    }

    pub(super) fn keep(&mut self, item: Box<Item>, after: After, late: Instant, around: &mut Around<'_>) {
        if let After::Conclude { .. } = after {
            // Nothing of it will be relayed: the next hop's connection is free for others while the disk works.
            self.with_handover(around, |handover, around| handover.finish(&mut around.world()));
        }
        around.put(Output::Quarantine(item));
        self.phase = Phase::Keeping { after, late };
    }

    /// The item is durable, or is not.
    pub(in crate::relay) fn quarantined(&mut self, result: Result<(), String>, around: &mut Around<'_>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Keeping { after, late } => self.kept(result, after, late, around),
            // Withdrawing or confirming failed: the item stays *pending*, and is listed for a human at the next start.
            Phase::Settling { conclusion } => self.conclude(conclusion, around),
            other => self.phase = other,
        }
    }

    pub(super) fn kept(&mut self, result: Result<(), String>, after: After, late: Instant, around: &mut Around<'_>) {
        self.record.quarantined = result.is_ok();
        match (result, after) {
            (Ok(()), _) if self.gone => {
                // The client did not wait for its answer and will send again: what was held now would be held twice.
                self.record.quarantined = false;
                around.put(Output::SettleItem(self.id.clone(), ItemState::Withdrawn));
                let conclusion = Conclusion {
                    reply: reply::local_fault(),
                    ending: Ending::ClientGone,
                    cause: Cause::Client { what: "gone before the answer".into() },
                };
                self.phase = Phase::Settling { conclusion };
            }
            (Ok(()), After::Conclude { conclusion, .. }) => self.conclude(conclusion, around),
            (Ok(()), After::HandOver(plan)) => self.hand_over(plan, late, around),
            (Err(_), After::Conclude { conclusion, acknowledged: false }) => self.conclude(conclusion, around),
            (Err(what), _) => self.conclude(
                Conclusion {
                    reply: reply::storage_full(),
                    ending: Ending::Deferred,
                    cause: Cause::Gateway { what: format!("quarantine: {what}") },
                },
                around,
            ),
        }
    }
}
