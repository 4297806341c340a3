//! Whether the disk has room for a backup. In: what is to be copied. Out: nothing, or how much is missing. Looked at once, before anything
//! is written: a disk that others fill meanwhile ends the backup where it is full, and it leaves nothing there either.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::fs::statvfs;

use super::{Fault, Order};
use crate::audit::Parts;

/// Free space that a backup leaves, octets: below its floor the gateway takes no mail.
const LEFT_FREE: u64 = 2 << 30;

/// Folders in folders.
const DEPTH: usize = 16;

/// Before anything is written: everything but content, which nobody has asked the database for yet, and the database once more: first the
/// copy that it is packed from, and later, when that is gone, the one that is looked through. Blocks.
pub(super) fn to_begin(order: &Order) -> Result<(), Fault> {
    let data = |name: &str| order.sources.data_dir.join(name);
    let database = octets_of(&data("portaria.db"))?.saturating_add(octets_of(&data("portaria.db-wal"))?);
    has(folder_of(order), database.saturating_mul(2).saturating_add(besides(order)?).saturating_add(LEFT_FREE))
}

/// Before content is copied: content as it is packed in the quarantine, all else, and the copy of the database, which is there by now and is
/// packed next. Blocks.
pub(super) fn for_content(order: &Order, content: &[PathBuf], copied: u64) -> Result<(), Fault> {
    has(folder_of(order), for_all(order, content, copied)?.saturating_add(LEFT_FREE))
}

fn for_all(order: &Order, content: &[PathBuf], copied: u64) -> Result<u64, Fault> {
    let besides = besides(order)?.saturating_add(copied);
    content.iter().try_fold(besides, |sum, blob| Ok(sum.saturating_add(octets_of(blob)?)))
}

/// A fault if so many octets are not free there.
pub(super) fn has(folder: &Path, needed: u64) -> Result<(), Fault> {
    let found = statvfs(folder).map_err(|fault| Fault::source(folder, fault.into()))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if needed > free { Err(Fault::NoRoom { path: folder.to_owned(), needed, free }) } else { Ok(()) }
}

fn folder_of(order: &Order) -> &Path {
    order.to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Octets of what is neither the database nor content.
fn besides(order: &Order) -> Result<u64, Fault> {
    let sources = &order.sources;
    let unread = |fault| Fault::source(&sources.data_dir, fault);
    let trail = Parts::of(&sources.data_dir).map_err(|fault| unread(io::Error::other(fault)))?;
    let mut sum = 0_u64;
    for (_, log) in trail.iter().flat_map(|parts| &parts.logs) {
        sum = sum.saturating_add(log.get_ref().metadata().map_err(unread)?.len());
    }
    let folders = [sources.data_dir.join("journal"), sources.data_dir.join("rules"), sources.rules_dir.clone()];
    folders.iter().chain(&sources.outside).try_fold(sum, |sum, folder| Ok(sum.saturating_add(octets_below(folder)?)))
}

/// Octets of a file; of none, none.
fn octets_of(file: &Path) -> Result<u64, Fault> {
    match file.metadata() {
        Ok(found) => Ok(found.len()),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(fault) => Err(Fault::source(file, fault)),
    }
}

/// Octets of the files below a folder. What goes meanwhile counts for nothing.
fn octets_below(folder: &Path) -> Result<u64, Fault> {
    let mut waiting: Vec<(PathBuf, usize)> = vec![(folder.to_owned(), DEPTH)];
    let mut sum = 0_u64;
    while let Some((folder, depth)) = waiting.pop() {
        let unread = |fault| Fault::source(&folder, fault);
        let found = match fs::read_dir(&folder) {
            Ok(found) => found,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => continue,
            Err(fault) => return Err(unread(fault)),
        };
        for entry in found {
            let path = entry.map_err(unread)?.path();
            match path.metadata() {
                Ok(found) if found.is_dir() && depth > 0 => waiting.push((path, depth - 1)),
                Ok(found) if found.is_file() => sum = sum.saturating_add(found.len()),
                Ok(_) => {}
                Err(fault) if fault.kind() == io::ErrorKind::NotFound => {}
                Err(fault) => return Err(Fault::source(&path, fault)),
            }
        }
    }
    Ok(sum)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test makes the files")]
mod tests {
    use super::{
        super::tests::{Live, made},
        *,
    };

    /// Held mail is most of a backup, and was not reckoned once.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_reckoned_is_enough_for_what_is_made() {
        let live = Live::new().await;
        let mut blobs = Vec::new();
        for number in 0..3 {
            let id = live.keep_long(number, 2 << 20).await;
            blobs.push(live.path("data/quarantine").join(crate::store::place_of_content(&id)));
        }
        fs::create_dir_all(live.path("data/journal")).unwrap();
        fs::write(live.path("data/journal/0000000001.journal"), vec![b'\n'; 50_000]).unwrap();
        let order = live.order("a.backup");
        let copied = octets_of(&live.path("data/portaria.db")).unwrap();
        let reckoned = for_all(&order, &blobs, copied).unwrap();
        assert!(besides(&order).unwrap() >= 50_000);
        let made = made(&order).await;
        assert!(made.octets > 6 << 20, "chance does not pack: {}", made.octets);
        assert!((made.octets..made.octets + copied + 100_000).contains(&reckoned), "{reckoned} for {}", made.octets);
        assert!(matches!(has(live.folder.path(), u64::MAX), Err(Fault::NoRoom { .. })));
    }
}
