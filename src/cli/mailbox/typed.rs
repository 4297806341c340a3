//! What can be typed behind `portaria mailbox`.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{Unwanted, Wanted, history::history};
use crate::{
    cli::{Common, Exit, arguments::text_of},
    language::{Language, Text},
    policy::blocked_mailbox::Direction,
    text,
};

/// The commands. `sub` and `help` make a command and an argument in the language of the person.
pub fn command(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    language: Language,
) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    sub("mailbox", text!("Blocked mailboxes", "Caixas bloqueadas"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(block(sub, help).after_help(say(block_example())))
        .subcommand(unblock(sub, help).after_help(say(unblock_example())))
        .subcommand(
            sub("list", text!("Who is blocked, or is going to be", "Quem está bloqueado, ou vai estar"))
                .arg(help(
                    option("at", "WHEN"),
                    text!("as it stands then: 2026-12-01, 30d", "como estará então: 2026-12-01, 30d"),
                ))
                .arg(help(
                    Arg::new("all").long("all").action(ArgAction::SetTrue),
                    text!("entries that are over, too", "também as entradas encerradas"),
                ))
                .after_help(say(list_example())),
        )
        .subcommand(
            sub(
                "history",
                text!(
                    "Who blocked a mailbox, when, why, until when",
                    "Quem bloqueou uma caixa, quando, por quê, até quando"
                ),
            )
            .arg(mailbox(help))
            .after_help(say(history_example())),
        )
}

fn block(sub: &impl Fn(&'static str, Text) -> Command, help: &impl Fn(Arg, Text) -> Arg) -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let directions = Direction::ALL.map(Direction::name);
    sub("block", text!("Blocks one, and puts that into force", "Bloqueia uma, e põe o bloqueio em vigor"))
        .arg(mailbox(help))
        .arg(help(
            option("direction", "WAY").required(true).value_parser(directions),
            text!(
                "what it may not: receive, send or both",
                "o que ela não pode: receive (receber), send (enviar), both (ambos)"
            ),
        ))
        .arg(help(option("reason", "TEXT").required(true), text!("why; kept to ourselves", "por quê; fica só conosco")))
        .arg(help(option("ticket", "TEXT").required(true), text!("the request that asks for it", "o chamado que pede")))
        .arg(by(help))
        .arg(help(
            option("from", "WHEN"),
            text!(
                "from then on; else at once: 2026-12-01, 2026-12-01T08:00, 2d",
                "a partir daí; senão, já: 2026-12-01, 2026-12-01T08:00, 2d"
            ),
        ))
        .arg(help(
            option("until", "WHEN"),
            text!(
                "up to then, the day included; else until it is unblocked: 30d",
                "até aí, com o dia inteiro; senão, até o desbloqueio: 30d"
            ),
        ))
        .arg(help(
            flag("replace"),
            text!("in the place of the entry that blocks it already", "no lugar da entrada que já a bloqueia"),
        ))
}

fn unblock(sub: &impl Fn(&'static str, Text) -> Command, help: &impl Fn(Arg, Text) -> Arg) -> Command {
    let directions = Direction::ALL.map(Direction::name);
    sub("unblock", text!("Unblocks one, and puts that into force", "Desbloqueia uma, e põe isso em vigor"))
        .arg(mailbox(help))
        .arg(help(
            option("direction", "WAY").default_value(Direction::Both.name()).value_parser(directions),
            text!(
                "what it may again: receive, send or both",
                "o que ela volta a poder: receive (receber), send (enviar), both (ambos)"
            ),
        ))
        .arg(help(option("reason", "TEXT").required(true), text!("why", "por quê")))
        .arg(help(option("ticket", "TEXT").required(true), text!("the request that asks for it", "o chamado que pede")))
        .arg(by(help))
}

fn option(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value)
}

fn mailbox(help: &impl Fn(Arg, Text) -> Arg) -> Arg {
    help(
        Arg::new("mailbox").value_name("MAILBOX").required(true),
        text!(
            "an address, a local part, or a name in the directory",
            "um endereço, uma parte local, ou um nome do diretório"
        ),
    )
}

fn by(help: &impl Fn(Arg, Text) -> Arg) -> Arg {
    help(
        option("by", "NAME"),
        text!(
            "who orders it; else whom sudo names, or the account",
            "quem ordena; senão, quem o sudo informa, ou a conta"
        ),
    )
}

fn block_example() -> Text {
    text!(
        "The file keeps its comments and its order. Ends with 3 if the gateway could not be asked: the file is changed all the same.\n\n\
         Example: an account that was taken over may not send until somebody has seen to it\n  \
         $ sudo portaria mailbox block fulano.tal --direction send --reason \"Conta comprometida\" --ticket \"REQ 2026/119005\"\n\n\
         Example: for thirty days, whatever stands there already\n  \
         $ sudo portaria mailbox block fulano.tal --direction both --until 30d --reason \"9.2.31\" --ticket \"REQ 2026/119006\" --replace",
        "O arquivo mantém comentários e ordem. Termina com 3 se a Portaria não pôde ser consultada: o arquivo muda assim mesmo.\n\n\
         Exemplo: uma conta invadida não envia até que alguém cuide dela\n  \
         $ sudo portaria mailbox block fulano.tal --direction send --reason \"Conta comprometida\" --ticket \"REQ 2026/119005\"\n\n\
         Exemplo: por trinta dias, no lugar do que já houver\n  \
         $ sudo portaria mailbox block fulano.tal --direction both --until 30d --reason \"9.2.31\" --ticket \"REQ 2026/119006\" --replace"
    )
}

fn unblock_example() -> Text {
    text!(
        "Takes the entry out of the file; `portaria mailbox history` still tells of it.\n\n\
         Example: the owner has a new password\n  \
         $ sudo portaria mailbox unblock fulano.tal --reason \"Senha trocada\" --ticket \"REQ 2026/119005\"",
        "Retira a entrada do arquivo; `portaria mailbox history` continua a contá-la.\n\n\
         Exemplo: a pessoa trocou a senha\n  \
         $ sudo portaria mailbox unblock fulano.tal --reason \"Senha trocada\" --ticket \"REQ 2026/119005\""
    )
}

fn list_example() -> Text {
    text!(
        "Example: who is going to be blocked at the end of the month\n  $ portaria mailbox list --at 2026-11-30\n\n\
         Example: every address that is blocked to receive, for a script\n  \
         $ portaria mailbox list --json | jq -r 'select(.state == \"in_force\" and .direction != \"send\") | .addresses[]'",
        "Exemplo: quem vai estar bloqueado no fim do mês\n  $ portaria mailbox list --at 2026-11-30\n\n\
         Exemplo: cada endereço que não pode receber, para um script\n  \
         $ portaria mailbox list --json | jq -r 'select(.state == \"in_force\" and .direction != \"send\") | .addresses[]'"
    )
}

fn history_example() -> Text {
    text!(
        "Example: what happened to an account\n  $ portaria mailbox history fulano.tal",
        "Exemplo: o que houve com uma conta\n  $ portaria mailbox history fulano.tal"
    )
}

/// Does what was typed.
pub fn dispatch(common: &mut Common, matches: &ArgMatches) -> Exit {
    let typed = |sub: &ArgMatches, name: &str| sub.get_one::<String>(name).cloned();
    match matches.subcommand() {
        Some(("block", sub)) => {
            let Some(direction) = direction(sub) else { return Exit::Usage };
            let wanted = Wanted {
                mailbox: text_of(sub, "mailbox").to_owned(),
                direction,
                reason: text_of(sub, "reason").to_owned(),
                ticket: text_of(sub, "ticket").to_owned(),
                by: typed(sub, "by"),
                from: typed(sub, "from"),
                until: typed(sub, "until"),
                replace: sub.get_flag("replace"),
            };
            super::block(common, wanted)
        }
        Some(("unblock", sub)) => {
            let Some(direction) = direction(sub) else { return Exit::Usage };
            let unwanted = Unwanted {
                mailbox: text_of(sub, "mailbox").to_owned(),
                direction,
                reason: text_of(sub, "reason").to_owned(),
                ticket: text_of(sub, "ticket").to_owned(),
                by: typed(sub, "by"),
            };
            super::unblock(common, unwanted)
        }
        Some(("list", sub)) => super::list(common, typed(sub, "at").as_deref(), sub.get_flag("all")),
        Some(("history", sub)) => history(common, text_of(sub, "mailbox")),
        _ => Exit::Usage,
    }
}

/// None only if clap let something through that it was told not to.
fn direction(matches: &ArgMatches) -> Option<Direction> {
    let named = text_of(matches, "direction");
    Direction::ALL.into_iter().find(|direction| direction.name() == named)
}

#[cfg(test)]
mod tests {
    use crate::{cli::arguments, language::Language};

    #[test]
    fn help_has_something_to_copy_and_no_option_that_is_not_there() {
        for (language, word) in [(Language::PtBr, "Exemplo: "), (Language::En, "Example: ")] {
            let mut whole = arguments::command(language);
            let mut names = whole.find_subcommand_mut("mailbox").unwrap().clone();
            for name in ["block", "unblock", "list", "history"] {
                let help = names.find_subcommand_mut(name).unwrap().render_long_help().to_string();
                assert!(help.contains(word) && help.contains(&format!("portaria mailbox {name}")), "{help}");
                for line in help.lines().filter(|line| line.trim_start().starts_with("$ ")) {
                    for option in line.split_whitespace().filter(|word| word.starts_with("--")) {
                        assert!(help.contains(&format!("      {option}")) || option == "--json", "{option}: {help}");
                    }
                }
            }
        }
    }
}
