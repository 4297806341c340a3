//! The whole outside world of a session in three types.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Instant, SystemTime},
};

use bytes::Bytes;

use crate::{
    policy::{Policy, application::password::PasswordHash, route::NextHopName, verdict::ScannerReport},
    record::{Intent, Item, ItemState, Record, TransactionId},
    smtp::{auth::Secret, extension::Capabilities},
};

/// Time comes in as a value.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// For deadlines; never goes back.
    pub monotonic: Instant,
    /// For people.
    pub wall: SystemTime,
}

/// What the world did.
#[derive(Debug)]
pub enum Input {
    /// The connection was accepted; the first input of every session.
    Accepted,
    /// Octets from the client.
    ClientOctets(Bytes),
    /// The client's stream ended: it says nothing more, and may still listen.
    ClientGone,
    /// The connection to the client broke, or takes no octets any more.
    ClientBroke,
    /// The client's handshake succeeded; version and suite for the record.
    TlsEstablished(String),
    /// Other rules and lists are in force: for transactions that begin from now on.
    Policy(Arc<Policy>),
    /// The disk fell under its floor of free space (`true`) or rose above it: while it is low, MAIL is answered `452 4.3.1`.
    DiskLow(bool),
    /// The connection asked for by `OpenNextHop` is ready for MAIL.
    NextHopReady(NextHopReady),
    /// It could not be had.
    NextHopFailed(NextHopFailure),
    /// Octets from the next hop.
    NextHopOctets(Bytes),
    /// What `ToNextHop` said was written.
    NextHopDrained,
    /// The next hop's stream ended or broke.
    NextHopGone(String),
    /// Somebody else waits for a connection to this next hop. Fed only when [`Wait::lends_from`] has come; then the session gives
    /// its connection back.
    NextHopWanted,
    /// `Hold` was done.
    Held(Result<(), HoldFault>),
    /// `ReadHold` was done; empty only at the end of the content.
    HoldOctets(Result<Bytes, HoldFault>),
    /// Every scanner group that was asked answered (or did not, which is a verdict too).
    Scanned(Vec<ScannerReport>),
    /// `Quarantine` or `SettleItem` was done: durable, or not.
    Quarantined(Result<(), String>),
    /// `Intent` or `Record` stands in the journal, or does not.
    Journaled(Result<(), String>),
    /// `Recount` was done: the connection counts for its new network, or there are too many from there.
    Recounted(bool),
    /// `Verify` was done.
    Verified(Verified),
    /// Nothing but time.
    TimePassed,
    /// The gateway is to stop: finish what is past the end of mail data, 421 to the rest.
    Drain,
}

/// A password, and the hash that it may be of.
#[derive(Clone, Debug)]
pub struct Verification {
    /// What the client said.
    pub password: Secret,
    /// What the registry has.
    pub hash: PasswordHash,
}

/// Whether they belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// They do.
    Right,
    /// They do not.
    Wrong,
    /// Nobody had time to look.
    Busy,
}

/// A connection to the next hop.
#[derive(Clone, Debug)]
pub struct NextHopReady {
    /// What it offers.
    pub capabilities: Capabilities,
    /// Its address.
    pub address: String,
    /// Version and suite, if under TLS.
    pub tls: Option<String>,
    /// It served other transactions before: if it breaks at MAIL, that says nothing about the next hop.
    pub reused: bool,
    /// How often MAIL was said on it: some next hops take only so many (RFC 9422).
    pub mails: u32,
    /// RSET was not said since its last transaction, and goes out in front of our MAIL (decision 54).
    pub owes_reset: bool,
}

/// What stands on a connection that is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// Nothing: its last transaction ended with the reply to the end of mail data (RFC 5321 §4.1.1.4), or none began.
    Nothing,
    /// MAIL was said, and the transaction not ended: only RSET ends it.
    Envelope,
}

/// Why no connection could be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NextHopFailure {
    /// No connection became free in time: `451 4.3.2`.
    #[error("no connection to the next hop became free in time")]
    Busy,
    /// None of its addresses answers as it should: `451 4.4.1`.
    #[error("the next hop cannot be reached: {0}")]
    Unreachable(String),
    /// This machine cannot open a connection now (descriptors, memory): `451 4.3.0`, and no fault of the next hop's.
    #[error("no connection can be opened here: {0}")]
    Local(String),
    /// TLS is required and failed: `451 4.7.5`.
    #[error("required TLS to the next hop failed: {0}")]
    Tls(String),
}

/// Why the hold did not take or give content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoldFault {
    /// The disk (or its floor of free space) or the memory of all holds: `452 4.3.1`.
    #[error("the hold is full: {0}")]
    Full(String),
    /// Anything else: `451 4.3.0`.
    #[error("the hold failed: {0}")]
    Failed(String),
}

/// What the world is asked to do.
#[derive(Debug)]
pub enum Output {
    /// Write to the client.
    ToClient(Bytes),
    /// The client is another one than who connected (XCLIENT): the connection counts for this address from now on. Answered by
    /// `Recounted`.
    Recount(IpAddr),
    /// Verify a password, where nobody waits for the thread. Answered by `Verified`.
    Verify(Verification),
    /// Do the TLS handshake as server, once everything is written. Answered by `TlsEstablished` or `ClientBroke`.
    StartTls,
    /// Close the client's connection once everything is written. The session is over when all answers are in.
    CloseClient {
        /// It said QUIT, or its stream ended: nothing further of it is to come that could reset the connection under our last reply.
        has_said_all: bool,
    },
    /// Lease a connection. Answered by `NextHopReady` or `NextHopFailed`.
    OpenNextHop(OpenNextHop),
    /// Write to the next hop. Answered by `NextHopDrained`.
    ToNextHop(Bytes),
    /// Give the connection back: every question answered, outside mail data. RSET is said before MAIL of anyone else, by the pool or
    /// by whoever gets it (`NextHopReady::owes_reset`).
    ReleaseNextHop {
        /// How often MAIL was said on it since it was opened.
        mails: u32,
        /// What stands on it.
        left: Leftover,
    },
    /// Close the connection at once: the final dot must never go out.
    DropNextHop,
    /// Give up the lease asked for by `OpenNextHop`; no answer will come.
    CancelNextHop,
    /// Append to the hold (made at the first of these). Answered by `Held`.
    Hold(Bytes),
    /// Read from the hold. Answered by `HoldOctets`, in the order asked, and not any more after `Forget`: octets of one message
    /// must not reach the next.
    ReadHold {
        /// From this octet.
        offset: u64,
        /// At most so many.
        max: usize,
    },
    /// Let every scanner group look at the hold, which is complete. Answered by `Scanned`.
    Scan {
        /// Groups that are not asked, by order: never all that there are.
        spared: Vec<String>,
        /// The SHA-256 of the content as the client sent it, hex digits: by it content that harms scanners is known again.
        sha256: String,
    },
    /// Stop waiting for the scan; no answer will come.
    CancelScan,
    /// Make the hold's content a quarantine item. Answered by `Quarantined`.
    Quarantine(Box<Item>),
    /// Change an item's state. Answered by `Quarantined`.
    SettleItem(TransactionId, ItemState),
    /// Append to the journal. Answered by `Journaled`.
    Intent(Box<Intent>),
    /// The transaction is over; append to the journal.
    Record {
        /// Its facts.
        record: Box<Record>,
        /// Answered by `Journaled`: the reply to the client waits for it. Otherwise nobody waits.
        acknowledge: bool,
    },
    /// The hold is not needed any more.
    Forget,
    /// Nothing more to do until one of these happens. Always the last output.
    Wait(Wait),
}

/// What a connection to the next hop is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenNextHop {
    /// Which.
    pub name: NextHopName,
    /// Not one that was used before.
    pub fresh: bool,
    /// Addresses that failed this transaction already: others first.
    pub avoid: Vec<String>,
    /// Give up then.
    pub until: Instant,
}

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Read from the client: at most this many octets.
    pub read_client: usize,
    /// Read from the next hop.
    pub read_next_hop: bool,
    /// Feed `TimePassed` then, if nothing happened before.
    pub until: Instant,
    /// From then on the next hop waits for a client that does nothing: feed `NextHopWanted` when somebody else wants the
    /// connection. `None`: it is in use, or there is none.
    pub lends_from: Option<Instant>,
    /// The session is over: nothing further will be asked, drop it.
    pub finished: bool,
}
