//! Which domains are ours, whose mailbox an address is, and, where a directory was given, which mailboxes there are.
//!
//! In: the served domains as configured, the entries of `rules/directory.toml` or `.csv` if there is one, and addresses as
//! clients or operators spelled them. Out: one key a mailbox, whatever alias, case, quoting or sub-address named it (clauses
//! 8.1.1 to 8.1.3). Without entries it does not know which mailboxes exist: that is the next hop's own answer.
//!
//! | file | what |
//! |---|---|
//! | `fold` | how addresses are compared |
//! | `entries` | the mailboxes and lists that there are |
//! | `row`, `build` | one line of a directory, whatever it was written in; lines into entries |
//! | `toml_file`, `csv_file` | what a directory can be written in |
//! | `class`, `norm` | which addresses a class of mailboxes has to have, and who does not |

mod build;
pub mod class;
mod csv_file;
mod entries;
mod fold;
pub mod norm;
mod row;
mod toml_file;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    path::Path,
    sync::Arc,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{network, route::NextHopName};
use crate::{
    document::{Faults, nearest},
    smtp::path::{Host, Mailbox},
};
pub use build::FILES;
pub use entries::{Entries, Entry, Kind};
use fold::compared_local;
pub use fold::{compared_domain, is_domain};

/// A mailbox whatever alias or spelling named it: `local@primary-domain`, folded (lower case, unquoted, sub-address and trailing
/// dot removed). The key by which blocks, exceptions and tracking compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MailboxKey(pub String);

impl MailboxKey {
    /// Left of the last `@`.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// Right of the last `@`: a primary domain, as A-labels in lower case.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or(self.0.as_str(), |(_, domain)| domain)
    }
}

impl fmt::Display for MailboxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One `[[domain]]`: a set of mailboxes under one or more names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedDomain {
    /// The primary domain, as written.
    pub name: String,
    /// The same mailboxes under another name, as written.
    pub aliases: Vec<String>,
    /// Where their mail goes.
    pub next_hop: NextHopName,
}

/// The served domains. The first is the one that `postmaster` without a domain belongs to.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    domains: Vec<ServedDomain>,
    /// Every name, primary or alias, in its compared form, and the index of its domain.
    by_name: BTreeMap<String, usize>,
    /// The networks that a domain's senders are in, by its primary name in compared form; a domain that is not here sends from everywhere.
    senders_from: BTreeMap<String, Vec<IpNet>>,
    always_reachable: BTreeSet<String>,
    postmaster: Option<Mailbox>,
    /// Every `[[next_hop]]`, for entries that name one; empty when nobody said.
    next_hops: BTreeSet<NextHopName>,
    /// Which mailboxes there are; none: the next hop knows.
    entries: Option<Arc<Entries>>,
}

/// What an address in a served domain names.
#[derive(Clone, Debug)]
pub struct Named<'d> {
    /// Whose mailbox it is.
    pub key: MailboxKey,
    /// What the directory says of it; none without a directory, or when it does not say anything.
    pub entry: Option<&'d Entry>,
    /// The directory lists the addresses of this domain, and this is none of them.
    pub is_unknown: bool,
    /// Neither blocks nor lists of known addresses keep mail from it: the address itself (an alias of a mailbox that may be
    /// blocked), or its mailbox.
    pub always_reachable: bool,
}

/// Why a set of domains cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryFault {
    /// The same name stands at two places: whose mailboxes would they be?
    #[error("the domain {0} is named twice")]
    NamedTwice(String),
    /// Not a domain name.
    #[error("{0} is not a domain name")]
    NotADomain(String),
}

/// Why what an operator wrote names no mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WrittenFault {
    /// Neither a local part nor an address.
    NotAnAddress,
    /// An address in a domain that is not served.
    NotServed {
        /// That domain.
        domain: String,
        /// The served name that needs the fewest edits.
        nearest: Option<String>,
    },
}

impl Directory {
    /// `always_reachable`: local parts that cannot be blocked, as written. `postmaster` is always one of them
    /// (RFC 5321 §4.5.1: a server that takes mail for a domain must take postmaster's).
    pub fn new<'a>(
        domains: Vec<ServedDomain>,
        always_reachable: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, DirectoryFault> {
        let mut by_name = BTreeMap::new();
        for (index, domain) in domains.iter().enumerate() {
            for name in std::iter::once(&domain.name).chain(&domain.aliases) {
                if !is_domain(name) {
                    return Err(DirectoryFault::NotADomain(name.clone()));
                }
                if by_name.insert(compared_domain(name).into_owned(), index).is_some() {
                    return Err(DirectoryFault::NamedTwice(name.clone()));
                }
            }
        }
        let first = domains.first().map(|domain| compared_domain(&domain.name));
        let postmaster = first.and_then(|domain| Mailbox::parse(&format!("postmaster@{domain}")));
        let always =
            always_reachable.into_iter().chain(["postmaster"]).map(|name| compared_local(name).into_owned()).collect();
        Ok(Self { domains, by_name, always_reachable: always, postmaster, ..Self::default() })
    }

    /// With the names of all next hops, of which an entry may choose one. Without this an entry may name any.
    pub fn with_next_hops(self, names: impl IntoIterator<Item = NextHopName>) -> Self {
        Self { next_hops: names.into_iter().collect(), ..self }
    }

    /// With the mailboxes that there are, as a file lists them (one of [`FILES`]; `.csv` is CSV, any other name TOML). With any
    /// error among the faults the directory must not be used in place of a good one: who is missing is refused.
    pub fn with_entries(self, file: &Path, source: &str) -> (Self, Faults) {
        let (entries, faults) = build::read(file, source, &self);
        (Self { entries: Some(Arc::new(entries)), ..self }, faults)
    }

    /// The next hops that no mail goes to: no domain names them, and no entry does.
    pub fn unused_next_hops(&self) -> impl Iterator<Item = &NextHopName> {
        let entries = self.entries.iter().flat_map(|entries| entries.all());
        let used: BTreeSet<_> = entries
            .filter_map(|entry| entry.next_hop.as_ref())
            .chain(self.domains.iter().map(|domain| &domain.next_hop))
            .collect();
        self.next_hops.iter().filter(move |name| !used.contains(name))
    }

    /// The mailboxes and lists that there are; none: the next hop knows.
    pub fn entries(&self) -> Option<&Entries> {
        self.entries.as_deref()
    }

    /// With the rule that whoever sends as the domain of this name (primary or alias), or as any of its other names, does so from these networks.
    pub fn with_senders_from(mut self, name: &str, networks: Vec<IpNet>) -> Self {
        if let Some(primary) = self.domain_named(name).map(|domain| compared_domain(&domain.name).into_owned()) {
            self.senders_from.insert(primary, networks);
        }
        self
    }

    /// Whether this address may be a sender from there. The domain that it names counts, not the one of the mailbox behind it.
    /// Subdomains are domains of their own, and not ours unless they are listed.
    pub fn sends_from(&self, mailbox: &Mailbox, client: IpAddr) -> bool {
        let networks = self.address_of(mailbox).and_then(|address| self.senders_from.get(address.domain()));
        networks.is_none_or(|networks| network::is_in(client, networks))
    }

    /// Whether nobody but these networks may send as this served domain.
    pub fn ties_senders(&self, domain: &ServedDomain) -> bool {
        self.senders_from.contains_key(&*compared_domain(&domain.name))
    }

    /// The mailbox that an address names; none when its domain is not served, or is an address literal: even our own
    /// address is not a domain of ours, or `[192.0.2.1]` would be one more spelling to get past a block.
    pub fn key_of(&self, mailbox: &Mailbox) -> Option<MailboxKey> {
        self.look_up(mailbox).map(|named| named.key)
    }

    /// What an address names; none as for [`key_of`](Self::key_of).
    pub fn look_up(&self, mailbox: &Mailbox) -> Option<Named<'_>> {
        let address = self.address_of(mailbox)?;
        let entries = self.entries.as_deref();
        let entry = entries.and_then(|entries| entries.find(&address));
        let is_unknown = entry.is_none() && entries.is_some_and(|entries| entries.covers(address.domain()));
        let always_reachable =
            self.is_always_reachable(&address) || entry.is_some_and(|entry| self.is_always_reachable(&entry.key));
        let key = entry.map_or(address, |entry| entry.key.clone());
        Some(Named { key, entry, is_unknown, always_reachable })
    }

    /// The entry of this mailbox.
    pub fn entry_of(&self, mailbox: &MailboxKey) -> Option<&Entry> {
        self.entries.as_deref()?.find(mailbox)
    }

    /// Whether the directory leaves room for this mailbox: it is listed, always reachable, or in a domain that the directory does
    /// not speak of. What somebody else wrote (a sender of an application, an exception) and is not, is a slip.
    pub fn may_exist(&self, mailbox: &MailboxKey) -> bool {
        let entries = self.entries.as_deref();
        let is_listed = |entries: &Entries| entries.find(mailbox).is_some() || !entries.covers(mailbox.domain());
        entries.is_none_or(is_listed) || self.is_always_reachable(mailbox)
    }

    /// Whether what somebody wrote stands for these mailboxes, and the directory has room for none of them: reason to refuse it. Of a bare
    /// local part that could still be somebody in a domain that the directory does not speak of, `norm` asks a person, and this does not.
    pub fn is_nobodys(&self, mailboxes: &[MailboxKey]) -> bool {
        !mailboxes.is_empty() && !mailboxes.iter().any(|key| self.may_exist(key))
    }

    /// The address, folded, in the primary name of its domain; whose mailbox it is, is not looked at.
    fn address_of(&self, mailbox: &Mailbox) -> Option<MailboxKey> {
        let Host::Domain(domain) = &mailbox.host else { return None };
        let served = self.domain_named(domain.as_str())?;
        Some(key(&mailbox.local_part.unquoted(), &served.name))
    }

    /// The served domain of this name, primary or alias, compared without case and without a trailing dot; U-labels
    /// (`são.br`) and A-labels (`xn--so-…`) are the same. Subdomains are not served unless they are listed.
    pub fn domain_named(&self, name: &str) -> Option<&ServedDomain> {
        self.domains.get(*self.by_name.get(&*compared_domain(name))?)
    }

    /// All of them, in file order.
    pub fn domains(&self) -> &[ServedDomain] {
        &self.domains
    }

    /// Postmaster at the first domain (RFC 5321 §4.1.1.3); none only when no domain is served.
    pub fn postmaster(&self) -> Option<&Mailbox> {
        self.postmaster.as_ref()
    }

    /// Whether the mailbox's local part is one that cannot be blocked.
    pub fn is_always_reachable(&self, mailbox: &MailboxKey) -> bool {
        self.always_reachable.contains(mailbox.local_part())
    }

    /// The local parts that cannot be blocked, folded.
    pub fn always_reachable(&self) -> impl Iterator<Item = &str> {
        self.always_reachable.iter().map(String::as_str)
    }

    /// The mailbox that a whole address names, as an operator or a rule file wrote it; none when it is no address or its
    /// domain is not served.
    pub fn resolve(&self, written: &str) -> Option<MailboxKey> {
        self.key_of(&Mailbox::parse(written.trim_end_matches('.'))?)
    }

    /// The mailboxes that an operator means: a bare local part is that local part in every served domain, or the mailbox of that
    /// name if nobody in the directory has such an address; an address is that mailbox under all its names.
    pub fn mailboxes_written(&self, written: &str) -> Result<Vec<MailboxKey>, WrittenFault> {
        let address = written.trim_end_matches('.');
        if let Some(mailbox) = Mailbox::parse(address) {
            return match (self.key_of(&mailbox), &mailbox.host) {
                (Some(key), _) => Ok(vec![key]),
                (None, Host::Domain(domain)) => {
                    let folded = compared_domain(domain.as_str());
                    let near = nearest(&folded, self.by_name.keys().map(String::as_str)).map(str::to_owned);
                    Err(WrittenFault::NotServed { domain: domain.as_str().to_owned(), nearest: near })
                }
                (None, Host::Literal(_)) => Err(WrittenFault::NotAnAddress),
            };
        }
        let local = bare_local_part(written);
        let mut mailboxes = Vec::new();
        for address in self.domains.iter().filter_map(|domain| Some(key(local.as_deref()?, &domain.name))) {
            let mailbox = self.entry_of(&address).map_or(address, |entry| entry.key.clone());
            if !mailboxes.contains(&mailbox) {
                mailboxes.push(mailbox);
            }
        }
        // What is somebody's address is not somebody else's name.
        if !mailboxes.iter().any(|mailbox| self.entry_of(mailbox).is_some()) {
            let named = self.entries.as_deref().and_then(|entries| entries.named(written));
            mailboxes.extend(named.map(|entry| entry.key.clone()));
        }
        if mailboxes.is_empty() { Err(WrittenFault::NotAnAddress) } else { Ok(mailboxes) }
    }

    /// The local part, among those of an operator's address and of the mailboxes that it means, that cannot be blocked.
    pub fn unblockable<'a>(&'a self, written: &str, mailboxes: &[MailboxKey]) -> Option<&'a str> {
        let spelled = match Mailbox::parse(written.trim_end_matches('.')) {
            Some(mailbox) => Some(mailbox.local_part.unquoted().into_owned()),
            None => bare_local_part(written),
        };
        let spelled = spelled.map(|local| compared_local(&local).into_owned());
        let locals = mailboxes.iter().map(MailboxKey::local_part).chain(spelled.as_deref());
        locals.filter_map(|local| self.always_reachable.get(local)).map(String::as_str).next()
    }

    /// Everything that decides in this directory, as one text: what a policy's version is made from.
    pub fn fingerprint_text(&self) -> String {
        let domains = self.domains.iter().map(|d| format!("{} {:?} {}\n", d.name, d.aliases, d.next_hop));
        let domains = domains.chain(self.senders_from.iter().map(|(name, from)| format!("{name} from {from:?}\n")));
        let always = self.always_reachable.iter().map(|local| format!("{local}\n"));
        let entries = self.entries.iter().map(|entries| format!("entries {}\n", entries.fingerprint()));
        domains.chain(always).chain(entries).collect()
    }
}

/// What stands in front of an `@`, as an operator wrote it, unquoted.
fn bare_local_part(written: &str) -> Option<String> {
    // Any domain does: it is there for the grammar and thrown away.
    let bare = Mailbox::parse(&format!("{written}@bare.invalid"))?;
    Some(bare.local_part.unquoted().into_owned())
}

/// A key for an address that is not ours, folded as ours are: what rules compare when they name a recipient elsewhere.
pub fn foreign_key(local: &str, domain: &str) -> MailboxKey {
    key(local, domain)
}

fn key(local: &str, primary: &str) -> MailboxKey {
    MailboxKey([&compared_local(local), "@", &compared_domain(primary)].concat())
}
