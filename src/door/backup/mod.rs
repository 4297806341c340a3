//! Backups: everything that a gateway has, in one file that was read back before it got its name (decision 46).
//!
//! In: where things are, and when. Out: a file, or the name of what stands in the way; and the same things again, each held against what
//! was written. It waits for nothing of the mail path, and nothing of the mail path waits for it.
//!
//! | file | what |
//! |---|---|
//! | `make` | what goes into a backup, in an order in which nothing that was acknowledged falls between two copies |
//! | `pack` | one file into one entry, packed and perhaps encrypted as content in the quarantine is |
//! | `opened` | entries out of a file, each held against the manifest |
//! | `trial` | the whole of it read back: hashes, the database, every message |
//! | `schedule` | when the next one is due |
//! | `keep` | backups made by themselves, and what is told of them |

mod keep;
mod make;
mod opened;
mod pack;
mod schedule;
#[cfg(test)]
pub(crate) mod tests;
mod trial;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub use keep::{Backups, Plan, keep};
pub use make::{Made, make};
pub use opened::{Opened, Part};
pub use schedule::Schedule;
pub use trial::{Tried, trial};

use crate::{
    audit::{AuditFault, Trail},
    backup::BackupFault,
    record::{
        UnixMillis,
        audit::{Action, Actor, Event},
    },
    store::{StoreFault, blob::Keys},
};

/// Where everything is that goes into a backup.
#[derive(Clone, Debug)]
pub struct Sources {
    /// `[gateway] hostname`
    pub hostname: String,
    /// `data_dir`: database, content, journal, history of the rules, audit trail.
    pub data_dir: PathBuf,
    /// `rules_dir`, whole.
    pub rules_dir: PathBuf,
    /// Folders of rules that are elsewhere.
    pub outside: Vec<PathBuf>,
    /// `portaria.toml`
    pub configuration: PathBuf,
    /// Private keys and passwords: only if somebody asks for them.
    pub secrets: Vec<PathBuf>,
    /// The keys that content is encrypted with, to read it back.
    pub content_keys: Arc<Keys>,
}

/// A backup to be made.
#[derive(Clone, Debug)]
pub struct Order {
    /// Of what.
    pub sources: Sources,
    /// The file. There is none.
    pub to: PathBuf,
    /// When it begins.
    pub at: UnixMillis,
    /// It is encrypted with the last of them; none: it is not.
    pub keys: Arc<Keys>,
    /// A pause behind each MiB, for who is in no hurry.
    pub pace: Duration,
}

/// How far it is, in octets that were read or written, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Done, and in all as far as that is known; 0: not yet.
    pub fn so_far(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    fn step(&self, octets: usize) {
        self.done.fetch_add(octets as u64, Ordering::Relaxed);
    }

    fn expect(&self, octets: u64) {
        self.total.fetch_add(octets, Ordering::Relaxed);
    }
}

/// Why there is no backup, or why one cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file.
    #[error(transparent)]
    File(#[from] BackupFault),
    /// The database, live or copied.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// Something that is to be copied cannot be read.
    #[error("{}: {source}", path.display())]
    Source {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk has not enough room for it.
    #[error("{}: {needed} octets are needed, and {free} are free", path.display())]
    NoRoom {
        /// Where.
        path: PathBuf,
        /// What it may take.
        needed: u64,
        /// What may be taken.
        free: u64,
    },
    /// A later version wrote its database.
    #[error("its database has schema {found}; this program reads {known}")]
    Schema {
        /// What it has.
        found: u32,
        /// What we know.
        known: u32,
    },
    /// A key was given, and this entry is not encrypted: whoever replaced it needed none.
    #[error("{0}: it is not encrypted, and a key was given")]
    NotEncrypted(String),
}

impl Fault {
    fn source(path: &Path, source: io::Error) -> Self {
        Self::Source { path: path.to_owned(), source }
    }
}

/// Writes into the trail what is about to be done, or that it was not. Blocks.
pub fn note(
    data_dir: &Path,
    at: UnixMillis,
    actor: Actor,
    action: Action,
    object: &Path,
    detail: BTreeMap<String, String>,
) -> Result<(), AuditFault> {
    let object = object.display().to_string();
    Trail::open(data_dir)?.append(&Event { at, actor, action, object, detail }).map(drop)
}

/// A folder for a moment, for this user alone. What a killed one left there is removed.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Beside a file: `FILE.scratch`. For whoever has the file for itself.
    pub fn beside(file: &Path) -> Result<Self, Fault> {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".scratch");
        let path = file.with_file_name(name);
        match std::fs::remove_dir_all(&path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(Fault::source(&path, fault)),
            _ => {}
        }
        let scratch = Self(path);
        scratch.folder("")?;
        Ok(scratch)
    }

    /// It.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Fault> {
        use std::os::unix::fs::DirBuilderExt as _;
        let path = if name.is_empty() { self.0.clone() } else { self.0.join(name) };
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|fault| Fault::source(&path, fault))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The next one that needs the place removes it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Work that blocks, beside the runtime.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|fault| Fault::source(Path::new("backup"), io::Error::other(fault)))?
}
