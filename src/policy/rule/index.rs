//! Which blocks are worth trying on a subject: one Aho-Corasick automaton over the required literals of all rules that share
//! a fold (decision 14).

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{Rule, required, view::View};
use crate::message::subject::Fold;

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

impl Group {
    fn new(fold: &Fold, rules: &[(usize, &Rule)]) -> Self {
        let mut literals: Vec<(&str, BlockIndex)> = Vec::new();
        let mut always = Vec::new();
        for (at, rule) in rules {
            for (number, block) in rule.blocks.iter().enumerate() {
                let sets = block.tests.iter().filter_map(|test| test.required.as_ref());
                match required::best(sets) {
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
