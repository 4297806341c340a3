//! The blocked-mailbox list (`rules/mailboxes.toml`, clause 9.2.31): parse, match, explain.
//!
//! In: the list's text, the directory that says which mailboxes an entry means, and the time. Out: the entry in force that
//! blocks a mailbox in one direction, or none. It does not know how an address was spelled (the directory folds that), nor
//! what is answered (`refusal`).

mod kept;

use std::{path::Path, time::SystemTime};

use kept::{Deciding, Kept};

use super::{
    directory::{Directory, MailboxKey, WrittenFault},
    entry::{self, Period},
    rule::code,
};
use crate::{
    document::{Document, Faults, Found, NotInParts, Table},
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
}

/// The list. Memory: some 250 octets an entry, besides texts that no other entry has.
#[derive(Clone, Debug, Default)]
pub struct BlockedMailboxes {
    kept: Kept,
}

impl BlockedMailboxes {
    /// Reads the list. With any error among the faults it must not be used in place of a good one: an entry that could not
    /// be read blocks nobody. `now` only serves to point out entries that are over.
    pub fn read(file: &Path, source: &str, directory: &Directory, now: SystemTime) -> (Self, Faults) {
        let in_parts = Document::of_text(file, source);
        if let Ok(list) = Self::read_in_parts(&in_parts, directory, now) {
            return (list, in_parts.into_faults());
        }
        let document = Document::parse(file, source);
        let mut list = Self::default();
        if let Some(root) = document.root() {
            for table in root.tables("blocked") {
                list.take(table, directory, now);
            }
            root.finish();
        }
        list.kept.settle();
        (list, document.into_faults())
    }

    /// As a list is nearly always: entries, and nothing else. The same as if it were read whole, and without the memory that takes.
    fn read_in_parts(document: &Document<'_>, directory: &Directory, now: SystemTime) -> Result<Self, NotInParts> {
        let mut list = Self::default();
        for part in document.parts("blocked") {
            list.take(part?.table(document).ok_or(NotInParts)?, directory, now);
        }
        list.kept.settle();
        Ok(list)
    }

    /// Adds the entry that this table is, and says so if there is one already that does the same.
    fn take(&mut self, table: Table<'_, '_>, directory: &Directory, now: SystemTime) {
        let (span, document) = (table.span(), table.document());
        let Some(block) = read_block(table, directory, now) else { return };
        if let Some(ticket) = self.first_overlap(&block) {
            let written = &block.written;
            let what = text!(
                "{written} is blocked by an earlier entry already ({ticket})",
                "{written} já está bloqueada por uma entrada anterior ({ticket})"
            );
            let help = text!(
                "one entry is enough; taking one of them out does not unblock it",
                "uma entrada basta; retirar só uma delas não desbloqueia a caixa"
            );
            document.advise(code::BLOCKED, span, what, Some(help));
        }
        self.add(&block);
    }

    /// Adds an entry behind the others; the first in force decides.
    pub fn add(&mut self, block: &Block) {
        self.kept.add(block);
    }

    /// The ticket of the entry in force that keeps `mailbox` from receiving.
    pub fn to_receive(&self, mailbox: &MailboxKey, now: SystemTime) -> Option<&str> {
        self.find(mailbox, Direction::Receive, now)
    }

    /// The ticket of the entry in force that keeps `mailbox` from sending.
    pub fn to_send(&self, mailbox: &MailboxKey, now: SystemTime) -> Option<&str> {
        self.find(mailbox, Direction::Send, now)
    }

    /// All entries, in file order, each made anew from what is kept of it.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Block> {
        self.kept.all()
    }

    fn find(&self, mailbox: &MailboxKey, direction: Direction, now: SystemTime) -> Option<&str> {
        let acts = |it: &Deciding<'_>| it.direction.covers(direction) && it.period.contains(now);
        self.kept.of(mailbox).find(acts).map(|it| it.ticket)
    }

    /// The ticket of an entry that could act on a mailbox of `block`, in one direction with it, at one time.
    fn first_overlap(&self, block: &Block) -> Option<&str> {
        let overlaps = |it: &Deciding<'_>| it.direction.covers(block.direction) && it.period.overlaps(&block.period);
        block.mailboxes.iter().find_map(|key| self.kept.of(key).find(overlaps)).map(|it| it.ticket)
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
