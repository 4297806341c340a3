//! The blocked-mailbox list (`rules/mailboxes.toml`, clause 9.2.31): parse, match, explain.
//!
//! In: the list's text, the directory that says which mailboxes an entry means, and the time. Out: the entry in force that
//! blocks a mailbox in one direction, or none. It does not know how an address was spelled (the directory folds that), nor
//! what is answered (`refusal`).

use std::{collections::HashMap, path::Path, time::SystemTime};

use super::{
    directory::{Directory, MailboxKey, WrittenFault},
    entry::{self, Period},
    rule::code,
};
use crate::{
    document::{Document, Faults, Found, Table},
    language::Text,
    text,
};

/// What a blocked mailbox may not do. There is no default: "block" alone does not say which is meant (open point Q7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Mail to it is refused.
    Receive,
    /// Mail from it is refused.
    Send,
    /// Either.
    Both,
}

impl Direction {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Receive, Self::Send, Self::Both];

    const NAMES: [(&'static str, Option<Self>); 3] =
        [("receive", Some(Self::Receive)), ("send", Some(Self::Send)), ("both", Some(Self::Both))];

    /// As the list writes it.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, it)| *it == Some(self)).map_or("", |(name, _)| name)
    }

    /// Whether some direction is in both.
    pub fn covers(self, other: Self) -> bool {
        self == Self::Both || other == Self::Both || self == other
    }
}

/// One `[[blocked]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// As written: a local part, or an address.
    pub written: String,
    /// The mailboxes that it means.
    pub mailboxes: Vec<MailboxKey>,
    /// What they may not do.
    pub direction: Direction,
    /// Why; for operators only.
    pub reason: String,
    /// The request that asked for it.
    pub ticket: String,
    /// Who entered it.
    pub by: String,
    /// From when until when.
    pub period: Period,
}

impl Block {
    /// Whether it acts at `now`.
    pub fn in_force(&self, now: SystemTime) -> bool {
        self.period.contains(now)
    }

    /// Whether both could act on one mailbox, in one direction, at one time.
    fn overlaps(&self, other: &Self) -> bool {
        self.direction.covers(other.direction)
            && self.period.overlaps(&other.period)
            && self.mailboxes.iter().any(|key| other.mailboxes.contains(key))
    }
}

/// The list.
#[derive(Clone, Debug, Default)]
pub struct BlockedMailboxes {
    entries: Vec<Block>,
    by_mailbox: HashMap<MailboxKey, Vec<usize>>,
}

impl BlockedMailboxes {
    /// Reads the list. With any error among the faults it must not be used in place of a good one: an entry that could not
    /// be read blocks nobody. `now` only serves to point out entries that are over.
    pub fn read(file: &Path, source: &str, directory: &Directory, now: SystemTime) -> (Self, Faults) {
        let document = Document::parse(file, source);
        let mut list = Self::default();
        if let Some(root) = document.root() {
            for table in root.tables("blocked") {
                let span = table.span();
                let Some(block) = read_block(table, directory, now) else { continue };
                if let Some(other) = list.first_overlap(&block) {
                    let (written, ticket) = (&block.written, &other.ticket);
                    document.advise(
                        code::BLOCKED,
                        span,
                        text!(
                            "{written} is blocked by an earlier entry already ({ticket})",
                            "{written} já está bloqueada por uma entrada anterior ({ticket})"
                        ),
                        Some(text!(
                            "one entry is enough; taking one of them out does not unblock it",
                            "uma entrada basta; retirar só uma delas não desbloqueia a caixa"
                        )),
                    );
                }
                list.add(block);
            }
            root.finish();
        }
        (list, document.into_faults())
    }

    /// Adds an entry behind the others; the first in force decides.
    pub fn add(&mut self, block: Block) {
        let index = self.entries.len();
        for mailbox in &block.mailboxes {
            self.by_mailbox.entry(mailbox.clone()).or_default().push(index);
        }
        self.entries.push(block);
    }

    /// The entry in force that keeps `mailbox` from receiving.
    pub fn to_receive(&self, mailbox: &MailboxKey, now: SystemTime) -> Option<&Block> {
        self.find(mailbox, Direction::Receive, now)
    }

    /// The entry in force that keeps `mailbox` from sending.
    pub fn to_send(&self, mailbox: &MailboxKey, now: SystemTime) -> Option<&Block> {
        self.find(mailbox, Direction::Send, now)
    }

    /// All entries, in file order.
    pub fn entries(&self) -> &[Block] {
        &self.entries
    }

    fn find(&self, mailbox: &MailboxKey, direction: Direction, now: SystemTime) -> Option<&Block> {
        let indices = self.by_mailbox.get(mailbox)?;
        let mut blocks = indices.iter().filter_map(|index| self.entries.get(*index));
        blocks.find(|block| block.direction.covers(direction) && block.in_force(now))
    }

    fn first_overlap(&self, block: &Block) -> Option<&Block> {
        let indices = block.mailboxes.iter().filter_map(|key| self.by_mailbox.get(key)).flatten();
        indices.filter_map(|index| self.entries.get(*index)).find(|other| other.overlaps(block))
    }
}

fn read_block(table: Table<'_, '_>, directory: &Directory, now: SystemTime) -> Option<Block> {
    let mailbox = table.required::<String>("mailbox");
    let direction =
        table.required::<String>("direction").and_then(|_| table.choice("direction", &Direction::NAMES, None));
    let reason = entry::answerable(&table, "reason");
    let ticket = entry::answerable(&table, "ticket");
    let by = entry::answerable(&table, "by");
    let over = text!("this entry is over: it blocks nobody", "esta entrada já venceu: não bloqueia ninguém");
    let period = entry::period(&table, now, over);
    let mailboxes = mailbox.as_ref().and_then(|written| which_mailboxes(&table, written, directory));
    table.finish();
    Some(Block {
        written: mailbox?.value,
        mailboxes: mailboxes?,
        direction: direction?,
        reason: reason?,
        ticket: ticket?,
        by: by?,
        period,
    })
}

fn which_mailboxes(table: &Table<'_, '_>, written: &Found<String>, directory: &Directory) -> Option<Vec<MailboxKey>> {
    let name = &written.value;
    let fault = |what, help| table.document().fault_as(code::BLOCKED, written.span.clone(), what, help);
    let mailboxes = match directory.mailboxes_written(name) {
        Ok(mailboxes) => mailboxes,
        Err(WrittenFault::NotAnAddress) => {
            fault(
                text!("`{name}` is neither a local part nor an address", "`{name}` não é parte local nem endereço"),
                Some(text!(
                    "write \"fulano.tal\" or \"fulano.tal@tjpa.jus.br\"",
                    "escreva \"fulano.tal\" ou \"fulano.tal@tjpa.jus.br\""
                )),
            );
            return None;
        }
        Err(WrittenFault::NotServed { domain, nearest }) => {
            let help = nearest.map(|near| text!("did you mean `{near}`?", "você quis dizer `{near}`?"));
            fault(text!("the domain {domain} is not served here", "o domínio {domain} não é atendido aqui"), help);
            return None;
        }
    };
    if let Some(local) = directory.unblockable(name, &mailboxes) {
        fault(
            text!("{local} cannot be blocked", "{local} não pode ser bloqueada"),
            Some(text!(
                "it is always reachable: [policy] always_reachable, and RFC 5321 §4.5.1 for postmaster",
                "ela está sempre acessível: [policy] always_reachable, e RFC 5321 §4.5.1 para postmaster"
            )),
        );
        return None;
    }
    if written.value.split('@').next().is_some_and(|local| local.trim_start_matches('+').contains('+')) {
        let what = text!(
            "the sub-address does not count: the whole mailbox is blocked",
            "o subendereço não conta: a caixa inteira fica bloqueada"
        );
        table.document().advise(code::BLOCKED, written.span.clone(), what, None);
    }
    // No error: a directory is renewed by night, and who leaves it must not keep what else changed out of force.
    if directory.is_nobodys(&mailboxes) {
        let what = nobodys(name);
        let help = text!(
            "a slip? `portaria directory lookup` finds names and addresses; who has left needs no block",
            "erro de digitação? `portaria directory lookup` encontra nomes e endereços; quem já saiu não precisa de bloqueio"
        );
        table.document().advise(code::BLOCKED, written.span.clone(), what, Some(help));
    }
    Some(mailboxes)
}

/// What is told of a block of this name that is nobody's in the directory.
pub fn nobodys(name: &str) -> Text {
    text!("`{name}` is nobody's in the directory", "`{name}` não é de ninguém no diretório")
}
