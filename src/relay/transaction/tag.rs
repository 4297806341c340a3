//! What stands in front of the content that the next hop gets: our `Received:`, and the field that says why a message is tagged.

use bytes::Bytes;

use crate::{
    policy::{disposition::By, rule::Judgement, verdict::ScanVerdict},
    record::TransactionId,
    relay::settings::Settings,
};

/// The `X-Portaria:` field that says why a message is tagged. All of it is ours: names of rules and signatures are reduced to
/// what cannot break a header.
pub(super) fn field(
    by: By,
    judgement: &Judgement,
    deciding: &ScanVerdict,
    id: &TransactionId,
    settings: &Settings,
) -> String {
    let what = match by {
        By::Rule(index) => {
            let rule = judgement.matches.get(index).map_or("?", |matched| matched.rule.as_str());
            let rule: String = rule
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '?' })
                .take(100)
                .collect();
            format!("rule={rule}")
        }
        By::Antivirus => format!("verdict={}", deciding.name()),
    };
    format!("X-Portaria: {}; {what};\r\n\tid={id}\r\n", settings.hostname)
}

/// What goes in front of the content: our `Received:`, then the tag.
pub(super) fn prefix(trace: &Bytes, tag: Option<&str>) -> Bytes {
    match tag {
        None => trace.clone(),
        Some(tag) => [trace.as_ref(), tag.as_bytes()].concat().into(),
    }
}
