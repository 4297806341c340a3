//! A difference in words, or as JSON objects one a line.

use std::fmt::Write as _;

use serde_json::json;

use super::{Difference, RuleChange, examples::Decided, keys::KeyChange, lists::ListChange};
use crate::{
    cli::{
        escape::escape,
        rendering::{Rendering, Style, json_line},
    },
    language::Text,
    record::replay::Effect,
    text,
};

/// Names of a list that are told; the others are counted.
const NAMES: usize = 20;

/// Exit code 1 when anything differs, as `diff` has it.
pub fn shown(difference: &Difference, style: &Style) -> Rendering {
    let text = if style.json { as_json(difference) } else { as_text(difference, style) };
    Rendering { text, exit_code: u8::from(!difference.is_empty()) }
}

fn as_text(difference: &Difference, style: &Style) -> String {
    if difference.is_empty() {
        return style.say(&text!("nothing differs\n", "nada difere\n")).to_owned();
    }
    let mut out = String::new();
    for (id, change) in &difference.rules {
        // A write to a String cannot fail.
        let _ = match change {
            RuleChange::Added => writeln!(out, "+ {}", escape(id)),
            RuleChange::Removed => writeln!(out, "- {}", escape(id)),
            RuleChange::Changed(_) => writeln!(out, "~ {}", escape(id)),
        };
        if let RuleChange::Changed(keys) = change {
            for key in keys {
                let _ = writeln!(out, "    {}", escape(&key_as_text(key)));
            }
        }
    }
    if !difference.decided.is_empty() {
        let count = difference.decided.len();
        let head = text!("examples that are decided otherwise: {count}", "exemplos decididos de outro modo: {count}");
        let _ = writeln!(out, "\n{}", style.say(&head));
        for decided in &difference.decided {
            let _ = writeln!(out, "    {}", escape(style.say(&decided_as_text(decided))));
        }
    }
    for pair in &difference.reordered {
        let (first, second, subject) = (&pair.first, &pair.second, &pair.subject);
        let line = text!(
            "order: {first} stands before {second} now, and both find “{subject}”",
            "ordem: {first} agora vem antes de {second}, e as duas acham “{subject}”"
        );
        let _ = writeln!(out, "{}", escape(style.say(&line)));
    }
    for list in &difference.lists {
        out.push_str(&list_as_text(list, style));
    }
    out
}

fn key_as_text(change: &KeyChange) -> String {
    let KeyChange { key, removed, added, is_list } = change;
    if *is_list {
        let signed = |sign: &'static str| move |text: &String| format!("{sign} {text}");
        let parts: Vec<String> = removed.iter().map(signed("−")).chain(added.iter().map(signed("+"))).collect();
        return format!("{key}: {}", parts.join(", "));
    }
    let or_none = |texts: &[String]| texts.first().cloned().unwrap_or_else(|| "—".to_owned());
    format!("{key}: {} → {}", or_none(removed), or_none(added))
}

fn decided_as_text(decided: &Decided) -> Text {
    let side = |(effect, rule): &(Effect, Option<String>)| match rule {
        Some(rule) => {
            let Text { en, pt } = effect_as_text(*effect);
            text!("{en} ({rule})", "{pt} ({rule})")
        }
        None => text!("no rule", "nenhuma regra"),
    };
    let (old, new, subject) = (side(&decided.old), side(&decided.new), &decided.subject);
    Text {
        en: format!("“{subject}”: {} → {}", old.en, new.en), pt: format!("“{subject}”: {} → {}", old.pt, new.pt)
    }
}

fn effect_as_text(effect: Effect) -> Text {
    match effect {
        Effect::Relayed => text!("relayed", "entregue"),
        Effect::Tagged => text!("tagged", "marcada"),
        Effect::Held => text!("held", "retida"),
        Effect::Refused => text!("refused", "recusada"),
    }
}

fn list_as_text(list: &ListChange, style: &Style) -> String {
    let file = &list.file;
    let (added, removed, changed) = (list.added.len(), list.removed.len(), list.changed.len());
    let head = text!(
        "{file}: {added} new, {removed} gone, {changed} changed",
        "{file}: {added} novas, {removed} retiradas, {changed} alteradas"
    );
    let mut out = format!("{}\n", style.say(&head));
    for (sign, names) in [("+", &list.added), ("-", &list.removed), ("~", &list.changed)] {
        for name in names.iter().take(NAMES) {
            let _ = writeln!(out, "    {sign} {}", escape(name));
        }
        if names.len() > NAMES {
            let _ = writeln!(out, "    {sign} …");
        }
    }
    out
}

fn as_json(difference: &Difference) -> String {
    let mut out = String::new();
    for (id, change) in &difference.rules {
        let (word, keys) = match change {
            RuleChange::Added => ("added", Vec::new()),
            RuleChange::Removed => ("removed", Vec::new()),
            RuleChange::Changed(keys) => ("changed", keys.iter().map(key_as_json).collect()),
        };
        out.push_str(&json_line(&json!({ "kind": "rule", "rule": id, "change": word, "keys": keys })));
    }
    let effect = |(effect, rule): &(Effect, Option<String>)| json!({ "effect": effect.name(), "rule": rule });
    for Decided { subject, old, new } in &difference.decided {
        let (old, new) = (effect(old), effect(new));
        out.push_str(&json_line(&json!({ "kind": "example", "subject": subject, "old": old, "new": new })));
    }
    for pair in &difference.reordered {
        out.push_str(&json_line(
            &json!({ "kind": "order", "first": pair.first, "second": pair.second, "subject": pair.subject }),
        ));
    }
    for list in &difference.lists {
        out.push_str(&json_line(&json!({
            "kind": "list", "file": list.file, "added": list.added, "removed": list.removed, "changed": list.changed,
        })));
    }
    out + &json_line(&json!({
        "kind": "summary", "rules": difference.rules.len(), "examples": difference.decided.len(),
        "order": difference.reordered.len(), "lists": difference.lists.len(),
    }))
}

fn key_as_json(change: &KeyChange) -> serde_json::Value {
    json!({ "key": change.key, "removed": change.removed, "added": change.added, "list": change.is_list })
}
