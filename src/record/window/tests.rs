//! Days of the calendar, in zones whose clocks change.

use jiff::civil::date;

use super::*;

const HOUR: UnixMillis = 3_600_000;
const ZONES: [&str; 8] = [
    "America/Belem",
    "America/Sao_Paulo",
    "UTC",
    "Europe/Lisbon",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Cairo",
    "Asia/Kathmandu",
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn at(text: &str) -> UnixMillis {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn local(at: UnixMillis, zone: &TimeZone) -> jiff::Zoned {
    Timestamp::from_millisecond(at).unwrap().to_zoned(zone.clone())
}

#[test]
fn thirty_whole_days_before_the_day_of_receipt_and_that_day() {
    let window = of_request(date(2026, 11, 22), &zone("America/Belem")).unwrap();
    assert_eq!(window, Span { from: at("2026-10-23T00:00:00-03:00"), until: at("2026-11-23T00:00:00-03:00") });
    // February of a leap year, and the turn of a year.
    let window = of_request(date(2028, 3, 1), &zone("UTC")).unwrap();
    assert_eq!(window.from, at("2028-01-31T00:00:00Z"));
    let window = of_request(date(2027, 1, 5), &zone("UTC")).unwrap();
    assert_eq!(window.from, at("2026-12-06T00:00:00Z"));
}

/// 10.1.2 AC1: whatever the hour of the receipt, and though the search runs five days later.
#[test]
fn what_began_at_the_first_midnight_is_in_the_window_and_what_began_before_is_not() {
    let belem = zone("America/Belem");
    let first = at("2026-10-23T00:00:00-03:00");
    let window = of_request(date(2026, 11, 22), &belem).unwrap();
    assert!(window.contains(first) && !window.contains(first - 1));
    assert!(window.contains(window.until - 1) && !window.contains(window.until));
    let searched = at("2026-11-27T23:59:59-03:00");
    let (retention, handling) = (Duration::from_secs(38 * 86_400), Duration::from_secs(7 * 86_400));
    assert!(horizon(searched, retention, handling, &belem).unwrap() <= first);
}

/// Midnight that is not there (the clocks go from 00:00 to 01:00), and an hour that is there twice.
#[test]
fn a_day_has_as_many_hours_as_the_zone_gives_it() {
    let paulo = zone("America/Sao_Paulo");
    let begins = Span::of_days(date(2018, 11, 4), date(2018, 11, 4), &paulo).unwrap();
    assert_eq!(begins.from, at("2018-11-04T01:00:00-02:00"));
    assert_eq!(begins.until - begins.from, 23 * HOUR);
    let ends = Span::of_days(date(2019, 2, 16), date(2019, 2, 16), &paulo).unwrap();
    assert_eq!(ends.until - ends.from, 25 * HOUR);
    // A whole day that a zone skipped: the window is that much shorter, and nothing of it is doubled.
    let skipped = Span::of_days(date(2011, 12, 30), date(2011, 12, 30), &zone("Pacific/Apia")).unwrap();
    assert!(skipped.is_empty());
}

/// Held against jiff's own count of days, over ten years of zones that change their clocks; 37 hours a step, so that all hours come up.
#[test]
fn every_instant_is_in_the_window_of_a_receipt_up_to_thirty_days_later_and_in_no_later_one() {
    for name in ZONES {
        let zone = zone(name);
        let mut now = at("2010-01-01T00:30:00Z");
        while now < at("2020-01-01T00:00:00Z") {
            let day = local(now, &zone).date();
            for (days, inside) in [(-1, false), (0, true), (1, true), (30, true), (31, false)] {
                let received = day.checked_add(days.days()).unwrap();
                let window = of_request(received, &zone).unwrap();
                assert_eq!(window.contains(now), inside, "{name}: {} and {received}", local(now, &zone));
            }
            now += 37 * HOUR;
        }
    }
}

/// The floor holds for every request that is at most `handling` old, at every hour, also when a day has 25 of them.
#[test]
fn nothing_goes_that_a_request_within_its_handling_time_may_ask_for() {
    let handling = Duration::from_secs(7 * 86_400);
    let least = Duration::from_secs(38 * 86_400);
    for name in ZONES {
        let zone = zone(name);
        let mut now = at("2017-06-01T00:30:00Z");
        while now < at("2020-01-01T00:00:00Z") {
            let horizon = horizon(now, least, handling, &zone).unwrap();
            let mut received = now - 7 * DAY;
            while received <= now {
                let window = of_request(local(received, &zone).date(), &zone).unwrap();
                assert!(horizon <= window.from, "{name}: {}", local(now, &zone));
                for day in [day_of(window.from) - 1, day_of(window.from)] {
                    assert!(!may_go(day, horizon, &[]) || span_of(day).until <= window.from);
                }
                received += 12 * HOUR;
            }
            now += 59 * HOUR;
        }
    }
}

#[test]
fn a_day_goes_whole_or_not_at_all() {
    let span = |from, until| Span { from, until };
    let horizon = 10 * DAY + 5;
    assert!(may_go(9, horizon, &[]) && !may_go(10, horizon, &[]));
    for (frozen, goes) in [
        (span(9 * DAY - 5, 9 * DAY), true),
        (span(9 * DAY - 5, 9 * DAY + 1), false),
        (span(10 * DAY - 1, 11 * DAY), false),
        (span(10 * DAY, 11 * DAY), true),
        (span(9 * DAY + 7, 9 * DAY + 7), true),
    ] {
        assert_eq!(may_go(9, horizon, &[frozen]), goes, "{frozen:?}");
    }
    assert_eq!(day_of(-1), -1);
    assert_eq!(span_of(-1), span(-DAY, 0));
}
