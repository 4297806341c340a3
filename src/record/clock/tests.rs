//! Clocks that go, jump, and come back.
#![expect(clippy::disallowed_methods, reason = "a test's time begins somewhere")]

use super::*;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
const NOW: UnixMillis = 1_795_000_000_000;

fn at(begun: Instant, passed: u64, shown: i64) -> (Instant, UnixMillis) {
    (begun + Duration::from_secs(passed), NOW + shown * 1_000)
}

/// An hour is more than any correction of the clock, and less than what makes anything a day too old.
#[test]
fn a_clock_that_was_set_is_not_believed_for_a_day() {
    let begun = Instant::now();
    for (shown, is_believed) in
        [(600, true), (600 + 3_500, true), (600 + 3_700, false), (365 * 86_400, false), (-86_400, false)]
    {
        let mut clock = WallClock::new(begun, NOW, Some(NOW));
        let (monotonic, wall) = at(begun, 600, shown);
        assert_eq!(clock.is_believed(monotonic, wall), is_believed, "{shown}");
        // An hour later it has not moved again, and is still not believed; a day later it is.
        let later = |passed: u64| (monotonic + Duration::from_secs(passed), wall + passed as i64 * 1_000);
        assert_eq!(clock.is_believed(later(HOUR).0, later(HOUR).1), is_believed, "{shown}");
        assert!(clock.is_believed(later(DAY).0, later(DAY).1), "{shown}");
    }
}

/// Set right again, the day begins anew: what was written meanwhile has the wrong time.
#[test]
fn a_clock_that_is_set_back_is_doubted_from_then_on() {
    let begun = Instant::now();
    let mut clock = WallClock::new(begun, NOW, Some(NOW));
    let (monotonic, wall) = at(begun, 600, 365 * 86_400);
    assert!(!clock.is_believed(monotonic, wall));
    let (monotonic, wall) = at(begun, 20 * HOUR, 20 * 3_600);
    assert!(!clock.is_believed(monotonic, wall));
    let (monotonic, wall) = at(begun, 30 * HOUR, 30 * 3_600);
    assert!(!clock.is_believed(monotonic, wall), "not a day since it was set right");
    let (monotonic, wall) = at(begun, 45 * HOUR, 45 * 3_600);
    assert!(clock.is_believed(monotonic, wall));
}

#[test]
fn a_start_looks_at_what_was_written_last() {
    let begun = Instant::now();
    let day = 86_400_000;
    for (newest, is_believed) in [
        (None, true),
        (Some(NOW - 6 * day), true),
        (Some(NOW - 8 * day), false),
        (Some(NOW - 4_000 * day), false),
        (Some(NOW + 8 * day), false),
    ] {
        assert_eq!(WallClock::new(begun, NOW, newest).is_believed(begun, NOW), is_believed, "{newest:?}");
    }
    assert!(!WallClock::doubted(begun, NOW).is_believed(begun, NOW));
}
