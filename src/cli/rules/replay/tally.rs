//! What many replayed records come to: counts, and a few samples of each kind. Its size does not depend on how many records there are.

use std::{
    collections::{BTreeMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
};

use crate::{
    policy::rule::Judgement,
    record::{
        Ending, TransactionId, UnixMillis,
        replay::{Change, Effect, Replayed, Touched, Untold, effects},
    },
};

/// Senders that are told apart in one kind; more are "at least so many".
pub const SENDERS: usize = 100_000;

/// Rules that are counted one by one. A database holds the ids of rules that are long gone.
const RULES: usize = 20_000;

/// How a message fares differently; the order is that of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It would be treated worse than it was: so.
    Newly(Effect),
    /// It would be treated better than it was: which was so.
    NoLonger(Effect),
    /// The same, by another rule or for other recipients.
    Otherwise,
    /// The same; other rules than then would find something in it.
    Noted,
    /// It depends on what the record does not hold.
    CannotBeTold,
}

/// The records of one kind.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// How many.
    pub count: u64,
    /// Of these: did not reach all their recipients for another reason than a rule.
    pub stopped_otherwise: u64,
    senders: HashSet<u64>,
    /// The newest of them.
    samples: BTreeMap<(UnixMillis, TransactionId), Sample>,
}

/// One of them, to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The transaction.
    pub id: TransactionId,
    /// When MAIL came.
    pub began: UnixMillis,
    /// As written, without brackets.
    pub reverse_path: String,
    /// How it ended.
    pub ending: Ending,
    /// What the rules did, and which of them decided.
    pub then: Side,
    /// What they would do.
    pub now: Side,
    /// The Subject in question, decoded.
    pub subject: String,
    /// The octets of it that the rule found.
    pub span: Option<(usize, usize)>,
    /// What is missing.
    pub untold: Vec<Untold>,
}

/// What one judgement comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// For the recipient whom it treats worst.
    pub effect: Effect,
    /// The rule that decides that, or the first that matched.
    pub rule: Option<String>,
}

/// How often a rule had, and would have, a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// It matched.
    pub matched_then: u64,
    /// It would.
    pub matches_now: u64,
    /// It decided for somebody.
    pub decided_then: u64,
    /// It would.
    pub decides_now: u64,
}

/// Everything that was counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// At most so many samples of a kind.
    pub samples: usize,
    /// Only records that this rule finds, or found, something in.
    pub only: Option<String>,
    /// Records.
    pub looked_at: u64,
    /// Of these: ended before there was content.
    pub without_content: u64,
    /// Had content and no Subject.
    pub without_subject: u64,
    /// Had one, of which only hashes or nothing was kept.
    pub subject_not_kept: u64,
    /// Could not be read.
    pub unreadable: u64,
    /// Nothing differs.
    pub same: u64,
    /// The others.
    pub groups: BTreeMap<Kind, Group>,
    /// By rule.
    pub rules: BTreeMap<String, Part>,
    /// How often which rule's part cannot be told.
    pub untold: BTreeMap<Untold, u64>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(samples: usize, only: Option<String>) -> Self {
        Self { samples, only, ..Self::default() }
    }

    /// One more record; none: it could not be read.
    pub fn add(&mut self, replayed: Option<Replayed>) {
        self.looked_at += 1;
        match replayed {
            None | Some(Replayed::Unreadable) => self.unreadable += 1,
            Some(Replayed::WithoutContent) => self.without_content += 1,
            Some(Replayed::WithoutSubject) => self.without_subject += 1,
            Some(Replayed::SubjectNotKept) => self.subject_not_kept += 1,
            Some(Replayed::Untouched) => self.same += 1,
            Some(Replayed::Touched(touched)) => self.touched(&touched),
        }
    }

    fn touched(&mut self, touched: &Touched) {
        if self.only.as_ref().is_some_and(|rule| !touched.concerns(rule)) {
            self.same += 1;
            return;
        }
        let kind = match &touched.change {
            Change::CannotBeTold(untold) => {
                for one in untold {
                    *self.untold.entry(one.clone()).or_default() += 1;
                }
                Kind::CannotBeTold
            }
            change => {
                self.count_rules(touched);
                match change {
                    Change::None | Change::CannotBeTold(_) => {
                        self.same += 1;
                        return;
                    }
                    Change::Noted => Kind::Noted,
                    Change::Otherwise(_) => Kind::Otherwise,
                    Change::Effect { from, to } if from < to => Kind::Newly(*to),
                    Change::Effect { from, .. } => Kind::NoLonger(*from),
                }
            }
        };
        self.groups.entry(kind).or_default().add(touched, self.samples);
    }

    fn count_rules(&mut self, touched: &Touched) {
        /// Where one side's matches and decisions are counted.
        type Counts = fn(&mut Part) -> [&mut u64; 2];
        let sides: [(&Judgement, Counts); 2] = [
            (&touched.then, |part| [&mut part.matched_then, &mut part.decided_then]),
            (&touched.now, |part| [&mut part.matches_now, &mut part.decides_now]),
        ];
        for (judgement, counts) in sides {
            let decides: HashSet<usize> =
                effects(judgement, judgement.deciding.len()).into_iter().filter_map(|(_, by)| by).collect();
            for (at, found) in judgement.matches.iter().enumerate() {
                let wanted = self.only.as_ref().is_none_or(|rule| *rule == found.rule);
                let known = self.rules.contains_key(&found.rule) || self.rules.len() < RULES;
                if !wanted || !known {
                    continue;
                }
                let [matches, decided] = counts(self.rules.entry(found.rule.clone()).or_default());
                *matches += 1;
                *decided += u64::from(decides.contains(&at));
            }
        }
    }

    /// Both together.
    pub fn merge(&mut self, other: Self) {
        self.looked_at += other.looked_at;
        self.without_content += other.without_content;
        self.without_subject += other.without_subject;
        self.subject_not_kept += other.subject_not_kept;
        self.unreadable += other.unreadable;
        self.same += other.same;
        for (kind, group) in other.groups {
            self.groups.entry(kind).or_default().merge(group, self.samples);
        }
        for (rule, part) in other.rules {
            let sum = self.rules.entry(rule).or_default();
            sum.matched_then += part.matched_then;
            sum.matches_now += part.matches_now;
            sum.decided_then += part.decided_then;
            sum.decides_now += part.decides_now;
        }
        for (untold, count) in other.untold {
            *self.untold.entry(untold).or_default() += count;
        }
    }

    /// Whether any record had a subject: without, nothing was tried.
    pub fn had_subjects(&self) -> bool {
        self.looked_at > self.without_content + self.without_subject + self.subject_not_kept + self.unreadable
    }
}

impl Group {
    fn add(&mut self, touched: &Touched, samples: usize) {
        self.count += 1;
        self.stopped_otherwise += u64::from(touched.stopped_otherwise);
        if self.senders.len() < SENDERS {
            let mut hasher = DefaultHasher::new();
            touched.record.reverse_path.to_lowercase().hash(&mut hasher);
            self.senders.insert(hasher.finish());
        }
        let key = (touched.record.began, touched.record.id.clone());
        let is_newer = || self.samples.first_key_value().is_none_or(|(oldest, _)| *oldest < key);
        if self.samples.len() < samples || is_newer() {
            self.samples.insert(key, Sample::of(touched));
        }
        self.keep_newest(samples);
    }

    fn merge(&mut self, other: Self, samples: usize) {
        self.count += other.count;
        self.stopped_otherwise += other.stopped_otherwise;
        let room = SENDERS.saturating_sub(self.senders.len());
        self.senders.extend(other.senders.into_iter().take(room));
        self.samples.extend(other.samples);
        self.keep_newest(samples);
    }

    fn keep_newest(&mut self, samples: usize) {
        while self.samples.len() > samples {
            self.samples.pop_first();
        }
    }

    /// How many different reverse-paths, at most [`SENDERS`].
    pub fn senders(&self) -> usize {
        self.senders.len()
    }

    /// Newest first.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.values().rev()
    }
}

impl Sample {
    fn of(touched: &Touched) -> Self {
        let record = &touched.record;
        let (then, now) = (Side::of(&touched.then), Side::of(&touched.now));
        let found = Touched::telling(&touched.now).or_else(|| Touched::telling(&touched.then));
        let subject = found.map_or(0, |found| found.subject);
        Self {
            id: record.id.clone(),
            began: record.began,
            reverse_path: record.reverse_path.clone(),
            ending: record.ending,
            then,
            now,
            subject: record.subjects.get(subject).cloned().unwrap_or_default(),
            span: found.and_then(|found| found.decoded_span),
            untold: match &touched.change {
                Change::CannotBeTold(untold) => untold.clone(),
                _ => Vec::new(),
            },
        }
    }
}

impl Side {
    fn of(judgement: &Judgement) -> Self {
        let effects = effects(judgement, judgement.deciding.len());
        let effect = effects.into_iter().map(|(effect, _)| effect).max().unwrap_or(Effect::Relayed);
        Self { effect, rule: Touched::telling(judgement).map(|found| found.rule.clone()) }
    }
}
