//! Groups of scanners: alternatives inside a group, every group must answer.
//!
//! In: content and a deadline. Out: one report a group. Inside a group the scanners are tried until one gives a real
//! answer; a scanner that is down costs the others their share of time and nothing else. It refuses to know what a
//! verdict leads to, and never makes two verdicts into one, but for a group in which nobody answered.

use tokio::time::Instant;

use super::{ClamdAddress, Content, ScannerKind, ScannerStatus, Settings, StartFault, clamd::Clamd, yara::Yara};
use crate::{
    document::Faults,
    policy::verdict::{ScanVerdict, ScannerReport},
};

/// All groups.
#[derive(Debug)]
pub struct Pool {
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    name: String,
    scanners: Vec<Scanner>,
}

#[derive(Debug)]
struct Scanner {
    name: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Clamd(Clamd),
    Yara(Yara),
}

impl Pool {
    /// Builds every scanner; all faults of all rule folders together.
    pub fn new(settings: Settings) -> Result<Self, StartFault> {
        let mut groups: Vec<Group> = Vec::new();
        let mut faults = Faults::default();
        for scanner in &settings.scanners {
            let built = match Scanner::new(&scanner.kind, &settings) {
                Ok(built) => built,
                Err(more) => {
                    faults.append(more);
                    continue;
                }
            };
            match groups.iter_mut().find(|group| group.name == scanner.group) {
                Some(group) => group.scanners.push(built),
                None => groups.push(Group { name: scanner.group.clone(), scanners: vec![built] }),
            }
        }
        if faults.has_errors() { Err(StartFault(faults)) } else { Ok(Self { groups }) }
    }

    /// One report a group.
    pub async fn scan(&self, content: &Content, deadline: Instant) -> Vec<ScannerReport> {
        scan_all(&self.groups, content, deadline).await
    }

    /// Every scanner at once.
    pub async fn self_test(&self, deadline: Instant) {
        let scanners: Vec<&Scanner> = self.groups.iter().flat_map(|group| &group.scanners).collect();
        self_test_all(&scanners, deadline).await;
    }

    /// What is known of each.
    pub fn status(&self) -> Vec<ScannerStatus> {
        let of_group = |group: &Group| group.scanners.iter().map(|scanner| scanner.status(&group.name)).collect();
        self.groups.iter().flat_map(|group| -> Vec<_> { of_group(group) }).collect()
    }

    /// Whether every group has a scanner that answered last time.
    pub fn ready(&self) -> bool {
        self.groups.iter().all(|group| group.scanners.iter().any(Scanner::healthy))
    }
}

/// All groups at once, reports in their order. Recursion instead of a spawned task a group: nothing is left behind when
/// the caller goes.
async fn scan_all(groups: &[Group], content: &Content, deadline: Instant) -> Vec<ScannerReport> {
    let Some((first, rest)) = groups.split_first() else { return Vec::new() };
    if rest.is_empty() {
        return vec![first.scan(content, deadline).await];
    }
    let (report, mut reports) =
        tokio::join!(first.scan(content, deadline), Box::pin(scan_all(rest, content, deadline)));
    reports.insert(0, report);
    reports
}

async fn self_test_all(scanners: &[&Scanner], deadline: Instant) {
    if let Some((first, rest)) = scanners.split_first() {
        tokio::join!(first.self_test(deadline), Box::pin(self_test_all(rest, deadline)));
    }
}

impl Group {
    /// The first real answer of its scanners, the well and least busy first; if none has one, the worst of what they
    /// said. A scanner that does not answer may use up only its share of the time that is left.
    async fn scan(&self, content: &Content, deadline: Instant) -> ScannerReport {
        let asked = Instant::now();
        let mut worst: Option<(&str, ScanVerdict)> = None;
        let mut order: Vec<&Scanner> = self.scanners.iter().collect();
        order.sort_by_key(|scanner| (!scanner.healthy(), scanner.in_flight()));
        for (tried, scanner) in order.iter().enumerate() {
            let left = u32::try_from(order.len().saturating_sub(tried)).unwrap_or(u32::MAX).max(1);
            let now = Instant::now();
            let share = now + deadline.saturating_duration_since(now) / left;
            let verdict = scanner.scan(content, share).await;
            if is_answer(&verdict) {
                return self.report(&scanner.name, verdict, asked);
            }
            tracing::warn!(scanner = scanner.name, ?verdict, "no answer from a scanner");
            if worst.as_ref().is_none_or(|(_, known)| verdict > *known) {
                worst = Some((&scanner.name, verdict));
            }
        }
        // A group is never built without a scanner; if it were, nobody looked.
        let nobody = || ("", ScanVerdict::Unavailable { text: "no scanner in this group".to_owned() });
        let (name, verdict) = worst.unwrap_or_else(nobody);
        self.report(name, verdict, asked)
    }

    fn report(&self, scanner: &str, verdict: ScanVerdict, asked: Instant) -> ScannerReport {
        let took_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        ScannerReport { group: self.name.clone(), scanner: scanner.to_owned(), verdict, took_ms }
    }
}

/// Anything but "could not be asked" and "said nothing that can be read".
fn is_answer(verdict: &ScanVerdict) -> bool {
    !matches!(verdict, ScanVerdict::Unavailable { .. } | ScanVerdict::ScannerError { .. })
}

impl Scanner {
    fn new(kind: &ScannerKind, settings: &Settings) -> Result<Self, Faults> {
        Ok(match kind {
            ScannerKind::Clamd(address) => {
                Self { name: clamd_name(address), kind: Kind::Clamd(Clamd::new(address.clone(), settings)) }
            }
            ScannerKind::Yara { rules, max_size } => {
                let name = format!("yara {}", rules.display());
                let yara = Yara::new(rules, *max_size, &name)?;
                Self { name, kind: Kind::Yara(yara) }
            }
        })
    }

    async fn scan(&self, content: &Content, deadline: Instant) -> ScanVerdict {
        let began = Instant::now();
        let verdict = match &self.kind {
            Kind::Clamd(clamd) => clamd.scan(content, deadline).await,
            Kind::Yara(yara) => yara.scan(content, deadline).await,
        };
        let name = || self.name.clone();
        metrics::counter!("portaria_scans_total", "scanner" => name(), "verdict" => verdict.name()).increment(1);
        metrics::histogram!("portaria_scan_seconds", "scanner" => name()).record(began.elapsed());
        verdict
    }

    async fn self_test(&self, deadline: Instant) {
        match &self.kind {
            Kind::Clamd(clamd) => clamd.self_test(deadline).await,
            Kind::Yara(yara) => yara.self_test(deadline).await,
        }
    }

    fn healthy(&self) -> bool {
        match &self.kind {
            Kind::Clamd(clamd) => clamd.healthy(),
            Kind::Yara(yara) => yara.healthy(),
        }
    }

    fn in_flight(&self) -> usize {
        match &self.kind {
            Kind::Clamd(clamd) => clamd.slots().taken(),
            Kind::Yara(yara) => yara.slots().taken(),
        }
    }

    fn status(&self, group: &str) -> ScannerStatus {
        let (handed, version, finds_eicar, last_error, slots) = match &self.kind {
            Kind::Clamd(clamd) => {
                let state = clamd.state();
                let handed = state.proof.map_or("unknown", |proof| proof.name());
                (handed, state.version, state.finds_eicar, state.last_error, clamd.slots())
            }
            Kind::Yara(yara) => {
                let state = yara.state();
                ("in process", Some(yara.version()), state.finds_eicar, state.last_error, yara.slots())
            }
        };
        ScannerStatus {
            group: group.to_owned(),
            scanner: self.name.clone(),
            healthy: self.healthy(),
            handed: handed.to_owned(),
            version,
            finds_eicar,
            in_flight: slots.taken(),
            in_flight_cap: slots.cap(),
            last_error,
        }
    }
}

fn clamd_name(address: &ClamdAddress) -> String {
    format!("clamd {address}")
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, sync::atomic::Ordering, time::Duration};

    use super::*;
    use crate::antivirus::{
        ScannerSettings, Scanners,
        fake_clamd::{Answer, Asked, FakeClamd, content, settings},
        self_test,
    };

    const MAIL: &[u8] = b"Received: from a by b\r\nSubject: x\r\n\r\nhello\r\n";

    fn yara_settings() -> ScannerSettings {
        let rules = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/yara"));
        ScannerSettings { group: "yara".to_owned(), kind: ScannerKind::Yara { rules, max_size: 1 << 24 } }
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
                let reports = scanners.scan(content(MAIL)).await;
                assert_eq!(reports.len(), 1);
                assert_eq!(reports[0].verdict, ScanVerdict::Clean, "{bad}");
            }
            assert!(scanners.ready());
        }
    }

    #[tokio::test]
    async fn a_group_in_which_nobody_answers_says_the_worst() {
        let nowhere = ClamdAddress::Unix(PathBuf::from("/nonexistent/clamd.ctl"));
        let wrong = broken();
        for order in [[nowhere.clone(), wrong.address()], [wrong.address(), nowhere.clone()]] {
            let scanners = Scanners::new(settings(&order.map(|address| ("a", address)))).unwrap();
            let reports = scanners.scan(content(MAIL)).await;
            assert_eq!(reports.len(), 1);
            assert_eq!(reports[0].verdict.name(), "unavailable");
            assert_eq!(reports[0].scanner, "clamd unix:/nonexistent/clamd.ctl");
            assert!(!scanners.ready());
        }
    }

    #[tokio::test]
    async fn every_group_reports_in_the_order_of_the_settings() {
        let fake = FakeClamd::start(|_: &Asked| None);
        let mut settings = settings(&[("clamd", fake.address())]);
        settings.scanners.insert(0, yara_settings());
        settings.scanners.push(ScannerSettings {
            group: "gone".to_owned(),
            kind: ScannerKind::Clamd(ClamdAddress::Unix(PathBuf::from("/nonexistent/clamd.ctl"))),
        });
        let scanners = Scanners::new(settings).unwrap();
        let reports = scanners.scan(content(&self_test::plainly_infected_mail())).await;
        let rows: Vec<_> = reports.iter().map(|it| (it.group.as_str(), it.verdict.name())).collect();
        assert_eq!(rows, [("yara", "infected"), ("clamd", "infected"), ("gone", "unavailable")]);
        assert!(!scanners.ready(), "a group is missing");
        let statuses = scanners.self_test().await;
        let rows: Vec<_> = statuses.iter().map(|it| (it.healthy, it.handed.as_str(), it.finds_eicar)).collect();
        assert_eq!(rows, [(true, "in process", Some(true)), (true, "fildes", Some(true)), (false, "unknown", None)]);
        assert_eq!(fake.scans.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn no_scanner_is_no_report_and_bad_rules_are_a_fault() {
        let scanners = Scanners::new(settings(&[])).unwrap();
        assert!(scanners.scan(content(MAIL)).await.is_empty() && scanners.ready());
        let mut settings = settings(&[]);
        settings.scanners.push(ScannerSettings {
            group: "yara".to_owned(),
            kind: ScannerKind::Yara { rules: PathBuf::from("/nonexistent/rules"), max_size: 1 },
        });
        assert!(
            Scanners::new(settings).unwrap_err().to_string().starts_with("/nonexistent/rules: error: cannot be read")
        );
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
                scanners.scan(content(MAIL)).await;
                scanners.scan(content(&self_test::plainly_infected_mail())).await;
            });
        });
        let (shown, name) = (shown.render(), format!("scanner=\"clamd {}\"", fake.address()));
        for line in [
            format!("portaria_scans_total{{{name},verdict=\"clean\"}} 1"),
            format!("portaria_scans_total{{{name},verdict=\"infected\"}} 1"),
            format!("portaria_scan_seconds_count{{{name}}} 2"),
            format!("portaria_scans_in_flight{{{name}}} 0"),
        ] {
            assert!(shown.contains(&line), "{line}\n{shown}");
        }
    }
}
