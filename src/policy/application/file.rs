//! Reading `rules/applications.toml`.
//!
//! In: its text, the directory that says which mailboxes are ours, and the time. Out: the registry, and every fault with its place. What
//! one entry says is read in `entry`; here is what no two entries may have.

use std::{path::Path, sync::Arc, time::SystemTime};

use super::{Application, Applications, Settings, entry};
use crate::{
    document::{Document, Faults, Found, Table},
    policy::directory::Directory,
    text,
};

/// Entries of a registry.
const ENTRIES: usize = 1_000;

impl Applications {
    /// Reads the registry. With any error among the faults it must not be used in place of a good one. `now` serves to point out
    /// reviews that are due.
    pub fn read(
        file: &Path,
        source: &str,
        directory: &Directory,
        settings: &Settings,
        now: SystemTime,
    ) -> (Self, Faults) {
        let document = Document::parse(file, source);
        let mut entries: Vec<Arc<Application>> = Vec::new();
        if let Some(root) = document.root() {
            let tables = root.tables("application");
            if tables.len() > ENTRIES {
                let what = text!("more than {ENTRIES} applications", "mais de {ENTRIES} aplicações");
                document.fault(root.span_of("application"), what, None);
            }
            for table in tables.into_iter().take(ENTRIES) {
                let Some(read) = entry::read(table, directory, settings, now) else { continue };
                conflicts(&root, &read, &entries);
                entries.push(Arc::new(read.value));
            }
            root.finish();
        }
        let (internet_next_hop, contact) = (settings.internet_next_hop.clone(), settings.contact.clone());
        (Self { entries, internet_next_hop, contact }, document.into_faults())
    }
}

/// No two entries have one id or one login, and no client is two applications.
fn conflicts(root: &Table<'_, '_>, read: &Found<Application>, entries: &[Arc<Application>]) {
    let fault = |what| root.document().fault(read.span.clone(), what, None);
    let (new, id) = (&read.value, &read.value.id);
    if entries.iter().any(|other| other.id == new.id) {
        fault(text!("an earlier entry has the id `{id}` already", "uma entrada anterior já tem o id `{id}`"));
    }
    let name = |entry: &Application| entry.login.as_ref().map(|login| login.name.clone());
    if let Some(login) = name(new)
        && entries.iter().any(|other| name(other).as_ref() == Some(&login))
    {
        fault(text!(
            "an earlier entry has the login `{login}` already",
            "uma entrada anterior já tem o login `{login}`"
        ));
    }
    // Who logs in is told apart by that; who does not, by its network alone.
    let by_network = |entry: &Application| entry.login.is_none();
    for other in entries.iter().filter(|other| by_network(new) && by_network(other)) {
        let overlap = new.networks.iter().find(|network| {
            other.networks.iter().any(|earlier| earlier.contains(*network) || network.contains(earlier))
        });
        if let Some(network) = overlap {
            let other = &other.id;
            root.document().fault(
                read.span.clone(),
                text!(
                    "{network} overlaps with a network of `{other}`: which of the two would its clients be?",
                    "{network} se sobrepõe a uma rede de `{other}`: qual das duas seriam os seus clientes?"
                ),
                Some(text!(
                    "give each its own addresses, or a login to one of them",
                    "dê a cada uma os seus endereços, ou um login a uma delas"
                )),
            );
        }
    }
}
