//! Records and items for the tests of whoever keeps or shows them: a mixed outcome, with hostile text in the subject.

use super::*;
use crate::policy::{
    directory::MailboxKey,
    rule::{Action, Mode, Reading, RuleMatch},
    verdict::{ScanVerdict, ScannerReport},
};

/// 2026-11-21 11:00:00 UTC, 08:00 in Belém.
pub(crate) const BEGAN: UnixMillis = 1_795_258_800_000;

/// An id whose random part is `number`.
pub(crate) fn id(number: u64) -> TransactionId {
    TransactionId::new(BEGAN as u64 + number, u128::from(number) << 12 | 0xabc)
}

/// A message that a rule held for one recipient and spared for another, with a third refused before.
pub(crate) fn record(number: u64) -> Record {
    Record {
        id: id(number),
        began: BEGAN + number as i64,
        ended: BEGAN + number as i64 + 412,
        client: ClientFacts {
            listener: "0.0.0.0:25".to_owned(),
            address: "192.0.2.25".parse().unwrap(),
            port: 40_125,
            name: None,
            announced_by: None,
            hello: "mx.example".to_owned(),
            tls: Some("TLSv1.3 TLS_AES_256_GCM_SHA384".to_owned()),
        },
        application: None,
        reverse_path: "remetente@example.com".to_owned(),
        reverse_path_mailbox: None,
        recipients: vec![
            RecipientFacts {
                address: "Fulano.Tal@tjpa.jus.br".to_owned(),
                mailbox: Some(MailboxKey("fulano.tal@tjepa.jus.br".to_owned())),
                reply: "250 2.1.5 Ok".to_owned(),
                answered_by: AnsweredBy::NextHop,
                refusal: None,
                fate: Fate::Held,
                decided_by_rule: Some(0),
                downgraded: true,
            },
            RecipientFacts {
                address: "beltrano@tjpa.jus.br".to_owned(),
                mailbox: None,
                reply: "550 5.2.1 Mailbox disabled".to_owned(),
                answered_by: AnsweredBy::Gateway,
                refusal: Some(("blocked_to_receive".to_owned(), "blocked by REQ 2026/119004".to_owned())),
                fate: Fate::RefusedAtRcpt,
                decided_by_rule: None,
                downgraded: false,
            },
            RecipientFacts {
                address: "noc@tjpa.jus.br".to_owned(),
                mailbox: Some(MailboxKey("noc@tjepa.jus.br".to_owned())),
                reply: "250 2.1.5 Ok".to_owned(),
                answered_by: AnsweredBy::NextHop,
                refusal: None,
                fate: Fate::Relayed,
                decided_by_rule: None,
                downgraded: false,
            },
        ],
        subjects: vec!["Boleto de Cobrança \u{202e}URGENTE\u{1b}[31m".to_owned()],
        hidden_subjects: None,
        list_ids: Some(Vec::new()),
        message_id: Some("<1@example.com>".to_owned()),
        size: Some(12_345),
        sha256: Some("00ff".repeat(16)),
        policy: "0123456789ab".to_owned(),
        rules: vec![RuleMatch {
            rule: "S3B-2026-0042".to_owned(),
            block: 2,
            pattern: "cobrança".to_owned(),
            subject: 0,
            reading: Reading::Plain,
            folded: "boleto de cobranca urgente".to_owned(),
            span: (10, 18),
            decoded_span: Some((10, 19)),
            mode: Mode::Enforce,
            action: Action::Reject,
            reply: None,
            spared: vec![2],
        }],
        scanners: vec![
            ScannerReport {
                group: "clamd".to_owned(),
                scanner: "clamd unix:/run/clamav/clamd.ctl".to_owned(),
                verdict: ScanVerdict::Macro { signature: "Heuristics.OLE2.ContainsMacros".to_owned() },
                took_ms: 12,
                version: Some("ClamAV 1.4.6/27800/Fri Nov 20 09:00:00 2026".to_owned()),
                findings: Vec::new(),
                action: None,
            },
            ScannerReport {
                group: "yara".to_owned(),
                scanner: "yara".to_owned(),
                verdict: ScanVerdict::Clean,
                took_ms: 3,
                version: Some("boreal, 12 rules".to_owned()),
                findings: Vec::new(),
                action: None,
            },
        ],
        next_hop: Some(NextHopFacts {
            name: "mailbox".to_owned(),
            address: Some("10.0.0.5:25".to_owned()),
            tls: None,
            reply: Some("250 2.0.0 Ok: queued".to_owned()),
            attempts: 2,
            cut_through: false,
            fault: None,
        }),
        ending: Ending::RelayedAndHeld,
        cause: Cause::Rule { index: 0 },
        tagged: None,
        reply: Some("250 2.0.0 Ok: queued (1 of 2 recipients held)".to_owned()),
        quarantined: true,
    }
}

/// Its quarantine item, for `content` behind `trace`.
pub(crate) fn item(number: u64, trace: &[u8], content: &[u8]) -> Item {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
    let record = record(number);
    Item {
        id: record.id,
        class: ItemClass::Rule,
        state: ItemState::Held,
        acknowledged: true,
        received_at: record.ended,
        reverse_path: record.reverse_path,
        recipients: vec!["Fulano.Tal@tjpa.jus.br".to_owned()],
        parameters: EnvelopeParameters::default(),
        subject: record.subjects.concat(),
        size: content.len() as u64,
        sha256: digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect(),
        trace_length: trace.len() as u64,
        reason: "rule S3B-2026-0042: cobrança".to_owned(),
    }
}
