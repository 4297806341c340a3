//! Where the entries of a file are. Headers are compared octet by octet with the one that we would have written: what is between entries
//! holds nothing that nobody looks at, and no link, device or second reading of a name.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek as _, SeekFrom, Take},
    path::{Path, PathBuf},
};

use super::{BackupFault, ENTRIES, MANIFEST, MANIFEST_OCTETS, is_name};

/// Octets that everything in a tar is a multiple of.
pub(super) const BLOCK: u64 = 512;

/// Octets of one entry's line in the manifest, at most.
const LINE: u64 = 2048;
/// Octets of all else that it says, ids apart: two paths, two names.
const FACTS: u64 = 64 * 1024;
/// An octet of it unpacks to so many, at most, where it is no line.
const PACKED: u64 = 32;

/// What stands at the end of a tar; also what an entry is filled up with.
pub(super) const END: [u8; 1024] = [0; 1024];

/// An entry's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name; the last one is the manifest's.
    pub name: String,
    /// Octets of it in the file, packed.
    pub packed: u64,
    pub(super) at: u64,
}

/// An open backup.
#[derive(Debug)]
pub struct Index {
    file: File,
    path: PathBuf,
    places: Vec<Place>,
}

/// The header of an entry.
pub(super) fn header(name: &str, packed: u64) -> Result<[u8; 512], BackupFault> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).map_err(|_| BackupFault::Name(name.escape_debug().to_string()))?;
    header.set_size(packed);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(*header.as_bytes())
}

impl Index {
    /// Opens a file and reads its headers, and nothing else of it. Blocks.
    pub fn read(path: &Path) -> Result<Self, BackupFault> {
        let fault = |fault| BackupFault::io(path, fault);
        let mut file = OpenOptions::new().read(true).open(path).map_err(fault)?;
        let length = file.metadata().map_err(fault)?.len();
        let mut places: Vec<Place> = Vec::new();
        let mut at = 0;
        loop {
            let last = places.last().map_or("the beginning", |place| place.name.as_str()).to_owned();
            let mut block = [0; 512];
            if length.saturating_sub(at) < BLOCK {
                return Err(BackupFault::damaged(&last, "the file ends behind it, and ought not to"));
            }
            file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut block)).map_err(fault)?;
            if block.iter().all(|octet| *octet == 0) {
                break;
            }
            let place = place(&block, at + BLOCK)
                .ok_or_else(|| BackupFault::damaged(&last, "what stands behind it is no entry's header"))?;
            let behind = place.at.saturating_add(place.packed).next_multiple_of(BLOCK);
            if behind > length {
                return Err(BackupFault::damaged(&place.name, "it is cut off"));
            }
            if places.len() > ENTRIES {
                return Err(BackupFault::TooMany);
            }
            if !is_filled(&mut file, &place, behind).map_err(fault)? {
                return Err(BackupFault::damaged(&place.name, "something stands between it and the next entry"));
            }
            at = behind;
            places.push(place);
        }
        if places.last().is_none_or(|place| place.name != MANIFEST) {
            return Err(BackupFault::NoBackup(path.to_owned()));
        }
        let mut rest = Vec::new();
        file.seek(SeekFrom::Start(at)).map_err(fault)?;
        (&file).take(END.len() as u64 + 1).read_to_end(&mut rest).map_err(fault)?;
        if rest != END {
            return Err(BackupFault::damaged(MANIFEST, "what stands behind it is not the end"));
        }
        Ok(Self { file, path: path.to_owned(), places })
    }

    /// The entries, the manifest among them.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// What the manifest may unpack to, octets: a small file with a few entries takes little memory, whatever its last entry says. A line is
    /// a name (255 octets, six for each at most), a hash and a length; ids and hashes are chance, and pack to half at best.
    pub fn manifest_octets(&self) -> u64 {
        let packed = self.places.last().map_or(0, |manifest| manifest.packed);
        let lines = (self.places.len() as u64).saturating_mul(LINE);
        packed.saturating_mul(PACKED).saturating_add(lines).saturating_add(FACTS).min(MANIFEST_OCTETS)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The packed octets of an entry.
    pub fn octets(&self, place: &Place) -> io::Result<Take<&File>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(place.at))?;
        Ok(file.take(place.packed))
    }
}

/// What a header says, if it is one that we write.
fn place(block: &[u8; 512], at: u64) -> Option<Place> {
    let read = tar::Header::from_byte_slice(block);
    let name = String::from_utf8(read.path_bytes().into_owned()).ok()?;
    let packed = read.entry_size().ok()?;
    let known = is_name(&name) || name == MANIFEST;
    (known && header(&name, packed).ok()? == *block).then_some(Place { name, packed, at })
}

/// Whether between an entry's end and the next header is nothing.
fn is_filled(file: &mut File, place: &Place, behind: u64) -> io::Result<bool> {
    let end = place.at.saturating_add(place.packed);
    let mut filling = Vec::new();
    file.seek(SeekFrom::Start(end))?;
    file.take(behind.saturating_sub(end)).read_to_end(&mut filling)?;
    Ok(filling.iter().all(|octet| *octet == 0))
}
