//! The core and the flow of the gateway, and nothing of it that touches the outside world: they compile by themselves, so that measuring
//! them takes two minutes of building and not ten. The layers are those of `src/lib.rs`.

#[path = "../../../src/document/mod.rs"]
pub mod document;
#[path = "../../../src/inspect/mod.rs"]
pub mod inspect;
#[path = "../../../src/language.rs"]
pub mod language;
#[path = "../../../src/message/mod.rs"]
pub mod message;
#[path = "../../../src/policy/mod.rs"]
pub mod policy;
#[path = "../../../src/relay/mod.rs"]
pub mod relay;
#[path = "../../../src/smtp/mod.rs"]
pub mod smtp;

pub use self::tree::record;

/// A module that is no `mod.rs` looks for its parts beside itself if it is named by a path of its own; by the path of its folder it does not.
#[path = "../../../src"]
mod tree {
    pub mod record;
}
