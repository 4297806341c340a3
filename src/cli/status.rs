//! `portaria status` and `portaria reload`: asked of the running gateway through its control socket.

use std::fmt::Write as _;

use super::{
    Common, Exit, alert, antivirus, backup,
    escape::escape,
    rendering::{Style, json_line},
    rule_state,
    run::with_runtime,
    table::Table,
};
use crate::{
    config::Settings,
    door::control::{self, Command},
    language::{Language, Text},
    text,
};

pub(super) fn status(common: &mut Common) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() };
    match ask_at(&settings, &Command::Status) {
        Ok(answer) => {
            print!("{}", if style.json { json_line(&answer) } else { render(&answer, &style) });
            Exit::Done
        }
        Err(told) => {
            eprintln!("{}", told.in_language(common.language));
            Exit::NotReachable
        }
    }
}

pub(super) fn reload(common: &mut Common) -> Exit {
    let answer = match ask(common, Command::Reload) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    if common.json {
        print!("{}", json_line(&answer));
    } else {
        let (good, bad) = reloaded(&answer, common.language);
        print!("{good}");
        eprint!("{bad}");
    }
    if field(&answer, "ok").as_bool() == Some(true) { Exit::Done } else { Exit::Faults }
}

/// What a reload put into force, and what it did not: rules and certificate each for themselves.
pub(super) fn reloaded(answer: &serde_json::Value, language: Language) -> (String, String) {
    let (mut good, mut bad) = (String::new(), String::new());
    let say = |out: &mut String, told: Text| {
        out.push_str(told.in_language(language));
        out.push('\n');
    };
    if let Some(faults) = field(answer, "faults").as_str() {
        bad.push_str(&lines(faults));
        let told = text!(
            "no rule changed: mend the faults and reload again",
            "nenhuma regra mudou: corrija as falhas e recarregue"
        );
        say(&mut bad, told);
    } else if let Some(version) = field(answer, "policy").as_str() {
        say(&mut good, text!("in force: rule set {version}", "em vigor: conjunto de regras {version}"));
        for set in field(answer, "scanner_rules").as_array().into_iter().flatten() {
            scanner_rules(set, &mut |told| say(&mut good, told));
        }
    }
    if let Some(fault) = field(answer, "certificate_fault").as_str() {
        let fault = lines(fault);
        let fault = fault.trim_end();
        let told = text!(
            "{fault}\nthe certificate in force stays in force: mend its files and reload again",
            "{fault}\no certificado em vigor continua em vigor: corrija os arquivos dele e recarregue"
        );
        say(&mut bad, told);
    } else if field(answer, "certificate").is_string() {
        let told = text!(
            "in force: certificate and key as their files are now",
            "em vigor: certificado e chave como estão nos arquivos"
        );
        say(&mut good, told);
    }
    if let Some(error) = field(answer, "error").as_str() {
        say(&mut bad, text!("{error}", "{error}"));
    }
    (good, bad)
}

/// The YARA rules of one scanner. Rules that do not find the test file are nobody's fault, and somebody is to know.
fn scanner_rules(set: &serde_json::Value, say: &mut dyn FnMut(Text)) {
    let text = |name| field(set, name).as_str().map(escape).unwrap_or_default();
    let (scanner, version, rules) = (text("scanner"), text("version"), field(set, "rules"));
    say(text!(
        "in force: {scanner}, version {version}, {rules} rules",
        "em vigor: {scanner}, versão {version}, {rules} regras"
    ));
    if field(set, "finds_eicar").as_bool() != Some(true) {
        say(text!(
            "{scanner}: ATTENTION: these rules do not find the EICAR test file",
            "{scanner}: ATENÇÃO: estas regras não encontram o arquivo de teste EICAR"
        ));
    }
}

/// A field of the answer; what is not there is null.
pub(super) fn field<'v>(value: &'v serde_json::Value, name: &str) -> &'v serde_json::Value {
    value.get(name).unwrap_or(&serde_json::Value::Null)
}

/// Several lines, each escaped, so that what stands in them does nothing to a terminal.
fn lines(text: &str) -> String {
    text.lines().map(|line| escape(line) + "\n").collect()
}

/// Asks the gateway of this configuration; what goes wrong is told.
pub(super) fn ask(common: &mut Common, command: Command) -> Result<serde_json::Value, Exit> {
    let settings = common.settings().ok_or(Exit::Faults)?;
    ask_at(&settings, &command).map_err(|told| {
        eprintln!("{}", told.in_language(common.language));
        Exit::NotReachable
    })
}

/// Asks the gateway of these settings; or why it cannot be asked.
pub(super) fn ask_at(settings: &Settings, command: &Command) -> Result<serde_json::Value, Text> {
    let socket = settings.gateway.data_dir.join("control.sock");
    with_runtime(async { Ok(control::ask(&socket, command).await) })?.map_err(|fault| {
        let socket = socket.display().to_string();
        text!(
            "the gateway cannot be reached at {socket}: {fault}; is it running, and may you open its socket?",
            "não é possível falar com a Portaria em {socket}: {fault}; ela está rodando, e você pode abrir o soquete?"
        )
    })
}

fn render(answer: &serde_json::Value, style: &Style) -> String {
    let language = style.language;
    let words = |en: &'static str, pt: &'static str| if language == Language::En { en } else { pt };
    let text = |value: &serde_json::Value| escape(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    // Before anything else: that mail is not scanned must not be looked for.
    let mut out = antivirus::loud(field(answer, "contingency"), style);
    // A write to a String cannot fail.
    let _ = writeln!(
        out,
        "Portaria {}, {} {} ({} {}), {} s, {} {}",
        text(field(answer, "version")),
        words("rule set", "conjunto de regras"),
        text(field(answer, "policy")),
        field(answer, "rules"),
        words("rules", "regras"),
        field(answer, "up_seconds"),
        field(answer, "connections"),
        words("connections", "conexões"),
    );
    out.push_str(&rule_state::shown(answer, style));
    let mut table = Table::new([words("part", "parte").to_owned(), words("state", "estado").to_owned()]);
    let good = |value: &serde_json::Value| {
        if value.as_bool() == Some(true) { "ok".to_owned() } else { words("FAULT", "FALHA").to_owned() }
    };
    for (part, state) in field(answer, "health").as_object().into_iter().flatten() {
        table.row([style.say(&super::words::part(part)).to_owned(), good(state)]);
    }
    for listener in field(answer, "listeners").as_array().into_iter().flatten() {
        table.row([
            format!("{} {}", words("listener", "escuta"), text(field(listener, "address"))),
            text(field(listener, "bound")),
        ]);
    }
    for scanner in field(answer, "scanners").as_array().into_iter().flatten() {
        let name = format!("{} {}", words("scanner", "antivírus"), text(field(scanner, "scanner")));
        let age = match field(scanner, "definitions_age").as_str() {
            Some("old") => words(", definitions old", ", definições antigas"),
            Some("critical") => words(", DEFINITIONS TOO OLD", ", DEFINIÇÕES ANTIGAS DEMAIS"),
            _ => "",
        };
        let blind = match field(scanner, "finds_eicar").as_bool() {
            Some(false) => words(", DOES NOT FIND THE EICAR TEST FILE", ", NÃO ENCONTRA O ARQUIVO DE TESTE EICAR"),
            _ => "",
        };
        let version =
            field(scanner, "version").as_str().map(|version| format!(", {}", escape(version))).unwrap_or_default();
        let handed = match field(scanner, "handed").as_str() {
            Some("in process") => words("in process", "no próprio processo").to_owned(),
            Some("unknown") => words("unknown", "desconhecido").to_owned(),
            _ => text(field(scanner, "handed")),
        };
        let healthy = good(field(scanner, "healthy"));
        table.row([name, format!("{healthy}, {handed}{version}{age}{blind}")]);
    }
    for next_hop in field(answer, "next_hops").as_array().into_iter().flatten() {
        for address in field(next_hop, "addresses").as_array().into_iter().flatten() {
            let name = format!("{} {}", words("next hop", "próximo salto"), text(field(next_hop, "name")));
            table.row([name, format!("{} {}", text(field(address, "address")), good(field(address, "healthy")))]);
        }
    }
    out.push_str(&table.render());
    out.push_str(&attempts(field(answer, "attempts"), language));
    if field(answer, "alerts").as_array().is_some_and(|alerts| !alerts.is_empty()) {
        let _ = writeln!(out, "{}", words("Alerts that stand:", "Alertas em aberto:"));
        out.push_str(&alert::listed(answer, language));
    }
    out.push_str(&backup::standing(field(answer, "backup"), style));
    if let Some(fault) = field(answer, "reload_fault").as_str() {
        let _ = writeln!(
            out,
            "{}\n{}",
            words("The rule files have faults:", "Os arquivos de regras têm falhas:"),
            lines(fault)
        );
    }
    if let Some(fault) = field(answer, "certificate_fault").as_str() {
        let heading = words(
            "The certificate's files cannot be used; the certificate in force stays in force:",
            "Os arquivos do certificado não servem; o certificado em vigor continua em vigor:",
        );
        let _ = write!(out, "{heading}\n{}", lines(fault));
    }
    if let Some(fault) = field(answer, "database_fault").as_str() {
        let heading = words(
            "The database is damaged; mail is relayed, and nothing can be held (docs/operations.md, \"When the database is damaged\"):",
            "O banco de dados está danificado; o correio segue, e nada pode ser retido (docs/operations.md, \"When the database is damaged\"):",
        );
        let _ = writeln!(out, "{heading}\n{}", lines(fault).trim_end());
    }
    let bucket = field(answer, "bucket");
    if let Some(fault) = field(bucket, "fault").as_str() {
        let heading = words("Held content waits for the bucket:", "Conteúdo retido espera pelo bucket:");
        let _ = writeln!(out, "{heading}\n{}", lines(fault).trim_end());
    }
    if field(bucket, "missing_items").as_u64().is_some_and(|missing| missing > 0) {
        let missing = field(bucket, "missing_items");
        let _ = match language {
            Language::En => {
                writeln!(out, "Held items whose content is not in the bucket any more: {missing} (see the log)")
            }
            Language::PtBr => {
                writeln!(out, "Itens retidos cujo conteúdo não está mais no bucket: {missing} (veja o log)")
            }
        };
    }
    out
}

/// What has no record of its own, by reason and by network; nothing if there is nothing.
fn attempts(attempts: &serde_json::Value, language: Language) -> String {
    let words = |en: &'static str, pt: &'static str| if language == Language::En { en } else { pt };
    let heading = words(
        "Counted in the last hour, without a record of their own:",
        "Contadas na última hora, sem registro próprio:",
    );
    let text = |value: &serde_json::Value| escape(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let mut out = String::new();
    for (list, name, title) in
        [("reasons", "reason", words("reason", "motivo")), ("networks", "network", words("network", "rede"))]
    {
        let rows = field(attempts, list).as_array().map(Vec::as_slice).unwrap_or_default();
        if rows.is_empty() {
            continue;
        }
        let mut table = Table::new([title.to_owned(), words("attempts", "tentativas").to_owned()]);
        for row in rows {
            table.row([text(field(row, name)), text(field(row, "count"))]);
        }
        out.push_str(&table.render());
    }
    if out.is_empty() { out } else { format!("{heading}\n{out}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::language::acts_or_hides;

    #[test]
    fn a_reload_tells_of_rules_and_certificate_each_for_itself() {
        let whole = json!({ "ok": true, "policy": "1a2b", "faults": null, "certificate": "in force", "certificate_fault": null });
        let (good, bad) = reloaded(&whole, Language::En);
        assert_eq!(good, "in force: rule set 1a2b\nin force: certificate and key as their files are now\n");
        assert_eq!(bad, "");

        // The YARA rules of a scanner, and that they are blind.
        let set = |finds: bool| json!([{ "scanner": "yara /r", "version": "3c4d", "rules": 9, "finds_eicar": finds }]);
        let sees = json!({ "ok": true, "policy": "1a2b", "scanner_rules": set(true), "faults": null });
        assert_eq!(
            reloaded(&sees, Language::En).0,
            "in force: rule set 1a2b\nin force: yara /r, version 3c4d, 9 rules\n"
        );
        let blind = json!({ "ok": true, "policy": "1a2b", "scanner_rules": set(false), "faults": null });
        assert!(reloaded(&blind, Language::PtBr).0.ends_with("estas regras não encontram o arquivo de teste EICAR\n"));

        // Without [tls] nothing is said of a certificate.
        let plain =
            json!({ "ok": true, "policy": "1a2b", "faults": null, "certificate": null, "certificate_fault": null });
        assert_eq!(reloaded(&plain, Language::En).0, "in force: rule set 1a2b\n");

        let kept = json!({ "ok": false, "policy": "1a2b", "faults": null, "certificate": "kept", "certificate_fault": "key.pem: x" });
        let (good, bad) = reloaded(&kept, Language::PtBr);
        assert_eq!(good, "em vigor: conjunto de regras 1a2b\n");
        assert!(bad.starts_with("key.pem: x\no certificado em vigor continua em vigor"), "{bad}");

        let slip = json!({ "ok": false, "policy": "1a2b", "faults": "a.toml:1\n", "certificate": "in force", "certificate_fault": null });
        let (good, bad) = reloaded(&slip, Language::En);
        assert_eq!(good, "in force: certificate and key as their files are now\n");
        assert_eq!(bad, "a.toml:1\nno rule changed: mend the faults and reload again\n");
    }

    #[test]
    fn status_shows_a_certificate_that_is_not_the_one_on_the_disk() {
        let shown = render(&json!({ "certificate_fault": "key.pem: no items found" }), &style(Language::En));
        assert!(shown.ends_with("the certificate in force stays in force:\nkey.pem: no items found\n"), "{shown}");
        assert!(!render(&json!({ "certificate_fault": null }), &style(Language::En)).contains("certificate"));
    }

    fn style(language: Language) -> Style {
        Style { json: false, language, time_zone: jiff::tz::TimeZone::UTC }
    }

    #[test]
    fn a_contingency_stands_before_everything_else() {
        let order = json!({ "state": "in_force", "mode": "hold", "expires": "2026-11-21T16:00:00Z", "reason": "r" });
        let shown = render(&json!({ "version": "0.1.0", "contingency": order }), &style(Language::PtBr));
        assert!(shown.starts_with("*** CONTINGÊNCIA EM VIGOR: o correio é retido sem exame; "), "{shown}");
        let shown = render(&json!({ "version": "0.1.0", "contingency": null }), &style(Language::En));
        assert!(shown.starts_with("Portaria 0.1.0"), "{shown}");
    }

    #[test]
    fn attempts_are_shown_by_reason_and_network_and_nothing_without_any() {
        let none = json!({ "since": 0, "reasons": [], "networks": [] });
        assert_eq!(attempts(&none, Language::En), "");
        assert_eq!(attempts(&serde_json::Value::Null, Language::En), "", "the database did not answer");
        let some = json!({
            "since": 0,
            "reasons": [{ "reason": "not_ours", "count": 4_990 }, { "reason": "no_mail", "count": 3 }],
            "networks": [{ "network": "2001:db8::/64", "count": 4_993 }],
        });
        let shown = attempts(&some, Language::PtBr);
        assert!(shown.starts_with("Contadas na última hora, sem registro próprio:\n"), "{shown}");
        for row in [["not_ours", "4990"], ["no_mail", "3"], ["2001:db8::/64", "4993"]] {
            let whole = |line: &str| row.iter().all(|word| line.split_whitespace().any(|other| other == *word));
            assert!(shown.lines().any(whole), "{row:?} is not in:\n{shown}");
        }
    }

    #[test]
    fn status_shows_what_waits_for_the_bucket_and_what_it_lost() {
        let bucket = json!({ "bucket": { "fault": "2 items, 30 octets: nobody answers", "missing_items": 3 } });
        let shown = render(&bucket, &style(Language::PtBr));
        assert!(shown.contains("espera pelo bucket") && shown.contains("nobody answers"), "{shown}");
        assert!(shown.contains("não está mais no bucket: 3"), "{shown}");
        for well in [json!({ "bucket": null }), json!({ "bucket": { "fault": null, "missing_items": 0 } })] {
            assert!(!render(&well, &style(Language::En)).contains("bucket"));
        }
    }

    #[test]
    fn status_shows_a_database_that_is_damaged() {
        let shown = render(&json!({ "database_fault": "row 3 missing" }), &style(Language::PtBr));
        assert!(shown.contains("danificado") && shown.ends_with("row 3 missing\n"), "{shown}");
        assert!(!render(&json!({ "database_fault": null }), &style(Language::En)).contains("database"));
    }

    /// What a gateway says of its next hops and scanners, and of rule files, holds words of others.
    #[test]
    fn nothing_in_an_answer_acts() {
        let bad = "x\u{1b}[2J\u{9b}1m\u{202e}";
        let answer = json!({
            "version": bad, "policy": bad, "health": { bad: true }, "listeners": [{ "address": bad, "bound": bad }],
            "scanners": [{ "scanner": bad, "healthy": true, "handed": bad, "version": bad, "finds_eicar": false }], "reload_fault": format!("{bad}\n{bad}"),
            "certificate_fault": bad,
            "alerts": [{ "condition": bad, "subject": bad, "severity": bad, "since": bad, "detail": bad }],
            "next_hops": [{ "name": bad, "addresses": [{ "address": bad, "healthy": false, "last_error": bad }] }],
            "attempts": { "reasons": [{ "reason": bad, "count": bad }], "networks": [{ "network": bad, "count": 1 }] },
        });
        for shown in [render(&answer, &style(Language::En)), json_line(&answer)] {
            assert_eq!(shown.chars().find(|&c| c != '\n' && acts_or_hides(c)), None, "{shown}");
        }
        assert_eq!(lines("a\u{1b}\nb"), "a\\u{1b}\nb\n");
    }
}
