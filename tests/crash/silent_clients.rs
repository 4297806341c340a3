//! Clients that stop behind RCPT, when connections to the mailbox server are few.

use std::time::{Duration, Instant};

use crate::support::{client::Client, gateway::Setup, sink::Sink, subject::message_about, trace::id_of_reply};

const RECIPIENT: &str = "maria@tjpa.jus.br";
const SILENT: usize = 500;

/// Decision 30. Five seconds each, as it was, 500 of them kept a pool of 20 for two minutes, and mail beside them heard 451 4.3.2.
#[test]
fn five_hundred_clients_that_stop_behind_rcpt_keep_no_connection_from_others() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    let begun = Instant::now();
    let mut silent: Vec<Client> = (0..SILENT)
        .map(|number| {
            let mut client = Client::connect(gateway.port());
            client.envelope(&format!("silent{number}@origin.example"), &[RECIPIENT]);
            client
        })
        .collect();
    let taken = begun.elapsed();
    let content = message_about(b"Ata");
    let mut worst = Duration::ZERO;
    for number in 0..40 {
        let begun = Instant::now();
        let mut client = Client::connect(gateway.port());
        let reply = client.send(&format!("busy{number}@origin.example"), &[RECIPIENT], &content);
        assert!(reply.is("250 "), "{}", reply.line());
        worst = worst.max(begun.elapsed());
    }
    println!("{SILENT} envelopes took {taken:?}; of 40 messages beside them the slowest took {worst:?}");
    assert!(worst < Duration::from_secs(1), "{worst:?} for a message beside clients that do nothing");
    assert!(taken < Duration::from_secs(60), "{taken:?} for {SILENT} envelopes");

    // Who was silent is served when it goes on.
    for client in silent.iter_mut().step_by(25) {
        let reply = client.data(&content);
        assert!(reply.is("250 "), "{}", reply.line());
        let record = gateway.explain(&id_of_reply(&reply.line()));
        assert_eq!(record["ending"], "relayed");
    }
    assert!(
        sink.state().connections < 300,
        "connections are reset and lent on, not closed: {}",
        sink.state().connections
    );
    assert!(!gateway.log().contains("panicked"));
}
