//! One subject in hundreds of ways: disguises of its letters, and ways to write each of them into a header field.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use encoding_rs::Encoding;

use crate::chance::Chance;

/// The subject.
pub const TEXT: &str = "Seu boleto de cobrança vence hoje";

/// What is compared, whatever was done to it.
pub const FOLDED: &str = "seu boleto de cobranca vence hoje";

/// Every spelling with its name: all plain ways in all charsets, all disguises in some ways, and some of both by chance.
pub fn all(chance: &mut Chance) -> Vec<(String, Vec<u8>)> {
    let mut spellings = Vec::new();
    for charset in CHARSETS {
        for (way, write) in WAYS {
            spellings.push((format!("{charset} {way}"), write(TEXT, charset, chance)));
        }
    }
    for (disguise, text) in disguises(chance) {
        for (way, write) in WAYS.iter().step_by(2) {
            for charset in ["utf-8", "gb18030", "utf-16be"] {
                spellings.push((format!("{disguise}, {charset} {way}"), write(&text, charset, chance)));
            }
        }
        spellings.push((format!("{disguise}, raw"), [b" ", text.as_bytes()].concat()));
    }
    for round in 0..200 {
        let text = mixed(chance);
        let (way, write) = *chance.of(WAYS);
        spellings.push((format!("mixture {round}, {way}"), write(&text, "utf-8", chance)));
    }
    spellings.extend(oddities());
    spellings
}

/// Each has `ç`.
const CHARSETS: [&str; 12] = [
    "utf-8",
    "iso-8859-1",
    "iso-8859-15",
    "windows-1252",
    "iso-8859-2",
    "iso-8859-3",
    "windows-1254",
    "windows-1250",
    "macintosh",
    "gb18030",
    "utf-16le",
    "utf-16be",
];

type Write = fn(&str, &str, &mut Chance) -> Vec<u8>;

/// Ways to write a text as encoded words (RFC 2047), honest and not.
const WAYS: &[(&str, Write)] = &[
    ("Q", |text, charset, _| words(&[octets(text, charset)], charset, |_| Q, b" ")),
    ("B", |text, charset, _| words(&[octets(text, charset)], charset, |_| B, b" ")),
    ("Q, small hex, everything escaped", |text, charset, _| words(&[octets(text, charset)], charset, |_| HEX, b" ")),
    ("B, no padding", |text, charset, _| words(&[octets(text, charset)], charset, |_| BARE, b" ")),
    ("Q and B by turns, split at characters", |text, charset, chance| {
        let pieces: Vec<_> = split(text, chance).iter().map(|piece| octets(piece, charset)).collect();
        words(&pieces, charset, |at| if at % 2 == 0 { Q } else { B }, b" ")
    }),
    ("B, split inside a character, folded with tabs", |text, charset, chance| {
        words(&split_octets(&octets(text, charset), chance), charset, |_| B, b"\r\n\t")
    }),
    ("Q, split inside a character, folded with spaces", |text, charset, chance| {
        words(&split_octets(&octets(text, charset), chance), charset, |_| Q, b"\r\n  ")
    }),
    ("in capitals, with a language", |text, charset, _| {
        words(&[octets(text, charset)], &format!("{}*pt-BR", charset.to_uppercase()), |_| B, b" ")
    }),
    ("behind prefixes", |text, charset, _| {
        [b" RE: Enc[2]: RES :", words(&[octets(text, charset)], charset, |_| Q, b" ").as_slice()].concat()
    }),
    ("some words of it", |text, charset, chance| some_words(text, charset, chance)),
];

type Transfer = fn(&[u8]) -> String;

const Q: Transfer = |octets| format!("Q?{}", octets.iter().map(|&octet| escaped(octet)).collect::<String>());
const HEX: Transfer = |octets| format!("q?{}", octets.iter().map(|octet| format!("={octet:02x}")).collect::<String>());
const B: Transfer = |octets| format!("B?{}", STANDARD.encode(octets));
const BARE: Transfer = |octets| format!("b?{}", STANDARD.encode(octets).trim_end_matches('='));

fn escaped(octet: u8) -> String {
    match octet {
        b' ' => "_".to_owned(),
        octet if octet.is_ascii_alphanumeric() => char::from(octet).to_string(),
        octet => format!("={octet:02X}"),
    }
}

fn words(pieces: &[Vec<u8>], label: &str, transfer: impl Fn(usize) -> Transfer, gap: &[u8]) -> Vec<u8> {
    let written = pieces.iter().enumerate().map(|(at, piece)| {
        let octets = format!("=?{label}?{}?=", transfer(at)(piece)).into_bytes();
        [gap, &octets].concat()
    });
    written.collect::<Vec<_>>().concat()
}

/// A text in a charset that has it.
fn octets(text: &str, charset: &str) -> Vec<u8> {
    match charset {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => {
            let (octets, _, lossy) = Encoding::for_label(charset.as_bytes()).unwrap().encode(text);
            assert!(!lossy, "{charset} has {text}");
            octets.into_owned()
        }
    }
}

/// In pieces of a few characters.
fn split(text: &str, chance: &mut Chance) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        if chance.below(4) == 0 {
            pieces.push(String::new());
        }
        pieces.last_mut().unwrap().push(c);
    }
    pieces
}

/// In pieces of a few octets, whatever they are.
fn split_octets(octets: &[u8], chance: &mut Chance) -> Vec<Vec<u8>> {
    let (mut pieces, mut rest) = (Vec::new(), octets);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.len().min(1 + chance.below(5)));
        pieces.push(piece.to_vec());
        rest = behind;
    }
    pieces
}

/// ASCII words as they are, by chance; what stands between two encoded words is encoded with the first.
fn some_words(text: &str, charset: &str, chance: &mut Chance) -> Vec<u8> {
    let mut written = Vec::new();
    for word in text.split(' ') {
        written.push(b' ');
        if word.is_ascii() && chance.below(2) == 0 {
            written.extend(word.bytes());
        } else {
            let piece = [octets(&format!("{word} "), charset)];
            written.extend(words(&piece, charset, |_| B, b""));
        }
    }
    written
}

/// The text in other letters, or with others between.
fn disguises(chance: &mut Chance) -> Vec<(&'static str, String)> {
    let each = |change: &dyn Fn(char) -> String| TEXT.chars().map(change).collect::<String>();
    let behind = |mark: &str| each(&|c| format!("{c}{mark}"));
    let from = |rows: &[(&str, &str)]| each(&|c| picked(c, rows, 0).unwrap_or(c).to_string());
    let shifted = |small: u32, large: u32| {
        each(&|c| {
            let base = if c.is_ascii_lowercase() { small - 'a' as u32 } else { large - 'A' as u32 };
            char::from_u32(c as u32 + base).filter(|_| c.is_ascii_alphabetic()).unwrap_or(c).to_string()
        })
    };
    vec![
        ("capitals", TEXT.to_uppercase()),
        ("no accents", TEXT.replace('ç', "c")),
        ("accents of their own", TEXT.replace('ç', "c\u{327}")),
        ("accents on everything", each(&|c| if c == ' ' { c.into() } else { format!("{c}\u{301}") })),
        ("wide spaces", TEXT.replace(' ', " \u{2003}\u{a0}\t")),
        ("blanks", TEXT.replace(' ', "\u{2800}\u{3000}")),
        ("zero-width spaces", behind("\u{200b}")),
        ("soft hyphens", behind("\u{ad}")),
        ("joiners", behind("\u{200d}\u{2060}")),
        ("bidirectional marks", format!("\u{202a}{}\u{202c}", behind("\u{200e}"))),
        ("variation selectors", behind("\u{fe0f}")),
        ("tags", behind("\u{e0061}")),
        ("controls", behind("\u{7f}\0")),
        ("full width", shifted(0xff41, 0xff21)),
        ("mathematical bold", shifted(0x1d41a, 0x1d400)),
        ("mathematical script", shifted(0x1d4ea, 0x1d4d0)),
        ("mathematical fraktur", shifted(0x1d586, 0x1d56c)),
        ("mathematical monospace", shifted(0x1d68a, 0x1d670)),
        ("circled", shifted(0x24d0, 0x24b6)),
        ("Cyrillic", from(CYRILLIC)),
        ("Greek", from(GREEK)),
        ("small capitals", from(SMALL_CAPITALS)),
        ("white on black", each(&|c| white_on_black(c, 0x1f150))),
        ("white on black, squares", each(&|c| white_on_black(c, 0x1f170))),
        ("strokes", TEXT.replace('b', "ƀ").replace('o', "ø").replace('l', "ł").replace('t', "ŧ").replace('d', "đ")),
        ("every letter from anywhere", anywhere(chance)),
    ]
}

fn white_on_black(c: char, first: u32) -> String {
    let large = c.to_ascii_uppercase();
    let shifted = char::from_u32(first + (large as u32).wrapping_sub('A' as u32) % 0x100);
    shifted.filter(|_| c.is_ascii_alphabetic()).unwrap_or(c).to_string()
}

/// Written by hand, and not from the table of the program: what a spammer's own list would have.
const CYRILLIC: &[(&str, &str)] = &[
    ("a", "а"),
    ("c", "сС"),
    ("d", "ԁ"),
    ("e", "еЕ"),
    ("h", "һН"),
    ("j", "јЈ"),
    ("l", "ӏЛ"),
    ("o", "оО"),
    ("S", "Ѕ"),
    ("s", "ѕ"),
    ("v", "ѵ"),
    ("ç", "ҫ"),
];
const GREEK: &[(&str, &str)] =
    &[("a", "αΑ"), ("b", "Β"), ("e", "Ε"), ("h", "Η"), ("n", "ηΝ"), ("o", "οΟ"), ("t", "Τ"), ("u", "υ"), ("v", "ν")];
const SMALL_CAPITALS: &[(&str, &str)] = &[
    ("a", "ᴀ"),
    ("b", "ʙ"),
    ("c", "ᴄ"),
    ("d", "ᴅ"),
    ("e", "ᴇ"),
    ("h", "ʜ"),
    ("j", "ᴊ"),
    ("l", "ʟ"),
    ("n", "ɴ"),
    ("o", "ᴏ"),
    ("r", "ʀ"),
    ("s", "ꜱ"),
    ("S", "ꜱ"),
    ("t", "ᴛ"),
    ("u", "ᴜ"),
    ("v", "ᴠ"),
];
/// More Cyrillic, Armenian, Cherokee, Lisu, Coptic, syllabics, and single letters of others.
const FURTHER: &[(&str, &str)] = &[
    ("b", "ВЬᏴꓐⲂᗷ"),
    ("c", "Ꮯꓚⲥᑕ"),
    ("d", "ᎠꓓᗪɗⅮ"),
    ("e", "Ꭼꓰєℯ"),
    ("h", "հᎻꓧᕼℎ"),
    ("j", "յᎫꓙᒍ"),
    ("l", "ᏞꓡᒪɭℓⅬ"),
    ("n", "пոꓠᑎŋ"),
    ("o", "օꓳⲟჿס"),
    ("r", "гᎡꓣᖇɾ"),
    ("s", "Տꓢᔕʂ"),
    ("t", "тТᎢꓔⲧƭ"),
    ("u", "սꓴᑌʊ"),
    ("v", "ᏙꓦᐯⅤ"),
];

fn picked(c: char, rows: &[(&str, &str)], at: usize) -> Option<char> {
    let (_, alike) = rows.iter().find(|(letter, _)| letter.starts_with(c))?;
    alike.chars().nth(at % alike.chars().count())
}

fn anywhere(chance: &mut Chance) -> String {
    let replaced = TEXT.chars().map(|c| {
        let rows = *chance.of(&[CYRILLIC, GREEK, SMALL_CAPITALS, FURTHER]);
        picked(c, rows, chance.below(9)).unwrap_or(c)
    });
    replaced.collect()
}

/// Everything at once, letter by letter.
fn mixed(chance: &mut Chance) -> String {
    let mut text = String::from(*chance.of(&["", "", "Re: ", "RES: ENC: ", "[Externo] ", "Fwd (2): "]));
    for c in anywhere(chance).chars() {
        match (c, chance.below(6)) {
            (' ', _) => text.push_str(chance.of::<&str>(&[" ", "  ", "\t", "\u{a0}", " \u{200b} "])),
            (c, 0) => text.push(c.to_ascii_uppercase()),
            (c, 1) if c.is_ascii_alphabetic() => text.push(char::from_u32(c as u32 + 0xfee0).unwrap()),
            (c, 2) => text.extend([c, *chance.of(&['\u{200b}', '\u{ad}', '\u{2060}', '\u{feff}', '\u{fe0e}'])]),
            (c, 3) => text.extend([c, *chance.of(&['\u{301}', '\u{323}', '\u{338}', '\u{20dd}'])]),
            (c, _) => text.push(c),
        }
    }
    text
}

/// Spellings that are no encoded words of an honest label: raw octets, labels that are wrong, words inside words.
fn oddities() -> Vec<(String, Vec<u8>)> {
    let latin = octets(TEXT, "windows-1252");
    let mut odd: Vec<(String, Vec<u8>)> = vec![
        ("raw UTF-8".into(), [b" ", TEXT.as_bytes()].concat()),
        ("raw Windows-1252".into(), [b" ", latin.as_slice()].concat()),
        ("raw, folded with tabs".into(), TEXT.replace(' ', "\r\n\t").into_bytes()),
        ("raw Windows-1252, folded".into(), [b"\r\n ", latin.as_slice(), b" \r\n\t"].concat()),
        ("a word inside a word".into(), b" Seu bol=?utf-8?q?et?=o de cobran=?utf-8?b?w6c=?=a vence hoje".to_vec()),
        ("inside quotes".into(), b" Seu =?iso-8859-1?q?boleto_de_cobran=E7?=a vence hoje".to_vec()),
        ("UTF-7".into(), b" =?utf-7?Q?Seu_boleto_de_cobran+AOc-a_vence_hoje?=".to_vec()),
        ("UTF-7, all of it".into(), [b" =?unicode-1-1-utf-7?q?", utf7(TEXT).as_bytes(), b"?="].concat()),
    ];
    for label in ["us-ascii", "ascii", "iso-8859-1", "latin1", "x-unknown", "iso8859-1", "cp1252", "", "iso-8859-99"] {
        odd.push((format!("Windows-1252 called {label}, Q"), words(std::slice::from_ref(&latin), label, |_| Q, b" ")));
        odd.push((format!("Windows-1252 called {label}, B"), words(std::slice::from_ref(&latin), label, |_| B, b" ")));
    }
    for label in ["UTF8", "unicode-1-1-utf-8", "unknown-8bit", "x-utf-8", "default"] {
        let utf8 = [TEXT.as_bytes().to_vec()];
        odd.push((format!("UTF-8 called {label}"), words(&utf8, label, |_| Q, b" ")));
    }
    odd
}

/// All of it shifted (RFC 2152).
fn utf7(text: &str) -> String {
    let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    format!("+{}-", STANDARD.encode(octets).trim_end_matches('='))
}
