//! What is left of a subject where it is not to be kept (`[tracking] subjects`, decision 48).

use std::{fs, time::Duration};

use serde_json::Value;

use crate::support::{
    client::Client,
    gateway::{Gateway, Setup},
    rule,
    scratch::files_under,
    sink::Sink,
    subject::message_about,
    trace::id_of_reply,
    waiting::wait_until,
};

/// A word that stands nowhere but in the subject.
const UNIQUE: &str = "Xilofonevermelho";
const REQUEST: &str = "REQ 2026/1";
const PLENTY: Duration = Duration::from_secs(20);

fn start(sink: &Sink, subjects: &str) -> Gateway {
    Setup::new(sink.port())
        .table(&format!("[tracking]\nsubjects = \"{subjects}\"\n"))
        .rules("subjects/premio.toml", &rule::word("E2E-PREMIO", "premio"))
        .environment("PORTARIA_LOG", "trace")
        .start()
}

/// One message that goes on, and one that a rule holds, both with the word. The ids, the held one last.
fn send(gateway: &Gateway) -> [String; 2] {
    [format!("Processo {UNIQUE} 4711"), format!("=?utf-8?Q?Seu_premio_{UNIQUE}?=")].map(|subject| {
        let mut client = Client::connect(gateway.port());
        let reply = client.send("remetente@origin.example", &["maria@tjpa.jus.br"], &message_about(subject.as_bytes()));
        let id = id_of_reply(&reply.expect("250", "it is taken").line());
        gateway.explain(&id);
        id
    })
}

fn open_request(gateway: &Gateway) {
    let today = gateway.explain(gateway.quarantine()[0]["id"].as_str().unwrap())["began"].as_i64().unwrap();
    let zone = jiff::tz::TimeZone::get("America/Belem").unwrap();
    let day = jiff::Timestamp::from_millisecond(today).unwrap().to_zoned(zone).date().to_string();
    let line = ["track", "request", "open", "--number", REQUEST, "--who", "Corregedoria", "--received", &day];
    gateway.command(&[&line[..], &["--mailbox", "maria@tjpa.jus.br"]].concat()).succeeded();
}

fn tracked(gateway: &Gateway, words: &str) -> Vec<Value> {
    gateway.command(&["track", "--request", REQUEST, "--subject", words, "--json"]).succeeded().json_lines()
}

/// Where the word stands: files of `data_dir` but for the held content, the log, what commands say, what they export.
fn leaks(gateway: &Gateway, ids: &[String]) -> Vec<String> {
    let word = UNIQUE.to_lowercase();
    let says = |octets: &[u8]| String::from_utf8_lossy(octets).to_lowercase().contains(&word);
    let mut found: Vec<String> = Vec::new();
    let data = gateway.data();
    for file in files_under(&data) {
        // Held mail is the mail: whoever opens it is in the audit trail.
        let is_content = file.starts_with(data.join("quarantine"));
        if !is_content && says(&fs::read(&file).unwrap()) {
            found.push(file.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    let log = gateway.log();
    assert!(log.contains(&ids[0]), "the log is there: {log}");
    if says(log.as_bytes()) {
        found.push("log".to_owned());
    }
    let mut lines: Vec<Vec<&str>> = vec![
        vec!["quarantine", "list"],
        vec!["quarantine", "list", "--json"],
        vec!["track", "--request", REQUEST],
        vec!["track", "--request", REQUEST, "--json"],
        vec!["application", "list"],
        vec!["status", "--json"],
    ];
    for id in ids {
        lines.extend([vec!["explain", id], vec!["explain", id, "--json"]]);
    }
    for line in lines {
        let output = gateway.command(&line).succeeded();
        if says(output.told().as_bytes()) {
            found.push(line.join(" "));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for format in ["csv", "json", "pdf"] {
        let file = folder.path().join(format);
        let to = file.to_str().unwrap();
        gateway.command(&["track", "export", "--request", REQUEST, "--format", format, "--to", to]).succeeded();
        if says(&fs::read(&file).unwrap()) {
            found.push(format.to_owned());
        }
    }
    found
}

/// A search that finds nothing would say the same of a gateway that keeps everything.
#[test]
fn a_subject_that_is_kept_is_found_by_the_same_search() {
    let sink = Sink::start();
    let gateway = start(&sink, "plain");
    let ids = send(&gateway);
    open_request(&gateway);
    let found = leaks(&gateway, &ids);
    for place in ["log", "quarantine list", "csv", "json", &format!("explain {}", ids[0])] {
        assert!(found.iter().any(|one| one == place), "{place}: {found:?}");
    }
    assert!(found.iter().any(|name| name.starts_with("portaria.db")), "{found:?}");
    assert!(!gateway.data().join("subjects.key").exists());
}

#[test]
fn a_hashed_subject_stands_nowhere_and_is_found_by_its_words() {
    let sink = Sink::start();
    let mut gateway = start(&sink, "hashed");
    let ids = send(&gateway);
    open_request(&gateway);
    assert_eq!(leaks(&gateway, &ids), [""; 0]);
    // By its words, one or all, whatever the case; across a restart; not by a beginning, which is said.
    gateway.terminate();
    gateway.wait(PLENTY);
    gateway.run();
    let found = tracked(&gateway, &UNIQUE.to_uppercase());
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(tracked(&gateway, &format!("4711 {UNIQUE}")).len(), 1);
    assert_eq!(tracked(&gateway, "xilofone").len(), 0);
    let by_beginning = gateway.command(&["track", "--request", REQUEST, "--subject", "xilo*"]).succeeded();
    assert!(by_beginning.stderr.contains("hashed"), "{}", by_beginning.stderr);
    // By the hash that is shown, and held mail by its whole subject.
    let item = gateway.quarantine_with(&ids[1]);
    let shown = item["subject"].as_str().unwrap();
    assert!(shown.starts_with('#') && shown.len() == 33, "{item}");
    assert_eq!(tracked(&gateway, shown)[0]["id"], *ids[1]);
    let whole = format!("Seu PREMIO {UNIQUE}");
    let listed = gateway.command(&["quarantine", "list", "--subject", &whole, "--json"]).succeeded();
    assert_eq!((listed.json_lines().len(), listed.stderr.contains("hashed")), (1, true), "{}", listed.told());
    // Rules have nothing to be tried on.
    let replay = gateway.command(&["rules", "replay", "--since", "1d"]);
    assert_eq!((replay.code, replay.stderr.contains("\"hashed\"")), (Some(2), true), "{}", replay.told());
}

#[test]
fn a_subject_that_is_not_kept_stands_nowhere_and_commands_say_so() {
    let sink = Sink::start();
    let gateway = start(&sink, "off");
    let ids = send(&gateway);
    open_request(&gateway);
    assert_eq!(leaks(&gateway, &ids), [""; 0]);
    let explained = gateway.command(&["explain", &ids[0]]).succeeded().stdout;
    assert!(explained.contains("Subject: "), "{explained}");
    let search = gateway.command(&["track", "--request", REQUEST, "--subject", UNIQUE]).succeeded();
    assert!(search.stderr.contains("\"off\""), "{}", search.told());
    // What would be taken for all that there is, is not written.
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("x.csv");
    let line = ["track", "export", "--request", REQUEST, "--format", "csv", "--to", to.to_str().unwrap()];
    let export = gateway.command(&[&line[..], &["--subject", UNIQUE]].concat());
    assert_eq!((export.code, to.exists()), (Some(1), false), "{}", export.told());
    let replay = gateway.command(&["rules", "replay", "--since", "1d"]);
    assert_eq!((replay.code, replay.stderr.contains("\"off\"")), (Some(2), true), "{}", replay.told());
    wait_until("the item", PLENTY, || gateway.quarantine_with(&ids[1])["subject"] == "");
}

/// Before a line is shown, with what was asked for; and what cannot be written down is not shown.
#[test]
fn who_looks_a_message_up_or_lists_what_is_held_is_in_the_trail() {
    let sink = Sink::start();
    let gateway = start(&sink, "plain");
    let ids = send(&gateway);
    open_request(&gateway);
    let trail = |action: &str, object: &str| -> Vec<Value> {
        let all = gateway.command(&["audit", "list", "--json", "--action", action, "--object", object]);
        all.succeeded().json_lines()
    };
    let before = trail("record_explained", &ids[0]).len();
    gateway.command(&["explain", &ids[0][20..], "--by", "maria", "--request", REQUEST]).succeeded();
    let entries = trail("record_explained", &ids[0]);
    assert_eq!(entries.len(), before + 1);
    let entry = entries.last().unwrap();
    assert_eq!((&entry["person"], &entry["detail"]["request"]), (&"maria".into(), &REQUEST.into()), "{entry}");

    let before = trail("items_listed", "quarantine").len();
    gateway.command(&["quarantine", "list", "--subject", "premio", "--by", "maria"]).succeeded();
    let entries = trail("items_listed", "quarantine");
    assert_eq!(entries.len(), before + 1);
    let detail = &entries.last().unwrap()["detail"];
    assert_eq!((&detail["subject"], &detail["items"]), (&"premio".into(), &"1".into()));
    // So does what a command about many shows before it is told to go on.
    let preview = gateway.command(&["quarantine", "delete", "--subject", "premio", "--reason", "teste"]);
    assert_eq!((preview.code, trail("items_listed", "quarantine").len()), (Some(1), before + 2), "{}", preview.told());

    // A message that the request is not about is not told of, and there is nothing to write down.
    let reply = Client::connect(gateway.port()).send("a@origin.example", &["joao@tjpa.jus.br"], &message_about(b"Ata"));
    let other = id_of_reply(&reply.expect("250", "it is taken").line());
    gateway.explain(&other);
    let before = trail("record_explained", &other).len();
    let refused = gateway.command(&["explain", &other, "--request", REQUEST]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{}", refused.told());
    assert_eq!(trail("record_explained", &other).len(), before);

    // No entry, nothing shown.
    let (head, kept) = (gateway.data().join("audit.head"), gateway.data().join("kept"));
    fs::rename(&head, &kept).unwrap();
    fs::create_dir(&head).unwrap();
    for line in [vec!["explain", &*ids[0]], vec!["quarantine", "list"]] {
        let refused = gateway.command(&line);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{}", refused.told());
    }
    fs::remove_dir(&head).unwrap();
    fs::rename(&kept, &head).unwrap();
    gateway.command(&["audit", "verify"]).succeeded();
}

/// Files that were written anew, with the head beside them, are good by themselves: the copy in the database knows what stood there.
#[test]
fn a_trail_that_was_begun_anew_is_told_by_its_copy() {
    let sink = Sink::start();
    let gateway = start(&sink, "plain");
    let [id, _] = send(&gateway);
    let verified = || gateway.command(&["audit", "verify", "--database", "--json"]);
    let own =
        || verified().json_lines().into_iter().find(|line| line["kind"] == "copy" && line["own"] == true).unwrap();
    wait_until("everything is copied", PLENTY, || own()["waiting"] == 0 && own()["entries"] != 0);
    assert_eq!(own()["differences"], 0, "{}", verified().succeeded().told());
    for name in ["audit.log", "audit.head"] {
        fs::remove_file(gateway.data().join(name)).unwrap();
    }
    gateway.command(&["explain", &id, "--by", "maria"]).succeeded();
    gateway.command(&["audit", "verify"]).succeeded();
    let told = verified();
    assert_eq!(told.code, Some(1), "{}", told.told());
    let lines = told.json_lines();
    assert!(lines.iter().any(|line| line["difference"] == "not_in_file" && line["seq"] == 1), "{lines:#?}");
}
