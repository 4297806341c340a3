//! `portaria check`: the static checks, then scanners and next hops asked for real.

use super::{Common, Exit, check as checks, run::with_runtime};
use crate::{
    antivirus::Scanners,
    config::{CheckLine, Settings},
    door::gateway::now,
    next_hop::NextHops,
    text,
    webhook::Webhook,
};

pub(super) fn check(common: &mut Common) -> Exit {
    let mut checked = checks::check(&common.config, now().wall);
    if let Some(language) = checked.language() {
        common.language = super::chosen_language().unwrap_or(language);
    }
    if let Some(settings) = checked.settings().cloned() {
        let asked = with_runtime(async {
            let mut lines = scanners(&settings).await;
            lines.extend(next_hops(&settings).await);
            lines.push(alerts(&settings));
            Ok(lines)
        });
        match asked {
            Ok(lines) => checked.add(lines),
            // What was not asked must not pass for what answered well.
            Err(what) => {
                checked.add(vec![CheckLine::error(text!("scanners, next hops", "antivírus, próximos saltos"), what)])
            }
        }
    }
    let report = if common.json { checked.render_json(common.language) } else { checked.render(common.language) };
    super::show(&report, checked.exit_code())
}

/// Whether somebody would be told. Nothing is sent: that is `portaria alert test`'s.
fn alerts(settings: &Settings) -> CheckLine {
    let subject = text!("alerts", "alertas");
    let mailboxes = settings.alert.mail_to.len();
    let Some(webhook) = settings.alert.webhook.clone().map(Webhook::new) else {
        return CheckLine::warning(
            subject,
            match mailboxes {
                0 => text!(
                    "nobody is told when something fails: write [alert]",
                    "ninguém é avisado de falhas: escreva [alert]"
                ),
                _ => text!(
                    "by mail only: when mail is what is down, nobody is told; add `webhook`",
                    "só por correio: se o correio parar, ninguém é avisado; acrescente `webhook`"
                ),
            },
        );
    };
    if let Some(fault) = webhook.fault() {
        return CheckLine::error(subject, text!("webhook: {fault}", "webhook: {fault}"));
    }
    let url = webhook.url();
    CheckLine::ok(
        subject,
        text!(
            "{url} and {mailboxes} mailboxes; `portaria alert test` tries them",
            "{url} e {mailboxes} caixas; `portaria alert test` testa todas"
        ),
    )
}

/// Each scanner is given the EICAR test file.
async fn scanners(settings: &Settings) -> Vec<CheckLine> {
    let Some(wanted) = settings.antivirus.clone() else { return Vec::new() };
    // The self-test makes a file where the hold makes its own; a folder that is missing is reported by the static checks.
    let scanners = match Scanners::new(wanted) {
        Ok(scanners) => scanners,
        Err(fault) => {
            return vec![CheckLine::error(text!("scanners", "antivírus"), text!("{fault}", "{fault}"))];
        }
    };
    let found = scanners.self_test().await;
    found
        .into_iter()
        .map(|status| {
            let (name, error) = (&status.scanner, status.last_error.clone().unwrap_or_default());
            let subject = text!("scanner {name}", "antivírus {name}");
            if status.healthy {
                let version = status.version.clone().unwrap_or_default();
                CheckLine::ok(
                    subject,
                    text!("finds the EICAR test file; {version}", "encontra o arquivo de teste EICAR; {version}"),
                )
            } else {
                CheckLine::error(subject, text!("{error}", "{error}"))
            }
        })
        .collect()
}

async fn next_hops(settings: &Settings) -> Vec<CheckLine> {
    let next_hops = match NextHops::new(settings.next_hops.clone()) {
        Ok(next_hops) => next_hops,
        Err(fault) => {
            return vec![CheckLine::error(text!("next hops", "próximos saltos"), text!("{fault}", "{fault}"))];
        }
    };
    for next_hop in &settings.next_hops.next_hops {
        // What it finds stands in the status, address by address.
        let _ = next_hops.probe(&next_hop.name).await;
    }
    let mut lines = Vec::new();
    for status in next_hops.status() {
        for address in &status.addresses {
            let (name, host) = (&status.name.0, &address.address);
            let subject = text!("next hop {name} {host}", "próximo salto {name} {host}");
            let line = match (&address.last_error, &address.seen) {
                (None, Some(_)) => CheckLine::ok(subject, text!("answers", "responde")),
                (error, _) => {
                    let error = error.clone().unwrap_or_default();
                    CheckLine::error(
                        subject,
                        text!("does not answer as it should: {error}", "não responde como deve: {error}"),
                    )
                }
            };
            lines.push(line);
        }
    }
    next_hops.close().await;
    lines
}
