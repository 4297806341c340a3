//! What ten thousand rules cost: to read and check, to keep, and for each subject.
//!
//! `cargo bench --bench rules` prints the CPU time to load (with the checks that a load always makes, and the file that they are read
//! from), what the process then keeps beyond what it had (`VmRSS`, and the most so far, `VmHWM`), and p50, p99 and the slowest of a
//! judgement (CPU time of its thread) over honest subjects and over subjects made to be slow; then what it costs
//! to need every expression for the first time. With `--shared` the same for rules that all share one fragment, which takes minutes. Timings are
//! no test: nothing here fails for being slow; `tests/rule_candidates.rs` counts instead.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench ends by panicking and talks on stdout"
)]
#![expect(clippy::disallowed_methods, reason = "a bench reads its own status")]

#[path = "../tests/subjects/chance.rs"]
mod chance;
#[path = "corpus/mod.rs"]
mod corpus;
#[path = "../tests/subjects/honest.rs"]
mod honest;

use std::{
    hint::black_box,
    net::IpAddr,
    time::{Duration, UNIX_EPOCH},
};

use portaria::{
    language::Language,
    message::subject::Subject,
    policy::{
        directory::MailboxKey,
        rule::{Facts, RuleSet, Scope},
    },
    smtp::path::ReversePath,
};

/// Rules in a file: people split them, and none may pass a mebibyte.
const RULES_IN_A_FILE: usize = 1_000;
const ROUNDS: usize = 20;

fn main() {
    let shares = std::env::args().any(|argument| argument == "--shared");
    for count in [1_000, 10_000] {
        if !shares {
            measure("realistic", &corpus::rules(count), count);
        }
    }
    if shares {
        measure("one fragment", &corpus::rules_that_share_all(10_000), 10_000);
    }
}

fn measure(name: &str, source: &str, count: usize) {
    let files = files(source);
    let before = memory("VmRSS:");
    let began = cpu();
    let (set, faults) = RuleSet::read(&files, &|_| None);
    let loaded = cpu().saturating_sub(began);
    assert!(!faults.has_errors(), "{}", faults.render(Language::En).chars().take(2_000).collect::<String>());
    assert_eq!(set.len(), count);
    let kept = memory("VmRSS:").saturating_sub(before);
    let most = memory("VmHWM:");
    println!(
        "{name}: {count} rules, {} KiB: read and checked in {loaded:.1?}; {kept} KiB kept, {most} KiB at most; {} warnings",
        source.len() >> 10,
        faults.0.len(),
    );
    for (what, subjects) in subjects() {
        time(&set, what, &subjects);
    }
    println!(
        "  after that {} KiB kept, {} expressions compiled",
        memory("VmRSS:").saturating_sub(before),
        set.compiled()
    );
    if name == "realistic" {
        touch_all(&set, count);
        println!("  after that {} KiB kept, {} compiled", memory("VmRSS:").saturating_sub(before), set.compiled());
    }
}

/// What one can do who knows all rules: a subject for each expression that is not compiled yet.
fn touch_all(set: &RuleSet, count: usize) {
    let mut times = Vec::new();
    for (_, text) in corpus::examples(count).into_iter().enumerate().filter(|(nth, _)| corpus::is_expression(*nth)) {
        let (subject, compiled, began) = (Subject::new(text.into_bytes()), set.compiled(), cpu());
        black_box(judge(set, &subject));
        let took = cpu().saturating_sub(began);
        times.extend((set.compiled() > compiled).then_some(took));
    }
    let all: Duration = times.iter().sum();
    let many = times.len();
    print_times("first to need it", &mut times, &format!("{many} in {all:.1?} together"));
}

/// The rules in files, as a folder has them.
fn files(source: &str) -> Vec<(std::path::PathBuf, String)> {
    let rules: Vec<&str> = source.split("[[rule]]\n").filter(|rule| !rule.is_empty()).collect();
    let of_file = |rules: &[&str]| rules.iter().map(|rule| format!("[[rule]]\n{rule}")).collect::<String>();
    let named = |(at, rules)| (std::path::PathBuf::from(format!("{at:02}.toml")), of_file(rules));
    rules.chunks(RULES_IN_A_FILE).enumerate().map(named).collect()
}

fn subjects() -> Vec<(&'static str, Vec<Subject>)> {
    let mut chance = corpus::Chance(7);
    let of = |texts: Vec<String>| texts.into_iter().map(|text| Subject::new(text.into_bytes())).collect();
    let honest = honest::all(&mut chance::Chance::seeded("bench")).into_iter().map(|(_, text)| text).collect();
    let mut many = |make: fn(&mut corpus::Chance, usize) -> String, octets, count| {
        of((0..count).map(|_| make(&mut chance, octets)).collect())
    };
    vec![
        ("honest, six languages", of(honest)),
        ("near misses, 60 octets", many(corpus::near_miss, 60, 2_000)),
        ("near misses, 1 KB", many(corpus::near_miss, 1_000, 500)),
        ("near misses, 10 KB", many(corpus::near_miss, 10_000, 100)),
        ("names alone, 1 KB", many(corpus::names_alone, 1_000, 500)),
        ("names alone, 10 KB", many(corpus::names_alone, 10_000, 100)),
        ("disguised, 1 KB", many(corpus::disguised, 1_000, 500)),
        ("disguised, 10 KB", many(corpus::disguised, 10_000, 100)),
    ]
}

fn time(set: &RuleSet, what: &str, subjects: &[Subject]) {
    let found: usize = subjects.iter().map(|subject| judge(set, subject)).sum();
    let mut times: Vec<Duration> = Vec::with_capacity(subjects.len() * ROUNDS);
    for _ in 0..ROUNDS {
        for subject in subjects {
            let began = cpu();
            black_box(judge(set, subject));
            times.push(cpu().saturating_sub(began));
        }
    }
    print_times(what, &mut times, &format!("{found} matches"));
}

fn print_times(what: &str, times: &mut [Duration], more: &str) {
    times.sort_unstable();
    let at = |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1))).copied();
    let [median, p99, slowest] = [50, 99, 100].map(|part| at(part).unwrap_or_default());
    println!("  {what:<24} p50 {median:>9.1?}  p99 {p99:>9.1?}  slowest {slowest:>9.1?}  ({more})");
}

/// How many rules match.
fn judge(set: &RuleSet, subject: &Subject) -> usize {
    let recipients = [(MailboxKey("b@tjpa.jus.br".to_owned()), false)];
    let facts = Facts {
        subjects: std::slice::from_ref(subject),
        reverse_path: &ReversePath::Null,
        recipients: &recipients,
        list_ids: &[],
        client: IpAddr::from([192, 0, 2, 1]),
        scope: Scope::Relay,
        now: UNIX_EPOCH,
    };
    set.judge(&facts).matches.len()
}

/// What this thread has had of a processor: a machine that others use too makes everything wait, and that is not asked here.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// KiB of this process, by a line of its status.
fn memory(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
