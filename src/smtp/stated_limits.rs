//! LIMITS (RFC 9422): how much a server takes in one transaction and on one connection, said before it is tried.
//!
//! In: what stands behind the keyword. Out: the limits that we know. Unknown ones are passed over, and so is one that makes no sense:
//! RFC 9422 §4 has a client ignore it.

/// The limits that a server states; `None`: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct StatedLimits {
    /// RCPTMAX: recipients of a transaction.
    pub recipients: Option<u32>,
    /// MAILMAX: transactions of a connection.
    pub transactions: Option<u32>,
    /// RCPTDOMAINMAX: different domains among the recipients of a transaction.
    pub domains: Option<u32>,
}

/// A value has one to six digits, the first not 0 (§3).
const HIGHEST: u32 = 999_999;

impl StatedLimits {
    /// Reads `NAME=VALUE` words.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut stated = Self::default();
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            let limit =
                value.parse().ok().filter(|limit| (1..=HIGHEST).contains(limit) && !value.starts_with(['0', '+']));
            match name.to_ascii_uppercase().as_str() {
                "RCPTMAX" => stated.recipients = limit,
                "MAILMAX" => stated.transactions = limit,
                "RCPTDOMAINMAX" => stated.domains = limit,
                _ => {}
            }
        }
        stated
    }

    /// The stricter of each.
    pub fn common(self, other: Self) -> Self {
        let stricter = |one: Option<u32>, other: Option<u32>| one.into_iter().chain(other).min();
        Self {
            recipients: stricter(self.recipients, other.recipients),
            transactions: stricter(self.transactions, other.transactions),
            domains: stricter(self.domains, other.domains),
        }
    }
}

/// The EHLO line of a server that takes so many. A limit above what can be written is written as the highest: who keeps to it is
/// still served.
pub fn line(recipients: usize, transactions: u32) -> String {
    let recipients = u32::try_from(recipients).unwrap_or(HIGHEST).clamp(1, HIGHEST);
    format!("LIMITS MAILMAX={} RCPTMAX={recipients}", transactions.clamp(1, HIGHEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_as_stated() {
        let of = |recipients, transactions, domains| StatedLimits { recipients, transactions, domains };
        for (text, expected) in [
            ("", of(None, None, None)),
            ("RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1", of(Some(20), Some(5), Some(1))),
            ("rcptmax=20", of(Some(20), None, None)),
            ("FOOMAX=3 RCPTMAX=999999", of(Some(999_999), None, None)),
            // What makes no sense is no limit: 0 would be a server that takes nothing.
            ("RCPTMAX=0 MAILMAX=01 RCPTDOMAINMAX=+1", of(None, None, None)),
            ("RCPTMAX=1000000 MAILMAX=x RCPTDOMAINMAX=", of(None, None, None)),
            ("RCPTMAX", of(None, None, None)),
        ] {
            assert_eq!(StatedLimits::parse(text.split_ascii_whitespace()), expected, "{text}");
        }
        assert_eq!(of(Some(3), None, Some(1)).common(of(Some(2), Some(9), None)), of(Some(2), Some(9), Some(1)));
    }

    #[test]
    fn the_line_is_read_as_it_is_meant() {
        for (recipients, transactions, expected) in [
            (1000, 1000, "LIMITS MAILMAX=1000 RCPTMAX=1000"),
            (usize::MAX, u32::MAX, "LIMITS MAILMAX=999999 RCPTMAX=999999"),
            (0, 0, "LIMITS MAILMAX=1 RCPTMAX=1"),
        ] {
            let line = line(recipients, transactions);
            assert_eq!(line, expected);
            let read = StatedLimits::parse(line.split_ascii_whitespace());
            assert!(read.recipients.is_some() && read.transactions.is_some());
        }
    }
}
