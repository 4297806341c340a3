//! `[[domain]]` and `[policy]`.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::{super::defaults, missing};
use crate::{
    document::{Found, Table, nearest},
    next_hop::NextHopSettings,
    policy::{
        directory::{Directory, ServedDomain, compared_domain, is_domain},
        route::NextHopName,
    },
    smtp::path::Mailbox,
    text,
};

/// The served domains. None after an error.
pub(super) fn read(root: &Table<'_, '_>, next_hops: &[Found<NextHopSettings>]) -> Option<Directory> {
    if root.is_empty("domain") {
        let what = text!("at least one `[[domain]]` is missing", "falta ao menos um `[[domain]]`");
        missing(root, what, &["[[domain]]", "name = \"tjpa.jus.br\"", "next_hop = \"mailbox\""]);
    }
    let mut domains = Vec::new();
    let mut names = Vec::new();
    let mut senders = Vec::new();
    for table in root.tables("domain") {
        let senders_from = senders_from(&table);
        if let Some(domain) = read_one(table, next_hops, &mut names) {
            senders.extend(senders_from.map(|networks| (domain.name.clone(), networks)));
            domains.push(domain);
        }
    }
    let always = always_reachable(root);
    let unique = no_name_twice(root, &names);
    let directory = Directory::new(domains, always.iter().map(String::as_str)).ok().filter(|_| unique)?;
    let directory = directory.with_next_hops(next_hops.iter().map(|next_hop| next_hop.value.name.clone()));
    Some(senders.into_iter().fold(directory, |directory, (name, from)| directory.with_senders_from(&name, from)))
}

/// From where the domain's own addresses may be senders. Not written: from everywhere.
fn senders_from(table: &Table<'_, '_>) -> Option<Vec<IpNet>> {
    let networks = table.list::<IpNet>("senders_from");
    if table.has("senders_from") && networks.is_empty() {
        let what = text!(
            "nobody could send as this domain: `senders_from` is empty",
            "ninguém poderia enviar como este domínio: `senders_from` está vazio"
        );
        let help = text!(
            "list the networks, or take the key away to allow every one",
            "liste as redes, ou retire a chave para aceitar todas"
        );
        table.document().warning(table.span_of("senders_from"), what, Some(help));
    }
    table.has("senders_from").then(|| networks.into_iter().map(|network| network.value).collect())
}

fn read_one(
    table: Table<'_, '_>,
    next_hops: &[Found<NextHopSettings>],
    names: &mut Vec<Found<String>>,
) -> Option<ServedDomain> {
    let name = table.required::<String>("name");
    let aliases = table.list::<String>("aliases");
    let next_hop = next_hop(&table, next_hops);
    for written in name.iter().chain(&aliases) {
        if is_domain(&written.value) {
            names.push(written.clone());
        } else {
            let shown = &written.value;
            let what = text!("`{shown}` is not a domain name", "`{shown}` não é um nome de domínio");
            table.document().fault(written.span.clone(), what, None);
        }
    }
    table.finish();
    let aliases = aliases.into_iter().map(|alias| alias.value).collect();
    Some(ServedDomain { name: name?.value, aliases, next_hop: next_hop? })
}

/// The one that is named; with a single `[[next_hop]]` there is no need to name it.
fn next_hop(table: &Table<'_, '_>, next_hops: &[Found<NextHopSettings>]) -> Option<NextHopName> {
    if let ([only], false) = (next_hops, table.has("next_hop")) {
        return Some(only.value.name.clone());
    }
    let written = table.required::<String>("next_hop")?;
    let found = next_hops.iter().find(|next_hop| *next_hop.value.name.0 == *written.value);
    if found.is_none() {
        let name = &written.value;
        let what = text!("there is no [[next_hop]] named `{name}`", "não há [[next_hop]] de nome `{name}`");
        let near = nearest(name, next_hops.iter().map(|next_hop| &*next_hop.value.name.0));
        let help = near.map(|near| text!("did you mean `{near}`?", "você quis dizer `{near}`?"));
        table.document().fault(written.span, what, help);
    }
    found.map(|next_hop| next_hop.value.name.clone())
}

/// Each name, primary or alias, belongs to one domain: whose mailbox would it be otherwise?
fn no_name_twice(root: &Table<'_, '_>, names: &[Found<String>]) -> bool {
    let mut seen = BTreeSet::new();
    let mut unique = true;
    for name in names.iter().filter(|name| !seen.insert(compared_domain(&name.value))) {
        unique = false;
        let shown = &name.value;
        let what = text!("`{shown}` is served already, above", "`{shown}` já é atendido, acima");
        let help =
            text!("each name, primary or alias, stands once", "cada nome, principal ou apelido, aparece uma vez");
        root.document().fault(name.span.clone(), what, Some(help));
    }
    unique
}

/// `[policy] always_reachable`
fn always_reachable(root: &Table<'_, '_>) -> Vec<String> {
    let default = || defaults::ALWAYS_REACHABLE.map(str::to_owned).to_vec();
    let Some(table) = root.table("policy") else { return default() };
    let written = table.list::<String>("always_reachable");
    for local in &written {
        if Mailbox::parse(&format!("{}@bare.invalid", local.value)).is_none() {
            let shown = &local.value;
            let what = text!("`{shown}` is not a local part", "`{shown}` não é uma parte local");
            let help = text!("write it without a domain: \"abuse\"", "escreva sem domínio: \"abuse\"");
            table.document().fault(local.span.clone(), what, Some(help));
        }
    }
    let locals =
        if table.has("always_reachable") { written.into_iter().map(|local| local.value).collect() } else { default() };
    table.finish();
    locals
}
