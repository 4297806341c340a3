//! What clamd finds is refused and kept; what it cannot look at is not taken for clean.

use std::time::Duration;

use crate::support::{
    clamd::Clamd,
    client::Client,
    eicar,
    gateway::Setup,
    sink::Sink,
    trace::{assert_arrived, id_of_reply, sha256},
    waiting::wait_until,
};

#[test]
fn the_test_file_is_refused_in_every_wrapping_and_a_copy_is_in_the_quarantine() {
    let clamd = Clamd::start();
    for address in [clamd.unix_address(), clamd.tcp_address()] {
        let sink = Sink::start();
        let gateway = Setup::new(sink.port()).scanner(&address).start();
        for (name, message) in eicar::messages() {
            let about = format!("the test file {name}, scanned at {address}");
            let reply = Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], &message);
            let id = id_of_reply(&reply.expect("550 5.7.1", &about).line());

            let item = gateway.quarantine_with(&id);
            assert_eq!(item["class"], "virus", "{about}: {item:#}");
            assert_eq!(item["acknowledged"], false, "the sender heard 550; {about}: {item:#}");
            assert_eq!(item["sha256"], sha256(&message).as_str(), "of the content as sent; {about}: {item:#}");
            assert_eq!(item["size"], message.len(), "{about}: {item:#}");
            assert_eq!(item["reverse_path"], "a@origin.example", "{about}: {item:#}");
            assert_eq!(item["recipients"][0], "maria@tjpa.jus.br", "{about}: {item:#}");

            let record = gateway.explain(&id);
            assert_eq!(record["ending"], "refused", "{about}: {record:#}");
            let told = gateway.command(&["explain", &id]).succeeded();
            assert!(told.stdout.contains("Eicar-Test-Signature"), "explain names the signature: {}", told.told());
        }
        sink.heard_no_message();
        assert_eq!(gateway.quarantine().len(), eicar::messages().len(), "one item for each");
    }
}

#[test]
fn the_embedded_scanner_with_the_shipped_rules_finds_the_test_file_without_any_other_program() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).yara().start();
    let mut client = Client::connect(gateway.port());
    client
        .send("a@origin.example", &["maria@tjpa.jus.br"], b"Subject: x\r\n\r\nx\r\n")
        .expect("250 2.0.0", "a clean message");
    // It looks into attachments and attached messages, and unpacks nothing: archives are clamd's business.
    for (name, message) in eicar::messages().into_iter().filter(|(name, _)| !name.contains("zip")) {
        let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], &message);
        let id = id_of_reply(&reply.expect("550 5.7.1", &format!("the test file {name}")).line());
        assert_eq!(gateway.quarantine_with(&id)["class"], "virus", "{name}");
    }
    sink.only_message();
}

#[test]
fn a_stopped_clamd_means_451_and_never_a_delivery_and_a_started_one_is_used_at_once() {
    let mut clamd = Clamd::start();
    let addresses = [clamd.unix_address(), clamd.tcp_address()];
    for address in addresses {
        let sink = Sink::start();
        let gateway = Setup::new(sink.port()).scanner(&address).start();
        let message = b"Subject: ata\r\n\r\nSegue a ata.\r\n";
        let mut client = Client::connect(gateway.port());
        client.send("a@origin.example", &["maria@tjpa.jus.br"], message).expect("250 2.0.0", "clamd runs");
        assert_eq!(sink.state().messages.len(), 1);

        clamd.stop();
        for attempt in 1..=3 {
            let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], message);
            reply.expect("451 4.7.1", &format!("clamd at {address} is stopped, attempt {attempt}"));
        }
        let small_virus = eicar::messages().swap_remove(0).1;
        client
            .send("a@origin.example", &["maria@tjpa.jus.br"], &small_virus)
            .expect("451 4.7.1", "nobody knows what it is");
        assert_eq!(sink.state().messages.len(), 1, "nothing is relayed unseen");
        wait_until("/health/ready says no without a scanner", Duration::from_secs(60), || {
            gateway.http("/health/ready").0 == 503
        });

        clamd.resume();
        let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], message);
        reply.expect("250 2.0.0", &format!("clamd at {address} is back: the same message, the same connection"));
        assert_eq!(sink.state().messages.len(), 2);
        let second = sink.state().messages[1].content.clone();
        assert_arrived("after clamd came back", &second, message);
    }
}

#[test]
fn a_gateway_that_starts_before_its_clamd_defers_and_then_delivers() {
    let mut clamd = Clamd::start();
    clamd.stop();
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).clamd(&clamd).start_unready();
    let mut client = Client::connect(gateway.port());
    client
        .send("a@origin.example", &["maria@tjpa.jus.br"], b"Subject: x\r\n\r\nx\r\n")
        .expect("451 4.7.1", "no clamd yet");
    sink.heard_no_message();
    clamd.resume();
    client
        .send("a@origin.example", &["maria@tjpa.jus.br"], b"Subject: x\r\n\r\nx\r\n")
        .expect("250 2.0.0", "clamd is there");
    sink.only_message();
}
