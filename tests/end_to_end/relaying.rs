//! Mail that nothing stands against arrives once, with every octet as it was sent, behind one field of ours.

use std::{collections::HashMap, time::Duration};

use crate::support::{
    clamd::Clamd,
    client::Client,
    gateway::Setup,
    generator::{message, odd_letters},
    load::{Letter, Load},
    sender::Sender,
    sink::{Captured, Sink},
    trace::{assert_arrived, find_id, id_of_reply, split_first_field},
    waiting::alone,
};

const COUNT: usize = 2_000;

#[test]
fn two_thousand_messages_of_a_postfix_queue_arrive_once_and_unchanged_behind_one_received_field() {
    let _alone = alone();
    let (straight, behind) = (Sink::start(), Sink::start());
    let clamd = Clamd::start();
    let gateway = Setup::new(behind.port()).clamd(&clamd).start();
    // One message, two recipients: Postfix sends the same queue file to the sink and to the gateway.
    let sender = Sender::start_held(&[("straight.example", straight.port()), ("tjpa.jus.br", gateway.port())]);
    let load = Load { port: sender.port(), connections: 8, pipelining: true };
    let queued = load.send(COUNT, |index| Letter {
        reverse_path: format!("m{index}@origin.example"),
        recipients: vec!["maria@straight.example".to_owned(), "maria@tjpa.jus.br".to_owned()],
        content: message(index),
    });
    assert!(queued.iter().all(|reply| reply.starts_with("250 ")), "Postfix did not queue all: {queued:#?}");
    assert_eq!(sender.queued(), COUNT);

    sender.release();
    for (name, sink) in [("straight", &straight), ("through the gateway", &behind)] {
        let what = format!("{COUNT} messages {name}");
        sink.wait_until(&what, Duration::from_secs(300), |state| distinct(&state.messages).len() == COUNT);
    }
    sender.wait_until_empty(Duration::from_secs(30));

    let (straight, behind) = (straight.state(), behind.state());
    assert_eq!(behind.messages.len(), COUNT, "none arrives twice");
    let expected = distinct(&straight.messages);
    for (reverse_path, arrived) in distinct(&behind.messages) {
        assert_eq!(arrived.recipients, ["maria@tjpa.jus.br"], "{reverse_path}");
        assert_arrived(reverse_path, &arrived.content, &expected[reverse_path].content);
    }
}

fn distinct(messages: &[Captured]) -> HashMap<&str, &Captured> {
    messages.iter().map(|message| (message.reverse_path.as_str(), message)).collect()
}

#[test]
fn messages_that_no_mail_program_would_write_arrive_unchanged_behind_one_received_field() {
    let sink = Sink::start();
    let clamd = Clamd::start();
    // One of them would write its words behind our Received: it is held, unless an operator says otherwise.
    let gateway = Setup::new(sink.port()).clamd(&clamd).table("[antivirus]\nambiguous = \"relay\"\n").start();
    let letters = odd_letters("maria@tjpa.jus.br");
    for pipelining in [false, true] {
        let load = Load { port: gateway.port(), connections: 3, pipelining };
        let replies = load.send(letters.len(), |index| letters[index].1.clone());
        let mut state = sink.state();
        for ((name, letter), reply) in letters.iter().zip(&replies) {
            assert!(reply.starts_with("250 2.0.0 "), "{name} (pipelining {pipelining}): expected 250, heard {reply:?}");
            let arrived: Vec<_> = state.messages.iter().filter(|m| m.reverse_path == letter.reverse_path).collect();
            assert_eq!(
                arrived.len(),
                1,
                "{name} (pipelining {pipelining}): arrives once; the sink heard {}",
                state.summary()
            );
            assert_arrived(name, &arrived[0].content, &letter.content);
        }
        state.messages.clear();
    }
    let log = gateway.log();
    let control = log.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    assert_eq!(control, None, "nothing that a client sends reaches the log unescaped");
}

#[test]
fn our_received_field_says_who_gave_it_to_whom_how_and_under_which_id() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    let reply =
        Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], b"Subject: x\r\n\r\nolar\r\n");
    let id = id_of_reply(&reply.expect("250 2.0.0", "dot").line());
    let content = sink.only_message().content;
    let field = String::from_utf8(split_first_field(&content).0.to_vec()).expect("ASCII");
    let unfolded = field.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["from mta.origin.example", "127.0.0.1", "by mx.tjpa.jus.br", "with ESMTP ", "; "] {
        assert!(unfolded.contains(part), "{part:?} is missing in {field:?}");
    }
    assert_eq!(find_id(&field), Some(id.clone()), "the id of the reply is the id of the field: {field:?}");
    assert!(!field.contains("maria"), "no recipient is named, blind copies stay blind: {field:?}");
    assert!(field.lines().all(|line| line.len() <= 78), "folded at 78: {field:?}");

    let record = gateway.explain(&id);
    assert_eq!(record["ending"], "relayed", "{record:#}");
    assert_eq!(record["recipients"][0]["fate"], "relayed", "{record:#}");
    let told = gateway.command(&["explain", &id[20..]]).succeeded();
    assert!(
        told.stdout.contains("taken as"),
        "explain (by the id's end) tells what the next hop said: {}",
        told.told()
    );
}

#[test]
fn a_bare_cr_or_lf_in_mail_data_is_refused_at_its_end_and_the_connection_closed() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    let smuggled =
        "MAIL FROM:<evil@origin.example>\r\nRCPT TO:<maria@tjpa.jus.br>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n";
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\r\n.\r\r\n", "\r\n\r.\r\n"] {
        let mut client = Client::connect(gateway.port());
        client.envelope("a@origin.example", &["maria@tjpa.jus.br"]);
        client.say("DATA").expect("354", "DATA");
        client.write(format!("Subject: x\r\n\r\nfirst{end}{smuggled}").as_bytes());
        client.read().expect("550 5.6.11", &format!("{end:?} in mail data"));
        let after = client.try_read();
        assert!(after.is_err(), "nothing is said after the refusal of {end:?}, but {after:?}");
    }
    sink.heard_no_message();
}

#[test]
fn where_the_listener_mends_them_bare_crs_and_lfs_arrive_as_crlf_and_end_nothing() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).normalises().start();
    let mut client = Client::connect(gateway.port());
    client.envelope("a@origin.example", &["maria@tjpa.jus.br"]);
    client.say("DATA").expect("354", "DATA");
    client.write(b"Subject: x\n\nfirst\n.\nMAIL FROM:<evil@origin.example>\r.\r\nsecond\r\n.\r\n");
    client.read().expect("250 2.0.0", "content with bare ones");
    let content = sink.only_message().content;
    let arrived = split_first_field(&content).1;
    let mended = b"Subject: x\r\n\r\nfirst\r\n.\r\nMAIL FROM:<evil@origin.example>\r\n.\r\nsecond\r\n";
    assert_eq!(arrived.escape_ascii().to_string(), mended.escape_ascii().to_string());
}
