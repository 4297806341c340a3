//! How many scans may be in flight at one scanner, and how many are.
//!
//! A slot is held by whatever really occupies the scanner, also after its caller has given up (decision 9:
//! Cisco-Talos/clamav#1129, one message stacked scans for over an hour), so `portaria_scans_in_flight` shows the truth.

use std::sync::Arc;

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// The slots of one scanner.
#[derive(Debug)]
pub struct Slots {
    semaphore: Arc<Semaphore>,
    cap: usize,
}

/// One slot, given back when dropped.
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    /// `cap` slots, at least one.
    pub fn new(cap: usize) -> Self {
        let cap = cap.clamp(1, Semaphore::MAX_PERMITS);
        Self { semaphore: Arc::new(Semaphore::new(cap)), cap }
    }

    /// A slot, or none by `deadline`. First come, first served.
    pub async fn take(&self, deadline: Instant) -> Option<Slot> {
        let permit = timeout_at(deadline, self.semaphore.clone().acquire_owned()).await.ok()?.ok()?;
        Some(Slot { _permit: permit })
    }

    /// How many there are.
    pub fn cap(&self) -> usize {
        self.cap
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.cap.saturating_sub(self.semaphore.available_permits())
    }
}
