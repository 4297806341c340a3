//! YARA rules in process, with boreal: the scanner of a machine without clamd, and the house's own rules beside one.
//!
//! In: complete content and a deadline. Out: a verdict: the worst class of any rule that matches the whole message or
//! one of its decoded parts. It does not replace virus signatures, and it opens no archive (decision 22).
//!
//! At most two scans run at a time, each on a blocking thread, each with at most the message and four times its length
//! of decoded octets in memory. A panic, a bound, a time limit: not fully scanned, never clean (decision 20).

mod attachments;
mod decode;
pub mod rules;

#[cfg(test)]
mod tests;

use std::{
    io,
    ops::ControlFlow,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use self::{
    attachments::Part,
    rules::{PART_NAME, PART_TYPE, Rules, WHOLE_MESSAGE},
};
use super::{Content, in_flight::Slots, self_test};
use crate::{document::Faults, policy::verdict::ScanVerdict};

/// Scans at a time (decision 20).
const AT_A_TIME: usize = 2;

/// Content is read in blocks of this, octets.
const BLOCK: usize = 64 * 1024;

/// The YARA scanner.
#[derive(Debug)]
pub struct Yara {
    rules: Rules,
    max_size: u64,
    slots: Slots,
    state: Mutex<State>,
}

/// What is known of it.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// It did not answer last time.
    silent: bool,
    /// Whether a rule found the EICAR test file.
    pub finds_eicar: Option<bool>,
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
    pub fn new(folder: &Path, max_size: u64) -> Result<Self, Faults> {
        let (rules, warnings) = rules::compile(folder)?;
        for warning in &warnings.0 {
            tracing::warn!(file = %warning.file.display(), "{}", warning.what);
        }
        Ok(Self { rules, max_size, slots: Slots::new(AT_A_TIME), state: Mutex::default() })
    }

    /// Scans `content`; answers by `deadline`, waiting for a thread included.
    pub async fn scan(&self, content: &Content, deadline: Instant) -> ScanVerdict {
        if content.length > self.max_size {
            return not_fully(&format!("larger than {} octets", self.max_size));
        }
        let Some(slot) = self.slots.take(deadline).await else {
            return unavailable("every YARA thread is busy");
        };
        let (rules, content) = (self.rules.clone(), content.clone());
        let verdict = on_a_thread(deadline, move || {
            // Kept until the thread is free, not until the caller is.
            let _slot = slot;
            match read(&content) {
                // A tenth of the time is kept, so that a rule that takes too long is told from a machine that does.
                Ok(message) => Scan::new(rules, deadline, 9, 10).message(&message),
                Err(error) => unavailable(&format!("content cannot be read: {}", error.kind())),
            }
        })
        .await;
        self.note(&verdict);
        verdict
    }

    /// Whether the rules find the EICAR test file. Rules that do not are the operator's choice: it is shown, and no more.
    pub async fn self_test(&self, deadline: Instant) {
        let Ok(content) = self_test::in_memfd(&self_test::plainly_infected_mail()) else { return };
        let verdict = self.scan(&content, deadline).await;
        let mut state = self.lock();
        state.tested = Some(Instant::now());
        if !matches!(verdict, ScanVerdict::Unavailable { .. }) {
            state.finds_eicar = Some(matches!(verdict, ScanVerdict::Infected { .. }));
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
        &self.slots
    }

    /// What status shows as its version.
    pub fn version(&self) -> String {
        format!("boreal, {} rules", self.rules.len())
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

/// Runs `scan` on a blocking thread until `deadline`. A panic of a parser under hostile octets ends here.
async fn on_a_thread(deadline: Instant, scan: impl FnOnce() -> ScanVerdict + Send + 'static) -> ScanVerdict {
    match timeout_at(deadline, tokio::task::spawn_blocking(scan)).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) if error.is_panic() => not_fully("the scanner panicked"),
        Ok(Err(_)) => unavailable("the runtime is shutting down"),
        Err(_) => unavailable("no answer in time"),
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

/// One scan on its thread.
struct Scan {
    rules: Rules,
    until: Instant,
    worst: ScanVerdict,
}

impl Scan {
    /// Until `share` of `of` parts of the time that is left.
    fn new(rules: Rules, deadline: Instant, share: u32, of: u32) -> Self {
        let now = Instant::now();
        let until = now + deadline.saturating_duration_since(now) / of * share;
        Self { rules, until, worst: ScanVerdict::Clean }
    }

    /// The whole message, then each of its parts.
    fn message(mut self, message: &[u8]) -> ScanVerdict {
        if self.look(true, &Part { name: "", media_type: "", octets: message }).is_break() {
            return self.worst;
        }
        if let Err(incomplete) = attachments::walk(message, &mut |part| self.look(false, part)) {
            // Stopped by `look`, which has said why.
            if incomplete != attachments::Incomplete::Stopped {
                self.found(not_fully(&incomplete.to_string()));
            }
        }
        self.worst
    }

    /// Breaks off when nothing worse can come, or time is up.
    fn look(&mut self, whole_message: bool, part: &Part<'_>) -> ControlFlow<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.found(not_fully("time limit"));
            return ControlFlow::Break(());
        }
        for verdict in one_scan(&self.rules, whole_message, part, left) {
            self.found(verdict);
        }
        if matches!(self.worst, ScanVerdict::Infected { .. }) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn found(&mut self, verdict: ScanVerdict) {
        // Of two equally bad ones the first: `Ord` would compare their names.
        if std::mem::discriminant(&verdict) != std::mem::discriminant(&self.worst) && verdict > self.worst {
            self.worst = verdict;
        }
    }
}

/// What the rules say of one run of octets. A failed scan keeps what it had found.
fn one_scan(rules: &Rules, whole_message: bool, part: &Part<'_>, limit: Duration) -> Vec<ScanVerdict> {
    let mut scanner = rules.scanner.clone();
    scanner.set_scan_params(scanner.scan_params().clone().timeout_duration(Some(limit)));
    let defined = scanner
        .define_symbol(WHOLE_MESSAGE, whole_message)
        .and(scanner.define_symbol(PART_NAME, part.name))
        .and(scanner.define_symbol(PART_TYPE, part.media_type));
    let (result, failed) = match scanner.scan_mem(part.octets) {
        Ok(result) => (result, None),
        Err((error, result)) => (result, Some(not_fully(&error.to_string()))),
    };
    let undefined = defined.is_err().then(|| not_fully("symbols of the rules"));
    result.rules.iter().map(|rule| rules.verdict(rule)).chain(failed).chain(undefined).collect()
}

fn not_fully(reason: &str) -> ScanVerdict {
    ScanVerdict::NotFullyScanned { reason: format!("YARA: {reason}") }
}

fn unavailable(text: &str) -> ScanVerdict {
    ScanVerdict::Unavailable { text: text.to_owned() }
}
