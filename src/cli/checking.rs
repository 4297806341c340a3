//! `portaria check`: the static checks, then scanners and next hops asked for real.

use super::{Common, Exit, check as checks, run::with_runtime};
use crate::{
    antivirus::Scanners,
    config::{CheckLine, Settings},
    door::gateway::now,
    next_hop::NextHops,
    store::{Store, StoreFault},
    text,
};

pub(super) fn check(common: &mut Common) -> Exit {
    let mut checked = checks::check(&common.config, now().wall);
    if let Some(language) = checked.language() {
        common.language = super::chosen_language().unwrap_or(language);
    }
    if let Some(settings) = checked.settings().cloned() {
        let asked = with_runtime(async {
            let mut lines = database(&settings).await;
            lines.extend(scanners(&settings).await);
            lines.extend(next_hops(&settings).await);
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

/// The whole file is looked through, for ten seconds at most; also while a gateway uses it.
async fn database(settings: &Settings) -> Vec<CheckLine> {
    let folder = &settings.gateway.data_dir;
    if !folder.join("portaria.db").exists() {
        return Vec::new();
    }
    let subject = text!("database", "banco de dados");
    vec![match Store::look(folder).await {
        Ok(None) => CheckLine::ok(subject, text!("no damage found", "nenhum dano encontrado")),
        Ok(Some(what)) => CheckLine::error(
            subject,
            text!(
                "damaged: {what}; see docs/operations.md, \"When the database is damaged\"",
                "danificado: {what}; veja docs/operations.md, \"When the database is damaged\""
            ),
        ),
        Err(fault @ StoreFault::Damaged(_)) => CheckLine::error(subject, text!("{fault}", "{fault}")),
        Err(fault) => CheckLine::warning(subject, text!("not looked at: {fault}", "não examinado: {fault}")),
    }]
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
