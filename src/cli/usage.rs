//! What is said to somebody who typed what is no command: what is wrong, what was probably meant, and where to read on.
//!
//! In: clap's fault, the command line, the words as they were typed. Out: a text in the person's language. It does not know what
//! any command does, and never guesses for the person: nothing is run.

use clap::{
    Command,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use super::escape::escape;
use crate::{
    document::few_edits,
    language::{Language, Text},
    text,
};

/// More than these would be a list of commands, which `--help` shows better.
const SUGGESTIONS: usize = 8;

/// The fault as a text; none for one that clap has to tell itself (help that is shown because nothing was typed).
pub(super) fn told(
    fault: &Error,
    program: &Command,
    typed: impl Iterator<Item = String>,
    language: Language,
) -> Option<String> {
    let (place, level) = place(program, typed);
    let (what, hints) = match fault.kind() {
        ErrorKind::InvalidSubcommand => {
            let name = word(fault, ContextKind::InvalidSubcommand);
            (
                text!("there is no command `{name}` here", "aqui não há o comando `{name}`"),
                nearest(&name, program, &place),
            )
        }
        ErrorKind::UnknownArgument => {
            let name = word(fault, ContextKind::InvalidArg);
            let meant = words(fault, ContextKind::SuggestedArg);
            (text!("nothing here takes `{name}`", "nada aqui recebe `{name}`"), meant)
        }
        ErrorKind::MissingSubcommand => (text!("a command is missing", "falta um comando"), Vec::new()),
        ErrorKind::MissingRequiredArgument => {
            let names = words(fault, ContextKind::InvalidArg).join(", ");
            (text!("{names} is missing", "falta {names}"), Vec::new())
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let (option, value) = (word(fault, ContextKind::InvalidArg), word(fault, ContextKind::InvalidValue));
            let why = std::error::Error::source(fault).map(|why| format!(": {why}")).unwrap_or_default();
            let possible = words(fault, ContextKind::ValidValue);
            if value.is_empty() {
                (text!("{option} wants a value", "{option} pede um valor"), possible)
            } else {
                (text!("{option} does not take `{value}`{why}", "{option} não aceita `{value}`{why}"), possible)
            }
        }
        ErrorKind::ArgumentConflict => {
            let (one, other) = (word(fault, ContextKind::InvalidArg), words(fault, ContextKind::PriorArg).join(", "));
            if other.is_empty() || other == one {
                (text!("{one} stands there twice", "{one} aparece duas vezes"), Vec::new())
            } else {
                (text!("{one} and {other} exclude each other", "{one} e {other} se excluem"), Vec::new())
            }
        }
        _ => return None,
    };
    Some(shown(&what, &hints, &place, level, language))
}

fn shown(what: &Text, hints: &[String], place: &str, level: &Command, language: Language) -> String {
    let say = |text: Text| text.in_language(language).to_owned();
    let mut lines = vec![say(text!("error", "erro")) + ": " + what.in_language(language)];
    if !hints.is_empty() {
        lines.push(say(text!("did you mean:", "você quis dizer:")));
        lines.extend(hints.iter().map(|hint| format!("  {hint}")));
    }
    let usage = level.clone().render_usage().to_string();
    let usage = usage.trim().trim_start_matches("Usage:").trim_start();
    lines.push(format!("{}: {usage}", say(text!("usage", "uso"))));
    lines.push(say(text!("examples: {place} --help", "exemplos: {place} --help")));
    lines.join("\n") + "\n"
}

/// The command that was reached before the fault: its words, and the command. Words that are no command (options, their values) are
/// passed over.
fn place(program: &Command, typed: impl Iterator<Item = String>) -> (String, &Command) {
    let mut reached = (program.get_name().to_owned(), program);
    for word in typed.skip(1) {
        if let Some(next) = reached.1.find_subcommand(&word) {
            reached = (format!("{} {word}", reached.0), next);
        }
    }
    reached
}

/// The commands whose name is nearest to what was typed, wherever they stand: `lookup` means `portaria directory lookup`. If any of
/// them stands where it was typed, only those.
fn nearest(typed: &str, program: &Command, place: &str) -> Vec<String> {
    let mut all = Vec::new();
    collect(program, program.get_name(), &mut all);
    let near = all.into_iter().filter_map(|(path, name)| Some((few_edits(typed, &name)?, path)));
    let near: Vec<(usize, String)> = near.collect();
    let beside = |path: &str| path.rsplit_once(' ').is_some_and(|(parent, _)| parent == place);
    let here: Vec<_> = near.iter().filter(|(_, path)| beside(path)).cloned().collect();
    let mut found = if here.is_empty() { near } else { here };
    found.sort();
    let least = found.first().map_or(0, |(edits, _)| *edits);
    let best = found.into_iter().filter(|(edits, _)| *edits == least);
    best.map(|(_, path)| path).take(SUGGESTIONS).collect()
}

/// Every command below `command` with the words that lead to it, but for `help` and what it repeats.
fn collect(command: &Command, path: &str, into: &mut Vec<(String, String)>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name());
        collect(sub, &path, into);
        into.push((path, sub.get_name().to_owned()));
    }
}

fn word(fault: &Error, kind: ContextKind) -> String {
    words(fault, kind).join(" ")
}

/// Escaped: what was typed may have been pasted.
fn words(fault: &Error, kind: ContextKind) -> Vec<String> {
    match fault.get(kind) {
        Some(ContextValue::String(word)) => vec![escape(word)],
        Some(ContextValue::Strings(words)) => words.iter().map(|word| escape(word)).collect(),
        Some(ContextValue::StyledStr(word)) => vec![escape(&word.to_string())],
        Some(ContextValue::StyledStrs(words)) => words.iter().map(|word| escape(&word.to_string())).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments;

    fn say(line: &str, language: Language) -> String {
        let typed: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let fault = arguments::command(language).try_get_matches_from(&typed).unwrap_err();
        told(&fault, &arguments::command(language), typed.into_iter(), language).unwrap()
    }

    #[test]
    fn a_slip_is_answered_with_the_command_that_was_meant() {
        for (line, meant) in [
            ("portaria qarantine list", "portaria quarantine"),
            ("portaria sttaus", "portaria status"),
            ("portaria --config x.toml rules chekc", "portaria rules check"),
            ("portaria quarantine lsit", "portaria quarantine list"),
            ("portaria lookup x", "portaria directory lookup"),
            ("portaria antivirus strat", "portaria antivirus contingency start"),
        ] {
            let shown = say(line, Language::En);
            assert!(shown.contains(&format!("did you mean:\n  {meant}\nusage: ")), "{line}: {shown}");
        }
        // Many groups have a `list`: all are named. Nothing is near to nonsense.
        let shown = say("portaria list", Language::En);
        for group in ["quarantine", "alert", "application"] {
            assert!(shown.contains(&format!("\n  portaria {group} list\n")), "{shown}");
        }
        assert!(!say("portaria xyzzy", Language::En).contains("did you mean"));
    }

    #[test]
    fn every_fault_is_told_in_the_language_of_the_person() {
        for (line, portuguese) in [
            (
                "portaria qarantine",
                "erro: aqui não há o comando `qarantine`\nvocê quis dizer:\n  portaria quarantine\nuso: portaria [OPÇÕES] <COMANDO>\nexemplos: portaria --help\n",
            ),
            (
                "portaria --json",
                "erro: falta um comando\nuso: portaria [OPÇÕES] <COMANDO>\nexemplos: portaria --help\n",
            ),
            (
                "portaria explain",
                "erro: falta <ID>\nuso: portaria explain [OPÇÕES] <ID>\nexemplos: portaria explain --help\n",
            ),
            (
                "portaria explain a b",
                "erro: nada aqui recebe `b`\nuso: portaria explain [OPÇÕES] <ID>\nexemplos: portaria explain --help\n",
            ),
            (
                "portaria status --jsom",
                "erro: nada aqui recebe `--jsom`\nvocê quis dizer:\n  --json\nuso: portaria status [OPÇÕES]\nexemplos: portaria status --help\n",
            ),
            (
                "portaria application report --days x",
                "erro: --days <N> não aceita `x`: invalid digit found in string\nuso: portaria application report [OPÇÕES]\nexemplos: portaria application report --help\n",
            ),
            (
                "portaria demo --once --once",
                "erro: --once aparece duas vezes\nuso: portaria demo [OPÇÕES]\nexemplos: portaria demo --help\n",
            ),
            (
                "portaria rules test --client",
                "erro: --client <IP> pede um valor\nuso: portaria rules test [OPÇÕES]\nexemplos: portaria rules test --help\n",
            ),
            (
                "portaria antivirus contingency start --mode x",
                "erro: --mode <MODO> não aceita `x`\nvocê quis dizer:\n  deliver\n  hold\n  defer\nuso: portaria antivirus contingency start [OPÇÕES] --mode <MODO> --for <TEMPO> --reason <TEXTO> --ticket <TEXTO>\nexemplos: portaria antivirus contingency start --help\n",
            ),
        ] {
            assert_eq!(say(line, Language::PtBr), portuguese, "{line}");
        }
    }

    #[test]
    fn what_was_typed_does_nothing_to_the_terminal() {
        assert!(!say("portaria \u{1b}[31mx", Language::En).contains('\u{1b}'));
    }
}
