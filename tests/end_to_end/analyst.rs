//! Held mail in a ZIP for an analyst, as other programs see it: 7-Zip opens it with its password, and with no other.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::{
    client::Client,
    command::{Output, run},
    gateway::{Gateway, Setup},
    rule,
    scratch::{Scratch, files_under},
    sink::Sink,
    subject::message_about,
    trace::{assert_same_octets, id_of_reply, sha256},
};

const PASSWORD: &str = "correct horse, battery staple";

/// Two held messages: one that a dot and a lone octet make difficult, and one that no buffer takes whole. Their ids.
fn held(gateway: &Gateway) -> [String; 2] {
    let small = [&message_about(b"Seu premio")[..], b".\r\n..dots\r\n\xff\x00\r\n"].concat();
    let large = [message_about(b"Seu premio"), b"0123456789abcdef0123456789abcdef\r\n".repeat(90_000)].concat();
    [small, large].map(|content| {
        let reply = Client::connect(gateway.port()).send("remetente@origin.example", &["maria@tjpa.jus.br"], &content);
        let id = id_of_reply(&reply.expect("250", "it is held").line());
        gateway.quarantine_with(&id);
        gateway.explain(&id);
        id
    })
}

fn start(sink: &Sink) -> Gateway {
    Setup::new(sink.port())
        .rules("subjects/premio.toml", &rule::word("E2E-PREMIO", "premio"))
        .environment("PORTARIA_LOG", "trace")
        .start()
}

/// A folder for what is exported, with the password's file.
fn desk() -> (Scratch, PathBuf) {
    let desk = Scratch::new("analyst");
    let password = desk.write("password", format!("{PASSWORD}\n"));
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    (desk, password)
}

fn zip(gateway: &Gateway, ids: &[&str], to: &Path, password: &Path) -> Output {
    let (to, password) = (to.to_str().unwrap(), password.to_str().unwrap());
    let line = [&["quarantine", "export"], ids, &["--zip", to, "--password-file", password, "--by", "maria", "--json"]];
    gateway.command(&line.concat())
}

fn seven_zip(order: &str, file: &Path, password: &str, into: &Path) -> Output {
    run(Command::new("7z").args([order, "-y", &format!("-p{password}")]).arg(file).current_dir(into))
}

/// What the trail says of exports of this item.
fn exports(gateway: &Gateway, id: &str) -> Vec<Value> {
    let line = ["audit", "list", "--json", "--action", "item_exported", "--object", id];
    gateway.command(&line).succeeded().json_lines()
}

#[test]
fn a_zip_opens_elsewhere_with_its_password_and_with_no_other() {
    let sink = Sink::start();
    let gateway = start(&sink);
    let (desk, password) = desk();
    let ids = held(&gateway);
    let to = desk.join("held.zip");
    // By an end of its id, and twice: it is there once.
    let told = zip(&gateway, &[&ids[0], &ids[1], &ids[0][20..]], &to, &password).succeeded().json_lines();
    let octets = fs::read(&to).unwrap();
    assert_eq!((&told[0]["items"], &told[0]["octets"]), (&2.into(), &octets.len().into()), "{told:?}");
    assert_eq!(told[0]["sha256"], sha256(&octets));
    assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!desk.join("held.zip.part").exists());

    seven_zip("t", &to, PASSWORD, desk.path()).succeeded();
    let listed = seven_zip("l", &to, PASSWORD, desk.path()).succeeded().stdout;
    assert!(listed.contains(&format!("{}.eml", ids[0])) && !listed.contains("premio"), "{listed}");
    let wrong = seven_zip("t", &to, "correct horse, battery stable", desk.path());
    assert!(wrong.code != Some(0) && wrong.told().contains("Wrong password"), "{}", wrong.told());
    let out = desk.folder("out");
    seven_zip("x", &to, PASSWORD, &out).succeeded();
    assert_eq!(files_under(&out).len(), 4);
    for id in &ids {
        let kept = desk.join(id);
        gateway.command(&["quarantine", "export", id, "--to", kept.to_str().unwrap()]).succeeded();
        let (kept, got) = (fs::read(kept).unwrap(), fs::read(out.join(format!("{id}.eml"))).unwrap());
        assert_same_octets("in the ZIP", &got, &kept);
        let facts: Value = serde_json::from_slice(&fs::read(out.join(format!("{id}.json"))).unwrap()).unwrap();
        assert_eq!((&facts["item"]["id"], &facts["record"]["id"]), (&id[..].into(), &id[..].into()), "{facts}");
        assert_eq!((&facts["item"]["state"], &facts["record"]), (&"held".into(), &gateway.explain(id)));
    }

    // A bit of it, anywhere in what is encrypted.
    let mut altered = octets.clone();
    altered[octets.len() / 2] ^= 1;
    let altered = desk.write("altered.zip", altered);
    assert_ne!(seven_zip("t", &altered, PASSWORD, desk.path()).code, Some(0), "it is authenticated");

    // Never over what is there.
    let again = zip(&gateway, &[&ids[0]], &to, &password);
    assert_eq!((again.code, fs::read(&to).unwrap() == octets), (Some(1), true), "{}", again.told());
    let many = gateway.command(&["quarantine", "export", &ids[0], &ids[1], "--to", desk.join("x").to_str().unwrap()]);
    assert_eq!((many.code, desk.join("x").exists()), (Some(2), false), "{}", many.told());
}

/// Who, what, that it was a ZIP, and which; before there is one, and nothing of the password anywhere.
#[test]
fn who_takes_out_what_is_in_the_trail_first_and_the_password_nowhere() {
    let sink = Sink::start();
    let mut gateway = start(&sink);
    let (desk, password) = desk();
    let ids = held(&gateway);
    let to = desk.join("held.zip");
    let told = zip(&gateway, &[&ids[0], &ids[1]], &to, &password).succeeded();
    for id in &ids {
        let entries = exports(&gateway, id);
        let [entry] = entries.as_slice() else { panic!("{entries:?}") };
        let detail = &entry["detail"];
        assert_eq!((&entry["person"], &detail["format"]), (&"maria".into(), &"zip".into()), "{entry}");
        assert_eq!(detail["sha256"], sha256(&fs::read(&to).unwrap()), "{entry}");
        assert_eq!(detail["file"], to.to_str().unwrap(), "{entry}");
    }
    let says = |octets: &[u8]| octets.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
    let log = gateway.log();
    assert!(!says(log.as_bytes()) && !says(told.told().as_bytes()));
    for file in files_under(&gateway.data()) {
        assert!(!says(&fs::read(&file).unwrap()), "{}", file.display());
    }

    // What cannot be read whole is neither written down nor out.
    gateway.terminate();
    gateway.wait(std::time::Duration::from_secs(20));
    let blob = files_under(&gateway.data().join("quarantine"))
        .into_iter()
        .find(|file| file.ends_with(&ids[1]))
        .expect("it is on the disk");
    let mut content = fs::read(&blob).unwrap();
    let last = content.len() - 40;
    content[last] ^= 1;
    fs::write(&blob, content).unwrap();
    let damaged = desk.join("damaged.zip");
    let told = zip(&gateway, &[&ids[0], &ids[1]], &damaged, &password);
    assert_eq!((told.code, exports(&gateway, &ids[0]).len()), (Some(1), 1), "{}", told.told());

    // Of a bare file it shows only when the trail has it already: a second entry says that nothing came of it.
    let bare = desk.join("damaged.eml");
    let told = gateway.command(&["quarantine", "export", &ids[1], "--to", bare.to_str().unwrap()]);
    assert_eq!((told.code, bare.exists()), (Some(1), false), "{}", told.told());
    let entries = exports(&gateway, &ids[1]);
    let outcome = entries.last().unwrap()["detail"]["outcome"].as_str().unwrap();
    assert!(entries.len() == 3 && outcome.starts_with("not done: "), "{entries:#?}");

    // And what cannot be written down is not written out.
    let log = gateway.data().join("audit.log");
    fs::rename(&log, gateway.data().join("kept.log")).unwrap();
    fs::create_dir(&log).unwrap();
    let untold = desk.join("untold.zip");
    let told = zip(&gateway, &[&ids[0]], &untold, &password);
    assert_eq!((told.code, told.stdout.as_str()), (Some(1), ""), "{}", told.told());
    let names = ["damaged.zip", "damaged.zip.part", "untold.zip", "untold.zip.part"];
    assert!(names.iter().all(|name| !desk.join(name).exists()), "{:?}", files_under(desk.path()));
}

/// Nobody typed one: it is made, and shown on the terminal, where no pipe and no file sees it.
#[test]
fn a_password_that_is_made_is_shown_on_the_terminal_alone() {
    let sink = Sink::start();
    let gateway = start(&sink);
    let (desk, _) = desk();
    let [id, _] = held(&gateway);
    let (to, output) = (desk.join("held.zip"), desk.join("output"));
    let line = ["quarantine", "export", &id, "--zip", to.to_str().unwrap()];
    let shown = gateway.at_a_terminal(&line, &output, &[("(empty: one is made):", "")]);
    let made = shown.split("kept nowhere: ").nth(1).unwrap_or_else(|| panic!("none is shown: {shown}"));
    let made = made.split_ascii_whitespace().next().unwrap();
    assert_eq!((made.len(), made.split('-').count()), (34, 7), "{shown}");
    assert!(!fs::read_to_string(&output).unwrap().contains(made));
    seven_zip("t", &to, made, desk.path()).succeeded();
    assert_ne!(seven_zip("t", &to, &made.replace(&made[..4], "0000"), desk.path()).code, Some(0));

    // One that is typed is not shown; twice, or it is none.
    let typed = desk.join("typed.zip");
    let line = ["quarantine", "export", &id, "--zip", typed.to_str().unwrap()];
    let asked = [("(empty: one is made):", PASSWORD), ("once more:", "correct horse, battery stable")];
    let shown = gateway.at_a_terminal(&line, &output, &asked);
    assert!(shown.contains("not the same") && !shown.contains("horse") && !typed.exists(), "{shown}");
    let shown = gateway.at_a_terminal(&line, &output, &asked.map(|(asked, _)| (asked, PASSWORD)));
    assert!(!shown.contains("horse"), "{shown}");
    seven_zip("t", &typed, PASSWORD, desk.path()).succeeded();

    // Without a terminal there is nobody to tell it to.
    let untold = desk.join("untold.zip");
    let told = gateway.without_a_terminal(&["quarantine", "export", &id, "--zip", untold.to_str().unwrap()]);
    assert_eq!(told.code, Some(1), "{}", told.told());
    assert!(told.stderr.contains("--password-file") && !untold.exists(), "{}", told.told());
}
