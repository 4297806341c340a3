//! A file that stands beside its name until it is whole: half a message, or half an archive, would be taken for one.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::{language::Text, text};

/// A place for a file that is not there yet. Dropped before it has its name, it leaves nothing.
pub(super) struct Place {
    to: PathBuf,
    part: PathBuf,
    file: File,
    is_named: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_named {
            let _ = fs::remove_file(&self.part);
        }
    }
}

impl Place {
    /// Makes `TO.part`, for its owner alone. Whatever already stands under either name, a link too, is left as it is.
    pub(super) fn new(to: &Path) -> Result<Self, Text> {
        is_free(to)?;
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = to.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part) {
            Ok(file) => Ok(Self { to: to.to_owned(), part, file, is_named: false }),
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {
                let part = part.display();
                Err(text!(
                    "{part} is there: another export writes it, or one that was killed left it; then remove it",
                    "{part} já existe: outra exportação o está gravando, ou uma interrompida o deixou; nesse caso, apague-o"
                ))
            }
            Err(fault) => Err(cannot(&part, &fault)),
        }
    }

    /// What is written to.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// All of it is written: gives it its name, if nobody has taken that meanwhile.
    pub(super) fn name(mut self) -> Result<(), Text> {
        self.file.sync_all().map_err(|fault| cannot(&self.part, &fault))?;
        renameat_with(CWD, &self.part, CWD, &self.to, RenameFlags::NOREPLACE)
            .map_err(|fault| cannot(&self.to, &fault.into()))?;
        self.is_named = true;
        Ok(())
    }
}

/// Whether nothing stands under this name, not even a link.
pub(super) fn is_free(to: &Path) -> Result<(), Text> {
    if to.symlink_metadata().is_err() {
        return Ok(());
    }
    let to = to.display();
    Err(text!("{to} is there already, and stays as it is", "{to} já existe, e fica como está"))
}

/// Why a file is not written.
pub(super) fn cannot(file: &Path, fault: &io::Error) -> Text {
    let file = file.display();
    text!("{file} cannot be written: {fault}", "não é possível gravar {file}: {fault}")
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test looks at the files")]
mod tests {
    use std::{
        io::Write as _,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use super::*;

    #[test]
    fn it_has_its_name_when_it_is_whole_and_never_anothers() {
        let folder = tempfile::tempdir().unwrap();
        let (to, part) = (folder.path().join("a.zip"), folder.path().join("a.zip.part"));
        let place = Place::new(&to).unwrap();
        place.file().write_all(b"x").unwrap();
        assert!(part.exists() && !to.exists());
        assert!(Place::new(&to).is_err_and(|what| what.en.contains("killed")), "two at once");
        assert_eq!(part.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        place.name().unwrap();
        assert_eq!((fs::read(&to).unwrap(), part.exists()), (b"x".to_vec(), false));
        assert!(Place::new(&to).is_err_and(|what| what.en.contains("stays")));

        // Taken while it was written.
        let (to, part) = (folder.path().join("b.zip"), folder.path().join("b.zip.part"));
        let place = Place::new(&to).unwrap();
        fs::write(&to, "another's").unwrap();
        assert!(place.name().is_err());
        assert_eq!((fs::read(&to).unwrap(), part.exists()), (b"another's".to_vec(), false));

        // In a folder that others write to, too.
        let (to, part) = (folder.path().join("c.zip"), folder.path().join("c.zip.part"));
        symlink(folder.path().join("elsewhere"), &part).unwrap();
        assert!(Place::new(&to).is_err());
        drop(Place::new(&folder.path().join("d.zip")));
        assert!(!folder.path().join("elsewhere").exists() && !folder.path().join("d.zip.part").exists());
    }
}
