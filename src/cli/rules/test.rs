//! `portaria rules test`: a subject as received, as decoded, as compared, and what each rule that finds something in it does.

use std::fmt::Write as _;

use serde_json::json;

use super::{Form, Shown, json_line, visible};
use crate::{
    cli::escape::with_carets,
    language::{Language, Text},
    message::subject::{Fold, Reading, Subject},
    policy::rule::{Action, Facts, Judgement, Mode, RuleMatch, RuleSet, Standing, Tried},
    text,
};

/// Says what the rules make of a message. Recipients may be left out: then the decision is that for a recipient whom nothing
/// spares. The exit code is 0 whatever matches.
pub fn test(set: &RuleSet, facts: &Facts<'_>, form: Form) -> Shown {
    let (judgement, tried) = (set.judge(facts), set.try_out(facts));
    let text = if form.json {
        as_json(facts, &judgement, &tried, form.language)
    } else {
        as_text(facts, &judgement, &tried, form.language)
    };
    Shown { text, exit_code: 0 }
}

/// The match that decides for a recipient whom nothing spares.
pub(super) fn decides(judgement: &Judgement) -> Option<&RuleMatch> {
    judgement.matches.iter().find(|found| found.mode == Mode::Enforce && found.action != Action::Observe)
}

fn as_text(facts: &Facts<'_>, judgement: &Judgement, tried: &[Tried], language: Language) -> String {
    let mut out: String = facts.subjects.iter().map(|subject| subject_as_text(subject, language)).collect();
    if facts.subjects.is_empty() {
        out.push_str(text!("no Subject: nothing matches\n", "sem Subject: nada casa\n").in_language(language));
    }
    out.extend(tried.iter().map(|tried| tried_as_text(tried, facts.subjects, language)));
    // A write to a String cannot fail.
    if facts.recipients.is_empty() {
        let _ = writeln!(out, "\n{}", decision(decides(judgement)).in_language(language));
        return out;
    }
    out.push('\n');
    for ((mailbox, _), deciding) in facts.recipients.iter().zip(&judgement.deciding) {
        let found = deciding.and_then(|at| judgement.matches.get(at));
        let _ = writeln!(out, "{}: {}", visible(&mailbox.0), decision(found).in_language(language));
    }
    out
}

fn subject_as_text(subject: &Subject, language: Language) -> String {
    let received = visible(&String::from_utf8_lossy(&subject.received));
    let decoded = visible(&subject.decoded);
    let (plain, alike) = readings(subject);
    let folded = visible(&plain);
    let lines = text!(
        "received:  {received}\ndecoded:   {decoded}\ncompared:  {folded}\n",
        "recebido:   {received}\ndecifrado:  {decoded}\ncomparado:  {folded}\n"
    );
    let mut lines = lines.in_language(language).to_owned();
    if let Some(alike) = alike.map(|alike| visible(&alike)) {
        let line = text!("and as:    {alike} (look-alike letters)\n", "e como:     {alike} (letras parecidas)\n");
        lines.push_str(line.in_language(language));
    }
    lines
}

/// A subject in both readings of the default fold; none where the second is the same.
fn readings(subject: &Subject) -> (String, Option<String>) {
    let fold = Fold::default();
    let plain = fold.subject(&subject.decoded);
    let alike = fold.lookalike_subject(&subject.decoded, &plain);
    (plain, alike)
}

fn tried_as_text(tried: &Tried, subjects: &[Subject], language: Language) -> String {
    let Tried { found, description, standing } = tried;
    let RuleMatch { rule, block, .. } = found;
    let (pattern, description) = (visible(&found.pattern), visible(description));
    let head =
        text!("{rule}: match block {block} holds: {pattern}", "{rule}: vale o bloco de match {block}: {pattern}");
    let consequence = consequence(found, standing);
    let [head, consequence] = [head, consequence].map(|text| text.in_language(language).to_owned());
    let picture = picture(found, subjects, language);
    format!("\n{head}\n  {description}\n{picture}  {consequence}\n")
}

/// The subject as decoded and as compared, with carets under what was found.
fn picture(found: &RuleMatch, subjects: &[Subject], language: Language) -> String {
    let decoded = subjects.get(found.subject).zip(found.decoded_span).map(|(subject, span)| (&subject.decoded, span));
    let compared = match found.reading {
        Reading::Plain => text!("compared:", "comparado:"),
        Reading::Lookalikes => text!("look-alikes:", "parecidas:"),
    };
    let rows = [(text!("decoded:", "decifrado:"), decoded), (compared, Some((&found.folded, found.span)))];
    let mut picture = String::new();
    for (label, text, (start, end)) in
        rows.into_iter().filter_map(|(label, row)| row.map(|(text, span)| (label, text, span)))
    {
        let label = format!("    {:12} ", label.in_language(language));
        let (shown, carets) = with_carets(text, start..end);
        // A write to a String cannot fail.
        let _ = writeln!(picture, "{label}{shown}\n{}{carets}", " ".repeat(label.chars().count()));
    }
    picture
}

fn consequence(found: &RuleMatch, standing: &Standing) -> Text {
    let Text { en, pt } = effect(found.action);
    let action = found.action.name();
    let acts = match standing {
        Standing::Counts if found.action == Action::Observe => text!("kind = observe: {en}", "kind = observe: {pt}"),
        Standing::Counts if found.mode == Mode::Enforce => text!("{action}: {en}", "{action}: {pt}"),
        Standing::Counts => text!(
            "mode = observe: only recorded; enforced it would be {en}",
            "mode = observe: só registrada; com enforce seria {pt}"
        ),
        Standing::Off => text!("without effect: mode = off", "sem efeito: mode = off"),
        Standing::NotYet(date) => text!("without effect: starts {date}", "sem efeito: começa em {date}"),
        Standing::Expired(date) => text!("without effect: ended {date}", "sem efeito: terminou em {date}"),
        Standing::OutOfScope => text!("without effect: another scope", "sem efeito: outro escopo (scope)"),
        Standing::Spared(line) => {
            let line = line.key();
            text!("without effect: spared by except.{line}", "sem efeito: isenta por except.{line}")
        }
    };
    match &found.reply {
        Some(reply) if *standing == Standing::Counts && matches!(found.action, Action::Quarantine | Action::Reject) => {
            Text { en: format!("{}\n  reply: {reply}", acts.en), pt: format!("{}\n  resposta: {reply}", acts.pt) }
        }
        _ => acts,
    }
}

fn effect(action: Action) -> Text {
    match action {
        Action::Observe => text!("only recorded", "só registrada"),
        Action::Tag => text!("relayed with an X-Portaria field", "entregue com um campo X-Portaria"),
        Action::Quarantine => text!("held in the quarantine", "retida na quarentena"),
        Action::Reject => text!("refused", "recusada"),
    }
}

pub(super) fn decision(found: Option<&RuleMatch>) -> Text {
    let Some(found) = found else { return text!("no rule acts", "nenhuma regra age") };
    let (Text { en, pt }, rule) = (effect(found.action), &found.rule);
    text!("{en}, by rule {rule}", "{pt}, pela regra {rule}")
}

fn as_json(facts: &Facts<'_>, judgement: &Judgement, tried: &[Tried], language: Language) -> String {
    let subjects: Vec<_> = facts
        .subjects
        .iter()
        .map(|subject| {
            let (folded, lookalikes) = readings(subject);
            json!({
                "received": String::from_utf8_lossy(&subject.received),
                "decoded": subject.decoded,
                "folded": folded,
                "lookalikes": lookalikes,
            })
        })
        .collect();
    let idle = tried.iter().filter(|tried| tried.standing != Standing::Counts);
    let without_effect: Vec<_> = idle
        .map(|Tried { found, standing, .. }| {
            json!({
                "rule": found.rule, "block": found.block, "span": found.span, "decoded_span": found.decoded_span,
                "reading": found.reading, "action": found.action,
                "why": consequence(found, standing).in_language(language),
            })
        })
        .collect();
    let deciding: Vec<_> = match judgement.deciding.as_slice() {
        [] => vec![decides(judgement).map(|found| &found.rule)],
        some => some.iter().map(|at| at.and_then(|at| judgement.matches.get(at)).map(|found| &found.rule)).collect(),
    };
    json_line(&json!({
        "subjects": subjects, "matches": judgement.matches, "without_effect": without_effect, "deciding": deciding,
    }))
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::UNIX_EPOCH};

    use super::*;
    use crate::{
        policy::{directory::MailboxKey, rule::Scope},
        smtp::path::ReversePath,
    };

    fn set() -> RuleSet {
        let rule = |id: &str, more: &str| {
            format!(
                "[[rule]]\nid = \"{id}\"\ndescription = \"Falso boleto\"\nowner = \"o\"\nticket = \"t\"\n{more}\n\
                 [[rule.match]]\nall_words = [\"Cobrança\", \"boleto\"]\n[rule.except]\nrecipient = [\"noc@a.example\"]\n\
                 [[rule.example]]\nsubject = \"boleto cobrança\"\nexpect = \"match\"\n\
                 [[rule.example]]\nsubject = \"boleto cobrança\"\nrecipient = \"noc@a.example\"\nexpect = \"no match\"\n"
            )
        };
        let source = rule("OFF", "mode = \"off\"\naction.kind = \"tag\"")
            + &rule(
                "HOLD",
                "mode = \"enforce\"\naction = { kind = \"quarantine\", reply = \"Retida ({rule}, {id})\" }",
            );
        let (set, faults) =
            RuleSet::read(&[("r.toml".into(), source)], &|address| Some(MailboxKey(address.to_owned())));
        assert_eq!(faults.render(Language::En), "");
        set
    }

    fn run(subjects: &[&str], recipients: &[&str], json: bool, language: Language) -> String {
        let subjects: Vec<_> = subjects.iter().map(|subject| Subject::new(subject.as_bytes())).collect();
        let recipients: Vec<_> = recipients.iter().map(|key| (MailboxKey((*key).to_owned()), false)).collect();
        let facts = Facts {
            subjects: &subjects,
            reverse_path: &ReversePath::Null,
            recipients: &recipients,
            list_ids: &[],
            client: IpAddr::from([192, 0, 2, 1]),
            scope: Scope::Relay,
            now: UNIX_EPOCH,
        };
        test(&set(), &facts, Form { json, language }).text
    }

    #[test]
    fn a_subject_is_shown_three_times_and_what_was_found_is_underlined() {
        let shown = run(&["RES: =?iso-8859-1?Q?O_boleto_da_Cobran=E7a?="], &[], false, Language::PtBr);
        let expected = "\
recebido:   RES: =?iso-8859-1?Q?O_boleto_da_Cobran=E7a?=
decifrado:  RES: O boleto da Cobrança
comparado:  o boleto da cobranca

OFF: vale o bloco de match 1: Cobrança, boleto
  Falso boleto
    decifrado:   RES: O boleto da Cobrança
                        ^^^^^^^^^^^^^^^^^^
    comparado:   o boleto da cobranca
                   ^^^^^^^^^^^^^^^^^^
  sem efeito: mode = off

HOLD: vale o bloco de match 1: Cobrança, boleto
  Falso boleto
    decifrado:   RES: O boleto da Cobrança
                        ^^^^^^^^^^^^^^^^^^
    comparado:   o boleto da cobranca
                   ^^^^^^^^^^^^^^^^^^
  quarantine: retida na quarentena
  resposta: Retida (HOLD, {id})

retida na quarentena, pela regra HOLD
";
        assert_eq!(shown, expected);
    }

    /// The carets stand under what the person sees: wide characters take two columns, accents none, an escape six.
    #[test]
    fn a_disguise_is_underlined_where_it_stands() {
        let shown = run(&["Re: 請求書 Вoleto\u{200b} de c\u{327}οbranc\u{327}a!"], &[], false, Language::En);
        let expected = "
compared:  請求書 вoleto de cοbranca!
and as:    請求書 boleto de cobranca! (look-alike letters)

OFF: match block 1 holds: Cobrança, boleto
  Falso boleto
    decoded:     Re: 請求書 Вoleto\\u{200b} de c\u{327}οbranc\u{327}a!
                            ^^^^^^^^^^^^^^^^^^^^^^^^^^
    look-alikes: 請求書 boleto de cobranca!
                        ^^^^^^^^^^^^^^^^^^
";
        assert!(shown.contains(expected), "{shown}");
        let json = run(&["O Вoleto, cobranc\u{327}a"], &[], true, Language::En);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let found = &value["matches"][0];
        assert_eq!(value["subjects"][0]["lookalikes"], "o boleto, cobranca");
        assert_eq!((&found["reading"], &found["folded"]), (&json!("lookalikes"), &json!("o boleto, cobranca")));
        assert_eq!((&found["span"], &found["decoded_span"]), (&json!([2, 18]), &json!([2, 21])));
    }

    #[test]
    fn each_recipient_gets_its_own_decision() {
        let shown = run(&["boleto de cobrança"], &["a@a.example", "noc@a.example"], false, Language::En);
        assert!(
            shown.ends_with("\na@a.example: held in the quarantine, by rule HOLD\nnoc@a.example: no rule acts\n"),
            "{shown}"
        );
    }

    #[test]
    fn what_matches_nothing_says_so() {
        assert!(run(&["ata"], &[], false, Language::En).ends_with("compared:  ata\n\nno rule acts\n"));
        assert!(run(&[], &[], false, Language::En).starts_with("no Subject: nothing matches\n"));
    }

    /// The subject of a message that somebody forwarded with "why did this pass?": as text and as JSON. U+009B is ESC and [ in one
    /// character, and no control to JSON.
    #[test]
    fn nothing_in_a_subject_acts_on_the_terminal() {
        let bad = "boleto cobran\u{e7}a \u{9b}2J\u{1b}[2J\u{202e}\u{3164}\u{7f}";
        for json in [false, true] {
            let shown = run(&[bad, "=?utf-8?q?boleto_cobran=C3=A7a_=C2=9B2J=E2=80=AE?="], &[bad], json, Language::En);
            assert!(shown.contains("u{9b}") || shown.contains("u009b"), "{shown}");
            let acting = shown.chars().find(|&c| c != '\n' && crate::language::acts_or_hides(c));
            assert_eq!(acting, None, "{shown}");
        }
    }

    #[test]
    fn json_has_the_keys_that_scripts_rely_on() {
        let shown = run(&["=?utf-8?q?Boleto_de_cobran=C3=A7a?="], &[], true, Language::En);
        assert_eq!(shown.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let subject = json!({
            "received": "=?utf-8?q?Boleto_de_cobran=C3=A7a?=", "decoded": "Boleto de cobrança", "folded": "boleto de cobranca",
            "lookalikes": null,
        });
        assert_eq!(value["subjects"], json!([subject]));
        let found = &value["matches"][0];
        assert_eq!(
            (&found["rule"], &found["block"], &found["span"], &found["action"]),
            (&json!("HOLD"), &json!(1), &json!([0, 18]), &json!("quarantine"))
        );
        assert_eq!((&found["reading"], &found["decoded_span"]), (&json!("plain"), &json!([0, 19])));
        assert_eq!(value["matches"].as_array().map(Vec::len), Some(1));
        assert_eq!(value["without_effect"][0]["rule"], "OFF");
        assert_eq!(value["deciding"], json!(["HOLD"]));
    }
}
