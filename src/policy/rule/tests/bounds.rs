//! A rule file made to be slow or huge. Whoever may write one decides what mail arrives, and still must not be able to end the
//! gateway: not with a slip, and not on purpose.

use super::*;
use crate::document::Document;

const HEAD: &str = "mode = \"observe\"\naction.kind = \"tag\"";
const EXAMPLES: &str = "[[rule.match]]\nphrase = \"boleto 1\"\n[[rule.example]]\nsubject = \"boleto 1\"\nexpect = \"match\"\n\
                        [[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\"";

/// Each expression alone is in order, with a required literal: it is their sum that is refused. Without the bound a file of 1 MiB
/// holds some 25,000 of them.
#[test]
fn all_expressions_together_have_a_bound() {
    let block = "[[rule.match]]\nregex = 'boleto\\w{10}'\n";
    let reached = "[[rule.example]]\nsubject = \"boletoabcdefghij\"\nexpect = \"match\"";
    assert_eq!(read(&rule("T-1", HEAD, &format!("{block}{EXAMPLES}\n{reached}"))).1, "");
    let (set, faults) = read(&rule("T-1", HEAD, &format!("{}{EXAMPLES}\n{reached}", block.repeat(300))));
    assert!(set.is_empty());
    assert!(faults.contains("error: the expressions of all rules take more than 67108864 octets"), "{faults}");
}

/// An expression that is too large is refused after a bounded search, and many of them after a bounded sum of searches.
#[test]
fn expressions_that_are_too_large_use_up_the_room_too() {
    let block = "[[rule.match]]\nregex = 'boleto\\w{1000}'\n";
    let source = rule("T-1", HEAD, &format!("{}{EXAMPLES}", block.repeat(5)));
    let document = Document::parse("r.toml", &source);
    let room = expression::Room::new(3 << 20);
    for written in file::read(&document) {
        load::patterns(&document, &written, &resolve, &room);
    }
    let faults = document.into_faults().render(Language::En);
    assert_eq!(faults.matches("the expression is larger than 1048576 octets").count(), 3, "{faults}");
    assert_eq!(faults.matches("the expressions of all rules").count(), 2, "{faults}");
}

/// Every Subject is folded once for each fold that some rule has.
#[test]
fn folds_have_a_bound() {
    let rules = |count: usize| {
        let one = |nth| rule(&format!("T-{nth}"), &format!("{HEAD}\nfold.prefixes = [\"p{nth}\"]"), EXAMPLES);
        (0..count).map(one).collect::<String>()
    };
    assert_eq!(read(&rules(MAX_FOLDS)).1, "");
    let (_, faults) = read(&rules(MAX_FOLDS + 1));
    assert!(faults.contains("error: the rules have 33 different [rule.fold], at most 32 may be"), "{faults}");
}

#[test]
fn all_files_together_have_a_bound() {
    let files = |count: usize| {
        let one = |nth| (std::path::PathBuf::from(format!("{nth:02}.toml")), "#".repeat(1 << 20));
        RuleSet::read(&(0..count).map(one).collect::<Vec<_>>(), &resolve).1.render(Language::En)
    };
    assert_eq!(files(1), "");
    assert!(
        files((MAX_ALL_FILES >> 20) + 1).starts_with("32.toml: error: with this file the rule files have more than")
    );
}

/// Rules that share one word are candidates of each other: their number is the square of theirs.
#[test]
fn comparing_rules_with_one_another_has_a_bound() {
    let rules = |count: usize| {
        let one = |nth| {
            let block = format!(
                "[[rule.match]]\nall_words = [\"boleto\", \"x{nth}\"]\n[[rule.example]]\nsubject = \"boleto x{nth}\"\nexpect = \"match\"\n\
                 [[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\""
            );
            rule(&format!("T-{nth}"), HEAD, &block)
        };
        (0..count).map(one).collect::<String>()
    };
    assert_eq!(read(&rules(100)).1, "");
    let (set, faults) = read(&rules(1_100));
    assert!(faults.contains("warning: so many rules share the same words"), "{faults}");
    assert_eq!(set.len(), 1_100, "it is advice: the rules are in order");
}
