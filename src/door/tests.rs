//! The bounds of the doors themselves, met on real sockets under a clock that moves when everybody waits.
//!
//! The session's own deadlines are met in `tests/conversations/limits`; these are those that it knows nothing of.
#![expect(clippy::disallowed_methods, reason = "these tests are the other side of the door")]

mod late_scanner;
mod reload;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream},
    time::Instant,
};

use super::{
    alert::Alerts,
    attempts::Attempts,
    connections::{self, Connections},
    control,
    gateway::{Gateway, Listener, Parts},
    listener,
    reload::{Reloader, Sources},
    tls::Certificate,
    tracking::Tracking,
};
use crate::{
    alert::Letterhead,
    antivirus::{self, Scanners},
    hold::{self, Holds},
    journal::Journal,
    next_hop::{self, NextHops},
    relay::{settings::Settings, tests::world},
    rule_history::{Bounds, FileSet, History, Stamps},
    smtp::path::Mailbox,
    store::Store,
};

const SECOND: Duration = Duration::from_secs(1);

/// A gateway with one open listener.
struct Door {
    gateway: Arc<Gateway>,
    address: SocketAddr,
    folder: TempDir,
}

impl Door {
    /// From here on time moves by itself when nobody has anything to do.
    async fn open(limits: connections::Limits, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = Some(Arc::new(certificate(&folder)));
        let mut settings = world::settings();
        change(&mut settings);
        let gateway = Gateway::new(Parts {
            holds: Holds::new(hold::Settings {
                folder: folder.path().join("hold"),
                memory_per_message: 1 << 20,
                memory_total: 1 << 20,
                disk_floor_percent: 0,
                disk_floor_bytes: 0,
            })
            .unwrap(),
            scanners: Arc::new(Scanners::new(no_scanners()).unwrap()),
            next_hops: Arc::new(NextHops::new(no_next_hops()).unwrap()),
            store: Arc::new(Store::open(folder.path()).await.unwrap()),
            journal: Journal::open(&folder.path().join("journal")).unwrap().0,
            connections: Connections::new(limits),
            next_hop_names: Vec::new(),
            internet_next_hop: None,
            messages: None,
            alerts: Alerts::new(
                Letterhead {
                    hostname: "mx.tjpa.jus.br".to_owned(),
                    from: Mailbox::parse("postmaster@tjpa.jus.br").unwrap(),
                    to: Vec::new(),
                    language: Default::default(),
                    time_zone: jiff::tz::TimeZone::UTC,
                },
                None,
            ),
            behind: Arc::default(),
            attempts: Attempts::new(Vec::new()),
            certificate: certificate.clone(),
            policy: world::policy(std::time::SystemTime::now()),
        });
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let settings = Arc::new(settings);
        let listener = Listener {
            settings,
            bound: address,
            certificate,
            proxy_protocol_from: Vec::new(),
            xclient_from: Vec::new(),
            greeting_delay: Duration::ZERO,
        };
        let doors = tokio_util::task::TaskTracker::new();
        doors.spawn(listener::accept(socket, Arc::new(listener), gateway.clone()));
        tokio::time::pause();
        Self { gateway, address, folder }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// How long it takes until no connection is counted any more.
    async fn empties(&self) -> Duration {
        let begun = Instant::now();
        while self.gateway.connections.total() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        begun.elapsed()
    }
}

fn certificate(folder: &TempDir) -> Certificate {
    let made = rcgen::generate_simple_self_signed(vec!["mx.tjpa.jus.br".to_owned()]).unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    Certificate::load(chain, key).unwrap()
}

fn no_scanners() -> antivirus::Settings {
    antivirus::Settings {
        poison_after: 3,
        ages: antivirus::Ages::default(),
        scanners: Vec::new(),
        scan_timeout: SECOND,
        connect_timeout: SECOND,
        in_flight: 1,
        probe_folder: std::path::PathBuf::new(),
    }
}

fn no_next_hops() -> next_hop::Settings {
    next_hop::Settings {
        next_hops: Vec::new(),
        hostname: "mx.tjpa.jus.br".to_owned(),
        connect_timeout: SECOND,
        reply_timeout: SECOND,
    }
}

fn many() -> connections::Limits {
    connections::Limits { total: 10, per_network: 10, rate: None, unlimited: Vec::new() }
}

/// What comes first.
async fn hear(stream: &mut TcpStream) -> String {
    let mut octets = [0; 4096];
    let read = stream.read(&mut octets).await.unwrap_or(0);
    String::from_utf8_lossy(&octets[..read]).into_owned()
}

/// Everything until the end, and how long that took.
async fn hear_out(stream: &mut (impl AsyncReadExt + Unpin)) -> (String, Duration) {
    let (begun, mut octets) = (Instant::now(), Vec::new());
    let _ = stream.read_to_end(&mut octets).await;
    (String::from_utf8_lossy(&octets).into_owned(), begun.elapsed())
}

/// Whether it took this time; timers are looked at every millisecond, and some of ours every ten.
fn is_about(took: Duration, expected: Duration) -> bool {
    (expected..=expected + SECOND / 10).contains(&took)
}

/// Two are served, the third hears 421, and once one of the two is gone the next is served.
async fn takes_two(door: &Door) {
    let (mut first, mut second) = (door.connect().await, door.connect().await);
    assert!(hear(&mut first).await.starts_with("220") && hear(&mut second).await.starts_with("220"));
    let (told, _) = hear_out(&mut door.connect().await).await;
    assert_eq!(told, "421 4.3.2 Too many connections, try again later\r\n");
    drop(first);
    while door.gateway.connections.total() == 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(hear(&mut door.connect().await).await.starts_with("220"));
}

#[tokio::test]
async fn one_connection_more_than_the_limit_hears_421() {
    takes_two(&Door::open(connections::Limits { total: 2, ..many() }, |_| {}).await).await;
}

#[tokio::test]
async fn one_connection_more_of_a_network_hears_421() {
    takes_two(&Door::open(connections::Limits { per_network: 2, ..many() }, |_| {}).await).await;
}

#[tokio::test]
async fn a_handshake_that_comes_first_has_a_minute() {
    let door = Door::open(many(), |settings| settings.implicit_tls = true).await;
    let (told, took) = hear_out(&mut door.connect().await).await;
    assert!(told.is_empty() && is_about(took, 60 * SECOND), "{told:?} {took:?}");
}

#[tokio::test]
async fn a_handshake_has_a_minute() {
    let door = Door::open(many(), |_| {}).await;
    let mut client = door.connect().await;
    client.write_all(b"EHLO mta.example\r\n").await.unwrap();
    hear(&mut client).await;
    client.write_all(b"STARTTLS\r\n").await.unwrap();
    while !hear(&mut client).await.contains("Ready to start TLS") {}
    let (told, took) = hear_out(&mut client).await;
    assert!(told.is_empty() && is_about(took, 60 * SECOND), "{told:?} {took:?}");
}

/// A client that reads nothing holds its connection for a minute, and no octet of its replies waits in our memory for longer.
#[tokio::test]
async fn a_client_that_takes_no_reply_is_gone_after_a_minute() {
    let door = Door::open(many(), |settings| settings.limits.errors = u32::MAX).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = socket.connect(door.address).await.unwrap();
    let commands = b"NOOP\r\n".repeat(10_000);
    let begun = Instant::now();
    // Until nothing is read from us any more, because nothing can be written to us.
    let (mut written, mut stalled) = (0, begun);
    while let Ok(Ok(())) = tokio::time::timeout(30 * SECOND, client.write_all(&commands)).await {
        (written, stalled) = (written + commands.len(), Instant::now());
        assert!(written < 1 << 28, "it reads on and on");
    }
    door.empties().await;
    assert!(is_about(stalled.elapsed(), 60 * SECOND), "{:?}", stalled.elapsed());
}

/// Who has said QUIT, or ended, says nothing more: no turn of the loop and no second of ours is spent on his end of stream.
#[tokio::test]
async fn a_client_that_has_said_all_is_not_listened_to_any_more() {
    let door = Door::open(many(), |_| {}).await;
    let mut polite = door.connect().await;
    polite.write_all(b"QUIT\r\n").await.unwrap();
    let (told, _) = hear_out(&mut polite).await;
    assert!(told.starts_with("220 ") && told.ends_with("221 2.0.0 Bye\r\n"), "{told:?}");
    assert!(door.empties().await < SECOND / 10);

    let mut ended = door.connect().await;
    ended.shutdown().await.unwrap();
    hear_out(&mut ended).await;
    assert!(door.empties().await < SECOND / 10);
}

/// What lies unread behind QUIT would reset the connection, and our 221 with it.
#[tokio::test]
async fn a_client_that_goes_on_behind_quit_is_listened_to() {
    let door = Door::open(many(), |_| {}).await;
    let mut client = door.connect().await;
    // More than one read of ours takes.
    client.write_all(&[b"QUIT\r\n", &b"NOOP\r\n".repeat(50_000)[..]].concat()).await.unwrap();
    let (told, _) = hear_out(&mut client).await;
    assert!(told.ends_with("221 2.0.0 Bye\r\n"), "{told:?}");
    assert!(is_about(door.empties().await, SECOND));
}

#[tokio::test]
async fn after_our_last_reply_we_listen_for_a_second_or_a_mebibyte() {
    let door = Door::open(many(), |settings| settings.limits.errors = 0).await;
    let mut silent = door.connect().await;
    silent.write_all(b"WHAT\r\n").await.unwrap();
    let (told, took) = hear_out(&mut silent).await;
    assert!(told.ends_with("421 4.7.0 Too many errors\r\n") && took < SECOND / 10, "{told:?} {took:?}");
    assert!(is_about(door.empties().await, SECOND));

    // One that sends on: it is read for so much, and not for so long.
    let mut loud = door.connect().await;
    loud.write_all(b"WHAT\r\n").await.unwrap();
    hear_out(&mut loud).await;
    let begun = Instant::now();
    let piece = vec![b'x'; 1 << 16];
    let mut sent = 0;
    while loud.write_all(&piece).await.is_ok() {
        sent += piece.len();
        assert!(sent < 64 << 20, "it reads on and on");
        tokio::task::yield_now().await;
    }
    assert!(sent >= 1 << 20, "a mebibyte is taken: {sent}");
    door.empties().await;
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
}

/// Of a gateway whose rules nobody changes.
fn reloader(folder: &std::path::Path) -> Reloader {
    let sources = Sources {
        read: Box::new(|_| Err("not asked for".to_owned())),
        files: Box::new(|| Ok(FileSet::default())),
        stamps: Box::new(Stamps::default),
        unsettled: String::new(),
    };
    let bounds = Bounds { entries: 1, age: SECOND };
    Reloader::new(sources, History::new(folder, bounds))
}

fn orders(door: &Door) -> control::Orders {
    let tracking = Tracking {
        time_zone: jiff::tz::TimeZone::get("America/Belem").unwrap(),
        retention: SECOND * 45 * 86_400,
        handling: SECOND * 7 * 86_400,
        data_dir: door.folder.path().to_owned(),
    };
    let releases = super::release::Settings {
        hostname: "mx.tjpa.jus.br".to_owned(),
        data_dir: door.folder.path().to_owned(),
        patience: SECOND,
        scans: false,
        timeouts: world::settings().timeouts,
    };
    control::Orders { releases: Arc::new(releases), tracking: Arc::new(tracking) }
}

/// Clause 10.1.1: who asks is written down first, in the database and in the audit trail, by whom the system says it is; a number is
/// never used twice, and what is wrong leaves nothing.
#[tokio::test]
async fn a_request_is_registered_through_the_socket_and_stands_in_the_trail() {
    let door = Door::open(many(), |_| {}).await;
    // A blocking task does not count as something to wait for, and the clock would run past every timeout.
    tokio::time::resume();
    let path = door.folder.path().join("control.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let reloader = Arc::new(reloader(door.folder.path()));
    let doors = tokio_util::task::TaskTracker::new();
    doors.spawn(control::serve(socket, door.gateway.clone(), reloader, orders(&door)));
    let ask = async |order: serde_json::Value| {
        let order = serde_json::from_value(order).unwrap();
        control::ask(&path, &control::Command::Tracking(order)).await.unwrap()
    };
    let open = |number: &str, received: &str| {
        serde_json::json!({
            "order": "open", "number": number, "who": "Corregedoria", "reason": null, "days": { "received": received },
            "mailboxes": ["fulano.tal@tjpa.jus.br"], "subject": null, "person": "ana",
        })
    };
    let opened = ask(open("REQ 1", "2026-01-15")).await;
    assert_eq!((&opened["ok"], &opened["request"]["late"]), (&true.into(), &true.into()), "{opened}");
    assert_eq!(opened["request"]["scope"]["mailboxes"][0]["keys"][0], "fulano.tal@tjpa.jus.br", "{opened}");
    assert_eq!(ask(open("REQ 1", "2026-01-16")).await["refused"], "taken");
    assert_eq!(ask(open("REQ 2", "2999-01-01")).await["refused"], "to_come");
    let hold = serde_json::json!({
        "order": "open", "number": "LAW 1", "who": "1a Vara", "reason": "x", "days": { "held": { "since": "2026-01-01", "until": "2026-01-31" } },
        "mailboxes": [], "subject": null, "person": null,
    });
    assert_eq!(ask(hold).await["ok"], true);
    let close = serde_json::json!({ "order": "close", "number": "REQ 1", "person": null });
    assert_eq!(ask(close.clone()).await["ok"], true);
    assert_eq!(ask(close).await["refused"], "none_open");

    let mut trail = crate::audit::Stored::open(door.folder.path()).unwrap().unwrap();
    let mut told = Vec::new();
    while let Some(step) = trail.next_step().unwrap() {
        let entry = step.entry.unwrap();
        assert_eq!(entry.account, crate::audit::account_name(rustix::process::getuid().as_raw()));
        told.push(format!("{} {}", entry.action, entry.object));
    }
    assert_eq!(told, ["tracking_request_opened REQ 1", "records_held LAW 1", "tracking_request_closed REQ 1"]);
    assert_eq!(door.gateway.store.requests().await.unwrap().len(), 2);
    assert_eq!(door.gateway.store.frozen().await.unwrap().len(), 1);

    // Without a trail nothing is done.
    std::fs::remove_file(door.folder.path().join("audit.log")).unwrap();
    std::fs::create_dir(door.folder.path().join("audit.log")).unwrap();
    assert_eq!(ask(open("REQ 3", "2026-01-15")).await["refused"], "audit");
    assert_eq!(door.gateway.store.request("REQ 3").await.unwrap(), None);
}

/// The socket is for programs of ours, and still nobody keeps it busy or fills memory through it.
#[tokio::test]
async fn the_control_socket_takes_a_line_of_64_kib_within_ten_seconds() {
    let door = Door::open(many(), |_| {}).await;
    let path = door.folder.path().join("control.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let reloader = Arc::new(reloader(door.folder.path()));
    let doors = tokio_util::task::TaskTracker::new();
    doors.spawn(control::serve(socket, door.gateway.clone(), reloader, orders(&door)));

    let (told, took) = hear_out(&mut UnixStream::connect(&path).await.unwrap()).await;
    assert!(told.is_empty() && is_about(took, 10 * SECOND), "{told:?} {took:?}");

    for (octets, ok) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        let (begin, end) = ("{\"command\":", "\"status\"}");
        let line = format!("{begin}{}{end}", " ".repeat(octets - begin.len() - end.len()));
        let mut client = UnixStream::connect(&path).await.unwrap();
        client.write_all(line.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let (told, _) = hear_out(&mut client).await;
        assert!(told.contains(&format!("\"ok\":{ok}")), "{octets}: {told}");
    }
}
