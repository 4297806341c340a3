//! The SQLite database copied while it is written, and what a backup has to know of it.
//!
//! `VACUUM INTO` reads in one transaction: the copy is the database as it was at one moment, and writers go on beside it. It copies
//! rows and no pages, so that what was deleted is not in it (clause 9.2.28), as it may still be in the free pages of the file itself.

use std::{fs::OpenOptions, io, path::Path, sync::Arc};

use sqlx::{AnyConnection, Connection as _, Row as _, any::AnyRow};

use super::{
    Store, StoreFault, View,
    blob::Keys,
    content,
    database::{self, SCHEMA},
    rows,
};
use crate::record::TransactionId;

/// What the content of an item is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentFacts {
    /// Whose it is.
    pub id: TransactionId,
    /// Octets of trace fields in front of it.
    pub trace_length: u64,
    /// Octets of it.
    pub size: u64,
    /// Of it, lower-case hex.
    pub sha256: String,
}

/// Where the content of an item is below `quarantine/` of its node's `data_dir`.
pub fn place_of_content(id: &TransactionId) -> String {
    format!("{}/{id}", content::part(id))
}

impl Store {
    /// The schema that this program reads and writes.
    pub fn schema() -> u32 {
        SCHEMA.parse().unwrap_or_default()
    }

    /// The keys that content may be encrypted with.
    pub fn read_keys(file: &Path) -> Result<Arc<Keys>, StoreFault> {
        content::read_keys(file).map(Arc::new)
    }

    /// Copies the SQLite database of `folder`, as it is at this moment, to `portaria.db` in the folder `into`, where there is none.
    /// Nobody waits for it; it takes as long as the disk takes to read and write it.
    pub async fn copy_database(folder: &Path, into: &Path) -> Result<(), StoreFault> {
        let from = database::path(folder);
        if !from.exists() {
            return Err(StoreFault::NoDatabase(from));
        }
        let to = database::path(into);
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect_with(&database::url(&from, "ro")?.parse()?).await?;
        let no_text = || io::Error::new(io::ErrorKind::InvalidFilename, "the path is not UTF-8");
        let written = to.to_str().ok_or_else(|| StoreFault::Folder { path: to.clone(), source: no_text() })?;
        sqlx::query("PRAGMA busy_timeout = 5000").execute(&mut connection).await?;
        sqlx::query("VACUUM INTO $1").bind(written).execute(&mut connection).await?;
        connection.close().await?;
        let synced = OpenOptions::new().write(true).open(&to).and_then(|file| file.sync_all());
        synced.map_err(|source| StoreFault::Folder { path: to, source })
    }

    /// Looks through the whole database of a folder, however long that takes: what is wrong with it.
    pub async fn examine(folder: &Path) -> Result<Option<String>, StoreFault> {
        sqlx::any::install_default_drivers();
        let options = database::url(&database::path(folder), "ro")?.parse()?;
        let mut connection = AnyConnection::connect_with(&options).await?;
        let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(3)").fetch_all(&mut connection).await?;
        connection.close().await?;
        Ok((found != ["ok"]).then(|| found.join("; ")))
    }
}

impl View {
    /// What each item of this node whose content is needed has of it. Content of what was released is not: nobody waits for it.
    pub async fn content_facts(&self) -> Result<Vec<ContentFacts>, StoreFault> {
        let sql = "SELECT id, trace_length, size, sha256 FROM items \
                   WHERE node = $1 AND to_remove = 0 AND state IN ('pending', 'held', 'releasing') ORDER BY id";
        let found = sqlx::query(sql).bind(self.node()).fetch_all(self.readers()).await?;
        let length =
            |row: &AnyRow, at: usize| Ok::<_, StoreFault>(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or(0));
        let read = |row: &AnyRow| {
            let id = rows::from_word(row.try_get(0)?)?;
            let (trace_length, size) = (length(row, 1)?, length(row, 2)?);
            Ok(ContentFacts { id, trace_length, size, sha256: row.try_get(3)? })
        };
        found.iter().map(read).collect()
    }

    /// Whether the content of an item is not to be there any more: it was deleted, expired, delivered or withdrawn.
    pub async fn needs_no_content(&self, id: &TransactionId) -> Result<bool, StoreFault> {
        let sql = "SELECT id FROM items WHERE id = $1 AND to_remove = 0 AND state IN ('pending', 'held', 'releasing')";
        let found: Option<String> = sqlx::query_scalar(sql).bind(id.as_str()).fetch_optional(self.readers()).await?;
        Ok(found.is_none())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test reads the file as whoever finds it would")]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;
    use crate::record::sample;

    const TRACE: &[u8] = b"Received: from mx.example\r\n";

    async fn keep(store: &Store, number: u64) -> TransactionId {
        let item = sample::item(number, TRACE, b"x");
        let content = stream::iter([Ok(Bytes::from_static(TRACE)), Ok(Bytes::from_static(b"x"))]);
        store.keep(&item, content).await.unwrap();
        item.id
    }

    /// Beside the store that writes it, and with what its write-ahead log has.
    #[tokio::test]
    async fn a_copy_is_the_database_of_one_moment_without_what_was_deleted() {
        let (live, copied) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::open(live.path()).await.unwrap();
        let (kept, gone) = (keep(&store, 1).await, keep(&store, 2).await);
        let subject = store.item(&gone).await.unwrap().unwrap().subject;
        store.delete_item(&gone, "maria", "LGPD", 77).await.unwrap();
        store.delete_item(&kept, "maria", "LGPD", 77).await.unwrap();
        let held = keep(&store, 3).await;
        Store::copy_database(live.path(), copied.path()).await.unwrap();
        let later = keep(&store, 4).await;
        assert_eq!(Store::examine(copied.path()).await.unwrap(), None);
        std::fs::create_dir(copied.path().join("quarantine")).unwrap();
        let view = Store::open_read_only(copied.path()).await.unwrap();
        let facts = view.content_facts().await.unwrap();
        assert_eq!(facts.len(), 1);
        assert_eq!((&facts[0].id, facts[0].trace_length, facts[0].size), (&held, TRACE.len() as u64, 1));
        assert!(view.item(&later).await.unwrap().is_none());
        assert!(view.needs_no_content(&gone).await.unwrap() && !view.needs_no_content(&held).await.unwrap());
        let octets = std::fs::read(copied.path().join("portaria.db")).unwrap();
        let count = memchr::memmem::find_iter(&octets, subject.as_bytes()).count();
        assert!(!subject.is_empty() && count == 1, "one item has its subject: {count}");
        assert!(Store::copy_database(live.path(), copied.path()).await.is_err(), "nothing is written over");
        assert!(live.path().join("quarantine").join(place_of_content(&held)).exists());
    }
}
