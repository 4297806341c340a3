//! What folding makes equal and what it leaves apart, and that folding twice changes nothing.

use std::time::Duration;

use super::*;

const NOTHING: Fold = Fold {
    case: false,
    accents: false,
    compatibility: false,
    invisible: false,
    lookalikes: false,
    spaces: false,
    digits: false,
    prefixes: Vec::new(),
};

/// Every combination of the switches.
pub(super) fn folds() -> impl Iterator<Item = Fold> {
    (0..64_u8).map(|bits| {
        let on = |bit: u8| bits & (1 << bit) != 0;
        Fold {
            case: on(0),
            accents: on(1),
            compatibility: on(2),
            invisible: on(3),
            lookalikes: true,
            spaces: on(4),
            digits: on(5),
            prefixes: Fold::default().prefixes,
        }
    })
}

/// A prefix that is not folded is one that no fold changes but in its case; one with anything else in it is folded.
#[test]
fn prefixes_are_taken_as_written_where_folding_says_nothing_else() {
    for fold in folds() {
        for octet in 0..=u8::MAX {
            let prefix = format!("R{}e", char::from(octet));
            let (taken, folded) = (fold.prefix(&prefix), fold.pattern(&prefix));
            assert!(taken.eq_ignore_ascii_case(&folded), "{prefix:?} {fold:?}");
        }
    }
    let fold = Fold { prefixes: vec!["Ré 2".to_owned(), "Enc".to_owned()], ..Fold::default() };
    assert_eq!(fold.subject("re\u{301}  2: ENC: [x] boleto"), "[x] boleto");
}

#[test]
fn by_default_what_looks_the_same_compares_the_same() {
    let fold = Fold::default();
    let rows = [
        // Plain ASCII: case and spaces.
        ("Boleto  VENCIDO ", "boleto vencido"),
        ("\tBoleto\tVencido", "boleto vencido"),
        // Accents, composed and decomposed; letters with a stroke; ligatures of two letters.
        ("Cobrança URGENTÍSSIMA", "cobranca urgentissima"),
        ("Cobranc\u{327}a", "cobranca"),
        ("Bo\u{338}leto bøleto BØLETO ǿ", "boleto boleto boleto o"),
        ("Łukasz Đorđe ŒUVRE æon ırak İstanbul", "lukasz dorde oeuvre aeon irak istanbul"),
        ("Straße STRASSE STRAẞE", "strasse strasse strasse"),
        // An accent piled on every letter, an enclosing mark round it.
        ("b\u{301}\u{302}o\u{303}l\u{20dd}eto", "boleto"),
        // Compatibility: full width, mathematical, ordinal, ligature, superscript, no-break space.
        ("ＢＯＬＥＴＯ 𝐛𝐨𝐥𝐞𝐭𝐨 𝕭𝖔𝖑𝖊𝖙𝖔 ⓑⓞⓛⓔⓣⓞ", "boleto boleto boleto boleto"),
        ("2ª via ﬁnal x² a\u{a0}b", "2a via final x2 a b"),
        // Invisible: zero-width space, soft hyphen, joiners, bidi, variation selectors, tags, fillers, byte order mark.
        ("vi\u{200b}agra vi\u{ad}agra v\u{200d}i\u{2060}agra \u{202e}viagra\u{202c}", "viagra viagra viagra viagra"),
        ("v\u{fe0f}i\u{e0061}a\u{3164}g\u{115f}ra\u{feff} \u{ffa0}x", "viagra x"),
        // Controls, decoded CR and LF too: without a trace. TAB shows.
        ("vi\r\nagra v\0i\x7fa\u{85}gra vi\tagra", "viagra viagra vi agra"),
        // White space of every width, the blank braille cell.
        ("a\u{2003}\u{3000}b\u{2028}c\u{1680}\u{2800}d", "a b c d"),
        // Greek: one sigma.
        ("ΟΔΥΣΣΕΥΣ Ὀδυσσεύς", "οδυσσευσ οδυσσευσ"),
        // Not accents: other scripts keep their letters; that some look Latin is for the second reading.
        ("ВОЛЕТО ελ 日本 한국", "волето ελ 日本 한국"),
        // Digits stay unless asked for.
        ("Pix 123", "pix 123"),
        ("", ""),
        (" \u{200b} ", ""),
    ];
    for (text, expected) in rows {
        assert_eq!(fold.pattern(text), expected, "{text:?}");
    }
}

#[test]
fn each_switch_does_its_own_part_only() {
    let rows = [
        (NOTHING, "A  Á\tﬁ\u{200b}1", "A  Á\tﬁ\u{200b}1"),
        (Fold { case: true, ..NOTHING }, "AÁ Σς", "aá σσ"),
        // Turkish: an accent's difference, so that case alone leaves it.
        (Fold { case: true, ..NOTHING }, "Iİıi ßẞ", "ii\u{307}ıi ssss"),
        (Fold { case: true, accents: true, ..NOTHING }, "Iİıi", "iiii"),
        (Fold { accents: true, ..NOTHING }, "AÁ ÆØ", "AA AEO"),
        (Fold { compatibility: true, ..NOTHING }, "ＡÁ ﬁ", "AÁ fi"),
        (Fold { invisible: true, ..NOTHING }, "A\u{200b} \r\n\t B", "A   B"),
        (Fold { invisible: true, ..NOTHING }, "é\r\n\tB", "é B"),
        (Fold { spaces: true, ..NOTHING }, " A \r\n\u{2003}B ", "A B"),
        (Fold { spaces: true, ..NOTHING }, "vi\u{200b}agra", "vi\u{200b}agra"),
        (Fold { digits: true, ..NOTHING }, "R$ 1.234,５٣Ⅷ²", "R$ 0.000,0000"),
        (Fold { digits: true, ..NOTHING }, "R$ 1.234", "R$ 0.000"),
        // Canonical equivalence is always removed: these two are one text, and no switch tells them apart.
        (NOTHING, "c\u{327}", "ç"),
        // What was invisible between a letter and its accent keeps them apart no longer.
        (Fold { invisible: true, ..NOTHING }, "c\u{200b}\u{327}", "ç"),
    ];
    for (fold, text, expected) in rows {
        assert_eq!(fold.pattern(text), expected, "{text:?} with {fold:?}");
    }
}

#[test]
fn reply_prefixes_go_from_subjects_and_stay_in_patterns() {
    let fold = Fold::default();
    let rows = [
        ("RE: RES: ENC: [EXTERNO] Boleto", "boleto"),
        ("Ｒｅ： Boleto", "boleto"),
        ("R\u{200b}e: \u{2003}Fwd[3]: Boleto", "boleto"),
        ("Récita: Boleto", "recita: boleto"),
        ("RÉ: Boleto", "boleto"),
        ("RE:", ""),
    ];
    for (subject, expected) in rows {
        assert_eq!(fold.subject(subject), expected, "{subject:?}");
    }
    assert_eq!(fold.pattern("RE: Boleto"), "re: boleto");
    let own = Fold { prefixes: vec!["SPAM?".to_owned(), "\u{200b}".to_owned()], ..NOTHING };
    assert_eq!(own.subject("SPAM?: Spam?: RE: x"), "RE: x");
}

/// What goes on between characters: marks behind invisible ones, spaces that NFKC makes, jamo that find one another.
pub(super) const KNOTS: &[&str] = &[
    "",
    " ",
    "e\u{200b}\u{301}",
    "\u{301}",
    " \u{301}a",
    "´a",
    "¨",
    "\u{1100}\u{200b}\u{1161}",
    "\u{1100}\u{300}\u{1161}\u{11a8}",
    "İ",
    "ı\u{307}",
    "ϓ",
    "ϒ\u{301}",
    "ǅ",
    "ẞ",
    "Å",
    "K",
    "\u{fdfa}",
    "1\u{338}",
    "½",
    "a\u{34f}\u{323}\u{301}",
    "\u{2800}\u{2800}",
    "\u{85}",
    "ø\u{301}",
    "\u{9c7}\u{301}\u{9be}",
    "re: \u{301}",
    "re:\u{200b}re:",
    "[externo]\t",
    "ᾼ",
    "ŉ",
    "\u{1d15e}",
    "\u{3099}か",
];

#[test]
fn folding_twice_gives_what_folding_once_gave() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |bound: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % bound as u64).unwrap()
    };
    let mut texts: Vec<String> = KNOTS.iter().map(|&knot| knot.to_owned()).collect();
    for _ in 0..300 {
        texts.push((0..next(9)).map(|_| KNOTS[next(KNOTS.len())]).collect());
        texts.push((0..next(20)).filter_map(|_| char::from_u32(u32::try_from(next(0x3100)).unwrap())).collect());
    }
    for fold in folds() {
        for text in &texts {
            let once = fold.pattern(text);
            assert_eq!(fold.pattern(&once), once, "{text:?} with {fold:?}");
            let once = fold.subject(text);
            assert_eq!(fold.subject(&once), once, "{text:?} as a subject with {fold:?}");
        }
    }
}

#[test]
fn every_character_folds_to_something_that_folds_to_itself() {
    // One text, `x` between so that neighbours do not compose. Left out: the planes of ideographs without case, accent or
    // compatibility form, and private use, which would take ten times as long.
    let characters = ('\0'..='\u{1ffff}').chain('\u{2f800}'..='\u{2fa1f}').chain('\u{e0000}'..='\u{e1000}');
    let all: String = characters.flat_map(|c| [c, 'x']).collect();
    for fold in
        [Fold::default(), Fold { accents: false, ..Fold::default() }, Fold { compatibility: false, ..Fold::default() }]
    {
        let once = fold.pattern(&all);
        assert!(fold.pattern(&once) == once, "{:?}", first_difference(&once, &fold.pattern(&once)));
        assert!(!once.chars().any(|c| invisible::is_invisible(c) || c.is_uppercase() && c.to_lowercase().ne([c])));
    }
}

fn first_difference(a: &str, b: &str) -> Option<(String, String)> {
    let at = a.chars().zip(b.chars()).position(|(a, b)| a != b)?;
    let around = |text: &str| text.chars().skip(at.saturating_sub(2)).take(5).collect();
    Some((around(a), around(b)))
}

#[test]
fn the_ascii_path_gives_what_the_long_way_gives() {
    let text: String = ('\0'..='\x7f').chain("  RE: [x]\t\r\n 12 ".chars()).collect();
    for fold in folds() {
        // The mark sends the text the long way. Its `x` composes with nothing.
        let long = fold.pattern(&format!("{text}x\u{651}"));
        let short = fold.pattern(&format!("{text}x"));
        assert_eq!(long.trim_end_matches('\u{651}'), short, "{fold:?}");
    }
}

/// Every text of up to five of the characters that spaces and digits turn on.
#[test]
fn what_is_left_as_it_is_had_nothing_to_change() {
    let mut texts = vec![String::new()];
    for _ in 0..5 {
        let longer =
            |text: &String| ["", "a", " ", "\t", "\r", "7", "\u{a0}", "\u{2800}", "日"].map(|c| format!("{text}{c}"));
        texts = texts.iter().flat_map(longer).collect();
        texts.sort_unstable();
        texts.dedup();
    }
    for (spaces, digits) in [(false, false), (false, true), (true, false), (true, true)] {
        let (fold, mut left) = (Fold { spaces, digits, ..NOTHING }, 0);
        for text in &texts {
            left += usize::from(fold.is_at_its_end(text));
            assert!(!fold.is_at_its_end(text) || fold.end(text) == *text, "{fold:?} {text:?}");
        }
        assert_eq!(left > 100, !fold.digits, "{fold:?}");
    }
}

#[test]
fn the_hostile_are_folded_in_linear_time() {
    let marks = "\u{301}\u{323}\u{327}";
    let rows = [
        "a".repeat(1 << 18),
        " ".repeat(1 << 18),
        "re:".repeat(1 << 16),
        format!("re[{}", "1".repeat(1 << 18)),
        format!("e{}", marks.repeat(1 << 15)),
        "e\u{301}\u{200b}".repeat(1 << 15),
        "\u{fdfa}".repeat(1 << 16),
        "\u{1100}\u{1161}\u{11a8}".repeat(1 << 15),
    ];
    for text in rows {
        let start = cpu();
        let folded = Fold::default().subject(&text);
        assert!((cpu() - start) < Duration::from_secs(4), "{:?} {:?}", text.get(..12), cpu() - start);
        assert!(folded.len() <= 11 * text.len());
    }
}

/// CPU time of this thread: what else the machine does must not fail the test.
fn cpu() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(spent).unwrap()
}

/// The short way over the letters of Europe is the long way, under every fold: every pair of them, in both orders.
#[test]
fn letters_that_stand_alone_are_folded_alike_beside_any_other() {
    let alone: Vec<char> = alphabets::all().filter(|&c| alphabets::stands_alone(c)).collect();
    assert_eq!(alone.len(), 128 + 3 + 64 + 128 + 72 + 96 + 7);
    for bits in [0_u32, 3, 6, 9, 12, 15] {
        let on = |bit: u32| bits >> bit & 1 == 1;
        let fold = Fold { case: on(0), accents: on(1), compatibility: on(2), invisible: on(3), ..Fold::default() };
        for &first in &alone {
            let text: String = alone.iter().flat_map(|&second| [first, second]).collect();
            assert_eq!(fold.one_by_one(&text), Some(fold.together(&text)), "{first:?} {fold:?}");
        }
    }
}

/// What composes with what stands before it, or is none of Europe's letters, goes the long way.
#[test]
fn what_depends_on_its_neighbours_does_not_stand_alone() {
    for text in ["e\u{301}", "日", "\u{1161}", "a\u{345}", "ͺ", "\u{483}"] {
        assert_eq!(Fold::default().one_by_one(text), None, "{text}");
    }
}
