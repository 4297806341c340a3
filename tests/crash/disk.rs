//! A disk that is full, and a folder that cannot be written.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use crate::{
    kept,
    letters::HELD_WORD,
    reconcile::stray_files,
    small_disk::{OnSmallDisk, SmallDisk},
    support::{
        client::{Client, Reply},
        gateway::{Gateway, Setup},
        load::{Letter, Load},
        rule,
        sink::Sink,
        subject::message_about,
        trace::{find_id, id_of_reply, sha256},
        waiting::{eventually, wait_for, wait_until},
        wire::dot_stuffed,
    },
};

const RECIPIENT: &str = "maria@tjpa.jus.br";

/// Some 400 KB that the rule holds.
fn held_letter(index: usize) -> Letter {
    let mut content = message_about(format!("Seu {HELD_WORD} {index}").as_bytes());
    content.extend(format!("{index:014}\r\n").into_bytes().repeat(25_000));
    Letter { reverse_path: format!("p{index}@origin.example"), recipients: vec![RECIPIENT.to_owned()], content }
}

/// The final reply to a small clean message, or the first refusal before it.
fn small_mail(gateway: &Gateway, reverse_path: &str) -> Reply {
    let mut client = Client::connect(gateway.port());
    for command in [format!("MAIL FROM:<{reverse_path}>"), format!("RCPT TO:<{RECIPIENT}>")] {
        let reply = client.say(&command);
        if reply.code != 250 {
            return reply;
        }
    }
    client.data(&message_about(b"Ata"))
}

#[track_caller]
fn recovers(gateway: &Gateway) {
    let begun = Instant::now();
    let mut reply = String::new();
    let recovered = eventually(Duration::from_secs(10), || {
        reply = small_mail(gateway, "again@origin.example").line();
        reply.starts_with("250 ")
    });
    assert!(
        recovered && begun.elapsed() < Duration::from_secs(4),
        "{:?} after room was made: {reply}",
        begun.elapsed()
    );
    gateway.wait_until_ready();
}

/// Every acknowledged one is there as it was sent, and no file is left of those that were not.
#[track_caller]
fn stands_in_the_quarantine(gateway: &Gateway, replies: &[String]) {
    let mut wrong = Vec::new();
    let complete = eventually(Duration::from_secs(20), || {
        let items = gateway.quarantine();
        let ids: HashSet<&str> = items.iter().filter_map(|item| item["id"].as_str()).collect();
        wrong =
            stray_files(gateway, &ids).iter().map(|file| format!("belongs to no item: {}", file.display())).collect();
        for (index, reply) in replies.iter().enumerate().filter(|(_, reply)| reply.starts_with("250 ")) {
            let (id, sha256) = (id_of_reply(reply), sha256(&held_letter(index).content));
            let right = |item: &&serde_json::Value| {
                item["id"] == id.as_str() && item["sha256"] == sha256.as_str() && item["state"] == "held"
            };
            if !items.iter().any(|item| right(&item)) {
                wrong.push(format!("acknowledged and not held: {reply}"));
            }
        }
        wrong.is_empty()
    });
    assert!(complete, "{wrong:#?}");
}

#[test]
fn a_disk_that_fills_up_with_held_mail_costs_452_and_no_message_and_recovers_with_room() {
    let sink = Sink::start();
    let setup = Setup::new(sink.port())
        .rules("subjects/premio.toml", &rule::word("CRASH-PREMIO", HELD_WORD))
        .table("[hold]\ndisk_floor = \"1 MiB\"")
        .table(kept::AS_IT_IS);
    let mut on = OnSmallDisk::start(setup, 24, 8);

    let load = Load { port: on.gateway.port(), connections: 2, pipelining: true };
    let replies = load.send(60, held_letter);
    let held = replies.iter().filter(|reply| reply.starts_with("250 ")).count();
    assert!((10..50).contains(&held), "16 MiB hold some forty of them: {replies:#?}");
    for reply in replies.iter().filter(|reply| !reply.starts_with("250 ")) {
        assert!(reply.starts_with("452 4.3.1 "), "a full disk is told as such: {reply}");
    }
    // Looked at before each message is kept, the floor holds whatever comes in a second: records, too, have their room.
    let full = on.gateway.log().matches("No space left").count();
    assert_eq!(full, 0, "the disk was filled up to the last octet");
    on.leave_free(512 << 10);
    wait_until("/health/ready names the disk", Duration::from_secs(5), || {
        let (status, body) = on.gateway.http("/health/ready");
        status == 503 && body.contains("disk: FAULT")
    });
    assert!(small_mail(&on.gateway, "meanwhile@origin.example").is("452 4.3.1"), "small mail waits, too");
    stands_in_the_quarantine(&on.gateway, &replies);

    on.gateway.kill();
    // What the start folds in makes some room.
    on.gateway.run();
    on.leave_free(512 << 10);
    wait_until("the disk is low again", Duration::from_secs(5), || on.gateway.http("/health/ready").0 == 503);
    assert!(small_mail(&on.gateway, "meanwhile@origin.example").is("452 4.3.1"), "nor is that forgotten");
    stands_in_the_quarantine(&on.gateway, &replies);
    sink.heard_no_message();

    on.make_room();
    recovers(&on.gateway);
    stands_in_the_quarantine(&on.gateway, &replies);
    let again = load.send(3, held_letter);
    assert!(again.iter().all(|reply| reply.starts_with("250 ")), "{again:?}");
}

#[test]
fn a_client_that_goes_while_its_message_is_kept_is_noticed_and_the_item_withdrawn() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).rules("subjects/premio.toml", &rule::word("CRASH-PREMIO", HELD_WORD)).start();
    let mut content = message_about(format!("Seu {HELD_WORD}").as_bytes());
    content.extend(b"0123456789abcde\r\n".repeat(1 << 20));
    // The disk may be done before the client's end of stream is there: then it is noticed too late, and rightly kept.
    let withdrawn = (0..5).any(|round| {
        let reverse_path = format!("gone{round}@origin.example");
        let mut client = Client::connect(gateway.port());
        client.envelope(&reverse_path, &[RECIPIENT]);
        client.say("DATA").expect("354", "DATA");
        client.try_write(&dot_stuffed(&content)).unwrap();
        drop(client);
        let item = wait_for("an item", Duration::from_secs(20), || {
            let items = gateway.quarantine().into_iter();
            let mut items = items.filter(|item| item["reverse_path"] == reverse_path.as_str());
            items.next().filter(|item| gateway.explain(item["id"].as_str().unwrap())["ending"] != "unknown")
        });
        let record = gateway.explain(item["id"].as_str().unwrap());
        let state = gateway.quarantine_with(item["id"].as_str().unwrap())["state"].clone();
        assert_eq!(record["ending"] == "client_gone", state == "withdrawn", "{record} {state}");
        state == "withdrawn"
    });
    assert!(withdrawn, "whoever goes while the disk works is heard only when it is done");
    gateway.terminate();
}

#[test]
fn a_disk_without_an_octet_left_defers_what_the_journal_cannot_take_and_relays_nothing_unwritten() {
    let sink = Sink::start();
    let setup = Setup::new(sink.port()).table("[hold]\ndisk_floor = \"0 B\"");
    let on = OnSmallDisk::start(setup, 16, 4);
    small_mail(&on.gateway, "before@origin.example").expect("250", "with room");
    on.fill();

    // The journal's last page takes some more lines; then nothing.
    let replies: Vec<Reply> = (0..30).map(|n| small_mail(&on.gateway, &format!("s{n}@origin.example"))).collect();
    let acknowledged = replies.iter().filter(|reply| reply.is("250 ")).count();
    for reply in replies.iter().filter(|reply| !reply.is("250 ")) {
        assert!(reply.is("451 4.3.0 ") || reply.is("452 4.3.1 "), "deferred: {}", reply.line());
    }
    assert!(acknowledged < replies.len(), "the disk is full, and the journal takes line after line");
    let arrived: Vec<String> = sink.state().messages.iter().map(|message| message.reverse_path.clone()).collect();
    assert_eq!(arrived.len(), 1 + acknowledged, "our dot goes out for what is written down and no other: {arrived:?}");
    let (status, body) = on.gateway.http("/health/ready");
    assert!(status == 503 && body.contains("FAULT"), "{status} {body}");

    on.make_room();
    recovers(&on.gateway);
    for reply in replies.iter().filter(|reply| reply.is("250 ")) {
        let record = on.gateway.explain(&find_id(&reply.line()).unwrap());
        assert_eq!(record["ending"], "relayed", "{record:#}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named_at_the_start_and_nothing_listens() {
    let sink = Sink::start();
    let setup = Setup::new(sink.port());
    let folder = setup.data();
    let _disk = SmallDisk::mount(&folder, 1, "ro");
    let output = setup.start_in_vain();
    assert_eq!(output.code, Some(1), "{}", output.told());
    let told = output.told();
    assert!(output.stderr.contains(&folder.display().to_string()), "the folder is named: {told}");
    assert!(output.stderr.contains("Read-only file system") && !output.stderr.contains("panicked"), "and why: {told}");
}
