//! What all doors share: the adapters, the policy in force, and what is counted.
#![expect(clippy::disallowed_methods, reason = "a door reads the clock and hands it on as a value")]

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    alert::Alerts, attempts::Attempts, backup::Backups, connections::Connections, expiry::Waiting, loader::Behind,
    sharing::Sharing, subject_keys::SubjectKeys, tls::Certificate, trail_copy::TrailFile, verify::Verifiers,
};
use crate::{
    antivirus::Scanners,
    hold::Holds,
    journal::Journal,
    next_hop::NextHops,
    policy::{Policy, network, rate::Rates, route::NextHopName, rule::Scope},
    relay::{self, Seeds, Shares, event::Moment},
    smtp::extension::{Capabilities, Offer},
    store::Store,
};

/// Everything that the doors share.
pub struct Gateway {
    /// Where content stays while undecided.
    pub holds: Arc<Holds>,
    /// The scanners; none of them is asked when antivirus is switched off.
    pub scanners: Arc<Scanners>,
    /// The next hops.
    pub next_hops: Arc<NextHops>,
    /// Quarantine and records.
    pub store: Arc<Store>,
    /// What is about to happen and what happened.
    pub journal: Arc<Journal>,
    /// How many connections there are.
    pub connections: Arc<Connections>,
    /// How many transactions each network may begin; none: as many as it likes.
    pub messages: Option<Arc<Rates>>,
    /// What is counted instead of being recorded.
    pub attempts: Attempts,
    /// Every task of a session: drain waits for them.
    pub sessions: TaskTracker,
    /// The names of all next hops.
    pub next_hop_names: Vec<NextHopName>,
    /// The one of them to which no served domain goes: only applications reach it, and what it offers is no other listener's business.
    pub internet_next_hop: Option<NextHopName>,
    /// What the sessions of applications count together.
    pub applications: Shares,
    /// Where the ids of all sessions come from.
    pub seeds: Seeds,
    /// Who verifies passwords.
    pub verifiers: Verifiers,
    /// What waits for a person in the quarantine, as it was when last looked at.
    pub quarantine: Waiting,
    /// How far held content is in the bucket that nodes share.
    pub sharing: Sharing,
    /// What is wrong with the audit trail's file.
    pub trail_file: TrailFile,
    /// Whether the nodes of the database hash subjects with one key.
    pub subject_keys: SubjectKeys,
    /// The certificate of the listeners that have TLS; none without `[tls]`.
    pub certificate: Option<Arc<Certificate>>,
    /// What somebody has to be told, and by which routes.
    pub alerts: Alerts,
    /// Whether the database is behind the journal.
    pub behind: Arc<Behind>,
    /// How the backups stand, if any are wanted here.
    pub backups: Backups,
    /// When the gateway began.
    pub began: Moment,
    /// The listeners that are open.
    pub listeners: Mutex<Vec<Arc<Listener>>>,
    policy: ArcSwap<Policy>,
    /// What was wrong with the rules the last time they were read: then the old ones stay in force.
    reload_fault: Mutex<Option<String>>,
    draining: CancellationToken,
    /// The same, for those who only look: the token has a lock.
    drains: AtomicBool,
    disk_is_low: AtomicBool,
}

/// The parts that a gateway is made of.
pub struct Parts {
    /// See [`Gateway::holds`].
    pub holds: Arc<Holds>,
    /// See [`Gateway::scanners`].
    pub scanners: Arc<Scanners>,
    /// See [`Gateway::next_hops`].
    pub next_hops: Arc<NextHops>,
    /// See [`Gateway::store`].
    pub store: Arc<Store>,
    /// See [`Gateway::journal`].
    pub journal: Arc<Journal>,
    /// See [`Gateway::connections`].
    pub connections: Arc<Connections>,
    /// See [`Gateway::messages`].
    pub messages: Option<Arc<Rates>>,
    /// See [`Gateway::attempts`].
    pub attempts: Attempts,
    /// See [`Gateway::next_hop_names`].
    pub next_hop_names: Vec<NextHopName>,
    /// See [`Gateway::internet_next_hop`].
    pub internet_next_hop: Option<NextHopName>,
    /// See [`Gateway::certificate`].
    pub certificate: Option<Arc<Certificate>>,
    /// See [`Gateway::alerts`].
    pub alerts: Alerts,
    /// See [`Gateway::behind`].
    pub behind: Arc<Behind>,
    /// The policy in force.
    pub policy: Policy,
}

/// One open listener.
pub struct Listener {
    /// How its sessions behave.
    pub settings: Arc<relay::settings::Settings>,
    /// The address that is really bound (the configured port may be 0).
    pub bound: SocketAddr,
    /// TLS may be asked for, or is there from the first octet.
    pub certificate: Option<Arc<Certificate>>,
    /// Balancers: what connects from here begins with a PROXY header, and nobody else's octets are ever read as one.
    pub proxy_protocol_from: Vec<IpNet>,
    /// How long a client waits for the greeting, unless its network is spared.
    pub greeting_delay: Duration,
    /// Who may say with XCLIENT for whom it speaks; nobody else learns that this can be said.
    pub xclient_from: Vec<IpNet>,
}

impl Listener {
    /// For a handshake that begins now, under the certificate that is in force now.
    pub fn acceptor(&self) -> Option<TlsAcceptor> {
        self.certificate.as_ref().map(|certificate| certificate.acceptor())
    }

    /// Whether a connection from there is a balancer's.
    pub fn is_balancer(&self, peer: IpAddr) -> bool {
        network::is_in(peer, &self.proxy_protocol_from)
    }

    /// Whether this client may announce another one. Behind a balancer it is the client that the PROXY header names.
    pub fn may_announce(&self, client: IpAddr) -> bool {
        network::is_in(client, &self.xclient_from)
    }

    /// What EHLO offers here now (decision 13).
    pub fn offer(&self, gateway: &Gateway) -> Offer {
        let starttls = self.certificate.is_some() && !self.settings.implicit_tls;
        let application = self.settings.scope == Scope::Application;
        let seen = gateway.seen_of_all(application);
        let offer = Offer::new(seen.as_ref(), self.settings.limits.message_size, starttls);
        Offer { auth: application && self.certificate.is_some(), ..offer }
    }
}

impl Gateway {
    /// Joins the parts.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            holds: parts.holds,
            scanners: parts.scanners,
            next_hops: parts.next_hops,
            store: parts.store,
            journal: parts.journal,
            connections: parts.connections,
            messages: parts.messages,
            attempts: parts.attempts,
            sessions: TaskTracker::new(),
            next_hop_names: parts.next_hop_names,
            internet_next_hop: parts.internet_next_hop,
            applications: Shares::default(),
            seeds: Seeds::new(uuid::Uuid::new_v4().as_u128()),
            verifiers: Verifiers::default(),
            quarantine: Waiting::default(),
            sharing: Sharing::default(),
            trail_file: TrailFile::default(),
            subject_keys: SubjectKeys::default(),
            certificate: parts.certificate,
            alerts: parts.alerts,
            behind: parts.behind,
            backups: Backups::default(),
            began: now(),
            listeners: Mutex::default(),
            policy: ArcSwap::from_pointee(parts.policy),
            reload_fault: Mutex::default(),
            draining: CancellationToken::new(),
            drains: AtomicBool::new(false),
            disk_is_low: AtomicBool::new(false),
        })
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// The policy in force, if it is not `known`.
    pub fn newer_policy(&self, known: &Arc<Policy>) -> Option<Arc<Policy>> {
        let current = self.policy.load();
        (!Arc::ptr_eq(&current, known)).then(|| current.clone())
    }

    /// Puts another policy in force, for transactions that begin from now on.
    pub fn set_policy(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
        self.set_reload_fault(None);
    }

    /// Notes (or forgets) that the rule files could not be put in force.
    pub fn set_reload_fault(&self, fault: Option<String>) {
        *self.reload_fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Why the rule files as they were when last read are not in force.
    pub fn reload_fault(&self) -> Option<String> {
        self.reload_fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the files of the certificate as they were when last read are not in force.
    pub fn certificate_fault(&self) -> Option<String> {
        self.certificate.as_ref()?.fault().map(|fault| fault.to_string())
    }

    /// Begins to drain: nothing is accepted any more, sessions end at the next safe place.
    pub fn drain(&self) {
        // First: whoever is woken by the other looks at this one.
        self.drains.store(true, Ordering::Release);
        self.draining.cancel();
    }

    /// Whether the gateway drains.
    pub fn is_draining(&self) -> bool {
        self.drains.load(Ordering::Acquire)
    }

    /// Ends when the gateway begins to drain.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + 'static {
        self.draining.clone().cancelled_owned()
    }

    /// Whether the disk was under its floor when it was last looked at.
    pub fn disk_is_low(&self) -> bool {
        self.disk_is_low.load(Ordering::Relaxed)
    }

    /// Looks at the disk. Called every second, so that MAIL need not.
    pub fn look_at_disk(&self) {
        self.disk_is_low.store(self.holds.disk_is_low(), Ordering::Relaxed);
    }

    /// What all next hops that a listener reaches were last seen to have in common; none when one was never seen. `internet`: that one is
    /// reached as well.
    pub fn seen_of_all(&self, internet: bool) -> Option<Capabilities> {
        let reached = |name: &&NextHopName| internet || self.internet_next_hop.as_ref() != Some(*name);
        let names = self.next_hop_names.iter().filter(reached);
        let seen: Option<Vec<_>> = names.map(|name| self.next_hops.seen(name)).collect();
        Capabilities::common(seen?)
    }
}

/// Time, as a value for those who must not ask.
pub fn now() -> Moment {
    Moment { monotonic: Instant::now(), wall: SystemTime::now() }
}
