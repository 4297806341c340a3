//! Segments: files that lines are appended to, one after another, and never again once the next one is begun.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::FlockOperation;
use tokio::sync::oneshot;

use super::{Position, Recovery};

/// A segment ends here, octets: what is read again after a crash, at most, and what one removal frees.
const SEGMENT: u64 = 16 * 1024 * 1024;

/// A last line without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Where it begins.
    pub position: Position,
    /// Its octets.
    pub length: u64,
}

/// Who waits for a sync.
type Waiter = oneshot::Sender<io::Result<()>>;

/// The segment that is written, and what is not yet on the disk.
#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    number: u64,
    file: Arc<File>,
    /// The length of all whole lines.
    length: u64,
    /// Nothing may follow what stands in this segment.
    abandoned: bool,
    unsynced: Vec<Arc<File>>,
    waiters: Vec<Waiter>,
    /// Keeps other processes out.
    _lock: File,
}

impl Writer {
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Recovery)> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let lock = lock(folder)?;
        let earlier = numbers(folder)?;
        let torn = earlier.iter().filter_map(|&number| torn(folder, number).transpose()).collect::<io::Result<_>>()?;
        let (number, file) = create(folder, earlier.last().map_or(1, |last| last + 1))?;
        let recovery = Recovery { first_segment: number, earlier: earlier.len(), torn };
        let writer = Self {
            folder: folder.to_owned(),
            number,
            file: Arc::new(file),
            length: 0,
            abandoned: false,
            unsynced: Vec::new(),
            waiters: Vec::new(),
            _lock: lock,
        };
        Ok((writer, recovery))
    }

    /// Whether a line of so many octets goes into this segment. A new one is not only written to: its folder is synced.
    pub(super) fn has_room(&self, octets: usize) -> bool {
        !self.abandoned && (self.length == 0 || self.length + octets as u64 <= SEGMENT)
    }

    /// Appends a whole line with one `write(2)`, or nothing. Says where it stands.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<Position> {
        if !self.has_room(line.len()) {
            self.begin_segment()?;
        }
        let written = (&*self.file).write(line);
        match written {
            Ok(octets) if octets == line.len() => {
                let at = Position { segment: self.number, offset: self.length };
                self.length += octets as u64;
                self.mark_unsynced();
                Ok(at)
            }
            Ok(octets) => {
                self.neutralise();
                let what = format!("only {octets} of {} octets of a journal line could be written", line.len());
                Err(io::Error::new(io::ErrorKind::StorageFull, what))
            }
            Err(error) => {
                self.neutralise();
                Err(error)
            }
        }
    }

    /// What tells when everything up to here is on the disk.
    pub(super) fn wait_for_sync(&mut self) -> oneshot::Receiver<io::Result<()>> {
        let (waiter, synced) = oneshot::channel();
        self.waiters.push(waiter);
        synced
    }

    /// The files with unsynced lines, and who waits for them.
    pub(super) fn take_unsynced(&mut self) -> (Vec<Arc<File>>, Vec<Waiter>) {
        (std::mem::take(&mut self.unsynced), std::mem::take(&mut self.waiters))
    }

    /// The next line begins a new segment.
    pub(super) fn abandon_segment(&mut self) {
        self.abandoned = true;
    }

    /// For tests of what disks do.
    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: File) {
        self.file = Arc::new(file);
    }

    /// Takes back the part of a line that was written; where that fails, no other line follows it.
    pub(super) fn neutralise(&mut self) {
        if self.file.set_len(self.length).is_err() {
            self.abandoned = true;
        }
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        let (number, file) = create(&self.folder, self.number + 1)?;
        self.number = number;
        self.file = Arc::new(file);
        self.length = 0;
        self.abandoned = false;
        Ok(())
    }

    fn mark_unsynced(&mut self) {
        if !self.unsynced.last().is_some_and(|last| Arc::ptr_eq(last, &self.file)) {
            self.unsynced.push(Arc::clone(&self.file));
        }
    }
}

/// The path of a segment.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}.journal"))
}

/// All segments' numbers, ascending. Other files are none of ours.
pub(super) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".journal")).map(str::parse::<u64>);
        if let Some(Ok(number)) = number {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The segments that are there, ascending, each with the octets of its whole lines. One that is removed meanwhile is left out: the
/// database has it.
pub(super) fn whole(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for number in numbers(folder)? {
        let path = path(folder, number);
        match OpenOptions::new().read(true).open(&path).and_then(|file| ends(&file)) {
            Ok((end, _)) => found.push((path, end)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Removes the segments below `bound`.
pub(super) fn remove_before(folder: &Path, bound: u64) -> io::Result<usize> {
    let mut removed = 0;
    for number in numbers(folder)?.into_iter().take_while(|&number| number < bound) {
        std::fs::remove_file(path(folder, number))?;
        removed += 1;
    }
    Ok(removed)
}

/// A new, empty segment whose name is on the disk before anything is written to it: synced content without a name is lost.
fn create(folder: &Path, mut number: u64) -> io::Result<(u64, File)> {
    loop {
        let made = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path(folder, number));
        match made {
            Ok(file) => {
                sync_folder(folder)?;
                return Ok((number, file));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).open(folder)?.sync_all()
}

/// Two writers would each take back the other's lines. The lock goes with the process, however it ends.
fn lock(folder: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.join("lock"))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process writes this journal"))
        }
        Err(errno) => Err(errno.into()),
    }
}

/// Whether a segment's last line has no end.
fn torn(folder: &Path, number: u64) -> io::Result<Option<Torn>> {
    let (end, length) = ends(&OpenOptions::new().read(true).open(path(folder, number))?)?;
    let position = Position { segment: number, offset: end };
    Ok((end < length).then_some(Torn { position, length: length - end }))
}

/// Where the last whole line ends, and where the file does. Looked for from behind, 64 KiB at a time.
fn ends(file: &File) -> io::Result<(u64, u64)> {
    let length = file.metadata()?.len();
    let mut end = length;
    let mut piece = vec![0; 64 * 1024];
    while end > 0 {
        let start = end.saturating_sub(piece.len() as u64);
        let part = piece.get_mut(..usize::try_from(end - start).unwrap_or(0)).unwrap_or_default();
        file.read_exact_at(part, start)?;
        if let Some(newline) = memchr::memrchr(b'\n', part) {
            end = start + newline as u64 + 1;
            break;
        }
        end = start;
    }
    Ok((end, length))
}
