//! The scanners answered: verdicts become one disposition, and the disposition a plan.

use std::time::Instant;

use bytes::Bytes;

use super::{Around, Phase, Received, Transaction, facts, tag};
use crate::{
    policy::{
        disposition::{self, By, Delivery, Disposition},
        verdict::{ScanVerdict, ScannerReport},
    },
    record::{Cause, Ending, ItemState},
    relay::{event::Output, reply},
    smtp::reply::Reply,
};

/// How the transaction ends.
#[derive(Clone, Debug)]
pub(super) struct Conclusion {
    pub reply: Reply,
    pub ending: Ending,
    pub cause: Cause,
}

/// Who gets what.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// For each accepted recipient.
    pub deliveries: Vec<Delivery>,
    pub received: (u64, Bytes),
    pub tag: Option<String>,
    /// Some recipients' item stands in the quarantine as *pending*.
    pub pending: bool,
}

/// What follows once an item is durable.
#[derive(Debug)]
pub(super) enum After {
    /// Nothing is relayed.
    Conclude {
        conclusion: Conclusion,
        /// The client hears 250 for it: without the item it must not. Otherwise it is a copy of what was refused, best effort.
        acknowledged: bool,
    },
    /// The other recipients are relayed.
    HandOver(Plan),
}

impl Transaction {
    /// All content is held: ask the scanners.
    pub(super) fn scan(&mut self, received: Received, around: &mut Around<'_>) {
        let late = around.now.monotonic + around.settings.timeouts.verdict;
        self.phase = Phase::Scanning { received, late };
        if around.settings.antivirus {
            around.put(Output::Scan { sha256: self.record.sha256.clone().unwrap_or_default() });
        } else {
            let report = ScannerReport {
                group: "none".into(),
                scanner: "none".into(),
                verdict: ScanVerdict::NotScanned,
                took_ms: 0,
                version: None,
            };
            self.scanned(vec![report], around);
        }
    }

    /// The scanners answered: decide.
    pub(in crate::relay) fn scanned(&mut self, reports: Vec<ScannerReport>, around: &mut Around<'_>) {
        let (received, late) = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Scanning { received, late } => (received, late),
            other => {
                self.phase = other;
                return;
            }
        };
        let worst = facts::worst(&reports);
        self.record.scanners = reports;
        let worst = self.beside_own_finding(worst, received.ambiguous.as_deref(), around);
        let accepted = self.recipients.iter().filter(|recipient| recipient.is_accepted()).count();
        match disposition::decide(&received.judgement, accepted, &worst, &around.settings.actions) {
            Disposition::Refuse(By::Rule(index)) => self.refuse_by_rule(By::Rule(index), &received, &worst, around),
            Disposition::Refuse(By::Antivirus) => self.refuse_with_copy(&received, &worst, late, around),
            Disposition::Defer => self.conclude(
                Conclusion {
                    reply: reply::not_checked(),
                    ending: Ending::Deferred,
                    cause: Cause::Scanner { verdict: worst },
                },
                around,
            ),
            Disposition::Deliver(deliveries) => self.deliver(deliveries, &received, &worst, late, around),
        }
    }

    /// What the gateway itself found stands in the record beside the scanners' reports.
    fn beside_own_finding(&mut self, worst: ScanVerdict, ambiguous: Option<&str>, around: &Around<'_>) -> ScanVerdict {
        let Some(reason) = ambiguous else { return worst };
        let verdict = ScanVerdict::Ambiguous { reason: reason.to_owned() };
        self.record.scanners.push(ScannerReport {
            group: "gateway".into(),
            scanner: "mime".into(),
            verdict: verdict.clone(),
            took_ms: 0,
            version: None,
        });
        around.settings.actions.deciding(worst, verdict)
    }

    pub(super) fn refuse_by_rule(&mut self, by: By, received: &Received, worst: &ScanVerdict, around: &mut Around<'_>) {
        let rule = match by {
            By::Rule(index) => received.judgement.matches.get(index),
            By::Antivirus => None,
        };
        let told = rule.map(|rule| reply::refused_by_rule(rule.reply.as_deref(), &rule.rule, self.id.as_str()));
        let conclusion = Conclusion {
            reply: told.unwrap_or_else(reply::local_fault),
            ending: Ending::Refused,
            cause: facts::cause(by, worst),
        };
        self.conclude(conclusion, around);
    }

    /// Antivirus refuses: a copy goes to the quarantine, as well as can be.
    pub(super) fn refuse_with_copy(
        &mut self,
        received: &Received,
        worst: &ScanVerdict,
        late: Instant,
        around: &mut Around<'_>,
    ) {
        let conclusion = Conclusion {
            reply: reply::refused_by_antivirus(worst),
            ending: Ending::Refused,
            cause: facts::cause(By::Antivirus, worst),
        };
        if self.on_trial().is_some() {
            return self.conclude(conclusion, around);
        }
        let everyone = (0..self.recipients.len()).collect::<Vec<_>>();
        let item = self.item(By::Antivirus, received, worst, &everyone, ItemState::Held, false);
        self.keep(item, After::Conclude { conclusion, acknowledged: false }, late, around);
    }

    pub(super) fn deliver(
        &mut self,
        deliveries: Vec<Delivery>,
        received: &Received,
        worst: &ScanVerdict,
        late: Instant,
        around: &mut Around<'_>,
    ) {
        if let Some(conclusion) = self.would_deliver(&deliveries, worst) {
            return self.conclude(conclusion, around);
        }
        let held_by = self.note_deliveries(&deliveries);
        let tag = deliveries.iter().find_map(|delivery| match delivery {
            Delivery::Relay { tag } => *tag,
            Delivery::Hold { .. } => None,
        });
        let tag = tag.map(|by| tag::field(by, &received.judgement, worst, &self.id, around.settings));
        let relayed = deliveries.iter().any(|delivery| matches!(delivery, Delivery::Relay { .. }));
        let plan =
            Plan { deliveries, received: (received.held, received.trace.clone()), tag, pending: held_by.is_some() };
        match (held_by, relayed) {
            (None, _) => self.hand_over(plan, late, around),
            (Some((by, held)), true) => {
                let item = self.item(by, received, worst, &held, ItemState::Pending, true);
                self.keep(item, After::HandOver(plan), late, around);
            }
            (Some((by, held)), false) => {
                let conclusion =
                    Conclusion { reply: self.held_reply(by), ending: Ending::Held, cause: facts::cause(by, worst) };
                let item = self.item(by, received, worst, &held, ItemState::Held, true);
                self.keep(item, After::Conclude { conclusion, acknowledged: true }, late, around);
            }
        }
    }

    /// Writes into the recipients' facts who is held and why; gives the first reason and the held ones' indices.
    pub(super) fn note_deliveries(&mut self, deliveries: &[Delivery]) -> Option<(By, Vec<usize>)> {
        let mut held: Option<(By, Vec<usize>)> = None;
        let accepted = self.recipients.iter_mut().enumerate().filter(|(_, recipient)| recipient.is_accepted());
        for ((index, recipient), delivery) in accepted.zip(deliveries) {
            let by = match delivery {
                Delivery::Hold { by, downgraded } => {
                    recipient.facts.downgraded = *downgraded;
                    held.get_or_insert_with(|| (*by, Vec::new())).1.push(index);
                    Some(*by)
                }
                Delivery::Relay { tag } => *tag,
            };
            if let Some(By::Rule(rule)) = by {
                recipient.facts.decided_by_rule = Some(rule);
            }
        }
        held
    }

    pub(super) fn held_reply(&self, by: By) -> Reply {
        let By::Rule(index) = by else { return reply::held() };
        self.record
            .rules
            .get(index)
            .map_or_else(reply::held, |rule| reply::held_by_rule(rule.reply.as_deref(), &rule.rule, self.id.as_str()))
    }
}
