//! Decisions. Values in, decisions out; no protocol, no I/O, no clock.
//!
//! | when | what is decided | file |
//! |---|---|---|
//! | MAIL | has its network had its share | `rate`, `network` |
//! | MAIL | may this mailbox send, and from there | `blocked_mailbox`, `directory` |
//! | MAIL, RCPT, header section | which application is it, and may it | `application` |
//! | RCPT | is it ours, does it exist, whose mailbox, may it receive, and from them, where does it go | `directory`, `blocked_mailbox`, `route` |
//! | header section complete | which subject rules match | `rule` |
//! | end of mail data | which scanners are asked, whose finds are ignored | `scanning` |
//! | scanners answered | which report decides, and what it asks for | `verdict`, `verdict_action`, `finding` |
//! | last | what becomes of the message, for each recipient | `disposition` |
//! | a release | where its recipients are today | `release` |

pub mod application;
mod assemble;
pub mod blocked_mailbox;
pub mod directory;
pub mod disposition;
pub mod entry;
pub mod finding;
pub mod network;
pub mod rate;
pub mod refusal;
pub mod release;
pub mod route;
pub mod rule;
pub mod scanning;
pub mod verdict;
pub mod verdict_action;

#[cfg(test)]
mod tests;

use std::{net::IpAddr, time::SystemTime};

use crate::smtp::{
    envelope::{MailFrom, RcptTo},
    path::{ForwardPath, Mailbox, ReversePath},
};
pub use assemble::Sources;
use directory::{Directory, Kind, MailboxKey, Named};
use refusal::Refusal;
use route::NextHopName;

/// One consistent set of everything that decides, with a version. A message is judged by one set from start to end (promise 10).
#[derive(Debug)]
pub struct Policy {
    /// Names this set in records: a hash over the files it was made from, 12 hex digits.
    pub version: String,
    /// Domains, aliases, always-reachable local parts, and the mailboxes that there are if somebody listed them.
    pub directory: Directory,
    /// The blocked-mailbox list.
    pub blocked: blocked_mailbox::BlockedMailboxes,
    /// The registry of applications.
    pub applications: application::Applications,
    /// The subject rules.
    pub rules: rule::RuleSet,
    /// The contingency switch, and finds that are ignored.
    pub scanning: scanning::Scanning,
}

/// A recipient that policy has nothing against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Whose mailbox it is, whatever alias named it; of a recipient elsewhere its address, folded in the same way.
    pub mailbox: MailboxKey,
    /// The path as the next hop is to hear it: the client's own spelling, without source route; `postmaster` without a domain
    /// becomes postmaster at the first domain.
    pub path: ForwardPath,
    /// Where it goes.
    pub next_hop: NextHopName,
    /// postmaster, abuse and the like: spared by subject rules that do not name them.
    pub always_reachable: bool,
    /// It is in a domain of ours. Only an application has others.
    pub served: bool,
}

impl Policy {
    /// MAIL: whether the sender's mailbox, if it is one of ours, is blocked to send, or may not send from where `client` is. The null
    /// path is always taken: it is how the other side tells us that something failed (RFC 5321 §4.5.5).
    pub fn mail(&self, mail: &MailFrom, client: IpAddr, now: SystemTime) -> Result<(), Refusal> {
        let ReversePath::Mailbox(mailbox) = &mail.path else { return Ok(()) };
        let Some(key) = self.directory.key_of(mailbox) else { return Ok(()) };
        match self.blocked.to_send(&key, now) {
            Some(ticket) => Err(Refusal::BlockedToSend { mailbox: key.0, ticket: ticket.to_owned() }),
            None if self.directory.sends_from(mailbox, client) => Ok(()),
            None => Err(Refusal::SenderFromOutside { address: mail.path.to_string() }),
        }
    }

    /// RCPT: whether the recipient is ours, exists as far as we know, and may receive mail of `from`, and where its mail goes.
    ///
    /// A source route whose last domain is ours is ignored and stripped (RFC 5321 Appendix C); one that leads elsewhere is a
    /// relay attempt like any other. Subdomains and address literals are not ours.
    pub fn rcpt(&self, rcpt: &RcptTo, from: &ReversePath, now: SystemTime) -> Result<Admitted, Refusal> {
        let (mailbox, routed) = match &rcpt.path {
            ForwardPath::Postmaster => (self.directory.postmaster(), false),
            ForwardPath::Mailbox { mailbox, source_route } => (Some(mailbox), !source_route.is_empty()),
        };
        let address = || rcpt.path.to_string();
        let Some(mailbox) = mailbox else { return Err(Refusal::NotOurs { address: address() }) };
        if is_trick(mailbox) {
            return Err(Refusal::RelayTrick { address: address() });
        }
        let Some((named, next_hop)) = self.served(mailbox) else {
            let address = address();
            return Err(if routed { Refusal::RelayTrick { address } } else { Refusal::NotOurs { address } });
        };
        if !named.always_reachable {
            self.may_receive(&named, from, now, address)?;
        }
        let path = ForwardPath::Mailbox { mailbox: mailbox.clone(), source_route: Vec::new() };
        Ok(Admitted { mailbox: named.key, path, next_hop, always_reachable: named.always_reachable, served: true })
    }

    fn served(&self, mailbox: &Mailbox) -> Option<(Named<'_>, NextHopName)> {
        let named = self.directory.look_up(mailbox)?;
        let next_hop = route::next_hop_of(&self.directory, &named.key)?.clone();
        Some((named, next_hop))
    }

    /// A mailbox that is gone is gone, whatever a block that was left behind says of it (clause 9.2.29).
    fn may_receive(
        &self,
        named: &Named<'_>,
        from: &ReversePath,
        now: SystemTime,
        address: impl Fn() -> String,
    ) -> Result<(), Refusal> {
        if named.is_unknown {
            return Err(Refusal::UnknownMailbox { address: address() });
        }
        if let Some(ticket) = self.blocked.to_receive(&named.key, now) {
            let (mailbox, ticket) = (named.key.0.clone(), ticket.to_owned());
            return Err(Refusal::BlockedToReceive { mailbox, ticket });
        }
        match named.entry.map(|entry| &entry.kind) {
            Some(Kind::List { internal_senders_only: true }) if !self.is_internal(from) => {
                Err(Refusal::OutsiderToList { list: named.key.0.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether a sender is one of ours: an address in a served domain. MAIL has refused those that came from outside the networks
    /// of their domain (`senders_from`); for a domain that is not tied to any, this believes what the client says. The null path is
    /// nobody's: a list has no use for bounces.
    fn is_internal(&self, from: &ReversePath) -> bool {
        matches!(from, ReversePath::Mailbox(mailbox) if self.directory.look_up(mailbox).is_some())
    }
}

/// Whether the local part asks a server behind us to send the message on: `user%elsewhere@ours`, `elsewhere!user@ours`,
/// `"user@elsewhere"@ours`. Refused in served domains as well, because an old alias server there may obey.
fn is_trick(mailbox: &Mailbox) -> bool {
    mailbox.local_part.unquoted().contains(['%', '!', '@'])
}
