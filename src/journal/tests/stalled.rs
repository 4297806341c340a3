//! A disk that hangs holds one worker, and nobody else.

use std::{
    io::Read,
    os::fd::OwnedFd,
    sync::{atomic::AtomicU32, mpsc},
};

use super::*;

/// A pipe that is full: a write to it stands until somebody reads so many octets.
fn hung(journal: &Journal) -> (std::io::PipeReader, usize) {
    let (reading, mut writing) = std::io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&writing).unwrap();
    rustix::fs::fcntl_setfl(&writing, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    let mut length = 0;
    while let Ok(octets) = writing.write(&[b' '; 4096]) {
        length += octets;
    }
    rustix::fs::fcntl_setfl(&writing, flags).unwrap();
    journal.shared.writer().replace_file(std::fs::File::from(OwnedFd::from(writing)));
    (reading, length)
}

fn runtime(workers: usize) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap()
}

/// Whether a clock of the runtime goes on while an append stands: it began before, so that nobody from outside wakes a worker for it.
fn ticks_while_an_append_stands(workers: usize) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime(workers);
    let (journal, _) = runtime.block_on(async { Journal::open(folder.path()) }).unwrap();
    let (mut reading, length) = hung(&journal);
    let ticks = Arc::new(AtomicU32::new(0));
    let (begun, seen) = mpsc::channel();
    let ticking = Arc::clone(&ticks);
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            ticking.fetch_add(1, Ordering::SeqCst);
        }
    });
    let appending = Arc::clone(&journal);
    let append = runtime.spawn(async move {
        // A worker that comes from the timers has just left them to nobody.
        tokio::time::sleep(Duration::from_millis(100)).await;
        begun.send(()).unwrap();
        appending.append_outcome(sample::record(1), false).await
    });
    seen.recv().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let before = ticks.load(Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(400));
    let after = ticks.load(Ordering::SeqCst);
    assert!(!append.is_finished(), "the disk did not hang");
    reading.read_exact(&mut vec![0; length]).unwrap();
    runtime.block_on(append).unwrap().unwrap();
    after > before + 3
}

#[test]
fn while_a_worker_is_held_the_others_go_on() {
    for round in 0..5 {
        assert!(ticks_while_an_append_stands(2), "round {round}");
    }
}

/// Where there is one worker, it is never the one that writes.
#[test]
fn the_only_worker_is_not_held() {
    assert!(ticks_while_an_append_stands(1));
}

/// Whoever appends meanwhile waits for the one that is held, and not on a worker.
#[test]
fn appends_behind_one_that_stands_hold_no_worker() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime(2);
    let (journal, _) = runtime.block_on(async { Journal::open(folder.path()) }).unwrap();
    let (mut reading, _) = hung(&journal);
    let appends: Vec<_> = (0..20)
        .map(|number| {
            let journal = Arc::clone(&journal);
            runtime.spawn(async move { journal.append_outcome(sample::record(number), false).await })
        })
        .collect();
    // It takes both workers, one after the other, if a second append holds one.
    let (tell, told) = mpsc::channel();
    runtime.spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        tell.send(()).unwrap();
    });
    assert!(told.recv_timeout(Duration::from_secs(20)).is_ok(), "nothing else ran");
    assert!(appends.iter().all(|append| !append.is_finished()));
    let read = std::thread::spawn(move || {
        let mut octets = Vec::new();
        reading.read_to_end(&mut octets).unwrap();
        octets
    });
    for append in appends {
        runtime.block_on(append).unwrap().unwrap();
    }
    drop((journal, runtime));
    let mut written = read.join().unwrap();
    // A pipe cannot be synced: what comes behind a sync goes to another segment.
    for number in segment::numbers(folder.path()).unwrap() {
        written.extend(std::fs::read(segment_file(folder.path(), number)).unwrap());
    }
    assert_eq!(written.iter().filter(|&&octet| octet == b'\n').count(), 20);
}

/// A worker writes only what goes straight to the page cache, and only while nobody and nothing else is at it.
#[test]
fn what_might_take_long_is_left_to_another_thread() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime(2);
    let (journal, _) = runtime.block_on(async { Journal::open(folder.path()) }).unwrap();
    let at_once = |octets: usize, closed: bool| {
        let entry = Entry::Outcome(Box::new(sample::record(1)));
        journal.shared.write_at_once(vec![b'\n'; octets], entry, false, closed).is_ok()
    };
    assert!(at_once(SHORT, false));
    assert!(!at_once(SHORT + 1, false), "a long line");
    assert!(!at_once(10, true), "behind the close each is synced");
    journal.shared.syncing.store(true, Ordering::Relaxed);
    assert!(!at_once(10, false), "the disk is busy");
    journal.shared.syncing.store(false, Ordering::Relaxed);
    let writing = journal.shared.writer();
    assert!(!at_once(10, false), "somebody else is writing");
    drop(writing);
    journal.shared.writer().abandon_segment();
    assert!(!at_once(10, false), "a new segment is made and synced");
}
