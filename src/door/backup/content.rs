//! A held message on its way through, held against its row: whole, damaged, or closed for want of a key.
//!
//! In: the octets of its blob, from the quarantine as they are copied, or from a backup as they are read back. Out: one word. Damage is no
//! fault here: a message that the disk has spoiled keeps nobody from copying the others.

use std::{
    io::{self, Read},
    sync::Arc,
};

use crate::store::{
    Check, ContentFacts,
    blob::{BlobFault, Keys, Reader},
};

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// What its row says.
    Whole,
    /// It needs this key, which nobody gave.
    Closed(String),
    /// Something else, and what.
    Damaged(String),
}

/// A message on its way through.
pub(super) struct Content {
    reader: Reader,
    /// None once it is known what it is.
    check: Option<Check>,
    found: Found,
}

impl Content {
    pub(super) fn new(keys: Arc<Keys>, facts: &ContentFacts) -> Self {
        let reader = Reader::new(keys, facts.id.as_str(), facts.trace_length.saturating_add(facts.size));
        Self { reader, check: Some(Check::of(facts)), found: Found::Whole }
    }

    /// More of its blob.
    pub(super) fn feed(&mut self, octets: &[u8]) {
        if self.check.is_some() {
            self.reader.feed(octets);
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(check) = &mut self.check {
            let found = match self.reader.next_piece() {
                Ok(None) => return,
                Ok(Some(piece)) => match check.update(&piece) {
                    Ok(()) => continue,
                    Err(what) => another(what),
                },
                Err(BlobFault::NoKey(key)) => Found::Closed(key),
                Err(fault) => Found::Damaged(fault.to_string()),
            };
            self.ends_as(found);
        }
    }

    fn ends_as(&mut self, found: Found) {
        self.found = found;
        self.check = None;
    }

    /// That was all of it.
    pub(super) fn finish(mut self) -> Found {
        if self.check.is_some() {
            self.reader.end();
            self.drain();
        }
        match self.check.map(Check::finish) {
            Some(Err(what)) => another(what),
            Some(Ok(())) | None => self.found,
        }
    }
}

fn another(what: &str) -> Found {
    Found::Damaged(format!("it has another {what} than its row says"))
}

/// A blob that is looked at while it is read. Where the disk cannot read it any further it ends, and is damaged.
pub(super) struct Looking<R> {
    from: R,
    content: Content,
}

impl<R: Read> Looking<R> {
    pub(super) fn at(from: R, content: Content) -> Self {
        Self { from, content }
    }

    /// What it was, once it was read to its end.
    pub(super) fn found(self) -> Found {
        self.content.finish()
    }
}

impl<R: Read> Read for Looking<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match self.from.read(into) {
            Ok(read) => read,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => return Err(fault),
            Err(fault) => {
                self.content.ends_as(Found::Damaged(format!("the disk does not read it: {fault}")));
                return Ok(0);
            }
        };
        self.content.feed(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    fn facts(content: &[u8]) -> ContentFacts {
        let item = sample::item(1, b"T", content);
        ContentFacts { id: item.id, trace_length: 1, size: item.size, sha256: item.sha256 }
    }

    fn looked_at(from: impl Read, facts: &ContentFacts) -> (Vec<u8>, Found) {
        let mut looking = Looking::at(from, Content::new(Arc::default(), facts));
        let mut octets = Vec::new();
        looking.read_to_end(&mut octets).unwrap();
        (octets, looking.found())
    }

    /// A disk that reads so far and no further.
    struct Bad<'o>(&'o [u8]);

    impl Read for Bad<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Err(io::Error::from_raw_os_error(5)) } else { self.0.read(into) }
        }
    }

    /// Whatever it is, what could be read is what comes out.
    #[test]
    fn what_a_message_is_is_said_and_what_could_be_read_of_it_is_there() {
        for (octets, expected) in [
            (&b"Tabc"[..], None),
            (b"Tabd", Some("another SHA-256")),
            (b"Tab", Some("another length")),
            (b"Tabcd", Some("more comes out")),
            (b"\x89Pblob\r\n\x01", Some("ends too early")),
            (b"", Some("another length")),
        ] {
            let (read, found) = looked_at(octets, &facts(b"abc"));
            assert_eq!(read, octets);
            match (found, expected) {
                (Found::Whole, None) => {}
                (Found::Damaged(what), Some(expected)) => assert!(what.contains(expected), "{octets:?}: {what}"),
                (found, _) => panic!("{octets:?}: {found:?}"),
            }
        }
        let (read, found) = looked_at(Bad(b"Tab"), &facts(b"abc"));
        assert_eq!(read, b"Tab");
        assert!(matches!(found, Found::Damaged(what) if what.starts_with("the disk does not read it: ")));
    }
}
