//! clamd loads its signatures again, and is restarted, while it scans for several clients: nothing is called clean that it did not look at,
//! nothing is lost, and what is deferred says why.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    clamd::Clamd,
    client::Client,
    eicar,
    gateway::{Gateway, Setup},
    sink::Sink,
    trace::id_of_reply,
    waiting::alone,
};

const CLIENTS: usize = 4;
/// Enough that loading them takes a second or more, and that a message is looked at for a while.
const SIGNATURES: u32 = 60_000;

/// What was sent, and what was heard.
struct Sent {
    number: u32,
    is_infected: bool,
    reply: String,
}

/// Some hundred KiB of lines that differ from message to message, and every third time the test file behind them.
fn message(number: u32) -> (bool, Vec<u8>) {
    let is_infected = number.is_multiple_of(3);
    let mut filler = String::new();
    let mut word = u64::from(number) + 1;
    while filler.len() < 400_000 {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        filler.push_str(&format!("{word:016x} {:016x} {:016x}\r\n", word.rotate_left(21), word.rotate_left(42)));
    }
    let (_, virus) = eicar::messages().swap_remove(2);
    let virus = String::from_utf8(virus).unwrap();
    // The parts of the message with the test file in a ZIP, with the filler as the text of its first part.
    let (head, rest) = virus.split_once("Segue o arquivo.").unwrap();
    let rest = if is_infected { rest } else { "\r\n--=_outer--\r\n" };
    (is_infected, format!("X-Number: {number}\r\n{head}{filler}{rest}").into_bytes())
}

/// Clients that send without a pause until they are stopped; what became of all of it.
fn under_load(gateway: &Gateway, meanwhile: impl FnOnce()) -> Vec<Sent> {
    let (stopped, next, all) = (AtomicBool::new(false), AtomicU32::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::connect(gateway.port());
                while !stopped.load(Ordering::Acquire) {
                    let number = next.fetch_add(1, Ordering::AcqRel);
                    let (is_infected, content) = message(number);
                    let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], &content).line();
                    all.lock().unwrap().push(Sent { number, is_infected, reply });
                }
            });
        }
        meanwhile();
        stopped.store(true, Ordering::Release);
    });
    all.into_inner().unwrap()
}

/// Every message was relayed once, refused, or deferred for a reason that is in `reasons`; and none that is infected was relayed.
fn judge(what: &str, gateway: &Gateway, sink: &Sink, sent: &[Sent], reasons: &[&str]) {
    let mut relayed = BTreeSet::new();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for Sent { number, is_infected, reply } in sent {
        let outcome = match (reply.get(..9), is_infected) {
            (Some("250 2.0.0"), false) if !reply.contains("Held") => {
                relayed.insert(*number);
                "clean, relayed".to_owned()
            }
            (Some("550 5.7.1"), true) => "infected, refused".to_owned(),
            (Some("451 4.7.1"), _) => {
                let record = gateway.explain(&id_of_reply(reply));
                let report = &record["scanners"][0];
                let (verdict, text) = (report["verdict"].as_str().unwrap(), report["text"].as_str().unwrap());
                assert!(["unavailable", "scanner_error"].contains(&verdict), "{report:#}");
                assert!(reasons.iter().any(|reason| text.contains(reason)), "{what}: {number}: {text}");
                format!("deferred: {verdict}: {text}")
            }
            _ => panic!("{what}: message {number}, infected: {is_infected}: {reply}"),
        };
        *counts.entry(outcome).or_default() += 1;
    }
    println!("{what}: {} messages", sent.len());
    for (outcome, count) in &counts {
        println!("  {count:>5} {outcome}");
    }
    let arrived: Vec<u32> = sink.state().messages.iter().map(|message| number_of(&message.content)).collect();
    assert_eq!(arrived.len(), relayed.len(), "{what}: each once");
    assert_eq!(arrived.into_iter().collect::<BTreeSet<_>>(), relayed, "{what}");
    assert!(counts.contains_key("clean, relayed") && counts.contains_key("infected, refused"), "{what}: {counts:?}");
}

fn number_of(content: &[u8]) -> u32 {
    let text = String::from_utf8_lossy(content);
    text.split_once("X-Number: ").unwrap().1.split('\r').next().unwrap().parse().unwrap()
}

fn in_flight(gateway: &Gateway) -> u64 {
    gateway.command(&["status", "--json"]).json_lines().remove(0)["scanners"][0]["in_flight"].as_u64().unwrap()
}

/// Scans of mail that clamd says it found nothing in: its own word, beside the gateway's.
fn scanned_clean(clamd: &Clamd) -> usize {
    clamd.log().lines().filter(|line| !line.contains("self-test") && line.ends_with(": OK")).count()
}

#[test]
fn signatures_that_are_loaded_in_the_middle_of_scans_make_nothing_clean_and_lose_nothing() {
    let _alone = alone();
    for concurrent in ["yes", "no"] {
        // With `no` scans wait until clamd's idle threads have ended, 30 s by default, however small the database is.
        let settings = [("ConcurrentDatabaseReload", concurrent), ("IdleTimeout", "5"), ("LogClean", "yes")];
        let clamd = Clamd::with(&settings);
        clamd.learn(SIGNATURES);
        let sink = Sink::start();
        let gateway = Setup::new(sink.port()).clamd(&clamd).start();
        let mut busy = Vec::new();
        let sent = under_load(&gateway, || {
            for _ in 0..4 {
                thread::sleep(Duration::from_secs(1));
                busy.push(in_flight(&gateway));
                let began = Instant::now();
                clamd.reload_and_wait();
                println!("  loaded in {:.1} s", began.elapsed().as_secs_f64());
            }
            thread::sleep(Duration::from_secs(1));
        });
        println!("scans in flight when the signatures were to be loaded: {busy:?}");
        assert!(busy.iter().any(|scans| *scans > 0), "there was something to disturb: {busy:?}");
        let what = format!("ConcurrentDatabaseReload {concurrent}");
        // Not one is deferred: while clamd loads scans go on, or they wait, for less than `scan`.
        judge(&what, &gateway, &sink, &sent, &[]);
        let (clean, relayed) = (scanned_clean(&clamd), sink.state().messages.len());
        println!("  {clean} scans of mail that clamd itself logged as OK, {relayed} messages relayed");
        assert!(clean >= relayed, "{what}");
    }
}

#[test]
fn a_clamd_that_is_restarted_in_the_middle_of_scans_makes_nothing_clean_and_loses_nothing() {
    let _alone = alone();
    for concurrent in ["yes", "no"] {
        let mut clamd = Clamd::with(&[("ConcurrentDatabaseReload", concurrent)]);
        let sink = Sink::start();
        let gateway = Setup::new(sink.port()).clamd(&clamd).start();
        clamd.learn(SIGNATURES);
        let mut busy = Vec::new();
        let sent = under_load(&gateway, || {
            for stop in [Clamd::terminate, Clamd::stop, Clamd::terminate] {
                thread::sleep(Duration::from_secs(1));
                busy.push(in_flight(&gateway));
                stop(&mut clamd);
                thread::sleep(Duration::from_millis(500));
                clamd.resume();
            }
            // In the middle of loading as well.
            clamd.reload();
            clamd.stop();
            clamd.resume();
            thread::sleep(Duration::from_secs(2));
        });
        println!("scans in flight when it was stopped: {busy:?}");
        assert!(busy.iter().any(|scans| *scans > 0), "there was something to disturb: {busy:?}");
        // It was killed in the middle of a scan; nobody is there; it went away between PING and scan.
        let reasons = ["no answer", "cannot connect: ", "does not answer PING"];
        judge(&format!("restarts, {concurrent}"), &gateway, &sink, &sent, &reasons);
    }
}
