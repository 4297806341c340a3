//! Hysteresis: in comes what was found wrong at each look, out comes each condition once.
//!
//! A condition is told when it has lasted for its `raise_after`; one that comes and goes, without ever being away for that long, has
//! lasted too, or whatever flaps would never be heard of. It is over when it was away for its `clear_after`. While it stands it
//! is told again once a day.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};

use super::{condition::Condition, notice::plain};

/// While a condition stands, somebody is reminded this often.
const REMIND_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Conditions that are watched at once. Subjects are names in the configuration, and a look finds each at most once, so this is a
/// last fence: what would not fit stays unknown, and what is known stays.
const ROWS: usize = 1_000;

/// What was found wrong at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The condition.
    pub condition: Condition,
    /// What is known of the cause, in somebody's words; nothing in it acts, and its length is bounded.
    pub detail: String,
}

impl Finding {
    /// `detail` may hold the words of others: a next hop's, a scanner's, a file's.
    pub fn new(condition: Condition, detail: &str) -> Self {
        Self { condition, detail: plain(detail) }
    }
}

/// What happened to a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It began.
    Raised,
    /// It still stands.
    Reminder,
    /// It is over.
    Cleared,
}

impl Event {
    /// Stable, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Reminder => "reminder",
            Self::Cleared => "cleared",
        }
    }
}

/// What somebody is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What happened to it.
    pub event: Event,
    /// To which condition.
    pub condition: Condition,
    /// What was last known of the cause.
    pub detail: String,
    /// When it was first seen.
    pub since: SystemTime,
    /// Now.
    pub at: SystemTime,
}

/// A condition that was told and is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The condition.
    pub condition: Condition,
    /// What was last known of the cause.
    pub detail: String,
    /// When it was first seen.
    pub since: SystemTime,
}

/// What is known of every condition that was found lately.
#[derive(Debug, Default)]
pub struct Watch {
    rows: BTreeMap<Condition, Row>,
}

#[derive(Debug)]
struct Row {
    first_seen: Instant,
    last_seen: Instant,
    since: SystemTime,
    detail: String,
    /// None: it has not lasted long enough yet.
    told: Option<Instant>,
}

impl Watch {
    /// Everything that is wrong now; what is not among `found` is well. To be called every second or so.
    pub fn look(&mut self, found: Vec<Finding>, now: Instant, wall: SystemTime) -> Vec<Report> {
        let mut reports = Vec::new();
        for Finding { condition, detail } in found {
            if !self.rows.contains_key(&condition) && self.rows.len() >= ROWS {
                continue;
            }
            let row = self.rows.entry(condition.clone()).or_insert_with(|| Row::new(now, wall));
            if let Some(event) = row.seen(condition.facts().raise_after, detail, now) {
                reports.push(row.report(event, condition, wall));
            }
        }
        let over: Vec<Condition> =
            self.rows.iter().filter(|(condition, row)| row.is_over(condition, now)).map(|(it, _)| it.clone()).collect();
        for condition in over {
            let Some(row) = self.rows.remove(&condition) else { continue };
            if row.told.is_some() {
                reports.push(row.report(Event::Cleared, condition, wall));
            }
        }
        reports
    }

    /// What stands now.
    pub fn standing(&self) -> impl Iterator<Item = Standing> {
        self.rows.iter().filter(|(_, row)| row.told.is_some()).map(|(condition, row)| Standing {
            condition: condition.clone(),
            detail: row.detail.clone(),
            since: row.since,
        })
    }
}

impl Row {
    fn new(now: Instant, wall: SystemTime) -> Self {
        Self { first_seen: now, last_seen: now, since: wall, detail: String::new(), told: None }
    }

    fn seen(&mut self, raise_after: Duration, detail: String, now: Instant) -> Option<Event> {
        self.last_seen = now;
        // An event that is over by now may have left no words; what it said last is still the cause.
        if !detail.is_empty() {
            self.detail = detail;
        }
        let event = match self.told {
            None if now.saturating_duration_since(self.first_seen) >= raise_after => Event::Raised,
            Some(told) if now.saturating_duration_since(told) >= REMIND_AFTER => Event::Reminder,
            _ => return None,
        };
        self.told = Some(now);
        Some(event)
    }

    /// Away for long enough: forgotten if it was never told, over if it was.
    fn is_over(&self, condition: &Condition, now: Instant) -> bool {
        let away = now.saturating_duration_since(self.last_seen);
        let facts = condition.facts();
        let enough = if self.told.is_some() { facts.clear_after } else { facts.raise_after };
        // Seen at this very look, it is not away at all, not even for a condition that clears at once.
        !away.is_zero() && away >= enough
    }

    fn report(&self, event: Event, condition: Condition, at: SystemTime) -> Report {
        Report { event, condition, detail: self.detail.clone(), since: self.since, at }
    }
}

#[cfg(test)]
mod tests;
