//! The program's own life: the demonstration, the end by SIGTERM, the metrics.

use std::{
    collections::HashSet,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    client::Client,
    gateway::{Setup, portaria},
    scratch::Scratch,
    sink::Sink,
    trace::find_id,
    waiting::wait_until,
};

#[test]
fn the_demonstration_needs_nothing_and_prints_what_became_of_each_message() {
    let empty = Scratch::new("demo");
    let begun = Instant::now();
    let demo = portaria(&["demo", "--once"], empty.path()).succeeded();
    assert!(begun.elapsed() < Duration::from_secs(60), "it took {:?}", begun.elapsed());
    for reply in ["250 2.0.0", "550 5.7.1", "550 5.2.1"] {
        assert!(demo.stdout.contains(reply), "a row with {reply}: {}", demo.told());
    }
    let ids: HashSet<String> = demo.stdout.lines().filter_map(find_id).collect();
    assert!(ids.len() >= 4, "four messages, each with its id; these are there: {ids:?}\n{}", demo.told());
}

#[test]
fn sigterm_lets_a_session_past_its_end_of_data_have_its_answer_and_then_the_program_ends() {
    let sink = Sink::start();
    let mut gateway = Setup::new(sink.port()).start();
    let mut idle = Client::connect(gateway.port());
    let mut busy = Client::connect(gateway.port());
    sink.behave(|behaviour| behaviour.dots_wait = true);
    let answered =
        thread::spawn(move || busy.send("a@origin.example", &["maria@tjpa.jus.br"], b"Subject: x\r\n\r\nx\r\n"));
    sink.wait_until("our dot", Duration::from_secs(20), |state| state.messages.len() == 1);

    gateway.terminate();
    let ended_early = gateway.wait(Duration::from_secs(2));
    assert_eq!(ended_early, None, "it waits for the session past its end of data");
    if let Ok(mut late) = Client::dial(gateway.port())
        && let Ok(greeting) = late.try_read()
    {
        greeting.expect("421 4.3.2", "no new session while it drains");
    }
    sink.behave(|behaviour| behaviour.dots_wait = false);
    answered.join().expect("the client's thread").expect("250 2.0.0", "the session past its end of data");
    if let Ok(farewell) = idle.try_read() {
        farewell.expect("421", "the idle session");
    }
    let status = gateway.wait(Duration::from_secs(15)).expect("it ends once everybody has an answer");
    assert_eq!(status.code(), Some(0), "and says that all is well");
}

#[test]
fn a_session_without_an_answer_keeps_the_program_until_drain_and_no_longer() {
    let sink = Sink::start();
    let mut gateway = Setup::new(sink.port()).table("[timeouts]\ndrain = \"2 s\"").start();
    let mut busy = Client::connect(gateway.port());
    sink.behave(|behaviour| behaviour.dots_wait = true);
    busy.envelope("a@origin.example", &["maria@tjpa.jus.br"]);
    busy.say("DATA").expect("354", "DATA");
    busy.write(b"Subject: x\r\n\r\nx\r\n.\r\n");
    sink.wait_until("our dot", Duration::from_secs(20), |state| state.messages.len() == 1);

    gateway.terminate();
    assert_eq!(gateway.wait(Duration::from_millis(1500)), None, "it waits for the session past its end of data");
    // The deadline, and a moment for journal and database.
    let status = gateway.wait(Duration::from_secs(15)).expect("it ends at the deadline");
    assert_eq!(status.code(), Some(0));
    assert!(busy.try_read().is_err(), "cut, and not told anything that may be wrong");
}

#[test]
fn who_never_ends_a_handshake_does_not_keep_the_program_from_ending() {
    let sink = Sink::start();
    let certified = rcgen::generate_simple_self_signed(vec!["mx.tjpa.jus.br".to_owned()]).unwrap();
    let (certificate, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    let mut gateway = Setup::new(sink.port()).starttls(&certificate, &key).start();
    let mut silent = Client::connect(gateway.port());
    silent.say("EHLO client.example");
    silent.say("STARTTLS").expect("220", "the handshake may begin");

    gateway.terminate();
    let status = gateway.wait(Duration::from_secs(10)).expect("it ends long before its deadline for draining");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn metrics_and_health_answer_and_count_what_happened() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    let before = gateway.http("/metrics");
    Client::connect(gateway.port())
        .send("a@origin.example", &["maria@tjpa.jus.br"], b"Subject: x\r\n\r\nx\r\n")
        .expect("250", "dot");
    assert_eq!(before.0, 200);
    wait_until("a message makes a difference to /metrics", Duration::from_secs(10), || {
        gateway.http("/metrics").1 != before.1
    });
    let after = gateway.http("/metrics");
    assert!(after.1.lines().any(|line| line.starts_with("# TYPE ")), "in Prometheus' text format: {}", after.1);
    assert_eq!(gateway.http("/health/live").0, 200);
    let status = gateway.command(&["status", "--json"]).succeeded().json_lines();
    assert!(!status.is_empty(), "status says something of a running gateway");
}

#[test]
fn a_socket_that_systemd_opened_is_taken_over() {
    let sink = Sink::start();
    // Had it not taken the one it was handed, its own bind to the same port would have failed.
    let gateway = Setup::new(sink.port()).inherits().start();
    Client::connect(gateway.port())
        .send("a@origin.example", &["maria@tjpa.jus.br"], b"Subject: x\r\n\r\nx\r\n")
        .expect("250 2.0.0", "through the socket that was handed over");
    assert_eq!(sink.state().messages.len(), 1);
}

#[test]
fn a_fault_is_told_where_no_script_takes_it_for_an_answer() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    let unknown = gateway.command(&["explain", "ffffffffffff"]);
    assert_eq!(unknown.code, Some(1), "{}", unknown.told());
    assert_eq!(unknown.stdout, "", "{}", unknown.told());
    assert!(unknown.stderr.contains("no item or transaction"), "{}", unknown.told());
}
