//! What is read on is read once, in order, wherever the files are cut, renamed, exchanged or named oddly.
#![expect(clippy::disallowed_methods, reason = "tests do to the files what others might")]

use std::fs;

use super::{
    super::{Trail, file, tests::event, turning::tests as turned},
    *,
};

/// Everything that there is to read on, in steps of `count`, and no more steps than there can be.
fn all(follower: &mut Follower, count: usize) -> Vec<Entry> {
    let mut all = Vec::new();
    for _ in 0..2000 {
        let some = follower.read_on(count).unwrap();
        assert!(some.len() <= count);
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
    panic!("without end: {} entries", all.len());
}

fn objects(entries: &[Entry]) -> Vec<String> {
    turned::said(entries)
}

fn numbers(range: std::ops::RangeInclusive<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn size(folder: &Path) -> u64 {
    let logs =
        fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|it| it.path().extension() == Some("log".as_ref()));
    logs.map(|log| log.metadata().unwrap().len()).sum()
}

/// A trail of many files costs its size once, and an entry that comes later the line before it and itself.
#[test]
fn nothing_is_read_twice() {
    let folder = turned::place(60);
    assert!(turned::names(folder.path()).len() >= 12);
    let whole = size(folder.path());
    let mut follower = Follower::behind(folder.path(), None);
    let entries = all(&mut follower, 7);
    assert_eq!(objects(&entries), numbers(1..=60));
    // A step begins with the line before it: 60 entries and those of the turns, in steps of 7.
    assert!(follower.octets() < whole + whole / 4, "{} of {whole}", follower.octets());
    let before = follower.octets();
    (0..50).for_each(|_| assert_eq!(follower.read_on(100).unwrap(), []));
    assert_eq!(follower.octets(), before, "nothing new, nothing read");
    turned::trail(folder.path()).append(&event("61")).unwrap();
    assert_eq!(objects(&all(&mut follower, 100)), ["61"]);
    assert!(follower.octets() - before < 4 * 600, "{}", follower.octets() - before);
}

/// After a restart: the files of before are not opened, and where the entry stands is found without reading what is there as entries.
#[test]
fn one_begins_behind_any_entry() {
    let folder = turned::place(30);
    let entries = all(&mut Follower::behind(folder.path(), None), 1000);
    let whole = size(folder.path());
    for (nth, entry) in entries.iter().enumerate() {
        let mut follower = Follower::behind(folder.path(), Some(entry.head()));
        assert_eq!(all(&mut follower, 3), entries[nth + 1..], "{nth}");
    }
    let mut late = Follower::behind(folder.path(), Some(entries.last().unwrap().head()));
    assert_eq!(all(&mut late, 3), []);
    assert!(late.octets() < whole / 4, "{} of {whole}", late.octets());
    // An entry that is not there: another trail.
    let unknown = Head { seq: 3, hash: super::super::Hash::of(b"x") };
    assert_eq!(all(&mut Follower::behind(folder.path(), Some(unknown)), 3), entries);
}

/// One that stops anywhere goes on there while the trail grows and turns to new files under it.
#[test]
fn the_log_may_get_another_name_meanwhile() {
    for step in [1, 2, 5] {
        let folder = tempfile::tempdir().unwrap();
        let mut follower = Follower::behind(folder.path(), None);
        let mut entries = Vec::new();
        for number in 1..=40 {
            turned::trail(folder.path()).append(&event(&number.to_string())).unwrap();
            if number % 3 == 0 {
                entries.extend(follower.read_on(step).unwrap());
            }
        }
        entries.extend(all(&mut follower, step));
        assert_eq!(objects(&entries), numbers(1..=40), "{step}");
        let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, (1..=entries.len() as u64).collect::<Vec<_>>(), "{step}");
    }
}

/// A name is where one looks, and nothing that is believed: whatever number it has, every entry comes, and there is an end.
#[test]
fn odd_names_keep_nothing_back_and_have_an_end() {
    let rename = |folder: &Path, from: &str, to: &str| fs::rename(folder.join(from), folder.join(to)).unwrap();
    type Odd<'a> = (&'a str, Box<dyn Fn(&Path, &[String])>);
    let table: [Odd; 6] = [
        ("too low", Box::new(move |folder, full| rename(folder, full.last().unwrap(), "audit-000000000001.log"))),
        ("too high", Box::new(move |folder, full| rename(folder, &full[0], "audit-000099999999.log"))),
        (
            "too long to be a number",
            Box::new(|folder, _| fs::write(folder.join("audit-99999999999999999999999.log"), "x\n").unwrap()),
        ),
        ("not a number", Box::new(|folder, _| fs::write(folder.join("audit-+5.log"), "x\n").unwrap())),
        (
            "two names, and another file between them",
            Box::new(|folder, full| {
                fs::hard_link(folder.join(&full[0]), folder.join("audit-000099999999.log")).unwrap()
            }),
        ),
        (
            "a second name of the log",
            Box::new(|folder, _| fs::hard_link(folder.join(file::LOG), folder.join("audit-000000000002.log")).unwrap()),
        ),
    ];
    for (what, odd) in table {
        let folder = turned::place(20);
        let entries = all(&mut Follower::behind(folder.path(), None), 1000);
        odd(folder.path(), &turned::names(folder.path()));
        for step in [1, 4, 1000] {
            let mut found = all(&mut Follower::behind(folder.path(), None), step);
            found.sort_by_key(|entry| entry.seq);
            assert_eq!(found, entries, "{what}, {step}");
        }
        for entry in &entries {
            let found = all(&mut Follower::behind(folder.path(), Some(entry.head())), 4);
            assert!(found.len() <= entries.len(), "{what}, behind {}", entry.seq);
        }
    }
}

/// What stands where one stopped is looked at before one goes on.
#[test]
fn a_file_that_was_exchanged_or_cut_is_read_from_its_beginning() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let append = |folder: &Path, object: &str| drop(Trail::open(folder).unwrap().append(&event(object)).unwrap());
    (1..=5).for_each(|number| append(folder.path(), &number.to_string()));
    ["a", "b", "c", "d", "e", "f", "g"].iter().for_each(|object| append(other.path(), object));
    let mut follower = Follower::behind(folder.path(), None);
    assert_eq!(objects(&all(&mut follower, 10)), numbers(1..=5));
    // In place, and longer than before.
    fs::write(folder.path().join(file::LOG), fs::read(other.path().join(file::LOG)).unwrap()).unwrap();
    assert_eq!(objects(&all(&mut follower, 10)), ["a", "b", "c", "d", "e", "f", "g"]);
    // Cut, and then gone on with.
    let lines = fs::read_to_string(folder.path().join(file::LOG)).unwrap();
    let kept: String = lines.split_inclusive('\n').take(2).collect();
    fs::write(folder.path().join(file::LOG), kept).unwrap();
    assert_eq!(objects(&all(&mut follower, 10)), ["a", "b"]);
    // Put away, and begun anew; and put away, and nothing since.
    for name in [file::LOG, file::HEAD] {
        fs::rename(folder.path().join(name), folder.path().join(format!("{name}.old"))).unwrap();
    }
    assert_eq!(follower.read_on(10).unwrap(), []);
    append(folder.path(), "anew");
    assert_eq!(objects(&all(&mut follower, 10)), ["anew"]);
}

/// A killed writer's half line, and what is no line at all, are passed; what the next writer makes of them is read.
#[test]
fn half_lines_and_foreign_lines_are_passed() {
    let folder = tempfile::tempdir().unwrap();
    let append = |object: &str| drop(Trail::open(folder.path()).unwrap().append(&event(object)).unwrap());
    let put = |octets: &[u8]| {
        let mut log = fs::OpenOptions::new().append(true).open(folder.path().join(file::LOG)).unwrap();
        io::Write::write_all(&mut log, octets).unwrap();
    };
    append("1");
    let mut follower = Follower::behind(folder.path(), None);
    put(b"{\"seq\":2,\"at\":");
    assert_eq!(objects(&all(&mut follower, 10)), ["1"]);
    let before = follower.octets();
    (0..10).for_each(|_| assert_eq!(follower.read_on(10).unwrap(), []));
    assert_eq!(follower.octets(), before, "the half line is not read again and again");
    append("2");
    assert_eq!(objects(&all(&mut follower, 10)), ["audit.log", "2"]);
    // More of it than a step has room for.
    put(&[b"x".repeat(1000), b"\n".to_vec()].concat().repeat(3000));
    append("3");
    assert_eq!(objects(&all(&mut follower, 10)), ["audit.log", "3"]);
}

/// Writers of their own file descriptions, as processes have, turn to new files while one reads on.
#[test]
fn one_reads_on_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let mut follower = Follower::behind(folder.path(), None);
    let mut entries = Vec::new();
    std::thread::scope(|scope| {
        let writer = |writer: u32| {
            let folder = folder.path();
            scope.spawn(move || {
                (0..15).for_each(|number| {
                    drop(turned::trail(folder).append(&event(&format!("{writer}/{number}"))).unwrap())
                });
            })
        };
        let writers: Vec<_> = (0..3).map(writer).collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            entries.extend(follower.read_on(3).unwrap());
        }
    });
    entries.extend(all(&mut follower, 3));
    assert_eq!(objects(&entries).len(), 45);
    let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..=entries.len() as u64).collect::<Vec<_>>(), "each once, in order");
}
