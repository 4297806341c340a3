//! What is not TOML, said so that a person who never heard of TOML can mend it.
//!
//! In: the text and the parser's errors, whose words are English and about grammar. Out: one slip a line (the parser goes on
//! behind an error, and what it then says of the same line confuses), in both languages, with the way to mend it for the slips
//! that rule files really have: curly quotes from a word processor, a missing quote, a backslash in "…", an accent in a key.

use std::ops::Range;

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::reader::Words;
use crate::{language::Text, text};

/// Errors of the parser that are looked at: a file that is no TOML at all has one a word, and a hundred are told.
const EXAMINED: usize = 1_000;

/// One slip.
pub(super) struct Slip {
    /// Octets of the file.
    pub span: Range<usize>,
    /// What is wrong.
    pub what: Text,
    /// What to do.
    pub help: Option<Text>,
}

/// The first slip of each line that has one, in file order.
pub(super) fn slips(source: &str, errors: &[toml::de::Error], words: Words) -> Vec<Slip> {
    let mut slips: Vec<(usize, Slip)> = Vec::new();
    for error in errors.iter().take(EXAMINED) {
        let span = error.span().unwrap_or(0..0);
        let start = source.floor_char_boundary(span.start.min(source.len()));
        let line_start = source.get(..start).unwrap_or_default().rfind('\n').map_or(0, |at| at + 1);
        if slips.iter().all(|(line, _)| *line != line_start) {
            let line = source.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
            let place = Place { source, line, line_start, start };
            slips.push((line_start, place.slip(span, error.message(), words)));
            // In a list that was not closed the rest of the file is entries that lack their commas.
            if place.is_swallowed(error.message()) {
                break;
            }
        }
    }
    slips.sort_by_key(|(line, _)| *line);
    slips.into_iter().map(|(_, slip)| slip).collect()
}

/// In small letters without accents: `Descrição` is `descricao`.
pub(super) fn plain(word: &str) -> String {
    word.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// Where the parser stopped.
struct Place<'s> {
    source: &'s str,
    line: &'s str,
    line_start: usize,
    start: usize,
}

impl Place<'_> {
    fn slip(&self, span: Range<usize>, message: &str, words: Words) -> Slip {
        if let Some((at, c)) = self.pasted() {
            return pasted(at..at + c.len_utf8(), c);
        }
        let (what, help) = self
            .known(message, words)
            .unwrap_or_else(|| (text!("this is not TOML: {message}", "isto não é TOML: {message}"), self.cut_off()));
        Slip { span, what, help }
    }

    /// A character outside quotes that only a word processor or a web page writes.
    fn pasted(&self) -> Option<(usize, char)> {
        let mut quote = None;
        for (at, c) in self.line.char_indices() {
            match (c, quote) {
                ('"' | '\'', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                ('#', None) => return None,
                (c, None) if is_curly(c) || is_odd_space(c) => return Some((self.line_start + at, c)),
                _ => {}
            }
        }
        None
    }

    fn known(&self, message: &str, words: Words) -> Option<(Text, Option<Text>)> {
        let says = |part: &str| message.contains(part);
        if says("duplicate key") {
            let key = self.key();
            return Some((
                text!("`{key}` stands here twice", "`{key}` aparece duas vezes aqui"),
                Some(text!(
                    "keep one of them; what may stand several times begins with double brackets: [[rule.match]]",
                    "deixe uma só; o que pode se repetir começa com colchetes duplos: [[rule.match]]"
                )),
            ));
        }
        if says("invalid unquoted key") && !self.key().is_ascii() {
            let key = plain(&self.key());
            let name = words.iter().find(|(word, _)| *word == key).map_or(key.clone(), |(_, name)| (*name).to_owned());
            return Some((
                text!("a key has no accents", "uma chave não tem acentos"),
                Some(text!("did you mean `{name}`?", "você quis dizer `{name}`?")),
            ));
        }
        if says("invalid date") || says("invalid time") || says("invalid datetime") || self.is_like_a_date() {
            return Some((
                text!("there is no such date", "esta data não existe"),
                Some(text!(
                    "year-month-day, time and offset, without quotes: 2026-12-20T23:59:59-03:00",
                    "ano-mês-dia, hora e diferença de UTC, sem aspas: 2026-12-20T23:59:59-03:00"
                )),
            ));
        }
        if says("invalid boolean") {
            let what = text!("yes and no are `true` and `false`", "sim e não são `true` e `false`");
            return Some((what, Some(text!("in small letters, without quotes", "em minúsculas, sem aspas"))));
        }
        if says("unexpected key or value") {
            return Some((
                text!("something is left over behind the value", "sobrou algo depois do valor"),
                Some(text!(
                    "one key a line; a quote inside \"…\" is written \\\"",
                    "uma chave por linha; aspas dentro de \"…\" se escrevem \\\""
                )),
            ));
        }
        if says("string values must be quoted") || says("invalid value") && !says("escape") {
            return Some((
                text!("a text stands in quotes here", "aqui o texto vem entre aspas"),
                Some(text!("write it as \"…\"", "escreva \"…\"")),
            ));
        }
        if says("escape") || says("unicode value") {
            return Some((
                text!(
                    "in \"…\" a backslash begins an escape, and this is none",
                    "em \"…\" a barra invertida começa um código, e este não existe"
                ),
                Some(text!(
                    "write expressions in three single quotes: '''\\bpix\\b'''",
                    "escreva expressões entre três aspas simples: '''\\bpix\\b'''"
                )),
            ));
        }
        if says("basic string") || says("literal string") {
            return Some((
                text!("the closing quote is missing", "faltam as aspas que fecham"),
                Some(text!(
                    "a text begins and ends on one line: \"…\"",
                    "um texto começa e termina na mesma linha: \"…\""
                )),
            ));
        }
        if self.is_swallowed(message) {
            return Some((
                text!("a list above is not closed", "uma lista acima não foi fechada"),
                Some(text!("a list ends with ]", "uma lista termina com ]")),
            ));
        }
        if says("missing comma between array") {
            return Some((
                text!("a comma is missing between two entries", "falta uma vírgula entre dois itens"),
                Some(text!("write [\"one\", \"two\"]", "escreva [\"um\", \"dois\"]")),
            ));
        }
        if says("unclosed array") || says("unclosed table") || says("unclosed inline") {
            let what = text!("the closing bracket is missing", "falta o colchete que fecha");
            return Some((what, self.cut_off()));
        }
        if says("key with no value") || says("missing value") || says("missing assignment") {
            return Some((
                text!("a line is `key = value`", "uma linha é `chave = valor`"),
                Some(text!("a remark begins with #", "um comentário começa com #")),
            ));
        }
        None
    }

    /// What stands before the `=` of the line, or in the brackets of a head.
    fn key(&self) -> String {
        let line = self.line.split(['=', '#']).next().unwrap_or_default();
        line.trim_matches(|c: char| c.is_whitespace() || "[]".contains(c)).to_owned()
    }

    /// Whether a line that is no entry of a list was taken for one.
    fn is_swallowed(&self, message: &str) -> bool {
        let line = self.line.trim_start();
        let key = line.split_once('=').is_some_and(|(key, _)| !key.contains(['"', '\'']));
        let first = self.source.get(self.line_start..self.start).unwrap_or_default().trim().is_empty();
        message.contains("missing comma between array") && first && (key || line.starts_with("[["))
            || message.contains("unexpected `=` in array")
    }

    /// `20/12/2026`
    fn is_like_a_date(&self) -> bool {
        let value = self.source.get(self.start..).unwrap_or_default();
        let value = value.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
        value.split(['/', '-', '.']).count() == 3 && value.chars().all(|c| c.is_ascii_digit() || "/-.".contains(c))
    }

    /// A fault where the text ends.
    fn cut_off(&self) -> Option<Text> {
        let at_end = self.source.get(self.start..).unwrap_or_default().trim().is_empty();
        at_end.then(|| {
            text!(
                "the file seems to end in the middle: was it saved and copied whole?",
                "o arquivo parece terminar no meio: foi salvo e copiado inteiro?"
            )
        })
    }
}

fn pasted(span: Range<usize>, c: char) -> Slip {
    let number = u32::from(c);
    if is_curly(c) {
        return Slip {
            span,
            what: text!("a curly quote `{c}`: TOML takes straight ones", "aspas curvas `{c}`: aqui só valem as retas"),
            help: Some(text!(
                "write \" instead, in an editor of plain text (Notepad, VS Code), not in a word processor",
                "escreva \" no lugar, em um editor de texto puro (Bloco de Notas, VS Code), não no Word"
            )),
        };
    }
    Slip {
        span,
        what: text!(
            "a space that is none (U+{number:04X}), pasted from somewhere",
            "um espaço que não é espaço (U+{number:04X}), colado de algum lugar"
        ),
        help: Some(text!("delete it and type a plain space", "apague e digite um espaço comum")),
    }
}

fn is_curly(c: char) -> bool {
    matches!(c, '\u{2018}'..='\u{201f}' | '\u{2032}'..='\u{2036}' | '«' | '»' | '´' | '＂' | '＇')
}

fn is_odd_space(c: char) -> bool {
    c != ' ' && c != '\t' && c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use crate::{document::Document, language::Language};

    fn said(source: &str) -> String {
        let words = &[("descricao", "description")];
        Document::parse_with("r.toml", source, words).into_faults().render(Language::En)
    }

    #[test]
    fn slips_of_word_processors_and_beginners_are_told_with_the_way_out() {
        for (source, place, parts) in [
            ("id = “A”\n", "1:6", &["a curly quote `“`", "Notepad"][..]),
            ("id\u{a0}= \"A\"\n", "1:3", &["U+00A0", "type a plain space"]),
            ("\u{200b}id = \"A\"\n", "1:1", &["U+200B"]),
            ("id = \"A\"\nid = \"B\"\n", "2:1", &["`id` stands here twice", "[[rule.match]]"]),
            ("[a]\n[a]\n", "2:2", &["`a` stands here twice"]),
            ("descrição = \"x\"\n", "1:7", &["no accents", "did you mean `description`?"]),
            ("id = A\n", "1:", &["stands in quotes"]),
            ("re = \"\\d\"\n", "1:", &["a backslash begins an escape", "'''"]),
            ("id = \"A\nb = 1\n", "1:", &["the closing quote is missing"]),
            ("id = 'A\nb = 1\n", "1:", &["the closing quote is missing"]),
            ("a = [\"x\" \"y\"]\n", "1:", &["a comma is missing"]),
            ("a = [\"x\",\n", "", &["closing bracket is missing", "end in the middle"]),
            ("id\n", "1:", &["`key = value`"]),
            ("some words\n", "1:", &["`key = value`"]),
            ("x = 20/12/2026\n", "1:5", &["no such date", "2026-12-20T23:59:59-03:00"]),
            ("x = 2026-02-30T00:00:00Z\n", "1:5", &["no such date"]),
            ("x = True\n", "1:5", &["`true`"]),
            ("x = \"say \"hi\" to\"\n", "1:", &["left over", "\\\""]),
            ("id = \"A\" b = 1\n", "1:10", &["left over"]),
            ("a = [\"x\"\n[[rule]]\nid = \"A\"\nb = 1\n", "", &["a list above is not closed"]),
            ("a = [\"x\",\nb = \"A\"\nc = 1\n", "", &["a list above is not closed"]),
            ("[[rule\n", "", &["closing bracket is missing"]),
        ] {
            let shown = said(source);
            assert!(shown.starts_with(&format!("r.toml:{place}")), "{source:?}: {shown}");
            assert_eq!(shown.matches("error").count(), 1, "one slip a line: {shown}");
            for part in parts {
                assert!(shown.contains(part), "{source:?} lacks {part:?}: {shown}");
            }
            assert!(shown.contains("[E02]"), "{shown}");
        }
    }

    /// Whoever hands over a book, or a file made to be slow, hears of its beginning.
    #[test]
    fn a_file_that_is_no_toml_at_all_is_told_in_part() {
        let lines = said(&"some words\n".repeat(5_000));
        assert_eq!(lines.matches("`key = value`").count(), 100, "{}", lines.len());
        let one_line = said(&"= ".repeat(50_000));
        assert_eq!(one_line.matches("error").count(), 1, "{one_line}");
    }

    #[test]
    fn curly_quotes_inside_quotes_are_text() {
        assert_eq!(said("id = \"“A”\u{a0}\"\n"), "");
        assert!(said("id = \"“\" x\n").contains("left over"), "{}", said("id = \"“\" x\n"));
    }
}
