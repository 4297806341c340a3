//! Held content on its way to the bucket that nodes share: when to try, and what to tell (decision 47).
//!
//! In: what waits on this node's disk. Out: what is in the bucket, and what stands in the way. No mail waits for this: what is held is durable
//! here before its sender hears 250. A bucket that is away is tried again, later and later; an item that cannot be shared for a reason of its own
//! is left alone for a while, so that the others pass it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::gateway::{Gateway, now};
use crate::{
    record::{TransactionId, UnixMillis, unix_millis},
    store::{StoreFault, Unshared},
};

/// What waits is looked for so often.
const EVERY: Duration = Duration::from_secs(2);
/// A bucket that failed is left alone for so long at most, and an item that cannot be shared for so long.
const SELDOM: Duration = Duration::from_secs(300);
/// The bucket is looked through so often, and at the start.
const SWEEP: Duration = Duration::from_secs(86_400);
/// What waits longer is told, milliseconds.
const LONG: UnixMillis = 600_000;

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Whether there is a bucket, and it was asked.
    known: bool,
    /// What waits.
    waiting: Unshared,
    /// The first that waits has done so for long.
    late: bool,
    /// Why the last try failed.
    fault: Option<String>,
    /// Items that cannot be shared for a reason of their own, and the reason of one.
    stuck: Option<(usize, String)>,
    /// Items whose content the bucket does not have any more.
    missing: usize,
}

/// The level, for whoever looks.
#[derive(Debug, Default)]
pub struct Sharing(Mutex<Level>);

impl Sharing {
    /// As it was at the last pass.
    pub fn lock(&self) -> MutexGuard<'_, Level> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Level {
    /// Why content waits, in words; none: all is well.
    pub fn waits(&self) -> Option<String> {
        let Unshared { items, octets, .. } = self.waiting;
        let why = match (&self.fault, &self.stuck) {
            (Some(fault), _) => fault.clone(),
            (None, Some((stuck, why))) => format!("{stuck} of them cannot be shared: {why}"),
            (None, None) if self.late => "it is slow".to_owned(),
            (None, None) => return None,
        };
        Some(format!("{items} items, {octets} octets: {why}"))
    }

    /// How many items the bucket has lost, in words.
    pub fn missing(&self) -> Option<String> {
        (self.missing > 0).then(|| format!("{} items", self.missing))
    }

    /// For `status`; null without a bucket.
    pub fn shown(&self) -> serde_json::Value {
        if !self.known {
            return serde_json::Value::Null;
        }
        serde_json::json!({
            "waiting_items": self.waiting.items,
            "waiting_octets": self.waiting.octets,
            "waiting_since": self.waiting.oldest,
            "missing_items": self.missing,
            "fault": self.waits(),
        })
    }
}

/// Between two passes.
#[derive(Default)]
struct Course {
    pause: Duration,
    claimed: bool,
    swept: Option<Instant>,
    /// Not before this moment.
    left_alone: HashMap<TransactionId, Instant>,
}

/// Shares what waits, until the gateway drains. What is on its way then stays here, and is put again at the next start.
pub async fn keep(gateway: Arc<Gateway>) {
    let mut course = Course::default();
    loop {
        tokio::select! {
            () = gateway.draining() => return,
            () = pass(&gateway, &mut course) => {}
        }
        tokio::select! {
            () = gateway.draining() => return,
            () = tokio::time::sleep(course.pause) => {}
        }
    }
}

async fn pass(gateway: &Gateway, course: &mut Course) {
    // Before the upload, too: a bucket that answers nobody must not keep what waits from being seen.
    look(gateway).await;
    let done = share(gateway, course).await;
    let failed = done.is_err();
    if let Err(fault) = &done {
        let first = gateway.sharing.lock().fault.is_none();
        if first {
            tracing::warn!(%fault, "the bucket cannot be used; what is held stays on this node, and it is tried again");
        }
        metrics::counter!("portaria_bucket_faults_total").increment(1);
    }
    course.pause = if failed { (course.pause * 2).clamp(EVERY, SELDOM) } else { EVERY };
    let fault = done.err().map(|fault| fault.to_string());
    if fault.is_none() && gateway.sharing.lock().fault.is_some() {
        tracing::info!("the bucket can be used again");
    }
    gateway.sharing.lock().fault = fault;
    look(gateway).await;
}

async fn share(gateway: &Gateway, course: &mut Course) -> Result<(), StoreFault> {
    let at = now();
    if !course.claimed {
        gateway.store.claim_bucket().await?;
        course.claimed = true;
    }
    course.left_alone.retain(|_, until| *until > at.monotonic);
    let not_now: HashSet<TransactionId> = course.left_alone.keys().cloned().collect();
    let shared = gateway.store.share(&not_now).await?;
    metrics::counter!("portaria_bucket_items_total").increment(shared.items as u64);
    let why = shared.faults.last().map(|(_, fault)| fault.to_string());
    for (id, fault) in shared.faults {
        tracing::error!(%id, %fault, "the content of a held item cannot be put into the bucket");
        course.left_alone.insert(id, at.monotonic + SELDOM);
    }
    note_stuck(&mut gateway.sharing.lock(), course.left_alone.len(), why);
    if course.swept.is_none_or(|swept| at.monotonic.saturating_duration_since(swept) >= SWEEP) {
        sweep(gateway).await?;
        course.swept = Some(at.monotonic);
    }
    Ok(())
}

fn note_stuck(level: &mut Level, stuck: usize, why: Option<String>) {
    let known = level.stuck.take().map(|(_, why)| why);
    level.stuck = (stuck > 0).then(|| (stuck, why.or(known).unwrap_or_default()));
}

async fn sweep(gateway: &Gateway) -> Result<(), StoreFault> {
    let found = gateway.store.sweep_bucket(unix_millis(now().wall)).await?;
    for id in &found.missing {
        tracing::error!(%id, "the content of a held item is not in the bucket any more");
    }
    for id in &found.orphans {
        tracing::warn!(%id, "content in the bucket that the database does not know was moved to orphans/");
    }
    tracing::info!(gone = found.gone, "the bucket and the index were compared");
    metrics::gauge!("portaria_bucket_missing_items").set(found.missing.len() as f64);
    gateway.sharing.lock().missing = found.missing.len();
    Ok(())
}

/// What waits. A database that is away is told of elsewhere.
async fn look(gateway: &Gateway) {
    let Ok(waiting) = gateway.store.unshared().await else { return };
    metrics::gauge!("portaria_bucket_waiting_items").set(waiting.items as f64);
    metrics::gauge!("portaria_bucket_waiting_octets").set(waiting.octets as f64);
    let at = unix_millis(now().wall);
    let mut level = gateway.sharing.lock();
    level.late = waiting.oldest.is_some_and(|oldest| at.saturating_sub(oldest) > LONG);
    (level.known, level.waiting) = (true, waiting);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An alert is for what somebody has to look at: what waits for its turn is none.
    #[test]
    fn what_stands_in_the_way_is_told_and_what_only_waits_is_not() {
        let mut level = Level { known: true, ..Level::default() };
        level.waiting = Unshared { items: 2, octets: 30, oldest: Some(5) };
        assert_eq!((level.waits(), level.missing()), (None, None));
        level.late = true;
        assert_eq!(level.waits().unwrap(), "2 items, 30 octets: it is slow");
        note_stuck(&mut level, 1, Some("SHA-256".to_owned()));
        // A pass in which it was left alone.
        note_stuck(&mut level, 1, None);
        assert_eq!(level.waits().unwrap(), "2 items, 30 octets: 1 of them cannot be shared: SHA-256");
        level.fault = Some("nobody answers".to_owned());
        assert_eq!(level.shown()["fault"], "2 items, 30 octets: nobody answers");
        note_stuck(&mut level, 0, None);
        (level.late, level.fault, level.missing) = (false, None, 3);
        assert_eq!((level.waits(), level.missing().unwrap().as_str()), (None, "3 items"));
        assert_eq!(Level::default().shown(), serde_json::Value::Null);
    }
}
