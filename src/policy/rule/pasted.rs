//! Characters that came into a pattern by pasting it from a spam: invisible ones, and letters of another alphabet among Latin
//! ones. Nobody types `bоleto` with a Cyrillic `о`, and nobody sees it either.

use crate::message::subject::Fold;

/// An alphabet whose letters pass for Latin ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Cherokee,
}

impl Script {
    /// Its name in English and Portuguese.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Latin => ("Latin", "latina"),
            Self::Greek => ("Greek", "grega"),
            Self::Cyrillic => ("Cyrillic", "cirílica"),
            Self::Armenian => ("Armenian", "armênia"),
            Self::Cherokee => ("Cherokee", "cherokee"),
        }
    }

    /// By Unicode block; none for letters of other alphabets, digits and signs. Full-width and mathematical forms are Latin: the
    /// fold makes plain letters of them.
    fn of(c: char) -> Option<Self> {
        match c {
            _ if !c.is_alphabetic() => None,
            '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{ff21}'..='\u{ff5a}' => Some(Self::Latin),
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some(Self::Greek),
            '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{2de0}'..='\u{2dff}' => Some(Self::Cyrillic),
            '\u{531}'..='\u{587}' => Some(Self::Armenian),
            '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => Some(Self::Cherokee),
            _ => None,
        }
    }
}

/// The first letter of another alphabet in a word that has Latin letters too: its octet in `text`, itself and its alphabet.
pub(super) fn stranger(text: &str) -> Option<(usize, char, Script)> {
    let mut rest = text;
    let mut start = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_alphanumeric() && !unicode_normalization::char::is_combining_mark(c));
        let (word, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        let letters = || word.char_indices().filter_map(|(at, c)| Some((at, c, Script::of(c)?)));
        if letters().any(|(.., script)| script == Script::Latin)
            && let Some((at, c, script)) = letters().find(|(.., script)| *script != Script::Latin)
        {
            return Some((start + at, c, script));
        }
        let step = behind.chars().next().map_or(0, char::len_utf8);
        start += word.len() + step;
        rest = behind.get(step..)?;
    }
    None
}

/// The first invisible character that the fold drops: its octet in `text`, and itself.
pub(super) fn invisible(text: &str) -> Option<(usize, char)> {
    let drops = Fold { invisible: true, ..Fold::default() };
    let keeps = Fold { invisible: false, ..Fold::default() };
    let seen = |fold: &Fold, c: char| fold.pattern(&format!("x{c}x"));
    text.char_indices().find(|(_, c)| !c.is_ascii_graphic() && *c != ' ' && seen(&drops, *c) != seen(&keeps, *c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_among_letters_of_another_alphabet_is_found() {
        for (text, expected) in [
            ("b\u{43e}leto", Some((1, '\u{43e}', Script::Cyrillic))),
            ("o b\u{3bf}leto", Some((3, '\u{3bf}', Script::Greek))),
            ("\u{412}oleto", Some((0, '\u{412}', Script::Cyrillic))),
            ("ação bol\u{585}to", Some((10, '\u{585}', Script::Armenian))),
            ("boleto", None),
            ("счёт boleto", None),
            ("счёт", None),
            ("ｂｏleto", None),
            ("2ª via", None),
            ("", None),
            ("µ", None),
        ] {
            assert_eq!(stranger(text), expected, "{text}");
        }
    }

    #[test]
    fn an_invisible_character_is_found() {
        for (text, expected) in [
            ("bo\u{200b}leto", Some((2, '\u{200b}'))),
            ("bo\u{ad}leto", Some((2, '\u{ad}'))),
            ("a\u{8}", Some((1, '\u{8}'))),
            ("ação ２ª\u{a0}via", None),
            ("boleto", None),
        ] {
            assert_eq!(invisible(text), expected, "{text:?}");
        }
    }
}
