//! The directory of mailboxes: who is not listed is refused, where a mailbox lives is where its mail goes, and both change at a reload.

use std::time::Duration;

use crate::support::{
    client::{Client, Reply},
    gateway::{Gateway, Setup},
    sink::Sink,
    subject::message_about,
    waiting::wait_until,
};

const DIRECTORY: &str = "\u{feff}kind;name;class;primary;addresses;next_hop;internal_senders_only\r\n\
                         ;maria;servidor;maria@tjepa.jus.br;maria@tjpa.jus.br m.silva@tjpa.jus.br;;\r\n\
                         ;arquivo;unidade;arquivo@tjepa.jus.br;arquivo@tjpa.jus.br;mailbox2;\r\n\
                         list;;;todos@tjpa.jus.br;;;VERDADEIRO\r\n";

const BLOCKED: &str =
    "[[blocked]]\nmailbox = \"m.silva\"\ndirection = \"receive\"\nreason = \"r\"\nticket = \"REQ 1\"\nby = \"s3b\"\n";

/// A gateway in front of two mailbox servers, with this directory.
fn start(mailbox: &Sink, mailbox2: &Sink, name: &str, directory: &str) -> Gateway {
    let table =
        format!("[[next_hop]]\nname = \"mailbox2\"\naddress = [\"127.0.0.1:{}\"]\ntls = \"off\"", mailbox2.port());
    Setup::new(mailbox.port()).table(&table).rules(name, directory).start()
}

fn send(gateway: &Gateway, from: &str, to: &str) -> Reply {
    let mut client = Client::connect(gateway.port());
    client.say(&format!("MAIL FROM:<{from}>")).expect("250", from);
    let reply = client.say(&format!("RCPT TO:<{to}>"));
    if reply.is("250") { client.data(&message_about(b"Ata")) } else { reply }
}

#[test]
fn who_is_listed_gets_mail_where_he_lives_and_who_is_not_is_refused_without_asking() {
    let (mailbox, mailbox2) = (Sink::start(), Sink::start());
    let gateway = start(&mailbox, &mailbox2, "directory.csv", DIRECTORY);
    for to in ["ninguem@tjpa.jus.br", "m.silva2@tjepa.jus.br"] {
        send(&gateway, "a@origin.example", to).expect("550 5.1.1", to);
    }
    send(&gateway, "a@origin.example", "todos@tjpa.jus.br").expect("550 5.7.1", "a list for internal senders");
    mailbox.heard_no_message();
    mailbox2.heard_no_message();
    send(&gateway, "a@origin.example", "M.Silva+x@tjepa.jus.br").expect("250 2.0.0", "an alias");
    send(&gateway, "maria@tjpa.jus.br", "todos@tjpa.jus.br").expect("250 2.0.0", "an internal sender");
    send(&gateway, "a@origin.example", "postmaster@tjpa.jus.br").expect("250 2.0.0", "RFC 5321 §4.5.1");
    assert_eq!((mailbox.state().messages.len(), mailbox2.state().messages.len()), (3, 0));
    send(&gateway, "a@origin.example", "arquivo@tjpa.jus.br").expect("250 2.0.0", "its own next hop");
    assert_eq!((mailbox.state().messages.len(), mailbox2.state().messages.len()), (3, 1));
}

/// Clause 9.2.12, AC1: a mailbox that moved goes elsewhere from the next reload on; and a directory with a fault changes nothing.
#[test]
fn a_faulty_directory_leaves_the_old_one_in_force() {
    let (mailbox, mailbox2) = (Sink::start(), Sink::start());
    let gateway = start(&mailbox, &mailbox2, "directory.csv", DIRECTORY);
    let mut under_way = Client::connect(gateway.port());
    under_way.envelope("a@origin.example", &["arquivo@tjpa.jus.br"]);

    // It moves, another one comes, and maria is blocked by the name of an alias.
    let moved =
        DIRECTORY.replace("mailbox2", "") + ";joana;servidor;joana@tjepa.jus.br;joana@tjpa.jus.br;mailbox2;\r\n";
    gateway.write_rules("mailboxes.toml", BLOCKED);
    gateway.write_rules("directory.csv", &moved);
    gateway.command(&["reload"]).succeeded();
    under_way.data(&message_about(b"Ata")).expect("250", "the transaction that was open during the reload");
    assert_eq!((mailbox.state().messages.len(), mailbox2.state().messages.len()), (0, 1), "it ends where it began");
    send(&gateway, "a@origin.example", "arquivo@tjpa.jus.br").expect("250", "moved");
    send(&gateway, "a@origin.example", "joana@tjpa.jus.br").expect("250", "new");
    assert_eq!((mailbox.state().messages.len(), mailbox2.state().messages.len()), (1, 2));
    send(&gateway, "a@origin.example", "maria@tjpa.jus.br").expect("550 5.2.1", "blocked by an alias");

    let faults: [(&str, &str, &str); 4] = [
        ("directory.csv", ";maria;", "directory.csv"),
        ("directory.csv", "kind;name;class;primary\r\n", "nobody is in this directory"),
        ("directory.csv", "kind;name;class;primary\r\n;a;c;a b@tjpa.jus.br\r\n", "is not an address"),
        ("directory.toml", "[[mailbox]]\n", "are both there"),
    ];
    for (name, text, told) in faults {
        gateway.write_rules(name, text);
        let reload = gateway.command(&["reload"]);
        assert_eq!(reload.code, Some(1), "{}", reload.told());
        assert!(reload.told().contains(told), "{told} is not in {}", reload.told());
        send(&gateway, "a@origin.example", "joana@tjpa.jus.br").expect("250", "the old one is in force");
        send(&gateway, "a@origin.example", "ninguem@tjpa.jus.br").expect("550 5.1.1", "the old one is in force");
        gateway.write_rules("directory.csv", &moved);
    }
    gateway.remove_rules("directory.toml");

    // Without the file it is as if there had never been one.
    gateway.remove_rules("directory.csv");
    gateway.hang_up();
    wait_until("who was not listed is taken", Duration::from_secs(15), || {
        send(&gateway, "a@origin.example", "ninguem@tjpa.jus.br").is("250")
    });
}

#[test]
fn the_commands_say_whose_an_address_is_and_what_breaks_the_norm() {
    let (mailbox, mailbox2) = (Sink::start(), Sink::start());
    let gateway = start(&mailbox, &mailbox2, "directory.csv", DIRECTORY);
    let told = gateway.command(&["directory", "check"]).succeeded();
    assert!(told.stdout.contains("lists: 1, addresses: 4") && !told.stdout.contains('\u{1b}'), "{}", told.told());
    assert!(told.stdout.contains("todos@tjpa.jus.br  internal senders only, but anybody"), "{}", told.told());
    gateway.write_rules("mailboxes.toml", &BLOCKED.replace("m.silva", "ninguem"));
    gateway.write_rules("directory.csv", &DIRECTORY.replace("arquivo@tjpa.jus.br", ""));
    let told = gateway.command(&["directory", "check", "--json"]);
    assert_eq!(told.code, Some(1), "{}", told.told());
    let checks: Vec<String> = told
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["check"].to_string())
        .collect();
    // What the checker says of the same block is left out; last the sum, which is no check of the norm.
    let expected = ["\"missing_address\"", "\"sender_not_tied\"", "\"block_names_nobody\"", "null"];
    assert_eq!(checks, expected, "{}", told.told());
    let told = gateway.command(&["directory", "lookup", "M.SILVA@tjepa.jus.br", "--json"]).succeeded();
    assert!(told.stdout.contains("\"mailbox\":\"maria@tjepa.jus.br\""), "{}", told.told());
}
