//! The key of hashed subjects: `data_dir/subjects.key`, 64 hexadecimal digits, made by the first gateway that hashes (decision 48).
//!
//! It stands beside the database and not in it: whoever gets a copy of the database alone cannot try words. Without it nothing that was
//! hashed with it is found any more; nodes that share a database have the same one. Whether they do they see in `meta`, where each leaves the
//! fingerprint of its own.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use sqlx::Row as _;

use super::{Store, StoreFault, blob::keys::hexadecimal, database};
use crate::record::{UnixMillis, subject::Key};

/// Its name in `data_dir`.
pub const NAME: &str = "subjects.key";

/// The key in `folder`; none: nothing was ever hashed there.
#[expect(clippy::disallowed_methods, reason = "an adapter's own file")]
pub fn read(folder: &Path) -> Result<Option<Key>, StoreFault> {
    let path = folder.join(NAME);
    match fs::read_to_string(&path) {
        Ok(text) => match hexadecimal(text.trim()) {
            Some(octets) => Ok(Some(Key::new(&octets))),
            None => Err(fault(path, io::Error::new(io::ErrorKind::InvalidData, "64 hexadecimal digits are wanted"))),
        },
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(fault(path, source)),
    }
}

/// The key in `folder`, made if there is none. What is there and is no key is never written over: records need what it was.
pub fn read_or_make(folder: &Path) -> Result<Key, StoreFault> {
    if let Some(key) = read(folder)? {
        return Ok(key);
    }
    let (path, made) = (folder.join(NAME), folder.join("subjects.key.new"));
    let mut octets = [0; 32];
    let mut write = || -> io::Result<()> {
        // Of a gateway that was killed between the two.
        let _ = fs::remove_file(&made);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&made)?;
        let chance = aws_lc_rs::rand::fill(&mut octets);
        chance.map_err(|_| io::Error::other("the system gives no chance"))?;
        let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        writeln!(file, "{digits}")?;
        file.sync_all()?;
        fs::rename(&made, &path)
    };
    write().map_err(|source| fault(path.clone(), source))?;
    database::sync_folder(folder)?;
    Ok(Key::new(&octets))
}

/// Before the node's name, in `meta`.
const ROW: &str = "subjects_key:";

/// A node that has not said for so long which key it has does not run, or hashes no more; milliseconds.
const SILENT: UnixMillis = 86_400_000;

/// How this node's key stands to those of before and of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// This node had another key when it last said so.
    pub was_another: bool,
    /// The nodes that have another one now, by name.
    pub others: Vec<String>,
}

impl Store {
    /// Writes down which key this node has, and looks which others have. To be called more often than once a day.
    pub async fn compare_subject_key(&self, key: &Key, at: UnixMillis) -> Result<Compared, StoreFault> {
        self.must_be_whole()?;
        self.noted(self.compare(&key.fingerprint(), at).await)
    }

    async fn compare(&self, print: &str, at: UnixMillis) -> Result<Compared, StoreFault> {
        let mut connection = self.acquire().await?;
        let rows = sqlx::query("SELECT name, value FROM meta WHERE substr(name, 1, 13) = $1 ORDER BY name")
            .bind(ROW)
            .fetch_all(&mut *connection)
            .await?;
        let mut compared = Compared::default();
        for row in rows {
            let (name, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let node = name.strip_prefix(ROW).unwrap_or_default();
            let (theirs, said) = value.split_once(' ').unwrap_or((&value, ""));
            // By either clock: one that was years ahead must not be told of for years.
            let is_silent = at.abs_diff(said.parse().unwrap_or_default()) > SILENT.unsigned_abs();
            if theirs == print {
                continue;
            }
            if node == self.node() {
                compared.was_another = true;
            } else if !is_silent {
                compared.others.push(node.to_owned());
            }
        }
        sqlx::query(
            "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(format!("{ROW}{}", self.node()))
        .bind(format!("{print} {at}"))
        .execute(&mut *connection)
        .await?;
        Ok(compared)
    }
}

fn fault(path: PathBuf, source: io::Error) -> StoreFault {
    StoreFault::Folder { path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::record::{Record, sample, subject::Subjects};

    fn line(key: Key) -> String {
        let mut record = sample::record(1);
        Subjects::Hashed(key).keep(&mut record);
        Record::subject_line(&record)
    }

    /// A key that changes at a restart would hide every record of before.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test damages the file itself")]
    fn the_key_is_made_once_is_its_own_and_nobody_elses_to_read() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(read(one.path()).unwrap().is_none());
        let first = line(read_or_make(one.path()).unwrap());
        assert_eq!(line(read_or_make(one.path()).unwrap()), first);
        assert_eq!(line(read(one.path()).unwrap().unwrap()), first);
        assert_ne!(line(read_or_make(two.path()).unwrap()), first);
        let path = one.path().join(NAME);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::write(&path, "not a key\n").unwrap();
        assert!(read_or_make(one.path()).is_err() && read(one.path()).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"not a key\n");
    }

    /// A key that was lost is made anew without a word, and then no word finds what was hashed before.
    #[tokio::test]
    async fn another_key_than_before_is_seen_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(super::super::place::of(folder.path()).await).await.unwrap();
        let (one, two) = (Key::new(&[1; 32]), Key::new(&[2; 32]));
        for (key, was_another) in [(&one, false), (&one, false), (&two, true), (&two, false)] {
            let compared = store.compare_subject_key(key, 7).await.unwrap();
            assert_eq!(compared, Compared { was_another, others: Vec::new() });
        }
    }

    /// Another node stands there as its row does; whether there are two of them is nothing to the database.
    #[tokio::test]
    async fn another_nodes_key_is_seen_while_that_runs() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(super::super::place::of(folder.path()).await).await.unwrap();
        let (one, two) = (Key::new(&[1; 32]), Key::new(&[2; 32]));
        let others = async |key: &Key, at| store.compare_subject_key(key, at).await.unwrap().others;
        let now = 100 * SILENT;
        assert_eq!(others(&one, now).await, Vec::<String>::new());
        sqlx::query("INSERT INTO meta (name, value) VALUES ('subjects_key:mx2', $1), ('subjects_keys', 'x')")
            .bind(format!("{} {now}", two.fingerprint()))
            .execute(&mut *store.acquire().await.unwrap())
            .await
            .unwrap();
        assert_eq!(others(&one, now).await, ["mx2"]);
        assert_eq!(others(&one, now + SILENT).await, ["mx2"]);
        assert_eq!(others(&one, now + SILENT + 1).await, Vec::<String>::new(), "it runs no more");
        assert_eq!(others(&one, now - SILENT - 1).await, Vec::<String>::new(), "its clock was ahead");
        assert_eq!(others(&two, now).await, Vec::<String>::new(), "the same key");
        let values: Vec<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name LIKE 'subjects_key:%'")
            .fetch_all(&mut *store.acquire().await.unwrap())
            .await
            .unwrap();
        let digits = "01".repeat(32);
        assert!(values.len() == 2 && values.iter().all(|value| !value.contains(&digits[..16])), "{values:?}");
    }
}
