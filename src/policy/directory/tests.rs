//! Directories as people and programs write them, and what they do to MAIL and RCPT.

use std::{net::Ipv4Addr, time::SystemTime};

use super::{
    class::Classes,
    norm::{Check, findings},
    *,
};
use crate::{
    language::Language,
    policy::{
        Admitted, Policy, Sources, blocked_mailbox::BlockedMailboxes, refusal::Refusal, rule::RuleSet,
        scanning::Scanning,
    },
    smtp::{
        envelope::{MailFrom, RcptTo},
        parameter::{MailParameters, RcptParameters},
        path::{ForwardPath, ReversePath},
    },
};

fn domains() -> Directory {
    let domain = |name: &str, aliases: &[&str], next_hop: &str| ServedDomain {
        name: name.to_owned(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        next_hop: next_hop.into(),
    };
    let domains = vec![
        domain("tjepa.jus.br", &["tjpa.jus.br"], "mailbox"),
        domain("outra.example", &[], "other"),
        domain("escola.example", &[], "other"),
    ];
    let names = ["mailbox", "mailbox2", "other"];
    Directory::new(domains, ["abuse"]).unwrap().with_next_hops(names.map(NextHopName::from))
}

const TOML: &str = r#"
[[mailbox]]
name      = "fulano.tal"
class     = "servidor"
primary   = "fulano.tal@tjepa.jus.br"
addresses = ["fulano.tal@tjpa.jus.br", "ft@tjpa.jus.br", "fulano@outra.example", "ft@elsewhere.example"]
next_hop  = "mailbox2"

[[mailbox]]
name      = "NOC"
class     = "unidade"
primary   = "noc@tjepa.jus.br"
addresses = ["noc@tjpa.jus.br", "postmaster@tjpa.jus.br"]

[[list]]
address = "todos@tjpa.jus.br"
internal_senders_only = true

[[list]]
address = "imprensa@tjpa.jus.br"
"#;

/// The same, as a spreadsheet saves it where the comma is the decimal sign.
const CSV: &str = "\r\n\
primary;NAME;class;kind;addresses;next_hop;internal_senders_only\r\n\
fulano.tal@tjepa.jus.br;fulano.tal;servidor;;\"fulano.tal@tjpa.jus.br ft@tjpa.jus.br\nfulano@outra.example ft@elsewhere.example\";mailbox2;\r\n\
noc@tjepa.jus.br; NOC ;unidade;mailbox;noc@tjpa.jus.br postmaster@tjpa.jus.br;;FALSO\r\n\
;;;;;;\r\n\
todos@tjpa.jus.br;;;list;;;VERDADEIRO\r\n\
imprensa@tjpa.jus.br;Imprensa;;list;;;\r\n";

fn read(file: &str, source: &str) -> (Directory, Faults) {
    domains().with_entries(Path::new(file), source)
}

fn good(file: &str, source: &str) -> Directory {
    let (directory, faults) = read(file, source);
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    directory
}

fn now() -> SystemTime {
    "2026-11-21T12:00:00Z".parse::<jiff::Timestamp>().unwrap().into()
}

fn policy(directory: Directory, list: &str) -> Policy {
    let (blocked, faults) = BlockedMailboxes::read(Path::new("mailboxes.toml"), list, &directory, now());
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    Policy { version: "0".repeat(12), directory, blocked, scanning: Scanning::default(), rules: RuleSet::default() }
}

fn rcpt_from(policy: &Policy, from: &str, path: &str) -> Result<Admitted, Refusal> {
    let (path, _) = ForwardPath::parse_prefix(path).unwrap();
    let (from, _) = ReversePath::parse_prefix(from).unwrap();
    policy.rcpt(&RcptTo { path, parameters: RcptParameters::default() }, &from, now())
}

fn rcpt(policy: &Policy, path: &str) -> Result<Admitted, &'static str> {
    rcpt_from(policy, "<ana@example.org>", path).map_err(|refusal| refusal.name())
}

fn blocked(mailbox: &str) -> String {
    format!("[[blocked]]\nmailbox = '{mailbox}'\ndirection = 'both'\nreason = 'r'\nticket = 'T 1'\nby = 'b'\n")
}

/// Both ways to write it are one directory.
#[test]
fn toml_and_csv_say_the_same() {
    let [toml, csv] = [("directory.toml", TOML), ("directory.csv", CSV)].map(|(file, source)| {
        let mut entries = good(file, source).entries().unwrap().all().to_vec();
        entries.iter_mut().for_each(|entry| entry.line = 0);
        entries
    });
    assert_eq!(toml, csv);
    assert_eq!(toml.len(), 4);
    let comma = CSV.replace(';', ",");
    assert_eq!(good("directory.csv", &comma).entries().unwrap().all().len(), 4);
    let lines: Vec<_> = good("d.csv", CSV).entries().unwrap().all().iter().map(|entry| entry.line).collect();
    assert_eq!(lines, [3, 5, 7, 8], "lines of the file, with those inside a cell");
}

#[test]
fn every_address_of_a_mailbox_has_its_key_and_its_next_hop() {
    let policy = policy(good("directory.toml", TOML), "");
    let rows = [
        ("<fulano.tal@tjepa.jus.br>", Ok(("fulano.tal@tjepa.jus.br", "mailbox2"))),
        ("<FT+x@tjepa.jus.br.>", Ok(("fulano.tal@tjepa.jus.br", "mailbox2"))),
        ("<\"f\\t\"@TJPA.jus.br>", Ok(("fulano.tal@tjepa.jus.br", "mailbox2"))),
        ("<fulano@outra.example>", Ok(("fulano.tal@tjepa.jus.br", "mailbox2"))),
        ("<noc@tjpa.jus.br>", Ok(("noc@tjepa.jus.br", "mailbox"))),
        ("<imprensa@tjepa.jus.br>", Ok(("imprensa@tjepa.jus.br", "mailbox"))),
        ("<fulano@tjpa.jus.br>", Err("unknown_mailbox")),
        ("<ft@outra.example>", Err("unknown_mailbox")),
        ("<ninguem@tjpa.jus.br>", Err("unknown_mailbox")),
        ("<ft@elsewhere.example>", Err("not_ours")),
        ("<ft%outra.example@tjpa.jus.br>", Err("relay_trick")),
        // The directory does not speak of this domain: its next hop knows.
        ("<ninguem@escola.example>", Ok(("ninguem@escola.example", "other"))),
    ];
    for (path, expected) in rows {
        let found = rcpt(&policy, path);
        let shown = found.as_ref().map(|it| (it.mailbox.0.as_str(), &*it.next_hop.0)).map_err(|name| *name);
        assert_eq!(shown, expected, "{path}");
    }
    let admitted = rcpt(&policy, "<FT+x@tjpa.jus.br>").unwrap();
    assert_eq!(admitted.path.to_string(), "FT+x@tjpa.jus.br", "nothing is rewritten (8.1.3)");
}

/// RFC 5321 §4.5.1: whoever forgets to list postmaster still has one, and so has every domain.
#[test]
fn who_is_always_reachable_need_not_be_listed() {
    let policy = policy(good("directory.toml", TOML), &blocked("noc"));
    for path in ["<postmaster@outra.example>", "<abuse@tjpa.jus.br>"] {
        assert!(rcpt(&policy, path).unwrap().always_reachable, "{path}");
    }
    // An address of a mailbox that is blocked, and reachable all the same; the mailbox under its own name is not.
    for path in ["<postmaster>", "<PostMaster+x@tjpa.jus.br>"] {
        let admitted = rcpt(&policy, path).unwrap();
        assert_eq!((admitted.mailbox.0.as_str(), admitted.always_reachable), ("noc@tjepa.jus.br", true), "{path}");
    }
    assert_eq!(rcpt(&policy, "<noc@tjpa.jus.br>"), Err("blocked_to_receive"));
    let (_, faults) = BlockedMailboxes::read(
        Path::new("mailboxes.toml"),
        &(blocked("postmaster") + &blocked("Postmaster@tjpa.jus.br")),
        &policy.directory,
        now(),
    );
    assert_eq!(faults.render(Language::En).matches("postmaster cannot be blocked").count(), 2);
}

/// Clause 9.2.31: an entry of the list means the mailbox, whichever of its addresses or its name it was written by.
#[test]
fn a_block_by_any_address_or_name_is_a_block_of_all() {
    for written in ["fulano.tal", "FT", "ft@tjpa.jus.br", "fulano@outra.example", "fulano", "\"ft\"@tjepa.jus.br."] {
        let policy = policy(good("directory.csv", CSV), &blocked(written));
        for address in ["fulano.tal@tjepa.jus.br", "ft@tjpa.jus.br", "FULANO+x@outra.example"] {
            assert_eq!(rcpt(&policy, &format!("<{address}>")), Err("blocked_to_receive"), "{written}: {address}");
            let (path, _) = ReversePath::parse_prefix(&format!("<{address}>")).unwrap();
            let mail = MailFrom { path, parameters: MailParameters::default() };
            let refused = policy.mail(&mail, Ipv4Addr::LOCALHOST.into(), now()).map_err(|refusal| refusal.name());
            assert_eq!(refused, Err("blocked_to_send"), "{written}: {address}");
        }
        assert!(rcpt(&policy, "<noc@tjpa.jus.br>").is_ok(), "{written}");
    }
    // A name that is no address of anybody, and need not look like one.
    for name in ["chefe", "Chefe de Gabinete"] {
        let named = TOML.replace("name      = \"fulano.tal\"", &format!("name = \"{name}\""));
        let policy = policy(good("directory.toml", &named), &blocked(name));
        assert_eq!(rcpt(&policy, "<ft@tjpa.jus.br>"), Err("blocked_to_receive"), "{name}");
    }
    // One's name is another's address: the address is meant.
    let named = TOML.replace("name      = \"fulano.tal\"", "name = \"noc\"").replace("\"NOC\"", "\"suporte\"");
    let policy = policy(good("directory.toml", &named), &blocked("noc"));
    assert_eq!(rcpt(&policy, "<noc@tjpa.jus.br>"), Err("blocked_to_receive"));
    assert!(rcpt(&policy, "<ft@tjpa.jus.br>").is_ok());
}

/// A mailbox that was deleted is unknown, even if a block of it was left behind (9.2.29).
#[test]
fn gone_is_gone_before_it_is_blocked() {
    let policy = policy(good("directory.toml", TOML), &blocked("antigo"));
    assert_eq!(rcpt(&policy, "<antigo@tjpa.jus.br>"), Err("unknown_mailbox"));
}

#[test]
fn a_list_for_internal_senders_refuses_the_others() {
    let policy = policy(good("directory.toml", TOML), "");
    let rows = [
        ("<ana@example.org>", false),
        // A bounce: a list has no use for it.
        ("<>", false),
        ("<a@sub.tjpa.jus.br>", false),
        ("<a@[127.0.0.1]>", false),
        ("<ft@tjpa.jus.br>", true),
        ("<Sistema@TJEPA.jus.br>", true),
        ("<a@escola.example>", true),
    ];
    for (from, taken) in rows {
        for list in ["<todos@tjpa.jus.br>", "<TODOS+x@tjepa.jus.br>"] {
            let found = rcpt_from(&policy, from, list).map(|it| it.mailbox.0).map_err(|refusal| refusal.name());
            let expected = if taken { Ok("todos@tjepa.jus.br".to_owned()) } else { Err("outsider_to_list") };
            assert_eq!(found, expected, "{from} {list}");
        }
        assert!(rcpt_from(&policy, from, "<imprensa@tjpa.jus.br>").is_ok(), "{from}");
    }
}

/// `senders_from` of the domain that the sender names counts, not of the one that its mailbox is in.
#[test]
fn an_alias_in_a_domain_without_networks_is_held_to_that_domain() {
    let directory = good("directory.toml", TOML).with_senders_from("tjepa.jus.br", vec!["10.0.0.0/8".parse().unwrap()]);
    let policy = policy(directory, "");
    for (path, taken) in [("<ft@tjpa.jus.br>", false), ("<fulano@outra.example>", true)] {
        let (path, _) = ReversePath::parse_prefix(path).unwrap();
        let mail = MailFrom { path, parameters: MailParameters::default() };
        assert_eq!(policy.mail(&mail, [192, 0, 2, 1].into(), now()).is_ok(), taken, "{mail:?}");
    }
}

#[test]
fn another_text_or_name_is_another_version() {
    let of = |file: &str, text: &str| good(file, text).fingerprint_text();
    let first = of("/a/directory.toml", TOML);
    assert_eq!(first, of("/b/directory.toml", TOML), "another folder is not");
    assert_ne!(first, of("directory.toml", &TOML.replace("ft@", "tf@")));
    assert_ne!(first, of("directory.csv", CSV));
    assert_ne!(first, domains().fingerprint_text());
}

#[test]
fn faults_of_toml_name_the_place_and_the_way_out() {
    let mailbox =
        |lines: &str| format!("[[mailbox]]\nname = \"a\"\nclass = \"c\"\nprimary = \"a@tjpa.jus.br\"\n{lines}\n");
    let rows: [(String, bool, &[&str]); 16] = [
        (String::new(), true, &["d.toml:1:1: error: nobody is in this directory", "take the file away"]),
        ("[[mailbox]]\n".to_owned(), true, &["`name` is missing", "`class` is missing", "`primary` is missing"]),
        (mailbox("adresses = []"), true, &[":5:1: error: unknown key `adresses`", "did you mean `addresses`?"]),
        (
            mailbox("next_hop = \"mailbox3\""),
            true,
            &[":5:12:", "no [[next_hop]] named `mailbox3`", "did you mean `mailbox"],
        ),
        (
            mailbox("addresses = [\"smtp:b@tjpa.jus.br\"]"),
            true,
            &[":5:14:", "is not an address", "write b@tjpa.jus.br"],
        ),
        (mailbox("addresses = [\"b@[127.0.0.1]\"]"), true, &["is not an address"]),
        (mailbox("addresses = [\"b\"]"), true, &["`b` is not an address"]),
        (mailbox("addresses = [\"a%b@tjpa.jus.br\"]"), true, &["always refused"]),
        (
            mailbox("addresses = [\"b@tjpa.jus.bt\"]"),
            false,
            &["tjpa.jus.bt is not served here: 1 addresses", "did you mean `tjpa"],
        ),
        (mailbox("addresses = [\"b+x@tjpa.jus.br\"]"), false, &["this is b@tjepa.jus.br"]),
        (mailbox("") + &mailbox(""), true, &[":7:8: error: the mailbox `a` stands in line 1 already", ":9:11:"]),
        (
            mailbox("addresses = [\"b@tjpa.jus.br\"]") + "[[list]]\naddress = \"B@tjepa.jus.br\"\n",
            true,
            &[":7:11: error: `B@tjepa.jus.br` is an address of a@tjpa.jus.br already (line 1)"],
        ),
        (
            mailbox("").replace("a@tjpa", "a@example"),
            true,
            &[":4:11: error: the domain example.jus.br is not served here"],
        ),
        (mailbox("").replace("\"c\"", "\" \""), true, &[":3:9: error: `class` is empty"]),
        (
            "[[list]]\naddress = \"Abuse@tjpa.jus.br\"\ninternal_senders_only = true\n".to_owned(),
            true,
            &["always reachable"],
        ),
        (mailbox(""), false, &["nobody in this directory has an address in outra.example", "escola.example"]),
    ];
    for (source, is_error, expected) in rows {
        let (_, faults) = read("d.toml", &source);
        let shown = faults.render(Language::En);
        assert_eq!(faults.has_errors(), is_error, "{source}\n{shown}");
        for words in expected {
            assert!(shown.contains(words), "{words} is not in:\n{shown}");
        }
    }
}

#[test]
fn faults_of_csv_name_the_cell() {
    let head = "name;class;primary;addresses;next_hop;kind;internal_senders_only\n";
    let rows: [(String, &[&str]); 15] = [
        (String::new(), &["nobody is in this directory"]),
        ("nome;class;primary\n".to_owned(), &["d.csv:1:1: error: unknown column `nome`", "did you mean `name`?"]),
        ("name;xyz;primary\n".to_owned(), &[":1:6: error: unknown column `xyz`", "internal_senders_only"]),
        ("name;class\n".to_owned(), &[":1:1: error: the column `primary` is missing"]),
        ("name;primary;Name\n".to_owned(), &[":1:14: error: the column `name` stands twice"]),
        (head.to_owned() + "a;c;a@tjpa.jus.br\n", &[":2:1: error: this line has 3 cells", "names 7 columns", "quotes"]),
        (head.to_owned() + "a;c;;;;;\n", &[":2:5: error: `primary` is missing here"]),
        ("name;primary\na;a@tjpa.jus.br\n".to_owned(), &[":2:1: error: `class` is missing here"]),
        (head.to_owned() + "a;c;á;;;;\n", &[":2:5: error: `á` is not an address"]),
        (head.to_owned() + "a;c;\"a@tjpa.jus.br\";b@tjpa.jus.br b;;;\n", &[":2:21: error: `b` is not an address"]),
        (
            head.to_owned() + "a;c;a@tjpa.jus.br;;x;;\n\n\nb;c;b@tjpa.jus.br;;x;;\n",
            &[":2:20:", ":5:20: error: there is no [[next_hop]]"],
        ),
        (
            head.to_owned() + ";;a@tjpa.jus.br;;;lista;\n",
            &[":2:19: error: `kind` is one of mailbox | list, not `lista`"],
        ),
        (
            head.to_owned() + ";;a@tjpa.jus.br;;;list;talvez\n",
            &[":2:24: error: `internal_senders_only` is true or false, not `talvez`"],
        ),
        (
            head.to_owned() + ";;a@tjpa.jus.br;b@tjpa.jus.br;mailbox;list;\n",
            &["a list has no `addresses`", "a list has no `next_hop`"],
        ),
        (head.to_owned() + "a;c;a@tjpa.jus.br;;;;sim\n", &[":2:22: error: a mailbox has no `internal_senders_only`"]),
    ];
    for (source, expected) in rows {
        let (_, faults) = read("d.csv", &source);
        let shown = faults.render(Language::En);
        assert!(faults.has_errors(), "{source}\n{shown}");
        for words in expected {
            assert!(shown.contains(words), "{words} is not in:\n{shown}");
        }
    }
}

/// Of a quote that is not closed all the rest is one cell: wherever it stands, and however much follows, the file is not taken.
#[test]
fn a_quote_that_is_not_closed_is_an_error() {
    let line = |n: usize| format!("m{n};c;m{n}@tjpa.jus.br;a{n}@tjpa.jus.br\n");
    for rows in [3, 5_000] {
        let sound: String =
            std::iter::once("name;class;primary;addresses\n".to_owned()).chain((0..rows).map(line)).collect();
        assert_eq!(good("d.csv", &sound).entries().unwrap().all().len(), rows);
        for cell in ["m1;", "c;m1@", "m1@tjpa", "a1@tjpa"] {
            let (_, faults) = read("d.csv", &sound.replacen(cell, &format!("\"{cell}"), 1));
            assert!(faults.has_errors(), "{rows} {cell}");
        }
    }
    let (_, faults) = read("d.csv", &("name;class;primary\n\"".to_owned() + &"a".repeat(100_000)));
    assert!(faults.render(Language::En).contains("d.csv:2:1: error: a cell of more than 64 KiB"));
}

/// What breaks the norm, with and without a table of classes.
#[test]
fn the_norm_is_held_against_every_mailbox() {
    let directory = good(
        "d.csv",
        "name;class;primary;addresses;kind;internal_senders_only\n\
         certo;servidor;certo@tjepa.jus.br;certo@tjpa.jus.br;;\n\
         so.antigo;servidor;so.antigo@tjpa.jus.br;;;\n\
         trocado;Servidor;trocado@tjpa.jus.br;trocado@tjepa.jus.br;;\n\
         juiza;magistrado;juiza@tjpa.jus.br;juiza@local.example;;\n\
         quem;outro;quem@tjepa.jus.br;;;\n\
         ;;todos@tjpa.jus.br;;list;true\n",
    );
    let (classes, faults) = Classes::read(
        Path::new("classes.toml"),
        "[[class]]\nname = \"servidor\"\ndomains = [\"tjpa.jus.br\", \"tjepa.jus.br\"]\nprimary = \"tjepa.jus.br\"\n\
         [[class]]\nname = \"magistrado\"\ndomains = [\"tjpa.jus.br\"]\n",
        &directory,
    );
    assert!(faults.0.is_empty(), "{}", faults.render(Language::En));
    let list = blocked("certo")
        + &blocked("ninguem")
        + &blocked("x@escola.example")
        + &blocked("fim").replace("by = 'b'\n", "by = 'b'\nexpires = 2026-11-20T00:00:00Z\n");
    let policy = policy(directory, &list);
    let alerts =
        ["noc@tjpa.jus.br", "certo@tjpa.jus.br", "postmaster@tjpa.jus.br"].map(|to| Mailbox::parse(to).unwrap());
    let shown = |classes: Option<&Classes>| -> Vec<(Check, String, Option<usize>)> {
        findings(&policy, classes, &alerts, now()).into_iter().map(|it| (it.check, it.who, it.line)).collect()
    };
    let expected = |rows: &[(Check, &str, usize)]| -> Vec<_> {
        rows.iter()
            .map(|(check, who, line)| (*check, (*who).to_owned(), Some(*line).filter(|line| *line > 0)))
            .collect()
    };
    use Check::*;
    assert_eq!(
        shown(Some(&classes)),
        expected(&[
            (MissingAddress, "so.antigo", 3),
            (PrimaryElsewhere, "so.antigo", 3),
            (PrimaryElsewhere, "trocado", 4),
            (NotServed, "juiza", 5),
            (UnknownClass, "quem", 6),
            (SenderNotTied, "todos@tjpa.jus.br", 7),
            (UndecidedClass, "magistrado", 0),
            (BlockNamesNobody, "ninguem", 0),
            (AlertNamesNobody, "noc@tjpa.jus.br", 0),
        ])
    );
    // As the domains are configured: an address under both names, the primary one under the domain's own.
    assert_eq!(
        shown(None)[..7],
        expected(&[
            (MissingAddress, "so.antigo", 3),
            (PrimaryElsewhere, "so.antigo", 3),
            (PrimaryElsewhere, "trocado", 4),
            (NotServed, "juiza", 5),
            (MissingAddress, "juiza", 5),
            (PrimaryElsewhere, "juiza", 5),
            (MissingAddress, "quem", 6),
        ])
    );
}

/// A rule that spares nobody spares not who was meant.
#[test]
fn an_exception_for_nobody_is_found() {
    let rule = "[[rule]]\nid = 'R-1'\ndescription = 'd'\nowner = 'o'\nticket = 't'\nmode = 'enforce'\n\
                [[rule.match]]\nany_words = ['boleto']\n\
                [rule.except]\nrecipient = ['FT@tjpa.jus.br', 'tf@tjpa.jus.br', 'x@escola.example', 'abuse@tjpa.jus.br']\n\
                [rule.action]\nkind = 'tag'\n\
                [[rule.example]]\nsubject = 'boleto'\nexpect = 'match'\n\
                [[rule.example]]\nsubject = 'boleto'\nrecipient = 'fulano.tal@tjepa.jus.br'\nexpect = 'no match'\n\
                [[rule.example]]\nsubject = 'ata'\nexpect = 'no match'\n";
    let directory = good("directory.toml", TOML).with_senders_from("tjepa.jus.br", Vec::new());
    let rules = [(std::path::PathBuf::from("a.toml"), rule.to_owned())];
    let (policy, faults) = Policy::assemble(
        Sources { directory, scanner_groups: &[], mailboxes: None, antivirus: None, rules: &rules },
        now(),
    );
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    let found = findings(&policy, None, &[], now());
    let shown: Vec<_> = found.iter().filter(|it| it.check == Check::ExceptionNamesNobody).collect();
    let [finding] = shown.as_slice() else { panic!("{found:?}") };
    assert_eq!((finding.who.as_str(), finding.what.en.contains("tf@tjepa.jus.br")), ("R-1", true), "{finding:?}");
}

#[test]
fn faults_of_the_table_of_classes_name_the_place() {
    let rows: [(&str, &[&str]); 4] = [
        ("[[class]]\nname = \"a\"\n", &["`domains` is missing here"]),
        (
            "[[class]]\nname = \"a\"\ndomains = [\"tjpa.jus.bt\"]\n",
            &[":3:12: error: the domain tjpa.jus.bt", "tjpa.jus.br"],
        ),
        (
            "[[class]]\nname = \"a\"\ndomains = [\"tjpa.jus.br\"]\nprimary = \"tjepa.jus.br\"\n",
            &[":4:11: error: `primary` is not"],
        ),
        (
            "[[class]]\nname = \"a\"\ndomains = [\"tjpa.jus.br\"]\n[[class]]\nname = \"A\"\ndomains = [\"tjpa.jus.br\"]\n",
            &[":5:8:"],
        ),
    ];
    for (source, expected) in rows {
        let shown = Classes::read(Path::new("classes.toml"), source, &domains()).1.render(Language::En);
        for words in expected {
            assert!(shown.contains(words), "{words} is not in:\n{shown}");
        }
    }
}

/// As many as a small court has. `benches/directory.rs` has a large one.
#[test]
fn every_one_of_two_thousand_mailboxes_is_found_by_every_address() {
    const MAILBOXES: usize = 2_000;
    let line =
        |n: usize| format!("m.{n};servidor;m.{n}@tjepa.jus.br;m.{n}@tjpa.jus.br s{n}@tjpa.jus.br s{n}@outra.example\n");
    let source: String =
        std::iter::once("name;class;primary;addresses\n".to_owned()).chain((0..MAILBOXES).map(line)).collect();
    let directory = good("directory.csv", &source);
    assert_eq!(directory.entries().unwrap().addresses(), 3 * MAILBOXES);
    for n in 0..MAILBOXES {
        for address in [format!("M.{n}@tjpa.jus.br"), format!("s{n}+x@tjepa.jus.br"), format!("S{n}@outra.example")] {
            let named = directory.look_up(&Mailbox::parse(&address).unwrap()).unwrap();
            let entry = named.entry.unwrap();
            assert_eq!((entry.name(), entry.line), (format!("m.{n}").as_str(), n + 2), "{address}");
        }
    }
}
