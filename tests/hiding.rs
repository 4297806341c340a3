//! Messages that two readers take apart differently, and messages that only look so: what `inspect::ambiguity` says of each. What the
//! scanners say of the first ones is shown end to end (`tests/end_to_end/hiding.rs`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "hiding/mod.rs"]
#[allow(dead_code, reason = "what must become of a case is looked at by tests/end_to_end/hiding.rs")]
mod corpus;

use corpus::honest;
use portaria::inspect::ambiguity::{Class, Detector, Finding, Trick};

fn findings(message: &[u8], step: usize) -> Vec<Finding> {
    let mut detector = Detector::new();
    for piece in message.chunks(step) {
        detector.receive(piece);
    }
    detector.end();
    detector.findings().to_vec()
}

#[test]
fn no_honest_message_is_called_ambiguous() {
    let messages = honest::messages();
    assert!(messages.len() >= 60, "{}", messages.len());
    let mut wronged = Vec::new();
    for (name, message) in &messages {
        let findings = findings(message, usize::MAX >> 1);
        let ambiguous = findings.iter().filter(|finding| finding.trick.class() == Class::Ambiguous);
        wronged.extend(ambiguous.map(|finding| format!("{name}: {}", finding.reason())));
    }
    assert!(wronged.is_empty(), "{wronged:#?}");
}

#[test]
fn where_a_message_is_cut_makes_no_difference() {
    let honest = honest::messages().into_iter().map(|(name, message)| (name.to_owned(), message));
    let hiding = corpus::cases().into_iter().map(|case| (case.name, case.message));
    for (name, message) in honest.chain(hiding) {
        let whole = findings(&message, usize::MAX >> 1);
        for step in [1, 3, 1000, 1024, 1025, 4096] {
            assert_eq!(findings(&message, step), whole, "{name}, in steps of {step}");
        }
    }
}

#[test]
fn the_page_has_every_kind_of_finding_under_its_class() {
    let page = include_str!("../docs/ambiguity.md");
    let (ambiguous, odd) = page.split_once("## What is odd").unwrap();
    for trick in Trick::ALL {
        let row = format!("| {} | {} |\n", trick.what(), trick.why());
        let table = if trick.class() == Class::Ambiguous { ambiguous } else { odd };
        assert_eq!(table.matches(&row).count(), 1, "{row}");
    }
    assert_eq!(
        page.matches("\n| ").count(),
        Trick::ALL.len() + 2 + FIGURES,
        "no other rows than those of the two tables and the figures"
    );
}

/// Rows of the table of figures, its head included.
const FIGURES: usize = 9;

#[test]
fn the_names_of_the_cases_tell_them_apart_and_none_holds_the_test_file_readably_in_this_repository() {
    let cases = corpus::cases();
    let names: std::collections::BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= 112, "{}", cases.len());
    assert_eq!(corpus::payload::test_file().len(), 68);
}
