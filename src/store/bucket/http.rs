//! HTTP for the bucket's client: over the sockets and the TLS that the rest of the program has.
//!
//! In: a request, signed. Out: a status, a header, and a body that is read as it comes. object_store would bring an HTTP client of its own
//! (reqwest: HTTP/2, a second pool, a second way to trust certificates); what it asks of one is this file. A connection carries one
//! request: held mail is rare, and a connection that the other side has forgotten meanwhile costs a minute. Redirects are not
//! followed, and no proxy of the environment is asked: what is signed for one server goes to no other.

use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::{
    Method, Uri,
    body::{Body, Frame, Incoming},
    client::conn::http1,
    header::{CONNECTION, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, Sleep, sleep, timeout},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::ServerName,
        version::{TLS12, TLS13},
    },
};

/// The name's resolution, the connection and the handshake take no longer.
const CONNECT: Duration = Duration::from_secs(10);
/// From the first octet of a request to the header of its reply: a part of 8 MiB at 140 kB/s.
const REPLY: Duration = Duration::from_secs(60);
/// What is waited for pieces of a body: so long for the first, and so long once more at most for what comes at [`PACE`] or faster.
const PIECE: Duration = Duration::from_secs(30);
/// Octets that earn a second of waiting: a server that sends one octet now and then would otherwise hold a reader for years.
const PACE: u64 = 16 * 1024;
/// What is read of a reply's header, octets.
const HEADER: usize = 64 * 1024;
/// What is read of a body that is no object: a page of a listing is about 400 kB.
const BODY: u64 = 4 * 1024 * 1024;

/// Makes the connections.
#[derive(Clone)]
pub(super) struct Connector {
    times: Times,
    /// Loaded when it is first needed: commands that read no content need not wait for it.
    tls: Arc<OnceLock<Result<TlsConnector, String>>>,
}

/// How long the other side may take.
#[derive(Clone, Copy)]
struct Times {
    connect: Duration,
    reply: Duration,
    piece: Duration,
}

impl Default for Connector {
    fn default() -> Self {
        Self { times: Times { connect: CONNECT, reply: REPLY, piece: PIECE }, tls: Arc::default() }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Connector {
    fn call<'service, 'asked>(
        &'service self,
        request: HttpRequest,
    ) -> BoxFuture<'asked, Result<HttpResponse, HttpError>>
    where
        'service: 'asked,
        Self: 'asked,
    {
        Box::pin(self.exchange(request))
    }
}

impl Connector {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri().clone();
        let secured = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if secured { 443 } else { 80 });
        let socket =
            within(self.times.connect, HttpErrorKind::Connect, TcpStream::connect((host.as_str(), port))).await?;
        if !secured {
            return self.speak(socket, request, &uri).await;
        }
        let tls = self.tls.get_or_init(connector).as_ref().map_err(|fault| other(fault.clone()))?;
        let name = ServerName::try_from(host).map_err(|fault| other(fault.to_string()))?;
        let socket = within(self.times.connect, HttpErrorKind::Connect, tls.connect(name, socket)).await?;
        self.speak(socket, request, &uri).await
    }

    async fn speak<S>(&self, socket: S, request: HttpRequest, uri: &Uri) -> Result<HttpResponse, HttpError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limit = limit(request.method(), uri);
        let request = as_sent(request, uri)?;
        let asked = async {
            let handshake = http1::Builder::new().max_buf_size(HEADER).handshake(TokioIo::new(socket));
            let (mut sender, connection) = handshake.await?;
            let mut connection: BoxFuture<'static, Result<(), hyper::Error>> = Box::pin(connection);
            let reply = async move { sender.send_request(request).await };
            tokio::pin!(reply);
            // The connection moves the octets; it may end before the last of them was looked at.
            let (reply, connection) = tokio::select! {
                reply = &mut reply => (reply?, Some(connection)),
                _ = &mut connection => (reply.await?, None),
            };
            Ok::<_, hyper::Error>((reply, connection))
        };
        let (reply, connection) = within(self.times.reply, HttpErrorKind::Request, asked).await?;
        let limit = if reply.status().is_success() { limit } else { BODY };
        Ok(reply.map(|octets| HttpResponseBody::new(Reply::new(connection, octets, limit, self.times.piece))))
    }
}

/// Only an object may be as long as it likes: whoever reads it knows how long it is to be. The rest is collected by the client.
fn limit(method: &Method, uri: &Uri) -> u64 {
    if method == Method::GET && uri.query().is_none() { u64::MAX } else { BODY }
}

/// In origin-form (RFC 9112 §3.2.1), and with the Host that was signed.
fn as_sent(request: HttpRequest, uri: &Uri) -> Result<hyper::Request<HttpRequestBody>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if !parts.headers.contains_key(HOST) {
        parts.headers.insert(HOST, HeaderValue::from_str(authority).map_err(|fault| other(fault.to_string()))?);
    }
    parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    parts.uri = uri.path_and_query().map_or_else(|| Uri::from_static("/"), |path| Uri::from(path.clone()));
    Ok(hyper::Request::from_parts(parts, body))
}

async fn within<T, E>(
    time: Duration,
    kind: HttpErrorKind,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, HttpError>
where
    E: Error + Send + Sync + 'static,
{
    match timeout(time, work).await {
        Ok(done) => done.map_err(|fault| HttpError::new(kind, fault)),
        Err(_) => Err(HttpError::new(HttpErrorKind::Timeout, io::Error::from(io::ErrorKind::TimedOut))),
    }
}

fn other(fault: String) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, io::Error::other(fault))
}

fn connector() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    // What cannot be read there is other software's concern, as long as something can.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("no usable certificate authority found".to_owned());
    }
    // The provider is named: the process default panics at run time if ever a second one is linked in.
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|fault| fault.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The body of a reply, and the connection that it comes over: no task of its own that nobody would wait for.
struct Reply {
    /// None once it has ended. Never locked: a body has to be `Sync`, and a future need not be.
    connection: Option<Mutex<BoxFuture<'static, Result<(), hyper::Error>>>>,
    octets: Incoming,
    left: u64,
    piece: Duration,
    /// What may still be waited, and since when that is done. Time in which nobody asks for more is the reader's own.
    patience: Duration,
    waits: Option<Instant>,
    pause: Pin<Box<Sleep>>,
}

impl Reply {
    fn new(
        connection: Option<BoxFuture<'static, Result<(), hyper::Error>>>,
        octets: Incoming,
        left: u64,
        piece: Duration,
    ) -> Self {
        let (connection, pause) = (connection.map(Mutex::new), Box::pin(sleep(piece)));
        Self { connection, octets, left, piece, patience: piece, waits: None, pause }
    }

    /// So many octets came.
    fn came(&mut self, length: u64) {
        if let Some(since) = self.waits.take() {
            self.patience = self.patience.saturating_sub(since.elapsed());
        }
        let earned = Duration::from_millis(length.saturating_mul(1000) / PACE);
        self.patience = self.patience.saturating_add(earned).min(self.piece);
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Some(connection) = &mut self.connection
            && connection.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(context).is_ready()
        {
            self.connection = None;
        }
        match Pin::new(&mut self.octets).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                let Some(left) = self.left.checked_sub(length) else {
                    return Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Decode, TooLong))));
                };
                self.left = left;
                self.came(length);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(fault))) => Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Interrupted, fault)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                if self.waits.is_none() {
                    let now = Instant::now();
                    let until = now + self.patience;
                    self.waits = Some(now);
                    self.pause.as_mut().reset(until);
                }
                self.pause.as_mut().poll(context).map(|()| {
                    Some(Err(HttpError::new(HttpErrorKind::Timeout, io::Error::from(io::ErrorKind::TimedOut))))
                })
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the reply is longer than {BODY} octets")]
struct TooLong;

#[cfg(test)]
mod tests;
