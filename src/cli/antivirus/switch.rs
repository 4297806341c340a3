//! `[contingency]` in the document: begun, ended. What stands elsewhere in the file is not touched.

use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use toml_edit::{Array, DocumentMut, Item, Table};

use crate::{
    cli::{
        escape::escape,
        when::{item, whole_seconds},
    },
    language::Text,
    policy::scanning::{Mode, Scanning},
    text,
};

/// What `[contingency]` is to say.
#[derive(Debug)]
pub struct Order {
    /// What becomes of mail.
    pub mode: Mode,
    /// For how long, from now.
    pub length: Duration,
    /// Which groups are not asked; empty: all.
    pub groups: Vec<String>,
    /// Why.
    pub reason: String,
    /// On whose request.
    pub ticket: String,
    /// By whom.
    pub by: String,
}

const TABLE: &str = "contingency";

/// Writes the order. `now_written` is what the file says so far: of two orders the second would end the first in silence.
pub fn begin(
    document: &mut DocumentMut,
    order: &Order,
    now_written: &Scanning,
    time_zone: &TimeZone,
    now: SystemTime,
) -> Result<(), Text> {
    if let Some(other) = now_written.contingency.as_ref().filter(|other| !other.period.is_over(now)) {
        let (mode, ticket) = (other.mode.name(), escape(&other.ticket));
        return Err(text!(
            "there is a contingency already ({mode}, {ticket}): end it first",
            "já há uma contingência ({mode}, {ticket}): encerre-a primeiro"
        ));
    }
    let table = table(document)?;
    table.clear();
    table.insert("mode", toml_edit::value(order.mode.name()));
    if !order.groups.is_empty() {
        table.insert("groups", toml_edit::value(order.groups.iter().collect::<Array>()));
    }
    table.insert("reason", toml_edit::value(order.reason.as_str()));
    table.insert("ticket", toml_edit::value(order.ticket.as_str()));
    table.insert("by", toml_edit::value(order.by.as_str()));
    table.insert("starts", item(now, time_zone)?);
    table.insert("expires", item(now + order.length, time_zone)?);
    Ok(())
}

/// Ends the order now; who ended it and why stands beside it.
pub fn end(
    document: &mut DocumentMut,
    now_written: &Scanning,
    reason: &str,
    by: &str,
    time_zone: &TimeZone,
    now: SystemTime,
) -> Result<(), Text> {
    let Some(order) = now_written.contingency.as_ref().filter(|order| !order.period.is_over(now)) else {
        return Err(text!(
            "there is no contingency to end in the file; `portaria antivirus contingency` shows what the gateway does",
            "não há contingência para encerrar no arquivo; `portaria antivirus contingency` mostra o que a Portaria faz"
        ));
    };
    let at = whole_seconds(now).unwrap_or(now);
    // One that would end before it begins is no period: it has been over since ever.
    let never_began = order.period.starts.is_some_and(|starts| at <= starts);
    let table = table(document)?;
    if never_began {
        table.remove("starts");
    }
    table.insert("expires", item(now, time_zone)?);
    table.insert("end_reason", toml_edit::value(reason));
    table.insert("ended_by", toml_edit::value(by));
    Ok(())
}

/// `[contingency]`, made if it is not there.
fn table(document: &mut DocumentMut) -> Result<&mut Table, Text> {
    if document.as_table().is_empty() {
        // A file of nothing but comments keeps them on top.
        let comments = document.trailing().as_str().unwrap_or_default().to_owned();
        let mut table = Table::new();
        if !comments.is_empty() {
            table.decor_mut().set_prefix(comments.trim_end().to_owned() + "\n\n");
            document.set_trailing("");
        }
        document.insert(TABLE, Item::Table(table));
    }
    let item = document.entry(TABLE).or_insert_with(|| Item::Table(Table::new()));
    // Written as `contingency = { … }`, it is the same.
    if let Some(inline) = item.as_inline_table().cloned() {
        *item = Item::Table(inline.into_table());
    }
    item.as_table_mut().ok_or_else(|| text!("`contingency` is no table", "`contingency` não é uma tabela"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::Timestamp;

    use super::*;
    use crate::language::Language;

    const SAMPLE: &str = "# What is ordered about scanning.\n#\n# [contingency]\n# mode = \"hold\"\n";

    fn now() -> SystemTime {
        "2026-11-21T12:00:00.7Z".parse::<Timestamp>().unwrap().into()
    }

    fn read(text: &str, at: SystemTime) -> Scanning {
        let (scanning, faults) = Scanning::read(Path::new("antivirus.toml"), text, &["clamd".to_owned()], at);
        assert!(!faults.has_errors(), "{}", faults.render(Language::En));
        scanning
    }

    fn order() -> Order {
        Order {
            mode: Mode::Deliver,
            length: Duration::from_secs(4 * 3600),
            groups: vec!["clamd".to_owned()],
            reason: "clamd \"crashes\"".to_owned(),
            ticket: "REQ 1".to_owned(),
            by: "s3b".to_owned(),
        }
    }

    fn belem() -> TimeZone {
        TimeZone::get("America/Belem").unwrap()
    }

    fn begun(source: &str, at: SystemTime) -> Result<String, Text> {
        let mut document: DocumentMut = source.parse().unwrap();
        begin(&mut document, &order(), &read(source, at), &belem(), at)?;
        Ok(document.to_string())
    }

    fn ended(source: &str, at: SystemTime) -> Result<String, Text> {
        let mut document: DocumentMut = source.parse().unwrap();
        end(&mut document, &read(source, at), "mended", "noc", &belem(), at)?;
        Ok(document.to_string())
    }

    #[test]
    fn an_order_is_in_force_as_soon_as_it_is_written_and_not_when_it_is_ended() {
        let text = begun(SAMPLE, now()).unwrap();
        let expected = SAMPLE.to_owned()
            + "\n[contingency]\nmode = \"deliver\"\ngroups = [\"clamd\"]\nreason = 'clamd \"crashes\"'\nticket = \"REQ 1\"\n\
               by = \"s3b\"\nstarts = 2026-11-21T09:00:00-03:00\nexpires = 2026-11-21T13:00:00-03:00\n";
        assert_eq!(text, expected);
        let scanning = read(&text, now());
        let in_force = scanning.contingency_at(now()).unwrap();
        assert_eq!(in_force.reason, "clamd \"crashes\"");

        let second = begun(&text, now()).unwrap_err();
        assert_eq!(second.en, "there is a contingency already (deliver, REQ 1): end it first");

        let hostile = text.replace("REQ 1", "x\\u001b[2J");
        assert!(!begun(&hostile, now()).unwrap_err().en.contains('\u{1b}'), "a ticket does nothing to a terminal");

        // In the same second, and later.
        for at in [now(), now() + Duration::from_secs(60)] {
            let text = ended(&text, at).unwrap();
            let scanning = read(&text, at);
            assert_eq!(scanning.contingency_at(at), None, "{text}");
            assert!(text.contains("end_reason = \"mended\"\nended_by = \"noc\"\n"), "{text}");
            assert!(ended(&text, at).unwrap_err().en.starts_with("there is no contingency to end in the file"));
            let again = begun(&text, at + Duration::from_secs(1)).unwrap();
            assert!(!again.contains("end_reason"), "the next order is another one: {again}");
        }
    }

    #[test]
    fn what_else_stands_in_the_file_stays() {
        let exception = "# A false alarm.\n[[ignore]]\nsignature = \"Heuristics.X\" # theirs\nsenders = [\"*@bank.example\"]\n\
                         networks = [\"192.0.2.0/24\"]\nreason = \"r\"\nticket = \"t\"\nby = \"b\"\nexpires = 2026-12-01T00:00:00Z\n";
        let text = begun(exception, now()).unwrap();
        assert!(text.starts_with(exception) && text.contains("\n[contingency]\n"), "{text}");
        let text = ended(&text, now() + Duration::from_secs(60)).unwrap();
        assert!(text.starts_with(exception), "{text}");

        let inline = "contingency = { mode = \"hold\", reason = \"r\", ticket = \"t\", by = \"b\", expires = 2026-11-22T00:00:00Z }\n";
        assert_eq!(read(&ended(inline, now()).unwrap(), now()).contingency_at(now()), None);
    }
}
