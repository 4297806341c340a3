//! The threads that scans run on: how many there may be, and what becomes of one that does not end.
//!
//! In: work that blocks, and a deadline. Out: what it made, or why there is nothing, by the deadline. It does not know what the
//! work is.
//!
//! A thread cannot be stopped from outside. Work that its own clock does not end keeps its place until the deadline; then the
//! place is free for others, and the thread is counted as a runaway until it ends. There are [`RUNAWAYS`] of these at most:
//! with one more, places stay taken and scans wait, or the machine would be theirs.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tokio_util::task::TaskTracker;

use crate::antivirus::in_flight::{Slot, Slots};

/// Scans at a time (decision 20).
const AT_A_TIME: usize = 2;

/// Threads that nobody waits for any more (decision 33).
const RUNAWAYS: usize = 2;

/// Threads of one scanner.
#[derive(Debug)]
pub struct Threads {
    slots: Slots,
    runaways: Arc<Semaphore>,
    name: Arc<str>,
    /// Every piece of work is watched by a task here: the client may go before the deadline, and then nobody else would see that a
    /// thread does not end.
    watched: TaskTracker,
}

/// Why there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// No thread was free in time; the work was not begun.
    Busy,
    /// It panicked.
    Panicked,
    /// It had all of its time and came to no end.
    NoEnd,
    /// The program ends.
    Stopping,
}

/// What a thread occupies while it runs.
enum Place {
    Slot(#[expect(dead_code, reason = "held, and given back when dropped")] Slot),
    Runaway(#[expect(dead_code, reason = "held, and given back when dropped")] Runaway),
}

/// A thread that nobody waits for.
struct Runaway {
    _permit: OwnedSemaphorePermit,
    name: Arc<str>,
}

/// Empty when the thread has ended.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Option<Place>>>);

impl Threads {
    /// For the scanner of this name.
    pub fn new(name: &str) -> Self {
        let runaways = Arc::new(Semaphore::new(RUNAWAYS));
        Self { slots: Slots::of_threads(AT_A_TIME), runaways, name: name.into(), watched: TaskTracker::new() }
    }

    /// Runs `work` on a thread of its own and answers by `deadline`. It waits for a place for half of the time at most, so that
    /// what is begun has the other half: work without an end is told from a machine that is busy.
    pub async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Nothing> {
        let now = Instant::now();
        let slot = self.slots.take(now + deadline.saturating_duration_since(now) / 2).await.ok_or(Nothing::Busy)?;
        let (runaways, name) = (self.runaways.clone(), self.name.clone());
        let watched = self.watched.spawn(async move { watch(slot, runaways, name, deadline, work).await });
        watched.await.unwrap_or(Err(Nothing::Stopping))
    }

    /// Its slots.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Threads that do not end.
    pub fn runaways(&self) -> usize {
        RUNAWAYS.saturating_sub(self.runaways.available_permits())
    }
}

async fn watch<T: Send + 'static>(
    slot: Slot,
    runaways: Arc<Semaphore>,
    name: Arc<str>,
    deadline: Instant,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Nothing> {
    let held = Held(Arc::new(Mutex::new(Some(Place::Slot(slot)))));
    let begun = Arc::new(AtomicBool::new(false));
    let (leave, begins) = (Leave(held.clone()), begun.clone());
    let mut thread = tokio::task::spawn_blocking(move || {
        // Kept until the thread is free, not until the caller is.
        let _leave = leave;
        begins.store(true, Ordering::Release);
        work()
    });
    match timeout_at(deadline, &mut thread).await {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(error)) if error.is_panic() => Err(Nothing::Panicked),
        Ok(Err(_)) => Err(Nothing::Stopping),
        Err(_) if !begun.load(Ordering::Acquire) => {
            thread.abort();
            Err(Nothing::Busy)
        }
        Err(_) => {
            metrics::counter!("portaria_yara_overruns_total", "scanner" => name.to_string()).increment(1);
            held.make_runaway(runaways, name);
            Err(Nothing::NoEnd)
        }
    }
}

impl Held {
    /// Frees the slot of a thread that still runs, if there may be one more that nobody waits for.
    fn make_runaway(&self, runaways: Arc<Semaphore>, name: Arc<str>) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_some()
            && let Ok(permit) = runaways.try_acquire_owned()
        {
            *place = Some(Place::Runaway(Runaway::new(permit, name)));
        }
    }
}

impl Runaway {
    fn new(_permit: OwnedSemaphorePermit, name: Arc<str>) -> Self {
        metrics::gauge!("portaria_yara_runaways", "scanner" => name.to_string()).increment(1.0);
        Self { _permit, name }
    }
}

impl Drop for Runaway {
    fn drop(&mut self) {
        metrics::gauge!("portaria_yara_runaways", "scanner" => self.name.to_string()).decrement(1.0);
    }
}

/// Gives the place back at the end of the thread, whatever it is by then; also when the work panics, or never begins.
struct Leave(Held);

impl Drop for Leave {
    fn drop(&mut self) {
        drop(self.0.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    fn within(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    /// Work that ends when it is let go, and says that it has begun.
    fn stuck() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
        let (let_go, wait) = mpsc::channel::<()>();
        (let_go, move || {
            let _ = wait.recv_timeout(Duration::from_secs(60));
        })
    }

    async fn until(what: &str, holds: impl Fn() -> bool) {
        for _ in 0..1000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what}");
    }

    #[tokio::test]
    async fn a_panic_ends_on_its_thread_and_frees_its_place() {
        let threads = Threads::new("yara");
        for _ in 0..4 {
            let made: Result<(), _> = threads.run(within(30_000), || panic!("a parser under hostile octets")).await;
            assert_eq!(made, Err(Nothing::Panicked));
        }
        assert_eq!(threads.slots().taken(), 0);
    }

    /// A third waits, for half of its time at most.
    #[tokio::test]
    async fn never_more_than_two_at_a_time() {
        let threads = Threads::new("yara");
        let taken = [threads.slots.take(within(1000)).await, threads.slots.take(within(1000)).await];
        let began = Instant::now();
        assert_eq!(threads.run(within(2000), || ()).await, Err(Nothing::Busy));
        assert!(began.elapsed() < Duration::from_millis(1900), "{:?}", began.elapsed());
        drop(taken);
        assert_eq!(threads.run(within(30_000), || ()).await, Ok(()));
    }

    /// Two runaways leave room for others; with two more the places stay taken, and all is as before once they have ended.
    #[tokio::test]
    async fn work_without_an_end_is_left_behind_counted_and_bounded() {
        let threads = Threads::new("yara");
        let mut keep = Vec::new();
        for nth in 1..=4 {
            let (let_go, work) = stuck();
            keep.push(let_go);
            assert_eq!(threads.run(within(700), work).await, Err(Nothing::NoEnd));
            assert_eq!(threads.runaways(), nth.min(RUNAWAYS), "{nth}");
            if nth <= RUNAWAYS {
                assert_eq!(threads.run(within(30_000), move || nth).await, Ok(nth), "others go on");
            }
        }
        assert_eq!(threads.slots().taken(), AT_A_TIME);
        assert_eq!(threads.run(within(100), || ()).await, Err(Nothing::Busy), "there are four threads, and no fifth");
        keep.clear();
        until("every thread is counted off", || threads.runaways() == 0 && threads.slots().taken() == 0).await;
        assert_eq!(threads.run(within(30_000), || ()).await, Ok(()));
    }

    /// The client of a scan that does not end goes away: the place is free at the deadline all the same.
    #[tokio::test]
    async fn who_goes_early_leaves_no_place_taken_for_ever() {
        let threads = Threads::new("yara");
        let (keep, work) = stuck();
        let asked = tokio::time::timeout(Duration::from_millis(50), threads.run(within(1500), work)).await;
        assert!(asked.is_err());
        assert_eq!(threads.slots().taken(), 1);
        until("the slot is free", || threads.slots().taken() == 0 && threads.runaways() == 1).await;
        drop(keep);
        until("the thread has ended", || threads.runaways() == 0).await;
    }
}
