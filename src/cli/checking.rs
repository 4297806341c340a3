//! `portaria check`: the static checks, then scanners and next hops asked for real.

use super::{Common, Exit, check as checks, run::with_runtime};
use crate::{
    antivirus::{LimitFault, Scanners},
    config::{CheckLine, Settings, size_text},
    door::gateway::now,
    language::Text,
    next_hop::NextHops,
    policy::verdict_action::VerdictAction,
    store::{
        Store, StoreFault,
        settings::{Database, PostgreSql},
    },
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
            let mut lines = database(&settings).await;
            lines.extend(keys(&settings).await);
            lines.extend(bucket(&settings).await);
            lines.extend(scanners(&settings).await);
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

/// The whole file is looked through, for ten seconds at most; also while a gateway uses it.
async fn database(settings: &Settings) -> Vec<CheckLine> {
    if let Database::PostgreSql { server, .. } = &settings.store.database {
        return server_lines(server).await;
    }
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

/// The server is connected to, and asked for what it must let us do; what is made for that is taken back.
async fn server_lines(server: &PostgreSql) -> Vec<CheckLine> {
    let subject = || text!("database {server}", "banco de dados {server}");
    let probe = match Store::probe(server).await {
        Ok(probe) => probe,
        Err(fault) => {
            let what = text!(
                "cannot be used: {fault}; mail is relayed all the same, what is to be held is deferred",
                "não pode ser usado: {fault}; o correio passa assim mesmo, o que deve ser retido é adiado"
            );
            return vec![CheckLine::error(subject(), what)];
        }
    };
    let version = &probe.version;
    let mut lines = vec![match probe.schema {
        None => CheckLine::ok(
            subject(),
            text!("PostgreSQL {version}, empty, and may be written", "PostgreSQL {version}, vazio, e pode ser escrito"),
        ),
        Some(schema) => CheckLine::ok(
            subject(),
            text!(
                "PostgreSQL {version}, schema {schema}, and may be written",
                "PostgreSQL {version}, esquema {schema}, e pode ser escrito"
            ),
        ),
    }];
    if probe.encoding != "UTF8" {
        let encoding = probe.encoding;
        let what = text!(
            "has the encoding {encoding}: make it with ENCODING 'UTF8', or subjects in other scripts cannot be written",
            "tem a codificação {encoding}: crie-o com ENCODING 'UTF8', ou assuntos em outras escritas não podem ser gravados"
        );
        lines.push(CheckLine::error(subject(), what));
    }
    if probe.collation != "C" {
        let collation = probe.collation;
        let what = text!(
            "sorts by {collation}: make it with LC_COLLATE 'C', so that an update of the system's locales cannot damage an index",
            "ordena por {collation}: crie-o com LC_COLLATE 'C', para que uma atualização das localidades não danifique um índice"
        );
        lines.push(CheckLine::warning(subject(), what));
    }
    lines
}

/// The file of keys can be read, and has every key that held mail needs.
async fn keys(settings: &Settings) -> Vec<CheckLine> {
    let subject = || text!("keys of the quarantine", "chaves da quarentena");
    let mut lines = match Store::newest_key(&settings.store.content) {
        Ok(None) => Vec::new(),
        Ok(Some(newest)) => {
            let what = text!("`{newest}` is for new content", "`{newest}` é para o conteúdo novo");
            vec![CheckLine::ok(subject(), what)]
        }
        Err(fault) => return vec![CheckLine::error(subject(), text!("{fault}", "{fault}"))],
    };
    let needed = match Store::open_read_only(&settings.store).await {
        Ok(view) => view.keys_needed().await.map(|needed| (view, needed)),
        // What ails the database stands in a line of its own.
        Err(_) => return lines,
    };
    let (view, needed) = match needed {
        Ok(found) => found,
        Err(fault) => {
            lines.push(CheckLine::warning(subject(), text!("not looked at: {fault}", "não examinadas: {fault}")));
            return lines;
        }
    };
    let line = |(id, items): (String, u64)| match view.has_key(&id) {
        true => CheckLine::ok(
            subject(),
            text!(
                "`{id}` is there; {items} held items need it",
                "`{id}` está presente; {items} itens retidos precisam dela"
            ),
        ),
        false => CheckLine::error(
            subject(),
            text!(
                "`{id}` is missing in `encryption_keys`; {items} held items cannot be opened without it",
                "`{id}` falta em `encryption_keys`; {items} itens retidos não podem ser abertos sem ela"
            ),
        ),
    };
    lines.extend(needed.into_iter().map(line));
    lines
}

/// A small object is put, read and removed.
async fn bucket(settings: &Settings) -> Option<CheckLine> {
    let place = settings.store.content.bucket.as_ref()?;
    let subject = text!("bucket {place}", "bucket {place}");
    Some(match Store::probe_bucket(place).await {
        Ok(()) => CheckLine::ok(
            subject,
            text!("an object could be put, read and removed", "foi possível gravar, ler e remover um objeto"),
        ),
        Err(fault) => CheckLine::error(
            subject,
            text!(
                "cannot be used: {fault}; what is held stays on this node's disk, up to `spool`",
                "não pode ser usado: {fault}; o que for retido fica no disco deste nó, até `spool`"
            ),
        ),
    })
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
        // The static checks have told which.
        Err(_) => {
            let why = text!("not asked: the YARA rules have errors", "não consultados: as regras YARA têm erros");
            return vec![CheckLine::error(text!("scanners", "antivírus"), why)];
        }
    };
    let found = scanners.self_test(now().wall).await;
    let examined = scanners.examine(settings.limits.message_size).await;
    let limits = examined.iter().flat_map(|(scanner, faults)| limits(scanner, faults, settings.verdict_actions.macro_));
    found
        .into_iter()
        .map(|status| {
            let (name, error) = (&status.scanner, status.last_error.clone().unwrap_or_default());
            let subject = text!("scanner {name}", "antivírus {name}");
            let version = status.version.clone().unwrap_or_default();
            if status.healthy && status.finds_eicar == Some(false) {
                // YARA rules may be for something else; whoever relies on them alone is to know.
                CheckLine::warning(
                    subject,
                    text!(
                        "answers, and does not find the EICAR test file; {version}",
                        "responde, e não encontra o arquivo de teste EICAR; {version}"
                    ),
                )
            } else if status.healthy {
                let handed = &status.handed;
                CheckLine::ok(
                    subject,
                    text!(
                        "finds the EICAR test file ({handed}); {version}",
                        "encontra o arquivo de teste EICAR ({handed}); {version}"
                    ),
                )
            } else {
                CheckLine::error(subject, text!("{error}", "{error}"))
            }
        })
        .chain(limits)
        .collect()
}

/// What a clamd does at its limits, each fault with what to change. `macro_`: what becomes of a message with a macro, if it is told.
fn limits(scanner: &str, faults: &[LimitFault], macro_: VerdictAction) -> Vec<CheckLine> {
    let subject = || text!("limits of {scanner}", "limites de {scanner}");
    let line = |fault: &LimitFault| match (fault, macro_) {
        // It is to pass as any other message does.
        (LimitFault::MacroSilent, VerdictAction::Relay) => None,
        (LimitFault::MacroSilent, VerdictAction::Tag) => Some(CheckLine::warning(subject(), limit_fault(fault))),
        _ => Some(CheckLine::error(subject(), limit_fault(fault))),
    };
    let mut lines: Vec<CheckLine> = faults.iter().filter_map(line).collect();
    if faults.iter().all(|fault| *fault == LimitFault::MacroSilent) {
        let detail = text!(
            "looks at the largest message whole, and says what it cannot look into",
            "examina inteira a maior mensagem e diz o que não consegue examinar"
        );
        lines.insert(0, CheckLine::ok(subject(), detail));
    }
    lines
}

fn limit_fault(fault: &LimitFault) -> Text {
    match fault {
        LimitFault::Stream { octets } => {
            let (size, least) = (size_text(*octets), octets.div_ceil(1_000_000).saturating_add(1));
            text!(
                "cuts a stream of {size} (message_size) off: set `StreamMaxLength {least}M` in clamd.conf",
                "corta um fluxo de {size} (message_size): ponha `StreamMaxLength {least}M` no clamd.conf"
            )
        }
        LimitFault::Size { octets, limit } => {
            let size = size_text(*octets);
            text!(
                "does not look at a message of {size} (message_size) whole ({limit}): raise `MaxFileSize` and `MaxScanSize` in clamd.conf",
                "não examina inteira uma mensagem de {size} (message_size) ({limit}): aumente `MaxFileSize` e `MaxScanSize` no clamd.conf"
            )
        }
        LimitFault::SizeSilent { octets } => {
            let size = size_text(*octets);
            text!(
                "calls a message of {size} (message_size) clean without looking at it whole: raise `MaxFileSize` and `MaxScanSize`, and set \
                 `AlertExceedsMax yes` in clamd.conf",
                "diz que uma mensagem de {size} (message_size) está limpa sem examiná-la inteira: aumente `MaxFileSize` e `MaxScanSize` e ponha \
                 `AlertExceedsMax yes` no clamd.conf"
            )
        }
        LimitFault::DepthSilent => text!(
            "calls clean what is packed deeper than it looks: set `AlertExceedsMax yes` in clamd.conf",
            "diz que está limpo o que vem em mais camadas do que examina: ponha `AlertExceedsMax yes` no clamd.conf"
        ),
        LimitFault::EncryptedSilent => text!(
            "calls an encrypted archive clean: set `AlertEncrypted yes` in clamd.conf",
            "diz que um arquivo cifrado está limpo: ponha `AlertEncrypted yes` no clamd.conf"
        ),
        LimitFault::MacroSilent => text!(
            "calls a document with a macro clean, so `[antivirus] macro` does nothing: set `AlertOLE2Macros yes` and `ScanOLE2 yes` in \
             clamd.conf, or `macro = \"relay\"` in portaria.toml",
            "diz que um documento com macro está limpo, então `[antivirus] macro` não tem efeito: ponha `AlertOLE2Macros yes` e `ScanOLE2 \
             yes` no clamd.conf, ou `macro = \"relay\"` no portaria.toml"
        ),
        LimitFault::NoAnswer(words) => {
            text!("gave no answer to a probe: {words}", "não respondeu a um teste: {words}")
        }
    }
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
