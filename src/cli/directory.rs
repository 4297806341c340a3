//! `portaria directory check | lookup`: reads the configuration and the rules folder, and prints what the two have to say.

mod check;
mod lookup;

use std::io::IsTerminal as _;

use clap::{Arg, ArgMatches, Command};

use super::{Common, Exit, rendering::Style, show};
use crate::{
    config,
    door::gateway::now,
    language::{Language, Text},
    text,
};

/// What can be typed behind `portaria directory`.
pub(super) fn command(sub: &impl Fn(&'static str, Text) -> Command, language: Language) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let address = Arg::new("address")
        .value_name("ADDRESS")
        .required(true)
        .help(say(text!("an address, or the name of a mailbox", "um endereço, ou o nome de uma caixa")));
    sub(
        "directory",
        text!("Mailboxes, their addresses, distribution lists", "Caixas, seus endereços, listas de distribuição"),
    )
    .subcommand_required(true)
    .arg_required_else_help(true)
    .subcommand(sub(
        "check",
        text!("Lists what in the directory breaks the norm", "Lista o que no diretório foge à norma"),
    ))
    .subcommand(
        sub(
            "lookup",
            text!(
                "Whose an address is, and where its mail goes",
                "De quem é um endereço, e para onde vai o seu correio"
            ),
        )
        .arg(address),
    )
}

/// Does what was typed.
pub(super) fn dispatch(common: &mut Common, matches: &ArgMatches) -> Exit {
    match matches.subcommand() {
        Some(("check", _)) => checked(common),
        Some(("lookup", sub)) => looked_up(common, super::arguments::text_of(sub, "address")),
        _ => Exit::Usage,
    }
}

fn checked(common: &mut Common) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let now = now().wall;
    let (policy, mut faults) = config::load_policy(&settings, now);
    let (classes, found) = config::load_classes(&settings);
    faults.append(found);
    check::told_once(&policy, &mut faults, now);
    if !common.json {
        eprint!("{}", faults.render(common.language));
    }
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let asked = check::Asked {
        policy: &policy,
        classes: classes.as_ref(),
        faults: &faults,
        alert_to: &settings.alert.mail_to,
        now,
    };
    let shown = if common.json {
        check::as_json(&asked, common.language)
    } else {
        check::as_text(&asked, common.language, colours)
    };
    show(&shown.text, shown.exit_code)
}

fn looked_up(common: &mut Common, written: &str) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let now = now().wall;
    let (policy, faults) = config::load_policy(&settings, now);
    eprint!("{}", faults.render(common.language));
    if faults.has_errors() {
        return Exit::Faults;
    }
    let style = Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone };
    let shown = lookup::lookup(&policy, written, now, &style);
    show(&shown.text, shown.exit_code)
}
