//! Versions, and what a reload changes and leaves.
#![expect(clippy::disallowed_methods, reason = "certificates come from files")]

use std::fs;

use rustls::{
    ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_rustls::TlsConnector;

use super::*;

/// A folder with the two files.
struct Files(TempDir);

/// A certificate for `mx.example` and its key, as PEM and as the client sees it.
struct Made {
    chain: String,
    key: String,
    der: CertificateDer<'static>,
}

fn made() -> Made {
    let made = rcgen::generate_simple_self_signed(vec!["mx.example".to_owned()]).unwrap();
    Made { chain: made.cert.pem(), key: made.signing_key.serialize_pem(), der: made.cert.der().clone() }
}

#[test]
fn when_it_ends_is_that_of_the_certificate_in_force() {
    let ending = |year| {
        let mut params = rcgen::CertificateParams::new(vec!["mx.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let ((first, key), (second, other)) = (ending(2030), ending(2040));
    let files = Files(tempfile::tempdir().unwrap());
    files.write(&first, &key);
    let certificate = files.load();
    let ends = || certificate.ends().unwrap().to_string();
    assert_eq!(ends(), "2030-01-01T00:00:00Z");
    // Half of a renewal: the old one is in force, and ends when it ends.
    files.write(&second, &key);
    assert!(certificate.reload().is_err());
    assert_eq!(ends(), "2030-01-01T00:00:00Z");
    files.write(&second, &other);
    certificate.reload().unwrap();
    assert_eq!(ends(), "2040-01-01T00:00:00Z");
}

impl Files {
    fn with(made: &Made) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write(&made.chain, &made.key);
        files
    }

    fn chain(&self) -> PathBuf {
        self.0.path().join("chain.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }

    fn write(&self, chain: &str, key: &str) {
        fs::write(self.chain(), chain).unwrap();
        fs::write(self.key(), key).unwrap();
    }

    fn load(&self) -> Certificate {
        Certificate::load(self.chain(), self.key()).unwrap()
    }
}

fn client(trusted: &[&Made], versions: &[&'static SupportedProtocolVersion]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for made in trusted {
        roots.add(made.der.clone()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// One handshake and one octet from the server, with which what a client may resume comes along: version, kind, certificate shown.
async fn shake(certificate: &Certificate, client: &TlsConnector) -> (&'static str, HandshakeKind, Vec<u8>) {
    let (near, far) = duplex(64 * 1024);
    let acceptor = certificate.acceptor();
    let server = tokio::spawn(async move {
        let mut stream = acceptor.accept(far).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let mut stream = client.connect(ServerName::try_from("mx.example").unwrap(), near).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'x');
    server.await.unwrap();
    let (_, connection) = stream.get_ref();
    let shown = connection.peer_certificates().unwrap()[0].to_vec();
    (connection.protocol_version().unwrap().as_str().unwrap(), connection.handshake_kind().unwrap(), shown)
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_both_spoken() {
    let one = made();
    let certificate = Files::with(&one).load();
    for (versions, spoken) in [(vec![&TLS12], "TLSv1_2"), (vec![&TLS13], "TLSv1_3"), (vec![&TLS12, &TLS13], "TLSv1_3")]
    {
        let (version, ..) = shake(&certificate, &client(&[&one], &versions)).await;
        assert_eq!(version, spoken);
    }
}

/// RFC 8996: TLS 1.1 and older are not negotiated. The same octets with version 1.2 are answered with a ServerHello, so it is for
/// the version alone that they are refused.
#[tokio::test]
async fn tls_1_1_and_older_are_refused_with_the_alert_for_it() {
    const HANDSHAKE: u8 = 22;
    const FATAL_PROTOCOL_VERSION: [u8; 2] = [2, 70];
    let certificate = Files::with(&made()).load();
    for (minor, served) in [(0, false), (1, false), (2, false), (3, true)] {
        let (mut near, far) = duplex(64 * 1024);
        let acceptor = certificate.acceptor();
        let server = tokio::spawn(async move { acceptor.accept(far).await.is_ok() });
        near.write_all(&client_hello(minor)).await.unwrap();
        near.shutdown().await.unwrap();
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        assert!(!server.await.unwrap(), "nobody finishes this handshake");
        if served {
            assert_eq!(answer[0], HANDSHAKE, "{answer:?}");
        } else {
            assert_eq!((answer.len(), &answer[5..]), (7, FATAL_PROTOCOL_VERSION.as_slice()), "version 3.{minor}");
        }
    }
}

/// RFC 5246 §7.4.1.2 with one suite (ECDHE-ECDSA with AES-128-GCM), one group (X25519) and one signature (ECDSA with SHA-256).
fn client_hello(minor: u8) -> Vec<u8> {
    const REST: &[u8] = &[
        0, // no session to resume
        0, 2, 0xc0, 0x2b, // suites
        1, 0, // compression: none
        0, 16, // extensions
        0, 10, 0, 4, 0, 2, 0, 0x1d, // groups
        0, 13, 0, 4, 0, 2, 4, 3, // signatures
    ];
    let body = [&[3, minor], [7; 32].as_slice(), REST].concat();
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length], body.as_slice()].concat()
}

#[tokio::test]
async fn a_reload_shows_the_new_certificate_and_nobody_resumes_under_the_old_one() {
    for version in [&TLS12, &TLS13] {
        let (old, new) = (made(), made());
        let files = Files::with(&old);
        let certificate = files.load();
        let client = client(&[&old, &new], &[version]);
        let (_, kind, shown) = shake(&certificate, &client).await;
        assert_eq!((kind, shown.as_slice()), (HandshakeKind::Full, old.der.as_ref()));
        let (_, kind, _) = shake(&certificate, &client).await;
        assert_eq!(kind, HandshakeKind::Resumed, "else the next lines show nothing");

        files.write(&new.chain, &new.key);
        let (_, _, shown) = shake(&certificate, &client).await;
        assert_eq!(shown, old.der.as_ref(), "a file alone changes nothing");
        certificate.reload().unwrap();
        let (_, kind, shown) = shake(&certificate, &client).await;
        assert_eq!((kind, shown.as_slice()), (HandshakeKind::Full, new.der.as_ref()));
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_old_certificate_in_force() {
    let (old, new) = (made(), made());
    let files = Files::with(&old);
    let certificate = files.load();
    let client = client(&[&old, &new], &[&TLS12, &TLS13]);
    let torn = &new.chain[..new.chain.len() / 2];
    for (chain, key, why) in [
        // Half of a renewal: either file is new, the other is not yet.
        (new.chain.as_str(), old.key.as_str(), "keys may not be consistent: KeyMismatch"),
        (old.chain.as_str(), new.key.as_str(), "keys may not be consistent: KeyMismatch"),
        // Written while we read; empty; swapped; something else.
        (torn, new.key.as_str(), "chain.pem: "),
        (new.chain.as_str(), "", "key.pem: no items found"),
        ("", new.key.as_str(), "the certificate cannot be used: "),
        (new.key.as_str(), new.chain.as_str(), "key.pem: no items found"),
        ("\u{fffd}\0\u{fffd}", "not PEM", "key.pem: no items found"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            new.key.as_str(),
            "the certificate cannot be used: ",
        ),
    ] {
        files.write(chain, key);
        let fault = certificate.reload().unwrap_err().to_string();
        assert!(fault.contains(why), "{fault:?} is to say {why:?}");
        assert_eq!(certificate.fault().unwrap().to_string(), fault);
        let (_, _, shown) = shake(&certificate, &client).await;
        assert_eq!(shown, old.der.as_ref());
    }
    fs::remove_file(files.chain()).unwrap();
    assert!(certificate.reload().unwrap_err().to_string().contains("chain.pem: "), "a file that is gone");

    files.write(&new.chain, &new.key);
    certificate.reload().unwrap();
    assert!(certificate.fault().is_none(), "a fault that is mended is forgotten");
    let (_, _, shown) = shake(&certificate, &client).await;
    assert_eq!(shown, new.der.as_ref());
}
