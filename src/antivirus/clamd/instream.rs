//! Content to a clamd that cannot read our descriptors: INSTREAM, through the crate clamav-client.
//!
//! In: complete content. Out: what clamd said, word for word. The crate reads the content through a descriptor of its
//! own, 64 KiB at a time on the blocking pool, so memory does not depend on the message's size; `Transport` makes it
//! read while it writes. The crate's own judgement (`clean()`) is not used.

use std::os::fd::AsRawFd;

use super::{
    connection::{ClamdFault, Heard},
    transport::Transport,
};
use crate::antivirus::Content;

/// Chunk size, octets. 4 and 64 KiB took the same time; fewer system calls for the same.
const CHUNK: usize = 64 * 1024;

/// Hands over `content` and returns the answer. The caller sets the time limit; dropped in the middle of the stream,
/// clamd sees the connection close and gives up without a scan.
pub async fn scan(transport: &Transport, content: &Content) -> Result<Heard, ClamdFault> {
    // Opened again, so with an offset of its own: the one of `content.file` is shared (`Content::file`).
    let path = format!("/proc/self/fd/{}", content.file.as_raw_fd());
    match clamav_client::tokio::scan_file(path, transport, Some(CHUNK)).await {
        Ok(octets) => Ok(Heard { octets, whole: transport.progress.whole() }),
        Err(error) => Err(transport.progress.take_fault().unwrap_or(ClamdFault::Content(error))),
    }
}
