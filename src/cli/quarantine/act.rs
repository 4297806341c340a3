//! `portaria quarantine release | approve | deny | delete | mark`: what is to be touched is found in the database, shown if it is more than
//! one, and then asked of the gateway, which alone writes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{read, search::Typed};
use crate::{
    cli::{
        Common, Exit,
        escape::escape,
        rendering::{Rendering, Style, json_line, word},
        status::{ask_at, field},
        subjects, words,
    },
    config::Settings,
    door::{
        control::Command,
        release::order::{Order, Ordered},
    },
    language::Text,
    record::{ItemState, TransactionId},
    store::{Kept, Mark},
    text,
};

/// Ids in one order: a line of the control socket has 64 KiB, and each id is written to the disk.
const AT_ONCE: usize = 200;
/// Octets of a reason: with two hundred ids it fits into a line of the socket, and with every octet escaped into one of the audit trail.
const REASON: usize = 4000;
/// Senders that a preview names.
const NAMED: usize = 5;

/// Which items, for whom, and why.
pub struct Wanted {
    /// Ids, or their last digits.
    pub ids: Vec<String>,
    /// Or what a search finds.
    pub search: Typed,
    /// Also more than one.
    pub yes: bool,
    /// For whom.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
}

pub(super) fn release(common: &mut Common, wanted: Wanted, analysts: Vec<String>, copies: bool, again: bool) -> Exit {
    let order = |items| Order::Release { items, analysts: analysts.clone(), copy_of_refused: copies, again };
    to_many(common, &wanted, |state| matches!(state, ItemState::Held | ItemState::Pending), order)
}

pub(super) fn delete(common: &mut Common, wanted: Wanted) -> Exit {
    to_many(common, &wanted, is_there, |items| Order::Delete { items })
}

pub(super) fn mark(common: &mut Common, wanted: Wanted, mark: Mark) -> Exit {
    to_many(common, &wanted, is_there, |items| Order::Mark { items, mark })
}

/// Of what is gone there is nothing to delete or to look after.
fn is_there(state: ItemState) -> bool {
    !super::is_buried(state) && state != ItemState::Withdrawn
}

pub(super) fn decide(common: &mut Common, release: &str, approves: bool, by: Option<String>, reason: &str) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = read::style(common, &settings);
    let release = match read::find_release(&settings, release) {
        Ok(release) => release,
        Err(fault) => return read::told(&fault, &style),
    };
    let order = if approves { Order::Approve { release } } else { Order::Deny { release } };
    ask_each(&settings, vec![order], by, reason, &style)
}

/// Finds what is to be touched, and asks for it; without a yes only if it is one and was named. What a search finds is asked for only as far
/// as it is in a state that the order can be `about`: tombstones of the same rule are neither counted nor answered for. What was named is.
fn to_many(
    common: &mut Common,
    wanted: &Wanted,
    about: impl Fn(ItemState) -> bool,
    order: impl Fn(Vec<TransactionId>) -> Order,
) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = read::style(common, &settings);
    if wanted.ids.is_empty() != wanted.search.is_narrow() {
        let what = text!(
            "give ids, or something to search by, and not both",
            "dê protocolos, ou algo para buscar, e não os dois"
        );
        eprintln!("{}", style.say(&what));
        return Exit::Usage;
    }
    let found = match read::chosen(&settings, &wanted.ids, &wanted.search, &style) {
        Ok(Ok(found)) => touched(found, wanted, about),
        Ok(Err(what)) => {
            eprintln!("{}", escape(style.say(&what)));
            return Exit::Usage;
        }
        Err(fault) => return read::told(&fault, &style),
    };
    let is_sure = wanted.yes || (found.len() == 1 && !wanted.ids.is_empty());
    if !is_sure || found.is_empty() {
        if let Err(exit) = read::listed_for_somebody(&settings, &wanted.search, found.len(), wanted.by.clone(), &style)
        {
            return exit;
        }
        if let Some(note) = wanted.search.subject.as_ref().and_then(|_| subjects::not_held_by(&settings)) {
            eprintln!("{}", style.say(&note));
        }
        let shown = preview(&found, &style);
        return crate::cli::show(&shown.text, shown.exit_code);
    }
    let ids: Vec<TransactionId> = found.into_iter().map(|kept| kept.item.id).collect();
    let orders = ids.chunks(AT_ONCE).map(|chunk| order(chunk.to_vec())).collect();
    ask_each(&settings, orders, wanted.by.clone(), &wanted.reason, &style)
}

fn touched(mut found: Vec<Kept>, wanted: &Wanted, about: impl Fn(ItemState) -> bool) -> Vec<Kept> {
    found.retain(|kept| !wanted.ids.is_empty() || about(kept.item.state));
    found
}

fn ask_each(settings: &Settings, orders: Vec<Order>, by: Option<String>, reason: &str, style: &Style) -> Exit {
    if reason.len() > REASON || by.as_ref().is_some_and(|by| by.len() > REASON) {
        let long =
            text!("--reason and --by have at most {REASON} octets", "--reason e --by têm no máximo {REASON} octetos");
        eprintln!("{}", style.say(&long));
        return Exit::Usage;
    }
    // As in the commands that write the trail themselves: behind sudo the person is the one who typed.
    let person = by.or_else(|| std::env::var("SUDO_USER").ok());
    let mut whole = true;
    for order in orders {
        let ordered = Ordered { order, person: person.clone(), reason: reason.to_owned() };
        match ask_at(settings, &Command::Quarantine(ordered)) {
            Ok(answer) => {
                let told = answered(&answer, style);
                whole &= told.exit_code == 0;
                crate::cli::show(&told.text, told.exit_code);
            }
            Err(what) => {
                eprintln!("{}", escape(style.say(&what)));
                return Exit::NotReachable;
            }
        }
    }
    if whole { Exit::Done } else { Exit::Faults }
}

/// What would be touched: how many, of which classes, from whom. Nothing was done, and the exit code says so.
fn preview(found: &[Kept], style: &Style) -> Rendering {
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    let mut senders: BTreeMap<&str, usize> = BTreeMap::new();
    for Kept { item, .. } in found {
        let class = if style.json { word(&item.class) } else { style.say(&words::class(item.class)).to_owned() };
        *classes.entry(class).or_default() += 1;
        *senders.entry(&item.reverse_path).or_default() += 1;
    }
    let mut most: Vec<(&str, usize)> = senders.iter().map(|(sender, count)| (*sender, *count)).collect();
    most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let (count, different) = (found.len(), most.len());
    most.truncate(NAMED);
    if style.json {
        let value = json!({ "ok": false, "preview": { "count": count, "classes": classes, "senders": senders } });
        return Rendering { text: json_line(&value), exit_code: 1 };
    }
    if found.is_empty() {
        let none = text!("the quarantine has no such item", "a quarentena não tem item assim");
        return Rendering { text: style.say(&none).to_owned() + "\n", exit_code: 1 };
    }
    let classes = classes.iter().map(|(class, count)| format!("{count} {class}")).collect::<Vec<_>>().join(", ");
    let named = most.iter().map(|(sender, count)| format!("  {count}  <{}>\n", escape(sender))).collect::<String>();
    let more = different.saturating_sub(most.len());
    let rest = match more {
        0 => String::new(),
        _ => style.say(&text!("  and {more} other senders\n", "  e mais {more} remetentes\n")).to_owned(),
    };
    let head = text!(
        "nothing was done yet; it would touch {count} items: {classes}; their senders:",
        "nada foi feito ainda; atingiria {count} itens: {classes}; seus remetentes:"
    );
    let last = text!("add --yes to do it", "acrescente --yes para fazer");
    Rendering { text: format!("{}\n{named}{rest}{}\n", style.say(&head), style.say(&last)), exit_code: 1 }
}

/// What became of each.
fn answered(answer: &Value, style: &Style) -> Rendering {
    let exit_code = if field(answer, "ok").as_bool() == Some(true) { 0 } else { 1 };
    let results = field(answer, "results").as_array().cloned().unwrap_or_default();
    if style.json {
        let lines = results.iter().map(json_line).collect::<String>();
        let text = if results.is_empty() { json_line(answer) } else { lines };
        return Rendering { text, exit_code };
    }
    let text = |value: &Value, key: &str| escape(field(value, key).as_str().unwrap_or_default());
    let mut out = String::new();
    for result in &results {
        let line = if field(result, "ok").as_bool() == Some(true) {
            done(&text(result, "item"), &text(result, "release"), field(result, "state").as_str().unwrap_or_default())
        } else {
            let (object, why) = (text(result, "object"), refusal(result));
            let (en, pt) =
                (why.in_language(crate::language::Language::En), why.in_language(crate::language::Language::PtBr));
            text!("{object}: not done: {en}", "{object}: não foi feito: {pt}")
        };
        out += style.say(&line);
        out.push('\n');
    }
    if results.is_empty() {
        out = text(answer, "error") + "\n";
    }
    Rendering { text: out, exit_code }
}

fn done(item: &str, release: &str, state: &str) -> Text {
    match state {
        "requested" => text!(
            "{item}: release {release} waits for a second person (portaria quarantine approve)",
            "{item}: a liberação {release} espera uma segunda pessoa (portaria quarantine approve)"
        ),
        "approved" => text!("{item}: release {release} is on its way", "{item}: a liberação {release} está a caminho"),
        "denied" => text!(
            "{item}: release {release} denied; the item is held",
            "{item}: liberação {release} negada; o item segue retido"
        ),
        "partly" | "unknown" => text!(
            "{item}: release {release} stopped, after somebody got it or may have (portaria quarantine releases); the item is held",
            "{item}: liberação {release} parada, depois de alguém receber ou talvez receber (portaria quarantine releases); o item segue retido"
        ),
        "deleted" => text!("{item}: deleted for ever", "{item}: excluída para sempre"),
        _ => text!("{item}: done", "{item}: feito"),
    }
}

/// Why something was not done, by its code.
fn refusal(result: &Value) -> Text {
    match field(result, "refused").as_str().unwrap_or_default() {
        "pending" => text!(
            "it is pending: what its other recipients got is not known (portaria explain)",
            "está pendente: não se sabe o que houve com os outros destinatários (portaria explain)"
        ),
        "gone" => text!("its content is gone", "o conteúdo não existe mais"),
        "nobody" => text!("everybody that it was held for has it", "todos a quem se destinava já a têm"),
        "already_open" => text!(
            "a release of it is open (portaria quarantine releases)",
            "há uma liberação em aberto (portaria quarantine releases)"
        ),
        "copy_of_refused" => text!(
            "it is a copy of what was refused, its sender knows and may have sent it again; add --copy-of-refused",
            "é cópia do que foi recusado, o remetente sabe e pode ter enviado de novo; acrescente --copy-of-refused"
        ),
        "may_be_delivered" => text!(
            "an earlier release may have delivered it: look into the next hop's log, then add --again",
            "uma liberação anterior talvez a tenha entregado: veja o registro do próximo salto e acrescente --again"
        ),
        "no_reason" => text!("it wants a reason", "falta o motivo"),
        "not_waiting" => text!(
            "it waits for no decision: it is over, or is being sent this moment (portaria quarantine releases)",
            "não espera decisão: acabou, ou está sendo enviada agora (portaria quarantine releases)"
        ),
        "analyst_not_served" => {
            let address = escape(field(result, "address").as_str().unwrap_or_default());
            text!(
                "{address} is in no domain that is served here; a release goes to nobody else",
                "{address} não é de um domínio atendido aqui; uma liberação não vai a mais ninguém"
            )
        }
        "state" => text!(
            "its state does not allow it: stop an open release first (portaria quarantine deny); what expired or was withdrawn is gone",
            "o estado dela não permite: pare antes a liberação em aberto (portaria quarantine deny); a expirada ou retirada não existe mais"
        ),
        "same_person" => text!(
            "account and person must both be others than those who asked",
            "conta e pessoa devem ser outras que as de quem pediu"
        ),
        "not_found" => text!("there is none", "não existe"),
        _ => {
            let said = escape(field(result, "error").as_str().unwrap_or_default());
            text!("{said}", "{said}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        language::{Language, acts_or_hides},
        record::{ItemClass, sample},
        store::Marks,
    };

    fn style(json: bool) -> Style {
        Style { json, language: Language::En, time_zone: jiff::tz::TimeZone::UTC }
    }

    fn kept(number: u64, class: ItemClass, sender: &str) -> Kept {
        let mut item = sample::item(number, b"", b"x");
        (item.class, item.reverse_path) = (class, sender.to_owned());
        Kept { item, marks: Marks::default(), settled_at: None, settled_by: None, settled_why: None }
    }

    #[test]
    fn a_preview_says_what_would_be_touched_and_that_nothing_was() {
        let mut found: Vec<Kept> = (0..7).map(|n| kept(n, ItemClass::Rule, &format!("s{n}@example.org"))).collect();
        found.push(kept(8, ItemClass::Virus, "s1@example.org"));
        let told = preview(&found, &style(false));
        assert_eq!(told.exit_code, 1);
        let begins =
            "nothing was done yet; it would touch 8 items: 7 rule, 1 virus; their senders:\n  2  <s1@example.org>\n";
        assert!(told.text.starts_with(begins), "{}", told.text);
        assert!(told.text.ends_with("  and 2 other senders\nadd --yes to do it\n"), "{}", told.text);
        let value: Value = serde_json::from_str(&preview(&found, &style(true)).text).unwrap();
        assert_eq!((&value["preview"]["count"], &value["preview"]["classes"]["virus"]), (&json!(8), &json!(1)));
    }

    /// A rule's tombstones and what it has delivered already stand in nobody's way; an id that was named is asked for as it is.
    #[test]
    fn a_search_touches_only_what_the_order_can_be_about() {
        let all = [ItemState::Pending, ItemState::Held, ItemState::Releasing, ItemState::Released, ItemState::Deleted];
        let found = || -> Vec<Kept> {
            let in_state = |(number, state)| {
                let mut kept = kept(number, ItemClass::Rule, "s@example.org");
                kept.item.state = state;
                kept
            };
            (0..).zip(all).map(in_state).collect()
        };
        let wanted = |ids: Vec<String>| Wanted {
            ids,
            search: Typed { rule: Some("S3B".to_owned()), ..Typed::default() },
            yes: true,
            by: None,
            reason: "x".to_owned(),
        };
        let states = |touched: Vec<Kept>| touched.iter().map(|kept| kept.item.state).collect::<Vec<_>>();
        assert_eq!(states(touched(found(), &wanted(Vec::new()), is_there)), all[..4]);
        assert_eq!(states(touched(found(), &wanted(vec!["8f2a91".to_owned()]), is_there)), all);
    }

    #[test]
    fn each_answer_is_told_and_nothing_in_it_acts() {
        let bad = "x\u{1b}[2J\u{202e}";
        let answer = json!({ "ok": false, "results": [
            { "ok": true, "item": "a", "release": "r", "state": "approved" },
            { "ok": true, "item": "b", "release": "r", "state": "requested" },
            { "ok": false, "object": bad, "refused": bad, "error": bad },
            { "ok": false, "object": "c", "refused": "same_person", "error": "…" },
            { "ok": false, "object": "d", "refused": "analyst_not_served", "address": "a@x.example", "error": "…" },
        ]});
        let told = answered(&answer, &style(false));
        assert_eq!((told.exit_code, told.text.lines().count()), (1, 5));
        assert!(told.text.contains("d: not done: a@x.example is in no domain"), "{}", told.text);
        assert!(told.text.contains("b: release r waits for a second person"), "{}", told.text);
        assert!(told.text.contains("c: not done: account and person must both be others"), "{}", told.text);
        assert!(!told.text.chars().any(|char| char != '\n' && acts_or_hides(char)));
    }

    /// Every refusal that the core knows has words of its own here.
    #[test]
    fn every_refusal_has_its_words() {
        use crate::record::release::ReleaseRefusal as R;
        let all = [
            R::Pending,
            R::Gone,
            R::Nobody,
            R::AlreadyOpen,
            R::CopyOfRefused,
            R::MayBeDelivered,
            R::NoReason,
            R::NotWaiting,
            R::SamePerson,
        ];
        for refused in all {
            let told = refusal(&json!({ "refused": word(&refused), "error": "UNKNOWN" }));
            assert!(!told.in_language(Language::En).contains("UNKNOWN"), "{refused:?}");
        }
    }
}
