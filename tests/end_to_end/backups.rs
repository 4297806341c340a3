//! Backup and restore as an operator meets them: beside a gateway under load, on an empty folder, killed in the middle, by itself at its
//! time; and the runbook's steps as they stand on their page.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::support::{
    client::{Client, Reply},
    gateway::{Gateway, Setup, portaria},
    load::{Letter, Load},
    rule,
    sink::Sink,
    subject::message_about,
    trace::{find_id, id_of_reply},
    waiting::{wait_for, wait_until},
};

const SHORT: Duration = Duration::from_secs(20);

fn setup(sink: &Sink) -> Setup {
    Setup::new(sink.port()).rules("subjects/premio.toml", &rule::word("E2E-PREMIO", "premio"))
}

fn send(gateway: &Gateway, subject: &[u8]) -> Reply {
    Client::connect(gateway.port()).send("a@origin.example", &["maria@tjpa.jus.br"], &message_about(subject))
}

fn held(gateway: &Gateway) -> String {
    id_of_reply(&send(gateway, b"Seu premio").expect("250", "it is held").line())
}

fn state(gateway: &Gateway, id: &str) -> String {
    let items = gateway.quarantine();
    let item = items.iter().find(|item| item["id"] == id);
    item.map_or_else(|| "none".to_owned(), |item| item["state"].as_str().unwrap().to_owned())
}

fn delete(gateway: &Gateway, id: &str) {
    gateway.command(&["quarantine", "delete", id, "--reason", "LGPD"]).succeeded();
}

fn release(gateway: &Gateway, id: &str) {
    gateway.command(&["quarantine", "release", id, "--reason", "pedido"]).succeeded();
    wait_until("it is released", SHORT, || state(gateway, id) == "released");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Lays a backup out beside the gateway that it was made of, and makes that one's configuration the one that was laid out.
fn restored(gateway: &Gateway, file: &Path) -> (PathBuf, String) {
    let into = gateway.beside("restored");
    let told = portaria(&["restore", text(file), "--into", text(&into)], gateway.data().parent().unwrap()).succeeded();
    fs::copy(into.join("portaria.toml"), gateway.beside("portaria.toml")).unwrap();
    (into, told.stdout)
}

/// Clauses 9.2.15 and 9.2.28.
#[test]
fn a_backup_under_load_lays_out_a_gateway_that_decides_the_same_and_brings_nothing_back() {
    let sink = Sink::start();
    let mut gateway = setup(&sink).start();
    let [stays, deleted_before, deleted_after, released_after] = [(); 4].map(|()| held(&gateway));
    delete(&gateway, &deleted_before);
    let load = Load { port: gateway.port(), connections: 3, pipelining: true };
    let sending = thread::spawn(move || {
        load.send(600, |index| {
            let subject = if index % 3 == 0 { format!("Seu premio {index}") } else { format!("Ata {index}") };
            let content = message_about(subject.as_bytes());
            let recipients = vec!["maria@tjpa.jus.br".to_owned()];
            Letter { reverse_path: format!("p{index}@origin.example"), recipients, content }
        })
    });
    // Answered before the backup is begun: they are in it.
    let before: Vec<String> = (0..10).map(|_| held(&gateway)).collect();
    let relayed: Vec<String> =
        (0..10).map(|_| find_id(&send(&gateway, b"Ata").expect("250", "relayed").line()).unwrap()).collect();
    let file = gateway.beside("a.backup");
    let told = gateway.command(&["backup", text(&file), "--json"]).succeeded().json_lines().remove(0);
    assert_eq!((&told["missing"], &told["encrypted"]), (&serde_json::json!([]), &false.into()), "{told:#}");
    assert!(told["messages"].as_u64().unwrap() >= 13, "{told:#}");
    let replies = sending.join().unwrap();
    assert!(replies.iter().all(|reply| reply.starts_with("250 ")), "mail does not wait for a backup");
    delete(&gateway, &deleted_after);
    release(&gateway, &released_after);
    let record = gateway.explain(&relayed[0]);
    let arrived = sink.state().messages.len();
    gateway.kill();

    let (into, told) = restored(&gateway, &file);
    assert!(told.contains("1 deleted messages stay deleted, 1 releases are over"), "{told}");
    gateway.run();
    gateway.wait_until_ready();
    for id in before.iter().chain([&stays]) {
        assert_eq!(state(&gateway, id), "held", "{id}");
        gateway.command(&["quarantine", "show", id, "--content", "1"]).succeeded();
    }
    for id in [&deleted_before, &deleted_after] {
        assert_eq!(state(&gateway, id), "deleted", "{id}");
    }
    assert_eq!(state(&gateway, &released_after), "released");
    let mut known = relayed.iter().map(|id| gateway.explain(id));
    assert_eq!(known.next().unwrap(), record, "the same record");
    assert!(known.all(|record| record["ending"] == "relayed"));
    assert_eq!(sink.state().messages.len(), arrived, "nothing was delivered again");
    held(&gateway);
    send(&gateway, b"Ata").expect("250", "relayed");
    assert_eq!(sink.state().messages.len(), arrived + 1);
    let again = gateway.command(&["quarantine", "release", &deleted_after, "--reason", "r"]);
    assert_ne!(again.code, Some(0), "deletion is final: {}", again.told());
    let audit = gateway.command(&["audit", "verify"]).succeeded();
    assert!(audit.stdout.contains("each follows the one before"), "{}", audit.told());
    assert!(into.join("data/portaria.db").exists());
}

/// Clause 9.2.27: beside the gateway that runs, which nobody notices; and nothing of it can be sent.
#[test]
fn logs_of_a_past_period_are_searched_beside_the_running_gateway() {
    let sink = Sink::start();
    let gateway = setup(&sink).start();
    let id = held(&gateway);
    gateway.quarantine_with(&id);
    let (file, into) = (gateway.beside("a.backup"), gateway.beside("logs"));
    let folder = gateway.data().parent().unwrap().to_owned();
    gateway.command(&["backup", text(&file)]).succeeded();
    delete(&gateway, &id);
    portaria(&["restore", text(&file), "--into", text(&into), "--logs-only"], &folder).succeeded();
    let config = into.join("portaria.toml");
    let asked = |line: &[&str]| portaria(&[line, &["--config", text(&config)]].concat(), &folder);
    let items = asked(&["quarantine", "list", "--json"]).succeeded().json_lines();
    assert_eq!((&items[0]["id"], &items[0]["state"]), (&id.as_str().into(), &"deleted".into()), "{items:#?}");
    assert_eq!(asked(&["explain", &id, "--json"]).succeeded().json_lines()[0]["id"], id);
    let zone = jiff::tz::TimeZone::get("America/Belem").unwrap();
    let today = jiff::Timestamp::now().to_zoned(zone).date().to_string();
    let today = ["--received", &today, "--mailbox", "maria@tjpa.jus.br"];
    asked(&[&["track", "request", "open", "--number", "AUD 1", "--who", "Auditoria"], &today[..]].concat()).succeeded();
    let found = asked(&["track", "--request", "AUD 1", "--json"]).succeeded().json_lines();
    assert_eq!((found.len(), &found[0]["id"]), (1, &id.as_str().into()), "{found:#?}");
    let live = gateway.command(&["track", "--request", "AUD 1"]);
    assert!(live.stderr.contains("no request \"AUD 1\" is registered"), "nobody notices: {}", live.told());
    assert_eq!(asked(&["quarantine", "release", &id, "--reason", "r"]).code, Some(3), "there is no gateway to ask");
    let refused = asked(&["run"]);
    assert_eq!(refused.code, Some(1), "{}", refused.told());
    assert!(refused.stderr.contains("no gateway runs on it"), "{}", refused.told());
    assert_eq!(gateway.http("/health/ready").0, 200);
}

/// Whatever it was doing: what has the name is whole, and the next one is made.
#[test]
fn killed_in_the_middle_a_backup_has_no_name_and_a_restore_no_folder() {
    let sink = Sink::start();
    let gateway = setup(&sink).start();
    for _ in 0..20 {
        held(&gateway);
    }
    let (file, folder) = (gateway.beside("a.backup"), gateway.data().parent().unwrap().to_owned());
    let config = gateway.beside("portaria.toml");
    let killed = |line: &[&str], after: Duration| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portaria"));
        command.args(line).stdout(Stdio::null()).stderr(Stdio::null()).current_dir(&folder);
        let mut child = command.spawn().unwrap();
        thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap().success()
    };
    for after in [5, 20, 60, 120, 250] {
        let line = ["backup", text(&file), "--config", text(&config)];
        if killed(&line, Duration::from_millis(after)) || file.exists() {
            portaria(&["restore", text(&file), "--check"], &folder).succeeded();
            fs::remove_file(&file).unwrap();
        }
    }
    gateway.command(&["backup", text(&file)]).succeeded();
    let left = |name: &str| folder.join(name).exists();
    assert!(!left("a.backup.part") && !left("a.backup.scratch"), "what the killed ones left is gone");
    for after in [5, 40, 120, 250, 400] {
        let into = folder.join("new");
        let line = ["restore", text(&file), "--into", text(&into)];
        let done = killed(&line, Duration::from_millis(after)) || into.exists();
        if done {
            let config = into.join("portaria.toml");
            let listed = portaria(&["quarantine", "list", "--json", "--config", text(&config)], &folder).succeeded();
            assert_eq!(listed.json_lines().len(), 20);
            fs::remove_dir_all(&into).unwrap();
        }
        let _ = fs::remove_dir_all(folder.join("new.restoring"));
    }
}

/// Clauses 9.2.14 and 9.2.26.
#[test]
fn backups_are_made_by_themselves_and_one_that_fails_is_told() {
    let sink = Sink::start();
    let setup = setup(&sink);
    let folder = setup.data().parent().unwrap().join("backups");
    let gateway = setup.table(&format!("[backup]\nfolder = \"{}\"\nevery = \"1 h\"", folder.display())).start();
    let standing = || {
        let alerts = gateway.command(&["alert", "list", "--json"]).succeeded().json_lines();
        alerts.iter().any(|alert| alert["condition"] == "backup_missing")
    };
    // The folder is not there.
    wait_until("the alert stands", SHORT, standing);
    let status = gateway.command(&["status"]).succeeded();
    assert!(status.stdout.contains("There is no backup yet; THE LAST ONE FAILED: "), "{}", status.told());
    // By hand, meanwhile: whoever looks next sees that one.
    fs::create_dir(&folder).unwrap();
    gateway.command(&["backup"]).succeeded();
    wait_until("the metric is there", Duration::from_secs(60), || {
        gateway.http("/metrics").1.contains("portaria_backup_age_seconds ")
    });
    let listed = gateway.command(&["backup", "--list", "--json"]).succeeded().json_lines();
    assert_eq!(listed.len(), 1);
    wait_until("the alert is over", Duration::from_secs(60), || !standing());

    let sink = Sink::start();
    let setup = self::setup(&sink);
    let folder = setup.data().parent().unwrap().join("backups");
    fs::create_dir(&folder).unwrap();
    let gateway = setup.table(&format!("[backup]\nfolder = \"{}\"\nevery = \"1 h\"", folder.display())).start();
    let file = wait_for("a backup that nobody asked for", SHORT, || {
        gateway.command(&["backup", "--list", "--json"]).succeeded().json_lines().pop()
    });
    portaria(&["restore", file["file"].as_str().unwrap(), "--check"], &folder).succeeded();
    let audit = gateway.command(&["audit", "list", "--action", "backup_made", "--json"]).succeeded();
    assert_eq!(audit.json_lines().len(), 1, "{}", audit.told());
}

/// The steps of the runbook, in both languages, as they stand there; what stands for a name is put in.
#[test]
fn the_steps_of_the_runbook_restore_a_gateway() {
    for (page, heading) in [
        ("docs/operations.md", "### Everything is gone: restore"),
        ("docs/pt-BR/guia.md", "## Perdeu-se tudo: restaurar"),
    ] {
        let text_of = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        let (_, section) = text_of.split_once(heading).expect("the heading stands there");
        let block =
            section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of shell");
        let sink = Sink::start();
        let mut gateway = setup(&sink).start();
        let id = held(&gateway);
        gateway.quarantine_with(&id);
        let (file, folder) = (gateway.beside("night.backup"), gateway.beside("again"));
        gateway.command(&["backup", text(&file)]).succeeded();
        gateway.kill();
        let audit = gateway.beside("kept.log");
        fs::rename(gateway.data().join("audit.log"), &audit).unwrap();
        for line in block.lines().filter(|line| !line.starts_with('#')) {
            let line = line.split(" #").next().unwrap().trim();
            let words = line.strip_prefix("sudo -u portaria portaria ").expect("a command of ours");
            let put = |word: &str| {
                let word = word.replace("FILE", text(&file)).replace("FOLDER", text(&folder));
                word.replace("AUDIT", text(&audit))
            };
            let words: Vec<String> = words.split_whitespace().map(put).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let told = portaria(&words, &gateway.beside(""));
            // Nobody listens at the sink's port by its configured name; what `check` has to say is not this test's.
            assert!(told.code == Some(0) || words[0] == "check", "{line}: {}", told.told());
        }
        fs::copy(folder.join("portaria.toml"), gateway.beside("portaria.toml")).unwrap();
        gateway.run();
        gateway.wait_until_ready();
        assert_eq!(state(&gateway, &id), "held");
    }
}
