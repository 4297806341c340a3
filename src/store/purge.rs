//! What is too old goes, a day at a time, in small steps: the writer is everybody's, and mail that is to be held waits for it.
//!
//! Which day may go is not decided here (`record::window`), but for one thing: a request that is registered while a day goes, on this node or
//! another, keeps what is left of it. Whoever removes or registers takes its turn first; so does the other of two nodes that remove.

use std::time::Duration;

use sqlx::{Any, AnyConnection, AssertSqlSafe, Row as _, Transaction};

use super::{Store, StoreFault};
use crate::record::{
    UnixMillis,
    window::{self, Span},
};

/// Counts of refused attempts that go in one step: a quarter of an hour of them, 1,024 a minute at most.
const COUNTS: UnixMillis = 900_000;

/// How many rows a step may have, learnt from how long the last one took: disks differ by a hundred times, and mail that is to be held
/// waits for a whole step.
#[derive(Debug)]
pub struct Pace(u32);

impl Default for Pace {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Pace {
    /// Rows of the next step.
    pub fn rows(&self) -> u32 {
        self.0
    }

    /// After a step that had the writer so long.
    pub fn took(&mut self, took: Duration) {
        if took > LONG {
            self.0 = (self.0 / 2).max(FEWEST);
        } else if took < LONG / 4 {
            self.0 = self.0.saturating_add(self.0 / 4).min(MOST);
        }
    }
}

/// Until the end of the transaction nobody else removes, or registers a request. SQLite has one writer anyway.
pub(super) async fn take_turn(connection: &mut AnyConnection) -> Result<(), StoreFault> {
    sqlx::query("UPDATE removal SET one = one WHERE one = 1").execute(connection).await?;
    Ok(())
}

/// Rows of the first step, the fewest, and the most.
const FIRST: u32 = 200;
const FEWEST: u32 = 50;
const MOST: u32 = 2000;

/// No step is to take longer.
const LONG: Duration = Duration::from_millis(40);

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
    /// zero: there is nothing of this day any more, or an open request keeps it.
    pub async fn remove_of_day(&self, day: i64, count: u32) -> Result<u64, StoreFault> {
        self.must_be_whole()?;
        let span = window::span_of(day);
        let mut removed = self.noted(self.remove_records(span, count).await)?;
        if removed == 0 {
            removed = self.noted(self.remove_terms(day, span, count).await)?;
        }
        if removed == 0 {
            removed = self.noted(self.remove_counts(span).await)?;
        }
        Ok(removed)
    }

    /// A step; none: an open request, or a hold, keeps what is in the span.
    async fn begin_step(&self, span: Span) -> Result<Option<Transaction<'static, Any>>, StoreFault> {
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction).await?;
        // Behind the turn: what was registered before it is seen.
        let kept: Option<String> = sqlx::query_scalar(
            "SELECT number FROM requests WHERE closed_at IS NULL AND starts < $1 AND ends > $2 LIMIT 1",
        )
        .bind(span.until)
        .bind(span.from)
        .fetch_optional(&mut *transaction)
        .await?;
        Ok(kept.is_none().then_some(transaction))
    }

    async fn remove_records(&self, span: Span, count: u32) -> Result<u64, StoreFault> {
        let Some(mut transaction) = self.begin_step(span).await? else { return Ok(0) };
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

    async fn remove_terms(&self, day: i64, span: Span, count: u32) -> Result<u64, StoreFault> {
        let Some(mut transaction) = self.begin_step(span).await? else { return Ok(0) };
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
        let Some(mut transaction) = self.begin_step(span).await? else { return Ok(0) };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{Record, TransactionId, request::tests::request, sample},
        store::{Change, JournalPosition, place},
    };

    const DAY: i64 = 20_000;

    /// A store with 60 records of one day.
    async fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(place::of(folder.path()).await).await.unwrap();
        let of_the_day = |number: u64| {
            let began = window::span_of(DAY).from + number as i64;
            let id = TransactionId::new(began.unsigned_abs(), u128::from(number) << 16);
            Change::Outcome(Box::new(Record { id, began, ..sample::record(number) }))
        };
        let changes: Vec<Change> = (0..60).map(of_the_day).collect();
        store.load(&changes, JournalPosition { segment: 1, offset: 1 }).await.unwrap();
        (folder, store)
    }

    /// Whoever was told that a request is registered finds what was there at that moment, however far the removal has come.
    #[tokio::test]
    async fn a_request_that_is_registered_while_a_day_goes_keeps_what_is_left() {
        let (_folder, store) = store().await;
        let step = store.begin_step(window::span_of(DAY)).await.unwrap().unwrap();
        let hold =
            crate::record::request::Request { span: window::span_of(DAY), ..request("LAW 1", "noc@tjpa.jus.br") };
        let mut opening = std::pin::pin!(store.open_request(&hold));
        let waits = tokio::time::timeout(Duration::from_millis(300), opening.as_mut()).await;
        assert!(waits.is_err(), "it was registered in the middle of a step, and what the step removes is gone");
        step.commit().await.unwrap();
        assert!(opening.await.unwrap());
        assert_eq!(store.remove_of_day(DAY, 10).await.unwrap(), 0);
        assert_eq!(store.recent(100).await.unwrap().len(), 60);
        let closed = crate::record::request::Closed { at: 1, by: "root".to_owned() };
        store.close_request("LAW 1", &closed).await.unwrap();
        assert_eq!(store.remove_of_day(DAY, 10).await.unwrap(), 10);
    }

    /// By the days of a request, its ends not counted.
    #[tokio::test]
    async fn a_request_of_other_days_keeps_nothing() {
        let (_folder, store) = store().await;
        let of = |number: &str, day| crate::record::request::Request {
            span: window::span_of(day),
            ..request(number, "noc@tjpa.jus.br")
        };
        store.open_request(&of("1", DAY - 1)).await.unwrap();
        store.open_request(&of("2", DAY + 1)).await.unwrap();
        assert_eq!(store.remove_of_day(DAY, 60).await.unwrap(), 60);
    }

    #[test]
    fn steps_that_take_long_become_small_and_grow_again() {
        let mut pace = Pace::default();
        let mut seen = Vec::new();
        for took in [100, 100, 100, 20, 5, 5] {
            pace.took(Duration::from_millis(took));
            seen.push(pace.rows());
        }
        assert_eq!(seen, [100, 50, 50, 50, 62, 77]);
        for _ in 0..100 {
            pace.took(Duration::ZERO);
        }
        assert_eq!(pace.rows(), MOST);
    }
}
