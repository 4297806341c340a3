//! What is looked at again and again: next hops (decision 13), scanners, the disk.
#![expect(clippy::disallowed_methods, reason = "what next hops were seen to offer is kept in a file")]

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::gateway::{Gateway, now};
use crate::{policy::route::NextHopName, smtp::extension::Capabilities};

/// A next hop that nobody sends mail to is known to be down a minute later at most: an alert of it must not wait for a message.
const NEXT_HOPS_EVERY: Duration = Duration::from_secs(60);
/// A next hop that was never seen, or is down, is looked at more often: its extensions are missing from every EHLO of ours.
const UNSEEN_EVERY: Duration = Duration::from_secs(10);
const SCANNERS_EVERY: Duration = Duration::from_secs(60);
const DISK_EVERY: Duration = Duration::from_secs(1);
/// The first look at the next hops delays our listening by no more than this.
const FIRST_LOOK: Duration = Duration::from_secs(3);
/// The file in `data_dir` that keeps what was seen.
const SEEN: &str = "next-hops.json";

/// What an address of a next hop was seen to offer.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    name: NextHopName,
    address: String,
    offers: Capabilities,
}

/// Before we listen: what the last run saw, and a first look of our own. A client that connects right after a restart must be
/// offered no less than before it: Postfix 3.7 bounces a message that needs SMTPUTF8 when it is not offered.
pub async fn first_look(gateway: &Gateway, data_dir: &Path) {
    match recall(data_dir) {
        Ok(seen) => {
            for one in seen {
                gateway.next_hops.remember(&one.name, &one.address, &one.offers);
            }
        }
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {}
        Err(fault) => tracing::warn!(%fault, "what next hops were last seen to offer cannot be read"),
    }
    if tokio::time::timeout(FIRST_LOOK, look(gateway)).await.is_err() {
        tracing::warn!("not every next hop answers in time; listening all the same");
    }
    keep_seen(gateway, data_dir);
}

/// Probes every next hop, until the gateway drains.
pub async fn next_hops(gateway: Arc<Gateway>, data_dir: std::path::PathBuf) {
    let mut good = false;
    while pause(&gateway, if good { NEXT_HOPS_EVERY } else { UNSEEN_EVERY }).await {
        good = look(&gateway).await;
        keep_seen(&gateway, &data_dir);
    }
}

/// Whether every next hop answers as it should. What changed is logged where it is found out, address by address.
async fn look(gateway: &Gateway) -> bool {
    let mut good = true;
    for name in &gateway.next_hop_names {
        good &= gateway.next_hops.probe(name).await.is_ok();
    }
    good
}

fn recall(data_dir: &Path) -> io::Result<Vec<Seen>> {
    Ok(serde_json::from_slice(&fs::read(data_dir.join(SEEN))?)?)
}

fn keep_seen(gateway: &Gateway, data_dir: &Path) {
    if let Err(fault) = keep(gateway, data_dir) {
        tracing::warn!(%fault, "what next hops offer cannot be kept");
    }
}

/// Written beside and moved into place: a kill leaves the old file or the new one.
fn keep(gateway: &Gateway, data_dir: &Path) -> io::Result<()> {
    let mut seen = Vec::new();
    for status in gateway.next_hops.status() {
        for address in status.addresses {
            let name = status.name.clone();
            seen.extend(address.seen.map(|offers| Seen { name, address: address.address, offers }));
        }
    }
    let new = data_dir.join(format!("{SEEN}.new"));
    fs::write(&new, serde_json::to_vec_pretty(&seen)?)?;
    fs::rename(new, data_dir.join(SEEN))
}

/// Lets every scanner prove that it detects, until the gateway drains.
pub async fn scanners(gateway: Arc<Gateway>) {
    while pause(&gateway, SCANNERS_EVERY).await {
        gateway.scanners.self_test(now().wall).await;
    }
}

/// Looks at the disk, until the gateway drains.
pub async fn disk(gateway: Arc<Gateway>) {
    while pause(&gateway, DISK_EVERY).await {
        let was_low = gateway.disk_is_low();
        gateway.look_at_disk();
        if gateway.disk_is_low() != was_low {
            tracing::warn!(low = !was_low, "free space on the disk crossed its floor");
        }
    }
}

/// Whether there is a next time.
async fn pause(gateway: &Gateway, length: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(length) => true,
        () = gateway.draining() => false,
    }
}
