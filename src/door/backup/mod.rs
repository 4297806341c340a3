//! Backups: everything that a gateway has, in one file that was read back before it got its name (decision 46).
//!
//! In: where things are, and when. Out: a file, or the name of what stands in the way; and the same things again, each held against what
//! was written. It waits for nothing of the mail path, and nothing of the mail path waits for it.
//!
//! | file | what |
//! |---|---|
//! | `make` | what goes into a backup, in an order in which nothing that was acknowledged falls between two copies |
//! | `room` | whether the disk has room for it |
//! | `pack` | one file into one entry, packed and perhaps encrypted as content in the quarantine is |
//! | `content` | a held message on its way through, held against its row |
//! | `opened` | entries out of a file, each held against the manifest |
//! | `scratch` | a folder for what is unpacked on the way |
//! | `trial` | the whole of it read back: hashes, the database, every message |
//! | `schedule` | when the next one is due |
//! | `keep` | backups made by themselves |
//! | `standing` | what is told of them |

mod content;
mod keep;
mod make;
mod opened;
mod pack;
mod room;
mod schedule;
mod scratch;
mod standing;
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

use tokio_util::sync::CancellationToken;

pub use keep::{Plan, keep};
pub use make::{Made, make};
pub use opened::{Opened, Part};
pub use schedule::Schedule;
pub use scratch::Scratch;
pub use standing::Backups;
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

/// How far it is, in octets that were read or written, for whoever watches; and whether it is to go on.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    stop: CancellationToken,
}

impl Progress {
    /// Done, and in all as far as that is known; 0: not yet.
    pub fn so_far(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// Whoever works on it ends at the next piece, with [`Fault::Stopped`], and leaves nothing. Who is killed instead leaves what a sweep has
    /// to find, a plain copy of the database among it.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// So much more. A fault: it was stopped.
    fn step(&self, octets: usize) -> Result<(), Fault> {
        self.done.fetch_add(octets as u64, Ordering::Relaxed);
        if self.stop.is_cancelled() { Err(Fault::Stopped) } else { Ok(()) }
    }

    /// What the database does by itself, in one step as long as it takes, unless it is stopped before. Nobody waits then for what it still
    /// writes: the folder that it writes to is removed.
    async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T, StoreFault>>) -> Result<T, Fault> {
        tokio::select! {
            done = work => Ok(done?),
            () = self.stop.cancelled() => Err(Fault::Stopped),
        }
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
    /// Somebody stopped it.
    #[error("it was stopped before its end")]
    Stopped,
    /// A later version wrote its database.
    #[error("its database has schema {found}; this program reads {known}")]
    Schema {
        /// What it has.
        found: u32,
        /// What we know.
        known: u32,
    },
    /// It is encrypted, and no key was given at all.
    #[error("it is encrypted with the key `{0}`, and no key was given")]
    Encrypted(String),
    /// A key was given, and this entry is not encrypted: whoever replaced it needed none.
    #[error("{0}: it is not encrypted, and a key was given")]
    NotEncrypted(String),
}

impl Fault {
    /// Whether it says nothing of the backup that was to be read: a disk that is full, a file or a folder that cannot be read or written, keys
    /// that were not given. The same file may be good.
    pub fn is_ours(&self) -> bool {
        match self {
            Self::Source { .. } | Self::NoRoom { .. } | Self::Encrypted(_) | Self::Stopped => true,
            Self::File(fault) => {
                matches!(fault, BackupFault::Io { .. } | BackupFault::Busy(_) | BackupFault::Exists(_))
            }
            Self::Store(fault) => fault.is_of_the_disk(),
            Self::Schema { .. } | Self::NotEncrypted(_) => false,
        }
    }

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

/// Work that blocks, beside the runtime.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|fault| Fault::source(Path::new("backup"), io::Error::other(fault)))?
}
