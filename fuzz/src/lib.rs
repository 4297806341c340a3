//! Fuzz targets, each with an oracle: a naive second reading, a round trip, a promise. A target panics when the oracle is
//! broken and returns otherwise.
//!
//! A new one is a module with a function of its name, a line in [`TARGETS`], a `[[bin]]` in `Cargo.toml` with its three lines
//! in `fuzz_targets/`, and seeds named by meaning in `corpus/<name>/`.

pub mod antivirus_file;
pub mod audit_log;
pub mod backup;
pub mod blob;
pub mod choices;
pub mod clamd_answer;
pub mod client_introduction;
pub mod client_transaction;
pub mod command;
pub mod config_file;
pub mod directory_file;
pub mod encoded_word;
pub mod fold;
pub mod header_section;
pub mod journal_reader;
pub mod line;
pub mod mail_data;
pub mod mailboxes_file;
pub mod mime_ambiguity;
pub mod mutator;
pub mod places;
pub mod proxy_protocol;
pub mod relay_session;
pub mod reply;
pub mod rule_file;
pub mod server_session;
pub mod simulation;
pub mod splits;
pub mod terminal;

/// One target.
pub struct Target {
    /// Also the name of its folder of seeds.
    pub name: &'static str,
    /// Panics when the oracle is broken.
    pub run: fn(&[u8]),
}

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    Target { name: "antivirus_file", run: antivirus_file::antivirus_file },
    Target { name: "audit_log", run: audit_log::audit_log },
    Target { name: "backup", run: backup::backup },
    Target { name: "blob", run: blob::blob },
    Target { name: "clamd_answer", run: clamd_answer::clamd_answer },
    Target { name: "client_introduction", run: client_introduction::client_introduction },
    Target { name: "client_transaction", run: client_transaction::client_transaction },
    Target { name: "command", run: command::command },
    Target { name: "config_file", run: config_file::config_file },
    Target { name: "directory_file", run: directory_file::directory_file },
    Target { name: "encoded_word", run: encoded_word::encoded_word },
    Target { name: "fold", run: fold::fold },
    Target { name: "header_section", run: header_section::header_section },
    Target { name: "journal_reader", run: journal_reader::journal_reader },
    Target { name: "line", run: line::line },
    Target { name: "mail_data", run: mail_data::mail_data },
    Target { name: "mailboxes_file", run: mailboxes_file::mailboxes_file },
    Target { name: "mime_ambiguity", run: mime_ambiguity::mime_ambiguity },
    Target { name: "proxy_protocol", run: proxy_protocol::proxy_protocol },
    Target { name: "relay_session", run: relay_session::relay_session },
    Target { name: "reply", run: reply::reply },
    Target { name: "rule_file", run: rule_file::rule_file },
    Target { name: "server_session", run: server_session::server_session },
    Target { name: "terminal", run: terminal::terminal },
];
