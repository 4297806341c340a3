//! What the papers say, as far as a program can hold it: links and paths lead somewhere, decisions and promises that the code
//! names are written down, samples load.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads the papers, and fails where there are none"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use portaria::{
    alert::Kind,
    document::Faults,
    language::Language,
    policy::{
        Policy, Sources,
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

/// The page's first columns are what the code says: name, default action, class; and the order of the rows is the order of the verdicts.
#[test]
fn every_verdict_is_on_the_page_of_the_antivirus() {
    use portaria::{
        policy::{disposition::By, scanning::Mode, verdict::ScanVerdict as V, verdict_action::VerdictActions},
        record::ItemClass,
    };
    let page = fs::read_to_string(root().join("docs/antivirus.md")).unwrap();
    let text = String::new;
    let mut verdicts = [
        V::Clean,
        V::NotScanned,
        V::Outdated { reason: text() },
        V::Ignored { signature: text(), ticket: text() },
        V::Macro { signature: text() },
        V::Encrypted { signature: text() },
        V::Ambiguous { reason: text() },
        V::NotFullyScanned { reason: text() },
        V::Poison { reason: text() },
        V::Contingency { mode: Mode::Deliver, reason: text(), ticket: text() },
        V::ScannerError { text: text() },
        V::Unavailable { text: text() },
        V::Infected { signature: text() },
    ];
    verdicts.sort();
    let told: Vec<Vec<&str>> = page
        .lines()
        .skip_while(|line| !line.starts_with("| verdict |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert_eq!(told.len(), verdicts.len());
    for (row, verdict) in told.iter().zip(&verdicts) {
        let action = VerdictActions::default().of(verdict).name();
        let class = serde_json::to_value(ItemClass::of(By::Antivirus, verdict)).unwrap();
        let class = if action == "relay" { "" } else { class.as_str().unwrap() };
        assert_eq!([row[1], row[3], row[5]], [format!("`{}`", verdict.name()).as_str(), action, class]);
    }
}

/// The letters on the page are those of the table.
#[test]
fn every_look_alike_is_on_the_page_and_no_other() {
    use portaria::message::fold::look_alikes;
    let page = fs::read_to_string(root().join("docs/look-alikes.md")).unwrap();
    let (_, told) = page.split_once("\n## The letters\n").unwrap();
    let mut expected = String::new();
    let mut scripts: Vec<_> = look_alikes().map(|entry| entry.script).collect();
    scripts.dedup();
    for script in scripts {
        expected +=
            &format!("\n### {}\n\n| letter | nobody tells apart | roughly alike |\n|---|---|---|\n", script.name());
        let of_script = || look_alikes().filter(|entry| entry.script == script);
        let letters: BTreeSet<_> = of_script().map(|entry| (entry.letter.to_ascii_lowercase(), entry.letter)).collect();
        for (_, letter) in letters {
            let cell = |close: bool| {
                let alike = of_script().filter(|entry| entry.letter == letter && entry.close == close);
                let shown = alike.map(|entry| format!("`{0}` U+{1:04X}", entry.character, u32::from(entry.character)));
                shown.collect::<Vec<_>>().join(", ")
            };
            expected += &format!("| {letter} | {} | {} |\n", cell(true), cell(false));
        }
    }
    assert!(told == expected, "behind `## The letters` should stand:\n{expected}");
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
    let places = [
        "smtp/server.rs",
        "smtp/server/commands.rs",
        "smtp/violation.rs",
        "policy/refusal.rs",
        "policy/application/refusal.rs",
        "relay/reply.rs",
        "door/listener.rs",
    ];
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
    let named = module_paths(&page);
    let missing: Vec<_> = named.iter().filter(|name| !is_test(name, &groups)).collect();
    assert!(named.len() > 60, "tests are found: {}", named.len());
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(!is_test("smtp::reply::tests::printable", &groups), "a function that is no test is none");
    assert!(!is_test("smtp::reply::tests::a_reply_cannot", &groups), "the beginning of a name is none");
}

/// A limit that is not on the page is one that nobody looks for, and a row without a test is a claim.
#[test]
fn every_limit_is_on_the_page_with_its_default_and_tests_that_exist() {
    let page = fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let example = fs::read_to_string(root().join("docs/portaria.example.toml")).unwrap();
    let groups = fs::read_to_string(root().join("tests/conversations.rs")).unwrap();
    let mut faults = Vec::new();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    for row in &rows {
        let [limit, _, _, _, shown_by] = row.as_slice() else { panic!("five cells: {row:?}") };
        let limit = limit.trim_matches('`');
        if limit.contains("::") && !is_constant(limit) {
            faults.push(format!("no constant {limit}"));
        }
        let tests = module_paths(shown_by);
        faults.extend(tests.iter().filter(|test| !is_test(test, &groups)).map(|test| format!("no test {test}")));
        if tests.is_empty() {
            faults.push(format!("nothing shows {limit}"));
        }
    }
    for section in ["limits", "timeouts", "hold"] {
        let part =
            page.split(&format!("\n## `[{section}]`\n")).nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
        for key in keys_of(section) {
            let default = default_of(&example, section, &key);
            if !part.contains(&format!("\n| `{key}` | `{default}` | ")) {
                faults.push(format!("[{section}] {key} = {default} has no row"));
            }
        }
    }
    assert!(rows.len() > 70, "rows are found: {}", rows.len());
    assert!(faults.is_empty(), "docs/limits.md:\n{}", faults.join("\n"));
    assert!(!is_constant("relay::settings::PATIENC") && !is_test("conversations::limits::no_such_script", &groups));
}

/// The keys of a section, as the code that reads it names them.
fn keys_of(section: &str) -> Vec<String> {
    let begin = format!("root.table(\"{section}\")");
    let schema = files(&root().join("src/config/schema"), "rs");
    let texts = schema.iter().map(|file| fs::read_to_string(file).unwrap());
    let reads = texts.into_iter().find_map(|text| Some(text.split(&begin).nth(1)?.split("\n}\n").next()?.to_owned()));
    let is_key = |text: &&str| !text.is_empty() && text.chars().all(|char| char.is_ascii_lowercase() || char == '_');
    let mut keys: Vec<String> =
        reads.unwrap().split('"').skip(1).step_by(2).filter(is_key).map(str::to_owned).collect();
    keys.dedup();
    assert!(keys.len() > 4, "keys of [{section}] are found: {keys:?}");
    keys
}

/// The value of a key in the example, without quotes and brackets.
fn default_of(example: &str, section: &str, key: &str) -> String {
    let part = example.split(&format!("\n[{section}]")).nth(1).and_then(|rest| rest.split("\n[").next()).unwrap();
    let line = part.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
    let value = line.and_then(|line| line.split('#').next()).unwrap_or("?");
    value.chars().filter(|char| !"\"[]".contains(*char)).collect::<String>().trim().to_owned()
}

/// Whether a module has a constant of this path.
fn is_constant(path: &str) -> bool {
    let Some((module, name)) = path.rsplit_once("::") else { return false };
    let file = root().join("src").join(module.replace("::", "/"));
    let texts =
        [file.with_extension("rs"), file.join("mod.rs")].map(|file| fs::read_to_string(file).unwrap_or_default());
    texts.iter().any(|text| text.contains(&format!("const {name}: ")))
}

/// What stands in backticks and is a path of modules.
fn module_paths(text: &str) -> BTreeSet<&str> {
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let path = |quoted: &&str| quoted.contains("::") && quoted.split("::").all(part);
    text.split('`').skip(1).step_by(2).filter(path).collect()
}

/// Whether a test has this path: in `src/`, in `tests/end_to_end/`, `tests/crash/`,
/// `tests/architecture.rs`, `tests/hiding.rs`, `tests/applications.rs` or `tests/rule_candidates.rs`, as a group of conversations, or as one of them. The module `tests`
/// may be a file of its own or stand in the file that it tests.
fn is_test(path: &str, groups: &str) -> bool {
    let Some((module, name)) = path.rsplit_once("::") else { return false };
    if module == "conversations" {
        return groups.contains(&format!("    \"{name}\",\n"));
    }
    if let Some(group) = module.strip_prefix("conversations::") {
        return root().join("tests/conversations").join(group).join(format!("{name}.smtp")).exists();
    }
    let program = module.split("::").next().unwrap_or_default();
    let programs = [
        "end_to_end",
        "crash",
        "architecture",
        "hiding",
        "applications",
        "subjects",
        "rule_candidates",
        "reloads",
        "tracking",
    ];
    let folder = if programs.contains(&program) { "tests" } else { "src" };
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

/// A script is looked for by what it shows; one that stands twice is mended once.
#[test]
fn every_conversation_says_what_it_shows_and_none_stands_twice() {
    let (mut faults, mut reasons, mut plays) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let scripts = files(&root().join("tests/conversations"), "smtp");
    for script in &scripts {
        let (name, text) = (shown(script), fs::read_to_string(script).unwrap());
        let (comment, play): (Vec<&str>, Vec<&str>) =
            text.lines().filter(|line| !line.is_empty()).partition(|line| line.starts_with('#'));
        let reason = comment.join(" ").replace('#', "");
        if reason.split_whitespace().count() < 5 {
            faults.push(format!("{name} does not say what it shows:{reason}"));
        }
        if let Some(other) = reasons.insert(reason, name.clone()) {
            faults.push(format!("{name} says that it shows the same as {other}"));
        }
        if let Some(other) = plays.insert(play.join("\n"), name.clone()) {
            faults.push(format!("{name} is {other} once more"));
        }
    }
    assert!(scripts.len() > 200, "scripts are found: {}", scripts.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_samples_of_the_guide_load() {
    let guide = fs::read_to_string(root().join("docs/pt-BR/guia.md")).unwrap();
    let samples: Vec<String> =
        guide.split("```toml\n").skip(1).filter_map(|rest| dedented(rest.split("```").next()?)).collect();
    let [rule, blocked, exception] = samples.as_slice() else {
        panic!("a rule, a blocked mailbox and an exception: {samples:?}")
    };
    let domain = ServedDomain {
        name: "tjepa.jus.br".to_owned(),
        aliases: vec!["tjpa.jus.br".to_owned()],
        next_hop: "mailbox".into(),
    };
    let directory = Directory::new(vec![domain], ["abuse"]).unwrap();
    // Between the dates of the sample: 2026-11-21 and 2026-12-21.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let mailboxes = Some((Path::new("mailboxes.toml"), blocked.as_str()));
    let rules = [(PathBuf::from("subjects/a.toml"), rule.clone())];
    let antivirus = Some((Path::new("antivirus.toml"), exception.as_str()));
    let sources = Sources { directory, mailboxes, antivirus, rules: &rules, ..Sources::default() };
    let (policy, faults) = Policy::assemble(sources, now);
    let shown = |faults: &Faults| faults.render(Language::En);
    assert_eq!(shown(&faults), "");
    assert_eq!((policy.rules.len(), policy.scanning.exceptions.len()), (1, 1));
}

/// The page of the antivirus, and the file that is shipped with every line commented out.
#[test]
fn the_samples_of_orders_about_scanning_load() {
    let page = fs::read_to_string(root().join("docs/antivirus.md")).unwrap();
    let mut samples: Vec<String> =
        page.split("```toml\n").skip(1).filter_map(|rest| dedented(rest.split("```").next()?)).collect();
    assert_eq!(samples.len(), 2);
    let shipped = fs::read_to_string(root().join("rules/antivirus.toml")).unwrap();
    let uncommented = shipped.lines().filter_map(|line| line.strip_prefix("# "));
    let keys = uncommented.filter(|line| line.contains(" = ") || line.starts_with('['));
    samples.push(keys.map(|line| format!("{line}\n")).collect());
    // Between the dates of the samples: 2026-11-21 and 2026-12-21.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let groups = ["clamd".to_owned()];
    for sample in samples {
        let antivirus = Some((Path::new("antivirus.toml"), sample.as_str()));
        let sources = Sources { antivirus, scanner_groups: &groups, ..Sources::default() };
        let (policy, faults) = Policy::assemble(sources, now);
        assert_eq!(faults.render(Language::En), "", "{sample}");
        assert!(policy.scanning.contingency.is_some() || !policy.scanning.exceptions.is_empty(), "{sample}");
    }
    assert!(shipped.lines().all(|line| line.is_empty() || line.starts_with('#')), "shipped, it orders nothing");
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
