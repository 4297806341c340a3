//! A clamd that does everything wrong, and what becomes of the scan. Nothing but an exact answer is clean.

use std::{
    io::{Read, Write},
    net::TcpListener,
    os::unix::{fs::FileExt, net::UnixListener},
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::*;
use crate::antivirus::{
    ScannerStatus, Scanners,
    fake_clamd::{Answer, Asked, FakeClamd, content, is_self_test, settings, wall},
    self_test,
};

const MAIL: &[u8] = b"Received: from a by b\r\nSubject: x\r\n\r\nhello\r\n";

/// Answers the self-test honestly, so that it proves itself, and anything else as told.
fn to_scans(answer: impl Fn() -> Answer + Send + 'static) -> impl FnMut(&Asked) -> Option<Answer> + Send {
    move |asked| (!is_self_test(&asked.content) && asked.descriptor.is_some()).then(&answer)
}

async fn verdict(scanners: &Scanners) -> ScanVerdict {
    verdict_of(scanners, MAIL).await
}

async fn verdict_of(scanners: &Scanners, mail: &[u8]) -> ScanVerdict {
    let mut reports = scanners.scan(content(mail), &[]).await;
    assert_eq!(reports.len(), 1);
    reports.remove(0).verdict
}

fn scanners(fake: &FakeClamd) -> Scanners {
    Scanners::new(settings(&[("clamd", fake.address())])).unwrap()
}

fn one(mut statuses: Vec<ScannerStatus>) -> ScannerStatus {
    assert_eq!(statuses.len(), 1);
    statuses.remove(0)
}

fn is_error(verdict: &ScanVerdict) -> bool {
    matches!(verdict, ScanVerdict::ScannerError { .. })
}

fn is_unavailable(verdict: &ScanVerdict) -> bool {
    matches!(verdict, ScanVerdict::Unavailable { .. })
}

#[tokio::test]
async fn a_good_clamd_gets_a_read_only_descriptor_with_an_offset_of_its_own() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = seen.clone();
    let fake = FakeClamd::start(move |asked: &Asked| {
        if let Some(file) = &asked.descriptor {
            assert!(file.write_at(b"evil", 0).is_err(), "clamd may write");
            let mode = rustix::fs::fstat(file).unwrap().st_mode & 0o7777;
            assert_eq!(rustix::fs::seek(file, rustix::fs::SeekFrom::Current(0)).unwrap(), 0);
            notes.lock().unwrap().push((asked.content.clone(), mode));
        }
        None
    });
    let scanners = scanners(&fake);
    assert!(!scanners.ready(|_| true), "not asked yet");
    let content = content(MAIL);
    rustix::fs::seek(&*content.file, rustix::fs::SeekFrom::Start(7)).unwrap();
    assert_eq!(scanners.scan(content.clone(), &[]).await[0].verdict, ScanVerdict::Clean);
    assert!(scanners.ready(|_| true));
    let seen = seen.lock().unwrap();
    // Memfd and file of the self-test and its clean mail, then the mail.
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[3].0, MAIL);
    assert!(seen.iter().all(|(_, mode)| *mode == 0o600), "{seen:?}");
    let mut octets = vec![0; MAIL.len()];
    content.file.read_exact_at(&mut octets, 0).unwrap();
    assert_eq!(octets, MAIL);
    let status = one(scanners.status());
    assert_eq!((status.healthy, status.handed.as_str(), status.finds_eicar), (true, "fildes", Some(true)));
    assert_eq!(status.version.as_deref(), Some("ClamAV 1.4.6/27800/Fri Nov 20 09:00:00 2026"));
    assert_eq!((status.in_flight, status.in_flight_cap, status.last_error), (0, 2, None));
}

#[tokio::test]
async fn only_the_exact_answer_is_clean() {
    let whole = b"fd[12]: OK\0".to_vec();
    let mut rows: Vec<Vec<u8>> = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
    rows.extend(
        [
            &b"garbage\xff\x00\x01"[..],
            b"fd[12]: (null) FOUND\0",
            b"UNKNOWN COMMAND\0",
            b"COMMAND READ TIMED OUT\0",
            b"fd[12]: OK\0fd[12]: OK\0",
            b"fd[12]: Access denied. ERROR\0",
        ]
        .map(<[u8]>::to_vec),
    );
    rows.push(b"x".repeat(3_000_000));
    rows.push([b"fd[12]: OK\0".as_slice(), &b"\0".repeat(100_000)].concat());
    let next = Arc::new(Mutex::new(Vec::new()));
    let words = next.clone();
    let fake = FakeClamd::start(to_scans(move || Answer::Say(words.lock().unwrap().clone())));
    let scanners = scanners(&fake);
    for row in rows {
        next.lock().unwrap().clone_from(&row);
        let verdict = verdict(&scanners).await;
        assert!(is_error(&verdict), "{:?} {verdict:?}", &row[..row.len().min(40)]);
    }
    next.lock().unwrap().clone_from(&whole);
    assert_eq!(verdict(&scanners).await, ScanVerdict::Clean);
    assert!(scanners.ready(|_| true));
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_the_next_scan_passes_once_somebody_is() {
    let fake = FakeClamd::start(|_: &Asked| None);
    let (path, scanners) = (fake.path.clone(), scanners(&fake));
    assert_eq!(verdict(&scanners).await, ScanVerdict::Clean);
    drop(fake);
    for _ in 0..2 {
        let verdict = verdict(&scanners).await;
        assert!(is_unavailable(&verdict), "{verdict:?}");
    }
    assert!(!scanners.ready(|_| true));
    assert_eq!(one(scanners.status()).handed, "unknown");
    let _fake = FakeClamd::start_at(path, |_: &Asked| None);
    assert_eq!(verdict(&scanners).await, ScanVerdict::Clean);
    assert!(scanners.ready(|_| true));
    assert_eq!(one(scanners.status()).handed, "fildes");
}

#[tokio::test]
async fn one_that_hangs_is_unavailable_in_time_and_keeps_its_slot_until_it_ends() {
    let fake = FakeClamd::start(to_scans(|| Answer::Hang));
    let mut settings = settings(&[("clamd", fake.address())]);
    settings.scan_timeout = Duration::from_millis(300);
    let scanners = Scanners::new(settings).unwrap();
    let began = Instant::now();
    for taken in 1..=2 {
        assert!(is_unavailable(&verdict(&scanners).await));
        assert_eq!(one(scanners.status()).in_flight, taken);
    }
    // Both slots are clamd's: a third scan does not reach it.
    let third = verdict(&scanners).await;
    assert_eq!(third, ScanVerdict::Unavailable { text: "2 scans in flight, none ended in time".to_owned() });
    assert_eq!(fake.scans.load(Ordering::Acquire), 2);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    fake.let_go.store(true, Ordering::Release);
    while one(scanners.status()).in_flight > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "the slots never came back");
        sleep(Duration::from_millis(10)).await;
    }
}

/// clamd's own deadlines are two minutes: what is not over after ten never will be.
#[tokio::test]
async fn a_scan_that_never_ends_keeps_its_slot_for_ten_minutes() {
    let fake = FakeClamd::start(to_scans(|| Answer::Hang));
    let mut settings = settings(&[("clamd", fake.address())]);
    settings.scan_timeout = Duration::from_millis(300);
    let scanners = Scanners::new(settings).unwrap();
    assert!(is_unavailable(&verdict(&scanners).await));
    tokio::time::pause();
    let given_up = Instant::now();
    while one(scanners.status()).in_flight > 0 {
        sleep(Duration::from_secs(1)).await;
    }
    let kept = given_up.elapsed();
    assert!((Duration::from_secs(600)..=Duration::from_secs(602)).contains(&kept), "{kept:?}");
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_free_the_slot() {
    let fake = FakeClamd::start(to_scans(|| Answer::Hang));
    let scanners = scanners(&fake);
    let began = Instant::now();
    tokio::select! {
        _ = scanners.scan(content(MAIL), &[]) => panic!("it hangs"),
        () = async { while fake.scans.load(Ordering::Acquire) == 0 { sleep(Duration::from_millis(5)).await } } => {}
    }
    sleep(Duration::from_millis(50)).await;
    assert_eq!(one(scanners.status()).in_flight, 1);
    fake.let_go.store(true, Ordering::Release);
    while one(scanners.status()).in_flight > 0 {
        assert!(began.elapsed() < Duration::from_secs(10));
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_that_accepts_and_says_nothing_at_all_is_unavailable_to_everybody_in_time() {
    let fake = FakeClamd::start(|_: &Asked| Some(Answer::Hang));
    let mut settings = settings(&[("clamd", fake.address())]);
    settings.scan_timeout = Duration::from_millis(300);
    let scanners = Scanners::new(settings).unwrap();
    let began = Instant::now();
    let (a, b, c) = tokio::join!(verdict(&scanners), verdict(&scanners), verdict(&scanners));
    assert!(is_unavailable(&a) && is_unavailable(&b) && is_unavailable(&c));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let status = one(scanners.self_test(wall()).await);
    assert_eq!((status.healthy, status.handed.as_str(), status.finds_eicar), (false, "unknown", None));
}

#[tokio::test]
async fn one_that_finds_nothing_is_never_clean() {
    let fake = FakeClamd::start(|asked: &Asked| match asked.command.as_str() {
        "INSTREAM" => Some(Answer::Say(b"stream: OK\0".to_vec())),
        "FILDES" => Some(Answer::Say(b"fd[12]: OK\0".to_vec())),
        _ => None,
    });
    let scanners = scanners(&fake);
    let blind = ScanVerdict::ScannerError { text: "does not find the EICAR test file".to_owned() };
    assert_eq!(verdict(&scanners).await, blind);
    let status = one(scanners.self_test(wall()).await);
    assert_eq!((status.healthy, status.finds_eicar), (false, Some(false)));
    assert_eq!(fake.scans.load(Ordering::Acquire), 0);
}

/// `ScanArchive no`, or a database without the part for archives: it finds the test file in clear, and that is not enough.
#[tokio::test]
async fn one_that_opens_no_archive_is_blind() {
    let fake = FakeClamd::start(|asked: &Asked| {
        let verdict = if asked.content == self_test::infected_mail() { "OK" } else { return None };
        Some(Answer::Say(match asked.command.as_str() {
            "INSTREAM" => format!("stream: {verdict}\0").into_bytes(),
            _ => format!("fd[12]: {verdict}\0").into_bytes(),
        }))
    });
    let blind = ScanVerdict::ScannerError { text: prove::BLIND.to_owned() };
    assert_eq!(verdict_of(&scanners(&fake), &self_test::plainly_infected_mail()).await, blind);
}

/// Two are in a group: a blind one is asked for nothing by every message, or it would cost each of them three scans.
#[tokio::test]
async fn one_that_is_blind_is_not_asked_again_at_once() {
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    let fake = FakeClamd::start(move |asked: &Asked| {
        *count.lock().unwrap() += 1;
        (asked.command == "FILDES" || asked.command == "INSTREAM").then(|| Answer::Say(b"stream: OK\0".to_vec()))
    });
    let scanners = scanners(&fake);
    let blind = ScanVerdict::ScannerError { text: prove::BLIND.to_owned() };
    assert_eq!(verdict(&scanners).await, blind);
    let once = *asked.lock().unwrap();
    assert_eq!(verdict(&scanners).await, blind);
    assert_eq!(*asked.lock().unwrap(), once);
    scanners.self_test(wall()).await;
    assert!(*asked.lock().unwrap() > once, "the standing self-test asks all the same");
}

#[tokio::test]
async fn one_that_finds_something_in_everything_scans_nothing() {
    let fake = FakeClamd::start(|asked: &Asked| match asked.command.as_str() {
        "INSTREAM" => Some(Answer::Say(b"stream: Bad.Signature FOUND\0".to_vec())),
        "FILDES" => Some(Answer::Say(b"fd[12]: Bad.Signature FOUND\0".to_vec())),
        _ => None,
    });
    let scanners = scanners(&fake);
    let told = ScanVerdict::ScannerError { text: "says infected of a clean mail".to_owned() };
    assert_eq!(verdict(&scanners).await, told);
    let status = one(scanners.status());
    assert_eq!((status.healthy, status.finds_eicar), (false, Some(true)));
    assert_eq!(fake.scans.load(Ordering::Acquire), 0);
}

#[tokio::test]
async fn content_goes_by_the_way_that_clamd_can_read() {
    // By what the self-test may hand over: the kinds of descriptor that this clamd can read.
    for (memfd, file, handed, command) in [
        (true, true, "fildes", "FILDES"),
        (true, false, "fildes for memory, instream for files", "FILDES"),
        (false, true, "fildes for files, instream for memory", "INSTREAM"),
        (false, false, "instream", "INSTREAM"),
    ] {
        let last = Arc::new(Mutex::new(String::new()));
        let note = last.clone();
        let fake = FakeClamd::start(move |asked: &Asked| {
            note.lock().unwrap().clone_from(&asked.command);
            let descriptor = asked.descriptor.as_ref()?;
            let link = std::fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(descriptor)));
            let may = if link.unwrap().to_string_lossy().starts_with("/memfd:") { memfd } else { file };
            (!may).then(|| Answer::Say(b"fd[12]: Access denied. ERROR\0".to_vec()))
        });
        let scanners = scanners(&fake);
        assert_eq!(verdict(&scanners).await, ScanVerdict::Clean);
        assert_eq!(one(scanners.status()).handed, handed);
        assert_eq!(*last.lock().unwrap(), command);
        assert_eq!(
            verdict_of(&scanners, &self_test::infected_mail()).await,
            ScanVerdict::Infected { signature: "Eicar-Test-Signature".to_owned() }
        );
    }
}

/// A clamd that only takes INSTREAM, and once it has proved itself does this before it reads the stream.
fn instream_only(at_once: impl Fn() -> Option<Answer> + Send + 'static) -> FakeClamd {
    let mut proved = false;
    FakeClamd::start(move |asked: &Asked| match asked.command.as_str() {
        "FILDES" => Some(Answer::Say(b"UNKNOWN COMMAND\0".to_vec())),
        "INSTREAM" if proved => at_once(),
        "INSTREAM" => {
            // The clean mail is the last that it has to prove itself by.
            proved = asked.content == self_test::clean_mail();
            None
        }
        _ => None,
    })
}

#[tokio::test]
async fn a_large_stream_arrives_whole() {
    let fake = instream_only(|| None);
    let scanners = scanners(&fake);
    let mut mail = MAIL.to_vec();
    mail.extend(b"0123456789abcdef\r\n".repeat(200_000));
    assert_eq!(verdict_of(&scanners, &mail).await, ScanVerdict::Clean);
    mail.extend(self_test::eicar().into_bytes());
    assert!(matches!(verdict_of(&scanners, &mail).await, ScanVerdict::Infected { .. }));
}

#[tokio::test]
async fn what_clamd_says_in_the_middle_of_the_stream_is_heard() {
    let mail = [MAIL, &b"x\r\n".repeat(2_000_000)].concat();
    let limit = ScanVerdict::NotFullyScanned { reason: "StreamMaxLength".to_owned() };
    let early = ScanVerdict::ScannerError { text: "OK before the content was handed over whole".to_owned() };
    for (words, expected) in [
        (&b"INSTREAM size limit exceeded. ERROR\0"[..], limit),
        (b"stream: OK\0", early),
        (b"", ScanVerdict::ScannerError { text: "no answer".to_owned() }),
    ] {
        let fake = instream_only(|| Some(Answer::SayAtOnce(words.to_vec())));
        let scanners = scanners(&fake);
        assert_eq!(one(scanners.self_test(wall()).await).handed, "instream");
        assert_eq!(verdict_of(&scanners, &mail).await, expected);
    }
}

/// clamd has not got the content, so it is not at work: the connection is closed, and the slot is free at once.
#[tokio::test]
async fn a_stream_that_is_not_taken_is_dropped_with_its_slot() {
    let fake = instream_only(|| Some(Answer::HangAtOnce));
    let mut settings = settings(&[("clamd", fake.address())]);
    settings.scan_timeout = Duration::from_millis(500);
    let scanners = Scanners::new(settings).unwrap();
    assert_eq!(one(scanners.self_test(wall()).await).handed, "instream");
    let mail = [MAIL, &b"x\r\n".repeat(2_000_000)].concat();
    assert!(is_unavailable(&verdict_of(&scanners, &mail).await));
    sleep(Duration::from_millis(100)).await;
    assert_eq!(one(scanners.status()).in_flight, 0);
}

#[tokio::test]
async fn a_crowd_asks_a_sick_clamd_once() {
    let pings = Arc::new(Mutex::new(0));
    let count = pings.clone();
    let fake = FakeClamd::start(move |asked: &Asked| {
        *count.lock().unwrap() += usize::from(asked.command == "PING");
        Some(Answer::Say(b"NO\0".to_vec()))
    });
    let mut settings = settings(&[("clamd", fake.address())]);
    settings.in_flight = 8;
    let scanners = Scanners::new(settings).unwrap();
    let scan = || verdict(&scanners);
    let verdicts = tokio::join!(scan(), scan(), scan(), scan());
    let sick = ScanVerdict::ScannerError { text: "does not answer PING with PONG".to_owned() };
    assert_eq!(verdicts, (sick.clone(), sick.clone(), sick.clone(), sick.clone()));
    assert_eq!(*pings.lock().unwrap(), 1);
    assert_eq!(scan().await, sick);
    assert_eq!(*pings.lock().unwrap(), 2, "who comes later asks again");
}

#[tokio::test]
async fn content_that_is_not_what_it_is_said_to_be_is_not_scanned() {
    let fake = FakeClamd::start(|_: &Asked| None);
    let scanners = scanners(&fake);
    let mut content = content(MAIL);
    content.length += 1;
    assert!(is_error(&scanners.scan(content, &[]).await[0].verdict));
    assert_eq!(fake.scans.load(Ordering::Acquire), 0);
}

#[tokio::test]
async fn over_tcp_nothing_is_handed_over_but_octets() {
    // Nobody listens: the port was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [ClamdAddress::Tcp(address), ClamdAddress::TcpName("localhost".to_owned(), address.port())] {
        let scanners = Scanners::new(settings(&[("clamd", address.clone())])).unwrap();
        let verdict = verdict(&scanners).await;
        let ScanVerdict::Unavailable { text } = &verdict else { panic!("{verdict:?}") };
        assert!(text.starts_with("cannot connect: "), "{text}");
        assert_eq!(one(scanners.status()).scanner, format!("clamd {address}"));
    }
}

/// A verdict is enough for the message, and not for its memfd: that is written over when the scanner has taken everything and closed without
/// an error, since one whose connection broke may be anywhere.
#[tokio::test]
async fn a_verdict_before_the_connection_broke_does_not_free_the_content() {
    let folder = tempfile::tempdir().unwrap();
    // `zFILDES`, its NUL, and the octet that goes with the descriptor. Closed with that one unread, the connection is reset.
    for (taken, is_done) in [(9, true), (8, false)] {
        let path = folder.path().join(taken.to_string());
        let listener = UnixListener::bind(&path).unwrap();
        let serving = std::thread::Builder::new().spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut vec![0; taken]).unwrap();
            stream.write_all(b"fd[12]: Eicar-Test-Signature FOUND\0").unwrap();
        });
        let clamd = Clamd::new(ClamdAddress::Unix(path), None, 1, &settings(&[]));
        let (deadline, content) = (Instant::now() + Duration::from_secs(5), content(MAIL));
        let slot = Arc::new(clamd.slots.take(deadline).await.unwrap());
        let scanned = clamd.exchange(How::Fildes, &content, &slot, deadline).await;
        serving.unwrap().join().unwrap();
        assert!(matches!(scanned.verdict, ScanVerdict::Infected { .. }), "{taken}: {scanned:?}");
        assert_eq!(content.readers.load(Ordering::Acquire) == 0, is_done, "{taken}");
    }
}
