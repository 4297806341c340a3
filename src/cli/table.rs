//! Tables that align, for people.

use super::escape::width;

/// A table: headings, rows, columns as wide as their widest cell is on a terminal: a CJK character takes two columns, a combining accent none.
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
        let widest = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        let mut out = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let line: String = row
                .iter()
                .zip(&widths)
                .map(|(cell, columns)| cell.clone() + &" ".repeat(columns.saturating_sub(width(cell)) + 2))
                .collect();
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
    fn columns_align_as_a_terminal_shows_them() {
        let mut table = Table::new(["ação".to_owned(), "n".to_owned()]);
        table.row(["é".to_owned(), "10".to_owned()]);
        table.row(["日本".to_owned(), "2".to_owned()]);
        table.row(["ac\u{327}a\u{303}o".to_owned(), "3".to_owned()]);
        let (left, spaces) = ("ac\u{327}a\u{303}o", "  ");
        assert_eq!(table.render(), format!("ação  n\n────────\né     10\n日本  2\n{left}{spaces}3\n"));
    }
}
