//! What the rules say of one message.

use std::{cell::LazyCell, collections::BTreeMap};

use super::{
    Action, Facts, Judgement, Mode, Rule, RuleMatch, RuleSet,
    block::Kind,
    except::{Circumstances, ExceptLine, comparable_path},
    index::BlockIndex,
    place::{Placed, Traces},
    view::View,
};
use crate::message::subject::Subject;

impl RuleSet {
    /// What the rules say. Linear in the subject's length; never fails.
    ///
    /// A rule is recorded once: with its first block that holds of the first Subject that no exception spares. Recipients that
    /// are always reachable are spared by every rule. Rules that are off, out of their dates or out of scope are not recorded.
    pub fn judge(&self, facts: &Facts<'_>) -> Judgement {
        // Only exceptions ask for it, and only those of a rule whose patterns hold.
        let around = LazyCell::new(|| around(facts));
        let mut found: BTreeMap<usize, RuleMatch> = BTreeMap::new();
        for group in &self.groups {
            for (number, subject) in facts.subjects.iter().enumerate() {
                let view = View::of(subject, &group.fold);
                let traces = Traces::of(subject, &group.fold);
                for (at, block) in group.candidates(&view).blocks {
                    let Some(rule) = self.rules.get(at).filter(|rule| !found.contains_key(&at) && rule.is_live(facts))
                    else {
                        continue;
                    };
                    let Some(hit) = rule.blocks.get(block).and_then(|block| block.find(&view)) else { continue };
                    if rule.except.sparing(&view, &around).is_none() {
                        found.insert(at, rule.found(block, number, traces.place(hit, &view), facts));
                    }
                }
            }
        }
        Judgement::of(found.into_values().collect(), facts.recipients.len())
    }

    /// Whether the patterns of any rule that is on hold of a subject, whatever its dates, scope and exceptions. If of none of a message's,
    /// [`RuleSet::judge`] finds nothing in it, whoever sent it and whenever.
    pub fn touches(&self, subject: &Subject) -> bool {
        self.groups.iter().any(|group| {
            let view = View::of(subject, &group.fold);
            let holds = |(at, block): &BlockIndex| {
                let block = self.rules.get(*at).and_then(|rule| rule.blocks.get(*block));
                block.is_some_and(|block| block.find(&view).is_some())
            };
            group.candidates(&view).blocks.iter().any(holds)
        })
    }

    /// How many match blocks are looked at for a subject, and how many of these are tried on it: what a judgement costs beside folding
    /// and one pass over the text, without a clock.
    pub fn tried_on(&self, subject: &Subject) -> (usize, usize) {
        let each = self.groups.iter().map(|group| group.candidates(&View::of(subject, &group.fold)));
        each.fold((0, 0), |(looked_at, tried), found| (looked_at + found.looked_at, tried + found.blocks.len()))
    }

    /// How many expressions were needed so far, and are compiled.
    pub fn compiled(&self) -> usize {
        let tests = self.rules.iter().flat_map(|rule| &rule.blocks).flat_map(|block| &block.tests);
        tests.filter(|test| matches!(&test.kind, Kind::Regex(regex) if regex.is_compiled())).count()
    }

    /// Every rule whose patterns hold, whatever its mode, dates, scope and exceptions, and what became of it: for the person
    /// who asks why a rule did or did not act. Slower than [`RuleSet::judge`], which it agrees with.
    pub fn try_out(&self, facts: &Facts<'_>) -> Vec<Tried> {
        let around = around(facts);
        let tried = |rule: &Rule| {
            let mut spared = None;
            for (number, subject) in facts.subjects.iter().enumerate() {
                let view = View::of(subject, &rule.fold);
                let traces = Traces::of(subject, &rule.fold);
                for (block, hit) in
                    rule.blocks.iter().enumerate().filter_map(|(at, block)| Some((at, block.find(&view)?)))
                {
                    let by = rule.except.sparing(&view, &around);
                    let found = rule.found(block, number, traces.place(hit, &view), facts);
                    let tried =
                        Tried { standing: rule.standing(facts, by), found, description: rule.description.clone() };
                    if by.is_none() {
                        return Some(tried);
                    }
                    spared = spared.or(Some(tried));
                }
            }
            spared
        };
        self.rules.iter().filter_map(tried).collect()
    }
}

/// A rule whose patterns hold, and what keeps it from acting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// What it found.
    pub found: RuleMatch,
    /// What the rule is for.
    pub description: String,
    /// Whether it counts.
    pub standing: Standing,
}

/// Whether a rule whose patterns hold counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is recorded, and acts if it enforces.
    Counts,
    /// It is off.
    Off,
    /// It starts later: at this date, as written.
    NotYet(String),
    /// It ended at this date, as written.
    Expired(String),
    /// It does not look at this door.
    OutOfScope,
    /// This line of its exceptions spares the message.
    Spared(ExceptLine),
}

fn around<'a>(facts: &Facts<'a>) -> Circumstances<'a> {
    Circumstances {
        sender: Some(comparable_path(facts.reverse_path)),
        lists: facts.list_ids,
        client: Some(facts.client),
    }
}

impl Judgement {
    /// From what matched, in rule order: who decides for each of so many recipients.
    pub fn of(matches: Vec<RuleMatch>, recipients: usize) -> Self {
        let acts = |found: &RuleMatch| found.mode == Mode::Enforce && found.action != Action::Observe;
        let deciding = (0..recipients)
            .map(|recipient| matches.iter().position(|found| acts(found) && !found.spared.contains(&recipient)))
            .collect();
        Self { matches, deciding }
    }
}

impl Rule {
    fn is_live(&self, facts: &Facts<'_>) -> bool {
        self.standing(facts, None) == Standing::Counts
    }

    fn standing(&self, facts: &Facts<'_>, spared: Option<ExceptLine>) -> Standing {
        let starts = self.starts.as_ref().filter(|date| facts.now < date.at);
        let expired = self.expires.as_ref().filter(|date| date.at < facts.now);
        match (starts, expired, spared) {
            _ if self.mode == Mode::Off => Standing::Off,
            (Some(date), ..) => Standing::NotYet(date.written.clone()),
            (_, Some(date), _) => Standing::Expired(date.written.clone()),
            _ if !self.scope.contains(&facts.scope) => Standing::OutOfScope,
            (.., Some(line)) => Standing::Spared(line),
            _ => Standing::Counts,
        }
    }

    fn found(&self, block: usize, subject: usize, place: Placed, facts: &Facts<'_>) -> RuleMatch {
        let spared = |(_, (mailbox, always_reachable)): &(usize, &(_, bool))| {
            *always_reachable || self.except.spares_recipient(mailbox)
        };
        RuleMatch {
            rule: self.id.clone(),
            block: block + 1,
            pattern: place.pattern,
            subject,
            reading: place.reading,
            folded: place.folded,
            span: place.span,
            decoded_span: Some(place.decoded_span),
            mode: self.mode,
            action: self.action,
            reply: self.reply.clone(),
            spared: facts.recipients.iter().enumerate().filter(spared).map(|(at, _)| at).collect(),
        }
    }
}
