//! Reading the trail from its beginning, line by line, as far as it went when it was opened: entries that come meanwhile are for the next
//! look.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader, Read as _, Take},
    path::Path,
    sync::Arc,
};

use super::{
    AuditFault, LINE,
    chain::{Chain, Flaw, Taken},
    entry::{Entry, Head},
    file, head,
};

type Part = BufReader<Take<File>>;

/// The trail of a folder, being read: the files that are full, in their order, and `audit.log`.
#[derive(Debug)]
pub struct Stored {
    reader: Reader<Part>,
    file: Arc<str>,
    rest: VecDeque<(Arc<str>, Part)>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The file in which it stands; of octets without a name, nothing.
    pub file: Arc<str>,
    /// Its number in it, from 1.
    pub line: u64,
    /// What it says, sound or not; none if it is no entry.
    pub entry: Option<Entry>,
    /// Whether its hash is right.
    pub is_sound: bool,
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
        // All at one time: an entry that came between log and head would seem to be one that the head does not know.
        let locked = file::Locked::current(data_dir, file::Locked::shared, file::open_to_read)?;
        let head = head::read(data_dir)?;
        let has_log = locked.is_some();
        let mut logs = file::logs(data_dir, locked)?;
        if !has_log && let Some(nothing) = file::open_to_read(&data_dir.join(file::HEAD))? {
            // A head without a log is one that lost all of its entries.
            logs.push((file::LOG.to_owned(), nothing.take(0)));
        }
        let part = |(name, log): (String, Take<File>)| (Arc::from(name), BufReader::new(log));
        let mut rest: VecDeque<(Arc<str>, Part)> = logs.into_iter().map(part).collect();
        let Some((file, first)) = rest.pop_front() else { return Ok(None) };
        Ok(Some(Self { reader: Reader::of(first, head.and_then(head::Found::known)), file, rest }))
    }

    /// The next line; none at the end.
    pub fn next_step(&mut self) -> io::Result<Option<Step>> {
        loop {
            if let Some(step) = self.reader.next_step()? {
                return Ok(Some(Step { file: self.file.clone(), ..step }));
            }
            let Some((name, part)) = self.rest.pop_front() else { return Ok(None) };
            let cut = self.reader.turn_to(part);
            let file = std::mem::replace(&mut self.file, name);
            if let Some(step) = cut {
                return Ok(Some(Step { file, ..step }));
            }
        }
    }

    /// What is to say at the end of `audit.log`. Only once [`Stored::next_step`] had no more.
    pub fn finish(self) -> Ending {
        self.reader.finish()
    }
}

impl<R: BufRead> Reader<R> {
    /// Of these octets, and the head that was kept beside them.
    pub fn of(from: R, head: Option<Head>) -> Self {
        Self { from, chain: Chain::new(head), line: 0, torn: 0 }
    }

    /// The same, where the first line follows an entry of another file.
    #[must_use]
    pub fn behind(self, before: &Head) -> Self {
        Self { chain: self.chain.behind(before), ..self }
    }

    /// Goes on in the next file. A step: what stood at the end of the one before and is no line.
    fn turn_to(&mut self, from: R) -> Option<Step> {
        self.from = from;
        let flaws = self.chain.next_file(std::mem::take(&mut self.torn) > 0);
        let line = std::mem::take(&mut self.line).saturating_add(1);
        (!flaws.is_empty()).then(|| Step { file: Arc::default(), line, entry: None, is_sound: false, flaws })
    }

    /// The next whole line; none at the end.
    pub fn next_step(&mut self) -> io::Result<Option<Step>> {
        let (line, length) = read_line(&mut self.from)?;
        let Some(whole) = line.strip_suffix(b"\n") else {
            self.torn = length;
            return Ok(None);
        };
        self.line = self.line.saturating_add(1);
        let Taken { entry, is_sound, flaws } = self.chain.take(whole);
        Ok(Some(Step { file: Arc::default(), line: self.line, entry, is_sound, flaws }))
    }

    /// What is to say at the end. Only once [`Reader::next_step`] had no more.
    pub fn finish(self) -> Ending {
        let last = self.chain.last();
        Ending { last, torn: self.torn, flaws: self.chain.finish(self.torn > 0) }
    }
}

/// A line, or as much of it as could be one, with its end; and the octets that it takes.
pub(super) fn read_line(from: &mut impl BufRead) -> io::Result<(Vec<u8>, u64)> {
    let mut line = Vec::new();
    let mut length = from.by_ref().take(LINE).read_until(b'\n', &mut line)? as u64;
    if line.ends_with(b"\n") || length < LINE {
        return Ok((line, length));
    }
    // Too long for an entry. What is kept of it is none either.
    line.truncate(1);
    loop {
        let buffered = from.fill_buf()?;
        let newline = memchr::memchr(b'\n', buffered);
        let used = newline.map_or(buffered.len(), |at| at.saturating_add(1));
        from.consume(used);
        length = length.saturating_add(used as u64);
        if newline.is_some() {
            line.push(b'\n');
        }
        if newline.is_some() || used == 0 {
            return Ok((line, length));
        }
    }
}
