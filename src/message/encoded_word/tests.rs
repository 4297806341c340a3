//! What every encoded word becomes, broken ones above all: one row a reading.

use std::time::Duration;

use super::{Head, Word, decode, next_word};

fn check(sentence: &str, rows: &[(&[u8], &str)]) {
    for (body, expected) in rows {
        assert_eq!(decode(body), *expected, "{sentence}: {}", body.escape_ascii());
    }
}

#[test]
fn the_two_encodings() {
    check(
        "Q: `_` is a space, `=XX` an octet, of either case; the letter of the encoding too",
        &[
            (b"=?iso-8859-1?Q?Boleto_de_Cobran=E7a_-_URGENTE?=", "Boleto de Cobrança - URGENTE"),
            (b"=?ISO-8859-1?q?cobran=e7a?=", "cobrança"),
            (b"=?utf-8?q?a=5Fb=3D=3F?=", "a_b=?"),
            (b"=?utf-8?q??=", ""),
        ],
    );
    check(
        "B: base64, padded or not",
        &[
            (b"=?utf-8?B?Q29icmFuw6dh?=", "Cobrança"),
            (b"=?utf-8?b?Qm9sZXRv?=", "Boleto"),
            (b"=?utf-8?b?Ym9sZXRvcw==?=", "boletos"),
            (b"=?utf-8?b?Ym9sZXRvcw?=", "boletos"),
            (b"=?utf-8?b?Ym9sZXRvIDI=?=", "boleto 2"),
            (b"=?utf-8?b?Ym9sZXRvIDI?=", "boleto 2"),
        ],
    );
    check("a language behind the charset (RFC 2231 \u{a7}5)", &[(b"=?utf-8*pt-BR?Q?cobran=C3=A7a?=", "cobrança")]);
}

#[test]
fn words_among_other_text() {
    check(
        "white space between two words goes, that between a word and text stays",
        &[
            (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
            (b"=?utf-8?q?a?= \t  =?utf-8?b?Yg==?=", "ab"),
            (b"=?utf-8?q?a?= b  =?utf-8?q?c?=", "a b  c"),
            (b" =?utf-8?q?a?= ", " a "),
            (b"=?utf-8?q?a_?= =?iso-8859-1?q?b?=", "a b"),
        ],
    );
    check(
        "a word counts wherever it stands: RFC 2047 \u{a7}5 wants white space around it, Outlook and Gmail do not",
        &[
            (b"vi=?utf-8?q?agra?=", "viagra"),
            (b"=?utf-8?q?vi?=agra", "viagra"),
            (b"=?utf-8?q?vi?==?utf-8?q?agra?=", "viagra"),
            (b"\"=?utf-8?q?viagra?=\"", "\"viagra\""),
        ],
    );
    check(
        "folded: header_section leaves the white space, a body that is still folded reads the same",
        &[
            (b"=?utf-8?q?bo?=\t=?utf-8?q?leto?=", "boleto"),
            (b"=?utf-8?q?bo?=\r\n =?utf-8?q?leto?=", "boleto"),
            (b"boleto\t=?utf-8?q?vencido?=", "boleto\tvencido"),
        ],
    );
    let long = format!("=?utf-8?q?{}?=", "a".repeat(5000));
    assert_eq!(decode(long.as_bytes()), "a".repeat(5000), "a word may be longer than 75 characters");
}

#[test]
fn neighbours_in_one_charset_are_one_text() {
    check(
        "a character split between words",
        &[
            (b"=?utf-8?q?cobran=C3?= =?utf-8?q?=A7a?=", "cobrança"),
            (b"=?utf-8?q?cobran=C3?= =?UTF8?b?p2E=?=", "cobrança"),
            (b"=?utf-8?b?Y29icmFuw?= =?utf-8?b?6dh?=", "cobrança"),
            (b"=?utf-16be?b?AOcA?= =?utf-16be?b?4Q==?=", "çá"),
        ],
    );
    check(
        "a base64 quantum split between words, or only left without padding",
        &[
            (b"=?utf-8?b?Ym9sZXR?= =?utf-8?b?v?=", "boleto"),
            (b"=?utf-8?b?Ym9sZ?= =?utf-8?b?XRv?=", "boleto"),
            (b"=?utf-8?b?Y?= =?utf-8?b?m9?= =?utf-8?b?s?=", "bol"),
            (b"=?utf-8?b?Ym9sZX?= =?utf-8?b?R?= =?utf-8?b?v?=", "boleto"),
            (b"=?utf-8?b?YWI?= =?utf-8?b?x?=", "ab1"),
            (b"=?utf-8?b?Ym8?= =?utf-8?b?bGV0bw?=", "boleto"),
            (b"=?utf-8?b?Ym8=?= =?utf-8?b?bGV0bw==?=", "boleto"),
            (b"=?utf-8?b?Y?= =?utf-8?q?x?=", "x"),
        ],
    );
    check(
        "another charset, or text between them, ends it",
        &[
            (b"=?utf-8?q?=C3?= =?iso-8859-1?q?=A7?=", "\u{fffd}§"),
            (b"=?utf-8?q?=C3?= x =?utf-8?q?=A7?=", "\u{fffd} x \u{fffd}"),
        ],
    );
}

#[test]
fn charsets() {
    check(
        "by the names of the WHATWG standard: ISO-8859-1 and US-ASCII are Windows-1252, as readers have it",
        &[
            (b"=?iso-8859-1?q?=80_=E7?=", "€ ç"),
            (b"=?us-ascii?q?=E7?=", "ç"),
            (b"=?windows-1252?q?=93a=94?=", "“a”"),
            (b"=?iso-8859-15?q?=A4?=", "€"),
            (b"=?utf-8?q?=E2=82=AC?=", "€"),
            (b"=?koi8-r?q?=C2=CF?=", "бо"),
            (b"=?gb18030?b?1tDOxA==?=", "中文"),
            (b"=?shift_jis?b?k/qWew==?=", "日本"),
        ],
    );
    check(
        "ISO-2022-JP with its escapes, in one word or in two",
        &[
            (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
            (b"=?iso-2022-jp?B?GyRCRnwbKEI=?= =?iso-2022-jp?B?GyRCS1wbKEI=?=", "日本"),
        ],
    );
    check(
        "UTF-16: little endian unless a byte order mark says otherwise",
        &[
            (b"=?utf-16?b?YgBvAA==?=", "bo"),
            (b"=?utf-16?b?/v8AYgBv?=", "bo"),
            (b"=?utf-16le?b?//5iAG8A?=", "bo"),
            (b"=?utf-16be?b?77u/AA==?=", "\u{efbb}\u{bf00}"),
        ],
    );
    check(
        "UTF-7, each word for itself",
        &[(b"=?utf-7?q?cobran+AOc-a?=", "cobrança"), (b"=?UTF-7?Q?+AHY-ia+AGc?= =?unicode-1-1-utf-7?q?ra?=", "viagra")],
    );
    check(
        "a byte order mark changes no charset of another width",
        &[(b"=?utf-8?q?=EF=BB=BFa?=", "a"), (b"=?windows-1252?q?=EF=BB=BFa?=", "ï»¿a")],
    );
    check(
        "octets that the charset does not have",
        &[(b"=?utf-8?q?cobran=E7a?=", "cobran\u{fffd}a"), (b"=?utf-8?q?a=ED=A0=80?=", "a\u{fffd}\u{fffd}\u{fffd}")],
    );
    check(
        "unknown, empty, and given up by the standard: as octets without a charset",
        &[
            (b"=?x-none?q?viagra_=E7?=", "viagra ç"),
            (b"=?x-none?q?=C3=A7?=", "ç"),
            (b"=??q?viagra?=", "viagra"),
            (b"=?iso-2022-kr?q?viagra?=", "viagra"),
            (b"=?hz-gb-2312?q?viagra?=", "viagra"),
        ],
    );
}

#[test]
fn octets_in_no_encoded_word() {
    check(
        "8-bit: UTF-8 if all of it is, else Windows-1252",
        &[
            ("cobrança €".as_bytes(), "cobrança €"),
            (b"cobran\xe7a \x80", "cobrança €"),
            (b"\xc3\xa7 =?utf-8?q?=C3=A7?= \xe7", "Ã§ ç ç"),
            (b"\xc3\xa7 =?iso-8859-1?q?=E7?= \xc3\xa7", "ç ç ç"),
        ],
    );
    check(
        "8-bit inside a word is of the word's charset",
        &[(b"=?utf-8?q?\xc3\xa7?= \xe7", "ç ç"), (b"=?latin1?q?\xe7?=", "ç")],
    );
    check("controls pass", &[(b"a\0b\rc\nd", "a\0b\rc\nd"), (b"=?utf-8?q?a=0D=0Ab=00?=", "a\r\nb\0")]);
}

#[test]
fn broken_words() {
    check(
        "what is no word stays as it is written",
        &[
            (b"=?utf-8?q?boleto", "=?utf-8?q?boleto"),
            (b"=?utf-8?q?boleto?", "=?utf-8?q?boleto?"),
            (b"=?utf-8?x?boleto?=", "=?utf-8?x?boleto?="),
            (b"=?utf-8?qq?boleto?=", "=?utf-8?qq?boleto?="),
            (b"=?utf 8?q?boleto?=", "=?utf 8?q?boleto?="),
            (b"=?utf-8?=", "=?utf-8?="),
            (b"=?", "=?"),
            (b"?= =? ?=", "?= =? ?="),
            (b"a=b?c", "a=b?c"),
        ],
    );
    check(
        "Q with spaces, question marks, broken `=`",
        &[
            (b"=?utf-8?q?bo le to?=", "bo le to"),
            (b"=?utf-8?q?a?b??=", "a?b?"),
            (b"=?utf-8?q?100=_=4_=G1_=?=", "100= =4 =G1 ="),
            (b"=?utf-8?q?==41?=", "=A"),
        ],
    );
    check(
        "B with white space, foreign characters, padding inside, a sextet too many",
        &[
            (b"=?utf-8?b?Ym9s ZXRv?=", "boleto"),
            (b"=?utf-8?b?Ym9s-ZX!Rv?=", "boleto"),
            (b"=?utf-8?b?Ym8=bGV0bw==?=", "boleto"),
            (b"=?utf-8?b?Ym9sY?=", "bol"),
            (b"=?utf-8?b?====?=", ""),
        ],
    );
    check(
        "of two heads before one end the second counts",
        &[
            (b"=?utf-8?q?x=?utf-8?q?viagra?=", "=?utf-8?q?xviagra"),
            (b"=?utf-8?q?x =?utf-8?b?dmlhZ3Jh?=", "=?utf-8?q?x viagra"),
        ],
    );
    let name = |size| format!("=?{}?q?a?=", "x".repeat(size));
    assert_eq!(decode(name(79).as_bytes()), "a", "the longest charset name that is looked for");
    assert_eq!(decode(name(80).as_bytes()), name(80), "one octet more");
}

/// The pairs of RFC 2047 §8: what is written and what is displayed.
#[test]
fn the_examples_of_the_rfc() {
    check(
        "names and the Subject",
        &[
            (b"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
            (b"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"),
            (b"=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
            (
                b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
                "If you can read this you understand the example.",
            ),
            (b"=?ISO-8859-1?Q?Olle_J=E4rnefors?=", "Olle Järnefors"),
            (b"=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik Fältström"),
            (b"(=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=)", "(םולש ןב ילטפנ)"),
        ],
    );
    check(
        "white space",
        &[
            (b"(=?ISO-8859-1?Q?a?=)", "(a)"),
            (b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
            (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
            (b"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
            (b"(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"),
            (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
            (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        ],
    );
}

#[test]
fn the_hostile_are_decoded_in_linear_time_and_bounded_space() {
    let size = 256 * 1024;
    for unit in [
        "=?",
        "=?a?q?",
        "=?utf-8?b?",
        "?=",
        "=?utf-8?q??=",
        "=?utf-8?q?a?= ",
        "=?utf-8?b?Y?= ",
        "=?utf-7?q?+A?=",
        "=?a?q?=?=",
        "=",
        "+",
        "=?utf-8?q?=FF?= ",
        "\u{fd}",
    ] {
        let body = unit.repeat(size / unit.len());
        for body in [
            body.clone().into_bytes(),
            [b"=?utf-7?q?", body.as_bytes(), b"?="].concat(),
            [&[0x80], body.as_bytes()].concat(),
        ] {
            let start = cpu();
            let text = decode(&body);
            let taken = cpu() - start;
            assert!(taken < Duration::from_secs(1), "{unit}: {taken:?}");
            assert!(text.len() <= 3 * body.len(), "{unit}: {} octets of {}", text.len(), body.len());
        }
    }
    let spaced = format!("=?a?q?b?={}=?a?q?c?=", " ".repeat(size));
    assert_eq!(decode(spaced.as_bytes()), "bc");
}

/// CPU time of this thread: what else the machine does must not fail the test.
fn cpu() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(spent).unwrap()
}

/// As [`next_word`] was first written: it stops at each equals sign too.
fn next_word_plainly(body: &[u8]) -> Option<(&[u8], Word<'_>, &[u8])> {
    let mut open: Option<(usize, Head)> = None;
    let mut at = 0;
    while at < body.len() {
        match (&body[at..], open) {
            (here @ [b'=', b'?', ..], _) if let Some(head) = Head::read(here) => {
                open = Some((at, head));
                at += head.size;
            }
            ([b'?', b'=', after @ ..], Some((start, head))) => {
                return Some((&body[..start], Word { head, encoded: &body[start + head.size..at] }, after));
            }
            _ => at += 1,
        }
    }
    None
}

#[test]
fn a_word_is_found_by_its_question_marks_as_it_is_octet_by_octet() {
    const TOKENS: [&str; 10] = ["=?", "?=", "=", "?", "q?", "=?u?q?", "=?u?b?x?=", "a", " ", "é"];
    let shown = |found: Option<(&[u8], Word<'_>, &[u8])>| {
        found.map(|(before, word, after)| (before.to_vec(), word.head.size, word.encoded.to_vec(), after.to_vec()))
    };
    for mut number in 0..TOKENS.len().pow(5) {
        let mut body = String::new();
        for _ in 0..5 {
            body.push_str(TOKENS[number % TOKENS.len()]);
            number /= TOKENS.len();
        }
        let body = body.as_bytes();
        assert_eq!(shown(next_word(body)), shown(next_word_plainly(body)), "{}", body.escape_ascii());
    }
}
