//! One line of the trail, and the octets that its hash covers.
//!
//! A line is one JSON object whose members stand in one order, without spaces, `hash` last. The hash is SHA-256 over the line as it stands,
//! up to `,"hash":"`: whoever checks it needs no JSON reader and no rule about how numbers or letters are written. A line that says the
//! same in other octets is no entry, so no line can be read in two ways.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::{
    language::escape_json,
    record::{
        UnixMillis,
        audit::{Action, Event},
    },
};

/// `,"hash":"`, 64 digits, `"}`: what of a line its hash does not cover.
const UNCOVERED: usize = 9 + Hash::DIGITS + 2;

/// SHA-256, 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(String);

impl Hash {
    const DIGITS: usize = 64;

    /// What stands before the first entry.
    pub fn none() -> Self {
        Self("0".repeat(Self::DIGITS))
    }

    /// Of these octets.
    pub fn of(octets: &[u8]) -> Self {
        #[cfg(test)]
        MADE.set(MADE.get().saturating_add(1));
        let hash = digest::digest(&digest::SHA256, octets);
        let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or_default();
        Self(hash.as_ref().iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hex = |octet: u8| octet.is_ascii_digit() || (b'a'..=b'f').contains(&octet);
        let good = text.len() == Self::DIGITS && text.bytes().all(hex);
        if good { Ok(Self(text)) } else { Err("not 64 lower-case hex digits") }
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.0
    }
}

// How many hashes this thread made: what reading a long trail costs.
#[cfg(test)]
std::thread_local! {
    pub(super) static MADE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// A place in the trail: an entry's number and hash. Whoever knows both knows all that stands before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The entry's number; the first is 1.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

/// One entry as it stands in the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number: one more than that of the entry before.
    pub seq: u64,
    /// When, by the clock of the machine.
    pub at: UnixMillis,
    /// [`Actor::account`](crate::record::audit::Actor).
    pub account: String,
    /// [`Actor::person`](crate::record::audit::Actor).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The word of an [`Action`]. Any word: a trail outlives the version that wrote it.
    pub action: String,
    /// To what.
    pub object: String,
    /// What else there is to know.
    pub detail: std::collections::BTreeMap<String, String>,
    /// The hash of the entry before, [`Hash::none`] if there is none.
    pub previous: Hash,
    /// Over all of the above.
    pub hash: Hash,
}

impl Entry {
    /// The entry that says `event` and follows `previous`.
    pub fn following(previous: &Head, event: &Event) -> Self {
        let mut entry = Self {
            seq: previous.seq.saturating_add(1),
            at: event.at,
            account: event.actor.account.clone(),
            person: event.actor.person.clone(),
            action: word(event.action),
            object: event.object.clone(),
            detail: event.detail.clone(),
            previous: previous.hash.clone(),
            hash: Hash::none(),
        };
        entry.hash = entry.sealed();
        entry
    }

    /// The line, without its end. It holds no character that acts on a terminal: people look at it with `less` too.
    pub fn line(&self) -> String {
        // Strings and numbers under string keys: there is nothing that could fail. An empty line is visibly no entry.
        escape_json(&serde_json::to_string(self).unwrap_or_default())
    }

    /// Reads a line without its end. Whether its hash is right is [`Entry::is_sound`]'s to say.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        let entry: Self = serde_json::from_slice(line).map_err(|fault| fault.to_string())?;
        if entry.line().as_bytes() == line { Ok(entry) } else { Err("not written as entries are".to_owned()) }
    }

    /// The same, and the hash that it ought to have: it is sound if that is its own. The line is hashed as it stands, once.
    pub fn read_sealed(line: &[u8]) -> Result<(Self, Hash), String> {
        Ok((Self::read(line)?, Self::seal_of(line)))
    }

    /// Whether the hash is the one of what stands before it.
    pub fn is_sound(&self) -> bool {
        self.hash == self.sealed()
    }

    /// The hash that it ought to have.
    pub(super) fn sealed(&self) -> Hash {
        Self::seal_of(self.line().as_bytes())
    }

    /// Over as much of the line of an entry as its hash covers.
    fn seal_of(line: &[u8]) -> Hash {
        Hash::of(line.get(..line.len().saturating_sub(UNCOVERED)).unwrap_or_default())
    }

    /// Its place.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash.clone() }
    }
}

impl Head {
    /// The place before the first entry.
    pub fn none() -> Self {
        Self { seq: 0, hash: Hash::none() }
    }
}

/// `mailbox_blocked` for [`Action::MailboxBlocked`].
pub fn word(action: Action) -> String {
    match serde_json::to_value(action) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audit::tests::event, language::acts_or_hides};

    /// The page's example is this line: whoever follows the page by hand gets these digits.
    #[test]
    fn a_line_is_as_the_page_says() {
        let entry = Entry::following(&Head::none(), &event("fulano.tal"));
        let body = "{\"seq\":1,\"at\":1795258800000,\"account\":\"root\",\"person\":\"maria\",\"action\":\"mailbox_blocked\",\
                    \"object\":\"fulano.tal\",\"detail\":{\"direction\":\"both\",\"ticket\":\"REQ 2026/119004\"},\"previous\":\"0000000000\
                    000000000000000000000000000000000000000000000000000000\"";
        assert_eq!(entry.hash, Hash::of(body.as_bytes()));
        assert_eq!(entry.line(), format!("{body},\"hash\":\"{}\"}}", entry.hash.as_str()));
        assert!(entry.is_sound());
        assert_eq!(Entry::read(entry.line().as_bytes()), Ok(entry));
    }

    /// Otherwise a second reader could take another account out of a line that we call sound.
    #[test]
    fn what_says_the_same_in_other_octets_is_no_entry() {
        let line = Entry::following(&Head::none(), &event("fulano.tal")).line();
        for (what, other) in [
            ("a space", line.replace(":1795", ": 1795")),
            ("a member twice", line.replace("\"person\"", "\"account\":\"admin\",\"person\"")),
            ("an unknown member", line.replace("\"person\"", "\"note\":\"x\",\"person\"")),
            (
                "another order",
                line.replace("\"detail\":{\"direction\":\"both\",", "\"detail\":{\"zz\":\"\",\"direction\":\"both\","),
            ),
            ("an escape", line.replace("maria", "mari\\u0061")),
            ("no person", line.replace("\"person\":\"maria\"", "\"person\":null")),
            ("upper case", line.replace("\"hash\":\"", "\"hash\":\"A").replacen("\"}", "}", 0)),
            ("something behind it", line.clone() + " "),
        ] {
            assert_ne!(other, line, "{what}");
            assert!(Entry::read(other.as_bytes()).is_err(), "{what}");
        }
    }

    #[test]
    fn nothing_in_a_line_acts_or_ends_it() {
        let hostile = "x\n{\"seq\":2}\u{1b}[2J\u{9b}1m\u{202e}\u{2028}\"\\";
        let mut event = event(hostile);
        event.actor.person = Some(hostile.to_owned());
        event.detail.insert(hostile.to_owned(), hostile.to_owned());
        let entry = Entry::following(&Head::none(), &event);
        let line = entry.line();
        assert_eq!(line.chars().find(|&c| acts_or_hides(c)), None, "{line}");
        assert_eq!(Entry::read(line.as_bytes()).unwrap().object, hostile);
    }
}
