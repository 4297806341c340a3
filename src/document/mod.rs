//! A TOML file as a person wrote it: every value with its place, every fault with a line and a hint.
//!
//! In: the text of a configuration or rule file. Out: values of the types that the caller asks for, and at the end one
//! list of *all* faults (an operator who fixes one fault a run loses patience by the third).
//! This module does not know which keys exist; the callers say so by asking for them, and what nobody asked for is an
//! unknown key, reported with the nearest name that somebody did ask for.

mod code;
mod fault;
mod parts;
mod reader;
mod syntax;
mod value;

pub use code::Code;
pub use fault::{Colours, Fault, Faults, Place, Severity};
pub use parts::{NotInParts, Part};
pub use reader::{Document, Found, Table, Words, few_edits, nearest};
pub use value::{ByteRate, ByteSize, FromToml, duration};
