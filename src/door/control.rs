//! `data_dir/control.sock`: what `portaria status`, `reload`, `alert` and `quarantine` talk to.
//!
//! One connection, one command: a line of JSON in, a line of JSON out. The socket is 0600: whoever may open it runs the gateway.

use std::{io, path::Path, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    time::timeout,
};

use super::{
    alert, contingency,
    gateway::Gateway,
    http,
    release::{
        self, account,
        order::{self, Ordered},
    },
    reload::{Reloaded, Reloader},
    tracking::{self, Tracking},
};
use crate::{
    record::{UnixMillis, unix_millis},
    rule_history::{Cause, Change},
};

const TIMEOUT: Duration = Duration::from_secs(10);
/// A reload compiles YARA rules and runs their examples.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(120);
/// A test of the alerts waits for a webhook and for next hops, each of which has less.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);
/// An order about many items is synced to the disk for each of them.
const ORDER_TIMEOUT: Duration = Duration::from_secs(60);
const LINE: u64 = 64 * 1024;
/// Attempts are summed over so much time, milliseconds …
const ATTEMPTS_OF: UnixMillis = 3_600_000;
/// … and so many reasons and networks are shown.
const ATTEMPTS_SHOWN: u32 = 20;
/// A database that does not answer must not keep the rest of the status from being told: that is when it is asked for.
const ATTEMPTS_WITHIN: Duration = Duration::from_secs(2);
/// Rule files on a network file system may not answer either.
const ON_DISK_WITHIN: Duration = Duration::from_secs(2);

/// What can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// How things stand.
    Status,
    /// Read rules, lists, YARA rules and certificate again.
    Reload,
    /// The same, after the files of an earlier set were put back.
    ReloadRolledBack,
    /// Send a test alert by every route.
    AlertTest,
    /// Do something with items of the quarantine.
    Quarantine(Ordered),
    /// Register or close a tracking request.
    Tracking(tracking::Order),
}

/// What carries out what commands order.
#[derive(Clone, Debug)]
pub struct Orders {
    /// About the quarantine.
    pub releases: Arc<release::Settings>,
    /// About tracking requests.
    pub tracking: Arc<Tracking>,
}

impl Command {
    fn timeout(&self) -> Duration {
        match self {
            Self::Status | Self::Tracking(_) => TIMEOUT,
            Self::Reload | Self::ReloadRolledBack => RELOAD_TIMEOUT,
            Self::AlertTest => TEST_TIMEOUT,
            Self::Quarantine(_) => ORDER_TIMEOUT,
        }
    }
}

/// Serves the socket until the gateway drains.
pub async fn serve(socket: UnixListener, gateway: Arc<Gateway>, reloader: Arc<Reloader>, orders: Orders) {
    let draining = gateway.draining();
    tokio::pin!(draining);
    loop {
        let accepted = tokio::select! {
            () = &mut draining => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (task_gateway, reloader, orders) = (gateway.clone(), reloader.clone(), orders.clone());
                gateway.sessions.spawn(async move {
                    let _ = one(stream, &task_gateway, &reloader, &orders).await;
                });
            }
            Err(fault) => {
                tracing::error!(%fault, "the control socket failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn one(stream: UnixStream, gateway: &Arc<Gateway>, reloader: &Arc<Reloader>, orders: &Orders) -> io::Result<()> {
    let peer = stream.peer_cred().ok();
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    timeout(TIMEOUT, BufReader::new(read.take(LINE)).read_line(&mut line)).await??;
    let is_cut = !line.ends_with('\n') && u64::try_from(line.len()).is_ok_and(|length| length >= LINE);
    let answer = match serde_json::from_str::<Command>(&line) {
        // What is missing is not what JSON says is wrong with it.
        Err(_) if is_cut => serde_json::json!({ "ok": false, "error": format!("an order has at most {LINE} octets") }),
        Ok(Command::Status) => status(gateway, reloader).await,
        Ok(Command::Reload) => {
            let done = reloader.reload(gateway, Cause::Command);
            reloaded(&done, order(gateway))
        }
        Ok(Command::ReloadRolledBack) => {
            let done = reloader.reload(gateway, Cause::Rollback);
            reloaded(&done, order(gateway))
        }
        Ok(Command::Quarantine(ordered)) => {
            let account = account::account(peer).await;
            Box::pin(order::carry_out(gateway, &orders.releases, ordered, account)).await
        }
        Ok(Command::AlertTest) => timeout(TEST_TIMEOUT, alert::test(gateway)).await?,
        Ok(Command::Tracking(order)) => {
            let account = account::account(peer).await;
            orders.tracking.answer(&gateway.store, &gateway.policy().directory, order, account).await
        }
        Err(fault) => serde_json::json!({ "ok": false, "error": fault.to_string() }),
    };
    timeout(TIMEOUT, async {
        write.write_all(format!("{answer}\n").as_bytes()).await?;
        write.shutdown().await
    })
    .await?
}

fn reloaded(reloaded: &Reloaded, order: serde_json::Value) -> serde_json::Value {
    let certificate = reloaded.certificate.as_ref();
    serde_json::json!({
        "ok": reloaded.is_whole(),
        "policy": reloaded.version,
        "scanner_rules": reloaded.scanner_rules,
        "faults": reloaded.rules.as_ref().err(),
        "certificate": certificate.map(|read| if read.is_ok() { "in force" } else { "kept" }),
        "contingency": order,
        "certificate_fault": certificate.and_then(|read| read.as_ref().err()).map(ToString::to_string),
    })
}

/// The set in force, as `portaria rules history` knows it; null while nobody knows which files it was.
fn in_force(reloader: &Reloader) -> serde_json::Value {
    let Some(entry) = reloader.in_force() else { return serde_json::Value::Null };
    serde_json::json!({
        "number": (entry.number > 0).then_some(entry.number),
        "version": entry.policy,
        "since": entry.at,
        "by": entry.cause.name(),
        "files": entry.files.len(),
    })
}

/// How the files on the disk differ from those in force. A disk that does not answer must not keep the rest from being told.
async fn on_disk(reloader: &Arc<Reloader>) -> serde_json::Value {
    let reloader = reloader.clone();
    let read = tokio::task::spawn_blocking(move || reloader.on_disk());
    let row = |change: Change| serde_json::json!({ "file": change.name, "change": change.kind.name() });
    match timeout(ON_DISK_WITHIN, read).await {
        Ok(Ok(Ok(changes))) => serde_json::json!({ "changes": changes.into_iter().map(row).collect::<Vec<_>>() }),
        Ok(Ok(Err(fault))) => serde_json::json!({ "fault": fault.to_string() }),
        Ok(Err(_)) | Err(_) => serde_json::json!({ "fault": "the disk does not answer in time" }),
    }
}

fn listeners(gateway: &Gateway) -> Vec<serde_json::Value> {
    let listeners = gateway.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let shown = listeners.iter().map(
        |listener| serde_json::json!({ "address": listener.settings.listener, "bound": listener.bound.to_string() }),
    );
    shown.collect()
}

/// What was counted in the last hour and has no record of its own; null when the database does not say.
async fn attempts(gateway: &Gateway) -> serde_json::Value {
    let since = unix_millis(super::gateway::now().wall).saturating_sub(ATTEMPTS_OF);
    let asked = tokio::time::timeout(ATTEMPTS_WITHIN, gateway.store.refused_attempts(since, ATTEMPTS_SHOWN));
    match asked.await {
        Ok(Ok(sums)) => {
            let rows = |rows: Vec<(String, u64)>, name: &str| -> Vec<_> {
                rows.into_iter().map(|(what, count)| serde_json::json!({ name: what, "count": count })).collect()
            };
            serde_json::json!({
                "since": since,
                "reasons": rows(sums.reasons, "reason"),
                "networks": rows(sums.networks, "network"),
            })
        }
        Ok(Err(fault)) => {
            tracing::warn!(%fault, "the counts of refused attempts cannot be read");
            serde_json::Value::Null
        }
        Err(_) => {
            tracing::warn!("the counts of refused attempts cannot be read in time");
            serde_json::Value::Null
        }
    }
}

/// The contingency switch, in force or to come.
fn order(gateway: &Gateway) -> serde_json::Value {
    contingency::shown(gateway.policy().scanning.contingency.as_ref(), super::gateway::now().wall)
}

async fn status(gateway: &Gateway, reloader: &Arc<Reloader>) -> serde_json::Value {
    let listeners = listeners(gateway);
    let attempts = attempts(gateway).await;
    let health: serde_json::Map<_, _> =
        http::readiness(gateway).into_iter().map(|(part, good)| (part.to_owned(), good.into())).collect();
    serde_json::json!({
        "ok": true,
        "version": env!("CARGO_PKG_VERSION"),
        "contingency": order(gateway),
        "policy": gateway.policy().version,
        "rules": gateway.policy().rules.len(),
        "rules_in_force": in_force(reloader),
        "rules_on_disk": on_disk(reloader).await,
        "history_fault": reloader.history_fault(),
        "reload_fault": gateway.reload_fault(),
        "certificate_fault": gateway.certificate_fault(),
        "database_fault": gateway.store.damage(),
        "bucket": gateway.sharing.lock().shown(),
        "up_seconds": super::gateway::now().monotonic.duration_since(gateway.began.monotonic).as_secs(),
        "connections": gateway.connections.total(),
        "listeners": listeners,
        "health": health,
        "scanners": gateway.scanners.status(),
        "next_hops": gateway.next_hops.status(),
        "attempts": attempts,
        "backup": gateway.backups.shown(),
        "alerts": gateway.alerts.standing(),
        "alert_routes": gateway.alerts.routes_status(),
    })
}

/// Asks a running gateway.
pub async fn ask(socket: &Path, command: &Command) -> io::Result<serde_json::Value> {
    let mut stream = UnixStream::connect(socket).await?;
    let line = serde_json::to_string(command)?;
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    let mut answer = String::new();
    let patience = command.timeout() + Duration::from_secs(5);
    timeout(patience, BufReader::new(stream.take(16 << 20)).read_line(&mut answer))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(serde_json::from_str(&answer)?)
}
