//! Plays conversation scripts.
//!
//! | what | file |
//! |---|---|
//! | a script as written | `script` |
//! | the header lines: settings, rules, blocked mailboxes | `setup` |
//! | one play of a script: inputs fed, expectations compared | `play` |
//! | patterns, facts | `expected` |
//! | the outside world of one session, as values | `world` |
//! | the next hop as seen on its wire | `next_hop` |
//! | a connection to a next hop, as a script writes it | `ready` |
//! | the promises, checked at every output | `promises` |
//! | where octets are split | `split` |
//! | the same scripts over real sockets | `sockets` |

mod chunks;
mod expected;
mod next_hop;
mod play;
mod promises;
mod ready;
mod script;
mod setup;
pub mod sockets;
mod split;
mod world;

use std::path::{Path, PathBuf};

pub use script::Script;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations")
}

/// The groups that there are: the folders beside this one.
pub fn folders() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    folders.filter(|name| name != "runner").collect()
}

/// The scripts of a group, in name order.
#[expect(clippy::disallowed_methods, reason = "a test reads its scripts")]
pub fn scripts(group: &str) -> Vec<Script> {
    let entries = std::fs::read_dir(folder().join(group)).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|is| is == "smtp")).collect();
    paths.sort();
    let name = |path: &Path| format!("{group}/{}", path.file_name().unwrap().to_str().unwrap());
    paths.iter().map(|path| Script::parse(&name(path), &std::fs::read_to_string(path).unwrap())).collect()
}

/// Plays all scripts of a group and fails with all that is wrong with any of them.
pub fn play_group(group: &str) {
    let faults: Vec<String> = scripts(group).iter().flat_map(Script::play).collect();
    assert!(faults.is_empty(), "\n\n{}\n", faults.join("\n"));
}
