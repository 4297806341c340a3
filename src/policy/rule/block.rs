//! A compiled match block: its tests, and whether they hold of a folded subject.

use super::{
    expression::Expression,
    required::Required,
    view::{Folded, View},
    wildcard::Wildcard,
};
use crate::{document::nearest, language::Text, message::subject::Reading, text};

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
    /// What every subject that passes holds. Gone once the set is complete ([`Test::rest`]): the index has what it needs.
    pub required: Required,
}

/// The match types.
#[derive(Debug)]
pub(super) enum Kind {
    /// Each of these words, in any order.
    AllWords(Vec<Word>),
    /// One of these words.
    AnyWords(Vec<Word>),
    /// These words, one behind the other.
    Phrase(TwoForms<Vec<String>>),
    /// The whole subject.
    Wildcard(TwoForms<Wildcard>),
    /// Anywhere in the subject, as it is plainly read.
    Regex(Expression),
}

/// A word of a list.
#[derive(Debug)]
pub(super) struct Word {
    /// As written.
    pub written: String,
    /// As compared.
    pub folded: TwoForms<String>,
}

/// A pattern as it is compared with each reading of a subject.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TwoForms<T> {
    /// With the plain one.
    pub plain: T,
    /// With the other one; none: the same.
    pub lookalikes: Option<T>,
}

/// What a block found: in each reading from the first to the last octet that any of its patterns found there. Not both none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// The patterns that held, as written, joined by ` + `.
    pub pattern: String,
    /// In the plain reading.
    pub plain: Option<(usize, usize)>,
    /// In the other one. A pattern that the plain reading has is not looked for here.
    pub lookalikes: Option<(usize, usize)>,
}

impl<T> TwoForms<T> {
    /// Both, or the one.
    pub(super) fn forms(&self) -> impl Iterator<Item = &T> {
        [&self.plain].into_iter().chain(&self.lookalikes)
    }

    /// What is looked for in the plain reading, and what in the other one.
    pub(super) fn both(&self) -> (&T, &T) {
        (&self.plain, self.lookalikes.as_ref().unwrap_or(&self.plain))
    }

    fn find(&self, view: &View, find: impl Fn(&Folded, &T) -> Option<(usize, usize)>) -> Option<Hit> {
        let plain = find(view.plain(), &self.plain).map(|span| Hit::at(Reading::Plain, span));
        if plain.is_some() || (self.lookalikes.is_none() && !view.reads_in_two_ways()) {
            return plain;
        }
        // An honest subject reads the same both ways, and a pattern with a pasted letter must find it all the same.
        let (folded, (_, form)) = (view.reading(Reading::Lookalikes), self.both());
        find(folded, form).map(|span| Hit::at(Reading::Lookalikes, span))
    }
}

impl Word {
    /// Where it first stands.
    pub(super) fn find(&self, view: &View) -> Option<Hit> {
        self.folded.find(view, |folded, word| folded.find_word(word))
    }
}

impl Hit {
    fn at(reading: Reading, span: (usize, usize)) -> Self {
        let (plain, lookalikes) = match reading {
            Reading::Plain => (Some(span), None),
            Reading::Lookalikes => (None, Some(span)),
        };
        Self { pattern: String::new(), plain, lookalikes }
    }

    fn named(self, pattern: &str) -> Self {
        Self { pattern: pattern.to_owned(), ..self }
    }

    /// Both together; the name is the first one's.
    fn and(self, other: &Self) -> Self {
        Self {
            plain: covering(self.plain, other.plain),
            lookalikes: covering(self.lookalikes, other.lookalikes),
            ..self
        }
    }
}

/// From the beginning of the first to the end of the last.
pub(super) fn covering(a: Option<(usize, usize)>, b: Option<(usize, usize)>) -> Option<(usize, usize)> {
    match (a, b) {
        (Some((start, end)), Some((from, to))) => Some((start.min(from), end.max(to))),
        (one, other) => one.or(other),
    }
}

impl Block {
    /// Whether every test holds, and where.
    pub(super) fn find(&self, view: &View) -> Option<Hit> {
        let mut hits = self.tests.iter().map(|test| test.find(view));
        let mut whole = hits.next()??;
        for hit in hits {
            let hit = hit?;
            whole.pattern = format!("{} + {}", whole.pattern, hit.pattern);
            whole = whole.and(&hit);
        }
        Some(whole)
    }

    /// Why it does not hold: the first test that fails. None when it holds.
    pub(super) fn lacks(&self, view: &View) -> Option<Text> {
        self.tests.iter().find_map(|test| test.lacks(view))
    }
}

impl Test {
    /// Ends the time of loading: what only that needs is given up.
    pub(super) fn rest(&mut self) {
        self.required = Required::new();
        if let Kind::Regex(regex) = &mut self.kind {
            regex.rest();
        }
    }

    fn find(&self, view: &View) -> Option<Hit> {
        let hit = match &self.kind {
            Kind::AllWords(words) => {
                let mut hits = words.iter().map(|word| word.find(view));
                let first = hits.next()??;
                hits.try_fold(first, |whole, hit| Some(whole.and(&hit?)))
            }
            Kind::AnyWords(words) => {
                return words.iter().find_map(|word| Some(word.find(view)?.named(&word.written)));
            }
            Kind::Phrase(phrase) => phrase.find(view, |folded, phrase| folded.find_phrase(phrase)),
            Kind::Wildcard(wildcard) => wildcard.find(view, |folded, wildcard| wildcard.find(&folded.text)),
            Kind::Regex(regex) => regex.find(&view.plain().text).map(|span| Hit::at(Reading::Plain, span)),
        };
        Some(hit?.named(&self.written))
    }

    fn lacks(&self, view: &View) -> Option<Text> {
        if self.find(view).is_some() {
            return None;
        }
        let written = &self.written;
        Some(match &self.kind {
            Kind::AllWords(words) => {
                let absent = words.iter().filter(|word| word.find(view).is_none());
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
    nearest(&word.folded.plain, view.readings().flat_map(|(_, folded)| folded.words()).map(|(.., found)| found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn words(list: &[&str]) -> Vec<Word> {
        let folded = |word: &str| TwoForms { plain: word.to_owned(), lookalikes: None };
        list.iter().map(|word| Word { written: word.to_uppercase(), folded: folded(word) }).collect()
    }

    fn test(kind: Kind, written: &str) -> Test {
        Test { kind, written: written.to_owned(), required: Required::new() }
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
        let pattern = "BOLETO, COBRANCA + VENCIDO".to_owned();
        assert_eq!(hit, Hit { pattern, plain: Some((2, 28)), lookalikes: None });
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
