//! The rule files as they are on the disk, and every set of them that came into force (decision 40).
//!
//! In: which files a set is read from, and that one came into force. Out: a set with its octets, whether the files have changed since
//! they were last looked at, and the sets of before with what changed between two. It does not know what stands in a rule, nor
//! whether a set is good.
//!
//! | file | what |
//! |---|---|
//! | `file_set` | the files of one set, read whole under a lock |
//! | `stamps` | whether files have changed, without reading them |
//! | `entry` | one set that came into force: when, by what, which files |
//! | `shelf` | the folder `data_dir/rules`: entries, and each content once |
//! | `history` | the writing side, bounded: the gateway's |
//! | `archive` | the reading side: the commands' |
//! | `beside` | one file, whole or not at all: for this and for the commands that change a list |
//! | `put_back` | the files of an earlier set into their places, so that a kill leaves no half that is taken for a set |
//! | `difference`, `lines` | what changed between two sets, by rule and by line |

mod archive;
mod beside;
mod difference;
mod entry;
mod file_set;
mod history;
pub mod lines;
mod put_back;
mod shelf;
mod stamps;
#[cfg(test)]
mod tests;

pub use archive::{Archive, ArchiveFault};
pub use beside::Beside;
pub use difference::{Change, Difference, Kind};
pub use entry::{Cause, Entry, Facts, FileEntry, ScannerRules};
pub use file_set::{FileSet, Lock, SetFile};
pub use history::{Bounds, History};
pub use put_back::Plan;
pub use stamps::Stamps;

/// In the rules folder while a rollback puts files there; left by one that was killed. What stands beside it is half of two sets.
pub const HALF_WAY: &str = ".rollback";
