//! Backups made by themselves, one at a time, with pauses; the old ones removed behind a new one that was proven; and what is told of it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::getuid;
use serde_json::{Value, json};

use super::{Order, Progress, Sources, make::make, note, schedule::Schedule};
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

/// How the backups stand, for whoever looks.
#[derive(Debug, Default)]
pub struct Backups(Mutex<Option<Standing>>);

#[derive(Clone, Debug)]
struct Standing {
    folder: PathBuf,
    /// When the last good one was begun.
    last: Option<UnixMillis>,
    since: UnixMillis,
    alert_after: UnixMillis,
    is_running: bool,
    /// Why the folder cannot be looked into, while it cannot.
    folder_fault: Option<String>,
    /// Why one failed that was begun then: until there is one that was begun later, by whomever.
    run_fault: Option<(UnixMillis, String)>,
}

impl Standing {
    fn fault(&self) -> Option<&str> {
        let run = self.run_fault.as_ref().filter(|(at, _)| self.last.is_none_or(|last| last < *at));
        self.folder_fault.as_deref().or(run.map(|(_, fault)| fault.as_str()))
    }
}

impl Backups {
    /// What is wrong, in words; none: nothing, or nobody wants backups here.
    pub fn wrong(&self, now: UnixMillis) -> Option<String> {
        let standing = self.standing();
        let standing = standing.as_ref()?;
        if let Some(fault) = standing.fault() {
            return Some(fault.to_owned());
        }
        let age = now.saturating_sub(standing.last.unwrap_or(standing.since));
        let hours = age / 3_600_000;
        (age > standing.alert_after).then(|| match standing.last {
            Some(_) => format!("the last good one is {hours} h old"),
            None => format!("there is none, {hours} h after the start"),
        })
    }

    /// For `portaria status`; null without `[backup]`.
    pub fn shown(&self) -> Value {
        match &*self.standing() {
            None => Value::Null,
            Some(standing) => json!({
                "folder": standing.folder,
                "last_good": standing.last,
                "running": standing.is_running,
                "fault": standing.fault(),
            }),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Option<Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Standing)) {
        if let Some(standing) = &mut *self.standing() {
            change(standing);
        }
    }
}

/// Makes backups as they are due, until the gateway drains. One that is under way then is given up: it has no name yet.
pub async fn keep(gateway: Arc<Gateway>, plan: Plan) {
    let since = unix_millis(now().wall);
    let alert_after = i64::try_from(plan.alert_after.as_millis()).unwrap_or(i64::MAX);
    let folder = plan.folder.clone();
    let standing =
        Standing { folder, last: None, since, alert_after, is_running: false, folder_fault: None, run_fault: None };
    *gateway.backups.standing() = Some(standing);
    let mut tried = None;
    loop {
        let at = unix_millis(now().wall);
        let last = look(&gateway, &plan, at).await;
        let waits = tried.is_some_and(|tried: UnixMillis| (0..AGAIN).contains(&at.saturating_sub(tried)));
        if !waits && at >= plan.schedule.due(last, since) {
            tried = Some(at);
            tokio::select! {
                () = gateway.draining() => return,
                () = one(&gateway, &plan, at) => {}
            }
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
    match found {
        Ok(found) => {
            let last = found.first().map(|stored| stored.made_at);
            gateway.backups.change(|standing| (standing.last, standing.folder_fault) = (last, None));
            if let Some(last) = last {
                metrics::gauge!("portaria_backup_age_seconds").set(at.saturating_sub(last).max(0) as f64 / 1000.0);
            }
            last
        }
        Err(fault) => {
            let told = format!("{}: {fault}", plan.folder.display());
            gateway.backups.change(|standing| standing.folder_fault = Some(told));
            None
        }
    }
}

async fn one(gateway: &Gateway, plan: &Plan, at: UnixMillis) {
    let to = Shelf::at(&plan.folder).place(at);
    gateway.backups.change(|standing| standing.is_running = true);
    let made = audited(plan, at, to).await;
    let fault = match made {
        Ok(told) => {
            tracing::info!(told, "a backup was made and read back");
            prune(plan).await.err()
        }
        Err(fault) => Some(fault),
    };
    if let Some(fault) = &fault {
        tracing::error!(fault, "a backup was not made");
        metrics::counter!("portaria_backup_failures_total").increment(1);
    }
    gateway.backups.change(|standing| {
        standing.is_running = false;
        standing.run_fault = fault.map(|fault| (at, fault));
    });
}

async fn audited(plan: &Plan, at: UnixMillis, to: PathBuf) -> Result<String, String> {
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
    match make(&order, &Arc::new(Progress::default())).await {
        Ok(made) => Ok(format!("{} ({} octets)", made.file.display(), made.octets)),
        Err(fault) => {
            let noted = write(BTreeMap::from([("outcome".to_owned(), format!("not done: {fault}"))])).await;
            // A full disk stops both: the first reason is told whatever becomes of the second.
            Err(noted.err().map_or_else(|| fault.to_string(), |also| format!("{fault}; {also}")))
        }
    }
}

async fn prune(plan: &Plan) -> Result<(), String> {
    let (shelf, keep) = (Shelf::at(&plan.folder), plan.keep);
    let removed = tokio::task::spawn_blocking(move || shelf.keep(keep)).await.map_err(|fault| fault.to_string())?;
    let removed = removed.map_err(|fault| format!("old backups cannot be removed: {fault}"))?;
    if removed > 0 {
        tracing::info!(removed, "old backups were removed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: UnixMillis = 3_600_000;

    #[test]
    fn what_is_missing_or_failed_is_told_and_nothing_else() {
        let backups = Backups::default();
        assert_eq!((backups.wrong(i64::MAX), backups.shown()), (None, Value::Null), "nobody wants any");
        *backups.standing() = Some(Standing {
            folder: "/b".into(),
            last: None,
            since: 0,
            alert_after: 25 * HOUR,
            is_running: false,
            folder_fault: None,
            run_fault: None,
        });
        assert_eq!(backups.wrong(25 * HOUR), None);
        assert_eq!(backups.wrong(26 * HOUR).unwrap(), "there is none, 26 h after the start");
        backups.change(|standing| standing.last = Some(20 * HOUR));
        assert_eq!(backups.wrong(45 * HOUR), None);
        assert_eq!(backups.wrong(50 * HOUR).unwrap(), "the last good one is 30 h old");
        backups.change(|standing| standing.run_fault = Some((21 * HOUR, "no room".to_owned())));
        assert_eq!(backups.wrong(21 * HOUR).unwrap(), "no room");
        backups.change(|standing| standing.last = Some(22 * HOUR));
        assert_eq!(backups.wrong(22 * HOUR), None, "somebody made one by hand");
        backups.change(|standing| standing.folder_fault = Some("/b: no such folder".to_owned()));
        assert_eq!(backups.shown()["fault"], "/b: no such folder");
    }
}
