//! The shipped rules against what they are to find and what they are to leave alone, and the bounds of a scan.

use std::{path::PathBuf, time::Duration};

use super::*;
use crate::{
    antivirus::fake_clamd::content,
    policy::{
        finding::{Asked, Severity},
        verdict_action::VerdictAction,
    },
};

fn shipped() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/yara"))
}

fn yara(max_size: u64) -> Yara {
    Yara::new(&shipped(), max_size, "yara").unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

async fn scan(message: &[u8]) -> ScanVerdict {
    yara(1 << 24).scan(&content(message), soon()).await.verdict
}

/// A mail with one attachment of this name and type.
fn attached(name: &str, media_type: &str, octets: &[u8]) -> Vec<u8> {
    let head = format!(
        "Received: from a by b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n\
         Content-Type: {media_type}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    );
    [head.as_bytes(), base64(octets).as_bytes(), b"\r\n--b--\r\n"].concat()
}

fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in octets.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let value = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > three.len() { '=' } else { char::from(value) });
        }
        if text.len() % 78 == 76 {
            text.push_str("\r\n");
        }
    }
    text
}

fn program() -> Vec<u8> {
    let mut octets = vec![0; 0x200];
    octets[..2].copy_from_slice(b"MZ");
    octets[0x3c] = 0x80;
    octets[0x80..0x84].copy_from_slice(b"PE\0\0");
    octets
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn compound(streams: &[&[u8]]) -> Vec<u8> {
    let mut octets = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    octets.resize(512, 0);
    octets.extend(streams.concat());
    octets
}

fn shortcut(command: &str) -> Vec<u8> {
    let mut octets = b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46".to_vec();
    octets.resize(0x4c, 0);
    octets.extend(wide(command));
    octets
}

/// A ZIP of one stored entry, as far as the rules look.
fn zip(name: &str, encrypted: bool) -> Vec<u8> {
    let flag = u8::from(encrypted);
    let entry = [b"PK\x03\x04\x14\0", &[flag, 0][..], &[0; 22], name.as_bytes(), b"content"].concat();
    let directory = [b"PK\x01\x02\x14\0\x14\0", &[flag, 0][..], &[0; 36], name.as_bytes()].concat();
    [entry, directory].concat()
}

#[tokio::test]
async fn the_test_file_is_found_however_it_is_encoded() {
    let eicar = self_test::eicar();
    let infected = ScanVerdict::Infected { signature: "YARA.EICAR_test_file".to_owned() };
    let quoted = format!("Content-Transfer-Encoding: quoted-printable\r\n\r\n=58={}\r\n{}", "", &eicar[1..]);
    let utf16 = format!("Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n{}", {
        base64(eicar.as_bytes())
    });
    let inner = String::from_utf8(attached("eicar.com", "application/octet-stream", eicar.as_bytes())).unwrap();
    let rows = [
        String::from_utf8(self_test::plainly_infected_mail()).unwrap(),
        format!("Subject: x\r\n\r\n{eicar}\r\n"),
        inner.clone(),
        inner.replace("WD", "W!\r\n D"),
        quoted,
        utf16,
        format!("Content-Type: message/rfc822\r\n\r\n{inner}"),
        format!(
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
            base64(inner.as_bytes())
        ),
    ];
    for row in rows {
        assert_eq!(scan(row.as_bytes()).await, infected, "{row}");
    }
    assert_eq!(scan(b"Subject: about EICAR\r\n\r\nEICAR-STANDARD-ANTIVIRUS\r\n").await, ScanVerdict::Clean);
}

#[tokio::test]
async fn each_shipped_rule_finds_what_it_says_and_nothing_beside_it() {
    let application = "application/octet-stream";
    let macros = [wide("_VBA_PROJECT"), b"\x01\0Attribut\0e VB_Name".to_vec()].concat();
    let encrypted = [wide("EncryptedPackage"), wide("EncryptionInfo")].concat();
    let pdf: &[u8] = b"%PDF-1.7\ntrailer << /Encrypt 12 0 R >>";
    let rows: Vec<(&str, &str, Vec<u8>, &str)> = vec![
        ("a.pdf", application, program(), "infected YARA.Program_named_as_document"),
        ("setup.exe", "image/png", program(), "infected YARA.Program_named_as_document"),
        ("setup.exe", application, program(), "clean "),
        ("a.pdf", application, b"MZ is how this text begins".to_vec(), "clean "),
        ("Boleto.PDF .exe", application, b"x".to_vec(), "infected YARA.Double_extension"),
        ("nota.docx.js", application, b"x".to_vec(), "infected YARA.Double_extension"),
        ("relatorio.v2.exe", application, b"x".to_vec(), "clean "),
        ("arquivo.tar.gz", application, b"x".to_vec(), "clean "),
        ("acordao.pdf.p7s", application, b"x".to_vec(), "clean "),
        ("cod\u{202e}fdp.exe", application, b"x".to_vec(), "infected YARA.Right_to_left_override_in_name"),
        ("\u{202e}\u{5d0}.pdf", application, b"x".to_vec(), "clean "),
        (
            "a.lnk",
            application,
            shortcut("C:\\Windows\\System32\\PowerShell -enc"),
            "infected YARA.Shortcut_starts_interpreter",
        ),
        ("a.lnk", application, shortcut("C:\\docs\\letter.doc"), "clean "),
        ("a.txt", "text/plain", b"run powershell".to_vec(), "clean "),
        ("a.doc", application, compound(&[&macros]), "macro YARA.Office_97_VBA_project"),
        ("a.doc", application, compound(&[b"no code"]), "clean "),
        ("a.docx", application, zip("word/vbaProject.bin", false), "macro YARA.Office_2007_VBA_project"),
        ("a.docx", application, zip("word/document.xml", false), "clean "),
        ("a.zip", application, zip("a", true), "encrypted YARA.Zip_with_encrypted_entry"),
        ("a.zip", application, [zip("a", false), zip("b", true)].concat(), "encrypted YARA.Zip_with_encrypted_entry"),
        ("a.docx", application, compound(&[&encrypted]), "encrypted YARA.Office_encrypted"),
        ("a.pdf", "application/pdf", pdf.to_vec(), "encrypted YARA.PDF_encrypted"),
        ("a.pdf", "application/pdf", b"%PDF-1.7\n/Encryption 12 0 R".to_vec(), "clean "),
    ];
    for (name, media_type, octets, expected) in rows {
        let verdict = scan(&attached(name, media_type, &octets)).await;
        let signature = match &verdict {
            ScanVerdict::Infected { signature }
            | ScanVerdict::Macro { signature }
            | ScanVerdict::Encrypted { signature } => signature.as_str(),
            _ => "",
        };
        assert_eq!(format!("{} {signature}", verdict.name()), expected, "{name} {media_type} {verdict:?}");
    }
}

/// What is shipped has examples of both kinds, all of them hold, and nothing in it is slow.
#[test]
fn the_shipped_rules_have_examples_and_no_warning() {
    let (rules, warnings) = rules::compile(&shipped()).unwrap();
    assert_eq!(warnings.render(crate::language::Language::En), "");
    assert!(rules.examples.count > 30, "{}", rules.examples.count);
}

#[tokio::test]
async fn the_worst_class_counts_and_a_bound_never_hides_malware() {
    let eicar = self_test::eicar();
    let pdf = String::from_utf8(attached("a.pdf", "application/pdf", b"%PDF-1.7\n/Encrypt 12 0 R")).unwrap();
    let both = pdf.replace("hello", &base64(eicar.as_bytes()));
    assert_eq!(scan(both.as_bytes()).await.name(), "encrypted", "base64 without saying so is no encoding");
    let both = pdf.replace("hello", &eicar);
    assert_eq!(scan(both.as_bytes()).await.name(), "infected");
    let deep = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    let reason = "YARA: nested too deep".to_owned();
    assert_eq!(scan(deep.as_bytes()).await, ScanVerdict::NotFullyScanned { reason });
    assert_eq!(scan((deep + "\r\n" + &eicar).as_bytes()).await.name(), "infected");
}

#[tokio::test]
async fn what_is_too_large_is_not_fully_scanned() {
    let verdict = yara(100).scan(&content(&[b'x'; 101]), soon()).await.verdict;
    assert_eq!(verdict, ScanVerdict::NotFullyScanned { reason: "YARA: larger than 100 octets".to_owned() });
    assert_eq!(yara(100).scan(&content(&[b'x'; 100]), soon()).await.verdict, ScanVerdict::Clean);
    let mut short = content(b"Subject: x\r\n\r\n");
    short.length += 1;
    assert_eq!(yara(100).scan(&short, soon()).await.verdict.name(), "unavailable");
}

/// boreal looks at its clock at every 10,240th hit of an atom and at every 10,240th step of a condition.
#[tokio::test]
async fn out_of_time_is_not_fully_scanned_but_what_was_found_stays() {
    let rules = yara(0).rules();
    let now = Instant::now();
    let partly = |why: &str| ScanVerdict::NotFullyScanned { reason: format!("YARA: {why}") };
    let mail = attached("a.pdf", "application/pdf", b"x");
    assert_eq!(Scan::new(&rules, now, now).over_message(&mail).conclude().verdict, partly("time limit"));
    let hits = b"cmd.exe ".repeat(400_000);
    let soon = Instant::now() + Duration::from_millis(50);
    let looked = Scan::new(&rules, Instant::now(), soon).over_message(&hits).conclude();
    assert_eq!(looked.verdict, partly("timeout"));
}

/// The set is swapped while a scan runs: that one ends with the old set and says so, the next one is by the new.
#[tokio::test]
async fn a_scan_ends_with_the_set_that_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    // Some seconds of work, and only for mail with this word.
    let slow = "rule Slow { meta: class = \"macro\" strings: $m = \"slow mail\" condition: whole_message and $m and \
                for all i in (1..400000) : (i * 2 >= i) }";
    sample::write(folder.path(), "a.yar", slow);
    let yara = Arc::new(Yara::new(folder.path(), 1 << 24, "yara").unwrap());
    let old = yara.rules().describe();
    sample::write(
        folder.path(),
        "a.yar",
        "rule Fast { meta: class = \"malware\" strings: $m = \"slow mail\" condition: $m }",
    );
    let fresh = yara.read_rules().unwrap();
    let mail = content(b"Subject: x\r\n\r\nslow mail\r\n");
    let scan = yara.scan(&mail, soon());
    let swap = async {
        while yara.in_flight() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        yara.put_in_force(fresh);
        assert_eq!(yara.in_flight(), 1, "the scan was to be under way: make it longer");
    };
    let (outcome, ()) = tokio::join!(scan, swap);
    assert_eq!((outcome.verdict.name(), outcome.version.as_ref()), ("macro", Some(&old)));
    let outcome = yara.scan(&mail, soon()).await;
    assert_eq!((outcome.verdict.name(), outcome.version), ("infected", Some(yara.rules().describe())));
    assert_ne!(yara.rules().describe(), old);
}

/// A rule whose string boreal's clock does not stop, and content that makes it quadratic: the message is answered for in time and said
/// to be harmful, others go on, and the thread is counted until it really ends.
#[tokio::test]
async fn a_rule_without_an_end_is_not_fully_scanned_in_time_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    sample::write(
        folder.path(),
        "a.yar",
        "rule Endless { meta: class = \"malware\" strings: $a = /[a-z]+[^a-z]/ condition: #a > 2000 }",
    );
    let yara = Yara::new(folder.path(), 1 << 24, "yara").unwrap();
    let endless = content(&[b"Subject: x\r\n\r\n", &b"a".repeat(16_000_000)[..], b"!"].concat());
    let began = Instant::now();
    // Within the first of the pieces of work between which the clock is looked at; each takes 0.8 s on a fast machine.
    let outcome = yara.scan(&endless, began + Duration::from_millis(200)).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(outcome.verdict, ScanVerdict::NotFullyScanned { reason: "YARA: no end in time".to_owned() });
    assert!(outcome.harmed);
    assert_eq!((yara.in_flight(), yara.slots().taken()), (1, 0), "it still runs, and takes nobody's place");
    assert_eq!(yara.scan(&content(b"Subject: x\r\n\r\nx\r\n"), soon()).await.verdict, ScanVerdict::Clean);
    assert!(yara.healthy());
    while yara.in_flight() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn every_rule_that_matched_is_recorded_and_the_strongest_action_counts() {
    let folder = tempfile::tempdir().unwrap();
    let rule = |name: &str, meta: &str| {
        format!("rule {name} {{ meta: {meta} strings: $w = \"{name}\" condition: whole_message and $w }}\n")
    };
    let rules = [
        rule("Watched", "class = \"malware\" severity = \"critical\" action = \"observe\""),
        rule("Plain", "class = \"malware\""),
        rule("Marked", "class = \"malware\" severity = \"low\" action = \"tag\""),
        rule("Held", "class = \"macro\" severity = \"high\" action = \"quarantine\""),
    ];
    sample::write(folder.path(), "a.yar", rules.concat());
    let yara = Yara::new(folder.path(), 1 << 24, "yara").unwrap();
    for (words, verdict, action, findings) in [
        ("Watched", "clean", None, vec![("YARA.Watched", Some(Severity::Critical), Some(Asked::Observe))]),
        ("Marked", "infected", Some(VerdictAction::Tag), vec![("YARA.Marked", Some(Severity::Low), Some(Asked::Tag))]),
        ("Plain", "infected", None, vec![("YARA.Plain", None, None)]),
        (
            "Held Marked Watched",
            "infected",
            Some(VerdictAction::Quarantine),
            vec![
                ("YARA.Watched", Some(Severity::Critical), Some(Asked::Observe)),
                ("YARA.Marked", Some(Severity::Low), Some(Asked::Tag)),
                ("YARA.Held", Some(Severity::High), Some(Asked::Quarantine)),
            ],
        ),
    ] {
        let mail = format!("Subject: x\r\n\r\n{words}\r\n");
        let outcome = yara.scan(&content(mail.as_bytes()), soon()).await;
        assert_eq!((outcome.verdict.name(), outcome.action), (verdict, action), "{words}");
        let found: Vec<_> = outcome.findings.iter().map(|it| (it.rule.as_str(), it.severity, it.action)).collect();
        assert_eq!(found, findings, "{words}");
    }
}

/// A set without a rule for the test file is known to be blind from its first moment, and a later set is not taken for the one before.
#[tokio::test]
async fn what_finds_the_test_file_is_the_set_and_not_the_scanner() {
    let folder = tempfile::tempdir().unwrap();
    let eicar = include_str!("../../../rules/yara/eicar.yar").to_owned();
    sample::write(folder.path(), "a.yar", &eicar);
    let yara = Yara::new(folder.path(), 1 << 24, "yara").unwrap();
    assert_eq!(yara.rules().finds_eicar(), Some(true), "before anybody asked");
    for (text, finds) in [
        ("rule Other { meta: class = \"macro\" condition: false }".to_owned(), false),
        (eicar.replace("class = \"malware\"", "class = \"malware\" action = \"observe\""), false),
        (eicar.clone(), true),
    ] {
        sample::write(folder.path(), "a.yar", &text);
        yara.put_in_force(yara.read_rules().unwrap());
        assert_eq!(yara.rules().finds_eicar(), Some(finds), "{text}");
        yara.rules().set_finds_eicar(!finds);
        yara.self_test(soon()).await;
        assert_eq!(yara.rules().finds_eicar(), Some(finds), "asked again: {text}");
    }
    assert!(yara.healthy());
}

#[tokio::test]
async fn a_set_with_faults_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    sample::write(folder.path(), "a.yar", "rule A { meta: class = \"macro\" strings: $w = \"word\" condition: $w }");
    let yara = Yara::new(folder.path(), 1 << 24, "yara").unwrap();
    let before = yara.rules().describe();
    for (file, text) in [
        ("b.yar", "rule B { condition: tru }"),
        ("b.yar", "rule B { meta: class = \"macro\" action = \"kill\" condition: false }"),
        ("a.toml", "[[example]]\nrule = \"A\"\nexpect = \"match\"\ntext = \"w0rd\"\n"),
    ] {
        sample::write(folder.path(), file, text);
        assert!(yara.read_rules().is_err(), "{text}");
        std::fs::remove_file(folder.path().join(file)).unwrap();
    }
    assert_eq!(yara.rules().describe(), before);
}
