//! The two files of the trail, opened with care: root runs commands in a folder that belongs to the gateway's account.
//!
//! A link, a pipe or a device of theirs is never followed or written; what root makes there belongs to the folder's owner, as a whole file
//! that takes its name at once, so that the gateway never meets one that it may not open.
#![expect(clippy::disallowed_methods, reason = "this is the adapter of these files")]

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::AuditFault;

/// The entries.
pub(super) const LOG: &str = "audit.log";
/// The place of the last of them, once more.
pub(super) const HEAD: &str = "audit.head";

/// The folder's owner writes, its group reads: an auditor needs no more.
const MODE: u32 = 0o640;

/// An append takes a few milliseconds; who does not get its turn in so many tries of …
const TRIES: u32 = 500;
/// … so long each does not wait for ever: a stopped process may hold the lock.
const PAUSE: Duration = Duration::from_millis(10);

/// `path` for reading; none if it is not there.
pub(super) fn open_to_read(path: &Path) -> Result<Option<File>, AuditFault> {
    open(path, OpenOptions::new().read(true))
}

/// `path` for reading and writing; made empty if it is not there.
pub(super) fn open_to_write(folder: &Path, name: &str) -> Result<File, AuditFault> {
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    // The head is written in place, at its beginning.
    options.read(true).write(true).append(name == LOG);
    if let Some(file) = open(&path, &mut options)? {
        return Ok(file);
    }
    make(folder, name).map_err(|source| AuditFault::io(&path, source))?;
    open(&path, &mut options)?.ok_or_else(|| AuditFault::io(&path, io::ErrorKind::NotFound.into()))
}

fn open(path: &Path, options: &mut OpenOptions) -> Result<Option<File>, AuditFault> {
    // Without O_NONBLOCK a pipe would keep us for ever.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match options.custom_flags(flags.bits().cast_signed()).open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(AuditFault::io(path, fault)),
    };
    let found = file.metadata().map_err(|fault| AuditFault::io(path, fault))?;
    if found.is_file() { Ok(Some(file)) } else { Err(AuditFault::NotAFile(path.to_owned())) }
}

/// Makes an empty file of the folder's owner. Whoever else makes it at the same time wins, and that is as good.
fn make(folder: &Path, name: &str) -> io::Result<()> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let beside = folder.join(format!(".{name}.{}.{number}", std::process::id()));
    // Of a process that had our number and was killed.
    let _ = fs::remove_file(&beside);
    let made = (|| {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        let (wanted, has) = (fs::metadata(folder)?, file.metadata()?);
        if (has.uid(), has.gid()) != (wanted.uid(), wanted.gid()) {
            fchown(&file, Some(wanted.uid()), Some(wanted.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(MODE))?;
        file.sync_all()?;
        match fs::hard_link(&beside, folder.join(name)) {
            Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => Err(fault),
            _ => Ok(()),
        }
    })();
    let _ = fs::remove_file(&beside);
    made?;
    File::open(folder)?.sync_all()
}

/// The log, held against other writers until it is dropped.
#[derive(Debug)]
pub(super) struct Locked {
    file: File,
    path: PathBuf,
}

impl Locked {
    /// To append.
    pub(super) fn exclusive(log: File, folder: &Path) -> Result<Self, AuditFault> {
        Self::lock(log, folder, FlockOperation::NonBlockingLockExclusive)
    }

    /// To look.
    pub(super) fn shared(log: File, folder: &Path) -> Result<Self, AuditFault> {
        Self::lock(log, folder, FlockOperation::NonBlockingLockShared)
    }

    fn lock(file: File, folder: &Path, operation: FlockOperation) -> Result<Self, AuditFault> {
        let path = folder.join(LOG);
        for _ in 0..TRIES {
            match flock(&file, operation) {
                Ok(()) => return Ok(Self { file, path }),
                Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
                Err(fault) => return Err(AuditFault::io(&path, fault.into())),
            }
        }
        Err(AuditFault::Busy(path))
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Octets in it.
    pub(super) fn length(&self) -> Result<u64, AuditFault> {
        self.file.metadata().map(|found| found.len()).map_err(|fault| self.fault(fault))
    }

    pub(super) fn fault(&self, source: io::Error) -> AuditFault {
        AuditFault::io(&self.path, source)
    }

    /// The file, for a reader: others may write again.
    pub(super) fn release(self) -> File {
        // A lock that cannot be given back goes with the file.
        let _ = flock(&self.file, FlockOperation::Unlock);
        self.file
    }
}
