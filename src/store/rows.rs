//! Values into rows and back. The words of an enum are the ones that serde gives it, so that database, journal and `--json` agree.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Any, AnyConnection, Row, any::AnyRow, query::Query};

use super::{StoreFault, database::Kind, many::Statement as Many, terms};
use crate::record::{Intent, Item, Record, TransactionId, attempts::Counts};

/// The columns of an item, in the order that [`item`] reads.
pub(super) const ITEM: &str = "id, class, state, acknowledged, received_at, reverse_path, recipients, subject, size, sha256, \
                               trace_length, reason, parameters";

/// What nobody asks the database for stands in `record` alone since schema 10; SQLite takes a column away only by writing the whole table anew.
static ADD_RECORDS: Many = Many::insert(
    "transactions (id, id_reversed, began, ended, client, reverse_path, message_id, subject, ending, record)",
    "?, ?, ?, 0, '', '', NULL, '', '', ?",
    " ON CONFLICT (id) DO NOTHING",
);
static PUT_INTENTS: Many = Many::insert(
    "intents (id, node, segment, intent)",
    "?, ?, ?, ?",
    " ON CONFLICT (id) DO UPDATE SET node = excluded.node, segment = excluded.segment, intent = excluded.intent",
);
static REMOVE_INTENTS: Many = Many::list("DELETE FROM intents WHERE id IN");

/// A record, and how it is written, if that is at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a> {
    pub(super) record: &'a Record,
    pub(super) text: Option<&'a str>,
}

impl<'a> From<&'a Record> for Written<'a> {
    fn from(record: &'a Record) -> Self {
        Self { record, text: None }
    }
}

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
    // Hexadecimal digits: one octet each.
    id.as_str().bytes().rev().map(char::from).collect()
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

/// Whether an item has a row.
pub(super) async fn has_item(connection: &mut AnyConnection, id: &TransactionId) -> Result<bool, StoreFault> {
    let found: Option<String> = sqlx::query_scalar("SELECT id FROM items WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    Ok(found.is_some())
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
    kind: Kind,
    written: Written<'_>,
) -> Result<Vec<terms::Row>, StoreFault> {
    let record = written.record;
    if insert_records(connection, kind, &[written]).await? {
        return Ok(terms::of(record).collect());
    }
    let text: String = sqlx::query_scalar("SELECT record FROM transactions WHERE id = $1")
        .bind(record.id.as_str())
        .fetch_one(&mut *connection)
        .await?;
    let clear = sqlx::query("DELETE FROM transactions WHERE id = $1").bind(record.id.as_str());
    clear.execute(&mut *connection).await?;
    insert_records(connection, kind, &[written]).await?;
    Ok(terms::new_of(record, &serde_json::from_str(&text)?))
}

/// Adds records; whether there was none of any of their ids. Where one was, some are added and some are not.
pub(super) async fn insert_records(
    connection: &mut AnyConnection,
    kind: Kind,
    records: &[Written<'_>],
) -> Result<bool, StoreFault> {
    for (sql, some) in ADD_RECORDS.runs(kind, records) {
        let mut insert = sqlx::query(sql);
        for written in some {
            insert = bind_record(insert, written)?;
        }
        if insert.execute(&mut *connection).await?.rows_affected() < some.len() as u64 {
            return Ok(false);
        }
    }
    Ok(true)
}

type Statement<'q> = Query<'q, Any, <Any as sqlx::Database>::Arguments>;

fn bind_record<'q>(insert: Statement<'q>, written: &Written<'q>) -> Result<Statement<'q>, StoreFault> {
    let record = written.record;
    let insert = insert.bind(record.id.as_str()).bind(reversed(&record.id)).bind(record.began);
    Ok(match written.text {
        Some(text) => insert.bind(text),
        None => insert.bind(serde_json::to_string(record)?),
    })
}

/// Writes intents whose outcome is not known yet, each with its segment.
pub(super) async fn put_intents(
    connection: &mut AnyConnection,
    kind: Kind,
    node: &str,
    intents: &[(u64, &Intent)],
) -> Result<(), StoreFault> {
    for (sql, some) in PUT_INTENTS.runs(kind, intents) {
        let mut insert = sqlx::query(sql);
        for (segment, intent) in some {
            let text = serde_json::to_string(intent)?;
            insert = insert.bind(intent.record.id.as_str()).bind(node).bind(signed(*segment)).bind(text);
        }
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Forgets intents: their outcome is known.
pub(super) async fn remove_intents(
    connection: &mut AnyConnection,
    kind: Kind,
    ids: &[&TransactionId],
) -> Result<(), StoreFault> {
    for (sql, some) in REMOVE_INTENTS.runs(kind, ids) {
        let mut delete = sqlx::query(sql);
        for id in some {
            delete = delete.bind(id.as_str());
        }
        delete.execute(&mut *connection).await?;
    }
    Ok(())
}
