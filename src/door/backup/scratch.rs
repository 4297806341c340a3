//! A folder for a moment, for this user alone: what a backup or a trial unpacks on its way.
//!
//! It holds a plain copy of the database. So it goes when it is not needed any more, and what a killed one left is found by the next: whoever
//! uses such a folder holds it (`flock`), and nobody holds what was left.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};

use super::Fault;
use crate::backup::{SCRATCH, beside, is_taken};

/// It. What a killed one left in its place is removed.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _held: File,
}

impl Scratch {
    /// Beside a file: `FILE.scratch`. For whoever has the file for itself.
    pub fn beside(file: &Path) -> Result<Self, Fault> {
        let path = beside(file, SCRATCH);
        let make = || {
            match fs::remove_dir_all(&path) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                _ => {}
            }
            DirBuilder::new().mode(0o700).create(&path)?;
            let held = folder(&path)?;
            // A sweep came between the two, and takes it for left.
            if is_taken(&held, &path)? { Ok(held) } else { Err(io::ErrorKind::ResourceBusy.into()) }
        };
        match make() {
            Ok(held) => Ok(Self { path, _held: held }),
            Err(fault) => Err(Fault::source(&path, fault)),
        }
    }

    /// It.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf, Fault> {
        let path = self.path.join(name);
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|fault| Fault::source(&path, fault))?;
        Ok(path)
    }

    /// Removes what killed ones left beside files whose names begin with `name` and go on with a number, in a folder that others may write to,
    /// too: only folders of this user, that nobody holds. Says how many. On a fault the others are removed all the same.
    pub fn sweep(within: &Path, name: &str) -> io::Result<usize> {
        let (mut removed, mut failed) = (0, None);
        for entry in fs::read_dir(within)? {
            let entry = entry?;
            let is_one = entry.file_name().to_str().is_some_and(|file| is_beside(file, name));
            match is_one.then(|| remove_left(&entry.path())) {
                Some(Ok(true)) => removed += 1,
                Some(Err(fault)) => failed = Some(fault),
                Some(Ok(false)) | None => {}
            }
        }
        failed.map_or(Ok(removed), Err)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed by the next one that needs the place, or by a sweep (also `Shelf::sweep`).
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn is_beside(file: &str, name: &str) -> bool {
    let number =
        file.strip_prefix(name).and_then(|rest| rest.strip_suffix(SCRATCH)).and_then(|rest| rest.strip_suffix('.'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit()))
}

/// False: it is somebody's.
fn remove_left(path: &Path) -> io::Result<bool> {
    let found = path.symlink_metadata()?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() {
        return Ok(false);
    }
    let held = folder(path)?;
    if !is_taken(&held, path)? {
        return Ok(false);
    }
    fs::remove_dir_all(path).map(|()| true)
}

/// Nothing that a name leads to: a link to a folder of ours is none.
fn folder(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::DIRECTORY).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What nobody holds goes; what somebody uses stays, and what only looks like one.
    #[test]
    fn what_killed_ones_left_goes() {
        let within = tempfile::tempdir().unwrap();
        let at = |name: &str| within.path().join(name);
        let left = at("check-17.scratch");
        fs::create_dir_all(left.join("trial")).unwrap();
        let used = Scratch::beside(&at("check-18")).unwrap();
        used.folder("trial").unwrap();
        let others = ["check-19.scratch.old", "check-.scratch", "check-x1.scratch", "other-20.scratch", "check-21"];
        others.iter().for_each(|name| fs::create_dir(at(name)).unwrap());
        fs::create_dir(at("elsewhere")).unwrap();
        std::os::unix::fs::symlink(at("elsewhere"), at("check-22.scratch")).unwrap();
        assert_eq!(Scratch::sweep(within.path(), "check-").unwrap(), 1);
        assert!(!left.exists() && used.path().join("trial").exists());
        assert!(others.iter().all(|name| at(name).exists()) && at("check-22.scratch").exists());
        let path = used.path().to_owned();
        drop(used);
        assert!(!path.exists() && at("elsewhere").exists());
        assert_eq!(Scratch::sweep(within.path(), "check-").unwrap(), 0);
        assert!(Scratch::sweep(&at("not there"), "check-").is_err());
    }
}
