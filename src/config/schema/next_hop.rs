//! `[[next_hop]]`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    super::{
        defaults::{self, DAY},
        quantity,
        settings::Listener,
    },
    listener::collides,
    missing,
};
use crate::{
    document::{Found, Table},
    next_hop::NextHopSettings,
    policy::{directory::is_domain, route::NextHopName},
    smtp::client::TlsWish,
    text,
};

const TLS: [(&str, TlsWish); 3] =
    [("off", TlsWish::Off), ("opportunistic", TlsWish::Opportunistic), ("required", TlsWish::Required)];

/// All next hops, each with the place of its name.
pub(super) fn read(root: &Table<'_, '_>, folder: &Path, listeners: &[Found<Listener>]) -> Vec<Found<NextHopSettings>> {
    if root.is_empty("next_hop") {
        let what = text!("at least one `[[next_hop]]` is missing", "falta ao menos um `[[next_hop]]`");
        missing(root, what, &["[[next_hop]]", "name = \"mailbox\"", "address = [\"mbx1.tjpa.jus.br:25\"]"]);
    }
    let mut next_hops: Vec<Found<NextHopSettings>> = Vec::new();
    for table in root.tables("next_hop") {
        let document = table.document();
        let Some(next_hop) = read_one(table, folder, listeners) else { continue };
        if next_hops.iter().any(|other| other.value.name == next_hop.value.name) {
            let name = &next_hop.value.name;
            let what = text!("there is a next hop `{name}` already", "já existe um próximo salto `{name}`");
            document.fault(next_hop.span.clone(), what, None);
        }
        next_hops.push(next_hop);
    }
    next_hops
}

fn read_one(table: Table<'_, '_>, folder: &Path, listeners: &[Found<Listener>]) -> Option<Found<NextHopSettings>> {
    let name = name(&table);
    let addresses = addresses(&table, listeners);
    let tls = table.choice("tls", &TLS, TlsWish::Opportunistic);
    let ca = table.or::<String>("ca", "system".to_owned());
    let server_name = table.optional::<String>("server_name");
    let max_connections = quantity::length(&table, "max_connections", defaults::MAX_CONNECTIONS as usize, 10_000);
    let lifetime = Duration::from_secs(1)..=DAY;
    let connection_lifetime =
        quantity::duration(&table, "connection_lifetime", defaults::CONNECTION_LIFETIME, lifetime);
    let xforward = table.or::<bool>("xforward", true);
    check_verification(&table, tls, server_name.as_ref());
    table.finish();
    let name = name?;
    let settings = NextHopSettings {
        name: NextHopName::from(name.value.as_str()),
        addresses,
        tls,
        ca: (ca != "system").then(|| folder.join(PathBuf::from(ca))),
        server_name: server_name.map(|found| found.value),
        max_connections,
        connection_lifetime,
        xforward,
    };
    Some(Found { value: settings, span: name.span })
}

fn name(table: &Table<'_, '_>) -> Option<Found<String>> {
    let name = table.required::<String>("name")?;
    if name.value.trim().is_empty() {
        table.document().fault(name.span, text!("`name` is empty", "`name` está vazio"), None);
        return None;
    }
    Some(name)
}

/// `ca` and `server_name` say what is verified, and only `required` verifies: written elsewhere they promise too much.
fn check_verification(table: &Table<'_, '_>, tls: TlsWish, server_name: Option<&Found<String>>) {
    if tls != TlsWish::Required {
        for key in ["ca", "server_name"].into_iter().filter(|key| table.has(key)) {
            let what = text!("`{key}` has no effect: nothing is verified", "`{key}` não tem efeito: nada é verificado");
            let help = text!(
                "certificates are verified with tls = \"required\"",
                "certificados são verificados com tls = \"required\""
            );
            table.document().warning(table.span_of(key), what, Some(help));
        }
    }
    if let Some(name) = server_name.filter(|name| !is_domain(&name.value)) {
        let written = &name.value;
        let what = text!("`{written}` is not a host name", "`{written}` não é um nome de host");
        table.document().fault(name.span.clone(), what, None);
    }
}

fn addresses(table: &Table<'_, '_>, listeners: &[Found<Listener>]) -> Vec<String> {
    let written = table.list::<String>("address");
    if table.is_empty("address") {
        let what = text!("`address` names no server", "`address` não indica servidor");
        let help = text!("write address = [\"mbx1.tjpa.jus.br:25\"]", "escreva address = [\"mbx1.tjpa.jus.br:25\"]");
        table.document().fault(table.span_of("address"), what, Some(help));
    }
    for address in &written {
        let shown = &address.value;
        let fault = |what, help| table.document().fault(address.span.clone(), what, help);
        if !is_host_and_port(shown) {
            let help = text!(
                "write \"name:25\", \"192.0.2.1:25\" or \"[2001:db8::1]:25\"",
                "escreva \"nome:25\", \"192.0.2.1:25\" ou \"[2001:db8::1]:25\""
            );
            fault(text!("`{shown}` is not a host and a port", "`{shown}` não é host e porta"), Some(help));
        } else if listeners.iter().any(|listener| leads_back(shown, listener.value.address)) {
            fault(
                text!(
                    "`{shown}` is a listener of this gateway: mail would go round",
                    "`{shown}` é um listener deste gateway: o correio andaria em círculos"
                ),
                None,
            );
        }
    }
    written.into_iter().map(|address| address.value).collect()
}

/// `name:port` or `ip:port`, IPv6 in brackets, the port not 0.
pub(super) fn is_host_and_port(written: &str) -> bool {
    let is_name = |(host, port): (&str, &str)| {
        is_domain(host) && host.is_ascii() && port.parse::<u16>().is_ok_and(|port| port != 0)
    };
    match written.parse::<SocketAddr>() {
        Ok(address) => address.port() != 0,
        Err(_) => written.rsplit_once(':').is_some_and(is_name),
    }
}

/// Whether a connection to `address` would end at `listener`, as far as that shows without asking the network.
fn leads_back(address: &str, listener: SocketAddr) -> bool {
    let numeric = address.replacen("localhost:", "127.0.0.1:", 1).parse::<SocketAddr>();
    numeric.is_ok_and(|address| {
        collides(address, listener) && (address.ip() == listener.ip() || address.ip().is_loopback())
    })
}
