//! `portaria rules diff OLD NEW`: what differs between two rule sets, and which examples of either are decided otherwise.
//!
//! In: two folders as they stand on the disk, or sets of the history. Out: rules that are new, gone or changed, key by key; examples that fare differently; pairs
//! of rules whose order changed where it matters; names that came into the lists or left them. Both sets must be in order, or it is not
//! known what they do.

mod examples;
mod keys;
mod lists;
mod shown;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use self::{
    examples::{Decided, Reordered},
    keys::KeyChange,
    lists::ListChange,
};
use super::{rollback::same, visible};
use crate::{
    cli::{Common, Exit, rendering::Style},
    config::{self, Settings},
    document::Faults,
    door::gateway::now,
    language::Text,
    policy::{
        directory::MailboxKey,
        rule::{Resolve, RuleSet},
    },
    rule_history::Archive,
    smtp::path::Mailbox,
    text,
};

/// One of the two.
pub struct Side {
    /// The set.
    pub rules: RuleSet,
    /// Each rule as it is written, by id.
    pub written: BTreeMap<String, toml::Table>,
    /// The lists beside the rules: file name and text.
    pub lists: Vec<(&'static str, String)>,
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Rules, by id.
    pub rules: BTreeMap<String, RuleChange>,
    /// Examples of either set that are decided otherwise.
    pub decided: Vec<Decided>,
    /// Rules whose order changed, and an example that both match.
    pub reordered: Vec<Reordered>,
    /// Lists, by file.
    pub lists: Vec<ListChange>,
}

/// How a rule differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleChange {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed(Vec<KeyChange>),
}

/// Compares two folders. Exit code 0: nothing differs. 1: something does. 2: one of them cannot be compared.
pub fn diff(common: &mut Common, old: &Path, new: &Path) -> Exit {
    // Without a configuration nobody knows the aliases of an address: it stands for itself.
    let settings = if common.config.exists() { common.settings() } else { None };
    let directory = settings.as_ref().map(|settings| config::load_directory(settings).0);
    let resolve = |address: &str| match &directory {
        Some(directory) => directory.resolve(address),
        None => Mailbox::parse(address).map(|_| MailboxKey(address.to_lowercase())),
    };
    let time_zone = settings.as_ref().map_or(jiff::tz::TimeZone::UTC, |settings| settings.gateway.timezone.clone());
    let style = Style { json: common.json, language: common.language, time_zone };
    let mut sides = Vec::new();
    for given in [old, new] {
        let read = match &settings {
            Some(settings) if !given.exists() => kept(settings, given),
            _ => on_disk(given).map_err(NotRead::Faults),
        };
        match read.and_then(|files| files.side(&resolve).map_err(NotRead::Faults)) {
            Ok(side) => sides.push(side),
            Err(NotRead::Faults(faults)) => eprint!("{}", faults.render(common.language)),
            Err(NotRead::History(fault)) => eprintln!("{}", style.say(&fault).trim_end()),
        }
    }
    let [old, new] = sides.as_slice() else { return Exit::Usage };
    let shown = shown::shown(&difference(old, new, &resolve, now().wall), &style);
    crate::cli::show(&shown.text, shown.exit_code)
}

/// The files of a set, and what is wrong with them as files.
#[derive(Default)]
struct Files {
    rules: Vec<(PathBuf, Vec<u8>)>,
    lists: Vec<(&'static str, String)>,
    faults: Faults,
}

/// Why a set cannot be compared.
enum NotRead {
    Faults(Faults),
    History(Text),
}

impl Files {
    fn side(mut self, resolve: Resolve<'_>) -> Result<Side, Faults> {
        let (rules, found) = RuleSet::read_files(&self.rules, resolve);
        self.faults.append(found);
        if self.faults.has_errors() {
            return Err(self.faults);
        }
        Ok(Side { rules, written: written(&self.rules), lists: self.lists })
    }
}

fn on_disk(folder: &Path) -> Result<Files, Faults> {
    let (rules, faults) = config::rule_octets(folder);
    let mut lists = Vec::new();
    for name in lists::FILES {
        let file = folder.join(name);
        if file.exists() {
            let octets = config::read_up_to(config::largest(&file), &file).map_err(|fault| Faults(vec![*fault]))?;
            lists.push((name, String::from_utf8_lossy(&octets).into_owned()));
        }
    }
    Ok(Files { rules, lists, faults })
}

/// A set of the history, by its number or version.
fn kept(settings: &Settings, given: &Path) -> Result<Files, NotRead> {
    let failed = |fault| NotRead::History(same(&fault));
    let archive = Archive::read(&settings.gateway.data_dir).map_err(failed)?;
    let unknown = || {
        let name = visible(&given.to_string_lossy());
        NotRead::History(text!(
            "{name} is neither a folder nor a set of the history: `portaria rules history` lists them",
            "{name} não é uma pasta nem um conjunto do histórico: `portaria rules history` os lista"
        ))
    };
    let entry = given.to_str().and_then(|name| archive.find(name)).ok_or_else(unknown)?;
    let mut files = Files::default();
    for file in &entry.files {
        let list = lists::FILES.into_iter().find(|name| **name == *file.name);
        let is_rule = file.name.starts_with("subjects/");
        if !is_rule && list.is_none() {
            continue;
        }
        let octets = archive.content(entry, file).map_err(failed)?;
        match list {
            Some(name) => files.lists.push((name, String::from_utf8_lossy(&octets).into_owned())),
            None => files.rules.push((PathBuf::from(&file.name), octets)),
        }
    }
    Ok(files)
}

/// The rules as tables, by id. The files were read without an error before: what is no rule here was none there.
fn written(files: &[(PathBuf, Vec<u8>)]) -> BTreeMap<String, toml::Table> {
    let mut written = BTreeMap::new();
    for (file, octets) in files {
        let Ok(text) = crate::policy::rule::text_of(file, octets) else { continue };
        let Ok(mut root) = text.parse::<toml::Table>() else { continue };
        let Some(toml::Value::Array(rules)) = root.remove("rule") else { continue };
        for rule in rules {
            let toml::Value::Table(mut rule) = rule else { continue };
            let Some(toml::Value::String(id)) = rule.remove("id") else { continue };
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            rule.insert("file".to_owned(), toml::Value::String(name));
            written.insert(id, rule);
        }
    }
    written
}

/// What differs between two sets, decided as at `now`.
pub fn difference(old: &Side, new: &Side, resolve: Resolve<'_>, now: SystemTime) -> Difference {
    let mut rules = BTreeMap::new();
    for (id, was) in &old.written {
        let change = match new.written.get(id) {
            None => RuleChange::Removed,
            Some(is) => RuleChange::Changed(keys::difference(was, is)),
        };
        rules.insert(id.clone(), change);
    }
    let added = new.written.keys().filter(|id| !old.written.contains_key(*id));
    rules.extend(added.map(|id| (id.clone(), RuleChange::Added)));
    rules.retain(|_, change| !matches!(change, RuleChange::Changed(keys) if keys.is_empty()));
    let (decided, reordered) = examples::compare(old, new, resolve, now);
    Difference { rules, decided, reordered, lists: lists::difference(&old.lists, &new.lists) }
}

impl Difference {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
