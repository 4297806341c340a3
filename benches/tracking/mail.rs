//! The mail path beside tracking: the loader behind a journal, many messages that are to be kept at once, and a day that goes meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::stream;
use portaria::{
    door::loader::Loader,
    journal::Journal,
    record::{EnvelopeParameters, Item, ItemClass, ItemState, TransactionId},
    store::{Change, JournalPosition, Pace, Store},
};
use tokio_util::sync::CancellationToken;

use super::{Bench, made::Made};

/// How long records come in.
const LONG: Duration = Duration::from_secs(120);

/// Sessions that append to the journal at once.
const SESSIONS: u64 = 32;

/// Segments of 16 MiB that the journal may be ahead of the database: without a bound it takes twenty times what the database does, and
/// then the disk is what is measured.
const AHEAD: u64 = 4;

/// Messages that are to be kept at the same moment, as when fifty connections bring the same virus.
const AT_ONCE: u128 = 50;

/// How long such storms go on.
const STORMS: Duration = Duration::from_secs(20);

/// As many records as the loader takes, for two minutes, through the journal.
pub async fn load(bench: &Bench) {
    let store = Arc::new(bench.store().await);
    loaded(bench, &store, LONG).await;
    store.close().await;
}

/// Storms: with nothing beside them, and with the loader at work.
pub async fn storm(bench: &Bench) {
    let store = Arc::new(bench.store().await);
    println!("{AT_ONCE} at once, alone: {}", storms(&store).await);
    let beside = storms(&store);
    let (told, ()) = tokio::join!(beside, loaded(bench, &store, STORMS));
    println!("{AT_ONCE} at once, beside the loader: {told}");
    store.close().await;
}

/// Keeps as many at once as a storm has, and a tenth of a second behind the last of them as many again. Says how long each took.
async fn storms(store: &Arc<Store>) -> String {
    let (began, mut took, mut failed) = (Instant::now(), Vec::new(), 0);
    while began.elapsed() < STORMS {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let mut keeping = tokio::task::JoinSet::new();
        for nth in 0..AT_ONCE {
            let (store, item) = (Arc::clone(store), item(TransactionId::new((now / 1_000_000) as u64, now + nth)));
            keeping.spawn(async move {
                let (began, content) = (Instant::now(), stream::iter([Ok(Bytes::from_static(b"x"))]));
                store.keep(&item, content).await.map(|()| began.elapsed())
            });
        }
        for kept in keeping.join_all().await {
            match kept {
                Ok(elapsed) => took.push(elapsed),
                Err(_) => failed += 1,
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    format!("{}; {failed} failed", told(took))
}

/// The loader behind a journal that sessions append to for so long.
async fn loaded(bench: &Bench, store: &Arc<Store>, long: Duration) {
    let (journal, recovery) = Journal::open(&bench.folder.join("journal")).unwrap();
    let mut loader = Loader::new(Arc::clone(&journal), Arc::clone(store), &recovery);
    loader.catch_up().await.unwrap();
    let (stop, behind) = (CancellationToken::new(), loader.behind());
    let loading = tokio::spawn(loader.run(stop.clone()));
    let (appended, is_at) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(journal.end().segment)));
    let following = tokio::spawn(follow(Arc::clone(store), Arc::clone(&is_at)));
    let (began, mut sessions) = (Instant::now(), Vec::new());
    for session in 0..SESSIONS {
        let (journal, appended, is_at) = (Arc::clone(&journal), Arc::clone(&appended), Arc::clone(&is_at));
        let mut made = Made::new(bench.count, bench.lean).from(bench.count + session * 3000);
        sessions.push(tokio::spawn(async move {
            while began.elapsed() < long {
                if journal.end().segment > is_at.load(Ordering::Relaxed) + AHEAD {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
                journal.append_outcome(made.next(), false).await.unwrap();
                appended.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for session in sessions {
        session.await.unwrap();
    }
    let (count, took) = (appended.load(Ordering::Relaxed), began.elapsed());
    stop.cancel();
    loading.await.unwrap();
    following.abort();
    assert_eq!(behind.why(), None, "not all of it is in the database");
    let loaded = began.elapsed();
    println!(
        "{count} records into the journal in {took:.0?}, {:.0} a second; in the database after {loaded:.0?}, {:.0} a second",
        count as f64 / took.as_secs_f64(),
        count as f64 / loaded.as_secs_f64(),
    );
    journal.close().await;
}

/// Where in the journal the database is, ten times a second.
async fn follow(store: Arc<Store>, is_at: Arc<AtomicU64>) {
    loop {
        is_at.store(store.journal_position().await.unwrap().segment, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A day goes, in the steps of the gateway, while 100 records a second are loaded and a message is kept every 50 ms.
pub async fn removal(bench: &Bench) {
    let store = Arc::new(bench.store().await);
    let day = store.first_day().await.unwrap().unwrap();
    let gone = Arc::new(AtomicBool::new(false));
    for is_removing in [false, true] {
        gone.store(false, Ordering::Relaxed);
        let others = (tokio::spawn(loading(bench, &store, &gone)), tokio::spawn(keeping(&store, &gone)));
        if is_removing {
            remove(&store, day).await;
        } else {
            // What both take when nothing is removed.
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        gone.store(true, Ordering::Relaxed);
        let (loading, keeping) = (others.0.await.unwrap(), others.1.await.unwrap());
        let with = if is_removing { "while it went" } else { "before" };
        println!("{with}: a batch of 50 records {}, a message kept {}", told(loading), told(keeping));
    }
    store.close().await;
}

async fn remove(store: &Store, day: i64) {
    let (mut steps, mut rows, mut pace, begun) = (Vec::new(), 0, Pace::default(), Instant::now());
    loop {
        let began = Instant::now();
        let removed = store.remove_of_day(day, pace.rows()).await.unwrap();
        pace.took(began.elapsed());
        steps.push(began.elapsed());
        if removed == 0 {
            break;
        }
        rows += removed;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("a day: {rows} rows in {} steps, {:.0?} in all; a step {}", steps.len(), begun.elapsed(), told(steps));
}

fn loading(bench: &Bench, store: &Arc<Store>, gone: &Arc<AtomicBool>) -> impl Future<Output = Vec<Duration>> + use<> {
    let (store, gone) = (Arc::clone(store), Arc::clone(gone));
    let mut made = Made::new(bench.count, bench.lean).from(bench.count * 2 + 50_000_000);
    async move {
        let (mut took, mut offset) = (Vec::new(), 1 << 40);
        while took.is_empty() || !gone.load(Ordering::Relaxed) {
            let changes: Vec<Change> = (0..50).map(|_| Change::Outcome(Box::new(made.next()))).collect();
            offset += 1;
            let began = Instant::now();
            store.load(&changes, JournalPosition { segment: 1, offset }).await.unwrap();
            took.push(began.elapsed());
            tokio::time::sleep(Duration::from_millis(500).saturating_sub(began.elapsed())).await;
        }
        took
    }
}

fn keeping(store: &Arc<Store>, gone: &Arc<AtomicBool>) -> impl Future<Output = Vec<Duration>> + use<> {
    let (store, gone) = (Arc::clone(store), Arc::clone(gone));
    async move {
        let mut took = Vec::new();
        while took.is_empty() || !gone.load(Ordering::Relaxed) {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
            let item = item(TransactionId::new((now / 1_000_000) as u64, now));
            let content = stream::iter([Ok(Bytes::from_static(b"x"))]);
            let began = Instant::now();
            store.keep(&item, content).await.unwrap();
            took.push(began.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        took
    }
}

fn item(id: TransactionId) -> Item {
    Item {
        id,
        class: ItemClass::Rule,
        state: ItemState::Held,
        acknowledged: true,
        received_at: super::END,
        reverse_path: "remetente@example.com".to_owned(),
        recipients: vec!["fulano.tal@tjpa.jus.br".to_owned()],
        parameters: EnvelopeParameters::default(),
        subject: "palavra".to_owned(),
        size: 1,
        sha256: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881".to_owned(),
        trace_length: 0,
        reason: "S3B-2026-0001".to_owned(),
    }
}

fn told(mut took: Vec<Duration>) -> String {
    took.sort();
    let at = |share: f64| took[(share * (took.len() - 1) as f64) as usize];
    format!("{:.0?} (median), {:.0?} (99 of 100), {:.0?} (longest of {})", at(0.5), at(0.99), at(1.0), took.len())
}
