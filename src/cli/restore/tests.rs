//! A backup made of a live folder, the folder worked on, and the backup laid out elsewhere.
#![expect(clippy::disallowed_methods, reason = "the tests look at what was laid out")]

use crate::{
    door::backup::tests::{Live, made},
    journal::Journal,
    language::Language,
    record::{
        ItemState, TransactionId,
        audit::{Actor, Event},
        release::{Asked, ReleaseKind, Word},
        sample,
    },
    store::{Store, View, place_of_content},
};

use super::*;

fn style() -> Style {
    Style { json: false, language: Language::En, time_zone: TimeZone::UTC }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn wanted(file: &Path, into: &Path) -> Wanted {
    Wanted {
        file: file.to_owned(),
        into: Some(into.to_owned()),
        logs_only: false,
        audit: None,
        without_later: false,
        key_file: None,
        content_keys: None,
        by: None,
    }
}

fn audit(live: &Live, action: Action, object: &TransactionId, detail: &[(&str, String)]) {
    let detail = detail.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let actor = Actor { account: "root".to_owned(), person: None };
    let event = Event { at: 7, actor, action, object: object.to_string(), detail };
    crate::audit::Trail::open(&live.path("data")).unwrap().append(&event).unwrap();
}

fn asked(number: u64) -> Asked {
    let actor = Actor { account: "maria".to_owned(), person: None };
    let requested = Word { at: 5, actor, reason: "r".to_owned() };
    let (id, kind) = (sample::id(number), ReleaseKind::Original);
    Asked { id, kind, analysts: Vec::new(), requested, copy_of_refused: false, again: false }
}

/// Five items held, one of them being released, a record in the journal; then a backup; then one is deleted, one is released.
struct Case {
    runtime: tokio::runtime::Runtime,
    live: Live,
    ids: Vec<TransactionId>,
    file: PathBuf,
}

fn case() -> Case {
    let runtime = runtime();
    let (live, ids, file) = runtime.block_on(async {
        let live = Live::new().await;
        let mut ids = Vec::new();
        for number in 0..5 {
            ids.push(live.keep(number).await);
        }
        audit(&live, Action::MailboxBlocked, &ids[0], &[]);
        live.store.request_release(&ids[4], asked(54)).await.unwrap();
        let (journal, _) = Journal::open(&live.path("data/journal")).unwrap();
        journal.append_outcome(sample::record(1), true).await.unwrap();
        let file = made(&live.order("a.backup")).await.file;
        (live, ids, file)
    });
    audit(&live, Action::ItemDeleted, &ids[0], &[]);
    let release = |number: u64| ("release", sample::id(number).to_string());
    audit(&live, Action::ReleaseRequested, &ids[1], &[release(51)]);
    audit(&live, Action::Released, &ids[1], &[release(51), ("outcome", "delivered".to_owned())]);
    audit(&live, Action::Released, &ids[4], &[release(54), ("outcome", "delivered".to_owned())]);
    Case { runtime, live, ids, file }
}

impl Case {
    fn states(&self, into: &Path) -> Vec<ItemState> {
        self.runtime.block_on(async {
            let view: View = Store::open_read_only(into.join("data").as_path()).await.unwrap();
            let mut states = Vec::new();
            for id in &self.ids {
                states.push(view.item(id).await.unwrap().unwrap().state);
            }
            states
        })
    }
}

#[test]
fn what_was_deleted_stays_deleted_and_what_was_delivered_is_not_delivered_again() {
    use ItemState::{Deleted, Held, Released};
    let case = case();
    let into = case.live.path("new");
    let told = restore(&wanted(&case.file, &into), &into, &style()).unwrap();
    assert!(told.contains("1 deleted messages stay deleted, 2 releases are over"), "{told}");
    assert_eq!(case.states(&into), [Deleted, Released, Held, Held, Released]);
    let content = |id: &TransactionId| into.join("data/quarantine").join(place_of_content(id)).exists();
    assert!(!content(&case.ids[0]) && content(&case.ids[2]));
    // The record that only the journal had, and the trail of after the backup with what was done now behind it.
    case.runtime.block_on(async {
        let store = Store::open(into.join("data").as_path()).await.unwrap();
        assert!(store.record(&sample::id(1)).await.unwrap().is_some());
        assert!(store.take_release("mx", i64::MAX / 2, i64::MAX).await.unwrap().is_none());
        assert_eq!(store.reconcile().await.unwrap().missing, []);
        store.close().await;
    });
    let trail = std::fs::read_to_string(into.join("data/audit.log")).unwrap();
    assert!(trail.lines().last().unwrap().contains("\"backup_restored\""), "{trail}");
    let mut stored = crate::audit::Stored::open(&into.join("data")).unwrap().unwrap();
    while let Some(step) = stored.next_step().unwrap() {
        assert_eq!(step.flaws, []);
    }
    assert_eq!(stored.finish().flaws, []);
    let again = restore(&wanted(&case.file, &into), &into, &style()).unwrap_err();
    assert!(again.what.en.contains("is not empty"), "{again:?}");
}

/// Without the trail of after the backup it says so, and does nothing unless somebody takes that upon himself.
#[test]
fn what_nobody_knows_is_said_and_has_to_be_taken_upon_oneself() {
    use ItemState::Held;
    let case = case();
    std::fs::rename(case.live.path("data/audit.log"), case.live.path("kept.log")).unwrap();
    let into = case.live.path("new");
    let mut wanted = wanted(&case.file, &into);
    let refused = restore(&wanted, &into, &style()).unwrap_err();
    assert!(refused.what.en.contains("--without-later-deletions"), "{refused:?}");
    assert!(!into.exists() && !beside(&into).exists());
    wanted.without_later = true;
    let told = restore(&wanted, &into, &style()).unwrap();
    assert!(told.contains("IS NOT KNOWN"), "{told}");
    assert_eq!(case.states(&into), [Held; 5], "what may have been sent waits for a person");
    // The trail that was kept elsewhere does as well as one that lies there.
    let (other, mut with) = (case.live.path("other"), wanted);
    with.without_later = false;
    with.audit = Some(case.live.path("kept.log"));
    let told = restore(&with, &other, &style()).unwrap();
    assert!(told.contains("1 deleted messages stay deleted"), "{told}");
    assert_eq!(case.states(&other)[0], ItemState::Deleted);
}

/// The place that the database has in the journal may lie behind the journal's own end: what is written there next is loaded all the same.
#[test]
fn the_journal_goes_on_behind_the_place_that_the_database_has_in_it() {
    let case = case();
    let into = case.live.path("new");
    case.runtime.block_on(async {
        let far = crate::store::JournalPosition { segment: 9, offset: 1 << 20 };
        case.live.store.load(&[], far).await.unwrap();
        made(&case.live.order("b.backup")).await;
    });
    restore(&wanted(&case.live.path("b.backup"), &into), &into, &style()).unwrap();
    case.runtime.block_on(async {
        let store = std::sync::Arc::new(Store::open(into.join("data").as_path()).await.unwrap());
        let (journal, recovery) = Journal::open(&into.join("data/journal")).unwrap();
        assert!(recovery.first_segment > 9, "{recovery:?}");
        journal.append_outcome(sample::record(77), true).await.unwrap();
        let mut loader = crate::door::loader::Loader::new(journal.clone(), store.clone(), &recovery);
        loader.catch_up().await.unwrap();
        assert!(store.record(&sample::id(77)).await.unwrap().is_some());
        journal.close().await;
    });
}

#[test]
fn logs_alone_can_be_searched_and_no_gateway_runs_on_them() {
    let case = case();
    let into = case.live.path("logs");
    let mut wanted = wanted(&case.file, &into);
    wanted.logs_only = true;
    restore(&wanted, &into, &style()).unwrap();
    assert!(into.join("data").join(LOOKING_ONLY).exists() && into.join("portaria.toml").exists());
    case.runtime.block_on(async {
        let view = Store::open_read_only(into.join("data").as_path()).await.unwrap();
        assert!(view.record(&sample::id(1)).await.unwrap().is_some());
        assert!(view.content(&case.ids[2]).await.is_err(), "records, and no mail");
    });
}

/// What a killed restore left is not taken for one, and a file that is refused leaves nothing.
#[test]
fn nothing_half_laid_out_has_the_folders_name() {
    let case = case();
    let into = case.live.path("new");
    std::fs::create_dir(beside(&into)).unwrap();
    let refused = restore(&wanted(&case.file, &into), &into, &style()).unwrap_err();
    assert!(refused.what.en.contains("one was killed"), "{refused:?}");
    std::fs::remove_dir(beside(&into)).unwrap();
    let mut octets = std::fs::read(&case.file).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    std::fs::write(case.live.path("bad"), octets).unwrap();
    let refused = restore(&wanted(&case.live.path("bad"), &into), &into, &style()).unwrap_err();
    let names = ["is refused: database/", "is refused: quarantine/"];
    assert!(names.iter().any(|name| refused.what.en.contains(name)), "{refused:?}");
    assert!(!into.exists() && !beside(&into).exists());
    let (told, exit_code) = check(&wanted(&case.file, &into), case.live.folder.path(), &style()).unwrap();
    assert!(told.starts_with("good: mx, ") && exit_code == 0, "{told}");
}

/// A fault that says nothing of the backup has an exit code of its own, and names what stands in the way: a good one is not thrown away for it.
#[test]
fn what_is_not_the_backups_fault_is_told_as_such() {
    let case = case();
    let mut wanted = wanted(&case.file, &case.live.path("new"));
    let no_folder = case.file.join("tmp");
    let fault = check(&wanted, &no_folder, &style()).unwrap_err();
    assert_eq!(fault.exit, Exit::Usage);
    let folder = no_folder.display().to_string();
    assert!(fault.what.en.contains("may be good") && fault.what.en.contains(&folder), "{fault:?}");
    wanted.key_file = Some(case.live.path("no-such-keys"));
    let fault = check(&wanted, case.live.folder.path(), &style()).unwrap_err();
    assert!(fault.what.en.starts_with("--key-file: ") && fault.what.en.contains("no-such-keys"), "{fault:?}");
    let mut order = case.live.order("sealed.backup");
    order.keys = case.live.keys("k", "one");
    case.runtime.block_on(made(&order));
    let sealed = Wanted { file: case.live.path("sealed.backup"), key_file: None, ..wanted };
    let fault = check(&sealed, case.live.folder.path(), &style()).unwrap_err();
    assert_eq!(fault.exit, Exit::Usage);
    assert!(fault.what.en.contains("the key `one`") && fault.what.en.contains("(--key-file)"), "{fault:?}");
    assert!(!case.live.folder.path().join(format!("portaria-restore-{}.scratch", std::process::id())).exists());
}

/// A plain copy of the database does not stay for ever because the check that made it was killed.
#[test]
fn a_check_removes_what_a_killed_one_left() {
    let case = case();
    let temporary = tempfile::tempdir().unwrap();
    let left = temporary.path().join(format!("{CHECK}1.scratch"));
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("portaria.db"), "subjects, addresses").unwrap();
    let (told, exit_code) = check(&wanted(&case.file, &case.live.path("new")), temporary.path(), &style()).unwrap();
    assert!(told.starts_with("good: mx, ") && exit_code == 0, "{told}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

/// One spoiled message takes no other with it: all are laid out, and it is named each time.
#[test]
fn a_message_that_was_spoiled_before_is_named_and_the_rest_is_restored() {
    let case = case();
    let place = case.live.path("data/quarantine").join(place_of_content(&case.ids[2]));
    let mut octets = std::fs::read(&place).unwrap();
    *octets.last_mut().unwrap() ^= 1;
    std::fs::write(&place, &octets).unwrap();
    case.runtime.block_on(made(&case.live.order("b.backup")));
    let into = case.live.path("new");
    let wanted = wanted(&case.live.path("b.backup"), &into);
    let (told, exit_code) = check(&wanted, case.live.folder.path(), &style()).unwrap();
    assert!(told.contains(&format!("the content of {} is damaged", case.ids[2])) && exit_code == 1, "{told}");
    let told = restore(&wanted, &into, &style()).unwrap();
    assert!(told.contains(&format!("the content of {} is damaged", case.ids[2])), "{told}");
    assert_eq!(case.states(&into)[2..4], [ItemState::Held; 2]);
    assert_eq!(std::fs::read(into.join("data/quarantine").join(place_of_content(&case.ids[2]))).unwrap(), octets);
}

/// Records are wanted, and nothing is to be kept from coming back: another gateway's trail where the backup was made is none of theirs.
#[test]
fn a_trail_of_another_gateway_stands_in_nobodys_way_who_does_without() {
    let case = case();
    std::fs::remove_file(case.live.path("data/audit.log")).unwrap();
    std::fs::remove_file(case.live.path("data/audit.head")).unwrap();
    audit(&case.live, Action::ItemDeleted, &case.ids[3], &[]);
    let into = case.live.path("new");
    let mut wanted = wanted(&case.file, &into);
    let refused = restore(&wanted, &into, &style()).unwrap_err();
    assert!(refused.what.en.contains("another gateway's"), "{refused:?}");
    wanted.without_later = true;
    let told = restore(&wanted, &into, &style()).unwrap();
    assert!(told.contains("a trail was not used: ") && told.contains("IS NOT KNOWN"), "{told}");
    assert_eq!(case.states(&into)[3], ItemState::Held);
    (wanted.without_later, wanted.logs_only) = (false, true);
    let logs = case.live.path("logs");
    assert!(restore(&wanted, &logs, &style()).unwrap().contains("a trail was not used: "));
}
