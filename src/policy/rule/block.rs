//! A compiled match block: its tests, and whether they hold of a folded subject.

use regex::Regex;

use super::{view::View, wildcard::Wildcard};
use crate::{document::nearest, language::Text, text};

/// One `[[rule.match]]`: every test in it must hold. Never empty.
#[derive(Debug)]
pub(super) struct Block {
    /// The tests, in the order of [`Kind`].
    pub tests: Vec<Test>,
}

/// One line of a block.
#[derive(Debug)]
pub(super) struct Test {
    /// What is looked for.
    pub kind: Kind,
    /// As written; for lists the words joined by a comma.
    pub written: String,
    /// Literals of which every subject that passes holds at least one; none when nothing can be said.
    pub required: Option<Vec<String>>,
}

/// The match types.
#[derive(Debug)]
pub(super) enum Kind {
    /// Each of these words, in any order.
    AllWords(Vec<Word>),
    /// One of these words.
    AnyWords(Vec<Word>),
    /// These words, one behind the other.
    Phrase(Vec<String>),
    /// The whole subject.
    Wildcard(Wildcard),
    /// Anywhere in the subject.
    Regex(Regex),
}

/// A word of a list.
#[derive(Debug)]
pub(super) struct Word {
    /// As written.
    pub written: String,
    /// As compared.
    pub folded: String,
}

/// What a block found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// The patterns that held, as written, joined by ` + `.
    pub pattern: String,
    /// From the first to the last octet that any of them found.
    pub span: (usize, usize),
}

impl Block {
    /// Whether every test holds, and where.
    pub(super) fn find(&self, view: &View) -> Option<Hit> {
        let mut hits = self.tests.iter().map(|test| test.find(view));
        let mut whole = hits.next()??;
        for hit in hits {
            let Hit { pattern, span } = hit?;
            whole.pattern = format!("{} + {pattern}", whole.pattern);
            whole.span = (whole.span.0.min(span.0), whole.span.1.max(span.1));
        }
        Some(whole)
    }

    /// Why it does not hold: the first test that fails. None when it holds.
    pub(super) fn lacks(&self, view: &View) -> Option<Text> {
        self.tests.iter().find_map(|test| test.lacks(view))
    }
}

impl Test {
    fn find(&self, view: &View) -> Option<Hit> {
        let hit = |span| Hit { pattern: self.written.clone(), span };
        match &self.kind {
            Kind::AllWords(words) => {
                let mut whole: Option<(usize, usize)> = None;
                for word in words {
                    let (start, end) = view.find_word(&word.folded)?;
                    whole = Some(whole.map_or((start, end), |(from, to)| (from.min(start), to.max(end))));
                }
                whole.map(hit)
            }
            Kind::AnyWords(words) => words.iter().find_map(|word| {
                let span = view.find_word(&word.folded)?;
                Some(Hit { pattern: word.written.clone(), span })
            }),
            Kind::Phrase(words) => view.find_phrase(words).map(hit),
            Kind::Wildcard(wildcard) => wildcard.find(&view.text).map(hit),
            Kind::Regex(regex) => regex.find(&view.text).map(|found| hit((found.start(), found.end()))),
        }
    }

    fn lacks(&self, view: &View) -> Option<Text> {
        if self.find(view).is_some() {
            return None;
        }
        let written = &self.written;
        Some(match &self.kind {
            Kind::AllWords(words) => {
                let absent = words.iter().filter(|word| view.find_word(&word.folded).is_none());
                let absent: Vec<(&str, Option<&str>)> =
                    absent.map(|word| (word.written.as_str(), alike(word, view))).collect();
                let joined = |there_is: &str| {
                    let one = |(word, alike): &(&str, Option<&str>)| match alike {
                        Some(alike) => format!("{word} ({there_is} {alike})"),
                        None => (*word).to_owned(),
                    };
                    absent.iter().map(one).collect::<Vec<_>>().join(", ")
                };
                let (en, pt) = (joined("there is"), joined("há"));
                text!("all_words: not there: {en}", "all_words: não há: {pt}")
            }
            Kind::AnyWords(_) => text!("any_words: none of {written}", "any_words: nenhuma de {written}"),
            Kind::Phrase(_) => text!("phrase: not there: {written}", "phrase: não há: {written}"),
            Kind::Wildcard(_) => text!(
                "wildcard: {written} does not fit the whole subject",
                "wildcard: {written} não corresponde ao assunto inteiro"
            ),
            Kind::Regex(_) => text!("regex: finds nothing: {written}", "regex: nada encontrado: {written}"),
        })
    }
}

/// The word of the subject that is nearly this one: most examples fail by a letter.
fn alike<'v>(word: &Word, view: &'v View) -> Option<&'v str> {
    nearest(&word.folded, view.words().map(|(.., found)| found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn words(list: &[&str]) -> Vec<Word> {
        list.iter().map(|word| Word { written: word.to_uppercase(), folded: (*word).to_owned() }).collect()
    }

    fn test(kind: Kind, written: &str) -> Test {
        Test { kind, written: written.to_owned(), required: None }
    }

    #[test]
    fn every_test_of_a_block_must_hold_and_the_span_covers_them_all() {
        let block = Block {
            tests: vec![
                test(Kind::AllWords(words(&["boleto", "cobranca"])), "BOLETO, COBRANCA"),
                test(Kind::AnyWords(words(&["urgente", "vencido"])), "URGENTE, VENCIDO"),
            ],
        };
        let found = |text: &str| block.find(&View::new(text.to_owned()));
        let hit = found("a cobranca do boleto vencido x").unwrap();
        assert_eq!(hit, Hit { pattern: "BOLETO, COBRANCA + VENCIDO".to_owned(), span: (2, 28) });
        for text in ["cobranca do boleto", "boleto vencido", "boletos de cobranca vencido", ""] {
            assert_eq!(found(text), None, "{text}");
            assert!(block.lacks(&View::new(text.to_owned())).is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let block = Block { tests: vec![test(Kind::AllWords(words(&["boleto", "pix"])), "BOLETO, PIX")] };
        let lacks = block.lacks(&View::new("um boleto".to_owned())).unwrap();
        assert_eq!(lacks.in_language(Language::PtBr), "all_words: não há: PIX");
        let lacks = block.lacks(&View::new("um bolleto do pix".to_owned())).unwrap();
        assert_eq!(lacks.in_language(Language::PtBr), "all_words: não há: BOLETO (há bolleto)");
    }
}
