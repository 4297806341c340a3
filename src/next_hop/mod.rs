//! Next hops: connections opened, introduced, encrypted, pooled; addresses in order of health.
//!
//! In: [`Settings`], and sessions that need a connection. Out: [`Lease`]s, and what is known about each next hop. What is
//! said over a lease, and what a reply means for a message, is not known here.
//!
//! | file | what it does |
//! |---|---|
//! | `pool` | the connections of one next hop: lent, reset where an envelope was left, kept for a while, closed |
//! | `turns` | whose turn it is, and who is called to let go |
//! | `lease` | one connection lent to one session |
//! | `health` | the addresses of one next hop in the order in which they are tried |
//! | `connect` | from an address to a connection that is ready for MAIL |
//! | `tls`, `stream` | with whom we encrypt; octets in clear or under TLS |

mod connect;
mod health;
mod lease;
mod pool;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod turns;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::pki_types::ServerName;

pub use lease::Lease;
pub use tls::{TrustFault, tls_facts, verifying_connector};

use self::{
    connect::{Address, Dialler, Encryption},
    health::Health,
    pool::{Hop, Tasks},
};
use crate::{
    policy::route::NextHopName,
    relay::event::{NextHopFailure, OpenNextHop},
    smtp::{client::TlsWish, extension::Capabilities},
};

/// One `[[next_hop]]`.
#[derive(Clone, Debug)]
pub struct NextHopSettings {
    /// Its name.
    pub name: NextHopName,
    /// `host:port`, in order of preference.
    pub addresses: Vec<String>,
    /// Encryption.
    pub tls: TlsWish,
    /// Trust anchors for `required`; none: the system's.
    pub ca: Option<PathBuf>,
    /// The name that its certificate must carry; none: the host of the address.
    pub server_name: Option<String>,
    /// Connections at most.
    pub max_connections: usize,
    /// A connection is not reused when it is older.
    pub connection_lifetime: Duration,
    /// It is told who the client is, if it offers XFORWARD.
    pub xforward: bool,
}

/// How next hops are spoken to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// All of them.
    pub next_hops: Vec<NextHopSettings>,
    /// Our name in EHLO.
    pub hostname: String,
    /// TCP connect, the name's resolution included.
    pub connect_timeout: Duration,
    /// Each reply of the introduction, and the TLS handshake.
    pub reply_timeout: Duration,
}

/// What is wrong with the settings of one next hop.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFaultKind {
    /// Another one has the same name.
    #[error("the name is used twice")]
    Duplicate,
    /// It has no address.
    #[error("it has no address")]
    NoAddress,
    /// Not `host:port`.
    #[error("not an address of the form host:port: {0}")]
    Address(String),
    /// No connection would ever be had.
    #[error("max_connections is 0")]
    NoConnections,
    /// Not a name that a certificate could carry; a host under required TLS without `server_name` must be one.
    #[error("not a name that a certificate can carry: {0}")]
    ServerName(String),
    /// Whom to trust cannot be told.
    #[error(transparent)]
    Trust(#[from] TrustFault),
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[error("next hop {name}: {kind}", name = name.0)]
pub struct SettingsFault {
    /// Of which next hop.
    pub name: NextHopName,
    /// What.
    pub kind: SettingsFaultKind,
}

/// One next hop as `portaria status` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextHopStatus {
    /// Its name.
    pub name: NextHopName,
    /// Its addresses in the configured order.
    pub addresses: Vec<AddressStatus>,
    /// Connections kept for reuse.
    pub idle: usize,
    /// Connections lent, being opened, or being reset.
    pub in_use: usize,
    /// All connections at most.
    pub max_connections: usize,
    /// What every address seen so far offers; none: never seen.
    pub seen: Option<Capabilities>,
}

/// One address of a next hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddressStatus {
    /// `host:port` as configured.
    pub address: String,
    /// It was ready for mail when last tried, or was not tried yet.
    pub healthy: bool,
    /// Why it is not.
    pub last_error: Option<String>,
    /// What it offered when last introduced.
    pub seen: Option<Capabilities>,
}

/// Names resolved at once, for all next hops together.
const RESOLVING: usize = 8;

/// All next hops. Needs a tokio runtime with I/O and time.
#[derive(Debug)]
pub struct NextHops {
    hops: BTreeMap<NextHopName, Arc<Hop>>,
    tasks: Tasks,
}

impl NextHops {
    /// Checks the settings and loads certificates (the system's only if some next hop needs them); opens no connection.
    pub fn new(settings: Settings) -> Result<Self, SettingsFault> {
        let hostname: Arc<str> = settings.hostname.into();
        let resolving = Arc::new(Semaphore::new(RESOLVING));
        let mut hops = BTreeMap::new();
        for one in settings.next_hops {
            let name = one.name.clone();
            let fault = |kind| SettingsFault { name: name.clone(), kind };
            let dialler = Dialler {
                hostname: Arc::clone(&hostname),
                encryption: encryption(&one).map_err(|trust| fault(trust.into()))?,
                server_name: one.server_name.as_deref().map(certificate_name).transpose().map_err(fault)?,
                connect_timeout: settings.connect_timeout,
                reply_timeout: settings.reply_timeout,
                forward: one.xforward,
                resolving: Arc::clone(&resolving),
            };
            let hop = Hop::new(one.clone(), dialler, Health::new(addresses(&one).map_err(fault)?));
            if hops.insert(name.clone(), Arc::new(hop)).is_some() {
                return Err(fault(SettingsFaultKind::Duplicate));
            }
        }
        Ok(Self { hops, tasks: Tasks::default() })
    }

    /// A connection that is ready for MAIL: an idle one if there is one and `fresh` was not asked for, else a new one. At
    /// `request.until` it gives up: `Busy` while it waited for a free connection, `Unreachable` while it connected.
    ///
    /// May be dropped at any time: nothing is lost but the connection being opened.
    pub async fn lease(&self, request: &OpenNextHop) -> Result<Lease, NextHopFailure> {
        self.hop(&request.name)?.lease(request, &self.tasks).await
    }

    /// What the next hop was last seen to offer, on every address seen so far; kept while it is down (decision 13).
    pub fn seen(&self, name: &NextHopName) -> Option<Capabilities> {
        self.hops.get(name)?.seen()
    }

    /// Takes over what an earlier run saw an address of a next hop offer. Without it a restart would offer less for a moment, and
    /// a client whose message needs SMTPUTF8 bounces it in that moment (seen with Postfix 3.7).
    pub fn remember(&self, name: &NextHopName, address: &str, seen: &Capabilities) {
        if let Some(hop) = self.hops.get(name) {
            hop.remember(address, seen);
        }
    }

    /// Introduces ourselves to each address of the next hop, says MAIL with an empty reverse-path, and QUIT; health and `seen` are brought up to date. Uses a
    /// connection of its `max_connections`, and says `Busy` if none becomes free within the connect timeout.
    pub async fn probe(&self, name: &NextHopName) -> Result<Capabilities, NextHopFailure> {
        self.hop(name)?.probe().await
    }

    /// All next hops by name.
    pub fn status(&self) -> Vec<NextHopStatus> {
        self.hops.values().map(|hop| hop.status()).collect()
    }

    /// Closes idle connections with QUIT, keeps none from now on, and waits for all work in the background. Leases still out are
    /// not waited for. Bounded by the reply timeout.
    pub async fn close(&self) {
        self.tasks.closing.cancel();
        self.tasks.tracker.close();
        self.tasks.tracker.wait().await;
    }

    fn hop(&self, name: &NextHopName) -> Result<&Arc<Hop>, NextHopFailure> {
        self.hops.get(name).ok_or_else(|| NextHopFailure::Unreachable(format!("no next hop is named {}", name.0)))
    }
}

fn encryption(settings: &NextHopSettings) -> Result<Encryption, TrustFault> {
    Ok(match settings.tls {
        TlsWish::Off => Encryption::Off,
        TlsWish::Opportunistic => Encryption::Opportunistic(tls::opportunistic()?),
        TlsWish::Required => Encryption::Required(tls::verifying_connector(settings.ca.as_deref())?),
    })
}

/// The addresses, at least one; each with a host that can be checked in a certificate where that is going to be done.
fn addresses(settings: &NextHopSettings) -> Result<Vec<Address>, SettingsFaultKind> {
    if settings.addresses.is_empty() {
        return Err(SettingsFaultKind::NoAddress);
    }
    if settings.max_connections == 0 {
        return Err(SettingsFaultKind::NoConnections);
    }
    let checked = settings.tls == TlsWish::Required && settings.server_name.is_none();
    let parse = |text: &String| {
        let address = Address::parse(text).ok_or_else(|| SettingsFaultKind::Address(text.clone()))?;
        if checked {
            certificate_name(&address.host)?;
        }
        Ok(address)
    };
    settings.addresses.iter().map(parse).collect()
}

fn certificate_name(name: &str) -> Result<ServerName<'static>, SettingsFaultKind> {
    ServerName::try_from(name.to_owned()).map_err(|_| SettingsFaultKind::ServerName(name.to_owned()))
}
