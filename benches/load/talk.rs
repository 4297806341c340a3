//! One SMTP connection as a client: commands out, replies in, one at a time.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Octets of a reply, beyond which it is none.
const LONGEST: usize = 64 * 1024;

/// A connection on which nothing is ever sent ahead, so that nothing stands behind a reply.
#[derive(Debug)]
pub struct Talk {
    stream: TcpStream,
    octets: Vec<u8>,
}

impl Talk {
    /// On this one.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, octets: Vec::with_capacity(512) }
    }

    /// Says this, and the reply to it.
    pub async fn ask(&mut self, octets: &[u8]) -> io::Result<String> {
        self.stream.write_all(octets).await?;
        self.reply().await
    }

    /// A whole reply, of as many lines as it has.
    pub async fn reply(&mut self) -> io::Result<String> {
        self.octets.clear();
        while self.octets.len() < LONGEST {
            if self.stream.read_buf(&mut self.octets).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if is_whole(&self.octets) {
                return Ok(String::from_utf8_lossy(&self.octets).into_owned());
            }
        }
        Err(io::Error::other("a reply without an end"))
    }
}

/// Whether the last line is whole, and says that it is the last (RFC 5321 §4.2.1).
fn is_whole(octets: &[u8]) -> bool {
    let Some(lines) = octets.strip_suffix(b"\r\n") else { return false };
    let last = lines.rsplit(|octet| *octet == b'\n').next().unwrap_or_default();
    last.get(3).is_none_or(|octet| *octet == b' ')
}

/// A fault unless the reply begins so.
pub fn expected(reply: &str, code: &str, about: &str) -> io::Result<()> {
    if reply.starts_with(code) { Ok(()) } else { Err(io::Error::other(format!("{about} was answered {reply:?}"))) }
}
