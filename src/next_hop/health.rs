//! The addresses of one next hop in the order in which they are to be tried.
//!
//! In: what became of each attempt, and the time as a value. Out: an order, and what is known of each address. It opens nothing.

use std::time::Duration;

use tokio::time::Instant;

use super::connect::Address;
use crate::smtp::extension::Capabilities;

/// How long an address stands back after its first failure.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
/// And at most, after many.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5 * 60);

/// All addresses of one next hop, in the configured order of preference.
#[derive(Debug)]
pub(super) struct Health(Vec<AddressHealth>);

/// One address.
#[derive(Debug)]
pub(super) struct AddressHealth {
    /// As configured.
    pub address: Address,
    /// Why it is unhealthy; `None`: it is not.
    pub last_error: Option<String>,
    /// What it offered when last introduced; kept while it is down.
    pub seen: Option<Capabilities>,
    failures: u32,
    stands_back_until: Option<Instant>,
}

impl Health {
    pub(super) fn new(addresses: impl IntoIterator<Item = Address>) -> Self {
        let fresh =
            |address| AddressHealth { address, last_error: None, seen: None, failures: 0, stands_back_until: None };
        Self(addresses.into_iter().map(fresh).collect())
    }

    /// Each address once: those that may be tried in order of preference, then those that stand back, the one whose time is up
    /// soonest first. When all are down, all are tried all the same: a message waits for it.
    pub(super) fn order(&self, now: Instant) -> Vec<(usize, Address)> {
        let mut order: Vec<_> = self.0.iter().enumerate().collect();
        // A stable sort: equal keys keep the order of preference.
        order.sort_by_key(|(_, address)| address.stands_back_until.filter(|until| *until > now));
        order.into_iter().map(|(nth, address)| (nth, address.address.clone())).collect()
    }

    /// The n-th is being tried. One that failed before stands back again at once, so that one session finds out whether it is
    /// back and the others do not wait for it as well.
    pub(super) fn trying(&mut self, nth: usize, now: Instant) {
        if let Some(address) = self.0.get_mut(nth)
            && address.failures > 0
        {
            address.stands_back_until = Some(now + backoff(address.failures));
        }
    }

    /// The n-th is ready for mail. True if it was not before.
    pub(super) fn succeeded(&mut self, nth: usize, capabilities: &Capabilities) -> bool {
        let Some(address) = self.0.get_mut(nth) else { return false };
        address.failures = 0;
        address.stands_back_until = None;
        address.seen = Some(capabilities.clone());
        address.last_error.take().is_some()
    }

    /// What an earlier run saw of an address; what this one saw itself counts more.
    pub(super) fn remember(&mut self, address: &str, seen: &Capabilities) {
        if let Some(known) = self.0.iter_mut().find(|known| known.address.to_string() == address) {
            known.seen.get_or_insert_with(|| seen.clone());
        }
    }

    /// The n-th is not. True if it was before.
    pub(super) fn failed(&mut self, nth: usize, error: String, now: Instant) -> bool {
        let Some(address) = self.0.get_mut(nth) else { return false };
        address.failures = address.failures.saturating_add(1);
        address.stands_back_until = Some(now + backoff(address.failures));
        address.last_error.replace(error).is_none()
    }

    /// All of them, in the configured order.
    pub(super) fn addresses(&self) -> &[AddressHealth] {
        &self.0
    }

    /// What every address seen so far can do (decision 13); `None` if none was seen.
    pub(super) fn seen(&self) -> Option<Capabilities> {
        Capabilities::common(self.0.iter().filter_map(|address| address.seen.clone()))
    }
}

/// 10 s, doubled with each failure in a row, up to 5 minutes.
fn backoff(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_BACKOFF.saturating_mul(doubled).min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        Health::new(["a:25", "b:25", "c:25"].map(|text| Address::parse(text).unwrap()))
    }

    /// The order at `now`, as the configured positions.
    fn order(health: &Health, now: Instant) -> Vec<usize> {
        health.order(now).into_iter().map(|(nth, _)| nth).collect()
    }

    #[test]
    fn an_address_that_fails_stands_back_and_returns_to_its_place() {
        let (mut health, start) = (health(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(order(&health, at(0)), [0, 1, 2]);
        assert!(health.failed(0, "refused".into(), at(0)));
        assert_eq!(order(&health, at(9)), [1, 2, 0]);
        assert_eq!(order(&health, at(10)), [0, 1, 2]);
        // All down: the one that is due first leads.
        assert!(health.failed(2, "refused".into(), at(1)));
        assert!(health.failed(1, "refused".into(), at(2)));
        assert_eq!(order(&health, at(3)), [0, 2, 1]);
    }

    #[test]
    fn the_backoff_doubles_to_five_minutes_and_a_success_clears_it() {
        let (mut health, mut now) = (health(), Instant::now());
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(health.failed(0, "refused".into(), now), seconds == 10, "only the first failure is news");
            let due = now + Duration::from_secs(seconds);
            assert_eq!(order(&health, due - Duration::from_millis(1)), [1, 2, 0], "{seconds}");
            assert_eq!(order(&health, due), [0, 1, 2], "{seconds}");
            now = due;
        }
        assert!(health.succeeded(0, &Capabilities::default()));
        assert!(!health.succeeded(0, &Capabilities::default()));
        assert!(health.failed(0, "refused".into(), now));
        assert_eq!(order(&health, now + Duration::from_secs(10)), [0, 1, 2]);
        assert_eq!(backoff(u32::MAX), LONGEST_BACKOFF);
    }

    #[test]
    fn only_one_session_finds_out_whether_an_address_is_back() {
        let (mut health, start) = (health(), Instant::now());
        let due = start + Duration::from_secs(10);
        health.failed(0, "refused".into(), start);
        assert_eq!(order(&health, due), [0, 1, 2]);
        health.trying(0, due);
        assert_eq!(order(&health, due), [1, 2, 0]);
        // Trying a healthy one changes nothing.
        health.trying(1, due);
        assert_eq!(order(&health, due), [1, 2, 0]);
    }

    #[test]
    fn what_was_seen_is_what_all_addresses_have_and_outlives_a_failure() {
        let (mut health, now) = (health(), Instant::now());
        assert_eq!(health.seen(), None);
        let both = Capabilities { dsn: true, smtputf8: true, ..Capabilities::default() };
        let one = Capabilities { dsn: true, ..Capabilities::default() };
        health.succeeded(0, &both);
        assert_eq!(health.seen(), Some(both));
        health.succeeded(1, &one);
        health.failed(1, "gone".into(), now);
        assert_eq!(health.seen(), Some(one));
    }
}
