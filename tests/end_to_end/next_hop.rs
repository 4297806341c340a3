//! What the next hop says is what the client hears; what is about us is our own trouble.

use std::time::Duration;

use crate::support::{
    client::Client, gateway::Setup, port::Port, sender::Sender, sink::Sink, trace::id_of_reply, waiting::wait_until,
};

const MESSAGE: &[u8] = b"Subject: ata\r\n\r\nSegue.\r\n";

#[test]
fn the_next_hops_answer_to_rcpt_and_to_the_dot_is_passed_on() {
    let sink = Sink::start();
    sink.behave(|behaviour| {
        behaviour.rcpt = vec![
            ("cheia@tjpa.jus.br".to_owned(), "452 4.2.2 mailbox is full".to_owned()),
            ("ninguem@tjpa.jus.br".to_owned(), "550 5.1.1 nobody here\tby that name".to_owned()),
        ];
    });
    let gateway = Setup::new(sink.port()).start();
    let mut client = Client::connect(gateway.port());
    client.say("MAIL FROM:<a@origin.example>").expect("250", "MAIL");
    client.say("RCPT TO:<cheia@tjpa.jus.br>").expect("452 4.2.2 mailbox is full", "RCPT");
    client.say("RCPT TO:<ninguem@tjpa.jus.br>").expect("550 5.1.1 nobody here", "RCPT");
    client.say("RCPT TO:<maria@tjpa.jus.br>").expect("250", "RCPT");
    client.data(MESSAGE).expect("250 2.0.0", "for the one recipient that was accepted");
    assert_eq!(sink.only_message().recipients, ["maria@tjpa.jus.br"]);

    for words in [
        "554 5.6.0 the content is not to our liking",
        "451 4.3.0 try again later",
        "550-5.7.1 no,\r\n550 5.7.1 and no again",
    ] {
        sink.behave(|behaviour| behaviour.dots.push_back(words.to_owned()));
        let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], MESSAGE);
        let first = words.split(['\r', '-']).next().unwrap();
        let reply = reply.expect(first.get(..3).unwrap(), words).line();
        let last = words.rsplit(' ').next().unwrap();
        assert!(reply.contains(last), "all of its words are passed on: {reply:?}");
        let record = gateway.explain(&id_of_reply(&reply));
        let expected = if reply.starts_with('5') { "refused" } else { "deferred" };
        assert_eq!(record["ending"], expected, "{record:#}");
    }
}

#[test]
fn extensions_that_reach_end_to_end_are_offered_and_carried_if_the_next_hop_has_them() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    let mut client = Client::connect(gateway.port());
    let offered = client.say("EHLO mta.origin.example").expect("250", "EHLO").text;
    for keyword in ["8BITMIME", "DSN", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"] {
        assert!(
            offered.lines().skip(1).any(|line| line == keyword),
            "the next hop has it: {keyword}; offered {offered:?}"
        );
    }
    client.say("MAIL FROM:<a@origin.example> BODY=8BITMIME RET=HDRS ENVID=abc+2B1").expect("250", "MAIL");
    client
        .say("RCPT TO:<maria@tjpa.jus.br> NOTIFY=FAILURE,DELAY ORCPT=rfc822;maria@tjepa.jus.br")
        .expect("250", "RCPT");
    client.data("Subject: reunião\r\n\r\nolá\r\n".as_bytes()).expect("250", "dot");
    let message = sink.only_message();
    let parameters = message.parameters.to_ascii_uppercase();
    for parameter in ["BODY=8BITMIME", "RET=HDRS", "ENVID=ABC+2B1"] {
        assert!(parameters.split(' ').any(|word| word == parameter), "{parameter} is to be carried: {parameters:?}");
    }
    for parameter in ["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;maria@tjepa.jus.br"] {
        let said = &message.recipient_parameters[0];
        assert!(said.split(' ').any(|word| word == parameter), "{parameter} is to be carried: {said:?}");
    }

    let plain = Sink::start();
    plain.behave(|behaviour| behaviour.offers = vec!["SIZE 2000000"]);
    let gateway = Setup::new(plain.port()).start();
    let offered = Client::connect(gateway.port()).say("EHLO mta.origin.example").expect("250", "EHLO").text;
    for keyword in ["8BITMIME", "DSN", "SMTPUTF8"] {
        assert!(
            !offered.lines().any(|line| line == keyword),
            "the next hop does not have it: {keyword}; offered {offered:?}"
        );
    }
    assert!(offered.lines().any(|line| line == "SIZE 1995904"), "its SIZE less 4 KiB: {offered:?}");
    Client::connect(gateway.port())
        .send("a@origin.example", &["maria@tjpa.jus.br"], MESSAGE)
        .expect("250", "without extensions");
    let parameters = plain.only_message().parameters;
    assert!(
        !parameters.contains("BODY") && !parameters.contains("SMTPUTF8"),
        "none that it did not offer: {parameters:?}"
    );
}

#[test]
fn a_next_hop_that_breaks_off_or_cannot_be_reached_means_4xx_and_never_250() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    sink.behave(|behaviour| behaviour.dots.push_back(String::new()));
    let reply = Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], MESSAGE);
    let id = id_of_reply(&reply.expect("451", "the next hop closed after our dot").line());
    sink.only_message();
    assert_eq!(gateway.explain(&id)["next_hop"]["reply"], serde_json::Value::Null, "it gave no answer");

    sink.behave(|behaviour| behaviour.dots.push_back("421 4.3.2 going down".to_owned()));
    let reply = Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], MESSAGE);
    reply.expect("451 4.3.2", "the next hop's 421 is not ours");
    let reply = Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], MESSAGE);
    reply.expect("250 2.0.0", "over a new connection");

    let nobody = Port::lease();
    let gateway = Setup::new(nobody.number()).start_unready();
    let mut client = Client::connect(gateway.port());
    let mail = client.say("MAIL FROM:<a@origin.example>");
    let reply = if mail.is("250") { client.say("RCPT TO:<maria@tjpa.jus.br>") } else { mail };
    reply.expect("451 4.4.1", "nobody listens at the next hop");
    wait_until("/health/ready says no without a next hop", Duration::from_secs(60), || {
        gateway.http("/health/ready").0 == 503
    });
    assert_eq!(gateway.http("/health/live").0, 200, "it lives all the same");
}

/// Decision 28: told 451, Postfix comes again, is not offered 8BITMIME any more, and converts.
#[test]
fn when_the_next_hop_lost_8bitmime_a_real_client_comes_again_and_converts() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    let sender = Sender::start_converting(&[("tjpa.jus.br", gateway.port())]);
    sink.behave(|behaviour| behaviour.offers.retain(|keyword| *keyword != "8BITMIME"));
    let content = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\
                   Subject: x\r\n\r\nol\u{e1}\r\n";
    let mut client = Client::connect(sender.port());
    client.say("MAIL FROM:<a@origin.example> BODY=8BITMIME").expect("250", "MAIL");
    client.say("RCPT TO:<maria@tjpa.jus.br>").expect("250", "RCPT");
    client.data(content.as_bytes()).expect("250", "queued");

    sink.wait_until("the message", Duration::from_secs(60), |state| !state.messages.is_empty());
    assert!(sender.log().contains("451 4.6.3 "), "the first time: {}", sender.log());
    let arrived = sink.only_message();
    assert!(arrived.content.is_ascii(), "converted: {}", arrived.content.escape_ascii());
    let text = String::from_utf8_lossy(&arrived.content).into_owned();
    assert!(text.contains("quoted-printable") && text.ends_with("\r\n\r\nol=C3=A1\r\n"), "{text}");
}
