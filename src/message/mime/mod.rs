//! MIME (RFC 2045, 2046, 2231) as far as one field or one line of it goes: what a delimiter is, what a structured field says,
//! what an encoding is called.
//!
//! In: a line, a field body. Out: what it says by the letter, and in which ways it was written that readers take differently.
//! The tree of parts is not known here: `inspect::ambiguity` follows it as it streams by, the YARA scanner walks it when it is
//! whole, and both ask here, so that one message has one structure in this house.

pub mod delimiter;
pub mod parameter;
pub mod section;
pub mod transfer_encoding;

/// Where in the content something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// Octets before that line.
    pub at: u64,
}
