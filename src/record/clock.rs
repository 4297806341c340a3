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
mod tests;
