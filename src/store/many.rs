//! Many rows in one statement. Each statement goes to another thread, or over the wire, and back: that costs more than what it does.
//!
//! How many rows one takes is one of a few numbers, so that there are few texts, each made once, and prepared once and then kept by its
//! connection.

use std::sync::OnceLock;

use super::database::Kind;

/// Rows of one statement, the most first.
const ROWS: [usize; 5] = [256, 64, 16, 4, 1];

/// Parameters of one statement, of the 999 that any SQLite takes.
const PARAMETERS: usize = 999;

/// A statement for many rows.
#[derive(Debug)]
pub(super) struct Statement {
    shape: Shape,
    /// For each of `ROWS`, as SQLite and as PostgreSQL wants it.
    texts: [[OnceLock<String>; 2]; ROWS.len()],
}

#[derive(Debug)]
enum Shape {
    /// Adds rows: into which columns, what each row is, with `?` for what is bound, and what stands behind the rows.
    Insert { into: &'static str, row: &'static str, behind: &'static str },
    /// Has a list of values behind it, in brackets.
    List { before: &'static str },
}

impl Statement {
    /// Adds rows `into` a table and its columns. Each is `row`, in which `?` stands for what is bound; `behind` stands behind the rows. To be used
    /// within a transaction that is taken back when it fails.
    pub(super) const fn insert(into: &'static str, row: &'static str, behind: &'static str) -> Self {
        Self::new(Shape::Insert { into, row, behind })
    }

    /// One with a list of values behind it, in brackets.
    pub(super) const fn list(before: &'static str) -> Self {
        Self::new(Shape::List { before })
    }

    const fn new(shape: Shape) -> Self {
        Self { shape, texts: [const { [const { OnceLock::new() }; 2] }; ROWS.len()] }
    }

    /// Cuts rows into what one statement takes, each with its text.
    pub(super) fn runs<'r, T>(
        &'static self,
        kind: Kind,
        mut rows: &'r [T],
    ) -> impl Iterator<Item = (&'static str, &'r [T])> {
        self.lengths(kind, rows.len()).map_while(move |(text, count)| {
            let (run, rest) = rows.split_at_checked(count)?;
            rows = rest;
            Some((text, run))
        })
    }

    /// The same of rows that are given away: how many go into each.
    pub(super) fn lengths(&'static self, kind: Kind, rows: usize) -> impl Iterator<Item = (&'static str, usize)> {
        let (columns, mut left) = (self.shape.columns(), rows);
        std::iter::from_fn(move || {
            let fits = |&(&count, _): &(&usize, _)| {
                count <= left && (count == 1 || count.saturating_mul(columns) <= PARAMETERS)
            };
            let (&count, [sqlite, postgresql]) = ROWS.iter().zip(&self.texts).find(fits)?;
            let made = match kind {
                Kind::Sqlite => sqlite,
                Kind::PostgreSql => postgresql,
            };
            left = left.saturating_sub(count);
            Some((made.get_or_init(|| self.shape.text(kind, count)).as_str(), count))
        })
    }
}

impl Shape {
    /// Parameters of a row.
    fn columns(&self) -> usize {
        match self {
            Self::Insert { row, .. } => row.matches('?').count(),
            Self::List { .. } => 1,
        }
    }

    /// SQLite would have to be able to take back a row that it does not want with all the rows of its statement, and no others: it copies
    /// every page of the database that the statement changes, above 64 KiB into a file in `/var/tmp`. With `OR FAIL` it does not:
    /// the whole transaction is taken back.
    fn text(&self, kind: Kind, rows: usize) -> String {
        let mut places = Places { kind, next: 1 };
        match self {
            Self::Insert { into, row, behind } => {
                let insert = match kind {
                    Kind::Sqlite => "INSERT OR FAIL INTO",
                    Kind::PostgreSql => "INSERT INTO",
                };
                let rows: Vec<String> = (0..rows).map(|_| format!("({})", places.filled(row))).collect();
                format!("{insert} {into} VALUES {}{behind}", rows.join(", "))
            }
            Self::List { before } => format!("{before} ({})", places.some(rows)),
        }
    }
}

/// The places of parameters. SQLite looks each name up in a list from its beginning: for a thousand of them that is half a million steps,
/// so there they have none.
struct Places {
    kind: Kind,
    next: usize,
}

impl Places {
    /// So many in a row.
    fn some(&mut self, count: usize) -> String {
        self.filled(&vec!["?"; count].join(", "))
    }

    /// A text with a place for each `?`.
    fn filled(&mut self, row: &str) -> String {
        let mut text = String::with_capacity(row.len().saturating_mul(2));
        for piece in row.split_inclusive('?') {
            match (self.kind, piece.strip_suffix('?')) {
                (Kind::PostgreSql, Some(before)) => {
                    text.push_str(&format!("{before}${}", self.next));
                    self.next = self.next.saturating_add(1);
                }
                _ => text.push_str(piece),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ONE: Statement = Statement::list("DELETE FROM t WHERE id IN");
    static THREE: Statement = Statement::insert("t (a, b, c)", "?, ?, ?", " ON CONFLICT DO NOTHING");
    static FOUR: Statement = Statement::insert("t (a, b, c, d, e)", "?, ?, '', ?, ?", "");
    static TEN: Statement = Statement::insert("t (…)", "?, ?, ?, ?, ?, ?, ?, ?, ?, ?", "");
    static MANY: Statement = Statement::insert("t (…)", FIVE_HUNDRED, "");
    const FIVE_HUNDRED: &str = match std::str::from_utf8(&[b'?'; 500]) {
        Ok(row) => row,
        Err(_) => "",
    };

    /// Every row once and in order, in few statements of few lengths, none with more parameters than a database takes.
    #[test]
    fn every_row_is_in_one_run() {
        for (statement, columns, most) in
            [(&ONE, 1, 256), (&THREE, 3, 256), (&FOUR, 4, 64), (&TEN, 10, 64), (&MANY, 500, 1)]
        {
            for count in (0..200).chain([999, 1000]) {
                let rows: Vec<usize> = (0..count).collect();
                let runs: Vec<(&str, &[usize])> = statement.runs(Kind::Sqlite, &rows).collect();
                assert_eq!(runs.iter().flat_map(|(_, run)| *run).copied().collect::<Vec<_>>(), rows);
                for (text, run) in &runs {
                    assert!(ROWS.contains(&run.len()) && run.len() <= most, "{count} of {columns}");
                    assert_eq!(text.matches('?').count(), run.len() * columns, "{text}");
                }
                assert!(most == 1 || runs.len() <= count / most + 12);
            }
        }
    }

    #[test]
    fn texts_are_as_each_database_wants_them() {
        let text = |statement: &'static Statement, kind, count| {
            statement.runs(kind, &[0; 9][..count]).map(|(text, _)| text).collect::<Vec<_>>()
        };
        let behind = "ON CONFLICT DO NOTHING";
        let one = format!("INSERT OR FAIL INTO t (a, b, c) VALUES (?, ?, ?) {behind}");
        assert_eq!(text(&THREE, Kind::Sqlite, 1), [&one]);
        assert_eq!(text(&THREE, Kind::Sqlite, 2), [&one, &one]);
        assert_eq!(
            text(&FOUR, Kind::PostgreSql, 4),
            [
                "INSERT INTO t (a, b, c, d, e) VALUES ($1, $2, '', $3, $4), ($5, $6, '', $7, $8), ($9, $10, '', $11, $12), ($13, $14, '', $15, $16)"
            ]
        );
        assert_eq!(text(&ONE, Kind::Sqlite, 4), ["DELETE FROM t WHERE id IN (?, ?, ?, ?)"]);
        assert_eq!(text(&ONE, Kind::PostgreSql, 4), ["DELETE FROM t WHERE id IN ($1, $2, $3, $4)"]);
    }
}
