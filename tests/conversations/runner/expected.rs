//! Whether what came is what a script expects.

use serde_json::Value;

use super::{script::Channel, setup::words, world::masked};

/// A line as a script writes it.
pub fn shown(channel: Channel, text: &str) -> String {
    let mark = match channel {
        Channel::Client => "S",
        Channel::NextHop => "R",
        Channel::Content => return format!("R. {text}"),
        Channel::Scanner => "V",
        Channel::Quarantine => return format!("Q= {text}"),
        Channel::Record => return format!("= {text}"),
    };
    match text.strip_prefix('!') {
        Some(deed) => format!("{mark}!{deed}"),
        None => format!("{mark}: {text}"),
    }
}

/// Whether `text` is as the pattern says, in which `*` is anything.
pub fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((front, rest)) => text.strip_prefix(front).is_some_and(|behind| {
            behind.char_indices().map(|(at, _)| at).chain([behind.len()]).any(|at| fits(rest, &behind[at..]))
        }),
    }
}

/// `key=pattern …` against facts. A key is a path (`recipients.0.fate`), `fates` is those of all recipients, `cause` its name.
pub fn facts_fit(text: &str, facts: &Value) -> Result<(), String> {
    for word in words(text) {
        let (key, pattern) = word.split_once('=').ok_or(format!("\n  {word}: KEY=VALUE"))?;
        let pointer = match key {
            "cause" => "/cause/cause".to_owned(),
            "fates" => "/recipients".to_owned(),
            _ => format!("/{}", key.replace('.', "/")),
        };
        let value = facts.pointer(&pointer).ok_or(format!("\n  there is no {key}"))?;
        let is = match value {
            Value::String(text) => masked(text),
            Value::Array(all) => {
                let one = |value: &Value| match value {
                    Value::Object(facts) => ["fate", "rule", "verdict"]
                        .iter()
                        .find_map(|key| facts.get(*key)?.as_str())
                        .unwrap_or_default()
                        .to_owned(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                all.iter().map(one).collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        if !fits(pattern, &is) {
            return Err(format!("\n  {key} is {is:?}, not {pattern:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::setup::duration, *};

    #[test]
    fn patterns() {
        assert!(fits("a*c*", "abcd") && fits("*", "") && fits("a", "a"));
        assert!(!fits("a", "ab") && !fits("a*c", "abcd") && !fits("b*", "ab"));
        assert_eq!(duration("5 min").unwrap().as_secs(), 300);
    }
}
