//! The restored database, brought up to what is known: what the journal has is loaded, and what happened since is written down.

use std::{fs, io, os::unix::fs::OpenOptionsExt as _, path::Path, sync::Arc};

use super::later::{Later, Since};
use crate::{
    backup::Manifest,
    door::loader::Loader,
    journal::Journal,
    language::Text,
    record::{
        TransactionId, UnixMillis,
        audit::Actor,
        release::{RecipientState, Release, ReleaseKind, ReleaseRecipient, ReleaseState, Word},
    },
    store::{EndedSince, Store, StoreFault},
    text,
};

/// How much of it there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Applied {
    /// Items that were deleted since, and are.
    pub(super) deleted: u64,
    /// Releases that were open or not there in the backup, and are over.
    pub(super) ended: u64,
}

/// Everything that is known. Without a later trail an open release may have been sent since: a person decides.
pub(super) async fn all(
    data: &Path,
    manifest: &Manifest,
    later: Option<&Later>,
    at: UnixMillis,
) -> Result<Applied, Text> {
    let failed = |what: &dyn std::fmt::Display| {
        text!("the restored database cannot be written: {what}", "não é possível gravar no banco restaurado: {what}")
    };
    let store = Arc::new(Store::open(data).await.map_err(|fault| failed(&fault))?);
    load_journal(data, &store).await.map_err(|fault| failed(&fault))?;
    let applied = write(&store, manifest, later, at).await.map_err(|fault| failed(&fault))?;
    store.close().await;
    Ok(applied)
}

/// The database may have been copied when it was further than the journal: the place that it has in it must not lie in a segment that
/// is begun here, or what comes into that up to there would be taken for loaded.
async fn load_journal(data: &Path, store: &Arc<Store>) -> Result<(), Box<dyn std::error::Error>> {
    let folder = data.join("journal");
    let position = store.journal_position().await?;
    fs::create_dir_all(&folder)?;
    let last = folder.join(format!("{:010}.journal", position.segment));
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(last);
    match made {
        Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => return Err(fault.into()),
        _ => {}
    }
    let (journal, recovery) = Journal::open(&folder)?;
    let mut loader = Loader::new(journal.clone(), store.clone(), &recovery);
    loader.catch_up().await?;
    journal.close().await;
    Ok(())
}

async fn write(
    store: &Store,
    manifest: &Manifest,
    later: Option<&Later>,
    at: UnixMillis,
) -> Result<Applied, StoreFault> {
    let mut applied = Applied::default();
    for release in store.releases(true).await? {
        let since = later.and_then(|later| later.releases.get(&release.id));
        let ended = match since {
            Some(since) => ended(since),
            // A second person may have agreed, and it may have been sent: nobody knows. With a trail, nobody did.
            None if release.state == ReleaseState::Requested && later.is_some() => continue,
            None => EndedSince {
                state: ReleaseState::Unknown,
                at,
                said: "open in a backup: it may have been sent since".to_owned(),
            },
        };
        store.end_restored(&release, ended).await?;
        applied.ended += 1;
    }
    for (id, since) in later.iter().flat_map(|later| &later.releases) {
        let Some(release) = release(store, id, since).await? else { continue };
        applied.ended += u64::from(store.add_restored(release, ended(since)).await?);
    }
    for (id, at) in later.iter().flat_map(|later| &later.deleted) {
        applied.deleted += u64::from(store.delete_restored(id, "deleted after the backup", *at).await?);
    }
    for id in &manifest.gone {
        let Ok(id) = TransactionId::try_from(id.clone()) else { continue };
        applied.deleted += u64::from(store.delete_restored(&id, "gone while the backup was made", at).await?);
    }
    Ok(applied)
}

fn ended(since: &Since) -> EndedSince {
    EndedSince { state: since.state, at: since.at, said: "by the audit trail of after the backup".to_owned() }
}

/// A release as it was asked for after the backup; none: it is there, or its item is not.
async fn release(store: &Store, id: &TransactionId, since: &Since) -> Result<Option<Release>, StoreFault> {
    let Some(item) = &since.item else { return Ok(None) };
    let Some(item) = store.item(item).await? else { return Ok(None) };
    let kind = if since.analysts.is_empty() { ReleaseKind::Original } else { ReleaseKind::Analyst };
    let addresses = if since.analysts.is_empty() { &item.recipients } else { &since.analysts };
    let recipient = |address: &String| ReleaseRecipient {
        address: address.clone(),
        parameters: Default::default(),
        state: RecipientState::Open,
        said: String::new(),
    };
    let actor = Actor { account: since.account.clone(), person: None };
    Ok(Some(Release {
        id: id.clone(),
        item: item.id.clone(),
        kind,
        state: ReleaseState::Approved,
        recipients: addresses.iter().map(recipient).collect(),
        requested: Word { at: since.at, actor, reason: since.reason.clone() },
        decided: None,
        attempts: 0,
        waited: 0,
        next_attempt_at: since.at,
        owner: None,
        lease_until: 0,
        dotted: false,
        said: String::new(),
        settled_at: None,
    }))
}
