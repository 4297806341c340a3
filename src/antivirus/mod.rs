//! Scanners: clamd over a local socket or TCP, and YARA in process. Content in, verdicts out; none of them is guessed.
//!
//! A message is scanned by one scanner of every group at once (`pool`); which verdict counts is the caller's business.
//! This adapter knows no message and no disposition: it never says what becomes of anything.

mod clamd;
mod content;
mod definitions;
mod in_flight;
mod outcome;
mod pool;
mod self_test;
mod yara;

/// What the fuzz targets look at, and nobody else.
#[doc(hidden)]
pub mod fuzzing {
    pub use super::clamd::answer::parse as clamd_answer;
}

#[cfg(test)]
pub(crate) mod fake_clamd;

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

pub use clamd::limits::LimitFault;
pub use content::Content;
pub use definitions::{Ages, Database};
pub use in_flight::anybody_waits as scans_wait;
use serde::Serialize;
use tokio::time::Instant;

use crate::{document::Faults, language::Language, policy::verdict::ScannerReport};

/// All scanners of the gateway.
///
/// ```no_run
/// # async fn example(settings: portaria::antivirus::Settings, content: portaria::antivirus::Content) {
/// use portaria::antivirus::Scanners;
/// let scanners = Scanners::new(settings).unwrap();
/// scanners.self_test(std::time::SystemTime::now()).await;
/// let reports = scanners.scan(content, &[]).await;
/// let decides = portaria::policy::verdict_action::VerdictActions::default().deciding(&reports);
/// # }
/// ```
#[derive(Debug)]
pub struct Scanners {
    pool: pool::Pool,
    scan_timeout: Duration,
}

impl Scanners {
    /// Compiles the YARA rules; opens no connection. Call it where files may be read, not on a busy worker.
    ///
    /// # Errors
    ///
    /// Every fault of every rule file at once, each with file and line.
    pub fn new(settings: Settings) -> Result<Self, StartFault> {
        let scan_timeout = settings.scan_timeout;
        Ok(Self { pool: pool::Pool::new(settings)?, scan_timeout })
    }

    /// Scans by every group at once, but for those that are `spared`, and returns one report a group, in the order of the settings,
    /// within [`Settings::scan_timeout`]. No report ever stays away; with no scanner there is none.
    ///
    /// Dropped before it is ready, the scans that clamd has already begun go on by themselves and keep their slots.
    pub async fn scan(&self, content: Content, spared: &[String]) -> Vec<ScannerReport> {
        self.pool.scan(&content, spared, self.deadline()).await
    }

    /// Asks every scanner whether it lives, how it is to be handed content, and whether it finds the EICAR test file.
    ///
    /// Call it at start and every so often (a minute): a scanner that nobody scans with is otherwise not seen to come
    /// back. Takes [`Settings::scan_timeout`] at most. A scan does the same by itself when it has to. `wall`: the time by the wall
    /// clock, by which the age of definitions is known until the next self-test.
    pub async fn self_test(&self, wall: SystemTime) -> Vec<ScannerStatus> {
        self.pool.self_test(wall, self.deadline()).await;
        self.status()
    }

    /// Tries what each clamd that is well does with the largest message that we take, with archives in archives and with an
    /// encrypted one: for `portaria check`, after [`Scanners::self_test`]. Each takes [`Settings::scan_timeout`] at most.
    pub async fn examine(&self, largest: u64) -> Vec<(String, Vec<LimitFault>)> {
        self.pool.examine(largest, self.scan_timeout).await
    }

    /// Reads the YARA rules of every scanner as their files are now, and proves each set by its examples and the self-test's mails.
    /// Nothing changes by it. Blocks for as long as that takes, a minute at most for honest rules.
    ///
    /// # Errors
    ///
    /// Every fault of every rule file at once, each with file and line.
    pub fn read_rules(&self) -> Result<FreshRules, Faults> {
        self.pool.read_rules().map(FreshRules)
    }

    /// Puts rules that were read in force, for scans that begin from now on; those under way end with the rules that they began with.
    pub fn put_in_force(&self, fresh: FreshRules) {
        for ((_, yara), set) in self.pool.with_rules().zip(fresh.0) {
            yara.put_in_force(set);
        }
    }

    /// The rules in force, scanner by scanner; none of a clamd.
    pub fn rules_in_force(&self) -> Vec<RulesInForce> {
        self.pool.with_rules().map(|(name, yara)| RulesInForce::of(name, &yara.rules())).collect()
    }

    /// Rules that were read for these scanners, as [`Scanners::rules_in_force`] will tell of them.
    pub fn described(&self, fresh: &FreshRules) -> Vec<RulesInForce> {
        self.pool.with_rules().zip(&fresh.0).map(|((name, _), rules)| RulesInForce::of(name, rules)).collect()
    }

    /// What is known of each scanner, without asking it.
    pub fn status(&self) -> Vec<ScannerStatus> {
        self.pool.status()
    }

    /// Sets the gauges of what is known of each scanner, without asking it.
    pub fn measure(&self) {
        self.pool.measure();
    }

    /// Whether in every group that `is_asked` a scanner answered last time. True with no scanner at all.
    pub fn ready(&self, is_asked: impl Fn(&str) -> bool) -> bool {
        self.pool.ready(is_asked)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.scan_timeout
    }
}

/// YARA rules that were read and proved, and are not in force yet.
#[derive(Debug)]
pub struct FreshRules(Vec<yara::rules::RuleSet>);

/// The YARA rules of one scanner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RulesInForce {
    /// Its name, as in reports.
    pub scanner: String,
    /// 12 hex digits over names and texts of the rule files.
    pub version: String,
    /// Rules that can match.
    pub rules: usize,
    /// Whether one of them finds the EICAR test file.
    pub finds_eicar: Option<bool>,
}

impl RulesInForce {
    fn of(scanner: &str, rules: &yara::rules::RuleSet) -> Self {
        let (version, count, finds_eicar) = (rules.version.clone(), rules.len(), rules.finds_eicar());
        Self { scanner: scanner.to_owned(), version, rules: count, finds_eicar }
    }
}

/// A folder of YARA rules whose files have no error.
#[derive(Clone, Debug)]
pub struct CheckedRules {
    /// 12 hex digits over names and texts of the rule files.
    pub version: String,
    /// Rules that can match.
    pub rules: usize,
    /// Examples, all of which hold.
    pub examples: usize,
    /// How long the examples took together.
    pub took: Duration,
}

/// Compiles the YARA rules of a folder and runs their examples as [`Scanners::new`] does, for a checker: what they are if there is no
/// error, and errors and warnings.
pub fn check_yara_rules(folder: &Path) -> (Option<CheckedRules>, Faults) {
    match yara::rules::compile(folder) {
        Ok((set, warnings)) => {
            let (version, rules) = (set.version.clone(), set.len());
            let checked = CheckedRules { version, rules, examples: set.examples.count, took: set.examples.took };
            (Some(checked), warnings)
        }
        Err(faults) => (None, faults),
    }
}

/// What one scanner is known to be and do; what `portaria status --json` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScannerStatus {
    /// Its group.
    pub group: String,
    /// Its name, as in reports: `clamd unix:/run/clamav/clamd.ctl`, `yara /etc/portaria/rules/yara`.
    pub scanner: String,
    /// It answered last time; false for a clamd that was not asked yet.
    pub healthy: bool,
    /// How it is handed content: `fildes`, `instream`, one of each for memory and files, `in process`, `unknown`.
    pub handed: String,
    /// What it calls itself and its signatures.
    pub version: Option<String>,
    /// Its databases, as far as they are known.
    pub definitions: Vec<Database>,
    /// `current`, `old`, `critical`, or `unknown`.
    pub definitions_age: String,
    /// Whether it found the EICAR test file when it was last asked.
    pub finds_eicar: Option<bool>,
    /// Seconds since its last self-test ended, however it ended; none before the first.
    pub self_test_age_seconds: Option<u64>,
    /// Its share of the scans among the alternatives of its group.
    pub weight: u32,
    /// Scans that occupy it now, those that we gave up on included.
    pub in_flight: usize,
    /// How many may.
    pub in_flight_cap: usize,
    /// The last time that it gave no answer, or an error: its words.
    pub last_error: Option<String>,
}

/// Why the scanners cannot be used: faults in rule files.
#[derive(Debug)]
pub struct StartFault(pub Faults);

impl fmt::Display for StartFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.render(Language::En).trim_end())
    }
}

impl std::error::Error for StartFault {}

/// One `[[scanner]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannerSettings {
    /// Alternatives share a group, every group must answer.
    pub group: String,
    /// Which kind.
    pub kind: ScannerKind,
    /// Its share of the scans among the alternatives of its group: 2 gets twice what 1 gets.
    pub weight: u32,
    /// Scans in flight, if not [`Settings::in_flight`].
    pub in_flight: Option<usize>,
    /// Of a clamd: the folder of its databases, if it is on this machine.
    pub database: Option<PathBuf>,
}

/// The kinds of scanner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScannerKind {
    /// clamd.
    Clamd(ClamdAddress),
    /// YARA rules in process: a folder of `*.yar`.
    Yara {
        /// The folder.
        rules: PathBuf,
        /// Messages above are not fully scanned, octets.
        max_size: u64,
    },
}

/// Where a clamd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClamdAddress {
    /// `unix:/path`
    Unix(PathBuf),
    /// `tcp:host:port` with a numeric host.
    Tcp(SocketAddr),
    /// `tcp:host:port` with a name, resolved at every connection.
    TcpName(String, u16),
}

impl fmt::Display for ClamdAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::TcpName(host, port) => write!(f, "tcp:{host}:{port}"),
        }
    }
}

/// How scans run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// All scanners; empty only if antivirus is switched off.
    pub scanners: Vec<ScannerSettings>,
    /// From asking to answer.
    pub scan_timeout: Duration,
    /// Opening a connection.
    pub connect_timeout: Duration,
    /// Content to which a group's scanners gave no answer so many times is not scanned again.
    pub poison_after: u32,
    /// When definitions are old, and too old.
    pub ages: Ages,
    /// Scans in flight per clamd; keep it under clamd's `MaxThreads` (10 by default).
    pub in_flight: usize,
    /// Where the self-test makes an unlinked file: the folder of the hold's own files, so that clamd is asked about the
    /// file system that it will see.
    pub probe_folder: PathBuf,
}
