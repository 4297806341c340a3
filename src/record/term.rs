//! What a record is found by.
//!
//! In: a record, or what somebody looks for. Out: terms, the same for both: whoever folds an address or a subject one way when it is
//! written down and another when it is looked for does not find it. It knows no database, and not who asks.
//!
//! A term is a letter for its kind, a colon, and a folded value: `w:boleto`, `t:fulano.tal@tjpa.jus.br`.

use std::{borrow::Cow, net::IpAddr, sync::LazyLock};

use super::{
    Record,
    subject::{Hidden, Key},
};
use crate::{
    message::fold::Fold,
    policy::directory::{MailboxKey, foreign_key},
    smtp::path::{Host, Mailbox},
};

/// Octets of a value; what is longer is cut, in the record and in what is looked for. PostgreSQL's index takes 2,700.
const VALUE: usize = 200;

/// Octets of a word. The longest word of a Portuguese dictionary has 46 letters.
const WORD: usize = 64;

/// Distinct words of one record; a subject of more is found by its first ones.
const WORDS: usize = 64;

/// Octets of all subjects that are looked at.
const SUBJECT: usize = 4096;

/// Behind every character that a term can have.
const LAST: char = '\u{10ffff}';

/// One thing that a record is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Term(String);

#[derive(Clone, Copy)]
enum Kind {
    From,
    To,
    Client,
    MessageId,
    Rule,
    Word,
    /// A word, or a whole subject, of which only the hash is kept (`subject`).
    HashedWord,
    HashedSubject,
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Any of these terms.
    AnyOf(Vec<Term>),
    /// Any term that begins so.
    Beginning(Term),
}

impl Term {
    fn new(kind: Kind, value: &str) -> Self {
        let mut term = Self(String::with_capacity(value.len().min(VALUE).saturating_add(2)));
        term.put(kind, value);
        term
    }

    /// Becomes this one, where it stands: of all that a record is found by nothing is allocated but what is kept.
    fn put(&mut self, kind: Kind, value: &str) -> &Self {
        let letter = match kind {
            Kind::From => 'f',
            Kind::To => 't',
            Kind::Client => 'c',
            Kind::MessageId => 'm',
            Kind::Rule => 'r',
            Kind::Word => 'w',
            Kind::HashedWord => 'h',
            Kind::HashedSubject => 's',
        };
        let longest = if matches!(kind, Kind::Word) { WORD } else { VALUE };
        let cut = value.get(..value.floor_char_boundary(longest)).unwrap_or_default();
        self.0.clear();
        self.0.push(letter);
        self.0.push(':');
        // PostgreSQL takes no NUL in a text, and what acts on a terminal is of no use in any value.
        if cut.chars().any(char::is_control) {
            self.0.extend(cut.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        } else {
            self.0.push_str(cut);
        }
        self
    }

    /// Messages from a mailbox of ours, whatever alias it used.
    pub fn from_mailbox(mailbox: &MailboxKey) -> Self {
        Self::new(Kind::From, &mailbox.0)
    }

    /// Messages to it.
    pub fn to_mailbox(mailbox: &MailboxKey) -> Self {
        Self::new(Kind::To, &mailbox.0)
    }

    /// Messages whose reverse-path was this address, ours or not.
    pub fn from_address(address: &str) -> Self {
        Self::new(Kind::From, &folded_address(address))
    }

    /// Messages one of whose forward-paths was this address.
    pub fn to_address(address: &str) -> Self {
        Self::new(Kind::To, &folded_address(address))
    }

    /// Messages that this client sent.
    pub fn client(address: IpAddr) -> Self {
        Self::new(Kind::Client, &client_text(address))
    }

    /// Messages with this Message-ID, with or without angle brackets.
    pub fn message_id(id: &str) -> Self {
        Self::new(Kind::MessageId, &folded_id(id))
    }

    /// Messages that this rule matched.
    pub fn rule(id: &str) -> Self {
        Self::new(Kind::Rule, &id.to_lowercase())
    }

    /// The same word, where only its hash is kept; none: it is no word.
    fn hashed(&self, key: &Key) -> Option<Self> {
        self.0.starts_with("w:").then(|| Self::new(Kind::HashedWord, &key.of(&self.0)))
    }

    /// As it stands in the database.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Behind every term that begins so, and before every other that follows, when octets are compared.
    pub fn end(&self) -> String {
        format!("{}{LAST}", self.0)
    }
}

/// As it stands in the database.
impl From<Term> for String {
    fn from(term: Term) -> Self {
        term.0
    }
}

impl Sought {
    /// Messages whose subject has all of these words; `bolet*` is any word that begins so, `#` and 32 hex digits the hash of a whole subject,
    /// as it is shown. None: there is no word in it.
    pub fn words(text: &str) -> Option<Vec<Self>> {
        let mut sought = Vec::new();
        for part in text.split_whitespace() {
            if let Some(hash) = hash_in(part) {
                sought.push(Self::AnyOf(vec![Term::new(Kind::HashedSubject, &hash)]));
                continue;
            }
            let (part, open) = part.strip_suffix('*').map_or((part, false), |part| (part, true));
            let folded = fold().pattern(part);
            let mut words = words(&folded);
            let last = if open { words.next_back() } else { None };
            sought.extend(words.map(|word| Self::AnyOf(vec![Term::new(Kind::Word, word)])));
            sought.extend(last.map(|word| Self::Beginning(Term::new(Kind::Word, word))));
        }
        (!sought.is_empty()).then_some(sought)
    }

    /// Any hash of a word.
    pub fn any_hashed_word() -> Self {
        Self::Beginning(Term::new(Kind::HashedWord, ""))
    }

    /// The same, and records that have the hash of a word in its place. A beginning has none.
    pub fn or_hashed(self, key: &Key) -> Self {
        match self {
            Self::AnyOf(mut any) => {
                let hashed: Vec<Term> = any.iter().filter_map(|term| term.hashed(key)).collect();
                any.extend(hashed);
                Self::AnyOf(any)
            }
            beginning @ Self::Beginning(_) => beginning,
        }
    }

    /// Whether a record with these terms ([`of`]) is meant.
    pub fn is_in(&self, terms: &[Term]) -> bool {
        match self {
            Self::AnyOf(any) => any.iter().any(|term| terms.contains(term)),
            Self::Beginning(term) => terms.iter().any(|found| found.0.starts_with(&term.0)),
        }
    }
}

/// Everything that a record is found by, in order, each once.
pub fn of(record: &Record) -> Vec<Term> {
    let mut terms = Vec::new();
    each(record, |term| terms.push(term.clone()));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The same one after the other, in no order, some of them more than once. Whoever wants to keep one copies it.
pub(crate) fn each(record: &Record, mut found: impl FnMut(&Term)) {
    let mut term = Term(String::with_capacity(WORD));
    found(term.put(Kind::Client, &client_text(record.client.address)));
    found(term.put(Kind::From, &folded_address(&record.reverse_path)));
    if let Some(mailbox) = &record.reverse_path_mailbox {
        found(term.put(Kind::From, &mailbox.0));
    }
    for recipient in &record.recipients {
        // The address too: once its mailbox is no more in the directory, the address is all that anybody can still name.
        if let Some(mailbox) = &recipient.mailbox {
            found(term.put(Kind::To, &mailbox.0));
        }
        found(term.put(Kind::To, &folded_address(&recipient.address)));
    }
    if let Some(id) = &record.message_id {
        found(term.put(Kind::MessageId, &folded_id(id)));
    }
    for matched in &record.rules {
        found(term.put(Kind::Rule, &matched.rule.to_lowercase()));
    }
    each_subject_word(&record.subjects, &mut found);
    if let Some(Hidden::Hashed { whole, words }) = &record.hidden_subjects {
        words.iter().for_each(|hash| found(term.put(Kind::HashedWord, hash)));
        whole.iter().for_each(|hash| found(term.put(Kind::HashedSubject, hash)));
    }
}

/// The words of both readings, each once, so that a look-alike letter hides no word from a search that it hides from no rule.
pub(super) fn each_subject_word(subjects: &[String], mut found: impl FnMut(&Term)) {
    let mut term = Term(String::with_capacity(WORD));
    // Those that were found, one behind the other, and where each ends.
    let (mut known, mut ends) = (String::with_capacity(256), Vec::with_capacity(16));
    let mut left = SUBJECT;
    for subject in subjects {
        let looked_at = subject.get(..subject.floor_char_boundary(left)).unwrap_or_default();
        left = left.saturating_sub(looked_at.len());
        let plain = fold().subject(looked_at);
        let alike = fold().lookalike_subject(looked_at, &plain);
        for word in [Some(&plain), alike.as_ref()].into_iter().flatten().flat_map(|reading| words(reading)) {
            if ends.len() >= WORDS {
                return;
            }
            let word = term.put(Kind::Word, word);
            let mut starts = [0].iter().chain(&ends).zip(&ends);
            if !starts.any(|(&start, &end)| known.get(start..end) == Some(word.as_str())) {
                known.push_str(word.as_str());
                ends.push(known.len());
                found(word);
            }
        }
    }
}

/// A subject as it is hashed: folded, so that what a person takes for the same is the same.
pub(super) fn whole_subject(subject: &str) -> String {
    format!("s:{}", fold().subject(subject))
}

/// The hash of a whole subject, as [`Record::subject_line`] shows it.
pub fn hash_in(part: &str) -> Option<String> {
    let digits = part.strip_prefix('#')?;
    (digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then(|| digits.to_ascii_lowercase())
}

/// A word is a maximal run of letters and digits, as for rules.
fn words(folded: &str) -> impl DoubleEndedIterator<Item = &str> {
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// A Message-ID as it is compared.
fn folded_id(id: &str) -> String {
    let id = id.trim();
    let bare = id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id);
    bare.trim().to_lowercase()
}

/// The same for all: made once.
fn fold() -> &'static Fold {
    static FOLD: LazyLock<Fold> = LazyLock::new(Fold::default);
    &FOLD
}

/// A client's address, one of version 4 as such however it came.
fn client_text(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

/// An address as mailboxes are compared, whosever it is; what is none in lower case.
fn folded_address(address: &str) -> Cow<'_, str> {
    if is_folded(address) {
        return Cow::Borrowed(address);
    }
    match Mailbox::parse(address) {
        Some(Mailbox { local_part, host: Host::Domain(domain) }) => {
            Cow::Owned(foreign_key(&local_part.unquoted(), domain.as_str()).0)
        }
        _ => Cow::Owned(address.to_lowercase()),
    }
}

/// Whether nothing is folded of an address, as of nearly all: only small letters, digits and signs that mean nothing by themselves, and no dot at
/// the end, where a domain loses it. Not true of all of which nothing is.
fn is_folded(address: &str) -> bool {
    let stays = |octet: u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'@');
    address.bytes().all(stays) && !address.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    fn terms(record: &Record) -> Vec<String> {
        of(record).iter().map(|term| term.as_str().to_owned()).collect()
    }

    #[test]
    fn a_record_is_found_by_both_ends_the_client_its_rules_and_its_words() {
        let mut record = sample::record(1);
        record.reverse_path = "Remetente+tag@Example.COM".to_owned();
        assert_eq!(
            terms(&record),
            [
                "c:192.0.2.25",
                "f:remetente@example.com",
                "m:1@example.com",
                "r:s3b-2026-0042",
                "t:beltrano@tjpa.jus.br",
                "t:fulano.tal@tjepa.jus.br",
                "t:fulano.tal@tjpa.jus.br",
                "t:noc@tjepa.jus.br",
                "t:noc@tjpa.jus.br",
                "w:31m",
                "w:boleto",
                "w:cobranca",
                "w:de",
                "w:urgente",
            ]
        );
    }

    /// 9.2.30: what a mailbox of ours sent is found by its key, whatever alias it sent as.
    #[test]
    fn a_mailbox_of_ours_is_found_at_both_ends() {
        let mut record = sample::record(1);
        let key = MailboxKey("fulano.tal@tjepa.jus.br".to_owned());
        record.reverse_path = "outro.nome@tjpa.jus.br".to_owned();
        assert!(of(&record).contains(&Term::to_mailbox(&key)));
        assert!(!of(&record).contains(&Term::from_mailbox(&key)));
        record.reverse_path_mailbox = Some(key.clone());
        assert!(of(&record).contains(&Term::from_mailbox(&key)));
        assert!(of(&record).contains(&Term::from_address("OUTRO.NOME+x@TJPA.jus.br")));
    }

    #[test]
    fn what_is_looked_for_folds_as_what_is_written() {
        let record =
            Record { subjects: vec!["RE: Intimação nº 123/2026 — b\u{43e}leto".to_owned()], ..sample::record(1) };
        let terms = of(&record);
        for (text, found) in [
            ("INTIMACAO", true),
            ("intimação 123", true),
            ("123/2026", true),
            ("123/2027", false),
            ("boleto", true),
            ("intima*", true),
            ("intim* bol* 20*", true),
            ("ntima*", false),
            ("intima", false),
            ("re", false),
        ] {
            let all = Sought::words(text).unwrap().iter().all(|sought| sought.is_in(&terms));
            assert_eq!(all, found, "{text}");
        }
        assert_eq!(Sought::words(" * — "), None);
        assert!(terms.contains(&Term::message_id(" 1@EXAMPLE.com ")));
        assert!(terms.contains(&Term::client("::ffff:192.0.2.25".parse().unwrap())));
        assert!(terms.contains(&Term::rule("s3b-2026-0042")));
    }

    /// By octets, as a database compares that was told to.
    #[test]
    fn a_range_has_exactly_what_is_meant() {
        let all: std::collections::BTreeSet<Term> =
            ["w:bol", "w:bola", "w:bolé", "w:bol\u{fffd}", "w:bolo", "w:bom", "w:bo"]
                .map(|term| Term(term.to_owned()))
                .into();
        let bol = Term("w:bol".to_owned());
        let within: Vec<_> =
            all.iter().filter(|term| bol.as_str() <= term.as_str() && *term.as_str() < *bol.end()).collect();
        let begins: Vec<_> = all.iter().filter(|term| term.as_str().starts_with("w:bol")).collect();
        assert_eq!((within.len(), within), (5, begins));
    }

    /// What a sender chooses cannot make an index entry that a database refuses, nor any number of them.
    #[test]
    fn terms_are_bounded_and_clean() {
        let mut record = sample::record(1);
        record.message_id = Some(format!("<\0{}>", "é".repeat(5000)));
        record.reverse_path = format!("\u{1b}[2J{}", "x".repeat(3000));
        record.subjects = vec!["é".repeat(3000), (0..5000).map(|n| format!("palavra{n} ")).collect()];
        let terms = of(&record);
        assert!(terms.len() <= WORDS + 16, "{}", terms.len());
        for term in &terms {
            assert!(term.as_str().len() <= 2 + VALUE + 3 && !term.as_str().contains(char::is_control), "{term:?}");
        }
    }

    /// Every text of up to five of the characters on which folding turns, as an address: what is taken as it stands is what folding makes of it.
    #[test]
    fn an_address_that_is_taken_as_it_stands_is_folded() {
        let (mut texts, mut taken) = (vec![String::new()], 0);
        for _ in 0..5 {
            texts = texts
                .iter()
                .flat_map(|text| {
                    ["", "a", "A", "0", ".", "@", "+", "\"", "-", "_", "[", "é"].map(|c| format!("{text}{c}"))
                })
                .collect();
            texts.sort_unstable();
            texts.dedup();
        }
        for text in texts {
            let slowly = match Mailbox::parse(&text) {
                Some(Mailbox { local_part, host: Host::Domain(domain) }) => {
                    foreign_key(&local_part.unquoted(), domain.as_str()).0
                }
                _ => text.to_lowercase(),
            };
            taken += usize::from(is_folded(&text));
            assert_eq!(folded_address(&text), slowly, "{text}");
        }
        assert!(taken > 1000, "{taken}");
        assert!(is_folded("fulano.de-tal_2@tjpa.jus.br"));
    }
}
