//! `portaria rules test --message FOLDER`: a line for each message, and a sum.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Form, json_line, test::decides, test::decision, visible};
use crate::{
    policy::rule::{Facts, RuleSet},
    text,
};

/// What came of the messages so far.
#[derive(Debug, Default)]
pub struct Many {
    messages: u64,
    unreadable: u64,
    /// By rule: how many it decides, and in how many it finds something.
    rules: BTreeMap<String, (u64, u64)>,
}

impl Many {
    /// What the rules make of one message: a line, or nothing when no rule finds anything in it.
    pub fn message(&mut self, name: &str, set: &RuleSet, facts: &Facts<'_>, form: Form) -> String {
        self.messages += 1;
        let judgement = set.judge(facts);
        let deciding = decides(&judgement);
        for found in &judgement.matches {
            let sums = self.rules.entry(found.rule.clone()).or_default();
            sums.0 += u64::from(deciding.is_some_and(|deciding| deciding.rule == found.rule));
            sums.1 += 1;
        }
        let subjects: Vec<&str> = facts.subjects.iter().map(|subject| subject.decoded.as_str()).collect();
        if form.json {
            return json_line(&json!({
                "kind": "message", "file": name, "subjects": subjects, "matches": judgement.matches,
                "deciding": deciding.map(|found| &found.rule),
            }));
        }
        if judgement.matches.is_empty() {
            return String::new();
        }
        let others: Vec<&str> = judgement.matches.iter().map(|found| found.rule.as_str()).collect();
        let (name, subject, others) = (visible(name), visible(&subjects.join(" | ")), others.join(", "));
        let decision = decision(deciding);
        format!("{name}: {} [{others}]\n    {subject}\n", decision.in_language(form.language))
    }

    /// One that could not be read; it is told on the standard error.
    pub fn unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// The sum. The exit code is 0 whatever matches, 1 when a message could not be read.
    pub fn sum(&self, form: Form) -> (String, u8) {
        let Self { messages, unreadable, rules } = self;
        let exit_code = u8::from(*unreadable > 0);
        if form.json {
            let rules: BTreeMap<_, _> = rules
                .iter()
                .map(|(rule, (decides, matches))| (rule, json!({ "decides": decides, "matches": matches })))
                .collect();
            let sum = json!({ "kind": "summary", "messages": messages, "unreadable": unreadable, "rules": rules });
            return (json_line(&sum), exit_code);
        }
        let head = text!(
            "\nmessages: {messages}, unreadable: {unreadable}\n",
            "\nmensagens: {messages}, ilegíveis: {unreadable}\n"
        );
        let mut out = head.in_language(form.language).to_owned();
        for (rule, (decides, matches)) in rules {
            let line = text!(
                "{rule}: finds something in {matches}, decides {decides}\n",
                "{rule}: casa com {matches}, decide {decides}\n"
            );
            out.push_str(line.in_language(form.language));
        }
        (out, exit_code)
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::UNIX_EPOCH};

    use super::*;
    use crate::{language::Language, message::subject::Subject, policy::rule::Scope, smtp::path::ReversePath};

    #[test]
    fn each_message_that_a_rule_finds_something_in_is_a_line_and_all_are_summed() {
        let rule = |id: &str, word: &str, mode: &str| {
            format!(
                "[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nowner = \"o\"\nticket = \"t\"\nmode = \"{mode}\"\n\
                 action.kind = \"quarantine\"\n[[rule.match]]\nany_words = [\"{word}\"]\n[[rule.example]]\nsubject = \"{word}\"\n\
                 expect = \"match\"\n[[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\"\n"
            )
        };
        let source = rule("R-1", "boleto", "enforce") + &rule("R-2", "fatura", "observe");
        let (set, faults) = RuleSet::read(&[("r.toml".into(), source)], &|_| None);
        assert!(!faults.has_errors(), "{}", faults.render(Language::En));
        let run = |json: bool| {
            let (mut many, mut out) = (Many::default(), String::new());
            let form = Form { json, language: Language::En };
            for (name, subject) in [("a\u{1b}.eml", "Fatura e boleto"), ("b.eml", "ata"), ("c.eml", "fatura")] {
                let facts = Facts {
                    subjects: &[Subject::new(subject.as_bytes())],
                    reverse_path: &ReversePath::Null,
                    recipients: &[],
                    list_ids: &[],
                    client: IpAddr::from([127, 0, 0, 1]),
                    scope: Scope::Relay,
                    now: UNIX_EPOCH,
                };
                out += &many.message(name, &set, &facts, form);
            }
            many.unreadable();
            let (sum, exit_code) = many.sum(form);
            (out + &sum, exit_code)
        };
        let expected = "a\\u{1b}.eml: held in the quarantine, by rule R-1 [R-1, R-2]\n    Fatura e boleto\n\
                        c.eml: no rule acts [R-2]\n    fatura\n\nmessages: 3, unreadable: 1\n\
                        R-1: finds something in 1, decides 1\nR-2: finds something in 2, decides 0\n";
        assert_eq!(run(false), (expected.to_owned(), 1));
        let (json, _) = run(true);
        let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let deciding: Vec<_> = lines.iter().map(|line| line["deciding"].clone()).collect();
        assert_eq!(deciding, [json!("R-1"), json!(null), json!(null), json!(null)]);
        assert_eq!(lines[3]["rules"]["R-2"], json!({ "decides": 0, "matches": 2 }));
    }
}
