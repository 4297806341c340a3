//! The second reading of a subject: which patterns look at it, and what the record says of it.

use super::*;

/// A rule with one block, `more` in its head; `matching` is the example that reaches it.
fn on(block: &str, more: &str, matching: &str) -> String {
    let blocks = format!(
        "[[rule.match]]\n{block}\n[[rule.example]]\nsubject = \"{matching}\"\nexpect = \"match\"\n\
         [[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\""
    );
    rule("T-1", &format!("mode = \"enforce\"\naction.kind = \"tag\"\n{more}"), &blocks)
}

/// What the one rule of `source` finds in a subject.
fn found(source: &str, subject: &str) -> Option<RuleMatch> {
    let (set, faults) = read(source);
    assert!(!faults.contains("error"), "{faults}");
    let judged = set.judge(&Message::with(&[subject]).facts());
    judged.matches.into_iter().next()
}

#[test]
fn words_phrases_and_wildcards_see_through_a_disguise_and_expressions_do_not() {
    let subject = "Sua 2ª via do Вoleto: ｆаtura.zіp";
    for (block, expected) in [
        ("all_words = [\"boleto\", \"fatura\"]", Some("Вoleto: ｆаtura")),
        ("any_words = [\"pix\", \"boleto\"]", Some("Вoleto")),
        ("phrase = \"via do boleto\"", Some("via do Вoleto")),
        ("wildcard = \"*bol?to*.zip\"", Some("Вoleto: ｆаtura.zіp")),
        ("regex = 'boleto'", None),
        ("regex = '2a via'", Some("2ª via")),
    ] {
        let found = found(&on(block, "", "sua 2a via do boleto: fatura.zip"), subject);
        let shown = found.and_then(|found| found.decoded_span).and_then(|(start, end)| subject.get(start..end));
        assert_eq!(shown, expected, "{block}");
    }
}

#[test]
fn switched_off_there_is_one_reading() {
    let block = "any_words = [\"boleto\"]";
    assert_eq!(found(&on(block, "fold.lookalikes = false", "boleto"), "Вoleto"), None);
    let found = found(&on(block, "fold.lookalikes = true", "boleto"), "Вoleto").unwrap();
    assert_eq!((found.reading, found.folded.as_str(), found.span), (Reading::Lookalikes, "boleto", (0, 6)));
}

#[test]
fn what_is_written_plainly_is_told_plainly() {
    // The Cyrillic name gives this subject two readings; the word stands in both.
    let found = found(&on("any_words = [\"boleto\"]", "", "boleto"), "O boleto da Аня").unwrap();
    assert_eq!((found.reading, found.folded.as_str(), found.span), (Reading::Plain, "o boleto da аня", (2, 8)));
    assert_eq!(found.decoded_span, Some((2, 8)));
}

#[test]
fn what_needed_both_readings_is_told_in_one() {
    let subject = "Re: счёт, ВOLЕТО em anexo";
    let found = found(&on("all_words = [\"счёт\", \"boleto\"]", "", "счёт boleto"), subject).unwrap();
    assert_eq!((found.reading, found.folded.as_str()), (Reading::Lookalikes, "cчet, boleto em anexo"));
    assert_eq!(found.folded.get(found.span.0..found.span.1), Some("cчet, boleto"));
    let (start, end) = found.decoded_span.unwrap();
    assert_eq!(subject.get(start..end), Some("счёт, ВOLЕТО"));
}

/// The three pairs of the design: the complete Unicode skeleton makes one word of each.
#[test]
fn a_rule_finds_its_word_and_no_other_that_two_letters_resemble() {
    for (word, honest) in [("corno", "como"), ("carne", "came"), ("modem", "modern")] {
        let source = on(&format!("any_words = [\"{word}\"]"), "", word);
        assert!(found(&source, &format!("um {word}")).is_some(), "{word}");
        assert_eq!(found(&source, &format!("um {honest}")), None, "{word} {honest}");
    }
    for (word, disguised) in
        [("boleto", "ВОЛЕТО"), ("boleto", "Вoleto"), ("voleto", "vоleto"), ("boleto", "Segue o ВОЛЕТО vencido")]
    {
        let source = on(&format!("any_words = [\"{word}\"]"), "", word);
        assert!(found(&source, disguised).is_some(), "{word} {disguised}");
    }
}

#[test]
fn a_pattern_with_a_pasted_letter_works_and_is_warned_of() {
    for (block, subjects) in [
        ("any_words = [\"bоleto\"]", ["boleto", "bоleto", "ВОLETO"]),
        ("all_words = [\"pix\", \"bоleto\"]", ["pix boleto", "pix bоleto", "рix ВОLETO"]),
        ("phrase = \"2a via bоleto\"", ["2a via boleto", "2ª via bоleto", "2a vіa ВОLETO"]),
        ("wildcard = \"*bоle*\"", ["um boleto", "um bоleto", "um ВОLETO"]),
    ] {
        let (set, faults) = read(&on(block, "", subjects[0]));
        assert!(faults.contains("warning") && faults.contains("only looks like a Latin letter"), "{block}: {faults}");
        for subject in subjects {
            assert_eq!(set.judge(&Message::with(&[subject]).facts()).matches.len(), 1, "{block} {subject}");
        }
    }
    let (_, faults) = read(&on("wildcard = \"*bоle?o*\"", "", "um boleto"));
    assert!(faults.contains("type it instead of pasting it: *bole?o*"), "{faults}");
    // A word wholly Cyrillic is meant as it is: a rule against it must not fall upon a Portuguese one.
    let source = on("any_words = [\"тема\"]", "", "тема");
    assert!(found(&source, "тема").is_some() && found(&source, "o tema").is_none());
}

#[test]
fn what_spares_must_be_written_honestly() {
    let blocks = "[[rule.match]]\nall_words = [\"boleto\"]\n[rule.except]\nwords = [\"custas processuais\"]\n\
                  [[rule.example]]\nsubject = \"boleto\"\nexpect = \"match\"\n\
                  [[rule.example]]\nsubject = \"boleto das custas processuais\"\nexpect = \"no match\"";
    let source = rule("T-1", "mode = \"enforce\"\naction.kind = \"quarantine\"", blocks);
    assert_eq!(found(&source, "Вoleto das custas processuais"), None);
    assert!(found(&source, "boleto das custаs processuais").is_some());
}
