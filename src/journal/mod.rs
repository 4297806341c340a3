//! The journal: what is about to happen and what happened, on local disk, before anyone is told (promise 5).
//!
//! In: an [`Intent`] before our dot goes out, a [`Record`] when a transaction is over, [`Counts`] once a minute. Out: the same, in order, to whoever fills
//! the database ([`Reader`], and for what was appended just now [`Journal::take_recent`]). Every append is one `write(2)` before it returns,
//! so that a killed process loses nothing; the disk itself is synced every 50 ms, and at once for what is marked urgent, so that a power cut
//! loses at most 50 ms of what no client relies on. Who writes a line, and what a disk that hangs may hold: decision 52. The journal does
//! not know what a record means, nor that there is a database.
//!
//! One entry is one line of JSON in `NNNNNNNNNN.journal`. A new segment starts at every start, at 16 MiB, and after a write or a
//! sync that failed: a torn line is never followed by another in the same file.

mod reader;
mod recent;
mod segment;
mod watch;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::record::{Intent, Record, attempts::Counts};
pub use reader::{Before, Damaged, Reader, Step};
use recent::Recent;
pub use recent::Recently;
pub use segment::Torn;
use segment::Writer;
use watch::Watch;

/// How long an append may wait for the disk. Measured on ext4: one `fdatasync` a message costs more than all the rest of it.
const BATCH: Duration = Duration::from_millis(50);

/// A line is no longer than this, octets. A record is bounded by the limits of a transaction; this is the last fence.
const LINE: usize = 8 * 1024 * 1024;

/// A line up to this is written by the worker that has it, octets: a few pages of the page cache.
const SHORT: usize = 64 * 1024;

/// What stands before and behind a record in its line.
const OUTCOME: (&str, &str) = ("{\"outcome\":", "}\n");

/// Tells when everything up to an append is on the disk, or that it is not.
type Synced = oneshot::Receiver<io::Result<()>>;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Our dot is about to go out.
    Intent(Box<Intent>),
    /// A transaction is over.
    Outcome(Box<Record>),
    /// What was counted instead of being recorded one by one.
    Counts(Counts),
}

/// A place between two entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The segment's number; 0 is before the first.
    pub segment: u64,
    /// Octets into it.
    pub offset: u64,
}

/// What was found at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The segment that this run begins with: every intent in a lower one is of a process that is gone.
    pub first_segment: u64,
    /// Segments of earlier runs that are still there.
    pub earlier: usize,
    /// Last lines that a kill or a full disk cut off. Nothing was said to anyone on their strength.
    pub torn: Vec<Torn>,
}

/// The segments in `folder`, in their order, for whoever copies them: each with the octets of its whole lines, since a line without its
/// end was answered by nobody. None if there is no such folder. Others write meanwhile. Blocks.
pub fn segments(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    match segment::whole(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found,
    }
}

/// The writing end. One process has it at a time.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    /// Whoever has it may be held by the disk: no worker waits for it.
    writer: Mutex<Writer>,
    /// Nobody is held by anything while they have it. Whoever has both took the writer first.
    recent: Mutex<Recent>,
    /// None: no worker writes.
    watch: Option<Watch>,
    /// The last line could not be written.
    failing: AtomicBool,
    /// The disk is at it.
    syncing: AtomicBool,
    /// Something is to be synced.
    dirty: Notify,
    /// Somebody waits for it.
    urgent: Notify,
    /// Something was appended: for whoever reads along.
    appended: Notify,
}

impl Journal {
    /// Opens the journal in `folder` (made 0700) with a new segment, and looks at how the last run ended. Fails with kind
    /// `ResourceBusy` when another process has it. Blocks a few milliseconds; call it within a runtime.
    pub fn open(folder: &Path) -> io::Result<(Arc<Self>, Recovery)> {
        let (writer, recovery) = Writer::open(folder)?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            writer: Mutex::new(writer),
            recent: Mutex::new(Recent::new(recovery.first_segment)),
            watch: Watch::begin()?,
            failing: AtomicBool::new(false),
            syncing: AtomicBool::new(false),
            dirty: Notify::new(),
            urgent: Notify::new(),
            appended: Notify::new(),
        });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(sync_in_batches(Arc::clone(&shared), stop.clone()));
        tasks.close();
        Ok((Arc::new(Self { shared, stop, tasks }), recovery))
    }

    /// Appends what is about to happen. Once it returns, a kill cannot take it back. On an error nothing of it stands there, and
    /// our dot must not go out.
    pub async fn append_intent(&self, intent: impl Into<Box<Intent>>) -> io::Result<()> {
        self.append(Entry::Intent(intent.into()), false).await
    }

    /// Appends what happened. `urgent` waits for the disk: for held mail, whose reply rests on nobody else's copy.
    pub async fn append_outcome(&self, record: impl Into<Box<Record>>, urgent: bool) -> io::Result<()> {
        self.append(Entry::Outcome(record.into()), urgent).await
    }

    /// Appends what was counted. Waits for no disk: a power cut may take it.
    pub async fn append_counts(&self, counts: Counts) -> io::Result<()> {
        self.append(Entry::Counts(counts), false).await
    }

    /// Whether the last line could be written.
    pub fn is_writable(&self) -> bool {
        !self.shared.failing.load(Ordering::Relaxed)
    }

    /// Waits until something was appended since the last call.
    pub async fn appended(&self) {
        self.shared.appended.notified().await;
    }

    /// A reader of everything from `from` on.
    pub fn reader(&self, from: Position) -> Reader {
        Reader::new(&self.shared.folder, from)
    }

    /// What stands in front of a place that somebody has read up to. Blocks.
    pub fn before(&self, place: Position) -> io::Result<Before> {
        reader::before(&self.shared.folder, place)
    }

    /// What was appended behind `from`, as far as it is still in memory: at most `count` entries, and no more once their lines have
    /// `octets`. What is given out is not kept: whoever takes it has it, or reads it from the file.
    pub fn take_recent(&self, from: Position, count: usize, octets: u64) -> Recently {
        self.shared.recent().take(from, count, octets)
    }

    /// How many entries behind `from` are in memory, and the octets of their lines. Those before it are not kept any more.
    pub fn waiting(&self, from: Position) -> (usize, u64) {
        self.shared.recent().waiting(from)
    }

    /// Behind the last line.
    pub fn end(&self) -> Position {
        self.shared.recent().end()
    }

    /// Removes the segments below `segment`, which are in the database. Never the one of the last line. Says how many. Blocks.
    pub fn remove_before(&self, segment: u64) -> io::Result<usize> {
        segment::remove_before(&self.shared.folder, segment.min(self.end().segment))
    }

    /// Syncs what is left and ends the background task. What is appended later is synced each for itself.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }

    async fn append(&self, entry: Entry, urgent: bool) -> io::Result<()> {
        let line = line_of(&entry)?;
        let closed = self.stop.is_cancelled();
        let written = match self.shared.write_at_once(line, entry, urgent, closed) {
            Ok(written) => written?,
            Err(Later { line, entry }) => {
                let shared = Arc::clone(&self.shared);
                let waiter = tokio::task::spawn_blocking(move || shared.write(line, entry, urgent, closed));
                waiter.await.map_err(io::Error::other)??
            }
        };
        match written {
            Some(synced) => synced.await.map_err(io::Error::other)?,
            None => Ok(()),
        }
    }
}

/// An entry that a worker does not write: the disk might hold it.
struct Later {
    line: Vec<u8>,
    entry: Entry,
}

/// The line of an entry, its end included.
fn line_of(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut octets = Vec::with_capacity(2048);
    serde_json::to_writer(&mut octets, entry).map_err(io::Error::other)?;
    octets.push(b'\n');
    if octets.len() > LINE {
        let what = format!("a journal line of {} octets is above {LINE}", octets.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    Ok(octets)
}

/// What a line says of a record: whoever fills the database has no need to write it once more. None: it is no outcome.
fn record_in(mut line: Vec<u8>) -> Option<String> {
    let (before, behind) = OUTCOME;
    let record = line.strip_prefix(before.as_bytes())?.strip_suffix(behind.as_bytes())?.len();
    line.drain(..before.len());
    line.truncate(record);
    // It may lie in memory for a second, and thousands with it; a line is half as long as what it was written into.
    line.shrink_to_fit();
    String::from_utf8(line).ok()
}

impl Drop for Journal {
    /// The background task syncs once more and ends.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    /// A panic of another holder leaves the writer as consistent as a kill does: it checks its own length at every append.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line, or gives it back when that might take longer than it costs to have somebody else do it: somebody else is writing,
    /// the disk is busy with a sync, a new segment has to be begun, the line is long. Blocks no longer than the page cache does; if that
    /// is long, `watch` sees to it.
    fn write_at_once(
        &self,
        line: Vec<u8>,
        entry: Entry,
        urgent: bool,
        closed: bool,
    ) -> Result<io::Result<Option<Synced>>, Later> {
        let Some(watch) = &self.watch else { return Err(Later { line, entry }) };
        if closed || line.len() > SHORT || self.syncing.load(Ordering::Relaxed) {
            return Err(Later { line, entry });
        }
        let writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Later { line, entry }),
        };
        if !writer.has_room(line.len()) {
            return Err(Later { line, entry });
        }
        Ok(self.append(writer, line, entry, urgent, Some(watch)))
    }

    /// Writes a line; for an urgent one what is to be waited for. Blocks.
    fn write(&self, line: Vec<u8>, entry: Entry, urgent: bool, closed: bool) -> io::Result<Option<Synced>> {
        let waiter = self.append(self.writer(), line, entry, urgent && !closed, None)?;
        if closed {
            self.sync()?;
        }
        Ok(waiter)
    }

    fn append(
        &self,
        mut writer: MutexGuard<'_, Writer>,
        line: Vec<u8>,
        entry: Entry,
        urgent: bool,
        watch: Option<&Watch>,
    ) -> io::Result<Option<Synced>> {
        let appended = match watch {
            Some(watch) => watch.over(|| writer.append(&line)),
            None => writer.append(&line),
        };
        self.failing.store(appended.is_err(), Ordering::Relaxed);
        let at = appended?;
        let (length, text) = (line.len() as u64, record_in(line));
        // Before the next one can be written: they stand in memory as they stand in the file.
        self.recent().add(at, length, entry, text);
        let waiter = urgent.then(|| writer.wait_for_sync());
        drop(writer);
        self.appended.notify_one();
        self.dirty.notify_one();
        if urgent {
            self.urgent.notify_one();
        }
        Ok(waiter)
    }

    /// Syncs everything written so far, without keeping anyone from writing more meanwhile. Blocks.
    fn sync(&self) -> io::Result<()> {
        let (files, waiters) = self.writer().take_unsynced();
        self.syncing.store(true, Ordering::Relaxed);
        let synced = files.iter().try_for_each(|file| file.sync_data());
        self.syncing.store(false, Ordering::Relaxed);
        if let Err(error) = &synced {
            // After a failed fsync Linux takes the pages for clean: asking again would say "done" of what is lost. What is in
            // this segment may be lost; the next line goes to another one.
            tracing::error!(%error, "the journal could not be synced");
            self.writer().abandon_segment();
        }
        for waiter in waiters {
            let told = synced.as_ref().copied().map_err(|error| io::Error::new(error.kind(), error.to_string()));
            // Whoever gave up waiting does not want to know.
            let _ = waiter.send(told);
        }
        synced
    }
}

/// Syncs 50 ms after the first unsynced append, or at once when someone waits.
async fn sync_in_batches(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = shared.dirty.notified() => {}
            () = stop.cancelled() => {}
        }
        tokio::select! {
            () = tokio::time::sleep(BATCH) => {}
            () = shared.urgent.notified() => {}
            () = stop.cancelled() => {}
        }
        let (ending, also) = (stop.is_cancelled(), Arc::clone(&shared));
        // Its error went to those who wait, and to the log.
        let _ = tokio::task::spawn_blocking(move || also.sync()).await;
        if ending {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
