//! What a rule and a subject look like when they are compared.
//!
//! In: a decoded subject, or a rule's own text. Out: the same text with the differences removed that a [`Fold`] names, in this
//! order: compatibility, invisible, case, accents, digits, spaces, prefixes. Canonically equivalent texts fold alike whatever
//! is switched off (the result is in NFC; Unicode says they are one text). Folding twice gives what folding once gave.
//! Look-alikes of other scripts are not known here.
//!
//! Linear in the text. The result may be longer than the text: NFKC makes 18 characters of U+FDFA, 33 octets of 3.

mod invisible;
mod letters;
mod prefix;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// What disappears before rule and subject are compared; the same function folds both (decision 14).
/// Look-alikes come with a later version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fold {
    /// Upper and lower case: each character's lower case; `ς` is `σ`, `ß` stays.
    pub case: bool,
    /// Diacritics: NFD, then nonspacing and enclosing marks dropped; letters with a stroke that Unicode does not decompose become
    /// the letter without it (`ø`, `ł`), the ligatures `æ` and `œ` two letters.
    pub accents: bool,
    /// Compatibility forms: NFKC (full-width, ligatures, mathematical letters).
    pub compatibility: bool,
    /// Default-ignorable, format (Cf) and control characters, decoded CR and LF included: gone without a trace, so that
    /// `bol<LF>eto` is `boleto`. TAB, which readers show, is a space.
    pub invisible: bool,
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
            spaces: true,
            digits: false,
            prefixes: ["RE", "RES", "ENC", "FW", "FWD", "[EXTERNO]"].map(str::to_owned).to_vec(),
        }
    }
}

impl Fold {
    /// A decoded subject as it is compared: prefixes stripped too.
    pub fn subject(&self, decoded: &str) -> String {
        let mut text = self.pattern(decoded);
        let prefixes: Vec<String> = self.prefixes.iter().map(|prefix| self.pattern(prefix)).collect();
        let stripped = text.len() - prefix::strip(&text, &prefixes).len();
        text.drain(..stripped);
        text
    }

    /// A rule's own text as it is compared.
    pub fn pattern(&self, written: &str) -> String {
        if written.is_ascii() {
            // No step but these touches ASCII, and most subjects are nothing else.
            let seen = written.chars().filter_map(|c| self.seen(c));
            return if self.case { self.end(seen.map(|c| c.to_ascii_lowercase())) } else { self.end(seen) };
        }
        let plain = self.without_accents(&self.lower_case(&self.compatible(written)));
        self.end(plain.chars())
    }

    fn compatible(&self, text: &str) -> String {
        if self.compatibility { text.nfkc().collect() } else { text.nfc().collect() }
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
        if self.case { seen.flat_map(char::to_lowercase).map(letters::one_sigma).collect() } else { seen.collect() }
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

    /// Digits and spaces.
    fn end(&self, text: impl Iterator<Item = char>) -> String {
        let mut out = String::with_capacity(text.size_hint().0);
        let mut gap = false;
        for c in text {
            if self.spaces && (c.is_whitespace() || c == BRAILLE_BLANK) {
                gap = true;
                continue;
            }
            if std::mem::take(&mut gap) && !out.is_empty() {
                out.push(' ');
            }
            out.push(if self.digits && c.is_numeric() { '0' } else { c });
        }
        out
    }
}

/// An empty braille cell. Not `White_Space` and not default-ignorable, yet nothing but a gap on the screen.
const BRAILLE_BLANK: char = '\u{2800}';

#[cfg(test)]
mod tests;
