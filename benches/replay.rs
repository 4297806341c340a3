//! How long `portaria rules replay` takes over a million records: the program itself, with 200 rules, over a database as the gateway makes it.
//!
//! `cargo bench --bench replay` makes two databases (subjects that come again and again, and subjects of which no two are the same), runs
//! the command over each, and prints wall time, CPU time of all its threads, records a second, and the most memory it had. `-- 100000`
//! takes fewer records. Timings are no test: nothing here fails for being slow; a wrong count does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench ends by panicking and talks on stdout"
)]
#![expect(clippy::disallowed_methods, reason = "a bench starts the program, writes its files and reads the clock")]

#[path = "../tests/subjects/chance.rs"]
mod chance;
#[path = "corpus/mod.rs"]
mod corpus;
#[path = "../tests/subjects/honest.rs"]
mod honest;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use portaria::{record::Record, store::Store};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

const RECORDS: u64 = 1_000_000;
const RULES: usize = 200;
/// Different subjects; in the run where all differ each has a number behind it.
const SUBJECTS: usize = 20_000;
/// One subject in so many is one that a rule finds.
const FOUND: usize = 50;
const RUNS: usize = 3;

fn main() {
    let given = std::env::args().filter_map(|argument| argument.parse().ok()).next();
    let records = given.unwrap_or(RECORDS);
    for (name, distinct) in [("subjects that come again", false), ("no two subjects the same", true)] {
        let folder = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let expected = prepare(folder.path(), records, distinct);
        let size = fs::metadata(folder.path().join("data/portaria.db")).unwrap().len() >> 20;
        println!("{name}: {records} records, {size} MiB, made in {:.0?}", began.elapsed());
        for _ in 0..RUNS {
            run(folder.path(), records, expected);
        }
    }
}

/// A configuration, rules, and a database; how many records a rule finds something in.
fn prepare(folder: &Path, records: u64, distinct: bool) -> u64 {
    fs::create_dir_all(folder.join("rules/subjects")).unwrap();
    fs::write(folder.join("rules/subjects/a.toml"), corpus::rules(RULES)).unwrap();
    let shown = folder.display();
    let configuration = format!(
        "[gateway]\nhostname = \"mx.tjpa.jus.br\"\ndata_dir = \"{shown}/data\"\nrules_dir = \"{shown}/rules\"\nlanguage = \"en\"\n\
         [[listener]]\nrole = \"relay\"\naddress = \"127.0.0.1:0\"\n[[domain]]\nname = \"tjpa.jus.br\"\nnext_hop = \"mailbox\"\n\
         [[next_hop]]\nname = \"mailbox\"\naddress = [\"127.0.0.1:25\"]\n[antivirus]\nenabled = false\n"
    );
    fs::write(folder.join("portaria.toml"), configuration).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        Store::open(&folder.join("data")).await.unwrap().close().await;
        fill(&folder.join("data/portaria.db"), records, distinct).await
    })
}

/// Records by one statement: a million of them by way of the gateway take minutes, and the rows are the same.
async fn fill(database: &Path, records: u64, distinct: bool) -> u64 {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
    // What only a search by the end of an id needs: nobody searches here.
    execute(&mut connection, "DROP INDEX transactions_by_suffix".to_owned()).await;
    execute(&mut connection, "CREATE TEMP TABLE base (at INTEGER PRIMARY KEY, subject TEXT, found INTEGER)".to_owned())
        .await;
    let mut chance = corpus::Chance(3);
    let honest: Vec<String> =
        honest::all(&mut chance::Chance::seeded("replay")).into_iter().map(|(_, text)| text).collect();
    execute(&mut connection, "BEGIN".to_owned()).await;
    for at in 0..SUBJECTS {
        let found = at % FOUND == FOUND - 1;
        let subject = if found { corpus::example(chance.below(RULES)) } else { several(&honest, at, &mut chance) };
        let inner = serde_json::to_string(&subject).unwrap();
        sqlx::query("INSERT INTO base VALUES ($1, $2, $3)")
            .bind(i64::try_from(at).unwrap())
            .bind(inner.trim_matches('"'))
            .bind(i64::from(found))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    execute(&mut connection, "COMMIT".to_owned()).await;
    let behind = if distinct { "' nº ' || n" } else { "''" };
    // The cube of an even number is skewed as mail is: some subjects come ten thousand times, most a few.
    let pick = "((n * 7919 + 13) % 1000003) / 1000003.0";
    let insert = format!(
        "WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < {records}), \
         picked AS (SELECT n, CAST({pick} * {pick} * {pick} * {SUBJECTS} AS INTEGER) AS at FROM number) \
         INSERT INTO transactions (id, id_reversed, began, ended, client, reverse_path, subject, ending, record) \
         SELECT printf('%032x', n), '', 1792735200000 + n * 2, 1792735200000 + n * 2 + 400, '192.0.2.25', 'a@example.com', '', 'relayed', \
         replace(replace(replace($1, '@ID@', printf('%032x', n)), '@BEGAN@', 1792735200000 + n * 2), '@SUBJECT@', subject || {behind}) \
         FROM picked JOIN base USING (at)"
    );
    sqlx::query(sqlx::AssertSqlSafe(insert)).bind(template()).execute(&mut connection).await.unwrap();
    let found = format!(
        "WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < {records}), \
         picked AS (SELECT n, CAST({pick} * {pick} * {pick} * {SUBJECTS} AS INTEGER) AS at FROM number) \
         SELECT SUM(found) FROM picked JOIN base USING (at)"
    );
    let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(found)).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    u64::try_from(found).unwrap()
}

async fn execute(connection: &mut SqliteConnection, sql: String) {
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

/// Of the two thousand honest subjects more: with a number, a prefix, two of them together.
fn several(honest: &[String], at: usize, chance: &mut corpus::Chance) -> String {
    let (one, other) = (&honest[at % honest.len()], &honest[chance.below(honest.len())]);
    match at / honest.len() {
        0 => one.clone(),
        1 => format!("RES: {one}"),
        2 => format!("{one} - {other}"),
        _ => format!("{one} ({at})"),
    }
}

/// A record as the gateway writes one of ordinary mail, about 1.2 KB.
fn template() -> String {
    let record = json!({
        "id": "0".repeat(32), "began": 1, "ended": 2,
        "client": { "listener": "0.0.0.0:25", "address": "192.0.2.25", "port": 40125, "hello": "mx.example.com",
                    "tls": "TLSv1.3 TLS_AES_256_GCM_SHA384" },
        "reverse_path": "remetente.com.nome@example.com",
        "recipients": [{ "address": "fulano.tal@tjpa.jus.br", "mailbox": "fulano.tal@tjpa.jus.br", "reply": "250 2.1.5 Ok",
                         "answered_by": "next_hop", "refusal": null, "fate": "relayed", "decided_by_rule": null, "downgraded": false }],
        "subjects": ["@SUBJECT@"], "list_ids": [], "message_id": "<20261121110000.12345.67890@mx.example.com>", "size": 48213,
        "sha256": "00ff".repeat(16), "policy": "0123456789ab", "rules": [],
        "scanners": [{ "group": "clamd", "scanner": "unix:/run/clamav/clamd.ctl", "verdict": "clean", "took_ms": 12,
                       "version": "ClamAV 1.4.6/27800/Sat Nov 21 08:00:00 2026" }],
        "next_hop": { "name": "mailbox", "address": "10.0.0.5:25", "tls": "TLSv1.3 TLS_AES_256_GCM_SHA384",
                      "reply": "250 2.6.0 <20261121110000.12345.67890@mx.example.com> Queued mail for delivery", "attempts": 1,
                      "cut_through": false },
        "ending": "relayed", "cause": { "cause": "nothing" }, "tagged": null,
        "reply": "250 2.6.0 <20261121110000.12345.67890@mx.example.com> Queued mail for delivery (@ID@)", "quarantined": false,
    });
    assert!(serde_json::from_value::<Record>(record.clone()).is_ok(), "a record");
    let with_id = record.to_string().replace(&"0".repeat(32), "@ID@");
    with_id.replace("\"began\":1", "\"began\":@BEGAN@").replace("\"ended\":2", "\"ended\":@BEGAN@")
}

fn run(folder: &Path, records: u64, expected: u64) {
    let (began, cpu) = (Instant::now(), children());
    let mut child = Command::new(env!("CARGO_BIN_EXE_portaria"))
        .args(["--json", "--config"])
        .arg(folder.join("portaria.toml"))
        .args(["rules", "replay", "--since", "2026-01-01", "--until", "2027-12-31"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (pid, mut most) = (child.id(), 0);
    while child.try_wait().unwrap().is_none() {
        most = most.max(memory(pid));
        std::thread::sleep(Duration::from_millis(5));
    }
    let wall = began.elapsed();
    let output = child.wait_with_output().unwrap();
    let cpu = children() - cpu;
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.last().expect("an answer");
    let (looked_at, same) = (summary["looked_at"].as_u64().unwrap(), summary["same"].as_u64().unwrap());
    assert_eq!((looked_at, looked_at - same), (records, expected), "{summary}");
    let rate = records as f64 / wall.as_secs_f64();
    println!("  {wall:.2?} wall, {cpu:.2} s CPU, {rate:.0} records/s, {} MiB at most; {expected} differ", most >> 10);
}

/// Seconds of CPU of all children that ended.
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let behind_name = stat.rsplit(')').next().unwrap();
    let field = |at: usize| behind_name.split_whitespace().nth(at).unwrap().parse::<f64>().unwrap();
    (field(13) + field(14)) / f64::from(u32::try_from(rustix::param::clock_ticks_per_second()).unwrap())
}

/// KiB that a process had at most.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap_or(0))
}
