//! What a clamd's settings are, found out by trying: never by reading its file, which it may not have read, or not be ours to read.
//!
//! In: a clamd and the size of the largest message that we take. Out: what it does not look at, and whether it says so. Each probe has
//! the EICAR test file where only a clamd that looks at everything finds it; *clean* means that it stopped before and kept silent.

use std::{
    io::{self, BufWriter, Write},
    sync::Arc,
};

use tokio::time::Instant;

use super::{Clamd, exchange::How, macro_document::macro_document};
use crate::{
    antivirus::{ClamdAddress, Content, in_flight::Slot, self_test},
    policy::verdict::ScanVerdict,
};

/// Archives in archives: deeper than clamd's `MaxRecursion`, which is 17 unless told otherwise.
const DEPTH: usize = 40;

/// The largest probe, octets: it is made in memory.
const LARGEST: u64 = 256 << 20;

/// Something that a clamd does not do as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitFault {
    /// A stream as long as our largest message is cut off: `StreamMaxLength`.
    Stream {
        /// Octets that were tried.
        octets: u64,
    },
    /// Our largest message is not scanned whole, and it says so.
    Size {
        /// Octets that were tried.
        octets: u64,
        /// Its name for the limit: `Heuristics.Limits.Exceeded.MaxFileSize`.
        limit: String,
    },
    /// Our largest message is not scanned whole, and it calls it clean.
    SizeSilent {
        /// Octets that were tried.
        octets: u64,
    },
    /// It calls clean what is nested deeper than it looks: `AlertExceedsMax no`.
    DepthSilent,
    /// It calls an encrypted archive clean: `AlertEncrypted no`.
    EncryptedSilent,
    /// It calls a document with a macro clean: `AlertOLE2Macros no`.
    MacroSilent,
    /// It gave no answer to a probe: its words.
    NoAnswer(String),
}

/// Tries everything, one after another.
pub async fn examine(clamd: &Clamd, largest: u64, slot: &Arc<Slot>, deadline: Instant) -> Vec<LimitFault> {
    let octets = largest.min(LARGEST);
    let mut faults = Vec::new();
    let ask = async |how, content: io::Result<Content>| match content {
        Ok(content) => clamd.exchange(how, &content, slot, deadline).await.verdict,
        Err(error) => ScanVerdict::Unavailable { text: format!("the probe cannot be made: {}", error.kind()) },
    };
    let streamed = ask(How::Instream, whole_mail(octets)).await;
    let cut = matches!(&streamed, ScanVerdict::NotFullyScanned { reason } if reason == "StreamMaxLength");
    // Where descriptors can be handed over the stream's limit is not the file's.
    let by_file = match clamd.address {
        ClamdAddress::Unix(_) if cut => Some(ask(How::Fildes, whole_mail(octets)).await),
        _ if cut => None,
        _ => Some(streamed),
    };
    faults.extend(cut.then_some(LimitFault::Stream { octets }));
    faults.extend(by_file.and_then(|verdict| match verdict {
        ScanVerdict::Infected { .. } => None,
        ScanVerdict::Clean => Some(LimitFault::SizeSilent { octets }),
        ScanVerdict::NotFullyScanned { reason } => Some(LimitFault::Size { octets, limit: reason }),
        other => Some(no_answer(&other)),
    }));
    let how =
        |clamd: &Clamd| if clamd.state().proof.is_some_and(|proof| proof.memfd) { How::Fildes } else { How::Instream };
    let deep = self_test::in_memfd(&self_test::nested_mail(DEPTH));
    faults.extend(match ask(how(clamd), deep).await {
        ScanVerdict::Infected { .. } | ScanVerdict::NotFullyScanned { .. } => None,
        ScanVerdict::Clean => Some(LimitFault::DepthSilent),
        other => Some(no_answer(&other)),
    });
    for (mail, silent) in [
        (self_test::encrypted_mail(), LimitFault::EncryptedSilent),
        (self_test::mail("macro.doc", &macro_document()), LimitFault::MacroSilent),
    ] {
        faults.extend(match ask(how(clamd), self_test::in_memfd(&mail)).await {
            ScanVerdict::Clean => Some(silent),
            ScanVerdict::Unavailable { text } | ScanVerdict::ScannerError { text } => Some(LimitFault::NoAnswer(text)),
            _ => None,
        });
    }
    faults
}

fn no_answer(verdict: &ScanVerdict) -> LimitFault {
    LimitFault::NoAnswer(super::verdict_words(verdict))
}

/// A mail of exactly `octets` whose last part is the EICAR test file, behind as much text as is needed.
fn whole_mail(octets: u64) -> io::Result<Content> {
    let (head, tail) = self_test::around_text();
    let file = self_test::memfd("portaria-check")?;
    let mut out = BufWriter::with_capacity(1 << 16, &file);
    out.write_all(&head)?;
    let text = octets.saturating_sub((head.len() + tail.len()) as u64);
    let line = [[b'x'; 76].as_slice(), b"\r\n"].concat();
    for _ in 0..text / line.len() as u64 {
        out.write_all(&line)?;
    }
    for _ in 0..text % line.len() as u64 {
        out.write_all(b"\n")?;
    }
    out.write_all(&tail)?;
    out.flush()?;
    drop(out);
    let length = file.metadata()?.len();
    Ok(Content { file: Arc::new(file), length, in_memory: true, sha256: "check".to_owned(), readers: Arc::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_mail_is_as_large_as_it_is_said_to_be() {
        for octets in [10_000, 10_001, 1 << 20] {
            let content = whole_mail(octets).unwrap();
            assert_eq!((content.length, content.file.metadata().unwrap().len()), (octets, octets));
        }
    }
}
