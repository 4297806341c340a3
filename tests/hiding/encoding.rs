//! Transfer encodings: honest ones, broken ones, and fields that say two things of them.

use super::{Case, attachment, mixed, payload};

/// The attachment with this said of its encoding, and this body.
fn case(name: &str, encoding: &str, body: &str) -> Case {
    Case::new(name, mixed(&format!("{}\r\n{body}", attachment(encoding))))
}

/// A text without name with this base64 for a body.
fn text_in(name: &str, body: &str) -> Case {
    Case::new(name, mixed(&format!("Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}\r\n")))
}

/// A text with this in it.
fn text(name: &str, body: impl AsRef<[u8]>) -> Case {
    let marker = "@@@";
    let message = mixed(&format!("Content-Type: text/plain\r\n\r\n{marker}"));
    let (before, behind) = message.split_once(marker).unwrap();
    Case::new(name, [before.as_bytes(), body.as_ref(), behind.as_bytes()].concat())
}

pub fn cases() -> Vec<Case> {
    let file = payload::test_file();
    let word = payload::base64_word(&file);
    let honest = payload::base64();
    let between = |with: &str| word.chars().map(|letter| format!("{letter}{with}")).collect::<String>() + "\r\n";
    let pieces =
        |octets: usize| file.chunks(octets).map(|piece| payload::base64_word(piece) + "\r\n").collect::<String>();
    let (one, two) = word.split_at(40);
    let quoted = payload::quoted(&file);
    let plain = payload::plain();
    vec![
        case("base64 in capitals", "BASE64", &honest),
        case("base64 behind white space", "\t base64 ", &honest),
        case("base64 in quotes", "\"base64\"", &honest),
        case("base64 with a semicolon", "base64;", &honest),
        case("base64 with a parameter", "base64; x=y", &honest),
        case("base64 with a comment", "base64 (x)", &honest),
        case("base64 behind a comment", "(x) base64", &honest),
        case("base64 and another word", "base64 7bit", &honest),
        case("base64 on a folded line", "\r\n base64", &honest),
        case("base64 called base-64", "base-64", &honest),
        case("base64 called x-base64", "x-base64", &honest),
        case("base64 as an encoded word", "=?us-ascii?q?base64?=", &honest),
        case("base64 with a NUL", "base64\0", &honest),
        case("base64 called 7bit first", "7bit\r\nContent-Transfer-Encoding: base64", &honest),
        case("base64 called 7bit last", "base64\r\nContent-Transfer-Encoding: 7bit", &honest),
        case("base64 called quoted-printable first", "quoted-printable\r\nContent-Transfer-Encoding: base64", &honest),
        case("base64 called quoted-printable last", "base64\r\nContent-Transfer-Encoding: quoted-printable", &honest),
        case("base64 called 7bit alone", "7bit", &honest).harmless("every reader saves the letters of base64"),
        case("base64 with exclamation marks inside", "base64", &between("!")),
        case("base64 with one exclamation mark", "base64", &format!("{one}!{two}\r\n")),
        case("base64 with hyphens inside", "base64", &between("-")),
        case("base64 with dots inside", "base64", &between(".")),
        case("base64 with spaces inside", "base64", &between(" ")),
        case("base64 with 8-bit letters inside", "base64", &between("ç")),
        case("base64 with NULs inside", "base64", &between("\0")),
        case("base64 with one letter a line", "base64", &between("\r\n")),
        case("base64 with blank lines", "base64", &payload::lines(&word, 8).replace("\r\n", "\r\n\r\n")),
        case("base64 on one line", "base64", &format!("{word}\r\n")),
        case("base64 on lines of one thousand", "base64", &format!("{}{word}\r\n", "QUFB".repeat(1000))),
        case("base64 in pieces with padding", "base64", &pieces(4)),
        case("base64 in pieces with padding, two octets each", "base64", &pieces(2)),
        case("base64 in two pieces with padding", "base64", &pieces(34)),
        case("base64 behind padding", "base64", &format!("QQ==\r\n{word}\r\n")),
        case("base64 behind an equals sign", "base64", &format!("={word}\r\n")),
        case("base64 behind a line of equals signs", "base64", &format!("====\r\n{word}\r\n")),
        case("base64 with too much padding", "base64", &format!("{word}====\r\n")),
        case("base64 without padding", "base64", &format!("{}\r\n", word.trim_end_matches('='))),
        case("text before base64", "base64", &format!("Segue o arquivo.\r\n\r\n{word}\r\n")),
        case("a word before base64", "base64", &format!("abc\r\n{word}\r\n"))
            .harmless("its three letters shift all that follows: decoded it is something else"),
        case("a mark before base64", "base64", &format!("\\\r\n{word}\r\n")),
        case("text behind base64", "base64", &format!("{word}\r\n-- \r\nAna\r\n")),
        case("text amid base64", "base64", &format!("{one}\r\n(segue)\r\n{two}\r\n")),
        case("a field before base64", "base64", &format!("X-A: 1\r\n\r\n{word}\r\n")),
        case("blank lines before base64", "base64", &format!("\r\n\r\n\r\n{word}\r\n")),
        case("base64 quoted as in an answer", "base64", &payload::lines(&word, 40).replace("\r\n", "\r\n> ")),
        case("quoted-printable", "quoted-printable", &quoted),
        case("quoted-printable in small letters", "quoted-printable", &quoted.to_ascii_lowercase()),
        case(
            "quoted-printable with white space before its soft breaks",
            "quoted-printable",
            &quoted.replace("=\r\n", "= \t\r\n"),
        ),
        case(
            "quoted-printable with a soft break behind each octet",
            "quoted-printable",
            &payload::lines(&plain, 1).replace("\r\n", "=\r\n"),
        ),
        case("quoted-printable with a broken escape before it", "quoted-printable", &format!("=ZZ{quoted}")),
        case(
            "quoted-printable with broken escapes inside",
            "quoted-printable",
            &payload::lines(&plain, 10).replace("\r\n", "=\t x\r\n"),
        )
        .harmless("no reader leaves out what stands behind the broken escape"),
        case("quoted-printable called qp", "qp", &quoted).harmless("every reader saves the escapes"),
        case("quoted-printable called quoted_printable", "quoted_printable", &quoted),
        case("not encoded, called 8bit", "8bit", &plain),
        case("not encoded, called binary", "binary", &plain),
        case("not encoded, called nothing", "", &plain),
        case("not encoded, called base64", "base64", &plain).harmless("decoded it is something else, in every reader"),
        case("uuencode called x-uuencode", "x-uuencode", &payload::uuencoded("a.com", &file)),
        case("uuencode called uuencode", "uuencode", &payload::uuencoded("a.com", &file)),
        case("uuencode called x-uue", "x-uue", &payload::uuencoded("a.com", &file)),
        text_in("a text without name in pieces of base64 with padding", &pieces(4)),
        text_in(
            "a text without name, a long line of base64 behind padding",
            &format!("QQ==\r\n {}{word}\r\n", "QUFB".repeat(600)),
        ),
        text_in("a text without name in two pieces of base64", &pieces(34)),
        text_in("a text without name in pieces of base64 on one line", &pieces(4).replace("\r\n", "")),
        text("uuencode in a text", payload::uuencoded("a.com", &file)),
        text("uuencode in a text, behind a greeting", format!("Segue.\r\n\r\n{}", payload::uuencoded("a.com", &file))),
        text("uuencode of base64 in a text", format!("begin-base64 644 a.com\r\n{honest}====\r\n")),
        text("yEnc in a text", payload::yencoded("a.com", &file)),
        Case::new(
            "uuencode in a message without MIME",
            format!("{}\r\n{}", super::HEAD, payload::uuencoded("a.com", &file)),
        ),
    ]
}
