//! What happened after a backup was made, written into the database that came out of it. For a store that nobody else has open.
//!
//! In: what the audit trail says, or that it says nothing. Out: rows as if it had happened here, as far as anybody can know: what was deleted
//! is deleted, what was delivered is delivered, and what may have been is said to be unknown, so that nobody sends it again unawares.

use super::{Store, StoreFault, release_rows, rows};
use crate::record::{
    ItemState, TransactionId, UnixMillis,
    release::{RecipientState, Release, ReleaseKind, ReleaseState},
};

/// How a release ended, by the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedSince {
    /// As what.
    pub state: ReleaseState,
    /// When.
    pub at: UnixMillis,
    /// In words.
    pub said: String,
}

impl Store {
    /// Ends an open release of this database as it ended after the backup, and its item with it.
    pub async fn end_restored(&self, release: &Release, ended: EndedSince) -> Result<(), StoreFault> {
        let mut transaction = self.begin().await?;
        let from = release.state;
        let mut over = release.clone();
        conclude(&mut over, &ended);
        if !release_rows::update(&mut transaction, &over, from, release.attempts).await? {
            return Err(StoreFault::DecidedElsewhere);
        }
        let state = item_state(&over);
        set_item(&mut transaction, &release.item, state, ended.at).await?;
        Ok(transaction.commit().await?)
    }

    /// Adds a release that was asked for after the backup, as it ended. False: its item is not here, or nobody waits for it.
    pub async fn add_restored(&self, mut release: Release, ended: EndedSince) -> Result<bool, StoreFault> {
        let mut transaction = self.begin().await?;
        if release_rows::one(&mut transaction, &release.id).await?.is_some() {
            return Ok(false);
        }
        let Some(item) = release_rows::item(&mut transaction, &release.item).await? else { return Ok(false) };
        if !matches!(item.state, ItemState::Held | ItemState::Pending) {
            return Ok(false);
        }
        release_rows::insert(&mut transaction, &release).await?;
        let from = release.state;
        conclude(&mut release, &ended);
        release_rows::update(&mut transaction, &release, from, release.attempts).await?;
        set_item(&mut transaction, &release.item, item_state(&release), ended.at).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes what the trail says is deleted, whatever it was meanwhile. False: it is not here, or it was gone already.
    pub async fn delete_restored(&self, id: &TransactionId, why: &str, at: UnixMillis) -> Result<bool, StoreFault> {
        let Some(item) = self.item(id).await? else { return Ok(false) };
        if matches!(item.state, ItemState::Deleted | ItemState::Expired | ItemState::Withdrawn) {
            return Ok(false);
        }
        for release in self.releases_of(id).await?.into_iter().filter(|release| release.state.is_open()) {
            let said = "the item was deleted after the backup".to_owned();
            self.end_restored(&release, EndedSince { state: ReleaseState::Denied, at, said }).await?;
        }
        self.delete_item(id, "", why, at).await?;
        Ok(true)
    }
}

/// What each recipient has follows from the end. Of one that only some have had, nobody here knows who.
fn conclude(release: &mut Release, ended: &EndedSince) {
    let state = match ended.state {
        ReleaseState::Delivered => Some(RecipientState::Delivered),
        ReleaseState::Partly | ReleaseState::Unknown => Some(RecipientState::Unknown),
        ReleaseState::Failed => Some(RecipientState::GivenUp),
        ReleaseState::Denied | ReleaseState::Requested | ReleaseState::Approved | ReleaseState::Sending => None,
    };
    let waiting = release.recipients.iter_mut().filter(|it| it.state != RecipientState::Delivered);
    for recipient in waiting {
        recipient.state = state.unwrap_or(recipient.state);
    }
    release.state = ended.state;
    release.settled_at = Some(ended.at);
    release.said.clone_from(&ended.said);
    release.owner = None;
    release.dotted = false;
}

fn item_state(release: &Release) -> ItemState {
    let is_delivered = release.kind == ReleaseKind::Original && release.state == ReleaseState::Delivered;
    if is_delivered { ItemState::Released } else { ItemState::Held }
}

async fn set_item(
    connection: &mut sqlx::AnyConnection,
    id: &TransactionId,
    state: ItemState,
    at: UnixMillis,
) -> Result<(), StoreFault> {
    sqlx::query(
        "UPDATE items SET state = $1, settled_at = $2 WHERE id = $3 AND state IN ('pending', 'held', 'releasing')",
    )
    .bind(rows::word(&state))
    .bind(at)
    .bind(id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;
    use crate::record::{
        audit::Actor,
        release::{Asked, Word},
        sample,
    };

    fn asked(number: u64) -> Asked {
        let actor = Actor { account: "maria".to_owned(), person: None };
        let requested = Word { at: 5, actor, reason: "r".to_owned() };
        let (id, kind) = (sample::id(number), ReleaseKind::Original);
        Asked { id, kind, analysts: Vec::new(), requested, copy_of_refused: false, again: false }
    }

    async fn released(store: &Store, number: u64) -> (TransactionId, Release) {
        let item = sample::item(number, b"", b"x");
        store.keep(&item, stream::iter([Ok(Bytes::from_static(b"x"))])).await.unwrap();
        (item.id.clone(), store.request_release(&item.id, asked(number + 50)).await.unwrap())
    }

    fn ended(state: ReleaseState) -> EndedSince {
        EndedSince { state, at: 9, said: "250".to_owned() }
    }

    /// Open in the backup, over since: it is not sent once more.
    #[tokio::test]
    async fn a_release_that_ended_since_ends_here() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        for (number, state, item_state) in
            [(1, ReleaseState::Delivered, ItemState::Released), (2, ReleaseState::Unknown, ItemState::Held)]
        {
            let (item, release) = released(&store, number).await;
            store.end_restored(&release, ended(state)).await.unwrap();
            assert_eq!(store.item(&item).await.unwrap().unwrap().state, item_state);
            assert_eq!(store.release(&release.id).await.unwrap().unwrap().state, state);
        }
        assert!(store.take_release("mx", 100, 200).await.unwrap().is_none(), "nothing is due");
        let again = store.request_release(&sample::item(2, b"", b"x").id, asked(90)).await.unwrap_err();
        assert!(again.to_string().contains("may"), "whoever asks again is told that it may be there: {again}");
    }

    /// Asked for and delivered since: the item that the backup has as held is not sent by the next who asks.
    #[tokio::test]
    async fn a_release_of_since_is_added_as_it_ended() {
        let (live, restored) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let live = Store::open(live.path()).await.unwrap();
        let (item, release) = released(&live, 1).await;
        let store = Store::open(restored.path()).await.unwrap();
        let kept = sample::item(1, b"", b"x");
        assert!(!store.add_restored(release.clone(), ended(ReleaseState::Delivered)).await.unwrap(), "no such item");
        store.keep(&kept, stream::iter([Ok(Bytes::from_static(b"x"))])).await.unwrap();
        assert!(store.add_restored(release.clone(), ended(ReleaseState::Delivered)).await.unwrap());
        assert!(!store.add_restored(release, ended(ReleaseState::Delivered)).await.unwrap(), "once");
        assert_eq!(store.item(&item).await.unwrap().unwrap().state, ItemState::Released);
    }

    /// Also what the backup has as being released.
    #[tokio::test]
    async fn what_was_deleted_since_is_deleted_whatever_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let (item, release) = released(&store, 1).await;
        assert!(store.delete_restored(&item, "w", 9).await.unwrap());
        assert!(!store.delete_restored(&item, "w", 9).await.unwrap());
        assert_eq!(store.item(&item).await.unwrap().unwrap().state, ItemState::Deleted);
        assert_eq!(store.release(&release.id).await.unwrap().unwrap().state, ReleaseState::Denied);
        assert!(store.take_release("mx", 100, 200).await.unwrap().is_none());
        assert!(!store.delete_restored(&sample::id(77), "w", 9).await.unwrap(), "not here");
    }
}
