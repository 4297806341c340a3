//! `portaria check`: everything that can be found wrong before mail is at stake.
//!
//! In: the configuration's path and the time. Out: a report as text or as JSON lines, and the exit code. It reads files and
//! connects to nobody: whoever can ask next hops and scanners adds their lines before the report is written.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::json;

use crate::{
    config::{self, CheckLine, CheckStatus, Settings},
    document::{Fault, Faults, Severity},
    language::{Language, Text},
    policy::Policy,
    text,
};

/// What was looked at, and what was found.
#[derive(Debug)]
pub struct Checked {
    settings: Option<Settings>,
    lines: Vec<CheckLine>,
    faults: Faults,
}

/// Checks the configuration at `path`, the files that it names, and the rules.
pub fn check(path: &Path, now: SystemTime) -> Checked {
    let (settings, faults) = match config::load(path) {
        Ok(loaded) => (Some(loaded.settings), loaded.warnings),
        Err(faults) => (None, faults),
    };
    let shown = path.display();
    let mut lines = vec![summed_up(text!("configuration {shown}", "configuração {shown}"), &faults, None)];
    let mut checked_faults = faults;
    if let Some(settings) = &settings {
        lines.extend(listeners(settings));
        lines.extend(domains(settings));
        lines.extend(config::probe(settings, now));
        let (policy, faults) = config::load_policy(settings, now);
        lines.push(rules(settings, &policy, &faults, now));
        checked_faults.append(faults);
    }
    Checked { settings, lines, faults: checked_faults }
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
        let width = self.lines.iter().map(|line| line.status.name(language).len()).max().unwrap_or(0);
        for line in &self.lines {
            let (status, subject) = (line.status.name(language), line.subject.in_language(language));
            // A write to a String cannot fail.
            let _ = writeln!(out, "{status:width$}  {subject}: {}", line.detail.in_language(language));
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
        let lines = self.lines.iter().map(|line| {
            json!({
                "kind": "check",
                "subject": line.subject.in_language(language),
                "status": line.status.name(Language::En),
                "detail": line.detail.in_language(language),
            })
        });
        let faults = self.faults.0.iter().map(|fault| fault_json(fault, language));
        lines.chain(faults).map(|line| format!("{line}\n")).collect()
    }

    /// A line about files sums up their faults, so only lines of their own and faults count.
    fn count(&self, status: CheckStatus) -> usize {
        let severity = if status == CheckStatus::Error { Severity::Error } else { Severity::Warning };
        let faults = self.faults.0.iter().filter(|fault| fault.severity == severity).count();
        let lines = self.lines.iter().filter(|line| line.status == status && !is_sum(line)).count();
        faults + lines
    }
}

fn fault_json(fault: &Fault, language: Language) -> serde_json::Value {
    let place = fault.place.as_ref();
    json!({
        "kind": "fault",
        "file": fault.file.display().to_string(),
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
        "severity": if fault.severity == Severity::Error { "error" } else { "warning" },
        "what": fault.what.in_language(language),
        "help": fault.help.as_ref().map(|help| help.in_language(language)),
    })
}
