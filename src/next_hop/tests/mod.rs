//! Over real loopback sockets, against a small next hop that follows a [`Script`].

mod connecting;
mod encrypting;
mod lending;
mod settings;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
    sync::{broadcast, mpsc},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::relay::event::{Leftover, NextHopReady};

/// How the next hop behaves. Replies are given without their last CRLF; an empty one means silence.
#[derive(Clone)]
struct Script {
    greeting: &'static str,
    ehlo: &'static str,
    mail: &'static str,
    rset: &'static str,
    quit: &'static str,
    starttls: StartTls,
}

#[derive(Clone)]
enum StartTls {
    /// 502.
    Unknown,
    /// 220, and after the client's first octets some that are no handshake.
    Broken,
    /// 220, and with it a reply to a command that comes only under TLS.
    Injects,
    Works(TlsAcceptor),
}

const GOOD: Script = Script {
    greeting: "220 mx",
    ehlo: "250-mx\r\n250 DSN",
    mail: "250 ok",
    rset: "250 ok",
    quit: "221 bye",
    starttls: StartTls::Unknown,
};

const PIPELINES: &str = "250-mx\r\n250 PIPELINING";

/// A next hop that listens until it is dropped.
struct Server {
    address: String,
    connections: Arc<AtomicUsize>,
    /// `N line` for each line that it hears on its N-th connection, `N <end>` for the end of the stream.
    heard: mpsc::UnboundedReceiver<String>,
    /// Said on every open connection, which is then closed if it is empty.
    say: broadcast::Sender<&'static str>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let (said, heard) = mpsc::unbounded_channel();
        let (say, _) = broadcast::channel(4);
        let mut tasks = JoinSet::new();
        let (counter, sayings) = (Arc::clone(&connections), say.clone());
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let nth = counter.fetch_add(1, Ordering::SeqCst) + 1;
                let connection = Connection { nth, script: script.clone(), said: said.clone() };
                open.spawn(connection.serve(socket, sayings.subscribe()));
            }
        });
        Self { address, connections, heard, say, _tasks: tasks }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until it has heard `line`; all lines before it are passed over.
    async fn hears(&mut self, line: &str) {
        let search = async { while self.heard.recv().await.expect("the server runs") != line {} };
        timeout(Duration::from_secs(5), search).await.unwrap_or_else(|_| panic!("never heard {line:?}"));
    }
}

struct Connection {
    nth: usize,
    script: Script,
    said: mpsc::UnboundedSender<String>,
}

trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

impl Connection {
    async fn serve(self, socket: TcpStream, sayings: broadcast::Receiver<&'static str>) {
        // A connection that breaks is one that the gateway closed: the test looks at what was heard.
        let _ = self.dialogue(socket, sayings).await;
        let _ = self.said.send(format!("{} <end>", self.nth));
    }

    async fn dialogue(
        &self,
        mut socket: TcpStream,
        mut sayings: broadcast::Receiver<&'static str>,
    ) -> std::io::Result<()> {
        reply(&mut socket, self.script.greeting).await?;
        let mut stream: BufStream<Box<dyn Socket>> = BufStream::new(Box::new(socket));
        loop {
            let mut line = String::new();
            tokio::select! {
                read = stream.read_line(&mut line) => if read? == 0 { return Ok(()) },
                text = sayings.recv() => match text {
                    Ok("") | Err(_) => return Ok(()),
                    Ok(text) => { reply(&mut stream, text).await?; continue }
                },
            }
            let line = line.trim_end();
            let _ = self.said.send(format!("{} {line}", self.nth));
            match line.split(' ').next().unwrap_or_default() {
                "EHLO" => reply(&mut stream, self.script.ehlo).await?,
                "MAIL" => reply(&mut stream, self.script.mail).await?,
                "RSET" => reply(&mut stream, self.script.rset).await?,
                "STARTTLS" => match &self.script.starttls {
                    StartTls::Unknown => reply(&mut stream, "502 what?").await?,
                    StartTls::Broken => {
                        reply(&mut stream, "220 go").await?;
                        stream.fill_buf().await?;
                        return reply(&mut stream, "this is no handshake").await;
                    }
                    StartTls::Injects => reply(&mut stream, "220 go\r\n250 mx").await?,
                    StartTls::Works(acceptor) => {
                        reply(&mut stream, "220 go").await?;
                        let tls = acceptor.accept(stream.into_inner()).await?;
                        stream = BufStream::new(Box::new(tls));
                    }
                },
                "QUIT" if self.script.quit.is_empty() => {}
                "QUIT" => return reply(&mut stream, self.script.quit).await,
                _ => reply(&mut stream, "250 ok").await?,
            }
        }
    }
}

async fn reply(stream: &mut (impl AsyncWrite + Unpin), text: &str) -> std::io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    stream.flush().await
}

fn name() -> NextHopName {
    NextHopName("mailbox".into())
}

fn one(addresses: &[&str]) -> NextHopSettings {
    NextHopSettings {
        name: name(),
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        tls: TlsWish::Off,
        ca: None,
        server_name: None,
        max_connections: 4,
        connection_lifetime: Duration::from_secs(60),
        xforward: true,
    }
}

fn next_hops(one: NextHopSettings) -> NextHops {
    next_hops_with(one, Duration::from_secs(2), Duration::from_millis(400))
}

fn next_hops_with(one: NextHopSettings, connect_timeout: Duration, reply_timeout: Duration) -> NextHops {
    let settings =
        Settings { next_hops: vec![one], hostname: "portaria.example".into(), connect_timeout, reply_timeout };
    NextHops::new(settings).unwrap()
}

/// The tests may read the clock: they are the door here.
#[expect(clippy::disallowed_methods, reason = "a deadline needs a now")]
fn request_within(millis: u64) -> OpenNextHop {
    OpenNextHop { name: name(), fresh: false, avoid: Vec::new(), until: Instant::now() + Duration::from_millis(millis) }
}

fn request() -> OpenNextHop {
    request_within(5000)
}

/// The only next hop's status.
fn status(next_hops: &NextHops) -> NextHopStatus {
    next_hops.status().remove(0)
}

/// Waits until so many connections are idle and in use.
async fn settles(next_hops: &NextHops, idle: usize, in_use: usize) {
    for _ in 0..500 {
        let status = status(next_hops);
        if (status.idle, status.in_use) == (idle, in_use) {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("never {idle} idle and {in_use} in use: {:?}", status(next_hops));
}

/// Says a command over a lease and waits for a reply to it.
async fn say(lease: &mut Lease, command: &str) -> String {
    use tokio::io::AsyncReadExt;
    lease.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
    lease.flush().await.unwrap();
    let mut buffer = [0; 512];
    let count = timeout(Duration::from_secs(5), lease.read(&mut buffer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&buffer[..count]).trim_end().to_owned()
}
