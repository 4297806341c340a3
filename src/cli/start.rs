//! From settings to a running gateway: adapters opened, sockets bound, doors started. Used by `run` and by `demo`.
//!
//! | what | file |
//! |---|---|
//! | the order of it all, and its end | here |
//! | the folder, which one gateway has for itself | `folder` |
//! | adapters opened and joined | `join` |
//! | settings as doors and adapters take them | `settings` |
//! | sockets | `sockets` |
//! | what the rule set is read from | `rule_set` |
//! | what a killed gateway left | `leftovers` |

mod folder;
mod join;
mod leftovers;
mod rule_set;
mod settings;
mod sockets;

use std::{
    fs,
    net::SocketAddr,
    sync::{Arc, PoisonError},
    time::Duration,
};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::rule_set::reloader;
use self::{
    folder::{lock, not_for_looking_only, prepare_folder},
    join::{certificate, join},
    leftovers::{Leftovers, look_for_leftovers, report_leftovers},
    settings::{kept, relay_settings, releases, subjects},
    sockets::{bind, cannot_listen, control_socket, start_http},
};
pub(super) use self::{rule_set::set_under_lock, settings::tracking};
use super::backup;
use crate::{
    config::{ListenerTls, Settings},
    door::{
        alert, attempts, backup as door_backup, control, expiry,
        gateway::{Gateway, Listener, now},
        listener, probe, release,
        reload::Reloader,
        sharing, subject_keys, trail_copy, watch_rules,
    },
    language::Text,
    policy::Policy,
    record::{clock::WallClock, subject::Subjects, unix_millis},
    rule_history::Cause,
};

/// A gateway that runs.
pub struct Running {
    /// What the doors share.
    pub gateway: Arc<Gateway>,
    /// Where mail is taken, in the order of the configuration.
    pub listeners: Vec<SocketAddr>,
    /// Where `/health` and `/metrics` are.
    pub http: SocketAddr,
    /// Puts changed rules, YARA rules among them, and a renewed certificate into force.
    pub reloader: Arc<Reloader>,
    drain: Duration,
    doors: TaskTracker,
    /// What runs until the last session has ended: the loader.
    last: CancellationToken,
    /// While it is open no other gateway uses the folder.
    _lock: fs::File,
}

/// Sockets that were opened by somebody else (systemd) and are ours to use.
#[derive(Default)]
pub struct Inherited(pub Vec<std::net::TcpListener>);

/// Starts everything. What fails is said in both languages, with what to do next.
pub async fn start(
    settings: &Settings,
    policy: Policy,
    reloader: Reloader,
    mut inherited: Inherited,
    metrics: PrometheusHandle,
) -> Result<Running, Text> {
    let data_dir = &settings.gateway.data_dir;
    prepare_folder(data_dir)?;
    not_for_looking_only(data_dir)?;
    let lock = lock(data_dir)?;
    let doors = TaskTracker::new();
    let certificate = certificate(settings)?;
    let (gateway, loader) = join(settings, policy, certificate).await?;
    let last = CancellationToken::new();
    doors.spawn(loader.run(last.clone()));
    tokio::task::block_in_place(|| reloader.begin(&gateway));
    // One that was away a moment ago is not waited for a second time.
    if !gateway.store.is_there() || report_leftovers(&gateway.store).await == Leftovers::NotSeen {
        doors.spawn(look_for_leftovers(gateway.clone()));
    }
    tokio::join!(gateway.scanners.self_test(now().wall), probe::first_look(&gateway, data_dir));
    gateway.look_at_disk();

    let clock = wall_clock(&gateway).await;
    let subjects = subjects(settings)?;
    let mut bound = Vec::new();
    for wanted in &settings.listeners {
        let socket = bind(wanted.address, &mut inherited).await?;
        let address = socket.local_addr().map_err(|fault| cannot_listen(wanted.address, &fault))?;
        let certificate = gateway.certificate.clone().filter(|_| wanted.tls != ListenerTls::Off);
        let listener = Arc::new(Listener {
            settings: Arc::new(relay_settings(settings, wanted, &subjects)),
            bound: address,
            certificate,
            proxy_protocol_from: wanted.proxy_protocol_from.clone(),
            greeting_delay: wanted.greeting_delay,
            xclient_from: wanted.xclient_from.clone(),
        });
        gateway.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener.clone());
        tracing::info!(listener = %address, tls = wanted.tls.name(), "listening");
        bound.push(address);
        doors.spawn(listener::accept(socket, listener, gateway.clone()));
    }
    let reloader = Arc::new(reloader);
    let control = control_socket(&data_dir.join("control.sock"))?;
    let (releases, tracking) = (Arc::new(releases(settings)), Arc::new(tracking(settings)));
    let orders = control::Orders { releases: releases.clone(), tracking: tracking.clone() };
    doors.spawn(control::serve(control, gateway.clone(), reloader.clone(), orders));
    doors.spawn(release::send(gateway.clone(), releases));
    doors.spawn(expiry::keep(gateway.clone(), kept(&settings.retention.quarantine), clock.clone()));
    doors.spawn(tracking.keep(gateway.clone(), clock));
    doors.spawn(trail_copy::keep(gateway.clone(), data_dir.clone()));
    if let Subjects::Hashed(key) = subjects {
        doors.spawn(subject_keys::keep(gateway.clone(), key));
    }
    if gateway.store.has_bucket() {
        doors.spawn(sharing::keep(gateway.clone()));
    }
    let http = start_http(settings.http, &gateway, metrics, &doors).await?;
    doors.spawn(probe::next_hops(gateway.clone(), data_dir.clone()));
    doors.spawn(probe::scanners(gateway.clone()));
    doors.spawn(probe::disk(gateway.clone()));
    let counted = gateway.clone();
    doors.spawn(async move { attempts::keep(&counted).await });
    doors.spawn(alert::watch(gateway.clone()));
    for nth in 0..gateway.alerts.routes() {
        doors.spawn(alert::deliver(gateway.clone(), nth));
    }
    if let Some(plan) = backup::plan(settings) {
        doors.spawn(door_backup::keep(gateway.clone(), plan));
    }
    if settings.rules.watch {
        doors.spawn(watch_rules::watch(gateway.clone(), reloader.clone()));
    }
    Ok(Running { gateway, listeners: bound, http, reloader, drain: settings.timeouts.drain, doors, last, _lock: lock })
}

/// To be asked before the first client is let in: what it sends has the time that is to be believed.
async fn wall_clock(gateway: &Gateway) -> WallClock {
    let at = now();
    match gateway.store.newest_record().await {
        Ok(newest) => WallClock::new(at.monotonic, unix_millis(at.wall), newest),
        Err(fault) => {
            tracing::warn!(%fault, "the database does not say what was written last: for a day nothing is removed for its age");
            WallClock::doubted(at.monotonic, unix_millis(at.wall))
        }
    }
}

impl Running {
    /// Reads rules and certificate again, beside all else: it may take long, and a signal to stop must not wait for it. Faults are
    /// logged there, and what is in force stays.
    pub fn reload(&self) {
        let (reloader, gateway) = (self.reloader.clone(), self.gateway.clone());
        self.doors.spawn(async move { drop(reloader.reload(&gateway, Cause::Signal)) });
    }

    /// Stops: nothing new is accepted, transactions past their end of mail data are finished, the others hear 421; at the
    /// drain deadline what is left is cut. The journal is synced last.
    pub async fn stop(self) {
        tracing::info!(connections = self.gateway.connections.total(), "stopping");
        self.gateway.drain();
        self.gateway.sessions.close();
        self.doors.close();
        if tokio::time::timeout(self.drain, self.gateway.sessions.wait()).await.is_err() {
            tracing::warn!(connections = self.gateway.connections.total(), "the drain deadline passed; these are cut");
        }
        attempts::write(&self.gateway).await;
        self.last.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(5), self.doors.wait()).await;
        self.gateway.journal.close().await;
        // Folds the write-ahead log in: what is copied or looked at afterwards is one whole file.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.gateway.store.close()).await;
        let _ = tokio::time::timeout(Duration::from_secs(5), self.gateway.next_hops.close()).await;
        tracing::info!("stopped");
    }
}
