//! Entries into a file that stands beside its name until it was proven: what has the name is whole.
//!
//! A header says how long its entry is, which is known only behind it: it is written twice, the second time over the first.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};
use rustix::{
    fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with},
    io::Errno,
};

use super::{
    BackupFault, ENTRIES, Line, MANIFEST,
    index::{BLOCK, END, header},
    is_name,
};

/// Behind the name of a file: what of it was written so far.
pub(super) const PART: &str = "part";

/// `NAME.ending`, in the same folder.
pub(crate) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    file.with_file_name(name)
}

/// Takes the lock that a writer has while it writes. False: somebody has it, or that file is not the one at `path` any more.
pub(crate) fn is_taken(file: &File, path: &Path) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(false),
        Err(fault) => return Err(fault.into()),
    }
    let own = file.metadata()?;
    match path.symlink_metadata() {
        Ok(named) => Ok((named.dev(), named.ino()) == (own.dev(), own.ino())),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Writes one backup. Dropped before its end, it leaves nothing.
pub struct Writer {
    part: Part,
    begun: Option<Begun>,
    lines: Vec<Line>,
}

/// An entry on its way.
struct Begun {
    name: String,
    header_at: u64,
    packed: u64,
    size: u64,
    digest: Context,
}

/// The file beside the name, held against other writers; removed unless it was renamed.
#[derive(Debug)]
struct Part {
    file: File,
    path: PathBuf,
    to: PathBuf,
    is_named: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_named {
            // What stays is never taken for a backup, and a sweep of the folder removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Writer {
    /// Begins the backup that is to be called `to`; there is none of that name. What a killed one left beside it is written over.
    pub fn begin(to: &Path) -> Result<Self, BackupFault> {
        if to.symlink_metadata().is_ok() {
            return Err(BackupFault::Exists(to.to_owned()));
        }
        let path = beside(to, PART);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(|fault| BackupFault::io(&path, fault))?;
        // Not the one of that name: a sweep has just removed it, and what is written there would have no name.
        if !is_taken(&file, &path).map_err(|fault| BackupFault::io(&path, fault))? {
            return Err(BackupFault::Busy(path));
        }
        file.set_len(0).map_err(|fault| BackupFault::io(&path, fault))?;
        let part = Part { file, path, to: to.to_owned(), is_named: false };
        Ok(Self { part, begun: None, lines: Vec::new() })
    }

    /// The entries so far.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Begins an entry.
    pub fn entry(&mut self, name: &str) -> Result<(), BackupFault> {
        if !is_name(name) && name != MANIFEST {
            return Err(BackupFault::Name(name.escape_debug().to_string()));
        }
        if self.lines.len() >= ENTRIES {
            return Err(BackupFault::TooMany);
        }
        let header_at = self.part.at()?;
        self.part.write(&header(name, 0)?)?;
        let digest = Context::new(&SHA256);
        self.begun = Some(Begun { name: name.to_owned(), header_at, packed: 0, size: 0, digest });
        Ok(())
    }

    /// More of the entry: what it says, and what of it, packed, is to stand in the file now.
    pub fn write(&mut self, plain: &[u8], packed: &[u8]) -> Result<(), BackupFault> {
        self.part.write(packed)?;
        if let Some(begun) = &mut self.begun {
            begun.digest.update(plain);
            begun.size = begun.size.saturating_add(plain.len() as u64);
            begun.packed = begun.packed.saturating_add(packed.len() as u64);
        }
        Ok(())
    }

    /// The entry is whole.
    pub fn end(&mut self) -> Result<(), BackupFault> {
        let Some(begun) = self.begun.take() else { return Ok(()) };
        let filling = begun.packed.next_multiple_of(BLOCK).saturating_sub(begun.packed);
        let filling = usize::try_from(filling).unwrap_or_default();
        self.part.write(END.get(..filling).unwrap_or_default())?;
        let behind = self.part.at()?;
        self.part.seek(begun.header_at)?;
        self.part.write(&header(&begun.name, begun.packed)?)?;
        self.part.seek(behind)?;
        let sha256 = begun.digest.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
        self.lines.push(Line { name: begun.name, size: begun.size, sha256 });
        Ok(())
    }

    /// All entries are there: on the disk, and not yet under the name.
    pub fn finish(mut self) -> Result<Unproven, BackupFault> {
        self.part.write(&END)?;
        self.part.file.sync_all().map_err(|fault| BackupFault::io(&self.part.path, fault))?;
        Ok(Unproven { part: self.part })
    }
}

/// A backup that is whole as far as its writer knows.
#[derive(Debug)]
pub struct Unproven {
    part: Part,
}

impl Unproven {
    /// The file that is to be proven.
    pub fn part(&self) -> &Path {
        &self.part.path
    }

    /// It was proven: it gets its name, for good.
    pub fn keep(mut self) -> Result<PathBuf, BackupFault> {
        let (path, to) = (&self.part.path, &self.part.to);
        // Somebody may have made one of this name since.
        match renameat_with(CWD, path, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(BackupFault::Exists(to.clone())),
            // A disk that leaves the house may have a file system that cannot say so.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if to.symlink_metadata().is_err() => {
                fs::rename(path, to).map_err(|fault| BackupFault::io(to, fault))?;
            }
            Err(fault) => return Err(BackupFault::io(to, fault.into())),
        }
        self.part.is_named = true;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let synced = OpenOptions::new().read(true).open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|fault| BackupFault::io(folder, fault))?;
        Ok(self.part.to.clone())
    }
}

impl Part {
    fn write(&mut self, octets: &[u8]) -> Result<(), BackupFault> {
        self.file.write_all(octets).map_err(|fault| BackupFault::io(&self.path, fault))
    }

    fn at(&mut self) -> Result<u64, BackupFault> {
        self.file.stream_position().map_err(|fault| BackupFault::io(&self.path, fault))
    }

    fn seek(&mut self, at: u64) -> Result<(), BackupFault> {
        self.file.seek(SeekFrom::Start(at)).map(drop).map_err(|fault| BackupFault::io(&self.path, fault))
    }
}
