//! Subject rules: RFC 5228's words (test, match type, action) over the Subject alone.
//!
//! In: rule files as text, then the facts of one message. Out: all faults of the files with their places, then which rules
//! match and which of them decides for each recipient. This module does not know files, clocks, or which addresses are
//! aliases of which: names, moments and a resolver come in as values. What a rule's action means is `disposition`'s.
//!
//! | file | what |
//! |---|---|
//! | `encoding` | octets of a file into text |
//! | `file`, `dates`, `reply` | TOML into rules as written |
//! | `compile`, `expression`, `addresses`, `wildcard`, `required` | patterns and exceptions, folded and compiled |
//! | `never`, `pasted` | patterns that cannot be meant |
//! | `block`, `except`, `view` | whether they hold of a folded subject |
//! | `example`, `reach` | the rule's own examples, and what they leave untried |
//! | `load` | several files into one set |
//! | `review`, `ordinary`, `advice` | rules beside one another, beside ordinary mail, beside the calendar |
//! | `code`, `vocabulary` | numbers of faults, words of hints |
//! | `index`, `matching`, `place` | the set over one message |

mod addresses;
mod advice;
mod block;
pub mod code;
mod compile;
mod dates;
mod encoding;
mod example;
pub(in crate::policy) mod except;
mod expression;
mod file;
mod index;
mod load;
mod matching;
mod never;
mod ordinary;
mod pasted;
mod place;
mod reach;
mod reply;
mod required;
mod review;
mod view;
mod vocabulary;
mod wildcard;

use std::{net::IpAddr, path::PathBuf, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::directory::MailboxKey;
use crate::{
    document::{Faults, Place},
    message::subject::{Fold, Subject},
    smtp::path::ReversePath,
};

pub use crate::message::subject::Reading;
pub use encoding::{MAX_FILE, text_of, utf_8};
pub use except::ExceptLine;
pub use load::{MAX_ALL_FILES, MAX_ALWAYS_TRIED, MAX_FOLDS};
pub use matching::{Standing, Tried};
pub use view::MAX_FOLDED;

/// Whose mailbox an address is, as an exception names it; none when its domain is not served.
pub type Resolve<'r> = &'r dyn Fn(&str) -> Option<MailboxKey>;

/// All rules of all files: files in name order, rules in file order.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    groups: Vec<index::Group>,
}

/// One rule, ready to be tried.
#[derive(Debug)]
pub struct Rule {
    id: String,
    description: String,
    mode: Mode,
    action: Action,
    /// `{rule}` filled in.
    reply: Option<String>,
    scope: Vec<Scope>,
    starts: Option<dates::Date>,
    expires: Option<dates::Date>,
    fold: Fold,
    blocks: Vec<block::Block>,
    except: except::Except,
    examples: usize,
    file: PathBuf,
    place: Place,
    starts_place: Option<Place>,
    expires_place: Option<Place>,
}

/// Whether a rule acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Not even looked at.
    Off,
    /// Recorded, without consequence.
    Observe,
    /// Acts.
    Enforce,
}

/// What an enforcing rule does. There is no discard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Only record.
    Observe,
    /// Relay with one more trace field.
    Tag,
    /// Hold for review.
    Quarantine,
    /// Refuse.
    Reject,
}

/// Which doors a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// MTAs.
    Relay,
    /// Applications.
    Application,
    /// Users.
    Submission,
}

/// What a rule may look at.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Every Subject field.
    pub subjects: &'a [Subject],
    /// The reverse-path.
    pub reverse_path: &'a ReversePath,
    /// The recipients, and whether each is always reachable.
    pub recipients: &'a [(MailboxKey, bool)],
    /// The identifiers (between the angle brackets) of all List-Id fields.
    pub list_ids: &'a [String],
    /// The client.
    pub client: IpAddr,
    /// The door it came through.
    pub scope: Scope,
    /// Now.
    pub now: SystemTime,
}

/// One rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleMatch {
    /// The rule's id.
    pub rule: String,
    /// Which `[[rule.match]]` block held, from 1.
    pub block: usize,
    /// The patterns of that block that matched, as written (the words, the phrase, the wildcard, the regex); several are
    /// joined by ` + `.
    pub pattern: String,
    /// Which Subject field, from 0.
    pub subject: usize,
    /// How that Subject was read: plainly, unless a pattern needed the other reading.
    #[serde(default)]
    pub reading: Reading,
    /// That Subject as compared in this reading, at most [`MAX_FOLDED`] octets and a `…` where it was cut.
    pub folded: String,
    /// The octets of `folded` that matched: start and end; from the first to the last with several patterns.
    pub span: (usize, usize),
    /// The octets of the decoded Subject that they come from. None: written before this was told.
    #[serde(default)]
    pub decoded_span: Option<(usize, usize)>,
    /// observe or enforce.
    pub mode: Mode,
    /// What it does when it decides.
    pub action: Action,
    /// The reply text of its action with `{rule}` filled in and `{id}` still open; none: the default.
    pub reply: Option<String>,
    /// The recipients (indices) that its exceptions spare.
    pub spared: Vec<usize>,
}

/// What the rules say of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Every match, in rule order.
    pub matches: Vec<RuleMatch>,
    /// For each recipient the index in `matches` of the first enforcing rule that matches and does not spare it.
    pub deciding: Vec<Option<usize>>,
}

impl RuleSet {
    /// Reads rule files (name, text; see [`text_of`]), whatever their order. With any error in the faults the set must not be
    /// used in place of a good one; it then holds the rules that are in order, for showing.
    ///
    /// `resolve` says whose mailbox an address of `except.recipient` is, so that an exception covers all its aliases.
    pub fn read(files: &[(PathBuf, String)], resolve: Resolve<'_>) -> (Self, Faults) {
        load::load(files, resolve)
    }

    /// As [`RuleSet::read`], from the octets of the files: what is not UTF-8, or larger than [`MAX_FILE`], is a fault.
    pub fn read_files(files: &[(PathBuf, Vec<u8>)], resolve: Resolve<'_>) -> (Self, Faults) {
        load::load_octets(files, resolve)
    }

    /// The rules, in the order in which they are tried.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The moments at which a rule that is not off begins or ends, in order.
    pub fn moments(&self) -> Vec<SystemTime> {
        let on = self.rules.iter().filter(|rule| rule.mode != Mode::Off);
        let mut moments: Vec<_> =
            on.flat_map(|rule| rule.starts.iter().chain(&rule.expires)).map(|date| date.at).collect();
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    /// How many rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Rule {
    /// Unique over all files.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is for.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Whether it acts.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What it does.
    pub fn action(&self) -> Action {
        self.action
    }

    /// How many examples it has; all of them are as they say.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// The file that it stands in.
    pub fn file(&self) -> &std::path::Path {
        &self.file
    }

    /// The mailboxes that it spares (`except.recipient`).
    pub fn spared(&self) -> &[MailboxKey] {
        &self.except.recipients
    }

    /// Whether it spares some lists (`except.list`).
    pub fn spares_lists(&self) -> bool {
        !self.except.lists.is_empty()
    }

    /// From when it acts, if it says so.
    pub fn starts(&self) -> Option<SystemTime> {
        self.starts.as_ref().map(|date| date.at)
    }

    /// Until when it acts, if it says so.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires.as_ref().map(|date| date.at)
    }

    /// What disappears before it compares.
    pub fn fold(&self) -> &Fold {
        &self.fold
    }
}

impl Mode {
    /// As rule files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

impl Action {
    /// As rule files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Tag => "tag",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }
}

#[cfg(test)]
mod tests;
