//! What is looked at again and again: next hops (decision 13), scanners, the disk.

use std::{sync::Arc, time::Duration};

use super::gateway::Gateway;

const NEXT_HOPS_EVERY: Duration = Duration::from_secs(300);
/// A next hop that was never seen, or is down, is looked at more often: its extensions are missing from every EHLO of ours.
const UNSEEN_EVERY: Duration = Duration::from_secs(10);
const SCANNERS_EVERY: Duration = Duration::from_secs(60);
const DISK_EVERY: Duration = Duration::from_secs(1);

/// Probes every next hop, until the gateway drains.
pub async fn next_hops(gateway: Arc<Gateway>) {
    let mut last_failed = false;
    loop {
        let mut failed = false;
        for name in &gateway.next_hop_names {
            if let Err(fault) = gateway.next_hops.probe(name).await {
                if !last_failed {
                    tracing::warn!(next_hop = %name.0, fault = ?fault.to_string(), "a next hop does not answer as it should");
                }
                failed = true;
            }
        }
        if last_failed && !failed {
            tracing::info!("every next hop answers again");
        }
        last_failed = failed;
        if !pause(&gateway, if failed { UNSEEN_EVERY } else { NEXT_HOPS_EVERY }).await {
            return;
        }
    }
}

/// Lets every scanner prove that it detects, until the gateway drains.
pub async fn scanners(gateway: Arc<Gateway>) {
    while pause(&gateway, SCANNERS_EVERY).await {
        gateway.scanners.self_test().await;
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
