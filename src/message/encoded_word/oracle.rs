//! Our reading beside mail-parser's: where they agree, and where we know that they do not.

use mail_parser::MessageParser;

use super::decode;

fn theirs(subject: &[u8]) -> String {
    let message = [b"Subject: ", subject, b"\r\n\r\n"].concat();
    let parser = MessageParser::new().header_text(mail_parser::HeaderName::Subject);
    let parsed = parser.parse_headers(&message).expect("a message with one header field");
    parsed.subject().unwrap_or_default().to_owned()
}

#[test]
fn well_formed_subjects_read_alike() {
    let subjects = [
        "Ata da reunião de 21/11",
        "Re: boleto",
        "=?utf-8?q?Cobran=C3=A7a?=",
        "=?UTF-8?B?Q29icmFuw6dh?=",
        "=?iso-8859-1?Q?Boleto_de_Cobran=E7a_-_URGENTE?=",
        "=?windows-1252?Q?=93Nota_Fiscal=94_n=BA_123?=",
        "=?utf-8?q?a?= =?utf-8?q?b?=",
        "=?utf-8?q?a?=\r\n =?utf-8?q?b?=",
        "=?utf-8?Q?2=C2=AA_via?= do boleto",
        "Pedido =?utf-8?q?n=C2=BA?= 7",
        "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=",
        "=?koi8-r?B?wsHOyw==?=",
        "=?utf-8*pt?Q?cobran=C3=A7a?=",
        "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
        "=?utf-7?q?cobran+AOc-a?=",
        "=?utf-8?q?a=0D=0Ab?=",
        "1 + 1 = 2?",
    ];
    for subject in subjects {
        let unfolded = subject.replace("\r\n", "");
        assert_eq!(decode(unfolded.as_bytes()), theirs(subject.as_bytes()), "{subject}");
    }
}

#[test]
fn where_the_readings_differ_ours_is_the_one_that_people_see() {
    // (subject, ours, mail-parser 0.11.9's). If an update of mail-parser moves its reading, the row says what moved.
    let rows: &[(&[u8], &str, &str)] = &[
        // A space that nobody wrote, and with it two words for a rule where the person reads one.
        (b"vi=?utf-8?q?agra?=", "viagra", "vi agra"),
        (b"=?utf-8?q?vi?=agra", "viagra", "vi agra"),
        (b"\"=?utf-8?q?viagra?=\"", "\"viagra\"", "\" viagra \""),
        // A character, a quantum, split between words.
        (b"=?utf-8?q?cobran=C3?= =?utf-8?q?=A7a?=", "cobrança", "cobran\u{fffd}\u{fffd}a"),
        (b"=?utf-8?b?Ym9sZXR?= =?utf-8?b?v?=", "boleto", "bol"),
        // No padding; foreign characters in base64, a broken `=` in Q.
        (b"=?utf-8?b?Ym9sZXRvcw?=", "boletos", "boleto"),
        (b"=?utf-8?b?Ym9s-ZX!Rv?=", "boleto", "=?utf-8?b?Ym9s-ZX!Rv?="),
        (b"=?utf-8?q?100=_=G1?=", "100= =G1", "=?utf-8?q?100=_=G1?="),
        // Charsets: unknown, none, given up by the WHATWG standard, UTF-7 without its `-`, a byte order mark.
        (b"=?x-none?q?=E7?=", "ç", "\u{fffd}"),
        (b"=??q?viagra?=", "viagra", "=??q?viagra?="),
        (b"=?iso-2022-kr?q?viagra?=", "viagra", "\u{fffd}"),
        (b"=?utf-7?q?+AHY-ia+AGc?= =?utf-7?q?ra?=", "viagra", "viara"),
        (b"=?utf-8?q?=EF=BB=BFa?=", "a", "\u{feff}a"),
        // 8-bit in no encoded word.
        (b"cobran\xe7a", "cobrança", "cobran\u{fffd}a"),
    ];
    for (subject, ours, others) in rows {
        assert_eq!(decode(subject), *ours, "{}", subject.escape_ascii());
        assert_eq!(theirs(subject), *others, "{}, read by mail-parser", subject.escape_ascii());
    }
}
