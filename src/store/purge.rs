//! What is too old goes, a day at a time, in small steps: the writer is everybody's, and mail that is to be held waits for it.
//!
//! Which day may go is not decided here (`record::window`).

use sqlx::{AssertSqlSafe, Row as _};

use super::{Store, StoreFault};
use crate::record::{
    UnixMillis,
    window::{self, Span},
};

/// Counts of refused attempts that go in one step: a quarter of an hour of them, 1,024 a minute at most.
const COUNTS: UnixMillis = 900_000;

impl Store {
    /// The first day that has anything: records, terms, or counts of refused attempts.
    pub async fn first_day(&self) -> Result<Option<i64>, StoreFault> {
        let records: Option<i64> = sqlx::query_scalar("SELECT began FROM transactions ORDER BY began, id LIMIT 1")
            .fetch_optional(self.view.readers())
            .await?;
        let terms: Option<i64> = sqlx::query_scalar("SELECT day FROM terms ORDER BY day LIMIT 1")
            .fetch_optional(self.view.readers())
            .await?;
        let counts: Option<i64> = sqlx::query_scalar("SELECT minute FROM refused_attempts ORDER BY minute LIMIT 1")
            .fetch_optional(self.view.readers())
            .await?;
        Ok([records.map(window::day_of), terms, counts.map(window::day_of)].into_iter().flatten().min())
    }

    /// When the newest record began.
    pub async fn newest_record(&self) -> Result<Option<UnixMillis>, StoreFault> {
        let newest = sqlx::query_scalar("SELECT began FROM transactions ORDER BY began DESC, id DESC LIMIT 1");
        Ok(newest.fetch_optional(self.view.readers()).await?)
    }

    /// Removes at most about `count` rows of a day: first its records, then what they were found by, then its counts. Says how many;
    /// zero: there is nothing of this day any more.
    pub async fn remove_of_day(&self, day: i64, count: u32) -> Result<u64, StoreFault> {
        self.must_be_whole()?;
        let span = window::span_of(day);
        let mut removed = self.noted(self.remove_records(span, count).await)?;
        if removed == 0 {
            removed = self.noted(self.remove_terms(day, count).await)?;
        }
        if removed == 0 {
            removed = self.noted(self.remove_counts(span).await)?;
        }
        Ok(removed)
    }

    async fn remove_records(&self, span: Span, count: u32) -> Result<u64, StoreFault> {
        let mut transaction = self.begin().await?;
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM transactions WHERE began >= $1 AND began < $2 ORDER BY began, id LIMIT $3",
        )
        .bind(span.from)
        .bind(span.until)
        .bind(i64::from(count))
        .fetch_all(&mut *transaction)
        .await?;
        let mut removed = 0;
        for some in ids.chunks(200) {
            let bound: Vec<String> = (1..=some.len()).map(|nth| format!("${nth}")).collect();
            // Their recipients go with them.
            let sql = format!("DELETE FROM transactions WHERE id IN ({})", bound.join(", "));
            let mut delete = sqlx::query(AssertSqlSafe(sql));
            for id in some {
                delete = delete.bind(id.as_str());
            }
            removed += delete.execute(&mut *transaction).await?.rows_affected();
        }
        transaction.commit().await?;
        Ok(removed)
    }

    async fn remove_terms(&self, day: i64, count: u32) -> Result<u64, StoreFault> {
        let mut transaction = self.begin().await?;
        let last = sqlx::query("SELECT term, began FROM terms WHERE day = $1 ORDER BY term, began LIMIT 1 OFFSET $2")
            .bind(day)
            .bind(i64::from(count))
            .fetch_optional(&mut *transaction)
            .await?;
        let delete = match &last {
            Some(last) => sqlx::query("DELETE FROM terms WHERE day = $1 AND term <= $2 AND (term < $2 OR began <= $3)")
                .bind(day)
                .bind(last.try_get::<String, _>(0)?)
                .bind(last.try_get::<i64, _>(1)?),
            None => sqlx::query("DELETE FROM terms WHERE day = $1").bind(day),
        };
        let removed = delete.execute(&mut *transaction).await?.rows_affected();
        transaction.commit().await?;
        Ok(removed)
    }

    async fn remove_counts(&self, span: Span) -> Result<u64, StoreFault> {
        let mut transaction = self.begin().await?;
        let first: Option<i64> = sqlx::query_scalar(
            "SELECT minute FROM refused_attempts WHERE minute >= $1 AND minute < $2 ORDER BY minute LIMIT 1",
        )
        .bind(span.from)
        .bind(span.until)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(first) = first else { return Ok(0) };
        let until = first.saturating_add(COUNTS).min(span.until);
        let removed = sqlx::query("DELETE FROM refused_attempts WHERE minute >= $1 AND minute < $2")
            .bind(first)
            .bind(until)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        transaction.commit().await?;
        Ok(removed)
    }
}
