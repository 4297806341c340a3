//! clap's own words, which it has in English only, in Portuguese.
//!
//! In: one built command. Out: the same with its usage line, value names, defaults, and the words of `--help`, `--version` and
//! `help` in Portuguese. What `arguments` wrote in the person's language is left as it is.

use clap::{Arg, Command};

/// Value names and words of usage lines. One that is not here stays: `ID` and `IP` are the same in both.
const WORDS: [(&str, &str); 12] = [
    ("OPTIONS", "OPÇÕES"),
    ("COMMAND", "COMANDO"),
    ("FILE", "ARQUIVO"),
    ("TEXT", "TEXTO"),
    ("ADDRESS", "ENDEREÇO"),
    ("TIME", "TEMPO"),
    ("NAME", "NOME"),
    ("GROUP", "GRUPO"),
    ("MODE", "MODO"),
    ("LINES", "LINHAS"),
    ("FOLDER", "PASTA"),
    ("KEYS", "CHAVES"),
];

/// The command as a Brazilian reads it.
pub(super) fn in_portuguese(mut command: Command) -> Command {
    let usage = usage(&mut command);
    let command = if command.get_name() == "help" {
        command.about("Mostra esta ajuda, ou a de um comando")
    } else {
        command.help_template("{about-with-newline}\nUso: {usage}\n\n{all-args}{after-help}")
    };
    command.override_usage(usage).subcommand_help_heading("Comandos").mut_args(argument)
}

/// The usage line without clap's `Usage: `, which the template has in Portuguese.
fn usage(command: &mut Command) -> String {
    let rendered = command.render_usage().to_string();
    let line = rendered.trim().trim_start_matches("Usage:").trim_start();
    WORDS.iter().fold(line.to_owned(), |line, (en, pt)| {
        line.replace(&format!("<{en}>"), &format!("<{pt}>")).replace(&format!("[{en}]"), &format!("[{pt}]"))
    })
}

fn argument(argument: Arg) -> Arg {
    let word = |name: &str| WORDS.iter().find(|(en, _)| *en == name).map(|(_, pt)| *pt);
    let names: Vec<&'static str> =
        argument.get_value_names().unwrap_or_default().iter().filter_map(|name| word(name)).collect();
    let argument = if names.is_empty() { argument } else { argument.value_names(names) };
    if !argument.get_action().takes_values() {
        return argument;
    }
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let defaults = argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let possible = argument.get_possible_values().into_iter().map(|value| value.get_name().to_owned());
    let told = listed("padrão", defaults) + &listed("valores", possible);
    argument.hide_default_value(true).hide_possible_values(true).help(help + &told)
}

/// ` [padrão: 30]`, or nothing.
fn listed(what: &str, values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() { String::new() } else { format!(" [{what}: {}]", values.join(", ")) }
}
