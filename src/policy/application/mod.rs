//! Applications that send mail (`rules/applications.toml`, clauses 8.1.4 to 8.1.8 and 9.1 of the norm).
//!
//! In: the registry, who a client is (its network, its login), and what it says. Out: which application that is, and whether it may.
//! Whoever is not registered may nothing: an application listener is never an open relay. It knows no dialogue and no clock.
//!
//! | what | file |
//! |---|---|
//! | reading the registry, with every fault and its place | `file`, `entry` |
//! | MAIL, RCPT and the header section of an application | `decide` |
//! | what it and the operator are told | `refusal` |
//! | how many messages in an hour | `hours` |
//! | passwords | `password` |

mod decide;
mod entry;
mod file;
pub mod hours;
pub mod password;
pub mod refusal;
#[cfg(test)]
mod tests;

use std::{fmt, net::IpAddr, num::NonZeroU32, sync::Arc};

use ipnet::IpNet;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{directory::MailboxKey, network, route::NextHopName};
use password::PasswordHash;

/// What `portaria.toml` says for all applications (`[application]`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where mail for domains that are not served goes; none: no application reaches the internet.
    pub internet_next_hop: Option<NextHopName>,
    /// Whom an application's people ask: stands in replies, so ASCII. Empty: nobody is named.
    pub contact: Arc<str>,
}

/// Where an application stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Asked for and not evaluated: nothing is taken from it.
    Pending,
    /// On trial: everything is decided and recorded, nothing is relayed.
    Observe,
    /// In use.
    Active,
    /// Stopped.
    Suspended,
}

impl State {
    const NAMES: [(&'static str, Option<Self>); 4] = [
        ("pending", Some(Self::Pending)),
        ("observe", Some(Self::Observe)),
        ("active", Some(Self::Active)),
        ("suspended", Some(Self::Suspended)),
    ];

    /// As written in the registry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Observe => "observe",
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// How far an application's mail may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Served domains.
    Internal,
    /// Also these others, in compared form; none named: any.
    Internet {
        /// Whole domains: a subdomain is another one.
        domains: Vec<String>,
    },
}

/// A login that an application has, as its registry entry states it. Two are the same only with the same password: whoever logged in
/// with an old one has nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub name: String,
    /// The password, hashed.
    pub hash: PasswordHash,
}

/// One `[[application]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its name in replies, records and metrics: lower-case letters, digits, `-`, `_`, `.`; at most 64.
    pub id: Arc<str>,
    /// Whether it may send.
    pub state: State,
    /// Who answers for it.
    pub owner: String,
    /// Who asked for it (clause 8.1.8).
    pub requester: String,
    /// Who evaluated it; none while it is pending.
    pub evaluator: Option<String>,
    /// When.
    pub evaluated: Option<Date>,
    /// The request.
    pub ticket: String,
    /// When it is to be looked at again; it goes on when that is past.
    pub review_by: Date,
    /// It connects from here; empty: from anywhere, with its login.
    pub networks: Vec<IpNet>,
    /// It logs in; none: its network is enough.
    pub login: Option<Login>,
    /// The mailboxes that it sends as, and the same as written.
    pub senders: Vec<(MailboxKey, String)>,
    /// It may send with the null path (bounces).
    pub null_sender: bool,
    /// Where its mail may go.
    pub reach: Reach,
    /// Recipients of one message.
    pub max_recipients: NonZeroU32,
    /// Messages taken in any hour.
    pub max_per_hour: NonZeroU32,
    /// Whom its people ask ([`Settings::contact`]).
    pub contact: Arc<str>,
}

impl Application {
    /// Whether this client is it. `login`: as whom the client has logged in.
    fn is(&self, client: IpAddr, login: Option<&Login>) -> bool {
        let connects = self.networks.is_empty() || network::is_in(client, &self.networks);
        // With neither it would be everybody; the registry refuses such an entry, and this line does again.
        let known = self.login.is_some() || !self.networks.is_empty();
        known && connects && self.login.as_ref() == login
    }

    /// Whether its review is due: the day has passed, in UTC.
    pub fn is_review_due(&self, today: Date) -> bool {
        self.review_by < today
    }
}

/// The registry.
#[derive(Clone, Debug, Default)]
pub struct Applications {
    entries: Vec<Arc<Application>>,
    internet_next_hop: Option<NextHopName>,
    contact: Arc<str>,
}

impl Applications {
    /// All of them, in file order.
    pub fn entries(&self) -> &[Arc<Application>] {
        &self.entries
    }

    /// Where their mail to the internet goes, if any of it may.
    pub fn internet_next_hop(&self) -> Option<&NextHopName> {
        self.internet_next_hop.as_ref()
    }

    /// The one of this name.
    pub fn named(&self, id: &str) -> Option<&Arc<Application>> {
        self.entries.iter().find(|entry| &*entry.id == id)
    }

    /// The one that this client is. Whoever has logged in is the application of that login and no other, whatever its network.
    pub fn of(&self, client: IpAddr, login: Option<&Login>) -> Option<&Arc<Application>> {
        self.entries.iter().find(|entry| entry.is(client, login))
    }

    /// The login of this name, if somebody who connects from there may have it.
    pub fn login(&self, name: &str, client: IpAddr) -> Option<&Login> {
        let is = |login: &&Login| login.name == name && self.of(client, Some(login)).is_some();
        self.entries.iter().filter_map(|entry| entry.login.as_ref()).find(is)
    }

    /// Whether any of them logs in.
    pub fn has_logins(&self) -> bool {
        self.entries.iter().any(|entry| entry.login.is_some())
    }
}

impl fmt::Display for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}
