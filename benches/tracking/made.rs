//! Records from a seed.

use portaria::record::{Record, TransactionId, window::DAY};

/// 2026-11-22 00:00 UTC, when the last record ends.
pub const END: i64 = 1_795_305_600_000;
const DAYS: i64 = 38;

/// What a record says of a rule that matched, but for its id.
pub const RULE: &str = concat!(
    r#"{"rule":"","block":1,"pattern":"palavra","subject":0,"reading":"plain","folded":"palavra","span":[0,7],"#,
    r#""decoded_span":[0,7],"mode":"observe","action":"tag","reply":null,"spared":[]}"#,
);

/// When the record of a number began, for a database.
pub fn began_of(number: &str, count: u64) -> String {
    format!("({} + {} * {number} / {count})", END - DAYS * DAY, DAYS * DAY)
}

/// Makes one after the other.
pub struct Made {
    count: u64,
    number: u64,
    state: u64,
    template: Record,
    rule: Record,
}

impl Made {
    /// `count` records over 38 days, or as many as are wanted of so many a day; `lean` ones are half as long.
    pub fn new(count: u64, lean: bool) -> Self {
        let template = |rules| serde_json::from_value(template(lean, rules)).unwrap();
        Self { count, number: 0, state: 0x9e37_79b9_7f4a_7c15, template: template(false), rule: template(true) }
    }

    /// Those before this one are passed over.
    pub fn from(mut self, number: u64) -> Self {
        self.number = number;
        self
    }

    /// splitmix64
    fn chance(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Small numbers often, large ones seldom, as words are used.
    fn word(&mut self) -> String {
        let chance = self.chance() % 10_000;
        format!("palavra{}", (chance * chance / 10_000) * (chance * chance / 10_000) / 5000)
    }

    /// The next one.
    pub fn next(&mut self) -> Record {
        let number = self.number;
        self.number += 1;
        let began = END - DAYS * DAY + (i128::from(DAYS * DAY) * i128::from(number) / i128::from(self.count)) as i64;
        let words: Vec<String> = (0..5).map(|_| self.word()).collect();
        let client = self.chance() % 1000;
        // One mailbox gets, and one sends, as much as a newsletter or a system does.
        let busy = self.chance() % 20;
        let mailbox = match busy {
            0 => "ouvidoria@tjpa.jus.br".to_owned(),
            _ => format!("pessoa{}@tjpa.jus.br", self.chance() % 20_000),
        };
        let chance = u128::from(self.chance()) << 32;
        let has_rule = self.chance().is_multiple_of(10);
        let mut record = if has_rule { self.rule.clone() } else { self.template.clone() };
        for matched in &mut record.rules {
            matched.rule = format!("S3B-2026-{:04}", self.chance() % 50);
        }
        record.id = TransactionId::of_mail(began.unsigned_abs(), chance);
        record.began = began;
        record.ended = began + 400;
        record.client.address = format!("10.0.{}.{}", client / 250, client % 250).parse().unwrap();
        record.reverse_path = match busy {
            1 => "naoresponda@example.com".to_owned(),
            _ => format!("remetente{}@example.com", self.chance() % 100_000),
        };
        for recipient in &mut record.recipients {
            recipient.address.clone_from(&mailbox);
            recipient.mailbox = Some(portaria::policy::directory::MailboxKey(mailbox.clone()));
        }
        record.subjects = vec![words.join(" ")];
        record.message_id = Some(format!("<{number}.abc@example.com>"));
        record.sha256 = record.sha256.map(|_| format!("{:064x}", self.chance()));
        record
    }
}

/// A record with nothing in the places that differ.
pub fn template(lean: bool, has_rule: bool) -> serde_json::Value {
    use serde_json::{Value, json};
    let rule: Value = serde_json::from_str(RULE).unwrap();
    let scanner = json!({
        "group": "clamd", "scanner": "clamd unix:/run/clamav/clamd.ctl", "verdict": "clean", "took_ms": 12,
        "version": "ClamAV 1.4.6/27800/Fri Nov 20 09:00:00 2026",
    });
    let next_hop = json!({
        "name": "mailbox", "address": "10.0.0.5:25", "tls": null, "reply": "250 2.0.0 Ok: queued", "attempts": 1,
        "cut_through": false,
    });
    json!({
        "id": TransactionId::new(0, 0),
        "began": 0,
        "ended": 0,
        "client": {
            "listener": "0.0.0.0:25", "address": "10.0.0.0", "port": 40_000, "hello": "mx.example.com",
            "tls": if lean { Value::Null } else { json!("TLSv1.3 TLS_AES_256_GCM_SHA384") },
        },
        "reverse_path": "",
        "recipients": [{
            "address": "", "mailbox": "", "reply": "250 2.1.5 Ok", "answered_by": "next_hop", "refusal": null,
            "fate": "relayed", "decided_by_rule": null, "downgraded": false,
        }],
        "subjects": [""],
        "message_id": null,
        "size": 45_678,
        "sha256": if lean { Value::Null } else { json!(format!("{:064x}", 0)) },
        "policy": "0123456789ab",
        "rules": if has_rule { vec![rule] } else { Vec::new() },
        "scanners": if lean { Vec::new() } else { vec![scanner] },
        "next_hop": if lean { Value::Null } else { next_hop },
        "ending": "relayed",
        "cause": { "cause": "nothing" },
        "tagged": null,
        "reply": "250 2.0.0 Ok: queued",
        "quarantined": false,
    })
}
