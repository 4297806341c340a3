//! Entries of the list, in words, as a table and as JSON.

use std::time::SystemTime;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::{
    cli::{
        escape::{escape, fit, width},
        rendering::{Style, json_line},
        table::Table,
        when::written,
    },
    language::Text,
    policy::{
        blocked_mailbox::{Block, Direction},
        directory::{Directory, MailboxKey},
    },
    record::unix_millis,
    text,
};

/// Columns of a reason in a table; `--json` has all of it.
const REASON: usize = 60;

/// Where an entry stands at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It acts.
    InForce,
    /// It begins later.
    ToCome,
    /// It has ended.
    Over,
}

impl State {
    /// Of this entry at this time.
    pub fn of(block: &Block, at: SystemTime) -> Self {
        if block.period.is_over(at) {
            Self::Over
        } else if block.in_force(at) {
            Self::InForce
        } else {
            Self::ToCome
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::ToCome => "to_come",
            Self::Over => "over",
        }
    }

    fn told(self) -> Text {
        match self {
            Self::InForce => text!("in force", "em vigor"),
            Self::ToCome => text!("to come", "futuro"),
            Self::Over => text!("over", "encerrado"),
        }
    }
}

fn direction(direction: Direction) -> Text {
    match direction {
        Direction::Receive => text!("receive", "receber"),
        Direction::Send => text!("send", "enviar"),
        Direction::Both => text!("both", "ambos"),
    }
}

/// One entry as a sentence.
pub fn in_words(block: &Block, zone: &TimeZone) -> Text {
    let Text { en, pt } = direction(block.direction);
    let [name, reason, ticket, by] = [&block.written, &block.reason, &block.ticket, &block.by].map(|text| escape(text));
    let [starts, expires] = [block.period.starts, block.period.expires].map(|at| at.map(|at| written(at, zone)));
    let period = match (starts, expires) {
        (None, None) => text!("no end", "sem fim"),
        (Some(starts), None) => text!("from {starts}, no end", "desde {starts}, sem fim"),
        (None, Some(expires)) => text!("until {expires}", "até {expires}"),
        (Some(starts), Some(expires)) => text!("from {starts} until {expires}", "de {starts} até {expires}"),
    };
    let Text { en: period_en, pt: period_pt } = period;
    text!(
        "{name} ({en}), {period_en}: {reason} ({ticket}, {by})",
        "{name} ({pt}), {period_pt}: {reason} ({ticket}, {by})"
    )
}

/// Every address that an entry covers: with a directory all that it lists for the mailbox, without one the local part under every name
/// of its domain. Sub-addresses and other spellings are covered besides.
pub fn addresses(block: &Block, directory: &Directory) -> Vec<String> {
    let of = |key: &MailboxKey| -> Vec<String> {
        if let Some(entry) = directory.entry_of(key) {
            return entry.addresses.iter().map(ToString::to_string).collect();
        }
        // Where the directory lists a domain, a bare local part that is nobody's there covers nobody.
        if !directory.may_exist(key) {
            return Vec::new();
        }
        let Some(domain) = directory.domain_named(key.domain()) else { return vec![key.0.clone()] };
        let local = key.local_part();
        std::iter::once(&domain.name).chain(&domain.aliases).map(|name| format!("{local}@{name}")).collect()
    };
    block.mailboxes.iter().flat_map(of).collect()
}

/// Entries for people or for scripts, each with where it stands at `at`.
pub fn entries(blocks: &[&Block], directory: &Directory, at: SystemTime, style: &Style) -> String {
    if style.json {
        return blocks.iter().map(|block| json_line(&as_json(block, directory, at, style))).collect();
    }
    if blocks.is_empty() {
        return style.say(&text!("no mailbox is blocked", "nenhuma caixa bloqueada")).to_owned() + "\n";
    }
    let say = |text: Text| style.say(&text).to_owned();
    let mut table = Table::new([
        say(text!("state", "estado")),
        say(text!("mailbox", "caixa")),
        say(text!("blocked to", "não pode")),
        say(text!("from", "desde")),
        say(text!("until", "até")),
        say(text!("ticket", "chamado")),
        say(text!("by", "por")),
        say(text!("reason", "motivo")),
        say(text!("addresses", "endereços")),
    ]);
    for block in blocks {
        let time = |at: Option<SystemTime>| at.map(|at| style.time(unix_millis(at))).unwrap_or_default();
        let reason = escape(&block.reason);
        table.row([
            say(State::of(block, at).told()),
            escape(&block.written),
            say(direction(block.direction)),
            time(block.period.starts),
            time(block.period.expires),
            escape(&block.ticket),
            escape(&block.by),
            if width(&reason) > REASON { fit(&reason, REASON).trim_end().to_owned() } else { reason },
            escape(&addresses(block, directory).join(" ")),
        ]);
    }
    table.render()
}

fn as_json(block: &Block, directory: &Directory, at: SystemTime, style: &Style) -> Value {
    let time = |at: Option<SystemTime>| at.map(|at| style.rfc3339(unix_millis(at)));
    json!({
        "kind": "entry",
        "mailbox": block.written,
        "state": State::of(block, at).name(),
        "direction": block.direction.name(),
        "reason": block.reason,
        "ticket": block.ticket,
        "by": block.by,
        "starts": time(block.period.starts),
        "expires": time(block.period.expires),
        "mailboxes": block.mailboxes.iter().map(|key| key.0.as_str()).collect::<Vec<_>>(),
        "addresses": addresses(block, directory),
    })
}
