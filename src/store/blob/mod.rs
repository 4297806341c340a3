//! What a blob is on the disk or in the bucket: a header that says how to read it, and the content, compressed and perhaps encrypted.
//!
//! In: octets of a message, or of a blob. Out: the other. Nothing here opens a file or knows an item; a length that the content may
//! not go beyond comes with the question.
//!
//! | octets | what |
//! |---|---|
//! | 8 | `89 50 62 6c 6f 62 0d 0a` (`\x89Pblob\r\n`): no header section begins so, and a transfer as text would damage it visibly |
//! | 1 | version of this table: 1 |
//! | 1 | codec: 0 as it is, 1 zstd (RFC 8878), one frame with its checksum |
//! | 1 | cipher: 0 none, 1 AES-256-GCM in chunks |
//! | 1 + n | length and text of the key's id; none without a cipher |
//! | 32 | salt, with a cipher only |
//! | | the body: chunks of 64 KiB and a tag of 16 octets each, the last one shorter or as long; or the content |
//!
//! Blobs from before have no header: they are the content. It begins with our trace field, and so never with the first eight octets.
//!
//! **Chunks** are STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015): the nonce is the chunk's number and whether it is the last,
//! so that none can be left out, doubled, moved, or put behind the end. Each blob has a key of its own (HKDF, RFC 5869, from the
//! file's key and the salt), so that nonces never meet; header and id are authenticated with every chunk, so that one message's blob is
//! none under another's id.

mod chunks;
pub(super) mod keys;
mod read;
mod write;

pub use keys::{KeyFault, Keys};
pub use read::Reader;
pub use write::Writer;

/// The beginning of a blob that has a header.
pub const MAGIC: [u8; 8] = *b"\x89Pblob\r\n";

/// The header that is written.
const VERSION: u8 = 1;

/// Octets of content in a chunk.
pub const CHUNK: usize = 64 * 1024;

/// Octets of a salt.
const SALT: usize = 32;

/// How content is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// As it is.
    Plain,
    /// RFC 8878.
    Zstd,
}

impl Codec {
    fn octet(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Zstd => 1,
        }
    }
}

/// Why octets are no blob that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobFault {
    /// Written by a newer program, or damaged.
    #[error("its {what} is {found}, which this program does not know")]
    Unknown {
        /// `version`, `codec`, `cipher` or `key id`.
        what: &'static str,
        /// What stands there.
        found: u8,
    },
    /// The key that it needs was not given.
    #[error("it is encrypted with the key `{0}`, which is not in the file of keys")]
    NoKey(String),
    /// A chunk is not what was written: damaged, moved, or of another blob. The key is the right one: it opens another chunk of this blob.
    #[error("part {chunk} was altered: the key `{key}` opens others of its parts")]
    Altered {
        /// From 0.
        chunk: u32,
        /// The key's id.
        key: String,
    },
    /// Neither the first chunk nor the next, if there is one, opens: sealed with another key of the same id, or of another message, or
    /// altered in both, or in the header. A blob of one chunk cannot tell.
    #[error("it does not open with the key `{key}`: that key is another one, or it was altered")]
    Sealed {
        /// The key's id.
        key: String,
    },
    /// What stands there is not the packed content.
    #[error("it cannot be unpacked: {0}")]
    Unpack(String),
    /// The end is missing.
    #[error("it ends too early")]
    Cut,
    /// Something stands behind its end.
    #[error("it goes on behind its end")]
    Trailing,
    /// More comes out than its row says.
    #[error("more comes out than the {0} octets that its row says")]
    TooLong(u64),
    /// The cipher failed to write.
    #[error("it cannot be encrypted")]
    Encrypt,
}

#[cfg(test)]
mod tests;
