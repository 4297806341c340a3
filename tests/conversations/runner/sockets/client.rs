//! The far end of the client's connection, in clear or under TLS.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName},
    },
};

use super::in_time;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A client's connection, seen from the client.
pub struct Client {
    stream: Option<Box<dyn Stream>>,
    /// The same socket, for what a stream cannot do.
    socket: Option<TcpStream>,
    heard: Vec<u8>,
}

impl Client {
    /// Connects through a balancer of our own, so that the gateway sees the address that the scripts speak of.
    pub async fn connect(door: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(door)?;
        socket.set_nodelay(true)?;
        let stream = socket.try_clone()?;
        stream.set_nonblocking(true)?;
        let mut stream = tokio::net::TcpStream::from_std(stream)?;
        stream.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 25\r\n").await?;
        Ok(Self { stream: Some(Box::new(stream)), socket: Some(socket), heard: Vec::new() })
    }

    /// Says octets. Whether anybody still listens is the gateway's business.
    pub async fn say(&mut self, octets: &[u8]) -> Result<(), String> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let _ = in_time("the client's octets are not taken", async {
            stream.write_all(octets).await?;
            stream.flush().await
        })
        .await?;
        Ok(())
    }

    /// Says nothing more, and listens on.
    pub async fn end(&mut self) {
        if let Some(stream) = &mut self.stream {
            let _ = stream.shutdown().await;
        }
    }

    /// Breaks the connection.
    pub fn reset(&mut self) -> Result<(), String> {
        if let Some(socket) = self.socket.take() {
            rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO))
                .map_err(|errno| errno.to_string())?;
        }
        self.stream = None;
        Ok(())
    }

    /// Shakes hands, trusting this certificate alone.
    pub async fn secure(&mut self, trusted: CertificateDer<'static>) -> Result<(), String> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted).map_err(|fault| fault.to_string())?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|fault| fault.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = self.stream.take().ok_or("there is no connection")?;
        let name = ServerName::try_from("mx.tjpa.jus.br").unwrap();
        let shaken = in_time("the handshake", TlsConnector::from(Arc::new(config)).connect(name, stream)).await?;
        self.stream = Some(Box::new(shaken.map_err(|fault| fault.to_string())?));
        Ok(())
    }

    /// The next line that the gateway says; none when it closed the connection. A connection that it broke is an error: the
    /// reply before it may be lost.
    pub async fn line(&mut self) -> Result<Option<String>, String> {
        if !self.hear().await? {
            return Ok(None);
        }
        let end = self.end_of_line().ok_or("no line")?;
        let line: Vec<u8> = self.heard.drain(..end + 2).collect();
        String::from_utf8(line[..end].to_vec()).map(Some).map_err(|_| "a line that is no text".into())
    }

    /// Until the next line is there; false when the gateway closed the connection instead.
    pub async fn hear(&mut self) -> Result<bool, String> {
        while self.end_of_line().is_none() {
            let Some(stream) = &mut self.stream else { return Ok(false) };
            let mut piece = [0; 4096];
            let read = in_time("from the gateway", stream.read(&mut piece)).await?;
            match read.map_err(|fault| format!("the gateway broke the connection: {fault}"))? {
                0 if self.heard.is_empty() => return Ok(false),
                0 => return Err(format!("half a line: {:?}", String::from_utf8_lossy(&self.heard))),
                read => self.heard.extend_from_slice(&piece[..read]),
            }
        }
        Ok(true)
    }

    /// A whole line that came already.
    pub fn left(&self) -> Option<String> {
        Some(String::from_utf8_lossy(&self.heard[..self.end_of_line()?]).into_owned())
    }

    fn end_of_line(&self) -> Option<usize> {
        self.heard.windows(2).position(|pair| pair == b"\r\n")
    }
}
