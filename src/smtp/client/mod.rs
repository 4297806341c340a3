//! The client side: first the [`Introduction`] (greeting, EHLO, STARTTLS), then mail [`Transaction`]s.
//!
//! Both are machines over octets: octets of the next hop in, octets for it out. Every octet that goes out is encoded here from
//! values that we understood; every octet that comes in is a reply to what we asked, or the connection is of no use.
//! Neither knows sockets, TLS, time, or what a reply means for a message.

mod command;
mod forward;
mod introduction;
mod transaction;

pub use forward::{ForwardAttributes, ForwardedClient};
pub use introduction::{Introduction, IntroductionFault, Step, TlsWish};
pub use transaction::{DialogueFault, Question, Transaction};

/// Said to a next hop whose connection is closed outside a transaction (RFC 5321 §4.1.1.10). Its reply need not be awaited.
pub const QUIT: &[u8] = b"QUIT\r\n";
