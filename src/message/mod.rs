//! RFC 5322, 2045 and 2047 as far as the header section needs them: the fast parsing path.
//!
//! In: content as the mail data decoder gives it, in pieces of any size. Out: the header fields, every Subject as received,
//! as decoded, as compared. MIME parts are deliberately not parsed here: what a scanner must see it gets whole.

pub mod encoded_word;
pub mod facts;
pub mod field;
pub mod fold;
pub mod header_section;
pub mod subject;
