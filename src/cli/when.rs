//! Times as people type them: `2026-12-20T23:59:59-03:00`, `2026-12-20T18:00`, `2026-12-20`, `30d`.
//!
//! In: the words, the time now, the time zone of `[gateway]`. Out: an instant. A time without an offset is of that zone; a length counts
//! from now. What is written to a file has an offset (`policy::entry`).

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, civil, tz::TimeZone};
use toml_edit::{Datetime, Item, Value};

use crate::{document::duration, language::Text, text};

/// What a date without a time, and a length of time, are an end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// From: the date's first instant; so long ahead.
    From,
    /// Until, itself excluded: the instant behind the date; so long ahead.
    Until,
    /// Since: the date's first instant; so long ago.
    Since,
    /// Up to: the instant behind the date; so long ago.
    UpTo,
}

/// The longest length that is taken: what is meant to last longer is given a date, or none.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// The instant, in whole seconds; or how it is to be written.
pub(super) fn instant(written: &str, edge: Edge, now: SystemTime, zone: &TimeZone) -> Result<SystemTime, Text> {
    let written = written.trim();
    let found = with_offset(written).or_else(|| local(written, edge, zone)).or_else(|| length(written, edge, now));
    found.ok_or_else(|| {
        text!(
            "`{written}` is no time: write 2026-12-20, 2026-12-20T18:00, 2026-12-20T18:00:00-03:00, or 30d (min, h, d, w)",
            "`{written}` não é um tempo: escreva 2026-12-20, 2026-12-20T18:00, 2026-12-20T18:00:00-03:00, ou 30d (min, h, d, w)"
        )
    })
}

fn with_offset(written: &str) -> Option<SystemTime> {
    let at: Timestamp = written.parse().ok()?;
    whole_seconds(at.into())
}

fn local(written: &str, edge: Edge, zone: &TimeZone) -> Option<SystemTime> {
    let at = match written.parse::<civil::Date>() {
        // jiff takes the date out of a longer text, too.
        Ok(date) if written.len() == "2026-12-20".len() => match edge {
            Edge::From | Edge::Since => date.at(0, 0, 0, 0),
            Edge::Until | Edge::UpTo => date.tomorrow().ok()?.at(0, 0, 0, 0),
        },
        _ => written.parse::<civil::DateTime>().ok()?,
    };
    whole_seconds(at.to_zoned(zone.clone()).ok()?.timestamp().into())
}

fn length(written: &str, edge: Edge, now: SystemTime) -> Option<SystemTime> {
    let length = short(written).or_else(|| duration(written)).filter(|length| *length <= LONGEST)?;
    let at = match edge {
        Edge::From | Edge::Until => now.checked_add(length)?,
        Edge::Since | Edge::UpTo => now.checked_sub(length)?,
    };
    whole_seconds(at)
}

/// As it stands in a file: with the offset of `[gateway]`'s zone.
pub(super) fn written(at: SystemTime, zone: &TimeZone) -> String {
    let at = whole_seconds(at).and_then(|at| Timestamp::try_from(at).ok());
    at.map(|at| at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()).unwrap_or_default()
}

/// The same as a value of a document.
pub(super) fn item(at: SystemTime, zone: &TimeZone) -> Result<Item, Text> {
    let written = written(at, zone);
    match written.parse::<Datetime>() {
        Ok(at) => Ok(Item::Value(Value::from(at))),
        Err(_) => Err(text!("the clock shows no date: {written}", "o relógio não mostra uma data: {written}")),
    }
}

/// `30d`, `2w`: shorter than what configuration files take.
fn short(written: &str) -> Option<Duration> {
    let (number, seconds) = [("d", 86_400), ("w", 7 * 86_400)]
        .iter()
        .find_map(|(unit, seconds)| Some((written.strip_suffix(unit)?, *seconds)))?;
    number.trim_end().parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// Down, so that what begins now has begun. None for what no calendar has.
pub(super) fn whole_seconds(at: SystemTime) -> Option<SystemTime> {
    let seconds = Timestamp::try_from(at).ok()?.as_second();
    Some(Timestamp::from_second(seconds).ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_as_people_type_them() {
        let now: SystemTime = "2026-11-22T10:00:00.7Z".parse::<Timestamp>().unwrap().into();
        let zone = TimeZone::get("America/Belem").unwrap();
        for (written, edge, expected) in [
            ("2026-12-20T23:59:59-03:00", Edge::Until, Some("2026-12-21T02:59:59Z")),
            ("2026-12-20T18:00", Edge::Until, Some("2026-12-20T21:00:00Z")),
            ("2026-12-20 18:00:30", Edge::From, Some("2026-12-20T21:00:30Z")),
            ("2026-12-20", Edge::From, Some("2026-12-20T03:00:00Z")),
            ("2026-12-20", Edge::Until, Some("2026-12-21T03:00:00Z")),
            ("2026-11-20", Edge::Since, Some("2026-11-20T03:00:00Z")),
            ("2026-11-20", Edge::UpTo, Some("2026-11-21T03:00:00Z")),
            ("30d", Edge::Until, Some("2026-12-22T10:00:00Z")),
            ("30 days", Edge::Until, Some("2026-12-22T10:00:00Z")),
            ("2w", Edge::Since, Some("2026-11-08T10:00:00Z")),
            ("4 h", Edge::From, Some("2026-11-22T14:00:00Z")),
            ("", Edge::From, None),
            ("tomorrow", Edge::From, None),
            ("2026-13-20", Edge::From, None),
            ("2026-12-20T25:00", Edge::From, None),
            ("-3d", Edge::From, None),
            ("99999999999999d", Edge::From, None),
            ("18446744073709551615w", Edge::Since, None),
        ] {
            let expected = expected.map(|at| at.parse::<Timestamp>().unwrap().into());
            assert_eq!(instant(written, edge, now, &zone).ok(), expected, "{written} {edge:?}");
        }
    }
}
