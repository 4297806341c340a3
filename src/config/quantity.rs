//! Sizes, rates, counts and times: read within bounds, and written as a person would.

use std::{num::NonZeroU32, ops::RangeInclusive, time::Duration};

use super::defaults::DAY;
use crate::{
    document::{ByteRate, ByteSize, FromToml, Table},
    text,
};

/// The value of `key`, or the default; a value out of `range` is a fault that names both ends. Every quantity has an upper
/// bound, because sums of them are formed later: a timeout of 2⁶⁴ seconds must not overflow a clock.
fn bounded<T: FromToml + Copy + PartialOrd>(
    table: &Table<'_, '_>,
    key: &'static str,
    default: T,
    range: RangeInclusive<T>,
    show: fn(T) -> String,
) -> T {
    let Some(found) = table.optional::<T>(key) else { return default };
    if range.contains(&found.value) {
        return found.value;
    }
    let (least, most) = (show(*range.start()), show(*range.end()));
    let what = text!("`{key}` lies between {least} and {most}", "`{key}` fica entre {least} e {most}");
    table.document().fault(found.span, what, None);
    default
}

/// A size in octets.
pub(super) fn size(table: &Table<'_, '_>, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
    let range = ByteSize(*range.start())..=ByteSize(*range.end());
    bounded(table, key, ByteSize(default), range, |size| size_text(size.0)).0
}

/// A rate in octets a second.
pub(super) fn rate(table: &Table<'_, '_>, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
    let range = ByteRate(*range.start())..=ByteRate(*range.end());
    bounded(table, key, ByteRate(default), range, |rate| format!("{}/s", size_text(rate.0))).0
}

/// A number of things.
pub(super) fn count(table: &Table<'_, '_>, key: &'static str, default: u32, most: u32) -> u32 {
    bounded(table, key, default, 1..=most, |count| count.to_string())
}

/// A number of things, or 0 for as many as anybody likes.
pub(super) fn count_or_none(
    table: &Table<'_, '_>,
    key: &'static str,
    default: Option<NonZeroU32>,
    most: u32,
) -> Option<NonZeroU32> {
    NonZeroU32::new(bounded(table, key, default.map_or(0, NonZeroU32::get), 0..=most, |count| count.to_string()))
}

/// A share, 0 to 90: more could never be kept free.
pub(super) fn percent(table: &Table<'_, '_>, key: &'static str, default: u8) -> u8 {
    let percent = bounded(table, key, u32::from(default), 0..=90, |percent| format!("{percent} %"));
    u8::try_from(percent).unwrap_or(default)
}

/// A number of things that is used as a length.
pub(super) fn length(table: &Table<'_, '_>, key: &'static str, default: usize, most: u32) -> usize {
    // Not a lossy step on any machine that this runs on: usize has at least 32 bits there.
    count(table, key, u32::try_from(default).unwrap_or(most), most) as usize
}

/// A length of time.
pub(super) fn duration(
    table: &Table<'_, '_>,
    key: &'static str,
    default: Duration,
    range: RangeInclusive<Duration>,
) -> Duration {
    bounded(table, key, default, range, duration_text)
}

/// `24 MiB`: in the largest unit that needs no fraction, as `portaria.toml` takes it.
pub fn size_text(octets: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let exact = units.into_iter().find(|(shift, _)| octets >= 1 << shift && octets.trailing_zeros() >= *shift);
    exact.map_or_else(|| format!("{octets} B"), |(shift, unit)| format!("{} {unit}", octets >> shift))
}

/// `45 s`: in the largest unit that needs no fraction, as `portaria.toml` takes it.
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_nanos() != 0 {
        return format!("{} ms", duration.as_millis());
    }
    let units = [(DAY.as_secs(), "days"), (3_600, "h"), (60, "min")];
    match units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit)) {
        Some((unit, "days")) if seconds == unit => "1 day".to_owned(),
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    #[test]
    fn what_is_shown_can_be_written_back() {
        let sizes = [(0, "0 B"), (1_023, "1023 B"), (65_536, "64 KiB"), (25_165_824, "24 MiB"), (1 << 40, "1024 GiB")];
        for (octets, shown) in sizes {
            assert_eq!(size_text(octets), shown);
            let source = format!("x = \"{shown}\"");
            let document = Document::parse("x", &source);
            assert_eq!(document.root().unwrap().optional::<ByteSize>("x").unwrap().value, ByteSize(octets));
        }
        let seconds = [
            (0, "0 s"),
            (45, "45 s"),
            (90, "90 s"),
            (240, "4 min"),
            (7_200, "2 h"),
            (86_400, "1 day"),
            (604_800, "7 days"),
        ];
        for (seconds, shown) in seconds {
            let duration = Duration::from_secs(seconds);
            assert_eq!(duration_text(duration), shown);
            let source = format!("x = \"{shown}\"");
            let document = Document::parse("x", &source);
            assert_eq!(document.root().unwrap().optional::<Duration>("x").unwrap().value, duration);
        }
        assert_eq!(duration_text(Duration::from_millis(1_500)), "1500 ms");
    }
}
