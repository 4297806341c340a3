//! `[[blocked]]` in the document: written, replaced, taken out. What stands elsewhere in the file is not touched.
//!
//! In: the document, the list that the checker read from it (same entries, same order), and what is wanted. Out: the document changed, and
//! which entries had to go; or a sentence that says why not. Whether the result would load is the checker's to say.

use std::time::SystemTime;

use jiff::tz::TimeZone;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::shown::in_words;
use crate::{
    cli::{
        escape::escape,
        when::{item, written},
    },
    language::Text,
    policy::{
        blocked_mailbox::{Block, BlockedMailboxes, Direction},
        directory::MailboxKey,
    },
    text,
};

const BLOCKED: &str = "blocked";

/// What the list is changed by.
#[derive(Debug)]
pub struct Around<'a> {
    /// What the file says so far.
    pub list: &'a BlockedMailboxes,
    /// The mailboxes that are meant.
    pub meant: &'a [MailboxKey],
    /// Now.
    pub now: SystemTime,
    /// Of `[gateway]`: in it dates are written.
    pub zone: &'a TimeZone,
}

impl Around<'_> {
    /// Entries that act on what is meant in this direction, now or later, with their places.
    fn acting(&self, direction: Direction) -> Vec<(usize, Block)> {
        let acts = |block: &Block| {
            !block.period.is_over(self.now)
                && block.direction.covers(direction)
                && block.mailboxes.iter().any(|key| self.meant.contains(key))
        };
        self.list.entries().enumerate().filter(|(_, block)| acts(block)).collect()
    }

    /// Taking such an entry out would unblock somebody else.
    fn covers_more(&self, block: &Block) -> Option<Text> {
        let others: Vec<&str> =
            block.mailboxes.iter().filter(|key| !self.meant.contains(key)).map(|key| key.0.as_str()).collect();
        if others.is_empty() {
            return None;
        }
        let (name, others) = (escape(&block.written), escape(&others.join(", ")));
        Some(text!(
            "the entry `{name}` also blocks {others}: name it as it is written, or edit the file",
            "a entrada `{name}` também bloqueia {others}: cite-a como está escrita, ou edite o arquivo"
        ))
    }
}

/// Adds an entry; `replace`: in the place of those that it overlaps, which are returned.
pub fn block(
    document: &mut DocumentMut,
    around: &Around<'_>,
    entry: &Block,
    replace: bool,
) -> Result<Vec<Block>, Text> {
    let acting: Vec<_> =
        around.acting(entry.direction).into_iter().filter(|(_, block)| block.period.overlaps(&entry.period)).collect();
    if !replace && !acting.is_empty() {
        let standing: Vec<Text> = acting.iter().map(|(_, block)| in_words(block, around.zone)).collect();
        let en: String = standing.iter().map(|text| format!("\n  {}", text.en)).collect();
        let pt: String = standing.iter().map(|text| format!("\n  {}", text.pt)).collect();
        let name = escape(&entry.written);
        return Err(text!(
            "{name} is blocked already:{en}\n`--replace` puts the new entry in its place",
            "{name} já está bloqueada:{pt}\n`--replace` põe a nova entrada no lugar"
        ));
    }
    if let Some(why) = acting.iter().find_map(|(_, block)| around.covers_more(block)) {
        return Err(why);
    }
    let gone: Vec<Block> = acting.iter().map(|(_, block)| block.clone()).collect();
    let mut places = acting.iter().map(|(place, _)| *place);
    let first = places.next();
    let others: Vec<usize> = places.collect();
    let tables = tables(document)?;
    match first.and_then(|place| tables.get_mut(place)) {
        Some(table) => fill(table, entry, around.zone)?,
        None => {
            let mut table = Table::new();
            fill(&mut table, entry, around.zone)?;
            if !tables.is_empty() {
                table.decor_mut().set_prefix("\n");
            }
            tables.push(table);
        }
    }
    take_out(document, &others)?;
    comments_stay_on_top(document);
    Ok(gone)
}

/// Takes out what blocks in `direction`; of an entry that blocks both, the other direction stays. Returns what stood there.
pub fn unblock(document: &mut DocumentMut, around: &Around<'_>, direction: Direction) -> Result<Vec<Block>, Text> {
    let acting = around.acting(direction);
    if acting.is_empty() {
        return Err(text!(
            "no entry in force or to come blocks it; `portaria mailbox list --all` shows all of them",
            "nenhuma entrada em vigor ou futura a bloqueia; `portaria mailbox list --all` mostra todas"
        ));
    }
    if let Some(why) = acting.iter().find_map(|(_, block)| around.covers_more(block)) {
        return Err(why);
    }
    let mut out = Vec::new();
    let tables = tables(document)?;
    for (place, block) in &acting {
        let stays = match (block.direction, direction) {
            (Direction::Both, Direction::Send) => Direction::Receive,
            (Direction::Both, Direction::Receive) => Direction::Send,
            _ => {
                out.push(*place);
                continue;
            }
        };
        if let Some(table) = tables.get_mut(*place) {
            set(table, "direction", value(stays.name()));
        }
    }
    take_out(document, &out)?;
    Ok(acting.into_iter().map(|(_, block)| block.clone()).collect())
}

fn fill(table: &mut Table, entry: &Block, zone: &TimeZone) -> Result<(), Text> {
    set(table, "mailbox", value(entry.written.as_str()));
    set(table, "direction", value(entry.direction.name()));
    set(table, "reason", value(entry.reason.as_str()));
    set(table, "ticket", value(entry.ticket.as_str()));
    set(table, "by", value(entry.by.as_str()));
    for (key, at) in [("starts", entry.period.starts), ("expires", entry.period.expires)] {
        match at {
            Some(at) => set(table, key, item(at, zone)?),
            None => drop(table.remove(key)),
        }
    }
    Ok(())
}

/// Puts the value where the old one stood, with the comment behind it.
fn set(table: &mut Table, key: &str, mut new: Item) {
    if let (Some(old), Some(new)) = (table.get(key).and_then(Item::as_value), new.as_value_mut()) {
        *new.decor_mut() = old.decor().clone();
    }
    table.insert(key, new);
}

/// `[[blocked]]`, made if there is none.
fn tables(document: &mut DocumentMut) -> Result<&mut ArrayOfTables, Text> {
    // Written as `blocked = []` it is the same; its key goes with it, or the space behind that would stand in the new heading.
    if document.get(BLOCKED).and_then(Item::as_array).is_some_and(toml_edit::Array::is_empty) {
        document.remove(BLOCKED);
    }
    let item = document.entry(BLOCKED).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    item.as_array_of_tables_mut().ok_or_else(|| {
        text!(
            "the file writes its entries as `blocked = [ … ]`: write each as [[blocked]] first",
            "o arquivo escreve as entradas como `blocked = [ … ]`: escreva antes cada uma como [[blocked]]"
        )
    })
}

/// A file of nothing but comments keeps them on top of its first entry.
fn comments_stay_on_top(document: &mut DocumentMut) {
    let comments = document.trailing().as_str().unwrap_or_default().to_owned();
    let Some(tables) = document.get_mut(BLOCKED).and_then(Item::as_array_of_tables_mut) else { return };
    // Before it was parsed there was no entry that the comments could have stood behind.
    let (1, Some(table)) = (tables.len(), tables.get_mut(0)) else { return };
    if comments.trim().is_empty() || table.position().is_some() {
        return;
    }
    table.decor_mut().set_prefix(comments.trim_end().to_owned() + "\n\n");
    document.set_trailing("");
}

/// Removes the entries of these places. A comment right above an entry goes with it; what stands above a blank line is somebody
/// else's, and stays.
fn take_out(document: &mut DocumentMut, places: &[usize]) -> Result<(), Text> {
    let mut kept = String::new();
    let tables = tables(document)?;
    for place in places.iter().rev() {
        let removed = tables.remove(*place);
        let prefix = removed.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
        let above = match prefix.rfind("\n\n") {
            // Before the first entry there need be no line end in front of the blank line.
            Some(at) => prefix.get(..at.saturating_add(1)).unwrap_or_default(),
            None if *place == 0 && prefix.contains("#:schema") => prefix,
            None => "",
        };
        if above.trim().is_empty() {
            continue;
        }
        match tables.get_mut(*place) {
            Some(next) => {
                let own = next.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
                let blank = if own.starts_with('\n') { "" } else { "\n" };
                next.decor_mut().set_prefix(above.to_owned() + blank + &own);
            }
            None => kept.insert_str(0, above),
        }
    }
    if tables.is_empty() {
        document.remove(BLOCKED);
    }
    if !kept.is_empty() {
        let own = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing(kept + &own);
    }
    Ok(())
}

/// What the trail says of an entry.
pub fn detail(entry: &Block, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let keys: Vec<&str> = entry.mailboxes.iter().map(|key| key.0.as_str()).collect();
    let mut detail = vec![
        ("direction", entry.direction.name().to_owned()),
        ("mailboxes", keys.join(", ")),
        ("reason", entry.reason.clone()),
        ("ticket", entry.ticket.clone()),
    ];
    let period = [("starts", entry.period.starts), ("expires", entry.period.expires)];
    detail.extend(period.into_iter().filter_map(|(key, at)| Some((key, written(at?, zone)))));
    detail
}
