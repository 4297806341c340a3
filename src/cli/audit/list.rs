//! Entries, those that are asked for, oldest first.

use std::time::SystemTime;

use crate::{
    audit::{Entry, Stored},
    cli::{
        Common, Exit,
        escape::{escape, fit, width},
        rendering::{Style, json_line},
        show,
        table::Table,
        when::{Edge, instant},
    },
    door::gateway::now,
    language::Text,
    record::unix_millis,
    text,
};

/// Columns of what else there is to know; `--json` has all of it.
const DETAIL: usize = 100;

/// Which entries.
#[derive(Debug, Default)]
pub struct Wanted {
    /// From this time on, as typed.
    pub since: Option<String>,
    /// Up to this time.
    pub until: Option<String>,
    /// Of this account or person.
    pub who: Option<String>,
    /// Of this word.
    pub action: Option<String>,
    /// About what has this in its name.
    pub object: Option<String>,
}

/// The same, understood.
struct Choice {
    since: Option<SystemTime>,
    until: Option<SystemTime>,
    wanted: Wanted,
}

impl Choice {
    fn takes(&self, entry: &Entry) -> bool {
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.to_lowercase() == found.to_lowercase())
        };
        let who = same(&self.wanted.who, &entry.account)
            || entry.person.as_ref().is_some_and(|person| same(&self.wanted.who, person));
        let about = |object: &String| entry.object.to_lowercase().contains(&object.to_lowercase());
        who && same(&self.wanted.action, &entry.action)
            && self.wanted.object.as_ref().is_none_or(about)
            && self.since.is_none_or(|since| unix_millis(since) <= entry.at)
            && self.until.is_none_or(|until| entry.at < unix_millis(until))
    }
}

pub fn list(common: &mut Common, mut wanted: Wanted) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let zone = &settings.gateway.timezone;
    let at =
        |written: Option<String>, edge| written.map(|written| instant(&written, edge, now().wall, zone)).transpose();
    let choice = match (at(wanted.since.take(), Edge::Since), at(wanted.until.take(), Edge::UpTo)) {
        (Ok(since), Ok(until)) => Choice { since, until, wanted },
        (Err(what), _) | (_, Err(what)) => {
            eprintln!("{}", what.in_language(common.language));
            return Exit::Usage;
        }
    };
    let style = super::style(common, &settings);
    let told = super::open(&settings)
        .and_then(|stored| listed(stored, &choice, &style).map_err(|fault| super::unreadable(&fault)));
    match told {
        Ok((text, flaws)) => {
            let exit = show(&text, u8::from(flaws > 0));
            if flaws > 0 {
                let what = text!(
                    "the trail is damaged in {flaws} places: `portaria audit verify` names them",
                    "a trilha está danificada em {flaws} lugares: `portaria audit verify` diz quais"
                );
                eprintln!("{}", what.in_language(common.language));
            }
            exit
        }
        Err(what) => {
            eprintln!("{}", escape(what.in_language(common.language)));
            Exit::Faults
        }
    }
}

/// The entries, and how many flaws were met on the way.
fn listed(mut stored: Stored, choice: &Choice, style: &Style) -> std::io::Result<(String, usize)> {
    let say = |text: Text| style.say(&text).to_owned();
    let mut table = Table::new([
        "#".to_owned(),
        say(text!("time", "hora")),
        say(text!("who", "quem")),
        say(text!("action", "ação")),
        say(text!("object", "objeto")),
        say(text!("detail", "detalhes")),
    ]);
    let (mut lines, mut any, mut flaws) = (String::new(), false, 0_usize);
    while let Some(step) = stored.next_step()? {
        flaws = flaws.saturating_add(step.flaws.len());
        let Some(entry) = step.entry.filter(|entry| choice.takes(entry)) else { continue };
        any = true;
        if style.json {
            lines.push_str(&json_line(&entry));
        } else {
            table.row(row(&entry, step.flaws.is_empty(), style));
        }
    }
    flaws = flaws.saturating_add(stored.finish().flaws.len());
    let text = match (style.json, any) {
        (true, _) => lines,
        (false, true) => table.render(),
        (false, false) => say(text!("no such entry", "nenhuma entrada assim")) + "\n",
    };
    Ok((text, flaws))
}

/// An entry that is not what was written is marked: what stands there may be anybody's.
fn row(entry: &Entry, is_sound: bool, style: &Style) -> [String; 6] {
    let who = match &entry.person {
        Some(person) if *person != entry.account => format!("{} ({})", escape(person), escape(&entry.account)),
        _ => escape(&entry.account),
    };
    let detail: Vec<String> =
        entry.detail.iter().map(|(key, value)| format!("{}={}", escape(key), escape(value))).collect();
    let detail = detail.join("; ");
    [
        if is_sound { entry.seq.to_string() } else { format!("{} !", entry.seq) },
        style.time(entry.at),
        who,
        escape(&entry.action),
        escape(&entry.object),
        if width(&detail) > DETAIL { fit(&detail, DETAIL) } else { detail },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::{Trail, tests::event},
        language::{Language, acts_or_hides},
    };

    fn shown(wanted: Wanted, since: Option<u64>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(folder.path()).unwrap();
        for object in ["fulano.tal", "sicrana", "x\u{1b}[2J\u{202e}"] {
            let mut event = event(object);
            event.at += if object == "sicrana" { 1000 } else { 0 };
            event.detail.insert("reason".to_owned(), "motivo \u{9b}1m ".repeat(40));
            trail.append(&event).unwrap();
        }
        let since = since.map(|since| SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(since));
        let style = Style { json: false, language: Language::En, time_zone: jiff::tz::TimeZone::UTC };
        let stored = Stored::open(folder.path()).unwrap().unwrap();
        let (text, flaws) = listed(stored, &Choice { since, until: None, wanted }, &style).unwrap();
        assert_eq!(flaws, 0);
        text
    }

    #[test]
    fn entries_are_chosen_and_do_nothing_to_a_terminal() {
        let all = shown(Wanted::default(), None);
        assert_eq!(all.lines().count(), 2 + 3, "{all}");
        assert_eq!(all.chars().find(|&c| c != '\n' && acts_or_hides(c)), None, "{all}");
        assert!(all.contains("1  2026-11-21 11:00:00  maria (root)  mailbox_blocked  fulano.tal "), "{all}");
        assert!(all.lines().all(|line| line.chars().count() < 220), "a long reason is cut: {all}");
        let some = |text: &str| Some(text.to_owned());
        for (wanted, count) in [
            (Wanted { who: some("Maria"), ..Wanted::default() }, 3),
            (Wanted { who: some("root"), ..Wanted::default() }, 3),
            (Wanted { who: some("mari"), ..Wanted::default() }, 0),
            (Wanted { action: some("mailbox_blocked"), ..Wanted::default() }, 3),
            (Wanted { action: some("released"), ..Wanted::default() }, 0),
            (Wanted { object: some("TAL"), ..Wanted::default() }, 1),
        ] {
            let text = shown(wanted, None);
            let rows = text.lines().count().saturating_sub(2);
            assert_eq!(rows, count, "{text}");
        }
        assert_eq!(shown(Wanted::default(), Some(1_795_258_800_001)).lines().count(), 2 + 1);
    }
}
