//! Content to a local clamd as a descriptor: `zFILDES`, one octet, `SCM_RIGHTS` (clamd(8)).
//!
//! In: complete content. Out: what clamd said, word for word. Half to two thirds of the CPU of INSTREAM, since clamd writes no
//! temporary file (decision 5, benches/RECORD.md). clamd gets a descriptor of its own: read-only, with its own offset. The crate
//! clamav-client does not have this command. Every scan has a connection of its own: through one kept open by IDSESSION clamd 1.4.6
//! took as much CPU for a scan of 4 KB (1.1 to 1.5 ms beside 0.9 to 1.3) and more time (2026-11-22, 2 shared cores, 300 scans by turns).

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use tokio::net::UnixStream;

use super::{
    connection::{ClamdFault, Heard, read_answer},
    transport::Progress,
};
use crate::antivirus::Content;

/// Hands over `content` to the clamd that listens at `path`, and returns the answer. The caller sets the time limit.
///
/// Until the descriptor is on its way nothing is waited for: a local connection stands, or does not, when `connect` comes back. To wait
/// until it can be written to, as sockets of the runtime do, was a turn of the scheduler for every message.
pub async fn scan(path: &Path, content: &Content, progress: &Progress) -> Result<Heard, ClamdFault> {
    let mut stream = connect(path).map_err(ClamdFault::Connect)?;
    let descriptor = content.reopened_read_only().map_err(ClamdFault::Content)?;
    // From the first octet on clamd may be at work, whether we wait or not.
    progress.say_all();
    let said = say(stream.as_fd(), descriptor.as_fd()).is_ok();
    drop(descriptor);
    // Read even if writing failed: a clamd that hangs up has usually said why.
    let (octets, closed) = read_answer(&mut stream).await;
    Ok(Heard { octets, whole: said && closed })
}

/// A connection, or why there is none (EAGAIN: clamd's queue of connections is full). It never blocks.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &address)?;
    UnixStream::from_std(socket.into())
}

/// The command, and with it the descriptor and the octet that must go with one (clamd(8)): one system call, and clamd wakes once. The
/// buffer of a fresh socket takes so few octets whole; were it not so, the command would be cut and clamd would say so.
fn say(socket: BorrowedFd<'_>, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    const COMMAND: &[u8] = b"zFILDES\0\0";
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for one descriptor"));
    }
    match rustix::net::sendmsg(socket, &[IoSlice::new(COMMAND)], &mut ancillary, SendFlags::NOSIGNAL)? {
        all if all == COMMAND.len() => Ok(()),
        _ => Err(io::Error::from(io::ErrorKind::WriteZero)),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        pin::pin,
        sync::atomic::Ordering,
        task::Poll,
        time::{Duration, Instant},
    };

    use super::*;
    use crate::{
        antivirus::fake_clamd::{Asked, FakeClamd, content},
        policy::verdict::ScanVerdict,
    };

    /// Asked once, it has handed over everything: nobody else of this thread has to have a turn before clamd begins.
    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the thread waits on purpose, so that the runtime has no turn")]
    async fn clamd_has_the_content_before_anything_is_waited_for() {
        let fake = FakeClamd::start(|_: &Asked| None);
        let (content, progress) = (content(b"Received: x\r\n\r\nx\r\n"), Progress::default());
        let mut scan = pin!(scan(&fake.path, &content, &progress));
        assert!(poll_fn(|cx| Poll::Ready(scan.as_mut().poll(cx))).await.is_pending());
        let began = Instant::now();
        while fake.scans.load(Ordering::Acquire) == 0 {
            assert!(began.elapsed() < Duration::from_secs(5), "clamd has not heard of it");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(scan.await.unwrap().verdict(), ScanVerdict::Clean);
    }
}
