//! One client of the crowd: as little as can speak SMTP, so that ten thousand of them are no burden to the machine.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::ordinary;

/// A reply that takes longer is a fault.
const REPLY: Duration = Duration::from_secs(60);

/// Octets of the message that a client sends before it is silent: more than any one read takes.
const LARGE: usize = 100_000;

/// A client that is not greeted by then connects again.
const GREETING: Duration = Duration::from_secs(20);

/// How often that was so.
pub static NOT_GREETED: AtomicUsize = AtomicUsize::new(0);

/// A client that was told to come later comes after this time.
const AGAIN: Duration = Duration::from_secs(1);

/// Where a client falls silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silent {
    /// After EHLO.
    AfterHello,
    /// After a message of it was taken.
    AfterMessage,
    /// After MAIL and RCPT.
    InEnvelope,
}

impl Silent {
    /// Comes in and falls silent.
    pub async fn begin(self, port: u16, until: Instant) -> io::Result<Talk> {
        let mut talk = Talk::begin(port, until).await?;
        match self {
            Self::AfterHello => {}
            Self::AfterMessage => talk.send(&ordinary::message(LARGE), until).await?,
            Self::InEnvelope => _ = talk.envelope("", until).await?,
        }
        Ok(talk)
    }
}

/// A connection on which EHLO was answered.
#[derive(Debug)]
pub struct Talk {
    pub stream: TcpStream,
}

impl Talk {
    /// Connects, is greeted, says EHLO. Who is not greeted in time connects again, as MTAs do, and is counted.
    pub async fn begin(port: u16, until: Instant) -> io::Result<Self> {
        let mut talk = loop {
            match timeout(GREETING, Self::connect(port)).await {
                Ok(talk) => break talk?,
                Err(_) if Instant::now() < until => NOT_GREETED.fetch_add(1, Ordering::Relaxed),
                Err(late) => return Err(late.into()),
            };
        };
        talk.say("EHLO crowd.origin.example", "250").await?;
        Ok(talk)
    }

    async fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut talk = Self { stream };
        talk.expect("220").await?;
        Ok(talk)
    }

    /// MAIL and RCPT, again and again while the answer is 4xx; how often it was.
    pub async fn envelope(&mut self, parameters: &str, until: Instant) -> io::Result<usize> {
        for tries in 0.. {
            self.say(&format!("MAIL FROM:<crowd@origin.example>{parameters}"), "250").await?;
            let reply = self.ask("RCPT TO:<maria@tjpa.jus.br>").await?;
            match reply.as_bytes().first() {
                Some(b'2') => return Ok(tries),
                Some(b'4') if Instant::now() < until => {}
                _ => return Err(io::Error::other(format!("RCPT was answered {reply:?}"))),
            }
            self.say("RSET", "250").await?;
            sleep(AGAIN).await;
        }
        Ok(0)
    }

    /// A message from start to end, again and again while the answer is 4xx.
    pub async fn send(&mut self, content: &[u8], until: Instant) -> io::Result<()> {
        loop {
            self.envelope("", until).await?;
            self.say("DATA", "354").await?;
            self.stream.write_all(content).await?;
            self.stream.write_all(b".\r\n").await?;
            let reply = self.reply().await?;
            if !reply.starts_with('4') || Instant::now() > until {
                return expected(&reply, "250", "the end of mail data");
            }
            sleep(AGAIN).await;
        }
    }

    /// Says a command whose reply begins so.
    pub async fn say(&mut self, command: &str, code: &str) -> io::Result<()> {
        let reply = self.ask(command).await?;
        expected(&reply, code, command)
    }

    /// Reads a reply that begins so.
    pub async fn expect(&mut self, code: &str) -> io::Result<()> {
        let reply = self.reply().await?;
        expected(&reply, code, "what came before")
    }

    /// What stands unread although nothing was asked: a fault; the empty text for nothing.
    pub fn unasked(&self) -> String {
        let mut octets = [0; 512];
        match self.stream.try_read(&mut octets) {
            Ok(0) => "the connection was closed".to_owned(),
            Ok(count) => String::from_utf8_lossy(&octets[..count]).into_owned(),
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => String::new(),
            Err(fault) => fault.to_string(),
        }
    }

    async fn ask(&mut self, command: &str) -> io::Result<String> {
        self.stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        self.reply().await
    }

    /// The last line of a reply. Nothing is ever sent ahead, so nothing stands behind it.
    async fn reply(&mut self) -> io::Result<String> {
        let mut octets = Vec::with_capacity(512);
        loop {
            let count = timeout(REPLY, self.stream.read_buf(&mut octets)).await??;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let text = String::from_utf8_lossy(&octets);
            let last = text.strip_suffix("\r\n").and_then(|text| text.rsplit("\r\n").next());
            if let Some(last) = last.filter(|last| last.as_bytes().get(3) == Some(&b' ')) {
                return Ok(last.to_owned());
            }
        }
    }
}

fn expected(reply: &str, code: &str, about: &str) -> io::Result<()> {
    if reply.starts_with(code) {
        Ok(())
    } else {
        Err(io::Error::other(format!("{about} was answered {reply:?} and not {code}")))
    }
}
