//! YARA rules change without a restart: whole, proved by their examples, and never under a scan that has begun.

use std::time::Duration;

use serde_json::Value;

use crate::support::{
    client::{Client, Reply},
    eicar,
    gateway::{Gateway, Setup},
    rule,
    sink::Sink,
    trace::id_of_reply,
    waiting::wait_until,
};

const MESSAGE: &[u8] = b"Subject: premio\r\n\r\nVoce ganhou um premio.\r\n";

/// A rule for that message, as somebody would write it, with its examples.
const RULE: &str = "rule Premio\n{\n    meta:\n        class = \"malware\"\n        severity = \"high\"\n        \
                    action = \"quarantine\"\n    strings:\n        $a = \"ganhou um premio\"\n    condition:\n        \
                    not whole_message and $a\n}\n";
const EXAMPLES: &str = "[[example]]\nrule = \"Premio\"\nexpect = \"match\"\nas = \"mail\"\n\
                        text = \"\"\"\nContent-Transfer-Encoding: base64\n\nVm9jZSBnYW5ob3UgdW0gcHJlbWlvLg==\n\"\"\"\n\n\
                        [[example]]\nrule = \"Premio\"\nexpect = \"no match\"\ntext = \"Voce nao ganhou nada.\"\n";

fn send(gateway: &Gateway, message: &[u8]) -> Reply {
    Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], message)
}

/// The embedded scanner, as status tells of it.
fn scanner(gateway: &Gateway) -> Value {
    let status = gateway.command(&["status", "--json"]).succeeded().json_lines().remove(0);
    let scanners = status["scanners"].as_array().unwrap();
    scanners.iter().find(|scanner| scanner["scanner"].as_str().unwrap().starts_with("yara ")).unwrap().clone()
}

fn version(gateway: &Gateway) -> String {
    scanner(gateway)["version"].as_str().unwrap().to_owned()
}

#[test]
fn a_new_yara_rule_is_in_force_after_a_reload_and_one_with_a_fault_changes_nothing() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).yara().start();
    let before = version(&gateway);
    send(&gateway, MESSAGE).expect("250 2.0.0", "no rule for it yet");
    assert_eq!(sink.state().messages.len(), 1);

    gateway.write_rules("yara/premio.yar", RULE);
    gateway.write_rules("yara/premio.toml", EXAMPLES);
    let told = gateway.command(&["reload"]).succeeded();
    let after = version(&gateway);
    assert_ne!(before, after);
    let short = after.rsplit(' ').next().unwrap();
    assert!(short.len() == 12 && told.stdout.contains(&format!("version {short}, ")), "{}", told.told());
    assert!(!told.stdout.contains("EICAR"), "{}", told.told());

    let reply = send(&gateway, MESSAGE).expect("250 2.0.0", "held").line();
    let id = id_of_reply(&reply);
    assert_eq!(sink.state().messages.len(), 1, "the rule asks for quarantine, whatever is configured for malware");
    let item = gateway.quarantine_with(&id);
    assert_eq!((&item["class"], &item["acknowledged"]), (&"virus".into(), &true.into()), "{item:#}");
    let record = gateway.explain(&id);
    let report = &record["scanners"][0];
    let finding = serde_json::json!([
        { "rule": "YARA.Premio", "class": "malware", "severity": "high", "action": "quarantine" }
    ]);
    assert_eq!(report["findings"], finding, "{record:#}");
    assert_eq!((&report["action"], &report["version"]), (&"quarantine".into(), &after.as_str().into()), "{record:#}");
    let told = gateway.command(&["explain", &id]).succeeded();
    assert!(told.stdout.contains("YARA.Premio: malware; severity high; asks for quarantine"), "{}", told.told());
    assert!(gateway.http("/metrics").1.contains("rule=\"YARA.Premio\",action=\"quarantine\"} 1"));

    faults_change_nothing(&gateway, &sink, &after);

    // All or nothing: while a YARA rule has a fault no subject rule changes either, and the other way round.
    gateway.remove_rules("yara/premio.yar");
    gateway.remove_rules("yara/premio.toml");
    gateway.write_rules("subjects/quebrado.toml", "[[rule]]\nid = \"E2E-X\"\nphrse = \"premio\"\n");
    assert_eq!(gateway.command(&["reload"]).code, Some(1));
    assert_eq!(version(&gateway), after);
    gateway.remove_rules("subjects/quebrado.toml");
    gateway.hang_up();
    wait_until("the first set is in force again", Duration::from_secs(30), || version(&gateway) == before);
    send(&gateway, MESSAGE).expect("250 2.0.0", "no rule for it any more");
    assert_eq!(sink.state().messages.len(), 2);
}

/// A rule that does not compile, metadata that nobody knows, an example that fails, a rule that would hold all mail.
fn faults_change_nothing(gateway: &Gateway, sink: &Sink, in_force: &str) {
    let relayed = sink.state().messages.len();
    gateway.write_rules("subjects/premio.toml", &rule::word("E2E-PREMIO", "premio"));
    let wrong = "[[example]]\nrule = \"Premio\"\nexpect = \"match\"\ntext = \"um premio\"\n";
    for (file, text, fault) in [
        ("quebrada.yar", "rule X { condition: tru }\n", "quebrada.yar:1:21: error: unknown identifier"),
        (
            "quebrada.yar",
            "rule X { meta: class = \"malware\" action = \"kill\" condition: false }\n",
            "quebrada.yar:1:34: error: rule X: `action` is one of observe | tag | quarantine | refuse, not `kill`",
        ),
        ("errada.toml", wrong, "errada.toml:3:10: error: rule Premio does not match this example"),
        (
            "tudo.yar",
            "rule X { meta: class = \"malware\" condition: true }\n",
            "tudo.yar:1:6: error: rule X matches a mail of one harmless line",
        ),
    ] {
        let file = format!("yara/{file}");
        gateway.write_rules(&file, text);
        let told = gateway.command(&["reload"]);
        assert_eq!(told.code, Some(1), "{}", told.told());
        assert!(told.stderr.contains(fault) && told.stderr.contains("no rule changed"), "{fault}: {}", told.told());
        assert_eq!(version(gateway), in_force, "{file}");
        let check = gateway.command(&["check"]);
        assert!(check.code == Some(1) && check.stdout.contains(fault), "check says the same: {}", check.told());
        let status = gateway.command(&["status", "--json"]).succeeded().json_lines().remove(0);
        assert_eq!(status["rules"], 0, "the good subject rule waits, too: {status:#}");
        assert!(status["reload_fault"].as_str().is_some_and(|told| told.contains(fault)), "{status:#}");
        let (code, health) = gateway.http("/health/ready");
        assert!(code == 200 && health.contains("rules: FAULT\n"), "mail is taken all the same: {code} {health}");
        send(gateway, MESSAGE).expect("250 2.0.0", "held");
        assert_eq!(sink.state().messages.len(), relayed, "the set in force still holds it");
        gateway.remove_rules(&file);
    }
    gateway.remove_rules("subjects/premio.toml");
    assert!(gateway.http("/metrics").1.contains("portaria_reloads_total{result=\"fault\"} 4"));
    gateway.command(&["reload"]).succeeded();
    assert!(gateway.http("/health/ready").1.contains("rules: ok\n"));
    assert_eq!(version(gateway), in_force, "the same files, the same version");
}

/// The scan has begun under a slow rule, which is gone before it ends: the message is judged by it all the same, and nobody waits.
#[test]
fn a_scan_over_a_reload_ends_with_the_rules_that_it_began_with() {
    let sink = Sink::start();
    let slow = "rule Slow { meta: class = \"macro\" action = \"quarantine\" strings: $m = \"slow mail\" \
                condition: whole_message and $m and for all i in (1..1200000) : (i * 2 >= i) }\n";
    let gateway = Setup::new(sink.port()).yara().rules("yara/slow.yar", slow).start();
    let old = version(&gateway);
    let port = gateway.port();
    let sender = std::thread::spawn(move || {
        let message = b"Subject: x\r\n\r\nslow mail\r\n";
        Client::connect(port).send("a@origin.example", &["maria@tjpa.jus.br"], message)
    });
    wait_until("the scan is under way", Duration::from_secs(30), || scanner(&gateway)["in_flight"] == 1);
    gateway.remove_rules("yara/slow.yar");
    gateway.command(&["reload"]).succeeded();
    let under_way = scanner(&gateway)["in_flight"] == 1;
    send(&gateway, b"Subject: x\r\n\r\nx\r\n").expect("250 2.0.0", "others go on");
    let reply = sender.join().unwrap().expect("250 2.0.0", "held by the slow rule").line();
    assert!(under_way, "the scan was over before the reload: make it longer");
    let record = gateway.explain(&id_of_reply(&reply));
    assert_eq!(record["scanners"][0]["version"], old.as_str(), "{record:#}");
    assert_eq!(record["scanners"][0]["findings"][0]["rule"], "YARA.Slow", "{record:#}");
    assert_ne!(version(&gateway), old);
    sink.only_message();
}

/// Rules that do not find the test file may be meant. Everybody who looks is told: the reload, check, status, the log, an alert.
#[test]
fn a_reload_that_blinds_the_scanner_is_told_at_once() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).yara().start();
    assert_eq!(scanner(&gateway)["finds_eicar"], true);
    gateway.remove_rules("yara/eicar.yar");
    gateway.remove_rules("yara/eicar.toml");
    let told = gateway.command(&["reload"]).succeeded();
    assert!(told.stdout.contains("ATTENTION: these rules do not find the EICAR test file"), "{}", told.told());
    assert_eq!(scanner(&gateway)["finds_eicar"], false, "before any self-test");
    assert!(gateway.log().contains("these YARA rules do not find the EICAR test file"));
    let check = gateway.command(&["check"]);
    assert!(check.stdout.contains("answers, and does not find the EICAR test file"), "{}", check.told());
    wait_until("an alert stands", Duration::from_secs(30), || {
        gateway.command(&["alert", "list", "--json"]).stdout.contains("scanner_blind")
    });
    let virus = eicar::messages().swap_remove(0).1;
    send(&gateway, &virus).expect("250 2.0.0", "nobody finds it any more");
}

/// The message is held in time, others go on, and the program ends though the thread does not.
#[test]
fn a_scan_without_an_end_holds_its_message_and_nothing_else() {
    let sink = Sink::start();
    let endless =
        "rule Endless { meta: class = \"malware\" strings: $a = /[a-z\\r\\n]+[^a-z\\r\\n]/ condition: #a > 2000 }\n";
    let mut gateway = Setup::new(sink.port())
        .yara()
        .rules("yara/endless.yar", endless)
        // Before the clock is first looked at; the pieces between which it is take 0.8 s each on a fast machine.
        .table("[timeouts]\nscan = \"400 ms\"\ndrain = \"1 s\"")
        .start();
    let check = gateway.command(&["check"]);
    assert!(
        check.stdout.contains("rule Endless: $a is slow, and the time limit stops it late or never"),
        "{}",
        check.told()
    );

    let message = [
        b"Subject: x\r\n\r\n",
        &b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(240_000)[..],
        b"!\r\n",
    ];
    // Looked at all the while: on an idle machine the thread's own clock may stop it soon behind the reply.
    let works_on = || {
        let (_, metrics) = gateway.http("/metrics");
        metrics.lines().any(|line| line.starts_with("portaria_yara_runaways{") && line.ends_with(" 1"))
    };
    let reply = std::thread::scope(|scope| {
        let looking =
            scope.spawn(|| wait_until("the thread works on, and is counted", Duration::from_secs(30), works_on));
        let reply = send(&gateway, &message.concat()).expect("250 2.0.0", "held").line();
        looking.join().unwrap();
        reply
    });
    let record = gateway.explain(&id_of_reply(&reply));
    assert_eq!(record["scanners"][0]["verdict"], "not_fully_scanned", "{record:#}");
    assert_eq!(record["scanners"][0]["reason"], "YARA: no end in time", "{record:#}");
    send(&gateway, b"Subject: x\r\n\r\nx\r\n").expect("250 2.0.0", "others go on");
    sink.only_message();

    gateway.terminate();
    let ended = gateway.wait(Duration::from_secs(15));
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
}
