//! Where the next entry goes: behind the last one, if the end of the trail is as its writer left it; and what is to be told if it is not.
//!
//! Evidence is never taken away. What is cut off is a last line without its end, and only if the head shows that nobody was ever told
//! that it stands there. Whatever else is found stays, the chain goes on behind it, and damage keeps nobody from working.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

use super::{
    AuditFault, LINE,
    chain::{Flaw, Kind},
    entry::{Entry, Hash, Head},
    file::Locked,
    head::{self, Found},
    reader::Reader,
    turning,
};
use crate::record::audit::{Action, Actor, Event};

/// The end of the trail.
pub(super) struct End {
    /// What the next entry follows.
    pub last: Head,
    /// What was found wrong. Time and actor are those of whoever found it.
    pub found: Option<Event>,
}

/// Looks at the end, and makes it a place where a line can begin.
pub(super) fn end(log: &Locked, folder: &Path) -> Result<End, AuditFault> {
    let head = head::read(folder)?;
    let length = log.length()?;
    if length == 0 && head.is_none() {
        return Ok(End { last: Head::none(), found: None });
    }
    match (last_line(log, length).map_err(|fault| log.fault(fault))?, &head) {
        (Some(last), Some(Found::Known(head))) if continues(&last, head) => Ok(End { last: last.head(), found: None }),
        _ => look(log, head, length),
    }
}

/// Whether the head knows the last entry, or, after a crash between the two, the one before it.
fn continues(last: &Entry, head: &Head) -> bool {
    *head == last.head() || (head.seq.checked_add(1) == Some(last.seq) && head.hash == last.previous)
}

/// The last line, if it is a sound entry with its end.
fn last_line(log: &Locked, length: u64) -> io::Result<Option<Entry>> {
    let from = length.saturating_sub(LINE);
    let mut octets = vec![0; usize::try_from(length.saturating_sub(from)).unwrap_or_default()];
    log.file().read_exact_at(&mut octets, from)?;
    let Some(whole) = octets.strip_suffix(b"\n") else { return Ok(None) };
    let line = memchr::memrchr(b'\n', whole).and_then(|at| whole.get(at.saturating_add(1)..)).unwrap_or(whole);
    Ok(Entry::read(line).ok().filter(Entry::is_sound))
}

/// Something is wrong: all of it is read, which takes a second for some hundred thousand entries.
fn look(log: &Locked, head: Option<Found>, length: u64) -> Result<End, AuditFault> {
    let fault = |fault| log.fault(fault);
    let known = head.clone().and_then(Found::known);
    let mut file = log.file();
    file.seek(SeekFrom::Start(0)).map_err(fault)?;
    let mut reader = Reader::of(BufReader::new(file.take(length)), known.clone());
    if let Some(before) = turning::before(log)? {
        reader = reader.behind(&before);
    }
    while reader.next_step().map_err(fault)?.is_some() {}
    let ending = reader.finish();
    let last = ending.last.clone().unwrap_or_else(Head::none);
    let mut detail = BTreeMap::from([
        ("last_entry".to_owned(), last.seq.to_string()),
        ("head".to_owned(), known.as_ref().map_or_else(|| "none".to_owned(), |head| head.seq.to_string())),
    ]);
    // The head is written before anybody is told: a line behind the entry that it knows was never acknowledged.
    let unknown = known.as_ref().is_none_or(|head| head.seq <= last.seq);
    let repaired = ending.torn > 0 && unknown && only_torn(&ending.flaws);
    // Of two ends the further one is believed, so that no number is given twice.
    let follows = known.filter(|head| head.seq > last.seq).unwrap_or(last);
    if ending.torn > 0 {
        let whole = length.saturating_sub(ending.torn);
        let (hash, shown) = torn(log, whole).map_err(fault)?;
        detail.insert("octets".to_owned(), ending.torn.to_string());
        detail.insert("sha256".to_owned(), hash.as_str().to_owned());
        detail.insert("begins".to_owned(), shown);
        if repaired { file.set_len(whole) } else { file.write_all(b"\n") }.map_err(fault)?;
    }
    let action = if repaired { Action::TrailRepaired } else { Action::TrailDamaged };
    let nobody = Actor { account: String::new(), person: None };
    let found = Event { at: 0, actor: nobody, action, object: super::file::LOG.to_owned(), detail };
    Ok(End { last: follows, found: Some(found) })
}

/// Whether what is wrong with the end is that the last line has none, and nothing else.
fn only_torn(flaws: &[Flaw]) -> bool {
    matches!(flaws, [flaw] if flaw.kind == Kind::Torn)
}

/// Of the octets from `whole` on: their hash, as far as a line goes, and how they begin.
fn torn(log: &Locked, whole: u64) -> io::Result<(Hash, String)> {
    const SHOWN: usize = 200;
    let mut octets = Vec::new();
    let mut file = log.file();
    file.seek(SeekFrom::Start(whole))?;
    file.take(LINE).read_to_end(&mut octets)?;
    let shown = octets.get(..SHOWN).unwrap_or(&octets);
    Ok((Hash::of(&octets), String::from_utf8_lossy(shown).into_owned()))
}
