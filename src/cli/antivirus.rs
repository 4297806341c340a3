//! `portaria antivirus contingency [start | end]` and `portaria antivirus exceptions`: what is ordered about scanning, read from and
//! written to `rules/antivirus.toml`, and what the running gateway makes of it.
//!
//! | what | file |
//! |---|---|
//! | the switch in the file: begun, ended | `switch` |
//! | what is in the file and in force, in words and as JSON | `shown` |
//! | what can be typed | `typed` |

mod shown;
mod switch;
mod typed;

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use self::shown::In;
pub(super) use self::{
    shown::loud,
    typed::{command, dispatch},
};
use super::{
    Common, Exit,
    actor::{self, actor, answers},
    edit_file::edit,
    rendering::{Style, json_line},
    show,
    status::{ask_at, field, reloaded},
};
use crate::{
    audit::Trail,
    config::{self, Settings},
    document::Faults,
    door::{contingency, control::Command, gateway::now},
    policy::scanning::{Mode, Scanning},
    record::{
        audit::{Action, Actor, Event},
        unix_millis,
    },
    text,
};

/// What is to be ordered.
pub(super) struct Start {
    pub mode: Mode,
    pub length: Duration,
    pub groups: Vec<String>,
    pub reason: String,
    pub ticket: String,
    pub by: Option<String>,
}

pub(super) fn start(common: &mut Common, wanted: Start) -> Exit {
    let Some((settings, trail)) = audited(common) else { return Exit::Faults };
    let actor = actor(wanted.by);
    let order = switch::Order {
        mode: wanted.mode,
        length: wanted.length,
        groups: wanted.groups,
        reason: wanted.reason,
        ticket: wanted.ticket,
        by: answers(&actor),
    };
    let (groups, time_zone, at) = (settings.scanner_groups(), settings.gateway.timezone.clone(), now().wall);
    let file = settings.gateway.rules_dir.join(config::ANTIVIRUS);
    let read = |file: &Path, text: &str| Scanning::read(file, text, &groups, at);
    let changed = edit(
        &file,
        &trail,
        |document| switch::begin(document, &order, &read(&file, &document.to_string()).0, &time_zone, at),
        |file, text| read(file, text).1,
        |()| begun(&order, actor, at),
    );
    match changed {
        Ok(((), warnings)) => put_into_force(common, &settings, &warnings, true),
        Err(fault) => {
            eprint!("{}", fault.told(common.language));
            Exit::Faults
        }
    }
}

pub(super) fn end(common: &mut Common, reason: &str, by: Option<String>) -> Exit {
    let Some((settings, trail)) = audited(common) else { return Exit::Faults };
    let actor = actor(by);
    let by = answers(&actor);
    let (groups, time_zone, at) = (settings.scanner_groups(), settings.gateway.timezone.clone(), now().wall);
    let file = settings.gateway.rules_dir.join(config::ANTIVIRUS);
    let read = |file: &Path, text: &str| Scanning::read(file, text, &groups, at);
    let changed = edit(
        &file,
        &trail,
        |document| {
            let (written, faults) = read(&file, &document.to_string());
            // An order that cannot be read may be in force all the same, as it was before somebody changed it.
            if faults.has_errors() {
                return Err(text!(
                    "antivirus.toml has faults (`portaria check`): mend them first",
                    "antivirus.toml tem falhas (`portaria check`): corrija-as primeiro"
                ));
            }
            switch::end(document, &written, reason, &by, &time_zone, at)
        },
        |file, text| read(file, text).1,
        |()| event(Action::ContingencyEnded, [("reason", reason.to_owned())], actor, at),
    );
    match changed {
        // That the order is over is what was asked for, and no warning.
        Ok(_) => put_into_force(common, &settings, &Faults::default(), false),
        Err(fault) => {
            eprint!("{}", fault.told(common.language));
            Exit::Faults
        }
    }
}

/// What the file says, and whether the gateway that runs says the same.
pub(super) fn contingency(common: &mut Common) -> Exit {
    let Some((settings, scanning)) = read(common) else { return Exit::Faults };
    let written = contingency::shown(scanning.contingency.as_ref(), now().wall);
    let style = style(common, &settings);
    let asked = ask_at(&settings, &Command::Status);
    let runs = asked.as_ref().ok().map(|answer| field(answer, "contingency").clone());
    let text = if common.json {
        json_line(&json!({ "file": written, "gateway": runs, "reachable": runs.is_some() }))
    } else {
        shown::contingency(&written, runs.as_ref(), &style)
    };
    match asked {
        Ok(_) => show(&text, 0),
        Err(fault) => {
            let shown = show(&text, 3);
            eprintln!("{}", fault.in_language(common.language));
            shown
        }
    }
}

/// The exceptions of the file, with the days that each has left.
pub(super) fn exceptions(common: &mut Common) -> Exit {
    let Some((settings, scanning)) = read(common) else { return Exit::Faults };
    show(&shown::exceptions(&scanning.exceptions, now().wall, &style(common, &settings)), 0)
}

/// The file as it is; faults of any file of the policy are told, since with one of them none of it comes into force.
fn read(common: &mut Common) -> Option<(Settings, Scanning)> {
    let settings = common.settings()?;
    let (policy, faults) = config::load_policy(&settings, now().wall);
    eprint!("{}", faults.render(common.language));
    (!faults.has_errors()).then_some((settings, policy.scanning))
}

/// Asks the gateway to read the file that was just written, and tells what came of it: nothing is said to be in force that is not.
fn put_into_force(common: &Common, settings: &Settings, warnings: &Faults, begins: bool) -> Exit {
    eprint!("{}", warnings.render(common.language));
    let style = style(common, settings);
    let asked = ask_at(settings, &Command::Reload);
    let (outcome, order, exit) = match &asked {
        Err(_) => (In::Unreachable, Value::Null, Exit::NotReachable),
        Ok(answer) if field(answer, "faults").is_string() => (In::Refused, Value::Null, Exit::Faults),
        Ok(answer) => {
            let order = field(answer, "contingency").clone();
            let as_asked = (field(&order, "state").as_str() == Some("in_force")) == begins;
            let (outcome, exit) = if as_asked { (In::Force, Exit::Done) } else { (In::Other, Exit::Faults) };
            (outcome, order, exit)
        }
    };
    let file = settings.gateway.rules_dir.join(config::ANTIVIRUS);
    if common.json {
        let in_force = outcome == In::Force;
        print!("{}", json_line(&json!({ "file": file, "written": true, "done": in_force, "contingency": order })));
    } else if outcome == In::Force {
        print!("{}", shown::done(&order, begins, &style));
    }
    match &asked {
        Err(fault) => eprintln!("{}", fault.in_language(common.language)),
        Ok(answer) => eprint!("{}", reloaded(answer, common.language).1),
    }
    eprint!("{}", shown::not_done(outcome, &file, begins, &style));
    exit
}

fn style(common: &Common, settings: &Settings) -> Style {
    Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() }
}

/// The settings, and the trail that an order goes into; what stands in the way is told.
fn audited(common: &mut Common) -> Option<(Settings, Trail)> {
    let settings = common.settings()?;
    match actor::trail(&settings) {
        Ok(trail) => Some((settings, trail)),
        Err(what) => {
            eprintln!("{}", what.in_language(common.language));
            None
        }
    }
}

fn begun(order: &switch::Order, actor: Actor, at: SystemTime) -> Event {
    let detail = [
        ("mode", order.mode.name().to_owned()),
        ("groups", if order.groups.is_empty() { "all".to_owned() } else { order.groups.join(", ") }),
        ("seconds", order.length.as_secs().to_string()),
        ("reason", order.reason.clone()),
        ("ticket", order.ticket.clone()),
    ];
    event(Action::ContingencyBegun, detail, actor, at)
}

fn event<const N: usize>(action: Action, detail: [(&str, String); N], actor: Actor, at: SystemTime) -> Event {
    let detail = detail.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Event { at: unix_millis(at), actor, action, object: config::ANTIVIRUS.to_owned(), detail }
}
