//! Attempts at moments of our choosing.
#![expect(clippy::disallowed_methods, reason = "a test needs some moment to count from")]

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
