//! Releases on their way: the outbox is looked at every second, and what is due is sent (decision 42).
//!
//! In: rows of the outbox. Out: rows of the outbox, and messages at next hops. Which row may do what is the store's; what is said to a next
//! hop is `relay::release`'s. A release has few connections of its own, out of the same pool that clients' mail uses: mail that
//! arrives does not wait for mail that waited for days.
//!
//! | what | file |
//! |---|---|
//! | what is due, and what follows an attempt | here |
//! | content and envelope of one attempt, checked and scanned | `letter` |
//! | the loop that waits for the next hop | `drive` |
//! | what people ask for through the control socket | `order` |
//! | who is at its other end | `account` |

pub mod account;
mod drive;
mod letter;
pub mod order;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use self::{
    drive::{Drive, Ended},
    letter::{Prepared, prepare},
};
use super::gateway::{Gateway, now};
use crate::{
    record::{
        UnixMillis,
        release::{Heard, Next, RecipientState, Release, ReleaseState},
        unix_millis,
    },
    relay::{release::Attempt, settings::Timeouts},
    store::StoreFault,
};

/// The outbox is looked at so often.
const EVERY: Duration = Duration::from_secs(1);
/// Releases of others whose time is over are looked for so often; and a store that failed is left alone for so long.
const SELDOM: Duration = Duration::from_secs(60);
/// Sent at a time.
const AT_ONCE: usize = 2;
/// Who takes a release up is believed to be at it for so long, milliseconds. It is no deadline: after it another gateway may take
/// it over, if our dot is not out.
const LEASE: UnixMillis = 30 * 60_000;
/// What an attempt found out is written again and again, up to [`SELDOM`] apart: were it forgotten, nobody would know who has the
/// message.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// How releases are sent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our name, in the field that is added; several gateways on one database may have the same.
    pub hostname: String,
    /// Where the audit trail is.
    pub data_dir: PathBuf,
    /// The pauses between attempts may come to this.
    pub patience: Duration,
    /// Whether there is a scanner to be asked.
    pub scans: bool,
    /// Deadlines at the next hop.
    pub timeouts: Timeouts,
}

impl Settings {
    fn patience_millis(&self) -> UnixMillis {
        i64::try_from(self.patience.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Sends what is due, until the gateway drains.
pub async fn send(gateway: Arc<Gateway>, settings: Arc<Settings>) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let (mut recovered, mut recovered_own) = (now().monotonic, false);
    loop {
        let looked = look(&gateway, &settings, &turns, &mut recovered, &mut recovered_own).await;
        if let Err(fault) = &looked {
            tracing::warn!(%fault, "the outbox cannot be used; nothing that waits there is lost");
        }
        tokio::select! {
            () = gateway.draining() => return,
            () = tokio::time::sleep(if looked.is_ok() { EVERY } else { SELDOM }) => {}
        }
    }
}

/// One look. Nothing is taken up before it is known what an earlier run left.
async fn look(
    gateway: &Arc<Gateway>,
    settings: &Arc<Settings>,
    turns: &Arc<Semaphore>,
    recovered: &mut Instant,
    recovered_own: &mut bool,
) -> Result<(), StoreFault> {
    let at = now().monotonic;
    if !*recovered_own || at.saturating_duration_since(*recovered) >= SELDOM {
        recover(gateway, settings, !*recovered_own).await?;
        (*recovered, *recovered_own) = (at, true);
    }
    take_up(gateway, settings, turns).await
}

/// Takes up what is due as long as there is a turn for it.
async fn take_up(gateway: &Arc<Gateway>, settings: &Arc<Settings>, turns: &Arc<Semaphore>) -> Result<(), StoreFault> {
    while !gateway.is_draining() {
        let Ok(turn) = turns.clone().try_acquire_owned() else { break };
        // A look costs nothing; taking up begins with the lock that every writer waits for.
        if !gateway.store.has_due_releases(unix_millis(now().wall)).await? {
            break;
        }
        let at = unix_millis(now().wall);
        let taken =
            gateway.store.take_release(gateway.store.owner(&settings.hostname), at, at.saturating_add(LEASE)).await?;
        let Some(release) = taken else { break };
        let (gateway, settings) = (gateway.clone(), settings.clone());
        gateway.clone().sessions.spawn(async move {
            Box::pin(one(&gateway, &settings, release)).await;
            drop(turn);
        });
    }
    Ok(())
}

/// What a run before us, or another gateway, left half done.
async fn recover(gateway: &Gateway, settings: &Settings, own: bool) -> Result<(), StoreFault> {
    let (at, patience) = (unix_millis(now().wall), settings.patience_millis());
    let owner = gateway.store.owner(&settings.hostname);
    for (release, next) in gateway.store.recover_releases(owner, own, patience, at).await? {
        tell(settings, &release, next);
    }
    Ok(())
}

/// One attempt, and what follows it.
async fn one(gateway: &Gateway, settings: &Settings, release: Release) {
    let heard = match attempt(gateway, settings, &release).await {
        Tried::Heard(heard) => heard,
        Tried::Infected(signature) => return infected(gateway, &release, &signature).await,
        // The row says how far it came; whoever starts next reads it there.
        Tried::Stopped => return,
    };
    let mut pause = WRITE_AGAIN;
    loop {
        let at = unix_millis(now().wall);
        let written = gateway.store.conclude_attempt(&release, heard.clone(), settings.patience_millis(), at).await;
        match written {
            Ok(Some((release, next))) => return tell(settings, &release, next),
            Ok(None) => {
                return tracing::error!(id = %release.id, "somebody else has taken over the release meanwhile");
            }
            Err(fault) => not_written(&release, &fault, &mut pause).await,
        }
    }
}

async fn not_written(release: &Release, fault: &StoreFault, pause: &mut Duration) {
    tracing::error!(id = %release.id, %fault, "what came of a release is not written yet");
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(SELDOM);
}

/// What came of an attempt.
enum Tried {
    Heard(Vec<Heard>),
    Infected(String),
    /// The gateway stops, and our dot is not out.
    Stopped,
}

async fn attempt(gateway: &Gateway, settings: &Settings, release: &Release) -> Tried {
    let (letter, mut hold, mut heard) = match prepare(gateway, settings, release).await {
        Prepared::Ready { letter, hold, heard } => (letter, hold, heard),
        Prepared::Nothing(heard) => return Tried::Heard(heard),
        Prepared::Infected(signature) => return Tried::Infected(signature),
    };
    let attempt = Attempt::new(*letter, settings.timeouts.clone(), now());
    match Drive::new(gateway, &mut hold, release, LEASE).run(attempt).await {
        Ended::Over(more) => {
            heard.extend(more);
            Tried::Heard(heard)
        }
        Ended::Stopped => Tried::Stopped,
    }
}

async fn infected(gateway: &Gateway, release: &Release, signature: &str) {
    metrics::counter!("portaria_releases_total", "state" => "infected").increment(1);
    tracing::warn!(id = %release.id, item = %release.item, ?signature, "infected by now: the release waits for a second person");
    let mut pause = WRITE_AGAIN;
    while let Err(fault) = gateway.store.infected_by_now(release, signature).await {
        not_written(release, &fault, &mut pause).await;
    }
}

/// All that are open, in the same words.
fn all_open(release: &Release, state: RecipientState, said: &str) -> Vec<Heard> {
    let open = release.recipients.iter().enumerate().filter(|(_, it)| it.state == RecipientState::Open);
    open.map(|(recipient, _)| Heard { recipient, state, said: said.to_owned() }).collect()
}

/// The log and the metrics.
fn tell(settings: &Settings, release: &Release, next: Next) {
    let state = state_name(release.state);
    metrics::counter!("portaria_releases_total", "state" => state).increment(1);
    match next {
        Next::Again(pause) => tracing::info!(
            id = %release.id, item = %release.item, attempts = release.attempts, pause_seconds = pause / 1000, said = ?release.said,
            "a release is tried again"
        ),
        Next::Over(ReleaseState::Delivered) => tracing::info!(
            id = %release.id, item = %release.item, by = ?release.requested.actor.account, said = ?release.said, "released"
        ),
        Next::Over(_) => tracing::error!(
            id = %release.id, item = %release.item, state, said = ?release.said,
            "a release came to an end and not everybody is known to have it: the item is held; see portaria quarantine releases"
        ),
    }
    order::note_end(settings, release, next);
}

/// A stable name for metrics and logs.
fn state_name(state: ReleaseState) -> &'static str {
    match state {
        ReleaseState::Requested => "requested",
        ReleaseState::Approved => "again",
        ReleaseState::Sending => "sending",
        ReleaseState::Delivered => "delivered",
        ReleaseState::Partly => "partly",
        ReleaseState::Failed => "failed",
        ReleaseState::Unknown => "unknown",
        ReleaseState::Denied => "denied",
    }
}

/// A store that does not answer now may answer later.
fn store_said(fault: &StoreFault) -> String {
    format!("our own store: {fault}")
}
