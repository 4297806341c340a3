//! What is scanned, and how it is opened once more for a scanner that is another process.

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustix::fs::{Mode, OFlags};

/// What is scanned: a file (often a memfd), complete, our `Received:` first.
#[derive(Clone, Debug)]
pub struct Content {
    /// Read with `read_at` only: its offset is shared, and it may be open for writing. Whoever is another process gets
    /// [`Content::reopened_read_only`] and nothing else. Mode 0600, by whoever made it.
    pub file: Arc<File>,
    /// Its length, octets.
    pub length: u64,
    /// It is a memfd. The other kind of descriptor may be closed to a clamd under AppArmor, whose rules go by path.
    pub in_memory: bool,
    /// The SHA-256 of the content as the client sent it, hex digits: the same at every try, which the octets with our
    /// `Received:` are not.
    pub sha256: String,
    /// Other processes that may be reading it. As long as there is one, whoever made the file must not write it over: what a scanner says would
    /// be said of other octets.
    pub readers: Arc<AtomicUsize>,
}

impl Content {
    /// Says that another process may read it from now on.
    pub(super) fn lend(&self) {
        self.readers.fetch_add(1, Ordering::Release);
    }

    /// Says that one that it was lent to is done with it. Only the scanner's own word is good for that: one that was not waited for, or broke
    /// off, may read on.
    pub(super) fn take_back(&self) {
        self.readers.fetch_sub(1, Ordering::Release);
    }

    /// The content opened once more, read-only: a `dup` would share its offset and its right to write. The mode of the file is what
    /// keeps a taken-over clamd under another user from opening it for writing through `/proc/self/fd` (tried; one that runs as root
    /// or as our own user is not stopped by that).
    pub(super) fn reopened_read_only(&self) -> io::Result<OwnedFd> {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
    }
}
