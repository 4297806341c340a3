//! The store: quarantine and tracking. One database (SQLite here, or PostgreSQL, which several nodes may share) and one blob store.
//!
//! In: messages to keep, entries of the journal, decisions about items. Out: items, records, content. What [`Store::keep`] says is
//! kept survives a power cut: content synced, its folder synced, index row committed, in this order, so that a row never
//! promises content that is not there. The store knows neither the journal's files nor SMTP; `door::loader` brings it entries.
//!
//! | file | what |
//! |---|---|
//! | this one | the writing half: keep, settle, load |
//! | `view` | the reading half, which also works beside a running gateway, and without one |
//! | `settings` | where it all is |
//! | `subject_key` | the key of subjects of which only hashes are kept |
//! | `spans` | all records of a span of time, many and fast |
//! | `database` | connections, pragmas, migrations, the lock |
//! | `postgres` | the database on a server, which may be away |
//! | `node` | which of several nodes this is |
//! | `content` | the blobs: where they are |
//! | `blob` | what one is: packed, perhaps encrypted |
//! | `bucket`, `sharing` | the same blobs where other nodes find them; what is put there, and when (decision 47) |
//! | `damage` | whether the database is whole |
//! | `outbox` | releases, and who sends them (decision 42) |
//! | `rows`, `release_rows` | values into rows and back |
//! | `many` | many rows in one statement |
//! | `together` | what is to be kept at the same moment, in one commit (decision 58) |
//! | `removal` | deletion, expiry, and content that is not needed any more |
//! | `items`, `marks`, `levels` | items looked for; who saw them; how many there are |
//! | `terms`, `search` | what records are found by; searches over them |
//! | `requests`, `purge` | who asked, and what that keeps; what goes when it is too old |
//! | `snapshot`, `restored` | the database copied for a backup; what happened since, written into one that came from there |
//! | `trail_copy` | the copy of the audit trails |
//! | `reconcile` | what a crash left: blobs without a row, rows without a blob |

pub mod blob;
mod bucket;
mod check;
mod content;
mod damage;
mod database;
mod items;
mod levels;
mod load;
mod many;
mod marks;
mod node;
mod outbox;
#[cfg(test)]
pub(crate) mod place;
mod postgres;
mod purge;
mod reconcile;
mod release_rows;
mod removal;
mod requests;
mod restored;
mod rows;
mod search;
pub mod settings;
mod sharing;
mod snapshot;
mod spans;
pub mod subject_key;
mod terms;
mod together;
mod trail_copy;
mod view;

use std::{
    collections::HashSet,
    io,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use sqlx::{Any, AnyPool, Transaction, pool::PoolConnection};
use tokio::sync::OnceCell;

use crate::record::{Item, ItemState, TransactionId, UnixMillis};
pub use check::Check;
pub use items::{ItemSearch, Kept};
pub use load::{Change, JournalPosition};
pub use marks::{Mark, Marks};
pub use outbox::OutboxFault;
pub use postgres::Probe;
pub use purge::Pace;
pub use reconcile::Reconciliation;
pub use removal::{BATCH, Expiry};
pub use restored::EndedSince;
pub use search::{Page, Place, Search};
use settings::{Database, PostgreSql, Settings};
pub use sharing::{Shared, Swept, Unshared};
pub use snapshot::{ContentFacts, place_of_content};
pub use subject_key::Compared;
pub use view::{Filter, RefusedAttempts, View};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// The database refused, or is not reachable.
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// It is not to be written now.
    #[error("{0}")]
    NotBegun(String),
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
    /// The database is on a server, and did not answer in time. What was asked may have been done, or be done later.
    #[error("the database did not answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// Another process writes this store.
    #[error("another process uses {}", .0.display())]
    InUse(PathBuf),
    /// The blob store refused.
    #[error("content: {0}")]
    Content(#[from] object_store::Error),
    /// The octets that are kept are no content.
    #[error("content: {0}")]
    Blob(#[from] blob::BlobFault),
    /// What is kept is not what the item says.
    #[error("the content that is kept has another {what} than its item says")]
    NotWhatWasKept {
        /// `length` or `SHA-256`.
        what: &'static str,
    },
    /// The file of keys cannot be used.
    #[error("{}: {source}", path.display())]
    Keys {
        /// Which.
        path: PathBuf,
        /// Why.
        source: blob::KeyFault,
    },
    /// Others than its owner may read the file of keys.
    #[error("{} can be read by others than its owner: chmod 600", .0.display())]
    KeysAreOpen(PathBuf),
    /// The bucket refused, is not reachable, or said what is no answer.
    #[error("bucket: {0}")]
    Bucket(String),
    /// The item's content is to be in the bucket, and is not.
    #[error("its content is not in the bucket")]
    NotInBucket,
    /// Another database's content stands in the bucket under this prefix, or this database's content in another one.
    #[error("the bucket is another database's: it says {found}, the database says {wanted}")]
    OtherBucket {
        /// In the bucket.
        found: String,
        /// In the database.
        wanted: String,
    },
    /// Who we are to the bucket's server is not known.
    #[error("{}: there is no {missing}", path.display())]
    NoCredentials {
        /// The file, or `environment`.
        path: PathBuf,
        /// Which key.
        missing: &'static str,
    },
    /// The file has several keys, and none of them is the default.
    #[error("{}: several profiles ({names}), and none of them is [default]: leave one in the file, or name it so", path.display())]
    Profiles {
        /// The file.
        path: PathBuf,
        /// Their names.
        names: String,
    },
    /// As much waits for the bucket as may.
    #[error("the bucket does not take what is held, and as much waits for it on the disk as may (`spool`)")]
    SpoolFull,
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
    /// The item is there, and its content on the disk of the node that keeps it.
    #[error("its content is on the node {0}")]
    OnAnotherNode(String),
    /// The suffix fits several.
    #[error("{0} and others end so")]
    NotUnique(TransactionId),
    /// Fewer than 6 or more than 32 digits, or not hexadecimal.
    #[error("an id, or 6 or more of its last digits, is wanted")]
    NotAnId,
    /// Another node has decided about the item at the same moment; that stands.
    #[error("another node has just decided about this item")]
    DecidedElsewhere,
    /// The item's state does not allow it.
    #[error("the item is {} and cannot become {}", rows::word(from), rows::word(to))]
    Settled {
        /// What it is.
        from: ItemState,
        /// What it was to become.
        to: ItemState,
    },
}

/// How long a server may take to make a row durable.
const COMMIT: Duration = Duration::from_secs(30);

/// The writing half. It reads, too: everything of [`View`].
#[derive(Debug)]
pub struct Store {
    view: View,
    writer: AnyPool,
    kind: database::Kind,
    /// Set once the schema is known to be ours.
    ready: OnceCell<()>,
    /// Items between content and row, which reconciliation must not take for what a crash left.
    keeping: Arc<Mutex<HashSet<TransactionId>>>,
    together: together::Together,
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
    /// Opens, or makes, the store in a folder (`data_dir`): `quarantine/`, and `portaria.db` unless the database is elsewhere, for this
    /// user alone. A server that does not answer is no fault here: whatever needs it fails until it does.
    pub async fn open(settings: impl Into<Settings>) -> Result<Self, StoreFault> {
        let Settings { folder, database, content } = settings.into();
        let lock = database::lock(&folder)?;
        let contents = content::Contents::make(&folder, &content)?;
        let (kind, writer, readers, damaged, node) = match &database {
            Database::Sqlite => {
                let (writer, readers, damaged) = database::open(&folder).await?;
                (database::Kind::Sqlite, writer, readers, damaged, node::LOCAL.to_owned())
            }
            Database::PostgreSql { server, hostname } => {
                let (writer, readers) = postgres::open(server).await?;
                (database::Kind::PostgreSql, writer, readers, None, node::name(&folder, hostname)?)
            }
        };
        let view = View::new(kind, readers, contents, node);
        let ready = match kind {
            database::Kind::Sqlite => OnceCell::new_with(Some(())),
            database::Kind::PostgreSql => OnceCell::new(),
        };
        let (keeping, together, damage) = Default::default();
        let store = Self { view, writer, kind, ready, keeping, together, damage, _lock: lock };
        if let Some(what) = damaged {
            store.damage.note(&what);
        }
        match store.ready().await {
            Err(fault @ (StoreFault::Database(_) | StoreFault::Silent(_))) => tracing::error!(
                %fault,
                "the database is away: relaying goes on, what is to be held is deferred (452), records stay in the journal"
            ),
            Err(fault) => return Err(fault),
            Ok(()) => {}
        }
        Ok(store)
    }

    /// The schema is ours, on a server that was away as well. To come before everything that needs it.
    async fn ready(&self) -> Result<(), StoreFault> {
        self.ready.get_or_try_init(|| database::bring_up_to_date(&self.writer)).await.map(|_| ())
    }

    /// Whether the database has answered since the start. One in this machine has; a server may be away from the beginning.
    pub fn is_there(&self) -> bool {
        self.ready.initialized()
    }

    /// A transaction that writes.
    async fn begin(&self) -> Result<Transaction<'static, Any>, StoreFault> {
        self.ready().await?;
        Ok(self.writer.begin_with(self.kind.begin()).await?)
    }

    /// A connection that writes, for one statement.
    async fn acquire(&self) -> Result<PoolConnection<Any>, StoreFault> {
        self.ready().await?;
        Ok(self.writer.acquire().await?)
    }

    /// What is wrong with the database; none as long as nothing was found. To be mended by a person, and a start.
    pub fn damage(&self) -> Option<String> {
        self.damage.found()
    }

    /// Looks through the SQLite database in a folder that nobody need have opened, for at most ten seconds: what is wrong with it.
    pub async fn look(folder: &Path) -> Result<Option<String>, StoreFault> {
        database::look(folder).await
    }

    /// Asks a server for what it must let us do, within ten seconds; nothing stays.
    pub async fn probe(server: &PostgreSql) -> Result<Probe, StoreFault> {
        postgres::probe(server).await
    }

    /// The key that the file of keys has for new content; none: there is to be no such file.
    pub fn newest_key(content: &settings::Content) -> Result<Option<String>, StoreFault> {
        let keys = content.keys.as_deref().map(content::read_keys).transpose()?;
        Ok(keys.and_then(|keys| keys.newest_id().map(str::to_owned)))
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
    pub async fn open_read_only(settings: impl Into<Settings>) -> Result<View, StoreFault> {
        let Settings { folder, database, content } = settings.into();
        let (kind, readers, node) = match &database {
            Database::Sqlite => {
                (database::Kind::Sqlite, database::open_read_only(&folder).await?, Some(node::LOCAL.to_owned()))
            }
            Database::PostgreSql { server, .. } => {
                (database::Kind::PostgreSql, postgres::open_read_only(server).await?, node::read(&folder)?)
            }
        };
        Ok(View::new(kind, readers, content::Contents::open(&folder, &content)?, node.unwrap_or_default()))
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
        let keeping = Keeping::begin(&self.keeping, &item.id);
        self.ready().await?;
        if self.view.item(&item.id).await?.is_some() {
            return Err(StoreFault::AlreadyKept);
        }
        self.view.contents().spool().take(item.trace_length.saturating_add(item.size))?;
        self.view.contents().mark(&item.id).await?;
        let put = self.view.contents().put(item, content).await;
        if put.is_err() {
            self.view.contents().unmark(&item.id).await;
            return put;
        }
        let inserted = self.insert(item, &keeping).await;
        if let Err(fault) = &inserted {
            if !self.is_surely_not_there(fault, &item.id).await {
                // Content and mark stay: a row that comes to light has its content, and a start without a row removes both.
                return inserted;
            }
            let _ = self.view.contents().remove(&item.id).await;
        }
        self.view.contents().unmark(&item.id).await;
        inserted
    }

    async fn insert(&self, item: &Item, keeping: &Arc<Keeping>) -> Result<(), StoreFault> {
        if self.kind == database::Kind::Sqlite {
            return self.insert_together(item, keeping).await;
        }
        let inserting = async {
            let mut transaction = self.begin().await?;
            rows::insert_item(&mut transaction, self.view.node(), self.view.contents().key_id(), item).await?;
            Ok(transaction.commit().await?)
        };
        // A server that vanished without a word is noticed by the kernel after a quarter of an hour; the client waits for ten.
        match tokio::time::timeout(COMMIT, inserting).await {
            Ok(inserted) => inserted,
            Err(_) => Err(StoreFault::Silent(COMMIT)),
        }
    }

    /// Whether messages are being kept at this moment: whoever writes much lets the writer go sooner then.
    pub fn is_keeping(&self) -> bool {
        !locked(&self.keeping).is_empty()
    }

    /// A commit can fail to be told and be done all the same. SQLite is in this process: what is not there after it failed is not there.
    /// A server may be committing still what we no longer hear of, and only what it says itself is sure.
    async fn is_surely_not_there(&self, fault: &StoreFault, id: &TransactionId) -> bool {
        let told = match self.kind {
            database::Kind::Sqlite => true,
            database::Kind::PostgreSql => postgres::says_that_it_did_not(fault),
        };
        told && matches!(self.view.item(id).await, Ok(None))
    }

    /// Changes an item's state. To the state that it has: nothing happens. Content stays until retention removes it.
    pub async fn settle(&self, id: &TransactionId, state: ItemState, now: UnixMillis) -> Result<(), StoreFault> {
        self.noted(self.settle_row(id, state, now).await)
    }

    async fn settle_row(&self, id: &TransactionId, state: ItemState, now: UnixMillis) -> Result<(), StoreFault> {
        let mut transaction = self.begin().await?;
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
        // The state once more: another node may have decided since it was read, and what it decided stands.
        let done = sqlx::query("UPDATE items SET state = $1, settled_at = $2 WHERE id = $3 AND state = $4")
            .bind(rows::word(&state))
            .bind(now)
            .bind(id.as_str())
            .bind(rows::word(&present))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        if done.rows_affected() == 0 { Err(StoreFault::DecidedElsewhere) } else { Ok(()) }
    }

    /// Looks for what a crash left, and moves it out of the way. May run while mail flows; seconds for 100,000 items. Not beside a
    /// database that is damaged: content would be taken for nobody's whose row is only not found.
    pub async fn reconcile(&self) -> Result<Reconciliation, StoreFault> {
        self.must_be_whole()?;
        self.ready().await?;
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
#[derive(Debug)]
struct Keeping {
    set: Arc<Mutex<HashSet<TransactionId>>>,
    id: TransactionId,
}

impl Keeping {
    fn begin(set: &Arc<Mutex<HashSet<TransactionId>>>, id: &TransactionId) -> Arc<Self> {
        locked(set).insert(id.clone());
        Arc::new(Self { set: set.clone(), id: id.clone() })
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        locked(&self.set).remove(&self.id);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
