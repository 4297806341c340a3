//! Whether the wall clock may be believed before anything is removed by it.
//!
//! In: monotonic and wall time, and what was written last. Out: yes or no. What is too old is told by the wall clock alone, and one that
//! was set forward by a year makes everything too old at once: records that a request may ask for, mail that somebody still has to
//! decide. So a clock that jumped is believed after [`DOUBT`] only: until then somebody sees the alert or the log and sets it right.

use std::time::{Duration, Instant};

use super::UnixMillis;

/// The wall clock may go astray from the monotonic one by so much between two looks; NTP moves it by less.
pub const STEP: Duration = Duration::from_secs(3_600);

/// At a start: so long may nobody have sent anything. A site is seldom silent for a week, and a battery that died shows years.
pub const SILENCE: Duration = Duration::from_secs(7 * 86_400);

/// How long a clock that jumped is not believed. By then an operator has looked, or it is right.
pub const DOUBT: Duration = Duration::from_secs(86_400);

/// The clocks as they were seen, and how far they are believed.
#[derive(Clone, Debug)]
pub struct WallClock {
    seen: (Instant, UnixMillis),
    doubted_until: Option<Instant>,
}

impl WallClock {
    /// At a start. `newest`: when the newest record began; none if there is none, and then nothing can be too old.
    pub fn new(monotonic: Instant, wall: UnixMillis, newest: Option<UnixMillis>) -> Self {
        let silent = newest.map_or(0, |newest| wall.abs_diff(newest));
        let doubted_until = (silent > millis(SILENCE)).then(|| monotonic + DOUBT);
        Self { seen: (monotonic, wall), doubted_until }
    }

    /// At a start at which nobody can say what was written last.
    pub fn doubted(monotonic: Instant, wall: UnixMillis) -> Self {
        Self { seen: (monotonic, wall), doubted_until: Some(monotonic + DOUBT) }
    }

    /// Whether something may be removed by what the wall clock says now. To be asked more often than an hour's drift takes.
    pub fn is_believed(&mut self, monotonic: Instant, wall: UnixMillis) -> bool {
        let (then, shown) = self.seen;
        let passed = i64::try_from(millis(monotonic.saturating_duration_since(then))).unwrap_or(i64::MAX);
        if wall.abs_diff(shown.saturating_add(passed)) > millis(STEP) {
            self.doubted_until = Some(monotonic + DOUBT);
        }
        self.seen = (monotonic, wall);
        self.doubted_until.is_none_or(|until| monotonic >= until)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's time begins somewhere")]
mod tests {
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
}
