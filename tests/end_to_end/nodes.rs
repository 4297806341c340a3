//! Records and the quarantine's index on a PostgreSQL server: one node, one whose server is away, and two that share it. And what is held,
//! encrypted.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    time::Duration,
};

use crate::support::{
    client::{Client, Reply},
    gateway::{Gateway, Setup},
    postgres::Postgres,
    rule,
    scratch::files_under,
    sink::Sink,
    subject::message_about,
    trace::id_of_reply,
    waiting::wait_until,
};

fn node(server: &Postgres, sink: &Sink) -> Setup {
    Setup::new(sink.port()).rules("subjects/retida.toml", &rule::word("E2E-RETIDA", "retida")).table(&server.table())
}

fn send(gateway: &Gateway, subject: &str) -> Reply {
    Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], &message_about(subject.as_bytes()))
}

#[test]
fn records_and_held_mail_are_on_the_server() {
    let (server, sink) = (Postgres::start(), Sink::start());
    let gateway = node(&server, &sink).start();
    let relayed = id_of_reply(&send(&gateway, "Ata").expect("250", "relayed").line());
    let held = id_of_reply(&send(&gateway, "Carta retida").expect("250 2.0.0", "held").line());
    assert_eq!(gateway.explain(&relayed)["ending"], "relayed");
    assert_eq!(gateway.explain(&held)["ending"], "held");
    assert_eq!(gateway.quarantine_with(&held)["state"], "held");
    let shown = gateway.command(&["quarantine", "show", &held]).succeeded();
    assert!(shown.stdout.contains("Carta retida"), "{}", shown.told());
    assert!(!gateway.data().join("portaria.db").exists(), "nothing is kept in a file beside it");
    let checked = gateway.command(&["check"]);
    assert!(checked.stdout.contains("may be written"), "{}", checked.told());
}

/// Relaying goes on; what is to be held is deferred, and held when its sender tries again; no record is lost. Also through a restart.
#[test]
fn a_server_that_is_away_stops_no_mail() {
    let (mut server, sink) = (Postgres::start(), Sink::start());
    let mut gateway = node(&server, &sink).start();
    send(&gateway, "Ata").expect("250", "while it is there");
    server.stop();
    let first = id_of_reply(&send(&gateway, "Ata").expect("250", "relayed without a database").line());
    send(&gateway, "Carta retida").expect("452 4.3.1", "nothing is held that is not durable");
    gateway.kill();
    gateway.run();
    let second = id_of_reply(&send(&gateway, "Ata").expect("250", "started without a database").line());
    assert_eq!(sink.state().messages.len(), 3);
    server.run();
    wait_until("held again", Duration::from_secs(60), || send(&gateway, "Carta retida").is("250 2.0.0"));
    // The loader's pause between attempts has grown by now, up to a minute.
    let both = format!("SELECT COUNT(*) FROM transactions WHERE id IN ('{first}', '{second}')");
    wait_until("the records are loaded", Duration::from_secs(90), || server.ask(&both) == "2");
    assert_eq!(gateway.explain(&second)["ending"], "relayed");
    assert_eq!(gateway.quarantine().len(), 1);
}

/// Each explains and lists what the other did; each holds on, and looks after, what is its own.
#[test]
fn two_nodes_tell_what_either_did() {
    let (server, sink) = (Postgres::start(), Sink::start());
    let (mut first, second) = (node(&server, &sink).start(), node(&server, &sink).start());
    let held = id_of_reply(&send(&first, "Carta retida").expect("250 2.0.0", "held by the first").line());
    let relayed = id_of_reply(&send(&second, "Ata").expect("250", "relayed by the second").line());
    assert_eq!(second.explain(&held)["ending"], "held");
    assert_eq!(first.explain(&relayed)["ending"], "relayed");
    assert_eq!(second.quarantine_with(&held)["state"], "held");
    let elsewhere = second.command(&["quarantine", "show", &held]);
    assert_eq!(elsewhere.code, Some(1), "{}", elsewhere.told());
    assert!(elsewhere.told().contains("is on the node mx.tjpa.jus.br-"), "{}", elsewhere.told());
    assert!(first.command(&["quarantine", "show", &held]).succeeded().stdout.contains("Carta retida"));
    // One is killed under the eyes of the other, which goes on; started again, it finds all as it left it.
    first.kill();
    let meanwhile = id_of_reply(&send(&second, "Outra carta retida").expect("250 2.0.0", "held").line());
    first.run();
    first.wait_until_ready();
    assert_eq!(first.explain(&meanwhile)["ending"], "held");
    assert_eq!(first.quarantine().len(), 2);
    assert!(first.command(&["quarantine", "show", &held]).succeeded().stdout.contains("Carta retida"));
    assert!(second.command(&["quarantine", "show", &meanwhile]).succeeded().stdout.contains("Outra carta"));
    for gateway in [&first, &second] {
        assert!(
            !gateway.log().contains("orphans: [Tr"),
            "nothing of the other's was taken for a leftover: {}",
            gateway.log()
        );
    }
}

/// Nothing that is held stands on the disk in clear; keys are added and taken away, and what is missing is told.
#[test]
fn held_mail_is_encrypted() {
    let sink = Sink::start();
    let setup = Setup::new(sink.port()).rules("subjects/retida.toml", &rule::word("E2E-RETIDA", "retida"));
    let keys = setup.write("keys", "");
    let write_keys = |lines: &[(&str, &str)]| {
        let text: String = lines.iter().map(|(id, digits)| format!("{id} {}\n", digits.repeat(32))).collect();
        fs::write(&keys, text).unwrap();
        fs::set_permissions(&keys, Permissions::from_mode(0o600)).unwrap();
    };
    write_keys(&[("2025", "1f")]);
    let mut gateway = setup.table(&format!("[quarantine]\nencryption_keys = \"{}\"\n", keys.display())).start();
    let old = id_of_reply(&send(&gateway, "Carta retida").expect("250 2.0.0", "held").line());
    gateway.kill();
    write_keys(&[("2025", "1f"), ("2026", "2e")]);
    gateway.run();
    let new = id_of_reply(&send(&gateway, "Outra carta retida").expect("250 2.0.0", "held").line());
    for id in [&old, &new] {
        let shown = gateway.command(&["quarantine", "show", id]).succeeded();
        assert!(shown.stdout.contains("arta retida"), "{}", shown.told());
    }
    let held: Vec<Vec<u8>> =
        files_under(&gateway.data().join("quarantine")).iter().map(|file| fs::read(file).unwrap()).collect();
    assert_eq!(held.len(), 2);
    assert!(held.iter().all(|octets| !octets.windows(8).any(|window| window == b"Received")));
    let checked = gateway.command(&["check"]);
    assert!(checked.stdout.contains("`2026` is for new content"), "{}", checked.told());

    write_keys(&[("2026", "2e")]);
    let shown = gateway.command(&["quarantine", "show", &old]);
    assert!(shown.code == Some(1) && shown.told().contains("`2025`"), "{}", shown.told());
    let checked = gateway.command(&["check"]);
    assert!(checked.stdout.contains("`2025` is missing in `encryption_keys`; 1 held items"), "{}", checked.told());
}
