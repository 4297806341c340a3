//! Configurations in folders of their own, checked as `portaria check` does, but for what is asked of others.
#![expect(clippy::disallowed_methods, reason = "writes the files that are checked")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use super::*;

/// A folder of its own with a configuration in it; gone at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("portaria-check-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("rules/subjects")).unwrap();
        fs::create_dir_all(folder.join("data")).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.join(name);
        fs::write(&file, text).unwrap();
        file
    }

    fn config(&self, extra: &str) -> PathBuf {
        let data = self.0.join("data");
        let text = format!(
            "[gateway]\nhostname = \"mx.tjpa.jus.br\"\ndata_dir = \"{}\"\nrules_dir = \"rules\"\n{extra}\n\
             [[listener]]\naddress = \"127.0.0.1:2525\"\n[[domain]]\nname = \"tjpa.jus.br\"\n\
             [[next_hop]]\nname = \"mailbox\"\naddress = [\"127.0.0.1:25\"]\n\
             [[scanner]]\nkind = \"clamd\"\naddress = \"tcp:127.0.0.1:3310\"\n",
            data.display()
        );
        self.write("portaria.toml", &text)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn now() -> SystemTime {
    "2026-11-21T12:00:00Z".parse::<jiff::Timestamp>().unwrap().into()
}

const BLOCKED: &str = "[[blocked]]\nmailbox = \"fulano.tal\"\ndirection = \"send\"\nreason = \"r\"\n\
                       ticket = \"REQ 1\"\nby = \"s3b\"\n";

#[test]
fn a_good_configuration_is_shown_line_by_line() {
    let folder = Folder::new("good");
    folder.write("rules/mailboxes.toml", BLOCKED);
    let checked = check(&folder.config(""), now());
    let shown = checked.render(Language::En);
    assert_eq!(checked.exit_code(), 0, "{shown}");
    for words in [
        "portaria.toml: complete\n",
        "0 subject rules, 1 blocked mailboxes (1 in force), 0 finds ignored\n",
        "ok  listener 127.0.0.1:2525: mail comes in clear (tls = \"off\")\n",
        "ok  domain tjpa.jus.br: to `mailbox`\n",
        "data: writable\n",
        "\n0 errors, 0 warnings\n",
    ] {
        assert!(shown.contains(words), "{words} is not in:\n{shown}");
    }
    assert!(checked.render(Language::PtBr).contains("1 caixas bloqueadas (1 em vigor)"));
}

#[test]
fn a_contingency_in_force_is_a_warning_and_a_group_that_is_not_there_an_error() {
    let folder = Folder::new("contingency");
    let order = "[contingency]\nmode = \"hold\"\ngroups = [\"clamd\"]\nreason = \"clamd crashes\"\nticket = \"REQ 1\"\n\
                 by = \"s3b\"\nexpires = 2026-11-21T16:00:00Z\n";
    folder.write("rules/antivirus.toml", order);
    let checked = check(&folder.config(""), now());
    let shown = checked.render(Language::En);
    assert!(shown.contains("contingency: in force, mail is not scanned: hold, clamd crashes (REQ 1)\n"), "{shown}");
    assert!(checked.exit_code() == 0 && shown.ends_with("\n0 errors, 1 warning\n"), "{shown}");
    folder.write("rules/antivirus.toml", &order.replace("[\"clamd\"]", "[\"clam\"]"));
    let shown = check(&folder.config(""), now()).render(Language::En);
    let fault = "antivirus.toml:3:11: error: there is no scanner group `clam`";
    assert!(shown.contains(fault) && shown.contains("those of portaria.toml: clamd"), "{shown}");
}

#[test]
fn faults_of_rules_and_configuration_count_and_carry_their_places() {
    let folder = Folder::new("bad-rules");
    folder.write("rules/mailboxes.toml", &BLOCKED.replace("send", "sned"));
    folder.write("rules/applications.toml", "[[aplication]]\n");
    let writable = folder.write("rules/subjects/open.toml", "");
    fs::set_permissions(&writable, fs::Permissions::from_mode(0o666)).unwrap();
    folder.write("rules/subjects/boleto.tml", "");
    folder.write("rules/subjects/.boleto.toml.swp", "not read");
    folder.write("rules/subjects/boleto.toml~", "not read");
    let mut checked = check(&folder.config(""), now());
    let shown = checked.render(Language::PtBr);
    assert_eq!(checked.exit_code(), 1, "{shown}");
    for words in [
        "mailboxes.toml:3:13: erro: `direction` é um de receive | send | both, não `sned`",
        "applications.toml:1:3: erro: chave desconhecida `aplication`",
        "boleto.tml: aviso: não lido",
        "open.toml: aviso: qualquer usuário desta máquina pode gravá-lo",
        "\n2 erros, 2 avisos\n",
    ] {
        assert!(shown.contains(words), "{words} is not in:\n{shown}");
    }
    assert!(!shown.contains("boleto.toml"), "what editors leave behind is passed over: {shown}");
    checked.add(vec![CheckLine::error(text!("next hop x", "próximo salto x"), text!("silent", "mudo"))]);
    assert!(checked.render(Language::PtBr).contains("\n3 erros, 2 avisos\n"), "what others found counts");
}

/// `portaria check` asks scanners and next hops, and says what they answered.
#[test]
fn nothing_that_others_answered_acts() {
    let folder = Folder::new("hostile");
    let mut checked = check(&folder.config(""), now());
    let bad = "ClamAV\u{1b}[2J\u{9b}1m\u{202e}\r\nok  everything";
    checked.add(vec![CheckLine::ok(text!("scanner {bad}", "antivírus {bad}"), text!("{bad}", "{bad}"))]);
    for shown in [checked.render(Language::En), checked.render_json(Language::En)] {
        let acting = shown.chars().find(|&c| c != '\n' && crate::language::acts_or_hides(c));
        assert_eq!(acting, None, "{shown}");
        assert!(!shown.contains("\nok  everything"), "{shown}");
    }
}

#[test]
fn every_json_line_is_an_object_with_stable_keys() {
    let folder = Folder::new("json");
    let checked = check(&folder.config("colour = \"blue\""), now());
    assert!(checked.settings().is_none());
    let lines: Vec<serde_json::Value> =
        checked.render_json(Language::En).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [check, fault] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(
        (&check["kind"], &check["status"], &check["detail"]),
        (&json!("check"), &json!("error"), &json!("1 error, 0 warnings"))
    );
    assert_eq!((&fault["kind"], &fault["line"], &fault["column"]), (&json!("fault"), &json!(5), &json!(1)));
    assert_eq!((&fault["severity"], &fault["what"]), (&json!("error"), &json!("unknown key `colour`")));
}

#[test]
fn folders_and_files_that_are_not_there_are_errors() {
    let folder = Folder::new("absent");
    let no_file = check(&folder.0.join("portaria.toml"), now());
    assert_eq!(no_file.exit_code(), 1);
    assert!(no_file.render(Language::En).contains("error: cannot be read:"), "{}", no_file.render(Language::En));

    let not_a_file = check(&folder.0, now());
    assert!(not_a_file.render(Language::En).contains("this is not a plain file"));

    let config = folder.config("");
    fs::remove_dir(folder.0.join("rules/subjects")).unwrap();
    assert_eq!(check(&config, now()).exit_code(), 0, "no folder of subject rules may be meant");
    fs::remove_dir(folder.0.join("rules")).unwrap();
    assert_eq!(check(&config, now()).exit_code(), 1, "no rules folder is a mount that failed");
}

#[test]
fn a_data_folder_that_everybody_may_write_is_a_warning() {
    let folder = Folder::new("open-data");
    fs::set_permissions(folder.0.join("data"), fs::Permissions::from_mode(0o777)).unwrap();
    let checked = check(&folder.config(""), now());
    let shown = checked.render(Language::En);
    assert_eq!(checked.exit_code(), 0, "{shown}");
    assert!(shown.contains("data: every user of this machine may write it: chmod o-w\n"), "{shown}");
    assert!(shown.ends_with("\n0 errors, 1 warning\n"), "{shown}");
}

#[test]
fn a_thousand_rule_files_are_read_and_one_more_is_an_error() {
    let folder = Folder::new("files");
    for nth in 0..1000 {
        folder.write(&format!("rules/subjects/{nth:04}.toml"), "");
    }
    assert!(!check(&folder.config(""), now()).render(Language::En).contains("more than 1000"));
    folder.write("rules/subjects/one.toml", "");
    let checked = check(&folder.config(""), now());
    assert!(checked.exit_code() == 1 && checked.render(Language::En).contains("more than 1000 rule files"));
}

const NEXT_HOP: &str = "[[next_hop]]\nname = \"mailbox2\"\naddress = [\"127.0.0.1:26\"]\n";
const CSV: &str = "name;class;primary;next_hop\na;servidor;a@tjpa.jus.br;mailbox2\n";

/// A next hop that only entries of the directory name is used; without them nobody's mail goes to it.
#[test]
fn the_directory_is_shown_and_a_next_hop_of_its_own_is_used() {
    let folder = Folder::new("own-next-hop");
    let extra = format!("{NEXT_HOP}[policy]\nalways_reachable = []\n");
    let config = folder.config("");
    fs::write(
        &config,
        fs::read_to_string(&config).unwrap().replace("[[next_hop]]", "next_hop = \"mailbox\"\n[[next_hop]]") + &extra,
    )
    .unwrap();
    let shown = check(&config, now()).render(Language::En);
    assert!(shown.contains("warning  next hop mailbox2: no mail goes to it\n"), "{shown}");
    assert!(!shown.contains("directory:"), "{shown}");
    folder.write("rules/directory.csv", CSV);
    let shown = check(&config, now()).render(Language::En);
    assert!(shown.contains("ok  directory: mailboxes: 1, lists: 0, addresses: 1"), "{shown}");
    assert!(!shown.contains("no mail goes to it"), "{shown}");
}

/// Applications reach the internet by it, though no domain's mail goes to it.
#[test]
fn the_next_hop_of_applications_is_used() {
    let folder = Folder::new("internet-next-hop");
    let config = folder.config("");
    let text = fs::read_to_string(&config).unwrap();
    let text = text.replace("[[next_hop]]", "next_hop = \"mailbox\"\n[[next_hop]]") + NEXT_HOP;
    fs::write(&config, &text).unwrap();
    let shown = check(&config, now()).render(Language::En);
    assert!(shown.contains("warning  next hop mailbox2: no mail goes to it\n"), "{shown}");
    fs::write(&config, text + "[application]\ninternet_next_hop = \"mailbox2\"\n").unwrap();
    let shown = check(&config, now()).render(Language::En);
    assert!(shown.contains("0 errors") && !shown.contains("no mail goes to it"), "{shown}");
}

#[test]
fn one_directory_that_can_be_read_or_none() {
    let folder = Folder::new("directories");
    let shown = |folder: &Folder| check(&folder.config(""), now()).render(Language::En);
    let csv = CSV.replace("mailbox2", "");
    folder.write("rules/directory.csv", &csv);
    let checked = check(&folder.config(""), now());
    assert_eq!(checked.exit_code(), 0, "{}", checked.render(Language::En));
    folder.write("rules/directory.toml", "");
    assert!(shown(&folder).contains("directory.toml: error: directory.toml and directory.csv are both there"));
    fs::remove_file(folder.0.join("rules/directory.csv")).unwrap();
    assert!(shown(&folder).contains("directory.toml:1:1: error: nobody is in this directory"));
    fs::remove_file(folder.0.join("rules/directory.toml")).unwrap();
    // As Excel saves "CSV" where it does not say UTF-8.
    fs::write(folder.0.join("rules/directory.csv"), b"name;class;primary\njo\xe3o;c;a@tjpa.jus.br\n").unwrap();
    assert!(
        shown(&folder).contains("directory.csv:2:3: error: not UTF-8; it looks like Windows-1252"),
        "{}",
        shown(&folder)
    );
    let limit = 32 << 20;
    let filled = csv.clone() + &"\n".repeat(limit - csv.len());
    folder.write("rules/directory.csv", &filled);
    assert!(shown(&folder).contains("0 errors"), "{}", shown(&folder));
    folder.write("rules/directory.csv", &(filled + "\n"));
    assert!(shown(&folder).contains("directory.csv: error: larger than 32 MiB"), "{}", shown(&folder));
}

#[test]
fn a_list_that_cannot_be_read_is_not_an_empty_list() {
    let folder = Folder::new("unreadable");
    std::os::unix::fs::symlink("/nonexistent", folder.0.join("rules/mailboxes.toml")).unwrap();
    let checked = check(&folder.config(""), now());
    assert_eq!(checked.exit_code(), 1, "{}", checked.render(Language::En));
    fs::remove_file(folder.0.join("rules/mailboxes.toml")).unwrap();
    folder.write("rules/antivirus.toml", &"#".repeat(1 << 20));
    assert!(!check(&folder.config(""), now()).render(Language::En).contains("larger than 1 MiB"));
    folder.write("rules/antivirus.toml", &"#".repeat((1 << 20) + 1));
    assert!(check(&folder.config(""), now()).render(Language::En).contains("larger than 1 MiB"));
}

/// Commands write it, an entry for each mailbox.
#[test]
fn a_list_of_blocked_mailboxes_may_be_8_mib_and_no_more() {
    let folder = Folder::new("list");
    folder.write("rules/mailboxes.toml", &"#".repeat(8 << 20));
    let checked = check(&folder.config(""), now()).render(Language::En);
    assert!(!checked.contains("larger than"), "{checked}");
    folder.write("rules/mailboxes.toml", &"#".repeat((8 << 20) + 1));
    assert!(check(&folder.config(""), now()).render(Language::En).contains("larger than 8 MiB"));
}
