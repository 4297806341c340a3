//! `kill -9` at any moment: nothing is lost, nothing half-written stays, and what is not known is said to be not known.

use std::{fs, path::Path, thread, time::Duration};

use crate::support::{
    client::Client,
    gateway::{Gateway, Setup},
    generator::message,
    load::{Letter, Load},
    rule,
    scratch::files_under,
    sender::Sender,
    sink::Sink,
    slow_wire::SlowWire,
    subject::message_about,
    trace::{assert_same_octets, behind_our_received, find_id, split_first_field},
    waiting::{eventually, wait_until},
};

fn enqueue(sender: &Sender, reverse_path: &str, content: &[u8]) {
    let reply = Client::connect(sender.port()).send(reverse_path, &["maria@tjpa.jus.br"], content);
    reply.expect("250", "Postfix queues it");
}

/// After a start (and what it cleans up in the background) the hold is empty, and every file of the quarantine belongs to an item.
#[track_caller]
fn nothing_half_written(gateway: &Gateway) {
    let mut stray = Vec::new();
    let clean = eventually(Duration::from_secs(10), || {
        let items = gateway.quarantine();
        let ids: Vec<&str> = items.iter().filter_map(|item| item["id"].as_str()).collect();
        let belongs = |file: &Path| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let temporary = name.contains('#') || name.contains("tmp") || name.contains("part");
            !temporary && ids.iter().any(|id| file.to_string_lossy().contains(id))
        };
        stray = files_under(&gateway.data().join("quarantine"));
        stray.retain(|file| !belongs(file));
        stray.extend(files_under(&gateway.data().join("hold")));
        stray.is_empty()
    });
    assert!(clean, "files that belong to no item of `quarantine list`, some time after the start: {stray:#?}");
}

#[test]
fn killed_in_the_middle_of_data_the_sender_tries_again_and_the_message_arrives_once() {
    let sink = Sink::start();
    let mut gateway = Setup::new(sink.port()).start();
    let wire = SlowWire::to(gateway.port());
    let sender = Sender::start(&[("tjpa.jus.br", wire.port())]);
    let content = message(3); // some megabytes: beyond the 256 KiB from which content flows on while it arrives
    assert!(content.len() > 2_000_000);
    for (round, octets) in [30, 150, 1_000, 100_000, 400_000, 2_000_000, content.len()].into_iter().enumerate() {
        let reverse_path = format!("round-{round}@origin.example");
        wire.stop_after(octets);
        enqueue(&sender, &reverse_path, &content);
        wire.wait_until_stopped(Duration::from_secs(30));
        assert_eq!(sink.state().messages.len(), round, "no dot of ours before the client's ({octets} octets in)");
        gateway.kill();
        gateway.run();
        wire.let_go();
        sink.wait_until(&format!("the message cut off after {octets} octets"), Duration::from_secs(60), |state| {
            state.messages.iter().any(|message| message.reverse_path == reverse_path)
        });
        sender.wait_until_empty(Duration::from_secs(30));
        let state = sink.state();
        assert_eq!(state.messages.len(), round + 1, "once, and nothing else: {}", state.summary());
        let from_postfix = behind_our_received(&state.messages[round].content);
        assert_same_octets("behind Postfix's Received:", behind_our_received(from_postfix), &content);
        drop(state);
        nothing_half_written(&gateway);
    }
}

#[test]
fn killed_between_our_dot_and_our_reply_the_message_may_arrive_twice_and_the_record_says_so() {
    let sink = Sink::start();
    let mut gateway = Setup::new(sink.port()).start();
    let sender = Sender::start(&[("tjpa.jus.br", gateway.port())]);
    sink.behave(|behaviour| behaviour.dots_wait = true);
    let content = message_about(b"Ata");
    enqueue(&sender, "twice@origin.example", &content);
    sink.wait_until("our dot", Duration::from_secs(30), |state| state.messages.len() == 1);
    gateway.kill();
    sink.behave(|behaviour| behaviour.dots_wait = false);
    gateway.run();
    gateway.wait_until_ready();

    let first = sink.state().messages[0].content.clone();
    let field = String::from_utf8_lossy(split_first_field(&first).0).into_owned();
    let id = find_id(&field).unwrap_or_else(|| panic!("our Received: has the id: {field:?}"));
    let record = gateway.explain(&id);
    assert_eq!(record["ending"], "unknown", "the next hop may have it, the client was not answered: {record:#}");
    assert_eq!(record["recipients"][0]["fate"], "unknown", "{record:#}");
    assert_eq!(record["reverse_path"], "twice@origin.example", "{record:#}");
    assert_eq!(record["reply"], serde_json::Value::Null, "the client heard nothing: {record:#}");

    sender.wait_until_empty(Duration::from_secs(60));
    let state = sink.state();
    assert_eq!(state.messages.len(), 2, "Postfix was not answered, so it sent again: {}", state.summary());
    for message in &state.messages {
        let from_postfix = behind_our_received(&message.content);
        assert_same_octets("behind Postfix's Received:", behind_our_received(from_postfix), &content);
    }
    drop(state);
    nothing_half_written(&gateway);
}

#[test]
fn killed_while_messages_are_being_held_every_acknowledged_one_is_in_the_quarantine_and_nothing_is_half_there() {
    let sink = Sink::start();
    let mut gateway =
        Setup::new(sink.port()).rules("subjects/premio.toml", &rule::word("E2E-PREMIO", "premio")).start();
    let mut acknowledged: Vec<String> = Vec::new();
    for held_before_kill in [2, 10, 30] {
        let before = files_under(&gateway.data().join("quarantine")).len();
        let load = Load { port: gateway.port(), connections: 4, pipelining: true };
        let sending = thread::spawn(move || {
            load.send(150, |index| {
                let mut content = message_about(format!("Seu premio {index}").as_bytes());
                content.extend(b"0123456789abcdef\r\n".repeat(20_000));
                let reverse_path = format!("p{index}@origin.example");
                Letter { reverse_path, recipients: vec!["maria@tjpa.jus.br".to_owned()], content }
            })
        });
        wait_until("content in data_dir/quarantine", Duration::from_secs(60), || {
            files_under(&gateway.data().join("quarantine")).len() >= before + held_before_kill
        });
        gateway.kill();
        let replies = sending.join().unwrap();
        acknowledged.extend(
            replies.iter().filter(|reply| reply.starts_with("250 ")).map(|reply| find_id(reply).expect("an id")),
        );
        gateway.run();
        gateway.wait_until_ready();
        let mut missing = Vec::new();
        let complete = eventually(Duration::from_secs(20), || {
            let items = gateway.quarantine();
            let kept = |id: &String| {
                items.iter().any(|i| i["id"] == id.as_str() && i["state"] == "held" && i["acknowledged"] == true)
            };
            missing = acknowledged.iter().filter(|id| !kept(id)).cloned().collect();
            missing.is_empty()
        });
        assert!(complete, "acknowledged with 250, but not in the quarantine as held: {missing:#?}");
        nothing_half_written(&gateway);
    }
    sink.heard_no_message();
    assert!(!acknowledged.is_empty(), "nothing was acknowledged before any of the kills: the case proves nothing");
    assert!(fs::exists(gateway.data().join("journal")).unwrap(), "the journal stands in data_dir/journal");
}
