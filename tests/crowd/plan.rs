//! How large the crowd is, and what each of it may cost.

use std::time::Duration;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The size of one run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Clients that are silent after EHLO.
    pub silent: usize,
    /// Clients that are silent after a message of theirs was taken.
    pub sent_before: usize,
    /// Clients that are silent after MAIL and RCPT.
    pub in_envelope: usize,
    /// Clients that dribble a message of [`MESSAGE`] octets.
    pub dribbling: usize,
    /// How long they dribble once all of them do.
    pub dribble: Duration,
    /// Those of them that go on to the end.
    pub finish: usize,
    /// `[hold] memory_total`.
    pub memory_total: u64,
    /// Until everyone has come in; a client that is told 4xx tries again.
    pub limit: Duration,
}

/// In every run of the tests.
const QUICK: Plan = Plan {
    silent: 380,
    sent_before: 100,
    in_envelope: 20,
    dribbling: 30,
    dribble: Duration::from_secs(8),
    finish: 2,
    memory_total: 3 * MIB,
    limit: Duration::from_secs(120),
};

/// What the threat model says of many slow clients.
const FULL: Plan = Plan {
    silent: 8_000,
    sent_before: 1_800,
    in_envelope: 200,
    dribbling: 1_000,
    dribble: Duration::from_secs(40),
    finish: 20,
    memory_total: 256 * MIB,
    limit: Duration::from_secs(900),
};

/// Octets of a message that is dribbled, behind its header section.
pub const MESSAGE: usize = 10 * 1024 * 1024;

/// Resident octets that a session may cost that never said more than EHLO. A buffer of its own to read into would pass this.
pub const SILENT: u64 = 6 * KIB;

/// … that has said more, and is silent now: what the allocator keeps of that counts here.
pub const IDLE: u64 = 16 * KIB;

/// … that dribbles: the 64 KiB of its hold that stay in the process, its transaction, and a read under way.
pub const DRIBBLING: u64 = 64 * KIB + 2 * IDLE;

/// What a run may cost once, however many sessions there are: threads, tables, caches.
pub const ONCE: u64 = 2 * MIB;

/// What the process may keep when everybody has left: glibc gives back little of what was freed between other things.
pub fn left_over(plan: Plan) -> u64 {
    16 * MIB + plan.clients() as u64 * 8 * KIB
}

/// … and by how much that may be more than it ever had, when as many have come and left once more: nothing is lost with a session.
pub fn left_over_again(plan: Plan) -> u64 {
    ONCE + plan.clients() as u64 * KIB
}

/// Ordinary mail beside the crowd is answered within this time, 99 of 100. The debug build runs beside other tests.
pub const ANSWERED: Duration = Duration::from_secs(if cfg!(debug_assertions) { 3 } else { 1 });

impl Plan {
    /// The one that is asked for.
    pub fn chosen() -> Self {
        if std::env::var("PORTARIA_CROWD").as_deref() == Ok("full") { FULL } else { QUICK }
    }

    /// All of them.
    pub fn clients(&self) -> usize {
        self.silent + self.sent_before + self.in_envelope + self.dribbling
    }
}
