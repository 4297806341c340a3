//! The audit trail's copy in the database: what commands and the gateway wrote into the file, in its order, a few seconds later (decision 48).
//!
//! The file is what counts; the copy shows other nodes what was done here, and shows who changes the file that somebody knows better.
//! Only sound entries are copied. Without a database nothing is lost: the file is read again.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::gateway::Gateway;
use crate::{
    audit::{self, AuditFault, Entry, Follower, Hash, Head},
    record::audit::Copied,
    store::{Store, StoreFault},
};

/// Between two looks at the file.
const EVERY: Duration = Duration::from_secs(5);

/// Entries of one step: the writer is free for mail in between.
const STEP: usize = 1000;

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Trail(#[from] AuditFault),
    #[error("audit trail: {0}")]
    Read(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// What is wrong with the file, for whoever looks.
#[derive(Debug, Default)]
pub struct TrailFile(Mutex<Option<String>>);

impl TrailFile {
    /// Why no new file is begun, in words; none: the log is not too long.
    pub fn overlong(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn look(&self, data_dir: &Path) {
        // One that cannot be looked at is told by who copies it.
        let length = audit::overlong(data_dir).ok().flatten();
        let told = length.map(|length| format!("audit.log has {length} octets"));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }
}

/// Copies until the gateway drains. To be spawned by the frame.
pub async fn keep(gateway: Arc<Gateway>, data_dir: PathBuf) {
    let copying = async {
        let (mut follower, mut told) = (None, false);
        loop {
            match pass(&gateway.store, &data_dir, &mut follower).await {
                Ok(()) => told = false,
                Err(fault) => {
                    metrics::counter!("portaria_audit_copy_failures_total").increment(1);
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(%fault, "the audit trail cannot be copied into the database now; the file has it");
                    }
                }
            }
            gateway.trail_file.look(&data_dir);
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! { () = gateway.draining() => {}, () = copying => {} }
}

/// Everything that is not copied yet. `follower`: who has read what is; none: the database says where to begin, as it does behind a fault,
/// when what was read may not be copied.
async fn pass(store: &Store, data_dir: &Path, follower: &mut Option<Follower>) -> Result<(), Fault> {
    let mut reader = match follower.take() {
        Some(reader) => reader,
        None => Follower::behind(data_dir, store.last_copied().await?.and_then(head)),
    };
    loop {
        let read = tokio::task::spawn_blocking(move || (reader.read_on(STEP), reader)).await;
        let (entries, back) = read.map_err(std::io::Error::other)?;
        reader = back;
        let entries: Vec<Copied> = entries?.into_iter().map(copied).collect();
        if entries.is_empty() {
            *follower = Some(reader);
            return Ok(());
        }
        store.copy_trail(&entries).await?;
    }
}

/// A place that is none is nowhere: the trail is read from its beginning.
fn head((seq, hash): (u64, String)) -> Option<Head> {
    Some(Head { seq, hash: Hash::try_from(hash).ok()? })
}

fn copied(entry: Entry) -> Copied {
    let (seq, at, line) = (entry.seq, entry.at, entry.line());
    Copied { seq, hash: entry.hash.into(), at, line }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Trail, tests::event};

    async fn store(folder: &Path) -> Store {
        Store::open(crate::store::place::of(folder).await).await.unwrap()
    }

    fn append(folder: &Path, object: &str) {
        Trail::open(folder).unwrap().append(&event(object)).unwrap();
    }

    async fn numbers(store: &Store) -> Vec<u64> {
        let all = store.copied(store.node(), (0, ""), 10_000).await.unwrap();
        all.iter().map(|entry| entry.seq).collect()
    }

    #[tokio::test]
    async fn the_trail_is_copied_in_order_over_steps_and_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        pass(&store, folder.path(), &mut None).await.unwrap();
        (0..STEP + 7).for_each(|number| append(folder.path(), &number.to_string()));
        let mut at = None;
        pass(&store, folder.path(), &mut at).await.unwrap();
        append(folder.path(), "more");
        pass(&store, folder.path(), &mut at).await.unwrap();
        append(folder.path(), "behind a restart");
        pass(&store, folder.path(), &mut None).await.unwrap();
        assert_eq!(numbers(&store).await, (1..=STEP as u64 + 9).collect::<Vec<_>>());
        let last = store.copied(store.node(), (STEP as u64 + 8, "g"), 10).await.unwrap();
        assert!(last[0].line.contains("behind a restart"), "as it stands in the file: {last:?}");
    }

    /// What was read and could not be copied is read again. A place that is kept all the same would leave a hole that nobody sees.
    #[tokio::test]
    async fn a_fault_of_the_database_leaves_no_hole() {
        let (folder, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (store, closed) = (store(folder.path()).await, store(away.path()).await);
        append(folder.path(), "1");
        let mut follower = None;
        pass(&store, folder.path(), &mut follower).await.unwrap();
        append(folder.path(), "2");
        closed.close().await;
        assert!(pass(&closed, folder.path(), &mut follower).await.is_err());
        append(folder.path(), "3");
        pass(&store, folder.path(), &mut follower).await.unwrap();
        assert_eq!(numbers(&store).await, [1, 2, 3]);
    }

    /// A trail that was put away and begun anew has the same numbers again: both are kept.
    #[tokio::test]
    async fn another_trail_is_copied_beside_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        (0..3).for_each(|number| append(folder.path(), &number.to_string()));
        pass(&store, folder.path(), &mut None).await.unwrap();
        for name in ["audit.log", "audit.head"] {
            std::fs::rename(folder.path().join(name), folder.path().join(format!("{name}.old"))).unwrap();
        }
        append(folder.path(), "anew");
        let mut at = None;
        pass(&store, folder.path(), &mut at).await.unwrap();
        append(folder.path(), "and on");
        pass(&store, folder.path(), &mut at).await.unwrap();
        assert_eq!(numbers(&store).await, [1, 1, 2, 2, 3]);
    }
}
