//! Who runs this command, for the audit trail.

use rustix::process::getuid;

use crate::{
    audit::{AuditFault, Trail, account_name},
    config::Settings,
    language::Text,
    record::audit::{Actor, Event},
    text,
};

/// The account is the system's word. The person is whoever is named (`--by`), or whom sudo names: a note for readers, which proves nothing,
/// since whoever may run this may write any name.
pub(super) fn actor(named: Option<String>) -> Actor {
    let behind_sudo = || std::env::var("SUDO_USER").ok();
    let person = named.or_else(behind_sudo).filter(|name| !name.trim().is_empty());
    Actor { account: account_name(getuid().as_raw()), person }
}

/// Who answers for it, in one word: what stands as `by` in a file.
pub(super) fn answers(actor: &Actor) -> String {
    actor.person.clone().unwrap_or_else(|| actor.account.clone())
}

/// The trail of this gateway, ready to be written, or why it is not: whoever does not get it does nothing that is audited.
pub(super) fn trail(settings: &Settings) -> Result<Trail, Text> {
    Trail::open(&settings.gateway.data_dir).map_err(|fault| not_written(&fault))
}

/// Writes an entry, or says why nothing is to be done.
pub(super) fn write(settings: &Settings, event: &Event) -> Result<(), Text> {
    trail(settings)?.append(event).map(drop).map_err(|fault| not_written(&fault))
}

/// What stands in the way of an entry.
pub(super) fn not_written(fault: &AuditFault) -> Text {
    let what = match fault {
        AuditFault::Io { path, source } => {
            let path = path.display();
            text!("{path}: {source}", "{path}: {source}")
        }
        AuditFault::Busy(path) => {
            let path = path.display();
            text!("another process has held {path} for five seconds", "outro processo segura {path} há cinco segundos")
        }
        AuditFault::NotAFile(path) => {
            let path = path.display();
            text!("{path} is not an ordinary file: who put it there?", "{path} não é um arquivo comum: quem o pôs ali?")
        }
        AuditFault::TooLong(octets) => {
            text!("the entry would have {octets} octets", "a entrada teria {octets} octetos")
        }
    };
    let Text { en, pt } = what;
    text!(
        "nothing was done: the audit trail cannot be written: {en}",
        "nada foi feito: não é possível escrever na trilha de auditoria: {pt}"
    )
}
