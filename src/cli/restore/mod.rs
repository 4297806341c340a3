//! `portaria restore`: a backup proven, laid out in an empty folder, and brought up to what happened since, as far as that is known.
//!
//! | what | file |
//! |---|---|
//! | what can be typed, and what is said | here |
//! | entries to their places, and a configuration that leads there | `lay_out` |
//! | what the audit trail says happened after the backup | `later` |
//! | that, and the journal, into the database | `apply` |
//!
//! Nothing has its place before all of it is there: it is made beside the folder, and renamed.

mod apply;
mod later;
mod lay_out;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use jiff::tz::TimeZone;
use serde_json::json;

use self::{apply::Applied, later::Known};
use super::{
    Common, Exit, actor, backup,
    escape::escape,
    rendering::{Style, json_line},
    run::with_runtime,
    show,
};
use crate::{
    door::{
        backup::{Fault, Opened, Progress, Scratch, Tried, note, trial},
        gateway::now,
    },
    language::Text,
    record::{audit::Action, unix_millis},
    store::blob::Keys,
    text,
};

/// In a `data_dir` that no gateway runs on.
pub(super) const LOOKING_ONLY: &str = "logs-only";

/// Beside what begins so, a check unpacks the database; the number of its process follows.
const CHECK: &str = "portaria-restore-";

/// What can be typed.
pub(super) fn command(sub: &impl Fn(&'static str, Text) -> Command, help: &impl Fn(Arg, Text) -> Arg) -> Command {
    let path = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf))
    };
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    sub("restore", text!("Lays a backup out in an empty folder", "Monta um backup em uma pasta vazia"))
        .arg(help(
            Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)),
            text!("the backup", "o backup"),
        ))
        .arg(help(
            path("into", "FOLDER").required_unless_present("check").conflicts_with("check"),
            text!("a folder that is empty, or not there yet", "uma pasta vazia, ou que ainda não existe"),
        ))
        .arg(help(flag("check"), text!("reads all of it, and lays out nothing", "lê tudo, e não monta nada")))
        .arg(help(
            flag("logs-only"),
            text!(
                "only records and audit trail, to be searched: no gateway runs on it",
                "só os registros e a trilha de auditoria, para pesquisa: nenhuma Portaria roda sobre eles"
            ),
        ))
        .arg(help(
            path("audit", "FILE"),
            text!(
                "the audit.log of after the backup (default: the one in the data_dir that it was made of)",
                "o audit.log posterior ao backup (padrão: o da data_dir de origem)"
            ),
        ))
        .arg(help(
            flag("without-later-deletions").conflicts_with("audit"),
            text!(
                "although nobody knows what was deleted or delivered after the backup",
                "mesmo sem saber o que foi excluído ou entregue depois do backup"
            ),
        ))
        .arg(help(
            path("key-file", "KEYS"),
            text!("the keys that it is encrypted with", "as chaves com que está cifrado"),
        ))
        .arg(help(
            path("encryption-keys", "KEYS"),
            text!(
                "the keys of the quarantine, to read held mail back",
                "as chaves da quarentena, para ler de volta o correio retido"
            ),
        ))
        .arg(help(
            Arg::new("by").long("by").value_name("NAME"),
            text!("who asks for it, for the audit trail", "quem pede, para a trilha de auditoria"),
        ))
}

/// What was typed.
struct Wanted {
    file: PathBuf,
    into: Option<PathBuf>,
    logs_only: bool,
    audit: Option<PathBuf>,
    without_later: bool,
    key_file: Option<PathBuf>,
    content_keys: Option<PathBuf>,
    by: Option<String>,
}

/// Does what was typed. It needs no configuration: there may be none left.
pub(super) fn dispatch(common: &Common, matches: &ArgMatches) -> Exit {
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let wanted = Wanted {
        file: path("file").unwrap_or_default(),
        into: path("into"),
        logs_only: matches.get_flag("logs-only"),
        audit: path("audit"),
        without_later: matches.get_flag("without-later-deletions"),
        key_file: path("key-file"),
        content_keys: path("encryption-keys"),
        by: matches.get_one("by").cloned(),
    };
    let style = Style { json: common.json, language: common.language, time_zone: TimeZone::UTC };
    let done = match &wanted.into {
        Some(into) => restore(&wanted, into, &style).map(|text| (text, 0)),
        None => check(&wanted, &std::env::temp_dir(), &style),
    };
    match done {
        Ok((text, exit_code)) => show(&text, exit_code),
        Err(NotDone { what, exit }) => {
            eprintln!("{}", escape(style.say(&what)));
            exit
        }
    }
}

/// Why not, and how the command ends.
#[derive(Debug)]
struct NotDone {
    what: Text,
    exit: Exit,
}

impl From<Text> for NotDone {
    fn from(what: Text) -> Self {
        Self { what, exit: Exit::Faults }
    }
}

/// What is to be said, and the exit code: of a backup that is good, and has content that is damaged, as `backup` said when it was made. What is
/// unpacked on the way stands in `temporary` for a moment.
fn check(wanted: &Wanted, temporary: &Path, style: &Style) -> Result<(String, u8), NotDone> {
    // What a check left that was killed. Whatever hinders that is no reason not to check.
    let _ = Scratch::sweep(temporary, CHECK);
    let folder = temporary.join(format!("{CHECK}{}", std::process::id()));
    let tried = try_it(wanted, &folder, style)?;
    let exit_code = u8::from(!tried.damaged.is_empty());
    if style.json {
        return Ok((json_line(&shown(&tried)), exit_code));
    }
    let (entries, messages, at) = (tried.manifest.entries.len(), held(&tried), style.time(tried.manifest.made_at));
    let host = escape(&tried.manifest.hostname);
    let good = text!(
        "good: {host}, {at} UTC, {entries} entries, {messages} held messages",
        "bom: {host}, {at} UTC, {entries} entradas, {messages} mensagens retidas"
    );
    Ok((style.say(&good).to_owned() + "\n" + &not_whole(&tried, style), exit_code))
}

fn shown(tried: &Tried) -> serde_json::Value {
    let manifest = &tried.manifest;
    json!({
        "hostname": manifest.hostname, "made_at": manifest.made_at, "entries": manifest.entries.len(),
        "messages": tried.contents, "damaged": tried.damaged, "unopened": tried.unopened, "schema": manifest.schema, "version": manifest.portaria,
    })
}

/// Held messages that are in it, those among them that nobody could read without their key.
fn held(tried: &Tried) -> u64 {
    tried.unopened.values().fold(tried.contents, |sum, count| sum.saturating_add(*count))
}

/// Held mail that was damaged before it was copied, or that was not read for want of a key.
fn not_whole(tried: &Tried, style: &Style) -> String {
    let closed = tried.unopened.iter().map(|(key, count)| {
        let key = escape(key);
        text!(
            "{count} of them need the key `{key}` to be read (--encryption-keys)",
            "{count} delas exigem a chave `{key}` para serem lidas (--encryption-keys)"
        )
    });
    let told = backup::damaged_items(&tried.damaged).chain(closed);
    told.map(|line| style.say(&line).to_owned() + "\n").collect()
}

/// Reads all of it back. What the trial needs stands beside `beside` for a moment.
fn try_it(wanted: &Wanted, beside: &Path, style: &Style) -> Result<Tried, NotDone> {
    let ours = |what: Text| NotDone { what, exit: Exit::Usage };
    let keys = keys(wanted.key_file.as_ref(), "--key-file").map_err(ours)?;
    let content_keys = self::keys(wanted.content_keys.as_ref(), "--encryption-keys").map_err(ours)?;
    let file = wanted.file.display().to_string();
    let progress = Arc::new(Progress::default());
    let work = async {
        let scratch = Scratch::beside(beside)?;
        trial(&wanted.file, &keys, &content_keys, &scratch, &progress).await
    };
    let tried = with_runtime(async { Ok(backup::watching(&progress, style, work).await) })?;
    tried.map_err(|fault| match fault {
        // Nothing is known of the backup: whoever takes that for a bad one throws a good one away.
        Fault::Encrypted(key) => ours(text!(
            "{file} was not read: it is encrypted with the key `{key}`; name the file that has it (--key-file)",
            "{file} não foi lido: está cifrado com a chave `{key}`; indique o arquivo que a contém (--key-file)"
        )),
        fault if fault.is_ours() => {
            let folder = beside.parent().unwrap_or(beside).display().to_string();
            ours(text!(
                "{file} was not read to its end, and may be good: {fault} (the database is unpacked in {folder})",
                "{file} não foi lido até o fim, e pode estar bom: {fault} (o banco de dados é descompactado em {folder})"
            ))
        }
        fault => NotDone::from(text!("{file} is refused: {fault}", "{file} é recusado: {fault}")),
    })
}

/// The keys of a file that was named with `option`; none if none was.
fn keys(file: Option<&PathBuf>, option: &str) -> Result<Arc<Keys>, Text> {
    backup::keys(file).map_err(|Text { en, pt }| text!("{option}: {en}", "{option}: {pt}"))
}

fn restore(wanted: &Wanted, into: &Path, style: &Style) -> Result<String, NotDone> {
    let into = std::path::absolute(into).unwrap_or(into.to_owned());
    must_be_empty(&into)?;
    let staging = beside(&into);
    let told = staging.display().to_string();
    fs::DirBuilder::new().mode(0o700).create(&staging).map_err(|fault| match fault.kind() {
        io::ErrorKind::AlreadyExists => text!(
            "{told} is there: another restore is under way, or one was killed; if none is, remove it",
            "{told} existe: outra restauração está em curso, ou uma foi morta; se nenhuma está, remova-a"
        ),
        _ => text!("{told} cannot be made: {fault}", "não é possível criar {told}: {fault}"),
    })?;
    let done = in_staging(wanted, &into, &staging, style);
    if done.is_err() {
        // What is left of a restore that failed is nobody's.
        let _ = fs::remove_dir_all(&staging);
    }
    done
}

fn in_staging(wanted: &Wanted, into: &Path, staging: &Path, style: &Style) -> Result<String, NotDone> {
    let tried = try_it(wanted, &staging.join("trial"), style)?;
    let known = later::known(&tried.manifest, wanted.audit.as_deref(), wanted.without_later || wanted.logs_only)?;
    let file = wanted.file.display().to_string();
    let refused = |fault: &dyn std::fmt::Display| text!("{file}: {fault}", "{file}: {fault}");
    let opened =
        Opened::open(&wanted.file, keys(wanted.key_file.as_ref(), "--key-file")?).map_err(|fault| refused(&fault))?;
    lay_out::entries(&opened, staging, wanted.logs_only).map_err(|fault| refused(&fault))?;
    if let Known::Trail { file, later } = &known {
        lay_out::trail(file, later.head.as_ref(), &staging.join("data"))?;
    }
    lay_out::configuration(staging, into)?;
    let later = match &known {
        Known::Trail { later, .. } => Some(later),
        Known::Nothing { .. } => None,
    };
    let at = unix_millis(now().wall);
    let applied = with_runtime(apply::all(&staging.join("data"), &tried.manifest, later, at))?;
    let detail = BTreeMap::from([
        ("backup".to_owned(), file.clone()),
        ("made_at".to_owned(), tried.manifest.made_at.to_string()),
        ("logs_only".to_owned(), wanted.logs_only.to_string()),
        (
            "later_deletions".to_owned(),
            if later.is_some() { applied.deleted.to_string() } else { "not known".to_owned() },
        ),
    ]);
    let said_by = actor::actor(wanted.by.clone());
    note(&staging.join("data"), at, said_by, Action::BackupRestored, into, detail)
        .map_err(|fault| actor::not_written(&fault))?;
    if wanted.logs_only {
        lay_out::mark_for_looking_only(&staging.join("data"))?;
    }
    lay_out::into_place(staging, into)?;
    Ok(told(wanted, into, &tried, &known, &applied, style))
}

fn told(wanted: &Wanted, into: &Path, tried: &Tried, known: &Known, applied: &Applied, style: &Style) -> String {
    let (later, not_used) = match known {
        Known::Trail { later, .. } => (Some(later), None),
        Known::Nothing { not_used } => (None, not_used.as_ref()),
    };
    if style.json {
        let mut value = shown(tried);
        if let Some(object) = value.as_object_mut() {
            object.insert("into".to_owned(), json!(into));
            object.insert("logs_only".to_owned(), json!(wanted.logs_only));
            object.insert("later_known".to_owned(), json!(later.is_some()));
            object.insert("deleted_since".to_owned(), json!(applied.deleted));
            object.insert("releases_ended".to_owned(), json!(applied.ended));
        }
        return json_line(&value);
    }
    let (folder, at) = (escape(&into.display().to_string()), style.time(tried.manifest.made_at));
    let (messages, deleted, ended) = (held(tried), applied.deleted, applied.ended);
    let mut lines = vec![text!(
        "{folder}: as it was at {at} UTC, with {messages} held messages",
        "{folder}: como estava em {at} UTC, com {messages} mensagens retidas"
    )];
    lines.push(match later {
        Some(_) => text!(
            "by the audit trail of after the backup: {deleted} deleted messages stay deleted, {ended} releases are over and not sent again",
            "pela trilha de auditoria posterior ao backup: {deleted} mensagens excluídas continuam excluídas, {ended} liberações estão \
             encerradas e não serão reenviadas"
        ),
        None => text!(
            "WHAT WAS DELETED OR DELIVERED AFTER THE BACKUP IS NOT KNOWN: it is as it was then; {ended} releases that may have been sent \
             wait for a person",
            "NÃO SE SABE O QUE FOI EXCLUÍDO OU ENTREGUE DEPOIS DO BACKUP: está como era então; {ended} liberações que podem ter sido \
             enviadas aguardam uma pessoa"
        ),
    });
    if let Some(Text { en, pt }) = not_used {
        lines.push(text!("a trail was not used: {en}", "uma trilha não foi usada: {pt}"));
    }
    if later.is_some_and(|later| later.flaws > 0) {
        lines.push(text!(
            "that trail is damaged: `portaria audit verify` says where; what could be read was carried out",
            "essa trilha está danificada: `portaria audit verify` diz onde; o que pôde ser lido foi cumprido"
        ));
    }
    let config = escape(&into.join("portaria.toml").display().to_string());
    lines.push(if wanted.logs_only {
        text!(
            "search it: `portaria track request open --config {config} …`, then `portaria track --config {config} --request …`, `portaria quarantine list --config {config}`",
            "pesquise: `portaria track request open --config {config} …`, depois `portaria track --config {config} --request …`, `portaria quarantine list --config {config}`"
        )
    } else {
        text!(
            "next: `portaria check --config {config}`, then `portaria run --config {config}`",
            "a seguir: `portaria check --config {config}`, depois `portaria run --config {config}`"
        )
    });
    let lines: String = lines.iter().map(|line| style.say(line).to_owned() + "\n").collect();
    lines + &not_whole(tried, style)
}

/// `FOLDER.restoring`.
fn beside(into: &Path) -> PathBuf {
    let mut name = into.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    into.with_file_name(name)
}

fn must_be_empty(into: &Path) -> Result<(), Text> {
    let shown = into.display().to_string();
    match fs::read_dir(into) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(fault) => Err(text!("{shown}: {fault}", "{shown}: {fault}")),
        Ok(mut found) => match found.next() {
            None => Ok(()),
            Some(_) => Err(text!(
                "{shown} is not empty: a backup is laid out beside what is there, never over it",
                "{shown} não está vazia: um backup é montado ao lado do que existe, nunca por cima"
            )),
        },
    }
}
