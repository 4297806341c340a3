//! What only a server does: it is away, it is shared, and it does not say whether it has committed. These need one
//! (`PORTARIA_TEST_POSTGRES`; `tests/run.sh` starts one), but for those that need it not to be there.

use std::time::Instant;

use super::*;
use crate::store::settings::{Content, PostgreSql};

/// Two nodes on one database; none if there is no server to test with.
pub(super) async fn two() -> Option<[(tempfile::TempDir, Store); 2]> {
    let url = place::server()?;
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) =
        tokio::join!(place::shared(&url, one.path(), one.path()), place::shared(&url, two.path(), one.path()));
    // Both at once: one of them makes the schema, and the other waits.
    let (first, second) = tokio::join!(Store::open(first), Store::open(second));
    Some([(one, first.unwrap()), (two, second.unwrap())])
}

fn away(folder: &Path) -> Settings {
    let server =
        PostgreSql::new(&format!("postgresql:///portaria?user=portaria&host={}", folder.display()), None).unwrap();
    Settings {
        folder: folder.to_owned(),
        database: Database::PostgreSql { server, hostname: "mx.test".to_owned() },
        content: Content::default(),
    }
}

/// The gateway starts; what is to be held is refused and leaves nothing; the journal keeps its entries.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test measures how long a start takes")]
async fn a_server_that_is_away_stops_no_start() {
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let store = Store::open(away(folder.path())).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "a start waits no longer than it says");
    let item = sample::item(1, TRACE, b"x");
    assert!(matches!(keep(&store, &item, b"x").await, Err(StoreFault::Database(_))));
    assert_eq!(blobs(folder.path()), Vec::<String>::new());
    assert!(matches!(store.reconcile().await, Err(StoreFault::Database(_))));
    let loaded = store.load(&[Change::Outcome(Box::new(sample::record(1)))], JournalPosition::default()).await;
    assert!(matches!(loaded, Err(StoreFault::Database(_))));
    assert_eq!(store.damage(), None);
}

/// Each node moves the place of its own journal, closes its own intents, and misses its own content; all see all items and records.
#[tokio::test]
async fn two_nodes_share_items_and_records_and_nothing_else() {
    let Some([(_one, first), (_two, second)]) = two().await else { return };
    assert_ne!(first.node(), second.node());
    let (here, there) = (JournalPosition { segment: 7, offset: 70 }, JournalPosition { segment: 2, offset: 20 });
    let intent =
        |number, segment| Change::Intent { segment, intent: Box::new(Intent { record: sample::record(number) }) };
    first.load(&[intent(1, 6), Change::Outcome(Box::new(sample::record(3)))], here).await.unwrap();
    second.load(&[intent(2, 1)], there).await.unwrap();
    assert_eq!(first.journal_position().await.unwrap(), here);
    assert_eq!(second.journal_position().await.unwrap(), there);
    assert_eq!(second.close_intents(5).await.unwrap(), [sample::id(2)], "the other's may still be answered");
    assert_eq!(second.record(&sample::id(3)).await.unwrap(), Some(sample::record(3)));
    assert_eq!(first.close_intents(7).await.unwrap(), [sample::id(1)]);

    let item = sample::item(4, TRACE, b"x");
    keep(&first, &item, b"x").await.unwrap();
    assert_eq!(second.item(&item.id).await.unwrap().as_ref(), Some(&item));
    assert_eq!(second.reconcile().await.unwrap(), Reconciliation::default(), "its content is on the other's disk");
    let fault = second.content(&item.id).await.err().unwrap();
    assert!(matches!(&fault, StoreFault::OnAnotherNode(node) if node == first.node()), "{fault}");
    assert_eq!(stored(&first, &item.id).await, [TRACE, b"x"].concat());
    assert!(matches!(keep(&second, &item, b"x").await, Err(StoreFault::AlreadyKept)));
}

/// Both decide about the same item at the same moment: one does, and the other hears that it did not.
#[tokio::test]
async fn an_item_is_decided_once() {
    let Some([(_one, first), (_two, second)]) = two().await else { return };
    for number in 1..=20 {
        let item = sample::item(number, TRACE, b"x");
        keep(&first, &item, b"x").await.unwrap();
        let (one, two) = tokio::join!(
            first.settle(&item.id, ItemState::Releasing, 1),
            second.settle(&item.id, ItemState::Deleted, 2)
        );
        let done = [&one, &two].into_iter().filter(|result| result.is_ok()).count();
        assert_eq!(done, 1, "{one:?} {two:?}");
        let state = if one.is_ok() { ItemState::Releasing } else { ItemState::Deleted };
        assert_eq!(second.item(&item.id).await.unwrap().unwrap().state, state);
    }
}

/// Two nodes remove the same day at the same moment, in steps of other sizes: all of it goes, none hears of a deadlock, and no row is
/// counted twice.
#[tokio::test]
async fn a_day_that_two_nodes_remove_goes_once() {
    use crate::record::window;
    let Some([(_one, first), (_two, second)]) = two().await else { return };
    let day = 20_000;
    let of_the_day = |number: u64| {
        let began = window::span_of(day).from + i64::try_from(number).unwrap();
        let id = TransactionId::new(began.unsigned_abs(), u128::from(number) << 16);
        Change::Outcome(Box::new(crate::record::Record { id, began, ..sample::record(number) }))
    };
    let changes: Vec<Change> = (0..2000).map(of_the_day).collect();
    first.load(&changes, JournalPosition { segment: 1, offset: 1 }).await.unwrap();
    let count = "SELECT (SELECT COUNT(*) FROM transactions) + (SELECT COUNT(*) FROM terms)";
    let rows: i64 = sqlx::query_scalar(count).fetch_one(&first.writer).await.unwrap();
    let all = async |store: &Store, step: u32| {
        let mut removed = 0;
        loop {
            match store.remove_of_day(day, step).await.unwrap() {
                0 => return removed,
                some => removed += some,
            }
        }
    };
    let (one, two) = tokio::join!(all(&first, 70), all(&second, 110));
    assert!(one > 0 && two > 0, "{one} {two}");
    assert_eq!(one + two, rows.unsigned_abs());
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&first.writer).await.unwrap(), 0);
}

/// The other node's step is waited for, and its next one sees what was registered here.
#[tokio::test]
async fn a_request_of_one_node_stops_the_removal_of_the_other() {
    use crate::record::{request::tests::request, window};
    let Some([(_one, first), (_two, second)]) = two().await else { return };
    let record = sample::record(1);
    let day = window::day_of(record.began);
    let hold = crate::record::request::Request { span: window::span_of(day), ..request("LAW 1", "noc@tjpa.jus.br") };
    first.load(&[Change::Outcome(Box::new(record))], JournalPosition { segment: 1, offset: 1 }).await.unwrap();
    let mut turn = first.begin().await.unwrap();
    purge::take_turn(&mut turn).await.unwrap();
    let mut opening = std::pin::pin!(second.open_request(&hold));
    assert!(tokio::time::timeout(Duration::from_millis(300), opening.as_mut()).await.is_err());
    turn.commit().await.unwrap();
    assert!(opening.await.unwrap());
    assert_eq!(first.remove_of_day(day, 100).await.unwrap(), 0);
    assert_eq!(first.recent(10).await.unwrap().len(), 1);
}

/// The server has the row and cannot say so any more: content and mark stay, and the next start finds an item with its content.
/// Where it did not get so far, the next start removes both.
#[tokio::test]
async fn a_commit_that_nobody_told_of_costs_no_content() {
    if place::server().is_none() {
        return;
    }
    for committed in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let settings = place::of(folder.path()).await;
        let store = Store::open(settings.clone()).await.unwrap();
        let item = sample::item(1, TRACE, b"x");
        // The connection ends in the middle of the insert.
        let cut = "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS \
                   'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END'; \
                   CREATE TRIGGER cut BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION cut()";
        sqlx::raw_sql(cut).execute(&store.writer).await.unwrap();
        let fault = keep(&store, &item, b"x").await.unwrap_err();
        assert!(!store.is_surely_not_there(&fault, &item.id).await, "it broke off: {fault}");
        assert_eq!(blobs(folder.path()), [item.id.as_str(), item.id.as_str()], "content and mark");
        for unknown in [StoreFault::Database(sqlx::Error::PoolTimedOut), StoreFault::Silent(COMMIT)] {
            assert!(!store.is_surely_not_there(&unknown, &item.id).await);
        }
        sqlx::raw_sql("DROP TRIGGER cut ON items").execute(&store.writer).await.unwrap();
        if committed {
            store.insert(&item, &Keeping::begin(&store.keeping, &item.id)).await.unwrap();
        }
        store.close().await;
        drop(store);
        let store = Store::open(settings).await.unwrap();
        let found = store.reconcile().await.unwrap();
        assert_eq!(found.unfinished, usize::from(!committed), "{found:?}");
        assert_eq!(store.item(&item.id).await.unwrap().is_some(), committed);
        assert_eq!(blobs(folder.path()).len(), usize::from(committed), "{:?}", blobs(folder.path()));
        if committed {
            assert_eq!(stored(&store, &item.id).await, [TRACE, b"x"].concat());
        }
    }
}

/// Commits survive a power cut of the server, whatever its default; readers do not write.
#[tokio::test]
async fn the_servers_commits_are_synced() {
    let Some([(_one, store), _]) = two().await else { return };
    let level: String = sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&store.writer).await.unwrap();
    assert_eq!(level, "on");
    let write = sqlx::query("DELETE FROM items").execute(&store.view.readers_for_test()).await;
    assert!(write.is_err(), "a reader wrote");
}

/// Codes are read as those of whoever said them: PostgreSQL's 22027 is about a text, and would be damage by SQLite's low octet.
#[tokio::test]
async fn damage_is_told_in_the_servers_own_codes() {
    let Some([(_one, store), _]) = two().await else { return };
    for (code, damaged) in [("22027", false), ("XX001", true), ("XX002", true), ("53100", false)] {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION SQLSTATE '{code}'; END $$");
        let fault = sqlx::raw_sql(sqlx::AssertSqlSafe(raise)).execute(&store.writer).await.unwrap_err();
        assert_eq!(matches!(StoreFault::from(fault), StoreFault::Damaged(_)), damaged, "{code}");
    }
}

/// One node deletes what is on the other's disk: the row says so at once, and the octets go where they are.
#[tokio::test]
async fn what_one_node_deletes_another_removes_from_its_disk() {
    let Some([(_one, first), (_two, second)]) = two().await else { return };
    let item = sample::item(1, TRACE, b"x");
    keep(&first, &item, b"x").await.unwrap();
    assert_eq!((first.octets_kept().await.unwrap() > 0, second.octets_kept().await.unwrap()), (true, 0));
    second.delete_item(&item.id, "maria", "LGPD", 5).await.unwrap();
    assert_eq!(first.item(&item.id).await.unwrap().unwrap().state, ItemState::Deleted);
    assert!(first.view.contents().has(&item.id).await.unwrap());
    assert_eq!(first.remove_contents().await.unwrap(), 1, "the other did not note it as removed");
    assert!(!first.view.contents().has(&item.id).await.unwrap());
}

/// Two people ask two nodes for the same release at the same moment: one has it, and only the node with the content sends it.
#[tokio::test]
async fn two_nodes_open_and_send_a_release_once() {
    use crate::record::{
        audit::Actor,
        release::{Asked, ReleaseKind, ReleaseRefusal, Word},
    };
    let Some([(_one, first), (_two, second)]) = two().await else { return };
    let asked = |number| Asked {
        id: sample::id(number),
        kind: ReleaseKind::Original,
        analysts: Vec::new(),
        requested: Word { at: 1, actor: Actor { account: "maria".to_owned(), person: None }, reason: "r".to_owned() },
        copy_of_refused: false,
        again: false,
    };
    for number in 1..=10 {
        let item = sample::item(number, TRACE, b"x");
        keep(&first, &item, b"x").await.unwrap();
        let (one, two) = tokio::join!(
            first.request_release(&item.id, asked(100 + number)),
            second.request_release(&item.id, asked(200 + number))
        );
        let [done, refused] = if one.is_ok() { [one, two] } else { [two, one] };
        let refused = refused.unwrap_err();
        assert!(matches!(refused, OutboxFault::Refused(ReleaseRefusal::AlreadyOpen)), "{refused}");
        assert!(!second.has_due_releases(2).await.unwrap());
        let (ours, theirs) = (first.owner("mx"), second.owner("mx"));
        assert!(second.take_release(theirs, 2, 9).await.unwrap().is_none(), "it cannot read the content");
        let (one, again) = tokio::join!(first.take_release(ours, 2, 9), first.take_release(ours, 2, 9));
        let taken: Vec<_> = [one.unwrap(), again.unwrap()].into_iter().flatten().map(|release| release.id).collect();
        assert_eq!(taken, [done.unwrap().id]);
        let recovered = second.recover_releases(theirs, true, 1000, 3).await.unwrap();
        assert!(recovered.is_empty(), "one host name makes neither's attempt the other's");
    }
}
