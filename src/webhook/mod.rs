//! A webhook: one JSON object out by HTTP POST, one status code in.
//!
//! In: an address, and octets. Out: that it was taken, or why not and whether to try again. It refuses to follow redirects (what is
//! posted may name hosts of ours, and goes where the configuration says or nowhere), to believe a certificate that the system does not
//! trust, and to read more of a reply than it needs. What is posted, and when again, is not known here.

mod url;

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::ServerName,
        version::{TLS12, TLS13},
    },
};

pub use url::{Url, UrlFault};

/// The name's resolution, the connection, the handshake, the request and the reply together take no longer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is read of a reply's body, octets. It is thrown away; but a server whose words nobody takes may call the request broken.
const BODY: usize = 4 * 1024;

/// What is read of a reply's header, octets.
const HEADER: usize = 16 * 1024;

/// Where to post to.
pub struct Webhook {
    url: Url,
    /// None: in clear. A system without authorities must not keep the gateway from taking mail, so that is a fault of every post.
    tls: Option<Result<TlsConnector, TrustFault>>,
    timeout: Duration,
}

/// Why TLS cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TrustFault {
    /// The system has no certificate that could be trusted.
    #[error("no usable certificate authority found")]
    Empty,
    /// rustls cannot work with what was given.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Why it was not taken. No text of it holds the address, in which there may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum PostFault {
    /// No connection, or it broke.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The handshake failed.
    #[error("TLS: {0}")]
    Tls(io::Error),
    /// There is nobody to trust.
    #[error("TLS: {0}")]
    Trust(#[from] TrustFault),
    /// What came is not HTTP, or nothing came.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The request cannot be written.
    #[error("the request cannot be made")]
    Request,
    /// Time was up.
    #[error("no reply in time")]
    Late,
    /// It replied, and not with 2xx.
    #[error("replied {0}")]
    Status(u16),
}

impl PostFault {
    /// Whether the same request would fail again: a redirect that is not followed, or the server says that it is our fault. Too early
    /// and too many (408, 425, 429) are about the moment.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Status(status) if (300..500).contains(status) && ![408, 425, 429].contains(status))
    }
}

impl Webhook {
    /// Loads the system's certificate authorities if the address needs them; connects to nobody.
    pub fn new(url: Url) -> Self {
        let mut roots = RootCertStore::empty();
        if url.tls {
            // What cannot be read there is other software's concern, as long as something can.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Self::trusting(url, roots)
    }

    fn trusting(url: Url, roots: RootCertStore) -> Self {
        let tls = url.tls.then(|| connector(roots));
        Self { url, tls, timeout: TIMEOUT }
    }

    /// Why nothing can be posted, as far as that is known without trying.
    pub fn fault(&self) -> Option<&TrustFault> {
        self.tls.as_ref()?.as_ref().err()
    }

    /// Where it posts to, without what may be a secret.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Posts a JSON text once: the status, which is 2xx. Takes 10 seconds at most.
    pub async fn post(&self, json: String) -> Result<u16, PostFault> {
        tokio::time::timeout(self.timeout, self.exchange(json)).await.map_err(|_| PostFault::Late)?
    }

    async fn exchange(&self, json: String) -> Result<u16, PostFault> {
        let tls =
            self.tls.as_ref().map(|tls| tls.as_ref().map_err(|fault| PostFault::from(fault.clone()))).transpose()?;
        let socket = TcpStream::connect((self.url.host.as_str(), self.url.port)).await.map_err(PostFault::Connect)?;
        let Some(tls) = tls else { return self.speak(socket, json).await };
        let name =
            ServerName::try_from(self.url.host.clone()).map_err(|fault| PostFault::Tls(io::Error::other(fault)))?;
        let secured = tls.connect(name, socket).await.map_err(PostFault::Tls)?;
        self.speak(secured, json).await
    }

    async fn speak<S>(&self, stream: S, json: String) -> Result<u16, PostFault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url.path.as_str())
            .header(header::HOST, self.url.authority.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("Portaria/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(json)))
            .map_err(|_| PostFault::Request)?;
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(HEADER).handshake(TokioIo::new(stream)).await?;
        let asked = async move {
            let reply = sender.send_request(request).await?;
            let status = reply.status().as_u16();
            swallow(reply.into_body()).await;
            if (200..300).contains(&status) { Ok(status) } else { Err(PostFault::Status(status)) }
        };
        tokio::pin!(asked, connection);
        // The connection moves the octets; it may end, as agreed, before the last of them was looked at.
        tokio::select! {
            answer = &mut asked => answer,
            _ = &mut connection => asked.await,
        }
    }
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, TrustFault> {
    if roots.is_empty() {
        return Err(TrustFault::Empty);
    }
    // The provider is named: the process default panics at run time if ever a second one is linked in.
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What the server has to say, as far as anybody listens.
async fn swallow(mut body: Incoming) {
    let mut left = BODY;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
