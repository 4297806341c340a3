//! The names of content-transfer-encodings (RFC 2045 §6.1).

/// What is to be undone to get at the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEncoding {
    /// 7bit, 8bit, binary: nothing.
    Identity,
    /// Base64 (§6.8).
    Base64,
    /// Quoted-printable (§6.7).
    QuotedPrintable,
    /// uuencode, yEnc, BinHex: no standard names them, some readers undo them.
    Foreign,
}

impl TransferEncoding {
    /// The encoding that `value` names by the letter; `None`: no such name.
    pub fn strictly(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let is = |name: &str| value.eq_ignore_ascii_case(name.as_bytes());
        if is("7bit") || is("8bit") || is("binary") {
            Some(Self::Identity)
        } else if is("base64") {
            Some(Self::Base64)
        } else if is("quoted-printable") {
            Some(Self::QuotedPrintable)
        } else {
            None
        }
    }

    /// The encoding that the most lenient reader takes `value` for; what nobody knows stands as it is.
    pub fn leniently(value: &[u8]) -> Self {
        let value = value.trim_ascii().to_ascii_lowercase();
        let has = |name: &str| value.windows(name.len()).any(|window| window == name.as_bytes());
        if value.starts_with(b"base64") {
            Self::Base64
        } else if value.starts_with(b"quoted-printable") {
            Self::QuotedPrintable
        } else if ["uu", "yenc", "binhex"].into_iter().any(has) {
            Self::Foreign
        } else {
            Self::Identity
        }
    }

    /// Whether `value`, which names no encoding, is near enough to one that some reader decodes: `base-64`, `x-uuencode`. The honest
    /// ones that are met (`8-bit`, `utf-8`, `none`) are not: every reader takes such a part as it stands.
    pub fn is_nearly_one(value: &[u8]) -> bool {
        let value = value.trim_ascii().to_ascii_lowercase();
        let has = |name: &str| value.windows(name.len()).any(|window| window == name.as_bytes());
        ["64", "quoted", "printable", "uu", "yenc", "binhex", "gzip", "=?"].into_iter().any(has)
            || value.iter().any(|octet| octet.is_ascii_control() && *octet != b'\t')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_the_letter_and_as_the_lenient_read_them() {
        use TransferEncoding::{Base64, Foreign, Identity, QuotedPrintable};
        for (value, strictly, leniently, nearly) in [
            ("7bit", Some(Identity), Identity, false),
            (" 8BIT ", Some(Identity), Identity, false),
            ("Base64", Some(Base64), Base64, true),
            ("quoted-printable", Some(QuotedPrintable), QuotedPrintable, true),
            ("base64;", None, Base64, true),
            ("base64 (x)", None, Base64, true),
            ("x-base64", None, Identity, true),
            ("x-uuencode", None, Foreign, true),
            ("8-bit", None, Identity, false),
            ("utf-8", None, Identity, false),
            ("", None, Identity, false),
        ] {
            assert_eq!(TransferEncoding::strictly(value.as_bytes()), strictly, "{value:?}");
            assert_eq!(TransferEncoding::leniently(value.as_bytes()), leniently, "{value:?}");
            assert_eq!(TransferEncoding::is_nearly_one(value.as_bytes()), nearly, "{value:?}");
        }
    }
}
