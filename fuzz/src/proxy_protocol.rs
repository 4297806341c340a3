//! `door::proxy_protocol` beside a second reading, and the promise that a header's end does not depend on what stands behind it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use portaria::door::proxy_protocol::{Announced, parse};

use crate::{choices::Choices, splits::find};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// No octet short is anything but "not yet", no octet behind makes a difference, a refusal stays one, and whom it names is read
/// alike by hand.
pub fn proxy_protocol(data: &[u8]) {
    let behind =
        Choices::of(data).one_of(&[b"EHLO a\r\n".as_slice(), b"\r\n", b"PROXY UNKNOWN\r\n", b"\n", SIGNATURE]).to_vec();
    match parse(data) {
        Ok(Some((announced, length))) => {
            assert!(length <= data.len() && length <= 4096, "{}", data.escape_ascii());
            let header = &data[..length];
            for end in 0..length {
                assert!(matches!(parse(&header[..end]), Ok(None)), "{end} of {}", header.escape_ascii());
            }
            let glued = parse(&[header, &behind].concat()).ok().flatten();
            assert_eq!(glued, Some((announced, length)), "{}", header.escape_ascii());
            assert_eq!(length, extent(header), "{}", header.escape_ascii());
            assert_eq!(announced, naive(header), "{}", header.escape_ascii());
        }
        Ok(None) => assert!(data.len() < 4096, "{} octets are waited with", data.len()),
        Err(fault) => {
            let later = parse(&[data, &behind].concat()).expect_err("a refusal is not taken back");
            assert_eq!(later.reason(), fault.reason(), "{}", data.escape_ascii());
        }
    }
}

fn extent(header: &[u8]) -> usize {
    if header.starts_with(SIGNATURE) {
        return 16 + usize::from(header[14]) * 256 + usize::from(header[15]);
    }
    assert!(header.len() <= 107 && header.starts_with(b"PROXY "));
    find(header, b"\r\n").expect("its end") + 2
}

fn naive(header: &[u8]) -> Announced {
    if let Some(rest) = header.strip_prefix(SIGNATURE) {
        let port = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
        return match (rest[0], rest[1]) {
            (0x20, _) | (0x21, 0x00 | 0x31 | 0x32) => Announced::Balancer,
            (0x21, 0x11) => {
                let octets: [u8; 4] = rest[4..8].try_into().unwrap();
                Announced::Client(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(octets)), port(12)))
            }
            (0x21, 0x21) => {
                let octets: [u8; 16] = rest[4..20].try_into().unwrap();
                Announced::Client(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(octets)), port(36)))
            }
            other => panic!("{other:02x?} was taken"),
        };
    }
    let line = std::str::from_utf8(&header[..header.len() - 2]);
    if header.starts_with(b"PROXY UNKNOWN") {
        return Announced::Balancer;
    }
    let words: Vec<&str> = line.expect("addresses are ASCII").split(' ').collect();
    let ["PROXY", family, source, destination, port, to] = words.as_slice() else { panic!("{words:?} was taken") };
    let (source, destination): (IpAddr, IpAddr) = (source.parse().unwrap(), destination.parse().unwrap());
    assert_eq!((source.is_ipv4(), destination.is_ipv4()), (*family == "TCP4", *family == "TCP4"), "{words:?}");
    to.parse::<u16>().unwrap();
    Announced::Client(SocketAddr::new(source, port.parse().unwrap()))
}
