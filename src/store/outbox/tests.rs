//! The outbox against a real database: who may send is decided by rows, whatever else happens.

use bytes::Bytes;
use futures_util::stream;

use super::*;
use crate::{
    record::{Item, audit::Actor, sample},
    store::Filter,
};

const NODE: &str = "mx1.tjpa.jus.br";
const PATIENCE: UnixMillis = 48 * 3_600_000;

async fn store(folder: &tempfile::TempDir) -> Store {
    Store::open(crate::store::place::of(folder.path()).await).await.unwrap()
}

async fn keep(store: &Store, item: &Item) {
    let content = stream::iter([Ok(Bytes::from_static(b"x"))]);
    store.keep(item, content).await.unwrap();
}

/// A held item of one recipient, whose release is asked for.
async fn asked_for() -> (tempfile::TempDir, Store, Item) {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let item = item(&["a@tjpa.jus.br"]);
    keep(&store, &item).await;
    store.request_release(&item.id, asked(100)).await.unwrap();
    (folder, store, item)
}

fn item(recipients: &[&str]) -> Item {
    let mut item = sample::item(1, b"", b"x");
    item.recipients = recipients.iter().map(|address| (*address).to_owned()).collect();
    item
}

fn actor(account: &str) -> Actor {
    Actor { account: account.to_owned(), person: None }
}

fn asked(number: u64) -> Asked {
    Asked {
        id: sample::id(number),
        kind: ReleaseKind::Original,
        analysts: Vec::new(),
        requested: word(10, "maria"),
        copy_of_refused: false,
        again: false,
    }
}

fn word(at: UnixMillis, account: &str) -> Word {
    Word { at, actor: actor(account), reason: "pedido do destinatário".to_owned() }
}

fn heard(state: RecipientState) -> Vec<Heard> {
    vec![Heard { recipient: 0, state, said: "said".to_owned() }]
}

async fn state_of(store: &Store, item: &Item) -> ItemState {
    store.item(&item.id).await.unwrap().unwrap().state
}

#[tokio::test]
async fn a_release_from_the_request_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let item = item(&["a@tjpa.jus.br"]);
    keep(&store, &item).await;
    let release = store.request_release(&item.id, asked(100)).await.unwrap();
    assert_eq!(state_of(&store, &item).await, ItemState::Releasing);
    assert_eq!(store.release(&release.id).await.unwrap().as_ref(), Some(&release));
    assert_eq!(store.find_release(&release.id.as_str()[20..]).await.unwrap(), release.id);

    assert!(store.take_release(NODE, 9, 50).await.unwrap().is_none(), "it is not due yet");
    let taken = store.take_release(NODE, 10, 50).await.unwrap().unwrap();
    assert_eq!((taken.state, taken.attempts, taken.owner.as_deref()), (ReleaseState::Sending, 1, Some(NODE)));
    assert!(store.take_release("mx2", 10, 50).await.unwrap().is_none(), "and nobody else's");
    assert!(store.may_dot(&taken, &[0], 50).await.unwrap());
    let (after, next) =
        store.conclude_attempt(&taken, heard(RecipientState::Delivered), PATIENCE, 20).await.unwrap().unwrap();
    assert_eq!((next, after.state), (Next::Over(ReleaseState::Delivered), ReleaseState::Delivered));
    assert_eq!(state_of(&store, &item).await, ItemState::Released);
    assert!(store.releases(true).await.unwrap().is_empty());
    assert_eq!(store.releases(false).await.unwrap().len(), 1);
}

/// The row decides: of many who ask for the same item at the same moment, one is heard.
#[tokio::test]
async fn two_releases_of_one_item_at_the_same_moment_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let item = item(&["a@tjpa.jus.br"]);
    keep(&store, &item).await;
    let asking = (0..20).map(|number| store.request_release(&item.id, asked(100 + number)));
    let answers = futures_util::future::join_all(asking).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let refused = |answer: &&Result<Release, OutboxFault>| {
        matches!(answer, Err(OutboxFault::Refused(ReleaseRefusal::AlreadyOpen)))
    };
    assert_eq!(answers.iter().filter(refused).count(), 19);

    let taking = (0..20).map(|_| store.take_release(NODE, 10, 50));
    let taken = futures_util::future::join_all(taking).await;
    assert_eq!(taken.into_iter().filter(|taken| matches!(taken, Ok(Some(_)))).count(), 1);
}

/// What the index forbids even where the state of the item says nothing: another schema of states must not double a release.
#[tokio::test]
async fn the_index_forbids_a_second_open_release() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let item = item(&["a@tjpa.jus.br"]);
    keep(&store, &item).await;
    let release = store.request_release(&item.id, asked(100)).await.unwrap();
    let second = Release { id: sample::id(101), ..release };
    let mut connection = store.writer.acquire().await.unwrap();
    assert!(release_rows::insert(&mut connection, &second).await.is_err());
}

/// Who was slow, or was set back in time, may have talked to the next hop for nothing: its dot does not go out, and what it heard
/// changes nothing.
#[tokio::test]
async fn who_lost_the_release_gets_no_dot() {
    let (_folder, store, item) = asked_for().await;
    let slow = store.take_release("mx1", 10, 50).await.unwrap().unwrap();
    assert!(store.recover_releases("mx2", false, PATIENCE, 50).await.unwrap().is_empty(), "its time is not over");
    assert_eq!(store.recover_releases("mx2", false, PATIENCE, 51).await.unwrap().len(), 1);
    let quick = store.take_release("mx2", 51, 100).await.unwrap().unwrap();
    assert!(!store.may_dot(&slow, &[0], 50).await.unwrap());
    assert!(store.may_dot(&quick, &[0], 100).await.unwrap());
    let late = store.conclude_attempt(&slow, heard(RecipientState::Refused), PATIENCE, 60).await.unwrap();
    assert_eq!(late, None);
    store.conclude_attempt(&quick, heard(RecipientState::Delivered), PATIENCE, 61).await.unwrap().unwrap();
    assert_eq!(state_of(&store, &item).await, ItemState::Released);
}

/// The same node, taken up twice: the earlier attempt's dot is another one's.
#[tokio::test]
async fn an_earlier_attempt_of_ones_own_gets_no_dot() {
    let (_folder, store, _) = asked_for().await;
    let first = store.take_release(NODE, 10, 50).await.unwrap().unwrap();
    store.recover_releases(NODE, true, PATIENCE, 11).await.unwrap();
    let second = store.take_release(NODE, 11, 51).await.unwrap().unwrap();
    assert!(!store.may_dot(&first, &[0], 50).await.unwrap());
    assert!(store.may_dot(&second, &[0], 50).await.unwrap());
}

/// What a kill leaves: without a dot it is sent again, with one nobody knows, and the item waits for a person.
#[tokio::test]
async fn a_kill_is_read_from_the_row() {
    for dotted in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let item = item(&["a@tjpa.jus.br"]);
        {
            let store = store(&folder).await;
            keep(&store, &item).await;
            store.request_release(&item.id, asked(100)).await.unwrap();
            let taken = store.take_release(NODE, 10, 50).await.unwrap().unwrap();
            if dotted {
                assert!(store.may_dot(&taken, &[0], 50).await.unwrap());
            }
            store.close().await;
        }
        let store = store(&folder).await;
        let recovered = store.recover_releases(NODE, true, PATIENCE, 5).await.unwrap();
        let (release, next) = &recovered[0];
        if dotted {
            assert_eq!((release.state, *next), (ReleaseState::Unknown, Next::Over(ReleaseState::Unknown)));
            assert!(release.said.contains("stopped before the next hop answered"), "{}", release.said);
            assert_eq!(state_of(&store, &item).await, ItemState::Held);
            assert!(store.take_release(NODE, 10, 50).await.unwrap().is_none(), "nobody sends it by himself");
            let again = store.request_release(&item.id, asked(101)).await;
            assert!(matches!(again, Err(OutboxFault::Refused(ReleaseRefusal::MayBeDelivered))));
            assert_eq!(state_of(&store, &item).await, ItemState::Held, "a refused request leaves no trace");
            assert!(store.request_release(&item.id, Asked { again: true, ..asked(102) }).await.is_ok());
        } else {
            assert_eq!(*next, Next::Again(0));
            assert!(store.take_release(NODE, 5, 50).await.unwrap().is_some(), "at once");
        }
    }
}

#[tokio::test]
async fn a_virus_waits_for_a_second_person() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let item = Item { class: ItemClass::Virus, ..item(&["a@tjpa.jus.br"]) };
    keep(&store, &item).await;
    let release = store.request_release(&item.id, asked(100)).await.unwrap();
    assert_eq!(release.state, ReleaseState::Requested);
    assert!(store.take_release(NODE, 99, 100).await.unwrap().is_none(), "not before it is approved");
    let same = store.decide_release(&release.id, true, word(20, "maria")).await;
    assert!(matches!(same, Err(OutboxFault::Refused(ReleaseRefusal::SamePerson))));
    let denied = store.decide_release(&release.id, false, word(20, "joao")).await.unwrap();
    assert_eq!((denied.state, state_of(&store, &item).await), (ReleaseState::Denied, ItemState::Held));
    let twice = store.decide_release(&release.id, true, word(21, "joao")).await;
    assert!(matches!(twice, Err(OutboxFault::Refused(ReleaseRefusal::NotWaiting))));

    let release = store.request_release(&item.id, asked(101)).await.unwrap();
    store.decide_release(&release.id, true, word(30, "joao")).await.unwrap();
    let taken = store.take_release(NODE, 30, 50).await.unwrap().unwrap();
    assert_eq!(taken.decided, Some(word(30, "joao")));
}

/// Released by mistake, and the next hop is down: it is stopped between two attempts, and not while it is sent.
#[tokio::test]
async fn what_is_tried_again_is_stopped() {
    let (_folder, store, item) = asked_for().await;
    let taken = store.take_release(NODE, 10, 50).await.unwrap().unwrap();
    let now = store.decide_release(&taken.id, false, word(11, "joao")).await;
    assert!(matches!(now, Err(OutboxFault::Refused(ReleaseRefusal::NotWaiting))), "it is being sent");
    store.conclude_attempt(&taken, heard(RecipientState::Open), PATIENCE, 20).await.unwrap().unwrap();
    let stopped = store.decide_release(&taken.id, false, word(21, "joao")).await.unwrap();
    assert_eq!((stopped.state, state_of(&store, &item).await), (ReleaseState::Denied, ItemState::Held));
    assert!(store.take_release(NODE, i64::MAX, i64::MAX).await.unwrap().is_none());
    store.delete_item(&item.id, "joao", "por engano", 22).await.unwrap();
}

/// Infected since it was held: the class is virus, and the release waits for somebody else.
#[tokio::test]
async fn what_is_infected_by_now_waits() {
    let (_folder, store, _) = asked_for().await;
    let taken = store.take_release(NODE, 10, 50).await.unwrap().unwrap();
    assert!(store.infected_by_now(&taken, "Eicar-Test-Signature").await.unwrap());
    assert!(!store.may_dot(&taken, &[0], 50).await.unwrap());
    let virus = store.items(Filter { class: Some(ItemClass::Virus), ..Filter::default() }).await.unwrap();
    assert_eq!((virus.len(), virus[0].state), (1, ItemState::Releasing));
    assert_eq!(virus[0].signature(), Some("Eicar-Test-Signature"), "a search for it finds it");
    assert!(store.take_release(NODE, 99, 100).await.unwrap().is_none());
    store.decide_release(&taken.id, true, word(60, "joao")).await.unwrap();
    assert!(store.take_release(NODE, 60, 100).await.unwrap().is_some());
}

/// A clock that is set back must not put a release to sleep.
#[tokio::test]
async fn a_clock_that_is_set_back_does_not_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let item = item(&["a@tjpa.jus.br"]);
    keep(&store, &item).await;
    let year = 365 * 24 * 3_600_000;
    let mut later = asked(100);
    later.requested.at = 2 * year;
    store.request_release(&item.id, later).await.unwrap();
    assert!(store.take_release(NODE, year, year + 1).await.unwrap().is_some());
}

/// The content is on one node's disk, and that one sends it; what another one is sending is no earlier run of ours.
#[tokio::test]
async fn a_release_is_sent_by_the_node_that_has_its_content() {
    let (_folder, store, _) = asked_for().await;
    let node = async |name: &str| {
        let moved = sqlx::query("UPDATE items SET node = $1").bind(name.to_owned());
        moved.execute(&store.writer).await.unwrap();
    };
    let ours = store.node().to_owned();
    node("mx2").await;
    assert!(!store.has_due_releases(10).await.unwrap(), "it would be looked for without end");
    assert!(store.take_release(NODE, 10, 50).await.unwrap().is_none());
    node(&ours).await;
    assert!(store.has_due_releases(10).await.unwrap());
    store.take_release(NODE, 10, 50).await.unwrap().unwrap();

    sqlx::query("UPDATE releases SET owner = 'mx2'").execute(&store.writer).await.unwrap();
    assert!(store.recover_releases(NODE, true, PATIENCE, 20).await.unwrap().is_empty(), "the other is at it");
    assert_eq!(store.recover_releases(NODE, false, PATIENCE, 51).await.unwrap().len(), 1, "its time is over");
}

/// Somebody who took a release for abandoned, and came too late, changes nothing: a dot may be out by now.
#[tokio::test]
async fn an_attempt_that_went_on_is_not_taken_over() {
    let (_folder, store, _) = asked_for().await;
    let taken = store.take_release(NODE, 10, 50).await.unwrap().unwrap();
    assert!(store.may_dot(&taken, &[0], 90).await.unwrap());
    assert!(store.conclude(Of::Nobody, &taken, Vec::new(), PATIENCE, 60).await.unwrap().is_none());
    let present = store.release(&taken.id).await.unwrap().unwrap();
    assert_eq!((present.state, present.dotted), (ReleaseState::Sending, true));
}
