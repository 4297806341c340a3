//! The files of one set, with their octets.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the rule files: bounded, never on a worker that sessions wait for"
)]

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::digest;
use rustix::fs::{FlockOperation, flock};

use crate::record::UnixMillis;

/// Octets of one file at most: the directory may be as large.
const LONGEST: u64 = 32 << 20;
/// Octets of a set at most: what the readers of rules, lists and YARA rules take together is less.
const LARGEST: u64 = 128 << 20;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetFile {
    /// Relative to the rules folder, with `/`; absolute when it is elsewhere.
    pub name: String,
    /// As it is.
    pub octets: Vec<u8>,
    /// SHA-256 of the octets, lower-case hex.
    pub sha256: String,
    /// The user whose file it is.
    pub owner: u32,
    /// When it was last written.
    pub written: UnixMillis,
}

/// All files that one set of rules and lists is read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSet {
    files: Vec<SetFile>,
}

impl FileSet {
    /// Reads these files, in the order of their names. Blocks.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is no plain file, is too large, or whose name is not UTF-8 (an entry of the history could not name
    /// it). The error names it.
    pub fn read(root: &Path, paths: &[PathBuf]) -> io::Result<Self> {
        let mut files = Vec::with_capacity(paths.len());
        let mut total = 0_u64;
        for path in paths {
            let file = read(root, path).map_err(|fault| about(path, &fault))?;
            total = total.saturating_add(file.octets.len() as u64);
            if total > LARGEST {
                return Err(about(path, &io::Error::new(io::ErrorKind::FileTooLarge, "too much together")));
            }
            files.push(file);
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { files })
    }

    /// The files, in the order of their names.
    pub fn files(&self) -> &[SetFile] {
        &self.files
    }

    /// SHA-256 over all names and contents, lower-case hex: two sets are the same files if this is the same.
    pub fn fingerprint(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        for file in &self.files {
            context.update(&(file.name.len() as u64).to_be_bytes());
            context.update(file.name.as_bytes());
            context.update(file.sha256.as_bytes());
        }
        hex(context.finish().as_ref())
    }

    /// Octets of all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.octets.len() as u64).sum()
    }
}

/// A hold on the rules folder against commands that change several files of it. An editor does not know of it.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held open, and never looked at")] File);

impl Lock {
    /// Shared: nobody changes files while it is held. Waits for `patience` at most; blocks.
    pub fn to_read(root: &Path, patience: Duration) -> io::Result<Self> {
        Self::take(root, FlockOperation::NonBlockingLockShared, patience)
    }

    /// Alone: nobody reads or changes files while it is held. Waits for `patience` at most; blocks.
    pub fn to_change(root: &Path, patience: Duration) -> io::Result<Self> {
        Self::take(root, FlockOperation::NonBlockingLockExclusive, patience)
    }

    fn take(root: &Path, operation: FlockOperation, patience: Duration) -> io::Result<Self> {
        const PAUSE: Duration = Duration::from_millis(20);
        let folder = File::open(root).map_err(|fault| about(root, &fault))?;
        let mut left = patience;
        loop {
            match flock(&folder, operation) {
                Ok(()) => return Ok(Self(folder)),
                Err(rustix::io::Errno::WOULDBLOCK) if !left.is_zero() => {
                    // Whoever calls this blocks for files anyway.
                    std::thread::sleep(PAUSE);
                    left = left.saturating_sub(PAUSE);
                }
                // A file system without locks (some NFS mounts): what is read twice is still read twice.
                Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOLCK | rustix::io::Errno::NOSYS) => {
                    return Ok(Self(folder));
                }
                Err(fault) => return Err(about(root, &fault.into())),
            }
        }
    }
}

fn read(root: &Path, path: &Path) -> io::Result<SetFile> {
    let name = path.strip_prefix(root).unwrap_or(path);
    let name = name.to_str().ok_or_else(|| io::Error::other("its name is not UTF-8"))?.to_owned();
    // Before it is opened: a FIFO would never end the reading.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    let file = File::open(path)?;
    let found = file.metadata()?;
    let mut octets = Vec::new();
    file.take(LONGEST.saturating_add(1)).read_to_end(&mut octets)?;
    if octets.len() as u64 > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too large"));
    }
    let written = found.mtime().saturating_mul(1000).saturating_add(found.mtime_nsec() / 1_000_000);
    Ok(SetFile { name, sha256: sha256(&octets), octets, owner: found.uid(), written })
}

/// Lower-case hex.
pub(super) fn sha256(octets: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, octets).as_ref())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn about(path: &Path, fault: &io::Error) -> io::Error {
    io::Error::new(fault.kind(), format!("{}: {fault}", path.display()))
}
