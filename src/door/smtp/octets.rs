//! Octets to and from sockets, without a copy and without a buffer for who waits.
//!
//! In: a stream that may not be ready. Out: what it took or gave. It knows no client and no next hop.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::relay::settings::READ;

/// Pieces that go out in one call at most: a small message is three (our field, the content, the dot).
const TOGETHER: usize = 8;

/// Writes as much as is taken, several pieces with one call; ready once everything is written and flushed. Until then the queue is not
/// empty: octets may wait in the buffer of TLS, and whoever finds the queue empty would never flush them.
pub(in crate::door) fn poll_write_queue<W: AsyncWrite>(
    mut to: Pin<&mut W>,
    cx: &mut Context<'_>,
    queue: &mut VecDeque<Bytes>,
) -> Poll<io::Result<()>> {
    advance(queue, 0);
    while let Some(front) = queue.front().filter(|front| !front.is_empty()) {
        let written = if queue.len() == 1 {
            to.as_mut().poll_write(cx, front)
        } else {
            let mut pieces = [IoSlice::new(&[]); TOGETHER];
            for (piece, octets) in pieces.iter_mut().zip(queue.iter()) {
                *piece = IoSlice::new(octets);
            }
            to.as_mut().poll_write_vectored(cx, pieces.get(..queue.len()).unwrap_or(&pieces))
        };
        match std::task::ready!(written) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Ok(written) => advance(queue, written),
            Err(fault) => return Poll::Ready(Err(fault)),
        }
    }
    let flushed = std::task::ready!(to.poll_flush(cx));
    queue.clear();
    Poll::Ready(flushed)
}

/// Forgets what is written, and pieces without octets; the last one stays, empty.
fn advance(queue: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(front) = queue.front_mut() {
        let taken = written.min(front.len());
        front.advance(taken);
        written = written.saturating_sub(taken);
        if !front.is_empty() || queue.len() == 1 {
            return;
        }
        queue.pop_front();
    }
}

thread_local! {
    /// What the sessions of a thread read into, one after the other. A session that waits has no buffer of its own: with 128 KiB
    /// for each of ten thousand clients that say nothing, they would take 1.2 GiB.
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// A piece of so many octets is given the whole buffer, so that mail data can be read where it stands. A smaller one would take too much
/// room with it.
const GIVEN: usize = READ / 4;

/// Reads at most `room` octets; none means the end of the stream. Nothing is copied: what is returned is the spare buffer, or a part of
/// it. It is used again once nobody has such a part any more, and replaced while somebody has.
pub(in crate::door) fn poll_read<R: AsyncRead>(
    from: Pin<&mut R>,
    cx: &mut Context<'_>,
    room: usize,
) -> Poll<io::Result<Bytes>> {
    let mut buffer = SPARE.take();
    buffer.reserve(room.min(READ));
    let read = tokio_util::io::poll_read_buf(from, cx, &mut (&mut buffer).limit(room.min(READ)))
        .map_ok(|read| if read < GIVEN { buffer.split() } else { std::mem::take(&mut buffer) })
        .map_ok(BytesMut::freeze);
    SPARE.set(buffer);
    read
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter, duplex};

    use super::*;

    /// As under TLS: the octets are taken, and lie in a buffer of ours because the other side does not read.
    #[tokio::test]
    async fn a_queue_that_is_not_flushed_is_not_empty() {
        let (ours, mut theirs) = duplex(64);
        let mut to = BufWriter::with_capacity(1 << 16, ours);
        let mut queue = VecDeque::from([Bytes::from(vec![b'x'; 500]), Bytes::from(vec![b'y'; 500])]);
        let mut read = 0;
        loop {
            let written =
                std::future::poll_fn(|cx| Poll::Ready(poll_write_queue(Pin::new(&mut to), cx, &mut queue).is_ready()));
            if written.await {
                break;
            }
            assert!(!queue.is_empty(), "nobody would flush it any more");
            read += theirs.read(&mut [0; 64]).await.unwrap();
        }
        assert!(queue.is_empty() && read >= 1000 - 64);
    }

    /// Takes so many octets a call, and counts the calls.
    struct Taker {
        most: usize,
        calls: usize,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Taker {
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(octets)])
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            pieces: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            this.calls += 1;
            let octets: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).take(this.most).collect();
            this.taken.extend_from_slice(&octets);
            Poll::Ready(Ok(octets.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Whatever a call takes: every octet once, in order; and with one call if it takes all.
    #[tokio::test]
    async fn pieces_that_wait_together_are_written_together() {
        for (pieces, most, calls) in [
            (&["Received: x\r\n", "Subject: y\r\n\r\nz\r\n", ".\r\n"][..], usize::MAX, 1),
            (&["Received: x\r\n", "Subject: y\r\n\r\nz\r\n", ".\r\n"], 13, 3),
            (&["Received: x\r\n", "Subject: y\r\n\r\nz\r\n", ".\r\n"], 1, 33),
            (&["", "a", "", "", "bc", ""], usize::MAX, 1),
            (&["", "", ""], usize::MAX, 0),
            (&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"], usize::MAX, 2),
        ] {
            let mut queue: VecDeque<Bytes> = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
            let mut to = Taker { most, calls: 0, taken: Vec::new() };
            std::future::poll_fn(|cx| poll_write_queue(Pin::new(&mut to), cx, &mut queue)).await.unwrap();
            assert!(queue.is_empty());
            assert_eq!((to.taken, to.calls), (pieces.concat().into_bytes(), calls), "{pieces:?} by {most}");
        }
        let mut queue = VecDeque::from([Bytes::from_static(b"a"), Bytes::from_static(b"b")]);
        let mut to = Taker { most: 0, calls: 0, taken: Vec::new() };
        let written = std::future::poll_fn(|cx| poll_write_queue(Pin::new(&mut to), cx, &mut queue)).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::WriteZero, "and not tried for ever");
    }

    /// Two clients of one thread: the second one's octets come to where the first one's were, unless somebody still has those.
    #[tokio::test]
    async fn sessions_of_a_thread_read_into_one_buffer_and_never_into_anothers_octets() {
        let mut ends = Vec::new();
        let mut read = async |octets: &'static [u8]| {
            let (mut ours, mut theirs) = duplex(64);
            theirs.write_all(octets).await.unwrap();
            let read = std::future::poll_fn(|cx| poll_read(Pin::new(&mut ours), cx, READ)).await.unwrap();
            ends.push((ours, theirs));
            read
        };
        let first = read(b"EHLO one\r\n").await;
        let second = read(b"EHLO two\r\n").await;
        assert_eq!((first.as_ref(), second.as_ref()), (b"EHLO one\r\n".as_slice(), b"EHLO two\r\n".as_slice()));
        drop((first, second));
        let third = read(b"NOOP\r\n").await;
        let place = third.as_ptr();
        drop(third);
        assert_eq!(read(b"QUIT\r\n").await.as_ptr(), place, "a buffer that nobody has a part of is used again");
    }

    /// So that whoever reads mail data may move octets in it; also when the buffer was in use before.
    #[tokio::test]
    async fn a_large_piece_is_nobody_elses() {
        let (mut ours, mut theirs) = duplex(READ);
        for (octets, is_alone) in [(10, false), (GIVEN, true), (GIVEN - 1, false), (READ, true)] {
            theirs.write_all(&vec![b'x'; octets]).await.unwrap();
            let read = std::future::poll_fn(|cx| poll_read(Pin::new(&mut ours), cx, READ)).await.unwrap();
            assert_eq!((read.len(), read.try_into_mut().is_ok()), (octets, is_alone), "{octets}");
        }
    }
}
