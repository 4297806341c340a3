//! Two nodes on one PostgreSQL server and one bucket: what one holds, the other shows, releases and deletes; once, and also without the first.

use std::{thread, time::Duration};

use crate::support::{
    bucket::Bucket,
    client::{Client, Reply},
    gateway::{Gateway, Setup},
    postgres::Postgres,
    rule,
    scratch::files_under,
    sink::Sink,
    subject::message_about,
    trace::id_of_reply,
    waiting::wait_until,
};

const SOON: Duration = Duration::from_secs(60);
/// Released at the same moment on both.
const RACES: usize = 20;

fn node(server: &Postgres, bucket: &Bucket, sink: &Sink) -> Setup {
    let setup = Setup::new(sink.port())
        .rules("subjects/retida.toml", &rule::word("E2E-RETIDA", "retida"))
        .table(&server.table());
    let table = bucket.table(&setup);
    setup.table(&table)
}

fn send(gateway: &Gateway, subject: &str) -> Reply {
    Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], &message_about(subject.as_bytes()))
}

fn held(gateway: &Gateway, subject: &str) -> String {
    id_of_reply(&send(gateway, subject).expect("250 2.0.0", "held").line())
}

fn wait_until_shared(server: &Postgres, count: usize) {
    let asked = "SELECT COUNT(*) FROM items WHERE shared = 1";
    wait_until(&format!("{count} items are in the bucket"), SOON, || server.ask(asked) == count.to_string());
}

fn release(gateway: &Gateway, id: &str) -> bool {
    let command = gateway.command(&["quarantine", "release", id, "--by", "maria", "--reason", "pedido", "--json"]);
    command.code == Some(0)
}

fn state(gateway: &Gateway, id: &str) -> String {
    gateway.quarantine_with(id)["state"].as_str().unwrap().to_owned()
}

#[test]
fn what_one_node_holds_the_other_releases_once() {
    let (server, bucket, sink) = (Postgres::start(), Bucket::start(), Sink::start());
    let (first, second) = (node(&server, &bucket, &sink).start(), node(&server, &bucket, &sink).start());
    let checked = second.command(&["check"]);
    assert!(checked.stdout.contains("an object could be put, read and removed"), "{}", checked.told());

    let ids: Vec<String> = (0..=RACES).map(|nth| held(&first, &format!("Carta retida {nth}"))).collect();
    wait_until_shared(&server, ids.len());
    wait_until("the disk has none of it", SOON, || files_under(&first.data().join("quarantine")).is_empty());
    let object = bucket.object(&ids[0]).expect("it is there");
    assert!(object.contains("Pblob") && !object.contains("Received"), "it is sealed");
    let shown = second.command(&["quarantine", "show", &ids[0], "--content"]).succeeded();
    assert!(shown.stdout.contains("Carta retida 0"), "{}", shown.told());

    // What its own node is asked for, the other one may send.
    assert!(release(&second, &ids[0]));
    sink.wait_until("the first arrives", SOON, |state| state.messages.len() == 1);
    for id in &ids[1..] {
        let asked = thread::scope(|scope| {
            let [one, other] = [&first, &second].map(|gateway| scope.spawn(|| release(gateway, id)));
            [one.join().unwrap(), other.join().unwrap()]
        });
        assert!(asked[0] != asked[1], "one of two is told that it is open: {asked:?}");
    }
    wait_until("all are released", SOON, || {
        server.ask("SELECT COUNT(*) FROM items WHERE state = 'released'") == ids.len().to_string()
    });
    let senders = server.ask("SELECT COUNT(DISTINCT owner) FROM releases");
    let subjects: Vec<String> =
        sink.state().messages.iter().map(|mail| String::from_utf8_lossy(&mail.content).into_owned()).collect();
    for nth in 0..=RACES {
        let arrived = subjects.iter().filter(|mail| mail.contains(&format!("Carta retida {nth}\r\n"))).count();
        assert_eq!(arrived, 1, "{nth}, sent by {senders} nodes");
    }
    assert_eq!(server.ask("SELECT COUNT(*) FROM releases WHERE state = 'delivered'"), ids.len().to_string());
}

/// Mail goes on without the bucket; what was held meanwhile goes there when it is back; and then the node that held it is not needed.
#[test]
fn a_bucket_that_goes_stops_no_mail() {
    let (server, mut bucket, sink) = (Postgres::start(), Bucket::start(), Sink::start());
    let (mut first, second) = (node(&server, &bucket, &sink).start(), node(&server, &bucket, &sink).start());
    bucket.stop();
    let kept = held(&first, "Carta retida");
    let other = held(&first, "Outra carta retida");
    send(&first, "Ata").expect("250", "relayed without a bucket");
    wait_until("status says why", SOON, || {
        first.command(&["status"]).stdout.contains("Held content waits for the bucket:")
    });
    let checked = first.command(&["check"]);
    assert!(checked.stdout.contains("cannot be used") && checked.code == Some(1), "{}", checked.told());
    let elsewhere = second.command(&["quarantine", "show", &kept, "--content"]);
    assert!(elsewhere.told().contains("is on the node mx.tjpa.jus.br-"), "{}", elsewhere.told());
    assert!(first.command(&["quarantine", "show", &kept, "--content"]).succeeded().stdout.contains("Carta retida"));
    assert!(bucket.object(&kept).is_none());

    bucket.run();
    wait_until_shared(&server, 2);
    first.kill();
    assert!(bucket.object(&kept).is_some());
    assert!(release(&second, &kept));
    wait_until("released by the other", SOON, || state(&second, &kept) == "released");
    assert_eq!(sink.state().messages.len(), 2);
    second.command(&["quarantine", "delete", &other, "--by", "maria", "--reason", "LGPD"]).succeeded();
    wait_until("the object is gone", SOON, || bucket.object(&other).is_none());
    assert_eq!(state(&second, &other), "deleted");
    first.run();
    first.wait_until_ready();
    assert!(files_under(&first.data().join("quarantine")).is_empty(), "nothing of it comes back");
}
