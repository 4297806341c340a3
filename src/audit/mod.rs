//! The audit trail: who did what to whom, on local disk, before it takes effect (decision 39).
//!
//! In: an [`Event`]. Out: the [`Entry`] that says it, once it is on the disk; and all entries again, with whatever is wrong with them.
//! The trail does not know what an action means, and decides nothing: whoever calls does not act without its entry.
//!
//! Once it is full, `audit.log` gets a name with a number and stays, and a new one goes on behind it (`turning`).
//!
//! `data_dir/audit.log` has one JSON object a line (`entry`), each with the hash of the one before, so that a changed, removed or
//! moved line is seen (`chain`). `data_dir/audit.head` has the last entry's number and hash, so that removed last lines are seen too (`head`).
//! Commands and the gateway append, one at a time, by a lock on the log (`file`). `docs/audit.md` has the format for whoever
//! verifies it without this program, and what the chain does not show.

mod account;
pub mod chain;
pub mod entry;
mod file;
mod follow;
mod head;
mod mend;
mod parts;
mod reader;
mod turning;

#[cfg(test)]
pub(crate) mod tests;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::record::audit::Event;
pub use account::account_name;
pub use chain::{Flaw, Kind};
pub use entry::{Entry, Hash, Head, word};
pub use file::{HEAD, LOG};
pub use follow::Follower;
pub use parts::Parts;
pub use reader::{Ending, Reader, Step, Stored};

/// A line is no longer than this, its end included, octets.
pub const LINE: u64 = 64 * 1024;

/// Why an entry was not written, or the trail not read. What was to be audited is then not done.
#[derive(Debug, Error)]
pub enum AuditFault {
    /// A file cannot be made, opened, read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody has held it for five seconds.
    #[error("{0}: another process holds it")]
    Busy(PathBuf),
    /// A link, a pipe, a device: somebody put it there.
    #[error("{0}: not an ordinary file")]
    NotAFile(PathBuf),
    /// The entry would be a line above [`LINE`].
    #[error("an entry of {0} octets is above {LINE}")]
    TooLong(usize),
}

impl AuditFault {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// Octets of `audit.log`, if it was full when somebody wrote into it last, and is the log all the same: no new file can be begun in the
/// folder. Looked at rather than told: most who write are commands, and gone.
pub fn overlong(data_dir: &Path) -> Result<Option<u64>, AuditFault> {
    let Some(log) = file::open_to_read(&data_dir.join(LOG))? else { return Ok(None) };
    let length = log.metadata().map_err(|fault| AuditFault::io(&data_dir.join(LOG), fault))?.len();
    Ok(Some(length).filter(|length| *length >= turning::FULL.saturating_add(LINE)))
}

/// The writing end. Any number of processes have one.
#[derive(Clone, Debug)]
pub struct Trail {
    folder: PathBuf,
    full: turning::Full,
}

impl Trail {
    /// The trail in `data_dir`, which is there. Makes its files if they are not, owned as the folder is, and fails if they cannot be
    /// written: whoever asks before acting need not take anything back.
    pub fn open(data_dir: &Path) -> Result<Self, AuditFault> {
        file::open_to_write(data_dir, file::LOG)?;
        Ok(Self { folder: data_dir.to_owned(), full: turning::Full::default() })
    }

    /// Appends an entry, and returns when it is on the disk. On an error nothing of it is believed to stand there: what was to be
    /// done is not to be done. Should the process be killed before this returns, the entry may stand there all the same.
    ///
    /// If the end of the trail is not as the last writer left it, an entry in front of this one says so ([`Action::TrailRepaired`],
    /// [`Action::TrailDamaged`]). Blocks for a few milliseconds, at most five seconds while others write: not for a runtime's worker.
    ///
    /// [`Action::TrailRepaired`]: crate::record::audit::Action::TrailRepaired
    /// [`Action::TrailDamaged`]: crate::record::audit::Action::TrailDamaged
    pub fn append(&self, event: &Event) -> Result<Entry, AuditFault> {
        // Opened anew each time: the files may have been put away since.
        let opened = |_: &Path| file::open_to_write(&self.folder, file::LOG).map(Some);
        let locked = file::Locked::current(&self.folder, file::Locked::exclusive, opened)?;
        let mut locked = locked.ok_or_else(|| AuditFault::Busy(self.folder.join(file::LOG)))?;
        let end = mend::end(&locked, &self.folder)?;
        let mut last = end.last;
        if let Some(found) = end.found {
            let told = Event { at: event.at, actor: event.actor.clone(), ..found };
            last = self.write(&locked, &last, &told)?.head();
        }
        if turning::is_due(&locked, event.at, self.full)? {
            match turning::turn(&locked, &self.folder, &last, event)? {
                turning::Turned::To(turned, first) => {
                    turning::tell(None);
                    (locked, last) = (turned, first);
                }
                // A log that is too long is better than none. The gateway looks at its length, whoever wrote (`overlong`).
                turning::Turned::Not(fault) => turning::tell(Some(&fault)),
            }
        }
        self.write(&locked, &last, event)
    }

    fn write(&self, locked: &file::Locked, last: &Head, event: &Event) -> Result<Entry, AuditFault> {
        let entry = Entry::following(last, event);
        let line = entry.line() + "\n";
        if line.len() as u64 > LINE {
            return Err(AuditFault::TooLong(line.len()));
        }
        let before = locked.length()?;
        let mut log = locked.file();
        let written =
            log.write_all(line.as_bytes()).and_then(|()| log.sync_data()).map_err(|fault| locked.fault(fault));
        if let Err(fault) = written.and_then(|()| head::write(&self.folder, &entry.head())) {
            // Nobody was told of it. If it cannot be taken back it is a line of something that was not done, which is the better error.
            let _ = log.set_len(before);
            if last.seq > 0 {
                let _ = head::write(&self.folder, last);
            }
            return Err(fault);
        }
        Ok(entry)
    }
}
