//! One subject in all the ways in which mail programs write it.

use super::wire::base64_word;

/// The phrase that the rule of the cases looks for, as people write it.
pub const PHRASE: &str = "2ª via do boleto de cobrança";

/// Whole field bodies that say the phrase (with CRLF where folded), each with a name.
pub fn encodings_of_the_phrase() -> Vec<(&'static str, Vec<u8>)> {
    let text = format!("Segue a {PHRASE} vencido");
    let utf8 = text.as_bytes();
    let latin1 = latin1(&text);
    // What only Windows-1252 has: quotation marks and a dash, in 0x80 to 0x9f.
    let windows = [&[0x93], latin1.as_slice(), &[0x94, b' ', 0x96, b' '], b"urgente"].concat();
    let cut = text.find("bole").unwrap() + 2;
    let (first, second) = utf8.split_at(cut);
    // In the middle of the two octets of ç: RFC 2047 §5 forbids it, and mail programs do it.
    let (left, right) = utf8.split_at(text.find('ç').unwrap() + 1);
    vec![
        ("Q in UTF-8", q("UTF-8", utf8).into_bytes()),
        ("B in UTF-8", b("utf-8", utf8).into_bytes()),
        ("Q in ISO-8859-1", q("iso-8859-1", &latin1).into_bytes()),
        ("B in ISO-8859-1", b("ISO-8859-1", &latin1).into_bytes()),
        ("Q in Windows-1252", q("windows-1252", &windows).into_bytes()),
        ("B in Windows-1252", b("Windows-1252", &windows).into_bytes()),
        ("split over two words", format!("{} {}", q("utf-8", first), b("utf-8", second)).into_bytes()),
        ("split within a character", format!("{}\r\n {}", b("utf-8", left), b("utf-8", right)).into_bytes()),
        ("raw 8-bit in UTF-8", utf8.to_vec()),
        ("raw 8-bit in ISO-8859-1", latin1),
        ("folded over lines", text.replace(" via ", "\r\n via\r\n\t").into_bytes()),
        (
            "encoded words folded over lines",
            format!("=?utf-8?Q?Segue_a_2=C2=AA?=\r\n\t{}", q("utf-8", &utf8[11..])).into_bytes(),
        ),
        ("shouted, without accents", b"2A  VIA DO BOLETO DE COBRANCA".to_vec()),
        ("behind reply prefixes", format!("RES: ENC: {PHRASE}").into_bytes()),
        ("decomposed accents", text.replace('ç', "c\u{327}").into_bytes()),
        ("a soft hyphen and a zero-width space inside", text.replace("bol", "bo\u{ad}l\u{200b}").into_bytes()),
    ]
}

/// Subjects that are near the phrase and not it.
pub fn near_misses() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("another order", "boleto de cobrança, 2ª via".as_bytes().to_vec()),
        ("part of a longer word", "2ª via do boleto de cobrançazinha".as_bytes().to_vec()),
        ("the phrase in base64, but not in an encoded word", base64_word(PHRASE.as_bytes()).into_bytes()),
        ("nothing", Vec::new()),
    ]
}

/// A message with this Subject field.
pub fn message_about(subject: &[u8]) -> Vec<u8> {
    [
        b"From: a@origin.example\r\nSubject: ".as_slice(),
        subject,
        b"\r\nDate: Sat, 21 Nov 2026 08:00:00 -0300\r\n\r\nSegue.\r\n",
    ]
    .concat()
}

/// A "Q" encoded word (RFC 2047 §4.2).
pub fn q(charset: &str, octets: &[u8]) -> String {
    let encode = |octet: &u8| match octet {
        b' ' => "_".to_owned(),
        octet if octet.is_ascii_alphanumeric() => char::from(*octet).to_string(),
        octet => format!("={octet:02X}"),
    };
    format!("=?{charset}?Q?{}?=", octets.iter().map(encode).collect::<String>())
}

/// A "B" encoded word (RFC 2047 §4.1).
pub fn b(charset: &str, octets: &[u8]) -> String {
    format!("=?{charset}?B?{}?=", base64_word(octets))
}

/// ISO 8859-1, whose octets are the first 256 code points.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

#[test]
fn the_encodings_say_what_they_claim() {
    let all = encodings_of_the_phrase();
    let find = |name| all.iter().find(|(n, _)| *n == name).unwrap().1.clone();
    assert!(find("Q in ISO-8859-1").windows(3).any(|octets| octets == b"=E7"), "ç is one octet");
    assert!(find("Q in UTF-8").windows(6).any(|octets| octets == b"=C3=A7"), "ç is two octets");
    assert!(find("raw 8-bit in ISO-8859-1").contains(&0xe7));
    assert!(find("encoded words folded over lines").windows(7).any(|octets| octets == b"?Q?_via"));
}
