//! Where the characters of a folded subject stood in the decoded one, so that a person can be shown what a rule found.
//!
//! In: what [`Fold::subject`] takes. Out: for each folded character the octets that it comes from. It is made after a rule has matched,
//! which is seldom, by the same folding in pieces: a text is cut where nothing that folds on one side has to do with the other
//! side, and each piece folded alone ([`starts_piece`]). Every character of a piece comes from the whole of it.

use std::ops::Range;

use unicode_normalization::{
    IsNormalized,
    char::{canonical_combining_class, decompose_compatible},
    is_nfc_quick,
};

use super::{Fold, Reading, invisible, letters, lookalike::Swapped};

/// Which octets of a decoded subject became which of its folded text. Both ascend together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The folded text, as far as it was traced.
    pub folded: String,
    /// For each character of `folded`: where it begins, and the octets of the decoded subject that it comes from.
    steps: Vec<(usize, Range<usize>)>,
}

impl Trace {
    /// The octets of the decoded subject from which the octets `span` of the folded one come. What lies behind the traced part
    /// counts as its end.
    pub fn decoded(&self, span: (usize, usize)) -> (usize, usize) {
        let first = self.steps.partition_point(|(start, _)| *start <= span.0).saturating_sub(1);
        let behind = self.steps.partition_point(|(start, _)| *start < span.1);
        let begins = self.steps.get(first).map_or(0, |(_, from)| from.start);
        let ends = behind.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(0, |(_, from)| from.end);
        if span.0 < span.1 { (begins, ends.max(begins)) } else { (begins, begins) }
    }

    /// The octets of the folded subject that come from the octets `span` of the decoded one, or from some of them.
    pub fn folded(&self, span: (usize, usize)) -> (usize, usize) {
        let start_of = |at: usize| self.steps.get(at).map_or(self.folded.len(), |(start, _)| *start);
        let first = self.steps.partition_point(|(_, from)| from.end <= span.0);
        let behind = self.steps.partition_point(|(_, from)| from.start < span.1);
        (start_of(first), start_of(behind.max(first)))
    }
}

impl Fold {
    /// Traces `reading` of a decoded subject, up to about `limit` octets of the folded text. Linear in the subject.
    pub fn trace(&self, decoded: &str, reading: Reading, limit: usize) -> Trace {
        match reading {
            Reading::Plain => self.trace_text(decoded, limit),
            Reading::Lookalikes => {
                let swapped = self.swapped(decoded);
                let mut trace = self.trace_text(&swapped.text, limit);
                trace.steps.iter_mut().for_each(|(_, from)| *from = swapped.origin(from));
                trace
            }
        }
    }

    fn trace_text(&self, text: &str, limit: usize) -> Trace {
        let stripped = self.stripped(&self.pattern(text));
        let (mut trace, mut at) = (Trace::default(), 0_usize);
        for (c, from) in self.spaced(pieces(text).flat_map(|(start, piece)| self.piece(start, piece))) {
            if at >= stripped {
                trace.steps.push((trace.folded.len(), from));
                trace.folded.push(c);
            }
            if trace.folded.len() >= limit {
                break;
            }
            at = at.saturating_add(c.len_utf8());
        }
        trace
    }

    /// The characters that a piece folds to. What is invisible at its end is not shown as a part of what was found.
    fn piece(&self, start: usize, piece: &str) -> Vec<(char, Range<usize>)> {
        let shown = |c| self.seen(c).is_some();
        let from = start..start.saturating_add(piece.trim_end_matches(|c| !shown(c)).len());
        if let [octet] = piece.as_bytes() {
            return self.ascii(char::from(*octet)).map(|c| (c, from)).into_iter().collect();
        }
        self.letters(piece).chars().map(|c| (c, from.clone())).collect()
    }
}

impl Swapped {
    /// From octets of the swapped text to those of the original.
    fn origin(&self, span: &Range<usize>) -> Range<usize> {
        let original = |at: usize| self.ends.get(at).map_or(0, |(_, original)| *original);
        let first = self.ends.partition_point(|(end, _)| *end <= span.start);
        let last = self.ends.partition_point(|(end, _)| *end < span.end);
        first.checked_sub(1).map_or(0, original)..original(last)
    }
}

/// The text in pieces that fold alone as they do together, with where each begins.
fn pieces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let end = rest.char_indices().skip(1).find(|&(_, c)| starts_piece(c)).map_or(rest.len(), |(end, _)| end);
        let start = at;
        at = at.saturating_add(end);
        Some((start, rest.get(..end)?))
    })
}

/// Whether nothing in front of a character can change what it folds to, or be changed by it: it shows, and neither composes with
/// what stands before it nor is sorted among marks.
fn starts_piece(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control() || c == '\t';
    }
    if invisible::is_invisible(c) || letters::is_mark(c) {
        return false;
    }
    let mut first = None;
    decompose_compatible(c, |part| first = first.or(Some(part)));
    let first = first.unwrap_or(c);
    !letters::is_mark(first)
        && canonical_combining_class(first) == 0
        && is_nfc_quick(std::iter::once(first)) == IsNormalized::Yes
}

#[cfg(test)]
mod tests;
