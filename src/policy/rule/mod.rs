//! Subject rules: RFC 5228's words (test, match type, action) over the Subject alone.

use std::{net::IpAddr, path::PathBuf, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::directory::MailboxKey;
use crate::{document::Faults, message::subject::Subject, smtp::path::ReversePath};

/// All rules of all files: files in name order, rules in file order.
#[derive(Debug, Default)]
pub struct RuleSet {}

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
    /// The pattern of that block that matched, as written (a word, the phrase, the wildcard, the regex).
    pub pattern: String,
    /// Which Subject field, from 0.
    pub subject: usize,
    /// That Subject as compared.
    pub folded: String,
    /// The octets of `folded` that matched: start and end.
    pub span: (usize, usize),
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
    /// Reads rule files (name, text). With any error in the faults the set must not be used in place of a good one.
    pub fn read(files: &[(PathBuf, String)]) -> (Self, Faults) {
        let _ = files;
        todo!()
    }
    /// What the rules say. Linear in the subject's length; never fails.
    pub fn judge(&self, facts: &Facts<'_>) -> Judgement {
        let _ = facts;
        todo!()
    }
    /// How many rules.
    pub fn len(&self) -> usize {
        todo!()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
