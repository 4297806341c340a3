//! Clauses 9.2.30, 10.1.1 and 10.1.2 by the command itself: no search without a request, nothing outside of its days and mailboxes, both
//! directions, refused and held too, and the audit trail before the first line.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test fails by panicking, and runs the program"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use portaria::{
    audit::Stored,
    record::{
        Record, TransactionId,
        request::{Asked, Closed, Kind, Request, Scope},
        subject::Subjects,
        window,
    },
    store::{Change, JournalPosition, Store, subject_key},
};
use serde_json::json;

/// 2026-11-21 11:00 UTC, 08:00 in Belém.
const BEGAN: i64 = 1_795_258_800_000;
const DAY: i64 = 86_400_000;

fn record(number: u64, days_ago: i64, from: (&str, Option<&str>), to: &[(&str, &str)], subject: &str) -> Record {
    let began = BEGAN - days_ago * DAY;
    let recipients: Vec<_> = to
        .iter()
        .map(|(address, fate)| {
            json!({
                "address": address, "mailbox": address.ends_with("@tjpa.jus.br").then(|| address.to_lowercase()),
                "reply": "250 2.1.5 Ok", "answered_by": "next_hop", "refusal": null, "fate": fate, "decided_by_rule": null,
                "downgraded": false,
            })
        })
        .collect();
    serde_json::from_value(json!({
        "id": TransactionId::new(began.unsigned_abs(), u128::from(number) << 12 | 0xabc), "began": began, "ended": began + 400,
        "client": { "listener": "0.0.0.0:25", "address": "192.0.2.25", "port": 40125, "hello": "mx.example", "tls": null },
        "reverse_path": from.0, "reverse_path_mailbox": from.1, "recipients": recipients, "subjects": [subject],
        "message_id": format!("<{number}@example.com>"), "size": 100, "sha256": null, "policy": "0123456789ab", "rules": [],
        "scanners": [], "next_hop": null, "ending": "relayed", "cause": { "cause": "nothing" }, "tagged": null,
        "reply": "250 2.0.0 Ok: queued", "quarantined": false,
    }))
    .unwrap()
}

fn request(number: &str, kind: Kind) -> Request {
    let received = jiff::civil::date(2026, 11, 21);
    let zone = jiff::tz::TimeZone::get("America/Belem").unwrap();
    let written = "fulano.tal@tjpa.jus.br".to_owned();
    let keys = vec![portaria::policy::directory::MailboxKey(written.clone())];
    Request {
        number: number.to_owned(),
        kind,
        who: "Corregedoria".to_owned(),
        reason: None,
        received: Some(received),
        time_zone: "America/Belem".to_owned(),
        span: window::of_request(received, &zone).unwrap(),
        late: false,
        scope: Scope { mailboxes: vec![Asked { written, keys }], subject: None },
        opened_at: BEGAN,
        opened_by: "root".to_owned(),
        closed: None,
    }
}

async fn filled(folder: &Path) {
    let store = Store::open(folder).await.unwrap();
    let fulano = "fulano.tal@tjpa.jus.br";
    let records = [
        record(1, 1, ("loja@example.com", None), &[("Fulano.Tal@tjpa.jus.br", "relayed")], "Promoção de inverno"),
        record(2, 2, ("outro.nome@tjpa.jus.br", Some(fulano)), &[("juiza@example.org", "relayed")], "Ata da reunião"),
        record(3, 3, ("loja@example.com", None), &[(fulano, "refused_at_rcpt"), ("noc@tjpa.jus.br", "held")], "Boleto"),
        record(4, 3, ("loja@example.com", None), &[("beltrana@tjpa.jus.br", "relayed")], "Segredo de outra pessoa"),
        record(5, 40, ("loja@example.com", None), &[(fulano, "relayed")], "Antes da janela"),
    ];
    let changes: Vec<Change> = records.into_iter().map(|record| Change::Outcome(Box::new(record))).collect();
    store.load(&changes, JournalPosition { segment: 1, offset: 1 }).await.unwrap();
    assert!(store.open_request(&request("REQ 1", Kind::Request)).await.unwrap());
    assert!(store.open_request(&request("OLD 1", Kind::Request)).await.unwrap());
    assert!(store.open_request(&request("LAW 1", Kind::Hold)).await.unwrap());
    store.close_request("OLD 1", &Closed { at: BEGAN, by: "root".to_owned() }).await.unwrap().unwrap();
    store.close().await;
}

fn configured(folder: &Path) {
    let config =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/good/minimal.toml")).unwrap();
    let mut lines: Vec<&str> =
        config.lines().filter(|line| !line.starts_with("data_dir") && !line.starts_with("rules_dir")).collect();
    let at = lines.iter().position(|line| line.starts_with("[gateway]")).unwrap() + 1;
    let (data, rules) = (format!("data_dir = {folder:?}"), format!("rules_dir = {:?}", folder.join("rules")));
    lines.splice(at..at, [data.as_str(), rules.as_str(), "timezone = \"America/Belem\""]);
    fs::write(folder.join("portaria.toml"), lines.join("\n")).unwrap();
    fs::create_dir_all(folder.join("rules")).unwrap();
}

fn track(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portaria"))
        .args(["--config", folder.join("portaria.toml").to_str().unwrap(), "track"])
        .args(arguments)
        .env("PORTARIA_LANGUAGE", "en")
        .output()
        .unwrap()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn trail(folder: &Path) -> Vec<String> {
    let Some(mut trail) = Stored::open(folder).unwrap() else { return Vec::new() };
    let mut told = Vec::new();
    while let Some(step) = trail.next_step().unwrap() {
        let entry = step.entry.unwrap();
        told.push(format!("{} {} {}", entry.action, entry.object, entry.detail["records"]));
    }
    told
}

#[tokio::test]
async fn a_search_needs_a_request_sees_its_scope_and_is_in_the_trail() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    configured(folder);
    filled(folder).await;

    // Without a request, with one that is closed, with a hold, outside of its window: nothing, with the reason.
    for (arguments, reason) in [
        (vec!["--request", "REQ 9"], "track request open --number \"REQ 9\""),
        (vec!["--request", "OLD 1"], "is closed"),
        (vec!["--request", "LAW 1"], "a search names a request"),
        (vec!["--request", "REQ 1", "--since", "2026-10-01"], "2026-10-22 00:00:00 up to 2026-11-22 00:00:00"),
    ] {
        let (code, out, error) = said(&track(folder, &arguments));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}: {error}");
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(said(&track(folder, &[])).0, Some(2));
    // What was forgotten, or cannot be looked for, is no search that finds nothing: that would be the answer to somebody.
    for (option, value) in
        [("--sender", ""), ("--recipient", " "), ("--mailbox", ""), ("--message-id", ""), ("--rule", ""), ("--id", "")]
    {
        let (code, out, error) = said(&track(folder, &["--request", "REQ 1", option, value]));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{option}: {error}");
        assert!(error.contains(&format!("{option} says nothing")), "{error}");
    }
    for stars in ["bo*to", "* ata", "**"] {
        let (code, _, error) = said(&track(folder, &["--request", "REQ 1", "--subject", stars]));
        assert!(code == Some(2) && error.contains("a * stands elsewhere"), "{stars}: {error}");
    }
    assert_eq!(trail(folder), [""; 0]);

    // Both directions, by an alias too, refused as well; nobody else's, and nothing of before the window.
    let (code, out, error) = said(&track(folder, &["--request", "REQ 1"]));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let lines: Vec<&str> = out.lines().filter(|line| line.contains("2026-11-")).collect();
    assert!(lines[1].contains("received") && lines[1].contains("Promoção"), "{out}");
    assert!(lines[2].contains("sent") && lines[2].contains("<outro.nome@tjpa.jus.br>"), "{out}");
    assert!(lines[3].contains("received") && lines[3].contains("refused at RCPT"), "{out}");
    assert!(!out.contains("Segredo") && !out.contains("Antes"), "{out}");
    assert_eq!(lines.len(), 4, "the head and three messages: {out}");

    // Narrower; what is of another mailbox is not found, however it is asked for.
    let (_, out, _) = said(&track(folder, &["--request", "REQ 1", "--subject", "REUNIAO ata", "--json"]));
    assert_eq!(out.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Record>(&out).unwrap().reverse_path, "outro.nome@tjpa.jus.br");
    let id = record(4, 3, ("", None), &[], "").id.to_string();
    for other in [["--mailbox", "beltrana@tjpa.jus.br"], ["--subject", "segredo"], ["--id", id.as_str()]] {
        let (code, out, _) = said(&track(folder, &[&["--request", "REQ 1", "--json"], &other[..]].concat()));
        assert_eq!((code, out.as_str()), (Some(0), ""), "{other:?}");
    }
    let told = trail(folder);
    assert_eq!(told[..2], ["tracking_searched REQ 1 3", "tracking_searched REQ 1 1"]);
    assert_eq!(told.len(), 5, "{told:?}");
    let (_, shown, _) = said(&track(folder, &["request", "show", "REQ 1"]));
    assert!(shown.contains("Corregedoria") && shown.matches("tracking_searched").count() == 5, "{shown}");

    // Without the gateway nothing is registered.
    let open =
        ["request", "open", "--number", "2", "--who", "x", "--received", "2026-11-21", "--mailbox", "a@tjpa.jus.br"];
    assert_eq!(said(&track(folder, &open)).0, Some(3));
}

/// What the trail says was exported, and was not for want of room, has a second entry that says so.
#[tokio::test]
async fn an_export_that_fails_says_so_in_the_trail() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    configured(folder);
    filled(folder).await;
    let long =
        record(8, 1, ("loja@example.com", None), &[("fulano.tal@tjpa.jus.br", "relayed")], &"a ".repeat(100_000));
    let store = Store::open(folder).await.unwrap();
    let position = JournalPosition { segment: 1, offset: 2 };
    store.load(&[Change::Outcome(Box::new(long))], position).await.unwrap();
    store.close().await;
    // No file longer than 64 KiB, as on a disk that is nearly full: the trail fits, the document does not.
    let export = "trap '' XFSZ; ulimit -f 128; exec \"$0\" --config portaria.toml track export --request 'REQ 1' --format csv --to out.csv";
    let output =
        Command::new("sh").args(["-c", export, env!("CARGO_BIN_EXE_portaria")]).current_dir(folder).output().unwrap();
    let (code, _, error) = said(&output);
    assert_eq!((code, folder.join("out.csv").exists()), (Some(1), false), "{error}");
    let trail = fs::read_to_string(folder.join("audit.log")).unwrap();
    let outcomes: Vec<bool> = trail.lines().map(|line| line.contains("\"outcome\":\"not done: ")).collect();
    assert_eq!(outcomes, [false, true], "{trail}");
}

/// Clause 9.2.27: of records that `restore --logs-only` laid out, whoever asks does so after the backup, and no gateway is there to register
/// it: the command does, in the copy and its trail.
#[tokio::test]
async fn a_request_about_a_past_period_is_registered_in_its_copy() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    configured(folder);
    filled(folder).await;
    let open = [
        "request",
        "open",
        "--number",
        "AUD 1",
        "--who",
        "Auditoria",
        "--received",
        "2026-11-21",
        "--mailbox",
        "beltrana@tjpa.jus.br",
    ];
    assert_eq!(said(&track(folder, &open)).0, Some(3), "where a gateway ought to run, it is asked");
    fs::write(folder.join("logs-only"), "").unwrap();
    let (code, out, error) = said(&track(folder, &open));
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("AUD 1") && out.contains("2026-10-22 00:00:00"), "{out}");
    let (code, out, error) = said(&track(folder, &["--request", "AUD 1"]));
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("Segredo de outra pessoa") && !out.contains("Promoção"), "{out}");
    let (code, _, error) = said(&track(folder, &open));
    assert!(code == Some(1) && error.contains("there is one with this number already"), "{error}");
    assert_eq!(said(&track(folder, &["request", "close", "AUD 1"])).0, Some(0));
    assert_eq!(said(&track(folder, &["--request", "AUD 1"])).0, Some(1), "it is closed");
    let trail = fs::read_to_string(folder.join("audit.log")).unwrap();
    let actions = ["tracking_request_opened", "tracking_searched", "tracking_request_closed"];
    assert!(
        actions.iter().all(|action| trail.contains(&format!("\"action\":\"{action}\",\"object\":\"AUD 1\""))),
        "{trail}"
    );
}

#[tokio::test]
async fn an_export_is_in_the_trail_with_its_hash_and_writes_over_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    configured(folder);
    filled(folder).await;
    let to = folder.join("out.csv");
    let export = ["export", "--request", "REQ 1", "--format", "csv", "--to", to.to_str().unwrap(), "--json"];
    let (code, out, error) = said(&track(folder, &export));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    let document = fs::read_to_string(&to).unwrap();
    let (_, behind) = document.split_once("\nrecords,3").unwrap();
    let (_, behind) = behind.split_once('\n').unwrap();
    assert_eq!(answer["records"], 3);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, behind.as_bytes());
    let hash: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(answer["sha256"], hash);
    assert!(fs::read_to_string(folder.join("audit.log")).unwrap().contains(&hash));

    assert_eq!(said(&track(folder, &export)).0, Some(1), "it is there already");
    assert_eq!(trail(folder), ["tracking_exported REQ 1 3"]);
    assert_eq!(fs::read_to_string(&to).unwrap(), document);

    // What cannot be audited is not shown, and not exported.
    fs::remove_file(folder.join("audit.log")).unwrap();
    fs::create_dir(folder.join("audit.log")).unwrap();
    let other = folder.join("other.csv");
    let (code, out, error) = said(&track(folder, &["--request", "REQ 1"]));
    assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
    let export = ["export", "--request", "REQ 1", "--format", "pdf", "--to", other.to_str().unwrap()];
    assert_eq!(said(&track(folder, &export)).0, Some(1));
    assert!(!other.exists());
}

/// `[tracking] subjects` was `hashed` and is `plain` again: what a search then lacks is said, and exported it is not.
#[tokio::test]
async fn hashed_records_among_plain_ones_are_said_to_be_missed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    configured(folder);
    filled(folder).await;
    let fulano = "fulano.tal@tjpa.jus.br";
    let mut hashed = record(6, 10, ("loja@example.com", None), &[(fulano, "relayed")], "Boleto de cobrança");
    Subjects::Hashed(subject_key::read_or_make(folder).unwrap()).keep(&mut hashed);
    let store = Store::open(folder).await.unwrap();
    let position = JournalPosition { segment: 1, offset: 2 };
    store.load(&[Change::Outcome(Box::new(hashed))], position).await.unwrap();
    store.close().await;

    let found = |more: &[&str]| {
        let (code, out, error) = said(&track(folder, &[&["--request", "REQ 1", "--json"], more].concat()));
        assert_eq!(code, Some(0), "{error}");
        (out.lines().count(), error)
    };
    assert_eq!(found(&["--subject", "boleto"]), (2, String::new()), "by a whole word both are found");
    let (count, error) = found(&["--subject", "bolet*"]);
    assert_eq!(count, 1);
    assert!(error.starts_with("ATTENTION: some records of this time have hashes"), "{error}");
    assert_eq!(found(&["--subject", "bolet*", "--since", "2026-11-15"]), (1, String::new()), "none of these days has");
    let to = folder.join("out.csv");
    let export =
        ["export", "--request", "REQ 1", "--subject", "bolet*", "--format", "csv", "--to", to.to_str().unwrap()];
    assert_eq!(
        (said(&track(folder, &export)).0, to.exists()),
        (Some(1), false),
        "half of it would be taken for the whole"
    );

    fs::remove_file(folder.join(subject_key::NAME)).unwrap();
    let (count, error) = found(&["--subject", "boleto"]);
    assert_eq!(count, 1);
    assert!(error.contains("their key (subjects.key in data_dir) is not here"), "{error}");
    assert_eq!(found(&["--client", "192.0.2.25"]).1, "", "who asks for no word misses nothing");
}
