//! `portaria.toml` and the rules folder: from files as people write them to what the program runs on.
//!
//! | what | file |
//! |---|---|
//! | what the program runs on, every key with its unit | `settings` |
//! | the value of every key that is not written | `defaults` |
//! | which keys exist, what they may be, which combinations make no sense | `schema` |
//! | files and folders: read, bounded | `file` |
//! | which files a rule set is read from | `set_files` |
//! | files and folders: what `portaria check` looks at beyond the text | `probe`, `certificate` |
//!
//! In: files. Out: [`Settings`] and a [`Policy`](crate::policy::Policy), or all that is wrong with them, with places. A
//! combination that cannot work is refused here, so that nobody behind has to ask again. This module opens no socket and does not
//! know the time: whether next hops and scanners answer is somebody else's check.

mod certificate;
mod defaults;
mod file;
mod probe;
mod quantity;
mod schema;
mod set_files;
mod settings;

pub use file::{
    ANTIVIRUS, Loaded, MAILBOXES, largest, load, load_classes, load_directory, load_policy, octets_of, read_up_to,
    rule_octets,
};
pub use probe::{CheckLine, CheckStatus, probe};
pub use quantity::{duration_text, size_text};
pub use schema::read;
pub use set_files::{may_be_set_file, set_files, yara_folders};
pub use settings::{
    Alert, Backup, Gateway, Limits, Listener, ListenerTls, Quarantine, Retention, Role, RuleFiles, Settings,
    SubjectsKept, Timeouts, TlsFiles,
};
