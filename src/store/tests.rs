//! What the store promises, with a crash at every step of keeping. On both databases, but for what is about SQLite's own file
//! (`sqlite`) or about a server (`server`).

use futures_util::{StreamExt, TryStreamExt, stream};

use super::*;
use crate::record::{
    Ending, Fate, Intent, ItemClass,
    attempts::{Count, Counts},
    sample,
};

const TRACE: &[u8] = b"Received: from mx.example\r\n";

async fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(place::of(folder.path()).await).await.unwrap();
    (folder, store)
}

async fn sqlite() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    (folder, store)
}

/// From now on the database refuses to `what`, as it does when its disk is full.
async fn refuse(store: &Store, what: &str) {
    let sql = match store.kind {
        database::Kind::Sqlite => {
            format!("CREATE TRIGGER full_disk BEFORE {what} BEGIN SELECT RAISE(FAIL, 'disk full'); END")
        }
        database::Kind::PostgreSql => format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE disk_full; END'; \
             CREATE TRIGGER full_disk BEFORE {what} FOR EACH ROW EXECUTE FUNCTION refuse()"
        ),
    };
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&store.writer).await.unwrap();
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 7) ^ (at >> 9)) as u8).collect()
}

fn pieces(all: &[&[u8]], by: usize) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    let all = all.concat();
    stream::iter(all.chunks(by).map(|part| Ok(Bytes::copy_from_slice(part))).collect::<Vec<_>>())
}

async fn keep(store: &Store, item: &Item, content: &[u8]) -> Result<(), StoreFault> {
    store.keep(item, pieces(&[TRACE, content], 100_000)).await
}

async fn stored(view: &View, id: &TransactionId) -> Vec<u8> {
    view.content(id).await.unwrap().map_ok(|part| part.to_vec()).try_concat().await.unwrap()
}

fn blobs(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for part in std::fs::read_dir(folder.join("quarantine")).unwrap() {
        for entry in std::fs::read_dir(part.unwrap().path()).unwrap() {
            names.push(entry.unwrap().file_name().into_string().unwrap());
        }
    }
    names.sort();
    names
}

/// An item comes back as it went in, its content octet by octet, also after a restart and for a reader beside the writer.
#[tokio::test]
async fn an_item_comes_back_as_it_was() {
    let (folder, store) = open().await;
    for (number, length) in [(1, 0), (2, 10), (3, 1024 * 1024), (4, 3_500_000)] {
        let content = content(length);
        let item = sample::item(number, TRACE, &content);
        keep(&store, &item, &content).await.unwrap();
        assert_eq!(store.item(&item.id).await.unwrap().as_ref(), Some(&item));
        let beside = Store::open_read_only(place::of(folder.path()).await).await.unwrap();
        assert!(stored(&beside, &item.id).await == [TRACE, &content].concat(), "{length} differs");
        assert_eq!(&store.beginning(&item.id, 8).await.unwrap()[..], b"Received");
    }
    store.close().await;
    drop(store);
    let store = Store::open(place::of(folder.path()).await).await.unwrap();
    assert_eq!(store.items(Filter::default()).await.unwrap().len(), 4);
    assert_eq!(store.reconcile().await.unwrap(), Reconciliation::default());
}

/// Reading works while nobody writes, after a clean end and after a kill, and says so when there is nothing.
#[tokio::test]
async fn the_reading_half_needs_no_gateway() {
    let (folder, store) = sqlite().await;
    keep(&store, &sample::item(1, TRACE, b"x"), b"x").await.unwrap();
    // As after a kill: files as they stand, the write-ahead log included, in another place.
    let killed = tempfile::tempdir().unwrap();
    for name in ["portaria.db", "portaria.db-wal"] {
        std::fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
    }
    std::fs::create_dir(killed.path().join("quarantine")).unwrap();
    let view = Store::open_read_only(killed.path()).await.unwrap();
    assert_eq!(view.items(Filter::default()).await.unwrap().len(), 1);

    store.close().await;
    drop(store);
    let view = Store::open_read_only(folder.path()).await.unwrap();
    assert_eq!(view.items(Filter::default()).await.unwrap().len(), 1);

    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open_read_only(empty.path()).await, Err(StoreFault::NoDatabase(_))));
}

/// Mail is for this user's eyes, and one process writes.
#[tokio::test]
async fn nobody_else_reads_or_writes() {
    use std::os::unix::fs::MetadataExt;
    let (folder, store) = sqlite().await;
    keep(&store, &sample::item(1, TRACE, b"x"), b"x").await.unwrap();
    for name in ["portaria.db", "portaria.db-wal", "portaria.db-shm", "quarantine"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().mode();
        assert_eq!(mode & 0o077, 0, "{name} is {mode:o}");
    }
    assert!(matches!(Store::open(folder.path()).await, Err(StoreFault::InUse(_))));
}

/// A path with characters that mean something in a URL is a path.
#[tokio::test]
async fn a_path_is_not_a_url() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("ção 100% ?mode=memory#x");
    let store = Store::open(&odd).await.unwrap();
    keep(&store, &sample::item(1, TRACE, b"x"), b"x").await.unwrap();
    assert!(odd.join("portaria.db").exists());
}

/// Content that is not what the item says, or that breaks off, leaves nothing: no row, no blob, no half of one.
#[tokio::test]
async fn what_is_altered_is_not_kept() {
    let (folder, store) = open().await;
    let whole = content(2_500_000);
    let item = sample::item(1, TRACE, &whole);
    let mut flipped = whole.clone();
    flipped[2_000_000] ^= 1;
    for (what, given) in [("length", &whole[1..]), ("length", &[&whole[..], b"x"].concat()), ("SHA-256", &flipped)] {
        let fault = keep(&store, &item, given).await.unwrap_err();
        assert!(matches!(fault, StoreFault::Altered { what: told } if told == what), "{fault}");
    }
    let broken = pieces(&[TRACE, &whole], 400_000).take(4).chain(stream::iter([Err(io::Error::other("EIO"))]));
    assert!(matches!(store.keep(&item, broken).await, Err(StoreFault::Source(_))));
    assert_eq!(store.item(&item.id).await.unwrap(), None);
    assert_eq!(blobs(folder.path()), Vec::<String>::new());

    keep(&store, &item, &whole).await.unwrap();
    assert_eq!(blobs(folder.path()), [item.id.as_str()]);
}

/// When the row cannot be written, the caller hears so and the content does not stay.
#[tokio::test]
async fn a_row_that_fails_is_no_item() {
    let (folder, store) = open().await;
    refuse(&store, "INSERT ON items").await;
    let item = sample::item(1, TRACE, b"x");
    assert!(matches!(keep(&store, &item, b"x").await, Err(StoreFault::Database(_))));
    assert_eq!(blobs(folder.path()), Vec::<String>::new());
    let forget = match store.kind {
        database::Kind::Sqlite => "DROP TRIGGER full_disk",
        database::Kind::PostgreSql => "DROP TRIGGER full_disk ON items",
    };
    sqlx::raw_sql(forget).execute(&store.writer).await.unwrap();
    keep(&store, &item, b"x").await.unwrap();
}

/// A second item under the same id is refused, and the first keeps its content.
#[tokio::test]
async fn an_id_is_kept_once() {
    let (_folder, store) = open().await;
    let item = sample::item(1, TRACE, b"x");
    keep(&store, &item, b"x").await.unwrap();
    let other = sample::item(1, TRACE, b"other");
    assert!(matches!(keep(&store, &other, b"other").await, Err(StoreFault::AlreadyKept)));
    assert_eq!(stored(&store, &item.id).await, [TRACE, b"x"].concat());
}

/// A kill leaves a half, a blob without a row, or nothing; each is found, and what is being kept now is left alone.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test leaves what a crash leaves")]
async fn what_a_crash_left_is_found() {
    let (folder, store) = open().await;
    let kept = sample::item(1, TRACE, b"kept");
    keep(&store, &kept, b"kept").await.unwrap();
    let blob = |id: &TransactionId| folder.path().join("quarantine").join(&id.as_str()[20..22]).join(id.as_str());
    assert!(blob(&kept.id).exists());

    let (half, orphan, lost, released) = (sample::id(2), sample::id(3), sample::id(4), sample::id(5));
    std::fs::write(format!("{}#1", blob(&half).display()), b"Recei").unwrap();
    std::fs::write(blob(&orphan), b"Received: x").unwrap();
    let never_told = sample::id(7);
    store.contents().mark(&never_told).await.unwrap();
    std::fs::write(blob(&never_told), b"Received: x").unwrap();
    std::fs::write(blob(&half).with_file_name("README"), b"not ours").unwrap();
    for (number, id) in [(4, &lost), (5, &released)] {
        keep(&store, &sample::item(number, TRACE, b"y"), b"y").await.unwrap();
        std::fs::remove_file(blob(id)).unwrap();
    }
    store.settle(&released, ItemState::Deleted, 1).await.unwrap();

    let now = sample::id(6);
    let _under_way = Keeping::begin(&store.keeping, &now);
    std::fs::write(blob(&now), b"Received: y").unwrap();

    let found = store.reconcile().await.unwrap();
    assert_eq!(
        found,
        Reconciliation { unfinished: 2, orphans: vec![orphan.clone()], gone: 0, missing: vec![lost.clone()] }
    );
    assert!(folder.path().join("quarantine/orphans").join(orphan.as_str()).exists());
    assert!(!blob(&never_told).exists(), "killed between content and row: nobody was told anything");
    assert!(blob(&now).exists() && blob(&kept.id).exists() && !blob(&orphan).exists());
    assert!(matches!(store.content(&lost).await, Err(StoreFault::NotFound)));

    let again = store.reconcile().await.unwrap();
    assert_eq!(again, Reconciliation { missing: vec![lost], ..Reconciliation::default() });
}

/// Newest first, at most so many, of one state or class; what is pending is listed.
#[tokio::test]
async fn items_are_filtered_and_sorted() {
    let (_folder, store) = open().await;
    for number in 1..=4 {
        let mut item = sample::item(number, TRACE, b"x");
        item.state = if number % 2 == 0 { ItemState::Pending } else { ItemState::Held };
        item.class = if number == 3 { ItemClass::Virus } else { ItemClass::Rule };
        keep(&store, &item, b"x").await.unwrap();
    }
    let numbers = async |filter| -> Vec<i64> {
        let items = store.items(filter).await.unwrap();
        items.iter().map(|item| item.received_at - sample::BEGAN - 412).collect()
    };
    assert_eq!(numbers(Filter::default()).await, [4, 3, 2, 1]);
    assert_eq!(numbers(Filter { limit: Some(2), ..Filter::default() }).await, [4, 3]);
    assert_eq!(numbers(Filter { class: Some(ItemClass::Virus), ..Filter::default() }).await, [3]);
    let pending: Vec<_> = store.pending().await.unwrap().into_iter().map(|item| item.id).collect();
    assert_eq!(pending, [sample::id(4), sample::id(2)]);
}

/// Whoever asks for all items gets all: a list that ends without a word is taken for the whole.
#[tokio::test]
async fn all_items_are_all_items() {
    let (_folder, store) = open().await;
    let mut transaction = store.begin().await.unwrap();
    for number in 1..=1_005 {
        rows::insert_item(&mut transaction, "", None, &sample::item(number, TRACE, b"x")).await.unwrap();
    }
    transaction.commit().await.unwrap();
    assert_eq!(store.items(Filter::default()).await.unwrap().len(), 1_005);
}

/// What a full disk does: the commit fails, and SQLite itself has rolled back. The next one finds the writer as if nothing had been.
#[tokio::test]
async fn a_commit_that_failed_does_not_stop_the_next_one() {
    let (_folder, store) = sqlite().await;
    let mut transaction = store.begin().await.unwrap();
    sqlx::raw_sql("ROLLBACK").execute(&mut *transaction).await.unwrap();
    assert!(transaction.commit().await.is_err(), "there is nothing to commit");
    for number in 1..=2 {
        keep(&store, &sample::item(number, TRACE, b"x"), b"x").await.unwrap();
    }
}

/// A decision is taken once: what was told to a sender or done by a reviewer is not taken back.
#[tokio::test]
async fn states_follow_one_another() {
    use ItemState::{Deleted, Expired, Held, Pending, Released, Releasing, Withdrawn};
    let all = [Pending, Held, Releasing, Released, Deleted, Expired, Withdrawn];
    for last in [Deleted, Expired, Withdrawn] {
        assert!(all.iter().all(|&next| !may_become(last, next)), "{last:?} is final");
    }
    assert!(
        all.iter().all(|&next| may_become(Released, next) == (next == Deleted)),
        "what was delivered is not held again"
    );
    let (_folder, store) = open().await;
    let mut item = sample::item(1, TRACE, b"x");
    item.state = Pending;
    keep(&store, &item, b"x").await.unwrap();
    store.settle(&item.id, Withdrawn, 5).await.unwrap();
    store.settle(&item.id, Withdrawn, 6).await.unwrap();
    let fault = store.settle(&item.id, Held, 7).await.unwrap_err();
    assert_eq!(fault.to_string(), "the item is withdrawn and cannot become held");
    assert_eq!(store.item(&item.id).await.unwrap().unwrap().state, Withdrawn);
    assert!(matches!(store.settle(&sample::id(9), Held, 7).await, Err(StoreFault::NotFound)));
    let settled: i64 = sqlx::query_scalar("SELECT settled_at FROM items").fetch_one(&store.writer).await.unwrap();
    assert_eq!(settled, 5);
}

/// Any six or more of the last digits name a transaction, an item, or both at once; ambiguity and nonsense are told.
#[tokio::test]
async fn a_suffix_finds_one() {
    let (_folder, store) = open().await;
    keep(&store, &sample::item(1, TRACE, b"x"), b"x").await.unwrap();
    let records = [sample::record(1), sample::record(0x1_000_001), sample::record(2)];
    let changes: Vec<Change> = records.iter().cloned().map(|record| Change::Outcome(Box::new(record))).collect();
    store.load(&changes, JournalPosition::default()).await.unwrap();

    assert_eq!(store.find("000002").await.unwrap(), sample::id(2));
    assert_eq!(store.find(&sample::id(1).as_str().to_uppercase()).await.unwrap(), sample::id(1));
    assert!(matches!(store.find("000001").await, Err(StoreFault::NotUnique(_))));
    assert_eq!(store.find("1000001").await.unwrap(), sample::id(0x1_000_001));
    assert!(matches!(store.find("aaaaaa").await, Err(StoreFault::NotFound)));
    for bad in ["", "00002", "%", "00000%", "'; --  ", "ç00002", &"0".repeat(33)] {
        assert!(matches!(store.find(bad).await, Err(StoreFault::NotAnId)), "{bad}");
    }
}

/// Records come back whole, whatever text is in them; the same entries again change nothing; another one is written over it.
#[tokio::test]
async fn loading_twice_changes_nothing() {
    let (_folder, store) = open().await;
    let mut record = sample::record(1);
    record.subjects.push("nul \0 and ' and \u{1f4a9}".to_owned());
    let changes = [Change::Outcome(Box::new(record.clone()))];
    let position = JournalPosition { segment: 3, offset: 99 };
    for _ in 0..2 {
        store.load(&changes, position).await.unwrap();
        assert_eq!(store.record(&record.id).await.unwrap().as_ref(), Some(&record));
        assert_eq!(store.journal_position().await.unwrap(), position);
    }
    record.recipients.truncate(1);
    store.load(&[Change::Outcome(Box::new(record.clone()))], position).await.unwrap();
    assert_eq!(store.recent(10).await.unwrap(), [record]);
}

/// An entry of counts that is loaded twice counts once; two entries of one minute (a restart) are both counted.
#[tokio::test]
async fn counts_are_summed_and_each_entry_counts_once() {
    let (_folder, store) = open().await;
    let row = |minute: i64, network: &str, reason: &str, count| Count {
        minute: sample::BEGAN + minute * 60_000,
        network: network.to_owned(),
        listener: "0.0.0.0:25".to_owned(),
        reason: reason.to_owned(),
        count,
    };
    let first =
        vec![row(0, "192.0.2.1", "no_mail", 5_000), row(0, "192.0.2.1", "not_ours", 7), row(1, "other", "no_mail", 2)];
    let second = vec![row(0, "192.0.2.1", "no_mail", 1), row(0, "2001:db8::/64", "not_ours", 20)];
    let changes = [
        Change::Counts(Counts { id: sample::id(1), rows: first }),
        Change::Counts(Counts { id: sample::id(2), rows: second }),
    ];
    for _ in 0..2 {
        store.load(&changes, JournalPosition::default()).await.unwrap();
    }
    let sums = store.refused_attempts(sample::BEGAN, 10).await.unwrap();
    assert_eq!(sums.reasons, [("no_mail".to_owned(), 5_003), ("not_ours".to_owned(), 27)]);
    let networks = [("192.0.2.1".to_owned(), 5_008), ("2001:db8::/64".to_owned(), 20), ("other".to_owned(), 2)];
    assert_eq!(sums.networks, networks);
    assert_eq!(store.refused_attempts(sample::BEGAN, 1).await.unwrap().networks, networks[..1]);
    let later = store.refused_attempts(sample::BEGAN + 60_000, 10).await.unwrap();
    assert_eq!(later.reasons, [("no_mail".to_owned(), 2)]);
}

/// Entries and position are one transaction: a batch that fails in its middle leaves neither.
#[tokio::test]
async fn a_batch_is_all_or_nothing() {
    let (_folder, store) = open().await;
    refuse(&store, "INSERT ON journal_positions").await;
    let changes = [Change::Outcome(Box::new(sample::record(1)))];
    assert!(store.load(&changes, JournalPosition { segment: 1, offset: 5 }).await.is_err());
    assert_eq!(store.record(&sample::id(1)).await.unwrap(), None);
    assert_eq!(store.journal_position().await.unwrap(), JournalPosition::default());
}

/// Only intents of processes that are gone are closed, and never over an outcome.
#[tokio::test]
async fn intents_are_closed_below_a_segment() {
    let (_folder, store) = open().await;
    let intent = |number, segment| {
        let mut record = sample::record(number);
        record.recipients[0].fate = Fate::None;
        Change::Intent { segment, intent: Box::new(Intent { record }) }
    };
    let position = JournalPosition { segment: 8, offset: 0 };
    let outcome = Change::Outcome(Box::new(sample::record(2)));
    store.load(&[intent(1, 7), intent(2, 7), outcome, intent(3, 8)], position).await.unwrap();
    assert_eq!(store.close_intents(8).await.unwrap(), [sample::id(1)]);
    assert_eq!(store.close_intents(8).await.unwrap(), []);
    let record = store.record(&sample::id(1)).await.unwrap().unwrap();
    assert_eq!((record.ending, record.recipients[0].fate), (Ending::Unknown, Fate::Unknown));
    assert_eq!(store.record(&sample::id(2)).await.unwrap(), Some(sample::record(2)));

    store.load(&[intent(2, 8)], position).await.unwrap();
    assert_eq!(store.close_intents(9).await.unwrap(), [sample::id(2), sample::id(3)]);
    assert_eq!(store.record(&sample::id(2)).await.unwrap(), Some(sample::record(2)), "an outcome stands");
}

/// Commits are synced: what SQLite calls FULL, in WAL, on the connection that writes.
#[tokio::test]
async fn the_writer_syncs_every_commit() {
    let (_folder, store) = sqlite().await;
    let level: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.writer).await.unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.writer).await.unwrap();
    assert_eq!((level, mode.as_str()), (2, "wal"));
    // Decision 52: without these a batch's pages are written several times.
    let pages: i64 = sqlx::query_scalar("PRAGMA cache_size").fetch_one(&store.writer).await.unwrap();
    let log: i64 = sqlx::query_scalar("PRAGMA wal_autocheckpoint").fetch_one(&store.writer).await.unwrap();
    assert_eq!((pages, log), (-16_384, 4_000));
    let write = sqlx::query("DELETE FROM items").execute(&store.view.readers_for_test()).await;
    assert!(write.is_err(), "a reader wrote");
}

/// Decision 63: else the writer takes a page from the readers' for every page that they read, and keeps it.
#[tokio::test]
async fn each_connection_has_its_own_bound_of_pages() {
    let (_folder, store) = sqlite().await;
    let options: Vec<String> = sqlx::query_scalar("PRAGMA compile_options").fetch_all(&store.writer).await.unwrap();
    assert!(options.iter().any(|option| option == "THREADSAFE=1"), "{options:?}");
    assert!(!options.iter().any(|option| option == "ENABLE_MEMORY_MANAGEMENT"), "see .cargo/config.toml: {options:?}");
}

/// Content and its name are on the disk when `keep` returns: object_store does not sync unless told, and a folder that is made by
/// one writer and found by another is synced by neither in time. So all folders stand before anything is kept.
#[tokio::test]
async fn content_is_synced_in_folders_that_stand() {
    let (folder, store) = open().await;
    assert!(format!("{:?}", store.contents()).contains("fsync: true"));
    // 256, and `incoming`.
    assert_eq!(std::fs::read_dir(folder.path().join("quarantine")).unwrap().count(), 257);
}

mod batch;
mod content;
mod server;
mod sharing;
mod together;
