//! `portaria mailbox block | unblock | list | history`: the list of blocked mailboxes (clause 9.2.31), changed and read.
//!
//! | what | file |
//! |---|---|
//! | entries in the document: written, replaced, taken out | `file` |
//! | the change in force, and what is said about it | `force` |
//! | entries in words, as a table, as JSON | `shown` |
//! | who did what to a mailbox, and what stands now | `history` |
//! | what can be typed | `typed` |
//!
//! A change goes: lock, read, change, check as a reload would, audit trail, file, gateway. Whoever edits the file by hand loses nothing by it.

mod file;
mod force;
mod history;
mod shown;
mod typed;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(super) use self::typed::{command, dispatch};
use self::{file::Around, force::Change, shown::State};
use super::{
    Common, Exit,
    actor::{self, actor, answers},
    edit_file::{EditFault, edit},
    escape::escape,
    rendering::Style,
    show,
    when::{Edge, instant},
};
use crate::{
    config::{self, Settings},
    document::Faults,
    door::gateway::now,
    language::Text,
    policy::{
        blocked_mailbox::{Block, BlockedMailboxes, Direction},
        directory::{Directory, MailboxKey},
        entry::Period,
    },
    record::{
        audit::{Action, Actor, Event},
        unix_millis,
    },
    text,
};

/// What is to be blocked.
pub struct Wanted {
    pub mailbox: String,
    pub direction: Direction,
    pub reason: String,
    pub ticket: String,
    pub by: Option<String>,
    pub from: Option<String>,
    pub until: Option<String>,
    pub replace: bool,
}

/// What is no longer to be.
pub struct Unwanted {
    pub mailbox: String,
    pub direction: Direction,
    pub reason: String,
    pub ticket: String,
    pub by: Option<String>,
}

/// What every change needs.
struct Ground {
    settings: Settings,
    directory: Directory,
    list: PathBuf,
}

impl Ground {
    /// Or what stands in the way, which is told.
    fn new(common: &mut Common) -> Option<Self> {
        let settings = common.settings()?;
        let (directory, faults) = config::load_directory(&settings);
        eprint!("{}", faults.render(common.language));
        if faults.has_errors() {
            return None;
        }
        let list = settings.gateway.rules_dir.join(config::MAILBOXES);
        Some(Self { settings, directory, list })
    }

    /// The mailboxes that somebody means. What is no mailbox of ours is the checker's to say, with the place.
    fn meant(&self, written: &str) -> Vec<MailboxKey> {
        self.directory.mailboxes_written(written).unwrap_or_default()
    }

    fn read(&self, file: &Path, text: &str) -> (BlockedMailboxes, Faults) {
        BlockedMailboxes::read(file, text, &self.directory, now().wall)
    }

    /// The list as it stands in the file.
    fn written(&self) -> Result<BlockedMailboxes, EditFault> {
        let text = super::edit_file::source(&self.list)?;
        let (list, faults) = self.read(&self.list, &text);
        if faults.has_errors() { Err(EditFault::Faulty(faults)) } else { Ok(list) }
    }
}

pub fn block(common: &mut Common, wanted: Wanted) -> Exit {
    let began = now().monotonic;
    let Some(ground) = Ground::new(common) else { return Exit::Faults };
    let zone = ground.settings.gateway.timezone.clone();
    let at = now().wall;
    let time =
        |written: &Option<String>, edge| written.as_ref().map(|written| instant(written, edge, at, &zone)).transpose();
    let period = match (time(&wanted.from, Edge::From), time(&wanted.until, Edge::Until)) {
        (Ok(starts), Ok(expires)) => Period { starts, expires },
        (Err(what), _) | (_, Err(what)) => return usage(common, &what),
    };
    let actor = actor(wanted.by);
    let meant = ground.meant(&wanted.mailbox);
    let entry = Block {
        written: wanted.mailbox,
        mailboxes: meant,
        direction: wanted.direction,
        reason: wanted.reason,
        ticket: wanted.ticket,
        by: answers(&actor),
        period,
    };
    if period.expires.is_some_and(|expires| expires <= at) {
        return usage(common, &text!("`--until` is over already", "`--until` já passou"));
    }
    if let Some(why) = unknown(&ground.directory, &entry) {
        return refused(common, &EditFault::Refused(why));
    }
    let action = |gone: &Vec<Block>| {
        let mut detail = file::detail(&entry, &zone);
        if !gone.is_empty() {
            let tickets: Vec<&str> = gone.iter().map(|block| block.ticket.as_str()).collect();
            detail.push(("replaces", tickets.join(", ")));
        }
        event(Action::MailboxBlocked, &entry.written, detail, actor.clone())
    };
    let changed = change(&ground, &entry.mailboxes, action, |document, around| {
        file::block(document, around, &entry, wanted.replace)
    });
    match changed {
        Err(fault) => refused(common, &fault),
        Ok((_, warnings)) => {
            let change = Change::Blocked(&entry);
            force::put(common, &ground, &change, &warnings, began)
        }
    }
}

pub fn unblock(common: &mut Common, unwanted: Unwanted) -> Exit {
    let began = now().monotonic;
    let Some(ground) = Ground::new(common) else { return Exit::Faults };
    let meant = ground.meant(&unwanted.mailbox);
    if meant.is_empty() {
        let written = escape(&unwanted.mailbox);
        let why =
            text!("{written} is no mailbox of a domain that is served", "{written} não é caixa de um domínio atendido");
        return refused(common, &EditFault::Refused(why));
    }
    if unwanted.reason.trim().is_empty() || unwanted.ticket.trim().is_empty() {
        return usage(common, &text!("reason and ticket are to say something", "motivo e chamado precisam dizer algo"));
    }
    let actor = actor(unwanted.by);
    let action = |gone: &Vec<Block>| {
        let keys: Vec<&str> = meant.iter().map(|key| key.0.as_str()).collect();
        let tickets: Vec<&str> = gone.iter().map(|block| block.ticket.as_str()).collect();
        let detail = vec![
            ("direction", unwanted.direction.name().to_owned()),
            ("mailboxes", keys.join(", ")),
            ("reason", unwanted.reason.clone()),
            ("ticket", unwanted.ticket.clone()),
            ("blocked_by", tickets.join(", ")),
        ];
        event(Action::MailboxUnblocked, &unwanted.mailbox, detail, actor.clone())
    };
    let changed =
        change(&ground, &meant, action, |document, around| file::unblock(document, around, unwanted.direction));
    match changed {
        Err(fault) => refused(common, &fault),
        Ok((_, warnings)) => {
            let change = Change::Unblocked(&meant, unwanted.direction);
            force::put(common, &ground, &change, &warnings, began)
        }
    }
}

/// Changes the list, with its entry in the trail.
fn change(
    ground: &Ground,
    meant: &[MailboxKey],
    event: impl FnOnce(&Vec<Block>) -> Event,
    change: impl FnOnce(&mut toml_edit::DocumentMut, &Around<'_>) -> Result<Vec<Block>, Text>,
) -> Result<(Vec<Block>, Faults), EditFault> {
    let trail = actor::trail(&ground.settings).map_err(EditFault::Refused)?;
    edit(
        &ground.list,
        &trail,
        |document| {
            let (list, faults) = ground.read(&ground.list, &document.to_string());
            // Entries that could not be read would not be found; the check behind this says what is wrong with them.
            if faults.has_errors() {
                return Ok(Vec::new());
            }
            let zone = &ground.settings.gateway.timezone;
            change(document, &Around { list: &list, meant, now: now().wall, zone })
        },
        |file, text| ground.read(file, text).1,
        event,
    )
}

/// A mailbox that the directory would have to list, and does not. A slip of a letter would block nobody, and look as if it had.
fn unknown(directory: &Directory, entry: &Block) -> Option<Text> {
    let name = escape(&entry.written);
    directory.is_nobodys(&entry.mailboxes).then(|| {
        text!(
            "{name} is nobody's in the directory: `portaria directory lookup` finds names and addresses",
            "{name} não é de ninguém no diretório: `portaria directory lookup` encontra nomes e endereços"
        )
    })
}

fn event(action: Action, object: &str, detail: Vec<(&'static str, String)>, actor: Actor) -> Event {
    let detail = detail.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Event { at: unix_millis(now().wall), actor, action, object: object.to_owned(), detail }
}

/// Entries of the file. `at`: as typed, else now. `all`: those that are over, too.
pub fn list(common: &mut Common, at: Option<&str>, all: bool) -> Exit {
    let Some(ground) = Ground::new(common) else { return Exit::Faults };
    let style = style(common, &ground);
    let at = match at.map(|at| instant(at, Edge::From, now().wall, &style.time_zone)).transpose() {
        Ok(at) => at.unwrap_or(now().wall),
        Err(what) => return usage(common, &what),
    };
    match ground.written() {
        Err(fault) => refused(common, &fault),
        Ok(list) => {
            let shown = |block: &Block| all || State::of(block, at) != State::Over;
            let blocks: Vec<Block> = list.entries().filter(shown).collect();
            let blocks: Vec<&Block> = blocks.iter().collect();
            show(&shown::entries(&blocks, &ground.directory, at, &style), 0)
        }
    }
}

fn style(common: &Common, ground: &Ground) -> Style {
    let time_zone = ground.settings.gateway.timezone.clone();
    Style { json: common.json, language: common.language, time_zone }
}

fn usage(common: &Common, what: &Text) -> Exit {
    eprintln!("{}", what.in_language(common.language));
    Exit::Usage
}

/// Nothing was changed.
fn refused(common: &Common, fault: &EditFault) -> Exit {
    eprint!("{}", fault.told(common.language));
    Exit::Faults
}
