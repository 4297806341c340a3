//! `portaria track`: searches for a registered request, requests and holds, exports.
//!
//! Searches read the database, whether the gateway runs or not; requests are registered by the gateway, which writes it. A search
//! looks only into the days of its request and at its mailboxes, and is in the audit trail before its result is shown.

mod arguments;
mod export;
mod query;
mod request;
mod shown;

use clap::ArgMatches;

pub(super) use arguments::command;
pub(super) use query::{Told, within};

use super::{Common, Exit, rendering::Style, run::with_runtime, show};
use crate::{config::Settings, record::audit::Action};
use query::{Found, Query};

/// Does what was typed.
pub(super) fn dispatch(common: &mut Common, matches: &ArgMatches) -> Exit {
    match matches.subcommand() {
        None => search(common, &arguments::query(matches), matches.get_one("limit").copied().unwrap_or(100)),
        Some(("request", sub)) => request::dispatch_requests(common, sub),
        Some(("hold", sub)) => request::dispatch_holds(common, sub),
        Some(("export", sub)) => export::export(common, &arguments::query(sub), sub),
        Some(_) => Exit::Usage,
    }
}

fn search(common: &mut Common, query: &Query, limit: u32) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = style(common, &settings);
    let found = match looked(&settings, query, limit, &style) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    if let Err(what) = found.audit(&settings, Action::TrackingSearched, []) {
        eprintln!("{}", style.say(&what));
        return Exit::Faults;
    }
    if let Some(note) = shown::missing(&found, &style) {
        eprintln!("{note}");
    }
    show(&shown::found(&found, &style), 0)
}

/// What a query finds; what stands in its way is told.
fn looked(settings: &Settings, query: &Query, limit: u32, style: &Style) -> Result<Found, Exit> {
    match with_runtime(async { Ok(query::look(settings, query, limit).await) }) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(Told { text, usage })) => {
            eprintln!("{}", super::escape::escape(style.say(&text)));
            Err(if usage { Exit::Usage } else { Exit::Faults })
        }
        Err(what) => {
            eprintln!("{}", style.say(&what));
            Err(Exit::Faults)
        }
    }
}

fn style(common: &Common, settings: &Settings) -> Style {
    Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() }
}
