//! The list as it is kept: all texts one behind the other, and numbers that say where each stands.
//!
//! In: entries, one by one. Out: the entries of a mailbox, in their order, and each entry as it came in. What an entry means is not known
//! here.
//!
//! A [`Block`] is nine allocations or more, and those of 100,000 stand among those of the file that they are read from, which takes twenty
//! times its text: as long as one of them lives, so does the page that it stands on. Kept as they came they held 1,600 octets each. What is here is
//! five allocations that only grow, apart from all others, so that the parsed file gives its pages back.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    ops::Range,
};

use super::{Block, Direction};
use crate::policy::{directory::MailboxKey, entry::Period};

/// A text among all texts. It stands: it was made when they were put there, and nothing takes them out.
type Place = Range<usize>;

/// Entries, and where those of a mailbox are.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    texts: String,
    entries: Vec<Entry>,
    /// Those of an entry stand together.
    mailboxes: Vec<Named>,
    /// The first and the last of `mailboxes` whose address has this hash: mostly one address. The others are found from the first.
    by_hash: HashMap<u64, (usize, usize)>,
    hashes: RandomState,
    /// Where texts stand that many entries have. Given up by [`Kept::settle`].
    known: HashMap<Box<str>, Place>,
}

#[derive(Clone, Debug)]
struct Entry {
    written: Place,
    reason: Place,
    ticket: Place,
    by: Place,
    /// Of `mailboxes`.
    mailboxes: Range<usize>,
    direction: Direction,
    period: Period,
}

#[derive(Clone, Debug)]
struct Named {
    address: Place,
    entry: usize,
    /// The next of `mailboxes` whose address has the same hash.
    next: Option<usize>,
}

/// What decides, of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deciding<'k> {
    pub direction: Direction,
    pub period: Period,
    pub ticket: &'k str,
}

impl Kept {
    /// Puts it behind the others.
    pub(super) fn add(&mut self, block: &Block) {
        let entry = self.entries.len();
        let first = self.mailboxes.len();
        for mailbox in &block.mailboxes {
            self.add_mailbox(mailbox, entry);
        }
        let mailboxes = first..self.mailboxes.len();
        let entry = Entry {
            written: self.written(&block.written, first),
            reason: self.known(&block.reason),
            ticket: self.known(&block.ticket),
            by: self.known(&block.by),
            mailboxes,
            direction: block.direction,
            period: block.period,
        };
        self.entries.push(entry);
    }

    /// No more will come, or few: gives up what only served to add.
    pub(super) fn settle(&mut self) {
        self.known = HashMap::new();
        self.texts.shrink_to_fit();
        self.entries.shrink_to_fit();
        self.mailboxes.shrink_to_fit();
        self.by_hash.shrink_to_fit();
    }

    /// All of them in their order, each as it came in.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = Block> {
        self.entries.iter().map(|entry| {
            let mailboxes = self.mailboxes.get(entry.mailboxes.clone()).unwrap_or_default();
            let mailboxes = mailboxes.iter().map(|named| MailboxKey(self.text(&named.address).to_owned()));
            Block {
                written: self.text(&entry.written).to_owned(),
                mailboxes: mailboxes.collect(),
                direction: entry.direction,
                reason: self.text(&entry.reason).to_owned(),
                ticket: self.text(&entry.ticket).to_owned(),
                by: self.text(&entry.by).to_owned(),
                period: entry.period,
            }
        })
    }

    /// The entries of a mailbox, in their order.
    pub(super) fn of<'k, 'm>(&'k self, mailbox: &'m MailboxKey) -> impl Iterator<Item = Deciding<'k>> + use<'k, 'm> {
        let first = self.by_hash.get(&self.hash(&mailbox.0)).and_then(|(first, _)| self.mailboxes.get(*first));
        let same_hash = std::iter::successors(first, |named| self.mailboxes.get(named.next?));
        let same = same_hash.filter(|named| self.text(&named.address) == mailbox.0);
        same.filter_map(|named| self.entries.get(named.entry)).map(|entry| Deciding {
            direction: entry.direction,
            period: entry.period,
            ticket: self.text(&entry.ticket),
        })
    }

    fn add_mailbox(&mut self, mailbox: &MailboxKey, entry: usize) {
        let number = self.mailboxes.len();
        let address = self.put(&mailbox.0);
        self.mailboxes.push(Named { address, entry, next: None });
        let (_, last) = self.by_hash.entry(self.hashes.hash_one(mailbox.0.as_str())).or_insert((number, number));
        if let Some(last) = self.mailboxes.get_mut(*last).filter(|_| *last != number) {
            last.next = Some(number);
        }
        *last = number;
    }

    /// What was written is nearly always what its first mailbox begins with.
    fn written(&mut self, written: &str, first: usize) -> Place {
        let address = self.mailboxes.get(first).map(|named| named.address.clone());
        match address.filter(|address| self.text(address).starts_with(written)) {
            Some(address) => address.start..address.start.saturating_add(written.len()),
            None => self.put(written),
        }
    }

    fn known(&mut self, text: &str) -> Place {
        if let Some(place) = self.known.get(text) {
            return place.clone();
        }
        let place = self.put(text);
        self.known.insert(text.into(), place.clone());
        place
    }

    fn put(&mut self, text: &str) -> Place {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }

    fn text(&self, place: &Place) -> &str {
        self.texts.get(place.clone()).unwrap_or_default()
    }

    fn hash(&self, address: &str) -> u64 {
        self.hashes.hash_one(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(written: &str, mailboxes: &[&str], ticket: &str) -> Block {
        Block {
            written: written.to_owned(),
            mailboxes: mailboxes.iter().map(|key| MailboxKey((*key).to_owned())).collect(),
            direction: Direction::Both,
            reason: "Aposentadoria".to_owned(),
            ticket: ticket.to_owned(),
            by: "S3B".to_owned(),
            period: Period::default(),
        }
    }

    fn kept(blocks: &[Block]) -> Kept {
        let mut kept = Kept::default();
        blocks.iter().for_each(|block| kept.add(block));
        kept.settle();
        kept
    }

    fn tickets(kept: &Kept, key: &str) -> Vec<String> {
        kept.of(&MailboxKey(key.to_owned())).map(|entry| entry.ticket.to_owned()).collect()
    }

    #[test]
    fn entries_come_out_as_they_went_in() {
        let blocks = [
            block("a", &["a@x", "a@y"], "1"),
            block("Nome Sobrenome", &["a@x"], "2"),
            block("a@y", &["a@y"], "1"),
            block("ç", &[], ""),
        ];
        let kept = kept(&blocks);
        assert_eq!(kept.all().collect::<Vec<_>>(), blocks);
        assert_eq!(kept.all().len(), blocks.len());
    }

    #[test]
    fn the_entries_of_a_mailbox_come_in_their_order_and_no_others() {
        let kept = kept(&[
            block("a", &["a@x", "a@y"], "1"),
            block("b", &["b@x"], "2"),
            block("a", &["a@x"], "3"),
            block("a", &["a@y", "a@x"], "4"),
        ]);
        assert_eq!(tickets(&kept, "a@x"), ["1", "3", "4"]);
        assert_eq!(tickets(&kept, "a@y"), ["1", "4"]);
        assert_eq!(tickets(&kept, "b@x"), ["2"]);
        assert!(tickets(&kept, "a@").is_empty() && tickets(&kept, "").is_empty());
    }

    /// As if two addresses had one hash: both are looked at, and only the one that is meant is found.
    #[test]
    fn addresses_of_one_hash_are_told_apart() {
        let mut kept = kept(&[block("a", &["a@x"], "1"), block("b", &["b@x"], "2"), block("a", &["a@x"], "3")]);
        let (first, second) = (kept.hash("a@x"), kept.hash("b@x"));
        kept.mailboxes[0].next = Some(1);
        kept.mailboxes[1].next = Some(2);
        kept.by_hash.insert(first, (0, 2));
        kept.by_hash.insert(second, (0, 2));
        assert_eq!((tickets(&kept, "a@x"), tickets(&kept, "b@x")), (vec!["1".into(), "3".into()], vec!["2".into()]));
    }

    #[test]
    fn a_text_that_many_entries_have_is_kept_once() {
        let blocks: Vec<_> = (0..1_000).map(|n| block(&format!("a{n}"), &[&format!("a{n}@x")], "REQ 1")).collect();
        let kept = kept(&blocks);
        let addresses: usize = blocks.iter().map(|block| block.mailboxes[0].0.len()).sum();
        assert_eq!(kept.texts.len(), addresses + "AposentadoriaREQ 1S3B".len());
    }
}
