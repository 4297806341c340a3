//! The examples of both sets, tried on both: which fare differently, and where the order of two rules matters.
//!
//! Examples are what the authors of the rules thought of. What nobody thought of is `rules replay`'s.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    time::SystemTime,
};

use toml::{Table, Value};

use super::Side;
use crate::{
    message::subject::Subject,
    policy::{
        directory::MailboxKey,
        rule::{Action, Facts, Judgement, Mode, Resolve, RuleSet, Scope},
    },
    record::replay::{Effect, effects},
    smtp::path::{Mailbox, ReversePath},
};

/// Pairs that are told at most: a set that was sorted anew has as many as its square.
const PAIRS: usize = 1_000;

/// An example that is decided otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Its subject, as written.
    pub subject: String,
    /// What the old set does with it, and by which rule.
    pub old: (Effect, Option<String>),
    /// What the new one does.
    pub new: (Effect, Option<String>),
}

/// Two rules that changed places, and an example that both would decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reordered {
    /// Decides now, and stood behind the other.
    pub first: String,
    /// Decided before.
    pub second: String,
    /// The subject of the example.
    pub subject: String,
}

/// What an example says a message is like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Example {
    subject: String,
    sender: Option<String>,
    recipient: Option<String>,
    list: Option<String>,
    client: Option<String>,
}

/// Tries every example on both sets, as at `now`.
pub fn compare(old: &Side, new: &Side, resolve: Resolve<'_>, now: SystemTime) -> (Vec<Decided>, Vec<Reordered>) {
    let all: BTreeSet<Example> = [old, new].iter().flat_map(|side| side.written.values()).flat_map(examples).collect();
    let (before, after) = (places(&old.rules), places(&new.rules));
    let (mut decided, mut pairs) = (Vec::new(), BTreeMap::new());
    for example in all {
        let [was, is] = [&old.rules, &new.rules].map(|rules| example.judged(rules, resolve, now));
        let [then, today] = [&was, &is].map(outcome);
        if then != today {
            decided.push(Decided { subject: example.subject.clone(), old: then, new: today });
        }
        let acting = is.matches.iter().filter(|found| found.mode == Mode::Enforce && found.action != Action::Observe);
        let acting: Vec<&str> = acting.map(|found| found.rule.as_str()).collect();
        let Some((first, others)) = acting.split_first() else { continue };
        for other in others {
            let place = |places: &BTreeMap<&str, usize>, id: &str| places.get(id).copied();
            let stood_behind = place(&before, first) > place(&before, other) && before.contains_key(other);
            if stood_behind && place(&after, first) < place(&after, other) && pairs.len() < PAIRS {
                pairs.entry(((*first).to_owned(), (*other).to_owned())).or_insert_with(|| example.subject.clone());
            }
        }
    }
    let reordered = pairs.into_iter().map(|((first, second), subject)| Reordered { first, second, subject });
    (decided, reordered.collect())
}

/// Where each rule stands.
fn places(rules: &RuleSet) -> BTreeMap<&str, usize> {
    rules.rules().iter().enumerate().map(|(at, rule)| (rule.id(), at)).collect()
}

fn outcome(judgement: &Judgement) -> (Effect, Option<String>) {
    let (effect, by) =
        effects(judgement, judgement.deciding.len()).into_iter().next().unwrap_or((Effect::Relayed, None));
    (effect, by.and_then(|by| judgement.matches.get(by)).map(|found| found.rule.clone()))
}

fn examples(rule: &Table) -> Vec<Example> {
    let Some(Value::Array(written)) = rule.get("example") else { return Vec::new() };
    let example = |value: &Value| {
        let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
        let (subject, sender) = (text("subject")?, text("sender"));
        Some(Example { subject, sender, recipient: text("recipient"), list: text("list"), client: text("client") })
    };
    written.iter().filter_map(example).collect()
}

impl Example {
    fn judged(&self, rules: &RuleSet, resolve: Resolve<'_>, now: SystemTime) -> Judgement {
        let sender = self.sender.as_deref().and_then(Mailbox::parse);
        let named = self.recipient.as_deref();
        let recipient = named.map(|address| resolve(address).unwrap_or_else(|| MailboxKey(address.to_lowercase())));
        let lists: Vec<String> = self.list.iter().cloned().collect();
        rules.judge(&Facts {
            subjects: &[Subject::new(self.subject.clone().into_bytes())],
            reverse_path: &sender.map_or(ReversePath::Null, ReversePath::Mailbox),
            // Without one: somebody whom no exception names.
            recipients: &[(recipient.unwrap_or_else(|| MailboxKey(String::new())), false)],
            list_ids: &lists,
            client: self
                .client
                .as_deref()
                .and_then(|client| client.parse().ok())
                .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            scope: Scope::Relay,
            now,
        })
    }
}
