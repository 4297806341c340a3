//! What `portaria check` looks at on this machine beyond the text of the files: certificate, key, folders.
//!
//! In: settings, and the time. Out: one line for each thing looked at, good or bad. It writes nothing and connects to nobody;
//! lines about next hops and scanners are made by those who can ask them. The rights looked at are those of the user who
//! runs the check: run it as the user of the gateway.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::SystemTime};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::{certificate, settings::Settings};
use crate::{
    language::{Language, Text},
    text,
};

/// How one check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckStatus {
    /// Nothing to do.
    Ok,
    /// Somebody should look.
    Warning,
    /// The gateway would not work.
    Error,
}

impl CheckStatus {
    /// As people read it.
    pub fn name(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Ok, _) => "ok",
            (Self::Warning, Language::En) => "warning",
            (Self::Warning, Language::PtBr) => "aviso",
            (Self::Error, Language::En) => "error",
            (Self::Error, Language::PtBr) => "erro",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckLine {
    /// What: `certificate /etc/…`, `next hop mailbox mbx1:25`.
    pub subject: Text,
    /// How it went.
    pub status: CheckStatus,
    /// What was found.
    pub detail: Text,
}

impl CheckLine {
    /// It is as it should be.
    pub fn ok(subject: Text, detail: Text) -> Self {
        Self { subject, status: CheckStatus::Ok, detail }
    }
    /// Somebody should look.
    pub fn warning(subject: Text, detail: Text) -> Self {
        Self { subject, status: CheckStatus::Warning, detail }
    }
    /// It would not work.
    pub fn error(subject: Text, detail: Text) -> Self {
        Self { subject, status: CheckStatus::Error, detail }
    }
}

/// Looks at every file and folder that the settings name, but for rule files (`load_policy` reads the ones of subject rules, the
/// scanner those of YARA).
pub fn probe(settings: &Settings, now: SystemTime) -> Vec<CheckLine> {
    let mut lines = vec![data_dir(&settings.gateway.data_dir)];
    if let Some(files) = &settings.tls {
        lines.extend(certificate::check(files, &settings.gateway.hostname, now));
        lines.extend(readable_by_all(&files.key));
    }
    let authorities = settings.next_hops.next_hops.iter().filter_map(|next_hop| next_hop.ca.as_deref());
    lines.extend(authorities.map(certificate::check_authorities));
    lines
}

/// The folder must be there and take files, or be one that the gateway can make.
fn data_dir(path: &Path) -> CheckLine {
    let shown = path.display();
    let subject = text!("data folder {shown}", "pasta de dados {shown}");
    let Some(existing) = path.ancestors().find(|folder| folder.exists()) else {
        return CheckLine::error(subject, text!("does not exist", "não existe"));
    };
    let writable =
        existing.is_dir() && accessat(CWD, existing, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok();
    // Whoever may write there can put a file of his own in the place of the journal, the database or the control socket.
    let open = fs::metadata(existing).is_ok_and(|found| found.permissions().mode() & 0o002 != 0);
    if open && writable && existing == path {
        return CheckLine::warning(
            subject,
            text!(
                "every user of this machine may write it: chmod o-w",
                "qualquer usuário desta máquina pode gravar nela: chmod o-w"
            ),
        );
    }
    match (existing == path, writable) {
        (true, true) => CheckLine::ok(subject, text!("writable", "permite gravação")),
        (false, true) => CheckLine::warning(
            subject,
            text!("does not exist yet; it can be made", "ainda não existe; pode ser criada"),
        ),
        (true, false) => CheckLine::error(subject, text!("not writable", "não permite gravação")),
        (false, false) => {
            CheckLine::error(subject, text!("does not exist and cannot be made", "não existe e não pode ser criada"))
        }
    }
}

/// A key that everybody on the machine may read is no secret.
fn readable_by_all(key: &Path) -> Option<CheckLine> {
    let mode = fs::metadata(key).ok()?.permissions().mode();
    let shown = key.display();
    (mode & 0o004 != 0).then(|| {
        CheckLine::warning(
            text!("key {shown}", "chave {shown}"),
            text!(
                "every user of this machine may read it: chmod o-r",
                "qualquer usuário desta máquina pode lê-la: chmod o-r"
            ),
        )
    })
}
