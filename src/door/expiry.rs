//! What has stood in the quarantine long enough goes, a little at a time.
//!
//! In: how long each class is kept, and the time. Out: items expired, and content removed. A pass takes [`BATCH`] items and then lets others
//! write: mail that is being held waits for the same writer. What is being released is never touched, and a clock that jumped expires
//! nothing: a year forward would be the end of everything that somebody still has to decide.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::gateway::{Gateway, now};
use crate::{
    record::{ItemClass, ItemState, UnixMillis, unix_millis},
    relay::event::Moment,
    store::{BATCH, Expiry, StoreFault},
};

const EVERY: Duration = Duration::from_secs(60);
/// Between two batches.
const PAUSE: Duration = Duration::from_millis(200);
/// What expires within this is told before: nobody should learn of it afterwards.
const SOON: Duration = Duration::from_secs(3 * 86_400);
/// Nearly too full, in percent of `max_size`.
const NEARLY: u64 = 90;
/// Copies that go at a time because of `max_size`.
const COPIES: u32 = 10;
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
    /// Octets of content: beyond it copies go before their time. None: as much as the disk has.
    pub max_size: Option<u64>,
}

/// What waits for a person, in words; none where nothing does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Held mail that expires soon.
    pub expiring: Option<String>,
    /// Releases whose end somebody has to look at.
    pub undelivered: Option<String>,
    /// How full it is, if that is nearly too full.
    pub full: Option<String>,
}

/// The levels, for whoever looks.
#[derive(Debug, Default)]
pub struct Waiting(Mutex<Levels>);

impl Waiting {
    /// As they were at the last pass.
    pub fn lock(&self) -> MutexGuard<'_, Levels> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    at.saturating_sub(unix_duration(kept))
}

fn unix_duration(time: Duration) -> UnixMillis {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
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
        let wall = unix_millis(at.wall);
        if !is_astray && let Err(fault) = pass(&gateway, &retention, wall).await {
            tracing::warn!(%fault, "what is too old in the quarantine could not be removed");
        }
        match levels(&gateway, &retention, wall).await {
            Ok(levels) => *gateway.quarantine.lock() = levels,
            Err(fault) => tracing::warn!(%fault, "what waits in the quarantine could not be counted"),
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
    remove(gateway).await?;
    make_room(gateway, retention, at).await
}

/// Copies go before their time, the oldest first, while there is more than there may be. Nothing else does.
async fn make_room(gateway: &Gateway, retention: &Retention, at: UnixMillis) -> Result<(), StoreFault> {
    let Some(most) = retention.max_size else { return Ok(()) };
    while gateway.store.octets_kept().await? > most {
        let expired = gateway.store.expire_copies(COPIES, at).await?;
        if expired == 0 {
            break;
        }
        tracing::warn!(expired, "copies of refused mail went before their time: the quarantine is at max_size");
        metrics::counter!("portaria_quarantine_expired_total", "class" => "copies").increment(expired as u64);
        remove(gateway).await?;
    }
    Ok(())
}

async fn levels(gateway: &Gateway, retention: &Retention, at: UnixMillis) -> Result<Levels, StoreFault> {
    let soon = unix_duration(SOON);
    let mut expiring = 0;
    for Expiry { class, before, .. } in retention.expiries(at).into_iter().filter(|expiry| expiry.acknowledged) {
        expiring += gateway.store.undecided_before(class, before.saturating_add(soon)).await?;
    }
    let (undelivered, octets) = (gateway.store.undelivered().await?, gateway.store.octets_kept().await?);
    metrics::gauge!("portaria_quarantine_octets").set(octets as f64);
    let percent = retention.max_size.map(|most| octets.saturating_mul(100) / most.max(1)).unwrap_or_default();
    Ok(Levels {
        expiring: (expiring > 0).then(|| format!("{expiring} messages")),
        undelivered: (undelivered > 0).then(|| format!("{undelivered} messages")),
        full: (percent >= NEARLY).then(|| format!("{percent} % of max_size")),
    })
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
        let retention = Retention {
            virus: DAY,
            rule: DAY * 2,
            policy: DAY * 3,
            unscannable: DAY * 4,
            copies: DAY * 7,
            max_size: None,
        };
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
