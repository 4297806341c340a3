//! What one check says of one message. Only [`ScanVerdict::Clean`] is clean (promise 8).

use serde::{Deserialize, Serialize};

use super::{finding::Finding, scanning::Mode, verdict_action::VerdictAction};

/// A scanner's verdict, from the best to the worst: `Ord` is that order. Of several that ask for the same action the worst counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum ScanVerdict {
    /// Every octet was looked at and nothing found.
    Clean,
    /// Antivirus is switched off by configuration.
    NotScanned,
    /// Nothing found, by definitions that are too old to say so.
    Outdated {
        /// How old they are.
        reason: String,
    },
    /// Something was found, and an exception in force names it. clamd stops at its first find, so the rest may not have been looked at.
    Ignored {
        /// The scanner's name for it.
        signature: String,
        /// The exception's.
        ticket: String,
    },
    /// A document with a macro (a policy finding of the scanner, not malware).
    Macro {
        /// The scanner's name for it, only `[A-Za-z0-9._-]` kept.
        signature: String,
    },
    /// Something encrypted that could not be looked into.
    Encrypted {
        /// The scanner's name for it.
        signature: String,
    },
    /// Scanner and reader may see different attachments (decision 8).
    Ambiguous {
        /// What is ambiguous.
        reason: String,
    },
    /// A limit was hit: part of it was not looked at.
    NotFullyScanned {
        /// Which limit.
        reason: String,
    },
    /// Scanners that were well gave no answer to this very content, several times: it hangs or kills them, and is not scanned again.
    Poison {
        /// How often.
        reason: String,
    },
    /// Not asked, by order of an operator: the contingency switch.
    Contingency {
        /// What the order says becomes of it.
        mode: Mode,
        /// Why.
        reason: String,
        /// The request that asked for it.
        ticket: String,
    },
    /// The scanner answered with an error, or with something that is no answer.
    ScannerError {
        /// Its words, printable ASCII, at most 200 octets.
        text: String,
    },
    /// The scanner could not be asked or did not answer in time.
    Unavailable {
        /// Why.
        text: String,
    },
    /// Malware.
    Infected {
        /// The signature's name, only `[A-Za-z0-9._-]` kept.
        signature: String,
    },
}

impl ScanVerdict {
    /// A stable name for metrics and records.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::NotScanned => "not_scanned",
            Self::Outdated { .. } => "outdated",
            Self::Ignored { .. } => "ignored",
            Self::Macro { .. } => "macro",
            Self::Encrypted { .. } => "encrypted",
            Self::Ambiguous { .. } => "ambiguous",
            Self::NotFullyScanned { .. } => "not_fully_scanned",
            Self::Poison { .. } => "poison",
            Self::Contingency { .. } => "contingency",
            Self::ScannerError { .. } => "scanner_error",
            Self::Unavailable { .. } => "unavailable",
            Self::Infected { .. } => "infected",
        }
    }

    /// The name of what was found, where something was: only a find may be ignored, or have a rule of its own that says what becomes of
    /// it. That something was not looked at is no find (promise 8).
    pub fn signature(&self) -> Option<&str> {
        match self {
            Self::Macro { signature } | Self::Encrypted { signature } | Self::Infected { signature } => Some(signature),
            Self::Clean
            | Self::NotScanned
            | Self::Outdated { .. }
            | Self::Ignored { .. }
            | Self::Ambiguous { .. }
            | Self::NotFullyScanned { .. }
            | Self::Poison { .. }
            | Self::Contingency { .. }
            | Self::ScannerError { .. }
            | Self::Unavailable { .. } => None,
        }
    }
}

/// What one scanner said, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannerReport {
    /// Its group: scanners of a group are alternatives, every group must answer.
    pub group: String,
    /// Which scanner of the group: `clamd unix:/run/clamav/clamd.ctl`, `yara`.
    pub scanner: String,
    /// What it says.
    #[serde(flatten)]
    pub verdict: ScanVerdict,
    /// Milliseconds from asking to answer.
    pub took_ms: u64,
    /// Its engine and definitions, as it called them when it last proved itself: `ClamAV 1.4.6/27800/Fri Nov 20 09:00:00 2026`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its rules that matched, those that only observe among them; a bounded number. Empty for a scanner that names one signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What the scanner's own rule asks for instead of the configured action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<VerdictAction>,
}
