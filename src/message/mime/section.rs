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

/// What most sections have room in, and what is kept for the next one at most.
const USUAL_OCTETS: usize = 256;
const MOST_REUSED: usize = 1024;

/// A `Content-` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentField<'s> {
    /// Its name, without the white space in front of the colon, and its body, unfolded: as the rules' header section has it.
    pub field: Field<'s>,
    /// Its first line.
    pub place: Place,
    /// How it was written.
    pub marks: Marks,
}

/// How a field was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// A line that is no field stands above it in the section: some readers end the section there.
    pub behind_stray: bool,
    /// White space stands between its name and the colon: some readers do not know it then.
    pub is_spaced: bool,
    /// One of its lines is nothing but white space: some readers end the section there.
    pub has_blank_fold: bool,
}

/// What was kept of a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Name and body of each field, one behind the other.
    text: Vec<u8>,
    fields: Vec<Kept>,
    /// There was more than is kept.
    pub too_large: bool,
    /// The first line below a `Content-` field that is no field: some readers take it for the first line of the body.
    pub stray_below: Option<Place>,
}

/// A field, and where it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    name: usize,
    body: usize,
    end: usize,
    place: Place,
    marks: Marks,
}

impl Section {
    /// Every field, in order.
    pub fn fields(&self) -> impl Iterator<Item = ContentField<'_>> + Clone {
        self.fields.iter().map(|&Kept { name, body, end, place, marks }| {
            let part = |from, to| self.text.get(from..to).unwrap_or_default();
            ContentField { field: Field { name: part(name, body), body: part(body, end) }, place, marks }
        })
    }

    /// Every field of this name, in order.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = ContentField<'s>> + Clone {
        self.fields().filter(move |kept| kept.field.is(name))
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
    /// Reads into the room that another section had, so that each part of a message does not ask for its own. Of a large one it is not
    /// kept.
    pub fn reusing(mut section: Section) -> Self {
        if section.text.capacity() > MOST_REUSED {
            return Self::default();
        }
        section.text.clear();
        section.fields.clear();
        Self { section: Section { too_large: false, stray_below: None, ..section }, ..Self::default() }
    }

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
        // Its body is the last of the text.
        let Some(kept) = self.section.fields.last_mut().filter(|_| self.keeps) else { return };
        kept.marks.has_blank_fold |= line.trim_ascii().is_empty();
        self.octets = self.octets.saturating_add(line.len());
        if self.octets > MOST_OCTETS {
            self.section.too_large = true;
        } else {
            self.section.text.extend_from_slice(line);
            kept.end = self.section.text.len();
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
        let marks = Marks { behind_stray: self.stray, is_spaced, has_blank_fold: false };
        let Section { text, fields, .. } = &mut self.section;
        if text.capacity() == 0 {
            text.reserve(USUAL_OCTETS);
        }
        let name = text.len();
        text.extend_from_slice(field.name);
        let body = text.len();
        text.extend_from_slice(field.body);
        fields.push(Kept { name, body, end: text.len(), place, marks });
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
        let shown = |ContentField { field, marks, .. }: ContentField<'_>| {
            let text = |octets: &[u8]| octets.escape_ascii().to_string();
            let marks = [(marks.behind_stray, '!'), (marks.is_spaced, ':'), (marks.has_blank_fold, '_')];
            let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
            format!("{}={}{marks}", text(field.name), text(field.body))
        };
        (reader.end().fields().map(shown).collect(), ended)
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
        assert!(long.too_large && long.fields().all(|kept| kept.field.body.len() <= MOST_OCTETS));
    }

    /// The next section has the room of the one before it and nothing else of it; that of a large one is given back.
    #[test]
    fn room_is_used_again_and_what_stood_in_it_is_gone() {
        let place = Place { line: 1, at: 0 };
        let mut first = SectionReader::default();
        for line in [&b"no field"[..], b"Content-Type: a", b"neither", b"Content-Id: b"] {
            first.line(line, place);
        }
        first.section.too_large = true;
        let room = first.section.text.as_ptr();
        let mut second = SectionReader::reusing(first.end());
        second.line(b" of nothing", place);
        second.line(b"Content-Type: c", place);
        let mut fresh = SectionReader::default();
        fresh.line(b"Content-Type: c", place);
        assert_eq!((second.section.text.as_ptr(), &second.section), (room, &fresh.section));
        second.line(&[b' '; 2000], place);
        assert_eq!(SectionReader::reusing(second.end()).section.text.capacity(), 0);
    }
}
