//! Sees to it that a worker of the runtime which the disk holds holds only itself.
//!
//! In: that a line is being written by a worker, and that it is written. Out: another worker is woken when that takes long. Of the workers
//! one waits for sockets and timers on behalf of all; it wakes nobody when it finds work for one, and when that work then stands in a
//! `write(2)`, nobody looks at sockets and timers any more, however many workers sleep (tokio 1.54, `scheduler/multi_thread`). A woken
//! worker finds nothing to do and takes that place. So a disk that hangs costs one worker, and at worst the task that it had woken last.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, Thread},
    time::Duration,
};

use tokio::runtime::{Handle, RuntimeFlavor};

/// A write that takes longer is one that the disk holds; from the page cache it takes 10 µs.
const LOOK: Duration = Duration::from_millis(10);

/// After so many looks without a write it sleeps until there is one: a gateway without mail wakes nobody.
const QUIET: u32 = 5;

/// The watching thread, and what it looks at.
#[derive(Debug)]
pub(super) struct Watch {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Shared {
    /// Goes up when a write begins and when it ends: while it is odd, a worker is writing. One at a time does, by the journal's lock.
    writes: AtomicU64,
    asleep: AtomicBool,
    stop: AtomicBool,
}

impl Watch {
    /// Watches over the runtime that this is called in; none: it has one worker, which nothing may hold. It is a thread and no task,
    /// because nobody looks at a task's timer when it is needed; and it waits for nothing of ours.
    pub(super) fn begin() -> io::Result<Option<Self>> {
        let runtime = Handle::current();
        if runtime.runtime_flavor() != RuntimeFlavor::MultiThread || runtime.metrics().num_workers() < 2 {
            return Ok(None);
        }
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = thread::Builder::new().name("journal-watch".to_owned()).spawn(move || look(&seen, &runtime))?;
        Ok(Some(Self { shared, thread: thread.thread().clone() }))
    }

    /// Does what may wait for the disk, on a worker.
    pub(super) fn over<T>(&self, write: impl FnOnce() -> T) -> T {
        let ended = Ended(&self.shared.writes);
        self.shared.writes.fetch_add(1, SeqCst);
        // It says that it sleeps before it looks a last time, and we say that we write before we look whether it sleeps: one sees the other.
        if self.shared.asleep.load(SeqCst) {
            self.thread.unpark();
        }
        let done = write();
        drop(ended);
        done
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.thread.unpark();
    }
}

/// The write has ended, also by a panic.
struct Ended<'a>(&'a AtomicU64);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn look(shared: &Shared, runtime: &Handle) {
    let (mut seen, mut quiet) = (0, 0);
    while !shared.stop.load(SeqCst) {
        let writes = shared.writes.load(SeqCst);
        let is_held = writes % 2 == 1;
        quiet = if writes == seen && !is_held { quiet + 1 } else { 0 };
        if writes == seen && is_held {
            // It does nothing: whoever takes it up is awake.
            runtime.spawn(async {});
        }
        seen = writes;
        if quiet < QUIET {
            thread::park_timeout(LOOK);
            continue;
        }
        shared.asleep.store(true, SeqCst);
        if shared.writes.load(SeqCst) == seen && !shared.stop.load(SeqCst) {
            thread::park();
        }
        shared.asleep.store(false, SeqCst);
        quiet = 0;
    }
}
