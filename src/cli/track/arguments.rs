//! What can be typed behind `portaria track`.

use std::{net::IpAddr, path::PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use jiff::civil::Date;

use super::query::Query;
use crate::{
    language::{Language, Text},
    text,
};

type Sub<'s> = &'s dyn Fn(&'static str, Text) -> Command;

/// The command and all below it.
pub(in crate::cli) fn command(sub: Sub<'_>, language: Language) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let example = text!(
        "A search names a registered request, looks only into its days and at its mailboxes, and stands in the audit trail.\n\n\
         Example: everything that the request asks for\n  \
         $ portaria track --request \"REQ 2026/119004\"\n\n\
         Example: what that mailbox got from one address, with these words in the subject (bolet* is any word that begins so)\n  \
         $ portaria track --request \"REQ 2026/119004\" --sender cobranca@example.com --subject \"bolet* urgente\"\n\n\
         Example: for a script, how each ended\n  \
         $ portaria track --request \"REQ 2026/119004\" --json | jq -r .ending | sort | uniq -c",
        "Uma busca cita um pedido registrado, olha só os dias e as caixas dele, e fica na trilha de auditoria.\n\n\
         Exemplo: tudo o que o pedido abrange\n  \
         $ portaria track --request \"REQ 2026/119004\"\n\n\
         Exemplo: o que essa caixa recebeu de um endereço, com estas palavras no assunto (bolet* é qualquer palavra que comece assim)\n  \
         $ portaria track --request \"REQ 2026/119004\" --sender cobranca@example.com --subject \"bolet* urgente\"\n\n\
         Exemplo: para um script, como cada uma terminou\n  \
         $ portaria track --request \"REQ 2026/119004\" --json | jq -r .ending | sort | uniq -c"
    );
    let limit = Arg::new("limit")
        .long("limit")
        .value_name("N")
        .default_value("100")
        .value_parser(value_parser!(u32).range(1..=100_000))
        .help(say(text!("at most so many records, the newest", "no máximo tantos registros, os mais novos")));
    sub("track", text!("Which messages a mailbox sent and received", "Que mensagens uma caixa enviou e recebeu"))
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .arg_required_else_help(true)
        .args(filters(language))
        .arg(limit)
        .after_help(say(example))
        .subcommand(request(sub, language))
        .subcommand(hold(sub, language))
        .subcommand(export(sub, language))
}

fn option(name: &'static str, value: &'static str, about: Text, language: Language) -> Arg {
    Arg::new(name).long(name).value_name(value).help(about.in_language(language).to_owned())
}

fn filters(language: Language) -> Vec<Arg> {
    let option = |name, value, about| option(name, value, about, language);
    vec![
        option("request", "NUMBER", text!("the request that asks for it", "o pedido que a motiva")).required(true),
        option(
            "mailbox",
            "ADDRESS",
            text!("sent or received by it, under any alias", "enviadas ou recebidas por ela, por qualquer alias"),
        ),
        option("sender", "ADDRESS", text!("sent by it", "enviadas por ele")),
        option("recipient", "ADDRESS", text!("meant for it", "destinadas a ele")),
        option(
            "subject",
            "WORDS",
            text!("all of these words, bolet* for a beginning", "todas estas palavras, bolet* para um começo"),
        ),
        option("message-id", "ID", text!("the Message-ID", "o Message-ID")),
        option("client", "IP", text!("who connected", "quem se conectou")).value_parser(value_parser!(IpAddr)),
        option(
            "id",
            "ID",
            text!("our id, or its last 6 digits or more", "o protocolo, ou os últimos 6 dígitos ou mais"),
        ),
        option("rule", "ID", text!("a rule that matched", "uma regra que casou")),
        option("since", "TIME", text!("from then on", "desde então")),
        option("until", "TIME", text!("up to then, a date wholly", "até então, uma data por inteiro")),
        by(language),
    ]
}

fn by(language: Language) -> Arg {
    option("by", "NAME", text!("who acts, for the audit trail", "quem age, para a trilha de auditoria"), language)
}

fn number(language: Language) -> Arg {
    option("number", "NUMBER", text!("its number", "o seu número"), language).required(true)
}

fn positional(language: Language) -> Arg {
    let about = text!("its number", "o seu número");
    Arg::new("number").value_name("NUMBER").required(true).help(about.in_language(language).to_owned())
}

fn date(name: &'static str, about: Text, language: Language) -> Arg {
    option(name, "DATE", about, language).required(true).value_parser(value_parser!(Date))
}

fn request(sub: Sub<'_>, language: Language) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let option = |name, value, about| option(name, value, about, language);
    let open = text!(
        "Its window is 30 whole days before the day of receipt, and that day; its records are kept until it is closed.\n\n\
         Example: about one mailbox\n  \
         $ portaria track request open --number \"REQ 2026/119004\" --who \"Corregedoria\" --received 2026-11-21 --mailbox fulano.tal@tjpa.jus.br",
        "A janela são 30 dias inteiros antes do dia do recebimento, mais esse dia; os registros ficam até o pedido ser encerrado.\n\n\
         Exemplo: sobre uma caixa\n  \
         $ portaria track request open --number \"REQ 2026/119004\" --who \"Corregedoria\" --received 2026-11-21 --mailbox fulano.tal@tjpa.jus.br"
    );
    let list = text!(
        "Example: those that are still open\n  $ portaria track request list --json | jq 'select(.closed == null) | .number'",
        "Exemplo: os que ainda estão abertos\n  $ portaria track request list --json | jq 'select(.closed == null) | .number'"
    );
    let show = text!(
        "Example: who asked, and who searched what when\n  $ portaria track request show \"REQ 2026/119004\"",
        "Exemplo: quem pediu, e quem buscou o quê e quando\n  $ portaria track request show \"REQ 2026/119004\""
    );
    let close = text!(
        "Example: it was answered, and nothing is searched under it any more\n  $ portaria track request close \"REQ 2026/119004\"",
        "Exemplo: foi respondido, e nada mais se busca por ele\n  $ portaria track request close \"REQ 2026/119004\""
    );
    let many = |arg: Arg| arg.action(clap::ArgAction::Append);
    sub("request", text!("Requests, without which nothing is searched", "Pedidos, sem os quais nada se busca"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            sub("open", text!("Registers one", "Registra um"))
                .arg(number(language))
                .arg(option("who", "TEXT", text!("who asks", "quem pede")).required(true))
                .arg(date("received", text!("the day on which it came", "o dia em que chegou"), language))
                .arg(many(option("mailbox", "ADDRESS", text!("whose messages", "de quem são as mensagens"))))
                .arg(option("subject", "WORDS", text!("of which subject", "de que assunto")))
                .arg(option("reason", "TEXT", text!("why", "por quê")))
                .arg(by(language))
                .after_help(say(open)),
        )
        .subcommand(
            sub("list", text!("All of them, the newest first", "Todos, o mais novo primeiro")).after_help(say(list)),
        )
        .subcommand(
            sub("show", text!("One, and what was searched under it", "Um, e o que se buscou por ele"))
                .arg(positional(language))
                .after_help(say(show)),
        )
        .subcommand(
            sub("close", text!("Ends one", "Encerra um"))
                .arg(positional(language))
                .arg(by(language))
                .after_help(say(close)),
        )
}

fn hold(sub: Sub<'_>, language: Language) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let option = |name, value, about| option(name, value, about, language);
    let open = text!(
        "All records of these days stay until the hold is closed, whatever the retention.\n\n\
         Example: a court orders that a month is kept\n  \
         $ portaria track hold open --number \"PROC 0801234\" --who \"1ª Vara\" --reason \"decisão de 20/11\" --since 2026-10-01 --until 2026-10-31",
        "Todos os registros desses dias ficam até o fim da guarda, qualquer que seja a retenção.\n\n\
         Exemplo: uma decisão manda guardar um mês\n  \
         $ portaria track hold open --number \"PROC 0801234\" --who \"1ª Vara\" --reason \"decisão de 20/11\" --since 2026-10-01 --until 2026-10-31"
    );
    let close = text!(
        "Example: the order is lifted; what is too old goes soon\n  $ portaria track hold close \"PROC 0801234\"",
        "Exemplo: a ordem caiu; o que é velho demais logo se vai\n  $ portaria track hold close \"PROC 0801234\""
    );
    sub("hold", text!("Records kept by law beyond their time", "Registros guardados por ordem legal além do prazo"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            sub("open", text!("Registers one", "Registra uma"))
                .arg(number(language))
                .arg(option("who", "TEXT", text!("who orders it", "quem ordena")).required(true))
                .arg(option("reason", "TEXT", text!("why", "por quê")).required(true))
                .arg(date("since", text!("the first day", "o primeiro dia"), language))
                .arg(date("until", text!("the last day", "o último dia"), language))
                .arg(by(language))
                .after_help(say(open)),
        )
        .subcommand(
            sub("close", text!("Ends one", "Encerra uma"))
                .arg(positional(language))
                .arg(by(language))
                .after_help(say(close)),
        )
}

fn export(sub: Sub<'_>, language: Language) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let example = text!(
        "Says period, counting rule, time zone, number of records and a SHA-256. An existing file is not written over.\n\n\
         Example: to be attached to the answer\n  \
         $ portaria track export --request \"REQ 2026/119004\" --format pdf --to req-119004.pdf\n\n\
         Example: is this CSV what was exported? The hash is of the lines behind the statement\n  \
         $ portaria track export --request \"REQ 2026/119004\" --format csv --to req-119004.csv && sed '1,/^records,/d' req-119004.csv | sha256sum",
        "Diz período, regra de contagem, fuso, número de registros e um SHA-256. Um arquivo que existe não é sobrescrito.\n\n\
         Exemplo: para anexar à resposta\n  \
         $ portaria track export --request \"REQ 2026/119004\" --format pdf --to req-119004.pdf\n\n\
         Exemplo: este CSV é o que foi exportado? O hash é o das linhas depois da declaração\n  \
         $ portaria track export --request \"REQ 2026/119004\" --format csv --to req-119004.csv && sed '1,/^records,/d' req-119004.csv | sha256sum"
    );
    let format = option("format", "FORMAT", text!("csv, json or pdf", "csv, json ou pdf"), language)
        .required(true)
        .value_parser(["csv", "json", "pdf"]);
    let to = option("to", "FILE", text!("a new file", "um arquivo novo"), language)
        .required(true)
        .value_parser(value_parser!(PathBuf));
    sub("export", text!("The records of a request as a document", "Os registros de um pedido como documento"))
        .args(filters(language))
        .arg(format)
        .arg(to)
        .after_help(say(example))
}

/// What is asked for.
pub(super) fn query(matches: &ArgMatches) -> Query {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    Query {
        number: text("request").unwrap_or_default(),
        mailbox: text("mailbox"),
        sender: text("sender"),
        recipient: text("recipient"),
        subject: text("subject"),
        message_id: text("message-id"),
        client: matches.get_one("client").copied(),
        id: text("id"),
        rule: text("rule"),
        since: text("since"),
        until: text("until"),
        person: text("by"),
    }
}
