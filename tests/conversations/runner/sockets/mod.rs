//! The fourth way to play a script: over real sockets, against the real door.
//!
//! In: a script as the other ways play it. Out: every difference between what the model world showed and what the door shows. Client,
//! next hop and scanners stand at the far ends of real sockets and say what the script says; hold, quarantine and journal are the
//! real ones. Time, disks and full socket buffers cannot be told here what to do: a script that needs that is not played, and
//! [`not_played`] says why.
//!
//! | what | file |
//! |---|---|
//! | the gateway of one script, and what must be left when it is over | `gateway` |
//! | one play: what is said; what is heard | `play`; `expect` |
//! | the far end of the client's connection | `client` |
//! | the far ends of the connections to next hops | `next_hop` |
//! | a clamd that says the script's verdicts | `scanner`, `honest` |
#![allow(clippy::disallowed_methods, reason = "this is the outside world: sockets, clocks, files, tasks")]

mod client;
mod expect;
mod gateway;
mod honest;
mod next_hop;
mod play;
mod scanner;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use portaria::{policy::verdict::ScanVerdict, relay::event::NextHopFailure};
use tokio::{sync::Semaphore, task::JoinSet};

use super::script::{Act, Script};

/// Time that a script may let pass in all: here it really does.
const REAL_TIME: Duration = Duration::from_secs(10);
/// What is awaited comes within this, or not at all.
const PATIENCE: Duration = Duration::from_secs(15);
/// Scripts at a time: most of one is waiting.
const AT_A_TIME: usize = 8;

/// Why a script cannot be played here; none if it can.
fn not_played(script: &Script) -> Option<&'static str> {
    let time = script.steps.iter().filter_map(|step| match &step.act {
        Act::Time(passes) => Some(*passes),
        _ => None,
    });
    if time.sum::<Duration>() > REAL_TIME {
        return Some("more time passes than a test may take");
    }
    script.steps.iter().find_map(|step| match &step.act {
        Act::Hold(_) | Act::Quarantine(_) | Act::Journal(_) | Act::DiskLow(_) => Some("a disk fails or waits"),
        Act::Wanted => Some("somebody else waits for a connection to the next hop"),
        Act::Stalls(_) => Some("the next hop's socket takes nothing more"),
        Act::Fails(NextHopFailure::Busy) => Some("others hold every connection to the next hop"),
        Act::Fails(NextHopFailure::Local(_)) => Some("no descriptor is left"),
        Act::Scanned(verdicts)
            if verdicts.iter().flatten().any(|verdict| matches!(verdict, ScanVerdict::Ambiguous { .. })) =>
        {
            Some("no scanner says this verdict")
        }
        _ => None,
    })
}

/// Plays what can be played. What went wrong, how many were played, and for each reason how many were not.
pub fn play(scripts: Vec<Script>) -> (Vec<String>, usize, BTreeMap<&'static str, usize>) {
    let mut left_out = BTreeMap::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut faults = Vec::new();
    let mut played = 0;
    runtime.block_on(async {
        let room = Arc::new(Semaphore::new(AT_A_TIME));
        let mut plays = JoinSet::new();
        for script in scripts {
            if let Some(why) = not_played(&script) {
                *left_out.entry(why).or_default() += 1;
                continue;
            }
            played += 1;
            let room = room.clone();
            plays.spawn(async move {
                let _room = room.acquire_owned().await;
                play::run(&script).await
            });
        }
        while let Some(ended) = plays.join_next().await {
            faults.extend(ended.unwrap().err());
        }
    });
    faults.sort();
    (faults, played, left_out)
}

/// An error once nothing came for too long.
async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(PATIENCE, future).await.map_err(|_| format!("{what}: nothing came"))
}
