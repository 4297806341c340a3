//! What came of one scan, whichever kind of scanner made it.

use crate::policy::{
    finding::Finding,
    verdict::{ScanVerdict, ScannerReport},
    verdict_action::VerdictAction,
};

/// One scanner's word on one content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it said, or that it did not.
    pub verdict: ScanVerdict,
    /// It was well, got all of the content, and came to no end with it: in time, or ever.
    pub harmed: bool,
    /// The engine and definitions that looked, which need not be those that are in force by now.
    pub version: Option<String>,
    /// Its rules that matched.
    pub findings: Vec<Finding>,
    /// See [`ScannerReport::action`].
    pub action: Option<VerdictAction>,
}

impl Outcome {
    /// A verdict that says nothing against the content, and no more than that.
    pub fn of(verdict: ScanVerdict, version: Option<String>) -> Self {
        Self { verdict, harmed: false, version, findings: Vec::new(), action: None }
    }

    /// As it stands in the record.
    pub fn report(self, group: &str, scanner: &str, took_ms: u64) -> ScannerReport {
        let (group, scanner) = (group.to_owned(), scanner.to_owned());
        let Self { verdict, version, findings, action, .. } = self;
        ScannerReport { group, scanner, verdict, took_ms, version, findings, action }
    }
}
