//! From settings to a running gateway: adapters opened, sockets bound, doors started. Used by `run` and by `demo`.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
    sync::{Arc, PoisonError},
    time::Duration,
};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{backup, restore};
use crate::{
    alert::Letterhead,
    antivirus::{Scanners, StartFault},
    config::{self, ListenerTls, Role, Settings, SubjectsKept},
    door::{
        alert::{self, Alerts},
        attempts::{self, Attempts},
        backup as door_backup,
        connections::{self, Connections},
        control, expiry,
        gateway::{Gateway, Listener, Parts, now},
        http, listener,
        loader::Loader,
        probe, release,
        reload::{Fresh, Reloader, Sources},
        sharing, subject_keys,
        tls::Certificate,
        tracking::Tracking,
        trail_copy, watch_rules,
    },
    hold::Holds,
    inspect,
    journal::Journal,
    language::{Language, Text},
    message::header_section::HeaderLimits,
    next_hop::NextHops,
    policy::{Policy, rate::Rates, route::NextHopName, rule::Scope},
    record::{clock::WallClock, subject::Subjects, unix_millis},
    relay,
    rule_history::{Cause, FileSet, History, Lock, Stamps},
    store::{Store, StoreFault, settings::Database, subject_key},
    text,
    webhook::Webhook,
};

/// A gateway that runs.
pub struct Running {
    /// What the doors share.
    pub gateway: Arc<Gateway>,
    /// Where mail is taken, in the order of the configuration.
    pub listeners: Vec<SocketAddr>,
    /// Where `/health` and `/metrics` are.
    pub http: SocketAddr,
    /// Puts changed rules, YARA rules among them, and a renewed certificate into force.
    pub reloader: Arc<Reloader>,
    drain: Duration,
    doors: TaskTracker,
    /// What runs until the last session has ended: the loader.
    last: CancellationToken,
    /// While it is open no other gateway uses the folder.
    _lock: fs::File,
}

/// Sockets that were opened by somebody else (systemd) and are ours to use.
#[derive(Default)]
pub struct Inherited(pub Vec<std::net::TcpListener>);

/// Starts everything. What fails is said in both languages, with what to do next.
pub async fn start(
    settings: &Settings,
    policy: Policy,
    reloader: Reloader,
    mut inherited: Inherited,
    metrics: PrometheusHandle,
) -> Result<Running, Text> {
    let data_dir = &settings.gateway.data_dir;
    prepare_folder(data_dir)?;
    not_for_looking_only(data_dir)?;
    let lock = lock(data_dir)?;
    let doors = TaskTracker::new();
    let certificate = certificate(settings)?;
    let (gateway, loader) = join(settings, policy, certificate).await?;
    let last = CancellationToken::new();
    doors.spawn(loader.run(last.clone()));
    tokio::task::block_in_place(|| reloader.begin(&gateway));
    // One that was away a moment ago is not waited for a second time.
    if !gateway.store.is_there() || report_leftovers(&gateway.store).await == Leftovers::NotSeen {
        doors.spawn(look_for_leftovers(gateway.clone()));
    }
    tokio::join!(gateway.scanners.self_test(now().wall), probe::first_look(&gateway, data_dir));
    gateway.look_at_disk();

    let clock = wall_clock(&gateway).await;
    let subjects = subjects(settings)?;
    let mut bound = Vec::new();
    for wanted in &settings.listeners {
        let socket = bind(wanted.address, &mut inherited).await?;
        let address = socket.local_addr().map_err(|fault| cannot_listen(wanted.address, &fault))?;
        let certificate = gateway.certificate.clone().filter(|_| wanted.tls != ListenerTls::Off);
        let listener = Arc::new(Listener {
            settings: Arc::new(relay_settings(settings, wanted, &subjects)),
            bound: address,
            certificate,
            proxy_protocol_from: wanted.proxy_protocol_from.clone(),
            greeting_delay: wanted.greeting_delay,
            xclient_from: wanted.xclient_from.clone(),
        });
        gateway.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener.clone());
        tracing::info!(listener = %address, tls = wanted.tls.name(), "listening");
        bound.push(address);
        doors.spawn(listener::accept(socket, listener, gateway.clone()));
    }
    let reloader = Arc::new(reloader);
    let control = control_socket(&data_dir.join("control.sock"))?;
    let (releases, tracking) = (Arc::new(releases(settings)), Arc::new(tracking(settings)));
    let orders = control::Orders { releases: releases.clone(), tracking: tracking.clone() };
    doors.spawn(control::serve(control, gateway.clone(), reloader.clone(), orders));
    doors.spawn(release::send(gateway.clone(), releases));
    doors.spawn(expiry::keep(gateway.clone(), kept(&settings.retention.quarantine), clock.clone()));
    doors.spawn(tracking.keep(gateway.clone(), clock));
    doors.spawn(trail_copy::keep(gateway.clone(), data_dir.clone()));
    if let Subjects::Hashed(key) = subjects {
        doors.spawn(subject_keys::keep(gateway.clone(), key));
    }
    if gateway.store.has_bucket() {
        doors.spawn(sharing::keep(gateway.clone()));
    }
    let http = start_http(settings.http, &gateway, metrics, &doors).await?;
    doors.spawn(probe::next_hops(gateway.clone(), data_dir.clone()));
    doors.spawn(probe::scanners(gateway.clone()));
    doors.spawn(probe::disk(gateway.clone()));
    let counted = gateway.clone();
    doors.spawn(async move { attempts::keep(&counted).await });
    doors.spawn(alert::watch(gateway.clone()));
    for nth in 0..gateway.alerts.routes() {
        doors.spawn(alert::deliver(gateway.clone(), nth));
    }
    if let Some(plan) = backup::plan(settings) {
        doors.spawn(door_backup::keep(gateway.clone(), plan));
    }
    if settings.rules.watch {
        doors.spawn(watch_rules::watch(gateway.clone(), reloader.clone()));
    }
    Ok(Running { gateway, listeners: bound, http, reloader, drain: settings.timeouts.drain, doors, last, _lock: lock })
}

/// While a command changes several files, a reload waits for so long.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// To be asked before the first client is let in: what it sends has the time that is to be believed.
async fn wall_clock(gateway: &Gateway) -> WallClock {
    let at = now();
    match gateway.store.newest_record().await {
        Ok(newest) => WallClock::new(at.monotonic, unix_millis(at.wall), newest),
        Err(fault) => {
            tracing::warn!(%fault, "the database does not say what was written last: for a day nothing is removed for its age");
            WallClock::doubted(at.monotonic, unix_millis(at.wall))
        }
    }
}

fn tracking(settings: &Settings) -> Tracking {
    Tracking {
        time_zone: settings.gateway.timezone.clone(),
        retention: settings.retention.tracking,
        handling: settings.retention.request_handling,
        data_dir: settings.gateway.data_dir.clone(),
    }
}

/// What reads rules, lists and YARA rules again, as they are on the disk then; faults of all of them together are told in `language`. To be
/// made before the policy is read that the gateway starts with.
pub fn reloader(settings: &Settings, language: Language) -> Reloader {
    let unsettled = text!(
        "the rule files do not stay the same while they are read: somebody writes them all the time",
        "os arquivos de regras não ficam iguais enquanto são lidos: alguém os grava o tempo todo"
    );
    let of = || settings.clone();
    let (to_read, to_list, to_stamp) = (of(), of(), of());
    let sources = Sources {
        read: Box::new(move |scanners| {
            let (policy, mut faults) = config::load_policy(&to_read, now().wall);
            match scanners.read_rules() {
                Ok(scanner_rules) if !faults.has_errors() => return Ok(Fresh { policy, scanner_rules }),
                Ok(_) => {}
                Err(more) => faults.append(more),
            }
            Err(faults.render(language))
        }),
        files: Box::new(move || set_on_disk(&to_list)),
        stamps: Box::new(move || match config::set_files(&to_stamp) {
            Ok(files) => Stamps::of(files),
            Err(fault) => Stamps::unlisted(&to_stamp.gateway.rules_dir, fault.kind()),
        }),
        unsettled: unsettled.in_language(language).to_owned() + "\n",
    };
    Reloader::new(sources, History::new(&settings.gateway.data_dir, settings.rules.history))
}

/// The octets of every file that the rule set is read from. Blocks.
pub(super) fn set_on_disk(settings: &Settings) -> io::Result<FileSet> {
    let root = &settings.gateway.rules_dir;
    // Let go before anything is compiled: a command that changes a list must not wait for that.
    let _lock = Lock::to_read(root, LOCK_PATIENCE)?;
    set_under_lock(settings)
}

/// The same, for who has the folder for itself.
pub(super) fn set_under_lock(settings: &Settings) -> io::Result<FileSet> {
    FileSet::read(&settings.gateway.rules_dir, &config::set_files(settings)?)
}

impl Running {
    /// Reads rules and certificate again, beside all else: it may take long, and a signal to stop must not wait for it. Faults are
    /// logged there, and what is in force stays.
    pub fn reload(&self) {
        let (reloader, gateway) = (self.reloader.clone(), self.gateway.clone());
        self.doors.spawn(async move { drop(reloader.reload(&gateway, Cause::Signal)) });
    }

    /// Stops: nothing new is accepted, transactions past their end of mail data are finished, the others hear 421; at the
    /// drain deadline what is left is cut. The journal is synced last.
    pub async fn stop(self) {
        tracing::info!(connections = self.gateway.connections.total(), "stopping");
        self.gateway.drain();
        self.gateway.sessions.close();
        self.doors.close();
        if tokio::time::timeout(self.drain, self.gateway.sessions.wait()).await.is_err() {
            tracing::warn!(connections = self.gateway.connections.total(), "the drain deadline passed; these are cut");
        }
        attempts::write(&self.gateway).await;
        self.last.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(5), self.doors.wait()).await;
        self.gateway.journal.close().await;
        // Folds the write-ahead log in: what is copied or looked at afterwards is one whole file.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.gateway.store.close()).await;
        let _ = tokio::time::timeout(Duration::from_secs(5), self.gateway.next_hops.close()).await;
        tracing::info!("stopped");
    }
}

/// Opens the adapters and joins them.
async fn join(
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
fn certificate(settings: &Settings) -> Result<Option<Arc<Certificate>>, Text> {
    let Some(files) = &settings.tls else { return Ok(None) };
    Certificate::load(files.certificate.clone(), files.key.clone())
        .map(|certificate| Some(Arc::new(certificate)))
        .map_err(|fault| text!("TLS cannot be used: {fault}", "não é possível usar TLS: {fault}"))
}

/// The routes of `[alert]`.
fn alerts(settings: &Settings) -> Result<Alerts, Text> {
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

/// Whether what a killed gateway left was looked for.
#[derive(PartialEq, Eq)]
enum Leftovers {
    Seen,
    /// The database was away.
    NotSeen,
}

/// How often it is tried, while the database is away.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Until the database is there, or the gateway stops.
async fn look_for_leftovers(gateway: Arc<Gateway>) {
    let stopping = gateway.draining();
    tokio::pin!(stopping);
    while tokio::time::timeout(LOOK_AGAIN, &mut stopping).await.is_err() {
        if report_leftovers(&gateway.store).await == Leftovers::Seen {
            return;
        }
    }
}

/// What a killed gateway left in the quarantine: content without an item is removed, and items whose other recipients' outcome is
/// unknown are named, for a human.
async fn report_leftovers(store: &Store) -> Leftovers {
    match store.reconcile().await {
        Ok(found) => tracing::info!(?found, "the quarantine's folder and index were compared"),
        Err(fault) => {
            tracing::error!(%fault, "the quarantine's folder and index could not be compared");
            if matches!(fault, StoreFault::Database(_)) {
                return Leftovers::NotSeen;
            }
        }
    }
    match store.pending().await {
        Ok(items) => {
            for item in items {
                tracing::warn!(id = %item.id, "a held item whose other recipients' outcome is unknown: see portaria explain");
            }
        }
        Err(fault) => tracing::error!(%fault, "pending items could not be listed"),
    }
    Leftovers::Seen
}

fn no_scanners() -> crate::antivirus::Settings {
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
fn internet_only(settings: &Settings) -> Option<NextHopName> {
    let name = settings.applications.internet_next_hop.clone()?;
    let serves = settings.directory.domains().iter().any(|domain| domain.next_hop == name);
    (!serves).then_some(name)
}

/// `[tracking] subjects`, with its key.
fn subjects(settings: &Settings) -> Result<Subjects, Text> {
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

fn relay_settings(settings: &Settings, listener: &config::Listener, subjects: &Subjects) -> relay::settings::Settings {
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

fn releases(settings: &Settings) -> release::Settings {
    release::Settings {
        hostname: settings.gateway.hostname.clone(),
        data_dir: settings.gateway.data_dir.clone(),
        patience: settings.retention.quarantine.release_for,
        scans: !settings.scanner_groups().is_empty(),
        timeouts: session_timeouts(settings),
    }
}

fn kept(quarantine: &config::Quarantine) -> expiry::Retention {
    let config::Quarantine { virus, rule, policy, unscannable, copies, max_size, release_for: _ } = *quarantine;
    expiry::Retention { virus, rule, policy, unscannable, copies, max_size }
}

fn prepare_folder(folder: &Path) -> Result<(), Text> {
    let shown = folder.display().to_string();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|fault| {
        text!(
            "data_dir {shown} cannot be made: {fault}; make it, owned by the user that runs Portaria",
            "não é possível criar data_dir {shown}: {fault}; crie-a, com o usuário que roda a Portaria como dono"
        )
    })
}

/// `restore --logs-only` lays out records of the past, to be searched: nothing of them is to be sent, nor anything added.
fn not_for_looking_only(folder: &Path) -> Result<(), Text> {
    let shown = folder.display();
    if folder.join(restore::LOOKING_ONLY).exists() {
        return Err(text!(
            "{shown} was laid out by `portaria restore --logs-only`: it can be searched, and no gateway runs on it",
            "{shown} foi montada por `portaria restore --logs-only`: pode ser pesquisada, e nenhuma Portaria roda sobre ela"
        ));
    }
    Ok(())
}

/// One gateway a folder: two would answer for each other's journal. The lock ends with the process, however it ends.
fn lock(folder: &Path) -> Result<fs::File, Text> {
    let path = folder.join("lock");
    let shown = path.display().to_string();
    let file = fs::File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|fault| text!("{shown} cannot be opened: {fault}", "não é possível abrir {shown}: {fault}"))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        text!(
            "another Portaria runs with this data_dir ({shown} is locked): stop it first",
            "outra Portaria roda com este data_dir ({shown} está travado): pare-a primeiro"
        )
    })?;
    Ok(file)
}

async fn bind(address: SocketAddr, inherited: &mut Inherited) -> Result<TcpListener, Text> {
    let matching = inherited.0.iter().position(|socket| socket.local_addr().is_ok_and(|local| local == address));
    if let Some(index) = matching {
        let socket = inherited.0.swap_remove(index);
        return socket
            .set_nonblocking(true)
            .and_then(|()| TcpListener::from_std(socket))
            .map_err(|fault| cannot_listen(address, &fault));
    }
    listen(address).map_err(|fault| cannot_listen(address, &fault))
}

/// Connections that the kernel keeps for us until we accept them (it makes it less than `net.core.somaxconn`, which is 4096 too unless
/// set). A client beyond it may well think that it is connected, and then waits for a greeting that nobody will say. With 128, which
/// is what libraries take, thousands of 8,000 clients that came at once heard nothing for 20 s (`tests/crowd/RECORD.md`).
const BACKLOG: u32 = 4096;

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Or the address of a gateway that has just ended could not be had for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn cannot_listen(address: SocketAddr, fault: &io::Error) -> Text {
    if fault.kind() == io::ErrorKind::PermissionDenied {
        return text!(
            "{address} cannot be listened on: {fault}; ports below 1024 need CAP_NET_BIND_SERVICE (see packaging/portaria.service)",
            "não é possível escutar em {address}: {fault}; portas abaixo de 1024 exigem CAP_NET_BIND_SERVICE (veja packaging/portaria.service)"
        );
    }
    text!("{address} cannot be listened on: {fault}", "não é possível escutar em {address}: {fault}")
}

/// A socket left by a process that was killed is in the way; the lock says that nobody uses it.
fn control_socket(path: &Path) -> Result<UnixListener, Text> {
    let shown = path.display().to_string();
    let make = || {
        match fs::remove_file(path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            _ => {}
        }
        let socket = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(socket)
    };
    make().map_err(|fault| text!("{shown} cannot be made: {fault}", "não é possível criar {shown}: {fault}"))
}

async fn start_http(
    address: SocketAddr,
    gateway: &Arc<Gateway>,
    metrics: PrometheusHandle,
    doors: &TaskTracker,
) -> Result<SocketAddr, Text> {
    let socket = TcpListener::bind(address).await.map_err(|fault| cannot_listen(address, &fault))?;
    let bound = socket.local_addr().map_err(|fault| cannot_listen(address, &fault))?;
    let upkeep = metrics.clone();
    let gateway = gateway.clone();
    let draining = gateway.draining();
    let upkeep_ends = gateway.draining();
    doors.spawn(async move {
        tokio::pin!(upkeep_ends);
        // Without upkeep histograms grow for as long as nobody scrapes them.
        while tokio::time::timeout(Duration::from_secs(5), &mut upkeep_ends).await.is_err() {
            upkeep.run_upkeep();
        }
    });
    doors.spawn(async move {
        let served = axum::serve(http::Bounded::new(socket), http::router(gateway, metrics))
            .with_graceful_shutdown(draining)
            .await;
        if let Err(fault) = served {
            tracing::error!(%fault, "the HTTP door failed");
        }
    });
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More clients than the usual 128 come before we accept the first of them.
    #[tokio::test]
    async fn a_burst_of_clients_is_kept_until_they_are_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500));
        let clients: Vec<_> = (0..400).map_while(|nth| connect(nth).ok()).collect();
        assert_eq!(clients.len(), 400);
    }
}
