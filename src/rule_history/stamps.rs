//! Whether files have changed, without reading them: what the file system says of each.
//!
//! Asked again and again, this needs no watch that could be lost: a folder that was renamed and made anew, a link that was turned
//! (`..data` of Kubernetes), another machine that wrote over NFS are all seen alike.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// What a file system says of some files at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps(BTreeMap<PathBuf, Result<Stamp, io::ErrorKind>>);

/// The inode is another one after a rename; the time of change moves with every write, whatever time the writer gives the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamps {
    /// Asks, following links. What cannot be asked has that as its stamp. Blocks.
    pub fn of<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Self {
        let one = |path: P| (path.as_ref().to_owned(), stamp(path.as_ref()));
        Self(paths.into_iter().map(one).collect())
    }

    /// Files that could not even be listed.
    pub fn unlisted(folder: &Path, fault: io::ErrorKind) -> Self {
        Self(BTreeMap::from([(folder.to_owned(), Err(fault))]))
    }

    /// Whether something of `before` is gone, or shorter than it was: what a file looks like that somebody is still writing anew, or a
    /// folder that is still being filled.
    pub fn lack_something_of(&self, before: &Self) -> bool {
        let size = |stamp: &Result<Stamp, io::ErrorKind>| stamp.as_ref().ok().map(|stamp| stamp.size);
        before.0.iter().any(|(path, was)| match (size(was), self.0.get(path).and_then(size)) {
            (Some(was), Some(is)) => is < was,
            (Some(_), None) => true,
            (None, _) => false,
        })
    }
}

fn stamp(path: &Path) -> Result<Stamp, io::ErrorKind> {
    let found = fs::metadata(path).map_err(|fault| fault.kind())?;
    Ok(Stamp {
        device: found.dev(),
        inode: found.ino(),
        size: found.len(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}
