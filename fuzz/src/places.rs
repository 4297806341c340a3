//! Faults of a file that a person wrote: each stands in the file, at a place that can be shown.

use portaria::{
    document::{Faults, Place},
    language::Language,
};

/// Every fault's place is a place of `source`, and every fault can be said in both languages.
pub fn check_faults(faults: &Faults, source: &str) {
    let lines: Vec<&str> = source.split('\n').collect();
    for fault in &faults.0 {
        if let Some(place) = &fault.place {
            let line = place.line.checked_sub(1).and_then(|at| lines.get(at));
            let line = line.unwrap_or_else(|| panic!("line {} of {}", place.line, lines.len()));
            check_window(place, line.trim_end_matches('\r'));
            assert!((1..=line.chars().count() + 1).contains(&place.column), "column {} of {line:?}", place.column);
            assert!(place.width >= 1 && place.column + place.width <= line.chars().count().max(place.column) + 1);
        }
        for language in [Language::En, Language::PtBr] {
            let shown = fault.render(language);
            assert!(shown.ends_with('\n') && shown.lines().all(|line| line.len() < 20_000));
        }
    }
}

/// What is shown is the line, or a piece of it with `…` where it was cut, and the caret stands under the fault's own character.
fn check_window(place: &Place, line: &str) {
    let characters: Vec<char> = line.chars().collect();
    let shown: Vec<char> = place.text.chars().collect();
    // A secret is shown as stars: the password of a URL, the value of a key that is called so.
    let may_hide = line.contains("://") || line.contains('=');
    let is_shown = |there: &char, shown: &char| there == shown || (may_hide && *shown == '*');
    let is_same = |there: &[char], shown: &[char]| {
        there.len() == shown.len() && there.iter().zip(shown).all(|(there, shown)| is_shown(there, shown))
    };
    if characters.len() <= 80 {
        assert!(is_same(&characters, &shown), "{:?} is shown for {line:?}", place.text);
    }
    assert!(shown.len() <= 162, "{} characters are shown", shown.len());
    let first = (place.column - 1).checked_sub(place.caret);
    // A cut at the beginning puts one character more in front.
    let piece = |from: usize, skipped: usize, kept: usize| {
        let there = characters.get(from..from + kept - skipped);
        there.zip(shown.get(skipped..kept)).is_some_and(|(there, shown)| is_same(there, shown))
    };
    let whole_end = shown.len();
    let fits = match first {
        Some(first) => [whole_end, whole_end.saturating_sub(1)].into_iter().any(|kept| {
            piece(first, 0, kept) || (kept > 0 && shown.first() == Some(&'…') && piece(first + 1, 1, kept))
        }),
        None => false,
    };
    assert!(fits, "{:?} is no piece of {line:?} with its caret at {}", place.text, place.caret);
}
