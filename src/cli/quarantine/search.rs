//! What was typed to look for items, as the store and the directory understand it.

use std::{collections::BTreeMap, time::SystemTime};

use serde::de::DeserializeOwned;

use crate::{
    cli::{
        arguments::says_nothing,
        rendering::Style,
        when::{Edge, instant},
    },
    language::Text,
    message::fold::Fold,
    policy::directory::{Directory, MailboxKey},
    record::{Item, UnixMillis, subject::Key, term::hash_in, unix_millis},
    smtp::path::{ForwardPath, Mailbox},
    store::ItemSearch,
};

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// Stands in the reverse-path.
    pub sender: Option<String>,
    /// A mailbox by any of its addresses, or a part of one.
    pub recipient: Option<String>,
    /// Words of the subject.
    pub subject: Option<String>,
    /// A rule or signature.
    pub rule: Option<String>,
    /// The name under which a scanner found something.
    pub signature: Option<String>,
    /// From then on.
    pub since: Option<String>,
    /// Up to then.
    pub until: Option<String>,
    /// A word of [`crate::record::ItemClass`].
    pub class: Option<String>,
    /// A word of [`crate::record::ItemState`].
    pub state: Option<String>,
    /// Nobody saw it.
    pub unseen: bool,
    /// Nobody looks after it.
    pub unhandled: bool,
}

impl Typed {
    /// Whether it narrows anything.
    pub fn is_narrow(&self) -> bool {
        *self != Self::default()
    }

    /// What was typed, by the options' names, for the audit trail.
    pub fn filters(&self) -> BTreeMap<String, String> {
        let flag = |is: bool| is.then(|| "yes".to_owned());
        let all = [
            ("sender", self.sender.clone()),
            ("recipient", self.recipient.clone()),
            ("subject", self.subject.clone()),
            ("rule", self.rule.clone()),
            ("signature", self.signature.clone()),
            ("since", self.since.clone()),
            ("until", self.until.clone()),
            ("class", self.class.clone()),
            ("state", self.state.clone()),
            ("unseen", flag(self.unseen)),
            ("unhandled", flag(self.unhandled)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// What the store is asked. An option that says nothing (`--rule "$RULE"` in a script that never set it) is refused: it would find
    /// everything, and what is found is released or deleted.
    pub fn search(&self, now: SystemTime, style: &Style) -> Result<ItemSearch, Text> {
        if let Some(option) = self.says_nothing() {
            return Err(says_nothing(option));
        }
        let at = |written: &Option<String>, edge| -> Result<Option<UnixMillis>, Text> {
            let at = written.as_deref().map(|written| instant(written, edge, now, &style.time_zone)).transpose()?;
            Ok(at.map(unix_millis))
        };
        Ok(ItemSearch {
            state: self.state.as_deref().and_then(word),
            class: self.class.as_deref().and_then(word),
            since: at(&self.since, Edge::Since)?,
            until: at(&self.until, Edge::UpTo)?,
            reason: self.rule.clone(),
            signature: self.signature.clone(),
            seen: self.unseen.then_some(false),
            handled: self.unhandled.then_some(false),
            ..ItemSearch::default()
        })
    }

    /// The option that was typed, and by which nothing is left out.
    fn says_nothing(&self) -> Option<&'static str> {
        let is_blank = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
        let texts = [
            ("sender", &self.sender),
            ("recipient", &self.recipient),
            ("rule", &self.rule),
            ("signature", &self.signature),
        ];
        let blank = texts.into_iter().find(|(_, text)| is_blank(text)).map(|(name, _)| name);
        let wordless = self.subject.as_ref().is_some_and(|subject| words_of(subject).is_empty());
        blank.or_else(|| wordless.then_some("subject"))
    }

    /// What the store cannot say. Without a directory an address is its mailbox by its domain's aliases alone; without the key of hashed
    /// subjects none of those is found.
    pub fn matcher(&self, directory: Option<Directory>, key: Option<&Key>) -> impl Fn(&Item) -> bool + use<> {
        let fold = fold();
        let words: Vec<String> = self.subject.iter().flat_map(|subject| words_of(subject)).collect();
        let hashed = self.subject.as_deref().zip(key).map(|(subject, key)| key.line_of(subject));
        let typed = self.subject.as_deref().and_then(hash_in);
        let sender = self.sender.as_deref().map(str::to_lowercase);
        let recipient = self.recipient.as_deref().map(str::to_lowercase);
        let key =
            directory.as_ref().zip(recipient.as_deref()).and_then(|(directory, written)| key_of(directory, written));
        move |item| {
            let is_subject = || match hash_in(&item.subject) {
                // Whole or not at all: two letters stand somewhere in every ninth hash, and what is found is released or deleted.
                Some(kept) => typed.as_ref() == Some(&kept) || hashed.as_ref() == Some(&item.subject),
                None => {
                    let subject = fold.subject(&item.subject);
                    words.iter().all(|word| subject.contains(word))
                }
            };
            let is_recipient = |written: &String| {
                let is = |address: &String| {
                    let same = directory.as_ref().zip(key.as_ref()).is_some_and(|(directory, key)| {
                        key_of(directory, &address.to_lowercase()).as_ref() == Some(key)
                    });
                    same || address.to_lowercase().contains(written)
                };
                item.recipients.iter().any(is)
            };
            (words.is_empty() || is_subject())
                && sender.as_ref().is_none_or(|sender| is_from(item, sender))
                && recipient.as_ref().is_none_or(is_recipient)
        }
    }
}

/// `<>` is the null reverse-path, and stands in no other. Whose a message was that is gone, nobody knows here.
fn is_from(item: &Item, sought: &str) -> bool {
    if sought == "<>" {
        return item.reverse_path.is_empty() && !super::is_buried(item.state);
    }
    item.reverse_path.to_lowercase().contains(sought)
}

/// As rules compare, reply prefixes included: `RE:` can be looked for.
fn fold() -> Fold {
    Fold { prefixes: Vec::new(), ..Fold::default() }
}

fn words_of(subject: &str) -> Vec<String> {
    fold().subject(subject).split_whitespace().map(str::to_owned).collect()
}

fn key_of(directory: &Directory, address: &str) -> Option<MailboxKey> {
    let written = format!("<{address}>");
    let mailbox: Mailbox = match ForwardPath::parse_prefix(&written) {
        Ok((ForwardPath::Mailbox { mailbox, .. }, "")) => mailbox,
        Ok((ForwardPath::Postmaster, "")) => directory.postmaster()?.clone(),
        _ => return None,
    };
    directory.key_of(&mailbox)
}

fn word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{policy::directory::ServedDomain, record::sample};

    fn directory() -> Directory {
        let aliases = vec!["tjpa.jus.br".into()];
        let domain = ServedDomain { name: "tjepa.jus.br".into(), aliases, next_hop: "mailbox".into() };
        Directory::new(vec![domain], []).unwrap()
    }

    fn item() -> Item {
        let mut item = sample::item(1, b"", b"x");
        item.reverse_path = "Cobranca@Banco.example".to_owned();
        item.recipients = vec!["Maria+notas@tjpa.jus.br".to_owned()];
        item.subject = "RE: Boleto de COBRANÇA".to_owned();
        item
    }

    /// `--rule "$RULE"` of a script that never set it: with it, `delete --yes` would have deleted everything.
    #[test]
    fn an_option_that_says_nothing_finds_nothing() {
        let style = Style { json: false, language: crate::language::Language::En, time_zone: jiff::tz::TimeZone::UTC };
        let said = |typed: Typed| typed.search(SystemTime::UNIX_EPOCH, &style).map_err(|why| why.en.to_string());
        let some = |text: &str| Some(text.to_owned());
        for blank in ["", " ", "\t"] {
            for (typed, option) in [
                (Typed { sender: some(blank), ..Typed::default() }, "--sender "),
                (Typed { recipient: some(blank), ..Typed::default() }, "--recipient "),
                (Typed { rule: some(blank), ..Typed::default() }, "--rule "),
                (Typed { signature: some(blank), ..Typed::default() }, "--signature "),
                (Typed { subject: some(blank), ..Typed::default() }, "--subject "),
            ] {
                assert!(said(typed.clone()).unwrap_err().starts_with(option), "{typed:?}");
            }
        }
        // Nothing is left of it where subjects are compared.
        assert!(said(Typed { subject: some("\u{200b}"), ..Typed::default() }).is_err());
        assert!(said(Typed { subject: some("RE:"), sender: some("a"), ..Typed::default() }).is_ok());
        assert!(said(Typed::default()).is_ok());
    }

    #[test]
    fn people_are_found_by_any_of_their_addresses_and_subjects_by_their_letters() {
        type Change = fn(&mut Typed, String);
        let typed = |change: Change, value: &str| {
            let mut typed = Typed::default();
            change(&mut typed, value.to_owned());
            typed
        };
        let sender: Change = |typed, value| typed.sender = Some(value);
        let recipient: Change = |typed, value| typed.recipient = Some(value);
        let subject: Change = |typed, value| typed.subject = Some(value);
        for (change, value, fits) in [
            (sender, "banco.EXAMPLE", true),
            (sender, "outro", false),
            (sender, "<>", false),
            // The other domain, without the sub-address, in another case.
            (recipient, "MARIA@tjepa.jus.br", true),
            (recipient, "maria@tjpa.jus.br", true),
            (recipient, "mari@tjpa.jus.br", false),
            (recipient, "maria", true),
            (subject, "cobranca boleto", true),
            (subject, "Cobrança", true),
            (subject, "cobranca pix", false),
        ] {
            assert_eq!(typed(change, value).matcher(Some(directory()), None)(&item()), fits, "{value}");
        }
        let bounce = Item { reverse_path: String::new(), ..item() };
        assert!(typed(sender, "<>").matcher(None, None)(&bounce) && !typed(sender, "x").matcher(None, None)(&bounce));
        let tombstone = Item { state: crate::record::ItemState::Expired, ..bounce };
        assert!(!typed(sender, "<>").matcher(None, None)(&tombstone), "its sender is not known any more");
        // A hash is found whole: two letters of a word stand in it by chance.
        let key = Key::new(&[7; 32]);
        let kept = key.line_of("Boleto vencido");
        let part = kept.get(4..6).unwrap_or_default().to_owned();
        for (value, fits) in
            [("Boleto vencido", true), (kept.as_str(), true), (part.as_str(), false), ("Boleto", false)]
        {
            let item = Item { subject: kept.clone(), ..item() };
            assert_eq!(typed(subject, value).matcher(None, Some(&key))(&item), fits, "{value}");
        }
        assert!(typed(recipient, "MARIA+notas@tjpa").matcher(None, None)(&item()));
        assert!(Typed::default().matcher(None, None)(&item()) && !Typed::default().is_narrow());
    }
}
