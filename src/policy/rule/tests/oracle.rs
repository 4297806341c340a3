//! The automaton finds what a plain loop finds: thousands of generated subjects against generated rules, both ways.

use std::fmt::Write as _;

use super::{chance::Chance, *};

/// What is made by chance.
impl Chance {
    /// A word of few syllables, so that near misses are common.
    fn word(&mut self) -> String {
        let count = 1 + self.below(3);
        (0..count)
            .map(|_| {
                self.of(&[
                    "bo", "le", "to", "so", "k", "pix", "ção", "Ç", "σ", "ſ", "2ª", "7", "K", "ß", "лe", "Во", "ж",
                ])
            })
            .collect()
    }

    fn block(&mut self) -> String {
        let (a, b, c) = (self.word(), self.word(), self.word());
        match self.below(9) {
            0 => format!("all_words = ['{a}', '{b}']"),
            1 => format!("any_words = ['{a}', '{b}', '{c}']"),
            2 => format!("phrase = '{a} {b}'"),
            3 => format!("wildcard = '*{a}*{b}*'"),
            4 => format!("wildcard = '{a}?*'"),
            5 => format!("regex = '{a}.{{0,3}}{b}'"),
            6 => format!("regex = '({a}|{b})+ ?{c}'"),
            7 => format!("regex = '\\b(?:{a}|{b}[a-c]{c})\\b'"),
            _ => format!("all_words = ['{a}']\nregex = '(?i){b}$'"),
        }
    }

    fn rule(&mut self, id: usize) -> String {
        let fold = self.of(&[
            "",
            "fold.case = false",
            "fold.compatibility = false",
            "fold.digits = true",
            "fold.lookalikes = false",
            "fold.accents = false\nfold.spaces = false",
        ]);
        let mut source = rule(&format!("R-{id}"), &format!("mode = 'observe'\naction.kind = 'tag'\n{fold}"), "");
        for _ in 0..=self.below(2) {
            // A write to a String cannot fail.
            let _ = writeln!(source, "[[rule.match]]\n{}", self.block());
        }
        source
    }

    fn subject(&mut self) -> String {
        let count = 1 + self.below(5);
        (0..count).map(|_| self.word() + self.of(&[" ", " ", "", "-", "  ", "\u{200b}", "K", ": "])).collect()
    }
}

/// Generated rules have no examples; what lacks them is compiled all the same, and only here.
fn compiled(source: &str) -> RuleSet {
    let document = crate::document::Document::parse("r.toml", source);
    let mut rules = Vec::new();
    for written in file::read(&document) {
        let before = document.errors();
        let rule = load::patterns(&document, &written, &resolve, &expression::Room::new(usize::MAX));
        rules.extend((document.errors() == before).then_some(rule));
    }
    let groups = index::build(&rules, |_| true);
    rules.iter_mut().flat_map(|rule| &mut rule.blocks).flat_map(|block| &mut block.tests).for_each(block::Test::rest);
    RuleSet { rules, groups }
}

#[test]
fn the_automaton_agrees_with_a_plain_loop() {
    let mut chance = Chance(2_026);
    let source: String = (0..1_200).map(|id| chance.rule(id)).collect();
    let set = compiled(&source);
    assert!(set.len() > 500, "{} rules compiled", set.len());
    let (mut matches, mut disguised, mut with_literal) = (0, 0, 0);
    for group in &set.groups {
        with_literal +=
            set.rules.iter().filter(|rule| rule.fold == group.fold).map(|rule| rule.blocks.len()).sum::<usize>();
        with_literal -= group.always().len();
    }
    assert!(with_literal > 600, "{with_literal} blocks have a literal: otherwise nothing is compared");
    for round in 0..2_000 {
        let subject = chance.subject();
        let message = Message::with(&[&subject]);
        let judged = set.judge(&message.facts()).matches;
        let found: Vec<_> =
            judged.iter().map(|found| (found.rule.as_str(), found.block, found.reading, found.span)).collect();
        let plain = plainly(&set, &message.subjects[0]);
        assert_eq!(found, plain, "{subject:?}");
        matches += plain.len();
        disguised += plain.iter().filter(|(.., reading, _)| *reading == Reading::Lookalikes).count();
        if round % 100 == 0 {
            let tried: Vec<_> = set.try_out(&message.facts()).into_iter().map(|tried| tried.found).collect();
            assert_eq!(judged, tried, "{subject:?}");
        }
    }
    assert!(matches > 2_000, "{matches} matches: too few to compare");
    assert!(disguised > 500, "{disguised} of them in the second reading");
}

/// Every block of every rule, tried in order.
fn plainly<'s>(set: &'s RuleSet, subject: &Subject) -> Vec<(&'s str, usize, Reading, (usize, usize))> {
    let read = |fold| (fold, view::View::of(subject, fold), place::Traces::of(subject, fold));
    let views: Vec<_> = set.groups.iter().map(|group| read(&group.fold)).collect();
    let first_block = |rule: &'s Rule| {
        let (_, view, traces) = views.iter().find(|(fold, ..)| **fold == rule.fold)?;
        let (block, hit) = rule.blocks.iter().enumerate().find_map(|(at, block)| Some((at + 1, block.find(view)?)))?;
        let place = traces.place(hit, view);
        Some((rule.id.as_str(), block, place.reading, place.span))
    };
    set.rules.iter().filter_map(first_block).collect()
}
