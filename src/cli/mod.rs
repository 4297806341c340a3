//! To come.

pub mod escape;
pub mod explain;
pub mod quarantine;
pub mod rendering;
mod words;
