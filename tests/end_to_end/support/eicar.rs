//! The antivirus test file, and the wrappings in which a scanner has to find it.

use super::wire::{base64, crc32};

/// The EICAR test file. It stands here back to front: otherwise this source and the compiled test would be "infected" themselves.
pub fn test_file() -> Vec<u8> {
    r"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\4[PA@%P!O5X".bytes().rev().collect()
}

/// The wrappings, each a whole message, with a name for it.
pub fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let file = test_file();
    let attached = |name: &str, octets: &[u8]| with_attachment("Relatorio", name, octets);
    vec![
        ("bare", [b"Subject: teste\r\n\r\n".as_slice(), &file, b"\r\n"].concat()),
        ("in base64", attached("eicar.com", &file)),
        ("in a stored zip", attached("eicar.zip", &zip("eicar.com", &file, Packing::Stored))),
        ("in a deflated zip", attached("eicar.zip", &zip("eicar.com", &file, Packing::Deflated))),
        ("in a nested message", nested(&attached("eicar.com", &file))),
    ]
}

/// A message with a text and one attachment in base64.
fn with_attachment(subject: &str, name: &str, octets: &[u8]) -> Vec<u8> {
    format!(
        "From: a@origin.example\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"=_outer\"\r\n\r\n\
         --=_outer\r\nContent-Type: text/plain\r\n\r\nSegue o arquivo.\r\n\
         --=_outer\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\
         --=_outer--\r\n",
        base64(octets)
    )
    .into_bytes()
}

fn nested(inner: &[u8]) -> Vec<u8> {
    let before = "From: b@origin.example\r\nSubject: ENC: Relatorio\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"=_wrapping\"\r\n\r\n\
         --=_wrapping\r\nContent-Type: message/rfc822\r\n\r\n";
    [before.as_bytes(), inner, b"\r\n--=_wrapping--\r\n"].concat()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    Stored,
    Deflated,
}

/// An archive with one member, by PKWARE's APPNOTE §4.3: local header, member, central directory, end record.
fn zip(name: &str, octets: &[u8], packing: Packing) -> Vec<u8> {
    let packed = if packing == Packing::Stored { octets.to_vec() } else { deflate(octets) };
    let mut common = Vec::new(); // version needed .. extra field length, the same in both headers
    for field in [20_u16, 0, if packing == Packing::Stored { 0 } else { 8 }, 0, 0x5821] {
        common.extend_from_slice(&field.to_le_bytes());
    }
    for field in [crc32(octets), length(&packed), length(octets)] {
        common.extend_from_slice(&field.to_le_bytes());
    }
    common.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
    common.extend_from_slice(&[0, 0]);

    let local = [b"PK\x03\x04".as_slice(), &common, name.as_bytes(), &packed].concat();
    // Comment, disk, attributes inside and outside, offset of the local header: all nought.
    let central = [b"PK\x01\x02\x14\x00".as_slice(), &common, &[0; 14], name.as_bytes()].concat();
    let mut end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0".to_vec();
    end.extend_from_slice(&length(&central).to_le_bytes());
    end.extend_from_slice(&length(&local).to_le_bytes());
    end.extend_from_slice(&[0, 0]);
    [local, central, end].concat()
}

fn length(octets: &[u8]) -> u32 {
    u32::try_from(octets.len()).unwrap()
}

/// One block of fixed Huffman codes without a single repetition (RFC 1951 §3.2.6), for ASCII alone: a literal below 144 has the eight
/// bits 0x30 + literal, most significant first; the end of the block has seven zeros.
fn deflate(ascii: &[u8]) -> Vec<u8> {
    let mut bits = vec![true, true, false]; // the last block; type 01, least significant bit first
    for literal in ascii {
        assert!(*literal < 144);
        let code = 0x30 + literal;
        bits.extend((0..8).rev().map(|bit| code >> bit & 1 == 1));
    }
    bits.extend([false; 7]);
    // Bits fill an octet from the least significant one on; a short last octet is zeros above.
    bits.chunks(8).map(|octet| octet.iter().rev().fold(0, |sum, bit| sum << 1 | u8::from(*bit))).collect()
}

#[test]
fn the_test_file_is_the_one_that_eicar_publishes() {
    let published = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
    assert_eq!((test_file().len(), super::trace::sha256(&test_file()).as_str()), (68, published));
}
