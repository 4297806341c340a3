//! The bare client of clamd: what a scan costs with no gateway around it.

use std::{io, path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::mail::Mail;

/// Octets of a chunk of INSTREAM.
const CHUNK: usize = 64 * 1024;

/// Scans by INSTREAM on a connection of its own; the answer begins with `2` when it is clean, as an SMTP reply would.
pub async fn scan(socket: &Path, mail: &Mail) -> io::Result<String> {
    let mut stream = connect(socket).await?;
    let mut asked = Vec::with_capacity(mail.content.len() + 64 + mail.content.len() / CHUNK * 4);
    asked.extend_from_slice(b"zINSTREAM\0");
    for chunk in mail.content.chunks(CHUNK) {
        asked.extend(u32::try_from(chunk.len()).unwrap_or(u32::MAX).to_be_bytes());
        asked.extend_from_slice(chunk);
    }
    asked.extend([0; 4]);
    stream.write_all(&asked).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.trim_end_matches('\0') {
        "stream: OK" => Ok("250".to_owned()),
        "" => Err(io::ErrorKind::UnexpectedEof.into()),
        other => Ok(format!("550 {other}")),
    }
}

/// A local socket whose queue is full says so at once, where a port lets one wait.
async fn connect(socket: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(socket).await {
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            result => return result,
        }
    }
}
