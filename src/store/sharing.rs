//! Content on its way to the bucket, and what stands there (decision 47).
//!
//! In: rows that say where content is. Out: rows that say that it is in the bucket, and disks without it. Three moments, in this order, so that
//! a kill between any two of them costs nothing: the blob is in the bucket and was read back from there, whole; its row says so; it is not on
//! the disk any more. Only the node whose disk it is on puts it there. When to try again after a fault is the door's business.
//!
//! | found in the bucket | it means | what is done |
//! |---|---|---|
//! | a blob whose row says that it is gone | killed, or away, before it was removed | removed |
//! | a blob without a row, a day old | the database is an older one: somebody may have been told | moved to `orphans/` |
//! | a younger one | nobody can say yet | left |
//! | a row without a blob | the bucket lost it, or someone removed it | told; the row stays |

use std::collections::HashSet;

use sqlx::Row as _;

use super::{Store, StoreFault, bucket::Bucket, rows};
use crate::record::{TransactionId, UnixMillis};

/// Looked at in one call of [`Store::share`].
const AT_A_TIME: u32 = 1000;
/// Nobody knows an object for so long before it is moved aside, milliseconds.
const OLD_ENOUGH: UnixMillis = 86_400_000;

/// What waits on this node's disk for the bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unshared {
    /// Items.
    pub items: u64,
    /// Their content.
    pub octets: u64,
    /// When the first of them came.
    pub oldest: Option<UnixMillis>,
}

/// What one call of [`Store::share`] came to.
#[derive(Debug, Default)]
pub struct Shared {
    /// Items whose content is in the bucket now.
    pub items: usize,
    /// Items whose content is not, for a reason that is theirs alone: what is on the disk, or what was read back, is not what was kept.
    pub faults: Vec<(TransactionId, StoreFault)>,
}

/// What a look through the bucket found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Blobs of what is gone by its row, removed.
    pub gone: usize,
    /// Blobs without a row, moved aside.
    pub orphans: Vec<TransactionId>,
    /// Rows without a blob: **mail that someone may have to answer for**.
    pub missing: Vec<TransactionId>,
}

impl Store {
    /// Whether content is shared with other nodes.
    pub fn has_bucket(&self) -> bool {
        self.view.contents().bucket().is_some()
    }

    /// What waits. Also what may still be taken up is counted from here on.
    pub async fn unshared(&self) -> Result<Unshared, StoreFault> {
        // CAST: a sum is NUMERIC in PostgreSQL, which the Any driver does not carry.
        let row = sqlx::query(
            "SELECT CAST(COUNT(*) AS BIGINT), CAST(COALESCE(SUM(size + trace_length), 0) AS BIGINT), MIN(received_at) FROM items \
             WHERE shared = 0 AND node = $1 AND to_remove = 0",
        )
        .bind(self.node())
        .fetch_one(self.view.readers())
        .await?;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let waiting =
            Unshared { items: count(row.try_get(0)?), octets: count(row.try_get(1)?), oldest: row.try_get(2)? };
        self.view.contents().spool().set(waiting.octets);
        Ok(waiting)
    }

    /// Puts what waits into the bucket, the oldest first, but for `not_now`. A fault of the bucket ends the call, and what was done until then
    /// stays done.
    pub async fn share(&self, not_now: &HashSet<TransactionId>) -> Result<Shared, StoreFault> {
        let mut done = Shared::default();
        let Some(bucket) = self.view.contents().bucket() else { return Ok(done) };
        self.must_be_whole()?;
        let waiting: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM items WHERE shared = 0 AND node = $1 AND to_remove = 0 ORDER BY received_at, id LIMIT $2",
        )
        .bind(self.node())
        .bind(i64::from(AT_A_TIME))
        .fetch_all(self.view.readers())
        .await?;
        for id in waiting {
            let id: TransactionId = rows::from_word(id)?;
            if not_now.contains(&id) {
                continue;
            }
            match self.share_one(bucket, &id).await {
                Ok(shared) => done.items += usize::from(shared),
                Err(fault) if is_the_items(&fault) => done.faults.push((id, fault)),
                Err(fault) => return Err(fault),
            }
        }
        Ok(done)
    }

    /// Whether it is shared now. Not, if it was deleted meanwhile.
    pub(super) async fn share_one(&self, bucket: &Bucket, id: &TransactionId) -> Result<bool, StoreFault> {
        let contents = self.view.contents();
        let Some(item) = self.view.item(id).await? else { return Ok(false) };
        match contents.upload(&item, bucket).await {
            // Its content went from under our hands.
            Err(fault) if is_the_items(&fault) && !self.is_wanted(id).await? => return Ok(false),
            uploaded => uploaded?,
        }
        if !self.note_shared(id).await? {
            // It is gone by its row, and whoever removed its content may have been here before us.
            bucket.remove(id).await?;
            return Ok(false);
        }
        contents.remove_for_ever(id).await?;
        Ok(true)
    }

    /// Whether its content is to be kept.
    async fn is_wanted(&self, id: &TransactionId) -> Result<bool, StoreFault> {
        let asked = sqlx::query_scalar("SELECT to_remove FROM items WHERE id = $1").bind(id.as_str());
        let found: Option<i64> = asked.fetch_optional(&mut *self.acquire().await?).await?;
        Ok(found == Some(0))
    }

    async fn note_shared(&self, id: &TransactionId) -> Result<bool, StoreFault> {
        let mut transaction = self.begin().await?;
        let noted = sqlx::query("UPDATE items SET shared = 1 WHERE id = $1 AND node = $2 AND to_remove = 0")
            .bind(id.as_str())
            .bind(self.node())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(noted.rows_affected() == 1)
    }

    /// Makes sure that the bucket has this database's content and no other's, and says so in both if nobody has yet: else what another
    /// database's gateways hold would be taken for what nobody knows.
    pub async fn claim_bucket(&self) -> Result<(), StoreFault> {
        let Some(bucket) = self.view.contents().bucket() else { return Ok(()) };
        let found = bucket.owner().await?;
        let ours = match self.bucket_name().await? {
            Some(ours) => ours,
            None if found.is_none() => self.name_bucket().await?,
            None => String::new(),
        };
        match found {
            Some(found) if found == ours => Ok(()),
            None if !self.shares_something().await? => bucket.set_owner(&ours).await,
            found => Err(StoreFault::OtherBucket { found: shown(found), wanted: shown(Some(ours)) }),
        }
    }

    async fn bucket_name(&self) -> Result<Option<String>, StoreFault> {
        let asked = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'bucket'");
        Ok(asked.fetch_optional(&mut *self.acquire().await?).await?)
    }

    /// Of two nodes that do so at the same moment one is first, and both take his.
    async fn name_bucket(&self) -> Result<String, StoreFault> {
        let name = uuid::Uuid::new_v4().simple().to_string();
        sqlx::query("INSERT INTO meta (name, value) VALUES ('bucket', $1) ON CONFLICT (name) DO NOTHING")
            .bind(name.as_str())
            .execute(&mut *self.acquire().await?)
            .await?;
        Ok(self.bucket_name().await?.unwrap_or(name))
    }

    async fn shares_something(&self) -> Result<bool, StoreFault> {
        let found: Option<String> =
            sqlx::query_scalar("SELECT id FROM items WHERE shared = 1 AND to_remove <> 2 LIMIT 1")
                .fetch_optional(self.view.readers())
                .await?;
        Ok(found.is_some())
    }

    /// Looks through the bucket and mends what a kill left. Nodes may do so at once. To come after [`Store::claim_bucket`].
    pub async fn sweep_bucket(&self, now: UnixMillis) -> Result<Swept, StoreFault> {
        let mut swept = Swept::default();
        let Some(bucket) = self.view.contents().bucket() else { return Ok(swept) };
        self.must_be_whole()?;
        // First what stands there, then the rows: an object is never there before its row.
        let present = bucket.list().await?;
        let rows: HashSet<TransactionId> = self.view.item_ids().await?.into_iter().collect();
        for id in self.view.gone_ids().await?.iter().filter(|id| present.contains_key(*id)) {
            bucket.remove(id).await?;
            swept.gone += 1;
        }
        for (id, changed) in &present {
            if !rows.contains(id) && now.saturating_sub(*changed) > OLD_ENOUGH {
                bucket.set_aside(id).await?;
                swept.orphans.push(id.clone());
            }
        }
        for id in self.shared_ids().await? {
            // It may have come since.
            if !present.contains_key(&id) && !bucket.has(&id).await? {
                swept.missing.push(id);
            }
        }
        Ok(swept)
    }

    /// Items whose content is to be in the bucket.
    async fn shared_ids(&self) -> Result<Vec<TransactionId>, StoreFault> {
        let sql =
            "SELECT id FROM items WHERE shared = 1 AND to_remove = 0 AND state IN ('pending', 'held', 'releasing')";
        let found: Vec<String> = sqlx::query_scalar(sql).fetch_all(self.view.readers()).await?;
        found.into_iter().map(rows::from_word).collect()
    }

    /// Puts a few octets into a bucket, reads them and removes them; nothing stays.
    pub async fn probe_bucket(place: &super::settings::BucketPlace) -> Result<(), StoreFault> {
        Bucket::open(place)?.probe(&uuid::Uuid::new_v4().simple().to_string()).await
    }
}

/// Others may be put into the bucket all the same.
fn is_the_items(fault: &StoreFault) -> bool {
    matches!(
        fault,
        StoreFault::NotWhatWasKept { .. }
            | StoreFault::Blob(_)
            | StoreFault::NotFound
            | StoreFault::NotInBucket
            | StoreFault::Content(_)
    )
}

/// For a fault's text: octets of a server are in it.
fn shown(name: Option<String>) -> String {
    match name {
        Some(name) if !name.is_empty() => {
            name.chars().take(40).map(|char| if char.is_ascii_alphanumeric() { char } else { '?' }).collect()
        }
        _ => "nothing".to_owned(),
    }
}
