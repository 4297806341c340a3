//! A bucket in memory that does what servers and networks do.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};
use tokio::sync::Notify;

/// What is wrong with it.
#[derive(Clone, Debug, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Nobody answers.
    Away,
    /// It says yes to what is put, and keeps nothing.
    Forgets,
    /// It says yes to what is put, and keeps all but its end.
    Cuts,
    /// It says yes to what is put, and keeps something else.
    Alters,
    /// It takes what is put when it is told to.
    Waits(Arc<Notify>),
}

/// The bucket.
#[derive(Clone, Debug, Default)]
pub struct Faulty {
    inner: Arc<InMemory>,
    fault: Arc<Mutex<Fault>>,
    parts: Arc<Mutex<usize>>,
}

impl Faulty {
    /// From now on.
    pub fn becomes(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// What stands there, sorted.
    pub async fn keys(&self) -> Vec<String> {
        let listed = self.inner.list(None).map(|object| object.unwrap().location.to_string());
        let mut keys: Vec<String> = listed.collect().await;
        keys.sort();
        keys
    }

    /// How many uploads came in parts.
    pub fn in_parts(&self) -> usize {
        *self.parts.lock().unwrap()
    }

    fn fault(&self) -> Result<Fault> {
        match self.fault.lock().unwrap().clone() {
            Fault::Away => Err(away()),
            fault => Ok(fault),
        }
    }
}

fn away() -> Error {
    Error::Generic { store: "faulty", source: "nobody\nanswers".into() }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

type Answer<'a, T> = BoxFuture<'a, Result<T>>;

impl ObjectStore for Faulty {
    fn put_opts<'s, 'l, 'a>(&'s self, at: &'l Path, octets: PutPayload, options: PutOptions) -> Answer<'a, PutResult>
    where
        's: 'a,
        'l: 'a,
        Self: 'a,
    {
        async move {
            let whole: Bytes = octets.into();
            let kept = match self.fault()? {
                Fault::Cuts => whole.slice(..whole.len() - 10),
                Fault::Alters => whole.iter().map(|octet| octet ^ 1).collect(),
                Fault::Forgets => return Ok(PutResult { e_tag: None, version: None, extensions: Default::default() }),
                Fault::Waits(until) => {
                    until.notified().await;
                    whole
                }
                _ => whole,
            };
            self.inner.put_opts(at, kept.into(), options).await
        }
        .boxed()
    }

    fn put_multipart_opts<'s, 'l, 'a>(
        &'s self,
        at: &'l Path,
        options: PutMultipartOptions,
    ) -> Answer<'a, Box<dyn MultipartUpload>>
    where
        's: 'a,
        'l: 'a,
        Self: 'a,
    {
        async move {
            self.fault()?;
            *self.parts.lock().unwrap() += 1;
            self.inner.put_multipart_opts(at, options).await
        }
        .boxed()
    }

    fn get_opts<'s, 'l, 'a>(&'s self, at: &'l Path, options: GetOptions) -> Answer<'a, GetResult>
    where
        's: 'a,
        'l: 'a,
        Self: 'a,
    {
        async move {
            self.fault()?;
            self.inner.get_opts(at, options).await
        }
        .boxed()
    }

    fn delete_stream(&self, all: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.fault() {
            Ok(_) => self.inner.delete_stream(all),
            Err(fault) => stream::iter([Err(fault)]).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.fault() {
            Ok(_) => self.inner.list(prefix),
            Err(fault) => stream::iter([Err(fault)]).boxed(),
        }
    }

    fn list_with_delimiter<'s, 'l, 'a>(&'s self, prefix: Option<&'l Path>) -> Answer<'a, ListResult>
    where
        's: 'a,
        'l: 'a,
        Self: 'a,
    {
        self.inner.list_with_delimiter(prefix)
    }

    fn copy_opts<'s, 'f, 't, 'a>(&'s self, from: &'f Path, to: &'t Path, options: CopyOptions) -> Answer<'a, ()>
    where
        's: 'a,
        'f: 'a,
        't: 'a,
        Self: 'a,
    {
        async move {
            self.fault()?;
            self.inner.copy_opts(from, to, options).await
        }
        .boxed()
    }
}
