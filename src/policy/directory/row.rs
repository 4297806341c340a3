//! One line of a directory as somebody wrote it, before anybody has looked whether it can be true.
//!
//! This is all that `build` knows of where a directory comes from: whoever can make rows, each with its place, is one more source
//! (an LDIF of what LDAP answered would be one), and nothing else changes.

use std::ops::Range;

use crate::document::Found;

/// One line.
#[derive(Debug)]
pub(super) enum Row {
    /// A box of a person or a unit.
    Mailbox(MailboxRow),
    /// A distribution list.
    List(ListRow),
}

/// `[[mailbox]]`
#[derive(Debug)]
pub(super) struct MailboxRow {
    /// Where it begins.
    pub span: Range<usize>,
    /// What people call it.
    pub name: Found<String>,
    /// What kind of person or unit it belongs to.
    pub class: Found<String>,
    /// The address that mail from it shows (clause 8.1.3).
    pub primary: Found<String>,
    /// Its other addresses.
    pub addresses: Vec<Found<String>>,
    /// Where its mail goes, if not where its domain's mail goes.
    pub next_hop: Option<Found<String>>,
}

/// `[[list]]`
#[derive(Debug)]
pub(super) struct ListRow {
    /// Where it begins.
    pub span: Range<usize>,
    /// Its one address.
    pub address: Found<String>,
    /// Whether senders in other domains are refused.
    pub internal_senders_only: bool,
}
