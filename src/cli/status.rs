//! `portaria status` and `portaria reload`: asked of the running gateway through its control socket.

use std::fmt::Write as _;

use super::{Common, Exit, escape::escape, rendering::json_line, run::with_runtime, table::Table};
use crate::{
    door::control::{self, Command},
    language::Language,
    text,
};

pub(super) fn status(common: &mut Common) -> Exit {
    match ask(common, Command::Status) {
        Ok(answer) if common.json => {
            print!("{}", json_line(&answer));
            Exit::Done
        }
        Ok(answer) => {
            print!("{}", render(&answer, common.language));
            Exit::Done
        }
        Err(exit) => exit,
    }
}

pub(super) fn reload(common: &mut Common) -> Exit {
    let answer = match ask(common, Command::Reload) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    if common.json {
        print!("{}", json_line(&answer));
    }
    if field(&answer, "ok").as_bool() == Some(true) {
        let version = field(&answer, "policy").as_str().unwrap_or_default();
        let told = text!("in force: rule set {version}", "em vigor: conjunto de regras {version}");
        if !common.json {
            println!("{}", told.in_language(common.language));
        }
        return Exit::Done;
    }
    if !common.json {
        eprint!("{}", lines(field(&answer, "faults").as_str().unwrap_or_default()));
        let told =
            text!("nothing changed: mend the faults and reload again", "nada mudou: corrija as falhas e recarregue");
        eprintln!("{}", told.in_language(common.language));
    }
    Exit::Faults
}

/// A field of the answer; what is not there is null.
fn field<'v>(value: &'v serde_json::Value, name: &str) -> &'v serde_json::Value {
    value.get(name).unwrap_or(&serde_json::Value::Null)
}

/// Several lines, each escaped, so that what stands in them does nothing to a terminal.
fn lines(text: &str) -> String {
    text.lines().map(|line| escape(line) + "\n").collect()
}

fn ask(common: &mut Common, command: Command) -> Result<serde_json::Value, Exit> {
    let settings = common.settings().ok_or(Exit::Faults)?;
    let socket = settings.gateway.data_dir.join("control.sock");
    let asked = with_runtime(async { Ok(control::ask(&socket, &command).await) });
    match asked {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(fault)) => {
            let socket = socket.display().to_string();
            let told = text!(
                "the gateway cannot be reached at {socket}: {fault}; is it running, and may you open its socket?",
                "não é possível falar com a Portaria em {socket}: {fault}; ela está rodando, e você pode abrir o soquete?"
            );
            eprintln!("{}", told.in_language(common.language));
            Err(Exit::NotReachable)
        }
        Err(fault) => {
            eprintln!("{}", fault.in_language(common.language));
            Err(Exit::Faults)
        }
    }
}

fn render(answer: &serde_json::Value, language: Language) -> String {
    let words = |en: &'static str, pt: &'static str| if language == Language::En { en } else { pt };
    let text = |value: &serde_json::Value| escape(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let mut out = String::new();
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
    let mut table = Table::new([words("part", "parte").to_owned(), words("state", "estado").to_owned()]);
    let good = |value: &serde_json::Value| {
        if value.as_bool() == Some(true) { "ok".to_owned() } else { words("FAULT", "FALHA").to_owned() }
    };
    for (part, state) in field(answer, "health").as_object().into_iter().flatten() {
        table.row([escape(part), good(state)]);
    }
    for listener in field(answer, "listeners").as_array().into_iter().flatten() {
        table.row([
            format!("{} {}", words("listener", "escuta"), text(field(listener, "address"))),
            text(field(listener, "bound")),
        ]);
    }
    for scanner in field(answer, "scanners").as_array().into_iter().flatten() {
        let name = format!("{} {}", words("scanner", "antivírus"), text(field(scanner, "scanner")));
        table.row([name, format!("{}, {}", good(field(scanner, "healthy")), text(field(scanner, "handed")))]);
    }
    for next_hop in field(answer, "next_hops").as_array().into_iter().flatten() {
        for address in field(next_hop, "addresses").as_array().into_iter().flatten() {
            let name = format!("{} {}", words("next hop", "próximo salto"), text(field(next_hop, "name")));
            table.row([name, format!("{} {}", text(field(address, "address")), good(field(address, "healthy")))]);
        }
    }
    out.push_str(&table.render());
    if let Some(fault) = field(answer, "reload_fault").as_str() {
        let _ = writeln!(
            out,
            "{}\n{}",
            words("The rule files have faults:", "Os arquivos de regras têm falhas:"),
            lines(fault)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::language::acts_or_hides;

    /// What a gateway says of its next hops and scanners, and of rule files, holds words of others.
    #[test]
    fn nothing_in_an_answer_acts() {
        let bad = "x\u{1b}[2J\u{9b}1m\u{202e}";
        let answer = json!({
            "version": bad, "policy": bad, "health": { bad: true }, "listeners": [{ "address": bad, "bound": bad }],
            "scanners": [{ "scanner": bad, "healthy": true, "handed": bad }], "reload_fault": format!("{bad}\n{bad}"),
            "next_hops": [{ "name": bad, "addresses": [{ "address": bad, "healthy": false, "last_error": bad }] }],
        });
        for shown in [render(&answer, Language::En), json_line(&answer)] {
            assert_eq!(shown.chars().find(|&c| c != '\n' && acts_or_hides(c)), None, "{shown}");
        }
        assert_eq!(lines("a\u{1b}\nb"), "a\\u{1b}\nb\n");
    }
}
