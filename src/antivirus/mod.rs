//! Scanners: clamd over a local socket or TCP, and YARA in process. Content in, verdicts out; none of them is guessed.

use std::{fs::File, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

/// What is scanned: a file (often a memfd), complete, our `Received:` first.
#[derive(Clone, Debug)]
pub struct Content {
    /// Opened read-only; read with `read_at` only (its offset is shared).
    pub file: Arc<File>,
    /// Its length, octets.
    pub length: u64,
}

/// One `[[scanner]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannerSettings {
    /// Alternatives share a group, every group must answer.
    pub group: String,
    /// Which kind.
    pub kind: ScannerKind,
}

/// The kinds of scanner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScannerKind {
    /// clamd.
    Clamd(ClamdAddress),
    /// YARA rules in process: a folder of `*.yar`.
    Yara {
        /// The folder.
        rules: PathBuf,
        /// Messages above are not fully scanned, octets.
        max_size: u64,
    },
}

/// Where a clamd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClamdAddress {
    /// `unix:/path`
    Unix(PathBuf),
    /// `tcp:host:port` with a numeric host.
    Tcp(SocketAddr),
    /// `tcp:host:port` with a name, resolved at every connection.
    TcpName(String, u16),
}

/// How scans run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// All scanners; empty only if antivirus is switched off.
    pub scanners: Vec<ScannerSettings>,
    /// From asking to answer.
    pub scan_timeout: Duration,
    /// Opening a connection.
    pub connect_timeout: Duration,
    /// Scans in flight per clamd.
    pub in_flight: usize,
}
