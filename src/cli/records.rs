//! `portaria explain`: read from the database, whether the gateway runs or not; and the way there for whoever reads it.

use std::{io, path::Path};

use super::{
    Common, Exit, explain as explain_text,
    quarantine::releases_of_item,
    rendering::{Rendering, Style, store_fault},
    run::with_runtime,
};
use crate::{
    journal::{Entry, Position, Reader},
    record::Record,
    store::{Store, StoreFault, View},
};

pub(super) fn explain(common: &mut Common, id: &str) -> Exit {
    with_view(common, async |view, style, data_dir| {
        // The database is a moment behind the journal, and more than that while the gateway is down. What it took between the first
        // two looks is in neither of them.
        let record = match recorded(view, id).await? {
            Some(record) => record,
            None => match in_journal(view, id, data_dir).await? {
                Some(record) => record,
                None => recorded(view, id).await?.ok_or(StoreFault::NotFound)?,
            },
        };
        let item = view.item(&record.id).await?;
        let mut account = explain_text::explain(&record, item.as_ref(), style);
        if !style.json {
            account.text += &releases_of_item(&view.releases_of(&record.id).await?, style);
        }
        Ok(account)
    })
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
