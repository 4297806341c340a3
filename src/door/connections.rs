//! How many connections there are, in all and from each network: a bounded table.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use ipnet::IpNet;

/// The limits.
#[derive(Clone, Debug)]
pub struct Limits {
    /// In all.
    pub total: usize,
    /// From one IPv4 address or one IPv6 /64: whoever has one address of a /64 has them all.
    pub per_network: usize,
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
    networks: HashMap<IpAddr, usize>,
    turned_away: u64,
}

/// One counted connection; dropping it counts down.
#[derive(Debug)]
pub struct Counted {
    connections: Arc<Connections>,
    /// None while it is not known whose it is.
    network: Option<IpAddr>,
}

impl Connections {
    /// None yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, counts: Mutex::default() })
    }

    /// Counts one more, unless there are too many.
    pub fn enter(self: &Arc<Self>, client: IpAddr) -> Result<Counted, Full> {
        self.enter_unnamed()?.of(client)
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
    fn name(&self, client: IpAddr) -> Result<IpAddr, Full> {
        let network = network_of(client);
        let unlimited = self.limits.unlimited.iter().any(|range| range.contains(&client.to_canonical()));
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let from_network = counts.networks.entry(network).or_default();
        if *from_network >= self.limits.per_network && !unlimited {
            return Err(Full::Network);
        }
        *from_network = from_network.saturating_add(1);
        Ok(network)
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
    pub fn of(mut self, client: IpAddr) -> Result<Self, Full> {
        self.forget_network();
        self.network = Some(self.connections.name(client)?);
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

/// The address itself for IPv4 (also when it comes mapped into IPv6), the /64 for IPv6.
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits())),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(total: usize, per_network: usize) -> Arc<Connections> {
        Connections::new(Limits { total, per_network, unlimited: vec!["10.0.0.0/8".parse().unwrap()] })
    }

    #[test]
    fn one_network_cannot_take_all_and_what_ends_is_forgotten() {
        let connections = connections(10, 2);
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        let first = connections.enter(client).unwrap();
        let _second = connections.enter("::ffff:192.0.2.1".parse().unwrap()).unwrap();
        assert_eq!(connections.enter(client).unwrap_err(), Full::Network);
        drop(first);
        assert!(connections.enter(client).is_ok());
        assert_eq!(connections.total(), 1);
        assert_eq!(connections.counts.lock().unwrap().networks.len(), 1, "the table is no larger than what it counts");
    }

    #[test]
    fn a_whole_64_counts_as_one_network() {
        let connections = connections(10, 1);
        let _first = connections.enter("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(connections.enter("2001:db8::ffff:1".parse().unwrap()).unwrap_err(), Full::Network);
        assert!(connections.enter("2001:db8:0:1::1".parse().unwrap()).is_ok());
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
        let named = first.unwrap().of(client).unwrap();
        assert_eq!(second.unwrap().of(client).unwrap_err(), Full::Network);
        assert_eq!(connections.total(), 2, "who is turned away counts no more");
        let other = third.unwrap().of("192.0.2.2".parse().unwrap()).unwrap();
        drop((named, other));
        assert_eq!(connections.total(), 0);
        assert!(connections.counts.lock().unwrap().networks.is_empty());
    }

    #[test]
    fn own_networks_are_limited_only_in_all() {
        let connections = connections(2, 1);
        let kept: Vec<_> = (0..3).map(|_| connections.enter("10.1.1.1".parse().unwrap())).collect();
        assert_eq!(kept.iter().filter(|entered| entered.is_ok()).count(), 2);
        assert_eq!(connections.turned_away(), 1);
    }
}
