//! Which rules match a message, and which of them decides.

use super::*;

/// A rule on the word `word`.
fn on(id: &str, word: &str, mode: &str, kind: &str, more: &str) -> String {
    let head = format!("mode = \"{mode}\"\naction.kind = \"{kind}\"\nexpires = 2027-01-01T00:00:00Z\n{more}");
    let blocks = format!(
        "[[rule.match]]\nall_words = [\"{word}\"]\n[[rule.example]]\nsubject = \"{word}\"\nexpect = \"match\"\n\
         [[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\""
    );
    rule(id, &head, &blocks)
}

fn ids(judgement: &Judgement) -> Vec<&str> {
    judgement.matches.iter().map(|found| found.rule.as_str()).collect()
}

#[test]
fn the_first_enforcing_rule_decides_and_every_match_is_recorded() {
    let set = usable(
        &[
            on("watching", "boleto", "observe", "reject", ""),
            on("off", "boleto", "off", "reject", ""),
            on("recording", "boleto", "enforce", "observe", ""),
            on("other", "pix", "enforce", "reject", ""),
            on("first", "boleto", "enforce", "quarantine", ""),
            on("second", "boleto", "enforce", "reject", ""),
            // A rule whose every example another one decides would not be loaded.
            "[[rule.match]]\nall_words = [\"fatura\"]\n[[rule.example]]\nsubject = \"fatura\"\nexpect = \"match\""
                .to_owned(),
        ]
        .concat(),
    );
    let judgement = set.judge(&Message::with(&["Um BOLETO"]).facts());
    assert_eq!(ids(&judgement), ["watching", "recording", "first", "second"]);
    assert_eq!(judgement.deciding, [Some(2)]);
}

#[test]
fn a_rule_acts_inside_its_dates_and_at_its_doors() {
    let set = good(
        &[
            on("later", "boleto", "enforce", "tag", "starts = 2026-11-21T09:00:01-03:00"),
            on("from-now", "boleto", "enforce", "tag", "starts = 2026-11-21T09:00:00-03:00"),
            on("application", "boleto", "enforce", "tag", "scope = [\"application\", \"submission\"]"),
        ]
        .concat(),
    );
    let message = Message::with(&["boleto"]);
    assert_eq!(ids(&set.judge(&message.facts())), ["from-now"]);
    let application = Facts { scope: Scope::Application, ..message.facts() };
    assert_eq!(ids(&set.judge(&application)), ["from-now", "application"]);
    let next_year = Facts { now: now() + Duration::from_secs(50 * 86_400), ..message.facts() };
    assert_eq!(ids(&set.judge(&next_year)), Vec::<&str>::new());
    let standings: Vec<_> = set.try_out(&message.facts()).into_iter().map(|tried| tried.standing).collect();
    assert_eq!(
        standings,
        [Standing::NotYet("2026-11-21T09:00:01-03:00".to_owned()), Standing::Counts, Standing::OutOfScope]
    );
}

#[test]
fn any_subject_may_match_and_none_matches_nothing() {
    let set = good(&on("T-1", "boleto", "enforce", "reject", ""));
    let judgement = set.judge(&Message::with(&["ata", "boleto", "boleto"]).facts());
    assert_eq!((judgement.matches.len(), judgement.matches[0].subject), (1, 1));
    let nothing = Message::with(&[]);
    assert_eq!(set.judge(&nothing.facts()).deciding, [None]);
}

#[test]
fn excepted_words_spare_only_the_subject_that_holds_them() {
    let blocks = "[[rule.match]]\nall_words = [\"boleto\"]\n[rule.except]\nwords = [\"custas processuais\"]\n\
                  [[rule.example]]\nsubject = \"boleto\"\nexpect = \"match\"\n\
                  [[rule.example]]\nsubject = \"boleto das custas processuais\"\nexpect = \"no match\"";
    let set = good(&rule("T-1", "mode = \"enforce\"\naction.kind = \"quarantine\"", blocks));
    for (subjects, expected) in [
        (&["boleto das custas processuais"][..], 0),
        // Otherwise a second Subject would be a way round every rule that has an exception.
        (&["boleto", "custas processuais"], 1),
        (&["custas processuais e boleto", "boleto"], 1),
    ] {
        let message = Message::with(subjects);
        assert_eq!(set.judge(&message.facts()).matches.len(), expected, "{subjects:?}");
        let counts = set.try_out(&message.facts())[0].standing == Standing::Counts;
        assert_eq!(counts, expected == 1, "{subjects:?}");
    }
}

#[test]
fn an_excepted_recipient_is_spared_alone() {
    let blocks = "[[rule.match]]\nall_words = [\"boleto\"]\n[rule.except]\nrecipient = [\"suporte@tjpa.jus.br\"]\n\
                  [[rule.example]]\nsubject = \"boleto\"\nexpect = \"match\"\n\
                  [[rule.example]]\nsubject = \"boleto\"\nrecipient = \"noc@tjpa.jus.br\"\nexpect = \"no match\"";
    let first = rule("first", "mode = \"enforce\"\naction.kind = \"quarantine\"", blocks);
    let set = usable(&(first + &on("second", "boleto", "enforce", "reject", "")));
    let message = Message::with(&["boleto"]).to(&[
        ("a@tjpa.jus.br", false),
        ("noc@tjpa.jus.br", false),
        ("postmaster@tjpa.jus.br", true),
    ]);
    let judgement = set.judge(&message.facts());
    assert_eq!(judgement.matches[0].spared, [1, 2], "the always reachable one is spared by every rule");
    assert_eq!(judgement.matches[1].spared, [2]);
    assert_eq!(judgement.deciding, [Some(0), Some(1), None]);
}

#[test]
fn a_match_says_what_where_and_in_which_text() {
    let blocks = "[[rule.match]]\nphrase = \"nada\"\n[[rule.match]]\nall_words = [\"Cobrança\", \"boleto\"]\nany_words = [\"vencido\", \"urgente\"]\n\
                  [[rule.example]]\nsubject = \"nada\"\nexpect = \"match\"\n\
                  [[rule.example]]\nsubject = \"boleto cobrança urgente\"\nexpect = \"match\"\n\
                  [[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\"";
    let set = usable(&rule("T-1", "mode = \"enforce\"\naction.kind = \"quarantine\"", blocks));
    let judgement = set.judge(&Message::with(&["RES: Olá, boleto da COBRANÇA: urgente!"]).facts());
    let found = &judgement.matches[0];
    assert_eq!((found.block, found.pattern.as_str()), (2, "Cobrança, boleto + urgente"));
    assert_eq!(found.folded, "ola, boleto da cobranca: urgente!");
    assert_eq!(&found.folded[found.span.0..found.span.1], "boleto da cobranca: urgente");
}

#[test]
fn a_subject_beyond_the_cut_is_still_judged_by_its_beginning() {
    let set = good(&on("T-1", "boleto", "enforce", "reject", ""));
    let padding = "x ".repeat(MAX_FOLDED);
    for (subject, expected) in [(format!("boleto {padding}"), 1), (format!("{padding} boleto"), 0)] {
        let judgement = set.judge(&Message::with(&[&subject]).facts());
        assert_eq!(judgement.matches.len(), expected);
        assert!(judgement.matches.iter().all(|found| found.folded.ends_with('…')));
    }
}

#[test]
fn full_width_stars_in_a_subject_are_no_wildcards_and_escaped_ones_are_characters() {
    let blocks = "[[rule.match]]\nwildcard = '*ganhe \\*\\*\\* agora\\?*'\n\
                  [[rule.example]]\nsubject = \"Ganhe *** agora?\"\nexpect = \"match\"\n\
                  [[rule.example]]\nsubject = \"Ganhe muito agora\"\nexpect = \"no match\"";
    let set = good(&rule("T-1", "mode = \"enforce\"\naction.kind = \"tag\"", blocks));
    for (subject, expected) in [("ganhe ＊＊＊ agora？!", 1), ("ganhe abc agora?", 0), ("ganhe *** agorax", 0)] {
        assert_eq!(set.judge(&Message::with(&[subject]).facts()).matches.len(), expected, "{subject}");
    }
}
