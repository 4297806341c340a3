//! How many connections there are, in all and from each network, and how many each network may open in a minute: bounded tables.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use ipnet::IpNet;

use crate::{
    policy::{
        network::{self, Network},
        rate::Rates,
    },
    record::attempts::Attempt,
};

/// The limits.
#[derive(Debug)]
pub struct Limits {
    /// In all.
    pub total: usize,
    /// From one IPv4 address or one IPv6 /64: whoever has one address of a /64 has them all.
    pub per_network: usize,
    /// New ones from each network; none: as many as it likes.
    pub rate: Option<Rates>,
    /// Networks without the limit per network.
    pub unlimited: Vec<IpNet>,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Too many in all.
    Total,
    /// Too many from this network.
    Network,
    /// Too many from this network in a minute.
    Rate,
}

impl Full {
    /// The label of the metric.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Network => "network",
            Self::Rate => "rate",
        }
    }

    /// How it is counted.
    pub fn attempt(self) -> Attempt {
        match self {
            Self::Total => Attempt::TooManyConnections,
            Self::Network => Attempt::TooManyOfNetwork,
            Self::Rate => Attempt::TooFast,
        }
    }
}

/// Counts connections. Its table never has more rows than there are connections.
#[derive(Debug)]
pub struct Connections {
    limits: Limits,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    networks: HashMap<Network, usize>,
    turned_away: u64,
}

/// One counted connection; dropping it counts down.
#[derive(Debug)]
pub struct Counted {
    connections: Arc<Connections>,
    /// None while it is not known whose it is.
    network: Option<Network>,
}

impl Connections {
    /// None yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, counts: Mutex::default() })
    }

    /// Counts one more, unless there are too many.
    pub fn enter(self: &Arc<Self>, client: IpAddr, now: Instant) -> Result<Counted, Full> {
        self.enter_unnamed()?.of(client, now)
    }

    /// Counts one more of which nobody knows yet whose it is: in the total only, unless that is full.
    pub fn enter_unnamed(self: &Arc<Self>) -> Result<Counted, Full> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.limits.total {
            counts.turned_away = counts.turned_away.saturating_add(1);
            return Err(Full::Total);
        }
        counts.total = counts.total.saturating_add(1);
        Ok(Counted { connections: self.clone(), network: None })
    }

    /// Counts one of this network, unless there are too many.
    fn name(&self, client: IpAddr, now: Instant) -> Result<Network, Full> {
        let network = Network::of(client);
        let unlimited = self.is_unlimited(client);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let from_network = counts.networks.get(&network).copied().unwrap_or_default();
        if from_network >= self.limits.per_network && !unlimited {
            return Err(Full::Network);
        }
        // Before the network has a row: whoever is turned away here has no connection that would take it out again.
        if !self.limits.rate.as_ref().is_none_or(|rate| rate.take(client, now)) {
            return Err(Full::Rate);
        }
        counts.networks.insert(network, from_network.saturating_add(1));
        Ok(network)
    }

    /// Whether this client is of a network without limits of its own.
    pub fn is_unlimited(&self, client: IpAddr) -> bool {
        network::is_in(client, &self.limits.unlimited)
    }

    /// How many were turned away because there were too many in all.
    pub fn turned_away(&self) -> u64 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).turned_away
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Counted {
    /// It is this client's, and counts for its network from now on. Full: it does not count at all any more.
    pub fn of(mut self, client: IpAddr, now: Instant) -> Result<Self, Full> {
        self.forget_network();
        self.network = Some(self.connections.name(client, now)?);
        Ok(self)
    }

    fn forget_network(&mut self) {
        let Some(network) = self.network.take() else { return };
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.networks.get_mut(&network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.networks.remove(&network);
            }
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.forget_network();
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total = counts.total.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(total: usize, per_network: usize) -> Arc<Connections> {
        Connections::new(Limits { total, per_network, rate: None, unlimited: vec!["10.0.0.0/8".parse().unwrap()] })
    }

    #[expect(clippy::disallowed_methods, reason = "there is no other way to an Instant")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn one_network_cannot_take_all_and_what_ends_is_forgotten() {
        let connections = connections(10, 2);
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        let first = connections.enter(client, now()).unwrap();
        let _second = connections.enter("::ffff:192.0.2.1".parse().unwrap(), now()).unwrap();
        assert_eq!(connections.enter(client, now()).unwrap_err(), Full::Network);
        drop(first);
        assert!(connections.enter(client, now()).is_ok());
        assert_eq!(connections.total(), 1);
        assert_eq!(connections.counts.lock().unwrap().networks.len(), 1, "the table is no larger than what it counts");
    }

    #[test]
    fn a_whole_64_counts_as_one_network() {
        let connections = connections(10, 1);
        let _first = connections.enter("2001:db8::1".parse().unwrap(), now()).unwrap();
        assert_eq!(connections.enter("2001:db8::ffff:1".parse().unwrap(), now()).unwrap_err(), Full::Network);
        assert!(connections.enter("2001:db8:0:1::1".parse().unwrap(), now()).is_ok());
    }

    /// A balancer's connection, until its header is read.
    #[test]
    fn one_that_is_not_named_yet_counts_in_all_and_then_for_its_own_network() {
        let connections = connections(3, 1);
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        let (first, second, third) =
            (connections.enter_unnamed(), connections.enter_unnamed(), connections.enter_unnamed());
        assert_eq!(connections.enter_unnamed().unwrap_err(), Full::Total);
        assert!(connections.counts.lock().unwrap().networks.is_empty());
        let named = first.unwrap().of(client, now()).unwrap();
        assert_eq!(second.unwrap().of(client, now()).unwrap_err(), Full::Network);
        assert_eq!(connections.total(), 2, "who is turned away counts no more");
        let other = third.unwrap().of("192.0.2.2".parse().unwrap(), now()).unwrap();
        drop((named, other));
        assert_eq!(connections.total(), 0);
        assert!(connections.counts.lock().unwrap().networks.is_empty());
    }

    #[test]
    fn own_networks_are_limited_only_in_all() {
        let connections = connections(2, 1);
        let kept: Vec<_> = (0..3).map(|_| connections.enter("10.1.1.1".parse().unwrap(), now())).collect();
        assert_eq!(kept.iter().filter(|entered| entered.is_ok()).count(), 2);
        assert_eq!(connections.turned_away(), 1);
    }

    #[test]
    fn who_comes_too_often_is_turned_away_and_leaves_no_row() {
        let unlimited = vec!["10.0.0.0/8".parse().unwrap()];
        let rate = Some(Rates::new(3.try_into().unwrap(), unlimited.clone()));
        let connections = Connections::new(Limits { total: 100, per_network: 2, rate, unlimited });
        let (client, begin) = ("192.0.2.1".parse().unwrap(), now());
        for _ in 0..3 {
            drop(connections.enter(client, begin).unwrap());
        }
        assert_eq!(connections.enter(client, begin).unwrap_err(), Full::Rate);
        assert!(connections.counts.lock().unwrap().networks.is_empty(), "a row that nobody takes out");
        assert_eq!(connections.total(), 0);
        assert!(connections.enter("192.0.2.2".parse().unwrap(), begin).is_ok(), "others are served");
        assert!((0..10).all(|_| connections.enter("10.1.1.1".parse().unwrap(), begin).is_ok()));
        assert!(connections.enter(client, begin + std::time::Duration::from_secs(20)).is_ok(), "and it, too, in time");
    }
}
