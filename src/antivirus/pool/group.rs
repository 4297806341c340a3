//! One group: scanners that are alternatives.
//!
//! In: content and a deadline. Out: the first real answer of one of them. A scanner that is down costs the others their share of
//! time and nothing else; content that harms them is not scanned for ever.

use tokio::time::Instant;

use super::{
    poison::{Poison, Refused},
    scanner::Scanner,
};
use crate::{
    antivirus::{Content, ScannerStatus, outcome::Outcome},
    policy::verdict::{ScanVerdict, ScannerReport},
};

/// A group, never empty.
#[derive(Debug)]
pub struct Group {
    name: String,
    scanners: Vec<Scanner>,
    poison: Poison,
}

impl Group {
    /// A group with its first scanner; content that harms so many times is not scanned again.
    pub fn of(name: &str, first: Scanner, poison_after: u32) -> Self {
        Self { name: name.to_owned(), scanners: vec![first], poison: Poison::new(poison_after) }
    }

    /// One more alternative.
    pub fn add(&mut self, scanner: Scanner) {
        self.scanners.push(scanner);
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its scanners.
    pub fn scanners(&self) -> &[Scanner] {
        &self.scanners
    }

    /// What is known of each.
    pub fn status(&self) -> Vec<ScannerStatus> {
        self.scanners.iter().map(|scanner| scanner.status(&self.name)).collect()
    }

    /// The first real answer of its scanners, the well, up to date and least busy first; if none has one, the worst of what
    /// they said. A scanner that does not answer may use up only its share of the time that is left.
    pub async fn scan(&self, content: &Content, deadline: Instant) -> ScannerReport {
        let asked = Instant::now();
        let mut worst: Option<(&Scanner, Outcome)> = None;
        let mut order: Vec<&Scanner> = self.scanners.iter().collect();
        order.sort_by_key(|scanner| (!scanner.healthy(), scanner.is_outdated(), scanner.load()));
        for (tried, scanner) in order.iter().enumerate() {
            let left = u32::try_from(order.len().saturating_sub(tried)).unwrap_or(u32::MAX).max(1);
            let now = Instant::now();
            let share = now + deadline.saturating_duration_since(now) / left;
            let trying = match self.poison.admit(&content.sha256, share).await {
                Ok(trying) => trying,
                Err(Refused::Poison(times)) => {
                    metrics::counter!("portaria_poison_total", "group" => self.name.clone()).increment(1);
                    let reason = format!("no answer to this content {times} times");
                    return self.report(None, Outcome::of(ScanVerdict::Poison { reason }, None), asked);
                }
                Err(Refused::Busy) => {
                    let text = "the same content is being scanned, and that did not end in time".to_owned();
                    worst.get_or_insert((scanner, Outcome::of(ScanVerdict::Unavailable { text }, None)));
                    continue;
                }
            };
            let outcome = scanner.scan(content, share).await;
            if outcome.harmed {
                tracing::warn!(scanner = scanner.name(), sha256 = content.sha256, "no answer to this very content");
                trying.harmed();
            }
            if is_answer(&outcome.verdict) {
                if !outcome.harmed {
                    trying.answered();
                }
                return self.report(Some(scanner), outcome, asked);
            }
            tracing::warn!(scanner = scanner.name(), verdict = ?outcome.verdict, "no answer from a scanner");
            if worst.as_ref().is_none_or(|(_, known)| outcome.verdict > known.verdict) {
                worst = Some((scanner, outcome));
            }
        }
        match worst {
            Some((scanner, outcome)) => self.report(Some(scanner), outcome, asked),
            // A group is never built without a scanner; if it were, nobody looked.
            None => {
                let text = "no scanner in this group".to_owned();
                self.report(None, Outcome::of(ScanVerdict::Unavailable { text }, None), asked)
            }
        }
    }

    fn report(&self, scanner: Option<&Scanner>, outcome: Outcome, asked: Instant) -> ScannerReport {
        let took_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        outcome.report(&self.name, scanner.map_or("none", Scanner::name), took_ms)
    }
}

/// Anything but "could not be asked" and "said nothing that can be read".
fn is_answer(verdict: &ScanVerdict) -> bool {
    !matches!(verdict, ScanVerdict::Unavailable { .. } | ScanVerdict::ScannerError { .. })
}
