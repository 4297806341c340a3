//! `portaria demo`: the whole gateway on loopback, with a mailbox server of its own and the embedded scanner; needs no
//! configuration and no other program.
#![expect(clippy::disallowed_methods, reason = "the demonstration writes its own configuration")]

mod client;
mod mailbox_server;
mod messages;

use std::{
    fs,
    io::{self, Write as _},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use messages::{Expected, Sample};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::TaskTracker;

use super::{
    Common, Exit,
    run::{metrics, with_runtime},
    start::{self, Inherited, Running},
    table::Table,
};
use crate::{
    config,
    door::gateway::now,
    language::{Language, Text},
    record::{Record, TransactionId},
    smtp::reply::Reply,
    text,
};

/// What the demonstration's folder holds.
const FILES: [(&str, &str); 5] = [
    ("rules/subjects/demo.toml", include_str!("files/subjects.toml")),
    ("rules/mailboxes.toml", include_str!("files/mailboxes.toml")),
    ("rules/yara/eicar.yar", include_str!("../../../rules/yara/eicar.yar")),
    ("rules/yara/eicar.toml", include_str!("../../../rules/yara/eicar.toml")),
    ("portaria.toml", include_str!("files/portaria.toml")),
];

/// Runs the demonstration; with `once`, ends after the samples.
pub(super) fn run(once: bool, common: &Common) -> Exit {
    let (language, json) = (common.language, common.json);
    match with_runtime(async { demonstrate(once, language, json, metrics()?).await }) {
        Ok(true) => Exit::Done,
        Ok(false) => Exit::Faults,
        Err(what) => {
            eprintln!("{}", what.in_language(language));
            Exit::Faults
        }
    }
}

async fn demonstrate(once: bool, language: Language, json: bool, metrics: PrometheusHandle) -> Result<bool, Text> {
    let folder = std::env::temp_dir().join(format!("portaria-demo-{}", std::process::id()));
    let failed = |fault: io::Error| text!("the demonstration failed: {fault}", "a demonstração falhou: {fault}");
    // The name can be guessed: made here, for this user alone, it is nobody else's folder or link.
    fs::DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
    let tasks = TaskTracker::new();
    let maildir = folder.join("Maildir");
    let mailbox_server = mailbox_server::start(&maildir, &tasks).await.map_err(failed)?;
    write_files(&folder, mailbox_server).map_err(failed)?;
    let running = start_gateway(&folder.join("portaria.toml"), metrics, language).await?;
    let listener = *running.listeners.first().ok_or_else(|| text!("no listener", "nenhum listener"))?;
    let good = send_samples(&running, listener, &maildir, language, json).await.map_err(failed)?;
    if !once {
        stay(&running, listener, &folder, language).await;
    }
    running.stop().await;
    fs::remove_dir_all(&folder).map_err(failed)?;
    Ok(good)
}

fn write_files(folder: &Path, mailbox_server: SocketAddr) -> io::Result<()> {
    for (name, text) in FILES {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        let text = text
            .replace("{data_dir}", &folder.join("data").display().to_string())
            .replace("{mailbox_server}", &mailbox_server.to_string());
        fs::write(path, text)?;
    }
    Ok(())
}

async fn start_gateway(file: &Path, metrics: PrometheusHandle, language: Language) -> Result<Running, Text> {
    let rendered = |faults: crate::document::Faults| {
        let faults = faults.render(language);
        text!(
            "the demonstration's own configuration has faults:\n{faults}",
            "a configuração da demonstração tem falhas:\n{faults}"
        )
    };
    let settings = config::load(file).map_err(rendered)?.settings;
    let reloader = start::reloader(&settings, language);
    let (policy, faults) = config::load_policy(&settings, now().wall);
    if faults.has_errors() {
        return Err(rendered(faults));
    }
    start::start(&settings, policy, reloader, Inherited::default(), metrics).await
}

/// Sends every sample and shows what became of it; whether each went as it should.
async fn send_samples(
    running: &Running,
    listener: SocketAddr,
    maildir: &Path,
    language: Language,
    json: bool,
) -> io::Result<bool> {
    let headings = [
        text!("message", "mensagem"),
        text!("id", "protocolo"),
        text!("became", "resultado"),
        text!("reply", "resposta"),
        text!("as expected", "como esperado"),
    ];
    let mut table = Table::new(headings.iter().map(|heading| heading.in_language(language).to_owned()));
    let mut all_good = true;
    for sample in messages::samples() {
        let before = delivered(maildir);
        let reply = client::send(listener, sample.from, sample.to, sample.content.clone()).await?;
        let id = id_of(&sample, running).await;
        let good = went_as_expected(&sample, &reply, running, delivered(maildir) - before).await;
        all_good &= good;
        let what = sample.what.in_language(language).to_owned();
        if json {
            let line = serde_json::json!({
                "message": what, "expected": sample.expected.label().en, "reply": reply.summary(), "id": id, "good": good,
            });
            println!("{line}");
        }
        let became = sample.expected.label().in_language(language).to_owned();
        let verdict = match (good, language) {
            (true, Language::PtBr) => "sim",
            (true, Language::En) => "yes",
            (false, Language::PtBr) => "NÃO",
            (false, Language::En) => "NO",
        };
        table.row([what, id, if good { became } else { "?".into() }, without_id(&reply), verdict.into()]);
    }
    if !json {
        print!("{}", table.render());
    }
    io::stdout().flush()?;
    Ok(all_good)
}

/// Looks at the facts, not at the reply alone: the Maildir, the quarantine.
async fn went_as_expected(sample: &Sample, reply: &Reply, running: &Running, delivered: usize) -> bool {
    let status = reply.enhanced().map(|status| format!("{}.{}.{}", status.0, status.1, status.2)).unwrap_or_default();
    match sample.expected {
        Expected::Delivered => reply.code() == 250 && delivered == 1,
        Expected::Refused(expected) => reply.code() == 550 && status == expected && delivered == 0,
        Expected::Quarantined => {
            let Some(id) = id_in(reply).and_then(|id| TransactionId::try_from(id).ok()) else { return false };
            let item = running.gateway.store.item(&id).await;
            reply.code() == 250 && delivered == 0 && matches!(item, Ok(Some(item)) if item.acknowledged)
        }
    }
}

/// The id of the sample's record. A reply to MAIL or RCPT does not carry it, and the record stands in the database a moment
/// after the reply.
async fn id_of(sample: &Sample, running: &Running) -> String {
    for _ in 0..50 {
        let newest = running.gateway.store.recent(1).await.unwrap_or_default();
        let is_it = |record: &Record| {
            let told = record.recipients.iter().any(|recipient| recipient.address == sample.to);
            record.reverse_path == sample.from && (told || record.recipients.is_empty())
        };
        if let Some(record) = newest.into_iter().find(is_it) {
            return record.id.to_string();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    String::new()
}

/// The reply without the id, which has a column of its own.
fn without_id(reply: &Reply) -> String {
    let summary = reply.summary();
    match id_in(reply) {
        Some(id) => summary.trim_end_matches(&format!(" ({id})")).to_owned(),
        None => summary,
    }
}

/// The id at the end of every reply after DATA.
fn id_in(reply: &Reply) -> Option<String> {
    let text = reply.lines().next_back()?;
    let (_, id) = text.rsplit_once('(')?;
    id.strip_suffix(')').filter(|id| id.len() == 32).map(str::to_owned)
}

fn delivered(maildir: &Path) -> usize {
    fs::read_dir(maildir.join("new")).map_or(0, Iterator::count)
}

async fn stay(running: &Running, listener: SocketAddr, folder: &Path, language: Language) {
    let (folder, http): (PathBuf, SocketAddr) = (folder.to_owned(), running.http);
    let config = folder.join("portaria.toml").display().to_string();
    let maildir = folder.join("Maildir/new").display().to_string();
    let program = std::env::args().next().unwrap_or_else(|| "portaria".into());
    let told = text!(
        "\nStill running: SMTP on {listener}, delivered mail in {maildir},\nhttp://{http}/health/ready and http://{http}/metrics.\n  {program} quarantine list --config {config}\nCtrl+C ends it and removes the folder.",
        "\nContinua rodando: SMTP em {listener}, mensagens entregues em {maildir},\nhttp://{http}/health/ready e http://{http}/metrics.\n  {program} quarantine list --config {config}\nCtrl+C encerra e remove a pasta."
    );
    println!("{}", told.in_language(language));
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
