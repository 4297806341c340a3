//! Reading a parsed TOML file key by key, remembering what was asked for.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Code, Fault, Faults, FromToml, Place, Severity, syntax};
use crate::{language::Text, text};

/// Faults of one file that are told with their places; those beyond are counted. A file of 90 KB with 10,000 empty `[[rule]]` has
/// 70,000 of them: a minute of looking up places and 7 MB to read, in a checker that is to answer while somebody waits.
const TOLD: usize = 100;

/// One TOML file: its text, and the faults found in it so far.
pub struct Document<'d> {
    file: PathBuf,
    source: &'d str,
    /// Where each line begins: a file of ten thousand rules is not to be counted through for each.
    lines: Vec<usize>,
    root: Option<Spanned<DeTable<'d>>>,
    words: Words,
    sections: RefCell<Vec<(usize, String)>>,
    faults: RefCell<Vec<Noted>>,
    errors: Cell<usize>,
    /// Faults beyond [`TOLD`], and whether an error is among them.
    beyond: Cell<(usize, bool)>,
}

/// Words that people write for names of ours, and those names: `dono` for `owner`, `reply` in a table that has none for
/// `[rule.action] reply`. Small letters without accents. For hints only.
pub type Words = &'static [(&'static str, &'static str)];

/// A fault before its place is looked up.
struct Noted {
    /// Octets of the file.
    span: Range<usize>,
    severity: Severity,
    code: Option<Code>,
    what: Text,
    help: Option<Text>,
    lines: &'static [&'static str],
}

/// A value and the octets of the file that it was written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Where it stands, as octet positions in the file.
    pub span: Range<usize>,
}

impl<'d> Document<'d> {
    /// Parses `source`. Syntax errors become faults; the document then has an empty root, so that the caller needs no
    /// second path for them.
    pub fn parse(file: impl Into<PathBuf>, source: &'d str) -> Self {
        Self::parse_with(file, source, &[])
    }

    /// As [`Document::parse`], with words for its hints.
    pub fn parse_with(file: impl Into<PathBuf>, source: &'d str, words: Words) -> Self {
        let (root, errors) = DeTable::parse_recoverable(source);
        let root = errors.is_empty().then_some(root);
        let document = Self { root, words, ..Self::of_text(file, source) };
        for syntax::Slip { span, what, help } in syntax::slips(source, &errors, words) {
            document.fault_as(Code::SYNTAX, span, what, help);
        }
        document
    }

    /// A file that is not TOML, and whose faults are told as if it were: it has no root.
    pub fn of_text(file: impl Into<PathBuf>, source: &'d str) -> Self {
        let lines = std::iter::once(0).chain(memchr::memchr_iter(b'\n', source.as_bytes()).map(|at| at + 1)).collect();
        let (sections, faults, errors, beyond) = Default::default();
        Self { file: file.into(), source, lines, root: None, words: &[], sections, faults, errors, beyond }
    }

    /// The file's name, as given.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The text, as given: spans are octet positions in it.
    pub fn source(&self) -> &'d str {
        self.source
    }

    /// The place of these octets.
    pub fn place(&self, span: &Range<usize>) -> Place {
        let number = self.lines.partition_point(|start| *start <= span.start);
        let start = self.lines.get(number.saturating_sub(1)).copied().unwrap_or_default();
        Place::in_line(self.source, span, number, start)
    }

    /// How many errors were noted so far. A caller that reads a file part by part learns from it whether the part that it
    /// has just read can be used.
    pub fn errors(&self) -> usize {
        self.errors.get()
    }

    /// The table that the file is; none when the file is not TOML (which is reported already).
    pub fn root<'r>(&'r self) -> Option<Table<'r, 'd>> {
        let root = self.root.as_ref()?;
        Some(Table { document: self, table: root.get_ref(), span: 0..0, offset: 0, asked: RefCell::default() })
    }

    /// Gives up the parsed file, which takes ten times what its text does: faults can still be noted, with their places. From now on there is no root.
    pub fn forget_root(&mut self) {
        self.root = None;
    }

    /// From this octet on, faults are about what has this name (the id of a rule), until the next call with a later octet.
    pub fn begin(&self, at: usize, name: &str) {
        self.sections.borrow_mut().push((at, name.to_owned()));
    }

    /// Notes an error at `span`.
    pub fn fault(&self, span: Range<usize>, what: Text, help: Option<Text>) {
        self.note(Noted { span, severity: Severity::Error, code: None, what, help, lines: &[] });
    }

    /// Notes an error at `span` with lines that would do, shown below the hint.
    pub fn fault_to_mend(&self, span: Range<usize>, what: Text, help: Text, lines: &'static [&'static str]) {
        self.note(Noted { span, severity: Severity::Error, code: None, what, help: Some(help), lines });
    }

    /// Notes a warning at `span`.
    pub fn warning(&self, span: Range<usize>, what: Text, help: Option<Text>) {
        self.note(Noted { span, severity: Severity::Warning, code: None, what, help, lines: &[] });
    }

    /// Notes an error of a numbered kind.
    pub fn fault_as(&self, code: Code, span: Range<usize>, what: Text, help: Option<Text>) {
        self.note_as(code, Severity::Error, span, what, help);
    }

    /// Notes advice of a numbered kind.
    pub fn advise(&self, code: Code, span: Range<usize>, what: Text, help: Option<Text>) {
        self.note_as(code, Severity::Warning, span, what, help);
    }

    /// Notes a fault of a numbered kind whose severity depends on what it is in.
    pub fn note_as(&self, code: Code, severity: Severity, span: Range<usize>, what: Text, help: Option<Text>) {
        self.note(Noted { span, severity, code: Some(code), what, help, lines: &[] });
    }

    fn note(&self, noted: Noted) {
        let error = noted.severity == Severity::Error;
        self.errors.set(self.errors.get().saturating_add(usize::from(error)));
        let mut faults = self.faults.borrow_mut();
        if faults.len() < TOLD {
            return faults.push(noted);
        }
        let (count, before) = self.beyond.get();
        self.beyond.set((count.saturating_add(1), before || error));
    }

    /// All faults, in the order of their places; of more than a hundred the first that were noted, and how many more there are.
    pub fn into_faults(self) -> Faults {
        let mut noted = self.faults.take();
        noted.sort_by_key(|noted| noted.span.start);
        let sections = self.sections.take();
        let section = |at: usize| sections.iter().rev().find(|(start, _)| *start <= at).map(|(_, name)| name.clone());
        let fault = |Noted { span, severity, code, what, help, lines }: Noted| {
            let (place, rule) = (Some(self.place(&span)), section(span.start));
            Fault { place, severity, code, rule, help, lines, ..Fault::about_file(self.file.clone(), what) }
        };
        let mut faults = Faults(noted.into_iter().map(fault).collect());
        let (count, error) = self.beyond.get();
        if count > 0 {
            let what = text!("{count} more faults", "mais {count} falhas");
            // An error that is only counted still keeps the file from being used.
            let severity = if error { Severity::Error } else { Severity::Warning };
            faults.0.push(Fault { severity, ..Fault::about_file(&self.file, what) });
        }
        faults
    }

    /// The name that was meant, as a question: another word for a known one, a key of another table, or what is written nearly so.
    fn meant<'n>(&self, written: &str, known: impl Iterator<Item = &'n str> + Clone) -> Option<Text> {
        let plain = syntax::plain(written);
        let mut names = self.words.iter().filter(|(word, _)| *word == plain).map(|(_, name)| *name);
        let word = names.clone().find(|name| known.clone().any(|known| known == *name));
        let elsewhere = || names.find(|name| name.starts_with('['));
        word.or_else(|| nearest(&plain, known.clone())).or_else(elsewhere).map(did_you_mean)
    }
}

/// One table of a document, read key by key. Call [`Table::finish`] when all keys were asked for.
pub struct Table<'r, 'd> {
    pub(super) document: &'r Document<'d>,
    pub(super) table: &'r DeTable<'d>,
    pub(super) span: Range<usize>,
    /// Where the text that it was parsed from begins in the file: its values tell their places in that text.
    pub(super) offset: usize,
    pub(super) asked: RefCell<BTreeSet<&'static str>>,
}

impl<'r, 'd> Table<'r, 'd> {
    /// Where the table's head (or the inline table) stands.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The document, to note faults about combinations of values.
    pub fn document(&self) -> &'r Document<'d> {
        self.document
    }

    fn raw(&self, key: &'static str) -> Option<&'r Spanned<DeValue<'d>>> {
        self.asked.borrow_mut().insert(key);
        self.table.get(key)
    }

    /// The value of `key`, if it is there and of the right kind; the wrong kind is a fault.
    pub fn optional<T: FromToml>(&self, key: &'static str) -> Option<Found<T>> {
        self.convert(self.raw(key)?)
    }

    /// The value of `key`, or the default.
    pub fn or<T: FromToml>(&self, key: &'static str, default: T) -> T {
        self.optional(key).map_or(default, |found| found.value)
    }

    /// The value of `key`; its absence is a fault.
    pub fn required<T: FromToml>(&self, key: &'static str) -> Option<Found<T>> {
        if self.raw(key).is_none() {
            let what = text!("`{key}` is missing here", "falta `{key}` aqui");
            self.document.fault_as(Code::MISSING, self.span(), what, None);
        }
        self.optional(key)
    }

    /// The value of `key` as one of a closed list of names; anything else is a fault that lists them.
    pub fn choice<T: Copy>(&self, key: &'static str, names: &[(&'static str, T)], default: T) -> T {
        let Some(found) = self.optional::<String>(key) else { return default };
        if let Some((_, value)) = names.iter().find(|(name, _)| *name == found.value) {
            return *value;
        }
        let listed = names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" | ");
        let written = &found.value;
        let help = self.document.meant(&found.value, names.iter().map(|(name, _)| *name));
        self.document.fault_as(
            Code::VALUE,
            found.span,
            text!("`{key}` is one of {listed}, not `{written}`", "`{key}` é um de {listed}, não `{written}`"),
            help,
        );
        default
    }

    /// The elements of the array `key`; an absent array is empty.
    pub fn list<T: FromToml>(&self, key: &'static str) -> Vec<Found<T>> {
        let Some(value) = self.raw(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.document.fault_as(
                Code::VALUE,
                self.place(value),
                text!(
                    "`{key}` is a list: write it in brackets, [\"…\"]",
                    "`{key}` é uma lista: escreva entre colchetes, [\"…\"]"
                ),
                None,
            );
            return Vec::new();
        };
        array.iter().filter_map(|element| self.convert(element)).collect()
    }

    /// Whether `key` is written at all (marks it as asked for).
    pub fn has(&self, key: &'static str) -> bool {
        self.raw(key).is_some()
    }

    /// Whether `key` is not written, or is a list without elements (marks it as asked for). Another kind of value is neither.
    pub fn is_empty(&self, key: &'static str) -> bool {
        self.raw(key).is_none_or(|value| value.get_ref().as_array().is_some_and(|array| array.is_empty()))
    }

    /// Where the value of `key` stands; where the table does, when it is not written. For faults about combinations.
    pub fn span_of(&self, key: &'static str) -> Range<usize> {
        self.raw(key).map_or_else(|| self.span(), |value| self.place(value))
    }

    /// The table under `key`, if it is there.
    pub fn table(&self, key: &'static str) -> Option<Table<'r, 'd>> {
        let value = self.raw(key)?;
        let table = self.as_table(value);
        if table.is_none() {
            let what = text!("`{key}` is a table: write it as [{key}]", "`{key}` é uma tabela: escreva [{key}]");
            self.document.fault_as(Code::VALUE, self.place(value), what, None);
        }
        table
    }

    /// The tables of the array of tables `key`; absent means none.
    pub fn tables(&self, key: &'static str) -> Vec<Table<'r, 'd>> {
        let Some(value) = self.raw(key) else { return Vec::new() };
        let tables = value.get_ref().as_array().map(|array| array.iter().map(|element| self.as_table(element)));
        match tables.and_then(|tables| tables.collect::<Option<Vec<_>>>()) {
            Some(tables) => tables,
            None => {
                let what = text!("`{key}` is repeated: write it as [[{key}]]", "`{key}` se repete: escreva [[{key}]]");
                self.document.fault_as(Code::VALUE, self.place(value), what, None);
                Vec::new()
            }
        }
    }

    /// Reports every key that nobody asked for, with the nearest name that somebody did, or with all of them.
    pub fn finish(self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.iter().filter(|(key, _)| !asked.contains(key.get_ref().as_ref())) {
            let written = key.get_ref();
            let all = || {
                let listed = asked.iter().copied().collect::<Vec<_>>().join(", ");
                text!("known here: {listed}", "aqui se conhece: {listed}")
            };
            self.document.fault_as(
                Code::UNKNOWN_KEY,
                self.place(key),
                text!("unknown key `{written}`", "chave desconhecida `{written}`"),
                Some(self.document.meant(written, asked.iter().copied()).unwrap_or_else(all)),
            );
        }
    }

    fn as_table(&self, value: &'r Spanned<DeValue<'d>>) -> Option<Table<'r, 'd>> {
        let table = value.get_ref().as_table()?;
        let (span, offset) = (self.place(value), self.offset);
        Some(Table { document: self.document, table, span, offset, asked: RefCell::default() })
    }

    /// The octets of the file that it stands in.
    fn place<T>(&self, value: &Spanned<T>) -> Range<usize> {
        let Range { start, end } = value.span();
        start.saturating_add(self.offset)..end.saturating_add(self.offset)
    }

    fn convert<T: FromToml>(&self, value: &Spanned<DeValue<'d>>) -> Option<Found<T>> {
        match T::from_toml(value.get_ref()) {
            Ok(converted) => Some(Found { value: converted, span: self.place(value) }),
            Err(what) => {
                self.document.fault_as(Code::VALUE, self.place(value), what, None);
                None
            }
        }
    }
}

fn did_you_mean(name: &str) -> Text {
    text!("did you mean `{name}`?", "você quis dizer `{name}`?")
}

/// The known name that needs the fewest edits, if they are few for its length.
pub fn nearest<'n>(written: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    known.filter_map(|name| Some((few_edits(written, name)?, name))).min().map(|(_, name)| name)
}

/// How many edits make the name of what was written, if they are few for its length.
pub fn few_edits(written: &str, name: &str) -> Option<usize> {
    Some(edits(written, name)).filter(|edits| *edits <= 1 + name.len() / 4)
}

/// Levenshtein distance, over octets: names of ours are ASCII.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let best = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn all_faults_are_reported_together_with_their_places() {
        let source = "[gateway]\nhostnam = \"mx\"\nport = \"x\"\n";
        let document = Document::parse("p.toml", source);
        let root = document.root().unwrap();
        let gateway = root.table("gateway").unwrap();
        assert!(gateway.required::<String>("hostname").is_none());
        assert!(gateway.optional::<u32>("port").is_none());
        gateway.finish();
        root.finish();
        let shown = document.into_faults().render(Language::En);
        assert!(shown.contains("p.toml:1:1: error: `hostname` is missing here"), "{shown}");
        assert!(shown.contains("p.toml:2:1: error: unknown key `hostnam`"), "{shown}");
        assert!(shown.contains("did you mean `hostname`?"), "{shown}");
        assert!(shown.contains("p.toml:3:8: error: a whole number"), "{shown}");
    }

    /// A file with tens of thousands of faults is told in a hundred, and an error that is only counted still counts: warnings in
    /// front of it must not get a bad file into force.
    #[test]
    fn more_than_a_hundred_faults_are_counted() {
        let document = Document::parse("p.toml", "a = 1\n");
        for _ in 0..TOLD {
            document.warning(0..1, text!("look", "olhe"), None);
        }
        document.fault(0..1, text!("bad", "ruim"), None);
        document.warning(0..1, text!("look", "olhe"), None);
        assert_eq!(document.errors(), 1);
        let faults = document.into_faults();
        assert_eq!(faults.0.len(), TOLD + 1);
        assert!(faults.has_errors());
        assert!(faults.render(Language::En).ends_with("p.toml: error: 2 more faults\n"));
    }

    #[test]
    fn a_syntax_error_is_a_fault_like_any_other() {
        let document = Document::parse("p.toml", "a = \nb = 1\n");
        assert!(document.root().is_none());
        assert!(document.into_faults().has_errors());
    }

    #[test]
    fn edits_count_single_letters() {
        for (a, b, expected) in
            [("", "", 0), ("a", "", 1), ("hostnam", "hostname", 1), ("tsl", "tls", 2), ("x", "abc", 3)]
        {
            assert_eq!(edits(a, b), expected, "{a} {b}");
        }
    }
}
