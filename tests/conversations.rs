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

use runner::{Script, play_group, scripts};

/// The groups: a folder each, and a test each. A folder that is not listed here fails `every_group_is_played`.
const GROUPS: &[&str] = &[
    "order",
    "envelope",
    "relaying",
    "mail_data",
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
    order envelope relaying mail_data smuggling starttls antivirus rules quarantine mixed_outcome next_hop limits drain client_gone
    records identity
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
