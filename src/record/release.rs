//! Releases of quarantine items: what may be released, by whom, to whom, and what follows each attempt (decision 42).
//!
//! In: an item, the releases that it had, who asks, and what a next hop said. Out: values and refusals. Nothing here knows a
//! database, a socket or a clock; whoever does asks here first and writes down what it hears.
//!
//! | what | file |
//! |---|---|
//! | a release, its recipients, their states | here |
//! | whether it may be asked for, approved, denied | `asked` |
//! | what follows an attempt, and when the next one is due | `attempt` |

mod asked;
mod attempt;

use serde::{Deserialize, Serialize};

use super::{TransactionId, UnixMillis, audit::Actor};
use crate::smtp::parameter::RcptParameters;

pub use asked::{Asked, ReleaseRefusal, decide, may_decide, plan};
pub use attempt::{Heard, LONGEST_PAUSE, Next, after_attempt, pause_after};

/// To whom an item is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseKind {
    /// To the recipients that it was held for, with the envelope that it came with.
    Original,
    /// To somebody who is to look at it; the item stays held.
    Analyst,
}

/// Where a release stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseState {
    /// It waits for a second person.
    Requested,
    /// It is to be sent, now or when its pause is over.
    Approved,
    /// Its owner is at it.
    Sending,
    /// Everybody has it.
    Delivered,
    /// Some have it, some do not and will not.
    Partly,
    /// Nobody has it, and nobody will.
    Failed,
    /// Somebody may have it: the answer to our dot never came.
    Unknown,
    /// Somebody said no, and nobody has it.
    Denied,
}

impl ReleaseState {
    /// Whether something is still to happen.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Requested | Self::Approved | Self::Sending)
    }
}

/// What a recipient of a release has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecipientState {
    /// Nothing yet.
    Open,
    /// The message.
    Delivered,
    /// Nothing: the next hop refused it for good, or there is no route to it.
    Refused,
    /// Nothing: the next hop did not take it as long as it was tried, or somebody stopped the release.
    GivenUp,
    /// Nobody knows: our dot went out, or may have, and was not answered.
    Unknown,
}

/// One recipient of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRecipient {
    /// The path as the next hop is to hear it.
    pub address: String,
    /// NOTIFY and ORCPT.
    pub parameters: RcptParameters,
    /// What it has.
    pub state: RecipientState,
    /// What was said about it last, one line; empty: nothing yet.
    pub said: String,
}

/// Somebody's word: who, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// When.
    pub at: UnixMillis,
    /// Who.
    pub actor: Actor,
    /// Why, in their words.
    pub reason: String,
}

/// One release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its id, of the same form as an item's.
    pub id: TransactionId,
    /// Of which item.
    pub item: TransactionId,
    /// To whom.
    pub kind: ReleaseKind,
    /// Where it stands.
    pub state: ReleaseState,
    /// Each recipient.
    pub recipients: Vec<ReleaseRecipient>,
    /// Who asked for it.
    pub requested: Word,
    /// The second person, or whoever stopped it; none where nobody was needed, or nobody has spoken yet.
    pub decided: Option<Word>,
    /// How often it was taken up.
    pub attempts: u32,
    /// Milliseconds of all pauses that were planned.
    pub waited: UnixMillis,
    /// When it is taken up again, while it is approved.
    pub next_attempt_at: UnixMillis,
    /// Who sends it, while it is being sent.
    pub owner: Option<String>,
    /// Until when the owner is believed to be at it.
    pub lease_until: UnixMillis,
    /// Our dot may be out.
    pub dotted: bool,
    /// What the next hop, or whatever stood in the way, said last.
    pub said: String,
    /// When it came to its end.
    pub settled_at: Option<UnixMillis>,
}
