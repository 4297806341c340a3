//! The hold: content while undecided. Memory up to 64 KiB, then a memfd, then an unlinked file.

use std::path::PathBuf;

/// Bounds of all holds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where unlinked files are made: `data_dir/hold`.
    pub folder: PathBuf,
    /// A memfd up to this, octets.
    pub memory_per_message: u64,
    /// All memory holds and memfds together, octets.
    pub memory_total: u64,
}
