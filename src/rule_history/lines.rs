//! The lines of two texts beside one another, as `diff -u` shows them without its context.

/// Comparisons of lines at most; above, the part in the middle is shown as taken out and put in anew. Four million are some 30 ms.
const WORK: usize = 4_000_000;

/// A line of either text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'t> {
    /// In the old text alone, with its number there, from 1.
    Old(usize, &'t str),
    /// In the new text alone, with its number there.
    New(usize, &'t str),
}

/// The lines that only one of them has, in the order in which they stand. Empty when both are the same, line ends aside.
pub fn changed<'t>(old: &'t str, new: &'t str) -> Vec<Line<'t>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let begin = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let rest = |lines: &[&'t str]| lines.get(begin..).unwrap_or_default().to_vec();
    let (mut old, mut new) = (rest(&old), rest(&new));
    while old.last().is_some_and(|last| new.last() == Some(last)) {
        old.pop();
        new.pop();
    }
    let work = old.len().saturating_add(1).saturating_mul(new.len().saturating_add(1));
    let common = if work <= WORK { common(&old, &new) } else { Vec::new() };
    let mut lines = Vec::new();
    let (mut at_old, mut at_new) = (0, 0);
    let ends = [(old.len(), new.len())];
    for (next_old, next_new) in common.into_iter().chain(ends) {
        let taken = old.iter().enumerate().take(next_old).skip(at_old);
        lines.extend(taken.map(|(nth, line)| Line::Old(begin + nth + 1, line)));
        let put = new.iter().enumerate().take(next_new).skip(at_new);
        lines.extend(put.map(|(nth, line)| Line::New(begin + nth + 1, line)));
        (at_old, at_new) = (next_old + 1, next_new + 1);
    }
    lines
}

/// The longest row of lines that both have in this order: where each stands in both.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    // How long the row is that begins at (old, new) or behind.
    let mut length = vec![0_u32; (old.len() + 1).saturating_mul(width)];
    let at = |length: &[u32], row: usize, column: usize| length.get(row * width + column).copied().unwrap_or(0);
    for (row, one) in old.iter().enumerate().rev() {
        for (column, other) in new.iter().enumerate().rev() {
            let best = if one == other {
                at(&length, row + 1, column + 1) + 1
            } else {
                at(&length, row + 1, column).max(at(&length, row, column + 1))
            };
            if let Some(cell) = length.get_mut(row * width + column) {
                *cell = best;
            }
        }
    }
    let (mut row, mut column, mut pairs) = (0, 0, Vec::new());
    while let (Some(one), Some(other)) = (old.get(row), new.get(column)) {
        if one == other {
            pairs.push((row, column));
            (row, column) = (row + 1, column + 1);
        } else if at(&length, row + 1, column) >= at(&length, row, column + 1) {
            row += 1;
        } else {
            column += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> Vec<String> {
        let show = |line: Line<'_>| match line {
            Line::Old(number, text) => format!("-{number} {text}"),
            Line::New(number, text) => format!("+{number} {text}"),
        };
        changed(old, new).into_iter().map(show).collect()
    }

    #[test]
    fn lines_that_both_have_are_not_shown() {
        let none: [&str; 0] = [];
        assert_eq!(shown("a\nb\n", "a\r\nb"), none, "line ends aside");
        assert_eq!(shown("", "a\n"), ["+1 a"]);
        assert_eq!(shown("a\nb\nc\n", "a\nc\n"), ["-2 b"]);
        assert_eq!(shown("a\nb\nc\nd\n", "a\nx\nc\ny\nd\n"), ["-2 b", "+2 x", "+4 y"]);
        assert_eq!(shown("a\na\nb\n", "b\na\na\n"), ["+1 b", "-3 b"]);
    }

    /// Whatever the two are, one made of the other by the lines that are shown is the other; also above the bound.
    #[test]
    fn the_new_text_can_be_made_of_the_old_one_and_the_lines() {
        let text = |seed: u32, length: u32| -> String {
            (0..length).map(|nth| format!("{}\n", (nth.wrapping_mul(seed) >> 3) % 7)).collect()
        };
        for (old, new) in [
            (text(1, 50), text(3, 60)),
            (text(5, 1), text(9, 40)),
            (text(7, 3000), text(11, 2500)),
            (String::new(), text(3, 9)),
        ] {
            let changes = changed(&old, &new);
            let mut lines: Vec<Option<&str>> = old.lines().map(Some).collect();
            for change in &changes {
                if let Line::Old(number, text) = change {
                    assert_eq!(lines[number - 1].take(), Some(*text));
                }
            }
            let mut kept = lines.into_iter().flatten();
            let mut made: Vec<&str> = Vec::new();
            for number in 1..=new.lines().count() {
                let put = changes.iter().find_map(|change| match change {
                    Line::New(at, text) if *at == number => Some(*text),
                    _ => None,
                });
                made.extend(put.or_else(|| kept.next()));
            }
            assert_eq!(made, new.lines().collect::<Vec<_>>());
            assert_eq!(kept.next(), None);
        }
    }
}
