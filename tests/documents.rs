//! What the papers say, as far as a program can hold it: links and paths lead somewhere, decisions and promises that the code
//! names are written down, samples load.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads the papers, and fails where there are none"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use portaria::{
    alert::Kind,
    document::Faults,
    language::Language,
    policy::{
        Policy,
        directory::{Directory, ServedDomain},
    },
};

/// Where a path in backticks begins when it is one of ours.
const FOLDERS: [&str; 8] = ["src/", "docs/", "tests/", "rules/", "packaging/", "fuzz/", "migrations/", ".ci/"];

#[test]
fn every_relative_link_leads_to_a_file() {
    let mut faults = Vec::new();
    let mut links = 0;
    for paper in papers() {
        let text = fs::read_to_string(&paper).unwrap();
        for (at, _) in text.match_indices("](") {
            let Some((link, _)) = text[at + 2..].split_once(')') else { continue };
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            links += 1;
            let there = if file.is_empty() { paper.clone() } else { paper.parent().unwrap().join(file) };
            if !there.exists() || !(anchor.is_empty() || anchors(&there).contains(anchor)) {
                faults.push(format!("{}: {link}", shown(&paper)));
            }
        }
    }
    assert!(links > 50, "links are found: {links}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Above all the message's walk in README.md: a reader who opens a stop must find it.
#[test]
fn every_path_in_backticks_is_there() {
    let mut faults = Vec::new();
    let mut paths = BTreeSet::new();
    for paper in papers() {
        let text = fs::read_to_string(&paper).unwrap();
        for quoted in text.split('`').skip(1).step_by(2) {
            let path = quoted.split([' ', ':']).next().unwrap_or_default();
            let ours = FOLDERS.iter().any(|folder| path.starts_with(folder)) && !path.contains(['*', '<', '{', '…']);
            if ours && !root().join(path).exists() {
                faults.push(format!("{}: {path}", shown(&paper)));
            }
            if ours {
                paths.insert(path.to_owned());
            }
        }
    }
    assert!(paths.len() > 80, "paths are found: {}", paths.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn decisions_and_promises_that_the_code_names_are_written_down() {
    let decisions: BTreeSet<u32> = fs::read_dir(root().join("docs/decisions"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.get(..4)?.parse().ok())
        .collect();
    let index = fs::read_to_string(root().join("docs/decisions/README.md")).unwrap();
    for number in &decisions {
        assert!(index.contains(&format!("| {number} | [")), "docs/decisions/README.md does not list {number}");
    }
    let promises = fs::read_to_string(root().join("docs/promises.md")).unwrap();
    let mut named = 0;
    for source in files(&root().join("src"), "rs") {
        let text = fs::read_to_string(&source).unwrap().to_lowercase();
        for number in numbers_behind(&text, "decision ") {
            named += 1;
            assert!(decisions.contains(&number), "{} names decision {number}", shown(&source));
        }
        for number in numbers_behind(&text, "promise ") {
            named += 1;
            assert!(promises.contains(&format!("\n{number}. **")), "{} names promise {number}", shown(&source));
        }
    }
    assert!(named > 30, "names are found: {named}");
}

#[test]
fn every_metric_is_in_the_table_and_the_table_has_no_other() {
    let table = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let metric =
        |text: &str| -> String { text.chars().take_while(|char| char.is_ascii_lowercase() || *char == '_').collect() };
    let told: BTreeSet<String> =
        table.match_indices("| `portaria_").map(|(at, _)| metric(&table[at + "| `".len()..])).collect();
    let mut made = BTreeSet::new();
    for source in files(&root().join("src"), "rs") {
        let text = fs::read_to_string(source).unwrap();
        for macros in ["counter!(\"", "gauge!(\"", "histogram!(\""] {
            made.extend(text.match_indices(macros).map(|(at, _)| metric(&text[at + macros.len()..])));
        }
    }
    assert_eq!(told, made);
}

/// The table of alerts is what people read at night: it says what the gateway says.
#[test]
fn every_alert_is_in_the_table_and_the_table_has_no_other() {
    let page = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, alerts) = page.split_once("\n## Alerts\n").unwrap();
    let (table, _) = alerts.split_once("\n**By webhook**").unwrap();
    let told: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let row = |kind: &Kind| {
        let (key, facts) = (kind.key(), kind.facts("NAME"));
        let (raise, clear) = (facts.raise_after.as_secs(), facts.clear_after.as_secs());
        let (severity, what, next) = (facts.severity.name(), facts.what.en, facts.next.en);
        format!("| `{key}` | {severity} | {raise} s / {clear} s | {what} | {next} |")
    };
    assert_eq!(told, Kind::ALL.iter().map(row).collect::<Vec<_>>());
}

/// Codes as the sources write them: `own(452, 5, 3, …)`, `reply(451, (4, 4, 1), …)`, `=> (500, 5, 6)`, `Enhanced(5, 7, 1)` behind a code,
/// `b"421 4.3.2 …"`. A class that is not written is that of the code.
#[test]
fn every_reply_of_ours_is_on_the_page_and_no_other() {
    let page = fs::read_to_string(root().join("docs/replies.md")).unwrap();
    let told: BTreeSet<String> = page.split('`').skip(1).step_by(2).filter_map(first_codes).collect();
    let places = ["smtp/server.rs", "smtp/violation.rs", "policy/refusal.rs", "relay/reply.rs", "door/listener.rs"];
    let mut made = BTreeSet::new();
    for place in places {
        let text = fs::read_to_string(root().join("src").join(place)).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let numbers: Vec<u32> = line
                .split(|char: char| !char.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .skip_while(|number| !(200..600).contains(number))
                .take(4)
                .collect();
            // Three numbers behind a code are a whole enhanced code, two lack its class; none is a reply without one.
            match numbers.as_slice() {
                [code, class, subject, detail] if *class == code / 100 && *subject < 10 => {
                    made.insert(format!("{code} {class}.{subject}.{detail}"));
                }
                [code, subject, detail, ..] if *subject < 10 && *detail < 20 => {
                    made.insert(format!("{code} {}.{subject}.{detail}", code / 100));
                }
                _ => {}
            }
        }
    }
    assert!(made.len() > 30, "replies are found: {made:?}");
    assert_eq!(told, made);
}

/// A threat that is said to be shown by a test that was renamed or removed would be shown by nothing.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let page = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let groups = fs::read_to_string(root().join("tests/conversations.rs")).unwrap();
    let path = |quoted: &&str| {
        let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        quoted.contains("::") && quoted.split("::").all(part)
    };
    let named: BTreeSet<&str> = page.split('`').skip(1).step_by(2).filter(path).collect();
    let missing: Vec<_> = named.iter().filter(|name| !is_test(name, &groups)).collect();
    assert!(named.len() > 60, "tests are found: {}", named.len());
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(!is_test("smtp::reply::tests::printable", &groups), "a function that is no test is none");
    assert!(!is_test("smtp::reply::tests::a_reply_cannot", &groups), "the beginning of a name is none");
}

/// Whether a test has this path: in `src/`, in `tests/end_to_end/`, or as a group of conversations. The module `tests` may be a file
/// of its own or stand in the file that it tests.
fn is_test(path: &str, groups: &str) -> bool {
    let Some((module, name)) = path.rsplit_once("::") else { return false };
    if module == "conversations" {
        return groups.contains(&format!("    \"{name}\",\n"));
    }
    let folder = if module.starts_with("end_to_end") { "tests" } else { "src" };
    let beside = module.strip_suffix("::tests").unwrap_or(module);
    [module, beside].iter().any(|module| {
        let file = root().join(folder).join(module.replace("::", "/"));
        [file.with_extension("rs"), file.join("mod.rs")].iter().any(|file| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let Some((before, _)) = text.split_once(&format!("fn {name}(")) else { return false };
            let attributes: Vec<&str> = before.lines().rev().take(6).collect();
            attributes.iter().any(|line| line.contains("#[test]") || line.contains("::test"))
        })
    })
}

#[test]
fn the_samples_of_the_guide_load() {
    let guide = fs::read_to_string(root().join("docs/pt-BR/guia.md")).unwrap();
    let samples: Vec<String> =
        guide.split("```toml\n").skip(1).filter_map(|rest| dedented(rest.split("```").next()?)).collect();
    let [rule, blocked] = samples.as_slice() else { panic!("a rule and a blocked mailbox: {samples:?}") };
    let domain = ServedDomain {
        name: "tjepa.jus.br".to_owned(),
        aliases: vec!["tjpa.jus.br".to_owned()],
        next_hop: "mailbox".into(),
    };
    let directory = Directory::new(vec![domain], ["abuse"]).unwrap();
    // Between the dates of the sample: 2026-11-21 and 2026-12-21.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let list = Some((Path::new("mailboxes.toml"), blocked.as_str()));
    let (policy, faults) = Policy::assemble(directory, list, &[(PathBuf::from("subjects/a.toml"), rule.clone())], now);
    let shown = |faults: &Faults| faults.render(Language::En);
    assert_eq!(shown(&faults), "");
    assert_eq!(policy.rules.len(), 1);
}

/// `550 5.7.1` of `550 5.7.1 Relaying denied`; none without an enhanced code.
fn first_codes(text: &str) -> Option<String> {
    let mut words = text.split([' ', ',']);
    let (code, enhanced) = (words.next()?, words.next()?);
    let numbers: Option<Vec<u32>> = enhanced.split('.').map(|part| part.parse().ok()).collect();
    (code.len() == 3 && code.parse::<u32>().is_ok() && numbers?.len() == 3).then(|| format!("{code} {enhanced}"))
}

/// Numbers right behind a word: `decision 5`.
fn numbers_behind(text: &str, word: &str) -> Vec<u32> {
    let number = |at: usize| -> String { text[at..].chars().take_while(char::is_ascii_digit).collect() };
    text.match_indices(word).filter_map(|(at, _)| number(at + word.len()).parse().ok()).collect()
}

/// A block that stands in a list is indented as a whole; none if it is empty.
fn dedented(block: &str) -> Option<String> {
    let first = block.lines().next()?;
    let indent = first.len() - first.trim_start().len();
    Some(block.lines().map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n").collect())
}

/// The anchors of a page's headings, as forges make them.
fn anchors(page: &Path) -> BTreeSet<String> {
    let Ok(text) = fs::read_to_string(page) else { return BTreeSet::new() };
    let anchor = |heading: &str| -> String {
        let kept = heading.trim().chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    text.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
}

fn papers() -> Vec<PathBuf> {
    let mut papers = files(root(), "md");
    papers.retain(|paper| !shown(paper).starts_with("fuzz/corpus"));
    assert!(papers.len() > 30, "the papers are where they are looked for");
    papers
}

/// Every file with this extension, but for what builds leave behind and what belongs to git.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !["target", ".git", "artifacts", "coverage"].contains(&name.as_str()) {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
