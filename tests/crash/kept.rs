//! What stands in the quarantine's files, read without the gateway: it is the gateway that is on trial.
//!
//! Its configuration here packs nothing, so that a file is a header of twelve octets (`src/store/blob/mod.rs`) and the content.

use std::{fs, path::Path};

use crate::support::trace::split_first_field;

/// For `portaria.toml`.
pub const AS_IT_IS: &str = "[quarantine]\ncompression = \"none\"";

/// Version 1, content as it is, no cipher, no key.
const HEADER: &[u8] = b"\x89Pblob\r\n\x01\x00\x00\x00";

/// Whether the file holds a field of ours, then this content to the octet, and nothing else.
pub fn is(file: &Path, content: &[u8]) -> bool {
    let octets = fs::read(file).unwrap();
    octets.strip_prefix(HEADER).is_some_and(|kept| split_first_field(kept).1 == content)
}
