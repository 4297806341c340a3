//! Configuration and rule files: read from the disk, within bounds.
//!
//! In: paths. Out: settings and policies, or faults. Only plain files are opened (a FIFO would never end the reading), none
//! above [`FILE_SIZE`], not more than [`FILES`] of them. Symbolic links are followed: configuration tools use them.
#![expect(clippy::disallowed_methods, reason = "the one place where configuration and rule files are read")]

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{schema, settings::Settings};
use crate::{
    document::{Fault, Faults, Severity},
    language::Text,
    policy::{
        Policy,
        rule::{code, text_of},
    },
    text,
};

/// Octets of one file at most.
pub const FILE_SIZE: u64 = 1 << 20;
/// Rule files at most.
pub const FILES: usize = 1_000;

/// A configuration that can be run on.
#[derive(Debug)]
pub struct Loaded {
    /// It.
    pub settings: Settings,
    /// What somebody should look at all the same.
    pub warnings: Faults,
}

/// Reads `portaria.toml`. The error holds everything that is wrong with it, at least one error.
pub fn load(path: &Path) -> Result<Loaded, Faults> {
    let mut faults = Faults::default();
    let Some(source) = read_text(path, &mut faults) else { return Err(faults) };
    let (settings, found) = schema::read(path, &source);
    faults.append(found);
    match settings {
        Some(settings) => Ok(Loaded { settings, warnings: faults }),
        None => Err(faults),
    }
}

/// Reads the rules folder: `subjects/*.toml` in name order and `mailboxes.toml`. With any error among the faults the policy
/// must not be used in place of a good one.
pub fn load_policy(settings: &Settings, now: SystemTime) -> (Policy, Faults) {
    let folder = &settings.gateway.rules_dir;
    let mut faults = Faults::default();
    not_yet(folder, &mut faults);
    let rules = rule_files(&folder.join("subjects"), folder, &mut faults);
    let mailboxes_file = folder.join("mailboxes.toml");
    // Whatever is not plainly absent is read, so that a list that cannot be read is an error and not an empty list.
    let mailboxes = match fs::symlink_metadata(&mailboxes_file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        _ => read_text(&mailboxes_file, &mut faults),
    };
    let mailboxes = mailboxes.as_deref().map(|text| (mailboxes_file.as_path(), text));
    let (policy, found) = Policy::assemble(settings.directory.clone(), mailboxes, &rules, now);
    faults.append(found);
    (policy, faults)
}

/// Planned files that this version does not act on: passing over them in silence would let somebody believe in them.
fn not_yet(folder: &Path, faults: &mut Faults) {
    for name in ["directory.toml", "applications.toml"] {
        let file = folder.join(name);
        if fs::symlink_metadata(&file).is_ok() {
            let what = text!("{name} is not supported in this version", "{name} ainda não existe nesta versão");
            let help = text!("take it out of the rules folder", "retire-o da pasta de regras");
            faults.0.push(Fault { help: Some(help), ..Fault::about_file(file, what) });
        }
    }
}

/// The rule files of a rules folder as octets, in name order: for a check that has something to say of each.
pub fn rule_octets(folder: &Path) -> (Vec<(PathBuf, Vec<u8>)>, Faults) {
    let mut faults = Faults::default();
    let names = rule_names(&folder.join("subjects"), folder, &mut faults);
    let (files, unreadable) = octets_of(&names);
    faults.append(unreadable);
    (files, faults)
}

/// These files as octets; what is wrong with one does not keep the others from being read.
pub fn octets_of(names: &[PathBuf]) -> (Vec<(PathBuf, Vec<u8>)>, Faults) {
    let (mut files, mut faults) = (Vec::new(), Faults::default());
    for file in names {
        match read_octets(file) {
            Ok(octets) => {
                faults.0.extend(writable_by_all(file));
                files.push((file.clone(), octets));
            }
            Err(fault) => faults.0.push(*fault),
        }
    }
    (files, faults)
}

/// The texts of the rule files, in name order.
fn rule_files(subjects: &Path, folder: &Path, faults: &mut Faults) -> Vec<(PathBuf, String)> {
    let names = rule_names(subjects, folder, faults);
    names.into_iter().filter_map(|file| read_text(&file, faults).map(|text| (file, text))).collect()
}

/// The rule files, in name order.
fn rule_names(subjects: &Path, folder: &Path, faults: &mut Faults) -> Vec<PathBuf> {
    let entries = match fs::read_dir(subjects) {
        Ok(entries) => entries,
        Err(error) => {
            // A rules folder that is not there is a mount that failed; one without `subjects` may be meant.
            let absent = error.kind() == io::ErrorKind::NotFound && fs::read_dir(folder).is_ok();
            let severity = if absent { Severity::Warning } else { Severity::Error };
            let what = text!("no rules from here: {error}", "nenhuma regra daqui: {error}");
            faults.0.push(Fault { severity, ..Fault::about_file(subjects, what) });
            return Vec::new();
        }
    };
    let mut files = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => files.push(entry.path()),
            Err(error) => faults.0.push(cannot_read(subjects, &error)),
        }
    }
    files.retain(|file| is_rule_file(file, faults));
    files.sort();
    if files.len() > FILES {
        let what = text!("more than {FILES} rule files", "mais de {FILES} arquivos de regras");
        faults.0.push(Fault::about_file(subjects, what));
        files.truncate(FILES);
    }
    files
}

/// `*.toml` that no editor left behind. What is neither that nor plainly something else gets a warning: a rule saved as
/// `boleto.tml` would otherwise never act, and nobody would know.
fn is_rule_file(file: &Path, faults: &mut Faults) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#')) {
        return false;
    }
    let extension = file.extension().unwrap_or_default();
    let is_rule = extension == OsStr::new("toml");
    if !is_rule && extension != OsStr::new("md") {
        let what = text!("not read: rule files end in .toml", "não lido: arquivos de regras terminam em .toml");
        faults.0.push(Fault { severity: Severity::Warning, ..Fault::about_file(file, what) });
    }
    is_rule
}

/// A whole file as text; none after a fault.
fn read_text(path: &Path, faults: &mut Faults) -> Option<String> {
    let read = read_octets(path).and_then(|octets| text_of(path, &octets));
    match read {
        Ok(text) => {
            faults.0.extend(writable_by_all(path));
            Some(text)
        }
        Err(fault) => {
            faults.0.push(*fault);
            None
        }
    }
}

/// Whoever may write a rule decides what mail arrives.
fn writable_by_all(path: &Path) -> Option<Fault> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let what = text!("every user of this machine may write it", "qualquer usuário desta máquina pode gravá-lo");
    let help = text!("chmod o-w", "chmod o-w");
    let (severity, code) = (Severity::Warning, Some(code::WRITABLE));
    let fault = Fault { severity, code, help: Some(help), ..Fault::about_file(path, what) };
    (mode & 0o002 != 0).then_some(fault)
}

/// A whole file, if it is a plain one of at most [`FILE_SIZE`].
pub(super) fn read_octets(path: &Path) -> Result<Vec<u8>, Box<Fault>> {
    let fault = |what: Text| Box::new(Fault::about_file(path, what));
    let failed = |error: io::Error| Box::new(cannot_read(path, &error));
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(fault(text!("this is not a plain file", "isto não é um arquivo comum")));
    }
    let mut octets = Vec::new();
    fs::File::open(path).and_then(|file| file.take(FILE_SIZE + 1).read_to_end(&mut octets)).map_err(failed)?;
    if octets.len() as u64 > FILE_SIZE {
        return Err(fault(text!("larger than 1 MiB", "maior que 1 MiB")));
    }
    Ok(octets)
}

fn cannot_read(path: &Path, error: &io::Error) -> Fault {
    Fault::about_file(path, text!("cannot be read: {error}", "não pode ser lido: {error}"))
}
