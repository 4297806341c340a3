//! What is handed over in memory is what stands in the files: each entry once, whoever is asked for it.

use super::*;

/// xorshift64: the same run for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Which record an entry is, by when it began.
fn number(entry: Entry) -> i64 {
    match entry {
        Entry::Intent(intent) => intent.record.began - sample::BEGAN,
        Entry::Outcome(record) => record.began - sample::BEGAN,
        Entry::Counts(_) => -1,
    }
}

/// What is handed over beside a record is how it is written.
fn checked(step: Step) -> Step {
    let Ok(Entry::Outcome(record)) = &step.entry else {
        assert_eq!(step.text, None);
        return step;
    };
    let text = serde_json::to_string(record).unwrap();
    assert_eq!(step.text.as_ref(), Some(&text));
    assert!(step.text.as_ref().is_some_and(|it| it.capacity() < text.len() + 100), "room that nobody needs is kept");
    step
}

/// Reads as the loader does, a batch: out of memory, where the place is there, or out of the file. None: there is nothing more.
fn batch(journal: &Journal, place: &mut Position, count: usize, in_memory: bool) -> Option<Vec<i64>> {
    let recently = if in_memory { journal.take_recent(*place, count, 1 << 20) } else { Recently::InTheFile };
    let steps = match recently {
        Recently::Steps(steps) => steps.into_iter().map(checked).collect(),
        Recently::Nothing => return None,
        Recently::InTheFile => {
            let mut reader = journal.reader(*place);
            let steps: Vec<Step> = (0..count).map_while(|_| reader.next_step().unwrap()).collect();
            let is_there = reader.position() == *place;
            *place = reader.position();
            if is_there {
                return None;
            }
            steps
        }
    };
    *place = steps.last().map_or(*place, |step| step.next);
    Some(steps.into_iter().map(|step| number(step.entry.unwrap())).collect())
}

/// Appends that succeed and that fail, new segments, more than is kept, starts of another process, and a reader that is asked for now this
/// and now that: every entry that was appended is read, once, in its order.
#[tokio::test]
async fn every_entry_is_read_once_from_memory_or_file() {
    for seed in 1..=16 {
        let mut chance = Chance(seed * 0x9e37_79b9);
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        let (mut place, mut appended, mut read, mut next) = (Position::default(), Vec::new(), Vec::new(), 1);
        for _ in 0..120 {
            match chance.below(20) {
                0..10 => {
                    for _ in 0..chance.below(6) {
                        let mut record = sample::record(next);
                        // Seven of the large ones are more than is kept.
                        let is_large = seed % 8 == 0 && chance.below(6) == 0;
                        record.subjects = vec!["s".repeat(if is_large { 600_000 } else { 10 })];
                        journal.append_outcome(record, false).await.unwrap();
                        appended.push(next as i64);
                        next += 1;
                    }
                }
                10 => journal.shared.writer().abandon_segment(),
                11 => {
                    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
                    journal.shared.writer().replace_file(full);
                    // Where the segment was abandoned before, the line goes into another one.
                    if journal.append_intent(intent(next)).await.is_ok() {
                        appended.push(next as i64);
                    }
                    next += 1;
                }
                12 => {
                    journal.close().await;
                    drop(journal);
                    journal = Journal::open(folder.path()).unwrap().0;
                }
                _ => {
                    let (count, in_memory) = (1 + chance.below(9), chance.below(8) > 0);
                    read.extend(batch(&journal, &mut place, count as usize, in_memory).unwrap_or_default());
                }
            }
        }
        while let Some(some) = batch(&journal, &mut place, 5, true) {
            read.extend(some);
        }
        assert_eq!(read, appended, "seed {seed}");
    }
}

/// Within a segment nothing is read back: the file may be gone.
#[tokio::test]
async fn who_keeps_up_needs_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, recovery) = Journal::open(folder.path()).unwrap();
    let mut place = Position { segment: recovery.first_segment, offset: 0 };
    assert_eq!(journal.take_recent(place, 9, 1 << 20), Recently::Nothing);
    std::fs::remove_file(segment_file(folder.path(), 1)).unwrap();
    for round in 0..3 {
        journal.append_intent(intent(round)).await.unwrap();
        journal.append_outcome(sample::record(round), false).await.unwrap();
        assert_eq!(batch(&journal, &mut place, 9, true), Some(vec![round as i64; 2]));
        assert_eq!(batch(&journal, &mut place, 9, true), None);
    }
    assert_eq!(journal.take_recent(Position::default(), 9, 1 << 20), Recently::InTheFile, "another place");
}

/// While nobody takes them, entries are kept up to 4 MiB of lines; what comes later stands in the file.
#[tokio::test]
async fn what_nobody_takes_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let mut record = sample::record(1);
    record.subjects = vec!["s".repeat(1_000_000)];
    for _ in 0..9 {
        journal.append_outcome(record.clone(), false).await.unwrap();
    }
    let mut place = Position { segment: 1, offset: 0 };
    let Recently::Steps(steps) = journal.take_recent(place, 100, u64::MAX) else { panic!("not in memory") };
    assert_eq!(steps.len(), 4);
    place = steps[3].next;
    assert_eq!(journal.take_recent(place, 100, u64::MAX), Recently::InTheFile);
    assert_eq!(batch(&journal, &mut place, 100, false).unwrap().len(), 5);
    assert_eq!(journal.take_recent(place, 100, u64::MAX), Recently::Nothing);
    journal.append_outcome(record, false).await.unwrap();
    assert_eq!(batch(&journal, &mut place, 100, true), Some(vec![1]));
}
