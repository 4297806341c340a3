//! Whether an expression finds something, read off its parsed form: for the examples of a rule, which are few and short.
//!
//! Compiling an expression takes a hundred times as long as this takes to read a subject with it. It is also the plainest reading
//! of what an expression means, and the tests hold the compiled ones to it.

use std::cell::Cell;

use regex_syntax::{
    hir::{Class, Hir, HirKind, Look, Repetition},
    try_is_word_character,
};

/// Places of the text that are looked at: some milliseconds. What takes longer is compiled.
const STEPS: usize = 200_000;

/// Whether `hir` finds something in `text`; none: that would take too long.
pub(super) fn finds(hir: &Hir, text: &str) -> Option<bool> {
    let reading = Reading { text, left: Cell::new(STEPS) };
    let everywhere = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    reading.ends(hir, &everywhere).map(|ends| !ends.is_empty())
}

/// Octet positions between characters, in order, each once.
type Places = Vec<usize>;

struct Reading<'t> {
    text: &'t str,
    left: Cell<usize>,
}

impl Reading<'_> {
    /// Where matches of `hir` that begin at one of `starts` end.
    fn ends(&self, hir: &Hir, starts: &Places) -> Option<Places> {
        self.left.set(self.left.get().checked_sub(starts.len() + 1)?);
        let mut ends: Places = match hir.kind() {
            HirKind::Empty => starts.clone(),
            HirKind::Literal(literal) => {
                let behind = |at: &usize| self.text.as_bytes().get(*at..)?.starts_with(&literal.0).then_some(*at);
                starts.iter().filter_map(behind).map(|at| at + literal.0.len()).collect()
            }
            HirKind::Class(class) => starts.iter().filter_map(|at| self.one_of(class, *at)).collect(),
            HirKind::Look(look) => starts.iter().copied().filter(|at| self.looks(*look, *at)).collect(),
            HirKind::Repetition(repetition) => self.repeated(repetition, starts)?,
            HirKind::Capture(capture) => self.ends(&capture.sub, starts)?,
            HirKind::Concat(parts) => parts.iter().try_fold(starts.clone(), |at, part| self.ends(part, &at))?,
            HirKind::Alternation(branches) => {
                let each: Option<Vec<Places>> = branches.iter().map(|branch| self.ends(branch, starts)).collect();
                each?.concat()
            }
        };
        ends.sort_unstable();
        ends.dedup();
        Some(ends)
    }

    fn repeated(&self, repetition: &Repetition, starts: &Places) -> Option<Places> {
        let mut last = starts.clone();
        for _ in 0..repetition.min {
            last = self.ends(&repetition.sub, &last)?;
            if last.is_empty() {
                return Some(last);
            }
        }
        let mut all = last.clone();
        let mut more = repetition.max.map(|max| max.saturating_sub(repetition.min));
        // A place that was reached before was reached with more repetitions to spare.
        while more != Some(0) && !last.is_empty() {
            last = self.ends(&repetition.sub, &last)?;
            last.retain(|at| all.binary_search(at).is_err());
            all.extend(&last);
            all.sort_unstable();
            more = more.map(|more| more - 1);
        }
        Some(all)
    }

    /// Where the character at `at` ends, if it is one of these.
    fn one_of(&self, class: &Class, at: usize) -> Option<usize> {
        let c = self.text.get(at..)?.chars().next()?;
        let is_in = match class {
            Class::Unicode(class) => {
                let place = class.ranges().partition_point(|range| range.end() < c);
                class.ranges().get(place).is_some_and(|range| range.start() <= c)
            }
            // Only of ASCII: anything else could part a character, and is refused by the parser.
            Class::Bytes(class) => {
                let octet = u8::try_from(c).ok();
                octet.is_some_and(|c| class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&c)))
            }
        };
        is_in.then_some(at + c.len_utf8())
    }

    fn looks(&self, look: Look, at: usize) -> bool {
        let before = self.text.get(..at).and_then(|text| text.chars().next_back());
        let behind = self.text.get(at..).and_then(|text| text.chars().next());
        let ascii = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        let unicode = |c: Option<char>| c.is_some_and(|c| try_is_word_character(c).unwrap_or(false));
        let ((a0, a1), (u0, u1)) = ((ascii(before), ascii(behind)), (unicode(before), unicode(behind)));
        match look {
            Look::Start => before.is_none(),
            Look::End => behind.is_none(),
            Look::StartLF => before.is_none_or(|c| c == '\n'),
            Look::EndLF => behind.is_none_or(|c| c == '\n'),
            Look::StartCRLF => before.is_none_or(|c| c == '\n' || (c == '\r' && behind != Some('\n'))),
            Look::EndCRLF => behind.is_none_or(|c| c == '\r' || (c == '\n' && before != Some('\r'))),
            Look::WordAscii => a0 != a1,
            Look::WordAsciiNegate => a0 == a1,
            Look::WordUnicode => u0 != u1,
            Look::WordUnicodeNegate => u0 == u1,
            Look::WordStartAscii => !a0 && a1,
            Look::WordEndAscii => a0 && !a1,
            Look::WordStartUnicode => !u0 && u1,
            Look::WordEndUnicode => u0 && !u1,
            Look::WordStartHalfAscii => !a0,
            Look::WordEndHalfAscii => !a1,
            Look::WordStartHalfUnicode => !u0,
            Look::WordEndHalfUnicode => !u1,
        }
    }
}
