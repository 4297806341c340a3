//! RFC 5321 as Rust: values, decoders and the two sessions. Octets in, values out; values in, octets out.
//!
//! | section of RFC 5321 | file |
//! |---|---|
//! | §2.3.8, §4.5.3.1 command lines | `line` |
//! | §4.1 commands, §4.1.2 grammar | `command`, `path`, `domain`, `parameter` |
//! | §4.2 replies | `reply`, `reply_decoder` |
//! | §2.2, §4.1.1.1 extensions | `extension`, `stated_limits` (RFC 9422), `announcement` (XCLIENT), `auth` (RFC 4954), `xtext` |
//! | §4.5.2 transparency, §4.1.1.4 end of mail data; RFC 3030 chunks | `mail_data` |
//! | §3.3 mail transaction | `envelope` |
//! | §4.4 trace fields | `received` |
//! | §4.5.3 limits | `limits` |
//! | §3, §4.3 the dialogue | `server`, `client` |
//!
//! Nothing here knows policy, sockets or time.

pub mod announcement;
pub mod auth;
pub mod client;
pub mod command;
pub mod domain;
pub mod envelope;
pub mod extension;
pub mod limits;
pub mod line;
pub mod mail_data;
pub mod parameter;
pub mod path;
pub mod received;
pub mod reply;
mod reply_decoder;
pub mod server;
pub mod stated_limits;
pub mod violation;
pub mod xtext;
