//! `portaria mailbox` and the audit trail, as an operator meets them: a block is in force while sessions are open, and whoever asks later
//! is told who, why, on whose request, until when.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    client::Client,
    command::{Output, run},
    gateway::{Gateway, Setup},
    sink::Sink,
    trace::find_id,
    waiting::wait_for,
};

const HEADER: &str = "# Caixas bloqueadas.\n\n# Sindicância 7.\n[[blocked]]\nmailbox = \"mudo\"\ndirection = \"send\"\nreason = \"r\"\n\
                      ticket = \"REQ 2026/119000\"\nby = \"s3b\"\n";

/// Octets of a last block of 512 that leave room for the beginning of an entry, which has some 340.
const ROOM: std::ops::Range<u64> = 200..450;

fn started(sink: &Sink) -> Gateway {
    Setup::new(sink.port()).rules("mailboxes.toml", HEADER).start()
}

fn list_file(gateway: &Gateway) -> PathBuf {
    gateway.data().parent().unwrap().join("rules/mailboxes.toml")
}

fn block(gateway: &Gateway, mailbox: &str, more: &[&str]) -> Output {
    let words = ["mailbox", "block", mailbox, "--direction", "both", "--reason", "Conta comprometida", "--ticket"];
    gateway.command(&[&words, more].concat())
}

fn unblock(gateway: &Gateway, mailbox: &str) -> Output {
    gateway.command(&["mailbox", "unblock", mailbox, "--reason", "Senha trocada", "--ticket", "REQ 2026/120501"])
}

fn trail(gateway: &Gateway) -> Vec<Value> {
    gateway.command(&["audit", "list", "--json"]).succeeded().json_lines()
}

fn verified(gateway: &Gateway) -> Output {
    gateway.command(&["audit", "verify"])
}

/// Clause 9.2.31. The session is open all the while: what was true when it began is not true for its next MAIL and RCPT.
#[test]
fn a_block_is_in_force_in_an_open_session_within_five_seconds_and_so_is_its_end() {
    let sink = Sink::start();
    let gateway = started(&sink);
    let mut client = Client::connect(gateway.port());
    client.say("MAIL FROM:<a@origin.example>").expect("250", "before");
    client.say("RCPT TO:<fulano.tal@tjpa.jus.br>").expect("250", "before");
    client.say("RSET").expect("250", "before");

    let began = Instant::now();
    let told = block(&gateway, "fulano.tal", &["REQ 2026/120500", "--by", "maria", "--until", "30d"]).succeeded();
    client.say("MAIL FROM:<a@origin.example>").expect("250", "somebody else");
    client.say("RCPT TO:<Fulano.Tal+x@tjpa.jus.br>").expect("550 5.2.1", "blocked in another spelling");
    let taken = began.elapsed();
    eprintln!("blocked, and refused in an open session, after {taken:?}: {}", told.stdout);
    assert!(taken < Duration::from_secs(5), "{taken:?}");
    client.say("RCPT TO:<maria@tjpa.jus.br>").expect("250", "nobody else is blocked");
    client.say("RSET").expect("250", "RSET");
    client.say("MAIL FROM:<fulano.tal@tjepa.jus.br>").expect("550 5.7.1", "in the other domain it may not send");
    for word in ["in force since 20", "version ", "fulano.tal@tjepa.jus.br", "REQ 2026/120500", "maria"] {
        assert!(told.stdout.contains(word), "{word}: {}", told.told());
    }
    let text = fs::read_to_string(list_file(&gateway)).unwrap();
    assert!(text.starts_with(HEADER), "what stood there stands there: {text}");

    // Whoever asks why it was refused is told the request.
    let id = wait_for("a log line of the refused MAIL", Duration::from_secs(10), || {
        let log = gateway.log();
        let line = log.lines().rev().find(|line| line.contains("fulano.tal@tjepa.jus.br"))?;
        find_id(line)
    });
    let record = gateway.explain(&id);
    assert!(record.to_string().contains("REQ 2026/120500"), "{record:#}");

    // Who, why, until when: list, history, trail.
    let listed = gateway.command(&["mailbox", "list", "--json"]).succeeded().json_lines();
    let entry = listed.iter().find(|entry| entry["mailbox"] == "fulano.tal").expect("it is listed");
    assert_eq!((&entry["state"], &entry["by"]), (&"in_force".into(), &"maria".into()), "{entry:#}");
    assert_eq!(entry["addresses"], serde_json::json!(["fulano.tal@tjepa.jus.br", "fulano.tal@tjpa.jus.br"]));
    let later = gateway.command(&["mailbox", "list", "--json", "--at", "31d"]).succeeded();
    assert!(!later.stdout.contains("fulano.tal"), "it is over then: {}", later.told());

    // The whole of it once more.
    let again = block(&gateway, "FULANO.TAL@tjpa.jus.br", &["REQ 2"]);
    assert_eq!(again.code, Some(1), "{}", again.told());
    assert!(again.stderr.contains("is blocked already:\n  fulano.tal (both)"), "{}", again.told());

    let began = Instant::now();
    unblock(&gateway, "fulano.tal").succeeded();
    client.say("MAIL FROM:<fulano.tal@tjpa.jus.br>").expect("250", "it may send again");
    client.say("RCPT TO:<fulano.tal@tjpa.jus.br>").expect("250", "and receive");
    eprintln!("unblocked after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(fs::read_to_string(list_file(&gateway)).unwrap(), HEADER);

    let history = gateway.command(&["mailbox", "history", "Fulano.Tal@tjpa.jus.br"]).succeeded().stdout;
    let rows: Vec<&str> = history.lines().filter(|line| line.contains("blocked  ")).collect();
    let [blocked, unblocked] = rows.as_slice() else { panic!("two rows: {history}") };
    assert!(["maria", "REQ 2026/120500", "Conta comprometida"].iter().all(|word| blocked.contains(word)), "{history}");
    assert!(unblocked.contains("unblocked") && unblocked.contains("REQ 2026/120501"), "{history}");
    assert!(history.ends_with("no mailbox is blocked\n"), "{history}");
    let by_hand = gateway.command(&["mailbox", "history", "mudo"]).succeeded().stdout;
    assert!(by_hand.contains("REQ 2026/119000: written by hand"), "{by_hand}");

    let actions: Vec<Value> = trail(&gateway).iter().map(|entry| entry["action"].clone()).collect();
    let expected = ["mailbox_blocked", "record_explained", "mailbox_unblocked"];
    assert_eq!(actions, expected, "who looked is in it, and what was refused is not");
    verified(&gateway).succeeded();
}

/// The file is changed whether anybody listens or not, and nothing is said to be in force that is not.
#[test]
fn what_is_not_in_force_is_said_not_to_be() {
    let sink = Sink::start();
    let mut gateway = started(&sink);
    gateway.write_rules("subjects/bad.toml", "[[rule]]\nid = 7\n");
    let told = block(&gateway, "fulano.tal", &["REQ 1"]);
    assert_eq!(told.code, Some(1), "{}", told.told());
    assert!(
        told.stderr.contains("is written, and NOT IN FORCE") && !told.stdout.contains("in force since"),
        "{}",
        told.told()
    );
    gateway.remove_rules("subjects/bad.toml");

    // Its own faults: the file is as it was.
    let before = fs::read_to_string(list_file(&gateway)).unwrap();
    for (mailbox, expected) in [
        ("postmaster", "postmaster cannot be blocked [E38]"),
        ("a@tjpa.jus.com", "the domain tjpa.jus.com is not served here [E38]"),
    ] {
        let told = block(&gateway, mailbox, &["REQ 1"]);
        assert_eq!(told.code, Some(1), "{}", told.told());
        assert!(told.stderr.contains(expected), "{}", told.told());
    }
    assert_eq!(block(&gateway, "sicrana", &["REQ 1", "--until", "tomorrow"]).code, Some(2));
    assert_eq!(fs::read_to_string(list_file(&gateway)).unwrap(), before);

    gateway.kill();
    let told = block(&gateway, "sicrana", &["REQ 2"]);
    assert_eq!(told.code, Some(3), "{}", told.told());
    assert!(told.stderr.contains("A gateway that runs and could not be asked DOES NOT KNOW IT"), "{}", told.told());
    gateway.run();
    let mut client = Client::connect(gateway.port());
    for mailbox in ["sicrana", "fulano.tal"] {
        client.say(&format!("MAIL FROM:<{mailbox}@tjpa.jus.br>")).expect("550 5.7.1", "one that starts reads the file");
    }
    assert_eq!(trail(&gateway).len(), 2);
    verified(&gateway).succeeded();
}

/// Eight at once, and somebody's kill -9 among them: every one that said so is in the file and in the trail.
#[test]
fn commands_at_the_same_time_lose_nothing() {
    let sink = Sink::start();
    let gateway = started(&sink);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let gateway = &gateway;
            scope.spawn(move || block(gateway, &format!("u{number}"), &["REQ 1"]).succeeded());
        }
    });
    let listed = gateway.command(&["mailbox", "list", "--json"]).succeeded().json_lines();
    assert_eq!(listed.len(), 9);
    assert_eq!(trail(&gateway).len(), 8);
    verified(&gateway).succeeded();
}

/// Orders about scanning are in the trail, too; what cannot be written there is not ordered.
#[test]
fn without_the_trail_nothing_is_changed() {
    let sink = Sink::start();
    let gateway = started(&sink);
    let start = [
        "antivirus",
        "contingency",
        "start",
        "--mode",
        "deliver",
        "--for",
        "1 h",
        "--reason",
        "r",
        "--ticket",
        "REQ 3",
    ];
    gateway.command(&start).succeeded();
    gateway.command(&["antivirus", "contingency", "end", "--reason", "over", "--by", "noc"]).succeeded();
    let entries = trail(&gateway);
    let said: Vec<_> =
        entries.iter().map(|entry| (entry["action"].as_str().unwrap(), &entry["detail"]["ticket"])).collect();
    assert_eq!(said, [("contingency_begun", &"REQ 3".into()), ("contingency_ended", &Value::Null)]);
    assert_eq!(entries[1]["person"], "noc");

    let log = gateway.data().join("audit.log");
    fs::rename(&log, log.with_extension("kept")).unwrap();
    fs::create_dir(&log).unwrap();
    let before = fs::read_to_string(list_file(&gateway)).unwrap();
    for told in [gateway.command(&start), block(&gateway, "fulano.tal", &["REQ 1"])] {
        assert_eq!(told.code, Some(1), "{}", told.told());
        assert!(told.stderr.contains("nothing was done: the audit trail cannot be written"), "{}", told.told());
    }
    assert_eq!(fs::read_to_string(list_file(&gateway)).unwrap(), before);
}

/// The command under a limit for the size of files: `ignored`, it is told that there is no room; else the system kills it at the first octet
/// that has none, which is a line cut off in the middle.
fn block_in_little_room(gateway: &Gateway, ignored: bool) -> Output {
    let length = fs::metadata(gateway.data().join("audit.log")).unwrap().len();
    // The shell counts in 512 octets; an entry has less than that.
    let (blocks, trap) = (length / 512 + 1, if ignored { "trap '' XFSZ;" } else { "" });
    assert!(ROOM.contains(&(length % 512)), "some of the next entry has room, and not all: {length}");
    let script = format!("{trap} ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let config = gateway.data().parent().unwrap().join("portaria.toml");
    run(Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_portaria"), "mailbox", "block", "beltrano", "--direction", "send"])
        .args(["--reason", "r", "--ticket", "REQ 9", "--config"])
        .arg(config))
}

#[test]
fn a_full_disk_or_a_kill_in_the_middle_of_a_line_costs_nothing_that_was_said() {
    let sink = Sink::start();
    let gateway = started(&sink);
    let log = gateway.data().join("audit.log");
    for number in 0.. {
        block(&gateway, &format!("u{number}"), &["REQ 1"]).succeeded();
        if ROOM.contains(&(fs::metadata(&log).unwrap().len() % 512)) {
            break;
        }
    }
    let (list, entries) = (fs::read_to_string(list_file(&gateway)).unwrap(), trail(&gateway).len());

    let told = block_in_little_room(&gateway, true);
    assert_eq!(told.code, Some(1), "{}", told.told());
    assert!(told.stderr.contains("nothing was done: the audit trail cannot be written"), "{}", told.told());
    assert!(!verified(&gateway).succeeded().stdout.contains("damaged"), "what was begun is taken back");
    assert_eq!(fs::read_to_string(list_file(&gateway)).unwrap(), list);

    let told = block_in_little_room(&gateway, false);
    assert_eq!(told.code, None, "killed: {}", told.told());
    assert!(!fs::read(&log).unwrap().ends_with(b"\n"), "a line without its end");
    assert_eq!(fs::read_to_string(list_file(&gateway)).unwrap(), list, "nothing was done");
    let found = verified(&gateway);
    assert!(found.code == Some(1) && found.stdout.contains("the last line has no end"), "{}", found.told());

    block(&gateway, "beltrano", &["REQ 9"]).succeeded();
    verified(&gateway).succeeded();
    let last: Vec<String> =
        trail(&gateway)[entries..].iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(last, ["trail_repaired", "mailbox_blocked"]);
}

/// The page's own lines of shell, as they stand there.
#[test]
fn the_page_verifies_a_trail_without_this_program() {
    let sink = Sink::start();
    let gateway = started(&sink);
    for mailbox in ["fulano.tal", "sicrana", "beltrano"] {
        block(&gateway, mailbox, &["a \"quoted\" \\ ticket, ação, \",\"hash\":\"x\"}"]).succeeded();
    }
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.md")).unwrap();
    let script = page.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of shell");
    let shell = || run(Command::new("sh").args(["-c", script]).current_dir(gateway.data()));
    let good = shell().succeeded();
    let ours = verified(&gateway).succeeded();
    let head = good.stdout.trim().strip_prefix("good: ").expect("its head");
    assert!(ours.stdout.trim_end().ends_with(head), "both name the same head: {} {}", good.told(), ours.told());
    gateway.command(&["audit", "verify", "--contains", head]).succeeded();

    let log = gateway.data().join("audit.log");
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for (what, damaged, theirs, told) in [
        (
            "altered",
            text.replacen("sicrana", "sicranb", 1),
            "entry 2 is altered",
            "line 2: changed since it was written",
        ),
        (
            "removed",
            [lines[0], lines[2]].concat(),
            "entry 2 is not where it belongs",
            "line 2: entries 2 to 2 are missing before it",
        ),
        ("cut", lines[..2].concat(), "audit.head knows another end", "line 3: entries 3 to 3 are missing at the end"),
    ] {
        fs::write(&log, damaged).unwrap();
        let (shell, ours) = (shell(), verified(&gateway));
        assert_eq!((shell.code, ours.code), (Some(1), Some(1)), "{what}: {} {}", shell.told(), ours.told());
        assert!(shell.stdout.starts_with(theirs), "{what}: {}", shell.told());
        assert!(ours.stdout.contains(told), "{what}: {}", ours.told());
    }
    // Somebody cut the last entry and set the head back: only what is kept elsewhere shows it.
    let last: Value = serde_json::from_str(lines[1]).unwrap();
    let set_back = format!("2 {}", last["hash"].as_str().unwrap());
    fs::write(gateway.data().join("audit.head"), format!("{set_back:<85}\n")).unwrap();
    verified(&gateway).succeeded();
    assert_eq!(gateway.command(&["audit", "verify", "--contains", head]).code, Some(1));
    fs::remove_file(&log).unwrap();
    fs::remove_file(gateway.data().join("audit.head")).unwrap();
    assert_eq!(verified(&gateway).code, Some(1), "no trail is no good trail");
}
