//! What the checker finds. Each row: what is written, and what must be said of it.

use super::*;

const HEAD: &str = "mode = \"observe\"\naction.kind = \"quarantine\"";
const BLOCK: &str = "[[rule.match]]\nall_words = [\"boleto\"]";
const EXAMPLES: &str = "[[rule.example]]\nsubject = \"boleto\"\nexpect = \"match\"\n\
                        [[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\"";

/// The faults of a rule with this head, or the usual one.
fn of_head(head: &str) -> String {
    read(&rule("T-1", head, &format!("{BLOCK}\n{EXAMPLES}"))).1
}

/// The faults of a rule with these blocks and no example but the usual ones.
fn of_block(block: &str) -> String {
    read(&rule("T-1", HEAD, &format!("{block}\n{EXAMPLES}"))).1
}

fn said(faults: &str, severity: &str, part: &str) {
    assert!(faults.contains(severity) && faults.contains(part), "{part:?} is not in:\n{faults}");
}

#[test]
fn the_rule_that_the_rows_change_is_in_order() {
    assert_eq!(of_head(HEAD), "");
}

#[test]
fn keys_are_complete_known_and_of_their_kind() {
    for (head, part) in [
        ("action.kind = \"tag\"", "`mode` is missing"),
        ("mode = \"observe\"", "`action` is missing"),
        ("mode = \"observe\"\naction.reply = \"a\"", "`kind` is missing"),
        ("mode = \"active\"\naction.kind = \"tag\"", "`mode` is one of off | observe | enforce, not `active`"),
        ("mode = \"observe\"\naction.kind = \"discard\"", "observe | tag | quarantine | reject"),
        ("mode = \"observe\"\naction.kind = \"tag\"\nexpire = 1", "did you mean `expires`?"),
        ("mode = \"observe\"\naction.kind = \"reject\"", "`expires` is missing: a rule that rejects must end"),
        ("mode = \"observe\"\naction.kind = \"tag\"\nscope = [\"outbound\"]", "not `outbound`"),
        ("mode = \"observe\"\naction.kind = \"tag\"\nscope = []", "`scope` is empty"),
        ("mode = \"observe\"\naction.kind = \"tag\"\nfold.case = 1", "true or false"),
        ("mode = \"observe\"\naction.kind = \"tag\"\nfold.prefixes = [\" \"]", "an empty prefix"),
        ("mode = \"observe\"\naction.kind = \"tag\"\nfold.lookalike = true", "did you mean `lookalikes`?"),
        ("mode = \"observe\"\naction.kind = \"quarantine\"\naction.reply = \"Dúvidas\"", "a reply is ASCII"),
        (
            "mode = \"observe\"\naction.kind = \"tag\"\nstarts = 2026-12-01T00:00:00Z\nexpires = 2026-11-01T00:00:00Z",
            "the rule ends before it starts (2026-12-01T00:00:00Z)",
        ),
        ("mode = \"observe\"\naction.kind = \"tag\"\nexpires = 2026-11-01", "expires = 2026-11-01T23:59:59-03:00"),
    ] {
        said(&of_head(head), "error", part);
    }
    said(&read("[[rule]]\n").1, "r.toml:1:1: error", "`id` is missing here");
    said(&read("[[rules]]\n").1, "error", "did you mean `rule`?");
    said(&read("[rule]\nid = \"a\"\n").1, "error", "[[rule]]");
    said(&read(&rule("a b", HEAD, BLOCK)).1, "error", "an id has 1 to 64 letters");
    said(&read("[[rule]]\ndescription = \"  \"\n").1, "error", "`description` is empty");
    assert_eq!(of_head("mode = 1\naction.kind = \"tag\"").matches("error").count(), 1, "one fault is said once");
}

/// Whoever mends one fault a run loses patience by the third.
#[test]
fn a_fault_of_shape_hides_no_other_fault_of_the_rule() {
    let patterns =
        "[[rule.match]]\nany_words = [\"urgente\", \"URGENTE\"]\nregex = 'a(b'\n[rule.except]\nsender = [\"*@*\"]";
    let of_patterns = ["`URGENTE` is `urgente` once more", "unclosed group", "would spare every sender"];
    for (head, of_shape) in [
        (format!("{HEAD}\nnota = 1"), "unknown key `nota`"),
        ("action.kind = \"tag\"".to_owned(), "`mode` is missing"),
        ("mode = \"observe\"".to_owned(), "`action` is missing"),
        ("mode = \"observe\"\naction.kind = \"discard\"".to_owned(), "observe | tag | quarantine | reject"),
    ] {
        let (set, faults) = read(&rule("T-1", &head, &format!("{patterns}\n{EXAMPLES}")));
        for part in of_patterns.into_iter().chain([of_shape]) {
            said(&faults, "error", part);
        }
        assert_eq!(faults.matches("error").count(), 4, "{faults}");
        assert!(set.is_empty());
    }
    // Nor that the id is taken, nor what is wrong in another block.
    let (_, faults) = read(&format!(
        "{}{}",
        rule("T-1", HEAD, &format!("{BLOCK}\n{EXAMPLES}")),
        rule("T-1", HEAD, &format!("[[rule.match]]\nwords = [\"a\"]\n[[rule.match]]\nregex = 'a(b'\n{EXAMPLES}"))
    ));
    for part in ["the id `T-1` is taken", "unknown key `words`", "unclosed group"] {
        said(&faults, "error", part);
    }
}

/// A rule of which something could not be read is not the rule that was meant: what it would do, alone, proves nothing.
#[test]
fn a_fault_of_shape_makes_no_other_fault() {
    let only = |faults: String, part: &str| {
        assert!(
            faults.contains(part) && faults.matches("error").count() == 1 && !faults.contains("warning"),
            "{faults}"
        );
    };
    // Without the key that was meant the examples fail, a block finds too much, two words are one.
    only(of_block("[[rule.match]]\nany_words = [\"ata\"]\nall_word = [\"boleto\"]"), "did you mean `all_words`?");
    only(
        of_block(&format!("{BLOCK}\n[rule.except]\nwords = [\"x\"]\nsendr = [\"a@b.example\"]")),
        "did you mean `sender`?",
    );
    only(of_block("[[rule.match]]\nphrse = \"a b\"\nany_words = [\"b\"]"), "did you mean `phrase`?");
    only(
        of_block("[[rule.match]]\nany_words = [\"boleto\", \"Boleto\"]\n[rule.fold]\ncas = false"),
        "did you mean `case`?",
    );
}

#[test]
fn a_word_is_one_word() {
    for (block, part) in [
        ("all_words = []", "`all_words` has no word in it"),
        ("all_words = [\"\"]", "an empty pattern"),
        ("all_words = [\"\\u200B\"]", "nothing is left of"),
        ("any_words = [\"2ª via\"]", "phrase = \"2ª via\""),
        ("any_words = [\"e-mail\"]", "phrase = \"e-mail\""),
        ("any_words = [\"bolet*\"]", "wildcard = \"*…*\""),
        ("all_words = \"boleto\"", "in brackets"),
        ("all_words = [1]", "a text in quotes"),
        ("", "the match block is empty"),
        ("phrase = \"- !\"", "no letter and no digit"),
    ] {
        said(&of_block(&format!("[[rule.match]]\n{block}")), "error", part);
    }
    said(&of_block(""), "error", "the rule has no match block");
    let long = |octets| of_block(&format!("[[rule.match]]\nany_words = [\"boleto\", \"{}\"]", "x".repeat(octets)));
    assert!(!long(1000).contains("at most"), "{}", long(1000));
    said(&long(1001), "error", "a pattern has at most 1000 octets");
    said(&of_block("[[rule.match]]\nall_words = [\"boleto\", \"BOLETO\"]"), "error", "is `boleto` once more");
    said(&of_block("[[rule.match]]\nall_words = [\"bo\\u200Bleto\"]"), "warning", "an invisible character");
    assert_eq!(of_block("[[rule.match]]\nall_words = [1]").matches("error").count(), 1, "one fault is said once");
}

#[test]
fn a_pattern_that_matches_everything_is_refused() {
    for block in ["wildcard = \"*\"", "wildcard = \"*?*\"", "wildcard = \"* *\"", "regex = '.'"] {
        said(&of_block(&format!("[[rule.match]]\n{block}")), "error", "matches nearly every subject");
    }
    for expression in [".*", "(boleto)?", "^$", ""] {
        let part = if expression.is_empty() { "an empty pattern" } else { "finds the empty text" };
        said(&of_block(&format!("[[rule.match]]\nregex = '{expression}'")), "error", part);
    }
    said(&of_block("[[rule.match]]\nwildcard = \"boleto\""), "warning", "matches only the whole subject");
    said(&of_block("[[rule.match]]\nregex = '^b'"), "warning", "it is tried on every message");
}

#[test]
fn an_expression_that_is_wrong_is_shown_where() {
    let faults = of_block("[[rule.match]]\nregex = '''boleto(?=x)'''");
    said(&faults, "r.toml:9:18: error", "no look-around");
    said(&of_block("[[rule.match]]\nregex = '(a)\\1'"), "error", "no look-around and no back-reference");
    said(&of_block("[[rule.match]]\nregex = 'a(b'"), "r.toml:9:11: error", "not a regular expression: unclosed group");
    said(&of_block("[[rule.match]]\nregex = '\\w{1000}\\w{1000}'"), "error", "larger than 1048576 octets");
    let faults = of_block("[[rule.match]]\nregex = 'boleto|devolução'");
    said(&faults, "r.toml:9:23: error: the folded subject never holds `ç`", "= write `c`");
}

/// The `b` of `\b` stands beside a Cyrillic letter and is none of a pasted word.
#[test]
fn signs_of_an_expression_are_no_latin_letters() {
    for (expression, warned) in
        [(r"\bсчет\b", false), (r"\w+счет\d", false), (r"\bbоleto\b", true), (r"\bboщleto\b", true)]
    {
        let faults = of_block(&format!("[[rule.match]]\nregex = '{expression}'"));
        assert_eq!(faults.contains("[A14]"), warned, "{faults}");
    }
    let faults = of_block(
        r"[[rule.match]]
regex = '\bbоleto\b'",
    );
    said(&faults, "r.toml:9:13: warning", "= type the word instead of pasting it");
}

#[test]
fn exceptions_name_addresses_lists_and_networks() {
    let of_except = |line: &str| of_block(&format!("{BLOCK}\n[rule.except]\n{line}"));
    for (line, part) in [
        ("sender = [\"bancoparceiro.example\"]", "is no address"),
        ("sender = [\"*@*\"]", "would spare every sender"),
        ("sender = [\"<a@b.example>\"]", "is no address"),
        ("recipient = [\"noc@elsewhere.example\"]", "is no address of a served domain"),
        ("list = [\"<avisos.example>\"]", "is no list identifier"),
        ("networks = [\"10.0.0.0/33\"]", "a network is needed here"),
        ("words = [\"\"]", "an empty pattern"),
        ("from = [\"a\"]", "unknown key `from`"),
    ] {
        said(&of_except(line), "error", part);
    }
    for (line, part) in [
        ("sender = [\"*@banco.example\"]", "no example reaches except.sender"),
        ("networks = [\"10.0.0.0/8\"]", "with a `client` that spares it"),
    ] {
        said(&of_except(line), "warning", part);
        assert!(!of_except(line).contains("error"), "{line}: a rule that observes is loaded");
        let head = HEAD.replace("observe", "enforce");
        let enforced = rule("T-1", &head, &format!("{BLOCK}\n[rule.except]\n{line}\n{EXAMPLES}"));
        said(&read(&enforced).1, "error", part);
    }
}

#[test]
fn every_kind_of_exception_can_be_reached_by_an_example() {
    for (except, example) in [
        (
            "sender = [\"*@banco.example\"]\nnetworks = [\"10.0.0.0/8\"]",
            "sender = \"a@BANCO.example\"\nclient = \"10.1.2.3\"",
        ),
        ("sender = [\"<>\"]", "sender = \"\""),
        ("recipient = [\"noc@tjpa.jus.br\"]", "recipient = \"suporte@tjpa.jus.br\""),
        ("list = [\"Avisos.tjpa.jus.br\"]", "list = \"avisos.tjpa.jus.br\""),
        ("networks = [\"10.0.0.0/8\"]", "client = \"10.1.2.3\""),
    ] {
        let spared = format!("[[rule.example]]\nsubject = \"boleto\"\nexpect = \"no match\"\n{example}");
        assert_eq!(of_block(&format!("{BLOCK}\n[rule.except]\n{except}\n{spared}")), "", "{except}");
        let (_, faults) = read(&rule("T-1", HEAD, &format!("{BLOCK}\n{EXAMPLES}\n{spared}")));
        said(&faults, "error", "this example matches, and should not");
    }
}

#[test]
fn an_example_that_is_not_as_it_says_is_explained() {
    let of_example = |subject: &str, expect: &str| {
        of_block(&format!("{BLOCK}\n[[rule.example]]\nsubject = \"{subject}\"\nexpect = \"{expect}\""))
    };
    let faults = of_example("RES: Cobrança", "match");
    said(&faults, "error", "this example does not match");
    said(&faults, "as compared it is: cobranca", "block 1: all_words: not there: boleto");
    let faults = of_example("=?utf-8?q?BOLETO?=", "no match");
    said(&faults, "this example matches, and should not", "block 1 holds: boleto");
    let with =
        |key: &str| of_block(&format!("{BLOCK}\n[[rule.example]]\nsubject = \"x\"\nexpect = \"no match\"\n{key}"));
    said(&with("client = \"10.0.0\""), "error", "`10.0.0` is no IP address");
    said(&with("recipient = \"a@elsewhere.example\""), "error", "is no address of a served domain");
    said(&of_example("boleto", "yes"), "error", "`expect` is one of match | no match, not `yes`");
}

#[test]
fn a_rule_without_an_example_of_each_kind_is_not_loaded() {
    let only_match = "[[rule.example]]\nsubject = \"boleto\"\nexpect = \"match\"";
    for (examples, missing) in [("", "\"match\""), ("", "\"no match\""), (only_match, "\"no match\"")] {
        let (set, faults) = read(&rule("T-1", HEAD, &format!("{BLOCK}\n{examples}")));
        said(&faults, "error", &format!("no example with expect = {missing}"));
        assert!(set.is_empty());
    }
}

#[test]
fn an_id_is_used_once_over_all_files() {
    let source = rule("T-1", HEAD, &format!("{BLOCK}\n{EXAMPLES}"));
    let files = [("b.toml".into(), source.clone()), ("a.toml".into(), source)];
    let (set, faults) = RuleSet::read(&files, &resolve);
    let shown = faults.render(Language::En);
    assert!(shown.contains("b.toml:2:6: error: the id `T-1` is taken"), "{shown}");
    assert!(shown.contains("by the rule at a.toml:2"), "{shown}");
    assert_eq!(set.len(), 1, "files are read in name order, whatever the order they come in");
}

#[test]
fn rules_that_ended_or_end_soon_are_told_of() {
    let with =
        |expires: &str| good(&rule("T-1", &format!("{HEAD}\nexpires = {expires}"), &format!("{BLOCK}\n{EXAMPLES}")));
    for (expires, part) in [
        ("2026-11-21T08:59:59-03:00", "ended at 2026-11-21T08:59:59-03:00"),
        ("2026-11-25T00:00:00-03:00", "ends soon"),
        ("2026-12-25T00:00:00-03:00", ""),
    ] {
        let due = with(expires).due(now());
        assert!(!due.has_errors(), "{expires}");
        assert_eq!(due.0.is_empty(), part.is_empty(), "{expires}");
        assert!(due.render(Language::En).contains(part), "{expires}");
    }
}

#[test]
fn patterns_that_are_tried_on_every_message_are_counted() {
    let rules = |count: usize| {
        let one = |number: usize| {
            let block = "[[rule.match]]\nregex = '^b.l'\n[[rule.example]]\nsubject = \"bola\"\nexpect = \"match\"\n\
                         [[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\"";
            rule(&format!("T-{number}"), HEAD, block)
        };
        read(&(0..count).map(one).collect::<String>()).1
    };
    assert!(!rules(MAX_ALWAYS_TRIED).contains("error"));
    said(&rules(MAX_ALWAYS_TRIED + 1), "error", "101 match blocks have to be tried on every message, at most 100 may");
}

#[test]
fn no_text_makes_the_reader_panic() {
    let source = rule("T-1", HEAD, &format!("{BLOCK}\n{EXAMPLES}"));
    for end in (0..source.len()).filter(|end| source.is_char_boundary(*end)) {
        read(&source[..end]);
        read(&format!("{}\u{0}{}", &source[..end], &source[end..]));
    }
}
