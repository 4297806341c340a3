//! The letters of Europe's alphabets, and what is asked of them, worked out once.
//!
//! In: a character. Out: its place in a small table ([`place`]), and what it folds to ([`Folded`]) if that is the same whatever stands
//! beside it ([`stands_alone`]). Three normalisations of a whole subject cost ten times as much. It knows nothing of subjects.

use std::sync::OnceLock;

use super::Fold;

/// Latin to the end of Latin Extended-A, Greek, and the Cyrillic of the languages that write it most; behind them the signs that
/// keyboards and mail programs put among them.
const LETTERS: usize = 0x460;
const SIGNS: std::ops::RangeInclusive<char> = '\u{2010}'..='\u{2027}';

/// Places in a table of them all.
pub(super) const PLACES: usize = LETTERS + 0x18;

/// The place of a character. None: it is in no table.
pub(super) fn place(c: char) -> Option<usize> {
    let code = usize::try_from(u32::from(c)).ok()?;
    if code < LETTERS {
        return Some(code);
    }
    if SIGNS.contains(&c) { code.checked_sub(0x2010 - LETTERS) } else { None }
}

/// Every character that has a place, in the order of the places.
pub(super) fn all() -> impl Iterator<Item = char> {
    ('\0'..='\u{45f}').chain(SIGNS)
}

/// Whether a character is folded alike whatever stands beside it, among its like: it is no mark, and composes with none of them.
pub(super) fn stands_alone(c: char) -> bool {
    matches!(
        c,
        '\0'..='\x7f' | 'ª' | '°' | 'º' | 'À'..='ſ' | 'Ά' | 'Έ'..='ώ' | 'Ѐ'..='џ' | '–' | '—' | '‘' | '’' | '“' | '”' | '…'
    )
}

/// What the characters that stand alone fold to, under one setting of the four switches that concern letters.
#[derive(Debug)]
pub(super) struct Folded {
    text: String,
    /// For each place where its part of `text` ends. What does not stand alone has none.
    ends: Vec<usize>,
}

impl Folded {
    /// The table of a fold.
    pub(super) fn of(fold: &Fold) -> &'static Self {
        static TABLES: [OnceLock<Folded>; 16] = [const { OnceLock::new() }; 16];
        let [.., last] = &TABLES;
        let switches = [fold.case, fold.accents, fold.compatibility, fold.invisible];
        let number = switches.iter().fold(0_usize, |number, &on| number << 1 | usize::from(on));
        TABLES.get(number).unwrap_or(last).get_or_init(|| Self::work_out(fold))
    }

    fn work_out(fold: &Fold) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::with_capacity(PLACES));
        for c in all() {
            if stands_alone(c) {
                text.push_str(&fold.together(c.encode_utf8(&mut [0; 4])));
            }
            ends.push(text.len());
        }
        Self { text, ends }
    }

    /// What a character folds to. None: that depends on what stands beside it.
    pub(super) fn get(&self, c: char) -> Option<&str> {
        if !stands_alone(c) {
            return None;
        }
        let at = place(c)?;
        let begin = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(begin..*self.ends.get(at)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_place() {
        assert_eq!(all().count(), PLACES);
        for (expected, c) in all().enumerate() {
            assert_eq!(place(c), Some(expected), "{c:?}");
        }
        assert!(('\0'..=char::MAX).filter(|&c| stands_alone(c)).all(|c| place(c).is_some()));
        assert!(['\u{460}', '\u{200f}', '\u{2028}', '日'].into_iter().all(|c| place(c).is_none()));
    }
}
