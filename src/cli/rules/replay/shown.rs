//! A replay in words, or as JSON objects one a line.

use std::fmt::Write as _;

use serde_json::json;

use super::{
    Looked,
    tally::{Group, Kind, SENDERS, Sample, Side, Tally},
};
use crate::{
    cli::{
        escape::{escape, with_carets},
        rendering::{Rendering, Style, json_line, word},
        table::Table,
    },
    language::Text,
    record::replay::{Effect, Missing, Untold},
    text,
};

/// A subject is shown up to here: nobody reads more, and a record may hold a hundred kilobytes.
const SUBJECT: usize = 300;

/// The answer. Exit code 2 when there was nothing to judge: no record of the period holds a subject.
pub fn shown(looked: &Looked<'_>, style: &Style) -> Rendering {
    let exit_code = if looked.tally.looked_at > 0 && !looked.tally.had_subjects() { 2 } else { 0 };
    let text = if style.json { as_json(looked, style) } else { as_text(looked, style) };
    Rendering { text, exit_code }
}

fn as_text(looked: &Looked<'_>, style: &Style) -> String {
    let tally = &looked.tally;
    let mut out = String::new();
    let mut line = |text: &Text| {
        out.push_str(&escape(style.say(text)));
        out.push('\n');
    };
    head(looked, style).iter().for_each(&mut line);
    for note in notes(looked, style) {
        line(&note);
    }
    for (kind, group) in &tally.groups {
        out.push('\n');
        let _ = writeln!(out, "{}", style.say(&heading(*kind, group)));
        for sample in group.samples() {
            out.push_str(&sample_as_text(sample, *kind, style));
        }
        let hidden = group.count.saturating_sub(group.samples().count() as u64);
        if hidden > 0 {
            let more = text!("  … and {hidden} more", "  … e mais {hidden}");
            let _ = writeln!(out, "{}", style.say(&more));
        }
    }
    if !tally.rules.is_empty() {
        out.push('\n');
        out.push_str(&by_rule(looked, style));
    }
    for (untold, count) in &tally.untold {
        let _ = writeln!(out, "{}", escape(style.say(&untold_as_text(untold, *count))));
    }
    out
}

fn head(looked: &Looked<'_>, style: &Style) -> Vec<Text> {
    let tally = &looked.tally;
    let (since, until) = (style.time(looked.since), style.time(looked.until));
    let (files, rules) = (looked.folder.display(), looked.rules.len());
    let Tally { looked_at, without_content, without_subject, unreadable, same, .. } = tally;
    let mut lines = vec![
        text!(
            "records from {since} to {until}: {looked_at} looked at",
            "registros de {since} a {until}: {looked_at} examinados"
        ),
        text!(
            "  without a subject: {without_subject}; ended before there was content: {without_content}; unreadable: {unreadable}",
            "  sem assunto: {without_subject}; terminados antes do conteúdo: {without_content}; ilegíveis: {unreadable}"
        ),
        text!("rules of {files}: {rules}", "regras de {files}: {rules}"),
    ];
    if tally.subject_not_kept > 0 {
        let hidden = tally.subject_not_kept;
        lines.push(text!(
            "  NOT TRIED on {hidden}: their subjects were not kept as they were ([tracking] subjects, or longer than a record keeps)",
            "  NÃO EXPERIMENTADAS em {hidden}: os assuntos não foram guardados como eram ([tracking] subjects, ou maiores do que um registro guarda)"
        ));
    }
    if let Some(total) = looked.stopped_of {
        let rest = total.saturating_sub(*looked_at);
        lines.push(text!(
            "STOPPED before the end: {rest} records were not looked at",
            "INTERROMPIDO antes do fim: {rest} registros não foram examinados"
        ));
    }
    if *looked_at > 0 && !tally.had_subjects() {
        lines.push(text!(
            "no record of this period holds a subject: there is nothing that rules could be tried on",
            "nenhum registro deste período tem assunto: não há em que experimentar as regras"
        ));
    }
    let judged = same.saturating_add(tally.groups.values().map(|group| group.count).sum());
    lines.push(text!("  as it was: {same} of {judged}", "  como foi: {same} de {judged}"));
    lines
}

/// What makes the answer another than one may think.
fn notes(looked: &Looked<'_>, style: &Style) -> Vec<Text> {
    let mut notes = Vec::new();
    if let Some(at) = looked.at {
        let at = style.time(at);
        notes.push(text!("  judged as if all had come at {at}", "  julgados como se tudo tivesse chegado em {at}"));
        return notes;
    }
    for (rule, starts) in looked.later_rules() {
        let starts = style.time(starts);
        notes.push(text!(
            "  {rule} starts {starts}: records before that are not judged by it; with --at now, or that date, they are",
            "  {rule} começa em {starts}: registros anteriores não são julgados por ela; com --at now, ou essa data, são"
        ));
    }
    notes
}

fn heading(kind: Kind, group: &Group) -> Text {
    let (count, senders, stopped) = (group.count, group.senders(), group.stopped_otherwise);
    let more = if senders >= SENDERS { "+" } else { "" };
    let Text { en, pt } = kind_text(kind);
    let senders = text!("reverse-paths: {senders}{more}", "remetentes: {senders}{more}");
    let (mut en, mut pt) = (format!("{en}: {count} ({}", senders.en), format!("{pt}: {count} ({}", senders.pt));
    if stopped > 0 {
        let _ = write!(en, "; {stopped} did not arrive anyhow");
        let _ = write!(pt, "; {stopped} não chegaram de qualquer modo");
    }
    Text { en: en + ")", pt: pt + ")" }
}

fn kind_text(kind: Kind) -> Text {
    use Effect::{Held, Refused, Relayed, Tagged};
    match kind {
        Kind::Newly(Refused) => text!("newly refused", "passariam a ser recusadas"),
        Kind::Newly(Held) => text!("newly held", "passariam a ser retidas"),
        Kind::Newly(Tagged) => text!("newly tagged", "passariam a ser marcadas"),
        Kind::NoLonger(Refused) => text!("no longer refused", "deixariam de ser recusadas"),
        Kind::NoLonger(Held) => text!("no longer held", "deixariam de ser retidas"),
        Kind::NoLonger(Tagged) => text!("no longer tagged", "deixariam de ser marcadas"),
        Kind::Newly(Relayed) | Kind::NoLonger(Relayed) => text!("relayed otherwise", "entregues de outro modo"),
        Kind::Otherwise => text!("the same, by another rule or for others", "o mesmo, por outra regra ou para outros"),
        Kind::Noted => {
            text!("the same; other rules would only note them", "o mesmo; outras regras só as registrariam")
        }
        Kind::CannotBeTold => text!("cannot be told", "não se pode dizer"),
    }
}

fn sample_as_text(sample: &Sample, kind: Kind, style: &Style) -> String {
    let (time, id, sender) = (style.time(sample.began), &sample.id, escape(&sample.reverse_path));
    let (then, now) = (side(&sample.then, style), side(&sample.now, style));
    let (shown, carets) = subject(sample);
    let part = match kind {
        Kind::CannotBeTold => then,
        _ => format!("{then} → {now}"),
    };
    let mut out = format!("  {time}  {id}  <{sender}>  {part}\n    {shown}\n");
    if let Some(carets) = carets {
        let _ = writeln!(out, "    {carets}");
    }
    out
}

/// The subject and its carets; a long one from shortly before what was found.
fn subject(sample: &Sample) -> (String, Option<String>) {
    let text = &sample.subject;
    let (start, end) = sample.span.unwrap_or_default();
    let from = if end > SUBJECT { text.floor_char_boundary(start.saturating_sub(SUBJECT / 3)) } else { 0 };
    let to = text.floor_char_boundary(from.saturating_add(SUBJECT).min(text.len())).max(from);
    let part = text.get(from..to).unwrap_or_default();
    let (before, behind) = (if from > 0 { "…" } else { "" }, if to < text.len() { "…" } else { "" });
    let (shown, carets) = with_carets(part, start.saturating_sub(from)..end.saturating_sub(from).min(part.len()));
    let indent = " ".repeat(before.chars().count());
    (format!("{before}{shown}{behind}"), sample.span.map(|_| format!("{indent}{carets}")))
}

fn side(side: &Side, style: &Style) -> String {
    let effect = match side.effect {
        Effect::Relayed => text!("relayed", "entregue"),
        Effect::Tagged => text!("tagged", "marcada"),
        Effect::Held => text!("held", "retida"),
        Effect::Refused => text!("refused", "recusada"),
    };
    match &side.rule {
        Some(rule) => format!("{} ({})", style.say(&effect), escape(rule)),
        None => style.say(&effect).to_owned(),
    }
}

fn by_rule(looked: &Looked<'_>, style: &Style) -> String {
    let heading = |text: Text| style.say(&text).to_owned();
    let mut table = Table::new([
        heading(text!("rule", "regra")),
        heading(text!("mode", "modo")),
        heading(text!("matched", "casou")),
        heading(text!("would match", "casaria")),
        heading(text!("decided", "decidiu")),
        heading(text!("would decide", "decidiria")),
    ]);
    for (rule, part) in &looked.tally.rules {
        let mode = looked.mode_of(rule).map_or_else(|| heading(text!("not there", "não há")), str::to_owned);
        let numbers = [part.matched_then, part.matches_now, part.decided_then, part.decides_now];
        table.row([escape(rule), mode].into_iter().chain(numbers.map(|number| number.to_string())));
    }
    table.render()
}

fn untold_as_text(untold: &Untold, count: u64) -> Text {
    let rule = &untold.rule;
    match untold.missing {
        Missing::Lists => text!(
            "cannot be told for {rule}, {count} times: it spares lists, and these records do not hold the List-Id",
            "não se pode dizer da {rule}, {count} vezes: ela isenta listas, e estes registros não têm o List-Id"
        ),
        Missing::Moment => text!(
            "cannot be told for {rule}, {count} times: it begins or ends in the middle of these transactions",
            "não se pode dizer da {rule}, {count} vezes: ela começa ou termina no meio destas transações"
        ),
    }
}

fn as_json(looked: &Looked<'_>, style: &Style) -> String {
    let tally = &looked.tally;
    let mut out = String::new();
    for (kind, group) in &tally.groups {
        let name = kind_name(*kind);
        for sample in group.samples() {
            out.push_str(&json_line(&sample_as_json(sample, name, style)));
        }
        out.push_str(&json_line(&json!({
            "kind": "change", "change": name, "count": group.count, "reverse_paths": group.senders(),
            "stopped_otherwise": group.stopped_otherwise,
        })));
    }
    for (rule, part) in &tally.rules {
        out.push_str(&json_line(&json!({
            "kind": "rule", "rule": rule, "mode": looked.mode_of(rule), "matched_then": part.matched_then,
            "matches_now": part.matches_now, "decided_then": part.decided_then, "decides_now": part.decides_now,
        })));
    }
    for (untold, count) in &tally.untold {
        out.push_str(&json_line(&json!({
            "kind": "cannot_be_told", "rule": untold.rule, "missing": missing(untold.missing), "count": count,
        })));
    }
    out + &json_line(&json!({
        "kind": "summary", "since": style.rfc3339(looked.since), "until": style.rfc3339(looked.until),
        "at": looked.at.map(|at| style.rfc3339(at)), "rules": looked.rules.len(), "looked_at": tally.looked_at,
        "without_subject": tally.without_subject, "without_content": tally.without_content,
        "subject_not_kept": tally.subject_not_kept, "unreadable": tally.unreadable, "same": tally.same, "complete": looked.stopped_of.is_none(),
        "starting_later": looked.later_rules().map(|(rule, _)| rule).collect::<Vec<_>>(),
    }))
}

fn sample_as_json(sample: &Sample, change: &str, style: &Style) -> serde_json::Value {
    let side = |side: &Side| json!({ "effect": side.effect.name(), "rule": side.rule });
    json!({
        "kind": "record", "change": change, "id": sample.id.as_str(), "began": style.rfc3339(sample.began),
        "reverse_path": sample.reverse_path, "ending": word(&sample.ending), "subject": sample.subject,
        "decoded_span": sample.span, "then": side(&sample.then), "now": side(&sample.now),
        "cannot_be_told": sample.untold.iter().map(|untold| &untold.rule).collect::<Vec<_>>(),
    })
}

fn kind_name(kind: Kind) -> &'static str {
    use Effect::{Held, Refused, Relayed, Tagged};
    match kind {
        Kind::Newly(Refused) => "newly_refused",
        Kind::Newly(Held) => "newly_held",
        Kind::Newly(Tagged) => "newly_tagged",
        Kind::NoLonger(Refused) => "no_longer_refused",
        Kind::NoLonger(Held) => "no_longer_held",
        Kind::NoLonger(Tagged) => "no_longer_tagged",
        Kind::Newly(Relayed) | Kind::NoLonger(Relayed) | Kind::Otherwise => "otherwise",
        Kind::Noted => "noted",
        Kind::CannotBeTold => "cannot_be_told",
    }
}

fn missing(missing: Missing) -> &'static str {
    match missing {
        Missing::Lists => "list_ids",
        Missing::Moment => "moment",
    }
}
