//! Deletion and expiry: what is gone stays gone (clause 9.2.28).
//!
//! In: an item and who wants it gone, or what is too old. Out: a row that says so and nothing else about the message, and no content. The
//! row comes first: it is what tells a blob that a kill left from one that somebody may miss (`reconcile`), and `to_remove` in it is not
//! taken back before the blob's folder is synced. A tombstone's row never goes back to another state, so that a backup of the content
//! brings nothing back that its row says is gone.

use sqlx::AnyConnection;

use super::{Store, StoreFault, may_become, rows};
use crate::record::{ItemClass, ItemState, TransactionId, UnixMillis};

/// Items that one pass expires or removes: the writer is everybody's, and each pass has it for one commit.
pub const BATCH: u32 = 100;

/// What expires: items of a class that came before a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Of this class.
    pub class: ItemClass,
    /// Whose sender heard 250 (`true`), or 5xx.
    pub acknowledged: bool,
    /// That came before.
    pub before: UnixMillis,
}

impl Store {
    /// Deletes an item for ever. What is being released is not deleted: deny the release first, or wait for its end.
    pub async fn delete_item(
        &self,
        id: &TransactionId,
        by: &str,
        why: &str,
        now: UnixMillis,
    ) -> Result<(), StoreFault> {
        self.must_be_whole()?;
        self.noted(self.delete_row(id, by, why, now).await)?;
        // The row says that it is gone; that its octets are, is only a matter of time.
        if let Err(fault) = self.remove_contents().await {
            tracing::error!(%id, %fault, "a deleted item's content is not removed yet");
        }
        Ok(())
    }

    async fn delete_row(&self, id: &TransactionId, by: &str, why: &str, now: UnixMillis) -> Result<(), StoreFault> {
        let mut transaction = self.begin().await?;
        let found: Option<String> = sqlx::query_scalar("SELECT state FROM items WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        let from: ItemState = rows::from_word(found.ok_or(StoreFault::NotFound)?)?;
        if from == ItemState::Deleted {
            return Ok(());
        }
        if !may_become(from, ItemState::Deleted) {
            return Err(StoreFault::Settled { from, to: ItemState::Deleted });
        }
        if !bury(&mut transaction, id, from, ItemState::Deleted, by, why, now).await? {
            return Err(StoreFault::DecidedElsewhere);
        }
        Ok(transaction.commit().await?)
    }

    /// Expires at most [`BATCH`] items, the oldest first. Says how many.
    pub async fn expire(&self, expiry: Expiry, now: UnixMillis) -> Result<usize, StoreFault> {
        self.must_be_whole()?;
        self.noted(self.expire_rows(expiry, now).await)
    }

    /// Expires copies of what was refused, the oldest first, at most so many: nobody waits for them. Those of this node, whose disk is full.
    /// Says how many.
    pub async fn expire_copies(&self, most: u32, now: UnixMillis) -> Result<usize, StoreFault> {
        self.must_be_whole()?;
        let mut transaction = self.begin().await?;
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM items WHERE state = 'held' AND acknowledged = 0 AND node = $1 ORDER BY received_at, id LIMIT $2",
        )
        .bind(self.node())
        .bind(i64::from(most))
        .fetch_all(&mut *transaction)
        .await?;
        let mut expired = 0;
        for id in found {
            let id: TransactionId = rows::from_word(id)?;
            let buried = bury(&mut transaction, &id, ItemState::Held, ItemState::Expired, "", "max_size", now).await?;
            expired += usize::from(buried);
        }
        transaction.commit().await?;
        Ok(expired)
    }

    async fn expire_rows(&self, expiry: Expiry, now: UnixMillis) -> Result<usize, StoreFault> {
        let mut transaction = self.begin().await?;
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM items WHERE state = 'held' AND class = $1 AND acknowledged = $2 AND received_at < $3 \
             ORDER BY received_at, id LIMIT $4",
        )
        .bind(rows::word(&expiry.class))
        .bind(i64::from(expiry.acknowledged))
        .bind(expiry.before)
        .bind(i64::from(BATCH))
        .fetch_all(&mut *transaction)
        .await?;
        let mut expired = 0;
        for id in found {
            let id: TransactionId = rows::from_word(id)?;
            let buried = bury(&mut transaction, &id, ItemState::Held, ItemState::Expired, "", "retention", now).await?;
            expired += usize::from(buried);
        }
        transaction.commit().await?;
        Ok(expired)
    }

    /// Lets the content of what nobody waits for any more go: items that were released or withdrawn before a moment. Their rows stay as
    /// they are. Says how many, at most [`BATCH`].
    pub async fn let_go(&self, state: ItemState, before: UnixMillis) -> Result<u64, StoreFault> {
        self.must_be_whole()?;
        let mut transaction = self.begin().await?;
        let changed = sqlx::query(
            "UPDATE items SET to_remove = 1 WHERE id IN (SELECT id FROM items WHERE state = $1 AND to_remove = 0 \
             AND settled_at < $2 ORDER BY settled_at LIMIT $3) AND to_remove = 0",
        )
        .bind(rows::word(&state))
        .bind(before)
        .bind(i64::from(BATCH))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(changed.rows_affected())
    }

    /// Removes the content of what is gone by its row, on this node and in the bucket, as far as that was not done yet; a kill at any moment, and
    /// it is done by the next call. Says how many, at most [`BATCH`].
    pub async fn remove_contents(&self) -> Result<usize, StoreFault> {
        // What is on other nodes' disks, or in a bucket that this node does not know: were it noted as removed here, it would stay there for
        // ever.
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM items WHERE to_remove = 1 AND ((node = $1 AND shared = 0) OR shared = $2) ORDER BY id LIMIT $3",
        )
        .bind(self.node())
        .bind(self.reach())
        .bind(i64::from(BATCH))
        .fetch_all(&mut *self.acquire().await?)
        .await?;
        let mut removed = Vec::new();
        for id in found {
            let id: TransactionId = rows::from_word(id)?;
            self.view.contents().remove_for_ever(&id).await?;
            // Also what was not noted as shared: the note may have been the next thing to do.
            if let Some(bucket) = self.view.contents().bucket() {
                bucket.remove(&id).await?;
            }
            removed.push(id);
        }
        let mut transaction = self.begin().await?;
        for id in &removed {
            let done = sqlx::query("UPDATE items SET to_remove = 2 WHERE id = $1").bind(id.as_str());
            done.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(removed.len())
    }
}

/// Makes a tombstone of an item that is in state `from`. Whether it was. What is left: id, class, times, size, hash, the rule or signature,
/// and who wanted it gone. Who wrote to whom about what stays in the transaction's record for as long as records are kept, and no longer.
async fn bury(
    connection: &mut AnyConnection,
    id: &TransactionId,
    from: ItemState,
    to: ItemState,
    by: &str,
    why: &str,
    now: UnixMillis,
) -> Result<bool, StoreFault> {
    let changed = sqlx::query(
        "UPDATE items SET state = $1, settled_at = $2, settled_by = $3, settled_why = $4, to_remove = 1, subject = '', \
         reverse_path = '', recipients = '[]', parameters = '{}' WHERE id = $5 AND state = $6",
    )
    .bind(rows::word(&to))
    .bind(now)
    .bind(rows::searchable(by))
    .bind(rows::searchable(why))
    .bind(id.as_str())
    .bind(rows::word(&from))
    .execute(connection)
    .await?;
    Ok(changed.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;
    use crate::record::{Item, sample};

    const DAY: UnixMillis = 86_400_000;

    async fn kept(store: &Store, item: Item) -> TransactionId {
        let content = stream::iter([Ok(Bytes::from_static(b"x"))]);
        store.keep(&item, content).await.unwrap();
        item.id
    }

    fn item(number: u64, change: impl FnOnce(&mut Item)) -> Item {
        let mut item = sample::item(number, b"", b"x");
        change(&mut item);
        item
    }

    async fn has_content(store: &Store, id: &TransactionId) -> bool {
        store.view.contents().has(id).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_deleted_is_a_tombstone_without_content() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        let id = kept(&store, item(1, |_| ())).await;
        store.delete_item(&id, "maria", "LGPD", 77).await.unwrap();
        let left = store.item(&id).await.unwrap().unwrap();
        assert_eq!((left.state, left.subject.as_str(), left.reverse_path.as_str()), (ItemState::Deleted, "", ""));
        assert!(left.recipients.is_empty() && !left.sha256.is_empty() && !left.reason.is_empty());
        assert!(!has_content(&store, &id).await);
        store.delete_item(&id, "maria", "again", 78).await.unwrap();
        for state in [ItemState::Held, ItemState::Releasing, ItemState::Released] {
            assert!(store.settle(&id, state, 79).await.is_err(), "{state:?}");
        }
    }

    /// A kill between the row and the blob: the next start removes it, and does not take it for somebody's.
    #[tokio::test]
    async fn a_kill_in_the_middle_leaves_nothing_that_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let id = {
            let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
            let id = kept(&store, item(1, |_| ())).await;
            store.delete_row(&id, "maria", "LGPD", 77).await.unwrap();
            store.close().await;
            id
        };
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        assert!(has_content(&store, &id).await, "the kill came before the blob was removed");
        let found = store.reconcile().await.unwrap();
        assert_eq!((found.orphans.len(), found.missing.len(), found.gone), (0, 0, 1));
        assert!(!has_content(&store, &id).await);
        assert_eq!(store.item(&id).await.unwrap().unwrap().state, ItemState::Deleted);
    }

    /// Somebody puts the folder of a backup back: its row says that it is gone.
    #[tokio::test]
    async fn content_that_comes_back_from_a_backup_is_removed_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        let id = kept(&store, item(1, |_| ())).await;
        store.delete_item(&id, "maria", "LGPD", 77).await.unwrap();
        let content = stream::iter([Ok(Bytes::from_static(b"x"))]);
        store.view.contents().put(&item(1, |_| ()), content).await.unwrap();
        assert!(has_content(&store, &id).await);
        assert_eq!(store.reconcile().await.unwrap().gone, 1);
        assert!(!has_content(&store, &id).await);
    }

    #[tokio::test]
    async fn what_is_being_released_is_neither_deleted_nor_expired() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        let id = kept(&store, item(1, |_| ())).await;
        store.settle(&id, ItemState::Releasing, 5).await.unwrap();
        assert!(matches!(store.delete_item(&id, "m", "w", 6).await, Err(StoreFault::Settled { .. })));
        let expiry = Expiry { class: ItemClass::Rule, acknowledged: true, before: i64::MAX };
        assert_eq!(store.expire(expiry, 7).await.unwrap(), 0);
        assert!(has_content(&store, &id).await);
    }

    #[tokio::test]
    async fn only_what_is_too_old_expires_class_by_class() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        let old = kept(&store, item(1, |item| item.received_at = DAY)).await;
        let young = kept(&store, item(2, |item| item.received_at = 3 * DAY)).await;
        let copy = kept(&store, item(3, |item| (item.received_at, item.acknowledged) = (DAY, false))).await;
        let virus = kept(&store, item(4, |item| (item.received_at, item.class) = (DAY, ItemClass::Virus))).await;
        let expiry = Expiry { class: ItemClass::Rule, acknowledged: true, before: 2 * DAY };
        assert_eq!(store.expire(expiry, 4 * DAY).await.unwrap(), 1);
        store.remove_contents().await.unwrap();
        assert_eq!(store.item(&old).await.unwrap().unwrap().state, ItemState::Expired);
        assert!(!has_content(&store, &old).await);
        for id in [young, copy, virus] {
            assert_eq!(store.item(&id).await.unwrap().unwrap().state, ItemState::Held);
            assert!(has_content(&store, &id).await);
        }
    }

    /// A pass has the writer for one small commit, however much is too old.
    #[tokio::test]
    async fn a_pass_is_small() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        for number in 0..u64::from(BATCH) + 5 {
            kept(&store, item(number, |item| item.received_at = DAY)).await;
        }
        let expiry = Expiry { class: ItemClass::Rule, acknowledged: true, before: 2 * DAY };
        let mut passes = Vec::new();
        loop {
            let expired = store.expire(expiry, 4 * DAY).await.unwrap();
            passes.push((expired, store.remove_contents().await.unwrap()));
            if expired == 0 {
                break;
            }
        }
        assert_eq!(passes, [(100, 100), (5, 5), (0, 0)]);
    }

    /// What was delivered is not needed here for ever; its row stays.
    #[tokio::test]
    async fn released_content_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        let id = kept(&store, item(1, |_| ())).await;
        store.settle(&id, ItemState::Releasing, 5).await.unwrap();
        store.settle(&id, ItemState::Released, 10).await.unwrap();
        assert_eq!(store.let_go(ItemState::Released, 10).await.unwrap(), 0);
        assert_eq!(store.let_go(ItemState::Released, 11).await.unwrap(), 1);
        assert_eq!(store.remove_contents().await.unwrap(), 1);
        let left = store.item(&id).await.unwrap().unwrap();
        assert_eq!((left.state, left.subject.is_empty()), (ItemState::Released, false));
        assert!(!has_content(&store, &id).await);
        assert_eq!(store.reconcile().await.unwrap(), Default::default());
    }
}
