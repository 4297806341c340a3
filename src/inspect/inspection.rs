//! Content as it streams by: counted, hashed, read until its header section is complete, and looked through for what readers take
//! apart differently.

use aws_lc_rs::digest;

use super::ambiguity::{Detector, Finding};
use crate::message::{
    facts,
    header_section::{HeaderFault, HeaderLimits, HeaderReader},
    originator::{OriginatorFault, originators},
    subject::Subject,
};

/// Bounds of one message, apart from its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of the header section.
    pub header: HeaderLimits,
    /// `Received:` fields (RFC 5321 §6.3).
    pub hops: usize,
}

/// Why a message cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectionFault {
    /// Its header section is beyond a limit.
    #[error(transparent)]
    Header(#[from] HeaderFault),
    /// It passed more servers than the limit: a loop.
    #[error("the message has {0} Received fields")]
    TooManyHops(usize),
}

/// What is known once the header section is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Every Subject field, in order.
    pub subjects: Vec<Subject>,
    /// The Message-ID field's body, cut at 998 octets.
    pub message_id: Option<String>,
    /// The identifiers of all List-Id fields.
    pub list_ids: Vec<String>,
}

/// A message while it arrives.
pub struct Inspection {
    reader: HeaderReader,
    hops: usize,
    size: u64,
    hash: digest::Context,
    parts: Detector,
}

impl Inspection {
    /// Nothing read yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            reader: HeaderReader::new(limits.header),
            hops: limits.hops,
            size: 0,
            hash: digest::Context::new(&digest::SHA256),
            parts: Detector::new(),
        }
    }

    /// The next content. `Some` exactly once: when this piece completes the header section.
    pub fn receive(&mut self, content: &[u8]) -> Result<Option<Inspected>, InspectionFault> {
        self.size = self.size.saturating_add(content.len() as u64);
        self.hash.update(content);
        self.parts.receive(content);
        if self.reader.is_complete() {
            return Ok(None);
        }
        self.reader.receive(content)?;
        self.inspected()
    }

    /// The content ended. `Some` if the header section was not complete before.
    pub fn end(&mut self) -> Result<Option<Inspected>, InspectionFault> {
        self.parts.end();
        if self.reader.is_complete() {
            return Ok(None);
        }
        self.reader.end()?;
        self.inspected()
    }

    /// What makes the message ambiguous (decision 8), as far as it was received.
    pub fn ambiguity(&self) -> Option<&Finding> {
        self.parts.ambiguity()
    }

    /// Whether the first `octets` of the content made it ambiguous.
    pub fn is_ambiguous_within(&self, octets: u64) -> bool {
        self.parts.is_ambiguous_within(octets)
    }

    /// The addresses of From and Sender, once the header section is complete. Read when somebody asks: who sends for nobody in particular is not held
    /// to them.
    pub fn originators(&self) -> Result<Vec<String>, OriginatorFault> {
        originators(self.reader.fields())
    }

    /// Octets of the header section with its blank line; so far, while it is not complete.
    pub fn header_size(&self) -> u64 {
        self.reader.size()
    }

    /// Octets of content so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The SHA-256 of the content so far, as hex digits.
    pub fn sha256(&self) -> String {
        let mut digits = [0; 2 * digest::SHA256_OUTPUT_LEN];
        let digit =
            |value: u8| if value < 10 { b'0'.wrapping_add(value) } else { b'a'.wrapping_sub(10).wrapping_add(value) };
        for (pair, octet) in digits.chunks_exact_mut(2).zip(self.hash.clone().finish().as_ref()) {
            pair.copy_from_slice(&[digit(octet >> 4), digit(octet & 15)]);
        }
        String::from_utf8_lossy(&digits).into_owned()
    }

    fn inspected(&self) -> Result<Option<Inspected>, InspectionFault> {
        if !self.reader.is_complete() {
            return Ok(None);
        }
        let fields = self.reader.fields();
        let hops = facts::received_count(fields.clone());
        if hops > self.hops {
            return Err(InspectionFault::TooManyHops(hops));
        }
        Ok(Some(Inspected {
            subjects: facts::subjects(fields.clone()),
            message_id: facts::message_id(fields.clone()),
            list_ids: facts::list_ids(fields),
        }))
    }
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").field("size", &self.size).finish_non_exhaustive()
    }
}
