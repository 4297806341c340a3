//! Groups of scanners of which some do everything wrong.

use std::{path::PathBuf, sync::atomic::Ordering, time::Duration};

use crate::{
    antivirus::{
        Ages, ClamdAddress, Content, ScannerKind, ScannerSettings, Scanners,
        fake_clamd::{Answer, Asked, FakeClamd, content, is_self_test, settings, wall},
        self_test,
        yara::sample,
    },
    policy::verdict::ScanVerdict,
};

const MAIL: &[u8] = b"Received: from a by b\r\nSubject: x\r\n\r\nhello\r\n";

fn scanner(group: &str, kind: ScannerKind) -> ScannerSettings {
    ScannerSettings { group: group.to_owned(), kind, weight: 1, in_flight: None, database: None }
}

fn yara_settings() -> ScannerSettings {
    let rules = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/yara"));
    scanner("yara", ScannerKind::Yara { rules, max_size: 1 << 24 })
}

/// Lives, and answers every scan with an error.
fn broken() -> FakeClamd {
    let scan = |asked: &Asked| ["FILDES", "INSTREAM"].contains(&asked.command.as_str());
    FakeClamd::start(move |asked: &Asked| scan(asked).then(|| Answer::Say(b"stream: broken ERROR\0".to_vec())))
}

#[tokio::test]
async fn an_alternative_answers_for_one_that_is_down_wrong_or_hangs() {
    let nowhere = ClamdAddress::Unix(PathBuf::from("/nonexistent/clamd.ctl"));
    let wrong = broken();
    let hangs = FakeClamd::start(|_: &Asked| Some(Answer::Hang));
    let good = FakeClamd::start(|_: &Asked| None);
    for bad in [nowhere, wrong.address(), hangs.address()] {
        let mut settings = settings(&[("clamd", bad.clone()), ("clamd", good.address())]);
        settings.scan_timeout = Duration::from_secs(1);
        let scanners = Scanners::new(settings).unwrap();
        for _ in 0..2 {
            let reports = scanners.scan(content(MAIL), &[]).await;
            assert_eq!(reports.len(), 1);
            assert_eq!(reports[0].verdict, ScanVerdict::Clean, "{bad}");
        }
        assert!(scanners.ready(|_| true));
    }
}

#[tokio::test]
async fn a_group_in_which_nobody_answers_says_the_worst() {
    let nowhere = ClamdAddress::Unix(PathBuf::from("/nonexistent/clamd.ctl"));
    let wrong = broken();
    for order in [[nowhere.clone(), wrong.address()], [wrong.address(), nowhere.clone()]] {
        let scanners = Scanners::new(settings(&order.map(|address| ("a", address)))).unwrap();
        let reports = scanners.scan(content(MAIL), &[]).await;
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0].verdict.name(), "unavailable");
        assert_eq!(reports[0].scanner, "clamd unix:/nonexistent/clamd.ctl");
        assert!(!scanners.ready(|_| true));
    }
}

#[tokio::test]
async fn every_group_reports_in_the_order_of_the_settings() {
    let fake = FakeClamd::start(|_: &Asked| None);
    let mut settings = settings(&[("clamd", fake.address())]);
    settings.scanners.insert(0, yara_settings());
    let nowhere = ClamdAddress::Unix(PathBuf::from("/nonexistent/clamd.ctl"));
    settings.scanners.push(scanner("gone", ScannerKind::Clamd(nowhere)));
    let scanners = Scanners::new(settings).unwrap();
    let reports = scanners.scan(content(&self_test::plainly_infected_mail()), &[]).await;
    let rows: Vec<_> = reports.iter().map(|it| (it.group.as_str(), it.verdict.name())).collect();
    assert_eq!(rows, [("yara", "infected"), ("clamd", "infected"), ("gone", "unavailable")]);
    assert!(!scanners.ready(|_| true), "a group is missing");
    let statuses = scanners.self_test(wall()).await;
    let rows: Vec<_> = statuses.iter().map(|it| (it.healthy, it.handed.as_str(), it.finds_eicar)).collect();
    assert_eq!(rows, [(true, "in process", Some(true)), (true, "fildes", Some(true)), (false, "unknown", None)]);
    assert_eq!(fake.scans.load(Ordering::Acquire), 0);
}

/// By order: it may be what is wrong, and mail does not wait for it.
#[tokio::test]
async fn a_group_that_is_spared_is_not_asked_and_nobody_waits_for_it() {
    let hangs = FakeClamd::start(|_: &Asked| Some(Answer::Hang));
    let good = FakeClamd::start(|_: &Asked| None);
    let scanners = Scanners::new(settings(&[("clamd", hangs.address()), ("other", good.address())])).unwrap();
    let reports = scanners.scan(content(MAIL), &["clamd".to_owned()]).await;
    let rows: Vec<_> = reports.iter().map(|it| (it.group.as_str(), it.verdict.name())).collect();
    assert_eq!(rows, [("other", "clean")]);
    assert_eq!(hangs.scans.load(Ordering::Acquire), 0);
    assert!(scanners.ready(|group| group != "clamd") && !scanners.ready(|_| true));
}

#[tokio::test]
async fn no_scanner_is_no_report_and_bad_rules_are_a_fault() {
    let scanners = Scanners::new(settings(&[])).unwrap();
    assert!(scanners.scan(content(MAIL), &[]).await.is_empty() && scanners.ready(|_| true));
    let mut settings = settings(&[]);
    let rules = PathBuf::from("/nonexistent/rules");
    settings.scanners.push(scanner("yara", ScannerKind::Yara { rules, max_size: 1 }));
    assert!(Scanners::new(settings).unwrap_err().to_string().starts_with("/nonexistent/rules: error: cannot be read"));
}

#[test]
fn every_scan_is_counted_by_scanner_and_verdict() {
    let fake = FakeClamd::start(|_: &Asked| None);
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let scanners = Scanners::new(settings(&[("clamd", fake.address())])).unwrap();
            scanners.scan(content(MAIL), &[]).await;
            scanners.scan(content(&self_test::plainly_infected_mail()), &[]).await;
            scanners.measure();
        });
    });
    let (shown, name) = (shown.render(), format!("scanner=\"clamd {}\"", fake.address()));
    for line in [
        format!("portaria_scans_total{{{name},verdict=\"clean\"}} 1"),
        format!("portaria_scans_total{{{name},verdict=\"infected\"}} 1"),
        format!("portaria_scan_seconds_count{{{name}}} 2"),
        format!("portaria_scans_in_flight{{{name}}} 0"),
        format!("portaria_scanner_up{{{name}}} 1"),
        format!("portaria_scanner_finds_eicar{{{name}}} 1"),
        format!("portaria_definitions_age_seconds{{{name}}} NaN"),
    ] {
        assert!(shown.contains(&line), "{line}\n{shown}");
    }
}

/// YARA rules to which a message brings no end are asked so often and then not again, though each time there was an answer in time.
#[tokio::test]
async fn content_that_yara_comes_to_no_end_with_is_poison_too() {
    let rule = "rule Endless { meta: class = \"malware\" strings: $a = /[a-z]+[^a-z]/ condition: #a > 2000 }";
    let folder = sample::folder(&[("a.yar", rule)]);
    let mut settings = settings(&[]);
    settings.scanners.push(scanner("yara", ScannerKind::Yara { rules: folder.path().to_owned(), max_size: 1 << 24 }));
    settings.scan_timeout = Duration::from_millis(400);
    settings.poison_after = 2;
    let scanners = Scanners::new(settings).unwrap();
    let endless = content(&[b"Subject: x\r\n\r\n", &b"a".repeat(16_000_000)[..], b"!"].concat());
    for expected in ["not_fully_scanned", "not_fully_scanned", "poison"] {
        let reports = scanners.scan(endless.clone(), &[]).await;
        assert_eq!(reports[0].verdict.name(), expected);
    }
    // boreal looks at its clock after so many hits, and ends by itself then: how soon, the machine says.
    assert!(scanners.status()[0].in_flight <= 2, "the third try began nothing");
}

/// Answers the self-test honestly, and nothing to anything else: hangs until the client has gone, or closes at once.
fn deadly(hang: bool) -> FakeClamd {
    FakeClamd::start(move |asked: &Asked| {
        let scan = ["FILDES", "INSTREAM"].contains(&asked.command.as_str()) && !asked.content.is_empty();
        let deadly = scan && asked.content.ends_with(b"deadly\r\n") && !is_self_test(&asked.content);
        deadly.then(|| if hang { Answer::Hang } else { Answer::Say(Vec::new()) })
    })
}

fn mail(text: &str, sha256: &str) -> Content {
    Content { sha256: sha256.to_owned(), ..content(format!("Received: {sha256}\r\n\r\n{text}\r\n").as_bytes()) }
}

/// A sender tries one message fifty times, each time with another `Received:` of ours in front.
#[tokio::test]
async fn content_that_hangs_or_kills_scanners_is_scanned_so_often_and_then_not_again() {
    for hang in [true, false] {
        let (first, second) = (deadly(hang), deadly(hang));
        let mut settings = settings(&[("clamd", first.address()), ("clamd", second.address())]);
        (settings.poison_after, settings.in_flight) = (3, 4);
        settings.scan_timeout = Duration::from_millis(400);
        let scanners = Scanners::new(settings).unwrap();
        scanners.self_test(wall()).await;
        let mut verdicts = Vec::new();
        for _ in 0..50 {
            verdicts.push(scanners.scan(mail("deadly", "d1"), &[]).await.remove(0).verdict);
        }
        let scans = first.scans.load(Ordering::Acquire) + second.scans.load(Ordering::Acquire);
        assert_eq!(scans, 3, "hang: {hang}");
        let poison = ScanVerdict::Poison { reason: "no answer to this content 3 times".to_owned() };
        assert!(verdicts[2..].iter().all(|verdict| *verdict == poison), "{verdicts:?}");
        assert!(matches!(verdicts[0], ScanVerdict::Unavailable { .. } | ScanVerdict::ScannerError { .. }));
        // Another message is nobody's poison.
        assert_eq!(scanners.scan(mail("harmless", "a1"), &[]).await[0].verdict, ScanVerdict::Clean);
        for fake in [&first, &second] {
            fake.let_go.store(true, Ordering::Release);
        }
        for _ in 0..200 {
            if scanners.status().iter().all(|it| it.in_flight == 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(scanners.status().iter().all(|it| it.in_flight == 0), "scans are left running");
    }
}

/// A clamd that hangs at everything does not pass its self-test, so what is sent meanwhile is not handed to it, and not blamed.
#[tokio::test]
async fn an_outage_poisons_nobody() {
    let fake = FakeClamd::start(|asked: &Asked| (asked.command != "PING").then_some(Answer::Hang));
    let mut settings = settings(&[("clamd", fake.address())]);
    (settings.poison_after, settings.scan_timeout) = (1, Duration::from_millis(100));
    let scanners = Scanners::new(settings).unwrap();
    for _ in 0..5 {
        let verdict = scanners.scan(mail("harmless", "a1"), &[]).await.remove(0).verdict;
        assert!(matches!(verdict, ScanVerdict::Unavailable { .. }), "{verdict:?}");
    }
}

#[tokio::test]
async fn what_old_definitions_find_nothing_in_is_not_clean() {
    let old = FakeClamd::start(|asked: &Asked| {
        (asked.command == "VERSION").then(|| Answer::Say(b"ClamAV 1.4.6/27800/Wed Jan  1 09:00:00 2020\0".to_vec()))
    });
    let mut settings = settings(&[("clamd", old.address())]);
    settings.ages = Ages::default();
    let scanners = Scanners::new(settings).unwrap();
    scanners.self_test(wall()).await;
    let report = scanners.scan(content(MAIL), &[]).await.remove(0);
    let ScanVerdict::Outdated { reason } = &report.verdict else { panic!("{report:?}") };
    assert_eq!(reason, "definitions 2516 days old");
    assert_eq!(report.version.as_deref(), Some("ClamAV 1.4.6/27800/Wed Jan  1 09:00:00 2020"));
    assert_eq!(scanners.status()[0].definitions_age, "critical");
    let infected = scanners.scan(content(&self_test::infected_mail()), &[]).await.remove(0).verdict;
    assert_eq!(infected.name(), "infected", "what it does find is found");
}

#[tokio::test]
async fn the_one_with_current_definitions_is_asked_first() {
    let version = |text: &'static str| {
        FakeClamd::start(move |asked: &Asked| {
            (asked.command == "VERSION").then(|| Answer::Say(text.as_bytes().to_vec()))
        })
    };
    let (old, new) =
        (version("ClamAV 1/1/Wed Jan  1 09:00:00 2020\0"), version("ClamAV 1/1/Wed Jan  1 09:00:00 2199\0"));
    let mut settings = settings(&[("clamd", old.address()), ("clamd", new.address())]);
    settings.ages = Ages::default();
    let scanners = Scanners::new(settings).unwrap();
    scanners.self_test(wall()).await;
    assert_eq!(scanners.scan(content(MAIL), &[]).await[0].verdict, ScanVerdict::Clean);
}

#[tokio::test]
async fn scans_are_shared_by_weight() {
    let hang = |asked: &Asked| {
        let scan = asked.descriptor.is_some() && !is_self_test(&asked.content);
        scan.then_some(Answer::Hang)
    };
    let (heavy, light) = (FakeClamd::start(hang), FakeClamd::start(hang));
    let mut settings = settings(&[("clamd", heavy.address()), ("clamd", light.address())]);
    (settings.scanners[0].weight, settings.scanners[0].in_flight) = (3, Some(20));
    settings.in_flight = 20;
    let scanners = std::sync::Arc::new(Scanners::new(settings).unwrap());
    scanners.self_test(wall()).await;
    let mut running = tokio::task::JoinSet::new();
    for sent in 1..=8 {
        let scanners = scanners.clone();
        running.spawn(async move { scanners.scan(content(MAIL), &[]).await });
        while heavy.scans.load(Ordering::Acquire) + light.scans.load(Ordering::Acquire) < sent {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    assert_eq!((heavy.scans.load(Ordering::Acquire), light.scans.load(Ordering::Acquire)), (6, 2));
    running.abort_all();
}
