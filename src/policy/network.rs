//! Whom a limit counts: one IPv4 address, or one IPv6 /64. Whoever has one address of a /64 has them all. And who stands in a list
//! of networks.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;

/// Whether `client` is in one of `networks`. A dual-stack socket reports IPv4 clients as `::ffff:192.0.2.1`: they are what they are.
pub fn is_in(client: IpAddr, networks: &[IpNet]) -> bool {
    let client = client.to_canonical();
    networks.iter().any(|network| network.contains(&client))
}

/// One IPv4 address (also one that comes mapped into IPv6), or one IPv6 /64. Shown as `192.0.2.1`, `2001:db8::/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    /// One address.
    V4(Ipv4Addr),
    /// The upper 64 bits of an address.
    V6(u64),
}

impl Network {
    /// Where a client is.
    pub fn of(client: IpAddr) -> Self {
        match client.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self::V6(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(v4) => v4.fmt(f),
            Self::V6(upper) => write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(*upper) << 64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_client_is_in_its_own_network() {
        let networks: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        let rows = [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("2001:db8::1", true),
            ("192.0.2.1", false),
            ("::1", false),
        ];
        for (client, expected) in rows {
            assert_eq!(is_in(client.parse().unwrap(), &networks), expected, "{client}");
        }
    }

    #[test]
    fn a_network_is_an_address_or_a_64() {
        let rows = [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::/64"),
            ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"),
            ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ];
        for (client, expected) in rows {
            assert_eq!(Network::of(client.parse().unwrap()).to_string(), expected, "{client}");
        }
    }
}
