//! The gateway of one script: the real door between sockets that the script holds, on disks of its own.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use portaria::{
    alert::Letterhead,
    antivirus::{self, ScannerKind, ScannerSettings, Scanners},
    door::{
        alert::Alerts,
        attempts::Attempts,
        connections::{self, Connections},
        gateway::{Gateway, Listener, Parts},
        listener,
        tls::Certificate,
    },
    hold::{self, Holds},
    journal::{self, Journal},
    language::Language,
    next_hop::{self, NextHopSettings, NextHops},
    policy::verdict::ScanVerdict,
    relay::event::NextHopFailure,
    smtp::{client::TlsWish, extension::Capabilities, path::Mailbox},
    store::Store,
};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{
    super::script::{Act, Script},
    PATIENCE, in_time,
    next_hop::Hop,
    scanner::Scanner,
};

/// A running gateway and the world around it.
pub struct World {
    pub gateway: Arc<Gateway>,
    /// Where it listens.
    pub door: SocketAddr,
    pub hops: BTreeMap<&'static str, Hop>,
    /// One a group.
    pub scanners: Vec<Scanner>,
    /// What a client under TLS trusts.
    pub certificate: Option<CertificateDer<'static>>,
    accepting: tokio::task::JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn start(script: &Script) -> Self {
        let folder = folder();
        let settings = script.setup.settings();
        let hops = BTreeMap::from([("mailbox", Hop::start(3).await), ("other", Hop::start(1).await)]);
        let next_hops = next_hops(script, &hops);
        let groups = script.steps.iter().filter_map(|step| match &step.act {
            Act::Scanned(verdicts) => Some(verdicts.len()),
            _ => None,
        });
        let asked = settings.scanner_groups.len();
        let groups = if asked > 0 { groups.max().unwrap_or(1).max(asked) } else { 0 };
        let scanners: Vec<Scanner> = (0..groups).map(|_| Scanner::start()).collect();
        let (certificate, trusted) = certificate(script, &folder).unzip();
        let gateway = Gateway::new(Parts {
            holds: holds(&folder),
            scanners: Arc::new(Scanners::new(scanning(script, &scanners, &folder)).unwrap()),
            next_hop_names: hops.keys().map(|name| (*name).into()).collect(),
            next_hops: Arc::new(next_hops),
            store: Arc::new(Store::open(folder.path()).await.unwrap()),
            journal: Journal::open(&folder.path().join("journal")).unwrap().0,
            connections: Connections::new(connections::Limits {
                total: 10,
                // So that it shows for whom the one client counts.
                per_network: 1,
                rate: None,
                unlimited: Vec::new(),
            }),
            certificate: certificate.clone(),
            messages: script.setup.message_rate(),
            alerts: Alerts::new(
                Letterhead {
                    hostname: "mx.tjpa.jus.br".to_owned(),
                    from: Mailbox::parse("postmaster@tjpa.jus.br").unwrap(),
                    to: Vec::new(),
                    language: Language::En,
                    time_zone: jiff::tz::TimeZone::UTC,
                },
                None,
            ),
            behind: Arc::default(),
            attempts: Attempts::new(Vec::new()),
            policy: Arc::into_inner(script.setup.policy(false, std::time::SystemTime::now())).unwrap(),
        });
        gateway.scanners.self_test(std::time::SystemTime::now()).await;
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = socket.local_addr().unwrap();
        let listener = Listener {
            settings: Arc::new(settings),
            bound: door,
            certificate,
            proxy_protocol_from: vec!["127.0.0.0/8".parse().unwrap()],
            greeting_delay: script.setup.greeting_delay(),
            // Whoever it was before it announced somebody.
            xclient_from: if script.setup.offer().xclient { vec!["0.0.0.0/0".parse().unwrap()] } else { Vec::new() },
        };
        let mut accepting = tokio::task::JoinSet::new();
        accepting.spawn(listener::accept(socket, Arc::new(listener), gateway.clone()));
        Self { gateway, door, hops, scanners, certificate: trusted, accepting, _folder: folder }
    }

    /// The outcomes that the journal has from here on.
    pub fn journal(&self) -> journal::Reader {
        self.gateway.journal.reader(journal::Position::default())
    }

    /// Until every connection to a next hop is given back and reset, or closed.
    pub async fn nothing_lent(&self) {
        while self.gateway.next_hops.status().iter().any(|hop| hop.in_use > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Everything that a session had is given back once it is over.
    pub async fn over(mut self) -> Result<(), String> {
        self.accepting.abort_all();
        self.gateway.sessions.close();
        in_time("the session does not end", self.gateway.sessions.wait()).await?;
        self.hops.clear();
        in_time("a lease does not end", self.nothing_lent()).await?;
        let (held, connections) = (self.gateway.holds.memory(), self.gateway.connections.total());
        if (held, connections) != (0, 0) {
            return Err(format!("left: {held} octets held, {connections} connections"));
        }
        in_time("next hops do not close", self.gateway.next_hops.close()).await?;
        self.gateway.journal.close().await;
        self.gateway.store.close().await;
        Ok(())
    }
}

/// In memory where that can be had: nothing here must outlive a crash, and two hundred databases that sync wait for the disk and for
/// nothing else.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn holds(folder: &tempfile::TempDir) -> Arc<Holds> {
    Holds::new(hold::Settings {
        folder: folder.path().join("hold"),
        memory_per_message: 8 << 20,
        memory_total: 64 << 20,
        disk_floor_percent: 0,
        disk_floor_bytes: 0,
    })
    .unwrap()
}

/// The next hops, seen to offer what the script's listener offers.
fn next_hops(script: &Script, hops: &BTreeMap<&'static str, Hop>) -> NextHops {
    let tls = script.steps.iter().any(|step| matches!(&step.act, Act::Fails(NextHopFailure::Tls(_))));
    let settings = |(name, hop): (&&'static str, &Hop)| NextHopSettings {
        name: (*name).into(),
        addresses: hop.addresses.iter().map(|(address, _)| address.to_string()).collect(),
        tls: if tls { TlsWish::Required } else { TlsWish::Off },
        ca: None,
        server_name: tls.then(|| "mbx1.tjpa.jus.br".to_owned()),
        max_connections: 20,
        connection_lifetime: Duration::from_secs(300),
        xforward: true,
    };
    let next_hops = NextHops::new(next_hop::Settings {
        next_hops: hops.iter().map(settings).collect(),
        hostname: "mx.tjpa.jus.br".to_owned(),
        connect_timeout: PATIENCE,
        reply_timeout: PATIENCE,
    })
    .unwrap();
    let offer = script.setup.offer();
    let rows = [(offer.eight_bit_mime, "8BITMIME"), (offer.smtputf8, "SMTPUTF8"), (offer.dsn, "DSN")];
    let keywords = rows.iter().filter(|(offered, _)| *offered).map(|(_, keyword)| (*keyword).to_owned());
    let lines: Vec<String> = std::iter::once("mbx1.tjpa.jus.br".to_owned()).chain(keywords).collect();
    let seen = Capabilities::from_ehlo_lines(&lines);
    for (name, hop) in hops {
        for (address, _) in &hop.addresses {
            next_hops.remember(&(*name).into(), &address.to_string(), &seen);
        }
    }
    next_hops
}

fn scanning(script: &Script, scanners: &[Scanner], folder: &tempfile::TempDir) -> antivirus::Settings {
    let hangs = script.steps.iter().any(|step| match &step.act {
        Act::Scanned(verdicts) => {
            verdicts.iter().flatten().any(|verdict| matches!(verdict, ScanVerdict::Unavailable { .. }))
        }
        _ => false,
    });
    let scanner = |(nth, scanner): (usize, &Scanner)| ScannerSettings {
        group: format!("group{nth}"),
        kind: ScannerKind::Clamd(scanner.address()),
        weight: 1,
        in_flight: None,
        database: None,
    };
    antivirus::Settings {
        scanners: scanners.iter().enumerate().map(scanner).collect(),
        scan_timeout: if hangs { Duration::from_secs(1) } else { PATIENCE },
        connect_timeout: Duration::from_secs(1),
        poison_after: 3,
        ages: antivirus::Ages::default(),
        in_flight: 2,
        probe_folder: folder.path().to_owned(),
    }
}

/// A certificate where the script offers STARTTLS.
fn certificate(script: &Script, folder: &tempfile::TempDir) -> Option<(Arc<Certificate>, CertificateDer<'static>)> {
    if !script.setup.offer().starttls && !script.setup.settings().implicit_tls {
        return None;
    }
    let made = rcgen::generate_simple_self_signed(vec!["mx.tjpa.jus.br".to_owned()]).unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    Some((Arc::new(Certificate::load(chain, key).unwrap()), made.cert.der().clone()))
}
