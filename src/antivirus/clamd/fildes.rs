//! Content to a local clamd as a descriptor: `zFILDES`, one octet, `SCM_RIGHTS` (clamd(8)).
//!
//! In: complete content. Out: what clamd said, word for word. Half to two thirds of the CPU of INSTREAM, since clamd writes no
//! temporary file (decision 5, benches/RECORD.md). clamd gets a descriptor of its own: read-only, with its own offset. The crate
//! clamav-client does not have this command.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{Mode, OFlags},
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags},
};
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::UnixStream,
};

use super::{
    connection::{ClamdFault, Heard, read_answer},
    transport::Progress,
};
use crate::antivirus::Content;

/// Hands over `content` and returns the answer. The caller sets the time limit.
pub async fn scan(mut stream: UnixStream, content: &Content, progress: &Progress) -> Result<Heard, ClamdFault> {
    let descriptor = reopened_read_only(content).map_err(ClamdFault::Content)?;
    // From the first octet on clamd may be at work, whether we wait or not.
    progress.say_all();
    let said = say(&mut stream, descriptor.as_fd()).await.is_ok();
    drop(descriptor);
    // Read even if writing failed: a clamd that hangs up has usually said why.
    let (octets, closed) = read_answer(&mut stream).await;
    Ok(Heard { octets, whole: said && closed })
}

async fn say(stream: &mut UnixStream, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    stream.write_all(b"zFILDES\0").await?;
    stream.async_io(Interest::WRITABLE, || pass(stream.as_fd(), descriptor)).await
}

/// One octet must go with the descriptor: a stream socket delivers ancillary data only with data (unix(7)).
fn pass(socket: BorrowedFd<'_>, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for one descriptor"));
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The content opened once more, read-only: a `dup` would share its offset and its right to write.
///
/// A memfd is born with mode 0777, so whoever holds any descriptor of it may open it for writing through
/// `/proc/self/fd` (tried: another user wrote through a read-only one). clamd parses what attackers wrote; so that a
/// taken-over clamd under another user cannot change the message after its verdict, the mode becomes 0600 first. (A
/// clamd that runs as root or as our own user is not stopped by that.)
fn reopened_read_only(content: &Content) -> io::Result<OwnedFd> {
    rustix::fs::fchmod(&*content.file, Mode::RUSR | Mode::WUSR)?;
    let path = format!("/proc/self/fd/{}", content.file.as_raw_fd());
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}
