//! No descriptors left.

use std::time::Duration;

use crate::support::{
    client::Client,
    gateway::Setup,
    sink::Sink,
    subject::message_about,
    waiting::{eventually, wait_until},
};

#[test]
fn without_descriptors_new_clients_wait_and_all_is_well_when_some_are_free_again() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).descriptors(64).start();
    let content = message_about(b"Ata");
    let mut early = Client::connect(gateway.port());
    early.send("early@origin.example", &["maria@tjpa.jus.br"], &content).expect("250", "with descriptors");
    let mut second = Client::connect(gateway.port());
    second.say("MAIL FROM:<second@origin.example>").expect("250", "with descriptors");

    let idle: Vec<Client> = (0..100).map(|_| Client::dial(gateway.port()).expect("the kernel takes it")).collect();
    wait_until("accept fails", Duration::from_secs(10), || gateway.log().contains("accept failed"));
    // Who is in stays in, and hears a reply and nothing worse; without a descriptor for the next hop that is a 4xx.
    let mut replies = Vec::new();
    for command in ["MAIL FROM:<during@origin.example>", "RCPT TO:<maria@tjpa.jus.br>"] {
        replies.push(early.say(command));
    }
    // The connection to the next hop that was open is taken now, and there is none for another one: our fault, not its.
    let refused = second.say("RCPT TO:<maria@tjpa.jus.br>");
    assert!(refused.is("451 4.3.0"), "{}", refused.line());
    assert!(gateway.log().contains("no connection can be opened here"));
    assert!(!gateway.log().contains("next hop address fails"), "the next hop is blamed");
    replies.push(early.say("RSET"));
    assert!(replies.iter().all(|reply| reply.code == 250 || reply.code / 100 == 4), "{replies:?}");

    drop(idle);
    let mut last = String::new();
    let recovered = eventually(Duration::from_secs(5), || {
        let mut client = Client::connect(gateway.port());
        client.say("MAIL FROM:<after@origin.example>").expect("250", "MAIL");
        let reply = client.say("RCPT TO:<maria@tjpa.jus.br>");
        last = if reply.code == 250 { client.data(&content).line() } else { reply.line() };
        last.starts_with("250 ")
    });
    assert!(recovered, "mail is taken again: {last}");
    gateway.wait_until_ready();
    let (_, metrics) = gateway.http("/metrics");
    let counted = metrics.lines().find_map(|line| line.strip_prefix("portaria_accept_errors_total "));
    let counted: u64 = counted.and_then(|number| number.parse().ok()).expect("accept errors are counted");
    // One try each 100 ms, not a loop that eats a core and fills the log.
    assert!((1..200).contains(&counted), "{counted} errors of accept");
    early.send("late@origin.example", &["maria@tjpa.jus.br"], &content).expect("250", "the early client's next one");
    assert!(!gateway.log().contains("panicked"));
}
