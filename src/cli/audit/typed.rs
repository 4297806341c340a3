//! What can be typed behind `portaria audit`.

use clap::{Arg, ArgMatches, Command};

use super::list::Wanted;
use crate::{
    cli::{Common, Exit},
    language::{Language, Text},
    text,
};

/// The commands. `sub` and `help` make a command and an argument in the language of the person.
pub fn command(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    language: Language,
) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let option = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let list = text!(
        "Example: who blocked or unblocked what in the last month\n  $ portaria audit list --since 30d --object fulano.tal\n\n\
         Example: everything that root did for maria, for a script\n  $ portaria audit list --who maria --json | jq -r '.action' | sort | uniq -c",
        "Exemplo: quem bloqueou ou desbloqueou o quê no último mês\n  $ portaria audit list --since 30d --object fulano.tal\n\n\
         Exemplo: tudo o que root fez por maria, para um script\n  $ portaria audit list --who maria --json | jq -r '.action' | sort | uniq -c"
    );
    let verify = text!(
        "Ends with 1 if anything is wrong, or if there is no trail. docs/audit.md says what each finding means.\n\n\
         Example: every night; the head goes where the gateway's people cannot write\n  $ portaria audit verify | tail -1\n\n\
         Example: is the entry that was kept last month still there\n  $ portaria audit verify --contains 57:9f86d0…\n\n\
         Example: and does the database say the same, here and on other nodes\n  $ portaria audit verify --database",
        "Termina com 1 se algo está errado, ou se não há trilha. docs/audit.md diz o que cada achado significa.\n\n\
         Exemplo: toda noite; a ponta vai para onde quem cuida da Portaria não escreve\n  $ portaria audit verify | tail -1\n\n\
         Exemplo: a entrada guardada no mês passado ainda está lá?\n  $ portaria audit verify --contains 57:9f86d0…\n\n\
         Exemplo: e o banco de dados diz o mesmo, aqui e nos outros nós?\n  $ portaria audit verify --database"
    );
    sub("audit", text!("Who did what: the audit trail", "Quem fez o quê: a trilha de auditoria"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            sub("list", text!("Lists entries, oldest first", "Lista entradas, da mais antiga à mais nova"))
                .arg(help(
                    option("since", "WHEN"),
                    text!(
                        "from then on: 2026-11-20, or 30d for so long ago",
                        "a partir daí: 2026-11-20, ou 30d para tanto tempo atrás"
                    ),
                ))
                .arg(help(option("until", "WHEN"), text!("up to then, the day included", "até aí, com o dia inteiro")))
                .arg(help(option("who", "NAME"), text!("of this account or person", "desta conta ou pessoa")))
                .arg(help(
                    option("action", "WORD"),
                    text!("of this kind, such as mailbox_blocked", "deste tipo, como mailbox_blocked"),
                ))
                .arg(help(
                    option("object", "TEXT"),
                    text!("about what has this in its name", "sobre o que tem isto no nome"),
                ))
                .after_help(say(list)),
        )
        .subcommand(
            sub("verify", text!("Whether every entry is what was written", "Se cada entrada é o que foi escrito"))
                .arg(help(
                    option("contains", "HEAD"),
                    text!(
                        "NUMBER:HASH of an entry that was kept elsewhere",
                        "NÚMERO:HASH de uma entrada guardada em outro lugar"
                    ),
                ))
                .arg(help(
                    Arg::new("database").long("database").action(clap::ArgAction::SetTrue),
                    text!(
                        "and with its copy in the database, and the copies of other nodes",
                        "e com a cópia no banco de dados, e as cópias de outros nós"
                    ),
                ))
                .after_help(say(verify)),
        )
}

/// Does what was typed.
pub fn dispatch(common: &mut Common, matches: &ArgMatches) -> Exit {
    match matches.subcommand() {
        Some(("list", sub)) => {
            let typed = |name: &str| sub.get_one::<String>(name).cloned();
            let wanted = Wanted {
                since: typed("since"),
                until: typed("until"),
                who: typed("who"),
                action: typed("action"),
                object: typed("object"),
            };
            super::list(common, wanted)
        }
        Some(("verify", sub)) => {
            let contains = sub.get_one::<String>("contains").map(String::as_str);
            super::verify(common, contains, sub.get_flag("database"))
        }
        _ => Exit::Usage,
    }
}

#[cfg(test)]
mod tests {
    use crate::{cli::arguments, language::Language};

    #[test]
    fn help_has_something_to_copy_and_no_option_that_is_not_there() {
        for (language, word) in [(Language::PtBr, "Exemplo: "), (Language::En, "Example: ")] {
            let mut whole = arguments::command(language);
            let mut names = whole.find_subcommand_mut("audit").unwrap().clone();
            for name in ["list", "verify"] {
                let help = names.find_subcommand_mut(name).unwrap().render_long_help().to_string();
                assert!(help.contains(word) && help.contains(&format!("$ portaria audit {name}")), "{help}");
                for line in help.lines().filter(|line| line.trim_start().starts_with("$ ")) {
                    for option in line.split_whitespace().filter(|word| word.starts_with("--")) {
                        assert!(help.contains(&format!("      {option}")) || option == "--json", "{option}: {help}");
                    }
                }
            }
        }
    }
}
