//! The header section as it streams by: kept until its blank line, within bounds.
//!
//! Only a blank line ends the section. A line in it that is neither a field nor a continuation is passed over and counted: some
//! mail readers stop there and some go on, and a Subject behind such a line must not escape the rules.

use super::field::Field;

/// Bounds of a header section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderLimits {
    /// Octets up to and including the blank line.
    pub size: u64,
    /// Fields.
    pub fields: u32,
}

/// The header section is too large for us: `552 5.3.4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// More octets than the limit.
    #[error("the header section is larger than {0} octets")]
    TooLarge(u64),
    /// More fields than the limit.
    #[error("the header section has more than {0} fields")]
    TooManyFields(u32),
}

/// Collects the header section of one message.
#[derive(Debug)]
pub struct HeaderReader {
    limits: HeaderLimits,
}

impl HeaderReader {
    /// Nothing read yet.
    pub fn new(limits: HeaderLimits) -> Self {
        Self { limits }
    }
    /// The next content. Once the section is complete, further content is not looked at (and costs nothing).
    pub fn receive(&mut self, content: &[u8]) -> Result<(), HeaderFault> {
        let _ = (content, self.limits);
        todo!()
    }
    /// The content ended: what there is, is the section.
    pub fn end(&mut self) -> Result<(), HeaderFault> {
        todo!()
    }
    /// Whether the blank line was seen or the content ended.
    pub fn is_complete(&self) -> bool {
        todo!()
    }
    /// The fields, in order. Empty before completion.
    pub fn fields(&self) -> &[Field] {
        todo!()
    }
    /// Lines that were neither a field nor a continuation.
    pub fn stray_lines(&self) -> u32 {
        todo!()
    }
}
