//! `message::fold`: folding once is enough, leaves nothing invisible, and undoes every disguise that it knows; the second reading undoes
//! look-alikes as well; and what was folded is found again in what it was folded from.

use portaria::message::subject::{Fold, Reading};

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
    let second = fold.lookalike_subject(&text, &subject);
    trace(&fold, &text, &subject, Reading::Plain, &mut choices);
    if let Some(second) = second {
        assert!(fold.lookalikes && second != subject);
        let again = fold.lookalike_subject(&second, &second);
        assert_eq!(again, None, "{second:?} with {fold:?}");
        assert_eq!(fold.subject(&second), second, "{fold:?}");
        trace(&fold, &text, &second, Reading::Lookalikes, &mut choices);
    }
    let words: Vec<String> = words(data);
    let plain = words.join(" ");
    assert_eq!(Fold::default().pattern(&plain), plain, "words of small letters stay");
    let disguised: Vec<String> = words.iter().map(|word| disguise(word, &mut choices)).collect();
    let gap = *choices.one_of(&[" ", "\t", " \u{200b} ", "\u{a0}", "\u{3000}\u{2009}", "\u{2800}"]);
    assert_eq!(Fold::default().pattern(&disguised.join(gap)), plain, "{disguised:?}");
    let alike: Vec<String> = disguised.iter().map(|word| replaced(word, &mut choices)).collect();
    let alike = alike.join(gap);
    let first = Fold::default().subject(&alike);
    let second = Fold::default().lookalike_subject(&alike, &first);
    let expected = Fold::default().subject(&plain);
    assert_eq!(second.unwrap_or(first), expected, "{alike:?}");
}

/// The characters that the trace says a folded one comes from make that one when they are folded by themselves.
fn trace(fold: &Fold, text: &str, folded: &str, reading: Reading, choices: &mut Choices) {
    let trace = fold.trace(text, reading, usize::MAX);
    assert_eq!(trace.folded, folded, "{reading:?} with {fold:?}");
    let alone = Fold { spaces: false, prefixes: Vec::new(), ..fold.clone() };
    let mut before = (0, 0);
    // The whole of a long subject would take quadratic time here.
    for (at, c) in folded.char_indices().take(200) {
        let (start, end) = trace.decoded((at, at + c.len_utf8()));
        let piece = text.get(start..end).unwrap_or_default();
        assert!(!piece.is_empty() && before.0 <= start && before.1 <= end, "{at} {c:?}: {before:?} {start} {end}");
        before = (start, end);
        let mut made = alone.pattern(piece);
        if reading == Reading::Lookalikes {
            // Among Latin letters, for there no word is left alone.
            let among = format!("{piece}{}", "q".repeat(piece.len() + 1));
            made.push_str(&alone.lookalike_subject(&among, &alone.subject(&among)).unwrap_or_default());
        }
        let blank = c == ' ' && made.chars().any(|c| c.is_whitespace() || c == '\u{2800}');
        assert!(blank || made.contains(c), "{c:?} is not of {piece:?}, {reading:?} with {fold:?}");
    }
    let ends: Vec<usize> = folded.char_indices().map(|(at, _)| at).chain([folded.len()]).collect();
    let (a, b) = (*choices.one_of(&ends), *choices.one_of(&ends));
    let span = (a.min(b), a.max(b));
    let back = trace.folded(trace.decoded(span));
    assert!(span.0 == span.1 || back.0 <= span.0 && span.1 <= back.1, "{span:?} is {back:?}");
}

/// Letters replaced by some that nobody tells from them: a list by hand.
fn replaced(word: &str, choices: &mut Choices) -> String {
    let other = |c: char, choices: &mut Choices| {
        let (_, alike) = CLOSE.iter().find(|(letter, _)| *letter == c)?;
        alike.chars().nth(choices.below(alike.chars().count()))
    };
    word.chars().map(|c| if choices.once_in(2) { other(c, choices).unwrap_or(c) } else { c }).collect()
}

const CLOSE: &[(char, &str)] = &[
    ('a', "аαᴀ"),
    ('A', "АΑᎪꓮ"),
    ('B', "ВΒᏴꓐ🅱"),
    ('b', "ʙɓ"),
    ('c', "сϲᴄ"),
    ('C', "СϹᏟ"),
    ('e', "еᴇё"),
    ('E', "ЕΕᎬЁ"),
    ('h', "һʜ"),
    ('H', "НΗᎻ"),
    ('i', "іιɪї"),
    ('j', "јϳ"),
    ('l', "ӏʟ"),
    ('L', "ᏞЛꓡ"),
    ('o', "оοօჿס"),
    ('O', "ОΟՕꓳ🅾"),
    ('p', "рρᴘ"),
    ('P', "РΡᏢ"),
    ('s', "ѕꜱ"),
    ('S', "ЅᏕꓢ"),
    ('T', "ТΤᎢꓔ"),
    ('v', "ѵνᴠ"),
    ('x', "х"),
    ('X', "ХΧꓫ"),
    ('y', "уʏ"),
    ('Y', "УΥꓬ"),
];

fn any_fold(choices: &mut Choices) -> Fold {
    let mut on = || !choices.once_in(3);
    Fold {
        case: on(),
        accents: on(),
        compatibility: on(),
        invisible: on(),
        lookalikes: on(),
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
