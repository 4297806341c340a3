//! Content by chunks (RFC 3030), over sockets. None of the real senders here speaks BDAT, so the client is our own.

use std::{
    io::{Read, Write},
    time::Duration,
};

use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::support::{
    client::{Client, Reply},
    eicar,
    gateway::Setup,
    sink::Sink,
    tls::{Certified, Trust},
    trace::{assert_arrived, id_of_reply, sha256},
    waiting::wait_until,
};

/// Says the content in chunks of `size`, each when the one before is answered. The last reply.
#[track_caller]
fn send_in_chunks<S: Read + Write>(client: &mut Client<S>, content: &[u8], size: usize) -> Reply {
    let mut chunks = content.chunks(size).peekable();
    while let Some(chunk) = chunks.next() {
        let last = if chunks.peek().is_none() { " LAST" } else { "" };
        client.write(&[format!("BDAT {}{last}\r\n", chunk.len()).as_bytes(), chunk].concat());
        let reply = client.read();
        if !last.is_empty() || !reply.is("250 2.0.0 Chunk received") {
            return reply;
        }
    }
    panic!("no content");
}

#[test]
fn what_comes_by_chunks_arrives_as_what_comes_by_data() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    let mut client = Client::connect(gateway.port());
    // Large enough to flow on while it arrives; with dots, and what ends mail data elsewhere.
    let large = [&b"Subject: grande\r\n\r\n.\r\n..\r\n"[..], &b"0123456789.\r\n.\r\n".repeat(100_000)].concat();
    let small = b"Subject: ata\r\n\r\n.\r\nMAIL FROM:<forged@origin.example>\r\n".to_vec();
    let cases = [(&small, 1), (&small, 7), (&small, 1000), (&large, 100_000), (&large, 10_000_000)];
    assert!(client.say("EHLO mta.origin.example").text.contains("CHUNKING"), "it is offered");
    for (count, (content, size)) in cases.into_iter().enumerate() {
        client.envelope("a@origin.example", &["maria@tjpa.jus.br"]);
        let reply = send_in_chunks(&mut client, content, size).expect("250 2.0.0", "the last chunk");
        let messages = sink.state().messages.clone();
        assert_eq!(messages.len(), count + 1, "one message each");
        assert_arrived(&format!("in chunks of {size}"), &messages[count].content, content);
        let record = gateway.explain(&id_of_reply(&reply.line()));
        assert_eq!(record["sha256"], sha256(content).as_str(), "{record:#}");
        assert_eq!(record["size"], content.len(), "{record:#}");
    }
    assert!(sink.state().violations.is_empty(), "{:?}", sink.state().violations);
}

#[test]
fn what_the_scanner_finds_in_chunks_is_refused_at_the_last_one() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).yara().start();
    let mut client = Client::connect(gateway.port());
    let (name, message) = eicar::messages().into_iter().find(|(name, _)| !name.contains("zip")).expect("one in plain");
    client.envelope("a@origin.example", &["maria@tjpa.jus.br"]);
    let reply = send_in_chunks(&mut client, &message, 20).expect("550 5.7.1", name);
    let item = gateway.quarantine_with(&id_of_reply(&reply.line()));
    assert_eq!(item["sha256"], sha256(&message).as_str(), "{item:#}");
    sink.heard_no_message();
    client.say("NOOP").expect("250", "the session goes on");
}

/// CVE-2026-45185 (Exim): TLS was closed within a chunk, and the octets in clear behind it were read into what was freed.
#[test]
fn tls_that_ends_within_a_chunk_ends_the_session() {
    let (sink, certified) = (Sink::start(), Certified::new());
    let gateway = Setup::new(sink.port()).starttls(&certified.chain, &certified.key).start();
    for (count, version) in [&TLS12, &TLS13].into_iter().enumerate() {
        for clear in [&b"x"[..], b"\r\nRSET\r\nMAIL FROM:<forged@origin.example>\r\n"] {
            let mut client = Client::connect(gateway.port());
            client.say("STARTTLS").expect("220 2.0.0", "STARTTLS");
            let mut client = client.under_tls(&Trust::new(&[&certified], &[version])).unwrap();
            client.say("EHLO mta.origin.example").expect("250", "EHLO under TLS");
            client.envelope("a@origin.example", &["maria@tjpa.jus.br"]);
            client.write(b"BDAT 24\r\nSubject: ata\r\n\r\nSegue.\r\n");
            client.read().expect("250 2.0.0 Chunk received", "a whole chunk");
            client.write(b"BDAT 1000 LAST\r\nhalf of it");
            let heard = client.ends_tls_and_says_in_clear(clear);
            assert!(!heard.windows(4).any(|four| four == b"250 "), "answered: {}", heard.escape_ascii());
        }
        wait_until("the sessions are recorded", Duration::from_secs(15), || {
            gateway.log().matches("client_gone").count() >= 2 * (count + 1)
        });
    }
    sink.heard_no_message();
    assert!(!gateway.log().contains("forged"), "{}", gateway.log());
    Client::connect(gateway.port())
        .send("a@origin.example", &["maria@tjpa.jus.br"], b"Subject: ata\r\n\r\n")
        .expect("250 2.0.0", "the gateway serves on");
}
