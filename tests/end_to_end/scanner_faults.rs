//! A clamd that goes wrong at every octet of its dialogue: never clean, always the configured disposition, and a record that says why.

use std::{fmt::Write as _, time::Duration};

use crate::support::{
    clamd::Clamd,
    client::Client,
    gateway::{Gateway, Setup},
    odd_clamd::{Fault, OddClamd, Wrong},
    sink::Sink,
    trace::id_of_reply,
    waiting::{wait_for, wait_until},
};

/// The command, its NUL and the descriptor; `fd[10]: OK` and its NUL.
const ASKED: usize = "zFILDES".len() + 2;
const ANSWER: usize = "fd[10]: OK".len() + 1;

/// All faults, and of those that hang one in `every`: each costs the scan's whole deadline.
fn faults(every: usize) -> Vec<Fault> {
    let wrongs = |at: usize| {
        let hangs = at.is_multiple_of(every).then_some(Wrong::Hangs);
        [Wrong::Closes, Wrong::Babbles].into_iter().chain(hangs)
    };
    let asked = (0..=ASKED).flat_map(|at| wrongs(at).map(move |wrong| Fault::Asked(at, wrong)));
    // A whole answer and then silence is still no end: the connection stays open.
    let answering = (0..=ANSWER).flat_map(|at| wrongs(at).map(move |wrong| Fault::Answering(at, wrong)));
    let said = [
        "fd[10]: (null) FOUND\0",
        "fd[10]: Can't allocate memory ERROR\0",
        "fd[10]: Can't create temporary file ERROR\0",
        "UNKNOWN COMMAND\0",
        "COMMAND READ TIMED OUT\0",
        "No file descriptor received. ERROR\0",
        "fd[10]: OK\0fd[10]: OK\0",
        "fd[10]: OK\n",
        "stream: OK",
        "\0",
    ];
    asked.chain(answering).chain(said.map(Fault::Says)).collect()
}

/// A whole answer, ended as it should be, with the connection closed behind it: nothing went wrong.
fn is_none(fault: Fault) -> bool {
    fault == Fault::Answering(ANSWER, Wrong::Closes)
}

#[test]
fn at_every_octet_of_the_dialogue_a_fault_is_never_clean_and_its_record_says_why() {
    let real = Clamd::start();
    let odd = OddClamd::before(&real);
    let mut table = String::new();
    for (disposition, every) in [("defer", 2), ("quarantine", 6)] {
        let sink = Sink::start();
        let actions = format!("[antivirus]\nscanner_error = \"{disposition}\"\nunavailable = \"{disposition}\"\n");
        let setup = Setup::new(sink.port()).scanner(&odd.address()).table(&actions);
        let gateway = setup.table("[timeouts]\nscan = \"500 ms\"\n").start();
        for (number, fault) in faults(every).into_iter().enumerate() {
            let before = sink.state().messages.len();
            // Another message each time, or the third to get no answer would be poison.
            let message = format!("Subject: {disposition} {number}\r\n\r\n{fault:?}\r\n");
            odd.goes_wrong(fault);
            let reply =
                Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], message.as_bytes());
            odd.goes_wrong(Fault::None);
            if is_none(fault) {
                reply.expect("250 2.0.0", "a whole answer");
                assert_eq!(sink.state().messages.len(), before + 1, "{fault:?}");
                continue;
            }
            let code = if disposition == "defer" { "451 4.7.1" } else { "250 2.0.0" };
            let id = id_of_reply(&reply.expect(code, &format!("{disposition}, {fault:?}")).line());
            assert_eq!(sink.state().messages.len(), before, "{fault:?} was relayed");
            let (verdict, why) = told(&gateway, &id);
            assert!(["unavailable", "scanner_error"].contains(&verdict.as_str()), "{fault:?}: {verdict}");
            if let Fault::Says(words) = fault
                && words.len() > 1
            {
                let first = words.split(['\0', '\n']).next().unwrap();
                assert!(why.contains(first), "{fault:?}: {why}");
            }
            assert!(!why.is_empty(), "{fault:?}");
            if disposition == "quarantine" {
                assert_eq!(gateway.quarantine_with(&id)["class"], "unscannable", "{fault:?}");
            } else {
                writeln!(table, "{:<28} {verdict:<14} {why}", format!("{fault:?}")).unwrap();
            }
            proves_itself_again(&gateway);
        }
    }
    println!("{table}");
}

/// The verdict and its words, by the record.
fn told(gateway: &Gateway, id: &str) -> (String, String) {
    let record = gateway.explain(id);
    let report = &record["scanners"][0];
    (report["verdict"].as_str().unwrap().to_owned(), report["text"].as_str().unwrap_or_default().to_owned())
}

/// The next message is judged as if nothing had been.
fn proves_itself_again(gateway: &Gateway) {
    wait_until("a clean message passes again", Duration::from_secs(10), || {
        let reply = Client::connect(gateway.port()).send(
            "a@origin.example",
            &["maria@tjpa.jus.br"],
            b"Subject: x\r\n\r\nx\r\n",
        );
        reply.is("250 2.0.0")
    });
}

/// Without room for temporary files clamd cannot unpack, and by INSTREAM not even begin.
#[test]
fn a_clamd_whose_temporary_folder_is_gone_is_out_of_use_until_it_is_back() {
    let clamd = Clamd::start();
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).scanner(&clamd.tcp_address()).start();
    let mut client = Client::connect(gateway.port());
    let message = b"Subject: ata\r\n\r\nSegue a ata.\r\n";
    client.send("a@origin.example", &["maria@tjpa.jus.br"], message).expect("250 2.0.0", "all is well");

    clamd.lose_temporary_folder();
    client.send("a@origin.example", &["maria@tjpa.jus.br"], message).expect("451 4.7.1", "clamd cannot look at it");
    wait_until("/health/ready says no", Duration::from_secs(120), || gateway.http("/health/ready").0 == 503);
    assert_eq!(sink.state().messages.len(), 1);

    clamd.make_temporary_folder();
    client.send("a@origin.example", &["maria@tjpa.jus.br"], message).expect("250 2.0.0", "clamd can look at it again");
}

/// It lives, answers PING, and says `OK` to everything.
#[test]
fn a_clamd_that_lost_its_signatures_is_found_blind_within_two_minutes_and_used_again_when_it_sees() {
    let clamd = Clamd::start();
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).clamd(&clamd).start();
    let virus = crate::support::eicar::messages().swap_remove(0).1;
    let mut client = Client::connect(gateway.port());
    client.send("a@origin.example", &["maria@tjpa.jus.br"], &virus).expect("550 5.7.1", "it sees");

    clamd.replace_signatures("Harmless-Signature:0:*:00112233445566778899aabbccddeeff");
    wait_until("the self-test finds it out", Duration::from_secs(120), || gateway.http("/health/ready").0 == 503);
    let scanner = gateway.command(&["status", "--json"]).json_lines().remove(0)["scanners"][0].clone();
    assert_eq!(
        (scanner["healthy"].as_bool(), scanner["finds_eicar"].as_bool()),
        (Some(false), Some(false)),
        "{scanner:#}"
    );
    let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], &virus);
    let id = id_of_reply(&reply.expect("451 4.7.1", "nobody who sees has looked at it").line());
    assert_eq!(told(&gateway, &id), ("scanner_error".to_owned(), "does not find the EICAR test file".to_owned()));
    sink.heard_no_message();

    clamd.see_again();
    let again = wait_for("it sees again", Duration::from_secs(120), || {
        let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], &virus);
        (!reply.is("451")).then_some(reply)
    });
    again.expect("550 5.7.1", "it sees again");
}
