//! A Subject three times: as received, as decoded, as compared.

use serde::{Deserialize, Serialize};

/// One Subject field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The field body, unfolded, as received.
    pub received: Vec<u8>,
    /// Encoded words and charsets decoded.
    pub decoded: String,
}

impl Subject {
    /// From a field body.
    pub fn new(received: Vec<u8>) -> Self {
        let _ = &received;
        todo!()
    }
}

/// What disappears before rule and subject are compared; the same function folds both (decision 14).
/// Look-alikes come with a later version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fold {
    /// Upper and lower case.
    pub case: bool,
    /// Diacritics: NFD, then nonspacing marks dropped.
    pub accents: bool,
    /// Compatibility forms: NFKC (full-width, ligatures, mathematical letters).
    pub compatibility: bool,
    /// Default-ignorable, format (Cf) and control characters, decoded CR and LF included.
    pub invisible: bool,
    /// Runs of white space become one space, and none at either end.
    pub spaces: bool,
    /// Every digit becomes `0`.
    pub digits: bool,
    /// Reply prefixes such as `RE:`, stripped repeatedly at the start (not from rules).
    pub prefixes: Vec<String>,
}

impl Default for Fold {
    fn default() -> Self {
        Self {
            case: true,
            accents: true,
            compatibility: true,
            invisible: true,
            spaces: true,
            digits: false,
            prefixes: ["RE", "RES", "ENC", "FW", "FWD", "[EXTERNO]"].map(str::to_owned).to_vec(),
        }
    }
}

impl Fold {
    /// A decoded subject as it is compared: prefixes stripped too.
    pub fn subject(&self, decoded: &str) -> String {
        let _ = decoded;
        todo!()
    }
    /// A rule's own text as it is compared.
    pub fn pattern(&self, written: &str) -> String {
        let _ = written;
        todo!()
    }
}
