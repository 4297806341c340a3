//! Reads what the journal's memory has no more from its files, in one thread.
//!
//! In: a reader. Out: a batch of changes, when one is asked for. Knows no database.
//!
//! One thread for as long as there is a loader, and not whichever of the runtime's is free: what a thread allocates lies in an arena of its
//! own (glibc), and stays there when it was freed by another. 120,000 records read by a dozen threads in turn left 6 MB in each of them.

use std::{io, sync::mpsc, thread};

use tokio::sync::oneshot;

use super::{BATCH_OCTETS, change};
use crate::{journal::Reader, store::Change};

/// The thread's name, as `ps -L` shows it.
const NAME: &str = "backlog";

/// A reader of the journal, lent to the thread and given back with what it read.
struct Question {
    reader: Reader,
    /// Changes, at most.
    most: usize,
    answer: oneshot::Sender<Answer>,
}

/// The reader stands behind what was read; after a fault some entries may be lost between.
type Answer = (Reader, io::Result<Vec<Change>>);

/// The thread, once there was something to read. It ends with this.
#[derive(Debug, Default)]
pub(super) struct Backlog(Option<mpsc::Sender<Question>>);

impl Backlog {
    /// The next batch of `reader`, at most so many changes; nothing: there is no more at the moment.
    pub(super) async fn read(&mut self, reader: Reader, most: usize) -> io::Result<Answer> {
        let thread = match self.0.take() {
            Some(thread) => thread,
            None => start()?,
        };
        let (answer, answered) = oneshot::channel();
        thread.send(Question { reader, most, answer }).map_err(|_| io::Error::other("the journal's reader is gone"))?;
        let answer = answered.await.map_err(io::Error::other)?;
        self.0 = Some(thread);
        Ok(answer)
    }
}

fn start() -> io::Result<mpsc::Sender<Question>> {
    let (ask, asked) = mpsc::channel::<Question>();
    let read = move || {
        for Question { mut reader, most, answer } in asked {
            let changes = read_changes(&mut reader, most);
            // Whoever asked may be gone: then this was the last question.
            let _ = answer.send((reader, changes));
        }
    };
    thread::Builder::new().name(NAME.to_owned()).spawn(read)?;
    Ok(ask)
}

fn read_changes(reader: &mut Reader, most: usize) -> io::Result<Vec<Change>> {
    let mut changes = Vec::new();
    let mut octets = 0;
    while changes.len() < most && octets < BATCH_OCTETS {
        let before = reader.position();
        let Some(step) = reader.next_step()? else { break };
        octets += if step.next.segment == before.segment {
            step.next.offset.saturating_sub(before.offset)
        } else {
            step.next.offset
        };
        changes.extend(change(step));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;
    use crate::{
        door::loader::BATCH,
        journal::{Journal, Position},
        record::sample,
    };

    /// Threads of that name in this process.
    #[expect(clippy::disallowed_methods, reason = "a test looks at its own process")]
    fn threads() -> usize {
        let all = fs::read_dir("/proc/self/task").unwrap().flatten();
        all.filter(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == NAME)).count()
    }

    /// However many batches: one thread reads them, and it is gone with who asked.
    #[tokio::test]
    async fn one_thread_reads_all_batches_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(folder.path()).unwrap();
        let count = BATCH as u64 * 2 + 10;
        for nth in 0..count {
            journal.append_outcome(sample::record(nth), false).await.unwrap();
        }
        let mut backlog = Backlog::default();
        let mut reader = journal.reader(Position { segment: journal.end().segment, offset: 0 });
        let mut read = Vec::new();
        loop {
            let (behind, changes) = backlog.read(reader, BATCH).await.unwrap();
            let changes = changes.unwrap();
            assert_eq!(threads(), 1);
            if changes.is_empty() {
                break;
            }
            assert!(changes.len() <= BATCH);
            read.extend(changes);
            // What stands in a file is begun anew from time to time.
            reader = journal.reader(behind.position());
        }
        assert_eq!(read.len() as u64, count);
        drop(backlog);
        for _ in 0..500 {
            if threads() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(threads(), 0, "it ends with the loader");
        journal.close().await;
    }
}
