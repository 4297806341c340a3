//! What an operator wants done for each scanner verdict (`[antivirus]`), with the defaults.
//!
//! In: the configuration's choice for each verdict, already checked against the list of what is allowed for it. Out: one
//! action for one verdict. How actions of several scanners and rules combine is `disposition`'s business.

use serde::{Deserialize, Serialize};

use super::verdict::ScanVerdict;

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
            encrypted: VerdictAction::Tag,
            macro_: VerdictAction::Tag,
            ambiguous: VerdictAction::Quarantine,
        }
    }
}

impl VerdictActions {
    /// The verdict that decides when the gateway's own finding stands beside the scanners' worst verdict: the worse of the two. But
    /// an own finding that is let through must not let through what a scanner found: then the scanners decide.
    pub fn deciding(&self, scanners: ScanVerdict, own: ScanVerdict) -> ScanVerdict {
        if own > scanners && self.of(&own) >= self.of(&scanners) { own } else { scanners }
    }

    /// The action for `verdict`. Clean mail is relayed, and so is mail that nobody was asked to scan: the operator switched
    /// antivirus off, and every record says "not scanned".
    pub fn of(&self, verdict: &ScanVerdict) -> VerdictAction {
        match verdict {
            ScanVerdict::Clean | ScanVerdict::NotScanned => VerdictAction::Relay,
            ScanVerdict::Outdated { .. } => self.outdated,
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

    #[test]
    fn an_own_finding_hides_nothing_that_a_scanner_found() {
        let own = || ScanVerdict::Ambiguous { reason: "two boundaries".into() };
        let macro_ = || ScanVerdict::Macro { signature: "M".into() };
        let infected = || ScanVerdict::Infected { signature: "Eicar".into() };
        let down = || ScanVerdict::Unavailable { text: "refused".into() };
        let relaxed = VerdictActions { ambiguous: VerdictAction::Relay, ..VerdictActions::default() };
        let strict = VerdictActions { macro_: VerdictAction::Refuse, ..VerdictActions::default() };
        for (actions, scanners, decides) in [
            (VerdictActions::default(), ScanVerdict::Clean, own()),
            (VerdictActions::default(), ScanVerdict::NotScanned, own()),
            (VerdictActions::default(), macro_(), own()),
            (VerdictActions::default(), infected(), infected()),
            (VerdictActions::default(), down(), down()),
            (relaxed.clone(), ScanVerdict::Clean, own()),
            (relaxed.clone(), macro_(), macro_()),
            (relaxed, infected(), infected()),
            (strict, macro_(), macro_()),
        ] {
            assert_eq!(actions.deciding(scanners.clone(), own()), decides, "{scanners:?}");
        }
    }

    #[test]
    fn by_default_nothing_that_was_not_looked_at_is_relayed() {
        let text = String::new;
        let rows = [
            (ScanVerdict::Clean, VerdictAction::Relay),
            (ScanVerdict::NotScanned, VerdictAction::Relay),
            (ScanVerdict::Outdated { reason: text() }, VerdictAction::Tag),
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
