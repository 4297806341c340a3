//! The two files of the trail, opened with care: root runs commands in a folder that belongs to the gateway's account.
//!
//! A link, a pipe or a device of theirs is never followed or written; what root makes there belongs to the folder's owner, as a whole file
//! that takes its name at once, so that the gateway never meets one that it may not open.
#![expect(clippy::disallowed_methods, reason = "this is the adapter of these files")]

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Take},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::AuditFault;

/// The entries: the newest of them, if there are more than a file takes.
pub const LOG: &str = "audit.log";
/// Before and behind the number of its last entry in the name of a file that is full: `audit-000000030000.log`.
const FULL: (&str, &str) = ("audit-", ".log");
/// Digits of that number, so that names sort as numbers do.
const DIGITS: usize = 12;
/// The place of the last of them, once more.
pub const HEAD: &str = "audit.head";

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

/// The name of a full file whose last entry has this number.
pub(super) fn full_name(last: u64) -> String {
    let (before, behind) = FULL;
    format!("{before}{last:0DIGITS$}{behind}")
}

/// The names of the files that are full, in the order of their entries.
pub(super) fn full_names(folder: &Path) -> Result<Vec<String>, AuditFault> {
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(fault) => return Err(AuditFault::io(folder, fault)),
    };
    let mut names = Vec::new();
    for entry in listed {
        let name = entry.map_err(|fault| AuditFault::io(folder, fault))?.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(number) = number_in(name) {
            names.push((number, name.to_owned()));
        }
    }
    names.sort();
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

/// The number of the last entry, as the name of a full file says.
pub(super) fn number_in(name: &str) -> Option<u64> {
    let (before, behind) = FULL;
    let digits = name.strip_prefix(before)?.strip_suffix(behind)?;
    digits.parse().ok().filter(|_| digits.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The files that are full, in the order of their entries, each once, whatever second name it has.
pub(super) fn full(folder: &Path) -> Result<Vec<(String, File)>, AuditFault> {
    let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
    for name in full_names(folder)? {
        let path = folder.join(&name);
        let Some(file) = open_to_read(&path)? else { continue };
        if seen.insert(place(&file).map_err(|fault| AuditFault::io(&path, fault))?) {
            files.push((name, file));
        }
    }
    Ok(files)
}

/// All files of the trail as they are while nobody writes, in their order; `log` is the newest of them.
pub(super) fn logs(folder: &Path, log: Option<Locked>) -> Result<Vec<(String, Take<File>)>, AuditFault> {
    let mut logs = Vec::new();
    for (name, full) in full(folder)? {
        // Of a writer that was killed while it turned to a new file: it is the log, by another name.
        if !log.as_ref().is_some_and(|log| log.is(&full)) {
            logs.push((name, full.take(u64::MAX)));
        }
    }
    if let Some(log) = log {
        let length = log.length()?;
        logs.push((LOG.to_owned(), log.release().take(length)));
    }
    Ok(logs)
}

/// Which file it is, whatever it is called.
pub(super) fn place(file: &File) -> io::Result<(u64, u64)> {
    file.metadata().map(|found| (found.dev(), found.ino()))
}

/// A new file of the folder's owner, that has no name which anybody looks for; to be read and appended to.
pub(super) fn beside(folder: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let beside = folder.join(format!(".{name}.{}.{number}", std::process::id()));
    // Of a process that had our number and was killed.
    let _ = fs::remove_file(&beside);
    let made = (|| {
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&beside)?;
        let (wanted, has) = (fs::metadata(folder)?, file.metadata()?);
        if (has.uid(), has.gid()) != (wanted.uid(), wanted.gid()) {
            fchown(&file, Some(wanted.uid()), Some(wanted.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(MODE))?;
        Ok(file)
    })();
    match made {
        Ok(file) => Ok((beside, file)),
        Err(fault) => {
            let _ = fs::remove_file(&beside);
            Err(fault)
        }
    }
}

/// Makes an empty file of the folder's owner. Whoever else makes it at the same time wins, and that is as good.
fn make(folder: &Path, name: &str) -> io::Result<()> {
    let (beside, file) = beside(folder, name)?;
    let made = (|| {
        file.sync_all()?;
        match fs::hard_link(&beside, folder.join(name)) {
            Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => Err(fault),
            _ => Ok(()),
        }
    })();
    let _ = fs::remove_file(&beside);
    made?;
    sync(folder)
}

/// Puts the folder's names on the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The log, held against other writers until it is dropped.
#[derive(Debug)]
pub(super) struct Locked {
    file: File,
    path: PathBuf,
}

impl Locked {
    /// The file that has the log's name, once it is locked: while one waits for its turn, the one before may turn to a new file. None: there
    /// is no such file.
    pub(super) fn current(
        folder: &Path,
        lock: impl Fn(File, &Path) -> Result<Self, AuditFault>,
        open: impl Fn(&Path) -> Result<Option<File>, AuditFault>,
    ) -> Result<Option<Self>, AuditFault> {
        let path = folder.join(LOG);
        for _ in 0..TRIES {
            let Some(log) = open(&path)? else { return Ok(None) };
            let locked = lock(log, folder)?;
            if open_to_read(&path)?.is_some_and(|named| locked.is(&named)) {
                return Ok(Some(locked));
            }
        }
        Err(AuditFault::Busy(path))
    }

    /// Whether that is the same file.
    pub(super) fn is(&self, other: &File) -> bool {
        place(&self.file).is_ok_and(|own| place(other).is_ok_and(|other| own == other))
    }

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
