//! The contingency switch: what becomes of mail while scanners are themselves the trouble.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::{
    document::{Code, Table},
    policy::{
        entry::{self, Period},
        rule::code,
        verdict::{ScanVerdict, ScannerReport},
        verdict_action::VerdictAction,
    },
    text,
};

/// No longer than this at a time: whoever needs more decides again.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What becomes of mail that is not scanned by order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Relayed, with a field that says so.
    Deliver,
    /// Held for review.
    Hold,
    /// `451 4.7.1`: the client keeps it and comes again.
    Defer,
}

impl Mode {
    /// All of them, mildest first.
    pub const ALL: [Self; 3] = [Self::Deliver, Self::Hold, Self::Defer];

    /// As written in the file, and a stable name for metrics and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Hold => "hold",
            Self::Defer => "defer",
        }
    }

    /// What it asks for.
    pub fn action(self) -> VerdictAction {
        match self {
            Self::Deliver => VerdictAction::Tag,
            Self::Hold => VerdictAction::Quarantine,
            Self::Defer => VerdictAction::Defer,
        }
    }
}

/// `[contingency]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contingency {
    /// What becomes of mail meanwhile.
    pub mode: Mode,
    /// The scanner groups that are not asked; empty: all.
    pub groups: Vec<String>,
    /// Why.
    pub reason: String,
    /// The request that asked for it.
    pub ticket: String,
    /// Who ordered it.
    pub by: String,
    /// From when until when; it always ends, at most [`LONGEST`] after it began.
    pub period: Period,
}

impl Contingency {
    /// Whether this group is not asked.
    pub fn spares(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|spared| spared == group)
    }

    /// What stands in place of a scanner's verdict.
    pub fn verdict(&self) -> ScanVerdict {
        ScanVerdict::Contingency { mode: self.mode, reason: self.reason.clone(), ticket: self.ticket.clone() }
    }

    /// What stands in place of this group's report.
    pub fn report(&self, group: &str) -> ScannerReport {
        ScannerReport {
            group: group.to_owned(),
            scanner: "none".to_owned(),
            verdict: self.verdict(),
            took_ms: 0,
            version: None,
            findings: Vec::new(),
            action: None,
        }
    }
}

pub(super) fn read(table: Table<'_, '_>, known: &[String], now: SystemTime) -> Option<Contingency> {
    let names = Mode::ALL.map(|mode| (mode.name(), Some(mode)));
    let mode = table.required::<String>("mode").and_then(|_| table.choice("mode", &names, None));
    let groups = groups(&table, known);
    let reason = entry::answerable(&table, "reason");
    let ticket = entry::answerable(&table, "ticket");
    let by = entry::answerable(&table, "by");
    // How it ended before its time: written by whoever ended it, and for readers of the file.
    let _ = ["end_reason", "ended_by"].map(|key| table.has(key).then(|| entry::answerable(&table, key)));
    let over = text!(
        "this contingency is over: every scanner is asked",
        "esta contingência já venceu: todo antivírus é consultado"
    );
    let period = entry::period(&table, now, over);
    let is_bounded = bounded(&table, period, now);
    table.finish();
    is_bounded.then_some(())?;
    Some(Contingency { mode: mode?, groups: groups?, reason: reason?, ticket: ticket?, by: by?, period })
}

/// It has an end, and that is near.
fn bounded(table: &Table<'_, '_>, period: Period, now: SystemTime) -> bool {
    let Some(expires) = period.expires else {
        if !table.has("expires") {
            let what = text!("`expires` is missing here", "falta `expires` aqui");
            let help = text!(
                "a contingency ends by itself, at most 7 days after it began",
                "uma contingência acaba sozinha, no máximo 7 dias depois do início"
            );
            table.document().fault_as(Code::MISSING, table.span(), what, Some(help));
        }
        return false;
    };
    let length = expires.duration_since(period.starts.unwrap_or(now)).unwrap_or_default();
    if length > LONGEST {
        let what = text!(
            "a contingency lasts 7 days at most, counted from `starts`, or from now",
            "uma contingência dura no máximo 7 dias, contados de `starts`, ou de agora"
        );
        table.document().fault_as(code::DATES, table.span_of("expires"), what, None);
    }
    length <= LONGEST
}

/// The groups that are not asked; none after a fault.
fn groups(table: &Table<'_, '_>, known: &[String]) -> Option<Vec<String>> {
    let document = table.document();
    if table.has("groups") && table.is_empty("groups") {
        let what = text!("`groups` names no group", "`groups` não nomeia nenhum grupo");
        let help = text!("leave it out for all groups", "deixe-o de fora para valer em todos");
        document.fault_as(Code::VALUE, table.span_of("groups"), what, Some(help));
        return None;
    }
    let mut groups = Vec::new();
    let errors = document.errors();
    for found in table.list::<String>("groups") {
        let written = &found.value;
        if known.contains(written) {
            groups.push(found.value);
            continue;
        }
        let what = text!("there is no scanner group `{written}`", "não há grupo de antivírus `{written}`");
        let listed = known.join(", ");
        let help = text!("those of portaria.toml: {listed}", "os do portaria.toml: {listed}");
        document.fault_as(Code::VALUE, found.span, what, (!known.is_empty()).then_some(help));
    }
    if known.is_empty() {
        let what = text!(
            "antivirus is switched off: there is nobody not to ask",
            "o antivírus está desligado: não há a quem deixar de consultar"
        );
        document.warning(table.span(), what, None);
    }
    (document.errors() == errors).then_some(groups)
}
