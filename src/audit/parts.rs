//! The files of a trail as they are at one moment, for whoever copies them.

use std::{
    fs::File,
    io::{Read as _, Take},
    path::Path,
};

use super::{AuditFault, file};

/// More than `audit.head` has, octets.
const HEAD: u64 = 4096;

/// The files.
#[derive(Debug)]
pub struct Parts {
    /// Name and octets: those that are full, in their order, and `audit.log`.
    pub logs: Vec<(String, Take<File>)>,
    /// `audit.head` as it stands. None: there is none.
    pub head: Option<Vec<u8>>,
}

impl Parts {
    /// Those in `data_dir`; none if nothing was ever written there. Waits for whoever is writing, five seconds at most; who writes
    /// later, or turns to a new file, changes nothing in what is read here.
    pub fn of(data_dir: &Path) -> Result<Option<Self>, AuditFault> {
        let Some(locked) = file::Locked::current(data_dir, file::Locked::shared, file::open_to_read)? else {
            return Ok(None);
        };
        let path = data_dir.join(file::HEAD);
        let mut octets = Vec::new();
        let head = match file::open_to_read(&path)? {
            Some(open) => {
                open.take(HEAD).read_to_end(&mut octets).map_err(|fault| AuditFault::io(&path, fault))?;
                Some(octets)
            }
            None => None,
        };
        let logs = file::logs(data_dir, Some(locked))?;
        Ok(Some(Self { logs, head }))
    }
}
