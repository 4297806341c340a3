//! When a set is put in force and when not, with files that change whenever the test wants them to.

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::{Door, many};
use crate::{
    door::reload::{Fresh, Reloader, Sources, Taken},
    relay::tests::world,
    rule_history::{Bounds, Cause, FileSet, History, Stamps},
};

/// One file, whose text is what the next look shows.
struct Desk {
    folder: tempfile::TempDir,
    /// Texts that the next looks show; the last one stays.
    texts: Mutex<Vec<&'static str>>,
    /// How often rules were compiled.
    compiled: AtomicUsize,
}

impl Desk {
    fn new(texts: &[&'static str]) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        Arc::new(Self { folder, texts: Mutex::new(texts.to_vec()), compiled: AtomicUsize::new(0) })
    }

    fn shows(&self, texts: &[&'static str]) {
        *self.texts.lock().unwrap() = texts.to_vec();
    }

    fn look(&self) -> io::Result<FileSet> {
        let mut texts = self.texts.lock().unwrap();
        let text = if texts.len() > 1 { texts.remove(0) } else { texts[0] };
        if text == "busy" {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let file: PathBuf = self.folder.path().join("mailboxes.toml");
        fs::write(&file, text).unwrap();
        FileSet::read(self.folder.path(), &[file])
    }

    /// Reads what the last look showed; a text that begins with `bad` has a fault.
    fn reloader(self: &Arc<Self>) -> Reloader {
        let (reads, looks) = (self.clone(), self.clone());
        let sources = Sources {
            read: Box::new(move |scanners| {
                reads.compiled.fetch_add(1, Ordering::Relaxed);
                let text = fs::read_to_string(reads.folder.path().join("mailboxes.toml")).unwrap();
                if text.starts_with("bad") {
                    return Err(format!("{text}: a fault\n"));
                }
                let mut policy = world::policy(SystemTime::UNIX_EPOCH);
                policy.version = text;
                Ok(Fresh { policy, scanner_rules: scanners.read_rules().unwrap() })
            }),
            files: Box::new(move || looks.look()),
            stamps: Box::new(Stamps::default),
            unsettled: "unsettled\n".to_owned(),
        };
        let bounds = Bounds { entries: 9, age: Duration::from_secs(9) };
        Reloader::new(sources, History::new(self.folder.path(), bounds))
    }

    fn compiled(&self) -> usize {
        self.compiled.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn files_that_change_between_the_two_looks_are_not_put_in_force() {
    let door = Door::open(many(), |_| {}).await;
    let desk = Desk::new(&["one"]);
    let reloader = desk.reloader();
    let before = door.gateway.policy();
    // A thread of its own: here a worker would have to hand its sessions on, and there is only one.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Settled? No; then before and after the compiler.
            desk.shows(&["two", "two", "three"]);
            assert_eq!(reloader.take(&door.gateway, Duration::ZERO), Taken::Changing);
            desk.shows(&["bad", "bad", "three"]);
            assert_eq!(reloader.take(&door.gateway, Duration::ZERO), Taken::Changing);
            desk.shows(&["busy"]);
            assert_eq!(reloader.take(&door.gateway, Duration::ZERO), Taken::Changing);
            assert!(Arc::ptr_eq(&before, &door.gateway.policy()), "nothing came into force");
            assert_eq!(door.gateway.reload_fault(), None, "and nothing was told: it was half of something");
            assert!(reloader.in_force().is_none());

            desk.shows(&["four"]);
            assert_eq!(reloader.take(&door.gateway, Duration::ZERO), Taken::Settled);
            assert_eq!(door.gateway.policy().version, "four");
            assert_eq!(reloader.in_force().unwrap().policy, "four");

            // Whoever asks waits for them, and not for ever.
            desk.shows(&["five", "six", "six", "seven", "seven"]);
            assert!(reloader.reload(&door.gateway, Cause::Signal).rules.is_ok());
            assert_eq!(door.gateway.policy().version, "seven");
            let moving: Vec<&str> = ["a", "b"].repeat(30);
            desk.shows(&moving);
            assert_eq!(reloader.reload(&door.gateway, Cause::Command).rules, Err("unsettled\n".to_owned()));
            assert_eq!(door.gateway.policy().version, "seven");
        });
    });
}

#[tokio::test]
async fn what_was_told_is_not_told_again_and_what_is_in_force_is_left_alone() {
    let door = Door::open(many(), |_| {}).await;
    let desk = Desk::new(&["one"]);
    let reloader = desk.reloader();
    let take = || reloader.take(&door.gateway, Duration::ZERO);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!((take(), take(), desk.compiled()), (Taken::Settled, Taken::Settled, 1), "in force");
            desk.shows(&["bad"]);
            assert_eq!((take(), take(), desk.compiled()), (Taken::Settled, Taken::Settled, 2), "told once");
            assert_eq!(door.gateway.reload_fault().as_deref(), Some("bad: a fault\n"));
            desk.shows(&["worse", "bad", "bad", "bad"]);
            take();
            assert_eq!(door.gateway.policy().version, "one");
            desk.shows(&["one"]);
            take();
            assert_eq!(door.gateway.reload_fault(), None, "taken back, and nothing is wrong any more");
            assert_eq!(reloader.in_force().unwrap().number, 1, "the same set is the same entry");
            let reload = reloader.reload(&door.gateway, Cause::Command);
            assert!(reload.rules.is_ok() && desk.compiled() > 3, "a command always reads");
        });
    });
}

/// With patience, only contents count; and files that never rest are told of, once.
#[tokio::test]
async fn files_that_never_rest_are_told_of_and_forgotten_when_they_do() {
    let door = Door::open(many(), |_| {}).await;
    let desk = Desk::new(&["one"]);
    let reloader = desk.reloader();
    let patience = Duration::from_millis(1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            desk.shows(&["two", "two", "three", "four", "five", "six", "seven"]);
            assert_eq!(reloader.take(&door.gateway, patience), Taken::Changing);
            assert_eq!(door.gateway.reload_fault().as_deref(), Some("unsettled\n"));
            desk.shows(&["eight"]);
            assert_eq!(reloader.take(&door.gateway, patience), Taken::Settled);
            assert_eq!(door.gateway.reload_fault(), None);
            assert_eq!(door.gateway.policy().version, "eight");
        });
    });
}

#[tokio::test]
async fn a_set_that_cannot_be_kept_is_in_force_all_the_same() {
    let door = Door::open(many(), |_| {}).await;
    let desk = Desk::new(&["one"]);
    let reloader = desk.reloader();
    let in_the_way = desk.folder.path().join("rules");
    fs::write(&in_the_way, "x").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(reloader.reload(&door.gateway, Cause::Signal).rules.is_ok());
            assert_eq!(door.gateway.policy().version, "one");
            assert!(reloader.history_fault().is_some());
            assert_eq!(reloader.in_force().unwrap().number, 0);
            fs::remove_file(&in_the_way).unwrap();
            reloader.reload(&door.gateway, Cause::Signal);
            assert_eq!((reloader.history_fault(), reloader.in_force().unwrap().number), (None, 1));
        });
    });
}

/// The set that the gateway starts with is the one that was read only if nothing changed since.
#[tokio::test]
async fn a_start_while_somebody_writes_reads_once_more() {
    let door = Door::open(many(), |_| {}).await;
    for (texts, compiled, version) in [(["one", "one"], 0, "of the start"), (["one", "two"], 1, "two")] {
        let desk = Desk::new(&texts);
        let mut started = world::policy(SystemTime::UNIX_EPOCH);
        started.version = "of the start".to_owned();
        door.gateway.set_policy(started);
        let reloader = desk.reloader();
        std::thread::scope(|scope| scope.spawn(|| reloader.begin(&door.gateway)).join().unwrap());
        assert_eq!(desk.compiled(), compiled);
        assert_eq!(door.gateway.policy().version, version);
        let entry = reloader.in_force().unwrap();
        assert_eq!((entry.policy.as_str(), entry.cause), (version, Cause::Start));
    }
}
