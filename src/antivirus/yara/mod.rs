//! YARA rules in process, with boreal: the scanner of a machine without clamd, and the house's own rules beside one.
//!
//! In: complete content and a deadline. Out: a verdict: the worst class of any rule that matches the whole message or
//! one of its decoded parts, and every rule that matched. It does not replace virus signatures, and it opens no archive
//! (decision 22).
//!
//! | what | file |
//! |---|---|
//! | the files of a folder, read within bounds, and the version of a set | `source` |
//! | from files to a set that is proved | `rules`, `meaning`, `examples` |
//! | one scan by one set | `scan`, `attachments`, `decode` |
//! | the threads that scans run on | `threads` |
//!
//! At most two scans run at a time, each on a blocking thread, each with at most the message and four times its length
//! of decoded octets in memory. A panic, a bound, a time limit: not fully scanned, never clean (decision 20). The set in force is
//! swapped whole; a scan ends with the set that it began with.

mod attachments;
mod decode;
mod examples;
mod meaning;
pub mod rules;
#[cfg(test)]
pub mod sample;
mod scan;
mod source;
mod threads;

#[cfg(test)]
mod tests;

use std::{
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use self::{
    rules::RuleSet,
    scan::{Looked, Scan, not_fully},
    threads::{Nothing, Threads},
};
use super::{Content, in_flight::Slots, outcome::Outcome, self_test};
use crate::{document::Faults, policy::verdict::ScanVerdict};

/// Content is read in blocks of this, octets.
const BLOCK: usize = 64 * 1024;

/// The YARA scanner.
#[derive(Debug)]
pub struct Yara {
    folder: PathBuf,
    name: String,
    rules: ArcSwap<RuleSet>,
    max_size: u64,
    threads: Threads,
    state: Mutex<State>,
}

/// What is known of it, but for what its rules find.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// It did not answer last time.
    silent: bool,
    /// When it was last put to the proof, however that ended.
    pub tested: Option<Instant>,
    /// The last verdict that was no answer, in words.
    pub last_error: Option<String>,
}

impl Yara {
    /// Compiles the rules of `folder`.
    ///
    /// # Errors
    ///
    /// See [`rules::compile`].
    pub fn new(folder: &Path, max_size: u64, name: &str) -> Result<Self, Faults> {
        let (rules, warnings) = rules::compile(folder)?;
        warn_of(&warnings);
        tell(&rules, name);
        Ok(Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            rules: ArcSwap::from_pointee(rules),
            max_size,
            threads: Threads::new(name),
            state: Mutex::default(),
        })
    }

    /// Compiles the rules as the files are now, and changes nothing. Blocks for as long as that takes.
    ///
    /// # Errors
    ///
    /// See [`rules::compile`].
    pub fn read_rules(&self) -> Result<RuleSet, Faults> {
        let (rules, warnings) = rules::compile(&self.folder)?;
        warn_of(&warnings);
        Ok(rules)
    }

    /// Puts another set in force, for scans that begin from now on.
    pub fn put_in_force(&self, rules: RuleSet) {
        tell(&rules, &self.name);
        self.rules.store(Arc::new(rules));
    }

    /// The set in force.
    pub fn rules(&self) -> Arc<RuleSet> {
        self.rules.load_full()
    }

    /// Scans `content` by the set that is in force now; answers by `deadline`, waiting for a thread included.
    pub async fn scan(&self, content: &Content, deadline: Instant) -> Outcome {
        self.scan_by(self.rules(), content, deadline).await
    }

    async fn scan_by(&self, rules: Arc<RuleSet>, content: &Content, deadline: Instant) -> Outcome {
        let version = Some(rules.describe());
        if content.length > self.max_size {
            return Outcome::of(not_fully(&format!("larger than {} octets", self.max_size)), version);
        }
        let content = content.clone();
        let scanned = self.threads.run(deadline, move || -> io::Result<Looked> {
            let message = read(&content)?;
            Ok(Scan::new(&rules, Instant::now(), deadline).over_message(&message).conclude())
        });
        let mut harmed = false;
        let looked = match scanned.await {
            Ok(Ok(looked)) => looked,
            Ok(Err(error)) => nothing(unavailable(&format!("content cannot be read: {}", error.kind()))),
            Err(Nothing::Busy) => nothing(unavailable("every YARA thread is busy")),
            Err(Nothing::Stopping) => nothing(unavailable("the runtime is shutting down")),
            Err(Nothing::Panicked) => nothing(not_fully("the scanner panicked")),
            Err(Nothing::NoEnd) => {
                harmed = true;
                nothing(not_fully("no end in time"))
            }
        };
        self.note(&looked.verdict);
        let Looked { verdict, action, findings } = looked;
        Outcome { verdict, harmed, version, findings, action }
    }

    /// Whether the rules in force find the EICAR test file. Rules that do not are the operator's choice: it is shown, and no more.
    pub async fn self_test(&self, deadline: Instant) {
        let Ok(content) = self_test::in_memfd(&self_test::plainly_infected_mail()) else { return };
        let rules = self.rules();
        let verdict = self.scan_by(rules.clone(), &content, deadline).await.verdict;
        self.lock().tested = Some(Instant::now());
        if !matches!(verdict, ScanVerdict::Unavailable { .. }) {
            rules.set_finds_eicar(matches!(verdict, ScanVerdict::Infected { .. }));
        }
    }

    /// What is known of it.
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// Whether it answered last time.
    pub fn healthy(&self) -> bool {
        !self.lock().silent
    }

    /// Its slots.
    pub fn slots(&self) -> &Slots {
        self.threads.slots()
    }

    /// Scans that occupy the machine, those that nobody waits for any more included.
    pub fn in_flight(&self) -> usize {
        self.threads.slots().taken().saturating_add(self.threads.runaways())
    }

    fn note(&self, verdict: &ScanVerdict) {
        let mut state = self.lock();
        if let ScanVerdict::Unavailable { text } = verdict {
            state.silent = true;
            state.last_error = Some(text.clone());
        } else {
            state.silent = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which rules are in force, and whether nothing would be found by them.
fn tell(rules: &RuleSet, scanner: &str) {
    let set = rules.describe();
    tracing::info!(scanner, set, "YARA rules are in force");
    if rules.finds_eicar() != Some(true) {
        tracing::warn!(scanner, set, "these YARA rules do not find the EICAR test file");
    }
}

fn warn_of(warnings: &Faults) {
    for warning in &warnings.0 {
        let line = warning.place.as_ref().map(|place| place.line);
        tracing::warn!(file = %warning.file.display(), line, "{}", warning.what);
    }
}

/// The whole message in memory; the caller has checked its length against `max_size`.
fn read(content: &Content) -> io::Result<Vec<u8>> {
    let length = usize::try_from(content.length).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut message = vec![0; length];
    let mut at = 0u64;
    for block in message.chunks_mut(BLOCK) {
        content.file.read_exact_at(block, at)?;
        at = at.saturating_add(u64::try_from(block.len()).unwrap_or(u64::MAX));
    }
    Ok(message)
}

fn nothing(verdict: ScanVerdict) -> Looked {
    Looked { verdict, action: None, findings: Vec::new() }
}

fn unavailable(text: &str) -> ScanVerdict {
    ScanVerdict::Unavailable { text: text.to_owned() }
}
