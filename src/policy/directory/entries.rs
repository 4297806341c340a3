//! The mailboxes and lists that there are: looked up by address, by name, in order.
//!
//! In: entries that `build` has found sound, with the folded addresses of each. Out: the entry behind a folded address, in a time
//! that does not depend on how many there are. It does not know how an address was spelled (`fold` did that), nor what is
//! refused because of what it says.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{MailboxKey, fold::compared_local};
use crate::policy::route::NextHopName;

/// One mailbox or list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its primary address, folded: by this, blocks, exceptions and records name it.
    pub key: MailboxKey,
    /// Which of the two it is.
    pub kind: Kind,
    /// Where its mail goes, if not where its domain's mail goes.
    pub next_hop: Option<NextHopName>,
    /// All its addresses as written, the primary one first; those in domains that are not served, too.
    pub addresses: Vec<Box<str>>,
    /// The line of the file that it begins in, from 1.
    pub line: usize,
}

impl Entry {
    /// How people call it: the name of a mailbox, the address of a list.
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Mailbox { name, .. } => name,
            Kind::List { .. } => self.addresses.first().map(|address| &**address).unwrap_or_default(),
        }
    }

    /// Whether it is a mailbox, and not a list.
    pub fn is_mailbox(&self) -> bool {
        matches!(self.kind, Kind::Mailbox { .. })
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A box of a person or a unit.
    Mailbox {
        /// What people call it; no two have the same, compared as local parts are.
        name: Box<str>,
        /// `servidor`, `unidade` …, as written.
        class: Arc<str>,
    },
    /// A distribution list. Who is on it, its mailbox server knows.
    List {
        /// Whether senders in other domains are refused.
        internal_senders_only: bool,
    },
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    entries: Vec<Entry>,
    /// Every address in a served domain, folded, and whose it is.
    by_address: HashMap<MailboxKey, usize>,
    /// Names of mailboxes, compared.
    by_name: HashMap<String, usize>,
    /// Addresses in each served domain, by its primary name.
    domains: BTreeMap<String, usize>,
    fingerprint: String,
}

impl Entries {
    pub(super) fn new(fingerprint: String) -> Self {
        Self { fingerprint, ..Self::default() }
    }

    /// Adds an entry, all of whose folded addresses are nobody's yet, or its own.
    pub(super) fn add(&mut self, entry: Entry, addresses: BTreeSet<MailboxKey>) {
        let index = self.entries.len();
        for address in addresses {
            let count = self.domains.entry(address.domain().to_owned()).or_default();
            *count = count.saturating_add(1);
            self.by_address.insert(address, index);
        }
        if let Kind::Mailbox { name, .. } = &entry.kind {
            self.by_name.insert(compared_local(name).into_owned(), index);
        }
        self.entries.push(entry);
    }

    /// Whose this folded address is.
    pub fn find(&self, address: &MailboxKey) -> Option<&Entry> {
        self.entries.get(*self.by_address.get(address)?)
    }

    /// The mailbox of this name.
    pub fn named(&self, name: &str) -> Option<&Entry> {
        self.entries.get(*self.by_name.get(&*compared_local(name))?)
    }

    /// Whether any address in the served domain of this primary name (compared form) is listed. If not, the directory does not
    /// speak of that domain, and its next hop is asked as if there were no directory.
    pub fn covers(&self, domain: &str) -> bool {
        self.domains.contains_key(domain)
    }

    /// All of them, in the order of the file.
    pub fn all(&self) -> &[Entry] {
        &self.entries
    }

    /// How many different addresses there are in served domains.
    pub fn addresses(&self) -> usize {
        self.by_address.len()
    }

    /// Another text has another one.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}
