//! `portaria explain ID`: what happened to one message and why, in plain words and in order. A record in, text or JSON out.
//!
//! | what is told | file |
//! |---|---|
//! | who came, MAIL, each RCPT and what became of it | `envelope` |
//! | the content, and what the rules found | `content` |
//! | scanners, the next hop, the end and its cause | `ending` |

mod content;
mod ending;
mod envelope;

use super::rendering::{Rendering, Style, json_line};
use crate::{
    language::Text,
    record::{Item, Record},
};

/// The width of `2026-11-21 08:00:00.000` and two spaces.
const TIME: usize = 25;

/// The whole account; with the quarantine item, if there is one.
pub fn explain(record: &Record, item: Option<&Item>, style: &Style) -> Rendering {
    if style.json {
        return Rendering::done(json_line(record));
    }
    let mut account = Account { style, out: format!("{}\n\n", record.id), time: Some(record.began) };
    account.client(record);
    for recipient in &record.recipients {
        account.recipient(record, recipient);
    }
    account.content(record);
    account.rules(record);
    account.scanners(record);
    if let Some(next_hop) = &record.next_hop {
        account.next_hop(next_hop);
    }
    account.time = Some(record.ended);
    account.end(record, item);
    Rendering::done(account.out)
}

/// Lines; the first after a time was set carries it.
struct Account<'a> {
    style: &'a Style,
    out: String,
    time: Option<i64>,
}

impl Account<'_> {
    /// One line; everything in it that came from outside is escaped already.
    fn say(&mut self, depth: usize, text: &Text) {
        let line = self.style.say(text).to_owned();
        self.line(depth, &line);
    }

    fn line(&mut self, depth: usize, line: &str) {
        let time = self.time.take().map(|at| self.style.time_to_the_millisecond(at)).unwrap_or_default();
        self.out += &format!("{time:TIME$}{}{line}\n", "  ".repeat(depth));
    }
}

#[cfg(test)]
mod tests;
