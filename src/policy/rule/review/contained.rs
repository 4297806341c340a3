//! Blocks that say nothing new: whatever they match, another one matches.

use std::collections::BTreeSet;

use super::Review;
use crate::{
    document::Severity,
    policy::rule::{
        Action, Mode, Rule,
        block::{Block, Kind, Test, TwoForms},
        code,
        view::View,
    },
    text,
};

impl Review<'_, '_, '_> {
    /// Whether a block of this rule is contained in another of it, or in one of a rule that acts wherever and whenever this one
    /// does.
    pub(super) fn check_contained(&self, at: usize) {
        let (Some(rule), Some(entry)) = (self.rules.get(at), self.entries.get(at)) else { return };
        let Some(group) = self.groups.iter().find(|group| group.fold == rule.fold) else { return };
        for (number, (block, written)) in rule.blocks.iter().zip(&entry.written.blocks).enumerate() {
            let view = View::new(texts(block));
            let others = self.candidates(group, &view).into_iter().filter(|other| *other != (at, number));
            let contains = |&(other_at, other_number): &(usize, usize)| {
                let other = self.rules.get(other_at).filter(|other| other_at == at || stands_for(other, rule));
                other.and_then(|other| other.blocks.get(other_number)).is_some_and(|other| {
                    // Of two that are equal the later one is told of.
                    contains(other, block) && (!contains(block, other) || (other_at, other_number) < (at, number))
                })
            };
            if let Some((other_at, other_number)) = others.into_iter().find(contains) {
                let (nth, name) = (other_number + 1, self.name(other_at));
                let what = if other_at == at {
                    text!(
                        "block {nth} of this rule matches everything that this block does",
                        "o bloco {nth} desta regra casa com tudo o que este bloco casa"
                    )
                } else {
                    text!(
                        "block {nth} of the rule {name} matches everything that this block does",
                        "o bloco {nth} da regra {name} casa com tudo o que este bloco casa"
                    )
                };
                let differ = self.rules.get(other_at).is_some_and(|other| other.action != rule.action);
                let help = if differ {
                    text!(
                        "and the two do different things: take one of them out",
                        "e as duas fazem coisas diferentes: retire uma"
                    )
                } else {
                    text!("take this block out", "retire este bloco")
                };
                self.note(at, (code::CONTAINED, Severity::Warning), written.span.clone(), what, Some(help));
            }
        }
    }
}

/// Whether what `other` catches makes a block of `rule` needless: only if it acts as much, spares nobody more, and is on.
fn stands_for(other: &Rule, rule: &Rule) -> bool {
    let on = |mode| mode != Mode::Off;
    let as_much = (other.mode == rule.mode || other.mode == Mode::Enforce)
        && (other.action != Action::Observe || rule.action == Action::Observe);
    on(other.mode) && on(rule.mode) && as_much && other.except.is_empty() && other.covers(rule)
}

/// A text that holds every literal of the block: whatever contains it is among the candidates of this text.
fn texts(block: &Block) -> String {
    let mut out = String::new();
    for test in &block.tests {
        let parts: Vec<&String> = match &test.kind {
            Kind::AllWords(words) | Kind::AnyWords(words) => {
                words.iter().flat_map(|word| word.folded.forms()).collect()
            }
            Kind::Phrase(phrase) => phrase.forms().flatten().collect(),
            Kind::Wildcard(_) | Kind::Regex(_) => Vec::new(),
        };
        for part in parts.into_iter().chain(test.required.iter().flatten()) {
            out.push_str(part);
            out.push(' ');
        }
    }
    out
}

/// Whether every subject that `inner` matches is matched by `outer`: each test of `outer` follows from what `inner` asks. Not all
/// that follows is seen, so a `false` says nothing.
fn contains(outer: &Block, inner: &Block) -> bool {
    outer.tests.iter().all(|test| follows(test, inner))
}

fn follows(test: &Test, inner: &Block) -> bool {
    match &test.kind {
        Kind::AllWords(words) => {
            let sure = sure_words(inner);
            words.iter().all(|word| sure.contains(&word.folded.both()))
        }
        Kind::AnyWords(words) => {
            let wanted: BTreeSet<Forms<'_>> = words.iter().map(|word| word.folded.both()).collect();
            let one_of = |test: &Test| match &test.kind {
                Kind::AnyWords(words) => words.iter().all(|word| wanted.contains(&word.folded.both())),
                _ => false,
            };
            sure_words(inner).iter().any(|word| wanted.contains(word)) || inner.tests.iter().any(one_of)
        }
        Kind::Phrase(phrase) => {
            let holds = |test: &Test| match &test.kind {
                // In each reading: where the longer one is found, the shorter one is.
                Kind::Phrase(longer) => {
                    let ((plain, other), (longer_plain, longer_other)) = (phrase.both(), longer.both());
                    is_within(plain, longer_plain) && is_within(other, longer_other)
                }
                _ => false,
            };
            let sure = sure_words(inner);
            inner.tests.iter().any(holds) || matches!(words_of(phrase).as_slice(), [word] if sure.contains(word))
        }
        Kind::Wildcard(wildcard) => {
            inner.tests.iter().any(|test| matches!(&test.kind, Kind::Wildcard(other) if other == wildcard))
        }
        Kind::Regex(regex) => {
            inner.tests.iter().any(|test| matches!(&test.kind, Kind::Regex(other) if other.as_str() == regex.as_str()))
        }
    }
}

/// A word as it is compared with each reading.
type Forms<'b> = (&'b String, &'b String);

/// The words of a phrase; none when its readings have not the same number of them.
fn words_of(phrase: &TwoForms<Vec<String>>) -> Vec<Forms<'_>> {
    let (plain, other) = phrase.both();
    if plain.len() == other.len() { plain.iter().zip(other).collect() } else { Vec::new() }
}

fn is_within(phrase: &[String], longer: &[String]) -> bool {
    longer.windows(phrase.len().max(1)).any(|run| run == phrase)
}

/// Words that stand in every subject that the block matches.
fn sure_words(block: &Block) -> BTreeSet<Forms<'_>> {
    let mut sure = BTreeSet::new();
    for test in &block.tests {
        match &test.kind {
            Kind::AllWords(words) => sure.extend(words.iter().map(|word| word.folded.both())),
            Kind::AnyWords(words) => {
                if let [word] = words.as_slice() {
                    sure.insert(word.folded.both());
                }
            }
            Kind::Phrase(phrase) => sure.extend(words_of(phrase)),
            Kind::Wildcard(_) | Kind::Regex(_) => {}
        }
    }
    sure
}
