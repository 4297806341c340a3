//! Fills the database from the journal: at start what a crash left, then what happens.
//!
//! The one place that knows both. Mail does not wait for it: a database that is slow or gone only makes the journal longer. A
//! segment is removed when everything in it is in the database, and an intent whose process died without an outcome becomes
//! the record "the next hop may have it, the client was not answered" (promise 5).

mod place;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    journal::{Entry, Journal, Position, Reader, Recovery},
    record::TransactionId,
    store::{Change, JournalPosition, Store, StoreFault},
};

/// Entries in one transaction of the database: each costs a sync, whatever is in it.
const BATCH: usize = 500;

/// Octets of journal in one transaction, the last entry not counted: bounds memory when records are large.
const BATCH_OCTETS: u64 = 4 * 1024 * 1024;

/// How long entries are gathered: a record is found by a search this much later.
const GATHER: Duration = Duration::from_millis(200);

/// Looked at even if nobody says that there is something.
const IDLE: Duration = Duration::from_secs(1);

/// The longest wait between attempts.
const LONGEST: Duration = Duration::from_secs(60);

/// Why loading stopped for now; nothing is lost, it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum LoadFault {
    /// The journal could not be read.
    #[error("the journal cannot be read: {0}")]
    Journal(#[from] io::Error),
    /// The database did not take it.
    #[error("the database does not take the journal: {0}")]
    Store(#[from] StoreFault),
}

/// Whether the database is behind the journal, and why; for whoever looks.
#[derive(Debug, Default)]
pub struct Behind(Mutex<Option<String>>);

impl Behind {
    /// Why the last attempt to load failed; none: it did not.
    pub fn why(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, why: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// Reads the journal and writes the database.
#[derive(Debug)]
pub struct Loader {
    behind: Arc<Behind>,
    journal: Arc<Journal>,
    store: Arc<Store>,
    /// Intents of lower segments are of a process that is gone.
    first_segment: u64,
    intents_closed: bool,
    /// None until the database has said how far it is.
    reader: Option<Reader>,
    /// Read, and not yet taken by the database.
    waiting: Option<(Vec<Change>, Position)>,
    loaded: Position,
}

impl Loader {
    /// Between these two; `recovery` is what opening the journal said.
    pub fn new(journal: Arc<Journal>, store: Arc<Store>, recovery: &Recovery) -> Self {
        Self {
            behind: Arc::default(),
            journal,
            store,
            first_segment: recovery.first_segment,
            intents_closed: false,
            reader: None,
            waiting: None,
            loaded: Position::default(),
        }
    }

    /// Whether it keeps up, while it runs.
    pub fn behind(&self) -> Arc<Behind> {
        self.behind.clone()
    }

    /// Loads until `stop`, and then once more what is left. To be spawned by a door.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut pause = IDLE;
        loop {
            let stopping = stop.is_cancelled();
            match self.catch_up().await {
                Ok(_) => {
                    self.behind.set(None);
                    pause = IDLE;
                }
                Err(fault) => {
                    tracing::warn!(%fault, "tracking is behind; mail goes on and the journal keeps what is missing");
                    metrics::counter!("portaria_journal_load_failures_total").increment(1);
                    self.behind.set(Some(fault.to_string()));
                    pause = (pause * 2).min(LONGEST);
                }
            }
            if stopping {
                return;
            }
            if pause == IDLE {
                self.wait_for_more(&stop).await;
            } else {
                tokio::select! { () = tokio::time::sleep(pause) => {}, () = stop.cancelled() => {} }
            }
        }
    }

    /// Loads everything that is there now. Says how many entries. After a fault the same is tried again by the next call.
    pub async fn catch_up(&mut self) -> Result<usize, LoadFault> {
        if self.reader.is_none() {
            self.begin().await?;
        }
        let mut count = 0;
        loop {
            if self.waiting.is_none() {
                self.waiting = self.read_batch().await?;
            }
            let Some((changes, upto)) = &self.waiting else { break };
            self.store.load(changes, stored(*upto)).await?;
            count += changes.len();
            self.loaded = *upto;
            self.waiting = None;
            self.forget_loaded_segments().await?;
        }
        if !self.intents_closed && self.loaded.segment >= self.first_segment {
            report(&self.store.close_intents(self.first_segment).await?);
            self.intents_closed = true;
        }
        Ok(count)
    }

    /// Where the database is. If that is no place of this journal (`place`), one of the two was replaced: everything in the journal is new, and
    /// no outcome of the old one will come. What is loaded twice changes nothing.
    async fn begin(&mut self) -> Result<(), LoadFault> {
        let JournalPosition { segment, offset } = self.store.journal_position().await?;
        let found = Position { segment, offset };
        // Later the database is where this loader has brought it: then the intents of this run are in it, too, and are not over.
        let is_first = self.loaded == Position::default();
        if is_first && !place::is_of(&self.journal, &self.store, found, self.first_segment).await? {
            tracing::error!(
                segment,
                offset,
                "the journal is not the one that the database was filled from: all of it is loaded"
            );
            report(&self.store.close_intents(u64::MAX).await?);
        } else {
            self.loaded = found;
        }
        self.reader = Some(self.journal.reader(self.loaded));
        Ok(())
    }

    /// The next entries and the place behind them; none if the place is where the database is.
    async fn read_batch(&mut self) -> Result<Option<(Vec<Change>, Position)>, LoadFault> {
        let from = self.loaded;
        let mut reader = self.reader.take().unwrap_or_else(|| self.journal.reader(from));
        let read = tokio::task::spawn_blocking(move || {
            let changes = read_changes(&mut reader);
            (reader, changes)
        });
        let (reader, changes) = read.await.map_err(io::Error::other)?;
        let upto = reader.position();
        match changes {
            Ok(changes) => {
                self.reader = Some(reader);
                Ok((upto != from).then_some((changes, upto)))
            }
            // Some entries of this batch were read and are dropped here: begin again where the database is.
            Err(error) => {
                self.reader = Some(self.journal.reader(from));
                Err(error.into())
            }
        }
    }

    async fn forget_loaded_segments(&self) -> Result<(), LoadFault> {
        let (journal, segment) = (Arc::clone(&self.journal), self.loaded.segment);
        tokio::task::spawn_blocking(move || journal.remove_before(segment)).await.map_err(io::Error::other)??;
        Ok(())
    }

    async fn wait_for_more(&self, stop: &CancellationToken) {
        tokio::select! {
            () = self.journal.appended() => {
                tokio::select! { () = tokio::time::sleep(GATHER) => {}, () = stop.cancelled() => {} }
            }
            () = tokio::time::sleep(IDLE) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Reads one batch. Damage is told in the log and passed over.
fn read_changes(reader: &mut Reader) -> io::Result<Vec<Change>> {
    let mut changes = Vec::new();
    let mut octets = 0;
    while changes.len() < BATCH && octets < BATCH_OCTETS {
        let before = reader.position();
        let Some(step) = reader.next_step()? else { break };
        let segment = step.next.segment;
        octets +=
            if segment == before.segment { step.next.offset.saturating_sub(before.offset) } else { step.next.offset };
        match step.entry {
            Ok(Entry::Intent(intent)) => changes.push(Change::Intent { segment, intent }),
            Ok(Entry::Outcome(record)) => changes.push(Change::Outcome(record)),
            Ok(Entry::Counts(counts)) => changes.push(Change::Counts(counts)),
            Err(damaged) => {
                metrics::counter!("portaria_journal_damaged_lines_total").increment(1);
                tracing::error!(
                    segment = damaged.position.segment,
                    offset = damaged.position.offset,
                    fault = damaged.fault,
                    snippet = ?damaged.snippet,
                    "a line of the journal cannot be read"
                );
            }
        }
    }
    Ok(changes)
}

fn report(unanswered: &[TransactionId]) {
    for id in unanswered {
        tracing::warn!(%id, "stopped between our dot and the answer: the next hop may have it, the client was not answered");
    }
}

fn stored(position: Position) -> JournalPosition {
    JournalPosition { segment: position.segment, offset: position.offset }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        record::{Ending, Fate, Intent, sample},
        store,
    };

    async fn open(folder: &Path) -> (Arc<Journal>, Arc<Store>, Loader) {
        let (journal, recovery) = Journal::open(&folder.join("journal")).unwrap();
        let store = Arc::new(Store::open(store::place::of(folder).await).await.unwrap());
        let loader = Loader::new(Arc::clone(&journal), Arc::clone(&store), &recovery);
        (journal, store, loader)
    }

    async fn close(journal: Arc<Journal>, store: Arc<Store>, loader: Loader) {
        drop(loader);
        journal.close().await;
        store.close().await;
    }

    fn intent(number: u64) -> Intent {
        let mut record = sample::record(number);
        record.recipients[0].fate = Fate::None;
        Intent { record }
    }

    /// Killed between our dot and the answer: at the next start a record says so, whether or not the intent was loaded before.
    #[tokio::test]
    async fn an_intent_without_an_outcome_becomes_a_record_at_the_next_start() {
        for loaded_before in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (journal, store, mut loader) = open(folder.path()).await;
            journal.append_intent(&intent(1)).await.unwrap();
            journal.append_intent(&intent(2)).await.unwrap();
            journal.append_outcome(&sample::record(2), false).await.unwrap();
            if loaded_before {
                assert_eq!(loader.catch_up().await.unwrap(), 3);
                assert_eq!(store.record(&sample::id(1)).await.unwrap(), None, "it may still be answered");
            }
            close(journal, store, loader).await;

            let (journal, store, mut loader) = open(folder.path()).await;
            journal.append_intent(&intent(3)).await.unwrap();
            loader.catch_up().await.unwrap();
            let record = store.record(&sample::id(1)).await.unwrap().unwrap();
            assert_eq!(
                (record.ending, record.reply, record.recipients[0].fate),
                (Ending::Unknown, None, Fate::Unknown)
            );
            assert_eq!(store.record(&sample::id(2)).await.unwrap(), Some(sample::record(2)));
            assert_eq!(store.record(&sample::id(3)).await.unwrap(), None, "it is under way in this run");
            journal.append_outcome(&sample::record(3), false).await.unwrap();
            assert_eq!(loader.catch_up().await.unwrap(), 1);
            assert_eq!(store.record(&sample::id(3)).await.unwrap(), Some(sample::record(3)));
            close(journal, store, loader).await;
        }
    }

    /// What is in the database is removed from the disk; nothing is loaded twice or left out over several starts.
    #[tokio::test]
    async fn loaded_segments_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for run in 0..3 {
            let (journal, store, mut loader) = open(folder.path()).await;
            for number in 0..20 {
                journal.append_outcome(&sample::record(run * 20 + number), false).await.unwrap();
            }
            assert_eq!(loader.catch_up().await.unwrap(), 20, "run {run}");
            assert_eq!(loader.catch_up().await.unwrap(), 0);
            let segments = std::fs::read_dir(folder.path().join("journal")).unwrap().count();
            assert_eq!(segments, 2, "one segment and the lock");
            assert!(store.record(&sample::id(run * 20 + 19)).await.unwrap().is_some());
            close(journal, store, loader).await;
        }
    }

    /// A damaged line costs that line only.
    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test damages the file itself")]
    async fn damage_costs_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, store, loader) = open(folder.path()).await;
        journal.append_outcome(&sample::record(1), false).await.unwrap();
        close(journal, store, loader).await;
        let path = folder.path().join("journal/0000000001.journal");
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("junk\n{whole}{{\"outcome\":")).unwrap();

        let (journal, store, mut loader) = open(folder.path()).await;
        journal.append_outcome(&sample::record(2), false).await.unwrap();
        assert_eq!(loader.catch_up().await.unwrap(), 2);
        assert!(store.record(&sample::id(1)).await.unwrap().is_some());
        assert!(store.record(&sample::id(2)).await.unwrap().is_some());
        close(journal, store, loader).await;
    }

    /// A journal that was removed and begun anew is loaded from its start, and old intents are closed.
    #[tokio::test]
    async fn a_replaced_journal_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            let (journal, store, mut loader) = open(folder.path()).await;
            journal.append_intent(&intent(1)).await.unwrap();
            loader.catch_up().await.unwrap();
            close(journal, store, loader).await;
        }
        std::fs::remove_dir_all(folder.path().join("journal")).unwrap();
        let (journal, store, mut loader) = open(folder.path()).await;
        journal.append_outcome(&sample::record(2), false).await.unwrap();
        assert_eq!(loader.catch_up().await.unwrap(), 1);
        assert_eq!(store.record(&sample::id(1)).await.unwrap().unwrap().ending, Ending::Unknown);
        assert!(store.record(&sample::id(2)).await.unwrap().is_some());
        close(journal, store, loader).await;
    }

    /// A database that is gone stops nothing: appends go on, and what it missed is loaded by a later attempt.
    #[tokio::test]
    async fn a_database_that_is_gone_does_not_stop_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, store, mut loader) = open(folder.path()).await;
        loader.catch_up().await.unwrap();
        store.close().await;
        journal.append_outcome(&sample::record(1), true).await.unwrap();
        assert!(matches!(loader.catch_up().await, Err(LoadFault::Store(_))));
        journal.append_outcome(&sample::record(2), true).await.unwrap();
        assert!(loader.catch_up().await.is_err());
        close(journal, store, loader).await;

        let (journal, store, mut loader) = open(folder.path()).await;
        assert_eq!(loader.catch_up().await.unwrap(), 2);
        close(journal, store, loader).await;
    }

    /// The task tries again and again; that it fails is there to be seen.
    #[tokio::test]
    async fn whoever_looks_sees_that_the_database_is_behind() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, store, loader) = open(folder.path()).await;
        let (stop, tasks, behind) = (CancellationToken::new(), tokio_util::task::TaskTracker::new(), loader.behind());
        store.close().await;
        tasks.spawn(loader.run(stop.clone()));
        tasks.close();
        let mut waited = 0;
        while behind.why().is_none() {
            waited += 1;
            assert!(waited < 100, "not seen within 5 seconds");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(behind.why().unwrap().starts_with("the database does not take the journal"));
        stop.cancel();
        tasks.wait().await;
        journal.close().await;
    }

    /// The background task loads soon after an append, and what is left when it is stopped.
    #[tokio::test]
    async fn the_task_wakes_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, store, loader) = open(folder.path()).await;
        let (stop, tasks) = (CancellationToken::new(), tokio_util::task::TaskTracker::new());
        tasks.spawn(loader.run(stop.clone()));
        tasks.close();
        journal.append_outcome(&sample::record(1), false).await.unwrap();
        let mut waited = 0;
        while store.record(&sample::id(1)).await.unwrap().is_none() {
            waited += 1;
            assert!(waited < 100, "not loaded within 5 seconds");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        journal.append_outcome(&sample::record(2), false).await.unwrap();
        stop.cancel();
        tasks.wait().await;
        assert!(store.record(&sample::id(2)).await.unwrap().is_some());
    }
}
