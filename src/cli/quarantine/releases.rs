//! `portaria quarantine releases`: releases in, text or JSON out.

use serde_json::{Value, json};

use crate::{
    cli::{
        escape::escape,
        rendering::{Rendering, Style, json_line},
        table::Table,
    },
    language::Text,
    record::{
        audit::Actor,
        release::{RecipientState, Release, ReleaseState, Word},
    },
    text,
};

/// Digits of an id that a table shows.
const DIGITS: usize = 12;

/// All of them, in the order given.
pub fn list(releases: &[Release], style: &Style) -> Rendering {
    if style.json {
        return Rendering::done(releases.iter().map(|release| json_line(&value(release, style))).collect());
    }
    if releases.is_empty() {
        let none = text!("there is no such release", "não há liberação assim");
        return Rendering::done(style.say(&none).to_owned() + "\n");
    }
    let say = |text: Text| style.say(&text).to_owned();
    let mut table = Table::new([
        say(text!("RELEASE", "LIBERAÇÃO")),
        say(text!("ITEM", "ITEM")),
        say(text!("STATE", "ESTADO")),
        say(text!("ASKED FOR", "PEDIDA")),
        say(text!("BY", "POR")),
        say(text!("HAVE IT", "TÊM")),
        say(text!("ATTEMPTS", "TENTATIVAS")),
        say(text!("SAID", "RESPOSTA")),
    ]);
    for release in releases {
        let have = release.recipients.iter().filter(|it| it.state == RecipientState::Delivered).count();
        table.row([
            last(release.id.as_str()).to_owned(),
            last(release.item.as_str()).to_owned(),
            say(state(release.state)),
            style.time(release.requested.at),
            escape(release.requested.actor.person.as_deref().unwrap_or(&release.requested.actor.account)),
            format!("{have}/{}", release.recipients.len()),
            release.attempts.to_string(),
            escape(&release.said),
        ]);
    }
    Rendering::done(table.render())
}

/// The lines of one item's releases, for `show`.
pub fn of_item(releases: &[Release], style: &Style) -> String {
    let mut out = String::new();
    for release in releases {
        let (id, state) = (last(release.id.as_str()), state(release.state));
        let (en, pt) =
            (state.in_language(crate::language::Language::En), state.in_language(crate::language::Language::PtBr));
        let (who, at) = (named(&release.requested.actor), style.time(release.requested.at));
        let why = escape(&release.requested.reason);
        let line = text!(
            "release {id}: {en}; asked for by {who} at {at}: {why}",
            "liberação {id}: {pt}; pedida por {who} em {at}: {why}"
        );
        out += &format!("  {}\n", style.say(&line));
        if let Some(Word { at, actor, reason }) = &release.decided {
            let (who, at, why) = (named(actor), style.time(*at), escape(reason));
            let line = text!("decided by {who} at {at}: {why}", "decidida por {who} em {at}: {why}");
            out += &format!("    {}\n", style.say(&line));
        }
        for recipient in &release.recipients {
            let (address, said) = (escape(&recipient.address), escape(&recipient.said));
            out += &format!("    {address}  {}  {said}\n", style.say(&recipient_state(recipient.state)));
        }
    }
    out
}

/// The account, which the system vouches for, and the person if it says that it acts for one.
fn named(actor: &Actor) -> String {
    let account = escape(&actor.account);
    actor.person.as_ref().map_or(account.clone(), |person| format!("{} ({account})", escape(person)))
}

/// What scripts rely on (`docs/quarantine.md`).
fn value(release: &Release, style: &Style) -> Value {
    let word = |word: &Word| {
        json!({
            "at": style.rfc3339(word.at),
            "account": word.actor.account,
            "person": word.actor.person,
            "reason": word.reason,
        })
    };
    let recipients = release
        .recipients
        .iter()
        .map(|recipient| json!({ "address": recipient.address, "state": recipient.state, "said": recipient.said }));
    let waits = release.state == ReleaseState::Approved;
    json!({
        "id": release.id,
        "item": release.item,
        "kind": release.kind,
        "state": release.state,
        "recipients": recipients.collect::<Vec<_>>(),
        "requested": word(&release.requested),
        "decided": release.decided.as_ref().map(word),
        "attempts": release.attempts,
        "next_attempt_at": waits.then(|| style.rfc3339(release.next_attempt_at)),
        "said": release.said,
        "settled_at": release.settled_at.map(|at| style.rfc3339(at)),
    })
}

fn last(id: &str) -> &str {
    id.get(id.len().saturating_sub(DIGITS)..).unwrap_or(id)
}

fn state(state: ReleaseState) -> Text {
    match state {
        ReleaseState::Requested => text!("waits for approval", "espera aprovação"),
        ReleaseState::Approved => text!("to be sent", "a enviar"),
        ReleaseState::Sending => text!("being sent", "sendo enviada"),
        ReleaseState::Delivered => text!("delivered", "entregue"),
        ReleaseState::Partly => text!("delivered to some", "entregue a alguns"),
        ReleaseState::Failed => text!("not delivered", "não entregue"),
        ReleaseState::Unknown => text!("not known", "não se sabe"),
        ReleaseState::Denied => text!("denied", "negada"),
    }
}

fn recipient_state(state: RecipientState) -> Text {
    match state {
        RecipientState::Open => text!("not yet", "ainda não"),
        RecipientState::Delivered => text!("has it", "tem"),
        RecipientState::Refused => text!("refused", "recusada"),
        RecipientState::GivenUp => text!("given up", "desistiu-se"),
        RecipientState::Unknown => text!("may have it", "talvez tenha"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        language::{Language, acts_or_hides},
        record::{
            audit::Actor,
            release::{Asked, ReleaseKind, plan},
            sample,
        },
    };

    fn release() -> Release {
        let actor = Actor { account: "root".to_owned(), person: Some("maria\u{1b}[2J".to_owned()) };
        let requested = Word { at: sample::BEGAN, actor, reason: "pedido\u{202e}".to_owned() };
        let asked = Asked {
            id: sample::id(500),
            kind: ReleaseKind::Original,
            analysts: Vec::new(),
            requested,
            copy_of_refused: false,
            again: false,
        };
        let mut release = plan(&sample::item(1, b"", b"x"), &[], asked).unwrap();
        release.said = "451 4.2.0 later\u{9b}".to_owned();
        release.recipients[0].said = release.said.clone();
        release
    }

    #[test]
    fn a_release_is_told_with_what_the_next_hop_said() {
        let style = Style { json: false, language: Language::En, time_zone: jiff::tz::TimeZone::UTC };
        let table = list(&[release()], &style).text;
        assert!(table.contains("to be sent") && table.contains("0/1") && table.contains("451 4.2.0 later"), "{table}");
        let shown = of_item(&[release()], &style);
        assert!(shown.contains("not yet") && shown.contains("asked for by maria\\u{1b}[2J (root)"), "{shown}");
        let mut decided = release();
        let actor = Actor { account: "joao".to_owned(), person: None };
        decided.decided = Some(Word { at: sample::BEGAN, actor, reason: "engano".to_owned() });
        let told = of_item(&[decided], &style);
        assert!(told.contains("\n    decided by joao at ") && told.contains(": engano\n"), "{told}");
        let json = list(&[release()], &Style { json: true, ..style }).text;
        for out in [&table, &shown, &json] {
            assert!(!out.chars().any(|char| char != '\n' && acts_or_hides(char)), "{out}");
        }
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["state"], "approved");
        assert_eq!(value["recipients"][0]["state"], "open");
        assert!(value["next_attempt_at"].as_str().unwrap().starts_with("2026-11-21T11:00:00"));
    }
}
