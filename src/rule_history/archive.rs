//! The reading side: which sets there were, and their files. The gateway may write meanwhile: what it takes away is told as gone.

use std::{io, path::Path};

use super::{
    difference::Difference,
    entry::{Entry, FileEntry},
    file_set::FileSet,
    shelf::Shelf,
};

/// The sets that came into force, as they are kept now.
#[derive(Debug)]
pub struct Archive {
    shelf: Shelf,
    /// Newest first.
    entries: Vec<Entry>,
}

/// Why a set cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveFault {
    /// The folder cannot be read.
    #[error("the history of the rules cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// A content is gone or damaged.
    #[error("{name} of number {number} cannot be read: {fault}")]
    Content {
        /// The entry.
        number: u64,
        /// The file.
        name: String,
        /// Why.
        fault: io::Error,
    },
}

impl Archive {
    /// Reads all entries under `data_dir`; none when there is no history yet. Blocks.
    pub fn read(data_dir: &Path) -> Result<Self, ArchiveFault> {
        let shelf = Shelf::at(&data_dir.join("rules"));
        let numbers = match shelf.numbers() {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Vec::new(),
            numbers => numbers.map_err(ArchiveFault::Unreadable)?,
        };
        // One that the gateway takes away just now is no fault; nor does one that is damaged hide the others.
        let entries = numbers.into_iter().rev().filter_map(|number| shelf.entry(number).ok()).collect();
        Ok(Self { shelf, entries })
    }

    /// Newest first: the first one is in force, or was when the gateway last ran.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of this number; or the newest of this version, as records name it, or of the only one that begins so (6 digits or
    /// more).
    pub fn find(&self, name: &str) -> Option<&Entry> {
        let number: Option<u64> = name.parse().ok();
        let by_number = self.entries.iter().find(|entry| Some(entry.number) == number);
        let begins = |entry: &&Entry| name.len() >= 6 && entry.policy.starts_with(name);
        by_number.or_else(|| {
            let found = self.entries.iter().find(begins)?;
            let only = self.entries.iter().filter(begins).all(|entry| entry.policy == found.policy);
            only.then_some(found)
        })
    }

    /// The one that was in force before.
    pub fn before(&self, entry: &Entry) -> Option<&Entry> {
        self.entries.iter().find(|other| other.number < entry.number)
    }

    /// The content of a file, held against its hash. Blocks.
    pub fn content(&self, entry: &Entry, file: &FileEntry) -> Result<Vec<u8>, ArchiveFault> {
        let failed = |fault| ArchiveFault::Content { number: entry.number, name: file.name.clone(), fault };
        self.shelf.content(&file.sha256).map_err(failed)
    }

    /// What is otherwise in `new` than in the files that are there. Blocks.
    pub fn difference_from(&self, there: &FileSet, new: &Entry) -> Result<Difference, ArchiveFault> {
        let files: Vec<FileEntry> = there.files().iter().map(FileEntry::of).collect();
        let mut of_old = |file: &FileEntry| {
            let found = there.files().iter().find(|other| other.name == file.name);
            Ok(found.map(|found| found.octets.clone()).unwrap_or_default())
        };
        Difference::between(&files, &mut of_old, &new.files, &mut |file| self.content(new, file))
    }

    /// What is otherwise in `new` than in `old`. Blocks: changed files are read.
    pub fn difference(&self, old: Option<&Entry>, new: &Entry) -> Result<Difference, ArchiveFault> {
        let empty = Vec::new();
        let read = |entry: &Entry, file: &FileEntry| self.content(entry, file);
        let old_files = old.map_or(&empty, |old| &old.files);
        let mut of_old = |file: &FileEntry| old.map_or_else(|| Ok(Vec::new()), |old| read(old, file));
        let mut of_new = |file: &FileEntry| read(new, file);
        Difference::between(old_files, &mut of_old, &new.files, &mut of_new)
    }
}
