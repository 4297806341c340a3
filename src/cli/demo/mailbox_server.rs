//! The mailbox server of the demonstration: our own server session in front of a Maildir. It knows two mailboxes.

use std::{
    borrow::Cow,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::TaskTracker;

use crate::smtp::{
    extension::Offer,
    limits::Limits,
    path::ForwardPath,
    reply::{Enhanced, Reply},
    server::{Event, Session},
};

/// The mailboxes that exist.
pub const MAILBOXES: [&str; 3] = ["ana", "bruno", "postmaster"];

/// Starts the server on a free port of the loopback interface.
pub async fn start(folder: &Path, tasks: &TaskTracker) -> io::Result<SocketAddr> {
    for part in ["tmp", "new", "cur"] {
        tokio::fs::create_dir_all(folder.join(part)).await?;
    }
    let socket = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = socket.local_addr()?;
    let server = Arc::new(MailboxServer { folder: folder.to_owned(), delivered: AtomicU32::new(0) });
    let connections = tasks.clone();
    tasks.spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let server = server.clone();
            connections.spawn(async move {
                // A connection that breaks is the gateway's to notice.
                let _ = server.serve(stream).await;
            });
        }
    });
    Ok(address)
}

struct MailboxServer {
    folder: PathBuf,
    delivered: AtomicU32,
}

impl MailboxServer {
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let offer = Offer { eight_bit_mime: true, smtputf8: true, dsn: true, size: 64 << 20, ..Offer::default() };
        let limits = Limits { message_size: 64 << 20, recipients: 100, errors: 100, transactions: 10_000 };
        let mut session = Session::new("caixas.exemplo", offer, limits, false, false);
        let mut message = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            while let Some(event) = session.poll_event() {
                match event {
                    Event::Mail(_) => {
                        message.clear();
                        session.answer(reply(250, (2, 1, 0), "sender ok"));
                    }
                    Event::Rcpt(rcpt) => session.answer(mailbox_reply(&rcpt.path)),
                    Event::Data => session.answer(Reply::new(354, None, "go ahead")),
                    Event::Content(content) => message.extend_from_slice(&content),
                    Event::EndOfMailData { .. } => {
                        let name = self.deliver(&message).await?;
                        session.answer(reply(250, (2, 0, 0), format!("delivered as {name}")));
                    }
                    Event::EndOfChunk => session.answer(reply(250, (2, 0, 0), "go ahead")),
                    Event::Hello(_) | Event::Reset | Event::StartTls | Event::MailRefused { .. } => {}
                    Event::Chunk(_) | Event::Mixed | Event::Announced(_) | Event::Authenticate(_) => {}
                    Event::Close(_) => {
                        write_all(&mut session, &mut stream).await?;
                        return stream.shutdown().await;
                    }
                }
            }
            write_all(&mut session, &mut stream).await?;
            match stream.read(&mut buffer).await? {
                0 => return Ok(()),
                read => session.receive(buffer.get(..read).unwrap_or_default()),
            }
        }
    }

    /// Maildir: written under `tmp`, then moved to `new`.
    async fn deliver(&self, message: &[u8]) -> io::Result<String> {
        let name = format!("{:04}.eml", self.delivered.fetch_add(1, Ordering::Relaxed) + 1);
        let written = self.folder.join("tmp").join(&name);
        tokio::fs::write(&written, message).await?;
        tokio::fs::rename(written, self.folder.join("new").join(&name)).await?;
        Ok(name)
    }
}

async fn write_all(session: &mut Session, stream: &mut TcpStream) -> io::Result<()> {
    while let Some(octets) = session.poll_transmit() {
        stream.write_all(&octets).await?;
    }
    Ok(())
}

fn mailbox_reply(path: &ForwardPath) -> Reply {
    let known = match path {
        ForwardPath::Postmaster => true,
        ForwardPath::Mailbox { mailbox, .. } => {
            MAILBOXES.iter().any(|name| mailbox.local_part.as_str().eq_ignore_ascii_case(name))
        }
    };
    if known { reply(250, (2, 1, 5), "recipient ok") } else { reply(550, (5, 1, 1), "no such mailbox") }
}

fn reply(code: u16, (class, subject, detail): (u8, u16, u16), text: impl Into<Cow<'static, str>>) -> Reply {
    Reply::new(code, Some(Enhanced(class, subject, detail)), text)
}
