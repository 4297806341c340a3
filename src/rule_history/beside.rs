//! A file of the rules folder, written whole beside its place, that takes its name by a rename: whoever reads it sees the old one or the
//! new one. It knows nothing of what stands in it.
#![expect(clippy::disallowed_methods, reason = "the one place that writes a rule file")]

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};

/// A new file beside another, on the disk whole, that is gone again unless it takes the other's name.
#[derive(Debug)]
pub struct Beside {
    path: PathBuf,
}

impl Beside {
    /// Writes and syncs it, with the owner, group and mode of `place`, or those that fit its `folder`: the gateway must be able to read
    /// what root writes. Blocks.
    pub fn write(place: &Path, folder: &Path, octets: &[u8]) -> io::Result<Self> {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let like = like(place, folder)?;
        // Hidden, and not read as a rule file, should we be killed before it has its name.
        let beside = Self { path: folder.join(format!(".{name}.{}", std::process::id())) };
        write(&beside.path, octets, &like)?;
        Ok(beside)
    }

    /// Puts it into its place, and that is on the disk. Blocks.
    pub fn take_name(self, place: &Path, folder: &Path) -> io::Result<()> {
        fs::rename(&self.path, place)?;
        File::open(folder)?.sync_all()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // Renamed, it is not there any more.
        let _ = fs::remove_file(&self.path);
    }
}

struct Like {
    owner: u32,
    group: u32,
    mode: u32,
}

fn like(place: &Path, folder: &Path) -> io::Result<Like> {
    let found = match fs::metadata(place) {
        Ok(found) => found,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => fs::metadata(folder)?,
        Err(fault) => return Err(fault),
    };
    Ok(Like { owner: found.uid(), group: found.gid(), mode: found.mode() & 0o666 })
}

fn write(beside: &Path, octets: &[u8], like: &Like) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    file.write_all(octets)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (like.owner, like.group) {
        fchown(&file, Some(like.owner), Some(like.group))?;
    }
    file.set_permissions(fs::Permissions::from_mode(like.mode))?;
    file.sync_all()
}
