//! Whether the database is whole, and what is said when it is not.
//!
//! SQLite tells damage when it comes across it. What was found once is not forgotten before the next start: a page that can be read
//! says nothing about the others. From then on nothing new is put into the database, since whoever mends it may have to begin with
//! an empty one: messages to be held are deferred, and the journal keeps what is not loaded.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{
    Connection, SqliteConnection,
    error::DatabaseError,
    migrate::MigrateError,
    sqlite::{SqliteConnectOptions, SqliteError},
};

use super::{StoreFault, database};

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB` (sqlite.org/rescode.html), the low octet of all their extended codes.
const DAMAGE: [u32; 2] = [11, 26];

/// `SQLITE_PERM`, `SQLITE_READONLY`, `SQLITE_IOERR`, `SQLITE_FULL`, `SQLITE_CANTOPEN`, likewise.
const DISK: [u32; 5] = [3, 8, 10, 13, 14];

/// `SQLITE_INTERRUPT`.
const INTERRUPTED: u32 = 9;

/// `data_corrupted` and `index_corrupted` (PostgreSQL, appendix A).
const SERVERS_DAMAGE: [&str; 2] = ["XX001", "XX002"];

/// A look takes no longer: it reads the whole file, and mail waits for the start.
const LOOK: Duration = Duration::from_secs(10);

/// What was found, once something was.
#[derive(Debug, Default)]
pub(super) struct Damage(Mutex<Option<String>>);

impl Damage {
    pub(super) fn note(&self, what: &str) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_none() {
            tracing::error!(
                what,
                "the database is damaged: relaying goes on, what is to be held is deferred (452), records stay in the journal; \
                 see \"When the database is damaged\" in docs/operations.md"
            );
            *found = Some(what.to_owned());
        }
    }

    pub(super) fn found(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl From<sqlx::Error> for StoreFault {
    fn from(fault: sqlx::Error) -> Self {
        if fault.as_database_error().is_some_and(tells_damage) {
            Self::Damaged(fault.to_string())
        } else {
            Self::Database(fault)
        }
    }
}

impl StoreFault {
    /// Whether the disk that the database lies on is to blame, full or not to be written, and not what the database has in it.
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Folder { .. } => true,
            Self::Database(fault) => {
                fault.as_database_error().and_then(sqlites).is_some_and(|code| DISK.contains(&code))
            }
            _ => false,
        }
    }
}

/// The low octet of SQLite's code, if it is SQLite's.
fn sqlites(fault: &dyn DatabaseError) -> Option<u32> {
    fault.try_downcast_ref::<SqliteError>()?;
    fault.code()?.parse::<u32>().ok().map(|code| code & 0xff)
}

/// Whose code it is decides: PostgreSQL's `22027` is a text that was too long, and would be damage by SQLite's low octet.
fn tells_damage(fault: &dyn DatabaseError) -> bool {
    if fault.try_downcast_ref::<SqliteError>().is_some() {
        return sqlites(fault).is_some_and(|code| DAMAGE.contains(&code));
    }
    fault.code().is_some_and(|code| SERVERS_DAMAGE.contains(&&*code))
}

impl From<MigrateError> for StoreFault {
    fn from(fault: MigrateError) -> Self {
        match fault {
            MigrateError::Execute(fault) | MigrateError::ExecuteMigration(fault, _) => fault.into(),
            // It ran there, and is none of ours.
            MigrateError::VersionMissing(version) => {
                Self::Schema { found: version.to_string(), known: database::SCHEMA }
            }
            other => Self::Migration(other),
        }
    }
}

/// Looks through the whole file, as far as that goes in [`LOOK`]: what is wrong with it. On a fault nothing can be done with it at
/// all. Asked on a connection of its own: a pool would try again and again what cannot be opened.
pub(super) async fn look(options: &SqliteConnectOptions) -> Result<Option<String>, StoreFault> {
    look_for(options, LOOK).await
}

/// It is over when this returns, and not only given up: `quick_check` is one step of SQLite's, which runs to its end in the driver's
/// thread whoever has gone. Meanwhile it reads a state of the database that the write-ahead log must keep: behind a start with 10 GB
/// the log grew by 14 GB in two minutes of load.
async fn look_for(options: &SqliteConnectOptions, time: Duration) -> Result<Option<String>, StoreFault> {
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let looking = async {
        let mut connection = SqliteConnection::connect_with(options).await?;
        // Asked once in so many pages, or steps of the statement.
        connection.lock_handle().await?.set_progress_handler(100, move || !over.load(Ordering::Relaxed));
        let found = sqlx::query_scalar::<_, String>("PRAGMA quick_check(3)").fetch_all(&mut connection).await;
        connection.close().await?;
        found
    };
    tokio::pin!(looking);
    let found = match tokio::time::timeout(time, &mut looking).await {
        Ok(found) => found,
        Err(_) => {
            is_over.store(true, Ordering::Relaxed);
            tracing::warn!("the database was not looked through within {} s, and is used all the same", time.as_secs());
            // A disk that hangs is not waited for any longer.
            match tokio::time::timeout(LOOK, &mut looking).await {
                Ok(found) => found,
                Err(_) => return Ok(None),
            }
        }
    };
    match found {
        Ok(found) => Ok((found != ["ok"]).then(|| found.join("; "))),
        Err(sqlx::Error::Database(fault)) if sqlites(&*fault) == Some(INTERRUPTED) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests damage the file themselves")]
mod tests {
    use std::{fs, path::Path};

    use bytes::Bytes;
    use futures_util::stream;

    use super::*;
    use crate::{
        record::sample,
        store::{Change, JournalPosition, Store},
    };

    const TRACE: &[u8] = b"Received: from mx.example\r\n";
    const PAGE: usize = 4096;

    async fn keep(store: &Store, number: u64) -> Result<(), StoreFault> {
        let content = stream::iter([Ok(Bytes::from_static(TRACE)), Ok(Bytes::from_static(b"x"))]);
        store.keep(&sample::item(number, TRACE, b"x"), content).await
    }

    /// A database of some pages, closed.
    async fn filled(folder: &Path) {
        let store = Store::open(folder).await.unwrap();
        for number in 0..100 {
            keep(&store, number).await.unwrap();
            let record = Change::Outcome(Box::new(sample::record(number)));
            store.load(&[record], JournalPosition { segment: 1, offset: number }).await.unwrap();
        }
        store.close().await;
    }

    /// Every second page of the second half, or the file as a whole. In the first half is the schema, without which nothing opens.
    fn damage(folder: &Path, how: &str) {
        let path = folder.join("portaria.db");
        let mut file = fs::read(&path).unwrap();
        assert!(file.len() > 20 * PAGE, "{} octets", file.len());
        let half = file.len() / PAGE / 2;
        match how {
            // In the first half are the roots of tables and the schema, whose place depends on the migrations.
            "pages" => file.chunks_mut(PAGE).skip(half).step_by(2).for_each(|page| page.fill(0xa5)),
            "garbage" => file.fill(b'#'),
            "schema" => file[100..PAGE].fill(0xa5),
            "truncated" => file.truncate(PAGE * 3 + 100),
            _ => panic!("{how}"),
        }
        fs::write(path, file).unwrap();
    }

    /// Some pages: it opens, says so, keeps nothing new, and lets nothing out of the journal.
    #[tokio::test]
    async fn a_database_with_damaged_pages_takes_nothing_new() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path()).await;
        assert_eq!(Store::look(folder.path()).await.unwrap(), None);
        damage(folder.path(), "pages");
        assert!(Store::look(folder.path()).await.unwrap().is_some());
        let store = Store::open(folder.path()).await.unwrap();
        assert!(store.damage().is_some());
        assert!(matches!(keep(&store, 1000).await, Err(StoreFault::Damaged(_))));
        let record = Change::Outcome(Box::new(sample::record(1000)));
        let loaded = store.load(&[record], JournalPosition { segment: 2, offset: 0 }).await;
        assert!(matches!(loaded, Err(StoreFault::Damaged(_))));
        assert!(matches!(store.close_intents(9).await, Err(StoreFault::Damaged(_))));
        assert!(
            matches!(store.reconcile().await, Err(StoreFault::Damaged(_))),
            "content stays where its row may say it is"
        );
    }

    /// What cannot be opened at all is said at once, and as what it is.
    #[tokio::test]
    async fn a_file_that_is_no_database_is_told_as_damaged_and_quickly() {
        for how in ["garbage", "schema", "truncated"] {
            let folder = tempfile::tempdir().unwrap();
            filled(folder.path()).await;
            damage(folder.path(), how);
            let opened = tokio::time::timeout(Duration::from_secs(5), Store::open(folder.path())).await;
            match opened.expect("it does not try again and again") {
                Err(StoreFault::Damaged(_)) => {}
                Ok(store) if store.damage().is_some() => {}
                other => panic!("{how}: {other:?}"),
            }
        }
    }

    /// Who does not look on does not keep a state of the database either: the log can be taken into it at once.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_look_that_is_given_up_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("portaria.db");
        let mut connection = SqliteConnection::connect_with(&options(&path).create_if_missing(true)).await.unwrap();
        let fill = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE filled (text); \
                    WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 60000) \
                    INSERT INTO filled SELECT randomblob(1000) FROM count; PRAGMA wal_checkpoint(TRUNCATE)";
        sqlx::raw_sql(fill).execute(&mut connection).await.unwrap();
        let looked = look_for(&options(&path), Duration::from_millis(1)).await.unwrap();
        assert_eq!(looked, None);
        sqlx::raw_sql("PRAGMA busy_timeout = 0; INSERT INTO filled VALUES ('x')")
            .execute(&mut connection)
            .await
            .unwrap();
        let (busy, ..): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await.unwrap();
        assert_eq!(busy, 0, "somebody still reads what was there before");
        assert_eq!(look_for(&options(&path), LOOK).await.unwrap(), None, "looked through to the end");
    }

    fn options(path: &Path) -> SqliteConnectOptions {
        database::url(path, "rwc").unwrap().parse().unwrap()
    }

    /// Damage that shows only when the page is needed: noted when it is met, in a file that was good when it was opened.
    #[tokio::test]
    async fn damage_that_is_come_across_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path()).await;
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(store.damage(), None);
        damage(folder.path(), "pages");
        let mut kept = Ok(());
        for number in 1000..1200 {
            kept = keep(&store, number).await;
            if kept.is_err() {
                break;
            }
        }
        assert!(matches!(kept, Err(StoreFault::Damaged(_))), "{kept:?}");
        assert!(store.damage().is_some());
    }

    /// One that a later version wrote is left as it is.
    #[tokio::test]
    async fn a_database_of_a_later_version_is_told_as_such() {
        for statement in [
            "UPDATE meta SET value = '999' WHERE name = 'schema'",
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (999, 'x', 1, x'00', 1)",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).await.unwrap();
            sqlx::raw_sql(statement).execute(&store.writer).await.unwrap();
            store.close().await;
            drop(store);
            match Store::open(folder.path()).await {
                Err(StoreFault::Schema { found, .. }) => assert_eq!(found, "999"),
                other => panic!("{other:?}"),
            }
        }
    }
}
