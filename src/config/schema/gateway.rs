//! `[gateway]`, `[tls]`, `[http]`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;

use super::{
    super::{
        defaults,
        settings::{Gateway, Listener, TlsFiles},
    },
    listener::collides,
    missing, not_yet,
};
use crate::{
    document::{Found, Table},
    language::Language,
    policy::directory::is_domain,
    text,
};

const LANGUAGES: [(&str, Language); 2] = [("pt-BR", Language::PtBr), ("en", Language::En)];

/// `[gateway]`
pub(super) fn read(root: &Table<'_, '_>, folder: &Path) -> Option<Gateway> {
    if !root.has("gateway") {
        let what = text!("`[gateway]` with `hostname` is missing", "falta `[gateway]` com `hostname`");
        missing(root, what, &["[gateway]", "hostname = \"mx.tjpa.jus.br\""]);
    }
    let table = root.table("gateway")?;
    let hostname = table.required::<String>("hostname");
    let data_dir = table.or::<PathBuf>("data_dir", defaults::DATA_DIR.into());
    let rules_dir = folder.join(table.or::<PathBuf>("rules_dir", defaults::RULES_DIR.into()));
    let language = table.choice("language", &LANGUAGES, Language::default());
    let timezone = timezone(&table);
    if let Some(hostname) = &hostname {
        check_hostname(&table, hostname);
    }
    if !data_dir.is_absolute() {
        let what = text!(
            "`data_dir` is absolute: mail is kept there, wherever the program was started",
            "`data_dir` é absoluto: o correio fica lá, não importa de onde o programa foi iniciado"
        );
        table.document().fault(table.span_of("data_dir"), what, None);
    }
    not_yet(&table, "outbound_next_hop");
    table.finish();
    Some(Gateway { hostname: hostname?.value, data_dir, rules_dir, language, timezone: timezone? })
}

fn check_hostname(table: &Table<'_, '_>, hostname: &Found<String>) {
    let name = &hostname.value;
    if !(is_domain(name) && name.is_ascii()) {
        let what = text!("`{name}` is not a host name", "`{name}` não é um nome de host");
        table.document().fault(hostname.span.clone(), what, None);
    } else if !name.contains('.') {
        let what = text!(
            "`{name}` is not a full name: some servers refuse an EHLO without a dot (RFC 5321 §2.3.5)",
            "`{name}` não é um nome completo: alguns servidores recusam EHLO sem ponto (RFC 5321 §2.3.5)"
        );
        table.document().warning(hostname.span.clone(), what, None);
    }
}

fn timezone(table: &Table<'_, '_>) -> Option<TimeZone> {
    let name = table.or::<String>("timezone", defaults::TIMEZONE.to_owned());
    let found = TimeZone::get(&name).ok();
    if found.is_none() {
        let what = text!("`{name}` is not a known time zone", "`{name}` não é um fuso horário conhecido");
        let help =
            text!("write an IANA name, such as \"America/Belem\"", "escreva um nome IANA, como \"America/Belem\"");
        table.document().fault(table.span_of("timezone"), what, Some(help));
    }
    found
}

/// `[tls]`; none when it is not there.
pub(super) fn read_tls(root: &Table<'_, '_>, folder: &Path) -> Option<TlsFiles> {
    let table = root.table("tls")?;
    let certificate = table.required::<PathBuf>("certificate");
    let key = table.required::<PathBuf>("key");
    table.finish();
    Some(TlsFiles { certificate: folder.join(certificate?.value), key: folder.join(key?.value) })
}

/// `[http] address`
pub(super) fn http(root: &Table<'_, '_>, listeners: &[Found<Listener>]) -> SocketAddr {
    let default = || defaults::HTTP.parse().unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8025)));
    let Some(table) = root.table("http") else { return default() };
    let address = table.optional::<SocketAddr>("address");
    if let Some(address) = &address
        && listeners.iter().any(|listener| collides(listener.value.address, address.value))
    {
        let what = text!("a [[listener]] has this address already", "um [[listener]] já usa este endereço");
        table.document().fault(address.span.clone(), what, None);
    }
    table.finish();
    address.map_or_else(default, |found| found.value)
}
