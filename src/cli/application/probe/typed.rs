//! What can be typed behind `application test`.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::{
    super::super::{Common, Exit},
    Asked,
};
use crate::{language::Text, text};

pub(in crate::cli) fn command(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
) -> Command {
    let option =
        |name: &'static str, value: &'static str, about: Text| help(Arg::new(name).long(name).value_name(value), about);
    let file = |name, about| option(name, "FILE", about).value_parser(value_parser!(PathBuf));
    let id = Arg::new("id").value_name("ID").required_unless_present("sheet").conflicts_with("sheet");
    let about = text!(
        "Tries each parameter of an application's sheet, without sending mail",
        "Testa cada parâmetro da ficha de uma aplicação, sem enviar mensagem"
    );
    sub("test", about)
        .arg(help(id, text!("its id in the registry", "o id dela no registro")))
        .arg(file("sheet", text!("its sheet, where there is no registry", "a ficha dela, onde não há registro")))
        .arg(option(
            "connect",
            "HOST:PORT",
            text!("the server, if not the sheet's", "o servidor, se não for o da ficha"),
        ))
        .arg(file("password-file", text!("its password, the first line", "a senha dela, na primeira linha")))
        .arg(file(
            "ca",
            text!(
                "whose certificates to believe (PEM; default: the system's)",
                "em quais certificados confiar (PEM; padrão: os do sistema)"
            ),
        ))
        .arg(option(
            "recipient",
            "ADDRESS",
            text!(
                "within its reach (default: postmaster of its domain)",
                "ao alcance dela (padrão: postmaster do domínio)"
            ),
        ))
}

pub(in crate::cli) fn test(common: &mut Common, matches: &ArgMatches) -> Exit {
    let text = |name| matches.get_one::<String>(name).map(String::as_str);
    let file = |name| matches.get_one::<PathBuf>(name).map(PathBuf::as_path);
    let asked = Asked {
        id: text("id"),
        sheet: file("sheet"),
        connect: text("connect"),
        password: file("password-file"),
        ca: file("ca"),
        recipient: text("recipient"),
    };
    super::test(common, &asked)
}
