//! `inspect::ambiguity`: any octets in any split; and messages that are built well-formed, in which nothing may be found, and damaged
//! in one place, in which exactly that must be found, on exactly that line.

use std::collections::BTreeSet;

use portaria::{
    inspect::ambiguity::{Class, Detector, Finding, Trick},
    message::mime::Place,
};

use crate::{choices::Choices, splits::splits};

/// The octets are content; and they choose a message that is built.
pub fn mime_ambiguity(data: &[u8]) {
    let mut choices = Choices::of(data);
    any_split(data, &mut choices);
    let seed = choices.any();
    let honest = Built::of(seed, None);
    any_split(honest.text().as_bytes(), &mut choices);
    assert_eq!(read(&[honest.text().as_bytes()]).0, [], "{}", honest.text());
    let site = choices.below(honest.sites);
    let damaged = Built::of(seed, Some(site));
    let (trick, line) = damaged.damage.expect("the site is there again");
    let text = damaged.text();
    let at = text.split_inclusive('\n').take(line).map(str::len).sum::<usize>() as u64;
    let expected = Finding { trick, place: Place { line: line as u64 + 1, at } };
    any_split(text.as_bytes(), &mut choices);
    let (findings, _) = read(&[text.as_bytes()]);
    assert!(findings.contains(&expected), "{expected:?} is not in {findings:?} of\n{text}");
}

/// The findings, and how many octets it took to know of an ambiguous one.
fn read(pieces: &[&[u8]]) -> (Vec<Finding>, Option<u64>) {
    let mut detector = Detector::new();
    let mut octets = 0;
    for piece in pieces {
        detector.receive(piece);
        octets += piece.len() as u64;
    }
    detector.end();
    let known = (0..=octets).find(|octets| detector.is_ambiguous_within(*octets));
    (detector.findings().to_vec(), known)
}

/// The same in every split, and within bounds.
fn any_split(content: &[u8], choices: &mut Choices) {
    let whole = read(&[content]);
    for pieces in splits(content, choices) {
        assert_eq!(read(&pieces), whole, "{}", content.escape_ascii());
    }
    let (findings, known) = whole;
    let kinds: BTreeSet<Trick> = findings.iter().map(|finding| finding.trick).collect();
    assert_eq!(kinds.len(), findings.len(), "the first of each kind");
    let is_ambiguous = findings.iter().any(|finding| finding.trick.class() == Class::Ambiguous);
    assert_eq!(known.is_some(), is_ambiguous);
    for Finding { place: Place { line, at }, .. } in findings {
        let before = &content[..at as usize];
        assert!(before.is_empty() || before.ends_with(b"\n"), "a place is the beginning of a line");
        assert_eq!(line, 1 + before.iter().filter(|octet| **octet == b'\n').count() as u64);
    }
}

/// A message that is built, line by line.
struct Built {
    choices: Choices,
    lines: Vec<String>,
    boundaries: usize,
    /// Places where it could be damaged, so far.
    sites: usize,
    /// Which one is.
    site: Option<usize>,
    /// What was done, and on which line (from 0) it is to be found.
    damage: Option<(Trick, usize)>,
}

impl Built {
    /// The message of this seed; damaged at this site.
    fn of(seed: u64, site: Option<usize>) -> Self {
        let choices = Choices::seeded(seed);
        let mut built = Self { choices, lines: Vec::new(), boundaries: 0, sites: 0, site, damage: None };
        built.say("Subject: x");
        built.entity(3);
        built
    }

    fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\r\n")).collect()
    }

    fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// Whether the site under way is the one to damage; it is told as this, on the line that comes `ahead` lines behind the last one.
    fn damages(&mut self, trick: Trick, ahead: usize) -> bool {
        let is_it = self.site == Some(self.sites);
        self.sites += 1;
        if is_it {
            self.damage = Some((trick, self.lines.len() + ahead));
        }
        is_it
    }

    fn entity(&mut self, depth: usize) {
        match self.choices.below(if depth == 0 { 3 } else { 6 }) {
            0 => self.text_part(),
            1 => self.base64_part(),
            2 => self.quoted_part(),
            3 => self.message(depth),
            _ => self.multipart(depth),
        }
    }

    fn text_part(&mut self) {
        if self.damages(Trick::BehindStray, 1) {
            self.say("isto nao e um campo");
        }
        self.say("Content-Type: text/plain; charset=utf-8");
        if self.damages(Trick::TwoTypes, 0) {
            self.say("Content-Type: application/x-other");
        }
        self.say("");
        for _ in 0..self.choices.below(4) {
            let line =
                *self.choices.one_of(&["Bom dia.", "", "-- ", "--", "From here", "begin 644 x", "Content-Type: a/b"]);
            self.say(line);
        }
        if self.damages(Trick::Uuencoded, 0) {
            self.say("begin 644 a.exe");
            self.say("#0V%T");
        }
        self.say("Fim.");
    }

    fn base64_part(&mut self) {
        if self.damages(Trick::SpacedName, 0) {
            self.say("Content-Type : application/pdf; name=a.pdf");
        } else {
            self.say("Content-Type: application/pdf; name=a.pdf");
        }
        self.say("Content-Transfer-Encoding: base64");
        if self.damages(Trick::TwoEncodings, 0) {
            self.say("Content-Transfer-Encoding: 7bit");
        }
        if self.damages(Trick::NoBlankLine, 0) {
            self.say("JVBERi0xLjQK");
        }
        self.say("");
        for _ in 0..self.choices.below(4) {
            let long = "QUFB".repeat(1 + self.choices.below(600));
            self.say(long);
        }
        if self.damages(Trick::DirtyBase64, 0) {
            self.say("QUF!");
        }
        self.say("QUE=");
        if self.damages(Trick::PaddingInside, 0) {
            self.say("QUE=");
        }
    }

    fn quoted_part(&mut self) {
        self.say("Content-Type: application/x-text");
        self.say("Content-Transfer-Encoding: quoted-printable");
        self.say("");
        self.say("a=3D=");
        if self.damages(Trick::BadQuotedPrintable, 0) {
            self.say("=ZZ");
        }
        if self.damages(Trick::PaddedSoftBreak, 0) {
            self.say("b= ");
        }
        self.say("c");
    }

    fn message(&mut self, depth: usize) {
        if self.damages(Trick::Partial, 0) {
            self.say("Content-Type: message/partial; id=x; number=1");
        } else {
            self.say("Content-Type: message/rfc822");
        }
        self.say("");
        self.say("Subject: y");
        self.entity(depth - 1);
    }

    fn multipart(&mut self, depth: usize) {
        self.boundaries += 1;
        let boundary = format!("={}=", self.boundaries);
        if self.damages(Trick::TwoBoundaries, 0) {
            self.say(format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"; boundary=other"));
        } else if self.damages(Trick::ContinuedBoundary, 0) {
            self.say(format!("Content-Type: multipart/mixed; boundary*0=\"{boundary}\""));
        } else {
            let subtype = *self.choices.one_of(&["mixed", "alternative", "related"]);
            let field = *self.choices.one_of(&["Content-Type:", "content-type:\r\n", "CONTENT-TYPE: "]);
            // A fold is one line here and two in the text.
            let lines: Vec<String> = format!("{field} multipart/{subtype}; boundary=\"{boundary}\"")
                .split("\r\n")
                .map(str::to_owned)
                .collect();
            self.lines.extend(lines);
        }
        self.say("");
        if self.damages(Trick::NearDelimiter, 0) {
            self.say(format!("--{boundary}x"));
        }
        for _ in 0..1 + self.choices.below(3) {
            self.say(format!("--{boundary}"));
            self.entity(depth - 1);
        }
        if self.damages(Trick::PaddedDelimiter, 0) {
            self.say(format!("--{boundary}-- "));
        } else {
            self.say(format!("--{boundary}--"));
        }
        if self.damages(Trick::ReopenedMultipart, 0) {
            self.say(format!("--{boundary}"));
        } else if self.damages(Trick::PartInEpilogue, 0) {
            self.say("Content-Type: application/x-other");
        }
    }
}
