//! The facts of one mail transaction, written once, at its end; and what stands in the journal before that.
//!
//! Everything a person may later ask ("why was this message stopped?") is answered from these values alone.

use std::{
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

pub mod attempts;
pub mod audit;
pub mod clock;
mod found;
pub mod release;
pub mod replay;
pub mod request;
pub mod subject;
pub mod term;
pub mod window;

use self::subject::Hidden;
use crate::policy::{
    application::State as ApplicationState,
    directory::MailboxKey,
    disposition::By,
    rule::RuleMatch,
    verdict::{ScanVerdict, ScannerReport},
};
use crate::smtp::parameter::{MailParameters, RcptParameters};

/// The id of a mail transaction: 32 lower-case hex digits (a UUIDv7), the same in reply, record, log and quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TransactionId(String);

impl TransactionId {
    /// A UUIDv7 (RFC 9562 §5.7) from the time in milliseconds and 74 bits of chance (those above are ignored).
    pub fn new(unix_milliseconds: u64, chance: u128) -> Self {
        let time = u128::from(unix_milliseconds & 0xffff_ffff_ffff) << 80;
        let random = (chance & 0x0fff) << 64 | (chance >> 12) & 0x3fff_ffff_ffff_ffff;
        let bits = time | 0x7 << 76 | 0x2 << 62 | random;
        Self(format!("{bits:032x}"))
    }

    /// The same for a message; but its last three digits are those of its second, and the same for all that begin in it. An id is found by its
    /// last digits, in an index that has them backwards: ids whose ends have nothing in common would each change a page of it of their own.
    /// 62 bits of chance are left, and the second is scattered, so that over the days each end comes as often as any other.
    pub fn of_mail(unix_milliseconds: u64, chance: u128) -> Self {
        // Consecutive numbers times the golden ratio: their highest bits are as far apart as they can be (Knuth, volume 3, 6.4).
        let scattered = (unix_milliseconds / 1000).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52;
        // Behind the 12 bits of `chance` that stand beside the time come those that the id ends with.
        Self::new(unix_milliseconds, chance & !(0xfff << 12) | u128::from(scattered) << 12)
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TransactionId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hex = |octet: u8| octet.is_ascii_digit() || (b'a'..=b'f').contains(&octet);
        if text.len() == 32 && text.bytes().all(hex) { Ok(Self(text)) } else { Err("not 32 lower-case hex digits") }
    }
}

impl From<TransactionId> for String {
    fn from(id: TransactionId) -> Self {
        id.0
    }
}

impl std::fmt::Display for TransactionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Milliseconds since 1970-01-01 UTC.
pub type UnixMillis = i64;

/// A time as it stands in records; one before 1970 is 1970.
pub fn unix_millis(at: SystemTime) -> UnixMillis {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Who connected, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientFacts {
    /// The listener's address, as configured.
    pub listener: String,
    /// The client's address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Its name in the DNS, if whoever announced it (XCLIENT) found one. We never look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who announced it (XCLIENT): address, port, name and HELO are as that one says. None: it connected itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced_by: Option<IpAddr>,
    /// HELO or EHLO argument, as said.
    pub hello: String,
    /// The TLS version and cipher suite, if under TLS.
    pub tls: Option<String>,
}

/// What became of one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Not decided: the transaction ended before.
    None,
    /// Refused at RCPT, by us or by the next hop.
    RefusedAtRcpt,
    /// The next hop has it.
    Relayed,
    /// It is in the quarantine.
    Held,
    /// The client heard 5xx.
    Refused,
    /// The client heard 4xx.
    Deferred,
    /// The next hop may have it; the client was not answered.
    Unknown,
}

/// One recipient of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientFacts {
    /// As the client wrote it.
    pub address: String,
    /// Whose mailbox it is; none when it is not ours.
    pub mailbox: Option<MailboxKey>,
    /// What the client heard to RCPT, as one line.
    pub reply: String,
    /// Who gave that answer.
    pub answered_by: AnsweredBy,
    /// Our reason, when policy refused: a name (`blocked_to_receive`) and a sentence.
    pub refusal: Option<(String, String)>,
    /// What became of it.
    pub fate: Fate,
    /// Index in [`Record::rules`] of the rule that decided for it.
    pub decided_by_rule: Option<usize>,
    /// A rule's *reject* became *quarantine*, because another recipient got something else (one reply cannot refuse some).
    pub downgraded: bool,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// The gateway.
    Gateway,
    /// The next hop.
    NextHop,
}

/// How a transaction ended, in one word; the key of metrics and of the log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every recipient relayed.
    Relayed,
    /// Every recipient held.
    Held,
    /// Some relayed, some held.
    RelayedAndHeld,
    /// 5xx.
    Refused,
    /// 4xx.
    Deferred,
    /// RSET, a new HELO, QUIT, or no recipient accepted.
    Abandoned,
    /// The client went away before our dot.
    ClientGone,
    /// Killed between our dot and the answer: the next hop may have it, the client was not answered.
    Unknown,
}

/// Why it ended so, when something decided it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum Cause {
    /// Nothing stood against it.
    Nothing,
    /// A subject rule.
    Rule {
        /// Index in [`Record::rules`].
        index: usize,
    },
    /// The scanners: the verdict that decided.
    Scanner {
        /// It.
        #[serde(flatten)]
        verdict: ScanVerdict,
    },
    /// Policy refused MAIL or every RCPT.
    Policy {
        /// Its name.
        name: String,
        /// For the operator.
        reason: String,
    },
    /// A size, line, header or hop limit.
    Limit {
        /// Which.
        what: String,
    },
    /// The client broke the protocol (bare CR or LF).
    Violation {
        /// How.
        what: String,
    },
    /// The next hop refused, or could not be used.
    NextHop {
        /// What it said or what failed.
        what: String,
    },
    /// Something of ours failed (disk, journal).
    Gateway {
        /// What.
        what: String,
    },
    /// The client ended it.
    Client {
        /// How.
        what: String,
    },
}

/// What happened at the next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextHopFacts {
    /// Its configured name.
    pub name: String,
    /// The address that was used last.
    pub address: Option<String>,
    /// TLS version and cipher suite, if under TLS.
    pub tls: Option<String>,
    /// Its reply to the end of mail data, as one line.
    pub reply: Option<String>,
    /// Connections opened or leased for this transaction.
    pub attempts: u32,
    /// Content began to flow before the end of mail data.
    pub cut_through: bool,
    /// The last thing that went wrong with it, our words: a connection that could not be had or was lost.
    #[serde(default)]
    pub fault: Option<String>,
}

/// The application that a transaction is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationFacts {
    /// Its id in the registry.
    pub id: String,
    /// Where it stood.
    pub state: ApplicationState,
    /// As whom it had logged in, if it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// What was decided and not carried out, because it was on trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_be: Option<WouldBe>,
}

/// A decision that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WouldBe {
    /// How it would have ended.
    pub ending: Ending,
    /// Why.
    pub cause: Cause,
    /// What the client would have heard, as one line; of what would have been relayed, the next hop's own words stand in its place.
    pub reply: String,
}

/// All facts of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The transaction.
    pub id: TransactionId,
    /// When MAIL came.
    pub began: UnixMillis,
    /// When it ended.
    pub ended: UnixMillis,
    /// The client.
    pub client: ClientFacts,
    /// The application that sent it, on an application listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationFacts>,
    /// The reverse-path as written, without brackets; empty for the null path.
    pub reverse_path: String,
    /// Whose mailbox that is, by the directory as it was then; none when it is not ours, and in records of before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse_path_mailbox: Option<MailboxKey>,
    /// Every recipient that was named.
    pub recipients: Vec<RecipientFacts>,
    /// The Subject fields as decoded; none where `hidden_subjects` stands in their place.
    pub subjects: Vec<String>,
    /// What stands in place of the subjects, where they are not to be kept; none: they are, or there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_subjects: Option<Hidden>,
    /// The identifiers of its List-Id fields, which rules may spare. None: from before they were kept, content never came, or there were
    /// more or longer ones than are kept (`message::facts::few_list_ids`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_ids: Option<Vec<String>>,
    /// The Message-ID field's body, if there is one.
    pub message_id: Option<String>,
    /// Octets of content as the client sent it; where bare CR and LF are mended (decision 4), as it was mended and relayed.
    pub size: Option<u64>,
    /// SHA-256 of that content, hex; only once it came whole.
    pub sha256: Option<String>,
    /// The version of the policy that judged it.
    pub policy: String,
    /// Every rule that matched.
    pub rules: Vec<RuleMatch>,
    /// What each scanner said.
    pub scanners: Vec<ScannerReport>,
    /// The next hop's part.
    pub next_hop: Option<NextHopFacts>,
    /// How it ended.
    pub ending: Ending,
    /// Why.
    pub cause: Cause,
    /// The `X-Portaria:` field that was prepended, if one was.
    pub tagged: Option<String>,
    /// The last reply that the client heard about it, as one line; none if it heard none.
    pub reply: Option<String>,
    /// Whether a copy or item of it stands in the quarantine.
    pub quarantined: bool,
}

/// What stands in the journal before our dot goes out (promise 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The record as far as it is known: should we be killed now, this is all there is.
    pub record: Record,
}

impl Intent {
    /// The record of a transaction whose outcome was never written: for every recipient that was not settled before our dot, the
    /// next hop may have the message, and the client was not answered.
    pub fn without_outcome(self) -> Record {
        let mut record = self.record;
        for recipient in &mut record.recipients {
            if matches!(recipient.fate, Fate::None | Fate::Relayed) {
                recipient.fate = Fate::Unknown;
            }
        }
        record.ending = Ending::Unknown;
        record.cause = Cause::Gateway { what: "stopped between our dot and the next hop's answer".to_owned() };
        record.reply = None;
        record
    }
}

/// The class of a quarantine item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemClass {
    /// Malware.
    Virus,
    /// A subject rule.
    Rule,
    /// A policy finding: definitions too old, encrypted, macro, ambiguous, ignored.
    Policy,
    /// Could not be scanned wholly, or was not by order.
    Unscannable,
}

impl ItemClass {
    /// Of an item that is there by `by`. Malware wins the class of what a rule holds.
    pub fn of(by: By, deciding: &ScanVerdict) -> Self {
        match (by, deciding) {
            (_, ScanVerdict::Infected { .. }) => Self::Virus,
            (By::Rule(_), _) => Self::Rule,
            (
                By::Antivirus,
                ScanVerdict::Outdated { .. }
                | ScanVerdict::Ignored { .. }
                | ScanVerdict::Macro { .. }
                | ScanVerdict::Encrypted { .. }
                | ScanVerdict::Ambiguous { .. },
            ) => Self::Policy,
            (By::Antivirus, _) => Self::Unscannable,
        }
    }
}

/// The state of a quarantine item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// Durable, while the other recipients' relay is still open.
    Pending,
    /// Waiting for a reviewer.
    Held,
    /// Being released.
    Releasing,
    /// Released.
    Released,
    /// Deleted by a reviewer.
    Deleted,
    /// Its retention passed.
    Expired,
    /// The other recipients' relay failed, and the client was told so: it sends again.
    Withdrawn,
}

/// One message in the quarantine: one per transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The transaction.
    pub id: TransactionId,
    /// Why it is there.
    pub class: ItemClass,
    /// Where it stands.
    pub state: ItemState,
    /// The sender heard 250: someone must decide. Otherwise it heard 5xx, and this is a copy, kept 7 days.
    pub acknowledged: bool,
    /// When it came.
    pub received_at: UnixMillis,
    /// The reverse-path as written.
    pub reverse_path: String,
    /// The recipients held: the path as the next hop is to hear it.
    pub recipients: Vec<String>,
    /// What stood behind the paths in MAIL and RCPT.
    pub parameters: EnvelopeParameters,
    /// The first Subject, decoded; or what stands in its place ([`Record::subject_line`]).
    pub subject: String,
    /// Octets of content, as in [`Record::size`].
    pub size: u64,
    /// SHA-256 of that content.
    pub sha256: String,
    /// Octets of trace fields of ours that stand in front of it in what is stored.
    pub trace_length: u64,
    /// One line: the rule or signature.
    pub reason: String,
}

/// The parameters of an envelope that is kept: its release says them to the next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnvelopeParameters {
    /// Of MAIL.
    pub mail: MailParameters,
    /// Of each RCPT, in the order of [`Item::recipients`]; an item of a version that did not keep them has none.
    pub recipients: Vec<RcptParameters>,
}

#[cfg(test)]
pub(crate) mod sample;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_version_7_uuid_that_sorts_by_time() {
        let early = TransactionId::new(1_700_000_000_000, u128::MAX);
        let late = TransactionId::new(1_700_000_000_001, 0);
        assert_eq!(early.as_str().len(), 32);
        assert_eq!(&early.as_str()[12..13], "7");
        assert!("89ab".contains(&early.as_str()[16..17]));
        assert!(early < late);
        assert_eq!(TransactionId::try_from(early.as_str().to_owned()), Ok(early));
        for bad in ["", "../../etc/passwd", "0190a5c1e7b07a7a8a8a8a8a8a8a8a8G"] {
            assert!(TransactionId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    /// Else each record of a batch changes a page of the index of last digits that no other one changes. Two of them are not the same for
    /// that, and seconds do not share an end more often than by chance.
    #[test]
    fn ids_of_a_second_end_alike_and_those_of_other_seconds_do_not() {
        let end = |id: &TransactionId| id.as_str()[29..].to_owned();
        let first = TransactionId::of_mail(1_700_000_000_000, 0);
        let other = TransactionId::of_mail(1_700_000_000_999, u128::MAX);
        assert_eq!(end(&first), end(&other));
        assert_eq!(other.as_str()[12..29], *"7fffbffffffffffff");
        for chance in 0..74 {
            let id = TransactionId::of_mail(1_700_000_000_000, 1 << chance);
            assert_eq!(id == first, (12..24).contains(&chance), "bit {chance}");
        }
        let seconds = 1_700_000_000_u64..1_700_000_000 + 40_960;
        let mut ends = std::collections::BTreeMap::new();
        for second in seconds {
            *ends.entry(end(&TransactionId::of_mail(second * 1000, 0))).or_insert(0) += 1;
        }
        assert!(ends.len() == 4096 && ends.values().all(|count| (8..=12).contains(count)), "{ends:?}");
    }

    #[test]
    fn malware_wins_the_class_of_what_a_rule_holds() {
        let text = String::new;
        assert_eq!(ItemClass::of(By::Rule(0), &ScanVerdict::Infected { signature: text() }), ItemClass::Virus);
        assert_eq!(ItemClass::of(By::Rule(0), &ScanVerdict::Clean), ItemClass::Rule);
        assert_eq!(ItemClass::of(By::Antivirus, &ScanVerdict::Encrypted { signature: text() }), ItemClass::Policy);
        assert_eq!(ItemClass::of(By::Antivirus, &ScanVerdict::Unavailable { text: text() }), ItemClass::Unscannable);
    }

    /// An intent that nothing followed says so for whoever was still open, and takes nothing back from the others.
    #[test]
    fn an_intent_without_an_outcome_is_unknown() {
        let mut record = sample::record(7);
        let mut fates = [Fate::None, Fate::Relayed, Fate::Held, Fate::RefusedAtRcpt].into_iter();
        record.recipients = (0..4).map(|_| record.recipients[0].clone()).collect();
        record.recipients.iter_mut().for_each(|recipient| recipient.fate = fates.next().unwrap());
        let after = Intent { record: record.clone() }.without_outcome();
        let fates: Vec<Fate> = after.recipients.iter().map(|recipient| recipient.fate).collect();
        assert_eq!(fates, [Fate::Unknown, Fate::Unknown, Fate::Held, Fate::RefusedAtRcpt]);
        assert_eq!((after.ending, after.reply, after.id), (Ending::Unknown, None, record.id));
    }
}
