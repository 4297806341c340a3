//! Messages that two readers take apart differently (decision 8).
//!
//! In: content as it streams by, in pieces of any size; where it is cut makes no difference. Out: findings, each with its place.
//! The parts are followed as a strict reader follows them (RFC 2046), and wherever a lax reader, as there are, would see something
//! else, there is a finding. No scanner is asked and nothing is decoded, so it speaks with and without antivirus.
//!
//! | file | what it knows |
//! |---|---|
//! | `finding` | the kinds of finding, their class, their words |
//! | `entity` | what one header section says, and how clearly |
//! | `body` | whether everybody decodes a body to the same octets; `body::stretch`: how much of it needs no look at each line |
//! | here | the tree: delimiters, depth, what stands outside the parts |
//!
//! Memory: the `Content-` fields of one section (64 KiB), one line of them, [`DEEPEST`] boundaries of 900 octets. Time: linear in
//! the content, times the depth for lines that begin with `--`.

mod body;
mod entity;
mod finding;
#[cfg(test)]
mod tests;

use body::{Body, Text};
use entity::{Entity, Family};
pub use finding::{Class, Finding, Trick};
use memchr::{memchr, memchr_iter};

use self::finding::Findings;
use crate::message::mime::{
    Place,
    delimiter::{Delimiter, delimiter, resembles},
    section::{MOST_OCTETS, Section, SectionReader},
};

/// Nested multiparts and messages, counted together. A message forwarded as an attachment of one forwarded as an attachment takes two.
pub const DEEPEST: usize = 40;
/// Parts. clamd gives up above 1,024.
pub const MOST_PARTS: usize = 1000;

/// What is looked at of a line in a body: longer ones are no delimiter, and no line of an encoder.
const LINE_IN_BODY: usize = 1024;
/// … and in a header section: one more than a section may have.
const LINE_IN_SECTION: usize = MOST_OCTETS + 1;

/// A message while it streams by.
#[derive(Debug)]
pub struct Detector {
    findings: Findings,
    /// The line under way, as far as it is looked at.
    line: Vec<u8>,
    /// The line under way was longer; what follows of it is handed on in pieces.
    is_overlong: bool,
    place: Place,
    octets: u64,
    /// What an overlong line holds: told at its end, so that the pieces in which it comes make no difference.
    in_overlong: Findings,
    /// Octets that had to be read until the message was known to be ambiguous.
    known_at: Option<u64>,
    /// Around the present part, the outermost first.
    levels: Vec<Level>,
    parts: usize,
    now: Now,
    /// The section that was read last, for its room.
    read: Section,
    /// The line above began with `--`.
    below_dashes: bool,
}

/// What the present line belongs to.
#[derive(Debug)]
enum Now {
    Section {
        reader: SectionReader,
        default: &'static [u8],
        place: Place,
    },
    Body(Body),
    /// Before the first delimiter of a multipart, or behind its closing one.
    Between(Text),
}

/// A multipart or a message around the present part.
#[derive(Debug)]
struct Level {
    /// `None`: a message, or a multipart that names no boundary.
    boundary: Option<Vec<u8>>,
    family: Family,
    /// Parts so far.
    count: usize,
    zone: Zone,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    Preamble,
    Parts,
    Epilogue,
}

const TEXT: &[u8] = b"text/plain";
const MESSAGE: &[u8] = b"message/rfc822";

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

impl Detector {
    /// Nothing read yet.
    pub fn new() -> Self {
        let place = Place { line: 1, at: 0 };
        Self {
            findings: Findings::default(),
            line: Vec::new(),
            is_overlong: false,
            place,
            octets: 0,
            in_overlong: Findings::default(),
            known_at: None,
            levels: Vec::new(),
            parts: 0,
            now: Now::Section { reader: SectionReader::default(), default: TEXT, place },
            read: Section::default(),
            below_dashes: false,
        }
    }

    /// The next content.
    pub fn receive(&mut self, content: &[u8]) {
        // RFC 5322 2.2 begins a header section with a field. What a reader behind us continues here is our Received.
        if self.octets == 0 && content.first().is_some_and(|octet| b" \t".contains(octet)) {
            self.findings.note(Trick::BeginsFolded, self.place);
        }
        let mut rest = content;
        while !rest.is_empty() {
            let stretch = self.stretch(rest);
            let length =
                if stretch > 0 { stretch } else { memchr(b'\n', rest).map_or(rest.len(), |lf| lf.saturating_add(1)) };
            let (piece, behind) = rest.split_at_checked(length).unwrap_or((rest, b""));
            if stretch > 0 {
                self.pass(piece)
            } else {
                self.read(piece)
            }
            rest = behind;
        }
    }

    /// Octets in which there is nothing to find: whole lines of a body.
    fn stretch(&self, content: &[u8]) -> usize {
        match &self.now {
            Now::Body(body) if self.line.is_empty() && !self.is_overlong => body.stretch(content),
            _ => 0,
        }
    }

    fn pass(&mut self, lines: &[u8]) {
        self.octets = self.octets.saturating_add(lines.len() as u64);
        let count = memchr_iter(b'\n', lines).count() as u64;
        self.place = Place { line: self.place.line.saturating_add(count), at: self.octets };
    }

    /// At most one line, or a piece of one.
    fn read(&mut self, piece: &[u8]) {
        self.octets = self.octets.saturating_add(piece.len() as u64);
        let is_whole = piece.ends_with(b"\n");
        if is_whole && self.line.is_empty() && !self.is_overlong && piece.len() <= LINE_IN_BODY {
            self.whole_line(piece);
        } else {
            self.piece(piece, is_whole);
        }
        if is_whole {
            self.mark();
            self.place = Place { line: self.place.line.saturating_add(1), at: self.octets };
        }
    }

    /// The content ended.
    pub fn end(&mut self) {
        if !self.line.is_empty() || self.is_overlong {
            self.end_of_line();
        }
        self.leave_section();
        self.close(0);
        self.levels.clear();
        self.now = Now::Body(Body::Opaque);
        self.mark();
    }

    /// The first of each kind, in the order in which they were found.
    pub fn findings(&self) -> &[Finding] {
        self.findings.all()
    }

    /// The first finding that makes the message ambiguous.
    pub fn ambiguity(&self) -> Option<&Finding> {
        self.findings().iter().find(|finding| finding.trick.class() == Class::Ambiguous)
    }

    /// Whether the first `octets` of the content were enough to know that it is ambiguous. It is known at the end of a line, wherever
    /// the content is cut.
    pub fn is_ambiguous_within(&self, octets: u64) -> bool {
        self.known_at.is_some_and(|known_at| known_at <= octets)
    }

    fn mark(&mut self) {
        if self.known_at.is_none() && self.ambiguity().is_some() {
            self.known_at = Some(self.octets);
        }
    }

    /// A piece of a line, or a line in several, or a long one.
    fn piece(&mut self, piece: &[u8], is_whole: bool) {
        let most = if matches!(self.now, Now::Section { .. }) { LINE_IN_SECTION } else { LINE_IN_BODY };
        let room = if self.is_overlong { 0 } else { most.saturating_sub(self.line.len()) };
        let (kept, beyond) = piece.split_at_checked(room).unwrap_or((piece, b""));
        self.line.extend_from_slice(kept);
        if !beyond.is_empty() {
            if !self.is_overlong {
                self.is_overlong = true;
                self.begin_overlong();
            }
            if let Now::Body(body) = &mut self.now {
                body.octets(beyond, self.place, &mut self.in_overlong);
            }
        }
        if is_whole {
            self.end_of_line();
        }
    }

    /// The line is too long to be a delimiter: what is there of it goes on as a piece.
    fn begin_overlong(&mut self) {
        let line = std::mem::take(&mut self.line);
        if self.boundaries().any(|boundary| delimiter(&line, boundary).is_some() || resembles(&line, boundary)) {
            self.in_overlong.note(Trick::NearDelimiter, self.place);
        }
        match &mut self.now {
            Now::Body(body) => body.begin_overlong(&line, self.place, &mut self.in_overlong),
            Now::Section { reader, .. } => {
                reader.line(&line, self.place);
            }
            Now::Between(_) => {}
        }
    }

    fn end_of_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        if self.is_overlong {
            self.is_overlong = false;
            self.below_dashes = false;
            self.findings.append(std::mem::take(&mut self.in_overlong));
        } else {
            self.whole_line(&line);
        }
        line.clear();
        if line.capacity() <= LINE_IN_BODY {
            self.line = line;
        }
    }

    /// A line with its end, or the last one without.
    fn whole_line(&mut self, raw: &[u8]) {
        let line = raw.strip_suffix(b"\n").unwrap_or(raw);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let has_dashes = line.starts_with(b"--");
        if has_dashes && self.is_delimiter(line) {
            self.below_dashes = false;
            return;
        }
        match &mut self.now {
            Now::Section { reader, .. } => {
                if reader.line(line, self.place) {
                    self.enter_body();
                }
            }
            Now::Body(body) => body.line(raw, self.place, &mut self.findings),
            Now::Between(text) => {
                text.line(line, self.place, &mut self.findings);
                self.between(line);
            }
        }
        self.below_dashes = has_dashes;
    }

    fn boundaries(&self) -> impl Iterator<Item = &[u8]> {
        self.levels.iter().filter_map(|level| level.boundary.as_deref())
    }

    /// Whether it is a delimiter of an open multipart; then it was passed.
    fn is_delimiter(&mut self, line: &[u8]) -> bool {
        let of = |level: &Level| delimiter(line, level.boundary.as_deref()?);
        let found = self.levels.iter().enumerate().rev().find_map(|(index, level)| Some((index, of(level)?)));
        let Some((index, what)) = found else {
            if self.boundaries().any(|boundary| resembles(line, boundary)) {
                self.findings.note(Trick::NearDelimiter, self.place);
            }
            return false;
        };
        if line.ends_with(b" ") || line.ends_with(b"\t") {
            self.findings.note(Trick::PaddedDelimiter, self.place);
        }
        self.leave_section();
        self.close(index.saturating_add(1));
        self.levels.truncate(index.saturating_add(1));
        let Some(level) = self.levels.last_mut() else { return true };
        match what {
            Delimiter::Opens => {
                if level.zone == Zone::Epilogue {
                    self.findings.note(Trick::ReopenedMultipart, self.place);
                }
                level.zone = Zone::Parts;
                let default = if level.family == Family::Digest { MESSAGE } else { TEXT };
                level.count = level.count.saturating_add(1);
                self.parts = self.parts.saturating_add(1);
                if self.parts > MOST_PARTS {
                    self.findings.note(Trick::TooManyParts, self.place);
                }
                self.begin_section(default);
            }
            Delimiter::Closes => {
                level.zone = Zone::Epilogue;
                self.now = Now::Between(Text::default());
            }
        }
        true
    }

    /// The multiparts from `first` inwards end here, closed or not.
    fn close(&mut self, first: usize) {
        for level in self.levels.iter().skip(first).filter(|level| level.boundary.is_some()) {
            match level.zone {
                Zone::Preamble => self.findings.note(Trick::NoDelimiter, level.place),
                Zone::Parts => self.findings.note(Trick::NotClosed, level.place),
                Zone::Epilogue => {}
            }
        }
    }

    fn begin_section(&mut self, default: &'static [u8]) {
        let reader = SectionReader::reusing(std::mem::take(&mut self.read));
        self.now = Now::Section { reader, default, place: self.place };
    }

    /// A section that has no body: what it says is looked at all the same.
    fn leave_section(&mut self) {
        let _ = self.end_section();
    }

    /// What the section under way says, if there is one, and where it began.
    fn end_section(&mut self) -> Option<(Entity, Place)> {
        let Now::Section { reader, default, place } = std::mem::replace(&mut self.now, Now::Body(Body::Opaque)) else {
            return None;
        };
        self.read = reader.end();
        let entity = entity::read(&self.read, default, place, &mut self.findings);
        self.beside_its_signature(&entity, place);
        Some((entity, place))
    }

    /// The blank line below a section.
    fn enter_body(&mut self) {
        let Some((entity, place)) = self.end_section() else { return };
        if !matches!(entity, Entity::Leaf(_)) && self.levels.len() >= DEEPEST {
            return self.findings.note(Trick::TooDeep, place);
        }
        match entity {
            Entity::Leaf(leaf) => self.now = Now::Body(Body::new(leaf)),
            Entity::Message => {
                self.levels.push(Level { boundary: None, family: Family::Other, count: 0, zone: Zone::Parts, place });
                self.begin_section(TEXT);
            }
            Entity::Multipart { boundary, family } => {
                self.beside_open_ones(boundary.as_deref(), place);
                self.levels.push(Level { boundary, family, count: 0, zone: Zone::Preamble, place });
                self.now = Now::Between(Text::default());
            }
        }
    }

    /// A signed multipart has one part and its signature (RFC 1847 §2.1). clamd 1.4 looks at the text of one, and at nothing beside it.
    fn beside_its_signature(&mut self, entity: &Entity, place: Place) {
        let Some(level) = self.levels.last().filter(|level| level.family == Family::Signed && level.count > 1) else {
            return;
        };
        let is_signature = matches!(entity, Entity::Leaf(leaf) if leaf.is_signature);
        if level.count > 2 || !is_signature {
            self.findings.note(Trick::MoreThanSigned, place);
        }
    }

    fn beside_open_ones(&mut self, boundary: Option<&[u8]>, place: Place) {
        let Some(boundary) = boundary else { return };
        if self.boundaries().any(|open| open == boundary) {
            self.findings.note(Trick::SameBoundary, place);
        } else if self.boundaries().any(|open| open.starts_with(boundary) || boundary.starts_with(open)) {
            self.findings.note(Trick::PrefixBoundary, place);
        }
    }

    /// A line outside the parts.
    fn between(&mut self, line: &[u8]) {
        const FIELDS: [&[u8]; 3] = [b"content-type:", b"content-transfer-encoding:", b"content-disposition:"];
        let begins = |field: &[u8]| line.get(..field.len()).is_some_and(|name| name.eq_ignore_ascii_case(field));
        if !FIELDS.into_iter().any(begins) {
            return;
        }
        let is_behind = self.levels.last().is_some_and(|level| level.zone == Zone::Epilogue);
        let trick = match (self.below_dashes, is_behind) {
            (true, _) => Trick::UndeclaredDelimiter,
            (false, true) => Trick::PartInEpilogue,
            (false, false) => Trick::PartInPreamble,
        };
        self.findings.note(trick, self.place);
    }
}
