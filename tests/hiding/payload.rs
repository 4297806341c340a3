//! The antivirus test file, and the ways in which it is written into a message. Nothing here trusts a library of the gateway.

/// The EICAR test file, put together when it is needed: it stands here back to front, so that neither this source nor the compiled
/// test is "infected".
pub fn test_file() -> Vec<u8> {
    r"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\4[PA@%P!O5X".bytes().rev().collect()
}

/// Base64 (RFC 4648 §4) without line ends.
pub fn base64_word(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let bits = group.iter().fold(0_u32, |sum, octet| sum << 8 | u32::from(*octet)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// The same in lines of `length`.
pub fn lines(text: &str, length: usize) -> String {
    text.as_bytes().chunks(length).map(|line| format!("{}\r\n", std::str::from_utf8(line).unwrap())).collect()
}

/// The test file in base64, in lines of 76.
pub fn base64() -> String {
    lines(&base64_word(&test_file()), 76)
}

/// The test file as text.
pub fn plain() -> String {
    String::from_utf8(test_file()).unwrap()
}

/// Quoted-printable with every octet escaped.
pub fn quoted(octets: &[u8]) -> String {
    lines(&octets.iter().map(|octet| format!("={octet:02X}")).collect::<String>(), 72).replace("\r\n", "=\r\n") + "\r\n"
}

/// uuencode (POSIX), with its first and last line.
pub fn uuencoded(name: &str, octets: &[u8]) -> String {
    let letter = |six: u32| char::from(if six == 0 { b'`' } else { six as u8 + b' ' });
    let mut text = format!("begin 644 {name}\r\n");
    for line in octets.chunks(45) {
        text.push(letter(line.len() as u32));
        for group in line.chunks(3) {
            let bits = group.iter().fold(0_u32, |sum, octet| sum << 8 | u32::from(*octet)) << (8 * (3 - group.len()));
            text.extend((0..4).map(|place| letter(bits >> (18 - 6 * place) & 63)));
        }
        text.push_str("\r\n");
    }
    text + "`\r\nend\r\n"
}

/// yEnc: every octet plus 42; the few that may not stand are escaped.
pub fn yencoded(name: &str, octets: &[u8]) -> Vec<u8> {
    let mut text = format!("=ybegin line=128 size={} name={name}\r\n", octets.len()).into_bytes();
    for octet in octets {
        let coded = octet.wrapping_add(42);
        if matches!(coded, 0 | b'\r' | b'\n' | b'=') {
            text.extend([b'=', coded.wrapping_add(64)]);
        } else {
            text.push(coded);
        }
    }
    text.extend(format!("\r\n=yend size={}\r\n", octets.len()).bytes());
    text
}

/// A zip archive with one stored member (PKWARE's APPNOTE §4.3).
pub fn zip(name: &str, octets: &[u8]) -> Vec<u8> {
    let length = |octets: &[u8]| u32::try_from(octets.len()).unwrap();
    let crc = !octets.iter().fold(!0, |sum: u32, octet| {
        (0..8).fold(sum ^ u32::from(*octet), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    });
    let mut common: Vec<u8> = [20_u16, 0, 0, 0, 0x5821].iter().flat_map(|field| field.to_le_bytes()).collect();
    common.extend([crc, length(octets), length(octets)].iter().flat_map(|field| field.to_le_bytes()));
    common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    common.extend([0, 0]);
    let local = [b"PK\x03\x04".as_slice(), &common, name.as_bytes(), octets].concat();
    let central = [b"PK\x01\x02\x14\x00".as_slice(), &common, &[0; 14], name.as_bytes()].concat();
    let mut end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0".to_vec();
    end.extend(length(&central).to_le_bytes());
    end.extend(length(&local).to_le_bytes());
    end.extend([0, 0]);
    [local, central, end].concat()
}
