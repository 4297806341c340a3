//! Against a folder on the disk.
#![expect(clippy::disallowed_methods, reason = "the tests write the files")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use super::*;

const DAY: i64 = 86_400_000;
const BOUNDS: Bounds = Bounds { entries: 4, age: Duration::from_secs(90 * 86_400) };

struct Folders {
    rules: tempfile::TempDir,
    data: tempfile::TempDir,
}

impl Folders {
    fn new() -> Self {
        Self { rules: tempfile::tempdir().unwrap(), data: tempfile::tempdir().unwrap() }
    }

    fn put(&self, name: &str, text: &str) {
        let place = self.rules.path().join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    }

    fn set(&self) -> FileSet {
        let mut paths: Vec<PathBuf> = Vec::new();
        for folder in [self.rules.path().to_owned(), self.rules.path().join("subjects")] {
            let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
            paths.extend(entries.filter(|path| path.is_file()));
        }
        FileSet::read(self.rules.path(), &paths).unwrap()
    }

    fn history(&self) -> History {
        History::new(self.data.path(), BOUNDS)
    }

    fn archive(&self) -> Archive {
        Archive::read(self.data.path()).unwrap()
    }

    fn kept(&self) -> PathBuf {
        self.data.path().join("rules")
    }

    fn objects(&self) -> usize {
        fs::read_dir(self.kept().join("objects")).unwrap().count()
    }
}

fn facts(policy: &str, at: i64) -> Facts {
    Facts { at, cause: Cause::Folder, policy: policy.to_owned(), rules: 1, scanner_rules: Vec::new() }
}

fn numbers(archive: &Archive) -> Vec<u64> {
    archive.entries().iter().map(|entry| entry.number).collect()
}

#[test]
fn what_came_into_force_can_be_read_again_octet_for_octet() {
    let folders = Folders::new();
    let mut history = folders.history();
    folders.put("subjects/a.toml", "[[rule]]\nid = \"A\"\n");
    folders.put("mailboxes.toml", "\u{feff}# \u{1b}\r\n");
    let first = folders.set();
    assert_eq!(history.note(&first, facts("aaaaaaaaaaaa", 0)).unwrap().number, 1);
    folders.put("subjects/a.toml", "[[rule]]\nid = \"B\"\n");
    assert_eq!(history.note(&folders.set(), facts("bbbbbbbbbbbb", 1)).unwrap().number, 2);

    let archive = folders.archive();
    assert_eq!(numbers(&archive), [2, 1], "newest first");
    let entry = archive.find("1").unwrap();
    for file in first.files() {
        let kept = entry.file(&file.name).unwrap();
        assert_eq!(archive.content(entry, kept).unwrap(), file.octets, "{}", file.name);
        assert_eq!((kept.owner, kept.written), (file.owner, file.written));
    }
    assert_eq!(folders.objects(), 3, "what did not change is kept once");
    for name in ["2", "bbbbbbbbbbbb", "bbbbbb"] {
        assert_eq!(archive.find(name).unwrap().number, 2, "{name}");
    }
    for name in ["3", "bbbbb", "cccccc", ""] {
        assert_eq!(archive.find(name), None, "{name}");
    }
    assert_eq!(archive.before(archive.find("2").unwrap()).unwrap().number, 1);
}

#[test]
fn the_same_set_once_more_is_no_entry_and_one_that_came_back_is() {
    let folders = Folders::new();
    folders.put("mailboxes.toml", "a");
    let set = folders.set();
    let mut history = folders.history();
    history.note(&set, facts("aaaaaaaaaaaa", 0)).unwrap();
    assert_eq!(history.note(&set, facts("aaaaaaaaaaaa", 5)).unwrap().at, 0, "it is in force since then");
    assert_eq!(folders.history().note(&set, facts("aaaaaaaaaaaa", 6)).unwrap().number, 1, "nor after a restart");
    // The same files under another portaria.toml, or other YARA rules elsewhere.
    assert_eq!(history.note(&set, facts("bbbbbbbbbbbb", 7)).unwrap().number, 2);
    let scanner_rules = vec![ScannerRules { scanner: "yara".into(), version: "1".into() }];
    assert_eq!(history.note(&set, Facts { scanner_rules, ..facts("bbbbbbbbbbbb", 8) }).unwrap().number, 3);
    assert_eq!(history.note(&set, facts("aaaaaaaaaaaa", 9)).unwrap().number, 4, "it came back");
}

#[test]
fn the_oldest_go_by_number_and_by_age_and_never_the_one_in_force() {
    let folders = Folders::new();
    let mut history = folders.history();
    for nth in 0..6 {
        folders.put("mailboxes.toml", &nth.to_string());
        history.note(&folders.set(), facts(&format!("{nth:012}"), nth)).unwrap();
    }
    assert_eq!(numbers(&folders.archive()), [6, 5, 4, 3], "as many as may be");
    assert_eq!(folders.objects(), 4, "contents go with them");
    // 90 days after number 5 went out of force it stays; a moment later it goes, as all that went before.
    folders.put("mailboxes.toml", "new");
    history.note(&folders.set(), facts("new000000000", 5 + 90 * DAY)).unwrap();
    assert_eq!(numbers(&folders.archive()), [7, 6, 5]);
    folders.put("mailboxes.toml", "newer");
    history.note(&folders.set(), facts("newer0000000", 6 + 90 * DAY)).unwrap();
    assert_eq!(numbers(&folders.archive()), [8, 7, 6]);
    // In force for a year: it is there until something else is in force, and for 90 days from then.
    folders.put("mailboxes.toml", "newest");
    history.note(&folders.set(), facts("newest000000", 6 + 455 * DAY)).unwrap();
    assert_eq!(numbers(&folders.archive()), [9, 8]);
}

#[test]
fn the_oldest_go_when_all_together_are_too_large() {
    let folders = Folders::new();
    let mut history = folders.history();
    history.octets = 25;
    // Kept once, whichever entries have it.
    folders.put("directory.csv", "0123456789");
    for nth in 0..4 {
        folders.put("mailboxes.toml", &format!("12345{nth}"));
        history.note(&folders.set(), facts(&format!("{nth:012}"), nth)).unwrap();
    }
    assert_eq!(numbers(&folders.archive()), [4, 3]);
    folders.put("directory.csv", &"0".repeat(100));
    history.note(&folders.set(), facts("large0000000", 9)).unwrap();
    assert_eq!(numbers(&folders.archive()), [5], "the one in force stays, however large");
}

#[test]
fn nobody_else_may_read_it() {
    let folders = Folders::new();
    folders.put("mailboxes.toml", "x");
    folders.history().note(&folders.set(), facts("aaaaaaaaaaaa", 0)).unwrap();
    let mode = |place: &Path| fs::metadata(place).unwrap().permissions().mode() & 0o777;
    for folder in [folders.kept(), folders.kept().join("objects")] {
        assert_eq!(mode(&folder), 0o700);
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            assert_eq!(mode(&entry), 0o600, "{}", entry.display());
        }
    }
}

/// Killed at any step of a note, it leaves the history as it was, and the next note takes the remains away.
#[test]
fn what_a_killed_gateway_left_is_no_entry() {
    let folders = Folders::new();
    folders.put("mailboxes.toml", "x");
    let mut history = folders.history();
    history.note(&folders.set(), facts("aaaaaaaaaaaa", 0)).unwrap();
    let (entry, object) = (folders.kept().join(".new-0000000002.json"), folders.kept().join("objects/.new-abc"));
    fs::write(&entry, "{\"numb").unwrap();
    fs::write(&object, "half").unwrap();
    assert_eq!(numbers(&folders.archive()), [1]);
    folders.put("mailboxes.toml", "y");
    assert_eq!(folders.history().note(&folders.set(), facts("bbbbbbbbbbbb", 1)).unwrap().number, 2);
    assert!(!entry.exists() && !object.exists());
    assert_eq!(numbers(&folders.archive()), [2, 1]);
}

#[test]
fn a_content_that_was_changed_is_not_given_out() {
    let folders = Folders::new();
    folders.put("mailboxes.toml", "x");
    folders.history().note(&folders.set(), facts("aaaaaaaaaaaa", 0)).unwrap();
    let archive = folders.archive();
    let entry = archive.entries()[0].clone();
    let object = folders.kept().join("objects").join(&entry.files[0].sha256);
    fs::write(&object, "y").unwrap();
    let told = archive.content(&entry, &entry.files[0]).unwrap_err().to_string();
    assert_eq!(told, "mailboxes.toml of number 1 cannot be read: the content is damaged");
    let elsewhere = FileEntry { sha256: "../../x".into(), ..entry.files[0].clone() };
    assert!(archive.content(&entry, &elsewhere).is_err(), "an entry leads nowhere else");
}

/// A folder that cannot be used is no history; the next note tries again.
#[test]
fn a_history_that_could_not_be_written_goes_on_when_it_can() {
    let folders = Folders::new();
    folders.put("mailboxes.toml", "x");
    fs::write(folders.kept(), "in the way").unwrap();
    let mut history = folders.history();
    assert!(history.note(&folders.set(), facts("aaaaaaaaaaaa", 0)).is_err());
    fs::remove_file(folders.kept()).unwrap();
    assert_eq!(history.note(&folders.set(), facts("aaaaaaaaaaaa", 0)).unwrap().number, 1);
}

fn told(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|it| format!("{}{} {}", it.kind.sign(), it.what, it.name)).collect()
}

#[test]
fn what_changed_is_told_by_rule_and_by_entry_of_a_list() {
    let folders = Folders::new();
    let mut history = folders.history();
    let rule = |id: &str, more: &str| format!("[[rule]]\nid = \"{id}\"\n{more}\n");
    folders
        .put("subjects/a.toml", &[rule("STAYS", ""), rule("MOVES", ""), rule("GOES", ""), rule("TURNS", "")].concat());
    folders.put("mailboxes.toml", "[[blocked]]\nmailbox = \"ana\"\n[[blocked]]\nmailbox = \"bia\"\n");
    folders.put("README.md", "x");
    history.note(&folders.set(), facts("aaaaaaaaaaaa", 0)).unwrap();
    folders.put("subjects/a.toml", &["# why\n".into(), rule("STAYS", ""), rule("TURNS", "mode = \"off\"")].concat());
    folders.put("subjects/b.toml", &[rule("MOVES", ""), rule("COMES", "")].concat());
    folders.put("mailboxes.toml", "[[blocked]]\nmailbox = \"ana\"\n[[blocked]]\nmailbox = \"ana\"\n[x]\ny = 1\n");
    folders.put("directory.csv", "half, a");
    folders.put("README.md", "x");
    history.note(&folders.set(), facts("bbbbbbbbbbbb", 1)).unwrap();

    let archive = folders.archive();
    let [new, old] = archive.entries() else { panic!("two") };
    let found = archive.difference(Some(old), new).unwrap();
    assert_eq!(
        told(&found.files),
        ["+file directory.csv", "~file mailboxes.toml", "~file subjects/a.toml", "+file subjects/b.toml"]
    );
    let entries =
        ["+blocked ana (2)", "-blocked bia", "+rule COMES", "-rule GOES", "~rule TURNS", "+x "].map(str::to_owned);
    assert_eq!(told(&found.entries), entries);
    assert!(archive.difference(Some(new), new).unwrap().is_empty());
    assert_eq!(told(&archive.difference(None, old).unwrap().files).len(), 3, "of the first all is new");
}

#[test]
fn every_way_to_change_a_file_is_seen_and_a_look_alone_is_not() {
    let folders = Folders::new();
    let file = folders.rules.path().join("a.toml");
    let look = || Stamps::of([&file]);
    folders.put("a.toml", "one");
    let first = look();
    assert_eq!(first, look());
    type Way<'w> = (&'w str, Box<dyn Fn() + 'w>);
    let changes: [Way<'_>; 5] = [
        (
            "another file takes its name, with the same length and time",
            Box::new(|| {
                let beside = folders.rules.path().join("b.toml");
                fs::write(&beside, "two").unwrap();
                let old = fs::metadata(&file).unwrap().modified().unwrap();
                fs::File::options().write(true).open(&beside).unwrap().set_modified(old).unwrap();
                fs::rename(&beside, &file).unwrap();
            }),
        ),
        ("written in place", Box::new(|| fs::write(&file, "three").unwrap())),
        ("its rights", Box::new(|| fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap())),
        ("gone", Box::new(|| fs::remove_file(&file).unwrap())),
        (
            "a link that leads elsewhere",
            Box::new(|| {
                fs::write(folders.rules.path().join("c"), "four").unwrap();
                symlink("c", &file).unwrap();
            }),
        ),
    ];
    let mut before = first;
    for (what, change) in changes {
        // The clock of a file system ticks every few milliseconds.
        std::thread::sleep(Duration::from_millis(15));
        change();
        let now = look();
        assert_ne!(before, now, "{what}");
        before = now;
    }
}

#[test]
fn less_than_before_is_told_apart_from_more() {
    let folders = Folders::new();
    let look = |names: &[&str]| Stamps::of(names.iter().map(|name| folders.rules.path().join(name)));
    folders.put("a", "123");
    let before = look(&["a"]);
    folders.put("b", "1");
    assert!(!look(&["a", "b"]).lack_something_of(&before), "one more");
    folders.put("a", "1234");
    assert!(!look(&["a"]).lack_something_of(&before), "longer");
    folders.put("a", "12");
    assert!(look(&["a"]).lack_something_of(&before), "shorter");
    assert!(look(&["b"]).lack_something_of(&before), "gone");
    let unlisted = Stamps::unlisted(folders.rules.path(), std::io::ErrorKind::NotFound);
    assert!(unlisted.lack_something_of(&before), "all of it gone");
    assert!(!before.lack_something_of(&unlisted), "and back again");
}

#[test]
fn who_changes_files_waits_for_who_reads_and_the_other_way_round() {
    let folders = Folders::new();
    let (root, moment) = (folders.rules.path(), Duration::from_millis(40));
    let reads = Lock::to_read(root, Duration::ZERO).unwrap();
    Lock::to_read(root, Duration::ZERO).unwrap();
    assert!(Lock::to_change(root, moment).is_err());
    drop(reads);
    let changes = Lock::to_change(root, moment).unwrap();
    assert!(Lock::to_read(root, moment).is_err());
    drop(changes);
    Lock::to_read(root, Duration::ZERO).unwrap();
    assert!(Lock::to_read(&root.join("absent"), moment).unwrap_err().to_string().contains("absent"));
}

#[test]
fn a_set_is_read_whole_or_not_at_all_and_says_which_file_is_wrong() {
    let folders = Folders::new();
    folders.put("a.toml", "x");
    let root = folders.rules.path();
    let read = |names: &[&str]| {
        let paths: Vec<PathBuf> = names.iter().map(|name| root.join(name)).collect();
        FileSet::read(root, &paths).map(|set| set.files().len()).map_err(|fault| fault.to_string())
    };
    assert_eq!(read(&["a.toml"]), Ok(1));
    assert!(read(&["a.toml", "gone.toml"]).unwrap_err().contains("gone.toml: No such file"));
    fs::create_dir(root.join("folder.toml")).unwrap();
    assert!(read(&["folder.toml"]).unwrap_err().contains("folder.toml: not a plain file"));
    let mut largest = fs::File::create(root.join("large")).unwrap();
    largest.set_len(32 << 20).unwrap();
    assert_eq!(read(&["large"]), Ok(1));
    assert!(read(&["large", "large", "large", "large", "a.toml"]).unwrap_err().ends_with("a.toml: too much together"));
    std::io::Write::write_all(&mut largest, b"").unwrap();
    largest.set_len((32 << 20) + 1).unwrap();
    assert!(read(&["large"]).unwrap_err().ends_with("large: too large"));
    let one = FileSet::read(root, &[root.join("a.toml")]).unwrap();
    fs::rename(root.join("a.toml"), root.join("b.toml")).unwrap();
    let other = FileSet::read(root, &[root.join("b.toml")]).unwrap();
    assert_ne!(one.fingerprint(), other.fingerprint(), "a name is part of it");
}

/// Stopped before any step, what stands there is the old set, the new one, or it is marked; done once more, it is the new one, and
/// nothing that somebody wrote is lost.
#[test]
fn a_rollback_that_is_killed_at_any_step_is_never_taken_for_a_set() {
    let start = |folders: &Folders| {
        folders.put("subjects/a.toml", "edited by hand");
        folders.put("subjects/b.toml", "new one");
        folders.put("mailboxes.toml", "list");
    };
    let plan = |folders: &Folders| {
        let place = |name: &str| folders.rules.path().join(name);
        Plan {
            root: folders.rules.path().to_owned(),
            mark: "back\n".into(),
            when: "now".into(),
            keep: vec![place("subjects/a.toml")],
            put: vec![(place("subjects/a.toml"), b"old one".to_vec()), (place("yara/x.yar"), b"rule".to_vec())],
            aside: vec![place("subjects/b.toml")],
        }
    };
    let texts = |folders: &Folders| {
        let names = ["subjects/a.toml", "subjects/b.toml", "mailboxes.toml", "yara/x.yar"];
        names.map(|name| fs::read_to_string(folders.rules.path().join(name)).unwrap_or_default())
    };
    let (before, after) = (["edited by hand", "new one", "list", ""], ["old one", "", "list", "rule"]);
    let steps = plan(&Folders::new()).steps().len();
    assert_eq!(steps, 6);
    let mut marked = 0;
    for done in 0..=steps {
        let folders = Folders::new();
        start(&folders);
        let killed = plan(&folders);
        for step in killed.steps().into_iter().take(done) {
            killed.take(step).unwrap();
        }
        let is_marked = folders.rules.path().join(HALF_WAY).exists();
        marked += usize::from(is_marked);
        let there = texts(&folders);
        assert!(is_marked || there == before || there == after, "{done} steps: {there:?}");

        // Once more: of what is there now, only that which is still to be done.
        let mut again = plan(&folders);
        again.aside.retain(|file| file.exists());
        again.keep.retain(|file| fs::read(file).unwrap() == b"edited by hand");
        again.carry_out().unwrap();
        assert_eq!(texts(&folders), after, "{done} steps");
        assert!(!folders.rules.path().join(HALF_WAY).exists());
        let subjects = folders.rules.path().join("subjects");
        let aside: Vec<String> = fs::read_dir(&subjects)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains(".aside-now"))
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        assert!(aside.contains(&"edited by hand".to_owned()) && aside.contains(&"new one".to_owned()), "{aside:?}");
    }
    assert_eq!(marked, steps - 1, "all but before the first step and after the last");
}

#[test]
fn a_file_that_cannot_be_put_there_leaves_the_mark_and_is_named() {
    let folders = Folders::new();
    folders.put("mailboxes.toml", "old");
    folders.put("subjects", "a file where a folder is to be");
    let place = folders.rules.path().join("subjects/a.toml");
    let plan = Plan {
        root: folders.rules.path().to_owned(),
        mark: String::new(),
        when: String::new(),
        keep: Vec::new(),
        put: vec![(place, Vec::new())],
        aside: Vec::new(),
    };
    let told = plan.carry_out().unwrap_err().to_string();
    assert!(told.contains("subjects/a.toml: "), "{told}");
    assert!(folders.rules.path().join(HALF_WAY).exists());
}
