//! `portaria rules check`: every rule in a line, every fault with its place, a sum.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::{Value, json};

use super::{Form, Shown, json_line, visible};
use crate::{
    document::{Colours, Fault, Faults, Severity},
    policy::rule::{Resolve, Rule, RuleSet},
    text,
};

/// What is to be checked.
pub struct Files<'f> {
    /// Names and octets of the files that could be read.
    pub read: &'f [(PathBuf, Vec<u8>)],
    /// What is wrong with the others.
    pub unreadable: Faults,
}

/// Checks rule files. `now` is for rules that ended or end soon, `own_subjects` are those of our own alerts, which no rule should
/// catch. Exit code 1 with any error.
pub fn check(
    files: Files<'_>,
    resolve: Resolve<'_>,
    now: SystemTime,
    own_subjects: &[String],
    form: Form,
    colours: Colours,
) -> Shown {
    let (set, mut faults) = RuleSet::read_files(files.read, resolve);
    faults.append(files.unreadable);
    faults.append(set.due(now));
    faults.append(set.catching(own_subjects));
    faults.sort();
    let mut names: Vec<&Path> = files.read.iter().map(|(file, _)| file.as_path()).collect();
    names.sort_unstable();
    let text = if form.json { as_json(&set, &faults, form) } else { as_text(&names, &set, &faults, (form, colours)) };
    Shown { text, exit_code: u8::from(faults.has_errors()) }
}

fn as_text(names: &[&Path], set: &RuleSet, faults: &Faults, (form, colours): (Form, Colours)) -> String {
    let mut out = String::new();
    for file in names {
        let of_file: Vec<&Rule> = set.rules().iter().filter(|rule| rule.file() == *file).collect();
        let (name, count) = (visible(&file.display().to_string()), of_file.len());
        // A write to a String cannot fail.
        let _ = writeln!(out, "{name}: {}", rules(count).in_language(form.language));
        for rule in of_file {
            let _ = writeln!(out, "{}", line(rule, form));
        }
    }
    if !faults.0.is_empty() {
        let _ = write!(out, "\n{}", faults.render_in(form.language, colours));
    }
    let _ = writeln!(out, "\n{}", sum(names.len(), set, faults).in_language(form.language));
    out
}

fn line(rule: &Rule, form: Form) -> String {
    let (mode, action, passed) = (rule.mode().name(), rule.action().name(), rule.examples());
    let examples = text!("{passed} examples passed", "{passed} exemplos conferem");
    let id = rule.id();
    let description = visible(rule.description());
    format!("  {id:<20} {mode:<8} {action:<10} {}  {description}", examples.in_language(form.language))
}

fn rules(count: usize) -> crate::language::Text {
    match count {
        1 => text!("1 rule in order", "1 regra em ordem"),
        _ => text!("{count} rules in order", "{count} regras em ordem"),
    }
}

fn counts(faults: &Faults) -> (usize, usize) {
    let errors = faults.0.iter().filter(|fault| fault.severity == Severity::Error).count();
    (errors, faults.0.len() - errors)
}

fn sum(files: usize, set: &RuleSet, faults: &Faults) -> crate::language::Text {
    let ((errors, warnings), in_order) = (counts(faults), set.len());
    if errors == 0 {
        text!(
            "files: {files}, rules: {in_order}, warnings: {warnings}. All in order.",
            "arquivos: {files}, regras: {in_order}, avisos: {warnings}. Tudo em ordem."
        )
    } else {
        text!(
            "files: {files}, rules in order: {in_order}, errors: {errors}, warnings: {warnings}. \
             With an error none of these files is loaded; the rules in force stay.",
            "arquivos: {files}, regras em ordem: {in_order}, erros: {errors}, avisos: {warnings}. \
             Com erro nenhum destes arquivos entra; as regras em vigor continuam."
        )
    }
}

fn as_json(set: &RuleSet, faults: &Faults, form: Form) -> String {
    let rules = set.rules().iter().map(|rule| {
        json!({
            "kind": "rule",
            "file": rule.file().display().to_string(),
            "rule": rule.id(),
            "description": rule.description(),
            "mode": rule.mode(),
            "action": rule.action(),
            "examples": rule.examples(),
        })
    });
    let faults_found = faults.0.iter().map(|fault| fault_as_json(fault, form));
    let (errors, warnings) = counts(faults);
    let sum = json!({ "kind": "summary", "rules": set.len(), "errors": errors, "warnings": warnings });
    rules.chain(faults_found).chain([sum]).map(|object| json_line(&object)).collect()
}

fn fault_as_json(fault: &Fault, form: Form) -> Value {
    json!({
        "kind": "fault",
        "file": fault.file.display().to_string(),
        "line": fault.place.as_ref().map(|place| place.line),
        "column": fault.place.as_ref().map(|place| place.column),
        "width": fault.place.as_ref().map(|place| place.width),
        "code": fault.code(),
        "rule": fault.rule,
        "severity": match fault.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "what": fault.what.in_language(form.language),
        "help": fault.help.as_ref().map(|help| help.in_language(form.language)),
        "lines": fault.lines,
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{language::Language, policy::directory::MailboxKey};

    const GOOD: &str = "[[rule]]\nid = \"T-1\"\ndescription = \"Falso \\u001b boleto\"\nowner = \"o\"\nticket = \"t\"\n\
                        mode = \"observe\"\naction.kind = \"tag\"\nexpires = 1970-01-03T00:00:00Z\n\
                        [[rule.match]]\nall_words = [\"boleto\"]\n\
                        [[rule.example]]\nsubject = \"boleto\"\nexpect = \"match\"\n\
                        [[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\"\n";

    fn run(files: &[(&str, &[u8])], json: bool, language: Language) -> Shown {
        let files: Vec<_> = files.iter().map(|(name, octets)| (PathBuf::from(name), octets.to_vec())).collect();
        let files = Files { read: &files, unreadable: Faults::default() };
        let resolve = |address: &str| Some(MailboxKey(address.to_owned()));
        check(files, &resolve, UNIX_EPOCH, &[], Form { json, language }, Colours::Off)
    }

    #[test]
    fn every_rule_is_a_line_and_warnings_do_not_fail() {
        let shown = run(&[("a.toml", GOOD.as_bytes())], false, Language::PtBr);
        assert_eq!(shown.exit_code, 0);
        let expected = "a.toml: 1 regra em ordem\n  \
                        T-1                  observe  tag        2 exemplos conferem  Falso \\u{1b} boleto\n";
        assert!(shown.text.starts_with(expected), "{}", shown.text);
        assert!(shown.text.contains("a.toml:8:11: aviso: a regra T-1 termina em breve"), "{}", shown.text);
        assert!(shown.text.ends_with("\narquivos: 1, regras: 1, avisos: 1. Tudo em ordem.\n"), "{}", shown.text);
    }

    #[test]
    fn an_error_fails_and_the_files_without_one_are_still_shown() {
        let bad = GOOD.replace("T-1", "T-2").replace("[\"boleto\"]", "[]");
        let shown =
            run(&[("b.toml", bad.as_bytes()), ("a.toml", GOOD.as_bytes()), ("c.toml", b"\xE7a")], false, Language::En);
        assert_eq!(shown.exit_code, 1);
        assert!(shown.text.starts_with("a.toml: 1 rule in order\n  T-1"), "{}", shown.text);
        for part in
            ["b.toml: 0 rules", "c.toml:1:1: error: not UTF-8", "`all_words` has no word", "errors: 2, warnings: 1"]
        {
            assert!(shown.text.contains(part), "{part}: {}", shown.text);
        }
    }

    #[test]
    fn json_is_one_object_a_line_with_stable_keys() {
        let bad = GOOD.replace("T-1", "T-2").replace("[\"boleto\"]", "[]");
        let shown = run(&[("a.toml", GOOD.as_bytes()), ("b.toml", bad.as_bytes())], true, Language::PtBr);
        let lines: Vec<Value> = shown.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["rule", "fault", "fault", "summary"]);
        assert_eq!(
            (&lines[0]["rule"], &lines[0]["mode"], &lines[0]["action"]),
            (&json!("T-1"), &json!("observe"), &json!("tag"))
        );
        let fault = &lines[2];
        assert_eq!(
            (&fault["file"], &fault["line"], &fault["column"], &fault["width"], &fault["severity"]),
            (&json!("b.toml"), &json!(10), &json!(13), &json!(2), &json!("error"))
        );
        assert_eq!((&fault["code"], &fault["rule"]), (&json!("E09"), &json!("T-2")));
        assert_eq!(fault["what"], "`all_words` não tem nenhuma palavra");
        assert_eq!(lines[3], json!({ "kind": "summary", "rules": 1, "errors": 1, "warnings": 1 }));
    }
}
