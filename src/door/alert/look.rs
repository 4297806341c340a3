//! Where each condition is seen. A new kind has no place here, and so nothing compiles until it has one.

use std::{collections::BTreeMap, time::SystemTime};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::super::{contingency, gateway::Gateway};
use crate::{
    alert::{Condition, Finding, Kind},
    antivirus::ScannerStatus,
    next_hop::NextHopStatus,
    policy::{Policy, application::State},
    record::UnixMillis,
};

const DAY: i64 = 24 * 60 * 60;

/// Looks, and remembers the counters of the last look: of an event that is over nothing else is left to see.
#[derive(Debug, Default)]
pub(super) struct Look {
    turned_away: u64,
    held_on_disk: u64,
}

/// What several kinds are seen in.
#[derive(Debug, Default)]
struct Seen {
    next_hops: Vec<NextHopStatus>,
    scanners: Vec<ScannerStatus>,
    /// Seconds until the certificate in force ends, and when that is.
    certificate: Option<(i64, Timestamp)>,
    /// In UTC.
    today: Date,
    now: UnixMillis,
    /// The contingency in force, in words.
    order: Option<String>,
}

impl Look {
    /// Everything that is wrong now.
    pub(super) fn at(&mut self, gateway: &Gateway, wall: SystemTime) -> Vec<Finding> {
        let now = Timestamp::try_from(wall).unwrap_or(Timestamp::UNIX_EPOCH);
        let ends = gateway.certificate.as_ref().and_then(|certificate| certificate.ends());
        let seen = Seen {
            next_hops: gateway.next_hops.status(),
            scanners: gateway.scanners.status(),
            certificate: ends.map(|ends| (ends.as_second().saturating_sub(now.as_second()), ends)),
            today: now.to_zoned(TimeZone::UTC).date(),
            now: now.as_millisecond(),
            order: gateway.policy().scanning.contingency_at(wall).map(contingency::in_words),
        };
        Kind::ALL.iter().flat_map(|kind| self.of(*kind, gateway, &seen)).collect()
    }

    fn of(&mut self, kind: Kind, gateway: &Gateway, seen: &Seen) -> Vec<Finding> {
        let one = |is: bool, detail: &str| is.then(|| Finding::new(Condition::of(kind), detail)).into_iter().collect();
        let words = |fault: Option<String>| {
            fault.iter().map(|fault| Finding::new(Condition::of(kind), first_line(fault))).collect()
        };
        match kind {
            Kind::NextHopDown => next_hops_down(&seen.next_hops),
            Kind::NextHopAddressDown => addresses_down(&seen.next_hops),
            Kind::ScannerGroupDown => groups_down(&seen.scanners),
            Kind::ScannerBlind => {
                seen.scanners.iter().filter(|scanner| is_blind(scanner)).map(|scanner| about(kind, scanner)).collect()
            }
            Kind::ScannerDown => scanners_down(&seen.scanners),
            Kind::DefinitionsOld => aged(seen, kind, "old"),
            Kind::DefinitionsTooOld => aged(seen, kind, "critical"),
            Kind::Contingency => words(seen.order.clone()),
            Kind::DiskLow => one(gateway.disk_is_low(), ""),
            Kind::JournalFailing => one(!gateway.journal.is_writable(), ""),
            Kind::DatabaseBehind => words(gateway.behind.why()),
            Kind::DatabaseDamaged => words(gateway.store.damage()),
            Kind::RulesRefused => words(gateway.reload_fault()),
            Kind::CertificateRefused => words(gateway.certificate_fault()),
            Kind::CertificateExpiresSoon => one(ends_within(seen, 14), &ends(seen)),
            Kind::CertificateExpiresNow => one(ends_within(seen, 3), &ends(seen)),
            Kind::ApplicationReviewDue => reviews_due(&gateway.policy(), seen.today),
            Kind::HoldMemoryFull => one(grew(&mut self.held_on_disk, gateway.holds.memory_refused()), ""),
            Kind::ConnectionsFull => one(grew(&mut self.turned_away, gateway.connections.turned_away()), ""),
            Kind::QuarantineExpires => words(gateway.quarantine.lock().expiring.clone()),
            Kind::ReleaseUndelivered => words(gateway.quarantine.lock().undelivered.clone()),
            Kind::QuarantineFull => words(gateway.quarantine.lock().full.clone()),
            Kind::BackupMissing => words(gateway.backups.wrong(seen.now)),
            Kind::BackupFlawed => words(gateway.backups.flaw()),
            Kind::AuditLogOverlong => words(gateway.trail_file.overlong()),
            Kind::SubjectKeysDiffer => words(gateway.subject_keys.differ()),
            Kind::ContentWaits => words(gateway.sharing.lock().waits()),
            Kind::ContentMissing => words(gateway.sharing.lock().missing()),
        }
    }
}

/// Whether a counter grew since the last look.
fn grew(last: &mut u64, now: u64) -> bool {
    std::mem::replace(last, now) != now
}

fn next_hops_down(next_hops: &[NextHopStatus]) -> Vec<Finding> {
    let down = |next_hop: &&NextHopStatus| next_hop.addresses.iter().all(|address| !address.healthy);
    let finding = |next_hop: &NextHopStatus| {
        let words: Vec<String> = next_hop
            .addresses
            .iter()
            .map(|it| format!("{}: {}", it.address, it.last_error.as_deref().unwrap_or_default()))
            .collect();
        Finding::new(Condition::about(Kind::NextHopDown, &next_hop.name.0), &words.join("; "))
    };
    next_hops.iter().filter(down).map(finding).collect()
}

/// Of next hops with more than one address: of the only one enough is said already.
fn addresses_down(next_hops: &[NextHopStatus]) -> Vec<Finding> {
    let several = next_hops.iter().filter(|next_hop| next_hop.addresses.len() > 1);
    let down = several.flat_map(|next_hop| {
        let down = next_hop.addresses.iter().filter(|address| !address.healthy);
        down.map(|address| {
            let name = format!("{} {}", next_hop.name.0, address.address);
            Finding::new(
                Condition::about(Kind::NextHopAddressDown, &name),
                address.last_error.as_deref().unwrap_or_default(),
            )
        })
    });
    down.collect()
}

fn is_blind(scanner: &ScannerStatus) -> bool {
    scanner.finds_eicar == Some(false)
}

fn about(kind: Kind, scanner: &ScannerStatus) -> Finding {
    Finding::new(Condition::about(kind, &scanner.scanner), scanner.last_error.as_deref().unwrap_or_default())
}

/// Scanners whose definitions are of this age.
fn aged(seen: &Seen, kind: Kind, age: &str) -> Vec<Finding> {
    let aged = seen.scanners.iter().filter(|scanner| scanner.definitions_age == age);
    aged.map(|it| Finding::new(Condition::about(kind, &it.scanner), it.version.as_deref().unwrap_or_default()))
        .collect()
}

fn by_group(scanners: &[ScannerStatus]) -> BTreeMap<&str, Vec<&ScannerStatus>> {
    let mut groups: BTreeMap<&str, Vec<&ScannerStatus>> = BTreeMap::new();
    for scanner in scanners {
        groups.entry(&scanner.group).or_default().push(scanner);
    }
    groups
}

/// A group in which all are blind is told of as that, which says more.
fn groups_down(scanners: &[ScannerStatus]) -> Vec<Finding> {
    let groups = by_group(scanners).into_iter();
    let down = groups.filter(|(_, group)| group.iter().all(|it| !it.healthy) && !group.iter().all(|it| is_blind(it)));
    let finding = |(name, group): (&str, Vec<&ScannerStatus>)| {
        let words: Vec<String> = group
            .iter()
            .map(|it| format!("{}: {}", it.scanner, it.last_error.as_deref().unwrap_or_default()))
            .collect();
        Finding::new(Condition::about(Kind::ScannerGroupDown, name), &words.join("; "))
    };
    down.map(finding).collect()
}

/// Of groups with more than one scanner, as with next hops.
fn scanners_down(scanners: &[ScannerStatus]) -> Vec<Finding> {
    let several = by_group(scanners).into_values().filter(|group| group.len() > 1).flatten();
    several.filter(|it| !it.healthy && !is_blind(it)).map(|it| about(Kind::ScannerDown, it)).collect()
}

fn ends_within(seen: &Seen, days: i64) -> bool {
    seen.certificate.is_some_and(|(left, _)| left <= days * DAY)
}

fn ends(seen: &Seen) -> String {
    seen.certificate.map(|(_, ends)| ends.to_string()).unwrap_or_default()
}

/// Of those that send; who is suspended is looked at when somebody wants it back.
fn reviews_due(policy: &Policy, today: Date) -> Vec<Finding> {
    let due = policy.applications.entries().iter().filter(|it| it.is_review_due(today) && it.state != State::Suspended);
    due.map(|it| Finding::new(Condition::about(Kind::ApplicationReviewDue, &it.id), &it.review_by.to_string()))
        .collect()
}

/// Of several faults the first; `portaria check` has them all.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        next_hop::AddressStatus,
        policy::{application::Applications, route::NextHopName},
    };

    fn next_hop(name: &str, healthy: &[bool]) -> NextHopStatus {
        let address = |(nth, healthy): (usize, &bool)| AddressStatus {
            address: format!("mbx{nth}:25"),
            healthy: *healthy,
            last_error: (!healthy).then(|| "refused".to_owned()),
            seen: None,
        };
        NextHopStatus {
            name: NextHopName::from(name),
            addresses: healthy.iter().enumerate().map(address).collect(),
            idle: 0,
            in_use: 0,
            max_connections: 1,
            seen: None,
        }
    }

    fn scanner(group: &str, scanner: &str, healthy: bool, finds_eicar: Option<bool>) -> ScannerStatus {
        ScannerStatus {
            group: group.into(),
            scanner: scanner.into(),
            healthy,
            handed: String::new(),
            version: None,
            definitions: Vec::new(),
            definitions_age: "current".to_owned(),
            weight: 1,
            finds_eicar,
            self_test_age_seconds: None,
            in_flight: 0,
            in_flight_cap: 1,
            last_error: None,
        }
    }

    fn names(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| finding.condition.to_string()).collect()
    }

    #[test]
    fn one_fault_of_a_next_hop_is_one_alert() {
        let all = [next_hop("a", &[false]), next_hop("b", &[true, false]), next_hop("c", &[true])];
        assert_eq!(names(next_hops_down(&all)), ["next_hop_down (a)"]);
        assert_eq!(names(addresses_down(&all)), ["next_hop_address_down (b mbx1:25)"]);
        assert_eq!(next_hops_down(&all)[0].detail, "mbx0:25: refused");
        assert_eq!(names(next_hops_down(&[next_hop("b", &[false, false])])), ["next_hop_down (b)"]);
    }

    #[test]
    fn one_fault_of_a_scanner_is_one_alert() {
        let rows = [
            // The only scanner of its group, well, gone, blind.
            (vec![scanner("g", "x", true, Some(true))], vec![]),
            (vec![scanner("g", "x", false, None)], vec!["scanner_group_down (g)"]),
            (vec![scanner("g", "x", false, Some(false))], vec!["scanner_blind (x)"]),
            // One of two.
            (vec![scanner("g", "x", true, Some(true)), scanner("g", "y", false, None)], vec!["scanner_down (y)"]),
            (
                vec![scanner("g", "x", true, Some(true)), scanner("g", "y", false, Some(false))],
                vec!["scanner_blind (y)"],
            ),
            (
                vec![scanner("g", "x", false, Some(false)), scanner("g", "y", false, None)],
                vec!["scanner_group_down (g)", "scanner_blind (x)", "scanner_down (y)"],
            ),
            // Another group does not stand in for it.
            (vec![scanner("f", "x", true, Some(true)), scanner("g", "y", false, None)], vec!["scanner_group_down (g)"]),
        ];
        for (scanners, expected) in rows {
            let mut found = groups_down(&scanners);
            found.extend(scanners.iter().filter(|it| is_blind(it)).map(|it| about(Kind::ScannerBlind, it)));
            found.extend(scanners_down(&scanners));
            assert_eq!(names(found), expected);
        }
    }

    #[test]
    fn a_certificate_is_told_of_at_14_and_at_3_days() {
        for (days, soon, now) in
            [(15, false, false), (14, true, false), (4, true, false), (3, true, true), (-1, true, true)]
        {
            let seen = Seen { certificate: Some((days * DAY, Timestamp::UNIX_EPOCH)), ..Seen::default() };
            assert_eq!((ends_within(&seen, 14), ends_within(&seen, 3)), (soon, now), "{days}");
        }
        assert!(!ends_within(&Seen::default(), 14));
    }

    #[test]
    fn an_event_is_seen_once() {
        let mut last = 0;
        assert_eq!([grew(&mut last, 0), grew(&mut last, 2), grew(&mut last, 2)], [false, true, false]);
    }

    /// Whoever is past its day is told of until somebody evaluates it; who sends nothing any more is not.
    #[test]
    fn a_review_is_told_of_while_it_is_due() {
        let entry = |id: &str, state: &str, review: &str| {
            format!(
                "[[application]]\nid = '{id}'\nstate = '{state}'\nowner = 'o'\nrequester = 'r'\nevaluator = 'e'\n\
                 evaluated = 2026-01-01\nticket = 't'\nreview_by = {review}\nnetworks = ['10.0.{}.0/24']\n\
                 senders = ['a@tjpa.jus.br']\nmax_recipients = 1\nmax_per_hour = 1\n",
                id.len()
            )
        };
        let registry = [
            entry("a", "active", "2026-02-01"),
            entry("bb", "active", "2026-02-02"),
            entry("ccc", "suspended", "2026-02-01"),
            entry("dddd", "pending", "2026-01-31"),
        ]
        .concat();
        let wall = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
        let mut policy = crate::relay::tests::world::policy(wall);
        let (file, settings) = (std::path::Path::new("a.toml"), Default::default());
        let (applications, faults) = Applications::read(file, &registry, &policy.directory, &settings, wall);
        assert!(!faults.has_errors());
        policy.applications = applications;
        let due = reviews_due(&policy, "2026-02-02".parse().unwrap());
        let told: Vec<String> = due.iter().map(|finding| finding.condition.to_string()).collect();
        assert_eq!(told, ["application_review_due (a)", "application_review_due (dddd)"]);
    }
}
