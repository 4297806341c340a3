//! What a subcommand has to say: a text and an exit code, made from values alone. Printing it is `main`'s.

use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde::Serialize;

use super::escape::{escape, escape_json};
use crate::{
    language::{Language, Text},
    record::UnixMillis,
    store::StoreFault,
    text,
};

/// How it is said.
#[derive(Clone, Debug)]
pub struct Style {
    /// One JSON object a line instead of text for people.
    pub json: bool,
    /// For people.
    pub language: Language,
    /// For times, in JSON too.
    pub time_zone: TimeZone,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// With a line end, or empty. Nothing in it acts on a terminal.
    pub text: String,
    /// 0 done, 1 faults found, 2 usage (`docs/operations.md`).
    pub exit_code: u8,
}

impl Rendering {
    /// Done.
    pub fn done(text: String) -> Self {
        Self { text, exit_code: 0 }
    }
}

impl Style {
    /// The sentence in the reader's language.
    pub fn say<'a>(&self, text: &'a Text) -> &'a str {
        text.in_language(self.language)
    }

    /// `2026-11-21 08:00:00` in the configured time zone.
    pub fn time(&self, at: UnixMillis) -> String {
        self.format(at, "%Y-%m-%d %H:%M:%S")
    }

    /// The same with milliseconds.
    pub fn time_to_the_millisecond(&self, at: UnixMillis) -> String {
        self.format(at, "%Y-%m-%d %H:%M:%S%.3f")
    }

    /// RFC 3339 with milliseconds and the offset of the configured time zone.
    pub fn rfc3339(&self, at: UnixMillis) -> String {
        self.format(at, "%Y-%m-%dT%H:%M:%S%.3f%:z")
    }

    /// A time that no calendar has is shown as the number that it is.
    fn format(&self, at: UnixMillis, format: &str) -> String {
        self.zoned(at).map_or_else(|| at.to_string(), |time| time.strftime(format).to_string())
    }

    /// In the configured time zone; none: no calendar has it.
    pub fn zoned(&self, at: UnixMillis) -> Option<Zoned> {
        Some(Timestamp::from_millisecond(at).ok()?.to_zoned(self.time_zone.clone()))
    }
}

/// One line of JSON, safe for a terminal.
pub fn json_line(value: &impl Serialize) -> String {
    // Our own values have string keys and no failing serialisers; an empty object is visibly not one of them.
    let json = serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned());
    escape_json(&json) + "\n"
}

/// Octets for a person to read: `12.4 MiB`, rounded down. What is read back by a program is written out in full.
pub fn size_shown(octets: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| octets >= *unit) else { return format!("{octets} B") };
    match (octets / unit, (octets % unit).saturating_mul(10) / unit) {
        (whole, 0) => format!("{whole} {name}"),
        (whole, tenth) => format!("{whole}.{tenth} {name}"),
    }
}

/// The word that JSON, database and journal have for an enum's variant.
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// What an operator is told when the store did not answer, for the error output.
pub fn store_fault(fault: &StoreFault, style: &Style) -> Rendering {
    let (said, exit_code) = match fault {
        StoreFault::NotFound => {
            (text!("there is no item or transaction with this id", "não há item nem transação com esse id"), 1)
        }
        StoreFault::NotUnique(id) => {
            let said = text!(
                "several ids end so, {id} is one of them: give more digits",
                "vários ids terminam assim, {id} é um deles: dê mais dígitos"
            );
            (said, 1)
        }
        StoreFault::NotAnId => {
            let said = text!(
                "give an id, or at least 6 of its last digits (0-9, a-f)",
                "dê um id, ou pelo menos os seus 6 últimos dígitos (0-9, a-f)"
            );
            (said, 2)
        }
        StoreFault::NoDatabase(path) => {
            let path = path.display();
            let said = text!(
                "there is no database {path}: the gateway has not run with this data_dir yet",
                "não há banco de dados {path}: o gateway ainda não rodou com este data_dir"
            );
            (said, 1)
        }
        StoreFault::OnAnotherNode(node) => {
            let said = text!(
                "the content is on the node {node}: run the command there",
                "o conteúdo está no nó {node}: execute o comando lá"
            );
            (said, 1)
        }
        StoreFault::NotInBucket => {
            let said = text!(
                "the content is not in the bucket any more: somebody removed it there, or [quarantine.s3] names another bucket",
                "o conteúdo não está mais no bucket: alguém o removeu, ou [quarantine.s3] indica outro bucket"
            );
            (said, 1)
        }
        other => (text!("the store cannot be read: {other}", "não foi possível ler o armazenamento: {other}"), 1),
    };
    Rendering { text: escape(style.say(&said)) + "\n", exit_code }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the help of `backup` prints it.
    #[test]
    fn sizes_are_for_people() {
        for (octets, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (65_536, "64 KiB"),
            (53_760, "52.5 KiB"),
            (13_007_873, "12.4 MiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(size_shown(octets), shown);
        }
    }
}
