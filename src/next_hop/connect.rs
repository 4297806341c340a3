//! From an address to a connection that is ready for MAIL: name, socket, greeting, EHLO, TLS.
//!
//! In: one address and how to speak to it. Out: a [`Connection`], or the fault of the last attempt. Which address comes next
//! is not known here.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, error::Elapsed, timeout, timeout_at},
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::stream::Stream;
use crate::smtp::{
    client::{DialogueFault, ForwardAttributes, Introduction, IntroductionFault, QUIT, Step, TlsWish, Transaction},
    envelope::MailFrom,
    extension::Capabilities,
    parameter::MailParameters,
    path::ReversePath,
};

/// How long a 221 is waited for. Nobody needs it; a close without it is only impolite.
const FAREWELL: Duration = Duration::from_secs(5);

/// `host:port` as configured; an IPv6 address stands in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub host: Arc<str>,
    pub port: u16,
}

impl Address {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let valid = match literal {
            Some(literal) => literal.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()),
            None => !host.is_empty() && !host.contains([':', '[', ']']) && host.chars().all(|c| c.is_ascii_graphic()),
        };
        let port = port.parse().ok().filter(|port| *port != 0 && valid)?;
        Some(Self { host: literal.unwrap_or(host).into(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Whether and how connections are encrypted.
pub(super) enum Encryption {
    Off,
    /// Any certificate; a failed handshake: once more in clear.
    Opportunistic(TlsConnector),
    Required(TlsConnector),
}

/// How one next hop is spoken to.
pub(super) struct Dialler {
    pub hostname: Arc<str>,
    pub encryption: Encryption,
    /// The configured name that its certificate must carry.
    pub server_name: Option<ServerName<'static>>,
    pub connect_timeout: Duration,
    pub reply_timeout: Duration,
    /// Whether it is told who the client is, if it asks (XFORWARD).
    pub forward: bool,
    /// The right to resolve a name; see [`Dialler::resolve`].
    pub resolving: Arc<Semaphore>,
}

/// A connection that is ready for MAIL.
#[derive(Debug)]
pub(super) struct Connection {
    pub stream: Stream,
    pub capabilities: Capabilities,
    /// The configured address, with the IP address that a name stood for.
    pub address: String,
    /// Version and suite.
    pub tls: Option<String>,
    pub opened: Instant,
    /// How often MAIL was said on it.
    pub mails: u32,
    /// RSET was not said since its last transaction.
    pub owes_reset: bool,
}

impl Connection {
    /// Whether it has had all the transactions that the server takes on one connection (RFC 9422).
    pub(super) fn is_used_up(&self) -> bool {
        self.capabilities.limits.transactions.is_some_and(|most| self.mails >= most)
    }
}

/// Why an address gave no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectFault {
    #[error("cannot resolve the name: {0}")]
    Resolve(io::Error),
    #[error("the name was not resolved in time")]
    ResolveTimeout,
    #[error("the name has no address")]
    NoAddress,
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("no connection in time")]
    ConnectTimeout,
    #[error("the connection broke: {0}")]
    Broke(io::Error),
    #[error("the next hop closed the connection before it was ready")]
    Closed,
    #[error("no reply in time")]
    ReplyTimeout,
    #[error("TLS handshake: {0}")]
    Handshake(io::Error),
    #[error(transparent)]
    Introduction(#[from] IntroductionFault),
    #[error("it takes no mail from here: {0}")]
    Refused(String),
    #[error(transparent)]
    Dialogue(#[from] DialogueFault),
    #[error("the deadline of the session passed")]
    Deadline,
}

impl ConnectFault {
    /// Whether this machine had nothing left to connect with: that says nothing about the address, and goes for all of them. Not
    /// `EADDRNOTAVAIL`: without ports it comes too, but mostly for an IPv6 address on a machine that has none itself.
    pub(super) fn is_ours(&self) -> bool {
        use rustix::io::Errno;
        const OURS: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        match self {
            Self::Resolve(fault) | Self::Connect(fault) => {
                Errno::from_io_error(fault).is_some_and(|errno| OURS.contains(&errno))
            }
            _ => false,
        }
    }

    /// Whether it is TLS that failed.
    pub(super) fn is_tls(&self) -> bool {
        use IntroductionFault::{Injection, NoTls, Refused};
        matches!(self, Self::Handshake(_) | Self::Introduction(NoTls | Injection | Refused { command: "STARTTLS", .. }))
    }
}

impl Dialler {
    /// Tries every IP address behind `address` until one is ready for MAIL. All TCP connects together take at most
    /// `connect_within`, each at most the configured timeout; each reply at most the reply timeout.
    pub(super) async fn connect(
        &self,
        address: &Address,
        connect_within: Duration,
    ) -> Result<Connection, ConnectFault> {
        let until = Instant::now() + connect_within.min(self.connect_timeout);
        let resolved = timeout_at(until, self.resolve(address))
            .await
            .map_err(|_: Elapsed| ConnectFault::ResolveTimeout)?
            .map_err(ConnectFault::Resolve)?;
        let mut fault = ConnectFault::NoAddress;
        let mut left = u32::try_from(resolved.len()).unwrap_or(u32::MAX);
        for ip in resolved {
            // An address that swallows packets must leave time for the others.
            let share = connect_within.min(self.connect_timeout) / left.max(1);
            left = left.saturating_sub(1);
            match self.connect_ip(address, ip, share).await {
                Ok(connection) => return Ok(connection),
                Err(this) if this.is_ours() => return Err(this),
                Err(this) => fault = this,
            }
        }
        Err(fault)
    }

    /// As [`Self::connect`], and asks with MAIL whether mail from here would be taken: a server that wants us to authenticate greets
    /// everybody well. What it has against an empty reverse-path is no fault of ours.
    pub(super) async fn probe(&self, address: &Address, within: Duration) -> Result<Connection, ConnectFault> {
        let mut connection = self.connect(address, within).await?;
        match timeout(self.reply_timeout, connection.ask_mail()).await.map_err(late)? {
            Ok(()) => Ok(connection),
            Err(fault) => {
                connection.quit().await;
                Err(fault)
            }
        }
    }

    /// All IP addresses of a host. The system's resolver blocks a thread, and goes on blocking it when nobody waits any more: while
    /// DNS hangs every session would leave one behind, until the runtime has none left for files. So few run at once.
    async fn resolve(&self, address: &Address) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = address.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, address.port)]);
        }
        let permit = Arc::clone(&self.resolving).acquire_owned().await.map_err(io::Error::other)?;
        let Address { host, port } = address.clone();
        let lookup = move || {
            let resolved = (&*host, port).to_socket_addrs().map(Iterator::collect);
            drop(permit);
            resolved
        };
        spawn_blocking(lookup).await.map_err(io::Error::other)?
    }

    /// As wished; after a failed opportunistic handshake once more, in clear. Some old servers offer STARTTLS with nothing newer than
    /// TLS 1.0 behind it, and refusing their mail would protect nobody.
    async fn connect_ip(
        &self,
        address: &Address,
        ip: SocketAddr,
        within: Duration,
    ) -> Result<Connection, ConnectFault> {
        match &self.encryption {
            Encryption::Off => self.attempt(address, ip, within, TlsWish::Off, None).await,
            Encryption::Required(tls) => self.attempt(address, ip, within, TlsWish::Required, Some(tls)).await,
            Encryption::Opportunistic(tls) => {
                match self.attempt(address, ip, within, TlsWish::Opportunistic, Some(tls)).await {
                    Err(ConnectFault::Handshake(fault)) => {
                        tracing::info!(%address, %ip, %fault, "opportunistic TLS failed, connecting in clear");
                        self.attempt(address, ip, within, TlsWish::Off, None).await
                    }
                    result => result,
                }
            }
        }
    }

    async fn attempt(
        &self,
        address: &Address,
        ip: SocketAddr,
        within: Duration,
        wish: TlsWish,
        tls: Option<&TlsConnector>,
    ) -> Result<Connection, ConnectFault> {
        let opened = Instant::now();
        let socket = timeout(within, TcpStream::connect(ip))
            .await
            .map_err(|_: Elapsed| ConnectFault::ConnectTimeout)?
            .map_err(ConnectFault::Connect)?;
        // Commands are small and each waits for a reply: with Nagle every second one waits 40 ms for an acknowledgement.
        socket.set_nodelay(true).map_err(ConnectFault::Broke)?;
        let tls = tls.map(|connector| (connector, self.name_of(address, ip)));
        let (stream, mut capabilities) = self.introduce(socket, wish, tls).await?;
        if !self.forward {
            capabilities.forward = ForwardAttributes::default();
        }
        let tls = stream.tls();
        let spelled =
            if ip.ip().to_string() == *address.host { address.to_string() } else { format!("{address} [{}]", ip.ip()) };
        Ok(Connection { stream, capabilities, address: spelled, tls, opened, mails: 0, owes_reset: false })
    }

    async fn introduce(
        &self,
        socket: TcpStream,
        wish: TlsWish,
        tls: Option<(&TlsConnector, ServerName<'static>)>,
    ) -> Result<(Stream, Capabilities), ConnectFault> {
        let mut introduction = Introduction::new(&self.hostname, wish);
        let mut stream = Stream::Clear(socket);
        let mut buffer = [0; 2048];
        // One deadline a reply, not one a read: else a server that says an octet now and then holds us for ever.
        let mut until = Instant::now() + self.reply_timeout;
        loop {
            match introduction.poll() {
                Step::Send(octets) => {
                    until = Instant::now() + self.reply_timeout;
                    timeout_at(until, send(&mut stream, &octets)).await.map_err(late)?.map_err(ConnectFault::Broke)?;
                }
                Step::Receive => {
                    let read = timeout_at(until, stream.read(&mut buffer)).await.map_err(late)?;
                    let count = read.map_err(ConnectFault::Broke)?;
                    match buffer.get(..count) {
                        None | Some([]) => return Err(ConnectFault::Closed),
                        Some(octets) => introduction.receive(octets),
                    }
                }
                Step::StartTls => {
                    stream = self.handshake(stream, tls.clone()).await?;
                    introduction.tls_established();
                }
                Step::Ready(capabilities) => return Ok((stream, capabilities)),
                Step::Failed(fault) => return Err(fault.into()),
            }
        }
    }

    async fn handshake(
        &self,
        stream: Stream,
        tls: Option<(&TlsConnector, ServerName<'static>)>,
    ) -> Result<Stream, ConnectFault> {
        let (Stream::Clear(socket), Some((connector, name))) = (stream, tls) else {
            // The introduction asks once, and only if TLS was wished for.
            return Err(ConnectFault::Closed);
        };
        match timeout(self.reply_timeout, connector.connect(name, socket)).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
            Ok(Err(fault)) => Err(ConnectFault::Handshake(fault)),
            Err(_) => Err(ConnectFault::Handshake(io::ErrorKind::TimedOut.into())),
        }
    }

    /// The name asked for and, where TLS is required, checked: the configured one, else the host, else (a host that is no valid
    /// name, which the settings allow only under opportunistic TLS) the IP address.
    fn name_of(&self, address: &Address, ip: SocketAddr) -> ServerName<'static> {
        let host = || ServerName::try_from(address.host.to_string()).ok();
        self.server_name.clone().or_else(host).unwrap_or_else(|| ServerName::IpAddress(ip.ip().into()))
    }
}

impl Connection {
    /// Says MAIL; whether the answer is about us is told as at a message (`docs/replies.md`).
    async fn ask_mail(&mut self) -> Result<(), ConnectFault> {
        let mut dialogue = Transaction::new(self.capabilities.clone());
        dialogue.mail(&MailFrom { path: ReversePath::Null, parameters: MailParameters::default() }, None);
        while let Some(octets) = dialogue.poll_transmit() {
            send(&mut self.stream, &octets).await.map_err(ConnectFault::Broke)?;
        }
        let mut buffer = [0; 1024];
        loop {
            let count = self.stream.read(&mut buffer).await.map_err(ConnectFault::Broke)?;
            dialogue.receive(buffer.get(..count).unwrap_or_default());
            match dialogue.poll_answer() {
                Some(Ok((_, reply))) if matches!(reply.code(), 421 | 500..=504 | 530 | 535) => {
                    return Err(ConnectFault::Refused(reply.passed_on().summary()));
                }
                Some(answer) => return answer.map(drop).map_err(ConnectFault::from),
                None if count == 0 => return Err(ConnectFault::Closed),
                None => {}
            }
        }
    }

    /// Says QUIT, waits briefly for the answer, whatever it is, and closes.
    pub(super) async fn quit(mut self) {
        let farewell = async {
            send(&mut self.stream, &Bytes::from_static(QUIT)).await?;
            self.stream.read(&mut [0; 512]).await
        };
        // It failed or it did not: the connection is closed either way.
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// Writes all of it, through the TLS buffer as well.
pub(super) async fn send(stream: &mut Stream, octets: &[u8]) -> io::Result<()> {
    stream.write_all(octets).await?;
    stream.flush().await
}

fn late(_: Elapsed) -> ConnectFault {
    ConnectFault::ReplyTimeout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_machine_lacks_is_our_own_fault() {
        for (errno, ours) in [(24, true), (23, true), (105, true), (12, true), (99, false), (111, false), (113, false)]
        {
            for fault in [ConnectFault::Connect, ConnectFault::Resolve] {
                assert_eq!(fault(io::Error::from_raw_os_error(errno)).is_ours(), ours, "{errno}");
            }
            let broke = ConnectFault::Broke(io::Error::from_raw_os_error(errno));
            assert!(!broke.is_ours(), "what has a connection has its descriptor");
        }
    }

    #[test]
    fn addresses_as_configured() {
        for (text, parsed) in [
            ("mbx1.example:25", Some(("mbx1.example", 25))),
            ("192.0.2.1:2525", Some(("192.0.2.1", 2525))),
            ("[2001:db8::1]:25", Some(("2001:db8::1", 25))),
            ("mbx1.example", None),
            ("mbx1.example:", None),
            ("mbx1.example:0", None),
            ("mbx1.example:70000", None),
            (":25", None),
            ("2001:db8::1:25", None),
            ("[mbx1]:25", None),
            ("mbx 1:25", None),
        ] {
            let address = Address::parse(text);
            assert_eq!(address.as_ref().map(|address| (&*address.host, address.port)), parsed, "{text}");
            if let Some(address) = address {
                assert_eq!(address.to_string(), text);
            }
        }
    }
}
