//! Which records a tracking request is about, and which may go (decision 43).
//!
//! In: the day on which a request was received, as a calendar of the court says it, or the time now. Out: spans of time. Days are
//! calendar days of a time zone, never 24 hours: a day on which the clocks change has 23 or 25. It knows no records and no database.

use std::time::Duration;

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::UnixMillis;

/// Whole calendar days before the day of receipt: clause 10.1.2.
pub const DAYS_BEFORE: i32 = 30;

/// Milliseconds of a day by UTC, by which the database is divided.
pub const DAY: UnixMillis = 86_400_000;

/// Milliseconds of a slot: what records are found by names the slot in which one began. A day has a whole number of them.
pub const SLOT: UnixMillis = 32;

/// When the slot of an instant begins.
pub fn slot_of(at: UnixMillis) -> UnixMillis {
    at.saturating_sub(at.rem_euclid(SLOT))
}

/// From an instant, up to and without another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first millisecond.
    pub from: UnixMillis,
    /// The first one behind it.
    pub until: UnixMillis,
}

impl Span {
    /// Whether an instant lies in it.
    pub fn contains(self, at: UnixMillis) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether all of the other lies in it.
    pub fn covers(self, other: Self) -> bool {
        self.from <= other.from && other.until <= self.until
    }

    /// Whether they have an instant in common.
    pub fn meets(self, other: Self) -> bool {
        self.from.max(other.from) < self.until.min(other.until)
    }

    /// Nothing lies in it.
    pub fn is_empty(self) -> bool {
        self.until <= self.from
    }

    /// What both have in common; may be empty.
    pub fn common(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.min(other.until) }
    }

    /// The calendar days from `first` to `last`, both whole, in a time zone. None: a calendar does not go so far.
    pub fn of_days(first: Date, last: Date, zone: &TimeZone) -> Option<Self> {
        Some(Self { from: midnight(first, zone)?, until: midnight(last.tomorrow().ok()?, zone)? })
    }
}

/// The window of a request that was received on `received`: 30 whole days before that day, and that day, which counts to its end
/// because a request is dated by the day. None: a calendar does not go so far.
pub fn of_request(received: Date, zone: &TimeZone) -> Option<Span> {
    Span::of_days(received.checked_sub(DAYS_BEFORE.days()).ok()?, received, zone)
}

/// The first instant that a request may still ask for, which was received at most `handling` ago: what began at or behind it never goes,
/// however long `retention` is meant to be. Rounded to whole days downwards, so more is kept and not less.
pub fn floor(now: UnixMillis, handling: Duration, zone: &TimeZone) -> Option<UnixMillis> {
    let received = now.checked_sub(i64::try_from(handling.as_millis()).ok()?)?;
    let received = Timestamp::from_millisecond(received).ok()?.to_zoned(zone.clone()).date();
    Some(of_request(received, zone)?.from)
}

/// Up to where records may go now: older than `retention`, and never behind the floor.
pub fn horizon(now: UnixMillis, retention: Duration, handling: Duration, zone: &TimeZone) -> Option<UnixMillis> {
    let old = now.checked_sub(i64::try_from(retention.as_millis()).ok()?)?;
    Some(old.min(floor(now, handling, zone)?))
}

/// A day by UTC, counted from 1970.
pub fn day_of(at: UnixMillis) -> i64 {
    at.div_euclid(DAY)
}

/// What lies in it.
pub fn span_of(day: i64) -> Span {
    let from = day.saturating_mul(DAY);
    Span { from, until: from.saturating_add(DAY) }
}

/// Whether a whole day by UTC may go: all of it is older than `horizon`, and nothing of it is frozen by a request or held by law.
pub fn may_go(day: i64, horizon: UnixMillis, frozen: &[Span]) -> bool {
    let span = span_of(day);
    span.until <= horizon && !frozen.iter().any(|frozen| frozen.meets(span))
}

/// The first instant of a day. Where clocks go forward at midnight (Brazil until 2018) the day begins at one.
fn midnight(day: Date, zone: &TimeZone) -> Option<UnixMillis> {
    Some(day.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests;
