//! Subject rules: every spelling is caught, the command says why, files change without a restart, exceptions spare some recipients.

use std::time::Duration;

use crate::support::{
    client::{Client, Reply},
    gateway::{Gateway, Setup},
    rule,
    sink::Sink,
    subject::{encodings_of_the_phrase, message_about, near_misses},
    trace::{assert_arrived, id_of_reply, sha256},
    waiting::wait_until,
};

fn send(gateway: &Gateway, subject: &[u8]) -> Reply {
    Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], &message_about(subject))
}

#[test]
fn an_accented_phrase_is_caught_in_every_encoding_and_the_message_is_held() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).rules("subjects/boleto.toml", &rule::boleto(&[])).start();
    for (name, subject) in encodings_of_the_phrase() {
        let reply = send(&gateway, &subject).expect("250 2.0.0", name);
        let about = format!("{name}, subject {}", subject.escape_ascii());
        assert!(sink.state().messages.is_empty(), "was relayed, not held: {about}; reply {}", reply.line());
        let id = id_of_reply(&reply.line());
        let item = gateway.quarantine_with(&id);
        assert_eq!(item["class"], "rule", "{about}: {item:#}");
        assert_eq!(item["state"], "held", "{about}: {item:#}");
        assert_eq!(item["acknowledged"], true, "the sender heard 250; {about}: {item:#}");
        assert_eq!(item["sha256"], sha256(&message_about(&subject)).as_str(), "{about}: {item:#}");
        let told = gateway.command(&["explain", &id]).succeeded();
        assert!(told.stdout.contains("E2E-BOLETO"), "explain names the rule: {}", told.told());
    }
    for (name, subject) in near_misses() {
        send(&gateway, &subject).expect("250 2.0.0", name);
    }
    assert_eq!(sink.state().messages.len(), near_misses().len(), "what only looks alike is relayed");
    assert_eq!(gateway.quarantine().len(), encodings_of_the_phrase().len());
}

#[test]
fn rules_test_tells_the_decoded_and_the_folded_form_and_which_block_matched() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).rules("subjects/boleto.toml", &rule::boleto(&[])).start();
    let subject = "=?iso-8859-1?Q?Segue_a_2=AA_via_do_Boleto?= =?utf-8?B?IGRlIENPQlJBTsOHQQ==?=";
    let told = gateway.command(&["rules", "test", "--subject", subject]).succeeded();
    for part in ["Segue a 2ª via do Boleto de COBRANÇA", "segue a 2a via do boleto de cobranca", "E2E-BOLETO"] {
        assert!(told.stdout.contains(part), "{part:?} is missing: {}", told.told());
    }

    let json = gateway.command(&["rules", "test", "--subject", subject, "--json"]).succeeded().json_lines();
    let [answer] = json.as_slice() else { panic!("one object was to come: {json:#?}") };
    assert_eq!(answer["subjects"][0]["decoded"], "Segue a 2ª via do Boleto de COBRANÇA", "{answer:#}");
    assert_eq!(answer["subjects"][0]["folded"], "segue a 2a via do boleto de cobranca", "{answer:#}");
    assert_eq!(answer["matches"][0]["rule"], "E2E-BOLETO", "{answer:#}");
    assert_eq!(answer["matches"][0]["block"], 2, "the second block holds the phrase: {answer:#}");
    assert_eq!(answer["matches"][0]["action"], "quarantine", "{answer:#}");

    let none = gateway.command(&["rules", "test", "--subject", "Ata", "--json"]).succeeded().json_lines();
    assert_eq!(none[0]["matches"].as_array().map(Vec::len), Some(0), "{none:#?}");
}

#[test]
fn a_new_rule_is_in_force_after_sighup_without_a_session_lost_and_a_bad_file_changes_nothing() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).rules("subjects/boleto.toml", &rule::boleto(&[])).start();
    let mut old = Client::connect(gateway.port());
    old.envelope("a@origin.example", &["maria@tjpa.jus.br"]);

    gateway.write_rules("subjects/premio.toml", &rule::word("E2E-PREMIO", "premio"));
    gateway.hang_up();
    wait_until("the new rule holds a message", Duration::from_secs(15), || {
        let before = sink.state().messages.len();
        send(&gateway, b"Seu premio").expect("250", "relayed or held");
        sink.state().messages.len() == before
    });

    // Promise 10: this transaction began under the old set and ends under it; the next one of the same session does not.
    let before = sink.state().messages.len();
    old.data(&message_about(b"Seu premio")).expect("250", "the session that was open during the reload");
    assert_eq!(sink.state().messages.len(), before + 1, "a transaction is judged by one rule set from start to end");
    let reply =
        old.send("a@origin.example", &["maria@tjpa.jus.br"], &message_about(b"Seu premio")).expect("250", "held");
    assert_eq!(sink.state().messages.len(), before + 1, "the new rule holds it");
    assert_eq!(gateway.quarantine_with(&id_of_reply(&reply.line()))["class"], "rule");

    gateway.write_rules("subjects/quebrado.toml", "[[rule]]\nid = \"E2E-X\"\nphrse = \"premio\"\n");
    gateway.hang_up();
    wait_until("the log names the bad file", Duration::from_secs(15), || gateway.log().contains("quebrado.toml"));
    let (_, health) = gateway.http("/health/ready");
    let says = ["rule", "regra", "quebrado"].iter().any(|word| health.to_lowercase().contains(word));
    assert!(says, "/health/ready says that the rule files on disk are not those in force: {health:?}");
    let check = gateway.command(&["rules", "check"]);
    assert_eq!(check.code, Some(1), "rules check finds the fault: {}", check.told());
    assert!(
        format!("{}{}", check.stdout, check.stderr).contains("quebrado.toml:3"),
        "with file and line: {}",
        check.told()
    );

    for subject in ["Seu premio", "Segue a 2ª via do boleto de cobrança"] {
        send(&gateway, subject.as_bytes()).expect("250", "held");
        assert_eq!(sink.state().messages.len(), before + 1, "the old set still holds {subject:?}");
    }
    send(&gateway, b"Ata").expect("250", "relayed");
    assert_eq!(sink.state().messages.len(), before + 2, "and relays the rest");

    gateway.remove_rules("subjects/quebrado.toml");
    gateway.remove_rules("subjects/premio.toml");
    gateway.hang_up();
    wait_until("the removed rule is gone", Duration::from_secs(15), || {
        let before = sink.state().messages.len();
        send(&gateway, b"Seu premio").expect("250", "relayed or held");
        sink.state().messages.len() == before + 1
    });
}

#[test]
fn an_exception_spares_some_recipients_and_the_reply_says_how_many_were_held() {
    let sink = Sink::start();
    let spared = ["noc@tjpa.jus.br", "auditoria@tjepa.jus.br"];
    let gateway = Setup::new(sink.port()).rules("subjects/boleto.toml", &rule::boleto(&spared)).start();
    let message = message_about("2ª via do boleto de cobrança".as_bytes());
    let mut client = Client::connect(gateway.port());
    // The second exception names the mailbox by its other domain.
    let recipients = ["maria@tjpa.jus.br", "noc@tjpa.jus.br", "auditoria@tjpa.jus.br"];
    let reply = client.send("a@origin.example", &recipients, &message).expect("250 2.0.0", "relayed and held").line();
    let id = id_of_reply(&reply);
    assert!(reply.ends_with(&format!("({id}; 1 of 3 recipients held)")), "{reply:?}");

    let arrived = sink.only_message();
    assert_eq!(
        arrived.recipients,
        ["noc@tjpa.jus.br", "auditoria@tjpa.jus.br"],
        "those that are spared, and nobody else"
    );
    assert_arrived("what the spared get", &arrived.content, &message);
    let item = gateway.quarantine_with(&id);
    assert_eq!(item["recipients"], serde_json::json!(["maria@tjpa.jus.br"]), "{item:#}");
    assert_eq!((&item["state"], &item["acknowledged"]), (&"held".into(), &true.into()), "{item:#}");
    let record = gateway.explain(&id);
    assert_eq!(record["ending"], "relayed_and_held", "{record:#}");

    // The next hop refuses what is relayed: then nothing is acknowledged, and the item is withdrawn.
    sink.behave(|behaviour| behaviour.dots.push_back("452 4.2.2 mailbox full".to_owned()));
    let reply = client
        .send("a@origin.example", &recipients, &message)
        .expect("452 4.2.2 mailbox full", "the next hop's answer")
        .line();
    let id = id_of_reply(&reply);
    wait_until("the item is withdrawn or not listed", Duration::from_secs(10), || {
        gateway.quarantine().iter().all(|item| item["id"] != id.as_str() || item["state"] == "withdrawn")
    });
}
