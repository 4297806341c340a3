//! The index that records are found by: rows of `record::term`, written with the record, and in the background for those of before.
//!
//! A row says that *a* record which began in that slot (`window::slot_of`) has that term, and not which: several may have begun in it, and one
//! may have been written over. Who searches looks at the records themselves (`search`). So a row is never wrong, at most of no use; one is enough
//! for all records of a slot that have the term, and under load most of a record's terms are those of another one; and as nothing is
//! unique, nodes that load at once never wait for one another. Versions before schema 10 wrote the millisecond: it stands for its slot.

use std::collections::{HashMap, HashSet};

use sqlx::{AnyConnection, Row as _};

use super::{Store, StoreFault, database::Kind, many::Statement};
use crate::record::{
    Record, TransactionId, UnixMillis,
    term::{self, Term},
    window,
};

static ADD: Statement = Statement::insert("terms (day, term, began)", "?, ?, ?", "");

/// Terms of most records: room for those of a slot that only one began in.
const USUAL: usize = 14;

/// One row: the day of a record, what it is found by, and the slot in which it began.
pub(super) type Row = (i64, Term, UnixMillis);

/// The rows that a record needs of which there was none.
pub(super) fn of(record: &Record) -> impl Iterator<Item = Row> + use<> {
    let (day, slot) = (window::day_of(record.began), window::slot_of(record.began));
    term::of(record).into_iter().map(move |term| (day, term, slot))
}

/// The same of many records, each row once.
pub(super) fn of_all<'r>(records: impl Iterator<Item = &'r Record>) -> Vec<Row> {
    let mut slots: HashMap<UnixMillis, HashSet<Term>> = HashMap::new();
    for record in records {
        let terms = slots.entry(window::slot_of(record.began)).or_insert_with(|| HashSet::with_capacity(USUAL));
        term::each(record, |term| {
            if !terms.contains(term) {
                terms.insert(term.clone());
            }
        });
    }
    let rows = |(slot, terms): (UnixMillis, HashSet<Term>)| {
        let day = window::day_of(slot);
        terms.into_iter().map(move |term| (day, term, slot))
    };
    slots.into_iter().flat_map(rows).collect()
}

/// The rows to be added for a record that was written over another one: none if that one was found by all of it; else all of them, since
/// rows of before schema 10 name another moment, and what is found by two terms needs both of them in one.
pub(super) fn new_of(record: &Record, before: &Record) -> Vec<Row> {
    let there: HashSet<Row> = of(before).collect();
    let rows: Vec<Row> = of(record).collect();
    if rows.iter().all(|row| there.contains(row)) { Vec::new() } else { rows }
}

/// Adds rows: all of a batch at once and in the order of the index, so that each of its pages is come to once.
pub(super) async fn add(connection: &mut AnyConnection, kind: Kind, mut rows: Vec<Row>) -> Result<(), StoreFault> {
    rows.sort_unstable();
    rows.dedup();
    let lengths = ADD.lengths(kind, rows.len());
    let mut rows = rows.into_iter();
    for (sql, count) in lengths {
        let mut insert = sqlx::query(sql);
        for (day, term, began) in rows.by_ref().take(count) {
            insert = insert.bind(day).bind(String::from(term)).bind(began);
        }
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Takes rows away, also where they stand for another record: only for who adds the same ones again.
async fn remove(connection: &mut AnyConnection, rows: &[Row]) -> Result<(), StoreFault> {
    for (day, term, began) in rows {
        sqlx::query("DELETE FROM terms WHERE day = $1 AND term = $2 AND began = $3")
            .bind(day)
            .bind(term.as_str())
            .bind(began)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

impl Store {
    /// Makes the terms of the next at most `count` records that were written before there were terms, the newest first. Says how many;
    /// less than `count`: there are no more. To be called again and again with pauses: mail that is to be held waits for the writer.
    pub async fn make_terms(&self, count: u32) -> Result<usize, StoreFault> {
        self.must_be_whole()?;
        self.noted(self.make_whole(count).await)
    }

    async fn make_whole(&self, count: u32) -> Result<usize, StoreFault> {
        let mut transaction = self.begin().await?;
        // Two nodes at it at once would give the same records their terms twice.
        sqlx::query("UPDATE terms_made SET one = one WHERE one = 1").execute(&mut *transaction).await?;
        let place = sqlx::query("SELECT began, id FROM terms_made WHERE one = 1").fetch_one(&mut *transaction).await?;
        let (began, id): (UnixMillis, String) = (place.try_get(0)?, place.try_get(1)?);
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT record FROM transactions WHERE began <= $1 AND (began < $1 OR id < $2) \
             ORDER BY began DESC, id DESC LIMIT $3",
        )
        .bind(began)
        .bind(id)
        .bind(i64::from(count))
        .fetch_all(&mut *transaction)
        .await?;
        let mut last: Option<(UnixMillis, TransactionId)> = None;
        for text in &found {
            let record: Record = serde_json::from_str(text)?;
            // It may have got them meanwhile: the journal was loaded later than the schema changed.
            let rows: Vec<Row> = of(&record).collect();
            remove(&mut transaction, &rows).await?;
            add(&mut transaction, self.kind, rows).await?;
            last = Some((record.began, record.id));
        }
        let done = found.len() < usize::try_from(count).unwrap_or(usize::MAX);
        let (began, id) = match last {
            Some((began, id)) if !done => (began, id.to_string()),
            _ => (0, String::new()),
        };
        sqlx::query("UPDATE terms_made SET began = $1, id = $2 WHERE one = 1")
            .bind(began)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(found.len())
    }
}
