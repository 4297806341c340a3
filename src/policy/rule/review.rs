//! Rules beside one another and beside ordinary mail: what no rule shows alone.
//!
//! In: rules that are in order, as compiled and as written. Out: faults in their documents, and which rules got an error. What is
//! worth comparing comes from the same automaton that serves messages, so that ten thousand rules are compared in the time of some
//! thousand messages. The work is bounded, and a set that reaches the bound is told so.

mod contained;
mod shadow;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Mode, Resolve, Rule, Scope, code,
    except::Circumstances,
    file::WrittenRule,
    index::{self, BlockIndex, Group},
    ordinary,
    view::View,
};
use crate::{
    document::{Code, Document, Severity},
    language::Text,
    message::subject::Subject,
    text,
};

/// Comparisons of a block with a text or with a block. Ten thousand different rules take some hundred thousand; ten thousand that
/// share a word would take a hundred million.
const WORK: usize = 1_000_000;

/// A rule as written, and where.
pub(super) struct Entry<'e, 'd> {
    /// Its file.
    pub document: &'e Document<'d>,
    /// It.
    pub written: WrittenRule,
}

/// Looks at all rules together; `entries` are as many as `rules`, in the same order. Out: the indices of those with an error.
pub(super) fn review(rules: &[Rule], entries: &[Entry<'_, '_>], resolve: Resolve<'_>) -> BTreeSet<usize> {
    let groups = index::build(rules, |_| true);
    let review = Review { rules, entries, groups, resolve, left: Cell::new(WORK), with_errors: RefCell::default() };
    review.ordinary_subjects();
    for at in 0..rules.len() {
        review.check_shadowed(at);
        review.check_contained(at);
    }
    if review.left.get() == 0 {
        review.tell_of_work();
    }
    review.with_errors.into_inner()
}

struct Review<'r, 'e, 'd> {
    rules: &'r [Rule],
    entries: &'r [Entry<'e, 'd>],
    /// Over all rules, those that are off too.
    groups: Vec<Group>,
    resolve: Resolve<'r>,
    /// Of [`WORK`].
    left: Cell<usize>,
    with_errors: RefCell<BTreeSet<usize>>,
}

impl Review<'_, '_, '_> {
    /// The blocks that may hold of `view`, as far as there is work left.
    fn candidates(&self, group: &Group, view: &View) -> Vec<BlockIndex> {
        if self.left.get() == 0 {
            return Vec::new();
        }
        let found = group.candidates(view);
        self.left.set(self.left.get().saturating_sub(found.looked_at));
        found.blocks
    }

    fn ordinary_subjects(&self) {
        let nothing = Circumstances { sender: None, lists: &[], client: None };
        let mut found: BTreeMap<BlockIndex, Vec<&str>> = BTreeMap::new();
        for group in &self.groups {
            for written in ordinary::SUBJECTS {
                let view = View::of(&Subject::new(written.as_bytes()), &group.fold);
                for (at, block) in self.candidates(group, &view) {
                    let Some(rule) = self.rules.get(at) else { continue };
                    let holds = rule.blocks.get(block).is_some_and(|block| block.find(&view).is_some());
                    if holds && rule.except.sparing(&view, &nothing).is_none() {
                        found.entry((at, block)).or_default().push(written);
                    }
                }
            }
        }
        for (block, subjects) in found {
            self.say_ordinary(block, &subjects);
        }
    }

    fn say_ordinary(&self, (at, block): BlockIndex, subjects: &[&str]) {
        let Some(first) = subjects.first() else { return };
        let (count, all) = (subjects.len(), ordinary::SUBJECTS.len());
        let help = text!(
            "say more, such as a second word in all_words, or make it an exception: “{first}”",
            "diga mais, como uma segunda palavra em all_words, ou faça uma exceção: “{first}”"
        );
        let (code, severity, what) = if count * ordinary::ONE_IN > all {
            let what = text!(
                "this block matches {count} of {all} ordinary subjects",
                "este bloco casa com {count} de {all} assuntos comuns"
            );
            (code::TOO_BROAD, Severity::Error, what)
        } else {
            let what = text!(
                "ordinary subjects match this block, such as “{first}”",
                "assuntos comuns casam com este bloco, como “{first}”"
            );
            (code::ORDINARY, Severity::Warning, what)
        };
        let span = |entry: &Entry<'_, '_>| entry.written.blocks.get(block).map(|block| block.span.clone());
        if let Some(span) = self.entries.get(at).and_then(span) {
            self.note(at, (code, severity), span, what, Some(help));
        }
    }

    fn tell_of_work(&self) {
        let what = text!(
            "so many rules share the same words that not all of them were compared with one another",
            "tantas regras têm as mesmas palavras que nem todas foram comparadas entre si"
        );
        let help = text!(
            "several words of one campaign fit into one rule: any_words",
            "várias palavras de uma campanha cabem em uma regra: any_words"
        );
        if let Some(entry) = self.entries.last() {
            entry.document.advise(code::LIMIT, entry.written.id.span.clone(), what, Some(help));
        }
    }

    /// Notes a fault of the rule at `at`.
    fn note(
        &self,
        at: usize,
        (code, severity): (Code, Severity),
        span: std::ops::Range<usize>,
        what: Text,
        help: Option<Text>,
    ) {
        let Some(entry) = self.entries.get(at) else { return };
        entry.document.note_as(code, severity, span, what, help);
        if severity == Severity::Error {
            self.with_errors.borrow_mut().insert(at);
        }
    }

    /// `S-1 (a.toml:3)`.
    fn name(&self, at: usize) -> String {
        let Some(entry) = self.entries.get(at) else { return String::new() };
        let line = entry.document.place(&entry.written.id.span).line;
        format!("{} ({}:{line})", entry.written.id.value, entry.document.file().display())
    }
}

impl Rule {
    /// Whether it acts wherever and whenever `other` does, if it is in the same mode.
    fn covers(&self, other: &Self) -> bool {
        let begins = match (&self.starts, &other.starts) {
            (None, _) => true,
            (Some(own), Some(others)) => own.at <= others.at,
            (Some(_), None) => false,
        };
        let ends = match (&self.expires, &other.expires) {
            (None, _) => true,
            (Some(own), Some(others)) => own.at >= others.at,
            (Some(_), None) => false,
        };
        begins && ends && other.scope.iter().all(|scope: &Scope| self.scope.contains(scope))
    }

    /// Whether it takes the decision from every rule behind it.
    fn decides(&self) -> bool {
        self.mode == Mode::Enforce && self.action != super::Action::Observe
    }
}
