//! How full the quarantine is, and what somebody has to look at before it is too late: counts.

use super::{StoreFault, View, rows};
use crate::record::{ItemClass, UnixMillis};

impl View {
    /// Held items of a class whose sender heard 250 and that came before a moment.
    pub async fn undecided_before(&self, class: ItemClass, before: UnixMillis) -> Result<u64, StoreFault> {
        let found: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM items WHERE state = 'held' AND acknowledged = 1 AND class = $1 AND received_at < $2",
        )
        .bind(rows::word(&class))
        .bind(before)
        .fetch_one(self.readers())
        .await?;
        Ok(u64::try_from(found).unwrap_or(0))
    }

    /// Held items that a release came to its end of, without everybody being known to have them.
    pub async fn undelivered(&self) -> Result<u64, StoreFault> {
        let found: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM items WHERE state = 'held' AND id IN \
             (SELECT item FROM releases WHERE state IN ('partly', 'failed', 'unknown'))",
        )
        .fetch_one(self.readers())
        .await?;
        Ok(u64::try_from(found).unwrap_or(0))
    }

    /// Octets of content that this node keeps.
    pub async fn octets_kept(&self) -> Result<u64, StoreFault> {
        // CAST: a sum is NUMERIC in PostgreSQL, which the Any driver does not carry.
        let found: i64 = sqlx::query_scalar(
            "SELECT CAST(COALESCE(SUM(size + trace_length), 0) AS BIGINT) FROM items WHERE to_remove = 0 AND node = $1",
        )
        .bind(self.node())
        .fetch_one(self.readers())
        .await?;
        Ok(u64::try_from(found).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;
    use crate::{
        record::{
            ItemState,
            audit::Actor,
            release::{Asked, Heard, RecipientState, ReleaseKind, Word},
            sample,
        },
        store::Store,
    };

    #[tokio::test]
    async fn what_somebody_has_to_look_at_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        for number in 0..4_u64 {
            let mut item = sample::item(number, b"", b"xxxxx");
            item.received_at = i64::try_from(number).unwrap() * 1000;
            item.acknowledged = number != 3;
            store.keep(&item, stream::iter([Ok(Bytes::from_static(b"xxxxx"))])).await.unwrap();
        }
        assert_eq!(store.undecided_before(ItemClass::Rule, 2000).await.unwrap(), 2);
        assert_eq!(store.undecided_before(ItemClass::Rule, i64::MAX).await.unwrap(), 3, "a copy is owed to nobody");
        assert_eq!(store.undecided_before(ItemClass::Virus, i64::MAX).await.unwrap(), 0);
        assert_eq!((store.octets_kept().await.unwrap(), store.undelivered().await.unwrap()), (20, 0));

        let actor = Actor { account: "maria".to_owned(), person: None };
        let requested = Word { at: 1, actor, reason: "r".to_owned() };
        let (id, kind) = (sample::id(50), ReleaseKind::Original);
        let asked = Asked { id, kind, analysts: Vec::new(), requested, copy_of_refused: false, again: false };
        store.request_release(&sample::id(1), asked).await.unwrap();
        let taken = store.take_release("mx", 5, 6).await.unwrap().unwrap();
        let heard = vec![Heard { recipient: 0, state: RecipientState::Refused, said: "550".to_owned() }];
        store.conclude_attempt(&taken, heard, 0, 7).await.unwrap().unwrap();
        assert_eq!(store.undelivered().await.unwrap(), 1);
        store.delete_item(&sample::id(1), "maria", "done", 8).await.unwrap();
        assert_eq!((store.undelivered().await.unwrap(), store.octets_kept().await.unwrap()), (0, 15));
        assert_eq!(store.item(&sample::id(1)).await.unwrap().unwrap().state, ItemState::Deleted);

        // Over the cap copies go, and nothing else.
        assert_eq!(store.expire_copies(10, 9).await.unwrap(), 1);
        assert_eq!(store.expire_copies(10, 9).await.unwrap(), 0);
        assert_eq!(store.octets_kept().await.unwrap(), 10);
    }
}
