//! The three places of a hold: how each is made, written and read.
//!
//! Files are written and read at explicit offsets only (`pwrite`, `pread`): a descriptor that was passed to a scanner shares its
//! offset with us, and a scanner that seeks would move ours.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, IoSliceMut},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use rustix::{
    fs::{Mode, OFlags},
    io::ReadWriteFlags,
};

use super::memfd::{Memfd, Ready};
use crate::relay::event::HoldFault;

/// What moves between places at a time, octets.
const COPY: usize = 256 * 1024;

/// Where content is.
#[derive(Debug)]
pub(super) enum Place {
    /// In our own memory.
    Memory(Vec<u8>),
    /// In a memfd: memory that has a descriptor.
    Shared(Memfd),
    /// In a file without a name.
    Disk(Arc<File>),
}

impl Place {
    /// Exactly `length` octets from `offset` on; the caller keeps both within what was written.
    pub(super) async fn read(&self, offset: u64, length: usize) -> Result<Bytes, HoldFault> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        match self {
            Self::Memory(memory) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let part = memory.get(start..).and_then(|rest| rest.get(..length));
                part.map(Bytes::copy_from_slice).ok_or_else(|| HoldFault::Failed("shorter than written".to_owned()))
            }
            Self::Shared(memfd) => read(&memfd.file, offset, length).map_err(fault),
            Self::Disk(file) => match read_cached(file, offset, length) {
                Some(octets) => Ok(octets),
                None => read_blocking(Arc::clone(file), offset, length).await,
            },
        }
    }

    /// What is here now, for moving it on another thread.
    pub(super) fn snapshot(&self) -> Snapshot {
        match self {
            Self::Memory(memory) => Snapshot::Memory(memory.clone()),
            Self::Shared(memfd) => Snapshot::File(Arc::clone(&memfd.file)),
            Self::Disk(file) => Snapshot::File(Arc::clone(file)),
        }
    }
}

/// Content as it was.
pub(super) enum Snapshot {
    Memory(Vec<u8>),
    File(Arc<File>),
}

impl Snapshot {
    /// Copies the first `length` octets to the start of `to`, which is new. Blocks.
    pub(super) fn copy_to(&self, to: &File, length: u64) -> io::Result<()> {
        let from = match self {
            Self::Memory(memory) => return write(to, memory, 0),
            Self::File(file) => file,
        };
        // By the kernel, without a stop in our memory. It writes where the file's own offset stands, which is its
        // start, since nobody else has it yet; and reads at ours. A file system that cannot do it has written nothing.
        let mut offset = 0;
        while let left @ 1.. = length - offset {
            let part = usize::try_from(left).unwrap_or(usize::MAX);
            match rustix::fs::sendfile(to, from, Some(&mut offset), part) {
                Ok(1..) | Err(rustix::io::Errno::INTR) => {}
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        while offset < length {
            let part = usize::try_from(length - offset).unwrap_or(usize::MAX).min(COPY);
            let octets = read(from, offset, part)?;
            write(to, &octets, offset)?;
            offset += octets.len() as u64;
        }
        Ok(())
    }
}

/// Makes `folder`, 0700: mail of other people is in it.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Appends to `memory`; capacity doubles but never passes `bound`, so that what is counted is what is taken.
pub(super) fn grow(memory: &mut Vec<u8>, octets: &[u8], bound: u64) {
    let needed = memory.len() + octets.len();
    if needed > memory.capacity() {
        let bound = usize::try_from(bound).unwrap_or(usize::MAX);
        let capacity = needed.saturating_mul(2).min(bound).max(needed);
        memory.reserve_exact(capacity - memory.len());
    }
    memory.extend_from_slice(octets);
}

/// A memfd with `octets` in it: all of a small message, or the beginning of one that grows.
pub(super) fn shared(ready: &Ready, octets: &[u8], is_all: bool) -> io::Result<Memfd> {
    let mut memfd = ready.take(is_all)?;
    memfd.write(octets, 0)?;
    Ok(memfd)
}

/// A file in `folder` that no name leads to: whatever kills us, nothing of it stays.
pub(super) fn unlinked(folder: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR) {
        Ok(descriptor) => Ok(File::from(descriptor)),
        // open(2): EOPNOTSUPP by the file system (NFS, FUSE, old overlayfs), EISDIR and ENOENT by kernels that do not know the flag.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR | rustix::io::Errno::NOENT) => {
            named_and_unlinked(folder)
        }
        Err(errno) => Err(errno.into()),
    }
}

fn named_and_unlinked(folder: &Path) -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("{}-{number}", std::process::id()));
    // One that a killed predecessor with our process id left behind (killed between these two lines) is in nobody's hands.
    let _ = std::fs::remove_file(&path);
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Writes all of `octets` at `offset`.
pub(super) fn write(file: &File, octets: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(octets, offset)
}

fn read(file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    let mut octets = Vec::with_capacity(length);
    // Into the spare capacity: clearing it first was a second write of every octet.
    while octets.len() < length {
        let at = offset + octets.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut octets), at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    // There may be more room than was asked for, and behind the content octets of an earlier message.
    octets.truncate(length);
    Ok(octets.into())
}

/// Exactly `length` octets if the kernel has them in memory, as it has what was written a moment ago: nobody waits for the disk, and no other thread
/// is woken for it twice. None: it has not all of them, or cannot say so (`RWF_NOWAIT`, preadv2(2)).
pub(super) fn read_cached(file: &File, offset: u64, length: usize) -> Option<Bytes> {
    let mut octets = vec![0; length];
    let read = rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut octets)], offset, ReadWriteFlags::NOWAIT).ok()?;
    (read == length).then(|| octets.into())
}

/// Exactly `length` octets, read where blocking is allowed.
pub(super) async fn read_blocking(file: Arc<File>, offset: u64, length: usize) -> Result<Bytes, HoldFault> {
    blocking(move || read(&file, offset, length)).await
}

/// Runs `work` where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, HoldFault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(fault),
        Err(stopped) => Err(HoldFault::Failed(stopped.to_string())),
    }
}

/// No room is the one fault that a client should hear of as such (`452 4.3.1`).
pub(super) fn fault(error: io::Error) -> HoldFault {
    use io::ErrorKind::{FileTooLarge, OutOfMemory, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge | OutOfMemory => HoldFault::Full(error.to_string()),
        _ => HoldFault::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file system without `O_TMPFILE` gets a file whose name is gone before anything is written.
    #[test]
    fn the_fallback_leaves_no_name() {
        let folder = tempfile::tempdir().unwrap();
        for make in [unlinked, named_and_unlinked] {
            let file = make(folder.path()).unwrap();
            write(&file, b"abc", 0).unwrap();
            assert_eq!(&read(&file, 1, 2).unwrap()[..], b"bc");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    /// All that was asked for or nothing; whatever the file system can do, never something else.
    #[test]
    fn what_the_kernel_has_in_memory_is_exact() {
        let folder = tempfile::tempdir().unwrap();
        let file = unlinked(folder.path()).unwrap();
        write(&file, b"0123456789", 0).unwrap();
        for (offset, length, expected) in [(0, 10, &b"0123456789"[..]), (3, 4, b"3456"), (9, 1, b"9")] {
            assert!(read_cached(&file, offset, length).is_none_or(|read| read == expected), "{offset}");
        }
        for (offset, length) in [(9, 2), (10, 1), (100, 10)] {
            assert_eq!(read_cached(&file, offset, length), None, "{offset}");
        }
    }

    /// From either place, at any length, and only so much of it: a memfd may be longer than its message.
    #[test]
    fn a_snapshot_is_copied_whole() {
        let folder = tempfile::tempdir().unwrap();
        let octets: Vec<u8> = (0..700_001_u32).map(|at| (at ^ (at >> 8)) as u8).collect();
        let source = unlinked(folder.path()).unwrap();
        write(&source, &octets, 0).unwrap();
        for length in [0, 1, 65_536, 700_000] {
            let memory = Snapshot::Memory(octets.get(..length).unwrap().to_vec());
            for snapshot in [memory, Snapshot::File(Arc::new(source.try_clone().unwrap()))] {
                let file = unlinked(folder.path()).unwrap();
                snapshot.copy_to(&file, length as u64).unwrap();
                assert_eq!(file.metadata().unwrap().len(), length as u64);
                assert!(read(&file, 0, length).unwrap() == octets.get(..length).unwrap(), "{length}");
            }
        }
        let file = unlinked(folder.path()).unwrap();
        let longer = Snapshot::File(Arc::new(source)).copy_to(&file, 700_002);
        assert_eq!(longer.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn memory_never_takes_more_than_its_bound() {
        let mut memory = Vec::new();
        for _ in 0..100 {
            grow(&mut memory, &[7; 655], 65_536);
            assert!(memory.capacity() <= 65_536, "{}", memory.capacity());
        }
        assert_eq!(memory.len(), 65_500);
    }

    /// Only want of room is `Full`.
    #[test]
    fn faults_are_told_apart() {
        for (errno, full) in [(28, true), (122, true), (27, true), (12, true), (5, false), (24, false), (30, false)] {
            let fault = fault(io::Error::from_raw_os_error(errno));
            assert_eq!(matches!(fault, HoldFault::Full(_)), full, "{fault}");
        }
    }
}
