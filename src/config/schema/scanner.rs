//! `[[scanner]]`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{
    super::{
        defaults::{self, GIB},
        quantity,
    },
    next_hop::is_host_and_port,
};
use crate::{
    antivirus::{ClamdAddress, ScannerKind, ScannerSettings},
    document::{Found, Table},
    text,
};

#[derive(Clone, Copy)]
enum Kind {
    Clamd,
    Yara,
}

const KINDS: [(&str, Option<Kind>); 2] = [("clamd", Some(Kind::Clamd)), ("yara", Some(Kind::Yara))];

/// Every `[[scanner]]`, in order.
pub(super) fn all(root: &Table<'_, '_>, rules_dir: &Path) -> Vec<ScannerSettings> {
    let mut scanners: Vec<ScannerSettings> = Vec::new();
    for table in root.tables("scanner") {
        let (document, span) = (table.document(), table.span());
        let Some(scanner) = scanner(table, rules_dir) else { continue };
        if scanners.iter().any(|other| other.kind == scanner.kind) {
            let what = text!("this scanner stands above already", "este scanner já aparece acima");
            document.fault(span, what, None);
        }
        scanners.push(scanner);
    }
    scanners
}

fn scanner(table: Table<'_, '_>, rules_dir: &Path) -> Option<ScannerSettings> {
    let kind = table.required::<String>("kind").and_then(|_| table.choice("kind", &KINDS, None));
    // Scanners of one kind are alternatives unless somebody says otherwise; different kinds must all answer.
    let default = match kind {
        Some(Kind::Yara) => "yara",
        _ => "clamd",
    };
    let group = table.or::<String>("group", default.to_owned());
    let weight = quantity::count(&table, "weight", 1, 100);
    let (mut in_flight, mut database) = (None, None);
    let kind = match kind {
        Some(Kind::Clamd) => {
            in_flight = table.has("scans_in_flight").then(|| quantity::length(&table, "scans_in_flight", 1, 1_000));
            let written = table.required::<String>("address");
            let address = written.and_then(|written| clamd_address(&table, &written));
            // Of a clamd elsewhere we cannot read the folder, unless somebody says that we can.
            let local = matches!(address, Some(ClamdAddress::Unix(_))).then(|| defaults::CLAMAV_DATABASE.into());
            database = table.optional::<PathBuf>("database").map(|found| found.value).or(local);
            address.map(ScannerKind::Clamd)
        }
        Some(Kind::Yara) => Some(ScannerKind::Yara {
            rules: rules_dir.join(table.or::<PathBuf>("rules", defaults::YARA_RULES.into())),
            max_size: quantity::size(&table, "max_size", defaults::YARA_MAX_SIZE, 1..=GIB),
        }),
        // The kind is wrong and reported: its keys are not known, so none of them is called unknown.
        None => {
            let _ = ["address", "rules", "max_size", "scans_in_flight", "database"].map(|key| table.has(key));
            None
        }
    };
    table.finish();
    Some(ScannerSettings { group, kind: kind?, weight, in_flight, database })
}

fn clamd_address(table: &Table<'_, '_>, written: &Found<String>) -> Option<ClamdAddress> {
    let address = written.value.as_str();
    let unix = address.strip_prefix("unix:").map(PathBuf::from).filter(|path| path.is_absolute());
    let tcp = address.strip_prefix("tcp:").filter(|address| is_host_and_port(address));
    let parsed = match (unix, tcp) {
        (Some(path), _) => Some(ClamdAddress::Unix(path)),
        (None, Some(tcp)) => tcp.parse::<SocketAddr>().map(ClamdAddress::Tcp).ok().or_else(|| {
            let (host, port) = tcp.rsplit_once(':')?;
            Some(ClamdAddress::TcpName(host.to_owned(), port.parse().ok()?))
        }),
        (None, None) => None,
    };
    if parsed.is_none() {
        let what = text!("`{address}` is not the address of a clamd", "`{address}` não é o endereço de um clamd");
        let help = text!(
            "write \"unix:/run/clamav/clamd.ctl\" or \"tcp:127.0.0.1:3310\"",
            "escreva \"unix:/run/clamav/clamd.ctl\" ou \"tcp:127.0.0.1:3310\""
        );
        table.document().fault(written.span.clone(), what, Some(help));
    }
    parsed
}
