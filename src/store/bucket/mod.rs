//! A bucket: content where several nodes find it (decision 47). One object a blob, under `PREFIX/XX/ID`, sealed as it is on the disk.
//!
//! In: blobs to put, ids to look for. Out: blobs, and what stands there. Nothing here is believed because the server says so: whoever reads a
//! blob holds it against its row (`content`), and no decision hangs on a condition of the server's. What a server says in its faults
//! is cut and made printable before it gets into a log.
//!
//! | file | what |
//! |---|---|
//! | `place` | which bucket, and who we are there |
//! | `http` | requests on the wire |

mod http;
pub(super) mod place;

use std::{collections::HashMap, os::unix::fs::MetadataExt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    path::Path,
};

use super::StoreFault;
use crate::record::{TransactionId, UnixMillis};
use place::{BucketPlace, Credentials, CredentialsFault, named};

/// What goes in one request, and so what is in memory; S3 wants at least 5 MiB of all parts but the last.
const PART: usize = 8 * 1024 * 1024;
/// Within a request's own deadlines (`http`): who uses the bucket tries again by himself.
const RETRIES: RetryConfig = RetryConfig {
    backoff: object_store::BackoffConfig {
        init_backoff: Duration::from_millis(200),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    },
    max_retries: 1,
    retry_timeout: Duration::from_secs(30),
};
/// The object that says whose content stands here, and what is read of it.
const OWNER: &str = "portaria";
const OWNER_LENGTH: usize = 256;
/// Where objects go that nobody knows.
const ASIDE: &str = "orphans";
/// What is shown of a fault, characters.
const SAID: usize = 300;

/// One bucket.
#[derive(Clone, Debug)]
pub(in crate::store) struct Bucket {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Bucket {
    /// Reads the credentials; connects to nobody.
    pub(super) fn open(place: &BucketPlace) -> Result<Self, StoreFault> {
        let credentials = credentials(place)?;
        let mut builder = AmazonS3Builder::new()
            .with_endpoint(place.endpoint())
            .with_bucket_name(&place.bucket)
            .with_region(&place.region)
            .with_virtual_hosted_style_request(!place.path_style)
            .with_access_key_id(credentials.id)
            .with_secret_access_key(credentials.secret)
            // What may go in clear, the settings have decided.
            .with_allow_http(true)
            // One DELETE an object: not every server knows the request that names several.
            .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true")
            .with_retry(RETRIES)
            .with_http_connector(http::Connector::default());
        if let Some(token) = credentials.token {
            builder = builder.with_token(token);
        }
        Ok(Self::of(Arc::new(builder.build().map_err(said)?), &place.prefix))
    }

    /// Any object store.
    pub(super) fn of(objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self { objects, prefix: Path::from(prefix) }
    }

    /// Puts a blob, in parts if it is long. It is there when this returns, by what the server says.
    pub(super) async fn put(
        &self,
        id: &TransactionId,
        mut octets: BoxStream<'static, object_store::Result<Bytes>>,
    ) -> Result<(), StoreFault> {
        let key = self.key(id);
        let (first, is_last) = part(&mut octets).await?;
        if is_last {
            return self.objects.put(&key, first.into()).await.map(drop).map_err(said);
        }
        let mut upload = self.objects.put_multipart(&key).await.map_err(said)?;
        let put = async {
            let mut next = (first, false);
            loop {
                let (piece, is_last) = next;
                if !piece.is_empty() {
                    upload.put_part(PutPayload::from(piece)).await.map_err(said)?;
                }
                if is_last {
                    return upload.complete().await.map(drop).map_err(said);
                }
                next = part(&mut octets).await?;
            }
        }
        .await;
        if put.is_err() {
            // Its error would hide the first one; the parts go by the bucket's own rule for uploads that were not completed.
            let _ = upload.abort().await;
        }
        put
    }

    /// A blob's octets as they come. [`StoreFault::NotInBucket`]: there is none.
    pub(super) async fn get(
        &self,
        id: &TransactionId,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreFault>>, StoreFault> {
        let found = self.objects.get(&self.key(id)).await.map_err(looked_for)?;
        Ok(found.into_stream().map_err(said).boxed())
    }

    /// Whether there is one.
    pub(super) async fn has(&self, id: &TransactionId) -> Result<bool, StoreFault> {
        match self.objects.head(&self.key(id)).await.map_err(looked_for) {
            Ok(_) => Ok(true),
            Err(StoreFault::NotInBucket) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Removes one. What is not there is removed.
    pub(super) async fn remove(&self, id: &TransactionId) -> Result<(), StoreFault> {
        gone(self.objects.delete(&self.key(id)).await)
    }

    /// Every blob that stands here, with the server's time of its last change. Memory: some 100 octets each.
    pub(super) async fn list(&self) -> Result<HashMap<TransactionId, UnixMillis>, StoreFault> {
        let mut found = HashMap::new();
        let mut listed = self.objects.list(Some(&self.prefix));
        while let Some(object) = listed.try_next().await.map_err(said)? {
            let Some(Ok(id)) = object.location.filename().map(|name| TransactionId::try_from(name.to_owned())) else {
                continue;
            };
            // What lies elsewhere under this name is none of ours: it was moved aside, or somebody put it there.
            if object.location == self.key(&id) {
                found.insert(id, object.last_modified.timestamp_millis());
            }
        }
        Ok(found)
    }

    /// Moves one to `orphans/`, where a person may look at it.
    pub(super) async fn set_aside(&self, id: &TransactionId) -> Result<(), StoreFault> {
        let aside = self.prefix.clone().join(ASIDE).join(id.as_str());
        match self.objects.copy(&self.key(id), &aside).await.map_err(looked_for) {
            // Another node was faster.
            Err(StoreFault::NotInBucket) => Ok(()),
            Err(fault) => Err(fault),
            Ok(()) => self.remove(id).await,
        }
    }

    /// Whose content stands here; none: nobody has said yet.
    pub(super) async fn owner(&self) -> Result<Option<String>, StoreFault> {
        self.read_small(OWNER).await
    }

    /// Says whose content stands here.
    pub(super) async fn set_owner(&self, owner: &str) -> Result<(), StoreFault> {
        self.write_small(OWNER, owner).await
    }

    /// Puts a few octets under a name of their own, reads them, and removes them.
    pub(super) async fn probe(&self, name: &str) -> Result<(), StoreFault> {
        let wanted = format!("probe {name}");
        let key = format!("probe-{name}");
        self.write_small(&key, &wanted).await?;
        let read = self.read_small(&key).await;
        let removed = gone(self.objects.delete(&self.prefix.clone().join(key.as_str())).await);
        if read? != Some(wanted) {
            return Err(StoreFault::Bucket("what was put is not what is read".to_owned()));
        }
        removed
    }

    async fn read_small(&self, name: &str) -> Result<Option<String>, StoreFault> {
        let found = match self.objects.get(&self.prefix.clone().join(name)).await.map_err(looked_for) {
            Err(StoreFault::NotInBucket) => return Ok(None),
            found => found?,
        };
        let (mut octets, mut stream) = (Vec::new(), found.into_stream());
        while let Some(piece) = stream.try_next().await.map_err(said)? {
            octets.extend_from_slice(&piece);
            if octets.len() > OWNER_LENGTH {
                return Err(StoreFault::Bucket(format!("the object `{name}` is longer than {OWNER_LENGTH} octets")));
            }
        }
        Ok(Some(String::from_utf8_lossy(&octets).trim().to_owned()))
    }

    async fn write_small(&self, name: &str, text: &str) -> Result<(), StoreFault> {
        let key = self.prefix.clone().join(name);
        self.objects.put(&key, PutPayload::from(text.to_owned())).await.map(drop).map_err(said)
    }

    fn key(&self, id: &TransactionId) -> Path {
        self.prefix.clone().join(super::content::part(id)).join(id.as_str())
    }
}

/// The next [`PART`] octets, or what is left, and whether that was all.
async fn part(octets: &mut BoxStream<'static, object_store::Result<Bytes>>) -> Result<(Vec<u8>, bool), StoreFault> {
    let mut part = Vec::new();
    while part.len() < PART {
        // A disk's fault, not the bucket's.
        match octets.try_next().await? {
            Some(piece) => part.extend_from_slice(&piece),
            None => return Ok((part, true)),
        }
    }
    Ok((part, false))
}

/// Nobody else has the right to read it.
#[expect(clippy::disallowed_methods, reason = "an adapter's own file")]
fn credentials(place: &BucketPlace) -> Result<Credentials, StoreFault> {
    let path = named(place.credentials.as_deref());
    let read = match &place.credentials {
        None => Credentials::of_environment(),
        Some(file) => {
            let fault = |source| StoreFault::Folder { path: file.clone(), source };
            if std::fs::metadata(file).map_err(fault)?.mode() & 0o077 != 0 {
                return Err(StoreFault::KeysAreOpen(file.clone()));
            }
            Credentials::parse(&std::fs::read_to_string(file).map_err(fault)?)
        }
    };
    read.map_err(|fault| match fault {
        CredentialsFault::Missing(missing) => StoreFault::NoCredentials { path, missing },
        CredentialsFault::Profiles(names) => StoreFault::Profiles { path, names },
    })
}

fn gone(removed: object_store::Result<()>) -> Result<(), StoreFault> {
    match removed.map_err(looked_for) {
        Err(StoreFault::NotInBucket) => Ok(()),
        other => other,
    }
}

/// What is not there, is told apart.
fn looked_for(fault: object_store::Error) -> StoreFault {
    match fault {
        object_store::Error::NotFound { .. } => StoreFault::NotInBucket,
        fault => said(fault),
    }
}

/// What the bucket said: as long as we like, and on one line.
fn said(fault: object_store::Error) -> StoreFault {
    let printable = |char: char| if char.is_control() { ' ' } else { char };
    StoreFault::Bucket(fault.to_string().chars().take(SAID).map(printable).collect())
}

#[cfg(test)]
pub(super) mod faulty;
