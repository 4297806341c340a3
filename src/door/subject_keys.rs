//! Whether the nodes of one database hash subjects with one key (decision 48).
//!
//! In: this node's key. Out: which others have another one, for the alert, and a line in the log of one that is not that of before. No mail
//! waits for this and no node refuses to start for it: what a wrong key costs is that words do not find records, and a gateway that is
//! not there costs mail.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::gateway::{Gateway, now};
use crate::{
    record::{subject::Key, unix_millis},
    store::{Compared, Store},
};

/// Between two looks: a node that was given the right key is no longer told of after so long.
const EVERY: Duration = Duration::from_secs(300);

/// Who has another key, for whoever looks.
#[derive(Debug, Default)]
pub struct SubjectKeys(Mutex<Vec<String>>);

impl SubjectKeys {
    /// The nodes that have another key than this one, in words; none: no node has.
    pub fn differ(&self) -> Option<String> {
        let others = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!others.is_empty()).then(|| others.join(", "))
    }

    fn set(&self, others: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = others;
    }
}

/// Looks until the gateway drains. To be spawned by the frame, where subjects are hashed.
pub async fn keep(gateway: Arc<Gateway>, key: Key) {
    let looking = async {
        loop {
            look(&gateway.store, &key, &gateway.subject_keys).await;
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! { () = gateway.draining() => {}, () = looking => {} }
}

async fn look(store: &Store, key: &Key, keys: &SubjectKeys) {
    match store.compare_subject_key(key, unix_millis(now().wall)).await {
        Ok(Compared { was_another, others }) => {
            if was_another {
                tracing::warn!(
                    "subjects.key is another one than before: words do not find the records that were hashed with that; if it was lost, \
                     put it back and start again"
                );
            }
            keys.set(others);
        }
        // That the database is away is told elsewhere.
        Err(fault) => tracing::debug!(%fault, "which key other nodes hash subjects with is not known now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_another_key_is_named_until_he_has_ours() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        let (keys, key) = (SubjectKeys::default(), Key::new(&[1; 32]));
        look(&store, &key, &keys).await;
        assert_eq!(keys.differ(), None);
        keys.set(vec!["mx2".to_owned(), "mx3".to_owned()]);
        assert_eq!(keys.differ().as_deref(), Some("mx2, mx3"));
        look(&store, &key, &keys).await;
        assert_eq!(keys.differ(), None);
    }
}
