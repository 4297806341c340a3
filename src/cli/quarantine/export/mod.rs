//! `portaria quarantine export`: what is kept, taken out: one message as it is, or some in a ZIP that only a password opens.
//!
//! Who took out what stands in the audit trail before it is under its name, or readable by anybody: of a ZIP with its SHA-256. So a ZIP is
//! made twice, by the same salts: once into nothing, for its hash and to see that all of it can be read, and, when the trail has that,
//! into the file. Messages go through in pieces.
//!
//! | what | file |
//! |---|---|
//! | what can be typed | `typed` |
//! | the archive, and its cipher | `zip`, `sealed` |
//! | the password, from a person or for one | `password` |
//! | the file until it has its name | `place` |

mod password;
mod place;
mod sealed;
mod typed;
mod zip;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    digest::{Context, SHA256},
    rand,
};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde_json::json;

pub(super) use typed::{command, dispatch};

use self::{
    password::Password,
    place::{Place, cannot},
    sealed::SALT,
};
use super::{
    Shown,
    read::{audited, of_ids, style, told, with_view_of},
    shown,
};
use crate::{
    cli::{
        Common, Exit,
        actor::actor,
        escape::escape,
        records,
        rendering::{Style, json_line},
        show as print,
    },
    config::Settings,
    door::gateway::now,
    language::Text,
    record::{
        Record, TransactionId,
        audit::{Action, Event},
        unix_millis,
    },
    smtp::auth::Secret,
    store::{Kept, StoreFault, View},
    text,
};

/// What was typed.
struct Wanted {
    /// Ids, or their last digits.
    ids: Vec<String>,
    /// For whom.
    by: Option<String>,
    form: Form,
}

/// As what.
enum Form {
    /// The stored octets of one.
    AsKept(PathBuf),
    /// An archive of any number of them; the password's file.
    Zip(PathBuf, Option<PathBuf>),
}

/// Why nothing was taken out.
enum Fault {
    Store(StoreFault),
    Said(Text),
    /// It was told already.
    Told(Exit),
}

impl From<StoreFault> for Fault {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<Text> for Fault {
    fn from(what: Text) -> Self {
        Self::Said(what)
    }
}

/// What stands in an archive beside a message's content.
#[derive(Serialize)]
struct Facts<'a> {
    item: Shown<'a>,
    /// None: not loaded yet, or gone.
    record: Option<Record>,
}

/// A file of an archive: the content of an item, or a text.
struct Part {
    entry: zip::Entry,
    source: Source,
}

enum Source {
    Content(TransactionId),
    Text(String),
}

fn export(common: &mut Common, wanted: &Wanted) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = style(common, &settings);
    let done = match &wanted.form {
        Form::AsKept(file) => as_kept(&settings, wanted, file, &style),
        Form::Zip(file, password) => zipped(&settings, wanted, file, password.as_deref(), &style),
    };
    match done {
        Ok(text) => print(&text, 0),
        Err(Fault::Store(fault)) => told(&fault, &style),
        Err(Fault::Said(what)) => {
            eprintln!("{}", escape(style.say(&what)));
            Exit::Faults
        }
        Err(Fault::Told(exit)) => exit,
    }
}

/// Our trace fields, then what the client sent.
fn as_kept(settings: &Settings, wanted: &Wanted, file: &Path, style: &Style) -> Result<String, Fault> {
    let items = of_ids(settings, &wanted.ids)?;
    let [only] = items.as_slice() else { return Err(Fault::Told(Exit::Usage)) };
    let id = &only.item.id;
    // Before anything is written into the trail: nobody took out what has no place to go to.
    let place = Place::new(file)?;
    note(settings, wanted, &items, &BTreeMap::new(), style)?;
    let taken = || -> Result<(), Fault> {
        with_view_of(settings, async |view| Ok(copy(view, id, &mut place.file()).await))?
            .map_err(|fault| fault.of(file))?;
        Ok(place.name()?)
    };
    taken().map_err(|fault| not_taken(settings, wanted, &items, BTreeMap::new(), fault, style))?;
    let shown = file.display();
    let line = text!("{id} is in {shown}", "{id} está em {shown}");
    Ok(escape(style.say(&line)) + "\n")
}

fn zipped(
    settings: &Settings,
    wanted: &Wanted,
    file: &Path,
    password_file: Option<&Path>,
    style: &Style,
) -> Result<String, Fault> {
    let items = of_ids(settings, &wanted.ids)?;
    // Its place is made below: who thinks better of it while he is asked for a password leaves nothing.
    place::is_free(file)?;
    let password = password::wanted(password_file, style)?;
    let secret = password.secret();
    let parts = with_view_of(settings, async |view| Ok(parts(settings, view, &items, style).await?))?;
    let Some(octets) = zip::length(parts.iter().map(|part| &part.entry)) else {
        return Err(
            text!("they are more than a ZIP has room for (4 GiB)", "são mais do que cabe em um ZIP (4 GiB)").into()
        );
    };
    let sha256 = made(settings, &parts, &secret, io::sink())?.map_err(|fault| fault.of(file))?;
    let (place, shown) = (Place::new(file)?, file.display().to_string());
    let detail = [("format", "zip".to_owned()), ("file", shown.clone()), ("sha256", sha256.clone())];
    let detail: BTreeMap<String, String> = detail.map(|(key, value)| (key.to_owned(), value)).into();
    note(settings, wanted, &items, &detail, style)?;
    let taken = || -> Result<(), Fault> {
        let written = made(settings, &parts, &secret, place.file())?.map_err(|fault| fault.of(file))?;
        if written != sha256 {
            let what = text!("what is kept changed while it was read", "o que está guardado mudou durante a leitura");
            return Err(what.into());
        }
        place.name()?;
        tell(&password, file, style)
    };
    taken().map_err(|fault| not_taken(settings, wanted, &items, detail, fault, style))?;
    let count = items.len();
    if style.json {
        return Ok(json_line(&json!({ "file": shown, "items": count, "octets": octets, "sha256": sha256 })));
    }
    let line = text!(
        "{shown}: messages: {count}, octets: {octets}, SHA-256 {sha256}",
        "{shown}: mensagens: {count}, octetos: {octets}, SHA-256 {sha256}"
    );
    Ok(escape(style.say(&line)) + "\n")
}

/// An archive whose password nobody was told is of use to nobody.
fn tell(password: &Password, file: &Path, style: &Style) -> Result<(), Fault> {
    password.tell(style).map_err(|fault| {
        let _ = std::fs::remove_file(file);
        text!("the password cannot be shown: {fault}", "não é possível mostrar a senha: {fault}").into()
    })
}

/// Writes into the trail who is about to take out what.
fn note(
    settings: &Settings,
    wanted: &Wanted,
    items: &[Kept],
    detail: &BTreeMap<String, String>,
    style: &Style,
) -> Result<(), Fault> {
    let actor = actor(wanted.by.clone());
    for kept in items {
        let (at, action, object) = (unix_millis(now().wall), Action::ItemExported, kept.item.id.to_string());
        let event = Event { at, actor: actor.clone(), action, object, detail: detail.clone() };
        audited(settings, &event, style).map_err(Fault::Told)?;
    }
    Ok(())
}

/// What stands in the trail and was not done has a second entry, which says so (`docs/audit.md`); the fault goes on to be told.
fn not_taken(
    settings: &Settings,
    wanted: &Wanted,
    items: &[Kept],
    mut detail: BTreeMap<String, String>,
    fault: Fault,
    style: &Style,
) -> Fault {
    let why = match &fault {
        Fault::Store(fault) => fault.to_string(),
        Fault::Said(what) => what.en.to_string(),
        Fault::Told(_) => String::new(),
    };
    detail.insert("outcome".to_owned(), format!("not done: {why}"));
    // A full disk stops both: what cannot be written says so itself.
    let _ = note(settings, wanted, items, &detail, style);
    fault
}

/// The files of an archive: of each message its octets, and what is known of it.
async fn parts(settings: &Settings, view: &View, items: &[Kept], style: &Style) -> Result<Vec<Part>, StoreFault> {
    let mut parts = Vec::new();
    for kept in items {
        let item = &kept.item;
        let record = records::record(view, item.id.as_str(), &settings.gateway.data_dir).await?;
        let facts = json_line(&Facts { item: shown(kept, style), record });
        let stored = item.trace_length.saturating_add(item.size);
        parts.push(Part::new(kept, "eml", stored, Source::Content(item.id.clone()), style)?);
        parts.push(Part::new(kept, "json", facts.len() as u64, Source::Text(facts), style)?);
    }
    Ok(parts)
}

impl Part {
    fn new(kept: &Kept, ends: &str, size: u64, source: Source, style: &Style) -> Result<Self, StoreFault> {
        let mut salt = [0; SALT];
        rand::fill(&mut salt).map_err(|_| StoreFault::Source(io::Error::other("no random numbers")))?;
        let name = format!("{}.{ends}", kept.item.id);
        let changed = style.zoned(kept.item.received_at).unwrap_or_default();
        Ok(Self { entry: zip::Entry { name, size, changed, salt }, source })
    }
}

/// What went wrong on the way from the store into a file.
enum Copying {
    /// The row is there, and what it is about is not.
    Gone(TransactionId),
    Store(StoreFault),
    File(io::Error),
}

impl Copying {
    fn of(self, file: &Path) -> Fault {
        match self {
            Self::Gone(id) => {
                text!("the content of {id} is not kept any more", "o conteúdo de {id} não está mais guardado").into()
            }
            Self::Store(fault) => fault.into(),
            Self::File(fault) => cannot(file, &fault).into(),
        }
    }
}

impl From<StoreFault> for Copying {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<io::Error> for Copying {
    fn from(fault: io::Error) -> Self {
        Self::File(fault)
    }
}

async fn copy(view: &View, id: &TransactionId, out: &mut impl Write) -> Result<(), Copying> {
    let mut content = match view.content(id).await {
        Err(StoreFault::NotFound) => return Err(Copying::Gone(id.clone())),
        content => content?,
    };
    while let Some(octets) = content.next().await {
        out.write_all(&octets?)?;
    }
    Ok(())
}

/// Makes the archive, and says its SHA-256.
fn made(
    settings: &Settings,
    parts: &[Part],
    password: &Secret,
    out: impl Write,
) -> Result<Result<String, Copying>, StoreFault> {
    with_view_of(settings, async |view| Ok(poured(view, parts, password, out).await))
}

async fn poured(view: &View, parts: &[Part], password: &Secret, out: impl Write) -> Result<String, Copying> {
    let mut zip = zip::Writer::new(Hashed { out, digest: Context::new(&SHA256) }, password);
    for part in parts {
        let mut file = zip.file(&part.entry)?;
        match &part.source {
            Source::Text(text) => file.write_all(text.as_bytes())?,
            Source::Content(id) => copy(view, id, &mut file).await?,
        }
        file.end()?;
    }
    let digest = zip.end()?.digest.finish();
    Ok(digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect())
}

/// Writes, and takes the SHA-256 of what it wrote.
struct Hashed<W> {
    out: W,
    digest: Context,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let length = self.out.write(octets)?;
        self.digest.update(octets.get(..length).unwrap_or_default());
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
