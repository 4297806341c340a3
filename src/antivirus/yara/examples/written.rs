//! One `[[example]]` as it is written, and the octets that it stands for.
//!
//! In: a table of an examples file, and the folder `examples/` beside it. Out: an example that can be tried, or what is wrong
//! with it, with its place. Bounded in size; no file outside that folder is opened.

use std::{
    fs, io,
    ops::{ControlFlow, Range},
    path::{Component, Path},
};

use base64::Engine as _;

use super::super::source;
use crate::{
    document::{Document, Found, Table},
    language::Text,
    text,
};

/// Octets of one example.
pub const LONGEST: u64 = 1024 * 1024;

/// What an example says of its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The rule matches.
    Match,
    /// It does not.
    NoMatch,
}

/// What the octets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Part,
    Mail,
}

/// What is looked at.
pub enum Content {
    /// One decoded part.
    Part { name: String, media_type: String, octets: Vec<u8> },
    /// A whole mail, that our own decoding takes apart.
    Mail(Vec<u8>),
}

/// An example.
pub struct Example {
    /// The rule that it is of.
    pub rule: Found<String>,
    /// What is to come of it.
    pub expect: Expect,
    /// Where that is written.
    pub span: Range<usize>,
    /// What is looked at.
    pub content: Content,
}

impl Example {
    /// Reads one; none after a fault. `folder` is the one of the rules.
    pub fn read(table: Table<'_, '_>, folder: &Path) -> Option<Self> {
        let document = table.document();
        let rule = table.required::<String>("rule");
        let expect = table.required::<String>("expect");
        let names = [("match", Expect::Match), ("no match", Expect::NoMatch)];
        let before = document.errors();
        let expected = table.choice("expect", &names, Expect::Match);
        let kind = table.choice("as", &[("part", Kind::Part), ("mail", Kind::Mail)], Kind::Part);
        let name = table.optional::<String>("part_name");
        let media_type = table.optional::<String>("part_type");
        let octets = octets(&table, folder);
        for found in [&name, &media_type].into_iter().flatten().filter(|_| kind == Kind::Mail) {
            let what = text!("a mail names its parts itself", "um e-mail nomeia ele mesmo as suas partes");
            document.fault(found.span.clone(), what, None);
        }
        let sound = document.errors() == before;
        table.finish();
        let text = |found: Option<Found<String>>| found.map(|found| found.value).unwrap_or_default();
        let content = match kind {
            Kind::Part => {
                // As the walk over a mail hands it to the rules.
                let media_type = text(media_type).to_ascii_lowercase();
                Content::Part { name: text(name), media_type, octets: octets? }
            }
            Kind::Mail => Content::Mail(with_crlf(&octets?)),
        };
        Some(Self { rule: rule?, expect: expected, span: expect?.span, content }).filter(|_| sound)
    }
}

/// The one of the four ways in which the octets are written.
fn octets(table: &Table<'_, '_>, folder: &Path) -> Option<Vec<u8>> {
    let document = table.document();
    let keys = ["text", "hex", "base64", "file"];
    let mut written = keys.into_iter().filter(|key| table.has(key));
    let Some(key) = written.next() else {
        let what = text!("the example has no content", "o exemplo não tem conteúdo");
        let help = text!("write one of text, hex, base64 or file", "escreva text, hex, base64 ou file");
        document.fault(table.span(), what, Some(help));
        return None;
    };
    if let Some(second) = written.next() {
        let what = text!(
            "`{key}` and `{second}`: an example has one content",
            "`{key}` e `{second}`: um exemplo tem um só conteúdo"
        );
        document.fault(table.span_of(second), what, None);
        return None;
    }
    let found = table.optional::<String>(key)?;
    let read = match key {
        "text" => Ok(found.value.clone().into_bytes()),
        "hex" => hex(&found.value)
            .ok_or_else(|| text!("this is not hex: two digits an octet", "isto não é hex: dois dígitos por octeto")),
        "base64" => {
            let text: String = found.value.split_ascii_whitespace().collect();
            let read = base64::engine::general_purpose::STANDARD.decode(text);
            read.map_err(|error| text!("this is not base64: {error}", "isto não é base64: {error}"))
        }
        _ => file(&found.value, &folder.join("examples")),
    };
    read.map_err(|what| document.fault(found.span, what, None)).ok()
}

fn hex(written: &str) -> Option<Vec<u8>> {
    let digit = |c: char| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = written.chars().filter(|c| !c.is_ascii_whitespace()).map(digit).collect::<Option<_>>()?;
    let octet = |pair: &[u8]| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    };
    digits.chunks(2).map(octet).collect()
}

/// A file of the folder `examples/`, followed to where it really is.
fn file(name: &str, examples: &Path) -> Result<Vec<u8>, Text> {
    let outside =
        || text!("only files under examples/ beside the rules", "só arquivos em examples/ ao lado das regras");
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || name.is_empty() {
        return Err(outside());
    }
    let read = || -> io::Result<Option<Vec<u8>>> {
        let real = fs::canonicalize(examples.join(name))?;
        if !real.starts_with(fs::canonicalize(examples)?) {
            return Ok(None);
        }
        source::read_octets(&real, LONGEST).map(Some)
    };
    match read() {
        Ok(Some(octets)) => Ok(octets),
        Ok(None) => Err(outside()),
        Err(error) => {
            Err(text!("examples/{name} cannot be read: {error}", "não é possível ler examples/{name}: {error}"))
        }
    }
}

/// Every line ends in CRLF, as on the wire; files and TOML have either.
fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut mail = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let text = line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        mail.extend_from_slice(text.unwrap_or(line));
        mail.extend_from_slice(if text.is_some() { b"\r\n" } else { b"" });
    }
    mail
}

/// Shows each example of one file to `visit`, in order, until it has had enough; faults stand in the document. One at a time: a
/// file may name the same mebibyte ten thousand times.
pub fn each(document: &Document<'_>, folder: &Path, visit: &mut dyn FnMut(Example) -> ControlFlow<()>) {
    let Some(root) = document.root() else { return };
    for table in root.tables("example") {
        if let Some(example) = Example::read(table, folder)
            && visit(example).is_break()
        {
            break;
        }
    }
    root.finish();
}

#[cfg(test)]
mod tests {
    use super::{super::super::sample, *};
    use crate::language::Language;

    /// The octets of each example, a mail's with its line ends shown; and the faults.
    fn read(text: &str, folder: &Path) -> (Vec<String>, String) {
        let document = Document::parse("e.toml", text);
        let mut shown = Vec::new();
        each(&document, folder, &mut |example| {
            shown.push(match example.content {
                Content::Part { name, media_type, octets } => format!("{name} {media_type} {}", octets.escape_ascii()),
                Content::Mail(octets) => format!("mail {}", octets.escape_ascii()),
            });
            ControlFlow::Continue(())
        });
        (shown, document.into_faults().render(Language::En))
    }

    const HEAD: &str = "[[example]]\nrule = \"R\"\nexpect = \"match\"\n";

    #[test]
    fn content_is_written_in_four_ways_and_is_a_part_or_a_mail() {
        let folder = sample::folder(&[("examples/office/a.bin", b"\x00\xff")]);
        for (written, expected) in [
            ("text = \"\"\"\na\nb\"\"\"", "  a\\nb"),
            ("hex = \"4D 5a\\n00\"", "  MZ\\x00"),
            ("base64 = \"aGVs\\nbG8=\"", "  hello"),
            ("file = \"office/a.bin\"", "  \\x00\\xff"),
            ("text = \"x\"\npart_name = \"a.exe\"\npart_type = \"Image/PNG\"", "a.exe image/png x"),
            ("as = \"mail\"\ntext = \"A: b\\n\\nc\\r\\n\"", "mail A: b\\r\\n\\r\\nc\\r\\n"),
        ] {
            let (shown, faults) = read(&format!("{HEAD}{written}\n"), folder.path());
            assert_eq!((shown, faults.as_str()), (vec![expected.to_owned()], ""), "{written}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_example_is_told_with_its_place() {
        let folder = sample::folder(&[("secret.bin", "x")]);
        sample::write(folder.path(), "examples/large.bin", vec![b'x'; LONGEST as usize + 1]);
        std::os::unix::fs::symlink("../secret.bin", folder.path().join("examples/link.bin")).unwrap();
        for (written, expected) in [
            ("", "e.toml:1:1: error: the example has no content"),
            ("text = \"a\"\nhex = \"00\"", "e.toml:5:7: error: `text` and `hex`: an example has one content"),
            ("hex = \"123\"", "e.toml:4:7: error: this is not hex"),
            ("hex = \"4G\"", "e.toml:4:7: error: this is not hex"),
            ("base64 = \"a\"", "e.toml:4:10: error: this is not base64"),
            ("file = \"../secret.bin\"", "e.toml:4:8: error: only files under examples/"),
            ("file = \"/etc/passwd\"", "e.toml:4:8: error: only files under examples/"),
            ("file = \"link.bin\"", "e.toml:4:8: error: only files under examples/"),
            ("file = \"\"", "e.toml:4:8: error: only files under examples/"),
            ("file = \"large.bin\"", "e.toml:4:8: error: examples/large.bin cannot be read: larger than 1 MiB"),
            ("file = \"absent.bin\"", "e.toml:4:8: error: examples/absent.bin cannot be read:"),
            ("text = \"a\"\nas = \"mail\"\npart_name = \"a\"", "e.toml:6:13: error: a mail names its parts itself"),
            ("text = \"a\"\nas = \"maill\"", "e.toml:5:6: error: `as` is one of part | mail, not `maill`"),
            ("text = \"a\"\npart_nam = \"a\"", "e.toml:5:1: error: unknown key `part_nam`"),
        ] {
            let (_, faults) = read(&format!("{HEAD}{written}\n"), folder.path());
            assert!(faults.contains(expected), "{written}: {faults}");
        }
        let (shown, faults) = read("[[example]]\nrule = \"R\"\nexpect = \"maybe\"\ntext = \"x\"\n", folder.path());
        assert!(
            shown.is_empty() && faults.contains("e.toml:3:10: error: `expect` is one of match | no match"),
            "{faults}"
        );
        let (shown, faults) = read("[[example]]\ntext = \"x\"\n", folder.path());
        assert!(shown.is_empty(), "{shown:?}");
        assert!(faults.contains("`rule` is missing here") && faults.contains("`expect` is missing here"), "{faults}");
    }
}
