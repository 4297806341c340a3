//! JSON, an object a line: the statement in the first, then the records as `portaria explain --json` has them.

use super::Statement;
use crate::cli::{rendering::json_line, track::query::Found};

pub(super) fn statement(statement: &Statement) -> String {
    let all: serde_json::Map<_, _> =
        statement.0.iter().map(|(name, _, value)| ((*name).to_owned(), value.as_str().into())).collect();
    json_line(&serde_json::json!({ "statement": all }))
}

pub(super) fn records(found: &Found) -> String {
    found.records.iter().map(json_line).collect()
}
