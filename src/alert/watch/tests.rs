//! Seconds go by, and what was told is a list.
#![expect(clippy::disallowed_methods, reason = "a test needs some moment to count from")]

use super::*;
use crate::alert::Kind;

/// A look every second, from 0 to `until`; `seen` says whether the condition is found then. Says what was told and when.
fn told(kind: Kind, until: u64, seen: impl Fn(u64) -> bool) -> Vec<(u64, &'static str)> {
    let (mut watch, start) = (Watch::default(), Instant::now());
    let mut told = Vec::new();
    for second in 0..=until {
        let found = seen(second).then(|| Finding::new(Condition::about(kind, "mailbox"), "refused"));
        let after = Duration::from_secs(second);
        let reports = watch.look(found.into_iter().collect(), start + after, SystemTime::UNIX_EPOCH + after);
        told.extend(reports.iter().map(|report| (second, report.event.name())));
    }
    told
}

/// `next_hop_down` is raised after 30 seconds and cleared after 60.
#[test]
fn each_condition_is_told_once() {
    let down = Kind::NextHopDown;
    assert_eq!(told(down, 300, |_| false), []);
    assert_eq!(told(down, 29, |_| true), []);
    assert_eq!(told(down, 300, |_| true), [(30, "raised")]);
    assert_eq!(told(down, 300, |at| at < 30), [], "over before it was told: nobody hears of it");
    assert_eq!(told(down, 300, |at| at < 100), [(30, "raised"), (159, "cleared")]);
    assert_eq!(told(down, 300, |at| !(100..150).contains(&at)), [(30, "raised")], "a short recovery is none");
    let twice = told(down, 500, |at| !(100..300).contains(&at));
    assert_eq!(twice, [(30, "raised"), (159, "cleared"), (330, "raised")]);
}

#[test]
fn what_flaps_is_told_once_and_not_forgotten() {
    let down = Kind::NextHopDown;
    // Ten seconds down, ten up, for an hour.
    assert_eq!(told(down, 3_600, |at| at / 10 % 2 == 0), [(40, "raised")]);
    // A blip every 40 seconds never lasts.
    assert_eq!(told(down, 3_600, |at| at % 40 == 0), []);
    // Clients turned away now and then: over after five quiet minutes.
    let full = told(Kind::ConnectionsFull, 1_000, |at| at < 200 && at % 7 == 0);
    assert_eq!(full, [(35, "raised"), (496, "cleared")]);
}

#[test]
fn some_are_told_at_once() {
    assert_eq!(told(Kind::ScannerBlind, 10, |at| at == 3), [(3, "raised")]);
    let expires = told(Kind::CertificateExpiresNow, 10, |at| at < 5);
    assert_eq!(expires, [(0, "raised"), (5, "cleared")], "a renewed certificate is news at once");
}

#[test]
fn what_stands_is_told_again_once_a_day() {
    let (mut watch, start) = (Watch::default(), Instant::now());
    let mut told = Vec::new();
    for minute in 0..=3 * 24 * 60 {
        let found = vec![Finding::new(Condition::of(Kind::DiskLow), "")];
        let after = Duration::from_secs(minute * 60);
        let reports = watch.look(found, start + after, SystemTime::UNIX_EPOCH + after);
        told.extend(reports.iter().map(|report| (minute, report.event.name(), report.since)));
    }
    let (day, since) = (24 * 60, SystemTime::UNIX_EPOCH);
    let reminder = |days: u64| (1 + days * day, "reminder", since);
    assert_eq!(told, [(1, "raised", since), reminder(1), reminder(2)]);
}

#[test]
fn conditions_about_different_things_are_different() {
    let (mut watch, start) = (Watch::default(), Instant::now());
    let at = |seconds| (start + Duration::from_secs(seconds), SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let found = |names: &[&str]| -> Vec<Finding> {
        names.iter().map(|name| Finding::new(Condition::about(Kind::ScannerBlind, name), name)).collect()
    };
    let mut look = |names: &[&str], seconds| {
        let (now, wall) = at(seconds);
        watch.look(found(names), now, wall).len()
    };
    assert_eq!((look(&["a", "b"], 0), look(&["a", "b", "c"], 1), look(&["b", "c"], 61)), (2, 1, 1));
    let standing: Vec<_> = watch.standing().map(|row| (row.condition.subject, row.detail)).collect();
    assert_eq!(standing, [("b".into(), "b".into()), ("c".into(), "c".into())]);
}

/// A look that finds more than anybody configured.
#[test]
fn the_table_is_bounded() {
    let (mut watch, now, wall) = (Watch::default(), Instant::now(), SystemTime::UNIX_EPOCH);
    let found = |names: std::ops::Range<usize>| -> Vec<Finding> {
        names.map(|name| Finding::new(Condition::about(Kind::ScannerBlind, &name.to_string()), "")).collect()
    };
    assert_eq!(watch.look(found(0..5_000), now, wall).len(), ROWS);
    assert_eq!(watch.look(found(5_000..6_000), now + Duration::from_secs(1), wall), []);
    assert_eq!(watch.standing().count(), ROWS, "what is known stays");
}
