//! What can be typed behind `portaria quarantine export`.

use std::path::PathBuf;

use clap::{Arg, ArgGroup, ArgMatches, Command, value_parser};

use super::{Form, Wanted, export};
use crate::{
    cli::{Common, Exit, arguments::list_of},
    language::Text,
    text,
};

/// Ids at once: what is known of each is in memory until the archive is written.
const MOST: usize = 1_000;

/// The command. `sub` and `help` make a command and an argument in the language of the person.
pub(in crate::cli::quarantine) fn command(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
) -> Command {
    let file = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf))
    };
    let ids = Arg::new("ids").value_name("ID").num_args(1..=MOST).required(true);
    sub("export", text!("Takes some out of the quarantine, into a file", "Tira algumas da quarentena, para um arquivo"))
        .arg(help(ids, text!("ids, or their last 6 digits or more", "protocolos, ou os últimos 6 dígitos ou mais")))
        .arg(help(
            file("to", "FILE"),
            text!(
                "one, as it is kept, into a file that is not there yet",
                "uma, como está guardada, em um arquivo que ainda não existe"
            ),
        ))
        .arg(help(
            file("zip", "FILE"),
            text!(
                "all of them, each with what is known of it, into a ZIP that only a password opens",
                "todas, cada uma com o que se sabe dela, em um ZIP que só uma senha abre"
            ),
        ))
        .arg(help(
            file("password-file", "FILE").requires("zip").conflicts_with("to"),
            text!(
                "the password is its first line (default: the terminal asks for one, or shows one that is made)",
                "a senha é a primeira linha dele (padrão: o terminal pede uma, ou mostra uma criada na hora)"
            ),
        ))
        .arg(help(Arg::new("by").long("by").value_name("NAME"), text!("for whom", "em nome de quem")))
        .group(ArgGroup::new("form").args(["to", "zip"]).required(true))
}

/// Does what was typed.
pub(in crate::cli::quarantine) fn dispatch(common: &mut Common, matches: &ArgMatches) -> Exit {
    let file = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let form = match (file("to"), file("zip")) {
        (Some(to), None) => Form::AsKept(to),
        (None, Some(zip)) => Form::Zip(zip, file("password-file")),
        _ => return Exit::Usage,
    };
    let wanted = Wanted { ids: list_of(matches, "ids"), by: matches.get_one("by").cloned(), form };
    if matches!(wanted.form, Form::AsKept(_)) && wanted.ids.len() > 1 {
        let what = text!("--to is for one; for many there is --zip", "--to é para uma só; para várias há --zip");
        eprintln!("{}", what.in_language(common.language));
        return Exit::Usage;
    }
    export(common, &wanted)
}
