//! The trail on a real file system: what is written comes back, what was done to it is seen, and nothing that was acknowledged is cut.
#![expect(clippy::disallowed_methods, reason = "tests do to the files what others might")]

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
};

use super::{file, *};
use crate::record::audit::{Action, Actor};

/// Something that somebody did.
pub fn event(object: &str) -> Event {
    let detail = [("direction", "both"), ("ticket", "REQ 2026/119004")];
    Event {
        at: 1_795_258_800_000,
        actor: Actor { account: "root".to_owned(), person: Some("maria".to_owned()) },
        action: Action::MailboxBlocked,
        object: object.to_owned(),
        detail: detail.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    }
}

struct Place(tempfile::TempDir);

impl Place {
    /// A trail of `count` entries, about mailboxes `1`, `2`, ….
    fn with(count: usize) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        (1..=count).for_each(|number| place.append(&number.to_string()));
        place
    }

    fn append(&self, object: &str) {
        Trail::open(self.0.path()).unwrap().append(&event(object)).unwrap();
    }

    fn log(&self) -> PathBuf {
        self.0.path().join(file::LOG)
    }

    fn head(&self) -> PathBuf {
        self.0.path().join(file::HEAD)
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.log()).unwrap().split_inclusive('\n').map(str::to_owned).collect()
    }

    fn write(&self, lines: &[String]) {
        fs::write(self.log(), lines.concat()).unwrap();
    }

    /// All entries, and all flaws.
    fn read(&self) -> (Vec<Entry>, Vec<Flaw>) {
        let Some(mut reader) = Stored::open(self.0.path()).unwrap() else { return (Vec::new(), Vec::new()) };
        let (mut entries, mut flaws) = (Vec::new(), Vec::new());
        while let Some(step) = reader.next_step().unwrap() {
            entries.extend(step.entry);
            flaws.extend(step.flaws);
        }
        flaws.extend(reader.finish().flaws);
        (entries, flaws)
    }

    fn said(&self) -> Vec<(u64, String, String)> {
        self.read().0.into_iter().map(|entry| (entry.seq, entry.action, entry.object)).collect()
    }
}

fn flaw(line: u64, kind: Kind) -> Flaw {
    Flaw { line, kind }
}

fn said(seq: u64, object: &str) -> (u64, String, String) {
    (seq, "mailbox_blocked".to_owned(), object.to_owned())
}

#[test]
fn what_was_appended_comes_back_in_order_and_is_the_folders_owners() {
    let place = Place::with(0);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(place.0.path(), Some(4711), Some(4712)).unwrap();
    }
    assert_eq!(place.read(), (Vec::new(), Vec::new()), "nothing was ever written");
    for object in ["a", "b", "c"] {
        place.append(object);
    }
    assert_eq!(place.said(), [said(1, "a"), said(2, "b"), said(3, "c")]);
    assert_eq!(place.read().1, []);
    let folder = fs::metadata(place.0.path()).unwrap();
    for path in [place.log(), place.head()] {
        let found = fs::metadata(path).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (folder.uid(), folder.gid(), 0o640));
    }
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 2, "nothing is left beside them");
}

/// Each damage is named with its line, once, and the chain is followed behind it.
#[test]
fn every_damage_is_named_with_its_line() {
    type Damage = fn(&mut Vec<String>);
    let table: [(&str, Damage, Vec<Flaw>); 13] = [
        ("nothing", |_| {}, vec![]),
        (
            "a flipped bit in what is said",
            |lines| lines[2] = lines[2].replace("maria", "mariA"),
            vec![flaw(3, Kind::Altered)],
        ),
        ("in the number", |lines| lines[2] = lines[2].replace("\"seq\":3", "\"seq\":7"), vec![flaw(3, Kind::Altered)]),
        (
            "in the hash",
            |lines| {
                let at = lines[2].len() - 4;
                let other = if lines[2].as_bytes()[at] == b'0' { "1" } else { "0" };
                lines[2].replace_range(at..=at, other);
            },
            vec![flaw(3, Kind::Altered)],
        ),
        ("a line that is none", |lines| lines[2] = "{}\n".to_owned(), vec![flaw(3, Kind::NotAnEntry(String::new()))]),
        (
            "an overlong line",
            |lines| lines[2] = "x".repeat(200_000) + "\n",
            vec![flaw(3, Kind::NotAnEntry(String::new()))],
        ),
        ("a line removed", |lines| drop(lines.remove(2)), vec![flaw(3, Kind::Missing { first: 3, last: 3 })]),
        ("the first lines removed", |lines| drop(lines.drain(..2)), vec![flaw(1, Kind::Missing { first: 1, last: 2 })]),
        (
            "two lines changed places",
            |lines| lines.swap(2, 3),
            vec![flaw(3, Kind::Missing { first: 3, last: 3 }), flaw(4, Kind::OutOfOrder)],
        ),
        ("a line twice", |lines| lines.insert(2, lines[2].clone()), vec![flaw(4, Kind::Twice)]),
        (
            "another line with its number",
            |lines| {
                let mut other = Entry::read(lines[2].trim_end().as_bytes()).unwrap();
                other.object = "other".to_owned();
                other.hash = other.sealed();
                lines.insert(2, other.line() + "\n");
            },
            vec![flaw(4, Kind::Twice), flaw(5, Kind::Unchained)],
        ),
        (
            "a line written anew with its hash",
            |lines| {
                let mut other = Entry::read(lines[2].trim_end().as_bytes()).unwrap();
                other.account = "other".to_owned();
                other.hash = other.sealed();
                lines[2] = other.line() + "\n";
            },
            vec![flaw(4, Kind::Unchained)],
        ),
        ("the last lines removed", |lines| lines.truncate(3), vec![flaw(4, Kind::TailMissing { first: 4, last: 5 })]),
    ];
    for (what, damage, expected) in table {
        let place = Place::with(5);
        let mut lines = place.lines();
        damage(&mut lines);
        place.write(&lines);
        let (entries, mut found) = place.read();
        for flaw in &mut found {
            if let Kind::NotAnEntry(why) = &mut flaw.kind {
                assert!(!std::mem::take(why).is_empty(), "{what}");
            }
        }
        assert_eq!(found, expected, "{what}");
        assert!(entries.len() >= 3, "{what}: what can be read is told all the same");
    }
}

/// From the damage on, everything was written anew as we would: only what stands elsewhere shows it.
#[test]
fn a_trail_written_anew_differs_from_its_head() {
    let (place, other) = (Place::with(5), Place::with(2));
    ["x", "y", "z"].iter().for_each(|object| other.append(object));
    fs::copy(other.log(), place.log()).unwrap();
    assert_eq!(place.read().1, [flaw(6, Kind::HeadDiffers { seq: 5 })]);
    fs::copy(other.head(), place.head()).unwrap();
    assert_eq!(place.read().1, [], "whoever may write both is not seen: a head that is kept elsewhere shows it");
}

/// A kill or a full disk leaves any beginning of the next line, which nobody was told of.
#[test]
fn a_last_line_that_was_never_acknowledged_is_cut_wherever_it_ends() {
    let whole = Place::with(3);
    let line = whole.lines()[2].clone();
    let place = Place::with(2);
    let head = fs::read(place.head()).unwrap();
    let before = place.lines();
    for length in (1..line.len()).step_by(13).chain(line.len() - 3..line.len()) {
        fs::write(place.log(), before.concat() + &line[..length]).unwrap();
        fs::write(place.head(), &head).unwrap();
        assert_eq!(place.read().1, [flaw(3, Kind::Torn)], "{length}");
        place.append("again");
        let (entries, flaws) = place.read();
        assert_eq!(flaws, [], "{length}");
        assert_eq!(place.said()[2..], [(3, "trail_repaired".to_owned(), "audit.log".to_owned()), said(4, "again")]);
        let detail = &entries[2].detail;
        assert_eq!(detail["sha256"], Hash::of(&line.as_bytes()[..length]).as_str());
        assert_eq!((detail["octets"].clone(), entries[2].account.as_str()), (length.to_string(), "root"));
    }
    // Whole, and its head was not written yet: it stays, and is not spoken of.
    fs::write(place.log(), before.concat() + &line).unwrap();
    fs::write(place.head(), &head).unwrap();
    assert_eq!(place.read().1, []);
    place.append("again");
    assert_eq!(place.said()[2..], [said(3, "3"), said(4, "again")]);
    // The very first line.
    let first = Place::with(0);
    fs::write(first.log(), "{\"seq\":1,").unwrap();
    first.append("a");
    assert_eq!(first.said(), [(1, "trail_repaired".to_owned(), "audit.log".to_owned()), said(2, "a")]);
}

/// What somebody was told stands there is never cut, and damage keeps nobody from working.
#[test]
fn damage_at_the_end_is_told_and_stays() {
    type Damage = fn(&Place);
    let table: [(&str, Damage, u64, Vec<Flaw>); 7] = [
        (
            "an acknowledged line lost its end",
            |place| {
                fs::write(place.log(), &place.lines().concat().as_bytes()[..place.lines().concat().len() - 5]).unwrap()
            },
            4,
            vec![flaw(3, Kind::NotAnEntry(String::new()))],
        ),
        (
            "its line end became a letter",
            |place| fs::write(place.log(), place.lines().concat().trim_end().to_owned() + "x").unwrap(),
            4,
            vec![flaw(3, Kind::NotAnEntry(String::new()))],
        ),
        (
            "it was altered",
            |place| {
                fs::write(place.log(), place.lines().concat().replace("\"object\":\"3\"", "\"object\":\"4\"")).unwrap()
            },
            4,
            vec![flaw(3, Kind::Altered)],
        ),
        (
            "the last lines were removed",
            |place| place.write(&place.lines()[..1]),
            4,
            vec![flaw(2, Kind::Missing { first: 2, last: 3 })],
        ),
        (
            "the log was removed",
            |place| fs::remove_file(place.log()).unwrap(),
            4,
            vec![flaw(1, Kind::Missing { first: 1, last: 3 })],
        ),
        ("the head was removed", |place| fs::remove_file(place.head()).unwrap(), 4, vec![]),
        ("the head is none", |place| fs::write(place.head(), "3\n").unwrap(), 4, vec![]),
    ];
    for (what, damage, next, expected) in table {
        let place = Place::with(3);
        damage(&place);
        let damaged = fs::read(place.log()).unwrap_or_default();
        assert_ne!(place.read().1, [], "{what}: it is seen before anybody writes");
        place.append("again");
        let after = fs::read(place.log()).unwrap();
        assert!(after.starts_with(&damaged), "{what}: nothing is taken away");
        let (_, mut found) = place.read();
        for flaw in &mut found {
            if let Kind::NotAnEntry(why) = &mut flaw.kind {
                why.clear();
            }
        }
        assert_eq!(found, expected, "{what}");
        let said_now = place.said();
        let (told, again) = (&said_now[said_now.len() - 2], &said_now[said_now.len() - 1]);
        assert_eq!((told.0, told.1.as_str()), (next, "trail_damaged"), "{what}");
        assert_eq!(*again, said(next + 1, "again"), "{what}");
        // Told once.
        place.append("later");
        assert_eq!(place.said().last(), Some(&said(next + 2, "later")), "{what}");
        assert_eq!(place.said().iter().filter(|(_, action, _)| action == "trail_damaged").count(), 1, "{what}");
    }
}

#[test]
fn a_trail_of_which_only_the_head_is_left_is_not_an_empty_one() {
    let place = Place::with(3);
    fs::remove_file(place.log()).unwrap();
    assert_eq!(place.read().1, [flaw(1, Kind::TailMissing { first: 1, last: 3 })]);
}

#[test]
fn writers_wait_for_one_another() {
    let place = Place::with(0);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let place = &place;
            scope.spawn(move || (0..20).for_each(|number| place.append(&format!("{writer}/{number}"))));
        }
    });
    let (entries, flaws) = place.read();
    assert_eq!((entries.len(), flaws), (160, Vec::new()));
    for writer in 0..8 {
        let prefix = format!("{writer}/");
        let own: Vec<_> = entries.iter().filter_map(|entry| entry.object.strip_prefix(&prefix)).collect();
        assert_eq!(own, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

/// The folder is the gateway's; root writes in it.
#[test]
fn a_link_or_a_pipe_in_their_place_is_not_written() {
    for name in [file::LOG, file::HEAD] {
        let place = Place::with(0);
        let elsewhere = place.0.path().join("elsewhere");
        fs::write(&elsewhere, "").unwrap();
        symlink(&elsewhere, place.0.path().join(name)).unwrap();
        let appended = Trail::open(place.0.path()).and_then(|trail| trail.append(&event("a")));
        assert!(matches!(appended, Err(AuditFault::Io { .. })), "{appended:?}");
        assert_eq!(fs::read(&elsewhere).unwrap(), b"");

        let place = Place::with(0);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            place.0.path().join(name),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let appended = Trail::open(place.0.path()).and_then(|trail| trail.append(&event("a")));
        assert!(matches!(appended, Err(AuditFault::NotAFile(_))), "{appended:?}");
    }
}

#[test]
fn an_entry_that_is_too_long_is_not_written() {
    let place = Place::with(1);
    let appended = Trail::open(place.0.path()).unwrap().append(&event(&"x".repeat(70_000)));
    assert!(matches!(appended, Err(AuditFault::TooLong(_))), "{appended:?}");
    place.append("2");
    assert_eq!((place.said(), place.read().1), (vec![said(1, "1"), said(2, "2")], vec![]));
}

/// Without its head an entry would be one that may be cut unseen. (That what was begun is taken back shows `end_to_end::blocking`, where
/// the disk is full.)
#[test]
fn nothing_is_written_while_the_head_is_none_of_ours() {
    let place = Place::with(2);
    let before = place.lines();
    fs::rename(place.head(), place.0.path().join("kept")).unwrap();
    fs::create_dir(place.head()).unwrap();
    assert!(Trail::open(place.0.path()).unwrap().append(&event("x")).is_err());
    assert_eq!(place.lines(), before);
    fs::remove_dir(place.head()).unwrap();
    fs::rename(place.0.path().join("kept"), place.head()).unwrap();
    place.append("3");
    assert_eq!((place.said().len(), place.read().1), (3, vec![]));
}

/// Verifying takes as long as its hashes: one an entry, and none that is not needed.
#[test]
fn an_entry_is_hashed_once_when_it_is_read() {
    let place = Place::with(40);
    let before = entry::MADE.get();
    assert_eq!(place.read().0.len(), 40);
    assert_eq!(entry::MADE.get() - before, 40);
}
