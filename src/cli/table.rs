//! Tables that align, for people.

use std::fmt::Write as _;

/// A table: headings, rows, columns as wide as their widest cell, counted in characters.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these headings.
    pub fn new(headings: impl IntoIterator<Item = String>) -> Self {
        Self { rows: vec![headings.into_iter().collect()] }
    }

    /// One more row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Headings, a line, the rows; two spaces between columns, none at a line's end.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let line: String = row.iter().zip(&widths).fold(String::new(), |mut line, (cell, width)| {
                // A write to a String cannot fail.
                let _ = write!(line, "{cell:<width$}  ");
                line
            });
            out.push_str(line.trim_end());
            out.push('\n');
            if index == 0 {
                let total: usize = widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1);
                out.push_str(&"─".repeat(total));
                out.push('\n');
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_characters_not_octets() {
        let mut table = Table::new(["ação".to_owned(), "n".to_owned()]);
        table.row(["é".to_owned(), "10".to_owned()]);
        assert_eq!(table.render(), "ação  n\n────────\né     10\n");
    }
}
