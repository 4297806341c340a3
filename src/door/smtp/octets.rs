//! Octets to and from sockets, without a copy and without a buffer for who waits.
//!
//! In: a stream that may not be ready. Out: what it took or gave. It knows no client and no next hop.

use std::{
    cell::Cell,
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::relay::settings::READ;

/// Writes as much as is taken; ready once everything is written and flushed. Until then the queue is not empty: octets may
/// wait in the buffer of TLS, and whoever finds the queue empty would never flush them.
pub(in crate::door) fn poll_write_queue<W: AsyncWrite>(
    mut to: Pin<&mut W>,
    cx: &mut Context<'_>,
    queue: &mut VecDeque<Bytes>,
) -> Poll<io::Result<()>> {
    while let Some(front) = queue.front_mut() {
        if front.is_empty() {
            if queue.len() == 1 {
                break;
            }
            queue.pop_front();
            continue;
        }
        match to.as_mut().poll_write(cx, front) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => front.advance(written),
            Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
            Poll::Pending => return Poll::Pending,
        }
    }
    let flushed = std::task::ready!(to.poll_flush(cx));
    queue.clear();
    Poll::Ready(flushed)
}

thread_local! {
    /// What the sessions of a thread read into, one after the other. A session that waits has no buffer of its own: with 64 KiB for
    /// each of ten thousand clients that say nothing, they would take 640 MiB.
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// Reads at most `room` octets; none means the end of the stream. Nothing is copied: what is returned is a part of the spare
/// buffer, which is used again once nobody has such a part any more, and replaced while somebody has.
pub(in crate::door) fn poll_read<R: AsyncRead>(
    from: Pin<&mut R>,
    cx: &mut Context<'_>,
    room: usize,
) -> Poll<io::Result<Bytes>> {
    let mut buffer = SPARE.take();
    buffer.reserve(room.min(READ));
    let read = tokio_util::io::poll_read_buf(from, cx, &mut (&mut buffer).limit(room.min(READ)))
        .map_ok(|_| buffer.split().freeze());
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
}
