//! The key of hashed subjects: `data_dir/subjects.key`, 64 hexadecimal digits, made by the first gateway that hashes (decision 48).
//!
//! It stands beside the database and not in it: whoever gets a copy of the database alone cannot try words. Without it nothing that was
//! hashed with it is found any more; nodes that share a database have the same one.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::{StoreFault, blob::keys::hexadecimal, database};
use crate::record::subject::Key;

/// Its name.
/// Its name in `data_dir`.
pub const NAME: &str = "subjects.key";

/// The key in `folder`; none: nothing was ever hashed there.
#[expect(clippy::disallowed_methods, reason = "an adapter's own file")]
pub fn read(folder: &Path) -> Result<Option<Key>, StoreFault> {
    let path = folder.join(NAME);
    match fs::read_to_string(&path) {
        Ok(text) => match hexadecimal(text.trim()) {
            Some(octets) => Ok(Some(Key::new(&octets))),
            None => Err(fault(path, io::Error::new(io::ErrorKind::InvalidData, "64 hexadecimal digits are wanted"))),
        },
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(fault(path, source)),
    }
}

/// The key in `folder`, made if there is none. What is there and is no key is never written over: records need what it was.
pub fn read_or_make(folder: &Path) -> Result<Key, StoreFault> {
    if let Some(key) = read(folder)? {
        return Ok(key);
    }
    let (path, made) = (folder.join(NAME), folder.join("subjects.key.new"));
    let mut octets = [0; 32];
    let mut write = || -> io::Result<()> {
        // Of a gateway that was killed between the two.
        let _ = fs::remove_file(&made);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&made)?;
        let chance = aws_lc_rs::rand::fill(&mut octets);
        chance.map_err(|_| io::Error::other("the system gives no chance"))?;
        let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        writeln!(file, "{digits}")?;
        file.sync_all()?;
        fs::rename(&made, &path)
    };
    write().map_err(|source| fault(path.clone(), source))?;
    database::sync_folder(folder)?;
    Ok(Key::new(&octets))
}

fn fault(path: PathBuf, source: io::Error) -> StoreFault {
    StoreFault::Folder { path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::record::{Record, sample, subject::Subjects};

    fn line(key: Key) -> String {
        let mut record = sample::record(1);
        Subjects::Hashed(key).keep(&mut record);
        Record::subject_line(&record)
    }

    /// A key that changes at a restart would hide every record of before.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test damages the file itself")]
    fn the_key_is_made_once_is_its_own_and_nobody_elses_to_read() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(read(one.path()).unwrap().is_none());
        let first = line(read_or_make(one.path()).unwrap());
        assert_eq!(line(read_or_make(one.path()).unwrap()), first);
        assert_eq!(line(read(one.path()).unwrap().unwrap()), first);
        assert_ne!(line(read_or_make(two.path()).unwrap()), first);
        let path = one.path().join(NAME);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::write(&path, "not a key\n").unwrap();
        assert!(read_or_make(one.path()).is_err() && read(one.path()).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"not a key\n");
    }
}
