//! A scanner that reads late: whatever it reads are the octets that it was asked about, and not those of the next message.
//!
//! Hold and antivirus know nothing of one another. That the one writes a memfd over, and the other says when it may, is seen only where they
//! meet.

use std::{
    fs::File,
    os::unix::fs::{FileExt, MetadataExt},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    antivirus::{
        Content, Scanners,
        fake_clamd::{Answer, Asked, FakeClamd, is_self_test, settings},
    },
    hold::{self, Hold, Holds, Whole},
};

const EARLIER: &[u8] = b"Received: from a by b\r\nSubject: earlier\r\n\r\nIt is clean.\r\n";
const LATER: &[u8] = b"Received: from a by b\r\nSubject: later\r\n\r\nIt is another.\r\n";

fn holds(folder: &tempfile::TempDir) -> Arc<Holds> {
    let settings = hold::Settings {
        folder: folder.path().join("hold"),
        memory_per_message: 1 << 20,
        memory_total: 1 << 20,
        disk_floor_percent: 0,
        disk_floor_bytes: 0,
    };
    Holds::new(settings).unwrap()
}

/// As the session's loop does it.
async fn scan(scanners: &Scanners, hold: &mut Hold) -> (u64, String) {
    let Whole { file, length, in_memory, readers } = hold.content().await.unwrap();
    let inode = file.metadata().unwrap().ino();
    let content = Content { file, length, in_memory, sha256: length.to_string(), readers };
    (inode, scanners.scan(content, &[]).await.remove(0).verdict.name().to_owned())
}

/// A memfd is written over if the scanner said in full that it is done, and never else: then the descriptor that it has shows what it was
/// asked about, however late it reads.
#[tokio::test]
async fn a_scanner_that_reads_late_reads_what_it_was_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    for (answer, verdict, is_written_over) in [
        (Some(&b"fd[12]: OK\0"[..]), "clean", true),
        (Some(b"fd[12]: Eicar-Test-Signature FOUND\0"), "infected", true),
        (Some(b"fd[12]: OK"), "scanner_error", false),
        (Some(b"fd[12]: Can't allocate memory ERROR\0"), "scanner_error", false),
        (Some(b""), "scanner_error", false),
        // Says nothing, is given up, and reads on.
        (None, "unavailable", false),
    ] {
        let kept: Arc<Mutex<Option<File>>> = Arc::default();
        let keeps = kept.clone();
        let fake = FakeClamd::start(move |asked: &Asked| {
            let descriptor = asked.descriptor.as_ref().filter(|_| !is_self_test(&asked.content))?;
            if asked.content != EARLIER {
                return None;
            }
            *keeps.lock().unwrap() = Some(descriptor.try_clone().unwrap());
            Some(answer.map_or(Answer::Hang, |answer| Answer::Say(answer.to_vec())))
        });
        let mut settings = settings(&[("clamd", fake.address())]);
        settings.scan_timeout = Duration::from_millis(500);
        let (scanners, holds) = (Scanners::new(settings).unwrap(), holds(&folder));

        let mut hold = holds.begin();
        hold.append(Bytes::from_static(EARLIER)).await.unwrap();
        let (first, said) = scan(&scanners, &mut hold).await;
        assert_eq!(said, verdict, "{answer:?}");
        drop(hold);

        let mut hold = holds.begin();
        hold.append(Bytes::from_static(LATER)).await.unwrap();
        let (second, said) = scan(&scanners, &mut hold).await;
        assert_eq!((said.as_str(), first == second), ("clean", is_written_over), "{answer:?}");
        let late = kept.lock().unwrap().take().unwrap();
        let mut read = vec![0; usize::try_from(late.metadata().unwrap().len()).unwrap()];
        late.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(read, if is_written_over { LATER } else { EARLIER }, "{answer:?}");
    }
}

/// Two scanners have one content, and one of them breaks off: that the other is done is not enough.
#[tokio::test]
async fn one_scanner_that_is_done_does_not_speak_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let good = FakeClamd::start(|_: &Asked| None);
    let broken = FakeClamd::start(|asked: &Asked| {
        (asked.descriptor.is_some() && !is_self_test(&asked.content)).then(|| Answer::Say(b"fd[12]: O".to_vec()))
    });
    for (addresses, is_written_over) in [
        ([("one", good.address()), ("two", good.address())], true),
        ([("one", good.address()), ("two", broken.address())], false),
    ] {
        let (scanners, holds) = (Scanners::new(settings(&addresses)).unwrap(), holds(&folder));
        let mut inodes = Vec::new();
        for content in [EARLIER, LATER] {
            let mut hold = holds.begin();
            hold.append(Bytes::from_static(content)).await.unwrap();
            inodes.push(scan(&scanners, &mut hold).await.0);
        }
        assert_eq!(inodes[0] == inodes[1], is_written_over);
    }
}
