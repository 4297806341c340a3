//! `portaria run`: the gateway, until it is told to stop.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Common, Exit,
    start::{self, Inherited},
};
use crate::{
    antivirus, config,
    door::{gateway::now, workers},
    language::Text,
    text,
};

/// What a session has open at most: client, next hop, hold.
const DESCRIPTORS: u64 = 3;

/// How long blocking threads may take to end by themselves when all is done.
const LEFT_BEHIND: Duration = Duration::from_secs(1);

/// What else is open: journal, database, scanners, listeners, the HTTP door, connections to next hops that nobody uses.
const OTHER_DESCRIPTORS: u64 = 256;

pub(super) fn run(common: &mut Common) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let reloader = start::reloader(&settings, common.language);
    let (policy, faults) = config::load_policy(&settings, now().wall);
    eprint!("{}", faults.render(common.language));
    if faults.has_errors() {
        return Exit::Faults;
    }
    // Everything in data_dir is other people's mail: nobody else reads it, whatever rules the folder was made with.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    if rustix::process::geteuid().is_root() {
        tracing::warn!("running as root: nothing here needs it; packaging/portaria.service shows how to do without");
    }
    allow_descriptors(settings.limits.connections);
    let served = with_runtime(async move {
        let running = start::start(&settings, policy, reloader, inherited(), metrics()?).await?;
        serve(running).await
    });
    match served {
        Ok(()) => Exit::Done,
        Err(what) => {
            tracing::error!("{what}");
            eprintln!("{}", what.in_language(common.language));
            Exit::Faults
        }
    }
}

/// Raises the soft limit of open files as far as so many sessions need it and the hard limit lets us. A shell gives 1,024, which
/// `connections` passes by far; there new clients would not be accepted.
fn allow_descriptors(connections: usize) {
    let needed = (connections as u64).saturating_mul(DESCRIPTORS).saturating_add(OTHER_DESCRIPTORS);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return;
    }
    let current = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    if let Err(fault) = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum }) {
        tracing::warn!(%fault, "the limit of open files could not be raised");
    }
    if current < needed {
        tracing::warn!(
            needed,
            allowed = current,
            "too few open files for so many connections: raise LimitNOFILE or lower `connections`"
        );
    }
}

/// SIGTERM and SIGINT drain, SIGHUP reloads rules, lists, YARA rules and certificate.
async fn serve(running: start::Running) -> Result<(), Text> {
    let listen = |kind| signal(kind).map_err(|fault| text!("signals: {fault}", "sinais: {fault}"));
    let (mut terminate, mut interrupt, mut hangup) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?, listen(SignalKind::hangup())?);
    // Without systemd there is nobody to notify, which is no fault.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => running.reload(),
        }
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    running.stop().await;
    Ok(())
}

/// Sockets from systemd, if there are any.
fn inherited() -> Inherited {
    let mut sockets = listenfd::ListenFd::from_env();
    let taken = (0..sockets.len()).filter_map(|index| sockets.take_tcp_listener(index).ok().flatten());
    Inherited(taken.collect())
}

/// Installs the recorder of all metrics, once a process.
pub(super) fn metrics() -> Result<PrometheusHandle, Text> {
    const SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 240.0];
    // Finer where most scans are, and where `[timeouts] scan` may be.
    const SCANS: &[f64] =
        &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0];
    const OCTETS: &[f64] = &[1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Full("portaria_scan_seconds".into()), SCANS))
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_octets".into()), OCTETS))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|fault| text!("metrics: {fault}", "métricas: {fault}"))
}

/// Runs `work` on the runtime.
pub(super) fn with_runtime<T>(work: impl Future<Output = Result<T, Text>>) -> Result<T, Text> {
    let runtime = workers::build(tokio::runtime::Builder::new_multi_thread().enable_all(), antivirus::scans_wait)
        .map_err(|fault| text!("no runtime: {fault}", "sem runtime: {fault}"))?;
    let done = runtime.block_on(work);
    // Everything is closed by now. What may still run is a scan that nobody waits for, and does not end: nor must the program wait.
    runtime.shutdown_timeout(LEFT_BEHIND);
    done
}
