//! A folder of backups. What has the name of one was proven when it got it (`writer`), so the names say how old the last good one is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// `portaria-20261122T060000Z.backup`; the time is UTC.
const FORMAT: &str = "portaria-%Y%m%dT%H%M%SZ.backup";

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The file.
    pub path: PathBuf,
    /// When it was begun, by its name; milliseconds since 1970.
    pub made_at: i64,
    /// Octets.
    pub size: u64,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// At this folder, which is there.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where one that is begun at this moment is to be.
    pub fn place(&self, at: i64) -> PathBuf {
        let at = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(TimeZone::UTC);
        self.folder.join(at.strftime(FORMAT).to_string())
    }

    /// All of them, the newest first. Other files are none of ours.
    pub fn all(&self) -> io::Result<Vec<Stored>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(made_at) = name.to_str().and_then(time_of) else { continue };
            found.push(Stored { path: entry.path(), made_at, size: entry.metadata()?.len() });
        }
        found.sort_by_key(|stored| std::cmp::Reverse(stored.made_at));
        Ok(found)
    }

    /// Removes all but the newest `keep`. Says how many.
    pub fn keep(&self, keep: usize) -> io::Result<usize> {
        let old = self.all()?.into_iter().skip(keep.max(1));
        old.map(|stored| fs::remove_file(stored.path)).try_fold(0, |count, removed| removed.map(|()| count + 1))
    }
}

fn time_of(name: &str) -> Option<i64> {
    let at = DateTime::strptime(FORMAT, name).ok()?.to_zoned(TimeZone::UTC).ok()?;
    // `2026-1-2` is read as well, and written by nobody.
    (at.strftime(FORMAT).to_string() == name).then(|| at.timestamp().as_millisecond())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test makes the files")]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_and_what_is_not_ours_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(folder.path());
        let day = 86_400_000;
        for number in 1..=5 {
            fs::write(shelf.place(number * day), "x").unwrap();
        }
        let others = ["portaria-x.backup", "portaria-19700107T000000Z.backup.part", "notes.txt"];
        others.iter().for_each(|name| fs::write(folder.path().join(name), "x").unwrap());
        assert_eq!(shelf.keep(2).unwrap(), 3);
        let left: Vec<i64> = shelf.all().unwrap().iter().map(|stored| stored.made_at).collect();
        assert_eq!(left, [5 * day, 4 * day]);
        assert!(others.iter().all(|name| folder.path().join(name).exists()));
        assert_eq!(shelf.place(day).file_name().unwrap(), "portaria-19700102T000000Z.backup");
        assert_eq!((shelf.keep(0).unwrap(), shelf.all().unwrap().len()), (1, 1), "never the last one");
    }
}
