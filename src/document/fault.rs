//! What is wrong in a file, where, and what to do next.

use std::{fmt::Write as _, ops::Range, path::PathBuf};

use crate::language::{Language, Text, acts_or_hides};

/// Characters of a line that are shown around a fault: a file may be one line of a mebibyte.
const SHOWN: usize = 160;
/// Characters of a sentence that are shown: it may quote a key or a value as long as the file.
const SENTENCE: usize = 600;

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is used, but somebody should look.
    Warning,
    /// The file is not used.
    Error,
}

/// A place in a file: line and column, both from 1, columns counted in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// The text of that line around the fault, without its line end; `…` stands where it was cut.
    pub text: String,
    /// Where the fault begins in `text`, in characters from 0.
    pub caret: usize,
    /// How many characters of the line the fault covers, at least 1.
    pub width: usize,
}

impl Place {
    /// The place of the octets `span` of `source`. A span beyond the end is the end.
    pub fn of(source: &str, span: &Range<usize>) -> Self {
        let start = floor_boundary(source, span.start);
        let before = source.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = source.get(line_start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let column = source.get(line_start..start).unwrap_or_default().chars().count() + 1;
        let (text, caret) = around(line, column - 1);
        let covered = source.get(start..floor_boundary(source, span.end)).unwrap_or_default();
        let width =
            covered.split('\n').next().unwrap_or_default().trim_end_matches('\r').chars().take(SHOWN).count().max(1);
        Self { line: before.matches('\n').count() + 1, column, text, caret, width }
    }
}

/// At most [`SHOWN`] characters of a line with the `at`-th among them, and where that one stands in what is shown.
fn around(line: &str, at: usize) -> (String, usize) {
    // In characters: 80 of a script whose letters take three octets fit, and are not to be cut.
    let from = if line.chars().nth(SHOWN).is_none() { 0 } else { at.saturating_sub(SHOWN / 2) };
    let mut text: String = if from > 0 { "…".to_owned() } else { String::new() };
    let mut rest = line.chars().skip(from);
    text.extend(rest.by_ref().take(SHOWN));
    if rest.next().is_some() {
        text.push('…');
    }
    (text, at - from + usize::from(from > 0))
}

/// What a file or its name says, as one line that does nothing to a terminal, and is not endless.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(SENTENCE));
    let mut chars = text.chars();
    for c in chars.by_ref().take(SENTENCE) {
        // A write to a String cannot fail.
        let _ = if acts_or_hides(c) { write!(out, "\\u{{{:x}}}", u32::from(c)) } else { out.write_char(c) };
    }
    if chars.next().is_some() {
        out.push('…');
    }
    out
}

fn floor_boundary(source: &str, at: usize) -> usize {
    source.floor_char_boundary(at.min(source.len()))
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The file, as the operator named it.
    pub file: PathBuf,
    /// Where in the file; none when the file as a whole is meant (it cannot be read).
    pub place: Option<Place>,
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// What is wrong.
    pub what: Text,
    /// What to do about it.
    pub help: Option<Text>,
}

impl Fault {
    /// An error about a file as a whole.
    pub fn about_file(file: impl Into<PathBuf>, what: Text) -> Self {
        Self { file: file.into(), place: None, severity: Severity::Error, what, help: None }
    }

    /// The fault as lines for a person: place, sentence, the line with a caret, the hint.
    pub fn render(&self, language: Language) -> String {
        let mut out = String::new();
        let label = match (self.severity, language) {
            (Severity::Error, Language::En) => "error",
            (Severity::Error, Language::PtBr) => "erro",
            (Severity::Warning, Language::En) => "warning",
            (Severity::Warning, Language::PtBr) => "aviso",
        };
        let file = visible(&self.file.display().to_string());
        let what = visible(self.what.in_language(language));
        // A write to a String cannot fail.
        let _ = match &self.place {
            Some(place) => writeln!(out, "{file}:{}:{}: {label}: {what}", place.line, place.column),
            None => writeln!(out, "{file}: {label}: {what}"),
        };
        if let Some(place) = &self.place {
            // One column for each, or the caret stands elsewhere.
            let shown: String = place.text.chars().map(|c| if acts_or_hides(c) { ' ' } else { c }).collect();
            let pad = " ".repeat(place.caret);
            let room = shown.chars().count().saturating_sub(place.caret).max(1);
            let caret = "^".repeat(place.width.min(room));
            let _ = writeln!(out, "  {:>4} | {shown}\n       | {pad}{caret}", place.line);
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "       = {}", visible(help.in_language(language)));
        }
        out
    }
}

/// All that is wrong, in the order of the files and of the places in them.
#[derive(Clone, Debug, Default)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Whether any of them keeps the file from being used.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// Adds those of another file.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// All of them as lines for a person.
    pub fn render(&self, language: Language) -> String {
        self.0.iter().map(|fault| fault.render(language)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    /// A key, a value or a file name with an escape sequence, a line end or a direction override in it stays one line that does
    /// nothing: `rules check` runs on files that somebody else wrote.
    #[test]
    fn nothing_in_a_file_acts_on_the_terminal() {
        let bad = "x\u{1b}[2J\u{9b}1m\u{202e}\u{2028}y\nok: all in order";
        let mut fault = Fault::about_file(format!("rules/{bad}.toml"), text!("unknown key `{bad}`", "chave `{bad}`"));
        fault.place = Some(Place::of("a\u{1b}b\u{202e}c = 1", &(0..1)));
        fault.help = Some(text!("not `{bad}`", "não `{bad}`"));
        let shown = fault.render(Language::En);
        assert_eq!(shown.chars().find(|&c| c != '\n' && acts_or_hides(c)), None, "{shown}");
        assert_eq!(shown.lines().count(), 4, "{shown}");
        assert!(shown.contains("unknown key `x\\u{1b}[2J\\u{9b}1m\\u{202e}\\u{2028}y\\u{a}ok"), "{shown}");
    }

    /// A file of one line, or a key as long as the file, is shown in part, and the caret still stands below the fault.
    #[test]
    fn a_long_line_is_shown_around_the_fault() {
        let line = format!("{}Ã{}", "a".repeat(500_000), "b".repeat(500_000));
        let place = Place::of(&line, &(500_000..900_000));
        assert_eq!((place.column, place.text.chars().nth(place.caret)), (500_001, Some('Ã')));
        let fault = Fault { place: Some(place), ..Fault::about_file("r.toml", text!("`{line}`", "`{line}`")) };
        assert!(fault.render(Language::En).len() < 2_000);
        let wide = Place::of(&"\u{fffd}".repeat(160), &(300..303));
        assert_eq!((wide.text.chars().count(), wide.caret), (160, 100), "a line that fits is shown whole");
        let two_lines = Place::of("a;\"b\r\nc\"", &(2..8));
        assert_eq!((two_lines.text.as_str(), two_lines.width), ("a;\"b", 2), "a line end is nothing to point at");
        let short = Place::of("a = 1\nbé = 2\n", &(6..9));
        assert_eq!((short.line, short.column, short.text.as_str(), short.caret, short.width), (2, 1, "bé = 2", 0, 2));
    }
}
