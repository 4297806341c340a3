//! Searches over records, newest first, a page at a time.
//!
//! A search asks the index of terms, day by day and the newest first (`days`), for the slots of some milliseconds in which a record began that may
//! be meant (`ways`), reads the records of those, and keeps the ones that are meant: the index says where to look, and the record what is there. It
//! stops when its page is full.

mod days;
mod ways;

use sqlx::{AnyPool, AssertSqlSafe, Row as _, any::AnyRow};

use super::{RefusedAttempts, StoreFault, View};
use crate::record::{
    Record, TransactionId, UnixMillis,
    term::{self, Sought},
    window::{self, Span},
};

/// Slots that are looked at together, at least, however small the page: some of them may have nothing that is meant.
const FEW: usize = 50;

/// At most, unless the page is larger: bounds memory, some kilobytes for each record that is meant.
const MANY: usize = 800;

/// Slots whose records are asked for with one statement: under the fastest load measured one has 150 records, most of them not meant.
const TOGETHER: usize = 25;

/// The last record of a page: the next page begins behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// When it began.
    pub began: UnixMillis,
    /// Its id.
    pub id: TransactionId,
}

/// Which records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Begun in here.
    pub span: Span,
    /// All of this; nothing: every record of the span.
    pub all: Vec<Sought>,
    /// From behind this one on.
    pub behind: Option<Place>,
    /// At most so many.
    pub limit: u32,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub records: Vec<Record>,
    /// Where the next page begins; none: this was the last.
    pub next: Option<Place>,
}

/// A statement and what is bound to it, in order.
#[derive(Debug, Default)]
struct Statement {
    sql: String,
    bound: Vec<Value>,
}

#[derive(Clone, Debug)]
enum Value {
    Number(i64),
    Text(String),
}

impl View {
    /// One page.
    pub async fn search(&self, search: &Search) -> Result<Page, StoreFault> {
        let mut page = Page { records: Vec::new(), next: None };
        let limit = usize::try_from(search.limit).unwrap_or(usize::MAX).max(1);
        let Some(mut span) = present(self.readers(), search).await? else { return Ok(page) };
        let mut wanted = limit.max(FEW);
        loop {
            let found = days::moments(self, span, &search.all, wanted).await?;
            page.records.append(&mut meant_in(self.readers(), &found.slots, search).await?);
            let is_full = page.records.len() > limit || (page.records.len() == limit && !found.are_all);
            page.records.truncate(limit);
            if is_full {
                page.next = page.records.last().map(Place::of);
            }
            let Some(last) = found.slots.last().filter(|_| !is_full && !found.are_all) else { return Ok(page) };
            span.until = *last;
            // The more there is that is not meant, the more is looked at together.
            wanted = wanted.saturating_mul(2).min(MANY.max(limit));
        }
    }

    /// From when on records are found by their terms: those before are still being prepared. None: all are.
    pub async fn terms_missing_before(&self) -> Result<Option<UnixMillis>, StoreFault> {
        let began: i64 =
            sqlx::query_scalar("SELECT began FROM terms_made WHERE one = 1").fetch_one(self.readers()).await?;
        let missing: Option<i64> =
            sqlx::query_scalar("SELECT began FROM transactions WHERE began < $1 ORDER BY began DESC, id DESC LIMIT 1")
                .bind(began)
                .fetch_optional(self.readers())
                .await?;
        Ok(missing.map(|_| began))
    }

    /// Whether a record of a day of this span has hashes in the place of its subject's words.
    pub async fn has_hashed(&self, span: Span) -> Result<bool, StoreFault> {
        let any = Search { span, all: Vec::new(), behind: None, limit: 1 };
        let Some(span) = present(self.readers(), &any).await? else { return Ok(false) };
        let sought = Sought::any_hashed_word();
        for day in window::day_of(span.from)..=window::day_of(span.until.saturating_sub(1)) {
            let found = ways::how_many(day, &sought, 1).fetch(self.readers()).await?;
            if found.first().map_or(Ok(0_i64), |row| row.try_get(0))? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Attempts without a record of their own in a span, by reason; of one network if one is given. What came when the table of
    /// networks was full is of no network.
    pub async fn refused_in(&self, span: Span, network: Option<&str>) -> Result<RefusedAttempts, StoreFault> {
        let sql = "SELECT reason, CAST(SUM(attempts) AS BIGINT) AS sum FROM refused_attempts WHERE ".to_owned();
        let mut statement = Statement { sql, bound: Vec::new() };
        if let Some(network) = network {
            let network = statement.bind(Value::Text(network.to_owned()));
            statement.sql += &format!("network = {network} AND ");
        }
        let (from, until) = (statement.bind(Value::Number(span.from)), statement.bind(Value::Number(span.until)));
        statement.sql +=
            &format!("minute >= {from} AND minute < {until} GROUP BY reason ORDER BY sum DESC, reason LIMIT 100");
        let found = statement.fetch(self.readers()).await?;
        let read = |row: &AnyRow| Ok((row.try_get(0)?, u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0)));
        let reasons = found.iter().map(read).collect::<Result<_, StoreFault>>()?;
        Ok(RefusedAttempts { reasons, networks: Vec::new() })
    }
}

impl Search {
    /// Whether it is one of those that are sought. A slot may have others; and what the index has of a record that was written
    /// over, or by another version, may no longer be so.
    fn means(&self, record: &Record) -> bool {
        let is_behind = self.behind.as_ref().is_none_or(|place| (record.began, &record.id) < (place.began, &place.id));
        if !is_behind || !self.span.contains(record.began) {
            return false;
        }
        let terms = term::of(record);
        self.all.iter().all(|sought| sought.is_in(&terms))
    }
}

impl Place {
    fn of(record: &Record) -> Self {
        Self { began: record.began, id: record.id.clone() }
    }
}

/// The part of the span in which there is anything.
async fn present(readers: &AnyPool, search: &Search) -> Result<Option<Span>, StoreFault> {
    let end = |order: &str| format!("SELECT began FROM transactions ORDER BY began {order}, id {order} LIMIT 1");
    let first: Option<i64> = sqlx::query_scalar(AssertSqlSafe(end("ASC"))).fetch_optional(readers).await?;
    let last: Option<i64> = sqlx::query_scalar(AssertSqlSafe(end("DESC"))).fetch_optional(readers).await?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
    let mut span = search.span.common(Span { from: first, until: last.saturating_add(1) });
    if let Some(place) = &search.behind {
        span.until = span.until.min(place.began.saturating_add(1));
    }
    Ok((!span.is_empty()).then_some(span))
}

impl Statement {
    fn bind(&mut self, value: Value) -> String {
        self.bound.push(value);
        format!("${}", self.bound.len())
    }

    fn condition(&mut self, table: &str, sought: &Sought) -> String {
        match sought {
            Sought::AnyOf(terms) => {
                let bound: Vec<String> =
                    terms.iter().map(|term| self.bind(Value::Text(term.as_str().to_owned()))).collect();
                format!("{table}.term IN ({})", bound.join(", "))
            }
            Sought::Beginning(term) => {
                let from = self.bind(Value::Text(term.as_str().to_owned()));
                let until = self.bind(Value::Text(term.end()));
                format!("{table}.term >= {from} AND {table}.term < {until}")
            }
        }
    }

    fn within(&mut self, began: &str, span: Span) -> String {
        let from = self.bind(Value::Number(span.from));
        let until = self.bind(Value::Number(span.until));
        format!("{began} >= {from} AND {began} < {until}")
    }

    async fn fetch(self, readers: &AnyPool) -> Result<Vec<AnyRow>, StoreFault> {
        // Planned for these values: PostgreSQL would at the sixth time take a plan for any, and read a day from end to end for a rare word.
        let mut query = sqlx::query(AssertSqlSafe(self.sql)).persistent(false);
        for value in self.bound {
            query = match value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
            };
        }
        Ok(query.fetch_all(readers).await?)
    }
}

/// The records that began in these slots and are meant, newest first.
async fn meant_in(readers: &AnyPool, slots: &[UnixMillis], search: &Search) -> Result<Vec<Record>, StoreFault> {
    let mut records: Vec<Record> = Vec::with_capacity(slots.len());
    for some in slots.chunks(TOGETHER) {
        for row in of_slots(some).fetch(readers).await? {
            let record = serde_json::from_str(&row.try_get::<String, _>(0)?)?;
            records.extend(Some(record).filter(|record| search.means(record)));
        }
    }
    records.sort_by(|one, other| (other.began, &other.id).cmp(&(one.began, &one.id)));
    Ok(records)
}

/// Everything of these slots. Each has its bounds in the statement: of a table of slots PostgreSQL believes that every ninth record is in each,
/// and reads all records for it (1,000,000 there: 0.9 s for 47).
fn of_slots(slots: &[UnixMillis]) -> Statement {
    let mut statement = Statement::default();
    let slot =
        |&from: &UnixMillis| statement.within("t.began", Span { from, until: from.saturating_add(window::SLOT) });
    let each: Vec<String> = slots.iter().map(slot).map(|bounds| format!("({bounds})")).collect();
    statement.sql = format!("SELECT t.record FROM transactions t WHERE {}", each.join(" OR "));
    statement
}

#[cfg(test)]
mod tests;
