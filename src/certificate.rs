//! What a certificate says of itself and rustls does not tell: names and dates.
//!
//! In: a certificate in DER. Out: who issued it, whose it is, from when to when it counts. Nothing is verified here: rustls does that.

use jiff::Timestamp;

/// What rustls does not tell of a certificate (RFC 5280 §4.1): who issued it, and from when to when it counts.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The name of who issued it, in DER.
    pub issuer: &'a [u8],
    /// Its own name, in DER.
    pub subject: &'a [u8],
    /// Counts from here on.
    pub not_before: Timestamp,
    /// Counts no more afterwards.
    pub not_after: Timestamp,
}

impl<'a> Facts<'a> {
    /// None for what is no certificate, or is cut.
    pub fn read(der: &'a [u8]) -> Option<Self> {
        let (certificate, _) = value(der, SEQUENCE)?;
        let (mut fields, _) = value(certificate, SEQUENCE)?;
        if fields.first() == Some(&VERSION) {
            (_, fields) = value(fields, VERSION)?;
        }
        let (_serial, fields) = value(fields, INTEGER)?;
        let (_algorithm, fields) = value(fields, SEQUENCE)?;
        let (issuer, fields) = value(fields, SEQUENCE)?;
        let (validity, fields) = value(fields, SEQUENCE)?;
        let (subject, _) = value(fields, SEQUENCE)?;
        let (not_before, rest) = time(validity)?;
        let (not_after, _) = time(rest)?;
        Some(Self { issuer, subject, not_before, not_after })
    }
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The content of the DER value with this tag at the front, and what follows it. Lengths of up to 4 octets.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (octets, rest) =
            rest.split_at_checked(usize::from(length & 0x7f)).filter(|(octets, _)| octets.len() <= 4)?;
        (octets.iter().fold(0_usize, |sum, octet| sum << 8 | usize::from(*octet)), rest)
    };
    (*found == tag).then(|| rest.split_at_checked(length))?
}

/// UTCTime means 1950 to 2049, GeneralizedTime carries all digits of the year (RFC 5280 §4.1.2.5).
fn time(der: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (digits, rest, century) = if der.first() == Some(&UTC_TIME) {
        let (text, rest) = value(der, UTC_TIME)?;
        (text, rest, if text.first()? < &b'5' { "20" } else { "19" })
    } else {
        let (text, rest) = value(der, GENERALIZED_TIME)?;
        (text, rest, "")
    };
    let text = format!("{century}{}", str::from_utf8(digits).ok()?);
    let part = |range| text.get(range).unwrap_or_default();
    let iso = format!("{}-{}-{}T{}:{}:{}", part(0..4), part(4..6), part(6..8), part(8..10), part(10..12), part(12..15));
    // 99991231235959Z means "never" (RFC 5280 §4.1.2.5), and is later than any timestamp.
    let time = iso.parse().ok().or_else(|| (part(0..4) == "9999").then_some(Timestamp::MAX))?;
    Some((time, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn cut_certificates_are_refused_and_never_panic() {
        let mut params = CertificateParams::new(vec!["mx".to_owned()]).unwrap();
        params.not_after = date_time_ymd(2030, 1, 1);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let der = certificate.der();
        let facts = Facts::read(der).unwrap();
        assert_eq!(facts.not_after.to_string(), "2030-01-01T00:00:00Z");
        for end in 0..der.len() {
            assert!(Facts::read(&der[..end]).is_none(), "{end}");
        }
    }
}
