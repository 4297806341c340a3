//! `audit.head`: the number and hash of the last entry, beside the trail. Without it nobody could see that the last entries are gone.
//!
//! One line, `SEQ HASH`, filled with spaces to a fixed length, written over itself in one piece: a shell's `read seq hash` takes it.

use std::{io, io::Read as _, os::unix::fs::FileExt as _, path::Path};

use super::{
    AuditFault,
    entry::{Hash, Head},
    file,
};

/// 20 digits, a space, 64 digits, a line end.
const LENGTH: usize = 86;

/// What stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A head.
    Known(Head),
    /// Something else.
    Unreadable,
}

impl Found {
    /// The head, if it is one.
    pub(super) fn known(self) -> Option<Head> {
        match self {
            Self::Known(head) => Some(head),
            Self::Unreadable => None,
        }
    }
}

/// None if there is no such file.
pub(super) fn read(folder: &Path) -> Result<Option<Found>, AuditFault> {
    let path = folder.join(file::HEAD);
    let Some(file) = file::open_to_read(&path)? else { return Ok(None) };
    let mut octets = Vec::new();
    file.take(LENGTH as u64 + 1).read_to_end(&mut octets).map_err(|fault| AuditFault::io(&path, fault))?;
    Ok(Some(parse(&octets).map_or(Found::Unreadable, Found::Known)))
}

fn parse(octets: &[u8]) -> Option<Head> {
    let line = std::str::from_utf8(octets).ok().filter(|line| line.len() == LENGTH)?;
    let (seq, hash) = line.strip_suffix('\n')?.trim_end_matches(' ').split_once(' ')?;
    let head = Head { seq: seq.parse().ok()?, hash: Hash::try_from(hash.to_owned()).ok()? };
    (head.written() == line).then_some(head)
}

/// Puts the head on the disk.
pub(super) fn write(folder: &Path, head: &Head) -> Result<(), AuditFault> {
    let file = file::open_to_write(folder, file::HEAD)?;
    let put = || -> io::Result<()> {
        file.write_all_at(head.written().as_bytes(), 0)?;
        file.set_len(LENGTH as u64)?;
        file.sync_data()
    };
    put().map_err(|fault| AuditFault::io(&folder.join(file::HEAD), fault))
}

impl Head {
    /// What `audit.head` is to say, its line end included.
    pub fn written(&self) -> String {
        let line = format!("{} {}", self.seq, self.hash.as_str());
        format!("{line:<width$}\n", width = LENGTH - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comes_back_and_nothing_else_is_one() {
        for seq in [1, 57, u64::MAX] {
            let head = Head { seq, hash: Hash::of(b"x") };
            let line = head.written();
            assert_eq!((line.len(), parse(line.as_bytes())), (LENGTH, Some(head)), "{line}");
            for bad in
                [line.replace('\n', " "), line.replacen(' ', "  ", 1), line.trim_end().to_owned(), "0".repeat(LENGTH)]
            {
                assert_eq!(parse(bad.as_bytes()), None, "{bad}");
            }
        }
    }
}
