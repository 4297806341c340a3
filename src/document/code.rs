//! The code of a fault: a number that stays while sentences are polished, for the page that explains it and for scripts.

use super::Severity;

/// What kind of fault it is, as a number that `docs/rule-checker.md` explains. A number is never given a second meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u8);

impl Code {
    /// The octets are not UTF-8 text.
    pub const ENCODING: Self = Self(1);
    /// The text is not TOML.
    pub const SYNTAX: Self = Self(2);
    /// A key that nobody reads.
    pub const UNKNOWN_KEY: Self = Self(3);
    /// A value of the wrong kind, or none of a closed list.
    pub const VALUE: Self = Self(4);
    /// A key that must be there is missing, or says nothing.
    pub const MISSING: Self = Self(6);

    /// Those of other kinds of files have their numbers where they are found.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// With the letter of its severity: `E03` stops the file, `A08` is advice. One fault may be either, as the rule that it is
    /// in acts or only observes.
    pub fn shown(self, severity: Severity) -> String {
        let letter = match severity {
            Severity::Error => 'E',
            Severity::Warning => 'A',
        };
        format!("{letter}{:02}", self.0)
    }
}
