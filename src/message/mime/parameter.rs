//! A structured field body: `multipart/mixed; boundary="b"` (RFC 2045 §5.1, RFC 2183 §2).
//!
//! In: an unfolded field body. Out: its value and its parameters, as the grammar has them, and everything in the way they were
//! written that readers are known to take differently. Nothing is refused: what breaks the grammar is read on behind the next
//! semicolon, as lenient readers do. Time is linear in the body. What is written as it is read is borrowed from the body: nearly all of it.

use std::borrow::Cow;

/// Parameters beyond these are not kept; clamd alerts above 256 words in a field.
pub const MOST_PARAMETERS: usize = 128;

/// Octets that are kept of a parameter's name.
const LONGEST_NAME: usize = 256;

/// A structured field body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Structured<'b> {
    /// What stands before the first semicolon, in lower case: `multipart/mixed`, `attachment`.
    pub value: Cow<'b, [u8]>,
    /// In order; at most [`MOST_PARAMETERS`].
    pub parameters: Vec<Parameter<'b>>,
    /// There is a comment (RFC 5322 §3.2.2) outside quoted strings.
    pub has_comment: bool,
    /// There were more parameters.
    pub too_many: bool,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter<'b> {
    /// In lower case, with what RFC 2231 appends: `boundary`, `filename*0*`.
    pub name: Cow<'b, [u8]>,
    /// Without quotes, escapes undone.
    pub value: Cow<'b, [u8]>,
    /// How it was written.
    pub written: Written,
}

/// How a parameter was written, from the plain to what readers take differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Written {
    /// By the grammar.
    Plain,
    /// A backslash escapes an octet: some readers keep it.
    Escaped,
    /// Quotes or a backslash inside an unquoted value.
    QuoteInside,
    /// Something stands between the value and the next semicolon.
    Trailing,
    /// The closing quote is missing.
    Unclosed,
    /// There is no equals sign, or its name is no token: some readers stop reading parameters here.
    Nameless,
}

impl Parameter<'_> {
    /// The name without what RFC 2231 appends, and whether there was something.
    pub fn base(&self) -> (&[u8], bool) {
        match self.name.iter().position(|&octet| octet == b'*') {
            Some(at) => (self.name.get(..at).unwrap_or_default(), true),
            None => (&self.name, false),
        }
    }
}

impl<'b> Structured<'b> {
    /// Reads a field body.
    pub fn read(body: &'b [u8]) -> Self {
        let mut reader = Reader { rest: body, comment: false };
        let mut value: Cow<'b, [u8]> = Cow::default();
        loop {
            reader.skip_space();
            let word = reader.until(|octet| matches!(octet, b';' | b'(' | b' ' | b'\t'));
            if value.is_empty() {
                value = Cow::Borrowed(word);
            } else if !word.is_empty() {
                value.to_mut().push(b' ');
                value.to_mut().extend_from_slice(word);
            }
            if matches!(reader.peek(), None | Some(b';')) {
                break;
            }
        }
        let mut this = Self { value: lower(value), ..Self::default() };
        while reader.take(b';') {
            reader.skip_space();
            if matches!(reader.peek(), None | Some(b';')) {
                continue;
            }
            let parameter = reader.parameter();
            if this.parameters.len() < MOST_PARAMETERS {
                this.parameters.push(parameter);
            } else {
                this.too_many = true;
            }
        }
        this.has_comment = reader.comment;
        this
    }

    /// Every parameter of this name, RFC 2231's forms of it included.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Parameter<'b>> + Clone {
        self.parameters.iter().filter(move |parameter| parameter.base().0 == name.as_bytes())
    }

    /// Whether the value is `type/`something.
    pub fn is_type(&self, name: &str) -> bool {
        self.value.strip_prefix(name.as_bytes()).is_some_and(|behind| behind.starts_with(b"/"))
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    comment: bool,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn take(&mut self, octet: u8) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == octet => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn until(&mut self, ends: impl Fn(u8) -> bool) -> &'a [u8] {
        let at = self.rest.iter().position(|&octet| ends(octet)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(at).unwrap_or((self.rest, b""));
        self.rest = rest;
        word
    }

    /// White space and comments; what a fold left of its CRLF counts as white space.
    fn skip_space(&mut self) {
        loop {
            let _space = self.until(|octet| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n'));
            if !self.take(b'(') {
                return;
            }
            self.comment = true;
            let mut depth = 1usize;
            while depth > 0 {
                let Some((&octet, rest)) = self.rest.split_first() else { return };
                self.rest = rest;
                match octet {
                    b'(' => depth = depth.saturating_add(1),
                    b')' => depth = depth.saturating_sub(1),
                    b'\\' => self.rest = self.rest.get(1..).unwrap_or_default(),
                    _ => {}
                }
            }
        }
    }

    fn parameter(&mut self) -> Parameter<'a> {
        let name = self.until(|octet| matches!(octet, b'=' | b';' | b'(')).trim_ascii();
        let name = lower(name.get(..LONGEST_NAME).unwrap_or(name).into());
        self.skip_space();
        if !self.take(b'=') {
            let _rest = self.until(|octet| octet == b';');
            return Parameter { name, value: Cow::default(), written: Written::Nameless };
        }
        self.skip_space();
        let (value, mut written) = if self.take(b'"') { self.quoted() } else { self.token() };
        self.skip_space();
        if !self.until(|octet| octet == b';').is_empty() {
            written = written.max(Written::Trailing);
        }
        if name.is_empty() || !name.iter().all(|&octet| is_token(octet)) {
            written = Written::Nameless;
        }
        Parameter { name, value, written }
    }

    fn quoted(&mut self) -> (Cow<'a, [u8]>, Written) {
        let mut value = Cow::Borrowed(self.until(|octet| matches!(octet, b'"' | b'\\')));
        let mut written = Written::Plain;
        loop {
            if self.take(b'"') {
                return (value, written);
            }
            if !self.take(b'\\') {
                return (value, Written::Unclosed);
            }
            written = Written::Escaped;
            let value = value.to_mut();
            if let Some((&escaped, rest)) = self.rest.split_first() {
                self.rest = rest;
                value.push(escaped);
            }
            value.extend_from_slice(self.until(|octet| matches!(octet, b'"' | b'\\')));
        }
    }

    fn token(&mut self) -> (Cow<'a, [u8]>, Written) {
        let value = self.until(|octet| matches!(octet, b';' | b' ' | b'\t' | b'\r' | b'\n' | b'('));
        let quotes = value.iter().any(|octet| matches!(octet, b'"' | b'\\'));
        let single = value.len() > 1 && value.starts_with(b"'") && value.ends_with(b"'");
        let written = if quotes || single { Written::QuoteInside } else { Written::Plain };
        (value.into(), written)
    }
}

/// Hardly any has to be changed, and so copied.
fn lower(mut octets: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if octets.iter().any(u8::is_ascii_uppercase) {
        octets.to_mut().make_ascii_lowercase();
    }
    octets
}

/// RFC 2045 §5.1, less strict: specials that nobody takes for anything else are let through.
fn is_token(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'"' | b'(' | b')' | b',' | b':' | b';' | b'<' | b'>' | b'=' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (String, Vec<(String, String, Written)>, bool) {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let it = Structured::read(body.as_bytes());
        let parameters = it.parameters.iter().map(|it| (text(&it.name), text(&it.value), it.written)).collect();
        (text(&it.value), parameters, it.has_comment)
    }

    #[test]
    fn parameters_are_read_by_the_grammar_and_what_breaks_it_is_told() {
        use Written::{Escaped, Nameless, Plain, QuoteInside, Trailing, Unclosed};
        type Row<'r> = (&'r str, &'r str, &'r [(&'r str, &'r str, Written)]);
        let rows: [Row<'_>; 20] = [
            ("text/plain", "text/plain", &[]),
            ("", "", &[]),
            (" Multipart/MIXED ; Boundary=B", "multipart/mixed", &[("boundary", "B", Plain)]),
            ("a/b; x=\"y z\"; ;", "a/b", &[("x", "y z", Plain)]),
            ("a/b; x = \"y\" ; z\t=\tw", "a/b", &[("x", "y", Plain), ("z", "w", Plain)]),
            ("a/b; x=----=_Part_0", "a/b", &[("x", "----=_Part_0", Plain)]),
            ("a/b; x=\"y\\\"z\"", "a/b", &[("x", "y\"z", Escaped)]),
            ("a/b; x=\"y", "a/b", &[("x", "y", Unclosed)]),
            ("a/b; x=\"y\"z; w=v", "a/b", &[("x", "y", Trailing), ("w", "v", Plain)]),
            ("a/b; x=y z", "a/b", &[("x", "y", Trailing)]),
            ("a/b; x=y\"z\"", "a/b", &[("x", "y\"z\"", QuoteInside)]),
            ("a/b; x='y'", "a/b", &[("x", "'y'", QuoteInside)]),
            ("a/b; nothing; x=y", "a/b", &[("nothing", "", Nameless), ("x", "y", Plain)]),
            ("a/b; p:q=1; x=y", "a/b", &[("p:q", "1", Nameless), ("x", "y", Plain)]),
            ("a/b; =1", "a/b", &[("", "1", Nameless)]),
            ("a/b; x*0*=utf-8''y; x*1=z", "a/b", &[("x*0*", "utf-8''y", Plain), ("x*1", "z", Plain)]),
            ("a b/c; x=y", "a b/c", &[("x", "y", Plain)]),
            ("a/b x=y", "a/b x=y", &[]),
            ("a/b;x=", "a/b", &[("x", "", Plain)]),
            ("a/b;;;x=\";\"", "a/b", &[("x", ";", Plain)]),
        ];
        for (body, value, parameters) in rows {
            let (read_value, read_parameters, comment) = read(body);
            let read_parameters: Vec<_> = read_parameters
                .iter()
                .map(|(name, value, written)| (name.as_str(), value.as_str(), *written))
                .collect();
            assert_eq!(
                (read_value.as_str(), read_parameters.as_slice(), comment),
                (value, parameters, false),
                "{body:?}"
            );
        }
    }

    #[test]
    fn comments_are_skipped_and_told() {
        for body in
            ["(a (b) \\) c) x/y; p=q", "x(/)/y;p=q", "x/y; p(z)=q", "x/y; p=(z)q", "x/y; p=q (z)", "x/y; p=q; (open"]
        {
            let (_, parameters, comment) = read(body);
            assert!(
                comment && parameters.first().is_some_and(|(name, value, _)| name == "p" && value == "q"),
                "{body:?}"
            );
        }
        assert!(!read("x/y; p=\"(z)\"").2, "in quotes it is none");
    }

    /// Of what stands in mail nothing is copied but the list; what has to be changed is.
    #[test]
    fn what_is_written_as_it_is_read_is_borrowed() {
        let borrowed = |body: &str| {
            let it = Structured::read(body.as_bytes());
            let is = |octets: &Cow<'_, [u8]>| matches!(octets, Cow::Borrowed(_));
            (is(&it.value), it.parameters.iter().all(|it| is(&it.name) && is(&it.value)))
        };
        assert_eq!(borrowed(" multipart/mixed;\tboundary=\"=_B 1\"; charset=UTF-8"), (true, true));
        assert_eq!(borrowed("(x) text/plain; a=\"open"), (true, true));
        for (body, is) in [("Text/plain; a=b", (false, true)), ("a b; a=b", (false, true)), ("a; B=c", (true, false))] {
            assert_eq!(borrowed(body), is, "{body}");
        }
        assert_eq!(borrowed("a; b=\"\\c\""), (true, false));
    }

    /// Escapes at each place of a quoted value, and at its end.
    #[test]
    fn escapes_are_undone() {
        use Written::{Escaped, Unclosed};
        for (written, value, how) in [
            (r#"\a"#, "a", Unclosed),
            (r#"\"b""#, "\"b", Escaped),
            (r#"a\\b\"c""#, "a\\b\"c", Escaped),
            (r#"a\"#, "a", Unclosed),
            (r#"a\""#, "a\"", Unclosed),
            (r#"\""#, "\"", Unclosed),
        ] {
            let (_, parameters, _) = read(&format!("a/b; x=\"{written}"));
            assert_eq!(parameters, [("x".to_owned(), value.to_owned(), how)], "{written}");
        }
    }

    #[test]
    fn many_parameters_are_not_kept_and_said_to_be_many() {
        let body = ["a/b"].into_iter().chain(std::iter::repeat_n("; x=y", MOST_PARAMETERS + 1)).collect::<String>();
        let read = Structured::read(body.as_bytes());
        assert!(read.too_many && read.parameters.len() == MOST_PARAMETERS);
    }
}
