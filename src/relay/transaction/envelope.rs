//! RCPT: policy first, then the next hop's own answer, so that an unknown user is refused before DATA.

use std::time::{Duration, Instant};

use super::{Around, Effect, Phase, Transaction};
use crate::{
    language::Language,
    policy::{Admitted, refusal::Refusal},
    record::{AnsweredBy, Fate, RecipientFacts},
    relay::{
        event::{NextHopFailure, NextHopReady},
        handover::{Handover, Progress},
        reply,
        settings::{GRACE, GRACE_FLOWING, PATIENCE, PATIENCE_OCTETS},
    },
    smtp::{client::ForwardedClient, envelope::RcptTo, parameter::RcptParameters, reply::Reply},
};

/// One RCPT of the transaction.
#[derive(Debug)]
pub(in crate::relay) struct Recipient {
    /// What goes into the record.
    pub(super) facts: RecipientFacts,
    /// Set once policy admitted it and the next hop accepted it.
    pub(super) admitted: Option<Admitted>,
    /// NOTIFY and ORCPT: an item keeps them until it is released.
    pub(super) parameters: RcptParameters,
}

impl Recipient {
    pub(super) fn is_accepted(&self) -> bool {
        self.admitted.is_some()
    }

    fn new(rcpt: &RcptTo, mailbox: Option<&Admitted>, answer: &Reply, answered_by: AnsweredBy) -> Self {
        let fate = if answer.is_positive() { Fate::None } else { Fate::RefusedAtRcpt };
        Self {
            facts: RecipientFacts {
                address: rcpt.path.to_string(),
                mailbox: mailbox.filter(|admitted| admitted.served).map(|admitted| admitted.mailbox.clone()),
                reply: answer.summary(),
                answered_by,
                refusal: None,
                fate,
                decided_by_rule: None,
                downgraded: false,
            },
            admitted: None,
            parameters: rcpt.parameters.clone(),
        }
    }
}

impl Transaction {
    /// RCPT. Answered at once when policy refuses it, else when the next hop has spoken.
    pub(in crate::relay) fn rcpt(&mut self, rcpt: RcptTo, around: &mut Around<'_>) {
        let admitted = match self.decide_recipient(&rcpt, around) {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refuse_recipient(&rcpt, &refusal),
        };
        if self.handover.is_none() {
            self.handover = Some(Handover::new(admitted.next_hop.clone(), self.mail.clone(), self.forwarded()));
        }
        let Some(handover) = &mut self.handover else { return };
        if *handover.name() != admitted.next_hop {
            let answer = reply::other_next_hop();
            self.recipients.push(Recipient::new(&rcpt, Some(&admitted), &answer, AnsweredBy::Gateway));
            self.effects.push_back(Effect::Answer(answer));
            return;
        }
        let asked = RcptTo { path: admitted.path.clone(), parameters: rcpt.parameters.clone() };
        // The answer is not known yet; `asked` below puts in what the client hears.
        let mut recipient = Recipient::new(&rcpt, Some(&admitted), &reply::next_hop_unavailable(), AnsweredBy::Gateway);
        recipient.admitted = Some(admitted);
        self.recipients.push(recipient);
        self.phase = Phase::Envelope { asking: Some(self.recipients.len().saturating_sub(1)) };
        handover.ask(asked, &mut around.world());
        self.progress(around);
    }

    /// What a next hop that asks for it is told of the client.
    fn forwarded(&self) -> ForwardedClient {
        let client = &self.record.client;
        ForwardedClient {
            name: client.name.clone(),
            address: client.address,
            port: client.port,
            hello: client.hello.clone(),
            protocol: self.with.as_str(),
            ident: self.id.to_string(),
        }
    }

    fn refuse_recipient(&mut self, rcpt: &RcptTo, refusal: &Refusal) {
        let answer = self.told(refusal);
        let mut recipient = Recipient::new(rcpt, None, &answer, AnsweredBy::Gateway);
        let reason = refusal.reason().in_language(Language::En).to_owned();
        recipient.facts.mailbox = refusal.mailbox();
        recipient.facts.refusal = Some((refusal.name().to_owned(), reason));
        self.recipients.push(recipient);
        self.effects.push_back(Effect::Answer(answer));
    }

    /// The next hop's answer to a RCPT, or ours in its place.
    pub(super) fn asked(&mut self, answer: Reply, by_next_hop: bool) {
        let Phase::Envelope { asking } = &mut self.phase else { return };
        let Some(recipient) = asking.take().and_then(|index| self.recipients.get_mut(index)) else { return };
        recipient.facts.reply = answer.summary();
        recipient.facts.answered_by = if by_next_hop { AnsweredBy::NextHop } else { AnsweredBy::Gateway };
        if answer.is_positive() {
            recipient.facts.fate = Fate::None;
        } else {
            recipient.facts.fate = Fate::RefusedAtRcpt;
            recipient.admitted = None;
        }
        self.effects.push_back(Effect::Answer(answer));
    }

    // ── what the next hop's side of the world did ──

    pub(in crate::relay) fn next_hop_ready(&mut self, ready: NextHopReady, around: &mut Around<'_>) {
        self.with_handover(around, |handover, around| handover.ready(ready, &mut around.world()));
    }

    pub(in crate::relay) fn next_hop_failed(&mut self, failure: &NextHopFailure, around: &mut Around<'_>) {
        self.with_handover(around, |handover, _| handover.failed(failure));
    }

    pub(in crate::relay) fn next_hop_octets(&mut self, octets: &[u8], around: &mut Around<'_>) {
        self.with_handover(around, |handover, around| handover.octets(octets, &mut around.world()));
    }

    pub(in crate::relay) fn next_hop_drained(&mut self, around: &mut Around<'_>) {
        self.with_handover(around, |handover, around| handover.drained(&mut around.world()));
    }

    pub(in crate::relay) fn next_hop_gone(&mut self, why: String, around: &mut Around<'_>) {
        self.with_handover(around, |handover, around| handover.gone(why, &mut around.world()));
    }

    pub(super) fn with_handover(&mut self, around: &mut Around<'_>, act: impl FnOnce(&mut Handover, &mut Around<'_>)) {
        if let Some(handover) = &mut self.handover {
            act(handover, around);
        }
        self.progress(around);
    }

    /// Hands on what the handover learned.
    pub(super) fn progress(&mut self, around: &mut Around<'_>) {
        while let Some(progress) = self.handover.as_mut().and_then(Handover::poll_progress) {
            match progress {
                Progress::Asked(answer, by_next_hop) => {
                    self.waits = (around.now.monotonic, 0);
                    self.asked(answer, by_next_hop);
                }
                Progress::AwaitsDot => self.awaits_dot(around),
                Progress::Answered(answer) => self.next_hop_answered(&answer, around),
                Progress::Lost(why) => self.answer_lost(why, around),
                Progress::Failed(told, why) => self.handover_failed(told, why, around),
                Progress::OwnFault(why) => self.own_fault = Some(why),
            }
        }
    }

    fn waits_for_client(&self) -> bool {
        matches!(self.phase, Phase::Envelope { asking: None } | Phase::Content(_))
    }

    /// From when on the connection goes to whoever wants it (decision 30): the client has been silent, or slower than
    /// [`PATIENCE_OCTETS`] in [`PATIENCE`], for a moment, and the next hop has nothing to do.
    pub(in crate::relay) fn lends_from(&self) -> Option<Instant> {
        let handover = self.handover.as_ref().filter(|handover| self.waits_for_client() && handover.is_waiting())?;
        let grace = if handover.is_delivering() { GRACE_FLOWING } else { GRACE };
        let (since, octets) = self.waits;
        let paid = PATIENCE.as_millis() as u64 * octets.min(PATIENCE_OCTETS) / PATIENCE_OCTETS;
        Some((since + grace.max(Duration::from_millis(paid))).min(self.heard + grace))
    }

    /// Somebody waits for a connection to this next hop, and the client is not doing anything with ours.
    pub(in crate::relay) fn next_hop_wanted(&mut self, around: &mut Around<'_>) {
        if self.lends_from().is_some_and(|from| around.now.monotonic >= from) {
            self.with_handover(around, |handover, around| handover.give_back(&mut around.world()));
        }
    }

    /// A client that is silent or slow gives its next-hop connection back (decision 1).
    pub(super) fn give_back_if_idle(&mut self, around: &mut Around<'_>) {
        let (since, octets) = self.waits;
        let now = around.now.monotonic;
        let is_slow = now >= since + PATIENCE && octets < PATIENCE_OCTETS;
        if now >= since + PATIENCE {
            self.waits = (now, 0);
        }
        if self.waits_for_client() && (is_slow || now >= self.heard + PATIENCE) {
            self.with_handover(around, |handover, around| {
                if handover.is_open() {
                    handover.give_back(&mut around.world());
                }
            });
        }
    }
}
