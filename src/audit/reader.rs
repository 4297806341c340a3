//! Reading the trail from its beginning, line by line, as far as it went when it was opened: entries that come meanwhile are for the next
//! look.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _, Take},
    path::Path,
};

use super::{
    AuditFault, LINE,
    chain::{Chain, Flaw},
    entry::{Entry, Head},
    file, head,
};

/// The trail of a folder, being read.
pub type Stored = Reader<BufReader<Take<File>>>;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number, from 1.
    pub line: u64,
    /// What it says, sound or not; none if it is no entry.
    pub entry: Option<Entry>,
    /// What is wrong with it, or before it.
    pub flaws: Vec<Flaw>,
}

/// What was found at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The last entry that could be believed.
    pub last: Option<Head>,
    /// Octets behind the last whole line.
    pub torn: u64,
    /// What is wrong with the end.
    pub flaws: Vec<Flaw>,
}

/// Reads lines and follows their chain. Blocks.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    chain: Chain,
    line: u64,
    torn: u64,
}

impl Stored {
    /// The trail in `data_dir`; none if nothing was ever written there. Waits for whoever is writing, five seconds at most.
    pub fn open(data_dir: &Path) -> Result<Option<Self>, AuditFault> {
        let Some(log) = file::open_to_read(&data_dir.join(file::LOG))? else {
            // A head without a trail is one that lost all of its entries.
            return match head::read(data_dir)? {
                None => Ok(None),
                Some(head) => {
                    let nothing = file::open_to_read(&data_dir.join(file::HEAD))?;
                    Ok(nothing.map(|nothing| Reader::of(BufReader::new(nothing.take(0)), head.known())))
                }
            };
        };
        // Both at one time: an entry that came between the two would seem to be one that the head does not know.
        let locked = file::Locked::shared(log, data_dir)?;
        let head = head::read(data_dir)?.and_then(head::Found::known);
        let length = locked.length()?;
        Ok(Some(Reader::of(BufReader::new(locked.release().take(length)), head)))
    }
}

impl<R: BufRead> Reader<R> {
    /// Of these octets, and the head that was kept beside them.
    pub fn of(from: R, head: Option<Head>) -> Self {
        Self { from, chain: Chain::new(head), line: 0, torn: 0 }
    }

    /// The next whole line; none at the end.
    pub fn next_step(&mut self) -> io::Result<Option<Step>> {
        let (line, length) = self.read_line()?;
        let Some(whole) = line.strip_suffix(b"\n") else {
            self.torn = length;
            return Ok(None);
        };
        self.line = self.line.saturating_add(1);
        let (entry, flaws) = self.chain.take(whole);
        Ok(Some(Step { line: self.line, entry, flaws }))
    }

    /// What is to say at the end. Only once [`Reader::next_step`] had no more.
    pub fn finish(self) -> Ending {
        let last = self.chain.last();
        Ending { last, torn: self.torn, flaws: self.chain.finish(self.torn > 0) }
    }

    /// A line, or as much of it as could be one, with its end; and the octets that it takes.
    fn read_line(&mut self) -> io::Result<(Vec<u8>, u64)> {
        let mut line = Vec::new();
        let mut length = self.from.by_ref().take(LINE).read_until(b'\n', &mut line)? as u64;
        if line.ends_with(b"\n") || length < LINE {
            return Ok((line, length));
        }
        // Too long for an entry. What is kept of it is none either.
        line.truncate(1);
        loop {
            let buffered = self.from.fill_buf()?;
            let newline = memchr::memchr(b'\n', buffered);
            let used = newline.map_or(buffered.len(), |at| at.saturating_add(1));
            self.from.consume(used);
            length = length.saturating_add(used as u64);
            if newline.is_some() {
                line.push(b'\n');
            }
            if newline.is_some() || used == 0 {
                return Ok((line, length));
            }
        }
    }
}
