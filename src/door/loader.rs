//! Fills the database from the journal: at start what a crash left, then what happens.
//!
//! The one place that knows both. Mail does not wait for it: a database that is slow or gone only makes the journal longer. A
//! segment is removed when everything in it is in the database, and an intent whose process died without an outcome becomes
//! the record "the next hop may have it, the client was not answered" (promise 5).

mod backlog;
mod place;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use backlog::Backlog;
use tokio_util::sync::CancellationToken;

use crate::{
    journal::{Entry, Journal, Position, Reader, Recently, Recovery, Step},
    record::TransactionId,
    store::{Change, JournalPosition, Store, StoreFault},
};

/// Entries in one transaction of the database: each costs a sync, whatever is in it, and a page that is changed twice in it is written once.
/// A message that is to be held waits for it, some 50 ms.
const BATCH: usize = 2000;

/// The same, while messages are being held: their clients wait for the writer, and nobody waits for a record.
const BATCH_BESIDE_HELD: usize = 200;

/// Octets of journal in one transaction, the last entry not counted: bounds memory when records are large.
const BATCH_OCTETS: u64 = 4 * 1024 * 1024;

/// How long entries are gathered: a record is found by a search this much later. No longer than until there are enough for a transaction.
const GATHER: Duration = Duration::from_millis(200);

/// The same, when they come fast: in a fifth as many transactions.
const GATHER_MANY: Duration = Duration::from_secs(1);

/// How often it is looked whether there are enough.
const LOOK: Duration = Duration::from_millis(100);

/// So many at once are many: some 125 messages a second. Fewer than that in a second are few again.
const MANY: usize = 50;

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
    /// Set once the database has said how far it is.
    begun: bool,
    /// Of what is not in the journal's memory any more. It stands at `loaded`; none: it is made when it is needed.
    reader: Option<Reader>,
    backlog: Backlog,
    /// Read, and not yet taken by the database.
    waiting: Option<(Vec<Change>, Position)>,
    loaded: Position,
    /// Below this segment there are none any more.
    forgotten: u64,
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
            begun: false,
            reader: None,
            backlog: Backlog::default(),
            waiting: None,
            loaded: Position::default(),
            forgotten: 0,
        }
    }

    /// Whether it keeps up, while it runs.
    pub fn behind(&self) -> Arc<Behind> {
        self.behind.clone()
    }

    /// Loads until `stop`, and then once more what is left. To be spawned by a door.
    pub async fn run(mut self, stop: CancellationToken) {
        let (mut pause, mut gather) = (IDLE, GATHER);
        loop {
            let stopping = stop.is_cancelled();
            match self.catch_up().await {
                Ok(count) => {
                    self.behind.set(None);
                    (pause, gather) = (IDLE, if count < MANY { GATHER } else { GATHER_MANY });
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
                self.wait_for_more(gather, &stop).await;
            } else {
                tokio::select! { () = tokio::time::sleep(pause) => {}, () = stop.cancelled() => {} }
            }
        }
    }

    /// Loads everything that is there now. Says how many entries. After a fault the same is tried again by the next call. What comes
    /// meanwhile is gathered for the next one: else a busy journal has a few entries more after each batch, and each few are a transaction.
    pub async fn catch_up(&mut self) -> Result<usize, LoadFault> {
        if !self.begun {
            self.begin().await?;
        }
        let (mut count, end) = (0, self.journal.end());
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
            if self.loaded >= end {
                break;
            }
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
        self.begun = true;
        Ok(())
    }

    /// The next entries and the place behind them; none if the place is where the database is. They are in the journal's memory, or in
    /// its files: after a start, when there was more than is kept, and where a segment ends.
    async fn read_batch(&mut self) -> Result<Option<(Vec<Change>, Position)>, LoadFault> {
        let most = if self.store.is_keeping() { BATCH_BESIDE_HELD } else { BATCH };
        match self.journal.take_recent(self.loaded, most, BATCH_OCTETS) {
            Recently::Steps(steps) => {
                self.reader = None;
                let upto = steps.last().map_or(self.loaded, |step| step.next);
                Ok(Some((steps.into_iter().filter_map(change).collect(), upto)))
            }
            Recently::Nothing => Ok(None),
            Recently::InTheFile => self.read_file(most).await,
        }
    }

    async fn read_file(&mut self, most: usize) -> Result<Option<(Vec<Change>, Position)>, LoadFault> {
        let from = self.loaded;
        let reader = self.reader.take().unwrap_or_else(|| self.journal.reader(from));
        let (reader, changes) = self.backlog.read(reader, most).await?;
        // After a fault some entries of this batch were read and are dropped here: the next reader begins where the database is.
        let (changes, upto) = (changes?, reader.position());
        self.reader = Some(reader);
        Ok((upto != from).then_some((changes, upto)))
    }

    async fn forget_loaded_segments(&mut self) -> Result<(), LoadFault> {
        let (journal, segment) = (Arc::clone(&self.journal), self.loaded.segment);
        if segment > self.forgotten {
            tokio::task::spawn_blocking(move || journal.remove_before(segment)).await.map_err(io::Error::other)??;
            self.forgotten = segment;
        }
        Ok(())
    }

    async fn wait_for_more(&self, gather: Duration, stop: &CancellationToken) {
        tokio::select! {
            () = self.journal.appended() => {
                tokio::select! { () = self.gather(gather) => {}, () = stop.cancelled() => {} }
            }
            () = tokio::time::sleep(IDLE) => {}
            () = stop.cancelled() => {}
        }
    }

    /// Lets entries come, for as long, or until they fill a transaction: more of them in memory make it no cheaper, and a second of the fastest
    /// load is more than the journal keeps there.
    async fn gather(&self, time: Duration) {
        let mut left = time;
        while !left.is_zero() && !self.is_enough() {
            let step = left.min(LOOK);
            tokio::time::sleep(step).await;
            left = left.saturating_sub(step);
        }
    }

    fn is_enough(&self) -> bool {
        let (entries, octets) = self.journal.waiting(self.loaded);
        entries >= BATCH || octets >= BATCH_OCTETS / 4 * 3
    }
}

/// What an entry changes. Damage is told in the log and passed over.
fn change(step: Step) -> Option<Change> {
    let segment = step.next.segment;
    match step.entry {
        Ok(Entry::Intent(intent)) => Some(Change::Intent { segment, intent }),
        Ok(Entry::Outcome(record)) => Some(match step.text {
            Some(text) => Change::Written { record, text },
            None => Change::Outcome(record),
        }),
        Ok(Entry::Counts(counts)) => Some(Change::Counts(counts)),
        Err(damaged) => {
            metrics::counter!("portaria_journal_damaged_lines_total").increment(1);
            tracing::error!(
                segment = damaged.position.segment,
                offset = damaged.position.offset,
                fault = damaged.fault,
                snippet = ?damaged.snippet,
                "a line of the journal cannot be read"
            );
            None
        }
    }
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
mod tests;
