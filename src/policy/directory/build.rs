//! Rows into entries: what can be true of a directory, and what cannot.
//!
//! In: rows with their places, and the served domains. Out: entries, and everything that is wrong. An error keeps the whole
//! directory out: half of one would refuse the other half's mail for good. What only breaks the norm is `norm`'s.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    ops::Range,
    path::Path,
    sync::Arc,
};

use aws_lc_rs::digest;

use super::{
    Directory, MailboxKey, csv_file,
    entries::{Entries, Entry, Kind},
    fold::sub_address,
    row::{ListRow, MailboxRow, Row},
    toml_file,
};
use crate::{
    document::{Document, Faults, Found, nearest},
    language::Text,
    policy::{is_trick, route::NextHopName},
    smtp::path::{Host, Mailbox},
    text,
};

/// What a directory may be called in the rules folder. One of them, or none.
pub const FILES: [&str; 2] = ["directory.toml", "directory.csv"];

/// Reads a directory; the name says how it is written.
pub(super) fn read(file: &Path, source: &str, directory: &Directory) -> (Entries, Faults) {
    let is_csv = file.extension().is_some_and(|extension| extension == OsStr::new("csv"));
    let document = if is_csv { Document::of_text(file, source) } else { Document::parse(file, source) };
    let mut builder = Builder {
        directory,
        document: &document,
        entries: Entries::new(fingerprint(file, source)),
        classes: BTreeSet::new(),
        lines: Lines { source, at: 0, line: 1 },
        not_served: BTreeMap::new(),
    };
    if is_csv {
        csv_file::read(&document, &mut |row| builder.row(row));
    } else {
        toml_file::read(&document, &mut |row| builder.row(row));
    }
    let entries = builder.finish();
    (entries, document.into_faults())
}

/// The name without its folder, and the text: two machines that keep the same file elsewhere have the same directory.
fn fingerprint(file: &Path, source: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    let name = file.file_name().unwrap_or_default().as_encoded_bytes();
    for part in [name, source.as_bytes()] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

struct Builder<'b, 'd> {
    directory: &'b Directory,
    document: &'b Document<'d>,
    entries: Entries,
    /// Few, and named by every mailbox: one text each.
    classes: BTreeSet<Arc<str>>,
    lines: Lines<'d>,
    /// Domains of addresses that are of no use: how many addresses, and where the first stands.
    not_served: BTreeMap<String, (usize, Range<usize>)>,
}

impl Builder<'_, '_> {
    fn row(&mut self, row: Row) {
        match row {
            Row::Mailbox(row) => self.mailbox(row),
            Row::List(row) => self.list(row),
        }
    }

    fn mailbox(&mut self, row: MailboxRow) {
        let name = self.name(&row.name);
        let class = self.class(&row.class);
        let next_hop = row.next_hop.as_ref().map(|written| self.next_hop(written));
        let primary = self.address(&row.primary, true);
        let others: Vec<_> = row.addresses.iter().filter_map(|written| self.address(written, false)).collect();
        let Some(key) = primary else { return };
        let written = std::iter::once(&row.primary).chain(&row.addresses).map(|found| found.value.trim().into());
        let addresses: BTreeSet<MailboxKey> = std::iter::once(key.clone()).chain(others).collect();
        let entry = Entry {
            key,
            next_hop: next_hop.flatten(),
            addresses: written.collect(),
            line: self.lines.of(row.span.start),
            kind: match (name, class) {
                (Some(name), Some(class)) => Kind::Mailbox { name, class },
                _ => return,
            },
        };
        self.entries.add(entry, addresses);
    }

    fn list(&mut self, row: ListRow) {
        let Some(key) = self.address(&row.address, true) else { return };
        if row.internal_senders_only && self.directory.is_always_reachable(&key) {
            let local = key.local_part();
            self.document.fault(
                row.address.span.clone(),
                text!(
                    "{local} is always reachable: anybody may write to it",
                    "{local} está sempre acessível: qualquer um pode lhe escrever"
                ),
                Some(text!(
                    "take `internal_senders_only` away: RFC 5321 §4.5.1 (postmaster), [policy] always_reachable",
                    "retire `internal_senders_only`: RFC 5321 §4.5.1 (postmaster), [policy] always_reachable"
                )),
            );
            return;
        }
        let entry = Entry {
            key: key.clone(),
            next_hop: None,
            addresses: vec![row.address.value.trim().into()],
            line: self.lines.of(row.span.start),
            kind: Kind::List { internal_senders_only: row.internal_senders_only },
        };
        self.entries.add(entry, BTreeSet::from([key]));
    }

    fn name(&self, written: &Found<String>) -> Option<Box<str>> {
        let name = self.not_blank(written, "name")?;
        if let Some(other) = self.entries.named(name) {
            let line = other.line;
            let what =
                text!("the mailbox `{name}` stands in line {line} already", "a caixa `{name}` já está na linha {line}");
            self.document.fault(written.span.clone(), what, None);
            return None;
        }
        Some(name.into())
    }

    fn class(&mut self, written: &Found<String>) -> Option<Arc<str>> {
        let class = self.not_blank(written, "class")?;
        if let Some(known) = self.classes.get(class) {
            return Some(known.clone());
        }
        let class: Arc<str> = class.into();
        self.classes.insert(class.clone());
        Some(class)
    }

    fn not_blank<'f>(&self, written: &'f Found<String>, key: &str) -> Option<&'f str> {
        let value = written.value.trim();
        if value.is_empty() {
            let what = text!("`{key}` is empty", "`{key}` está vazio");
            self.document.fault(written.span.clone(), what, None);
        }
        Some(value).filter(|value| !value.is_empty())
    }

    fn next_hop(&self, written: &Found<String>) -> Option<NextHopName> {
        let name = written.value.trim();
        let known = &self.directory.next_hops;
        let wanted = NextHopName::from(name);
        if let Some(found) = known.get(&wanted) {
            return Some(found.clone());
        }
        if known.is_empty() {
            return Some(wanted);
        }
        let help = nearest(name, known.iter().map(|known| &*known.0)).map(did_you_mean);
        let what = text!("there is no [[next_hop]] named `{name}`", "não há [[next_hop]] de nome `{name}`");
        self.document.fault(written.span.clone(), what, help);
        None
    }

    /// The folded address; none after a fault, or when it is of no use because its domain is not served.
    fn address(&mut self, written: &Found<String>, is_primary: bool) -> Option<MailboxKey> {
        let (shown, span) = (written.value.trim(), &written.span);
        let fault = |what: Text, help: Option<Text>| self.document.fault(span.clone(), what, help);
        let parsed = Mailbox::parse(shown.trim_end_matches('.'));
        let Some((mailbox, domain)) = parsed.as_ref().and_then(|mailbox| Some((mailbox, domain_of(mailbox)?))) else {
            fault(text!("`{shown}` is not an address", "`{shown}` não é um endereço"), Some(how_to_write(shown)));
            return None;
        };
        if is_trick(mailbox) {
            fault(
                text!(
                    "mail to `{shown}` is always refused: %, ! or a second @ ask for relaying",
                    "o correio para `{shown}` é sempre recusado: %, ! ou um segundo @ pedem retransmissão"
                ),
                None,
            );
            return None;
        }
        let Some(address) = self.directory.address_of(mailbox) else {
            if is_primary {
                let near = nearest(domain, self.directory.by_name.keys().map(String::as_str)).map(did_you_mean);
                fault(text!("the domain {domain} is not served here", "o domínio {domain} não é atendido aqui"), near);
            } else {
                let first = self.not_served.entry(domain.to_lowercase()).or_insert_with(|| (0, span.clone()));
                first.0 = first.0.saturating_add(1);
            }
            return None;
        };
        if sub_address(&mailbox.local_part.unquoted()).is_some() {
            let whole = &address.0;
            let what =
                text!("the sub-address does not count: this is {whole}", "o subendereço não conta: isto é {whole}");
            self.document.warning(span.clone(), what, None);
        }
        if let Some(other) = self.entries.find(&address) {
            let (whose, line) = (other.addresses.first().map(|first| &**first).unwrap_or_default(), other.line);
            fault(
                text!(
                    "`{shown}` is an address of {whose} already (line {line})",
                    "`{shown}` já é endereço de {whose} (linha {line})"
                ),
                Some(text!(
                    "each address belongs to one mailbox or list; case, quotes and the names of one domain make no difference",
                    "cada endereço pertence a uma caixa ou lista; maiúsculas, aspas e os nomes de um domínio não fazem diferença"
                )),
            );
            return None;
        }
        Some(address)
    }

    fn finish(self) -> Entries {
        for (domain, (count, span)) in self.not_served {
            let what = text!(
                "the domain {domain} is not served here: {count} addresses in it are not used",
                "o domínio {domain} não é atendido aqui: {count} endereços nele não são usados"
            );
            let near = nearest(&domain, self.directory.by_name.keys().map(String::as_str)).map(did_you_mean);
            self.document.warning(span, what, near);
        }
        if self.entries.all().is_empty() && self.document.errors() == 0 {
            self.document.fault(
                0..0,
                text!(
                    "nobody is in this directory: all mail would be refused",
                    "não há ninguém neste diretório: todo o correio seria recusado"
                ),
                Some(text!(
                    "take the file away to leave unknown recipients to the next hop",
                    "retire o arquivo para deixar os destinatários desconhecidos com o próximo salto"
                )),
            );
        }
        if self.document.errors() == 0 {
            for domain in self.directory.domains().iter().map(|domain| super::compared_domain(&domain.name)) {
                if !self.entries.covers(&domain) {
                    let what = text!(
                        "nobody in this directory has an address in {domain}: its recipients are left to its next hop",
                        "ninguém neste diretório tem endereço em {domain}: seus destinatários ficam com o próximo salto"
                    );
                    self.document.warning(0..0, what, None);
                }
            }
        }
        self.entries
    }
}

fn domain_of(mailbox: &Mailbox) -> Option<&str> {
    match &mailbox.host {
        Host::Domain(domain) => Some(domain.as_str()),
        Host::Literal(_) => None,
    }
}

/// Active Directory writes the protocol in front: `SMTP:` marks the primary address, `smtp:` the others.
fn how_to_write(shown: &str) -> Text {
    match shown.split_once(':') {
        Some((protocol, rest)) if protocol.eq_ignore_ascii_case("smtp") => {
            text!("without `{protocol}:`, write {rest}", "sem `{protocol}:`, escreva {rest}")
        }
        _ => text!("such as fulano.tal@tjpa.jus.br", "como fulano.tal@tjpa.jus.br"),
    }
}

fn did_you_mean(name: &str) -> Text {
    text!("did you mean `{name}`?", "você quis dizer `{name}`?")
}

/// Octets into lines. Rows come nearly in order, so each is counted from where the one before it was.
struct Lines<'d> {
    source: &'d str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, at: usize) -> usize {
        if at < self.at {
            (self.at, self.line) = (0, 1);
        }
        let between = self.source.as_bytes().get(self.at..at).unwrap_or_default();
        self.line = self.line.saturating_add(between.iter().filter(|octet| **octet == b'\n').count());
        self.at = at;
        self.line
    }
}
