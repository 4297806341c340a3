//! Letters that only look like an ASCII letter (decision 15): the second reading of a subject.
//!
//! In: a decoded subject, before anything of it is folded. Out: the same with such letters replaced, to be folded as any
//! other text. Before, because `Η` looks like an H and its small letter `η` like an n; what has no entry of its own goes as its
//! small letter does.
//!
//! Honest Russian and Greek must not come to match: a word wholly in the script that the subject is written in is left alone
//! ([`home`]).

mod nature;
mod table;

use std::{collections::BTreeMap, sync::LazyLock};

use unicode_normalization::char::{decompose_canonical, decompose_compatible};

use self::nature::Nature;
use super::{Fold, alphabets, invisible, letters, script::Script};

/// The words that are not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Those wholly in this script; none: every word is looked into. For subjects.
    Home(Option<Script>),
    /// Those wholly in any one script but Latin. For patterns: a rule on `тема` means that word, and not *tema*.
    Whole,
}

/// A text after the replacement, and where its characters come from.
#[derive(Debug, Default)]
pub(super) struct Swapped {
    /// The text.
    pub text: String,
    /// For each character of the original where it ends, in octets: in `text`, in the original. Ascending.
    pub ends: Vec<(usize, usize)>,
}

/// An entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookAlike {
    /// The letter, no ASCII.
    pub character: char,
    /// The ASCII letter that it looks like.
    pub letter: char,
    /// Its script.
    pub script: Script,
    /// Nobody tells the two apart; otherwise who looks twice does.
    pub close: bool,
}

/// Every entry of the table, in its order.
pub fn entries() -> impl Iterator<Item = LookAlike> {
    let groups = table::ALPHABETS.iter().flat_map(|alphabet| {
        let of = move |letters: &'static str, close| {
            letters.split_ascii_whitespace().map(move |group| (group, alphabet.script, close))
        };
        of(alphabet.close, true).chain(of(alphabet.rough, false))
    });
    groups.flat_map(|(group, script, close)| {
        let mut group = group.chars();
        let letter = group.next();
        group.filter_map(move |character| Some(LookAlike { character, letter: letter?, script, close }))
    })
}

/// Ascending by the character.
static SORTED: LazyLock<Vec<LookAlike>> = LazyLock::new(|| {
    let mut sorted: Vec<_> = entries().collect();
    sorted.sort_unstable();
    sorted
});

fn entry(c: char) -> Option<LookAlike> {
    if c.is_ascii() {
        return None;
    }
    let at = SORTED.binary_search_by_key(&c, |entry| entry.character).ok()?;
    SORTED.get(at).copied()
}

/// The ASCII letter that a character looks like, or its small letter does if `case` is folded.
fn letter(c: char, case: bool) -> Option<char> {
    let small = || if case { only(c.to_lowercase()).and_then(entry) } else { None };
    entry(c).or_else(small).map(|entry| entry.letter)
}

fn only(mut characters: impl Iterator<Item = char>) -> Option<char> {
    characters.next().filter(|_| characters.next().is_none())
}

/// The script that a subject is written in, if it is not Latin: more than half of its letters stand in words wholly of it, and at
/// least one of those letters shows it, for it does not look like a Latin one, or only roughly. `ВОЛЕТО` alone shows nothing.
///
/// `folded` without case, compatibility and digits: `в` shows what `В` does not, NFKC makes of `ϲ` a sigma, and `Ⅷ` is letters.
pub(super) fn home(folded: &str, fold: &Fold) -> Option<Script> {
    let (mut all, mut counts) = (0_usize, BTreeMap::<Script, (usize, bool)>::new());
    for (_, word) in runs(folded, fold).filter(|(is_word, _)| *is_word) {
        let word = Word::of(word);
        all = all.saturating_add(word.letters);
        if let Some(script) = word.script() {
            let (count, has_own) = counts.entry(script).or_default();
            *count = count.saturating_add(word.letters);
            *has_own = *has_own || word.has_own;
        }
    }
    counts.into_iter().find(|&(_, (count, has_own))| has_own && count > all / 2).map(|(script, _)| script)
}

/// The letters of a word as they are counted: taken apart, without marks and the apostrophes that Unicode calls letters.
#[derive(Debug, Default)]
struct Word {
    letters: usize,
    /// None for Latin and what has no look-alikes.
    first: Option<Script>,
    mixed: bool,
    has_own: bool,
}

impl Word {
    fn of(text: &str) -> Self {
        let mut word = Self::default();
        for c in text.chars() {
            match Nature::known(c) {
                Some(known) if known.whole => word.add(c),
                None if entry(c).is_some() => word.add(c),
                _ => decompose_compatible(c, |part| word.add(part)),
            }
        }
        word
    }

    fn add(&mut self, c: char) {
        let known = Nature::known(c);
        if !known.map_or_else(|| is_counted(c), |known| known.counted) {
            return;
        }
        let script = known.map_or_else(|| Script::of(c), |known| known.script);
        if self.letters == 0 {
            self.first = script;
        }
        // As many as it is once it is folded: `ß` is two.
        self.letters = self.letters.saturating_add(if matches!(c, 'ß' | 'ẞ') { 2 } else { 1 });
        self.mixed |= script != self.first;
        self.has_own |= known.map_or_else(|| is_own(c), |known| known.own);
    }

    /// The one script of all its letters; none: Latin, several, or no letter.
    fn script(&self) -> Option<Script> {
        self.first.filter(|_| !self.mixed)
    }
}

/// Whether some fold may replace a character: it or its small letter has an entry, or what it is taken apart into. A text that has none of
/// these has no second reading.
pub(super) fn may_replace(c: char) -> bool {
    let changes = || entry(c).is_some() || c.to_lowercase().ne([c]) || !is_whole(c);
    !c.is_ascii() && Nature::known(c).map_or_else(changes, |known| known.replaced)
}

/// Replaces the look-alikes of `decoded`, but for the words that are left alone. Linear.
pub(super) fn swap(decoded: &str, leave: Leave, fold: &Fold) -> Swapped {
    let mut swapped = Swapped::default();
    let mut at = 0_usize;
    for (is_word, run) in runs(decoded, fold) {
        let stays = !is_word || run.is_ascii() || leave.stays(run);
        for c in run.chars() {
            if stays || !may_replace(c) {
                swapped.text.push(c);
            } else {
                push(&mut swapped.text, c, fold);
            }
            at = at.saturating_add(c.len_utf8());
            swapped.ends.push((swapped.text.len(), at));
        }
    }
    swapped
}

impl Leave {
    fn stays(self, word: &str) -> bool {
        match self {
            Self::Home(None) => false,
            Self::Home(home) => Word::of(word).script() == home,
            Self::Whole => Word::of(word).script().is_some(),
        }
    }
}

/// The letter under its diacritics is what looks alike: `ё` is taken apart as the fold takes it apart, if that finds something.
fn push(text: &mut String, c: char, fold: &Fold) {
    if let Some(letter) = letter(c, fold.case) {
        return text.push(letter);
    }
    let before = text.len();
    let mut found = false;
    let mut take = |part| {
        let letter = letter(part, fold.case);
        found |= letter.is_some();
        text.push(letter.unwrap_or(part));
    };
    if fold.compatibility {
        decompose_compatible(c, &mut take)
    } else {
        decompose_canonical(c, &mut take)
    }
    if !found {
        text.truncate(before);
        text.push(c);
    }
}

/// The runs of characters that will be a word once folded, and those between them. What the fold removes as invisible, controls too, parts
/// no word.
fn runs<'t>(text: &'t str, fold: &Fold) -> impl Iterator<Item = (bool, &'t str)> {
    let of_word = |c| Nature::known(c).map_or_else(|| is_wordly(c), |known| known.wordly) || fold.seen(c).is_none();
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_word = of_word(rest.chars().next()?);
        let (run, behind) = rest.split_at(rest.find(|c| of_word(c) != is_word).unwrap_or(rest.len()));
        rest = behind;
        Some((is_word, run))
    })
}

/// Marks part no word. `㏒` is no letter itself, and is three once compatibility is folded.
fn is_wordly(c: char) -> bool {
    if c.is_alphanumeric() || letters::is_mark(c) {
        return true;
    }
    let mut wordly = false;
    if !c.is_ascii() {
        decompose_compatible(c, |part| wordly |= part.is_alphanumeric());
    }
    wordly
}

/// A letter by itself. Unicode calls the Hangul fillers letters, too.
fn is_counted(c: char) -> bool {
    let hidden = letters::is_mark(c) || invisible::is_invisible(c);
    c.is_alphabetic() && !hidden && !('\u{2b0}'..='\u{2ff}').contains(&c)
}

/// Whether taking a character apart finds but itself.
fn is_whole(c: char) -> bool {
    let mut itself = true;
    decompose_compatible(c, |part| itself &= part == c);
    itself
}

/// Whether a letter shows its script. A capital does not whose small letter does not: folding must not change the answer.
fn is_own(c: char) -> bool {
    let close = |c| entry(c).is_some_and(|entry| entry.close);
    !close(c) && !only(c.to_lowercase()).is_some_and(close)
}

#[cfg(test)]
mod tests;
