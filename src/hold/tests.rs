//! What the hold promises its callers, at every border of its places.

use std::{
    io::{Seek, SeekFrom},
    os::unix::fs::{FileExt, MetadataExt},
};

use futures_util::TryStreamExt;

use super::*;

const KIB: u64 = 1024;

fn holds(memory_total: u64) -> (tempfile::TempDir, Arc<Holds>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        folder: folder.path().join("hold"),
        memory_per_message: 256 * KIB,
        memory_total,
        disk_floor_percent: 0,
        disk_floor_bytes: 0,
    };
    let holds = Holds::new(settings).unwrap();
    (folder, holds)
}

/// Octets that differ at every offset, so that a piece in the wrong place shows.
fn sample(length: u64) -> Bytes {
    (0..length).map(|at| ((at * 31) ^ (at >> 8) ^ (at >> 16)) as u8).collect::<Vec<_>>().into()
}

fn place(hold: &Hold) -> &'static str {
    match hold.place {
        Place::Memory(_) => "memory",
        Place::Shared(_) => "memfd",
        Place::Disk(_) => "disk",
    }
}

async fn read_back(hold: &mut Hold) -> Vec<u8> {
    let pieces: Vec<Bytes> = hold.octets().await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

/// Content goes to the next place one octet after each border, and is the same in every place.
#[tokio::test]
async fn content_spills_at_each_border_and_stays_identical() {
    for (length, expected, counted) in [
        (1, "memory", 1),
        (64 * KIB, "memory", 64 * KIB),
        (64 * KIB + 1, "memfd", 64 * KIB + 1),
        (256 * KIB, "memfd", 256 * KIB),
        (256 * KIB + 1, "disk", 0),
        (700 * KIB, "disk", 0),
    ] {
        for piece in [1_000, 65_536, 1_000_000] {
            let (folder, holds) = holds(u64::MAX);
            let mut hold = holds.begin();
            let content = sample(length);
            for part in content.chunks(piece) {
                hold.append(Bytes::copy_from_slice(part)).await.unwrap();
            }
            assert_eq!((place(&hold), hold.len(), holds.memory()), (expected, length, counted), "{length} by {piece}");
            assert!(read_back(&mut hold).await == content, "{length} by {piece} differs");
            assert_eq!(std::fs::read_dir(folder.path().join("hold")).unwrap().count(), 0, "a file has a name");
            drop(hold);
            assert_eq!(holds.memory(), 0);
        }
    }
}

/// Memory that others have taken sends a hold to the disk, small as it is, and it comes back when they are gone.
#[tokio::test]
async fn all_holds_together_stay_under_the_total() {
    let (_folder, holds) = holds(100 * KIB);
    let mut first = holds.begin();
    first.append(sample(90 * KIB)).await.unwrap();
    assert_eq!(place(&first), "memfd");

    let mut second = holds.begin();
    second.append(sample(10 * KIB)).await.unwrap();
    assert_eq!((place(&second), holds.memory()), ("memory", 100 * KIB));
    assert_eq!(holds.memory_refused(), 0);
    second.append(sample(1)).await.unwrap();
    assert_eq!((place(&second), holds.memory(), holds.memory_refused()), ("disk", 90 * KIB, 1));
    assert_eq!(second.read_at(10 * KIB - 1, 10).await.unwrap().len(), 2);

    drop(first);
    let mut third = holds.begin();
    third.append(sample(60 * KIB)).await.unwrap();
    assert_eq!((place(&third), holds.memory()), ("memory", 60 * KIB));
    drop((second, third));
    assert_eq!(holds.memory(), 0);
}

/// Cut-through reads what is there while more arrives, in any place, and never past the present end.
#[tokio::test]
async fn content_can_be_read_while_it_grows() {
    let (_folder, holds) = holds(u64::MAX);
    let mut hold = holds.begin();
    let content = sample(400 * KIB);
    let mut read = Vec::new();
    for part in content.chunks(30_000) {
        hold.append(Bytes::copy_from_slice(part)).await.unwrap();
        loop {
            let piece = hold.read_at(read.len() as u64, 7_777).await.unwrap();
            if piece.is_empty() {
                break;
            }
            read.extend_from_slice(&piece);
        }
        assert_eq!(read.len() as u64, hold.len());
    }
    assert!(read == content);
    assert!(hold.read_at(u64::MAX, 10).await.unwrap().is_empty());
}

/// Behind a client that is followed, and for a small message that was scanned, the file is not read: whatever stands in it by then. What is read
/// again comes out of the file.
#[tokio::test]
async fn what_was_just_written_is_not_read_out_of_the_file() {
    let (_folder, holds) = holds(u64::MAX);
    let spoil = |hold: &Hold| match &hold.place {
        Place::Shared(memfd) => memfd.file.write_all_at(&[0; 20], hold.len() - 20).unwrap(),
        _ => panic!("it is in a memfd"),
    };
    let mut followed = holds.begin();
    followed.append(sample(100 * KIB)).await.unwrap();
    assert_eq!(followed.read_at(0, usize::MAX).await.unwrap(), sample(100 * KIB));
    followed.append(sample(1000)).await.unwrap();
    spoil(&followed);
    assert_eq!(followed.read_at(100 * KIB, usize::MAX).await.unwrap(), sample(1000));
    assert_eq!(followed.read_at(101 * KIB - 44, 20).await.unwrap(), [0; 20][..]);

    let mut small = holds.begin();
    small.append(sample(5000)).await.unwrap();
    small.content().await.unwrap();
    spoil(&small);
    assert_eq!(small.read_at(100, 1000).await.unwrap(), sample(5000).slice(100..1100));
    assert_eq!(small.read_at(1100, 9000).await.unwrap(), sample(5000).slice(1100..));
    assert_eq!(small.read_at(4980, 9000).await.unwrap(), [0; 20][..]);
}

/// However pieces come and are read, behind one another or not, once or again, in whatever place: what is read is what was written there.
#[tokio::test]
async fn whoever_reads_whatever_whenever_reads_what_was_written() {
    let mut chance = 1_u64;
    let mut below = |bound: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % bound
    };
    for _ in 0..60 {
        let (_folder, holds) = holds(u64::MAX);
        let (mut hold, content, mut followed) = (holds.begin(), sample(300 * KIB), 0_u64);
        let most = [2_000, 30_000, 131_072][below(3) as usize];
        while hold.len() < content.len() as u64 {
            let end = (hold.len() + 1 + below(most)).min(content.len() as u64);
            hold.append(content.slice(hold.len() as usize..end as usize)).await.unwrap();
            for _ in 0..below(4) {
                let follows = below(3) > 0;
                let (offset, max) = (
                    if follows { followed } else { below(hold.len() + 10) },
                    [1 + below(9), 1 << 17][below(2) as usize],
                );
                let read = hold.read_at(offset, max as usize).await.unwrap();
                let start = offset.min(hold.len()) as usize;
                assert!(read == content.slice(start..start + read.len()), "{offset} by {max}");
                assert_eq!(read.is_empty(), offset >= hold.len(), "empty at the end only");
                followed = if follows { offset + read.len() as u64 } else { followed };
            }
            if below(20) == 0 {
                hold.content().await.unwrap();
            }
        }
    }
}

/// Of a message whose next hop is slower than its client nothing is kept but the file: a piece of each of a thousand such clients would be memory
/// that nobody counts.
#[tokio::test]
async fn for_who_is_behind_nothing_is_kept() {
    let (_folder, holds) = holds(u64::MAX);
    let mut hold = holds.begin();
    hold.append(sample(100 * KIB)).await.unwrap();
    // All but an octet.
    assert_eq!(hold.read_at(100 * KIB - 11, 10).await.unwrap().len(), 10);
    hold.append(sample(1000)).await.unwrap();
    let Place::Shared(memfd) = &hold.place else { panic!("it is in a memfd") };
    memfd.file.write_all_at(&[0; 1000], 100 * KIB).unwrap();
    assert_eq!(hold.read_at(100 * KIB, 1000).await.unwrap(), [0; 1000][..], "it is read out of the file");
}

/// A copy is kept while there is room for it twice over, it counts, and no other message goes to the disk for it.
#[tokio::test]
async fn a_copy_for_the_next_hop_counts_and_takes_nobodys_room() {
    for (total, counted) in [(40 * KIB, 20 * KIB), (39 * KIB, 10 * KIB)] {
        let (_folder, holds) = holds(total);
        let mut hold = holds.begin();
        hold.append(sample(10 * KIB)).await.unwrap();
        hold.content().await.unwrap();
        assert_eq!((holds.memory(), holds.memory_refused()), (counted, 0));
        assert_eq!(hold.read_at(0, usize::MAX).await.unwrap(), sample(10 * KIB));
        drop(hold);
        assert_eq!(holds.memory(), 0);
    }
}

/// What is handed over has no name, is closed to other users, says what it is, and is still the same when somebody has moved its offset.
#[tokio::test]
async fn what_is_handed_over_is_whole_and_closed_to_others() {
    for (length, counted) in [(10, 2 * 10), (100 * KIB, 100 * KIB), (300 * KIB, 0)] {
        let (_folder, holds) = holds(u64::MAX);
        let mut hold = holds.begin();
        hold.append(sample(length)).await.unwrap();
        let whole = hold.content().await.unwrap();
        let found = whole.file.metadata().unwrap();
        assert_eq!((whole.length, found.len(), whole.in_memory), (length, length, length <= 256 * KIB));
        assert_eq!((found.mode() & 0o777, found.nlink()), (0o600, 0), "{length}");
        assert!(rustix::io::fcntl_getfd(&*whole.file).unwrap().contains(rustix::io::FdFlags::CLOEXEC));

        (&*whole.file).seek(SeekFrom::End(0)).unwrap();
        assert!(read_back(&mut hold).await == sample(length), "{length} differs");
        assert_eq!(holds.memory(), counted);
    }
}

/// At the floor of free space a file does not grow, and what there was is still whole.
#[tokio::test]
async fn the_disk_floor_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let holds = Holds::new(Settings {
        folder: folder.path().to_owned(),
        memory_per_message: 10,
        memory_total: 10,
        disk_floor_percent: 100,
        disk_floor_bytes: u64::MAX,
    })
    .unwrap();
    assert!(holds.disk_is_low());
    let mut hold = holds.begin();
    hold.append(sample(10)).await.unwrap();
    let fault = hold.append(sample(1)).await.unwrap_err();
    assert!(matches!(fault, HoldFault::Full(_)), "{fault}");
    assert_eq!((hold.len(), holds.memory()), (10, 10));
    assert!(matches!(hold.leaves_room().await, Err(HoldFault::Full(_))), "nor is there room for a copy of it");
    assert!(read_back(&mut hold).await == sample(10));
    drop(hold);
    assert_eq!(holds.memory(), 0);
}

/// What was just written to the disk is read at once, also while every thread that may block is busy; unless the file system cannot say what is in
/// memory.
#[test]
fn what_the_kernel_has_in_memory_waits_for_no_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        let (_folder, holds) = holds(0);
        let mut hold = holds.begin();
        hold.append(sample(300 * KIB)).await.unwrap();
        let Place::Disk(file) = &hold.place else { panic!("it is on the disk") };
        let is_told = place::read_cached(file, 0, 10).is_some();
        let busy = tokio::task::spawn_blocking(move || wait.recv());
        {
            let mut read = Box::pin(hold.read_at(1000, 100_000));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            match Future::poll(read.as_mut(), &mut context) {
                std::task::Poll::Ready(read) => assert_eq!(read.unwrap(), sample(300 * KIB).slice(1000..101_000)),
                std::task::Poll::Pending => assert!(!is_told, "it waits for a thread"),
            }
        }
        drop(go);
        assert!(busy.await.is_ok());
    });
}

/// An append whose caller went away leaves a write that may still run: the hold takes nothing more. The one thread that writes is kept
/// busy, or the write could be done before anybody has asked for it.
#[test]
fn a_cancelled_append_closes_the_hold() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        let busy = tokio::task::spawn_blocking(move || wait.recv());
        let (_folder, holds) = holds(0);
        let mut hold = holds.begin();
        {
            let mut append = Box::pin(hold.append(sample(10)));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(Future::poll(append.as_mut(), &mut context).is_pending());
        }
        assert!(matches!(hold.append(sample(1)).await, Err(HoldFault::Failed(_))));
        assert_eq!(hold.len(), 0);
        drop(go);
        assert!(busy.await.is_ok());
    });
}

/// The next message is written over the memfd of one that is gone, and whoever reads what is handed over to its end reads nothing else. The
/// hold may have grown into the memfd, or moved there for a scanner; it may be read before it is whole.
#[tokio::test]
async fn nothing_of_an_earlier_message_is_in_the_next_one() {
    for (first, second) in [
        (10, 10),
        (5_000, 4_000),
        (4_000, 5_000),
        (200 * KIB, 10),
        (200 * KIB, 100 * KIB),
        (100 * KIB, 200 * KIB),
        (10, 100 * KIB),
    ] {
        let (_folder, holds) = holds(u64::MAX);
        let mut hold = holds.begin();
        hold.append(vec![b'!'; usize::try_from(first).unwrap()].into()).await.unwrap();
        let inode = |whole: &Whole| whole.file.metadata().unwrap().ino();
        let before = inode(&hold.content().await.unwrap());
        drop(hold);

        let mut hold = holds.begin();
        for part in sample(second).chunks(30_000) {
            hold.append(Bytes::copy_from_slice(part)).await.unwrap();
        }
        assert!(hold.read_at(0, usize::MAX).await.unwrap() == sample(second), "{first}, {second}");
        let whole = hold.content().await.unwrap();
        assert_eq!((inode(&whole), whole.file.metadata().unwrap().len()), (before, second), "{first}, {second}");
        assert_eq!(whole.file.metadata().unwrap().mode() & 0o777, 0o600);
        assert!(read_back(&mut hold).await == sample(second), "{first}, {second}");
        // Two at once have one each.
        let mut other = holds.begin();
        other.append(sample(first)).await.unwrap();
        assert_ne!(inode(&other.content().await.unwrap()), before);
    }
}
