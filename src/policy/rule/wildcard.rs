//! Wildcards: `*` is any run of characters, `?` is exactly one.
//!
//! The pattern is cut at its `*` into chunks; the first and the last are held to their ends of the text, those between are
//! each taken where they first occur, and never reconsidered. So there is no backtracking: the cost is at most the length
//! of the text times the longest chunk that has a `?`, and linear in the text otherwise.

/// A compiled wildcard, anchored to the whole text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Wildcard {
    chunks: Vec<Chunk>,
    open_start: bool,
    open_end: bool,
}

/// What stands between two `*`; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chunk {
    /// The characters; none stands for any one.
    pieces: Vec<Option<char>>,
    /// The same as text when there is no `?` in it.
    plain: Option<String>,
}

impl Wildcard {
    /// Compiles `pattern`, in which `any` stands for any run of characters and `one` for exactly one.
    pub(super) fn new(pattern: &str, any: char, one: Option<char>) -> Self {
        let chunks = pattern.split(any).filter(|chunk| !chunk.is_empty()).map(|chunk| Chunk::new(chunk, one)).collect();
        Self { chunks, open_start: pattern.starts_with(any), open_end: pattern.ends_with(any) }
    }

    /// Whether `text` as a whole is what the pattern describes: the octets from the first to the last character that the
    /// pattern names (of `*boleto*zip*` those from `boleto` to `zip`).
    pub(super) fn find(&self, text: &str) -> Option<(usize, usize)> {
        let Some((first, others)) = self.chunks.split_first() else {
            // Nothing but `*`, or nothing at all.
            return (self.open_start || text.is_empty()).then_some((0, text.len()));
        };
        let (start, mut at) = if self.open_start { first.find(text, 0)? } else { (0, first.length_at(text, 0)?) };
        let (middle, last) = match others.split_last() {
            Some((last, middle)) if !self.open_end => (middle, Some(last)),
            _ => (others, None),
        };
        for chunk in middle {
            at = chunk.find(text, at)?.1;
        }
        match last {
            Some(last) => last.at_end(text, at).map(|_| (start, text.len())),
            None if self.open_end || at == text.len() => Some((start, at)),
            // One chunk alone between an open start and the end: the first occurrence need not be the last.
            None if self.open_start && others.is_empty() => first.at_end(text, 0).map(|start| (start, text.len())),
            None => None,
        }
    }

    /// The runs of characters that every matching text holds.
    pub(super) fn literals(&self) -> impl Iterator<Item = String> {
        self.chunks.iter().flat_map(|chunk| {
            chunk
                .pieces
                .split(Option::is_none)
                .map(|run| run.iter().flatten().collect::<String>())
                .filter(|run| !run.is_empty())
        })
    }
}

impl Chunk {
    fn new(chunk: &str, one: Option<char>) -> Self {
        let pieces: Vec<_> = chunk.chars().map(|c| (Some(c) != one).then_some(c)).collect();
        let plain = pieces.iter().copied().collect();
        Self { pieces, plain }
    }

    /// Where the chunk ends if it stands at `at`.
    fn length_at(&self, text: &str, at: usize) -> Option<usize> {
        let mut rest = text.get(at..)?.chars();
        for piece in &self.pieces {
            let found = rest.next()?;
            if piece.is_some_and(|wanted| wanted != found) {
                return None;
            }
        }
        Some(text.len() - rest.as_str().len())
    }

    /// The first place at or behind `from` where the chunk stands.
    fn find(&self, text: &str, from: usize) -> Option<(usize, usize)> {
        let rest = text.get(from..)?;
        if let Some(plain) = &self.plain {
            let start = from + rest.find(plain.as_str())?;
            return Some((start, start + plain.len()));
        }
        rest.char_indices().find_map(|(offset, _)| Some((from + offset, self.length_at(text, from + offset)?)))
    }

    /// Where the chunk begins if it ends the text, and begins at or behind `from`.
    fn at_end(&self, text: &str, from: usize) -> Option<usize> {
        let last = self.pieces.len().checked_sub(1)?;
        let (start, _) = text.char_indices().rev().nth(last)?;
        (start >= from && self.length_at(text, start).is_some()).then_some(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pattern: &str, text: &str) -> Option<(usize, usize)> {
        Wildcard::new(pattern, '*', Some('?')).find(text)
    }

    #[test]
    fn a_wildcard_is_held_to_both_ends_of_the_text() {
        for (pattern, text, expected) in [
            ("boleto", "boleto", Some((0, 6))),
            ("boleto", "boleto novo", None),
            ("boleto*", "boleto novo", Some((0, 6))),
            ("*boleto", "seu boleto", Some((4, 10))),
            ("*boleto", "boleto e boleto", Some((9, 15))),
            ("*boleto*zip*", "um boleto em anexo.zip agora", Some((3, 22))),
            ("a*b", "ab", Some((0, 2))),
            ("ab*ba", "aba", None),
            ("a*b*c", "a c", None),
            ("b?leto", "b0leto", Some((0, 6))),
            ("?", "ç", Some((0, 2))),
            ("?", "", None),
            ("*?a", "çça", Some((2, 5))),
            ("*", "", Some((0, 0))),
            ("", "", Some((0, 0))),
            ("", "x", None),
        ] {
            assert_eq!(find(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// The plainest reading of what a wildcard means; exponential, so only for short texts.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            Some((wanted, rest)) => {
                text.split_first().is_some_and(|(c, text)| (*wanted == '?' || wanted == c) && naive(rest, text))
            }
        }
    }

    #[test]
    fn every_short_pattern_agrees_with_the_plain_reading() {
        let strings = |alphabet: &[char], longest: usize| {
            let mut all = vec![String::new()];
            let mut from = 0;
            for _ in 0..longest {
                let until = all.len();
                for at in from..until {
                    all.extend(alphabet.iter().map(|c| format!("{}{c}", all[at])).collect::<Vec<_>>());
                }
                from = until;
            }
            all
        };
        let texts = strings(&['a', 'ç'], 5);
        for pattern in strings(&['a', 'ç', '*', '?'], 5) {
            let wanted: Vec<char> = pattern.chars().collect();
            for text in &texts {
                let expected = naive(&wanted, &text.chars().collect::<Vec<_>>());
                let found = find(&pattern, text);
                assert_eq!(found.is_some(), expected, "{pattern} {text}");
                assert!(found.is_none_or(|(start, end)| text.get(start..end).is_some()), "{pattern} {text} {found:?}");
            }
        }
    }

    #[test]
    fn a_pattern_made_to_backtrack_costs_nothing() {
        let text = "a".repeat(4_096);
        assert_eq!(find(&format!("{}b", "*a".repeat(100)), &text), None);
        assert_eq!(find(&format!("*{}b*", "?a".repeat(50)), &text), None);
    }

    #[test]
    fn its_literals_stand_in_every_text_that_matches() {
        let literals = |pattern| Wildcard::new(pattern, '*', Some('?')).literals().collect::<Vec<_>>();
        assert_eq!(literals("*bo?eto*zip"), ["bo", "eto", "zip"]);
        assert!(literals("*?*").is_empty());
    }
}
