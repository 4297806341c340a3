//! Against servers of few words, and of many.

use futures_util::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::*;
use crate::{
    record::sample,
    store::{StoreFault, bucket::Bucket},
};

const SOON: Times =
    Times { connect: Duration::from_secs(5), reply: Duration::from_millis(300), piece: Duration::from_millis(300) };

/// A bucket whose server answers every request with these octets, and then with `more` without end; and what it was asked.
async fn bucket(scheme: &str, answer: &'static str, more: &'static str) -> (Bucket, Arc<Mutex<String>>, JoinSet<()>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("{scheme}://localhost:{}", socket.local_addr().unwrap().port());
    let (asked, mut serving) = (Arc::new(Mutex::new(String::new())), JoinSet::new());
    let (noted, secured) = (asked.clone(), (scheme == "https").then(certificate));
    serving.spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            match &secured {
                None => one(stream, &noted, answer, more).await,
                // Whoever does not believe the certificate goes away.
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => one(stream, &noted, answer, more).await,
                    Err(_) => continue,
                },
            }
        }
    });
    let objects = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name("held")
        .with_access_key_id("id")
        .with_secret_access_key("geheim")
        .with_allow_http(true)
        .with_retry(crate::store::bucket::RETRIES)
        .with_http_connector(Connector { times: SOON, ..Connector::default() })
        .build()
        .unwrap();
    (Bucket::of(Arc::new(objects), "p"), asked, serving)
}

async fn one<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, asked: &Mutex<String>, answer: &str, more: &str) {
    let mut request = vec![0; 8192];
    let length = stream.read(&mut request).await.unwrap_or(0);
    asked.lock().unwrap().push_str(std::str::from_utf8(&request[..length]).unwrap());
    let mut open = stream.write_all(answer.as_bytes()).await.is_ok();
    while open && !more.is_empty() {
        open = stream.write_all(more.as_bytes()).await.is_ok();
        if more == DRIP {
            tokio::time::sleep(SOON.piece / 6).await;
        }
    }
    // Until the other side has had enough.
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.read(&mut request)).await;
}

fn certificate() -> TlsAcceptor {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// So little at a time never comes too late, and never to an end.
const DRIP: &str = "x";

const OBJECT: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: \"x\"\r\nLast-Modified: Sun, 22 Nov 2026 10:00:00 GMT\r\n\r\nblob";

#[tokio::test]
async fn an_object_is_read_and_the_secret_is_not_sent() {
    let (bucket, asked, _serving) = bucket("http", OBJECT, "").await;
    let octets: Vec<Bytes> = bucket.get(&sample::id(1)).await.unwrap().try_collect().await.unwrap();
    assert_eq!(octets.concat(), b"blob");
    let asked = asked.lock().unwrap().clone();
    assert!(
        asked.starts_with(&format!("GET /held/p/{}/{}", &sample::id(1).as_str()[20..22], sample::id(1))),
        "{asked}"
    );
    assert!(asked.contains("host: localhost:") && asked.contains("authorization: AWS4-HMAC-SHA256"), "{asked}");
    assert!(!asked.contains("geheim"));
}

/// Whatever comes that is no answer is a fault, in bounded time and memory.
#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 40000\r\nETag: \"x\"\r\nLast-Modified: Sun, 22 Nov 2026 10:00:00 GMT\r\n\r\nblob";
    let moved = "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    for (answer, more, why) in [
        ("", "", "silence"),
        ("\u{1}\n\n", "", "noise"),
        (half, "", "half of it"),
        (half, DRIP, "octet by octet"),
        (moved, "", "elsewhere"),
    ] {
        let (bucket, _, _serving) = bucket("http", answer, more).await;
        let read = async { bucket.get(&sample::id(1)).await?.try_collect::<Vec<Bytes>>().await };
        let read = timeout(Duration::from_secs(20), read).await.expect(why);
        assert!(matches!(read, Err(StoreFault::Bucket(_))), "{why}: {read:?}");
    }
}

#[tokio::test]
async fn a_reply_without_an_end_is_a_fault() {
    let (bucket, _, _serving) = bucket("http", "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n", LONG).await;
    let listed = timeout(Duration::from_secs(60), bucket.list()).await.expect("it ends");
    assert!(matches!(&listed, Err(StoreFault::Bucket(_))), "{listed:?}");
}

static LONG: &str = "<Contents><Key>xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx</Key></Contents>";

/// Nobody vouches for it but itself.
#[tokio::test]
async fn a_certificate_that_the_system_does_not_trust_is_refused() {
    let (bucket, asked, _serving) = bucket("https", OBJECT, "").await;
    let read = bucket.has(&sample::id(1)).await;
    assert!(matches!(&read, Err(StoreFault::Bucket(_))), "{read:?}");
    assert_eq!(asked.lock().unwrap().as_str(), "", "it heard nothing");
}
