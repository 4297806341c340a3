//! The blobs: one a message, under `quarantine/XX/ID`, `XX` two random digits of the id. What is in one, `blob` says.
//!
//! object_store 0.14 writes to `ID#1`, and with `with_fsync(true)` syncs that file, renames it and syncs the folder of the new name
//! (read in its `local.rs`: `finish_staged_rename`). A folder that it has to make it syncs too, but a second writer that finds
//! that folder already made does not wait for that sync: so all 256 folders are made, and synced, before anything is kept.

use std::{
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload, local::LocalFileSystem};

use super::{
    StoreFault,
    blob::{Codec, Keys, Reader, Writer},
    bucket::Bucket,
    check::Check,
    database,
    settings::Content,
};
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
    bucket: Option<Bucket>,
    spool: Spool,
    codec: Codec,
    keys: Arc<Keys>,
}

impl Contents {
    /// Makes the folders that are not there, and opens.
    pub(super) fn make(data_dir: &Path, how: &Content) -> Result<Self, StoreFault> {
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
        Self::open(data_dir, how)
    }

    /// Opens what is there.
    pub(super) fn open(data_dir: &Path, how: &Content) -> Result<Self, StoreFault> {
        let folder = data_dir.join("quarantine");
        let blobs = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
        let codec = if how.compress { Codec::Zstd } else { Codec::Plain };
        let keys = how.keys.as_deref().map(read_keys).transpose()?.unwrap_or_default();
        let bucket = how.bucket.as_ref().map(Bucket::open).transpose()?;
        let spool = Spool { most: how.bucket.as_ref().map(|place| place.spool), waiting: AtomicU64::new(0) };
        Ok(Self { folder, blobs, bucket, spool, codec, keys: Arc::new(keys) })
    }

    /// Where content is shared with other nodes; none: it is not.
    pub(super) fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// The same, over any object store.
    #[cfg(test)]
    pub(super) fn set_bucket(&mut self, bucket: Bucket, spool: u64) {
        self.bucket = Some(bucket);
        self.spool.most = Some(spool);
    }

    /// As on a node that was not told of it.
    #[cfg(test)]
    pub(super) fn forget_bucket(&mut self) {
        self.bucket = None;
    }

    /// What waits on the disk for the bucket.
    pub(super) fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Those that content is encrypted with.
    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The key that new content is encrypted with; none: it is not.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.keys.newest_id()
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
        let put = match self.write(&mut *upload, item, content).await {
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

    async fn write(
        &self,
        upload: &mut dyn MultipartUpload,
        item: &Item,
        content: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> Result<(), StoreFault> {
        let mut content = pin!(content);
        let mut check = Check::of_item(item);
        let mut part = Vec::new();
        let mut blob = Writer::begin(self.codec, &self.keys, item.id.as_str(), &mut part)?;
        let altered = |what| StoreFault::Altered { what };
        while let Some(octets) = content.next().await {
            let octets = octets.map_err(StoreFault::Source)?;
            check.update(&octets).map_err(altered)?;
            blob.write(&octets, &mut part)?;
            if part.len() >= PART {
                upload.put_part(PutPayload::from(std::mem::take(&mut part))).await?;
            }
        }
        check.finish().map_err(altered)?;
        blob.finish(&mut part)?;
        upload.put_part(PutPayload::from(part)).await?;
        Ok(())
    }

    /// The content of an item on this node's disk, from start to end, and behind it whether it was what the item says.
    pub(super) async fn get(&self, item: &Item) -> Result<BoxStream<'static, Result<Bytes, StoreFault>>, StoreFault> {
        let octets = self.found(self.blobs.get(&key(&item.id)).await)?.into_stream();
        Ok(self.unpacked(item, octets.map_err(StoreFault::from).boxed()))
    }

    /// The same in the bucket.
    pub(super) async fn get_shared(
        &self,
        item: &Item,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreFault>>, StoreFault> {
        let bucket = self.bucket.as_ref().ok_or(StoreFault::NotInBucket)?;
        Ok(self.unpacked(item, bucket.get(&item.id).await?))
    }

    /// Puts what this node's disk has into the bucket, and reads it back: whoever reads it there later reads what was kept.
    pub(super) async fn upload(&self, item: &Item, bucket: &Bucket) -> Result<(), StoreFault> {
        let octets = self.found(self.blobs.get(&key(&item.id)).await)?.into_stream();
        bucket.put(&item.id, octets).await?;
        self.unpacked(item, bucket.get(&item.id).await?).try_for_each(async |_| Ok(())).await
    }

    fn unpacked(
        &self,
        item: &Item,
        octets: BoxStream<'static, Result<Bytes, StoreFault>>,
    ) -> BoxStream<'static, Result<Bytes, StoreFault>> {
        let length = item.trace_length.saturating_add(item.size);
        let reader = Reader::new(self.keys.clone(), item.id.as_str(), length);
        let unpacking = Unpacking { octets, ended: false, reader, check: Some(Check::of_item(item)) };
        stream::try_unfold(unpacking, Unpacking::next).boxed()
    }

    /// Whether it is on this node's disk.
    pub(super) async fn has(&self, id: &TransactionId) -> Result<bool, StoreFault> {
        match self.blobs.head(&key(id)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Removes it from this node's disk.
    pub(super) async fn remove(&self, id: &TransactionId) -> Result<(), StoreFault> {
        Ok(self.blobs.delete(&key(id)).await?)
    }

    /// Removes it from this node's disk so that a power cut does not bring it back. What is not there is removed.
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

pub(super) fn part(id: &TransactionId) -> &str {
    id.as_str().get(20..22).unwrap_or_default()
}

/// A blob on its way to a reader.
struct Unpacking {
    octets: BoxStream<'static, Result<Bytes, StoreFault>>,
    ended: bool,
    reader: Reader,
    /// None once it was asked for its last word.
    check: Option<Check>,
}

impl Unpacking {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, StoreFault> {
        let other = |what| StoreFault::NotWhatWasKept { what };
        loop {
            if let Some(piece) = self.reader.next_piece()? {
                if let Some(check) = &mut self.check {
                    check.update(&piece).map_err(other)?;
                }
                return Ok(Some((piece, self)));
            }
            if self.ended {
                self.check.take().map_or(Ok(()), Check::finish).map_err(other)?;
                return Ok(None);
            }
            match self.octets.next().await {
                Some(octets) => self.reader.feed(&octets?),
                None => {
                    self.reader.end();
                    self.ended = true;
                }
            }
        }
    }
}

/// What waits on this node's disk for the bucket, octets of content.
#[derive(Debug)]
pub(super) struct Spool {
    /// None: nothing waits for anything.
    most: Option<u64>,
    waiting: AtomicU64,
}

impl Spool {
    /// What the database says.
    pub(super) fn set(&self, waiting: u64) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Takes up so much more, if there is room for it: a bucket that is away for long must not fill the disk.
    pub(super) fn take(&self, more: u64) -> Result<(), StoreFault> {
        let Some(most) = self.most else { return Ok(()) };
        if self.waiting.load(Ordering::Relaxed).saturating_add(more) > most {
            return Err(StoreFault::SpoolFull);
        }
        self.waiting.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }
}

/// The file of keys, which is its owner's alone.
#[expect(clippy::disallowed_methods, reason = "an adapter's own file")]
pub(super) fn read_keys(path: &Path) -> Result<Keys, StoreFault> {
    let fault = |source| StoreFault::Folder { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(fault)?.mode() & 0o077 != 0 {
        return Err(StoreFault::KeysAreOpen(path.to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(fault)?;
    Keys::parse(&text).map_err(|source| StoreFault::Keys { path: path.to_owned(), source })
}
