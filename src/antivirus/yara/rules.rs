//! The YARA rules of a folder, compiled and proved.
//!
//! In: a folder of `*.yar` and of `*.toml` with their examples. Out: one set with a version, or every fault with its file and
//! line. A set that comes out of here compiles, does with every example what the example says, and leaves a clean mail alone.
//! The contract that a rule must keep (its metadata, the symbols that it may use) is in `rules/yara/README.md`.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use boreal::{
    Compiler, Scanner,
    compiler::{AddRuleError, AddRuleStatus, CompilerParams},
    scanner::ScanParams,
    statistics::CompiledString,
};
use tokio::time::Instant;

use super::{
    examples,
    meaning::{self, Meaning},
    scan::Scan,
    source::{Source, Sources},
};
use crate::{
    antivirus::self_test,
    document::{Fault, Faults, Place, Severity},
    policy::{
        finding::{Asked, Class},
        verdict::ScanVerdict,
    },
    text,
};

/// True while the whole message is looked at, false for a decoded part of it.
pub const WHOLE_MESSAGE: &str = "whole_message";
/// The file name that the part claims, decoded (RFC 2231, RFC 2047); empty if none.
pub const PART_NAME: &str = "part_name";
/// The media type that the part claims, lower-case: `application/pdf`; empty for the whole message.
pub const PART_TYPE: &str = "part_type";

/// Faults of one kind that are told one by one; the others are counted. To look up the places of thousands takes longer than anybody
/// waits for a reload.
const MOST_TOLD: usize = 50;

/// For each mail of the self-test. A set that takes so long for a mail of a kilobyte is of no use.
const PROOF: Duration = Duration::from_secs(10);

/// A compiled set of rules. It never changes; a reload makes another.
#[derive(Debug)]
pub struct RuleSet {
    /// The engine, to be cloned for each scan.
    pub scanner: Scanner,
    meanings: HashMap<String, Meaning>,
    /// Names this set in records: 12 hex digits.
    pub version: String,
    /// How its examples went.
    pub examples: examples::Tried,
    /// Whether a rule found the EICAR test file, the last time that this set was asked.
    finds_eicar: Mutex<Option<bool>>,
}

impl RuleSet {
    /// How many rules can match.
    pub fn len(&self) -> usize {
        self.meanings.len()
    }

    /// Whether a rule of this name can match.
    pub fn has(&self, rule: &str) -> bool {
        self.meanings.contains_key(rule)
    }

    /// The names of the rules that can match, in order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.meanings.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// What a match of this rule means. Every rule has a meaning, or it would not have been compiled; should one not, the worst
    /// is meant.
    pub fn meaning(&self, rule: &str) -> Meaning {
        let worst = Meaning { class: Class::Malware, severity: None, action: None };
        self.meanings.get(rule).copied().unwrap_or(worst)
    }

    /// As it stands in records and status.
    pub fn describe(&self) -> String {
        format!("boreal, {} rules, version {}", self.len(), self.version)
    }

    /// Whether a rule found the EICAR test file; none: nobody has asked.
    pub fn finds_eicar(&self) -> Option<bool> {
        *self.finds_eicar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of asking.
    pub fn set_finds_eicar(&self, finds: bool) {
        *self.finds_eicar.lock().unwrap_or_else(PoisonError::into_inner) = Some(finds);
    }
}

/// Compiles every `*.yar` of `folder` in name order, runs the examples, lets the set prove itself, and returns the warnings beside
/// it. It reads files and takes as long as the examples do (bounded): not for a worker that others wait for.
///
/// # Errors
///
/// All faults of all files: a folder or file that cannot be read or is too large, a rule that does not compile, a
/// name used twice, metadata that is not known, a `global` rule (one of these that does not match silences all others); and then
/// every example that fails, and a rule that would hold all mail.
pub fn compile(folder: &Path) -> Result<(RuleSet, Faults), Faults> {
    let Sources { rules: sources, examples, warnings } = Sources::read(folder)?;
    let mut faults = warnings;
    let mut compiler = Compiler::new();
    // An `include` reads any file that the process may read. The statistics tell which strings are slow.
    compiler.set_params(CompilerParams::default().disable_includes(true).compute_statistics(true));
    compiler.define_symbol(WHOLE_MESSAGE, false);
    compiler.define_symbol(PART_NAME, "");
    compiler.define_symbol(PART_TYPE, "");
    for source in &sources {
        match compiler.add_rules_str(&source.text) {
            Ok(status) => {
                faults.0.extend(status.warnings().map(|it| of_engine(source, it, Severity::Warning)));
                faults.0.extend(slow_strings(source, &status));
            }
            Err(error) => faults.0.push(of_engine(source, &error, Severity::Error)),
        }
    }
    let mut scanner = compiler.finalize();
    scanner.set_scan_params(ScanParams::default().compute_full_matches(false));
    let meanings = meanings(&scanner, &sources, &mut faults);
    if meanings.is_empty() && !faults.has_errors() {
        let what = text!("no rule in any *.yar file", "nenhuma regra em arquivo *.yar");
        faults.0.push(Fault::about_file(folder, what));
    }
    let version = super::source::version(&sources);
    let tried = examples::Tried::default();
    let mut rules = RuleSet { scanner, meanings, version, examples: tried, finds_eicar: Mutex::default() };
    // Examples of a set that is not whole would say nothing.
    if !faults.has_errors() {
        let (tried, found) = examples::run(&rules, folder, &sources, &examples);
        rules.examples = tried;
        faults.append(found);
        prove(&rules, &sources, &mut faults);
    }
    if faults.has_errors() { Err(faults) } else { Ok((rules, faults)) }
}

/// The self-test's two mails, before any other mail: whether it finds the one is known from its first moment on, and what it finds
/// in the other would be found in all mail. Rules that do not find the test file are the operator's choice: it is shown.
fn prove(rules: &RuleSet, sources: &[Source], faults: &mut Faults) {
    let look = |mail: &[u8]| {
        let now = Instant::now();
        Scan::new(rules, now, now + PROOF).over_message(mail).conclude()
    };
    let infected = look(&self_test::plainly_infected_mail());
    rules.set_finds_eicar(matches!(infected.verdict, ScanVerdict::Infected { .. }));
    for finding in look(&self_test::plain_mail()).findings {
        let holds = match finding.action {
            Some(asked) => asked >= Asked::Quarantine,
            None => finding.class == Class::Malware,
        };
        if holds {
            let rule = finding.rule.strip_prefix("YARA.").unwrap_or(&finding.rule);
            let what = text!(
                "rule {rule} matches a mail of one harmless line: it would hold or refuse all mail",
                "a regra {rule} casa com um e-mail de uma linha inofensiva: reteria ou recusaria todo o correio"
            );
            let help = text!(
                "to see what it would do, write action = \"observe\" in its meta section",
                "para ver o que ela faria, escreva action = \"observe\" na seção meta"
            );
            faults.0.push(meaning::of_rule(sources, rule, what, Some(help)));
        }
    }
}

fn meanings(scanner: &Scanner, sources: &[Source], faults: &mut Faults) -> HashMap<String, Meaning> {
    let mut meanings = HashMap::new();
    let before = faults.0.len();
    for (nth, rule) in scanner.rules().enumerate() {
        if faults.0.len().saturating_sub(before) >= MOST_TOLD {
            let left = scanner.rules().count().saturating_sub(nth);
            let what = text!("{left} more rules were not looked at", "mais {left} regras não foram examinadas");
            faults.0.extend(sources.first().map(|source| Fault::about_file(&source.path, what)));
            break;
        }
        let name = rule.name;
        if rule.is_global {
            let what = text!("rule {name} is global", "a regra {name} é global");
            let help = text!(
                "remove `global`: one such rule that does not match silences all others",
                "retire `global`: uma regra global que não casa cala todas as outras"
            );
            faults.0.push(meaning::of_rule(sources, name, what, Some(help)));
        }
        if rule.is_private {
            continue;
        }
        if let Some(meaning) = Meaning::read(scanner, name, rule.metadatas, sources, faults) {
            meanings.insert(name.to_owned(), meaning);
        }
    }
    meanings
}

/// Strings of which the engine has no run of octets to look for, or one so common that it stops everywhere: it reads every octet of
/// every message for them, and looks at the clock late or never meanwhile (boreal 1.4.0: at every 10,240th hit, and not at all
/// for what it calls raw).
fn slow_strings(source: &Source, status: &AddRuleStatus) -> Vec<Fault> {
    let strings = status.statistics().flat_map(|rule| rule.strings.iter().map(|string| (&*rule.name, string)));
    let slow = strings.filter(|(_, string)| string.atoms_quality == 0).take(MOST_TOLD);
    let fault = |(rule, string): (&str, &CompiledString)| {
        let string = &string.name;
        let what = text!(
            "rule {rule}: ${string} is slow, and the time limit stops it late or never",
            "regra {rule}: ${string} é lenta, e o limite de tempo a interrompe tarde ou nunca"
        );
        let help = text!(
            "give it two fixed octets or more that are not everywhere, and no ^ or $: else it is tried at every octet",
            "dê a ela dois ou mais octetos fixos que não estejam em toda parte, sem ^ nem $: senão é testada em cada octeto"
        );
        let fault = meaning::of_rule(std::slice::from_ref(source), rule, what, Some(help));
        Fault { severity: Severity::Warning, ..fault }
    };
    slow.map(fault).collect()
}

fn of_engine(source: &Source, error: &AddRuleError, severity: Severity) -> Fault {
    let diagnostic = error.to_diagnostic();
    let place = diagnostic.labels.first().map(|label| Place::of(&source.text, &label.range));
    let words = diagnostic.message;
    let what = text!("{words}", "regra YARA: {words}");
    Fault { place, severity, ..Fault::about_file(&source.path, what) }
}

#[cfg(test)]
mod tests {
    use super::{super::sample::folder, *};
    use crate::language::Language;

    fn told(files: &[(&str, &str)]) -> String {
        let folder = folder(files);
        let faults = match compile(folder.path()) {
            Ok((_, warnings)) => warnings,
            Err(faults) => faults,
        };
        faults.render(Language::En).replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn faults_name_file_and_line() {
        let good = "rule Good { meta: class = \"macro\" condition: false }\n";
        let rows = [
            ("\n\nrule A { condition: tru }\n", "x.yar:3:21: error: unknown identifier \"tru\""),
            ("\nrule Good2 { condition: true }\n", "x.yar:2:6: error: rule Good2 has no known class"),
            (
                "rule A { meta: class = \"bad\" condition: true }",
                "x.yar:1:16: error: rule A: `class` is one of malware | macro | encrypted, not `bad`",
            ),
            ("rule A { meta: class = 1 condition: true }", "x.yar:1:16: error: rule A: `class` is one of"),
            ("rule Good { meta: class = \"macro\" condition: true }", "x.yar:1:6: error: rule `Good` is already"),
            ("global rule G { meta: class = \"macro\" condition: true }", "x.yar:1:13: error: rule G is global"),
            ("import \"pe\"\n", "x.yar:1:1: error: unknown import pe"),
            (
                "rule A\n{\n    meta:\n        class = \"macro\"\n        severity = \"hihg\"\n    condition: false\n}",
                "x.yar:5:9: error: rule A: `severity` is one of low | medium | high | critical, not `hihg`\n     5 |         severity = \"hihg\"\n\
                 \x20      |         ^^^^^^^^\n       = did you mean \"high\"?",
            ),
            (
                "rule A {\n meta: class = \"macro\"\n reaction = \"x\"\n action = \"reject\"\n condition: false }",
                "x.yar:4:2: error: rule A: `action` is one of observe | tag | quarantine | refuse, not `reject`",
            ),
            (
                "rule A {\n meta: class = \"macro\" action = \"tag\"\n action = \"refuse\"\n condition: false }",
                "x.yar:2:24: error: rule A says `action` twice",
            ),
            ("rule A { meta: class = \"macro\" action = true condition: false }", "`action` is one of"),
        ];
        for (text, expected) in rows {
            let found = told(&[("a.yar", good), ("x.yar", text)]);
            assert!(found.contains(expected), "{text}: {found}");
        }
    }

    /// Rules of others, none of which has a class: each looked up in a mebibyte of text would keep a reload for minutes.
    #[test]
    fn of_many_faults_fifty_are_told() {
        let rules: String = (0..200).map(|nth| format!("rule R{nth:03} {{ condition: false }}\n")).collect();
        let found = told(&[("a.yar", &rules)]);
        assert!(found.contains("rule R049 has no known class") && !found.contains("R050"), "{found}");
        assert!(found.ends_with("a.yar: error: 150 more rules were not looked at\n"), "{found}");
    }

    /// A house may hold all archives; that is no slip.
    #[test]
    fn a_rule_that_would_hold_all_archives_is_none() {
        let rule = "rule Zip { meta: class = \"malware\" condition: not whole_message and uint32(0) == 0x04034B50 }";
        let found = told(&[("a.yar", rule)]);
        assert!(!found.contains("error"), "{found}");
    }

    /// It would read any file that the process may read.
    #[test]
    fn an_include_is_a_fault_even_of_a_good_file() {
        let other = folder(&[("good.txt", "rule Good { meta: class = \"macro\" condition: false }")]);
        let include = format!("\ninclude \"{}/good.txt\"\n", other.path().display());
        let found = told(&[("x.yar", &include)]);
        assert!(found.contains("x.yar:2:1: error: includes are not allowed"), "{found}");
    }

    #[test]
    fn a_folder_without_rules_is_a_fault() {
        assert!(told(&[("readme.txt", "x")]).contains("no rule in any *.yar file"));
        assert!(compile(Path::new("/nonexistent/rules")).is_err());
    }

    #[test]
    fn private_rules_need_no_class_and_files_come_in_name_order() {
        let folder = folder(&[
            ("b.yar", "rule B { meta: class = \"encrypted\" condition: P }"),
            ("a.yar", "private rule P { condition: true }"),
            ("c.txt", "not a rule"),
        ]);
        let (rules, warnings) = compile(folder.path()).unwrap();
        assert_eq!((rules.len(), rules.names()), (1, vec!["B"]));
        assert!(!warnings.has_errors());
        let result = rules.scanner.scan_mem(b"x").unwrap();
        let finding = rules.meaning("B").finding(result.rules.iter().find(|rule| rule.name == "B").unwrap().name);
        assert_eq!(finding.verdict(), ScanVerdict::Encrypted { signature: "YARA.B".to_owned() });
        assert_eq!(rules.describe(), format!("boreal, 1 rules, version {}", rules.version));
    }

    /// With a slip of the pen for a condition the gateway would refuse every message. A rule that only watches or tags may.
    #[test]
    fn a_rule_that_would_hold_all_mail_is_a_fault() {
        let rule = |meta: &str| told(&[("a.yar", &format!("rule A {{ meta: {meta} condition: not whole_message }}"))]);
        let fault = "a.yar:1:6: error: rule A matches a mail of one harmless line";
        for (meta, is) in [
            ("class = \"malware\"", true),
            ("class = \"macro\" action = \"quarantine\"", true),
            ("class = \"encrypted\" action = \"refuse\"", true),
            ("class = \"malware\" action = \"tag\"", false),
            ("class = \"malware\" action = \"observe\"", false),
            ("class = \"macro\"", false),
        ] {
            assert_eq!(rule(meta).contains(fault), is, "{meta}: {}", rule(meta));
        }
    }

    #[test]
    fn a_string_that_the_clock_does_not_stop_is_a_warning() {
        let rule = |string: &str| {
            let rule = format!(
                "rule A {{ meta: class = \"macro\" strings: $a = \"word\" $slow = {string} condition: all of them }}"
            );
            told(&[("a.yar", &rule)])
        };
        let warning = "a.yar:1:6: warning: rule A: $slow is slow";
        for slow in ["/[a-z]+[^a-z]/", "/[a-z]{20}/", "/^MZ/", "/.*/"] {
            assert!(rule(slow).contains(warning), "{slow}: {}", rule(slow));
        }
        for good in ["/MZ.{2,80}PE/", "\"powershell\" nocase wide", "{ 4D 5A [2-80] 50 45 }"] {
            assert!(!rule(good).contains(warning), "{good}: {}", rule(good));
        }
    }
}
