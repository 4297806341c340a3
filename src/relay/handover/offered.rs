//! What the next hop offered on the connection that is open, held against what this transaction needs: extensions that were
//! offered to the client and are gone (decisions 13 and 28), and stated limits (RFC 9422).

use std::collections::BTreeSet;

use super::{Goal, Handover, Link, Progress, World};
use crate::{
    relay::reply,
    smtp::{
        envelope::RcptTo,
        extension::Capabilities,
        parameter::Body,
        path::{ForwardPath, Host},
        reply::Reply,
    },
};

impl Handover {
    fn offered(&self) -> Option<&Capabilities> {
        match &self.link {
            Link::Open(open) => Some(open.dialogue.capabilities()),
            Link::Closed | Link::Opening => None,
        }
    }

    /// An extension that the client was promised and that is not there: what the client hears, and its name.
    ///
    /// Addresses cannot be converted, so without SMTPUTF8 the message cannot go on. Content can be, by the client: its next EHLO
    /// shows it no 8BITMIME any more.
    pub(super) fn lost_extension(&self) -> Option<(Reply, &'static str)> {
        let (wanted, offered) = (&self.mail.parameters, self.offered()?);
        if wanted.smtputf8 && !offered.smtputf8 {
            return Some((reply::smtputf8_lost(), "SMTPUTF8"));
        }
        let eight_bit = wanted.body == Some(Body::EightBitMime);
        (eight_bit && !offered.eight_bit_mime).then(|| (reply::eight_bit_mime_lost(), "8BITMIME"))
    }

    /// Whether one recipient more is one too many for the next hop.
    pub(super) fn takes_no_more(&self) -> bool {
        let (Goal::Ask(rcpt), Some(offered)) = (&self.goal, self.offered()) else { return false };
        let limits = offered.limits;
        let above = |count: usize, limit: Option<u32>| limit.is_some_and(|most| count > most as usize);
        let domains = || self.accepted.iter().chain([rcpt]).map(domain).collect::<BTreeSet<_>>().len();
        above(self.accepted.len().saturating_add(1), limits.recipients)
            || limits.domains.is_some() && above(domains(), limits.domains)
    }

    /// It does not hear of this recipient; the client sends it again, in a transaction of its own.
    pub(super) fn enough(&mut self) {
        self.goal = Goal::Nothing;
        self.progress.push_back(Progress::Asked(reply::enough_recipients(), false));
    }

    /// Whether the connection has had all the transactions that it may have.
    pub(super) fn is_used_up(&self) -> bool {
        let most = self.offered().and_then(|offered| offered.limits.transactions);
        matches!((&self.link, most), (Link::Open(open), Some(most)) if open.mails >= most)
    }

    /// The pool closes the one that is used up; a fresh one has room for one transaction at least.
    pub(super) fn use_another(&mut self, world: &mut World<'_>) {
        self.close(world);
        self.attempts_left = self.attempts_left.saturating_sub(1);
        self.open(world);
    }
}

/// For counting: what stands behind the `@`, in one case.
fn domain(rcpt: &RcptTo) -> String {
    match &rcpt.path {
        ForwardPath::Postmaster => String::new(),
        ForwardPath::Mailbox { mailbox, .. } => match &mailbox.host {
            Host::Domain(domain) => domain.folded(),
            Host::Literal(literal) => literal.to_lowercase(),
        },
    }
}
