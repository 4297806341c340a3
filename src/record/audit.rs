//! What the audit trail says: who did what, to what, when.
//!
//! In: what a command or the gateway is about to do, or has done. Out: the same as one value, which `audit` writes down. These words know
//! neither the file nor its chain (`docs/audit.md`).

use std::collections::BTreeMap;

use serde::Serialize;

use super::UnixMillis;

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The account that the system vouches for: that of this process, or of the other end of the control socket. `root` behind sudo.
    pub account: String,
    /// The person that it says it acts for. Whoever runs the command can write any name here.
    pub person: Option<String>,
}

/// What was done. Its word in the trail is its name in snake case, and keeps its meaning: trails are read for years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A mailbox may not receive, send, or either.
    MailboxBlocked,
    /// It may again.
    MailboxUnblocked,
    /// An earlier set of rules is in force again.
    RulesRolledBack,
    /// A held message was looked at.
    ItemSeen,
    /// Its content was taken out.
    ItemExported,
    /// Somebody asks that it be delivered.
    ReleaseRequested,
    /// Somebody who may agrees.
    ReleaseApproved,
    /// Somebody who may does not agree.
    ReleaseDenied,
    /// It was delivered.
    Released,
    /// It was deleted before its time.
    ItemDeleted,
    /// A request to search records was registered.
    TrackingRequestOpened,
    /// Records were searched for it.
    TrackingSearched,
    /// What was found was taken out.
    TrackingExported,
    /// Records are kept beyond their time.
    RecordsHeld,
    /// The trail itself: the last line, of which nobody was told that it is written, was cut off.
    TrailRepaired,
    /// The trail itself: its end is not what it was.
    TrailDamaged,
    /// Mail goes on without a scan, or waits, by order.
    ContingencyBegun,
    /// That order is over.
    ContingencyEnded,
    /// Rules were tried on recorded mail, of which samples were shown.
    RulesReplayed,
    /// A request to search records is closed: it finds nothing any more, and keeps nothing.
    TrackingRequestClosed,
    /// Records are no more kept beyond their time.
    RecordsNoLongerHeld,
    /// A copy of everything was made.
    BackupMade,
    /// A copy was laid out, to be run or to be searched.
    BackupRestored,
    /// The trail itself: it goes on in a new file, behind one that is full.
    TrailContinued,
    /// What happened to one message was looked up by its id.
    RecordExplained,
    /// The quarantine's items were listed, or searched.
    ItemsListed,
}

/// An entry of a trail as its copy in the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its number.
    pub seq: u64,
    /// Its hash, 64 hex digits.
    pub hash: String,
    /// When it was written.
    pub at: UnixMillis,
    /// All of it, as its line stands in the file.
    pub line: String,
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: UnixMillis,
    /// By whom.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// To what: an id, a mailbox, the number of a request.
    pub object: String,
    /// Whatever else a reader has to know: `ticket`, `reason`, `outcome`. Values are text as it came; the whole line is bounded
    /// (`audit::LINE`).
    pub detail: BTreeMap<String, String>,
}
