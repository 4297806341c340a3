//! Mail data: inspected and held as it arrives; large content flows on to the next hop, slow or refused content does not.

use std::time::Instant;

use bytes::Bytes;

use super::{Around, Conclusion, Effect, Phase, Received, Transaction, chunks::Chunks, facts};
use crate::{
    inspect::{Inspected, Inspection, InspectionFault, ambiguity::Finding},
    message::{facts::few_list_ids, originator::OriginatorFault},
    policy::{
        disposition::{self, By},
        rule::{Facts, Judgement},
        verdict::ScanVerdict,
        verdict_action::VerdictAction,
    },
    record::{Cause, Ending, UnixMillis},
    relay::{
        event::{HoldFault, Output},
        reply,
        settings::{FLOOR_WINDOW, SWALLOW_FACTOR, SWALLOW_TIME, Settings},
    },
    smtp::received::Received as TraceField,
};

/// Mail data while it arrives.
#[derive(Debug)]
pub(super) struct Incoming {
    inspection: Inspection,
    trace: Bytes,
    /// Octets that the hold has taken, and that it was asked to take.
    held: u64,
    asked: u64,
    /// What the rules said, once the header section is complete.
    judgement: Option<Judgement>,
    /// The content is refused: it is read to its end and kept nowhere.
    pub(super) swallowing: Option<Conclusion>,
    /// It comes by BDAT.
    pub(super) chunks: Option<Chunks>,
    began: Instant,
    /// Start of the present window, and the octets in it: for the data floor.
    pub(super) window: (Instant, u64),
}

impl Incoming {
    /// Who it says that it is from.
    pub(super) fn originators(&self) -> Result<Vec<String>, OriginatorFault> {
        self.inspection.originators()
    }

    pub(super) fn is_holding(&self) -> bool {
        self.asked > self.held
    }

    fn is_below_floor(&self, now: Instant, floor: u64) -> bool {
        let (start, octets) = self.window;
        let seconds = now.saturating_duration_since(start).as_secs();
        seconds >= FLOOR_WINDOW.as_secs() && octets / seconds < floor
    }
}

impl Transaction {
    /// DATA: 354.
    pub(in crate::relay) fn data(&mut self, around: &mut Around<'_>) {
        self.begin_content(around);
        self.effects.push_back(Effect::Answer(reply::start_mail_input()));
    }

    /// The hold begins with our trace field.
    pub(super) fn begin_content(&mut self, around: &mut Around<'_>) {
        let trace = Bytes::from(self.trace_field(around));
        let now = around.now.monotonic;
        self.waits = (now, 0);
        around.put(Output::Hold(trace.clone()));
        self.phase = Phase::Content(Box::new(Incoming {
            inspection: Inspection::new(around.settings.content),
            held: 0,
            asked: trace.len() as u64,
            trace,
            judgement: None,
            swallowing: None,
            chunks: None,
            began: now,
            window: (now, 0),
        }));
    }

    fn trace_field(&self, around: &Around<'_>) -> String {
        let offset = jiff::Timestamp::try_from(around.now.wall)
            .map(|at| around.settings.timezone.to_offset(at).seconds())
            .unwrap_or(0);
        TraceField {
            hello: &self.record.client.hello,
            client: self.record.client.address,
            hostname: &around.settings.hostname,
            with: self.with,
            id: self.id.as_str(),
            at: around.now.wall,
            utc_offset: offset,
        }
        .field()
    }

    /// The next content.
    pub(in crate::relay) fn content(&mut self, mut content: Bytes, around: &mut Around<'_>) {
        let Phase::Content(incoming) = &mut self.phase else { return };
        incoming.window.1 = incoming.window.1.saturating_add(content.len() as u64);
        self.waits.1 = self.waits.1.saturating_add(content.len() as u64);
        // What is within the limit speaks first, wherever the octets were split: a rule that refuses the message must not lose to
        // its size when it comes in large pieces, and win when it comes in small ones (promise 7).
        let limit = around.settings.limits.message_size;
        let room = usize::try_from(limit.saturating_sub(incoming.inspection.size())).unwrap_or(usize::MAX);
        let beyond = content.split_off(room.min(content.len()));
        let is_too_large = !beyond.is_empty();
        self.within_limit(content, is_too_large, around);
        if is_too_large {
            self.beyond_limit(&beyond, limit, around);
        }
    }

    fn within_limit(&mut self, content: Bytes, is_too_large: bool, around: &mut Around<'_>) {
        let Phase::Content(incoming) = &mut self.phase else { return };
        let inspected = incoming.inspection.receive(&content);
        if incoming.swallowing.is_some() {
            return;
        }
        match inspected {
            Err(fault) => return self.swallow(inspection_conclusion(fault), around),
            Ok(Some(inspected)) => self.judge(inspected, around),
            Ok(None) => {}
        }
        if let Phase::Content(incoming) = &mut self.phase
            && incoming.swallowing.is_none()
            && !content.is_empty()
            && !is_too_large
        {
            incoming.asked = incoming.asked.saturating_add(content.len() as u64);
            around.put(Output::Hold(content));
        }
    }

    /// Counted and hashed, and kept nowhere.
    fn beyond_limit(&mut self, content: &[u8], limit: u64, around: &mut Around<'_>) {
        let Phase::Content(incoming) = &mut self.phase else { return };
        // Whatever its header section might still say, it is too large.
        let _ = incoming.inspection.receive(content);
        let size = incoming.inspection.size();
        if incoming.swallowing.is_none() {
            self.swallow(limit_conclusion(reply::too_large(), format!("message size {limit} octets")), around);
        }
        if size > limit.saturating_mul(SWALLOW_FACTOR) {
            self.give_up_swallowing(around);
        }
    }

    /// The header section is complete: the rules speak.
    fn judge(&mut self, inspected: Inspected, around: &mut Around<'_>) {
        let recipients: Vec<_> = self
            .recipients
            .iter()
            .filter_map(|recipient| recipient.admitted.as_ref())
            .map(|admitted| (admitted.mailbox.clone(), admitted.always_reachable))
            .collect();
        let judgement = self.policy.rules.judge(&Facts {
            subjects: &inspected.subjects,
            reverse_path: &self.mail.path,
            recipients: &recipients,
            list_ids: &inspected.list_ids,
            client: self.record.client.address,
            scope: around.settings.scope,
            now: around.now.wall,
        });
        let foreign = self.foreign_originator();
        self.record.subjects = inspected.subjects.into_iter().map(|subject| subject.decoded).collect();
        self.record.list_ids = few_list_ids(inspected.list_ids);
        self.record.message_id = inspected.message_id;
        self.record.rules.clone_from(&judgement.matches);
        around.settings.subjects.keep(&mut self.record);
        let refused = disposition::refused_by_rules(&judgement, recipients.len());
        if let Phase::Content(incoming) = &mut self.phase {
            incoming.judgement = Some(judgement);
        }
        // Who may not say who it is, is refused for that, whatever else it says.
        let conclusion = foreign.or_else(|| refused.map(|by| self.refused_by_rule(by)));
        if let Some(conclusion) = conclusion {
            self.swallow(conclusion, around);
        }
    }

    fn refused_by_rule(&mut self, by: By) -> Conclusion {
        let told = match by {
            By::Rule(index) => self.record.rules.get(index),
            By::Antivirus => None,
        }
        .map(|rule| reply::refused_by_rule(rule.reply.as_deref(), &rule.rule, self.id.as_str()));
        Conclusion {
            reply: told.unwrap_or_else(reply::local_fault),
            ending: Ending::Refused,
            cause: facts::cause(by, &ScanVerdict::NotScanned),
        }
    }

    /// From here on the content is read, counted, and kept nowhere.
    pub(super) fn swallow(&mut self, conclusion: Conclusion, around: &mut Around<'_>) {
        if let Phase::Content(incoming) = &mut self.phase {
            incoming.swallowing = Some(conclusion);
        }
        self.with_handover(around, |handover, around| handover.finish(&mut around.world()));
        // Nobody reads it any more, and the rest may take ten minutes to come.
        around.put(Output::Forget);
    }

    fn give_up_swallowing(&mut self, around: &mut Around<'_>) {
        let Phase::Content(incoming) = &self.phase else { return };
        let Some(cause) = incoming.swallowing.as_ref().map(|conclusion| conclusion.cause.clone()) else { return };
        self.end_and_close(reply::swallowed_enough(), Ending::Deferred, cause, around);
    }

    /// The hold took what it was given, or did not.
    pub(in crate::relay) fn held(&mut self, result: Result<(), HoldFault>, around: &mut Around<'_>) {
        let Phase::Content(incoming) = &mut self.phase else { return };
        incoming.held = incoming.asked;
        match result {
            Ok(()) => self.flow_on(around),
            Err(fault) if incoming.swallowing.is_none() => self.swallow(hold_conclusion(&fault), around),
            Err(_) => {}
        }
    }

    /// Cut-through: content that is large enough, that no rule wants to keep, and that arrives fast enough.
    fn flow_on(&mut self, around: &mut Around<'_>) {
        let Phase::Content(incoming) = &self.phase else { return };
        let (Some(judgement), None) = (&incoming.judgement, &incoming.swallowing) else { return };
        let accepted = self.recipients.iter().filter(|recipient| recipient.is_accepted()).count();
        let held = incoming.held;
        // The octet that lets it flow. What was ambiguous by then never flows; what is found later ends it without our dot. Where
        // the content was cut must not decide which of the two it is (promise 7).
        let large = around.settings.cut_through_from.saturating_sub(incoming.trace.len() as u64).saturating_add(1);
        let first = large.max(incoming.inspection.header_size());
        // What is not scanned by order, and not let through either, never flows; nor on, when the order came into force meanwhile.
        let order = self.policy.scanning.contingency_of(&around.settings.scanner_groups, around.now.wall);
        let is_kept_by_order = order.is_some_and(|order| order.mode.action() > VerdictAction::Tag);
        let keeps_back = |within| {
            is_kept_by_order
                || around.settings.actions.ambiguous > VerdictAction::Tag
                    && incoming.inspection.is_ambiguous_within(within)
        };
        let (is_kept_back, was_kept_back) = (keeps_back(u64::MAX), keeps_back(first) || self.on_trial().is_some());
        let Some(handover) = &mut self.handover else { return };
        let begins = !handover.is_delivering()
            && !was_kept_back
            && handover.is_standing()
            && held > around.settings.cut_through_from
            && disposition::relayed_by_rules(judgement, accepted);
        if begins {
            // The tag that it will have if the scanners find nothing.
            let (tag, verdict) = match order {
                Some(order) => (Some(By::Antivirus), order.verdict()),
                None => (disposition::tag_by_rules(judgement, accepted), ScanVerdict::Clean),
            };
            let tag = tag.map(|by| super::tag::field(by, judgement, &verdict, &self.id, around.settings));
            let prefix = super::tag::prefix(&incoming.trace, tag.as_deref());
            let skip = incoming.trace.len() as u64;
            handover.deliver((0..accepted).collect(), prefix, skip, &mut around.world());
        }
        if handover.is_delivering() && is_kept_back {
            handover.finish(&mut around.world());
        } else if handover.is_delivering() {
            handover.available(held, false, &mut around.world());
        }
        self.progress(around);
    }

    /// Content for the next hop, read from the hold.
    pub(in crate::relay) fn hold_octets(&mut self, result: Result<Bytes, HoldFault>, around: &mut Around<'_>) {
        self.with_handover(around, |handover, around| handover.hold_octets(result, &mut around.world()));
    }

    /// The end of mail data.
    pub(in crate::relay) fn end_of_mail_data(&mut self, bare_newline: bool, around: &mut Around<'_>) {
        if let Phase::Content(incoming) = &mut self.phase
            && incoming.swallowing.is_none()
            && !bare_newline
        {
            match incoming.inspection.end() {
                Err(fault) => self.swallow(inspection_conclusion(fault), around),
                Ok(Some(inspected)) => self.judge(inspected, around),
                Ok(None) => {}
            }
        }
        let Phase::Content(incoming) = std::mem::replace(&mut self.phase, Phase::Over) else { return };
        self.record.size = Some(incoming.inspection.size());
        if bare_newline {
            return self.conclude(violation_conclusion(), around);
        }
        self.record.sha256 = Some(incoming.inspection.sha256());
        if let Some(conclusion) = incoming.swallowing {
            return self.conclude(conclusion, around);
        }
        let received = Received {
            held: incoming.held,
            trace: incoming.trace,
            judgement: incoming.judgement.unwrap_or_default(),
            ambiguous: incoming.inspection.ambiguity().map(Finding::reason),
        };
        self.scan(received, around);
    }

    /// Deadlines of the phases in which the client is to send: nothing, too little, or refused content for too long.
    pub(super) fn content_deadline(&self, settings: &Settings) -> Option<Instant> {
        let Phase::Content(incoming) = &self.phase else { return None };
        let swallowed = incoming.swallowing.as_ref().map(|_| incoming.began + SWALLOW_TIME);
        let window = incoming.window.0 + FLOOR_WINDOW;
        let (patience, _) = incoming.patience(settings);
        [Some(self.heard + patience), Some(window), swallowed].into_iter().flatten().min()
    }

    pub(super) fn content_time_passed(&mut self, around: &mut Around<'_>) {
        let now = around.now.monotonic;
        let Phase::Content(incoming) = &mut self.phase else { return };
        let too_long = incoming.swallowing.is_some() && now >= incoming.began + SWALLOW_TIME;
        let (patience, what) = incoming.patience(around.settings);
        if too_long {
            self.give_up_swallowing(around);
        } else if now >= self.heard + patience {
            let cause = Cause::Client { what: what.into() };
            self.end_and_close(reply::idle(), Ending::ClientGone, cause, around);
        } else if incoming.is_below_floor(now, around.settings.data_floor) && !incoming.forgives_pause() {
            let cause = Cause::Client { what: "below the data floor".into() };
            self.end_and_close(reply::too_slow(), Ending::ClientGone, cause, around);
        } else if now >= incoming.window.0 + FLOOR_WINDOW {
            incoming.begin_window(now);
        }
    }

    pub(super) fn received_at(&self) -> UnixMillis {
        self.record.began
    }
}

pub(super) fn limit_conclusion(reply: crate::smtp::reply::Reply, what: String) -> Conclusion {
    Conclusion { reply, ending: Ending::Refused, cause: Cause::Limit { what } }
}

fn inspection_conclusion(fault: InspectionFault) -> Conclusion {
    let told = match fault {
        InspectionFault::Header(_) => reply::header_too_large(),
        InspectionFault::TooManyHops(_) => reply::too_many_hops(),
    };
    limit_conclusion(told, fault.to_string())
}

fn hold_conclusion(fault: &HoldFault) -> Conclusion {
    let told = match fault {
        HoldFault::Full(_) => reply::storage_full(),
        HoldFault::Failed(_) => reply::local_fault(),
    };
    Conclusion { reply: told, ending: Ending::Deferred, cause: Cause::Gateway { what: fault.to_string() } }
}

fn violation_conclusion() -> Conclusion {
    Conclusion {
        reply: reply::bare_newline(),
        ending: Ending::Refused,
        cause: Cause::Violation { what: "bare CR or LF in mail data".into() },
    }
}
