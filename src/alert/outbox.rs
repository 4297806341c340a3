//! What one route still has to deliver: first in, first out, a bounded number, each tried again for a bounded time.
//!
//! In order, because "it is over" before "it began" would be a riddle. In: what is to go out, what became of each attempt, the
//! time as a value. Out: what to try now, or when.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Deliveries that wait at most. When there are more the oldest goes: the newest say how things stand.
const WAITING: usize = 64;

/// How long, and how often, something is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The pause after the first failure; it doubles with each further one.
    pub first_pause: Duration,
    /// And at most.
    pub longest_pause: Duration,
    /// A failure after this time is the last one.
    pub patience: Duration,
}

/// The deliveries of one route.
#[derive(Debug)]
pub struct Outbox<T> {
    plan: Plan,
    waiting: VecDeque<Waiting<T>>,
    /// The number of the first that waits: while it is being tried it may have had to make room.
    first: u64,
    /// Of the first: failures so far, and when it may be tried again.
    failures: u32,
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Waiting<T> {
    what: T,
    since: Instant,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// Try this, then say with its number what became of it: [`Outbox::done`] or [`Outbox::failed`].
    Try(u64, T),
    /// Come back then.
    Wait(Instant),
    /// There is nothing.
    Nothing,
}

impl<T: Clone> Outbox<T> {
    /// Empty.
    pub fn new(plan: Plan) -> Self {
        Self { plan, waiting: VecDeque::new(), first: 0, failures: 0, not_before: None }
    }

    /// One more. Returns the one that had to make room for it.
    pub fn push(&mut self, what: T, now: Instant) -> Option<T> {
        self.waiting.push_back(Waiting { what, since: now });
        if self.waiting.len() > WAITING { self.take_first() } else { None }
    }

    /// What to do now.
    pub fn next(&self, now: Instant) -> Next<T> {
        match (self.waiting.front(), self.not_before) {
            (None, _) => Next::Nothing,
            (Some(_), Some(until)) if until > now => Next::Wait(until),
            (Some(first), _) => Next::Try(self.first, first.what.clone()),
        }
    }

    /// This one arrived, or cannot arrive however often it is tried.
    pub fn done(&mut self, number: u64) {
        if number == self.first {
            self.take_first();
        }
    }

    /// This one did not arrive this time. True if it was the last time.
    pub fn failed(&mut self, number: u64, now: Instant) -> bool {
        let Some(first) = self.waiting.front().filter(|_| number == self.first) else { return false };
        if now.saturating_duration_since(first.since) >= self.plan.patience {
            self.take_first();
            return true;
        }
        let doubled = self.plan.first_pause.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + doubled.min(self.plan.longest_pause));
        false
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn take_first(&mut self) -> Option<T> {
        self.failures = 0;
        self.not_before = None;
        self.first = self.first.wrapping_add(1);
        self.waiting.pop_front().map(|first| first.what)
    }
}

#[cfg(test)]
mod tests;
