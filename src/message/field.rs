//! One header field (RFC 5322 §2.2): its name and its body, unfolded.

/// A header field as it stood in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The octets before the colon, white space before the colon removed (`Subject :` is a Subject: mail readers take it for one).
    pub name: Vec<u8>,
    /// The octets behind the colon, unfolded (§2.2.3: the CRLF goes, the white space stays), without the final CRLF.
    pub body: Vec<u8>,
}

impl Field {
    /// Whether the name is `name`, compared without ASCII case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}
