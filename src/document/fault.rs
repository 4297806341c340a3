//! What is wrong in a file, where, and what to do next.

use std::{fmt::Write as _, ops::Range, path::PathBuf};

use crate::language::{Language, Text};

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
    /// The text of that line, without its line end.
    pub text: String,
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
        let text = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r').to_owned();
        let column = source.get(line_start..start).unwrap_or_default().chars().count() + 1;
        let covered = source.get(start..floor_boundary(source, span.end)).unwrap_or_default();
        let width = covered.split('\n').next().unwrap_or_default().chars().count().max(1);
        Self { line: before.matches('\n').count() + 1, column, text, width }
    }
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
        let file = self.file.display();
        let what = self.what.in_language(language);
        // A write to a String cannot fail.
        let _ = match &self.place {
            Some(place) => writeln!(out, "{file}:{}:{}: {label}: {what}", place.line, place.column),
            None => writeln!(out, "{file}: {label}: {what}"),
        };
        if let Some(place) = &self.place {
            let shown: String = place.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let pad = " ".repeat(place.column.saturating_sub(1));
            let room = shown.chars().count().saturating_sub(place.column.saturating_sub(1)).max(1);
            let caret = "^".repeat(place.width.min(room));
            let _ = writeln!(out, "  {:>4} | {shown}\n       | {pad}{caret}", place.line);
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "       = {}", help.in_language(language));
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
