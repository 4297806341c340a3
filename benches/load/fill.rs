//! A database with a great many records in it, before a gateway starts on it: the bulk way of `benches/tracking`.

#[path = "../tracking/bulk.rs"]
#[allow(dead_code, reason = "each bench takes what it needs")]
mod bulk;
#[path = "../tracking/made.rs"]
#[allow(dead_code, reason = "each bench takes what it needs")]
mod made;

use std::path::{Path, PathBuf};

use portaria::store::Store;

use crate::runtime;

/// Where, and how much.
pub struct Bench {
    folder: PathBuf,
    server: Option<String>,
    count: u64,
    lean: bool,
}

/// Makes a database in a gateway's `data_dir`, with so many records of about 1.1 KiB.
pub fn records(data: &Path, count: u64) -> Result<(), String> {
    let bench = Bench { folder: data.to_owned(), server: None, count, lean: true };
    runtime().block_on(async {
        let store = Store::open(data).await.map_err(|fault| format!("{}: {fault}", data.display()))?;
        store.close().await;
        bulk::fill(&bench, 0, count).await;
        Ok(())
    })
}
