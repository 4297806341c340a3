//! How the backups stand, for whoever looks: `portaria status`, and the alerts. In: what was found in the folder, and how each ended that was
//! made here. Out: what is wrong, in words. Nothing is remembered over a start: the names in the folder say how old the last good one is.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use crate::record::UnixMillis;

/// Items that are named; of more their number is told.
const NAMED: usize = 3;

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
    /// Items that are damaged in one that was begun then: until there is one that was begun later, by whomever.
    damaged: Option<(UnixMillis, Vec<String>)>,
    /// Why the old ones could not be removed behind the last one that was made here.
    not_removed: Option<String>,
}

/// How one ended.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// There is one.
    Made {
        /// Items whose content is damaged in it, as it was before.
        damaged: Vec<String>,
        /// Why the old ones could not be removed behind it.
        not_removed: Option<String>,
    },
    /// There is none, and why.
    Failed(String),
    /// There is none, since the gateway stops.
    Stopped,
}

impl Standing {
    fn is_the_last(&self, at: UnixMillis) -> bool {
        self.last.is_none_or(|last| last <= at)
    }

    fn fault(&self) -> Option<&str> {
        let run = self.run_fault.as_ref().filter(|(at, _)| self.is_the_last(*at));
        self.folder_fault.as_deref().or(run.map(|(_, fault)| fault.as_str()))
    }

    fn flaw(&self) -> Option<String> {
        let damaged = self.damaged.as_ref().filter(|(at, _)| self.is_the_last(*at)).map(|(_, items)| {
            let named = items.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if items.len() > NAMED { ", \u{2026}" } else { "" };
            format!("made, with {} damaged items: {named}{more}", items.len())
        });
        let not_removed = self.not_removed.as_ref().map(|why| format!("old backups cannot be removed: {why}"));
        let told: Vec<String> = damaged.into_iter().chain(not_removed).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

impl Backups {
    /// From now on there are to be backups.
    pub(super) fn begin(&self, folder: &Path, since: UnixMillis, alert_after: Duration) {
        *self.standing() = Some(Standing {
            folder: folder.to_owned(),
            last: None,
            since,
            alert_after: i64::try_from(alert_after.as_millis()).unwrap_or(i64::MAX),
            is_running: false,
            folder_fault: None,
            run_fault: None,
            damaged: None,
            not_removed: None,
        });
    }

    /// When the last good one was begun that is in the folder; or why it cannot be looked into.
    pub(super) fn looked(&self, last: Result<Option<UnixMillis>, String>) {
        self.change(|standing| match last {
            Ok(last) => (standing.last, standing.folder_fault) = (last, None),
            Err(fault) => standing.folder_fault = Some(fault),
        });
    }

    /// One is being made.
    pub(super) fn begun(&self) {
        self.change(|standing| standing.is_running = true);
    }

    /// The one that was begun at this moment is over.
    pub(super) fn ended(&self, at: UnixMillis, outcome: Outcome) {
        self.change(|standing| {
            standing.is_running = false;
            match outcome {
                Outcome::Made { damaged, not_removed } => {
                    standing.run_fault = None;
                    standing.damaged = (!damaged.is_empty()).then_some((at, damaged));
                    standing.not_removed = not_removed;
                }
                Outcome::Failed(fault) => standing.run_fault = Some((at, fault)),
                Outcome::Stopped => {}
            }
        });
    }

    /// Why there is no backup that is new enough, in words; none: there is one, or nobody wants backups here.
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

    /// What somebody has to look at although there is a backup, in words.
    pub fn flaw(&self) -> Option<String> {
        self.standing().as_ref().and_then(Standing::flaw)
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
                "flaw": standing.flaw(),
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: UnixMillis = 3_600_000;

    fn standing() -> Backups {
        let backups = Backups::default();
        assert_eq!((backups.wrong(i64::MAX), backups.shown()), (None, Value::Null), "nobody wants any");
        backups.begin(Path::new("/b"), 0, Duration::from_secs(25 * 3_600));
        backups
    }

    #[test]
    fn what_is_missing_or_failed_is_told_and_nothing_else() {
        let backups = standing();
        assert_eq!(backups.wrong(25 * HOUR), None);
        assert_eq!(backups.wrong(26 * HOUR).unwrap(), "there is none, 26 h after the start");
        backups.looked(Ok(Some(20 * HOUR)));
        assert_eq!(backups.wrong(45 * HOUR), None);
        assert_eq!(backups.wrong(50 * HOUR).unwrap(), "the last good one is 30 h old");
        backups.ended(21 * HOUR, Outcome::Failed("no room".to_owned()));
        assert_eq!(backups.wrong(21 * HOUR).unwrap(), "no room");
        backups.ended(21 * HOUR, Outcome::Stopped);
        assert_eq!(backups.wrong(21 * HOUR).unwrap(), "no room", "a stop says nothing of it");
        backups.looked(Ok(Some(22 * HOUR)));
        assert_eq!(backups.wrong(22 * HOUR), None, "somebody made one by hand");
        backups.looked(Err("/b: no such folder".to_owned()));
        assert_eq!(backups.shown()["fault"], "/b: no such folder");
    }

    /// There is a backup: nothing that is said may say that there is none.
    #[test]
    fn what_is_wrong_beside_a_backup_that_was_made_is_told_as_that() {
        let backups = standing();
        let items: Vec<String> = (1..=5).map(|number| format!("i{number}")).collect();
        backups.ended(HOUR, Outcome::Made { damaged: items, not_removed: Some("/b/x: denied".to_owned()) });
        backups.looked(Ok(Some(HOUR)));
        assert_eq!((backups.wrong(HOUR), &backups.shown()["fault"]), (None, &Value::Null));
        let told = "made, with 5 damaged items: i1, i2, i3, \u{2026}; old backups cannot be removed: /b/x: denied";
        assert_eq!(backups.flaw().unwrap(), told);
        backups.looked(Ok(Some(2 * HOUR)));
        assert_eq!(backups.flaw().unwrap(), "old backups cannot be removed: /b/x: denied", "that one was made by hand");
        backups.ended(3 * HOUR, Outcome::Made { damaged: Vec::new(), not_removed: None });
        assert_eq!(backups.flaw(), None);
    }
}
