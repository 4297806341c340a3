//! Against servers of few words.

use std::sync::{Arc, Mutex};

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

/// A server that answers each request with the next of `answers` and closes; none left: it says nothing. What it was asked.
async fn server(answers: &[&str], tls: Option<TlsAcceptor>) -> (u16, Arc<Mutex<Vec<String>>>, JoinSet<()>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (noted, mut answers) =
        (asked.clone(), answers.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>().into_iter());
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            match &tls {
                None => one(stream, &noted, answers.next()).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => one(stream, &noted, answers.next()).await,
                    Err(_) => continue,
                },
            }
        }
    });
    (port, asked, serving)
}

async fn one<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, asked: &Mutex<Vec<String>>, answer: Option<String>) {
    let mut request = String::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        request.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        if count == 0 || request.ends_with('}') {
            break;
        }
    }
    asked.lock().unwrap().push(request);
    match answer {
        Some(answer) => {
            let _ = stream.write_all(answer.as_bytes()).await;
            if answer.contains(ENDLESS) {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            let _ = stream.shutdown().await;
        }
        None => tokio::time::sleep(Duration::from_secs(60)).await,
    }
}

/// After such a reply the server does not close.
const ENDLESS: &str = "Content-Length: 1000000000000";

fn webhook(port: u16) -> Webhook {
    Webhook::new(Url::parse(&format!("http://127.0.0.1:{port}/hook?token=secret")).unwrap())
}

#[tokio::test]
async fn what_is_posted_and_what_the_answers_mean() {
    let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1 << 20));
    let rows = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Ok(200)),
        ("HTTP/1.1 204 No Content\r\n\r\n", Ok(204)),
        (long.as_str(), Ok(200)),
        ("HTTP/1.1 500 Oops\r\n\r\n", Err(("replied 500", false))),
        ("HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", Err(("replied 429", false))),
        ("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", Err(("replied 404", true))),
        ("HTTP/1.1 302 There\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", Err(("replied 302", true))),
        ("220 mail.example ESMTP\r\n", Err(("HTTP: ", false))),
        ("", Err(("HTTP: ", false))),
    ];
    let answers: Vec<&str> = rows.iter().map(|(answer, _)| *answer).collect();
    let (port, asked, _serving) = server(&answers, None).await;
    for (answer, expected) in rows {
        match (webhook(port).post("{\"a\":\"ç\"}".into()).await, expected) {
            (Ok(status), Ok(expected)) => assert_eq!(status, expected),
            (Err(fault), Err((text, is_final))) => {
                assert!(fault.to_string().starts_with(text) && fault.is_final() == is_final, "{answer:.30}: {fault}");
                assert!(!fault.to_string().contains("secret"));
            }
            (became, _) => panic!("{answer:.30}: {became:?}"),
        }
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), answers.len(), "each was asked once, and nobody elsewhere");
    let request = asked[0].to_ascii_lowercase();
    for part in [
        "post /hook?token=secret http/1.1\r\n".to_owned(),
        format!("host: 127.0.0.1:{port}\r\n"),
        "content-type: application/json\r\n".to_owned(),
        "content-length: 10\r\n".to_owned(),
        "\r\n\r\n{\"a\":\"ç\"}".to_owned(),
    ] {
        assert!(request.contains(&part), "{part:?} in {request:?}");
    }
}

/// A server that says more than anybody wants to hear: nobody waits for the rest.
#[tokio::test]
async fn a_reply_without_end_is_enough() {
    let answer = format!("HTTP/1.1 200 OK\r\n{ENDLESS}\r\n\r\n{}", "x".repeat(BODY));
    let (port, _, _serving) = server(&[&answer], None).await;
    let patient = Webhook { timeout: Duration::from_secs(3), ..webhook(port) };
    assert_eq!(patient.post("{}".into()).await.unwrap(), 200);
}

#[tokio::test]
async fn nobody_there_and_nobody_who_answers() {
    let (port, _, serving) = server(&[], None).await;
    let patient = Webhook { timeout: Duration::from_millis(300), ..webhook(port) };
    let began = tokio::time::Instant::now();
    let silent = patient.post("{}".into()).await.unwrap_err();
    assert!(matches!(silent, PostFault::Late) && !silent.is_final(), "{silent}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(serving);
    let gone = webhook(port).post("{}".into()).await.unwrap_err();
    assert!(!gone.is_final(), "{gone}");
}

#[tokio::test]
async fn under_tls_only_whom_the_system_trusts_is_told() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (port, asked, _serving) = server(&[ok], Some(TlsAcceptor::from(Arc::new(config)))).await;
    let url = Url::parse(&format!("https://127.0.0.1:{port}/")).unwrap();

    let other = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    for (trusted, told) in [(other.cert.der(), false), (cert.der(), true)] {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let posted = Webhook::trusting(url.clone(), roots).post("{}".into()).await;
        assert_eq!(posted.is_ok(), told, "{posted:?}");
        assert_eq!(asked.lock().unwrap().len(), usize::from(told), "nothing is said before the handshake");
    }
    let nobody = Webhook::trusting(url, RootCertStore::empty());
    assert!(matches!(nobody.fault(), Some(TrustFault::Empty)));
    assert!(matches!(nobody.post("{}".into()).await, Err(PostFault::Trust(TrustFault::Empty))));
}
