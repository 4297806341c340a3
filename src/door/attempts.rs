//! What is counted instead of being recorded one by one, so that a flood cannot fill the disk (decision 29).
//!
//! In: connections that brought no MAIL, and records of transactions of which nothing was taken, with the time as a value. Out: which of
//! these records are still written, and once a minute one journal entry with the counts of the others. Every table here has a
//! fixed largest size, whoever comes from however many networks.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use ipnet::IpNet;

use super::gateway::{Gateway, now};
use crate::{
    policy::network::{self, Network},
    record::{
        Record, TransactionId, UnixMillis,
        attempts::{Count, Counts, refusal},
        unix_millis,
    },
};

/// Records of refusals that one network has in a minute; those beyond are counted.
const RECORDS: u32 = 10;
/// Records of refusals that all networks together have in a minute: whoever has a /48 has 65,536 networks. 1.4 million a day, and some
/// 1 KiB each.
const RECORDS_OF_ALL: u32 = 1_000;
/// Rows of one entry; what comes when they are full is counted for [`OTHER`].
const ROWS: usize = 1_024;
/// The network of what came when the rows were full.
const OTHER: &str = "other";
const MINUTE: UnixMillis = 60_000;

/// The counts since the last entry.
#[derive(Debug)]
pub struct Attempts {
    /// Our own MTAs: what they hand on is refused for others' sake, and is searched for. They have no ten, only the thousand.
    unlimited: Vec<IpNet>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// The minute that `records` are of.
    minute: UnixMillis,
    /// Records that each network had in it; never more rows than [`RECORDS_OF_ALL`].
    records: HashMap<Network, u32>,
    records_of_all: u32,
    counts: HashMap<Key, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    minute: UnixMillis,
    /// None: [`OTHER`].
    network: Option<Network>,
    listener: String,
    reason: String,
}

impl Attempts {
    /// Nothing is counted yet.
    pub fn new(unlimited: Vec<IpNet>) -> Self {
        Self { unlimited, table: Mutex::default() }
    }

    /// Counts a connection that brought no MAIL.
    pub fn count(&self, client: IpAddr, listener: &str, reason: &'static str, at: SystemTime) {
        metrics::counter!("portaria_attempts_total", "reason" => reason).increment(1);
        self.table().count(Network::of(client), listener, reason, minute(at));
    }

    /// Whether this record is not to be written: then it is counted instead. Only records of transactions of which nothing was taken are
    /// ever counted (promise 5).
    pub fn folds(&self, record: &Record, at: SystemTime) -> bool {
        let Some(reason) = refusal(record) else { return false };
        metrics::counter!("portaria_attempts_total", "reason" => reason.to_owned()).increment(1);
        let client = record.client.address;
        let own = network::is_in(client, &self.unlimited);
        let (network, minute) = (Network::of(client), minute(at));
        let mut table = self.table();
        if table.may_record(network, own, minute) {
            return false;
        }
        table.count(network, &record.client.listener, reason, minute);
        true
    }

    /// The counts so far, which are forgotten here; none if nothing was counted. `chance` makes their id.
    pub fn take(&self, at: SystemTime, chance: u128) -> Option<Counts> {
        let counts = std::mem::take(&mut self.table().counts);
        let id = TransactionId::new(unix_millis(at).unsigned_abs(), chance);
        let rows = counts.into_iter().map(|(key, count)| Count {
            minute: key.minute,
            network: key.network.map_or_else(|| OTHER.to_owned(), |network| network.to_string()),
            listener: key.listener,
            reason: key.reason,
            count,
        });
        let rows: Vec<Count> = rows.collect();
        (!rows.is_empty()).then_some(Counts { id, rows })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Takes one of the network's records of this minute, if there is one left.
    fn may_record(&mut self, network: Network, own: bool, minute: UnixMillis) -> bool {
        if self.minute != minute {
            self.minute = minute;
            self.records.clear();
            self.records_of_all = 0;
        }
        let had = self.records.get(&network).copied().unwrap_or_default();
        if self.records_of_all >= RECORDS_OF_ALL || (had >= RECORDS && !own) {
            return false;
        }
        self.records_of_all = self.records_of_all.saturating_add(1);
        self.records.insert(network, had.saturating_add(1));
        true
    }

    fn count(&mut self, network: Network, listener: &str, reason: &str, minute: UnixMillis) {
        let mut key = Key { minute, network: Some(network), listener: listener.to_owned(), reason: reason.to_owned() };
        if self.counts.len() >= ROWS && !self.counts.contains_key(&key) {
            // Minutes, listeners and reasons are few, and none of them is chosen by a client.
            key.network = None;
        }
        let count = self.counts.entry(key).or_default();
        *count = count.saturating_add(1);
    }
}

fn minute(at: SystemTime) -> UnixMillis {
    let at = unix_millis(at);
    at - at.rem_euclid(MINUTE)
}

/// Writes the counts of each minute behind its end, until the gateway drains. [`write`] is called once more when the last session is over.
pub async fn keep(gateway: &Gateway) {
    let draining = gateway.draining();
    tokio::pin!(draining);
    loop {
        let past = unix_millis(now().wall).rem_euclid(MINUTE).unsigned_abs();
        let rest = Duration::from_millis(MINUTE.unsigned_abs().saturating_sub(past));
        tokio::select! {
            () = &mut draining => return,
            () = tokio::time::sleep(rest) => write(gateway).await,
        }
    }
}

/// Writes what was counted so far. A journal that does not take it loses these counts, and the log says so: they are no mail.
pub async fn write(gateway: &Gateway) {
    let Some(counts) = gateway.attempts.take(now().wall, uuid::Uuid::new_v4().as_u128()) else { return };
    let rows = counts.rows.len();
    if let Err(fault) = gateway.journal.append_counts(counts).await {
        tracing::error!(%fault, rows, "the counts of refused attempts could not be written to the journal");
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::record::{Cause, Fate, sample};

    fn refused(client: IpAddr) -> Record {
        let mut record = sample::record(1);
        record.client.address = client;
        record.quarantined = false;
        record.cause = Cause::Policy { name: "not_ours".to_owned(), reason: String::new() };
        record.recipients.iter_mut().for_each(|recipient| recipient.fate = Fate::RefusedAtRcpt);
        record
    }

    fn at(seconds: u64) -> SystemTime {
        // On a full minute.
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_258_800 + seconds)
    }

    fn attempts() -> Attempts {
        Attempts::new(vec!["10.0.0.0/8".parse().unwrap()])
    }

    fn written(attempts: &Attempts, record: &Record, at: SystemTime, times: u32) -> u32 {
        (0..times).map(|_| u32::from(!attempts.folds(record, at))).sum()
    }

    #[test]
    fn ten_refusals_a_minute_have_records_and_the_others_are_counted() {
        let attempts = attempts();
        let record = refused([192, 0, 2, 1].into());
        assert_eq!(written(&attempts, &record, at(0), 5_000), 10);
        assert_eq!(written(&attempts, &record, at(59), 10), 0);
        assert_eq!(written(&attempts, &record, at(60), 20), 10, "another minute");
        assert_eq!(written(&attempts, &refused([192, 0, 2, 2].into()), at(60), 20), 10, "another network");
        let mut rows = attempts.take(at(61), 1).unwrap().rows;
        rows.sort_by_key(|row| (row.minute, row.network.clone()));
        let rows: Vec<_> = rows.iter().map(|row| (row.minute, row.network.as_str(), row.count)).collect();
        let first = unix_millis(at(0));
        let expected =
            [(first, "192.0.2.1", 5_000), (first + 60_000, "192.0.2.1", 10), (first + 60_000, "192.0.2.2", 10)];
        assert_eq!(rows, expected);
        assert_eq!(attempts.take(at(62), 1), None, "what is taken is not taken again");
    }

    /// Promise 5: whatever was taken from a client has a record, and takes nothing from the allowance of the others.
    #[test]
    fn what_was_taken_is_never_folded() {
        let attempts = attempts();
        let mut taken = refused([192, 0, 2, 1].into());
        taken.recipients[1].fate = Fate::Relayed;
        assert_eq!(written(&attempts, &taken, at(0), 5_000), 5_000);
        assert_eq!(written(&attempts, &refused([192, 0, 2, 1].into()), at(0), 50), 10);
    }

    #[test]
    fn own_networks_have_only_the_bound_of_all() {
        let attempts = attempts();
        assert_eq!(written(&attempts, &refused([10, 1, 1, 1].into()), at(0), 5_000), RECORDS_OF_ALL);
    }

    /// A million networks in one minute, with every reason.
    #[test]
    fn the_tables_stay_small_whoever_comes() {
        let attempts = attempts();
        let mut records = 0;
        for number in 0..1_000_000_u128 {
            let client: IpAddr = Ipv6Addr::from_bits(0x2001_0db8 << 96 | number << 64).into();
            if number % 2 == 0 {
                attempts.count(client, "0.0.0.0:25", "no_mail", at(0));
            } else if number < 100_000 {
                records += written(&attempts, &refused(client), at(0), 1);
            }
        }
        assert_eq!(records, RECORDS_OF_ALL);
        attempts.count(Ipv4Addr::LOCALHOST.into(), "0.0.0.0:25", "tls_failed", at(0));
        let table = attempts.table();
        assert!(
            table.records.len() <= RECORDS_OF_ALL as usize && table.counts.len() <= ROWS + 3,
            "{}",
            table.counts.len()
        );
        drop(table);
        let rows = attempts.take(at(1), 1).unwrap().rows;
        let sum: u64 = rows.iter().map(|row| row.count).sum();
        assert_eq!(sum, 500_000 + 50_000 - u64::from(records) + 1, "nothing is lost, only its network");
        assert_eq!(rows.iter().filter(|row| row.network == OTHER).count(), 3, "one row a reason");
    }
}
