//! What can be typed behind `portaria antivirus`.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::Start;
use crate::{
    cli::{
        Common, Exit,
        arguments::{list_of, text_of},
    },
    document::duration,
    language::{Language, Text},
    policy::scanning::{LONGEST, Mode},
    text,
};

/// The commands. `sub` and `help` make a command and an argument in the language of the person.
pub fn command(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    language: Language,
) -> Command {
    let option = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let by = || {
        help(
            option("by", "NAME"),
            text!("who orders it; else who is logged in", "quem ordena; senão, quem está no sistema"),
        )
    };
    let modes = Mode::ALL.map(Mode::name);
    let start = sub("start", text!("Begins it, for a time", "Começa, por um tempo"))
        .arg(help(
            option("mode", "MODE").required(true).value_parser(modes),
            text!(
                "deliver (with a tag), hold (quarantine) or defer (451)",
                "deliver (entrega marcada), hold (quarentena) ou defer (451)"
            ),
        ))
        .arg(help(
            option("for", "TIME").required(true).value_parser(move |written: &str| length(written, language)),
            text!("how long: \"4 h\", at most \"7 days\"", "por quanto tempo: \"4 h\", no máximo \"7 days\""),
        ))
        .arg(help(option("reason", "TEXT").required(true), text!("why", "por quê")))
        .arg(help(option("ticket", "TEXT").required(true), text!("the request that asks for it", "o chamado que pede")))
        .arg(by())
        .arg(help(
            option("group", "GROUP").action(ArgAction::Append),
            text!(
                "a scanner group that is not asked; without it all",
                "um grupo de antivírus a não consultar; sem isto, todos"
            ),
        ));
    let end = sub("end", text!("Ends it before its time", "Encerra antes da hora"))
        .arg(help(option("reason", "TEXT").required(true), text!("why", "por quê")))
        .arg(by());
    sub("antivirus", text!("What is ordered about scanning", "O que está ordenado sobre o antivírus"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            sub(
                "contingency",
                text!(
                    "The contingency switch: shows it, begins it, ends it",
                    "A chave de contingência: mostra, começa, encerra"
                ),
            )
            .subcommand(start)
            .subcommand(end),
        )
        .subcommand(sub(
            "exceptions",
            text!("Finds that are ignored, and for how long", "Achados que são ignorados, e por quanto tempo"),
        ))
}

/// What `--for` takes: more than nothing, and at most what the switch may last.
fn length(written: &str, language: Language) -> Result<Duration, String> {
    let length = duration(written).filter(|length| (Duration::from_secs(1)..=LONGEST).contains(length));
    length.ok_or_else(|| {
        text!(
            "a time with its unit, at most 7 days: \"30 min\", \"4 h\", \"2 days\"",
            "um tempo com unidade, no máximo 7 dias: \"30 min\", \"4 h\", \"2 days\""
        )
        .in_language(language)
        .to_owned()
    })
}

/// Does what was typed.
pub fn dispatch(common: &mut Common, matches: &ArgMatches) -> Exit {
    match matches.subcommand() {
        Some(("contingency", sub)) => match sub.subcommand() {
            Some(("start", sub)) => order(sub).map_or(Exit::Usage, |order| super::start(common, order)),
            Some(("end", sub)) => super::end(common, text_of(sub, "reason"), sub.get_one("by").cloned()),
            _ => super::contingency(common),
        },
        Some(("exceptions", _)) => super::exceptions(common),
        _ => Exit::Usage,
    }
}

/// None only if clap let something through that it was told not to.
fn order(matches: &ArgMatches) -> Option<Start> {
    let named = text_of(matches, "mode");
    Some(Start {
        mode: Mode::ALL.into_iter().find(|mode| mode.name() == named)?,
        length: matches.get_one("for").copied()?,
        groups: list_of(matches, "group"),
        reason: text_of(matches, "reason").to_owned(),
        ticket: text_of(matches, "ticket").to_owned(),
        by: matches.get_one("by").cloned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_lasts_at_most_a_week() {
        for (written, expected) in [
            ("4 h", Some(4 * 3600)),
            ("7 days", Some(7 * 86_400)),
            ("169 h", None),
            ("8 days", None),
            ("0 s", None),
            ("4", None),
            ("18446744073709551615 days", None),
        ] {
            assert_eq!(length(written, Language::En).ok(), expected.map(Duration::from_secs), "{written}");
        }
    }
}
