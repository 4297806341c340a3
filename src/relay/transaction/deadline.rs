//! Which of our deadlines runs in which phase, and what happens when it passes.

use std::time::Instant;

use super::{Around, Phase, Transaction};
use crate::{
    record::{Cause, Ending},
    relay::{
        event::{Moment, Output},
        handover::Handover,
        reply,
        settings::{PATIENCE, Settings},
    },
};

impl Transaction {
    /// When something must have happened.
    pub(in crate::relay) fn deadline(&self, settings: &Settings) -> Option<Instant> {
        let own = match &self.phase {
            Phase::Envelope { asking: None } => Some(self.heard + settings.timeouts.command),
            Phase::Content(_) => self.content_deadline(settings),
            // Not while an item is made durable: nothing could be done but to wait on, with a deadline that is over.
            Phase::Scanning { late, .. } | Phase::HandingOver { late, .. } => Some(*late),
            _ => None,
        };
        let handover = self.handover.as_ref();
        let patience = handover
            .filter(|handover| handover.is_open() && !self.is_deciding())
            .map(|_| self.waits.0.min(self.heard) + PATIENCE);
        [own, handover.and_then(Handover::deadline), patience].into_iter().flatten().min()
    }

    /// Time passed: deadlines are looked at.
    pub(in crate::relay) fn time_passed(&mut self, around: &mut Around<'_>) {
        self.give_back_if_idle(around);
        self.with_handover(around, |handover, around| handover.time_passed(&mut around.world()));
        let now: Moment = around.now;
        match &self.phase {
            Phase::Content(_) => self.content_time_passed(around),
            Phase::Envelope { asking: None } if now.monotonic >= self.heard + around.settings.timeouts.command => {
                let cause = Cause::Client { what: "silent between commands".into() };
                self.end_and_close(reply::idle(), Ending::ClientGone, cause, around);
            }
            Phase::Scanning { late, .. } if now.monotonic >= *late => {
                self.phase = Phase::Over;
                around.put(Output::CancelScan);
                self.too_late(around);
            }
            Phase::HandingOver { late, .. } if now.monotonic >= *late => self.too_late(around),
            _ => {}
        }
    }
}
