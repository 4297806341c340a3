//! MAIL and RCPT against a directory with aliases and a list of blocks.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use super::*;
use crate::{
    document::{Faults, Severity},
    language::Language,
    policy::{blocked_mailbox::BlockedMailboxes, directory::ServedDomain},
    smtp::parameter::{MailParameters, RcptParameters},
};

fn directory() -> Directory {
    let domain = |name: &str, aliases: &[&str], next_hop: &str| ServedDomain {
        name: name.to_owned(),
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        next_hop: next_hop.into(),
    };
    let domains = vec![
        domain("tjepa.jus.br", &["tjpa.jus.br", "tribunal-pará.example"], "mailbox"),
        domain("outra.example", &[], "other"),
    ];
    Directory::new(domains, ["Abuse"]).unwrap()
}

fn at(text: &str) -> SystemTime {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

fn now() -> SystemTime {
    at("2026-11-21T12:00:00Z")
}

fn entry(mailbox: &str, direction: &str) -> String {
    format!(
        "[[blocked]]\nmailbox = '{mailbox}'\ndirection = \"{direction}\"\nreason = \"r\"\nticket = \"REQ 1\"\nby = \"s3b\"\n"
    )
}

fn read(list: &str) -> (BlockedMailboxes, Faults) {
    BlockedMailboxes::read(Path::new("mailboxes.toml"), list, &directory(), now())
}

fn policy(list: &str) -> Policy {
    let (blocked, faults) = read(list);
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    Policy {
        version: "0".repeat(12),
        directory: directory(),
        blocked,
        applications: Default::default(),
        rules: rule::RuleSet::default(),
        scanning: scanning::Scanning::default(),
    }
}

fn rcpt(policy: &Policy, path: &str) -> Result<Admitted, Refusal> {
    let (path, rest) = ForwardPath::parse_prefix(path).unwrap_or_else(|fault| panic!("{path}: {fault:?}"));
    assert_eq!(rest, "");
    policy.rcpt(&RcptTo { path, parameters: RcptParameters::default() }, &ReversePath::Null, now())
}

fn mail(policy: &Policy, path: &str) -> Result<(), Refusal> {
    let (path, _) = ReversePath::parse_prefix(path).unwrap_or_else(|fault| panic!("{path}: {fault:?}"));
    policy.mail(&MailFrom { path, parameters: MailParameters::default() }, [192, 0, 2, 1].into(), now())
}

/// Every way to spell fulano.tal that the grammar of MAIL and RCPT lets through.
const SPELLINGS: [&str; 26] = [
    "<fulano.tal@tjepa.jus.br>",
    "<fulano.tal@tjpa.jus.br>",
    "<FULANO.TAL@tjepa.jus.br>",
    "<Fulano.Tal@TJPA.JUS.BR>",
    "<fulano.tal@Tjepa.Jus.Br>",
    "<\"fulano.tal\"@tjepa.jus.br>",
    "<\"FULANO.tal\"@tjpa.jus.br>",
    "<\"fulano\\.tal\"@tjepa.jus.br>",
    "<\"\\f\\u\\l\\a\\n\\o\\.\\t\\a\\l\"@tjepa.jus.br>",
    "<fulano.tal+x@tjepa.jus.br>",
    "<fulano.tal+@tjpa.jus.br>",
    "<fulano.tal+a+b@tjpa.jus.br>",
    "<\"fulano.tal+x\"@tjpa.jus.br>",
    "<\"fulano.tal\\+x\"@tjpa.jus.br>",
    "<\"fulano.tal.\"@tjpa.jus.br>",
    "<\".fulano.tal\"@tjpa.jus.br>",
    "<\" fulano.tal\"@tjpa.jus.br>",
    "<\"fulano.tal \"@tjpa.jus.br>",
    "<\"fulano.tal +x\"@tjpa.jus.br>",
    "<fulano.tal@tjpa.jus.br.>",
    "<ｆulano.tal@tjpa.jus.br>",
    "<fulano.tal@tribunal-pará.example>",
    "<fulano.tal@TRIBUNAL-PARÁ.example>",
    "<fulano.tal@xn--tribunal-par-nbb.example>",
    "<fulano.tal@XN--TRIBUNAL-PAR-NBB.example>",
    "<@a.example,@b.example:fulano.tal@tjpa.jus.br>",
];

#[test]
fn no_spelling_gets_past_a_block() {
    // However the list spells it, too.
    for written in ["fulano.tal", "Fulano.Tal", "\"fulano.tal\"", "fulano.tal@tjpa.jus.br", "FULANO.TAL@TJEPA.JUS.BR."]
    {
        let policy = policy(&entry(written, "both"));
        for spelling in SPELLINGS {
            let refused = rcpt(&policy, spelling).map_err(|refusal| refusal.name());
            assert_eq!(refused, Err("blocked_to_receive"), "{written}: {spelling}");
            let refused = mail(&policy, spelling).map_err(|refusal| refusal.name());
            assert_eq!(refused, Err("blocked_to_send"), "{written}: {spelling}");
        }
    }
}

#[test]
fn all_names_of_a_mailbox_have_one_key_and_others_have_another() {
    let policy = policy("");
    for spelling in SPELLINGS {
        let admitted = rcpt(&policy, spelling).unwrap();
        assert_eq!(admitted.mailbox.0, "fulano.tal@tjepa.jus.br", "{spelling}");
        assert_eq!(admitted.next_hop, "mailbox".into(), "{spelling}");
    }
    let rows = [
        ("<fulanotal@tjpa.jus.br>", "fulanotal@tjepa.jus.br"),
        ("<\"fulano tal\"@tjpa.jus.br>", "fulano tal@tjepa.jus.br"),
        ("<fulano.tal@outra.example>", "fulano.tal@outra.example"),
        ("<fulano-x@tjpa.jus.br>", "fulano-x@tjepa.jus.br"),
        // A sub-address without a mailbox in front is the name itself.
        ("<+x@tjpa.jus.br>", "+x@tjepa.jus.br"),
        // Composed and decomposed accents are one letter.
        ("<JOA\u{303}O@tjpa.jus.br>", "joão@tjepa.jus.br"),
    ];
    for (spelling, key) in rows {
        assert_eq!(rcpt(&policy, spelling).unwrap().mailbox.0, key, "{spelling}");
    }
}

#[test]
fn the_next_hop_hears_the_clients_own_spelling_without_source_route() {
    let policy = policy("");
    let rows = [
        ("<Fulano.Tal+x@TJPA.jus.br>", "Fulano.Tal+x@TJPA.jus.br"),
        ("<\"fulano\\.tal\"@tjpa.jus.br>", "\"fulano\\.tal\"@tjpa.jus.br"),
        ("<@a.example:fulano.tal@tjpa.jus.br>", "fulano.tal@tjpa.jus.br"),
        ("<PostMaster>", "postmaster@tjepa.jus.br"),
    ];
    for (said, heard) in rows {
        let admitted = rcpt(&policy, said).unwrap();
        assert_eq!(admitted.path.to_string(), heard);
        assert!(
            matches!(&admitted.path, ForwardPath::Mailbox { source_route, .. } if source_route.is_empty()),
            "{said}"
        );
    }
}

#[test]
fn never_an_open_relay() {
    let policy = policy("");
    let rows = [
        // Not served; a subdomain, a parent or a look-alike of a served domain is not that domain.
        ("<a@example.com>", "not_ours"),
        ("<a@sub.tjpa.jus.br>", "not_ours"),
        ("<a@jus.br>", "not_ours"),
        ("<a@xtjpa.jus.br>", "not_ours"),
        ("<a@tjpa.jus.br.example.com>", "not_ours"),
        // Address literals are nobody's domain, not even our own address.
        ("<a@[127.0.0.1]>", "not_ours"),
        ("<a@[IPv6:::1]>", "not_ours"),
        ("<postmaster@[192.0.2.1]>", "not_ours"),
        // A source route to elsewhere, even through us.
        ("<@tjpa.jus.br:a@example.com>", "relay_trick"),
        ("<@a.example,@tjpa.jus.br:a@[127.0.0.1]>", "relay_trick"),
        // Routing inside the local part, bare, quoted or escaped, in served domains as well.
        ("<a%example.com@tjpa.jus.br>", "relay_trick"),
        ("<example.com!a@tjpa.jus.br>", "relay_trick"),
        ("<\"a@example.com\"@tjpa.jus.br>", "relay_trick"),
        ("<\"a\\@example.com\"@tjpa.jus.br>", "relay_trick"),
        ("<\"a%example.com\"@tjpa.jus.br>", "relay_trick"),
        ("<\"a\\%example.com\"@tjpa.jus.br>", "relay_trick"),
        ("<\"@example.com:a\"@tjpa.jus.br>", "relay_trick"),
        ("<a%tjpa.jus.br@example.com>", "relay_trick"),
        ("<postmaster%example.com@tjpa.jus.br>", "relay_trick"),
    ];
    for (path, expected) in rows {
        assert_eq!(rcpt(&policy, path).map_err(|refusal| refusal.name()), Err(expected), "{path}");
    }
    // Policy relies on the grammar to keep comments and control characters out: the ones would be one more spelling of a
    // blocked mailbox, the others would break log lines.
    for control in [
        "<fulano.tal(x)@tjpa.jus.br>",
        "<(x)fulano.tal@tjpa.jus.br>",
        "<fulano.tal@(x)tjpa.jus.br>",
        "<fulano.tal @tjpa.jus.br>",
        "<\"a\u{85}b\"@tjpa.jus.br>",
        "<\"a\tb\"@tjpa.jus.br>",
        "<\"a\\\u{1b}b\"@tjpa.jus.br>",
    ] {
        assert!(ForwardPath::parse_prefix(control).is_err(), "{control:?}");
    }
    let nothing_served = Policy { directory: Directory::default(), ..policy };
    assert_eq!(rcpt(&nothing_served, "<postmaster>").map_err(|r| r.name()), Err("not_ours"));
}

#[test]
fn direction_and_domain_of_an_entry_count() {
    let list = entry("so.recebe", "send") + &entry("so.envia", "receive") + &entry("um@outra.example", "both");
    let policy = policy(&list);
    let rows = [
        ("<so.recebe@tjpa.jus.br>", true, false),
        ("<so.envia@tjpa.jus.br>", false, true),
        ("<so.envia@outra.example>", false, true),
        ("<um@outra.example>", false, false),
        ("<um@tjpa.jus.br>", true, true),
        // Another domain's mailbox of the same name is not ours to block.
        ("<so.recebe@example.com>", false, true),
    ];
    for (path, receives, sends) in rows {
        assert_eq!(rcpt(&policy, path).is_ok(), receives, "receive {path}");
        assert_eq!(mail(&policy, path).is_ok(), sends, "send {path}");
    }
    assert_eq!(mail(&policy, "<>"), Ok(()), "the null path is always taken");
}

#[test]
fn a_block_acts_from_its_start_until_its_end() {
    let period =
        |starts: &str, expires: &str| entry("a", "both") + &format!("starts = {starts}\nexpires = {expires}\n");
    let policy = policy(&period("2026-11-21T08:00:00-03:00", "2026-12-21T08:00:00-03:00"));
    let key = MailboxKey("a@tjepa.jus.br".to_owned());
    let start = at("2026-11-21T11:00:00Z");
    let end = at("2026-12-21T11:00:00Z");
    let second = Duration::from_secs(1);
    for (when, blocked) in [(start - second, false), (start, true), (end - second, true), (end, false)] {
        assert_eq!(policy.blocked.to_receive(&key, when).is_some(), blocked, "{when:?}");
    }
}

#[test]
fn postmaster_and_those_configured_are_reachable_at_every_served_domain() {
    let policy = policy(&entry("x", "both"));
    for path in [
        "<postmaster>",
        "<POSTMASTER@tjpa.jus.br>",
        "<abuse@outra.example>",
        "<\"abuse\"@tjpa.jus.br>",
        "<Postmaster+x@tjpa.jus.br>",
    ] {
        assert!(rcpt(&policy, path).unwrap().always_reachable, "{path}");
    }
    assert!(!rcpt(&policy, "<fulano@tjpa.jus.br>").unwrap().always_reachable);
    // However a block of theirs got into the list: reading it from a file is refused, adding it is of no use.
    let (mut blocked, _) = read(&entry("x", "both"));
    let mailboxes = vec![MailboxKey("postmaster@tjepa.jus.br".to_owned())];
    let block = blocked.entries().next().unwrap();
    blocked.add(&blocked_mailbox::Block { mailboxes, ..block });
    assert!(rcpt(&Policy { blocked, ..policy }, "<postmaster>").is_ok());
}

#[test]
fn faults_of_the_list_name_the_line_and_the_way_out() {
    let blocked = |lines: &str| entry("a", "both") + lines;
    let missing = "[[blocked]]\nmailbox = \"a\"\n";
    let rows: [(String, Severity, &[&str]); 14] = [
        (missing.to_owned(), Severity::Error, &["`direction` is missing", "`reason`", "`ticket`", "`by`"]),
        (entry("a", "recieve"), Severity::Error, &[":3:13:", "receive | send | both", "did you mean `receive`?"]),
        (entry("postmaster", "send"), Severity::Error, &[":2:11:", "postmaster cannot be blocked"]),
        (entry("Abuse+x@tjpa.jus.br", "receive"), Severity::Error, &["abuse cannot be blocked"]),
        (entry("a@tjpa.jus.bt", "both"), Severity::Error, &["not served here", "did you mean `tjpa.jus.br`?"]),
        (entry("a@example.com", "both"), Severity::Error, &["the domain example.com is not served here"]),
        (entry("a b", "both"), Severity::Error, &["neither a local part nor an address"]),
        (entry("", "both"), Severity::Error, &["neither a local part nor an address"]),
        (blocked("expires = 2026-12-21T08:00:00\n"), Severity::Error, &[":7:11:", "date, time and offset"]),
        (
            blocked("starts = 2026-12-21T08:00:00Z\nexpires = 2026-12-21T08:00:00Z\n"),
            Severity::Error,
            &["`expires` is not after `starts`"],
        ),
        (blocked("until = 2026-12-21T08:00:00Z\n"), Severity::Error, &["unknown key `until`"]),
        (blocked("expires = 2026-11-20T08:00:00Z\n"), Severity::Warning, &["this entry is over"]),
        (entry("a+x", "both"), Severity::Warning, &["the whole mailbox is blocked"]),
        (
            entry("a", "send") + &entry("A@tjpa.jus.br", "both"),
            Severity::Warning,
            &[":7:1:", "an earlier entry already (REQ 1)"],
        ),
    ];
    for (list, severity, expected) in rows {
        let (_, faults) = read(&list);
        let shown = faults.render(Language::En);
        assert_eq!(faults.has_errors(), severity == Severity::Error, "{list}\n{shown}");
        for words in expected {
            assert!(shown.contains(words), "{words} is not in:\n{shown}");
        }
    }
}

#[test]
fn two_entries_that_never_act_together_are_no_fault() {
    let one_after_another = entry("a", "both")
        + "expires = 2026-12-01T00:00:00Z\n"
        + &entry("a", "both")
        + "starts = 2026-12-01T00:00:00Z\n";
    for list in
        [entry("a", "send") + &entry("a", "receive"), one_after_another, entry("a", "both") + &entry("b", "both")]
    {
        let (_, faults) = read(&list);
        assert!(faults.0.is_empty(), "{}", faults.render(Language::En));
    }
}

#[test]
fn a_name_cannot_belong_to_two_domains() {
    let domain = |name: &str, alias: &str| ServedDomain {
        name: name.to_owned(),
        aliases: vec![alias.to_owned()],
        next_hop: "n".into(),
    };
    for (domains, ok) in [
        (vec![domain("a.example", "b.example"), domain("c.example", "d.example")], true),
        (vec![domain("a.example", "b.example"), domain("c.example", "B.example.")], false),
        (vec![domain("a.example", "A.example")], false),
        (vec![domain("a.example", "not a domain")], false),
        (vec![domain("a.example", "192.0.2.1")], false),
    ] {
        assert_eq!(Directory::new(domains.clone(), []).is_ok(), ok, "{domains:?}");
    }
}

/// `senders_from`: who uses one of a domain's names as sender does it from its networks. Subdomains, other domains and bounces are
/// not meant, and a block is named before it.
#[test]
fn senders_of_a_domain_come_from_its_networks() {
    let networks = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let mut policy = policy(&entry("blocked", "send"));
    // Named by an alias, meant for all names.
    policy.directory = policy.directory.with_senders_from("TJPA.jus.br.", networks);
    let verdict = |path: &str, client: &str| {
        let (path, _) = ReversePath::parse_prefix(path).unwrap();
        let mail = MailFrom { path, parameters: MailParameters::default() };
        policy.mail(&mail, client.parse().unwrap(), now()).map_err(|refusal| refusal.name())
    };
    let outside = Err("sender_from_outside");
    let rows = [
        ("<juiz@tjpa.jus.br>", "192.0.2.1", outside),
        ("<Juiz+x@TJEPA.jus.br>", "192.0.2.1", outside),
        ("<juiz@xn--tribunal-par-nbb.example>", "2001:db9::1", outside),
        ("<juiz@tjpa.jus.br>", "10.1.2.3", Ok(())),
        ("<juiz@tjpa.jus.br>", "::ffff:10.1.2.3", Ok(())),
        ("<juiz@tjepa.jus.br>", "2001:db8::1", Ok(())),
        ("<juiz@sub.tjpa.jus.br>", "192.0.2.1", Ok(())),
        ("<juiz@outra.example>", "192.0.2.1", Ok(())),
        ("<ana@example.org>", "192.0.2.1", Ok(())),
        ("<>", "192.0.2.1", Ok(())),
        ("<blocked@tjpa.jus.br>", "192.0.2.1", Err("blocked_to_send")),
    ];
    for (path, client, expected) in rows {
        assert_eq!(verdict(path, client), expected, "{path} from {client}");
    }
    let before = directory().fingerprint_text();
    assert_ne!(policy.directory.fingerprint_text(), before, "another rule is another version of the policy");
}
