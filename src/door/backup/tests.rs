//! A whole data folder into a backup and read back, while it is written; and every way in which the file can be bad.
#![expect(clippy::disallowed_methods, reason = "the tests make the folders, and damage the file themselves")]

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _};

use bytes::Bytes;
use futures_util::stream;
use tempfile::TempDir;

use super::*;
use crate::{
    journal::Journal,
    record::{Item, TransactionId, sample},
    store::{Store, place_of_content, settings::Settings},
};

const TRACE: &[u8] = b"Received: from mx.example\r\n";

/// A `data_dir` and rules, as a gateway leaves them.
pub(crate) struct Live {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
}

impl Live {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir_all(folder.path().join("rules/subjects")).unwrap();
        fs::write(folder.path().join("rules/subjects/a.toml"), "# rule\n").unwrap();
        fs::write(folder.path().join("rules/.hidden"), "an editor's").unwrap();
        fs::write(folder.path().join("portaria.toml"), "[gateway]\nhostname = \"mx\"\n").unwrap();
        let mut settings = Settings::from(data.as_path());
        change(&mut settings);
        let store = Store::open(settings).await.unwrap();
        Self { folder, store }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn keep(&self, number: u64) -> TransactionId {
        let item = Self::item(number);
        let content = stream::iter([Ok(Bytes::from_static(TRACE)), Ok(Bytes::from_static(b"Subject: x\r\n\r\nx"))]);
        self.store.keep(&item, content).await.unwrap();
        item.id
    }

    /// Of so many octets that do not pack.
    pub(crate) async fn keep_long(&self, number: u64, octets: usize) -> TransactionId {
        let mut content = vec![0; octets];
        aws_lc_rs::rand::fill(&mut content).unwrap();
        let item = sample::item(number, TRACE, &content);
        let content = stream::iter([Ok(Bytes::from_static(TRACE)), Ok(Bytes::from(content))]);
        self.store.keep(&item, content).await.unwrap();
        item.id
    }

    pub(crate) fn item(number: u64) -> Item {
        sample::item(number, TRACE, b"Subject: x\r\n\r\nx")
    }

    pub(crate) fn order(&self, to: &str) -> Order {
        Order {
            sources: Sources {
                hostname: "mx".to_owned(),
                data_dir: self.path("data"),
                rules_dir: self.path("rules"),
                outside: Vec::new(),
                configuration: self.path("portaria.toml"),
                secrets: Vec::new(),
                content_keys: Arc::default(),
            },
            to: self.path(to),
            at: 1_700_000_000_000,
            keys: Arc::default(),
            pace: Duration::ZERO,
        }
    }

    pub(crate) fn keys(&self, name: &str, id: &str) -> Arc<Keys> {
        let file = self.path(name);
        let digit = id.len() % 10;
        fs::write(&file, format!("{id} {}\n", digit.to_string().repeat(64))).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        Store::read_keys(&file).unwrap()
    }
}

pub(crate) async fn made(order: &Order) -> Made {
    make(order, &Arc::default()).await.unwrap()
}

async fn tried(file: &Path, keys: &Arc<Keys>) -> Result<Tried, Fault> {
    let scratch = Scratch::beside(&file.with_extension("trial")).unwrap();
    trial(file, keys, &Arc::default(), &scratch, &Arc::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_was_acknowledged_is_in_it_and_nothing_stays_beside_it() {
    let live = Live::new().await;
    let (journal, _) = Journal::open(&live.path("data/journal")).unwrap();
    journal.append_outcome(sample::record(1), true).await.unwrap();
    let (held, deleted) = (live.keep(1).await, live.keep(2).await);
    live.store.delete_item(&deleted, "m", "w", 5).await.unwrap();
    // A line that is being written.
    let segment = live.path("data/journal/0000000001.journal");
    fs::OpenOptions::new().append(true).open(segment).unwrap().write_all(b"{\"outc").unwrap();
    let made = made(&live.order("a.backup")).await;
    let names: Vec<&str> = made.tried.manifest.entries.iter().map(|line| line.name.as_str()).collect();
    let content = format!("quarantine/{}", place_of_content(&held));
    let expected = [
        "journal/0000000001.journal",
        "database/portaria.db",
        content.as_str(),
        "rules/subjects/a.toml",
        "configuration/portaria.toml",
    ];
    assert_eq!(names, expected, "the journal before the database, the database before content; no editor's file");
    assert_eq!((made.tried.contents, made.tried.manifest.gone.len()), (1, 0));
    let opened = Opened::open(&made.file, Arc::default()).unwrap();
    let mut read = Vec::new();
    let is_journal = |name: &str| name.starts_with("journal/");
    let gather = |_: &crate::backup::Line, part: Part<'_>| {
        if let Part::Piece(piece) = part {
            read.extend_from_slice(piece);
        }
        Ok(())
    };
    opened.each(&Progress::default(), is_journal, gather).unwrap();
    assert!(read.ends_with(b"}\n") && !read.is_empty(), "whole lines only");
    let mut left: Vec<_> = fs::read_dir(live.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["a.backup", "data", "portaria.toml", "rules"]);
    assert!(matches!(make(&live.order("a.backup"), &Arc::default()).await, Err(Fault::File(BackupFault::Exists(_)))));
}

/// Messages are held and deleted while it is made: each message of before is in it, or known as deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_beside_writers_is_of_one_moment() {
    let live = Arc::new(Live::new().await);
    let mut before = Vec::new();
    for number in 0..60 {
        before.push(live.keep(number).await);
    }
    let (writing, to_delete) = (live.clone(), before[..30].to_vec());
    let writer = tokio::spawn(async move {
        for (number, id) in (1_000..).zip(to_delete) {
            writing.keep(number).await;
            writing.store.delete_item(&id, "m", "w", 5).await.unwrap();
        }
    });
    let made = made(&live.order("a.backup")).await;
    writer.await.unwrap();
    let manifest = &made.tried.manifest;
    assert!(manifest.missing.is_empty(), "{:?}", manifest.missing);
    for id in &before[30..] {
        assert!(manifest.line(&format!("quarantine/{}", place_of_content(id))).is_some(), "{id}");
    }
}

/// What the trial of a backup has no key for is counted; what the disk has lost is named; neither hides the rest.
#[tokio::test(flavor = "multi_thread")]
async fn content_that_cannot_be_opened_or_is_lost_is_told() {
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("keys");
    fs::write(&file, format!("k1 {}\n", "1".repeat(64))).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let live = Live::with(|settings| settings.content.keys = Some(file.clone())).await;
    let (_, lost) = (live.keep(1).await, live.keep(2).await);
    fs::remove_file(live.path("data/quarantine").join(place_of_content(&lost))).unwrap();
    let mut order = live.order("a.backup");
    let without = made(&order).await.tried;
    assert_eq!((without.contents, without.unopened["k1"]), (0, 1));
    assert_eq!(without.manifest.missing, [lost.to_string()]);
    order.to = live.path("b.backup");
    order.sources.content_keys = Store::read_keys(&file).unwrap();
    let with = made(&order).await.tried;
    assert_eq!((with.contents, with.unopened.len()), (1, 0));
}

/// A message that the disk has spoiled is copied as it is, and named; whoever reads the backup back is told, too. All others are in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_spoiled_message_is_named_and_keeps_no_other_from_being_copied() {
    let live = Live::new().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(live.keep(number).await);
    }
    let place = |id: &TransactionId| live.path("data/quarantine").join(place_of_content(id));
    let whole = fs::read(place(&ids[0])).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(place(&ids[0]), &flipped).unwrap();
    fs::write(place(&ids[2]), &whole[..whole.len() / 2]).unwrap();
    let made = made(&live.order("a.backup")).await;
    let expected = [ids[0].to_string(), ids[2].to_string()];
    assert_eq!(
        (made.tried.contents, &made.tried.manifest.damaged[..], &made.tried.damaged[..]),
        (2, &expected[..], &expected[..])
    );
    assert_eq!(tried(&made.file, &Arc::default()).await.unwrap().damaged, expected);
    // What could be read of it is there.
    let opened = Opened::open(&made.file, Arc::default()).unwrap();
    let into = live.path("back");
    trial::extract(&opened, &Progress::default(), &trial::entry_of_content(&ids[0]), &into).unwrap();
    assert_eq!(fs::read(into).unwrap(), flipped);
}

/// What was good when it was copied has to come back: a manifest that does not know of damage vouches for that.
#[tokio::test(flavor = "multi_thread")]
async fn damage_that_was_not_there_when_it_was_copied_is_no_backup() {
    let live = Live::new().await;
    let id = live.keep(1).await;
    let mut tried = made(&live.order("a.backup")).await.tried;
    assert!(make::must_be_known(&tried).is_ok());
    tried.damaged.push(id.to_string());
    let fault = make::must_be_known(&tried).unwrap_err().to_string();
    assert!(fault.starts_with(id.as_str()), "{fault}");
    tried.manifest.damaged.push(id.to_string());
    assert!(make::must_be_known(&tried).is_ok());
}

/// Whoever stops it waits for no longer than a piece takes, and nothing of it stays.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_stopped_ends_at_once_and_leaves_nothing() {
    let live = Live::new().await;
    live.keep_long(1, 8 << 20).await;
    let mut order = live.order("a.backup");
    order.pace = Duration::from_millis(200);
    let progress = Arc::new(Progress::default());
    let watched = progress.clone();
    let making = tokio::spawn(async move { make(&order, &watched).await });
    while progress.so_far().0 < 2 << 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    progress.stop();
    let ended = tokio::time::timeout(Duration::from_millis(700), making).await.expect("at the next piece").unwrap();
    assert!(matches!(ended, Err(Fault::Stopped)), "{ended:?}");
    let mut left: Vec<_> = fs::read_dir(live.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["data", "portaria.toml", "rules"]);
}

/// Its room is there for content.
#[tokio::test(flavor = "multi_thread")]
async fn the_copy_of_the_database_is_gone_once_it_is_packed() {
    let live = Live::new().await;
    Store::copy_database(&live.path("data"), live.folder.path()).await.unwrap();
    let mut writer = crate::backup::Writer::begin(&live.path("b.backup")).unwrap();
    let packing = pack::Packing { keys: Arc::default(), pace: Duration::ZERO, progress: Arc::default() };
    make::put_database(&mut writer, &packing, &live.path("portaria.db")).unwrap();
    assert!(!live.path("portaria.db").exists() && writer.lines()[0].size > 4096);
}

/// A journal that cannot be read is not left out in silence, and a long segment is not cut.
#[tokio::test(flavor = "multi_thread")]
async fn the_journal_is_copied_whole_or_not_at_all() {
    let live = Live::new().await;
    let folder = live.path("data/journal");
    fs::create_dir_all(&folder).unwrap();
    let segment = fs::File::create(folder.join("0000000001.journal")).unwrap();
    segment.set_len(70 << 20).unwrap();
    (&segment).write_all(b"{}\n").unwrap();
    std::os::unix::fs::FileExt::write_all_at(&segment, b"\n{}\n{\"outc", (65 << 20) - 1).unwrap();
    segment.set_len((65 << 20) + 9).unwrap();
    let made = made(&live.order("a.backup")).await;
    assert_eq!(made.tried.manifest.entries[0].size, (65 << 20) + 3);
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "no folder").unwrap();
    let fault = make(&live.order("b.backup"), &Arc::default()).await.unwrap_err();
    assert!(fault.to_string().starts_with(&folder.display().to_string()), "{fault}");
}

/// The first thing that a backup does. One that is being written is somebody's.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_one_left_goes_before_the_next_is_made() {
    let live = Live::new().await;
    let shelf = crate::backup::Shelf::at(live.folder.path());
    let name = |at: i64, ending: &str| crate::backup::beside(&shelf.place(at), ending);
    fs::create_dir(name(1_000, "scratch")).unwrap();
    fs::write(name(1_000, "scratch").join("portaria.db"), "subjects").unwrap();
    fs::write(name(1_000, "part"), "half").unwrap();
    let other = crate::backup::Writer::begin(&shelf.place(2_000)).unwrap();
    made(&live.order("a.backup")).await;
    assert!(!name(1_000, "scratch").exists() && !name(1_000, "part").exists() && name(2_000, "part").exists());
    drop(other);
}

/// Octets that were changed anywhere, and a file that was cut anywhere, are told, with the entry's name; encrypted or not.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_octet_or_a_cut_is_refused_by_the_name_of_the_entry() {
    let live = Live::new().await;
    live.keep(1).await;
    for (name, keys) in [("plain.backup", Arc::default()), ("sealed.backup", live.keys("k", "one"))] {
        let mut order = live.order(name);
        order.keys = keys.clone();
        let file = made(&order).await.file;
        let whole = fs::read(&file).unwrap();
        let index = crate::backup::Index::read(&file).unwrap();
        let names: Vec<String> = index.places().iter().map(|place| place.name.clone()).collect();
        let bad = live.path("bad");
        let original = Opened::open(&file, keys.clone()).unwrap().manifest().clone();
        // zstd has a bit in the header of a frame that nobody reads (RFC 8878 §3.1.1.1.1.4): what comes out is what was written.
        let mut unread = 0;
        let mut refused = |octets: &[u8], what: String| {
            fs::write(&bad, octets).unwrap();
            let read = Opened::open(&bad, keys.clone()).and_then(|opened| {
                opened.each(&Progress::default(), |_| true, |_, _| Ok(()))?;
                Ok(opened.manifest().clone())
            });
            match read {
                Ok(manifest) => {
                    assert_eq!(manifest, original, "{what}");
                    unread += 1;
                }
                Err(fault) => {
                    let fault = fault.to_string();
                    let named = names.iter().any(|name| fault.contains(name.as_str()));
                    assert!(named || fault.contains("the beginning") || fault.contains("no backup"), "{what}: {fault}");
                }
            }
        };
        for at in (0..whole.len()).step_by(whole.len() / 700).chain(0..600) {
            let mut octets = whole.clone();
            octets[at] ^= 0x10;
            refused(&octets, format!("{name}: octet {at}"));
        }
        for length in (0..whole.len()).step_by(whole.len() / 60) {
            refused(&whole[..length], format!("{name}: {length} octets"));
        }
        assert!(unread <= names.len() && (name == "plain.backup" || unread == 0), "{name}: {unread} were not seen");
        tried(&file, &keys).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_backup_opens_with_its_key_alone_and_a_plain_one_does_not_stand_in_for_it() {
    let live = Live::new().await;
    live.keep(1).await;
    let (one, other) = (live.keys("one", "one"), live.keys("other", "three"));
    let mut order = live.order("sealed.backup");
    order.keys = one.clone();
    let sealed = made(&order).await.file;
    assert!(tried(&sealed, &one).await.is_ok());
    for keys in [other, Arc::default()] {
        let fault = tried(&sealed, &keys).await.unwrap_err().to_string();
        assert!(fault.contains("encrypted with the key `one`"), "{fault}");
    }
    let octets = fs::read(&sealed).unwrap();
    for secret in ["Subject", "# rule", "SQLite"] {
        assert!(memchr::memmem::find(&octets, secret.as_bytes()).is_none(), "{secret}");
    }
    let plain = made(&live.order("plain.backup")).await.file;
    assert!(matches!(tried(&plain, &one).await, Err(Fault::NotEncrypted(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_a_later_schema_is_refused_before_anything_is_opened() {
    let live = Live::new().await;
    let file = made(&live.order("a.backup")).await.file;
    let opened = Opened::open(&file, Arc::default()).unwrap();
    let mut manifest = opened.manifest().clone();
    manifest.schema = 999;
    manifest.entries.retain(|line| line.name.starts_with("configuration/"));
    let file = with_one_entry(&live, &manifest);
    assert!(matches!(tried(&file, &Arc::default()).await, Err(Fault::Schema { found: 999, .. })));
}

/// What the database unpacks to is known beforehand: a disk without room for it is told as that, with its folder, and not as a bad backup.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_for_the_trial_is_told_with_its_folder() {
    let live = Live::new().await;
    let file = made(&live.order("a.backup")).await.file;
    let mut manifest = Opened::open(&file, Arc::default()).unwrap().manifest().clone();
    manifest.entries.retain(|line| line.name == trial::DATABASE);
    manifest.entries[0].size = 1 << 60;
    let file = with_one_entry(&live, &manifest);
    let fault = tried(&file, &Arc::default()).await.unwrap_err();
    assert!(fault.is_ours() && fault.to_string().contains(".scratch/trial: 1152921504606846976 octets"), "{fault}");
}

/// A file with that manifest, and an entry for its first line.
fn with_one_entry(live: &Live, manifest: &crate::backup::Manifest) -> PathBuf {
    let mut writer = crate::backup::Writer::begin(&live.path("b.backup")).unwrap();
    let packing = pack::Packing { keys: Arc::default(), pace: Duration::ZERO, progress: Arc::default() };
    let plain = crate::store::blob::Codec::Plain;
    packing.put(&mut writer, &manifest.entries[0].name, plain, &mut &b"x"[..], Path::new("x")).unwrap();
    let octets = serde_json::to_vec(manifest).unwrap();
    packing.put(&mut writer, crate::backup::MANIFEST, plain, &mut octets.as_slice(), Path::new("x")).unwrap();
    writer.finish().unwrap().keep().unwrap()
}

/// A megabyte of spaces packs to a few octets: who makes such a manifest does not decide what memory it takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_takes_memory_by_the_length_of_its_file() {
    let live = Live::new().await;
    let file = made(&live.order("a.backup")).await.file;
    let octets = serde_json::to_vec(Opened::open(&file, Arc::default()).unwrap().manifest()).unwrap();
    let packing = pack::Packing { keys: Arc::default(), pace: Duration::ZERO, progress: Arc::default() };
    let with_spaces = |name: &str, spaces: usize| {
        let mut writer = crate::backup::Writer::begin(&live.path(name)).unwrap();
        let octets = [&octets[..], &vec![b' '; spaces]].concat();
        let zstd = crate::store::blob::Codec::Zstd;
        packing.put(&mut writer, crate::backup::MANIFEST, zstd, &mut octets.as_slice(), Path::new("x")).unwrap();
        Opened::open(&writer.finish().unwrap().keep().unwrap(), Arc::default()).unwrap_err().to_string()
    };
    assert!(
        with_spaces("few.backup", 1_000).contains("it is missing"),
        "it is read, and has entries that are not there"
    );
    let refused = with_spaces("many.backup", 4 << 20);
    assert!(refused.starts_with("manifest.json: more comes out than"), "{refused}");
}
