//! One clamd: how it is to be handed content, whether it is well, and scans on it.
//!
//! In: complete content and a deadline. Out: a verdict, whatever happens on the way. It refuses to know of other
//! scanners (`pool`).
//!
//! Before the first scan, and again whenever an answer stayed away, clamd must prove itself: PING, VERSION, and the
//! EICAR test file found by each way of handing over. A clamd that does not find it scans nothing for us.

pub(super) mod answer;
mod command;
mod connection;
mod exchange;
mod fildes;
mod instream;
pub(super) mod limits;
mod macro_document;
mod prove;
mod transport;

#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use self::{connection::ClamdFault, exchange::How, prove::Proof};
use super::{
    ClamdAddress, Content, Settings,
    definitions::Definitions,
    in_flight::{Slot, Slots},
};
use crate::policy::verdict::ScanVerdict;

/// A clamd that did not find the test file is not asked again by a scan for so long; the standing self-test asks it all the same.
const BLIND_FOR: Duration = Duration::from_secs(10);

/// One clamd.
#[derive(Debug)]
pub struct Clamd {
    address: ClamdAddress,
    /// The folder of its databases, if it is known.
    database: Option<PathBuf>,
    connect_timeout: Duration,
    probe_folder: PathBuf,
    slots: Slots,
    /// An exchange that we abandon goes on as a task here, and keeps its slot. Nothing is lost with them at the end of the process: their
    /// callers are gone.
    exchanges: TaskTracker,
    state: Mutex<State>,
    /// Held while clamd proves itself, so that a crowd of scans asks once.
    proving: tokio::sync::Mutex<()>,
}

/// What is known of it.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// It answered last time.
    pub healthy: bool,
    /// How it proved itself; none if it has to, again.
    pub proof: Option<Proof>,
    /// What it calls itself.
    pub version: Option<String>,
    /// Its definitions, as it last proved itself.
    pub definitions: Definitions,
    /// Whether it found the EICAR test file, last time that it could be asked.
    pub finds_eicar: Option<bool>,
    /// Messages that it called clean since it last proved itself: should it be found blind, nobody knows what they were.
    clean_since: u64,
    /// The last verdict that was no answer, in words.
    pub last_error: Option<String>,
    /// When it was last put to the proof, however that ended.
    pub tested: Option<Instant>,
    /// When it last failed to prove itself, and how.
    failed: Option<(Instant, ScanVerdict)>,
}

/// What came of one scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// What it said, or that it did not.
    pub verdict: ScanVerdict,
    /// It had proved itself, got all of the content, and said nothing: in time, or ever.
    pub harmed: bool,
}

impl Scanned {
    /// A verdict that says nothing against the content.
    pub fn harmless(verdict: ScanVerdict) -> Self {
        Self { verdict, harmed: false }
    }
}

impl Clamd {
    /// A clamd at `address`. Nothing is opened yet.
    pub fn new(address: ClamdAddress, database: Option<PathBuf>, in_flight: usize, settings: &Settings) -> Self {
        Self {
            database,
            connect_timeout: settings.connect_timeout,
            probe_folder: settings.probe_folder.clone(),
            slots: Slots::of_program(in_flight),
            exchanges: TaskTracker::new(),
            state: Mutex::default(),
            proving: tokio::sync::Mutex::default(),
            address,
        }
    }

    /// Scans `content`; answers by `deadline`, waiting for a slot and for the proof included.
    pub async fn scan(&self, content: &Content, deadline: Instant) -> Scanned {
        self.scan_whole(content, deadline).await.unwrap_or_else(Scanned::harmless)
    }

    /// An error: it was not handed to clamd.
    async fn scan_whole(&self, content: &Content, deadline: Instant) -> Result<Scanned, ScanVerdict> {
        match content.file.metadata() {
            Ok(found) if found.len() == content.length => {}
            // Not asked at all: the verdict would be about something else.
            Ok(_) => {
                let text = "content is not as long as it is said to be".to_owned();
                return Err(ScanVerdict::ScannerError { text });
            }
            Err(error) => return Err(ClamdFault::Content(error).verdict()),
        }
        let asked = Instant::now();
        // To be busy is no illness: the state is left alone.
        let Some(slot) = self.slots.take(deadline).await else { return Err(self.busy()) };
        let slot = Arc::new(slot);
        let proof = self.proof(&slot, asked, deadline).await?;
        let how = match (&self.address, content.in_memory) {
            (ClamdAddress::Unix(_), true) if proof.memfd => How::Fildes,
            (ClamdAddress::Unix(_), false) if proof.file => How::Fildes,
            _ => How::Instream,
        };
        let scanned = self.exchange(how, content, &slot, deadline).await;
        self.note(&scanned.verdict);
        Ok(scanned)
    }

    /// Asks clamd to prove itself now, whatever is known. Busy with scans until `deadline`: nothing is learnt.
    pub async fn self_test(&self, deadline: Instant) {
        let Some(slot) = self.slots.take(deadline).await else { return };
        let Ok(_proving) = tokio::time::timeout_at(deadline, self.proving.lock()).await else { return };
        // The error is in the state.
        let _ = self.prove(&Arc::new(slot), deadline).await;
    }

    /// Tries its limits against the largest message that we take; none: busy until `deadline`.
    pub async fn examine(&self, largest: u64, deadline: Instant) -> Option<Vec<limits::LimitFault>> {
        let slot = self.slots.take(deadline).await?;
        Some(limits::examine(self, largest, &Arc::new(slot), deadline).await)
    }

    /// What is known of it.
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// Whether it answered last time.
    pub fn healthy(&self) -> bool {
        self.lock().healthy
    }

    /// What it calls itself: asked for every report, so nothing else is copied.
    pub fn version(&self) -> Option<String> {
        self.lock().version.clone()
    }

    /// Its definitions.
    pub fn definitions(&self) -> Definitions {
        self.lock().definitions.clone()
    }

    /// Its slots, those of abandoned scans included.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// How it proved itself, or the failure to. Who waited while another asked takes that one's answer.
    async fn proof(&self, slot: &Arc<Slot>, asked: Instant, deadline: Instant) -> Result<Proof, ScanVerdict> {
        if let Some(proof) = self.lock().proof {
            return Ok(proof);
        }
        let Ok(_proving) = tokio::time::timeout_at(deadline, self.proving.lock()).await else {
            return Err(ClamdFault::Deadline.verdict());
        };
        {
            let state = self.lock();
            if let Some(proof) = state.proof {
                return Ok(proof);
            }
            // Who is down may be up again and is asked by every scan, for the price of a connection. Who answers and is blind
            // costs three scans to ask, and does not see again from one message to the next.
            let blind = state.finds_eicar == Some(false);
            let known = |when: Instant| when >= asked || (blind && when.elapsed() < BLIND_FOR);
            if let Some((_, verdict)) = state.failed.as_ref().filter(|(when, _)| known(*when)) {
                return Err(verdict.clone());
            }
        }
        self.prove(slot, deadline).await
    }

    async fn prove(&self, slot: &Arc<Slot>, deadline: Instant) -> Result<Proof, ScanVerdict> {
        let found = prove::prove(self, slot, deadline).await;
        let definitions = self.look_at_definitions(found.version.as_deref()).await;
        let mut state = self.lock();
        let version = found.version.or(state.version.clone());
        let is_news = (found.proof.as_ref().ok(), &version) != (state.proof.as_ref(), &state.version);
        state.definitions = definitions;
        state.tested = Some(Instant::now());
        state.healthy = found.proof.is_ok();
        state.finds_eicar = found.finds_eicar.or(state.finds_eicar);
        state.version = version;
        match &found.proof {
            Ok(proof) => {
                // Every minute the same is no news.
                if is_news {
                    tracing::info!(clamd = %self.address, handed = proof.name(), version = state.version, "clamd proved itself");
                }
                state.proof = Some(*proof);
                state.clean_since = 0;
                state.failed = None;
            }
            Err(verdict) => {
                let error = match (verdict_words(verdict), state.clean_since) {
                    (words, clean) if found.finds_eicar == Some(false) && clean > 0 => {
                        format!("{words}; since it last did, it called {clean} messages clean")
                    }
                    (words, _) => words,
                };
                tracing::warn!(clamd = %self.address, error, "clamd did not prove itself");
                state.proof = None;
                state.last_error = Some(error);
                state.failed = Some((Instant::now(), verdict.clone()));
            }
        }
        found.proof
    }

    /// Reads up to a few dozen headers: not on a worker that serves mail.
    async fn look_at_definitions(&self, version: Option<&str>) -> Definitions {
        let (version, folder) = (version.map(str::to_owned), self.database.clone());
        tokio::task::spawn_blocking(move || Definitions::known(version.as_deref(), folder.as_deref()))
            .await
            .unwrap_or_default()
    }

    async fn exchange(&self, how: How, content: &Content, slot: &Arc<Slot>, deadline: Instant) -> Scanned {
        let exchange = exchange::Exchange {
            how,
            address: self.address.clone(),
            connect_timeout: self.connect_timeout,
            content: content.clone(),
            slot: slot.clone(),
        };
        content.lend();
        match exchange.run(&self.exchanges, deadline).await {
            (Ok(heard), had_all) => {
                let verdict = heard.verdict();
                // It closed behind a verdict: clamd says that when it has looked at everything that it will look at.
                if heard.whole && !matches!(verdict, ScanVerdict::ScannerError { .. }) {
                    content.take_back();
                }
                Scanned { verdict, harmed: had_all && heard.octets.is_empty() }
            }
            (Err(fault), had_all) => Scanned { verdict: fault.verdict(), harmed: had_all },
        }
    }

    /// An answer that stayed away, or was an error, makes clamd prove itself again: it may have been restarted, and
    /// under other rules. One message cannot make it "not ready" by an error alone, or any sender could.
    fn note(&self, verdict: &ScanVerdict) {
        let mut state = self.lock();
        match verdict {
            ScanVerdict::Unavailable { .. } | ScanVerdict::ScannerError { .. } => {
                state.healthy &= matches!(verdict, ScanVerdict::ScannerError { .. });
                state.proof = None;
                state.last_error = Some(verdict_words(verdict));
            }
            verdict => {
                state.clean_since = state.clean_since.saturating_add(u64::from(*verdict == ScanVerdict::Clean));
                state.healthy = true;
            }
        }
    }

    fn busy(&self) -> ScanVerdict {
        ClamdFault::Busy(self.slots.cap()).verdict()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The words of a verdict that is no answer.
fn verdict_words(verdict: &ScanVerdict) -> String {
    match verdict {
        ScanVerdict::Unavailable { text } | ScanVerdict::ScannerError { text } => text.clone(),
        other => other.name().to_owned(),
    }
}
