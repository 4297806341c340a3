//! To come.

pub mod loader;
