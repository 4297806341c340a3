//! Entries to their places below one folder: `data/` (the `data_dir`), `rules/`, `outside/`, `keys/`, and `portaria.toml`, which is the
//! backup's but for its two paths; as it was it stands beside, as `portaria.toml.original`.
#![expect(clippy::disallowed_methods, reason = "a command that makes files, once, without anybody waiting")]

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use toml_edit::{DocumentMut, value};

use super::LOOKING_ONLY;
use crate::{
    audit::{self, Head, Parts},
    door::backup::{Fault, Opened, Part, Progress},
    language::Text,
    store::subject_key,
    text,
};

/// Where an entry belongs; none: this restore does not lay it out.
fn place(name: &str, logs_only: bool) -> Option<PathBuf> {
    let (top, below) = name.split_once('/')?;
    let place = match top {
        "database" | "journal" | "audit" => {
            let folder = if top == "journal" { "data/journal" } else { "data" };
            Some(Path::new(folder).join(below))
        }
        "configuration" => Some(PathBuf::from(below.to_owned() + ".original")),
        // `check` of the configuration wants the rules folder, and searches name the rules that were in force.
        "rules" => Some(Path::new("rules").join(below)),
        "history" => Some(Path::new("data/rules").join(below)),
        "quarantine" | "outside" | "keys" if !logs_only => {
            let folder = match (top, below) {
                ("quarantine", _) => "data/quarantine",
                ("keys", subject_key::NAME) => "data",
                _ => top,
            };
            Some(Path::new(folder).join(below))
        }
        _ => None,
    };
    place.filter(|_| !logs_only || top != "keys")
}

/// Lays the entries out, each synced. Names were held against what names may be when the manifest was read.
pub(super) fn entries(opened: &Opened, staging: &Path, logs_only: bool) -> Result<(), Fault> {
    let mut open: Option<(File, PathBuf)> = None;
    let progress = Progress::default();
    opened.each(
        &progress,
        |name| place(name, logs_only).is_some(),
        |line, part| {
            if open.is_none() {
                let path = staging.join(place(&line.name, logs_only).unwrap_or_default());
                let file = create(&path).map_err(|source| Fault::Source { path: path.clone(), source })?;
                open = Some((file, path));
            }
            let Some((file, path)) = &mut open else { return Ok(()) };
            let done = match part {
                Part::Piece(piece) => file.write_all(piece),
                Part::Whole => file.sync_all(),
            };
            done.map_err(|source| Fault::Source { path: path.clone(), source })?;
            if matches!(part, Part::Whole) {
                open = None;
            }
            Ok(())
        },
    )
}

fn create(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// The trail of after the backup takes the place of the backup's, which it begins with: with the full files beside it, if it is a
/// gateway's own. Its head (`docs/audit.md`) is made of its last entry unless it lies beside it: a copy that was kept elsewhere is often of
/// the log alone.
pub(super) fn trail(log: &Path, head: Option<&Head>, data: &Path) -> Result<(), Text> {
    let shown = log.display().to_string();
    let made_head = head.map(|head| head.written().into_bytes());
    let copied = parts(log).and_then(|Parts { logs, head }| {
        fs::create_dir_all(data)?;
        for (name, mut octets) in logs {
            replace(&data.join(name), &mut octets)?;
        }
        match head.or(made_head) {
            Some(head) => replace(&data.join(audit::HEAD), &mut head.as_slice()),
            None => Ok(()),
        }
    });
    copied.map_err(|fault| text!("{shown} cannot be copied: {fault}", "não é possível copiar {shown}: {fault}"))
}

/// The files of a trail that is known by its log; of a copy under another name that one alone.
fn parts(log: &Path) -> io::Result<Parts> {
    let whole = super::later::folder_of(log).map(Parts::of).transpose().map_err(io::Error::other)?.flatten();
    whole.map_or_else(
        || {
            let octets = OpenOptions::new().read(true).open(log)?.take(u64::MAX);
            Ok(Parts { logs: vec![(audit::LOG.to_owned(), octets)], head: None })
        },
        Ok,
    )
}

fn replace(to: &Path, octets: &mut impl io::Read) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to)?;
    io::copy(octets, &mut file)?;
    file.sync_all()
}

/// A configuration that leads to the folder where all of it is going to be.
pub(super) fn configuration(staging: &Path, into: &Path) -> Result<(), Text> {
    let original = staging.join("portaria.toml.original");
    let failed = |fault: &dyn std::fmt::Display| {
        text!("portaria.toml of the backup: {fault}", "portaria.toml do backup: {fault}")
    };
    let text = fs::read_to_string(&original).map_err(|fault| failed(&fault))?;
    let mut document: DocumentMut = text.parse().map_err(|fault: toml_edit::TomlError| failed(&fault))?;
    if let Some(gateway) = document.get_mut("gateway").and_then(|item| item.as_table_like_mut()) {
        gateway.insert("data_dir", value(into.join("data").display().to_string()));
        gateway.insert("rules_dir", value(into.join("rules").display().to_string()));
    }
    let written = create(&staging.join("portaria.toml")).and_then(|mut file| {
        file.write_all(document.to_string().as_bytes())?;
        file.sync_all()
    });
    let folders =
        ["data", "rules"].map(|name| DirBuilder::new().recursive(true).mode(0o700).create(staging.join(name)));
    let folders = folders.into_iter().collect::<io::Result<()>>();
    written.and(folders).map_err(|fault| failed(&fault))
}

/// No gateway runs on it, and nothing of it is sent.
pub(super) fn mark_for_looking_only(data: &Path) -> Result<(), Text> {
    let path = data.join(LOOKING_ONLY);
    let shown = path.display().to_string();
    let made = create(&path).and_then(|file| file.sync_all());
    made.map_err(|fault| text!("{shown} cannot be made: {fault}", "não é possível criar {shown}: {fault}"))
}

/// All of it is there: it gets its name. A folder that came into being meanwhile and is not empty stays as it is.
pub(super) fn into_place(staging: &Path, into: &Path) -> Result<(), Text> {
    let shown = into.display().to_string();
    let renamed = sync_folders(staging)
        .and_then(|()| fs::rename(staging, into))
        .and_then(|()| File::open(into.parent().unwrap_or(Path::new("/")))?.sync_all());
    renamed.map_err(|fault| text!("{shown}: {fault}", "{shown}: {fault}"))
}

fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_alone_are_laid_out_without_content_and_without_keys() {
        let both =
            |name: &str| [false, true].map(|logs_only| place(name, logs_only).map(|place| place.display().to_string()));
        let some = |place: &str| Some(place.to_owned());
        assert_eq!(both("quarantine/4f/x"), [some("data/quarantine/4f/x"), None]);
        assert_eq!(both("keys/key.pem"), [some("keys/key.pem"), None]);
        assert_eq!(both("keys/subjects.key"), [some("data/subjects.key"), None]);
        for (name, to) in [
            ("database/portaria.db", "data/portaria.db"),
            ("journal/1.journal", "data/journal/1.journal"),
            ("audit/audit.log", "data/audit.log"),
            ("history/1.json", "data/rules/1.json"),
            ("rules/mailboxes.toml", "rules/mailboxes.toml"),
            ("configuration/portaria.toml", "portaria.toml.original"),
        ] {
            assert_eq!(both(name), [some(to), some(to)]);
        }
    }

    #[test]
    fn the_configuration_leads_to_the_new_folder_and_keeps_everything_else() {
        let staging = tempfile::tempdir().unwrap();
        let text = "# Ours.\n[gateway]\nhostname = \"mx\"\ndata_dir = \"/var/lib/portaria\" # there\n\n[alert]\n";
        fs::write(staging.path().join("portaria.toml.original"), text).unwrap();
        configuration(staging.path(), Path::new("/new place")).unwrap();
        let made = fs::read_to_string(staging.path().join("portaria.toml")).unwrap();
        assert!(made.contains("data_dir = \"/new place/data\"") && made.contains("rules_dir = \"/new place/rules\""));
        assert!(made.starts_with("# Ours.\n") && made.contains("[alert]") && !made.contains("/var/lib"), "{made}");
    }
}
