//! Every command has examples in both languages, and everything that they have people type is read by the parser itself: an option
//! that is renamed takes its examples along.

use clap::Command;

use super::{EXAMPLES, Examples};
use crate::{cli::arguments, language::Language};

const BOTH: [(Language, &str); 2] = [(Language::En, "Example: "), (Language::PtBr, "Exemplo: ")];

/// Every command below, with the words that lead to it; but for `help`, which repeats them all.
fn each(command: &Command, path: &str, visit: &mut impl FnMut(&str, &Command)) {
    visit(path, command);
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        each(sub, &format!("{path} {}", sub.get_name()), visit);
    }
}

fn help_of(command: &Command) -> String {
    command.clone().render_long_help().to_string()
}

/// What people are to type: a line that begins with `$`, or with the program (perhaps as another user).
fn typed(line: &str) -> Option<&str> {
    let line = line.strip_prefix("  ")?;
    let typed = line.strip_prefix("$ ");
    typed.or_else(|| (line.starts_with("portaria ") || line.starts_with("sudo ")).then_some(line))
}

/// The commands of a shell line, each as its words: quotes hold together; `|`, `&&` and `;` end a command; where the output goes is
/// no word of it.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word, mut quote) = (Vec::new(), Vec::new(), None::<String>, None);
    for char in line.chars().chain([' ', ';']) {
        match (char, quote) {
            (_, Some(end)) if char == end => quote = None,
            (_, Some(_)) => word.get_or_insert_default().push(char),
            ('"' | '\'', None) => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (' ' | '|' | '&' | ';', None) => {
                words.extend(word.take());
                if char != ' ' {
                    all.push(std::mem::take(&mut words));
                }
            }
            _ => word.get_or_insert_default().push(char),
        }
    }
    assert_eq!(quote, None, "a quote is not closed: {line}");
    all.retain(|words| !words.is_empty());
    for words in &mut all {
        let end = words.iter().position(|word| word == ">").unwrap_or(words.len());
        words.truncate(end);
    }
    all
}

/// The words from the program on, if the command is one of ours: behind `sudo -u portaria`, `PORTARIA_LANGUAGE=en`.
fn ours(words: &[String]) -> Option<&[String]> {
    let sudo = words.first().is_some_and(|first| first == "sudo");
    let skipped = match words {
        [_, user, _, ..] if sudo && user == "-u" => 3,
        _ if sudo => 1,
        [first, ..] if first.contains('=') => 1,
        _ => 0,
    };
    let rest = words.get(skipped..)?;
    rest.first().is_some_and(|first| first == "portaria").then_some(rest)
}

#[test]
fn every_command_has_an_example_in_both_languages_that_calls_it() {
    for (language, word) in BOTH {
        let mut faults = Vec::new();
        each(&arguments::command(language), "portaria", &mut |path, command| {
            // What only groups others has no need of one, since it does nothing; ours have one all the same.
            let does_something = !command.is_subcommand_required_set();
            let help = help_of(command);
            let calls = help
                .lines()
                .filter_map(typed)
                .flat_map(commands)
                .any(|words| ours(&words).is_some_and(|words| words.join(" ").starts_with(path)));
            if does_something && !(help.contains(&format!("\n{word}")) && calls) {
                faults.push(path.to_owned());
            }
        });
        assert!(faults.is_empty(), "{language:?}: no example: {faults:?}");
    }
}

#[test]
fn whatever_is_to_be_typed_is_read_by_the_parser() {
    for (language, _) in BOTH {
        let mut read = 0;
        each(&arguments::command(language), "portaria", &mut |path, command| {
            for line in help_of(command).lines().filter_map(typed) {
                for words in commands(line) {
                    let Some(words) = ours(&words) else { continue };
                    let parsed = arguments::command(language).try_get_matches_from(words);
                    assert!(parsed.is_ok(), "{path}: {line}\n{}", parsed.unwrap_err());
                    read += 1;
                }
            }
        });
        assert!(read >= EXAMPLES.len(), "{read} are read");
    }
}

#[test]
fn both_languages_have_the_same_examples() {
    for Examples { path, en, pt } in EXAMPLES {
        let count = |text: &str, word: &str| (text.matches(word).count(), text.lines().filter_map(typed).count());
        assert_eq!(count(en, "Example: "), count(pt, "Exemplo: "), "{path}");
        for text in [en, pt] {
            assert!(text.lines().all(|line| line.trim_end() == line), "{path}: spaces at the end of a line");
        }
    }
}

#[test]
fn every_text_belongs_to_a_command() {
    let mut paths = Vec::new();
    each(&arguments::command(Language::En), "portaria", &mut |path, _| {
        paths.push(path.strip_prefix("portaria ").unwrap_or(path).replace(' ', "/"));
    });
    for Examples { path, .. } in EXAMPLES {
        assert!(paths.iter().any(|there| there == path), "{path}");
    }
}

#[test]
fn no_word_of_clap_is_left_in_english() {
    let english = [
        "Usage",
        "OPTIONS",
        "COMMAND",
        "Commands",
        "Arguments",
        "Options",
        "Print",
        "default:",
        "possible values",
        "<FILE>",
        "<TEXT>",
    ];
    each(&arguments::command(Language::PtBr), "portaria", &mut |path, command| {
        let help = help_of(command);
        let own = help.split("\nExemplo: ").next().unwrap();
        assert!(own.contains(&format!("Uso: {path}")), "{own}");
        for word in english {
            assert!(!own.contains(word), "{path}: {word}: {own}");
        }
    });
}

/// The reader of shell lines is a little program of its own.
#[test]
fn a_shell_line_falls_into_its_commands() {
    for (line, expected) in [
        ("portaria status", vec![vec!["portaria", "status"]]),
        ("a \"b c\" 'd | e' && f > g", vec![vec!["a", "b c", "d | e"], vec!["f"]]),
        ("a ''|b --x=\"y z\"", vec![vec!["a", ""], vec!["b", "--x=y z"]]),
    ] {
        assert_eq!(commands(line), expected, "{line}");
    }
    assert_eq!(typed("  the output"), None);
}
