//! What the journal promises, with the ways in which it is torn.

#![expect(clippy::disallowed_methods, reason = "the tests tear files themselves")]

use std::io::Write;

use super::*;
use crate::record::{Cause, attempts::Count, sample};

mod handed_over;
mod stalled;

fn intent(number: u64) -> Intent {
    Intent { record: sample::record(number) }
}

/// All entries from the start, as `i7` and `o7`; damage as `!`.
fn read_all(folder: &Path) -> String {
    let mut reader = Reader::new(folder, Position::default());
    let mut read = Vec::new();
    while let Some(step) = reader.next_step().unwrap() {
        assert_eq!(step.next, reader.position());
        read.push(match step.entry {
            Ok(Entry::Intent(intent)) => format!("i{}", intent.record.began - sample::BEGAN),
            Ok(Entry::Counts(counts)) => format!("c{}", counts.rows.len()),
            Ok(Entry::Outcome(record)) => format!("o{}", record.began - sample::BEGAN),
            Err(_) => "!".to_owned(),
        });
    }
    read.join(" ")
}

fn segment_file(folder: &Path, number: u64) -> PathBuf {
    segment::path(folder, number)
}

/// What is appended stands in the file when the append returns, in order, and says the same when it is read.
#[tokio::test]
async fn entries_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, recovery) = Journal::open(folder.path()).unwrap();
    assert_eq!(recovery, Recovery { first_segment: 1, earlier: 0, torn: vec![] });
    let mut record = sample::record(1);
    record.subjects.push("line\nbreak\0nul".to_owned());
    record.cause = Cause::Scanner { verdict: record.scanners[0].verdict.clone() };

    journal.append_intent(intent(1)).await.unwrap();
    journal.append_outcome(record.clone(), false).await.unwrap();
    let text = std::fs::read_to_string(segment_file(folder.path(), 1)).unwrap();
    assert!(text.starts_with("{\"intent\":{\"record\":{\"id\":"));
    assert_eq!(text.lines().count(), 2);

    let mut reader = journal.reader(Position::default());
    assert_eq!(reader.next_step().unwrap().unwrap().entry, Ok(Entry::Intent(Box::new(intent(1)))));
    let second = reader.next_step().unwrap().unwrap();
    assert_eq!(second.entry, Ok(Entry::Outcome(Box::new(record))));
    assert_eq!(second.next, Position { segment: 1, offset: text.len() as u64 });
    assert_eq!(reader.next_step().unwrap(), None);

    let row = Count {
        minute: 60_000,
        network: "2001:db8::/64".to_owned(),
        listener: "0.0.0.0:25".to_owned(),
        reason: "no_mail".to_owned(),
        count: u64::MAX,
    };
    let counts = Counts { id: sample::id(9), rows: vec![row] };
    journal.append_counts(counts.clone()).await.unwrap();
    assert_eq!(reader.next_step().unwrap().unwrap().entry, Ok(Entry::Counts(counts)));

    journal.append_outcome(sample::record(3), false).await.unwrap();
    let third = reader.next_step().unwrap().unwrap();
    assert!(matches!(third.entry, Ok(Entry::Outcome(_))), "a reader at the end goes on when there is more");
}

/// A line that a kill cut off is told, stays alone in its segment, and hides nothing.
#[tokio::test]
async fn a_torn_line_is_told_and_never_merged() {
    let folder = tempfile::tempdir().unwrap();
    let whole = serde_json::to_string(&Entry::Intent(Box::new(intent(1)))).unwrap();
    std::fs::create_dir_all(folder.path()).unwrap();
    for cut in [1, whole.len() / 2, whole.len()] {
        std::fs::write(segment_file(folder.path(), 7), format!("{whole}\n{}", &whole[..cut])).unwrap();
        let (journal, recovery) = Journal::open(folder.path()).unwrap();
        let position = Position { segment: 7, offset: whole.len() as u64 + 1 };
        assert_eq!(
            recovery,
            Recovery { first_segment: 8, earlier: 1, torn: vec![Torn { position, length: cut as u64 }] }
        );
        journal.append_outcome(sample::record(2), true).await.unwrap();
        assert_eq!(read_all(folder.path()), "i1 ! o2", "cut at {cut}");
        assert_eq!(
            Reader::new(folder.path(), position).next_step().unwrap().unwrap().entry.unwrap_err().position,
            position
        );
        journal.close().await;
        drop(journal);
        std::fs::remove_file(segment_file(folder.path(), 8)).unwrap();
    }
}

/// A long torn line is found from behind, over several reads.
#[tokio::test]
async fn a_long_torn_line_is_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(segment_file(folder.path(), 1), format!("{{}}\n{}", "x".repeat(200_000))).unwrap();
    let (_journal, recovery) = Journal::open(folder.path()).unwrap();
    let expected = Torn { position: Position { segment: 1, offset: 3 }, length: 200_000 };
    assert_eq!(recovery.torn, vec![expected]);
}

/// The end of the newest segment is not damage while it may still be written.
#[tokio::test]
async fn a_line_in_the_making_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("{}\n", serde_json::to_string(&Entry::Intent(Box::new(intent(1)))).unwrap());
    let (start, end) = line.split_at(100);
    let mut file = std::fs::File::create(segment_file(folder.path(), 1)).unwrap();
    file.write_all(start.as_bytes()).unwrap();
    let mut reader = Reader::new(folder.path(), Position::default());
    assert_eq!(reader.next_step().unwrap(), None);
    assert_eq!(reader.position(), Position { segment: 1, offset: 0 });
    file.write_all(end.as_bytes()).unwrap();
    assert!(reader.next_step().unwrap().unwrap().entry.is_ok());
}

/// Junk, an unknown kind and a line above the bound are told with their place, and the lines behind them are read.
#[tokio::test]
async fn damage_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let good = serde_json::to_string(&Entry::Outcome(Box::new(sample::record(5)))).unwrap();
    let overlong = "y".repeat(LINE + 10);
    let text = format!("{good}\n\u{1b}[2Jjunk\n{{\"later\":1}}\n\n{overlong}\n{good}\n");
    std::fs::write(segment_file(folder.path(), 3), text).unwrap();
    std::fs::write(segment_file(folder.path(), 4), format!("{good}\n")).unwrap();
    assert_eq!(read_all(folder.path()), "o5 ! ! ! ! o5 o5");

    let mut reader = Reader::new(folder.path(), Position { segment: 3, offset: good.len() as u64 + 1 });
    let damaged = reader.next_step().unwrap().unwrap().entry.unwrap_err();
    assert_eq!(damaged.snippet, "\u{1b}[2Jjunk");
}

/// A segment ends at 16 MiB; what is loaded is removed, and never the segment that is written.
#[tokio::test]
async fn segments_rotate_and_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let mut record = sample::record(1);
    record.subjects = vec!["s".repeat(6 * 1024 * 1024)];
    for _ in 0..6 {
        journal.append_outcome(record.clone(), false).await.unwrap();
    }
    assert_eq!(segment::numbers(folder.path()).unwrap(), [1, 2, 3]);
    assert_eq!(read_all(folder.path()), "o1 o1 o1 o1 o1 o1");
    assert_eq!(journal.remove_before(2).unwrap(), 1);
    assert_eq!(journal.remove_before(100).unwrap(), 1);
    assert_eq!(segment::numbers(folder.path()).unwrap(), [3]);
    assert_eq!(read_all(folder.path()), "o1 o1");

    record.subjects = vec!["s".repeat(LINE)];
    let fault = journal.append_outcome(record.clone(), false).await.unwrap_err();
    assert_eq!(fault.kind(), io::ErrorKind::InvalidInput);
}

/// What is written can be read: writer and reader have one bound, the newline counted.
#[tokio::test]
async fn an_entry_of_8_mib_is_written_and_read_and_one_octet_more_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let mut record = sample::record(1);
    record.subjects = vec![String::new()];
    let around = serde_json::to_string(&Entry::Outcome(Box::new(record.clone()))).unwrap().len() + 1;
    record.subjects = vec!["s".repeat(LINE - around)];
    journal.append_outcome(record.clone(), true).await.unwrap();
    record.subjects = vec!["s".repeat(LINE - around + 1)];
    journal.append_outcome(record.clone(), true).await.unwrap_err();
    journal.append_outcome(sample::record(2), true).await.unwrap();
    assert_eq!(read_all(folder.path()), "o1 o2");
}

/// Urgent waits for the disk; the rest is synced soon after; and after the close each append is, for itself.
#[tokio::test]
async fn everything_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let unsynced = |journal: &Journal| {
        let mut writer = journal.shared.writer();
        let (files, waiters) = writer.take_unsynced();
        let count = files.len();
        assert!(waiters.is_empty());
        count
    };
    journal.append_outcome(sample::record(1), true).await.unwrap();
    assert_eq!(unsynced(&journal), 0);

    journal.append_outcome(sample::record(2), false).await.unwrap();
    tokio::time::sleep(BATCH * 6).await;
    assert_eq!(unsynced(&journal), 0);

    let all = (0..50).map(|number| {
        let journal = Arc::clone(&journal);
        async move { journal.append_outcome(sample::record(number), true).await }
    });
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));

    journal.close().await;
    journal.append_outcome(sample::record(3), true).await.unwrap();
    assert_eq!(unsynced(&journal), 0);
}

/// A disk that is full costs the caller an error and the journal nothing.
#[tokio::test]
async fn a_full_disk_leaves_no_part_of_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    journal.append_intent(intent(1)).await.unwrap();
    // As if write(2) had stopped half-way.
    let mut file = std::fs::OpenOptions::new().append(true).open(segment_file(folder.path(), 1)).unwrap();
    file.write_all(b"{\"intent\":{\"rec").unwrap();
    journal.shared.writer().neutralise();
    journal.append_intent(intent(2)).await.unwrap();
    assert_eq!(read_all(folder.path()), "i1 i2");

    // A file that can be neither written nor cut: the next line goes to another segment.
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    journal.shared.writer().replace_file(full);
    let fault = journal.append_intent(intent(3)).await.unwrap_err();
    assert_eq!(fault.kind(), io::ErrorKind::StorageFull);
    journal.append_intent(intent(4)).await.unwrap();
    assert_eq!(segment::numbers(folder.path()).unwrap(), [1, 2]);
    assert_eq!(read_all(folder.path()), "i1 i2 i4");
}

/// Whoever waits for a sync that fails is told, and nothing more goes into that segment.
#[tokio::test]
async fn a_failed_sync_is_told_and_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    // A pipe takes writes and cannot be synced (fsync(2): EINVAL).
    let (_reading, writing) = std::io::pipe().unwrap();
    journal.shared.writer().replace_file(std::fs::File::from(std::os::fd::OwnedFd::from(writing)));
    assert!(journal.append_outcome(sample::record(1), true).await.is_err());
    journal.append_outcome(sample::record(2), true).await.unwrap();
    assert_eq!(read_all(folder.path()), "o2");
}

/// Two processes that write one journal would cut each other's lines.
#[tokio::test]
async fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    assert_eq!(Journal::open(folder.path()).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
    journal.close().await;
    drop(journal);
    assert_eq!(Journal::open(folder.path()).unwrap().1.first_segment, 2);
}
