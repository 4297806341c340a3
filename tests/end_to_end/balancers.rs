//! Behind a balancer: the client is who the PROXY header says, if a balancer says it, and nobody else can say such a thing.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use crate::support::{
    client::Client,
    gateway::{Gateway, Setup},
    sink::Sink,
    trace::{id_of_reply, split_first_field},
    waiting::wait_until,
};

const CONTENT: &[u8] = b"Subject: x\r\n\r\nx\r\n";
const HEADER_V1: &[u8] = b"PROXY TCP4 192.0.2.9 10.0.0.1 51201 25\r\n";
const HEADER_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xc8\x01\x00\x19";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// A client whose first octets are these.
fn announced(gateway: &Gateway, header: &[u8]) -> Client {
    let mut client = Client::dial(gateway.port()).unwrap();
    client.write(header);
    client
}

#[test]
fn the_client_is_who_the_header_says_in_received_and_in_the_record() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).balancers("127.0.0.1/32").start();
    for (header, literal, address, port) in [
        (HEADER_V1, "([192.0.2.9])", "192.0.2.9", Some(51201)),
        (HEADER_V2, "([IPv6:2001:db8::9])", "2001:db8::9", Some(51201)),
        (LOCAL, "([127.0.0.1])", "127.0.0.1", None),
        (b"PROXY UNKNOWN\r\n", "([127.0.0.1])", "127.0.0.1", None),
    ] {
        // The client's first command comes in the same segment as the header.
        let mut client = announced(&gateway, &[header, b"EHLO mta.origin.example\r\n"].concat());
        client.read().expect("220", "greeting");
        client.read().expect("250", "the EHLO behind the header");
        let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], CONTENT).expect("250 2.0.0", address);

        let arrived = sink.only_message().content;
        let received = String::from_utf8_lossy(split_first_field(&arrived).0).into_owned();
        assert!(received.starts_with(&format!("Received: from mta.origin.example {literal} by ")), "{received}");
        let record = gateway.explain(&id_of_reply(&reply.line()));
        assert_eq!(record["client"]["address"], address, "{record:#}");
        if let Some(port) = port {
            assert_eq!(record["client"]["port"], port, "{record:#}");
        }
        sink.state().messages.clear();
    }
}

#[test]
fn a_client_that_is_no_balancer_cannot_pose_as_somebody_else() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).balancers("10.0.0.0/8").start();
    let mut client = announced(&gateway, HEADER_V1);
    client.read().expect("220", "greeting");
    client.read().expect("500 5.5.", "its header is a command that nobody knows");
    client.say("EHLO mta.origin.example").expect("250", "EHLO");
    let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], CONTENT).expect("250 2.0.0", "dot");
    assert_eq!(gateway.explain(&id_of_reply(&reply.line()))["client"]["address"], "127.0.0.1");
}

/// The balancer's header is the first; what its client writes is not one, whatever it looks like.
#[test]
fn a_client_behind_a_balancer_cannot_pose_either() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).balancers("127.0.0.1/32").start();
    let mut client = announced(&gateway, &[HEADER_V1, b"PROXY TCP4 198.51.100.1 10.0.0.1 1 25\r\n"].concat());
    client.read().expect("220", "greeting");
    client.read().expect("500 5.5.", "a second header");
    client.say("EHLO mta.origin.example").expect("250", "EHLO");
    let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], CONTENT).expect("250 2.0.0", "dot");
    assert_eq!(gateway.explain(&id_of_reply(&reply.line()))["client"]["address"], "192.0.2.9");
}

#[test]
fn a_balancer_without_a_header_hears_nothing_and_is_counted() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).balancers("127.0.0.1/32").start();
    for (octets, reason) in [
        (b"EHLO mta.origin.example\r\n".as_slice(), "missing"),
        (b"PROXY TCP4 192.0.2.9 10.0.0.1 25\r\n", "malformed"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", "too_long"),
        // Says nothing: after five seconds.
        (b"", "late"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(octets).unwrap();
        let mut heard = Vec::new();
        // An end or a reset, for what it wrote was not read.
        let _ = stream.read_to_end(&mut heard);
        assert_eq!(heard, b"", "{reason}");
        let counted = format!("portaria_proxy_headers_refused_total{{reason=\"{reason}\"}} 1");
        wait_until(&counted, Duration::from_secs(10), || gateway.http("/metrics").1.contains(&counted));
    }
}

#[test]
fn the_limit_per_network_counts_the_announced_clients() {
    let sink = Sink::start();
    let limits = "[limits]\nconnections_per_network = 1";
    let gateway = Setup::new(sink.port()).balancers("127.0.0.1/32").table(limits).start();
    let mut first = announced(&gateway, HEADER_V1);
    first.read().expect("220", "the first connection of this client");
    announced(&gateway, HEADER_V1).read().expect("421 4.3.2", "its second one");
    announced(&gateway, HEADER_V2).read().expect("220", "another client of the same balancer");
}

#[test]
fn a_handshake_may_stand_right_behind_the_header() {
    let sink = Sink::start();
    let certified = rcgen::generate_simple_self_signed(vec!["mx.tjpa.jus.br".to_owned()]).unwrap();
    let (certificate, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    let gateway = Setup::new(sink.port()).implicit_tls(&certificate, &key).balancers("127.0.0.1/32").start();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("mx.tjpa.jus.br").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut wire = HEADER_V1.to_vec();
    connection.write_tls(&mut wire).unwrap();
    assert!(wire.len() > HEADER_V1.len(), "a ClientHello is behind the header");

    let mut socket = TcpStream::connect(("127.0.0.1", gateway.port())).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket.write_all(&wire).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"220 ");
}
