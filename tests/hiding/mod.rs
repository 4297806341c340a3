//! A corpus of messages that hide the EICAR test file from whoever reads MIME otherwise than the mail program behind, and one of honest
//! messages that look as odd.
//!
//! | what | file |
//! |---|---|
//! | the test file and its encodings | `payload` |
//! | the first octets of a message look like another kind of file | `first_octets` |
//! | the field that names the boundary | `content_type` |
//! | delimiters, nesting, what stands outside the parts | `structure` |
//! | transfer encodings, honest and broken | `encoding` |
//! | other types, archives, fragments | `kind` |
//! | honest messages | `honest` |

mod content_type;
mod encoding;
mod first_octets;
pub mod honest;
mod kind;
pub mod payload;
mod structure;

/// A message that hides the test file.
#[derive(Debug)]
pub struct Case {
    /// The trick, in words.
    pub name: String,
    /// The content, lines with CRLF.
    pub message: Vec<u8>,
    /// What must become of it.
    pub expected: Expected,
    /// The test file stands in a file of another kind, which the YARA scanner does not open (decision 22).
    pub is_contained: bool,
}

/// What must become of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A scanner finds the test file, or the message is kept back.
    Stopped,
    /// No mail program that we know shows the test file: to deliver it is no escape. Why.
    Harmless(&'static str),
}

/// All of them.
pub fn cases() -> Vec<Case> {
    [first_octets::cases(), content_type::cases(), structure::cases(), encoding::cases(), kind::cases()]
        .into_iter()
        .flatten()
        .collect()
}

impl Case {
    fn new(name: impl Into<String>, message: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), message: message.into(), expected: Expected::Stopped, is_contained: false }
    }

    fn contained(self) -> Self {
        Self { is_contained: true, ..self }
    }

    fn harmless(self, why: &'static str) -> Self {
        Self { expected: Expected::Harmless(why), ..self }
    }
}

/// The fields that every message has, but for what describes its body.
pub const HEAD: &str = "From: a@origin.example\r\nTo: maria@tjpa.jus.br\r\nSubject: relatorio\r\n\
    Date: Sat, 21 Nov 2026 08:00:00 -0300\r\nMessage-ID: <1@origin.example>\r\n";
/// HEAD, and that it is MIME.
pub fn mime_head() -> String {
    format!("{HEAD}MIME-Version: 1.0\r\n")
}

/// What describes an attachment in this encoding.
pub fn attachment(encoding: &str) -> String {
    format!(
        "Content-Type: application/octet-stream; name=\"relatorio.com\"\r\nContent-Transfer-Encoding: {encoding}\r\n\
         Content-Disposition: attachment; filename=\"relatorio.com\"\r\n"
    )
}

/// The test file as an attachment in base64: section, blank line, body.
pub fn attached() -> String {
    format!("{}\r\n{}", attachment("base64"), payload::base64())
}

/// A text, and `parts`, between delimiters of `boundary`; with the closing one.
pub fn parts(boundary: &str, parts: &[&str]) -> String {
    let text = "Content-Type: text/plain\r\n\r\nSegue o arquivo.\r\n";
    let all = [text].iter().chain(parts).map(|part| format!("--{boundary}\r\n{part}\r\n")).collect::<String>();
    format!("{all}--{boundary}--\r\n")
}

/// A multipart that nobody can misunderstand around `part`.
pub fn mixed(part: &str) -> String {
    format!("{}Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n{}", mime_head(), parts("=_b", &[part]))
}
