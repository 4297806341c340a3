//! The scanners answered: verdicts become one disposition, and the disposition a plan.

use std::time::Instant;

use bytes::Bytes;

use super::{Around, Phase, Received, Transaction, facts, tag};
use crate::{
    policy::{
        disposition::{self, By, Delivery, Disposition},
        verdict::{ScanVerdict, ScannerReport},
        verdict_action::Deciding,
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
    /// All content is held: ask the scanners, but for those whom an order in force spares. What is in force now is what this message is
    /// judged by, whatever the clock shows when the scanners answer.
    pub(super) fn scan(&mut self, received: Received, around: &mut Around<'_>) {
        let (late, at) = (around.now.monotonic + around.settings.timeouts.verdict, around.now.wall);
        let groups = &around.settings.scanner_groups;
        let contingency = self.policy.scanning.contingency_at(at);
        let is_spared = |group: &&String| contingency.is_some_and(|contingency| contingency.spares(group));
        let spared: Vec<String> = groups.iter().filter(is_spared).cloned().collect();
        self.record.scanners =
            contingency.map_or_else(Vec::new, |it| spared.iter().map(|group| it.report(group)).collect());
        if groups.is_empty() {
            self.record.scanners.push(own_report("none", "none", ScanVerdict::NotScanned));
        }
        if spared.len() == groups.len() {
            self.judged(received, late, around);
        } else {
            self.phase = Phase::Scanning { received, late, at };
            around.put(Output::Scan { spared, sha256: self.record.sha256.clone().unwrap_or_default() });
        }
    }

    /// The scanners answered: decide.
    pub(in crate::relay) fn scanned(&mut self, mut reports: Vec<ScannerReport>, around: &mut Around<'_>) {
        let (received, late, at) = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Scanning { received, late, at } => (received, late, at),
            other => {
                self.phase = other;
                return;
            }
        };
        if reports.is_empty() {
            // Somebody was asked, and that another group was spared by order answers nothing.
            let text = "no scanner answered".to_owned();
            reports.push(own_report("all", "none", ScanVerdict::Unavailable { text }));
        }
        let client = self.record.client.address;
        let weighed = reports.into_iter().map(|it| self.policy.scanning.weigh(it, &self.mail.path, client, at));
        self.record.scanners.extend(weighed);
        self.judged(received, late, around);
    }

    /// Everything is said that there is to say. What the gateway itself found stands in the record beside the scanners' reports.
    fn judged(&mut self, received: Received, late: Instant, around: &mut Around<'_>) {
        self.phase = Phase::Over;
        if let Some(reason) = received.ambiguous.clone() {
            self.record.scanners.push(own_report("gateway", "mime", ScanVerdict::Ambiguous { reason }));
        }
        let Deciding { verdict, action } = around.settings.actions.deciding(&self.record.scanners);
        let accepted = self.recipients.iter().filter(|recipient| recipient.is_accepted()).count();
        match disposition::decide(&received.judgement, accepted, action) {
            Disposition::Refuse(By::Rule(index)) => self.refuse_by_rule(By::Rule(index), &received, &verdict, around),
            Disposition::Refuse(By::Antivirus) => self.refuse_with_copy(&received, &verdict, late, around),
            Disposition::Defer => self.conclude(
                Conclusion { reply: reply::not_checked(), ending: Ending::Deferred, cause: Cause::Scanner { verdict } },
                around,
            ),
            Disposition::Deliver(deliveries) => self.deliver(deliveries, &received, &verdict, late, around),
        }
    }

    pub(super) fn refuse_by_rule(
        &mut self,
        by: By,
        received: &Received,
        deciding: &ScanVerdict,
        around: &mut Around<'_>,
    ) {
        let rule = match by {
            By::Rule(index) => received.judgement.matches.get(index),
            By::Antivirus => None,
        };
        let told = rule.map(|rule| reply::refused_by_rule(rule.reply.as_deref(), &rule.rule, self.id.as_str()));
        let conclusion = Conclusion {
            reply: told.unwrap_or_else(reply::local_fault),
            ending: Ending::Refused,
            cause: facts::cause(by, deciding),
        };
        self.conclude(conclusion, around);
    }

    /// Antivirus refuses: a copy goes to the quarantine, as well as can be.
    pub(super) fn refuse_with_copy(
        &mut self,
        received: &Received,
        deciding: &ScanVerdict,
        late: Instant,
        around: &mut Around<'_>,
    ) {
        let conclusion = Conclusion {
            reply: reply::refused_by_antivirus(deciding),
            ending: Ending::Refused,
            cause: facts::cause(By::Antivirus, deciding),
        };
        let everyone = (0..self.recipients.len()).collect::<Vec<_>>();
        let item = self.item(By::Antivirus, received, deciding, &everyone, ItemState::Held, false);
        self.keep(item, After::Conclude { conclusion, acknowledged: false }, late, around);
    }

    pub(super) fn deliver(
        &mut self,
        deliveries: Vec<Delivery>,
        received: &Received,
        deciding: &ScanVerdict,
        late: Instant,
        around: &mut Around<'_>,
    ) {
        let held_by = self.note_deliveries(&deliveries);
        let tag = deliveries.iter().find_map(|delivery| match delivery {
            Delivery::Relay { tag } => *tag,
            Delivery::Hold { .. } => None,
        });
        let tag = tag.map(|by| tag::field(by, &received.judgement, deciding, &self.id, around.settings));
        let relayed = deliveries.iter().any(|delivery| matches!(delivery, Delivery::Relay { .. }));
        let plan =
            Plan { deliveries, received: (received.held, received.trace.clone()), tag, pending: held_by.is_some() };
        match (held_by, relayed) {
            (None, _) => self.hand_over(plan, late, around),
            (Some((by, held)), true) => {
                let item = self.item(by, received, deciding, &held, ItemState::Pending, true);
                self.keep(item, After::HandOver(plan), late, around);
            }
            (Some((by, held)), false) => {
                let conclusion =
                    Conclusion { reply: self.held_reply(by), ending: Ending::Held, cause: facts::cause(by, deciding) };
                let item = self.item(by, received, deciding, &held, ItemState::Held, true);
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

/// What is said in place of a scanner, or beside them.
fn own_report(group: &str, scanner: &str, verdict: ScanVerdict) -> ScannerReport {
    let (group, scanner) = (group.to_owned(), scanner.to_owned());
    ScannerReport { group, scanner, verdict, took_ms: 0, version: None, findings: Vec::new(), action: None }
}
