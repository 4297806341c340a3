//! What lists hold in memory: 100,000 blocked mailboxes, 10,000 subject rules.
//!
//! Out, for each list: the size of its text, how long it took to read, what the process then keeps beyond what it had (`VmRSS`), the most that it had
//! (`VmHWM`), what it keeps when the same text was read again and the first list given up, as a reload does, and what when both are gone. Each list
//! is read in a process of its own, which is this program again.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Instant, UNIX_EPOCH},
};

use portaria::policy::{
    blocked_mailbox::BlockedMailboxes,
    directory::{Directory, ServedDomain},
    rule::RuleSet,
};

use crate::corpus;

/// Blocked mailboxes. What they say of themselves leaves room for them below the 8 MiB that a list may have.
const MAILBOXES: usize = 100_000;
/// Subject rules, in files of a thousand.
const RULES: usize = 10_000;

type List = (&'static str, fn());
const LISTS: [List; 3] = [
    ("blocked mailboxes, 100,000, terse", terse),
    ("blocked mailboxes, 40,000, as people write them", as_written),
    ("subject rules, 10,000", rules),
];

/// Each list in its own process; `--memory=N` is such a process.
#[expect(clippy::disallowed_methods, reason = "a bench starts a program")]
pub fn measure(nth: Option<&str>) {
    match nth {
        Some(nth) => (LISTS[nth.parse::<usize>().unwrap()].1)(),
        None => LISTS.iter().enumerate().for_each(|(nth, (name, _))| {
            println!("{name}");
            let status = Command::new(std::env::current_exe().unwrap()).arg(format!("--memory={nth}")).status();
            assert!(status.is_ok_and(|status| status.success()));
        }),
    }
}

fn terse() {
    blocked(MAILBOXES, |n| {
        format!("[[blocked]]\nmailbox=\"b-{n}\"\ndirection=\"both\"\nreason=\"a\"\nticket=\"1\"\nby=\"b\"\n")
    });
}

fn as_written() {
    let reasons = ["Aposentadoria", "Conta comprometida, senha em troca", "Exoneração publicada no Diário da Justiça"];
    blocked(MAILBOXES * 2 / 5, |n| {
        let (reason, month) = (reasons[n % 3], 1 + n % 12);
        format!(
            "[[blocked]]\nmailbox   = \"servidor.sobrenome{n}\"\ndirection = \"receive\"\nreason    = \"{reason}\"\n\
             ticket    = \"REQ 2026/{n:06}\"\nby        = \"Seguranca S3B\"\nstarts    = 2026-{month:02}-01T00:00:00-03:00\n\n"
        )
    });
}

fn blocked(count: usize, entry: impl Fn(usize) -> String) {
    let domain = |name: &str, alias: &str| ServedDomain {
        name: name.into(),
        aliases: vec![alias.into()],
        next_hop: "mailbox".into(),
    };
    let directory = Directory::new(vec![domain("tjpa.jus.br", "tjepa.jus.br")], []).unwrap();
    let text: String = (0..count).map(entry).collect();
    read(&text, |text| {
        let (list, faults) = BlockedMailboxes::read(Path::new("mailboxes.toml"), text, &directory, UNIX_EPOCH);
        assert!(!faults.has_errors() && list.entries().len() == count);
        list
    });
}

fn rules() {
    let text = corpus::rules(RULES);
    let rules: Vec<&str> = text.split("[[rule]]\n").skip(1).collect();
    let file = |(at, rules): (usize, &[&str])| {
        let text = rules.iter().fold(String::new(), |mut text, rule| {
            let _ = write!(text, "[[rule]]\n{rule}");
            text
        });
        (PathBuf::from(format!("{at:02}.toml")), text)
    };
    let files: Vec<_> = rules.chunks(1_000).enumerate().map(file).collect();
    read(&text, |_| {
        let (set, faults) = RuleSet::read(&files, &|_| None);
        assert!(!faults.has_errors() && set.len() == RULES);
        set
    });
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn read<L>(text: &str, load: impl Fn(&str) -> L) {
    let before = memory("VmRSS:");
    let began = Instant::now();
    let first = load(text);
    let took = began.elapsed();
    let (kept, most) = (memory("VmRSS:").saturating_sub(before), memory("VmHWM:").saturating_sub(before));
    let second = load(text);
    drop(first);
    let again = memory("VmRSS:").saturating_sub(before);
    drop(second);
    let gone = memory("VmRSS:").saturating_sub(before);
    println!(
        "  {} KiB of text, read in {took:.1?}: {kept} KiB kept, {most} KiB at most; {again} KiB after a reload, {gone} KiB when gone",
        text.len() >> 10
    );
}

/// KiB of this process, by a line of its status.
#[expect(clippy::disallowed_methods, reason = "a bench reads its own status")]
fn memory(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
