//! Configuration and rule files: read from the disk, within bounds.
//!
//! In: paths. Out: settings and policies, or faults. Only plain files are opened (a FIFO would never end the reading), none
//! above [`FILE_SIZE`] (the directory, which a program writes: [`DIRECTORY_SIZE`]), not more than [`FILES`] of them. Symbolic links
//! are followed: configuration tools use them.
#![expect(clippy::disallowed_methods, reason = "the one place where configuration and rule files are read")]

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    schema,
    settings::{ListenerTls, Role, Settings},
};
use crate::{
    document::{Fault, Faults, Severity},
    language::Text,
    policy::{
        Policy, Sources,
        directory::{self, Directory, class::Classes},
        rule::{code, text_of, utf_8},
    },
    rule_history::HALF_WAY,
    text,
};

/// Octets of one file at most.
pub const FILE_SIZE: u64 = 1 << 20;
/// Octets of the list of blocked mailboxes at most, which commands write: some 30,000 entries.
pub const LIST_SIZE: u64 = 8 << 20;
/// Who may not receive or send, in the rules folder.
pub const MAILBOXES: &str = "mailboxes.toml";
/// What is ordered about scanning, in the rules folder.
pub const ANTIVIRUS: &str = "antivirus.toml";
/// The registry of applications, in the rules folder.
pub const APPLICATIONS: &str = "applications.toml";
/// Octets of the directory at most: some 200,000 addresses.
pub const DIRECTORY_SIZE: u64 = 32 << 20;
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

/// Reads the rules folder: the directory, `subjects/*.toml` in name order, `mailboxes.toml`, `antivirus.toml` and
/// `applications.toml`. With any error among the faults the policy must not be used in place of a good one.
pub fn load_policy(settings: &Settings, now: SystemTime) -> (Policy, Faults) {
    let folder = &settings.gateway.rules_dir;
    let (directory, mut faults) = load_directory(settings);
    faults.0.extend(half_way(folder));
    let rules = rule_files(&folder.join("subjects"), folder, &mut faults);
    let mut read = |name: &str| optional(&folder.join(name), &mut faults);
    let (antivirus, applications) = (read(ANTIVIRUS), read(APPLICATIONS));
    let mailboxes = list(&folder.join(MAILBOXES), &mut faults);
    let sources = Sources {
        directory,
        scanner_groups: &settings.scanner_groups(),
        mailboxes: as_file(&mailboxes),
        antivirus: as_file(&antivirus),
        applications: as_file(&applications),
        application_settings: settings.applications.clone(),
        rules: &rules,
    };
    let (policy, found) = Policy::assemble(sources, now);
    faults.append(found);
    unreachable(settings, &policy, &folder.join(APPLICATIONS), &mut faults);
    (policy, faults)
}

/// What a rollback that was killed left: some files of one set, some of another, and nobody meant that.
fn half_way(folder: &Path) -> Option<Fault> {
    let file = folder.join(HALF_WAY);
    if !if_there(&file) {
        return None;
    }
    let what = text!(
        "a rollback stopped half-way: these files are of two sets",
        "uma volta (rollback) parou no meio: estes arquivos são de dois conjuntos"
    );
    let help = text!(
        "`portaria rules history` shows the sets; `portaria rules rollback NUMBER --reason …` finishes it, or takes another one",
        "`portaria rules history` mostra os conjuntos; `portaria rules rollback NÚMERO --reason …` a completa, ou escolhe outro"
    );
    Some(Fault { help: Some(help), ..Fault::about_file(file, what) })
}

/// A file that need not be there.
fn optional(file: &Path, faults: &mut Faults) -> Option<(PathBuf, String)> {
    let text = if_there(file).then(|| read_text(file, faults)).flatten();
    text.map(|text| (file.to_owned(), text))
}

/// The list of blocked mailboxes, which may be larger than what people write.
fn list(file: &Path, faults: &mut Faults) -> Option<(PathBuf, String)> {
    let read = || noted(file, read_up_to(LIST_SIZE, file).and_then(|octets| list_text(file, &octets)), faults);
    if_there(file).then(read).flatten().map(|text| (file.to_owned(), text))
}

/// What somebody saved in another encoding is named as in any file; what is larger than any of those was not typed.
fn list_text(file: &Path, octets: &[u8]) -> Result<String, Box<Fault>> {
    if octets.len() as u64 > FILE_SIZE { utf_8(file, octets) } else { text_of(file, octets) }
}

fn as_file(read: &Option<(PathBuf, String)>) -> Option<(&Path, &str)> {
    read.as_ref().map(|(file, text)| (file.as_path(), text.as_str()))
}

/// A registry that nobody can use: no listener asks it, or none on which its logins can be said.
fn unreachable(settings: &Settings, policy: &Policy, file: &Path, faults: &mut Faults) {
    let listeners = || settings.listeners.iter().filter(|listener| listener.role == Role::Application);
    let entries = policy.applications.entries();
    let what = if !entries.is_empty() && listeners().next().is_none() {
        text!("no [[listener]] has `role = \"application\"`", "nenhum [[listener]] tem `role = \"application\"`")
    } else if policy.applications.has_logins() && listeners().all(|listener| listener.tls == ListenerTls::Off) {
        text!(
            "some log in, and no application listener has TLS: they cannot",
            "algumas fazem login, e nenhum listener de aplicações tem TLS: elas não conseguirão"
        )
    } else {
        return;
    };
    faults.0.push(Fault { severity: Severity::Warning, ..Fault::about_file(file, what) });
}

/// The served domains, with the mailboxes that `directory.toml` or `directory.csv` lists if there is one of them.
pub fn load_directory(settings: &Settings) -> (Directory, Faults) {
    let mut faults = Faults::default();
    let domains = settings.directory.clone();
    let files = directory::FILES.map(|name| settings.gateway.rules_dir.join(name));
    let (file, other) = match files.map(|file| (if_there(&file), file)) {
        [(false, _), (false, _)] => return (domains, faults),
        [(true, file), (other, _)] | [(other, _), (true, file)] => (file, other),
    };
    if other {
        let [toml, csv] = directory::FILES;
        let what =
            text!("{toml} and {csv} are both there: which one counts?", "há {toml} e {csv}: qual dos dois vale?");
        let help = text!("keep one of them", "fique com um só");
        faults.0.push(Fault { help: Some(help), ..Fault::about_file(file, what) });
        return (domains, faults);
    }
    let Some(text) = read_directory(&file, &mut faults) else { return (domains, faults) };
    let (directory, found) = domains.with_entries(&file, &text);
    faults.append(found);
    (directory, faults)
}

/// The table of classes, if there is one: for `portaria directory check`.
pub fn load_classes(settings: &Settings) -> (Option<Classes>, Faults) {
    let mut faults = Faults::default();
    let file = settings.gateway.rules_dir.join(directory::class::FILE);
    let classes = optional(&file, &mut faults).map(|(file, text)| {
        let (classes, found) = Classes::read(&file, &text, &settings.directory);
        faults.append(found);
        classes
    });
    (classes, faults)
}

/// Whatever is not plainly absent is read, so that a list that cannot be read is an error and not an empty list.
pub(super) fn if_there(file: &Path) -> bool {
    !matches!(fs::symlink_metadata(file), Err(error) if error.kind() == io::ErrorKind::NotFound)
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
pub(super) fn is_rule_file(file: &Path, faults: &mut Faults) -> bool {
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
    noted(path, read_octets(path).and_then(|octets| text_of(path, &octets)), faults)
}

/// The same for the directory.
fn read_directory(path: &Path, faults: &mut Faults) -> Option<String> {
    noted(path, read_up_to(DIRECTORY_SIZE, path).and_then(|octets| utf_8(path, &octets)), faults)
}

fn noted(path: &Path, read: Result<String, Box<Fault>>, faults: &mut Faults) -> Option<String> {
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
pub fn read_octets(path: &Path) -> Result<Vec<u8>, Box<Fault>> {
    read_up_to(FILE_SIZE, path)
}

/// Octets that a file of the rules folder may have, by its name.
pub fn largest(path: &Path) -> u64 {
    match path.file_name().and_then(OsStr::to_str) {
        Some(MAILBOXES) => LIST_SIZE,
        Some("directory.toml" | "directory.csv") => DIRECTORY_SIZE,
        _ => FILE_SIZE,
    }
}

/// A whole file, if it is a plain one of at most so many octets.
pub fn read_up_to(size: u64, path: &Path) -> Result<Vec<u8>, Box<Fault>> {
    let fault = |what: Text| Box::new(Fault::about_file(path, what));
    let failed = |error: io::Error| Box::new(cannot_read(path, &error));
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(fault(text!("this is not a plain file", "isto não é um arquivo comum")));
    }
    let mut octets = Vec::new();
    fs::File::open(path).and_then(|file| file.take(size + 1).read_to_end(&mut octets)).map_err(failed)?;
    if octets.len() as u64 > size {
        let mebibytes = size >> 20;
        return Err(fault(text!("larger than {mebibytes} MiB", "maior que {mebibytes} MiB")));
    }
    Ok(octets)
}

fn cannot_read(path: &Path, error: &io::Error) -> Fault {
    Fault::about_file(path, text!("cannot be read: {error}", "não pode ser lido: {error}"))
}
