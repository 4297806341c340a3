//! `portaria application list | sheet | report | password | test`: the registry and what its applications sent.
//!
//! List and sheet read the files as they are on the disk, report reads the database: they work while the gateway is down.

mod password;
mod probe;
mod report;
mod sheet;

use std::sync::Arc;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    Common, Exit,
    escape::escape,
    records::with_view,
    rendering::{Rendering, Style, json_line},
    show,
    table::Table,
};
use crate::{
    config::{self, Settings},
    door::gateway::now,
    language::Text,
    policy::application::{Application, Applications, Reach},
    record::unix_millis,
    text,
};

const DAY: i64 = 86_400_000;

pub(super) use password::password;
pub(super) use probe::typed::{command as test_command, test};

pub(super) fn list(common: &mut Common) -> Exit {
    let Some((settings, applications)) = registry(common) else { return Exit::Faults };
    let style = style(common, &settings);
    let rendering = listed(applications.entries(), today(), &style);
    show(&rendering.text, rendering.exit_code)
}

pub(super) fn sheet(common: &mut Common, id: &str) -> Exit {
    let Some((settings, applications)) = registry(common) else { return Exit::Faults };
    let style = style(common, &settings);
    let Some(application) = named(&applications, id, &style) else { return Exit::Faults };
    let rendering = sheet::sheet(application, &settings, &style);
    show(&rendering.text, rendering.exit_code)
}

pub(super) fn report(common: &mut Common, days: u32) -> Exit {
    let since = unix_millis(now().wall).saturating_sub(DAY.saturating_mul(i64::from(days)));
    with_view(common, async |view, style, _| {
        let mut tally = report::Tally::default();
        view.each_of_applications(since, |record| tally.add(&record, style)).await?;
        Ok(tally.render(days, style))
    })
}

/// The registry as its file is now; none after an error in any file of the rules folder, which is told.
fn registry(common: &mut Common) -> Option<(Settings, Applications)> {
    let settings = common.settings()?;
    let (policy, faults) = config::load_policy(&settings, now().wall);
    eprint!("{}", faults.render(common.language));
    (!faults.has_errors()).then_some((settings, policy.applications))
}

/// The entry of that id; none after saying which there are.
fn named<'a>(applications: &'a Applications, id: &str, style: &Style) -> Option<&'a Application> {
    let found = applications.named(id);
    if found.is_none() {
        let known: Vec<&str> = applications.entries().iter().map(|entry| &*entry.id).collect();
        let (id, known) = (escape(id), known.join(", "));
        let told = text!("there is no application `{id}`; there are: {known}", "não há aplicação `{id}`; há: {known}");
        eprintln!("{}", style.say(&told));
    }
    found.map(|entry| &**entry)
}

fn style(common: &Common, settings: &Settings) -> Style {
    Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() }
}

/// In UTC, as the registry counts.
fn today() -> Date {
    Timestamp::try_from(now().wall).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).date()
}

fn listed(entries: &[Arc<Application>], today: Date, style: &Style) -> Rendering {
    if style.json {
        return Rendering::done(entries.iter().map(|entry| json_line(&as_json(entry, today))).collect());
    }
    if entries.is_empty() {
        let none = text!("no application is registered", "nenhuma aplicação registrada");
        return Rendering::done(style.say(&none).to_owned() + "\n");
    }
    let heading = |text: Text| style.say(&text).to_owned();
    let mut table = Table::new([
        "id".to_owned(),
        heading(text!("state", "estado")),
        heading(text!("reach", "alcance")),
        heading(text!("an hour", "por hora")),
        heading(text!("recipients", "destinatários")),
        heading(text!("ticket", "chamado")),
        heading(text!("owner", "responsável")),
        heading(text!("review by", "revisar até")),
    ]);
    for entry in entries {
        let due = if entry.is_review_due(today) { heading(text!(" DUE", " VENCIDA")) } else { String::new() };
        table.row([
            entry.id.to_string(),
            heading(state_word(entry)),
            heading(reach_word(entry)),
            entry.max_per_hour.to_string(),
            entry.max_recipients.to_string(),
            escape(&entry.ticket),
            escape(&entry.owner),
            format!("{}{due}", entry.review_by),
        ]);
    }
    Rendering::done(table.render())
}

fn state_word(entry: &Application) -> Text {
    use crate::policy::application::State;
    match entry.state {
        State::Pending => text!("pending", "pendente"),
        State::Observe => text!("on trial", "em observação"),
        State::Active => text!("active", "ativa"),
        State::Suspended => text!("suspended", "suspensa"),
    }
}

fn reach_word(entry: &Application) -> Text {
    match &entry.reach {
        Reach::Internal => text!("internal", "interno"),
        Reach::Internet { domains } if domains.is_empty() => text!("internet", "internet"),
        Reach::Internet { domains } => {
            let domains = domains.join(", ");
            text!("internet: {domains}", "internet: {domains}")
        }
    }
}

/// Everything that the registry says, but for the password's hash.
fn as_json(entry: &Application, today: Date) -> Value {
    let (reach, domains) = match &entry.reach {
        Reach::Internal => ("internal", Vec::new()),
        Reach::Internet { domains } => ("internet", domains.clone()),
    };
    json!({
        "id": &*entry.id,
        "state": entry.state.name(),
        "owner": entry.owner,
        "requester": entry.requester,
        "evaluator": entry.evaluator,
        "evaluated": entry.evaluated.map(|day| day.to_string()),
        "ticket": entry.ticket,
        "review_by": entry.review_by.to_string(),
        "review_due": entry.is_review_due(today),
        "networks": entry.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "login": entry.login.as_ref().map(|login| login.name.clone()),
        "senders": entry.senders.iter().map(|(_, written)| written.clone()).collect::<Vec<_>>(),
        "null_sender": entry.null_sender,
        "reach": reach,
        "internet_domains": domains,
        "max_recipients": entry.max_recipients,
        "max_per_hour": entry.max_per_hour,
    })
}

#[cfg(test)]
mod tests;
