//! The lists beside the rules: which names came, went, or say something else. Only names are told: a registry holds hashes of passwords,
//! and a directory a hundred thousand people.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// The files that are looked at.
pub const FILES: [&str; 6] =
    ["antivirus.toml", "applications.toml", "classes.toml", "directory.csv", "directory.toml", "mailboxes.toml"];

/// The keys that an entry may be named by, in this order.
const NAMES: [&str; 6] = ["id", "mailbox", "name", "address", "signature", "beginning"];

/// What differs in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListChange {
    /// Its name.
    pub file: String,
    /// New names.
    pub added: Vec<String>,
    /// Names that are gone.
    pub removed: Vec<String>,
    /// Names that say something else.
    pub changed: Vec<String>,
}

/// Every file that differs. One that is not there is empty.
pub fn difference(old: &[(&'static str, String)], new: &[(&'static str, String)]) -> Vec<ListChange> {
    let text = |side: &[(&str, String)], name: &str| {
        side.iter().find(|(file, _)| *file == name).map(|(_, text)| text.clone()).unwrap_or_default()
    };
    let changes = FILES.iter().map(|file| {
        let (was, is) = (entries(file, &text(old, file)), entries(file, &text(new, file)));
        let names = |wanted: &dyn Fn(&String) -> bool, of: &BTreeMap<String, String>| -> Vec<String> {
            of.keys().filter(|name| wanted(name)).cloned().collect()
        };
        ListChange {
            file: (*file).to_owned(),
            added: names(&|name| !was.contains_key(name), &is),
            removed: names(&|name| !is.contains_key(name), &was),
            changed: names(
                &|name| was.get(name).is_some_and(|entry| is.get(name).is_some_and(|now| now != entry)),
                &was,
            ),
        }
    });
    changes
        .filter(|change| !(change.added.is_empty() && change.removed.is_empty() && change.changed.is_empty()))
        .collect()
}

/// Names, and what each says. Of two entries of one name (a mailbox that is blocked twice) the later is `name (2)`.
fn entries(file: &str, text: &str) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    let mut add = |name: String, says: String| {
        let names = (1..).map(|nth: usize| if nth == 1 { name.clone() } else { format!("{name} ({nth})") });
        if let Some(name) = names.into_iter().find(|name| !entries.contains_key(name)) {
            entries.insert(name, says);
        }
    };
    if file.ends_with(".csv") {
        for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
            let name = line.split([';', ',', '\t']).next().unwrap_or_default();
            add(name.trim_matches('"').to_owned(), line.to_owned());
        }
        return entries;
    }
    // What is no TOML is one entry: that it differs can still be said.
    let Ok(root) = text.parse::<Table>() else {
        add("?".to_owned(), text.to_owned());
        return entries;
    };
    for (key, value) in &root {
        match value {
            Value::Array(values) => {
                for value in values {
                    add(name_of(value).unwrap_or_else(|| key.clone()), format!("{value:?}"));
                }
            }
            other => add(key.clone(), format!("{other:?}")),
        }
    }
    entries
}

fn name_of(value: &Value) -> Option<String> {
    NAMES.iter().find_map(|key| value.get(key)?.as_str()).map(str::to_owned)
}
