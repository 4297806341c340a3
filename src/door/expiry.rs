//! What has stood in the quarantine long enough goes, a little at a time.
//!
//! In: how long each class is kept, and the time. Out: items expired, and content removed. A pass takes [`BATCH`] items and then lets others
//! write: mail that is being held waits for the same writer. What is being released is never touched, and a clock that jumped expires
//! nothing: a year forward would be the end of everything that somebody still has to decide.

use std::{sync::Arc, time::Duration};

use super::gateway::{Gateway, now};
use crate::{
    record::{ItemClass, ItemState, UnixMillis, unix_millis},
    relay::event::Moment,
    store::{BATCH, Expiry, StoreFault},
};

const EVERY: Duration = Duration::from_secs(60);
/// Between two batches.
const PAUSE: Duration = Duration::from_millis(200);
/// The wall clock may go astray from the monotonic one by so much; NTP moves it by less.
const ASTRAY: Duration = Duration::from_secs(3600);

/// How long items are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Malware.
    pub virus: Duration,
    /// Held by a rule.
    pub rule: Duration,
    /// Policy findings.
    pub policy: Duration,
    /// Not wholly scanned.
    pub unscannable: Duration,
    /// Copies of what was refused, whatever their class, and the content of what was released.
    pub copies: Duration,
}

impl Retention {
    /// What is too old at `at`.
    fn expiries(&self, at: UnixMillis) -> [Expiry; 8] {
        use ItemClass::{Policy, Rule, Unscannable, Virus};
        let held = |class, kept| Expiry { class, acknowledged: true, before: before(at, kept) };
        let copy = |class| Expiry { class, acknowledged: false, before: before(at, self.copies) };
        [
            held(Virus, self.virus),
            held(Rule, self.rule),
            held(Policy, self.policy),
            held(Unscannable, self.unscannable),
            copy(Virus),
            copy(Rule),
            copy(Policy),
            copy(Unscannable),
        ]
    }
}

fn before(at: UnixMillis, kept: Duration) -> UnixMillis {
    at.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX))
}

/// Lets go what is too old, until the gateway drains.
pub async fn keep(gateway: Arc<Gateway>, retention: Retention) {
    let began = gateway.began;
    let mut was_astray = false;
    loop {
        let at = now();
        let is_astray = astray(began, at) > ASTRAY;
        if is_astray && !was_astray {
            tracing::error!(
                "the clock was set by more than an hour: nothing expires in the quarantine until the gateway is started again"
            );
        }
        was_astray = is_astray;
        if !is_astray && let Err(fault) = pass(&gateway, &retention, unix_millis(at.wall)).await {
            tracing::warn!(%fault, "what is too old in the quarantine could not be removed");
        }
        tokio::select! {
            () = gateway.draining() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// How far the wall clock was moved since the gateway began.
fn astray(began: Moment, at: Moment) -> Duration {
    let passed = at.monotonic.saturating_duration_since(began.monotonic);
    match at.wall.duration_since(began.wall) {
        Ok(shown) => shown.abs_diff(passed),
        Err(back) => back.duration().saturating_add(passed),
    }
}

async fn pass(gateway: &Gateway, retention: &Retention, at: UnixMillis) -> Result<(), StoreFault> {
    for expiry in retention.expiries(at) {
        loop {
            let expired = gateway.store.expire(expiry, at).await?;
            if expired > 0 {
                let class = class_name(expiry.class);
                metrics::counter!("portaria_quarantine_expired_total", "class" => class).increment(expired as u64);
                tracing::info!(expired, class, acknowledged = expiry.acknowledged, "expired in the quarantine");
            }
            if expired < BATCH as usize {
                break;
            }
            remove(gateway).await?;
        }
    }
    for (state, kept) in [(ItemState::Released, retention.copies), (ItemState::Withdrawn, Duration::ZERO)] {
        gateway.store.let_go(state, before(at, kept)).await?;
    }
    remove(gateway).await
}

async fn remove(gateway: &Gateway) -> Result<(), StoreFault> {
    while gateway.store.remove_contents().await? >= BATCH as usize {
        tokio::time::sleep(PAUSE).await;
    }
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

/// A stable name for metrics and logs.
fn class_name(class: ItemClass) -> &'static str {
    match class {
        ItemClass::Virus => "virus",
        ItemClass::Rule => "rule",
        ItemClass::Policy => "policy",
        ItemClass::Unscannable => "unscannable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn each_class_has_its_time_and_copies_have_theirs() {
        let retention = Retention { virus: DAY, rule: DAY * 2, policy: DAY * 3, unscannable: DAY * 4, copies: DAY * 7 };
        let at = 1_000 * 86_400_000;
        let days = retention.expiries(at).map(|expiry| (expiry.acknowledged, (at - expiry.before) / 86_400_000));
        let (yes, no) = (true, false);
        assert_eq!(days, [(yes, 1), (yes, 2), (yes, 3), (yes, 4), (no, 7), (no, 7), (no, 7), (no, 7)]);
    }

    /// An hour is more than any correction of the clock, and less than what makes an item a day too old.
    #[test]
    fn a_clock_that_was_set_is_seen() {
        let began = now();
        let after = |passed: Duration, shown: i64| Moment {
            monotonic: began.monotonic + passed,
            wall: match shown {
                0.. => began.wall + Duration::from_secs(shown.unsigned_abs()),
                _ => began.wall - Duration::from_secs(shown.unsigned_abs()),
            },
        };
        for (passed, shown, is_astray) in [
            (DAY, 86_400, false),
            (DAY, 86_400 + 3_000, false),
            (DAY, 86_400 + 3_700, true),
            (DAY, 365 * 86_400, true),
            (DAY, 0, true),
            (DAY, -86_400, true),
        ] {
            assert_eq!(astray(began, after(passed, shown)) > ASTRAY, is_astray, "{shown}");
        }
    }
}
