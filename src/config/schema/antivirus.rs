//! `[antivirus]`: what verdicts lead to, and how scans run.

use std::{path::Path, time::Duration};

use super::{
    super::{
        defaults::{self, DAY},
        quantity,
        settings::Timeouts,
    },
    scanner,
};
use crate::{
    antivirus::{Ages, Settings},
    document::Table,
    policy::verdict_action::{VerdictAction, VerdictActions},
    text,
};

/// The scanners, none when antivirus is switched off, and the action for each verdict.
pub(super) fn read(
    root: &Table<'_, '_>,
    rules_dir: &Path,
    hold_folder: &Path,
    timeouts: &Timeouts,
) -> (Option<Settings>, VerdictActions) {
    let scanners = scanner::all(root, rules_dir);
    let table = root.table("antivirus");
    let enabled = table.as_ref().is_none_or(|table| table.or("enabled", true));
    let actions = table.as_ref().map(actions).unwrap_or_default();
    let in_flight = table.as_ref().map_or_else(defaults::scans_in_flight, |table| {
        quantity::count(table, "scans_in_flight", defaults::scans_in_flight(), 1_000)
    });
    if enabled && root.is_empty("scanner") {
        let what =
            text!("no [[scanner]]: nobody would look for viruses", "nenhum [[scanner]]: ninguém procuraria vírus");
        let help = text!(
            "write enabled = false in [antivirus] if that is meant, or add these lines:",
            "escreva enabled = false em [antivirus] se for essa a intenção, ou acrescente estas linhas:"
        );
        let lines = &["[[scanner]]", "kind = \"clamd\"", "address = \"unix:/run/clamav/clamd.ctl\""];
        let span = table.as_ref().map_or(root.span(), Table::span);
        root.document().fault_to_mend(span, what, help, lines);
    }
    if let Some(table) = table.as_ref().filter(|_| !enabled) {
        let what = text!(
            "antivirus is switched off: mail is relayed without being scanned",
            "o antivírus está desligado: o correio passa sem ser examinado"
        );
        table.document().warning(table.span_of("enabled"), what, None);
    }
    let (poison_after, ages) = table.as_ref().map_or((defaults::POISON_AFTER, Ages::default()), |table| {
        (quantity::count(table, "poison_after", defaults::POISON_AFTER, 1_000), ages(table))
    });
    if let Some(table) = table {
        table.finish();
    }
    let settings = Settings {
        scanners,
        poison_after,
        ages,
        scan_timeout: timeouts.scan,
        connect_timeout: timeouts.connect,
        in_flight: in_flight as usize,
        probe_folder: hold_folder.to_owned(),
    };
    (enabled.then_some(settings), actions)
}

fn ages(table: &Table<'_, '_>) -> Ages {
    let default = Ages::default();
    let range = || Duration::from_secs(3600)..=DAY * 3650;
    let ages = Ages {
        warn: quantity::duration(table, "definitions_warn", default.warn, range()),
        critical: quantity::duration(table, "definitions_critical", default.critical, range()),
    };
    if ages.warn > ages.critical {
        let what = text!(
            "`definitions_warn` is above `definitions_critical`: nobody would be warned",
            "`definitions_warn` passa de `definitions_critical`: ninguém seria avisado"
        );
        table.document().fault(table.span_of("definitions_warn"), what, None);
    }
    ages
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
        poison: action("poison", &[Quarantine, Refuse, Defer], default.poison),
        outdated: action("outdated", &[Relay, Tag, Quarantine, Defer], default.outdated),
        ignored: action("ignored", &[Relay, Tag, Quarantine], default.ignored),
        encrypted: action("encrypted", &finding, default.encrypted),
        macro_: action("macro", &finding, default.macro_),
        ambiguous: action("ambiguous", &finding, default.ambiguous),
    }
}
