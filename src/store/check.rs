//! Content held against what its row says of it: so many octets of trace fields, so many of the message, and the hash of those.
//!
//! In: what the row says, and the octets as they come. Out: what is another. Where they come from, disk, bucket or backup, is not known here.

use aws_lc_rs::digest::{Context, SHA256};

use super::ContentFacts;
use crate::record::Item;

/// One content on its way through.
pub struct Check {
    trace_left: u64,
    content_left: u64,
    digest: Context,
    sha256: String,
}

impl Check {
    /// Against the row of an item.
    pub(super) fn of_item(item: &Item) -> Self {
        Self::new(item.trace_length, item.size, &item.sha256)
    }

    /// Against what a copied database says.
    pub fn of(facts: &ContentFacts) -> Self {
        Self::new(facts.trace_length, facts.size, &facts.sha256)
    }

    fn new(trace_left: u64, content_left: u64, sha256: &str) -> Self {
        Self { trace_left, content_left, digest: Context::new(&SHA256), sha256: sha256.to_owned() }
    }

    /// More of it. On a fault, what is another: `length`.
    pub fn update(&mut self, octets: &[u8]) -> Result<(), &'static str> {
        let trace = usize::try_from(self.trace_left).unwrap_or(usize::MAX).min(octets.len());
        self.trace_left -= trace as u64;
        let content = octets.get(trace..).unwrap_or_default();
        self.content_left = self.content_left.checked_sub(content.len() as u64).ok_or("length")?;
        self.digest.update(content);
        Ok(())
    }

    /// That was all. On a fault, what is another: `length` or `SHA-256`.
    pub fn finish(self) -> Result<(), &'static str> {
        if self.trace_left > 0 || self.content_left > 0 {
            return Err("length");
        }
        let digest: String = self.digest.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
        if digest == self.sha256 { Ok(()) } else { Err("SHA-256") }
    }
}
