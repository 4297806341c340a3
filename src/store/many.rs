//! Many rows in one statement. Each statement goes to another thread, or over the wire, and back: that costs more than what it does.
//!
//! How many rows one takes is one of a few numbers, so that there are few texts, each prepared once and then kept by its connection.

use super::database::Kind;

/// Rows of one statement, the most first.
const ROWS: [usize; 5] = [256, 64, 16, 4, 1];

/// Parameters of one statement, of the 999 that any SQLite takes.
const PARAMETERS: usize = 999;

/// Cuts rows of `columns` parameters each into what one statement takes.
pub(super) fn runs<T>(mut rows: &[T], columns: usize) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let fits =
            |&&count: &&usize| count <= rows.len() && (count == 1 || count.saturating_mul(columns) <= PARAMETERS);
        let count = ROWS.iter().find(fits)?;
        let (run, rest) = rows.split_at_checked(*count)?;
        rows = rest;
        Some(run)
    })
}

/// `(?, ?), (?, ?)`: the places of so many rows. SQLite looks each name up in a list from its beginning: for a thousand of them that is
/// half a million steps, so there they have none.
pub(super) fn values(kind: Kind, rows: usize, columns: usize) -> String {
    let mut places = Places { kind, next: 1 };
    let rows: Vec<String> = (0..rows).map(|_| format!("({})", places.some(columns))).collect();
    rows.join(", ")
}

/// `?, ?`: the places of a list.
pub(super) fn list(kind: Kind, count: usize) -> String {
    Places { kind, next: 1 }.some(count)
}

struct Places {
    kind: Kind,
    next: usize,
}

impl Places {
    fn some(&mut self, count: usize) -> String {
        let mut text = String::with_capacity(count.saturating_mul(6));
        for nth in 0..count {
            text.push_str(if nth == 0 { "" } else { ", " });
            match self.kind {
                Kind::Sqlite => text.push('?'),
                Kind::PostgreSql => text.push_str(&format!("${}", self.next)),
            }
            self.next = self.next.saturating_add(1);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row once and in order, in few statements of few lengths, none with more parameters than a database takes.
    #[test]
    fn every_row_is_in_one_run() {
        for (columns, most) in [(1, 256), (3, 256), (4, 64), (10, 64), (500, 1)] {
            for count in (0..200).chain([999, 1000]) {
                let rows: Vec<usize> = (0..count).collect();
                let runs: Vec<&[usize]> = runs(&rows, columns).collect();
                assert_eq!(runs.concat(), rows);
                assert!(runs.iter().all(|run| ROWS.contains(&run.len()) && run.len() <= most), "{count} of {columns}");
                assert!(most == 1 || runs.len() <= count / most + 12);
            }
        }
    }

    #[test]
    fn places_are_written_as_each_database_wants_them() {
        assert_eq!(values(Kind::Sqlite, 2, 3), "(?, ?, ?), (?, ?, ?)");
        assert_eq!(values(Kind::PostgreSql, 2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!((list(Kind::Sqlite, 2), list(Kind::PostgreSql, 3)), ("?, ?".to_owned(), "$1, $2, $3".to_owned()));
    }
}
