//! The file of a backup: one tar (POSIX.1-1988 ustar), whose entries are packed octets, with a manifest behind them (decision 46).
//!
//! In: names and octets, in the order that they are to stand in. Out: a file that has its name only once it was proven; and the same
//! octets again, or the name of the entry that is not what was written. What an entry means, how it is packed and whether it is
//! encrypted is `door::backup`'s business; nothing here knows a database, a message or a key.
//!
//! | file | what |
//! |---|---|
//! | `name` | what an entry may be called, so that no file of another's making leads out of a folder |
//! | `manifest` | what is in it: name, length and SHA-256 of each entry, and whose it is |
//! | `writer` | entries into a file beside its name |
//! | `index` | where the entries of a file are |
//! | `shelf` | a folder of backups, by their names |

mod index;
mod manifest;
mod name;
mod shelf;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use index::{Index, Place};
pub use manifest::{FORMAT, Line, MANIFEST, Manifest};
pub use name::is_name;
pub use shelf::{SCRATCH, Shelf, Stored};
pub use writer::{Unproven, Writer};
pub(crate) use writer::{beside, is_taken};

/// Entries of one file, at most: a quarantine of a million messages, and room beside it.
pub const ENTRIES: usize = 2_000_000;

/// Octets of a manifest, at most: it is read into memory. One that unpacks to more than [`Index::manifest_octets`] is none either.
pub const MANIFEST_OCTETS: u64 = 512 << 20;

/// Why a backup was not written, or is none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupFault {
    /// A file cannot be made, opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something in it is not what was written.
    #[error("{entry}: {what}")]
    Damaged {
        /// The entry, by its name.
        entry: String,
        /// What is wrong with it.
        what: String,
    },
    /// There is no manifest at its end.
    #[error("{}: no backup, or one whose end is missing", .0.display())]
    NoBackup(PathBuf),
    /// A later version wrote it.
    #[error("its format is {found}; this program reads {FORMAT}")]
    Format {
        /// What it is.
        found: u32,
    },
    /// This cannot be the name of an entry.
    #[error("{0}: this name is too long for a backup, or has characters that it does not take")]
    Name(String),
    /// Another process writes it.
    #[error("{}: another backup is being written there", .0.display())]
    Busy(PathBuf),
    /// There is one of this name.
    #[error("{}: there is such a file already", .0.display())]
    Exists(PathBuf),
    /// More entries than [`ENTRIES`].
    #[error("more than {ENTRIES} entries")]
    TooMany,
}

impl BackupFault {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn damaged(entry: &str, what: impl ToString) -> Self {
        Self::Damaged { entry: entry.to_owned(), what: what.to_string() }
    }
}
