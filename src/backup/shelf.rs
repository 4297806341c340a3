//! A folder of backups. What has the name of one was proven when it got it (`writer`), so the names say how old the last good one is; and
//! what has such a name with an ending behind it was left there by one that was killed, unless somebody holds it.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use rustix::fs::OFlags;

use super::writer::{PART, beside, is_taken};

/// `portaria-20261122T060000Z.backup`; the time is UTC.
const FORMAT: &str = "portaria-%Y%m%dT%H%M%SZ.backup";

/// Behind the name of a file: a folder for what is unpacked on the way.
pub const SCRATCH: &str = "scratch";

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

    /// Removes what killed ones left: the part of a file, and the folder beside it with a plain copy of the database. Says of how many.
    /// Whoever writes holds its part, and is left alone; so is whatever has another name. On a fault the others are removed all the same.
    pub fn sweep(&self) -> io::Result<usize> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?.file_name();
            let Some((name, PART | SCRATCH)) = entry.to_str().and_then(|name| name.rsplit_once('.')) else { continue };
            if time_of(name).is_some() {
                names.push(self.folder.join(name));
            }
        }
        names.sort();
        names.dedup();
        let swept: Vec<io::Result<bool>> = names.iter().map(|of| sweep(of)).collect();
        swept.into_iter().try_fold(0, |count, swept| swept.map(|is_gone| count + usize::from(is_gone)))
    }

    /// Removes all but the newest `keep`. Says how many.
    pub fn keep(&self, keep: usize) -> io::Result<usize> {
        let old = self.all()?.into_iter().skip(keep.max(1));
        old.map(|stored| fs::remove_file(stored.path)).try_fold(0, |count, removed| removed.map(|()| count + 1))
    }
}

/// False: somebody writes it.
fn sweep(of: &Path) -> io::Result<bool> {
    let part = beside(of, PART);
    // Held until all of it is gone.
    let plain = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let held = match OpenOptions::new().write(true).custom_flags(plain).open(&part) {
        Ok(file) if is_taken(&file, &part)? => Some(file),
        Ok(_) => return Ok(false),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => None,
        Err(fault) => return Err(fault),
    };
    match fs::remove_dir_all(beside(of, SCRATCH)) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
        _ => {}
    }
    held.map_or(Ok(()), |_held| fs::remove_file(&part))?;
    Ok(true)
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
    /// Nobody holds them: they go. Somebody does, or they are not ours: they stay.
    #[test]
    fn what_killed_ones_left_is_removed_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(folder.path());
        let leave = |number: i64, with_part: bool| {
            let to = shelf.place(number * 86_400_000);
            fs::create_dir_all(beside(&to, SCRATCH).join("trial")).unwrap();
            fs::write(beside(&to, SCRATCH).join("portaria.db"), "subjects, addresses").unwrap();
            if with_part {
                fs::write(beside(&to, PART), "half").unwrap();
            }
            to
        };
        let killed = [leave(1, true), leave(2, false)];
        let (written, mine) = (leave(3, false), ["notes.part", "x.scratch", "portaria-x.backup.part"]);
        let writer = super::super::Writer::begin(&written).unwrap();
        fs::write(shelf.place(0), "a good one").unwrap();
        mine.iter().for_each(|name| fs::write(folder.path().join(name), "x").unwrap());
        assert_eq!(shelf.sweep().unwrap(), 2);
        assert!(killed.iter().all(|to| !beside(to, PART).exists() && !beside(to, SCRATCH).exists()));
        assert!(beside(&written, PART).exists() && beside(&written, SCRATCH).join("portaria.db").exists());
        assert!(mine.iter().all(|name| folder.path().join(name).exists()) && shelf.place(0).exists());
        drop(writer);
        assert_eq!((shelf.sweep().unwrap(), shelf.sweep().unwrap()), (1, 0));
    }
}
