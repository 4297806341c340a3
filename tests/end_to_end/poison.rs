//! A message that hangs or kills its scanner, sent again and again: scanned so often and then not again, and nothing is left running.

use std::{thread, time::Duration};

use crate::support::{
    clamd::Clamd,
    client::Client,
    gateway::{Gateway, Setup},
    odd_clamd::{Harm, OddClamd},
    sink::Sink,
    trace::id_of_reply,
    waiting::wait_until,
};

const DEADLY: &[u8] = b"Subject: ata\r\n\r\nSegue o anexo mortal.\r\n";
const MARKER: &[u8] = b"anexo mortal";
const OTHER: &[u8] = b"Subject: ata\r\n\r\nSegue a ata.\r\n";
/// `[antivirus] poison_after`, as by default.
const TRIES: usize = 3;
const RETRIES: usize = 50;
/// Much longer than anybody waits for the verdict, and shorter than `MaxScanTime` of docs/clamd.conf.
const HANGS: Duration = Duration::from_secs(8);

fn start(odd: &OddClamd, sink: &Sink, poison: &str) -> Gateway {
    let tables = format!("[antivirus]\npoison = \"{poison}\"\nscans_in_flight = 6\n[timeouts]\nscan = \"500 ms\"\n");
    Setup::new(sink.port()).scanner(&odd.address()).table(&tables).start()
}

fn send(gateway: &Gateway, message: &[u8]) -> String {
    Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], message).line()
}

fn in_flight(gateway: &Gateway) -> u64 {
    let status = gateway.command(&["status", "--json"]).succeeded().json_lines().remove(0);
    status["scanners"][0]["in_flight"].as_u64().unwrap()
}

fn ends_with_nothing_running(gateway: &Gateway, odd: &OddClamd) {
    wait_until("nothing runs any more", HANGS + Duration::from_secs(5), || odd.harmful_scans().1 == 0);
    wait_until("the gateway says so", Duration::from_secs(5), || in_flight(gateway) == 0);
    let metrics = gateway.http("/metrics").1;
    let gauge = metrics.lines().find(|line| line.starts_with("portaria_scans_in_flight{")).unwrap();
    assert!(gauge.ends_with(" 0"), "{gauge}");
}

#[test]
fn one_that_hangs_or_kills_the_scanner_is_scanned_three_times_of_fifty() {
    for (what, hangs, poison, reply) in [
        ("hangs", HANGS, "defer", "451 4.7.1"),
        ("dies", Duration::ZERO, "defer", "451 4.7.1"),
        ("hangs", HANGS, "quarantine", "250 2.0.0 Held"),
    ] {
        let (real, sink) = (Clamd::start(), Sink::start());
        let odd = OddClamd::before(&real);
        odd.is_harmed_by(Harm { marker: MARKER, hangs });
        let gateway = start(&odd, &sink, poison);
        for nth in 0..RETRIES {
            let said = send(&gateway, DEADLY);
            assert!(said.starts_with(if nth < TRIES { "451 4.7.1" } else { reply }), "try {nth}: {said}");
            if nth < TRIES || nth + 1 == RETRIES {
                let record = gateway.explain(&id_of_reply(&said));
                let report = &record["scanners"][0];
                let expected = match (nth < TRIES, what) {
                    (false, _) => ("poison", "no answer to this content 3 times"),
                    (true, "dies") => ("scanner_error", "no answer"),
                    (true, _) => ("unavailable", "no answer in time"),
                };
                let told = report["text"].as_str().or(report["reason"].as_str()).unwrap_or_default();
                assert_eq!((report["verdict"].as_str().unwrap(), told), expected, "try {nth}: {report:#}");
            }
        }
        let (scans, running) = odd.harmful_scans();
        println!(
            "{what}, poison = {poison}: {RETRIES} tries, {scans} scans begun, {running} still run in the scanner, {} places taken",
            in_flight(&gateway)
        );
        assert_eq!(scans, TRIES, "{what}");
        assert_eq!(in_flight(&gateway), running as u64, "a scan that was given up keeps its place");
        assert!(send(&gateway, OTHER).starts_with("250 2.0.0"), "other mail goes on meanwhile");
        ends_with_nothing_running(&gateway, &odd);
        println!("{what}, poison = {poison}: at the end {:?} (scans begun, still running)", odd.harmful_scans());
        assert_eq!(sink.state().messages.len(), 1, "only the other one was relayed");
    }
}

/// One message for many recipients comes in several transactions at once: side by side as often as would make it poison, then alone.
#[test]
fn fifty_at_once_are_no_more_than_five_scans() {
    let (real, sink) = (Clamd::start(), Sink::start());
    for hangs in [HANGS, Duration::ZERO] {
        let odd = OddClamd::before(&real);
        odd.is_harmed_by(Harm { marker: MARKER, hangs });
        let gateway = start(&odd, &sink, "defer");
        thread::scope(|scope| {
            for _ in 0..RETRIES {
                scope.spawn(|| assert!(send(&gateway, DEADLY).starts_with("451 4.7.1")));
            }
        });
        // Whoever waited too long was not scanned: some of them come again.
        for _ in 0..TRIES {
            send(&gateway, DEADLY);
        }
        let (scans, running) = odd.harmful_scans();
        println!("{RETRIES} at once: {scans} scans begun, {running} still run");
        assert!((TRIES..2 * TRIES).contains(&scans), "{scans}");
        ends_with_nothing_running(&gateway, &odd);
    }
    sink.heard_no_message();
}
