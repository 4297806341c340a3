//! The dates of a rule: from TOML's offset date-time to a moment.
//!
//! A time without an offset is refused: the file does not say which clock it means, and a rule that ends three hours early
//! ends in the middle of a campaign.

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

use jiff::{civil, tz::Offset};
use toml::value::{Datetime, Offset as TomlOffset, Time};

use super::code;
use crate::{
    document::{Document, Table},
    text,
};

/// The longest time for which a rule may reject: a year. What is to be refused for ever is nothing that an outbreak's rule says.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// A moment that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Date {
    /// The moment.
    pub at: SystemTime,
    /// As written.
    pub written: String,
    /// Where, in octets of the file.
    pub span: Range<usize>,
}

/// Which end of the day a date without a time would mean; only for the hint.
#[derive(Clone, Copy)]
pub(super) enum DayEnd {
    /// 00:00:00.
    First,
    /// 23:59:59.
    Last,
}

/// The date under `key`, if there is a good one. Everything else is a fault.
pub(super) fn read(table: &Table<'_, '_>, key: &'static str, day_end: DayEnd) -> Option<Date> {
    let found = table.optional::<Datetime>(key)?;
    let written = found.value.to_string();
    if found.value.offset.is_none() {
        let better = with_offset(&found.value, day_end);
        table.document().fault_as(
            code::DATES,
            found.span,
            text!("a date needs its offset from UTC here", "aqui a data precisa da diferença em relação a UTC"),
            better.map(|better| text!("write {key} = {better}", "escreva {key} = {better}")),
        );
        return None;
    }
    let Some(at) = moment(&found.value) else {
        let what = text!("there is no such date as {written}", "a data {written} não existe");
        table.document().fault_as(code::DATES, found.span, what, None);
        return None;
    };
    Some(Date { at, written, span: found.span })
}

/// A rule that ends before it starts never acts.
pub(super) fn check_order(document: &Document<'_>, starts: Option<&Date>, expires: Option<&Date>) {
    if let (Some(starts), Some(expires)) = (starts, expires)
        && starts.at >= expires.at
    {
        let from = &starts.written;
        let what = text!("the rule ends before it starts ({from})", "a regra termina antes de começar ({from})");
        document.fault_as(code::DATES, expires.span.clone(), what, None);
    }
}

/// A rule that rejects ends, and within a year of its start. Without `starts` nothing is compared: what a file says must not
/// depend on the day on which it is read, or a clock that is wrong keeps the gateway from starting.
pub(super) fn check_of_reject(table: &Table<'_, '_>, starts: Option<&Date>, expires: Option<&Date>) {
    if !table.has("expires") {
        let what = text!(
            "`expires` is missing: a rule that rejects must end",
            "falta `expires`: uma regra que recusa tem de terminar"
        );
        let help =
            text!("such as expires = 2026-12-20T23:59:59-03:00", "por exemplo expires = 2026-12-20T23:59:59-03:00");
        table.document().fault_as(code::DATES, table.span(), what, Some(help));
    }
    if let (Some(starts), Some(expires)) = (starts, expires)
        && expires.at.duration_since(starts.at).is_ok_and(|length| length > LONGEST)
    {
        let what = text!(
            "a rule that rejects ends within a year of its start",
            "uma regra que recusa termina até um ano depois de começar"
        );
        let help = text!("give it an earlier date; it can be renewed", "dê uma data mais próxima; dá para renovar");
        table.document().fault_as(code::DATES, expires.span.clone(), what, Some(help));
    }
}

fn with_offset(value: &Datetime, day_end: DayEnd) -> Option<String> {
    let date = value.date?;
    let time = value.time.unwrap_or(match day_end {
        DayEnd::First => Time { hour: 0, minute: 0, second: Some(0), nanosecond: None },
        DayEnd::Last => Time { hour: 23, minute: 59, second: Some(59), nanosecond: None },
    });
    Some(format!("{date}T{time}-03:00"))
}

fn moment(value: &Datetime) -> Option<SystemTime> {
    let (date, time) = (value.date?, value.time?);
    let minutes = match value.offset? {
        TomlOffset::Z => 0,
        TomlOffset::Custom { minutes } => i32::from(minutes),
    };
    let small = |number: u8| i8::try_from(number).ok();
    let date = civil::Date::new(i16::try_from(date.year).ok()?, small(date.month)?, small(date.day)?).ok()?;
    let nanosecond = i32::try_from(time.nanosecond.unwrap_or(0)).ok()?;
    let (hour, minute, second) = (small(time.hour)?, small(time.minute)?, small(time.second.unwrap_or(0))?);
    let time = civil::Time::new(hour, minute, second, nanosecond).ok()?;
    let offset = Offset::from_seconds(minutes * 60).ok()?;
    Some(SystemTime::from(offset.to_timestamp(date.to_datetime(time)).ok()?))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::{document::Document, language::Language};

    fn read_line(line: &str) -> (Option<Date>, String) {
        let document = Document::parse("r.toml", line);
        let date = document.root().and_then(|root| read(&root, "expires", DayEnd::Last));
        (date, document.into_faults().render(Language::En))
    }

    #[test]
    fn an_offset_date_time_is_a_moment() {
        for (line, seconds) in [
            ("expires = 1970-01-02T00:00:00Z", 86_400),
            ("expires = 1970-01-01T21:00:00-03:00", 86_400),
            ("expires = 1970-01-02 05:30:00+05:30", 86_400),
            ("expires = 2026-12-20T23:59:59-03:00", 1_797_821_999),
        ] {
            let (date, faults) = read_line(line);
            assert_eq!(date.map(|date| date.at), Some(UNIX_EPOCH + Duration::from_secs(seconds)), "{line} {faults}");
        }
    }

    #[test]
    fn a_date_without_offset_is_shown_with_one() {
        for (line, hint) in [
            ("expires = 2026-12-20T18:00:00", "expires = 2026-12-20T18:00:00-03:00"),
            ("expires = 2026-12-20", "expires = 2026-12-20T23:59:59-03:00"),
        ] {
            let (date, faults) = read_line(line);
            assert_eq!(date, None);
            assert!(faults.contains(hint), "{faults}");
        }
    }

    #[test]
    fn what_is_no_date_is_a_fault_and_no_panic() {
        for line in [
            "expires = 12:00:00",
            "expires = \"2026-12-20\"",
            "expires = 2016-12-31T23:59:60Z",
            "expires = 0000-01-01T00:00:00+14:00",
        ] {
            let (date, faults) = read_line(line);
            assert!(date.is_some() || faults.contains("error"), "{line}: {faults}");
        }
        assert!(read_line("expires = 12:00:00").1.contains("error"));
    }
}
