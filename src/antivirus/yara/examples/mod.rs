//! The examples of the rules, tried at every check, at start, and at every reload: what an editor says of a rule is true, or the
//! set is not put in force.
//!
//! In: a compiled set and the example files beside it. Out: how many examples there are and how long they took; an error for each
//! that is not as it says, and a warning for each rule that lacks one of a kind. Each runs through the very scan that mail runs
//! through, all rules at once. Bounded in number and in time.

mod written;

use std::{collections::HashSet, ops::ControlFlow, path::Path, time::Duration};

use tokio::time::Instant;

use self::written::{Content, Example, Expect};
use super::{attachments::Part, meaning, rules::RuleSet, scan::Scan, source::Source};
use crate::{
    document::{Document, Fault, Faults, Severity, nearest},
    language::Text,
    text,
};

/// Examples of a folder. More are a mistake.
const MOST: usize = 10_000;

/// For each example: a rule that needs so long for so little is too slow for mail.
const EACH: Duration = Duration::from_secs(5);

/// For all of them: whoever reloads is waiting.
const ALL: Duration = Duration::from_secs(30);

/// Rules without examples that are told one by one; the others are counted.
const MOST_TOLD: usize = 20;

/// What bounds a run.
#[derive(Clone, Copy)]
struct Bounds {
    most: usize,
    each: Duration,
    all: Duration,
}

/// How the examples of a set went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// How many there are.
    pub count: usize,
    /// How long they took together.
    pub took: Duration,
}

/// Which kinds of example a rule has.
#[derive(Default)]
struct Seen<'s> {
    matching: HashSet<&'s str>,
    other: HashSet<&'s str>,
}

/// Tries every example in `files` on the rules of `folder`.
pub fn run(rules: &RuleSet, folder: &Path, sources: &[Source], files: &[Source]) -> (Tried, Faults) {
    run_within(Bounds { most: MOST, each: EACH, all: ALL }, rules, folder, sources, files)
}

fn run_within(bounds: Bounds, rules: &RuleSet, folder: &Path, sources: &[Source], files: &[Source]) -> (Tried, Faults) {
    let mut faults = Faults::default();
    let began = Instant::now();
    let (mut count, mut kinds) = (0usize, Vec::new());
    for file in files {
        let document = Document::parse(&file.path, &file.text);
        written::each(&document, folder, &mut |example| {
            count = count.saturating_add(1);
            if let Some(what) = beyond(bounds, count, began.elapsed()) {
                document.fault(example.span, what, None);
                return ControlFlow::Break(());
            }
            check(rules, &example, bounds.each, &document);
            kinds.push((example.rule.value, example.expect));
            ControlFlow::Continue(())
        });
        faults.append(document.into_faults());
    }
    let mut seen = Seen::default();
    for (rule, expect) in &kinds {
        let of_kind = if *expect == Expect::Match { &mut seen.matching } else { &mut seen.other };
        of_kind.insert(rule);
    }
    // While an example is wrong, what is missing says nothing.
    if !faults.has_errors() {
        faults.append(lacking(rules, sources, &seen));
    }
    (Tried { count, took: began.elapsed() }, faults)
}

/// Why no further example is tried.
fn beyond(bounds: Bounds, count: usize, took: Duration) -> Option<Text> {
    let Bounds { most, all, .. } = bounds;
    let seconds = all.as_secs();
    if took > all {
        return Some(text!(
            "the examples take longer than {seconds} s together",
            "os exemplos levam mais de {seconds} s em conjunto"
        ));
    }
    (count > most).then(|| text!("more than {most} examples", "mais de {most} exemplos"))
}

fn check(rules: &RuleSet, example: &Example, each: Duration, document: &Document<'_>) {
    let rule = example.rule.value.as_str();
    if !rules.has(rule) {
        let what =
            text!("no rule is called {rule}, or it is private", "nenhuma regra se chama {rule}, ou ela é private");
        let near = nearest(rule, rules.names().into_iter());
        let help = near.map(|name| text!("did you mean {name}?", "você quis dizer {name}?"));
        return document.fault(example.rule.span.clone(), what, help);
    }
    let now = Instant::now();
    let scan = Scan::new(rules, now, now + each);
    let scan = match &example.content {
        Content::Mail(octets) => scan.over_message(octets),
        Content::Part { name, media_type, octets } => scan.over_part(&Part { name, media_type, octets }),
    };
    let what = match (example.expect, scan.matched(rule), scan.incomplete()) {
        (Expect::Match, true, _) | (Expect::NoMatch, false, None) => return,
        // What stopped the scan: too slow, or a mail that is not taken apart to its end.
        (_, false, Some(why)) => {
            text!("this example was not looked at to its end: {why}", "este exemplo não foi examinado até o fim: {why}")
        }
        (Expect::Match, false, None) => {
            text!("rule {rule} does not match this example", "a regra {rule} não casa com este exemplo")
        }
        (Expect::NoMatch, true, _) => text!(
            "rule {rule} matches this example, and should not",
            "a regra {rule} casa com este exemplo, e não devia"
        ),
    };
    let others = scan.matching().filter(|name| *name != rule).collect::<Vec<_>>().join(", ");
    let help = (!others.is_empty()).then(|| text!("what matches it: {others}", "o que casa com ele: {others}"));
    document.fault(example.span.clone(), what, help);
}

/// Rules of which nothing shows that they match, or that they leave anything alone.
fn lacking(rules: &RuleSet, sources: &[Source], seen: &Seen<'_>) -> Faults {
    let lacking: Vec<_> = rules
        .names()
        .into_iter()
        .filter_map(|rule| match (seen.matching.contains(rule), seen.other.contains(rule)) {
            (true, true) => None,
            (false, true) => Some((
                rule,
                text!(
                    "rule {rule} has no example with expect = \"match\"",
                    "a regra {rule} não tem exemplo com expect = \"match\""
                ),
            )),
            (true, false) => Some((
                rule,
                text!(
                    "rule {rule} has no example with expect = \"no match\"",
                    "a regra {rule} não tem exemplo com expect = \"no match\""
                ),
            )),
            (false, false) => Some((rule, text!("rule {rule} has no examples", "a regra {rule} não tem exemplos"))),
        })
        .collect();
    let mut faults = Faults::default();
    let help = || {
        text!(
            "write [[example]] into a *.toml beside the rules: one of each kind",
            "escreva [[example]] num *.toml ao lado das regras: um de cada tipo"
        )
    };
    let beyond = lacking.len().saturating_sub(MOST_TOLD);
    for (rule, what) in lacking.into_iter().take(MOST_TOLD) {
        let fault = meaning::of_rule(sources, rule, what, Some(help()));
        faults.0.push(Fault { severity: Severity::Warning, ..fault });
    }
    if let Some(file) = sources.first().filter(|_| beyond > 0) {
        let what = text!("{beyond} more rules lack examples", "mais {beyond} regras sem exemplos");
        faults.0.push(Fault { severity: Severity::Warning, ..Fault::about_file(&file.path, what) });
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{
        super::{rules::compile, sample, source::Sources},
        *,
    };
    use crate::language::Language;

    const RULES: &str = "rule Word { meta: class = \"macro\" strings: $w = \"word\" condition: not whole_message and $w }\n\
                         rule Named { meta: class = \"macro\" condition: part_name == \"a.exe\" and part_type == \"image/png\" }\n\
                         private rule Hidden { condition: true }\n";

    fn told(rules: &str, examples: &str) -> (bool, String) {
        let folder = sample::folder(&[("a.yar", rules), ("a.toml", examples)]);
        let (good, faults) = match compile(folder.path()) {
            Ok((_, warnings)) => (true, warnings),
            Err(faults) => (false, faults),
        };
        (good, faults.render(Language::En).replace(&format!("{}/", folder.path().display()), ""))
    }

    fn example(rule: &str, expect: &str, more: &str) -> String {
        format!("[[example]]\nrule = \"{rule}\"\nexpect = \"{expect}\"\n{more}\n")
    }

    #[test]
    fn a_set_whose_examples_hold_is_whole() {
        let mail = "as = \"mail\"\ntext = \"\"\"\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\n";
        let examples = [
            example("Word", "match", "text = \"a word\""),
            example("Word", "no match", "text = \"a w0rd\""),
            // Taken apart and decoded, as mail is.
            example("Word", "match", &format!("{mail}YSB3b3Jk\n--b--\n\"\"\"")),
            example("Word", "no match", &format!("{mail}YSB3MHJk\n--b--\nword\n\"\"\"")),
            example("Named", "match", "text = \"\"\npart_name = \"a.exe\"\npart_type = \"image/png\""),
            example("Named", "no match", "text = \"\"\npart_name = \"a.exe\""),
        ];
        assert_eq!(told(RULES, &examples.concat()), (true, String::new()));
    }

    #[test]
    fn an_example_that_is_not_as_it_says_keeps_the_set_out() {
        for (example, expected) in [
            (
                example("Word", "match", "text = \"a w0rd\""),
                "a.toml:3:10: error: rule Word does not match this example\n     3 | expect = \"match\"",
            ),
            (
                example("Word", "no match", "text = \"a word\""),
                "a.toml:3:10: error: rule Word matches this example, and should not",
            ),
            (
                example("Named", "match", "text = \"a word\""),
                "a.toml:3:10: error: rule Named does not match this example\n     3 | expect = \"match\"\n       |          ^^^^^^^\n\
                 \x20      = what matches it: Word\n",
            ),
            (
                example("Wrod", "match", "text = \"a word\""),
                "a.toml:2:8: error: no rule is called Wrod, or it is private",
            ),
            (
                example("Hidden", "match", "text = \"a\""),
                "a.toml:2:8: error: no rule is called Hidden, or it is private",
            ),
            (
                example(
                    "Word",
                    "no match",
                    &format!("as = \"mail\"\ntext = \"{}\"", "Content-Type: message/rfc822\\n\\n".repeat(9)),
                ),
                "a.toml:3:10: error: this example was not looked at to its end: YARA: nested too deep",
            ),
            ("[[exampel]]\n".to_owned(), "a.toml:1:3: error: unknown key `exampel`"),
        ] {
            let (good, told) = told(RULES, &example);
            assert!(!good && told.contains(expected), "{example}: {told}");
        }
    }

    #[test]
    fn a_rule_without_both_kinds_is_a_warning() {
        let (good, shown) = told(RULES, &example("Word", "match", "text = \"a word\""));
        assert!(good, "{shown}");
        assert!(shown.contains("a.yar:1:6: warning: rule Word has no example with expect = \"no match\""), "{shown}");
        assert!(shown.contains("a.yar:2:6: warning: rule Named has no examples"), "{shown}");
        assert!(!shown.contains("Hidden"), "{shown}");
        let many: String =
            (0..25).map(|nth| format!("rule R{nth:02} {{ meta: class = \"macro\" condition: false }}\n")).collect();
        let (good, shown) = told(&many, "");
        assert!(good && shown.contains("R19 has no examples") && !shown.contains("R20"), "{shown}");
        assert!(shown.ends_with("a.yar: warning: 5 more rules lack examples\n"), "{shown}");
    }

    #[test]
    fn one_example_more_than_there_may_be_is_a_fault() {
        let told_of = |count: usize| told(RULES, &example("Word", "no match", "text = \"\"").repeat(count));
        assert!(told_of(MOST).0);
        let (good, shown) = told_of(MOST + 1);
        assert!(!good && shown.contains("error: more than 10000 examples"), "{shown}");
    }

    /// Whoever reloads is waiting, and a rule that takes so long for an example takes longer for mail.
    #[test]
    fn an_example_has_its_time_and_all_have_theirs() {
        let slow = "rule Slow { meta: class = \"macro\" strings: $w = \"word\" \
                    condition: $w and for all i in (1..300000) : (i * 2 >= i) }";
        let folder = sample::folder(&[("a.yar", slow)]);
        let (rules, _) = compile(folder.path()).unwrap();
        sample::write(folder.path(), "a.toml", example("Slow", "match", "text = \"a word\"").repeat(2));
        let sources = Sources::read(folder.path()).unwrap();
        let (millis, ample) = (Duration::from_millis, Duration::from_secs(60));
        for (each, all, expected) in [
            (millis(5), ample, "a.toml:3:10: error: this example was not looked at to its end: YARA: timeout"),
            (ample, millis(5), "error: the examples take longer than 0 s together"),
        ] {
            let bounds = Bounds { most: MOST, each, all };
            let (_, faults) = run_within(bounds, &rules, folder.path(), &sources.rules, &sources.examples);
            let shown = faults.render(Language::En);
            assert!(shown.contains(expected), "{shown}");
        }
    }
}
