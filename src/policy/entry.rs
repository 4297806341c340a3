//! What every entry that somebody puts into a list has to say: why, on whose request, by whom, and from when until when.
//!
//! In: a table of a file, and the time. Out: the values, or faults with their places. What an entry is about is its list's business.

use std::time::SystemTime;

use super::rule::code;
use crate::{
    document::{Code, Found, Table},
    language::Text,
    text,
};

/// Letters of a reason, a ticket or a name: they stand in records, one a message.
const LENGTH: usize = 500;

/// An entry must be answerable for: an empty reason, ticket or name is as good as none.
pub(super) fn answerable(table: &Table<'_, '_>, key: &'static str) -> Option<String> {
    let found = table.required::<String>(key)?;
    let (code, what) = if found.value.trim().is_empty() {
        (Code::MISSING, text!("`{key}` is empty", "`{key}` está vazio"))
    } else if found.value.chars().count() > LENGTH {
        let what = text!("`{key}` is longer than {LENGTH} letters", "`{key}` tem mais de {LENGTH} letras");
        (code::LIMIT, what)
    } else {
        return Some(found.value);
    };
    table.document().fault_as(code, found.span, what, None);
    None
}

/// A date with an offset as an instant. Without one it would mean another instant after each change of the time zone.
pub(super) fn instant(table: &Table<'_, '_>, key: &'static str) -> Option<Found<SystemTime>> {
    let found = table.optional::<toml::value::Datetime>(key)?;
    match found.value.to_string().parse::<jiff::Timestamp>() {
        Ok(timestamp) => Some(Found { value: timestamp.into(), span: found.span }),
        Err(_) => {
            let what = text!(
                "`{key}` needs date, time and offset, such as 2026-12-20T23:59:59-03:00",
                "`{key}` precisa de data, hora e fuso, como 2026-12-20T23:59:59-03:00"
            );
            table.document().fault_as(code::DATES, found.span, what, None);
            None
        }
    }
}

/// From when until when an entry acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// From this instant on; none: at once.
    pub starts: Option<SystemTime>,
    /// Until this instant, itself excluded; none: until it is taken out.
    pub expires: Option<SystemTime>,
}

impl Period {
    /// Whether `now` is in it.
    pub fn contains(&self, now: SystemTime) -> bool {
        self.starts.is_none_or(|starts| starts <= now) && !self.is_over(now)
    }

    /// Whether it has ended.
    pub fn is_over(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether both contain some instant.
    pub fn overlaps(&self, other: &Self) -> bool {
        let before =
            |end: Option<SystemTime>, start: Option<SystemTime>| matches!((end, start), (Some(e), Some(s)) if e <= s);
        !before(self.expires, other.starts) && !before(other.expires, self.starts)
    }
}

/// `starts` and `expires`. `over`: what it means that the entry has ended.
pub(super) fn period(table: &Table<'_, '_>, now: SystemTime, over: Text) -> Period {
    let (starts, expires) = (instant(table, "starts"), instant(table, "expires"));
    let period = Period { starts: starts.map(|found| found.value), expires: expires.as_ref().map(|found| found.value) };
    let Some(expires) = expires else { return period };
    if period.starts.is_some_and(|starts| expires.value <= starts) {
        let what = text!("`expires` is not after `starts`", "`expires` não vem depois de `starts`");
        table.document().fault_as(code::DATES, expires.span, what, None);
    } else if period.is_over(now) {
        let help = text!("take it out, or give it a later date", "retire-a, ou dê-lhe uma data posterior");
        table.document().advise(code::DUE, expires.span, over, Some(help));
    }
    period
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_period_has_its_first_instant_and_not_its_last() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let period = Period { starts: Some(at(10)), expires: Some(at(20)) };
        let contained = [9, 10, 19, 20].map(|second| period.contains(at(second)));
        assert_eq!(contained, [false, true, true, false]);
        assert_eq!([19, 20].map(|second| period.is_over(at(second))), [false, true]);
        assert!(Period::default().contains(at(0)) && !Period::default().is_over(at(0)));
        assert!(!period.overlaps(&Period { starts: Some(at(20)), expires: None }));
        assert!(period.overlaps(&Period { starts: Some(at(19)), expires: None }));
    }
}
