//! The sizes and counts that bound one session (RFC 5321 §4.5.3), in one place.

/// Limits that the server session enforces itself. The floors of §4.5.3.1 are noted where ours differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of mail data without trace fields of ours; above: `552 5.3.4`.
    pub message_size: u64,
    /// Recipients of one transaction (floor: 100); above: `452 4.5.3`.
    pub recipients: usize,
    /// Errors of one connection since its last message that was taken (syntax, sequence, 5xx to MAIL or RCPT); above:
    /// `421 4.7.0` and close.
    pub errors: u32,
    /// Mail transactions of one connection; above: `421 4.3.2` and close.
    pub transactions: u32,
}

/// Octets of a command line with its CRLF. The floor is 512, extensions add to it; longer lines are refused whole with `500 5.5.6`.
pub const COMMAND_LINE: usize = 2048;
/// Octets of a response to an AUTH challenge with its CRLF (RFC 4954 §4).
pub const AUTH_LINE: usize = 12_288;
/// Octets between the angle brackets of a path (§4.5.3.1.3: 256 with brackets).
pub const PATH: usize = 512;
/// ESMTP parameters of one command.
pub const PARAMETERS: usize = 10;
/// Digits of the size of a chunk: 18 fit any 64 bits, signed or not, so that nobody reads another number.
pub const CHUNK_SIZE_DIGITS: usize = 18;
/// Refused content is swallowed up to this many times the message size limit: who sends on and on hears 421, or less.
pub const SWALLOW_FACTOR: u64 = 4;
