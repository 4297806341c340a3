//! The mailbox server behind what is measured: it says yes to everything and keeps nothing but a count.
//!
//! It is this program once more, as a process of its own, so that its CPU is not the client's. It offers PIPELINING, 8BITMIME, SIZE and
//! SMTPUTF8; all octets that came in one read are answered in one write. `XCOUNT`, a command of its own, tells how many messages it has taken.

use std::{cell::Cell, io, net::Ipv4Addr, rc::Rc};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::LocalSet,
};

use crate::runtime;

/// Octets of a command line, beyond which a client is cut.
const LONGEST_LINE: usize = 4096;
const END: &[u8] = b"\r\n.\r\n";

/// Serves until its standard input ends, as it does when the program that started it is gone; prints its port first.
pub fn serve() -> io::Result<()> {
    LocalSet::new().block_on(&runtime(), async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(4096)?;
        println!("{}", listener.local_addr()?.port());
        tokio::task::spawn_local(accept(listener));
        let end = tokio::task::spawn_blocking(|| io::stdin().read_line(&mut String::new()));
        end.await.map_err(io::Error::other)?.map(drop)
    })
}

/// Serves whoever connects, for ever.
pub async fn accept(listener: TcpListener) {
    let count = Rc::new(Cell::new(0));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let count = Rc::clone(&count);
        // A client that vanishes is no fault of the sink.
        tokio::task::spawn_local(async move { Session { stream, count, line: Vec::new(), data: None }.run().await });
    }
}

struct Session {
    stream: TcpStream,
    count: Rc<Cell<u64>>,
    /// A command that is not whole yet.
    line: Vec<u8>,
    /// Within mail data: its last octets, in which the end may have begun.
    data: Option<Vec<u8>>,
}

impl Session {
    async fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        self.stream.write_all(b"220 sink ESMTP\r\n").await?;
        let mut octets = vec![0; 64 * 1024];
        let mut replies = Vec::new();
        loop {
            let count = self.stream.read(&mut octets).await?;
            if count == 0 {
                return Ok(());
            }
            let goes_on = self.take(&octets[..count], &mut replies);
            if !replies.is_empty() {
                self.stream.write_all(&replies).await?;
                replies.clear();
            }
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Takes what was read; false when the session is over.
    fn take(&mut self, mut octets: &[u8], replies: &mut Vec<u8>) -> bool {
        while !octets.is_empty() {
            if self.data.is_some() {
                octets = self.mail_data(octets, replies);
                continue;
            }
            let Some(end) = memchr::memchr(b'\n', octets) else {
                self.line.extend_from_slice(octets);
                return self.line.len() < LONGEST_LINE;
            };
            let (line, behind) = octets.split_at(end + 1);
            octets = behind;
            self.line.extend_from_slice(line);
            let line = std::mem::take(&mut self.line);
            if !self.command(&line, replies) {
                return false;
            }
        }
        true
    }

    /// What stands behind the end of mail data; nothing while it goes on.
    fn mail_data<'a>(&mut self, octets: &'a [u8], replies: &mut Vec<u8>) -> &'a [u8] {
        let Some(last) = self.data.as_mut() else { return octets };
        // The end may lie across two reads: the octets kept, and so many of the new ones as it could need.
        let kept = last.len();
        last.extend_from_slice(&octets[..octets.len().min(END.len() - 1)]);
        let end = match memmem::find(last, END) {
            Some(at) => Some(at + END.len() - kept),
            None => memmem::find(octets, END).map(|at| at + END.len()),
        };
        if let Some(end) = end {
            self.data = None;
            self.count.set(self.count.get() + 1);
            replies.extend_from_slice(b"250 2.0.0 taken\r\n");
            return &octets[end..];
        }
        if octets.len() >= END.len() - 1 {
            last.clear();
            last.extend_from_slice(&octets[octets.len() - (END.len() - 1)..]);
        } else {
            let surplus = last.len().saturating_sub(END.len() - 1);
            last.drain(..surplus);
        }
        &[]
    }

    fn command(&mut self, line: &[u8], replies: &mut Vec<u8>) -> bool {
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let reply: &[u8] = match verb.as_slice() {
            b"EHLO" => b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 104857600\r\n250 SMTPUTF8\r\n",
            b"MAIL" => b"250 2.1.0 yes\r\n",
            b"RCPT" => b"250 2.1.5 yes\r\n",
            b"DATA" => {
                // Mail data may begin with its end: as if a line had ended before it.
                self.data = Some(b"\r\n".to_vec());
                b"354 go on\r\n"
            }
            b"QUIT" => b"221 2.0.0 bye\r\n",
            b"XCOU" => {
                replies.extend_from_slice(format!("250 {}\r\n", self.count.get()).as_bytes());
                b""
            }
            b"HELO" | b"RSET" | b"NOOP" | b"VRFY" => b"250 2.0.0 yes\r\n",
            _ => b"500 5.5.2 not known here\r\n",
        };
        replies.extend_from_slice(reply);
        verb != b"QUIT"
    }
}
