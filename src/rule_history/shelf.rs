//! `data_dir/rules`: `0000000007.json` for each entry, `objects/SHA256` for each content, once.
//!
//! Every file is written beside its name, synced, and renamed: under its name it is whole. Nothing here is for other users of the
//! machine, since `applications.toml` holds hashes of passwords.
#![expect(clippy::disallowed_methods, reason = "the one place that reads and writes the folder")]

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    entry::Entry,
    file_set::{SetFile, sha256},
};

/// Octets of an entry at most: its files are counted by thousands.
const ENTRY: u64 = 8 << 20;
/// Octets of a content at most, as in [`super::FileSet`].
const CONTENT: u64 = 32 << 20;
/// Begins the names of files that are not whole yet.
const UNFINISHED: &str = ".new-";

#[derive(Clone, Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Makes the folder if need be, and takes away what a killed gateway left unfinished. For the one process that writes.
    pub(super) fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.objects())?;
        for folder in [&self.folder, &self.objects()] {
            for name in names(folder)? {
                if name.starts_with(UNFINISHED) {
                    fs::remove_file(folder.join(name))?;
                }
            }
        }
        Ok(())
    }

    /// The numbers of all entries, ascending.
    pub(super) fn numbers(&self) -> io::Result<Vec<u64>> {
        let number = |name: &String| name.strip_suffix(".json")?.parse().ok();
        let mut numbers: Vec<u64> = names(&self.folder)?.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(super) fn entry(&self, number: u64) -> io::Result<Entry> {
        let octets = read(&self.place_of(number), ENTRY)?;
        let entry: Entry = serde_json::from_slice(&octets).map_err(io::Error::other)?;
        if entry.number == number { Ok(entry) } else { Err(io::Error::other("an entry under another number")) }
    }

    /// A content, if it is still what its name says.
    pub(super) fn content(&self, name: &str) -> io::Result<Vec<u8>> {
        let octets = read(&self.place_of_content(name)?, CONTENT)?;
        if sha256(&octets) == name { Ok(octets) } else { Err(io::Error::other("the content is damaged")) }
    }

    /// Puts a content there, unless it is.
    pub(super) fn keep_content(&self, file: &SetFile) -> io::Result<()> {
        let place = self.place_of_content(&file.sha256)?;
        // One of the right name and length that a failing disk has spoiled is found by whoever reads it.
        let there = fs::metadata(&place).is_ok_and(|found| found.len() == file.octets.len() as u64);
        if there {
            return Ok(());
        }
        write(&self.objects(), &place, &file.octets)?;
        File::open(self.objects())?.sync_all()
    }

    /// Puts an entry there, whose contents are there already.
    pub(super) fn keep_entry(&self, entry: &Entry) -> io::Result<()> {
        let octets = serde_json::to_vec(entry)?;
        write(&self.folder, &self.place_of(entry.number), &octets)?;
        File::open(&self.folder)?.sync_all()
    }

    pub(super) fn forget_entry(&self, number: u64) -> io::Result<()> {
        gone(fs::remove_file(self.place_of(number)))
    }

    /// Takes away every content that none of these is.
    pub(super) fn forget_contents_but(&self, kept: &BTreeSet<&str>) -> io::Result<()> {
        for name in names(&self.objects())? {
            if !kept.contains(name.as_str()) {
                gone(fs::remove_file(self.objects().join(name)))?;
            }
        }
        Ok(())
    }

    fn objects(&self) -> PathBuf {
        self.folder.join("objects")
    }

    fn place_of(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:010}.json"))
    }

    /// Only hex digits are a name: an entry that somebody wrote by hand leads nowhere else.
    fn place_of_content(&self, name: &str) -> io::Result<PathBuf> {
        let is_name = name.len() == 64 && name.bytes().all(|octet| octet.is_ascii_hexdigit());
        if is_name { Ok(self.objects().join(name)) } else { Err(io::Error::other("this names no content")) }
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    fs::read_dir(folder)?.map(name).collect()
}

fn read(place: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(place)?.take(longest.saturating_add(1)).read_to_end(&mut octets)?;
    if octets.len() as u64 > longest { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(octets) }
}

fn write(folder: &Path, place: &Path, octets: &[u8]) -> io::Result<()> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!("{UNFINISHED}{name}"));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(octets)?;
        file.sync_all()?;
        fs::rename(&beside, place)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
        _ => Ok(()),
    }
}
