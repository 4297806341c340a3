//! The trail read on, again and again, from where one stopped: for whoever copies it while others write (decision 48).
//!
//! In: the entry that was copied last, once. Out: the sound entries behind it, in their order, some at a time. What was read is not read
//! again: the file in which one stopped stays open, whatever it is called by then, and the last entry of it says whether it still is what
//! it was. A trail that is another one is read from its beginning. Who reads does not learn what is wrong: that is `audit verify`'s.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead, BufReader, Read, Take},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use memchr::memmem;

use super::{
    AuditFault,
    entry::{Entry, Head},
    file::{self, Locked},
    reader::read_line,
};

/// Octets of lines in one step: entries may have 64 KiB each.
const STEP: u64 = 1024 * 1024;

/// Reads on.
#[derive(Debug)]
pub struct Follower {
    folder: PathBuf,
    /// Where to begin, until that was looked for.
    behind: Option<Head>,
    at: Option<At>,
    /// The log as it was when nothing more stood in it.
    seen: Option<Stamp>,
    octets: u64,
}

/// Where one stopped.
#[derive(Debug)]
struct At {
    file: Arc<File>,
    /// Where the line of `last` begins; without one, where the file does.
    from: u64,
    /// The last sound entry that was read in this file.
    last: Option<Head>,
}

/// Which file, and how it was: nobody writes into it without another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    place: (u64, u64),
    length: u64,
    written: (i64, i64),
}

/// How a file was left.
enum Left {
    /// There is room for no more.
    Full,
    /// It was read to its end.
    Read,
    /// What was read last does not stand where it stood.
    Another,
}

impl Follower {
    /// Of the trail in `data_dir`, behind this entry; none: from the beginning.
    pub fn behind(data_dir: &Path, behind: Option<Head>) -> Self {
        Self { folder: data_dir.to_owned(), behind, at: None, seen: None, octets: 0 }
    }

    /// Octets of lines that were read since it was made: what is read again counts again.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// The next entries, at most `count`; none: there are no more now. Entries that were told before come again where the trail is another
    /// one than it was. Blocks, at most five seconds while others write. After a fault it may be called again.
    pub fn read_on(&mut self, count: usize) -> Result<Vec<Entry>, AuditFault> {
        let path = self.folder.join(file::LOG);
        if self.seen.is_some() && file::open_to_read(&path)?.and_then(|log| Stamp::of(&log).ok()) == self.seen {
            return Ok(Vec::new());
        }
        // What stands there while nobody writes stays: an entry that is not acknowledged may be taken back.
        let Some(log) = Locked::current(&self.folder, Locked::shared, file::open_to_read)? else {
            (self.at, self.seen) = (None, None);
            return Ok(Vec::new());
        };
        let stamp = Stamp::of(log.file()).map_err(|fault| log.fault(fault))?;
        let log = Arc::new(log.release());
        let found = self.found(&log, stamp, count);
        found.map_err(|fault| AuditFault::io(&path, fault))
    }

    fn found(&mut self, log: &Arc<File>, stamp: Stamp, count: usize) -> io::Result<Vec<Entry>> {
        if let Some(behind) = self.behind.take() {
            self.at = self.look_for(&behind, log, stamp)?;
        }
        let (mut found, mut room, mut anew) = (Vec::new(), STEP, false);
        self.seen = None;
        loop {
            let mut at = match self.at.take() {
                Some(at) => at,
                None => At::beginning(self.after(None, log)?.unwrap_or_else(|| log.clone())),
            };
            let is_log = file::place(&at.file)? == stamp.place;
            let end = if is_log { stamp.length } else { at.file.metadata()?.len() };
            let left = self.read_file(&mut at, end, count, &mut room, &mut found)?;
            let next = match left {
                Left::Full => {
                    self.at = Some(at);
                    return Ok(found);
                }
                Left::Read if is_log => {
                    (self.at, self.seen) = (Some(at), Some(stamp));
                    return Ok(found);
                }
                Left::Read => self.after(Some(&at.file), log)?,
                Left::Another => None,
            };
            // None of the trail's files any more, or written anew: what there is now is read from its beginning. Once: who does so again and
            // again is looked at the next time.
            if next.is_none() && std::mem::replace(&mut anew, true) {
                return Ok(found);
            }
            self.at = next.map(At::beginning);
        }
    }

    /// The file behind this one, or the first. None: this one is none of the trail's.
    fn after(&self, file: Option<&File>, log: &Arc<File>) -> io::Result<Option<Arc<File>>> {
        let place = file.map(file::place).transpose()?;
        // A second name of a file, the log's too, is no second file: one would go round in a circle.
        let mut others = BTreeSet::from([file::place(log)?]);
        let mut is_next = place.is_none();
        for name in file::full_names(&self.folder).map_err(io::Error::other)? {
            let Some(full) = file::open_to_read(&self.folder.join(name)).map_err(io::Error::other)? else { continue };
            let full_place = file::place(&full)?;
            if others.insert(full_place) && is_next {
                return Ok(Some(Arc::new(full)));
            }
            is_next |= Some(full_place) == place;
        }
        Ok(is_next.then(|| log.clone()))
    }

    /// Reads on in one file, up to `end`.
    fn read_file(
        &mut self,
        at: &mut At,
        end: u64,
        count: usize,
        room: &mut u64,
        found: &mut Vec<Entry>,
    ) -> io::Result<Left> {
        let mut lines = at.lines(end);
        let mut from = at.from;
        if let Some(last) = &at.last {
            let Some((line, length)) = next_line(&mut lines, &mut self.octets)? else { return Ok(Left::Another) };
            if sound(&line).is_none_or(|entry| entry.head() != *last) {
                return Ok(Left::Another);
            }
            from = from.saturating_add(length);
        }
        let (mut begins, mut last) = (at.from, None);
        while found.len() < count && *room > 0 {
            let Some((line, length)) = next_line(&mut lines, &mut self.octets)? else {
                at.stop(begins, last);
                return Ok(Left::Read);
            };
            if let Some(entry) = sound(&line) {
                (begins, last) = (from, Some(entry.head()));
                found.push(entry);
                *room = room.saturating_sub(length);
            }
            from = from.saturating_add(length);
        }
        at.stop(begins, last);
        Ok(Left::Full)
    }

    /// Where this entry stands. None: nowhere.
    fn look_for(&mut self, wanted: &Head, log: &Arc<File>, stamp: Stamp) -> io::Result<Option<At>> {
        let digits = memmem::Finder::new(wanted.hash.as_str());
        let names = file::full_names(&self.folder).map_err(io::Error::other)?;
        let may_have = |name: &String| file::number_in(name).is_some_and(|last| last >= wanted.seq);
        let open = |name: &String| file::open_to_read(&self.folder.join(name)).map(|full| full.map(Arc::new));
        let full: Vec<_> = names.iter().filter(|name| may_have(name)).map(open).collect();
        for opened in full.into_iter().chain([Ok(Some(log.clone()))]) {
            let Some(opened) = opened.map_err(io::Error::other)? else { continue };
            let is_log = file::place(&opened)? == stamp.place;
            let end = if is_log { stamp.length } else { opened.metadata()?.len() };
            let mut at = At::beginning(opened);
            let (mut lines, mut from) = (at.lines(end), 0_u64);
            while let Some((line, length)) = next_line(&mut lines, &mut self.octets)? {
                if digits.find(&line).is_some() && sound(&line).is_some_and(|entry| entry.head() == *wanted) {
                    at.stop(from, Some(wanted.clone()));
                    return Ok(Some(at));
                }
                from = from.saturating_add(length);
            }
        }
        Ok(None)
    }
}

impl At {
    fn beginning(file: Arc<File>) -> Self {
        Self { file, from: 0, last: None }
    }

    /// The lines from here on.
    fn lines(&self, end: u64) -> BufReader<Take<Octets>> {
        let octets = Octets { file: self.file.clone(), at: self.from };
        BufReader::new(octets.take(end.saturating_sub(self.from)))
    }

    /// Behind this entry, if one was read.
    fn stop(&mut self, begins: u64, last: Option<Head>) {
        if last.is_some() {
            (self.from, self.last) = (begins, last);
        }
    }
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        let written = (found.mtime(), found.mtime_nsec());
        Ok(Self { place: (found.dev(), found.ino()), length: found.len(), written })
    }
}

/// A file from some place on, wherever others read in it.
struct Octets {
    file: Arc<File>,
    at: u64,
}

impl Read for Octets {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
}

/// A whole line, and the octets that it takes; none at the end. `octets` counts what was read for it.
fn next_line(from: &mut impl BufRead, octets: &mut u64) -> io::Result<Option<(Vec<u8>, u64)>> {
    let (mut line, length) = read_line(from)?;
    *octets = octets.saturating_add(length);
    Ok((line.pop() == Some(b'\n')).then_some((line, length)))
}

/// The entry that a line is, if its hash is right.
fn sound(line: &[u8]) -> Option<Entry> {
    Entry::read_sealed(line).ok().and_then(|(entry, sealed)| (entry.hash == sealed).then_some(entry))
}

#[cfg(test)]
mod tests;
