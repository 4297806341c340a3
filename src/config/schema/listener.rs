//! `[[listener]]`.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;

use super::{
    super::{
        quantity::duration,
        settings::{Listener, ListenerTls, Role},
    },
    missing, not_yet,
};
use crate::{
    document::{Found, Table},
    language::Text,
    smtp::mail_data::BareNewlines,
    text,
};

/// The roles that are planned; those without a value are not built yet.
const ROLES: [(&str, Option<Role>); 5] = [
    ("relay", Some(Role::Relay)),
    ("application", Some(Role::Application)),
    ("submission", None),
    ("outbound", None),
    ("milter", None),
];

const TLS: [(&str, ListenerTls); 4] = [
    ("off", ListenerTls::Off),
    ("starttls", ListenerTls::StartTls),
    ("starttls-required", ListenerTls::StartTlsRequired),
    ("implicit", ListenerTls::Implicit),
];

const BARE_NEWLINES: [(&str, BareNewlines); 2] =
    [("reject", BareNewlines::Refuse), ("normalise", BareNewlines::Normalise)];

/// A client waits 5 minutes for the greeting (RFC 5321 §4.5.3.2.1); every second of it is one in which its connection counts.
const LONGEST_GREETING_DELAY: Duration = Duration::from_secs(60);

/// All listeners, each with the place of its address. `tls_section`: whether `[tls]` is written.
pub(super) fn read(root: &Table<'_, '_>, tls_section: bool) -> Vec<Found<Listener>> {
    if root.is_empty("listener") {
        let what = text!("at least one `[[listener]]` is missing", "falta ao menos um `[[listener]]`");
        missing(root, what, &["[[listener]]", "role = \"relay\"", "address = \"0.0.0.0:25\""]);
    }
    let mut listeners: Vec<Found<Listener>> = Vec::new();
    for table in root.tables("listener") {
        let document = table.document();
        let Some(listener) = read_one(table, tls_section) else { continue };
        if listeners.iter().any(|other| collides(other.value.address, listener.value.address)) {
            let what = text!(
                "an earlier [[listener]] has this address already",
                "um [[listener]] anterior já usa este endereço"
            );
            document.fault(listener.span.clone(), what, None);
        }
        listeners.push(listener);
    }
    listeners
}

fn read_one(table: Table<'_, '_>, tls_section: bool) -> Option<Found<Listener>> {
    let role = table.choice("role", &ROLES, Some(Role::Relay));
    if role.is_none() {
        let what = text!(
            "only the roles `relay` and `application` are supported in this version",
            "nesta versão só existem os papéis `relay` e `application`"
        );
        table.document().fault(table.span_of("role"), what, None);
    }
    let address = table.required::<SocketAddr>("address");
    // Whoever has a certificate wants it used; whoever has none must not be kept from starting.
    let default = if tls_section { ListenerTls::StartTls } else { ListenerTls::Off };
    let tls = table.choice("tls", &TLS, default);
    if tls != ListenerTls::Off && !tls_section {
        table.document().fault_to_mend(
            table.span_of("tls"),
            text!("TLS needs a certificate: `[tls]` is missing", "TLS precisa de certificado: falta `[tls]`"),
            text!(
                "write tls = \"off\" here, or add these lines:",
                "escreva tls = \"off\" aqui, ou acrescente estas linhas:"
            ),
            &["[tls]", "certificate = \"/etc/portaria/tls/fullchain.pem\"", "key = \"/etc/portaria/tls/key.pem\""],
        );
    }
    if role == Some(Role::Application) && tls == ListenerTls::Off {
        let what = text!(
            "without TLS no application can log in here, and whoever is on the way reads its mail",
            "sem TLS nenhuma aplicação pode fazer login aqui, e quem estiver no caminho lê o correio dela"
        );
        table.document().warning(table.span_of("tls"), what, None);
    }
    let bare_newlines = table.choice("bare_newline", &BARE_NEWLINES, BareNewlines::Refuse);
    let greeting_delay = duration(&table, "greeting_delay", Duration::ZERO, Duration::ZERO..=LONGEST_GREETING_DELAY);
    let proxy_protocol_from = trusted(
        &table,
        "proxy_protocol_from",
        text!(
            "everybody must send a PROXY header here, and may write any address into it",
            "aqui todos precisam enviar um cabeçalho PROXY, e podem escrever nele qualquer endereço"
        ),
        text!("list the addresses of the balancers only", "liste apenas os endereços dos balanceadores de carga"),
    );
    let xclient_from = trusted(
        &table,
        "xclient_from",
        text!(
            "everybody may say here, with XCLIENT, to be any client",
            "aqui qualquer um pode dizer, com XCLIENT, que é outro cliente"
        ),
        text!(
            "list the addresses of the proxies only that send XCLIENT",
            "liste apenas os endereços dos proxies que enviam XCLIENT"
        ),
    );
    not_yet(&table, "networks");
    table.finish();
    let address = address?;
    Some(Found {
        value: Listener {
            role: role?,
            address: address.value,
            tls,
            proxy_protocol_from,
            xclient_from,
            bare_newlines,
            greeting_delay,
        },
        span: address.span,
    })
}

/// Whoever is in one of these networks may say to be anybody: a network of everybody is most likely a mistake.
fn trusted(table: &Table<'_, '_>, key: &'static str, what: Text, help: Text) -> Vec<IpNet> {
    let networks = table.list::<IpNet>(key);
    for everybody in networks.iter().filter(|network| network.value.prefix_len() == 0) {
        table.document().warning(everybody.span.clone(), what.clone(), Some(help.clone()));
    }
    networks.into_iter().map(|network| network.value).collect()
}

/// Whether the second bind of the two would fail. Port 0 is another port each time.
pub(super) fn collides(a: SocketAddr, b: SocketAddr) -> bool {
    let every = |ip: IpAddr| ip.is_unspecified();
    let same_family = a.is_ipv4() == b.is_ipv4();
    a.port() != 0 && a.port() == b.port() && same_family && (a.ip() == b.ip() || every(a.ip()) || every(b.ip()))
}
