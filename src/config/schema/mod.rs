//! Which keys `portaria.toml` has, what each may be, and which combinations make no sense.
//!
//! In: the file's text and name. Out: [`Settings`] if there is no error, and every fault with its place. One function a section,
//! each reads all its keys before it gives up, so that all faults are reported together.

mod alert;
mod antivirus;
mod application;
mod backup;
mod bounds;
mod bucket;
mod database;
mod domain;
mod gateway;
mod listener;
mod next_hop;
mod scanner;

use std::path::Path;

use super::settings::Settings;
use crate::{
    document::{Document, Faults, Table},
    language::Text,
    store::{
        self,
        settings::{Content, Database},
    },
};

/// Reads `portaria.toml`. The settings are none when there is an error among the faults. Paths in the file that are not
/// absolute are relative to its folder.
pub fn read(file: &Path, source: &str) -> (Option<Settings>, Faults) {
    let folder = file.parent().unwrap_or(Path::new(""));
    let document = Document::parse(file, source);
    let settings = document.root().and_then(|root| {
        let settings = whole(&root, file, folder);
        root.finish();
        settings
    });
    let faults = document.into_faults();
    (settings.filter(|_| !faults.has_errors()), faults)
}

fn whole(root: &Table<'_, '_>, file: &Path, folder: &Path) -> Option<Settings> {
    let gateway = gateway::read(root, folder);
    let tls = gateway::read_tls(root, folder);
    let listeners = listener::read(root, tls.is_some() || root.has("tls"));
    let timeouts = bounds::timeouts(root);
    let limits = bounds::limits(root);
    let next_hops = next_hop::read(root, folder, &listeners);
    let applications = application::read(root, &next_hops);
    let directory = domain::read(root, &next_hops);
    let rules_dir = gateway.as_ref().map(|gateway| gateway.rules_dir.clone()).unwrap_or_default();
    let hold_folder = gateway.as_ref().map(|gateway| gateway.data_dir.join("hold")).unwrap_or_default();
    let (hold, cut_through_from) = bounds::hold(root, &limits, hold_folder);
    let (antivirus, verdict_actions) = antivirus::read(root, &rules_dir, &hold.folder, &timeouts);
    let mut content = Content::default();
    let retention = bounds::retention(root, folder, &mut content);
    let database = database::read(root, folder);
    let rules = bounds::rules(root);
    let alert = alert::read(root, directory.as_ref());
    let http = gateway::http(root, &listeners);
    let data_dir = gateway.as_ref().map(|gateway| gateway.data_dir.as_path());
    let elsewhere = backup::Elsewhere { server: root.has("database"), bucket: content.bucket.is_some() };
    let backup = backup::read(root, folder, data_dir, elsewhere);
    let gateway = gateway?;
    Some(Settings {
        store: store::settings::Settings {
            folder: gateway.data_dir.clone(),
            database: match database {
                None => Database::Sqlite,
                Some(server) => Database::PostgreSql { server, hostname: gateway.hostname.clone() },
            },
            content,
        },
        listeners: listeners.into_iter().map(|found| found.value).collect(),
        tls,
        directory: directory?,
        next_hops: crate::next_hop::Settings {
            next_hops: next_hops.into_iter().map(|found| found.value).collect(),
            hostname: gateway.hostname.clone(),
            connect_timeout: timeouts.connect,
            reply_timeout: timeouts.next_hop_reply,
        },
        antivirus,
        verdict_actions,
        applications,
        hold,
        cut_through_from,
        limits,
        timeouts,
        retention,
        rules,
        alert,
        http,
        backup,
        file: file.to_owned(),
        gateway,
    })
}

/// Reports that a whole section is missing, with lines that would do.
fn missing(root: &Table<'_, '_>, what: Text, lines: &'static [&'static str]) {
    let help = crate::text!("add these lines:", "acrescente estas linhas:");
    root.document().fault_to_mend(root.span(), what, help, lines);
}

/// Reports a planned key that this version does not act on: taking it silently would be a lie.
fn not_yet(table: &Table<'_, '_>, key: &'static str) {
    if table.has(key) {
        let what = crate::text!("`{key}` is not supported in this version", "`{key}` ainda não existe nesta versão");
        table.document().fault(table.span_of(key), what, None);
    }
}
