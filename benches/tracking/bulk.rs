//! Many records at once, past the store, as rows that it would have written.

use std::fmt::Write as _;

use portaria::{
    record::{Record, term, window},
    store::Store,
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, postgres::PgConnection, sqlite::SqliteConnection};

use super::{Bench, made::Made};

/// Records in one transaction.
const MANY: u64 = 20_000;

/// Rows in one statement of SQLite.
const ROWS: usize = 2000;

/// Adds `count` records.
pub async fn fill(bench: &Bench, made: &mut Made, count: u64) {
    let mut left = count;
    let mut sink = Sink::open(bench).await;
    while left > 0 {
        let some = left.min(MANY);
        left -= some;
        let (mut records, mut terms) = (Vec::new(), Vec::new());
        for _ in 0..some {
            let record = made.next();
            let day = window::day_of(record.began);
            terms.extend(term::of(&record).iter().map(|term| (day, term.as_str().to_owned(), record.began)));
            records.push(row(&record));
        }
        terms.sort_unstable();
        let terms: Vec<[String; 3]> =
            terms.into_iter().map(|(day, term, began)| [day.to_string(), term, began.to_string()]).collect();
        sink.begin().await;
        sink.add("transactions", &records).await;
        sink.add("terms", &terms).await;
        sink.commit().await;
    }
    sink.close().await;
}

/// What an old database has had time for: statistics, and a map of what is visible.
pub async fn settle(bench: &Bench) {
    if let Some(url) = &bench.server {
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection.execute("VACUUM ANALYZE").await.unwrap();
        connection.execute("CHECKPOINT").await.unwrap();
    }
    let store: Store = bench.store().await;
    store.close().await;
}

/// A row of `transactions`.
fn row(record: &Record) -> [String; 10] {
    [
        record.id.to_string(),
        record.id.as_str().chars().rev().collect(),
        record.began.to_string(),
        record.ended.to_string(),
        record.client.address.to_string(),
        record.reverse_path.clone(),
        record.message_id.clone().unwrap(),
        record.subjects.join(" | "),
        "relayed".to_owned(),
        serde_json::to_string(record).unwrap(),
    ]
}

enum Sink {
    Sqlite(Box<SqliteConnection>),
    PostgreSql(Box<PgConnection>),
}

impl Sink {
    async fn open(bench: &Bench) -> Self {
        match &bench.server {
            Some(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                connection.execute("SET synchronous_commit = off").await.unwrap();
                Self::PostgreSql(Box::new(connection))
            }
            None => {
                let url = format!("sqlite://{}", bench.folder.join("portaria.db").display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                connection.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000").await.unwrap();
                Self::Sqlite(Box::new(connection))
            }
        }
    }

    async fn begin(&mut self) {
        self.tell("BEGIN").await;
    }

    async fn commit(&mut self) {
        self.tell("COMMIT").await;
    }

    async fn tell(&mut self, sql: &'static str) {
        match self {
            Self::Sqlite(connection) => connection.execute(sql).await.map(drop).unwrap(),
            Self::PostgreSql(connection) => connection.execute(sql).await.map(drop).unwrap(),
        }
    }

    /// Values have no quotes, tabs, or backslashes that are not JSON's.
    async fn add<const N: usize>(&mut self, table: &str, rows: &[[String; N]]) {
        match self {
            Self::Sqlite(connection) => {
                for some in rows.chunks(ROWS) {
                    let mut sql = format!("INSERT INTO {table} VALUES ");
                    for (nth, row) in some.iter().enumerate() {
                        let comma = if nth == 0 { "" } else { "," };
                        write!(sql, "{comma}('{}')", row.join("','")).unwrap();
                    }
                    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **connection).await.unwrap();
                }
            }
            Self::PostgreSql(connection) => {
                let mut text = String::new();
                for row in rows {
                    text += &row.join("\t").replace('\\', "\\\\");
                    text.push('\n');
                }
                let mut copy = connection.copy_in_raw(&format!("COPY {table} FROM STDIN")).await.unwrap();
                copy.send(text.into_bytes()).await.unwrap();
                copy.finish().await.unwrap();
            }
        }
    }

    async fn close(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::PostgreSql(connection) => connection.close().await.unwrap(),
        }
    }
}
