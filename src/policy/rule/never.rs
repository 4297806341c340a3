//! Expressions that can never match, or of which a branch never can: folding has taken away what they look for.
//!
//! An expression looks at the folded subject and is not folded itself (folding `\W` would make another expression of it), so
//! `cobrança` in it finds nothing where accents disappear, and the rule sleeps without a sound.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::message::subject::Fold;

/// Classes with more members than this hold one that stays.
const MEMBERS: usize = 16;

/// Why an expression, or a branch of it, never matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Never {
    /// No folded subject holds this character.
    Lost(char),
    /// Nor two spaces in a row.
    TwoSpaces,
    /// `^` behind something, or `$` in front of something.
    Anchor,
    /// A class without a member.
    Nothing,
}

/// The first part that never matches, unless the expression can do without it.
pub(super) fn never(hir: &Hir, fold: &Fold) -> Option<Never> {
    Walk { fold }.never(hir, false, false)
}

/// What becomes of a character in the middle of a word.
pub(super) fn becomes(c: char, fold: &Fold) -> String {
    let folded = fold.pattern(&format!("x{c}x"));
    folded.strip_prefix('x').and_then(|rest| rest.strip_suffix('x')).unwrap_or_default().to_owned()
}

struct Walk<'f> {
    fold: &'f Fold,
}

impl Walk<'_> {
    /// `before`, `after`: whether at least one character must stand on that side.
    fn never(&self, hir: &Hir, before: bool, after: bool) -> Option<Never> {
        match hir.kind() {
            HirKind::Empty => None,
            HirKind::Look(Look::Start) => before.then_some(Never::Anchor),
            HirKind::Look(Look::End) => after.then_some(Never::Anchor),
            HirKind::Look(_) => None,
            HirKind::Literal(literal) => self.literal(std::str::from_utf8(&literal.0).ok()?),
            HirKind::Class(class) => self.class(class),
            HirKind::Capture(capture) => self.never(&capture.sub, before, after),
            HirKind::Repetition(repetition) if repetition.min > 0 => self.never(&repetition.sub, before, after),
            HirKind::Repetition(_) => None,
            HirKind::Alternation(branches) => branches.iter().find_map(|branch| self.never(branch, before, after)),
            HirKind::Concat(parts) => parts.iter().enumerate().find_map(|(at, part)| {
                let (front, back) = (parts.get(..at)?, parts.get(at + 1..)?);
                self.never(part, before || front.iter().any(takes_room), after || back.iter().any(takes_room))
            }),
        }
    }

    fn literal(&self, text: &str) -> Option<Never> {
        if self.fold.spaces && text.contains("  ") {
            return Some(Never::TwoSpaces);
        }
        text.chars().find(|c| self.is_lost(*c)).map(Never::Lost)
    }

    /// A class never matches when none of its members stays: `[çÇ]`, but not `[cç]`.
    fn class(&self, class: &Class) -> Option<Never> {
        let class = match class {
            Class::Unicode(class) => class,
            // What can never match is written as a class without octets.
            Class::Bytes(class) => return class.ranges().is_empty().then_some(Never::Nothing),
        };
        if class.ranges().iter().map(|range| range.len()).sum::<usize>() > MEMBERS {
            return None;
        }
        let mut members = class.ranges().iter().flat_map(|range| range.start()..=range.end());
        let Some(first) = members.next() else { return Some(Never::Nothing) };
        // The small letter is the one that people wrote, or at least the one that they read.
        let first = first.to_lowercase().next().unwrap_or(first);
        (self.is_lost(first) && members.all(|c| self.is_lost(c))).then_some(Never::Lost(first))
    }

    fn is_lost(&self, c: char) -> bool {
        !becomes(c, self.fold).contains(c)
    }
}

fn takes_room(hir: &Hir) -> bool {
    hir.properties().minimum_len().is_none_or(|length| length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, fold: &Fold) -> Option<Never> {
        let hir = regex_syntax::ParserBuilder::new().case_insensitive(fold.case).build().parse(pattern).unwrap();
        never(&hir, fold)
    }

    #[test]
    fn what_folding_takes_away_is_never_found() {
        for (pattern, expected) in [
            ("cobrança", Some(Never::Lost('ç'))),
            ("COBRANÇA", Some(Never::Lost('ç'))),
            ("boleto|devolução", Some(Never::Lost('ç'))),
            ("(?:boleto|pix) é", Some(Never::Lost('é'))),
            ("(é)+", Some(Never::Lost('é'))),
            ("cobran[çÇ]a", Some(Never::Lost('ç'))),
            ("c\u{327}", Some(Never::Lost('\u{327}'))),
            ("2ª via", Some(Never::Lost('ª'))),
            ("fim…", Some(Never::Lost('…'))),
            ("a\\tb", Some(Never::Lost('\t'))),
            ("a\\nb", Some(Never::Lost('\n'))),
            ("\u{8}pix", Some(Never::Lost('\u{8}'))),
            ("ВОЛ\u{200b}ЕТО", Some(Never::Lost('\u{200b}'))),
            ("boleto  novo", Some(Never::TwoSpaces)),
            ("boleto^", Some(Never::Anchor)),
            ("$boleto", Some(Never::Anchor)),
            ("(a|b^)c", Some(Never::Anchor)),
            ("a($)b", Some(Never::Anchor)),
            ("[^\\s\\S]", Some(Never::Nothing)),
            ("cobran[cç]a", None),
            ("cobranca", None),
            ("COBRANCA", None),
            ("é?boleto", None),
            ("^boleto$", None),
            ("(^|x)boleto($|x)", None),
            ("^", None),
            ("\\bpix\\b.{0,20}\\s", None),
            ("счёт", None),
            ("счет на", None),
            ("k", None),
            ("s", None),
        ] {
            let expected = if pattern == "счёт" { Some(Never::Lost('ё')) } else { expected };
            assert_eq!(found(pattern, &Fold::default()), expected, "{pattern}");
        }
    }

    #[test]
    fn what_disappears_is_the_rules_own_choice() {
        let keeps = Fold { case: false, accents: false, ..Fold::default() };
        for (pattern, expected) in [("Cobrança", None), ("É", None), ("５", Some(Never::Lost('５')))] {
            assert_eq!(found(pattern, &keeps), expected, "{pattern}");
        }
        let digits = Fold { digits: true, ..Fold::default() };
        for (pattern, expected) in [("nota 5", Some(Never::Lost('5'))), ("nota 0", None), ("nota \\d", None)] {
            assert_eq!(found(pattern, &digits), expected, "{pattern}");
        }
        assert_eq!(found("(?-i:B)oleto", &Fold::default()), Some(Never::Lost('B')));
        let spaces = Fold { spaces: false, invisible: false, ..Fold::default() };
        assert_eq!(found("a  b\\t", &spaces), None);
    }
}
