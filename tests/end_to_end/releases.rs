//! Releases from the quarantine: what was held arrives, once, or is still held with the reason.

use std::{fs, thread, time::Duration};

use serde_json::Value;

use crate::support::{
    client::Client,
    gateway::{Gateway, Setup},
    rule,
    scratch::files_under,
    sink::Sink,
    subject::message_about,
    trace::{assert_same_octets, behind_our_received, id_of_reply, split_first_field},
    waiting::{eventually, wait_for, wait_until},
};

const SHORT: Duration = Duration::from_secs(15);
/// The first pause of a release is half a minute.
const AFTER_A_PAUSE: Duration = Duration::from_secs(60);
const TIMEOUTS: &str = "[timeouts]\nnext_hop_reply = \"2 s\"\nnext_hop_end_of_data = \"3 s\"\n";

fn start(sink: &Sink) -> Gateway {
    setup(sink).start()
}

fn setup(sink: &Sink) -> Setup {
    Setup::new(sink.port()).table(TIMEOUTS).rules("subjects/premio.toml", &rule::word("E2E-PREMIO", "premio"))
}

/// A message that a rule holds: its content and the item's id.
fn held(gateway: &Gateway, recipients: &[&str], content: &[u8]) -> String {
    let reply = Client::connect(gateway.port()).send("remetente@origin.example", recipients, content);
    id_of_reply(&reply.expect("250", "it is held").line())
}

fn message() -> Vec<u8> {
    let mut content = message_about(b"Seu premio");
    content.extend(b".\r\n..dots\r\n.end\r\n");
    content
}

#[track_caller]
fn release(gateway: &Gateway, id: &str, more: &[&str]) -> Value {
    let line = [&["quarantine", "release", id, "--reason", "pedido", "--json"], more].concat();
    gateway.command(&line).json_lines().remove(0)
}

/// The releases of an item, oldest first.
fn releases(gateway: &Gateway, item: &str) -> Vec<Value> {
    let all = gateway.command(&["quarantine", "releases", "--json"]).succeeded().json_lines();
    all.into_iter().filter(|release| release["item"] == item).collect()
}

/// The last release of an item, once it is in this state.
#[track_caller]
fn wait_for_release(gateway: &Gateway, item: &str, state: &str, limit: Duration) -> Value {
    wait_for(&format!("the release of {item} to be {state}: {:?}", releases(gateway, item)), limit, || {
        releases(gateway, item).pop().filter(|release| release["state"] == state)
    })
}

fn state_of(gateway: &Gateway, item: &str) -> String {
    gateway.quarantine_with(item)["state"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_held_arrives_as_it_came_with_one_field_more() {
    let sink = Sink::start();
    let gateway = start(&sink);
    let content = message();
    let mut client = Client::connect(gateway.port());
    client.say("EHLO origin.example").expect("250", "EHLO");
    client.say("MAIL FROM:<remetente@origin.example> RET=HDRS ENVID=QQ314159").expect("250", "MAIL");
    client.say("RCPT TO:<Maria@tjpa.jus.br> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;m@x.example").expect("250", "RCPT");
    client.say("RCPT TO:<joao@tjepa.jus.br>").expect("250", "RCPT");
    let item = id_of_reply(&client.data(&content).expect("250", "it is held").line());
    sink.heard_no_message();

    let answer = release(&gateway, &item[20..], &["--by", "maria"]);
    assert_eq!((&answer["ok"], &answer["state"]), (&Value::Bool(true), &"approved".into()), "{answer}");
    let told = wait_for_release(&gateway, &item, "delivered", SHORT);
    assert_eq!(told["recipients"][0]["said"], "250 2.0.0 taken as 1", "{told}");
    assert_eq!(state_of(&gateway, &item), "released");

    let arrived = sink.only_message();
    assert_eq!(arrived.reverse_path, "remetente@origin.example");
    assert!(arrived.parameters.contains("RET=HDRS") && arrived.parameters.contains("ENVID=QQ314159"), "{arrived:?}");
    assert_eq!(arrived.recipients, ["Maria@tjpa.jus.br", "joao@tjepa.jus.br"]);
    assert_eq!(arrived.recipient_parameters, ["NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;m@x.example", ""]);
    let (field, rest) = split_first_field(behind_our_received(&arrived.content));
    let field = String::from_utf8_lossy(field);
    let expected =
        format!("X-Portaria-Released: mx.tjpa.jus.br; id={item};\r\n\trelease={}", told["id"].as_str().unwrap());
    assert_eq!(field.trim_end(), expected);
    assert_same_octets("behind the fields that are ours", rest, &content);

    let again = release(&gateway, &item, &["--again"]);
    assert_eq!(again["refused"], "nobody", "{again}");
    let trail = gateway.command(&["audit", "list", "--json"]).succeeded().json_lines();
    let about =
        |action: &str| trail.iter().filter(|entry| entry["action"] == action && entry["object"] == *item).count();
    assert_eq!((about("release_requested"), about("released")), (3, 1), "asked, asked again, not done: {trail:#?}");
    let explained = gateway.command(&["explain", &item]).succeeded().stdout;
    assert!(explained.contains("has it") && explained.contains("pedido"), "{explained}");
}

/// 4xx: later, and a restart in between changes nothing.
#[test]
fn what_is_put_off_is_delivered_later() {
    let sink = Sink::start();
    let mut gateway = start(&sink);
    let item = held(&gateway, &["maria@tjpa.jus.br"], &message());
    sink.behave(|behaviour| behaviour.dots.push_back("451 4.2.0 mailbox busy".to_owned()));
    release(&gateway, &item, &[]);
    let told = wait_for_release(&gateway, &item, "approved", SHORT);
    wait_until("the answer", SHORT, || releases(&gateway, &item)[0]["said"] == "451 4.2.0 mailbox busy");
    assert_eq!(state_of(&gateway, &item), "releasing", "{told}");
    gateway.kill();
    gateway.run();
    let told = wait_for_release(&gateway, &item, "delivered", AFTER_A_PAUSE);
    assert_eq!((&told["attempts"], sink.state().messages.len()), (&2.into(), 2), "refused once, taken once");
    assert_eq!(state_of(&gateway, &item), "released");
}

#[test]
fn what_is_refused_for_good_is_still_held() {
    let sink = Sink::start();
    let gateway = start(&sink);
    let item = held(&gateway, &["maria@tjpa.jus.br"], &message());
    sink.behave(|behaviour| behaviour.dots.push_back("554 5.7.1 not here".to_owned()));
    release(&gateway, &item, &[]);
    let told = wait_for_release(&gateway, &item, "failed", SHORT);
    assert_eq!(told["said"], "554 5.7.1 not here");
    assert_eq!(state_of(&gateway, &item), "held");
    assert!(release(&gateway, &item, &[])["ok"] == true, "and can be released again");
    wait_for_release(&gateway, &item, "delivered", SHORT);
}

/// Who has it never gets it again; who was refused can be tried again.
#[test]
fn each_recipient_has_its_own_answer() {
    let sink = Sink::start();
    let gateway = start(&sink);
    let item = held(&gateway, &["maria@tjpa.jus.br", "joao@tjpa.jus.br"], &message());
    let refused = ("joao@tjpa.jus.br".to_owned(), "550 5.1.1 no such user".to_owned());
    sink.behave(|behaviour| behaviour.rcpt.push(refused));
    release(&gateway, &item, &[]);
    let told = wait_for_release(&gateway, &item, "partly", SHORT);
    assert_eq!(told["recipients"][1]["said"], "550 5.1.1 no such user", "{told}");
    assert_eq!(state_of(&gateway, &item), "held");
    sink.behave(|behaviour| behaviour.rcpt.clear());
    release(&gateway, &item, &[]);
    wait_for_release(&gateway, &item, "delivered", SHORT);
    let to: Vec<_> = sink.state().messages.iter().map(|message| message.recipients.clone()).collect();
    assert_eq!(to, [["maria@tjpa.jus.br"], ["joao@tjpa.jus.br"]]);
}

/// Whether the next hop drops the connection behind our dot, or says nothing: nobody knows, and nobody sends it again by himself.
#[test]
fn an_answer_that_never_comes_is_told_as_not_known() {
    for drops in [true, false] {
        let sink = Sink::start();
        let gateway = start(&sink);
        let item = held(&gateway, &["maria@tjpa.jus.br"], &message());
        match drops {
            true => sink.behave(|behaviour| behaviour.dots.push_back(String::new())),
            false => sink.behave(|behaviour| behaviour.dots_wait = true),
        }
        release(&gateway, &item, &[]);
        let told = wait_for_release(&gateway, &item, "unknown", SHORT);
        assert!(told["said"].as_str().unwrap().starts_with("no answer to our dot"), "{told}");
        assert_eq!(state_of(&gateway, &item), "held");
        let refused = release(&gateway, &item, &[]);
        assert_eq!(refused["refused"], "may_be_delivered", "{refused}");
        assert_eq!(sink.state().messages.len(), 1);
        sink.behave(|behaviour| behaviour.dots_wait = false);
        assert!(release(&gateway, &item, &["--again"])["ok"] == true);
        wait_for_release(&gateway, &item, "delivered", SHORT);
    }
}

/// A next hop that says nothing before our dot: put off, and delivered once when it speaks again.
#[test]
fn a_next_hop_that_hangs_puts_it_off() {
    let sink = Sink::start();
    let gateway = start(&sink);
    let item = held(&gateway, &["maria@tjpa.jus.br"], &message());
    sink.behave(|behaviour| behaviour.stalls = Some("RCPT"));
    release(&gateway, &item, &[]);
    wait_until("the attempt to fail", SHORT, || {
        releases(&gateway, &item)[0]["said"].as_str().unwrap_or_default().contains("no answer in time")
    });
    sink.behave(|behaviour| behaviour.stalls = None);
    wait_for_release(&gateway, &item, "delivered", AFTER_A_PAUSE);
    sink.only_message();
}

/// `kill -9` before our dot, at each step: delivered exactly once after the start, without anybody's doing.
#[test]
fn killed_before_our_dot_it_is_delivered_once() {
    let sink = Sink::start();
    let mut gateway = start(&sink);
    let mut content = message();
    content.extend(b"0123456789abcdef0123456789abcdef0123456789abcdef012345678901\r\n".repeat(20_000));
    for (round, step) in ["greeting", "MAIL", "RCPT", "DATA", "content"].into_iter().enumerate() {
        let item = held(&gateway, &["maria@tjpa.jus.br"], &content);
        if step == "greeting" {
            // Or an idle connection, which was greeted before, would do.
            gateway.kill();
            gateway.run();
            gateway.wait_until_ready();
        }
        let begun = sink.state().octets;
        match step {
            "content" => sink.behave(|behaviour| behaviour.pause = Duration::from_millis(300)),
            step => sink.behave(|behaviour| behaviour.stalls = Some(step)),
        }
        assert!(release(&gateway, &item, &[])["ok"] == true, "{step}");
        match step {
            "content" => sink.wait_until(step, SHORT, |state| state.octets > begun),
            step => sink.wait_until(step, SHORT, |state| state.stalled > 0),
        }
        gateway.kill();
        assert_eq!(sink.state().messages.len(), round, "no dot of ours yet, killed at {step}");
        sink.behave(|behaviour| (behaviour.stalls, behaviour.pause) = (None, Duration::ZERO));
        gateway.run();
        wait_for_release(&gateway, &item, "delivered", AFTER_A_PAUSE);
        assert_eq!(state_of(&gateway, &item), "released");
        assert_eq!(sink.state().messages.len(), round + 1, "once: {step}: {}", sink.state().summary());
    }
}

/// `kill -9` behind our dot, with the answer missing or not yet written: nobody knows, the item is held and says why.
#[test]
fn killed_behind_our_dot_it_is_held_and_says_that_nobody_knows() {
    for answered in [false, true] {
        let sink = Sink::start();
        let mut gateway = start(&sink);
        let item = held(&gateway, &["maria@tjpa.jus.br"], &message());
        sink.behave(|behaviour| behaviour.dots_wait = true);
        release(&gateway, &item, &[]);
        sink.wait_until("our dot", SHORT, |state| state.messages.len() == 1);
        let lock = answered.then(|| lock_the_database(&gateway));
        if answered {
            sink.behave(|behaviour| behaviour.dots_wait = false);
            thread::sleep(Duration::from_millis(500));
        }
        gateway.kill();
        drop(lock);
        sink.behave(|behaviour| behaviour.dots_wait = false);
        gateway.run();
        let told = wait_for_release(&gateway, &item, "unknown", SHORT);
        assert!(told["said"].as_str().unwrap().contains("stopped before the next hop answered"), "{told}");
        assert_eq!(state_of(&gateway, &item), "held");
        thread::sleep(Duration::from_secs(3));
        assert_eq!(sink.state().messages.len(), 1, "nobody sends it by himself: {}", sink.state().summary());
    }
}

/// A writer that does not let go: what the gateway hears meanwhile it cannot write down.
struct Lock(tokio::runtime::Runtime, Option<sqlx::SqliteConnection>);

fn lock_the_database(gateway: &Gateway) -> Lock {
    use sqlx::{Connection, Executor};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = gateway.data().join("portaria.db");
    let connection = runtime.block_on(async {
        let url = format!("sqlite://{}", path.display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        connection.execute("BEGIN IMMEDIATE").await.unwrap();
        connection
    });
    Lock(runtime, Some(connection))
}

impl Drop for Lock {
    fn drop(&mut self) {
        use sqlx::Connection;
        if let Some(connection) = self.1.take() {
            let _ = self.0.block_on(connection.close());
        }
    }
}

/// Ten people at the same moment.
#[test]
fn many_releases_of_one_item_at_the_same_moment_deliver_it_once() {
    let sink = Sink::start();
    let gateway = start(&sink);
    let item = held(&gateway, &["maria@tjpa.jus.br"], &message());
    let answers: Vec<Value> = thread::scope(|scope| {
        let asking: Vec<_> = (0..10).map(|_| scope.spawn(|| release(&gateway, &item, &[]))).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer["ok"] == true).count(), 1, "{answers:#?}");
    wait_for_release(&gateway, &item, "delivered", SHORT);
    thread::sleep(Duration::from_secs(2));
    sink.only_message();
}

/// Held for its subject, infected by what is known now: it waits for a second person, who is nobody's other self.
#[test]
fn what_is_infected_by_now_waits_for_somebody_else() {
    let sink = Sink::start();
    let gateway = setup(&sink).yara().start();
    let mut content = message();
    content.extend(b"sinal-de-campanha-nova\r\n");
    let item = held(&gateway, &["maria@tjpa.jus.br"], &content);
    infect(&gateway);
    release(&gateway, &item, &[]);
    let told = wait_for_release(&gateway, &item, "requested", SHORT);
    assert_eq!(gateway.quarantine_with(&item)["class"], "virus");
    sink.heard_no_message();
    let id = told["id"].as_str().unwrap();
    let decide = |verb: &str| gateway.command(&["quarantine", verb, id, "--by", "joao", "--reason", "visto", "--json"]);
    assert_eq!(
        decide("approve").json_lines()[0]["refused"],
        "same_person",
        "one account is one person, whatever it says"
    );
    assert_eq!(decide("deny").succeeded().json_lines()[0]["state"], "denied");
    assert_eq!(state_of(&gateway, &item), "held");
    sink.heard_no_message();
}

/// Two accounts of the system are two persons; one is one, whatever names it gives, in either order.
#[test]
fn a_virus_is_let_out_by_two_accounts_and_never_by_one() {
    let sink = Sink::start();
    let gateway = setup(&sink).yara().start();
    let mut content = message();
    content.extend(b"sinal-de-campanha-nova\r\n");
    let item = held(&gateway, &["maria@tjpa.jus.br"], &content);
    infect(&gateway);
    let asked = |account: &str, by: &str| {
        let line = ["quarantine", "release", &item, "--reason", "pedido", "--json", "--by", by];
        gateway.command_of(account, &line).json_lines().remove(0)
    };
    let decided = |account: &str, verb: &str, release: &str, by: &str| {
        let line = ["quarantine", verb, release, "--reason", "visto", "--json", "--by", by];
        gateway.command_of(account, &line).json_lines().remove(0)
    };
    for (first, second) in [("daemon", "nobody"), ("nobody", "daemon")] {
        assert_eq!(asked(first, "maria")["ok"], true);
        let release = wait_for_release(&gateway, &item, "requested", SHORT)["id"].as_str().unwrap().to_owned();
        for by in ["maria", "joao", second, "root"] {
            let answer = decided(first, "approve", &release, by);
            assert_eq!(answer["refused"], "same_person", "{first} as {by}: {answer}");
        }
        sink.heard_no_message();
        if first == "daemon" {
            assert_eq!(decided(second, "deny", &release, "joao")["state"], "denied");
            assert_eq!(state_of(&gateway, &item), "held");
        } else {
            // Another account that names the first one's person is that person.
            assert_eq!(decided(second, "approve", &release, "maria")["refused"], "same_person");
            assert_eq!(decided(second, "approve", &release, "joao")["ok"], true);
            wait_for_release(&gateway, &item, "delivered", SHORT);
        }
    }
    sink.only_message();
    let trail = gateway.command(&["audit", "list", "--json", "--action", "release_approved"]).succeeded().json_lines();
    assert!(trail.iter().any(|entry| entry["account"] == "daemon" && entry["person"] == "joao"), "{trail:#?}");
}

/// Rules that find [`message`] infected from now on.
fn infect(gateway: &Gateway) {
    let rule = "rule Nova\n{\n    meta:\n        class = \"malware\"\n        severity = \"high\"\n    strings:\n        \
                $a = \"sinal-de-campanha-nova\"\n    condition:\n        not whole_message and $a\n}\n";
    gateway.write_rules("yara/nova.yar", rule);
    let examples = "[[example]]\nrule = \"Nova\"\ntext = \"sinal-de-campanha-nova\"\nexpect = \"match\"\n\n\
                    [[example]]\nrule = \"Nova\"\ntext = \"ata\"\nexpect = \"no match\"\n";
    gateway.write_rules("yara/nova.toml", examples);
    gateway.command(&["reload"]).succeeded();
}

/// A blob that is not what was kept is not sent.
#[test]
fn content_that_was_changed_is_not_sent() {
    let sink = Sink::start();
    let gateway = start(&sink);
    let item = held(&gateway, &["maria@tjpa.jus.br"], &message());
    let blob = blob_of(&gateway, &item);
    let mut content = fs::read(&blob).unwrap();
    let last = content.len() - 3;
    content[last] ^= 1;
    fs::write(&blob, content).unwrap();
    release(&gateway, &item, &[]);
    let told = wait_for_release(&gateway, &item, "failed", SHORT);
    assert!(told["said"].as_str().unwrap().contains("not what was kept"), "{told}");
    sink.heard_no_message();
}

fn blob_of(gateway: &Gateway, item: &str) -> std::path::PathBuf {
    let files = files_under(&gateway.data().join("quarantine"));
    files.into_iter().find(|file| file.ends_with(item)).expect("a blob of this name")
}

/// Deleted is deleted: the content, the search, a release, and a file that somebody puts back.
#[test]
fn what_is_deleted_never_comes_back() {
    let sink = Sink::start();
    let mut gateway = start(&sink);
    let item = held(&gateway, &["maria@tjpa.jus.br"], &message());
    let blob = blob_of(&gateway, &item);
    let copy = fs::read(&blob).unwrap();
    gateway.command(&["quarantine", "delete", &item, "--reason", "LGPD"]).succeeded();
    assert!(eventually(SHORT, || !blob.exists()));
    let left = gateway.quarantine_with(&item);
    assert_eq!((&left["state"], &left["subject"]), (&"deleted".into(), &"".into()), "{left}");
    assert_eq!(release(&gateway, &item, &[])["refused"], "gone");
    gateway.kill();
    fs::write(&blob, copy).unwrap();
    gateway.run();
    assert!(eventually(SHORT, || !blob.exists()), "what was put back is removed at the start");
    assert_eq!(state_of(&gateway, &item), "deleted");
}

/// More than one is shown before it is touched; and found by any address and by folded words.
#[test]
fn many_are_shown_before_they_are_touched() {
    let sink = Sink::start();
    let gateway = start(&sink);
    let first = held(&gateway, &["maria@tjpa.jus.br"], &message_about("Seu prêmio chegou".as_bytes()));
    held(&gateway, &["joao@tjpa.jus.br"], &message());
    let find = |more: &[&str]| {
        let line = [&["quarantine", "list", "--json"], more].concat();
        gateway.command(&line).succeeded().json_lines().len()
    };
    assert_eq!(find(&["--recipient", "MARIA@tjepa.jus.br"]), 1, "by the other domain");
    assert_eq!(find(&["--subject", "premio CHEGOU"]), 1);
    assert_eq!((find(&["--rule", "e2e-premio"]), find(&["--rule", "other"])), (2, 0));
    assert_eq!((find(&["--limit", "1"]), find(&["--limit", "1", "--page", "3"])), (1, 0));
    let preview = gateway.command(&["quarantine", "release", "--rule", "E2E-PREMIO", "--reason", "x"]);
    assert!(preview.code == Some(1) && preview.stdout.contains("nothing was done yet"), "{}", preview.told());
    assert!(gateway.quarantine().iter().all(|item| item["state"] == "held"));
    gateway.command(&["quarantine", "mark", &first, "--handled", "--by", "maria"]).succeeded();
    assert_eq!(find(&["--unhandled"]), 1);
    gateway.command(&["quarantine", "release", "--rule", "E2E-PREMIO", "--reason", "x", "--yes"]).succeeded();
    sink.wait_until("both", SHORT, |state| state.messages.len() == 2);
}
