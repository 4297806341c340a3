//! `portaria backup`: everything into one file, beside a running gateway or without one; and how the backups stand.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::{
    Common, Exit, actor,
    escape::escape,
    rendering::{Style, json_line, size_shown},
    run::with_runtime,
    show,
    status::field,
    table::Table,
};
use crate::{
    backup::Shelf,
    config::{self, Settings},
    door::{
        backup::{Made, Order, Plan, Progress, Schedule, Sources, make, note},
        gateway::now,
    },
    language::Text,
    record::{audit::Action, unix_millis},
    store::{Store, blob::Keys, settings::Database, subject_key},
    text,
};

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);
/// Damaged items that are named one by one.
const NAMED: usize = 20;
/// Columns of the bar.
const BAR: u64 = 30;

/// What can be typed.
pub(super) fn command(sub: &impl Fn(&'static str, Text) -> Command, help: &impl Fn(Arg, Text) -> Arg) -> Command {
    let path = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf))
    };
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    sub(
        "backup",
        text!("Copies everything into one file, and reads it back", "Copia tudo para um arquivo, e o lê de volta"),
    )
    .arg(help(
        Arg::new("file").value_name("FILE").value_parser(value_parser!(PathBuf)),
        text!(
            "the file to make, or a folder for it (default: the folder of [backup])",
            "o arquivo a criar, ou a pasta para ele (padrão: a pasta de [backup])"
        ),
    ))
    .arg(help(
        path("key-file", "KEYS"),
        text!(
            "encrypts it with the last key of this file (default: key_file of [backup])",
            "cifra com a última chave deste arquivo (padrão: key_file de [backup])"
        ),
    ))
    .arg(help(
        flag("with-keys"),
        text!(
            "puts private keys into it, too: the quarantine's, the one of [tls] and the one of hashed subjects; only into an encrypted one",
            "inclui também as chaves privadas: as da quarentena, a de [tls] e a dos assuntos com hash; só em backup cifrado"
        ),
    ))
    .arg(help(
        flag("list"),
        text!("lists those that are there, and makes none", "lista os que existem, e não faz nenhum"),
    ))
    .arg(help(
        Arg::new("by").long("by").value_name("NAME"),
        text!("who asks for it, for the audit trail", "quem pede, para a trilha de auditoria"),
    ))
}

/// Does what was typed.
pub(super) fn dispatch(common: &mut Common, matches: &ArgMatches) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() };
    let file: Option<&PathBuf> = matches.get_one("file");
    let asked = match (file, &settings.backup) {
        (Some(file), _) => file.clone(),
        (None, Some(backup)) => backup.folder.clone(),
        (None, None) => {
            let what = text!(
                "no FILE is named, and portaria.toml has no [backup] folder",
                "nenhum FILE foi indicado, e portaria.toml não tem pasta em [backup]"
            );
            eprintln!("{}", style.say(&what));
            return Exit::Usage;
        }
    };
    let done = if matches.get_flag("list") {
        list(&asked, &style).map(|text| (text, true))
    } else {
        let typed_keys: Option<&PathBuf> = matches.get_one("key-file");
        let keys = typed_keys.or(settings.backup.as_ref().and_then(|backup| backup.key_file.as_ref()));
        let wanted =
            Wanted { asked, keys, with_keys: matches.get_flag("with-keys"), by: matches.get_one("by").cloned() };
        make_one(&settings, wanted, &style)
    };
    match done {
        Ok((text, is_flawless)) => show(&text, u8::from(!is_flawless)),
        Err(what) => {
            eprintln!("{}", escape(style.say(&what)));
            Exit::Faults
        }
    }
}

struct Wanted<'w> {
    asked: PathBuf,
    keys: Option<&'w PathBuf>,
    with_keys: bool,
    by: Option<String>,
}

fn list(folder: &Path, style: &Style) -> Result<String, Text> {
    let shown = folder.display().to_string();
    let found = Shelf::at(folder).all();
    let found = found.map_err(|fault| text!("{shown}: {fault}", "{shown}: {fault}"))?;
    if style.json {
        let line = |stored: &crate::backup::Stored| {
            json_line(&json!({ "file": stored.path, "made_at": style.rfc3339(stored.made_at), "octets": stored.size }))
        };
        return Ok(found.iter().map(line).collect());
    }
    if found.is_empty() {
        return Ok(style.say(&text!("there is no backup", "não há backup")).to_owned() + "\n");
    }
    let headings = [text!("made at", "feito em"), text!("size", "tamanho"), text!("file", "arquivo")];
    let mut table = Table::new(headings.iter().map(|heading| style.say(heading).to_owned()));
    for stored in found {
        table.row([style.time(stored.made_at), size_shown(stored.size), escape(&stored.path.display().to_string())]);
    }
    Ok(table.render())
}

/// What is to be said, and whether everything that is in it is whole.
fn make_one(settings: &Settings, wanted: Wanted<'_>, style: &Style) -> Result<(String, bool), Text> {
    if !matches!(settings.store.database, Database::Sqlite) {
        return Err(text!(
            "the database is on a PostgreSQL server: nothing was copied. Copy it with pg_dump; docs/operations.md, \"Backup\", says what else, and in \
             which order",
            "o banco de dados está em um servidor PostgreSQL: nada foi copiado. Copie-o com pg_dump; docs/operations.md, \"Backup\", diz o que \
             mais, e em que ordem"
        ));
    }
    if settings.store.content.bucket.is_some() {
        return Err(text!(
            "held content is in a bucket: nothing was copied. Copy the bucket by its own means; docs/operations.md, \"Backup\", says what else, and \
             in which order",
            "o conteúdo retido está em um bucket: nada foi copiado. Copie o bucket com as ferramentas dele; docs/operations.md, \"Backup\", diz o que \
             mais, e em que ordem"
        ));
    }
    if wanted.with_keys && wanted.keys.is_none() {
        return Err(text!(
            "--with-keys needs --key-file: keys beside what they open protect nothing",
            "--with-keys exige --key-file: chaves ao lado do que abrem não protegem nada"
        ));
    }
    let at = unix_millis(now().wall);
    let to = if wanted.asked.is_dir() { Shelf::at(&wanted.asked).place(at) } else { wanted.asked };
    let to = std::path::absolute(&to).unwrap_or(to);
    let mut sources = sources(settings, wanted.with_keys);
    sources.content_keys = keys(settings.store.content.keys.as_ref())?;
    let order = Order { sources, to, at, keys: keys(wanted.keys)?, pace: Duration::ZERO };
    let said_by = actor::actor(wanted.by);
    let write = |detail| {
        note(&settings.gateway.data_dir, at, said_by.clone(), Action::BackupMade, &order.to, detail)
            .map_err(|fault| actor::not_written(&fault))
    };
    let word = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let asked = [("encrypted", word(wanted.keys.is_some())), ("with_keys", word(wanted.with_keys))];
    write(asked.map(|(key, value)| (key.to_owned(), value)).into())?;
    let progress = Arc::new(Progress::default());
    let made = with_runtime(async { Ok(watching(&progress, style, make(&order, &progress)).await) })?;
    match made {
        Ok(made) => Ok((told(&made, wanted.keys.is_some(), style), made.tried.damaged.is_empty())),
        Err(fault) => {
            let noted = write(BTreeMap::from([("outcome".to_owned(), format!("not done: {fault}"))]));
            // A full disk stops both: the first reason is told whatever becomes of the second.
            Err(match noted {
                Ok(()) => text!("no backup was made: {fault}", "nenhum backup foi feito: {fault}"),
                Err(Text { en, pt }) => {
                    text!("no backup was made: {fault}; {en}", "nenhum backup foi feito: {fault}; {pt}")
                }
            })
        }
    }
}

/// Shows on a terminal how far some work is, until it ends. Whoever types Ctrl-C stops it: it leaves nothing then.
pub(super) async fn watching<T>(progress: &Progress, style: &Style, work: impl Future<Output = T>) -> T {
    let is_shown = io::stderr().is_terminal();
    let show = |text: &str| {
        if is_shown {
            eprint!("\r\u{1b}[K{text}");
            let _ = io::stderr().flush();
        }
    };
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => {
                show("");
                return done;
            }
            Ok(()) = tokio::signal::ctrl_c() => progress.stop(),
            () = tokio::time::sleep(LOOK) => show(&(bar(progress.so_far(), style) + "\r")),
        }
    }
}

fn bar((done, total): (u64, u64), style: &Style) -> String {
    let (done_text, total_text) = (size_shown(done), size_shown(total));
    let filled = done.min(total).saturating_mul(BAR).checked_div(total).unwrap_or(0);
    let bar: String = (0..BAR).map(|at| if at < filled { '█' } else { '·' }).collect();
    let of = text!("{done_text} of {total_text}", "{done_text} de {total_text}");
    format!("{bar} {}", style.say(&of))
}

fn told(made: &Made, is_encrypted: bool, style: &Style) -> String {
    let tried = &made.tried;
    let (gone, missing, damaged) = (tried.manifest.gone.len(), &tried.manifest.missing, &tried.damaged);
    let unopened: u64 = tried.unopened.values().sum();
    if style.json {
        return json_line(&json!({
            "file": made.file, "octets": made.octets, "entries": tried.manifest.entries.len(), "messages": tried.contents,
            "gone": gone, "missing": missing, "damaged": damaged, "unopened": unopened, "encrypted": is_encrypted,
            "made_at": style.rfc3339(tried.manifest.made_at),
        }));
    }
    let (file, octets, messages) = (escape(&made.file.display().to_string()), size_shown(made.octets), tried.contents);
    let entries = tried.manifest.entries.len();
    let mut lines = vec![match damaged.len() {
        0 => text!(
            "{file}: {octets}, {entries} entries, {messages} held messages; read back, and good",
            "{file}: {octets}, {entries} entradas, {messages} mensagens retidas; lido de volta, e bom"
        ),
        count => text!(
            "{file}: {octets}, {entries} entries, {messages} held messages; made, with {count} damaged items",
            "{file}: {octets}, {entries} entradas, {messages} mensagens retidas; feito, com {count} itens danificados"
        ),
    }];
    lines.extend(damaged_items(damaged));
    if gone > 0 {
        lines.push(text!(
            "{gone} messages went from the quarantine meanwhile: a restore will know them as deleted",
            "{gone} mensagens saíram da quarentena nesse meio-tempo: uma restauração as terá como excluídas"
        ));
    }
    for id in missing {
        lines.push(text!(
            "the content of {id} is not on the disk, and was not before: see `portaria quarantine show {id}`",
            "o conteúdo de {id} não está no disco, nem estava antes: veja `portaria quarantine show {id}`"
        ));
    }
    if unopened > 0 {
        lines.push(text!(
            "{unopened} messages are encrypted with keys that are not in encryption_keys, and were not read back",
            "{unopened} mensagens estão cifradas com chaves que não estão em encryption_keys, e não foram lidas de volta"
        ));
    }
    if !is_encrypted {
        lines.push(text!(
            "it is not encrypted: whoever reads it reads subjects, addresses and held mail (--key-file)",
            "não está cifrado: quem o ler lê assuntos, endereços e o correio retido (--key-file)"
        ));
    }
    lines.iter().map(|line| style.say(line).to_owned() + "\n").collect()
}

/// A line for each item whose content was spoiled before it was copied, as far as anybody reads them; `--json` has all.
pub(super) fn damaged_items(damaged: &[String]) -> impl Iterator<Item = Text> {
    let more = damaged.len().saturating_sub(NAMED);
    let named = damaged.iter().take(NAMED).map(|id| {
        text!(
            "the content of {id} is damaged, and is in the backup as it was found: delete the item, or put its content back from an earlier backup",
            "o conteúdo de {id} está danificado, e está no backup como foi encontrado: exclua o item, ou reponha o conteúdo a partir de um backup \
             anterior"
        )
    });
    let more = (more > 0).then(|| text!("and so is that of {more} more (--json)", "e o de mais {more} (--json)"));
    named.chain(more).collect::<Vec<_>>().into_iter()
}

/// What `portaria status` says of the backups that are made by themselves; nothing if none are.
pub(super) fn standing(shown: &Value, style: &Style) -> String {
    if shown.is_null() {
        return String::new();
    }
    let mut out = match field(shown, "last_good").as_i64().map(|at| style.time(at)) {
        Some(at) => text!("Last good backup: {at}", "Último backup bom: {at}"),
        None => text!("There is no backup yet", "Ainda não há backup"),
    }
    .in_language(style.language)
    .to_owned();
    if field(shown, "running").as_bool() == Some(true) {
        out += style.say(&text!("; one is being made", "; um está sendo feito"));
    }
    if let Some(fault) = field(shown, "fault").as_str().map(escape) {
        out += style.say(&text!("; THE LAST ONE FAILED: {fault}", "; O ÚLTIMO FALHOU: {fault}"));
    }
    if let Some(flaw) = field(shown, "flaw").as_str().map(escape) {
        out += style.say(&text!("; SEE TO IT: {flaw}", "; VERIFIQUE: {flaw}"));
    }
    out + "\n"
}

/// The keys of a file; none without one.
pub(super) fn keys(file: Option<&PathBuf>) -> Result<Arc<Keys>, Text> {
    let read = file.map(|file| Store::read_keys(file)).transpose();
    read.map(Option::unwrap_or_default)
        .map_err(|fault| text!("the keys cannot be used: {fault}", "não é possível usar as chaves: {fault}"))
}

/// Where everything is, by the settings.
fn sources(settings: &Settings, with_keys: bool) -> Sources {
    let (data_dir, rules_dir) = (settings.gateway.data_dir.clone(), settings.gateway.rules_dir.clone());
    let outside = config::yara_folders(settings).filter(|folder| !folder.starts_with(&rules_dir));
    let tls = settings.tls.iter().flat_map(|tls| [tls.certificate.clone(), tls.key.clone()]);
    let of_subjects = Some(data_dir.join(subject_key::NAME)).filter(|file| file.exists());
    let secrets = settings.store.content.keys.iter().cloned().chain(tls).chain(of_subjects).filter(|_| with_keys);
    Sources {
        hostname: settings.gateway.hostname.clone(),
        outside: outside.map(Path::to_owned).collect(),
        configuration: settings.file.clone(),
        secrets: secrets.collect(),
        content_keys: Arc::default(),
        data_dir,
        rules_dir,
    }
}

/// `[backup]` as the gateway carries it out. On a server the database is somebody else's to copy.
pub(super) fn plan(settings: &Settings) -> Option<Plan> {
    let backup = settings.backup.as_ref().filter(|_| matches!(settings.store.database, Database::Sqlite))?;
    Some(Plan {
        folder: backup.folder.clone(),
        schedule: Schedule { every: backup.every, at: backup.at, zone: settings.gateway.timezone.clone() },
        keep: backup.keep,
        key_file: backup.key_file.clone(),
        content_keys: settings.store.content.keys.clone(),
        alert_after: backup.alert_after,
        sources: sources(settings, false),
    })
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::language::Language;

    #[test]
    fn status_says_how_old_the_last_good_one_is_and_that_one_failed() {
        let style = Style { json: false, language: Language::En, time_zone: TimeZone::UTC };
        assert_eq!(standing(&Value::Null, &style), "");
        let good = json!({ "last_good": 0, "running": false, "fault": null });
        assert_eq!(standing(&good, &style), "Last good backup: 1970-01-01 00:00:00\n");
        let flawed =
            json!({ "last_good": 0, "running": false, "fault": null, "flaw": "made, with 1 damaged items: x" });
        assert_eq!(
            standing(&flawed, &style),
            "Last good backup: 1970-01-01 00:00:00; SEE TO IT: made, with 1 damaged items: x\n"
        );
        let bad = json!({ "last_good": null, "running": true, "fault": "x\u{1b}[2J" });
        assert_eq!(
            standing(&bad, &style),
            "There is no backup yet; one is being made; THE LAST ONE FAILED: x\\u{1b}[2J\n"
        );
    }

    #[test]
    fn the_bar_fills() {
        let style = Style { json: false, language: Language::En, time_zone: TimeZone::UTC };
        assert!(bar((512 << 20, 1 << 30), &style).starts_with(&format!("{}· ", "█".repeat(15)).replace("· ", "·")));
        assert!(bar((0, 0), &style).starts_with(&"·".repeat(30)));
    }
}
