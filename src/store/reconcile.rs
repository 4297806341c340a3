//! What a crash left in the quarantine, found and told.
//!
//! | found | it means | what is done |
//! |---|---|---|
//! | `ID#1` | killed while content was written: nobody was told anything | removed |
//! | a blob without a row, marked as incoming | killed before the row: nobody was told either | removed |
//! | a blob without a row | the database is an older one, or a new one: somebody may have been told | moved to `orphans/` |
//! | a blob whose row says that it is gone | killed before it was removed, or somebody put it back | removed |
//! | a blob whose row says that it is in the bucket | killed before it was removed here | removed |
//! | a row without a blob | the disk lost it, or someone removed it | told; the row stays |
//!
//! What stands in the bucket is looked through by `sharing`.

use std::{
    collections::HashSet,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::{Store, StoreFault, content::INCOMING, locked};
use crate::record::TransactionId;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Content that a kill cut off before anybody was told anything, removed.
    pub unfinished: usize,
    /// Blobs without a row, moved to `quarantine/orphans`.
    pub orphans: Vec<TransactionId>,
    /// Blobs whose item is deleted or expired, whose content was let go, or is in the bucket: removed.
    pub gone: usize,
    /// Rows without a blob: **mail that someone may have to answer for**.
    pub missing: Vec<TransactionId>,
}

/// What stands in the folders.
#[derive(Default)]
struct Listing {
    blobs: Vec<(TransactionId, PathBuf)>,
    unfinished: Vec<(TransactionId, PathBuf)>,
    marks: Vec<(TransactionId, PathBuf)>,
}

/// Blobs are listed first, then the ids that are being kept, then the rows: an item that is kept meanwhile is in one of the last two.
pub(super) async fn reconcile(store: &Store) -> Result<Reconciliation, StoreFault> {
    let (view, keeping) = (&store.view, &store.keeping);
    let folder = view.contents().folder().to_owned();
    let listed = on_disk(folder.clone(), list).await?;
    let keeping = locked(keeping).clone();
    let rows: HashSet<TransactionId> = view.item_ids().await?.into_iter().collect();

    let mut found = Reconciliation::default();
    let Listing { blobs, unfinished, marks } = listed;
    let present: HashSet<TransactionId> = blobs.iter().map(|(id, _)| id.clone()).collect();
    for id in view.own_with_content().await? {
        if !present.contains(&id) && !view.contents().has(&id).await? {
            found.missing.push(id);
        }
    }
    for id in view.gone_ids().await?.into_iter().chain(view.own_shared().await?) {
        if present.contains(&id) {
            view.contents().remove_for_ever(&id).await?;
            found.gone += 1;
        }
    }
    let left = |(id, _): &(TransactionId, PathBuf)| !keeping.contains(id);
    let marks: Vec<_> = marks.into_iter().filter(left).collect();
    let marked: HashSet<&TransactionId> = marks.iter().map(|(id, _)| id).collect();
    let (never_told, orphans): (Vec<_>, Vec<_>) =
        blobs.into_iter().filter(left).filter(|(id, _)| !rows.contains(id)).partition(|(id, _)| marked.contains(id));
    let unfinished = unfinished.into_iter().filter(left).chain(never_told);
    let unfinished: Vec<PathBuf> = unfinished.map(|(_, path)| path).collect();
    let marks: Vec<PathBuf> = marks.into_iter().map(|(_, path)| path).collect();
    found.orphans = orphans.iter().map(|(id, _)| id.clone()).collect();
    found.unfinished = on_disk(folder, move |folder| clear(folder, &unfinished, &marks, &orphans)).await?;
    Ok(found)
}

async fn on_disk<T: Send + 'static>(
    folder: PathBuf,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, StoreFault> {
    let path = folder.clone();
    let done = tokio::task::spawn_blocking(move || work(&folder)).await;
    done.map_err(io::Error::other).flatten().map_err(|source| StoreFault::Folder { path, source })
}

fn list(folder: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in std::fs::read_dir(folder.join(INCOMING))? {
        let entry = entry?;
        let id = entry.file_name().to_str().and_then(|name| TransactionId::try_from(name.to_owned()).ok());
        listing.marks.extend(id.map(|id| (id, entry.path())));
    }
    for part in 0..=255_u8 {
        for entry in std::fs::read_dir(folder.join(format!("{part:02x}")))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let (id, staged) = name.split_once('#').map_or((name, false), |(id, _)| (id, true));
            let Ok(id) = TransactionId::try_from(id.to_owned()) else { continue };
            let into = if staged { &mut listing.unfinished } else { &mut listing.blobs };
            into.push((id, entry.path()));
        }
    }
    Ok(listing)
}

fn clear(
    folder: &Path,
    unfinished: &[PathBuf],
    marks: &[PathBuf],
    orphans: &[(TransactionId, PathBuf)],
) -> io::Result<usize> {
    let removed = remove(unfinished)?;
    // Only now: a kill in between must find the marks again.
    remove(marks)?;
    if !orphans.is_empty() {
        let aside = folder.join("orphans");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&aside)?;
        for (id, path) in orphans {
            match std::fs::rename(path, aside.join(id.as_str())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(removed)
}

/// Says how many there were.
fn remove(files: &[PathBuf]) -> io::Result<usize> {
    let mut removed = 0;
    for path in files {
        match std::fs::remove_file(path) {
            Ok(()) => removed += 1,
            // Finished or given up since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(removed)
}
