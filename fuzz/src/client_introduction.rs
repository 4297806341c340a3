//! `smtp::client::Introduction`: whatever the next hop says, nothing but EHLO, HELO and STARTTLS goes out, however it is cut;
//! nothing unencrypted is ready where TLS is required, and nothing said in clear survives the handshake.

use portaria::smtp::client::{Introduction, Step, TlsWish};

use crate::{choices::Choices, splits::splits};

/// The octets are what the next hop says: as it comes, and line by line as answers.
pub fn client_introduction(data: &[u8]) {
    let mut choices = Choices::of(data);
    for wish in [TlsWish::Off, TlsWish::Opportunistic, TlsWish::Required] {
        let lines: Vec<&[u8]> = data.split_inclusive(|&octet| octet == b'\n').collect();
        introduce(&lines, wish);
        let all = splits(data, &mut choices).map(|pieces| introduce(&pieces, wish));
        // One that comes whole may show what is unsolicited where one that comes slowly cannot: but none is ready in clear.
        assert!(all.iter().all(|end| *end != Some(false) || wish != TlsWish::Required));
    }
}

/// Whether it is ready, and if so, under TLS.
fn introduce(pieces: &[&[u8]], wish: TlsWish) -> Option<bool> {
    let mut introduction = Introduction::new("mx.a.example\r\nQUIT", wish);
    let (mut is_tls, mut sent) = (false, 0);
    for piece in pieces {
        introduction.receive(piece);
        loop {
            match introduction.poll() {
                Step::Send(octets) => {
                    sent += 1;
                    assert!(sent <= 5, "it never ends");
                    assert!(is_ours(&octets), "{}", octets.escape_ascii());
                    assert!(wish != TlsWish::Off || !octets.starts_with(b"STARTTLS"));
                    assert!(!is_tls || !octets.starts_with(b"STARTTLS"), "TLS within TLS");
                }
                Step::StartTls => {
                    assert!(wish != TlsWish::Off && !is_tls);
                    is_tls = true;
                    introduction.tls_established();
                }
                Step::Ready(capabilities) => {
                    assert!(is_tls || wish != TlsWish::Required);
                    let limits = &capabilities.limits;
                    for limit in [limits.recipients, limits.transactions, limits.domains].into_iter().flatten() {
                        assert!((1..=999_999).contains(&limit), "RFC 9422, section 3: {limit}");
                    }
                    assert_eq!(introduction.poll(), Step::Ready(capabilities));
                    return Some(is_tls);
                }
                Step::Failed(fault) => {
                    introduction.receive(b"220 a\r\n250 a\r\n");
                    assert_eq!(introduction.poll(), Step::Failed(fault), "a fault stays");
                    return None;
                }
                Step::Receive => break,
            }
        }
    }
    None
}

fn is_ours(octets: &[u8]) -> bool {
    [b"EHLO mx.a.exampleQUIT\r\n".as_slice(), b"HELO mx.a.exampleQUIT\r\n", b"STARTTLS\r\n"].contains(&octets)
}
