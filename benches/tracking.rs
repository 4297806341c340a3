//! What tracking costs: loading records with and without their terms, and each kind of search among all of them.
//!
//! `cargo bench --bench tracking -- 5000000` makes so many records (default 200,000) in a new folder under `TMPDIR`, from a seed, spread
//! over 38 days; it prints the rate of loading, the size of the database, and for each search the time of the first one, when neither
//! SQLite nor the system has a page of the file in memory, and the median of the ones behind it. About 4.5 KiB a record have to be free there.
//! Timings are no test: nothing here fails for being slow.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends by panicking and talks on stdout"
)]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock and its own files")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use portaria::{
    policy::directory::MailboxKey,
    record::{
        Record, TransactionId,
        term::{Sought, Term},
        window::{DAY, Span},
    },
    store::{Change, JournalPosition, Search, Store},
};

/// 2026-11-22 00:00 UTC, when the last record ends.
const END: i64 = 1_795_305_600_000;
const DAYS: i64 = 38;
/// As many as the loader puts into one transaction.
const BATCH: usize = 500;

fn main() {
    let asked: Option<u64> = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let count = asked.unwrap_or(200_000);
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        costs(folder.path()).await;
        load(folder.path(), count).await;
        searches(folder.path()).await;
        removal(folder.path()).await;
    });
}

/// The same records into two new databases, one of which takes no terms.
async fn costs(folder: &Path) {
    const COUNT: u64 = 20_000;
    for (name, terms) in [("without terms", false), ("with terms", true)] {
        let path = folder.join(name.replace(' ', "-"));
        let store = Store::open(&path).await.unwrap();
        if !terms {
            let url = format!("sqlite://{}", path.join("portaria.db").display());
            let pool = sqlx::AnyPool::connect(&url).await.unwrap();
            let ignore = "CREATE TRIGGER none BEFORE INSERT ON terms BEGIN SELECT RAISE(IGNORE); END";
            sqlx::raw_sql(ignore).execute(&pool).await.unwrap();
            pool.close().await;
        }
        let mut made = Made::new(COUNT);
        let took = fill(&store, &mut made, COUNT, 1).await;
        store.close().await;
        let each = took / u32::try_from(COUNT).unwrap();
        println!("loading {COUNT} records {name}: {took:.1?}, {each:.1?} each, {} KiB", size(&path) >> 10);
        std::fs::remove_dir_all(&path).unwrap();
    }
}

async fn load(folder: &Path, count: u64) {
    let store = Store::open(folder).await.unwrap();
    let mut made = Made::new(count);
    let mut done = 0;
    while done < count {
        let some = (count - done).min(count.div_ceil(10));
        let took = fill(&store, &mut made, some, done + 1).await;
        done += some;
        let rate = some as f64 / took.as_secs_f64();
        println!("{done:>9} records, {rate:>7.0} a second, {:>6} MiB", size(folder) >> 20);
    }
    store.close().await;
}

/// Loading alone, without making the records.
async fn fill(store: &Store, made: &mut Made, count: u64, first: u64) -> Duration {
    let (mut took, mut left, mut position) = (Duration::ZERO, count, first);
    while left > 0 {
        let some = left.min(BATCH as u64);
        let changes: Vec<Change> = (0..some).map(|_| Change::Outcome(Box::new(made.next()))).collect();
        let began = Instant::now();
        store.load(&changes, JournalPosition { segment: 1, offset: position }).await.unwrap();
        took += began.elapsed();
        position += some;
        left -= some;
    }
    took
}

async fn searches(folder: &Path) {
    let whole = Span { from: END - 31 * DAY, until: END };
    let mailbox = MailboxKey("pessoa77@tjpa.jus.br".to_owned());
    let any = |terms: Vec<Term>| vec![Sought::AnyOf(terms)];
    let words = |text: &str| Sought::words(text).unwrap();
    let both = any(vec![Term::from_mailbox(&mailbox), Term::to_mailbox(&mailbox)]);
    let kinds: Vec<(&str, Vec<Sought>)> = vec![
        ("date alone", vec![]),
        ("mailbox, both directions", both.clone()),
        ("sender's address, elsewhere", any(vec![Term::from_address("remetente4711@example.com")])),
        ("client, 1 in 1,000", any(vec![Term::client([10, 0, 0, 77].into())])),
        ("Message-ID", any(vec![Term::message_id("4711.abc@example.com")])),
        ("Message-ID that is not there", any(vec![Term::message_id("none@example.com")])),
        ("rule, 1 in 500", any(vec![Term::rule("S3B-2026-0007")])),
        ("word, most frequent", words("palavra0")),
        ("word, rare", words("palavra19000")),
        ("two frequent words", words("palavra0 palavra1")),
        ("three words, none has all", words("palavra19001 palavra18002 palavra17003")),
        ("beginning, 1 in 100 words", words("palavra17*")),
        ("beginning, every word", words("pal*")),
        ("beginning and a rare word", words("palavra1* palavra19000")),
        ("mailbox and beginning", [both, words("palavra1*")].concat()),
    ];
    for (name, all) in kinds {
        let search = Search { span: whole, all, behind: None, limit: 50 };
        forget(folder);
        let view = Store::open_read_only(folder).await.unwrap();
        let began = Instant::now();
        let page = view.search(&search).await.unwrap();
        let cold = began.elapsed();
        let mut times = Vec::new();
        for _ in 0..11 {
            let began = Instant::now();
            assert_eq!(view.search(&search).await.unwrap().records.len(), page.records.len());
            times.push(began.elapsed());
        }
        times.sort();
        println!("{name:<30} {:>3} found, first {cold:>9.2?}, then {:>9.2?}", page.records.len(), times[5]);
    }
    forget(folder);
    let view = Store::open_read_only(folder).await.unwrap();
    let newest = view.search(&Search { span: whole, all: vec![], behind: None, limit: 1 }).await.unwrap().records;
    let began = Instant::now();
    view.find(&newest[0].id.as_str()[20..]).await.unwrap();
    println!("{:<30}   1 found, first {:>9.2?}", "end of an id", began.elapsed());
}

/// A day goes, in the steps of the gateway: how long the longest keeps the writer, for which mail that is to be held waits.
async fn removal(folder: &Path) {
    let store = Store::open(folder).await.unwrap();
    let day = store.first_day().await.unwrap().unwrap();
    let (mut steps, mut rows, mut longest, begun) = (0, 0, Duration::ZERO, Instant::now());
    loop {
        let began = Instant::now();
        let removed = store.remove_of_day(day, 500).await.unwrap();
        longest = longest.max(began.elapsed());
        if removed == 0 {
            break;
        }
        steps += 1;
        rows += removed;
    }
    println!("removing a day: {rows} rows in {steps} steps, {:.1?} in all, {longest:.1?} the longest", begun.elapsed());
    store.close().await;
}

/// Takes the files out of the system's memory.
fn forget(folder: &Path) {
    for name in ["portaria.db", "portaria.db-wal"] {
        if let Ok(file) = std::fs::File::open(folder.join(name)) {
            file.sync_all().unwrap();
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        }
    }
}

fn size(folder: &Path) -> u64 {
    let names = ["portaria.db", "portaria.db-wal"];
    names.iter().filter_map(|name| std::fs::metadata(folder.join(name)).ok()).map(|file| file.len()).sum()
}

/// Records from a seed.
struct Made {
    count: u64,
    number: u64,
    state: u64,
}

impl Made {
    fn new(count: u64) -> Self {
        Self { count, number: 0, state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// splitmix64
    fn chance(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Small numbers often, large ones seldom, as words are used.
    fn skewed(&mut self, below: u64) -> u64 {
        let chance = self.chance() as f64 / u64::MAX as f64;
        ((below as f64).powf(chance) - 1.0) as u64
    }

    fn next(&mut self) -> Record {
        let number = self.number;
        self.number += 1;
        let began = END - DAYS * DAY + (i128::from(DAYS * DAY) * i128::from(number) / i128::from(self.count)) as i64;
        let words: Vec<String> = (0..6).map(|_| format!("palavra{}", self.skewed(20_000))).collect();
        let client = self.chance() % 1000;
        let mailbox = format!("pessoa{}@tjpa.jus.br", self.chance() % 20_000);
        let chance = u128::from(self.chance()) << 32;
        let rules = if self.chance().is_multiple_of(10) { self.rule() } else { serde_json::json!([]) };
        let record = serde_json::json!({
            "id": TransactionId::new(began.unsigned_abs(), chance),
            "began": began,
            "ended": began + 400,
            "client": {
                "listener": "0.0.0.0:25", "address": format!("10.0.{}.{}", client / 250, client % 250), "port": 40_000,
                "hello": "mx.example.com", "tls": "TLSv1.3 TLS_AES_256_GCM_SHA384",
            },
            "reverse_path": format!("remetente{}@example.com", self.chance() % 100_000),
            "recipients": [{
                "address": mailbox, "mailbox": mailbox, "reply": "250 2.1.5 Ok", "answered_by": "next_hop", "refusal": null,
                "fate": "relayed", "decided_by_rule": null, "downgraded": false,
            }],
            "subjects": [words.join(" ")],
            "message_id": format!("<{number}.abc@example.com>"),
            "size": 45_678,
            "sha256": format!("{:064x}", self.chance()),
            "policy": "0123456789ab",
            "rules": rules,
            "scanners": [{
                "group": "clamd", "scanner": "clamd unix:/run/clamav/clamd.ctl", "verdict": "clean", "took_ms": 12,
                "version": "ClamAV 1.4.6/27800/Fri Nov 20 09:00:00 2026",
            }],
            "next_hop": {
                "name": "mailbox", "address": "10.0.0.5:25", "tls": null, "reply": "250 2.0.0 Ok: queued", "attempts": 1,
                "cut_through": false,
            },
            "ending": "relayed",
            "cause": { "cause": "nothing" },
            "tagged": null,
            "reply": "250 2.0.0 Ok: queued",
            "quarantined": false,
        });
        serde_json::from_value(record).unwrap()
    }

    /// A match of one of 50 rules.
    fn rule(&mut self) -> serde_json::Value {
        serde_json::json!([{
            "rule": format!("S3B-2026-{:04}", self.chance() % 50), "block": 1, "pattern": "palavra", "subject": 0,
            "reading": "plain", "folded": "palavra", "span": [0, 7], "decoded_span": [0, 7], "mode": "observe", "action": "tag",
            "reply": null, "spared": [],
        }])
    }
}
