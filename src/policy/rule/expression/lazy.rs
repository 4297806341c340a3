//! An expression that is compiled when a subject first needs it.
//!
//! A compiled expression takes 12 to 40 KiB, twice that after its first use, and 0.1 to 0.3 ms to make: two thousand of them would be most of a
//! set's memory and of the time to load it, and nearly all wait for a subject that never comes. The index (decision 14) asks for one only
//! after its literals were found.
//!
//! In: text, and a size that load has shown to suffice. Out: where it is found. It is compiled at most once while its set is in
//! force, and kept: to throw it away would let whoever sends subjects make the gateway compile it for each.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::Hir;

use super::{MAX_COMPILED, slowly};

/// What the library may keep of its last searches with one expression: below, it goes over to a slower engine.
const MIN_CACHE: usize = 16 << 10;

/// A `regex`, checked and measured.
#[derive(Debug)]
pub(in crate::policy::rule) struct Expression {
    written: String,
    case: bool,
    /// Octets within which it compiles: what the library may keep of its searches.
    size: usize,
    /// While its set is being loaded: its examples are read with it, slowly, and without compiling it.
    parsed: Option<Box<Hir>>,
    /// Never none inside: load has shown that it compiles, and far below the limit here.
    compiled: OnceLock<Option<Regex>>,
}

impl Expression {
    /// One that `size` octets suffice for. `case`: upper and lower case are the same.
    pub(super) fn new(written: String, case: bool, size: usize, parsed: Hir) -> Self {
        Self { written, case, size, parsed: Some(Box::new(parsed)), compiled: OnceLock::new() }
    }

    /// As written.
    pub(in crate::policy::rule) fn as_str(&self) -> &str {
        &self.written
    }

    /// Where it is first found. While the set is being loaded: whether, and the whole text for where.
    pub(in crate::policy::rule) fn find(&self, text: &str) -> Option<(usize, usize)> {
        let read = self.parsed.as_ref().and_then(|parsed| slowly::finds(parsed, text));
        match read {
            Some(found) => found.then_some((0, text.len())),
            None => self.regex()?.find(text).map(|found| (found.start(), found.end())),
        }
    }

    /// Ends the time of loading: from now on it is compiled when it is needed.
    pub(in crate::policy::rule) fn rest(&mut self) {
        self.parsed = None;
        self.compiled = OnceLock::new();
    }

    /// Whether it was needed since.
    pub(in crate::policy::rule) fn is_compiled(&self) -> bool {
        self.compiled.get().is_some()
    }

    fn regex(&self) -> Option<&Regex> {
        // Not within its own size: were that reckoned too small, it would find nothing, and nobody would know.
        self.compiled.get_or_init(|| build(&self.written, self.case, MAX_COMPILED, self.size)).as_ref()
    }
}

/// The expression within `size` octets; none when it is larger, or no expression.
pub(super) fn compile(written: &str, case: bool, size: usize) -> Option<Regex> {
    build(written, case, size, size)
}

fn build(written: &str, case: bool, limit: usize, size: usize) -> Option<Regex> {
    let mut builder = RegexBuilder::new(written);
    builder.case_insensitive(case).size_limit(limit).dfa_size_limit(size.max(MIN_CACHE)).build().ok()
}
