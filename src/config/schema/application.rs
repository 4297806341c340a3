//! `[application]`: what holds for every application of the registry.

use super::domain::named;
use crate::{
    document::{Found, Table},
    next_hop::NextHopSettings,
    policy::application::Settings,
    text,
};

/// Octets of a contact: it stands behind the text of a reply.
const CONTACT: usize = 100;

/// The section; nothing of it is required.
pub(super) fn read(root: &Table<'_, '_>, next_hops: &[Found<NextHopSettings>]) -> Settings {
    let Some(table) = root.table("application") else { return Settings::default() };
    let next_hop = table.optional::<String>("internet_next_hop");
    let internet_next_hop = next_hop.and_then(|written| named(&table, &written, next_hops));
    let contact = table.optional::<String>("contact");
    if let Some(contact) = &contact {
        let is_text = |octet: u8| octet == b' ' || octet.is_ascii_graphic();
        if contact.value.len() > CONTACT || !contact.value.bytes().all(is_text) {
            let what = text!(
                "`contact` stands in SMTP replies: ASCII without accents, at most 100 characters",
                "`contact` aparece em respostas SMTP: ASCII sem acentos, no máximo 100 caracteres"
            );
            table.document().fault(contact.span.clone(), what, None);
        }
    }
    table.finish();
    Settings { internet_next_hop, contact: contact.map(|found| found.value.into()).unwrap_or_default() }
}
