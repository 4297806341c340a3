//! Faults of a file that a person wrote: each stands in the file, at a place that can be shown.

use portaria::{document::Faults, language::Language};

/// Every fault's place is a place of `source`, and every fault can be said in both languages.
pub fn check_faults(faults: &Faults, source: &str) {
    let lines: Vec<&str> = source.split('\n').collect();
    for fault in &faults.0 {
        if let Some(place) = &fault.place {
            let line = place.line.checked_sub(1).and_then(|at| lines.get(at));
            let line = line.unwrap_or_else(|| panic!("line {} of {}", place.line, lines.len()));
            assert_eq!(place.text, line.trim_end_matches('\r'), "another line is shown");
            assert!((1..=line.chars().count() + 1).contains(&place.column), "column {} of {line:?}", place.column);
            assert!(place.width >= 1 && place.column + place.width <= line.chars().count().max(place.column) + 1);
        }
        for language in [Language::En, Language::PtBr] {
            let shown = fault.render(language);
            assert!(shown.ends_with('\n') && shown.lines().all(|line| line.len() < 20_000));
        }
    }
}
