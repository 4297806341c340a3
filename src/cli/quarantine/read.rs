//! `portaria quarantine list | show | releases`: read from the database, whether the gateway runs or not. Who looks into a message is written
//! into the audit trail first.

use std::{collections::BTreeMap, io};

use super::{releases as releases_text, search::Typed};
use crate::{
    cli::{
        Common, Exit,
        actor::{actor, write},
        escape::escape,
        records::with_view,
        rendering::{Rendering, Style, store_fault},
        run::with_runtime,
        show as print, subjects,
    },
    config::{self, Settings},
    door::gateway::now,
    language::Text,
    policy::directory::Directory,
    record::{
        TransactionId,
        audit::{Action, Event},
        unix_millis,
    },
    store::{ItemSearch, Kept, Store, StoreFault, View, subject_key},
    text,
};

/// How much of an item's beginning is looked at: the header section, or most of it.
const BEGINNING: u64 = 64 * 1024;

/// `list`, with what was typed to choose and to cut what is listed.
pub(super) struct Listing {
    pub(super) limit: Option<usize>,
    pub(super) page: Option<usize>,
    pub(super) by: Option<String>,
}

pub(super) fn list(common: &mut Common, typed: &Typed, listing: Listing) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = style(common, &settings);
    let search = match typed.search(now().wall, &style) {
        Ok(search) => search,
        Err(what) => return usage(&what, &style),
    };
    let Listing { limit, page, by } = listing;
    let skip = page.unwrap_or(1).saturating_sub(1).saturating_mul(limit.unwrap_or_default());
    let search = ItemSearch { skip, limit, ..search };
    match found(&settings, typed, &search) {
        Ok(kept) => {
            if let Err(exit) = listed_for_somebody(&settings, typed, kept.len(), by, &style) {
                return exit;
            }
            if let Some(note) = typed.subject.as_ref().and_then(|_| subjects::not_held_by(&settings)) {
                eprintln!("{}", style.say(&note));
            }
            if kept.is_empty() && !typed.is_narrow() && skip == 0 && !style.json {
                let nothing = text!("the quarantine is empty", "a quarentena está vazia");
                return print(&(style.say(&nothing).to_owned() + "\n"), 0);
            }
            let told = super::list(&kept, &style);
            print(&told.text, told.exit_code)
        }
        Err(fault) => told(&fault, &style),
    }
}

pub(super) fn show(common: &mut Common, id: &str, lines: Option<usize>, by: Option<String>) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let id = match seen_by_somebody(&settings, id, by, &style(common, &settings)) {
        Ok(id) => id,
        Err(exit) => return exit,
    };
    with_view(common, async |view, style, _| {
        let kept = one(view, &id).await?;
        let beginning = match view.beginning(&id, BEGINNING).await {
            Ok(beginning) => Some(beginning),
            Err(StoreFault::NotFound) => None,
            Err(fault) => return Err(fault),
        };
        let releases = view.releases_of(&id).await?;
        Ok(super::show(&kept, &releases, beginning.as_deref(), lines, style))
    })
}

pub(super) fn releases(common: &mut Common, open: bool) -> Exit {
    with_view(common, async |view, style, _| Ok(releases_text::list(&view.releases(open).await?, style)))
}

/// Writes into the trail that somebody is about to see who wrote what to whom, and what was asked for.
pub(super) fn listed_for_somebody(
    settings: &Settings,
    typed: &Typed,
    count: usize,
    by: Option<String>,
    style: &Style,
) -> Result<(), Exit> {
    let mut detail = typed.filters();
    detail.insert("items".to_owned(), count.to_string());
    let object = "quarantine".to_owned();
    let event = Event { at: unix_millis(now().wall), actor: actor(by), action: Action::ItemsListed, object, detail };
    audited(settings, &event, style)
}

/// Whoever cannot write it down shows nothing.
pub(super) fn audited(settings: &Settings, event: &Event, style: &Style) -> Result<(), Exit> {
    write(settings, event).map_err(|what| {
        eprintln!("{}", escape(style.say(&what)));
        Exit::Faults
    })
}

/// Finds an item, and writes into the trail that somebody is about to look into it.
fn seen_by_somebody(settings: &Settings, id: &str, by: Option<String>, style: &Style) -> Result<TransactionId, Exit> {
    let id = with_view_of(settings, async |view| {
        let id = view.find(id).await?;
        one(view, &id).await.map(|_| id)
    });
    let id = id.map_err(|fault| told(&fault, style))?;
    let event = Event {
        at: unix_millis(now().wall),
        actor: actor(by),
        action: Action::ItemSeen,
        object: id.to_string(),
        detail: BTreeMap::new(),
    };
    audited(settings, &event, style).map(|()| id)
}

/// The items of these ids, or that a search finds; or what is wrong with what was typed.
pub(super) fn chosen(
    settings: &Settings,
    ids: &[String],
    typed: &Typed,
    style: &Style,
) -> Result<Result<Vec<Kept>, Text>, StoreFault> {
    if ids.is_empty() {
        return match typed.search(now().wall, style) {
            Ok(search) => found(settings, typed, &search).map(Ok),
            Err(what) => Ok(Err(what)),
        };
    }
    of_ids(settings, ids).map(Ok)
}

/// The items of these ids, each once.
pub(super) fn of_ids(settings: &Settings, ids: &[String]) -> Result<Vec<Kept>, StoreFault> {
    with_view_of(settings, async |view| {
        let mut found: Vec<Kept> = Vec::new();
        for id in ids {
            let id = view.find(id).await?;
            if found.iter().all(|kept| kept.item.id != id) {
                found.push(one(view, &id).await?);
            }
        }
        Ok(found)
    })
}

pub(super) fn find_release(settings: &Settings, suffix: &str) -> Result<TransactionId, StoreFault> {
    with_view_of(settings, async |view| view.find_release(suffix).await)
}

pub(super) fn style(common: &Common, settings: &Settings) -> Style {
    Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() }
}

/// A fault of the store, told where faults are told.
pub(super) fn told(fault: &StoreFault, style: &Style) -> Exit {
    let Rendering { text, exit_code } = store_fault(fault, style);
    eprint!("{text}");
    crate::cli::exit(exit_code)
}

fn usage(what: &Text, style: &Style) -> Exit {
    eprintln!("{}", escape(style.say(what)));
    Exit::Usage
}

fn found(settings: &Settings, typed: &Typed, search: &ItemSearch) -> Result<Vec<Kept>, StoreFault> {
    let key = subject_key::read(&settings.store.folder)?;
    let fits = typed.matcher(typed.recipient.as_ref().map(|_| directory(settings)), key.as_ref());
    with_view_of(settings, async |view| view.search_items(search, &fits).await)
}

/// The directory as its file is now: whose addresses belong together today. One with faults is better than none for looking.
fn directory(settings: &Settings) -> Directory {
    config::load_policy(settings, now().wall).0.directory
}

async fn one(view: &View, id: &TransactionId) -> Result<Kept, StoreFault> {
    let item = view.kept(id).await?;
    item.ok_or(StoreFault::NotFound)
}

pub(super) fn with_view_of<T>(
    settings: &Settings,
    act: impl AsyncFnOnce(&View) -> Result<T, StoreFault>,
) -> Result<T, StoreFault> {
    let asked = with_runtime(async {
        let asking = async {
            let view = Store::open_read_only(&settings.store).await?;
            act(&view).await
        };
        Ok(asking.await)
    });
    asked.unwrap_or_else(|what| Err(StoreFault::Source(io::Error::other(what.en))))
}
