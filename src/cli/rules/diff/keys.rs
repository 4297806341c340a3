//! A rule as written against itself as it is written now: which keys say something else.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// A key whose value differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// As in the file, with its table: `action.kind`, `match 2, any_words`.
    pub key: String,
    /// What it has no more; of a list the elements.
    pub removed: Vec<String>,
    /// What it has now.
    pub added: Vec<String>,
    /// Whether it is a list: then what did not change is not told.
    pub is_list: bool,
}

/// Every key that differs, in the order of their names.
pub fn difference(was: &Table, is: &Table) -> Vec<KeyChange> {
    let (mut was, mut is) = (was.clone(), is.clone());
    let mut changes = blocks(tables(was.remove("match")), tables(is.remove("match")));
    changes.extend(examples(tables(was.remove("example")), tables(is.remove("example"))));
    let mut all = by_key(&flat(&was, ""), &flat(&is, ""));
    all.append(&mut changes);
    all
}

fn by_key(was: &BTreeMap<String, Value>, is: &BTreeMap<String, Value>) -> Vec<KeyChange> {
    let mut keys: Vec<&String> = was.keys().chain(is.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let change = |key: &String| {
        let (was, is) = (was.get(key), is.get(key));
        let (old, new) = (texts(was), texts(is));
        let is_list = [was, is].into_iter().flatten().any(Value::is_array);
        let only_in = |one: &[String], other: &[String]| -> Vec<String> {
            one.iter().filter(|text| !other.contains(text)).cloned().collect()
        };
        let (removed, added) = (only_in(&old, &new), only_in(&new, &old));
        (!removed.is_empty() || !added.is_empty()).then(|| KeyChange { key: key.clone(), removed, added, is_list })
    };
    keys.into_iter().filter_map(change).collect()
}

/// Blocks that stand unchanged in both are left out, wherever they stand; the others are compared in their order.
fn blocks(was: Vec<Table>, is: Vec<Table>) -> Vec<KeyChange> {
    let kept = |one: &[Table], other: &[Table]| -> Vec<(usize, Table)> {
        let differing = one.iter().enumerate().filter(|(_, block)| !other.contains(block));
        differing.map(|(at, block)| (at + 1, block.clone())).collect()
    };
    let (old, new) = (kept(&was, &is), kept(&is, &was));
    let mut changes = Vec::new();
    for pair in 0..old.len().max(new.len()) {
        let (before, after) = (old.get(pair), new.get(pair));
        let Some((number, _)) = after.or(before) else { continue };
        let keys = |block: Option<&(usize, Table)>| block.map_or_else(BTreeMap::new, |(_, block)| flat(block, ""));
        for mut change in by_key(&keys(before), &keys(after)) {
            change.key = format!("match {number}, {}", change.key);
            changes.push(change);
        }
    }
    changes
}

fn examples(was: Vec<Table>, is: Vec<Table>) -> Option<KeyChange> {
    let only_in = |one: &[Table], other: &[Table]| -> Vec<String> {
        one.iter().filter(|example| !other.contains(example)).map(example).collect()
    };
    let (removed, added) = (only_in(&was, &is), only_in(&is, &was));
    let differs = !removed.is_empty() || !added.is_empty();
    differs.then(|| KeyChange { key: "example".to_owned(), removed, added, is_list: true })
}

/// `“subject” match (sender = a@example.com)`.
fn example(table: &Table) -> String {
    let text = |key: &str| table.get(key).map(one).unwrap_or_default();
    let more = ["sender", "recipient", "list", "client"].into_iter().filter(|key| table.contains_key(*key));
    let more: Vec<String> = more.map(|key| format!("{key} = {}", text(key))).collect();
    let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
    format!("“{}” {}{more}", text("subject"), text("expect"))
}

/// Keys with the names of their tables in front.
fn flat(table: &Table, front: &str) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => all.extend(flat(inner, &format!("{front}{key}."))),
            other => drop(all.insert(format!("{front}{key}"), other.clone())),
        }
    }
    all
}

fn tables(value: Option<Value>) -> Vec<Table> {
    let Some(Value::Array(values)) = value else { return Vec::new() };
    let table = |value| match value {
        Value::Table(table) => Some(table),
        _ => None,
    };
    values.into_iter().filter_map(table).collect()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(values)) => values.iter().map(one).collect(),
        other => other.map(one).into_iter().collect(),
    }
}

fn one(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Datetime(date) => date.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Array(_) | Value::Table(_) => "…".to_owned(),
    }
}
