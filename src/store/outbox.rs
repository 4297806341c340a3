//! The outbox: releases, from the request to their end (decision 42).
//!
//! In: what people ask for, and what next hops said. Out: the release that is to be sent now, and whether our dot may go out. Who may ask
//! for what, and what follows an attempt, is `record::release`'s; that two of us do not do it twice is this file's. Each change is
//! one statement that names the old state: what another process did meanwhile makes it change nothing.

use sqlx::{AnyConnection, AssertSqlSafe};

use super::{Store, StoreFault, database::Kind, release_rows, rows};
use crate::record::{
    ItemClass, ItemState, TransactionId, UnixMillis,
    release::{
        self, Asked, Heard, LONGEST_PAUSE, Next, RecipientState, Release, ReleaseKind, ReleaseRefusal, ReleaseState,
        Word,
    },
};

/// Why something that was asked of the outbox is not done.
#[derive(Debug, thiserror::Error)]
pub enum OutboxFault {
    /// It may not be.
    #[error(transparent)]
    Refused(#[from] ReleaseRefusal),
    /// It could not be.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl From<sqlx::Error> for OutboxFault {
    fn from(fault: sqlx::Error) -> Self {
        Self::Store(fault.into())
    }
}

/// Whose attempt comes to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The caller's.
    Ours,
    /// One that nobody seems to be at any more.
    Nobody,
}

impl Store {
    /// Opens a release of an item. Of two that ask at the same moment one is told [`ReleaseRefusal::AlreadyOpen`].
    pub async fn request_release(&self, item: &TransactionId, asked: Asked) -> Result<Release, OutboxFault> {
        self.must_be_whole()?;
        let mut transaction = self.begin().await?;
        // First of all the row is ours: what is read afterwards is not changed by anybody until the end of this transaction.
        let taken = set_item_state(&mut transaction, item, ItemState::Held, ItemState::Releasing, asked.requested.at);
        let taken = taken.await?;
        let mut item = release_rows::item(&mut transaction, item).await?.ok_or(StoreFault::NotFound)?;
        if taken {
            item.state = ItemState::Held;
        }
        let earlier = release_rows::of_item(&mut transaction, &item.id).await?;
        let release = release::plan(&item, &earlier, asked)?;
        release_rows::insert(&mut transaction, &release).await?;
        transaction.commit().await?;
        Ok(release)
    }

    /// The second person's word, or that of somebody who stops what is tried again and again.
    pub async fn decide_release(&self, id: &TransactionId, approves: bool, word: Word) -> Result<Release, OutboxFault> {
        self.must_be_whole()?;
        if word.reason.trim().is_empty() {
            return Err(ReleaseRefusal::NoReason.into());
        }
        let mut transaction = self.begin().await?;
        let mut release = release_rows::one(&mut transaction, id).await?.ok_or(StoreFault::NotFound)?;
        release::may_decide(&release, &word.actor, approves)?;
        let before = release.state;
        release::decide(&mut release, approves, word);
        // Whoever took it up meanwhile has written another state, or one attempt more.
        if !release_rows::update(&mut transaction, &release, before, release.attempts).await? {
            return Err(ReleaseRefusal::NotWaiting.into());
        }
        if !approves {
            free_item(&mut transaction, &release).await?;
        }
        transaction.commit().await?;
        Ok(release)
    }

    /// Takes up a release that is due, for `owner`, who is believed to be at it until `lease_until`. None: nothing is due whose content this
    /// node has.
    pub async fn take_release(
        &self,
        owner: &str,
        now: UnixMillis,
        lease_until: UnixMillis,
    ) -> Result<Option<Release>, StoreFault> {
        self.must_be_whole()?;
        self.noted(self.take_due(owner, now, lease_until).await)
    }

    /// Whose name stands in the row of what this node sends: two nodes may have one host name, and what one of them is sending is no earlier
    /// run of the other.
    pub fn owner<'a>(&'a self, hostname: &'a str) -> &'a str {
        match self.kind {
            Kind::Sqlite => hostname,
            Kind::PostgreSql => self.node(),
        }
    }

    async fn take_due(
        &self,
        owner: &str,
        now: UnixMillis,
        lease_until: UnixMillis,
    ) -> Result<Option<Release>, StoreFault> {
        let mut transaction = self.begin().await?;
        let sql = format!("SELECT id FROM releases WHERE {} ORDER BY next_attempt_at, id LIMIT 1", release_rows::DUE);
        let due: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(now)
            .bind(now.saturating_add(LONGEST_PAUSE))
            .bind(self.node())
            .bind(self.reach())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(id) = due else { return Ok(None) };
        let Some(mut release) = release_rows::one(&mut transaction, &rows::from_word(id)?).await? else {
            return Ok(None);
        };
        let before = release.attempts;
        release.state = ReleaseState::Sending;
        release.attempts = release.attempts.saturating_add(1);
        release.owner = Some(owner.to_owned());
        release.lease_until = lease_until;
        release.dotted = false;
        if !release_rows::update(&mut transaction, &release, ReleaseState::Approved, before).await? {
            return Ok(None);
        }
        transaction.commit().await?;
        Ok(Some(release))
    }

    /// Whether our dot may go out, for these recipients (by their index): from here on they may have the message. Once this returns
    /// true, that survives a power cut, and the release is ours until `lease_until`. False: it is somebody else's by now.
    pub async fn may_dot(
        &self,
        release: &Release,
        recipients: &[usize],
        lease_until: UnixMillis,
    ) -> Result<bool, StoreFault> {
        self.must_be_whole()?;
        let mut transaction = self.begin().await?;
        let changed = sqlx::query(
            "UPDATE releases SET dotted = 1, lease_until = $4 WHERE id = $1 AND state = 'sending' AND owner = $2 AND attempts = $3",
        )
        .bind(release.id.as_str())
        .bind(release.owner.clone())
        .bind(i64::from(release.attempts))
        .bind(lease_until)
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() != 1 {
            return Ok(false);
        }
        for &recipient in recipients {
            let position = i64::try_from(recipient).unwrap_or(i64::MAX);
            sqlx::query("UPDATE release_recipients SET state = 'unknown' WHERE release_id = $1 AND position = $2")
                .bind(release.id.as_str())
                .bind(position)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Writes what an attempt found out, and says what follows. None: the release is somebody else's by now, and stays as it is.
    pub async fn conclude_attempt(
        &self,
        release: &Release,
        heard: Vec<Heard>,
        patience: UnixMillis,
        now: UnixMillis,
    ) -> Result<Option<(Release, Next)>, StoreFault> {
        self.noted(self.conclude(Of::Ours, release, heard, patience, now).await)
    }

    async fn conclude(
        &self,
        of: Of,
        release: &Release,
        heard: Vec<Heard>,
        patience: UnixMillis,
        now: UnixMillis,
    ) -> Result<Option<(Release, Next)>, StoreFault> {
        let mut transaction = self.begin().await?;
        if !release_rows::lock_attempt(&mut transaction, release).await? {
            return Ok(None);
        }
        let Some(mut present) = release_rows::one(&mut transaction, &release.id).await? else { return Ok(None) };
        if of == Of::Nobody && (present.dotted, present.lease_until) != (release.dotted, release.lease_until) {
            // Its owner lives, and went on since it was looked at.
            return Ok(None);
        }
        let next = release::after_attempt(&mut present, heard, patience, now);
        if !release_rows::update(&mut transaction, &present, ReleaseState::Sending, release.attempts).await? {
            return Ok(None);
        }
        if let Next::Over(_) = next {
            free_item(&mut transaction, &present).await?;
        }
        transaction.commit().await?;
        Ok(Some((present, next)))
    }

    /// The content is infected by now: the item is of class *virus*, and the release waits for a second person. False: it is somebody
    /// else's by now.
    pub async fn infected_by_now(&self, release: &Release, signature: &str) -> Result<bool, StoreFault> {
        self.must_be_whole()?;
        let mut transaction = self.begin().await?;
        let mut waiting = release.clone();
        waiting.state = ReleaseState::Requested;
        waiting.owner = None;
        waiting.decided = None;
        waiting.said = format!("infected by now: {signature}");
        if !release_rows::update(&mut transaction, &waiting, ReleaseState::Sending, release.attempts).await? {
            return Ok(false);
        }
        sqlx::query("UPDATE items SET class = $1, reason = $2 WHERE id = $3")
            .bind(rows::word(&ItemClass::Virus))
            // In the words of what is infected when it comes: a search for the signature finds it by them.
            .bind(rows::searchable(&format!("infected {signature}")))
            .bind(release.item.as_str())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes over what is being sent by nobody any more: by `owner`, in an earlier run of his (`own`), or by others whose time is over. What has
    /// no dot is sent again; who may have the message may have it, and stays so. Says which.
    pub async fn recover_releases(
        &self,
        owner: &str,
        own: bool,
        patience: UnixMillis,
        now: UnixMillis,
    ) -> Result<Vec<(Release, Next)>, StoreFault> {
        self.must_be_whole()?;
        let mut reader = self.acquire().await?;
        let mut left: Vec<Release> = Vec::new();
        for release in release_rows::in_state(&mut reader, ReleaseState::Sending).await? {
            let his = release.owner.as_deref() == Some(owner);
            if if his { own } else { release.lease_until < now } {
                left.push(release);
            }
        }
        drop(reader);
        let mut recovered = Vec::new();
        for release in left {
            let unknown = release.recipients.iter().enumerate().filter(|(_, it)| it.state == RecipientState::Unknown);
            let said = "the gateway was stopped before the next hop answered our dot";
            let heard = unknown
                .filter(|_| release.dotted)
                .map(|(recipient, it)| Heard { recipient, state: it.state, said: said.to_owned() })
                .collect();
            recovered.extend(self.conclude(Of::Nobody, &release, heard, patience, now).await?);
        }
        Ok(recovered)
    }
}

/// A release came to its end: everybody has the original, or the item waits for a person again.
async fn free_item(connection: &mut AnyConnection, release: &Release) -> Result<(), StoreFault> {
    let delivered = release.state == ReleaseState::Delivered && release.kind == ReleaseKind::Original;
    let state = if delivered { ItemState::Released } else { ItemState::Held };
    let at = release.settled_at.unwrap_or_default();
    set_item_state(connection, &release.item, ItemState::Releasing, state, at).await?;
    Ok(())
}

/// Whether the item was in `from`.
async fn set_item_state(
    connection: &mut AnyConnection,
    id: &TransactionId,
    from: ItemState,
    to: ItemState,
    now: UnixMillis,
) -> Result<bool, StoreFault> {
    let changed = sqlx::query("UPDATE items SET state = $1, settled_at = $2 WHERE id = $3 AND state = $4")
        .bind(rows::word(&to))
        .bind(now)
        .bind(id.as_str())
        .bind(rows::word(&from))
        .execute(connection)
        .await?;
    Ok(changed.rows_affected() == 1)
}

#[cfg(test)]
mod tests;
