//! Decisions. Values in, decisions out; no protocol, no I/O, no clock.
//!
//! | when | what is decided | file |
//! |---|---|---|
//! | MAIL | may this mailbox send | `blocked_mailbox` |
//! | RCPT | is it ours, whose mailbox, may it receive, where does it go | `directory`, `blocked_mailbox`, `route` |
//! | header section complete | which subject rules match | `rule` |
//! | scanners answered | what their verdicts mean | `verdict` |
//! | last | what becomes of the message, for each recipient | `disposition` |

pub mod blocked_mailbox;
pub mod directory;
pub mod disposition;
pub mod refusal;
pub mod route;
pub mod rule;
pub mod verdict;
pub mod verdict_action;

use std::time::SystemTime;

use crate::smtp::{
    envelope::{MailFrom, RcptTo},
    path::ForwardPath,
};
use directory::{Directory, MailboxKey};
use refusal::Refusal;
use route::NextHopName;

/// One consistent set of everything that decides, with a version. A message is judged by one set from start to end (promise 10).
#[derive(Debug)]
pub struct Policy {
    /// Names this set in records: a hash over the files it was made from, 12 hex digits.
    pub version: String,
    /// Domains, aliases, always-reachable local parts.
    pub directory: Directory,
    /// The blocked-mailbox list.
    pub blocked: blocked_mailbox::BlockedMailboxes,
    /// The subject rules.
    pub rules: rule::RuleSet,
}

/// A recipient that policy has nothing against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Whose mailbox it is, whatever alias named it.
    pub mailbox: MailboxKey,
    /// The path as the next hop is to hear it: the client's own spelling, without source route; `postmaster` without a domain
    /// becomes postmaster at the first domain.
    pub path: ForwardPath,
    /// Where it goes.
    pub next_hop: NextHopName,
    /// postmaster, abuse and the like: spared by subject rules that do not name them.
    pub always_reachable: bool,
}

impl Policy {
    /// MAIL: whether the sender's mailbox, if it is one of ours, is blocked to send.
    pub fn mail(&self, mail: &MailFrom, now: SystemTime) -> Result<(), Refusal> {
        let _ = (mail, now);
        todo!()
    }
    /// RCPT.
    pub fn rcpt(&self, rcpt: &RcptTo, now: SystemTime) -> Result<Admitted, Refusal> {
        let _ = (rcpt, now);
        todo!()
    }
}
