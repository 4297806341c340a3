//! Values into rows and back. The words of an enum are the ones that serde gives it, so that database, journal and `--json` agree.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{StoreFault, terms};
use crate::record::{Intent, Item, Record, TransactionId, attempts::Counts};

/// The columns of an item, in the order that [`item`] reads.
pub(super) const ITEM: &str = "id, class, state, acknowledged, received_at, reverse_path, recipients, subject, size, sha256, \
                               trace_length, reason, parameters";

/// The word of an enum's unit variant.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The variant of a word.
pub(super) fn from_word<T: DeserializeOwned>(word: String) -> Result<T, StoreFault> {
    Ok(serde_json::from_value(serde_json::Value::String(word))?)
}

/// Text that an index may hold: PostgreSQL takes no NUL in TEXT, and SQLite's functions end there.
pub(super) fn searchable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

pub(super) fn reversed(id: &TransactionId) -> String {
    id.as_str().chars().rev().collect()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Adds the row of an item that `node` keeps, its content encrypted with the key `key_id`.
pub(super) async fn insert_item(
    connection: &mut AnyConnection,
    node: &str,
    key_id: Option<&str>,
    item: &Item,
) -> Result<(), StoreFault> {
    let recipients = serde_json::to_string(&item.recipients)?;
    sqlx::query(
        "INSERT INTO items (id, id_reversed, class, state, acknowledged, received_at, reverse_path, recipients, subject, size, \
         sha256, trace_length, reason, parameters, node, key_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(item.id.as_str())
    .bind(reversed(&item.id))
    .bind(word(&item.class))
    .bind(word(&item.state))
    .bind(i64::from(item.acknowledged))
    .bind(item.received_at)
    .bind(searchable(&item.reverse_path))
    .bind(recipients)
    .bind(searchable(&item.subject))
    .bind(signed(item.size))
    .bind(item.sha256.as_str())
    .bind(signed(item.trace_length))
    .bind(searchable(&item.reason))
    .bind(serde_json::to_string(&item.parameters)?)
    .bind(node)
    .bind(key_id)
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Adds the rows of one entry. Those that are there are the same ones, loaded before.
pub(super) async fn put_counts(connection: &mut AnyConnection, counts: &Counts) -> Result<(), StoreFault> {
    for row in &counts.rows {
        sqlx::query(
            "INSERT INTO refused_attempts (entry, minute, network, listener, reason, attempts) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(counts.id.as_str())
        .bind(row.minute)
        .bind(row.network.as_str())
        .bind(row.listener.as_str())
        .bind(row.reason.as_str())
        .bind(signed(row.count))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Reads a row of [`ITEM`].
pub(super) fn item(row: &AnyRow) -> Result<Item, StoreFault> {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Item {
        id: from_word(row.try_get(0)?)?,
        class: from_word(row.try_get(1)?)?,
        state: from_word(row.try_get(2)?)?,
        acknowledged: row.try_get::<i64, _>(3)? != 0,
        received_at: row.try_get(4)?,
        reverse_path: row.try_get(5)?,
        recipients: serde_json::from_str(&row.try_get::<String, _>(6)?)?,
        subject: row.try_get(7)?,
        size: unsigned(row.try_get(8)?),
        sha256: row.try_get(9)?,
        trace_length: unsigned(row.try_get(10)?),
        reason: row.try_get(11)?,
        parameters: serde_json::from_str(&row.try_get::<String, _>(12)?)?,
    })
}

/// Writes a record over what stood there. Says which terms are to be added ([`terms::add`]).
pub(super) async fn put_record(
    connection: &mut AnyConnection,
    record: &Record,
) -> Result<impl Iterator<Item = terms::Row> + use<>, StoreFault> {
    let mut before = None;
    if !insert_record(connection, record).await? {
        let text: String = sqlx::query_scalar("SELECT record FROM transactions WHERE id = $1")
            .bind(record.id.as_str())
            .fetch_one(&mut *connection)
            .await?;
        before = Some(serde_json::from_str(&text)?);
        let clear = sqlx::query("DELETE FROM transactions WHERE id = $1").bind(record.id.as_str());
        clear.execute(&mut *connection).await?;
        insert_record(connection, record).await?;
    }
    Ok(terms::new_of(record, before.as_ref()))
}

/// Whether there was none of this id.
pub(super) async fn insert_record(connection: &mut AnyConnection, record: &Record) -> Result<bool, StoreFault> {
    let inserted = sqlx::query(
        "INSERT INTO transactions (id, id_reversed, began, ended, client, reverse_path, message_id, subject, ending, record) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING",
    )
    .bind(record.id.as_str())
    .bind(reversed(&record.id))
    .bind(record.began)
    .bind(record.ended)
    .bind(record.client.address.to_string())
    .bind(searchable(&record.reverse_path))
    .bind(record.message_id.as_deref().map(searchable))
    .bind(searchable(&record.subject_line()))
    .bind(word(&record.ending))
    .bind(serde_json::to_string(record)?)
    .execute(&mut *connection)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

/// Writes an intent whose outcome is not known yet.
pub(super) async fn put_intent(
    connection: &mut AnyConnection,
    node: &str,
    segment: u64,
    intent: &Intent,
) -> Result<(), StoreFault> {
    let text = serde_json::to_string(intent)?;
    sqlx::query(
        "INSERT INTO intents (id, node, segment, intent) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET \
         node = excluded.node, segment = excluded.segment, intent = excluded.intent",
    )
    .bind(intent.record.id.as_str())
    .bind(node)
    .bind(signed(segment))
    .bind(text)
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Forgets an intent: its outcome is known.
pub(super) async fn remove_intent(connection: &mut AnyConnection, id: &TransactionId) -> Result<(), StoreFault> {
    sqlx::query("DELETE FROM intents WHERE id = $1").bind(id.as_str()).execute(&mut *connection).await?;
    Ok(())
}
