//! A record as its JSON text, looked at no further than it must be.
//!
//! Most mail meets no rule, then or now: of such a record only the subjects count. They are read alone, and a subject that no rule
//! finds anything in is remembered for a while, because campaigns, newsletters and systems send the same one again and again.

use std::collections::HashSet;

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, SeqAccess, Visitor},
};

use super::{Replay, Replayed};
use crate::{
    message::subject::Subject,
    record::{Record, subject::are_cut},
};

/// How many subjects are remembered, and how long each may be, in octets: 10 MB at most.
const REMEMBERED: usize = 32_768;
const LONGEST: usize = 300;

/// Subjects that no rule finds anything in. Of one replay; each thread has its own.
#[derive(Debug, Default)]
pub struct Memory {
    untouched: HashSet<String>,
}

/// What of a record says whether the rest is worth reading.
#[derive(Deserialize)]
struct Glance {
    subjects: Vec<String>,
    #[serde(default)]
    hidden_subjects: Option<IgnoredAny>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(deserialize_with = "any")]
    rules: bool,
}

impl Replay<'_> {
    /// As [`Replay::of`], from the JSON text of a record. An error: it is none.
    pub fn of_text(&self, text: &str, memory: &mut Memory) -> Result<Replayed, serde_json::Error> {
        let glance: Glance = serde_json::from_str(text)?;
        if glance.hidden_subjects.is_some() || are_cut(&glance.subjects) {
            return Ok(Replayed::SubjectNotKept);
        }
        if glance.subjects.is_empty() {
            return Ok(if glance.size.is_some() { Replayed::WithoutSubject } else { Replayed::WithoutContent });
        }
        if !glance.rules && glance.subjects.into_iter().all(|subject| memory.is_untouched(self, subject)) {
            return Ok(Replayed::Untouched);
        }
        let record: Record = serde_json::from_str(text)?;
        Ok(self.of(record))
    }
}

impl Memory {
    fn is_untouched(&mut self, replay: &Replay<'_>, subject: String) -> bool {
        if self.untouched.contains(&subject) {
            return true;
        }
        let subject = Subject { received: Vec::new(), decoded: subject };
        if replay.rules.touches(&subject) {
            return false;
        }
        if subject.decoded.len() <= LONGEST {
            // What comes again soon is soon here again.
            if self.untouched.len() >= REMEMBERED {
                self.untouched.clear();
            }
            self.untouched.insert(subject.decoded);
        }
        true
    }
}

/// Whether a list has any element; none of them is read.
fn any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Any;
    impl<'de> Visitor<'de> for Any {
        type Value = bool;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
            let mut any = false;
            while seq.next_element::<IgnoredAny>()?.is_some() {
                any = true;
            }
            Ok(any)
        }
    }
    deserializer.deserialize_seq(Any)
}
