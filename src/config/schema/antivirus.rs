//! `[[scanner]]` and `[antivirus]`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{
    super::{
        defaults::{self, GIB},
        quantity,
        settings::Timeouts,
    },
    lines_to_add,
    next_hop::is_host_and_port,
};
use crate::{
    antivirus::{ClamdAddress, ScannerKind, ScannerSettings, Settings},
    document::{Found, Table},
    policy::verdict_action::{VerdictAction, VerdictActions},
    text,
};

#[derive(Clone, Copy)]
enum Kind {
    Clamd,
    Yara,
}

const KINDS: [(&str, Option<Kind>); 2] = [("clamd", Some(Kind::Clamd)), ("yara", Some(Kind::Yara))];

/// The scanners, none when antivirus is switched off, and the action for each verdict.
pub(super) fn read(
    root: &Table<'_, '_>,
    rules_dir: &Path,
    hold_folder: &Path,
    timeouts: &Timeouts,
) -> (Option<Settings>, VerdictActions) {
    let scanners = scanners(root, rules_dir);
    let table = root.table("antivirus");
    let enabled = table.as_ref().is_none_or(|table| table.or("enabled", true));
    let actions = table.as_ref().map(actions).unwrap_or_default();
    let in_flight = table.as_ref().map_or_else(defaults::scans_in_flight, |table| {
        quantity::count(table, "scans_in_flight", defaults::scans_in_flight(), 1_000)
    });
    if enabled && root.is_empty("scanner") {
        let what =
            text!("no [[scanner]]: nobody would look for viruses", "nenhum [[scanner]]: ninguém procuraria vírus");
        let lines = ["[[scanner]]", "kind = \"clamd\"", "address = \"unix:/run/clamav/clamd.ctl\""];
        let help = lines_to_add(&lines);
        let off = text!(
            "\n         or, if that is meant:\n           [antivirus]\n           enabled = false",
            "\n         ou, se for essa a intenção:\n           [antivirus]\n           enabled = false"
        );
        let help = crate::language::Text { en: help.en + &off.en, pt: help.pt + &off.pt };
        root.document().fault(table.as_ref().map_or(root.span(), Table::span), what, Some(help));
    }
    if let Some(table) = table.as_ref().filter(|_| !enabled) {
        let what = text!(
            "antivirus is switched off: mail is relayed without being scanned",
            "o antivírus está desligado: o correio passa sem ser examinado"
        );
        table.document().warning(table.span_of("enabled"), what, None);
    }
    if let Some(table) = table {
        table.finish();
    }
    let settings = Settings {
        scanners,
        scan_timeout: timeouts.scan,
        connect_timeout: timeouts.connect,
        in_flight: in_flight as usize,
        probe_folder: hold_folder.to_owned(),
    };
    (enabled.then_some(settings), actions)
}

fn scanners(root: &Table<'_, '_>, rules_dir: &Path) -> Vec<ScannerSettings> {
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
    let kind = match kind {
        Some(Kind::Clamd) => {
            let written = table.required::<String>("address");
            written.and_then(|written| clamd_address(&table, &written)).map(ScannerKind::Clamd)
        }
        Some(Kind::Yara) => Some(ScannerKind::Yara {
            rules: rules_dir.join(table.or::<PathBuf>("rules", defaults::YARA_RULES.into())),
            max_size: quantity::size(&table, "max_size", defaults::YARA_MAX_SIZE, 1..=GIB),
        }),
        // The kind is wrong and reported: its keys are not known, so none of them is called unknown.
        None => {
            let _ = ["address", "rules", "max_size"].map(|key| table.has(key));
            None
        }
    };
    table.finish();
    Some(ScannerSettings { group, kind: kind? })
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

/// For each verdict the actions that make sense: "not scanned" in any form is never relayed (promise 8), and malware is never
/// deferred, because the client would bring it again for days.
fn actions(table: &Table<'_, '_>) -> VerdictActions {
    use VerdictAction::{Defer, Quarantine, Refuse, Relay, Tag};
    let default = VerdictActions::default();
    let action = |key, allowed: &[VerdictAction], default| {
        let names: Vec<_> = allowed.iter().map(|action| (action.name(), *action)).collect();
        table.choice(key, &names, default)
    };
    let finding = [Relay, Tag, Quarantine, Refuse];
    VerdictActions {
        infected: action("infected", &[Refuse, Quarantine], default.infected),
        unavailable: action("unavailable", &[Defer, Quarantine], default.unavailable),
        scanner_error: action("scanner_error", &[Defer, Quarantine], default.scanner_error),
        not_fully_scanned: action("not_fully_scanned", &[Quarantine, Refuse, Defer], default.not_fully_scanned),
        encrypted: action("encrypted", &finding, default.encrypted),
        macro_: action("macro", &finding, default.macro_),
        ambiguous: action("ambiguous", &finding, default.ambiguous),
    }
}
