//! RFC 5322, 2045 and 2047 as far as the header section needs them: the fast parsing path.
//!
//! In: content as the mail data decoder gives it, in pieces of any size. Out: the header fields, every Subject as received,
//! as decoded, as compared; and what one line or one field of MIME says (`mime`). The tree of parts is not built here: a scanner
//! gets the message whole.

pub mod encoded_word;
pub mod facts;
pub mod field;
pub mod fold;
pub mod header_section;
pub mod mime;
pub mod originator;
pub mod subject;
