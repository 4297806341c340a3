//! `portaria track export`: what a search finds as a document that says what it is.
//!
//! Period, counting rule, time zone, number of records, who and when, and a SHA-256 of the records as they stand in it. In the audit
//! trail, with that hash, before the file is there.

mod csv;
mod json;
mod pdf;

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use clap::ArgMatches;

use super::{
    looked,
    query::{Found, Query},
    shown, style,
};
use crate::{
    cli::{Common, Exit, arguments::text_of, escape::escape, rendering::Style, rendering::json_line},
    language::Text,
    record::{audit::Action, window::DAYS_BEFORE},
    text,
};

/// Records of one document: beyond that nobody reads it, and all of it is in memory at once.
const MOST: u32 = 100_000;

/// What every format says before the records: a name for scripts, a label for people, a value.
struct Statement(Vec<(&'static str, Text, String)>);

pub(super) fn export(common: &mut Common, query: &Query, matches: &ArgMatches) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = style(common, &settings);
    let (format, to) = (text_of(matches, "format"), matches.get_one::<PathBuf>("to").cloned().unwrap_or_default());
    let found = match looked(&settings, query, MOST, &style) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    if let Some(why) = incomplete(&found, &style) {
        eprintln!("{why}");
        return Exit::Faults;
    }
    let (document, hash) = document(&found, format, &style);
    let name = to.display().to_string();
    // The name must be free before the trail says that something was exported to it.
    let written = match new_file(&to) {
        Ok(file) => file,
        Err(fault) => {
            let name = escape(&name);
            eprintln!(
                "{}",
                style.say(&text!("{name}: {fault}: nothing was exported", "{name}: {fault}: nada foi exportado"))
            );
            return Exit::Faults;
        }
    };
    let detail = [("format", format.to_owned()), ("file", name.clone()), ("sha256", hash.clone())];
    if let Err(what) = found.audit(&settings, Action::TrackingExported, detail.clone()) {
        let _ = std::fs::remove_file(&to);
        eprintln!("{}", style.say(&what));
        return Exit::Faults;
    }
    if let Err(fault) = write(written, &document) {
        let _ = std::fs::remove_file(&to);
        let outcome = [("outcome", format!("not done: {fault}"))];
        // A full disk stops both: the first reason is told whatever becomes of the second.
        let noted = found.audit(&settings, Action::TrackingExported, detail.into_iter().chain(outcome));
        let name = escape(&name);
        eprintln!("{}", style.say(&text!("{name}: {fault}", "{name}: {fault}")));
        if let Err(what) = noted {
            eprintln!("{}", style.say(&what));
        }
        return Exit::Faults;
    }
    let records = found.records.len();
    if style.json {
        print!("{}", json_line(&serde_json::json!({ "file": name, "records": records, "sha256": hash })));
    } else {
        let name = escape(&name);
        println!(
            "{}",
            style.say(&text!(
                "{name}: {records} records, SHA-256 {hash}",
                "{name}: {records} registros, SHA-256 {hash}"
            ))
        );
    }
    Exit::Done
}

/// A document that lacks something would be taken for one that does not.
fn incomplete(found: &Found, style: &Style) -> Option<String> {
    if found.more {
        let said = text!(
            "more than {MOST} records: narrow it down, by --since and --until for example",
            "mais de {MOST} registros: restrinja, por exemplo com --since e --until"
        );
        return Some(style.say(&said).to_owned());
    }
    shown::missing(found, style)
}

fn new_file(to: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)
}

fn write(mut file: std::fs::File, document: &[u8]) -> io::Result<()> {
    file.write_all(document)?;
    file.sync_all()
}

/// The file, and the SHA-256 of the records in it: of a PDF, of the same records as CSV.
fn document(found: &Found, format: &str, style: &Style) -> (Vec<u8>, String) {
    let records = if format == "json" { json::records(found) } else { csv::records(found, style) };
    let hash: String =
        digest(&SHA256, records.as_bytes()).as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    let statement = Statement::of(found, &hash, style);
    let document = match format {
        "json" => (json::statement(&statement) + &records).into_bytes(),
        "pdf" => pdf::document(found, &statement, &hash, style),
        _ => (csv::statement(&statement) + &records).into_bytes(),
    };
    (document, hash)
}

impl Statement {
    fn of(found: &Found, hash: &str, style: &Style) -> Self {
        let request = &found.request;
        let filters: Vec<String> = found.filters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let written = request.scope.mailboxes.iter().map(|asked| asked.written.as_str());
        let about: Vec<&str> = written.chain(request.scope.subject.as_deref()).collect();
        let by = match &found.actor.person {
            Some(person) => format!("{} ({person})", found.actor.account),
            None => found.actor.account.clone(),
        };
        let rule = text!(
            "clause 10.1.2: {DAYS_BEFORE} whole calendar days before the day of receipt, and that day, in this time zone",
            "item 10.1.2: {DAYS_BEFORE} dias corridos inteiros antes do dia do recebimento, mais esse dia, neste fuso"
        );
        let received = request.received.map(|day| day.to_string()).unwrap_or_default();
        let late = if request.late {
            style
                .say(&text!("yes: the first days may be gone", "sim: os primeiros dias podem já não existir"))
                .to_owned()
        } else {
            style.say(&text!("no", "não")).to_owned()
        };
        Self(vec![
            ("request", text!("Request", "Pedido"), request.number.clone()),
            ("who", text!("Who asks", "Quem pede"), request.who.clone()),
            ("received", text!("Received", "Recebido em"), received),
            ("about", text!("About", "Sobre"), about.join(" ")),
            ("filters", text!("Narrowed to", "Restrito a"), filters.join(" ")),
            ("from", text!("From", "De"), style.rfc3339(found.span.from)),
            ("until", text!("Up to, without", "Até, exclusive"), style.rfc3339(found.span.until)),
            ("time_zone", text!("Time zone", "Fuso horário"), request.time_zone.clone()),
            ("counting_rule", text!("Counting rule", "Contagem"), style.say(&rule).to_owned()),
            ("late", text!("Registered late", "Registrado tarde"), late),
            ("exported_at", text!("Exported", "Exportado em"), style.rfc3339(found.at)),
            ("exported_by", text!("By", "Por"), by),
            ("program", text!("Program", "Programa"), concat!("Portaria ", env!("CARGO_PKG_VERSION")).to_owned()),
            ("sha256", text!("SHA-256", "SHA-256"), hash.to_owned()),
            // Last: in CSV and JSON the records begin behind it.
            ("records", text!("Records", "Registros"), found.records.len().to_string()),
        ])
    }
}

#[cfg(test)]
mod tests;
