//! What happened after a backup, as far as an audit trail says it: what was deleted, and which releases were asked for and how they ended.
//!
//! In: entries, of the live trail or of one that was kept elsewhere. Out: orders about the restored database. A trail counts only if the
//! backup's own last entry stands in it: another gateway's deletions are not ours.

use std::{
    collections::{BTreeMap, HashMap},
    fs::OpenOptions,
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use crate::{
    audit::{self, Entry, Head, Reader, Step, Stored, word},
    backup::Manifest,
    language::Text,
    record::{TransactionId, UnixMillis, audit::Action, release::ReleaseState},
    text,
};

/// Whether anybody knows.
#[derive(Debug)]
pub(super) enum Known {
    /// This trail says it.
    Trail {
        /// The file.
        file: PathBuf,
        /// What it says.
        later: Later,
    },
    /// Nobody, and somebody took that upon himself.
    Nothing {
        /// Why the trail that lies where the backup was made does not say it, if there is one.
        not_used: Option<Text>,
    },
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Later {
    /// Deleted, and when.
    pub(super) deleted: BTreeMap<TransactionId, UnixMillis>,
    /// Releases that were asked for.
    pub(super) releases: BTreeMap<TransactionId, Since>,
    /// Places where the trail is damaged.
    pub(super) flaws: usize,
    /// Its last entry.
    pub(super) head: Option<Head>,
}

/// A release, by the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Since {
    /// Of which item; none: it was asked for before this trail begins.
    pub(super) item: Option<TransactionId>,
    /// Addresses that it was to go to instead of the recipients.
    pub(super) analysts: Vec<String>,
    /// The last that is said of it, and when.
    pub(super) state: ReleaseState,
    /// See there.
    pub(super) at: UnixMillis,
    /// Who asked, and why.
    pub(super) account: String,
    /// See there.
    pub(super) reason: String,
}

/// The trail that was named, or the one that lies where the backup was made. `do_without`: somebody takes it upon himself that nobody knows, and a
/// trail that nobody named and that cannot be used is none.
pub(super) fn known(manifest: &Manifest, named: Option<&Path>, do_without: bool) -> Result<Known, Text> {
    if let Some(named) = named {
        return used(named.to_owned(), manifest);
    }
    let live = manifest.data_dir.join(audit::LOG);
    let shown = live.display().to_string();
    // What may not be looked at is not absent: whoever may look finds it.
    let found = match live.try_exists() {
        Ok(true) => used(live, manifest),
        Ok(false) if do_without => return Ok(Known::Nothing { not_used: None }),
        Ok(false) => Err(text!(
            "what was deleted or delivered after the backup is not known: {shown} is not there. Give the audit.log that was kept elsewhere \
             (--audit FILE), or say --without-later-deletions: then deleted messages come back",
            "não se sabe o que foi excluído ou entregue depois do backup: {shown} não existe. Indique o audit.log guardado em outro lugar \
             (--audit ARQUIVO), ou diga --without-later-deletions: então mensagens excluídas voltam"
        )),
        Err(fault) => Err(unread(&shown, &fault)),
    };
    match found {
        Err(why) if do_without => Ok(Known::Nothing { not_used: Some(why) }),
        found => found,
    }
}

fn used(file: PathBuf, manifest: &Manifest) -> Result<Known, Text> {
    let shown = file.display().to_string();
    match read(&file, manifest) {
        Ok(Some(later)) => Ok(Known::Trail { file, later }),
        Ok(None) => Err(text!(
            "{shown} does not go on from the backup's audit trail: it is another gateway's, or was written anew. Name the right one with --audit",
            "{shown} não continua a trilha de auditoria do backup: é de outra Portaria, ou foi reescrita. Indique a certa com --audit"
        )),
        Err(fault) => Err(unread(&shown, &fault)),
    }
}

fn unread(shown: &str, fault: &io::Error) -> Text {
    text!("{shown} cannot be read: {fault}", "não é possível ler {shown}: {fault}")
}

/// The folder of a log that has its own name: full files of the same trail may lie beside it.
pub(super) fn folder_of(log: &Path) -> Option<&Path> {
    let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    (log.file_name()? == audit::LOG).then_some(folder)
}

/// None: the backup's last entry is not in it.
fn read(log: &Path, manifest: &Manifest) -> io::Result<Option<Later>> {
    let mut told = Telling { is_ours: manifest.audit_head.is_none(), ..Telling::default() };
    let of_folder = folder_of(log).map(Stored::open).transpose().map_err(io::Error::other)?.flatten();
    let last = match of_folder {
        Some(mut stored) => {
            while let Some(step) = stored.next_step()? {
                told.step(step, manifest);
            }
            stored.finish().last
        }
        None => {
            let mut reader = Reader::of(BufReader::new(OpenOptions::new().read(true).open(log)?), None);
            while let Some(step) = reader.next_step()? {
                told.step(step, manifest);
            }
            reader.finish().last
        }
    };
    told.later.head = last;
    Ok(told.is_ours.then(|| told.end()))
}

#[derive(Default)]
struct Telling {
    later: Later,
    /// How often each was ordered to be deleted, less how often that was not done.
    deletions: HashMap<TransactionId, (i64, UnixMillis)>,
    /// The backup's last entry is in it.
    is_ours: bool,
}

impl Telling {
    fn step(&mut self, step: Step, manifest: &Manifest) {
        self.later.flaws += step.flaws.len();
        let Some(entry) = step.entry.filter(Entry::is_sound) else { return };
        let head = format!("{}:{}", entry.seq, entry.hash.as_str());
        self.is_ours |= manifest.audit_head.as_ref() == Some(&head);
        self.take(&entry);
    }

    fn take(&mut self, entry: &Entry) {
        let is = |action: Action| entry.action == word(action);
        let of = |name: &str| entry.detail.get(name).cloned().unwrap_or_default();
        let not_done = of("outcome").starts_with("not done");
        let id = |text: &str| TransactionId::try_from(text.to_owned()).ok();
        if is(Action::ItemDeleted) {
            if let Some(item) = id(&entry.object) {
                let deletion = self.deletions.entry(item).or_default();
                deletion.0 += if not_done { -1 } else { 1 };
                deletion.1 = entry.at;
            }
        } else if is(Action::ReleaseRequested) {
            // One that was not done names no release: the one before it, of the same item, is meant.
            if not_done {
                let item = id(&entry.object);
                let last =
                    self.later.releases.iter().rev().find(|(_, since)| since.item == item).map(|(id, _)| id.clone());
                last.and_then(|last| self.later.releases.remove(&last));
            } else if let Some(release) = id(&of("release")) {
                let since = Since {
                    item: id(&entry.object),
                    analysts: of("analysts").split_whitespace().map(str::to_owned).collect(),
                    state: ReleaseState::Unknown,
                    at: entry.at,
                    account: entry.account.clone(),
                    reason: of("reason"),
                };
                self.later.releases.insert(release, since);
            }
        } else if (is(Action::ReleaseApproved) || is(Action::ReleaseDenied)) && !not_done {
            // Approved: whether it was sent is not known before its end.
            let state = if is(Action::ReleaseDenied) { ReleaseState::Denied } else { ReleaseState::Unknown };
            self.ended(id(&entry.object), None, state, entry);
        } else if is(Action::Released) {
            let state = serde_json::from_value(of("outcome").into()).unwrap_or(ReleaseState::Unknown);
            self.ended(id(&of("release")), id(&entry.object), state, entry);
        }
    }

    fn ended(
        &mut self,
        release: Option<TransactionId>,
        item: Option<TransactionId>,
        state: ReleaseState,
        entry: &Entry,
    ) {
        let Some(release) = release else { return };
        let new = Since {
            item,
            analysts: Vec::new(),
            state,
            at: entry.at,
            account: entry.account.clone(),
            reason: String::new(),
        };
        let since = self.later.releases.entry(release).or_insert(new);
        since.state = state;
        since.at = entry.at;
    }

    fn end(mut self) -> Later {
        let deleted = self.deletions.into_iter().filter(|(_, (count, _))| *count > 0);
        self.later.deleted = deleted.map(|(item, (_, at))| (item, at)).collect();
        self.later
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a trail is files")]
mod tests {
    use super::*;
    use crate::record::{
        audit::{Actor, Event},
        sample,
    };

    /// What was done, to what, and its details.
    type Done<'d> = (Action, String, &'d [(&'d str, String)]);

    fn trail(entries: &[Done<'_>]) -> (String, Vec<String>) {
        let mut last = Head::none();
        let (mut text, mut heads) = (String::new(), Vec::new());
        for (at, (action, object, detail)) in (1..).zip(entries) {
            let actor = Actor { account: "root".to_owned(), person: None };
            let detail = detail.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            let event = Event { at, actor, action: *action, object: object.clone(), detail };
            let entry = Entry::following(&last, &event);
            last = entry.head();
            heads.push(format!("{}:{}", last.seq, last.hash.as_str()));
            text += &(entry.line() + "\n");
        }
        (text, heads)
    }

    /// What a log of that text tells, kept under another name than a gateway's own.
    fn read_text(text: &str, manifest: &Manifest) -> Option<Later> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path(), manifest).unwrap()
    }

    fn manifest(head: Option<String>) -> Manifest {
        let json = serde_json::json!({
            "format": 1, "portaria": "1", "schema": 6, "made_at": 1, "hostname": "h", "data_dir": "/nowhere", "rules_dir": "/r",
            "audit_head": head, "gone": [], "missing": [], "entries": [],
        });
        Manifest::read(json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn deletions_and_releases_are_told_as_they_ended() {
        let id = |number: u64| sample::id(number).to_string();
        let not_done = || ("outcome", "not done: state".to_owned());
        let (text, heads) = trail(&[
            (Action::BackupMade, "x".to_owned(), &[]),
            (Action::ItemDeleted, id(1), &[]),
            (Action::ItemDeleted, id(2), &[]),
            (Action::ItemDeleted, id(2), &[not_done()]),
            (Action::ReleaseRequested, id(3), &[("release", id(53)), ("reason", "r".to_owned())]),
            (Action::Released, id(3), &[("release", id(53)), ("outcome", "delivered".to_owned())]),
            (Action::ReleaseRequested, id(4), &[("release", id(54)), ("analysts", "a@x b@x".to_owned())]),
            (Action::ReleaseRequested, id(5), &[("release", id(55))]),
            (Action::ReleaseRequested, id(5), &[not_done()]),
            (Action::ReleaseDenied, id(56), &[]),
            (Action::Released, id(7), &[("release", id(57)), ("outcome", "partly".to_owned())]),
        ]);
        let later = read_text(&text, &manifest(Some(heads[0].clone()))).unwrap();
        assert_eq!(later.deleted.keys().cloned().collect::<Vec<_>>(), [sample::id(1)]);
        let told: Vec<_> =
            later.releases.iter().map(|(id, since)| (id.clone(), since.item.clone(), since.state)).collect();
        let row = |number: u64, item: Option<u64>, state| (sample::id(number), item.map(sample::id), state);
        let mut expected = vec![
            row(53, Some(3), ReleaseState::Delivered),
            row(54, Some(4), ReleaseState::Unknown),
            row(56, None, ReleaseState::Denied),
            row(57, Some(7), ReleaseState::Partly),
        ];
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(told, expected);
        assert_eq!(later.releases[&sample::id(54)].analysts, ["a@x", "b@x"]);
        assert_eq!(later.flaws, 0);
    }

    /// Deletions of another gateway, or of a trail that was begun anew, are none of this one's.
    #[test]
    fn a_trail_that_does_not_have_the_backups_last_entry_is_none() {
        let (text, heads) = trail(&[(Action::ItemDeleted, sample::id(1).to_string(), &[])]);
        let (_, others) = trail(&[(Action::ItemDeleted, sample::id(2).to_string(), &[])]);
        assert!(read_text(&text, &manifest(Some(heads[0].clone()))).is_some());
        assert!(read_text(&text, &manifest(Some(others[0].clone()))).is_none());
        assert!(read_text("", &manifest(None)).is_some(), "it had no trail yet");
        assert!(known(&manifest(None), None, false).unwrap_err().en.contains("--without-later-deletions"));
        assert!(matches!(known(&manifest(None), None, true), Ok(Known::Nothing { not_used: None })));
    }

    /// What lies where the backup was made, and is another's or cannot be read, is told; and stands in nobody's way who wants none.
    #[test]
    fn a_trail_that_cannot_be_used_is_told_and_stands_in_nobodys_way_who_does_without() {
        let live = tempfile::tempdir().unwrap();
        let (text, heads) = trail(&[(Action::ItemDeleted, sample::id(1).to_string(), &[])]);
        let (other, _) = trail(&[(Action::ItemDeleted, sample::id(2).to_string(), &[])]);
        let log = live.path().join(audit::LOG);
        let mut manifest = manifest(Some(heads[0].clone()));
        manifest.data_dir = live.path().to_owned();
        std::fs::write(&log, other).unwrap();
        let refused = known(&manifest, None, false).unwrap_err();
        assert!(refused.en.contains("another gateway's"), "{refused:?}");
        let Ok(Known::Nothing { not_used: Some(why) }) = known(&manifest, None, true) else { panic!() };
        assert_eq!(why.en, refused.en);
        assert!(known(&manifest, Some(&log), true).is_err(), "who names one wants that one");
        std::fs::write(&log, text).unwrap();
        assert!(matches!(known(&manifest, None, true), Ok(Known::Trail { .. })), "what is known is carried out");
        // Whether there is one cannot be said: a folder in the way, as one that may not be looked into.
        manifest.data_dir = log.join("below");
        let refused = known(&manifest, None, false).unwrap_err();
        assert!(refused.en.contains("cannot be read: "), "{refused:?}");
        assert!(matches!(known(&manifest, None, true), Ok(Known::Nothing { not_used: Some(_) })));
    }

    /// The trail went on in a new file behind the backup: what the backup knows stands in the full one, and both are laid out.
    #[test]
    fn a_trail_that_turned_to_a_new_file_is_read_and_laid_out_whole() {
        let (live, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let deleted = |number: u64, at: UnixMillis| {
            let actor = Actor { account: "root".to_owned(), person: None };
            let object = sample::id(number).to_string();
            Event { at, actor, action: Action::ItemDeleted, object, detail: BTreeMap::new() }
        };
        let log = audit::Trail::open(live.path()).unwrap();
        let before = log.append(&deleted(1, 1)).unwrap();
        let copied = audit::Parts::of(live.path()).unwrap().unwrap();
        assert_eq!((copied.logs.len(), copied.head.is_some()), (1, true));
        for (name, mut octets) in copied.logs {
            io::copy(&mut octets, &mut std::fs::File::create(data.path().join(name)).unwrap()).unwrap();
        }
        // A file is full after a year.
        log.append(&deleted(2, 367 * 24 * 3_600_000)).unwrap();
        let copied = audit::Parts::of(live.path()).unwrap().unwrap();
        assert_eq!(copied.logs.len(), 2, "{:?}", copied.logs);

        let file = live.path().join(audit::LOG);
        let manifest = manifest(Some(format!("{}:{}", before.seq, before.hash.as_str())));
        let later = read(&file, &manifest).unwrap().expect("the backup's last entry stands in the full file");
        assert_eq!((later.deleted.len(), later.flaws), (2, 0));
        super::super::lay_out::trail(&file, later.head.as_ref(), data.path()).unwrap();
        let (mut laid_out, mut entries) = (Stored::open(data.path()).unwrap().unwrap(), 0);
        while let Some(step) = laid_out.next_step().unwrap() {
            assert_eq!(step.flaws, []);
            entries += 1;
        }
        assert_eq!((entries, laid_out.finish().flaws), (3, Vec::new()));
    }
}
