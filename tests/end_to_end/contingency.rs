//! The contingency switch and exceptions, as an operator meets them: the steps of the runbook are taken from the pages that have them
//! and run as they stand there, in both languages.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;

use crate::support::{
    clamd::Clamd,
    client::{Client, Reply},
    command::Output,
    eicar,
    gateway::{Gateway, Setup},
    sink::Sink,
    trace::id_of_reply,
    waiting::wait_until,
};

const MESSAGE: &[u8] = b"Subject: ata\r\n\r\nSegue a ata.\r\n";

/// Where the steps stand: the page, the beginning of the heading, and what the first line of status then begins with.
const RUNBOOKS: [(&str, &str); 2] = [
    ("docs/operations.md", "### Antivirus does not work: contingency"),
    ("docs/pt-BR/guia.md", "## Antivírus não funciona: contingência"),
];

/// The commands of the first block of shell below a heading, without `sudo` and comments, cut into words.
fn steps((page, heading): (&str, &str)) -> Vec<Vec<String>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let (_, section) = text.split_once(heading).expect("the heading stands there");
    let block = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of shell");
    block.lines().map(words).collect()
}

/// A line of shell: words, quotes, a comment at the end.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for char in line.chars() {
        match char {
            '"' => quoted = !quoted,
            '#' if !quoted && word.is_empty() => break,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(char),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    let begins = usize::from(words.first().is_some_and(|word| word == "sudo"));
    assert_eq!(words.get(begins).map(String::as_str), Some("portaria"), "{line}");
    words.split_off(begins + 1)
}

fn send(gateway: &Gateway, sender: &str, content: &[u8]) -> Reply {
    Client::connect(gateway.port()).send(sender, &["maria@tjpa.jus.br"], content)
}

fn step(gateway: &Gateway, step: &[String], id: &str) -> Output {
    let words: Vec<&str> = step.iter().map(|word| if word == "ID" { id } else { word.as_str() }).collect();
    gateway.command(&words).succeeded()
}

fn standing(gateway: &Gateway) -> Vec<String> {
    let alerts = gateway.command(&["alert", "list", "--json"]).succeeded().json_lines();
    alerts.iter().map(|alert| alert["condition"].as_str().unwrap().to_owned()).collect()
}

fn contingency(gateway: &Gateway) -> Value {
    gateway.command(&["status", "--json"]).succeeded().json_lines().remove(0)["contingency"].clone()
}

fn last_content(sink: &Sink) -> String {
    String::from_utf8(sink.state().messages.last().expect("a message").content.clone()).unwrap()
}

fn orders(gateway: &Gateway) -> String {
    fs::read_to_string(gateway.data().parent().unwrap().join("rules/antivirus.toml")).unwrap()
}

/// Clause 8.1.10: the runbook is run by a test. Before the first step clamd is gone and mail is deferred; with the last one it is again.
#[test]
fn the_steps_of_the_runbook_let_mail_through_tagged_recorded_and_loud_until_they_end_it() {
    let mut clamd = Clamd::start();
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).clamd(&clamd).rules("antivirus.toml", "# Nothing is ordered.\n").start();
    clamd.stop();
    for runbook in RUNBOOKS {
        let steps = steps(runbook);
        let [look, start, loud, explain, end, over] = steps.as_slice() else { panic!("six steps: {steps:?}") };
        send(&gateway, "a@origin.example", MESSAGE).expect("451 4.7.1", "clamd is gone");
        wait_until("/health/ready says no", Duration::from_secs(30), || gateway.http("/health/ready").0 == 503);
        let relayed = sink.state().messages.len();
        assert!(step(&gateway, look, "").stdout.contains("FAULT"), "status shows the scanner that is gone");

        let told = step(&gateway, start, "");
        assert!(told.stdout.starts_with("*** CONTINGENCY IN FORCE: mail is relayed UNSCANNED"), "{}", told.told());
        let id = id_of_reply(&send(&gateway, "a@origin.example", MESSAGE).expect("250 2.0.0", "by order").line());
        assert_eq!(sink.state().messages.len(), relayed + 1);
        let content = last_content(&sink);
        assert!(content.contains("\r\nX-Portaria: mx.tjpa.jus.br; verdict=contingency;\r\n\tid="), "{content}");

        // Loud in status, in words and as JSON, in alerts, in metrics and in the log; and no balancer turns mail away.
        assert!(step(&gateway, loud, "").stdout.starts_with("*** CONTINGENCY IN FORCE"), "before anything else");
        let order = contingency(&gateway);
        assert_eq!((&order["state"], &order["mode"]), (&"in_force".into(), &"deliver".into()), "{order:#}");
        let (reason, ticket) = (order["reason"].as_str().unwrap(), order["ticket"].as_str().unwrap());
        assert!(start.contains(&reason.to_owned()) && start.contains(&ticket.to_owned()), "{order:#}");
        wait_until("the alert stands", Duration::from_secs(10), || standing(&gateway).contains(&"contingency".into()));
        assert!(gateway.http("/metrics").1.contains("portaria_contingency_total{mode=\"deliver\"} "));
        assert_eq!(gateway.http("/health/ready").0, 200, "mail is taken");
        let warned = |line: &str| line.contains("WARN") && line.contains("not scanned by order") && line.contains(&id);
        assert!(gateway.log().lines().any(warned), "a line for the message");

        // Recorded, and told to whoever asks.
        let record = gateway.explain(&id);
        let report = &record["scanners"][0];
        assert_eq!((&report["verdict"], &report["ticket"]), (&"contingency".into(), &ticket.into()), "{record:#}");
        let told = step(&gateway, explain, &id);
        assert!(told.stdout.contains("NOT SCANNED by order") && told.stdout.contains(reason), "{}", told.told());

        step(&gateway, end, "");
        assert_eq!(contingency(&gateway), Value::Null);
        let told = step(&gateway, over, "");
        assert_eq!(told.stdout, "no contingency is ordered\n");
        assert!(orders(&gateway).starts_with("# Nothing is ordered.\n"), "comments stay: {}", orders(&gateway));
        wait_until("the alert is over", Duration::from_secs(10), || {
            !standing(&gateway).contains(&"contingency".into())
        });
    }
    send(&gateway, "a@origin.example", MESSAGE).expect("451 4.7.1", "clamd is still gone");
    clamd.resume();
    send(&gateway, "a@origin.example", MESSAGE).expect("250 2.0.0", "clamd is back");
    assert!(!last_content(&sink).contains("X-Portaria"), "and it was asked");
}

fn start(gateway: &Gateway, mode: &str, length: &str, more: &[&str]) -> Output {
    let words =
        ["antivirus", "contingency", "start", "--mode", mode, "--for", length, "--reason", "r", "--ticket", "REQ 1"];
    gateway.command(&[words.as_slice(), &["--by", "noc"], more].concat())
}

/// Nobody reloads anything, and nobody ends it.
#[test]
fn an_order_ends_by_itself_and_a_second_one_is_not_begun_meanwhile() {
    let clamd = Clamd::start();
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).clamd(&clamd).start();
    start(&gateway, "hold", "8 s", &["--group", "clamd"]).succeeded();
    let id = id_of_reply(&send(&gateway, "a@origin.example", MESSAGE).expect("250 2.0.0 Held", "by order").line());
    assert_eq!(gateway.quarantine_with(&id)["class"], "unscannable");
    let second = start(&gateway, "deliver", "4 h", &[]);
    assert_eq!(second.code, Some(1), "{}", second.told());
    assert!(second.stderr.contains("there is a contingency already (hold, REQ 1): end it first"), "{}", second.told());
    wait_until("it is over", Duration::from_secs(20), || contingency(&gateway).is_null());
    sink.heard_no_message();
    send(&gateway, "a@origin.example", MESSAGE).expect("250 2.0.0", "scanned");
    assert!(!last_content(&sink).contains("X-Portaria"), "scanned and clean");
    assert_eq!(gateway.command(&["antivirus", "contingency", "end", "--reason", "r"]).code, Some(1), "nothing to end");
}

/// What is written and not in force is not called in force: exit codes 1 and 3, and why.
#[test]
fn start_says_what_is_true_when_the_gateway_is_down_or_keeps_its_old_files() {
    let clamd = Clamd::start();
    let sink = Sink::start();
    let mut gateway = Setup::new(sink.port()).clamd(&clamd).start();
    let refused = start(&gateway, "hold", "4 h", &["--group", "clam"]);
    assert_eq!(refused.code, Some(1), "{}", refused.told());
    assert!(refused.stderr.contains("there is no scanner group `clam`"), "{}", refused.told());
    assert_eq!(start(&gateway, "hold", "8 days", &[]).code, Some(2), "too long");
    assert!(!gateway.data().parent().unwrap().join("rules/antivirus.toml").exists(), "nothing was written");

    gateway.write_rules("subjects/slip.toml", "[[rule]]\n");
    let kept = start(&gateway, "hold", "4 h", &[]);
    assert_eq!(kept.code, Some(1), "{}", kept.told());
    assert!(kept.stderr.contains("is written, and NOT IN FORCE"), "{}", kept.told());
    assert!(!kept.stdout.contains("IN FORCE") && contingency(&gateway).is_null(), "{}", kept.told());
    gateway.remove_rules("subjects/slip.toml");

    let end = ["antivirus", "contingency", "end", "--reason", "r", "--by", "noc"];
    gateway.command(&end).succeeded();
    gateway.kill();
    let written = start(&gateway, "hold", "4 h", &[]);
    assert_eq!(written.code, Some(3), "{}", written.told());
    assert!(written.stderr.contains("is written. NOT IN FORCE in a gateway that runs"), "{}", written.told());
    let shown = gateway.command(&["antivirus", "contingency"]);
    assert_eq!(shown.code, Some(3), "{}", shown.told());
    assert!(shown.stdout.starts_with("*** CONTINGENCY IN FORCE"), "what the file says: {}", shown.told());
    gateway.run();
    send(&gateway, "a@origin.example", MESSAGE).expect("250 2.0.0 Held", "the file is read at start");
}

/// Also for the test file itself: mail with it is let through for one sender, and scanners must find it all the same.
#[test]
fn an_exception_lets_one_sender_through_tagged_and_blinds_no_scanner() {
    let clamd = Clamd::start();
    let sink = Sink::start();
    let exception = |networks: &str| {
        format!(
            "[[ignore]]\nsignature = \"Eicar-Test-*\"\nsenders = [\"*@bank.example\"]\n{networks}reason = \"r\"\n\
             ticket = \"REQ 8\"\nby = \"s3b\"\nexpires = 2999-01-01T00:00:00Z\n"
        )
    };
    let here = exception("networks = [\"127.0.0.0/8\"]\n");
    let gateway = Setup::new(sink.port()).clamd(&clamd).rules("antivirus.toml", &here).start();
    let (_, virus) = eicar::messages().swap_remove(0);
    let id = id_of_reply(&send(&gateway, "avisos@bank.example", &virus).expect("250 2.0.0", "ignored").line());
    assert!(last_content(&sink).contains("\r\nX-Portaria: mx.tjpa.jus.br; verdict=ignored;\r\n"));
    let record = gateway.explain(&id);
    let report = &record["scanners"][0];
    assert_eq!((&report["verdict"], &report["ticket"]), (&"ignored".into(), &"REQ 8".into()), "{record:#}");
    assert!(report["signature"].as_str().unwrap().starts_with("Eicar-Test-Signature"), "{record:#}");
    send(&gateway, "avisos@bank.example.org", &virus).expect("550 5.7.1", "another sender");

    let listed = gateway.command(&["antivirus", "exceptions", "--json"]).succeeded().json_lines();
    assert_eq!((&listed[0]["ticket"], &listed[0]["state"]), (&"REQ 8".into(), &"in_force".into()));
    let status = gateway.command(&["status", "--json"]).succeeded().json_lines().remove(0);
    assert_eq!(status["scanners"][0]["finds_eicar"], true, "{status:#}");
    assert!(gateway.http("/metrics").1.contains("portaria_ignored_total{ticket=\"REQ 8\"} 1"));

    gateway.write_rules("antivirus.toml", &exception("networks = [\"192.0.2.0/24\"]\n"));
    gateway.command(&["reload"]).succeeded();
    send(&gateway, "avisos@bank.example", &virus).expect("550 5.7.1", "from elsewhere");
    gateway.write_rules("antivirus.toml", &exception(""));
    let warned = gateway.command(&["antivirus", "exceptions"]).succeeded();
    assert!(warned.stderr.contains("an exception by sender alone can be forged"), "{}", warned.told());
    assert!(warned.stdout.contains("ANYWHERE"), "{}", warned.told());
}
