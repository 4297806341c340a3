//! Whole configuration files. In `config/good` every file loads, with exactly the warnings that its `.expect` lists (none
//! without one). In `config/bad` none loads, and its `.expect` lists *all* faults, one a line: `line:column: severity: what`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may; the lint's exception does not see helpers of integration tests"
)]
#![expect(clippy::disallowed_methods, reason = "reads the files that it tests")]

use std::{
    fmt::Write as _,
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use portaria::{
    config::{Settings, load},
    document::{Faults, Severity},
    language::Language,
    smtp::{
        mail_data::BareNewlines::{Normalise, Refuse},
        path::Mailbox,
    },
};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn listed(faults: &Faults) -> String {
    let mut lines = String::new();
    for fault in &faults.0 {
        let place = fault.place.as_ref().unwrap();
        let severity = if fault.severity == Severity::Error { "error" } else { "warning" };
        writeln!(lines, "{}:{}: {severity}: {}", place.line, place.column, fault.what.en).unwrap();
    }
    lines
}

fn expected(file: &Path) -> String {
    fs::read_to_string(file.with_extension("expect")).unwrap_or_default()
}

#[test]
fn good_files_load() {
    for file in files("good") {
        let loaded = load(&file).unwrap_or_else(|faults| panic!("{}", faults.render(Language::En)));
        assert_eq!(listed(&loaded.warnings), expected(&file), "{}", file.display());
    }
}

#[test]
fn bad_files_report_all_their_faults_together() {
    for file in files("bad") {
        let faults = load(&file).map(|_| ()).unwrap_err();
        assert_eq!(listed(&faults), expected(&file), "{}", file.display());
        for fault in &faults.0 {
            assert!(fault.what.en != fault.what.pt, "only in one language: {}", fault.what);
        }
        // A hint of ours is made of whole lines: one with a line end in it would be shown as an escape.
        let shown = faults.render(Language::En) + &faults.render(Language::PtBr);
        assert!(!shown.contains("\\u{"), "{shown}");
    }
}

fn example() -> (String, Settings) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/portaria.example.toml");
    let loaded = load(&file).unwrap_or_else(|faults| panic!("{}", faults.render(Language::En)));
    assert!(loaded.warnings.0.is_empty(), "{}", loaded.warnings.render(Language::En));
    (fs::read_to_string(file).unwrap(), loaded.settings)
}

/// The example with every line taken out that is not required, read again, gives the same settings: what it shows as
/// defaults are the defaults.
#[test]
fn the_example_shows_the_defaults() {
    let (text, whole) = example();
    let required = ["hostname", "[gateway]", "[[listener]]", "address", "[tls]", "certificate", "key", "[[domain]]"];
    let required = [&required[..], &["name ", "aliases", "[[next_hop]]", "[[scanner]]", "kind"]].concat();
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| required.iter().any(|start| line.starts_with(start)) && !line.starts_with("address = \"127"))
        .collect();
    let (settings, faults) = portaria::config::read(Path::new("/etc/portaria/portaria.toml"), &kept.join("\n"));
    let mut settings = settings.unwrap_or_else(|| panic!("{}", faults.render(Language::En)));
    assert!(kept.len() < 20, "{kept:#?}");
    settings.file.clone_from(&whole.file);
    assert_eq!(format!("{settings:#?}"), format!("{whole:#?}"));
}

#[test]
fn the_example_names_every_key() {
    let (text, _) = example();
    let keys = "hostname data_dir rules_dir language timezone role address tls bare_newline greeting_delay proxy_protocol_from xclient_from xforward \
        senders_from certificate key name aliases \
        next_hop max_connections connection_lifetime ca server_name kind group rules max_size enabled infected unavailable \
        scanner_error not_fully_scanned poison outdated encrypted macro ambiguous scans_in_flight poison_after definitions_warn definitions_critical weight database always_reachable memory_per_message \
        memory_total disk_floor disk_floor_percent cut_through_from message_size header_size header_fields recipients connections \
        connections_per_network connections_per_minute_per_network messages_per_minute_per_network unlimited_networks transactions_per_connection errors_per_connection hops data_floor \
        command data_idle connect next_hop_reply next_hop_end_of_data scan verdict drain retention retention_virus retention_rule retention_policy retention_unscannable \
        retention_copies release_for request_handling watch history history_age \
        webhook mail_to folder every at keep key_file alert_after";
    let written: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once('='))
        .map(|(key, _)| key.trim())
        .collect();
    for key in keys.split_whitespace() {
        assert!(written.contains(&key), "{key}");
    }
}

#[test]
fn paths_are_relative_to_the_files_folder() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/good/two_domains.toml");
    let settings = load(&file).unwrap().settings;
    let folder = file.parent().unwrap();
    assert_eq!(settings.gateway.rules_dir, folder.join("rules"));
    assert_eq!(settings.tls.unwrap().key, folder.join("tls/key.pem"));
    assert_eq!(settings.next_hops.next_hops[0].ca.as_deref(), Some(folder.join("tls/ca.pem").as_path()));
}

#[test]
fn what_becomes_of_bare_newlines_is_each_listeners_own() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/good/two_domains.toml");
    let listeners = load(&file).unwrap().settings.listeners;
    let bare: Vec<_> = listeners.iter().map(|listener| listener.bare_newlines).collect();
    assert_eq!(bare, [Refuse, Refuse, Normalise, Refuse]);
}

#[test]
fn rules_wait_to_be_told_where_somebody_wants_that() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/good/rules_by_hand.toml");
    let rules = load(&file).unwrap().settings.rules;
    assert!(!rules.watch);
    assert_eq!((rules.history.entries, rules.history.age.as_secs()), (1, 86_400));
}

/// 0 is none and not "nobody", and what belongs to one listener or domain is not the others'.
#[test]
fn what_is_bounded_under_attack_is_as_written() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/good/under_attack.toml");
    let settings = load(&file).unwrap().settings;
    assert_eq!(settings.limits.connections_per_minute_per_network, None);
    assert_eq!(settings.limits.messages_per_minute_per_network, NonZeroU32::new(60));
    let delays: Vec<_> = settings.listeners.iter().map(|listener| listener.greeting_delay.as_secs()).collect();
    assert_eq!(delays, [5, 0]);
    let sends = |address: &str, client: &str| {
        let mailbox = Mailbox::parse(address).unwrap();
        settings.directory.sends_from(&mailbox, client.parse().unwrap())
    };
    assert!(sends("juiz@tjpa.jus.br", "10.1.1.1") && !sends("juiz@tjpa.jus.br", "192.0.2.1"));
    assert!(!sends("x@estacionado.example", "10.1.1.1"));
}

/// A class that has no time of its own has that of all.
#[test]
fn held_mail_has_the_time_of_its_class() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/good/quarantine.toml");
    let quarantine = load(&file).unwrap().settings.retention.quarantine;
    let days = [quarantine.virus, quarantine.rule, quarantine.policy, quarantine.unscannable, quarantine.copies]
        .map(|kept| kept.as_secs() / 86_400);
    assert_eq!((days, quarantine.release_for.as_secs()), ([7, 60, 60, 60, 7], 86_400));
    assert_eq!(quarantine.max_size, Some(20 << 30));
}

/// The sample of `docs/operations.md` for two nodes that share what they hold, behind a node's other tables.
#[test]
fn the_sample_of_a_shared_quarantine_loads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/operations.md")).unwrap();
    let section = page.split("\n### Held content in a bucket\n").nth(1).unwrap();
    let sample = section.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let node = fs::read_to_string(root.join("tests/config/good/shared_content.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portaria.toml");
    fs::write(&file, [node.split("[database]").next().unwrap(), sample].concat()).unwrap();
    let loaded = load(&file).unwrap_or_else(|faults| panic!("{}", faults.render(Language::En)));
    assert_eq!(listed(&loaded.warnings), "");
    let bucket = loaded.settings.store.content.bucket.unwrap();
    assert_eq!(bucket.to_string(), "https://s3.tjpa.jus.br/portaria/held");
    assert_eq!((bucket.spool, bucket.path_style), (4 << 30, true));
}
