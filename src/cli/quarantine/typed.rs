//! What can be typed behind `portaria quarantine`.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{
    act::{self, Wanted},
    export, read,
    search::Typed,
};
use crate::{
    cli::{
        Common, Exit,
        arguments::{list_of, text_of},
    },
    language::{Language, Text},
    store::Mark,
    text,
};

/// The commands. `sub` and `help` make a command and an argument in the language of the person.
pub fn command(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    language: Language,
) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let id = || {
        let about = text!("its id, or the last 6 digits or more", "o protocolo, ou os últimos 6 dígitos ou mais");
        help(Arg::new("id").value_name("ID").required(true), about)
    };
    let lines = Arg::new("content")
        .long("content")
        .value_name("LINES")
        .num_args(0..=1)
        .default_missing_value("40")
        .value_parser(value_parser!(usize));
    let page = |name: &'static str| Arg::new(name).long(name).value_name("N").value_parser(value_parser!(usize));
    let list = sub("list", text!("Lists them, newest first", "Lista, da mais nova à mais antiga"))
        .args(filters(help))
        .arg(help(by(), text!("who acts, for the audit trail", "quem age, para a trilha de auditoria")))
        .arg(help(page("limit"), text!("at most so many", "no máximo tantas")))
        .arg(help(
            page("page").requires("limit"),
            text!("the N-th of such pages, from 1", "a N-ésima dessas páginas, a partir de 1"),
        ));
    let show = sub("show", text!("Shows one", "Mostra uma"))
        .arg(id())
        .arg(help(by(), text!("who looks, for the audit trail", "quem olha, para a trilha de auditoria")))
        .arg(help(lines, text!("and so many lines of its content", "e tantas linhas do conteúdo")));
    sub("quarantine", text!("Held messages", "Mensagens em quarentena"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([list, show])
        .subcommand(release(sub, help, &say))
        .subcommands(decisions(sub, help, &say))
        .subcommand(releases(sub, help, &say))
        .subcommand(
            several(sub("delete", text!("Deletes some for ever", "Exclui algumas para sempre")), help, true).after_help(say(
                text!(
                    "Nothing brings a deleted message back, a backup neither.\n\nExample: what had to go\n  \
                     $ portaria quarantine delete 8f2a91 --reason \"LGPD, REQ 2026/119200\"",
                    "Nada traz de volta uma mensagem excluída, nem um backup.\n\nExemplo: o que precisava sair\n  \
                     $ portaria quarantine delete 8f2a91 --reason \"LGPD, REQ 2026/119200\""
                ),
            )),
        )
        .subcommand(export::command(sub, help))
        .subcommand(
            several(sub("mark", text!("Marks some", "Marca algumas")), help, false)
                .arg(help(flag("seen").conflicts_with("handled"), text!("somebody saw it", "alguém viu")))
                .arg(help(
                    flag("handled").required_unless_present("seen"),
                    text!("somebody looks after it", "alguém está cuidando"),
                ))
                .after_help(say(text!(
                    "Example: maria looks after these two\n  $ portaria quarantine mark 8f2a91 77c0de --handled --by maria",
                    "Exemplo: maria cuida destas duas\n  $ portaria quarantine mark 8f2a91 77c0de --handled --by maria"
                ))),
        )
}

fn release(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    say: &impl Fn(Text) -> String,
) -> Command {
    let about = text!("Delivers some to their recipients", "Entrega algumas aos destinatários");
    several(sub("release", about), help, true)
        .arg(help(
            Arg::new("to").long("to").value_name("ADDRESS").action(ArgAction::Append),
            text!(
                "to this analyst instead; the message stays held",
                "a este analista em vez deles; a mensagem continua retida"
            ),
        ))
        .arg(help(
            flag("copy-of-refused"),
            text!(
                "also copies of what was refused: their senders were told so",
                "também cópias do que foi recusado: os remetentes souberam da recusa"
            ),
        ))
        .arg(help(
            flag("again"),
            text!(
                "also to who may have it already from an earlier release",
                "também a quem talvez já a tenha por uma liberação anterior"
            ),
        ))
        .after_help(say(text!(
            "Antivirus looks again; subject rules and blocks do not. A virus waits for `quarantine approve` by somebody else.\n\n\
             Example: one\n  $ portaria quarantine release 8f2a91 --reason \"asked for by the recipient\"\n\n\
             Example: what one rule held by mistake; the first time without --yes, to see what it would be\n  \
             $ portaria quarantine release --rule S3B-2026-0042 --since 2d --reason \"rule was too wide\" --yes",
            "O antivírus olha de novo; regras de assunto e bloqueios, não. Um vírus espera o `quarantine approve` de outra pessoa.\n\n\
             Exemplo: uma\n  $ portaria quarantine release 8f2a91 --reason \"pedido do destinatário\"\n\n\
             Exemplo: o que uma regra reteve por engano; na primeira vez sem --yes, para ver o que seria\n  \
             $ portaria quarantine release --rule S3B-2026-0042 --since 2d --reason \"regra ampla demais\" --yes"
        )))
}

fn decisions(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    say: &impl Fn(Text) -> String,
) -> [Command; 2] {
    let release = || {
        let about = text!("the release's id, or its last digits", "o id da liberação, ou os últimos dígitos");
        help(Arg::new("release").value_name("RELEASE").required(true), about)
    };
    let one = |name, about, example: Text| {
        sub(name, about)
            .arg(release())
            .arg(help(reason(), text!("why", "por quê")))
            .arg(help(by(), text!("for whom", "em nome de quem")))
            .after_help(say(example))
    };
    [
        one(
            "approve",
            text!("The second person's yes to a release", "O sim da segunda pessoa a uma liberação"),
            text!(
                "Account and person must both be others than those who asked.\n\nExample: the second person agrees\n  \
                 $ portaria quarantine approve 41d0aa --by joao --reason \"sample for the vendor\"",
                "Conta e pessoa devem ser outras que as de quem pediu.\n\nExemplo: a segunda pessoa concorda\n  \
                 $ portaria quarantine approve 41d0aa --by joao --reason \"amostra para o fabricante\""
            ),
        ),
        one(
            "deny",
            text!(
                "No to a release that waits: for a second person, or to be tried again",
                "Não a uma liberação que espera: uma segunda pessoa, ou nova tentativa"
            ),
            text!(
                "The message stays held; who has it already keeps it.\n\n\
                 Example: the second person does not agree\n  $ portaria quarantine deny 41d0aa --reason \"it is malware\"\n\n\
                 Example: released by mistake, and the next hop is down\n  \
                 $ portaria quarantine deny 41d0aa --reason \"wrong message\"",
                "A mensagem segue retida; quem já a tem fica com ela.\n\n\
                 Exemplo: a segunda pessoa não concorda\n  $ portaria quarantine deny 41d0aa --reason \"é malware mesmo\"\n\n\
                 Exemplo: liberada por engano, e o próximo salto está fora do ar\n  \
                 $ portaria quarantine deny 41d0aa --reason \"mensagem errada\""
            ),
        ),
    ]
}

fn releases(
    sub: &impl Fn(&'static str, Text) -> Command,
    help: &impl Fn(Arg, Text) -> Arg,
    say: &impl Fn(Text) -> String,
) -> Command {
    sub("releases", text!("Lists releases, and what next hops said", "Lista liberações, e o que disseram os próximos saltos"))
        .arg(help(flag("open"), text!("only those that are not over", "só as que não acabaram")))
        .after_help(say(text!(
            "Example: those that nobody is sure of\n  $ portaria quarantine releases --json | jq 'select(.state == \"unknown\")'",
            "Exemplo: aquelas de que ninguém tem certeza\n  $ portaria quarantine releases --json | jq 'select(.state == \"unknown\")'"
        )))
}

/// For commands about many: ids or a search, and a yes for more than one.
fn several(command: Command, help: &impl Fn(Arg, Text) -> Arg, asks_why: bool) -> Command {
    let ids = Arg::new("ids").value_name("ID").num_args(0..);
    let command = command
        .arg(help(ids, text!("ids, or their last 6 digits or more", "protocolos, ou os últimos 6 dígitos ou mais")))
        .args(filters(help))
        .arg(help(
            flag("yes"),
            text!(
                "does it to more than one, or to what a search finds",
                "faz com mais de uma, ou com o que a busca achar"
            ),
        ))
        .arg(help(by(), text!("for whom", "em nome de quem")));
    if asks_why { command.arg(help(reason(), text!("why", "por quê"))) } else { command }
}

/// What a search can be narrowed by.
fn filters(help: &impl Fn(Arg, Text) -> Arg) -> Vec<Arg> {
    let option = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    vec![
        help(option("sender", "TEXT"), text!("this stands in the reverse-path", "isto está no remetente")),
        help(
            option("recipient", "ADDRESS"),
            text!(
                "for this mailbox, by any of its addresses; or this stands in a recipient",
                "para esta caixa, por qualquer endereço dela; ou isto está em um destinatário"
            ),
        ),
        help(
            option("subject", "WORDS"),
            text!(
                "these stand in the subject; case and accents do not count",
                "isto está no assunto; sem diferenciar maiúsculas e acentos"
            ),
        ),
        help(option("rule", "TEXT"), text!("held by this rule or signature", "retida por esta regra ou assinatura")),
        help(
            option("signature", "NAME"),
            text!("found by a scanner under this name", "achada por um antivírus com este nome"),
        ),
        help(
            option("since", "WHEN"),
            text!("received from then on: 2026-11-20, or 7d", "recebida a partir daí: 2026-11-20, ou 7d"),
        ),
        help(
            option("until", "WHEN"),
            text!("received up to then, the day included", "recebida até aí, com o dia inteiro"),
        ),
        help(
            option("class", "CLASS").value_parser(["virus", "rule", "policy", "unscannable"]),
            text!("of this class", "desta classe"),
        ),
        help(
            option("state", "STATE").value_parser([
                "pending",
                "held",
                "releasing",
                "released",
                "deleted",
                "expired",
                "withdrawn",
            ]),
            text!("in this state", "neste estado"),
        ),
        help(flag("unseen"), text!("that nobody has marked as seen", "que ninguém marcou como vista")),
        help(flag("unhandled"), text!("that nobody looks after", "de que ninguém cuida")),
    ]
}

fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

fn reason() -> Arg {
    Arg::new("reason").long("reason").value_name("TEXT").required(true)
}

fn by() -> Arg {
    Arg::new("by").long("by").value_name("NAME")
}

fn typed(matches: &ArgMatches) -> Typed {
    let word = |name: &str| matches.get_one::<String>(name).cloned();
    Typed {
        sender: word("sender"),
        recipient: word("recipient"),
        subject: word("subject"),
        rule: word("rule"),
        signature: word("signature"),
        since: word("since"),
        until: word("until"),
        class: word("class"),
        state: word("state"),
        unseen: matches.get_flag("unseen"),
        unhandled: matches.get_flag("unhandled"),
    }
}

fn wanted(matches: &ArgMatches) -> Wanted {
    Wanted {
        ids: list_of(matches, "ids"),
        search: typed(matches),
        yes: matches.get_flag("yes"),
        by: matches.get_one("by").cloned(),
        reason: matches.try_get_one::<String>("reason").ok().flatten().cloned().unwrap_or_default(),
    }
}

/// Does what was typed.
pub fn dispatch(common: &mut Common, matches: &ArgMatches) -> Exit {
    let by = |sub: &ArgMatches| sub.get_one::<String>("by").cloned();
    match matches.subcommand() {
        Some(("list", sub)) => {
            let (limit, page) = (sub.get_one::<usize>("limit").copied(), sub.get_one::<usize>("page").copied());
            read::list(common, &typed(sub), read::Listing { limit, page, by: by(sub) })
        }
        Some(("show", sub)) => {
            read::show(common, text_of(sub, "id"), sub.get_one::<usize>("content").copied(), by(sub))
        }
        Some(("release", sub)) => {
            let (analysts, copies) = (list_of(sub, "to"), sub.get_flag("copy-of-refused"));
            act::release(common, wanted(sub), analysts, copies, sub.get_flag("again"))
        }
        Some((name @ ("approve" | "deny"), sub)) => {
            let (release, reason) = (text_of(sub, "release"), text_of(sub, "reason"));
            act::decide(common, release, name == "approve", by(sub), reason)
        }
        Some(("releases", sub)) => read::releases(common, sub.get_flag("open")),
        Some(("delete", sub)) => act::delete(common, wanted(sub)),
        Some(("export", sub)) => export::dispatch(common, sub),
        Some(("mark", sub)) => {
            act::mark(common, wanted(sub), if sub.get_flag("seen") { Mark::Seen } else { Mark::Handled })
        }
        _ => Exit::Usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quarantine(language: Language) -> Command {
        let sub = |name: &'static str, about: Text| Command::new(name).about(about.in_language(language).to_owned());
        let help = |arg: Arg, about: Text| arg.help(about.in_language(language).to_owned());
        command(&sub, &help, language)
    }

    /// What is told to be typed is understood.
    #[test]
    fn orders_want_a_reason_and_marks_want_a_mark() {
        let parse = |line: &str| quarantine(Language::En).try_get_matches_from(line.split(' ')).is_ok();
        for (line, is_understood) in [
            ("quarantine release 8f2a91 --reason x", true),
            ("quarantine release 8f2a91", false),
            ("quarantine delete 8f2a91", false),
            ("quarantine approve 41d0aa --reason x --by joao", true),
            ("quarantine approve 41d0aa", false),
            ("quarantine mark 8f2a91 77c0de --handled", true),
            ("quarantine mark 8f2a91", false),
            ("quarantine mark 8f2a91 --seen --handled", false),
            ("quarantine show 8f2a91 --content --by maria", true),
            ("quarantine list --class macro", false),
            ("quarantine list --limit 10 --page 2", true),
            ("quarantine list --page 2", false),
            ("quarantine export 8f2a91", false),
            ("quarantine export 8f2a91 --to a.eml", true),
            ("quarantine export 8f2a91 77c0de --zip a.zip", true),
            ("quarantine export 8f2a91 --zip a.zip --password-file p", true),
            ("quarantine export 8f2a91 --zip a.zip --to a.eml", false),
            ("quarantine export 8f2a91 --to a.eml --password-file p", false),
            ("quarantine export --zip a.zip", false),
        ] {
            assert_eq!(parse(line), is_understood, "{line}");
        }
    }
}
