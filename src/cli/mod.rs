//! The command line: one file a subcommand. What a command finds out goes to the standard output, what went wrong to the
//! standard error; with `--json` one object a line.
//!
//! Exit codes: 0 done, 1 faults found, 2 usage, 3 gateway not reachable.

mod actor;
mod alert;
mod antivirus;
mod application;
mod arguments;
mod audit;
mod backup;
mod check;
mod checking;
mod demo;
mod directory;
mod edit_file;
pub mod escape;
mod explain;
mod help;
mod logging;
mod mailbox;
mod quarantine;
mod records;
mod rendering;
mod restore;
mod rule_files;
mod rule_state;
mod rules;
mod run;
mod start;
mod status;
mod subjects;
mod table;
mod terminal;
mod track;
mod usage;
mod when;
mod words;

use std::{path::PathBuf, process::ExitCode};

use crate::{
    config::{self, Settings},
    language::Language,
};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Done,
    /// 1
    Faults,
    /// 2
    Usage,
    /// 3
    NotReachable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Faults => 1,
            Exit::Usage => 2,
            Exit::NotReachable => 3,
        })
    }
}

/// What every command may be told.
#[derive(Clone, Debug)]
struct Common {
    config: PathBuf,
    json: bool,
    language: Language,
}

impl Common {
    /// The configuration; its faults are shown, and then there is none. From here on its language is spoken, unless
    /// `PORTARIA_LANGUAGE` says otherwise.
    fn settings(&mut self) -> Option<Settings> {
        match config::load(&self.config) {
            Ok(loaded) => {
                self.language = chosen_language().unwrap_or(loaded.settings.gateway.language);
                eprint!("{}", loaded.warnings.render(self.language));
                Some(loaded.settings)
            }
            Err(faults) => {
                eprint!("{}", faults.render(self.language));
                None
            }
        }
    }
}

/// `PORTARIA_LANGUAGE`, for one command in another language than the configured one.
fn chosen_language() -> Option<Language> {
    Language::from_tag(&std::env::var("PORTARIA_LANGUAGE").ok()?)
}

fn language() -> Language {
    let variable = |name: &str| std::env::var(name).ok();
    chosen_language().or_else(|| Language::from_environment(variable)).unwrap_or_default()
}

/// The whole program.
pub fn main() -> ExitCode {
    let language = language();
    match arguments::command(language).try_get_matches() {
        Ok(matches) => arguments::dispatch(&matches, language).into(),
        // Help and version are no faults of usage; clap knows which is which.
        Err(answer) if !answer.use_stderr() => {
            let _ = answer.print();
            Exit::Done.into()
        }
        Err(fault) => {
            let typed = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
            match usage::told(&fault, &arguments::command(language), typed, language) {
                Some(text) => eprint!("{text}"),
                None => drop(fault.print()),
            }
            Exit::Usage.into()
        }
    }
}

/// Prints a whole answer. A reader that went away (`| head`) is no fault of ours.
fn show(text: &str, exit_code: u8) -> Exit {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(text.as_bytes());
    exit(exit_code)
}

/// The exit code of a rendering as how the command ended.
fn exit(exit_code: u8) -> Exit {
    match exit_code {
        0 => Exit::Done,
        2 => Exit::Usage,
        3 => Exit::NotReachable,
        _ => Exit::Faults,
    }
}
