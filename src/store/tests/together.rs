//! Many messages kept at the same moment: one commit, each told of its own, on the database that has one writer.

use std::time::Duration;

use tokio::task::JoinSet;

use super::*;

/// Commits since the file was made, by the frames of the write-ahead log that end one (sqlite.org/fileformat2.html §4.1).
#[expect(clippy::disallowed_methods, reason = "the test looks into the file itself")]
fn commits(folder: &Path) -> usize {
    let log = std::fs::read(folder.join("portaria.db-wal")).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    log[32..].chunks(24 + page).filter(|frame| frame[4..8] != [0; 4]).count()
}

/// Keeps these while somebody else has the writer, which it gets back when all of them wait.
async fn keep_together(store: &Arc<Store>, numbers: std::ops::Range<u64>) -> Vec<(u64, Result<(), StoreFault>)> {
    let writer = store.begin().await.unwrap();
    let (count, mut keeping) = (numbers.clone().count(), JoinSet::new());
    for number in numbers {
        let store = store.clone();
        keeping.spawn(async move { (number, keep(&store, &sample::item(number, TRACE, b"x"), b"x").await) });
    }
    until(|| store.together.waiting() == count).await;
    writer.rollback().await.unwrap();
    let mut kept = keeping.join_all().await;
    kept.sort_by_key(|(number, _)| *number);
    kept
}

async fn until(is: impl Fn() -> bool) {
    while !is() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn who_waits_for_the_writer_is_in_one_commit() {
    let (folder, store) = sqlite().await;
    let store = Arc::new(store);
    keep(&store, &sample::item(0, TRACE, b"x"), b"x").await.unwrap();
    let before = commits(folder.path());
    assert!(keep_together(&store, 1..51).await.iter().all(|(_, kept)| kept.is_ok()));
    assert_eq!(commits(folder.path()) - before, 1);
    assert_eq!(store.items(Filter::default()).await.unwrap().len(), 51);
    assert!(!store.is_keeping());
}

/// A row that the database refuses is told to its own session; its content goes, and the others are kept.
#[tokio::test]
async fn one_that_is_refused_costs_the_others_nothing() {
    let (folder, store) = sqlite().await;
    let store = Arc::new(store);
    refuse(&store, &format!("INSERT ON items WHEN NEW.id = '{}'", sample::id(3))).await;
    for (number, kept) in keep_together(&store, 1..6).await {
        assert_eq!(kept.is_ok(), number != 3, "{number}: {kept:?}");
    }
    assert_eq!(store.items(Filter::default()).await.unwrap().len(), 4);
    assert_eq!(blobs(folder.path()).len(), 4);
    assert_eq!(store.reconcile().await.unwrap(), Reconciliation::default());
}

/// Nobody waits for a writer that is not to be had.
#[tokio::test]
async fn without_a_writer_all_hear_so() {
    let (folder, store) = sqlite().await;
    let (store, numbers) = (Arc::new(store), 1..6);
    store.writer.close().await;
    let mut keeping = JoinSet::new();
    for number in numbers {
        let store = store.clone();
        keeping.spawn(async move { keep(&store, &sample::item(number, TRACE, b"x"), b"x").await });
    }
    assert!(keeping.join_all().await.iter().all(Result::is_err));
    assert_eq!(blobs(folder.path()), [""; 0]);
}

/// A commit of several failed, and then the writer is not to be had: that is waited for once, and not for each.
#[tokio::test]
async fn without_a_writer_behind_a_failure_nobody_waits_for_the_others() {
    let (_folder, store) = sqlite().await;
    let store = Arc::new(store);
    let turn = store.together.take_turn().await;
    let mut keeping = JoinSet::new();
    for number in 1..6 {
        let store = store.clone();
        keeping.spawn(async move { keep(&store, &sample::item(number, TRACE, b"x"), b"x").await });
    }
    until(|| store.together.waiting() == 5).await;
    let taken = store.together.take();
    let writer = store.begin().await.unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    store.write_each(taken, StoreFault::NotBegun("the commit".to_owned())).await;
    let alone = began.elapsed();
    let began = tokio::time::Instant::now();
    assert!(store.begin().await.is_err());
    assert!(alone < began.elapsed() * 3 / 2, "{alone:?}, and {:?} for one", began.elapsed());
    tokio::time::resume();
    drop((writer, turn));
    assert!(keeping.join_all().await.iter().all(Result::is_err));
    assert!(store.items(Filter::default()).await.unwrap().is_empty());
}

/// The session that had the turn is cut, before its commit or behind it: who was with it comes again, and is there once. What is under way
/// meanwhile is nothing that a crash left.
#[tokio::test]
async fn who_hears_nothing_comes_again() {
    for was_committed in [false, true] {
        let (_folder, store) = sqlite().await;
        let store = Arc::new(store);
        let item = sample::item(1, TRACE, b"x");
        let turn = store.together.take_turn().await;
        let (waits, of) = (store.clone(), item.clone());
        let mut waiting = JoinSet::new();
        waiting.spawn(async move { keep(&waits, &of, b"x").await });
        until(|| store.together.waiting() == 1).await;
        let taken = store.together.take();
        if was_committed {
            store.insert_all(store.begin().await.unwrap(), &taken).await.unwrap();
        }
        assert_eq!(store.reconcile().await.unwrap(), Reconciliation::default());
        drop((taken, turn));
        assert!(waiting.join_all().await.iter().all(Result::is_ok));
        assert_eq!(store.items(Filter::default()).await.unwrap(), std::slice::from_ref(&item));
        assert_eq!(stored(&store, &item.id).await, [TRACE, b"x"].concat());
    }
}

/// The same for who does not wait any more: as long as his row may come, his content stays.
#[tokio::test]
async fn content_whose_row_is_under_way_stays() {
    let (folder, store) = sqlite().await;
    let store = Arc::new(store);
    let turn = store.together.take_turn().await;
    let gone = store.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move { keep(&gone, &sample::item(1, TRACE, b"x"), b"x").await });
    until(|| store.together.waiting() == 1).await;
    let taken = store.together.take();
    waiting.shutdown().await;
    assert_eq!(store.reconcile().await.unwrap(), Reconciliation::default());
    assert_eq!(blobs(folder.path()).len(), 2, "the content, and the mark of what is being kept");
    drop((taken, turn));
    assert_eq!(store.reconcile().await.unwrap().unfinished, 1, "now its row will never come");
}
