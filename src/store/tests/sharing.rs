//! Content on its way to a bucket, one that fails, and what is read from there.

use std::{collections::HashSet, sync::Arc};

use object_store::{ObjectStoreExt, path::Path as Key};
use tokio::sync::Notify;

use super::*;
use crate::store::{
    bucket::{
        Bucket,
        faulty::{Fault, Faulty},
    },
    settings::Content,
    sharing::Swept,
};

const SPOOL: u64 = 1 << 20;
const DAY: UnixMillis = 86_400_000;

fn with_bucket(store: &mut Store, bucket: &Faulty) {
    store.view.contents_mut().set_bucket(Bucket::of(Arc::new(bucket.clone()), "held"), SPOOL);
}

async fn shared() -> (tempfile::TempDir, Store, Faulty) {
    let (folder, mut store) = open().await;
    let bucket = Faulty::default();
    with_bucket(&mut store, &bucket);
    (folder, store, bucket)
}

async fn kept(store: &Store, number: u64) -> Item {
    let item = sample::item(number, TRACE, b"Pague ate o dia 10");
    keep(store, &item, b"Pague ate o dia 10").await.unwrap();
    item
}

async fn share(store: &Store) -> Result<usize, StoreFault> {
    let shared = store.share(&HashSet::new()).await?;
    shared.faults.into_iter().next().map_or(Ok(shared.items), |(_, fault)| Err(fault))
}

fn key(id: &TransactionId) -> String {
    format!("held/{}/{id}", &id.as_str()[20..22])
}

/// In one request or in several; the disk has nothing any more, and what is read is what was kept.
#[tokio::test]
async fn held_content_goes_to_the_bucket_and_is_read_from_there() {
    let (folder, store, bucket) = shared().await;
    let small = kept(&store, 1).await;
    assert_eq!(stored(&store, &small.id).await, [TRACE, b"Pague ate o dia 10"].concat(), "not there yet");
    assert_eq!(store.unshared().await.unwrap().items, 1);
    assert_eq!(share(&store).await.unwrap(), 1);
    assert_eq!(bucket.keys().await, [key(&small.id)]);
    assert_eq!(blobs(folder.path()), Vec::<String>::new());
    assert_eq!(stored(&store, &small.id).await, [TRACE, b"Pague ate o dia 10"].concat());
    assert_eq!((store.unshared().await.unwrap(), share(&store).await.unwrap()), (Default::default(), 0));
    assert_eq!(store.reconcile().await.unwrap(), Reconciliation::default(), "it is not missing");
}

#[tokio::test]
async fn long_content_goes_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let plain = Content { compress: false, ..Content::default() };
    let mut store = Store::open(Settings { content: plain, ..place::of(folder.path()).await }).await.unwrap();
    let bucket = Faulty::default();
    store.view.contents_mut().set_bucket(Bucket::of(Arc::new(bucket.clone()), ""), 1 << 30);
    let content = content(17 * 1024 * 1024);
    let item = sample::item(1, TRACE, &content);
    keep(&store, &item, &content).await.unwrap();
    assert_eq!((share(&store).await.unwrap(), bucket.in_parts()), (1, 1));
    assert!(stored(&store, &item.id).await == [TRACE, &content].concat());
}

/// Whatever it does, the disk has the content until the bucket has given it back whole.
#[tokio::test]
async fn a_bucket_that_fails_costs_no_content() {
    let (folder, store, bucket) = shared().await;
    let item = kept(&store, 1).await;
    for fault in [Fault::Away, Fault::Forgets, Fault::Cuts, Fault::Alters] {
        bucket.becomes(fault.clone());
        let said = share(&store).await.unwrap_err();
        assert!(!said.to_string().contains('\n'), "{said}");
        assert_eq!(store.unshared().await.unwrap().items, 1, "{fault:?}");
        assert_eq!(stored(&store, &item.id).await, [TRACE, b"Pague ate o dia 10"].concat(), "{fault:?}");
        // What came in vain is put again.
        bucket.becomes(Fault::None);
        store.view.contents().bucket().unwrap().remove(&item.id).await.unwrap();
    }
    assert_eq!(share(&store).await.unwrap(), 1);
    assert_eq!(blobs(folder.path()), Vec::<String>::new());
}

/// One item whose blob rotted on the disk does not keep the others from the bucket.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test damages the file itself")]
async fn an_item_that_cannot_be_shared_stops_no_other() {
    let (folder, store, bucket) = shared().await;
    let (rotten, good) = (kept(&store, 1).await, kept(&store, 2).await);
    let part = &rotten.id.as_str()[20..22];
    std::fs::write(folder.path().join("quarantine").join(part).join(rotten.id.as_str()), "rotten").unwrap();
    let done = store.share(&HashSet::new()).await.unwrap();
    assert_eq!(done.items, 1);
    assert!(matches!(&done.faults[..], [(id, StoreFault::NotWhatWasKept { .. })] if *id == rotten.id), "{done:?}");
    assert!(bucket.keys().await.contains(&key(&good.id)));
    let later = store.share(&HashSet::from([rotten.id.clone()])).await.unwrap();
    assert_eq!((later.items, later.faults.len()), (0, 0));
}

/// As long as the bucket is away what is held stays here, and not without end: then its sender keeps it.
#[tokio::test]
async fn what_waits_for_the_bucket_is_bounded() {
    let (folder, mut store) = open().await;
    let bucket = Faulty::default();
    store.view.contents_mut().set_bucket(Bucket::of(Arc::new(bucket.clone()), ""), 100);
    bucket.becomes(Fault::Away);
    kept(&store, 1).await;
    kept(&store, 2).await;
    let third = sample::item(3, TRACE, b"Pague ate o dia 10");
    assert!(matches!(keep(&store, &third, b"Pague ate o dia 10").await, Err(StoreFault::SpoolFull)));
    assert_eq!(blobs(folder.path()).len(), 2, "no blob and no mark of it stays");
    bucket.becomes(Fault::None);
    share(&store).await.unwrap();
    store.unshared().await.unwrap();
    kept(&store, 3).await;
}

/// The row comes first and is not taken back; the octets go when the bucket is there. A node that knows no bucket does not note that they went.
#[tokio::test]
async fn a_deletion_is_tried_until_the_bucket_has_done_it() {
    let (folder, mut store, bucket) = shared().await;
    let item = kept(&store, 1).await;
    share(&store).await.unwrap();
    bucket.becomes(Fault::Away);
    store.delete_item(&item.id, "maria", "LGPD", 5).await.unwrap();
    assert_eq!(store.item(&item.id).await.unwrap().unwrap().state, ItemState::Deleted);
    assert!(matches!(store.remove_contents().await, Err(StoreFault::Bucket(_))));
    store.close().await;
    drop(store);
    store = Store::open(place::of(folder.path()).await).await.unwrap();
    assert_eq!(store.remove_contents().await.unwrap(), 0);
    with_bucket(&mut store, &bucket);
    bucket.becomes(Fault::None);
    assert_eq!(store.remove_contents().await.unwrap(), 1);
    assert_eq!(bucket.keys().await, Vec::<String>::new());
    assert_eq!(store.remove_contents().await.unwrap(), 0);
}

/// Deleted while it is on its way: it does not stay there.
#[tokio::test]
async fn what_is_deleted_on_its_way_to_the_bucket_does_not_stay_there() {
    let (_folder, store, bucket) = shared().await;
    let item = kept(&store, 1).await;
    let until = Arc::new(Notify::new());
    bucket.becomes(Fault::Waits(until.clone()));
    let (shared, ()) = tokio::join!(share(&store), async {
        store.delete_item(&item.id, "maria", "LGPD", 5).await.unwrap();
        until.notify_one();
    });
    assert_eq!(shared.unwrap(), 0);
    assert_eq!(bucket.keys().await, Vec::<String>::new());
}

/// A kill between the row and the disk.
#[tokio::test]
async fn what_is_in_the_bucket_is_taken_off_the_disk_at_the_next_start() {
    let (folder, store, bucket) = shared().await;
    let item = kept(&store, 1).await;
    store.view.contents().upload(&item, &Bucket::of(Arc::new(bucket.clone()), "held")).await.unwrap();
    let noted = sqlx::query("UPDATE items SET shared = 1").execute(&store.writer).await.unwrap();
    assert_eq!((noted.rows_affected(), blobs(folder.path()).len()), (1, 1));
    assert_eq!(store.reconcile().await.unwrap(), Reconciliation { gone: 1, ..Reconciliation::default() });
    assert_eq!(blobs(folder.path()), Vec::<String>::new());
    assert_eq!(stored(&store, &item.id).await, [TRACE, b"Pague ate o dia 10"].concat());
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the bucket has the system's time")]
async fn a_look_through_the_bucket_finds_what_a_crash_left() {
    let (_folder, store, bucket) = shared().await;
    let [gone, lost, good] = [kept(&store, 1).await, kept(&store, 2).await, kept(&store, 3).await];
    share(&store).await.unwrap();
    let (nobodys, of_another) = (sample::id(9), "held/readme");
    for name in [key(&nobodys).as_str(), of_another] {
        bucket.put(&Key::from(name), "x".into()).await.unwrap();
    }
    store.delete_item(&gone.id, "maria", "LGPD", 5).await.unwrap();
    bucket.put(&Key::from(key(&gone.id)), "x".into()).await.unwrap();
    bucket.delete(&Key::from(key(&lost.id))).await.unwrap();

    let now = crate::record::unix_millis(std::time::SystemTime::now());
    let found = store.sweep_bucket(now).await.unwrap();
    assert_eq!(found, Swept { gone: 1, orphans: Vec::new(), missing: vec![lost.id.clone()] }, "too young to be judged");
    let found = store.sweep_bucket(now + 2 * DAY).await.unwrap();
    assert_eq!(found, Swept { gone: 0, orphans: vec![nobodys.clone()], missing: vec![lost.id.clone()] });
    assert_eq!(bucket.keys().await, [key(&good.id), format!("held/orphans/{nobodys}"), of_another.to_owned()]);
    assert_eq!(store.sweep_bucket(now + 2 * DAY).await.unwrap().orphans, Vec::new());
    let fault = store.content(&lost.id).await.err().unwrap();
    assert!(matches!(fault, StoreFault::NotInBucket), "{fault}");
}

/// Whoever has the bucket can exchange what is in it, and is found out.
#[tokio::test]
async fn what_was_exchanged_in_the_bucket_is_not_given_out() {
    let (_folder, store, bucket) = shared().await;
    let (one, other) = (kept(&store, 1).await, sample::item(2, TRACE, b"Pague ate o dia 11"));
    keep(&store, &other, b"Pague ate o dia 11").await.unwrap();
    share(&store).await.unwrap();
    bucket.copy(&Key::from(key(&other.id)), &Key::from(key(&one.id))).await.unwrap();
    let read: Result<Vec<Bytes>, StoreFault> = store.content(&one.id).await.unwrap().try_collect().await;
    assert!(matches!(read, Err(StoreFault::NotWhatWasKept { what: "SHA-256" })), "{read:?}");
}

/// A bucket of another database is left alone; and this database's content is in one bucket.
#[tokio::test]
async fn a_bucket_belongs_to_one_database() {
    let (_folder, mut store, bucket) = shared().await;
    store.claim_bucket().await.unwrap();
    store.claim_bucket().await.unwrap();
    let (_other_folder, other, _) = shared().await;
    let mut other = other;
    with_bucket(&mut other, &bucket);
    assert!(matches!(other.claim_bucket().await, Err(StoreFault::OtherBucket { .. })));
    kept(&store, 1).await;
    share(&store).await.unwrap();
    with_bucket(&mut store, &Faulty::default());
    assert!(matches!(store.claim_bucket().await, Err(StoreFault::OtherBucket { .. })), "what it holds is elsewhere");
    with_bucket(&mut store, &bucket);
    store.claim_bucket().await.unwrap();
}

/// Two people ask two nodes for the same release at the same moment, and either node can read the content: one of them sends it.
#[tokio::test]
async fn two_nodes_with_one_bucket_send_a_release_once() {
    use crate::record::{
        audit::Actor,
        release::{Asked, ReleaseKind, Word},
    };
    let Some([(_one, mut first), (_two, mut second)]) = server::two().await else { return };
    let bucket = Faulty::default();
    with_bucket(&mut first, &bucket);
    assert!(!second.has_bucket());
    for number in 1..=20 {
        let item = kept(&first, number).await;
        let asked = |number| Asked {
            id: sample::id(number),
            kind: ReleaseKind::Original,
            analysts: Vec::new(),
            requested: Word {
                at: 1,
                actor: Actor { account: "maria".to_owned(), person: None },
                reason: "r".to_owned(),
            },
            copy_of_refused: false,
            again: false,
        };
        let (one, two) = tokio::join!(
            first.request_release(&item.id, asked(100 + number)),
            second.request_release(&item.id, asked(200 + number))
        );
        assert!(one.is_ok() != two.is_ok());
        assert!(!second.has_due_releases(2).await.unwrap(), "it is not there yet, or the node knows no bucket");
        share(&first).await.unwrap();
        assert!(!second.has_due_releases(2).await.unwrap(), "the node knows no bucket");
        with_bucket(&mut second, &bucket);
        assert_eq!(stored(&second, &item.id).await, [TRACE, b"Pague ate o dia 10"].concat());
        let (one, two) = tokio::join!(first.take_release("mx", 2, 9), second.take_release("mx", 2, 9));
        assert!(one.unwrap().is_some() != two.unwrap().is_some());
        second.view.contents_mut().forget_bucket();
    }
}

/// Its content was removed before it could be read: no fault of anybody's.
#[tokio::test]
async fn what_is_deleted_before_it_is_read_for_the_bucket_is_no_fault() {
    let (_folder, store, bucket) = shared().await;
    let item = kept(&store, 1).await;
    let other = kept(&store, 2).await;
    store.view.contents().remove_for_ever(&item.id).await.unwrap();
    assert!(share(&store).await.is_err(), "content that is wanted and gone");
    store.delete_item(&item.id, "maria", "LGPD", 5).await.unwrap();
    let there = Bucket::of(Arc::new(bucket.clone()), "held");
    store.view.contents().upload(&item, &there).await.expect_err("it is gone");
    assert!(!store.share_one(&there, &item.id).await.unwrap());
    assert_eq!(bucket.keys().await, [key(&other.id)]);
}
