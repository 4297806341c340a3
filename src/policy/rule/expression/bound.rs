//! How large an expression is at most when it is compiled, from its parsed form alone.
//!
//! The library builds two automata, one for each direction, and holds each to its limit; what is counted here is what either takes, and a little
//! more: never less. Of a class of letters beyond ASCII it shares what begins or ends alike; here nothing is shared, so that `\w` counts
//! three times what it takes.

use regex_syntax::{
    hir::{Class, ClassUnicode, Hir, HirKind, Repetition},
    utf8::Utf8Sequences,
};

/// Octets of one state, beside those of the states that it leads to.
const STATE: usize = 32;
/// Octets of a step to another state: with what is held of the octet, and without.
const STEP: usize = 8;
const EMPTY_STEP: usize = 4;

/// Octets that suffice.
pub(super) fn of(hir: &Hir) -> usize {
    // The beginning anywhere in the text, the whole as a group, the end.
    part(hir).saturating_add(8 * (STATE + STEP))
}

fn part(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => STATE,
        HirKind::Literal(literal) => literal.0.len().saturating_mul(STATE),
        HirKind::Class(Class::Bytes(class)) => 2 * STATE + class.ranges().len() * STEP,
        HirKind::Class(Class::Unicode(class)) if class.is_ascii() => 2 * STATE + class.ranges().len() * STEP,
        HirKind::Class(Class::Unicode(class)) => beyond_ascii(class),
        HirKind::Capture(capture) => part(&capture.sub).saturating_add(2 * STATE),
        HirKind::Concat(parts) => parts.iter().map(part).fold(STATE, usize::saturating_add),
        HirKind::Alternation(branches) => branches.iter().map(branch).fold(2 * (STATE + STEP), usize::saturating_add),
        HirKind::Repetition(repetition) => repeated(repetition),
    }
}

/// Literals beside one another become a tree, with a choice and an octet at each place.
fn branch(hir: &Hir) -> usize {
    let own = match hir.kind() {
        HirKind::Literal(literal) => (literal.0.len() + 1).saturating_mul(2 * (STATE + STEP)),
        _ => part(hir),
    };
    own.saturating_add(EMPTY_STEP)
}

fn beyond_ascii(class: &ClassUnicode) -> usize {
    let sequences = class.ranges().iter().flat_map(|range| Utf8Sequences::new(range.start(), range.end()));
    let one = |sequence: regex_syntax::utf8::Utf8Sequence| sequence.len() * (STATE + STEP) + EMPTY_STEP;
    sequences.map(one).fold(3 * STATE, usize::saturating_add)
}

fn repeated(repetition: &Repetition) -> usize {
    let (min, max) = (repetition.min, repetition.max);
    let times = usize::try_from(max.unwrap_or(min.max(1))).unwrap_or(usize::MAX);
    let each = part(&repetition.sub).saturating_add(STATE + 2 * EMPTY_STEP);
    times.saturating_mul(each).saturating_add(3 * (STATE + STEP))
}
