//! The far ends of the connections to next hops.

use std::{collections::VecDeque, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{
    super::{
        next_hop::{Connection, Noticed},
        ready::Ready,
    },
    in_time,
};

/// The addresses of one next hop, and who connected to them.
pub struct Hop {
    /// Where they are, and what the script calls them.
    pub addresses: Vec<(SocketAddr, Option<String>)>,
    accepted: mpsc::UnboundedReceiver<(usize, TcpStream)>,
    _listening: tokio::task::JoinSet<()>,
}

impl Hop {
    pub async fn start(addresses: usize) -> Self {
        let (tell, accepted) = mpsc::unbounded_channel();
        let mut listening = tokio::task::JoinSet::new();
        let mut bound = Vec::new();
        for nth in 0..addresses {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            bound.push((listener.local_addr().unwrap(), None));
            let tell = tell.clone();
            listening.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let _ = tell.send((nth, stream));
                }
            });
        }
        Self { addresses: bound, accepted, _listening: listening }
    }

    /// The next connection of the gateway; nothing is said on it yet.
    pub async fn accept(&mut self) -> Result<End, String> {
        let (nth, stream) = in_time("no connection is asked for", self.accepted.recv()).await?.ok_or("no listener")?;
        stream.set_nodelay(true).map_err(|fault| fault.to_string())?;
        Ok(End { nth, stream, wire: Connection::default(), introduced: None, noticed: VecDeque::new() })
    }
}

/// One connection, seen from the next hop.
pub struct End {
    /// To which of the addresses.
    pub nth: usize,
    stream: TcpStream,
    /// Its books: what was asked and answered, and the mail data.
    pub wire: Connection,
    introduced: Option<Ready>,
    noticed: VecDeque<Noticed>,
}

impl End {
    /// 220, EHLO, and what it offers.
    pub async fn introduce(&mut self, ready: &Ready) -> Result<(), String> {
        self.write(b"220 mbx1.tjpa.jus.br ESMTP\r\n").await?;
        match self.next().await? {
            Some(Noticed::Command(line)) if line.starts_with("EHLO ") => {}
            other => return Err(format!("no EHLO but {other:?}")),
        }
        self.wire = Connection::after(ready.mails);
        self.introduced = Some(ready.clone());
        self.write(ready.ehlo_reply().as_bytes()).await
    }

    /// Lent once more, as the script says it; it offers what it offered.
    pub fn again(&self, ready: &Ready) -> Result<(), String> {
        let offered = self.introduced.as_ref().map(Ready::ehlo_reply);
        if offered.as_ref() != Some(&ready.ehlo_reply()) {
            return Err(format!("a connection that is reused offers what it offered: {offered:?}"));
        }
        Ok(())
    }

    /// Whether it takes no further MAIL.
    pub fn is_used_up(&self) -> bool {
        self.introduced.as_ref().is_some_and(|ready| ready.is_used_up(self.wire.mails))
    }

    /// Whether RSET can wait for the next MAIL (decision 54).
    pub fn may_owe_reset(&self) -> bool {
        !self.wire.has_envelope && self.introduced.as_ref().is_some_and(|ready| ready.capabilities().pipelining)
    }

    /// Says octets.
    pub async fn say(&mut self, octets: &[u8]) -> Result<(), String> {
        self.wire.say(octets);
        self.write(octets).await
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), String> {
        let written = in_time("the next hop's octets are not taken", self.stream.write_all(octets)).await?;
        written.map_err(|fault| format!("the gateway left the next hop: {fault}"))
    }

    /// Says nothing more.
    pub async fn end(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// What the gateway says next; none when it closed the connection.
    pub async fn next(&mut self) -> Result<Option<Noticed>, String> {
        loop {
            if let Some(noticed) = self.noticed.pop_front() {
                return Ok(Some(noticed));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// Reads once. False at the end of the stream: a connection may be dropped in the middle of anything, so a reset is one too.
    pub async fn read(&mut self) -> Result<bool, String> {
        let mut piece = vec![0; 1 << 16];
        let read = in_time("to the next hop", self.stream.read(&mut piece)).await?.unwrap_or(0);
        self.noticed.extend(self.wire.receive(&piece[..read]));
        Ok(read > 0)
    }
}
