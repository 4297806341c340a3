//! `/metrics` of a real gateway: what monitors draw of each scanner.

use crate::support::{
    clamd::Clamd,
    client::Client,
    eicar,
    gateway::{Gateway, Setup},
    sink::Sink,
};

/// Label and value of every line of a metric.
fn lines<'m>(metrics: &'m str, name: &str) -> Vec<(&'m str, f64)> {
    let of_name = |line: &&str| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "));
    let split = |line: &'m str| {
        let (labels, value) = line.rsplit_once(' ').unwrap();
        (labels, value.parse().unwrap())
    };
    metrics.lines().filter(of_name).map(split).collect()
}

fn label<'m>(labels: &'m str, name: &str) -> &'m str {
    labels.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap()
}

/// The bounds of a histogram's buckets; fails the test unless they only grow, and agree with count and sum.
fn bounds(metrics: &str, name: &str, count: f64) -> Vec<String> {
    let buckets = lines(metrics, &format!("{name}_bucket"));
    assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{buckets:#?}");
    assert_eq!(buckets.last().unwrap().1, count, "+Inf: {buckets:#?}");
    assert_eq!(lines(metrics, &format!("{name}_count"))[0].1, count);
    let sum = lines(metrics, &format!("{name}_sum"))[0].1;
    assert!(sum > 0.0, "{sum}");
    assert!(!metrics.contains("quantile="), "no summary: quantiles of two gateways cannot be added");
    assert!(metrics.contains(&format!("# TYPE {name} histogram")));
    buckets.iter().map(|(labels, _)| label(labels, "le").to_owned()).collect()
}

fn send(gateway: &Gateway, message: &[u8], reply: &str) {
    Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], message).expect(reply, "x");
}

#[test]
fn every_scanner_has_its_verdicts_latency_load_definitions_and_self_test() {
    let (clamd, sink) = (Clamd::start(), Sink::start());
    let gateway = Setup::new(sink.port()).clamd(&clamd).start();
    let before = gateway.http("/metrics").1;
    let scanner = format!("clamd {}", clamd.unix_address());
    // Before the first message the gauges are there: an alert on one that is missing would never fire.
    for gauge in ["portaria_scanner_up", "portaria_scanner_finds_eicar"] {
        let found = lines(&before, gauge);
        assert_eq!((found.len(), found[0].1, label(found[0].0, "scanner")), (1, 1.0, scanner.as_str()), "{before}");
    }
    assert!((0.0..70.0).contains(&lines(&before, "portaria_self_test_age_seconds")[0].1));
    assert!(lines(&before, "portaria_definitions_age_seconds")[0].1.is_nan(), "a database of one's own has no age");

    for nth in 0..20 {
        send(&gateway, format!("Subject: {nth}\r\n\r\nSegue a ata.\r\n").as_bytes(), "250 2.0.0");
    }
    for (_, virus) in eicar::messages() {
        send(&gateway, &virus, "550 5.7.1");
    }
    let after = gateway.http("/metrics").1;
    let viruses = eicar::messages().len() as f64;
    let mut scans: Vec<_> =
        lines(&after, "portaria_scans_total").iter().map(|(it, value)| (label(it, "verdict"), *value)).collect();
    scans.sort_by(|a, b| a.0.cmp(b.0));
    assert_eq!(scans, [("clean", 20.0), ("infected", viruses)]);
    assert_eq!(lines(&after, "portaria_scans_in_flight")[0].1, 0.0);

    let bounds_of_scans = bounds(&after, "portaria_scan_seconds", 20.0 + viruses);
    println!("portaria_scan_seconds: {}", bounds_of_scans.join(" "));
    assert_eq!(bounds_of_scans.len(), 18, "17 and +Inf");
    assert_eq!([&bounds_of_scans[0], &bounds_of_scans[16]], ["0.001", "60"]);
    bounds(&after, "portaria_transaction_seconds", 20.0 + viruses);
    bounds(&after, "portaria_message_octets", 20.0 + viruses);

    // A label is a name of the configuration, or one of a list in the source: never something of a message.
    let mut labels: Vec<&str> = after
        .lines()
        .filter(|line| line.starts_with("portaria_scan"))
        .flat_map(|line| line.split(['{', ',']).skip(1).filter_map(|it| it.split_once("=\"").map(|(name, _)| name)))
        .collect();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels, ["le", "scanner", "verdict"]);
}
