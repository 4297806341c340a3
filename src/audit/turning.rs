//! A new file where the log is full: what nobody can read to its end nobody verifies.
//!
//! The old file keeps its octets under the name of its last entry's number, and is never removed or written again by us. The new one begins
//! with an entry that follows that one (`previous` is its hash), so the chain goes through both. The new file is whole before it takes the
//! log's name, in one step: a writer that is killed leaves the old one, or both.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::{
    AuditFault, LINE,
    entry::{Entry, Head, word},
    file::{self, Locked},
    head,
};
use crate::record::{
    UnixMillis,
    audit::{Action, Event},
};

/// Octets of a full file: some 30,000 entries, which take a blink to verify.
pub(super) const FULL: u64 = 16 * 1024 * 1024;

/// When a file is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    /// With so many octets …
    pub octets: u64,
    /// … or so long after its first entry, milliseconds.
    pub age: UnixMillis,
}

impl Full {
    const YEAR: UnixMillis = 366 * 24 * 3_600_000;
}

impl Default for Full {
    fn default() -> Self {
        Self { octets: FULL, age: Self::YEAR }
    }
}

/// Whether an entry of `at` goes into a new file. What is wrong with the first line does not matter here.
pub(super) fn is_due(log: &Locked, at: UnixMillis, full: Full) -> Result<bool, AuditFault> {
    if log.length()? >= full.octets {
        return Ok(true);
    }
    let first = first(log).map_err(|fault| log.fault(fault))?;
    Ok(first.is_some_and(|first| at.saturating_sub(first.at) > full.age))
}

/// What the first line follows, if it stands in another file.
pub(super) fn before(log: &Locked) -> Result<Option<Head>, AuditFault> {
    let first = first(log).map_err(|fault| log.fault(fault))?;
    let continues = first.filter(|first| first.action == word(Action::TrailContinued));
    Ok(continues.and_then(|first| Some(Head { seq: first.seq.checked_sub(1)?, hash: first.previous })))
}

/// The first line, if it is a sound entry.
fn first(log: &Locked) -> io::Result<Option<Entry>> {
    let mut octets = vec![0; usize::try_from(LINE).unwrap_or_default()];
    let read = log.file().read_at(&mut octets, 0)?;
    let line = octets.get(..read).and_then(|octets| octets.get(..memchr::memchr(b'\n', octets)?));
    Ok(line.and_then(|line| Entry::read(line).ok()).filter(Entry::is_sound))
}

/// What became of a turn.
pub(super) enum Turned {
    /// The new log, locked, and its first entry.
    To(Locked, Head),
    /// It cannot be done now, and nothing was: the old log goes on.
    Not(io::Error),
}

/// Says once why no new file can be begun; none: one was.
pub(super) fn tell(fault: Option<&io::Error>) {
    static TOLD: Mutex<Option<String>> = Mutex::new(None);
    if is_news(&TOLD, fault)
        && let Some(fault) = fault
    {
        tracing::warn!(%fault, "audit.log is full, and no new one can be begun: the trail goes on in it");
    }
}

/// Whether that is another fault than the one that was told, or the first one since all was well.
fn is_news(told: &Mutex<Option<String>>, fault: Option<&io::Error>) -> bool {
    let (now, mut told) = (fault.map(io::Error::to_string), told.lock().unwrap_or_else(PoisonError::into_inner));
    let is_news = *told != now && now.is_some();
    *told = now;
    is_news
}

/// Puts the full log aside.
pub(super) fn turn(log: &Locked, folder: &Path, last: &Head, event: &Event) -> Result<Turned, AuditFault> {
    let name = file::full_name(last.seq);
    let detail = BTreeMap::from([("file".to_owned(), name.clone()), ("last_entry".to_owned(), last.seq.to_string())]);
    let object = file::LOG.to_owned();
    let event = Event { action: Action::TrailContinued, object, detail, ..event.clone() };
    let first = Entry::following(last, &event);
    let (beside, mut new) = match file::beside(folder, file::LOG) {
        Ok(made) => made,
        Err(fault) => return Ok(Turned::Not(fault)),
    };
    let turned = (|| -> io::Result<Locked> {
        new.write_all((first.line() + "\n").as_bytes())?;
        new.sync_all()?;
        // Held before anybody can find it: its first entry is not in the head yet.
        let new = Locked::exclusive(new, folder).map_err(io::Error::other)?;
        aside(log, folder, &name)?;
        fs::rename(&beside, folder.join(file::LOG))?;
        Ok(new)
    })();
    let new = match turned {
        Ok(new) => new,
        Err(fault) => {
            let _ = fs::remove_file(&beside);
            return Ok(Turned::Not(fault));
        }
    };
    file::sync(folder).map_err(|fault| AuditFault::io(folder, fault))?;
    head::write(folder, &first.head())?;
    Ok(Turned::To(new, first.head()))
}

/// Gives the log its second name. That it has it already is what a killed writer left.
fn aside(log: &Locked, folder: &Path, name: &str) -> io::Result<()> {
    let path = folder.join(name);
    for other in file::full_names(folder).map_err(io::Error::other)? {
        let other = folder.join(other);
        let is_log = |found: Option<fs::File>| found.is_some_and(|found| log.is(&found));
        // One file under two numbers would stand in two places of the chain.
        if other != path && is_log(file::open_to_read(&other).map_err(io::Error::other)?) {
            fs::remove_file(other)?;
        }
    }
    match fs::hard_link(folder.join(file::LOG), &path) {
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => match file::open_to_read(&path) {
            Ok(Some(found)) if log.is(&found) => Ok(()),
            _ => Err(fault),
        },
        linked => linked,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests do to the files what others might")]
pub(super) mod tests {
    use super::{
        super::{Flaw, Kind, Stored, Trail, tests::event},
        *,
    };

    /// Three entries of the tests, or four.
    const SMALL: Full = Full { octets: 1200, age: Full::YEAR };

    pub(in crate::audit) fn trail(folder: &Path) -> Trail {
        Trail { folder: folder.to_owned(), full: SMALL }
    }

    /// `count` entries about `1`, `2`, …, in as many files as they need.
    pub(in crate::audit) fn place(count: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for number in 1..=count {
            trail(folder.path()).append(&event(&number.to_string())).unwrap();
        }
        folder
    }

    pub(in crate::audit) fn names(folder: &Path) -> Vec<String> {
        file::full(folder).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    fn read(folder: &Path) -> (Vec<Entry>, Vec<(String, Flaw)>) {
        let mut stored = Stored::open(folder).unwrap().unwrap();
        let (mut entries, mut flaws) = (Vec::new(), Vec::new());
        while let Some(step) = stored.next_step().unwrap() {
            entries.extend(step.entry);
            flaws.extend(step.flaws.into_iter().map(|flaw| (step.file.to_string(), flaw)));
        }
        flaws.extend(stored.finish().flaws.into_iter().map(|flaw| (file::LOG.to_owned(), flaw)));
        (entries, flaws)
    }

    /// What was said, without what the trail says of itself.
    pub(in crate::audit) fn said(entries: &[Entry]) -> Vec<String> {
        entries.iter().filter(|entry| entry.action != "trail_continued").map(|entry| entry.object.clone()).collect()
    }

    #[test]
    fn a_full_log_stays_under_a_number_and_the_chain_goes_on_behind_it() {
        let folder = place(12);
        let full = names(folder.path());
        assert!(full.len() >= 2, "{full:?}");
        let (entries, flaws) = read(folder.path());
        assert_eq!(flaws, []);
        assert_eq!(said(&entries), (1..=12).map(|number| number.to_string()).collect::<Vec<_>>());
        let numbers: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        let turned = entries.iter().find(|entry| entry.action == "trail_continued").unwrap();
        assert_eq!((&turned.detail["file"], turned.seq - 1), (&full[0], turned.detail["last_entry"].parse().unwrap()));
        assert_eq!(turned.account, "root", "whoever wrote next");
        // By age, however short it is.
        let folder = place(1);
        let late = Event { at: event("x").at + Full::YEAR + 1, ..event("x") };
        trail(folder.path()).append(&late).unwrap();
        assert_eq!(names(folder.path()), [file::full_name(1)]);
    }

    /// Every damage is found in the file in which it is.
    #[test]
    fn a_missing_cut_moved_or_changed_file_is_found() {
        type Damage = fn(&Path, &[String]);
        /// What, how, in which file it is found (none of the full ones: the log), and as what.
        type Case = (&'static str, Damage, usize, fn(&Kind) -> bool);
        fn change(folder: &Path, name: &str, change: impl Fn(&mut Vec<u8>)) {
            let mut octets = fs::read(folder.join(name)).unwrap();
            change(&mut octets);
            fs::write(folder.join(name), octets).unwrap();
        }
        let table: [Case; 7] = [
            (
                "the first is gone",
                |folder, full| fs::remove_file(folder.join(&full[0])).unwrap(),
                1,
                |kind| matches!(kind, Kind::Missing { first: 1, .. }),
            ),
            (
                "one is gone",
                |folder, full| fs::remove_file(folder.join(&full[1])).unwrap(),
                2,
                |kind| matches!(kind, Kind::Missing { .. }),
            ),
            (
                "a line's end is cut off",
                |folder, full| change(folder, &full[1], |octets| octets.truncate(octets.len() - 5)),
                1,
                |kind| *kind == Kind::Torn,
            ),
            (
                "its last line is cut off",
                |folder, full| {
                    change(folder, &full[1], |octets| {
                        let end = memchr::memrchr(b'\n', &octets[..octets.len() - 1]).unwrap();
                        octets.truncate(end + 1);
                    });
                },
                2,
                |kind| matches!(kind, Kind::Missing { first, last } if first == last),
            ),
            (
                "an octet is another",
                |folder, full| change(folder, &full[1], |octets| octets[90] ^= 1),
                1,
                |kind| matches!(kind, Kind::Altered | Kind::NotAnEntry(_)),
            ),
            (
                "two changed places",
                |folder, full| {
                    let [one, other] = [&full[0], &full[1]].map(|name| folder.join(name));
                    fs::rename(&one, folder.join("x")).unwrap();
                    fs::rename(&other, &one).unwrap();
                    fs::rename(folder.join("x"), &other).unwrap();
                },
                0,
                |kind| matches!(kind, Kind::Missing { .. }),
            ),
            (
                "the log is gone",
                |folder, _| fs::remove_file(folder.join(file::LOG)).unwrap(),
                usize::MAX,
                |kind| matches!(kind, Kind::TailMissing { .. }),
            ),
        ];
        for (what, damage, at, meant) in table {
            let folder = place(14);
            let full = names(folder.path());
            assert!(full.len() >= 3, "{full:?}");
            damage(folder.path(), &full);
            let (_, flaws) = read(folder.path());
            let found = flaws.first().unwrap_or_else(|| panic!("{what} is not seen"));
            assert!(meant(&found.1.kind), "{what}: {found:?}");
            let expected = full.get(at).map_or(file::LOG, String::as_str);
            assert_eq!(found.0, expected, "{what}");
        }
    }

    /// What stands in the way is somebody else's and is left alone; nothing that is to be audited waits for it.
    #[test]
    fn a_log_that_cannot_turn_goes_on_and_turns_later() {
        let folder = tempfile::tempdir().unwrap();
        let foreign: Vec<_> = (1..=20).map(|number| folder.path().join(file::full_name(number))).collect();
        foreign.iter().for_each(|path| fs::write(path, "x\n").unwrap());
        for number in 1..=12 {
            trail(folder.path()).append(&event(&number.to_string())).unwrap();
        }
        let log = fs::read_to_string(folder.path().join(file::LOG)).unwrap();
        assert_eq!(log.lines().count(), 12, "in the old file");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 22, "nothing is left beside them");
        for path in foreign {
            assert_eq!(fs::read(&path).unwrap(), b"x\n");
            fs::remove_file(path).unwrap();
        }
        trail(folder.path()).append(&event("13")).unwrap();
        assert_eq!(names(folder.path()), [file::full_name(12)]);
        let (entries, flaws) = read(folder.path());
        assert_eq!((said(&entries).len(), flaws), (13, vec![]));
    }

    #[test]
    fn why_a_log_cannot_turn_is_told_once() {
        let told = Mutex::new(None);
        let [full, link] = [io::Error::other("full"), io::Error::other("no links")];
        let all = [None, Some(&full), Some(&full), Some(&link), None, Some(&link), Some(&link)];
        assert_eq!(all.map(|fault| is_news(&told, fault)), [false, true, false, true, false, true, false]);
    }

    /// A log that is full turns at the next entry; one that has more than that did not.
    #[test]
    fn a_log_that_ought_to_have_turned_is_seen_by_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let overlong = || super::super::overlong(folder.path()).unwrap();
        assert_eq!(overlong(), None);
        let log = fs::File::create(folder.path().join(file::LOG)).unwrap();
        for (length, is) in [(FULL - 1, false), (FULL + LINE - 1, false), (FULL + LINE, true)] {
            log.set_len(length).unwrap();
            assert_eq!(overlong(), is.then_some(length));
        }
    }

    /// Each has its own file descriptions, as processes have.
    #[test]
    fn writers_lose_nothing_while_one_of_them_turns() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..6 {
                let folder = folder.path();
                scope.spawn(move || {
                    (0..20).for_each(|number| {
                        trail(folder).append(&event(&format!("{writer}/{number}"))).unwrap();
                    });
                });
            }
        });
        let (entries, flaws) = read(folder.path());
        assert_eq!(flaws, []);
        assert!(names(folder.path()).len() > 10);
        for writer in 0..6 {
            let prefix = format!("{writer}/");
            let own: Vec<_> = entries.iter().filter_map(|entry| entry.object.strip_prefix(&prefix)).collect();
            assert_eq!(own, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
        }
    }

    /// Wherever a writer is killed while it turns, nothing is read twice, nothing is lost, and the next one goes on.
    #[test]
    fn a_writer_that_is_killed_while_it_turns_leaves_a_sound_trail() {
        // Behind the second name, before the new file.
        let folder = place(3);
        let log = folder.path().join(file::LOG);
        let last = read(folder.path()).0.len() as u64;
        fs::hard_link(&log, folder.path().join(file::full_name(last))).unwrap();
        assert_eq!((said(&read(folder.path()).0).len(), read(folder.path()).1), (3, vec![]));
        for number in 4..=9 {
            trail(folder.path()).append(&event(&number.to_string())).unwrap();
        }
        assert_eq!((said(&read(folder.path()).0).len(), read(folder.path()).1), (9, vec![]));
        // Two names of the one log, the older of them of a turn that was given up.
        let folder = place(2);
        fs::hard_link(folder.path().join(file::LOG), folder.path().join(file::full_name(1))).unwrap();
        for number in 3..=9 {
            trail(folder.path()).append(&event(&number.to_string())).unwrap();
        }
        assert_eq!((said(&read(folder.path()).0).len(), read(folder.path()).1), (9, vec![]));
        // Behind the new file, before the head.
        let folder = place(3);
        while names(folder.path()).is_empty() {
            fs::write(folder.path().join("kept"), fs::read(folder.path().join(file::HEAD)).unwrap()).unwrap();
            trail(folder.path()).append(&event("more")).unwrap();
        }
        let octets = fs::read(folder.path().join(file::LOG)).unwrap();
        let first = memchr::memchr(b'\n', &octets).unwrap() + 1;
        fs::write(folder.path().join(file::LOG), &octets[..first]).unwrap();
        fs::copy(folder.path().join("kept"), folder.path().join(file::HEAD)).unwrap();
        assert_eq!(read(folder.path()).1, []);
        trail(folder.path()).append(&event("again")).unwrap();
        let (entries, flaws) = read(folder.path());
        assert_eq!((flaws, entries.last().unwrap().object.as_str()), (vec![], "again"));
    }

    /// What is wrong with the new file's end is mended as ever, though its first line does not begin the trail.
    #[test]
    fn a_torn_line_behind_a_turn_is_cut_and_told() {
        let mut folder = place(4);
        while names(folder.path()).is_empty() {
            folder = place(6);
        }
        let log = folder.path().join(file::LOG);
        let mut octets = fs::read(&log).unwrap();
        octets.extend_from_slice(b"{\"seq\":");
        fs::write(&log, octets).unwrap();
        trail(folder.path()).append(&event("again")).unwrap();
        let (entries, flaws) = read(folder.path());
        assert_eq!(flaws, []);
        assert!(entries.iter().any(|entry| entry.action == "trail_repaired"), "{entries:?}");
    }
}
