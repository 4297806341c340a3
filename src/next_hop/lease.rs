//! A connection lent to one session.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    connect::Connection,
    pool::{Hop, Tasks},
    turns::Permit,
};
use crate::relay::event::{Leftover, NextHopReady};

/// A connection that is ready for MAIL and belongs to one session. Read and write it as a stream; **flush** after writing, TLS
/// buffers. Dropping it closes the connection at once, whatever is open on it; that is what `DropNextHop` needs.
#[derive(Debug)]
pub struct Lease {
    pub(super) connection: Connection,
    pub(super) permit: Permit,
    pub(super) hop: Arc<Hop>,
    pub(super) tasks: Tasks,
    pub(super) reused: bool,
}

impl Lease {
    /// What the session needs to know of it.
    pub fn ready(&self) -> NextHopReady {
        NextHopReady {
            capabilities: self.connection.capabilities.clone(),
            address: self.connection.address.clone(),
            tls: self.connection.tls.clone(),
            reused: self.reused,
            mails: self.connection.mails,
            owes_reset: self.connection.owes_reset,
        }
    }

    /// Ready while somebody waits for a connection to this next hop and no other holder was called for it: who does nothing with
    /// its own should [`take_call`](Self::take_call), and give it back.
    pub fn poll_wanted(&self, cx: &Context<'_>) -> Poll<()> {
        self.permit.poll_wanted(cx)
    }

    /// Takes the call, if there still is one. The lease is then to be given back or dropped at once.
    pub fn take_call(&mut self) -> bool {
        self.permit.take_call()
    }

    /// Gives it back with every question answered and outside mail data. Under PIPELINING and with [`Leftover::Nothing`] it can be
    /// lent again at once, and owes RSET. Otherwise it is reset in the background (RSET, 250), and closed if anything about that is
    /// odd; until then it counts as in use. `mails`: how often MAIL was said on it; one that may have no more (RFC 9422, MAILMAX) is
    /// closed.
    pub fn release(self, mails: u32, left: Leftover) {
        let Self { mut connection, permit, hop, tasks, .. } = self;
        connection.mails = mails;
        hop.take_back(connection, permit, left, &tasks);
    }
}

impl AsyncRead for Lease {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Lease {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().connection.stream).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().connection.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection.stream).poll_shutdown(cx)
    }
}
