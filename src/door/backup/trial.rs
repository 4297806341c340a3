//! A backup read back as a restore would: every entry against its hash, the database opened and looked through, every message unpacked
//! and held against its row. What cannot be opened for want of a key is counted, and is no damage. A message that was spoiled before it was
//! copied is damaged, and the backup is good: its octets are those of the manifest. Whoever makes a backup knows which those are (`make`).

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
};

use super::{
    Fault, Opened, Part, Progress, Scratch, blocking,
    content::{Content, Found},
    room,
};
use crate::{
    backup::{BackupFault, Manifest},
    record::TransactionId,
    store::{ContentFacts, Store, blob::Keys, place_of_content},
};

/// The entry that is the database.
pub(super) const DATABASE: &str = "database/portaria.db";

/// What the entries begin with that are content.
const CONTENT: &str = "quarantine/";

/// The entry that is the content of an item.
pub(super) fn entry_of_content(id: &TransactionId) -> String {
    format!("{CONTENT}{}", place_of_content(id))
}

/// What stood the trial.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What is in it.
    pub manifest: Manifest,
    /// Messages that were unpacked and are what their rows say.
    pub contents: u64,
    /// Messages that were not, by the key that they need and nobody gave.
    pub unopened: BTreeMap<String, u64>,
    /// Items whose message is another than their rows say, although it is what was copied: the quarantine had it so.
    pub damaged: Vec<String>,
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
    let (file, keys, into, watched) = (file.to_owned(), keys.clone(), folder.clone(), progress.clone());
    let opened = blocking(move || {
        let opened = Opened::open(&file, keys)?;
        let (found, known) = (opened.manifest().schema, Store::schema());
        if found > known {
            return Err(Fault::Schema { found, known });
        }
        let database = opened.manifest().line(DATABASE);
        let database = database.ok_or_else(|| BackupFault::damaged(DATABASE, "it is missing"))?;
        // A disk that is full says nothing of the backup: it is told before it is.
        room::has(&into, database.size)?;
        watched.expect(opened.manifest().octets());
        extract(&opened, &watched, DATABASE, &into.join("portaria.db"))?;
        Ok(opened)
    });
    let opened = opened.await?;
    if let Some(what) = progress.unless_stopped(Store::examine(&folder)).await? {
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
    let absent: HashSet<&str> = manifest.gone.iter().chain(&manifest.missing).map(String::as_str).collect();
    let mut expected: HashMap<String, &ContentFacts> =
        facts.iter().map(|facts| (entry_of_content(&facts.id), facts)).collect();
    let (mut contents, mut unopened, mut damaged) = (0_u64, BTreeMap::<String, u64>::new(), Vec::new());
    let mut reading: Option<(Content, &ContentFacts)> = None;
    opened.each(
        progress,
        |name| name != DATABASE,
        |line, part| {
            if !line.name.starts_with(CONTENT) {
                return Ok(());
            }
            let (mut content, facts) = match reading.take() {
                Some(reading) => reading,
                None => {
                    let facts = expected
                        .remove(&line.name)
                        .ok_or_else(|| BackupFault::damaged(&line.name, "the database has no such item"))?;
                    (Content::new(content_keys.clone(), facts), facts)
                }
            };
            match part {
                Part::Piece(piece) => {
                    content.feed(piece);
                    reading = Some((content, facts));
                }
                // Its octets are those of the manifest: this is what the quarantine had.
                Part::Whole => match content.finish() {
                    Found::Whole => contents += 1,
                    Found::Closed(key) => *unopened.entry(key).or_default() += 1,
                    Found::Damaged(_) => damaged.push(facts.id.to_string()),
                },
            }
            Ok(())
        },
    )?;
    match expected.values().find(|facts| !absent.contains(facts.id.as_str())) {
        Some(facts) => {
            let what = "the database has it, and the backup has not";
            Err(BackupFault::damaged(&entry_of_content(&facts.id), what).into())
        }
        None => Ok(Tried { contents, unopened, damaged, manifest }),
    }
}
