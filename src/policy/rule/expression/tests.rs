//! What is said of an expression without compiling it, beside what compiling it shows: over thousands made by chance.

use regex_syntax::{ParserBuilder, hir::Hir};

use super::{bound, lazy, room::Fits, *};
use crate::policy::rule::tests::chance::Chance;

/// As large as one may be.
const LARGE: usize = MAX_COMPILED;

/// What is made by chance.
impl Chance {
    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 || self.below(4) == 0 {
            return self.atom().to_owned();
        }
        let sub = |chance: &mut Self| chance.expression(depth - 1);
        match self.below(8) {
            0..3 => (0..2 + self.below(3)).map(|_| sub(self)).collect(),
            3 | 4 => {
                let branches: Vec<_> = (0..2 + self.below(3)).map(|_| sub(self)).collect();
                let open = self.of(&["(", "(?:", "(?P<n>", "(?i:", "(?-i:", "(?m:", "(?R:(?m:"]);
                let close = if open.ends_with("(?m:") && open.len() > 4 { "))" } else { ")" };
                format!("{open}{}{close}", branches.join("|"))
            }
            5 => format!(
                "(?:{}){}",
                sub(self),
                self.of(&["?", "*", "+", "{2}", "{0,3}", "{2,}", "{3,7}", "{40}", "{0}"])
            ),
            _ => format!("(?:{}){}", sub(self), self.of(&["??", "*?", "+?", "{1,2}?", "{0,20}"])),
        }
    }

    fn atom(&mut self) -> &'static str {
        self.of(&[
            "a",
            "bo",
            "boleto",
            "pix",
            "K",
            "s",
            "ſ",
            "ß",
            "ç",
            "σ",
            "7",
            " ",
            "-",
            "_",
            ".",
            "\\.",
            "\\w",
            "\\W",
            "\\d",
            "\\s",
            "\\S",
            "[a-z]",
            "[^a]",
            "[çà-ü]",
            "[а-яё]",
            "\\pL",
            "\\p{Greek}",
            "[[:punct:]]",
            "(?-u:\\w)",
            "^",
            "$",
            "\\b",
            "\\B",
            "(?-u:\\b)",
            "\\b{start}",
            "\\b{end}",
            "\\b{start-half}",
            "\\b{end-half}",
            "\\A",
            "\\z",
            "(?s:.)",
            "\\n",
            "\\r",
            "😀",
            "[^\\s\\S]",
        ])
    }

    fn text(&mut self) -> String {
        let parts = [
            "a", "bo", "boleto", "PIX", "k", "K", "s", "ſ", "ß", "ç", "ς", "7", " ", "-", "_", ".", "\n", "\r", "\r\n",
            "😀", "ё", "à",
        ];
        (0..self.below(9)).map(|_| self.of(&parts)).collect()
    }
}

fn parsed(written: &str, case: bool) -> Option<Hir> {
    ParserBuilder::new().case_insensitive(case).build().parse(written).ok()
}

/// What the parser takes, of so many; as written, whether case is folded, parsed.
fn expressions(count: usize) -> Vec<(String, bool, Hir)> {
    let mut chance = Chance(2_026);
    let made = (0..count).map(|_| (chance.expression(4), chance.below(2) == 0)).collect::<Vec<_>>();
    made.into_iter().filter_map(|(written, case)| parsed(&written, case).map(|hir| (written, case, hir))).collect()
}

/// Otherwise an expression that load took would be too large when a subject needs it.
#[test]
fn within_its_bound_every_expression_compiles() {
    let (mut several, mut half) = (0, 0);
    let all = expressions(1_200);
    assert!(all.len() > 800, "{} parse", all.len());
    for (written, case, hir) in all {
        let bound = bound::of(&hir);
        if bound > LARGE {
            continue;
        }
        assert!(lazy::compile(&written, case, bound).is_some(), "{bound} octets do not suffice: {written}");
        several += usize::from(bound > 16 << 10);
        half += usize::from(bound > 4_096 && lazy::compile(&written, case, bound / 8).is_none());
    }
    assert!(several > 20, "{several} are larger than a few letters");
    assert!(half > 20, "{half} take more than an eighth of their bound: it says something");
}

#[test]
fn what_is_read_slowly_is_what_the_compiled_one_finds() {
    let mut chance = Chance(7);
    let (mut found, mut not, mut too_long) = (0, 0, 0);
    for (written, case, hir) in expressions(1_000) {
        if bound::of(&hir) > LARGE {
            continue;
        }
        let Some(regex) = lazy::compile(&written, case, LARGE) else { panic!("{written}") };
        for _ in 0..6 {
            let text = chance.text();
            match slowly::finds(&hir, &text) {
                Some(finds) => {
                    assert_eq!(finds, regex.is_match(&text), "{written} in {text:?}");
                    if finds { found += 1 } else { not += 1 }
                }
                None => too_long += 1,
            }
        }
    }
    assert!(found > 300 && not > 300, "{found} found, {not} not: too few to compare");
    assert!(too_long < 50, "{too_long} took too long");
}

/// What would take long is not read slowly: the compiled one says the same.
#[test]
fn slow_reading_has_a_bound() {
    let hir = parsed("(?:(?:a?){50}){50}b", false).unwrap();
    assert_eq!(slowly::finds(&hir, &"a".repeat(4_000)), None);
    let written = "(?:(?:a?){50}){50}b".to_owned();
    let expression = Expression::new(written, false, MAX_COMPILED, hir);
    assert_eq!(expression.find(&"a".repeat(4_000)), None);
    assert!(expression.find(&format!("{}b", "a".repeat(3_000))).is_some());
    assert!(expression.is_compiled());
}

/// Bounds are generous: a set that they alone would refuse is measured, and has all the room that it had without them.
#[test]
fn no_set_is_refused_for_its_bounds() {
    let written = "boleto\\w\\w";
    let hir = parsed(written, false).unwrap();
    let size = (13..).map(|power| 1 << power).find(|size| lazy::compile(written, false, *size).is_some()).unwrap();
    assert!(bound::of(&hir) > size && size > 32 << 10, "{} for {size}", bound::of(&hir));
    let room = Room::new(10 * size);
    for nth in 0..10 {
        assert!(matches!(room.take(written, false, &hir), Fits::Within(_)), "{nth}");
    }
    assert_eq!(room.take(written, false, &hir), Fits::NoRoom);
}

/// Compiled by the first subject that needs it, and not again.
#[test]
fn an_expression_is_compiled_once_and_when_it_is_needed() {
    let mut expression = Expression::new("pix \\d+".to_owned(), true, 8 << 10, parsed("pix \\d+", true).unwrap());
    assert!(expression.find("um PIX 12").is_some() && expression.find("pix").is_none());
    assert!(!expression.is_compiled(), "its examples are read without it");
    expression.rest();
    assert!(!expression.is_compiled());
    assert_eq!(expression.find("um PIX 12"), Some((3, 9)));
    assert!(expression.is_compiled());
}

/// A size that was reckoned too small costs memory, and not the rule.
#[test]
fn an_expression_that_is_larger_than_was_said_is_found_all_the_same() {
    let parsed = parsed("boleto \\w+", true).unwrap();
    assert!(lazy::compile("boleto \\w+", true, 512).is_none(), "it is larger");
    let mut expression = Expression::new("boleto \\w+".to_owned(), true, 512, parsed);
    expression.rest();
    assert_eq!(expression.find("um Boleto vencido"), Some((3, 17)));
}

#[test]
fn letters_of_escapes_are_no_letters_and_everything_keeps_its_place() {
    for (expression, letters) in [
        (r"\bсчет\b", "  счет  "),
        (r"\d+счет\\b", "  +счет  b"),
        (r"\x41счет\x{441}", "    счет  {441}"),
        (r"\pLсчет\p{Lu}", "   счет  {Lu}"),
        (r"\u0441счет\U00000441x", "      счет          x"),
        (r"\xz", "   "),
        (r"a\", "a "),
        ("plain", "plain"),
    ] {
        assert_eq!(without_escapes(expression), letters, "{expression}");
        assert_eq!(without_escapes(expression).len(), expression.len(), "{expression}");
    }
}
