//! What of a message's subjects stands in its record (`[tracking] subjects`, decision 48).
//!
//! In: a record as it was judged, its subjects still in it. Out: the same, with the subjects, with what they can be found by and not read from,
//! or with nothing of them. It happens before anything of the record leaves the session: journal, database, log and quarantine never
//! see the difference. Where the key comes from is not known here.

use std::sync::Arc;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use super::{Record, term};
use crate::policy::rule::RuleMatch;

/// Octets of a hash that are kept: half of HMAC-SHA-256, the least that RFC 2104 §5 allows. A term is a row of the largest table.
const KEPT: usize = 16;

/// Whole subjects of one record that are hashed; a message of more is found by its first ones. RFC 5322 §3.6 allows one: each is a row of the
/// largest table, and a header section has room for a thousand.
const WHOLE: usize = 16;

/// Octets of all subjects of a record together, each as it was decoded: twice what is searched for, and what rules look at of one that hides
/// nothing. A header section has room for thirty times as much, and in JSON a control character takes six octets, twice in the journal and
/// once in the database and in the log.
const TOGETHER: usize = 8 * 1024;

/// Octets of what rules looked at, of all that matched together: eight rules on a subject that is as long as they look at, hundreds on an
/// ordinary one. A folder has room for thousands, and each has the subject once more; a line of the journal is refused above 8 MiB.
const LOOKED_AT: usize = 32 * 1024;

/// Stands behind the last subject that is kept, if not all of all of them is.
const CUT: char = '…';

/// What is kept of subjects from now on.
#[derive(Clone, Debug, Default)]
pub enum Subjects {
    /// They.
    #[default]
    Plain,
    /// [`Hidden::Hashed`] with this key.
    Hashed(Key),
    /// [`Hidden::Off`].
    Off,
}

/// Without it nobody can try words until a hash fits.
#[derive(Clone)]
pub struct Key(Arc<hmac::Key>);

/// What stands in a record in place of its subjects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kept")]
pub enum Hidden {
    /// Keyed hashes, 32 hex digits each.
    Hashed {
        /// Of each folded subject, as far as they are looked at: equal subjects are seen to be equal.
        whole: Vec<String>,
        /// Of each different word of all of them, sorted by hash: their order would help to guess them.
        words: Vec<String>,
    },
    /// Nothing.
    Off,
}

impl Subjects {
    /// Leaves in the record what is to be kept of its subjects. A record without any stays as it is.
    pub fn keep(&self, record: &mut Record) {
        let hidden = match self {
            _ if record.subjects.is_empty() => return,
            Self::Plain => {
                forget_beyond(&mut record.rules);
                return cut(&mut record.subjects);
            }
            Self::Hashed(key) => Hidden::Hashed {
                whole: record
                    .subjects
                    .iter()
                    .take(WHOLE)
                    .map(|subject| key.of(&term::whole_subject(subject)))
                    .collect(),
                words: hashes(key, record),
            },
            Self::Off => Hidden::Off,
        };
        record.hidden_subjects = Some(hidden);
        record.subjects.clear();
        record.rules.iter_mut().for_each(forget_place);
    }
}

/// What the rule looked at is the subject once more. Its pattern is the rule file's, and stays.
fn forget_place(matched: &mut RuleMatch) {
    matched.folded = String::new();
    matched.span = (0, 0);
    matched.decoded_span = None;
}

/// Leaves what was looked at with the first rules that matched: thousands may match one long subject, and each has it once more.
fn forget_beyond(rules: &mut [RuleMatch]) {
    let mut left = LOOKED_AT;
    for matched in rules {
        match left.checked_sub(matched.folded.len()) {
            Some(rest) => left = rest,
            None => {
                left = 0;
                forget_place(matched);
            }
        }
    }
}

/// Leaves so much of them as a record keeps.
fn cut(subjects: &mut Vec<String>) {
    let mut left = TOGETHER;
    let is_beyond = |subject: &String| match left.checked_sub(subject.len()) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    };
    let Some(beyond) = subjects.iter().position(is_beyond) else { return };
    subjects.truncate(beyond.saturating_add(1));
    if let Some(last) = subjects.last_mut() {
        last.truncate(last.floor_char_boundary(left));
        last.push(CUT);
        // Else the record would hold all of it in memory until the database has it.
        last.shrink_to_fit();
    }
}

/// Whether some of the subjects that a record had is not in it. One that is as long as that and ends so by itself is taken for one.
pub(super) fn are_cut(subjects: &[String]) -> bool {
    let kept: usize = subjects.iter().map(String::len).sum();
    kept >= TOGETHER && subjects.last().is_some_and(|last| last.ends_with(CUT))
}

fn hashes(key: &Key, record: &Record) -> Vec<String> {
    let mut hashes = Vec::new();
    term::each_subject_word(&record.subjects, |word| hashes.push(key.of(word.as_str())));
    hashes.sort_unstable();
    hashes
}

impl Key {
    /// Of 32 octets of chance.
    pub fn new(octets: &[u8; 32]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, octets)))
    }

    /// What [`Record::subject_line`] says of a record with this subject alone.
    pub fn line_of(&self, subject: &str) -> String {
        format!("#{}", self.of(&term::whole_subject(subject)))
    }

    /// What tells it from another key, and nobody what it is: 32 hex digits, no kind of value.
    pub fn fingerprint(&self) -> String {
        self.of("key")
    }

    /// The hash of a folded value, 32 hex digits. Values say of which kind they are (`w:…`): a subject of one word has another hash than
    /// that word.
    pub(super) fn of(&self, value: &str) -> String {
        let tag = hmac::sign(&self.0, value.as_bytes());
        tag.as_ref().iter().take(KEPT).map(|octet| format!("{octet:02x}")).collect()
    }
}

/// What a key is stands in no text of ours.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Record {
    /// As [`Record::subject_line`], of the first one alone.
    pub fn first_subject(&self) -> String {
        match &self.hidden_subjects {
            None => self.subjects.first().cloned().unwrap_or_default(),
            Some(Hidden::Off) => String::new(),
            Some(Hidden::Hashed { whole, .. }) => whole.first().map(|hash| format!("#{hash}")).unwrap_or_default(),
        }
    }

    /// Its subjects in one line, for people and in documents: as decoded; `#` and the hash of each; or nothing. Not escaped.
    pub fn subject_line(&self) -> String {
        match &self.hidden_subjects {
            None => self.subjects.join(" | "),
            Some(Hidden::Off) => String::new(),
            Some(Hidden::Hashed { whole, .. }) => {
                let shown: Vec<String> = whole.iter().map(|hash| format!("#{hash}")).collect();
                shown.join(" | ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{
        sample,
        term::{Sought, of},
    };

    /// A sender must not fill a disk with what a record keeps for weeks. What it is searched by is as if all of it were there, and what is not
    /// longer is as it was.
    #[test]
    fn of_subjects_without_end_a_record_keeps_the_beginning() {
        let whole = "a".repeat(TOGETHER);
        for (subjects, kept) in [
            (vec![String::new(); 1000], 1000),
            (vec!["ata".to_owned(), whole[3..].to_owned()], 2),
            (vec![whole.clone()], 1),
        ] {
            let mut record = Record { subjects: subjects.clone(), ..sample::record(1) };
            Subjects::Plain.keep(&mut record);
            assert_eq!((record.subjects.len(), are_cut(&record.subjects)), (kept, false));
            assert!(record.subjects == subjects);
        }
        let words: String = (0..3000).map(|number| format!("palavra{number} ")).collect();
        for (subjects, kept) in [
            (vec!["\u{1}".repeat(256 * 1024)], 1),
            (vec![format!("a{}", "ç".repeat(TOGETHER))], 1),
            (vec![words.clone(), words.clone()], 1),
            (vec!["ata ".to_owned(), "😀".repeat(TOGETHER), words], 2),
            (vec![whole, "b".to_owned(), "c".to_owned()], 2),
            (vec!["ata de 2026 ".to_owned(); 1000], TOGETHER / 12 + 1),
        ] {
            let all = Record { subjects, ..sample::record(1) };
            let mut record = all.clone();
            Subjects::Plain.keep(&mut record);
            let octets: usize = record.subjects.iter().map(String::len).sum();
            assert!((TOGETHER..=TOGETHER + CUT.len_utf8()).contains(&octets), "{octets}");
            assert_eq!((record.subjects.len(), are_cut(&record.subjects)), (kept, true));
            let (last, before) = record.subjects.split_last().unwrap();
            assert!(
                before == &all.subjects[..kept - 1] && all.subjects[kept - 1].starts_with(last.trim_end_matches(CUT))
            );
            assert!(last.capacity() <= TOGETHER + CUT.len_utf8(), "{} octets are held", last.capacity());
            assert!(serde_json::to_string(&record.subjects).unwrap().len() <= 7 * TOGETHER);
            assert_eq!(of(&record), of(&all));
        }
    }

    /// Each that matched is in the record; where it found its words, of the first ones.
    #[test]
    fn rules_without_end_leave_what_the_first_ones_looked_at() {
        let folded = "\u{1}".repeat(4096);
        let mut record = sample::record(1);
        record.subjects = vec!["Boleto".to_owned()];
        let one = RuleMatch { folded, span: (1, 2), decoded_span: Some((0, 6)), ..record.rules[0].clone() };
        record.rules = vec![one; 5000];
        let all = record.rules.clone();
        Subjects::Plain.keep(&mut record);
        let (first, behind) = record.rules.split_at(LOOKED_AT / 4096);
        assert!(first == &all[..first.len()]);
        assert!(behind.iter().all(|rule| rule.folded.is_empty() && rule.span == (0, 0) && rule.decoded_span.is_none()));
        assert!(behind.iter().all(|rule| rule.rule == all[0].rule && rule.pattern == all[0].pattern));
        assert!(serde_json::to_string(&record).unwrap().len() < 8 * 1024 * 1024);
    }

    fn key(octet: u8) -> Key {
        Key::new(&[octet; 32])
    }

    fn kept(subjects: &Subjects, subject: &str) -> Record {
        let mut record = Record { subjects: vec![subject.to_owned()], ..sample::record(1) };
        record.rules[0].folded = subject.to_lowercase();
        subjects.keep(&mut record);
        record
    }

    /// Nowhere in the record, under no key: no word, no part of a word, no length.
    #[test]
    fn nothing_of_a_hidden_subject_is_left_in_its_record() {
        let subject = "Intimação zyxwvut 4711";
        for subjects in [Subjects::Off, Subjects::Hashed(key(1))] {
            let record = kept(&subjects, subject);
            let text = serde_json::to_string(&record).unwrap().to_lowercase() + &format!("{record:?}").to_lowercase();
            for word in ["intima", "zyxw", "wvut", "4711"] {
                assert!(!text.contains(word), "{word} in {text}");
            }
            assert_eq!((record.rules[0].span, record.rules[0].decoded_span), ((0, 0), None));
            let again: Record = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
            assert_eq!(again, record);
        }
        let plain = kept(&Subjects::Plain, subject);
        assert_eq!((plain.subject_line().as_str(), plain.hidden_subjects), (subject, None));
        assert_eq!(kept(&Subjects::Off, subject).subject_line(), "");
        assert_eq!(format!("{:?}", key(1)), "Key(…)");
    }

    /// A header section may have a thousand Subject fields.
    #[test]
    fn many_subjects_leave_few_hashes() {
        let subjects: Vec<String> = (0..1000).map(|n| format!("palavra{n} outra{n}")).collect();
        let mut record = Record { subjects: subjects.clone(), ..sample::record(1) };
        Subjects::Hashed(key(1)).keep(&mut record);
        let Some(Hidden::Hashed { whole, words }) = &record.hidden_subjects else { panic!("not hashed") };
        assert_eq!((whole.len(), words.len()), (WHOLE, 64));
        assert_eq!(of(&record).iter().filter(|term| term.as_str().starts_with("h:")).count(), 64);
        assert_eq!(whole[15], key(1).line_of(&subjects[15])[1..], "the first ones");
        let found = Sought::words("palavra0 outra31").unwrap();
        assert!(found.into_iter().all(|sought| sought.or_hashed(&key(1)).is_in(&of(&record))), "over all fields");
    }

    /// Equal subjects as a mail program shows them are equal; with another key nothing is.
    #[test]
    fn equal_subjects_have_equal_hashes_under_one_key() {
        let line = |octet, subject| kept(&Subjects::Hashed(key(octet)), subject).subject_line();
        let one = line(1, "Boleto de Cobrança");
        assert_eq!((one.len(), one.starts_with('#')), (33, true), "{one}");
        assert_eq!(line(1, "RES: boleto  de COBRANCA"), one);
        assert_ne!(line(1, "Boleto de Cobranças"), one);
        assert_ne!(line(2, "Boleto de Cobrança"), one);
        let record = kept(&Subjects::Hashed(key(1)), "boleto");
        let (print, other) = (key(1).fingerprint(), key(2).fingerprint());
        assert!(print != other && print == key(1).fingerprint() && print.len() == 32);
        assert!(key(1).line_of("key") != format!("#{print}"), "no subject has it");
        let Some(Hidden::Hashed { whole, words }) = record.hidden_subjects else { panic!("not hashed") };
        assert!(!words.contains(&whole[0]), "a subject of one word says that it is one");
    }

    #[test]
    fn whole_words_and_whole_subjects_are_found_and_beginnings_are_not() {
        let record = kept(&Subjects::Hashed(key(1)), "RE: Intimação nº 123/2026 — b\u{43e}leto");
        let terms = of(&record);
        let found = |octet: u8, text: &str| {
            let sought = Sought::words(text).unwrap();
            sought.into_iter().all(|sought| sought.or_hashed(&key(octet)).is_in(&terms))
        };
        for (text, is_there) in [
            ("INTIMACAO", true),
            ("intimação 123", true),
            ("123/2026 boleto", true),
            ("123/2027", false),
            ("intima*", false),
            ("intima", false),
            (record.subject_line().as_str(), true),
            ("#00000000000000000000000000000000", false),
        ] {
            assert_eq!(found(1, text), is_there, "{text}");
        }
        assert!(!found(2, "intimacao"), "another key");
        let unhashed = Sought::words("intimacao").unwrap();
        assert!(!unhashed.iter().any(|sought| sought.is_in(&terms)), "without the key");
        // Whoever looks with a key still finds what was kept plainly.
        let plain = of(&kept(&Subjects::Plain, "Intimação"));
        assert!(Sought::words("intimacao").unwrap().into_iter().all(|sought| sought.or_hashed(&key(1)).is_in(&plain)));
        assert!(of(&kept(&Subjects::Off, "Intimação")).iter().all(|term| !term.as_str().starts_with("w:")));
    }
}
