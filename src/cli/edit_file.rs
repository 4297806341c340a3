//! One TOML file of the rules folder, changed by a command as a careful person would: comments and order stay, what would not load is not
//! written, and whoever reads it meanwhile sees the old file or the new one, whole.
//!
//! In: the file's path (it need not be there yet), a change of its document, a check of the new text, and what the audit trail is to say.
//! Out: the warnings of the check, or why the file is as it was. It knows no key of any file, and does not tell the gateway.
#![expect(clippy::disallowed_methods, reason = "a command writes the file that it is for")]

use std::{fs, io, path::Path, time::Duration};

use rustix::fs::{FlockOperation, flock};
use toml_edit::DocumentMut;

use super::actor::not_written;
use crate::{
    audit::Trail,
    config,
    document::{Fault, Faults},
    language::{Language, Text},
    record::audit::Event,
    rule_history::Beside,
    text,
};

/// Who does not get its turn in so many tries of …
const TRIES: u32 = 250;
/// … so long each gives up.
const PAUSE: Duration = Duration::from_millis(20);

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

/// Changes `file`. Only one at a time in its folder; somebody's editor does not know of that: what it saves while we work is not
/// written over, and what it saves later is as its user left it.
///
/// What the change makes known goes into the trail as `event` before the file is replaced: what cannot be written there is not done. If the
/// file cannot be replaced then, a second entry says so.
pub fn edit<T>(
    file: &Path,
    trail: &Trail,
    change: impl FnOnce(&mut DocumentMut) -> Result<T, Text>,
    check: impl FnOnce(&Path, &str) -> Faults,
    event: impl FnOnce(&T) -> Event,
) -> Result<(T, Faults), EditFault> {
    // Configuration tools put links there: what they lead to is changed, and the link stays.
    let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let folder = place.parent().unwrap_or(Path::new("/"));
    let _lock = lock(folder)?;
    let before = source(&place)?;
    let mut document: DocumentMut = before.parse().map_err(|fault: toml_edit::TomlError| {
        let what = fault.message().to_owned();
        let what = text!("this is not TOML: {what}", "isto não é TOML: {what}");
        EditFault::Faulty(Faults(vec![Fault::about_file(file, what)]))
    })?;
    let changed = change(&mut document).map_err(EditFault::Refused)?;
    let text = document.to_string();
    let mut faults = check(file, &text);
    faults.0.extend(too_large(file, &text));
    if faults.has_errors() {
        return Err(EditFault::Faulty(faults));
    }
    let beside = Beside::write(&place, folder, text.as_bytes()).map_err(|fault| refused(&place, &fault))?;
    if source(&place)? != before {
        let shown = file.display();
        return Err(EditFault::Refused(text!(
            "{shown} was changed by somebody meanwhile, and is as they left it: try again",
            "{shown} foi alterado por alguém enquanto isso, e está como ficou: tente de novo"
        )));
    }
    let event = event(&changed);
    trail.append(&event).map_err(|fault| EditFault::Refused(not_written(&fault)))?;
    if let Err(fault) = beside.take_name(&place, folder) {
        // The same once more, so that whoever looks for the one finds the other.
        let mut failed = event;
        failed.detail.insert("outcome".to_owned(), format!("failed: {fault}"));
        // The first fault is the one to tell.
        let _ = trail.append(&failed);
        return Err(refused(&place, &fault));
    }
    Ok((changed, faults))
}

/// What is written must be readable: the next reload would refuse it, and with it every other file.
fn too_large(file: &Path, text: &str) -> Option<Fault> {
    let largest = config::largest(file);
    let mebibytes = largest >> 20;
    let what = text!("would be larger than {mebibytes} MiB", "ficaria maior que {mebibytes} MiB");
    (text.len() as u64 > largest).then(|| Fault::about_file(file, what))
}

/// The whole file as text; nothing if it is not there.
pub fn source(place: &Path) -> Result<String, EditFault> {
    if matches!(fs::symlink_metadata(place), Err(fault) if fault.kind() == io::ErrorKind::NotFound) {
        return Ok(String::new());
    }
    let faulty = |fault| EditFault::Faulty(Faults(vec![fault]));
    let octets = config::read_up_to(config::largest(place), place).map_err(|fault| faulty(*fault))?;
    let no_text = text!("this is not UTF-8", "isto não é UTF-8");
    String::from_utf8(octets).map_err(|_| faulty(Fault::about_file(place, no_text)))
}

/// Held until the file is changed; gone with the process. Two scripts that block a mailbox each at the same time both succeed.
fn lock(folder: &Path) -> Result<fs::File, EditFault> {
    let folder_file = fs::File::open(folder).map_err(|fault| refused(folder, &fault))?;
    for _ in 0..TRIES {
        if flock(&folder_file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(folder_file);
        }
        std::thread::sleep(PAUSE);
    }
    let shown = folder.display();
    Err(EditFault::Refused(text!(
        "another command changes a file in {shown} just now: try again",
        "outro comando está alterando um arquivo em {shown}: tente de novo"
    )))
}

fn refused(place: &Path, fault: &io::Error) -> EditFault {
    let shown = place.display();
    EditFault::Refused(text!(
        "{shown} cannot be changed: {fault}; run this as the owner of the rules, with sudo for instance",
        "não é possível alterar {shown}: {fault}; rode como dono das regras, por exemplo com sudo"
    ))
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::{MetadataExt as _, PermissionsExt as _},
        path::PathBuf,
    };

    use super::*;
    use crate::audit::{Stored, tests::event};

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

    /// Changes it, with a trail in a folder of its own: what came of it, and what the trail says.
    fn edited(
        file: &Path,
        change: impl FnOnce(&mut DocumentMut) -> Result<(), Text>,
        check: impl FnOnce(&Path, &str) -> Faults,
    ) -> (Result<((), Faults), EditFault>, usize) {
        let data = tempfile::tempdir().unwrap();
        let done = edit(file, &Trail::open(data.path()).unwrap(), change, check, |()| event("list"));
        let mut stored = Stored::open(data.path()).unwrap().unwrap();
        let entries = std::iter::from_fn(|| stored.next_step().unwrap()).count();
        (done, entries)
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
        assert!(matches!(edited(&file, change(7), good), (Ok(_), 1)));
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
        edited(&file, change(1), good).0.unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_link_stays_and_leads_to_the_new_text() {
        let (folder, file) = folder_with(OLD);
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        edited(&link, change(9), good).0.unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&file).unwrap().contains("x = 9"));
    }

    /// Whatever goes wrong, the file is as it was and nothing is left beside it.
    #[test]
    fn what_would_not_load_is_not_written() {
        let bad = |file: &Path, _: &str| Faults(vec![Fault::about_file(file, text!("no", "não"))]);
        let (folder, file) = folder_with(OLD);
        assert!(
            matches!(edited(&file, change(7), bad), (Err(EditFault::Faulty(_)), 0)),
            "and the trail does not say that it was"
        );
        let refuses = |_: &mut DocumentMut| Err(text!("not now", "agora não"));
        assert_eq!(edited(&file, refuses, good).0.unwrap_err().told(Language::PtBr), "agora não\n");
        let held = lock(folder.path()).unwrap();
        let told = edited(&file, change(7), good).0.unwrap_err().told(Language::En);
        assert!(told.starts_with("another command changes a file in"), "{told}");
        drop(held);
        assert_eq!(fs::read_to_string(&file).unwrap(), OLD);
        assert_eq!(entries(folder.path()), 1);

        fs::write(&file, "a = ").unwrap();
        let told = edited(&file, change(7), good).0.unwrap_err().told(Language::En);
        assert!(told.contains("list.toml: error: this is not TOML: "), "{told}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "a = ");
    }

    /// An editor saves while we work.
    #[test]
    fn what_somebody_else_writes_meanwhile_stays() {
        let (folder, file) = folder_with(OLD);
        let theirs = "[a]\nx = 3\n";
        let other = |file: &Path, _: &str| {
            fs::write(file, theirs).unwrap();
            Faults::default()
        };
        let (done, entries) = edited(&file, change(7), other);
        assert!(done.unwrap_err().told(Language::En).contains("was changed by somebody meanwhile"));
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), entries), (theirs, 0));
        assert_eq!(super::tests::entries(folder.path()), 1);
    }

    #[test]
    fn without_its_entry_in_the_trail_nothing_is_changed() {
        let (folder, file) = folder_with(OLD);
        let data = tempfile::tempdir().unwrap();
        let trail = Trail::open(data.path()).unwrap();
        fs::create_dir(data.path().join("audit.head")).unwrap();
        let done = edit(&file, &trail, change(7), good, |()| event("list"));
        assert!(
            done.unwrap_err().told(Language::En).starts_with("nothing was done: the audit trail cannot be written")
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), OLD);
        assert_eq!(entries(folder.path()), 1);
    }

    #[test]
    fn what_would_be_too_large_to_be_read_again_is_not_written() {
        let (_folder, file) = folder_with(OLD);
        let grows = |document: &mut DocumentMut| {
            document["long"] = toml_edit::value("x".repeat(1 << 20));
            Ok(())
        };
        let (done, _) = edited(&file, grows, good);
        assert!(done.unwrap_err().told(Language::En).contains("would be larger than 1 MiB"));
        assert_eq!(fs::read_to_string(&file).unwrap(), OLD);
    }

    #[test]
    fn eight_at_once_lose_nothing() {
        let (_folder, file) = folder_with("");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let file = &file;
                scope.spawn(move || {
                    let adds = |document: &mut DocumentMut| {
                        document[&format!("k{number}")] = toml_edit::value(number);
                        Ok(())
                    };
                    edited(file, adds, good).0.unwrap();
                });
            }
        });
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 8);
    }
}
