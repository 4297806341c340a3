//! The header section of a message or a part, line by line: only the fields that say what the body is.
//!
//! Unlike `message::header_section`, which keeps everything for the rules, this keeps the `Content-` fields, and how each was
//! written: readers differ in where a damaged section ends, and so in whether they know a field at all.

use super::Place;
use crate::message::field::Field;

/// Octets of `Content-` fields that are kept. Honest ones have some hundreds; a long list of continued names has some thousands.
pub const MOST_OCTETS: usize = 64 * 1024;
/// `Content-` fields that are kept.
pub const MOST_FIELDS: usize = 64;

/// A `Content-` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentField {
    /// Without the white space in front of the colon.
    pub name: Vec<u8>,
    /// Unfolded.
    pub body: Vec<u8>,
    /// Its first line.
    pub place: Place,
    /// A line that is no field stands above it in the section: some readers end the section there.
    pub behind_stray: bool,
    /// White space stands between its name and the colon: some readers do not know it then.
    pub is_spaced: bool,
    /// One of its lines is nothing but white space: some readers end the section there.
    pub has_blank_fold: bool,
}

impl ContentField {
    /// As the rules' header section has it.
    pub fn field(&self) -> Field<'_> {
        Field { name: &self.name, body: &self.body }
    }
}

/// What was kept of a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// In order.
    pub fields: Vec<ContentField>,
    /// There was more than is kept.
    pub too_large: bool,
    /// The first line below a `Content-` field that is no field: some readers take it for the first line of the body.
    pub stray_below: Option<Place>,
}

impl Section {
    /// Every field of this name, in order.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s ContentField> {
        self.fields.iter().filter(move |kept| kept.field().is(name))
    }
}

/// Reads one section. Memory: [`MOST_OCTETS`].
#[derive(Debug, Default)]
pub struct SectionReader {
    section: Section,
    octets: usize,
    stray: bool,
    /// The field above is kept, so that a folded line belongs to it.
    keeps: bool,
}

impl SectionReader {
    /// The next line, without its CRLF. True: it was the blank line that ends the section.
    pub fn line(&mut self, line: &[u8], place: Place) -> bool {
        match line {
            [] => return true,
            [b' ' | b'\t', ..] => self.fold(line),
            _ => match Field::read(line) {
                Some(field) => self.field(field, line, place),
                None => {
                    self.keeps = false;
                    // What a mailbox file writes before a message, which every reader passes over.
                    if !line.starts_with(b"From ") && !line.starts_with(b">From ") {
                        self.stray = true;
                        if !self.section.fields.is_empty() && self.section.stray_below.is_none() {
                            self.section.stray_below = Some(place);
                        }
                    }
                }
            },
        }
        false
    }

    /// What was kept.
    pub fn end(self) -> Section {
        self.section
    }

    fn fold(&mut self, line: &[u8]) {
        let Some(kept) = self.section.fields.last_mut().filter(|_| self.keeps) else { return };
        kept.has_blank_fold |= line.trim_ascii().is_empty();
        self.octets = self.octets.saturating_add(line.len());
        if self.octets > MOST_OCTETS {
            self.section.too_large = true;
        } else {
            kept.body.extend_from_slice(line);
        }
    }

    fn field(&mut self, field: Field<'_>, line: &[u8], place: Place) {
        self.keeps = field.name.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"content-"));
        if !self.keeps {
            return;
        }
        self.octets = self.octets.saturating_add(line.len());
        if self.octets > MOST_OCTETS || self.section.fields.len() >= MOST_FIELDS {
            self.section.too_large = true;
            self.keeps = false;
            return;
        }
        let is_spaced = line.get(field.name.len()).is_some_and(|&octet| octet != b':');
        let behind_stray = self.stray;
        self.section.fields.push(ContentField {
            name: field.name.to_vec(),
            body: field.body.to_vec(),
            place,
            behind_stray,
            is_spaced,
            has_blank_fold: false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The section's fields as `name=body` and their marks: stray above, spaced, blank fold.
    fn read(lines: &[&str]) -> (Vec<String>, bool) {
        let mut reader = SectionReader::default();
        let place = |line: usize| Place { line: line as u64, at: 0 };
        let ended = lines.iter().enumerate().any(|(line, text)| reader.line(text.as_bytes(), place(line)));
        let shown = |kept: &ContentField| {
            let text = |octets: &[u8]| octets.escape_ascii().to_string();
            let marks = [(kept.behind_stray, '!'), (kept.is_spaced, ':'), (kept.has_blank_fold, '_')];
            let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
            format!("{}={}{marks}", text(&kept.name), text(&kept.body))
        };
        (reader.end().fields.iter().map(shown).collect(), ended)
    }

    #[test]
    fn only_what_describes_the_body_is_kept_with_how_it_was_written() {
        let rows: [(&[&str], &[&str], bool); 9] = [
            (&["Subject: x", "Content-Type: a/b;", " c=d", "", "Content-X: y"], &["Content-Type= a/b; c=d"], true),
            (&["content-id: 1", "Subject: x", " y"], &["content-id= 1"], false),
            (&["From a@b Sat", "Content-Type: a"], &["Content-Type= a"], false),
            (&["hello", "Content-Type: a"], &["Content-Type= a!"], false),
            (&["Content-Type: a", "hello", " b"], &["Content-Type= a"], false),
            (&["Content-Type : a"], &["Content-Type= a:"], false),
            (&["Content-Type: a;", " ", " b"], &["Content-Type= a;  b_"], false),
            (&["Subject: a", " ", "Content-Type: b"], &["Content-Type= b"], false),
            (&["Content: a", "XContent-Type: b", ""], &[], true),
        ];
        for (lines, fields, ended) in rows {
            assert_eq!(read(lines), (fields.iter().map(|it| (*it).to_owned()).collect(), ended), "{lines:?}");
        }
    }

    #[test]
    fn a_line_below_that_is_no_field_is_told() {
        for (lines, expected) in [
            (&["Content-Type: a", "X-A: 1", ""][..], None),
            (&["hello", "Content-Type: a"], None),
            (&["Content-Type: a", "From x"], None),
            (&["Content-Type: a", "X-A: 1", "SGVsbG8=", "SGVsbG8="], Some(2)),
        ] {
            let mut reader = SectionReader::default();
            for (line, text) in (0..).zip(lines) {
                reader.line(text.as_bytes(), Place { line, at: 0 });
            }
            assert_eq!(reader.end().stray_below.map(|place| place.line), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_says_so() {
        let place = Place { line: 1, at: 0 };
        let mut many = SectionReader::default();
        let mut long = SectionReader::default();
        long.line(b"Content-Type: a", place);
        for _ in 0..=MOST_FIELDS {
            many.line(b"Content-Type: a", place);
            long.line(&[b' '; 2048], place);
        }
        let (many, long) = (many.end(), long.end());
        assert!(many.too_large && many.fields.len() == MOST_FIELDS);
        assert!(long.too_large && long.fields[0].body.len() <= MOST_OCTETS);
    }
}
