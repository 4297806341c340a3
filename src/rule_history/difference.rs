//! What changed between two sets: files, and in those of rules and lists each entry by its name. A rule that only moved to another file, or
//! whose comments changed, has not changed.

use std::{collections::BTreeMap, path::Path};

use toml::{Table, Value};

use super::entry::FileEntry;
use crate::policy::rule::text_of;

/// How something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was not there before.
    Added,
    /// It is otherwise.
    Changed,
    /// It is not there any more.
    Removed,
}

impl Kind {
    /// Stable, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }

    /// In one character, for people.
    pub fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Changed => '~',
            Self::Removed => '-',
        }
    }
}

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// A file; or a table as its file names it: `rule`, `blocked`, `application`.
    pub what: String,
    /// Its name: the file's, the rule's id, the mailbox. Empty where there is only one (`[contingency]`).
    pub name: String,
    /// How.
    pub kind: Kind,
}

/// What is otherwise in the second of two sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Files, in the order of their names; `what` is `file`.
    pub files: Vec<Change>,
    /// Entries of rule files and lists, in the order of their kinds and names. None of files that are not TOML.
    pub entries: Vec<Change>,
}

/// The keys by which an entry of a list is named, the first that it has.
const NAMES: [&str; 6] = ["id", "mailbox", "name", "address", "signature", "rule"];

impl Difference {
    /// Between two sets, whose contents are asked for only where names or hashes differ.
    pub(super) fn between<E>(
        old: &[FileEntry],
        of_old: &mut dyn FnMut(&FileEntry) -> Result<Vec<u8>, E>,
        new: &[FileEntry],
        of_new: &mut dyn FnMut(&FileEntry) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let files = files(old, new);
        let touched = |file: &&FileEntry| files.iter().any(|change| change.name == file.name) && is_list(&file.name);
        let gather = |side: &[FileEntry], read: &mut dyn FnMut(&FileEntry) -> Result<Vec<u8>, E>| {
            let mut found = BTreeMap::new();
            for file in side.iter().filter(touched) {
                collect(&file.name, &read(file)?, &mut found);
            }
            Ok(found)
        };
        let (before, after) = (gather(old, of_old)?, gather(new, of_new)?);
        Ok(Self { files, entries: compared(&before, &after) })
    }

    /// Whether nothing is otherwise.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// By names and hashes.
pub(super) fn files(old: &[FileEntry], new: &[FileEntry]) -> Vec<Change> {
    let hashes = |files: &[FileEntry]| -> BTreeMap<(String, String), String> {
        files.iter().map(|file| (("file".to_owned(), file.name.clone()), file.sha256.clone())).collect()
    };
    compared(&hashes(old), &hashes(new))
}

fn compared<V: PartialEq>(old: &BTreeMap<(String, String), V>, new: &BTreeMap<(String, String), V>) -> Vec<Change> {
    let change = |(what, name): &(String, String), kind| Change { what: what.clone(), name: name.clone(), kind };
    let here = new.iter().filter_map(|(key, value)| match old.get(key) {
        None => Some(change(key, Kind::Added)),
        Some(before) => (before != value).then(|| change(key, Kind::Changed)),
    });
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| change(key, Kind::Removed));
    let mut all: Vec<Change> = here.chain(gone).collect();
    all.sort_by(|one, other| (&one.what, &one.name).cmp(&(&other.what, &other.name)));
    all
}

/// Rule files and lists of the rules folder; not the examples beside YARA rules, which have no names.
fn is_list(name: &str) -> bool {
    name.ends_with(".toml") && (!name.contains('/') || name.starts_with("subjects/"))
}

/// Every entry of a file. What is not TOML has none: then the file is all that is told of.
fn collect(name: &str, octets: &[u8], found: &mut BTreeMap<(String, String), Value>) {
    let Ok(text) = text_of(Path::new(name), octets) else { return };
    let Ok(table) = text.parse::<Table>() else { return };
    for (what, value) in table {
        match value {
            Value::Array(rows) if rows.iter().all(Value::is_table) => {
                for (nth, row) in rows.into_iter().enumerate() {
                    let called = NAMES.iter().find_map(|key| row.get(key)?.as_str()).map(str::to_owned);
                    let called = called.unwrap_or_else(|| (nth + 1).to_string());
                    found.insert((what.clone(), unused(&what, called, found)), row);
                }
            }
            value => drop(found.insert((what, String::new()), value)),
        }
    }
}

/// A mailbox may be blocked twice (to send, to receive): the second is `name (2)`.
fn unused(what: &str, called: String, found: &BTreeMap<(String, String), Value>) -> String {
    let taken = |name: &String| found.contains_key(&(what.to_owned(), name.clone()));
    let more = (2..).map(|nth: u32| format!("{called} ({nth})"));
    std::iter::once(called.clone()).chain(more).find(|name| !taken(name)).unwrap_or(called)
}
