//! What was in force can be looked at and put back, and a rollback that was killed is never half in force.

use std::{fs, time::Duration};

use crate::{
    sets::{Set, rule},
    support::{
        client::{Client, Reply},
        gateway::{Gateway, Setup},
        sink::Sink,
        trace::id_of_reply,
    },
    watch::{history, status},
};

fn send(gateway: &Gateway, subject: &str) -> Reply {
    let message = format!("Subject: {subject}\r\n\r\nx\r\n");
    Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], message.as_bytes())
}

#[test]
fn an_earlier_set_is_put_back_and_that_is_undone_in_the_same_way() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).rules("subjects/a.toml", &rule("R-1", "norte", "quarantine")).start();
    let folder = gateway.rules_folder();
    let held = send(&gateway, "vento norte").expect("250 2.0.0 Held", "the first set").line();
    let first = fs::read(folder.join("subjects/a.toml")).unwrap();

    gateway.write_rules("subjects/a.toml", &rule("R-1", "norte", "tag"));
    gateway.write_rules("subjects/b.toml", &rule("R-2", "sul", "quarantine"));
    gateway.command(&["reload"]).succeeded();
    send(&gateway, "vento norte").expect("250 2.0.0", "relayed");
    assert_eq!(sink.state().messages.len(), 1);

    // What changed, in words, as JSON, line by line; and the rules as they were, by the version that a record names.
    let told = gateway.command(&["rules", "history"]).succeeded().stdout;
    assert!(told.contains("~rule R-1, +rule R-2"), "{told}");
    let newest = &history(&gateway)[0];
    assert_eq!((&newest["number"], &newest["by"]), (&2.into(), &"command".into()));
    let told = gateway.command(&["rules", "history", "2", "--diff"]).succeeded().stdout;
    assert!(told.contains("── ~subjects/a.toml") && told.contains("kind = \"tag\""), "{told}");
    assert!(!told.contains("description = \"norte\""), "a line that both have: {told}");
    let version = gateway.explain(&id_of_reply(&held))["policy"].as_str().unwrap().to_owned();
    let told = gateway.command(&["rules", "history", &version]).succeeded().stdout;
    assert!(told.contains("number 1, version") && told.contains("kind = \"quarantine\""), "{told}");

    // A set of the history beside another, and beside the folder.
    let compared = gateway.command(&["rules", "diff", "1", "2"]);
    assert_eq!(compared.code, Some(1), "{}", compared.told());
    assert!(compared.stdout.contains("quarantine → tag") && compared.stdout.contains("R-2"), "{}", compared.told());
    let standing = folder.to_str().unwrap();
    assert_eq!(gateway.command(&["rules", "diff", "2", standing]).code, Some(0), "nothing was changed since");
    assert_eq!(gateway.command(&["rules", "diff", &version, standing]).stdout, compared.stdout);

    // Back, without a number: the one before.
    let edited = rule("R-9", "nunca", "quarantine");
    gateway.write_rules("subjects/b.toml", &edited);
    let told = gateway.command(&["rules", "rollback", "--reason", "too much"]).succeeded();
    assert!(
        told.stdout.contains("-file subjects/b.toml") && told.stdout.contains("in force: rule set"),
        "{}",
        told.told()
    );
    assert_eq!(fs::read(folder.join("subjects/a.toml")).unwrap(), first);
    assert!(!folder.join("subjects/b.toml").exists());
    let aside: Vec<_> = fs::read_dir(folder.join("subjects"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("/.b.toml.aside-"))
        .collect();
    assert_eq!(fs::read_to_string(&aside[0]).unwrap(), edited, "what nobody has kept is not lost");
    send(&gateway, "vento norte").expect("250 2.0.0 Held", "the first set is in force again");
    let now = status(&gateway);
    assert_eq!((&now["rules_in_force"]["by"], &now["rules_in_force"]["number"]), (&"rollback".into(), &3.into()));
    assert_eq!(now["rules_in_force"]["version"], version.as_str());

    // And forward again.
    gateway.command(&["rules", "rollback", "2", "--reason", "no, that was right", "--by", "maria"]).succeeded();
    send(&gateway, "vento sul").expect("250 2.0.0 Held", "the second set");
    let trail = gateway.command(&["audit", "list", "--json"]).succeeded().json_lines();
    let mine: Vec<_> = trail.iter().filter(|entry| entry["action"] == "rules_rolled_back").collect();
    assert_eq!(mine.len(), 4, "begun and done, twice: {trail:#?}");
    assert!(mine.iter().any(|entry| entry["person"] == "maria" && entry["detail"]["outcome"] == "done"), "{mine:#?}");
    gateway.command(&["audit", "verify"]).succeeded();
}

#[test]
fn a_set_that_does_not_load_today_or_is_not_kept_changes_nothing() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).rules("mailboxes.toml", &Set::Alfa.mailboxes()).start();
    gateway.write_rules("mailboxes.toml", "");
    gateway.command(&["reload"]).succeeded();
    // The first set is fine in itself, and its contents are spoiled on the disk.
    let entries = history(&gateway);
    let object = entries[1]["files"][0]["sha256"].as_str().unwrap();
    fs::write(gateway.data().join("rules/objects").join(object), "[[blocked]]\n").unwrap();
    for (arguments, told) in [
        (vec!["rules", "rollback", "1", "--reason", "x"], "damaged"),
        (vec!["rules", "rollback", "7", "--reason", "x"], "no set of the history"),
        (vec!["rules", "history", "7"], "no set of the history"),
    ] {
        let output = gateway.command(&arguments);
        assert_eq!(output.code, Some(1), "{}", output.told());
        assert!(output.stderr.contains(told), "{}", output.told());
    }
    for (old, told) in
        [("1", "damaged"), ("7", "neither a folder nor a set"), ("/nowhere", "neither a folder nor a set")]
    {
        let output = gateway.command(&["rules", "diff", old, "2"]);
        assert_eq!(output.code, Some(2), "{}", output.told());
        assert!(output.stderr.contains(told), "{}", output.told());
    }
    assert_eq!(gateway.command(&["rules", "rollback"]).code, Some(2), "a reason is needed");
    assert_eq!(fs::read_to_string(gateway.rules_folder().join("mailboxes.toml")).unwrap(), "");
}

/// Killed while files were half in place, the mark stands: no reload takes it, no start does, and the same command finishes it.
#[test]
fn what_a_killed_rollback_left_is_not_taken_and_is_finished_by_another_one() {
    let sink = Sink::start();
    let mut gateway =
        Setup::new(sink.port()).rules("subjects/a.toml", &rule("R-1", "norte", "quarantine")).watches().start();
    gateway.write_rules("subjects/a.toml", &rule("R-2", "sul", "quarantine"));
    gateway.write_rules("subjects/b.toml", &rule("R-3", "leste", "quarantine"));
    gateway.command(&["reload"]).succeeded();

    // As it is after the first of two files.
    fs::write(gateway.rules_folder().join(".rollback"), "portaria rules rollback 1\n").unwrap();
    gateway.write_rules("subjects/a.toml", &rule("R-1", "norte", "quarantine"));
    std::thread::sleep(Duration::from_secs(4));
    let told = gateway.command(&["reload"]);
    assert_eq!(told.code, Some(1), "{}", told.told());
    assert!(told.stderr.contains("a rollback stopped half-way"), "{}", told.told());
    assert!(told.stderr.contains("portaria rules rollback NUMBER"), "how to finish it: {}", told.told());
    send(&gateway, "vento sul").expect("250 2.0.0 Held", "what was in force is");
    assert_eq!(history(&gateway).len(), 2, "the half was never in force");
    let check = gateway.command(&["check"]);
    assert!(check.stdout.contains("a rollback stopped half-way"), "{}", check.told());

    gateway.kill();
    let told = gateway.command(&["rules", "rollback", "1", "--reason", "finish it"]);
    assert_eq!(told.code, Some(3), "done, and the gateway is not there: {}", told.told());
    assert!(told.stderr.contains("they come into force when the gateway starts"), "{}", told.told());
    gateway.run();
    gateway.wait_until_ready();
    send(&gateway, "vento norte").expect("250 2.0.0 Held", "the first set");
    assert!(!gateway.rules_folder().join("subjects/b.toml").exists());
}
