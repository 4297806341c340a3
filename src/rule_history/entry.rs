//! One set that came into force.

use serde::{Deserialize, Serialize};

use super::{
    difference::{self, Change},
    file_set::{FileSet, SetFile},
};
use crate::record::UnixMillis;

/// Why a set came into force when it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The gateway started.
    Start,
    /// SIGHUP.
    Signal,
    /// `portaria reload`, or a command that changed a file.
    Command,
    /// The files changed.
    Folder,
    /// `portaria rules rollback`.
    Rollback,
}

impl Cause {
    /// Stable, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Signal => "signal",
            Self::Command => "command",
            Self::Folder => "folder",
            Self::Rollback => "rollback",
        }
    }
}

/// What the gateway knows of a set that comes into force, beside its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// When.
    pub at: UnixMillis,
    /// By what.
    pub cause: Cause,
    /// The version that records name.
    pub policy: String,
    /// Subject rules.
    pub rules: usize,
    /// The YARA rules beside them.
    pub scanner_rules: Vec<ScannerRules>,
}

/// The YARA rules of one scanner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannerRules {
    /// Its name.
    pub scanner: String,
    /// The version that reports name.
    pub version: String,
}

/// A set that came into force, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3 …, in the order in which they came into force.
    pub number: u64,
    /// When.
    pub at: UnixMillis,
    /// By what.
    pub cause: Cause,
    /// The version that records name. Two entries may have the same: they differ in YARA rules, or one came back.
    pub policy: String,
    /// Subject rules.
    pub rules: usize,
    /// The YARA rules beside them.
    pub scanner_rules: Vec<ScannerRules>,
    /// Of all names and contents.
    pub fingerprint: String,
    /// In the order of their names.
    pub files: Vec<FileEntry>,
}

/// One file of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the rules folder; absolute when it was elsewhere.
    pub name: String,
    /// Where its content is kept.
    pub sha256: String,
    /// Octets.
    pub size: u64,
    /// The user whose file it was.
    pub owner: u32,
    /// When it was last written.
    pub written: UnixMillis,
}

impl Entry {
    pub(super) fn new(number: u64, set: &FileSet, facts: Facts) -> Self {
        let Facts { at, cause, policy, rules, scanner_rules } = facts;
        let files = set.files().iter().map(FileEntry::of).collect();
        Self { number, at, cause, policy, rules, scanner_rules, fingerprint: set.fingerprint(), files }
    }

    /// A set that could not be kept: it has no number.
    pub fn not_kept(set: &FileSet, facts: Facts) -> Self {
        Self::new(0, set, facts)
    }

    /// How the files of `set` differ from those of this one.
    pub fn changes_to(&self, set: &FileSet) -> Vec<Change> {
        let files: Vec<FileEntry> = set.files().iter().map(FileEntry::of).collect();
        difference::files(&self.files, &files)
    }

    /// Whether that is this set once more.
    pub(super) fn is(&self, fingerprint: &str, facts: &Facts) -> bool {
        self.fingerprint == fingerprint && self.policy == facts.policy && self.scanner_rules == facts.scanner_rules
    }

    /// The file of this name.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }
}

impl FileEntry {
    pub(super) fn of(file: &SetFile) -> Self {
        let SetFile { name, octets, sha256, owner, written } = file;
        let (name, sha256) = (name.clone(), sha256.clone());
        Self { name, sha256, size: octets.len() as u64, owner: *owner, written: *written }
    }
}
