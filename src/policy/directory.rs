//! Which domains are ours, and whose mailbox an address is.
//!
//! In: the served domains as configured, and addresses as clients or operators spelled them. Out: one key a mailbox,
//! whatever alias, case, quoting or sub-address named it (clauses 8.1.1 to 8.1.3). A spelling that this module does not
//! fold is a way round every block, so it folds more than any mailbox server is known to.
//! It does not know which mailboxes exist: that is the next hop's own answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::{network, route::NextHopName};
use crate::{
    document::nearest,
    smtp::path::{Host, Mailbox},
};

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
                if by_name.insert(compared_domain(name), index).is_some() {
                    return Err(DirectoryFault::NamedTwice(name.clone()));
                }
            }
        }
        let first = domains.first().map(|domain| compared_domain(&domain.name));
        let postmaster = first.and_then(|domain| Mailbox::parse(&format!("postmaster@{domain}")));
        let always = always_reachable.into_iter().map(compared_local).chain(["postmaster".to_owned()]).collect();
        Ok(Self { domains, by_name, senders_from: BTreeMap::new(), always_reachable: always, postmaster })
    }

    /// With the rule that whoever sends as the domain of this name (primary or alias), or as any of its other names, does so from these networks.
    pub fn with_senders_from(mut self, name: &str, networks: Vec<IpNet>) -> Self {
        if let Some(primary) = self.domain_named(name).map(|domain| compared_domain(&domain.name)) {
            self.senders_from.insert(primary, networks);
        }
        self
    }

    /// Whether this mailbox may be a sender from there. Subdomains are domains of their own, and not ours unless they are listed.
    pub fn sends_from(&self, mailbox: &MailboxKey, client: IpAddr) -> bool {
        let networks = self.senders_from.get(mailbox.domain());
        networks.is_none_or(|networks| network::is_in(client, networks))
    }

    /// The mailbox that an address names; none when its domain is not served, or is an address literal: even our own
    /// address is not a domain of ours, or `[192.0.2.1]` would be one more spelling to get past a block.
    pub fn key_of(&self, mailbox: &Mailbox) -> Option<MailboxKey> {
        let Host::Domain(domain) = &mailbox.host else { return None };
        let served = self.domain_named(domain.as_str())?;
        Some(key(&mailbox.local_part.unquoted(), &served.name))
    }

    /// The served domain of this name, primary or alias, compared without case and without a trailing dot; U-labels
    /// (`são.br`) and A-labels (`xn--so-…`) are the same. Subdomains are not served unless they are listed.
    pub fn domain_named(&self, name: &str) -> Option<&ServedDomain> {
        self.domains.get(*self.by_name.get(&compared_domain(name))?)
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

    /// The mailboxes that an operator means: a bare local part is that local part in every served domain, an address is
    /// that mailbox under all its names.
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
        // Any domain does: it is there for the grammar and thrown away.
        let bare = Mailbox::parse(&format!("{written}@bare.invalid")).ok_or(WrittenFault::NotAnAddress)?;
        let local = bare.local_part.unquoted();
        Ok(self.domains.iter().map(|domain| key(&local, &domain.name)).collect())
    }

    /// Everything that decides in this directory, as one text: what a policy's version is made from.
    pub fn fingerprint_text(&self) -> String {
        let domains = self.domains.iter().map(|d| format!("{} {:?} {}\n", d.name, d.aliases, d.next_hop));
        let domains = domains.chain(self.senders_from.iter().map(|(name, from)| format!("{name} from {from:?}\n")));
        domains.chain(self.always_reachable.iter().map(|local| format!("{local}\n"))).collect()
    }
}

/// A key for an address that is not ours, folded as ours are: what rules compare when they name a recipient elsewhere.
pub fn foreign_key(local: &str, domain: &str) -> MailboxKey {
    key(local, domain)
}

fn key(local: &str, primary: &str) -> MailboxKey {
    MailboxKey(format!("{}@{}", compared_local(local), compared_domain(primary)))
}

/// A local part as it is compared, from what its quoting stood for. A receiver may compare case-sensitively (RFC 5321 §2.4)
/// and nobody does. Composed, decomposed and full-width letters are the same (RFC 8265 §3.3 has servers map them). Spaces and dots at the ends, which only
/// quoting allows, go as well: a mailbox server that trims them would deliver to the mailbox that is blocked.
fn compared_local(unquoted: &str) -> String {
    let folded = unquoted.nfkc().collect::<String>().to_lowercase().nfkc().collect::<String>();
    let folded = trim(&folded);
    match folded.split_once('+').map(|(mailbox, _)| trim(mailbox)) {
        Some(mailbox) if !mailbox.is_empty() => mailbox.to_owned(),
        _ => folded.to_owned(),
    }
}

fn trim(local: &str) -> &str {
    local.trim_matches(|c: char| c == '.' || c.is_whitespace())
}

/// A domain as it is compared: A-labels in lower case, no trailing dot. What IDNA cannot convert is compared as lower-case
/// Unicode; it can equal no configured name, because those must convert.
pub fn compared_domain(name: &str) -> String {
    let name = name.trim_end_matches('.');
    if name.is_ascii() {
        // Not through IDNA: it would refuse labels such as `a--b` that mail servers take.
        return name.to_ascii_lowercase();
    }
    idna::domain_to_ascii(name).unwrap_or_else(|_| name.to_lowercase())
}

/// Whether `name` is a domain name that can be served: it has an A-label form, and it is not a number with dots.
pub fn is_domain(name: &str) -> bool {
    let compared = compared_domain(name);
    let is_host = Mailbox::parse(&format!("postmaster@{compared}"))
        .is_some_and(|mailbox| mailbox.is_ascii() && matches!(mailbox.host, Host::Domain(_)));
    is_host && compared.parse::<std::net::IpAddr>().is_err()
}
