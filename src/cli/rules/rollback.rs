//! `portaria rules rollback`: the files of an earlier set back into the rules folder, if they load now, and the gateway told.
//!
//! In: which set, why, and for whom. Out: what changed, and whether it is in force. How files take their places so that no half of it is
//! ever a set is `rule_history`'s.
#![expect(clippy::disallowed_methods, reason = "a command tries the files of a set in a folder of its own")]

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    history::{changes, kept_contents, row, unknown},
    visible,
};
use crate::{
    antivirus::{self, ScannerKind},
    cli::{
        Common, Exit,
        actor::{actor, not_written, trail},
        rendering::{Style, json_line},
        start::set_under_lock,
        status::{ask_at, field, reloaded},
    },
    config::{self, Settings},
    document::Faults,
    door::{control::Command, gateway::now},
    language::Text,
    record::{
        audit::{Action, Event},
        unix_millis,
    },
    rule_history::{Archive, Difference, Entry, FileSet, HALF_WAY, Lock, Plan},
    text,
};

/// The gateway reads a set in a moment; another command changes a file in as short a time.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked for.
pub(in crate::cli) struct Wanted<'w> {
    /// A number or version; none: the set before the one in force.
    pub set: Option<&'w str>,
    /// Why.
    pub reason: &'w str,
    /// Whom the caller says it acts for.
    pub by: Option<&'w str>,
}

/// Puts it back.
pub(in crate::cli) fn rollback(common: &mut Common, wanted: &Wanted<'_>) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() };
    let archive = match Archive::read(&settings.gateway.data_dir) {
        Ok(archive) => archive,
        Err(fault) => return refused(&style, &same(&fault)),
    };
    let Some(newest) = archive.entries().first() else { return unknown(&style, wanted.set.unwrap_or("1")) };
    let found = match wanted.set {
        Some(name) => archive.find(name),
        None => archive.before(newest),
    };
    let Some(entry) = found else { return unknown(&style, wanted.set.unwrap_or("-")) };
    match put_back(&settings, &archive, entry, wanted, now().wall) {
        Ok(done) => tell(&settings, &style, entry, &done),
        Err(fault) => refused(&style, &fault),
    }
}

fn refused(style: &Style, fault: &Text) -> Exit {
    eprintln!("{}", style.say(fault).trim_end());
    Exit::Faults
}

/// What was done to the files.
struct Done {
    /// Against the files as they were.
    difference: Difference,
    aside: Vec<PathBuf>,
    /// Why the audit trail does not say that it is done.
    untold: Option<String>,
}

/// Tries the set, writes down that it is put back, and puts it back.
fn put_back(
    settings: &Settings,
    archive: &Archive,
    entry: &Entry,
    wanted: &Wanted<'_>,
    wall: SystemTime,
) -> Result<Done, Text> {
    let files = contents(settings, archive, entry)?;
    try_out(settings, &files, wall)?;
    let root = &settings.gateway.rules_dir;
    let trail = trail(settings)?;
    // Nobody reads a set, and no command changes a file, until all of it is there.
    let _lock = Lock::to_change(root, PATIENCE).map_err(|fault| same(&fault))?;
    let there = set_under_lock(settings).map_err(|fault| same(&fault))?;
    let difference = archive.difference_from(&there, entry).map_err(|fault| same(&fault))?;
    let plan = plan(settings, archive, entry, files, &there, wall);
    if plan.is_empty() && !root.join(HALF_WAY).exists() {
        return Ok(Done { difference, aside: Vec::new(), untold: None });
    }
    let event = |outcome: &str| event(entry, wanted, wall, outcome);
    // Before and after: a trail that ends with "begun" says that somebody should look.
    trail.append(&event("begun")).map_err(|fault| not_written(&fault))?;
    let aside = plan.carry_out();
    let outcome = aside.as_ref().map_or_else(|fault| format!("failed: {fault}"), |_| "done".to_owned());
    // It is done, and the trail says that it was begun: nothing is taken back for this.
    let untold = trail.append(&event(&outcome)).err();
    match aside {
        Ok(aside) => Ok(Done { difference, aside, untold: untold.map(|fault| fault.to_string()) }),
        Err(fault) => Err(text!(
            "stopped half-way: {fault}\nnothing of it comes into force: mend that, and do the same rollback once more",
            "parou no meio: {fault}\nnada disso entra em vigor: corrija isso e repita a mesma volta"
        )),
    }
}

fn event(entry: &Entry, wanted: &Wanted<'_>, wall: SystemTime, outcome: &str) -> Event {
    let detail = [
        ("reason", wanted.reason.to_owned()),
        ("version", entry.policy.clone()),
        ("fingerprint", entry.fingerprint.clone()),
        ("outcome", outcome.to_owned()),
    ];
    Event {
        at: unix_millis(wall),
        actor: actor(wanted.by.map(str::to_owned)),
        action: Action::RulesRolledBack,
        object: entry.number.to_string(),
        detail: detail.map(|(key, value)| (key.to_owned(), value)).into(),
    }
}

/// Words of a program, the same in both languages.
pub(super) fn same(fault: &dyn std::fmt::Display) -> Text {
    text!("{fault}", "{fault}")
}

/// The files of the set with their places. An entry is written by the gateway's user, and this may run as root: only what could be
/// a file of the rule set, by its place and name, is written.
fn contents(settings: &Settings, archive: &Archive, entry: &Entry) -> Result<Vec<(PathBuf, Vec<u8>)>, Text> {
    let place = |name: &str| settings.gateway.rules_dir.join(name);
    if let Some(stranger) = entry.files.iter().find(|file| !config::may_be_set_file(settings, &place(&file.name))) {
        let name = visible(&stranger.name);
        return Err(text!(
            "{name} is no file of the rules as portaria.toml has them now: nothing was done",
            "{name} não é um arquivo das regras conforme o portaria.toml atual: nada foi feito"
        ));
    }
    let mut files = Vec::new();
    for file in &entry.files {
        files.push((place(&file.name), archive.content(entry, file).map_err(|fault| same(&fault))?));
    }
    Ok(files)
}

/// Loads the set in a folder of its own: what was good in March may not be today (a date is over, a mailbox is gone).
fn try_out(settings: &Settings, files: &[(PathBuf, Vec<u8>)], wall: SystemTime) -> Result<(), Text> {
    let desk = Desk::make().map_err(|fault| same(&fault))?;
    let there = desk.settings(settings, files).map_err(|fault| same(&fault))?;
    let (_, mut faults) = config::load_policy(&there, wall);
    for folder in config::yara_folders(&there) {
        faults.append(antivirus::check_yara_rules(folder).1);
    }
    if !faults.has_errors() {
        return Ok(());
    }
    let Faults(found) = &mut faults;
    for fault in found {
        if let Ok(name) = fault.file.strip_prefix(&desk.0) {
            fault.file = settings.gateway.rules_dir.join(name);
        }
    }
    let (en, pt) = (faults.render(crate::language::Language::En), faults.render(crate::language::Language::PtBr));
    Err(text!(
        "{en}that set does not load today: nothing was done",
        "{pt}esse conjunto não carrega hoje: nada foi feito"
    ))
}

/// A folder for this user alone, gone when this is.
struct Desk(PathBuf);

impl Desk {
    fn make() -> io::Result<Self> {
        let name = format!("portaria-{}", uuid::Uuid::new_v4().simple());
        let folder = std::env::temp_dir().join(name);
        // Not recursive: a folder of this name that is there already is somebody else's.
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }

    /// Settings that read the rules here, where these files now are.
    fn settings(&self, settings: &Settings, files: &[(PathBuf, Vec<u8>)]) -> io::Result<Settings> {
        let root = &settings.gateway.rules_dir;
        let moved = |place: &Path| match place.strip_prefix(root) {
            Ok(name) => self.0.join(name),
            // YARA rules that are kept elsewhere.
            Err(_) => self.0.join("elsewhere").join(place.strip_prefix("/").unwrap_or(place)),
        };
        let mut there = settings.clone();
        there.gateway.rules_dir = self.0.clone();
        let scanners = there.antivirus.iter_mut().flat_map(|antivirus| &mut antivirus.scanners);
        for scanner in scanners {
            if let ScannerKind::Yara { rules, .. } = &mut scanner.kind {
                *rules = moved(rules);
                fs::create_dir_all(rules)?;
            }
        }
        for (place, octets) in files {
            let place = moved(place);
            fs::create_dir_all(place.parent().unwrap_or(&self.0))?;
            fs::write(place, octets)?;
        }
        Ok(there)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What takes the files that are there to those of the set.
fn plan(
    settings: &Settings,
    archive: &Archive,
    entry: &Entry,
    files: Vec<(PathBuf, Vec<u8>)>,
    there: &FileSet,
    wall: SystemTime,
) -> Plan {
    let root = &settings.gateway.rules_dir;
    let hashes: BTreeMap<&str, &str> =
        there.files().iter().map(|file| (file.name.as_str(), file.sha256.as_str())).collect();
    let changed: Vec<&str> = entry
        .files
        .iter()
        .filter(|file| hashes.get(file.name.as_str()) != Some(&file.sha256.as_str()))
        .map(|file| file.name.as_str())
        .collect();
    let is_changed = |place: &Path| changed.iter().any(|name| root.join(name) == place);
    let kept = kept_contents(archive);
    let lost = there.files().iter().filter(|file| !kept.contains(file.sha256.as_str()));
    let strange = there.files().iter().filter(|file| entry.file(&file.name).is_none());
    let (number, version) = (entry.number, &entry.policy);
    Plan {
        root: root.clone(),
        mark: format!("portaria rules rollback {number}: {version}\n"),
        when: when(wall),
        keep: lost.filter(|file| changed.contains(&file.name.as_str())).map(|file| root.join(&file.name)).collect(),
        put: files.into_iter().filter(|(place, _)| is_changed(place)).collect(),
        aside: strange.map(|file| root.join(&file.name)).collect(),
    }
}

/// `20261122T031011Z`, for the names of files.
fn when(wall: SystemTime) -> String {
    Timestamp::try_from(wall).map(|at| at.strftime("%Y%m%dT%H%M%SZ").to_string()).unwrap_or_default()
}

/// Lets the gateway read them, and says what became of all of it.
fn tell(settings: &Settings, style: &Style, entry: &Entry, done: &Done) -> Exit {
    if let Some(fault) = &done.untold {
        let told = text!(
            "the audit trail says that this was begun, and could not be told that it is done: {fault}",
            "a trilha de auditoria diz que isto começou, e não pôde registrar que terminou: {fault}"
        );
        eprintln!("{}", style.say(&told));
    }
    let answer = ask_at(settings, &Command::ReloadRolledBack);
    let in_force = answer.as_ref().is_ok_and(|answer| field(answer, "ok").as_bool() == Some(true));
    let aside: Vec<String> = done.aside.iter().map(|file| file.display().to_string()).collect();
    if style.json {
        let line = json!({
            "number": entry.number,
            "version": entry.policy,
            "changes": changes(&done.difference).map(row).collect::<Vec<_>>(),
            "aside": aside,
            "reachable": answer.is_ok(),
            "in_force": in_force,
            "reload": answer.as_ref().ok(),
        });
        print!("{}", json_line(&line));
    } else {
        print!("{}", in_words(style, entry, done, &aside));
        in_force_in_words(style, &answer);
    }
    match answer {
        Err(_) => Exit::NotReachable,
        Ok(_) if in_force => Exit::Done,
        Ok(_) => Exit::Faults,
    }
}

fn in_words(style: &Style, entry: &Entry, done: &Done, aside: &[String]) -> String {
    let (number, version) = (entry.number, visible(&entry.policy));
    let told = text!(
        "the files are those of number {number}, version {version}",
        "os arquivos são os do número {number}, versão {version}"
    );
    let mut out = style.say(&told).to_owned() + "\n";
    if done.difference.is_empty() {
        out += style.say(&text!("  as they were before", "  como já eram")).trim_end();
        out.push('\n');
    }
    for change in changes(&done.difference) {
        let named = format!("{} {}", change.what, change.name);
        out += &format!("  {}{}\n", change.kind.sign(), visible(named.trim_end()));
    }
    for file in aside {
        let file = visible(file);
        let told = text!("put aside, and not read any more: {file}", "posto de lado, e não mais lido: {file}");
        out += style.say(&told);
        out.push('\n');
    }
    out
}

fn in_force_in_words(style: &Style, answer: &Result<Value, Text>) {
    match answer {
        Ok(answer) => {
            let (good, bad) = reloaded(answer, style.language);
            print!("{good}");
            eprint!("{bad}");
        }
        Err(told) => {
            let later =
                text!("they come into force when the gateway starts", "entram em vigor quando a Portaria iniciar");
            eprintln!("{}\n{}", style.say(told), style.say(&later));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        language::Language,
        rule_history::{Bounds, Cause, Facts, History},
    };

    struct Place {
        folder: tempfile::TempDir,
        settings: Settings,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let shown = folder.path().display();
            let text = format!(
                "[gateway]\nhostname = \"mx.tjpa.jus.br\"\nrules_dir = \"{shown}/rules\"\ndata_dir = \"{shown}/data\"\n\
                 [[listener]]\naddress = \"127.0.0.1:25\"\n[[domain]]\nname = \"tjpa.jus.br\"\n\
                 [[next_hop]]\nname = \"m\"\naddress = [\"127.0.0.1:26\"]\n[antivirus]\nenabled = false\n"
            );
            let settings = config::read(Path::new("/etc/portaria/portaria.toml"), &text).0.unwrap();
            fs::create_dir_all(folder.path().join("rules/subjects")).unwrap();
            fs::create_dir_all(folder.path().join("data")).unwrap();
            Self { folder, settings }
        }

        fn put(&self, name: &str, text: &str) {
            fs::write(self.folder.path().join("rules").join(name), text).unwrap();
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.folder.path().join("rules").join(name)).unwrap_or_default()
        }

        /// What stands there comes into force.
        fn note(&self, at: i64) {
            let bounds = Bounds { entries: 9, age: Duration::from_secs(9) };
            let mut history = History::new(&self.settings.gateway.data_dir, bounds);
            let facts =
                Facts { at, cause: Cause::Folder, policy: format!("{at:012}"), rules: 0, scanner_rules: Vec::new() };
            history.note(&set_under_lock(&self.settings).unwrap(), facts).unwrap();
        }

        fn back(&self, number: &str) -> Result<Done, Text> {
            let archive = Archive::read(&self.settings.gateway.data_dir).unwrap();
            let entry = archive.find(number).unwrap();
            let wanted = Wanted { set: Some(number), reason: "r", by: None };
            put_back(&self.settings, &archive, entry, &wanted, SystemTime::UNIX_EPOCH)
        }

        fn audited(&self) -> usize {
            let trail = fs::read_to_string(self.folder.path().join("data/audit.log")).unwrap_or_default();
            trail.matches("rules_rolled_back").count()
        }

        fn faults(&self) -> String {
            config::load_policy(&self.settings, SystemTime::UNIX_EPOCH).1.render(Language::En)
        }
    }

    fn block(mailbox: &str, more: &str) -> String {
        format!(
            "[[blocked]]\nmailbox = \"{mailbox}\"\ndirection = \"both\"\nreason = \"r\"\nticket = \"t\"\nby = \"b\"\n{more}"
        )
    }

    #[test]
    fn a_set_that_would_not_load_today_is_left_where_it_is() {
        let place = Place::new();
        place.put("mailboxes.toml", &block("ana@elsewhere.example", ""));
        place.note(1);
        place.put("mailboxes.toml", &block("ana", ""));
        place.note(2);
        let told = place.back("1").err().unwrap();
        let file = place.folder.path().join("rules/mailboxes.toml").display().to_string();
        assert!(told.en.contains(&format!("{file}:2:11: error: ")), "the file where it would be: {}", told.en);
        assert!(told.en.ends_with("that set does not load today: nothing was done"), "{}", told.en);
        assert_eq!(place.text("mailboxes.toml"), block("ana", ""));
        assert_eq!(place.audited(), 0);
    }

    #[test]
    fn a_set_that_is_there_already_is_no_change() {
        let place = Place::new();
        place.put("mailboxes.toml", &block("ana", ""));
        place.note(1);
        let done = place.back("1").unwrap();
        assert!(done.difference.is_empty() && done.aside.is_empty());
        assert_eq!(place.audited(), 0);
    }

    #[test]
    fn an_entry_that_names_another_file_is_refused() {
        let place = Place::new();
        place.put("mailboxes.toml", &block("ana", ""));
        place.note(1);
        let entry = place.folder.path().join("data/rules/0000000001.json");
        let text = fs::read_to_string(&entry).unwrap();
        for name in ["../data/x.toml", "/etc/cron.d/x.toml", "subjects/../../x.toml", "classes.toml"] {
            fs::write(&entry, text.replace("mailboxes.toml", name)).unwrap();
            let told = place.back("1").err().unwrap().en;
            assert!(told.contains("is no file of the rules as portaria.toml has them now"), "{name}: {told}");
        }
    }

    /// Killed before each of its steps: never is a half of it a set that anybody would load, and once more finishes it.
    #[test]
    fn a_rollback_that_is_killed_is_refused_by_every_reader_until_it_is_finished() {
        let texts =
            |place: &Place| ["mailboxes.toml", "subjects/a.toml", "antivirus.toml"].map(|name| place.text(name));
        let mut refused = 0;
        for killed in 0..=7 {
            let place = Place::new();
            place.put("mailboxes.toml", &block("ana", ""));
            place.put("antivirus.toml", "# old\n");
            place.note(1);
            let old = texts(&place);
            place.put("mailboxes.toml", &block("bia", ""));
            place.put("antivirus.toml", "# edited, and never in force\n");
            place.put("subjects/a.toml", "# new\n");
            let new = texts(&place);

            let archive = Archive::read(&place.settings.gateway.data_dir).unwrap();
            let entry = archive.find("1").unwrap();
            let files = contents(&place.settings, &archive, entry).unwrap();
            let there = set_under_lock(&place.settings).unwrap();
            let plan = plan(&place.settings, &archive, entry, files, &there, SystemTime::UNIX_EPOCH);
            plan.carry_out_until(killed).unwrap();
            let faults = place.faults();
            if faults.contains("a rollback stopped half-way") {
                refused += 1;
            } else {
                assert!(texts(&place) == old || texts(&place) == new, "{killed}: a half that loads: {faults}");
            }
            place.back("1").unwrap();
            assert_eq!(texts(&place), old, "{killed}");
            assert!(!place.faults().contains("half-way"));
            let aside = fs::read_dir(place.folder.path().join("rules")).unwrap();
            let kept = aside.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
            assert!(kept.into_iter().any(|text| text.contains("never in force")), "{killed}: nothing is lost");
        }
        assert_eq!(refused, 6);
    }
}
