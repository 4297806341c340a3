//! The client's connection, in clear or under TLS.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use rustix::net::{RecvFlags, recv};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::next_hop;

/// A client's connection.
#[derive(Debug)]
pub enum ClientStream {
    /// In clear.
    Clear(TcpStream),
    /// Under TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl ClientStream {
    /// Does the handshake. Under TLS already: an error, there is no TLS in TLS.
    pub async fn accept_tls(self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        match self {
            Self::Clear(stream) => Ok(Self::Tls(Box::new(acceptor.accept(stream).await?))),
            Self::Tls(_) => Err(io::Error::other("TLS within TLS")),
        }
    }

    /// Whether the kernel has nothing of the client that we did not read: then closing ends the connection and does not reset it. Under
    /// TLS never: the client's close_notify is still to come.
    pub fn has_nothing_unread(&self) -> bool {
        let Self::Clear(socket) = self else { return false };
        match recv(socket, &mut [0_u8; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((count, _)) => count == 0,
            Err(fault) => fault == rustix::io::Errno::AGAIN,
        }
    }

    /// Version and cipher suite, for `Received:` and the record.
    pub fn tls_facts(&self) -> Option<String> {
        let Self::Tls(stream) = self else { return None };
        Some(next_hop::tls_facts(stream.get_ref().1))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
