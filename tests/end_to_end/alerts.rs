//! What goes wrong is told once by every route, and once that it is over.
//!
//! These cases take as long as the patience of the conditions: half a minute until a next hop that is down is news, a minute until
//! one that is back is believed.

use std::{thread, time::Duration};

use serde_json::Value;

use crate::support::{
    client::Client,
    gateway::{Gateway, Setup},
    hook::Hook,
    sink::Sink,
    waiting::{listens, wait_until},
};

/// Alerts go to the webhook, to a mailbox behind a next hop of its own, and to one behind the next hop that everything else uses.
fn setup(next_hop: u16, noc: &Sink, hook: &Hook) -> Setup {
    Setup::new(next_hop).table(&format!(
        "[[domain]]\nname = \"noc.example\"\nnext_hop = \"noc\"\n\n\
         [[next_hop]]\nname = \"noc\"\naddress = [\"127.0.0.1:{}\"]\ntls = \"off\"\n\n\
         [alert]\nwebhook = \"{}\"\nmail_to = [\"plantao@noc.example\", \"maria@tjpa.jus.br\"]\n",
        noc.port(),
        hook.url()
    ))
}

fn events(hook: &Hook) -> Vec<String> {
    hook.posted()
        .iter()
        .map(|(_, told)| format!("{} {}", told["condition"].as_str().unwrap_or("-"), told["event"].as_str().unwrap()))
        .collect()
}

/// The field X-Portaria-Alert of every message.
fn mails(sink: &Sink) -> Vec<String> {
    let of = |content: &[u8]| {
        let text = String::from_utf8(content.to_vec()).expect("it is ASCII");
        assert!(text.contains("\r\nAuto-Submitted: auto-generated\r\n"), "{text}");
        text.lines().find_map(|line| line.strip_prefix("X-Portaria-Alert: ")).expect("it is one of ours").to_owned()
    };
    sink.state().messages.iter().map(|message| of(&message.content)).collect()
}

fn standing(gateway: &Gateway) -> Vec<Value> {
    gateway.command(&["alert", "list", "--json"]).succeeded().json_lines()
}

#[test]
fn a_next_hop_that_goes_is_told_once_by_every_route_and_once_that_it_is_back() {
    let (mailbox, noc, hook) = (Sink::start(), Sink::start(), Hook::start(&[]));
    let gateway = setup(mailbox.port(), &noc, &hook).start();
    let port = mailbox.lease();
    drop(mailbox);
    wait_until("the next hop is gone", Duration::from_secs(10), || !listens(port.number()));
    // A message finds out; without one the next look does, a minute later at most.
    let mut client = Client::connect(gateway.port());
    client.say("MAIL FROM:<a@origin.example>").expect("250", "MAIL");
    client.say("RCPT TO:<maria@tjpa.jus.br>").expect("451 4.4.1", "nobody is there");
    assert_eq!(standing(&gateway), Vec::<Value>::new(), "it is no news yet");

    hook.wait_for(1, Duration::from_secs(60));
    noc.wait_until("the alert", Duration::from_secs(20), |state| !state.messages.is_empty());
    let (_, told) = hook.posted().remove(0);
    assert_eq!(
        (told["condition"].as_str(), told["event"].as_str()),
        (Some("next_hop_down"), Some("raised")),
        "{told:#}"
    );
    assert_eq!((told["subject"].as_str(), told["severity"].as_str()), (Some("mailbox"), Some("critical")), "{told:#}");
    assert!(told["detail"].as_str().unwrap().contains(&port.number().to_string()), "{told:#}");
    let mail = noc.only_message();
    assert_eq!(
        (mail.reverse_path.as_str(), mail.recipients.as_slice()),
        ("", ["plantao@noc.example".to_owned()].as_slice())
    );

    let rows = standing(&gateway);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!((&rows[0]["condition"], &rows[0]["since"]), (&told["condition"], &told["since"]));
    let status = gateway.command(&["status"]).succeeded().stdout;
    assert!(status.contains("the next hop mailbox takes no mail") && status.contains("what to do:"), "{status}");
    let metrics = gateway.http("/metrics").1;
    assert!(metrics.contains("portaria_alerts{condition=\"next_hop_down\"} 1"), "{metrics}");
    assert!(metrics.contains("portaria_alerts{condition=\"disk_low\"} 0"), "{metrics}");

    // It goes on failing, and nobody hears of it again.
    thread::sleep(Duration::from_secs(15));
    assert_eq!((events(&hook).len(), mails(&noc).len()), (1, 1));

    let mailbox = Sink::start_on(port);
    hook.wait_for(2, Duration::from_secs(120));
    noc.wait_until("that it is over", Duration::from_secs(20), |state| state.messages.len() > 1);
    // What waited for the very next hop that was down arrives in order.
    mailbox.wait_until("both", Duration::from_secs(90), |state| state.messages.len() > 1);
    let once = ["next_hop_down; raised; critical", "next_hop_down; cleared; critical"];
    assert_eq!(mails(&mailbox), once);
    assert_eq!(mails(&noc), once);
    assert_eq!(events(&hook), ["next_hop_down raised", "next_hop_down cleared"]);
    assert_eq!(standing(&gateway), Vec::<Value>::new());
    assert!(gateway.http("/metrics").1.contains("portaria_alerts{condition=\"next_hop_down\"} 0"));
    let deliveries = "portaria_alert_deliveries_total{route=\"webhook\",result=\"delivered\"} 2";
    assert!(gateway.http("/metrics").1.contains(deliveries));
    assert!(!gateway.log().contains("s3cret"), "the address of a webhook is a secret");
}

#[test]
fn a_scanner_that_is_not_there_is_told_of_though_the_webhook_fails_at_first() {
    let (sink, hook) = (Sink::start(), Hook::start(&[500]));
    let table = format!("[alert]\nwebhook = \"{}\"\n", hook.url());
    let gateway = Setup::new(sink.port()).scanner("unix:/nonexistent/clamd.ctl").table(&table).start_unready();
    hook.wait_for(2, Duration::from_secs(90));
    let posted = hook.posted();
    assert_eq!([posted[0].0, posted[1].0], [500, 200]);
    assert_eq!(posted[0].1, posted[1].1, "the same, under the same id");
    assert_eq!(events(&hook)[0], "scanner_group_down raised");
    let metrics = gateway.http("/metrics").1;
    for line in ["result=\"failed\"} 1", "result=\"delivered\"} 1"] {
        assert!(metrics.contains(&format!("portaria_alert_deliveries_total{{route=\"webhook\",{line}")), "{metrics}");
    }
}

#[test]
fn a_test_shows_what_every_route_answers() {
    let (sink, noc, hook) = (Sink::start(), Sink::start(), Hook::start(&[200, 302]));
    let mut gateway = setup(sink.port(), &noc, &hook).start();
    let rows = |output: &Value| -> Vec<(String, String)> {
        let routes = output["routes"].as_array().unwrap().iter();
        routes.map(|it| (it["to"].as_str().unwrap().to_owned(), it["result"].as_str().unwrap().to_owned())).collect()
    };
    let tested = gateway.command(&["alert", "test", "--json"]).succeeded().json_lines().remove(0);
    let to = |name: &str, result: &str| (name.to_owned(), result.to_owned());
    let webhook = hook.url().replace("hook/s3cret", "…");
    let expected =
        [to(&webhook, "delivered"), to("plantao@noc.example", "delivered"), to("maria@tjpa.jus.br", "delivered")];
    assert_eq!(rows(&tested), expected);
    assert_eq!(
        (mails(&noc), mails(&sink)),
        (vec!["test; test; warning".to_owned()], vec!["test; test; warning".to_owned()])
    );

    // A redirect is not followed, and a mailbox that is not there is not tried for ever.
    noc.behave(|behaviour| behaviour.rcpt = vec![("plantao@noc.example".to_owned(), "550 5.1.1 nobody".to_owned())]);
    let output = gateway.command(&["alert", "test"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    for words in ["replied 302", "550 5.1.1 nobody", "delivered"] {
        assert!(output.stdout.contains(words), "{words}: {}", output.stdout);
    }
    assert!(!output.stdout.contains("s3cret"), "{}", output.stdout);

    gateway.terminate();
    wait_until("it is gone", Duration::from_secs(30), || gateway.wait(Duration::from_secs(1)).is_some());
    assert_eq!(gateway.command(&["alert", "test"]).code, Some(3), "nobody is there to send it");
}
