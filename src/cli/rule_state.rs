//! Which rule set is in force, since when and by what, and how the files on the disk differ: for `portaria status`.
//!
//! In: what the gateway answered. Out: lines.

use serde_json::Value;

use super::{escape::escape, rendering::Style, status::field};
use crate::{language::Text, text};

/// Files that are named; the others are counted.
const NAMED: usize = 5;

/// One line for what is in force, one for the disk if it is otherwise, one if the history cannot be written.
pub(super) fn shown(answer: &Value, style: &Style) -> String {
    let lines = [in_force(field(answer, "rules_in_force"), style), on_disk(field(answer, "rules_on_disk"))];
    let history = field(answer, "history_fault").as_str().map(|fault| {
        let fault = escape(fault);
        text!(
            "the rules' history cannot be written, and this set is not kept: {fault}",
            "o histórico das regras não pode ser gravado, e este conjunto não foi guardado: {fault}"
        )
    });
    lines.into_iter().chain([history]).flatten().map(|line| style.say(&line).to_owned() + "\n").collect()
}

fn in_force(set: &Value, style: &Style) -> Option<Text> {
    let since = style.time(field(set, "since").as_i64()?);
    let by = field(set, "by").as_str()?;
    let (en, pt) = match by {
        "start" => ("the start", "início"),
        "signal" => ("SIGHUP", "SIGHUP"),
        "command" => ("a command", "um comando"),
        "folder" => ("a change of the files", "mudança nos arquivos"),
        "rollback" => ("a rollback", "uma volta (rollback)"),
        _ => ("?", "?"),
    };
    let number = field(set, "number").as_u64().map_or_else(|| "–".to_owned(), |number| number.to_string());
    Some(text!(
        "in force since {since}, by {en} (number {number} of `portaria rules history`)",
        "em vigor desde {since}, por {pt} (número {number} em `portaria rules history`)"
    ))
}

fn on_disk(disk: &Value) -> Option<Text> {
    if let Some(fault) = field(disk, "fault").as_str() {
        let fault = escape(fault);
        return Some(text!(
            "the files on the disk cannot be read: {fault}",
            "os arquivos no disco não podem ser lidos: {fault}"
        ));
    }
    let changes = field(disk, "changes").as_array().filter(|changes| !changes.is_empty())?;
    let sign = |change: &Value| match field(change, "change").as_str() {
        Some("added") => '+',
        Some("removed") => '-',
        _ => '~',
    };
    let name = |change: &Value| format!("{}{}", sign(change), escape(field(change, "file").as_str().unwrap_or("?")));
    let mut named: Vec<String> = changes.iter().take(NAMED).map(name).collect();
    if changes.len() > NAMED {
        named.push("…".to_owned());
    }
    let named = named.join(", ");
    Some(text!("NOT in force, on the disk: {named}", "NÃO em vigor, no disco: {named}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::language::Language;

    fn shown_in(language: Language, answer: &Value) -> String {
        shown(answer, &Style { json: false, language, time_zone: jiff::tz::TimeZone::UTC })
    }

    #[test]
    fn what_is_in_force_and_what_is_not_is_told() {
        let set = json!({ "number": 7, "version": "1a2b", "since": 0, "by": "folder", "files": 3 });
        let same = json!({ "rules_in_force": set, "rules_on_disk": { "changes": [] } });
        assert_eq!(
            shown_in(Language::En, &same),
            "in force since 1970-01-01 00:00:00, by a change of the files (number 7 of `portaria rules history`)\n"
        );
        let change = |file: &str, change: &str| json!({ "file": file, "change": change });
        let changes = [change("a\u{1b}.toml", "added"), change("b.toml", "changed"), change("c.toml", "removed")];
        let otherwise = json!({ "rules_in_force": { "number": null, "since": 0, "by": "start" },
                                "rules_on_disk": { "changes": changes }, "history_fault": "full\n" });
        assert_eq!(
            shown_in(Language::PtBr, &otherwise),
            "em vigor desde 1970-01-01 00:00:00, por início (número – em `portaria rules history`)\n\
             NÃO em vigor, no disco: +a\\u{1b}.toml, ~b.toml, -c.toml\n\
             o histórico das regras não pode ser gravado, e este conjunto não foi guardado: full\\u{a}\n"
        );
        let many: Vec<_> = (0..9).map(|nth| change(&nth.to_string(), "added")).collect();
        let told = shown_in(Language::En, &json!({ "rules_on_disk": { "changes": many } }));
        assert_eq!(told, "NOT in force, on the disk: +0, +1, +2, +3, +4, …\n");
        let gone = json!({ "rules_in_force": null, "rules_on_disk": { "fault": "/r: gone" } });
        assert_eq!(shown_in(Language::En, &gone), "the files on the disk cannot be read: /r: gone\n");
        assert_eq!(shown_in(Language::En, &json!({})), "", "a gateway of before");
    }
}
