//! What help says beyond clap's words: worked examples, in both languages.
//!
//! In: the whole command line as `arguments` builds it, and the texts of this folder: `en/rules/check.txt` and
//! `pt-BR/rules/check.txt` belong to `portaria rules check`. Out: the same command line with an example section behind the options
//! of each command. The texts are files and no `text!`: they hold what a run printed, with its braces and quotes as they are; that
//! none is forgotten in one language the compiler sees, which wants both. A line that begins with `  $ ` is typed, what follows is
//! the output, and `…` stands for what is left out.

mod words;

use clap::Command;

use crate::language::Language;

/// What stands behind the options of one command.
struct Examples {
    /// The names that lead to it, with `/` between them; the program itself is `portaria`.
    path: &'static str,
    en: &'static str,
    pt: &'static str,
}

/// Both texts of a path; a file that is missing does not compile.
macro_rules! examples {
    ($($path:literal),* $(,)?) => {
        &[$(Examples {
            path: $path,
            en: include_str!(concat!("en/", $path, ".txt")),
            pt: include_str!(concat!("pt-BR/", $path, ".txt")),
        }),*]
    };
}

const EXAMPLES: &[Examples] = examples![
    "portaria",
    "run",
    "check",
    "demo",
    "status",
    "reload",
    "explain",
    "rules",
    "rules/check",
    "rules/test",
    "directory",
    "directory/check",
    "directory/lookup",
    "quarantine",
    "quarantine/export",
    "quarantine/list",
    "quarantine/show",
    "alert",
    "alert/list",
    "alert/test",
    "application",
    "application/list",
    "application/sheet",
    "application/report",
    "application/password",
    "application/test",
    "antivirus",
    "antivirus/contingency",
    "antivirus/contingency/start",
    "antivirus/contingency/end",
    "antivirus/exceptions",
    "backup",
    "restore",
];

/// The command line with the examples of every command that has some here, and all of clap's own words in `language`.
pub(super) fn complete(mut command: Command, language: Language) -> Command {
    // clap writes usage lines and adds `help` when it builds; both are to be in the person's language.
    command.build();
    let program = command.get_name().to_owned();
    furnished(command, "", &program, language)
}

/// `path`: where the command stands below the program; empty for the program.
fn furnished(mut command: Command, path: &str, program: &str, language: Language) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        command = command.mut_subcommand(name, |sub| furnished(sub, &below, program, language));
    }
    let named = if path.is_empty() { program } else { path };
    if let Some(examples) = EXAMPLES.iter().find(|examples| examples.path == named) {
        let text = match language {
            Language::En => examples.en,
            Language::PtBr => examples.pt,
        };
        command = command.after_help(text.trim_end());
    }
    match language {
        Language::En => command,
        Language::PtBr => words::in_portuguese(command),
    }
}

#[cfg(test)]
mod tests;
