//! The adapters, opened and joined.

use std::sync::Arc;

use super::settings::{alerts, internet_only, no_scanners};
use crate::{
    antivirus::{Scanners, StartFault},
    config::Settings,
    door::{
        attempts::Attempts,
        connections::{self, Connections},
        gateway::{Gateway, Parts},
        loader::Loader,
        tls::Certificate,
    },
    hold::Holds,
    journal::Journal,
    language::{Language, Text},
    next_hop::NextHops,
    policy::{Policy, rate::Rates},
    store::{Store, StoreFault, settings::Database},
    text,
};

/// Opens the adapters and joins them.
pub(super) async fn join(
    settings: &Settings,
    policy: Policy,
    certificate: Option<Arc<Certificate>>,
) -> Result<(Arc<Gateway>, Loader), Text> {
    let data_dir = &settings.gateway.data_dir;
    let folder = data_dir.display().to_string();
    let holds = Holds::new(settings.hold.clone()).map_err(|fault| {
        text!("the hold in {folder} cannot be used: {fault}", "não é possível usar a retenção em {folder}: {fault}")
    })?;
    let place = match &settings.store.database {
        Database::Sqlite => folder.clone(),
        Database::PostgreSql { server, .. } => server.to_string(),
    };
    let store = Store::open(&settings.store).await.map_err(|fault| unusable(&place, &fault))?;
    let (journal, recovery) = Journal::open(&data_dir.join("journal")).map_err(|fault| {
        text!("the journal in {folder} cannot be used: {fault}", "não é possível usar o diário em {folder}: {fault}")
    })?;
    let store = Arc::new(store);
    let loader = Loader::new(journal.clone(), store.clone(), &recovery);
    let scanners = settings.antivirus.clone().unwrap_or_else(no_scanners);
    let scanners = Scanners::new(scanners).map_err(|StartFault(faults)| {
        let (en, pt) = (faults.render(Language::En), faults.render(Language::PtBr));
        Text { en: format!("scanners:\n{en}"), pt: format!("antivírus:\n{pt}") }
    })?;
    let next_hops = NextHops::new(settings.next_hops.clone())
        .map_err(|fault| text!("next hops: {fault}", "próximos saltos: {fault}"))?;
    let limits = &settings.limits;
    let unlimited = &limits.unlimited_networks;
    let connections = Connections::new(connections::Limits {
        total: limits.connections,
        per_network: limits.connections_per_network,
        rate: limits.connections_per_minute_per_network.map(|rate| Rates::new(rate, unlimited.clone())),
        unlimited: unlimited.clone(),
    });
    let messages = limits.messages_per_minute_per_network;
    let gateway = Gateway::new(Parts {
        holds,
        scanners: Arc::new(scanners),
        next_hop_names: settings.next_hops.next_hops.iter().map(|next_hop| next_hop.name.clone()).collect(),
        internet_next_hop: internet_only(settings),
        next_hops: Arc::new(next_hops),
        store,
        journal,
        connections,
        messages: messages.map(|rate| Arc::new(Rates::new(rate, unlimited.clone()))),
        attempts: Attempts::new(unlimited.clone()),
        certificate,
        alerts: alerts(settings)?,
        behind: loader.behind(),
        policy,
    });
    Ok((gateway, loader))
}

/// Nothing is to be done with this database by the gateway: what a person does.
fn unusable(folder: &str, fault: &StoreFault) -> Text {
    match fault {
        StoreFault::Damaged(what) => text!(
            "the database in {folder} is damaged: {what}; move portaria.db, portaria.db-wal and portaria.db-shm out of the folder \
             and start again (docs/operations.md, \"When the database is damaged\")",
            "o banco de dados em {folder} está danificado: {what}; tire portaria.db, portaria.db-wal e portaria.db-shm da pasta e \
             inicie de novo (docs/operations.md, \"When the database is damaged\")"
        ),
        StoreFault::Schema { found, known } => text!(
            "the database in {folder} was written by another version (schema {found}; this one reads {known}): run that version again, \
             or move the database away",
            "o banco de dados em {folder} foi escrito por outra versão (esquema {found}; esta lê {known}): volte àquela versão, ou \
             tire o banco de dados da pasta"
        ),
        fault => text!(
            "the database in {folder} cannot be used: {fault}",
            "não é possível usar o banco de dados em {folder}: {fault}"
        ),
    }
}

/// The certificate of `[tls]`. At a start nothing is in force that could stay, so a fault ends it.
pub(super) fn certificate(settings: &Settings) -> Result<Option<Arc<Certificate>>, Text> {
    let Some(files) = &settings.tls else { return Ok(None) };
    Certificate::load(files.certificate.clone(), files.key.clone())
        .map(|certificate| Some(Arc::new(certificate)))
        .map_err(|fault| text!("TLS cannot be used: {fault}", "não é possível usar TLS: {fault}"))
}
