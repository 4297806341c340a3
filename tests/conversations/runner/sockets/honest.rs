//! The clamd of the adapter's own unit tests, borrowed: it speaks the protocol honestly where it is not told otherwise.

pub use portaria::antivirus::{ClamdAddress, Content, ScannerKind, ScannerSettings, Settings};

/// What the gateway wants to see found before it trusts a scanner.
pub mod self_test {
    /// The EICAR test file, not whole in this file: a scanner of this machine would take it away.
    pub fn eicar() -> String {
        ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
    }
}

#[allow(dead_code, reason = "made for the unit tests, which use all of it")]
#[path = "../../../../src/antivirus/fake_clamd.rs"]
pub mod fake_clamd;
