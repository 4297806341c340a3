//! The reading half: what console, CLI and doors ask.

use bytes::{Bytes, BytesMut};
use futures_util::{TryStreamExt, stream::BoxStream};
use sqlx::{AnyPool, AssertSqlSafe, Row as _, any::AnyRow};

use super::{JournalPosition, StoreFault, content::Contents, database::Kind, release_rows, rows};
use crate::record::{
    Item, ItemClass, ItemState, Record, TransactionId, UnixMillis,
    release::{LONGEST_PAUSE, Release},
};

/// Which items; everything that is none does not restrict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this state.
    pub state: Option<ItemState>,
    /// Of this class.
    pub class: Option<ItemClass>,
    /// At most so many; none: all, some kilobytes of memory each.
    pub limit: Option<u32>,
}

/// How often something was refused that has no record of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedAttempts {
    /// Reasons (`record::attempts`), the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// Networks, the busiest first; `other` are those that came when the table was full.
    pub networks: Vec<(String, u64)>,
}

/// `items.shared` of what is in the bucket.
pub(super) const SHARED: i64 = 1;

/// Reads.
#[derive(Debug)]
pub struct View {
    kind: Kind,
    readers: AnyPool,
    contents: Contents,
    node: String,
}

impl View {
    pub(super) fn new(kind: Kind, readers: AnyPool, contents: Contents, node: String) -> Self {
        Self { kind, readers, contents, node }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Which of the nodes that share the database this is.
    pub fn node(&self) -> &str {
        &self.node
    }

    pub(super) fn readers(&self) -> &AnyPool {
        &self.readers
    }

    pub(super) fn contents(&self) -> &Contents {
        &self.contents
    }

    #[cfg(test)]
    pub(super) fn contents_mut(&mut self) -> &mut Contents {
        &mut self.contents
    }

    /// What `items.shared` is where this node can read the content though it may not be on its disk; without a bucket no row has it.
    pub(super) fn reach(&self) -> i64 {
        if self.contents.bucket().is_some() { SHARED } else { -1 }
    }

    /// Items, newest first.
    pub async fn items(&self, filter: Filter) -> Result<Vec<Item>, StoreFault> {
        let sql = format!(
            "SELECT {} FROM items WHERE ($1 = '' OR state = $1) AND ($2 = '' OR class = $2) \
             ORDER BY received_at DESC, id DESC LIMIT $3",
            rows::ITEM
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(filter.state.as_ref().map(rows::word).unwrap_or_default())
            .bind(filter.class.as_ref().map(rows::word).unwrap_or_default())
            .bind(filter.limit.map_or(i64::MAX, i64::from))
            .fetch_all(&self.readers)
            .await?;
        found.iter().map(rows::item).collect()
    }

    /// Items whose other recipients' relay never came to an end: a human decides.
    pub async fn pending(&self) -> Result<Vec<Item>, StoreFault> {
        self.items(Filter { state: Some(ItemState::Pending), ..Filter::default() }).await
    }

    /// One item.
    pub async fn item(&self, id: &TransactionId) -> Result<Option<Item>, StoreFault> {
        let sql = format!("SELECT {} FROM items WHERE id = $1", rows::ITEM);
        let found = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(&self.readers).await?;
        found.as_ref().map(rows::item).transpose()
    }

    /// Releases, oldest first: all of them, or only those to which something is still to happen.
    pub async fn releases(&self, open: bool) -> Result<Vec<Release>, StoreFault> {
        release_rows::all(&mut *self.readers.acquire().await?, open).await
    }

    /// Whether some release is to be taken up now, by this node.
    pub async fn has_due_releases(&self, now: UnixMillis) -> Result<bool, StoreFault> {
        let sql = format!("SELECT id FROM releases WHERE {} LIMIT 1", release_rows::DUE);
        let found: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(now)
            .bind(now.saturating_add(LONGEST_PAUSE))
            .bind(self.node.as_str())
            .bind(self.reach())
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.is_some())
    }

    /// Every release of an item, oldest first.
    pub async fn releases_of(&self, item: &TransactionId) -> Result<Vec<Release>, StoreFault> {
        release_rows::of_item(&mut *self.readers.acquire().await?, item).await
    }

    /// One release.
    pub async fn release(&self, id: &TransactionId) -> Result<Option<Release>, StoreFault> {
        release_rows::one(&mut *self.readers.acquire().await?, id).await
    }

    /// The one release whose id ends with `suffix`, as [`View::find`] reads it.
    pub async fn find_release(&self, suffix: &str) -> Result<TransactionId, StoreFault> {
        self.found(suffix, "SELECT id FROM releases WHERE id_reversed >= $1 AND id_reversed < $2 LIMIT 2").await
    }

    /// The record of one transaction; none while the journal's entry is not loaded.
    pub async fn record(&self, id: &TransactionId) -> Result<Option<Record>, StoreFault> {
        let found: Option<String> = sqlx::query_scalar("SELECT record FROM transactions WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// The newest records, at most `limit`.
    pub async fn recent(&self, limit: u32) -> Result<Vec<Record>, StoreFault> {
        let found: Vec<String> =
            sqlx::query_scalar("SELECT record FROM transactions ORDER BY began DESC, id DESC LIMIT $1")
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await?;
        Ok(found.iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>()?)
    }

    /// Every record of an application since `since`, oldest first, one at a time.
    pub async fn each_of_applications(
        &self,
        since: UnixMillis,
        mut each: impl FnMut(Record),
    ) -> Result<(), StoreFault> {
        // A coarse sieve, so that the others need not be parsed: the key could also stand in a subject, and then it is none.
        let mut found = sqlx::query_scalar::<_, String>(
            "SELECT record FROM transactions WHERE began >= $1 AND record LIKE '%\"application\":{%' ORDER BY began, id",
        )
        .bind(since)
        .fetch(&self.readers);
        while let Some(text) = found.try_next().await? {
            let record: Record = serde_json::from_str(&text)?;
            if record.application.is_some() {
                each(record);
            }
        }
        Ok(())
    }

    /// Attempts without a record of their own since the minute that begins at `since`, summed by reason and by network, each with the most
    /// first and at most `limit` rows.
    pub async fn refused_attempts(&self, since: UnixMillis, limit: u32) -> Result<RefusedAttempts, StoreFault> {
        let summed = async |by: &str| -> Result<Vec<(String, u64)>, StoreFault> {
            // CAST: a sum is NUMERIC in PostgreSQL, which the Any driver does not carry.
            let sql = format!(
                "SELECT {by}, CAST(SUM(attempts) AS BIGINT) AS sum FROM refused_attempts WHERE minute >= $1 \
                 GROUP BY {by} ORDER BY sum DESC, {by} LIMIT $2"
            );
            let found =
                sqlx::query(AssertSqlSafe(sql)).bind(since).bind(i64::from(limit)).fetch_all(&self.readers).await?;
            let read = |row: &AnyRow| Ok((row.try_get(0)?, u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0)));
            found.iter().map(read).collect()
        };
        Ok(RefusedAttempts { reasons: summed("reason").await?, networks: summed("network").await? })
    }

    /// How far this node's journal is loaded; its beginning, if nothing is.
    pub async fn journal_position(&self) -> Result<JournalPosition, StoreFault> {
        let found = sqlx::query("SELECT segment, octet FROM journal_positions WHERE node = $1")
            .bind(self.node.as_str())
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = found else { return Ok(JournalPosition::default()) };
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(JournalPosition { segment: unsigned(row.try_get(0)?), offset: unsigned(row.try_get(1)?) })
    }

    /// The one transaction or item whose id ends with `suffix`: 6 to 32 hexadecimal digits in any case.
    pub async fn find(&self, suffix: &str) -> Result<TransactionId, StoreFault> {
        let sql = "SELECT id FROM transactions WHERE id_reversed >= $1 AND id_reversed < $2 \
                   UNION SELECT id FROM items WHERE id_reversed >= $1 AND id_reversed < $2 LIMIT 2";
        self.found(suffix, sql).await
    }

    async fn found(&self, suffix: &str, sql: &'static str) -> Result<TransactionId, StoreFault> {
        let hexadecimal = suffix.bytes().all(|octet| octet.is_ascii_hexdigit());
        if !hexadecimal || !(6..=32).contains(&suffix.len()) {
            return Err(StoreFault::NotAnId);
        }
        let from: String = suffix.to_ascii_lowercase().chars().rev().collect();
        // 'g' is the first letter behind every hexadecimal digit.
        let found: Vec<String> =
            sqlx::query_scalar(sql).bind(from.clone()).bind(from + "g").fetch_all(&self.readers).await?;
        match <[String; 1]>::try_from(found) {
            Ok([only]) => rows::from_word(only),
            Err(several) => match several.into_iter().next() {
                Some(first) => Err(StoreFault::NotUnique(rows::from_word(first)?)),
                None => Err(StoreFault::NotFound),
            },
        }
    }

    /// An item's content from start to end: our trace fields, then what the client sent. Behind the last piece it is known to be what was
    /// kept, or a fault says that it is not.
    pub async fn content(
        &self,
        id: &TransactionId,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreFault>>, StoreFault> {
        let item = self.item(id).await?.ok_or(StoreFault::NotFound)?;
        match self.contents.get(&item).await {
            Err(StoreFault::NotFound) => self.elsewhere(&item).await,
            found => found,
        }
    }

    /// What is not on this disk. Its row is read now: what was on its way to the bucket a moment ago may be there by now.
    async fn elsewhere(&self, item: &Item) -> Result<BoxStream<'static, Result<Bytes, StoreFault>>, StoreFault> {
        let asked = sqlx::query("SELECT node, shared FROM items WHERE id = $1 AND to_remove = 0");
        let row = asked.bind(item.id.as_str()).fetch_optional(&self.readers).await?.ok_or(StoreFault::NotFound)?;
        let (node, shared): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        match (shared, node == self.node) {
            (SHARED, _) => self.contents.get_shared(item).await,
            (_, true) => Err(StoreFault::NotFound),
            // Content that another node keeps is not lost.
            (_, false) => Err(StoreFault::OnAnotherNode(node)),
        }
    }

    /// At most the first `max` octets of an item's content.
    pub async fn beginning(&self, id: &TransactionId, max: u64) -> Result<Bytes, StoreFault> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut content = self.content(id).await?;
        let mut beginning = BytesMut::new();
        while beginning.len() < max
            && let Some(piece) = content.try_next().await?
        {
            beginning.extend_from_slice(&piece);
        }
        beginning.truncate(max);
        Ok(beginning.freeze())
    }

    /// The keys that content needs, each with how many items are encrypted with it; the first is the one that came first.
    pub async fn keys_needed(&self) -> Result<Vec<(String, u64)>, StoreFault> {
        let found = sqlx::query(
            "SELECT key_id, CAST(COUNT(*) AS BIGINT) FROM items WHERE key_id IS NOT NULL \
             AND state IN ('pending', 'held', 'releasing') GROUP BY key_id ORDER BY MIN(received_at), key_id",
        );
        let found = found.fetch_all(&self.readers).await?;
        let read = |row: &AnyRow| Ok((row.try_get(0)?, u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0)));
        found.iter().map(read).collect()
    }

    /// Whether our file has this key.
    pub fn has_key(&self, id: &str) -> bool {
        self.contents.keys().has(id)
    }

    /// The ids of all items.
    pub(super) async fn item_ids(&self) -> Result<Vec<TransactionId>, StoreFault> {
        let found: Vec<String> = sqlx::query_scalar("SELECT id FROM items").fetch_all(&self.readers).await?;
        found.into_iter().map(rows::from_word).collect()
    }

    /// The ids of the items whose content is to be on this node's disk. Those of other nodes are for them to look after; what is in the bucket
    /// the sweep looks for.
    pub(super) async fn own_with_content(&self) -> Result<Vec<TransactionId>, StoreFault> {
        let sql = "SELECT id FROM items WHERE node = $1 AND shared = 0 AND state IN ('pending', 'held', 'releasing')";
        let found: Vec<String> = sqlx::query_scalar(sql).bind(self.node.as_str()).fetch_all(&self.readers).await?;
        found.into_iter().map(rows::from_word).collect()
    }

    /// Items of this node whose content is in the bucket.
    pub(super) async fn own_shared(&self) -> Result<Vec<TransactionId>, StoreFault> {
        let sql = "SELECT id FROM items WHERE shared = 1 AND node = $1 AND to_remove = 0";
        let found: Vec<String> = sqlx::query_scalar(sql).bind(self.node.as_str()).fetch_all(&self.readers).await?;
        found.into_iter().map(rows::from_word).collect()
    }

    /// Items whose content is not to be there.
    pub(super) async fn gone_ids(&self) -> Result<Vec<TransactionId>, StoreFault> {
        let sql = "SELECT id FROM items WHERE to_remove <> 0 OR state IN ('deleted', 'expired')";
        let found: Vec<String> = sqlx::query_scalar(sql).fetch_all(&self.readers).await?;
        found.into_iter().map(rows::from_word).collect()
    }

    #[cfg(test)]
    pub(super) fn readers_for_test(&self) -> AnyPool {
        self.readers.clone()
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
    }
}
