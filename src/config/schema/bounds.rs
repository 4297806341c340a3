//! `[hold]`, `[limits]`, `[timeouts]`, `[rules]`, `[quarantine]`, `[tracking]`: numbers, and what they must be to one another.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;

use super::{
    super::{
        defaults::{self, DAY, GIB, KIB, MIB},
        quantity::{count, count_or_none, duration, duration_text, length, percent, rate, size, size_text},
        settings::{Limits, Quarantine, Retention, RuleFiles, SubjectsKept, Timeouts},
    },
    bucket,
};
use crate::{document::Table, hold, store::settings::Content, text};

/// Clients wait 10 minutes for the reply to the end of mail data (RFC 5321 §4.5.3.2.6); whoever answers later has made a
/// duplicate (decision 11). 10 seconds are for the way there and back.
const CLIENT_PATIENCE: Duration = Duration::from_secs(590);

/// Clause 10.1.2 asks for 30 full days before the day of the request; the day of the event itself is one more.
const TRACKED: Duration = Duration::from_secs(31 * 86_400);

const MOMENT: Duration = Duration::from_millis(1);

/// `[limits]`
pub(super) fn limits(root: &Table<'_, '_>) -> Limits {
    let default = Limits::default();
    let Some(table) = root.table("limits") else { return default };
    let networks = table.list::<IpNet>("unlimited_networks");
    let per_minute = |key, default| count_or_none(&table, key, default, 1_000_000);
    let limits = Limits {
        message_size: size(&table, "message_size", default.message_size, KIB..=16 * GIB),
        header_size: size(&table, "header_size", default.header_size, KIB..=16 * MIB),
        header_fields: length(&table, "header_fields", default.header_fields, 1_000_000),
        recipients: length(&table, "recipients", default.recipients, 100_000),
        connections: length(&table, "connections", default.connections, 1_000_000),
        connections_per_network: length(&table, "connections_per_network", default.connections_per_network, 1_000_000),
        connections_per_minute_per_network: per_minute(
            "connections_per_minute_per_network",
            default.connections_per_minute_per_network,
        ),
        messages_per_minute_per_network: per_minute(
            "messages_per_minute_per_network",
            default.messages_per_minute_per_network,
        ),
        unlimited_networks: if table.has("unlimited_networks") {
            networks.into_iter().map(|found| found.value).collect()
        } else {
            default.unlimited_networks
        },
        transactions_per_connection: count(
            &table,
            "transactions_per_connection",
            default.transactions_per_connection,
            u32::MAX,
        ),
        errors_per_connection: count(&table, "errors_per_connection", default.errors_per_connection, u32::MAX),
        hops: length(&table, "hops", default.hops, 10_000),
        data_floor: rate(&table, "data_floor", default.data_floor, 1..=GIB),
    };
    check_limits(&table, &limits);
    table.finish();
    limits
}

fn check_limits(table: &Table<'_, '_>, limits: &Limits) {
    if limits.header_size > limits.message_size {
        let what = text!("`header_size` is above `message_size`", "`header_size` passa de `message_size`");
        table.document().fault(table.span_of("header_size"), what, None);
    }
    if limits.recipients < 100 {
        let what = text!(
            "RFC 5321 §4.5.3.1.8 asks for at least 100 recipients",
            "a RFC 5321 §4.5.3.1.8 pede ao menos 100 destinatários"
        );
        table.document().warning(table.span_of("recipients"), what, None);
    }
}

/// `[hold]`: its settings, and where cut-through begins (octets).
pub(super) fn hold(root: &Table<'_, '_>, limits: &Limits, folder: PathBuf) -> (hold::Settings, u64) {
    let mut settings = hold::Settings {
        folder,
        memory_per_message: defaults::MEMORY_PER_MESSAGE,
        memory_total: defaults::MEMORY_TOTAL,
        disk_floor_percent: defaults::DISK_FLOOR_PERCENT,
        disk_floor_bytes: defaults::DISK_FLOOR,
    };
    // A small message size takes the default down with it: that is no fault of a key that nobody wrote.
    let cut_through_from = defaults::CUT_THROUGH_FROM.min(limits.message_size);
    let Some(table) = root.table("hold") else { return (settings, cut_through_from) };
    settings.memory_per_message = size(&table, "memory_per_message", settings.memory_per_message, 0..=16 * GIB);
    settings.memory_total = size(&table, "memory_total", settings.memory_total, 0..=1_024 * GIB);
    settings.disk_floor_percent = percent(&table, "disk_floor_percent", settings.disk_floor_percent);
    settings.disk_floor_bytes = size(&table, "disk_floor", settings.disk_floor_bytes, 0..=1_024 * GIB);
    let cut_through_from = size(&table, "cut_through_from", cut_through_from, 0..=16 * GIB);
    check_hold(&table, &settings, cut_through_from, limits);
    table.finish();
    (settings, cut_through_from)
}

fn check_hold(table: &Table<'_, '_>, settings: &hold::Settings, cut_through_from: u64, limits: &Limits) {
    if settings.memory_per_message > settings.memory_total {
        let total = size_text(settings.memory_total);
        let what = text!(
            "`memory_per_message` is above `memory_total` ({total})",
            "`memory_per_message` passa de `memory_total` ({total})"
        );
        table.document().fault(table.span_of("memory_per_message"), what, None);
    }
    if cut_through_from > limits.message_size {
        let most = size_text(limits.message_size);
        let what = text!(
            "`cut_through_from` is above `message_size` ({most}): nothing would ever be cut through",
            "`cut_through_from` passa de `message_size` ({most}): nada seria repassado enquanto chega"
        );
        table.document().fault(table.span_of("cut_through_from"), what, None);
    }
}

/// `[timeouts]`
pub(super) fn timeouts(root: &Table<'_, '_>) -> Timeouts {
    let default = Timeouts::default();
    let Some(table) = root.table("timeouts") else { return default };
    let read = |key, default| duration(&table, key, default, MOMENT..=DAY);
    let timeouts = Timeouts {
        command: read("command", default.command),
        data_idle: read("data_idle", default.data_idle),
        connect: read("connect", default.connect),
        next_hop_reply: read("next_hop_reply", default.next_hop_reply),
        next_hop_end_of_data: read("next_hop_end_of_data", default.next_hop_end_of_data),
        scan: read("scan", default.scan),
        verdict: read("verdict", default.verdict),
        drain: read("drain", default.drain),
    };
    check_timeouts(&table, &timeouts);
    table.finish();
    timeouts
}

fn check_timeouts(table: &Table<'_, '_>, timeouts: &Timeouts) {
    let sum = timeouts.verdict + timeouts.next_hop_end_of_data;
    if sum >= CLIENT_PATIENCE {
        let (sum, most) = (duration_text(sum), duration_text(CLIENT_PATIENCE));
        let what = text!(
            "`verdict` and `next_hop_end_of_data` together are {sum}, and must stay under {most}",
            "`verdict` e `next_hop_end_of_data` somam {sum}, e devem ficar abaixo de {most}"
        );
        let help = text!(
            "clients wait 10 minutes; a later answer makes them send the message twice",
            "os clientes esperam 10 minutos; uma resposta posterior faz com que enviem a mensagem duas vezes"
        );
        let key = if table.has("verdict") { "verdict" } else { "next_hop_end_of_data" };
        table.document().fault(table.span_of(key), what, Some(help));
    }
    if timeouts.scan > timeouts.verdict {
        let verdict = duration_text(timeouts.verdict);
        let what =
            text!("`scan` is longer than `verdict` ({verdict})", "`scan` é mais longo que `verdict` ({verdict})");
        let key = if table.has("scan") { "scan" } else { "verdict" };
        table.document().fault(table.span_of(key), what, None);
    }
}

/// `[rules]`
pub(super) fn rules(root: &Table<'_, '_>) -> RuleFiles {
    let mut rules = RuleFiles::default();
    let Some(table) = root.table("rules") else { return rules };
    rules.watch = table.or("watch", rules.watch);
    rules.history.entries = length(&table, "history", rules.history.entries, 1_000);
    rules.history.age = duration(&table, "history_age", rules.history.age, DAY..=DAY * 3_650);
    table.finish();
    rules
}

/// `[quarantine]`: one time for all classes, and others for some.
fn quarantine(table: &Table<'_, '_>, century: &RangeInclusive<Duration>) -> Quarantine {
    let own = Quarantine::default();
    let all = duration(table, "retention", own.rule, century.clone());
    Quarantine {
        virus: duration(table, "retention_virus", all, century.clone()),
        rule: duration(table, "retention_rule", all, century.clone()),
        policy: duration(table, "retention_policy", all, century.clone()),
        unscannable: duration(table, "retention_unscannable", all, century.clone()),
        copies: duration(table, "retention_copies", own.copies, century.clone()),
        max_size: table.has("max_size").then(|| size(table, "max_size", MIB * 1024, MIB..=1_048_576 * GIB)),
        release_for: duration(table, "release_for", own.release_for, Duration::from_secs(3600)..=DAY * 14),
    }
}

/// `[quarantine]` and `[tracking]`; `content` is told how held mail is kept.
pub(super) fn retention(root: &Table<'_, '_>, folder: &Path, content: &mut Content) -> Retention {
    let mut retention = Retention::default();
    let century: RangeInclusive<Duration> = DAY..=DAY * 36_500;
    if let Some(table) = root.table("quarantine") {
        retention.quarantine = quarantine(&table, &century);
        content.compress = table.choice("compression", &[("zstd", true), ("none", false)], content.compress);
        content.keys = table.optional::<PathBuf>("encryption_keys").map(|file| folder.join(file.value));
        content.bucket = bucket::read(&table, folder);
        table.finish();
    }
    if let Some(table) = root.table("tracking") {
        retention.tracking = duration(&table, "retention", retention.tracking, century.clone());
        retention.request_handling = duration(&table, "request_handling", retention.request_handling, century);
        let subjects = [("plain", SubjectsKept::Plain), ("hashed", SubjectsKept::Hashed), ("off", SubjectsKept::Off)];
        retention.subjects = table.choice("subjects", &subjects, retention.subjects);
        let least = TRACKED + retention.request_handling;
        if retention.tracking < least {
            let least = duration_text(least);
            let key = if table.has("retention") { "retention" } else { "request_handling" };
            let what = text!(
                "records must be kept for at least {least}: 31 days and `request_handling`",
                "os registros devem ser guardados por pelo menos {least}: 31 dias mais `request_handling`"
            );
            let help = text!(
                "clause 10.1.2 asks for 30 full days before the day of the request",
                "o item 10.1.2 pede 30 dias completos antes do dia do pedido"
            );
            table.document().fault(table.span_of(key), what, Some(help));
        }
        table.finish();
    }
    retention
}
