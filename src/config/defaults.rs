//! The value of every key that is not written, in one place. `docs/portaria.example.toml` writes them all out, and a test
//! holds the two together. Those of `[antivirus]` stand at [`VerdictActions`](crate::policy::verdict_action::VerdictActions).

use std::{num::NonZeroU32, time::Duration};

use super::settings::{Limits, Quarantine, Retention, RuleFiles, SubjectsKept, Timeouts};
use crate::rule_history::Bounds;

pub(super) const KIB: u64 = 1 << 10;
pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// `[gateway] data_dir`
pub(super) const DATA_DIR: &str = "/var/lib/portaria";
/// `[gateway] rules_dir`
pub(super) const RULES_DIR: &str = "/etc/portaria/rules";
/// `[gateway] timezone`
pub(super) const TIMEZONE: &str = "America/Belem";
/// `[http] address`: this machine only, since nothing there asks who is reading.
pub(super) const HTTP: &str = "127.0.0.1:8025";
/// `[policy] always_reachable` (RFC 2142 §4 and §5)
pub(super) const ALWAYS_REACHABLE: [&str; 2] = ["postmaster", "abuse"];
/// `[[next_hop]] max_connections`: Exchange takes 20 from one source.
pub(super) const MAX_CONNECTIONS: u32 = 20;
/// `[[next_hop]] connection_lifetime`
pub(super) const CONNECTION_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// `[[scanner]] rules` of kind yara, in `rules_dir`
pub(super) const YARA_RULES: &str = "yara";
/// `[[scanner]] max_size` of kind yara, octets (decision 20)
pub(super) const YARA_MAX_SIZE: u64 = 16 * MIB;
/// `[[scanner]] database` of a clamd on this machine: where Debian's freshclam puts it
pub(super) const CLAMAV_DATABASE: &str = "/var/lib/clamav";
/// `[antivirus] poison_after`: one try may fall into a restart of the scanner, two are no proof
pub(super) const POISON_AFTER: u32 = 3;
/// `[hold] memory_per_message`, octets
pub(super) const MEMORY_PER_MESSAGE: u64 = 8 * MIB;
/// `[hold] memory_total`, octets
pub(super) const MEMORY_TOTAL: u64 = 256 * MIB;
/// `[hold] disk_floor_percent`: of the file system, to be left free; the lower of the two floors counts
pub(super) const DISK_FLOOR_PERCENT: u8 = 5;
/// `[hold] disk_floor`, octets
pub(super) const DISK_FLOOR: u64 = GIB;
/// `[hold] cut_through_from`, octets
pub(super) const CUT_THROUGH_FROM: u64 = 256 * KIB;
/// `[backup] every`
pub(super) const BACKUP_EVERY: Duration = DAY;
/// `[backup] at`: the court sleeps
pub(super) const BACKUP_AT: &str = "03:00";
/// `[backup] keep`: two weeks of days
pub(super) const BACKUP_KEEP: usize = 14;
/// `[backup] alert_after` is so much more than `every`: clause 9.2.14 wants a missing one told within an hour
pub(super) const BACKUP_GRACE: Duration = Duration::from_secs(3_600);
/// `[limits] unlimited_networks`
pub(super) const UNLIMITED_NETWORKS: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// `[antivirus] scans_in_flight`: two a core of this machine, where a local clamd runs as well. clamd 1.4.6 on 2 cores did
/// 733 scans/s at 4 in flight and 607 at 20 (decision 10). Below the 10 threads that clamd has unless told otherwise: a scan
/// that we gave up goes on there (decision 9).
pub(super) fn scans_in_flight() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores.saturating_mul(2).min(8)).unwrap_or(8)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Below the 25M where Debian's clamd stops reading a stream.
            message_size: 24 * MIB,
            // clamd calls anything above a finding (mbox.c).
            header_size: 256 * KIB,
            header_fields: 1_000,
            recipients: 1_000,
            connections: 10_000,
            connections_per_network: 50,
            // Ten a second: an MTA that opens a connection for each message, and never one that reuses them.
            connections_per_minute_per_network: NonZeroU32::new(600),
            // Thirty a second, 2.6 million a day from one address: more than a court gets from everybody. A queue that was stuck at a
            // partner's comes at once, up to a minute's worth.
            messages_per_minute_per_network: NonZeroU32::new(1_800),
            unlimited_networks: UNLIMITED_NETWORKS.iter().filter_map(|network| network.parse().ok()).collect(),
            transactions_per_connection: 1_000,
            errors_per_connection: 20,
            hops: 50,
            data_floor: 500,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            command: Duration::from_secs(5 * 60),
            data_idle: Duration::from_secs(3 * 60),
            connect: Duration::from_secs(10),
            next_hop_reply: Duration::from_secs(45),
            next_hop_end_of_data: Duration::from_secs(5 * 60),
            scan: Duration::from_secs(45),
            verdict: Duration::from_secs(4 * 60),
            drain: Duration::from_secs(30),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            quarantine: Quarantine::default(),
            tracking: DAY * 45,
            request_handling: DAY * 7,
            subjects: SubjectsKept::Plain,
        }
    }
}

impl Default for Quarantine {
    fn default() -> Self {
        let month = DAY * 30;
        Self {
            virus: month,
            rule: month,
            policy: month,
            unscannable: month,
            copies: DAY * 7,
            max_size: None,
            release_for: DAY * 2,
        }
    }
}

impl Default for RuleFiles {
    fn default() -> Self {
        // A rule that held a message is asked for while the message can be: quarantine and records are kept for less.
        Self { watch: true, history: Bounds { entries: 100, age: DAY * 90 } }
    }
}
