//! From a recipient's domain to the next hop that serves it.
//!
//! In: a mailbox's key. Out: the name of a `[[next_hop]]`; what stands behind the name (addresses, TLS, health) is the
//! adapter's business. One transaction has one next hop (decision 2); the session compares names, so they compare cheaply.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::directory::{Directory, MailboxKey};

/// The name of a `[[next_hop]]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NextHopName(pub Arc<str>);

impl From<&str> for NextHopName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for NextHopName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where mail for `mailbox` goes: to the next hop of its entry in the directory, or else of its primary domain, so that all
/// aliases of a mailbox share a route. None when the domain of the key is not served.
pub fn next_hop_of<'d>(directory: &'d Directory, mailbox: &MailboxKey) -> Option<&'d NextHopName> {
    let own = directory.entry_of(mailbox).and_then(|entry| entry.next_hop.as_ref());
    own.or_else(|| directory.domain_named(mailbox.domain()).map(|domain| &domain.next_hop))
}
