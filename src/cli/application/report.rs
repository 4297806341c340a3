//! Who sent what where: messages and recipients of each application, inside and on the internet (clauses 8.1.5 and 9.1).

use std::collections::BTreeMap;

use serde_json::json;

use super::super::{
    escape::escape,
    rendering::{Rendering, Style, json_line},
    table::Table,
};
use crate::{
    language::Text,
    record::{Ending, Fate, Record},
    text,
};

/// Addresses on the internet that are told one by one; further ones are summed.
const ADDRESSES: usize = 100_000;

/// One application on one day, in local time.
#[derive(Debug, Default)]
struct Day {
    messages: u64,
    /// Relayed or held.
    taken: u64,
    refused: u64,
    deferred: u64,
    /// On trial: what would have been taken.
    would_be_taken: u64,
    /// Recipients of what was taken.
    internal: u64,
    /// The same, not in a domain of ours.
    internet: u64,
    addresses: BTreeMap<String, u64>,
}

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By application and day.
    days: BTreeMap<(String, String), Day>,
    addresses: usize,
}

impl Tally {
    pub(super) fn add(&mut self, record: &Record, style: &Style) {
        let Some(application) = &record.application else { return };
        let date: String = style.rfc3339(record.began).chars().take(10).collect();
        let day = self.days.entry((application.id.clone(), date)).or_default();
        day.messages += 1;
        let taken =
            |ending| matches!(ending, Ending::Relayed | Ending::Held | Ending::RelayedAndHeld | Ending::Unknown);
        day.taken += u64::from(taken(record.ending));
        day.refused += u64::from(record.ending == Ending::Refused);
        day.deferred += u64::from(record.ending == Ending::Deferred);
        day.would_be_taken += u64::from(application.would_be.as_ref().is_some_and(|would_be| taken(would_be.ending)));
        for recipient in &record.recipients {
            if !matches!(recipient.fate, Fate::Relayed | Fate::Held | Fate::Unknown) {
                continue;
            }
            if recipient.mailbox.is_some() {
                day.internal += 1;
                continue;
            }
            day.internet += 1;
            let known = day.addresses.contains_key(&recipient.address);
            let address = if known || self.addresses < ADDRESSES { recipient.address.as_str() } else { "…" };
            self.addresses += usize::from(!day.addresses.contains_key(address));
            *day.addresses.entry(address.to_owned()).or_default() += 1;
        }
    }

    pub(super) fn render(&self, days: u32, style: &Style) -> Rendering {
        if style.json {
            return Rendering::done(self.days.iter().map(|(key, day)| json_line(&as_json(key, day))).collect());
        }
        if self.days.is_empty() {
            let none =
                text!("no application sent anything in {days} days", "nenhuma aplicação enviou nada em {days} dias");
            return Rendering::done(style.say(&none).to_owned() + "\n");
        }
        let mut out = self.summary(style);
        if self.addresses > 0 {
            out.push('\n');
            out.push_str(&self.internet(style));
        }
        Rendering::done(out)
    }

    fn summary(&self, style: &Style) -> String {
        let heading = |text: Text| style.say(&text).to_owned();
        let mut table = Table::new([
            heading(text!("application", "aplicação")),
            heading(text!("day", "dia")),
            heading(text!("messages", "mensagens")),
            heading(text!("taken", "aceitas")),
            heading(text!("refused", "recusadas")),
            heading(text!("deferred", "adiadas")),
            heading(text!("would be taken", "seriam aceitas")),
            heading(text!("to internal", "a internos")),
            heading(text!("to the internet", "à internet")),
        ]);
        for ((application, date), day) in &self.days {
            let numbers =
                [day.messages, day.taken, day.refused, day.deferred, day.would_be_taken, day.internal, day.internet];
            let cells = [escape(application), date.clone()].into_iter();
            table.row(cells.chain(numbers.map(|number| number.to_string())));
        }
        table.render()
    }

    fn internet(&self, style: &Style) -> String {
        let heading = |text: Text| style.say(&text).to_owned();
        let mut table = Table::new([
            heading(text!("application", "aplicação")),
            heading(text!("day", "dia")),
            heading(text!("recipient on the internet", "destinatário na internet")),
            heading(text!("messages", "mensagens")),
        ]);
        for ((application, date), day) in &self.days {
            for (address, count) in &day.addresses {
                table.row([escape(application), date.clone(), escape(address), count.to_string()]);
            }
        }
        table.render()
    }
}

fn as_json((application, date): &(String, String), day: &Day) -> serde_json::Value {
    json!({
        "application": application,
        "day": date,
        "messages": day.messages,
        "taken": day.taken,
        "refused": day.refused,
        "deferred": day.deferred,
        "would_be_taken": day.would_be_taken,
        "internal": day.internal,
        "internet": day.internet,
        "internet_recipients": day.addresses,
    })
}
