//! Many records at once, past the store: rows as it would have written them, made by the database itself. One text for both databases.
//!
//! The chances are not those of `made`, and as frequent: a congruential generator per record and column.

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

use super::{Bench, made::RULE};

/// Records in one transaction.
const MANY: u64 = 100_000;

/// Adds the records from one number up to another.
pub async fn fill(bench: &Bench, first: u64, until: u64) {
    let mut connection = connection(bench).await;
    if bench.server.is_none() {
        tell(
            &mut connection,
            "PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA temp_store = MEMORY".to_owned(),
        )
        .await;
    }
    let mut from = first;
    while from < until {
        let to = until.min(from + MANY);
        tell(&mut connection, format!("BEGIN; {} COMMIT;", rows(bench, from, to))).await;
        from = to;
    }
    connection.close().await.unwrap();
}

/// What an old database has had time for: statistics, and a map of what is visible.
pub async fn settle(bench: &Bench) {
    if bench.server.is_some() {
        let mut connection = connection(bench).await;
        tell(&mut connection, "VACUUM ANALYZE".to_owned()).await;
        tell(&mut connection, "CHECKPOINT".to_owned()).await;
        connection.close().await.unwrap();
    }
}

async fn connection(bench: &Bench) -> AnyConnection {
    let file = format!("sqlite://{}", bench.folder.join("portaria.db").display());
    AnyConnection::connect(bench.server.as_ref().unwrap_or(&file)).await.unwrap()
}

async fn tell(connection: &mut AnyConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

/// A number below 2^27 that depends on the record `n`, another for each `salt`.
fn chance(salt: u64) -> String {
    format!("((n + {}) * {} % 2147483647 * 48271 % 2147483647 / 16)", salt * 7919, 69_621 + 2 * salt)
}

/// The small numbers often: one in twelve words is the most frequent of 20,000.
fn word(column: &str) -> String {
    format!("'palavra' || (({column} * {column} / 10000) * ({column} * {column} / 10000) / 5000)")
}

fn rows(bench: &Bench, from: u64, until: u64) -> String {
    let chances: Vec<String> = (1..=5).map(|nth| format!("{} % 10000 AS c{nth}", chance(10 + nth))).collect();
    let words: Vec<String> = (1..=5).map(|nth| format!("{} AS w{nth}", word(&format!("c{nth}")))).collect();
    let reversed: Vec<String> = (1..=32).rev().map(|nth| format!("substr(id, {nth}, 1)")).collect();
    let found_by = [
        "'c:' || client",
        "'f:' || sender",
        "'t:' || mailbox",
        "'m:' || n || '.abc@example.com'",
        "'r:' || lower(rule)",
    ];
    let found_by = found_by.map(str::to_owned).into_iter().chain((1..=5).map(|nth| format!("'w:' || w{nth}")));
    let found_by: Vec<String> =
        found_by.map(|term| format!("SELECT {term} AS term, began - began % 32 AS began FROM made")).collect();
    format!(
        "CREATE TEMPORARY TABLE made AS WITH RECURSIVE \
         s(n) AS (SELECT CAST({from} AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n + 1 < {until}), \
         drawn AS MATERIALIZED (SELECT n, {began} AS began, {} % 20 AS busy, {} % 10 AS has_rule, {chances} FROM s), \
         told AS MATERIALIZED (SELECT n, began, \
            CAST(10000000000000 + began AS TEXT) || CAST(100000000 + {} % 100000000 AS TEXT) || CAST(100000000 + {} % 100000000 AS TEXT) AS id, \
            '10.0.' || ({} % 4) || '.' || ({} % 250) AS client, \
            CASE busy WHEN 1 THEN 'naoresponda' ELSE 'remetente' || ({} % 100000) END || '@example.com' AS sender, \
            CASE busy WHEN 0 THEN 'ouvidoria' ELSE 'pessoa' || ({} % 20000) END || '@tjpa.jus.br' AS mailbox, \
            CASE has_rule WHEN 0 THEN 'S3B-2026-' || substr(CAST(10000 + {} % 50 AS TEXT), 2, 4) END AS rule, {words} FROM drawn) \
         SELECT *, w1 || ' ' || w2 || ' ' || w3 || ' ' || w4 || ' ' || w5 AS subject FROM told; \
         INSERT INTO transactions (id, id_reversed, began, ended, client, reverse_path, message_id, subject, ending, record) \
            SELECT id, {reversed}, began, 0, '', '', NULL, '', '', {record} FROM made; \
         INSERT INTO terms (day, term, began) SELECT began / 86400000, term, began FROM ({found_by}) AS found \
            WHERE term IS NOT NULL ORDER BY 1, 2, 3; \
         DROP TABLE made;",
        chance(6),
        chance(9),
        chance(2),
        chance(3),
        chance(4),
        chance(5),
        chance(7),
        chance(8),
        chance(17),
        began = super::made::began_of("n", bench.count),
        chances = chances.join(", "),
        words = words.join(", "),
        reversed = reversed.join(" || "),
        record = record(bench.lean),
        found_by = found_by.join(" UNION ALL "),
    )
}

/// The JSON of a record, as an expression.
fn record(lean: bool) -> String {
    let mut template = super::made::template(lean, false).to_string();
    for (key, value) in [
        ("id", "\"' || id || '\""),
        ("began", "' || began || '"),
        ("ended", "' || (began + 400) || '"),
        ("reverse_path", "\"' || sender || '\""),
        ("message_id", "\"<' || n || '.abc@example.com>\""),
    ] {
        template = with(&template, &format!("\"{key}\":"), value);
    }
    let client = template.replace("\"10.0.0.0\"", "\"' || client || '\"");
    let recipients = with(&client, "[{\"address\":", "\"' || mailbox || '\"");
    let recipients = with(&recipients, "\"mailbox\":", "\"' || mailbox || '\"");
    let subjects = recipients.replace("\"subjects\":[\"\"]", "\"subjects\":[\"' || subject || '\"]");
    let rule = RULE.replace("\"rule\":\"\"", "\"rule\":\"' || rule || '\"");
    let rules = format!("\"rules\":[' || CASE WHEN rule IS NULL THEN '' ELSE '{rule}' END || ']");
    format!("'{}'", subjects.replace("\"rules\":[]", &rules))
}

/// With another value behind the first `key`.
fn with(json: &str, key: &str, value: &str) -> String {
    let (before, behind) = json.split_once(key).unwrap();
    let end = behind.find([',', '}']).unwrap();
    format!("{before}{key}{value}{}", &behind[end..])
}
