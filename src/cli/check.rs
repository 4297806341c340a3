//! `portaria check`: everything that can be found wrong before mail is at stake.
//!
//! In: the configuration's path and the time. Out: a report as text or as JSON lines, and the exit code. It reads files and
//! connects to nobody: whoever can ask next hops and scanners adds their lines before the report is written.

use std::{collections::BTreeSet, fmt::Write as _, path::Path, time::SystemTime};

use serde_json::json;

use super::{escape::escape, rendering::json_line};
use crate::{
    antivirus::{self, CheckedRules, ScannerKind},
    config::{self, CheckLine, CheckStatus, Listener, ListenerTls, Settings},
    document::{Fault, Faults, Severity},
    language::{Language, Text},
    policy::{
        Policy,
        directory::{Entries, ServedDomain},
        route::NextHopName,
        scanning::Contingency,
    },
    text,
};

/// What was looked at, and what was found.
#[derive(Debug)]
pub struct Checked {
    settings: Option<Settings>,
    /// One a file or folder of files: what it holds, or how many faults; the faults themselves stand in `faults`.
    files: Vec<CheckLine>,
    /// Everything else.
    lines: Vec<CheckLine>,
    faults: Faults,
}

/// Checks the configuration at `path`, the files that it names, and the rules.
pub fn check(path: &Path, now: SystemTime) -> Checked {
    let (settings, faults) = match config::load(path) {
        Ok(loaded) => (Some(loaded.settings), loaded.warnings),
        Err(faults) => (None, faults),
    };
    let mut checked = Checked { settings: None, files: Vec::new(), lines: Vec::new(), faults };
    let shown = path.display();
    let subject = text!("configuration {shown}", "configuração {shown}");
    checked.files.push(about_files(subject, text!("complete", "completa"), &checked.faults));
    if let Some(settings) = &settings {
        let (policy, faults) = config::load_policy(settings, now);
        checked.files.push(rules(settings, &policy, &faults, now));
        checked.lines.extend(policy.scanning.contingency_at(now).map(contingency));
        checked.faults.append(faults);
        checked.lines.extend(settings.listeners.iter().map(listener));
        checked.lines.extend(settings.directory.domains().iter().map(domain));
        checked.lines.extend(policy.directory.entries().map(directory));
        let internet = settings.applications.internet_next_hop.as_ref();
        let unused_next_hops = policy.directory.unused_next_hops().filter(|name| internet != Some(name));
        checked.lines.extend(unused_next_hops.map(unused));
        checked.lines.extend(config::probe(settings, now));
        for folder in yara_folders(settings) {
            let (holds, faults) = antivirus::check_yara_rules(folder);
            checked.files.push(yara(folder, holds.as_ref(), &faults));
            checked.faults.append(faults);
        }
    }
    Checked { settings, ..checked }
}

impl Checked {
    /// The settings, if they can be run on: to ask next hops and scanners.
    pub fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    /// Adds what others looked at.
    pub fn add(&mut self, extra: Vec<CheckLine>) {
        self.lines.extend(extra);
    }

    /// The language of the configuration; none when it could not be read.
    pub fn language(&self) -> Option<Language> {
        self.settings.as_ref().map(|settings| settings.gateway.language)
    }

    /// 0 when there is no error (warnings do not count), else 1.
    pub fn exit_code(&self) -> u8 {
        u8::from(self.count(CheckStatus::Error) > 0)
    }

    /// For a person: a line for each thing looked at, every fault with its place, and the sum.
    pub fn render(&self, language: Language) -> String {
        let mut out = String::new();
        let lines = self.files.iter().chain(&self.lines);
        let width = lines.map(|line| line.status.name(language).len()).max().unwrap_or(0);
        for line in self.files.iter().chain(&self.lines) {
            // What a scanner or a next hop answered stands in some of them.
            let (subject, detail) =
                (escape(line.subject.in_language(language)), escape(line.detail.in_language(language)));
            // A write to a String cannot fail.
            let _ = writeln!(out, "{:width$}  {subject}: {detail}", line.status.name(language));
        }
        for fault in &self.faults.0 {
            let _ = write!(out, "\n{}", fault.render(language));
        }
        let sum = counted(self.count(CheckStatus::Error), self.count(CheckStatus::Warning));
        let _ = writeln!(out, "\n{}", sum.in_language(language));
        out
    }

    /// For a program: one JSON object a line, first what was looked at, then every fault. Keys and values of `kind`, `status`
    /// and `severity` are stable; texts are for people.
    pub fn render_json(&self, language: Language) -> String {
        let lines = self.files.iter().chain(&self.lines).map(|line| {
            json!({
                "kind": "check",
                "subject": line.subject.in_language(language),
                "status": line.status.name(Language::En),
                "detail": line.detail.in_language(language),
            })
        });
        let faults = self.faults.0.iter().map(|fault| fault_json(fault, language));
        lines.chain(faults).map(|line| json_line(&line)).collect()
    }

    fn count(&self, status: CheckStatus) -> usize {
        let lines = self.lines.iter().filter(|line| line.status == status).count();
        lines + count(&self.faults, if status == CheckStatus::Error { Severity::Error } else { Severity::Warning })
    }
}

fn count(faults: &Faults, severity: Severity) -> usize {
    faults.0.iter().filter(|fault| fault.severity == severity).count()
}

/// `2 errors, 1 warning`
pub(super) fn counted(errors: usize, warnings: usize) -> Text {
    let (error, erro) = if errors == 1 { ("error", "erro") } else { ("errors", "erros") };
    let (warning, aviso) = if warnings == 1 { ("warning", "aviso") } else { ("warnings", "avisos") };
    text!("{errors} {error}, {warnings} {warning}", "{errors} {erro}, {warnings} {aviso}")
}

/// Files: what they hold, and how many faults if there are any.
fn about_files(subject: Text, holds: Text, faults: &Faults) -> CheckLine {
    let (errors, warnings) = (count(faults, Severity::Error), count(faults, Severity::Warning));
    let sum = counted(errors, warnings);
    if errors > 0 {
        CheckLine::error(subject, sum)
    } else if warnings > 0 {
        CheckLine::warning(subject, Text { en: holds.en + "; " + &sum.en, pt: holds.pt + "; " + &sum.pt })
    } else {
        CheckLine::ok(subject, holds)
    }
}

fn rules(settings: &Settings, policy: &Policy, faults: &Faults, now: SystemTime) -> CheckLine {
    let folder = settings.gateway.rules_dir.display();
    let (rules, entries) = (policy.rules.len(), policy.blocked.entries());
    let (listed, acting) = (entries.len(), entries.filter(|block| block.in_force(now)).count());
    let ignored = policy.scanning.exceptions.iter().filter(|exception| exception.period.contains(now)).count();
    let version = &policy.version;
    let holds = text!(
        "version {version}, {rules} subject rules, {listed} blocked mailboxes ({acting} in force), {ignored} finds ignored",
        "versão {version}, {rules} regras de assunto, {listed} caixas bloqueadas ({acting} em vigor), {ignored} achados ignorados"
    );
    about_files(text!("rules {folder}", "regras {folder}"), holds, faults)
}

/// The folders of YARA rules, each once.
fn yara_folders(settings: &Settings) -> BTreeSet<&Path> {
    let kinds = settings.antivirus.iter().flat_map(|antivirus| antivirus.scanners.iter().map(|scanner| &scanner.kind));
    kinds
        .filter_map(|kind| match kind {
            ScannerKind::Yara { rules, .. } => Some(rules.as_path()),
            ScannerKind::Clamd(_) => None,
        })
        .collect()
}

/// Compiled, and their examples tried: how long those took is what a slow rule shows in first.
fn yara(folder: &Path, holds: Option<&CheckedRules>, faults: &Faults) -> CheckLine {
    let folder = folder.display();
    let holds = match holds {
        Some(CheckedRules { version, rules, examples, took }) => {
            let took = took.as_millis();
            text!(
                "version {version}, {rules} rules, {examples} examples as they say, in {took} ms",
                "versão {version}, {rules} regras, {examples} exemplos como dizem, em {took} ms"
            )
        }
        None => text!("not usable", "não servem"),
    };
    about_files(text!("YARA rules {folder}", "regras YARA {folder}"), holds, faults)
}

/// A switch that is thrown is nothing to pass over.
fn contingency(order: &Contingency) -> CheckLine {
    let (mode, reason, ticket) = (order.mode.name(), &order.reason, &order.ticket);
    CheckLine::warning(
        text!("contingency", "contingência"),
        text!(
            "in force, mail is not scanned: {mode}, {reason} ({ticket})",
            "em vigor, o correio não é examinado: {mode}, {reason} ({ticket})"
        ),
    )
}

fn listener(listener: &Listener) -> CheckLine {
    let (address, tls) = (listener.address, listener.tls.name());
    let detail = match listener.tls {
        ListenerTls::Off => text!("mail comes in clear (tls = \"off\")", "o correio chega em claro (tls = \"off\")"),
        _ => text!("tls = \"{tls}\"", "tls = \"{tls}\""),
    };
    CheckLine::ok(text!("listener {address}", "listener {address}"), detail)
}

fn domain(domain: &ServedDomain) -> CheckLine {
    let (name, next_hop, aliases) = (&domain.name, &domain.next_hop, domain.aliases.join(", "));
    let detail = if aliases.is_empty() {
        text!("to `{next_hop}`", "para `{next_hop}`")
    } else {
        text!("to `{next_hop}`, also {aliases}", "para `{next_hop}`, também {aliases}")
    };
    CheckLine::ok(text!("domain {name}", "domínio {name}"), detail)
}

fn directory(entries: &Entries) -> CheckLine {
    let (addresses, mailboxes) = (entries.addresses(), entries.all().iter().filter(|entry| entry.is_mailbox()).count());
    let lists = entries.all().len().saturating_sub(mailboxes);
    let detail = text!(
        "mailboxes: {mailboxes}, lists: {lists}, addresses: {addresses}; others are refused; `portaria directory check` holds it \
         against the norm",
        "caixas: {mailboxes}, listas: {lists}, endereços: {addresses}; os outros são recusados; `portaria directory check` o confere \
         com a norma"
    );
    CheckLine::ok(text!("directory", "diretório"), detail)
}

fn unused(name: &NextHopName) -> CheckLine {
    let what = text!("no mail goes to it", "nenhum correio vai para ele");
    CheckLine::warning(text!("next hop {name}", "próximo salto {name}"), what)
}

pub(super) fn fault_json(fault: &Fault, language: Language) -> serde_json::Value {
    let place = fault.place.as_ref();
    json!({
        "kind": "fault",
        "file": fault.file.display().to_string(),
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
        "severity": if fault.severity == Severity::Error { "error" } else { "warning" },
        "what": fault.what.in_language(language),
        "help": fault.help.as_ref().map(|help| help.in_language(language)),
        "lines": fault.lines,
    })
}

#[cfg(test)]
mod tests;
