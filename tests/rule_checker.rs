//! Every code of the checker of rule files: a file that provokes exactly it, and one that is nearly the same and provokes nothing.
//! `docs/rule-checker.md` has a row for each code, and no other.
#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    reason = "a test reads the papers and files of its own, and fails where they are not as it thinks"
)]

#[path = "rule_checker/rows.rs"]
mod rows;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use portaria::{
    alert::Kind,
    config,
    document::Faults,
    language::Language,
    policy::{
        blocked_mailbox::BlockedMailboxes,
        directory::{Directory, MailboxKey, ServedDomain},
        rule::{MAX_FILE, RuleSet, code},
    },
};

use rows::{GOOD, ROWS, file};

/// 2026-11-21 12:00 UTC.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_262_400)
}

fn resolve(address: &str) -> Option<MailboxKey> {
    address.ends_with("@tjpa.jus.br").then(|| MailboxKey(address.to_lowercase()))
}

/// What `portaria rules check` finds.
fn check(files: &[(&str, &[u8])]) -> Faults {
    let files: Vec<_> = files.iter().map(|(name, octets)| (PathBuf::from(name), octets.to_vec())).collect();
    let (set, mut faults) = RuleSet::read_files(&files, &resolve);
    faults.append(set.due(now()));
    let own = Kind::ALL.iter().map(|kind| format!("[Portaria] {}", kind.facts("").what.pt)).collect::<Vec<_>>();
    faults.append(set.catching(&own));
    faults
}

fn codes(faults: &Faults) -> BTreeSet<String> {
    faults.0.iter().map(|fault| fault.code().unwrap_or_else(|| panic!("no code: {}", fault.what))).collect()
}

fn only(code: &str) -> BTreeSet<String> {
    BTreeSet::from([code.to_owned()])
}

#[test]
fn the_rule_that_the_rows_change_is_in_order() {
    assert_eq!(check(&[("r.toml", GOOD.as_bytes())]).render(Language::En), "");
}

#[test]
fn each_code_is_provoked_alone_and_not_by_a_near_miss() {
    let mut wrong = Vec::new();
    for (code, place, bad, near) in ROWS {
        let found = check(&[("r.toml", file(place, bad).as_bytes())]);
        if codes(&found) != only(code) {
            wrong.push(format!("{code}, bad: {bad}\n{}", found.render(Language::En)));
        }
        let found = check(&[("r.toml", file(place, near).as_bytes())]);
        if !found.0.is_empty() {
            wrong.push(format!("{code}, near: {near}\n{}", found.render(Language::En)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What hangs on more than one place of the file.
#[test]
fn the_codes_of_whole_rules_are_provoked_alone_too() {
    let no_network = GOOD.replace("networks = [\"10.20.0.0/16\"]\n", "");
    let example = "[[rule.example]]\nsubject = \"Boleto urgente\"\nclient = \"10.20.3.4\"\nexpect = \"no match\"\n";
    let no_network = no_network.replace(example, "");
    assert_eq!(codes(&check(&[("r.toml", no_network.as_bytes())])), only("A26"));
    let bounces_only = no_network.replace("\"*@banco.example\"", "\"<>\"").replace("aviso@banco.example", "<>");
    assert_eq!(check(&[("r.toml", bounces_only.as_bytes())]).render(Language::En), "");

    let reject = GOOD.replace("\"quarantine\"", "\"reject\"");
    for (expires, expected) in
        [("2027-11-20T00:00:00-03:00", &[][..]), ("2027-11-22T00:00:00-03:00", &["E07"]), ("", &["E07"])]
    {
        let line = if expires.is_empty() { String::new() } else { format!("expires = {expires}\n") };
        let source = reject.replace("expires = 2026-12-20T23:59:59-03:00\n", &line);
        let found = codes(&check(&[("r.toml", source.as_bytes())]));
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{expires}");
    }

    // The same file twice: the id is taken, and the second rule is not even compared with the first.
    assert_eq!(codes(&check(&[("a.toml", GOOD.as_bytes()), ("b.toml", GOOD.as_bytes())])), only("E05"));
    let long = |letters: usize| {
        let word = "x".repeat(letters);
        codes(&check(&[(
            "r.toml",
            file("", &format!("[[rule.match]]\nall_words = [\"{word}\"]\nYES {word}")).as_bytes(),
        )]))
    };
    assert_eq!((long(1_000), long(1_001)), (BTreeSet::new(), only("E32")));
}

#[test]
fn the_codes_of_octets_are_provoked_alone_and_say_how_to_save() {
    let utf_16 = |mark: [u8; 2], octets: fn(u16) -> [u8; 2]| {
        mark.into_iter().chain(GOOD.encode_utf16().flat_map(octets)).collect::<Vec<u8>>()
    };
    let windows_1252: Vec<u8> = GOOD.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let half = GOOD.as_bytes()[..GOOD.find('ç').unwrap() + 1].to_vec();
    for (octets, parts) in [
        (utf_16([0xFF, 0xFE], u16::to_le_bytes), &["UTF-16", "Bloco de Notas", "VS Code"][..]),
        (utf_16([0xFE, 0xFF], u16::to_be_bytes), &["UTF-16"]),
        (utf_16([b'\n', 0], u16::to_le_bytes), &["UTF-16"]),
        (windows_1252, &["r.toml:47:", "Windows-1252", "seria `ç`", "subject = \"Ata da cobrança\"", "VS Code"]),
        (half, &["no meio de uma letra"]),
        (format!("{GOOD}\0\0\0").into_bytes(), &["NUL"]),
    ] {
        let found = check(&[("r.toml", &octets)]);
        let shown = found.render(Language::PtBr);
        assert_eq!((codes(&found), found.0.len()), (only("E01"), 1), "{shown}");
        for part in parts {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
    for fine in
        [GOOD.replace('\n', "\r\n"), format!("\u{feff}{GOOD}"), format!("\u{feff}{}", GOOD.replace('\n', "\r\n"))]
    {
        assert_eq!(check(&[("r.toml", fine.as_bytes())]).render(Language::En), "");
    }
    let large = |size: usize| codes(&check(&[("r.toml", " ".repeat(size).as_bytes())]));
    assert_eq!((large(MAX_FILE), large(MAX_FILE + 1)), (BTreeSet::new(), only("E32")));
}

/// A file that was copied half, at any place, is refused or says nothing: never a panic, never a rule that nobody wrote.
#[test]
fn a_file_that_ends_anywhere_is_told_so() {
    let mut refused = 0;
    for end in 0..GOOD.len() {
        let found = check(&[("r.toml", &GOOD.as_bytes()[..end])]);
        refused += usize::from(found.has_errors());
        assert!(found.0.iter().all(|fault| fault.code().is_some() && fault.what.en != fault.what.pt), "{end}");
    }
    assert!(refused > GOOD.len() / 2, "{refused}");
}

#[test]
fn a_file_that_everybody_may_write_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("r.toml");
    fs::write(&name, GOOD).unwrap();
    for (mode, expected) in [(0o664, BTreeSet::new()), (0o666, only("A33"))] {
        fs::set_permissions(&name, fs::Permissions::from_mode(mode)).unwrap();
        let (read, faults) = config::octets_of(&[name.clone(), folder.path().join("absent.toml")]);
        assert_eq!(read.len(), 1);
        let of_file = Faults(faults.0.into_iter().filter(|fault| fault.file == name).collect());
        assert_eq!(codes(&of_file), expected, "{mode:o}");
    }
}

#[test]
fn the_codes_of_the_blocked_mailboxes_are_provoked_alone() {
    let domain = ServedDomain { name: "tjpa.jus.br".to_owned(), aliases: vec![], next_hop: "mailbox".into() };
    let directory = Directory::new(vec![domain], ["abuse"]).unwrap();
    let good =
        "[[blocked]]\nmailbox = \"fulano.tal\"\ndirection = \"send\"\nreason = \"r\"\nticket = \"t\"\nby = \"b\"\n";
    let check = |source: &str| codes(&BlockedMailboxes::read(Path::new("mailboxes.toml"), source, &directory, now()).1);
    assert_eq!(check(good), BTreeSet::new());
    for (from, to, expected) in [
        ("fulano.tal", "fulano@elsewhere.example", "E38"),
        ("fulano.tal", "postmaster", "E38"),
        ("fulano.tal", "a b@c@", "E38"),
        ("fulano.tal", "fulano.tal+x", "A38"),
        (
            "by = \"b\"\n",
            "by = \"b\"\n[[blocked]]\nmailbox = \"fulano.tal\"\ndirection = \"both\"\nreason = \"r\"\nticket = \"t\"\nby = \"b\"\n",
            "A38",
        ),
        ("direction = \"send\"\n", "", "E06"),
        ("\"send\"", "\"enviar\"", "E04"),
        ("by = \"b\"\n", "by = \"b\"\nexpires = 2026-12-20\n", "E07"),
        ("by = \"b\"\n", "by = \"b\"\nexpires = 2026-11-20T00:00:00Z\n", "A08"),
    ] {
        assert_eq!(check(&good.replace(from, to)), only(expected), "{to}");
    }
}

/// Who left the directory over night must not keep the set from loading; who is misspelt must not look blocked.
#[test]
fn a_block_of_nobody_in_the_directory_is_told_and_loads() {
    let domain = ServedDomain { name: "tjpa.jus.br".to_owned(), aliases: vec![], next_hop: "mailbox".into() };
    let domains = Directory::new(vec![domain], ["abuse"]).unwrap();
    let entries = "[[mailbox]]\nname = \"fulano.tal\"\nclass = \"servidor\"\nprimary = \"fulano.tal@tjpa.jus.br\"\n";
    let (directory, faults) = domains.clone().with_entries(Path::new("directory.toml"), entries);
    assert!(!faults.has_errors(), "{faults:?}");
    let check = |directory: &Directory, mailbox: &str| {
        let entry = format!(
            "[[blocked]]\nmailbox = \"{mailbox}\"\ndirection = \"send\"\nreason = \"r\"\nticket = \"t\"\nby = \"b\"\n"
        );
        let (list, faults) = BlockedMailboxes::read(Path::new("mailboxes.toml"), &entry, directory, now());
        assert_eq!(list.entries().len(), 1, "{mailbox}");
        codes(&faults)
    };
    for mailbox in ["fulano.tal", "Fulano.Tal@TJPA.jus.br"] {
        assert_eq!(check(&directory, mailbox), BTreeSet::new(), "{mailbox}");
    }
    assert_eq!(check(&directory, "fulana.tal"), only("A38"));
    assert_eq!(check(&directory, "fulana.tal@tjpa.jus.br"), only("A38"));
    assert_eq!(check(&domains, "fulana.tal"), BTreeSet::new(), "no directory lists mailboxes: any may be one");
}

/// The page names every code with its letters, in order, and shows the first bad example of each row above.
#[test]
fn every_code_is_on_the_page_and_the_page_has_no_other() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rule-checker.md")).unwrap();
    let told: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .filter(|(code, _)| code.starts_with(['E', 'A']))
        .collect();
    let severities = |letter| match letter {
        'E' => portaria::document::Severity::Error,
        _ => portaria::document::Severity::Warning,
    };
    let known: Vec<String> = code::ALL
        .iter()
        .map(|(code, letters)| {
            letters.chars().map(|letter| code.shown(severities(letter))).collect::<Vec<_>>().join("` `")
        })
        .collect();
    assert_eq!(told.iter().map(|(code, _)| *code).collect::<Vec<_>>(), known);
    let mut shown = BTreeSet::new();
    for (code, place, bad, _) in ROWS.iter().filter(|(_, place, ..)| !place.is_empty()) {
        let first = shown.insert(code);
        let row = told.iter().find(|(codes, _)| codes.contains(code)).unwrap();
        assert!(
            !first || bad.contains('\n') || bad.is_empty() || row.1.contains(bad),
            "{code} ({place}): {bad} is not on the page"
        );
    }
    let provoked: BTreeSet<&str> = ROWS.iter().map(|(code, ..)| *code).collect();
    let elsewhere = ["E01", "E32", "A33", "E38", "A38"];
    for code in known.iter().flat_map(|codes| codes.split("` `")) {
        assert!(provoked.contains(code) || elsewhere.contains(&code), "{code} is provoked by no test");
    }
}
