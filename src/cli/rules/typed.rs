//! What can be typed behind `portaria rules history` and `portaria rules rollback`.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{
    history::history as shown,
    rollback::{Wanted, rollback as put_back},
};
use crate::{
    cli::{Common, Exit, arguments::text_of},
    language::{Language, Text},
    text,
};

pub(in crate::cli) fn history(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    language: Language,
) -> Command {
    let examples = text!(
        "Example: what was in force, since when, and what changed each time\n  \
         $ portaria rules history\n\n\
         Example: what the change to set 42 was, line by line\n  \
         $ portaria rules history 42 --diff\n\n\
         Example: the rules that judged a message in March; its record names their version\n  \
         $ portaria explain 4f2a91 --json | jq -r .policy\n  \
         $ portaria rules history 8c1d5e02b7aa",
        "Exemplo: o que esteve em vigor, desde quando, e o que mudou a cada vez\n  \
         $ portaria rules history\n\n\
         Exemplo: o que mudou no conjunto 42, linha a linha\n  \
         $ portaria rules history 42 --diff\n\n\
         Exemplo: as regras que julgaram uma mensagem em março; o registro dela traz a versão\n  \
         $ portaria explain 4f2a91 --json | jq -r .policy\n  \
         $ portaria rules history 8c1d5e02b7aa"
    );
    let diff = Arg::new("diff").long("diff").action(ArgAction::SetTrue).requires("set");
    let about = text!("The sets of rules that were in force", "Os conjuntos de regras que estiveram em vigor");
    sub("history", about)
        .arg(help(
            Arg::new("set").value_name("SET"),
            text!("the files of one: its number, or its version", "os arquivos de um: o número, ou a versão"),
        ))
        .arg(help(diff, text!("only what differs from the one before", "só o que difere do anterior")))
        .after_help(examples.in_language(language).to_owned())
}

pub(in crate::cli) fn rollback(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    language: Language,
) -> Command {
    let examples = text!(
        "The files of the rules folder become those of that set, whole, if it loads today; then the gateway reads them. What the set does \
         not have is renamed, not deleted, and `portaria rules rollback NUMBER` with the number of before takes it all back. The audit \
         trail says who and why.\n\n\
         Example: the last change holds mail that it should not\n  \
         $ sudo portaria rules rollback --reason \"BOLETO-3 holds invoices of the bank, REQ 2026/120881\"\n\n\
         Example: a certain set\n  \
         $ sudo portaria rules rollback 41 --reason \"back to before the outbreak\" --by maria.s3b",
        "Os arquivos da pasta de regras passam a ser os daquele conjunto, inteiro, se ele carrega hoje; depois a Portaria os lê. O que o \
         conjunto não tem é renomeado, não apagado, e `portaria rules rollback NÚMERO` com o número de antes desfaz tudo. A trilha de \
         auditoria diz quem e por quê.\n\n\
         Exemplo: a última mudança retém correio que não deveria\n  \
         $ sudo portaria rules rollback --reason \"BOLETO-3 retém faturas do banco, REQ 2026/120881\"\n\n\
         Exemplo: um conjunto certo\n  \
         $ sudo portaria rules rollback 41 --reason \"volta ao de antes do surto\" --by maria.s3b"
    );
    sub("rollback", text!("Puts the files of an earlier set back", "Põe de volta os arquivos de um conjunto anterior"))
        .arg(help(
            Arg::new("set").value_name("SET"),
            text!(
                "its number or version; default: the one before the one in force",
                "o número ou a versão; padrão: o anterior ao que está em vigor"
            ),
        ))
        .arg(help(
            Arg::new("reason").long("reason").value_name("TEXT").required(true),
            text!("why, for the audit trail", "por quê, para a trilha de auditoria"),
        ))
        .arg(help(
            Arg::new("by").long("by").value_name("NAME"),
            text!("who asks for it, if somebody else types", "quem pede, se outra pessoa digita"),
        ))
        .after_help(examples.in_language(language).to_owned())
}

pub(in crate::cli) fn dispatch(common: &mut Common, name: &str, matches: &ArgMatches) -> Exit {
    let set = matches.get_one::<String>("set").map(String::as_str);
    match name {
        "history" => shown(common, set, matches.get_flag("diff")),
        "rollback" => {
            let by = matches.get_one::<String>("by").map(String::as_str);
            put_back(common, &Wanted { set, reason: text_of(matches, "reason"), by })
        }
        _ => Exit::Usage,
    }
}
