//! From the octets of a file to its text: UTF-8 or a sentence that says what it is instead, and how to save it.
//!
//! Rule files are written by hand on Windows desks. Notepad's "ANSI" is Windows-1252 and its "Unicode" is UTF-16: read as
//! anything else, `cobrança` becomes a word that no subject ever holds, and the rule sleeps without a sound.

use std::path::Path;

use super::code;
use crate::{
    document::{Code, Fault, Place},
    language::Text,
    text,
};

/// The largest file that is read, in octets. A rule of one kilobyte is a long one: a file beyond this is no rule file.
pub const MAX_FILE: usize = 1 << 20;

/// Characters of a line that cannot be read, before and behind the place where that shows.
const AROUND: usize = 40;

/// The text of a file. A UTF-8 byte order mark is dropped; line ends stay as they are (TOML takes CRLF too). Both are what Notepad
/// writes, and neither changes what a rule says, so neither is a fault.
///
/// # Errors
/// When the file is larger than [`MAX_FILE`] or no UTF-8 text: which encoding it looks like, the first place where that shows,
/// and how to save it.
pub fn text_of(file: &Path, octets: &[u8]) -> Result<String, Box<Fault>> {
    let size = octets.len();
    if size > MAX_FILE {
        let what = text!(
            "the file has {size} octets, more than the limit of {MAX_FILE}",
            "o arquivo tem {size} octetos, acima do limite de {MAX_FILE}"
        );
        let help = text!("split it into several files", "divida-o em vários arquivos");
        return Err(Box::new(Fault { code: Some(code::LIMIT), help: Some(help), ..Fault::about_file(file, what) }));
    }
    utf_8(file, octets)
}

/// The same for a file of any size: one that programs write, and that whoever reads it bounds.
///
/// # Errors
/// As [`text_of`], but for the size.
pub fn utf_8(file: &Path, octets: &[u8]) -> Result<String, Box<Fault>> {
    let octets = octets.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(octets);
    let wrong = |what, at: Option<usize>| {
        let place = at.map(|at| place_of(octets, at));
        let help = Some(how_to_save());
        Box::new(Fault { code: Some(Code::ENCODING), place, help, ..Fault::about_file(file, what) })
    };
    if let Some(name) = utf_16(octets) {
        return Err(wrong(text!("the file looks like {name}", "o arquivo parece estar em {name}"), None));
    }
    let text = std::str::from_utf8(octets).map_err(|error| {
        let at = error.valid_up_to();
        wrong(not_utf_8(octets, at), Some(at))
    })?;
    match text.find('\0') {
        Some(at) => Err(wrong(
            text!(
                "a NUL octet: this is no text, or was not saved whole",
                "um octeto NUL: isto não é texto, ou não foi salvo inteiro"
            ),
            Some(at),
        )),
        None => Ok(text.to_owned()),
    }
}

fn how_to_save() -> Text {
    text!(
        "save it as UTF-8. Notepad: Save as, Encoding: UTF-8. VS Code: click the encoding in the bar below, Save with Encoding, UTF-8",
        "salve em UTF-8. Bloco de Notas: Salvar como, Codificação: UTF-8. VS Code: clique na codificação na barra de baixo, \
         Salvar com Codificação, UTF-8"
    )
}

/// UTF-16 by its byte order mark, or by a NUL in one half of the first two octets: TOML begins with ASCII.
fn utf_16(octets: &[u8]) -> Option<&'static str> {
    match octets {
        [0xFF, 0xFE, ..] | [1..=0x7F, 0, ..] => Some("UTF-16 (little endian)"),
        [0xFE, 0xFF, ..] | [0, 1..=0x7F, ..] => Some("UTF-16 (big endian)"),
        _ => None,
    }
}

fn not_utf_8(octets: &[u8], at: usize) -> Text {
    let wrong = octets.get(at..=at).unwrap_or_default();
    let value = wrong.first().copied().unwrap_or_default();
    // Of a letter that was cut off in the middle, nothing but a copy that ended too early is known.
    if std::str::from_utf8(octets).is_err_and(|error| error.error_len().is_none()) {
        return text!(
            "the file ends in the middle of a letter: was it saved and copied whole?",
            "o arquivo termina no meio de uma letra: foi salvo e copiado inteiro?"
        );
    }
    let (letter, _, _) = encoding_rs::WINDOWS_1252.decode(wrong);
    text!(
        "not UTF-8; it looks like Windows-1252 or ISO-8859-1 (octet {value:02X} would be `{letter}`)",
        "não é UTF-8; parece Windows-1252 ou ISO-8859-1 (o octeto {value:02X} seria `{letter}`)"
    )
}

/// The place of an octet in a file that cannot be read as a whole. Up to there the line is UTF-8; behind it, if it is not, each
/// octet is shown as the letter that it is in Windows-1252.
fn place_of(octets: &[u8], at: usize) -> Place {
    let before = octets.get(..at).unwrap_or_default();
    let line_start = before.iter().rposition(|octet| *octet == b'\n').map_or(0, |found| found + 1);
    let shown_from = line_start.max(at.saturating_sub(AROUND));
    let mut text = String::from_utf8_lossy(octets.get(shown_from..at).unwrap_or_default()).into_owned();
    let caret = text.chars().count();
    let rest = octets.get(at..octets.len().min(at + AROUND)).unwrap_or_default();
    let rest = rest.split(|octet| *octet == b'\n').next().unwrap_or_default();
    match std::str::from_utf8(rest) {
        Ok(rest) => text.push_str(rest),
        Err(_) => text.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(rest).0),
    }
    text.truncate(text.trim_end_matches('\r').len());
    Place {
        line: before.iter().filter(|octet| **octet == b'\n').count() + 1,
        column: String::from_utf8_lossy(octets.get(line_start..at).unwrap_or_default()).chars().count() + 1,
        text,
        caret,
        width: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn read(octets: &[u8]) -> Result<String, String> {
        text_of(Path::new("r.toml"), octets).map_err(|fault| fault.render(Language::En))
    }

    #[test]
    fn utf_8_is_taken_with_or_without_a_mark_and_with_any_line_end() {
        for (octets, expected) in [
            (&b"id = 1\r\n"[..], "id = 1\r\n"),
            (b"\xEF\xBB\xBFid = 1\n", "id = 1\n"),
            ("ação".as_bytes(), "ação"),
            (b"", ""),
            (b"a", "a"),
        ] {
            assert_eq!(read(octets).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn another_encoding_is_named_with_the_line_where_it_shows() {
        let rows: [(&[u8], &[&str]); 8] = [
            (b"\xFF\xFEi\0d\0", &["r.toml: error", "UTF-16 (little endian)", "Notepad: Save as"]),
            (b"\xFE\xFF\0i\0d", &["UTF-16 (big endian)"]),
            (b"i\0d\0", &["UTF-16 (little endian)"]),
            (b"\0i\0d", &["UTF-16 (big endian)"]),
            (
                b"a = 1\r\nb = \"cobran\xE7a\"\r\n",
                &[
                    "r.toml:2:12",
                    "Windows-1252",
                    "octet E7 would be `ç`",
                    "b = \"cobrança\"",
                    "\n       |            ^\n",
                ],
            ),
            (b"a = \"\xC3\xA7\xE7\"", &["r.toml:1:7", "octet E7"]),
            (b"a\n\n\xC3", &["r.toml:3:1", "in the middle of a letter"]),
            (b"ab = 1\n\0\0", &["r.toml:2:1", "NUL"]),
        ];
        for (octets, parts) in rows {
            let said = read(octets).unwrap_err();
            for part in parts {
                assert!(said.contains(part), "{said:?} lacks {part:?}");
            }
        }
    }

    #[test]
    fn the_largest_file_is_taken_and_one_octet_more_is_not() {
        assert!(read(&vec![b' '; MAX_FILE]).is_ok());
        assert!(read(&vec![b' '; MAX_FILE + 1]).is_err());
    }
}
