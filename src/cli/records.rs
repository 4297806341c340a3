//! `portaria explain`: read from the database, whether the gateway runs or not; and the way there for whoever reads it.

use std::{io, path::Path};

use super::{
    Common, Exit, actor,
    escape::escape,
    explain as explain_text,
    quarantine::releases_of_item,
    rendering::{Rendering, Style, store_fault},
    run::with_runtime,
    track::{Told, within},
};
use crate::{
    config::Settings,
    door::gateway::now,
    journal::{Entry, Position, Reader},
    language::Text,
    record::{
        Item, Record,
        audit::{Action, Event},
        release::Release,
        unix_millis,
    },
    store::{Store, StoreFault, View},
};

/// What was typed.
pub(super) struct Asked {
    /// The id, or the end of it.
    pub id: String,
    /// `--request`: what is told then is no more than the request is about.
    pub request: Option<String>,
    /// `--by`.
    pub by: Option<String>,
}

/// What there is to tell of one message.
struct Found {
    record: Record,
    item: Option<Item>,
    releases: Vec<Release>,
}

pub(super) fn explain(common: &mut Common, asked: &Asked) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() };
    let found = with_runtime(async { Ok(look(&settings, asked).await) });
    // Who is told what happened to somebody's mail is in the trail before it is told.
    let told = found.and_then(|found| match found {
        Ok(found) => looked_up(&settings, asked, &found.record).map(|()| Ok(found)),
        told => Ok(told),
    });
    match told {
        Ok(Ok(found)) => {
            let mut account = explain_text::explain(&found.record, found.item.as_ref(), &style);
            if !style.json {
                account.text += &releases_of_item(&found.releases, &style);
            }
            super::show(&account.text, account.exit_code)
        }
        // A script that reads the standard output must not take a fault for an answer.
        Ok(Err(Told { text, usage })) => {
            eprintln!("{}", escape(style.say(&text)));
            if usage { Exit::Usage } else { Exit::Faults }
        }
        Err(what) => {
            eprintln!("{}", escape(style.say(&what)));
            Exit::Faults
        }
    }
}

async fn look(settings: &Settings, asked: &Asked) -> Result<Found, Told> {
    let view = Store::open_read_only(&settings.store).await?;
    let (id, data_dir) = (&asked.id, &settings.gateway.data_dir);
    let record = record(&view, id, data_dir).await?.ok_or(StoreFault::NotFound)?;
    if let Some(number) = &asked.request {
        within(settings, &view, number, &record).await?;
    }
    let (item, releases) = (view.item(&record.id).await?, view.releases_of(&record.id).await?);
    Ok(Found { record, item, releases })
}

/// The record of the transaction whose id ends with `suffix`. The database is a moment behind the journal, and more than that while the
/// gateway is down. What it took between the first two looks is in neither of them.
pub(super) async fn record(view: &View, suffix: &str, data_dir: &Path) -> Result<Option<Record>, StoreFault> {
    if let Some(record) = recorded(view, suffix).await? {
        return Ok(Some(record));
    }
    match in_journal(view, suffix, data_dir).await? {
        Some(record) => Ok(Some(record)),
        None => recorded(view, suffix).await,
    }
}

/// Writes down that somebody looked.
fn looked_up(settings: &Settings, asked: &Asked, record: &Record) -> Result<(), Text> {
    let detail = asked.request.iter().map(|number| ("request".to_owned(), number.clone())).collect();
    let (actor, object) = (actor::actor(asked.by.clone()), record.id.to_string());
    let event = Event { at: unix_millis(now().wall), actor, action: Action::RecordExplained, object, detail };
    actor::write(settings, &event)
}

async fn recorded(view: &View, suffix: &str) -> Result<Option<Record>, StoreFault> {
    match view.find(suffix).await {
        Ok(id) => view.record(&id).await,
        Err(StoreFault::NotFound) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The last that the journal says of the transaction whose id ends with `suffix`, behind what the database has.
async fn in_journal(view: &View, suffix: &str, data_dir: &Path) -> Result<Option<Record>, StoreFault> {
    let loaded = view.journal_position().await?;
    let from = Position { segment: loaded.segment, offset: loaded.offset };
    let folder = data_dir.join("journal");
    let suffix = suffix.to_ascii_lowercase();
    let read = move || {
        let mut reader = Reader::new(&folder, from);
        let mut found = None;
        while let Some(step) = reader.next_step()? {
            let record = match step.entry {
                Ok(Entry::Intent(intent)) => intent.without_outcome(),
                Ok(Entry::Outcome(record)) => *record,
                Ok(Entry::Counts(_)) => continue,
                Err(_) => continue,
            };
            if record.id.as_str().ends_with(&suffix) {
                found = Some(record);
            }
        }
        io::Result::Ok(found)
    };
    let path = data_dir.join("journal");
    tokio::task::block_in_place(read).map_err(|source| StoreFault::Folder { path, source })
}

pub(super) fn with_view(
    common: &mut Common,
    act: impl AsyncFnOnce(&View, &Style, &Path) -> Result<Rendering, StoreFault>,
) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() };
    let asked = with_runtime(async {
        let rendering = async {
            let view = Store::open_read_only(&settings.store).await?;
            act(&view, &style, &settings.gateway.data_dir).await
        };
        Ok(rendering.await)
    });
    match asked {
        Ok(Ok(rendering)) => super::show(&rendering.text, rendering.exit_code),
        // A script that reads the standard output must not take a fault for an answer.
        Ok(Err(fault)) => {
            let told = store_fault(&fault, &style);
            eprint!("{}", told.text);
            super::exit(told.exit_code)
        }
        Err(what) => {
            eprintln!("{}", what.in_language(common.language));
            Exit::Faults
        }
    }
}
