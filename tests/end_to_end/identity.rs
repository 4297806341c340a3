//! Who the client is: a listed proxy says it with XCLIENT, and the mailbox server is told with XFORWARD, for its log.

use std::{process::Command, time::Duration};

use crate::support::{
    client::Client,
    command::run,
    gateway::{Gateway, Setup},
    mailbox_server::MailboxServer,
    sink::Sink,
    trace::{find_id, id_of_reply},
    waiting::{wait_for, wait_until},
};

const CONTENT: &[u8] = b"Subject: x\r\n\r\nx\r\n";

/// swaks speaks for a client at this address; the id in the last reply.
fn swaks_for(gateway: &Gateway, address: &str) -> String {
    let port = gateway.port().to_string();
    let swaks = run(Command::new("swaks").args([
        "--server",
        "127.0.0.1",
        "--port",
        &port,
        "--xclient-addr",
        address,
        "--xclient-port",
        "4711",
        "--xclient-name",
        "mail.origin.example",
        "--xclient-helo",
        "mta.origin.example",
        "--helo",
        "proxy.tjpa.jus.br",
        "--from",
        "a@origin.example",
        "--to",
        "maria@tjpa.jus.br",
    ]));
    assert_eq!(swaks.code, Some(0), "{}", swaks.told());
    let reply = swaks.stdout.lines().find(|line| line.contains("250 2.0.0") && line.contains('('));
    reply.and_then(find_id).unwrap_or_else(|| panic!("the last reply has an id: {}", swaks.told()))
}

#[test]
fn a_proxy_that_is_listed_announces_its_client_and_nobody_else_does() {
    let server = MailboxServer::start(&["maria"]);
    let gateway = Setup::new(server.port()).announcers("127.0.0.1/32").start();
    for (said, address, literal) in [
        ("198.51.100.7", "198.51.100.7", "([198.51.100.7])"),
        ("IPV6:2001:db8::7", "2001:db8::7", "([IPv6:2001:db8::7])"),
    ] {
        let record = gateway.explain(&swaks_for(&gateway, said));
        let client = &record["client"];
        assert_eq!((client["address"].as_str(), client["port"].as_u64()), (Some(address), Some(4711)), "{record:#}");
        assert_eq!(client["announced_by"], "127.0.0.1", "{record:#}");
        assert_eq!(client["hello"], "mta.origin.example", "as announced, not as the proxy says: {record:#}");
        let arrived = wait_for("the message", Duration::from_secs(20), || {
            server.mailbox("maria").into_iter().find(|mail| mail.contains(literal))
        });
        assert!(arrived.contains(&format!("from mta.origin.example {literal}")), "{arrived}");
    }

    let gateway = Setup::new(server.port()).announcers("10.0.0.0/8").start();
    let mut client = Client::connect(gateway.port());
    assert!(!client.say("EHLO mta.origin.example").text.contains("XCLIENT"), "it is not offered");
    client.say("XCLIENT ADDR=198.51.100.7").expect("502 5.5.1", "whoever is not listed stays who it is");
    let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], CONTENT).expect("250 2.0.0", "dot");
    assert_eq!(gateway.explain(&id_of_reply(&reply.line()))["client"]["address"], "127.0.0.1");
}

/// Behind a balancer it is the client whom PROXY names that must be listed, and not the balancer.
#[test]
fn behind_a_balancer_the_client_that_it_names_must_be_listed() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).balancers("127.0.0.1/32").announcers("192.0.2.9/32").start();
    for (header, answer) in [("PROXY TCP4 192.0.2.9 10.0.0.1 51201 25\r\n", "220"), ("PROXY UNKNOWN\r\n", "502 5.5.1")]
    {
        let mut client = Client::dial(gateway.port()).unwrap();
        client.write(header.as_bytes());
        client.read().expect("220", "greeting");
        client.say("XCLIENT ADDR=198.51.100.7").expect(answer, header);
    }
}

#[test]
fn an_announced_client_counts_for_its_own_network() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port())
        .announcers("127.0.0.1/32")
        .table("[limits]\nconnections_per_network = 1\nunlimited_networks = []")
        .start_unready();
    let proxy = || {
        // Until it is announced, a proxy's connection counts for the proxy.
        let mut client = None;
        wait_until("the proxy's own network has room", Duration::from_secs(5), || {
            let mut dialled = Client::dial(gateway.port()).unwrap();
            let greeted = dialled.read().is("220");
            client = greeted.then_some(dialled);
            greeted
        });
        client.unwrap()
    };
    let mut first = proxy();
    first.say("XCLIENT ADDR=198.51.100.7").expect("220", "its network is empty");
    let mut second = proxy();
    second.say("XCLIENT ADDR=198.51.100.7").expect("421 4.3.2", "its network is full");
    first.say("XCLIENT ADDR=198.51.100.8").expect("220", "another client, another network");
    let mut third = proxy();
    third.say("XCLIENT ADDR=198.51.100.7").expect("220", "the first one gave its place back");
    third.say("EHLO mta.origin.example").expect("250", "EHLO");
    third.send("a@origin.example", &["maria@tjpa.jus.br"], CONTENT).expect("250 2.0.0", "dot");
}

/// Debian's Postfix lists the gateway in `smtpd_authorized_xforward_hosts`, as docs/operations.md has it.
#[test]
fn postfix_logs_who_the_client_was_and_our_id() {
    let server = MailboxServer::with(&["maria"], "smtpd_authorized_xforward_hosts = 127.0.0.1\n");
    let gateway = Setup::new(server.port()).announcers("127.0.0.1/32").start();
    // Messages on one connection to the mailbox server: each has its own client. This Postfix has `inet_protocols = ipv4` and refuses
    // other addresses; our id is in its log all the same.
    for (said, client) in [
        ("198.51.100.7", ", orig_client=mail.origin.example[198.51.100.7]"),
        ("198.51.100.8", ", orig_client=mail.origin.example[198.51.100.8]"),
        ("IPV6:2001:db8::7", ""),
    ] {
        let id = swaks_for(&gateway, said);
        let line = wait_for("Postfix's line about the client", Duration::from_secs(10), || {
            server.log().lines().find(|line| line.contains(&id)).map(str::to_owned)
        });
        assert!(line.ends_with(&format!(", orig_queue_id={id}{client}")), "{line}");
    }

    let gateway = Setup::new(server.port()).next_hop_lines("xforward = false\n").start();
    let mut client = Client::connect(gateway.port());
    let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], CONTENT).expect("250 2.0.0", "dot");
    assert!(!server.log().contains(&id_of_reply(&reply.line())), "it is not told where that is switched off");
}
