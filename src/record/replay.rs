//! What a rule set would say of a transaction that was, beside what was said of it then.
//!
//! In: the record of the transaction, a rule set, the directory. Out: whether the rules alone would do something else with it, and what
//! the record does not hold that a rule asks for: that is named, never guessed (decision 41). Where records come from, and how many,
//! is not known here; nor are scanners, which a replay leaves as they were.

mod glance;

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{Cause, Ending, Fate, Record, UnixMillis, subject::are_cut};
use crate::{
    message::subject::Subject,
    policy::{
        directory::{Directory, MailboxKey},
        disposition::{self, By, Delivery, Disposition},
        rule::{Facts, Judgement, Rule, RuleMatch, RuleSet, Scope},
        verdict_action::VerdictAction,
    },
    smtp::path::{Mailbox, ReversePath},
};

pub use glance::Memory;

/// A rule set that looks back.
#[derive(Debug)]
pub struct Replay<'p> {
    rules: &'p RuleSet,
    directory: &'p Directory,
    at: Option<SystemTime>,
    by_id: HashMap<&'p str, &'p Rule>,
    /// When some rule begins or ends.
    moments: Vec<SystemTime>,
}

/// What looking back at one record gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It ended before the header section was there: no rule was asked.
    WithoutContent,
    /// There was content, and no Subject: nothing matches.
    WithoutSubject,
    /// Its subjects were not kept as they were (`subject::Hidden`), or not all of them: they were longer than a record keeps.
    SubjectNotKept,
    /// No rule matched, then or now.
    Untouched,
    /// Some rule matched, then or now.
    Touched(Box<Touched>),
    /// The record is not as this program writes it (its reverse-path is none).
    Unreadable,
}

/// A transaction that some rule found something in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// It.
    pub record: Record,
    /// What the rules said.
    pub then: Judgement,
    /// What these would say.
    pub now: Judgement,
    /// The difference.
    pub change: Change,
    /// Whether it did not reach all its recipients for a reason that is no rule's (scanner, next hop, client): what changes for the rules changes
    /// little for them.
    pub stopped_otherwise: bool,
}

/// What the rules alone do with a message, for one recipient, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Nothing.
    Relayed,
    /// It carries one more field.
    Tagged,
    /// It is held.
    Held,
    /// It is refused.
    Refused,
}

impl Effect {
    /// As scripts read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relayed => "relayed",
            Self::Tagged => "tagged",
            Self::Held => "held",
            Self::Refused => "refused",
        }
    }
}

/// How two judgements of one message differ. Of several recipients the one whom the rules treat worst counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing does.
    None,
    /// The rules do the same, but others match: those that observe, or that stand behind the one that decides.
    Noted,
    /// The same is done, by another rule or for other recipients.
    Otherwise(Effect),
    /// From one effect to another.
    Effect {
        /// Then.
        from: Effect,
        /// Now.
        to: Effect,
    },
    /// It depends on what the record does not hold.
    CannotBeTold(Vec<Untold>),
}

/// A rule whose part cannot be told, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untold {
    /// Its id.
    pub rule: String,
    /// What is missing.
    pub missing: Missing,
}

/// What a record does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Missing {
    /// The List-Id fields, which `except.list` asks for: records from before they were kept, and mail with too many of them.
    Lists,
    /// The moment of the judgement: the rule begins or ends between MAIL and the end of the transaction.
    Moment,
}

impl<'p> Replay<'p> {
    /// Looks back with `rules`. `at`: as if everything had come at this moment; none: each when it came. The directory is the one of
    /// today, because exceptions were resolved with it.
    pub fn new(rules: &'p RuleSet, directory: &'p Directory, at: Option<SystemTime>) -> Self {
        let by_id = rules.rules().iter().map(|rule| (rule.id(), rule)).collect();
        Self { rules, directory, at, by_id, moments: rules.moments() }
    }

    /// What these rules would say of the transaction, beside what was said.
    pub fn of(&self, record: Record) -> Replayed {
        if record.hidden_subjects.is_some() || are_cut(&record.subjects) {
            return Replayed::SubjectNotKept;
        }
        if record.subjects.is_empty() {
            return if record.size.is_some() { Replayed::WithoutSubject } else { Replayed::WithoutContent };
        }
        let Some(reverse_path) = reverse_path(&record.reverse_path) else { return Replayed::Unreadable };
        let subjects: Vec<_> = record.subjects.iter().cloned().map(Subject::remembered).collect();
        let judged = record.recipients.iter().filter(|recipient| recipient.fate != Fate::RefusedAtRcpt);
        let recipients: Vec<_> =
            judged.map(|recipient| self.recipient(&recipient.address, recipient.mailbox.as_ref())).collect();
        let facts = Facts {
            subjects: &subjects,
            reverse_path: &reverse_path,
            recipients: &recipients,
            list_ids: record.list_ids.as_deref().unwrap_or_default(),
            client: record.client.address,
            scope: if record.application.is_some() { Scope::Application } else { Scope::Relay },
            now: self.at.unwrap_or_else(|| moment(record.began)),
        };
        let (then, now) = (Judgement::of(record.rules.clone(), recipients.len()), self.rules.judge(&facts));
        let mut untold = self.depending_on_lists(&record, &now);
        untold.extend(self.depending_on_the_moment(&record, &now, facts));
        if then.matches.is_empty() && now.matches.is_empty() && untold.is_empty() {
            return Replayed::Untouched;
        }
        let change = if untold.is_empty() {
            difference(&then, &now, recipients.len())
        } else {
            Change::CannotBeTold(untold.into_iter().collect())
        };
        let stopped_otherwise = stopped_otherwise(&record);
        Replayed::Touched(Box::new(Touched { record, then, now, change, stopped_otherwise }))
    }

    /// Whose mailbox it is today, or was when it is in no domain of ours any more, and whether rules spare it.
    fn recipient(&self, address: &str, recorded: Option<&MailboxKey>) -> (MailboxKey, bool) {
        let parsed = Mailbox::parse(address);
        if let Some(named) = parsed.as_ref().and_then(|mailbox| self.directory.look_up(mailbox)) {
            return (named.key, named.always_reachable);
        }
        // `<postmaster>` without a domain is no mailbox by grammar; of what an application sends elsewhere no key is recorded.
        let key = recorded.cloned().unwrap_or_else(|| MailboxKey(address.to_lowercase()));
        let always_reachable = recorded.is_some() && self.directory.is_always_reachable(&key);
        (key, always_reachable)
    }

    fn depending_on_lists(&self, record: &Record, now: &Judgement) -> BTreeSet<Untold> {
        let spares_lists =
            |found: &&RuleMatch| self.by_id.get(found.rule.as_str()).is_some_and(|rule| rule.spares_lists());
        let found = now.matches.iter().filter(|_| record.list_ids.is_none()).filter(spares_lists);
        found.map(|found| Untold { rule: found.rule.clone(), missing: Missing::Lists }).collect()
    }

    /// The rules spoke somewhere between MAIL and the end, and a date of theirs may lie in between.
    fn depending_on_the_moment(&self, record: &Record, now: &Judgement, facts: Facts<'_>) -> BTreeSet<Untold> {
        let (began, ended) = (moment(record.began), moment(record.ended));
        let between = |at: &SystemTime| began <= *at && *at <= ended;
        if self.at.is_some() || !self.moments.iter().any(between) {
            return BTreeSet::new();
        }
        let later = self.rules.judge(&Facts { now: ended, ..facts });
        let (first, last) = (ids(now), ids(&later));
        let differing = first.symmetric_difference(&last);
        differing.map(|rule| Untold { rule: (*rule).to_owned(), missing: Missing::Moment }).collect()
    }
}

impl Touched {
    /// The match that decides for the recipient whom the rules treat worst; if none decides, the first that matched at all.
    pub fn telling(judgement: &Judgement) -> Option<&RuleMatch> {
        let worst = effects(judgement, judgement.deciding.len()).into_iter().max_by_key(|(effect, _)| *effect);
        let decides = worst.and_then(|(_, by)| judgement.matches.get(by?));
        decides.or(judgement.matches.first())
    }

    /// Whether the rule matches then or now.
    pub fn concerns(&self, rule: &str) -> bool {
        [&self.then, &self.now].iter().any(|judgement| judgement.matches.iter().any(|found| found.rule == rule))
    }
}

/// What the rules alone do for each recipient, and the match that decides it.
pub fn effects(judgement: &Judgement, recipients: usize) -> Vec<(Effect, Option<usize>)> {
    let deciding = |recipient: usize| judgement.deciding.get(recipient).copied().flatten();
    match disposition::decide(judgement, recipients, VerdictAction::Relay) {
        Disposition::Refuse(_) => (0..recipients).map(|recipient| (Effect::Refused, deciding(recipient))).collect(),
        // Only scanners defer.
        Disposition::Defer => Vec::new(),
        Disposition::Deliver(deliveries) => deliveries.into_iter().map(effect).collect(),
    }
}

fn effect(delivery: Delivery) -> (Effect, Option<usize>) {
    let index = |by| match by {
        By::Rule(index) => Some(index),
        By::Antivirus => None,
    };
    match delivery {
        Delivery::Relay { tag: Some(by) } => (Effect::Tagged, index(by)),
        Delivery::Relay { tag: None } => (Effect::Relayed, None),
        Delivery::Hold { by, .. } => (Effect::Held, index(by)),
    }
}

fn difference(then: &Judgement, now: &Judgement, recipients: usize) -> Change {
    let by_name = |judgement: &Judgement| -> Vec<(Effect, Option<String>)> {
        let named = |(effect, by): (Effect, Option<usize>)| {
            (effect, by.and_then(|by| judgement.matches.get(by)).map(|found| found.rule.clone()))
        };
        effects(judgement, recipients).into_iter().map(named).collect()
    };
    let (before, after) = (by_name(then), by_name(now));
    let worst = |effects: &[(Effect, Option<String>)]| {
        effects.iter().map(|(effect, _)| *effect).max().unwrap_or(Effect::Relayed)
    };
    let (from, to) = (worst(&before), worst(&after));
    if from != to {
        Change::Effect { from, to }
    } else if before != after {
        Change::Otherwise(to)
    } else if ids(then) != ids(now) {
        Change::Noted
    } else {
        Change::None
    }
}

fn ids(judgement: &Judgement) -> BTreeSet<&str> {
    judgement.matches.iter().map(|found| found.rule.as_str()).collect()
}

fn stopped_otherwise(record: &Record) -> bool {
    let arrived = matches!(record.ending, Ending::Relayed | Ending::Unknown);
    !arrived && !matches!(record.cause, Cause::Rule { .. })
}

fn reverse_path(written: &str) -> Option<ReversePath> {
    if written.is_empty() { Some(ReversePath::Null) } else { Mailbox::parse(written).map(ReversePath::Mailbox) }
}

fn moment(at: UnixMillis) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at).unwrap_or(0))
}

#[cfg(test)]
mod tests;
