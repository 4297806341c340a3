//! RFC 2047 encoded words into text. What broken ones become is stated here, row by row, in the tests.
//!
//! In: an unfolded field body. Out: the text that a mail reader shows, as far as readers agree. Where they differ this module is
//! as lenient as the most lenient of the large ones, for a rule must see what the person sees:
//!
//! - an encoded word counts wherever it stands: inside a word, inside quotes, however long;
//! - white space between two encoded words goes, and the octets of neighbours in one charset are joined *before* they become
//!   characters, so that a character or a base64 quantum may be split between them;
//! - an unknown charset is read as octets without one: its ASCII is seen.
//!
//! Everything else stays as it is written. Nothing is refused, and the text may hold controls: CR LF from `=0D=0A`, too. It must
//! not go into a header, a log line or a page unescaped; folding ([`super::fold`]) removes them.
//!
//! Linear in the body. The text is at most three times as many octets as the body.

mod charset;
mod transfer;
mod utf7;

use std::borrow::Cow;

use self::{charset::Charset, transfer::Octets};

/// Decodes an unfolded field body. Never fails: what cannot be decoded stays as it is written, octets that are no UTF-8 and in no
/// encoded word are read as UTF-8 if all text outside encoded words is valid UTF-8 and as Windows-1252 otherwise.
pub fn decode(body: &[u8]) -> String {
    let is_utf8 = |piece| match piece {
        Piece::Plain(octets) => std::str::from_utf8(octets).is_ok(),
        Piece::Word(_) => true,
    };
    // Pieces are cut at ASCII: where the whole is UTF-8, so is each.
    let utf8 = std::str::from_utf8(body).is_ok() || Pieces::of(body).all(is_utf8);
    let mut text = String::with_capacity(body.len());
    let mut joined = Joined::default();
    for piece in Pieces::of(body) {
        match piece {
            Piece::Plain(octets) => {
                joined.write_to(&mut text);
                text.push_str(&if utf8 { String::from_utf8_lossy(octets) } else { charset::windows_1252(octets) });
            }
            Piece::Word(word) => {
                if !joined.accepts(&word) {
                    joined.write_to(&mut text);
                }
                joined.add(&word);
            }
        }
    }
    joined.write_to(&mut text);
    text
}

enum Piece<'b> {
    Plain(&'b [u8]),
    Word(Word<'b>),
}

struct Word<'b> {
    head: Head,
    encoded: &'b [u8],
}

/// What stands before the encoded text: `=?charset?encoding?`.
#[derive(Clone, Copy)]
struct Head {
    charset: Charset,
    encoding: Encoding,
    size: usize,
}

/// RFC 2047 §4.
#[derive(Clone, Copy)]
enum Encoding {
    Q,
    B,
}

/// The octets of neighbouring encoded words in one charset.
#[derive(Default)]
struct Joined {
    charset: Option<Charset>,
    octets: Octets,
}

impl Joined {
    fn accepts(&self, word: &Word<'_>) -> bool {
        self.charset.is_none_or(|charset| charset == word.head.charset && charset.may_be_joined())
    }

    fn add(&mut self, word: &Word<'_>) {
        self.charset = Some(word.head.charset);
        match word.head.encoding {
            Encoding::Q => self.octets.add_q(word.encoded),
            Encoding::B => self.octets.add_b(word.encoded),
        }
    }

    fn write_to(&mut self, text: &mut String) {
        if let Some(charset) = self.charset.take() {
            let shown: Cow<'_, str> = charset.decode(self.octets.finished());
            text.push_str(&shown);
        }
        self.octets.clear();
    }
}

/// The body cut into encoded words and what is between them; white space alone between two of them is left out (RFC 2047 §6.2).
struct Pieces<'b> {
    rest: &'b [u8],
    /// Found, and told when what stands in front of it was.
    word: Option<Word<'b>>,
    behind_word: bool,
}

impl<'b> Pieces<'b> {
    fn of(body: &'b [u8]) -> Self {
        Self { rest: body, word: None, behind_word: false }
    }
}

impl<'b> Iterator for Pieces<'b> {
    type Item = Piece<'b>;

    fn next(&mut self) -> Option<Piece<'b>> {
        if let Some(word) = self.word.take() {
            return Some(Piece::Word(word));
        }
        let Some((before, word, after)) = next_word(self.rest) else {
            let rest = std::mem::take(&mut self.rest);
            return (!rest.is_empty()).then_some(Piece::Plain(rest));
        };
        self.rest = after;
        let between_words = std::mem::replace(&mut self.behind_word, true);
        let blank = before.iter().all(|octet| b" \t\r\n".contains(octet));
        if blank && (between_words || before.is_empty()) {
            return Some(Piece::Word(word));
        }
        self.word = Some(word);
        Some(Piece::Plain(before))
    }
}

/// The first encoded word, with what stands before and behind it.
///
/// Each octet is passed once, and each `=?` looked ahead of for [`CHARSET_LIMIT`] octets: a body of `=?a?q?` without an end
/// must not be searched for `?=` again from each of them. A head inside the text of a word that is still open takes its
/// place, since `?` is not allowed in encoded text and the one that is closed is the one meant.
fn next_word(body: &[u8]) -> Option<(&[u8], Word<'_>, &[u8])> {
    let mut open: Option<(usize, Head)> = None;
    let mut passed = 0_usize;
    // Heads and ends both have a question mark; equals signs are all over the text of a word.
    while let Some(rest) = body.get(passed..) {
        let mark = passed.saturating_add(memchr::memchr(b'?', rest)?);
        let equals = mark.checked_sub(1).filter(|equals| *equals >= passed);
        if let Some((equals, here @ [b'=', ..])) = equals.and_then(|equals| Some((equals, body.get(equals..)?)))
            && let Some(head) = Head::read(here)
        {
            open = Some((equals, head));
            passed = equals.saturating_add(head.size);
            continue;
        }
        if let (Some((start, head)), Some([b'?', b'=', after @ ..])) = (open, body.get(mark..)) {
            let encoded = body.get(start.saturating_add(head.size)..mark)?;
            return Some((body.get(..start)?, Word { head, encoded }, after));
        }
        passed = mark.saturating_add(1);
    }
    None
}

/// The longest name of a charset that is looked for, with its language (RFC 2231 §5), in octets. The longest that IANA has
/// registered is 45.
const CHARSET_LIMIT: usize = 80;

impl Head {
    /// From octets that begin with `=?`.
    fn read(octets: &[u8]) -> Option<Self> {
        let name = octets.strip_prefix(b"=?")?;
        let end = name.iter().take(CHARSET_LIMIT).position(|&octet| octet == b'?')?;
        let (name, behind) = name.split_at_checked(end)?;
        if name.iter().any(|octet| !octet.is_ascii_graphic() || *octet == b'=') {
            return None;
        }
        let encoding = match behind {
            [b'?', b'q' | b'Q', b'?', ..] => Encoding::Q,
            [b'?', b'b' | b'B', b'?', ..] => Encoding::B,
            _ => return None,
        };
        let label = name.split(|&octet| octet == b'*').next().unwrap_or(name);
        Some(Self { charset: Charset::named(label), encoding, size: name.len().saturating_add("=??q?".len()) })
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
