//! The transport under the crate clamav-client: a stream that reads while it writes.
//!
//! In: an address. Out: a [`TransportProtocol`] for one exchange, and afterwards what happened on it. The crate writes
//! everything before it reads: over `StreamMaxLength` clamd answers, closes, and the crate reports `BrokenPipe` (7 of 8
//! runs against 1.4.6) where clamd said `INSTREAM size limit exceeded. ERROR`. So this stream listens
//! before every write; once clamd has spoken or hung up, further writes go nowhere and succeed, and the crate comes to
//! read what was said. It also caps what is read (the crate reads without a bound) and never returns an error of its own.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use clamav_client::tokio::TransportProtocol;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    answer::LONGEST,
    connection::{ClamdFault, Connection},
};
use crate::antivirus::ClamdAddress;

/// Opens one [`Listening`] connection and keeps what the crate's `io::Error` would lose.
pub struct Transport {
    address: ClamdAddress,
    connect_timeout: Duration,
    /// What happens on the connection.
    pub progress: Arc<Progress>,
}

/// What happened on a connection, seen from outside the crate.
#[derive(Debug, Default)]
pub struct Progress {
    all_said: AtomicBool,
    clean_end: AtomicBool,
    not_connected: Mutex<Option<ClamdFault>>,
}

impl Progress {
    /// Everything that we had to say is written: from here on clamd works, whether we wait or not.
    pub fn all_said(&self) -> bool {
        self.all_said.load(Ordering::Acquire)
    }

    /// Notes that everything is written.
    pub fn say_all(&self) {
        self.all_said.store(true, Ordering::Release);
    }

    /// Everything was written, and clamd closed the connection without an error.
    pub fn whole(&self) -> bool {
        self.all_said() && self.clean_end.load(Ordering::Acquire)
    }

    /// Why there was no connection, if there was none.
    pub fn take_fault(&self) -> Option<ClamdFault> {
        self.not_connected.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Transport {
    /// A transport for one exchange.
    pub fn new(address: ClamdAddress, connect_timeout: Duration, progress: Arc<Progress>) -> Self {
        Self { address, connect_timeout, progress }
    }
}

impl TransportProtocol for Transport {
    type Stream = Listening<Connection>;

    async fn connect(&self) -> io::Result<Self::Stream> {
        match Connection::open(&self.address, self.connect_timeout).await {
            Ok(connection) => Ok(Listening::new(connection, self.progress.clone())),
            Err(fault) => {
                let error = io::Error::other(fault.to_string());
                *self.progress.not_connected.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                Err(error)
            }
        }
    }
}

/// A stream that listens before it writes.
pub struct Listening<S> {
    stream: S,
    progress: Arc<Progress>,
    heard: Vec<u8>,
    given: usize,
    /// Nothing more will be read: end, error, or more than an answer may have.
    deaf: bool,
    /// Nothing more will be written: clamd spoke, hung up, or a write failed.
    mute: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Listening<S> {
    /// Listens on `stream`.
    pub fn new(stream: S, progress: Arc<Progress>) -> Self {
        Self { stream, progress, heard: Vec::new(), given: 0, deaf: false, mute: false }
    }

    /// Reads what is there, bounded; ready when something new was heard or nothing more will be.
    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.deaf {
            return Poll::Ready(());
        }
        let mut space = [0; LONGEST];
        let mut buffer = ReadBuf::new(&mut space);
        match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
            Ok(()) if buffer.filled().is_empty() => {
                self.deaf = true;
                self.progress.clean_end.store(true, Ordering::Release);
            }
            Ok(()) => {
                self.heard.extend_from_slice(buffer.filled());
                // One octet more than allowed is enough for `answer::parse` to refuse it.
                self.heard.truncate(LONGEST.saturating_add(1));
                self.deaf = self.heard.len() > LONGEST;
            }
            Err(_) => self.deaf = true,
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Listening<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // Polled even though we want to write: it wakes us when clamd speaks while its receive buffer is full.
        if !this.mute && this.poll_hear(cx).is_ready() {
            this.mute = true;
        }
        if !this.mute {
            match ready!(Pin::new(&mut this.stream).poll_write(cx, octets)) {
                Ok(written) if written > 0 => return Poll::Ready(Ok(written)),
                _ => this.mute = true,
            }
        }
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.mute && ready!(Pin::new(&mut this.stream).poll_flush(cx)).is_ok() {
            this.progress.say_all();
        }
        Poll::Ready(Ok(()))
    }

    /// The crate never asks for it: clamd must see an open connection until it has answered.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Listening<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let rest = this.heard.get(this.given..).unwrap_or_default();
            if !rest.is_empty() {
                let some = rest.get(..rest.len().min(buf.remaining())).unwrap_or_default();
                buf.put_slice(some);
                this.given = this.given.saturating_add(some.len());
                return Poll::Ready(Ok(()));
            }
            if this.deaf {
                return Poll::Ready(Ok(()));
            }
            ready!(this.poll_hear(cx));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::timeout,
    };

    use super::*;

    /// clamd that answers in the middle of a stream and stops reading: the words arrive, and it was not all said.
    #[tokio::test]
    async fn an_answer_in_the_middle_is_heard_although_the_pipe_is_full() {
        let (ours, mut theirs) = duplex(64);
        let progress = Arc::new(Progress::default());
        let mut stream = Listening::new(ours, progress.clone());
        theirs.write_all(b"INSTREAM size limit exceeded. ERROR\0").await.unwrap();
        let writing = async {
            for _ in 0..100 {
                stream.write_all(&[0; 1000]).await.unwrap();
            }
        };
        timeout(Duration::from_secs(5), writing).await.expect("it waits for a pipe that nobody empties");
        stream.flush().await.unwrap();
        drop(theirs);
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"INSTREAM size limit exceeded. ERROR\0");
        assert!(!progress.all_said() && !progress.whole());
    }

    #[tokio::test]
    async fn what_is_read_is_bounded() {
        let (ours, mut theirs) = duplex(1 << 20);
        theirs.write_all(&[b'x'; 100_000]).await.unwrap();
        let mut stream = Listening::new(ours, Arc::default());
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard.len(), LONGEST + 1);
    }

    #[tokio::test]
    async fn a_whole_exchange_is_known_to_be_whole() {
        let (ours, mut theirs) = duplex(64);
        let progress = Arc::new(Progress::default());
        let mut stream = Listening::new(ours, progress.clone());
        stream.write_all(b"zPING\0").await.unwrap();
        stream.flush().await.unwrap();
        assert!(progress.all_said() && !progress.whole());
        theirs.write_all(b"PONG\0").await.unwrap();
        drop(theirs);
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"PONG\0");
        assert!(progress.whole());
    }
}
