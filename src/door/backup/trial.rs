//! A backup read back as a restore would: every entry against its hash, the database opened and looked through, every message unpacked
//! and held against its row. What cannot be opened for want of a key is counted, and is no damage.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
};

use aws_lc_rs::digest::{Context, SHA256};

use super::{Fault, Opened, Part, Progress, Scratch, blocking};
use crate::{
    backup::{BackupFault, Manifest},
    store::{
        ContentFacts, Store,
        blob::{BlobFault, Keys, Reader},
        place_of_content,
    },
};

/// The entry that is the database.
pub(super) const DATABASE: &str = "database/portaria.db";

/// What stood the trial.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What is in it.
    pub manifest: Manifest,
    /// Messages that were unpacked and are what their rows say.
    pub contents: u64,
    /// Messages that were not, by the key that they need and nobody gave.
    pub unopened: BTreeMap<String, u64>,
}

/// Reads a backup back. `content_keys`: those of the quarantine. What is unpacked on the way, the database, is put into `scratch`.
pub async fn trial(
    file: &Path,
    keys: &Arc<Keys>,
    content_keys: &Arc<Keys>,
    scratch: &Scratch,
    progress: &Arc<Progress>,
) -> Result<Tried, Fault> {
    let folder = scratch.folder("trial")?;
    let (file, keys, into, watched) = (file.to_owned(), keys.clone(), folder.join("portaria.db"), progress.clone());
    let opened = blocking(move || {
        let opened = Opened::open(&file, keys)?;
        let (found, known) = (opened.manifest().schema, Store::schema());
        if found > known {
            return Err(Fault::Schema { found, known });
        }
        if opened.manifest().line(DATABASE).is_none() {
            return Err(BackupFault::damaged(DATABASE, "it is missing").into());
        }
        watched.expect(opened.manifest().octets());
        extract(&opened, &watched, DATABASE, &into)?;
        Ok(opened)
    });
    let opened = opened.await?;
    if let Some(what) = Store::examine(&folder).await? {
        return Err(BackupFault::damaged(DATABASE, what).into());
    }
    // For writing: one of an earlier schema is brought up to date, as it will be by the gateway.
    let store = Store::open(&folder).await?;
    let facts = store.content_facts().await?;
    store.close().await;
    let (content_keys, progress) = (content_keys.clone(), progress.clone());
    blocking(move || read_all(&opened, &facts, &content_keys, &progress)).await
}

/// One entry into a file.
pub(super) fn extract(opened: &Opened, progress: &Progress, name: &str, into: &Path) -> Result<(), Fault> {
    let mut file = create(into)?;
    opened.each(
        progress,
        |other| other == name,
        |_, part| match part {
            Part::Piece(piece) => file.write_all(piece).map_err(|fault| Fault::source(into, fault)),
            Part::Whole => Ok(()),
        },
    )
}

fn create(path: &Path) -> Result<File, Fault> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|fault| Fault::source(path, fault))
}

fn read_all(
    opened: &Opened,
    facts: &[ContentFacts],
    content_keys: &Arc<Keys>,
    progress: &Progress,
) -> Result<Tried, Fault> {
    let manifest = opened.manifest().clone();
    let absent = |id: &str| manifest.gone.iter().chain(&manifest.missing).any(|absent| absent == id);
    let named = |facts: &ContentFacts| (format!("quarantine/{}", place_of_content(&facts.id)), facts.clone());
    let mut expected: HashMap<String, ContentFacts> = facts.iter().map(named).collect();
    let (mut contents, mut unopened) = (0_u64, BTreeMap::<String, u64>::new());
    let mut reading: Option<Content> = None;
    opened.each(
        progress,
        |name| name != DATABASE,
        |line, part| {
            if !line.name.starts_with("quarantine/") {
                return Ok(());
            }
            let damaged = |what: String| Fault::from(BackupFault::damaged(&line.name, what));
            if reading.is_none() {
                let facts =
                    expected.remove(&line.name).ok_or_else(|| damaged("the database has no such item".to_owned()))?;
                reading = Some(Content::new(content_keys.clone(), facts));
            }
            let told = match (part, &mut reading) {
                (Part::Piece(piece), Some(content)) => content.feed(piece),
                (Part::Whole, _) => match reading.take().map(Content::finish) {
                    Some(Ok(None)) => {
                        contents += 1;
                        Ok(())
                    }
                    Some(Ok(Some(key))) => {
                        *unopened.entry(key).or_default() += 1;
                        Ok(())
                    }
                    Some(Err(what)) => Err(what),
                    None => Ok(()),
                },
                (Part::Piece(_), None) => Ok(()),
            };
            told.map_err(damaged)
        },
    )?;
    match expected.values().find(|facts| !absent(facts.id.as_str())) {
        Some(facts) => {
            let name = format!("quarantine/{}", place_of_content(&facts.id));
            Err(BackupFault::damaged(&name, "the database has it, and the backup has not").into())
        }
        None => Ok(Tried { manifest, contents, unopened }),
    }
}

/// A message on its way through.
struct Content {
    reader: Reader,
    facts: ContentFacts,
    trace_left: u64,
    size: u64,
    digest: Context,
    /// It needs this key.
    lacks: Option<String>,
}

impl Content {
    fn new(keys: Arc<Keys>, facts: ContentFacts) -> Self {
        let reader = Reader::new(keys, facts.id.as_str(), facts.trace_length.saturating_add(facts.size));
        let trace_left = facts.trace_length;
        Self { reader, facts, trace_left, size: 0, digest: Context::new(&SHA256), lacks: None }
    }

    fn feed(&mut self, octets: &[u8]) -> Result<(), String> {
        if self.lacks.is_some() {
            return Ok(());
        }
        self.reader.feed(octets);
        self.drain()
    }

    fn drain(&mut self) -> Result<(), String> {
        loop {
            match self.reader.next_piece() {
                Ok(None) => return Ok(()),
                Ok(Some(piece)) => {
                    let trace = usize::try_from(self.trace_left).unwrap_or(usize::MAX).min(piece.len());
                    self.trace_left -= trace as u64;
                    let content = piece.get(trace..).unwrap_or_default();
                    self.size = self.size.saturating_add(content.len() as u64);
                    self.digest.update(content);
                }
                Err(BlobFault::NoKey(key)) => {
                    self.lacks = Some(key);
                    return Ok(());
                }
                Err(fault) => return Err(fault.to_string()),
            }
        }
    }

    /// The key that it wants, if it could not be opened.
    fn finish(mut self) -> Result<Option<String>, String> {
        if self.lacks.is_none() {
            self.reader.end();
            self.drain()?;
        }
        if self.lacks.is_some() {
            return Ok(self.lacks);
        }
        let digest: String = self.digest.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
        if self.trace_left > 0 || self.size != self.facts.size || digest != self.facts.sha256 {
            return Err("it is not the message that its row tells of".to_owned());
        }
        Ok(None)
    }
}
