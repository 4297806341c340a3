//! Which files the rule set is read from: what [`load_policy`](super::load_policy) and the scanners with YARA rules read, and no other.
//!
//! In: settings. Out: paths. `classes.toml` is not among them (only a check reads it), nor is what a person keeps beside the rules.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    file::{ANTIVIRUS, APPLICATIONS, MAILBOXES, if_there, is_rule_file},
    settings::Settings,
};
use crate::{antivirus::ScannerKind, document::Faults, policy::directory};

/// The files that are there now. Blocks.
///
/// # Errors
///
/// A folder that cannot be listed; but for `subjects`, which need not be there in a rules folder that is.
pub fn set_files(settings: &Settings) -> io::Result<Vec<PathBuf>> {
    let root = &settings.gateway.rules_dir;
    let about =
        |folder: &Path, fault: io::Error| io::Error::new(fault.kind(), format!("{}: {fault}", folder.display()));
    fs::read_dir(root).map_err(|fault| about(root, fault))?;
    let lists = directory::FILES.into_iter().chain([MAILBOXES, ANTIVIRUS, APPLICATIONS]);
    let mut files: Vec<PathBuf> = lists.map(|name| root.join(name)).filter(|file| if_there(file)).collect();
    let subjects = root.join("subjects");
    match listed(&subjects) {
        Ok(found) => files.extend(found.into_iter().filter(|file| is_rule_file(file, &mut Faults::default()))),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {}
        Err(fault) => return Err(about(&subjects, fault)),
    }
    for folder in yara_folders(settings) {
        let found = listed(folder).map_err(|fault| about(folder, fault))?;
        files.extend(found.into_iter().filter(|file| is_yara_file(file)));
    }
    files.sort();
    // Two scanners may share a folder.
    files.dedup();
    Ok(files)
}

/// Whether this could be a file of the set, by where it is and how it is called; it need not be there. What a history names is held
/// against this before anything is written there.
pub fn may_be_set_file(settings: &Settings, file: &Path) -> bool {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return false };
    let root = &settings.gateway.rules_dir;
    let is_list = || directory::FILES.into_iter().chain([MAILBOXES, ANTIVIRUS, APPLICATIONS]).any(|list| name == list);
    let is_plain = file.components().all(|part| !matches!(part, std::path::Component::ParentDir));
    is_plain
        && ((folder == root && is_list())
            || (folder == root.join("subjects") && is_rule_file(file, &mut Faults::default()))
            || (yara_folders(settings).any(|yara| folder == yara) && is_yara_file(file)))
}

/// The folders of YARA rules.
pub fn yara_folders(settings: &Settings) -> impl Iterator<Item = &Path> {
    let scanners = settings.antivirus.iter().flat_map(|antivirus| &antivirus.scanners);
    scanners.filter_map(|scanner| match &scanner.kind {
        ScannerKind::Yara { rules, .. } => Some(rules.as_path()),
        ScannerKind::Clamd(_) => None,
    })
}

/// Rules, and the examples beside them.
fn is_yara_file(file: &Path) -> bool {
    matches!(file.extension().and_then(OsStr::to_str), Some("yar" | "toml"))
}

fn listed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests write the files")]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::config;

    fn settings(folder: &Path) -> Settings {
        let text = format!(
            "[gateway]\nhostname = \"mx.tjpa.jus.br\"\nrules_dir = \"{}\"\n[[listener]]\naddress = \"127.0.0.1:25\"\n\
             [[domain]]\nname = \"tjpa.jus.br\"\n[[next_hop]]\nname = \"m\"\naddress = [\"127.0.0.1:26\"]\n\
             [[scanner]]\nkind = \"yara\"\n",
            folder.display()
        );
        config::read(Path::new("/etc/portaria/portaria.toml"), &text).0.unwrap()
    }

    fn put(folder: &Path, names: &[&str]) {
        for name in names {
            fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            fs::write(folder.join(name), "").unwrap();
        }
    }

    const READ: [&str; 8] = [
        "antivirus.toml",
        "applications.toml",
        "directory.csv",
        "mailboxes.toml",
        "subjects/a.toml",
        "subjects/b.toml",
        "yara/x.toml",
        "yara/x.yar",
    ];
    const NOT_READ: [&str; 9] = [
        "README.md",
        "classes.toml",
        "subjects.toml",
        "subjects/.a.toml",
        "subjects/a.toml~",
        "subjects/deeper/c.toml",
        "subjects/c.tml",
        "yara/x.yara",
        "yara/README.md",
    ];

    #[test]
    fn what_is_read_is_listed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &READ);
        put(folder.path(), &NOT_READ);
        let settings = settings(folder.path());
        let listed = set_files(&settings).unwrap();
        assert_eq!(listed, READ.map(|name| folder.path().join(name)));
        assert!(READ.iter().all(|name| may_be_set_file(&settings, &folder.path().join(name))));
        for name in NOT_READ.iter().chain(&["../x.toml", "subjects/../mailboxes.toml", "/etc/cron.d/x.toml", ""]) {
            assert!(!may_be_set_file(&settings, &folder.path().join(name)), "{name}");
        }
    }

    /// The list and the reader do not know of one another: whatever is listed changes what is read, or would be a fault in it.
    #[test]
    fn what_is_listed_is_what_the_policy_is_made_of() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &["subjects/a.toml", "yara/x.yar"]);
        let settings = settings(folder.path());
        let read = || {
            let (policy, faults) = config::load_policy(&settings, SystemTime::UNIX_EPOCH);
            (policy.version, faults.0.len())
        };
        let mut before = read();
        for name in READ.iter().filter(|name| !name.starts_with("yara/")) {
            fs::write(folder.path().join(name), "x").unwrap();
            let now = read();
            assert_ne!(now, before, "{name} is read");
            before = now;
        }
    }

    #[test]
    fn a_folder_that_is_gone_is_a_fault_and_one_without_subjects_is_none() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &["mailboxes.toml", "yara/x.yar"]);
        let settings = settings(folder.path());
        assert_eq!(set_files(&settings).unwrap().len(), 2);
        fs::remove_dir_all(folder.path().join("yara")).unwrap();
        assert!(set_files(&settings).unwrap_err().to_string().contains("yara: "));
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(set_files(&settings).is_err());
    }
}
