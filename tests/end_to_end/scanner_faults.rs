//! A clamd that goes wrong at every octet of its dialogue: never clean, always the configured disposition, and a record that says why.

use std::{fmt::Write as _, time::Duration};

use crate::support::{
    clamd::Clamd,
    client::Client,
    gateway::{Gateway, Setup},
    odd_clamd::{Fault, OddClamd, Wrong},
    sink::Sink,
    trace::id_of_reply,
    waiting::wait_until,
};

/// `fd[10]: OK` and its NUL; `stream: OK` and its NUL are as many.
const ANSWER: usize = "fd[10]: OK".len() + 1;

/// How the content is handed over, and at which octets of that it goes wrong.
struct Way {
    name: &'static str,
    prefix: &'static str,
    places: Vec<usize>,
}

impl Way {
    /// Every octet of the command, and the descriptor.
    fn fildes() -> Self {
        Self { name: "FILDES", prefix: "fd[10]", places: (0..="zFILDES".len() + 2).collect() }
    }

    /// Every octet of the command, the first length, the beginning of the content, and the end of a question of `octets`; of what lies
    /// between, which is all alike, one in fifty.
    fn instream(octets: usize) -> Self {
        let begin = 0..=20;
        let places = begin.chain((21..octets - 8).step_by(50)).chain(octets - 8..=octets).collect();
        Self { name: "INSTREAM", prefix: "stream", places }
    }

    /// All faults, and of those that hang one in `every`: each costs the scan's whole deadline.
    fn faults(&self, every: usize) -> Vec<Fault> {
        let wrongs = |at: usize| {
            let hangs = at.is_multiple_of(every).then_some(Wrong::Hangs);
            [Wrong::Closes, Wrong::Babbles].into_iter().chain(hangs)
        };
        let asked = self.places.iter().flat_map(|at| wrongs(*at).map(|wrong| Fault::Asked(*at, wrong)));
        // A whole answer and then silence is still no end: the connection stays open.
        let answering = (0..=ANSWER).flat_map(|at| wrongs(at).map(move |wrong| Fault::Answering(at, wrong)));
        let said = [
            "PREFIX: (null) FOUND\0",
            "PREFIX: Can't allocate memory ERROR\0",
            "PREFIX: Can't create temporary file ERROR\0",
            "Error writing to temporary file ERROR\0PREFIX: OK\0",
            "UNKNOWN COMMAND\0",
            "COMMAND READ TIMED OUT\0",
            "No file descriptor received. ERROR\0",
            "PREFIX: OK\0PREFIX: OK\0",
            "PREFIX: OK\n",
            "PREFIX: OK",
            "\0",
        ];
        // A few words for each row of a test: they may stay.
        let said = said.map(|words| Fault::Says(words.replace("PREFIX", self.prefix).leak()));
        [Fault::Refuses].into_iter().chain(asked).chain(answering).chain(said).collect()
    }
}

/// A whole answer, ended as it should be, with the connection closed behind it: nothing went wrong.
fn is_none(fault: Fault) -> bool {
    fault == Fault::Answering(ANSWER, Wrong::Closes)
}

#[test]
fn at_every_octet_of_the_dialogue_a_fault_is_never_clean_and_its_record_says_why() {
    let real = Clamd::start();
    let odd = OddClamd::before(&real);
    let mut table = format!("{:<9} {:<64} {:<10} {:<14} why\n", "by", "fault", "reply", "verdict");
    for (streams, disposition, every) in
        [(false, "defer", 1), (true, "defer", 1), (false, "quarantine", 6), (true, "quarantine", 12)]
    {
        odd.takes_descriptors(!streams);
        let sink = Sink::start();
        let actions = format!("[antivirus]\nscanner_error = \"{disposition}\"\nunavailable = \"{disposition}\"\n");
        let setup = Setup::new(sink.port()).scanner(&odd.address()).table(&actions);
        let gateway = setup.table("[timeouts]\nscan = \"500 ms\"\n").start();
        // Another message each time, or the third to get no answer would be poison; all of one length.
        let message = |number: usize| format!("Subject: {number:04}\r\n\r\nSegue a ata.\r\n");
        proves_itself_again(&gateway, &message(9999));
        let way = if streams { Way::instream(odd.last_stream()) } else { Way::fildes() };
        for (number, fault) in way.faults(every).into_iter().enumerate() {
            let before = sink.state().messages.len();
            odd.goes_wrong(fault);
            let message = message(number);
            let reply =
                Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], message.as_bytes());
            odd.goes_wrong(Fault::None);
            if is_none(fault) {
                reply.expect("250 2.0.0", "a whole answer");
                assert_eq!(sink.state().messages.len(), before + 1, "{fault:?}");
                continue;
            }
            let code = if disposition == "defer" { "451 4.7.1" } else { "250 2.0.0" };
            let line = reply.expect(code, &format!("{disposition}, {fault:?}")).line();
            let id = id_of_reply(&line);
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
            }
            let reply = if disposition == "defer" { "451" } else { "250 Held" };
            writeln!(table, "{:<9} {:<64} {reply:<10} {verdict:<14} {why}", way.name, format!("{fault:?}")).unwrap();
            proves_itself_again(&gateway, "Subject: x\r\n\r\nx\r\n");
        }
    }
    println!("{table}{} cases, none of them clean", table.lines().count() - 1);
}

/// The verdict and its words, by the record.
fn told(gateway: &Gateway, id: &str) -> (String, String) {
    let record = gateway.explain(id);
    let report = &record["scanners"][0];
    (report["verdict"].as_str().unwrap().to_owned(), report["text"].as_str().unwrap_or_default().to_owned())
}

/// The next message is judged as if nothing had been.
fn proves_itself_again(gateway: &Gateway, message: &str) {
    wait_until("a clean message passes again", Duration::from_secs(10), || {
        let reply =
            Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], message.as_bytes());
        reply.is("250 2.0.0")
    });
}
