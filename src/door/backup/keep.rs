//! Backups made by themselves, one at a time, with pauses; the old ones removed behind a new one that was proven. What is told of them is
//! `standing`'s.

use std::{collections::BTreeMap, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use rustix::process::getuid;

use super::{
    Fault, Made, Order, Progress, Sources,
    make::{make, sweep},
    note,
    schedule::Schedule,
    standing::Outcome,
};
use crate::{
    audit::account_name,
    backup::Shelf,
    door::gateway::{Gateway, now},
    record::{
        UnixMillis,
        audit::{Action, Actor},
        unix_millis,
    },
    store::Store,
};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(30);
/// Behind one that failed: whoever mends what stood in the way within the hour has the backup of the night.
const AGAIN: UnixMillis = 30 * 60 * 1000;
/// Behind each MiB: at most 50 MiB a second, of a disk that mail is synced to.
const PACE: Duration = Duration::from_millis(20);

/// `[backup]`
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where they are put.
    pub folder: PathBuf,
    /// When.
    pub schedule: Schedule,
    /// So many are kept.
    pub keep: usize,
    /// The file of keys that they are encrypted with; none: they are not.
    pub key_file: Option<PathBuf>,
    /// The file of keys of the quarantine, to read back what is copied.
    pub content_keys: Option<PathBuf>,
    /// The last good one may be so old.
    pub alert_after: Duration,
    /// What goes into them.
    pub sources: Sources,
}

/// Makes backups as they are due, until the gateway drains. One that is under way then is stopped: it has no name yet, and leaves nothing.
pub async fn keep(gateway: Arc<Gateway>, plan: Plan) {
    let since = unix_millis(now().wall);
    gateway.backups.begin(&plan.folder, since, plan.alert_after);
    sweep(&plan.folder).await;
    let mut tried = None;
    loop {
        let at = unix_millis(now().wall);
        let last = look(&gateway, &plan, at).await;
        let waits = tried.is_some_and(|tried: UnixMillis| (0..AGAIN).contains(&at.saturating_sub(tried)));
        if !waits && at >= plan.schedule.due(last, since) {
            tried = Some(at);
            one(&gateway, &plan, at).await;
            look(&gateway, &plan, unix_millis(now().wall)).await;
        }
        tokio::select! {
            () = gateway.draining() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Those that are there, also the ones that people made.
async fn look(gateway: &Gateway, plan: &Plan, at: UnixMillis) -> Option<UnixMillis> {
    let shelf = Shelf::at(&plan.folder);
    // A folder on another machine may not answer: nobody's session is on this thread.
    let found = tokio::task::spawn_blocking(move || shelf.all()).await.ok()?;
    let last = found.as_ref().ok().and_then(|found| found.first()).map(|stored| stored.made_at);
    if let Some(last) = last {
        metrics::gauge!("portaria_backup_age_seconds").set(at.saturating_sub(last).max(0) as f64 / 1000.0);
    }
    gateway.backups.looked(found.map(|_| last).map_err(|fault| format!("{}: {fault}", plan.folder.display())));
    last
}

/// How one ended.
enum Ended {
    Made(Box<Made>),
    Failed(String),
    /// The gateway drains.
    Stopped,
}

async fn one(gateway: &Gateway, plan: &Plan, at: UnixMillis) {
    let to = Shelf::at(&plan.folder).place(at);
    gateway.backups.begun();
    let progress = Arc::new(Progress::default());
    let ended = {
        let mut ended = pin!(audited(plan, at, to, &progress));
        tokio::select! {
            ended = &mut ended => ended,
            () = gateway.draining() => {
                progress.stop();
                ended.await
            }
        }
    };
    let outcome = match ended {
        Ended::Made(made) => {
            let (file, octets, damaged) = (made.file.display().to_string(), made.octets, made.tried.damaged);
            tracing::info!(file, octets, damaged = damaged.len(), "a backup was made and read back");
            let not_removed = prune(plan).await.err();
            if let Some(fault) = &not_removed {
                tracing::error!(fault, "old backups cannot be removed");
            }
            Outcome::Made { damaged, not_removed }
        }
        Ended::Failed(fault) => {
            tracing::error!(fault, "a backup was not made");
            metrics::counter!("portaria_backup_failures_total").increment(1);
            Outcome::Failed(fault)
        }
        Ended::Stopped => {
            tracing::info!("a backup was stopped, since the gateway stops; it is made after the next start");
            Outcome::Stopped
        }
    };
    gateway.backups.ended(at, outcome);
}

async fn audited(plan: &Plan, at: UnixMillis, to: PathBuf, progress: &Arc<Progress>) -> Ended {
    match noted(plan, at, to, progress).await {
        Ok(Ok(made)) => Ended::Made(Box::new(made)),
        Ok(Err(Fault::Stopped)) => Ended::Stopped,
        Ok(Err(fault)) => Ended::Failed(fault.to_string()),
        Err(fault) => Ended::Failed(fault),
    }
}

/// One that is in the audit trail before it is begun, and once more if it was not made. The outer fault: what is not a backup's own.
async fn noted(
    plan: &Plan,
    at: UnixMillis,
    to: PathBuf,
    progress: &Arc<Progress>,
) -> Result<Result<Made, Fault>, String> {
    let keys = |file: &Option<PathBuf>| match file {
        Some(file) => Store::read_keys(file).map_err(|fault| fault.to_string()),
        None => Ok(Arc::default()),
    };
    let mut sources = plan.sources.clone();
    // Read each time: a key that was added since encrypts what was held since.
    sources.content_keys = keys(&plan.content_keys)?;
    let order = Order { sources, to, at, keys: keys(&plan.key_file)?, pace: PACE };
    let write = async |detail: BTreeMap<String, String>| {
        let (data_dir, to) = (order.sources.data_dir.clone(), order.to.clone());
        let actor = Actor { account: account_name(getuid().as_raw()), person: None };
        let noted = move || note(&data_dir, at, actor, Action::BackupMade, &to, detail);
        let noted = tokio::task::spawn_blocking(noted).await.map_err(|fault| fault.to_string())?;
        noted.map_err(|fault| format!("the audit trail cannot be written: {fault}"))
    };
    let encrypted = if plan.key_file.is_some() { "yes" } else { "no" };
    write(BTreeMap::from([("encrypted".to_owned(), encrypted.to_owned())])).await?;
    let made = make(&order, progress).await;
    let Err(fault) = &made else { return Ok(made) };
    match write(BTreeMap::from([("outcome".to_owned(), format!("not done: {fault}"))])).await {
        Ok(()) => Ok(made),
        // A full disk stops both: the first reason is told whatever becomes of the second.
        Err(also) => Err(format!("{fault}; {also}")),
    }
}

async fn prune(plan: &Plan) -> Result<(), String> {
    let (shelf, keep) = (Shelf::at(&plan.folder), plan.keep);
    let removed = tokio::task::spawn_blocking(move || shelf.keep(keep)).await.map_err(|fault| fault.to_string())?;
    let removed = removed.map_err(|fault| fault.to_string())?;
    if removed > 0 {
        tracing::info!(removed, "old backups were removed");
    }
    Ok(())
}
