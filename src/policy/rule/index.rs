//! Which blocks are worth trying on a subject: one Aho-Corasick automaton over the required literals of all rules that share
//! a fold (decision 14).
//!
//! A block is looked up by one thing that every subject it matches must hold. Which one is chosen here, where all rules are known: the
//! word that the fewest of them ask for. Rules of a campaign share `boleto` and `vencido`; looked up by the longest word, a subject with
//! `cobrança` in it would have every such rule looked at. What else the block asks for is looked up in the same pass: a block of which a part
//! is not there is not tried.

use std::{cmp::Reverse, collections::HashMap};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{Rule, block::Block, required, view::View};
use crate::message::subject::Fold;

/// Octets from which a literal is rare enough in subjects for what the rules share to count more.
const LONG: usize = 5;

/// Octets from which a literal that a block asks for besides is looked up: shorter ones are in most subjects, and say little.
const NEEDED: usize = 3;

/// A block: index of the rule, index of the block in it.
pub(super) type BlockIndex = (usize, usize);

/// The rules that share one fold. They also share the folded subject.
#[derive(Debug)]
pub(super) struct Group {
    /// The fold.
    pub fold: Fold,
    automaton: Option<AhoCorasick>,
    /// For each literal of the automaton those of `entries` that are looked up by it.
    owners: Vec<Vec<usize>>,
    entries: Vec<Entry>,
    /// Blocks without a required literal: tried on every subject.
    always: Vec<BlockIndex>,
}

/// A block that is looked up.
#[derive(Debug)]
struct Entry {
    block: BlockIndex,
    /// What else must be there: of each of these sets of literals one.
    others: Vec<Vec<usize>>,
}

/// What was found for a subject.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidates {
    /// The blocks that may hold, in rule order, each once.
    pub blocks: Vec<BlockIndex>,
    /// How many were looked at to find them.
    pub looked_at: usize,
}

/// One group per fold, over the rules that `wanted` takes.
pub(super) fn build(rules: &[Rule], wanted: impl Fn(&Rule) -> bool) -> Vec<Group> {
    let mut folds: Vec<&Fold> = rules.iter().filter(|rule| wanted(rule)).map(|rule| &rule.fold).collect();
    folds.sort();
    folds.dedup();
    let members = |fold: &Fold| {
        let of_fold = rules.iter().enumerate().filter(|(_, rule)| rule.fold == *fold && wanted(rule));
        of_fold.collect::<Vec<_>>()
    };
    folds.into_iter().map(|fold| Group::new(fold, &members(fold))).collect()
}

/// How many blocks ask for each literal, whether or not they are looked up by it.
fn shared<'r>(rules: &[(usize, &'r Rule)]) -> HashMap<&'r str, usize> {
    let mut shared = HashMap::new();
    for block in rules.iter().flat_map(|(_, rule)| &rule.blocks) {
        for literal in block.tests.iter().flat_map(|test| &test.required).flatten() {
            *shared.entry(literal.as_str()).or_default() += 1;
        }
    }
    shared
}

/// What a block is looked up by: first of all nothing so short that most subjects have it in some word, then what the fewest blocks ask for.
fn rarest<'b>(block: &'b Block, shared: &HashMap<&str, usize>) -> Option<&'b Vec<String>> {
    let cost = |set: &&Vec<String>| {
        let (shortest, fewest) = required::worth(set);
        let blocks: usize = set.iter().filter_map(|literal| shared.get(literal.as_str())).sum();
        (Reverse(shortest.min(LONG)), blocks, Reverse(shortest), fewest)
    };
    block.tests.iter().flat_map(|test| &test.required).min_by_key(cost)
}

/// Literals and their numbers.
#[derive(Default)]
struct Literals<'r> {
    all: Vec<&'r str>,
    by_text: HashMap<&'r str, usize>,
}

impl<'r> Literals<'r> {
    fn numbers(&mut self, set: &'r [String]) -> Vec<usize> {
        let number = |literal: &'r String| {
            let next = self.all.len();
            *self.by_text.entry(literal).or_insert_with(|| {
                self.all.push(literal);
                next
            })
        };
        set.iter().map(number).collect()
    }
}

impl Group {
    fn new(fold: &Fold, rules: &[(usize, &Rule)]) -> Self {
        let shared = shared(rules);
        let (mut literals, mut entries, mut always) = (Literals::default(), Vec::new(), Vec::new());
        let mut owners: Vec<Vec<usize>> = Vec::new();
        for (at, rule) in rules {
            for (number, block) in rule.blocks.iter().enumerate() {
                let Some(set) = rarest(block, &shared) else {
                    always.push((*at, number));
                    continue;
                };
                let sets = block.tests.iter().flat_map(|test| &test.required);
                let others = sets
                    .filter(|other| !std::ptr::eq(*other, set) && other.iter().all(|literal| literal.len() >= NEEDED));
                let others = others.map(|set| literals.numbers(set)).collect();
                for literal in literals.numbers(set) {
                    owners.resize_with(owners.len().max(literal + 1), Vec::new);
                    owners.get_mut(literal).into_iter().for_each(|owners| owners.push(entries.len()));
                }
                entries.push(Entry { block: (*at, number), others });
            }
        }
        // Building fails only beyond 2^31 states. Then every block is tried: slower, never wrong.
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&literals.all);
        if automaton.is_err() {
            always.extend(entries.iter().map(|entry| entry.block));
        }
        Self { fold: fold.clone(), automaton: automaton.ok(), owners, entries, always }
    }

    /// The blocks that may hold of `view`. Every block that holds is among them.
    pub(super) fn candidates(&self, view: &View) -> Candidates {
        let (mut blocks, mut looked_at) = (self.always.clone(), self.always.len());
        if let Some(automaton) = &self.automaton {
            let mut seen = vec![false; automaton.patterns_len()];
            let mut found: Vec<usize> = Vec::new();
            let texts = view.readings().map(|(_, folded)| &folded.text);
            for hit in texts.flat_map(|text| automaton.find_overlapping_iter(text)) {
                let literal = hit.pattern().as_usize();
                if let Some(seen @ false) = seen.get_mut(literal) {
                    *seen = true;
                    found.extend(self.owners.get(literal).into_iter().flatten().copied());
                }
            }
            looked_at += found.len();
            let is_seen = |literal: &usize| seen.get(*literal).copied().unwrap_or(true);
            let entries = found.into_iter().filter_map(|at| self.entries.get(at));
            let whole = entries.filter(|entry: &&Entry| entry.others.iter().all(|set| set.iter().any(is_seen)));
            blocks.extend(whole.map(|entry| entry.block));
        }
        blocks.sort_unstable();
        blocks.dedup();
        Candidates { blocks, looked_at }
    }

    /// The blocks that are tried on every subject.
    pub(super) fn always(&self) -> &[BlockIndex] {
        &self.always
    }
}
