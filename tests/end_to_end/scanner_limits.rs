//! `portaria check` finds out what a clamd does at its limits by trying, and says what to change.

use crate::support::{clamd::Clamd, command::Output, gateway::Setup, sink::Sink};

fn checked(clamd: &Clamd, address: &str) -> Output {
    let _ = clamd;
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).scanner(address).start();
    gateway.command(&["check"])
}

/// The limits, alerts and switches of the page for operators; the rest (socket, user, threads) is the test's.
fn shipped() -> Vec<(String, String)> {
    let page = include_str!("../../docs/clamd.conf");
    let settings = page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
    let wanted = |key: &str| {
        ["Max", "Alert", "Scan", "Stream", "Heuristic", "Detect", "Phishing", "Structured"]
            .iter()
            .any(|it| key.starts_with(it))
    };
    settings.filter(|(key, _)| wanted(key)).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_shipped_configuration_of_clamd_passes() {
    let shipped = shipped();
    assert!(shipped.len() > 10, "{shipped:?}");
    let settings: Vec<(&str, &str)> = shipped.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let clamd = Clamd::with(&settings);
    for address in [clamd.unix_address(), clamd.tcp_address()] {
        let output = checked(&clamd, &address).succeeded();
        assert!(output.stdout.contains("looks at the largest message whole"), "{}", output.told());
    }
}

#[test]
fn limits_below_the_largest_message_and_silence_about_them_fail_and_name_the_setting() {
    let silent = ("AlertExceedsMax", "no");
    let rows: [(&[(&str, &str)], &str); 6] = [
        (&[("StreamMaxLength", "1M")], "set `StreamMaxLength 27M`"),
        (&[("MaxFileSize", "1M")], "(Heuristics.Limits.Exceeded.MaxFileSize): raise `MaxFileSize`"),
        (&[("MaxScanSize", "20M")], "(Heuristics.Limits.Exceeded.MaxScanSize): raise `MaxFileSize`"),
        (&[("MaxFileSize", "1M"), silent], "clean without looking at it whole: raise `MaxFileSize`"),
        (&[silent], "packed deeper than it looks: set `AlertExceedsMax yes`"),
        (&[("AlertEncrypted", "no")], "set `AlertEncrypted yes`"),
    ];
    for (settings, told) in rows {
        let clamd = Clamd::with(settings);
        for address in [clamd.unix_address(), clamd.tcp_address()] {
            let output = checked(&clamd, &address);
            assert_eq!(output.code, Some(1), "{settings:?} at {address}: {}", output.told());
            assert!(output.stdout.contains(told), "{settings:?} at {address}: {}", output.told());
        }
    }
}

/// A warning or an error, by what was to become of a message with a macro.
#[test]
fn silence_about_macros_names_the_setting_as_loudly_as_they_matter() {
    let (silent, loud) = (Clamd::with(&[]), Clamd::with(&[("AlertOLE2Macros", "yes")]));
    let blind = Clamd::with(&[("AlertOLE2Macros", "yes"), ("ScanOLE2", "no")]);
    let sink = Sink::start();
    let rows = [
        (&loud, "refuse", Some(0), None),
        (&silent, "refuse", Some(1), Some("error")),
        (&silent, "quarantine", Some(1), Some("error")),
        (&silent, "tag", Some(0), Some("warning")),
        (&silent, "relay", Some(0), None),
        (&blind, "refuse", Some(1), Some("error")),
    ];
    for (clamd, action, code, loudness) in rows {
        let table = format!("[antivirus]\nmacro = \"{action}\"\n");
        let gateway = Setup::new(sink.port()).clamd(clamd).table(&table).start();
        let output = gateway.command(&["check"]);
        assert_eq!(output.code, code, "{action}: {}", output.told());
        let line = output.stdout.lines().find(|line| line.contains("set `AlertOLE2Macros yes`"));
        assert_eq!(line.and_then(|line| line.split(' ').next()), loudness, "{action}: {}", output.told());
        let well = "looks at the largest message whole";
        assert!(output.stdout.contains(well) || code == Some(1), "{action}: {}", output.told());
    }
}
