//! One scanner of whichever kind: its name, its load, its definitions, and scans on it.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::SystemTime,
};

use metrics::{Counter, Histogram};
use tokio::time::Instant;

use crate::{
    antivirus::{
        ClamdAddress, Content, ScannerKind, ScannerSettings, ScannerStatus, Settings,
        clamd::{Clamd, Scanned, limits::LimitFault},
        definitions::{Age, Ages, Definitions},
        in_flight::Slots,
        outcome::Outcome,
        yara::Yara,
    },
    document::Faults,
    policy::{finding::Asked, verdict::ScanVerdict},
};

/// A scanner.
#[derive(Debug)]
pub struct Scanner {
    name: String,
    weight: u32,
    ages: Ages,
    /// How old the definitions were at the last self-test.
    age: AtomicAge,
    meters: Meters,
    kind: Kind,
}

/// What every message counts, looked up by name and labels once and not each time.
#[derive(Debug, Default)]
struct Meters {
    clean: OnceLock<Counter>,
    seconds: OnceLock<Histogram>,
}

/// Seconds, or unknown.
#[derive(Debug)]
struct AtomicAge(AtomicI64);

impl AtomicAge {
    const UNKNOWN: i64 = -1;

    fn set(&self, age: Option<i64>) {
        self.0.store(age.unwrap_or(Self::UNKNOWN), Ordering::Relaxed);
    }

    fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|age| *age != Self::UNKNOWN)
    }
}

impl Default for AtomicAge {
    fn default() -> Self {
        Self(AtomicI64::new(Self::UNKNOWN))
    }
}

#[derive(Debug)]
enum Kind {
    Clamd(Clamd),
    Yara(Yara),
}

impl Scanner {
    /// Builds it.
    ///
    /// # Errors
    ///
    /// Every fault of its rule files.
    pub fn new(of: &ScannerSettings, settings: &Settings) -> Result<Self, Faults> {
        let (name, kind) = match &of.kind {
            ScannerKind::Clamd(address) => {
                let in_flight = of.in_flight.unwrap_or(settings.in_flight);
                let database = of.database.clone();
                (clamd_name(address), Kind::Clamd(Clamd::new(address.clone(), database, in_flight, settings)))
            }
            ScannerKind::Yara { rules, max_size } => {
                let name = format!("yara {}", rules.display());
                let yara = Yara::new(rules, *max_size, &name)?;
                (name, Kind::Yara(yara))
            }
        };
        Ok(Self {
            name,
            weight: of.weight.max(1),
            ages: settings.ages,
            age: AtomicAge::default(),
            meters: Meters::default(),
            kind,
        })
    }

    /// Scans, and answers by `deadline`.
    pub async fn scan(&self, content: &Content, deadline: Instant) -> Outcome {
        let began = Instant::now();
        let mut outcome = match &self.kind {
            Kind::Clamd(clamd) => {
                let Scanned { verdict, harmed } = clamd.scan(content, deadline).await;
                Outcome { harmed, ..Outcome::of(verdict, clamd.version()) }
            }
            Kind::Yara(yara) => yara.scan(content, deadline).await,
        };
        if outcome.verdict == ScanVerdict::Clean
            && let Age::Critical(days) = self.age()
        {
            outcome.verdict = ScanVerdict::Outdated { reason: format!("definitions {days} days old") };
        }
        self.count(&outcome, began);
        outcome
    }

    fn count(&self, outcome: &Outcome, began: Instant) {
        let name = || self.name.clone();
        let verdict = outcome.verdict.name();
        let scans = || metrics::counter!("portaria_scans_total", "scanner" => name(), "verdict" => verdict);
        match &outcome.verdict {
            ScanVerdict::Clean => self.meters.clean.get_or_init(scans).increment(1),
            _ => scans().increment(1),
        }
        let seconds = || metrics::histogram!("portaria_scan_seconds", "scanner" => name());
        self.meters.seconds.get_or_init(seconds).record(began.elapsed());
        for finding in &outcome.findings {
            let action = finding.action.map_or("configured", Asked::name);
            let labels = [("scanner", name()), ("rule", finding.rule.clone()), ("action", action.to_owned())];
            metrics::counter!("portaria_yara_matches_total", &labels).increment(1);
        }
    }

    /// Lets it prove itself now.
    pub async fn self_test(&self, wall: SystemTime, deadline: Instant) {
        match &self.kind {
            Kind::Clamd(clamd) => clamd.self_test(deadline).await,
            Kind::Yara(yara) => yara.self_test(deadline).await,
        }
        self.age.set(self.definitions().and_then(|definitions| definitions.age(wall)));
    }

    /// Sets the gauges of what is known of it.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; seconds of a century fit")]
    pub fn measure(&self) {
        let flag = |is: bool| f64::from(u8::from(is));
        // A gauge cannot be taken back: what was known and is not any more is no number.
        let known = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let (finds_eicar, tested) = self.self_tested();
        let age = tested.map(|tested| tested.elapsed().as_secs_f64());
        metrics::gauge!("portaria_scanner_up", "scanner" => self.name.clone()).set(flag(self.healthy()));
        metrics::gauge!("portaria_scanner_finds_eicar", "scanner" => self.name.clone())
            .set(known(finds_eicar.map(flag)));
        metrics::gauge!("portaria_self_test_age_seconds", "scanner" => self.name.clone()).set(known(age));
        metrics::gauge!("portaria_definitions_age_seconds", "scanner" => self.name.clone())
            .set(known(self.age.get().map(|seconds| seconds as f64)));
        metrics::gauge!("portaria_scans_in_flight", "scanner" => self.name.clone()).set(self.in_flight() as f64);
    }

    /// Scans that occupy it, those that nobody waits for any more included.
    fn in_flight(&self) -> usize {
        match &self.kind {
            Kind::Clamd(clamd) => clamd.slots().taken(),
            Kind::Yara(yara) => yara.in_flight(),
        }
    }

    /// Whether it found the test file, and when it was last asked.
    fn self_tested(&self) -> (Option<bool>, Option<Instant>) {
        match &self.kind {
            Kind::Clamd(clamd) => {
                let state = clamd.state();
                (state.finds_eicar, state.tested)
            }
            Kind::Yara(yara) => (yara.rules().finds_eicar(), yara.state().tested),
        }
    }

    /// Tries its limits, if it is well and has any that matter.
    pub async fn examine(&self, largest: u64, deadline: Instant) -> Option<Vec<LimitFault>> {
        match &self.kind {
            Kind::Clamd(clamd) if clamd.healthy() => clamd.examine(largest, deadline).await,
            _ => None,
        }
    }

    /// The scanner, if it has rules of its own.
    pub fn yara(&self) -> Option<&Yara> {
        match &self.kind {
            Kind::Clamd(_) => None,
            Kind::Yara(yara) => Some(yara),
        }
    }

    /// As in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it answered last time.
    pub fn healthy(&self) -> bool {
        match &self.kind {
            Kind::Clamd(clamd) => clamd.healthy(),
            Kind::Yara(yara) => yara.healthy(),
        }
    }

    /// Whether its definitions are older than the critical age.
    pub fn is_outdated(&self) -> bool {
        matches!(self.age(), Age::Critical(_))
    }

    /// Scans in flight beside its weight: who has less gets the next. A scanner of weight 2 gets two for one of weight 1.
    pub fn load(&self) -> u64 {
        const UNIT: u64 = 1 << 20;
        (self.slots().taken() as u64).saturating_add(1).saturating_mul(UNIT) / u64::from(self.weight)
    }

    /// What it calls itself and its definitions.
    pub fn version(&self) -> Option<String> {
        match &self.kind {
            Kind::Clamd(clamd) => clamd.version(),
            Kind::Yara(yara) => Some(yara.rules().describe()),
        }
    }

    /// What is known of it.
    pub fn status(&self, group: &str) -> ScannerStatus {
        let (handed, last_error) = match &self.kind {
            Kind::Clamd(clamd) => {
                let state = clamd.state();
                (state.proof.map_or("unknown", |proof| proof.name()), state.last_error)
            }
            Kind::Yara(yara) => ("in process", yara.state().last_error),
        };
        let (finds_eicar, tested) = self.self_tested();
        ScannerStatus {
            group: group.to_owned(),
            scanner: self.name.clone(),
            healthy: self.healthy(),
            handed: handed.to_owned(),
            version: self.version(),
            definitions: self.definitions().map(|known| known.databases).unwrap_or_default(),
            definitions_age: self.age().name().to_owned(),
            finds_eicar,
            self_test_age_seconds: tested.map(|tested| tested.elapsed().as_secs()),
            weight: self.weight,
            in_flight: self.in_flight(),
            in_flight_cap: self.slots().cap(),
            last_error,
        }
    }

    fn definitions(&self) -> Option<Definitions> {
        match &self.kind {
            Kind::Clamd(clamd) => Some(clamd.definitions()),
            // The house's own rules do not age.
            Kind::Yara(_) => None,
        }
    }

    fn age(&self) -> Age {
        self.ages.judge(self.age.get())
    }

    fn slots(&self) -> &Slots {
        match &self.kind {
            Kind::Clamd(clamd) => clamd.slots(),
            Kind::Yara(yara) => yara.slots(),
        }
    }
}

fn clamd_name(address: &ClamdAddress) -> String {
    format!("clamd {address}")
}
