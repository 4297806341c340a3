//! The connections of one next hop: lent, reset where somebody left an envelope, kept for a while, closed.
//!
//! In: who needs one and until when. Out: a [`Lease`], or why not. What is said over it is the session's business.
//!
//! A permit is the right to *use* a connection; there are `max_connections` of them. Idle connections hold none, and before
//! a new one is opened idle ones are closed until all together stay within the bound: Exchange counts them all, per source.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::AsyncReadExt as _,
    time::{Instant, error::Elapsed, sleep_until, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    AddressStatus, NextHopSettings, NextHopStatus,
    connect::{Address, ConnectFault, Connection, Dialler, send},
    health::Health,
    lease::Lease,
    turns::{Permit, Turns},
};
use crate::{
    relay::event::{Leftover, NextHopFailure, OpenNextHop},
    smtp::{
        client::{TlsWish, Transaction},
        extension::Capabilities,
    },
};

/// An idle connection is closed after this time. Servers close theirs after one to five minutes; we should be the first.
const IDLE: Duration = Duration::from_secs(30);

/// Work in the background, which drain waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    pub tracker: TaskTracker,
    /// Nothing is kept idle any more.
    pub closing: CancellationToken,
}

impl Tasks {
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(task);
    }
}

/// One next hop.
pub(super) struct Hop {
    pub settings: NextHopSettings,
    dialler: Dialler,
    turns: Arc<Turns>,
    state: Mutex<State>,
}

struct State {
    /// The one used last is at the end and is used first: the others grow old and go, so that there are as few as needed.
    idle: Vec<Idle>,
    health: Health,
    reaping: bool,
}

struct Idle {
    connection: Connection,
    /// When it is to be closed.
    until: Instant,
}

impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hop").field("name", &self.settings.name).finish_non_exhaustive()
    }
}

impl Hop {
    pub(super) fn new(settings: NextHopSettings, dialler: Dialler, health: Health) -> Self {
        let turns = Turns::new(settings.max_connections);
        Self { settings, dialler, turns, state: Mutex::new(State { idle: Vec::new(), health, reaping: false }) }
    }

    pub(super) async fn lease(self: &Arc<Self>, request: &OpenNextHop, tasks: &Tasks) -> Result<Lease, NextHopFailure> {
        let until = Instant::from_std(request.until);
        let permit = self.permit(until).await?;
        let idle = if request.fresh { None } else { self.take_idle(tasks) };
        let reused = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            // In a box: every transaction has a future of this one's size, and one in a hundred connects.
            None => Box::pin(self.connect(until, &request.avoid)).await?,
        };
        Ok(Lease { connection, permit, hop: Arc::clone(self), tasks: tasks.clone(), reused })
    }

    /// Introduces ourselves to every address, whatever its health, asks for MAIL and says QUIT: no message should have to find out.
    pub(super) async fn probe(&self) -> Result<Capabilities, NextHopFailure> {
        let _permit = self.permit(Instant::now() + self.dialler.connect_timeout).await?;
        let mut faults = Faults::default();
        let mut seen = Vec::new();
        // Bound outside the loop: a lock taken in the head of a `for` is held to its end.
        let order = self.lock().health.order(Instant::now());
        for (nth, address) in order {
            self.make_room();
            match self.dialler.probe(&address, self.dialler.connect_timeout).await {
                Ok(connection) => {
                    self.succeeded(nth, &connection);
                    seen.push(connection.capabilities.clone());
                    connection.quit().await;
                }
                Err(fault) if fault.is_ours() => return Err(NextHopFailure::Local(fault.to_string())),
                Err(fault) => {
                    self.failed(nth, &fault);
                    self.add(&mut faults, &address, &fault);
                }
            }
        }
        Capabilities::common(seen).ok_or_else(|| faults.failure())
    }

    /// Takes over what an earlier run saw, for an address that this one has not seen yet.
    pub(super) fn remember(&self, address: &str, seen: &Capabilities) {
        self.lock().health.remember(address, seen);
    }

    /// What all its addresses can do, as last seen.
    pub(super) fn seen(&self) -> Option<Capabilities> {
        self.lock().health.seen()
    }

    pub(super) fn status(&self) -> NextHopStatus {
        let state = self.lock();
        let addresses = state.health.addresses().iter().map(|address| AddressStatus {
            address: address.address.to_string(),
            healthy: address.last_error.is_none(),
            last_error: address.last_error.clone(),
            seen: address.seen.clone(),
        });
        NextHopStatus {
            name: self.settings.name.clone(),
            addresses: addresses.collect(),
            idle: state.idle.len(),
            in_use: self.in_use(),
            max_connections: self.settings.max_connections,
            seen: state.health.seen(),
        }
    }

    /// Keeps a connection that was lent, once it is reset or, without a task of its own, if its next RSET can go out in one group
    /// with MAIL (decision 54); or closes it. `permit` is held until that is settled.
    pub(super) fn take_back(
        self: Arc<Self>,
        mut connection: Connection,
        permit: Permit,
        left: Leftover,
        tasks: &Tasks,
    ) {
        let old = self.lifetime_end(&connection) <= Instant::now();
        if tasks.closing.is_cancelled() || old || connection.is_used_up() {
            tasks.spawn(async move {
                connection.quit().await;
                drop(permit);
            });
        } else if left == Leftover::Nothing && connection.capabilities.pipelining {
            connection.owes_reset = true;
            self.keep(connection, permit, tasks);
        } else {
            tasks.spawn(self.reset_and_keep(connection, permit, tasks.clone()));
        }
    }

    async fn reset_and_keep(self: Arc<Self>, mut connection: Connection, permit: Permit, tasks: Tasks) {
        match timeout(self.dialler.reply_timeout, reset(&mut connection)).await {
            Ok(Ok(true)) => {
                connection.owes_reset = false;
                self.keep(connection, permit, &tasks);
            }
            odd => {
                tracing::debug!(next_hop = %self.settings.name.0, address = %connection.address, ?odd, "not reset, closed");
            }
        }
    }

    fn keep(self: Arc<Self>, connection: Connection, permit: Permit, tasks: &Tasks) {
        let until = self.lifetime_end(&connection).min(Instant::now() + IDLE);
        let mut state = self.lock();
        state.idle.push(Idle { connection, until });
        // Only now: whoever waits for the permit finds the connection.
        drop(permit);
        let reaping = std::mem::replace(&mut state.reaping, true);
        drop(state);
        if !reaping {
            tasks.spawn(self.reap(tasks.clone()));
        }
    }

    fn lifetime_end(&self, connection: &Connection) -> Instant {
        connection.opened + self.settings.connection_lifetime
    }

    /// Closes idle connections when their time is up, all of them when we are closing. Runs while there are any.
    async fn reap(self: Arc<Self>, tasks: Tasks) {
        loop {
            let (expired, next) = self.take_expired(tasks.closing.is_cancelled());
            for connection in expired {
                tasks.spawn(connection.quit());
            }
            let Some(next) = next else { return };
            tokio::select! {
                () = sleep_until(next) => {}
                () = tasks.closing.cancelled() => {}
            }
        }
    }

    /// The idle connections to close now, and when to look again; `None`: there are none left, and the reaper is gone.
    fn take_expired(&self, all: bool) -> (Vec<Connection>, Option<Instant>) {
        let mut state = self.lock();
        let now = Instant::now();
        let expired = state.idle.extract_if(.., |idle| all || idle.until <= now).map(|idle| idle.connection).collect();
        let next = state.idle.iter().map(|idle| idle.until).min();
        state.reaping = next.is_some();
        (expired, next)
    }

    /// The idle connection used last that is still good. Those found closed by the server are dropped on the way: a message
    /// must not fail because the server grew tired of waiting.
    fn take_idle(&self, tasks: &Tasks) -> Option<Connection> {
        let mut state = self.lock();
        while let Some(Idle { mut connection, until }) = state.idle.pop() {
            match connection.stream.is_quiet() {
                true if Instant::now() < until => return Some(connection),
                true => tasks.spawn(connection.quit()),
                false => tracing::debug!(address = %connection.address, "closed by the next hop while idle"),
            }
        }
        None
    }

    /// Tries each address at most once, in order of health, until `until`; those of `avoid`, which lost this transaction a
    /// connection already, after all others. The permit is held by the caller.
    async fn connect(&self, until: Instant, avoid: &[String]) -> Result<Connection, NextHopFailure> {
        self.make_room();
        let mut faults = Faults::default();
        let mut order = self.lock().health.order(Instant::now());
        // What is avoided may have the IP address behind the configured one: `mbx:25 [192.0.2.1]`.
        let avoided = |address: &Address| {
            let configured = address.to_string();
            avoid.iter().any(|lost| lost.split(' ').next() == Some(configured.as_str()))
        };
        order.sort_by_key(|(_, address)| avoided(address));
        let mut left = u32::try_from(order.len()).unwrap_or(u32::MAX);
        for (nth, address) in order {
            let begun = Instant::now();
            let time = until.saturating_duration_since(begun);
            if time.is_zero() {
                break;
            }
            self.lock().health.trying(nth, begun);
            // An address that swallows packets must leave time for the others.
            let share = time / left.max(1);
            left = left.saturating_sub(1);
            let attempt = timeout_at(until, self.dialler.connect(&address, share)).await;
            let fault = match attempt.unwrap_or(Err(ConnectFault::Deadline)) {
                Ok(connection) => {
                    self.succeeded(nth, &connection);
                    return Ok(connection);
                }
                Err(fault) => fault,
            };
            if fault.is_ours() {
                tracing::warn!(next_hop = %self.settings.name.0, %address, %fault, "no connection can be opened here");
                return Err(NextHopFailure::Local(fault.to_string()));
            }
            // A deadline that came early says nothing about the address; one that left time does, else an address
            // that swallows packets would be tried first for ever.
            if !matches!(fault, ConnectFault::Deadline) || time >= self.dialler.connect_timeout / 2 {
                self.failed(nth, &fault);
            }
            self.add(&mut faults, &address, &fault);
        }
        Err(faults.failure())
    }

    async fn permit(&self, until: Instant) -> Result<Permit, NextHopFailure> {
        timeout_at(until, self.turns.permit()).await.map_err(|_: Elapsed| NextHopFailure::Busy)
    }

    /// Closes idle connections, the oldest first, until one more may be opened. They are dropped without QUIT: the bound is to hold
    /// now, and not when the server has said goodbye.
    fn make_room(&self) {
        let mut state = self.lock();
        let excess = (state.idle.len() + self.in_use()).saturating_sub(self.settings.max_connections);
        let excess = excess.min(state.idle.len());
        state.idle.drain(..excess);
    }

    fn in_use(&self) -> usize {
        self.turns.in_use()
    }

    fn add(&self, faults: &mut Faults, address: &Address, fault: &ConnectFault) {
        faults.texts.push(format!("{address}: {fault}"));
        faults.tls |= fault.is_tls() && self.settings.tls == TlsWish::Required;
    }

    fn succeeded(&self, nth: usize, connection: &Connection) {
        if self.lock().health.succeeded(nth, &connection.capabilities) {
            tracing::info!(next_hop = %self.settings.name.0, address = %connection.address, "next hop address is back");
        }
    }

    fn failed(&self, nth: usize, fault: &ConnectFault) {
        let mut state = self.lock();
        if state.health.failed(nth, fault.to_string(), Instant::now()) {
            let address = state.health.addresses().get(nth).map(|address| address.address.to_string());
            tracing::warn!(next_hop = %self.settings.name.0, address, %fault, "next hop address fails");
        }
    }

    /// Nothing that panics runs under this lock; should it ever, the lists in it are still whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says RSET; true if it was answered with 250 and nothing else was said.
async fn reset(connection: &mut Connection) -> io::Result<bool> {
    let mut transaction = Transaction::new(connection.capabilities.clone());
    if !connection.stream.is_quiet() {
        return Ok(false);
    }
    transaction.reset();
    while let Some(octets) = transaction.poll_transmit() {
        send(&mut connection.stream, &octets).await?;
    }
    let mut buffer = [0; 1024];
    loop {
        let count = connection.stream.read(&mut buffer).await?;
        transaction.receive(buffer.get(..count).unwrap_or_default());
        match transaction.poll_answer() {
            Some(Ok((_, reply))) => return Ok(reply.code() == 250 && transaction.is_at_rest()),
            Some(Err(_)) => return Ok(false),
            None if count == 0 => return Ok(false),
            None => {}
        }
    }
}

/// What went wrong with one address after the other, for the one failure that the session hears.
#[derive(Default)]
struct Faults {
    texts: Vec<String>,
    tls: bool,
}

impl Faults {
    /// TLS if required TLS failed anywhere: that is the one that a person has to mend.
    fn failure(self) -> NextHopFailure {
        let text = if self.texts.is_empty() { "no time left to connect".to_owned() } else { self.texts.join("; ") };
        if self.tls { NextHopFailure::Tls(text) } else { NextHopFailure::Unreachable(text) }
    }
}
