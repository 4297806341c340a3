//! The clamd of the adapter's own unit tests, borrowed: it speaks the protocol honestly where it is not told otherwise.

pub use portaria::antivirus::{Ages, ClamdAddress, Content, ScannerKind, ScannerSettings, Settings};

/// What the gateway wants to see found, and what clean, before it trusts a scanner.
#[allow(dead_code, reason = "made for the gateway, which uses all of it")]
#[path = "../../../../src/antivirus/self_test.rs"]
pub mod self_test;

#[allow(dead_code, reason = "made for the unit tests, which use all of it")]
#[path = "../../../../src/antivirus/fake_clamd.rs"]
pub mod fake_clamd;
