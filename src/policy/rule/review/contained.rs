//! Blocks that say nothing new: whatever they match, another one matches.

use std::collections::BTreeSet;

use super::Review;
use crate::{
    document::Severity,
    policy::rule::{
        Action, Mode, Rule,
        block::{Block, Kind, Test},
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
        let parts: Vec<&str> = match &test.kind {
            Kind::AllWords(words) | Kind::AnyWords(words) => words.iter().map(|word| word.folded.as_str()).collect(),
            Kind::Phrase(words) => words.iter().map(String::as_str).collect(),
            Kind::Wildcard(_) | Kind::Regex(_) => Vec::new(),
        };
        for part in parts.into_iter().chain(test.required.iter().flatten().map(String::as_str)) {
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
            words.iter().all(|word| sure.contains(word.folded.as_str()))
        }
        Kind::AnyWords(words) => {
            let wanted: BTreeSet<&str> = words.iter().map(|word| word.folded.as_str()).collect();
            let one_of = |test: &Test| match &test.kind {
                Kind::AnyWords(words) => words.iter().all(|word| wanted.contains(word.folded.as_str())),
                _ => false,
            };
            sure_words(inner).iter().any(|word| wanted.contains(word)) || inner.tests.iter().any(one_of)
        }
        Kind::Phrase(words) => {
            let holds = |test: &Test| match &test.kind {
                Kind::Phrase(longer) => longer.windows(words.len().max(1)).any(|run| run == words.as_slice()),
                _ => false,
            };
            let single = |word: &String| sure_words(inner).contains(word.as_str());
            inner.tests.iter().any(holds) || matches!(words.as_slice(), [word] if single(word))
        }
        Kind::Wildcard(wildcard) => {
            inner.tests.iter().any(|test| matches!(&test.kind, Kind::Wildcard(other) if other == wildcard))
        }
        Kind::Regex(regex) => {
            inner.tests.iter().any(|test| matches!(&test.kind, Kind::Regex(other) if other.as_str() == regex.as_str()))
        }
    }
}

/// Words that stand in every subject that the block matches.
fn sure_words(block: &Block) -> BTreeSet<&str> {
    let mut sure = BTreeSet::new();
    for test in &block.tests {
        match &test.kind {
            Kind::AllWords(words) => sure.extend(words.iter().map(|word| word.folded.as_str())),
            Kind::AnyWords(words) => {
                if let [word] = words.as_slice() {
                    sure.insert(word.folded.as_str());
                }
            }
            Kind::Phrase(words) => sure.extend(words.iter().map(String::as_str)),
            Kind::Wildcard(_) | Kind::Regex(_) => {}
        }
    }
    sure
}
