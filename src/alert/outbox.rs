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
#[expect(clippy::disallowed_methods, reason = "a test needs some moment to count from")]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        first_pause: Duration::from_secs(15),
        longest_pause: Duration::from_secs(240),
        patience: Duration::from_secs(600),
    };

    #[test]
    fn attempts_are_spaced_and_end() {
        let (mut outbox, start) = (Outbox::new(PLAN), Instant::now());
        outbox.push("a", start);
        let (mut now, mut attempts) = (start, Vec::new());
        loop {
            match outbox.next(now) {
                Next::Try(number, what) => {
                    attempts.push(now.duration_since(start).as_secs());
                    if outbox.failed(number, now) {
                        assert_eq!(what, "a");
                        break;
                    }
                }
                Next::Wait(until) => now = until,
                Next::Nothing => panic!("it was not given up"),
            }
        }
        assert_eq!(attempts, [0, 15, 45, 105, 225, 465, 705]);
        assert_eq!(outbox.next(now), Next::Nothing);
    }

    #[test]
    fn the_order_is_kept_and_the_next_one_does_not_wait_for_the_pause_of_the_first() {
        let (mut outbox, now) = (Outbox::new(PLAN), Instant::now());
        outbox.push("raised", now);
        outbox.push("cleared", now);
        assert!(!outbox.failed(0, now));
        assert_eq!(outbox.next(now), Next::Wait(now + PLAN.first_pause));
        let later = now + PLAN.first_pause;
        assert_eq!(outbox.next(later), Next::Try(0, "raised"));
        outbox.done(0);
        assert_eq!(outbox.next(later), Next::Try(1, "cleared"));
        outbox.done(1);
        assert_eq!(outbox.next(later), Next::Nothing);
    }

    #[test]
    fn a_long_wait_is_bounded_and_the_oldest_goes() {
        let (mut outbox, now) = (Outbox::new(PLAN), Instant::now());
        for number in 0..WAITING {
            assert_eq!(outbox.push(number, now), None);
        }
        assert_eq!(outbox.next(now), Next::Try(0, 0));
        assert_eq!(outbox.push(WAITING, now), Some(0), "though it is being tried");
        outbox.done(0);
        assert_eq!((outbox.waiting(), outbox.next(now)), (WAITING, Next::Try(1, 1)), "nothing else is taken for done");
        // Whatever waited too long behind another is tried once all the same.
        assert!(!outbox.failed(0, now + PLAN.patience) && outbox.failed(1, now + PLAN.patience));
        assert_eq!(outbox.next(now + PLAN.patience), Next::Try(2, 2));
    }
}
