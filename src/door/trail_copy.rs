//! The audit trail's copy in the database: what commands and the gateway wrote into the file, in its order, a few seconds later (decision 48).
//!
//! The file is what counts; the copy shows other nodes what was done here, and shows who changes the file that somebody knows better.
//! Only sound entries are copied. Without a database nothing is lost: the file is read again.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::gateway::Gateway;
use crate::{
    audit::{self, AuditFault, Entry, Stored},
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

/// Copies until the gateway drains. To be spawned by the frame.
pub async fn keep(gateway: Arc<Gateway>, data_dir: PathBuf) {
    let copying = async {
        let (mut at, mut told) = (None, false);
        loop {
            match pass(&gateway.store, &data_dir, &mut at).await {
                Ok(()) => told = false,
                Err(fault) => {
                    metrics::counter!("portaria_audit_copy_failures_total").increment(1);
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(%fault, "the audit trail cannot be copied into the database now; the file has it");
                    }
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! { () = gateway.draining() => {}, () = copying => {} }
}

/// Everything that is not copied yet. `at`: the last entry that is; none: the database says.
async fn pass(store: &Store, data_dir: &Path, at: &mut Option<(u64, String)>) -> Result<(), Fault> {
    if at.is_none() {
        *at = store.last_copied().await?;
    }
    // What nobody has written since needs no reading.
    let head = audit::head_of(data_dir)?.map(|head| (head.seq, String::from(head.hash)));
    if head == *at {
        return Ok(());
    }
    loop {
        let (folder, behind) = (data_dir.to_owned(), at.clone());
        let read = tokio::task::spawn_blocking(move || behind_of(&folder, behind.as_ref(), STEP)).await;
        let entries = read.map_err(std::io::Error::other)??;
        let Some(last) = entries.last() else { return Ok(()) };
        store.copy_trail(&entries).await?;
        *at = Some((last.seq, last.hash.clone()));
    }
}

/// The next entries of the trail, at most `count`. A trail in which `behind` does not stand is another one, and is read from its beginning.
fn behind_of(data_dir: &Path, behind: Option<&(u64, String)>, count: usize) -> Result<Vec<Copied>, Fault> {
    let (seq, hash) = behind.map_or((0, ""), |(seq, hash)| (*seq, hash.as_str()));
    let Some(mut stored) = Stored::open_behind(data_dir, seq)? else { return Ok(Vec::new()) };
    let (mut found, mut is_known) = (Vec::new(), behind.is_none());
    while found.len() < count
        && let Some(step) = stored.next_step()?
    {
        let Some(entry) = step.entry.filter(Entry::is_sound) else { continue };
        if is_known {
            let (seq, at, line) = (entry.seq, entry.at, entry.line());
            found.push(Copied { seq, hash: entry.hash.into(), at, line });
        } else {
            is_known = entry.seq == seq && entry.hash.as_str() == hash;
        }
    }
    if is_known { Ok(found) } else { behind_of(data_dir, None, count) }
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
