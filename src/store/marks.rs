//! Marks of items: who saw one, who looks after it. They say nothing about what becomes of it.

use serde::{Deserialize, Serialize};

use super::{Store, StoreFault, rows};
use crate::record::{TransactionId, UnixMillis};

/// What an item can be marked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Somebody looked at it.
    Seen,
    /// Somebody looks after it: others need not.
    Handled,
}

/// Who marked an item, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Marks {
    /// Who saw it first.
    pub seen_by: Option<String>,
    /// When.
    pub seen_at: Option<UnixMillis>,
    /// Who looks after it: the last who said so.
    pub handled_by: Option<String>,
    /// Since when.
    pub handled_at: Option<UnixMillis>,
}

impl Store {
    /// Marks an item. Who saw it first stays its first reader.
    pub async fn mark_item(&self, id: &TransactionId, mark: Mark, by: &str, now: UnixMillis) -> Result<(), StoreFault> {
        self.must_be_whole()?;
        let sql = match mark {
            Mark::Seen => {
                "UPDATE items SET seen_by = COALESCE(seen_by, $1), seen_at = COALESCE(seen_at, $2) WHERE id = $3"
            }
            Mark::Handled => "UPDATE items SET handled_by = $1, handled_at = $2 WHERE id = $3",
        };
        let mut writer = self.acquire().await?;
        let changed =
            sqlx::query(sql).bind(rows::searchable(by)).bind(now).bind(id.as_str()).execute(&mut *writer).await?;
        if changed.rows_affected() == 1 { Ok(()) } else { Err(StoreFault::NotFound) }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;
    use crate::{record::sample, store::ItemSearch};

    #[tokio::test]
    async fn the_first_reader_stays_and_the_last_to_look_after_it_counts() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        let item = sample::item(1, b"", b"x");
        store.keep(&item, stream::iter([Ok(Bytes::from_static(b"x"))])).await.unwrap();
        for (mark, by, now) in
            [(Mark::Seen, "maria", 1), (Mark::Seen, "joao", 2), (Mark::Handled, "maria", 3), (Mark::Handled, "joao", 4)]
        {
            store.mark_item(&item.id, mark, by, now).await.unwrap();
        }
        let found = store.search_items(&ItemSearch::default(), |_| true).await.unwrap();
        let marks = &found[0].marks;
        assert_eq!((marks.seen_by.as_deref(), marks.seen_at), (Some("maria"), Some(1)));
        assert_eq!((marks.handled_by.as_deref(), marks.handled_at), (Some("joao"), Some(4)));
        assert!(matches!(store.mark_item(&sample::id(9), Mark::Seen, "m", 1).await, Err(StoreFault::NotFound)));
    }
}
