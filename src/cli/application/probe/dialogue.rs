//! A client that says one line at a time and hears the whole reply, in clear or under TLS.
//!
//! It knows nothing of what it says: [`super::parameters`] does.

use std::{io, mem, net::IpAddr, path::Path};

use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{client::TlsStream, rustls::pki_types::ServerName};

use crate::{
    next_hop::{tls_facts, verifying_connector},
    smtp::reply::{Reply, ReplyDecoder},
};

/// How a listener does TLS, in the words of `portaria.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Tls {
    Off,
    Starttls,
    StarttlsRequired,
    Implicit,
}

/// Whom to believe that they are the server.
#[derive(Debug)]
pub(super) struct Trust<'a> {
    /// PEM; the system's if none.
    pub ca: Option<&'a Path>,
    /// The name that the certificate must have.
    pub name: &'a str,
}

/// An open connection.
pub(super) struct Dialogue {
    stream: Stream,
    decoder: ReplyDecoder,
    /// How a host without a name introduces itself (RFC 5321 §4.1.3).
    literal: String,
}

enum Stream {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Left behind by a handshake that failed.
    None,
}

trait Octets: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Octets for T {}

impl Dialogue {
    /// Opens a connection; nothing is read yet.
    pub(super) async fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let literal = match stream.local_addr()?.ip() {
            IpAddr::V4(ip) => format!("[{ip}]"),
            IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
        };
        Ok(Self { stream: Stream::Clear(stream), decoder: ReplyDecoder::default(), literal })
    }

    /// `EHLO` with our address.
    pub(super) async fn ehlo(&mut self) -> io::Result<Reply> {
        let line = format!("EHLO {}", self.literal);
        self.say(&line).await
    }

    /// Says a line and hears its reply.
    pub(super) async fn say(&mut self, line: &str) -> io::Result<Reply> {
        // A sheet may be a file from anywhere: a line end in it must not become a second command.
        let line: String = line.chars().filter(|c| !c.is_control()).chain("\r\n".chars()).collect();
        self.octets()?.write_all(line.as_bytes()).await?;
        self.octets()?.flush().await?;
        self.hear().await
    }

    /// The next reply.
    pub(super) async fn hear(&mut self) -> io::Result<Reply> {
        let mut buffer = [0; 4096];
        loop {
            match self.decoder.poll() {
                Some(Ok(reply)) => return Ok(reply),
                Some(Err(fault)) => return Err(io::Error::other(fault)),
                None => {}
            }
            let read = self.octets()?.read(&mut buffer).await?;
            match buffer.get(..read) {
                Some(octets) if !octets.is_empty() => self.decoder.receive(octets),
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// Begins TLS and checks who is there: version and suite. The connection is of no use after a fault.
    pub(super) async fn begin_tls(&mut self, trust: &Trust<'_>) -> io::Result<String> {
        let Stream::Clear(clear) = mem::replace(&mut self.stream, Stream::None) else {
            return Err(io::Error::other("TLS is there already"));
        };
        if !self.decoder.is_empty() {
            return Err(io::Error::other("octets came between the reply to STARTTLS and TLS"));
        }
        let connector = verifying_connector(trust.ca).map_err(io::Error::other)?;
        let name = ServerName::try_from(trust.name.to_owned()).map_err(io::Error::other)?;
        let stream = connector.connect(name, clear).await?;
        let facts = tls_facts(stream.get_ref().1);
        self.stream = Stream::Tls(Box::new(stream));
        Ok(facts)
    }

    fn octets(&mut self) -> io::Result<&mut dyn Octets> {
        match &mut self.stream {
            Stream::Clear(stream) => Ok(stream),
            Stream::Tls(stream) => Ok(stream),
            Stream::None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}
