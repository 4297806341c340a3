//! Settings as the doors and adapters take them.

use std::time::Duration;

use crate::{
    alert::Letterhead,
    config::{self, ListenerTls, Role, Settings, SubjectsKept},
    door::{alert::Alerts, expiry, release, tracking::Tracking},
    inspect,
    language::Text,
    message::header_section::HeaderLimits,
    policy::{route::NextHopName, rule::Scope},
    record::subject::Subjects,
    relay,
    store::subject_key,
    text,
    webhook::Webhook,
};

/// The routes of `[alert]`.
pub(super) fn alerts(settings: &Settings) -> Result<Alerts, Text> {
    let head = Letterhead {
        hostname: settings.gateway.hostname.clone(),
        // Only settings without a domain have none, and those cannot be built.
        from: settings.directory.postmaster().cloned().ok_or_else(|| text!("no domain", "nenhum domínio"))?,
        to: settings.alert.mail_to.clone(),
        language: settings.gateway.language,
        time_zone: settings.gateway.timezone.clone(),
    };
    let webhook = settings.alert.webhook.clone().map(Webhook::new);
    if let Some(fault) = webhook.as_ref().and_then(Webhook::fault) {
        tracing::error!(%fault, "the webhook of [alert] cannot be used");
    }
    Ok(Alerts::new(head, webhook))
}

pub(super) fn no_scanners() -> crate::antivirus::Settings {
    let second = Duration::from_secs(1);
    crate::antivirus::Settings {
        scanners: Vec::new(),
        scan_timeout: second,
        connect_timeout: second,
        poison_after: 1,
        ages: crate::antivirus::Ages::default(),
        in_flight: 1,
        probe_folder: std::path::PathBuf::new(),
    }
}

/// The next hop that only applications reach.
pub(super) fn internet_only(settings: &Settings) -> Option<NextHopName> {
    let name = settings.applications.internet_next_hop.clone()?;
    let serves = settings.directory.domains().iter().any(|domain| domain.next_hop == name);
    (!serves).then_some(name)
}

/// `[tracking] subjects`, with its key.
pub(super) fn subjects(settings: &Settings) -> Result<Subjects, Text> {
    Ok(match settings.retention.subjects {
        SubjectsKept::Plain => Subjects::Plain,
        SubjectsKept::Off => Subjects::Off,
        SubjectsKept::Hashed => {
            let key = subject_key::read_or_make(&settings.gateway.data_dir);
            Subjects::Hashed(key.map_err(|fault| {
                text!(
                    "the key of hashed subjects cannot be used: {fault}",
                    "não é possível usar a chave dos assuntos com hash: {fault}"
                )
            })?)
        }
    })
}

pub(super) fn relay_settings(
    settings: &Settings,
    listener: &config::Listener,
    subjects: &Subjects,
) -> relay::settings::Settings {
    relay::settings::Settings {
        hostname: settings.gateway.hostname.clone(),
        listener: listener.address.to_string(),
        scope: match listener.role {
            Role::Relay => Scope::Relay,
            Role::Application => Scope::Application,
        },
        implicit_tls: listener.tls == ListenerTls::Implicit,
        starttls_required: listener.tls == ListenerTls::StartTlsRequired,
        bare_newlines: listener.bare_newlines,
        limits: settings.limits.session(),
        content: inspect::Limits {
            header: HeaderLimits {
                size: settings.limits.header_size,
                fields: u32::try_from(settings.limits.header_fields).unwrap_or(u32::MAX),
            },
            hops: settings.limits.hops,
        },
        cut_through_from: settings.cut_through_from,
        data_floor: settings.limits.data_floor,
        scanner_groups: settings.scanner_groups(),
        actions: settings.verdict_actions.clone(),
        timeouts: session_timeouts(settings),
        timezone: settings.gateway.timezone.clone(),
        subjects: subjects.clone(),
    }
}

fn session_timeouts(settings: &Settings) -> relay::settings::Timeouts {
    let timeouts = &settings.timeouts;
    relay::settings::Timeouts {
        command: timeouts.command,
        data_idle: timeouts.data_idle,
        connection: Duration::from_secs(10),
        next_hop_reply: timeouts.next_hop_reply,
        next_hop_end_of_data: timeouts.next_hop_end_of_data,
        verdict: timeouts.verdict,
    }
}

pub(in crate::cli) fn tracking(settings: &Settings) -> Tracking {
    Tracking {
        time_zone: settings.gateway.timezone.clone(),
        retention: settings.retention.tracking,
        handling: settings.retention.request_handling,
        data_dir: settings.gateway.data_dir.clone(),
    }
}

pub(super) fn releases(settings: &Settings) -> release::Settings {
    release::Settings {
        hostname: settings.gateway.hostname.clone(),
        data_dir: settings.gateway.data_dir.clone(),
        patience: settings.retention.quarantine.release_for,
        scans: !settings.scanner_groups().is_empty(),
        timeouts: session_timeouts(settings),
    }
}

pub(super) fn kept(quarantine: &config::Quarantine) -> expiry::Retention {
    let config::Quarantine { virus, rule, policy, unscannable, copies, max_size, release_for: _ } = *quarantine;
    expiry::Retention { virus, rule, policy, unscannable, copies, max_size }
}
