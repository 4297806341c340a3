//! A PDF for people: A4, the statement first, then a paragraph a message; on each page its number and the hash.
//!
//! Courier is one of the fonts that every reader of PDFs has (ISO 32000-1 §9.6.2.2) and all its characters are equally wide, so that
//! nothing is embedded and lines are counted. It has the letters of Western Europe (WinAnsiEncoding); a character that it has not
//! is written as an escape, as on a terminal. The same records make the same octets.

use pdf_writer::{Content, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

use super::{super::shown::direction, Statement};
use crate::{
    cli::{escape::escape, rendering::Style, track::query::Found, words},
    record::Record,
    text,
};

/// A4 in points, and its margin.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 42.0;
/// Size of the letters, and from line to line.
const SIZE: f32 = 8.0;
const LEADING: f32 = 10.5;
/// Characters of a line: Courier's are 0.6 of their size wide.
const COLUMNS: usize = 106;
/// Lines of a page.
const LINES: usize = 68;

/// A line of text; a bold one begins something.
struct Line {
    text: String,
    bold: bool,
}

pub(super) fn document(found: &Found, statement: &Statement, hash: &str, style: &Style) -> Vec<u8> {
    let mut lines = vec![Line {
        text: style.say(&text!("Tracking of messages", "Rastreamento de mensagens")).to_owned(),
        bold: true,
    }];
    lines.push(empty());
    for (_, label, value) in &statement.0 {
        paragraph(&mut lines, &format!("{:<17} {}", style.say(label), escape(value)), 18, false);
    }
    let note = text!(
        "The hash is of the same records as CSV: portaria track export --format csv.",
        "O hash é o dos mesmos registros em CSV: portaria track export --format csv."
    );
    lines.push(empty());
    paragraph(&mut lines, style.say(&note), 0, false);
    for record in &found.records {
        lines.push(empty());
        message(&mut lines, found, record, style);
    }
    pages(&lines, hash, style)
}

fn empty() -> Line {
    Line { text: String::new(), bold: false }
}

fn message(lines: &mut Vec<Line>, found: &Found, record: &Record, style: &Style) {
    let way = direction(&found.request, record).words();
    let (time, id) = (style.time_to_the_millisecond(record.began), &record.id);
    paragraph(lines, &format!("{time}  {}  {id}", style.say(&way)), 4, true);
    let (client, hello) = (record.client.address, escape(&record.client.hello));
    let subject = escape(&record.subject_line());
    let message_id = escape(record.message_id.as_deref().unwrap_or_default());
    let mut facts = vec![
        (text!("From", "De"), format!("<{}>", escape(&record.reverse_path))),
        (text!("Subject", "Assunto"), subject),
        (text!("Message-ID", "Message-ID"), message_id),
        (text!("Client", "Cliente"), format!("{client} ({hello})")),
    ];
    for recipient in &record.recipients {
        let became = style.say(&words::fate(recipient.fate)).to_owned();
        facts.push((
            text!("To", "Para"),
            format!("<{}>: {became}; {}", escape(&recipient.address), escape(&recipient.reply)),
        ));
    }
    let reply = escape(record.reply.as_deref().unwrap_or_default());
    facts.push((text!("End", "Fim"), format!("{}; {reply}", style.say(&words::ending(record.ending)))));
    for (label, fact) in facts {
        paragraph(lines, &format!("    {:<11} {fact}", style.say(&label)), 16, false);
    }
}

/// Broken into lines, all but the first one set in.
fn paragraph(lines: &mut Vec<Line>, text: &str, indent: usize, bold: bool) {
    let mut left = western(text);
    let mut first = true;
    while first || !left.is_empty() {
        let room = if first { COLUMNS } else { COLUMNS.saturating_sub(indent) };
        let fits: String = left.chars().take(room).collect();
        // At a space if there is one in the second half: most of this is addresses and hashes.
        let cut = match fits.rfind(' ') {
            Some(space) if fits.len() < left.len() && space > fits.len() / 2 => space,
            _ => fits.len(),
        };
        let (line, rest) = left.split_at(cut);
        let line = if first { line.to_owned() } else { " ".repeat(indent) + line };
        lines.push(Line { text: line, bold });
        left = rest.trim_start_matches(' ').to_owned();
        first = false;
    }
}

/// Only characters that the font has.
fn western(text: &str) -> String {
    text.chars().map(|c| if code(c).is_some() { c.to_string() } else { format!("\\u{{{:x}}}", u32::from(c)) }).collect()
}

/// The character's code in WinAnsiEncoding (ISO 32000-1 annex D.2).
fn code(c: char) -> Option<u8> {
    const HIGH: [(char, u8); 12] = [
        ('€', 0x80),
        ('…', 0x85),
        ('‘', 0x91),
        ('’', 0x92),
        ('“', 0x93),
        ('”', 0x94),
        ('•', 0x95),
        ('–', 0x96),
        ('—', 0x97),
        ('™', 0x99),
        ('Š', 0x8a),
        ('š', 0x9a),
    ];
    match c {
        ' '..='~' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(c)).ok(),
        _ => HIGH.iter().find(|(high, _)| *high == c).map(|(_, code)| *code),
    }
}

fn encoded(text: &str) -> Vec<u8> {
    text.chars().filter_map(code).collect()
}

fn pages(lines: &[Line], hash: &str, style: &Style) -> Vec<u8> {
    let mut pdf = Pdf::new();
    let (catalog, tree, plain, bold, info) = (Ref::new(1), Ref::new(2), Ref::new(3), Ref::new(4), Ref::new(5));
    let count = lines.len().div_ceil(LINES);
    let number = |page: usize, offset: i32| Ref::new(10 + 2 * i32::try_from(page).unwrap_or(i32::MAX / 4) + offset);
    pdf.catalog(catalog).pages(tree);
    let kids: Vec<Ref> = (0..count).map(|page| number(page, 0)).collect();
    pdf.pages(tree).kids(kids.iter().copied()).count(i32::try_from(count).unwrap_or(i32::MAX));
    pdf.document_info(info).producer(TextStr(concat!("Portaria ", env!("CARGO_PKG_VERSION"))));
    for (font, name) in [(plain, "Courier"), (bold, "Courier-Bold")] {
        pdf.type1_font(font).base_font(Name(name.as_bytes())).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    for (page, some) in lines.chunks(LINES).enumerate() {
        let (this, of) = (page.saturating_add(1), count);
        let foot = text!("page {this} of {of}   SHA-256 {hash}", "página {this} de {of}   SHA-256 {hash}");
        let mut written = pdf.page(number(page, 0));
        written.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(tree).contents(number(page, 1));
        let mut resources = written.resources();
        resources.fonts().pair(Name(b"P"), plain).pair(Name(b"B"), bold);
        resources.finish();
        written.finish();
        pdf.stream(number(page, 1), &content(some, style.say(&foot)));
    }
    pdf.finish()
}

fn content(lines: &[Line], foot: &str) -> Vec<u8> {
    let mut content = Content::new();
    content.begin_text();
    content.set_leading(LEADING);
    content.next_line(MARGIN, PAGE.1 - MARGIN);
    for line in lines {
        content.set_font(Name(if line.bold { b"B" } else { b"P" }), SIZE);
        content.show(Str(&encoded(&line.text)));
        content.next_line_using_leading();
    }
    content.end_text();
    content.begin_text();
    content.set_font(Name(b"P"), SIZE);
    content.next_line(MARGIN, MARGIN - LEADING);
    content.show(Str(&encoded(foot)));
    content.end_text();
    content.finish().to_vec()
}
