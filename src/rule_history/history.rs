//! The writing side: a set came into force, and is kept; the oldest go.

use std::{collections::BTreeSet, io, path::Path, time::Duration};

use super::{
    entry::{Entry, Facts},
    file_set::FileSet,
    shelf::Shelf,
};
use crate::record::UnixMillis;

/// Octets of all contents together; above, the oldest entries go. A directory of 32 MiB that changes every day would be 3 GiB in 90.
const OCTETS: u64 = 1 << 30;

/// How much is kept. The set in force always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Entries; at least 1.
    pub entries: usize,
    /// Entries that have not been in force for so long go.
    pub age: Duration,
}

/// The sets that came into force, newest last. One process writes it: the gateway, which has its `data_dir` for itself.
#[derive(Debug)]
pub struct History {
    shelf: Shelf,
    bounds: Bounds,
    /// [`OCTETS`], but for a test.
    pub(super) octets: u64,
    /// None: not read yet, or the folder could not be used last time.
    entries: Option<Vec<Entry>>,
}

impl History {
    /// In `data_dir/rules`, which is made when the first set is noted.
    pub fn new(data_dir: &Path, bounds: Bounds) -> Self {
        Self { shelf: Shelf::at(&data_dir.join("rules")), bounds, octets: OCTETS, entries: None }
    }

    /// Keeps a set that is about to come into force, and says under which entry. The one that is newest already, files and versions
    /// alike, stays that one: a restart is no change. Blocks.
    pub fn note(&mut self, set: &FileSet, facts: Facts) -> io::Result<Entry> {
        let mut entries = match self.entries.take() {
            Some(entries) => entries,
            None => self.open()?,
        };
        let fingerprint = set.fingerprint();
        if let Some(same) = entries.last().filter(|newest| newest.is(&fingerprint, &facts)).cloned() {
            self.entries = Some(entries);
            return Ok(same);
        }
        for file in set.files() {
            self.shelf.keep_content(file)?;
        }
        let entry = Entry::new(entries.last().map_or(1, |newest| newest.number.saturating_add(1)), set, facts);
        self.shelf.keep_entry(&entry)?;
        entries.push(entry.clone());
        self.forget(&mut entries, entry.at)?;
        self.entries = Some(entries);
        Ok(entry)
    }

    fn open(&self) -> io::Result<Vec<Entry>> {
        self.shelf.prepare()?;
        let mut entries = Vec::new();
        for number in self.shelf.numbers()? {
            match self.shelf.entry(number) {
                Ok(entry) => entries.push(entry),
                // It was whole when it had its name. Somebody may still want to look at it; nothing of it is removed, nor counted.
                Err(fault) => tracing::warn!(number, %fault, "an entry of the rules' history cannot be read"),
            }
        }
        Ok(entries)
    }

    /// Takes away the oldest entries until all bounds hold, then every content that no entry names.
    fn forget(&self, entries: &mut Vec<Entry>, now: UnixMillis) -> io::Result<()> {
        let before = entries.len();
        while let [oldest, next, ..] = entries.as_slice() {
            // One is out of force since the next came.
            let age = Duration::from_millis(u64::try_from(now.saturating_sub(next.at)).unwrap_or(0));
            if entries.len() <= self.bounds.entries && age <= self.bounds.age && octets(entries) <= self.octets {
                break;
            }
            self.shelf.forget_entry(oldest.number)?;
            entries.remove(0);
        }
        if entries.len() < before {
            // An entry that cannot be read now may be another day, by hand: then nothing is swept.
            if self.shelf.numbers()?.len() == entries.len() {
                let kept = entries.iter().flat_map(|entry| &entry.files).map(|file| file.sha256.as_str()).collect();
                self.shelf.forget_contents_but(&kept)?;
            }
        }
        Ok(())
    }
}

/// Of all contents, each counted once.
fn octets(entries: &[Entry]) -> u64 {
    let files = entries.iter().flat_map(|entry| &entry.files);
    let each: BTreeSet<(&str, u64)> = files.map(|file| (file.sha256.as_str(), file.size)).collect();
    each.iter().map(|(_, size)| size).sum()
}
