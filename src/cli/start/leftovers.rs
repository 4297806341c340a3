//! What a gateway that was killed left in the quarantine.

use std::{sync::Arc, time::Duration};

use crate::{
    door::gateway::Gateway,
    store::{Store, StoreFault},
};

/// Whether what a killed gateway left was looked for.
#[derive(PartialEq, Eq)]
pub(super) enum Leftovers {
    Seen,
    /// The database was away.
    NotSeen,
}

/// How often it is tried, while the database is away.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Until the database is there, or the gateway stops.
pub(super) async fn look_for_leftovers(gateway: Arc<Gateway>) {
    let stopping = gateway.draining();
    tokio::pin!(stopping);
    while tokio::time::timeout(LOOK_AGAIN, &mut stopping).await.is_err() {
        if report_leftovers(&gateway.store).await == Leftovers::Seen {
            return;
        }
    }
}

/// What a killed gateway left in the quarantine: content without an item is removed, and items whose other recipients' outcome is
/// unknown are named, for a human.
pub(super) async fn report_leftovers(store: &Store) -> Leftovers {
    match store.reconcile().await {
        Ok(found) => tracing::info!(?found, "the quarantine's folder and index were compared"),
        Err(fault) => {
            tracing::error!(%fault, "the quarantine's folder and index could not be compared");
            if matches!(fault, StoreFault::Database(_)) {
                return Leftovers::NotSeen;
            }
        }
    }
    match store.pending().await {
        Ok(items) => {
            for item in items {
                tracing::warn!(id = %item.id, "a held item whose other recipients' outcome is unknown: see portaria explain");
            }
        }
        Err(fault) => tracing::error!(%fault, "pending items could not be listed"),
    }
    Leftovers::Seen
}
