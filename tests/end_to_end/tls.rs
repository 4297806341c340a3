//! TLS with clients: from the first octet, asked for, demanded; and a certificate that is renewed while mail flows.

use std::time::Duration;

use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::support::{
    client::Client,
    gateway::{Gateway, Setup},
    rule,
    sink::Sink,
    tls::{Certified, Trust, Under},
    trace::{assert_arrived, id_of_reply, split_first_field},
    waiting::wait_until,
};

const MESSAGE: &[u8] = b"Subject: ata\r\n\r\nSegue.\r\n";

/// A session after STARTTLS and the second EHLO.
#[track_caller]
fn starttls(gateway: &Gateway, trust: &Trust) -> Client<Under> {
    let mut client = Client::connect(gateway.port());
    client.say("STARTTLS").expect("220 2.0.0", "STARTTLS");
    let mut client = client.under_tls(trust).unwrap_or_else(|error| panic!("no TLS: {error}"));
    client.say("EHLO mta.origin.example").expect("250", "EHLO under TLS");
    client
}

#[test]
fn a_listener_with_implicit_tls_says_nothing_in_clear_and_delivers_under_1_2_and_1_3() {
    let (sink, certified) = (Sink::start(), Certified::new());
    let gateway = Setup::new(sink.port()).tls("implicit", &certified.chain, &certified.key).start();
    for (count, (version, shown)) in [(&TLS12, "TLSv1.2 TLS_"), (&TLS13, "TLSv1.3 TLS_")].into_iter().enumerate() {
        let client = Client::dial(gateway.port()).unwrap();
        let mut client = client.under_tls(&Trust::new(&[&certified], &[version])).unwrap();
        client.read().expect("220 mx.tjpa.jus.br", "the greeting comes under TLS");
        let offered = client.say("EHLO mta.origin.example").expect("250", "EHLO").text;
        assert!(!offered.contains("STARTTLS"), "there is no TLS in TLS: {offered:?}");
        client.say("STARTTLS").expect("503 5.5.1", "nor when it is asked for all the same");
        let reply = client.send("a@origin.example", &["maria@tjpa.jus.br"], MESSAGE).expect("250 2.0.0", "dot");
        let messages = sink.state().messages.clone();
        assert_eq!(messages.len(), count + 1);
        assert_arrived("under implicit TLS", &messages[count].content, MESSAGE);
        let (received, _) = split_first_field(&messages[count].content);
        let received = String::from_utf8_lossy(received);
        assert!(received.contains(" with ESMTPS\r\n"), "RFC 3848: {received}");
        let record = gateway.explain(&id_of_reply(&reply.line())).to_string();
        assert!(record.contains(shown), "the record names the version: {record}");
    }

    // Who speaks SMTP in clear is answered with a TLS alert (content type 21) at most.
    let mut clear = Client::dial(gateway.port()).unwrap();
    clear.write(b"EHLO mta.origin.example\r\nMAIL FROM:<a@origin.example>\r\n");
    let heard = clear.try_read();
    assert!(heard.is_err(), "no reply in clear: {heard:?}");
    assert_eq!(sink.state().messages.len(), 2);
}

#[test]
fn a_listener_that_demands_starttls_takes_no_mail_in_clear() {
    let (sink, certified) = (Sink::start(), Certified::new());
    let gateway = Setup::new(sink.port()).tls("starttls-required", &certified.chain, &certified.key).start();
    let mut clear = Client::connect(gateway.port());
    for command in ["MAIL FROM:<a@origin.example>", "RCPT TO:<maria@tjpa.jus.br>", "DATA", "RSET"] {
        clear.say(command).expect("530 5.7.0", command);
    }
    clear.say("NOOP").expect("250", "what carries nothing is answered");
    sink.heard_no_message();

    for version in [&TLS12, &TLS13] {
        let mut client = starttls(&gateway, &Trust::new(&[&certified], &[version]));
        client.send("a@origin.example", &["maria@tjpa.jus.br"], MESSAGE).expect("250 2.0.0", "under TLS");
    }
    assert_eq!(sink.state().messages.len(), 2);
}

#[test]
fn a_renewed_certificate_is_in_force_after_sighup_and_the_sessions_under_way_go_on() {
    let (sink, old, new) = (Sink::start(), Certified::new(), Certified::new());
    let gateway = Setup::new(sink.port()).starttls(&old.chain, &old.key).start();
    let trust = Trust::new(&[&old, &new], &[&TLS12, &TLS13]);
    let mut busy = starttls(&gateway, &trust);
    busy.envelope("a@origin.example", &["maria@tjpa.jus.br"]);
    busy.say("DATA").expect("354", "DATA");
    let mut clear = Client::connect(gateway.port());

    gateway.write_certificate(&new.chain, &new.key);
    assert_eq!(starttls(&gateway, &trust).shown(), old.der.as_ref(), "a file alone changes nothing");
    gateway.hang_up();
    wait_until("a new connection sees the new certificate", Duration::from_secs(15), || {
        starttls(&gateway, &trust).shown() == new.der.as_ref()
    });

    // The one in the middle of its mail data, and the one that was connected but had not asked for TLS yet.
    busy.write(MESSAGE);
    busy.write(b".\r\n");
    busy.read().expect("250 2.0.0", "the session that was open during the reload");
    assert_arrived("across a reload", &sink.only_message().content, MESSAGE);
    busy.say("NOOP").expect("250", "and it goes on");
    assert_eq!(busy.shown(), old.der.as_ref());
    clear.say("STARTTLS").expect("220", "STARTTLS");
    assert_eq!(clear.under_tls(&trust).unwrap().shown(), new.der.as_ref());
}

#[test]
fn a_certificate_that_cannot_be_used_leaves_the_old_one_and_does_not_keep_rules_back() {
    let (sink, old, new) = (Sink::start(), Certified::new(), Certified::new());
    let gateway = Setup::new(sink.port()).tls("implicit", &old.chain, &old.key).start();
    let trust = Trust::new(&[&old, &new], &[&TLS12, &TLS13]);
    let shown = || Client::dial(gateway.port()).unwrap().under_tls(&trust).unwrap().shown();
    let status = || gateway.command(&["status", "--json"]).succeeded().json_lines().remove(0);

    // The certificate is new and its key is not yet; and a rule is new, too.
    gateway.write_certificate(&new.chain, &old.key);
    gateway.write_rules("subjects/premio.toml", &rule::word("E2E-PREMIO", "premio"));
    let told = gateway.command(&["reload"]);
    assert_eq!(told.code, Some(1), "{}", told.told());
    assert!(told.stderr.contains("the certificate in force stays in force"), "{}", told.told());
    assert!(told.stdout.starts_with("in force: rule set "), "the rules do not wait for it: {}", told.told());
    assert_eq!(shown(), old.der.as_ref());
    let told = status();
    assert_eq!((&told["rules"], told["reload_fault"].is_null()), (&1.into(), true), "{told:#}");
    assert!(told["certificate_fault"].as_str().is_some_and(|fault| fault.contains("KeyMismatch")), "{told:#}");
    assert!(gateway.log().contains("the certificate cannot be loaded"), "{}", gateway.log());
    let (code, health) = gateway.http("/health/ready");
    assert!(code == 200 && health.contains("certificate: FAULT\n"), "mail is taken all the same: {code} {health}");

    // A slip in a rule, and the certificate whole: now that comes into force and the rules stay.
    gateway.write_certificate(&new.chain, &new.key);
    gateway.write_rules("subjects/quebrado.toml", "[[rule]]\nid = \"E2E-X\"\nphrse = \"premio\"\n");
    let told = gateway.command(&["reload"]);
    assert_eq!(told.code, Some(1), "{}", told.told());
    assert!(told.stdout.starts_with("in force: certificate and key"), "{}", told.told());
    assert_eq!(shown(), new.der.as_ref());
    let told = status();
    assert_eq!((&told["rules"], told["certificate_fault"].is_null()), (&1.into(), true), "{told:#}");
    assert!(gateway.http("/health/ready").1.contains("certificate: ok\n"));

    gateway.remove_rules("subjects/quebrado.toml");
    gateway.command(&["reload"]).succeeded();
}
