//! The files of an earlier set, back in their places.
//!
//! Each file is written beside its name, synced, and takes it by a rename: whoever reads it sees the old one or the new one. That is not
//! so of several files; so [`HALF_WAY`](super::HALF_WAY) stands in the rules folder while they are put there, and whoever reads a set
//! refuses one with that beside it. Killed at any step, this leaves the old set, the new one, or that mark; done once more, it finishes.
//!
//! Nothing is lost: what the earlier set does not have is renamed, and so is what would be overwritten and is in no set of the history.
//! It does not know whether the set is good, and takes no lock: the caller does both before.
#![expect(clippy::disallowed_methods, reason = "the one place that writes several rule files")]

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use super::{HALF_WAY, beside::Beside};

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rules folder.
    pub root: PathBuf,
    /// For whoever finds the mark: which set is being put there.
    pub mark: String,
    /// What is renamed `.NAME.aside-WHEN`; nothing that reads rules reads those names.
    pub when: String,
    /// Files whose content is nowhere else, and which are about to be overwritten.
    pub keep: Vec<PathBuf>,
    /// Files and what is to stand in them.
    pub put: Vec<(PathBuf, Vec<u8>)>,
    /// Files that are not in the set.
    pub aside: Vec<PathBuf>,
}

/// One thing that a kill can come before or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'p> {
    Mark,
    Keep(&'p Path),
    Put(&'p Path, &'p [u8]),
    Aside(&'p Path),
    Unmark,
}

impl Plan {
    /// Does it. Blocks. What stands aside afterwards is returned.
    ///
    /// # Errors
    ///
    /// A file that cannot be written or renamed. The mark then stands: nothing is put in force before this was done whole.
    pub fn carry_out(&self) -> io::Result<Vec<PathBuf>> {
        let mut aside = Vec::new();
        for step in self.steps() {
            aside.extend(self.take(step)?);
        }
        Ok(aside)
    }

    /// As killed after so many steps.
    #[cfg(test)]
    pub fn carry_out_until(&self, steps: usize) -> io::Result<()> {
        self.steps().into_iter().take(steps).try_for_each(|step| self.take(step).map(drop))
    }

    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.aside.is_empty()
    }

    pub(super) fn steps(&self) -> Vec<Step<'_>> {
        let keep = self.keep.iter().map(|file| Step::Keep(file));
        let put = self.put.iter().map(|(file, octets)| Step::Put(file, octets));
        let aside = self.aside.iter().map(|file| Step::Aside(file));
        [Step::Mark].into_iter().chain(keep).chain(put).chain(aside).chain([Step::Unmark]).collect()
    }

    /// One step, on the disk when this returns.
    pub(super) fn take(&self, step: Step<'_>) -> io::Result<Option<PathBuf>> {
        match step {
            Step::Mark => {
                let mark = self.root.join(HALF_WAY);
                replace(&mark, self.mark.as_bytes()).map_err(|fault| about(&mark, &fault))?;
                Ok(None)
            }
            Step::Keep(file) => {
                let aside = self.name_aside(file)?;
                fs::copy(file, &aside).and_then(|_| sync(&aside)).map_err(|fault| about(file, &fault))?;
                Ok(Some(aside))
            }
            Step::Put(file, octets) => {
                make_folder(folder_of(file))
                    .and_then(|()| replace(file, octets))
                    .map_err(|fault| about(file, &fault))?;
                Ok(None)
            }
            Step::Aside(file) => {
                let aside = self.name_aside(file)?;
                fs::rename(file, &aside).and_then(|()| sync(folder_of(file))).map_err(|fault| about(file, &fault))?;
                Ok(Some(aside))
            }
            Step::Unmark => {
                let mark = self.root.join(HALF_WAY);
                fs::remove_file(&mark).and_then(|()| sync(&self.root)).map_err(|fault| about(&mark, &fault))?;
                Ok(None)
            }
        }
    }

    /// A name beside it that nobody has.
    fn name_aside(&self, file: &Path) -> io::Result<PathBuf> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let names = (1..1000).map(|nth| match nth {
            1 => format!(".{name}.aside-{}", self.when),
            nth => format!(".{name}.aside-{}-{nth}", self.when),
        });
        let mut places = names.map(|name| folder_of(file).join(name));
        places.find(|place| fs::symlink_metadata(place).is_err()).ok_or_else(|| io::ErrorKind::AlreadyExists.into())
    }
}

/// Puts a whole file in the place of another, or where none was. A link stays, and what it leads to is replaced. Owner, group and mode
/// are those that the file had, or that fit its folder: the gateway must be able to read what root writes. Blocks.
fn replace(file: &Path, octets: &[u8]) -> io::Result<()> {
    // Configuration tools put links there.
    let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let folder = folder_of(&place);
    Beside::write(&place, folder, octets)?.take_name(&place, folder)
}

/// A folder that the set needs and somebody took away, with the owner and mode of the one that it is in.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let around = fs::metadata(folder_of(folder))?;
    fs::create_dir(folder)?;
    chown(folder, Some(around.uid()), Some(around.gid()))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(around.mode() & 0o777))?;
    sync(folder_of(folder))
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("/"))
}

fn sync(place: &Path) -> io::Result<()> {
    File::open(place)?.sync_all()
}

fn about(place: &Path, fault: &io::Error) -> io::Error {
    io::Error::new(fault.kind(), format!("{}: {fault}", place.display()))
}
