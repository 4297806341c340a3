//! How many of something one network may have in a minute: a token bucket a network, in a table that never grows.
//!
//! In: who asks, and the time as a value. Out: yes or no. It knows neither what is counted nor what a client is told.
//!
//! A bucket holds a minute's worth, so that an MTA whose queue was stuck is served at once, and fills steadily. All that a row needs is
//! the time at which its bucket is full again (the generic cell rate algorithm, ITU-T I.371); once that has passed, the row says
//! nothing that no row would not say.
//!
//! The table is cut into small sets, as a processor's cache is. A network belongs to one set, by a keyed hash that nobody outside can
//! aim at. When its set is full, the row with the **fullest** bucket goes: it forgets the least, and whoever has spent most stays
//! longest. A newcomer is never refused because others flood, and no call looks at more than one set.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ipnet::IpNet;

use super::network::{self, Network};

/// Sets of the table …
const SETS: usize = 8_192;
/// … and rows of a set: 65,536 networks. 64 KiB while nobody has come, since a set is made by its first network; 2.3 MiB when all are there.
const WAYS: usize = 8;

const MINUTE: Duration = Duration::from_secs(60);

/// How often each network may have something. Shared by all that ask.
pub struct Rates {
    /// A bucket gains one in this time.
    interval: Duration,
    unlimited: Vec<IpNet>,
    hash: RandomState,
    sets: Mutex<Box<[Option<Box<Set>>]>>,
}

type Set = [Option<Row>; WAYS];

#[derive(Clone, Copy)]
struct Row {
    network: Network,
    /// Its bucket is full then.
    full_at: Instant,
}

impl Rates {
    /// So many a minute, and so many at once; `unlimited`: networks that are not counted.
    pub fn new(per_minute: NonZeroU32, unlimited: Vec<IpNet>) -> Self {
        let sets = vec![None; SETS].into_boxed_slice();
        Self { interval: MINUTE / per_minute.get(), unlimited, hash: RandomState::new(), sets: Mutex::new(sets) }
    }

    /// Takes one for this client's network, if there is one left. Whoever is refused has taken nothing.
    pub fn take(&self, client: IpAddr, now: Instant) -> bool {
        if network::is_in(client, &self.unlimited) {
            return true;
        }
        let network = Network::of(client);
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let index = self.hash.hash_one(network) as usize % SETS;
        let Some(set) = sets.get_mut(index) else { return true };
        let set = set.get_or_insert_with(|| Box::new([None; WAYS]));
        let own = set.iter().flatten().find(|row| row.network == network);
        let full_at = own.map_or(now, |row| row.full_at.max(now)) + self.interval;
        if full_at > now + MINUTE {
            return false;
        }
        if let Some(place) = place(set, network) {
            *place = Some(Row { network, full_at });
        }
        true
    }

    /// Whether this client's network has none left. Takes nothing.
    pub fn is_spent(&self, client: IpAddr, now: Instant) -> bool {
        if network::is_in(client, &self.unlimited) {
            return false;
        }
        let network = Network::of(client);
        let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let set = sets.get(self.hash.hash_one(network) as usize % SETS);
        let row = set.and_then(Option::as_ref).and_then(|set| set.iter().flatten().find(|row| row.network == network));
        row.is_some_and(|row| row.full_at.max(now) + self.interval > now + MINUTE)
    }

    #[cfg(test)]
    fn rows(&self) -> usize {
        self.sets.lock().unwrap().iter().flatten().flat_map(|set| set.iter()).flatten().count()
    }
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rates").field("interval", &self.interval).finish_non_exhaustive()
    }
}

/// The network's own row; else an empty one, else the one whose bucket is the fullest.
fn place(set: &mut Set, network: Network) -> Option<&mut Option<Row>> {
    let rank = |row: &Option<Row>| match row {
        Some(row) if row.network == network => (0, None),
        None => (1, None),
        Some(row) => (2, Some(row.full_at)),
    };
    set.iter_mut().min_by_key(|row| rank(row))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn rates(per_minute: u32) -> Rates {
        Rates::new(NonZeroU32::new(per_minute).unwrap(), vec!["10.0.0.0/8".parse().unwrap()])
    }

    #[expect(clippy::disallowed_methods, reason = "there is no other way to an Instant")]
    fn now() -> Instant {
        Instant::now()
    }

    fn taken(rates: &Rates, client: IpAddr, now: Instant, times: u32) -> u32 {
        (0..times).map(|_| u32::from(rates.take(client, now))).sum()
    }

    #[test]
    fn a_bucket_holds_a_minutes_worth_and_fills_steadily() {
        let (rates, begin) = (rates(60), now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(taken(&rates, client, begin, 100), 60);
        assert_eq!(taken(&rates, client, at(1), 100), 1, "who was refused forty times has not paid for it");
        assert_eq!(taken(&rates, client, at(11), 100), 10);
        assert_eq!(taken(&rates, client, at(3_600), 100), 60, "no more than a minute's worth is saved");
        // Time that stands still or goes back gives nothing.
        assert_eq!(taken(&rates, client, begin, 100), 0);
        // Numbers by which a minute cannot be divided are kept too.
        for per_minute in [1, 7, 59, 61, 600, 1_800, 1_000_000] {
            assert_eq!(taken(&self::rates(per_minute), client, begin, per_minute + 5), per_minute);
        }
    }

    #[test]
    fn whoever_looks_whether_one_is_left_takes_none() {
        let (rates, now) = (rates(3), now());
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        for left in [3, 2, 1] {
            assert!(!rates.is_spent(client, now), "{left} are left");
            assert!(rates.take(client, now));
        }
        assert!(rates.is_spent(client, now) && !rates.take(client, now));
        assert!(!rates.is_spent(client, now + Duration::from_secs(20)), "one came back");
        assert!(
            !rates.is_spent("10.1.1.1".parse().unwrap(), now) && !rates.is_spent("192.0.2.2".parse().unwrap(), now)
        );
    }

    #[test]
    fn networks_do_not_pay_for_each_other_and_own_ones_not_at_all() {
        let (rates, now) = (rates(2), now());
        let of = |client: &str| taken(&rates, client.parse().unwrap(), now, 5);
        assert_eq!(of("192.0.2.1"), 2);
        assert_eq!(of("::ffff:192.0.2.1"), 0, "the same address in another dress");
        assert_eq!(of("192.0.2.2"), 2);
        assert_eq!(of("2001:db8::1"), 2);
        assert_eq!(of("2001:db8::2"), 0, "a /64 is one network");
        assert_eq!(of("10.1.1.1") + of("::ffff:10.1.1.1"), 10);
    }

    /// Three tables are in every gateway, and most have the clients of a few networks.
    #[test]
    fn a_set_is_made_by_its_first_network() {
        let (rates, now) = (rates(2), now());
        let sets = || rates.sets.lock().unwrap().iter().flatten().count();
        let (own, client) = ("10.1.1.1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        assert!(rates.take(own, now) && !rates.is_spent(client, now));
        assert_eq!(sets(), 0);
        assert_eq!((taken(&rates, client, now, 5), sets()), (2, 1));
    }

    /// A million networks, as many as whoever has a /44 has: the table stays as large as it is, no newcomer is refused, and the one
    /// that spent all it had is not forgotten for them.
    #[test]
    fn the_table_never_grows_and_forgets_whoever_asked_least() {
        let (rates, now) = (rates(60), now());
        let greedy: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
        assert_eq!(taken(&rates, greedy, now, 60), 60);
        for number in 0..1_000_000_u128 {
            let client = Ipv6Addr::from_bits(0x2001_0db8 << 96 | number << 64 | 1).into();
            assert!(rates.take(client, now), "newcomer {number} is refused because others flood");
        }
        assert!(rates.rows() <= SETS * WAYS, "{} rows", rates.rows());
        assert!(rates.rows() > SETS * WAYS / 2, "and it is used");
        assert!(!rates.take(greedy, now), "its empty bucket was thrown away for full ones");
    }
}
