//! Which of the nodes that share a database this one is.
//!
//! The name is made once, with chance in it, and stays in `data_dir/node`: it belongs to the journal beside it. Were it a setting, two
//! nodes with the same one would each move the place up to which *both* journals count as loaded, and records would be lost without a
//! word; and a host that is renamed would leave its intents behind.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{StoreFault, database};

/// The one node of a database that nobody shares.
pub(super) const LOCAL: &str = "local";

/// The name of the node whose `data_dir` is `folder`; `hostname` is in it when it is made, for people.
pub(super) fn name(folder: &Path, hostname: &str) -> Result<String, StoreFault> {
    if let Some(name) = read(folder)? {
        return Ok(name);
    }
    let plain = |char: &char| char.is_ascii_alphanumeric() || ".-".contains(*char);
    let host: String = hostname.chars().filter(plain).take(200).collect();
    let name = format!("{host}-{}", uuid::Uuid::new_v4().simple());
    let (path, made) = (folder.join("node"), folder.join("node.new"));
    let write = || -> io::Result<()> {
        let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&made)?;
        writeln!(file, "{name}")?;
        file.sync_all()?;
        fs::rename(&made, &path)
    };
    write().map_err(|source| StoreFault::Folder { path: path.clone(), source })?;
    database::sync_folder(folder)?;
    Ok(name)
}

/// The name, if there is one.
#[expect(clippy::disallowed_methods, reason = "an adapter's own file")]
pub(super) fn read(folder: &Path) -> Result<Option<String>, StoreFault> {
    let path = folder.join("node");
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
        Ok(_) => Ok(None),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreFault::Folder { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It outlives restarts and a new host name, and no two are the same.
    #[test]
    fn a_node_keeps_its_name() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = name(one.path(), "mx1.tjpa.jus.br\n../x").unwrap();
        assert!(first.starts_with("mx1.tjpa.jus.br..x-"), "{first}");
        assert_eq!(name(one.path(), "mx9.tjpa.jus.br").unwrap(), first);
        assert_eq!(read(one.path()).unwrap().as_ref(), Some(&first));
        assert_ne!(name(two.path(), "mx1.tjpa.jus.br").unwrap(), first);
    }
}
