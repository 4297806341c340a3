//! When the next backup is due. In: when the last good one was made, and the time. Out: a time. The night is the people's, so it is told by
//! the configured time zone.

use std::time::Duration;

use jiff::{Timestamp, civil::Time, tz::TimeZone};

use crate::record::UnixMillis;

const DAY: UnixMillis = 86_400_000;

/// How often, and when.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// So long behind the last one.
    pub every: Duration,
    /// From a day on: at this time.
    pub at: Time,
    /// Of this place.
    pub zone: TimeZone,
}

impl Schedule {
    /// `last`: when the last good one was begun; none: there is none, and the gateway has looked since `since`.
    pub fn due(&self, last: Option<UnixMillis>, since: UnixMillis) -> UnixMillis {
        let every = i64::try_from(self.every.as_millis()).unwrap_or(i64::MAX);
        match last {
            // A backup that was made by hand in the afternoon moves the next by no day.
            Some(last) if every >= DAY => self.first_behind(last.saturating_add(every).saturating_sub(DAY / 2)),
            Some(last) => last.saturating_add(every),
            None if every >= DAY => self.first_behind(since),
            None => since,
        }
    }

    /// The first time of day at or behind this moment.
    fn first_behind(&self, from: UnixMillis) -> UnixMillis {
        let Ok(begins) = Timestamp::from_millisecond(from) else { return from };
        let day = begins.to_zoned(self.zone.clone()).date();
        let days = [Some(day), day.tomorrow().ok()];
        let times = days.into_iter().flatten().filter_map(|day| {
            let at = day.to_datetime(self.at).to_zoned(self.zone.clone()).ok()?;
            Some(at.timestamp().as_millisecond())
        });
        times.into_iter().find(|at| *at >= from).unwrap_or(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMillis {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn the_next_one_is_due_at_night() {
        let zone = TimeZone::get("America/Belem").unwrap();
        let schedule = |hours: u64| Schedule {
            every: Duration::from_secs(hours * 3600),
            at: Time::constant(3, 0, 0, 0),
            zone: zone.clone(),
        };
        let daily = schedule(24);
        // Nobody made one yet: tonight.
        assert_eq!(daily.due(None, at("2026-11-22T12:00:00Z")), at("2026-11-23T06:00:00Z"));
        // 03:00 in Belém is 06:00Z; one takes some seconds to begin.
        assert_eq!(daily.due(Some(at("2026-11-23T06:00:05Z")), 0), at("2026-11-24T06:00:00Z"));
        assert_eq!(daily.due(Some(at("2026-11-22T15:00:00Z")), 0), at("2026-11-23T06:00:00Z"), "by hand at noon");
        assert_eq!(daily.due(Some(at("2026-11-23T05:00:00Z")), 0), at("2026-11-24T06:00:00Z"), "by hand before");
        // It failed for three nights: it is due since.
        assert!(daily.due(Some(at("2026-11-20T06:00:00Z")), 0) < at("2026-11-23T12:00:00Z"));
        assert_eq!(schedule(24 * 7).due(Some(at("2026-11-01T06:00:00Z")), 0), at("2026-11-08T06:00:00Z"));
        // Less than a day: so long behind, at any time.
        assert_eq!(schedule(1).due(Some(at("2026-11-22T15:00:00Z")), 0), at("2026-11-22T16:00:00Z"));
        assert_eq!(schedule(1).due(None, 77), 77, "at once");
    }
}
