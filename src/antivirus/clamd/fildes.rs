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
};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::{io::Interest, net::UnixStream};

use super::{
    connection::{ClamdFault, Heard, read_answer},
    transport::Progress,
};
use crate::antivirus::Content;

/// Hands over `content` and returns the answer. The caller sets the time limit.
pub async fn scan(mut stream: UnixStream, content: &Content, progress: &Progress) -> Result<Heard, ClamdFault> {
    let descriptor = content.reopened_read_only().map_err(ClamdFault::Content)?;
    // From the first octet on clamd may be at work, whether we wait or not.
    progress.say_all();
    let said = stream.async_io(Interest::WRITABLE, || say(stream.as_fd(), descriptor.as_fd())).await.is_ok();
    drop(descriptor);
    // Read even if writing failed: a clamd that hangs up has usually said why.
    let (octets, closed) = read_answer(&mut stream).await;
    Ok(Heard { octets, whole: said && closed })
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
