//! The store: quarantine and tracking. One database (SQLite here, PostgreSQL when several nodes share it) and one blob store.
//!
//! In: messages to keep, entries of the journal, decisions about items. Out: items, records, content. What [`Store::keep`] says is
//! kept survives a power cut: content synced, its folder synced, index row committed, in this order, so that a row never
//! promises content that is not there. The store knows neither the journal's files nor SMTP; `door::loader` brings it entries.
//!
//! | file | what |
//! |---|---|
//! | this one | the writing half: keep, settle, load |
//! | `view` | the reading half, which also works beside a running gateway, and without one |
//! | `spans` | all records of a span of time, many and fast |
//! | `database` | connections, pragmas, migrations, the lock |
//! | `content` | the blobs |
//! | `damage` | whether the database is whole |
//! | `outbox` | releases, and who sends them (decision 42) |
//! | `rows`, `release_rows` | values into rows and back |
//! | `removal` | deletion, expiry, and content that is not needed any more |
//! | `items`, `marks`, `levels` | items looked for; who saw them; how many there are |
//! | `terms`, `search` | what records are found by; searches over them |
//! | `requests`, `purge` | who asked, and what that keeps; what goes when it is too old |
//! | `reconcile` | what a crash left: blobs without a row, rows without a blob |

mod content;
mod damage;
mod database;
mod items;
mod levels;
mod load;
mod marks;
mod outbox;
mod purge;
mod reconcile;
mod release_rows;
mod removal;
mod requests;
mod rows;
mod search;
mod spans;
mod terms;
mod view;

use std::{
    collections::HashSet,
    io,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures_util::Stream;
use sqlx::AnyPool;

use crate::record::{Item, ItemState, TransactionId, UnixMillis};
pub use items::{ItemSearch, Kept};
pub use load::{Change, JournalPosition};
pub use marks::{Mark, Marks};
pub use outbox::OutboxFault;
pub use reconcile::Reconciliation;
pub use removal::{BATCH, Expiry};
pub use search::{Page, Place, Search};
pub use view::{Filter, RefusedAttempts, View};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// The database refused, or is not reachable.
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// Its file is not what was written: nothing new is put into it.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The schema could not be brought up to date.
    #[error("database schema: {0}")]
    Migration(sqlx::migrate::MigrateError),
    /// The database has a schema that this program does not know.
    #[error("the database has schema {found}, this program reads {known}")]
    Schema {
        /// In the database.
        found: String,
        /// Ours.
        known: &'static str,
    },
    /// A folder or file could not be made, opened or listed.
    #[error("{}: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no database yet: the gateway has never run here.
    #[error("there is no database {}", .0.display())]
    NoDatabase(PathBuf),
    /// Another process writes this store.
    #[error("another process uses {}", .0.display())]
    InUse(PathBuf),
    /// The blob store refused.
    #[error("content: {0}")]
    Content(#[from] object_store::Error),
    /// What was to be kept could not be read.
    #[error("the content to keep could not be read: {0}")]
    Source(io::Error),
    /// What came is not what the item says: nothing was kept.
    #[error("the content to keep has another {what} than its item says")]
    Altered {
        /// `length` or `SHA-256`.
        what: &'static str,
    },
    /// A row does not say what this program writes.
    #[error("a row cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// An item with this id is kept already; its content stays as it is.
    #[error("an item with this id is kept already")]
    AlreadyKept,
    /// There is no such item or transaction.
    #[error("there is none with this id")]
    NotFound,
    /// The suffix fits several.
    #[error("{0} and others end so")]
    NotUnique(TransactionId),
    /// Fewer than 6 or more than 32 digits, or not hexadecimal.
    #[error("an id, or 6 or more of its last digits, is wanted")]
    NotAnId,
    /// The item's state does not allow it.
    #[error("the item is {} and cannot become {}", rows::word(from), rows::word(to))]
    Settled {
        /// What it is.
        from: ItemState,
        /// What it was to become.
        to: ItemState,
    },
}

/// The writing half. It reads, too: everything of [`View`].
#[derive(Debug)]
pub struct Store {
    view: View,
    writer: AnyPool,
    /// Items between content and row, which reconciliation must not take for what a crash left.
    keeping: Mutex<HashSet<TransactionId>>,
    damage: damage::Damage,
    _lock: std::fs::File,
}

impl Deref for Store {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

impl Store {
    /// Opens, or makes, the store in `folder` (`data_dir`): `portaria.db` and `quarantine/`, both for this user alone.
    pub async fn open(folder: &Path) -> Result<Self, StoreFault> {
        let lock = database::lock(folder)?;
        let contents = content::Contents::make(folder)?;
        let (writer, readers, damaged) = database::open(folder).await?;
        let view = View::new(readers, contents);
        let store = Self { view, writer, keeping: Mutex::default(), damage: damage::Damage::default(), _lock: lock };
        if let Some(what) = damaged {
            store.damage.note(&what);
        }
        Ok(store)
    }

    /// What is wrong with the database; none as long as nothing was found. To be mended by a person, and a start.
    pub fn damage(&self) -> Option<String> {
        self.damage.found()
    }

    /// Looks through a database that nobody need have opened, for at most ten seconds: what is wrong with it.
    pub async fn look(folder: &Path) -> Result<Option<String>, StoreFault> {
        database::look(folder).await
    }

    /// Nothing new goes into a database that is damaged.
    fn must_be_whole(&self) -> Result<(), StoreFault> {
        self.damage.found().map_or(Ok(()), |what| Err(StoreFault::Damaged(what)))
    }

    /// Remembers damage that was come across.
    fn noted<T>(&self, result: Result<T, StoreFault>) -> Result<T, StoreFault> {
        if let Err(StoreFault::Damaged(what)) = &result {
            self.damage.note(what);
        }
        result
    }

    /// Opens the reading half alone, beside a running gateway or without one.
    pub async fn open_read_only(folder: &Path) -> Result<View, StoreFault> {
        let readers = database::open_read_only(folder).await?;
        Ok(View::new(readers, content::Contents::open(folder)?))
    }

    /// Keeps a message: our trace fields, then the content, as `content` gives them. Once this returns, it survives a power cut.
    /// On an error nothing looks like an item (at most a blob stays, which [`Store::reconcile`] finds).
    pub async fn keep(
        &self,
        item: &Item,
        content: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> Result<(), StoreFault> {
        self.must_be_whole()?;
        self.noted(self.keep_whole(item, content).await)
    }

    async fn keep_whole(
        &self,
        item: &Item,
        content: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> Result<(), StoreFault> {
        let _keeping = Keeping::begin(&self.keeping, &item.id);
        if self.view.item(&item.id).await?.is_some() {
            return Err(StoreFault::AlreadyKept);
        }
        self.view.contents().mark(&item.id).await?;
        let put = self.view.contents().put(item, content).await;
        if put.is_err() {
            self.view.contents().unmark(&item.id).await;
            return put;
        }
        let inserted = rows::insert_item(&self.writer, item).await;
        if inserted.is_err() && matches!(self.view.item(&item.id).await, Ok(None)) {
            // Only when it is sure that the row is not there: a commit can fail to be told and be done all the same.
            let _ = self.view.contents().remove(&item.id).await;
        }
        self.view.contents().unmark(&item.id).await;
        inserted
    }

    /// Changes an item's state. To the state that it has: nothing happens. Content stays until retention removes it.
    pub async fn settle(&self, id: &TransactionId, state: ItemState, now: UnixMillis) -> Result<(), StoreFault> {
        self.noted(self.settle_row(id, state, now).await)
    }

    async fn settle_row(&self, id: &TransactionId, state: ItemState, now: UnixMillis) -> Result<(), StoreFault> {
        let mut transaction = self.writer.begin_with(database::BEGIN).await?;
        let found: Option<String> = sqlx::query_scalar("SELECT state FROM items WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        let present: ItemState = rows::from_word(found.ok_or(StoreFault::NotFound)?)?;
        if present == state {
            return Ok(());
        }
        if !may_become(present, state) {
            return Err(StoreFault::Settled { from: present, to: state });
        }
        sqlx::query("UPDATE items SET state = $1, settled_at = $2 WHERE id = $3")
            .bind(rows::word(&state))
            .bind(now)
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Looks for what a crash left, and moves it out of the way. May run while mail flows; seconds for 100,000 items. Not beside a
    /// database that is damaged: content would be taken for nobody's whose row is only not found.
    pub async fn reconcile(&self) -> Result<Reconciliation, StoreFault> {
        self.must_be_whole()?;
        self.noted(reconcile::reconcile(self).await)
    }

    /// Ends all connections; the database's write-ahead log is folded in.
    pub async fn close(&self) {
        self.view.close().await;
        self.writer.close().await;
    }
}

/// What may follow a state. What was told to a sender or a reviewer is never taken back.
fn may_become(from: ItemState, to: ItemState) -> bool {
    use ItemState::{Deleted, Expired, Held, Pending, Released, Releasing, Withdrawn};
    match from {
        Pending => matches!(to, Held | Withdrawn | Releasing | Deleted),
        // Withdrawn: its client went away before it heard 250, and sends it again.
        Held => matches!(to, Releasing | Deleted | Expired | Withdrawn),
        Releasing => matches!(to, Released | Held),
        // Its content may be wanted gone before its time.
        Released => to == Deleted,
        Deleted | Expired | Withdrawn => false,
    }
}

/// An id is in the set as long as this lives.
struct Keeping<'a> {
    set: &'a Mutex<HashSet<TransactionId>>,
    id: &'a TransactionId,
}

impl<'a> Keeping<'a> {
    fn begin(set: &'a Mutex<HashSet<TransactionId>>, id: &'a TransactionId) -> Self {
        locked(set).insert(id.clone());
        Self { set, id }
    }
}

impl Drop for Keeping<'_> {
    fn drop(&mut self) {
        locked(self.set).remove(self.id);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
