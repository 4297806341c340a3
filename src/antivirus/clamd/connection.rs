//! One connection to a clamd, and what may go wrong on it.
//!
//! In: an address and a time limit. Out: a [`Connection`] to write to and read from, and [`read_answer`], which never
//! reads more than an answer may have. It refuses to know any command.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::answer::{self, LONGEST};
use crate::{antivirus::ClamdAddress, policy::verdict::ScanVerdict};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClamdFault {
    /// Nobody listens there, or the name does not resolve.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The connection did not come about in time.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// Connected, but no answer before the scan's deadline.
    #[error("no answer in time")]
    Deadline,
    /// Every scan that may be in flight is, and none ended before the deadline.
    #[error("{0} scans in flight, none ended in time")]
    Busy(usize),
    /// The content could not be read or handed over: a fault of ours.
    #[error("content cannot be handed over: {0}")]
    Content(io::Error),
}

impl ClamdFault {
    /// None of these is an answer, so each is "could not be asked or did not answer in time".
    pub fn verdict(&self) -> ScanVerdict {
        ScanVerdict::Unavailable { text: answer::words(self.to_string().as_bytes()) }
    }
}

/// What clamd said until it closed the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Its octets, never more than one over [`LONGEST`].
    pub octets: Vec<u8>,
    /// It had all that we had to say, and closed without an error.
    pub whole: bool,
}

impl Heard {
    /// The answer as a verdict. `OK` from a clamd that did not have all the content, or whose connection broke, says
    /// nothing about the rest and is not clean.
    pub fn verdict(&self) -> ScanVerdict {
        match answer::parse(&self.octets) {
            ScanVerdict::Clean if !self.whole => {
                ScanVerdict::ScannerError { text: "OK before the content was handed over whole".to_owned() }
            }
            verdict => verdict,
        }
    }
}

/// A connection, whichever kind of socket it is.
#[derive(Debug)]
pub enum Connection {
    /// Local: descriptors can be passed.
    Unix(UnixStream),
    /// Anywhere.
    Tcp(TcpStream),
}

impl Connection {
    /// Opens one within `limit`, name resolution included.
    pub async fn open(address: &ClamdAddress, limit: Duration) -> Result<Self, ClamdFault> {
        let opening = async {
            match address {
                ClamdAddress::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
                ClamdAddress::Tcp(address) => tcp(TcpStream::connect(address).await?),
                ClamdAddress::TcpName(host, port) => tcp(TcpStream::connect((host.as_str(), *port)).await?),
            }
        };
        timeout(limit, opening).await.map_err(|_| ClamdFault::ConnectTimeout(limit))?.map_err(ClamdFault::Connect)
    }
}

/// Without Nagle: INSTREAM writes four octets and then a chunk, and would wait for an acknowledgement between them.
fn tcp(stream: TcpStream) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    Ok(Connection::Tcp(stream))
}

/// Reads until clamd closes, one octet over [`LONGEST`] at most; `true` if it closed without an error.
pub async fn read_answer(connection: &mut (impl AsyncRead + Unpin)) -> (Vec<u8>, bool) {
    let mut octets = Vec::new();
    let longest = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    let read = connection.take(longest.saturating_add(1)).read_to_end(&mut octets).await;
    (octets, read.is_ok())
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
