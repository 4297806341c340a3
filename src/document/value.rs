//! From a TOML value to a type of ours; sizes, rates and durations carry their unit in the text.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use toml::de::DeValue;

use crate::{language::Text, text};

/// A type that a TOML value can become.
pub trait FromToml: Sized {
    /// The value, or what is wrong with it, said so that the next attempt succeeds.
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Text>;
}

/// A number of octets, written `"64 KiB"`. Units: B, KiB, MiB, GiB (powers of 1024).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Octets a second, written `"500 B/s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteRate(pub u64);

fn kind_of(value: &DeValue<'_>) -> &'static str {
    value.type_str()
}

impl FromToml for String {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Text> {
        let kind = kind_of(value);
        value.as_str().map(str::to_owned).ok_or_else(|| {
            text!("a text in quotes is needed here, not {kind}", "aqui é preciso um texto entre aspas, não {kind}")
        })
    }
}

impl FromToml for PathBuf {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Text> {
        String::from_toml(value).map(Self::from)
    }
}

impl FromToml for bool {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Text> {
        let kind = kind_of(value);
        value.as_bool().ok_or_else(|| {
            text!("true or false is needed here, not {kind}", "aqui é preciso true ou false, não {kind}")
        })
    }
}

impl FromToml for u32 {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Text> {
        let parsed = value.as_integer().and_then(|n| u32::from_str_radix(&n.as_str().replace('_', ""), n.radix()).ok());
        parsed.ok_or_else(|| {
            text!(
                "a whole number from 0 to 4294967295 is needed here",
                "aqui é preciso um número inteiro de 0 a 4294967295"
            )
        })
    }
}

impl FromToml for toml::value::Datetime {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Text> {
        value.as_datetime().copied().ok_or_else(|| {
            text!(
                "a date is needed here, without quotes, such as 2026-12-20T23:59:59-03:00",
                "aqui é preciso uma data, sem aspas, como 2026-12-20T23:59:59-03:00"
            )
        })
    }
}

impl FromToml for SocketAddr {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Text> {
        String::from_toml(value)?.parse().map_err(|_| {
            text!(
                "an IP address and a port are needed here, such as \"0.0.0.0:25\" or \"[::]:25\"",
                "aqui são precisos um endereço IP e uma porta, como \"0.0.0.0:25\" ou \"[::]:25\""
            )
        })
    }
}

impl FromToml for IpNet {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Text> {
        let written = String::from_toml(value)?;
        let host = || written.parse::<std::net::IpAddr>().map(Self::from);
        written.parse().or_else(|_| host()).map_err(|_| {
            text!(
                "a network is needed here, such as \"10.0.0.0/8\" or \"2001:db8::/32\"",
                "aqui é preciso uma rede, como \"10.0.0.0/8\" ou \"2001:db8::/32\""
            )
        })
    }
}

/// Splits `"64 KiB"` into 64 and `KiB`.
fn number_and_unit(written: &str) -> Option<(u64, &str)> {
    let written = written.trim();
    let digits = written.find(|c: char| !c.is_ascii_digit()).unwrap_or(written.len());
    let (number, unit) = written.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim()))
}

fn octets(written: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(written)?;
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

impl FromToml for ByteSize {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Text> {
        value.as_str().and_then(octets).map(Self).ok_or_else(|| {
            text!(
                "a size with its unit is needed here, in quotes: \"64 KiB\" (B, KiB, MiB or GiB)",
                "aqui é preciso um tamanho com unidade, entre aspas: \"64 KiB\" (B, KiB, MiB ou GiB)"
            )
        })
    }
}

impl FromToml for ByteRate {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Text> {
        value.as_str().and_then(|written| octets(written.strip_suffix("/s")?)).map(Self).ok_or_else(|| {
            text!(
                "a rate with its unit is needed here, in quotes: \"500 B/s\"",
                "aqui é preciso um ritmo com unidade, entre aspas: \"500 B/s\""
            )
        })
    }
}

/// A length of time as a person writes it: `45 s`. Units: ms, s, min, h, day(s).
pub fn duration(written: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(written)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "min" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3_600).map(Duration::from_secs),
        "day" | "days" => number.checked_mul(86_400).map(Duration::from_secs),
        _ => None,
    }
}

/// Written `"45 s"`.
impl FromToml for Duration {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Text> {
        value.as_str().and_then(duration).ok_or_else(|| {
            text!(
                "a length of time with its unit is needed here, in quotes: \"45 s\" (ms, s, min, h or days)",
                "aqui é preciso um tempo com unidade, entre aspas: \"45 s\" (ms, s, min, h ou days)"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_part_of_the_value() {
        let rows =
            [("64 KiB", Some(65_536)), ("24MiB", Some(25_165_824)), ("0 B", Some(0)), ("12", None), ("1 MB", None)];
        for (written, expected) in rows {
            assert_eq!(octets(written), expected, "{written}");
        }
        assert_eq!(octets("99999999999999999999 B"), None, "a number that does not fit is not a size");
        assert_eq!(octets("18446744073709551615 GiB"), None, "nor is a product that does not fit");
    }
}
