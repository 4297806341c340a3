//! One header field (RFC 5322 §2.2): its name and its body, unfolded.

/// A header field as it stood in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'s> {
    /// The octets before the colon, white space before the colon removed (`Subject :` is a Subject: mail readers take it for one).
    pub name: &'s [u8],
    /// The octets behind the colon, unfolded (§2.2.3: the CRLF goes, the white space stays), without the final CRLF.
    pub body: &'s [u8],
}

impl<'s> Field<'s> {
    /// Whether the name is `name`, compared without ASCII case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The body without the white space around it.
    pub fn trimmed(&self) -> &'s [u8] {
        trim(self.body)
    }

    /// A field from its first line, without CRLF. None: there is no colon, or what stands before it is no name (empty, or with
    /// white space or controls inside: `From me at 10:00` is the first line of a mailbox file, not a field).
    /// Octets above 126 are let through: such a name is nobody's, but its continuation lines must not become somebody else's.
    pub(super) fn read(line: &'s [u8]) -> Option<Self> {
        // Nearly every name ends at its colon: one pass finds the colon and that all in front of it is a name.
        let plain = line.iter().position(|&octet| !is_plain(octet));
        if let Some((name, [b':', body @ ..])) = plain.and_then(|end| line.split_at_checked(end))
            && !name.is_empty()
        {
            return Some(Self { name, body });
        }
        let colon = memchr::memchr(b':', line)?;
        let (name, behind) = line.split_at_checked(colon)?;
        let name = trim(name);
        if name.is_empty() || name.iter().any(|&octet| octet <= b' ' || octet == 0x7f) {
            return None;
        }
        Some(Self { name, body: behind.get(1..)? })
    }
}

/// Whether it may stand in a name, and does not end it.
fn is_plain(octet: u8) -> bool {
    octet > b' ' && octet != 0x7f && octet != b':'
}

/// Without SP and HTAB at either end (RFC 5234 WSP; `trim_ascii` would also take lone CR and LF, which are octets of the body).
pub(super) fn trim(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = octets {
        octets = rest;
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_compared_without_case_and_whole() {
        let field = Field::read(b"SUBJECT \t:  x \t").unwrap();
        assert!(field.is("Subject") && field.is("subject"));
        assert!(!field.is("Sub") && !field.is("Subject "));
        assert_eq!(field.body, b"  x \t");
        assert_eq!(field.trimmed(), b"x");
    }
}
