//! What operators ordered about scanning, each for a time (`rules/antivirus.toml`): the contingency switch (clause 8.1.10), and finds that
//! are ignored.
//!
//! In: the file's text, the scanner groups of `portaria.toml`, and the time. Out: which groups are not asked now, and what that is to
//! mean; and whose find is no find. Both are verdicts of their own: nothing here ever says *clean* (promise 8). Which action wins, when
//! other groups spoke too, is `verdict_action`'s business.

mod contingency;
mod exception;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, path::Path, time::SystemTime};

pub use contingency::{Contingency, LONGEST, Mode};
pub use exception::Exception;

use super::{
    finding::MOST_FINDINGS,
    verdict::{ScanVerdict, ScannerReport},
};
use crate::{
    document::{Document, Faults},
    smtp::path::ReversePath,
};

/// The whole file; without one nothing is ordered.
#[derive(Clone, Debug, Default)]
pub struct Scanning {
    /// `[contingency]`, whether it is in force or not.
    pub contingency: Option<Contingency>,
    /// Every `[[ignore]]`, in file order.
    pub exceptions: Vec<Exception>,
}

impl Scanning {
    /// Reads the file. With any error among the faults it must not be used in place of a good one. `groups`: those of the scanners
    /// that there are. `now` bounds what begins at once, and serves to point out what is over.
    pub fn read(file: &Path, source: &str, groups: &[String], now: SystemTime) -> (Self, Faults) {
        let document = Document::parse(file, source);
        let mut scanning = Self::default();
        if let Some(root) = document.root() {
            scanning.contingency = root.table("contingency").and_then(|table| contingency::read(table, groups, now));
            scanning.exceptions =
                root.tables("ignore").into_iter().filter_map(|table| exception::read(table, now)).collect();
            root.finish();
        }
        (scanning, document.into_faults())
    }

    /// The contingency, while it is in force.
    pub fn contingency_at(&self, now: SystemTime) -> Option<&Contingency> {
        self.contingency.as_ref().filter(|contingency| contingency.period.contains(now))
    }

    /// The contingency, if it is in force and spares any of `groups` the question.
    pub fn contingency_of(&self, groups: &[String], now: SystemTime) -> Option<&Contingency> {
        self.contingency_at(now).filter(|contingency| groups.iter().any(|group| contingency.spares(group)))
    }

    /// A report as it counts for this message: a find that an exception in force names, for its reverse-path and client, is *ignored*.
    /// Of a scanner that names every rule that matched each is ignored for itself, and what is left speaks.
    pub fn weigh(
        &self,
        mut report: ScannerReport,
        path: &ReversePath,
        client: IpAddr,
        now: SystemTime,
    ) -> ScannerReport {
        if report.findings.len() >= MOST_FINDINGS {
            // There may be more that nobody names: an exception must not hide them.
            return report;
        }
        let ticket = |signature: &str| {
            let exception = self.exceptions.iter().find(|exception| exception.holds(signature, path, client, now));
            exception.map(|exception| exception.ticket.clone())
        };
        for finding in report.findings.iter_mut().filter(|finding| finding.acts()) {
            finding.ignored = ticket(&finding.rule);
        }
        let found = report.verdict.signature();
        let found = found.and_then(|signature| Some((signature.to_owned(), ticket(signature)?)));
        match found {
            // What its own rule asked for is ignored with it.
            Some((signature, ticket)) => {
                ScannerReport { verdict: ScanVerdict::Ignored { signature, ticket }, action: None, ..report }
            }
            None => report,
        }
    }
}
