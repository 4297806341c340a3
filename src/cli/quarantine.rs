//! `portaria quarantine`: items and releases as people see them, and what they can do with them.
//!
//! | what | file |
//! |---|---|
//! | items in, text or JSON out | here |
//! | releases in, text or JSON out | `releases` |
//! | what is only read | `read` |
//! | what is taken out, into a file | `export` |
//! | what is asked of the gateway | `act` |
//! | what was typed to look for items | `search` |
//! | what can be typed | `typed` |

mod act;
mod export;
mod read;
mod releases;
mod search;
mod typed;

use serde::Serialize;

pub(super) use self::{
    releases::of_item as releases_of_item,
    typed::{command, dispatch},
};

use super::{
    escape::{escape, escape_octets, fit, width},
    rendering::{Rendering, Style, json_line, word},
    words,
};
use crate::{
    message::encoded_word,
    record::{Item, ItemState, release::Release},
    store::{Kept, Marks},
    text,
};

/// How many of an id's last digits a table shows: enough to be the only one among all that a gateway will ever see.
const DIGITS: usize = 12;

/// The widest that a column of message text gets.
const WIDEST: usize = 48;

/// What scripts rely on (`docs/operations.md`): names and order.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    class: String,
    state: String,
    acknowledged: bool,
    received_at: String,
    reverse_path: &'a str,
    recipients: &'a [String],
    subject: &'a str,
    size: u64,
    sha256: &'a str,
    seen_by: Option<&'a str>,
    handled_by: Option<&'a str>,
}

/// The same, and what only `show` tells.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    listed: Listed<'a>,
    reason: &'a str,
    settled_by: Option<&'a str>,
    settled_why: Option<&'a str>,
    trace_length: u64,
    /// None: the content stands beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<Vec<String>>,
    /// None: nobody asked for lines of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Vec<String>>,
}

/// All items in the order given, newest first as the store gives them.
pub fn list(items: &[Kept], style: &Style) -> Rendering {
    if style.json {
        return Rendering::done(items.iter().map(|item| json_line(&listed(item, style))).collect());
    }
    if items.is_empty() {
        let none = text!("the quarantine has no such item", "a quarentena não tem item assim");
        return Rendering::done(style.say(&none).to_owned() + "\n");
    }
    let header = [
        text!("ID", "ID"),
        text!("CLASS", "CLASSE"),
        text!("STATE", "ESTADO"),
        text!("ACCEPTED", "ACEITA"),
        text!("RECEIVED", "RECEBIDA"),
        text!("SENDER", "REMETENTE"),
        text!("RECIPIENTS", "DESTINATÁRIOS"),
        text!("SUBJECT", "ASSUNTO"),
        text!("MARK", "MARCA"),
        text!("SIZE", "TAMANHO"),
    ];
    let mut rows = vec![header.map(|name| style.say(&name).to_owned())];
    rows.extend(items.iter().map(|item| cells(item, style)));
    Rendering::done(table(&rows))
}

/// One item with all facts, its header section, and with `lines` so many lines of what follows it. `beginning` is the start of
/// what is stored, our trace fields included; 64 KiB of it are plenty. None: the content is gone.
pub fn show(
    kept: &Kept,
    releases: &[Release],
    beginning: Option<&[u8]>,
    lines: Option<usize>,
    style: &Style,
) -> Rendering {
    let (header, body) = split(beginning.unwrap_or_default());
    if style.json {
        let text = |line| String::from_utf8_lossy(line).into_owned();
        let content = lines.map(|lines| body.lines().take(lines).map(text).collect());
        let header = Some(header.lines().map(text).collect());
        return Rendering::done(json_line(&Shown { header, content, ..shown(kept, style) }));
    }
    let mut out = facts(kept, style);
    out += &releases_of_item(releases, style);
    if beginning.is_none() {
        let gone = text!("The content is not kept any more.", "O conteúdo não está mais guardado.");
        return Rendering::done(out + "\n" + style.say(&gone) + "\n");
    }
    out += &format!("\n{}\n", style.say(&text!("Header section", "Cabeçalho")));
    for line in header.lines() {
        out += &format!("  {}\n", escape_octets(line));
    }
    for (name, decoded) in decoded(&header) {
        let said = text!("{name}, decoded: {decoded}", "{name}, decodificado: {decoded}");
        out += &format!("  ({})\n", style.say(&said));
    }
    if let Some(lines) = lines {
        out += &format!("\n{}\n", style.say(&text!("Content, the first lines", "Conteúdo, as primeiras linhas")));
        for line in body.lines().take(lines) {
            out += &format!("  {}\n", escape_octets(line));
        }
    }
    Rendering::done(out)
}

fn shown<'a>(kept: &'a Kept, style: &Style) -> Shown<'a> {
    Shown {
        listed: listed(kept, style),
        reason: &kept.item.reason,
        settled_by: kept.settled_by.as_deref(),
        settled_why: kept.settled_why.as_deref(),
        trace_length: kept.item.trace_length,
        header: None,
        content: None,
    }
}

fn listed<'a>(kept: &'a Kept, style: &Style) -> Listed<'a> {
    let Kept { item, marks, .. } = kept;
    Listed {
        id: item.id.as_str(),
        class: word(&item.class),
        state: word(&item.state),
        acknowledged: item.acknowledged,
        received_at: style.rfc3339(item.received_at),
        reverse_path: &item.reverse_path,
        recipients: &item.recipients,
        subject: &item.subject,
        size: item.size,
        sha256: &item.sha256,
        seen_by: marks.seen_by.as_deref(),
        handled_by: marks.handled_by.as_deref(),
    }
}

fn cells(kept: &Kept, style: &Style) -> [String; 10] {
    let item = &kept.item;
    let id = item.id.as_str();
    let accepted = if item.acknowledged { text!("yes", "sim") } else { text!("no (copy)", "não (cópia)") };
    let recipients = match item.recipients.as_slice() {
        [] => String::new(),
        [only] => escape(only),
        [first, rest @ ..] => format!("{} +{}", escape(first), rest.len()),
    };
    [
        id.get(id.len().saturating_sub(DIGITS)..).unwrap_or(id).to_owned(),
        style.say(&words::class(item.class)).to_owned(),
        style.say(&words::state(item.state)).to_owned(),
        style.say(&accepted).to_owned(),
        style.time(item.received_at),
        reverse_path(item),
        recipients,
        escape(&item.subject),
        mark(&kept.marks, style),
        item.size.to_string(),
    ]
}

/// Whether who wrote to whom about what is not kept here any more (9.2.28).
fn is_buried(state: ItemState) -> bool {
    matches!(state, ItemState::Deleted | ItemState::Expired)
}

/// In its brackets. A tombstone has none: `<>` would say that it was a bounce.
fn reverse_path(item: &Item) -> String {
    if is_buried(item.state) { String::new() } else { format!("<{}>", escape(&item.reverse_path)) }
}

/// Who looks after it; if nobody does, whether somebody saw it.
fn mark(marks: &Marks, style: &Style) -> String {
    match (&marks.handled_by, &marks.seen_by) {
        (Some(by), _) => escape(by),
        (None, Some(_)) => style.say(&text!("seen", "vista")).to_owned(),
        (None, None) => String::new(),
    }
}

/// Columns as wide as their widest cell, two spaces between them, the last one to the right: it is a number.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).min(WIDEST).max(*widest);
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line: Vec<String> = row.iter().zip(widths).map(|(cell, columns)| fit(cell, columns)).collect();
        if let Some(last) = line.last_mut() {
            let text = last.trim_end().to_owned();
            *last = " ".repeat(width(last) - width(&text)) + &text;
        }
        out += line.join("  ").trim_end();
        out.push('\n');
    }
    out
}

fn facts(kept: &Kept, style: &Style) -> String {
    let Kept { item, marks, .. } = kept;
    let accepted = if item.acknowledged {
        text!("yes: the sender heard 250, someone must decide", "sim: o remetente ouviu 250, alguém deve decidir")
    } else {
        text!("no: the sender heard 5xx, this is a copy", "não: o remetente ouviu 5xx, isto é uma cópia")
    };
    let size = item.size;
    let mut facts = vec![
        (text!("Id", "Id"), item.id.to_string()),
        (text!("Class", "Classe"), style.say(&words::class(item.class)).to_owned()),
        (text!("State", "Estado"), style.say(&words::state(item.state)).to_owned()),
        (text!("Reason", "Motivo"), style.say(&words::reason(&item.reason)).to_owned()),
        (text!("Accepted", "Aceita"), style.say(&accepted).to_owned()),
        (text!("Received", "Recebida"), style.time_to_the_millisecond(item.received_at)),
        (text!("Reverse-path", "Remetente"), reverse_path(item)),
    ];
    for (position, recipient) in item.recipients.iter().enumerate() {
        let label = if position == 0 { text!("Recipients", "Destinatários") } else { text!("", "") };
        facts.push((label, escape(recipient)));
    }
    facts.push((text!("Subject", "Assunto"), escape(&item.subject)));
    facts.push((text!("Size", "Tamanho"), style.say(&text!("{size} octets", "{size} octetos")).to_owned()));
    facts.push((text!("SHA-256", "SHA-256"), escape(&item.sha256)));
    let marked = |by: &Option<String>, at: Option<i64>| {
        by.as_ref().map(|by| format!("{}, {}", escape(by), style.time(at.unwrap_or_default())))
    };
    facts.extend(marked(&marks.seen_by, marks.seen_at).map(|by| (text!("Seen by", "Vista por"), by)));
    facts.extend(marked(&marks.handled_by, marks.handled_at).map(|by| (text!("Handled by", "Com"), by)));
    if let Some(why) = &kept.settled_why {
        let by = kept.settled_by.as_deref().filter(|by| !by.is_empty()).unwrap_or("portaria");
        let (by, why) = (escape(by), escape(why));
        facts.push((
            text!("Gone", "Excluída"),
            format!("{}, {by}: {why}", style.time(kept.settled_at.unwrap_or_default())),
        ));
    }
    let widest = facts.iter().map(|(label, _)| width(style.say(label))).max().unwrap_or(0);
    facts.iter().map(|(label, fact)| format!("{}  {fact}\n", fit(style.say(label), widest))).collect()
}

/// Octets as lines, without their ends.
struct Lines<'a>(&'a [u8]);

impl Lines<'_> {
    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let ended = self.0.strip_suffix(b"\n").unwrap_or(self.0);
        let all = ended.split(|&octet| octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        all.take(if self.0.is_empty() { 0 } else { usize::MAX })
    }
}

/// The header section, and what stands behind its blank line.
fn split(content: &[u8]) -> (Lines<'_>, Lines<'_>) {
    if let Some(body) = content.strip_prefix(b"\r\n") {
        return (Lines(&[]), Lines(body));
    }
    let blank = memchr::memmem::find(content, b"\r\n\r\n");
    let (header, body) = content.split_at(blank.map_or(content.len(), |at| at + 4));
    (Lines(header.strip_suffix(b"\r\n\r\n").unwrap_or(header)), Lines(body))
}

/// The fields with encoded words, in plain text: name and body, escaped.
fn decoded(header: &Lines<'_>) -> Vec<(String, String)> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in header.lines() {
        match (line.first(), fields.last_mut()) {
            (Some(b' ' | b'\t'), Some(field)) => field.extend_from_slice(line),
            _ => fields.push(line.to_vec()),
        }
    }
    let has_word = |field: &&Vec<u8>| memchr::memmem::find(field, b"=?").is_some();
    let name_and_body = |field: &Vec<u8>| {
        let colon = memchr::memchr(b':', field)?;
        let (name, body) = (field.get(..colon)?, field.get(colon + 1..)?);
        Some((escape_octets(name.trim_ascii()), escape(encoded_word::decode(body).trim())))
    };
    fields.iter().filter(has_word).filter_map(name_and_body).collect()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{
        language::Language,
        record::{Item, sample},
    };

    fn style(language: Language) -> Style {
        Style { json: false, language, time_zone: TimeZone::get("America/Belem").unwrap() }
    }

    const STORED: &[u8] =
        b"Received: from mx.example\r\n\tby us\r\nSubject: Boleto\x1b[2J\r\n\r\nline 1\r\nline \xff2\r\nline 3\r\n";

    fn items() -> Vec<Kept> {
        let mut first = sample::item(2, b"", b"x");
        first.subject = "Ac\u{327}a\u{303}o".to_owned();
        first.recipients.push("outro@tjpa.jus.br".to_owned());
        first.acknowledged = false;
        let mut second = sample::item(1, b"", &[b'x'; 1000]);
        second.reverse_path = String::new();
        [first, second].map(kept).into()
    }

    fn kept(item: Item) -> Kept {
        Kept { item, marks: Marks::default(), settled_at: None, settled_by: None, settled_why: None }
    }

    /// The table is aligned whatever is in it, local in time, and nothing in it acts.
    #[test]
    fn the_list_is_a_table() {
        let table = list(&items(), &style(Language::PtBr));
        assert_eq!(table.exit_code, 0);
        let lines: Vec<&str> = table.text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("ID            CLASSE  ESTADO  ACEITA       RECEBIDA             REMETENTE"));
        assert!(lines[1].contains("regra   retida  não (cópia)  2026-11-21 08:00:00  <remetente@example.com>  "));
        assert!(lines[1].contains("Fulano.Tal@tjpa.jus.br +1"));
        assert!(lines[2].contains("sim          2026-11-21 08:00:00  <>                       "));
        assert!(lines[2].contains("Boleto de Cobrança \\u{202e}URGENTE\\u{1b}[31m"));
        assert!(lines.iter().all(|line| width(line) == width(lines[0])), "{}", table.text);
        assert!(lines[1].ends_with(" 1") && lines[2].ends_with("1000"));
        assert!(list(&items(), &style(Language::En)).text.starts_with("ID            CLASS  STATE"));
        assert_eq!(list(&[], &style(Language::En)).text, "the quarantine has no such item\n");
        let mut gone = items().remove(1);
        gone.item.state = ItemState::Expired;
        assert!(!list(&[gone.clone()], &style(Language::En)).text.contains("<>"), "a tombstone was no bounce");
        assert!(!show(&gone, &[], None, None, &style(Language::En)).text.contains("<>"));
    }

    /// The keys and their order are what scripts rely on; one object a line.
    #[test]
    fn the_list_as_json_has_the_promised_keys() {
        let json = list(&items(), &Style { json: true, ..style(Language::PtBr) }).text;
        assert_eq!(json.lines().count(), 2);
        let line = json.lines().nth(1).unwrap();
        let mut at = 0;
        for key in "id class state acknowledged received_at reverse_path recipients subject size sha256".split(' ') {
            let found = line.find(&format!("\"{key}\":")).unwrap();
            assert!(found >= at, "{key} is out of order");
            at = found;
        }
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["received_at"], "2026-11-21T08:00:00.413-03:00");
        assert_eq!((&value["class"], &value["state"]), (&"rule".into(), &"held".into()));
        assert_eq!(value["subject"], sample::record(1).subjects[0]);
        assert!(!json.contains('\u{202e}') && !json.contains('\u{1b}'));
        assert_eq!(list(&[], &Style { json: true, ..style(Language::En) }).text, "");
    }

    /// All facts, the header section, and as many lines of content as asked for; nothing acts.
    #[test]
    fn one_item_is_shown() {
        let item = &items()[0];
        let shown = show(item, &[], Some(STORED), Some(2), &style(Language::En)).text;
        for expected in [
            "Id            ",
            "Reason        rule S3B-2026-0042: cobrança\n",
            "Accepted      no: the sender heard 5xx, this is a copy\n",
            "Recipients    Fulano.Tal@tjpa.jus.br\n              outro@tjpa.jus.br\n",
            "Header section\n  Received: from mx.example\n  \\u{9}by us\n  Subject: Boleto\\u{1b}[2J\n",
            "\nContent, the first lines\n  line 1\n  line \\x{ff}2\n",
        ] {
            assert!(shown.contains(expected), "{expected:?} is not in\n{shown}");
        }
        assert!(!shown.contains("line 3"));
        assert!(!show(item, &[], Some(STORED), None, &style(Language::En)).text.contains("line 1"));
        assert!(show(item, &[], Some(STORED), None, &style(Language::PtBr)).text.contains("Destinatários  Fulano"));

        let json = |lines| -> serde_json::Value {
            let style = Style { json: true, ..style(Language::En) };
            serde_json::from_str(&show(item, &[], Some(STORED), lines, &style).text).unwrap()
        };
        assert_eq!(json(None)["reason"], item.item.reason);
        assert_eq!(json(None)["header"][1], "\tby us");
        assert_eq!(json(None).get("content"), None);
        assert_eq!(json(Some(1))["content"], serde_json::json!(["line 1"]));
    }

    /// A header section without end, without fields, or nothing at all is no fault.
    #[test]
    fn odd_content_is_shown_too() {
        for (content, header, body) in [
            (&b""[..], vec![], vec![]),
            (b"\r\nbody", vec![], vec!["body"]),
            (b"A: 1\r\nB: 2", vec!["A: 1", "B: 2"], vec![]),
            (b"A: 1\r\n\r\n", vec!["A: 1"], vec![]),
            (b"A: 1\r\n\r\n\r\nx\r\n", vec!["A: 1"], vec!["", "x"]),
        ] {
            let (found_header, found_body) = split(content);
            assert_eq!(found_header.lines().map(escape_octets).collect::<Vec<_>>(), header);
            assert_eq!(found_body.lines().map(escape_octets).collect::<Vec<_>>(), body);
        }
    }
}
