//! Entries written, replaced and taken out, and everything else in the file left as it was.

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, tz::TimeZone};
use toml_edit::DocumentMut;

use super::{file, shown, *};
use crate::{
    cli::rendering::Style,
    language::{Language, acts_or_hides},
    policy::directory::ServedDomain,
};

const HEADER: &str =
    "#:schema mailboxes.schema.json\n# Caixas bloqueadas.\n#\n# [[blocked]]\n# mailbox = \"fulano.tal\"\n";

const TWO: &str = "# Caixas bloqueadas.\n\n# Sindicância 7.\n[[blocked]]\nmailbox = \"fulano.tal\"  # dele\ndirection = \"both\"\n\
                   reason = \"r\"\nticket = \"REQ 1\"\nby = \"s3b\"\n\n# A outra.\n[[blocked]]\nmailbox = \"sicrana@tjpa.jus.br\"\n\
                   direction = \"send\"\nreason = \"r\"\nticket = \"REQ 2\"\nby = \"s3b\"\nexpires = 2026-12-01T00:00:00-03:00\n# fim\n";

fn directory() -> Directory {
    let domain = |name: &str, aliases: &[&str]| ServedDomain {
        name: name.to_owned(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        next_hop: "one".into(),
    };
    let domains = vec![domain("tjepa.jus.br", &["tjpa.jus.br"]), domain("outra.example", &[])];
    Directory::new(domains, ["abuse"]).unwrap()
}

fn now() -> SystemTime {
    "2026-11-22T10:00:00Z".parse::<Timestamp>().unwrap().into()
}

fn belem() -> TimeZone {
    TimeZone::get("America/Belem").unwrap()
}

fn read(text: &str) -> (BlockedMailboxes, Faults) {
    BlockedMailboxes::read(Path::new("mailboxes.toml"), text, &directory(), now())
}

fn entry(written: &str, direction: Direction, period: Period) -> Block {
    Block {
        written: written.to_owned(),
        mailboxes: directory().mailboxes_written(written).unwrap_or_default(),
        direction,
        reason: "Uso indevido, item 9.2.31".to_owned(),
        ticket: "REQ 9".to_owned(),
        by: "maria".to_owned(),
        period,
    }
}

type Change<'a> = &'a dyn Fn(&mut DocumentMut, &Around<'_>) -> Result<Vec<Block>, Text>;

/// The text after the change, and what had to go.
fn changed(source: &str, meant: &str, change: Change<'_>) -> Result<(String, Vec<Block>), Text> {
    let (list, faults) = read(source);
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    let meant = directory().mailboxes_written(meant).unwrap_or_default();
    let mut document: DocumentMut = source.parse().unwrap();
    let gone = change(&mut document, &Around { list: &list, meant: &meant, now: now(), zone: &belem() })?;
    Ok((document.to_string(), gone))
}

fn blocked(source: &str, entry: &Block, replace: bool) -> Result<(String, Vec<Block>), Text> {
    changed(source, &entry.written, &|document, around| file::block(document, around, entry, replace))
}

fn unblocked(source: &str, meant: &str, direction: Direction) -> Result<(String, Vec<Block>), Text> {
    changed(source, meant, &|document, around| file::unblock(document, around, direction))
}

fn days(from: u64, until: u64) -> Period {
    let at = |days: u64| Some(now() + Duration::from_secs(days * 86_400));
    Period { starts: at(from), expires: at(until) }
}

#[test]
fn an_entry_is_written_behind_everything_that_stands_there() {
    let entry = entry("beltrano", Direction::Receive, days(1, 30));
    let written = "[[blocked]]\nmailbox = \"beltrano\"\ndirection = \"receive\"\nreason = \"Uso indevido, item 9.2.31\"\n\
                   ticket = \"REQ 9\"\nby = \"maria\"\nstarts = 2026-11-23T07:00:00-03:00\nexpires = 2026-12-22T07:00:00-03:00\n";
    for (source, expected) in [
        ("", written.to_owned()),
        ("blocked = []\n", written.to_owned()),
        (HEADER, format!("{HEADER}\n{written}")),
        (TWO, format!("{}\n{written}# fim\n", TWO.trim_end_matches("# fim\n"))),
    ] {
        let (text, gone) = blocked(source, &entry, false).unwrap();
        assert_eq!((text.as_str(), gone.len()), (expected.as_str(), 0));
        let (list, faults) = read(&text);
        assert!(!faults.has_errors(), "{}", faults.render(Language::En));
        assert_eq!(list.entries().last().as_ref(), Some(&entry));
    }
}

/// Told what stands there; and what does not overlap it is another entry.
#[test]
fn what_is_blocked_already_is_told_and_changed_only_if_asked() {
    let none = Period::default();
    let told = blocked(TWO, &entry("Fulano.Tal+x@tjpa.jus.br", Direction::Send, none), false).unwrap_err();
    let expected = "Fulano.Tal+x@tjpa.jus.br is blocked already:\n  fulano.tal (both), no end: r (REQ 1, s3b)\n\
                    `--replace` puts the new entry in its place";
    assert_eq!(told.en, expected);
    for other in [
        entry("sicrana", Direction::Receive, none),
        entry("sicrana@tjepa.jus.br", Direction::Send, days(20, 30)),
        entry("sicrana@outra.example", Direction::Send, none),
    ] {
        assert!(blocked(TWO, &other, false).is_ok(), "{other:?}");
    }

    let (text, gone) = blocked(TWO, &entry("fulano.tal", Direction::Send, days(0, 1)), true).unwrap();
    assert_eq!(gone.iter().map(|block| block.ticket.as_str()).collect::<Vec<_>>(), ["REQ 1"]);
    let expected = "# Caixas bloqueadas.\n\n# Sindicância 7.\n[[blocked]]\nmailbox = \"fulano.tal\"  # dele\ndirection = \"send\"\n\
                    reason = \"Uso indevido, item 9.2.31\"\nticket = \"REQ 9\"\nby = \"maria\"\nstarts = 2026-11-22T07:00:00-03:00\n\
                    expires = 2026-11-23T07:00:00-03:00\n\n# A outra.\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with(TWO.split_once("# A outra.\n").unwrap().1), "{text}");

    // Two entries become one.
    let both = blocked(TWO, &entry("sicrana", Direction::Receive, none), false).unwrap().0;
    let (text, gone) = blocked(&both, &entry("sicrana", Direction::Both, none), true).unwrap();
    assert_eq!((gone.len(), read(&text).0.entries().len()), (2, 2), "{text}");

    // An entry that is over is in nobody's way.
    let over = TWO.replace("2026-12-01", "2026-11-01");
    assert!(blocked(&over, &entry("sicrana@tjpa.jus.br", Direction::Send, none), false).is_ok());
}

#[test]
fn nobody_else_is_unblocked_with_it() {
    let one = "fulano.tal@tjpa.jus.br";
    let told = unblocked(TWO, one, Direction::Both).unwrap_err().en;
    assert!(told.starts_with("the entry `fulano.tal` also blocks fulano.tal@outra.example"), "{told}");
    let told = blocked(TWO, &entry(one, Direction::Both, Period::default()), true).unwrap_err().en;
    assert!(told.starts_with("the entry `fulano.tal` also blocks"), "{told}");
}

#[test]
fn an_entry_is_taken_out_with_its_own_comment_and_no_other() {
    let second = TWO.split_once("\n# A outra.\n").unwrap().1;
    let (text, gone) = unblocked(TWO, "FULANO.TAL", Direction::Both).unwrap();
    assert_eq!(text, format!("# Caixas bloqueadas.\n\n# A outra.\n{second}"));
    assert_eq!(gone[0].ticket, "REQ 1");
    let (text, _) = unblocked(&text, "sicrana", Direction::Both).unwrap();
    assert_eq!(text, "# Caixas bloqueadas.\n# fim\n", "an empty list");
    assert!(!read(&text).1.has_errors());
    let told = unblocked(&text, "sicrana", Direction::Both).unwrap_err();
    assert!(told.en.starts_with("no entry in force or to come blocks it"));

    // One direction of two.
    for (again, stays) in [(Direction::Send, "receive"), (Direction::Receive, "send")] {
        let (text, _) = unblocked(TWO, "fulano.tal", again).unwrap();
        assert_eq!(text, TWO.replacen("\"both\"", &format!("\"{stays}\""), 1));
    }
    assert!(unblocked(TWO, "sicrana", Direction::Receive).is_err(), "it may receive all the while");
}

/// What the checker refuses in a file, it refuses here, in the same words.
#[test]
fn whom_nobody_may_block_is_the_checkers_to_say() {
    for (name, expected) in [
        ("abuse", "abuse cannot be blocked [E38]"),
        ("a@tjpa.jus.com", "the domain tjpa.jus.com is not served here [E38]"),
        ("a b", "`a b` is neither a local part nor an address [E38]"),
    ] {
        let (text, _) = blocked("", &entry(name, Direction::Both, Period::default()), false).unwrap();
        let told = read(&text).1.render(Language::En);
        assert!(told.contains(expected), "{told}");
    }
    let nameless = Block { reason: " ".to_owned(), ..entry("fulano", Direction::Both, Period::default()) };
    assert!(read(&blocked("", &nameless, false).unwrap().0).1.has_errors());
}

#[test]
fn a_list_says_what_each_entry_covers_and_does_nothing_to_a_terminal() {
    let hostile = "x\u{1b}[2J\u{9b}1m\u{202e}";
    let text =
        blocked(TWO, &Block { reason: hostile.repeat(20), ..entry("beltrano", Direction::Both, days(1, 30)) }, false);
    let (list, _) = read(&text.unwrap().0);
    let blocks: Vec<Block> = list.entries().collect();
    let blocks: Vec<&Block> = blocks.iter().collect();
    for language in [Language::En, Language::PtBr] {
        let mut style = Style { json: false, language, time_zone: belem() };
        let shown = shown::entries(&blocks, &directory(), now(), &style);
        assert_eq!(shown.chars().find(|&c| c != '\n' && acts_or_hides(c)), None, "{shown}");
        assert!(shown.contains("fulano.tal@tjepa.jus.br fulano.tal@tjpa.jus.br fulano.tal@outra.example"), "{shown}");
        style.json = true;
        let json = shown::entries(&blocks, &directory(), now(), &style);
        let states: Vec<serde_json::Value> = json
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["state"].clone())
            .collect();
        assert_eq!(states, ["in_force", "in_force", "to_come"]);
    }
    let (directory, _) = directory().with_entries(
        Path::new("directory.toml"),
        "[[mailbox]]\nname = \"fulano.tal\"\nclass = \"servidor\"\nprimary = \"fulano.tal@tjepa.jus.br\"\naddresses = [\"f.tal@tjpa.jus.br\"]\n",
    );
    let block = Block {
        mailboxes: directory.mailboxes_written("fulano.tal").unwrap(),
        ..entry("fulano.tal", Direction::Both, Period::default())
    };
    assert_eq!(
        shown::addresses(&block, &directory),
        ["fulano.tal@tjepa.jus.br", "f.tal@tjpa.jus.br", "fulano.tal@outra.example"],
        "all that the directory lists, and where it lists nobody the next hop knows"
    );
    assert_eq!(unknown(&directory, &block), None);
    let slip = Block { mailboxes: directory.mailboxes_written("fulno.tal@tjpa.jus.br").unwrap(), ..block };
    assert!(unknown(&directory, &slip).is_some());
}

/// Ten thousand entries are read, changed and checked in a moment (a debug build is ten times slower than a release).
#[test]
fn ten_thousand_entries_are_changed_in_a_moment() {
    let many: String = (0..10_000)
        .map(|number| {
            format!(
                "[[blocked]]\nmailbox = \"fulano.{number}\"\ndirection = \"send\"\nreason = \"Conta comprometida, item 9.2.31\"\n\
                 ticket = \"REQ 2026/{number:06}\"\nby = \"analista.s3b\"\nstarts = 2026-11-21T08:00:00-03:00\n\n"
            )
        })
        .collect();
    assert!(many.len() as u64 > 1 << 20 && (many.len() as u64) < config::largest(Path::new(config::MAILBOXES)));
    let began = crate::door::gateway::now().monotonic;
    let (text, _) = blocked(&many, &entry("beltrano", Direction::Send, Period::default()), false).unwrap();
    let (text, _) = unblocked(&text, "fulano.5000", Direction::Both).unwrap();
    assert_eq!(read(&text).0.entries().len(), 10_000);
    let taken = crate::door::gateway::now().monotonic - began;
    assert!(taken < Duration::from_secs(60), "{taken:?}");
    eprintln!("10,000 entries, one added and one taken out: {taken:?}");
}
