//! A database whose pages are overwritten, while the gateway stands and while it runs under load; and what a person does then.

use std::{
    collections::HashSet,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{
    kept,
    letters::{HELD_WORD, Kind, kind, letter},
    mta::{Attempt, Mta, Work},
    reconcile::Arrivals,
    support::{
        client::{Client, Reply},
        gateway::{Gateway, Setup},
        rule,
        scratch::files_under,
        sink::Sink,
        subject::message_about,
        trace::{find_id, id_of_reply},
        waiting::wait_until,
    },
};

const RECIPIENT: &str = "maria@tjpa.jus.br";
const PAGE: usize = 4096;
const MESSAGES: usize = 500;
const CLIENTS: usize = 8;

fn start(sink: &Sink) -> Gateway {
    let setup = Setup::new(sink.port()).yara().table(kept::AS_IT_IS);
    setup.rules("subjects/premio.toml", &rule::word("CRASH-PREMIO", HELD_WORD)).start()
}

fn held_mail(gateway: &Gateway, number: usize) -> Reply {
    let content = message_about(format!("Seu {HELD_WORD} {number}").as_bytes());
    Client::connect(gateway.port()).send(&format!("h{number}@origin.example"), &[RECIPIENT], &content)
}

fn clean_mail(gateway: &Gateway) -> Reply {
    Client::connect(gateway.port()).send("clean@origin.example", &[RECIPIENT], &message_about(b"Ata"))
}

/// Overwrites every second page from `from` on, in place.
fn damage(data: &Path, from: impl Fn(usize) -> usize) {
    let file = File::options().write(true).open(data.join("portaria.db")).unwrap();
    let pages = file.metadata().unwrap().len() as usize / PAGE;
    for page in (from(pages)..pages).step_by(2) {
        file.write_all_at(&[0xa5; PAGE], (page * PAGE) as u64).unwrap();
    }
}

/// The second half: the schema lies in the first, and without it nothing opens at all.
fn data_pages(pages: usize) -> usize {
    pages / 2
}

/// Everything but the root: whoever has the schema in memory meets it soon.
fn nearly_all(_: usize) -> usize {
    8
}

/// What docs/operations.md says: stop, move the database away, start.
fn mend(gateway: &mut Gateway) {
    gateway.terminate();
    assert!(gateway.wait(Duration::from_secs(30)).is_some(), "it stops");
    let aside = gateway.data().join("damaged");
    fs::create_dir_all(&aside).unwrap();
    for name in ["portaria.db", "portaria.db-wal", "portaria.db-shm"] {
        match fs::rename(gateway.data().join(name), aside.join(name)) {
            Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => panic!("{fault}"),
            _ => {}
        }
    }
    gateway.run();
    gateway.wait_until_ready();
}

fn is_told_as_damaged(gateway: &Gateway) -> bool {
    gateway.try_http("/health/ready").is_some_and(|(_, body)| body.contains("database: FAULT"))
}

/// The content of an acknowledged item stands in the quarantine: with its row, or among those that wait for a person.
fn stands(gateway: &Gateway, id: &str, content: &[u8]) -> bool {
    let files = files_under(&gateway.data().join("quarantine"));
    let file = files.into_iter().find(|file| file.file_name().is_some_and(|name| name == id));
    file.is_some_and(|file| kept::is(&file, content))
}

#[test]
fn damaged_while_it_stood_it_relays_holds_nothing_and_is_well_with_a_new_database() {
    let sink = Sink::start();
    let mut gateway = start(&sink);
    let acknowledged: Vec<String> = (0..150)
        .map(|number| {
            let reply = held_mail(&gateway, number);
            assert!(reply.is("250 "), "{}", reply.line());
            id_of_reply(&reply.line())
        })
        .collect();
    gateway.explain(acknowledged.last().unwrap());
    gateway.terminate();
    gateway.wait(Duration::from_secs(30));
    damage(&gateway.data(), data_pages);

    gateway.run();
    gateway.wait_until_ready();
    assert!(is_told_as_damaged(&gateway), "{:?}", gateway.http("/health/ready"));
    assert!(gateway.http("/metrics").1.contains("portaria_database_damaged 1"));
    assert!(gateway.log().contains("the database is damaged"));
    let status = gateway.command(&["status", "--json"]);
    assert!(status.told().contains("database_fault\":\""), "{}", status.told());
    let checked = gateway.command(&["check"]);
    assert!(checked.code == Some(1) && checked.told().contains("damaged"), "{}", checked.told());
    let relayed = clean_mail(&gateway);
    assert!(relayed.is("250 "), "relaying goes on: {}", relayed.line());
    let deferred = held_mail(&gateway, 1000);
    assert!(deferred.is("452 4.3.1"), "nothing is acknowledged that cannot be kept: {}", deferred.line());

    mend(&mut gateway);
    assert!(!is_told_as_damaged(&gateway));
    let reply = held_mail(&gateway, 1000);
    assert!(reply.is("250 "), "{}", reply.line());
    gateway.quarantine_with(&id_of_reply(&reply.line()));
    // The journal kept what was not loaded.
    assert_eq!(gateway.explain(&find_id(&relayed.line()).unwrap())["ending"], "relayed");
    for (number, id) in acknowledged.iter().enumerate() {
        let content = message_about(format!("Seu {HELD_WORD} {number}").as_bytes());
        assert!(stands(&gateway, id, &content), "acknowledged and lost: {id}");
    }
    assert!(gateway.data().join("quarantine/orphans").is_dir(), "they wait for a person");
    assert!(!gateway.log().contains("panicked"));
}

/// SQLite cuts the log at the damage and says nothing: rows are gone. What they pointed to is not, nor is what the journal has.
#[test]
fn a_damaged_write_ahead_log_costs_rows_and_neither_content_nor_records() {
    let sink = Sink::start();
    let mut gateway = start(&sink);
    let replies: Vec<String> = (0..40).map(|number| held_mail(&gateway, number).line()).collect();
    let relayed = clean_mail(&gateway);
    gateway.explain(&find_id(&relayed.line()).unwrap());
    gateway.kill();
    let log = File::options().write(true).open(gateway.data().join("portaria.db-wal")).unwrap();
    let length = log.metadata().unwrap().len();
    assert!(length > 32, "there is nothing to damage");
    for at in (100..length).step_by(1000) {
        log.write_all_at(&[0xa5; 100], at).unwrap();
    }
    gateway.run();
    gateway.wait_until_ready();
    let listed = gateway.quarantine().len();
    assert!(listed < replies.len(), "the damage took no row: the case proves nothing");
    for (number, reply) in replies.iter().enumerate() {
        let id = id_of_reply(reply);
        let content = message_about(format!("Seu {HELD_WORD} {number}").as_bytes());
        assert!(stands(&gateway, &id, &content), "acknowledged and lost: {id}");
        assert_eq!(gateway.explain(&id)["ending"], "held");
    }
    assert_eq!(gateway.explain(&find_id(&relayed.line()).unwrap())["ending"], "relayed");
    assert!(held_mail(&gateway, 1000).is("250 "), "and goes on");
}

#[test]
fn damaged_under_load_nothing_acknowledged_is_lost() {
    let sink = Sink::start();
    let mut gateway = start(&sink);
    let until = Instant::now() + Duration::from_secs(180);
    let work = Work::of(MESSAGES);
    let port = gateway.port();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let work = &work;
            scope.spawn(move || work.share(Mta::new(port, client as u64, until)));
        }
        while work.answered() < MESSAGES / 2 {
            thread::sleep(Duration::from_millis(5));
        }
        // The pages in use come from the write-ahead log and from memory: a start reads them from the file again.
        gateway.kill();
        gateway.run();
        wait_until("the damage is met", Duration::from_secs(60), || {
            damage(&gateway.data(), nearly_all);
            is_told_as_damaged(&gateway)
        });
        let relayed = clean_mail(&gateway);
        assert!(relayed.is("250 "), "relaying goes on: {}", relayed.line());
        let deferred = held_mail(&gateway, MESSAGES);
        assert!(deferred.is("452 4.3.1"), "{}", deferred.line());
        thread::sleep(Duration::from_millis(300));
        mend(&mut gateway);
    });

    sink.state().messages.retain(|message| message.reverse_path != "clean@origin.example");
    let mut arrivals = Arrivals::default();
    arrivals.take_from(&sink);
    assert!(arrivals.faults.is_empty(), "{:#?}", arrivals.faults);
    let (mut held, mut deferred, mut ids) = (0, 0, HashSet::new());
    for (number, journey) in work.journeys().iter().enumerate() {
        let Some(Attempt::Answered(reply)) = journey.last() else { panic!("message {number} has no last reply") };
        let expected = if kind(number).0 == Kind::Infected { "550 " } else { "250 " };
        assert!(reply.starts_with(expected), "message {number}: {reply}");
        deferred += usize::from(
            journey.iter().any(|it| matches!(it, Attempt::Answered(reply) if reply.starts_with("452 4.3.1"))),
        );
        let id = id_of_reply(reply);
        match kind(number).0 {
            Kind::Held => {
                held += 1;
                assert!(stands(&gateway, &id, &letter(number).content), "acknowledged and lost: {number}, {id}");
            }
            Kind::Clean => assert!(arrivals.has(number, &id), "acknowledged and lost: {number}, {id}"),
            Kind::Infected => {}
        }
        assert!(ids.insert(id));
    }
    println!("{held} held, {deferred} of all deferred once or more by the damage");
    assert!(!gateway.log().contains("panicked"));
}
