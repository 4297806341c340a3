//! Changed files come into force by themselves, however they were changed.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    sets::{Set, rule},
    support::{
        client::{Client, Reply},
        gateway::{Gateway, Setup},
        sink::Sink,
        waiting::wait_until,
    },
};

/// A look, the quiet time, a reload, and a machine that has other things to do.
const SOON: Duration = Duration::from_secs(20);
/// … with the longer quiet time, where something is gone or shorter.
const LATER: Duration = Duration::from_secs(30);

pub fn status(gateway: &Gateway) -> Value {
    gateway.command(&["status", "--json"]).succeeded().json_lines().remove(0)
}

pub fn history(gateway: &Gateway) -> Vec<Value> {
    gateway.command(&["rules", "history", "--json"]).succeeded().json_lines()
}

fn rules(gateway: &Gateway) -> u64 {
    status(gateway)["rules"].as_u64().unwrap()
}

fn send(gateway: &Gateway, subject: &str) -> Reply {
    let message = format!("Subject: {subject}\r\n\r\nx\r\n");
    Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], message.as_bytes())
}

fn start(sink: &Sink) -> Gateway {
    Setup::new(sink.port()).rules("subjects/a.toml", &rule("R-1", "norte", "quarantine")).watches().start()
}

#[test]
fn a_saved_rule_is_in_force_soon_a_bad_one_never_and_each_is_told_once() {
    let sink = Sink::start();
    let gateway = start(&sink);
    assert_eq!(status(&gateway)["rules_in_force"]["by"], "start");
    gateway.write_rules("subjects/b.toml", &rule("R-2", "sul", "quarantine"));
    let saved = Instant::now();
    wait_until("the new rule is in force", SOON, || rules(&gateway) == 2);
    println!("in force after {:?}", saved.elapsed());
    send(&gateway, "vento sul").expect("250 2.0.0 Held", "the new rule holds it");
    let now = status(&gateway);
    assert_eq!((&now["rules_in_force"]["by"], &now["rules_in_force"]["number"]), (&"folder".into(), &2.into()));
    assert_eq!(now["rules_on_disk"]["changes"], serde_json::json!([]), "{now:#}");

    gateway.write_rules("subjects/c.toml", "[[rule]]\nid = \"R-3\"\nphrse = \"x\"\n");
    wait_until("the fault is told", SOON, || status(&gateway)["reload_fault"].is_string());
    std::thread::sleep(Duration::from_secs(4));
    let log = gateway.log();
    assert_eq!(log.matches("rules and lists have faults").count(), 1, "once, and not at each look:\n{log}");
    let now = status(&gateway);
    assert_eq!(now["rules"], 2, "what was in force is in force");
    let changes = serde_json::json!([{ "file": "subjects/c.toml", "change": "added" }]);
    assert_eq!(now["rules_on_disk"]["changes"], changes, "{now:#}");
    let told = gateway.command(&["status"]).succeeded().stdout;
    assert!(told.contains("by a change of the files (number 2 of"), "{told}");
    assert!(told.contains("NOT in force, on the disk: +subjects/c.toml"), "{told}");
    let metrics = gateway.http("/metrics").1;
    assert!(metrics.contains("portaria_rules_refused 1\n"), "{metrics}");

    // Taken back: what is on the disk is in force, and nothing is wrong any more.
    gateway.remove_rules("subjects/c.toml");
    wait_until("the fault is over", LATER, || status(&gateway)["reload_fault"].is_null());
    assert!(gateway.http("/metrics").1.contains("portaria_rules_refused 0\n"));
    assert_eq!(history(&gateway).len(), 2, "a set that never was in force is none");

    // By command first: the watcher finds nothing left to do.
    gateway.write_rules("subjects/b.toml", &rule("R-4", "leste", "quarantine"));
    gateway.command(&["reload"]).succeeded();
    assert_eq!(status(&gateway)["rules_in_force"]["by"], "command");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(status(&gateway)["rules_in_force"]["by"], "command");
    assert_eq!(history(&gateway).len(), 3);
}

#[test]
fn a_folder_that_is_renamed_deleted_turned_or_made_anew_is_seen() {
    let sink = Sink::start();
    let gateway = start(&sink);
    let folder = gateway.rules_folder();

    // A deployment by rename: the old folder away, the new one in its place.
    let new = gateway.beside("rules-new");
    Set::Alfa.write(&new);
    fs::rename(&folder, gateway.beside("rules-old")).unwrap();
    fs::rename(&new, &folder).unwrap();
    wait_until("the folder in its place is in force", LATER, || rules(&gateway) == 2);

    // A mount that failed: what is in force stays, somebody is told, and it heals by itself.
    let away = gateway.beside("rules-away");
    fs::rename(&folder, &away).unwrap();
    wait_until("it is told that it is gone", LATER, || status(&gateway)["reload_fault"].is_string());
    assert!(status(&gateway)["rules_on_disk"]["fault"].as_str().unwrap().contains("No such file"));
    send(&gateway, "vento norte").expect("250 2.0.0 Held", "the rules that were there");
    fs::rename(&away, &folder).unwrap();
    wait_until("it is there again", LATER, || status(&gateway)["reload_fault"].is_null());
    assert_eq!(history(&gateway).len(), 2, "nothing else was ever in force");

    // As Kubernetes does: `subjects` and the lists are links through `..data`, which is turned in one step.
    let data = |version: &str| format!("..2026_{version}");
    for (version, set) in [("1", Set::Alfa), ("2", Set::Beta)] {
        set.write(&folder.join(data(version)));
    }
    fs::remove_dir_all(folder.join("subjects")).unwrap();
    fs::remove_file(folder.join("mailboxes.toml")).unwrap();
    turn(&folder, &data("1"));
    symlink("..data/subjects", folder.join("subjects")).unwrap();
    symlink("..data/mailboxes.toml", folder.join("mailboxes.toml")).unwrap();
    turn(&folder, &data("2"));
    wait_until("the other set is in force", LATER, || {
        status(&gateway)["rules_in_force"]["version"] == history(&gateway)[0]["version"] && history(&gateway).len() == 3
    });
    send(&gateway, "vento sul").expect("250 2.0.0 Held", "the second set holds it");
    let names: Vec<_> = history(&gateway)[0]["files"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["mailboxes.toml", "subjects/set.toml"]);
}

fn turn(folder: &Path, to: &str) {
    symlink(to, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

#[test]
fn a_renewed_certificate_is_shown_without_a_reload() {
    let pair = || {
        let made = rcgen::generate_simple_self_signed(vec!["mx.tjpa.jus.br".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    };
    let sink = Sink::start();
    let (certificate, key) = pair();
    let gateway = Setup::new(sink.port()).starttls(&certificate, &key).watches().start();
    let told = || gateway.log().matches("the certificate is in force as its files are now").count();
    let before = told();
    let (certificate, key) = pair();
    gateway.write_certificate(&certificate, &key);
    wait_until("the certificate is read again", SOON, || told() > before);
    gateway.write_certificate(&certificate, "no key");
    wait_until("the fault is told", LATER, || status(&gateway)["certificate_fault"].is_string());
    gateway.write_certificate(&certificate, &key);
    wait_until("it is over", LATER, || status(&gateway)["certificate_fault"].is_null());
    assert_eq!(rules(&gateway), 0, "the rules were not asked");
}

/// Without the setting nothing happens by itself.
#[test]
fn a_gateway_that_does_not_watch_waits_to_be_told() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    gateway.write_rules("subjects/b.toml", &rule("R-2", "sul", "quarantine"));
    std::thread::sleep(Duration::from_secs(3));
    let now = status(&gateway);
    assert_eq!(now["rules"], 0);
    assert_eq!(now["rules_on_disk"]["changes"][0]["file"], "subjects/b.toml", "{now:#}");
    gateway.hang_up();
    wait_until("SIGHUP is obeyed", SOON, || rules(&gateway) == 1);
    assert_eq!(status(&gateway)["rules_in_force"]["by"], "signal");
}
