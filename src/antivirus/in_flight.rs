//! How many scans may be in flight at one scanner, and how many are.
//!
//! A slot is held by whatever really occupies the scanner, also after its caller has given up (decision 9:
//! Cisco-Talos/clamav#1129, one message stacked scans for over an hour), so `portaria_scans_in_flight` shows the truth.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// Who waits for a slot of a scanner that is a program of its own. Of all of them together: the processors are one machine's.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Whether anybody does: it has more than it can do. Its answers come over a socket, which wakes whoever looks at sockets; those of
/// YARA's threads do not, and who waits for these is not counted.
pub fn anybody_waits() -> bool {
    WAITING.load(Relaxed) > 0
}

/// The slots of one scanner.
#[derive(Debug)]
pub struct Slots {
    semaphore: Arc<Semaphore>,
    cap: usize,
    /// The scanner is a program of its own.
    is_program: bool,
}

/// One that waits, until dropped.
struct Waiting;

/// One slot, given back when dropped.
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    /// `cap` slots of a scanner that is a program of its own, at least one.
    pub fn of_program(cap: usize) -> Self {
        Self { is_program: true, ..Self::of_threads(cap) }
    }

    /// `cap` slots of one that scans in threads of ours, at least one.
    pub fn of_threads(cap: usize) -> Self {
        let cap = cap.clamp(1, Semaphore::MAX_PERMITS);
        Self { semaphore: Arc::new(Semaphore::new(cap)), cap, is_program: false }
    }

    /// A slot, or none by `deadline`. First come, first served.
    pub async fn take(&self, deadline: Instant) -> Option<Slot> {
        // Free ones are not given to who comes while others wait: theirs are never seen as free.
        if let Ok(permit) = Arc::clone(&self.semaphore).try_acquire_owned() {
            return Some(Slot { _permit: permit });
        }
        let _waiting = self.is_program.then(Waiting::begin);
        let permit = timeout_at(deadline, Arc::clone(&self.semaphore).acquire_owned()).await.ok()?.ok()?;
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

impl Waiting {
    fn begin() -> Self {
        WAITING.fetch_add(1, Relaxed);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    #[tokio::test]
    async fn who_waits_is_counted_until_it_has_a_slot_or_gives_up() {
        let slots = Slots::of_program(1);
        let first = slots.take(soon(10_000)).await.unwrap();
        assert!(!anybody_waits(), "the first one found a slot");
        assert!(slots.take(soon(20)).await.is_none());
        assert!(!anybody_waits(), "it gave up");
        let mut later = Box::pin(slots.take(soon(10_000)));
        assert!(said_at_once(&mut later).await.is_none());
        assert!(anybody_waits());
        drop(first);
        assert!(later.await.is_some());
        assert!(!anybody_waits(), "it has one");
    }

    #[tokio::test]
    async fn who_waits_for_a_thread_of_ours_is_not_counted() {
        let slots = Slots::of_threads(1);
        let _first = slots.take(soon(10_000)).await.unwrap();
        let mut later = Box::pin(slots.take(soon(10_000)));
        assert!(said_at_once(&mut later).await.is_none());
        assert!(!anybody_waits());
    }

    #[tokio::test]
    async fn who_comes_later_passes_nobody() {
        let slots = Slots::of_program(1);
        let first = slots.take(soon(10_000)).await.unwrap();
        let mut waiting = Box::pin(slots.take(soon(10_000)));
        assert!(said_at_once(&mut waiting).await.is_none());
        drop(first);
        // The slot is free, and the one that waits has not been woken yet.
        assert!(slots.take(soon(20)).await.is_none());
        assert!(waiting.await.is_some());
    }

    /// What it has to say at once.
    async fn said_at_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        tokio::select! { biased; said = future => Some(said), () = std::future::ready(()) => None }
    }
}
