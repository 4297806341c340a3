//! The database: in this machine's SQLite, one connection that writes and a few that read; or on a PostgreSQL server (`postgres`).
//!
//! SQLite has one writer at a time anyway; with one connection writers queue here, fairly and without `SQLITE_BUSY`. WAL lets
//! readers go on meanwhile, and `synchronous = FULL` syncs at every commit: without it a power cut takes back commits.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::FlockOperation;
use sqlx::{
    AnyPool, Connection, SqlSafeStr,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::{Migration, MigrationType, Migrator},
};

use super::{StoreFault, damage};

/// Which of the two it is; the SQL is the same for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    PostgreSql,
}

impl Kind {
    /// How a writing transaction begins. SQLite: a lock that is asked for later than the first read is not waited for
    /// (`busy_timeout` does not cover that), but fails. PostgreSQL locks row by row: what must not change between a read and a
    /// write is said in the write's own condition.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::PostgreSql => "BEGIN",
        }
    }
}

/// What `meta` says when the last migration has run.
pub(super) const SCHEMA: &str = "10";

/// Readers at once.
pub(super) const READERS: u32 = 4;

/// The writer's pages in memory are 16 MiB at most, and not 2: what a batch changes stays there until its commit, and what the next one
/// needs is not read again. The write-ahead log is brought into the database at 4,000 pages (16 MiB), and not 1,000: a page that each batch
/// changes is written there once for several of them. While somebody reads for long (a backup) the log grows; behind that it is cut to
/// 64 MiB again.
const WRITE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; \
                     PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;";

/// How long a caller waits for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Every change of the schema, in order. Released ones never change.
fn migrations() -> Migrator {
    let first = include_str!("../../migrations/0001_first.sql");
    let attempts = include_str!("../../migrations/0002_refused_attempts.sql");
    let releases = include_str!("../../migrations/0004_releases.sql");
    let tracking = include_str!("../../migrations/0005_tracking.sql");
    let sixth = include_str!("../../migrations/0006_nodes.sql");
    let seventh = include_str!("../../migrations/0007_audit_copy.sql");
    let eighth = include_str!("../../migrations/0008_shared_content.sql");
    let ninth = include_str!("../../migrations/0009_found_by.sql");
    let tenth = include_str!("../../migrations/0010_smaller_records.sql");
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        step(1, "first", first),
        step(2, "refused attempts", attempts),
        step(4, "releases", releases),
        step(5, "tracking", tracking),
        step(6, "nodes", sixth),
        step(7, "audit copy", seventh),
        step(8, "shared content", eighth),
        step(9, "found by", ninth),
        step(10, "smaller records", tenth),
    ])
}

/// Brings the schema up to date. Several nodes may do so at once: PostgreSQL lets one of them in at a time (an advisory lock).
pub(super) async fn bring_up_to_date(writer: &AnyPool) -> Result<(), StoreFault> {
    migrations().run(writer).await?;
    check_schema(writer).await
}

/// Opens the database for writing and for reading; makes it and brings its schema up to date. Says what is wrong with it, if it can be
/// used all the same.
pub(super) async fn open(folder: &Path) -> Result<(AnyPool, AnyPool, Option<String>), StoreFault> {
    let path = path(folder);
    // SQLite would make it with the umask's rights; its -wal and -shm take the rights of this file.
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    made.and_then(|file| file.sync_all()).map_err(|source| StoreFault::Folder { path: path.clone(), source })?;
    sync_folder(folder)?;
    sqlx::any::install_default_drivers();
    let damaged = damage::look(&url(&path, "rwc")?.parse()?).await?;
    let writer = pool(&path, "rwc", 1, WRITE).await?;
    bring_up_to_date(&writer).await?;
    let readers = pool(&path, "rw", READERS, "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000;").await?;
    Ok((writer, readers, damaged))
}

/// Looks through the database; there may be none yet, and somebody may write it.
pub(super) async fn look(folder: &Path) -> Result<Option<String>, StoreFault> {
    let path = path(folder);
    if !path.exists() {
        return Ok(None);
    }
    sqlx::any::install_default_drivers();
    damage::look(&url(&path, "ro")?.parse()?).await
}

/// Opens the database for reading, whether or not somebody writes it.
pub(super) async fn open_read_only(folder: &Path) -> Result<AnyPool, StoreFault> {
    let path = path(folder);
    if !path.exists() {
        return Err(StoreFault::NoDatabase(path));
    }
    let readers = pool(&path, "ro", READERS, "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000;").await?;
    check_schema(&readers).await?;
    Ok(readers)
}

/// Keeps other writers out of `folder` (made 0700). The lock goes with the process, however it ends.
pub(super) fn lock(folder: &Path) -> Result<File, StoreFault> {
    let path = folder.join("store.lock");
    let fault = |source| StoreFault::Folder { path: path.clone(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(fault)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreFault::InUse(folder.to_owned())),
        Err(errno) => Err(fault(errno.into())),
    }
}

/// What stands in `folder` keeps its names through a power cut.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreFault> {
    let synced = OpenOptions::new().read(true).open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| StoreFault::Folder { path: folder.to_owned(), source })
}

pub(super) async fn check_schema(readers: &AnyPool) -> Result<(), StoreFault> {
    let found: String = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'schema'").fetch_one(readers).await?;
    if found == SCHEMA { Ok(()) } else { Err(StoreFault::Schema { found, known: SCHEMA }) }
}

async fn pool(path: &Path, mode: &str, connections: u32, pragmas: &'static str) -> Result<AnyPool, StoreFault> {
    sqlx::any::install_default_drivers();
    let options: AnyConnectOptions = url(path, mode)?.parse()?;
    // Nothing is gained by a new connection to a file.
    let pool = pool_options(connections, pragmas).min_connections(1).idle_timeout(None).max_lifetime(None);
    Ok(pool.connect_with(options).await?)
}

/// Connections that begin with `first`.
pub(super) fn pool_options(connections: u32, first: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .after_connect(move |connection, _| {
            Box::pin(async move { sqlx::raw_sql(first).execute(connection).await.map(|_| ()) })
        })
        // A COMMIT that fails on a full disk is rolled back by SQLite itself (sqlite.org/lang_transaction.html §3.1); the ROLLBACK
        // behind it then fails, and sqlx-sqlite 0.9 counts a transaction as open for good: without this, nothing is written any more
        // until the gateway is started again. The ping waits for a rollback that is still on its way.
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
}

pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("portaria.db")
}

/// `sqlite://` and the path, with what a URL would take for its own percent-encoded.
pub(super) fn url(path: &Path, mode: &str) -> Result<String, StoreFault> {
    let absolute = std::path::absolute(path).map_err(|source| StoreFault::Folder { path: path.to_owned(), source })?;
    let text = absolute.to_str().ok_or_else(|| StoreFault::Folder {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidFilename, "the path is not UTF-8"),
    })?;
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"/._-".contains(&octet);
    let encode = |octet: u8| if plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") };
    Ok(format!("sqlite://{}?mode={mode}", text.bytes().map(encode).collect::<String>()))
}

/// A database as a gateway of schema 2 left it, with these records.
#[cfg(test)]
pub(super) async fn made_by_version_2(folder: &Path, records: &[crate::record::Record]) {
    let pool = pool(&path(folder), "rwc", 1, "PRAGMA journal_mode = WAL;").await.unwrap();
    let steps = migrations().iter().filter(|step| step.version <= 2).cloned().collect();
    Migrator::with_migrations(steps).run(&pool).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    for record in records {
        assert!(super::rows::insert_records(&mut connection, Kind::Sqlite, &[record.into()]).await.unwrap());
    }
    drop(connection);
    pool.close().await;
}
