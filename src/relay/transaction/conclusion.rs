//! From the end of mail data to the client's answer: scan, decide, keep, hand over, record.

use std::time::Instant;

use bytes::Bytes;

use super::{Around, Effect, Phase, Received, Transaction, facts};
use crate::{
    policy::{
        disposition::{self, By, Delivery, Disposition},
        rule::Judgement,
        verdict::{ScanVerdict, ScannerReport},
    },
    record::{Cause, Ending, Fate, Intent, Item, ItemClass, ItemState, TransactionId},
    relay::{
        event::{Moment, Output},
        reply,
        settings::Settings,
    },
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

/// The `X-Portaria:` field that says why a message is tagged. All of it is ours: names of rules and signatures are reduced to
/// what cannot break a header.
pub(super) fn tag_field(
    by: By,
    judgement: &Judgement,
    worst: &ScanVerdict,
    id: &TransactionId,
    settings: &Settings,
) -> String {
    let what = match by {
        By::Rule(index) => {
            let rule = judgement.matches.get(index).map_or("?", |matched| matched.rule.as_str());
            let rule: String = rule
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '?' })
                .take(100)
                .collect();
            format!("rule={rule}")
        }
        By::Antivirus => format!("verdict={}", worst.name()),
    };
    format!("X-Portaria: {}; {what};\r\n\tid={id}\r\n", settings.hostname)
}

/// What goes in front of the content: our `Received:`, then the tag.
pub(super) fn prefix(trace: &Bytes, tag: Option<&str>) -> Bytes {
    match tag {
        None => trace.clone(),
        Some(tag) => [trace.as_ref(), tag.as_bytes()].concat().into(),
    }
}

/// The next hop did not take it, before our dot or in place of an answer to it.
fn failed(told: Reply, why: String) -> Conclusion {
    let ending = if told.is_permanent() { Ending::Refused } else { Ending::Deferred };
    Conclusion { reply: told, ending, cause: Cause::NextHop { what: why } }
}

impl Transaction {
    /// All content is held: ask the scanners.
    pub(super) fn scan(&mut self, received: Received, around: &mut Around<'_>) {
        let late = around.now.monotonic + around.settings.timeouts.verdict;
        self.phase = Phase::Scanning { received, late };
        if around.settings.antivirus {
            around.put(Output::Scan);
        } else {
            let report = ScannerReport {
                group: "none".into(),
                scanner: "none".into(),
                verdict: ScanVerdict::NotScanned,
                took_ms: 0,
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

    fn refuse_by_rule(&mut self, by: By, received: &Received, worst: &ScanVerdict, around: &mut Around<'_>) {
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
    fn refuse_with_copy(&mut self, received: &Received, worst: &ScanVerdict, late: Instant, around: &mut Around<'_>) {
        let conclusion = Conclusion {
            reply: reply::refused_by_antivirus(worst),
            ending: Ending::Refused,
            cause: facts::cause(By::Antivirus, worst),
        };
        let everyone = (0..self.recipients.len()).collect::<Vec<_>>();
        let item = self.item(By::Antivirus, received, worst, &everyone, ItemState::Held, false);
        self.keep(item, After::Conclude { conclusion, acknowledged: false }, late, around);
    }

    fn deliver(
        &mut self,
        deliveries: Vec<Delivery>,
        received: &Received,
        worst: &ScanVerdict,
        late: Instant,
        around: &mut Around<'_>,
    ) {
        let held_by = self.note_deliveries(&deliveries);
        let tag = deliveries.iter().find_map(|delivery| match delivery {
            Delivery::Relay { tag } => *tag,
            Delivery::Hold { .. } => None,
        });
        let tag = tag.map(|by| tag_field(by, &received.judgement, worst, &self.id, around.settings));
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
    fn note_deliveries(&mut self, deliveries: &[Delivery]) -> Option<(By, Vec<usize>)> {
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

    fn held_reply(&self, by: By) -> Reply {
        let By::Rule(index) = by else { return reply::held() };
        self.record
            .rules
            .get(index)
            .map_or_else(reply::held, |rule| reply::held_by_rule(rule.reply.as_deref(), &rule.rule, self.id.as_str()))
    }

    fn item(
        &self,
        by: By,
        received: &Received,
        worst: &ScanVerdict,
        recipients: &[usize],
        state: ItemState,
        acknowledged: bool,
    ) -> Box<Item> {
        let paths = recipients
            .iter()
            .filter_map(|index| self.recipients.get(*index)?.admitted.as_ref())
            .map(|admitted| admitted.path.to_string());
        Box::new(Item {
            id: self.id.clone(),
            class: ItemClass::of(by, worst),
            state,
            acknowledged,
            received_at: self.received_at(),
            reverse_path: self.record.reverse_path.clone(),
            recipients: paths.collect(),
            subject: self.record.subjects.first().cloned().unwrap_or_default(),
            size: self.record.size.unwrap_or_default(),
            sha256: self.record.sha256.clone().unwrap_or_default(),
            trace_length: received.trace.len() as u64,
            reason: facts::reason(by, &received.judgement, worst),
        })
    }

    fn keep(&mut self, item: Box<Item>, after: After, late: Instant, around: &mut Around<'_>) {
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

    fn kept(&mut self, result: Result<(), String>, after: After, late: Instant, around: &mut Around<'_>) {
        self.record.quarantined = result.is_ok();
        match (result, after) {
            // A copy of what is refused anyway stays; nobody counts on it.
            (Ok(()), After::Conclude { conclusion, acknowledged: false }) => self.conclude(conclusion, around),
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

    fn hand_over(&mut self, plan: Plan, late: Instant, around: &mut Around<'_>) {
        let relayed: Vec<usize> = plan
            .deliveries
            .iter()
            .enumerate()
            .filter_map(|(index, delivery)| matches!(delivery, Delivery::Relay { .. }).then_some(index))
            .collect();
        self.record.tagged.clone_from(&plan.tag);
        let (held, trace) = plan.received.clone();
        let content = prefix(&trace, plan.tag.as_deref());
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
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::HandingOver { plan, .. } | Phase::Dotted { plan } => {
                self.settle(plan.pending, ItemState::Withdrawn, failed(told, why), around);
            }
            // The journal's answer is awaited first, or it would be taken for its answer to the record.
            Phase::Intending { plan, .. } => self.phase = Phase::Intending { plan, failed: Some(failed(told, why)) },
            // Cut-through failed while content still arrives: the hold has it all, and the end will try again.
            other => self.phase = other,
        }
    }

    fn too_late(&mut self, around: &mut Around<'_>) {
        let cause = Cause::Gateway { what: "no verdict in time".into() };
        let conclusion = Conclusion { reply: reply::too_late(), ending: Ending::Deferred, cause };
        self.settle(self.record.quarantined, ItemState::Withdrawn, conclusion, around);
    }

    /// The item of a mixed outcome follows the relayed recipients; then the transaction concludes.
    fn settle(&mut self, pending: bool, state: ItemState, conclusion: Conclusion, around: &mut Around<'_>) {
        self.with_handover(around, |handover, around| handover.finish(&mut around.world()));
        if pending {
            self.record.quarantined = state == ItemState::Held;
            around.put(Output::SettleItem(self.id.clone(), state));
            self.phase = Phase::Settling { conclusion };
        } else {
            self.conclude(conclusion, around);
        }
    }

    fn set_planned_fates(&mut self, plan: &Plan, relayed: Fate) {
        let accepted = self.recipients.iter_mut().filter(|recipient| recipient.is_accepted());
        for (recipient, delivery) in accepted.zip(&plan.deliveries) {
            recipient.facts.fate = match delivery {
                Delivery::Relay { .. } => relayed,
                Delivery::Hold { .. } => Fate::Held,
            };
        }
    }

    /// The outcome is journaled; then the client is answered.
    pub(super) fn conclude(&mut self, conclusion: Conclusion, around: &mut Around<'_>) {
        self.with_handover(around, |handover, around| handover.finish(&mut around.world()));
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
        around.put(Output::Record { record: self.record_now(around.now), acknowledge: true });
        self.phase = Phase::Recording { reply };
    }

    /// What every reply after DATA ends in: the id, and how many recipients were held when some were not.
    fn suffix(&self, ending: Ending) -> String {
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
        if matches!(self.phase, Phase::Over) {
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
        if scanning && around.settings.antivirus {
            around.put(Output::CancelScan);
        }
        if pending {
            self.record.quarantined = false;
            around.put(Output::SettleItem(self.id.clone(), ItemState::Withdrawn));
        }
        if held_content {
            around.put(Output::Forget);
        }
        self.set_fates(if ending == Ending::Deferred { Fate::Deferred } else { Fate::None });
        self.record.ending = ending;
        self.record.cause = cause;
        around.put(Output::Record { record: self.record_now(around.now), acknowledge: false });
        self.effects.push_back(Effect::Over);
    }

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
            .map(|_| self.waits.0.min(self.heard) + super::super::settings::PATIENCE);
        [own, handover.and_then(crate::relay::handover::Handover::deadline), patience].into_iter().flatten().min()
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
