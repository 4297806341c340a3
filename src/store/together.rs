//! The rows of items that are to be kept at the same moment, in one transaction of SQLite.
//!
//! A commit is a sync, and there is one writer: fifty messages with a virus that come at once would wait for fifty commits, and for the
//! loader between them. So whoever comes while the writer is taken waits, and all who wait are in the next commit. Nobody is employed for
//! it: one of them has the turn and writes for all. What is told to each is about a commit that his row was in.
//!
//! A row that is refused must not cost the others theirs: then each is written alone. A turn may end at any moment (its session was cut):
//! those whose rows it had taken hear nothing, and come again, asking first whether they are there.
//!
//! Not on PostgreSQL, whose connections commit side by side, and which groups their syncs itself.

use std::sync::{Arc, Mutex};

use sqlx::{Any, Transaction};
use tokio::sync::oneshot;

use super::{Keeping, Store, StoreFault, locked, rows};
use crate::record::Item;

/// Items in one commit: some milliseconds of inserts beside one sync.
const MOST: usize = 256;

/// Those who wait, and whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Together {
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
pub(super) struct Waiting {
    item: Item,
    /// It was tried before, and nobody heard how that ended.
    may_be_there: bool,
    /// Reconciliation does not take its content away, also when nobody waits any more but the row is under way.
    _keeping: Arc<Keeping>,
    told: oneshot::Sender<Result<(), StoreFault>>,
}

impl Together {
    fn join(
        &self,
        item: &Item,
        keeping: &Arc<Keeping>,
        may_be_there: bool,
    ) -> oneshot::Receiver<Result<(), StoreFault>> {
        let (told, hear) = oneshot::channel();
        locked(&self.waiting).push(Waiting { item: item.clone(), may_be_there, _keeping: keeping.clone(), told });
        hear
    }

    /// The next ones, the first first, without those who have gone.
    pub(super) fn take(&self) -> Vec<Waiting> {
        let mut waiting = locked(&self.waiting);
        waiting.retain(|one| !one.told.is_closed());
        let count = waiting.len().min(MOST);
        waiting.drain(..count).collect()
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        locked(&self.waiting).len()
    }

    #[cfg(test)]
    pub(super) async fn take_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }
}

impl Store {
    /// Adds the row of an item, with those of others who wait. Committed when this returns.
    pub(super) async fn insert_together(&self, item: &Item, keeping: &Arc<Keeping>) -> Result<(), StoreFault> {
        let mut told = self.together.join(item, keeping, false);
        loop {
            tokio::select! {
                biased;
                heard = &mut told => match heard {
                    Ok(inserted) => return inserted,
                    Err(_) => told = self.together.join(item, keeping, true),
                },
                _turn = self.together.turn.lock() => self.write_waiting().await,
            }
        }
    }

    /// For who has the turn.
    async fn write_waiting(&self) {
        // Whoever comes while the writer is another's is still in this one.
        let begun = self.begin().await;
        let waiting = self.together.take();
        match begun {
            Err(fault) => waiting.into_iter().for_each(|one| one.hears(Err(not_begun(&fault)))),
            Ok(transaction) => match self.insert_all(transaction, &waiting).await {
                Ok(()) => waiting.into_iter().for_each(|one| one.hears(Ok(()))),
                Err(fault) => self.write_each(waiting, fault).await,
            },
        }
    }

    pub(super) async fn write_each(&self, waiting: Vec<Waiting>, fault: StoreFault) {
        let waiting: Vec<Waiting> = match <[Waiting; 1]>::try_from(waiting) {
            Ok([only]) => return only.hears(Err(fault)),
            Err(several) => several,
        };
        let mut waiting = waiting.into_iter();
        while let Some(mut one) = waiting.next() {
            // A commit that failed may be done all the same.
            one.may_be_there = true;
            match self.begin().await {
                Ok(transaction) => {
                    let inserted = self.insert_all(transaction, std::slice::from_ref(&one)).await;
                    one.hears(inserted);
                }
                // Who comes behind would wait as long for the same writer, each after the other, and a client for all of them.
                Err(fault) => {
                    return std::iter::once(one).chain(waiting).for_each(|one| one.hears(Err(not_begun(&fault))));
                }
            }
        }
    }

    pub(super) async fn insert_all(
        &self,
        mut transaction: Transaction<'static, Any>,
        all: &[Waiting],
    ) -> Result<(), StoreFault> {
        for one in all {
            if !(one.may_be_there && rows::has_item(&mut transaction, &one.item.id).await?) {
                let key_id = self.view.contents().key_id();
                rows::insert_item(&mut transaction, self.view.node(), key_id, &one.item).await?;
            }
        }
        Ok(transaction.commit().await?)
    }
}

impl Waiting {
    fn hears(self, inserted: Result<(), StoreFault>) {
        // Nobody there: the row stands all the same, as that of one whose session was cut behind its commit.
        let _ = self.told.send(inserted);
    }
}

/// One fault for all: the writer was not to be had.
fn not_begun(fault: &StoreFault) -> StoreFault {
    match fault {
        StoreFault::Damaged(what) => StoreFault::Damaged(what.clone()),
        other => StoreFault::NotBegun(other.to_string()),
    }
}
