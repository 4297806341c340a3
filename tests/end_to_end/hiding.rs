//! Messages that hide the test file by MIME tricks, before the real scanners and the gateway: found, or stopped by policy.
//!
//! What counts is what a mail program shows as an attachment: a case in which none shows the test file says so, with its reason, and
//! may pass. `cargo nextest run --test end_to_end --no-capture -E 'test(hiding)'` prints the table; `docs/ambiguity.md` holds its sums.

use std::{fs::File, path::Path, sync::Arc, time::Duration};

use portaria::{
    antivirus::{Ages, ClamdAddress, Content, ScannerKind, ScannerSettings, Scanners, Settings},
    inspect::ambiguity::Detector,
    policy::verdict::{ScanVerdict, ScannerReport},
};

use crate::{
    corpus::{self, Case, Expected},
    support::{clamd::Clamd, client::Client, gateway::Setup, scratch::Scratch, sink::Sink},
};

/// What became of one case.
struct Row {
    clamd: String,
    yara: String,
    ambiguity: String,
    gateway: &'static str,
}

impl Row {
    fn is_stopped(&self) -> bool {
        matches!(self.gateway, "refused" | "held")
    }

    /// With this scanner alone; every verdict but clean stops a message by default.
    fn is_stopped_by(&self, verdict: &str) -> bool {
        verdict != "-" || self.ambiguity != "-"
    }
}

#[test]
fn what_hides_the_test_file_is_found_or_stopped_by_policy() {
    let clamd = Clamd::start();
    let scratch = Scratch::new("hiding");
    let scanners = scanners(&clamd, &scratch);
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).clamd(&clamd).and_yara().start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = corpus::cases();
    let mut rows = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        // As the gateway hands it on: its own field first (decision 7).
        let held = [b"Received: from a by b; Sat, 21 Nov 2026 08:00:00 -0300\r\n".as_slice(), &case.message].concat();
        let file = Arc::new(File::open(scratch.write(&format!("{number:03}.eml"), &held)).unwrap());
        let content = Content {
            file,
            length: held.len() as u64,
            in_memory: false,
            sha256: String::new(),
            readers: Arc::default(),
        };
        let reports = runtime.block_on(scanners.scan(content, &[]));
        let said =
            Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], &case.message).line();
        let gateway = match said.get(..9) {
            Some("550 5.7.1") => "refused",
            Some("250 2.0.0") if said.contains("Held") => "held",
            Some("250 2.0.0") => "delivered",
            _ => panic!("{}: {said}", case.name),
        };
        rows.push(Row {
            clamd: verdict(&reports, "clamd"),
            yara: verdict(&reports, "yara"),
            ambiguity: ambiguity(&case.message),
            gateway,
        });
    }
    print(&cases, &rows);
    let escaped = |is_stopped: &dyn Fn(&Case, &Row) -> bool| {
        let escape = |(case, row): &(&Case, &Row)| case.expected == Expected::Stopped && !is_stopped(case, row);
        cases.iter().zip(&rows).filter(escape).map(|(case, _)| case.name.clone()).collect::<Vec<_>>()
    };
    let nothing: [String; 0] = [];
    assert_eq!(escaped(&|_, row| row.is_stopped()), nothing, "by the gateway with both scanners");
    assert_eq!(escaped(&|_, row| row.is_stopped_by(&row.clamd)), nothing, "with clamd alone");
    assert_eq!(escaped(&|case, row| row.is_stopped_by(&row.yara) || case.is_contained), nothing, "with YARA alone");
}

fn scanners(clamd: &Clamd, scratch: &Scratch) -> Scanners {
    let of = |group: &str, kind| ScannerSettings {
        group: group.to_owned(),
        kind,
        weight: 1,
        in_flight: None,
        database: None,
    };
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/yara");
    Scanners::new(Settings {
        poison_after: 3,
        ages: Ages::default(),
        scanners: vec![
            of("clamd", ScannerKind::Clamd(ClamdAddress::Unix(clamd.socket()))),
            of("yara", ScannerKind::Yara { rules, max_size: 16 << 20 }),
        ],
        scan_timeout: Duration::from_secs(60),
        connect_timeout: Duration::from_secs(5),
        in_flight: 4,
        probe_folder: scratch.path().to_owned(),
    })
    .unwrap()
}

fn verdict(reports: &[ScannerReport], group: &str) -> String {
    match &reports.iter().find(|report| report.group == group).unwrap().verdict {
        ScanVerdict::Infected { .. } => "found".to_owned(),
        ScanVerdict::Clean => "-".to_owned(),
        other => other.name().to_owned(),
    }
}

fn ambiguity(message: &[u8]) -> String {
    let mut detector = Detector::new();
    detector.receive(message);
    detector.end();
    detector.ambiguity().map_or("-".to_owned(), |finding| format!("{:?}", finding.trick))
}

fn print(cases: &[Case], rows: &[Row]) {
    println!("{:<58} {:<18} {:<18} {:<20} gateway", "case", "clamd", "YARA", "ambiguity");
    for (case, row) in cases.iter().zip(rows) {
        println!("{:<58} {:<18} {:<18} {:<20} {}", case.name, row.clamd, row.yara, row.ambiguity, row.gateway);
    }
    let count = |is: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
    println!("{} cases", rows.len());
    println!("found by clamd: {}", count(&|row| row.clamd == "found"));
    println!("found by YARA: {}", count(&|row| row.yara == "found"));
    println!("found by neither: {}", count(&|row| row.clamd != "found" && row.yara != "found"));
    println!("ambiguous: {}", count(&|row| row.ambiguity != "-"));
    println!(
        "found by neither, stopped because ambiguous: {}",
        count(&|row| { row.clamd != "found" && row.yara != "found" && row.ambiguity != "-" })
    );
    println!("stopped: {}", count(&Row::is_stopped));
    println!("stopped with clamd alone: {}", count(&|row| row.is_stopped_by(&row.clamd)));
    println!("stopped with YARA alone: {}", count(&|row| row.is_stopped_by(&row.yara)));
    println!("neither found nor stopped:");
    for (case, row) in cases.iter().zip(rows).filter(|(_, row)| !row.is_stopped()) {
        let why = match case.expected {
            Expected::Stopped => "ESCAPED",
            Expected::Harmless(why) => why,
        };
        println!("  {} ({}): {why}", case.name, row.gateway);
    }
}
