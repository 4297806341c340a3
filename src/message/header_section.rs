//! The header section as it streams by: kept until its blank line, within bounds.
//!
//! In: content in pieces of any size; where it is cut makes no difference. Out: the fields, unfolded, in order. What a field
//! means is not known here.
//!
//! Only a blank line ends the section. A line in it that is neither a field nor a continuation is passed over and counted: some
//! mail readers stop there and some go on, and a Subject behind such a line must not escape the rules.

use memchr::memchr;

use super::field::Field;

/// Bounds of a header section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderLimits {
    /// Octets up to and including the blank line.
    pub size: u64,
    /// Fields.
    pub fields: u32,
}

/// What most messages have room in: begun smaller, the same would grow four times.
const USUAL_FIELDS: usize = 32;
const USUAL_SIZE: usize = 3 * 1024;

/// The header section is too large for us: `552 5.3.4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// More octets than the limit.
    #[error("the header section is larger than {0} octets")]
    TooLarge(u64),
    /// More fields than the limit.
    #[error("the header section has more than {0} fields")]
    TooManyFields(u32),
}

/// Collects the header section of one message. Memory: [`HeaderLimits::size`] octets, once in the fields and once in the line
/// under way, and four numbers a field. Time: linear in the content; no allocation a field, and a line that comes whole is copied once.
#[derive(Debug)]
pub struct HeaderReader {
    limits: HeaderLimits,
    taken: u64,
    line: Vec<u8>,
    /// Each field, its colon within, one behind the other.
    text: Vec<u8>,
    fields: Vec<Span>,
    before: Before,
    stray_lines: u32,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Reading,
    Complete,
    Failed(HeaderFault),
}

/// Where a field stands in the text.
#[derive(Clone, Copy, Debug)]
struct Span {
    name: usize,
    name_end: usize,
    body: usize,
    end: usize,
}

impl Span {
    /// Its octets; every span is made with the text that it is of.
    fn of(self, text: &[u8]) -> Field<'_> {
        Field {
            name: text.get(self.name..self.name_end).unwrap_or_default(),
            body: text.get(self.body..self.end).unwrap_or_default(),
        }
    }
}

/// What a continuation line would continue. One behind a stray line belongs to that line, and not to the field above it:
/// glued there it would put into a Subject what no reader shows in it.
#[derive(Clone, Copy, Debug)]
enum Before {
    Field,
    Stray,
}

impl HeaderReader {
    /// Nothing read yet.
    pub fn new(limits: HeaderLimits) -> Self {
        Self {
            limits,
            taken: 0,
            line: Vec::new(),
            text: Vec::new(),
            fields: Vec::new(),
            before: Before::Stray,
            stray_lines: 0,
            state: State::Reading,
        }
    }

    /// The next content. Once the section is complete, further content is not looked at (and costs nothing). After a fault
    /// every call gives that fault again, and what was collected is gone.
    pub fn receive(&mut self, content: &[u8]) -> Result<(), HeaderFault> {
        // Only CRLF ends a line: a lone LF cuts here too, but the line then does not end in CRLF and goes on.
        let mut rest = content;
        while matches!(self.state, State::Reading) && !rest.is_empty() {
            let end = memchr(b'\n', rest).map_or(rest.len(), |lf| lf.saturating_add(1));
            let (piece, behind) = rest.split_at_checked(end).unwrap_or((rest, b""));
            self.take(piece);
            rest = behind;
        }
        self.outcome()
    }

    /// The content ended: what there is, is the section.
    pub fn end(&mut self) -> Result<(), HeaderFault> {
        if matches!(self.state, State::Reading) {
            let line = std::mem::take(&mut self.line);
            if !line.is_empty() {
                self.end_of_line(&line);
            }
        }
        if matches!(self.state, State::Reading) {
            self.state = State::Complete;
        }
        self.outcome()
    }

    /// Whether the blank line was seen or the content ended.
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// The fields, in order. None before completion.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        let complete = if self.is_complete() { self.fields.as_slice() } else { &[] };
        complete.iter().map(|span| span.of(&self.text))
    }

    /// Lines that were neither a field nor a continuation of one.
    pub fn stray_lines(&self) -> u32 {
        self.stray_lines
    }

    /// Octets taken so far; once complete, the size of the section with its blank line.
    pub fn size(&self) -> u64 {
        self.taken
    }

    fn outcome(&self) -> Result<(), HeaderFault> {
        match self.state {
            State::Failed(fault) => Err(fault),
            State::Reading | State::Complete => Ok(()),
        }
    }

    fn fail(&mut self, fault: HeaderFault) {
        self.state = State::Failed(fault);
        self.line = Vec::new();
        self.text = Vec::new();
        self.fields = Vec::new();
    }

    /// At most one line, or a piece of one.
    fn take(&mut self, piece: &[u8]) {
        let taken = self.taken.saturating_add(piece.len() as u64);
        if taken > self.limits.size {
            return self.fail(HeaderFault::TooLarge(self.limits.size));
        }
        self.taken = taken;
        if self.line.is_empty()
            && let Some(line) = piece.strip_suffix(b"\r\n")
        {
            return self.end_of_line(line);
        }
        self.line.extend_from_slice(piece);
        if self.line.ends_with(b"\r\n") {
            let mut line = std::mem::take(&mut self.line);
            self.end_of_line(line.strip_suffix(b"\r\n").unwrap_or(&line));
            if matches!(self.state, State::Reading) {
                line.clear();
                self.line = line;
            }
        }
    }

    fn end_of_line(&mut self, line: &[u8]) {
        match line {
            [] => self.state = State::Complete,
            [b' ' | b'\t', ..] => match (self.before, self.fields.last_mut()) {
                // Its body is the last of the text.
                (Before::Field, Some(field)) => {
                    self.text.extend_from_slice(line);
                    field.end = self.text.len();
                }
                _ => self.stray(),
            },
            _ => match Field::read(line) {
                Some(_) if self.fields.len() as u64 >= u64::from(self.limits.fields) => {
                    self.fail(HeaderFault::TooManyFields(self.limits.fields));
                }
                Some(field) => self.keep(line, field),
                None => self.stray(),
            },
        }
    }

    /// A name stands at the beginning of its line, and a body at the end.
    fn keep(&mut self, line: &[u8], field: Field<'_>) {
        self.before = Before::Field;
        if self.fields.is_empty() {
            self.fields.reserve(USUAL_FIELDS);
            self.text.reserve(USUAL_SIZE);
        }
        let name = self.text.len();
        self.text.extend_from_slice(line);
        let end = self.text.len();
        let (name_end, body) = (name.saturating_add(field.name.len()), end.saturating_sub(field.body.len()));
        self.fields.push(Span { name, name_end, body, end });
    }

    fn stray(&mut self) {
        self.before = Before::Stray;
        self.stray_lines = self.stray_lines.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: HeaderLimits = HeaderLimits { size: 1 << 20, fields: 1000 };

    /// Reads `content` in pieces of `step` octets: the fields as `name=body`, and the stray lines.
    fn read(content: &[u8], step: usize, limits: HeaderLimits) -> Result<(Vec<String>, u32, u64), HeaderFault> {
        let mut reader = HeaderReader::new(limits);
        for piece in content.chunks(step) {
            reader.receive(piece)?;
        }
        reader.end()?;
        assert!(reader.is_complete());
        let shown = |octets: &[u8]| octets.escape_ascii().to_string();
        let fields = reader.fields().map(|field| shown(field.name) + "=" + &shown(field.body)).collect();
        Ok((fields, reader.stray_lines(), reader.size()))
    }

    fn check(sentence: &str, content: &str, expected: &[&str], stray: u32) {
        for step in [1, 2, 3, 7, usize::MAX >> 1] {
            let (fields, stray_lines, _) = read(content.as_bytes(), step, ROOMY).unwrap();
            assert_eq!(fields, expected, "{sentence} (in steps of {step})");
            assert_eq!(stray_lines, stray, "{sentence} (in steps of {step})");
        }
    }

    #[test]
    fn only_a_blank_line_ends_the_section() {
        check("the usual", "A: 1\r\nB: 2\r\n\r\nC: 3\r\n", &["A= 1", "B= 2"], 0);
        check("no header section", "\r\nSubject: body\r\n", &[], 0);
        check("no content", "", &[], 0);
        check("no blank line", "A: 1\r\nB: 2\r\n", &["A= 1", "B= 2"], 0);
        check("the content ends inside a line", "A: 1\r\nB: 2", &["A= 1", "B= 2"], 0);
        check("the content ends inside CRLF", "A: 1\r\nB: 2\r", &["A= 1", "B= 2\\r"], 0);
        check("a line of white space is no blank line", "A: 1\r\n \t\r\nB: 2\r\n\r\n", &["A= 1 \\t", "B= 2"], 0);
        check("a line of LF alone is no blank line", "A: 1\r\n\nB: 2\r\n\r\n", &["A= 1"], 1);
        check("LF LF is no blank line", "A: 1\n\nB: 2\r\n\r\n", &["A= 1\\n\\nB: 2"], 0);
        check("CR CR LF is no blank line", "A: 1\r\n\r\r\nB: 2\r\n\r\n", &["A= 1", "B= 2"], 1);
    }

    #[test]
    fn fields_are_unfolded_and_their_names_trimmed() {
        check("the CRLF goes, the white space stays", "A: 1\r\n\t2\r\n  3\r\n\r\n", &["A= 1\\t2  3"], 0);
        check("white space before the colon", "Subject \t : x\r\n\r\n", &["Subject= x"], 0);
        check("an empty body, a body of colons", "A:\r\nB:::\r\n\r\n", &["A=", "B=::"], 0);
        check("NUL and lone CR, LF in a body are kept", "A: \0\r1\n2\r\n\r\n", &["A= \\x00\\r1\\n2"], 0);
    }

    #[test]
    fn stray_lines_are_passed_over_and_hide_nothing() {
        check("before the first field", "hello\r\nSubject: x\r\n\r\n", &["Subject= x"], 1);
        check("between fields", "A: 1\r\nhello\r\nSubject: x\r\n\r\n", &["A= 1", "Subject= x"], 1);
        check("a name that is empty or only white space", ": 1\r\n :2\r\nSubject: x\r\n\r\n", &["Subject= x"], 2);
        check("a name with white space inside", "From me at 10:00\r\nSubject: x\r\n\r\n", &["Subject= x"], 1);
        check("a name with a control inside", "Sub\0ject: x\r\nSub\x7fject: x\r\n\r\n", &[], 2);
        check("a continuation of nothing", " x\r\nSubject: y\r\n\r\n", &["Subject= y"], 1);
        check("a continuation of a stray line", "A: 1\r\nhello\r\n x\r\nB: 2\r\n\r\n", &["A= 1", "B= 2"], 2);
    }

    #[test]
    fn limits_hold_to_the_octet_wherever_the_content_is_cut() {
        let content = b"A: 1\r\nB: 2\r\n\r\nbody";
        let limits = |size, fields| HeaderLimits { size, fields };
        for step in 1..=content.len() {
            assert_eq!(read(content, step, limits(14, 2)).map(|(_, _, size)| size), Ok(14));
            assert_eq!(read(content, step, limits(13, 2)), Err(HeaderFault::TooLarge(13)));
            assert_eq!(read(content, step, limits(14, 1)), Err(HeaderFault::TooManyFields(1)));
            // Both are broken: the one that comes first in the content is told.
            assert_eq!(read(content, step, limits(12, 1)), Err(HeaderFault::TooManyFields(1)));
            assert_eq!(read(content, step, limits(11, 1)), Err(HeaderFault::TooLarge(11)));
        }
    }

    #[test]
    fn a_fault_stays_and_frees_what_was_kept() {
        let mut reader = HeaderReader::new(HeaderLimits { size: 8, fields: 9 });
        assert_eq!(reader.receive(b"A: 1\r\nB: 2"), Err(HeaderFault::TooLarge(8)));
        assert_eq!(reader.receive(b""), Err(HeaderFault::TooLarge(8)));
        assert_eq!(reader.end(), Err(HeaderFault::TooLarge(8)));
        assert!(!reader.is_complete() && reader.fields().next().is_none());
        assert_eq!((reader.fields.capacity(), reader.text.capacity(), reader.line.capacity()), (0, 0, 0));
    }

    #[test]
    fn content_behind_the_section_is_not_kept() {
        let mut reader = HeaderReader::new(ROOMY);
        reader.receive(b"A: 1\r\n\r\n").unwrap();
        assert!(reader.is_complete());
        reader.receive(&vec![b'x'; 4 << 20]).unwrap();
        reader.end().unwrap();
        assert_eq!((reader.size(), reader.fields().count(), reader.line.capacity()), (8, 1, 0));
    }

    #[test]
    fn fields_show_only_when_all_are_there() {
        let mut reader = HeaderReader::new(ROOMY);
        reader.receive(b"A: 1\r\nB: 2\r\n").unwrap();
        assert!(reader.fields().next().is_none(), "the next line may still continue B");
        reader.receive(b" 3\r\n\r\n").unwrap();
        assert_eq!(reader.fields().count(), 2);
    }
}
