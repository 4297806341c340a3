//! What a subject costs when there are thousands of rules, counted instead of timed: how many match blocks are looked at, and tried? A clock on a busy
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

/// Blocks looked at and tried, on the average subject and on the worst.
fn counted(set: &RuleSet, subjects: &[Subject]) -> [(f64, usize); 2] {
    let each: Vec<(usize, usize)> = subjects.iter().map(|subject| set.tried_on(subject)).collect();
    let counts: [Vec<usize>; 2] = [each.iter().map(|it| it.0).collect(), each.iter().map(|it| it.1).collect()];
    counts.map(|counts| (counts.iter().sum::<usize>() as f64 / counts.len() as f64, counts.into_iter().max().unwrap()))
}

fn of(texts: impl IntoIterator<Item = String>) -> Vec<Subject> {
    texts.into_iter().map(|text| Subject::new(text.into_bytes())).collect()
}

/// Rules of campaigns share `boleto` and `vencido`, and each has a name of its own. Looked up by the longest word instead of the rarest,
/// hundreds of blocks are looked at for a subject that has such words, and ten times as many when there are ten times as many rules. Looked up
/// by that alone, a subject of names is tried on every rule that it names.
#[test]
fn ten_times_the_rules_are_not_ten_times_the_work() {
    let mut chance = corpus::Chance(11);
    let honest = of(honest::all(&mut chance::Chance::seeded("candidates")).into_iter().map(|(_, text)| text));
    let near = of((0..300).map(|_| corpus::near_miss(&mut chance, 60)));
    let long = of((0..50).map(|_| corpus::near_miss(&mut chance, 1_000)));
    let names = of((0..50).map(|_| corpus::names_alone(&mut chance, 1_000)));
    let (few, many) = (set(&corpus::rules(150)), set(&corpus::rules(1_500)));
    for (name, subjects, (looked_at, tried)) in [
        ("honest", honest, (0.1, 0.1)),
        ("near misses", near, (2.0, 1.0)),
        ("long near misses", long, (20.0, 10.0)),
        // A hundred names, thirty of which some rule has: but for expressions on the name alone there is nothing else in it.
        ("names alone", names, (60.0, 8.0)),
    ] {
        let (before, after) = (counted(&few, &subjects), counted(&many, &subjects));
        println!("{name}: looked at, tried: {before:?} of 150 rules, {after:?} of 1,500");
        assert!(after[0].0 <= looked_at && after[1].0 <= tried, "{name}: {after:?}");
    }
    // What a rule looks for is found among them all the same.
    for nth in [0, 3, 5, 6, 7, 8, 9, 1_499] {
        let named = Subject::new(corpus::example(nth).into_bytes());
        let (looked_at, tried) = many.tried_on(&named);
        assert!(looked_at <= 3 && tried >= 1 && many.touches(&named), "{nth}: {}", corpus::example(nth));
    }
}

/// Nothing is rare where all share everything: then every rule is tried, and the count says so.
#[test]
fn rules_that_share_everything_are_all_tried() {
    let set = set(&corpus::rules_that_share_all(200));
    assert_eq!(set.tried_on(&Subject::new(b"seu comprovante 9")), (200, 200));
    assert_eq!(set.tried_on(&Subject::new(b"ata")), (0, 0));
}

/// Whoever sends subjects decides which expressions are compiled. That costs each of them once while the set is in force, whatever is sent:
/// were they thrown away again, the same subjects would cost it each time.
#[test]
fn expressions_are_compiled_when_a_subject_first_needs_them_and_once() {
    let set = set(&corpus::rules(200));
    assert_eq!(set.compiled(), 0, "the examples of the rules are read without");
    let honest = of(honest::all(&mut chance::Chance::seeded("compiled")).into_iter().map(|(_, text)| text));
    assert!(honest.iter().all(|subject| !set.touches(subject)));
    assert_eq!(set.compiled(), 0, "honest subjects need none");
    let named = of(corpus::examples(200));
    for (nth, subject) in named.iter().enumerate().filter(|(nth, _)| corpus::is_expression(*nth)) {
        let before = set.compiled();
        assert!(set.touches(subject));
        assert_eq!(set.compiled(), before + 1, "rule {nth}");
    }
    assert_eq!(set.compiled(), 40);
    assert!(named.iter().all(|subject| set.touches(subject)));
    assert_eq!(set.compiled(), 40);
}
