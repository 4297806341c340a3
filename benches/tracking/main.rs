//! What tracking costs with millions of records: loading them, each kind of search among them, and removing a day while mail goes on.
//!
//! `cargo bench --bench tracking -- [COUNT] [lean] [folder=DIR] [postgres=URL] [grow] [search] [load] [storm] [remove]`
//!
//! `grow` makes COUNT records (default 200,000), from a seed, spread over 38 days: in bulk, but for 5,000 at 10,000, 100,000, 1,000,000 and so
//! on, which are loaded as the loader does. `search` times each kind of search: the first one, when neither SQLite nor the system has a
//! page of the file in memory (of PostgreSQL: what it is), the median and the longest of twenty behind it. `load` is two minutes of the loader
//! behind a journal. `storm` keeps fifty messages at once, again and again, alone and beside the loader. `remove` removes a day, while records are loaded and messages kept. Without any of these words: all of them, in a new
//! folder under `TMPDIR`. `lean` records are half as long, for a disk that has not 2.2 KiB for each (3 KiB of PostgreSQL).
//! Timings are no test: nothing here fails for being slow.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends by panicking and talks on stdout"
)]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock and its own files")]

mod bulk;
mod made;
mod mail;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use made::{END, Made};
use portaria::{
    policy::directory::MailboxKey,
    record::{
        term::{Sought, Term},
        window::{DAY, Span},
    },
    store::{
        Change, JournalPosition, Place, Search, Store,
        settings::{Database, PostgreSql, Settings},
    },
};

/// As many as the loader puts into one transaction.
const BATCH: usize = 500;

/// Where, and how much.
pub struct Bench {
    folder: PathBuf,
    server: Option<String>,
    count: u64,
    lean: bool,
}

impl Bench {
    fn settings(&self) -> Settings {
        let database = match &self.server {
            None => Database::Sqlite,
            Some(url) => {
                let server = PostgreSql::new(url, None).unwrap();
                Database::PostgreSql { server, hostname: "mx.example.com".to_owned() }
            }
        };
        Settings { database, ..Settings::from(&self.folder) }
    }

    async fn store(&self) -> Store {
        Store::open(self.settings()).await.unwrap()
    }

    /// Octets of the database.
    async fn size(&self) -> u64 {
        match &self.server {
            None => {
                let names = ["portaria.db", "portaria.db-wal"];
                names
                    .iter()
                    .filter_map(|name| std::fs::metadata(self.folder.join(name)).ok())
                    .map(|file| file.len())
                    .sum()
            }
            Some(url) => {
                let pool = sqlx::AnyPool::connect(url).await.unwrap();
                let size = sqlx::query_scalar::<_, i64>("SELECT pg_database_size(current_database())");
                let size = size.fetch_one(&pool).await.unwrap();
                pool.close().await;
                size.unsigned_abs()
            }
        }
    }
}

fn main() {
    let temporary = tempfile::tempdir().unwrap();
    let mut bench = Bench { folder: temporary.path().to_owned(), server: None, count: 200_000, lean: false };
    let mut parts = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.split_once('=').unwrap_or((argument.as_str(), "")) {
            ("folder", folder) => bench.folder = folder.into(),
            ("postgres", _) => bench.server = argument.strip_prefix("postgres=").map(str::to_owned),
            ("lean", _) => bench.lean = true,
            (part @ ("grow" | "search" | "load" | "storm" | "remove"), _) => parts.push(part.to_owned()),
            (count, _) => bench.count = count.parse().unwrap_or(bench.count),
        }
    }
    let is_wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        if is_wanted("grow") {
            grow(&bench).await;
        }
        if is_wanted("search") {
            searches(&bench).await;
        }
        if is_wanted("load") {
            mail::load(&bench).await;
        }
        if is_wanted("storm") {
            mail::storm(&bench).await;
        }
        if is_wanted("remove") {
            mail::removal(&bench).await;
        }
    });
}

/// What a record costs, and takes, as there are more and more.
async fn grow(bench: &Bench) {
    const SOME: u64 = 5000;
    bench.store().await.close().await;
    let mut made = Made::new(bench.count, bench.lean);
    let (mut done, mut next) = (0, 10_000.min(bench.count));
    while done < bench.count {
        let began = Instant::now();
        bulk::fill(bench, done, next - SOME).await;
        made = made.from(next - SOME);
        let in_bulk = began.elapsed();
        let store = bench.store().await;
        let mut took = fill(&store, &mut made, SOME, next).await;
        store.close().await;
        took.sort();
        done = next;
        let size = bench.size().await;
        println!(
            "{done:>9} records: {:>5.0} us each when loaded ({:.0?} the median batch of {BATCH}, {:.0?} the longest), {:>5} octets each, {} MiB; \
             the rest in bulk in {in_bulk:.0?}",
            took.iter().sum::<Duration>().as_secs_f64() * 1e6 / SOME as f64,
            took[took.len() / 2],
            took[took.len() - 1],
            size / done,
            size >> 20,
        );
        next = (next * 10).min(bench.count);
    }
    bulk::settle(bench).await;
}

/// Loading alone, without making the records: how long each batch took.
async fn fill(store: &Store, made: &mut Made, count: u64, first: u64) -> Vec<Duration> {
    let (mut took, mut left, mut position) = (Vec::new(), count, first);
    while left > 0 {
        let some = left.min(BATCH as u64);
        let changes: Vec<Change> = (0..some).map(|_| Change::Outcome(Box::new(made.next()))).collect();
        let began = Instant::now();
        store.load(&changes, JournalPosition { segment: 1, offset: position }).await.unwrap();
        took.push(began.elapsed());
        position += some;
        left -= some;
    }
    took
}

fn kinds() -> Vec<(&'static str, Vec<Sought>)> {
    let any = |terms: Vec<Term>| vec![Sought::AnyOf(terms)];
    let words = |text: &str| Sought::words(text).unwrap();
    let both = |name: &str| {
        let mailbox = MailboxKey(name.to_owned());
        any(vec![Term::from_mailbox(&mailbox), Term::to_mailbox(&mailbox)])
    };
    let (mailbox, busy) = (both("pessoa77@tjpa.jus.br"), both("ouvidoria@tjpa.jus.br"));
    let sender = any(vec![Term::from_address("naoresponda@example.com")]);
    let client = any(vec![Term::client([10, 0, 0, 77].into())]);
    vec![
        ("date alone", vec![]),
        ("mailbox, both directions", mailbox.clone()),
        ("mailbox of 1 in 20, both directions", busy.clone()),
        ("mailbox that is not there", both("ninguem@tjpa.jus.br")),
        ("alias of a recipient", any(vec![Term::to_address("Pessoa77@TJPA.jus.br")])),
        ("sender's address, 1 in 100,000", any(vec![Term::from_address("remetente4711@example.com")])),
        ("sender's address, 1 in 20", sender.clone()),
        ("client, 1 in 1,000", client.clone()),
        ("Message-ID", any(vec![Term::message_id("4000000.abc@example.com")])),
        ("Message-ID that is not there", any(vec![Term::message_id("none@example.com")])),
        ("rule, 1 in 500", any(vec![Term::rule("S3B-2026-0007")])),
        ("word, most frequent", words("palavra0")),
        ("word, rare", words("palavra19000")),
        ("word that is not there", words("ausente")),
        ("two frequent words", words("palavra0 palavra1")),
        ("three rare words, none has all", words("palavra19001 palavra18002 palavra17003")),
        ("beginning, 1 in 100 words", words("palavra17*")),
        ("beginning, few words", words("palavra1700*")),
        ("beginning, every word", words("pal*")),
        ("beginning that is not there", words("bole*")),
        ("beginning and a rare word", words("palavra1* palavra19000")),
        ("two beginnings", words("palavra17* palavra18*")),
        ("mailbox and beginning", [mailbox.clone(), words("palavra1*")].concat()),
        ("mailbox of 1 in 20 and rare word", [busy.clone(), words("palavra19000")].concat()),
        ("mailbox of 1 in 20 and frequent word", [busy.clone(), words("palavra3")].concat()),
        ("mailbox of 1 in 20 and client", [busy.clone(), client].concat()),
        ("two of 1 in 20, never together", [busy, sender].concat()),
        ("mailbox and rule", [mailbox, any(vec![Term::rule("S3B-2026-0007")])].concat()),
    ]
}

async fn searches(bench: &Bench) {
    let whole = Span { from: END - 31 * DAY, until: END };
    let days = Span { from: END - 20 * DAY, until: END - 17 * DAY };
    println!("{:<46} {:>5} {:>9} {:>9} {:>9}", "search, 50 a page", "found", "first", "median", "longest");
    for (name, all) in kinds() {
        timed(bench, name, Search { span: whole, all: all.clone(), behind: None, limit: 50 }).await;
        if name.starts_with("mailbox of 1 in 20, both") || name == "word, rare" {
            timed(bench, &format!("{name}, 3 days"), Search { span: days, all: all.clone(), behind: None, limit: 50 })
                .await;
            let behind = oldest(bench, &all, whole).await;
            timed(bench, &format!("{name}, last page"), Search { span: whole, all, behind, limit: 50 }).await;
        }
    }
    forget(&bench.folder);
    let view = Store::open_read_only(bench.settings()).await.unwrap();
    let newest = view.search(&Search { span: whole, all: vec![], behind: None, limit: 1 }).await.unwrap().records;
    let began = Instant::now();
    view.find(&newest[0].id.as_str()[20..]).await.unwrap();
    println!("{:<46} {:>5} {:>9.1?}", "end of an id", 1, began.elapsed());
}

/// A place that has less than a page behind it: some hours before the end of the span.
async fn oldest(bench: &Bench, all: &[Sought], span: Span) -> Option<Place> {
    let view = Store::open_read_only(bench.settings()).await.unwrap();
    let mut hours = 1;
    loop {
        let span = Span { until: span.from + hours * DAY / 24, ..span };
        let found = view.search(&Search { span, all: all.to_vec(), behind: None, limit: 50 }).await.unwrap().records;
        if !found.is_empty() || hours > 1000 {
            return found.first().map(|record| Place { began: record.began, id: record.id.clone() });
        }
        hours *= 2;
    }
}

async fn timed(bench: &Bench, name: &str, search: Search) {
    forget(&bench.folder);
    let view = Store::open_read_only(bench.settings()).await.unwrap();
    let began = Instant::now();
    let page = view.search(&search).await.unwrap();
    let cold = began.elapsed();
    let mut times = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(view.search(&search).await.unwrap().records.len(), page.records.len());
        times.push(began.elapsed());
    }
    times.sort();
    println!("{name:<46} {:>5} {cold:>9.1?} {:>9.1?} {:>9.1?}", page.records.len(), times[10], times[19]);
}

/// Takes the files of SQLite out of the system's memory.
fn forget(folder: &Path) {
    for name in ["portaria.db", "portaria.db-wal"] {
        if let Ok(file) = std::fs::File::open(folder.join(name)) {
            file.sync_all().unwrap();
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        }
    }
}
