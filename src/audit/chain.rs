//! The chain: whether lines follow one another as they were written. A machine without I/O.
//!
//! In: the lines, one after another, and the head that was kept beside them. Out: the entries, and what is wrong on which line. One damage is
//! told once: behind it the chain goes on from what stands there.

use super::entry::{Entry, Hash, Head};

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The line is none of ours: why.
    NotAnEntry(String),
    /// The line is not what it was when its hash was made.
    Altered,
    /// Entries that ought to stand before this line are not there.
    Missing {
        /// The first of them.
        first: u64,
        /// The last.
        last: u64,
    },
    /// An entry that belongs further up.
    OutOfOrder,
    /// A second entry with the number of the one before.
    Twice,
    /// Its number is right, and it follows another entry than the one before it: one of the two was written anew.
    Unchained,
    /// The last line has no end. Unless the head knows it, it was cut off while it was written, and nobody was told that it stands there.
    Torn,
    /// The end is gone: the head kept in `audit.head` is further on.
    TailMissing {
        /// The first entry that is not there.
        first: u64,
        /// The last, by the head.
        last: u64,
    },
    /// The head tells of another entry with this number: from there on, or up to there, the trail was written anew.
    HeadDiffers {
        /// The number.
        seq: u64,
    },
    /// The head is further back than a crash explains.
    HeadBehind {
        /// What it tells of.
        seq: u64,
    },
    /// There are entries, and no head that can be read.
    HeadMissing,
}

/// Where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The line, from 1; for what is wrong at the end, one behind the last.
    pub line: u64,
    /// What.
    pub kind: Kind,
}

/// What a line says, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What it says, sound or not; none: it is no entry.
    pub entry: Option<Entry>,
    /// Whether its hash is the one that it ought to have.
    pub is_sound: bool,
    /// What is wrong with it, or before it.
    pub flaws: Vec<Flaw>,
}

/// The last entry that was taken: what the next one may say that it follows.
#[derive(Debug)]
struct Last {
    seq: u64,
    /// As it stands there, and as it ought to be: of a line that was altered either may be the true one.
    hashes: [Hash; 2],
}

/// Reads along.
#[derive(Debug)]
pub struct Chain {
    head: Option<Head>,
    line: u64,
    last: Option<Last>,
    /// Lines since then that say nothing that could be believed, each of which may have been an entry.
    lost: u64,
    /// The entry that the head tells of was seen, and is another one.
    head_differs: bool,
}

impl Chain {
    /// From the first line on. `head`: what stood in `audit.head` when the end of the file was determined.
    pub fn new(head: Option<Head>) -> Self {
        Self { head, line: 0, last: None, lost: 0, head_differs: false }
    }

    /// Behind this entry, which stands elsewhere.
    #[must_use]
    pub fn behind(mut self, before: &Head) -> Self {
        self.last = Some(Last { seq: before.seq, hashes: [before.hash.clone(), before.hash.clone()] });
        self
    }

    /// The lines that follow stand in the next file. `torn`: behind the last whole line of this one stands one without its end, which no
    /// writer leaves there: it was cut.
    pub fn next_file(&mut self, torn: bool) -> Vec<Flaw> {
        self.line = self.line.saturating_add(1);
        let flaws = if torn { self.lose(Kind::Torn) } else { Vec::new() };
        self.line = 0;
        flaws
    }

    /// The next whole line, without its end. It is hashed once: a trail is verified as fast as that goes.
    pub fn take(&mut self, line: &[u8]) -> Taken {
        self.line = self.line.saturating_add(1);
        let (entry, sealed) = match Entry::read_sealed(line) {
            Ok(read) => read,
            Err(why) => return Taken { flaws: self.lose(Kind::NotAnEntry(why)), ..Taken::default() },
        };
        let is_sound = entry.hash == sealed;
        let flaws = self.follow(&entry, sealed, is_sound);
        Taken { entry: Some(entry), is_sound, flaws }
    }

    fn follow(&mut self, entry: &Entry, sealed: Hash, is_sound: bool) -> Vec<Flaw> {
        let before = self.last.as_ref().map_or(0, |last| last.seq);
        let next = before.saturating_add(1);
        let latest = next.saturating_add(self.lost);
        if !is_sound && !(next..=latest).contains(&entry.seq) {
            // Not even its number can be believed.
            return self.lose(Kind::Altered);
        }
        let mut flaws = Vec::new();
        if !is_sound {
            flaws.push(self.flaw(Kind::Altered));
        }
        if entry.seq < next {
            let kind = if entry.seq == before { Kind::Twice } else { Kind::OutOfOrder };
            flaws.push(self.flaw(kind));
            return flaws;
        }
        if entry.seq > latest {
            flaws.push(self.flaw(Kind::Missing { first: latest, last: entry.seq.saturating_sub(1) }));
        } else if entry.seq == next && !self.follows(entry) {
            flaws.push(self.flaw(Kind::Unchained));
        }
        self.head_differs |= self.head.as_ref().is_some_and(|head| head.seq == entry.seq && head.hash != entry.hash);
        self.last = Some(Last { seq: entry.seq, hashes: [entry.hash.clone(), sealed] });
        self.lost = 0;
        flaws
    }

    /// Nothing more comes. `torn`: behind the last whole line stands one without its end.
    pub fn finish(mut self, torn: bool) -> Vec<Flaw> {
        self.line = self.line.saturating_add(1);
        let mut flaws = Vec::new();
        if torn {
            flaws.push(self.flaw(Kind::Torn));
        }
        let last = self.last.as_ref().map_or(0, |last| last.seq);
        let kind = match &self.head {
            None if last > 0 || self.lost > 0 => Some(Kind::HeadMissing),
            None => None,
            Some(head) if self.head_differs => Some(Kind::HeadDiffers { seq: head.seq }),
            // What stands there and cannot be read may be what seems to be gone.
            Some(head) if head.seq > last.saturating_add(self.lost) => {
                let first = last.saturating_add(self.lost).saturating_add(1);
                Some(Kind::TailMissing { first, last: head.seq })
            }
            // A crash between entry and head leaves one entry that the head does not know.
            Some(head) if head.seq.saturating_add(1) < last => Some(Kind::HeadBehind { seq: head.seq }),
            Some(_) => None,
        };
        flaws.extend(kind.map(|kind| self.flaw(kind)));
        flaws
    }

    /// The last entry that could be believed.
    pub fn last(&self) -> Option<Head> {
        let last = self.last.as_ref()?;
        let [hash, _] = last.hashes.clone();
        Some(Head { seq: last.seq, hash })
    }

    fn follows(&self, entry: &Entry) -> bool {
        match &self.last {
            Some(last) => last.hashes.contains(&entry.previous),
            None => entry.previous == Hash::none(),
        }
    }

    fn lose(&mut self, kind: Kind) -> Vec<Flaw> {
        self.lost = self.lost.saturating_add(1);
        vec![self.flaw(kind)]
    }

    fn flaw(&self, kind: Kind) -> Flaw {
        Flaw { line: self.line, kind }
    }
}
