//! What is wrong in a file, where, and what to do next.

use std::{borrow::Cow, fmt::Write as _, ops::Range, path::PathBuf};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Code;
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
        Self::in_line(source, span, before.bytes().filter(|octet| *octet == b'\n').count() + 1, line_start)
    }

    /// As [`Place::of`], for whoever knows the number of the line, and at which octet it begins.
    pub(super) fn in_line(source: &str, span: &Range<usize>, line_number: usize, line_start: usize) -> Self {
        let start = floor_boundary(source, span.start);
        let rest = source.get(line_start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let column = source.get(line_start..start).unwrap_or_default().chars().count() + 1;
        let (text, caret) = around(&discreet(line), column - 1);
        let covered = source.get(start..floor_boundary(source, span.end)).unwrap_or_default();
        let covered = covered.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let width = covered.chars().take(SHOWN).count().max(1);
        Self { line: line_number, column, text, caret, width }
    }

    /// The line as it is shown, and where the caret begins and how long it is, in columns of a terminal: a full-width letter
    /// takes two, an accent of its own none. What would act on the terminal, a TAB too, is shown as one space.
    fn columns(&self) -> (String, usize, usize) {
        let shown: String = self.text.chars().map(|c| if acts_or_hides(c) { ' ' } else { c }).collect();
        let before: String = shown.chars().take(self.caret).collect();
        let below: String = shown.chars().skip(self.caret).take(self.width).collect();
        let width =
            if self.width == 1 { below.chars().next().and_then(char::width).unwrap_or(1) } else { below.width() };
        let pad = before.width();
        (shown, pad, width.max(1))
    }
}

/// A line with a `*` for each letter of a secret that stands where none belongs: what is shown here goes into the journal and into
/// mails that ask for help. That is a password in a URL, and the value of a key that is called so but names no file.
fn discreet(line: &str) -> Cow<'_, str> {
    let secret = [password_of_url(line), value_of_secret(line)].into_iter().flatten().find(|span| !span.is_empty());
    let Some((before, rest)) = secret.as_ref().and_then(|span| line.split_at_checked(span.start)) else {
        return Cow::Borrowed(line);
    };
    let Some((hidden, behind)) = secret.and_then(|span| rest.split_at_checked(span.len())) else {
        return Cow::Borrowed(line);
    };
    let stars: String =
        hidden.chars().map(|c| if matches!(c, '"' | '\'') || c.is_whitespace() { c } else { '*' }).collect();
    Cow::Owned(format!("{before}{stars}{behind}"))
}

/// `://USER:PASSWORD@`; the last `@` before the path ends it (RFC 3986 §3.2.1), and a `?` in it, which ought to be written otherwise, does not.
fn password_of_url(line: &str) -> Option<Range<usize>> {
    let start = line.find("://")?.checked_add(3)?;
    let rest = line.get(start..)?;
    let authority = rest.get(..rest.find(['/', '"', '\'', ' ']).unwrap_or(rest.len()))?;
    let at = authority.rfind('@')?;
    let colon = authority.get(..at)?.find(':')?;
    Some(start.checked_add(colon)?.checked_add(1)?..start.checked_add(at)?)
}

/// What stands behind the `=` of `password = `, `secret_access_key = `. A sentence about passwords is no such key.
fn value_of_secret(line: &str) -> Option<Range<usize>> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim().to_ascii_lowercase();
    if !key.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-' | b'.' | b'"' | b'\'')) {
        return None;
    }
    let is_secret = ["password", "secret", "senha"].iter().any(|name| key.contains(name));
    let names_another = key.ends_with("file") || key.ends_with("hash");
    (is_secret && !names_another).then_some(line.len().checked_sub(value.len())?..line.len())
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
    /// Which kind of fault it is, where kinds are numbered.
    pub code: Option<Code>,
    /// The id of the rule that it is in, if it is in one that has an id.
    pub rule: Option<String>,
    /// What is wrong.
    pub what: Text,
    /// What to do about it.
    pub help: Option<Text>,
    /// Lines that would do, to be copied as they stand. Static: a line that somebody else's file has a part in could act on the terminal.
    pub lines: &'static [&'static str],
}

impl Fault {
    /// An error about a file as a whole.
    pub fn about_file(file: impl Into<PathBuf>, what: Text) -> Self {
        let (place, code, rule, help, lines) = Default::default();
        Self { file: file.into(), place, severity: Severity::Error, code, rule, what, help, lines }
    }

    /// Its code with the letter of its severity, such as `E03`.
    pub fn code(&self) -> Option<String> {
        Some(self.code?.shown(self.severity))
    }

    /// The fault as lines for a person: place, sentence, the line with a caret, the hint.
    pub fn render(&self, language: Language) -> String {
        self.render_in(language, Colours::Off)
    }

    /// As [`Fault::render`], with or without colours.
    pub fn render_in(&self, language: Language, colours: Colours) -> String {
        let mut out = String::new();
        let label = match (self.severity, language) {
            (Severity::Error, Language::En) => "error",
            (Severity::Error, Language::PtBr) => "erro",
            (Severity::Warning, Language::En) => "warning",
            (Severity::Warning, Language::PtBr) => "aviso",
        };
        let file = visible(&self.file.display().to_string());
        let what = visible(self.what.in_language(language));
        let code = self.code().map(|code| format!(" [{code}]")).unwrap_or_default();
        let paint = match self.severity {
            Severity::Error => RED,
            Severity::Warning => YELLOW,
        };
        let label = colours.paint(paint, label);
        let what = colours.paint(BOLD, &what);
        // A write to a String cannot fail.
        let _ = match &self.place {
            Some(place) => writeln!(out, "{file}:{}:{}: {label}: {what}{code}", place.line, place.column),
            None => writeln!(out, "{file}: {label}: {what}{code}"),
        };
        if let Some(place) = &self.place {
            let (shown, pad, width) = place.columns();
            let (pad, caret) = (" ".repeat(pad), colours.paint(paint, &"^".repeat(width)));
            let _ = writeln!(out, "  {:>4} | {shown}\n       | {pad}{caret}", place.line);
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "       = {}", visible(help.in_language(language)));
        }
        for line in self.lines {
            let _ = writeln!(out, "           {line}");
        }
        out
    }
}

/// Whether sentences are coloured: only on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// Plain text.
    Off,
    /// Escape sequences (ECMA-48 SGR) around labels and carets.
    On,
}

const RED: &str = "31;1";
const YELLOW: &str = "33;1";
const BOLD: &str = "1";

impl Colours {
    fn paint(self, paint: &str, text: &str) -> String {
        match self {
            Self::Off => text.to_owned(),
            Self::On => format!("\u{1b}[{paint}m{text}\u{1b}[0m"),
        }
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

    /// Puts them in the order of the files' names and of the places in them; what is about a whole file comes behind.
    pub fn sort(&mut self) {
        let place = |fault: &Fault| {
            let place = fault.place.as_ref().map(|place| (place.line, place.column));
            (place.is_none(), place)
        };
        self.0.sort_by(|a, b| (&a.file, place(a)).cmp(&(&b.file, place(b))));
    }

    /// All of them as lines for a person.
    pub fn render(&self, language: Language) -> String {
        self.render_in(language, Colours::Off)
    }

    /// As [`Faults::render`], with or without colours.
    pub fn render_in(&self, language: Language, colours: Colours) -> String {
        self.0.iter().map(|fault| fault.render_in(language, colours)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    /// `run` says faults to the journal, where a password would stay.
    #[test]
    fn a_secret_in_a_faulty_line_is_not_shown() {
        for (line, shown) in [
            (r#"url = "postgresql://u:ge@im:9@db/x""#, r#"url = "postgresql://u:*******@db/x""#),
            (r#"webhook = "https://u:geheim?@x""#, r#"webhook = "https://u:*******@x""#),
            (r#"secret = "geheim" "#, r#"secret = "******" "#),
            ("AWS_Secret_Access_Key = gehéim=", "AWS_Secret_Access_Key = *******"),
            (r#"password_file = "/etc/p""#, r#"password_file = "/etc/p""#),
            (r#"url = "postgresql://u@db:5432/x""#, r#"url = "postgresql://u@db:5432/x""#),
            (r#"any_words = ["senha"]"#, r#"any_words = ["senha"]"#),
            ("url = \"x://:@\"", "url = \"x://:@\""),
            ("# senhas falsas = avisos", "# senhas falsas = avisos"),
            ("s3.\"secret\" = geheim", "s3.\"secret\" = ******"),
        ] {
            let mut fault = Fault::about_file("portaria.toml", text!("x", "x"));
            fault.place = Some(Place::of(line, &(0..3)));
            let told = fault.render(Language::En);
            assert!(told.contains(shown.trim_end()), "{told}");
            assert!(!told.contains("eheim") && !told.contains("ge@im"), "{told}");
        }
    }

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

    /// TAB, full-width letters, an accent of its own: the caret stands below what is meant, column by column of the terminal.
    #[test]
    fn the_caret_stands_below_wide_and_narrow_letters() {
        let under = |line: &str, part: &str| {
            let start = line.find(part).unwrap();
            let place = Some(Place::of(line, &(start..start + part.len())));
            let fault = Fault { place, ..Fault::about_file("r.toml", text!("x", "x")) };
            let shown = fault.render(Language::En);
            let caret = shown.lines().nth(2).unwrap()["       | ".len()..].to_owned();
            (shown.lines().nth(1).unwrap()["     1 | ".len()..].to_owned(), caret)
        };
        assert_eq!(under("\tid = 1", "id"), (" id = 1".to_owned(), " ^^".to_owned()));
        assert_eq!(under("\"ＢＯ\" x", "x").1, "       ^");
        assert_eq!(under("\"ＢＯ\" x", "Ｏ").1, "   ^^");
        assert_eq!(under("c\u{327}a = 1", "="), ("c\u{327}a = 1".to_owned(), "   ^".to_owned()));
        assert_eq!(under("会 = bo\u{200b}leto", "leto").1, "        ^^^^");
    }

    /// Lines to be copied stand below the hint, each on its own.
    #[test]
    fn lines_that_would_do_can_be_copied() {
        let help = Some(text!("add these lines:", "acrescente estas linhas:"));
        let fault = Fault { help, lines: &["[a]", "b = 1"], ..Fault::about_file("r.toml", text!("bad", "ruim")) };
        let shown = "r.toml: error: bad\n       = add these lines:\n           [a]\n           b = 1\n";
        assert_eq!(fault.render(Language::En), shown);
    }

    #[test]
    fn the_code_stands_behind_the_sentence_and_colours_only_where_they_are_wanted() {
        let mut fault = Fault::about_file("r.toml", text!("bad", "ruim"));
        fault.code = Some(Code::UNKNOWN_KEY);
        assert_eq!(fault.render(Language::En), "r.toml: error: bad [E03]\n");
        fault.severity = Severity::Warning;
        assert_eq!(fault.render(Language::PtBr), "r.toml: aviso: ruim [A03]\n");
        let coloured = fault.render_in(Language::En, Colours::On);
        assert_eq!(coloured, "r.toml: \u{1b}[33;1mwarning\u{1b}[0m: \u{1b}[1mbad\u{1b}[0m [A03]\n");
    }
}
