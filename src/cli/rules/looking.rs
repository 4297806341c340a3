//! What can be typed behind `portaria rules replay` and `portaria rules diff`.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::{diff, replay};
use crate::{
    cli::{Common, Exit, arguments::text_of},
    language::{Language, Text},
    text,
};

/// Both commands.
pub(in crate::cli) fn commands(sub: &impl Fn(&'static str, Text) -> Command, language: Language) -> [Command; 2] {
    [replay_command(sub, language), diff_command(sub, language)]
}

/// Does what was typed; none: it was neither of them.
pub(in crate::cli) fn dispatch(common: &mut Common, name: &str, matches: &ArgMatches) -> Option<Exit> {
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    match name {
        "replay" => {
            let asked = replay::Asked {
                since: text_of(matches, "since").to_owned(),
                until: matches.get_one("until").cloned(),
                at: matches.get_one("at").cloned(),
                rule: matches.get_one("rule").cloned(),
                folder: path("dir"),
                by: matches.get_one("by").cloned(),
                samples: matches.get_one::<u16>("limit-shown").copied().unwrap_or_default().into(),
            };
            Some(replay::replay(common, &asked))
        }
        "diff" => Some(diff::diff(common, &path("old").unwrap_or_default(), &path("new").unwrap_or_default())),
        _ => None,
    }
}

fn replay_command(sub: &impl Fn(&'static str, Text) -> Command, language: Language) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let option = |name: &'static str, value: &'static str, about: Text| {
        Arg::new(name).long(name).value_name(value).help(say(about))
    };
    sub(
        "replay",
        text!(
            "What rules would have done with the mail of the last weeks",
            "O que as regras teriam feito com o correio das últimas semanas"
        ),
    )
    .arg(
        option("since", "WHEN", text!("from when on: 30d, 12h, 2026-11-01", "desde quando: 30d, 12h, 2026-11-01"))
            .default_value("30d"),
    )
    .arg(option("until", "WHEN", text!("to before when (default: now)", "até antes de quando (padrão: agora)")))
    .arg(option(
        "at",
        "WHEN",
        text!(
            "as if all had come then (now, 2026-12-01): dates of rules are compared with it",
            "como se tudo tivesse chegado então (now, 2026-12-01): as datas das regras são comparadas com isso"
        ),
    ))
    .arg(option("rule", "ID", text!("only what this rule has a part in", "só o que envolve esta regra")))
    .arg(
        option(
            "dir",
            "FOLDER",
            text!(
                "the rules folder to try (default: rules_dir)",
                "a pasta de regras a experimentar (padrão: rules_dir)"
            ),
        )
        .value_parser(value_parser!(PathBuf)),
    )
    .arg(
        option("limit-shown", "N", text!("so many samples of each kind", "tantas amostras de cada tipo"))
            .default_value("5")
            .value_parser(value_parser!(u16)),
    )
    .arg(option("by", "NAME", text!("who asks, for the audit trail", "quem pede, para a trilha de auditoria")))
    .after_help(say(replay_example()))
}

fn replay_example() -> Text {
    text!(
        "Reads the records of the database and changes nothing; works while the gateway is down. Scanners are left as they were.\n\
         Ends with 0 whatever differs, with 2 when no record holds a subject. docs/decisions/0041 says what it can tell.\n\n\
         Example: what the changed rules would have done, before a reload\n  \
         $ portaria rules replay --since 30d --dir /srv/rules-new\n  \
         newly held: 2 (reverse-paths: 1)\n    \
         2026-11-20 10:00:01  0193…  <a@example.com>  relayed → held (S3B-2026-0042)\n      \
         Boleto de cobrança vencido\n      \
         ^^^^^^^^^^^^^^^^^^\n\n\
         Example: one rule that is on trial\n  \
         $ portaria rules replay --since 7d --rule S3B-2026-0042\n\n\
         Example: for a script, the ids of what would newly be refused\n  \
         $ portaria rules replay --json --limit-shown 1000 | jq -r 'select(.change == \"newly_refused\") | .id'",
        "Lê os registros do banco de dados e não muda nada; funciona com a Portaria parada. O antivírus fica como foi.\n\
         Termina com 0, difira o que diferir; com 2 se nenhum registro tem assunto. docs/decisions/0041 diz o que ele pode dizer.\n\n\
         Exemplo: o que as regras alteradas teriam feito, antes de recarregar\n  \
         $ portaria rules replay --since 30d --dir /srv/regras-novas\n  \
         passariam a ser retidas: 2 (remetentes: 1)\n    \
         2026-11-20 10:00:01  0193…  <a@example.com>  entregue → retida (S3B-2026-0042)\n      \
         Boleto de cobrança vencido\n      \
         ^^^^^^^^^^^^^^^^^^\n\n\
         Exemplo: uma regra em observação\n  \
         $ portaria rules replay --since 7d --rule S3B-2026-0042\n\n\
         Exemplo: para um script, os ids do que passaria a ser recusado\n  \
         $ portaria rules replay --json --limit-shown 1000 | jq -r 'select(.change == \"newly_refused\") | .id'"
    )
}

fn diff_command(sub: &impl Fn(&'static str, Text) -> Command, language: Language) -> Command {
    let say = |text: Text| text.in_language(language).to_owned();
    let folder = |name: &'static str, value: &'static str, about: Text| {
        Arg::new(name).value_name(value).required(true).value_parser(value_parser!(PathBuf)).help(say(about))
    };
    let example = text!(
        "Ends with 0 when nothing differs, with 1 when something does, with 2 when a set cannot be read.\n\n\
         Example: what a change does, before it is put into force\n  \
         $ portaria rules diff /etc/portaria/rules /srv/rules-new\n  \
         ~ S3B-2026-0042 (a.toml:3)\n      \
         mode: observe → enforce\n      \
         match 1, any_words: + vencido\n  \
         examples that are decided otherwise: 1\n      \
         “Boleto vencido”: no rule → S3B-2026-0042 quarantine\n\n\
         Example: what was changed by hand since set 41 of `portaria rules history`\n  \
         $ portaria rules diff 41 /etc/portaria/rules",
        "Termina com 0 se nada difere, com 1 se algo difere, com 2 se um conjunto não pode ser lido.\n\n\
         Exemplo: o que uma mudança faz, antes de pô-la em vigor\n  \
         $ portaria rules diff /etc/portaria/rules /srv/regras-novas\n  \
         ~ S3B-2026-0042 (a.toml:3)\n      \
         mode: observe → enforce\n      \
         match 1, any_words: + vencido\n  \
         exemplos decididos de outro modo: 1\n      \
         “Boleto vencido”: nenhuma regra → S3B-2026-0042 quarantine\n\n\
         Exemplo: o que foi mudado à mão desde o conjunto 41 de `portaria rules history`\n  \
         $ portaria rules diff 41 /etc/portaria/rules"
    );
    sub("diff", text!("What differs between two rule sets", "O que difere entre dois conjuntos de regras"))
        .arg(folder(
            "old",
            "OLD",
            text!("a rules folder, or a set of the history", "uma pasta de regras, ou um conjunto do histórico"),
        ))
        .arg(folder("new", "NEW", text!("another one", "outro conjunto")))
        .after_help(say(example))
}
