//! TLS: with anyone, or only with the one we know.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    version::{TLS12, TLS13},
};

use tokio::io::AsyncReadExt as _;

use super::*;
use crate::next_hop::stream::Stream;

const OFFERS_TLS: Script = Script { ehlo: "250-mx\r\n250 STARTTLS", ..GOOD };

/// A certificate authority of the test's own, in a file that goes with it.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    #[expect(clippy::disallowed_methods, reason = "trust anchors come from a file")]
    fn new() -> Self {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).unwrap();
        let nth = FILES.fetch_add(1, Ordering::SeqCst);
        let file = std::env::temp_dir().join(format!("portaria-test-ca-{}-{nth}.pem", std::process::id()));
        std::fs::write(&file, certificate.pem()).unwrap();
        Self { issuer: Issuer::new(parameters, key), file }
    }

    /// A server's side of TLS with a certificate for `host`.
    fn acceptor(&self, host: &str, versions: &[&'static SupportedProtocolVersion]) -> StartTls {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        acceptor(leaf.der().clone(), &key, versions)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn acceptor(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
) -> StartTls {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    StartTls::Works(TlsAcceptor::from(Arc::new(config)))
}

fn self_signed() -> StartTls {
    let certified = rcgen::generate_simple_self_signed(vec!["someone.else.example".to_owned()]).unwrap();
    acceptor(certified.cert.der().clone(), &certified.signing_key, &[&TLS13])
}

fn required(server: &Server, authority: &Authority, server_name: &str) -> NextHopSettings {
    NextHopSettings {
        tls: TlsWish::Required,
        ca: Some(authority.file.clone()),
        server_name: Some(server_name.to_owned()),
        ..one(&[&server.address])
    }
}

#[tokio::test]
async fn opportunistic_takes_any_certificate() {
    let server = Server::start(Script { starttls: self_signed(), ..OFFERS_TLS }).await;
    let next_hops = next_hops(NextHopSettings { tls: TlsWish::Opportunistic, ..one(&[&server.address]) });
    let mut lease = next_hops.lease(&request()).await.unwrap();
    let tls = lease.ready().tls.unwrap();
    assert!(tls.starts_with("TLSv1.3 TLS_"), "{tls}");
    assert_eq!(say(&mut lease, "NOOP").await, "250 ok");
    // The pool works under TLS as well: reset, found quiet, lent again.
    lease.release(1, Leftover::Envelope);
    settles(&next_hops, 1, 0).await;
    let mut again = next_hops.lease(&request()).await.unwrap();
    assert!(again.ready().reused);
    assert_eq!(say(&mut again, "NOOP").await, "250 ok");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn under_tls_too_a_connection_that_the_server_gave_up_is_not_lent() {
    for text in ["", "421 4.4.2 idle too long"] {
        let server = Server::start(Script { starttls: self_signed(), ..OFFERS_TLS }).await;
        let next_hops = next_hops(NextHopSettings { tls: TlsWish::Opportunistic, ..one(&[&server.address]) });
        next_hops.lease(&request()).await.unwrap().release(1, Leftover::Envelope);
        settles(&next_hops, 1, 0).await;
        server.say.send(text).unwrap();
        sleep(Duration::from_millis(50)).await;
        assert!(!next_hops.lease(&request()).await.unwrap().ready().reused, "{text:?}");
    }
}

#[tokio::test]
async fn opportunistic_goes_on_in_clear_where_tls_fails() {
    for (script, connections) in [
        // A failed handshake: once more, without asking for TLS.
        (Script { starttls: StartTls::Broken, ..OFFERS_TLS }, 2),
        // Refused, or not offered: on the same connection.
        (OFFERS_TLS, 1),
        (GOOD, 1),
    ] {
        let server = Server::start(script).await;
        let next_hops = next_hops(NextHopSettings { tls: TlsWish::Opportunistic, ..one(&[&server.address]) });
        let mut lease = next_hops.lease(&request()).await.unwrap();
        assert_eq!(lease.ready().tls, None);
        assert_eq!(say(&mut lease, "NOOP").await, "250 ok");
        assert_eq!(server.connections(), connections);
        assert!(status(&next_hops).addresses[0].healthy);
    }
}

/// An attack is no reason to speak in clear, and where TLS is not required it is no failure of required TLS either.
#[tokio::test]
async fn opportunistic_does_not_go_on_with_one_who_injects() {
    let server = Server::start(Script { starttls: StartTls::Injects, ..OFFERS_TLS }).await;
    let next_hops = next_hops(NextHopSettings { tls: TlsWish::Opportunistic, ..one(&[&server.address]) });
    let failure = next_hops.lease(&request()).await.unwrap_err();
    assert!(matches!(failure, NextHopFailure::Unreachable(_)), "{failure}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn required_is_had_from_the_one_we_know() {
    let authority = Authority::new();
    for (versions, shown) in [([&TLS13], "TLSv1.3 TLS_"), ([&TLS12], "TLSv1.2 TLS_ECDHE_")] {
        let starttls = authority.acceptor("mbx.example", &versions);
        let server = Server::start(Script { starttls, ..OFFERS_TLS }).await;
        let next_hops = next_hops(required(&server, &authority, "mbx.example"));
        let mut lease = next_hops.lease(&request()).await.unwrap();
        let tls = lease.ready().tls.unwrap();
        assert!(tls.starts_with(shown), "{tls}");
        assert_eq!(say(&mut lease, "NOOP").await, "250 ok");
    }
    // Without a configured name it is the host of the address, here an IP address.
    let starttls = authority.acceptor("127.0.0.1", &[&TLS13]);
    let server = Server::start(Script { starttls, ..OFFERS_TLS }).await;
    let next_hops = next_hops(NextHopSettings { server_name: None, ..required(&server, &authority, "") });
    assert!(next_hops.lease(&request()).await.unwrap().ready().tls.is_some());
}

#[tokio::test]
async fn required_is_not_had_from_anyone_else() {
    let (authority, other) = (Authority::new(), Authority::new());
    for (script, expected) in [
        // Another name; another authority; nobody.
        (Script { starttls: authority.acceptor("evil.example", &[&TLS13]), ..OFFERS_TLS }, "certificate"),
        (Script { starttls: other.acceptor("mbx.example", &[&TLS13]), ..OFFERS_TLS }, "certificate"),
        (Script { starttls: self_signed(), ..OFFERS_TLS }, "certificate"),
        // No TLS worth the name: never in clear.
        (Script { starttls: StartTls::Broken, ..OFFERS_TLS }, "TLS handshake"),
        (Script { starttls: StartTls::Injects, ..OFFERS_TLS }, "between the reply to STARTTLS and TLS"),
        (OFFERS_TLS, "the next hop answered STARTTLS with 502"),
        (GOOD, "does not offer it"),
    ] {
        let mut server = Server::start(script).await;
        let next_hops = next_hops(required(&server, &authority, "mbx.example"));
        match next_hops.lease(&request()).await {
            Err(NextHopFailure::Tls(text)) => assert!(text.contains(expected), "{text}"),
            other => panic!("{expected}: {other:?}"),
        }
        assert_eq!(server.connections(), 1);
        assert!(!status(&next_hops).addresses[0].healthy);
        // Nothing of a message is said, neither in clear nor to the wrong one.
        while let Some(line) = timeout(Duration::from_secs(5), server.heard.recv()).await.unwrap() {
            let harmless = ["1 EHLO ", "1 STARTTLS", "1 QUIT", "1 <end>"].iter().any(|start| line.starts_with(start));
            assert!(harmless, "{expected}: {line}");
            if line == "1 <end>" {
                break;
            }
        }
    }
}

/// Two replies in one record of TLS: the socket has nothing more, and the second one is still there.
#[tokio::test]
async fn what_tls_holds_back_is_noticed() {
    let StartTls::Works(acceptor) = self_signed() else { panic!("it encrypts") };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let accepting = async { acceptor.accept(listener.accept().await.unwrap().0).await.unwrap() };
    let name = ServerName::try_from("mx.example").unwrap();
    let connector = tls::opportunistic().unwrap();
    let (mut server, client) = tokio::join!(accepting, connector.connect(name, socket));
    let mut stream = Stream::Tls(Box::new(client.unwrap()));
    reply(&mut server, "250 done\r\n421 idle too long").await.unwrap();
    let mut first = [0; 10];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"250 done\r\n");
    assert!(!stream.is_quiet());
    // Who looks takes an octet of what there is: such a connection is not used again.
    stream.read_exact(&mut [0; 18]).await.unwrap();
    assert!(stream.is_quiet());
}
