//! Orders and exceptions, in words and as JSON.
//!
//! In: what the gateway says of its order ([`crate::door::contingency::shown`]), or the exceptions of the file. Out: texts in which
//! nothing acts on a terminal.

use std::{
    fmt::Write as _,
    path::Path,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use crate::{
    cli::{
        escape::escape,
        rendering::{Style, json_line},
        status::field,
        table::Table,
    },
    door::contingency::rfc3339,
    language::Text,
    policy::scanning::Exception,
    record::unix_millis,
    text,
};

/// What became of a change of the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum In {
    /// The gateway does what the file says.
    Force,
    /// It read the files and keeps the old ones: they have faults.
    Refused,
    /// It read other files than we wrote.
    Other,
    /// Nobody answered.
    Unreachable,
}

/// The first lines of `status`: an order in force or to come; nothing without one.
pub fn loud(order: &Value, style: &Style) -> String {
    let Some(state) = field(order, "state").as_str() else { return String::new() };
    let words = |key| escape(field(order, key).as_str().unwrap_or_default());
    let (reason, ticket, by) = (words("reason"), words("ticket"), words("by"));
    let expires = time(field(order, "expires"), style);
    let groups: Vec<String> =
        field(order, "groups").as_array().into_iter().flatten().filter_map(Value::as_str).map(escape).collect();
    let groups = if groups.is_empty() { style.say(&text!("all", "todos")).to_owned() } else { groups.join(", ") };
    let what = match field(order, "mode").as_str() {
        Some("deliver") => text!("mail is relayed UNSCANNED, with a tag", "o correio segue SEM EXAME, marcado"),
        Some("hold") => text!("mail is held unscanned", "o correio é retido sem exame"),
        Some("defer") => text!("mail is deferred unscanned (451)", "o correio é adiado sem exame (451)"),
        _ => text!("mail is handled unscanned", "o correio é tratado sem exame"),
    };
    let Text { en, pt } = what;
    let told = if state == "in_force" {
        text!(
            "*** CONTINGENCY IN FORCE: {en}; scanner groups not asked: {groups}\n*** until {expires}: {reason} ({ticket}, {by})\n",
            "*** CONTINGÊNCIA EM VIGOR: {pt}; grupos de antivírus não consultados: {groups}\n*** até {expires}: {reason} ({ticket}, {by})\n"
        )
    } else {
        let starts = time(field(order, "starts"), style);
        text!(
            "Contingency from {starts} to {expires}: {en}; scanner groups not asked: {groups}\n  {reason} ({ticket}, {by})\n",
            "Contingência de {starts} a {expires}: {pt}; grupos de antivírus não consultados: {groups}\n  {reason} ({ticket}, {by})\n"
        )
    };
    style.say(&told).to_owned()
}

/// What the file says; and what the gateway runs with, if it was asked and says something else.
pub fn contingency(written: &Value, runs: Option<&Value>, style: &Style) -> String {
    let none = || style.say(&text!("no contingency is ordered", "nenhuma contingência ordenada")).to_owned() + "\n";
    let words = |order: &Value| if order.is_null() { none() } else { loud(order, style) };
    let mut out = words(written);
    let same =
        |runs: &Value| ["state", "mode", "ticket", "expires"].iter().all(|key| field(runs, key) == field(written, key));
    if let Some(runs) = runs.filter(|runs| !same(runs)) {
        let told = text!(
            "That is the file. The gateway runs with another order (`portaria reload` makes it read the file):",
            "Isto é o arquivo. A Portaria roda com outra ordem (`portaria reload` a faz ler o arquivo):"
        );
        // A write to a String cannot fail.
        let _ = write!(out, "{}\n{}", style.say(&told), words(runs));
    }
    out
}

/// The change is in force.
pub fn done(order: &Value, begins: bool, style: &Style) -> String {
    if begins {
        let end = text!(
            "when the scanners are well again: portaria antivirus contingency end --reason \"…\"",
            "quando o antivírus estiver bem de novo: portaria antivirus contingency end --reason \"…\""
        );
        return loud(order, style) + style.say(&end) + "\n";
    }
    let told =
        text!("the contingency is over: every scanner is asked", "a contingência acabou: todo antivírus é consultado");
    style.say(&told).to_owned() + "\n"
}

/// Written, and not in force: what is true now, and what to do. Nothing when it is.
pub fn not_done(outcome: In, file: &Path, begins: bool, style: &Style) -> String {
    let file = escape(&file.display().to_string());
    let told = match (outcome, begins) {
        (In::Force, _) => return String::new(),
        (In::Unreachable, true) => text!(
            "{file} is written. NOT IN FORCE in a gateway that runs and could not be asked; one that starts reads it",
            "{file} está gravado. NÃO ESTÁ EM VIGOR em uma Portaria que roda e não pôde ser consultada; a que iniciar o lê"
        ),
        (In::Unreachable, false) => text!(
            "{file} is written. A gateway that runs and could not be asked STILL HAS THE CONTINGENCY; one that starts reads the file",
            "{file} está gravado. Uma Portaria que roda e não pôde ser consultada AINDA TEM A CONTINGÊNCIA; a que iniciar lê o arquivo"
        ),
        (In::Refused, true) => text!(
            "{file} is written, and NOT IN FORCE: mend the faults above, then `portaria reload`",
            "{file} está gravado, e NÃO ESTÁ EM VIGOR: corrija as falhas acima, depois `portaria reload`"
        ),
        (In::Refused, false) => text!(
            "{file} is written, and the contingency is STILL IN FORCE: mend the faults above, then `portaria reload`",
            "{file} está gravado, e a contingência AINDA ESTÁ EM VIGOR: corrija as falhas acima, depois `portaria reload`"
        ),
        (In::Other, _) => text!(
            "{file} is written, and the gateway does not do what it says: has it another rules_dir, or another clock?",
            "{file} está gravado, e a Portaria não faz o que ele diz: ela usa outro rules_dir, ou outro relógio?"
        ),
    };
    style.say(&told).to_owned() + "\n"
}

/// Every exception with the days that it has left.
pub fn exceptions(exceptions: &[Exception], now: SystemTime, style: &Style) -> String {
    if style.json {
        return exceptions.iter().map(|exception| json_line(&as_json(exception, now))).collect();
    }
    if exceptions.is_empty() {
        return style.say(&text!("no find is ignored", "nenhum achado é ignorado")).to_owned() + "\n";
    }
    let say = |text: Text| style.say(&text).to_owned();
    let mut table = Table::new([
        say(text!("signature", "assinatura")),
        say(text!("senders", "remetentes")),
        say(text!("networks", "redes")),
        say(text!("days left", "dias restantes")),
        say(text!("until", "até")),
        say(text!("ticket", "chamado")),
        say(text!("by", "por")),
    ]);
    for exception in exceptions {
        let networks: Vec<String> = exception.networks.iter().map(ToString::to_string).collect();
        let anywhere = text!("ANYWHERE", "QUALQUER");
        let left = match state(exception, now) {
            "over" => say(text!("over", "vencida")),
            "not_begun" => say(text!("not begun", "não começou")),
            _ => days_left(exception, now).to_string(),
        };
        table.row([
            escape(&exception.signature),
            escape(&exception.senders.join(", ")),
            if networks.is_empty() { say(anywhere) } else { networks.join(", ") },
            left,
            exception.period.expires.map(|expires| style.time(unix_millis(expires))).unwrap_or_default(),
            escape(&exception.ticket),
            escape(&exception.by),
        ]);
    }
    table.render()
}

fn as_json(exception: &Exception, now: SystemTime) -> Value {
    json!({
        "signature": exception.signature,
        "senders": exception.senders,
        "networks": exception.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "reason": exception.reason,
        "ticket": exception.ticket,
        "by": exception.by,
        "state": state(exception, now),
        "starts": exception.period.starts.map(rfc3339),
        "expires": exception.period.expires.map(rfc3339),
        "days_left": days_left(exception, now),
    })
}

fn state(exception: &Exception, now: SystemTime) -> &'static str {
    match () {
        () if exception.period.is_over(now) => "over",
        () if exception.period.contains(now) => "in_force",
        () => "not_begun",
    }
}

/// Whole days, rounded down: on the last one 0.
fn days_left(exception: &Exception, now: SystemTime) -> u64 {
    let left = exception.period.expires.and_then(|expires| expires.duration_since(now).ok());
    left.unwrap_or(Duration::ZERO).as_secs() / (24 * 60 * 60)
}

/// A time as the gateway says it, in the time zone of whoever reads.
fn time(value: &Value, style: &Style) -> String {
    let written = value.as_str().unwrap_or_default();
    match written.parse::<jiff::Timestamp>() {
        Ok(at) => style.time(at.as_millisecond()),
        Err(_) => escape(written),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{
        language::{Language, acts_or_hides},
        policy::scanning::Scanning,
    };

    fn style(language: Language, json: bool) -> Style {
        Style { json, language, time_zone: TimeZone::get("America/Belem").unwrap() }
    }

    fn order(state: &str) -> Value {
        json!({
            "state": state, "mode": "deliver", "groups": ["clamd"], "reason": "clamd crashes", "ticket": "REQ 1", "by": "s3b",
            "starts": "2026-11-21T12:00:00Z", "expires": "2026-11-21T16:00:00Z", "left_seconds": 14_400,
        })
    }

    #[test]
    fn an_order_in_force_is_loud() {
        let told = loud(&order("in_force"), &style(Language::En, false));
        let expected = "*** CONTINGENCY IN FORCE: mail is relayed UNSCANNED, with a tag; scanner groups not asked: clamd\n\
                        *** until 2026-11-21 13:00:00: clamd crashes (REQ 1, s3b)\n";
        assert_eq!(told, expected);
        let told = loud(&order("not_begun"), &style(Language::PtBr, false));
        assert!(told.starts_with("Contingência de 2026-11-21 09:00:00 a 2026-11-21 13:00:00: o correio"), "{told}");
        assert_eq!(loud(&Value::Null, &style(Language::En, false)), "");
    }

    #[test]
    fn a_gateway_that_runs_with_another_order_is_told() {
        let en = style(Language::En, false);
        assert_eq!(contingency(&Value::Null, Some(&Value::Null), &en), "no contingency is ordered\n");
        assert_eq!(contingency(&order("in_force"), Some(&order("in_force")), &en), loud(&order("in_force"), &en));
        let differs = contingency(&Value::Null, Some(&order("in_force")), &en);
        assert!(differs.contains("runs with another order") && differs.contains("*** CONTINGENCY"), "{differs}");
        assert!(!contingency(&order("in_force"), None, &en).contains("another"), "nobody was asked");
    }

    #[test]
    fn what_is_not_in_force_is_not_called_so() {
        let file = Path::new("/etc/portaria/rules/antivirus.toml");
        for language in [Language::En, Language::PtBr] {
            let style = style(language, false);
            assert_eq!(not_done(In::Force, file, true, &style), "");
            let mut told = Vec::new();
            for outcome in [In::Refused, In::Other, In::Unreachable] {
                told.extend([true, false].map(|begins| not_done(outcome, file, begins, &style)));
            }
            assert!(told.iter().all(|text| text.starts_with("/etc/portaria/rules/antivirus.toml ")), "{told:?}");
        }
    }

    #[test]
    fn exceptions_are_listed_with_the_days_that_they_have_left() {
        let entry = |networks: &str, expires: &str| {
            format!(
                "[[ignore]]\nsignature = \"Heuristics.X\"\nsenders = [\"*@bank.example\"]\n{networks}reason = \"r\"\n\
                 ticket = \"REQ 1\"\nby = \"s3b\"\nexpires = {expires}\n"
            )
        };
        let now: SystemTime = "2026-11-21T12:00:00Z".parse::<jiff::Timestamp>().unwrap().into();
        let source =
            entry("networks = [\"192.0.2.0/24\"]\n", "2026-12-01T11:00:00Z") + &entry("", "2026-11-20T00:00:00Z");
        let (scanning, _) = Scanning::read(Path::new("a.toml"), &source, &[], now);
        let told = exceptions(&scanning.exceptions, now, &style(Language::En, false));
        let row = |words: &[&str]| {
            told.lines().any(|line| words.iter().all(|word| line.split("  ").any(|cell| cell.trim() == *word)))
        };
        assert!(row(&["Heuristics.X", "192.0.2.0/24", "9", "2026-12-01 08:00:00", "REQ 1"]), "{told}");
        assert!(row(&["Heuristics.X", "ANYWHERE", "over"]), "{told}");
        let lines = exceptions(&scanning.exceptions, now, &style(Language::En, true));
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!((&first["days_left"], &first["state"]), (&json!(9), &json!("in_force")));
        assert_eq!(exceptions(&[], now, &style(Language::En, false)), "no find is ignored\n");
    }

    #[test]
    fn nothing_in_an_order_acts() {
        let bad = "x\u{1b}[2J\u{9b}1m\u{202e}\nok";
        let order = json!({
            "state": "in_force", "mode": bad, "groups": [bad], "reason": bad, "ticket": bad, "by": bad, "starts": bad,
            "expires": bad,
        });
        let told = loud(&order, &style(Language::En, false));
        assert_eq!(told.chars().find(|&c| c != '\n' && acts_or_hides(c)), None, "{told}");
        assert_eq!(told.lines().count(), 2, "{told}");
    }
}
