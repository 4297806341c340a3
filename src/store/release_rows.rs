//! Releases into rows and back.

use sqlx::{AnyConnection, AssertSqlSafe, Row as _, any::AnyRow};

use super::{StoreFault, rows};
use crate::record::{
    Item, TransactionId,
    audit::Actor,
    release::{Release, ReleaseRecipient, ReleaseState, Word},
};

/// The columns of a release, in the order that [`release`] reads.
const RELEASE: &str = "id, item, kind, state, requested_at, requested_by, requested_for, reason, decided_at, decided_by, decided_for, \
                       decision_reason, attempts, waited, next_attempt_at, owner, lease_until, dotted, said, settled_at";

/// Which releases are to be taken up at $1, where $2 is further off than any pause, by the node $3: the content is on its disk, or, where
/// `shared` is $4, in the bucket, which it reads.
pub(super) const DUE: &str = "state = 'approved' AND (next_attempt_at <= $1 OR next_attempt_at > $2) \
                              AND item IN (SELECT id FROM items WHERE (node = $3 AND shared = 0) OR shared = $4)";

/// Waits for a release's row and has it until the end of the transaction. Whether it is still being sent, in the attempt that `release` is.
/// What is read before this may be another's by the time that it is written: a server lets several write at once.
pub(super) async fn lock_attempt(connection: &mut AnyConnection, release: &Release) -> Result<bool, StoreFault> {
    let locked = sqlx::query(
        "UPDATE releases SET attempts = attempts WHERE id = $1 AND state = 'sending' AND owner = $2 AND attempts = $3",
    )
    .bind(release.id.as_str())
    .bind(release.owner.clone())
    .bind(i64::from(release.attempts))
    .execute(connection)
    .await?;
    Ok(locked.rows_affected() == 1)
}

/// One item, as it is within this transaction.
pub(super) async fn item(connection: &mut AnyConnection, id: &TransactionId) -> Result<Option<Item>, StoreFault> {
    let sql = format!("SELECT {} FROM items WHERE id = $1", rows::ITEM);
    let found = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(connection).await?;
    found.as_ref().map(rows::item).transpose()
}

/// One release with its recipients.
pub(super) async fn one(connection: &mut AnyConnection, id: &TransactionId) -> Result<Option<Release>, StoreFault> {
    Ok(those(connection, "id = $1", id.as_str()).await?.pop())
}

/// Every release of an item, oldest first.
pub(super) async fn of_item(connection: &mut AnyConnection, item: &TransactionId) -> Result<Vec<Release>, StoreFault> {
    those(connection, "item = $1", item.as_str()).await
}

/// Every release in a state, oldest first.
pub(super) async fn in_state(connection: &mut AnyConnection, state: ReleaseState) -> Result<Vec<Release>, StoreFault> {
    those(connection, "state = $1", &rows::word(&state)).await
}

/// Every release, oldest first, with those who wait only if `open`.
pub(super) async fn all(connection: &mut AnyConnection, open: bool) -> Result<Vec<Release>, StoreFault> {
    those(connection, if open { "active <> $1" } else { "id <> $1" }, "").await
}

async fn those(
    connection: &mut AnyConnection,
    condition: &'static str,
    value: &str,
) -> Result<Vec<Release>, StoreFault> {
    let sql = format!("SELECT {RELEASE} FROM releases WHERE {condition} ORDER BY requested_at, id");
    let found = sqlx::query(AssertSqlSafe(sql)).bind(value.to_owned()).fetch_all(&mut *connection).await?;
    let mut releases = found.iter().map(release).collect::<Result<Vec<_>, _>>()?;
    for release in &mut releases {
        release.recipients = recipients(connection, &release.id).await?;
    }
    Ok(releases)
}

async fn recipients(connection: &mut AnyConnection, id: &TransactionId) -> Result<Vec<ReleaseRecipient>, StoreFault> {
    let found = sqlx::query(
        "SELECT address, parameters, state, said FROM release_recipients WHERE release_id = $1 ORDER BY position",
    )
    .bind(id.as_str())
    .fetch_all(connection)
    .await?;
    let read = |row: &AnyRow| {
        Ok(ReleaseRecipient {
            address: row.try_get(0)?,
            parameters: serde_json::from_str(&row.try_get::<String, _>(1)?)?,
            state: rows::from_word(row.try_get(2)?)?,
            said: row.try_get(3)?,
        })
    };
    found.iter().map(read).collect()
}

fn release(row: &AnyRow) -> Result<Release, StoreFault> {
    let decided = match row.try_get::<Option<i64>, _>(8)? {
        Some(at) => Some(Word {
            at,
            actor: Actor { account: row.try_get(9)?, person: row.try_get(10)? },
            reason: row.try_get(11)?,
        }),
        None => None,
    };
    Ok(Release {
        id: rows::from_word(row.try_get(0)?)?,
        item: rows::from_word(row.try_get(1)?)?,
        kind: rows::from_word(row.try_get(2)?)?,
        state: rows::from_word(row.try_get(3)?)?,
        recipients: Vec::new(),
        requested: Word {
            at: row.try_get(4)?,
            actor: Actor { account: row.try_get(5)?, person: row.try_get(6)? },
            reason: row.try_get(7)?,
        },
        decided,
        attempts: u32::try_from(row.try_get::<i64, _>(12)?).unwrap_or(u32::MAX),
        waited: row.try_get(13)?,
        next_attempt_at: row.try_get(14)?,
        owner: row.try_get(15)?,
        lease_until: row.try_get(16)?,
        dotted: row.try_get::<i64, _>(17)? != 0,
        said: row.try_get(18)?,
        settled_at: row.try_get(19)?,
    })
}

/// Adds a release and its recipients.
pub(super) async fn insert(connection: &mut AnyConnection, release: &Release) -> Result<(), StoreFault> {
    sqlx::query(
        "INSERT INTO releases (id, id_reversed, item, active, kind, state, requested_at, requested_by, requested_for, reason, \
         attempts, waited, next_attempt_at, lease_until, dotted, said) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(release.id.as_str())
    .bind(rows::reversed(&release.id))
    .bind(release.item.as_str())
    .bind(release.item.as_str())
    .bind(rows::word(&release.kind))
    .bind(rows::word(&release.state))
    .bind(release.requested.at)
    .bind(rows::searchable(&release.requested.actor.account))
    .bind(release.requested.actor.person.as_deref().map(rows::searchable))
    .bind(rows::searchable(&release.requested.reason))
    .bind(i64::from(release.attempts))
    .bind(release.waited)
    .bind(release.next_attempt_at)
    .bind(release.lease_until)
    .bind(i64::from(release.dotted))
    .bind(release.said.as_str())
    .execute(&mut *connection)
    .await?;
    for (position, recipient) in (0_i64..).zip(&release.recipients) {
        sqlx::query(
            "INSERT INTO release_recipients (release_id, position, address, parameters, state, said) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(release.id.as_str())
        .bind(position)
        .bind(rows::searchable(&recipient.address))
        .bind(serde_json::to_string(&recipient.parameters)?)
        .bind(rows::word(&recipient.state))
        .bind(recipient.said.as_str())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Writes what can change, if the row is still in state `from` and was taken up `attempts` times. Whether it was.
pub(super) async fn update(
    connection: &mut AnyConnection,
    release: &Release,
    from: ReleaseState,
    attempts: u32,
) -> Result<bool, StoreFault> {
    let decided = release.decided.as_ref();
    let changed = sqlx::query(
        "UPDATE releases SET active = $1, state = $2, decided_at = $3, decided_by = $4, decided_for = $5, decision_reason = $6, \
         attempts = $7, waited = $8, next_attempt_at = $9, owner = $10, lease_until = $11, dotted = $12, said = $13, \
         settled_at = $14 WHERE id = $15 AND state = $16 AND attempts = $17",
    )
    .bind(release.state.is_open().then(|| release.item.as_str().to_owned()))
    .bind(rows::word(&release.state))
    .bind(decided.map(|word| word.at))
    .bind(decided.map(|word| rows::searchable(&word.actor.account)))
    .bind(decided.and_then(|word| word.actor.person.as_deref().map(rows::searchable)))
    .bind(decided.map(|word| rows::searchable(&word.reason)))
    .bind(i64::from(release.attempts))
    .bind(release.waited)
    .bind(release.next_attempt_at)
    .bind(release.owner.clone())
    .bind(release.lease_until)
    .bind(i64::from(release.dotted))
    .bind(rows::searchable(&release.said))
    .bind(release.settled_at)
    .bind(release.id.as_str())
    .bind(rows::word(&from))
    .bind(i64::from(attempts))
    .execute(&mut *connection)
    .await?;
    if changed.rows_affected() != 1 {
        return Ok(false);
    }
    for (position, recipient) in (0_i64..).zip(&release.recipients) {
        sqlx::query("UPDATE release_recipients SET state = $1, said = $2 WHERE release_id = $3 AND position = $4")
            .bind(rows::word(&recipient.state))
            .bind(rows::searchable(&recipient.said))
            .bind(release.id.as_str())
            .bind(position)
            .execute(&mut *connection)
            .await?;
    }
    Ok(true)
}
