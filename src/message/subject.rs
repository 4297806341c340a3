//! A Subject three times: as received, as decoded, as compared ([`Fold`]).

use super::{encoded_word, field::trim};

pub use super::fold::{Fold, Reading, Trace};

/// One Subject field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The field body, unfolded, as received, without the white space around it.
    pub received: Vec<u8>,
    /// Encoded words and charsets decoded. It may hold any character, controls included.
    pub decoded: String,
}

impl Subject {
    /// From a field body.
    pub fn new(body: impl AsRef<[u8]>) -> Self {
        let received = trim(body.as_ref()).to_vec();
        let decoded = encoded_word::decode(&received);
        Self { received, decoded }
    }

    /// From a subject that was decoded before, as a record keeps it: rules look at nothing else. How it was received is not known, and
    /// the decoded text stands for it.
    pub fn remembered(decoded: String) -> Self {
        Self { received: decoded.clone().into_bytes(), decoded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_the_body_is_no_part_of_it() {
        let subject = Subject::new(b" \t=?utf-8?q?_a_?= \t");
        assert_eq!(subject.received, b"=?utf-8?q?_a_?=");
        assert_eq!(subject.decoded, " a ");
    }
}
