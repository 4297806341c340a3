//! Who may receive and who may send: blocked mailboxes, unknown users, foreign domains; and a user's message all the way to a Maildir.

use std::process::Command;

use crate::support::{
    clamd::Clamd,
    client::Client,
    command::run,
    gateway::{Gateway, Setup},
    mailbox_server::MailboxServer,
    sink::Sink,
    trace::find_id,
};

const BLOCKED: &str = "\
[[blocked]]
mailbox = \"bloqueado\"
direction = \"receive\"
reason = \"Uso indevido, item 9.2.31\"
ticket = \"REQ 2026/119004\"
by = \"analista.s3b\"

[[blocked]]
mailbox = \"mudo@tjpa.jus.br\"
direction = \"send\"
reason = \"Conta comprometida\"
ticket = \"REQ 2026/119005\"
by = \"analista.s3b\"
";

fn rcpt(gateway: &Gateway, reverse_path: &str, recipient: &str) -> String {
    let mut client = Client::connect(gateway.port());
    client.say(&format!("MAIL FROM:<{reverse_path}>")).expect("250", "MAIL");
    client.say(&format!("RCPT TO:<{recipient}>")).line()
}

#[test]
fn a_mailbox_blocked_to_receive_is_refused_in_every_spelling_and_its_neighbour_is_not() {
    let server = MailboxServer::start(&["maria", "bloqueado", "mudo"]);
    let gateway = Setup::new(server.port()).rules("mailboxes.toml", BLOCKED).start();
    for recipient in [
        "bloqueado@tjpa.jus.br",
        "bloqueado@tjepa.jus.br",
        "BLOQUEADO@TJPA.JUS.BR",
        "\"bloqueado\"@tjpa.jus.br",
        "bloqueado+x@tjpa.jus.br",
    ] {
        let reply = rcpt(&gateway, "a@origin.example", recipient);
        assert!(reply.starts_with("550 5.2.1"), "<{recipient}> is blocked to receive, but heard {reply:?}");
    }
    for recipient in ["maria@tjpa.jus.br", "maria@tjepa.jus.br", "mudo@tjpa.jus.br"] {
        let reply = rcpt(&gateway, "a@origin.example", recipient);
        assert!(reply.starts_with("250"), "<{recipient}> is not blocked to receive, but heard {reply:?}");
    }
    let reply = rcpt(&gateway, "bloqueado@tjpa.jus.br", "maria@tjpa.jus.br");
    assert!(reply.starts_with("250"), "blocked to receive, it may still send, but heard {reply:?}");
}

#[test]
fn a_mailbox_blocked_to_send_is_refused_at_mail_in_every_spelling() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).rules("mailboxes.toml", BLOCKED).start();
    for reverse_path in ["mudo@tjpa.jus.br", "mudo@tjepa.jus.br", "Mudo@Tjpa.Jus.Br", "mudo+x@tjpa.jus.br"] {
        let reply = Client::connect(gateway.port()).say(&format!("MAIL FROM:<{reverse_path}>"));
        reply.expect("550 5.7.1", &format!("<{reverse_path}> is blocked to send"));
    }
    for reverse_path in ["mudo@origin.example", "", "maria@tjpa.jus.br"] {
        Client::connect(gateway.port()).say(&format!("MAIL FROM:<{reverse_path}>")).expect("250", reverse_path);
    }
    sink.heard_no_message();
}

#[test]
fn an_unknown_user_hears_the_mailbox_servers_own_words_before_data() {
    let server = MailboxServer::start(&["maria"]);
    let gateway = Setup::new(server.port()).start();
    let reply = rcpt(&gateway, "a@origin.example", "ninguem@tjpa.jus.br");
    assert!(reply.starts_with("550 5.1.1"), "{reply:?}");
    assert!(reply.contains("User unknown in virtual mailbox table"), "Postfix's words are passed on: {reply:?}");
}

#[test]
fn nothing_is_relayed_for_domains_that_are_not_ours() {
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).start();
    for recipient in [
        "a@elsewhere.example",
        "a%elsewhere.example@tjpa.jus.br",
        "elsewhere.example!a@tjpa.jus.br",
        "\"a@elsewhere.example\"@tjpa.jus.br",
        "@tjpa.jus.br:a@elsewhere.example",
        "a@[127.0.0.1]",
        "a@sub.tjpa.jus.br",
    ] {
        let reply = rcpt(&gateway, "a@origin.example", recipient);
        assert!(reply.starts_with("550 5.7.1"), "<{recipient}> is not ours to relay, but heard {reply:?}");
    }
    sink.heard_no_message();
}

#[test]
fn swaks_delivers_under_tls_and_the_message_is_in_the_maildir() {
    let server = MailboxServer::start(&["maria"]);
    let clamd = Clamd::start();
    let certified = rcgen::generate_simple_self_signed(["mx.tjpa.jus.br".to_owned()]).unwrap();
    let gateway = Setup::new(server.port())
        .clamd(&clamd)
        .starttls(&certified.cert.pem(), &certified.signing_key.serialize_pem())
        .start();
    let swaks = run(Command::new("swaks").args([
        "--server",
        &format!("127.0.0.1:{}", gateway.port()),
        "--ehlo",
        "mta.origin.example",
        "--from",
        "a@origin.example",
        "--to",
        "maria@tjepa.jus.br",
        "--tls",
        "--data",
        "Subject: de swaks\\n\\n.uma linha com ponto\\nolar\\n",
    ]))
    .succeeded();
    let reply = swaks.stdout.lines().find(|line| line.starts_with("<~  250 2.0.0") && line.contains('('));
    let id = reply.and_then(find_id).unwrap_or_else(|| panic!("the reply under TLS has an id: {}", swaks.told()));

    let mail = server.wait_for_mail("maria");
    assert!(
        mail.ends_with("Subject: de swaks\n\n.uma linha com ponto\nolar\n\n") || mail.ends_with("ponto\nolar\n"),
        "{mail}"
    );
    assert!(mail.contains("with ESMTPS"), "RFC 3848: our Received: says that it came under TLS: {mail}");
    assert_eq!(mail.matches(&id).count(), 1, "our Received: has the id of the reply: {mail}");
    let record = gateway.explain(&id);
    let tls = record["client"]["tls"].as_str().unwrap_or_default();
    assert!(tls.contains("TLS"), "the record names the version: {record:#}");
}
