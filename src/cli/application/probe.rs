//! `portaria application test`: plays the client that an application's sheet describes and says, parameter by parameter, whether the
//! server takes it as the sheet says (clause 8.1.6).
//!
//! In: the sheet, from the registry or from a file that `application sheet --json` wrote, so that it also runs on the application's own
//! machine, where there is no registry. Out: a table, or a line of JSON a parameter. No message is sent: it ends before DATA. Every
//! attempt leaves a record like any other.
#![expect(clippy::disallowed_methods, reason = "a command reads the files that it is given")]

mod dialogue;
mod parameters;
#[cfg(test)]
mod tests;
pub(super) mod typed;

use std::{fs, io::Read as _, path::Path, time::Duration};

use serde::Deserialize;
use serde_json::json;

use self::{
    dialogue::{Dialogue, Tls, Trust},
    parameters::{Finding, Outcome},
};
use super::{
    super::{
        Common, Exit,
        escape::escape,
        rendering::{Rendering, Style, json_line},
        run::with_runtime,
        show,
        table::Table,
    },
    named, registry, sheet,
};
use crate::{language::Text, text};

/// Octets of a sheet or a password file at most: both are small, and a path typed wrong may lead to anything.
const FILE: u64 = 1024 * 1024;

/// The whole probe at most. A next hop that is slow may take 45 s for each recipient.
const PATIENCE: Duration = Duration::from_secs(300);

/// What to test, as it was typed.
#[derive(Debug, Default)]
struct Asked<'a> {
    /// The application's id in the registry.
    id: Option<&'a str>,
    /// Or a file with its sheet in JSON.
    sheet: Option<&'a Path>,
    /// Address and port, instead of the sheet's.
    connect: Option<&'a str>,
    /// A file whose first line is its password.
    password: Option<&'a Path>,
    /// Certificate authorities in PEM, instead of the system's.
    ca: Option<&'a Path>,
    /// A recipient within reach, instead of the postmaster beside its first sender.
    recipient: Option<&'a str>,
}

/// What an application was told to set: the part of `application sheet --json` that can be tried from outside.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Sheet {
    id: String,
    server: String,
    listeners: Vec<Door>,
    login: Option<String>,
    senders: Vec<String>,
    null_sender: bool,
    reach: String,
    internet_domains: Vec<String>,
    message_size: u64,
    max_recipients: u32,
}

/// One listener of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Door {
    port: u16,
    tls: Tls,
}

fn test(common: &mut Common, asked: &Asked<'_>) -> Exit {
    let sheet = match (asked.sheet, asked.id) {
        (Some(file), _) => from_file(file),
        (None, id) => match from_registry(common, id.unwrap_or_default()) {
            Some(sheet) => sheet,
            None => return Exit::Faults,
        },
    };
    let password = asked.password.map(read).transpose();
    let (sheet, password) = match sheet.and_then(|sheet| Ok((sheet, password?))) {
        Ok(both) => both,
        Err(what) => return told(&what, common, Exit::Faults),
    };
    let password = password.as_deref().and_then(|text| text.lines().next());
    match with_runtime(within(PATIENCE, play(&sheet, asked, password))) {
        Ok((address, findings)) => {
            let style = Style { json: common.json, language: common.language, time_zone: jiff::tz::TimeZone::UTC };
            let rendering = rendered(&sheet.id, &address, &findings, &style);
            show(&rendering.text, rendering.exit_code)
        }
        Err(what) => told(&what, common, Exit::NotReachable),
    }
}

fn told(what: &Text, common: &Common, exit: Exit) -> Exit {
    eprintln!("{}", what.in_language(common.language));
    exit
}

/// None after an error, which was told.
fn from_registry(common: &mut Common, id: &str) -> Option<Result<Sheet, Text>> {
    let (settings, applications) = registry(common)?;
    let style = super::style(common, &settings);
    let application = named(&applications, id, &style)?;
    Some(parsed(&sheet::as_json(application, &settings).to_string()))
}

fn from_file(file: &Path) -> Result<Sheet, Text> {
    parsed(&read(file)?)
}

fn parsed(text: &str) -> Result<Sheet, Text> {
    serde_json::from_str(text).map_err(|fault| {
        text!(
            "this is no sheet: {fault}; `portaria application sheet ID --json` writes one",
            "isto não é uma ficha: {fault}; `portaria application sheet ID --json` gera uma"
        )
    })
}

fn read(file: &Path) -> Result<String, Text> {
    let mut text = String::new();
    let opened = fs::File::open(file).and_then(|file| file.take(FILE).read_to_string(&mut text));
    match opened {
        Ok(_) => Ok(text),
        Err(fault) => {
            let file = file.display();
            Err(text!("{file} cannot be read: {fault}", "não é possível ler {file}: {fault}"))
        }
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, Text>>) -> Result<T, Text> {
    let seconds = time.as_secs();
    tokio::time::timeout(time, work).await.unwrap_or_else(|_| {
        Err(text!("the server did not come to an end in {seconds} s", "o servidor não terminou em {seconds} s"))
    })
}

/// Connects and tries everything; says where.
async fn play(sheet: &Sheet, asked: &Asked<'_>, password: Option<&str>) -> Result<(String, Vec<Finding>), Text> {
    let door = sheet.listeners.first().ok_or_else(|| {
        text!(
            "there is no listener for applications: portaria.toml needs one with `role = \"application\"`",
            "não há porta para aplicações: falta uma com `role = \"application\"` no portaria.toml"
        )
    })?;
    let address = match asked.connect {
        Some(address) => address.to_owned(),
        None => format!("{}:{}", sheet.server, door.port),
    };
    let trust = Trust { ca: asked.ca, name: &sheet.server };
    let opened = Dialogue::connect(&address).await;
    let mut dialogue = opened.map_err(|fault| {
        let shown = escape(&address);
        text!("nobody answers at {shown}: {fault}", "ninguém responde em {shown}: {fault}")
    })?;
    let findings = parameters::all(&mut dialogue, sheet, door.tls, &trust, password, asked.recipient).await;
    Ok((address, findings))
}

/// Exit code 1 if something is not as the sheet says.
fn rendered(id: &str, address: &str, findings: &[Finding], style: &Style) -> Rendering {
    let exit_code = u8::from(findings.iter().any(|finding| finding.outcome == Outcome::Fail));
    if style.json {
        let line = |finding: &Finding| {
            json_line(&json!({
                "application": id, "address": address, "parameter": finding.key, "result": finding.outcome.name(),
                "tried": finding.tried, "heard": finding.heard.in_language(style.language),
            }))
        };
        return Rendering { text: findings.iter().map(line).collect(), exit_code };
    }
    let heading = |text: Text| style.say(&text).to_owned();
    let mut table = Table::new([
        heading(text!("parameter", "parâmetro")),
        heading(text!("result", "resultado")),
        heading(text!("tried", "tentativa")),
        heading(text!("heard", "resposta")),
    ]);
    for finding in findings {
        table.row([
            heading(finding.name()),
            heading(finding.outcome.word()),
            escape(&finding.tried),
            escape(style.say(&finding.heard)),
        ]);
    }
    Rendering { text: table.render(), exit_code }
}
