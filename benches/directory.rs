//! What a directory of 200,000 addresses costs: to read it as CSV and as TOML, to keep it, and to find one mailbox in it.
//!
//! `cargo bench --bench directory` prints the size of each file, the time to load it, what the process then keeps beyond what it had
//! (`VmRSS`), the most that it had so far (`VmHWM`), and the time of a look-up beside that in a directory of 2,000. Timings are no test: nothing
//! here fails for being slow.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench ends by panicking and talks on stdout"
)]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock and its own status")]

use std::{hint::black_box, path::Path, time::Instant};

use portaria::{
    language::Language,
    policy::directory::{Directory, ServedDomain},
    smtp::path::Mailbox,
};

/// A mailbox has two addresses in served domains: under its name (in both of them, which is one), and under another.
const MAILBOXES: usize = 100_000;

fn main() {
    for count in [MAILBOXES / 100, MAILBOXES] {
        for (file, source) in [("directory.csv", csv(count)), ("directory.toml", toml(count))] {
            measure(file, &source, count);
        }
    }
}

fn measure(file: &str, source: &str, count: usize) {
    let before = memory("VmRSS:");
    let began = Instant::now();
    let (directory, faults) = served().with_entries(Path::new(file), source);
    let loaded = began.elapsed();
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    assert_eq!(directory.entries().unwrap().addresses(), 2 * count);
    let (kept, most) = (memory("VmRSS:").saturating_sub(before), memory("VmHWM:"));
    let asked: Vec<_> = (0..count).map(|n| Mailbox::parse(&format!("S{n}@tjpa.jus.br")).unwrap()).collect();
    let began = Instant::now();
    for mailbox in &asked {
        assert!(black_box(directory.look_up(mailbox)).unwrap().entry.is_some());
    }
    let found = began.elapsed() / u32::try_from(count).unwrap();
    let (addresses, size) = (2 * count, source.len() >> 10);
    println!(
        "{file:<15} {addresses:>7} addresses, {size:>6} KiB: loaded in {loaded:>9.1?}, {kept:>6} KiB kept, {most:>6} KiB at most, {found:?} a look-up"
    );
}

fn served() -> Directory {
    let domain = ServedDomain {
        name: "tjepa.jus.br".to_owned(),
        aliases: vec!["tjpa.jus.br".to_owned()],
        next_hop: "mailbox".into(),
    };
    Directory::new(vec![domain], ["abuse"]).unwrap()
}

fn csv(count: usize) -> String {
    let line =
        |n| format!("servidor.{n};servidor;servidor.{n}@tjepa.jus.br;servidor.{n}@tjpa.jus.br s{n}@tjpa.jus.br\n");
    "name;class;primary;addresses\n".to_owned() + &(0..count).map(line).collect::<String>()
}

fn toml(count: usize) -> String {
    let table = |n| {
        format!(
            "[[mailbox]]\nname = \"servidor.{n}\"\nclass = \"servidor\"\nprimary = \"servidor.{n}@tjepa.jus.br\"\n\
             addresses = [\"servidor.{n}@tjpa.jus.br\", \"s{n}@tjpa.jus.br\"]\n"
        )
    };
    (0..count).map(table).collect()
}

/// KiB of this process, by a line of its status.
fn memory(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
