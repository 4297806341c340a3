//! Finds that are ignored for some senders: a false alarm must not stop a court's work until the signature is mended.

use std::{net::IpAddr, time::SystemTime};

use ipnet::IpNet;

use crate::{
    document::{Code, Document, Found, Table},
    policy::{
        entry::{self, Period},
        network,
        rule::{
            code,
            except::{SenderPattern, comparable_path},
        },
    },
    smtp::path::ReversePath,
    text,
};

/// Letters before a `*`: fewer would name whole classes of malware.
const LEAST: usize = 8;

/// One `[[ignore]]`.
#[derive(Clone, Debug)]
pub struct Exception {
    /// A signature as written: whole, or its beginning and a `*`.
    pub signature: String,
    /// Reverse-paths as written.
    pub senders: Vec<String>,
    /// Networks of clients; empty: from anywhere.
    pub networks: Vec<IpNet>,
    /// Why.
    pub reason: String,
    /// The request that asked for it.
    pub ticket: String,
    /// Who entered it.
    pub by: String,
    /// From when until when; it always ends.
    pub period: Period,
    patterns: Vec<SenderPattern>,
}

impl Exception {
    /// Whether a find of `signature` is ignored in a message of this reverse-path and client, at `now`.
    pub fn holds(&self, signature: &str, path: &ReversePath, client: IpAddr, now: SystemTime) -> bool {
        let named = match self.signature.strip_suffix('*') {
            Some(beginning) => signature.starts_with(beginning),
            None => signature == self.signature,
        };
        let is_from_there = self.networks.is_empty() || network::is_in(client, &self.networks);
        let sender = || comparable_path(path);
        named
            && is_from_there
            && self.period.contains(now)
            && self.patterns.iter().any(|pattern| pattern.holds(&sender()))
    }
}

pub(super) fn read(table: Table<'_, '_>, now: SystemTime) -> Option<Exception> {
    let document = table.document();
    let errors = document.errors();
    let found = table.required::<String>("signature");
    if let Some(found) = &found {
        check_signature(document, found);
    }
    let (senders, patterns) = senders(&table);
    let networks = table.list::<IpNet>("networks").into_iter().map(|found| found.value).collect();
    if table.is_empty("networks") {
        let what = text!(
            "an exception by sender alone can be forged: add `networks`",
            "uma exceção só por remetente pode ser forjada: acrescente `networks`"
        );
        let help = text!(
            "such as networks = [\"192.0.2.0/24\"]: from where that sender's mail comes",
            "por exemplo networks = [\"192.0.2.0/24\"]: de onde vem o correio desse remetente"
        );
        document.advise(code::FORGEABLE, table.span(), what, Some(help));
    }
    let reason = entry::answerable(&table, "reason");
    let ticket = entry::answerable(&table, "ticket");
    let by = entry::answerable(&table, "by");
    let over = text!("this exception is over: it ignores nothing", "esta exceção já venceu: não ignora nada");
    table.required::<toml::value::Datetime>("expires");
    let period = entry::period(&table, now, over);
    table.finish();
    // One that is half right must not act.
    (document.errors() == errors).then_some(())?;
    let (signature, reason, ticket, by) = (found?.value, reason?, ticket?, by?);
    Some(Exception { signature, senders, networks, reason, ticket, by, period, patterns })
}

fn senders(table: &Table<'_, '_>) -> (Vec<String>, Vec<SenderPattern>) {
    if table.is_empty("senders") {
        let what = text!("`senders` is missing here", "falta `senders` aqui");
        let help = text!(
            "whose finds are ignored, such as senders = [\"*@bank.example\"]",
            "de quem os achados são ignorados, por exemplo senders = [\"*@banco.example\"]"
        );
        table.document().fault_as(Code::MISSING, table.span_of("senders"), what, Some(help));
    }
    let (mut written, mut patterns) = (Vec::new(), Vec::new());
    for found in table.list::<String>("senders") {
        match SenderPattern::parse(&found.value) {
            Ok(pattern) => {
                patterns.push(pattern);
                written.push(found.value);
            }
            Err((what, help)) => table.document().fault_as(code::ADDRESS, found.span, what, Some(help)),
        }
    }
    (written, patterns)
}

/// A signature as reports have it, or its beginning. A limit that was hit is no find, and cannot be ignored.
fn check_signature(document: &Document<'_>, found: &Found<String>) {
    let written = &found.value;
    let (beginning, is_whole) = match written.strip_suffix('*') {
        Some(beginning) => (beginning, false),
        None => (written.as_str(), true),
    };
    let in_reports = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let what = if beginning.is_empty() || !beginning.chars().all(in_reports) {
        text!("`{written}` is no signature", "`{written}` não é uma assinatura")
    } else if !is_whole && beginning.len() < LEAST {
        text!(
            "`{written}` names too many signatures: at least {LEAST} letters stand before the *",
            "`{written}` abrange assinaturas demais: são precisas ao menos {LEAST} letras antes do *"
        )
    } else if beginning.starts_with("Heuristics.Limits.") {
        text!(
            "`{written}` is a limit and no find: what was not looked at cannot be ignored",
            "`{written}` é um limite, não um achado: o que não foi examinado não pode ser ignorado"
        )
    } else {
        return;
    };
    let help = text!(
        "write it as `portaria explain` shows it, such as \"Heuristics.Phishing.Email.SpoofedDomain\"; a * only at the end",
        "escreva-a como `portaria explain` a mostra, por exemplo \"Heuristics.Phishing.Email.SpoofedDomain\"; * só no fim"
    );
    document.fault_as(Code::VALUE, found.span.clone(), what, Some(help));
}
