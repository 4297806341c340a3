//! The blobs: one a message, under `quarantine/XX/ID`, `XX` two random digits of the id.
//!
//! object_store 0.14 writes to `ID#1`, and with `with_fsync(true)` syncs that file, renames it and syncs the folder of the new name
//! (read in its `local.rs`: `finish_staged_rename`). A folder that it has to make it syncs too, but a second writer that finds
//! that folder already made does not wait for that sync: so all 256 folders are made, and synced, before anything is kept.

use std::{
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    pin::pin,
};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem,
};

use super::{StoreFault, database};
use crate::record::{Item, TransactionId};

/// What is written at a time, octets; also what one [`Contents::put`] keeps in memory.
const PART: usize = 1024 * 1024;

/// Empty files named by ids that are being kept: their blob has no row yet, and nobody was told anything. Not synced: should a power
/// cut lose one, its blob is taken for one that somebody may miss, which errs on the safe side.
pub(super) const INCOMING: &str = "incoming";

/// All blobs.
#[derive(Debug)]
pub(super) struct Contents {
    folder: PathBuf,
    blobs: LocalFileSystem,
}

impl Contents {
    /// Makes the folders that are not there, and opens.
    pub(super) fn make(data_dir: &Path) -> Result<Self, StoreFault> {
        let folder = data_dir.join("quarantine");
        let make = |path: &Path| match std::fs::DirBuilder::new().mode(0o700).create(path) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                Err(StoreFault::Folder { path: path.to_owned(), source })
            }
            _ => Ok(()),
        };
        make(&folder)?;
        make(&folder.join(INCOMING))?;
        for part in 0..=255_u8 {
            make(&folder.join(format!("{part:02x}")))?;
        }
        database::sync_folder(&folder)?;
        database::sync_folder(data_dir)?;
        Self::open(data_dir)
    }

    /// Opens what is there.
    pub(super) fn open(data_dir: &Path) -> Result<Self, StoreFault> {
        let folder = data_dir.join("quarantine");
        let blobs = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
        Ok(Self { folder, blobs })
    }

    /// Where blobs are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stores `content`, which must be what the item says: as long, and with the same digest behind the trace fields. On the
    /// disk, its name too, when this returns; otherwise no blob has that name.
    pub(super) async fn put(
        &self,
        item: &Item,
        content: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> Result<(), StoreFault> {
        let mut upload = self.blobs.put_multipart(&key(&item.id)).await?;
        let put = match write(&mut *upload, item, content).await {
            Ok(()) => upload.complete().await.map(|_| ()).map_err(StoreFault::from),
            Err(fault) => Err(fault),
        };
        if put.is_err() {
            // Its error would hide the first one; what stays is found by reconciliation.
            let _ = upload.abort().await;
        }
        put
    }

    /// Notes that an id is being kept.
    pub(super) async fn mark(&self, id: &TransactionId) -> Result<(), StoreFault> {
        let path = self.mark_of(id);
        tokio::fs::write(&path, []).await.map_err(|source| StoreFault::Folder { path, source })
    }

    /// Its row stands, or nothing of it does. A mark that stays is found by reconciliation.
    pub(super) async fn unmark(&self, id: &TransactionId) {
        let _ = tokio::fs::remove_file(self.mark_of(id)).await;
    }

    fn mark_of(&self, id: &TransactionId) -> PathBuf {
        self.folder.join(INCOMING).join(id.as_str())
    }

    /// The whole blob.
    pub(super) async fn get(
        &self,
        id: &TransactionId,
    ) -> Result<BoxStream<'static, object_store::Result<Bytes>>, StoreFault> {
        Ok(self.found(self.blobs.get(&key(id)).await)?.into_stream())
    }

    /// Its first octets.
    pub(super) async fn beginning(&self, id: &TransactionId, max: u64) -> Result<Bytes, StoreFault> {
        if max == 0 || self.found(self.blobs.head(&key(id)).await)?.size == 0 {
            return Ok(Bytes::new());
        }
        let options = GetOptions { range: Some(GetRange::Bounded(0..max)), ..GetOptions::default() };
        Ok(self.found(self.blobs.get_opts(&key(id), options).await)?.bytes().await?)
    }

    /// Whether it is there.
    pub(super) async fn has(&self, id: &TransactionId) -> Result<bool, StoreFault> {
        match self.blobs.head(&key(id)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Removes it.
    pub(super) async fn remove(&self, id: &TransactionId) -> Result<(), StoreFault> {
        Ok(self.blobs.delete(&key(id)).await?)
    }

    /// Removes it so that a power cut does not bring it back. What is not there is removed.
    pub(super) async fn remove_for_ever(&self, id: &TransactionId) -> Result<(), StoreFault> {
        match self.remove(id).await {
            Ok(()) | Err(StoreFault::Content(object_store::Error::NotFound { .. })) => {}
            Err(fault) => return Err(fault),
        }
        let folder = self.folder.join(part(id));
        let synced = tokio::task::spawn_blocking(move || database::sync_folder(&folder)).await;
        synced.map_err(|fault| StoreFault::Source(io::Error::other(fault)))?
    }

    fn found<T>(&self, result: object_store::Result<T>) -> Result<T, StoreFault> {
        match result {
            Err(object_store::Error::NotFound { .. }) => Err(StoreFault::NotFound),
            other => Ok(other?),
        }
    }
}

/// The two digits are the first of the id's last 48 bits, which are chance: those in front are the time, and the same for all
/// messages of a minute.
fn key(id: &TransactionId) -> object_store::path::Path {
    object_store::path::Path::from(format!("{}/{id}", part(id)))
}

fn part(id: &TransactionId) -> &str {
    id.as_str().get(20..22).unwrap_or_default()
}

async fn write(
    upload: &mut dyn MultipartUpload,
    item: &Item,
    content: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<(), StoreFault> {
    let mut content = pin!(content);
    let mut check = Check::new(item);
    let mut part = BytesMut::new();
    while let Some(octets) = content.next().await {
        let octets = octets.map_err(StoreFault::Source)?;
        check.update(&octets)?;
        part.extend_from_slice(&octets);
        if part.len() >= PART {
            upload.put_part(PutPayload::from(part.split().freeze())).await?;
        }
    }
    check.finish()?;
    upload.put_part(PutPayload::from(part.freeze())).await?;
    Ok(())
}

/// Holds what comes against what the item says of it.
struct Check<'a> {
    item: &'a Item,
    trace_left: u64,
    content_left: u64,
    digest: Context,
}

impl<'a> Check<'a> {
    fn new(item: &'a Item) -> Self {
        Self { item, trace_left: item.trace_length, content_left: item.size, digest: Context::new(&SHA256) }
    }

    fn update(&mut self, octets: &[u8]) -> Result<(), StoreFault> {
        let trace = usize::try_from(self.trace_left).unwrap_or(usize::MAX).min(octets.len());
        self.trace_left -= trace as u64;
        let content = octets.get(trace..).unwrap_or_default();
        self.content_left =
            self.content_left.checked_sub(content.len() as u64).ok_or(StoreFault::Altered { what: "length" })?;
        self.digest.update(content);
        Ok(())
    }

    fn finish(self) -> Result<(), StoreFault> {
        if self.trace_left + self.content_left > 0 {
            return Err(StoreFault::Altered { what: "length" });
        }
        let digest: String = self.digest.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
        if digest == self.item.sha256 { Ok(()) } else { Err(StoreFault::Altered { what: "SHA-256" }) }
    }
}
