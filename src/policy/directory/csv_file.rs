//! A directory written as CSV (RFC 4180): what a spreadsheet or a script exports.
//!
//! The first line names the columns, in any order: `kind`, `name`, `class`, `primary`, `addresses`, `next_hop`,
//! `internal_senders_only`. Columns are separated by `;` (Excel where the comma is the decimal sign) or by `,`, whichever the first
//! line has. Addresses in one cell are separated by spaces. `csv-core` reads cells one by one, so that each has its place.

use std::ops::Range;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use super::row::{ListRow, MailboxRow, Row};
use crate::{
    document::{Document, Found, nearest},
    language::Text,
    text,
};

/// The columns.
const COLUMNS: [&str; 7] = ["kind", "name", "class", "primary", "addresses", "next_hop", "internal_senders_only"];

/// Octets of one cell at most: some thousand addresses. A quote that is not closed makes a cell of the rest of the file.
const CELL: usize = 64 * 1024;

/// What Excel writes for a truth value, in both languages, and what people do.
const TRUTH: [(&str, bool); 9] = [
    ("true", true),
    ("verdadeiro", true),
    ("yes", true),
    ("sim", true),
    ("false", false),
    ("falso", false),
    ("no", false),
    ("nao", false),
    ("não", false),
];

/// Gives every whole row; what is wrong with the others is noted.
pub(super) fn read(document: &Document<'_>, take: &mut dyn FnMut(Row)) {
    let mut records = Records::new(document.source());
    let Some(head) = records.next(document) else { return };
    let Some(columns) = columns(document, &head) else { return };
    while let Some(cells) = records.next(document) {
        // Spreadsheets keep lines that were emptied.
        if cells.iter().all(|cell| cell.value.trim().is_empty()) {
            continue;
        }
        if let Some(row) = Line::new(document, &columns, cells).and_then(Line::row) {
            take(row);
        }
    }
}

/// The names of the columns, in the order of the file; none after a fault.
fn columns(document: &Document<'_>, head: &[Found<String>]) -> Option<Vec<&'static str>> {
    let mut columns = Vec::new();
    let errors = document.errors();
    for cell in head {
        let written = cell.value.trim().to_lowercase();
        let Some(name) = COLUMNS.into_iter().find(|name| *name == written) else {
            let listed = COLUMNS.join(", ");
            let help = match nearest(&written, COLUMNS.into_iter()) {
                Some(near) => text!("did you mean `{near}`?", "você quis dizer `{near}`?"),
                None => {
                    text!("the first line names the columns: {listed}", "a primeira linha nomeia as colunas: {listed}")
                }
            };
            let what = text!("unknown column `{written}`", "coluna desconhecida `{written}`");
            document.fault(cell.span.clone(), what, Some(help));
            continue;
        };
        if columns.contains(&name) {
            let what = text!("the column `{name}` stands twice", "a coluna `{name}` aparece duas vezes");
            document.fault(cell.span.clone(), what, None);
        }
        columns.push(name);
    }
    if document.errors() == errors && !columns.contains(&"primary") {
        let what = text!("the column `primary` is missing", "falta a coluna `primary`");
        let place = head.first().map_or(0..0, |cell| cell.span.clone());
        document.fault(place, what, None);
    }
    (document.errors() == errors).then_some(columns)
}

/// One line with a cell for each column.
struct Line<'l, 'd> {
    document: &'l Document<'d>,
    columns: &'l [&'static str],
    cells: Vec<Found<String>>,
}

impl<'l, 'd> Line<'l, 'd> {
    fn new(document: &'l Document<'d>, columns: &'l [&'static str], cells: Vec<Found<String>>) -> Option<Self> {
        let line = Self { document, columns, cells };
        let (found, wanted) = (line.cells.len(), columns.len());
        if found != wanted {
            let what = text!(
                "this line has {found} cells, and the first line names {wanted} columns",
                "esta linha tem {found} células, e a primeira linha nomeia {wanted} colunas"
            );
            let help = text!(
                "a `;`, a `,` or a line break inside a cell needs quotes around the cell",
                "um `;`, uma `,` ou uma quebra de linha dentro da célula pede aspas em volta dela"
            );
            document.fault(line.span(), what, Some(help));
            return None;
        }
        Some(line)
    }

    fn row(self) -> Option<Row> {
        match self.text("kind").map(|cell| cell.value.to_lowercase()).as_deref() {
            None | Some("mailbox") => self.mailbox().map(Row::Mailbox),
            Some("list") => self.list().map(Row::List),
            Some(other) => {
                let what = text!(
                    "`kind` is one of mailbox | list, not `{other}`",
                    "`kind` é um de mailbox | list, não `{other}`"
                );
                self.document.fault(self.cell("kind").map_or(0..0, |cell| cell.span.clone()), what, None);
                None
            }
        }
    }

    fn mailbox(self) -> Option<MailboxRow> {
        if self.truth("internal_senders_only") == Some(true) {
            self.is_not_for("internal_senders_only", text!("a mailbox", "uma caixa"));
        }
        let (name, class, primary) = (self.required("name"), self.required("class"), self.required("primary"));
        let addresses = self.cell("addresses").map(split).unwrap_or_default();
        Some(MailboxRow {
            span: self.span(),
            name: name?,
            class: class?,
            primary: primary?,
            addresses,
            next_hop: self.text("next_hop"),
        })
    }

    /// Name and class of a list are for whoever reads the file.
    fn list(self) -> Option<ListRow> {
        for column in ["addresses", "next_hop"] {
            self.is_not_for(column, text!("a list", "uma lista"));
        }
        let internal_senders_only = self.truth("internal_senders_only");
        Some(ListRow {
            span: self.span(),
            address: self.required("primary")?,
            internal_senders_only: internal_senders_only?,
        })
    }

    /// A cell that would be passed over in silence is one that somebody believes in.
    fn is_not_for(&self, column: &'static str, kind: Text) {
        if let Some(cell) = self.text(column) {
            let (en, pt) = (kind.en, kind.pt);
            self.document.fault(cell.span, text!("{en} has no `{column}`", "{pt} não tem `{column}`"), None);
        }
    }

    fn truth(&self, column: &'static str) -> Option<bool> {
        let Some(cell) = self.text(column) else { return Some(false) };
        let written = cell.value.to_lowercase();
        let found = TRUTH.iter().find(|(name, _)| *name == written).map(|(_, truth)| *truth);
        if found.is_none() {
            let what =
                text!("`{column}` is true or false, not `{written}`", "`{column}` é true ou false, não `{written}`");
            self.document.fault(cell.span, what, None);
        }
        found
    }

    fn required(&self, column: &'static str) -> Option<Found<String>> {
        let found = self.text(column);
        if found.is_none() {
            let span = self.cell(column).map_or_else(|| self.span(), |cell| cell.span.clone());
            self.document.fault(span, text!("`{column}` is missing here", "falta `{column}` aqui"), None);
        }
        found
    }

    /// What a cell says, without the spaces around it; none if that is nothing.
    fn text(&self, column: &'static str) -> Option<Found<String>> {
        let cell = self.cell(column)?;
        let value = cell.value.trim();
        (!value.is_empty()).then(|| Found { value: value.to_owned(), span: cell.span.clone() })
    }

    fn cell(&self, column: &'static str) -> Option<&Found<String>> {
        self.cells.get(self.columns.iter().position(|name| *name == column)?)
    }

    fn span(&self) -> Range<usize> {
        let ends = self.cells.first().zip(self.cells.last());
        ends.map_or(0..0, |(first, last)| first.span.start..last.span.end)
    }
}

/// The addresses of one cell; all have the place of the cell.
fn split(cell: &Found<String>) -> Vec<Found<String>> {
    let addresses = cell.value.split_whitespace();
    addresses.map(|address| Found { value: address.to_owned(), span: cell.span.clone() }).collect()
}

/// The text, cut into cells.
struct Records<'d> {
    reader: Reader,
    source: &'d str,
    at: usize,
    buffer: Vec<u8>,
    is_over: bool,
}

/// One cell, or why there is none.
enum Cell {
    Found(Found<String>, bool),
    TooLong(Range<usize>),
    End,
}

impl<'d> Records<'d> {
    fn new(source: &'d str) -> Self {
        let head = source.trim_start_matches(['\r', '\n']).lines().next().unwrap_or_default();
        let delimiter = if head.contains(';') { b';' } else { b',' };
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self { reader, source, at: 0, buffer: vec![0; CELL], is_over: false }
    }

    /// The cells of the next line that is not empty.
    fn next(&mut self, document: &Document<'_>) -> Option<Vec<Found<String>>> {
        let mut cells = Vec::new();
        while !self.is_over {
            match self.cell() {
                Cell::Found(cell, is_last) => {
                    cells.push(cell);
                    if is_last {
                        return Some(cells);
                    }
                }
                Cell::TooLong(span) => {
                    self.is_over = true;
                    let what =
                        text!("a cell of more than 64 KiB begins here", "aqui começa uma célula de mais de 64 KiB");
                    let help = text!("is a quote not closed?", "faltou fechar aspas?");
                    document.fault(span, what, Some(help));
                }
                Cell::End => self.is_over = true,
            }
        }
        None
    }

    fn cell(&mut self) -> Cell {
        let start = self.at;
        let mut filled = 0;
        loop {
            let rest = self.source.as_bytes().get(self.at..).unwrap_or_default();
            let room = self.buffer.get_mut(filled..).unwrap_or_default();
            let (result, read, written) = self.reader.read_field(rest, room);
            self.at = self.at.saturating_add(read);
            filled = filled.saturating_add(written);
            match result {
                // All is read: with nothing more to read it says how the last cell ends.
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::OutputFull => return Cell::TooLong(self.span(start)),
                ReadFieldResult::End => return Cell::End,
                ReadFieldResult::Field { record_end } => {
                    // Cut at separators, which are ASCII, from what is UTF-8: it is UTF-8 again.
                    let value = String::from_utf8_lossy(self.buffer.get(..filled).unwrap_or_default()).into_owned();
                    return Cell::Found(Found { value, span: self.span(start) }, record_end);
                }
            }
        }
    }

    /// From `start` to what was read last, without line ends in front and the separator behind.
    fn span(&self, start: usize) -> Range<usize> {
        let read = self.source.get(start..self.at).unwrap_or_default();
        let front = read.len().saturating_sub(read.trim_start_matches(['\r', '\n']).len());
        let kept = read.trim_matches(['\r', '\n']);
        let kept = kept.strip_suffix([';', ',']).unwrap_or(kept);
        let begin = start.saturating_add(front);
        begin..begin.saturating_add(kept.len())
    }
}
