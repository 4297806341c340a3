//! Instructions of each case, counted by valgrind: the same number whatever else the machine does.
//!
//! In: `benches/counts.toml`, what a former commit took. Out: a table, the ratio beside it, and a line for each case that takes a fifth more.
//! The program runs itself under `callgrind`, which counts only inside [`counted_case`] and writes one file for each time it was left. SHA-256 is
//! counted as a processor without the instructions for it does it: valgrind has none of them.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::cases::{self, Case};

/// More than this is said.
const REGRESSION: f64 = 1.2;

/// Runs of each case that are counted. The lowest number is taken: maps are seeded by chance, and some runs meet a table to be filled.
const RUNS: usize = 3;

/// Runs of a case of some kilobytes that come first. They fill its tables, and sort what the making of other cases left unsorted in the allocator:
/// where they were one, that was three times what the inspection of 4 KB itself takes.
const FIRST_RUNS: u64 = 30;

/// Every case, behind the runs that are not counted.
pub fn once() {
    for mut case in cases::all() {
        for _ in 0..(FIRST_RUNS * (4 << 10)).div_ceil(case.octets).min(FIRST_RUNS) {
            (case.run)();
        }
        for _ in 0..RUNS {
            counted_case(&mut case);
        }
    }
}

/// callgrind finds it by its name.
#[inline(never)]
fn counted_case(case: &mut Case) {
    (case.run)();
}

/// Counts, and prints the counts beside those of before.
#[expect(clippy::disallowed_methods, reason = "a bench starts a program and reads files")]
pub fn compare() {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--toggle-collect=*counted_case*", "--dump-after=*counts*counted_case*"])
        .arg(format!("--callgrind-out-file={}/out", folder.path().display()))
        .arg(std::env::current_exe().unwrap())
        .arg("--once")
        .status();
    assert!(status.is_ok_and(|status| status.success()), "valgrind (Debian's package valgrind)");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../counts.toml");
    let before: BTreeMap<String, u64> = toml::from_str(&fs::read_to_string(&path).unwrap_or_default()).unwrap();
    let count = |nth: usize| {
        let dump = fs::read_to_string(folder.path().join(format!("out.{nth}"))).unwrap();
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap();
        total.trim().parse::<u64>().unwrap()
    };
    let counts = cases::all().into_iter().zip((1..).step_by(RUNS));
    let counts: Vec<(Case, u64)> =
        counts.map(|(case, first)| (case, (first..first + RUNS).map(count).min().unwrap())).collect();
    let gone: Vec<&String> = before.keys().filter(|name| !counts.iter().any(|(case, _)| case.name == **name)).collect();
    assert!(gone.is_empty(), "in benches/counts.toml, and no case: {gone:?}");
    println!("{:<44} {:>12} {:>10} {:>12} {:>7}", "instructions, user", "now", "an octet", "before", "ratio");
    let (mut now, mut grown) = (String::new(), Vec::new());
    for (Case { name, octets, .. }, count) in counts {
        let ratio = before.get(&name).map(|before| count as f64 / *before as f64);
        let was = before.get(&name).map_or_else(|| "-".to_owned(), u64::to_string);
        let shown = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        println!("{name:<44} {count:>12} {:>10.2} {was:>12} {shown:>7}", count as f64 / octets as f64);
        now.push_str(&format!("{name:?} = {count}\n"));
        grown
            .extend(ratio.filter(|ratio| *ratio > REGRESSION).map(|ratio| format!("{name}: {ratio:.2} times as many")));
    }
    for line in grown {
        println!("MORE INSTRUCTIONS: {line}");
    }
    if std::env::args().any(|argument| argument == "--write") {
        fs::write(path, now).unwrap();
    }
}
