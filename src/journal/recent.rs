//! What was appended last, in memory for whoever fills the database: to read it back from the file cost more than to write it.
//!
//! In: each entry with its place, in the order of the file. Out: the same, to a reader who stands exactly at the place of the first one.
//! Nothing rests on it. What is not here (more than is kept, another segment, another run, a line that failed) stands in the file, and a
//! reader whose place is not here is sent there.

use std::collections::VecDeque;

use super::{Entry, Position, Step};

/// Lines are kept up to this, octets: about two seconds of the fastest load measured. In memory an entry is about twice its line, and a
/// record's line besides. When nobody takes them (the database is away), what comes later is left to the file.
const KEPT: u64 = 4 * 1024 * 1024;

/// What a reader at a place gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Recently {
    /// The entries from there on, at least one, without a gap.
    Steps(Vec<Step>),
    /// Nothing was appended behind this place.
    Nothing,
    /// Look into the file.
    InTheFile,
}

/// One entry, where its line begins, and how long that is, octets.
#[derive(Debug)]
struct Kept {
    at: Position,
    length: u64,
    entry: Entry,
    text: Option<String>,
}

/// The last entries.
#[derive(Debug)]
pub(super) struct Recent {
    kept: VecDeque<Kept>,
    octets: u64,
    /// Behind the last line that was written, kept or not.
    end: Position,
}

impl Recent {
    /// Of a journal that begins with `segment`.
    pub(super) fn new(segment: u64) -> Self {
        Self { kept: VecDeque::new(), octets: 0, end: Position { segment, offset: 0 } }
    }

    /// Behind the last line.
    pub(super) fn end(&self) -> Position {
        self.end
    }

    /// How many entries stand here behind `from`, and the octets of their lines.
    pub(super) fn waiting(&mut self, from: Position) -> (usize, u64) {
        self.forget_before(from);
        (self.kept.len(), self.octets)
    }

    /// A line of `length` octets was written at `at`; `text` is what it says of a record. To be called in the order of the writes.
    pub(super) fn add(&mut self, at: Position, length: u64, entry: Entry, text: Option<String>) {
        self.end = behind(at, length);
        if self.octets.saturating_add(length) <= KEPT {
            self.octets += length;
            self.kept.push_back(Kept { at, length, entry, text });
        }
    }

    /// What stands behind `from`: at most `count` entries, and no more once there are `octets` of them.
    pub(super) fn take(&mut self, from: Position, count: usize, octets: u64) -> Recently {
        self.forget_before(from);
        let (mut steps, mut place, mut taken) = (Vec::new(), from, 0);
        while steps.len() < count && taken < octets {
            let Some(next) = self.kept.pop_front_if(|kept| kept.at == place) else { break };
            self.octets = self.octets.saturating_sub(next.length);
            place = behind(place, next.length);
            taken += next.length;
            steps.push(Step { entry: Ok(next.entry), text: next.text, next: place });
        }
        match steps.is_empty() {
            false => Recently::Steps(steps),
            true if from == self.end => Recently::Nothing,
            true => Recently::InTheFile,
        }
    }

    /// Whoever stands at `from` has what is before it, out of the file.
    fn forget_before(&mut self, from: Position) {
        while let Some(kept) = self.kept.pop_front_if(|kept| kept.at < from) {
            self.octets = self.octets.saturating_sub(kept.length);
        }
    }
}

fn behind(at: Position, length: u64) -> Position {
    Position { segment: at.segment, offset: at.offset.saturating_add(length) }
}
