//! Which blocks are worth trying on a subject: one Aho-Corasick automaton over the required literals of all rules that share
//! a fold (decision 14).
//!
//! A block is looked up by one thing that every subject it matches must hold. Which one is chosen here, where all rules are known: the
//! word that the fewest of them ask for. Rules of a campaign share `boleto` and `vencido`; looked up by the longest word, a subject with
//! `cobrança` in it would have every such rule tried on it.

use std::{cmp::Reverse, collections::HashMap};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{Rule, block::Block, required, view::View};
use crate::message::subject::Fold;

/// Octets from which a literal is rare enough in subjects for what the rules share to count more.
const LONG: usize = 5;

/// A block: index of the rule, index of the block in it.
pub(super) type BlockIndex = (usize, usize);

/// The rules that share one fold. They also share the folded subject.
#[derive(Debug)]
pub(super) struct Group {
    /// The fold.
    pub fold: Fold,
    automaton: Option<AhoCorasick>,
    /// For each literal of the automaton the blocks that require it.
    owners: Vec<Vec<BlockIndex>>,
    /// Blocks without a required literal: tried on every subject.
    always: Vec<BlockIndex>,
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

impl Group {
    fn new(fold: &Fold, rules: &[(usize, &Rule)]) -> Self {
        let shared = shared(rules);
        let mut literals: Vec<(&str, BlockIndex)> = Vec::new();
        let mut always = Vec::new();
        for (at, rule) in rules {
            for (number, block) in rule.blocks.iter().enumerate() {
                match rarest(block, &shared) {
                    Some(set) => literals.extend(set.iter().map(|literal| (literal.as_str(), (*at, number)))),
                    None => always.push((*at, number)),
                }
            }
        }
        literals.sort_unstable();
        literals.dedup();
        let runs: Vec<_> = literals.chunk_by(|(a, _), (b, _)| a == b).collect();
        let patterns = runs.iter().filter_map(|run| run.first()).map(|(literal, _)| *literal);
        let owners = runs.iter().map(|run| run.iter().map(|(_, block)| *block).collect()).collect();
        // Building fails only beyond 2^31 states. Then every block is tried: slower, never wrong.
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(patterns);
        match automaton {
            Ok(automaton) => Self { fold: fold.clone(), automaton: Some(automaton), owners, always },
            Err(_) => {
                always.extend(literals.iter().map(|(_, block)| *block));
                Self { fold: fold.clone(), automaton: None, owners: Vec::new(), always }
            }
        }
    }

    /// The blocks that may hold of `view`, in rule order, each once. Every block that holds is among them.
    pub(super) fn candidates(&self, view: &View) -> Vec<BlockIndex> {
        let mut candidates = self.always.clone();
        if let Some(automaton) = &self.automaton {
            let mut seen = vec![false; self.owners.len()];
            let texts = view.readings().map(|(_, folded)| &folded.text);
            for found in texts.flat_map(|text| automaton.find_overlapping_iter(text)) {
                let literal = found.pattern().as_usize();
                if let (Some(seen @ false), Some(owners)) = (seen.get_mut(literal), self.owners.get(literal)) {
                    *seen = true;
                    candidates.extend(owners);
                }
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }

    /// The blocks that are tried on every subject.
    pub(super) fn always(&self) -> &[BlockIndex] {
        &self.always
    }
}
