//! `journal::Reader`: any octets between and behind good lines are passed over, each told once, and no good line is lost.

#![expect(clippy::disallowed_methods, reason = "a journal is files")]

use std::{fs, path::PathBuf, sync::LazyLock};

use portaria::{
    journal::{Entry, Position, Reader, Step},
    record::{Cause, ClientFacts, Ending, Record, TransactionId},
};

use crate::choices::Choices;

/// A folder of this process.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("portaria-fuzz-journal-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
});

/// The octets stand in a segment: between good lines; and behind one, where its end was never written.
pub fn journal_reader(data: &[u8]) {
    let mut choices = Choices::of(data);
    // A line above the bound is more than a mutator writes.
    let long = if choices.once_in(1000) { vec![b' '; 9 << 20] } else { Vec::new() };
    let between = [&line(1), data, &long, b"\n", &line(2)].concat();
    let torn = [&line(3), data].concat();
    let segments = [between, torn, line(4)];
    for (at, octets) in segments.iter().enumerate() {
        fs::write(FOLDER.join(format!("{:010}.journal", at + 1)), octets).expect("a segment");
    }
    let steps = read();
    let good: Vec<u64> = steps.iter().filter_map(|step| step.entry.as_ref().ok().and_then(number)).collect();
    let ours: Vec<u64> = good.iter().copied().filter(|number| (1..=4).contains(number)).collect();
    // The octets may repeat good lines, but take none away.
    let mut wanted = [1, 2, 3, 4].iter().peekable();
    for number in &ours {
        wanted.next_if(|next| *next == number);
    }
    assert!(wanted.peek().is_none(), "{ours:?}");
    assert_eq!(steps.len(), segments.iter().map(|octets| lines(octets)).sum::<usize>(), "a line is told once");
    check_places(&steps, &segments);
}

fn check_places(steps: &[Step], segments: &[Vec<u8>]) {
    let mut last = Position { segment: 0, offset: 0 };
    for step in steps {
        assert!(step.next > last, "{:?} behind {last:?}", step.next);
        last = step.next;
        let segment = &segments[step.next.segment as usize - 1];
        assert!(step.next.offset as usize <= segment.len());
        let ends = step.next.offset as usize;
        assert!(segment[ends - 1] == b'\n' || ends == segment.len(), "between two lines");
        if let Err(damaged) = &step.entry {
            assert!(damaged.snippet.chars().count() <= 200 && !damaged.fault.is_empty(), "{damaged:?}");
            assert!(damaged.position < step.next);
        }
    }
}

fn read() -> Vec<Step> {
    let mut reader = Reader::new(&FOLDER, Position::default());
    let mut steps = Vec::new();
    while let Some(step) = reader.next_step().expect("files that can be read") {
        assert_eq!(reader.position(), step.next);
        steps.push(step);
        assert!(steps.len() < 10_000);
    }
    steps
}

/// Lines, the last one whole or not.
fn lines(octets: &[u8]) -> usize {
    octets.split_inclusive(|&octet| octet == b'\n').count()
}

fn number(entry: &Entry) -> Option<u64> {
    match entry {
        Entry::Outcome(record) => record.size,
        Entry::Intent(_) | Entry::Counts(_) => None,
    }
}

/// A good line, which says `number`.
pub fn line(number: u64) -> Vec<u8> {
    let record = Record {
        id: TransactionId::new(1_795_258_800_000, u128::from(number)),
        began: 1,
        ended: 2,
        client: ClientFacts {
            listener: "0.0.0.0:25".to_owned(),
            address: "192.0.2.1".parse().expect("an address"),
            port: 1,
            name: None,
            announced_by: None,
            hello: "c".to_owned(),
            tls: None,
        },
        application: None,
        reverse_path: "a@b.example".to_owned(),
        reverse_path_mailbox: None,
        recipients: Vec::new(),
        subjects: Vec::new(),
        hidden_subjects: None,
        list_ids: None,
        message_id: None,
        size: Some(number),
        sha256: None,
        policy: "x".to_owned(),
        rules: Vec::new(),
        scanners: Vec::new(),
        next_hop: None,
        ending: Ending::Relayed,
        cause: Cause::Nothing,
        tagged: None,
        reply: None,
        quarantined: false,
    };
    let mut line = serde_json::to_vec(&Entry::Outcome(Box::new(record))).expect("JSON");
    line.push(b'\n');
    line
}
