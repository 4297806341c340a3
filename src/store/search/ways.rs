//! How the index of one day is asked, so that little of it is read.
//!
//! What is sought is counted first, each up to a bound. The rarest is read, the newest first, and of the others is looked up what that is
//! cheaper for than reading a record. What is left out here costs records that are read in vain, and no record that is meant. Things that
//! are frequent, and seldom or never meet, are read side by side: a day of them has thousands of rows, and a page does not end it.

use sqlx::{AnyPool, Row as _};

use super::{Statement, Value};
use crate::{
    record::{term::Sought, window::Span},
    store::StoreFault,
};

/// Rows up to which a term is counted; behind it, it is frequent: a page of it is full before much of it is read.
pub(super) const FREQUENT: i64 = if cfg!(test) { 20 } else { 1000 };

/// Rows up to which the words that begin so are counted: they are not in the order of time, so all of them have to be read and sorted.
/// Few in tests, so that some hundred records come to each way.
pub(super) const TOO_MANY: i64 = if cfg!(test) { 150 } else { 20_000 };

/// Rows of the index that are read in the time in which one record is.
pub(super) const ROWS_PER_RECORD: i64 = 50;

/// Rows of the index that are read side by side in the time of one look-up. SQLite 3.40, 31 days with 6,500 rows of each of two terms: 0.11 us a
/// row, and 0.65 us a look-up.
pub(super) const ROWS_PER_LOOK_UP: i64 = 5;

/// What a day is asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Day<'s> {
    /// How.
    pub(super) way: Way<'s>,
    /// Each of several terms is frequent on it.
    pub(super) are_frequent: bool,
}

/// How the records of a day are come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way<'s> {
    /// By the rows of one that is sought, as far as `also` is there.
    Terms {
        /// The rarest.
        first: &'s Sought,
        /// What is looked up for each of its rows.
        also: Vec<&'s Sought>,
    },
    /// By the rows of all terms side by side.
    Merged(&'s [Sought]),
    /// One after the other: a large part of them has what is sought.
    Time,
}

/// The way that reads least; none: something that is sought is not there on this day. `alike`: what [`are_alike`] said of another day, if
/// pages were not filled by it.
pub(super) async fn best<'s>(
    readers: &AnyPool,
    day: i64,
    all: &'s [Sought],
    alike: bool,
) -> Result<Option<Day<'s>>, StoreFault> {
    let only = |way| Ok(Some(Day { way, are_frequent: false }));
    match all {
        [] => return only(Way::Time),
        [first @ Sought::AnyOf(_)] => return only(Way::Terms { first, also: Vec::new() }),
        _ => {}
    }
    let mut counted = Vec::new();
    // Terms first: beside few rows of one, few of a beginning are enough to know that it is not looked up.
    let (terms, beginnings): (Vec<_>, Vec<_>) = all.iter().partition(|sought| matches!(sought, Sought::AnyOf(_)));
    let has_beginnings = !beginnings.is_empty();
    for sought in terms.into_iter().chain(beginnings) {
        let least = counted.iter().map(|(count, _)| *count).min().unwrap_or(TOO_MANY);
        let count = counted_to(readers, day, sought, most_counted(sought, least)).await?;
        if count == 0 {
            return Ok(None);
        }
        counted.push((count, sought));
    }
    let are_frequent = !has_beginnings && counted.iter().all(|(count, _)| *count >= FREQUENT);
    let way = if alike && are_frequent { Way::Merged(all) } else { of_counted(counted) };
    Ok(Some(Day { way, are_frequent }))
}

/// Whether terms that are frequent are so to about the same degree, so that reading all of them costs less than looking the others up
/// for each row of one. To be asked once for a search: it is counted much further than otherwise.
pub(super) async fn are_alike(readers: &AnyPool, day: i64, all: &[Sought]) -> Result<bool, StoreFault> {
    let mut counts = Vec::new();
    for sought in all {
        counts.push(counted_to(readers, day, sought, TOO_MANY).await?);
    }
    Ok(so_often_is_alike(&counts))
}

pub(super) fn so_often_is_alike(counts: &[i64]) -> bool {
    let (least, most) = (counts.iter().min().copied(), counts.iter().max().copied());
    most.unwrap_or_default() <= least.unwrap_or_default().saturating_mul(ROWS_PER_LOOK_UP)
}

async fn counted_to(readers: &AnyPool, day: i64, sought: &Sought, most: i64) -> Result<i64, StoreFault> {
    let found = how_many(day, sought, most).fetch(readers).await?;
    Ok(found.first().map_or(Ok(0), |row| row.try_get(0))?)
}

/// The way for what is there so often.
pub(super) fn of_counted(mut counted: Vec<(i64, &Sought)>) -> Way<'_> {
    counted.sort_by_key(|(count, _)| *count);
    let mut counted = counted.into_iter();
    let Some((least, first)) = counted.next() else { return Way::Time };
    // No term is counted that far: here everything that is sought is a beginning, and a frequent one.
    if least >= TOO_MANY {
        return Way::Time;
    }
    let is_looked_up = |(count, sought): &(i64, &Sought)| match sought {
        Sought::AnyOf(_) => true,
        Sought::Beginning(_) => *count < TOO_MANY && *count <= least.saturating_mul(ROWS_PER_RECORD),
    };
    Way::Terms { first, also: counted.filter(is_looked_up).map(|(_, sought)| sought).collect() }
}

/// How far it is counted beside one that has `least` rows.
fn most_counted(sought: &Sought, least: i64) -> i64 {
    match sought {
        Sought::AnyOf(_) => FREQUENT,
        Sought::Beginning(_) => TOO_MANY.min(least.saturating_mul(ROWS_PER_RECORD).saturating_add(1)),
    }
}

pub(super) fn how_many(day: i64, sought: &Sought, most: i64) -> Statement {
    let mut statement = Statement::default();
    let day = statement.bind(Value::Number(day));
    let condition = statement.condition("t", sought);
    statement.sql = format!(
        "SELECT COUNT(*) FROM (SELECT t.began FROM terms t WHERE t.day = {day} AND {condition} LIMIT {most}) AS counted"
    );
    statement
}

impl Way<'_> {
    /// Asks for at most `limit` milliseconds, the newest first. One may come several times: to leave that out, all would have to be read.
    pub(super) fn statement(&self, day: i64, span: Span, limit: usize) -> Statement {
        match self {
            Self::Terms { first, also } => by_terms(day, span, first, also, limit),
            Self::Merged(all) => merged(day, span, all, limit),
            Self::Time => by_time(span, limit),
        }
    }
}

fn by_terms(day: i64, span: Span, first: &Sought, also: &[&Sought], limit: usize) -> Statement {
    let mut statement = Statement::default();
    let day = statement.bind(Value::Number(day));
    let mut conditions = vec![statement.condition("t0", first)];
    for (nth, sought) in (1..).zip(also) {
        let name = format!("t{nth}");
        let condition = statement.condition(&name, sought);
        conditions.push(match sought {
            Sought::AnyOf(_) => format!(
                "EXISTS (SELECT 1 FROM terms {name} WHERE {name}.day = {day} AND {condition} AND {name}.began = t0.began)"
            ),
            // Read once for the day, and not once for each record.
            Sought::Beginning(_) => format!(
                "t0.began IN (SELECT {name}.began FROM terms {name} WHERE {name}.day = {day} AND {condition})"
            ),
        });
    }
    let within = statement.within("t0.began", span);
    statement.sql = format!(
        "SELECT t0.began FROM terms t0 WHERE t0.day = {day} AND {} AND {within} ORDER BY t0.began DESC LIMIT {limit}",
        conditions.join(" AND ")
    );
    statement
}

/// Each side comes in the order of time, so that they are walked through together and none is stored, but for what is *any of* several terms,
/// which is sorted first.
fn merged(day: i64, span: Span, all: &[Sought], limit: usize) -> Statement {
    let mut statement = Statement::default();
    let day = statement.bind(Value::Number(day));
    let mut sides = Vec::new();
    for (nth, sought) in (0..).zip(all) {
        let name = format!("t{nth}");
        let condition = statement.condition(&name, sought);
        let within = statement.within(&format!("{name}.began"), span);
        sides.push(format!(
            "SELECT {name}.began FROM terms {name} WHERE {name}.day = {day} AND {condition} AND {within}"
        ));
    }
    statement.sql = format!("{} ORDER BY 1 DESC LIMIT {limit}", sides.join(" INTERSECT "));
    statement
}

fn by_time(span: Span, limit: usize) -> Statement {
    let mut statement = Statement::default();
    let within = statement.within("began", span);
    statement.sql = format!("SELECT began FROM transactions WHERE {within} ORDER BY began DESC LIMIT {limit}");
    statement
}
