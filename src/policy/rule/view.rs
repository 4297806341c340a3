//! A folded subject as the tests look at it: its text and its words, in each of its readings.

use crate::message::subject::{Fold, Reading, Subject};

/// The longest folded subject that rules look at, in octets; what lies behind is not tested. Mail readers show the first 255
/// characters (Exchange keeps no more), and a record carries this text once for every rule that matched.
pub const MAX_FOLDED: usize = 4_096;

/// Stands at the end of a folded subject that was cut, so that a wildcard held to the end does not take the cut for it.
const CUT_MARK: char = '…';

/// One Subject field under one fold, in both readings.
#[derive(Clone, Debug)]
pub(super) struct View {
    plain: Folded,
    /// None: it reads the same.
    lookalikes: Option<Folded>,
}

/// One reading of a subject.
#[derive(Clone, Debug)]
pub(super) struct Folded {
    /// The folded text, at most [`MAX_FOLDED`] octets and the mark.
    pub text: String,
    words: Vec<(usize, usize)>,
}

impl View {
    /// Folds `subject`.
    pub(super) fn of(subject: &Subject, fold: &Fold) -> Self {
        let plain = fold.subject(&subject.decoded);
        let lookalikes = fold.lookalike_subject(&subject.decoded, &plain);
        Self { plain: Folded::new(cut(plain)), lookalikes: lookalikes.map(|text| Folded::new(cut(text))) }
    }

    /// From a text that is folded already.
    pub(super) fn new(text: String) -> Self {
        Self { plain: Folded::new(text), lookalikes: None }
    }

    /// The plain reading: the one for expressions, and for what spares.
    pub(super) fn plain(&self) -> &Folded {
        &self.plain
    }

    /// One of its readings; the plain one where both are the same.
    pub(super) fn reading(&self, reading: Reading) -> &Folded {
        match reading {
            Reading::Plain => &self.plain,
            Reading::Lookalikes => self.lookalikes.as_ref().unwrap_or(&self.plain),
        }
    }

    /// Whether the readings differ.
    pub(super) fn reads_in_two_ways(&self) -> bool {
        self.lookalikes.is_some()
    }

    /// The readings that differ, the plain one first.
    pub(super) fn readings(&self) -> impl Iterator<Item = (Reading, &Folded)> {
        let lookalikes = self.lookalikes.iter().map(|folded| (Reading::Lookalikes, folded));
        [(Reading::Plain, &self.plain)].into_iter().chain(lookalikes)
    }
}

impl Folded {
    fn new(text: String) -> Self {
        let words = words(&text);
        Self { text, words }
    }

    /// Where each word stands, in octets.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, usize, &str)> {
        self.words.iter().filter_map(|&(start, end)| Some((start, end, self.text.get(start..end)?)))
    }

    /// Where `word` first stands.
    pub(super) fn find_word(&self, word: &str) -> Option<(usize, usize)> {
        self.words().find(|(.., found)| *found == word).map(|(start, end, _)| (start, end))
    }

    /// Where `phrase` first stands: its words one behind the other, whatever separates them.
    pub(super) fn find_phrase(&self, phrase: &[String]) -> Option<(usize, usize)> {
        let same = |run: &[(usize, usize)]| {
            run.iter().zip(phrase).all(|(&(start, end), word)| self.text.get(start..end) == Some(word.as_str()))
        };
        let run = self.words.windows(phrase.len().max(1)).find(|run| same(run))?;
        Some((run.first()?.0, run.last()?.1))
    }
}

/// The words of a folded text: maximal runs of letters and digits.
pub(super) fn words(text: &str) -> Vec<(usize, usize)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|from| (from, text.len())));
    words
}

fn cut(mut folded: String) -> String {
    if folded.len() > MAX_FOLDED {
        folded.truncate(folded.floor_char_boundary(MAX_FOLDED));
        folded.push(CUT_MARK);
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_maximal_run_of_letters_and_digits() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[]),
            ("-- !", &[]),
            ("boleto", &["boleto"]),
            ("2a via: boleto-pix", &["2a", "via", "boleto", "pix"]),
            ("ação_1", &["ação", "1"]),
            ("счёт на оплату", &["счёт", "на", "оплату"]),
        ];
        for (text, expected) in cases {
            let folded = Folded::new(text.to_owned());
            assert_eq!(folded.words().map(|(.., word)| word).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn a_phrase_is_words_one_behind_the_other() {
        let phrase: Vec<String> = ["2a", "via"].map(str::to_owned).to_vec();
        for (text, expected) in [
            ("a 2a via do boleto", Some((2, 8))),
            ("2a - via", Some((0, 8))),
            ("2a 2a via", Some((3, 9))),
            ("via 2a", None),
            ("12a via", None),
            ("2a viagem", None),
        ] {
            assert_eq!(Folded::new(text.to_owned()).find_phrase(&phrase), expected, "{text}");
        }
    }

    #[test]
    fn a_long_subject_is_cut_between_characters_and_marked() {
        assert_eq!(cut("a".repeat(MAX_FOLDED)).len(), MAX_FOLDED);
        let long = cut(format!("a{}", "ç".repeat(MAX_FOLDED)));
        assert!(long.ends_with("ç…") && long.len() == MAX_FOLDED - 1 + '…'.len_utf8());
    }
}
