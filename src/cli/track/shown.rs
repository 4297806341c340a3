//! What a search found, for people and for scripts. Values in, text out.

use super::query::Found;
use crate::{
    cli::{
        escape::{escape, fit, width},
        rendering::{Style, json_line},
        words,
    },
    language::Text,
    record::{Fate, Record, request::Request, term},
    text,
};

/// The widest that a column of message text gets.
const WIDEST: usize = 40;

/// Which way a message went, as the mailboxes of a request see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From one of them.
    Sent,
    /// To one of them.
    Received,
    /// From one of them to one of them.
    Both,
    /// The request names no mailbox.
    None,
}

/// Which way it went.
pub(super) fn direction(request: &Request, record: &Record) -> Direction {
    let terms = term::of(record);
    let any = |named: Vec<term::Term>| named.iter().any(|term| terms.contains(term));
    let sent = request.scope.mailboxes.iter().any(|asked| any(asked.sent()));
    let received = request.scope.mailboxes.iter().any(|asked| any(asked.received()));
    match (sent, received) {
        (true, true) => Direction::Both,
        (true, false) => Direction::Sent,
        (false, true) => Direction::Received,
        (false, false) => Direction::None,
    }
}

impl Direction {
    /// For people.
    pub(super) fn words(self) -> Text {
        match self {
            Self::Sent => text!("sent", "enviada"),
            Self::Received => text!("received", "recebida"),
            Self::Both => text!("sent and received", "enviada e recebida"),
            Self::None => text!("", ""),
        }
    }

    /// For files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Both => "both",
            Self::None => "",
        }
    }
}

/// A table, or with `--json` one record a line.
pub(super) fn found(found: &Found, style: &Style) -> String {
    if style.json {
        return found.records.iter().map(json_line).collect();
    }
    let mut out = head(found, style);
    if found.records.is_empty() {
        out += style.say(&text!("no message of this kind in this time\n", "nenhuma mensagem assim nesse período\n"));
    } else {
        out += &table(found, style);
    }
    if found.more {
        let shown = found.records.len();
        let said = text!(
            "There are more: these are the newest {shown}. See --limit, --since, --until.\n",
            "Há mais: estas são as {shown} mais novas. Veja --limit, --since, --until.\n"
        );
        out += style.say(&said);
    }
    out + &refused(found, style)
}

/// Said beside an answer that may lack something.
pub(super) fn missing(found: &Found, style: &Style) -> Option<String> {
    let attention = |what: &Text| {
        let Text { en, pt } = what;
        style.say(&text!("ATTENTION: {en}", "ATENÇÃO: {pt}")).to_owned()
    };
    let notes = [found.hidden.as_ref().map(attention), unprepared(found, style)];
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    (!notes.is_empty()).then(|| notes.join("\n"))
}

fn unprepared(found: &Found, style: &Style) -> Option<String> {
    let before = style.time(found.missing_before?);
    let said = text!(
        "ATTENTION: the gateway is still preparing records of before {before} for searches; they are not among these",
        "ATENÇÃO: a Portaria ainda prepara para busca os registros anteriores a {before}; eles não estão entre estes"
    );
    Some(style.say(&said).to_owned())
}

fn head(found: &Found, style: &Style) -> String {
    let (number, who) = (escape(&found.request.number), escape(&found.request.who));
    let (from, until) = (style.time(found.span.from), style.time(found.span.until));
    let mut out = style
        .say(&text!(
            "Request {number} of {who}: {from} up to {until}\n",
            "Pedido {number} de {who}: de {from} até {until}\n"
        ))
        .to_owned();
    if found.request.late {
        out += style.say(&text!(
            "It was registered late: the first days of its window may be gone.\n",
            "Foi registrado tarde: os primeiros dias da janela podem já não existir.\n"
        ));
    }
    out + "\n"
}

fn table(found: &Found, style: &Style) -> String {
    let header = [
        text!("TIME", "HORA"),
        text!("DIRECTION", "SENTIDO"),
        text!("SENDER", "REMETENTE"),
        text!("RECIPIENT", "DESTINATÁRIO"),
        text!("BECAME", "DESTINO"),
        text!("SUBJECT", "ASSUNTO"),
        text!("REPLY", "RESPOSTA"),
        text!("ID", "ID"),
    ];
    let mut rows = vec![header.map(|name| style.say(&name).to_owned())];
    for record in &found.records {
        rows.extend(cells(&found.request, record, style));
    }
    let mut widths = [0; 8];
    for row in &rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).min(WIDEST).max(*widest);
        }
    }
    let line = |row: &[String; 8]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, columns)| fit(cell, columns)).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// One row a recipient; what they have in common stands in the first.
fn cells(request: &Request, record: &Record, style: &Style) -> Vec<[String; 8]> {
    let subject = escape(&record.subject_line());
    let reply = record.reply.as_deref().map(escape).unwrap_or_default();
    let last = record.id.as_str().get(20..).unwrap_or_default().to_owned();
    let nobody = [(String::new(), style.say(&words::ending(record.ending)).to_owned(), reply.clone())];
    let mut recipients: Vec<_> = record
        .recipients
        .iter()
        .map(|recipient| {
            // Who was refused at RCPT heard that, and not what the others heard at the end.
            let heard = if recipient.fate == Fate::RefusedAtRcpt { escape(&recipient.reply) } else { reply.clone() };
            (escape(&recipient.address), style.say(&words::fate(recipient.fate)).to_owned(), heard)
        })
        .collect();
    if recipients.is_empty() {
        recipients = nobody.into();
    }
    let direction = style.say(&direction(request, record).words()).to_owned();
    let row = |(nth, (address, became, heard)): (usize, (String, String, String))| {
        let first = |text: &str| if nth == 0 { text.to_owned() } else { String::new() };
        [
            first(&style.time(record.began)),
            first(&direction),
            first(&format!("<{}>", escape(&record.reverse_path))),
            address,
            became,
            first(&subject),
            heard,
            first(&last),
        ]
    };
    recipients.into_iter().enumerate().map(row).collect()
}

/// What has no record: counted by network, so of no mailbox.
fn refused(found: &Found, style: &Style) -> String {
    let reasons: Vec<String> =
        found.refused.reasons.iter().map(|(reason, count)| format!("{count} × {}", escape(reason))).collect();
    if reasons.is_empty() {
        return String::new();
    }
    let reasons = reasons.join(", ");
    let said = match found.filters.get("client") {
        Some(client) => {
            let client = escape(client);
            text!(
                "\nBeside these, attempts of the network of {client} that were refused in this time and only counted: {reasons}\n",
                "\nAlém destas, tentativas da rede de {client} recusadas nesse período e apenas contadas: {reasons}\n"
            )
        }
        None => text!(
            "\nBeside these, attempts of whatever network that were refused in this time and only counted (--client shows those of one): {reasons}\n",
            "\nAlém destas, tentativas de qualquer rede recusadas nesse período e apenas contadas (--client mostra as de uma): {reasons}\n"
        ),
    };
    style.say(&said).to_owned()
}
