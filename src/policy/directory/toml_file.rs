//! A directory written as TOML: `[[mailbox]]` and `[[list]]`.

use super::row::{ListRow, MailboxRow, Row};
use crate::document::{Document, Table};

/// Gives every whole row; what is wrong with the others is noted.
pub(super) fn read(document: &Document<'_>, take: &mut dyn FnMut(Row)) {
    let Some(root) = document.root() else { return };
    for table in root.tables("mailbox") {
        if let Some(row) = mailbox(table) {
            take(Row::Mailbox(row));
        }
    }
    for table in root.tables("list") {
        if let Some(row) = list(table) {
            take(Row::List(row));
        }
    }
    root.finish();
}

fn mailbox(table: Table<'_, '_>) -> Option<MailboxRow> {
    let span = table.span();
    let name = table.required("name");
    let class = table.required("class");
    let primary = table.required("primary");
    let addresses = table.list("addresses");
    let next_hop = table.optional("next_hop");
    table.finish();
    Some(MailboxRow { span, name: name?, class: class?, primary: primary?, addresses, next_hop })
}

fn list(table: Table<'_, '_>) -> Option<ListRow> {
    let span = table.span();
    let address = table.required("address");
    let internal_senders_only = table.or("internal_senders_only", false);
    table.finish();
    Some(ListRow { span, address: address?, internal_senders_only })
}
