//! Next hops: connections opened, introduced, encrypted, pooled; addresses in order of health.

use std::{path::PathBuf, time::Duration};

use crate::{policy::route::NextHopName, smtp::client::TlsWish};

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
}

/// How next hops are spoken to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// All of them.
    pub next_hops: Vec<NextHopSettings>,
    /// Our name in EHLO.
    pub hostname: String,
    /// TCP connect.
    pub connect_timeout: Duration,
    /// Each reply of the introduction.
    pub reply_timeout: Duration,
}
