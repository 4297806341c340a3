//! How a clamd is handed its content is found out by trying, told, and found out anew when it comes back.

use std::time::Duration;

use crate::support::{
    clamd::Clamd,
    client::Client,
    eicar,
    gateway::{Gateway, Setup},
    odd_clamd::OddClamd,
    sink::Sink,
    waiting::wait_until,
};

/// In JSON, to a person, and in the log.
fn is_told(gateway: &Gateway, handed: &str) {
    let status = || gateway.command(&["status", "--json"]).succeeded().json_lines().remove(0);
    assert_eq!(status()["scanners"][0]["handed"], handed, "{:#}", status()["scanners"]);
    let shown = gateway.command(&["status"]).succeeded().stdout;
    let row = shown.lines().find(|line| line.contains("scanner clamd")).unwrap();
    assert!(row.ends_with(&format!("ok, {handed}")), "{shown}");
    let log = gateway.log();
    let last = log.lines().rfind(|line| line.contains("clamd proved itself")).unwrap();
    assert!(last.contains(&format!("handed=\"{handed}\"")), "{last}");
    println!("{row}\n{last}");
}

#[test]
fn one_that_takes_no_descriptor_after_a_restart_gets_streams() {
    let mut clamd = Clamd::start();
    let odd = OddClamd::before(&clamd);
    let sink = Sink::start();
    let gateway = Setup::new(sink.port()).scanner(&odd.address()).start();
    let send = |message: &[u8]| {
        Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], message).line()
    };
    let virus = eicar::messages().swap_remove(2).1;
    let clean = b"Subject: ata\r\n\r\nSegue a ata.\r\n";
    assert!(send(clean).starts_with("250 2.0.0"));
    is_told(&gateway, "fildes");

    for (takes, handed) in [(false, "instream"), (true, "fildes")] {
        clamd.stop();
        assert!(send(clean).starts_with("451 4.7.1"), "nobody is there");
        odd.takes_descriptors(takes);
        clamd.resume();
        assert!(send(clean).starts_with("250 2.0.0"), "it is back");
        assert!(send(&virus).starts_with("550 5.7.1"), "and sees");
        is_told(&gateway, handed);
    }
    // It changes between two messages, and no connection fails: the message that meets it is deferred, and never called clean.
    odd.takes_descriptors(false);
    let said = send(&virus);
    assert!(said.starts_with("451 4.7.1") || said.starts_with("550 5.7.1"), "{said}");
    wait_until("it is used again", Duration::from_secs(5), || send(clean).starts_with("250 2.0.0"));
    is_told(&gateway, "instream");
    assert_eq!(sink.state().messages.len(), 4);
}
