//! Every code of the checker of rule files: a file that provokes exactly it, and one that is nearly the same and provokes nothing.
//! `docs/rule-checker.md` has a row for each code, and no other.
#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    reason = "a test reads the papers and files of its own, and fails where they are not as it thinks"
)]

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

/// A rule that is in order. Each row changes one place of it, or adds something at its end.
const GOOD: &str = r#"
[[rule]]
id = "T-1"
description = "Falso boleto"
owner = "Seguranca"
ticket = "REQ 1"
mode = "enforce"
starts = 2026-11-20T00:00:00-03:00
expires = 2026-12-20T23:59:59-03:00
scope = ["relay"]

[[rule.match]]
all_words = ["boleto"]
any_words = ["urgente", "vencido"]
[[rule.match]]
phrase = "segunda via da fatura"
[[rule.match]]
wildcard = "*fatura*.zip*"
[[rule.match]]
regex = '''\bpix\b.{0,20}\bdevolvido\b'''

[rule.except]
sender = ["*@banco.example"]
words = ["custas processuais"]
networks = ["10.20.0.0/16"]

[rule.action]
kind = "quarantine"
reply = "Retida (regra {rule}, protocolo {id})"

[[rule.example]]
subject = "Boleto urgente"
expect = "match"
[[rule.example]]
subject = "Boleto vencido"
expect = "match"
[[rule.example]]
subject = "Segunda via da fatura"
expect = "match"
[[rule.example]]
subject = "Nova fatura.zip"
expect = "match"
[[rule.example]]
subject = "Pix devolvido"
expect = "match"
[[rule.example]]
subject = "Ata da cobrança"
expect = "no match"
[[rule.example]]
subject = "Boleto urgente"
sender = "aviso@banco.example"
expect = "no match"
[[rule.example]]
subject = "Boleto urgente das custas processuais"
expect = "no match"
[[rule.example]]
subject = "Boleto urgente"
client = "10.20.3.4"
expect = "no match"
"#;

/// The code, what stands in [`GOOD`], what stands in its place in the bad file, and in the near miss. With nothing in the first of
/// the three the others are added at the end; [`spelled`] says what they may be short for.
#[rustfmt::skip]
const ROWS: &[(&str, &str, &str, &str)] = &[
    ("E02", r#"= "Falso boleto""#, "= “Falso boleto”", r#"= "“Falso” boleto""#),
    (
        "E02",
        r#"ticket = "REQ 1""#,
        r#"ticket = "REQ 1"
ticket = "REQ 2""#,
        r#"ticket = "REQ 2""#,
    ),
    ("E02", r"'''\bpix\b.{0,20}\bdevolvido\b'''", r#""pix\.devolvido""#, "'pix.devolvido'"),
    (
        "E03",
        r#"owner = "Seguranca""#,
        r#"owner = "Seguranca"
dono = "S3B""#,
        r#"owner = "dono""#,
    ),
    ("E04", r#"mode = "enforce""#, r#"mode = "aplicar""#, r#"mode = "observe""#),
    ("E04", r#"["urgente", "vencido"]"#, r#""urgente""#, r#"[ "vencido", "urgente", ]"#),
    ("E05", r#"id = "T-1""#, r#"id = "T 1""#, r#"id = "T_1.a-2""#),
    (
        "E05",
        r#"id = "T-1"
"#,
        "",
        "id = 'T-1'
",
    ),
    ("E06", r#"ticket = "REQ 1""#, r#"ticket = "  ""#, r#"ticket = "1""#),
    (
        "E06",
        r#"owner = "Seguranca"
"#,
        "",
        r#"owner = "S"
"#,
    ),
    ("E07", "expires = 2026-12-20T23:59:59-03:00", "expires = 2026-12-20", "expires = 2026-12-20T23:59:59Z"),
    ("E07", "expires = 2026-12-20T23:59:59-03:00", "expires = 2026-11-19T23:59:59-03:00", "expires = 2026-12-20 00:00:00Z"),
    ("A08", "expires = 2026-12-20T23:59:59-03:00", "expires = 2026-11-27T00:00:00-03:00", "expires = 2026-11-30T00:00:00-03:00"),
    (
        "A08",
        "starts = 2026-11-20T00:00:00-03:00
expires = 2026-12-20T23:59:59-03:00",
        "starts = 2027-03-01T00:00:00Z",
        "starts = 2027-02-01T00:00:00Z",
    ),
    ("E09", r#"phrase = "segunda via da fatura""#, r#"phrase = "- !""#, r#"phrase = "segunda - via da fatura!""#),
    ("E09", "", "[[rule.match]]", "# [[rule.match]]"),
    ("E10", r#"wildcard = "*fatura*.zip*""#, r#"wildcard = "*.?*""#, r#"wildcard = "*fatura*.zi?*""#),
    (
        "E10",
        "",
        r#"[[rule.match]]
wildcard = "*de *"
YES conta de luz"#,
        r#"[[rule.match]]
wildcard = "*de luz*"
YES conta de luz"#,
    ),
    ("E11", r"'''\bpix\b.{0,20}\bdevolvido\b'''", "'''pix (?=devolvido)'''", "'''pix (?:devolvido)'''"),
    ("E11", r"'''\bpix\b.{0,20}\bdevolvido\b'''", r"'''\b(pix\b.{0,20}\bdevolvido\b'''", r"'''\b(pix)\b.{0,20}\bdevolvido\b'''"),
    ("E12", r"'''\bpix\b.{0,20}\bdevolvido\b'''", "'''(pix devolvido)*'''", "'''(pix devolvido)+'''"),
    ("E13", r"\bdevolvido\b'''", r"\bdevolução\b'''", r"\bdev[oó]lvido\b'''"),
    ("E13", r"'''\bpix\b.{0,20}\bdevolvido\b'''", "'''^Subject: pix'''", "'''^pix devolvido'''"),
    ("E13", r"'''\bpix\b.{0,20}\bdevolvido\b'''", "'''pix^ devolvido'''", "'''(^|x)pix devolvido$'''"),
    ("E13", r"'''\bpix\b.{0,20}\bdevolvido\b'''", r#""\bpix\b""#, r"'\bpix\b.d'"),
    ("A14", r#""segunda via da fatura""#, r#""segunda via da fa\u200Btura""#, r#""segunda  via  da fatura""#),
    (
        "A14",
        "",
        r#"[[rule.match]]
phrase = "conta bl\u043Equeada"
YES conta blоqueada"#,
        r#"[[rule.match]]
phrase = "счет bloqueada"
YES счет bloqueada"#,
    ),
    ("E15", r#""urgente", "vencido""#, r#""bem urgente", "vencido""#, r#""URGENTE", "vencido""#),
    ("A15", r#"phrase = "segunda via da fatura""#, r#"phrase = "via""#, r#"phrase = "via da""#),
    (
        "A16",
        "",
        r#"[[rule.match]]
all_words = ["reunião"]
YES Reunião"#,
        r#"[[rule.match]]
all_words = ["reunião", "fraude"]
YES Reunião e fraude"#,
    ),
    (
        "A16",
        "",
        r#"[[rule.match]]
all_words = ["nft"]
YES NFT"#,
        r#"[[rule.match]]
all_words = ["nfts"]
YES NFTs"#,
    ),
    ("E17", r#""urgente", "vencido""#, r#""urgent*", "vencido""#, r#""urgente" , "vencido""#),
    ("A17", r#""segunda via da fatura""#, r#""segunda via da fatura*""#, r#""segunda via, da fatura""#),
    ("A17", r#""*fatura*.zip*""#, r#""nova fatura.zip""#, r#""nova fatura.zip*""#),
    (
        "E18",
        "",
        r#"RULE T-2 off tag
[[rule.match]]
phrase = "conta nova"
YES conta nova"#,
        r#"RULE T-2 off tag
[[rule.match]]
phrase = "conta nova"
YES conta nova
NO conta"#,
    ),
    ("E19", r#"subject = "Segunda via da fatura""#, r#"subject = "Segunda via da fatora""#, r#"subject = "RES: SEGUNDA VIA - da fatura!""#),
    (
        "E20",
        "",
        r#"[[rule.match]]
phrase = "conta suspensa""#,
        r#"[[rule.match]]
phrase = "conta suspensa"
YES conta suspensa"#,
    ),
    ("A20", r#""urgente", "vencido""#, r#""urgente", "vencido", "atrasado""#, r#""vencido", "urgente""#),
    ("A20", r#"wildcard = "*fatura*.zip*""#, r#"wildcard = "*fatura*""#, r#"wildcard = "*nova*fatura*""#),
    (
        "E21",
        r#"networks = ["10.20.0.0/16"]"#,
        r#"networks = ["10.20.0.0/16"]
list = ["avisos.example"]"#,
        r#"networks = ["10.20.0.0/17"]"#,
    ),
    ("A21", r#"words = ["custas processuais"]"#, r#"words = ["custas processuais", "guia de custas"]"#, r#"words = ["das custas processuais"]"#),
    (
        "E22",
        "",
        r#"RULE T-2 enforce tag
[[rule.match]]
wildcard = "*loteria*"
YES loteria federal
NO conta
RULE T-3 enforce quarantine
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
"#,
        r#"RULE T-3 enforce quarantine
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
RULE T-2 enforce tag
[[rule.match]]
wildcard = "*loteria*"
YES loteria federal
NO conta
"#,
    ),
    (
        "A22",
        "",
        r#"RULE T-2 enforce tag
[[rule.match]]
wildcard = "*loteria*"
YES loteria federal
NO conta
RULE T-3 enforce tag
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
"#,
        r#"RULE T-2 observe tag
[[rule.match]]
wildcard = "*loteria*"
YES loteria federal
NO conta
RULE T-3 enforce quarantine
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
"#,
    ),
    (
        "A23",
        "",
        r#"RULE T-2 observe tag
[[rule.match]]
all_words = ["loteria"]
YES loteria
NO conta
RULE T-3 observe tag
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
"#,
        r#"RULE T-2 observe tag
[[rule.match]]
all_words = ["loteria", "federal"]
YES loteria federal
NO conta
RULE T-3 observe tag
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
"#,
    ),
    (
        "A22",
        "",
        r#"RULE T-2 observe tag
starts = 2026-11-21T00:00:00Z
expires = 2026-12-01T00:00:00Z
scope = ["relay"]
[[rule.match]]
all_words = ["boleto", "urgente", "golpe"]
YES boleto urgente golpe
NO conta
"#,
        r#"RULE T-2 observe tag
scope = ["relay"]
[[rule.match]]
all_words = ["boleto", "urgente", "golpe"]
YES boleto urgente golpe
NO conta
"#,
    ),
    ("E25", r#"sender = ["*@banco.example"]"#, r#"sender = ["banco.example"]"#, r#"sender = ["*@banco.example", "*@*.banco.example"]"#),
    ("E25", r#"client = "10.20.3.4""#, r#"client = "10.20.3""#, r#"client = "10.20.255.255""#),
    ("E25", r#"sender = ["*@banco.example"]"#, r#"sender = ["*@banco.example", "*@just*ça.example"]"#, r#"sender = ["*@banco.example", "*@justiça.example"]"#),
    ("A26", r#"sender = ["*@banco.example"]"#, r#"sender = ["*@banco.example", "*@gmail.com"]"#, r#"sender = ["*@banco.example", "fulano@gmail.com"]"#),
    ("E28", r#"reply = "Retida"#, r#"reply = "Retida. Dúvidas: noc@tjpa.jus.br"#, r#"reply = "Retida. Duvidas: noc@tjpa.jus.br"#),
    ("E28", r#"reply = "Retida"#, r#"reply = "Retida por mx1.tjpa.local"#, r#"reply = "Retida por mx1.tjpa.jus.br"#),
    ("A28", r#"kind = "quarantine""#, r#"kind = "tag""#, r#"kind = "reject""#),
    (
        "A30",
        "",
        r#"[[rule.match]]
all_words = ["portaria"]
YES Portaria"#,
        r#"[[rule.match]]
all_words = ["portaria", "nova"]
YES Portaria nova"#,
    ),
    (
        "A32",
        "",
        "[[rule.match]]
regex = '^z.k'
YES zak",
        "[[rule.match]]
regex = '^zak.'
YES zaki",
    ),
    ("E37", r#""urgente", "vencido""#, r#""urgente", "vencido", "URGENTE""#, r#""VENCIDO", "urgente""#),
];

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

/// Whole lines for short ones: `RULE id mode kind` the head of a rule, `YES subject` and `NO subject` an example.
fn spelled(short: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some(("RULE", rest)) => {
            let [id, mode, kind] = rest.split(' ').collect::<Vec<_>>()[..] else { panic!("{rest}") };
            format!(
                "[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nowner = \"o\"\nticket = \"t\"\nmode = \"{mode}\"\n\
                 action.kind = \"{kind}\"\n"
            )
        }
        Some(("YES", subject)) => format!("[[rule.example]]\nsubject = \"{subject}\"\nexpect = \"match\"\n"),
        Some(("NO", subject)) => format!("[[rule.example]]\nsubject = \"{subject}\"\nexpect = \"no match\"\n"),
        _ => format!("{line}\n"),
    };
    short.lines().map(line).collect()
}

fn file(place: &str, text: &str) -> String {
    if place.is_empty() {
        return format!("{GOOD}{}", spelled(text));
    }
    assert_eq!(GOOD.matches(place).count(), 1, "{place}");
    GOOD.replace(place, text)
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
