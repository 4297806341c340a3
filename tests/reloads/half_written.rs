//! What a writer has not finished is never in force: the history shows only sets that somebody meant.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
    thread::sleep,
    time::Duration,
};

use crate::{
    sets::rule,
    support::{gateway::Setup, sink::Sink, trace::sha256, waiting::wait_until},
    watch::{history, status},
};

/// A file of so many rules; each version of it has names and words of its own. Cut behind any of its rules, it is a good file.
fn file(version: usize, rules: usize) -> String {
    (0..rules).map(|nth| rule(&format!("V{version}-{nth}"), &format!("palavra{version}x{nth}"), "tag")).collect()
}

/// Writes in so many pieces, with pauses between them.
fn in_pieces(mut file: File, text: &str, pieces: usize, pause: Duration) {
    for piece in text.as_bytes().chunks(text.len().div_ceil(pieces)) {
        file.write_all(piece).unwrap();
        sleep(pause);
    }
}

fn truncated(place: &Path) -> File {
    OpenOptions::new().write(true).truncate(true).create(true).open(place).unwrap()
}

type Writer = (&'static str, fn(&Path, &str));

/// How programs write: each is slow, and none announces itself.
const WRITERS: [Writer; 5] = [
    ("like scp: in place, in forty pieces over six seconds", |place, text| {
        in_pieces(truncated(place), text, 40, Duration::from_millis(150));
    }),
    ("like `cat >`: emptied, and filled three seconds later", |place, text| {
        let file = truncated(place);
        sleep(Duration::from_secs(3));
        in_pieces(file, text, 1, Duration::ZERO);
    }),
    ("like an editor without a backup: emptied, written in pieces, synced", |place, text| {
        let file = truncated(place);
        in_pieces(file.try_clone().unwrap(), text, 5, Duration::from_millis(400));
        file.sync_all().unwrap();
    }),
    (
        "like an editor with one: the old file gets another name, and the new one is there three seconds later",
        |place, text| {
            let backup = place.with_extension("toml~");
            fs::rename(place, &backup).unwrap();
            sleep(Duration::from_secs(3));
            in_pieces(truncated(place), text, 3, Duration::from_millis(100));
            fs::remove_file(backup).unwrap();
        },
    ),
    ("like rsync: beside, under a hidden name, then renamed", |place, text| {
        let beside = place.with_file_name(".a.toml.Xy12");
        in_pieces(truncated(&beside), text, 30, Duration::from_millis(100));
        fs::rename(beside, place).unwrap();
    }),
];

#[test]
fn only_sets_that_somebody_meant_are_ever_in_force() {
    let sink = Sink::start();
    let first = file(0, 30);
    let gateway = Setup::new(sink.port()).rules("subjects/a.toml", &first).watches().start();
    let place = gateway.rules_folder().join("subjects/a.toml");
    let mut meant = BTreeSet::from([sha256(first.as_bytes())]);
    let newest = || history(&gateway)[0]["files"][0]["sha256"].as_str().unwrap().to_owned();
    for (version, (what, write)) in WRITERS.iter().enumerate() {
        let text = file(version + 1, 30);
        meant.insert(sha256(text.as_bytes()));
        write(&place, &text);
        wait_until(what, Duration::from_secs(30), || newest() == sha256(text.as_bytes()));
    }
    let entries = history(&gateway);
    for entry in &entries {
        let files = entry["files"].as_array().unwrap();
        assert_eq!(files.len(), 1, "{entry:#}");
        assert!(meant.contains(files[0]["sha256"].as_str().unwrap()), "nobody meant this one: {entry:#}");
    }
    assert_eq!(entries.len(), WRITERS.len() + 1, "each came into force once");
    assert!(status(&gateway)["reload_fault"].is_null());
    let log = gateway.log();
    assert_eq!(log.matches("rules and lists have faults").count(), 0, "nor was half a file told of as a fault:\n{log}");
}

/// A file that is touched every moment does not keep a change of another one out; one that grows for ever is told of.
#[test]
fn a_file_that_never_rests_keeps_nobody_out_and_one_that_grows_on_and_on_is_told_of() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).rules("subjects/a.toml", &file(0, 1)).watches().start();
    let (touched, changed) =
        (gateway.rules_folder().join("mailboxes.toml"), gateway.rules_folder().join("subjects/a.toml"));
    let text = file(1, 2);
    fs::write(&changed, &text).unwrap();
    let mut rounds = 0;
    while history(&gateway)[0]["files"]
        .as_array()
        .unwrap()
        .iter()
        .all(|it| it["sha256"] != sha256(text.as_bytes()).as_str())
    {
        fs::write(&touched, "# nobody\n").unwrap();
        sleep(Duration::from_millis(200));
        rounds += 1;
        assert!(rounds < 400, "the change never came into force:\n{}", gateway.log());
    }
    assert!(rounds > 50, "it rested for a moment, and nothing was tried: {rounds}");

    let mut grows = OpenOptions::new().append(true).open(&touched).unwrap();
    for _ in 0..400 {
        writeln!(grows, "# more").unwrap();
        sleep(Duration::from_millis(150));
        if gateway.log().contains("do not stay the same while they are read") {
            break;
        }
    }
    assert!(gateway.log().contains("do not stay the same while they are read"), "{}", gateway.log());
    assert!(status(&gateway)["reload_fault"].as_str().unwrap().contains("somebody writes them all the time"));
    wait_until("it rests", Duration::from_secs(30), || status(&gateway)["reload_fault"].is_null());
}
