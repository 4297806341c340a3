//! What can be typed: the commands and their arguments, in the language of the person, and who answers them.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{
    Common, Exit, alert, antivirus, application, audit, checking, demo, directory,
    logging::{self, Format},
    records, rule_files, run, status, track,
};
use crate::{
    language::{Language, Text},
    text,
};

const CONFIG: &str = "portaria.toml";
const SYSTEM_CONFIG: &str = "/etc/portaria/portaria.toml";

/// The whole command line.
pub(super) fn command(language: Language) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let about = text!(
        "An inbound mail filtering gateway: antivirus, subject rules, blocked mailboxes, quarantine",
        "Filtro de correio de entrada: antivírus, regras de assunto, caixas bloqueadas, quarentena"
    );
    let commands = match language {
        Language::En => "Commands",
        Language::PtBr => "Comandos",
    };
    localised(Command::new("portaria"), language)
        .version(env!("CARGO_PKG_VERSION"))
        .about(say(about))
        .subcommand_help_heading(commands)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .global(true)
                .value_parser(value_parser!(PathBuf))
                .help(say(text!(
                    "configuration (default: portaria.toml, then /etc/portaria/portaria.toml)",
                    "configuração (padrão: portaria.toml, depois /etc/portaria/portaria.toml)"
                ))),
        )
        .arg(flag("json").global(true).help(say(text!("one JSON object a line", "um objeto JSON por linha"))))
        .subcommands(subcommands(language))
}

fn subcommands(language: Language) -> Vec<Command> {
    let sub = |name: &'static str, about: Text| {
        localised(Command::new(name), language).about(about.in_language(language).to_owned())
    };
    let help = |arg: Arg, about: Text| arg.help(about.in_language(language).to_owned());
    let id = || Arg::new("id").value_name("ID").required(true);
    let run_json = help(flag("log-json"), text!("logs as JSON objects", "registros (log) como objetos JSON"));
    vec![
        sub("run", text!("Runs the gateway", "Roda a Portaria")).arg(run_json),
        sub(
            "check",
            text!(
                "Checks configuration, rules, lists, certificates, scanners, next hops",
                "Verifica configuração, regras, listas, certificados, antivírus, próximos saltos"
            ),
        ),
        sub(
            "demo",
            text!(
                "Shows the whole gateway at work on this machine; needs nothing else",
                "Mostra a Portaria inteira funcionando nesta máquina; não precisa de mais nada"
            ),
        )
        .arg(help(flag("once"), text!("ends after the samples", "encerra depois das amostras"))),
        sub("status", text!("How the running gateway stands", "Como está a Portaria em execução")),
        sub(
            "reload",
            text!(
                "Puts changed rules, lists and certificate into force",
                "Põe em vigor regras, listas e certificado alterados"
            ),
        ),
        sub("explain", text!("What happened to a message, and why", "O que houve com uma mensagem, e por quê")).arg(
            help(id(), text!("its id, or the last 6 digits or more", "o protocolo, ou os últimos 6 dígitos ou mais")),
        ),
        rules(&sub, &help, language),
        directory::command(&sub, language),
        quarantine(&sub, &help, id),
        track::command(&sub, language),
        alerts(&sub, language),
        applications(&sub, &help, language),
        antivirus::command(&sub, &help, language),
        audit::command(&sub, &help, language),
    ]
}

fn applications(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    language: Language,
) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let list = text!(
        "Example: those whose review is due\n  portaria application list --json | grep '\"review_due\":true'",
        "Exemplo: aquelas cuja revisão venceu\n  portaria application list --json | grep '\"review_due\":true'"
    );
    let sheet = text!(
        "Example: what to send to the people of an application\n  portaria application sheet pje-intimacoes > pje.txt",
        "Exemplo: o que enviar aos responsáveis por uma aplicação\n  portaria application sheet pje-intimacoes > pje.txt"
    );
    let report = text!(
        "Example: the last week\n  portaria application report --days 7",
        "Exemplo: a última semana\n  portaria application report --days 7"
    );
    let password = text!(
        "Example: a password that nobody has to remember, and its line for applications.toml\n  \
         openssl rand -base64 32 | tee secret.txt | portaria application password",
        "Exemplo: uma senha que ninguém precisa lembrar, e a linha para applications.toml\n  \
         openssl rand -base64 32 | tee segredo.txt | portaria application password"
    );
    let id = Arg::new("id").value_name("ID").required(true);
    let days = Arg::new("days").long("days").value_name("N").default_value("30").value_parser(value_parser!(u32));
    sub("application", text!("Registered applications", "Aplicações registradas"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            sub(
                "list",
                text!("The registry: state, reach, caps, review", "O registro: estado, alcance, limites, revisão"),
            )
            .after_help(say(list)),
        )
        .subcommand(
            sub("sheet", text!("What an application has to set", "O que uma aplicação precisa configurar"))
                .arg(help(id, text!("its id", "o seu id")))
                .after_help(say(sheet)),
        )
        .subcommand(
            sub("report", text!("Who sent what where", "Quem enviou o quê, e para onde"))
                .arg(help(days, text!("so many days back", "tantos dias para trás")))
                .after_help(say(report)),
        )
        .subcommand(
            sub("password", text!("Makes a hash for the registry", "Gera um hash para o registro"))
                .after_help(say(password)),
        )
}

fn alerts(sub: &impl Fn(&'static str, Text) -> Command, language: Language) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let list = text!(
        "Example: what stands now, for a script that counts it\n  portaria alert list --json | wc -l",
        "Exemplo: o que está em aberto agora, para um script que conta\n  portaria alert list --json | wc -l"
    );
    let test = text!(
        "Example: after a change of [alert] and a restart; ends with 1 if any route fails\n  sudo -u portaria portaria alert test",
        "Exemplo: depois de mudar [alert] e reiniciar; termina com 1 se alguma rota falhar\n  sudo -u portaria portaria alert test"
    );
    sub("alert", text!("What somebody has to be told", "O que alguém precisa saber"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            sub(
                "list",
                text!(
                    "Alerts that stand, since when, and what to do",
                    "Alertas em aberto, desde quando, e o que fazer"
                ),
            )
            .after_help(say(list)),
        )
        .subcommand(
            sub(
                "test",
                text!(
                    "Sends a test by every route of [alert] and shows what each answered",
                    "Envia um teste por cada rota de [alert] e mostra o que cada uma respondeu"
                ),
            )
            .after_help(say(test)),
        )
}

fn rules(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    language: Language,
) -> Command {
    let (check_example, test_example) = rules_examples(language);
    let many =
        |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value).action(ArgAction::Append);
    let files = Arg::new("files").value_name("FILE").num_args(0..).value_parser(value_parser!(PathBuf));
    sub("rules", text!("Subject rules", "Regras de assunto"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            sub(
                "check",
                text!("Checks rule files and runs their examples", "Verifica arquivos de regras e roda seus exemplos"),
            )
            .arg(help(
                files,
                text!("these files instead of the configured folder", "estes arquivos em vez da pasta configurada"),
            ))
            .after_help(check_example),
        )
        .subcommand(
            sub(
                "test",
                text!("Shows what the rules make of a message", "Mostra o que as regras fazem de uma mensagem"),
            )
            .arg(help(
                many("subject", "TEXT"),
                text!("a Subject, as it stands in the header", "um Subject, como está no cabeçalho"),
            ))
            .arg(help(
                Arg::new("message").long("message").value_name("FILE").value_parser(value_parser!(PathBuf)),
                text!("a message; - for the standard input", "uma mensagem; - para a entrada padrão"),
            ))
            .arg(help(
                Arg::new("sender").long("sender").value_name("ADDRESS"),
                text!("the reverse-path", "o remetente do envelope"),
            ))
            .arg(help(many("recipient", "ADDRESS"), text!("a recipient", "um destinatário")))
            .arg(help(many("list", "ID"), text!("a List-Id", "um List-Id")))
            .arg(help(
                Arg::new("client").long("client").value_name("IP").value_parser(value_parser!(std::net::IpAddr)),
                text!("the client's address", "o endereço do cliente"),
            ))
            .after_help(test_example),
        )
}

/// What to type, and what it answers: most people copy.
fn rules_examples(language: Language) -> (String, String) {
    let check = text!(
        "Ends with 1 if any file has an error; the rules in force stay. docs/rule-checker.md explains each code.\n\n\
         Example: before a reload\n  \
         $ portaria rules check && portaria reload\n\n\
         Example: a file that is not in the folder yet\n  \
         $ portaria rules check boletos.toml\n  \
         boletos.toml:12:25: error: `URGENTE` is `urgente` once more [E37]\n    \
         12 | any_words = [\"urgente\", \"URGENTE\"]\n       \
         |                         ^^^^^^^^^\n       \
         = as compared both are `urgente`: keep one\n\n\
         Example: which codes, for a script\n  \
         $ portaria rules check --json | jq -r 'select(.kind == \"fault\") | .code' | sort | uniq -c",
        "Termina com 1 se algum arquivo tem erro; as regras em vigor continuam. docs/rule-checker.md explica cada código.\n\n\
         Exemplo: antes de recarregar\n  \
         $ portaria rules check && portaria reload\n\n\
         Exemplo: um arquivo que ainda não está na pasta\n  \
         $ portaria rules check boletos.toml\n  \
         boletos.toml:12:25: erro: `URGENTE` é `urgente` outra vez [E37]\n    \
         12 | any_words = [\"urgente\", \"URGENTE\"]\n       \
         |                         ^^^^^^^^^\n       \
         = na comparação os dois são `urgente`: deixe um\n\n\
         Exemplo: quais códigos, para um script\n  \
         $ portaria rules check --json | jq -r 'select(.kind == \"fault\") | .code' | sort | uniq -c"
    );
    let test = text!(
        "Ends with 0 whatever matches. A Subject may be given as it stands in the header, encoded.\n\n\
         Example: what the rules make of a subject\n  \
         $ portaria rules test --subject \"=?iso-8859-1?Q?Boleto_de_Cobran=E7a_-_URGENTE?=\"\n\n\
         Example: of a message that somebody saved, for one recipient\n  \
         $ portaria rules test --message suspeita.eml --recipient noc@tjpa.jus.br\n\n\
         Example: would the exception hold?\n  \
         $ portaria rules test --subject \"Boleto urgente\" --client 10.20.3.4",
        "Termina com 0, case o que casar. O assunto pode vir como está no cabeçalho, codificado.\n\n\
         Exemplo: o que as regras fazem de um assunto\n  \
         $ portaria rules test --subject \"=?iso-8859-1?Q?Boleto_de_Cobran=E7a_-_URGENTE?=\"\n\n\
         Exemplo: de uma mensagem que alguém salvou, para um destinatário\n  \
         $ portaria rules test --message suspeita.eml --recipient noc@tjpa.jus.br\n\n\
         Exemplo: a exceção valeria?\n  \
         $ portaria rules test --subject \"Boleto urgente\" --client 10.20.3.4"
    );
    let say = |text: Text| text.in_language(language).to_owned();
    (say(check), say(test))
}

fn quarantine(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    id: impl Fn() -> Arg,
) -> Command {
    sub("quarantine", text!("Held messages", "Mensagens em quarentena"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(sub("list", text!("Lists them, newest first", "Lista, da mais nova à mais antiga")))
        .subcommand(
            sub("show", text!("Shows one", "Mostra uma"))
                .arg(help(
                    id(),
                    text!("its id, or the last 6 digits or more", "o protocolo, ou os últimos 6 dígitos ou mais"),
                ))
                .arg(help(
                    Arg::new("content")
                        .long("content")
                        .value_name("LINES")
                        .num_args(0..=1)
                        .default_missing_value("40")
                        .value_parser(value_parser!(usize)),
                    text!("and so many lines of its content", "e tantas linhas do conteúdo"),
                )),
        )
}

fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// clap's own words, which it has in English only.
fn localised(command: Command, language: Language) -> Command {
    match language {
        Language::En => command,
        Language::PtBr => command
            .disable_help_flag(true)
            .disable_help_subcommand(true)
            .help_template("{about-with-newline}\nUso: {usage}\n\n{all-args}{after-help}")
            .next_help_heading("Opções")
            .arg(Arg::new("help").short('h').long("help").action(ArgAction::Help).help("mostra esta ajuda")),
    }
}

/// Does what was typed.
pub(super) fn dispatch(matches: &ArgMatches, language: Language) -> Exit {
    let mut common = Common { config: config_path(matches), json: matches.get_flag("json"), language };
    match matches.subcommand() {
        Some(("run", sub)) => {
            logging::start(if sub.get_flag("log-json") { Format::Json } else { Format::Text }, "info");
            run::run(&mut common)
        }
        Some(("check", _)) => checking::check(&mut common),
        Some(("demo", sub)) => {
            logging::start(Format::Text, "error");
            demo::run(sub.get_flag("once"), &common)
        }
        Some(("status", _)) => status::status(&mut common),
        Some(("reload", _)) => status::reload(&mut common),
        Some(("explain", sub)) => records::explain(&mut common, text_of(sub, "id")),
        Some(("rules", sub)) => match sub.subcommand() {
            Some(("check", sub)) => rule_files::check(&mut common, &list_of(sub, "files")),
            Some(("test", sub)) => rule_files::test(&mut common, &trial(sub)),
            _ => Exit::Usage,
        },
        Some(("directory", sub)) => directory::dispatch(&mut common, sub),
        Some(("alert", sub)) => match sub.subcommand() {
            Some(("list", _)) => alert::list(&mut common),
            Some(("test", _)) => alert::test(&mut common),
            _ => Exit::Usage,
        },
        Some(("application", sub)) => match sub.subcommand() {
            Some(("list", _)) => application::list(&mut common),
            Some(("sheet", sub)) => application::sheet(&mut common, text_of(sub, "id")),
            Some(("report", sub)) => application::report(&mut common, sub.get_one("days").copied().unwrap_or(30)),
            Some(("password", _)) => application::password(&common),
            _ => Exit::Usage,
        },
        Some(("antivirus", sub)) => antivirus::dispatch(&mut common, sub),
        Some(("track", sub)) => track::dispatch(&mut common, sub),
        Some(("audit", sub)) => audit::dispatch(&mut common, sub),
        Some(("quarantine", sub)) => match sub.subcommand() {
            Some(("list", _)) => records::list(&mut common),
            Some(("show", sub)) => {
                records::show(&mut common, text_of(sub, "id"), sub.get_one::<usize>("content").copied())
            }
            _ => Exit::Usage,
        },
        _ => Exit::Usage,
    }
}

fn trial(matches: &ArgMatches) -> rule_files::Trial {
    rule_files::Trial {
        subjects: list_of(matches, "subject"),
        message: matches.get_one("message").cloned(),
        sender: matches.get_one("sender").cloned(),
        recipients: list_of(matches, "recipient"),
        lists: list_of(matches, "list"),
        client: matches.get_one("client").copied(),
    }
}

pub(super) fn text_of<'m>(matches: &'m ArgMatches, name: &str) -> &'m str {
    matches.get_one::<String>(name).map(String::as_str).unwrap_or_default()
}

pub(super) fn list_of<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Vec<T> {
    matches.get_many(name).into_iter().flatten().cloned().collect()
}

fn config_path(matches: &ArgMatches) -> PathBuf {
    let given: Option<PathBuf> = matches.get_one("config").cloned();
    given.unwrap_or_else(|| {
        let here = PathBuf::from(CONFIG);
        let system = PathBuf::from(SYSTEM_CONFIG);
        if here.exists() || !system.exists() { here } else { system }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_makes_sense_in_both_languages() {
        for language in [Language::PtBr, Language::En] {
            command(language).debug_assert();
        }
    }

    #[test]
    fn help_speaks_the_language_of_the_person() {
        let help = command(Language::PtBr).render_long_help().to_string();
        assert!(help.contains("Uso: portaria"), "{help}");
        assert!(!help.contains("Usage"), "{help}");
    }

    #[test]
    fn help_of_the_rules_has_something_to_copy() {
        for (language, word) in [(Language::PtBr, "Exemplo: "), (Language::En, "Example: ")] {
            let mut whole = command(language);
            let rules = whole.find_subcommand_mut("rules").unwrap();
            for name in ["check", "test"] {
                let help = rules.find_subcommand_mut(name).unwrap().render_long_help().to_string();
                assert!(help.matches(word).count() == 3, "{help}");
                assert!(help.matches(&format!("\n  $ portaria rules {name}")).count() == 3, "{help}");
                // Every option that an example uses is there.
                for line in help.lines().filter(|line| line.starts_with("  $ portaria")) {
                    for option in line.split_whitespace().filter(|word| word.starts_with("--")) {
                        assert!(help.contains(&format!("{option} ")) || option == "--json", "{option}: {help}");
                    }
                }
            }
        }
    }

    #[test]
    fn help_of_the_alerts_has_something_to_copy() {
        for language in [Language::PtBr, Language::En] {
            let mut whole = command(language);
            let alert = whole.find_subcommand_mut("alert").unwrap();
            for name in ["list", "test"] {
                let help = alert.find_subcommand_mut(name).unwrap().render_long_help().to_string();
                assert!(
                    help.contains(&format!("\n  portaria alert {name}"))
                        || help.contains(&format!("portaria portaria alert {name}")),
                    "{help}"
                );
            }
        }
    }
}
