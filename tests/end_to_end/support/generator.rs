//! Messages by the thousand, the same ones at every run.

use super::{
    load::Letter,
    wire::{base64, base64_word},
};

/// A small generator of chance (splitmix64, by Steele, Lea and Flood), seeded.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Seeded.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// One of several.
    pub fn one_of<'a, T: ?Sized>(&mut self, choice: &[&'a T]) -> &'a T {
        choice[self.below(choice.len())]
    }

    /// Octets.
    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        let mut octets = Vec::with_capacity(count + 8);
        while octets.len() < count {
            octets.extend_from_slice(&self.next().to_le_bytes());
        }
        octets.truncate(count);
        octets
    }
}

/// The sizes of `count` messages: most are small, every size class up to 20 MB is there, and all together stay near 300 MB for 2,000.
fn size_of(index: usize, chance: &mut Chance) -> usize {
    match index {
        i if i % 500 == 7 => 20_000_000 - chance.below(100_000),
        i if i % 200 == 3 => 4_000_000 + chance.below(2_000_000),
        i if i % 50 == 1 => 800_000 + chance.below(600_000),
        i if i % 10 == 5 => 100_000 + chance.below(200_000),
        _ => (1_000 << chance.below(7)) + chance.below(1_000),
    }
}

/// The message of this number, of 1 KB to 20 MB, with its size class and kind chosen by the number alone.
pub fn message(index: usize) -> Vec<u8> {
    let mut chance = Chance::new(0x706f_7274_6172_6961 ^ index as u64);
    let size = size_of(index, &mut chance);
    let mut content = Vec::with_capacity(size + 2_000);
    header(index, &mut chance, &mut content);
    match index % 6 {
        0 => plain(size, &mut chance, &mut content),
        1 => multipart(size, &mut chance, &mut content),
        2 => eight_bit(size, &mut chance, &mut content),
        3 => long_lines(size, &mut chance, &mut content),
        4 => dots(size, &mut chance, &mut content),
        _ => alternatives(size, &mut chance, &mut content),
    }
    content
}

fn push(content: &mut Vec<u8>, line: &str) {
    content.extend_from_slice(line.as_bytes());
    content.extend_from_slice(b"\r\n");
}

fn header(index: usize, chance: &mut Chance, content: &mut Vec<u8>) {
    let words = sentence(chance, 6);
    push(content, "From: =?utf-8?Q?Jos=C3=A9?= <jose@origin.example>");
    push(content, "To: mailbox@tjpa.jus.br,");
    push(content, "\tsegunda.vara@tjpa.jus.br");
    match index % 3 {
        0 => push(content, &format!("Subject: {words} {index}")),
        1 => push(content, &format!("Subject: =?utf-8?B?{}?=\r\n =?utf-8?Q?_{index}?=", base64_word(words.as_bytes()))),
        _ => push(content, &format!("subject:{words}\r\n  \t {index}")),
    }
    push(content, "Date: Sat, 21 Nov 2026 08:00:00 -0300");
    push(content, &format!("Message-ID: <{index}.{:016x}@origin.example>", chance.next()));
    push(content, "X-Empty:");
    push(content, "MIME-Version: 1.0");
}

fn sentence(chance: &mut Chance, words: usize) -> String {
    const WORDS: [&str; 16] = [
        "processo",
        "vara",
        "audiência",
        "despacho",
        "juntada",
        "petição",
        "prazo",
        "intimação",
        "ata",
        "reunião",
        "certidão",
        "autos",
        "custas",
        "recurso",
        "sessão",
        "pauta",
    ];
    (0..words).map(|_| chance.one_of(&WORDS)).collect::<Vec<_>>().join(" ")
}

fn plain(size: usize, chance: &mut Chance, content: &mut Vec<u8>) {
    push(content, "Content-Type: text/plain; charset=us-ascii\r\n");
    while content.len() < size {
        let line: String = sentence(chance, 8).chars().filter(char::is_ascii).collect();
        push(content, &line);
    }
}

fn multipart(size: usize, chance: &mut Chance, content: &mut Vec<u8>) {
    push(content, "Content-Type: multipart/mixed;\r\n boundary=\"=_um_dois\"\r\n\r\nthe preamble\r\n--=_um_dois");
    push(content, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n");
    push(content, &sentence(chance, 12));
    push(content, "--=_um_dois\r\nContent-Type: application/octet-stream; name=\"anexo.bin\"");
    push(content, "Content-Disposition: attachment; filename=\"anexo.bin\"\r\nContent-Transfer-Encoding: base64\r\n");
    while content.len() < size {
        let octets = chance.octets(57 * 64);
        content.extend_from_slice(base64(&octets).as_bytes());
    }
    push(content, "--=_um_dois--\r\nthe epilogue");
}

fn eight_bit(size: usize, chance: &mut Chance, content: &mut Vec<u8>) {
    push(content, "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n");
    while content.len() < size {
        let count = chance.below(200);
        // Every octet but NUL, CR and LF: Postfix, through which these go, keeps all of them.
        content.extend(chance.octets(count).into_iter().filter(|octet| !matches!(octet, 0 | b'\r' | b'\n')));
        content.extend_from_slice(b"\r\n");
    }
}

fn long_lines(size: usize, chance: &mut Chance, content: &mut Vec<u8>) {
    push(content, "Content-Type: text/html; charset=us-ascii\r\n");
    while content.len() < size {
        let length = chance.one_of(&[&998_usize, &997, &996, &512]);
        let mut line = String::with_capacity(*length);
        while line.len() < *length {
            line.push(char::from(b'a' + u8::try_from(chance.below(26)).unwrap()));
        }
        push(content, &line);
    }
}

fn dots(size: usize, chance: &mut Chance, content: &mut Vec<u8>) {
    push(content, "Content-Type: text/plain\r\n\r\n.");
    while content.len() < size {
        let start = chance.one_of(&[".", "..", "...", ". ", ".\t.", "", " .", "..QUIT", ".MAIL FROM:<x@y.example>"]);
        let end = chance.one_of(&["", "", " ", "  \t", "."]);
        push(content, &format!("{start}{end}"));
    }
    push(content, ".");
}

fn alternatives(size: usize, chance: &mut Chance, content: &mut Vec<u8>) {
    push(content, "Content-Type: multipart/alternative; boundary=fora\r\n\r\n--fora");
    push(content, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n");
    push(content, "Reuni=C3=A3o=20=\r\n.adiada\r\n--fora");
    push(
        content,
        "Content-Type: multipart/related; boundary=dentro\r\n\r\n--dentro\r\nContent-Type: text/html; charset=utf-8\r\n",
    );
    while content.len() < size {
        push(content, &format!("<p>{}</p>", sentence(chance, 9)));
    }
    push(content, "--dentro--\r\n\r\n--fora--");
}

/// Messages as no mail program would write them, each with a name. None has a bare CR or LF: those are no messages.
pub fn odd_letters(recipient: &str) -> Vec<(&'static str, Letter)> {
    let mut chance = Chance::new(3);
    let every_octet: Vec<u8> = (0..=255).filter(|octet| !matches!(octet, b'\r' | b'\n')).collect();
    let contents: Vec<(&'static str, Vec<u8>)> = vec![
        ("nothing at all", Vec::new()),
        ("one empty line", b"\r\n".to_vec()),
        ("three empty lines", b"\r\n\r\n\r\n".to_vec()),
        ("no header", b"\r\nA body without a header.\r\n".to_vec()),
        ("no body, no empty line", b"Subject: only a header\r\nX-Last: y\r\n".to_vec()),
        ("no body", b"Subject: only a header\r\n\r\n".to_vec()),
        ("no field, but text from the first line on", b"this is not a field\r\nnor is this\r\n\r\nbody\r\n".to_vec()),
        ("a folded line first", b" folded: what\r\nSubject: x\r\n\r\nbody\r\n".to_vec()),
        ("a colon first", b": no name\r\n\r\nbody\r\n".to_vec()),
        ("one dot", b".\r\n".to_vec()),
        ("only dots", b".\r\n..\r\n...\r\n....\r\n.\r\n".to_vec()),
        ("a dot after the header", b"Subject: x\r\n\r\n.\r\n".to_vec()),
        ("dots before commands", b"Subject: x\r\n\r\n.QUIT\r\n..MAIL FROM:<>\r\nRSET\r\n.\r\n".to_vec()),
        ("NULs", b"Subject: n\0l\r\n\r\n\0\0\0\r\n\0.\r\n.\0\r\n".to_vec()),
        ("every octet in the body", [b"Subject: x\r\n\r\n".as_slice(), &every_octet, b"\r\n"].concat()),
        ("every octet in the header", [b"X-All: ".as_slice(), &every_octet, b"\r\n\r\nbody\r\n"].concat()),
        ("8-bit without a declaration", "Subject: reunião\r\n\r\nSessão às 10h\r\n".as_bytes().to_vec()),
        ("a line of 998", [b"Subject: x\r\n\r\n".as_slice(), &[b'x'; 998], b"\r\n"].concat()),
        ("a line of 2,000", [b"Subject: x\r\n\r\n".as_slice(), &[b'x'; 2_000], b"\r\n"].concat()),
        ("a line of 100,000", [b"Subject: x\r\n\r\n".as_slice(), &[b'x'; 100_000], b"\r\n"].concat()),
        ("a field of 5,000", [b"X-Long: ".as_slice(), &[b'x'; 5_000], b"\r\n\r\nbody\r\n"].concat()),
        ("white space at line ends", b"Subject: x \t \r\n\r\n  \r\n\t\r\nx \r\n".to_vec()),
        ("one fold of white space alone", b"Subject: x\r\n \r\n\t\r\nTo: y\r\n\r\nbody\r\n".to_vec()),
        ("an executable's first octets as a field", b"MZ: 1\r\nSubject: x\r\n\r\nbody\r\n".to_vec()),
        ("octets by chance, 300 KB", noise(&mut chance, 300_000)),
        ("octets by chance, 3 MB", noise(&mut chance, 3_000_000)),
    ];
    let letter = |(index, (name, content))| {
        let reverse_path = format!("odd-{index}@origin.example");
        (name, Letter { reverse_path, recipients: vec![recipient.to_owned()], content })
    };
    contents.into_iter().enumerate().map(letter).collect()
}

/// A header, then lines of any length and any octets.
fn noise(chance: &mut Chance, size: usize) -> Vec<u8> {
    let mut content = b"Subject: noise\r\n\r\n".to_vec();
    while content.len() < size {
        let count = chance.below(1_500);
        content.extend(chance.octets(count).into_iter().filter(|octet| !matches!(octet, b'\r' | b'\n')));
        content.extend_from_slice(b"\r\n");
    }
    content
}

#[test]
fn the_two_thousand_messages_are_of_all_sizes_and_the_same_at_every_run() {
    let sizes: Vec<usize> =
        (0..2_000).map(|index| size_of(index, &mut Chance::new(0x706f_7274_6172_6961 ^ index as u64))).collect();
    let total: usize = sizes.iter().sum();
    assert!((200_000_000..320_000_000).contains(&total), "{total}");
    assert!(sizes.iter().filter(|size| **size > 19_000_000).count() >= 4);
    assert!(sizes.iter().filter(|size| **size < 3_000).count() >= 200);
    let first = message(4);
    assert_eq!(first, message(4));
    assert!(first.windows(5).any(|octets| octets == b"\r\n.\r\n"), "a dot alone on a line, to be stuffed");
    assert!(message(3).split(|octet| *octet == b'\n').any(|line| line.len() == 999), "a line of 998 and its CR");
    assert!(message(2).iter().any(|octet| *octet > 127));
    for index in 0..12 {
        let content = message(index);
        assert!(content.ends_with(b"\r\n"), "{index}");
        let newlines = memchr::memchr_iter(b'\n', &content).count();
        let pairs = memchr::memmem::find_iter(&content, b"\r\n").count();
        assert_eq!(
            (newlines, memchr::memchr_iter(b'\r', &content).count()),
            (pairs, pairs),
            "a bare CR or LF in {index}"
        );
    }
}
