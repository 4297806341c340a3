//! What an operator wants done for each scanner verdict (`[antivirus]`), with the defaults; and which of several reports decides.
//!
//! In: the configuration's choice for each verdict, already checked against the list of what is allowed for it, and the reports of all
//! groups. Out: one verdict and one action. How that combines with what the subject rules want is `disposition`'s business.

use serde::{Deserialize, Serialize};

use super::{
    finding::{Asked, Finding},
    verdict::{ScanVerdict, ScannerReport},
};

/// What becomes of a message for one verdict, from the mildest to the strictest in what the recipient gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictAction {
    /// Relay as if nothing had been found.
    Relay,
    /// Relay with one more trace field.
    Tag,
    /// Take it and hold it for review.
    Quarantine,
    /// 4xx: the client keeps it and comes again.
    Defer,
    /// 5xx, with a copy in the quarantine.
    Refuse,
}

impl VerdictAction {
    /// As written in `portaria.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Tag => "tag",
            Self::Quarantine => "quarantine",
            Self::Defer => "defer",
            Self::Refuse => "refuse",
        }
    }
}

/// What all reports together come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deciding {
    /// The verdict that records, items and replies name.
    pub verdict: ScanVerdict,
    /// What becomes of the message for it.
    pub action: VerdictAction,
}

impl Deciding {
    /// Of two of one kind the first stands: `Ord` would compare their signatures.
    fn outweighs(&self, other: &Self) -> bool {
        let is_worse = self.verdict.name() != other.verdict.name() && self.verdict > other.verdict;
        self.action > other.action || self.action == other.action && is_worse
    }
}

/// One action for each verdict that is not clean. The defaults never relay what was not looked at (decision 12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictActions {
    /// Malware: refuse or quarantine.
    pub infected: VerdictAction,
    /// The scanner could not be asked: defer or quarantine.
    pub unavailable: VerdictAction,
    /// The scanner answered with an error: defer or quarantine.
    pub scanner_error: VerdictAction,
    /// A limit was hit: quarantine, defer or refuse.
    pub not_fully_scanned: VerdictAction,
    /// Content that scanners give no answer to, several times: quarantine, defer or refuse.
    pub poison: VerdictAction,
    /// Nothing found, by definitions that are too old: relay, tag, quarantine or defer.
    pub outdated: VerdictAction,
    /// A find that an exception names: relay, tag or quarantine.
    pub ignored: VerdictAction,
    /// Something encrypted: relay, tag, quarantine or refuse.
    pub encrypted: VerdictAction,
    /// A document with a macro: relay, tag, quarantine or refuse.
    pub macro_: VerdictAction,
    /// Scanner and reader may see different attachments (decision 8): relay, tag, quarantine or refuse.
    pub ambiguous: VerdictAction,
}

impl Default for VerdictActions {
    fn default() -> Self {
        Self {
            infected: VerdictAction::Refuse,
            unavailable: VerdictAction::Defer,
            scanner_error: VerdictAction::Defer,
            not_fully_scanned: VerdictAction::Quarantine,
            poison: VerdictAction::Quarantine,
            outdated: VerdictAction::Tag,
            ignored: VerdictAction::Tag,
            encrypted: VerdictAction::Tag,
            macro_: VerdictAction::Tag,
            ambiguous: VerdictAction::Quarantine,
        }
    }
}

impl VerdictActions {
    /// The report, or the rule of a scanner, that decides: the one that asks for the strongest action, and among equals the worst
    /// verdict. So nothing that is let through, be it a find whose action is *relay* or a group that was not asked by order, lets through
    /// what another group or rule found. No report at all is not *clean*.
    pub fn deciding<'r>(&self, reports: impl IntoIterator<Item = &'r ScannerReport>) -> Deciding {
        let weighed = reports.into_iter().flat_map(|report| {
            let whole = Deciding { verdict: report.verdict.clone(), action: self.of_report(report) };
            let findings = report.findings.iter().filter(|finding| finding.acts());
            std::iter::once(whole).chain(findings.map(|finding| self.of_finding(finding)))
        });
        let strongest = weighed.reduce(|strongest, other| if other.outweighs(&strongest) { other } else { strongest });
        strongest.unwrap_or_else(|| {
            let verdict = ScanVerdict::Unavailable { text: "no scanner answered".to_owned() };
            Deciding { action: self.of(&verdict), verdict }
        })
    }

    /// What one rule of a scanner asks for.
    fn of_finding(&self, finding: &Finding) -> Deciding {
        let verdict = finding.verdict();
        let action = finding.action.and_then(Asked::action).unwrap_or_else(|| self.of(&verdict));
        Deciding { verdict, action }
    }

    /// The action that a report asks for: for a find its own rule's, where that has one. Of what was not looked at no scanner says
    /// what becomes of it.
    fn of_report(&self, report: &ScannerReport) -> VerdictAction {
        let own = report.action.filter(|_| report.verdict.signature().is_some());
        own.unwrap_or_else(|| self.of(&report.verdict))
    }

    /// The action for `verdict`. Clean mail is relayed, and so is mail that nobody was asked to scan: the operator switched
    /// antivirus off, and every record says "not scanned".
    pub fn of(&self, verdict: &ScanVerdict) -> VerdictAction {
        match verdict {
            ScanVerdict::Clean | ScanVerdict::NotScanned => VerdictAction::Relay,
            ScanVerdict::Outdated { .. } => self.outdated,
            ScanVerdict::Ignored { .. } => self.ignored,
            // The order itself says it.
            ScanVerdict::Contingency { mode, .. } => mode.action(),
            ScanVerdict::Macro { .. } => self.macro_,
            ScanVerdict::Encrypted { .. } => self.encrypted,
            ScanVerdict::Ambiguous { .. } => self.ambiguous,
            ScanVerdict::NotFullyScanned { .. } => self.not_fully_scanned,
            ScanVerdict::Poison { .. } => self.poison,
            ScanVerdict::ScannerError { .. } => self.scanner_error,
            ScanVerdict::Unavailable { .. } => self.unavailable,
            ScanVerdict::Infected { .. } => self.infected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::policy::scanning::Mode;

    fn report(verdict: ScanVerdict) -> ScannerReport {
        let (group, scanner) = ("g".to_owned(), "s".to_owned());
        ScannerReport { group, scanner, verdict, took_ms: 1, version: None, findings: Vec::new(), action: None }
    }

    fn contingency(mode: Mode) -> ScanVerdict {
        ScanVerdict::Contingency { mode, reason: "clamd crashes".into(), ticket: "REQ 1".into() }
    }

    fn signature(make: fn(String) -> ScanVerdict) -> ScanVerdict {
        make("S".into())
    }

    /// Each row: the actions, what the reports say in either order, and which of them decides with what.
    #[test]
    fn the_strongest_action_decides_and_among_equals_the_worst_verdict() {
        use VerdictAction::{Defer, Quarantine, Refuse, Relay, Tag};
        let own = || ScanVerdict::Ambiguous { reason: "two boundaries".into() };
        let macro_ = || signature(|signature| ScanVerdict::Macro { signature });
        let encrypted = || signature(|signature| ScanVerdict::Encrypted { signature });
        let infected = || signature(|signature| ScanVerdict::Infected { signature });
        let ignored = || ScanVerdict::Ignored { signature: "S".into(), ticket: "REQ 2".into() };
        let limits = || ScanVerdict::NotFullyScanned { reason: "MaxScanSize".into() };
        let down = || ScanVerdict::Unavailable { text: "refused".into() };
        let default = VerdictActions::default;
        let relaxed = || VerdictActions { ambiguous: Relay, encrypted: Relay, ..default() };
        let held = || VerdictActions { macro_: Quarantine, encrypted: Relay, infected: Quarantine, ..default() };
        let strict = || VerdictActions { macro_: Refuse, ..default() };
        let rows = [
            // The gateway's own finding hides nothing, and is hidden by nothing milder.
            (default(), ScanVerdict::Clean, own(), own(), Quarantine),
            (default(), ScanVerdict::NotScanned, own(), own(), Quarantine),
            (default(), macro_(), own(), own(), Quarantine),
            (default(), infected(), own(), infected(), Refuse),
            (default(), down(), own(), down(), Defer),
            (relaxed(), ScanVerdict::Clean, own(), own(), Relay),
            (relaxed(), macro_(), own(), macro_(), Tag),
            (relaxed(), infected(), own(), infected(), Refuse),
            (strict(), macro_(), own(), macro_(), Refuse),
            // A worse verdict that is let through hides no milder one that is held.
            (held(), encrypted(), macro_(), macro_(), Quarantine),
            // Nobody is relayed, or held, what a group could not look at and is to look at again.
            (held(), infected(), down(), down(), Defer),
            (held(), infected(), limits(), infected(), Quarantine),
            (default(), encrypted(), macro_(), encrypted(), Tag),
            // By order not asked: the others are heard all the same, and the tag says the order.
            (default(), contingency(Mode::Deliver), ScanVerdict::Clean, contingency(Mode::Deliver), Tag),
            (default(), contingency(Mode::Deliver), encrypted(), contingency(Mode::Deliver), Tag),
            (default(), contingency(Mode::Deliver), own(), own(), Quarantine),
            (default(), contingency(Mode::Deliver), infected(), infected(), Refuse),
            (default(), contingency(Mode::Deliver), down(), down(), Defer),
            (default(), contingency(Mode::Hold), macro_(), contingency(Mode::Hold), Quarantine),
            (held(), contingency(Mode::Hold), infected(), infected(), Quarantine),
            (default(), contingency(Mode::Defer), infected(), infected(), Refuse),
            (default(), contingency(Mode::Defer), ScanVerdict::Clean, contingency(Mode::Defer), Defer),
            // An ignored find hides no other.
            (default(), ignored(), ScanVerdict::Clean, ignored(), Tag),
            (default(), ignored(), macro_(), macro_(), Tag),
            (default(), ignored(), infected(), infected(), Refuse),
        ];
        for (actions, one, other, verdict, action) in rows {
            let reports = [report(one), report(other)];
            let expected = Deciding { verdict, action };
            assert_eq!(actions.deciding(&reports), expected, "{reports:?}");
            assert_eq!(actions.deciding(reports.iter().rev()), expected, "in either order: {reports:?}");
        }
        let nobody = default().deciding(&[]);
        assert_eq!((nobody.verdict.name(), nobody.action), ("unavailable", Defer), "no report is not clean");
    }

    /// A rule of a scanner says what becomes of its finds; it does not say that what nobody looked at is relayed.
    #[test]
    fn a_scanners_own_rule_speaks_for_its_finds_only() {
        use VerdictAction::{Defer, Quarantine, Refuse, Relay, Tag};
        let asks = |verdict, action| ScannerReport { action: Some(action), ..report(verdict) };
        let infected = || signature(|signature| ScanVerdict::Infected { signature });
        let macro_ = || signature(|signature| ScanVerdict::Macro { signature });
        let limits = || ScanVerdict::NotFullyScanned { reason: "time".into() };
        let rows = [
            (vec![asks(infected(), Tag)], infected(), Tag),
            (vec![asks(macro_(), Refuse)], macro_(), Refuse),
            (vec![asks(infected(), Relay), report(macro_())], macro_(), Tag),
            (vec![asks(limits(), Relay)], limits(), Quarantine),
            (
                vec![asks(ScanVerdict::Unavailable { text: "x".into() }, Tag)],
                ScanVerdict::Unavailable { text: "x".into() },
                Defer,
            ),
            (vec![asks(contingency(Mode::Hold), Relay)], contingency(Mode::Hold), Quarantine),
        ];
        for (reports, verdict, action) in rows {
            assert_eq!(VerdictActions::default().deciding(&reports), Deciding { verdict, action }, "{reports:?}");
        }
    }

    #[test]
    fn by_default_nothing_that_was_not_looked_at_is_relayed() {
        let text = String::new;
        let rows = [
            (ScanVerdict::Clean, VerdictAction::Relay),
            (ScanVerdict::NotScanned, VerdictAction::Relay),
            (ScanVerdict::Outdated { reason: text() }, VerdictAction::Tag),
            (ScanVerdict::Ignored { signature: text(), ticket: text() }, VerdictAction::Tag),
            (contingency(Mode::Deliver), VerdictAction::Tag),
            (contingency(Mode::Hold), VerdictAction::Quarantine),
            (contingency(Mode::Defer), VerdictAction::Defer),
            (ScanVerdict::Macro { signature: text() }, VerdictAction::Tag),
            (ScanVerdict::Encrypted { signature: text() }, VerdictAction::Tag),
            (ScanVerdict::Ambiguous { reason: text() }, VerdictAction::Quarantine),
            (ScanVerdict::NotFullyScanned { reason: text() }, VerdictAction::Quarantine),
            (ScanVerdict::Poison { reason: text() }, VerdictAction::Quarantine),
            (ScanVerdict::ScannerError { text: text() }, VerdictAction::Defer),
            (ScanVerdict::Unavailable { text: text() }, VerdictAction::Defer),
            (ScanVerdict::Infected { signature: text() }, VerdictAction::Refuse),
        ];
        for (verdict, expected) in rows {
            assert_eq!(VerdictActions::default().of(&verdict), expected, "{verdict:?}");
        }
    }
}
