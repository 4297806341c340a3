//! `portaria audit list | verify`: the audit trail, read as it stands on the disk, whether the gateway runs or not.
//!
//! | what | file |
//! |---|---|
//! | entries, chosen and in a table | `list` |
//! | what is wrong, line by line | `verify` |
//! | the copies in the database | `copy` |
//! | what can be typed | `typed` |

mod copy;
mod list;
mod typed;
mod verify;

pub(super) use self::{
    list::list,
    typed::{command, dispatch},
    verify::verify,
};
use super::{Common, rendering::Style};
use crate::{audit::Stored, config::Settings, language::Text, text};

/// The trail of this configuration, from its beginning. None: told, and there is none.
fn open(settings: &Settings) -> Result<Stored, Text> {
    let folder = &settings.gateway.data_dir;
    let shown = folder.display();
    match Stored::open(folder) {
        Ok(Some(stored)) => Ok(stored),
        Ok(None) => Err(text!(
            "there is no audit trail in {shown}: nothing that is audited was done here, or it was removed",
            "não há trilha de auditoria em {shown}: nada do que é auditado foi feito aqui, ou ela foi removida"
        )),
        Err(fault) => Err(text!("the audit trail cannot be read: {fault}", "não é possível ler a trilha: {fault}")),
    }
}

fn style(common: &Common, settings: &Settings) -> Style {
    Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() }
}

fn unreadable(fault: &std::io::Error) -> Text {
    text!("the audit trail cannot be read: {fault}", "não é possível ler a trilha: {fault}")
}
