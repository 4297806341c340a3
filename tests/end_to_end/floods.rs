//! Floods: whoever sends one is slowed down, leaves little behind, and is not in anybody's way (decision 29).
//!
//! The clients come through a balancer, which may name any: loopback itself is spared by default.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    client::{Client, Reply},
    gateway::{Gateway, Setup},
    sink::Sink,
    trace::id_of_reply,
    waiting::wait_until,
};

const CONTENT: &[u8] = b"Subject: x\r\n\r\nx\r\n";
const FLOOD: u64 = 5_000;
const FLOODER: &str = "192.0.2.9";
const NEWCOMER: &str = "198.51.100.7";

/// A connection of this client, and what it hears first.
fn arrive(gateway: &Gateway, client: &str) -> (Client, Reply) {
    let mut connection = Client::dial(gateway.port()).unwrap();
    connection.write(format!("PROXY TCP4 {client} 10.0.0.1 51201 25\r\n").as_bytes());
    let greeting = connection.read();
    (connection, greeting)
}

fn greeted(gateway: &Gateway, client: &str) -> Client {
    let (mut connection, greeting) = arrive(gateway, client);
    greeting.expect("220", client);
    connection.say("EHLO mta.origin.example").expect("250", "EHLO");
    connection
}

/// Somebody else is served meanwhile.
fn a_newcomer_is_served(gateway: &Gateway) -> String {
    let began = Instant::now();
    let reply = greeted(gateway, NEWCOMER).send("a@origin.example", &["maria@tjpa.jus.br"], CONTENT);
    let reply = reply.expect("250 2.0.0", "the newcomer's message");
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    id_of_reply(&reply.line())
}

/// What the gateway counted, by reason: after a restart, so that the last minute is in it.
fn counted(gateway: &mut Gateway) -> BTreeMap<String, u64> {
    gateway.terminate();
    gateway.wait(Duration::from_secs(40)).expect("it drains");
    gateway.run();
    let mut reasons = BTreeMap::new();
    wait_until("the counts are in the database", Duration::from_secs(20), || {
        let status = gateway.command(&["status", "--json"]).succeeded().json_lines().remove(0);
        let rows = status["attempts"]["reasons"].as_array().cloned().unwrap_or_default();
        reasons = rows
            .iter()
            .map(|row| (row["reason"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap()))
            .collect();
        !reasons.is_empty()
    });
    reasons
}

/// All records in the journal's segments, and its size.
fn journal(gateway: &Gateway) -> (Vec<Value>, usize) {
    let segments = fs::read_dir(gateway.data().join("journal")).unwrap();
    let text: String = segments
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "journal"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    (entries.filter_map(|entry| entry.get("outcome").cloned()).collect(), text.len())
}

#[test]
fn a_flood_of_refused_recipients_leaves_ten_records_a_minute_and_a_count() {
    let sink = Sink::start();
    let limits = "[limits]\nerrors_per_connection = 1000000\nmessages_per_minute_per_network = 0";
    let mut gateway = Setup::new(sink.port()).balancers("127.0.0.1/32").table(limits).start();
    let transaction = "MAIL FROM:<a@origin.example>\r\nRCPT TO:<a@elsewhere.example>\r\nRSET\r\n";
    let mut newcomer = None;
    for round in 0..FLOOD / 500 {
        let mut client = greeted(&gateway, FLOODER);
        for _ in 0..5 {
            client.write(transaction.repeat(100).as_bytes());
            for _ in 0..100 {
                client.read().expect("250 2.1.0", "MAIL");
                client.read().expect("550 5.7.1", "RCPT");
                client.read().expect("250 2.0.0", "RSET");
            }
        }
        if round == 5 {
            newcomer = Some(a_newcomer_is_served(&gateway));
        }
    }
    let told = format!("portaria_attempts_total{{reason=\"not_ours\"}} {FLOOD}");
    assert!(gateway.http("/metrics").1.contains(&told), "{told}");

    let (records, octets) = journal(&gateway);
    let newcomer = newcomer.unwrap();
    assert_eq!(records.iter().filter(|record| record["id"] == *newcomer).count(), 1, "taken mail has its record");
    let mut minutes: BTreeMap<i64, u64> = BTreeMap::new();
    for record in records.iter().filter(|record| record["client"]["address"] == FLOODER) {
        *minutes.entry(record["began"].as_i64().unwrap() / 60_000).or_default() += 1;
    }
    assert!(!minutes.is_empty() && minutes.values().all(|records| *records <= 10), "records a minute: {minutes:?}");
    assert!(octets < 100 * 1024, "the journal grew to {octets} octets");

    let own: u64 = minutes.values().sum();
    let counts = counted(&mut gateway);
    assert_eq!(counts.get("not_ours"), Some(&(FLOOD - own)), "recorded or counted, each once: {counts:?}");
}

#[test]
fn a_flood_of_connections_is_turned_away_and_counted() {
    let sink = Sink::start();
    let limits = "[limits]\nconnections_per_minute_per_network = 60";
    let mut gateway = Setup::new(sink.port()).balancers("127.0.0.1/32").table(limits).start();
    let began = Instant::now();
    let mut taken = 0;
    for number in 0..FLOOD {
        let (_, first) = arrive(&gateway, FLOODER);
        if first.code == 220 {
            taken += 1;
        } else {
            first.expect("421 4.3.2", "a connection too many");
        }
        if number == FLOOD / 2 {
            a_newcomer_is_served(&gateway);
        }
    }
    let fair = 60 + began.elapsed().as_secs() + 1;
    assert!((60..=fair).contains(&taken), "{taken} connections were taken, {fair} were its share");
    assert!(journal(&gateway).1 < 100 * 1024);
    let counts = counted(&mut gateway);
    assert_eq!(counts.get("connection_rate"), Some(&(FLOOD - taken)), "{counts:?}");
    assert_eq!(counts.get("no_mail"), Some(&taken), "{counts:?}");
}

/// What an MTA does with a 450: it comes again later, and is served.
#[test]
fn mail_above_the_rate_is_deferred_and_delivered_at_a_later_try() {
    let sink = Sink::start();
    let limits = "[limits]\nmessages_per_minute_per_network = 60";
    let gateway = Setup::new(sink.port()).balancers("127.0.0.1/32").table(limits).start();
    let mut client = greeted(&gateway, FLOODER);
    let mut sent = 0;
    let heard = loop {
        let heard = client.say("MAIL FROM:<a@origin.example>");
        if heard.code != 250 {
            break heard;
        }
        sent += 1;
        client.say("RCPT TO:<maria@tjpa.jus.br>").expect("250", "RCPT");
        client.data(CONTENT).expect("250 2.0.0", "the dot");
        assert!(sent < 1_000, "nothing stops it");
    };
    heard.expect("450 4.7.1", "MAIL above the rate");
    assert!(sent >= 60);
    a_newcomer_is_served(&gateway);
    wait_until("a later try is served", Duration::from_secs(30), || {
        std::thread::sleep(Duration::from_millis(500));
        client.say("MAIL FROM:<a@origin.example>").code == 250
    });
    client.say("RCPT TO:<maria@tjpa.jus.br>").expect("250", "RCPT");
    client.data(CONTENT).expect("250 2.0.0", "the later try");
}

#[test]
fn a_delayed_greeting_turns_away_who_speaks_first_and_spares_own_networks() {
    let sink = Sink::start();
    let delay = Duration::from_secs(2);
    let limits = "[limits]\nunlimited_networks = [\"198.51.100.0/24\"]";
    let mut gateway =
        Setup::new(sink.port()).balancers("127.0.0.1/32").listener("greeting_delay = \"2 s\"\n").table(limits).start();

    // In the same segment as the balancer's header, which is no early talk itself.
    let mut early = Client::dial(gateway.port()).unwrap();
    let began = Instant::now();
    early.write(b"PROXY TCP4 192.0.2.9 10.0.0.1 51201 25\r\nEHLO bot.example\r\nMAIL FROM:<a@b.example>\r\n");
    early.read().expect("554 5.5.1", "early talk");
    assert!(began.elapsed() < delay, "nobody waits for it");
    assert!(early.try_read().is_err(), "and it is closed");

    let began = Instant::now();
    drop(greeted(&gateway, FLOODER));
    assert!(began.elapsed() >= delay, "{:?}", began.elapsed());
    let began = Instant::now();
    drop(greeted(&gateway, NEWCOMER));
    assert!(began.elapsed() < delay, "its network is spared: {:?}", began.elapsed());

    // Whoever waits when the gateway stops is not kept waiting, nor is the gateway.
    let mut waiting = Client::dial(gateway.port()).unwrap();
    waiting.write(b"PROXY TCP4 192.0.2.9 10.0.0.1 51201 25\r\n");
    wait_until("it is the only one", Duration::from_secs(10), || {
        gateway.http("/metrics").1.contains("portaria_connections 1\n")
    });
    std::thread::sleep(delay / 4);
    let counts = counted(&mut gateway);
    waiting.read().expect("421 4.3.2", "the gateway stops");
    assert_eq!(counts.get("early_talk"), Some(&1), "{counts:?}");
    assert_eq!(counts.get("no_mail"), Some(&2), "{counts:?}");
}
