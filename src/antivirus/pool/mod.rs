//! Groups of scanners: alternatives inside a group, every group must answer.
//!
//! In: content and a deadline. Out: one report a group. It refuses to know what a verdict leads to, and never makes two verdicts
//! into one, but for a group in which nobody answered.

mod group;
mod poison;
mod scanner;

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use self::{group::Group, scanner::Scanner};
use super::{
    Content, LimitFault, ScannerStatus, Settings, StartFault,
    yara::{Yara, rules::RuleSet},
};
use crate::{document::Faults, policy::verdict::ScannerReport};

/// All groups.
#[derive(Debug)]
pub struct Pool {
    groups: Vec<Group>,
}

impl Pool {
    /// Builds every scanner; all faults of all rule folders together.
    pub fn new(settings: Settings) -> Result<Self, StartFault> {
        let mut groups: Vec<Group> = Vec::new();
        let mut faults = Faults::default();
        for scanner in &settings.scanners {
            let built = match Scanner::new(scanner, &settings) {
                Ok(built) => built,
                Err(more) => {
                    faults.append(more);
                    continue;
                }
            };
            match groups.iter_mut().find(|group| group.name() == scanner.group) {
                Some(group) => group.add(built),
                None => groups.push(Group::of(&scanner.group, built, settings.poison_after)),
            }
        }
        if faults.has_errors() { Err(StartFault(faults)) } else { Ok(Self { groups }) }
    }

    /// One report a group that is not spared.
    pub async fn scan(&self, content: &Content, spared: &[String], deadline: Instant) -> Vec<ScannerReport> {
        let is_asked = |group: &&Group| !spared.iter().any(|name| name == group.name());
        let asked: Vec<&Group> = self.groups.iter().filter(is_asked).collect();
        scan_all(&asked, content, deadline).await
    }

    /// Every scanner at once.
    pub async fn self_test(&self, wall: SystemTime, deadline: Instant) {
        let scanners: Vec<&Scanner> = self.groups.iter().flat_map(Group::scanners).collect();
        self_test_all(&scanners, wall, deadline).await;
    }

    /// Tries the limits of each clamd that is well, one after another, each for so long at most.
    pub async fn examine(&self, largest: u64, each: Duration) -> Vec<(String, Vec<LimitFault>)> {
        let mut found = Vec::new();
        for scanner in self.groups.iter().flat_map(Group::scanners) {
            if let Some(faults) = scanner.examine(largest, Instant::now() + each).await {
                found.push((scanner.name().to_owned(), faults));
            }
        }
        found
    }

    /// Those with rules of their own, in order; with their names.
    pub fn with_rules(&self) -> impl Iterator<Item = (&str, &Yara)> {
        self.groups.iter().flat_map(Group::scanners).filter_map(|scanner| Some((scanner.name(), scanner.yara()?)))
    }

    /// The rules of each of them as its files are now; all faults together.
    pub fn read_rules(&self) -> Result<Vec<RuleSet>, Faults> {
        let mut faults = Faults::default();
        let mut sets = Vec::new();
        for (_, yara) in self.with_rules() {
            match yara.read_rules() {
                Ok(set) => sets.push(set),
                Err(more) => faults.append(more),
            }
        }
        if faults.has_errors() { Err(faults) } else { Ok(sets) }
    }

    /// What is known of each.
    pub fn status(&self) -> Vec<ScannerStatus> {
        self.groups.iter().flat_map(Group::status).collect()
    }

    /// Sets the gauges of each.
    pub fn measure(&self) {
        self.groups.iter().flat_map(Group::scanners).for_each(Scanner::measure);
    }

    /// Whether every group that `is_asked` has a scanner that answered last time.
    pub fn ready(&self, is_asked: impl Fn(&str) -> bool) -> bool {
        let mut asked = self.groups.iter().filter(|group| is_asked(group.name()));
        asked.all(|group| group.scanners().iter().any(Scanner::healthy))
    }
}

/// All groups at once, reports in their order. Recursion instead of a spawned task a group: nothing is left behind when
/// the caller goes.
async fn scan_all(groups: &[&Group], content: &Content, deadline: Instant) -> Vec<ScannerReport> {
    let Some((first, rest)) = groups.split_first() else { return Vec::new() };
    if rest.is_empty() {
        return vec![first.scan(content, deadline).await];
    }
    let (report, mut reports) =
        tokio::join!(first.scan(content, deadline), Box::pin(scan_all(rest, content, deadline)));
    reports.insert(0, report);
    reports
}

async fn self_test_all(scanners: &[&Scanner], wall: SystemTime, deadline: Instant) {
    if let Some((first, rest)) = scanners.split_first() {
        tokio::join!(first.self_test(wall, deadline), Box::pin(self_test_all(rest, wall, deadline)));
    }
}
