//! A message that is too large is refused as early as it can be, and memory does not grow with it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::support::{client::Client, gateway::Setup, sink::Sink, waiting::alone};

const MESSAGE: usize = 200_000_000;
const MIB: u64 = 1 << 20;

#[test]
fn a_declared_size_of_200_megabytes_is_refused_at_mail() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    let mut client = Client::connect(gateway.port());
    let ehlo = client.say("EHLO mta.origin.example");
    assert!(ehlo.text.lines().any(|line| line == "SIZE 25165824"), "24 MiB are offered: {}", ehlo.line());
    client.say(&format!("MAIL FROM:<a@origin.example> SIZE={MESSAGE}")).expect("552 5.3.4", "too large");
    client
        .send("a@origin.example", &["maria@tjpa.jus.br"], b"Subject: x\r\n\r\nx\r\n")
        .expect("250 2.0.0", "the next one");
    sink.only_message();
}

#[test]
fn an_undeclared_size_of_200_megabytes_is_refused_after_it_was_swallowed_with_flat_memory() {
    let _alone = alone();
    let sink = Sink::start();
    // Content is swallowed up to four times the size that is taken: 200 MB need at least 50 MiB.
    let gateway = Setup::new(sink.port()).table("[limits]\nmessage_size = \"52 MiB\"\n").start();
    let mut client = Client::connect(gateway.port());
    client
        .send("a@origin.example", &["maria@tjpa.jus.br"], b"Subject: x\r\n\r\nx\r\n")
        .expect("250 2.0.0", "a small one first");
    client.envelope("a@origin.example", &["maria@tjpa.jus.br"]);
    client.say("DATA").expect("354", "DATA");

    let before = gateway.resident();
    let sent = AtomicBool::new(false);
    let (most, reply) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = before;
            while !sent.load(Ordering::Relaxed) {
                most = most.max(gateway.resident());
                thread::sleep(Duration::from_millis(20));
            }
            most
        });
        let lines = lines_of(1_000_000);
        client.write(b"Subject: large\r\n\r\n");
        let refused_early = (0..MESSAGE / lines.len()).find_map(|_| client.try_write(&lines).err());
        let ended = client.try_write(b".\r\n");
        let reply = client.try_read();
        sent.store(true, Ordering::Relaxed);
        assert!(refused_early.is_none() && ended.is_ok(), "it is swallowed whole; {refused_early:?}, {reply:?}");
        (watch.join().unwrap(), reply)
    });
    reply.expect("a reply").expect("552 5.3.4", "after the end of 200 MB");
    let grown = most - before;
    assert!(grown < 64 * MIB, "resident memory grew by {} MiB, from {} to {}", grown / MIB, before / MIB, most / MIB);
    client
        .send("a@origin.example", &["maria@tjpa.jus.br"], b"Subject: x\r\n\r\nx\r\n")
        .expect("250 2.0.0", "the same connection");
    assert_eq!(sink.state().messages.len(), 2, "the small ones alone; the sink heard {}", sink.state().summary());
}

#[test]
fn a_client_that_goes_on_beyond_four_times_the_size_is_cut_off() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).table("[limits]\nmessage_size = \"2 MiB\"\n").start();
    let mut client = Client::connect(gateway.port());
    client.envelope("a@origin.example", &["maria@tjpa.jus.br"]);
    client.say("DATA").expect("354", "DATA");
    let lines = lines_of(1_000_000);
    let cut_off = (0..60).find(|_| client.try_write(&lines).is_err());
    assert!(cut_off.is_some_and(|megabytes| megabytes >= 8), "8 MiB are swallowed, not 60: {cut_off:?}");
    // A reset may have eaten the reply that stood before it; another reply than 421 there must not be.
    if let Ok(reply) = client.try_read() {
        reply.expect("421", "cut off");
    }
    sink.heard_no_message();
}

/// Lines of 100 octets, so many octets in all.
fn lines_of(octets: usize) -> Vec<u8> {
    let mut line = vec![b'x'; 98];
    line.extend_from_slice(b"\r\n");
    line.repeat(octets / line.len())
}
