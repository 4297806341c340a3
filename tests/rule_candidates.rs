//! What a subject costs when there are thousands of rules, counted instead of timed: on how many match blocks is it tried? A clock on a busy
//! machine shows nothing; this number is the same everywhere. `cargo bench --bench rules` has the times.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

#[path = "subjects/chance.rs"]
mod chance;
#[path = "../benches/corpus/mod.rs"]
mod corpus;
#[path = "subjects/honest.rs"]
mod honest;

use portaria::{language::Language, message::subject::Subject, policy::rule::RuleSet};

fn set(source: &str) -> RuleSet {
    let (set, faults) = RuleSet::read(&[("r.toml".into(), source.to_owned())], &|_| None);
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    set
}

/// Blocks tried, on the average subject and on the worst.
fn tried(set: &RuleSet, subjects: &[Subject]) -> (f64, usize) {
    let each: Vec<usize> = subjects.iter().map(|subject| set.tried_on(subject)).collect();
    (each.iter().sum::<usize>() as f64 / each.len() as f64, each.into_iter().max().unwrap())
}

fn of(texts: impl IntoIterator<Item = String>) -> Vec<Subject> {
    texts.into_iter().map(|text| Subject::new(text.into_bytes())).collect()
}

/// Rules of campaigns share `boleto` and `vencido`, and each has a name of its own. Looked up by the longest word instead of the rarest,
/// the subjects here that have such words are tried on hundreds of them, and on ten times as many when there are ten times as many rules.
#[test]
fn ten_times_the_rules_are_not_ten_times_the_work() {
    let mut chance = corpus::Chance(11);
    let honest = of(honest::all(&mut chance::Chance::seeded("candidates")).into_iter().map(|(_, text)| text));
    let near = of((0..300).map(|_| corpus::near_miss(&mut chance, 60)));
    let long = of((0..50).map(|_| corpus::near_miss(&mut chance, 1_000)));
    let (few, many) = (set(&corpus::rules(150)), set(&corpus::rules(1_500)));
    for (name, subjects, most_on_average, most) in
        [("honest", honest, 0.1, 3), ("near misses", near, 2.0, 8), ("long near misses", long, 20.0, 60)]
    {
        let (before, after) = (tried(&few, &subjects), tried(&many, &subjects));
        println!("{name}: {before:?} blocks tried of 150 rules, {after:?} of 1,500");
        assert!(after.0 <= most_on_average && after.1 <= most, "{name}: {after:?}");
    }
    // What a rule looks for is found among them all the same.
    for nth in [0, 3, 5, 6, 7, 8, 9, 1_499] {
        let named = Subject::new(corpus::example(nth).into_bytes());
        assert!((1..=3).contains(&many.tried_on(&named)) && many.touches(&named), "{nth}: {}", corpus::example(nth));
    }
}

/// Nothing is rare where all share everything: then every rule is tried, and the count says so.
#[test]
fn rules_that_share_everything_are_all_tried() {
    let set = set(&corpus::rules_that_share_all(200));
    assert_eq!(set.tried_on(&Subject::new(b"seu comprovante 9".to_vec())), 200);
    assert_eq!(set.tried_on(&Subject::new(b"ata".to_vec())), 0);
}
