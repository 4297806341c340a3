//! The index that records are found by: rows of `record::term`, written with the record, and in the background for those of before.

use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::{Store, StoreFault};
use crate::record::{
    Record, TransactionId, UnixMillis,
    term::{self, Term},
    window,
};

/// Rows in one statement: four parameters each, of the 999 that any SQLite takes.
const ROWS: usize = 200;

/// Adds the terms of a record that has none.
pub(super) async fn add(connection: &mut AnyConnection, record: &Record) -> Result<(), StoreFault> {
    let terms: Vec<Term> = term::of(record).into_iter().collect();
    for some in terms.chunks(ROWS) {
        let rows: Vec<String> = (0..some.len()).map(|row| format!("($1, ${}, $2, $3)", row + 4)).collect();
        let sql = format!("INSERT INTO terms (day, term, began, transaction_id) VALUES {}", rows.join(", "));
        let mut insert = sqlx::query(AssertSqlSafe(sql))
            .bind(window::day_of(record.began))
            .bind(record.began)
            .bind(record.id.as_str());
        for term in some {
            insert = insert.bind(term.as_str());
        }
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Takes away the terms of a record, as it was written.
pub(super) async fn remove(connection: &mut AnyConnection, record: &Record) -> Result<(), StoreFault> {
    for term in term::of(record) {
        sqlx::query("DELETE FROM terms WHERE day = $1 AND term = $2 AND began = $3 AND transaction_id = $4")
            .bind(window::day_of(record.began))
            .bind(term.as_str())
            .bind(record.began)
            .bind(record.id.as_str())
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
            remove(&mut transaction, &record).await?;
            add(&mut transaction, &record).await?;
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
