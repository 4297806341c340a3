//! To come.

pub mod check;
