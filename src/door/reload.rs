//! Rules, lists, YARA rules and the certificate into force without a restart: what is bad never replaces what is good (decisions
//! 16, 33), and what is half-written is not taken (decision 40).

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;

use super::{
    gateway::{Gateway, now},
    tls::TlsFault,
};
use crate::{
    antivirus::{FreshRules, RulesInForce, Scanners},
    policy::Policy,
    record::unix_millis,
    rule_history::{Cause, Change, Entry, Facts, FileSet, History, ScannerRules, Stamps},
};

/// Somebody who asks for a reload waits while files change, for so many looks at them …
const LOOKS: u32 = 20;
/// … with so much between them.
const BETWEEN: Duration = Duration::from_millis(100);

/// All that judges mail, as its files were when they were read.
#[derive(Debug)]
pub struct Fresh {
    /// Subject rules and lists.
    pub policy: Policy,
    /// The YARA rules of these scanners.
    pub scanner_rules: FreshRules,
}

/// Reads all of it as it is on the disk now, for these scanners: all of it without a fault, or what is wrong as lines for a person.
pub type Read = dyn Fn(&Scanners) -> Result<Fresh, String> + Send + Sync;

/// Where a set comes from. Each may block for as long as files take.
pub struct Sources {
    /// Reads and compiles.
    pub read: Box<Read>,
    /// The octets of all files that `read` reads.
    pub files: Box<dyn Fn() -> io::Result<FileSet> + Send + Sync>,
    /// What the file system says of them.
    pub stamps: Box<dyn Fn() -> Stamps + Send + Sync>,
    /// What a person is told when the files do not stay the same while they are read.
    pub unsettled: String,
}

/// Puts what [`Sources`] read into force, and the certificate as its files are now.
pub struct Reloader {
    sources: Sources,
    /// Held for the whole of a reload: of two at once, the one that read first could be the last to put its set into force.
    state: Mutex<State>,
    /// None: nobody knows which files it was.
    in_force: ArcSwapOption<Entry>,
    history_fault: ArcSwapOption<String>,
}

struct State {
    /// Every set that comes into force is kept here.
    history: History,
    /// The files before the gateway started.
    first: Option<FileSet>,
    /// The fingerprint of the files whose faults were told last.
    refused: Option<String>,
}

/// What became of a reload. Rules and certificate do not wait for each other: a slip in a rule must not let the certificate expire.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The version of the policy in force afterwards.
    pub version: String,
    /// The YARA rules in force afterwards.
    pub scanner_rules: Vec<RulesInForce>,
    /// Rules, lists and YARA rules: in force, or their faults as lines for a person, and then none of them has changed.
    pub rules: Result<(), String>,
    /// The certificate: in force, or why it is not, and then the one before it still is. None without `[tls]`.
    pub certificate: Option<Result<(), Arc<TlsFault>>>,
}

/// What became of files that were seen to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// They are in force, or were told to have faults, now or before.
    Settled,
    /// They changed while they were read, or a command has them: look again.
    Changing,
}

/// What one attempt at the rules came to.
enum Attempt {
    InForce,
    Faulty(String),
    Changing,
}

impl Reloader {
    /// `sources` as they are before the policy that the gateway starts with is read: [`Reloader::begin`] finds out whether that is what
    /// was read.
    pub fn new(sources: Sources, history: History) -> Self {
        let first = (sources.files)().ok();
        let state = Mutex::new(State { history, first, refused: None });
        Self { sources, state, in_force: ArcSwapOption::empty(), history_fault: ArcSwapOption::empty() }
    }

    /// The gateway has started with what it read: that is the first set in force. Blocks.
    pub fn begin(&self, gateway: &Gateway) {
        let first = self.lock().first.take();
        let still = (self.sources.files)();
        match (first, still) {
            (Some(first), Ok(still)) if first.fingerprint() == still.fingerprint() => {
                let scanner_rules = gateway.scanners.rules_in_force();
                self.note(&mut self.lock(), &first, facts(Cause::Start, &gateway.policy(), scanner_rules));
            }
            // Somebody writes just now. What was read is in force; which files it was is not known until they are read again.
            _ => drop(self.reload_alone(gateway, Cause::Start)),
        }
    }

    /// Reads and puts into force what has no fault; faults are logged and kept for `status`.
    ///
    /// Waits for files, for the compiler, and for another reload that is under way: the worker hands its sessions to another one
    /// before.
    pub fn reload(&self, gateway: &Gateway, cause: Cause) -> Reloaded {
        tokio::task::block_in_place(|| self.reload_alone(gateway, cause))
    }

    fn reload_alone(&self, gateway: &Gateway, cause: Cause) -> Reloaded {
        let mut state = self.lock();
        let rules = self.reload_rules(gateway, cause, &mut state);
        let reloaded = Reloaded {
            version: gateway.policy().version.clone(),
            scanner_rules: gateway.scanners.rules_in_force(),
            rules,
            certificate: certificate(gateway),
        };
        count(reloaded.is_whole());
        reloaded
    }

    fn reload_rules(&self, gateway: &Gateway, cause: Cause, state: &mut State) -> Result<(), String> {
        for look in 1.. {
            match self.attempt(gateway, cause, state, Duration::ZERO) {
                Attempt::InForce => return Ok(()),
                Attempt::Faulty(faults) => return Err(faults),
                Attempt::Changing if look < LOOKS => pause(BETWEEN),
                Attempt::Changing => break,
            }
        }
        Err(self.refuse(gateway, state, None, self.sources.unsettled.clone()))
    }

    /// The files were seen to change, and to be quiet since. Unlike [`Reloader::reload`] it leaves alone what is in force already, and
    /// does not tell twice of what was told. `patience` lies between the two looks that must show the same; where it is not none, files
    /// that change on and on are told of. May take long, as a reload may.
    pub fn take(&self, gateway: &Gateway, patience: Duration) -> Taken {
        tokio::task::block_in_place(|| {
            let mut state = self.lock();
            if self.is_settled(gateway, &state) {
                return Taken::Settled;
            }
            match self.attempt(gateway, Cause::Folder, &mut state, patience) {
                Attempt::InForce => count(true),
                Attempt::Faulty(_) => count(false),
                Attempt::Changing => {
                    if !patience.is_zero() && gateway.reload_fault().as_ref() != Some(&self.sources.unsettled) {
                        self.refuse(gateway, &mut state, None, self.sources.unsettled.clone());
                    }
                    return Taken::Changing;
                }
            }
            Taken::Settled
        })
    }

    /// Whether the files are those in force, or those whose faults were told last.
    fn is_settled(&self, gateway: &Gateway, state: &State) -> bool {
        let Ok(set) = (self.sources.files)() else { return false };
        let fingerprint = set.fingerprint();
        match gateway.reload_fault() {
            None => self.in_force().is_some_and(|entry| entry.fingerprint == fingerprint),
            Some(_) => state.refused.as_ref() == Some(&fingerprint),
        }
    }

    /// Reads everything between two looks at the files, and believes it only if both show the same.
    fn attempt(&self, gateway: &Gateway, cause: Cause, state: &mut State, patience: Duration) -> Attempt {
        let before = (self.sources.files)();
        pause(patience);
        let read = (self.sources.read)(&gateway.scanners);
        let after = (self.sources.files)();
        let set = match (before, after) {
            (Ok(before), Ok(after)) if before.fingerprint() == after.fingerprint() => before,
            (Ok(_), Ok(_)) => return Attempt::Changing,
            (Err(fault), _) | (_, Err(fault)) if is_passing(&fault) => return Attempt::Changing,
            // The compiler's own words name file and reason, if it has stumbled over the same.
            (Err(fault), _) | (_, Err(fault)) => {
                let told = read.err().unwrap_or_else(|| format!("{fault}\n"));
                return Attempt::Faulty(self.refuse(gateway, state, None, told));
            }
        };
        match read {
            Ok(fresh) => {
                self.put_in_force(gateway, cause, state, &set, fresh);
                Attempt::InForce
            }
            Err(faults) => Attempt::Faulty(self.refuse(gateway, state, Some(set.fingerprint()), faults)),
        }
    }

    fn put_in_force(&self, gateway: &Gateway, cause: Cause, state: &mut State, set: &FileSet, fresh: Fresh) {
        let Fresh { policy, scanner_rules } = fresh;
        let listed = policy.directory.entries().map(|entries| entries.all().len());
        tracing::info!(
            policy = policy.version,
            rules = policy.rules.len(),
            listed,
            by = cause.name(),
            "rules and lists are in force"
        );
        // Kept before it judges: whatever version a record names can be looked up, should we be killed between the two.
        self.note(state, set, facts(cause, &policy, gateway.scanners.described(&scanner_rules)));
        gateway.scanners.put_in_force(scanner_rules);
        gateway.set_policy(policy);
        state.refused = None;
        metrics::gauge!("portaria_rules_refused").set(0.0);
    }

    /// Keeps a set. Mail does not wait for a disk that is full: what cannot be kept comes into force all the same, and this is told.
    fn note(&self, state: &mut State, set: &FileSet, facts: Facts) {
        let entry = state.history.note(set, facts.clone());
        self.history_fault.store(entry.as_ref().err().map(|fault| Arc::new(fault.to_string())));
        let entry = entry.unwrap_or_else(|fault| {
            tracing::error!(%fault, "the rules' history cannot be written: this set comes into force without being kept");
            metrics::counter!("portaria_rules_history_failures_total").increment(1);
            Entry::not_kept(set, facts)
        });
        metrics::gauge!("portaria_rules_in_force_since_seconds").set(entry.at as f64 / 1000.0);
        self.in_force.store(Some(Arc::new(entry)));
    }

    /// What was read is not put in force: told, and kept for `status`.
    fn refuse(&self, gateway: &Gateway, state: &mut State, fingerprint: Option<String>, faults: String) -> String {
        tracing::error!(faults = ?faults, "rules and lists have faults: those in force stay in force");
        gateway.set_reload_fault(Some(faults.clone()));
        metrics::gauge!("portaria_rules_refused").set(1.0);
        state.refused = fingerprint;
        faults
    }

    /// The certificate alone, whose files were seen to change. Blocks.
    pub fn reload_certificate(&self, gateway: &Gateway) {
        let _one = self.lock();
        if let Some(read) = certificate(gateway) {
            count(read.is_ok());
        }
    }

    /// What the file system says of the files of the set. Blocks.
    pub fn stamps(&self) -> Stamps {
        (self.sources.stamps)()
    }

    /// The set in force, if it is known which files it was.
    pub fn in_force(&self) -> Option<Arc<Entry>> {
        self.in_force.load_full()
    }

    /// Why the set in force could not be kept in the history; none: it was.
    pub fn history_fault(&self) -> Option<String> {
        self.history_fault.load().as_ref().map(|fault| fault.to_string())
    }

    /// How the files on the disk differ from those in force. Blocks: they are read.
    pub fn on_disk(&self) -> io::Result<Vec<Change>> {
        let set = (self.sources.files)()?;
        Ok(self.in_force().map(|entry| entry.changes_to(&set)).unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reloaded {
    /// Whether everything that was read is in force.
    pub fn is_whole(&self) -> bool {
        self.rules.is_ok() && !matches!(self.certificate, Some(Err(_)))
    }
}

fn facts(cause: Cause, policy: &Policy, scanner_rules: Vec<RulesInForce>) -> Facts {
    let of = |rules: RulesInForce| ScannerRules { scanner: rules.scanner, version: rules.version };
    Facts {
        at: unix_millis(now().wall),
        cause,
        policy: policy.version.clone(),
        rules: policy.rules.len(),
        scanner_rules: scanner_rules.into_iter().map(of).collect(),
    }
}

fn count(is_whole: bool) {
    metrics::counter!("portaria_reloads_total", "result" => if is_whole { "ok" } else { "fault" }).increment(1);
}

/// A command has the files just now: no fault of a person's.
fn is_passing(fault: &io::Error) -> bool {
    fault.kind() == io::ErrorKind::WouldBlock
}

/// Only where the worker has handed its sessions on.
#[expect(
    clippy::disallowed_methods,
    reason = "a reload blocks for files anyway, off the workers that sessions wait for"
)]
fn pause(length: Duration) {
    if !length.is_zero() {
        std::thread::sleep(length);
    }
}

fn certificate(gateway: &Gateway) -> Option<Result<(), Arc<TlsFault>>> {
    let read = gateway.certificate.as_ref()?.reload();
    match &read {
        Ok(()) => tracing::info!("the certificate is in force as its files are now"),
        Err(fault) => {
            tracing::error!(fault = ?fault.to_string(), "the certificate cannot be loaded: the one in force stays in force");
        }
    }
    Some(read)
}
