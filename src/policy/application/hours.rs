//! How many messages were taken of each application in the last hour.
//!
//! In: an application, its cap, and the time as a value. Out: a place, or none. A place that comes to nothing is given back when it is
//! dropped, so that only what was taken counts, and never more than the cap at once, however many connections ask.
//!
//! An hour is sixty-one minutes, each with its count: no hour, wherever it begins, has more than the cap, and the oldest minute is
//! forgotten up to a minute late. The table lives as long as the process: a reload of the registry changes nothing in it, a restart
//! begins anew. It has a row for each application that ever asked; those without a count are forgotten when another one comes.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// The present minute, and the sixty before it.
const MINUTES: usize = 61;

/// The counts of all applications.
#[derive(Default)]
pub struct Hours {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// Minute 0.
    began: Option<Instant>,
    rows: HashMap<Arc<str>, Row>,
}

struct Row {
    /// By minute, as in a ring.
    counts: [u32; MINUTES],
    /// The latest minute that has a count.
    latest: u64,
}

/// One message's place in its hour; given back unless it is kept.
pub struct Place {
    hours: Option<Arc<Hours>>,
    application: Arc<str>,
    minute: u64,
}

impl Hours {
    /// A place for one message more of this application, if the last hour has room.
    pub fn take(self: &Arc<Self>, application: &Arc<str>, cap: u32, now: Instant) -> Option<Place> {
        let mut table = self.table();
        let minute = table.minute(now);
        if !table.rows.contains_key(application) {
            table.rows.retain(|_, row| row.at(minute) > 0);
        }
        let row = table.rows.entry(application.clone()).or_insert_with(Row::new);
        if row.at(minute) >= cap {
            return None;
        }
        // A clock that stands still or goes back counts into the latest minute.
        let minute = minute.max(row.latest);
        *row.count(minute)? += 1;
        Some(Place { hours: Some(self.clone()), application: application.clone(), minute })
    }

    /// How many were taken in the last hour, of this application.
    pub fn taken(&self, application: &str, now: Instant) -> u32 {
        let mut table = self.table();
        let minute = table.minute(now);
        table.rows.get_mut(application).map_or(0, |row| row.at(minute))
    }

    fn give_back(&self, application: &Arc<str>, minute: u64) {
        let mut table = self.table();
        let Some(row) = table.rows.get_mut(application) else { return };
        if row.has(minute)
            && let Some(count) = row.count(minute)
        {
            *count = count.saturating_sub(1);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn minute(&mut self, now: Instant) -> u64 {
        now.saturating_duration_since(*self.began.get_or_insert(now)).as_secs() / 60
    }
}

impl Row {
    fn new() -> Self {
        Self { counts: [0; MINUTES], latest: 0 }
    }

    /// Everything of the hour that ends in this minute; what is older is forgotten.
    fn at(&mut self, minute: u64) -> u32 {
        let past = minute.saturating_sub(self.latest).min(MINUTES as u64);
        for gone in 1..=past {
            if let Some(count) = self.count(self.latest.saturating_add(gone)) {
                *count = 0;
            }
        }
        self.latest = self.latest.max(minute);
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Whether the count of this minute is still there.
    fn has(&self, minute: u64) -> bool {
        minute <= self.latest && self.latest < minute.saturating_add(MINUTES as u64)
    }

    fn count(&mut self, minute: u64) -> Option<&mut u32> {
        self.counts.get_mut(usize::try_from(minute % MINUTES as u64).ok()?)
    }
}

impl Place {
    /// The message was taken: it counts.
    pub fn keep(mut self) {
        self.hours = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(hours) = self.hours.take() {
            hours.give_back(&self.application, self.minute);
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("application", &self.application).finish_non_exhaustive()
    }
}

impl fmt::Debug for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hours").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, time::Duration};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "there is no other way to an Instant")]
    fn begin() -> Instant {
        Instant::now()
    }

    fn take(hours: &Arc<Hours>, cap: u32, now: Instant, times: u32) -> u32 {
        let id: Arc<str> = "a".into();
        (0..times).filter_map(|_| hours.take(&id, cap, now)).map(Place::keep).count() as u32
    }

    #[test]
    fn only_what_is_taken_counts_and_never_more_than_the_cap_at_once() {
        let (hours, now) = (Arc::new(Hours::default()), begin());
        let id: Arc<str> = "a".into();
        let asked: Vec<_> = (0..10).filter_map(|_| hours.take(&id, 3, now)).collect();
        assert_eq!(asked.len(), 3, "ten connections at once");
        drop(asked);
        assert_eq!(hours.taken("a", now), 0, "none of them was taken");
        assert_eq!(take(&hours, 3, now, 10), 3);
        assert_eq!((hours.taken("a", now), hours.taken("b", now)), (3, 0));
        // A place that is given back after its hour takes nothing from the next.
        let (late, hours) = (now + Duration::from_secs(3 * 3_600), Arc::new(Hours::default()));
        let place = hours.take(&id, 3, now);
        assert_eq!(take(&hours, 3, late, 10), 3);
        drop(place);
        assert_eq!(hours.taken("a", late), 3);
    }

    /// Against a list of every time: no hour has more than the cap, and at most a minute is lost.
    #[test]
    fn no_hour_has_more_than_its_cap() {
        let (hours, start, cap) = (Arc::new(Hours::default()), begin(), 7);
        let mut taken: VecDeque<u64> = VecDeque::new();
        let mut seed: u64 = 0x5eed;
        let mut at = 0;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            at += (seed >> 33) % 1_200;
            let within = |seconds: u64| taken.iter().filter(|time| at - **time < seconds).count() as u32;
            let (hour, longer) = (within(3_600), within(3_660));
            let got = take(&hours, cap, start + Duration::from_secs(at), 1);
            assert!(hour + got <= cap, "{hour} in the hour before second {at}");
            assert!(got == 1 || longer >= cap, "refused at second {at} with {longer} in 61 minutes");
            if got == 1 {
                taken.push_back(at);
            }
            taken.truncate(100_000);
        }
        assert!(taken.len() > 1_000, "{}", taken.len());
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let (hours, now) = (Arc::new(Hours::default()), begin());
        let later = now + Duration::from_secs(600);
        assert_eq!((take(&hours, 2, later, 5), take(&hours, 2, now, 5)), (2, 0));
    }

    /// Ids come from the registry; whoever renames its entries a million times has one row.
    #[test]
    fn rows_without_a_count_are_forgotten() {
        let (hours, now) = (Arc::new(Hours::default()), begin());
        for number in 0..1_000 {
            drop(hours.take(&format!("app-{number}").into(), 1, now));
        }
        assert_eq!(hours.table().rows.len(), 1);
    }
}
