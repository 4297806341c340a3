//! Log lines on their way to the standard error: gathered by whoever logs, written together by a thread of their own (decision 65).
//!
//! In: whole lines, of any thread. Out: the same, in their order; at once when nothing was said for a while, and what is said meanwhile 50 ms
//! later, with one `write(2)`. Whoever reads the standard error (journald, a pipe, a full disk) may be slow or stand still: nobody who
//! logs waits for it, and so no mail. What is too much by then is counted and not kept. It does not know what a line says.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// So long what is said behind a line waits for what else is said.
const GATHER: Duration = Duration::from_millis(50);

/// Lines wait up to this, octets: some seconds of the fastest load measured. As much may be under way besides.
const KEPT: usize = 4 * 1024 * 1024;

/// At the end what is left is waited for no longer than this: a reader that stands still must not keep us from ending.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where lines are said. Each `write` is a whole line, or several.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Shared>);

/// Waits for the last lines when it is dropped.
#[derive(Debug)]
pub(in crate::cli) struct Ending(Lines);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// For the thread that writes.
    said: Condvar,
    /// For whoever waits for the last lines.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    octets: Vec<u8>,
    /// Lines that were not kept, and are not yet told of.
    lost: u64,
    /// The thread that writes sleeps until something is said.
    is_asleep: bool,
    is_ending: bool,
    /// Nothing is written any more.
    has_ended: bool,
}

impl Lines {
    /// Writes `to` this from now on, until [`Ending`] is dropped.
    pub(super) fn begin(to: impl Write + Send + 'static) -> io::Result<(Self, Ending)> {
        let lines = Self(Arc::default());
        let shared = Arc::clone(&lines.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&shared, to))?;
        Ok((lines.clone(), Ending(lines)))
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state();
        if state.octets.len().saturating_add(line.len()) > KEPT {
            state.lost = state.lost.saturating_add(1);
        } else {
            state.octets.extend_from_slice(line);
        }
        // A thread that writes or gathers looks again by itself: it is woken once for all that comes meanwhile.
        if mem::take(&mut state.is_asleep) {
            drop(state);
            self.0.said.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Lines(shared) = &self.0;
        let mut state = shared.state();
        state.is_ending = true;
        shared.said.notify_one();
        drop(shared.written.wait_timeout_while(state, FAREWELL, |state| !state.has_ended));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was said; none once there is nothing left and nothing more will come.
    fn next(&self) -> Option<(Vec<u8>, u64)> {
        let mut state = self.state();
        while state.octets.is_empty() && state.lost == 0 {
            if state.is_ending {
                return None;
            }
            state.is_asleep = true;
            state = self.said.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_asleep = false;
        Some((mem::take(&mut state.octets), mem::take(&mut state.lost)))
    }

    fn gather(&self) {
        drop(self.said.wait_timeout_while(self.state(), GATHER, |state| !state.is_ending));
    }
}

fn write_all(shared: &Shared, mut to: impl Write) {
    while let Some((octets, lost)) = shared.next() {
        // There is nobody to tell that nobody listens.
        let _ = to.write_all(&octets);
        if lost > 0 {
            tracing::warn!(lost, "log lines were lost: whoever reads the log is slower than what happens");
        }
        shared.gather();
    }
    shared.state().has_ended = true;
    shared.written.notify_all();
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Instant};

    use super::*;

    /// Tells what each call wrote, and waits to be let go on.
    struct Slow {
        told: mpsc::Sender<Vec<u8>>,
        goes_on: mpsc::Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.told.send(octets.to_vec()).map_err(io::Error::other)?;
            self.goes_on.recv().map_err(io::Error::other)?;
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Slow, mpsc::Receiver<Vec<u8>>, mpsc::Sender<()>) {
        let ((told, hears), (lets, goes_on)) = (mpsc::channel(), mpsc::channel());
        (Slow { told, goes_on }, hears, lets)
    }

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn the_first_line_goes_at_once_and_what_is_said_meanwhile_goes_together() {
        let (to, hears, lets) = slow();
        let (mut lines, ending) = Lines::begin(to).unwrap();
        lines.write_all(b"one\n").unwrap();
        assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), b"one\n");
        // Its reader stands still, and nobody waits for it.
        for line in ["two\n", "three\n", "four\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        lets.send(()).unwrap();
        assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), b"two\nthree\nfour\n", "one write");
        lets.send(()).unwrap();
        lines.write_all(b"five\n").unwrap();
        lets.send(()).unwrap();
        drop(ending);
        assert_eq!(hears.try_recv().unwrap(), b"five\n", "the end has waited for the last line");
    }

    #[test]
    fn what_nobody_reads_is_bounded_and_keeps_nobody() {
        let (to, hears, lets) = slow();
        let (mut lines, ending) = Lines::begin(to).unwrap();
        lines.write_all(b"stuck\n").unwrap();
        hears.recv_timeout(PATIENCE).unwrap();
        let line = [b'x'; 1024];
        for _ in 0..KEPT / 1024 + 10 {
            lines.write_all(&line).unwrap();
        }
        let state = lines.0.state();
        assert_eq!((state.octets.len(), state.lost), (KEPT, 10));
        drop(state);
        #[expect(clippy::disallowed_methods, reason = "there is no other way to an Instant")]
        let began = Instant::now();
        drop(ending);
        assert!(began.elapsed() < FAREWELL + PATIENCE, "it ends although its reader stands still");
        drop(lets);
    }
}
