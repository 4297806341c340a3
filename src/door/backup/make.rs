//! What goes into a backup, and in which order. Mail flows meanwhile, and what is acknowledged before the start is in it:
//!
//! 1. **The journal.** A record is in the journal before anybody is answered, and leaves it only once the database has it: whoever copies
//!    the journal first and the database second has it in at least one of them. The other way round it could leave the one before that
//!    is copied, and come into the other after. What is in both is loaded twice, which changes nothing.
//! 2. **The database**, as of one moment: the row of a held message is committed before its sender hears 250.
//! 3. **Content**, by the rows of that very copy. It was synced before its row. What went meanwhile, by order or for its age, is noted, and
//!    is deleted by a restore: content is never older than the row that says it is gone.
//! 4. **Rules, their history, configuration**: no message waits for them. Records name the rule set that they were judged by.
//! 5. **The audit trail**, last: every deletion that was ordered while the rest was copied is in it, and is carried out by a restore.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    Fault, Order, Progress, Scratch, blocking,
    content::{Content, Found, Looking},
    pack::Packing,
    room,
    trial::{self, DATABASE, entry_of_content},
};
use crate::{
    audit::{self, Parts, Stored},
    backup::{BackupFault, FORMAT, MANIFEST, Manifest, Shelf, Writer},
    journal,
    record::TransactionId,
    rule_history::Lock,
    store::{
        ContentFacts, Store,
        blob::{Codec, Keys},
        place_of_content,
    },
};

/// Folders in folders of rules.
const DEPTH: usize = 16;

/// While a command changes several rule files, a backup waits for so long.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// What was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The file.
    pub file: PathBuf,
    /// Octets of it.
    pub octets: u64,
    /// What its trial found in it.
    pub tried: trial::Tried,
}

/// Makes a backup, reads it back, and gives it its name. On a fault there is none. Several at once are several files.
pub async fn make(order: &Order, progress: &Arc<Progress>) -> Result<Made, Fault> {
    let packing = Packing { keys: order.keys.clone(), pace: order.pace, progress: progress.clone() };
    let order = Arc::new(order.clone());
    let data_dir = order.sources.data_dir.clone();
    sweep(order.to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))).await;

    let mut writer = Writer::begin(&order.to)?;
    let scratch = Scratch::beside(&order.to)?;
    let (begun, packed) = (order.clone(), packing.clone());
    writer = blocking(move || {
        room::to_begin(&begun)?;
        put_journal(&mut writer, &packed, &begun.sources.data_dir.join("journal"))?;
        Ok(writer)
    })
    .await?;

    progress.unless_stopped(Store::copy_database(&data_dir, scratch.path())).await?;
    scratch.folder("quarantine")?;
    let facts = Store::open_read_only(scratch.path()).await?.content_facts().await?;
    let octets: u64 = facts.iter().map(|facts| facts.trace_length.saturating_add(facts.size)).sum();
    let copied = scratch.path().join("portaria.db");
    progress.expect(octets.saturating_add(copied.metadata().map_or(0, |found| found.len())));
    let (packed, held) = (packing.clone(), order.clone());
    let (mut writer, copied) = blocking(move || {
        let quarantine = held.sources.data_dir.join("quarantine");
        let blobs: Vec<PathBuf> = facts.iter().map(|facts| quarantine.join(place_of_content(&facts.id))).collect();
        room::for_content(&held, &blobs, copied.metadata().map_or(0, |found| found.len()))?;
        put_database(&mut writer, &packed, &copied)?;
        let content = put_content(&mut writer, &packed, &held.sources.content_keys, facts, &blobs)?;
        Ok((writer, content))
    })
    .await?;

    let (gone, missing) = sorted(&data_dir, copied.absent).await?;
    let (made, rest, damaged) = (order.clone(), packing.clone(), copied.damaged);
    let unproven = blocking(move || {
        put_the_rest(&mut writer, &rest, &made)?;
        let manifest = manifest(&writer, &made, gone, missing, damaged)?;
        let octets = serde_json::to_vec(&manifest).map_err(|fault| Fault::source(Path::new(MANIFEST), fault.into()))?;
        rest.put(&mut writer, MANIFEST, Codec::Zstd, &mut octets.as_slice(), Path::new(MANIFEST))?;
        Ok(writer.finish()?)
    })
    .await?;
    let tried = trial::trial(unproven.part(), &order.keys, &order.sources.content_keys, &scratch, progress).await?;
    must_be_known(&tried)?;
    let octets = unproven.part().metadata().map_or(0, |found| found.len());
    drop(scratch);
    let file = unproven.keep()?;
    Ok(Made { file, octets, tried })
}

/// Removes what killed ones left in a folder of backups. What cannot be removed is told, and keeps nobody from making one.
pub(super) async fn sweep(folder: &Path) {
    let shelf = Shelf::at(folder);
    // A folder on another machine may not answer: nobody's session is on this thread.
    match tokio::task::spawn_blocking(move || shelf.sweep()).await {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(removed)) => {
            tracing::warn!(removed, folder = %folder.display(), "what backups left that were killed was removed")
        }
        Ok(Err(fault)) => {
            tracing::warn!(%fault, folder = %folder.display(), "what backups left that were killed cannot be removed");
        }
    }
}

/// A message that was good when it was copied, and comes back as another, was spoiled by us, or by the disk that the backup is on.
pub(super) fn must_be_known(tried: &trial::Tried) -> Result<(), Fault> {
    let known: HashSet<&String> = tried.manifest.damaged.iter().collect();
    match tried.damaged.iter().find(|id| !known.contains(id)) {
        Some(id) => Err(BackupFault::damaged(id, "its content was good when it was copied, and is not now").into()),
        None => Ok(()),
    }
}

/// Packs the copy of the database, which nobody needs behind that: its room is there for the rest.
pub(super) fn put_database(writer: &mut Writer, packing: &Packing, copied: &Path) -> Result<(), Fault> {
    put_file(writer, packing, DATABASE, copied)?;
    fs::remove_file(copied).map_err(|fault| Fault::source(copied, fault))
}

/// What was not as its row says.
#[derive(Default)]
struct NotWhole {
    /// There is no content.
    absent: Vec<TransactionId>,
    /// There is another one.
    damaged: Vec<String>,
}

/// Content as it is, packed already as the quarantine packs it. What the disk has spoiled is copied as far as it can be read, and named: one
/// such message must not keep all the others from being copied.
fn put_content(
    writer: &mut Writer,
    packing: &Packing,
    keys: &Arc<Keys>,
    facts: Vec<ContentFacts>,
    blobs: &[PathBuf],
) -> Result<NotWhole, Fault> {
    let mut not_whole = NotWhole::default();
    for (facts, blob) in facts.into_iter().zip(blobs) {
        let file = match open(blob) {
            Ok(file) => file,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                not_whole.absent.push(facts.id);
                continue;
            }
            Err(fault) => return Err(Fault::source(blob, fault)),
        };
        let mut looking = Looking::at(file, Content::new(keys.clone(), &facts));
        packing.put(writer, &entry_of_content(&facts.id), Codec::Plain, &mut looking, blob)?;
        if let Found::Damaged(what) = looking.found() {
            tracing::error!(id = %facts.id, what, "held content is damaged: the backup has it as it is");
            not_whole.damaged.push(facts.id.to_string());
        }
    }
    Ok(not_whole)
}

/// What is not there: by somebody's order or for its age, as the live database says by now; or lost before.
async fn sorted(data_dir: &Path, absent: Vec<TransactionId>) -> Result<(Vec<String>, Vec<String>), Fault> {
    if absent.is_empty() {
        return Ok(Default::default());
    }
    let live = Store::open_read_only(data_dir).await?;
    let (mut gone, mut missing) = (Vec::new(), Vec::new());
    for id in absent {
        let into = if live.needs_no_content(&id).await? { &mut gone } else { &mut missing };
        into.push(id.to_string());
    }
    Ok((gone, missing))
}

fn put_journal(writer: &mut Writer, packing: &Packing, folder: &Path) -> Result<(), Fault> {
    let segments = journal::segments(folder).map_err(|fault| Fault::source(folder, fault))?;
    for (path, whole_lines) in segments {
        let file = match open(&path) {
            Ok(file) => file,
            // The database has it, and is copied behind this.
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => continue,
            Err(fault) => return Err(Fault::source(&path, fault)),
        };
        let name = format!("journal/{}", path.file_name().unwrap_or_default().to_string_lossy());
        packing.put(writer, &name, Codec::Zstd, &mut file.take(whole_lines), &path)?;
    }
    Ok(())
}

fn put_the_rest(writer: &mut Writer, packing: &Packing, order: &Order) -> Result<(), Fault> {
    let sources = &order.sources;
    put_folder(writer, packing, "history", &sources.data_dir.join("rules"))?;
    {
        let root = &sources.rules_dir;
        let _lock = Lock::to_read(root, LOCK_PATIENCE).map_err(|fault| Fault::source(root, fault))?;
        put_folder(writer, packing, "rules", root)?;
    }
    for folder in &sources.outside {
        let below = folder.strip_prefix("/").unwrap_or(folder);
        put_folder(writer, packing, &format!("outside/{}", below.display()), folder)?;
    }
    put_file(writer, packing, "configuration/portaria.toml", &sources.configuration)?;
    let mut named: BTreeMap<String, &PathBuf> = BTreeMap::new();
    for secret in &sources.secrets {
        let name = secret.file_name().unwrap_or_default().to_string_lossy();
        let name = (1..).map(|nth| if nth == 1 { format!("keys/{name}") } else { format!("keys/{nth}-{name}") });
        named.extend(name.into_iter().find(|name| !named.contains_key(name)).map(|name| (name, secret)));
    }
    for (name, path) in named {
        put_file(writer, packing, &name, path)?;
    }
    put_trail(writer, packing, &sources.data_dir)
}

/// The trail with all its files, and its head, as they are at one moment: others append meanwhile, and may turn to a new file.
fn put_trail(writer: &mut Writer, packing: &Packing, data_dir: &Path) -> Result<(), Fault> {
    let found = Parts::of(data_dir).map_err(|fault| Fault::source(data_dir, io::Error::other(fault)))?;
    let Some(Parts { logs, head }) = found else { return Ok(()) };
    for (name, mut octets) in logs {
        packing.put(writer, &format!("audit/{name}"), Codec::Zstd, &mut octets, &data_dir.join(&name))?;
    }
    match head {
        Some(head) => {
            let name = format!("audit/{}", audit::HEAD);
            packing.put(writer, &name, Codec::Zstd, &mut head.as_slice(), &data_dir.join(audit::HEAD))
        }
        None => Ok(()),
    }
}

/// Every file below a folder. Hidden ones are an editor's, or a command's that is under way.
fn put_folder(writer: &mut Writer, packing: &Packing, name: &str, folder: &Path) -> Result<(), Fault> {
    let mut waiting = vec![(name.to_owned(), folder.to_owned(), DEPTH)];
    while let Some((name, folder, depth)) = waiting.pop() {
        let unread = |fault| Fault::source(&folder, fault);
        let mut found = match fs::read_dir(&folder) {
            Ok(found) => found.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(unread)?,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => continue,
            Err(fault) => return Err(unread(fault)),
        };
        found.sort();
        for path in found {
            let own = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Ok(kind) = path.metadata() else { continue };
            if own.starts_with('.') {
                continue;
            }
            let name = format!("{name}/{own}");
            if kind.is_dir() && depth > 0 {
                waiting.push((name, path, depth - 1));
            } else if kind.is_file() {
                put_file(writer, packing, &name, &path)?;
            }
        }
    }
    Ok(())
}

fn put_file(writer: &mut Writer, packing: &Packing, name: &str, path: &Path) -> Result<(), Fault> {
    let mut file = open(path).map_err(|fault| Fault::source(path, fault))?;
    packing.put(writer, name, Codec::Zstd, &mut file, path)
}

fn manifest(
    writer: &Writer,
    order: &Order,
    gone: Vec<String>,
    missing: Vec<String>,
    damaged: Vec<String>,
) -> Result<Manifest, Fault> {
    let sources = &order.sources;
    Ok(Manifest {
        format: FORMAT,
        portaria: env!("CARGO_PKG_VERSION").to_owned(),
        schema: Store::schema(),
        made_at: order.at,
        hostname: sources.hostname.clone(),
        data_dir: sources.data_dir.clone(),
        rules_dir: sources.rules_dir.clone(),
        audit_head: audit_head(&sources.data_dir)?,
        gone,
        missing,
        damaged,
        entries: writer.lines().to_vec(),
    })
}

/// An entry of the trail by which one that is shown later is known to go on from this one. Any that was there by now will do.
fn audit_head(data_dir: &Path) -> Result<Option<String>, Fault> {
    let unread = |fault: io::Error| Fault::source(data_dir, fault);
    let Some(mut stored) = Stored::open(data_dir).map_err(|fault| unread(io::Error::other(fault)))? else {
        return Ok(None);
    };
    while stored.next_step().map_err(unread)?.is_some() {}
    let head = stored.finish().last;
    Ok(head.map(|head| format!("{}:{}", head.seq, head.hash.as_str())))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}
