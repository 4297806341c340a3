//! One client connection from start to end, without I/O. **Start reading here.**
//!
//! The contract: feed **one** [`Input`](event::Input), drain **all** [`Output`](event::Output)s, then wait, as the last of them
//! (`Wait`) says. Nothing happens between inputs; time passes only by being told.
//!
//! ```text
//!            ClientOctets            MAIL RCPT DATA            ask · deliver · dot         ToNextHop
//!  client ──► server::Session ──events──► Transaction ──────────► Handover ──► client::Transaction ──► next hop
//!         ◄── ToClient ◄── answers ──┘    │  ▲  │  ▲             ◄─ progress ◄─ NextHopOctets ◄──
//!                                         ▼  │  ▼  └ Journaled
//!                                Hold, Scan  │ Quarantine, Intent, Record
//!                               Held, Scanned┘
//! ```
//!
//! | what | file |
//! |---|---|
//! | the outside world in three types | `event` |
//! | the client's connection: who is read when, what ends it | `session` |
//! | one mail transaction, phase by phase | `transaction` |
//! | the next hop's side of it | `handover` |
//! | a release from the quarantine: the same, with us as the sender | `release` |
//! | as whom the client has logged in | `login` |
//! | our replies, and which of the next hop's are passed on | `reply` |
//! | limits and deadlines | `settings` |

mod chance;
pub mod event;
mod handover;
pub mod login;
pub mod release;
mod reply;
mod session;
pub mod settings;
#[cfg(test)]
pub(crate) mod tests;
mod transaction;

pub use chance::Seeds;
pub use session::{Session, mail::Shares};
