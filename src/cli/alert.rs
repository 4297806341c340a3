//! `portaria alert list` and `portaria alert test`: asked of the running gateway through its control socket.

use serde_json::{Value, json};

use super::{
    Common, Exit,
    escape::escape,
    rendering::{Rendering, json_line},
    show,
    status::{ask, field},
    table::Table,
};
use crate::{
    alert::{Condition, Kind},
    door::control::Command,
    language::{Language, Text},
    text,
};

pub(super) fn list(common: &mut Common) -> Exit {
    match ask(common, Command::Status) {
        Ok(answer) if common.json => {
            show(&standing(&answer, common.language).iter().map(json_line).collect::<String>(), 0)
        }
        Ok(answer) => show(&listed(&answer, common.language), 0),
        Err(exit) => exit,
    }
}

pub(super) fn test(common: &mut Common) -> Exit {
    let answer = match ask(common, Command::AlertTest) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let tested = tested(&answer, common);
    show(&tested.text, tested.exit_code)
}

/// What every route answered; faults, if there is none or one of them failed.
fn tested(answer: &Value, common: &Common) -> Rendering {
    let language = common.language;
    let exit_code = u8::from(field(answer, "ok").as_bool() != Some(true));
    if common.json {
        return Rendering { text: json_line(answer), exit_code };
    }
    let routes = field(answer, "routes").as_array().map(Vec::as_slice).unwrap_or_default();
    if routes.is_empty() {
        let none = text!(
            "there is no route: write `webhook` or `mail_to` into [alert] of portaria.toml and restart the gateway",
            "não há rota: escreva `webhook` ou `mail_to` em [alert] no portaria.toml e reinicie a Portaria"
        );
        return Rendering { text: none.in_language(language).to_owned() + "\n", exit_code };
    }
    let say = |text: Text| text.in_language(language).to_owned();
    let mut table = Table::new([
        say(text!("route", "rota")),
        say(text!("to", "para")),
        say(text!("result", "resultado")),
        say(text!("answer", "resposta")),
    ]);
    for route in routes {
        let delivered = field(route, "result").as_str() == Some("delivered");
        let result = if delivered { text!("delivered", "entregue") } else { text!("FAILED", "FALHOU") };
        table.row([words(route, "route"), words(route, "to"), say(result), words(route, "answer")]);
    }
    Rendering { text: table.render(), exit_code }
}

/// Every standing alert with what to do next, for a person.
pub(super) fn listed(answer: &Value, language: Language) -> String {
    let mut out = String::new();
    let rows = standing(answer, language);
    if rows.is_empty() {
        return text!("no alert stands", "nenhum alerta em aberto").in_language(language).to_owned() + "\n";
    }
    for row in rows {
        let told = |key| words(&row, key);
        let (severity, what, since, next) = (told("word"), told("what"), told("since"), told("next"));
        let mut lines = text!(
            "{severity}: {what}\n  since {since}\n  what to do: {next}\n",
            "{severity}: {what}\n  desde {since}\n  o que fazer: {next}\n"
        )
        .in_language(language)
        .to_owned();
        let detail = told("detail");
        if !detail.is_empty() {
            lines.push_str(text!("  cause: {detail}\n", "  causa: {detail}\n").in_language(language));
        }
        out.push_str(&lines);
    }
    out
}

/// What the gateway says stands, with texts in the language of whoever asks. A condition that this program does not know (the
/// gateway is a newer one) is named by its key.
fn standing(answer: &Value, language: Language) -> Vec<Value> {
    let row = |standing: &Value| {
        let text = |key| field(standing, key).as_str().unwrap_or_default();
        let known = Kind::from_key(text("condition")).map(|kind| Condition::about(kind, text("subject")).facts());
        let (word, what, next) = match known {
            Some(facts) => (
                facts.severity.word(language).to_owned(),
                facts.what.in_language(language).to_owned(),
                facts.next.in_language(language).to_owned(),
            ),
            None => (text("severity").to_owned(), text("condition").to_owned(), String::new()),
        };
        json!({
            "condition": text("condition"),
            "subject": text("subject"),
            "severity": text("severity"),
            "word": word,
            "since": text("since"),
            "what": what,
            "next": next,
            "detail": text("detail"),
        })
    };
    field(answer, "alerts").as_array().into_iter().flatten().map(row).collect()
}

/// A field that is a text, for a terminal.
fn words(value: &Value, key: &str) -> String {
    escape(field(value, key).as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::language::acts_or_hides;

    fn common(json: bool) -> Common {
        Common { config: PathBuf::new(), json, language: Language::En }
    }

    #[test]
    fn what_stands_is_told_with_what_to_do() {
        let answer = json!({ "alerts": [{
            "condition": "next_hop_down", "subject": "mailbox", "severity": "critical",
            "since": "2026-11-21T17:00:00-03:00", "detail": "mbx1:25: refused",
        }] });
        let shown = listed(&answer, Language::En);
        let begins = "critical: the next hop mailbox takes no mail\n  since 2026-11-21T17:00:00-03:00\n  what to do: Its recipients";
        assert!(shown.starts_with(begins) && shown.ends_with("\n  cause: mbx1:25: refused\n"), "{shown}");
        assert!(
            listed(&answer, Language::PtBr)
                .starts_with("crítico: o próximo salto mailbox não aceita mensagens\n  desde")
        );
        assert_eq!(listed(&json!({ "alerts": [] }), Language::En), "no alert stands\n");
        let newer = json!({ "alerts": [{ "condition": "moon_full", "severity": "warning" }] });
        assert!(listed(&newer, Language::En).starts_with("warning: moon_full\n"));
    }

    #[test]
    fn a_test_tells_what_each_route_answered() {
        let route = |result: &str, answer: &str| json!({ "route": "webhook", "to": "https://a/…", "result": result, "answer": answer });
        let good = json!({ "ok": true, "routes": [route("delivered", "200")] });
        let told = tested(&good, &common(false));
        assert!(
            told.text.contains("https://a/…") && told.text.contains("delivered") && told.exit_code == 0,
            "{}",
            told.text
        );
        let bad = json!({ "ok": false, "routes": [route("delivered", "200"), route("failed", "replied 500")] });
        let told = tested(&bad, &common(false));
        assert!(
            told.text.contains("FAILED") && told.text.contains("replied 500") && told.exit_code == 1,
            "{}",
            told.text
        );
        let none = tested(&json!({ "ok": false, "routes": [] }), &common(false));
        assert!(none.text.starts_with("there is no route") && none.exit_code == 1);
        assert_eq!(tested(&good, &common(true)).text, json_line(&good));
    }

    #[test]
    fn nothing_in_an_answer_acts() {
        let bad = "x\u{1b}[2J\u{9b}1m\u{202e}";
        let answer = json!({
            "alerts": [{ "condition": bad, "subject": bad, "severity": bad, "since": bad, "detail": bad },
                       { "condition": "scanner_blind", "subject": bad, "severity": bad, "since": bad, "detail": bad }],
            "routes": [{ "route": bad, "to": bad, "result": bad, "answer": bad }],
        });
        for shown in
            [listed(&answer, Language::En), tested(&answer, &common(false)).text, tested(&answer, &common(true)).text]
        {
            assert_eq!(shown.chars().find(|&c| c != '\n' && acts_or_hides(c)), None, "{shown}");
        }
    }
}
