//! What a rule and a subject look like when they are compared.
//!
//! In: a decoded subject, or a rule's own text. Out: the same text with the differences removed that a [`Fold`] names, in this
//! order: compatibility, invisible, case, accents, digits, spaces, prefixes. Canonically equivalent texts fold alike whatever
//! is switched off (the result is in NFC; Unicode says they are one text). Folding twice gives what folding once gave.
//!
//! A subject is read twice: plainly, and with letters that only look like an ASCII one replaced first (`lookalike`). Where
//! the octets of either reading stood in the decoded subject is worked out when somebody asks ([`Fold::trace`]).
//!
//! Linear in the text. The result may be longer than the text: NFKC makes 18 characters of U+FDFA, 33 octets of 3.

mod alphabets;
mod invisible;
mod letters;
mod lookalike;
mod prefix;
mod script;
mod trace;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use self::lookalike::{Leave, Swapped};

pub use self::{
    lookalike::{LookAlike, entries as look_alikes},
    script::Script,
    trace::Trace,
};

/// What disappears before rule and subject are compared; the same function folds both (decision 14).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fold {
    /// Upper and lower case: each character's lower case, `ς` as `σ` and `ß` as `ss` (the capitals of `Straße` are `STRASSE`). No
    /// language is assumed: `I` is `i`, and the Turkish `İ` and `ı` differ from it by an accent.
    pub case: bool,
    /// Diacritics: NFD, then nonspacing and enclosing marks dropped; letters with a stroke that Unicode does not decompose become
    /// the letter without it (`ø`, `ł`), the ligatures `æ` and `œ` two letters.
    pub accents: bool,
    /// Compatibility forms: NFKC (full-width, ligatures, mathematical letters).
    pub compatibility: bool,
    /// Default-ignorable, format (Cf) and control characters, decoded CR and LF included: gone without a trace, so that
    /// `bol<LF>eto` is `boleto`. TAB, which readers show, is a space.
    pub invisible: bool,
    /// A second reading in which letters of other scripts that look like an ASCII letter are that letter (decision 15,
    /// `docs/look-alikes.md`).
    pub lookalikes: bool,
    /// Runs of white space become one space, and none at either end. U+2800, which is blank to the eye, is white space.
    pub spaces: bool,
    /// Every digit becomes `0` (all that Unicode calls a number: `٣`, `Ⅷ`).
    pub digits: bool,
    /// Reply prefixes such as `RE:`, stripped repeatedly at the start (not from rules). `RE[2]:` and `RE (2) :` are `RE:`; a
    /// prefix in square brackets needs no colon. Compared folded, and never by ASCII case.
    pub prefixes: Vec<String>,
}

impl Default for Fold {
    fn default() -> Self {
        Self {
            case: true,
            accents: true,
            compatibility: true,
            invisible: true,
            lookalikes: true,
            spaces: true,
            digits: false,
            prefixes: ["RE", "RES", "ENC", "FW", "FWD", "[EXTERNO]"].map(str::to_owned).to_vec(),
        }
    }
}

/// How a subject was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Folded.
    #[default]
    Plain,
    /// Look-alikes replaced, then folded.
    Lookalikes,
}

impl Fold {
    /// A decoded subject as it is compared: prefixes stripped too.
    pub fn subject(&self, decoded: &str) -> String {
        let mut text = self.pattern(decoded);
        let stripped = self.stripped(&text);
        text.drain(..stripped);
        text
    }

    /// The second reading of a decoded subject whose first is `plain`. None: it is the same, or not asked for.
    pub fn lookalike_subject(&self, decoded: &str, plain: &str) -> Option<String> {
        // What folds to ASCII without the table folds to the same with it.
        if !self.lookalikes || plain.is_ascii() || !decoded.chars().any(lookalike::may_replace) {
            return None;
        }
        let alike = self.subject(&self.swapped(decoded).text);
        (alike != plain).then_some(alike)
    }

    /// A rule's own text as it is compared.
    pub fn pattern(&self, written: &str) -> String {
        let letters = if written.is_ascii() {
            // No step but these touches ASCII, and most subjects are nothing else.
            let mut letters = String::with_capacity(written.len());
            letters.extend(written.chars().filter_map(|c| self.ascii(c)));
            letters
        } else {
            self.letters(written)
        };
        if self.is_at_its_end(&letters) { letters } else { self.end(&letters) }
    }

    /// A rule's own text as it is compared with the second reading: `bоleto` with a Cyrillic `о` is `boleto` there. A word wholly
    /// in another script stays.
    pub fn lookalike_pattern(&self, written: &str) -> String {
        if !self.lookalikes || written.is_ascii() {
            return self.pattern(written);
        }
        self.pattern(&lookalike::swap(written, Leave::Whole, self).text)
    }

    /// What somebody meant who pasted a rule's own text: it without look-alikes, whether this fold sees through them or not, and the
    /// octet of the first one. None: it has none.
    pub fn typed(&self, written: &str) -> Option<(usize, String)> {
        let fold = Self { lookalikes: true, ..self.clone() };
        if written.is_ascii() || fold.lookalike_pattern(written) == fold.pattern(written) {
            return None;
        }
        let Swapped { text, ends } = lookalike::swap(written, Leave::Whole, &fold);
        let starts = [(0, 0)].into_iter().chain(ends.iter().copied());
        let mut runs = starts.zip(&ends);
        let changed =
            runs.find(|&((new, old), &(new_end, old_end))| text.get(new..new_end) != written.get(old..old_end));
        changed.map(|((_, at), _)| (at, text))
    }

    fn swapped(&self, decoded: &str) -> Swapped {
        let as_it_stands = Self { case: false, compatibility: false, digits: false, ..self.clone() }.subject(decoded);
        lookalike::swap(decoded, Leave::Home(lookalike::home(&as_it_stands, self)), self)
    }

    /// How many octets of a folded text are prefixes.
    fn stripped(&self, folded: &str) -> usize {
        if !prefix::may_begin(folded) {
            return 0;
        }
        let prefixes: Vec<Cow<'_, str>> = self.prefixes.iter().map(|prefix| self.prefix(prefix)).collect();
        folded.len().saturating_sub(prefix::strip(folded, &prefixes).len())
    }

    /// A prefix as it is compared. Case is nothing there, and of what nearly all are made of no fold changes anything else: they are not folded anew for
    /// every reply.
    fn prefix<'p>(&self, written: &'p str) -> Cow<'p, str> {
        if written.bytes().all(|octet| octet.is_ascii_graphic() && !octet.is_ascii_digit()) {
            return Cow::Borrowed(written);
        }
        Cow::Owned(self.pattern(written))
    }

    /// What each character becomes by itself, or with the marks behind it: all but digits and spaces.
    fn letters(&self, text: &str) -> String {
        self.one_by_one(text).unwrap_or_else(|| self.together(text))
    }

    fn together(&self, text: &str) -> String {
        self.without_accents(&self.lower_case(&self.compatible(text)))
    }

    /// The same of a text whose characters all stand alone (`alphabets`). None: another one does not.
    fn one_by_one(&self, text: &str) -> Option<String> {
        let mut plain = String::with_capacity(text.len());
        let known = alphabets::Folded::of(self);
        for c in text.chars() {
            if c.is_ascii() {
                if let Some(c) = self.ascii(c) {
                    plain.push(c);
                }
            } else {
                plain.push_str(known.get(c)?);
            }
        }
        Some(plain)
    }

    fn compatible(&self, text: &str) -> String {
        if self.compatibility { text.nfkc().collect() } else { text.nfc().collect() }
    }

    /// What [`Fold::letters`] makes of an ASCII character.
    fn ascii(&self, c: char) -> Option<char> {
        self.seen(c).map(|c| if self.case { c.to_ascii_lowercase() } else { c })
    }

    /// The character if it is visible, TAB as a space.
    fn seen(&self, c: char) -> Option<char> {
        match c {
            '\t' if self.invisible => Some(' '),
            c if self.invisible && invisible::is_invisible(c) => None,
            c => Some(c),
        }
    }

    fn lower_case(&self, text: &str) -> String {
        let seen = text.chars().filter_map(|c| self.seen(c));
        if self.case { seen.flat_map(letters::small).collect() } else { seen.collect() }
    }

    /// Composes again even when accents stay: what was invisible may have stood between a letter and its accent.
    fn without_accents(&self, text: &str) -> String {
        if !self.accents {
            return self.compatible(text);
        }
        let mut plain = String::with_capacity(text.len());
        for c in text.nfd().filter(|&c| !letters::is_mark(c)) {
            match letters::base(c) {
                Some(base) => plain.push_str(base),
                None => plain.push(c),
            }
        }
        plain.nfc().collect()
    }

    /// Whether digits and spaces are as they are to be, as they nearly always are: then nothing is written once more. Not true of all that are.
    fn is_at_its_end(&self, letters: &str) -> bool {
        let between_words = |pair: &[u8]| pair != b"  ";
        let is_spaced = || {
            let octets = letters.as_bytes();
            // Of all that is white space in ASCII the space alone is above 0x1f.
            octets.iter().all(|octet| matches!(octet, b' '..=0x7f))
                && octets.first() != Some(&b' ')
                && octets.last() != Some(&b' ')
                && octets.windows(2).all(between_words)
        };
        !self.digits && (!self.spaces || is_spaced())
    }

    fn end(&self, letters: &str) -> String {
        let mut folded = String::with_capacity(letters.len());
        folded.extend(self.spaced(letters.chars().map(|c| (c, ()))).map(|(c, ())| c));
        folded
    }

    /// Digits and spaces. With each character goes where it comes from; a run of spaces comes from its first.
    fn spaced<T>(&self, text: impl Iterator<Item = (char, T)>) -> impl Iterator<Item = (char, T)> {
        let (mut text, mut begun) = (text, false);
        let (mut gap, mut held) = (None, None);
        std::iter::from_fn(move || {
            if let Some(held) = held.take() {
                return Some(held);
            }
            loop {
                let (c, from) = text.next()?;
                if self.spaces && (c.is_whitespace() || c == BRAILLE_BLANK) {
                    gap = gap.take().or(Some(from));
                    continue;
                }
                let c = if self.digits && c.is_numeric() { '0' } else { c };
                return match gap.take() {
                    Some(gap) if begun => {
                        held = Some((c, from));
                        Some((' ', gap))
                    }
                    _ => {
                        begun = true;
                        Some((c, from))
                    }
                };
            }
        })
    }
}

/// An empty braille cell. Not `White_Space` and not default-ignorable, yet nothing but a gap on the screen.
const BRAILLE_BLANK: char = '\u{2800}';

#[cfg(test)]
mod tests;
