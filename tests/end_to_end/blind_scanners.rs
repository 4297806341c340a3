//! A clamd that lives, and finds nothing any more: out of use by the self-test within two minutes, told of at a webhook, and back by the
//! same proof. Meanwhile mail gets what `[antivirus]` says of a scanner that fails, and is never called clean.
//!
//! The standing self-test comes every minute, and an alert is over when nothing was seen for a minute: each case takes some three minutes.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{
    clamd::Clamd,
    client::Client,
    eicar,
    gateway::{Gateway, Setup},
    hook::Hook,
    sink::Sink,
    trace::id_of_reply,
    waiting::{wait_for, wait_until},
};

const CLEAN: &[u8] = b"Subject: ata\r\n\r\nSegue a ata.\r\n";
const WITHIN: Duration = Duration::from_secs(120);

/// One clamd, and two gateways that scan with it: one defers what was not scanned, as by default, one holds it.
struct Case {
    clamd: Clamd,
    hook: Hook,
    sink: Sink,
    defers: Gateway,
    holds: Gateway,
}

impl Case {
    /// `more` is for both gateways, as written.
    fn start(clamd: Clamd, address: fn(&Clamd) -> String, more: &str) -> Self {
        let (hook, sink) = (Hook::start(&[]), Sink::start());
        let setup = || Setup::new(sink.port()).scanner(&address(&clamd)).table(more);
        let defers = setup().table(&format!("[alert]\nwebhook = \"{}\"\n", hook.url())).start();
        let table = "[antivirus]\nscanner_error = \"quarantine\"\nunavailable = \"quarantine\"\n";
        let holds = setup().table(table).start();
        let case = Self { clamd, hook, sink, defers, holds };
        for gateway in [&case.defers, &case.holds] {
            send(gateway, &virus()).expect("550 5.7.1", "it sees");
            send(gateway, CLEAN).expect("250 2.0.0", "it sees");
        }
        assert_eq!(case.sink.state().messages.len(), 2);
        case
    }

    /// Goes wrong, is found out, mends, is found to be well: the verdict of mail meanwhile, and its words.
    fn goes_wrong_and_comes_back(
        mut self,
        condition: &str,
        verdict: &str,
        why: &str,
        breaks: fn(&Clamd),
        mends: fn(&mut Clamd),
    ) {
        breaks(&self.clamd);
        let broke = Instant::now();
        for gateway in [&self.defers, &self.holds] {
            wait_until("/health/ready says no", WITHIN, || gateway.http("/health/ready").0 == 503);
        }
        assert!(broke.elapsed() < WITHIN);
        println!("{condition}: both out of use {:.0} s after it broke", broke.elapsed().as_secs_f64());
        wait_until("the webhook is told", WITHIN, || self.raised(condition).is_some());
        assert!(broke.elapsed() < WITHIN);
        println!("  at the webhook {:.0} s after it broke", broke.elapsed().as_secs_f64());
        let told = self.raised(condition).unwrap();
        println!("  text: {}\n  next: {}\n  detail: {}", told["text"], told["next"], told["detail"]);
        assert_eq!(told["severity"], "critical", "{told:#}");
        assert!(told["next"].as_str().unwrap().contains("`systemctl restart clamav-daemon`"), "{told:#}");
        assert!(told["detail"].as_str().unwrap().contains(why), "{told:#}");
        self.is_out_of_use(condition);

        // Whatever went by before is not counted: from here on nothing is relayed, and no record says clean.
        let relayed = self.sink.state().messages.len();
        for message in [CLEAN, &virus()] {
            for (gateway, reply) in [(&self.defers, "451 4.7.1"), (&self.holds, "250 2.0.0 Held")] {
                let reply = send(gateway, message).expect(reply, "nobody who sees has looked at it");
                let record = gateway.explain(&id_of_reply(&reply.line()));
                let report = &record["scanners"][0];
                assert_eq!(report["verdict"], verdict, "{report:#}");
                assert!(report["text"].as_str().unwrap().contains(why), "{report:#}");
            }
        }
        assert_eq!(self.sink.state().messages.len(), relayed);

        mends(&mut self.clamd);
        let mended = Instant::now();
        for gateway in [&self.defers, &self.holds] {
            let again = wait_for("it is used again", WITHIN, || {
                let reply = send(gateway, &virus());
                reply.is("550").then_some(reply)
            });
            again.expect("550 5.7.1", "it sees again");
            send(gateway, CLEAN).expect("250 2.0.0 ", "it sees again");
            gateway.wait_until_ready();
        }
        println!("  used again {:.0} s after it was mended", mended.elapsed().as_secs_f64());
        assert_eq!(self.sink.state().messages.len(), relayed + 2);
        wait_until("the webhook is told that it is over", WITHIN, || self.events().len() > 1);
        println!("  over at the webhook {:.0} s after it was mended", mended.elapsed().as_secs_f64());
        assert_eq!(self.events(), [format!("{condition} raised"), format!("{condition} cleared")]);
    }

    /// Everybody says so: `status` with what to do, `/health/ready` with the part, the metrics.
    fn is_out_of_use(&self, condition: &str) {
        assert!(self.defers.http("/health/ready").1.contains("scanners: FAULT"));
        let status = self.defers.command(&["status"]).succeeded().stdout;
        assert!(status.contains("FAULT, unknown") && status.contains("what to do:"), "{status}");
        let scanner = self.defers.command(&["status", "--json"]).json_lines().remove(0)["scanners"][0].clone();
        let finds_eicar = if condition == "scanner_blind" { Value::Bool(false) } else { Value::Bool(true) };
        assert_eq!((&scanner["healthy"], &scanner["finds_eicar"]), (&Value::Bool(false), &finds_eicar), "{scanner:#}");
        let metrics = self.defers.http("/metrics").1;
        let value = |name: &str| metrics.lines().find(|line| line.starts_with(name)).unwrap().rsplit(' ').next();
        assert_eq!(value("portaria_scanner_up{"), Some("0"), "{metrics}");
        let found = if condition == "scanner_blind" { "0" } else { "1" };
        assert_eq!(value("portaria_scanner_finds_eicar{"), Some(found), "{metrics}");
    }

    fn raised(&self, condition: &str) -> Option<Value> {
        let posted = self.hook.posted().into_iter().map(|(_, told)| told);
        posted.into_iter().find(|told| told["condition"] == condition && told["event"] == "raised")
    }

    fn events(&self) -> Vec<String> {
        let name =
            |told: &Value| format!("{} {}", told["condition"].as_str().unwrap(), told["event"].as_str().unwrap());
        self.hook.posted().iter().map(|(_, told)| name(told)).collect()
    }
}

fn virus() -> Vec<u8> {
    let (name, message) = eicar::messages().swap_remove(2);
    assert_eq!(name, "in a stored zip");
    message
}

fn send(gateway: &Gateway, message: &[u8]) -> crate::support::client::Reply {
    Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], message)
}

const BLIND: &str = "does not find the EICAR test file";

/// It lives, answers PING, and says `OK` to everything.
#[test]
fn one_that_lost_the_signature_of_the_test_file_is_blind() {
    let case = Case::start(Clamd::start(), Clamd::unix_address, "");
    case.goes_wrong_and_comes_back(
        "scanner_blind",
        "scanner_error",
        BLIND,
        Clamd::lose_signature_of_test_file,
        |clamd| {
            clamd.see_again();
        },
    );
}

/// By its socket it then says `OK` to every descriptor, without having taken anything apart.
#[test]
fn one_whose_temporary_folder_is_gone_is_blind_to_descriptors() {
    let case = Case::start(Clamd::start(), Clamd::unix_address, "");
    case.goes_wrong_and_comes_back("scanner_blind", "scanner_error", BLIND, Clamd::lose_temporary_folder, |clamd| {
        clamd.make_temporary_folder();
    });
}

/// A stream needs a file before anything else, and gets no answer.
#[test]
fn one_whose_temporary_folder_is_gone_has_no_answer_to_streams() {
    let case = Case::start(Clamd::start(), Clamd::tcp_address, "");
    case.goes_wrong_and_comes_back(
        "scanner_group_down",
        "scanner_error",
        "no answer",
        Clamd::lose_temporary_folder,
        |clamd| {
            clamd.make_temporary_folder();
        },
    );
}

/// With `ConcurrentDatabaseReload yes` clamd 1.4.6 keeps what it had. Without, it has nothing, hangs at streams, and needs a restart.
#[test]
fn one_whose_folder_of_signatures_is_empty_has_no_answer() {
    let clamd = Clamd::with(&[("ConcurrentDatabaseReload", "no")]);
    let case = Case::start(clamd, Clamd::unix_address, "[timeouts]\nscan = \"10 s\"\n");
    case.goes_wrong_and_comes_back(
        "scanner_group_down",
        "unavailable",
        "no answer in time",
        Clamd::lose_all_signatures,
        |clamd| {
            clamd.stop();
            clamd.restore_signature_of_test_file();
            clamd.resume();
        },
    );
}

/// Another one of its group looks at the mail, and nothing is deferred.
#[test]
fn a_blind_one_leaves_the_pool_and_the_other_scans_everything() {
    let (blind, other) = (Clamd::start(), Clamd::start());
    let (sink, hook) = (Sink::start(), Hook::start(&[]));
    let second = format!("[[scanner]]\nkind = \"clamd\"\naddress = \"{}\"\n", other.unix_address());
    let alert = format!("[alert]\nwebhook = \"{}\"\n", hook.url());
    let gateway = Setup::new(sink.port()).clamd(&blind).table(&second).table(&alert).start();
    blind.lose_signature_of_test_file();
    hook.wait_for(1, WITHIN);
    let told = hook.posted().remove(0).1;
    assert_eq!((&told["condition"], &told["event"]), (&"scanner_blind".into(), &"raised".into()), "{told:#}");
    assert_eq!(told["subject"], format!("clamd {}", blind.unix_address()), "{told:#}");
    for _ in 0..10 {
        send(&gateway, &virus()).expect("550 5.7.1", "the other sees");
        let id = id_of_reply(&send(&gateway, CLEAN).expect("250 2.0.0", "the other looked at it").line());
        let record = gateway.explain(&id);
        assert_eq!(record["scanners"][0]["scanner"], format!("clamd {}", other.unix_address()), "{record:#}");
    }
    assert_eq!(gateway.http("/health/ready").0, 200, "a group is well while one of it is");
    assert_eq!(sink.state().messages.len(), 10);
}
