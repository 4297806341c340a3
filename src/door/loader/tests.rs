//! What the journal has comes into the database, whoever was killed when.

use std::path::Path;

use super::*;
use crate::{
    record::{Ending, Fate, Intent, attempts::Counts, sample},
    store,
};

async fn open(folder: &Path) -> (Arc<Journal>, Arc<Store>, Loader) {
    let (journal, recovery) = Journal::open(&folder.join("journal")).unwrap();
    let store = Arc::new(Store::open(store::place::of(folder).await).await.unwrap());
    let loader = Loader::new(Arc::clone(&journal), Arc::clone(&store), &recovery);
    (journal, store, loader)
}

async fn close(journal: Arc<Journal>, store: Arc<Store>, loader: Loader) {
    drop(loader);
    journal.close().await;
    store.close().await;
}

fn intent(number: u64) -> Intent {
    let mut record = sample::record(number);
    record.recipients[0].fate = Fate::None;
    Intent { record }
}

/// Killed between our dot and the answer: at the next start a record says so, whether or not the intent was loaded before.
#[tokio::test]
async fn an_intent_without_an_outcome_becomes_a_record_at_the_next_start() {
    for loaded_before in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (journal, store, mut loader) = open(folder.path()).await;
        journal.append_intent(intent(1)).await.unwrap();
        journal.append_intent(intent(2)).await.unwrap();
        journal.append_outcome(sample::record(2), false).await.unwrap();
        if loaded_before {
            assert_eq!(loader.catch_up().await.unwrap(), 3);
            assert_eq!(store.record(&sample::id(1)).await.unwrap(), None, "it may still be answered");
        }
        close(journal, store, loader).await;

        let (journal, store, mut loader) = open(folder.path()).await;
        journal.append_intent(intent(3)).await.unwrap();
        loader.catch_up().await.unwrap();
        let record = store.record(&sample::id(1)).await.unwrap().unwrap();
        assert_eq!((record.ending, record.reply, record.recipients[0].fate), (Ending::Unknown, None, Fate::Unknown));
        assert_eq!(store.record(&sample::id(2)).await.unwrap(), Some(sample::record(2)));
        assert_eq!(store.record(&sample::id(3)).await.unwrap(), None, "it is under way in this run");
        journal.append_outcome(sample::record(3), false).await.unwrap();
        assert_eq!(loader.catch_up().await.unwrap(), 1);
        assert_eq!(store.record(&sample::id(3)).await.unwrap(), Some(sample::record(3)));
        close(journal, store, loader).await;
    }
}

/// What is in the database is removed from the disk; nothing is loaded twice or left out over several starts.
#[tokio::test]
async fn loaded_segments_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    for run in 0..3 {
        let (journal, store, mut loader) = open(folder.path()).await;
        for number in 0..20 {
            journal.append_outcome(sample::record(run * 20 + number), false).await.unwrap();
        }
        assert_eq!(loader.catch_up().await.unwrap(), 20, "run {run}");
        assert_eq!(loader.catch_up().await.unwrap(), 0);
        let segments = std::fs::read_dir(folder.path().join("journal")).unwrap().count();
        assert_eq!(segments, 2, "one segment and the lock");
        assert!(store.record(&sample::id(run * 20 + 19)).await.unwrap().is_some());
        close(journal, store, loader).await;
    }
}

/// A damaged line costs that line only.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test damages the file itself")]
async fn damage_costs_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, store, loader) = open(folder.path()).await;
    journal.append_outcome(sample::record(1), false).await.unwrap();
    close(journal, store, loader).await;
    let path = folder.path().join("journal/0000000001.journal");
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("junk\n{whole}{{\"outcome\":")).unwrap();

    let (journal, store, mut loader) = open(folder.path()).await;
    journal.append_outcome(sample::record(2), false).await.unwrap();
    assert_eq!(loader.catch_up().await.unwrap(), 2);
    assert!(store.record(&sample::id(1)).await.unwrap().is_some());
    assert!(store.record(&sample::id(2)).await.unwrap().is_some());
    close(journal, store, loader).await;
}

/// A journal that was removed and begun anew is loaded from its start, and old intents are closed.
#[tokio::test]
async fn a_replaced_journal_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let (journal, store, mut loader) = open(folder.path()).await;
        journal.append_intent(intent(1)).await.unwrap();
        loader.catch_up().await.unwrap();
        close(journal, store, loader).await;
    }
    std::fs::remove_dir_all(folder.path().join("journal")).unwrap();
    let (journal, store, mut loader) = open(folder.path()).await;
    journal.append_outcome(sample::record(2), false).await.unwrap();
    assert_eq!(loader.catch_up().await.unwrap(), 1);
    assert_eq!(store.record(&sample::id(1)).await.unwrap().unwrap().ending, Ending::Unknown);
    assert!(store.record(&sample::id(2)).await.unwrap().is_some());
    close(journal, store, loader).await;
}

/// A database that is gone stops nothing: appends go on, and what it missed is loaded by a later attempt.
#[tokio::test]
async fn a_database_that_is_gone_does_not_stop_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, store, mut loader) = open(folder.path()).await;
    loader.catch_up().await.unwrap();
    store.close().await;
    journal.append_outcome(sample::record(1), true).await.unwrap();
    assert!(matches!(loader.catch_up().await, Err(LoadFault::Store(_))));
    journal.append_outcome(sample::record(2), true).await.unwrap();
    assert!(loader.catch_up().await.is_err());
    close(journal, store, loader).await;

    let (journal, store, mut loader) = open(folder.path()).await;
    assert_eq!(loader.catch_up().await.unwrap(), 2);
    close(journal, store, loader).await;
}

/// The task tries again and again; that it fails is there to be seen.
#[tokio::test]
async fn whoever_looks_sees_that_the_database_is_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, store, loader) = open(folder.path()).await;
    let (stop, tasks, behind) = (CancellationToken::new(), tokio_util::task::TaskTracker::new(), loader.behind());
    store.close().await;
    tasks.spawn(loader.run(stop.clone()));
    tasks.close();
    let mut waited = 0;
    while behind.why().is_none() {
        waited += 1;
        assert!(waited < 100, "not seen within 5 seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(behind.why().unwrap().starts_with("the database does not take the journal"));
    stop.cancel();
    tasks.wait().await;
    journal.close().await;
}

/// The background task loads soon after an append, and what is left when it is stopped.
#[tokio::test]
async fn the_task_wakes_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, store, loader) = open(folder.path()).await;
    let (stop, tasks) = (CancellationToken::new(), tokio_util::task::TaskTracker::new());
    tasks.spawn(loader.run(stop.clone()));
    tasks.close();
    journal.append_outcome(sample::record(1), false).await.unwrap();
    let mut waited = 0;
    while store.record(&sample::id(1)).await.unwrap().is_none() {
        waited += 1;
        assert!(waited < 100, "not loaded within 5 seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    journal.append_outcome(sample::record(2), false).await.unwrap();
    stop.cancel();
    tasks.wait().await;
    assert!(store.record(&sample::id(2)).await.unwrap().is_some());
}

/// What was appended just now is not read back: the file may be gone. Where the place is another one, the file is read.
#[tokio::test]
async fn what_was_just_appended_needs_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, store, mut loader) = open(folder.path()).await;
    loader.catch_up().await.unwrap();
    journal.append_intent(intent(1)).await.unwrap();
    journal.append_outcome(sample::record(1), false).await.unwrap();
    let path = folder.path().join("journal/0000000001.journal");
    let elsewhere = folder.path().join("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    assert_eq!(loader.catch_up().await.unwrap(), 2);
    assert_eq!(store.record(&sample::id(1)).await.unwrap(), Some(sample::record(1)));
    std::fs::rename(&elsewhere, &path).unwrap();

    // Handed over to somebody else.
    journal.append_outcome(sample::record(2), false).await.unwrap();
    assert!(matches!(journal.take_recent(loader.loaded, 9, 1 << 20), Recently::Steps(_)));
    assert_eq!(loader.catch_up().await.unwrap(), 1, "what another has taken stands in the file");
    assert_eq!(store.record(&sample::id(2)).await.unwrap(), Some(sample::record(2)));
    close(journal, store, loader).await;
}

/// Whoever loads does not run after those who write: what comes while it loads is one more batch, and not a row of small ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_goes_on_is_caught_up_with_once() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, store, mut loader) = open(folder.path()).await;
    loader.catch_up().await.unwrap();
    let (stop, tasks) = (CancellationToken::new(), tokio_util::task::TaskTracker::new());
    let (ending, writing) = (stop.clone(), Arc::clone(&journal));
    let writer = tasks.spawn(async move {
        let mut count = 0;
        while !ending.is_cancelled() {
            writing.append_outcome(sample::record(count), false).await.unwrap();
            count += 1;
            tokio::task::yield_now().await;
        }
        count
    });
    journal.appended().await;
    let loaded = tokio::time::timeout(Duration::from_secs(20), loader.catch_up()).await;
    stop.cancel();
    let (loaded, written) = (loaded.expect("it ends while somebody writes").unwrap(), writer.await.unwrap());
    assert!(loaded > 0);
    assert_eq!(
        loaded + loader.catch_up().await.unwrap(),
        usize::try_from(written).unwrap(),
        "and the rest is not lost"
    );
    close(journal, store, loader).await;
}

/// A full transaction does not wait for more, whether it is many entries or large ones; less than that is waited for as long as is said.
#[tokio::test]
async fn what_fills_a_transaction_is_gathered_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, store, mut loader) = open(folder.path()).await;
    let is_waiting =
        async |loader: &Loader| tokio::time::timeout(LOOK * 3, loader.gather(Duration::from_secs(3600))).await.is_err();
    let small = Counts { id: sample::id(1), rows: Vec::new() };
    for _ in 1..BATCH {
        journal.append_counts(small.clone()).await.unwrap();
    }
    assert!(is_waiting(&loader).await);
    journal.append_counts(small).await.unwrap();
    assert!(!is_waiting(&loader).await, "there are {BATCH}");
    assert_eq!(loader.catch_up().await.unwrap(), BATCH);
    assert!(is_waiting(&loader).await, "they are loaded");
    let mut large = sample::record(BATCH as u64);
    large.subjects = vec!["s".repeat(BATCH_OCTETS as usize / 4 * 3)];
    journal.append_outcome(large, false).await.unwrap();
    assert!(!is_waiting(&loader).await, "there are three quarters of the octets of a transaction");
    close(journal, store, loader).await;
}

/// A message that is to be held waits for no more than a small batch; without one, batches are large.
#[tokio::test]
async fn batches_are_small_while_messages_are_held() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, store, mut loader) = open(folder.path()).await;
    for number in 0..2 * BATCH_BESIDE_HELD as u64 {
        journal.append_outcome(sample::record(number), false).await.unwrap();
    }
    let holding = Arc::clone(&store);
    let item = sample::item(1, b"", b"x");
    let mut keeping = tokio::task::JoinSet::new();
    keeping.spawn(async move { holding.keep(&item, futures_util::stream::pending()).await });
    while !store.is_keeping() {
        tokio::task::yield_now().await;
    }
    let (changes, upto) = loader.read_batch().await.unwrap().unwrap();
    assert_eq!(changes.len(), BATCH_BESIDE_HELD);
    keeping.shutdown().await;
    journal.append_outcome(sample::record(2 * BATCH_BESIDE_HELD as u64), false).await.unwrap();
    loader.loaded = upto;
    assert_eq!(loader.read_batch().await.unwrap().unwrap().0.len(), BATCH_BESIDE_HELD + 1);
    close(journal, store, loader).await;
}
