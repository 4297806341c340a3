//! A trace is the folding itself, in pieces; and it leads back to what was folded.

use super::*;
use crate::message::fold::tests::{KNOTS, folds};

/// The trace of each reading that a subject has, with its text.
fn traces(fold: &Fold, decoded: &str) -> Vec<(String, Trace)> {
    let plain = fold.subject(decoded);
    let alike = fold.lookalike_subject(decoded, &plain);
    if let Some(alike) = &alike {
        assert_eq!(fold.lookalike_subject(alike, &fold.subject(alike)), None, "{decoded:?} twice, with {fold:?}");
    }
    let mut traces = vec![(plain, fold.trace(decoded, Reading::Plain, usize::MAX))];
    traces.extend(alike.map(|text| (text, fold.trace(decoded, Reading::Lookalikes, usize::MAX))));
    traces
}

/// The folded text is the whole one, every character comes from whole characters, and both ascend.
fn sound(fold: &Fold, decoded: &str) {
    for (text, trace) in traces(fold, decoded) {
        assert_eq!(trace.folded, text, "{decoded:?} with {fold:?}");
        assert_eq!(trace.steps.len(), text.chars().count());
        for (step, (at, _)) in trace.steps.iter().zip(text.char_indices()) {
            assert_eq!(step.0, at);
            assert!(decoded.get(step.1.clone()).is_some_and(|from| !from.is_empty()), "{decoded:?} {step:?}");
        }
        for pair in trace.steps.windows(2) {
            let [(_, a), (_, b)] = pair else { unreachable!() };
            assert!(a.start <= b.start && a.end <= b.end && (a == b || a.end <= b.start), "{decoded:?} {a:?} {b:?}");
        }
    }
}

#[test]
fn what_was_found_is_shown_in_the_decoded_subject() {
    let fold = Fold::default();
    for (decoded, found, expected) in [
        ("RES: Enc: o Boleto", "boleto", "Boleto"),
        ("  Um\t\tBOLETO\u{202c} novo", "boleto", "BOLETO"),
        ("bo\u{200b}le\u{301}to", "boleto", "bo\u{200b}le\u{301}to"),
        ("a cobrança, c\u{327}\u{327} x", "cobranca", "cobrança"),
        ("a cobranc\u{327}a!", "cobranca", "cobranc\u{327}a"),
        ("Straße 7", "ss", "ß"),
        ("\u{fdfa} x", "x", "x"),
        ("ﬁnal", "i", "ﬁ"),
        ("RE: seu ВОLЕТО vencido", "boleto", "ВОLЕТО"),
        ("🅱ol\u{ad}ёto, 2ª via", "boleto, 2a", "🅱ol\u{ad}ёto, 2ª"),
        ("a \u{3000} b", "a b", "a \u{3000} b"),
        ("한국 x", "국", "국"),
    ] {
        let (text, trace) = traces(&fold, decoded).pop().unwrap();
        let at = text.find(found).unwrap();
        let (start, end) = trace.decoded((at, at + found.len()));
        assert_eq!(&decoded[start..end], expected, "{decoded:?}");
        let (from, to) = trace.folded((start, end));
        assert!(from <= at && at + found.len() <= to, "{decoded:?}: and back");
    }
}

#[test]
fn a_trace_ends_where_the_text_ends() {
    let trace = Fold::default().trace("é b", Reading::Plain, usize::MAX);
    assert_eq!((trace.decoded((0, 3)), trace.decoded((0, 99)), trace.decoded((99, 99))), ((0, 4), (0, 4), (3, 3)));
    assert_eq!((trace.decoded((0, 0)), trace.decoded((1, 1))), ((0, 0), (2, 2)));
    assert_eq!((trace.folded((0, 99)), trace.folded((3, 3))), ((0, 3), (2, 2)));
    let nothing = Fold::default().trace("", Reading::Lookalikes, usize::MAX);
    assert_eq!((nothing.decoded((0, 7)), nothing.folded((0, 7))), ((0, 0), (0, 0)));
    // Bounded, whatever the subject is.
    let long = Fold::default().trace(&format!("re: {}", "é".repeat(100_000)), Reading::Plain, 100);
    assert_eq!(long.folded, "e".repeat(100));
}

/// The claim of [`starts_piece`], character by character: one text in which each stands behind some that love to compose. Left
/// out are ideographs, most of Hangul and what no character stands at.
#[test]
fn nothing_folds_across_the_edge_of_a_piece() {
    let blocks = [
        ('\0', '\u{33ff}'),
        ('\u{a4d0}', '\u{ac1f}'),
        ('\u{f900}', '\u{ffff}'),
        ('\u{10a00}', '\u{11fff}'),
        ('\u{1d000}', '\u{1d7ff}'),
        ('\u{1f100}', '\u{1f1ff}'),
    ];
    let behind = ["e\u{301}", "\u{1100}", "\u{9c7}"];
    let starts = blocks.into_iter().flat_map(|(first, last)| first..=last).filter(|&c| starts_piece(c));
    let text: String = starts.flat_map(|c| behind.map(|before| format!("{before}{c}"))).collect();
    assert!(text.chars().count() > 100_000);
    for fold in [Fold::default(), Fold { accents: false, compatibility: false, ..Fold::default() }] {
        assert!(fold.pattern(&text) == fold.trace_text(&text, usize::MAX).folded, "{fold:?}");
    }
}

#[test]
fn a_trace_is_the_folding_in_pieces_for_any_text() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |bound: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % bound as u64).unwrap()
    };
    let alike = [
        "В",
        "ο",
        "ё",
        "Ж",
        "тема",
        "🅱",
        "µ",
        "\u{3f9}",
        "Ή",
        "Ց",
        "ց",
        "Ⅷ",
        "\u{115f}",
        "\r\n",
        "ab",
        "\0",
        "\u{f71}\u{f72}",
        " ",
        "x",
        "\u{301}",
        "\u{200b}",
    ];
    let mut texts: Vec<String> = KNOTS.iter().map(|&knot| knot.to_owned()).collect();
    // A mark between two jamo that goes lets them find one another.
    texts.push("\u{1100}\u{20dd}\u{1161}".to_owned());
    for _ in 0..40 {
        texts.push((0..next(9)).map(|_| KNOTS[next(KNOTS.len())]).collect());
        texts.push((0..next(9)).map(|_| alike[next(alike.len())]).collect());
        texts.push((0..next(20)).filter_map(|_| char::from_u32(u32::try_from(next(0x3100)).unwrap())).collect());
    }
    for fold in folds() {
        texts.iter().for_each(|text| sound(&fold, text));
    }
}
