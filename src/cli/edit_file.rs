//! One TOML file of the rules folder, changed by a command as a careful person would: comments and order stay, what would not load is not
//! written, and whoever reads it meanwhile sees the old file or the new one, whole.
//!
//! In: the file's path (it need not be there yet), a change of its document, and a check of the new text. Out: the warnings of the
//! check, or why the file is as it was. It knows no key of any file, and does not tell the gateway.

use std::{fs, io, path::Path, time::Duration};

use toml_edit::DocumentMut;

use crate::{
    config,
    document::{Fault, Faults},
    language::{Language, Text},
    rule_history::{Lock, replace},
    text,
};

/// Whoever else has the folder has it for a moment.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a file was not changed.
#[derive(Debug)]
pub enum EditFault {
    /// The change makes no sense for what stands in the file, or the file cannot be read or written.
    Refused(Text),
    /// The new text would not load, or the old one is no TOML.
    Faulty(Faults),
}

impl EditFault {
    /// For a person, with a line end.
    pub fn told(&self, language: Language) -> String {
        match self {
            Self::Refused(what) => what.in_language(language).to_owned() + "\n",
            Self::Faulty(faults) => faults.render(language),
        }
    }
}

/// Changes `file`. Only one at a time in its folder; somebody's editor does not know of that, and is not seen.
pub fn edit(
    file: &Path,
    change: impl FnOnce(&mut DocumentMut) -> Result<(), Text>,
    check: impl FnOnce(&Path, &str) -> Faults,
) -> Result<Faults, EditFault> {
    // Configuration tools put links there: what they lead to is changed, and the link stays.
    let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let folder = place.parent().unwrap_or(Path::new("/"));
    let _lock = lock(folder)?;
    let source = source(&place)?;
    let mut document: DocumentMut = source.parse().map_err(|fault: toml_edit::TomlError| {
        let what = fault.message().to_owned();
        let what = text!("this is not TOML: {what}", "isto não é TOML: {what}");
        EditFault::Faulty(Faults(vec![Fault::about_file(file, what)]))
    })?;
    change(&mut document).map_err(EditFault::Refused)?;
    let text = document.to_string();
    let faults = check(file, &text);
    if faults.has_errors() {
        return Err(EditFault::Faulty(faults));
    }
    replace(&place, text.as_bytes()).map_err(|fault| refused(&place, &fault))?;
    Ok(faults)
}

fn source(place: &Path) -> Result<String, EditFault> {
    if matches!(fs::symlink_metadata(place), Err(fault) if fault.kind() == io::ErrorKind::NotFound) {
        return Ok(String::new());
    }
    let faulty = |fault| EditFault::Faulty(Faults(vec![fault]));
    let octets = config::read_octets(place).map_err(|fault| faulty(*fault))?;
    let no_text = text!("this is not UTF-8", "isto não é UTF-8");
    String::from_utf8(octets).map_err(|_| faulty(Fault::about_file(place, no_text)))
}

/// Held until the file is changed; gone with the process. The gateway holds it for a moment when it reads a set.
fn lock(folder: &Path) -> Result<Lock, EditFault> {
    Lock::to_change(folder, PATIENCE).map_err(|fault| match fault.kind() {
        io::ErrorKind::WouldBlock => {
            let shown = folder.display();
            EditFault::Refused(text!(
                "another command changes a file in {shown} just now: try again",
                "outro comando está alterando um arquivo em {shown}: tente de novo"
            ))
        }
        _ => refused(folder, &fault),
    })
}

fn refused(place: &Path, fault: &io::Error) -> EditFault {
    let shown = place.display();
    EditFault::Refused(text!(
        "{shown} cannot be changed: {fault}; run this as the owner of the rules, with sudo for instance",
        "não é possível alterar {shown}: {fault}; rode como dono das regras, por exemplo com sudo"
    ))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at the files")]
mod tests {
    use std::{
        os::unix::fs::{MetadataExt as _, PermissionsExt as _},
        path::PathBuf,
    };

    use super::*;

    const OLD: &str = "# Who reads this reads the comments too.\n[a]\nx = 1   # first\n\n[[b]]\ny = 2\n";

    fn set(document: &mut DocumentMut, value: i64) {
        document["a"]["x"] = toml_edit::value(value);
    }

    fn folder_with(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.toml");
        fs::write(&file, text).unwrap();
        (folder, file)
    }

    fn good(_: &Path, _: &str) -> Faults {
        Faults::default()
    }

    fn change(value: i64) -> impl FnOnce(&mut DocumentMut) -> Result<(), Text> {
        move |document| {
            set(document, value);
            Ok(())
        }
    }

    fn entries(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn what_is_not_changed_stays_as_it_was_written() {
        let (folder, file) = folder_with(OLD);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        edit(&file, change(7), good).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# Who reads this reads the comments too.\n[a]\nx = 7"), "{text}");
        assert!(text.ends_with("\n[[b]]\ny = 2\n"), "{text}");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640, "the gateway may read it as before");
        assert_eq!(entries(folder.path()), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_that_is_not_there_is_made_as_its_folder_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let file = folder.path().join("new.toml");
        edit(&file, change(1), good).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_link_stays_and_leads_to_the_new_text() {
        let (folder, file) = folder_with(OLD);
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        edit(&link, change(9), good).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&file).unwrap().contains("x = 9"));
    }

    /// Whatever goes wrong, the file is as it was and nothing is left beside it.
    #[test]
    fn what_would_not_load_is_not_written() {
        let bad = |file: &Path, _: &str| Faults(vec![Fault::about_file(file, text!("no", "não"))]);
        let (folder, file) = folder_with(OLD);
        assert!(matches!(edit(&file, change(7), bad), Err(EditFault::Faulty(_))));
        let refuses = |_: &mut DocumentMut| Err(text!("not now", "agora não"));
        assert_eq!(edit(&file, refuses, good).unwrap_err().told(Language::PtBr), "agora não\n");
        let held = lock(folder.path()).unwrap();
        let told = edit(&file, change(7), good).unwrap_err().told(Language::En);
        assert!(told.starts_with("another command changes a file in"), "{told}");
        drop(held);
        assert_eq!(fs::read_to_string(&file).unwrap(), OLD);
        assert_eq!(entries(folder.path()), 1);

        fs::write(&file, "a = ").unwrap();
        let told = edit(&file, change(7), good).unwrap_err().told(Language::En);
        assert!(told.contains("list.toml: error: this is not TOML: "), "{told}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "a = ");
    }
}
