//! `message::fold`: folding once is enough, leaves nothing invisible, and undoes every disguise that it knows.

use portaria::message::subject::Fold;

use crate::choices::Choices;

/// The octets are read as text, folded in some way; and their ASCII words are disguised and must fold to themselves.
pub fn fold(data: &[u8]) {
    let mut choices = Choices::of(data);
    let text = String::from_utf8_lossy(data);
    let fold = any_fold(&mut choices);
    let once = fold.pattern(&text);
    assert_eq!(fold.pattern(&once), once, "{fold:?}");
    let subject = fold.subject(&text);
    assert_eq!(fold.subject(&subject), subject, "{fold:?}");
    assert!(once.ends_with(&subject), "a subject is the pattern without what stands in front: {once:?} {subject:?}");
    if fold.invisible {
        assert!(!once.chars().any(|c| c.is_control() || INVISIBLE.contains(&c)), "{once:?}");
    }
    if fold.spaces {
        assert!(!once.contains("  ") && once.trim() == once, "{once:?}");
    }
    let words: Vec<String> = words(data);
    let plain = words.join(" ");
    assert_eq!(Fold::default().pattern(&plain), plain, "words of small letters stay");
    let disguised: Vec<String> = words.iter().map(|word| disguise(word, &mut choices)).collect();
    let gap = *choices.one_of(&[" ", "\t", " \u{200b} ", "\u{a0}", "\u{3000}\u{2009}", "\u{2800}"]);
    assert_eq!(Fold::default().pattern(&disguised.join(gap)), plain, "{disguised:?}");
}

fn any_fold(choices: &mut Choices) -> Fold {
    let mut on = || !choices.once_in(3);
    Fold {
        case: on(),
        accents: on(),
        compatibility: on(),
        invisible: on(),
        spaces: on(),
        digits: on(),
        prefixes: Fold::default().prefixes,
    }
}

/// The runs of small ASCII letters and digits.
fn words(data: &[u8]) -> Vec<String> {
    let wordly = |octet: &u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
    data.split(|octet| !wordly(octet))
        .filter(|word| !word.is_empty())
        .map(|word| word.iter().map(|&octet| char::from(octet)).collect())
        .collect()
}

/// The same word to the eye, or nearly.
fn disguise(word: &str, choices: &mut Choices) -> String {
    let mut out = String::new();
    for c in word.chars() {
        out.push(match choices.below(5) {
            0 => c.to_ascii_uppercase(),
            1 => wide(c),
            2 => wide(c.to_ascii_uppercase()),
            _ => c,
        });
        match choices.below(6) {
            0 => out.push(*choices.one_of(INVISIBLE)),
            1 => out.push(*choices.one_of(MARKS)),
            _ => {}
        }
    }
    out
}

/// Full width.
fn wide(c: char) -> char {
    char::from_u32(c as u32 + 0xfee0).unwrap_or(c)
}

const INVISIBLE: &[char] = &[
    '\u{200b}',
    '\u{200d}',
    '\u{ad}',
    '\u{2060}',
    '\u{feff}',
    '\u{202e}',
    '\u{fe0f}',
    '\u{e0061}',
    '\u{3164}',
    '\u{34f}',
    '\0',
    '\n',
    '\r',
    '\u{85}',
    '\u{180e}',
    '\u{1d173}',
];

const MARKS: &[char] =
    &['\u{301}', '\u{327}', '\u{338}', '\u{20dd}', '\u{35c}', '\u{1dc4}', '\u{483}', '\u{64b}', '\u{e31}'];
