//! Applications as they are: swaks logs in over STARTTLS, others are known by their address; the registry is changed while they send.

use std::{process::Command, time::Duration};

use crate::support::{
    command::{Output, run},
    gateway::{Gateway, Setup, password_hash},
    port::Port,
    sink::Sink,
    tls::Certified,
    trace::find_id,
    waiting::wait_until,
};

const PASSWORD: &str = "correct horse battery staple 17";

fn entry(id: &str, more: &str) -> String {
    format!(
        "[[application]]\nid = \"{id}\"\nowner = \"o\"\nrequester = \"r\"\nevaluator = \"S3B\"\nevaluated = 2026-01-01\n\
         ticket = \"REQ 1\"\nreview_by = 2999-01-01\nsenders = [\"{id}@tjpa.jus.br\"]\nmax_recipients = 5\n{more}\n"
    )
}

/// A gateway whose second listener is for applications, and that listener's port.
fn gateway(mailbox: &Sink, internet: &Sink, registry: &str) -> (Gateway, Port) {
    certified_gateway(&Certified::new(), mailbox, internet, registry)
}

fn certified_gateway(certified: &Certified, mailbox: &Sink, internet: &Sink, registry: &str) -> (Gateway, Port) {
    let port = Port::lease();
    let tables = format!(
        "[[listener]]\nrole = \"application\"\naddress = \"127.0.0.1:{}\"\ntls = \"starttls\"\n\
         [[next_hop]]\nname = \"internet\"\naddress = [\"127.0.0.1:{}\"]\ntls = \"off\"\n\
         [application]\ninternet_next_hop = \"internet\"\ncontact = \"S3B\"\n",
        port.number(),
        internet.port()
    );
    let setup = Setup::new(mailbox.port()).starttls(&certified.chain, &certified.key).table(&tables);
    (setup.rules("applications.toml", registry).start(), port)
}

fn swaks(port: &Port, sender: &str, recipient: &str, more: &[&str]) -> Output {
    let server = format!("127.0.0.1:{}", port.number());
    let common = ["--server", &server, "--helo", "pje.tjpa.jus.br", "--from", sender, "--to", recipient];
    run(Command::new("swaks").args(common).args(more).args(["--body", "Segue."]))
}

const LOGIN: [&str; 3] = ["--tls", "--auth-user", "svc-pje"];

fn login<'a>(mechanism: &'a str, password: &'a str) -> Vec<&'a str> {
    LOGIN.into_iter().chain(["--auth", mechanism, "--auth-password", password]).collect()
}

#[test]
fn a_login_over_starttls_sends_and_leaves_no_password_behind() {
    let (mailbox, internet) = (Sink::start(), Sink::start());
    let hash = password_hash(PASSWORD);
    let more = format!("state = \"active\"\nlogin = \"svc-pje\"\n{hash}reach = \"internet\"\nmax_per_hour = 2\n");
    let (gateway, port) = gateway(&mailbox, &internet, &entry("pje", &more));

    // Nobody yet; and not in clear, which swaks is told by the offer and we by the reply.
    let stranger = swaks(&port, "pje@tjpa.jus.br", "maria@tjpa.jus.br", &[]);
    assert!(stranger.stdout.contains("550 5.7.1 Not registered to send mail here, ask S3B"), "{}", stranger.told());
    let wrong = swaks(&port, "pje@tjpa.jus.br", "maria@tjpa.jus.br", &login("PLAIN", "wrong"));
    assert!(wrong.stdout.contains("535 5.7.8 Authentication failed"), "{}", wrong.told());
    mailbox.heard_no_message();

    let sent = swaks(&port, "pje@tjpa.jus.br", "maria@tjpa.jus.br", &login("PLAIN", PASSWORD)).succeeded();
    let received = String::from_utf8_lossy(&mailbox.only_message().content).into_owned();
    assert!(received.contains("with ESMTPSA"), "{received}");
    let id = sent.stdout.lines().filter(|line| line.contains("250 2.0.0")).find_map(find_id).unwrap();
    let record = gateway.explain(&id);
    assert_eq!((&record["application"]["id"], &record["application"]["login"]), (&"pje".into(), &"svc-pje".into()));

    // As somebody else; to the internet; and one more than its hour has.
    let foreign = swaks(&port, "maria@tjpa.jus.br", "maria@tjpa.jus.br", &login("LOGIN", PASSWORD));
    assert!(foreign.stdout.contains("550 5.7.1 Sender not registered for application pje"), "{}", foreign.told());
    let header = [login("LOGIN", PASSWORD), vec!["--header", "From: presidente@tjpa.jus.br"]].concat();
    let forged = swaks(&port, "pje@tjpa.jus.br", "maria@tjpa.jus.br", &header);
    assert!(forged.stdout.contains("550 5.7.1 From or Sender not registered"), "{}", forged.told());
    swaks(&port, "pje@tjpa.jus.br", "parte@example.org", &login("LOGIN", PASSWORD)).succeeded();
    assert_eq!((mailbox.state().messages.len(), internet.state().messages.len()), (1, 1));
    let over = swaks(&port, "pje@tjpa.jus.br", "maria@tjpa.jus.br", &login("PLAIN", PASSWORD));
    assert!(over.stdout.contains("451 4.7.1 Application pje has had its messages of this hour"), "{}", over.told());

    // A reload does not give the hour back, and suspends in a moment.
    let registry = entry("pje", &more.replace("\"active\"", "\"suspended\""));
    gateway.write_rules("applications.toml", &registry);
    gateway.command(&["reload"]).succeeded();
    let suspended = swaks(&port, "pje@tjpa.jus.br", "maria@tjpa.jus.br", &login("PLAIN", PASSWORD));
    assert!(suspended.stdout.contains("550 5.7.1 Application pje is suspended, ask S3B"), "{}", suspended.told());
    gateway.write_rules("applications.toml", &entry("pje", &more));
    gateway.command(&["reload"]).succeeded();
    let over = swaks(&port, "pje@tjpa.jus.br", "maria@tjpa.jus.br", &login("PLAIN", PASSWORD));
    assert!(over.stdout.contains("451 4.7.1"), "{}", over.told());

    // Who sent what where.
    let mut report = Vec::new();
    wait_until("the records are in the database", Duration::from_secs(10), || {
        report = gateway.command(&["application", "report", "--json"]).succeeded().json_lines();
        report.first().is_some_and(|day| day["taken"] == 2 && day["messages"].as_u64() >= Some(6))
    });
    let sum = |key: &str| report.iter().filter_map(|day| day[key].as_u64()).sum::<u64>();
    assert_eq!((sum("internal"), sum("internet")), (1, 1), "{report:?}");
    assert_eq!(report[0]["internet_recipients"]["parte@example.org"], 1, "{report:?}");
    let (_, metrics) = gateway.http("/metrics");
    for line in [
        "portaria_logins_total{result=\"right\"}",
        "portaria_application_recipients_total{application=\"pje\",reach=\"internet\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }

    // Neither the password nor what it looked like on the wire stands anywhere.
    let hash = hash.split('"').nth(1).unwrap();
    let log = gateway.log();
    for secret in [PASSWORD, "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZSAxNw==", hash, "c3ZjLXBqZ"] {
        assert!(!log.contains(secret) && !metrics.contains(secret), "{secret}");
        assert!(!record.to_string().contains(secret), "{secret}");
    }
}

#[test]
fn an_application_that_is_known_by_its_address_is_tried_before_it_counts() {
    let (mailbox, internet) = (Sink::start(), Sink::start());
    let known =
        |state: &str| entry("sei", &format!("state = \"{state}\"\nnetworks = [\"127.0.0.1\"]\nmax_per_hour = 100\n"));
    let (gateway, port) = gateway(&mailbox, &internet, &known("observe"));
    let send = || swaks(&port, "sei@tjpa.jus.br", "maria@tjpa.jus.br", &[]);

    let tried = send();
    assert!(tried.stdout.contains("450 4.7.1 Application sei is on trial, nothing is relayed"), "{}", tried.told());
    let id = tried.stdout.lines().filter(|line| line.contains("450 4.7.1")).find_map(find_id).unwrap();
    let record = gateway.explain(&id);
    assert_eq!(record["application"]["would_be"]["ending"], "relayed", "{record}");
    let told = gateway.command(&["explain", &id]).succeeded();
    assert!(
        told.stdout.contains("the application sei (observe)")
            && told.stdout.contains("on trial; it would have been relayed"),
        "{}",
        told.told()
    );
    mailbox.heard_no_message();

    gateway.write_rules("applications.toml", &known("active"));
    gateway.command(&["reload"]).succeeded();
    send().succeeded();
    assert_eq!(mailbox.state().messages.len(), 1);
    let beyond = swaks(&port, "sei@tjpa.jus.br", "parte@example.org", &[]);
    assert!(beyond.stdout.contains("550 5.7.1 Recipient beyond the reach of application sei"), "{}", beyond.told());

    let sheet = gateway.command(&["application", "sheet", "sei"]).succeeded().stdout;
    for word in ["mx.tjpa.jus.br", &port.number().to_string(), "sei@tjpa.jus.br", "127.0.0.1/32", "S3B"] {
        assert!(sheet.contains(word), "{word} is not in\n{sheet}");
    }
    let listed = gateway.command(&["application", "list", "--json"]).succeeded().json_lines();
    assert_eq!((&listed[0]["id"], &listed[0]["review_due"]), (&"sei".into(), &false.into()));
    assert_eq!(gateway.command(&["application", "sheet", "nobody"]).code, Some(1));

    // A bad registry never replaces a good one.
    gateway.write_rules("applications.toml", &known("active").replace("ticket", "tickt"));
    assert_eq!(gateway.command(&["reload"]).code, Some(1));
    send().succeeded();
    assert_eq!(mailbox.state().messages.len(), 2);
}

/// What `application test` said of each parameter, and its exit code.
fn tested(gateway: &Gateway, more: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    let output = gateway.command(&[&["application", "test", "--json"], more].concat());
    let line = |line: &serde_json::Value| {
        let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        (word("parameter"), word("result"))
    };
    (output.code, output.json_lines().iter().map(line).collect())
}

fn failed(findings: &[(String, String)]) -> Vec<&str> {
    findings.iter().filter(|(_, result)| result == "fail").map(|(parameter, _)| parameter.as_str()).collect()
}

/// Clause 8.1.6: each parameter of the sheet is tried, and no message is sent.
#[test]
fn every_parameter_of_a_sheet_is_tried_as_the_application_would() {
    let (mailbox, internet) = (Sink::start(), Sink::start());
    let certified = Certified::new();
    let more = format!("state = \"active\"\nlogin = \"svc-pje\"\n{}max_per_hour = 100\n", password_hash(PASSWORD));
    let registry = entry("pje", &more);
    let (gateway, port) = certified_gateway(&certified, &mailbox, &internet, &registry);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (ca, right, wrong) =
        (file("ca.pem", &certified.chain), file("right", &format!("{PASSWORD}\n")), file("wrong", "another\n"));
    let server = format!("127.0.0.1:{}", port.number());
    let ask = ["pje", "--connect", &server, "--ca", &ca, "--password-file"];

    let (code, findings) = tested(&gateway, &[&ask[..], &[&right]].concat());
    let parameters: Vec<&str> = findings.iter().map(|(parameter, _)| parameter.as_str()).collect();
    assert_eq!(
        parameters,
        [
            "connection",
            "login_under_tls_only",
            "tls",
            "message_size",
            "login",
            "sender",
            "null_sender",
            "foreign_sender",
            "recipient",
            "reach",
            "max_recipients"
        ]
    );
    assert!(code == Some(0) && findings.iter().all(|(_, result)| result == "pass"), "{code:?} {findings:?}");

    // From a sheet, where there is no registry; with a password that is not its; to somebody who is not who he says.
    let sheet = gateway.command(&["application", "sheet", "pje", "--json"]).succeeded().stdout;
    let sheet = file("sheet.json", &sheet);
    let by_sheet = ["--sheet", &sheet, "--connect", &server, "--password-file"];
    let (code, findings) = tested(&gateway, &[&by_sheet[..], &[&wrong, "--ca", &ca]].concat());
    assert_eq!((code, failed(&findings), findings.len()), (Some(1), vec!["login"], 5), "{findings:?}");
    let (code, findings) = tested(&gateway, &[&by_sheet[..], &[&right]].concat());
    assert_eq!((code, failed(&findings)), (Some(1), vec!["tls"]), "{findings:?}");

    // A sheet that says more than the registry does.
    let promised = std::fs::read_to_string(&sheet).unwrap().replace("pje@tjpa", "outro@tjpa");
    let promised = file("promised.json", &promised.replace("\"null_sender\":false", "\"null_sender\":true"));
    let ask = ["--sheet", &promised, "--connect", &server, "--password-file", &right, "--ca", &ca];
    assert_eq!(failed(&tested(&gateway, &ask).1), ["sender", "null_sender"]);

    mailbox.heard_no_message();
    internet.heard_no_message();
    let log = gateway.log();
    assert!(!log.contains(PASSWORD), "{log}");
    let table = gateway.command(&["application", "test", "pje", "--connect", &server, "--ca", &ca]);
    assert!(table.stdout.contains("--password-file") && !table.stdout.contains("FAIL"), "{}", table.told());
    let nobody = gateway.command(&["application", "test", "pje", "--connect", "127.0.0.1:1"]);
    assert_eq!(nobody.code, Some(3), "{}", nobody.told());
}
