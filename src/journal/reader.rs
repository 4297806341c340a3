//! Reading the journal, also while it is written.
//!
//! A line without its end in the newest segment is still being written, or never will be: the reader waits before it. In an
//! older segment it is damage, which is told once and passed over. A damaged line never hides the ones behind it.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::{Entry, LINE, Position, segment};

/// What of a damaged line is shown, octets.
const SNIPPET: usize = 200;

/// A line that is no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Where it begins.
    pub position: Position,
    /// Its beginning, as text: not escaped.
    pub snippet: String,
    /// What is wrong with it.
    pub fault: String,
}

/// One line, and the place behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it says.
    pub entry: Result<Entry, Damaged>,
    /// Of an outcome the record's JSON, where it is at hand.
    pub text: Option<String>,
    /// Where to go on.
    pub next: Position,
}

/// Reads entries in order. Blocks: not for a runtime's worker.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    position: Position,
    open: Option<BufReader<File>>,
}

/// How a line ended.
enum Found {
    /// A whole line, its newline included.
    Line(Vec<u8>),
    /// A whole line above the bound: its beginning, and its length.
    Overlong(Vec<u8>, u64),
    /// No newline yet: its beginning, and its length (0: nothing there).
    Unfinished(Vec<u8>, u64),
}

impl Reader {
    /// From `from` on. A segment that is not there any more is passed over: it was removed because it is in the database.
    pub fn new(folder: &Path, from: Position) -> Self {
        Self { folder: folder.to_owned(), position: from, open: None }
    }

    /// Where the next line begins. Moves on to the next segment even when nothing stands in it yet.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next line; none while there is no whole one. After an error the same place is tried again.
    pub fn next_step(&mut self) -> io::Result<Option<Step>> {
        loop {
            // Asked before reading: a segment is only followed by another when nothing more is written to it. Within a buffer the
            // folder is not listed for each line; at the buffer's end everything is read and asked again.
            let buffered = self.open.as_ref().is_some_and(|open| !open.buffer().is_empty());
            let newer = if buffered { None } else { self.newer()? };
            let read = match self.read_line() {
                Ok(read) => read,
                Err(error) => {
                    self.open = None;
                    return Err(error);
                }
            };
            match (read, newer) {
                (Some(Found::Line(line)), _) => return Ok(Some(self.step(line.len() as u64, parse(&line), &line))),
                (Some(Found::Overlong(line, length)), _) => {
                    let fault = format!("a line of {length} octets");
                    return Ok(Some(self.step(length, Err(fault), &line)));
                }
                (Some(Found::Unfinished(line, length)), Some(_)) if length > 0 => {
                    let fault = "cut off: its end was never written".to_owned();
                    return Ok(Some(self.step(length, Err(fault), &line)));
                }
                (_, Some(newer)) => {
                    self.position = Position { segment: newer, offset: 0 };
                    self.open = None;
                }
                (_, None) => {
                    self.open = None;
                    if !buffered {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn step(&mut self, length: u64, entry: Result<Entry, String>, line: &[u8]) -> Step {
        let position = self.position;
        self.position.offset += length;
        let damaged = |fault| {
            let shown = line.get(..SNIPPET).unwrap_or(line);
            Damaged { position, snippet: String::from_utf8_lossy(shown).trim_end().to_owned(), fault }
        };
        Step { entry: entry.map_err(damaged), text: None, next: self.position }
    }

    /// The lowest segment above the present one.
    fn newer(&self) -> io::Result<Option<u64>> {
        Ok(segment::numbers(&self.folder)?.into_iter().find(|&number| number > self.position.segment))
    }

    /// The line at the present position, which does not move; none if the segment is not there.
    fn read_line(&mut self) -> io::Result<Option<Found>> {
        if self.open.is_none() {
            match OpenOptions::new().read(true).open(segment::path(&self.folder, self.position.segment)) {
                Ok(mut file) => {
                    file.seek(SeekFrom::Start(self.position.offset))?;
                    self.open = Some(BufReader::with_capacity(128 * 1024, file));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        self.open.as_mut().map(read_line).transpose()
    }
}

/// What stands in front of a place, for whoever was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// The beginning of a segment, or of all of them; or the segment is gone, as all are that the database has.
    Nothing,
    /// This entry ends there.
    Entry(Box<Entry>),
    /// A line ends there that is no entry.
    Damage,
    /// No line ends there: nobody who read this journal was ever at that place.
    NoEnd,
}

/// Looks at what stands in front of a place. Reads a line, and no more than the longest takes. Blocks.
pub(super) fn before(folder: &Path, place: Position) -> io::Result<Before> {
    let file = match OpenOptions::new().read(true).open(segment::path(folder, place.segment)) {
        Ok(file) if place.offset > 0 => file,
        Ok(_) => return Ok(Before::Nothing),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Before::Nothing),
        Err(error) => return Err(error),
    };
    let start = place.offset.saturating_sub(LINE as u64);
    let mut octets = vec![0; usize::try_from(place.offset - start).unwrap_or(LINE)];
    match file.read_exact_at(&mut octets, start) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Before::NoEnd),
        Err(error) => return Err(error),
    }
    let Some((b'\n', line)) = octets.split_last() else { return Ok(Before::NoEnd) };
    let line = memchr::memrchr(b'\n', line).and_then(|end| line.get(end + 1..)).unwrap_or(line);
    Ok(parse(line).map_or(Before::Damage, |entry| Before::Entry(Box::new(entry))))
}

fn read_line(from: &mut BufReader<File>) -> io::Result<Found> {
    let mut line = Vec::new();
    let read = from.by_ref().take(LINE as u64).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        return Ok(Found::Line(line));
    }
    let mut length = read as u64;
    if read < LINE {
        return Ok(Found::Unfinished(line, length));
    }
    line.truncate(SNIPPET);
    loop {
        let buffered = from.fill_buf()?;
        if buffered.is_empty() {
            return Ok(Found::Unfinished(line, length));
        }
        let newline = memchr::memchr(b'\n', buffered);
        let used = newline.map_or(buffered.len(), |at| at + 1);
        from.consume(used);
        length += used as u64;
        if newline.is_some() {
            return Ok(Found::Overlong(line, length));
        }
    }
}

fn parse(line: &[u8]) -> Result<Entry, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}
