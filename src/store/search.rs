//! Searches over records, newest first, a page at a time.
//!
//! A search reads the index of terms day by day, the newest first, and stops when its page is full. Of several terms the one with the
//! fewest rows of that day is read, and the others are looked up: two words that are frequent alone cost no more than the rarer.

use sqlx::{AnyPool, AssertSqlSafe, Row as _, any::AnyRow};

use super::{RefusedAttempts, StoreFault, View, rows};
use crate::record::{
    Record, TransactionId, UnixMillis,
    term::{self, Sought},
    window::{self, Span},
};

/// Rows that are counted before a term is called frequent.
const FREQUENT: i64 = 1000;

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
        let mut page = Page { records: Vec::new(), next: search.behind.clone() };
        let limit = usize::try_from(search.limit).unwrap_or(usize::MAX).max(1);
        // What is found by a term and is not meant: a record that was cut, or whose terms another version made.
        while page.records.len() < limit {
            let left = limit.saturating_sub(page.records.len());
            let search = Search { behind: page.next.take(), ..search.clone() };
            let found = places(self.readers(), &search, left).await?;
            let Some(last) = found.last() else { return Ok(page) };
            let is_last = found.len() < left;
            let mut records = records(self.readers(), &found).await?;
            records.retain(|record| {
                let terms = term::of(record);
                search.all.iter().all(|sought| sought.is_in(&terms))
            });
            page.records.append(&mut records);
            if is_last {
                return Ok(page);
            }
            page.next = Some(last.clone());
        }
        Ok(page)
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

/// Where the records are, at most `limit`.
async fn places(readers: &AnyPool, search: &Search, limit: usize) -> Result<Vec<Place>, StoreFault> {
    let Some(span) = present(readers, search).await? else { return Ok(Vec::new()) };
    if search.all.is_empty() {
        return read(of_time(span, search.behind.as_ref(), limit).fetch(readers).await?);
    }
    let mut found: Vec<Place> = Vec::new();
    let days = window::day_of(span.from)..=window::day_of(span.until.saturating_sub(1));
    for day in days.rev() {
        let left = limit.saturating_sub(found.len());
        if left == 0 {
            break;
        }
        let Some(ordered) = rarest_first(readers, day, &search.all).await? else { continue };
        found.extend(read(of_day(day, span, &ordered, search.behind.as_ref(), left).fetch(readers).await?)?);
    }
    Ok(found)
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

/// What is sought, by how often it is there on a day; none: something of it is not there at all.
async fn rarest_first<'s>(
    readers: &AnyPool,
    day: i64,
    all: &'s [Sought],
) -> Result<Option<Vec<&'s Sought>>, StoreFault> {
    if let [only] = all {
        return Ok(Some(vec![only]));
    }
    let mut counted = Vec::new();
    for sought in all {
        let found = how_many(day, sought).fetch(readers).await?;
        let count: i64 = found.first().map_or(Ok(0), |row| row.try_get(0))?;
        if count == 0 {
            return Ok(None);
        }
        counted.push((count, sought));
    }
    counted.sort_by_key(|(count, _)| *count);
    Ok(Some(counted.into_iter().map(|(_, sought)| sought).collect()))
}

fn how_many(day: i64, sought: &Sought) -> Statement {
    let mut statement = Statement::default();
    let day = statement.bind(Value::Number(day));
    let condition = statement.condition("t", sought);
    statement.sql = format!(
        "SELECT COUNT(*) FROM (SELECT t.began FROM terms t WHERE t.day = {day} AND {condition} LIMIT {FREQUENT}) AS counted"
    );
    statement
}

/// The records of one day that have everything in `ordered`, of which the first is the rarest.
fn of_day(day: i64, span: Span, ordered: &[&Sought], behind: Option<&Place>, limit: usize) -> Statement {
    let mut statement = Statement::default();
    let day = statement.bind(Value::Number(day));
    let mut conditions = Vec::new();
    for (nth, sought) in ordered.iter().enumerate() {
        let name = format!("t{nth}");
        let condition = statement.condition(&name, sought);
        conditions.push(match (nth, sought) {
            (0, _) => condition,
            (_, Sought::AnyOf(_)) => format!(
                "EXISTS (SELECT 1 FROM terms {name} WHERE {name}.day = {day} AND {condition} AND {name}.began = t0.began \
                 AND {name}.transaction_id = t0.transaction_id)"
            ),
            // Read once for the day, and not once for each record.
            (_, Sought::Beginning(_)) => format!(
                "t0.transaction_id IN (SELECT {name}.transaction_id FROM terms {name} WHERE {name}.day = {day} AND {condition})"
            ),
        });
    }
    let within = statement.within("t0.began", "t0.transaction_id", span, behind);
    let limit = statement.bind(Value::Number(i64::try_from(limit).unwrap_or(i64::MAX)));
    // Of one term a record has one row, and the index is read in its order; a DISTINCT would have all of them sorted first.
    let distinct = match ordered.first() {
        Some(Sought::AnyOf(terms)) if terms.len() == 1 => "",
        _ => "DISTINCT ",
    };
    statement.sql = format!(
        "SELECT {distinct}t0.began, t0.transaction_id FROM terms t0 WHERE t0.day = {day} AND {} AND {within} \
         ORDER BY t0.began DESC, t0.transaction_id DESC LIMIT {limit}",
        conditions.join(" AND ")
    );
    statement
}

/// Every record of a span.
fn of_time(span: Span, behind: Option<&Place>, limit: usize) -> Statement {
    let mut statement = Statement::default();
    let within = statement.within("began", "id", span, behind);
    let limit = statement.bind(Value::Number(i64::try_from(limit).unwrap_or(i64::MAX)));
    statement.sql =
        format!("SELECT began, id FROM transactions WHERE {within} ORDER BY began DESC, id DESC LIMIT {limit}");
    statement
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

    /// In a span, and behind a place.
    fn within(&mut self, began: &str, id: &str, span: Span, behind: Option<&Place>) -> String {
        let from = self.bind(Value::Number(span.from));
        let until = self.bind(Value::Number(span.until));
        let mut within = format!("{began} >= {from} AND {began} < {until}");
        if let Some(place) = behind {
            let at = self.bind(Value::Number(place.began));
            let last = self.bind(Value::Text(place.id.to_string()));
            within += &format!(" AND ({began} < {at} OR {id} < {last})");
        }
        within
    }

    async fn fetch(self, readers: &AnyPool) -> Result<Vec<AnyRow>, StoreFault> {
        let mut query = sqlx::query(AssertSqlSafe(self.sql));
        for value in self.bound {
            query = match value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
            };
        }
        Ok(query.fetch_all(readers).await?)
    }
}

fn read(found: Vec<AnyRow>) -> Result<Vec<Place>, StoreFault> {
    found.iter().map(|row| Ok(Place { began: row.try_get(0)?, id: rows::from_word(row.try_get(1)?)? })).collect()
}

async fn records(readers: &AnyPool, places: &[Place]) -> Result<Vec<Record>, StoreFault> {
    let mut records: Vec<Record> = Vec::with_capacity(places.len());
    for some in places.chunks(200) {
        let mut statement = Statement::default();
        let bound: Vec<String> = some.iter().map(|place| statement.bind(Value::Text(place.id.to_string()))).collect();
        statement.sql = format!("SELECT record FROM transactions WHERE id IN ({})", bound.join(", "));
        for row in statement.fetch(readers).await? {
            records.push(serde_json::from_str(&row.try_get::<String, _>(0)?)?);
        }
    }
    records.sort_by(|one, other| (other.began, &other.id).cmp(&(one.began, &one.id)));
    Ok(records)
}

#[cfg(test)]
mod tests;
