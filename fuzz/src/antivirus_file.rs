//! `policy::scanning`: any text is read, its faults stand in it; an order always ends, and an exception ignores finds and nothing else.

use std::{
    net::IpAddr,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use portaria::{
    policy::{
        scanning::{LONGEST, Scanning},
        verdict::{ScanVerdict, ScannerReport},
    },
    smtp::path::ReversePath,
};

use crate::places::check_faults;

/// When the file is read; and the seeds are about then.
const NOW: u64 = 1_795_258_800;

/// The octets are `antivirus.toml`.
pub fn antivirus_file(data: &[u8]) {
    let source = String::from_utf8_lossy(data).into_owned();
    let groups = ["clamd".to_owned(), "yara".to_owned()];
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let read = |source: &str| Scanning::read(Path::new("a.toml"), source, &groups, at(NOW));
    let (scanning, faults) = read(&source);
    check_faults(&faults, &source);
    if faults.has_errors() {
        return;
    }
    assert!(read(&format!("{source}\n[zz_nobody_knows]\n")).1.has_errors(), "an unknown key is taken");
    let week = LONGEST.as_secs();
    for now in [0, NOW - 1, NOW, NOW + 1, NOW + week - 1, NOW + week, NOW + 2 * week, 4_000_000_000].map(at) {
        if let Some(order) = scanning.contingency_at(now) {
            let (begins, ends) = (order.period.starts.unwrap_or(at(NOW)), order.period.expires.expect("an end"));
            assert!(order.period.starts.is_none_or(|starts| starts <= now) && now < ends, "{order:?} at {now:?}");
            assert!(ends <= begins + LONGEST, "longer than a week: {order:?}");
            assert!(!order.reason.trim().is_empty() && !order.ticket.trim().is_empty() && !order.by.trim().is_empty());
            assert!(order.groups.iter().all(|group| groups.contains(group)), "{order:?}");
            assert!(groups.iter().any(|group| order.spares(group)), "it spares nobody: {order:?}");
        }
        check_exceptions(&scanning, now);
    }
}

/// Each exception against a find that it names, one that it does not name, and what is no find.
fn check_exceptions(scanning: &Scanning, now: std::time::SystemTime) {
    let paths = ["<a@bank.example>", "<>", "<b@x.example>"];
    let clients: [IpAddr; 2] = [[192, 0, 2, 1].into(), [198, 51, 100, 7].into()];
    for named in &scanning.exceptions {
        let signature = named.signature.trim_end_matches('*').to_owned();
        for (path, client) in paths.iter().flat_map(|path| clients.map(|client| (path, client))) {
            let (path, _) = ReversePath::parse_prefix(path).expect("a path");
            let weigh = |verdict| {
                let report = ScannerReport {
                    group: "clamd".to_owned(),
                    scanner: "clamd".to_owned(),
                    verdict,
                    took_ms: 1,
                    version: None,
                    findings: Vec::new(),
                    action: None,
                };
                scanning.weigh(report, &path, client, now).verdict
            };
            let acts = |signature: &str| {
                let names = |written: &str| match written.strip_suffix('*') {
                    Some(beginning) => signature.starts_with(beginning),
                    None => signature == written,
                };
                scanning.exceptions.iter().any(|it| {
                    names(&it.signature)
                        && (it.networks.is_empty() || it.networks.iter().any(|net| net.contains(&client)))
                        && it.period.starts.is_none_or(|starts| starts <= now)
                        && it.period.expires.expect("an end") > now
                })
            };
            for found in [signature.clone(), format!("x{signature}"), format!("{signature}x")] {
                let verdict = weigh(ScanVerdict::Infected { signature: found.clone() });
                let ignored = matches!(verdict, ScanVerdict::Ignored { .. });
                // Whether the sender is meant is not read a second time: without everything else it never is.
                assert!(!ignored || acts(&found), "{found} is ignored by {:?}", scanning.exceptions);
            }
            let limit = ScanVerdict::NotFullyScanned { reason: signature.clone() };
            assert_eq!(weigh(limit.clone()), limit, "a limit is no find");
        }
    }
}
