//! What can be typed: the commands and their arguments, in the language of the person, and who answers them.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{
    Common, Exit, alert, antivirus, application, audit, backup, checking, demo, directory, help,
    logging::{self, Format},
    mailbox, quarantine, records, restore, rule_files, rules, run, status, track,
};
use crate::{
    language::{Language, Text},
    text,
};

const CONFIG: &str = "portaria.toml";
const SYSTEM_CONFIG: &str = "/etc/portaria/portaria.toml";

/// What is said of an option of a search that was typed without a value, as `--rule "$RULE"` of a script that never set it.
pub(super) fn says_nothing(option: &str) -> Text {
    text!(
        "--{option} says nothing to look for; leave it out, or write what is sought",
        "--{option} não diz nada a buscar; retire a opção, ou escreva o que procura"
    )
}

/// The whole command line.
pub(super) fn command(language: Language) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let about = text!(
        "An inbound mail filtering gateway: antivirus, subject rules, blocked mailboxes, quarantine",
        "Filtro de correio de entrada: antivírus, regras de assunto, caixas bloqueadas, quarentena"
    );
    let whole = localised(Command::new("portaria"), language)
        .version(env!("CARGO_PKG_VERSION"))
        .about(say(about))
        .disable_version_flag(true)
        .arg(
            Arg::new("version")
                .short('V')
                .long("version")
                .action(ArgAction::Version)
                .help(say(text!("Print version", "mostra a versão"))),
        )
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
        .subcommands(subcommands(language));
    help::complete(whole, language)
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
        sub("explain", text!("What happened to a message, and why", "O que houve com uma mensagem, e por quê"))
            .arg(help(
                id(),
                text!("its id, or the last 6 digits or more", "o protocolo, ou os últimos 6 dígitos ou mais"),
            ))
            .arg(help(
                Arg::new("request").long("request").value_name("NUMBER"),
                text!("only if this tracking request is about it", "só se este pedido de rastreamento a abrange"),
            ))
            .arg(help(
                Arg::new("by").long("by").value_name("NAME"),
                text!("who acts, for the audit trail", "quem age, para a trilha de auditoria"),
            )),
        rule_commands(&sub, &help, language),
        directory::command(&sub, language),
        quarantine::command(&sub, &help, language),
        track::command(&sub, language),
        alerts(&sub),
        applications(&sub, &help),
        antivirus::command(&sub, &help, language),
        mailbox::command(&sub, &help, language),
        audit::command(&sub, &help, language),
        backup::command(&sub, &help),
        restore::command(&sub, &help),
    ]
}

fn applications(sub: &impl Fn(&'static str, Text) -> Command, help: &impl Fn(Arg, Text) -> Arg) -> Command {
    let id = Arg::new("id").value_name("ID").required(true);
    let days = Arg::new("days").long("days").value_name("N").default_value("30").value_parser(value_parser!(u32));
    sub("application", text!("Registered applications", "Aplicações registradas"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(sub(
            "list",
            text!("The registry: state, reach, caps, review", "O registro: estado, alcance, limites, revisão"),
        ))
        .subcommand(
            sub("sheet", text!("What an application has to set", "O que uma aplicação precisa configurar"))
                .arg(help(id, text!("its id", "o seu id"))),
        )
        .subcommand(
            sub("report", text!("Who sent what where", "Quem enviou o quê, e para onde"))
                .arg(help(days, text!("so many days back", "tantos dias para trás"))),
        )
        .subcommand(sub("password", text!("Makes a hash for the registry", "Gera um hash para o registro")))
        .subcommand(application::test_command(sub, help))
}

fn alerts(sub: &impl Fn(&'static str, Text) -> Command) -> Command {
    sub("alert", text!("What somebody has to be told", "O que alguém precisa saber"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(sub(
            "list",
            text!("Alerts that stand, since when, and what to do", "Alertas em aberto, desde quando, e o que fazer"),
        ))
        .subcommand(sub(
            "test",
            text!(
                "Sends a test by every route of [alert] and shows what each answered",
                "Envia um teste por cada rota de [alert] e mostra o que cada uma respondeu"
            ),
        ))
}

fn rule_commands(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    language: Language,
) -> Command {
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
            )),
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
                text!(
                    "a message, a mailbox file (mbox), or a folder of them; - for the standard input",
                    "uma mensagem, um arquivo mbox, ou uma pasta deles; - para a entrada padrão"
                ),
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
            )),
        )
        .subcommands(rules::looking::commands(sub, language))
        .subcommand(rules::typed::history(sub, help, language))
        .subcommand(rules::typed::rollback(sub, help, language))
}

fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// clap's own `--help`, which it has in English only; `help` has its other words.
fn localised(command: Command, language: Language) -> Command {
    match language {
        Language::En => command,
        Language::PtBr => command
            .disable_help_flag(true)
            .next_help_heading("Opções")
            .arg(Arg::new("help").short('h').long("help").action(ArgAction::Help).help("mostra esta ajuda")),
    }
}

/// Does what was typed.
pub(super) fn dispatch(matches: &ArgMatches, language: Language) -> Exit {
    let mut common = Common { config: config_path(matches), json: matches.get_flag("json"), language };
    match matches.subcommand() {
        Some(("run", sub)) => {
            let _ending = logging::start(if sub.get_flag("log-json") { Format::Json } else { Format::Text }, "info");
            run::run(&mut common)
        }
        Some(("check", _)) => checking::check(&mut common),
        Some(("demo", sub)) => {
            let _ending = logging::start(Format::Text, "error");
            demo::run(sub.get_flag("once"), &common)
        }
        Some(("status", _)) => status::status(&mut common),
        Some(("reload", _)) => status::reload(&mut common),
        Some(("explain", sub)) => {
            let text = |name: &str| sub.get_one::<String>(name).cloned();
            let (id, request, by) = (text_of(sub, "id").to_owned(), text("request"), text("by"));
            records::explain(&mut common, &records::Asked { id, request, by })
        }
        Some(("rules", sub)) => match sub.subcommand() {
            Some(("check", sub)) => rule_files::check(&mut common, &list_of(sub, "files")),
            Some(("test", sub)) => rule_files::test(&mut common, &trial(sub)),
            Some((name, sub)) => rules::looking::dispatch(&mut common, name, sub)
                .unwrap_or_else(|| rules::typed::dispatch(&mut common, name, sub)),
            None => Exit::Usage,
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
            Some(("test", sub)) => application::test(&mut common, sub),
            _ => Exit::Usage,
        },
        Some(("antivirus", sub)) => antivirus::dispatch(&mut common, sub),
        Some(("mailbox", sub)) => mailbox::dispatch(&mut common, sub),
        Some(("track", sub)) => track::dispatch(&mut common, sub),
        Some(("audit", sub)) => audit::dispatch(&mut common, sub),
        Some(("backup", sub)) => backup::dispatch(&mut common, sub),
        Some(("restore", sub)) => restore::dispatch(&common, sub),
        Some(("quarantine", sub)) => quarantine::dispatch(&mut common, sub),
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
}
