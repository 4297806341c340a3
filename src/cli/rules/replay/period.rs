//! `--since`, `--until` and `--at` as people write them: `30d`, `12h`, `2 weeks`, `2026-11-01`, `2026-11-01T08:00:00-03:00`, `now`.

use jiff::{Span, Timestamp, Zoned, civil, tz::TimeZone};

use crate::record::UnixMillis;

/// The moment that `written` means at `now`: a length of time back from it, the beginning of a day or a moment of `zone`, or a moment with
/// its offset. None: none of these.
pub fn moment(written: &str, now: UnixMillis, zone: &TimeZone) -> Option<UnixMillis> {
    let written = written.trim();
    if written == "now" {
        return Some(now);
    }
    let at = |zoned: Zoned| zoned.timestamp().as_millisecond();
    if let Ok(timestamp) = written.parse::<Timestamp>() {
        return Some(timestamp.as_millisecond());
    }
    if let Ok(moment) = written.parse::<civil::DateTime>() {
        return moment.to_zoned(zone.clone()).ok().map(at);
    }
    let span: Span = written.parse().ok()?;
    let now = Timestamp::from_millisecond(now).ok()?.to_zoned(zone.clone());
    now.checked_sub(span.abs()).ok().map(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_length_of_time_a_day_or_a_moment() {
        let zone = TimeZone::fixed(jiff::tz::offset(-3));
        // 2026-11-22T06:00:00Z
        let (now, hour) = (1_795_327_200_000, 3_600_000);
        for (written, expected) in [
            ("now", Some(now)),
            ("30d", Some(now - 30 * 24 * hour)),
            ("12h", Some(now - 12 * hour)),
            ("1 week", Some(now - 7 * 24 * hour)),
            ("90min", Some(now - 90 * 60_000)),
            ("2026-11-22", Some(now - 3 * hour)),
            ("2026-11-21", Some(now - 27 * hour)),
            ("2026-11-22T01:30", Some(now - hour - hour / 2)),
            ("2026-11-22T05:00:00Z", Some(now - hour)),
            ("2026-11-22T02:00:00-03:00", Some(now - hour)),
            ("", None),
            ("30", None),
            ("yesterday", None),
            ("9999999999999999d", None),
        ] {
            assert_eq!(moment(written, now, &zone), expected, "{written}");
        }
    }
}
