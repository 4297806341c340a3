//! Whether the place that the database has in the journal is one of this journal.
//!
//! It is not when somebody has put another database beside it, or another journal: one of a backup, by hand. Whoever went on reading there would
//! leave out what stands in front of it, and nobody would miss it. In: the place. Out: yes or no.
//!
//! | found | why nobody was there who read this journal |
//! |---|---|
//! | a segment that this start has begun, or a later one | nothing stood in it before |
//! | a place behind the segment's end, or within a line | it was read line by line |
//! | behind a record that the database does not have | it has that place together with that record, in one transaction |
//!
//! Not noticed: a place behind an intent, whose record may be gone, or behind what was counted; and a segment that is not there, as all are that
//! were loaded. `portaria restore` needs none of this: it steps over the place (decision 46).

use std::{io, sync::Arc};

use super::LoadFault;
use crate::{
    journal::{Before, Entry, Journal, Position},
    store::Store,
};

/// `first_segment`: the one that this start has begun.
pub(super) async fn is_of(
    journal: &Arc<Journal>,
    store: &Store,
    place: Position,
    first_segment: u64,
) -> Result<bool, LoadFault> {
    if place == Position::default() {
        return Ok(true);
    }
    if place.segment >= first_segment {
        return Ok(false);
    }
    let looked = Arc::clone(journal);
    let before = tokio::task::spawn_blocking(move || looked.before(place)).await.map_err(io::Error::other)??;
    match before {
        Before::NoEnd => Ok(false),
        // Records go for their age, and this may be the last one of a gateway that has slept for so long: then it is loaded once more.
        Before::Entry(entry) => match *entry {
            Entry::Outcome(record) => Ok(store.record(&record.id).await?.is_some()),
            Entry::Intent(_) | Entry::Counts(_) => Ok(true),
        },
        Before::Nothing | Before::Damage => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        door::loader::Loader,
        record::sample,
        store::{self, JournalPosition},
    };

    /// A journal of earlier runs with these records, each in a segment of its own.
    async fn written(folder: &Path, records: &[u64]) {
        for number in records {
            let (journal, _) = Journal::open(folder).unwrap();
            journal.append_outcome(sample::record(*number), false).await.unwrap();
            journal.close().await;
        }
    }

    /// Loads into a database that says that it has read up to `place`, and has the record `has`. What it has then of 1 to 3.
    async fn loaded(place: (u64, u64), has: Option<u64>) -> [bool; 3] {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(store::place::of(folder.path()).await).await.unwrap());
        let changes: Vec<_> =
            has.map(|number| store::Change::Outcome(Box::new(sample::record(number)))).into_iter().collect();
        store.load(&changes, JournalPosition { segment: place.0, offset: place.1 }).await.unwrap();
        written(&folder.path().join("journal"), &[1, 2, 3]).await;
        let (journal, recovery) = Journal::open(&folder.path().join("journal")).unwrap();
        let mut loader = Loader::new(Arc::clone(&journal), Arc::clone(&store), &recovery);
        loader.catch_up().await.unwrap();
        let mut there = [false; 3];
        for (number, there) in (1..).zip(&mut there) {
            *there = store.record(&sample::id(number)).await.unwrap().is_some();
        }
        journal.close().await;
        store.close().await;
        there
    }

    fn length(number: u64) -> u64 {
        let line = serde_json::to_vec(&Entry::Outcome(Box::new(sample::record(number)))).unwrap();
        line.len() as u64 + 1
    }

    /// A row for each way in which the place may be none of this journal: everything that stands in it is loaded then.
    #[tokio::test]
    async fn a_database_that_was_put_beside_another_journal_gets_all_of_it() {
        let second = length(2);
        for (place, has, why) in [
            ((2, second + 1), Some(2), "behind the segment's end"),
            ((2, second + 5000), Some(2), "far behind it"),
            ((2, second - 1), Some(2), "within a line"),
            ((2, second), None, "behind a record that it does not have"),
            ((4, 0), None, "the segment that this start has begun"),
            ((4, 700), None, "further in it"),
            ((9, 1), None, "a later one"),
        ] {
            assert_eq!(loaded(place, has).await, [true; 3], "{why}");
        }
    }

    /// Its own is read from where it was left, and what was in front of it is not read again.
    #[tokio::test]
    async fn the_journals_own_place_is_gone_on_from() {
        assert_eq!(loaded((2, length(2)), Some(2)).await, [false, true, true]);
        assert_eq!(loaded((2, 0), None).await, [false, true, true], "between two segments");
        assert_eq!(loaded((0, 0), None).await, [true; 3], "nothing yet");
    }
}
