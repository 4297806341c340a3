//! The registry: what it takes, what it says of what it does not take, and who is who in it.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::*;
use crate::{
    document::Faults,
    language::Language,
    policy::directory::{Directory, ServedDomain},
};

const GOOD: &str = r#"
[[application]]
id = "pje-intimacoes"
state = "active"
owner = "Coordenadoria de Aplicacoes"
requester = "Fulano de Tal"
evaluator = "Analista S3B"
evaluated = 2026-08-03
ticket = "REQ 2026/090112"
review_by = 2027-08-03
networks = ["10.20.30.0/28"]
senders = ["pje-intimacoes@tjpa.jus.br"]
null_sender = false
reach = "internal"
internet_domains = []
max_recipients = 50
max_per_hour = 2000
"#;

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQxMjM$AAAAAAAAAAAAAAAAAAAAAA";

fn directory() -> Directory {
    let domain = ServedDomain {
        name: "tjepa.jus.br".to_owned(),
        aliases: vec!["tjpa.jus.br".to_owned()],
        next_hop: "mailbox".into(),
    };
    Directory::new(vec![domain], []).unwrap()
}

/// 2026-11-22.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_305_600)
}

fn read_with(internet: Option<&str>, text: &str) -> (Applications, Faults) {
    let settings = Settings { internet_next_hop: internet.map(NextHopName::from), contact: "".into() };
    Applications::read(Path::new("applications.toml"), text, &directory(), &settings, now())
}

fn read(text: &str) -> (Applications, Faults) {
    read_with(Some("internet"), text)
}

/// The good entry with one line changed (or taken out, if the new one is empty), or with a line more.
fn with(line: &str, new: &str) -> String {
    if line.is_empty() {
        return format!("{GOOD}{new}\n");
    }
    assert!(GOOD.contains(line), "{line}");
    GOOD.lines()
        .map(|is| if is.starts_with(line) { new } else { is })
        .fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn the_entry_of_the_design_is_read() {
    let (applications, faults) = read(GOOD);
    assert!(faults.0.is_empty(), "{}", faults.render(Language::En));
    let [entry] = applications.entries() else { panic!("one entry") };
    assert_eq!((&*entry.id, entry.state, entry.max_per_hour.get()), ("pje-intimacoes", State::Active, 2000));
    assert_eq!(entry.senders[0].0.0, "pje-intimacoes@tjepa.jus.br");
    assert_eq!(entry.reach, Reach::Internal);
    assert!(applications.named("pje-intimacoes").is_some() && applications.named("pje").is_none());
}

/// Each row: what is changed in a good entry, and what is said of it, with the place.
#[test]
fn every_fault_is_told_with_its_place() {
    let login = format!("login = \"svc-pje\"\npassword_hash = \"{HASH}\"");
    let rows: &[(&str, &str, &str)] = &[
        ("id", "id = \"PJe\"", "3:6: error: an id has lower-case letters"),
        ("id", "", "2:1: error: `id` is missing here"),
        ("state", "state = \"on\"", "4:9: error: `state` is one of pending | observe | active | suspended, not `on`"),
        ("state", "", "2:1: error: `state` is missing here"),
        ("owner", "owner = \" \"", "5:9: error: `owner` is empty"),
        ("requester", "", "2:1: error: `requester` is missing here"),
        ("evaluator", "", "2:1: error: `evaluator` is missing here"),
        ("evaluated", "", "2:1: error: `evaluated` is missing here"),
        ("evaluated", "evaluated = 2026-12-03", "8:13: warning: this day has not come yet"),
        ("ticket", "", "2:1: error: `ticket` is missing here"),
        ("review_by", "", "2:1: error: `review_by` is missing here"),
        ("review_by", "review_by = 2026-08-03", "10:13: error: `review_by` is not after `evaluated`"),
        ("review_by", "review_by = 2027-08-03T00:00:00Z", "10:13: error: `review_by` is a day"),
        ("review_by", "review_by = 2026-11-21", "10:13: warning: the review of this application is due"),
        ("networks", "", "2:1: error: nobody could be this application"),
        ("networks", "networks = []", "2:1: error: nobody could be this application"),
        ("networks", "networks = [\"0.0.0.0/0\"]", "11:13: error: everybody would be this application"),
        ("networks", "networks = [\"10.0.0.0/40\"]", "11:13: error: a network is needed here"),
        ("", "login = \"svc\"", "18:9: error: `login` and `password_hash` stand together"),
        ("", "password_hash = \"x\"", "18:17: error: `login` and `password_hash` stand together"),
        (
            "",
            "login = \"svc\"\npassword_hash = \"hunter2\"",
            "19:17: error: this is no password hash: it is no PHC string",
        ),
        ("", "login = \"s v\"\npassword_hash = \"hunter2\"", "18:9: error: a login is printable ASCII without spaces"),
        ("senders", "", "2:1: error: it could send as nobody"),
        ("senders", "senders = []", "12:11: error: it could send as nobody"),
        ("senders", "senders = [\"pje\"]", "12:12: error: `pje` is not an address"),
        ("senders", "senders = [\"pje@tjpa.jus\"]", "12:12: error: the domain tjpa.jus is not served here"),
        ("reach", "reach = \"world\"", "14:9: error: `reach` is one of internal | internet, not `world`"),
        ("internet_domains", "internet_domains = [\"a.example\"]", "15:20: warning: `internet_domains` says nothing"),
        ("internet_domains", "internet_domains = [\"a b\"]", "15:21: error: `a b` is not a domain name"),
        ("max_recipients", "", "2:1: error: `max_recipients` is missing here"),
        ("max_recipients", "max_recipients = 0", "16:18: error: 0 would let nothing through"),
        ("max_per_hour", "max_per_hour = -1", "17:16: error: a whole number"),
        ("", "sender = \"x\"", "18:1: error: unknown key `sender`"),
    ];
    for (line, new, expected) in rows {
        let (_, faults) = read(&with(line, new));
        let shown = faults.render(Language::En);
        assert!(shown.contains(&format!("applications.toml:{expected}")), "{line} -> {new}:\n{shown}");
        let told = faults.render(Language::PtBr);
        assert!(!told.is_empty() && told != shown, "in Portuguese too: {told}");
    }
    for fine in [
        with("state", "state = \"pending\"").replace("evaluator = \"Analista S3B\"\nevaluated = 2026-08-03\n", ""),
        with("networks", &login),
        with("", &login),
        with("review_by", "review_by = 2026-11-22"),
        with("reach", "reach = \"internet\""),
        with("null_sender", ""),
        with("reach", ""),
        with("internet_domains", ""),
    ] {
        let (applications, faults) = read(&fine);
        assert!(faults.0.is_empty() && applications.entries().len() == 1, "{fine}{}", faults.render(Language::En));
    }
}

/// Without a next hop for the internet nobody reaches it: an error, and not mail that goes nowhere.
#[test]
fn the_internet_needs_a_next_hop() {
    let wide = with("reach", "reach = \"internet\"");
    let shown = read_with(None, &wide).1.render(Language::En);
    assert!(
        shown.contains("14:9: error: nobody takes mail for the internet: `internet_next_hop` is not set"),
        "{shown}"
    );
}

#[test]
fn no_two_entries_are_one_and_no_client_is_two() {
    let other = |networks: &str, more: &str| {
        let other = GOOD.replace("pje-intimacoes\"\nstate", "sei\"\nstate").replace("\"10.20.30.0/28\"", networks);
        format!("{GOOD}{other}{more}")
    };
    let login = |name: &str| format!("login = \"{name}\"\npassword_hash = \"{HASH}\"\n");
    let rows = [
        (format!("{GOOD}{GOOD}"), "an earlier entry has the id `pje-intimacoes` already"),
        (other("\"10.20.0.0/16\"", ""), "10.20.0.0/16 overlaps with a network of `pje-intimacoes`"),
        (other("\"10.20.30.5\"", ""), "10.20.30.5/32 overlaps with a network of `pje-intimacoes`"),
        (
            format!(
                "{}{}",
                GOOD.to_owned() + &login("svc"),
                other("\"10.9.0.0/16\"", &login("svc")).replacen(GOOD, "", 1)
            ),
            "an earlier entry has the login `svc` already",
        ),
    ];
    for (text, expected) in rows {
        let shown = read(&text).1.render(Language::En);
        assert!(shown.contains(expected), "{expected}:\n{shown}");
    }
    for fine in [other("\"10.20.30.16/28\"", ""), other("\"10.20.0.0/16\"", &login("svc"))] {
        let faults = read(&fine).1;
        assert!(faults.0.is_empty(), "{}", faults.render(Language::En));
    }
}

/// Who a client is: a login goes before a network, and what an entry asks for must all be there.
#[test]
fn a_client_is_one_application_or_none() {
    let login = format!("login = \"svc\"\npassword_hash = \"{HASH}\"\n");
    let by_both =
        GOOD.replace("pje-intimacoes\"\nstate", "both\"\nstate").replace("10.20.30.0/28", "10.20.0.0/16") + &login;
    let (applications, faults) = read(&format!("{GOOD}{by_both}"));
    assert!(faults.0.is_empty(), "{}", faults.render(Language::En));
    let of = |client: &str, login: Option<&Login>| {
        applications.of(client.parse().unwrap(), login).map(|entry| entry.id.to_string())
    };
    let logged_in = applications.login("svc", "10.20.99.1".parse().unwrap()).cloned();
    assert!(logged_in.is_some());
    let rows = [
        ("10.20.30.5", None, Some("pje-intimacoes")),
        ("::ffff:10.20.30.5", None, Some("pje-intimacoes")),
        ("10.20.30.16", None, None),
        ("10.20.99.1", None, None),
        ("10.20.30.5", logged_in.as_ref(), Some("both")),
        ("10.20.99.1", logged_in.as_ref(), Some("both")),
        ("192.0.2.1", logged_in.as_ref(), None),
    ];
    for (client, login, expected) in rows {
        assert_eq!(of(client, login).as_deref(), expected, "{client}");
    }
    let outside = "192.0.2.1".parse().unwrap();
    assert_eq!(applications.login("svc", outside), None, "a login from elsewhere is no login");
    assert_eq!(applications.login("SVC", "10.20.99.1".parse().unwrap()), None);
    let changed = Login { hash: PasswordHash::decoy(), ..logged_in.unwrap() };
    assert_eq!(of("10.20.99.1", Some(&changed)), None, "the password was changed");
}

/// The last day is still in time.
#[test]
fn a_review_is_due_when_its_day_is_over() {
    let (applications, _) = read(&with("review_by", "review_by = 2026-11-22"));
    let entry = &applications.entries()[0];
    let day = |text: &str| text.parse::<Date>().unwrap();
    assert!(!entry.is_review_due(day("2026-11-22")) && entry.is_review_due(day("2026-11-23")));
    assert_eq!(super::entry::today(now()), day("2026-11-22"));
}

#[test]
fn a_registry_has_a_bound() {
    let entry = |nth: usize| {
        let id = format!("id = \"a{nth}\"");
        let network = format!("10.{}.{}.0/28", nth / 256, nth % 256);
        GOOD.replace("id = \"pje-intimacoes\"", &id).replace("10.20.30.0/28", &network)
    };
    for (count, fits) in [(1_000, true), (1_001, false)] {
        let text: String = (0..count).map(entry).collect();
        let (applications, faults) = read(&text);
        assert_eq!((applications.entries().len(), !faults.has_errors()), (1_000, fits));
    }
}
