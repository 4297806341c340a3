//! Batches: many rows in one statement change nothing of what one by one does.

use sqlx::Row as _;

use super::*;
use crate::record::Record;

/// A batch of which some is there, in the database or twice in itself: the last of each stands, every one is found by what it has, and
/// intents that the database had are gone with their outcome.
#[tokio::test]
async fn a_large_batch_of_which_some_is_there_is_loaded_whole() {
    let (_folder, store) = open().await;
    let outcome = |record: Record| Change::Outcome(Box::new(record));
    let intents: Vec<Change> = (0..90)
        .map(|number| Change::Intent { segment: 1, intent: Box::new(Intent { record: sample::record(number) }) })
        .collect();
    store.load(&intents, JournalPosition { segment: 1, offset: 1 }).await.unwrap();
    let early = |number| Record { policy: "early".to_owned(), ..sample::record(number) };
    store.load(&[outcome(early(7)), outcome(early(500))], JournalPosition { segment: 1, offset: 2 }).await.unwrap();

    for existing in [false, true] {
        // 88 new ones at first; then two that are there and one that is there twice.
        let range = if existing { 0..700 } else { 8..96 };
        let mut changes: Vec<Change> = range.clone().map(|number| outcome(sample::record(number))).collect();
        if existing {
            changes.push(outcome(early(3)));
        }
        store.load(&changes, JournalPosition { segment: 2, offset: 0 }).await.unwrap();
        for number in range {
            let expected = if existing && number == 3 { early(3) } else { sample::record(number) };
            assert_eq!(store.record(&sample::id(number)).await.unwrap(), Some(expected), "{number}");
        }
    }
    let count = "SELECT COUNT(*), COUNT(DISTINCT term), COUNT(DISTINCT began) FROM terms";
    let terms = sqlx::query(count).fetch_one(store.readers()).await.unwrap();
    let [rows, terms, slots]: [i64; 3] = [0, 1, 2].map(|nth| terms.get(nth));
    let each = crate::record::term::of(&sample::record(1)).len() as i64;
    assert_eq!((terms, slots), (each, 700 / 32 + 1));
    let most = each * (slots + 4);
    assert!((each * slots..=most).contains(&rows), "{rows}: once for a slot in a batch, and batches meet in a slot");
    assert_eq!(store.close_intents(9).await.unwrap(), [], "intents whose outcome is known are gone");
}

/// SQLite makes no copy of what it is about to change, in a file outside the data directory: what fails takes the whole transaction with it.
#[tokio::test]
async fn nothing_of_a_batch_is_copied_elsewhere() {
    let (_folder, store) = open().await;
    // A statement of the later ones changes more pages than SQLite would copy in memory.
    let records: Vec<Record> = (0..4500).map(sample::record).collect();
    let written: Vec<rows::Written<'_>> = records.iter().map(rows::Written::from).collect();
    let (earlier, later) = written.split_at(4000);
    let mut transaction = store.begin().await.unwrap();
    for some in [earlier, later] {
        assert!(rows::insert_records(&mut transaction, store.kind, some).await.unwrap());
        let found_by = some.iter().flat_map(|written| terms::of(written.record)).collect();
        terms::add(&mut transaction, store.kind, found_by).await.unwrap();
    }
    // A file of SQLite's has no name any more, and is open until the transaction is over.
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|it| std::fs::read_link(it.unwrap().path()).ok());
    let elsewhere: Vec<_> = open.filter(|path| path.to_string_lossy().contains("etilqs")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    transaction.commit().await.unwrap();
}
