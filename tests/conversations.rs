//! Conversations: one behaviour each, written as RFC 5321 Appendix D writes its examples, played against the real session.
//!
//! In: the scripts under `tests/conversations/<group>/`, each named as the sentence that it proves. The session is sans-I/O, so
//! everything around it (client, next hop, scanners, hold, quarantine, journal, clock) is played as values. Each script is played
//! whole, octet by octet and at seeded random splits, must be the same conversation with the same record each time, and
//! the promises of the gateway that can be seen from outside are checked after every output.
//!
//! The notation is on one page: `tests/conversations/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "conversations/runner/mod.rs"]
mod runner;

use std::collections::BTreeMap;

use portaria::{
    policy::rule::RuleSet,
    record::{
        Record,
        replay::{Change, Memory, Replay, Replayed},
    },
};
use runner::{Script, play_group, scripts};

/// The groups: a folder each, and a test each. A folder that is not listed here fails `every_group_is_played`.
const GROUPS: &[&str] = &[
    "order",
    "envelope",
    "relaying",
    "mail_data",
    "chunking",
    "smuggling",
    "starttls",
    "antivirus",
    "rules",
    "quarantine",
    "mixed_outcome",
    "next_hop",
    "limits",
    "drain",
    "client_gone",
    "records",
    "identity",
    "application",
    "directory",
];

macro_rules! groups {
    ($($group:ident)*) => {
        $(
            #[test]
            fn $group() {
                play_group(stringify!($group));
            }
        )*
    };
}

groups! {
    order envelope relaying mail_data chunking smuggling starttls antivirus rules quarantine mixed_outcome next_hop limits drain
    client_gone records identity application directory
}

#[test]
fn every_group_is_played_and_has_scripts() {
    let mut total = 0;
    let mut folders = runner::folders();
    folders.sort();
    let mut listed: Vec<String> = GROUPS.iter().map(|group| (*group).to_owned()).collect();
    listed.sort();
    assert_eq!(folders, listed, "folders, and groups that are played");
    for group in GROUPS {
        let here = scripts(group).len();
        assert!(here >= 2, "{group} has {here} scripts");
        total += here;
    }
    assert!(total >= 60, "{total} scripts");
}

/// `portaria rules replay` judges records: with the rules that judged them, and nothing but what the record holds, it comes to the same
/// judgement to the last octet, for every script. With none of them, whatever a rule did would be undone.
#[test]
fn the_records_of_every_script_replayed_say_what_the_session_said() {
    let none = RuleSet::default();
    let (mut records, mut touched, mut undone) = (0, 0, BTreeMap::new());
    for script in GROUPS.iter().flat_map(|group| scripts(group)) {
        for (policy, record) in script.records() {
            records += 1;
            let shown = format!("{}: {record:?}", script.name);
            let ending = record.ending;
            let replay = |rules: &RuleSet, record: &Record| {
                let replay = Replay::new(rules, &policy.directory, None);
                let text = serde_json::to_string(record).unwrap();
                let looked = replay.of(record.clone());
                assert_eq!(replay.of_text(&text, &mut Memory::default()).unwrap(), looked, "{shown}");
                looked
            };
            match replay(&policy.rules, &record) {
                Replayed::Touched(same) => {
                    touched += 1;
                    assert_eq!((&same.now, &same.change), (&same.then, &Change::None), "{shown}");
                }
                other => {
                    assert_ne!(other, Replayed::Unreadable, "{shown}");
                    assert!(record.rules.is_empty(), "{shown}");
                    continue;
                }
            }
            let Replayed::Touched(without) = replay(&none, &record) else { panic!("{shown}") };
            let (_, was) = (record, without.change);
            *undone.entry(format!("{was:?} {ending:?}")).or_insert(0) += 1;
        }
    }
    println!("{records} records, {touched} with a match: {undone:#?}");
    assert!(records > 200 && touched > 30, "{records} {touched}");
    let count =
        |begin: &str| undone.iter().filter(|(name, _)| name.starts_with(begin)).map(|(_, count)| count).sum::<i32>();
    for (begin, least) in [
        ("Effect { from: Refused, to: Relayed } Refused", 3),
        ("Effect { from: Held, to: Relayed } Held", 3),
        ("Effect { from: Tagged, to: Relayed } Relayed", 1),
        ("Noted", 1),
    ] {
        assert!(count(begin) >= least, "{begin}: {undone:#?}");
    }
    assert_eq!(count("CannotBeTold") + count("None"), 0, "{undone:#?}");
}

/// Design §7: whole, octet by octet, at random splits, and over real sockets. Were the door to differ from the model world, the other
/// ways would prove the wrong thing.
#[test]
fn over_real_sockets_it_is_the_same_conversation() {
    let scripts: Vec<Script> = GROUPS.iter().flat_map(|group| scripts(group)).collect();
    let all = scripts.len();
    let (faults, played, left_out) = runner::sockets::play(scripts);
    println!("{played} of {all} scripts are played over real sockets");
    for (why, how_many) in &left_out {
        println!("{how_many:4} are not: {why}");
    }
    assert!(faults.is_empty(), "\n\n{}\n", faults.join("\n"));
    assert!(played * 3 > all * 2, "most scripts can be played: {played} of {all}");
}

/// Nor may this way find nothing wrong with anything.
#[test]
fn a_script_that_expects_something_else_fails_over_sockets_too() {
    let begin = "# Why.\nS: 220\nC: EHLO mta.example\nS: 250-*\nC: MAIL FROM:<a@example.org>\nS: 250\nC: RCPT TO:<b@tjpa.jus.br>\n\
                 N! ready\nR: MAIL FROM:<a@example.org>\nN: 250 ok\nR: RCPT TO:<b@tjpa.jus.br>\nN: 250 ok\nS: 250\n";
    let rows = [
        ("C: RSET\nR! releases\nS: 250\n= ending=abandoned\n", ""),
        ("C: RSET\nR! drops\n", "wrong:15: over sockets: expected R! drops\n  came     Command(\"RSET\")"),
        ("C: RSET\nR! releases\nS: 251\n", "wrong:16: over sockets: expected S: 251\n"),
        ("C: RSET\nR! releases\nS: 250\n= ending=relayed\n", "wrong:17: over sockets: expected = ending=relayed\n"),
        ("C: RSET\nR! releases\nS: 250\n", "wrong: at the end, over sockets: not expected: = {"),
    ];
    for (end, expected) in rows {
        let (faults, played, _) = runner::sockets::play(vec![Script::parse("wrong", &format!("{begin}{end}"))]);
        let right =
            faults.first().map_or(expected.is_empty(), |fault| fault.starts_with(expected) && !expected.is_empty());
        assert!(right && played == 1, "{end}\n{faults:?}");
    }
}

/// What only this way can see: a connection offers what it was introduced with, and the client counts for whom it was announced.
#[test]
fn what_is_not_so_in_the_world_fails_over_sockets() {
    let mail = "C: MAIL FROM:<a@example.org>\nS: 250\nC: RCPT TO:<b@tjpa.jus.br>\n";
    let first = "N! ready\nR: MAIL FROM:<a@example.org>\nN: 250 ok\nR: RCPT TO:<b@tjpa.jus.br>\nN: 250 ok\nS: 250\n\
                 C: RSET\nR! releases\nS: 250\n= ending=abandoned\n";
    let reused = format!("# Why.\nS: 220\nC: HELO mta.example\nS: 250\n{mail}{first}{mail}N! ready reused DSN\n");
    let counted = "# Why.\nsettings: xclient = true\nS: 220\nC: XCLIENT ADDR=198.51.100.7\nS! counts as 198.51.100.8\n";
    for (wrong, expected) in [
        (reused.as_str(), "wrong:21: over sockets: a connection that is reused offers what it offered"),
        (counted, "wrong:5: over sockets: expected S! counts as 198.51.100.8, and not 192.0.2.1\n"),
    ] {
        let (faults, ..) = runner::sockets::play(vec![Script::parse("wrong", wrong)]);
        assert!(faults.first().is_some_and(|fault| fault.starts_with(expected)), "{wrong}\n{faults:?}");
    }
}

/// The runner itself: were it to find nothing wrong with anything, every script would pass.
#[test]
fn a_script_that_expects_something_else_fails() {
    let right = "# Why.\nS: 220\nC: QUIT\nS: 221\nS! closes\n";
    assert_eq!(Script::parse("right", right).play(), Vec::<String>::new());
    for (wrong, expected) in [
        ("# Why.\nS: 221\nC: QUIT\nS: 221\nS! closes\n", "wrong:2: expected S: 221\n"),
        ("# Why.\nS: 220\nC: QUIT\nS! closes\n", "wrong:4: expected S! closes\n"),
        ("# Why.\nS: 220\nC: QUIT\nS: 221\n", "wrong: at the end: not expected: S! closes\n"),
        ("# Why.\nS: 220\nR: MAIL\nC: QUIT\nS: 221\nS! closes\n", "wrong:3: expected R: MAIL\n"),
        ("# Why.\nS: 220\nV: clean\n", "wrong:3: no scan is awaited\n"),
        ("S: 220\n", "wrong:1: the first line says why, behind a #\n"),
        ("# Why.\nX: 220\n", "wrong:2: not in the notation: X: 220\n"),
    ] {
        let faults = Script::parse("wrong", wrong).play();
        assert!(faults.first().is_some_and(|fault| fault.starts_with(expected)), "{wrong}\n{faults:?}");
    }
}
