//! `portaria explain`, `portaria quarantine list | show`: read from the database, whether the gateway runs or not.

use super::{
    Common, Exit, explain as explain_text, quarantine,
    rendering::{Rendering, Style, store_fault},
    run::with_runtime,
};
use crate::store::{Filter, Store, StoreFault, View};

/// How much of an item's beginning is looked at: the header section, or most of it.
const BEGINNING: u64 = 64 * 1024;

pub(super) fn explain(common: &mut Common, id: &str) -> Exit {
    with_view(common, async |view, style| {
        let id = view.find(id).await?;
        let (record, item) = (view.record(&id).await?, view.item(&id).await?);
        match record {
            Some(record) => Ok(explain_text::explain(&record, item.as_ref(), style)),
            None => Err(StoreFault::NotFound),
        }
    })
}

pub(super) fn list(common: &mut Common) -> Exit {
    with_view(common, async |view, style| Ok(quarantine::list(&view.items(Filter::default()).await?, style)))
}

pub(super) fn show(common: &mut Common, id: &str, lines: Option<usize>) -> Exit {
    with_view(common, async |view, style| {
        let id = view.find(id).await?;
        let item = view.item(&id).await?.ok_or_else(|| StoreFault::NotFound)?;
        let beginning = view.beginning(&id, BEGINNING).await?;
        Ok(quarantine::show(&item, &beginning, lines, style))
    })
}

fn with_view(common: &mut Common, act: impl AsyncFnOnce(&View, &Style) -> Result<Rendering, StoreFault>) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() };
    let asked = with_runtime(async {
        let rendering = async {
            let view = Store::open_read_only(&settings.gateway.data_dir).await?;
            act(&view, &style).await
        };
        Ok(rendering.await.unwrap_or_else(|fault| store_fault(&fault, &style)))
    });
    match asked {
        Ok(rendering) => super::show(&rendering.text, rendering.exit_code),
        Err(what) => super::show(&format!("{}\n", what.in_language(common.language)), 1),
    }
}
