//! A ZIP (PKWARE's APPNOTE.TXT 6.3.10) of files that only a password opens, written from its first octet to its last.
//!
//! In: names, lengths and times, then the octets of each file. Out: the archive, into whatever takes octets. It refuses to know what is
//! in the files, and to seek back: all lengths are known before, since nothing is compressed. Mail is for the most part packed things in
//! base64, of which deflate would save a quarter.
//!
//! By AE-2, not AE-1: the CRC-32 of what was encrypted is left out, since it stands in clear and tells who guesses what is in
//! it whether he is right. Names, lengths and times do stand in clear, as in every ZIP.

use std::io::{self, Write};

use jiff::Zoned;

use super::sealed::{CODE, SALT, Sealed, VERIFIER};
use crate::smtp::auth::Secret;

/// Version of the format that a reader needs: 5.1, AES. Made under Unix, whose rights stand in the directory.
const NEEDED: u16 = 51;
const MADE_BY: u16 = 3 << 8 | NEEDED;
/// Flags: encrypted.
const ENCRYPTED: u16 = 1;
/// The method that stands for "see the extra field".
const AES: u16 = 99;
/// The extra field: its id, its length, AE-2, `AE`, 256 bits, stored.
const EXTRA: [u8; 11] = [0x01, 0x99, 7, 0, 2, 0, b'A', b'E', 3, 0, 0];
/// An ordinary file for its owner alone.
const RIGHTS: u32 = 0o100_600 << 16;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// Octets of the three without names and extra fields.
const LENGTHS: (u64, u64, u64) = (30, 46, 22);

/// A file in the archive.
pub(super) struct Entry {
    /// Its name: ASCII, without a folder.
    pub(super) name: String,
    /// Its octets.
    pub(super) size: u64,
    /// When it was changed, shown by the clocks of its time zone: a ZIP knows no other.
    pub(super) changed: Zoned,
    /// Of this file alone.
    pub(super) salt: [u8; SALT],
}

impl Entry {
    /// Octets of it in the archive, without headers.
    fn sealed(&self) -> u64 {
        self.size.saturating_add((SALT + VERIFIER + CODE) as u64)
    }

    /// Date and time as MS-DOS had them (APPNOTE 4.4.6): from 1980 on, by two seconds.
    fn dos(&self) -> [u16; 2] {
        let at = &self.changed;
        let Some(year) =
            u16::try_from(at.year()).ok().and_then(|year| year.checked_sub(1980)).filter(|year| *year < 128)
        else {
            return [0, 1 << 5 | 1];
        };
        let small = |number: i8| u16::from(number.unsigned_abs());
        let date = year << 9 | small(at.month()) << 5 | small(at.day());
        [small(at.hour()) << 11 | small(at.minute()) << 5 | (small(at.second()) / 2), date]
    }

    /// What both headers of a file say, from the version on (4.3.7, 4.3.12).
    fn fields(&self) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let [time, date] = self.dos();
        [NEEDED, ENCRYPTED, AES, time, date].iter().for_each(|number| out.extend(number.to_le_bytes()));
        // AE-2: no CRC.
        for number in [0, narrow(self.sealed())?, narrow(self.size)?] {
            out.extend(number.to_le_bytes());
        }
        let name = u16::try_from(self.name.len()).map_err(|_| too_long())?;
        [name, EXTRA.len() as u16].iter().for_each(|number| out.extend(number.to_le_bytes()));
        Ok(out)
    }
}

/// Octets of the whole archive; none: a ZIP without the extensions for large ones has no room for them.
pub(super) fn length<'e>(entries: impl Iterator<Item = &'e Entry>) -> Option<u64> {
    let (local, central, end) = LENGTHS;
    let named = |entry: &Entry| local + central + 2 * (entry.name.len() + EXTRA.len()) as u64;
    let of = |entry: &Entry| named(entry).saturating_add(entry.sealed());
    let (count, whole) =
        entries.fold((0_u64, end), |(count, whole), entry| (count + 1, whole.saturating_add(of(entry))));
    (whole < u64::from(u32::MAX) && count < u64::from(u16::MAX)).then_some(whole)
}

/// Writes an archive.
pub(super) struct Writer<'p, W> {
    out: W,
    at: u64,
    password: &'p Secret,
    directory: Vec<u8>,
    count: u16,
}

impl<'p, W: Write> Writer<'p, W> {
    /// Into `out`, from its beginning.
    pub(super) fn new(out: W, password: &'p Secret) -> Self {
        Self { out, at: 0, password, directory: Vec::new(), count: 0 }
    }

    /// Begins a file.
    pub(super) fn file(&mut self, entry: &Entry) -> io::Result<File<'_, 'p, W>> {
        let (fields, from) = (entry.fields()?, narrow(self.at)?);
        self.count = self.count.checked_add(1).ok_or_else(too_long)?;
        let directory = &mut self.directory;
        directory.extend([CENTRAL, &MADE_BY.to_le_bytes(), &fields].concat());
        // No comment, the first disk, nothing inside of interest.
        directory.extend([0; 6]);
        directory.extend([RIGHTS.to_le_bytes(), from.to_le_bytes()].concat());
        directory.extend([entry.name.as_bytes(), &EXTRA].concat());
        let (sealed, verifier) = Sealed::begin(self.password, &entry.salt).map_err(|_| no_cipher())?;
        self.put(&[LOCAL, &fields, entry.name.as_bytes(), &EXTRA, &entry.salt, &verifier].concat())?;
        Ok(File { zip: self, sealed, left: entry.size })
    }

    /// All files are there. What was written to comes back.
    pub(super) fn end(mut self) -> io::Result<W> {
        let (from, directory) = (narrow(self.at)?, std::mem::take(&mut self.directory));
        self.put(&directory)?;
        let mut end = [END, &[0; 4]].concat();
        [self.count, self.count].iter().for_each(|number| end.extend(number.to_le_bytes()));
        [narrow(directory.len() as u64)?, from].iter().for_each(|number| end.extend(number.to_le_bytes()));
        end.extend([0; 2]);
        self.put(&end)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, octets: &[u8]) -> io::Result<()> {
        self.at = self.at.saturating_add(octets.len() as u64);
        self.out.write_all(octets)
    }
}

/// One file of it on its way.
pub(super) struct File<'z, 'p, W> {
    zip: &'z mut Writer<'p, W>,
    sealed: Sealed,
    left: u64,
}

impl<W: Write> Write for File<'_, '_, W> {
    /// Its next octets. On a fault there are more than its entry says.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(octets.len() as u64).ok_or_else(not_as_long)?;
        let mut sealed = octets.to_vec();
        self.sealed.seal(&mut sealed).map_err(|_| no_cipher())?;
        self.zip.put(&sealed).map(|()| octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.zip.out.flush()
    }
}

impl<W: Write> File<'_, '_, W> {
    /// There are no more. On a fault there are fewer than its entry says.
    pub(super) fn end(self) -> io::Result<()> {
        if self.left > 0 {
            return Err(not_as_long());
        }
        self.zip.put(&self.sealed.end())
    }
}

fn narrow(number: u64) -> io::Result<u32> {
    u32::try_from(number).map_err(|_| too_long())
}

fn too_long() -> io::Error {
    io::Error::other("a ZIP has no room for it")
}

fn not_as_long() -> io::Error {
    io::Error::other("a file in the ZIP is not as long as it was said to be")
}

fn no_cipher() -> io::Error {
    io::Error::other("it cannot be encrypted")
}

#[cfg(test)]
mod tests;
