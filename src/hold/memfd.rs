//! Memory that has a descriptor, and the few of them that lie ready for the next message (decision 55).
//!
//! In: content, and the memfd of a message that is gone. Out: a memfd to write from its start on. A fresh one costs its inode, its mode, and
//! every page of it allocated and cleared; one that lay ready has all of that.
//!
//! What must never be: a scanner that is still reading the octets of one message while those of another are written over them, and says of
//! the one what it found in the other. So a memfd lies ready only if nobody of ours has it any more (its `Arc` says so) and every scanner that
//! it was handed to has answered in full (`readers` says so). One that was given up, broke off, or said what cannot be read is not waited
//! for: its memfd is closed, and the scanner keeps what it has.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::fs::{MemfdFlags, Mode};
use tokio::time::Instant;

/// So many lie ready at most. With 8 and 20 clients that never stopped, every eighth message had a fresh one.
const READY: usize = 16;

/// They take so much memory together at most, octets; it comes on top of `memory_total`.
const READY_OCTETS: u64 = 4 << 20;

/// A memfd is written over for no longer than this after it was made. Whoever keeps a descriptor of it (a scanner that was taken over) sees
/// messages for so long after it was last asked.
const OVER: Duration = Duration::from_secs(60);

/// Content in memory that has a descriptor. Mode 0600, close-on-exec.
#[derive(Debug)]
pub(super) struct Memfd {
    pub(super) file: Arc<File>,
    /// Other processes that may be reading it: see [`super::Whole::readers`].
    pub(super) readers: Arc<AtomicUsize>,
    /// How long the file may be, octets. What is behind the present message is of an earlier one, or of a write that failed half-way.
    end: u64,
    made: Instant,
}

impl Memfd {
    /// A fresh one, empty. It is born 0777, and whoever is passed a descriptor could otherwise reopen it through `/proc/self/fd` with the right
    /// to write, whatever we opened it with.
    fn new() -> io::Result<Self> {
        let descriptor = rustix::fs::memfd_create(c"portaria-hold", MemfdFlags::CLOEXEC)?;
        rustix::fs::fchmod(&descriptor, Mode::RUSR | Mode::WUSR)?;
        let file = Arc::new(File::from(descriptor));
        Ok(Self { file, readers: Arc::default(), end: 0, made: Instant::now() })
    }

    /// Writes all of `octets` at `offset`.
    pub(super) fn write(&mut self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.end = self.end.max(offset.saturating_add(octets.len() as u64));
        self.file.write_all_at(octets, offset)
    }

    /// Leaves the first `length` octets, which are the message, and nothing else. Before anybody is given the file: who reads it to its end
    /// must read this message.
    pub(super) fn cut(&mut self, length: u64) -> io::Result<()> {
        if self.end > length {
            self.file.set_len(length)?;
            self.end = length;
        }
        Ok(())
    }
}

/// Memfds that lie ready.
#[derive(Debug, Default)]
pub(super) struct Ready {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The shortest first.
    memfds: Vec<Memfd>,
    octets: u64,
}

impl Ready {
    /// One to write from its start on: the shortest for a message that is small, or the longest for one that is not and may grow.
    pub(super) fn take(&self, is_small: bool) -> io::Result<Memfd> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while !kept.memfds.is_empty() {
            let at = if is_small { 0 } else { kept.memfds.len().saturating_sub(1) };
            let memfd = kept.memfds.remove(at);
            kept.octets = kept.octets.saturating_sub(memfd.end);
            if memfd.made.elapsed() < OVER {
                return Ok(memfd);
            }
        }
        drop(kept);
        Memfd::new()
    }

    /// Takes that of a message that is gone. It is closed instead if somebody may be reading it, or if there are enough.
    pub(super) fn put(&self, memfd: Memfd) {
        let Memfd { file, readers, end, made } = memfd;
        // First nobody of ours: who handed it to a scanner has counted that before letting go of it.
        let Some(file) = Arc::into_inner(file) else { return };
        if readers.load(Ordering::Acquire) > 0 || made.elapsed() >= OVER {
            return;
        }
        let memfd = Memfd { file: Arc::new(file), readers, end, made };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let together = kept.octets.saturating_add(end);
        if kept.memfds.len() >= READY || together > READY_OCTETS {
            // Closing frees its pages: not while others wait for the lock.
            drop(kept);
            return;
        }
        let at = kept.memfds.partition_point(|other| other.end <= end);
        kept.memfds.insert(at, memfd);
        kept.octets = together;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A memfd with so many octets of a message in it.
    fn of(ready: &Ready, octets: u64) -> Memfd {
        let mut memfd = ready.take(octets < 1000).unwrap();
        memfd.write(&vec![b'x'; usize::try_from(octets).unwrap()], 0).unwrap();
        memfd
    }

    fn lengths(ready: &Ready) -> Vec<u64> {
        let kept = ready.kept.lock().unwrap();
        assert_eq!(kept.octets, kept.memfds.iter().map(|memfd| memfd.end).sum::<u64>());
        let lengths = kept.memfds.iter().map(|memfd| (memfd.end, memfd.file.metadata().unwrap().len()));
        lengths.map(|(known, found)| if known == found { found } else { panic!("{known} is {found}") }).collect()
    }

    #[tokio::test]
    async fn what_lies_ready_is_written_over_and_cut_to_what_was_written() {
        let ready = Ready::default();
        let (first, second) = (of(&ready, 5000), of(&ready, 100));
        ready.put(first);
        ready.put(second);
        assert_eq!(lengths(&ready), [100, 5000]);
        let mut large = ready.take(false).unwrap();
        large.write(b"short", 0).unwrap();
        large.cut(5).unwrap();
        assert_eq!((lengths(&ready), large.file.metadata().unwrap().len()), (vec![100], 5));
        // Not cut, because nobody else was given it: what is longer than the message is known to be there.
        let mut small = ready.take(true).unwrap();
        small.write(b"y", 0).unwrap();
        ready.put(small);
        assert_eq!(lengths(&ready), [100]);
    }

    #[tokio::test]
    async fn nothing_that_somebody_may_be_reading_lies_ready() {
        let ready = Ready::default();
        let ours = of(&ready, 10);
        let also_ours = ours.file.clone();
        ready.put(ours);
        drop(also_ours);
        let theirs = of(&ready, 10);
        theirs.readers.fetch_add(1, Ordering::Release);
        ready.put(theirs);
        assert!(lengths(&ready).is_empty());
        let nobodys = of(&ready, 10);
        ready.put(nobodys);
        assert_eq!(lengths(&ready), [10]);
    }

    #[tokio::test]
    async fn what_lies_ready_is_bounded_in_number_and_in_memory() {
        let ready = Ready::default();
        let many: Vec<Memfd> = (0..READY + 3).map(|_| of(&ready, 10)).collect();
        many.into_iter().for_each(|memfd| ready.put(memfd));
        assert_eq!(lengths(&ready), [10; READY]);
        let ready = Ready::default();
        let large: Vec<Memfd> = (0..3).map(|_| of(&ready, READY_OCTETS / 2)).collect();
        large.into_iter().for_each(|memfd| ready.put(memfd));
        assert_eq!(lengths(&ready), [READY_OCTETS / 2; 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_memfd_is_written_over_for_a_minute() {
        let ready = Ready::default();
        let memfd = of(&ready, 10);
        ready.put(memfd);
        tokio::time::advance(OVER.checked_sub(Duration::from_secs(1)).unwrap()).await;
        let memfd = ready.take(true).unwrap();
        assert_eq!(memfd.end, 10);
        ready.put(memfd);
        tokio::time::advance(Duration::from_secs(1)).await;
        let fresh = ready.take(true).unwrap();
        assert_eq!((fresh.end, lengths(&ready).len()), (0, 0));
        tokio::time::advance(OVER).await;
        ready.put(fresh);
        assert!(lengths(&ready).is_empty(), "nor does it come to lie there");
    }
}
