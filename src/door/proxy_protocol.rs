//! The PROXY protocol, versions 1 and 2 (HAProxy, `doc/proxy-protocol.txt`): a balancer in front of us says who its client is.
//!
//! In: a connection of somebody who was found among the listener's `proxy_protocol_from`. Out: whom it brings, with exactly the header
//! read: the octets behind it, SMTP or a TLS handshake, are still in the socket. Refuses to know: who may say such a thing, and
//! what the fields behind the addresses mean (TLV).

use std::{io, net::SocketAddr, time::Duration};

use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// A balancer has sent its header within this time: it writes it at once, in one piece. Until then nobody is counted for it but in
/// the total, so whoever dribbles must not last.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest header of version 1, with CRLF (§2.1).
const LONGEST_V1: usize = 107;
/// The longest that we take of version 2, of 65551 that it could have. Addresses and certificates' names need some hundreds.
const LONGEST_V2: usize = 4096;

const BEGIN_V1: &[u8] = b"PROXY ";
const BEGIN_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// In front of the rest of version 2, whose length it ends with: signature, version and command, family.
const FIXED_V2: usize = 16;
/// Version 2, command LOCAL.
const LOCAL_V2: u8 = 0x20;

/// On whose behalf a balancer connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// Of this client.
    Client(SocketAddr),
    /// Its own (LOCAL: it looks whether we live), or of somebody whom it cannot name (UNKNOWN, a local socket): its own address counts.
    Balancer,
}

/// Why a connection that must begin with a header is closed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It begins with something else.
    #[error("no PROXY header")]
    Missing,
    /// It begins like a header, and is none.
    #[error("a malformed PROXY header")]
    Malformed,
    /// More octets than a header may have.
    #[error("a PROXY header that is too long")]
    TooLong,
    /// Not all of it came in time.
    #[error("no whole PROXY header in time")]
    Late,
    /// The connection ended before.
    #[error("the connection ended before its PROXY header: {0}")]
    Gone(#[from] io::Error),
}

impl Fault {
    /// For the metric.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::Late => "late",
            Self::Gone(_) => "gone",
        }
    }
}

/// Takes the header off a connection, and nothing behind it. Waits 5 seconds at most.
pub async fn read(stream: &mut TcpStream) -> Result<Announced, Fault> {
    read_within(PATIENCE, stream).await
}

/// Whom a header announces, and how many octets it has; none while it is not whole. What follows it is not looked at.
///
/// The extent is found here and the crate gets just that: it would look for the end of version 1 in the client's octets, take any
/// octet behind `PROXY`, and wait for 64 KiB of version 2.
pub fn parse(octets: &[u8]) -> Result<Option<(Announced, usize)>, Fault> {
    let Some(length) = extent(octets)? else { return Ok(None) };
    let header = octets.get(..length).ok_or(Fault::Malformed)?;
    Ok(Some((announced(header)?, length)))
}

async fn read_within(patience: Duration, stream: &mut TcpStream) -> Result<Announced, Fault> {
    tokio::time::timeout(patience, read_exactly(stream)).await.unwrap_or(Err(Fault::Late))
}

/// Looks before it takes: were more taken than the header, it would have to be given back to whoever reads next, and a TLS
/// handshake reads from the socket itself.
async fn read_exactly(stream: &mut TcpStream) -> Result<Announced, Fault> {
    let (mut header, mut ahead) = (Vec::new(), vec![0; LONGEST_V2]);
    loop {
        let seen = stream.peek(&mut ahead).await?;
        if seen == 0 {
            return Err(Fault::Gone(io::ErrorKind::UnexpectedEof.into()));
        }
        let taken = header.len();
        header.extend_from_slice(ahead.get(..seen).unwrap_or_default());
        let parsed = parse(&header)?;
        // Of a header that is not whole every octet is the header's. Left in the socket they would be seen again at once, without end.
        let length = parsed.map_or(header.len(), |(_, length)| length);
        header.truncate(length);
        stream.read_exact(header.get_mut(taken..).unwrap_or_default()).await?;
        if let Some((announced, _)) = parsed {
            return Ok(announced);
        }
    }
}

fn extent(octets: &[u8]) -> Result<Option<usize>, Fault> {
    let may_be = |begin: &[u8]| octets.iter().zip(begin).all(|(octet, wanted)| octet == wanted);
    if may_be(BEGIN_V1) {
        let line = octets.get(..LONGEST_V1).unwrap_or(octets);
        return match memchr::memchr(b'\n', line) {
            Some(end) => Ok(Some(end.saturating_add(1))),
            None if octets.len() >= LONGEST_V1 => Err(Fault::TooLong),
            None => Ok(None),
        };
    }
    if !may_be(BEGIN_V2) {
        return Err(Fault::Missing);
    }
    let Some(&[high, low]) = octets.get(FIXED_V2 - 2..FIXED_V2) else { return Ok(None) };
    let length = FIXED_V2.saturating_add(usize::from(u16::from_be_bytes([high, low])));
    if length > LONGEST_V2 {
        return Err(Fault::TooLong);
    }
    Ok((octets.len() >= length).then_some(length))
}

fn announced(header: &[u8]) -> Result<Announced, Fault> {
    // What stands in a LOCAL header must be passed over (§2.2), its family as well; the crate would insist on addresses.
    if header.starts_with(BEGIN_V2) && header.get(BEGIN_V2.len()) == Some(&LOCAL_V2) {
        return Ok(Announced::Balancer);
    }
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(header, config) {
        Ok((parsed, length)) if length == header.len() => match parsed.proxied_address() {
            None => Ok(Announced::Balancer),
            Some(address) if address.protocol == Protocol::Stream => Ok(Announced::Client(address.source)),
            // Mail does not come in datagrams.
            Some(_) => Err(Fault::Malformed),
        },
        _ => Err(Fault::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    const V4: &[u8] = b"\xc0\x00\x02\x09\x0a\x00\x00\x01\xc8\x01\x00\x19";
    const V6: &[u8] =
        b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xc8\x01\x00\x19";
    const TLV: &[u8] = b"\x05\x00\x04mx25\x04\x00\x02\r\n";

    fn v2(command: u8, family: u8, rest: &[&[u8]]) -> Vec<u8> {
        let rest = rest.concat();
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [BEGIN_V2, &[command, family], &length, &rest].concat()
    }

    fn client(address: &str) -> Announced {
        Announced::Client(address.parse().unwrap())
    }

    fn good() -> Vec<(Vec<u8>, Announced)> {
        let unix = [b'/'; 216];
        vec![
            (b"PROXY TCP4 192.0.2.9 10.0.0.1 51201 25\r\n".to_vec(), client("192.0.2.9:51201")),
            (b"PROXY TCP6 2001:db8::9 2001:db8::1 51201 25\r\n".to_vec(), client("[2001:db8::9]:51201")),
            (b"PROXY TCP6 ::ffff:192.0.2.9 ::1 51201 25\r\n".to_vec(), client("[::ffff:192.0.2.9]:51201")),
            (b"PROXY UNKNOWN\r\n".to_vec(), Announced::Balancer),
            (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n".to_vec(), Announced::Balancer),
            (v2(0x21, 0x11, &[V4]), client("192.0.2.9:51201")),
            (v2(0x21, 0x21, &[V6]), client("[2001:db8::9]:51201")),
            (v2(0x21, 0x11, &[V4, TLV]), client("192.0.2.9:51201")),
            (v2(0x21, 0x11, &[V4, &vec![0; LONGEST_V2 - FIXED_V2 - 12]]), client("192.0.2.9:51201")),
            (v2(0x21, 0x00, &[TLV]), Announced::Balancer),
            (v2(0x21, 0x31, &[&unix]), Announced::Balancer),
            // LOCAL: whatever it carries, also addresses, also none where the family promises some.
            (v2(0x20, 0x00, &[]), Announced::Balancer),
            (v2(0x20, 0x11, &[V4]), Announced::Balancer),
            (v2(0x20, 0x11, &[]), Announced::Balancer),
            (v2(0x20, 0xff, &[TLV]), Announced::Balancer),
        ]
    }

    /// At every octet it is "not yet"; with the client's first octets glued behind it is the same header, and they are not its own.
    #[test]
    fn a_header_is_read_when_it_is_whole_and_no_further() {
        for (header, expected) in good() {
            let shown = header.escape_ascii().to_string();
            for end in 0..header.len() {
                assert!(matches!(parse(&header[..end]), Ok(None)), "{end} octets of {shown}");
            }
            let glued: [&[u8]; 5] =
                [b"", b"EHLO a\r\n", b"\r\n", b"PROXY TCP4 198.51.100.1 10.0.0.1 1 25\r\n", BEGIN_V2];
            for behind in glued {
                let parsed = parse(&[&header, behind].concat()).unwrap();
                assert_eq!(parsed, Some((expected, header.len())), "{shown}");
            }
        }
    }

    /// Refused at the octet that shows it, so that nobody is waited for.
    #[test]
    fn what_is_no_header_is_refused_at_once() {
        let long_v1 = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 93]].concat();
        let ended_too_late = [long_v1.as_slice(), b"\r\n"].concat();
        let cases: &[(&[u8], &str)] = &[
            (b"E", "missing"),
            (b"EHLO a\r\n", "missing"),
            (b"PX", "missing"),
            (b"PROXYxTCP4 192.0.2.9 10.0.0.1 51201 25\r\n", "missing"),
            (b"proxy TCP4 192.0.2.9 10.0.0.1 51201 25\r\n", "missing"),
            (b" PROXY UNKNOWN\r\n", "missing"),
            (b"\r\n\r\nE", "missing"),
            (b"\x16\x03\x01\x02\x00", "missing"),
            (b"PROXY \n", "malformed"),
            (b"PROXY \r\n", "malformed"),
            (b"PROXY UNKNOWN\n", "malformed"),
            (b"PROXY UNKNOWN \r x\r\n", "malformed"),
            (b"PROXY UDP4 192.0.2.9 10.0.0.1 51201 25\r\n", "malformed"),
            (b"PROXY TCP4 192.0.2.9\r\nEHLO a b c d\r\n", "malformed"),
            (b"PROXY TCP4 192.0.2.9 10.0.0.1 51201 25\n", "malformed"),
            (b"PROXY TCP4 192.0.2.9 10.0.0.1 51201 25 \r\n", "malformed"),
            (b"PROXY TCP4 192.0.2.9  10.0.0.1 51201 25\r\n", "malformed"),
            (b"PROXY TCP4 192.0.2.256 10.0.0.1 51201 25\r\n", "malformed"),
            (b"PROXY TCP4 192.0.2.9 10.0.0.1 65536 25\r\n", "malformed"),
            (b"PROXY TCP4 2001:db8::9 2001:db8::1 51201 25\r\n", "malformed"),
            (b"PROXY TCP6 192.0.2.9 10.0.0.1 51201 25\r\n", "malformed"),
            (b"PROXY TCP6 fe80::1%eth0 ::1 51201 25\r\n", "malformed"),
            (b"PROXY TCP4 mx.example 10.0.0.1 51201 25\r\n", "malformed"),
            (&v2(0x11, 0x11, &[V4]), "malformed"),
            (&v2(0x22, 0x11, &[V4]), "malformed"),
            (&v2(0x21, 0x12, &[V4]), "malformed"),
            (&v2(0x21, 0x41, &[V4]), "malformed"),
            (&v2(0x21, 0x11, &[&V4[..11]]), "malformed"),
            (&v2(0x21, 0x21, &[V4]), "malformed"),
            (&v2(0x21, 0x31, &[V4]), "malformed"),
            (&long_v1, "too_long"),
            (&ended_too_late, "too_long"),
            (&v2(0x21, 0x11, &[V4, &vec![0; LONGEST_V2 - FIXED_V2 - 11]])[..FIXED_V2], "too_long"),
            (&v2(0x20, 0x00, &[&[0; 65_535]])[..FIXED_V2], "too_long"),
        ];
        for (octets, reason) in cases {
            let fault = parse(octets).expect_err(&octets.escape_ascii().to_string());
            assert_eq!(fault.reason(), *reason, "{}", octets.escape_ascii());
        }
    }

    async fn connection() -> (TcpStream, TcpStream) {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let theirs = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
        theirs.set_nodelay(true).unwrap();
        (theirs, socket.accept().await.unwrap().0)
    }

    /// In one piece with the client's octets, and cut in two at several places of the header.
    #[tokio::test]
    async fn the_clients_first_octets_stay_in_the_socket() {
        for (header, expected) in good() {
            for cut in [0, 1, header.len() / 2, header.len() - 1, header.len()] {
                let (mut theirs, mut ours) = connection().await;
                let wire = [header.as_slice(), b"EHLO a\r\n"].concat();
                theirs.write_all(&wire[..cut]).await.unwrap();
                let rest = async {
                    for _ in 0..10 {
                        tokio::task::yield_now().await;
                    }
                    theirs.write_all(&wire[cut..]).await.unwrap();
                    drop(theirs);
                };
                let (announced, ()) = tokio::join!(read(&mut ours), rest);
                let announced = announced.unwrap();
                let mut behind = Vec::new();
                ours.read_to_end(&mut behind).await.unwrap();
                assert_eq!((announced, behind.as_slice()), (expected, b"EHLO a\r\n".as_slice()), "cut at {cut}");
            }
        }
    }

    #[tokio::test]
    async fn who_goes_before_the_header_is_whole_is_gone() {
        for sent in [b"".as_slice(), b"PROXY TCP4 192.0.2.9 "] {
            let (mut theirs, mut ours) = connection().await;
            theirs.write_all(sent).await.unwrap();
            drop(theirs);
            assert_eq!(read(&mut ours).await.unwrap_err().reason(), "gone");
        }
    }

    #[tokio::test]
    async fn who_dribbles_is_not_waited_for() {
        let (mut theirs, mut ours) = connection().await;
        theirs.write_all(b"PROXY TCP4 192.0.2.9 ").await.unwrap();
        let read = read_within(Duration::from_millis(50), &mut ours).await;
        assert_eq!(read.unwrap_err().reason(), "late");
        drop(theirs);
    }
}
